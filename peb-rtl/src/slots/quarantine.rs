//! How long an emptied slot stays empty.

use peb_hdl::prelude::*;

/// A slot that was emptied waits for at least `hello_ticks` before it may be shown as filled.
///
/// - Latency: `waiting` rises one clock after `emptied`; it falls at most 24 clocks and two ticks after the time is over.
/// - Registered: all. Reset: no slot waits.
/// - `emptied` of a slot that waits changes nothing.
#[derive(Module, Default)]
pub struct Quarantine {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// One clock a tick.
    pub tick: Signal<In, Bit>,
    /// The time, in ticks.
    pub hello_ticks: Signal<In, U<24>>,
    /// The slot that is looked at in this clock; runs while `busy`.
    pub turn: Signal<In, U<3>>,
    /// These slots become empty (a bit each).
    pub emptied: Signal<In, U<8>>,
    /// These slots wait.
    pub waiting: Signal<Out, U<8>>,
    pub busy: Signal<Out, Bit>,
    waits: Reg<U<8>>,
    stamped: Reg<U<8>>,
    /// Ticks, counted while any slot waits; one bit more than `hello_ticks`.
    age: Reg<U<25>>,
    since: LutRam<U<25>, 3>,
    elapsed: Reg<U<25>>,
    checked: Reg<U<3>>,
    checking: Reg<Bit>,
    waits_now: Signal<Local, U<8>>,
    stamped_now: Signal<Local, U<8>>,
    limit: Signal<Local, U<25>>,
    stamp: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Quarantine {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, waits, stamped, age, elapsed, checked, checking);
        self.waiting.next = self.waits.q.val();
        self.busy.next = self.waits.q.val().any();
        self.waits_now.next = self.waits.q.val() | self.emptied.val();
        self.stamped_now.next = self.stamped.q.val();
        if self.tick.val() && self.waits.q.val().any() {
            self.age.d.next = self.age.q.val() + 1;
        }

        // Each slot in its turn: note when it began, later how long that is ago, a clock later whether that is enough.
        self.stamp.next = self.waits.q.val().get_bit(self.turn.val().index())
            && !self.stamped.q.val().get_bit(self.turn.val().index());
        if self.stamp.val() {
            self.stamped_now.next = self.stamped_now.val().replace_bit(self.turn.val().index(), true);
        }
        self.since.clock.next = self.clock.val();
        self.since.write_enable.next = self.stamp.val();
        self.since.write_address.next = self.turn.val();
        self.since.write_data.next = self.age.q.val();
        self.since.read_address.next = self.turn.val();
        self.elapsed.d.next = self.age.q.val() - self.since.read_data.val();
        self.checked.d.next = self.turn.val();
        self.checking.d.next = self.stamped.q.val().get_bit(self.turn.val().index());
        self.limit.next = bit_cast::<25, 24>(self.hello_ticks.val());
        if self.checking.q.val() && (self.elapsed.q.val() > self.limit.val()) {
            self.waits_now.next = self.waits_now.val().replace_bit(self.checked.q.val().index(), false);
            self.stamped_now.next = self.stamped_now.val().replace_bit(self.checked.q.val().index(), false);
        }
        self.waits.d.next = self.waits_now.val();
        self.stamped.d.next = self.stamped_now.val();
        if self.reset.val() {
            self.waits.d.next = 0.into();
            self.stamped.d.next = 0.into();
            self.checking.d.next = false;
        }
    }
}
