//! Applies what a peer acknowledges to the slots, and finds the oldest lost frame or the oldest in flight.
//!
//! Each job walks the 16 slots, one a clock. An acknowledgement walks them twice if it has news: first every frame of
//! the session that lies before `ack` or has its `sack` bit set is acknowledged; then those still in flight that were
//! sent two or more transmissions before the latest one acknowledged are lost. What does not fit the session is
//! ignored: an `ack` outside what was sent and is not yet acknowledged, a credit that runs backwards, an echo from the
//! future.
//!
//! Latency: `tx_done` at most 43 clocks after `accept` if nothing else is being done, 63 else. Registered: all outputs
//! but those that follow `visit_session`. Reset begins all sessions anew, which takes a clock each. Waits only for
//! `flush_clear` in a flush (the end of the frame that is being sent), so it always goes on.

use peb_hdl::prelude::*;

/// What the walk is for, and where it is.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum ScanStep {
    Clear,
    Idle,
    Load,
    Check,
    Acknowledge,
    Lose,
    Find,
    Found,
    Write,
    Finish,
    Drain,
    Purge,
}

/// See the module's documentation.
#[derive(Module, Default)]
pub struct AckScan {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Time in units of 8 clocks.
    pub now: Signal<In, U<24>>,
    /// The highest session.
    pub last_session: Signal<In, U<3>>,
    /// A DATA-kind frame of `accept_session` came with the fields below; held until `tx_done` and longer.
    pub accept: Signal<In, Bit>,
    pub accept_session: Signal<In, U<3>>,
    /// Flag ECHO: `ts_echo` is valid.
    pub echo: Signal<In, Bit>,
    pub ack: Signal<In, U<16>>,
    pub sack: Signal<In, U<32>>,
    pub window: Signal<In, U<8>>,
    pub np_limit: Signal<In, U<8>>,
    pub ts_echo: Signal<In, U<24>>,
    pub tx_done: Signal<Out, Bit>,
    /// Drop everything of `flush_session`; held until `flush_done` and longer.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    pub flush_done: Signal<Out, Bit>,
    /// No command of `flush_session` is offered or being sent.
    pub flush_clear: Signal<In, Bit>,
    /// A frame with sequence number `open_seq` of `open_session` begins in `open_slot`.
    pub open: Signal<In, Bit>,
    pub open_session: Signal<In, U<3>>,
    pub open_seq: Signal<In, U<5>>,
    pub open_slot: Signal<In, U<4>>,
    /// The frame in `busy_slot` of `busy_session` was sent whole.
    pub transmitted: Signal<In, Bit>,
    pub busy: Signal<In, Bit>,
    pub busy_session: Signal<In, U<3>>,
    pub busy_slot: Signal<In, U<4>>,
    /// Bit per slot: sent, not acknowledged; lost.
    pub live: Signal<In, U<16>>,
    pub lost: Signal<In, U<16>>,
    /// The frame in `mark_slot` is acknowledged, or lost.
    pub acknowledge: Signal<Out, Bit>,
    pub lose: Signal<Out, Bit>,
    pub mark_slot: Signal<Out, U<4>>,
    /// The session of which the scheduler wants to know.
    pub visit_session: Signal<In, U<3>>,
    /// It is told of `visited` instead in this clock.
    pub claimed: Signal<Out, Bit>,
    pub visited: Signal<Out, U<3>>,
    /// Oldest sequence number not acknowledged, first one that the peer has no room for.
    pub visited_oldest: Signal<Out, U<16>>,
    pub visited_edge: Signal<Out, U<16>>,
    /// Sequence number of the next new frame of `visited`.
    pub visited_next: Signal<In, U<16>>,
    /// Find the oldest lost frame of `find_session`.
    pub find: Signal<In, Bit>,
    pub find_session: Signal<In, U<3>>,
    /// The oldest lost frame of `resend_session`.
    pub resend_valid: Signal<Out, Bit>,
    pub resend_session: Signal<Out, U<3>>,
    pub resend_slot: Signal<Out, U<4>>,
    pub resend_seq: Signal<Out, U<16>>,
    /// It was chosen to be sent.
    pub resend_take: Signal<In, Bit>,
    /// The oldest frame in flight of `expired_session` is to be taken for lost.
    pub expired: Signal<In, Bit>,
    pub expired_session: Signal<In, U<3>>,
    pub expired_handled: Signal<Out, Bit>,
    /// Something new of `progress_session` was acknowledged.
    pub progress: Signal<Out, Bit>,
    pub progress_session: Signal<Out, U<3>>,
    /// A round trip of `sample_session` took `sample_time` units of 8 clocks.
    pub sample: Signal<Out, Bit>,
    pub sample_session: Signal<Out, U<3>>,
    pub sample_time: Signal<Out, U<20>>,
    /// New credit of `np_limit_session` for the Packer.
    pub np_limit_write: Signal<Out, Bit>,
    pub np_limit_session: Signal<Out, U<3>>,
    pub np_limit_value: Signal<Out, U<8>>,
    /// Session `forget_session` begins anew.
    pub forget: Signal<Out, Bit>,
    pub forget_session: Signal<Out, U<3>>,
    /// With `forget`: free its slots, too.
    pub purge: Signal<Out, Bit>,
    step: Reg<ScanStep>,
    row: Reg<U<3>>,
    timeout: Reg<Bit>,
    finding: Reg<Bit>,
    served: Reg<Bit>,
    flushed: Reg<Bit>,
    base: Reg<U<16>>,
    advance: Reg<U<16>>,
    outstanding: Reg<U<16>>,
    latest: Reg<U<8>>,
    credit: Reg<U<8>>,
    index: Reg<U<5>>,
    examined: Reg<Bit>,
    slot: Reg<U<4>>,
    offset: Reg<U<5>>,
    /// Of the bit of `sack`; 31 for the frame `ack` itself.
    sack_index: Reg<U<5>>,
    number: Reg<U<8>>,
    slot_lost: Reg<Bit>,
    slot_busy: Reg<Bit>,
    judged: Reg<Bit>,
    judged_slot: Reg<U<4>>,
    judged_offset: Reg<U<5>>,
    judged_number: Reg<U<8>>,
    news: Reg<Bit>,
    best: Reg<U<5>>,
    best_slot: Reg<U<4>>,
    found: Reg<Bit>,
    resend: Reg<Bit>,
    resend_row: Reg<U<3>>,
    resend_number: Reg<U<16>>,
    resend_place: Reg<U<4>>,
    elapsed: Reg<U<24>>,
    rows: LutRam<U<8>, 4>,
    numbers: LutRam<U<8>, 4>,
    counters: LutRam<U<8>, 3>,
    oldest: LutRam<U<16>, 3>,
    edges: LutRam<U<16>, 3>,
    latests: LutRam<U<8>, 3>,
    credits: LutRam<U<8>, 3>,
    place: Signal<Local, U<4>>,
    walking: Signal<Local, Bit>,
    row_seq: Signal<Local, U<5>>,
    before: Signal<Local, Bit>,
    hit: Signal<Local, Bit>,
    walked: Signal<Local, Bit>,
    newer: Signal<Local, U<8>>,
    behind: Signal<Local, U<8>>,
    gain: Signal<Local, U<8>>,
    number_next: Signal<Local, U<8>>,
    write: Signal<Local, Bit>,
    clear: Signal<Local, Bit>,
    _activity: Activity,
}

impl AckScan {
    /// Tables for `sessions` sessions.
    pub fn new(sessions: usize) -> Self {
        Self {
            counters: LutRam::with_depth(sessions),
            oldest: LutRam::with_depth(sessions),
            edges: LutRam::with_depth(sessions),
            latests: LutRam::with_depth(sessions),
            credits: LutRam::with_depth(sessions),
            ..Default::default()
        }
    }
}

impl Logic for AckScan {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, step, row, timeout, finding, served, flushed, base, advance);
        dff_setup!(
            self,
            clock,
            outstanding,
            latest,
            credit,
            index,
            examined,
            slot,
            offset,
            sack_index,
            number,
            slot_lost,
            slot_busy,
            judged,
            judged_slot,
            judged_offset,
            judged_number
        );
        dff_setup!(self, clock, news, best, best_slot, found, resend, resend_row, resend_number, resend_place, elapsed);
        self.acknowledge.next = false;
        self.lose.next = false;
        self.mark_slot.next = self.judged_slot.q.val();
        self.tx_done.next = false;
        self.flush_done.next = false;
        self.expired_handled.next = false;
        self.progress.next = false;
        self.progress_session.next = self.row.q.val();
        self.sample.next = false;
        self.sample_session.next = self.row.q.val();
        self.sample_time.next = self.elapsed.q.val().get_bits::<20>(0);
        if self.elapsed.q.val().get_bits::<3>(20).any() {
            self.sample_time.next = bits::<20>(0xf_ffff);
        }
        self.np_limit_write.next = false;
        self.np_limit_session.next = self.row.q.val();
        self.np_limit_value.next = self.np_limit.val();
        self.forget.next = false;
        self.forget_session.next = self.row.q.val();
        self.purge.next = false;
        self.resend_valid.next = self.resend.q.val();
        self.resend_session.next = self.resend_row.q.val();
        self.resend_slot.next = self.resend_place.q.val();
        self.resend_seq.next = self.resend_number.q.val();
        self.claimed.next = (self.step.q.val() == ScanStep::Load) || (self.step.q.val() == ScanStep::Purge);
        self.visited.next = self.visit_session.val();
        if (self.step.q.val() == ScanStep::Load) || (self.step.q.val() == ScanStep::Purge) {
            self.visited.next = self.row.q.val();
        }
        self.visited_oldest.next = self.oldest.read_data.val();
        self.visited_edge.next = self.edges.read_data.val();
        self.write.next = false;
        self.clear.next = false;

        // The walk: a slot is read in one clock, judged in the next, and the judgement is carried out in the third.
        self.place.next = self.index.q.val().get_bits::<4>(0);
        self.row_seq.next = self.rows.read_data.val().get_bits::<5>(0);
        self.walking.next = (self.step.q.val() == ScanStep::Acknowledge)
            || (self.step.q.val() == ScanStep::Lose)
            || (self.step.q.val() == ScanStep::Find);
        self.examined.d.next = false;
        if self.walking.val() && !self.index.q.val().get_bit(4) {
            self.index.d.next = self.index.q.val() + 1;
            self.examined.d.next = self.live.val().get_bit(self.place.val().index())
                && (self.rows.read_data.val().get_bits::<3>(5) == self.row.q.val());
            self.slot.d.next = self.place.val();
            self.offset.d.next = self.row_seq.val() - self.base.q.val().get_bits::<5>(0);
            self.sack_index.d.next = self.row_seq.val() - self.ack.val().get_bits::<5>(0) - 1;
            self.number.d.next = self.numbers.read_data.val();
            self.slot_lost.d.next = self.lost.val().get_bit(self.place.val().index());
            self.slot_busy.d.next = self.busy.val() && (self.busy_slot.val() == self.place.val());
        }
        self.before.next = self.offset.q.val() < self.advance.q.val().get_bits::<5>(0);
        self.hit.next = self.before.val()
            || ((!self.sack_index.q.val().all()) && self.sack.val().get_bit(self.sack_index.q.val().index()));
        self.newer.next = self.judged_number.q.val() - self.latest.q.val();
        self.behind.next = self.latest.q.val() - self.number.q.val();
        self.judged_slot.d.next = self.slot.q.val();
        self.judged_offset.d.next = self.offset.q.val();
        self.judged_number.d.next = self.number.q.val();
        self.judged.d.next = false;
        if self.step.q.val() == ScanStep::Acknowledge {
            self.judged.d.next = self.examined.q.val() && self.hit.val();
        } else if self.step.q.val() == ScanStep::Lose {
            self.judged.d.next = self.examined.q.val()
                && !self.slot_lost.q.val()
                && !self.behind.val().get_bit(7)
                && self.behind.val().get_bits::<6>(1).any();
        } else if self.step.q.val() == ScanStep::Find {
            self.judged.d.next =
                self.examined.q.val() && !self.slot_busy.q.val() && (self.slot_lost.q.val() != self.timeout.q.val());
        }
        self.walked.next = self.index.q.val().get_bit(4) && !self.examined.q.val() && !self.judged.q.val();
        self.gain.next = self.np_limit.val() - self.credit.q.val();

        if self.resend_take.val() {
            self.resend.d.next = false;
        }
        match self.step.q.val() {
            ScanStep::Clear => {
                self.clear.next = true;
                self.forget.next = true;
                self.row.d.next = self.row.q.val() + 1;
                if self.row.q.val() == self.last_session.val() {
                    self.step.d.next = ScanStep::Idle;
                }
            }
            ScanStep::Idle => {
                self.index.d.next = bits::<5>(0);
                self.news.d.next = false;
                self.found.d.next = false;
                self.timeout.d.next = false;
                self.finding.d.next = false;
                if self.flush.val() && !self.flushed.q.val() {
                    self.row.d.next = self.flush_session.val();
                    self.step.d.next = ScanStep::Drain;
                } else if self.accept.val() && !self.served.q.val() {
                    self.row.d.next = self.accept_session.val();
                    self.elapsed.d.next = self.now.val() - self.ts_echo.val();
                    self.step.d.next = ScanStep::Load;
                } else if self.expired.val() {
                    self.row.d.next = self.expired_session.val();
                    self.timeout.d.next = true;
                    self.finding.d.next = true;
                    self.step.d.next = ScanStep::Load;
                } else if self.find.val() && !self.resend.q.val() {
                    self.row.d.next = self.find_session.val();
                    self.finding.d.next = true;
                    self.step.d.next = ScanStep::Load;
                } else if self.find.val() && (self.resend_row.q.val() != self.find_session.val()) {
                    self.row.d.next = self.find_session.val();
                    self.finding.d.next = true;
                    self.step.d.next = ScanStep::Load;
                }
            }
            ScanStep::Load => {
                self.base.d.next = self.oldest.read_data.val();
                self.advance.d.next = self.ack.val() - self.oldest.read_data.val();
                self.outstanding.d.next = self.visited_next.val() - self.oldest.read_data.val();
                self.latest.d.next = self.latests.read_data.val();
                self.credit.d.next = self.credits.read_data.val();
                self.step.d.next = ScanStep::Check;
            }
            ScanStep::Check => {
                if self.finding.q.val() {
                    self.step.d.next = ScanStep::Find;
                } else if self.advance.q.val() > self.outstanding.q.val() {
                    self.step.d.next = ScanStep::Finish;
                } else if self.outstanding.q.val() == 0 {
                    self.step.d.next = ScanStep::Write;
                } else {
                    self.step.d.next = ScanStep::Acknowledge;
                }
            }
            ScanStep::Acknowledge => {
                if self.judged.q.val() {
                    self.acknowledge.next = true;
                    self.news.d.next = true;
                    if !self.newer.val().get_bit(7) {
                        self.latest.d.next = self.judged_number.q.val();
                    }
                }
                if self.walked.val() {
                    self.index.d.next = bits::<5>(0);
                    self.step.d.next = ScanStep::Write;
                    if self.news.q.val() {
                        self.step.d.next = ScanStep::Lose;
                    }
                }
            }
            ScanStep::Lose => {
                self.lose.next = self.judged.q.val();
                if self.walked.val() {
                    self.step.d.next = ScanStep::Write;
                }
            }
            ScanStep::Find => {
                if self.judged.q.val() {
                    if !self.found.q.val() || (self.judged_offset.q.val() < self.best.q.val()) {
                        self.best.d.next = self.judged_offset.q.val();
                        self.best_slot.d.next = self.judged_slot.q.val();
                        self.found.d.next = true;
                    }
                }
                if self.walked.val() {
                    self.step.d.next = ScanStep::Found;
                }
            }
            ScanStep::Found => {
                self.mark_slot.next = self.best_slot.q.val();
                if self.timeout.q.val() {
                    self.lose.next = self.found.q.val();
                    self.expired_handled.next = true;
                    self.resend.d.next = false;
                } else {
                    self.resend.d.next = self.found.q.val();
                    self.resend_row.d.next = self.row.q.val();
                    self.resend_place.d.next = self.best_slot.q.val();
                    self.resend_number.d.next = self.base.q.val() + bit_cast::<16, 5>(self.best.q.val());
                }
                self.step.d.next = ScanStep::Idle;
            }
            ScanStep::Write => {
                self.write.next = true;
                self.progress.next = self.news.q.val();
                self.np_limit_write.next = !self.gain.val().get_bit(7);
                self.resend.d.next = false;
                self.step.d.next = ScanStep::Finish;
            }
            ScanStep::Finish => {
                self.sample.next = self.echo.val() && !self.elapsed.q.val().get_bit(23);
                self.tx_done.next = true;
                self.served.d.next = true;
                self.step.d.next = ScanStep::Idle;
            }
            ScanStep::Drain => {
                if self.flush_clear.val() {
                    self.step.d.next = ScanStep::Purge;
                }
            }
            ScanStep::Purge => {
                if !self.transmitted.val() {
                    self.clear.next = true;
                    self.forget.next = true;
                    self.purge.next = true;
                    self.resend.d.next = false;
                    self.flush_done.next = true;
                    self.flushed.d.next = true;
                    self.step.d.next = ScanStep::Idle;
                }
            }
        }
        if !self.accept.val() {
            self.served.d.next = false;
        }
        if !self.flush.val() {
            self.flushed.d.next = false;
        }

        // Tables of slots: whose frame, and the number of its last transmission.
        self.rows.clock.next = self.clock.val();
        self.rows.write_enable.next = self.open.val();
        self.rows.write_address.next = self.open_slot.val();
        self.rows.write_data.next =
            (bit_cast::<8, 3>(self.open_session.val()) << 5) | bit_cast::<8, 5>(self.open_seq.val());
        self.rows.read_address.next = self.place.val();
        self.number_next.next = self.counters.read_data.val() + 1;
        self.numbers.clock.next = self.clock.val();
        self.numbers.write_enable.next = self.transmitted.val();
        self.numbers.write_address.next = self.busy_slot.val();
        self.numbers.write_data.next = self.number_next.val();
        self.numbers.read_address.next = self.place.val();
        // Tables of sessions.
        self.counters.clock.next = self.clock.val();
        self.counters.write_enable.next = self.transmitted.val();
        self.counters.write_address.next = self.busy_session.val();
        self.counters.write_data.next = self.number_next.val();
        self.counters.read_address.next = self.busy_session.val();
        self.oldest.clock.next = self.clock.val();
        self.oldest.write_enable.next = self.write.val() || self.clear.val();
        self.oldest.write_address.next = self.row.q.val();
        self.oldest.write_data.next = self.ack.val();
        self.oldest.read_address.next = self.visited.val();
        self.edges.clock.next = self.clock.val();
        self.edges.write_enable.next = self.write.val() || self.clear.val();
        self.edges.write_address.next = self.row.q.val();
        self.edges.write_data.next = self.ack.val() + bit_cast::<16, 8>(self.window.val());
        self.edges.read_address.next = self.visited.val();
        self.latests.clock.next = self.clock.val();
        self.latests.write_enable.next = self.write.val() && self.news.q.val();
        self.latests.write_address.next = self.row.q.val();
        self.latests.write_data.next = self.latest.q.val();
        self.latests.read_address.next = self.visited.val();
        self.credits.clock.next = self.clock.val();
        self.credits.write_enable.next = self.clear.val() || (self.write.val() && !self.gain.val().get_bit(7));
        self.credits.write_address.next = self.row.q.val();
        self.credits.write_data.next = self.np_limit.val();
        self.credits.read_address.next = self.visited.val();
        if self.clear.val() {
            self.oldest.write_data.next = bits::<16>(0);
            self.edges.write_data.next = bits::<16>(4);
            self.credits.write_data.next = bits::<8>(0);
        }
        if !self.last_session.val().any() {
            self.row.d.next = bits::<3>(0);
        }
        if self.reset.val() {
            self.step.d.next = ScanStep::Clear;
            self.judged.d.next = false;
            self.row.d.next = bits::<3>(0);
            self.served.d.next = false;
            self.flushed.d.next = false;
            self.resend.d.next = false;
        }
    }
}
