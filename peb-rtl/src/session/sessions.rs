//! Judges every received frame, and runs the handshake: announce, join, keep-alive, leave.
//!
//! *Frames.* A header is offered with `valid` until `done`. A DATA frame of a session (index, address, both epochs)
//! leads to `accept` two clocks later, which stays until `rx_done` and `tx_done` were both seen; then `done`. All else
//! is over in 4 clocks, a HELLO at a host in 4 + 2 a slot, the end of a session as soon as the three flushes are.
//! A frame of no session raises `stale`, a join without a place or beside another host `joins_refused`.
//!
//! *Joining.* HELLO (I/O epoch), OFFER (fresh host epoch, I/O epoch), CONFIRM (both): then the host has a session and
//! says so with a keep-alive; the I/O side has one when the first DATA frame with both epochs arrives. An offer is kept
//! beside a running session of the same address (a challenge), which ends only when the offer is confirmed. A HELLO
//! that is repeated with the same epoch gets the same offer again. Epochs are never 0 and come from a counter that
//! `reset` leaves alone.
//!
//! *Time* is looked at once a tick, two clocks for each timer, while no frame is there. Announcements: every
//! `hello_ticks`. CONFIRM is repeated four times as often, 15 times. A session without a frame sent in half that time asks
//! for a keep-alive. LEAVE is said three times. Silence of `down_ticks` (the larger of both sides') ends a session, and an unanswered offer.
//!
//! *Waits.* For `rx_done`/`tx_done` and the flushes, which take bounded time by themselves; for `ctl_ready` only
//! between frames, or when leaving: the transmitter may be paused, for DOWN_TICKS/4 at most. An answer that finds the
//! control port occupied is not sent: the peer asks again. Nothing here waits for a frame to arrive.
//!
//! `reset` ends all sessions without a word and takes `vid` from `vlan`. The way back to `Idle` from every state does
//! not depend on the network.

use super::{Composer, Flush, Peers, Role, Search, State, Timers};
use peb_hdl::prelude::*;
use peb_wire::Kind;

// The literals of `update` below.
const _: () = assert!(Kind::Data as u32 == 0 && Kind::Hello as u32 == 1 && Kind::Offer as u32 == 2);
const _: () = assert!(Kind::Confirm as u32 == 3 && Kind::Leave as u32 == 4);
const _: () = assert!(peb_wire::field::HOST.lsb == 1 && peb_wire::field::BOUND.lsb == 2);

/// See the module's documentation. `SESSIONS` is the number of slots of a host, 1 for an I/O PEB.
#[derive(Module, Default)]
pub struct Sessions<const SESSIONS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,

    /// Own address, first byte on the wire in the high bits.
    pub own_mac: Signal<In, U<48>>,
    /// CONTROL: 0 leaves all sessions and stays away.
    pub enable: Signal<In, Bit>,
    /// VLAN: another VID than `vid` moves the PEB.
    pub vlan: Signal<In, U<12>>,
    /// I/O, SLOT: any free slot.
    pub slot_any: Signal<In, Bit>,
    /// I/O, SLOT: the slot wanted.
    pub slot_wanted: Signal<In, U<5>>,
    /// HELLO_TICKS with its floor.
    pub hello_ticks: Signal<In, U<24>>,
    /// DOWN_TICKS with its floor.
    pub down_ticks: Signal<In, U<24>>,
    /// One clock a tick.
    pub tick: Signal<In, Bit>,
    /// Count of ticks.
    pub ticks: Signal<In, U<24>>,

    /// The header of a good frame is offered until `done`.
    pub valid: Signal<In, Bit>,
    pub src: Signal<In, U<48>>,
    pub kind: Signal<In, U<4>>,
    pub flags: Signal<In, U<8>>,
    pub src_epoch: Signal<In, U<16>>,
    pub dst_epoch: Signal<In, U<16>>,
    pub index: Signal<In, U<8>>,
    /// Bytes 12 to 15 of the header (the field `sack`).
    pub arg: Signal<In, U<32>>,
    /// One clock: the header is no longer needed.
    pub done: Signal<Out, Bit>,
    /// The header is one of session `accept_session`.
    pub accept: Signal<Out, Bit>,
    pub accept_session: Signal<Out, U<3>>,
    /// The receiver is through with the header (one clock).
    pub rx_done: Signal<In, Bit>,
    /// The transmitter is through with the header (one clock).
    pub tx_done: Signal<In, Bit>,

    /// Session `flush_session` has ended: until all three have said done.
    pub flush: Signal<Out, Bit>,
    pub flush_session: Signal<Out, U<3>>,
    /// As `flush`, until this one has said done.
    pub flush_packer: Signal<Out, Bit>,
    pub flush_control: Signal<Out, Bit>,
    pub flush_reassembly: Signal<Out, Bit>,
    /// One clock each.
    pub flush_done_packer: Signal<In, Bit>,
    pub flush_done_control: Signal<In, Bit>,
    pub flush_done_reassembly: Signal<In, Bit>,

    /// A control frame to send.
    pub ctl_valid: Signal<Out, Bit>,
    pub ctl_ready: Signal<In, Bit>,
    pub ctl_kind: Signal<Out, U<4>>,
    pub ctl_dst: Signal<Out, U<48>>,
    pub ctl_src_epoch: Signal<Out, U<16>>,
    pub ctl_dst_epoch: Signal<Out, U<16>>,
    pub ctl_index: Signal<Out, U<8>>,
    pub ctl_flags: Signal<Out, U<8>>,
    pub ctl_arg: Signal<Out, U<32>>,
    /// No frame is being sent or waits in Sender or MAC. When it has been 1 for 16 clocks, a LEAVE is out and the VID may change.
    pub tx_idle: Signal<In, Bit>,
    /// Sessions that shall send a DATA frame, even an empty one.
    pub keepalive: Signal<Out, U<8>>,
    /// One clock: a DATA frame of `keepalive_sent_session` has started.
    pub keepalive_sent: Signal<In, Bit>,
    pub keepalive_sent_session: Signal<In, U<3>>,

    /// Read port of the transmitter, combinational.
    pub tx_session: Signal<In, U<3>>,
    pub peer_mac: Signal<Out, U<48>>,
    pub my_epoch: Signal<Out, U<16>>,
    pub peer_epoch: Signal<Out, U<16>>,
    pub peer_index: Signal<Out, U<8>>,

    /// Read port of the registers: the other `stat_` outputs belong to `stat_session` of a clock ago in clocks with `stat_valid`.
    pub stat_session: Signal<In, U<3>>,
    pub stat_valid: Signal<Out, Bit>,
    pub stat_bound: Signal<Out, Bit>,
    pub stat_mac: Signal<Out, U<48>>,
    /// The peer's epoch in the high half, our own in the low one.
    pub stat_epoch: Signal<Out, U<32>>,

    /// One bit a session.
    pub session_up: Signal<Out, U<8>>,
    /// VID in use.
    pub vid: Signal<Out, U<12>>,
    /// One clock: a frame of another session was dropped.
    pub stale: Signal<Out, Bit>,
    /// One clock: a join was refused.
    pub joins_refused: Signal<Out, Bit>,

    role: Role,
    peers: Peers,
    search: Search,
    timers: Timers,
    composer: Composer,
    forget: Flush,

    state: Reg<State>,
    back: Reg<State>,
    row: Reg<U<3>>,
    epoch: Reg<U<16>>,
    group: Reg<U<12>>,
    open: Reg<Bit>,
    up: Reg<U<8>>,
    offered: Reg<U<8>>,
    ask: Reg<U<8>>,
    spoke: Reg<U<8>>,
    slot: Reg<U<5>>,
    seen: Reg<U<3>>,
    settled: Reg<U<4>>,
    in_range: Reg<Bit>,
    announce: Reg<Bit>,
    confirm: Reg<Bit>,
    tries: Reg<U<4>>,
    half: Reg<Bit>,
    sent: Reg<Bit>,
    sent_row: Reg<U<3>>,
    rival: Reg<Bit>,
    frame: Reg<U<4>>,
    shown: Reg<Bit>,

    here: Signal<Local, U<3>>,
    at: Signal<Local, U<3>>,
    bit: Signal<Local, U<8>>,
    sent_bit: Signal<Local, U<8>>,
    up_here: Signal<Local, Bit>,
    offered_here: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    ours: Signal<Local, Bit>,
    last_row: Signal<Local, Bit>,
    next_epoch: Signal<Local, U<16>>,
    used: Signal<Local, U<3>>,
    end: Signal<Local, Bit>,
    restart: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const SESSIONS: usize> Sessions<SESSIONS> {
    /// The host's, with `SESSIONS` slots.
    pub fn host() -> Self {
        Sessions { role: Role::host(SESSIONS), composer: Composer::new(Role::host(SESSIONS)), ..Self::default() }
    }
    /// The I/O side's: one session, whatever `SESSIONS` is.
    pub fn io() -> Self {
        Self::default()
    }
}

impl<const SESSIONS: usize> Logic for Sessions<SESSIONS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, state, back, row, epoch, group, open, up, offered, ask, spoke, slot, seen, settled, in_range,
            announce, confirm, tries, half, rival, frame, sent, sent_row, shown
        );
        self.here.next = self.row.q.val() & self.role.mask.val();
        self.peers.clock.next = self.clock.val();
        self.peers.src.next = self.src.val();
        self.peers.src_epoch.next = self.src_epoch.val();
        self.peers.dst_epoch.next = self.dst_epoch.val();
        self.timers.clock.next = self.clock.val();
        self.timers.reset.next = self.reset.val();
        self.timers.tick.next = self.tick.val();
        self.timers.ticks.next = self.ticks.val();
        self.timers.hello_ticks.next = self.hello_ticks.val();
        self.timers.down_ticks.next = self.down_ticks.val();
        self.timers.last.next = self.role.last.val();
        self.composer.clock.next = self.clock.val();
        self.composer.reset.next = self.reset.val();
        self.composer.load.next = self.state.q.val() == State::Compose;
        self.composer.kind.next = self.frame.q.val();
        self.composer.mac.next = self.peers.mac.val();
        self.composer.epochs.next = self.peers.epochs.val();
        self.composer.offer.next = self.peers.offer.val();
        self.composer.epoch.next = self.epoch.q.val();
        self.composer.index.next = self.slot.q.val();
        self.composer.slot_any.next = self.slot_any.val();
        self.composer.slot_wanted.next = self.slot_wanted.val();
        self.composer.row.next = self.here.val();
        self.composer.down_ticks.next = self.down_ticks.val();
        self.composer.bound.next = self.up.q.val().any();
        self.composer.ctl_ready.next = self.ctl_ready.val();

        // The row that the tables show, and what is known of the row in work.
        self.at.next = self.here.val();
        self.shown.d.next = false;
        if (self.state.q.val() == State::Idle) && self.valid.val() {
            self.at.next = self.index.val().get_bits::<3>(0) & self.role.mask.val();
        } else if (self.state.q.val() == State::Idle)
            || (self.state.q.val() == State::Accept)
            || (self.state.q.val() == State::Flush)
            || (self.state.q.val() == State::Timer)
            || (self.state.q.val() == State::Close)
            || (self.state.q.val() == State::Settle)
        {
            self.at.next = self.stat_session.val() & self.role.mask.val();
            self.shown.d.next = true;
        }
        self.bit.next = bits::<8>(1) << self.here.val();
        self.up_here.next = self.up.q.val().get_bit(self.here.val().index());
        self.offered_here.next = self.offered.q.val().get_bit(self.here.val().index());
        self.last_row.next = self.here.val() == self.role.last.val();
        self.peers.row.next = self.at.val();
        self.stat_bound.next = self.up.q.val().get_bit(self.stat_session.val().index());
        self.stat_valid.next = self.shown.q.val();
        self.stat_mac.next = self.peers.last_mac.val();
        self.stat_epoch.next = self.peers.last_epochs.val();
        self.peers.tx_row.next = self.tx_session.val() & self.role.mask.val();
        self.peer_mac.next = self.peers.tx_mac.val();
        self.my_epoch.next = self.peers.tx_epochs.val().get_bits::<16>(0);
        self.peer_epoch.next = self.peers.tx_epochs.val().get_bits::<16>(16);
        self.peer_index.next = bit_cast::<8, 5>(self.slot.q.val());

        // The header against the row in work.
        self.in_range.d.next = self.index.val() <= bit_cast::<8, 3>(self.role.last.val());
        self.search.clock.next = self.clock.val();
        self.search.start.next = self.state.q.val() == State::Judge;
        self.search.weigh.next = self.state.q.val() == State::Weigh;
        self.search.row.next = self.here.val();
        self.search.any.next = self.arg.val().get_bit(31);
        self.search.wanted.next = self.arg.val().get_bits::<5>(24);
        self.search.same_mac.next = self.peers.same_mac.val();
        self.search.up.next = self.up_here.val();
        self.search.offered.next = self.offered_here.val();
        self.known.next = self.up_here.val() || (self.offered_here.val() && !self.role.host.val());
        self.ours.next =
            self.known.val() && self.peers.same_mac.val() && self.peers.same_epochs.val() && self.in_range.q.val();
        if self.epoch.q.val() == 65535 {
            self.next_epoch.next = 1.into();
        } else {
            self.next_epoch.next = self.epoch.q.val() + 1;
        }

        // Defaults.
        self.peers.write_enable.next = false;
        self.peers.write_row.next = self.here.val();
        self.peers.write_mac.next = self.src.val();
        self.peers.write_epochs.next = self.peers.offer.val();
        self.peers.write_offer.next = false;
        self.peers.offer_epochs.next =
            (bit_cast::<32, 16>(self.src_epoch.val()) << 16) | bit_cast::<32, 16>(self.next_epoch.val());
        self.timers.look.next = false;
        self.timers.advance.next = self.state.q.val() == State::Timer;
        self.timers.start_announcement.next = false;
        self.timers.start_quarter.next = false;
        self.timers.start_rival.next = false;
        self.timers.start_silence.next = false;
        self.timers.write_limit.next = false;
        self.timers.row.next = self.here.val();
        self.timers.limit.next = self.arg.val().get_bits::<24>(0);
        self.done.next = self.state.q.val() == State::Done;
        self.accept.next = self.state.q.val() == State::Accept;
        self.accept_session.next = self.here.val();
        self.stale.next = false;
        self.joins_refused.next = false;
        self.end.next = false;
        self.restart.next = false;

        self.sent_bit.next = 0.into();
        self.sent.d.next = self.keepalive_sent.val();
        self.sent_row.d.next = self.keepalive_sent_session.val();
        if self.sent.q.val() {
            self.sent_bit.next = bits::<8>(1) << self.sent_row.q.val();
        }
        self.spoke.d.next = self.spoke.q.val() | self.sent_bit.val();
        self.ask.d.next = self.ask.q.val() & !self.sent_bit.val();

        self.used.next = self.seen.q.val();
        self.used.next = self.used.val().replace_bit(0, self.seen.q.val().get_bit(0) || self.rx_done.val());
        self.used.next = self.used.val().replace_bit(1, self.seen.q.val().get_bit(1) || self.tx_done.val());
        self.forget.clock.next = self.clock.val();
        self.forget.reset.next = self.reset.val();
        self.forget.done_packer.next = self.flush_done_packer.val();
        self.forget.done_control.next = self.flush_done_control.val();
        self.forget.done_reassembly.next = self.flush_done_reassembly.val();

        match self.state.q.val() {
            State::Idle => {
                if self.valid.val() {
                    self.row.d.next = self.index.val().get_bits::<3>(0);
                    self.seen.d.next = 0.into();
                    self.state.d.next = State::Judge;
                } else if !self.open.q.val() {
                    if self.enable.val() {
                        self.group.d.next = self.vlan.val();
                        self.open.d.next = true;
                        self.restart.next = true;
                    }
                } else if !self.enable.val() || (self.vlan.val() != self.group.q.val()) {
                    self.offered.d.next = self.offered.q.val() & self.up.q.val();
                    self.row.d.next = 0.into();
                    self.tries.d.next = 0.into();
                    self.state.d.next = State::Close;
                } else if self.announce.q.val() && self.composer.ready.val() {
                    self.announce.d.next = false;
                    if self.role.host.val() || (!self.up.q.val().get_bit(0) && !self.offered.q.val().get_bit(0)) {
                        self.timers.start_announcement.next = true;
                        self.frame.d.next = 1.into();
                        self.back.d.next = State::Idle;
                        self.state.d.next = State::Compose;
                    }
                } else if self.confirm.q.val() && self.composer.ready.val() {
                    self.confirm.d.next = false;
                    if self.offered.q.val().get_bit(0) {
                        self.row.d.next = 0.into();
                        self.tries.d.next = self.tries.q.val() + 1;
                        self.frame.d.next = 3.into();
                        self.back.d.next = State::Idle;
                        self.state.d.next = State::Compose;
                    }
                } else if self.timers.due.val() {
                    self.row.d.next = self.timers.step.val().get_bits::<3>(0);
                    self.timers.look.next = true;
                    self.state.d.next = State::Timer;
                }
            }
            State::Judge => {
                self.state.d.next = State::Done;
                if self.open.q.val() && (self.kind.val() == 0) && self.ours.val() {
                    self.timers.start_silence.next = true;
                    self.up.d.next = self.up.q.val() | self.bit.val();
                    if !self.role.host.val() {
                        self.offered.d.next = 0.into();
                    }
                    self.state.d.next = State::Accept;
                } else if self.open.q.val() && (self.kind.val() == 4) && self.ours.val() {
                    self.back.d.next = State::Done;
                    self.end.next = true;
                } else if self.kind.val() == 1 {
                    if self.open.q.val() && self.role.host.val() && self.flags.val().get_bit(1) {
                        if (self.src.val() != self.own_mac.val())
                            && (self.flags.val().get_bit(2)
                                || ((self.src.val() < self.own_mac.val()) && (self.up.q.val() == 0)))
                        {
                            self.rival.d.next = true;
                            self.timers.start_rival.next = true;
                        }
                    } else if self.open.q.val() && self.role.host.val() && self.rival.q.val() {
                        self.joins_refused.next = true;
                    } else if self.open.q.val() && self.role.host.val() {
                        self.row.d.next = 0.into();
                        self.state.d.next = State::Search;
                    }
                } else if self.open.q.val()
                    && (self.kind.val() == 2)
                    && !self.role.host.val()
                    && (!self.up.q.val().get_bit(0))
                    && (!self.offered.q.val().get_bit(0))
                    && (self.dst_epoch.val() == self.epoch.q.val())
                {
                    self.peers.write_enable.next = true;
                    self.peers.write_row.next = 0.into();
                    self.timers.row.next = 0.into();
                    self.peers.write_epochs.next =
                        (bit_cast::<32, 16>(self.src_epoch.val()) << 16) | bit_cast::<32, 16>(self.epoch.q.val());
                    self.timers.write_limit.next = true;
                    self.timers.start_silence.next = true;
                    self.slot.d.next = self.arg.val().get_bits::<5>(24);
                    self.offered.d.next = 1.into();
                    self.tries.d.next = 0.into();
                    self.confirm.d.next = true;
                } else if self.open.q.val()
                    && (self.kind.val() == 3)
                    && self.role.host.val()
                    && self.in_range.q.val()
                    && self.peers.same_mac.val()
                    && self.offered_here.val()
                    && self.peers.same_offer.val()
                {
                    self.back.d.next = State::Establish;
                    if self.up_here.val() {
                        self.end.next = true;
                    } else {
                        self.state.d.next = State::Establish;
                    }
                } else if self.open.q.val() && (self.kind.val() == 3) && self.role.host.val() && self.ours.val() {
                    self.timers.start_silence.next = true;
                    self.ask.d.next = self.ask.q.val() | self.bit.val();
                } else {
                    self.stale.next = true;
                }
            }
            State::Accept => {
                self.seen.d.next = self.used.val();
                if self.used.val() == 3 {
                    self.state.d.next = State::Done;
                }
            }
            State::Done => {
                self.state.d.next = State::Idle;
            }
            State::Search => {
                self.state.d.next = State::Weigh;
            }
            State::Weigh => {
                self.row.d.next = self.here.val() + 1;
                self.state.d.next = State::Search;
                if self.last_row.val() {
                    self.row.d.next = self.search.best.val();
                    self.state.d.next = State::Choose;
                }
            }
            State::Choose => {
                self.state.d.next = State::Bind;
            }
            State::Bind => {
                self.frame.d.next = 2.into();
                self.back.d.next = State::Done;
                if !self.search.found.val() {
                    self.joins_refused.next = true;
                    self.state.d.next = State::Done;
                } else if self.up_here.val() && self.peers.same_peer.val() {
                    self.stale.next = true;
                    self.state.d.next = State::Done;
                } else {
                    if !self.up_here.val() {
                        self.timers.start_silence.next = true;
                        self.timers.write_limit.next = true;
                        self.peers.write_enable.next = true;
                    }
                    if !self.offered_here.val() || !self.peers.same_offer_peer.val() {
                        self.peers.write_offer.next = true;
                        self.epoch.d.next = self.next_epoch.val();
                        self.offered.d.next = self.offered.q.val() | self.bit.val();
                    }
                    self.state.d.next = State::Compose;
                }
            }
            State::Compose => {
                self.state.d.next = self.back.q.val();
                if (self.frame.q.val() == 4) && (self.tries.q.val() == 2) {
                    self.tries.d.next = 0.into();
                    self.end.next = true;
                } else if self.frame.q.val() == 4 {
                    self.tries.d.next = self.tries.q.val() + 1;
                }
            }
            State::Flush => {
                if self.forget.over.val() {
                    self.state.d.next = self.back.q.val();
                    if !self.role.host.val() {
                        self.restart.next = true;
                    }
                }
            }
            State::Establish => {
                self.peers.write_enable.next = true;
                self.timers.start_silence.next = true;
                self.timers.write_limit.next = true;
                self.up.d.next = self.up.q.val() | self.bit.val();
                self.offered.d.next = self.offered.q.val() & !self.bit.val();
                self.ask.d.next = self.ask.q.val() | self.bit.val();
                self.state.d.next = State::Done;
            }
            State::Timer => {
                self.state.d.next = State::Idle;
                if self.timers.late.val() {
                    if self.timers.step.val() == 0 {
                        self.announce.d.next = true;
                    } else if self.timers.step.val() == 1 {
                        self.timers.start_quarter.next = true;
                        if !self.role.host.val() && self.offered.q.val().get_bit(0) {
                            self.confirm.d.next = true;
                            if self.tries.q.val() == 15 {
                                self.offered.d.next = 0.into();
                                self.restart.next = true;
                            }
                        }
                        self.half.d.next = !self.half.q.val();
                        if self.half.q.val() {
                            self.ask.d.next =
                                (self.ask.q.val() | (self.up.q.val() & !self.spoke.q.val())) & !self.sent_bit.val();
                            self.spoke.d.next = self.sent_bit.val();
                        }
                    } else if self.timers.step.val() == 2 {
                        self.rival.d.next = false;
                    } else if self.up_here.val() {
                        self.back.d.next = State::Idle;
                        self.end.next = true;
                    } else if self.role.host.val() {
                        self.offered.d.next = self.offered.q.val() & !self.bit.val();
                    }
                }
            }
            State::Close => {
                if self.up_here.val() {
                    if self.composer.ready.val() {
                        self.frame.d.next = 4.into();
                        self.back.d.next = State::Close;
                        self.state.d.next = State::Compose;
                    }
                } else if self.last_row.val() {
                    self.settled.d.next = 0.into();
                    self.state.d.next = State::Settle;
                } else {
                    self.row.d.next = self.here.val() + 1;
                }
            }
            State::Settle => {
                self.settled.d.next = self.settled.q.val() + 1;
                if !self.composer.ready.val() || !self.tx_idle.val() {
                    self.settled.d.next = 0.into();
                } else if self.settled.q.val() == 15 {
                    self.open.d.next = false;
                    self.rival.d.next = false;
                    self.state.d.next = State::Idle;
                }
            }
        }
        // A session ends: nobody may add to it while the others forget it.
        self.forget.start.next = self.end.val();
        if self.end.val() {
            self.up.d.next = self.up.q.val() & !self.bit.val();
            self.offered.d.next = self.offered.q.val() & !self.bit.val();
            self.ask.d.next = self.ask.q.val() & !self.bit.val();
            self.state.d.next = State::Flush;
        }
        // A new life as a stranger.
        if self.restart.val() {
            self.epoch.d.next = self.next_epoch.val();
            self.announce.d.next = true;
        }

        self.flush.next = self.forget.any.val();
        self.flush_session.next = self.here.val();
        self.flush_packer.next = self.forget.packer.val();
        self.flush_control.next = self.forget.control.val();
        self.flush_reassembly.next = self.forget.reassembly.val();
        self.ctl_valid.next = self.composer.ctl_valid.val();
        self.ctl_kind.next = self.composer.ctl_kind.val();
        self.ctl_dst.next = self.composer.ctl_dst.val();
        self.ctl_src_epoch.next = self.composer.ctl_src_epoch.val();
        self.ctl_dst_epoch.next = self.composer.ctl_dst_epoch.val();
        self.ctl_index.next = self.composer.ctl_index.val();
        self.ctl_flags.next = self.composer.ctl_flags.val();
        self.ctl_arg.next = self.composer.ctl_arg.val();
        self.keepalive.next = self.ask.q.val();
        self.session_up.next = self.up.q.val();
        self.vid.next = self.group.q.val();

        if self.reset.val() {
            self.state.d.next = State::Idle;
            self.epoch.d.next = self.epoch.q.val();
            self.group.d.next = self.vlan.val();
            self.open.d.next = false;
            self.sent.d.next = false;
            self.shown.d.next = false;
            self.up.d.next = 0.into();
            self.offered.d.next = 0.into();
            self.ask.d.next = 0.into();
            self.spoke.d.next = 0.into();
            self.slot.d.next = 0.into();
            self.rival.d.next = false;
            self.confirm.d.next = false;
        }
    }
}
