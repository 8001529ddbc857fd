//! The 16 frame slots of the transmit memory: which are free, whose the others are, and what became of their frames.
//!
//! A slot is free exactly while its bit in `held` is 0, so none can leak or be handed out twice. A held slot is
//! unsent, in flight (`sent` alone), lost (`sent` and `lost`) or acknowledged; an acknowledged slot is freed as soon
//! as neither the Sender nor the next command uses it.
//!
//! Latency: events show in the flags one clock later, a new head of the free list two clocks after `free_take`; the
//! answer to `query` comes a clock later and tells of the flags as they were with the question, a `purge` frees a clock
//! later, too. Registered: everything but the count in the answer. Reset frees all. An event for a free slot does nothing.
//! `free_take` and `open` of a slot come in the same clock. Waits for nothing.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct SlotPool {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// `free_slot` is free to be taken.
    pub free_valid: Signal<Out, Bit>,
    /// Head of the free list.
    pub free_slot: Signal<Out, U<4>>,
    /// The head is taken.
    pub free_take: Signal<In, Bit>,
    /// A frame of `open_session` begins in `open_slot`.
    pub open: Signal<In, Bit>,
    pub open_session: Signal<In, U<3>>,
    pub open_slot: Signal<In, U<4>>,
    /// With `open`: the session is being flushed, the slot is freed at once.
    pub open_void: Signal<In, Bit>,
    /// The frame in `busy_slot` was sent whole.
    pub transmitted: Signal<In, Bit>,
    /// The frame in `mark_slot` is acknowledged.
    pub acknowledge: Signal<In, Bit>,
    /// The frame in `mark_slot` is lost.
    pub lose: Signal<In, Bit>,
    pub mark_slot: Signal<In, U<4>>,
    /// `busy_slot` is being sent.
    pub busy: Signal<In, Bit>,
    pub busy_slot: Signal<In, U<4>>,
    /// `reserved_slot` may be sent next.
    pub reserved: Signal<In, Bit>,
    pub reserved_slot: Signal<In, U<4>>,
    /// There is more than one session.
    pub several: Signal<In, Bit>,
    /// Session asked about; the answer comes a clock later.
    pub query: Signal<In, U<3>>,
    /// Its frames in flight, the one being sent included.
    pub query_flight: Signal<Out, U<5>>,
    /// There are any.
    pub query_active: Signal<Out, Bit>,
    /// It has a lost frame that is not being sent.
    pub query_lost: Signal<Out, Bit>,
    /// Free all slots of the session asked about.
    pub purge: Signal<In, Bit>,
    /// Bit per slot: not free.
    pub held: Signal<Out, U<16>>,
    /// Bit per slot: sent at least once and not yet acknowledged.
    pub live: Signal<Out, U<16>>,
    /// Bit per slot: lost.
    pub lost: Signal<Out, U<16>>,
    /// Some slot holds a frame never sent.
    pub any_unsent: Signal<Out, Bit>,
    head: Reg<U<4>>,
    head_valid: Reg<Bit>,
    taken: Reg<U<16>>,
    sent: Reg<U<16>>,
    missing: Reg<U<16>>,
    acknowledged: Reg<U<16>>,
    owner_0: Reg<U<16>>,
    owner_1: Reg<U<16>>,
    owner_2: Reg<U<16>>,
    owned: Reg<U<16>>,
    flying: Reg<U<16>>,
    absent: Reg<U<16>>,
    purging: Reg<Bit>,
    lowest: Signal<Local, U<16>>,
    open_bit: Signal<Local, U<16>>,
    head_bit: Signal<Local, U<16>>,
    mark_bit: Signal<Local, U<16>>,
    busy_bit: Signal<Local, U<16>>,
    reserved_bit: Signal<Local, U<16>>,
    match_0: Signal<Local, U<16>>,
    match_1: Signal<Local, U<16>>,
    match_2: Signal<Local, U<16>>,
    release: Signal<Local, U<16>>,
    done_bit: Signal<Local, U<16>>,
    acknowledge_bit: Signal<Local, U<16>>,
    lose_bit: Signal<Local, U<16>>,
    pairs: Signal<Local, U<16>>,
    quads: Signal<Local, U<16>>,
    octets: Signal<Local, U<16>>,
    spread: Signal<Local, U<16>>,
    _activity: Activity,
}

impl Logic for SlotPool {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, head, head_valid, taken, sent, missing, acknowledged, owner_0, owner_1, owner_2);
        dff_setup!(self, clock, owned, flying, absent, purging);
        self.open_bit.next = bits::<16>(0);
        if self.open.val() {
            self.open_bit.next = bits::<16>(1) << self.open_slot.val();
        }
        self.head_bit.next = bits::<16>(0);
        if self.free_take.val() && self.head_valid.q.val() {
            self.head_bit.next = bits::<16>(1) << self.head.q.val();
        }
        self.busy_bit.next = bits::<16>(0);
        if self.busy.val() {
            self.busy_bit.next = bits::<16>(1) << self.busy_slot.val();
        }
        self.reserved_bit.next = bits::<16>(0);
        if self.reserved.val() {
            self.reserved_bit.next = bits::<16>(1) << self.reserved_slot.val();
        }
        self.mark_bit.next = bits::<16>(1) << self.mark_slot.val();

        // The slots of the session asked about.
        self.match_0.next = self.owner_0.q.val();
        if !self.query.val().get_bit(0) {
            self.match_0.next = !self.owner_0.q.val();
        }
        self.match_1.next = self.owner_1.q.val();
        if !self.query.val().get_bit(1) {
            self.match_1.next = !self.owner_1.q.val();
        }
        self.match_2.next = self.owner_2.q.val();
        if !self.query.val().get_bit(2) {
            self.match_2.next = !self.owner_2.q.val();
        }
        self.owned.d.next = self.taken.q.val() & self.match_0.val() & self.match_1.val() & self.match_2.val();
        self.absent.d.next = self.missing.q.val() & !self.busy_bit.val();
        self.query_lost.next = (self.owned.q.val() & self.absent.q.val()).any();

        // How many of them are in flight, counted in a tree.
        self.flying.d.next =
            (self.sent.q.val() & !self.missing.q.val() & !self.acknowledged.q.val()) | self.busy_bit.val();
        self.spread.next = self.owned.q.val() & self.flying.q.val();
        self.pairs.next = (self.spread.val() & bits::<16>(0x5555)) + ((self.spread.val() >> 1) & bits::<16>(0x5555));
        self.quads.next = (self.pairs.val() & bits::<16>(0x3333)) + ((self.pairs.val() >> 2) & bits::<16>(0x3333));
        self.octets.next = (self.quads.val() & bits::<16>(0x0f0f)) + ((self.quads.val() >> 4) & bits::<16>(0x0f0f));
        self.query_active.next = self.spread.val().any();
        self.query_flight.next = self.octets.val().get_bits::<5>(0) + self.octets.val().get_bits::<5>(8);

        // What happens to them.
        self.release.next = self.acknowledged.q.val() & !self.busy_bit.val() & !self.reserved_bit.val();
        self.purging.d.next = self.purge.val();
        if self.purging.q.val() {
            self.release.next =
                (self.acknowledged.q.val() & !self.busy_bit.val() & !self.reserved_bit.val()) | self.owned.q.val();
        }
        self.done_bit.next = bits::<16>(0);
        if self.transmitted.val() {
            self.done_bit.next = self.busy_bit.val();
        }
        self.acknowledge_bit.next = bits::<16>(0);
        if self.acknowledge.val() {
            self.acknowledge_bit.next = self.mark_bit.val();
        }
        if self.open_void.val() {
            self.acknowledge_bit.next = self.acknowledge_bit.val() | self.open_bit.val();
        }
        self.lose_bit.next = bits::<16>(0);
        if self.lose.val() {
            self.lose_bit.next = self.mark_bit.val();
        }
        self.taken.d.next = (self.taken.q.val() | self.head_bit.val()) & !self.release.val();
        self.sent.d.next = (self.sent.q.val() | self.done_bit.val()) & !self.release.val();
        self.acknowledged.d.next = (self.acknowledged.q.val() | self.acknowledge_bit.val()) & !self.release.val();
        self.missing.d.next = ((self.missing.q.val() & !self.done_bit.val() & !self.acknowledge_bit.val())
            | self.lose_bit.val())
            & !self.release.val();
        self.owner_0.d.next = self.owner_0.q.val() & !self.open_bit.val();
        if self.open_session.val().get_bit(0) {
            self.owner_0.d.next = self.owner_0.q.val() | self.open_bit.val();
        }
        self.owner_1.d.next = self.owner_1.q.val() & !self.open_bit.val();
        if self.open_session.val().get_bit(1) {
            self.owner_1.d.next = self.owner_1.q.val() | self.open_bit.val();
        }
        self.owner_2.d.next = self.owner_2.q.val() & !self.open_bit.val();
        if self.open_session.val().get_bit(2) {
            self.owner_2.d.next = self.owner_2.q.val() | self.open_bit.val();
        }

        if !self.several.val() {
            self.owner_0.d.next = bits::<16>(0);
            self.owner_1.d.next = bits::<16>(0);
            self.owner_2.d.next = bits::<16>(0);
        }

        // The head of the free list: any free slot, looked for while there is none.
        self.lowest.next = !self.taken.q.val() & (self.taken.q.val() + 1);
        if self.head_valid.q.val() {
            self.head_valid.d.next = !self.free_take.val();
        } else {
            self.head_valid.d.next = self.lowest.val().any();
            self.head.d.next = self
                .head
                .q
                .val()
                .replace_bit(0, (self.lowest.val() & bits::<16>(0xaaaa)).any())
                .replace_bit(1, (self.lowest.val() & bits::<16>(0xcccc)).any())
                .replace_bit(2, (self.lowest.val() & bits::<16>(0xf0f0)).any())
                .replace_bit(3, (self.lowest.val() & bits::<16>(0xff00)).any());
        }
        self.free_valid.next = self.head_valid.q.val();
        self.free_slot.next = self.head.q.val();
        self.held.next = self.taken.q.val();
        self.live.next = self.sent.q.val() & !self.acknowledged.q.val();
        self.lost.next = self.missing.q.val();
        self.any_unsent.next = (self.taken.q.val() & !self.sent.q.val()).any();
        if self.reset.val() {
            self.taken.d.next = bits::<16>(0);
            self.sent.d.next = bits::<16>(0);
            self.missing.d.next = bits::<16>(0);
            self.acknowledged.d.next = bits::<16>(0);
            self.head_valid.d.next = false;
            self.purging.d.next = false;
        }
    }
}
