//! Non-posted TLPs that wait for credit.

use peb_hdl::prelude::*;

/// A queue for each session, and its credit. The queues share places of at most 15 dwords: 8, or 256 at a host, where
/// a slot that takes no non-posted TLPs must not stop those of other slots.
///
/// The head of one queue at a time is offered (`head_ok`): in turns, of each session that is up, has credit
/// (`np_sent != np_limit`, both modulo 256) and has one waiting.
///
/// - Latency: a head stands at the output three clocks after its last beat was written if no other is looked at, else up to
///   8 clocks later. Throughput: a beat a clock in and out.
/// - Registered: all; the fields of a bit per session stand two clocks after what changes them, `full` does after `push`. Reset and flush (of one session) clear
///   places and credit.
/// - Places: each queue, and the free places that were used before, are a list linked by `links`; a place that was never used comes from
///   `fresh`. `spare` is the place that is written. What is taken from a queue joins the free places a clock later. Each list has one place unlinked or linked in a clock at most, a flush waits for a clock
///   without.
/// - Bad input: a TLP of which the last beat is not pushed is overwritten by the next. Nothing may be pushed while `full`. `push` and `pop`
///   never come in the same clock, nor one in the clock after the other; `session` stays for a clock after `push` and `used`.
/// - Waits for credit only; nobody has to wait for it as long as it is not full.
#[derive(Module)]
pub struct NpRing<const SESSIONS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub session_up: Signal<In, U<8>>,
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    /// Bit per session: drop what waits, keep the credit.
    pub drop: Signal<In, U<8>>,
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
    /// Per session, as it was a clock ago: something waits, there is credit.
    pub waiting: Signal<Out, U<8>>,
    pub credit: Signal<Out, U<8>>,
    /// There is no place.
    pub full: Signal<Out, Bit>,
    /// There are 6 free places.
    pub np_ok: Signal<Out, Bit>,
    /// One clock: `flush_session` is forgotten.
    pub flush_done: Signal<Out, Bit>,

    write_beat: Reg<U<3>>,
    read_beat: Reg<U<3>>,
    /// `push` of a clock ago; `session` is still the same.
    put: Reg<Bit>,
    /// `used` of a clock ago; likewise.
    spent: Reg<Bit>,
    candidate: Reg<U<3>>,
    candidate_ok: Reg<Bit>,
    room: Reg<Bit>,
    waits: Reg<U<8>>,
    has_credit: Reg<U<8>>,
    np_sent: [Reg<U<8>>; 8],
    np_allowed: [Reg<U<8>>; 8],
    head: [Reg<U<8>>; 8],
    tail: [Reg<U<8>>; 8],
    count: [Reg<U<9>>; 8],
    /// Places in queues.
    used_places: Reg<U<9>>,
    spare: Reg<U<8>>,
    spare_valid: Reg<Bit>,
    /// Places from here on were never used.
    fresh: Reg<U<9>>,
    free_head: Reg<U<8>>,
    free_tail: Reg<U<8>>,
    free_count: Reg<U<9>>,
    /// Places taken out of a queue, not yet among the free ones: how many, the first, the last.
    freed: Reg<U<9>>,
    freed_head: Reg<U<8>>,
    freed_tail: Reg<U<8>>,
    /// The link of `free_head` can be read.
    settled: Reg<Bit>,
    /// Sessions whose queue is to be dropped.
    dropping: Reg<U<8>>,
    emptied: Reg<Bit>,
    flushed: Reg<Bit>,
    /// Places of 8 words: the data, above it the dwords of the TLP.
    places: Ram<W<68>, 11>,
    /// The place that follows, twice: read at the head of a queue and of the free places.
    links: [Ram<U<8>, 8>; 2],
    all_places: Constant<U<9>>,
    /// `np_ok` up to here.
    limit: Constant<U<9>>,

    waiting_bits: Signal<Local, U<8>>,
    credit_bits: Signal<Local, U<8>>,
    sent_now: Signal<Local, U<8>>,
    taken_back: Signal<Local, Bit>,
    up: Signal<Local, U<8>>,
    eligible: Signal<Local, U<8>>,
    above: Signal<Local, U<8>>,
    is_eligible: Signal<Local, Bit>,
    read_place: Signal<Local, U<8>>,
    own_tail: Signal<Local, U<8>>,
    own_empty: Signal<Local, Bit>,
    next_beat: Signal<Local, U<3>>,
    splice: Signal<Local, Bit>,
    splice_all: Signal<Local, U<8>>,
    doomed: Signal<Local, U<8>>,
    refill: Signal<Local, Bit>,
    unlink: Signal<Local, Bit>,
    join: Signal<Local, Bit>,
    link_write: Signal<Local, Bit>,
    link_at: Signal<Local, U<8>>,
    link_to: Signal<Local, U<8>>,
    _activity: Activity,
}

impl<const SESSIONS: usize> NpRing<SESSIONS> {
    /// With this number of places, 8 to 256, a power of two.
    pub fn new(places: usize) -> Self {
        assert!(places.is_power_of_two() && (8..=256).contains(&places), "8 to 256 places, a power of two");
        NpRing {
            places: Ram::with_depth(8 * places),
            links: [Ram::with_depth(places), Ram::with_depth(places)],
            all_places: Constant::new((places as u64).into()),
            limit: Constant::new((places as u64 - 6).into()),
            ..Self::blank()
        }
    }
}

impl<const SESSIONS: usize> Default for NpRing<SESSIONS> {
    fn default() -> Self {
        Self::new(8)
    }
}

impl<const SESSIONS: usize> Logic for NpRing<SESSIONS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            write_beat,
            read_beat,
            put,
            spent,
            candidate,
            candidate_ok,
            room,
            waits,
            has_credit,
            used_places,
            spare,
            spare_valid,
            fresh,
            free_head,
            free_tail,
            free_count,
            freed,
            freed_head,
            freed_tail,
            settled,
            dropping,
            emptied,
            flushed
        );
        for i in 0..8 {
            self.np_sent[i].clock.next = self.clock.val();
            self.np_sent[i].d.next = self.np_sent[i].q.val();
            self.np_allowed[i].clock.next = self.clock.val();
            self.np_allowed[i].d.next = self.np_allowed[i].q.val();
            self.head[i].clock.next = self.clock.val();
            self.head[i].d.next = self.head[i].q.val();
            self.tail[i].clock.next = self.clock.val();
            self.tail[i].d.next = self.tail[i].q.val();
            self.count[i].clock.next = self.clock.val();
            self.count[i].d.next = self.count[i].q.val();
        }

        // A flush takes what is pushed or used in its clock.
        self.taken_back.next = self.flush.val() && (self.flush_session.val() == self.session.val());
        self.put.d.next = self.push.val() && !self.taken_back.val();
        self.spent.d.next = self.used.val() && !self.taken_back.val();

        // What each queue holds.
        self.waiting_bits.next = 0.into();
        self.credit_bits.next = 0.into();
        for i in 0..SESSIONS {
            self.waiting_bits.next = self
                .waiting_bits
                .val()
                .replace_bit(i, self.count[i].q.val().any() || (self.put.q.val() && (self.session.val().index() == i)));
            // With the one that was used a clock ago.
            self.sent_now.next = self.np_sent[i].q.val();
            if self.spent.q.val() && (self.session.val().index() == i) {
                self.sent_now.next = self.np_sent[i].q.val() + 1;
            }
            self.np_sent[i].d.next = self.sent_now.val();
            self.credit_bits.next =
                self.credit_bits.val().replace_bit(i, self.sent_now.val() != self.np_allowed[i].q.val());
        }
        self.room.d.next = self.used_places.q.val() <= self.limit.val();
        self.waits.d.next = self.waiting_bits.val();
        self.has_credit.d.next = self.credit_bits.val();
        self.waiting.next = self.waits.q.val();
        self.credit.next = self.has_credit.q.val();
        self.full.next = !self.spare_valid.q.val();

        // Whose head is offered.
        self.up.next = self.session_up.val();
        if self.flush.val() {
            self.up.next = self.up.val().replace_bit(self.flush_session.val().index(), false);
        }
        self.doomed.next = self.dropping.q.val() | self.drop.val();
        self.eligible.next = self.waits.q.val() & self.has_credit.q.val() & self.up.val() & !self.doomed.val();
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
        self.flushed.d.next = false;
        self.emptied.d.next = self.flush.val() && self.emptied.q.val();
        self.splice.next = self.flush.val() && !self.emptied.q.val() && !self.put.q.val() && !self.pop.val();
        if self.splice.val() {
            self.emptied.d.next = true;
            self.flushed.d.next = true;
        }
        self.flush_done.next = self.flushed.q.val();
        // Which queue goes to the free places: that of the session flushed, else of one to be dropped, between TLPs.
        self.dropping.d.next = self.doomed.val();
        self.splice_all.next = 0.into();
        if self.splice.val() {
            self.splice_all.next = bits::<8>(1) << self.flush_session.val();
        } else if self.restart.val() && !self.put.q.val() && !self.pop.val() && !self.flush.val() {
            self.splice_all.next = self.dropping.q.val() & (bits::<8>(0) - self.dropping.q.val());
            self.dropping.d.next = self.doomed.val() & !self.splice_all.val();
        }

        // What is taken from the queues in this clock, and the links of them.
        self.read_place.next = 0.into();
        self.own_tail.next = 0.into();
        self.own_empty.next = false;
        self.join.next = self.freed.q.val().any() && !self.put.q.val();
        if self.join.val() {
            self.freed.d.next = 0.into();
        }
        for i in 0..SESSIONS {
            if self.candidate.q.val().index() == i {
                self.read_place.next = self.head[i].q.val();
                if self.pop.val() {
                    self.freed.d.next = 1.into();
                    self.freed_head.d.next = self.head[i].q.val();
                    self.freed_tail.d.next = self.head[i].q.val();
                    self.head[i].d.next = self.links[0].read_data.val();
                    self.count[i].d.next = self.count[i].q.val() - 1;
                }
            }
            if self.session.val().index() == i {
                self.own_tail.next = self.tail[i].q.val();
                self.own_empty.next = !self.count[i].q.val().any();
                if self.put.q.val() {
                    self.tail[i].d.next = self.spare.q.val();
                    self.count[i].d.next = self.count[i].q.val() + 1;
                    if !self.count[i].q.val().any() {
                        self.head[i].d.next = self.spare.q.val();
                    }
                }
            }
            if self.np_limit_write.val() && (self.np_limit_session.val().index() == i) {
                self.np_allowed[i].d.next = self.np_limit.val();
            }
            if self.splice_all.val().get_bit(i) {
                self.freed.d.next = self.count[i].q.val();
                self.freed_head.d.next = self.head[i].q.val();
                self.freed_tail.d.next = self.tail[i].q.val();
                self.count[i].d.next = 0.into();
            }
        }
        self.link_write.next = false;
        self.link_at.next = self.own_tail.val();
        self.link_to.next = self.spare.q.val();
        if self.put.q.val() {
            self.link_write.next = !self.own_empty.val();
            self.spare_valid.d.next = false;
            self.used_places.d.next = self.used_places.q.val() + 1;
        } else if self.join.val() {
            self.used_places.d.next = self.used_places.q.val() - self.freed.q.val();
            self.link_write.next = self.free_count.q.val().any();
            self.link_at.next = self.free_tail.q.val();
            self.link_to.next = self.freed_head.q.val();
        }

        // A spare place: one that is free again, else one never used.
        self.settled.d.next = !self.freed.q.val().any();
        self.refill.next = !self.spare_valid.q.val() && !self.freed.q.val().any();
        self.unlink.next = self.refill.val() && self.free_count.q.val().any() && self.settled.q.val();
        if self.unlink.val() {
            self.spare.d.next = self.free_head.q.val();
            self.spare_valid.d.next = true;
            self.free_head.d.next = self.links[1].read_data.val();
            self.free_count.d.next = self.free_count.q.val() - 1;
        } else if self.refill.val() && !self.free_count.q.val().any() && (self.fresh.q.val() != self.all_places.val()) {
            self.spare.d.next = self.fresh.q.val().get_bits::<8>(0);
            self.spare_valid.d.next = true;
            self.fresh.d.next = self.fresh.q.val() + 1;
        }
        if self.join.val() {
            self.free_count.d.next = self.free_count.q.val() + self.freed.q.val();
            self.free_tail.d.next = self.freed_tail.q.val();
            if !self.free_count.q.val().any() {
                self.free_head.d.next = self.freed_head.q.val();
            }
        }
        for i in 0..2 {
            self.links[i].clock.next = self.clock.val();
            self.links[i].write_enable.next = self.link_write.val();
            self.links[i].write_address.next = self.link_at.val();
            self.links[i].write_data.next = self.link_to.val();
        }
        self.links[0].read_address.next = self.read_place.val();
        self.links[1].read_address.next = self.free_head.q.val();

        self.places.clock.next = self.clock.val();
        self.places.write_enable.next = self.write.val();
        self.places.write_address.next =
            (bit_cast::<11, 8>(self.spare.q.val()) << 3) | bit_cast::<11, 3>(self.write_beat.q.val());
        self.places.write_data.next =
            bit_cast_wide::<68, 64>(self.data.val()) | (bit_cast_wide::<68, 4>(self.dwords.val()) << 64);
        self.places.read_address.next =
            (bit_cast::<11, 8>(self.read_place.val()) << 3) | bit_cast::<11, 3>(self.next_beat.val());
        self.head_data.next = bit_cast_narrow::<64, 68>(self.places.read_data.val());
        self.head_dwords.next = bit_cast_narrow::<4, 68>(self.places.read_data.val() >> 64);
        self.head_ok.next = self.candidate_ok.q.val() && self.is_eligible.val();
        self.head_session.next = self.candidate.q.val();
        self.np_ok.next = self.room.q.val();

        for i in 0..8 {
            if self.reset.val() || (self.flush.val() && (self.flush_session.val().index() == i)) {
                self.np_sent[i].d.next = 0.into();
                self.np_allowed[i].d.next = 0.into();
            }
            if self.reset.val() {
                self.count[i].d.next = 0.into();
            }
        }
        if self.reset.val() {
            self.candidate.d.next = 0.into();
            self.candidate_ok.d.next = false;
            self.put.d.next = false;
            self.spent.d.next = false;
            self.waits.d.next = 0.into();
            self.has_credit.d.next = 0.into();
            self.room.d.next = false;
            self.used_places.d.next = 0.into();
            self.spare_valid.d.next = false;
            self.fresh.d.next = 0.into();
            self.free_count.d.next = 0.into();
            self.freed.d.next = 0.into();
            self.dropping.d.next = 0.into();
            self.emptied.d.next = false;
            self.flushed.d.next = false;
        }
    }
}
