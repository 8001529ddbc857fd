//! What the Sender does next.
//!
//! Control frames come first, then frames without data for sessions that owe an acknowledgement or a keep-alive (each
//! once between two data frames; a session whose data is next anyway waits for that), then data: sessions in turn (the
//! one behind the last chosen is asked first), a lost frame before a new one. A session may send data while its frames in
//! flight are below its limit; a new frame also needs room at the peer and one of 31 sequence numbers.
//!
//! Sessions are visited one a clock; a visit is weighed in the next clock and judged in the third. A command is offered
//! four clocks after its cause, three without a timer being looked at meanwhile. The next one is chosen while a frame is
//! being sent and offered after its `done`. An offer may change or be withdrawn until it is taken: it counts in the
//! clock where `cmd_valid` and `cmd_ready` are both 1. Registered: all but `cmd_valid`, `ctl_ready` and the choice
//! between control, acknowledgement and data. Reset clears all but table words. Waits for the Sender alone.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Scheduler {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Low bits of the time in units of 8 clocks: timers are looked at in the clock after it has changed.
    pub now: Signal<In, U<3>>,
    /// The highest session.
    pub last_session: Signal<In, U<3>>,
    pub session_up: Signal<In, U<8>>,
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    pub flush_clear: Signal<Out, Bit>,
    pub forget: Signal<In, Bit>,
    pub forget_session: Signal<In, U<3>>,
    /// Control frames.
    pub ctl_valid: Signal<In, Bit>,
    pub ctl_ready: Signal<Out, Bit>,
    pub ctl_kind: Signal<In, U<4>>,
    /// Sessions that owe an acknowledgement or a keep-alive.
    pub ack_due: Signal<In, U<8>>,
    pub keepalive: Signal<In, U<8>>,
    pub keepalive_sent: Signal<Out, Bit>,
    pub keepalive_session: Signal<Out, U<3>>,
    /// Sessions whose open frame can be started.
    pub open_ready: Signal<In, U<8>>,
    /// A frame `open_seq` of `open_session` begins in `open_slot`.
    pub open: Signal<In, Bit>,
    pub open_session: Signal<In, U<3>>,
    pub open_seq: Signal<In, U<5>>,
    pub open_slot: Signal<In, U<4>>,
    /// The session to visit; what is known of `visited` comes back in the same clock, unless it was `claimed`.
    pub visit_session: Signal<Out, U<3>>,
    pub claimed: Signal<In, Bit>,
    pub visited: Signal<In, U<3>>,
    pub visited_oldest: Signal<In, U<16>>,
    pub visited_edge: Signal<In, U<16>>,
    pub visited_open_seq: Signal<In, U<16>>,
    /// These three a clock later.
    pub visited_flight: Signal<In, U<5>>,
    pub visited_lost: Signal<In, Bit>,
    pub visited_limit: Signal<In, U<5>>,
    pub visited_next: Signal<Out, U<16>>,
    /// Look at the timer of `check_session`.
    pub check: Signal<Out, Bit>,
    /// Bit per slot: in flight or lost; lost.
    pub live: Signal<In, U<16>>,
    pub lost: Signal<In, U<16>>,
    pub any_unsent: Signal<In, Bit>,
    /// Find the oldest lost frame of `find_session`.
    pub find: Signal<Out, Bit>,
    pub find_session: Signal<Out, U<3>>,
    pub resend_valid: Signal<In, Bit>,
    pub resend_session: Signal<In, U<3>>,
    pub resend_slot: Signal<In, U<4>>,
    pub resend_seq: Signal<In, U<16>>,
    pub resend_take: Signal<Out, Bit>,
    /// To the Sender.
    pub cmd_valid: Signal<Out, Bit>,
    pub cmd_ready: Signal<In, Bit>,
    pub cmd_session: Signal<Out, U<3>>,
    pub cmd_kind: Signal<Out, U<4>>,
    pub cmd_data: Signal<Out, Bit>,
    pub cmd_seq: Signal<Out, U<16>>,
    pub cmd_slot: Signal<Out, U<4>>,
    pub cmd_retransmit: Signal<Out, Bit>,
    /// From the Sender.
    pub done: Signal<In, Bit>,
    pub done_aborted: Signal<In, Bit>,
    /// The data frame in `busy_slot` of `busy_session` is being sent; was sent whole.
    pub busy: Signal<Out, Bit>,
    pub busy_session: Signal<Out, U<3>>,
    pub busy_slot: Signal<Out, U<4>>,
    pub transmitted: Signal<Out, Bit>,
    /// With `transmitted`: it had been sent before.
    pub retransmitted: Signal<Out, Bit>,
    /// `reserved_slot` is to be sent again next.
    pub reserved: Signal<Out, Bit>,
    pub reserved_slot: Signal<Out, U<4>>,
    turn: Reg<U<3>>,
    look: Reg<U<3>>,
    time: Reg<U<3>>,
    /// The time has changed since the last look at a timer.
    passed: Reg<Bit>,
    seen: Reg<Bit>,
    seen_row: Reg<U<3>>,
    seen_next: Reg<U<16>>,
    seen_oldest: Reg<U<16>>,
    seen_edge: Reg<U<16>>,
    seen_open: Reg<U<16>>,
    seen_ready: Reg<Bit>,
    weighed: Reg<Bit>,
    weighed_row: Reg<U<3>>,
    weighed_next: Reg<U<16>>,
    weighed_slot: Reg<U<4>>,
    weighed_lost: Reg<Bit>,
    weighed_open: Reg<Bit>,
    weighed_fits: Reg<Bit>,
    some_live: Reg<Bit>,
    some_waiting: Reg<Bit>,
    chosen: Reg<Bit>,
    chosen_row: Reg<U<3>>,
    chosen_seq: Reg<U<16>>,
    chosen_slot: Reg<U<4>>,
    chosen_again: Reg<Bit>,
    chosen_open: Reg<Bit>,
    told: Reg<U<8>>,
    duty: Reg<Bit>,
    duty_row: Reg<U<3>>,
    sending: Reg<Bit>,
    sending_data: Reg<Bit>,
    sending_again: Reg<Bit>,
    sending_row: Reg<U<3>>,
    sending_seq: Reg<U<16>>,
    sending_slot: Reg<U<4>>,
    wanted: Reg<Bit>,
    wanted_row: Reg<U<3>>,
    nexts: LutRam<U<16>, 3>,
    duty_nexts: LutRam<U<16>, 3>,
    slots: LutRam<U<4>, 8>,
    allowed_up: Signal<Local, U<8>>,
    due: Signal<Local, U<8>>,
    lowest: Signal<Local, U<8>>,
    visiting: Signal<Local, Bit>,
    looking: Signal<Local, Bit>,
    choosing: Signal<Local, Bit>,
    queued: Signal<Local, U<16>>,
    outstanding: Signal<Local, U<16>>,
    room: Signal<Local, U<16>>,
    new_open: Signal<Local, Bit>,
    new_closed: Signal<Local, Bit>,
    new_fits: Signal<Local, Bit>,
    keep: Signal<Local, Bit>,
    offer_duty: Signal<Local, Bit>,
    sent_new: Signal<Local, Bit>,
    cmd_taken: Signal<Local, Bit>,
    cmd_bit: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Scheduler {
    /// Tables for `sessions` sessions.
    pub fn new(sessions: usize) -> Self {
        Self {
            nexts: LutRam::with_depth(sessions),
            duty_nexts: LutRam::with_depth(sessions),
            slots: LutRam::with_depth(32 * sessions),
            ..Default::default()
        }
    }
}

impl Logic for Scheduler {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, turn, look, time, passed, seen, seen_row, seen_next, seen_oldest, seen_edge, seen_open);
        dff_setup!(self, clock, seen_ready, chosen, chosen_row, chosen_seq, chosen_slot);
        dff_setup!(self, clock, weighed, weighed_row, weighed_next, weighed_slot, weighed_lost, weighed_open);
        dff_setup!(self, clock, weighed_fits, some_live, some_waiting);
        dff_setup!(self, clock, chosen_again, chosen_open, told, duty, duty_row, sending, sending_data, sending_again);
        dff_setup!(self, clock, sending_row, sending_seq, sending_slot, wanted, wanted_row);

        // Who may send at all.
        self.allowed_up.next = self.session_up.val();
        if self.flush.val() {
            self.allowed_up.next = self.session_up.val() & !(bits::<8>(1) << self.flush_session.val());
        }
        self.flush_clear.next = !(self.chosen.q.val() && (self.chosen_row.q.val() == self.flush_session.val()))
            && !(self.duty.q.val() && (self.duty_row.q.val() == self.flush_session.val()))
            && !(self.seen.q.val() && (self.seen_row.q.val() == self.flush_session.val()))
            && !(self.weighed.q.val() && (self.weighed_row.q.val() == self.flush_session.val()))
            && !(self.sending.q.val() && (self.sending_row.q.val() == self.flush_session.val()));

        // The visit: a timer when the time has changed, else whose turn it is to choose.
        self.some_live.d.next = self.live.val().any();
        self.some_waiting.d.next = self.any_unsent.val() || self.lost.val().any();
        self.time.d.next = self.now.val();
        self.passed.d.next = (self.time.q.val() != self.now.val()) || (self.passed.q.val() && self.claimed.val());
        self.looking.next = self.passed.q.val() && self.some_live.q.val();
        self.visiting.next = !self.looking.val()
            && !self.chosen.q.val()
            && ((self.open_ready.val() & self.allowed_up.val()).any() || self.some_waiting.q.val());
        self.visit_session.next = self.turn.q.val();
        if self.looking.val() {
            self.visit_session.next = self.look.q.val();
        }
        self.check.next = self.looking.val() && !self.claimed.val();
        if !self.claimed.val() {
            if self.looking.val() {
                self.look.d.next = self.look.q.val() + 1;
                if self.look.q.val() == self.last_session.val() {
                    self.look.d.next = bits::<3>(0);
                }
            }
            if self.visiting.val() {
                self.turn.d.next = self.turn.q.val() + 1;
                if self.turn.q.val() == self.last_session.val() {
                    self.turn.d.next = bits::<3>(0);
                }
            }
        }
        self.visited_next.next = self.nexts.read_data.val();
        self.sent_new.next = self.sending.q.val()
            && self.sending_data.q.val()
            && !self.sending_again.q.val()
            && (self.sending_row.q.val() == self.visited.val());
        self.seen.d.next =
            self.visiting.val() && !self.claimed.val() && self.allowed_up.val().get_bit(self.turn.q.val().index());
        self.seen_row.d.next = self.visited.val();
        self.seen_next.d.next = self.nexts.read_data.val();
        if self.sent_new.val() {
            self.seen_next.d.next = self.nexts.read_data.val() + 1;
        }
        self.seen_oldest.d.next = self.visited_oldest.val();
        self.seen_edge.d.next = self.visited_edge.val();
        self.seen_open.d.next = self.visited_open_seq.val();
        self.seen_ready.d.next = self.open_ready.val().get_bit(self.visited.val().index());

        // The visit is weighed.
        self.queued.next = self.seen_open.q.val() - self.seen_next.q.val();
        self.outstanding.next = self.seen_next.q.val() - self.seen_oldest.q.val();
        self.room.next = self.seen_edge.q.val() - self.seen_next.q.val();
        self.new_open.next = (self.queued.val() == 0) && self.seen_ready.q.val();
        self.new_closed.next = self.queued.val().any() && !self.queued.val().get_bit(15);
        self.new_fits.next =
            (self.outstanding.val() < bits::<16>(31)) && self.room.val().any() && !self.room.val().get_bit(15);
        self.weighed.d.next = self.seen.q.val() && (self.visited_flight.val() < self.visited_limit.val());
        self.weighed_row.d.next = self.seen_row.q.val();
        self.weighed_next.d.next = self.seen_next.q.val();
        self.weighed_slot.d.next = self.slots.read_data.val();
        self.weighed_lost.d.next = self.visited_lost.val();
        self.weighed_open.d.next = self.new_open.val();
        self.weighed_fits.d.next = self.new_fits.val() && (self.new_open.val() || self.new_closed.val());

        // The judgement.
        self.wanted.d.next = false;
        self.resend_take.next = false;
        self.choosing.next = false;
        self.keep.next = self.allowed_up.val().get_bit(self.chosen_row.q.val().index());
        if self.chosen_again.q.val() && !self.lost.val().get_bit(self.chosen_slot.q.val().index()) {
            self.keep.next = false;
        }
        if self.chosen_open.q.val() && !self.open_ready.val().get_bit(self.chosen_row.q.val().index()) {
            self.keep.next = false;
        }
        self.chosen.d.next = self.chosen.q.val() && self.keep.val();
        if self.weighed.q.val() && !self.chosen.q.val() {
            if self.weighed_lost.q.val() {
                if self.resend_valid.val() && (self.resend_session.val() == self.weighed_row.q.val()) {
                    self.resend_take.next = true;
                    self.choosing.next = true;
                    self.chosen_row.d.next = self.weighed_row.q.val();
                    self.chosen_seq.d.next = self.resend_seq.val();
                    self.chosen_slot.d.next = self.resend_slot.val();
                    self.chosen_again.d.next = true;
                    self.chosen_open.d.next = false;
                } else {
                    self.wanted.d.next = true;
                    self.wanted_row.d.next = self.weighed_row.q.val();
                }
            } else if self.weighed_fits.q.val() {
                self.choosing.next = true;
                self.chosen_row.d.next = self.weighed_row.q.val();
                self.chosen_seq.d.next = self.weighed_next.q.val();
                self.chosen_slot.d.next = self.weighed_slot.q.val();
                self.chosen_again.d.next = false;
                self.chosen_open.d.next = self.weighed_open.q.val();
            }
        }
        if self.choosing.val() {
            self.chosen.d.next = true;
            self.turn.d.next = self.weighed_row.q.val() + 1;
            if self.weighed_row.q.val() == self.last_session.val() {
                self.turn.d.next = bits::<3>(0);
            }
        }
        if !self.last_session.val().any() {
            self.look.d.next = bits::<3>(0);
            self.turn.d.next = bits::<3>(0);
        }
        self.find.next = self.wanted.q.val();
        self.find_session.next = self.wanted_row.q.val();
        self.reserved.next = self.chosen.q.val() && self.chosen_again.q.val();
        self.reserved_slot.next = self.chosen_slot.q.val();

        // Who owes a frame without data.
        self.due.next = (self.ack_due.val() | self.keepalive.val()) & self.allowed_up.val() & !self.told.q.val();
        if self.chosen.q.val() {
            self.due.next = (self.ack_due.val() | self.keepalive.val())
                & self.allowed_up.val()
                & !self.told.q.val()
                & !(bits::<8>(1) << self.chosen_row.q.val());
        } else if !self.due.val().any() {
            self.told.d.next = bits::<8>(0);
        }
        self.duty.d.next = self.due.val().any();
        self.lowest.next = self.due.val() & (bits::<8>(0) - self.due.val());
        self.duty_row.d.next = self
            .duty_row
            .q
            .val()
            .replace_bit(0, (self.lowest.val() & bits::<8>(0xaa)).any())
            .replace_bit(1, (self.lowest.val() & bits::<8>(0xcc)).any())
            .replace_bit(2, (self.lowest.val() & bits::<8>(0xf0)).any());

        // The offer.
        self.offer_duty.next = self.duty.q.val();
        self.cmd_valid.next = !self.sending.q.val()
            && (self.ctl_valid.val() || self.duty.q.val() || (self.chosen.q.val() && self.keep.val()));
        self.ctl_ready.next = !self.sending.q.val() && self.cmd_ready.val();
        self.cmd_kind.next = bits::<4>(0);
        self.cmd_session.next = self.chosen_row.q.val();
        self.cmd_data.next = true;
        self.cmd_seq.next = self.chosen_seq.q.val();
        self.cmd_slot.next = self.chosen_slot.q.val();
        self.cmd_retransmit.next = self.chosen_again.q.val();
        if self.offer_duty.val() || self.ctl_valid.val() {
            self.cmd_session.next = self.duty_row.q.val();
            self.cmd_data.next = false;
            self.cmd_seq.next = self.duty_nexts.read_data.val();
            self.cmd_retransmit.next = false;
        }
        if self.ctl_valid.val() {
            self.cmd_kind.next = self.ctl_kind.val();
        }
        self.cmd_taken.next = self.cmd_valid.val() && self.cmd_ready.val();
        self.keepalive_sent.next = self.cmd_taken.val() && !self.ctl_valid.val();
        self.keepalive_session.next = self.cmd_session.val();
        self.cmd_bit.next = bits::<8>(1) << self.cmd_session.val();
        if self.cmd_taken.val() {
            self.sending.d.next = true;
            self.sending_data.d.next = self.cmd_data.val();
            self.sending_again.d.next = self.cmd_retransmit.val();
            self.sending_row.d.next = self.cmd_session.val();
            self.sending_seq.d.next = self.cmd_seq.val();
            self.sending_slot.d.next = self.cmd_slot.val();
            if self.cmd_data.val() {
                // What was seen before it is not what follows.
                self.seen.d.next = false;
                self.weighed.d.next = false;
                self.chosen.d.next = false;
                self.told.d.next = bits::<8>(0);
            } else if !self.ctl_valid.val() {
                self.told.d.next = self.told.q.val() | self.cmd_bit.val();
            }
        }

        // What became of the frame.
        self.busy.next = self.sending.q.val() && self.sending_data.q.val();
        self.busy_session.next = self.sending_row.q.val();
        self.busy_slot.next = self.sending_slot.q.val();
        self.transmitted.next =
            self.sending.q.val() && self.sending_data.q.val() && self.done.val() && !self.done_aborted.val();
        self.retransmitted.next = self.sending_again.q.val();
        if self.sending.q.val() && self.done.val() {
            self.sending.d.next = false;
            if self.sending_data.q.val() && self.done_aborted.val() {
                // It comes next again: what was seen or chosen to follow it is not what follows.
                self.seen.d.next = false;
                self.weighed.d.next = false;
                self.chosen.d.next = false;
            }
        }

        self.slots.clock.next = self.clock.val();
        self.slots.write_enable.next = self.open.val();
        self.slots.write_address.next =
            (bit_cast::<8, 3>(self.open_session.val()) << 5) | bit_cast::<8, 5>(self.open_seq.val());
        self.slots.write_data.next = self.open_slot.val();
        self.slots.read_address.next =
            (bit_cast::<8, 3>(self.seen_row.q.val()) << 5) | bit_cast::<8, 5>(self.seen_next.q.val().get_bits::<5>(0));
        self.nexts.clock.next = self.clock.val();
        self.nexts.write_enable.next = self.forget.val() || (self.transmitted.val() && !self.sending_again.q.val());
        self.nexts.write_address.next = self.sending_row.q.val();
        self.nexts.write_data.next = self.sending_seq.q.val() + 1;
        self.nexts.read_address.next = self.visited.val();
        self.duty_nexts.clock.next = self.clock.val();
        self.duty_nexts.write_enable.next =
            self.forget.val() || (self.transmitted.val() && !self.sending_again.q.val());
        self.duty_nexts.write_address.next = self.sending_row.q.val();
        self.duty_nexts.write_data.next = self.sending_seq.q.val() + 1;
        self.duty_nexts.read_address.next = self.duty_row.q.val();
        if self.forget.val() {
            self.nexts.write_address.next = self.forget_session.val();
            self.nexts.write_data.next = bits::<16>(0);
            self.duty_nexts.write_address.next = self.forget_session.val();
            self.duty_nexts.write_data.next = bits::<16>(0);
        }
        if self.reset.val() {
            self.seen.d.next = false;
            self.weighed.d.next = false;
            self.chosen.d.next = false;
            self.duty.d.next = false;
            self.sending.d.next = false;
            self.wanted.d.next = false;
            self.told.d.next = bits::<8>(0);
            self.turn.d.next = bits::<3>(0);
            self.look.d.next = bits::<3>(0);
        }
    }
}
