//! Decides what the Sender sends: new frames, lost ones, acknowledgements, control frames.
//!
//! [`Scheduler`] visits the sessions and offers commands; [`SlotPool`] knows the slots; [`AckScan`] works on what the
//! peers acknowledge; [`RttEstimator`] feeds [`RetransmitTimer`] and [`DelayWindow`].
//!
//! Latency: `ack_due` to `cmd_valid` at most three clocks with one session, `open_ready` four; `accept` to `tx_done` at
//! most 63. Throughput: a command a frame; the next is ready before the present one ends. Bad input: see [`AckScan`].
//! Reset clears all; commands begin `SESSIONS` clocks later. Waits for the Sender, and a flush for the end of a frame
//! of that session on the wire; the Sender always ends.

use super::{AckScan, DelayWindow, RetransmitTimer, RttEstimator, Scheduler, SlotPool};
use peb_hdl::prelude::*;

/// See the module's documentation. Use [`TxControl::new`]; `SESSIONS` is 1 to 8.
#[derive(Module, Default)]
pub struct TxControl<const SESSIONS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Time in units of 8 clocks.
    pub now: Signal<In, U<24>>,
    /// Time in ticks.
    pub ticks: Signal<In, U<24>>,
    /// DOWN_TICKS; a retransmission timeout is at most 1/8 of it.
    pub down_ticks: Signal<In, U<24>>,
    /// Delay above its minimum at which the window shrinks, in units of 8 clocks (750: 48 us).
    pub queue_limit: Signal<In, U<16>>,
    /// Bit per session: it is up.
    pub session_up: Signal<In, U<8>>,
    /// Drop everything of `flush_session`; held until `flush_done` and longer.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    pub flush_done: Signal<Out, Bit>,
    /// A DATA-kind frame of `accept_session` with the header fields below; held until `tx_done` and longer.
    pub accept: Signal<In, Bit>,
    pub accept_session: Signal<In, U<3>>,
    pub flags: Signal<In, U<8>>,
    pub ack: Signal<In, U<16>>,
    pub sack: Signal<In, U<32>>,
    pub window: Signal<In, U<8>>,
    pub np_limit: Signal<In, U<8>>,
    pub ts_echo: Signal<In, U<24>>,
    pub tx_done: Signal<Out, Bit>,
    /// Control frame to send.
    pub ctl_valid: Signal<In, Bit>,
    pub ctl_ready: Signal<Out, Bit>,
    pub ctl_kind: Signal<In, U<4>>,
    pub ctl_dst: Signal<In, U<48>>,
    pub ctl_src_epoch: Signal<In, U<16>>,
    pub ctl_dst_epoch: Signal<In, U<16>>,
    pub ctl_index: Signal<In, U<8>>,
    pub ctl_flags: Signal<In, U<8>>,
    pub ctl_arg: Signal<In, U<32>>,
    /// Bit per session: it owes an acknowledgement; a keep-alive.
    pub ack_due: Signal<In, U<8>>,
    pub keepalive: Signal<In, U<8>>,
    /// A DATA-kind frame of `keepalive_session` was handed to the Sender.
    pub keepalive_sent: Signal<Out, Bit>,
    pub keepalive_session: Signal<Out, U<3>>,
    /// Free list, to the Packer.
    pub free_valid: Signal<Out, Bit>,
    pub free_slot: Signal<Out, U<4>>,
    pub free_take: Signal<In, Bit>,
    /// The Packer opens a frame, in the clock of `free_take`.
    pub slot_write_enable: Signal<In, Bit>,
    pub slot_write_session: Signal<In, U<3>>,
    pub slot_write_seq: Signal<In, U<16>>,
    pub slot_write_slot: Signal<In, U<4>>,
    /// Non-posted credit, to the Packer.
    pub np_limit_write: Signal<Out, Bit>,
    pub np_limit_session: Signal<Out, U<3>>,
    pub np_limit_value: Signal<Out, U<8>>,
    /// Bit per session: its open frame can be started.
    pub open_ready: Signal<In, U<8>>,
    /// The Packer's open sequence number of `scan_session`, in the same clock.
    pub scan_session: Signal<Out, U<3>>,
    pub scan_open_seq: Signal<In, U<16>>,
    /// Command to the Sender; counts in the clock where valid and ready are both 1, and may change until then.
    pub cmd_valid: Signal<Out, Bit>,
    pub cmd_ready: Signal<In, Bit>,
    pub cmd_session: Signal<Out, U<3>>,
    pub cmd_kind: Signal<Out, U<4>>,
    pub cmd_data: Signal<Out, Bit>,
    pub cmd_seq: Signal<Out, U<16>>,
    pub cmd_slot: Signal<Out, U<4>>,
    pub cmd_retransmit: Signal<Out, Bit>,
    pub cmd_dst: Signal<Out, U<48>>,
    pub cmd_src_epoch: Signal<Out, U<16>>,
    pub cmd_dst_epoch: Signal<Out, U<16>>,
    pub cmd_index: Signal<Out, U<8>>,
    pub cmd_flags: Signal<Out, U<8>>,
    pub cmd_arg: Signal<Out, U<32>>,
    /// The Sender's frame has ended.
    pub done: Signal<In, Bit>,
    pub done_aborted: Signal<In, Bit>,
    /// Events: a lost frame was sent again; a retransmission timer expired.
    pub retransmitted: Signal<Out, Bit>,
    pub timed_out: Signal<Out, Bit>,
    /// Statistics of this session, valid 16 clocks after it was set: round-trip time in clocks, window in bytes.
    pub stat_session: Signal<In, U<3>>,
    pub stat_rtt_last: Signal<Out, U<24>>,
    pub stat_rtt_min: Signal<Out, U<24>>,
    pub stat_window: Signal<Out, U<16>>,
    pub stat_retransmissions: Signal<Out, U<32>>,
    /// Bit per slot: not free.
    pub held: Signal<Out, U<16>>,
    pool: SlotPool,
    scan: AckScan,
    scheduler: Scheduler,
    estimator: RttEstimator,
    timer: RetransmitTimer,
    delay: DelayWindow,
    counts: LutRam<U<32>, 3>,
    counted: Reg<Bit>,
    counted_row: Reg<U<3>>,
    shown: Reg<U<32>>,
    last: Signal<Local, U<3>>,
    /// The sessions that there are.
    rows: Signal<Local, U<8>>,
    _activity: Activity,
}

impl<const SESSIONS: usize> TxControl<SESSIONS> {
    /// The block for `SESSIONS` sessions; those above are never up.
    pub fn new() -> Self {
        assert!(SESSIONS >= 1 && SESSIONS <= 8, "1 to 8 sessions");
        Self {
            scan: AckScan::new(SESSIONS),
            scheduler: Scheduler::new(SESSIONS),
            estimator: RttEstimator::new(SESSIONS),
            timer: RetransmitTimer::new(SESSIONS),
            delay: DelayWindow::new(SESSIONS),
            counts: LutRam::with_depth(SESSIONS),
            ..Default::default()
        }
    }
}

impl<const SESSIONS: usize> Logic for TxControl<SESSIONS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, counted, counted_row, shown);
        self.last.next = bits::<3>(7);
        self.rows.next = bits::<8>(0);
        for i in 0..SESSIONS {
            self.last.next = self.last.val() + 1;
            self.rows.next = self.rows.val().replace_bit(i, true);
        }
        self.pool.several.next = self.last.val().any();
        self.scan.last_session.next = self.last.val();
        self.scheduler.last_session.next = self.last.val();
        self.pool.clock.next = self.clock.val();
        self.pool.reset.next = self.reset.val();
        self.scan.clock.next = self.clock.val();
        self.scan.reset.next = self.reset.val();
        self.scheduler.clock.next = self.clock.val();
        self.scheduler.reset.next = self.reset.val();
        self.estimator.clock.next = self.clock.val();
        self.estimator.reset.next = self.reset.val();
        self.timer.clock.next = self.clock.val();
        self.timer.reset.next = self.reset.val();
        self.delay.clock.next = self.clock.val();
        self.delay.reset.next = self.reset.val();

        self.pool.free_take.next = self.free_take.val();
        self.pool.open.next = self.slot_write_enable.val();
        self.pool.open_session.next = self.slot_write_session.val();
        self.pool.open_slot.next = self.slot_write_slot.val();
        self.pool.transmitted.next = self.scheduler.transmitted.val();
        self.pool.acknowledge.next = self.scan.acknowledge.val();
        self.pool.lose.next = self.scan.lose.val();
        self.pool.mark_slot.next = self.scan.mark_slot.val();
        self.pool.busy.next = self.scheduler.busy.val();
        self.pool.busy_slot.next = self.scheduler.busy_slot.val();
        self.pool.reserved.next = self.scheduler.reserved.val();
        self.pool.reserved_slot.next = self.scheduler.reserved_slot.val();
        self.pool.query.next = self.scan.visited.val();
        self.pool.purge.next = self.scan.purge.val();
        self.pool.open_void.next = self.flush.val() && (self.flush_session.val() == self.slot_write_session.val());

        self.scan.now.next = self.now.val();
        self.scan.accept.next = self.accept.val();
        self.scan.accept_session.next = self.accept_session.val();
        self.scan.ack.next = self.ack.val();
        self.scan.sack.next = self.sack.val();
        self.scan.window.next = self.window.val();
        self.scan.np_limit.next = self.np_limit.val();
        self.scan.ts_echo.next = self.ts_echo.val();
        self.scan.flush.next = self.flush.val();
        self.scan.flush_session.next = self.flush_session.val();
        self.scan.flush_clear.next = self.scheduler.flush_clear.val();
        self.scan.open.next = self.slot_write_enable.val();
        self.scan.open_session.next = self.slot_write_session.val();
        self.scan.open_slot.next = self.slot_write_slot.val();
        self.scan.transmitted.next = self.scheduler.transmitted.val();
        self.scan.busy.next = self.scheduler.busy.val();
        self.scan.busy_session.next = self.scheduler.busy_session.val();
        self.scan.busy_slot.next = self.scheduler.busy_slot.val();
        self.scan.live.next = self.pool.live.val();
        self.scan.lost.next = self.pool.lost.val();
        self.scan.visit_session.next = self.scheduler.visit_session.val();
        self.scan.visited_next.next = self.scheduler.visited_next.val();
        self.scan.find.next = self.scheduler.find.val();
        self.scan.find_session.next = self.scheduler.find_session.val();
        self.scan.resend_take.next = self.scheduler.resend_take.val();
        self.scan.expired.next = self.timer.expired.val();
        self.scan.expired_session.next = self.timer.expired_session.val();
        self.scan.echo.next = self.flags.val().get_bit(4);
        self.scan.open_seq.next = self.slot_write_seq.val().get_bits::<5>(0);

        self.scheduler.session_up.next = self.session_up.val() & self.rows.val();
        self.scheduler.flush.next = self.flush.val();
        self.scheduler.flush_session.next = self.flush_session.val();
        self.scheduler.forget.next = self.scan.forget.val();
        self.scheduler.forget_session.next = self.scan.forget_session.val();
        self.scheduler.ctl_valid.next = self.ctl_valid.val();
        self.scheduler.ctl_kind.next = self.ctl_kind.val();
        self.scheduler.ack_due.next = self.ack_due.val();
        self.scheduler.keepalive.next = self.keepalive.val();
        self.scheduler.open_ready.next = self.open_ready.val();
        self.scheduler.open.next = self.slot_write_enable.val();
        self.scheduler.open_session.next = self.slot_write_session.val();
        self.scheduler.open_slot.next = self.slot_write_slot.val();
        self.scheduler.claimed.next = self.scan.claimed.val();
        self.scheduler.visited.next = self.scan.visited.val();
        self.scheduler.visited_oldest.next = self.scan.visited_oldest.val();
        self.scheduler.visited_edge.next = self.scan.visited_edge.val();
        self.scheduler.visited_open_seq.next = self.scan_open_seq.val();
        self.scheduler.visited_flight.next = self.pool.query_flight.val();
        self.scheduler.visited_lost.next = self.pool.query_lost.val();
        self.scheduler.visited_limit.next = self.delay.query_limit.val();
        self.scheduler.live.next = self.pool.live.val();
        self.scheduler.lost.next = self.pool.lost.val();
        self.scheduler.any_unsent.next = self.pool.any_unsent.val();
        self.scheduler.resend_valid.next = self.scan.resend_valid.val();
        self.scheduler.resend_session.next = self.scan.resend_session.val();
        self.scheduler.resend_slot.next = self.scan.resend_slot.val();
        self.scheduler.resend_seq.next = self.scan.resend_seq.val();
        self.scheduler.cmd_ready.next = self.cmd_ready.val();
        self.scheduler.done.next = self.done.val();
        self.scheduler.done_aborted.next = self.done_aborted.val();
        self.scheduler.now.next = self.now.val().get_bits::<3>(0);
        self.scheduler.open_seq.next = self.slot_write_seq.val().get_bits::<5>(0);

        self.estimator.sample.next = self.scan.sample.val();
        self.estimator.session.next = self.scan.sample_session.val();
        self.estimator.time.next = self.scan.sample_time.val();
        self.estimator.forget.next = self.scan.forget.val();
        self.estimator.forget_session.next = self.scan.forget_session.val();

        self.timer.now.next = self.now.val();
        self.timer.ticks.next = self.ticks.val();
        self.timer.down_ticks.next = self.down_ticks.val();
        self.timer.check.next = self.scheduler.check.val();
        self.timer.check_session.next = self.scan.visited.val();
        self.timer.restart.next = self.scan.progress.val();
        self.timer.restart_session.next = self.scan.progress_session.val();
        self.timer.forget.next = self.scan.forget.val();
        self.timer.forget_session.next = self.scan.forget_session.val();
        self.timer.timeout_write.next = self.estimator.update.val();
        self.timer.timeout_session.next = self.estimator.update_session.val();
        self.timer.timeout.next = self.estimator.update_timeout.val();
        self.timer.handled.next = self.scan.expired_handled.val();
        self.timer.check_active.next = self.pool.query_active.val();

        self.delay.queue_limit.next = self.queue_limit.val();
        self.delay.sample.next = self.estimator.update.val();
        self.delay.session.next = self.estimator.update_session.val();
        self.delay.time.next = self.estimator.update_time.val();
        self.delay.mean.next = self.estimator.update_mean.val();
        self.delay.first.next = self.estimator.update_first.val();
        self.delay.collapse_session.next = self.timer.expired_session.val();
        self.delay.forget.next = self.scan.forget.val();
        self.delay.forget_session.next = self.scan.forget_session.val();
        self.delay.query.next = self.scan.visited.val();
        self.delay.stat_session.next = self.stat_session.val();
        self.delay.now.next = self.now.val().get_bits::<20>(0);
        self.delay.collapse.next = self.timer.event.val() && self.timer.again.val();

        self.flush_done.next = self.scan.flush_done.val();
        self.tx_done.next = self.scan.tx_done.val();
        self.ctl_ready.next = self.scheduler.ctl_ready.val();
        self.keepalive_sent.next = self.scheduler.keepalive_sent.val();
        self.keepalive_session.next = self.scheduler.keepalive_session.val();
        self.free_valid.next = self.pool.free_valid.val();
        self.free_slot.next = self.pool.free_slot.val();
        self.held.next = self.pool.held.val();
        self.np_limit_write.next = self.scan.np_limit_write.val();
        self.np_limit_session.next = self.scan.np_limit_session.val();
        self.np_limit_value.next = self.scan.np_limit_value.val();
        self.scan_session.next = self.scan.visited.val();
        self.timed_out.next = self.timer.event.val();
        self.cmd_valid.next = self.scheduler.cmd_valid.val();
        self.cmd_session.next = self.scheduler.cmd_session.val();
        self.cmd_kind.next = self.scheduler.cmd_kind.val();
        self.cmd_data.next = self.scheduler.cmd_data.val();
        self.cmd_seq.next = self.scheduler.cmd_seq.val();
        self.cmd_slot.next = self.scheduler.cmd_slot.val();
        self.cmd_retransmit.next = self.scheduler.cmd_retransmit.val();
        self.cmd_dst.next = self.ctl_dst.val();
        self.cmd_src_epoch.next = self.ctl_src_epoch.val();
        self.cmd_dst_epoch.next = self.ctl_dst_epoch.val();
        self.cmd_index.next = self.ctl_index.val();
        self.cmd_flags.next = self.ctl_flags.val();
        self.cmd_arg.next = self.ctl_arg.val();
        // Retransmissions are counted in the clock after one.
        self.counted.d.next = self.scheduler.transmitted.val() && self.scheduler.retransmitted.val();
        self.counted_row.d.next = self.scheduler.busy_session.val();
        self.counts.clock.next = self.clock.val();
        self.counts.write_enable.next = self.counted.q.val();
        self.counts.write_address.next = self.counted_row.q.val();
        self.counts.write_data.next = self.counts.read_data.val() + 1;
        self.counts.read_address.next = self.stat_session.val();
        if self.counted.q.val() {
            self.counts.read_address.next = self.counted_row.q.val();
        } else {
            self.shown.d.next = self.counts.read_data.val();
        }
        self.retransmitted.next = self.counted.q.val();
        self.stat_retransmissions.next = self.shown.q.val();
        self.stat_rtt_last.next = bit_cast::<24, 20>(self.delay.stat_last.val()) << 3;
        self.stat_rtt_min.next = bit_cast::<24, 20>(self.delay.stat_minimum.val()) << 3;
        self.stat_window.next = (bit_cast::<16, 9>(self.delay.stat_window.val()) << 6)
            + (bit_cast::<16, 9>(self.delay.stat_window.val()) << 5);
        if self.reset.val() {
            self.counted.d.next = false;
        }
    }
}
