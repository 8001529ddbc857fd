//! Requests of the slots that the host has not completed.

use peb_hdl::prelude::*;

/// Counts, for each slot, the requests that went to the host and are not completed. A slot that is lost with such requests
/// stays `busy` until the last of them is: no late completion reaches the next device there, whatever its tags.
///
/// - Completions that never come: after `track_ticks`, at the latest after twice that, the slot is free all the same. 0: never.
/// - Latency: a count follows 3 clocks after its event, 5 if two come at once. Registered: all but `busy`, through which `lost` passes.
/// - Reset and `clear` (the host forgets its requests) forget all. Waits for nothing. `sent` comes every fourth clock at most,
///   `completed` likewise.
/// - Bad input: a completion too many is ignored; a count ends at 2047.
#[derive(Module, Default)]
pub struct Unanswered {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Forget all (level or pulse).
    pub clear: Signal<In, Bit>,
    pub tick: Signal<In, Bit>,
    pub track_ticks: Signal<In, U<24>>,
    /// One clock: a non-posted TLP of `sent_slot` has gone to the host.
    pub sent: Signal<In, Bit>,
    pub sent_slot: Signal<In, U<3>>,
    /// One clock: the last completion of one of them came.
    pub completed: Signal<In, Bit>,
    pub completed_slot: Signal<In, U<3>>,
    /// Slots that are lost (level or pulse).
    pub lost: Signal<In, U<8>>,
    /// Those of them that still have requests at the host.
    pub busy: Signal<Out, U<8>>,

    /// Requests of a slot; 0 whatever is in the memory unless the slot's bit in `some` is set.
    counts: LutRam<U<11>, 3>,
    some: Reg<U<8>>,
    /// Events that wait for the memory.
    more: Reg<Bit>,
    more_slot: Reg<U<3>>,
    less: Reg<Bit>,
    less_slot: Reg<U<3>>,
    /// The event at hand: its slot and count, whether it is a completion.
    counts_now: Reg<Bit>,
    slot: Reg<U<3>>,
    count: Reg<U<11>>,
    falls: Reg<Bit>,
    /// Slots that were lost with requests at the host.
    waits: Reg<U<8>>,
    /// Ticks since the last look at the slots, and those that were busy then.
    elapsed: Reg<U<24>>,
    /// That was long enough, a clock ago.
    due: Reg<Bit>,
    aged: Reg<U<8>>,

    held: Signal<Local, U<8>>,
    left: Signal<Local, U<8>>,
    expires: Signal<Local, Bit>,
    waiting: Signal<Local, Bit>,
    row: Signal<Local, U<3>>,
    next_count: Signal<Local, U<11>>,
    _activity: Activity,
}

impl Logic for Unanswered {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, some, more, more_slot, less, less_slot, counts_now, slot, count, falls);
        dff_setup!(self, clock, waits, elapsed, due, aged);
        self.held.next = self.some.q.val() & (self.waits.q.val() | self.lost.val());
        self.busy.next = self.held.val();

        // First clock of an event: its slot's count. Completions first, they come more seldom.
        self.row.next = self.more_slot.q.val();
        if self.less.q.val() {
            self.row.next = self.less_slot.q.val();
        }
        self.counts.clock.next = self.clock.val();
        self.counts.read_address.next = self.row.val();
        self.count.d.next = 0.into();
        if self.some.q.val().get_bit(self.row.val().index()) {
            self.count.d.next = self.counts.read_data.val();
        }
        self.slot.d.next = self.row.val();
        self.falls.d.next = self.less.q.val();
        self.due.d.next =
            (self.elapsed.q.val() >= self.track_ticks.val()) && self.track_ticks.val().any() && !self.due.q.val();
        self.expires.next = self.due.q.val();
        self.waiting.next = self.counts_now.q.val() || self.expires.val();
        self.counts_now.d.next = !self.waiting.val() && (self.less.q.val() || self.more.q.val());
        self.less.d.next = (self.less.q.val() && self.waiting.val()) || self.completed.val();
        self.more.d.next = (self.more.q.val() && (self.less.q.val() || self.waiting.val())) || self.sent.val();

        // Second clock: the new one.
        self.next_count.next = self.count.q.val();
        if !self.falls.q.val() && !self.count.q.val().all() {
            self.next_count.next = self.count.q.val() + 1;
        } else if self.falls.q.val() && self.count.q.val().any() {
            self.next_count.next = self.count.q.val() - 1;
        }
        self.counts.write_enable.next = self.counts_now.q.val();
        self.counts.write_address.next = self.slot.q.val();
        self.counts.write_data.next = self.next_count.val();
        self.left.next = self.some.q.val();
        if self.counts_now.q.val() {
            self.left.next = self.left.val().replace_bit(
                self.slot.q.val().index(),
                !self.falls.q.val() || self.count.q.val().get_bits::<10>(1).any(),
            );
        }
        if self.sent.val() {
            self.more_slot.d.next = self.sent_slot.val();
        }
        if self.completed.val() {
            self.less_slot.d.next = self.completed_slot.val();
        }

        // Time, while a slot waits.
        self.aged.d.next = self.aged.q.val() & self.held.val();
        if !self.held.val().any() {
            self.elapsed.d.next = 0.into();
        } else if self.tick.val() {
            self.elapsed.d.next = self.elapsed.q.val() + 1;
        }
        if self.expires.val() {
            self.elapsed.d.next = 0.into();
            self.aged.d.next = self.held.val();
            self.left.next = self.left.val() & !(self.aged.q.val() & self.held.val());
        }
        self.some.d.next = self.left.val();
        self.waits.d.next = self.held.val() & self.left.val();
        if self.clear.val() || self.reset.val() {
            self.some.d.next = 0.into();
            self.waits.d.next = 0.into();
            self.more.d.next = false;
            self.less.d.next = false;
            self.counts_now.d.next = false;
            self.elapsed.d.next = 0.into();
            self.due.d.next = false;
            self.aged.d.next = 0.into();
        }
    }
}
