//! Frames in order, each once.

use peb_hdl::prelude::*;

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
enum State {
    Init,
    Idle,
    Compare,
    Decide,
    Run,
    Store,
    Done,
    FlushLoad,
    FlushHeld,
    FlushQueue,
}

/// Lets TLP words land in a free slot of receive memory and, when the frame proved good and of a session, links the slot to its sequence
/// number: in order to the queue of the Unpacker, out of order kept until what is missing has come, duplicates not at all.
///
/// `A` is the width of the table of slots: 5 bits of sequence number and those of the session that are used (io: 5, host: 8).
///
/// - Latency: a frame in order stands in the queue 4 clocks after `accept`; `rx_done` follows one clock later, and one more for each
///   frame that had waited for it. Throughput: far above that of the shortest frames.
/// - Registered: all state; the queue and acknowledgement ports are read from tables at once. A non-posted TLP that has left is counted
///   two clocks later.
/// - Reset: all slots are free, all sessions begin at sequence number 0; takes 32 clocks.
/// - Bad input: duplicates and frames beyond the window are counted and acknowledged; a frame with no slot to follow it is counted in
///   `no_space` and not acknowledged.
/// - Waits for nothing: without room it drops. A frame out of order never takes the last slots (one for each session), so that the frame
///   everything waits for always finds room as soon as the Unpacker moves.
#[derive(Module)]
pub struct Reassembly<const SESSIONS: usize, const A: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub now: Signal<In, U<24>>,
    /// TLP words of the frame that is coming in.
    pub payload_valid: Signal<In, Bit>,
    pub payload_word: Signal<In, U<64>>,
    pub payload_first: Signal<In, Bit>,
    /// The frame is good and of this session; held until after `rx_done`.
    pub accept: Signal<In, Bit>,
    pub accept_session: Signal<In, U<3>>,
    pub flags: Signal<In, U<8>>,
    pub seq: Signal<In, U<16>>,
    pub ts: Signal<In, U<24>>,
    pub dwords: Signal<In, U<9>>,
    pub rx_done: Signal<Out, Bit>,
    /// Forget this session; held until `flush_done`.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    pub flush_done: Signal<Out, Bit>,
    /// The oldest frame in order, for the Unpacker.
    pub frame_valid: Signal<Out, Bit>,
    pub frame_take: Signal<In, Bit>,
    pub frame_slot: Signal<Out, U<5>>,
    pub frame_session: Signal<Out, U<3>>,
    pub frame_dwords: Signal<Out, U<9>>,
    /// The Unpacker is inside a frame.
    pub unpacking: Signal<In, Bit>,
    /// One clock: the Unpacker is done with a slot.
    pub release: Signal<In, Bit>,
    pub release_slot: Signal<In, U<5>>,
    /// Word of the receive memory, for the Unpacker: one clock later.
    pub read_address: Signal<In, U<13>>,
    pub read_word: Signal<Out, U<64>>,
    /// One clock: a non-posted TLP of this session has left.
    pub np_delivered: Signal<In, Bit>,
    pub np_session: Signal<In, U<3>>,
    /// What the next frame to this session says.
    pub ack_session: Signal<In, U<3>>,
    pub ack: Signal<Out, U<16>>,
    pub sack: Signal<Out, U<32>>,
    pub window: Signal<Out, U<8>>,
    pub np_limit: Signal<Out, U<8>>,
    pub ts_delta: Signal<Out, U<24>>,
    pub echo_valid: Signal<Out, Bit>,
    /// Sessions that are owed an acknowledgement, a bit each.
    pub ack_due: Signal<Out, U<8>>,
    pub ack_sent: Signal<In, Bit>,
    pub ack_sent_session: Signal<In, U<3>>,
    /// One clock each, for the counters.
    pub duplicate: Signal<Out, Bit>,
    pub out_of_order: Signal<Out, Bit>,
    pub no_space: Signal<Out, Bit>,
    /// More slots than there are: cannot be.
    pub fatal: Signal<Out, Bit>,
    state: Reg<State>,
    count: Reg<U<5>>,
    landing: Reg<U<5>>,
    landing_base: Reg<U<13>>,
    offset: Reg<U<8>>,
    session: Reg<U<3>>,
    expected: Reg<U<16>>,
    /// How far the frame is from the one after the expected one.
    beyond: Reg<U<16>>,
    /// A frame so far beyond is here already.
    known: Reg<Bit>,
    ahead: Reg<U<31>>,
    slot: Reg<U<5>>,
    length: Reg<U<9>>,
    due: Reg<U<8>>,
    small: Reg<U<8>>,
    free_head: Reg<U<5>>,
    free_tail: Reg<U<5>>,
    /// A slot that becomes free.
    given: Reg<Bit>,
    given_slot: Reg<U<5>>,
    free: Reg<U<6>>,
    queue_head: Reg<U<5>>,
    queue_tail: Reg<U<5>>,
    queued: Reg<U<6>>,
    /// Frames in the queue or in the Unpacker.
    in_order: Reg<U<6>>,
    /// Free slots were so many a clock ago: any, and more than the reserve.
    any_free: Reg<Bit>,
    many_free: Reg<Bit>,
    /// Nothing of the session that is flushed was there a clock ago.
    empty: Reg<Bit>,
    left_np: Reg<Bit>,
    left_session: Reg<U<3>>,
    memory: Ram<U<64>, 13>,
    slot_of: LutRam<U<14>, A>,
    row: LutRam<U<47>, 3>,
    ack_row: LutRam<U<47>, 3>,
    echo: LutRam<U<25>, 3>,
    np_count: LutRam<U<8>, 3>,
    np_told: LutRam<U<8>, 3>,
    free_list: LutRam<U<5>, 5>,
    queue: LutRam<U<17>, 5>,
    reserve: Constant<U<6>>,
    promise: Constant<U<8>>,
    /// A new promise is told after a quarter of it: mask of the count.
    quarter: Constant<U<8>>,
    table_seq: Signal<Local, U<16>>,
    take: Signal<Local, Bit>,
    push: Signal<Local, Bit>,
    give: Signal<Local, Bit>,
    wipe: Signal<Local, Bit>,
    give_slot: Signal<Local, U<5>>,
    store: Signal<Local, Bit>,
    np_next: Signal<Local, U<8>>,
    np_write: Signal<Local, Bit>,
    np_row: Signal<Local, U<3>>,
    np_value: Signal<Local, U<8>>,
    owed: Signal<Local, U<8>>,
    room: Signal<Local, U<6>>,
    place: Signal<Local, U<8>>,
    not_expected: Signal<Local, U<16>>,
    distance: Signal<Local, U<16>>,
    bit: Signal<Local, U<5>>,
    wide: Signal<Local, U<13>>,
    _activity: Activity,
}

impl<const SESSIONS: usize, const A: usize> Default for Reassembly<SESSIONS, A> {
    fn default() -> Self {
        Reassembly {
            memory: Ram::with_depth(32 * 192),
            reserve: Constant::new((SESSIONS as u64).into()),
            promise: Constant::new(Self::PROMISE.into()),
            quarter: Constant::new((Self::PROMISE / 4 - 1).into()),
            ..Self::blank()
        }
    }
}

impl<const SESSIONS: usize, const A: usize> Reassembly<SESSIONS, A> {
    /// Non-posted TLPs that each session may have on the way: their share of the 64 places of [`super::Output`], a power of two.
    pub const PROMISE: u64 = 64 >> (usize::BITS - (SESSIONS - 1).leading_zeros());
}

impl<const SESSIONS: usize, const A: usize> Logic for Reassembly<SESSIONS, A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, count, landing, landing_base, offset, session, expected, beyond, ahead);
        dff_setup!(self, clock, slot, length, due, small, free_head, free_tail, free, queue_head, queue_tail);
        dff_setup!(self, clock, queued, in_order, any_free, many_free, empty, left_np, left_session, given);
        dff_setup!(self, clock, given_slot, known);
        clock!(self, clock, memory, slot_of, row, ack_row, echo, np_count, np_told, free_list, queue);
        self.rx_done.next = false;
        self.flush_done.next = false;
        self.duplicate.next = false;
        self.out_of_order.next = false;
        self.no_space.next = false;
        self.take.next = false;
        self.push.next = false;
        self.give.next = self.release.val();
        self.give_slot.next = self.release_slot.val();
        self.store.next = false;

        // The landing slot: words go there as they come.
        self.wide.next = bit_cast::<13, 5>(self.landing.q.val());
        self.landing_base.d.next = (self.wide.val() << 7) + (self.wide.val() << 6);
        self.memory.write_enable.next = self.payload_valid.val();
        self.memory.write_data.next = self.payload_word.val();
        self.memory.write_address.next = self.landing_base.q.val() + bit_cast::<13, 8>(self.offset.q.val());
        if self.payload_valid.val() {
            self.offset.d.next = self.offset.q.val() + 1;
            if self.payload_first.val() {
                self.memory.write_address.next = self.landing_base.q.val();
                self.offset.d.next = 1.into();
            } else if self.offset.q.val() >= 192 {
                self.memory.write_enable.next = false;
                self.offset.d.next = self.offset.q.val();
            }
        }
        self.memory.read_address.next = self.read_address.val();
        self.read_word.next = self.memory.read_data.val();

        // Tables.
        self.row.read_address.next = self.session.q.val();
        if self.state.q.val() == State::Idle {
            self.row.read_address.next = self.accept_session.val();
        }
        self.row.write_address.next = self.session.q.val();
        self.row.write_data.next =
            (bit_cast::<47, 31>(self.ahead.q.val()) << 16) | bit_cast::<47, 16>(self.expected.q.val());
        self.not_expected.next = !self.expected.q.val();
        self.distance.next = self.seq.val() + self.not_expected.val();
        self.beyond.d.next = self.distance.val();
        self.known.d.next = self.ahead.q.val().get_bit(self.distance.val().get_bits::<5>(0).index());
        self.bit.next = self.beyond.q.val().get_bits::<5>(0);
        self.table_seq.next = self.expected.q.val() + 1;
        self.place.next =
            (bit_cast::<8, 3>(self.session.q.val()) << 5) | bit_cast::<8, 5>(self.table_seq.val().get_bits::<5>(0));
        self.slot_of.read_address.next = bit_cast::<A, 8>(self.place.val());
        self.place.next =
            (bit_cast::<8, 3>(self.session.q.val()) << 5) | bit_cast::<8, 5>(self.seq.val().get_bits::<5>(0));
        self.slot_of.write_address.next = bit_cast::<A, 8>(self.place.val());
        self.slot_of.write_data.next =
            (bit_cast::<14, 9>(self.dwords.val()) << 5) | bit_cast::<14, 5>(self.landing.q.val());
        self.slot_of.write_enable.next = false;
        self.echo.write_enable.next = false;
        self.echo.write_address.next = self.session.q.val();
        self.echo.write_data.next = bit_cast::<25, 24>(self.ts.val() - self.now.val()) | 0x100_0000;

        match self.state.q.val() {
            State::Init => {
                self.echo.write_enable.next = true;
                self.echo.write_data.next = 0.into();
                // Slot 0 is the first to land in; the others are free.
                self.count.d.next = self.count.q.val() + 1;
                self.landing.d.next = 0.into();
                self.session.d.next = self.count.q.val().get_bits::<3>(0);
                self.expected.d.next = 0.into();
                self.ahead.d.next = 0.into();
                self.store.next = true;
                self.give.next = self.count.q.val().any();
                self.give_slot.next = self.count.q.val();
                if self.count.q.val().all() {
                    self.state.d.next = State::Idle;
                }
            }
            State::Idle => {
                self.session.d.next = self.accept_session.val();
                self.expected.d.next = self.row.read_data.val().get_bits::<16>(0);
                self.ahead.d.next = self.row.read_data.val().get_bits::<31>(16);
                if self.accept.val() {
                    self.state.d.next = State::Compare;
                } else if self.flush.val() {
                    self.session.d.next = self.flush_session.val();
                    self.state.d.next = State::FlushLoad;
                }
            }
            State::Compare => {
                self.echo.write_enable.next = true;
                self.state.d.next = State::Decide;
            }
            State::Decide => {
                self.slot.d.next = self.landing.q.val();
                self.length.d.next = self.dwords.val();
                self.state.d.next = State::Done;
                if self.flags.val().get_bit(0) {
                    if self.beyond.q.val().all() {
                        if self.any_free.q.val() {
                            self.take.next = true;
                            self.state.d.next = State::Run;
                        } else {
                            self.no_space.next = true;
                        }
                    } else if self.beyond.q.val() < 30 {
                        // A bit that is set already stays so.
                        if self.many_free.q.val() {
                            self.ahead.d.next = self.ahead.q.val().replace_bit(self.bit.val().index(), true);
                        }
                        if self.known.q.val() {
                            self.duplicate.next = true;
                            self.state.d.next = State::Store;
                        } else if self.many_free.q.val() {
                            self.take.next = true;
                            self.out_of_order.next = true;
                            self.slot_of.write_enable.next = true;
                            self.state.d.next = State::Store;
                        } else {
                            self.no_space.next = true;
                        }
                    } else {
                        self.duplicate.next = true;
                        self.state.d.next = State::Store;
                    }
                }
            }
            State::Run => {
                self.push.next = true;
                self.expected.d.next = self.expected.q.val() + 1;
                self.ahead.d.next = self.ahead.q.val() >> 1;
                self.slot.d.next = self.slot_of.read_data.val().get_bits::<5>(0);
                self.length.d.next = self.slot_of.read_data.val().get_bits::<9>(5);
                if !self.ahead.q.val().get_bit(0) {
                    self.state.d.next = State::Store;
                }
            }
            State::Store => {
                self.store.next = true;
                self.state.d.next = State::Done;
            }
            State::Done => {
                // Held until the sessions let go of the header.
                self.rx_done.next = self.accept.val();
                if !self.accept.val() {
                    self.state.d.next = State::Idle;
                }
            }
            State::FlushLoad => {
                self.expected.d.next = self.row.read_data.val().get_bits::<16>(0);
                self.ahead.d.next = self.row.read_data.val().get_bits::<31>(16);
                self.count.d.next = 0.into();
                self.state.d.next = State::FlushHeld;
            }
            State::FlushHeld => {
                // The Unpacker's release goes first.
                if !self.release.val() {
                    self.count.d.next = self.count.q.val() + 1;
                    self.expected.d.next = self.expected.q.val() + 1;
                    self.ahead.d.next = self.ahead.q.val() >> 1;
                    if self.ahead.q.val().get_bit(0) {
                        self.give.next = true;
                        self.give_slot.next = self.slot_of.read_data.val().get_bits::<5>(0);
                    }
                    if self.count.q.val() == 30 {
                        self.expected.d.next = 0.into();
                        self.ahead.d.next = 0.into();
                        self.state.d.next = State::FlushQueue;
                    }
                }
            }
            State::FlushQueue => {
                self.store.next = true;
                self.echo.write_enable.next = true;
                self.echo.write_data.next = 0.into();
                if self.empty.q.val() {
                    self.flush_done.next = true;
                    self.state.d.next = State::Idle;
                }
            }
        }
        self.any_free.d.next = self.free.q.val().any();
        self.many_free.d.next = self.free.q.val() > self.reserve.val();
        self.empty.d.next =
            (self.state.q.val() == State::FlushQueue) && !self.queued.q.val().any() && !self.unpacking.val();
        self.row.write_enable.next = self.store.val();
        self.ack_row.write_enable.next = self.store.val();
        self.ack_row.write_address.next = self.session.q.val();
        self.ack_row.write_data.next =
            (bit_cast::<47, 31>(self.ahead.q.val()) << 16) | bit_cast::<47, 16>(self.expected.q.val());

        // Free slots, and frames in order.
        self.given.d.next = self.give.val();
        self.given_slot.d.next = self.give_slot.val();
        self.free_list.write_enable.next = self.given.q.val();
        self.free_list.write_address.next = self.free_tail.q.val();
        self.free_list.write_data.next = self.given_slot.q.val();
        self.free_list.read_address.next = self.free_head.q.val();
        if self.given.q.val() {
            self.free_tail.d.next = self.free_tail.q.val() + 1;
        }
        if self.take.val() {
            self.free_head.d.next = self.free_head.q.val() + 1;
            self.landing.d.next = self.free_list.read_data.val();
        }
        if self.given.q.val() && !self.take.val() {
            self.free.d.next = self.free.q.val() + 1;
        } else if self.take.val() && !self.given.q.val() {
            self.free.d.next = self.free.q.val() - 1;
        }
        self.queue.write_enable.next = self.push.val();
        self.queue.write_address.next = self.queue_tail.q.val();
        self.queue.write_data.next = (bit_cast::<17, 9>(self.length.q.val()) << 8)
            | (bit_cast::<17, 3>(self.session.q.val()) << 5)
            | bit_cast::<17, 5>(self.slot.q.val());
        self.queue.read_address.next = self.queue_head.q.val();
        if self.push.val() {
            self.queue_tail.d.next = self.queue_tail.q.val() + 1;
        }
        if self.frame_take.val() {
            self.queue_head.d.next = self.queue_head.q.val() + 1;
        }
        if self.push.val() && !self.frame_take.val() {
            self.queued.d.next = self.queued.q.val() + 1;
        } else if self.frame_take.val() && !self.push.val() {
            self.queued.d.next = self.queued.q.val() - 1;
        }
        if self.push.val() && !self.release.val() {
            self.in_order.d.next = self.in_order.q.val() + 1;
        } else if self.release.val() && !self.push.val() {
            self.in_order.d.next = self.in_order.q.val() - 1;
        }
        self.frame_valid.next = self.queued.q.val().any();
        self.frame_slot.next = self.queue.read_data.val().get_bits::<5>(0);
        self.frame_session.next = self.queue.read_data.val().get_bits::<3>(5);
        self.frame_dwords.next = self.queue.read_data.val().get_bits::<9>(8);

        // Non-posted TLPs that have left, per session.
        self.left_np.d.next = self.np_delivered.val();
        self.left_session.d.next = self.np_session.val();
        self.np_count.read_address.next = self.left_session.q.val();
        self.np_next.next = self.np_count.read_data.val() + 1;
        self.np_write.next = self.left_np.q.val();
        self.np_row.next = self.left_session.q.val();
        self.np_value.next = self.np_next.val();
        self.wipe.next = (self.state.q.val() == State::FlushHeld)
            || (self.state.q.val() == State::FlushQueue)
            || (self.state.q.val() == State::Init);
        if self.wipe.val() && (!self.left_np.q.val() || (self.left_session.q.val() == self.session.q.val())) {
            // Those of other sessions go first; there is a clock between any two.
            self.np_write.next = true;
            self.np_row.next = self.session.q.val();
            self.np_value.next = 0.into();
        }
        self.np_count.write_enable.next = self.np_write.val();
        self.np_count.write_address.next = self.np_row.val();
        self.np_count.write_data.next = self.np_value.val();
        self.np_told.write_enable.next = self.np_write.val();
        self.np_told.write_address.next = self.np_row.val();
        self.np_told.write_data.next = self.np_value.val();

        // What the next frame says, and when it is owed.
        self.ack_row.read_address.next = self.ack_session.val();
        self.ack.next = self.ack_row.read_data.val().get_bits::<16>(0);
        self.sack.next = bit_cast::<32, 31>(self.ack_row.read_data.val().get_bits::<31>(16));
        self.room.next = bits::<6>(31) - self.in_order.q.val();
        self.window.next = bit_cast::<8, 6>(self.room.val());
        self.np_told.read_address.next = self.ack_session.val();
        self.np_limit.next = self.np_told.read_data.val() + self.promise.val();
        self.echo.read_address.next = self.ack_session.val();
        self.ts_delta.next = self.echo.read_data.val().get_bits::<24>(0);
        self.echo_valid.next = self.echo.read_data.val().get_bit(24);
        self.owed.next = self.due.q.val();
        if self.room.val() >= 16 {
            self.owed.next = self.owed.val() | self.small.q.val();
            self.small.d.next = 0.into();
        }
        if self.ack_sent.val() {
            self.owed.next = self.owed.val() & !(bits::<8>(1) << self.ack_sent_session.val());
            if self.room.val() < 16 {
                self.small.d.next = self.small.q.val() | (bits::<8>(1) << self.ack_sent_session.val());
            }
        }
        if self.state.q.val() == State::Store {
            self.owed.next = self.owed.val() | (bits::<8>(1) << self.session.q.val());
        }
        if self.left_np.q.val() && !(self.np_next.val() & self.quarter.val()).any() {
            self.owed.next = self.owed.val() | (bits::<8>(1) << self.left_session.q.val());
        }
        if self.state.q.val() == State::FlushQueue {
            self.small.d.next = self.small.q.val() & !(bits::<8>(1) << self.session.q.val());
            self.owed.next = self.owed.val() & !(bits::<8>(1) << self.session.q.val());
        }
        self.due.d.next = self.owed.val();
        self.ack_due.next = self.due.q.val();
        self.fatal.next = (self.free.q.val() > 31) || (self.in_order.q.val() > 31) || (self.queued.q.val() > 31);
        if self.reset.val() {
            self.state.d.next = State::Init;
            self.count.d.next = 0.into();
            self.due.d.next = 0.into();
            self.small.d.next = 0.into();
            self.free_head.d.next = 0.into();
            self.free_tail.d.next = 0.into();
            self.free.d.next = 0.into();
            self.given.d.next = false;
            self.queue_head.d.next = 0.into();
            self.queue_tail.d.next = 0.into();
            self.queued.d.next = 0.into();
            self.in_order.d.next = 0.into();
            self.left_np.d.next = false;
        }
    }
}
