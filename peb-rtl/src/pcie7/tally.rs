//! A count that another clock can read.

use peb_hdl::prelude::*;

/// Counts the clocks in which `step` is 1, modulo 256, and shows the count to a clock that has nothing to do with it.
///
/// - Latency: `count` one clock after `step`, `seen` two to three clocks of `far_clock` later. Registered: both but for the decoding of the
///   Gray code. Nothing is reset, so that the two sides never disagree.
/// - Crossing: one bit of the Gray code changes a step, each goes through [`Sync2`]; the code must arrive within one period of `clock`.
/// - Waits on nothing.
#[derive(Module, Default)]
pub struct Tally {
    pub clock: Signal<In, Clk>,
    pub far_clock: Signal<In, Clk>,
    pub step: Signal<In, Bit>,
    pub count: Signal<Out, U<8>>,
    /// `count` as it was, of `far_clock`.
    pub seen: Signal<Out, U<8>>,
    value: Reg<U<8>>,
    code: Reg<U<8>>,
    next: Signal<Local, U<8>>,
    cross: [Sync2; 8],
    gray: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Logic for Tally {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, value, code);
        self.next.next = self.value.q.val() + 1;
        if self.step.val() {
            self.value.d.next = self.next.val();
            self.code.d.next = self.next.val() ^ (self.next.val() >> 1);
        }
        self.count.next = self.value.q.val();
        self.gray.next = 0.into();
        for i in 0..8 {
            self.cross[i].clock.next = self.far_clock.val();
            self.cross[i].d.next = self.code.q.val().get_bit(i);
            self.gray.next = self.gray.val().replace_bit(i, self.cross[i].q.val());
        }
        self.seen.next = self.gray.val()
            ^ (self.gray.val() >> 1)
            ^ (self.gray.val() >> 2)
            ^ (self.gray.val() >> 3)
            ^ (self.gray.val() >> 4)
            ^ (self.gray.val() >> 5)
            ^ (self.gray.val() >> 6)
            ^ (self.gray.val() >> 7);
    }
}
