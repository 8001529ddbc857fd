//! What goes to the slots.

use super::{Answers, Leftover};
use crate::tlp::{Merge, Stage};
use peb_hdl::prelude::*;

/// Joins what goes to the slots into one stream: the host's requests, completions made here, posted and non-posted TLPs of sibling slots,
/// and control records.
///
/// TLPs to a slot that is down are dropped, records are not. A slot is `busy` while one of its TLPs is still here, so that nothing that was for one
/// life of its link reaches the next.
///
/// - Latency: a clock, TLPs of siblings 2, completions 4. Registered: whose turn it is, beats of siblings; the host's pass through.
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
    /// The host's TLP is bad.
    pub bad: Signal<In, Bit>,
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
    siblings: [Stage; 2],
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
        self.merge.session[0].next = self.session[0].val();
        self.merge.data[0].next = self.data[0].val();
        self.merge.half[0].next = self.half[0].val();
        self.merge.first[0].next = self.first[0].val();
        self.merge.last[0].next = self.last[0].val();
        self.merge.valid[0].next = self.valid[0].val();
        self.merge.class[0].next = self.class[0].val();
        self.merge.dwords[0].next = self.dwords[0].val();
        self.merge.bad[0].next = self.bad.val();
        self.merge.void[0].next = !self.slot_up.val().get_bit(self.session[0].val().index());
        self.ready[0].next = self.merge.ready[0].val();
        if self.valid[0].val() {
            self.held.next = self.held.val().replace_bit(self.session[0].val().index(), true);
        }
        for i in 0..2 {
            self.siblings[i].clock.next = self.clock.val();
            self.siblings[i].reset.next = self.reset.val();
            self.siblings[i].session.next = self.session[i + 1].val();
            self.siblings[i].data.next = self.data[i + 1].val();
            self.siblings[i].half.next = self.half[i + 1].val();
            self.siblings[i].first.next = self.first[i + 1].val();
            self.siblings[i].last.next = self.last[i + 1].val();
            self.siblings[i].valid.next = self.valid[i + 1].val();
            self.siblings[i].class.next = self.class[i + 1].val();
            self.siblings[i].dwords.next = self.dwords[i + 1].val();
            self.ready[i + 1].next = self.siblings[i].ready.val();
            self.merge.session[i + 1].next = self.siblings[i].out_session.val();
            self.merge.data[i + 1].next = self.siblings[i].out_data.val();
            self.merge.half[i + 1].next = self.siblings[i].out_half.val();
            self.merge.first[i + 1].next = self.siblings[i].out_first.val();
            self.merge.last[i + 1].next = self.siblings[i].out_last.val();
            self.merge.valid[i + 1].next = self.siblings[i].out_valid.val();
            self.merge.class[i + 1].next = self.siblings[i].out_class.val();
            self.merge.dwords[i + 1].next = self.siblings[i].out_dwords.val();
            self.merge.bad[i + 1].next = false;
            self.merge.void[i + 1].next = !self.slot_up.val().get_bit(self.siblings[i].out_session.val().index());
            self.siblings[i].out_ready.next = self.merge.ready[i + 1].val();
            self.held.next = self.held.val() | self.siblings[i].busy.val();
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
