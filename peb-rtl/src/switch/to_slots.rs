//! What goes to the slots.

use super::{Answers, Leftover};
use crate::tlp::Merge;
use peb_hdl::prelude::*;

/// Joins what goes to the slots into one stream: the host's requests, completions made here, posted and non-posted TLPs of sibling slots,
/// and control records.
///
/// TLPs to a slot that is down are dropped, records are not. A slot is `busy` while one of its TLPs is still here, so that nothing that was for one
/// life of its link reaches the next.
///
/// - Latency: a clock, completions 4. Registered: whose turn it is; the beats pass through.
/// - Reset: empty. Waits for `out_ready`, and with a posted TLP or completion for `room`.
#[derive(Module, Default)]
pub struct ToSlots {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub slot_up: Signal<In, U<8>>,
    pub busy: Signal<Out, U<8>>,
    /// Slots whose sessions can be given a posted TLP or completion now.
    pub room: Signal<In, U<8>>,
    /// TLPs of the host, of sibling slots posted and non-posted; `session`, `class` and `dwords` are steady over a TLP.
    pub session: [Signal<In, U<3>>; 3],
    pub data: [Signal<In, U<64>>; 3],
    pub half: [Signal<In, Bit>; 3],
    pub first: [Signal<In, Bit>; 3],
    pub last: [Signal<In, Bit>; 3],
    pub valid: [Signal<In, Bit>; 3],
    pub class: [Signal<In, U<2>>; 3],
    pub dwords: [Signal<In, U<10>>; 3],
    pub bad: [Signal<In, Bit>; 3],
    pub ready: [Signal<Out, Bit>; 3],
    /// Completions to slot `to` - 1, as in [`Answers`].
    pub a: Signal<In, W<103>>,
    pub a_to: Signal<In, U<4>>,
    pub a_valid: Signal<In, Bit>,
    pub a_ready: Signal<Out, Bit>,
    pub b: Signal<In, W<103>>,
    pub b_to: Signal<In, U<4>>,
    pub b_valid: Signal<In, Bit>,
    pub b_ready: Signal<Out, Bit>,
    /// There is room for eight completions.
    pub answer_room: Signal<Out, Bit>,
    pub record: Signal<In, U<64>>,
    pub record_session: Signal<In, U<3>>,
    pub record_valid: Signal<In, Bit>,
    pub record_ready: Signal<Out, Bit>,
    pub out_session: Signal<Out, U<3>>,
    pub out_data: Signal<Out, U<64>>,
    pub out_half: Signal<Out, Bit>,
    pub out_first: Signal<Out, Bit>,
    pub out_last: Signal<Out, Bit>,
    pub out_valid: Signal<Out, Bit>,
    pub out_class: Signal<Out, U<2>>,
    pub out_dwords: Signal<Out, U<10>>,
    pub out_bad: Signal<Out, Bit>,
    pub out_ready: Signal<In, Bit>,
    /// One clock: a posted TLP was dropped because its slot is down.
    pub dropped: Signal<Out, Bit>,
    answers: Answers,
    left: Leftover,
    /// 0 to 2 as they come in, 3 completions, 4 records.
    merge: Merge<5>,
    answer_slot: Signal<Local, U<4>>,
    came_to: Signal<Local, U<4>>,
    held: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Logic for ToSlots {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, answers, left, merge);
        self.answers.reset.next = self.reset.val();
        self.left.reset.next = self.reset.val();
        self.merge.reset.next = self.reset.val();
        self.merge.room.next = self.room.val();
        self.held.next = self.left.busy.val();
        for i in 0..3 {
            self.merge.session[i].next = self.session[i].val();
            self.merge.data[i].next = self.data[i].val();
            self.merge.half[i].next = self.half[i].val();
            self.merge.first[i].next = self.first[i].val();
            self.merge.last[i].next = self.last[i].val();
            self.merge.valid[i].next = self.valid[i].val();
            self.merge.class[i].next = self.class[i].val();
            self.merge.dwords[i].next = self.dwords[i].val();
            self.merge.bad[i].next = self.bad[i].val();
            self.merge.void[i].next = !self.slot_up.val().get_bit(self.session[i].val().index());
            self.ready[i].next = self.merge.ready[i].val();
            if self.valid[i].val() {
                self.held.next = self.held.val().replace_bit(self.session[i].val().index(), true);
            }
        }
        self.busy.next = self.held.val();

        // Completions.
        self.answers.clear.next = false;
        self.answers.a.next = self.a.val();
        self.answers.a_to.next = self.a_to.val();
        self.answers.a_valid.next = self.a_valid.val();
        self.a_ready.next = self.answers.a_ready.val();
        self.answers.b.next = self.b.val();
        self.answers.b_to.next = self.b_to.val();
        self.answers.b_valid.next = self.b_valid.val();
        self.b_ready.next = self.answers.b_ready.val();
        self.answer_room.next = self.answers.room.val();
        self.answer_slot.next = self.answers.out_to.val() - 1;
        self.merge.session[3].next = self.answer_slot.val().get_bits::<3>(0);
        self.merge.data[3].next = self.answers.data.val();
        self.merge.half[3].next = self.answers.half.val();
        self.merge.first[3].next = self.answers.first.val();
        self.merge.last[3].next = self.answers.last.val();
        self.merge.valid[3].next = self.answers.valid.val();
        self.merge.class[3].next = self.answers.class.val();
        self.merge.dwords[3].next = self.answers.dwords.val();
        self.merge.bad[3].next = false;
        self.merge.void[3].next = !self.slot_up.val().get_bit(self.answer_slot.val().get_bits::<3>(0).index());
        self.answers.ready.next = self.merge.ready[3].val();
        self.came_to.next = self.a_to.val() - 1;
        if self.b_valid.val() && self.answers.b_ready.val() {
            self.came_to.next = self.b_to.val() - 1;
        }
        self.left.came.next =
            (self.a_valid.val() && self.answers.a_ready.val()) || (self.b_valid.val() && self.answers.b_ready.val());
        self.left.slot.next = self.came_to.val().get_bits::<3>(0);
        self.left.went.next = self.answers.valid.val() && self.answers.last.val() && self.merge.ready[3].val();
        self.left.slot_up.next = self.slot_up.val();

        // Records.
        self.merge.session[4].next = self.record_session.val();
        self.merge.data[4].next = self.record.val();
        self.merge.valid[4].next = self.record_valid.val();
        self.merge.half[4].next = false;
        self.merge.first[4].next = true;
        self.merge.last[4].next = true;
        self.merge.class[4].next = bits::<2>(0);
        self.merge.dwords[4].next = 2.into();
        self.merge.bad[4].next = false;
        self.merge.void[4].next = false;
        self.record_ready.next = self.merge.ready[4].val();

        self.out_session.next = self.merge.out_session.val();
        self.out_data.next = self.merge.out_data.val();
        self.out_half.next = self.merge.out_half.val();
        self.out_first.next = self.merge.out_first.val();
        self.out_last.next = self.merge.out_last.val();
        self.out_valid.next = self.merge.out_valid.val();
        self.out_class.next = self.merge.out_class.val();
        self.out_dwords.next = self.merge.out_dwords.val();
        self.out_bad.next = self.merge.out_bad.val();
        self.merge.out_ready.next = self.out_ready.val();
        self.dropped.next = self.merge.dropped.val();
    }
}
