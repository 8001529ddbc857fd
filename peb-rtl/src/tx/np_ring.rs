//! Non-posted TLPs that wait for credit.

use peb_hdl::prelude::*;

/// The ring of each session, 8 places of at most 15 dwords, and its credit.
///
/// The head of one ring at a time is offered (`head_ok`): in turns, of each session that is up, has credit
/// (`np_sent != np_limit`, both modulo 256) and has one waiting.
///
/// - Latency: a head stands at the output three clocks after its last beat was written if no other is looked at, else up to
///   8 clocks later. Throughput: a beat a clock in and out.
/// - Registered: all; the fields of a bit per session stand two clocks after what changes them. Reset and flush (of one session) clear places and credit.
/// - Bad input: a TLP of which the last beat is not pushed is overwritten by the next. Nothing may be pushed into a ring
///   that is `full`.
/// - Waits for credit only; nobody has to wait for it as long as no ring is full.
#[derive(Module, Default)]
pub struct NpRing<const SESSIONS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub session_up: Signal<In, U<8>>,
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    /// New credit of a session.
    pub np_limit_write: Signal<In, Bit>,
    pub np_limit_session: Signal<In, U<3>>,
    pub np_limit: Signal<In, U<8>>,
    /// Between TLPs: both sides begin with the first beat.
    pub restart: Signal<In, Bit>,
    /// Session of what is written and of the credit that is used.
    pub session: Signal<In, U<3>>,
    pub data: Signal<In, U<64>>,
    /// Dwords of the TLP, with the first beat.
    pub dwords: Signal<In, U<4>>,
    /// A beat is written; with `push` it is the last and the TLP is good.
    pub write: Signal<In, Bit>,
    pub push: Signal<In, Bit>,
    /// A TLP was packed, from here or not: one credit less.
    pub used: Signal<In, Bit>,
    /// The head of `head_session` may be packed; its first beat stands at the output.
    pub head_ok: Signal<Out, Bit>,
    pub head_session: Signal<Out, U<3>>,
    pub head_data: Signal<Out, U<64>>,
    pub head_dwords: Signal<Out, U<4>>,
    /// The beat is taken: the next comes in the next clock. With `pop` it was the last.
    pub read: Signal<In, Bit>,
    pub pop: Signal<In, Bit>,
    /// Per session, as it was a clock ago: something waits, there is credit, there is no place.
    pub waiting: Signal<Out, U<8>>,
    pub credit: Signal<Out, U<8>>,
    pub full: Signal<Out, U<8>>,
    /// All rings of sessions that are up have 6 free places.
    pub np_ok: Signal<Out, Bit>,

    write_beat: Reg<U<3>>,
    read_beat: Reg<U<3>>,
    candidate: Reg<U<3>>,
    candidate_ok: Reg<Bit>,
    room: Reg<Bit>,
    waits: Reg<U<8>>,
    has_credit: Reg<U<8>>,
    is_full: Reg<U<8>>,
    np_sent: [Reg<U<8>>; 8],
    np_allowed: [Reg<U<8>>; 8],
    head: [Reg<U<4>>; 8],
    tail: [Reg<U<4>>; 8],
    /// Places of 8 words: the data, above it the dwords of the TLP.
    places: Ram<W<68>, 9>,

    waiting_bits: Signal<Local, U<8>>,
    credit_bits: Signal<Local, U<8>>,
    full_bits: Signal<Local, U<8>>,
    up: Signal<Local, U<8>>,
    count: Signal<Local, U<4>>,
    eligible: Signal<Local, U<8>>,
    above: Signal<Local, U<8>>,
    is_eligible: Signal<Local, Bit>,
    read_place: Signal<Local, U<3>>,
    write_place: Signal<Local, U<3>>,
    next_beat: Signal<Local, U<3>>,
    _activity: Activity,
}

impl<const SESSIONS: usize> Logic for NpRing<SESSIONS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, write_beat, read_beat, candidate, candidate_ok, room, waits, has_credit, is_full);
        for i in 0..8 {
            self.np_sent[i].clock.next = self.clock.val();
            self.np_sent[i].d.next = self.np_sent[i].q.val();
            self.np_allowed[i].clock.next = self.clock.val();
            self.np_allowed[i].d.next = self.np_allowed[i].q.val();
            self.head[i].clock.next = self.clock.val();
            self.head[i].d.next = self.head[i].q.val();
            self.tail[i].clock.next = self.clock.val();
            self.tail[i].d.next = self.tail[i].q.val();
        }

        // What each ring holds.
        self.waiting_bits.next = 0.into();
        self.credit_bits.next = 0.into();
        self.full_bits.next = 0.into();
        self.count.next = 0.into();
        self.room.d.next = true;
        for i in 0..SESSIONS {
            self.count.next = self.tail[i].q.val() - self.head[i].q.val();
            self.waiting_bits.next = self.waiting_bits.val().replace_bit(i, self.count.val().any());
            self.full_bits.next = self.full_bits.val().replace_bit(i, self.count.val() == 8);
            self.credit_bits.next =
                self.credit_bits.val().replace_bit(i, self.np_sent[i].q.val() != self.np_allowed[i].q.val());
            if (self.count.val() > 2) && self.session_up.val().get_bit(i) {
                self.room.d.next = false;
            }
        }
        self.waits.d.next = self.waiting_bits.val();
        self.has_credit.d.next = self.credit_bits.val();
        self.is_full.d.next = self.full_bits.val();
        self.waiting.next = self.waits.q.val();
        self.credit.next = self.has_credit.q.val();
        self.full.next = self.is_full.q.val();

        // Whose head is offered.
        self.up.next = self.session_up.val();
        if self.flush.val() {
            self.up.next = self.up.val().replace_bit(self.flush_session.val().index(), false);
        }
        self.eligible.next = self.waits.q.val() & self.has_credit.q.val() & self.up.val();
        self.above.next = self.eligible.val() >> self.candidate.q.val();
        self.above.next = self.above.val() >> 1;
        self.is_eligible.next = self.eligible.val().get_bit(self.candidate.q.val().index());
        self.candidate_ok.d.next = self.is_eligible.val() && !self.pop.val();
        if self.pop.val() || (self.restart.val() && self.eligible.val().any() && !self.is_eligible.val()) {
            self.candidate.d.next = 0.into();
            if self.above.val().any() {
                self.candidate.d.next = self.candidate.q.val() + 1;
            }
        }

        // The places.
        self.next_beat.next = self.read_beat.q.val();
        if self.read.val() {
            self.next_beat.next = self.read_beat.q.val() + 1;
            self.read_beat.d.next = self.next_beat.val();
        }
        if self.write.val() {
            self.write_beat.d.next = self.write_beat.q.val() + 1;
        }
        if self.restart.val() {
            self.next_beat.next = 0.into();
            self.read_beat.d.next = 0.into();
            self.write_beat.d.next = 0.into();
        }
        self.read_place.next = 0.into();
        self.write_place.next = 0.into();
        for i in 0..SESSIONS {
            if self.candidate.q.val().index() == i {
                self.read_place.next = self.head[i].q.val().get_bits::<3>(0);
                if self.pop.val() {
                    self.head[i].d.next = self.head[i].q.val() + 1;
                }
            }
            if self.session.val().index() == i {
                self.write_place.next = self.tail[i].q.val().get_bits::<3>(0);
                if self.push.val() {
                    self.tail[i].d.next = self.tail[i].q.val() + 1;
                }
                if self.used.val() {
                    self.np_sent[i].d.next = self.np_sent[i].q.val() + 1;
                }
            }
            if self.np_limit_write.val() && (self.np_limit_session.val().index() == i) {
                self.np_allowed[i].d.next = self.np_limit.val();
            }
        }
        self.places.clock.next = self.clock.val();
        self.places.write_enable.next = self.write.val();
        self.places.write_address.next = (bit_cast::<9, 3>(self.session.val()) << 6)
            | (bit_cast::<9, 3>(self.write_place.val()) << 3)
            | bit_cast::<9, 3>(self.write_beat.q.val());
        self.places.write_data.next =
            bit_cast_wide::<68, 64>(self.data.val()) | (bit_cast_wide::<68, 4>(self.dwords.val()) << 64);
        self.places.read_address.next = (bit_cast::<9, 3>(self.candidate.q.val()) << 6)
            | (bit_cast::<9, 3>(self.read_place.val()) << 3)
            | bit_cast::<9, 3>(self.next_beat.val());
        self.head_data.next = bit_cast_narrow::<64, 68>(self.places.read_data.val());
        self.head_dwords.next = bit_cast_narrow::<4, 68>(self.places.read_data.val() >> 64);
        self.head_ok.next = self.candidate_ok.q.val() && self.is_eligible.val();
        self.head_session.next = self.candidate.q.val();
        self.np_ok.next = self.room.q.val();

        for i in 0..8 {
            if self.reset.val() || (self.flush.val() && (self.flush_session.val().index() == i)) {
                self.np_sent[i].d.next = 0.into();
                self.np_allowed[i].d.next = 0.into();
                self.head[i].d.next = 0.into();
                self.tail[i].d.next = 0.into();
            }
        }
        if self.reset.val() {
            self.candidate.d.next = 0.into();
            self.candidate_ok.d.next = false;
            self.waits.d.next = 0.into();
            self.has_credit.d.next = 0.into();
            self.is_full.d.next = 0.into();
            self.room.d.next = false;
        }
    }
}
