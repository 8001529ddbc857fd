//! Time: the protocol tick, and the clock of the timestamps.
//!
//! `tick` is 1 for one clock in every `period` clocks (0 counts as 1); a new period takes effect with the next tick.
//! `ticks` counts them; it has the new value in the clock after `tick`. `now` counts units of 8 clocks. Both wrap at
//! 24 bits. All outputs are registers; `reset` starts all three from 0.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Ticker {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Clocks in a tick: register TICK.
    pub period: Signal<In, U<16>>,
    /// One clock a tick.
    pub tick: Signal<Out, Bit>,
    /// Ticks since `reset`.
    pub ticks: Signal<Out, U<24>>,
    /// Units of 8 clocks since `reset`.
    pub now: Signal<Out, U<24>>,
    left: Reg<U<16>>,
    pulse: Reg<Bit>,
    count: Reg<U<24>>,
    eighths: Reg<U<3>>,
    units: Reg<U<24>>,
    _activity: Activity,
}

impl Logic for Ticker {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, left, pulse, count, eighths, units);
        self.pulse.d.next = false;
        if self.left.q.val() == 0 {
            self.pulse.d.next = true;
            if self.period.val() == 0 {
                self.left.d.next = 0.into();
            } else {
                self.left.d.next = self.period.val() - 1;
            }
        } else {
            self.left.d.next = self.left.q.val() - 1;
        }
        if self.pulse.q.val() {
            self.count.d.next = self.count.q.val() + 1;
        }
        self.eighths.d.next = self.eighths.q.val() + 1;
        if self.eighths.q.val() == 7 {
            self.units.d.next = self.units.q.val() + 1;
        }
        self.tick.next = self.pulse.q.val();
        self.ticks.next = self.count.q.val();
        self.now.next = self.units.q.val();
        if self.reset.val() {
            self.left.d.next = 0.into();
            self.pulse.d.next = false;
            self.count.d.next = 0.into();
            self.eighths.d.next = 0.into();
            self.units.d.next = 0.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{clocked, Bench};

    clocked!(Ticker);

    /// Clocks from one tick to the next.
    fn distance(bench: &mut Bench<Ticker>) -> usize {
        for clocks in 1.. {
            bench.tick();
            if bench.dut().tick.val() {
                return clocks;
            }
        }
        unreachable!()
    }

    #[test]
    fn counts_as_told_from_the_next_tick_on() {
        let mut bench = Bench::new("ticker", Ticker::default());
        bench.dut().period.next = 5.into();
        bench.reset();
        distance(&mut bench);
        assert_eq!(distance(&mut bench), 5);
        bench.clocks(2);
        bench.dut().period.next = 300.into();
        assert_eq!(distance(&mut bench), 3, "the running tick keeps its length");
        assert_eq!(distance(&mut bench), 300);
        for one in [0, 1] {
            bench.dut().period.next = one.into();
            distance(&mut bench);
            assert_eq!((distance(&mut bench), distance(&mut bench)), (1, 1));
        }
        let (ticks, now) = (bench.dut().ticks.val().raw(), bench.dut().now.val().raw());
        bench.clocks(800);
        assert_eq!(bench.dut().ticks.val().raw(), ticks + 800);
        assert_eq!(bench.dut().now.val().raw(), now + 100);
        bench.assert_equivalent();
        bench.dut().period.next = 65535.into();
        distance(&mut bench);
        assert_eq!(distance(&mut bench), 65535);
    }
}
