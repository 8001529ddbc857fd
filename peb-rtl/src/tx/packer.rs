//! TLPs into frames.

use super::NpRing;
use peb_hdl::prelude::*;

/// What the packer does with the TLP at hand.
#[derive(Clone, Copy, Debug, LogicState, PartialEq)]
enum State {
    /// Waits for a TLP, from the input or from the ring.
    Choose,
    /// Finds the place of a TLP.
    Place,
    /// Writes a TLP into the open frame of its session.
    Write,
    /// Puts a non-posted TLP into the ring.
    Queue,
    /// Swallows the rest of a TLP.
    Drop,
}

/// Writes TLPs into the open frame of their session, as many as fit into 369 dwords, two dwords a clock.
///
/// Posted TLPs and completions are written as they come. A non-posted TLP is written as it comes while its session has
/// credit (`np_sent != np_limit`, both modulo 256) and none waits; else it goes into the ring of its session, places
/// of at most 15 dwords, and is packed from there, in turns with the input. A TLP that does not fit closes the open
/// frame (`open_seq` advances, the length is kept by slot) and opens the next.
///
/// - Latency: `open_ready` 3 clocks after the first beat. Throughput: a beat a clock, two
///   clocks to choose and place before each TLP, one more where a frame is closed.
/// - Registered: everything but `ready`, the write port of the slots and what the read ports select.
/// - A flush acts from the clock after it on. Reset clears all; what was being received is swallowed or taken as it comes.
/// - Bad input: a TLP that ends with `bad` is taken out of the frame again (`rollback`); a TLP of a session that is down,
///   one that does not begin with `first` and a non-posted one too long for the ring are swallowed. All but the last
///   have pulses: the Framer counts malformed ones, `no_session` the ones without session.
/// - Waits: a posted TLP for a free slot, which comes with the acknowledgement of an earlier frame and needs nothing
///   from this side's input; a non-posted one for credit, in the ring. Ordered TLPs never wait for the ring while the
///   link keeps to `np_ok` (6 places are free when it falls). A TLP that has begun waits for its own beats only;
///   closing, aborting and flushing go on meanwhile.
/// - Order: nothing of a session is packed before an earlier posted TLP of it, because those are in slots, or were
///   dropped, before the input goes on to the next TLP.
#[derive(Module, Default)]
pub struct Packer<const SESSIONS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Sessions that are up, a bit each.
    pub session_up: Signal<In, U<8>>,
    /// Forget all of `flush_session`; held until `flush_done`, then low for a clock.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    /// Bit per session: drop the non-posted TLPs that wait for credit.
    pub drop: Signal<In, U<8>>,
    /// One clock.
    pub flush_done: Signal<Out, Bit>,
    /// Session of the TLP at the input, steady over the TLP.
    pub session: Signal<In, U<3>>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    /// 0 posted, 1 non-posted, 2 completion.
    pub class: Signal<In, U<2>>,
    pub dwords: Signal<In, U<10>>,
    pub bad: Signal<In, Bit>,
    /// The link may start non-posted TLPs.
    pub np_ok: Signal<Out, Bit>,
    /// Head of the free list of slots.
    pub free_valid: Signal<In, Bit>,
    pub free_slot: Signal<In, U<4>>,
    /// One clock: `free_slot` of the clock before was taken.
    pub free_take: Signal<Out, Bit>,
    /// One clock: a slot was opened as the frame of this session and sequence number.
    pub slot_write_enable: Signal<Out, Bit>,
    pub slot_write_session: Signal<Out, U<3>>,
    pub slot_write_seq: Signal<Out, U<16>>,
    pub slot_write_slot: Signal<Out, U<4>>,
    /// New credit for non-posted TLPs of a session.
    pub np_limit_write: Signal<In, Bit>,
    pub np_limit_session: Signal<In, U<3>>,
    pub np_limit: Signal<In, U<8>>,
    /// The open frame of this session can be started.
    pub open_ready: Signal<Out, U<8>>,
    /// Sequence number of a session's open frame, or of the one opened next.
    pub scan_session: Signal<In, U<3>>,
    pub scan_open_seq: Signal<Out, U<16>>,
    /// The open frame of a session, for the Sender.
    pub read_session: Signal<In, U<3>>,
    pub read_open_seq: Signal<Out, U<16>>,
    /// Dwords of whole TLPs in it.
    pub read_fill: Signal<Out, U<9>>,
    pub read_open: Signal<Out, Bit>,
    /// A TLP is being written into it.
    pub writing: Signal<Out, Bit>,
    /// Dwords in it with those of the unfinished TLP; less than it will have while `writing`.
    pub write_pos: Signal<Out, U<9>>,
    /// One clock: the TLP that was being written into it is taken out again; `read_fill` is true already.
    pub rollback: Signal<Out, Bit>,
    /// Dwords of the closed frame in a slot.
    pub read_slot: Signal<In, U<4>>,
    pub read_length: Signal<Out, U<9>>,
    /// Close the open frame of this session if it holds a TLP and none is being written into it.
    pub close: Signal<In, Bit>,
    pub close_session: Signal<In, U<3>>,
    /// One clock: the open frame was sent in part and broken off: it is not cut through again.
    pub aborted: Signal<In, Bit>,
    pub aborted_session: Signal<In, U<3>>,
    /// Write port of the slots.
    pub write_enable: Signal<Out, Bit>,
    pub even_address: Signal<Out, U<12>>,
    pub even_data: Signal<Out, U<32>>,
    pub odd_address: Signal<Out, U<12>>,
    pub odd_data: Signal<Out, U<32>>,
    /// Sessions that a posted TLP or completion of any length can be given to without a slot becoming free.
    pub room: Signal<Out, U<8>>,
    /// One clock: a TLP of a session that is down was swallowed.
    pub no_session: Signal<Out, Bit>,
    /// One clock: a TLP was packed.
    pub tlp_packed: Signal<Out, Bit>,

    state: Reg<State>,
    /// Session of the TLP at hand, its slot, the place of its next dword, its class and dwords.
    current: Reg<U<3>>,
    slot: Reg<U<4>>,
    pos: Reg<U<9>>,
    non_posted: Reg<Bit>,
    /// 142 more than it has.
    need: Reg<U<11>>,
    /// It has too many for the ring.
    too_long: Reg<Bit>,
    /// A beat of it is written.
    begun: Reg<Bit>,
    /// The TLP at hand comes from the ring; dwords of it that are left.
    from_ring: Reg<Bit>,
    left: Reg<U<4>>,
    /// It is the ring's turn.
    turn: Reg<Bit>,
    rolled_back: Reg<Bit>,
    /// `flush` and its session of a clock ago.
    flush_now: Reg<Bit>,
    flush_to: Reg<U<3>>,
    flushed: Reg<Bit>,
    flush_ended: Reg<Bit>,
    slot_write: Reg<Bit>,
    slot_write_to: Reg<U<3>>,
    slot_write_number: Reg<U<16>>,
    swallowed: Reg<Bit>,
    one_packed: Reg<Bit>,
    has_room: Reg<U<8>>,
    // Per session: a frame is open, it holds a whole TLP, it was broken off once.
    open: Reg<U<8>>,
    committed: Reg<U<8>>,
    no_cut: Reg<U<8>>,
    fill: [Reg<U<9>>; 8],
    frame_slot: [Reg<U<4>>; 8],
    seq: [Reg<U<16>>; 8],
    ring: NpRing<SESSIONS>,
    lengths: LutRam<U<9>, 4>,

    up: Signal<Local, U<8>>,
    take_ring: Signal<Local, Bit>,
    chosen: Signal<Local, U<3>>,
    sum: Signal<Local, U<11>>,
    chosen_fill: Signal<Local, U<9>>,
    chosen_slot: Signal<Local, U<4>>,
    chosen_seq: Signal<Local, U<16>>,
    fits: Signal<Local, Bit>,
    current_fill: Signal<Local, U<9>>,
    input_need: Signal<Local, U<11>>,
    ring_need: Signal<Local, U<11>>,
    must_queue: Signal<Local, Bit>,
    may_queue: Signal<Local, Bit>,
    closing: Signal<Local, Bit>,
    opening: Signal<Local, Bit>,
    placing: Signal<Local, Bit>,
    commit: Signal<Local, Bit>,
    word: Signal<Local, U<64>>,
    taken: Signal<Local, Bit>,
    ends: Signal<Local, Bit>,
    ends_half: Signal<Local, Bit>,
    pos_after: Signal<Local, U<9>>,
    slot_base: Signal<Local, U<6>>,
    block: Signal<Local, U<6>>,
    even_word: Signal<Local, U<9>>,
    odd_word: Signal<Local, U<9>>,
    ready_bits: Signal<Local, U<8>>,
    room_bits: Signal<Local, U<8>>,
    of_current: Signal<Local, Bit>,
    open_after: Signal<Local, U<8>>,
    committed_after: Signal<Local, U<8>>,
    no_cut_after: Signal<Local, U<8>>,
    flushing: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const SESSIONS: usize> Packer<SESSIONS> {
    /// With this number of places for non-posted TLPs that wait, see [`NpRing::new`].
    pub fn new(places: usize) -> Self {
        Packer { ring: NpRing::new(places), ..Self::default() }
    }
}

impl<const SESSIONS: usize> Logic for Packer<SESSIONS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, current, slot, pos, non_posted, begun, need, too_long, from_ring);
        dff_setup!(self, clock, left, turn, rolled_back, flushed, flush_ended, flush_now, flush_to);
        dff_setup!(self, clock, slot_write, slot_write_to, slot_write_number, swallowed, one_packed);
        dff_setup!(self, clock, has_room, open, committed, no_cut);
        for i in 0..8 {
            self.fill[i].clock.next = self.clock.val();
            self.fill[i].d.next = self.fill[i].q.val();
            self.frame_slot[i].clock.next = self.clock.val();
            self.frame_slot[i].d.next = self.frame_slot[i].q.val();
            self.seq[i].clock.next = self.clock.val();
            self.seq[i].d.next = self.seq[i].q.val();
        }
        self.lengths.clock.next = self.clock.val();
        self.rolled_back.d.next = false;
        self.slot_write.d.next = false;
        self.swallowed.d.next = false;
        self.one_packed.d.next = false;

        self.flush_now.d.next = self.flush.val();
        self.flush_to.d.next = self.flush_session.val();

        // The ring.
        self.ring.clock.next = self.clock.val();
        self.ring.reset.next = self.reset.val();
        self.ring.session_up.next = self.session_up.val();
        self.ring.flush.next = self.flush_now.q.val();
        self.ring.flush_session.next = self.flush_to.q.val();
        self.ring.drop.next = self.drop.val();
        self.ring.np_limit_write.next = self.np_limit_write.val();
        self.ring.np_limit_session.next = self.np_limit_session.val();
        self.ring.np_limit.next = self.np_limit.val();
        self.np_ok.next = self.ring.np_ok.val();
        self.ring.restart.next = self.state.q.val() == State::Choose;
        self.ring.session.next = self.current.q.val();
        self.ring.data.next = self.data.val();
        self.ring.dwords.next = bit_cast::<4, 10>(self.dwords.val());
        self.ring.write.next = false;
        self.ring.push.next = false;
        self.ring.read.next = false;
        self.ring.pop.next = false;
        self.ring.used.next = false;

        // The TLP looked at, and the open frame of its session.
        self.up.next = self.session_up.val();
        if self.flush_now.q.val() {
            self.up.next = self.up.val().replace_bit(self.flush_to.q.val().index(), false);
        }
        self.input_need.next = bit_cast::<11, 10>(self.dwords.val()) + 142;
        self.ring_need.next = bit_cast::<11, 4>(self.ring.head_dwords.val()) + 142;
        self.take_ring.next = self.ring.head_ok.val() && (self.turn.q.val() || !self.valid.val());
        self.chosen.next = self.current.q.val();
        if self.close.val() {
            self.chosen.next = self.close_session.val();
        }
        self.chosen_fill.next = 0.into();
        self.chosen_slot.next = 0.into();
        self.chosen_seq.next = 0.into();
        for i in 0..SESSIONS {
            if self.chosen.val().index() == i {
                self.chosen_fill.next = self.fill[i].q.val();
                self.chosen_slot.next = self.frame_slot[i].q.val();
                self.chosen_seq.next = self.seq[i].q.val();
            }
        }
        // 369 dwords and one more are 512 with 142 added.
        self.current_fill.next = 0.into();
        for i in 0..SESSIONS {
            if self.current.q.val().index() == i {
                self.current_fill.next = self.fill[i].q.val();
            }
        }
        self.sum.next = bit_cast::<11, 9>(self.current_fill.val()) + self.need.q.val();
        self.fits.next = !self.sum.val().get_bit(9)
            && !self.sum.val().get_bit(10)
            && !(self.no_cut.q.val().get_bit(self.current.q.val().index())
                && self.committed.q.val().get_bit(self.current.q.val().index()));
        self.may_queue.next = self.non_posted.q.val() && !self.from_ring.q.val();
        self.must_queue.next = self.may_queue.val()
            && (self.ring.waiting.val().get_bit(self.current.q.val().index())
                || !self.ring.credit.val().get_bit(self.current.q.val().index()));
        if self.too_long.q.val() || self.ring.full.val() {
            self.may_queue.next = false;
        }

        // The beat at hand.
        self.word.next = self.data.val();
        self.taken.next = self.valid.val();
        self.ends.next = self.last.val();
        self.ends_half.next = self.half.val();
        if self.from_ring.q.val() {
            self.word.next = self.ring.head_data.val();
            self.taken.next = true;
            self.ends.next = self.left.q.val() < 3;
            self.ends_half.next = self.left.q.val() == 1;
        }
        self.pos_after.next = self.pos.q.val() + 2;
        if self.ends.val() && self.ends_half.val() {
            self.pos_after.next = self.pos.q.val() + 1;
        }

        self.closing.next = false;
        self.opening.next = false;
        self.placing.next = false;
        self.commit.next = false;
        self.ready.next = false;
        self.write_enable.next = false;
        self.of_current.next = (self.state.q.val() == State::Write) && (self.chosen.val() == self.current.q.val());

        if self.close.val() {
            self.closing.next = self.committed.q.val().get_bit(self.chosen.val().index()) && !self.of_current.val();
        }
        match self.state.q.val() {
            State::Choose => {
                self.begun.d.next = false;
                self.from_ring.d.next = self.take_ring.val();
                self.left.d.next = self.ring.head_dwords.val();
                self.too_long.d.next = self.dwords.val() > 15;
                if self.take_ring.val() {
                    self.turn.d.next = false;
                    self.current.d.next = self.ring.head_session.val();
                    self.need.d.next = self.ring_need.val();
                    self.non_posted.d.next = true;
                    self.state.d.next = State::Place;
                } else if self.valid.val() {
                    self.turn.d.next = true;
                    self.current.d.next = self.session.val();
                    self.need.d.next = self.input_need.val();
                    self.non_posted.d.next = self.class.val() == 1;
                    self.state.d.next = State::Place;
                }
            }
            State::Place => {
                if !self.close.val() {
                    if !self.from_ring.q.val()
                        && (!self.first.val() || !self.up.val().get_bit(self.current.q.val().index()))
                    {
                        self.state.d.next = State::Drop;
                        self.swallowed.d.next = self.first.val();
                    } else if self.must_queue.val() {
                        self.state.d.next = State::Choose;
                        if self.too_long.q.val() {
                            self.state.d.next = State::Drop;
                        } else if self.may_queue.val() {
                            self.state.d.next = State::Queue;
                        }
                    } else if self.open.q.val().get_bit(self.current.q.val().index()) {
                        self.placing.next = self.fits.val();
                        self.closing.next = !self.fits.val();
                    } else if self.free_valid.val() {
                        self.opening.next = true;
                        self.placing.next = true;
                    } else if self.may_queue.val() {
                        self.state.d.next = State::Queue;
                    } else {
                        self.state.d.next = State::Choose;
                    }
                }
            }
            State::Write => {
                self.ready.next = !self.from_ring.q.val();
                if self.taken.val() {
                    self.write_enable.next = true;
                    self.pos.d.next = self.pos.q.val() + 2;
                    self.begun.d.next = true;
                    self.left.d.next = self.left.q.val() - 2;
                    self.ring.read.next = self.from_ring.q.val();
                    if self.ends.val() {
                        self.state.d.next = State::Choose;
                        self.commit.next = self.from_ring.q.val() || !self.bad.val();
                        self.rolled_back.d.next = !self.commit.val();
                        self.ring.pop.next = self.from_ring.q.val();
                    }
                }
            }
            State::Queue => {
                self.ready.next = true;
                if self.valid.val() {
                    self.ring.write.next = true;
                    if self.last.val() {
                        self.state.d.next = State::Choose;
                        self.ring.push.next = !self.bad.val();
                    }
                }
            }
            State::Drop => {
                self.ready.next = true;
                if self.valid.val() && self.last.val() {
                    self.state.d.next = State::Choose;
                }
            }
        }

        // Where the beat goes: the first dword to `pos`, the second after it.
        self.odd_word.next = self.pos.q.val() >> 1;
        self.even_word.next = self.pos.q.val() + 1;
        self.even_word.next = self.even_word.val() >> 1;
        self.slot_base.next = bit_cast::<6, 4>(self.slot.q.val());
        self.slot_base.next = self.slot_base.val() + (self.slot_base.val() << 1);
        self.block.next = self.slot_base.val() + bit_cast::<6, 2>(self.even_word.val().get_bits::<2>(6));
        self.even_address.next =
            (bit_cast::<12, 6>(self.block.val()) << 6) | bit_cast::<12, 6>(self.even_word.val().get_bits::<6>(0));
        self.block.next = self.slot_base.val() + bit_cast::<6, 2>(self.odd_word.val().get_bits::<2>(6));
        self.odd_address.next =
            (bit_cast::<12, 6>(self.block.val()) << 6) | bit_cast::<12, 6>(self.odd_word.val().get_bits::<6>(0));
        self.even_data.next = self.word.val().get_bits::<32>(0);
        self.odd_data.next = self.word.val().get_bits::<32>(32);
        if self.pos.q.val().get_bit(0) {
            self.even_data.next = self.word.val().get_bits::<32>(32);
            self.odd_data.next = self.word.val().get_bits::<32>(0);
        }

        // The frames and credits of the sessions.
        self.open_after.next = self.open.q.val();
        self.committed_after.next = self.committed.q.val();
        self.no_cut_after.next = self.no_cut.q.val();
        if self.placing.val() {
            self.state.d.next = State::Write;
            self.pos.d.next = self.chosen_fill.val();
            self.slot.d.next = self.chosen_slot.val();
        }
        if self.opening.val() {
            self.pos.d.next = 0.into();
            self.slot.d.next = self.free_slot.val();
            self.open_after.next = self.open_after.val().replace_bit(self.chosen.val().index(), true);
            self.slot_write.d.next = true;
            self.slot_write_to.d.next = self.chosen.val();
            self.slot_write_number.d.next = self.chosen_seq.val();
        }
        if self.aborted.val() {
            self.no_cut_after.next = self.no_cut_after.val().replace_bit(self.aborted_session.val().index(), true);
        }
        if self.commit.val() {
            self.one_packed.d.next = true;
            self.ring.used.next = self.non_posted.q.val();
            self.committed_after.next = self.committed_after.val().replace_bit(self.current.q.val().index(), true);
        }
        if self.closing.val() {
            self.open_after.next = self.open_after.val().replace_bit(self.chosen.val().index(), false);
            self.committed_after.next = self.committed_after.val().replace_bit(self.chosen.val().index(), false);
            self.no_cut_after.next = self.no_cut_after.val().replace_bit(self.chosen.val().index(), false);
        }
        self.lengths.write_enable.next = self.closing.val();
        self.lengths.write_address.next = self.chosen_slot.val();
        self.lengths.write_data.next = self.chosen_fill.val();
        for i in 0..SESSIONS {
            if self.chosen.val().index() == i {
                if self.opening.val() {
                    self.frame_slot[i].d.next = self.free_slot.val();
                    self.fill[i].d.next = 0.into();
                }
                if self.closing.val() {
                    self.seq[i].d.next = self.seq[i].q.val() + 1;
                }
            }
            if self.commit.val() && (self.current.q.val().index() == i) {
                self.fill[i].d.next = self.pos_after.val();
            }
        }

        // What the others see.
        self.ready_bits.next = self.committed.q.val();
        if self.state.q.val() == State::Write {
            if self.no_cut.q.val().get_bit(self.current.q.val().index()) {
                self.ready_bits.next = self.ready_bits.val().replace_bit(self.current.q.val().index(), false);
            } else if self.begun.q.val() {
                self.ready_bits.next = self.ready_bits.val().replace_bit(self.current.q.val().index(), true);
            }
        }
        self.open_ready.next = self.ready_bits.val();
        self.scan_open_seq.next = 0.into();
        self.read_open_seq.next = 0.into();
        self.read_fill.next = 0.into();
        for i in 0..SESSIONS {
            if self.scan_session.val().index() == i {
                self.scan_open_seq.next = self.seq[i].q.val();
            }
            if self.read_session.val().index() == i {
                self.read_open_seq.next = self.seq[i].q.val();
                self.read_fill.next = self.fill[i].q.val();
            }
        }
        // 236 and the longest TLP, 133 dwords, are 369.
        self.room_bits.next = !self.session_up.val();
        if self.free_valid.val() {
            self.room_bits.next = 255.into();
        }
        for i in 0..SESSIONS {
            if self.open.q.val().get_bit(i) && (self.fill[i].q.val() <= 236) {
                self.room_bits.next = self.room_bits.val().replace_bit(i, true);
            }
        }
        self.has_room.d.next = self.room_bits.val();
        self.room.next = self.has_room.q.val();
        self.read_open.next = self.open.q.val().get_bit(self.read_session.val().index());
        self.writing.next = (self.state.q.val() == State::Write) && (self.current.q.val() == self.read_session.val());
        self.write_pos.next = self.pos.q.val();
        self.rollback.next = self.rolled_back.q.val() && (self.current.q.val() == self.read_session.val());
        self.lengths.read_address.next = self.read_slot.val();
        self.read_length.next = self.lengths.read_data.val();
        self.free_take.next = self.slot_write.q.val();
        self.slot_write_enable.next = self.slot_write.q.val();
        self.slot_write_session.next = self.slot_write_to.q.val();
        self.slot_write_seq.next = self.slot_write_number.q.val();
        self.slot_write_slot.next = self.slot.q.val();
        self.no_session.next = self.swallowed.q.val();
        self.tlp_packed.next = self.one_packed.q.val();
        self.flush_done.next = self.flush_ended.q.val();

        // Forgetting a session.
        self.flushing.next = self.flush_now.q.val() && !self.flushed.q.val();
        self.flushed.d.next = self.flush_now.q.val();
        self.flush_ended.d.next = self.ring.flush_done.val();
        if self.flushing.val() {
            self.open_after.next = self.open_after.val().replace_bit(self.flush_to.q.val().index(), false);
            self.committed_after.next = self.committed_after.val().replace_bit(self.flush_to.q.val().index(), false);
            self.no_cut_after.next = self.no_cut_after.val().replace_bit(self.flush_to.q.val().index(), false);
            for i in 0..SESSIONS {
                if self.flush_to.q.val().index() == i {
                    self.fill[i].d.next = 0.into();
                    self.seq[i].d.next = 0.into();
                }
            }
            if (self.current.q.val() == self.flush_to.q.val()) && (self.state.q.val() == State::Place) {
                self.state.d.next = State::Choose;
            }
            if (self.current.q.val() == self.flush_to.q.val())
                && ((self.state.q.val() == State::Write) || (self.state.q.val() == State::Queue))
            {
                self.rolled_back.d.next = false;
                self.one_packed.d.next = false;
                self.state.d.next = State::Drop;
                if ((self.state.q.val() == State::Write) && self.from_ring.q.val())
                    || (self.valid.val() && self.last.val())
                {
                    self.state.d.next = State::Choose;
                }
            }
        }
        self.open.d.next = self.open_after.val();
        self.committed.d.next = self.committed_after.val();
        self.no_cut.d.next = self.no_cut_after.val();

        if self.reset.val() {
            self.state.d.next = State::Choose;
            self.open.d.next = 0.into();
            self.committed.d.next = 0.into();
            self.no_cut.d.next = 0.into();
            self.turn.d.next = false;
            self.rolled_back.d.next = false;
            self.flush_now.d.next = false;
            self.flushed.d.next = false;
            self.flush_ended.d.next = false;
            self.slot_write.d.next = false;
            self.swallowed.d.next = false;
            self.one_packed.d.next = false;
            self.has_room.d.next = 0.into();
            for i in 0..8 {
                self.fill[i].d.next = 0.into();
                self.seq[i].d.next = 0.into();
            }
        }
    }
}
