//! The switch: all that a host PEB is beside its tunnel.

use super::{Answers, Downstream, ErrorLog, Interrupts, Leftover, ToSlots, Tracker, Unanswered, Upstream};
use crate::config::ConfigSpace;
use crate::rx::Output;
use crate::slots::HotPlug;
use crate::tlp::Merge;
use peb_config::Parameters;
use peb_hdl::prelude::*;

/// [`ConfigSpace`], [`Downstream`], [`Upstream`], [`Tracker`], [`Unanswered`], [`HotPlug`] and [`Output`], wired as one PCI Express switch with `SLOTS` slots.
///
/// - Latency, bad input, waiting: see the blocks. Only wires here, and the counters' events of several blocks together: two in the same clock
///   are counted one after the other.
/// - Reset forgets all; `host_down` all but the sessions and what slots are filled.
#[derive(Module)]
pub struct Switch<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// The host's link is down, or it resets: registers go back to reset values, nothing passes.
    pub host_down: Signal<In, Bit>,
    /// A clock earlier, the other way round.
    pub host_up: Signal<In, Bit>,
    /// Slots have power controller, indicators and button.
    pub full: Signal<In, Bit>,
    /// One clock a tick.
    pub tick: Signal<In, Bit>,
    /// See the registers of management.
    pub hello_ticks: Signal<In, U<24>>,
    pub track_ticks: Signal<In, U<24>>,
    /// For the Device Serial Number.
    pub own_mac: Signal<In, U<48>>,
    /// Sessions, one a slot; the control records that came from them.
    pub session_up: Signal<In, U<8>>,
    pub record_valid: Signal<In, Bit>,
    pub record: Signal<In, U<64>>,
    /// A session ends, see [`Output`].
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    pub flushing: Signal<Out, Bit>,
    /// TLPs from the host, checked by [`Framer`](crate::tlp::Framer).
    pub host_data: Signal<In, U<64>>,
    pub host_half: Signal<In, Bit>,
    pub host_first: Signal<In, Bit>,
    pub host_last: Signal<In, Bit>,
    pub host_valid: Signal<In, Bit>,
    pub host_class: Signal<In, U<2>>,
    pub host_dwords: Signal<In, U<10>>,
    pub host_bad: Signal<In, Bit>,
    /// One clock: a malformed one came.
    pub host_malformed: Signal<In, Bit>,
    pub host_ready: Signal<Out, Bit>,
    /// There is room for non-posted TLPs of the host.
    pub host_np_ok: Signal<Out, Bit>,
    /// TLPs from the slots, see [`RxPath`](crate::rx::RxPath).
    pub slot_valid: Signal<In, Bit>,
    pub slot_data: Signal<In, U<64>>,
    pub slot_half: Signal<In, Bit>,
    pub slot_first: Signal<In, Bit>,
    pub slot_last: Signal<In, Bit>,
    pub slot_header: Signal<In, W<128>>,
    pub slot_non_posted: Signal<In, Bit>,
    pub slot_session: Signal<In, U<3>>,
    pub slot_ready: Signal<Out, Bit>,
    /// One clock: a non-posted TLP of this session has left its place.
    pub np_delivered: Signal<Out, Bit>,
    pub np_session: Signal<Out, U<3>>,
    /// TLPs and control records to the slots.
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
    /// See [`Merge`].
    pub out_room: Signal<In, U<8>>,
    /// Bit per session: what waits for credit there is void.
    pub drop: Signal<Out, U<8>>,
    /// To the host.
    pub tdata: Signal<Out, U<64>>,
    pub tkeep: Signal<Out, U<8>>,
    pub tlast: Signal<Out, Bit>,
    pub tvalid: Signal<Out, Bit>,
    pub tready: Signal<In, Bit>,
    pub np_ok: Signal<In, Bit>,
    /// Bits of the slots: a device is there; its link is active.
    pub present: Signal<Out, U<8>>,
    pub link: Signal<Out, U<8>>,
    /// Events, one clock each, named as their counters.
    pub tlps_taken: Signal<Out, Bit>,
    pub tlps_delivered: Signal<Out, Bit>,
    pub unsupported: Signal<Out, Bit>,
    pub made_up: Signal<Out, Bit>,
    pub posted_dropped: Signal<Out, Bit>,
    pub source_refused: Signal<Out, Bit>,
    pub master_off: Signal<Out, Bit>,
    pub unexpected: Signal<Out, Bit>,

    space: ConfigSpace<SLOTS>,
    downstream: Downstream<SLOTS>,
    upstream: Upstream<SLOTS>,
    tracker: Tracker,
    unanswered: Unanswered,
    interrupts: Interrupts,
    errors: ErrorLog<SLOTS>,
    hot_plug: HotPlug<SLOTS>,
    /// Completions made here, to the host.
    to_host: Answers,
    to_slots: ToSlots,
    /// Non-posted TLPs in `queues`.
    left: Leftover,
    /// What goes to the host from here: completions; INTx, PME_TO_Ack and ERR_*; MSI.
    local: Merge<3>,
    queues: Output,
    internal_bus: Reg<U<8>>,
    /// Clocks for which the host's link counts as down longer than it is.
    ebb: Reg<U<3>>,
    may_np: Reg<Bit>,
    /// Events that wait: unsupported, posted_dropped, unexpected.
    late_unsupported: Reg<Bit>,
    late_dropped: Reg<U<3>>,
    late_unexpected: Reg<Bit>,
    drops: Signal<Local, U<3>>,
    _activity: Activity,
}

impl<const SLOTS: usize> Switch<SLOTS> {
    /// A switch with these parameters of its configuration space.
    pub fn new(parameters: &Parameters) -> Self {
        Switch { space: ConfigSpace::new(parameters), ..Self::blank() }
    }
}

impl<const SLOTS: usize> Logic for Switch<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, internal_bus, may_np, late_unsupported, late_dropped, late_unexpected, ebb);
        clock!(
            self, clock, space, downstream, upstream, tracker, unanswered, interrupts, errors, hot_plug, to_host,
            to_slots, left, local, queues
        );
        self.space.reset.next = self.reset.val();
        self.downstream.reset.next = self.reset.val();
        self.upstream.reset.next = self.reset.val();
        self.tracker.reset.next = self.reset.val();
        self.unanswered.reset.next = self.reset.val();
        self.interrupts.reset.next = self.reset.val();
        self.errors.reset.next = self.reset.val();
        self.hot_plug.reset.next = self.reset.val();
        self.to_host.reset.next = self.reset.val();
        self.to_slots.reset.next = self.reset.val();
        self.left.reset.next = self.reset.val();
        self.local.reset.next = self.reset.val();
        self.queues.reset.next = self.reset.val();

        // The registers of the ports, and who has copies of them.
        self.space.own_mac.next = self.own_mac.val();
        self.space.restart.next = self.host_down.val();
        self.space.request.next = self.downstream.config_request.val();
        self.space.request_port.next = self.downstream.config_port.val();
        self.space.request_write.next = self.downstream.config_write.val();
        self.space.request_register.next = self.downstream.config_register.val();
        self.space.request_enables.next = self.downstream.config_enables.val();
        self.space.request_data.next = self.downstream.config_data.val();
        self.downstream.config_done.next = self.space.done.val();
        self.downstream.config_answer.next = self.space.answer.val();
        self.space.present.next = self.hot_plug.present.val();
        self.space.link.next = self.hot_plug.link.val();
        self.space.own_intx.next = self.hot_plug.own_intx.val();
        self.space.set_valid.next = self.hot_plug.set_valid.val();
        self.space.set_port.next = self.hot_plug.set_port.val();
        self.space.set_row.next = self.hot_plug.set_row.val();
        self.space.set_bits.next = self.hot_plug.set_bits.val();
        self.hot_plug.set_ready.next = self.space.set_ready.val();
        self.space.fault_valid.next = self.errors.set_valid.val();
        self.space.fault_port.next = self.errors.set_port.val();
        self.space.fault_row.next = self.errors.set_row.val();
        self.space.fault_bits.next = self.errors.set_bits.val();
        self.errors.set_ready.next = self.space.fault_ready.val();
        self.downstream.update.next = self.space.update.val();
        self.downstream.update_port.next = self.space.update_port.val();
        self.downstream.update_row.next = self.space.update_row.val();
        self.downstream.update_value.next = self.space.update_value.val();
        self.upstream.update.next = self.space.update.val();
        self.upstream.update_port.next = self.space.update_port.val();
        self.upstream.update_row.next = self.space.update_row.val();
        self.upstream.update_value.next = self.space.update_value.val();
        self.errors.update.next = self.space.update.val();
        self.errors.update_port.next = self.space.update_port.val();
        self.errors.update_row.next = self.space.update_row.val();
        self.errors.update_value.next = self.space.update_value.val();
        self.hot_plug.update.next = self.space.update.val();
        self.hot_plug.update_port.next = self.space.update_port.val();
        self.hot_plug.update_row.next = self.space.update_row.val();
        self.hot_plug.update_value.next = self.space.update_value.val();
        self.hot_plug.update_software.next = self.space.update_software.val();
        self.hot_plug.update_enables.next = self.space.update_enables.val();
        if self.space.update.val() && (self.space.update_port.val() == 0) && (self.space.update_row.val() == 2) {
            self.internal_bus.d.next = self.space.update_value.val().get_bits::<8>(8);
        }

        // Slots.
        self.hot_plug.full.next = self.full.val();
        self.hot_plug.tick.next = self.tick.val();
        self.hot_plug.hello_ticks.next = self.hello_ticks.val();
        self.hot_plug.host_down.next = self.host_down.val();
        self.hot_plug.session_up.next = self.session_up.val();
        self.hot_plug.record_valid.next = self.record_valid.val();
        self.hot_plug.record.next = self.record.val();
        self.hot_plug.record_session.next = self.slot_session.val();
        self.hot_plug.upstream_bus.next = self.internal_bus.q.val();
        self.hot_plug.tracker_busy.next =
            self.tracker.busy.val() | self.unanswered.busy.val() | self.to_slots.busy.val() | self.left.busy.val();
        self.drop.next = self.hot_plug.lost.val();
        self.present.next = self.hot_plug.present.val();
        self.link.next = self.hot_plug.link.val();
        self.downstream.slot_up.next = self.hot_plug.slot_up.val();
        self.upstream.slot_up.next = self.hot_plug.slot_up.val();
        self.upstream.upstream_id.next = self.downstream.upstream_id.val();

        // From the host.
        self.downstream.clear.next = self.host_down.val();
        self.downstream.data.next = self.host_data.val();
        self.downstream.half.next = self.host_half.val();
        self.downstream.first.next = self.host_first.val();
        self.downstream.last.next = self.host_last.val();
        self.downstream.valid.next = self.host_valid.val();
        self.downstream.class.next = self.host_class.val();
        self.downstream.dwords.next = self.host_dwords.val();
        self.downstream.bad.next = self.host_bad.val();
        self.host_ready.next = self.downstream.ready.val();
        self.may_np.d.next = self.tracker.room.val() && self.to_host.room.val();
        self.host_np_ok.next = self.may_np.q.val();

        // Outstanding requests. Those of the host go first.
        self.tracker.tick.next = self.tick.val();
        self.tracker.track_ticks.next = self.track_ticks.val();
        self.tracker.clear.next = self.host_down.val();
        self.tracker.upstream_bus.next = self.internal_bus.q.val();
        self.tracker.lost.next = self.hot_plug.lost.val();
        self.tracker.insert_valid.next = self.downstream.insert_valid.val() || self.upstream.insert_valid.val();
        self.downstream.insert_ready.next = self.tracker.insert_ready.val();
        self.upstream.insert_ready.next = self.tracker.insert_ready.val() && !self.downstream.insert_valid.val();
        if self.downstream.insert_valid.val() {
            self.tracker.insert_slot.next = self.downstream.insert_slot.val();
            self.tracker.insert_from.next = self.downstream.insert_from.val();
            self.tracker.insert_requester.next = self.downstream.insert_requester.val();
            self.tracker.insert_tag.next = self.downstream.insert_tag.val();
            self.tracker.insert_tc.next = self.downstream.insert_tc.val();
            self.tracker.insert_attr.next = self.downstream.insert_attr.val();
            self.tracker.insert_bytes.next = self.downstream.insert_bytes.val();
            self.tracker.insert_lower.next = self.downstream.insert_lower.val();
        } else {
            self.tracker.insert_slot.next = self.upstream.insert_slot.val();
            self.tracker.insert_from.next = self.upstream.insert_from.val();
            self.tracker.insert_requester.next = self.upstream.insert_requester.val();
            self.tracker.insert_tag.next = self.upstream.insert_tag.val();
            self.tracker.insert_tc.next = self.upstream.insert_tc.val();
            self.tracker.insert_attr.next = self.upstream.insert_attr.val();
            self.tracker.insert_bytes.next = self.upstream.insert_bytes.val();
            self.tracker.insert_lower.next = self.upstream.insert_lower.val();
        }
        self.tracker.lookup_valid.next = self.upstream.lookup_valid.val();
        self.tracker.lookup_slot.next = self.upstream.lookup_slot.val();
        self.tracker.lookup_requester.next = self.upstream.lookup_requester.val();
        self.tracker.lookup_tag.next = self.upstream.lookup_tag.val();
        self.tracker.lookup_ends.next = self.upstream.lookup_ends.val();
        self.tracker.lookup_bytes.next = self.upstream.lookup_bytes.val();
        self.tracker.lookup_lower.next = self.upstream.lookup_lower.val();
        self.upstream.lookup_ready.next = self.tracker.lookup_ready.val();
        self.upstream.found_valid.next = self.tracker.found_valid.val();
        self.upstream.found.next = self.tracker.found.val();
        self.upstream.found_from.next = self.tracker.found_from.val();

        // The slots' own.
        self.unanswered.tick.next = self.tick.val();
        self.unanswered.track_ticks.next = self.track_ticks.val();
        self.unanswered.clear.next = self.host_down.val();
        self.unanswered.sent.next = self.queues.np_sent.val();
        self.unanswered.sent_slot.next = self.queues.np_session.val();
        self.unanswered.completed.next = self.downstream.completed.val();
        self.unanswered.completed_slot.next = self.downstream.completed_slot.val();
        self.unanswered.lost.next = self.hot_plug.lost.val();

        // Completions made here.
        self.to_host.clear.next = self.host_down.val();
        self.to_host.a.next = self.downstream.answer.val();
        self.to_host.a_to.next = 0.into();
        self.to_host.a_valid.next = self.downstream.answer_valid.val();
        self.downstream.answer_ready.next = self.to_host.a_ready.val();
        self.to_host.b.next = self.tracker.made.val();
        self.to_host.b_to.next = 0.into();
        self.to_host.b_valid.next = self.tracker.made_valid.val() && !self.tracker.made_to.val().any();
        self.to_slots.a.next = self.upstream.refuse.val();
        self.to_slots.a_to.next = self.upstream.refuse_to.val();
        self.to_slots.a_valid.next = self.upstream.refuse_valid.val();
        self.upstream.refuse_ready.next = self.to_slots.a_ready.val();
        self.upstream.refuse_room.next = self.to_slots.answer_room.val();
        self.to_slots.b.next = self.tracker.made.val();
        self.to_slots.b_to.next = self.tracker.made_to.val();
        self.to_slots.b_valid.next = self.tracker.made_valid.val() && self.tracker.made_to.val().any();
        self.tracker.made_ready.next = (self.to_host.b_ready.val() && !self.tracker.made_to.val().any())
            || (self.to_slots.b_ready.val() && self.tracker.made_to.val().any());

        // INTx and PME_TO_Ack.
        self.interrupts.clear.next = self.host_down.val();
        self.interrupts.tick.next = self.tick.val();
        self.interrupts.own.next = self.hot_plug.own_intx.val();
        self.interrupts.lost.next = self.hot_plug.lost.val();
        self.interrupts.slot_up.next = self.hot_plug.slot_up.val();
        self.interrupts.upstream_id.next = self.downstream.upstream_id.val();
        self.interrupts.turn_off.next = self.downstream.turn_off.val();
        self.interrupts.message_valid.next = self.upstream.intx_valid.val();
        self.interrupts.message_slot.next = self.upstream.intx_slot.val();
        self.interrupts.message_pin.next = self.upstream.intx_pin.val();
        self.interrupts.message_assert.next = self.upstream.intx_assert.val();
        self.interrupts.ack_valid.next = self.upstream.ack_valid.val();
        self.interrupts.ack_slot.next = self.upstream.ack_slot.val();

        // Errors and the power limit.
        self.errors.clear.next = self.host_down.val();
        self.errors.above.next = self.downstream.errors.val();
        self.errors.above_port.next = self.downstream.error_port.val();
        self.errors.below.next = self.upstream.errors.val();
        self.errors.below_slot.next = self.upstream.error_slot.val();
        self.errors.malformed.next = self.host_malformed.val();
        self.errors.limit_valid.next = self.downstream.power_limit_valid.val();
        self.errors.limit.next = self.downstream.power_limit.val();
        self.errors.upstream_id.next = self.downstream.upstream_id.val();
        self.errors.internal_bus.next = self.internal_bus.q.val();
        self.interrupts.error_valid.next = self.errors.message_valid.val();
        self.interrupts.error_code.next = self.errors.message_code.val();
        self.interrupts.error_id.next = self.errors.message_id.val();
        self.errors.message_taken.next = self.interrupts.error_taken.val();

        // From the slots.
        self.upstream.valid.next = self.slot_valid.val();
        self.upstream.data.next = self.slot_data.val();
        self.upstream.half.next = self.slot_half.val();
        self.upstream.first.next = self.slot_first.val();
        self.upstream.last.next = self.slot_last.val();
        self.upstream.header.next = self.slot_header.val();
        self.upstream.non_posted.next = self.slot_non_posted.val();
        self.upstream.session.next = self.slot_session.val();
        self.slot_ready.next = self.upstream.ready.val();
        self.queues.valid.next = self.upstream.out_valid.val();
        self.queues.data.next = self.upstream.out_data.val();
        self.queues.half.next = self.upstream.out_half.val();
        self.queues.last.next = self.upstream.out_last.val();
        self.queues.non_posted.next = self.upstream.out_non_posted.val();
        self.queues.session.next = self.upstream.out_session.val();
        self.upstream.out_ready.next = self.queues.ready.val();
        self.upstream.np_head.next = self.queues.np_head.val();
        self.upstream.np_owner.next = self.queues.np_owner.val();
        self.upstream.np_header.next = self.queues.np_header.val();
        self.queues.np_verdict.next = self.upstream.np_verdict.val();
        // What slots have sent may still come in the clocks that their links take to fall; no answer to the new host comes so soon.
        if !self.host_up.val() {
            self.ebb.d.next = 7.into();
        } else if self.ebb.q.val().any() {
            self.ebb.d.next = self.ebb.q.val() - 1;
        }
        self.queues.purge.next = false;
        self.queues.down.next = !self.host_up.val() || self.ebb.q.val().any();
        self.left.came.next = self.upstream.out_valid.val()
            && self.upstream.out_non_posted.val()
            && self.upstream.out_last.val()
            && self.queues.ready.val();
        self.left.slot.next = self.upstream.out_session.val();
        self.left.went.next = self.queues.np_gone.val();
        self.left.slot_up.next = self.hot_plug.slot_up.val();
        self.queues.flush.next = self.flush.val();
        self.queues.flush_session.next = self.flush_session.val();
        self.flushing.next = self.queues.flushing.val();
        self.np_delivered.next = self.queues.np_delivered.val();
        self.np_session.next = self.queues.np_session.val();
        self.queues.tready.next = self.tready.val();
        self.queues.np_ok.next = self.np_ok.val();
        self.tdata.next = self.queues.tdata.val();
        self.tkeep.next = self.queues.tkeep.val();
        self.tlast.next = self.queues.tlast.val();
        self.tvalid.next = self.queues.tvalid.val();

        // What goes to the host from here.
        for i in 0..3 {
            self.local.session[i].next = 0.into();
            self.local.bad[i].next = false;
            self.local.void[i].next = false;
        }
        self.local.room.next = 255.into();
        self.local.data[0].next = self.to_host.data.val();
        self.local.half[0].next = self.to_host.half.val();
        self.local.first[0].next = self.to_host.first.val();
        self.local.last[0].next = self.to_host.last.val();
        self.local.valid[0].next = self.to_host.valid.val();
        self.local.class[0].next = self.to_host.class.val();
        self.local.dwords[0].next = self.to_host.dwords.val();
        self.to_host.ready.next = self.local.ready[0].val();
        self.local.data[1].next = self.interrupts.data.val();
        self.local.half[1].next = self.interrupts.half.val();
        self.local.first[1].next = self.interrupts.first.val();
        self.local.last[1].next = self.interrupts.last.val();
        self.local.valid[1].next = self.interrupts.valid.val();
        self.local.class[1].next = self.interrupts.class.val();
        self.local.dwords[1].next = self.interrupts.dwords.val();
        self.interrupts.ready.next = self.local.ready[1].val();
        self.local.data[2].next = self.hot_plug.msi_data.val();
        self.local.half[2].next = self.hot_plug.msi_half.val();
        self.local.first[2].next = self.hot_plug.msi_first.val();
        self.local.last[2].next = self.hot_plug.msi_last.val();
        self.local.valid[2].next = self.hot_plug.msi_valid.val();
        self.local.class[2].next = self.hot_plug.msi_class.val();
        self.local.dwords[2].next = self.hot_plug.msi_dwords.val();
        self.hot_plug.msi_ready.next = self.local.ready[2].val();
        self.queues.local_data.next = self.local.out_data.val();
        self.queues.local_half.next = self.local.out_half.val();
        self.queues.local_last.next = self.local.out_last.val();
        self.queues.local_valid.next = self.local.out_valid.val();
        self.local.out_ready.next = self.queues.local_ready.val();

        // What goes to the slots.
        self.to_slots.slot_up.next = self.hot_plug.slot_up.val();
        self.to_slots.room.next = self.out_room.val();
        self.to_slots.session[0].next = self.downstream.out_session.val();
        self.to_slots.data[0].next = self.downstream.out_data.val();
        self.to_slots.half[0].next = self.downstream.out_half.val();
        self.to_slots.first[0].next = self.downstream.out_first.val();
        self.to_slots.last[0].next = self.downstream.out_last.val();
        self.to_slots.valid[0].next = self.downstream.out_valid.val();
        self.to_slots.class[0].next = self.downstream.out_class.val();
        self.to_slots.dwords[0].next = self.downstream.out_dwords.val();
        self.to_slots.bad.next = self.downstream.out_bad.val();
        self.downstream.out_ready.next = self.to_slots.ready[0].val();
        self.to_slots.session[1].next = self.upstream.divert_session.val();
        self.to_slots.data[1].next = self.upstream.divert_data.val();
        self.to_slots.half[1].next = self.upstream.divert_half.val();
        self.to_slots.first[1].next = self.upstream.divert_first.val();
        self.to_slots.last[1].next = self.upstream.divert_last.val();
        self.to_slots.valid[1].next = self.upstream.divert_valid.val();
        self.to_slots.class[1].next = self.upstream.divert_class.val();
        self.to_slots.dwords[1].next = self.upstream.divert_dwords.val();
        self.upstream.divert_ready.next = self.to_slots.ready[1].val();
        self.to_slots.session[2].next = self.upstream.np_target.val();
        self.to_slots.data[2].next = self.queues.divert_data.val();
        self.to_slots.half[2].next = self.queues.divert_half.val();
        self.to_slots.first[2].next = self.queues.divert_first.val();
        self.to_slots.last[2].next = self.queues.divert_last.val();
        self.to_slots.valid[2].next = self.queues.divert_valid.val();
        self.to_slots.class[2].next = bits::<2>(1);
        self.to_slots.dwords[2].next = self.upstream.np_dwords.val();
        self.queues.divert_ready.next = self.to_slots.ready[2].val();
        self.to_slots.record.next = self.hot_plug.record_out.val();
        self.to_slots.record_session.next = self.hot_plug.record_out_session.val();
        self.to_slots.record_valid.next = self.hot_plug.record_out_valid.val();
        self.hot_plug.record_out_ready.next = self.to_slots.record_ready.val();
        self.out_session.next = self.to_slots.out_session.val();
        self.out_data.next = self.to_slots.out_data.val();
        self.out_half.next = self.to_slots.out_half.val();
        self.out_first.next = self.to_slots.out_first.val();
        self.out_last.next = self.to_slots.out_last.val();
        self.out_valid.next = self.to_slots.out_valid.val();
        self.out_class.next = self.to_slots.out_class.val();
        self.out_dwords.next = self.to_slots.out_dwords.val();
        self.out_bad.next = self.to_slots.out_bad.val();
        self.to_slots.out_ready.next = self.out_ready.val();

        // Counters.
        self.tlps_taken.next = self.downstream.out_valid.val()
            && self.downstream.out_last.val()
            && !self.downstream.out_bad.val()
            && self.to_slots.ready[0].val()
            && self.to_slots.out_valid.val();
        self.tlps_delivered.next = self.queues.delivered.val();
        self.made_up.next = self.tracker.made_up.val();
        self.source_refused.next = self.upstream.source_refused.val();
        self.master_off.next = self.upstream.master_off.val();
        self.unsupported.next =
            self.downstream.unsupported.val() || self.upstream.unsupported.val() || self.late_unsupported.q.val();
        self.drops.next = self.late_dropped.q.val();
        if self.downstream.posted_dropped.val() {
            self.drops.next = self.drops.val() + 1;
        }
        if self.upstream.posted_dropped.val() {
            self.drops.next = self.drops.val() + 1;
        }
        if self.to_slots.dropped.val() {
            self.drops.next = self.drops.val() + 1;
        }
        self.posted_dropped.next = self.drops.val().any();
        self.late_dropped.d.next = 0.into();
        if self.drops.val().any() {
            self.late_dropped.d.next = self.drops.val() - 1;
        }
        self.unexpected.next =
            self.downstream.unexpected.val() || self.upstream.unexpected.val() || self.late_unexpected.q.val();
        self.late_unsupported.d.next = self.downstream.unsupported.val() && self.upstream.unsupported.val();
        self.late_unexpected.d.next = self.downstream.unexpected.val() && self.upstream.unexpected.val();
        if self.reset.val() {
            self.internal_bus.d.next = 0.into();
            self.may_np.d.next = false;
            self.late_unsupported.d.next = false;
            self.late_dropped.d.next = 0.into();
            self.late_unexpected.d.next = false;
            self.ebb.d.next = 0.into();
        }
    }
}
