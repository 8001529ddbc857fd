//! When the device below an I/O PEB is in reset.

use peb_hdl::prelude::*;

/// The device is in reset while `run` is low, for at least 1000 ticks (1 ms) each time, and for 100,000 ticks (100 ms, PCI
/// Express CEM: T_PVPERL) after `reset` and after `powered` rises. Time counts whether `run` is high or not, and follows a
/// change of the tick at once.
///
/// - Latency: two clocks. Registered: all. `reset` begins the power-on time again. Never waits.
#[derive(Module, Default)]
pub struct DeviceReset {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// One clock a tick.
    pub tick: Signal<In, Bit>,
    /// The device has power.
    pub powered: Signal<In, Bit>,
    /// The device may run.
    pub run: Signal<In, Bit>,
    /// Pulse: reset the device, be it for ever so short.
    pub restart: Signal<In, Bit>,
    /// Reset towards the device, 1 = in reset.
    pub reset_out: Signal<Out, Bit>,
    power_on: Reg<U<17>>,
    held: Reg<U<10>>,
    released: Reg<Bit>,
    enough: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for DeviceReset {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, power_on, held, released);
        if self.tick.val() && self.power_on.q.val() != 100000 {
            self.power_on.d.next = self.power_on.q.val() + 1;
        }
        if self.tick.val() && self.held.q.val() != 1000 {
            self.held.d.next = self.held.q.val() + 1;
        }
        self.enough.next = (self.held.q.val() == 1000) && (self.power_on.q.val() == 100000);
        self.released.d.next = self.run.val() && self.enough.val() && !self.restart.val() && self.powered.val();
        if self.restart.val() || (self.released.q.val() && !self.run.val()) {
            self.held.d.next = 0.into();
        }
        self.reset_out.next = !self.released.q.val();
        if self.reset.val() {
            self.held.d.next = 0.into();
            self.released.d.next = false;
        }
        if self.reset.val() || !self.powered.val() {
            self.power_on.d.next = 0.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    /// Clocks until `reset_out` is as wanted, at most so many.
    fn until(bench: &mut Bench<DeviceReset>, reset: bool, most: usize) -> Option<usize> {
        bench.settle();
        (0..most).find(|_| {
            let there = bench.dut().reset_out.val() == reset;
            if !there {
                bench.tick();
                bench.settle();
            }
            there
        })
    }

    #[test]
    fn reset_lasts_as_long_as_the_standard_wants() {
        let mut bench = Bench::new("device_reset", DeviceReset::default());
        bench.dut().tick.next = true;
        bench.dut().powered.next = true;
        bench.dut().run.next = true;
        bench.reset();
        let bring_up = until(&mut bench, false, 101_000);
        assert_eq!(bring_up, Some(100_001), "after reset");
        for (low, left) in [(3, 998), (998, 3), (2000, 1)] {
            bench.dut().run.next = false;
            assert_eq!(until(&mut bench, true, 3), Some(1), "run is low");
            bench.clocks(low);
            bench.dut().run.next = true;
            assert_eq!(until(&mut bench, false, 1010), Some(left), "low for {low}");
        }
        for ticks in [1, 3] {
            bench.dut().restart.next = true;
            bench.tick();
            bench.dut().restart.next = false;
            assert_eq!(until(&mut bench, true, 1), Some(0), "restart");
            let clocks = (0..ticks * 1002).find(|clock| {
                bench.dut().tick.next = clock % ticks == 0;
                bench.tick();
                bench.settle();
                !bench.dut().reset_out.val()
            });
            assert_eq!(clocks, Some(ticks * 999 + 1), "one tick in {ticks}");
            bench.dut().tick.next = true;
        }
        bench.dut().restart.next = true;
        bench.clocks(2000);
        bench.dut().restart.next = false;
        assert_eq!(until(&mut bench, false, 1010), Some(1001), "restart over and over");
        bench.dut().run.next = false;
        bench.clocks(5);
        bench.dut().powered.next = false;
        bench.clocks(50_000);
        bench.dut().run.next = true;
        bench.dut().powered.next = true;
        assert_eq!(until(&mut bench, false, 101_000), Some(100_001), "after power");
        bench.dut().powered.next = false;
        assert_eq!(until(&mut bench, true, 3), Some(1), "no power");
        bench.assert_equivalent();
    }
}
