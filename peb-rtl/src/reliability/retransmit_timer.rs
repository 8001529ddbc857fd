//! The retransmission timer of each session (RFC 6298, sections 5 and 6).
//!
//! A session is looked at when `check` is 1. Its timer starts at the first look with frames in flight, stops at one
//! without, and starts anew after `restart` (an acknowledgement of something new). It expires after the timeout of its
//! row, or after DOWN_TICKS/8 ticks if that is earlier, but never before 385 units (two frames of maximum size). Each
//! expiry doubles the timeout, until something new is acknowledged and measured. Before the first measurement it is
//! 16384 units (about 1 ms).
//!
//! Latency: `expired` five clocks after the look; it stays until `handled`, and no other expires meanwhile. Registered:
//! all outputs. Reset and `forget` stop timers; tables keep their words. Waits for nothing.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct RetransmitTimer {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Time in units of 8 clocks.
    pub now: Signal<In, U<24>>,
    /// Time in ticks.
    pub ticks: Signal<In, U<24>>,
    /// DOWN_TICKS.
    pub down_ticks: Signal<In, U<24>>,
    /// Look at `check_session`; in the clock after, `check_active`: it has frames in flight.
    pub check: Signal<In, Bit>,
    pub check_session: Signal<In, U<3>>,
    pub check_active: Signal<In, Bit>,
    /// Something new of `restart_session` was acknowledged.
    pub restart: Signal<In, Bit>,
    pub restart_session: Signal<In, U<3>>,
    /// `forget_session` ends.
    pub forget: Signal<In, Bit>,
    pub forget_session: Signal<In, U<3>>,
    /// A new measurement: the timeout of `timeout_session`.
    pub timeout_write: Signal<In, Bit>,
    pub timeout_session: Signal<In, U<3>>,
    pub timeout: Signal<In, U<24>>,
    /// The timer of `expired_session` expired.
    pub expired: Signal<Out, Bit>,
    pub expired_session: Signal<Out, U<3>>,
    pub handled: Signal<In, Bit>,
    /// One clock: a timer expired; `again`: with nothing new acknowledged since it expired before.
    pub event: Signal<Out, Bit>,
    pub again: Signal<Out, Bit>,
    running: Reg<U<8>>,
    known: Reg<U<8>>,
    backed_off: Reg<U<8>>,
    look: Reg<Bit>,
    looked: Reg<Bit>,
    active: Reg<Bit>,
    row: Reg<U<3>>,
    compare: Reg<Bit>,
    elapsed: Reg<U<24>>,
    elapsed_ticks: Reg<U<24>>,
    limit: Reg<U<24>>,
    judge: Reg<Bit>,
    late: Reg<Bit>,
    pending: Reg<Bit>,
    pending_row: Reg<U<3>>,
    repeated: Reg<Bit>,
    fresh: Reg<Bit>,
    starts: LutRam<U<24>, 3>,
    tick_starts: LutRam<U<24>, 3>,
    timeouts: LutRam<U<24>, 3>,
    row_bit: Signal<Local, U<8>>,
    restart_bit: Signal<Local, U<8>>,
    /// The timer of this session starts, stops, expires; its timeout becomes known.
    start_bit: Signal<Local, U<8>>,
    stop_bit: Signal<Local, U<8>>,
    late_bit: Signal<Local, U<8>>,
    known_bit: Signal<Local, U<8>>,
    forget_bit: Signal<Local, U<8>>,
    timeout_bit: Signal<Local, U<8>>,
    ready: Signal<Local, Bit>,
    write: Signal<Local, Bit>,
    start: Signal<Local, Bit>,
    _activity: Activity,
}

impl RetransmitTimer {
    /// Timers with tables of `sessions` rows.
    pub fn new(sessions: usize) -> Self {
        Self {
            starts: LutRam::with_depth(sessions),
            tick_starts: LutRam::with_depth(sessions),
            timeouts: LutRam::with_depth(sessions),
            ..Default::default()
        }
    }
}

impl Logic for RetransmitTimer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            running,
            known,
            backed_off,
            look,
            looked,
            active,
            row,
            compare,
            elapsed,
            elapsed_ticks,
            limit
        );
        dff_setup!(self, clock, judge, late, pending, pending_row, repeated, fresh);
        self.row_bit.next = bits::<8>(1) << self.row.q.val();
        self.restart_bit.next = bits::<8>(0);
        if self.restart.val() {
            self.restart_bit.next = bits::<8>(1) << self.restart_session.val();
        }
        self.forget_bit.next = bits::<8>(0);
        if self.forget.val() {
            self.forget_bit.next = bits::<8>(1) << self.forget_session.val();
        }
        self.timeout_bit.next = bits::<8>(1) << self.timeout_session.val();

        // A look: start, stop, or measure how long it runs.
        self.ready.next = !self.look.q.val() && !self.looked.q.val() && !self.compare.q.val() && !self.judge.q.val();
        self.look.d.next = self.check.val() && self.ready.val();
        if self.check.val() && self.ready.val() {
            self.row.d.next = self.check_session.val();
        }
        self.looked.d.next = self.look.q.val();
        self.active.d.next = self.check_active.val();
        self.start.next = false;
        self.compare.d.next = false;
        self.start_bit.next = bits::<8>(0);
        self.stop_bit.next = bits::<8>(0);
        if self.looked.q.val() {
            if !self.active.q.val() {
                self.stop_bit.next = self.row_bit.val();
            } else if !(self.running.q.val() & self.row_bit.val()).any() {
                self.start.next = true;
                self.start_bit.next = self.row_bit.val();
            } else {
                self.compare.d.next = !self.pending.q.val();
            }
        }
        self.elapsed.d.next = self.now.val() - self.starts.read_data.val();
        self.elapsed_ticks.d.next = self.ticks.val() - self.tick_starts.read_data.val();
        self.limit.d.next = bits::<24>(16384);
        if (self.known.q.val() & self.row_bit.val()).any() {
            self.limit.d.next = self.timeouts.read_data.val();
        }
        self.judge.d.next = self.compare.q.val();
        self.late.d.next = (self.elapsed.q.val() >= bits::<24>(385))
            && ((self.elapsed.q.val() >= self.limit.q.val())
                || (self.elapsed_ticks.q.val() >= (self.down_ticks.val() >> 3)));

        // Expiry.
        self.fresh.d.next = false;
        self.write.next = false;
        self.late_bit.next = bits::<8>(0);
        if self.judge.q.val() && self.late.q.val() && (self.running.q.val() & self.row_bit.val()).any() {
            self.pending.d.next = true;
            self.pending_row.d.next = self.row.q.val();
            self.repeated.d.next = (self.backed_off.q.val() & self.row_bit.val()).any();
            self.late_bit.next = self.row_bit.val();
            self.fresh.d.next = true;
            self.write.next = true;
        }
        if self.handled.val() {
            self.pending.d.next = false;
        }
        if self.restart.val() && (self.pending_row.q.val() == self.restart_session.val()) {
            self.pending.d.next = false;
        }
        self.running.d.next = (self.running.q.val() | self.start_bit.val())
            & !self.stop_bit.val()
            & !self.late_bit.val()
            & !self.restart_bit.val()
            & !self.forget_bit.val();
        self.backed_off.d.next =
            (self.backed_off.q.val() | self.late_bit.val()) & !self.restart_bit.val() & !self.forget_bit.val();
        self.known_bit.next = self.late_bit.val();

        self.starts.clock.next = self.clock.val();
        self.starts.write_enable.next = self.start.val();
        self.starts.write_address.next = self.row.q.val();
        self.starts.write_data.next = self.now.val();
        self.starts.read_address.next = self.row.q.val();
        self.tick_starts.clock.next = self.clock.val();
        self.tick_starts.write_enable.next = self.start.val();
        self.tick_starts.write_address.next = self.row.q.val();
        self.tick_starts.write_data.next = self.ticks.val();
        self.tick_starts.read_address.next = self.row.q.val();
        self.timeouts.clock.next = self.clock.val();
        self.timeouts.write_enable.next = self.write.val();
        self.timeouts.write_address.next = self.row.q.val();
        self.timeouts.write_data.next = self.limit.q.val() << 1;
        if self.limit.q.val().get_bit(23) || self.limit.q.val().get_bit(22) {
            self.timeouts.write_data.next = bits::<24>(0x7f_ffff);
        }
        self.timeouts.read_address.next = self.row.q.val();
        if self.timeout_write.val() && !(self.backed_off.q.val() & self.timeout_bit.val()).any() {
            self.known_bit.next = self.timeout_bit.val();
            self.timeouts.write_enable.next = true;
            self.timeouts.write_address.next = self.timeout_session.val();
            self.timeouts.write_data.next = self.timeout.val();
        }
        self.known.d.next = (self.known.q.val() | self.known_bit.val()) & !self.forget_bit.val();
        if self.forget.val() && (self.pending_row.q.val() == self.forget_session.val()) {
            self.pending.d.next = false;
        }
        self.expired.next = self.pending.q.val();
        self.expired_session.next = self.pending_row.q.val();
        self.event.next = self.fresh.q.val();
        self.again.next = self.repeated.q.val();
        if self.reset.val() {
            self.running.d.next = bits::<8>(0);
            self.known.d.next = bits::<8>(0);
            self.backed_off.d.next = bits::<8>(0);
            self.pending.d.next = false;
            self.look.d.next = false;
            self.looked.d.next = false;
            self.compare.d.next = false;
            self.judge.d.next = false;
            self.fresh.d.next = false;
        }
    }
}
