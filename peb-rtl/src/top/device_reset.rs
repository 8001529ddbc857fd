//! When the device below an I/O PEB is in reset.
//!
//! The device is in reset whenever no host is attached, for at least 1000 ticks (1 ms) each time, and for 100,000 ticks
//! (100 ms, PCI Express CEM: T_PVPERL) after `reset`. Time counts while unattached and follows a change of the tick at once.
//!
//! Latency: one clock. `reset` starts the power-on time again.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct DeviceReset {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// One clock a tick.
    pub tick: Signal<In, Bit>,
    /// A host has a session with this PEB.
    pub attached: Signal<In, Bit>,
    /// Reset towards the device, 1 = in reset.
    pub reset_out: Signal<Out, Bit>,
    power_on: Reg<U<17>>,
    held: Reg<U<10>>,
    released: Reg<Bit>,
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
        self.released.d.next = self.attached.val() && (self.held.q.val() == 1000) && (self.power_on.q.val() == 100000);
        if self.released.q.val() && !self.attached.val() {
            self.held.d.next = 0.into();
        }
        self.reset_out.next = !self.released.q.val();
        if self.reset.val() {
            self.power_on.d.next = 0.into();
            self.held.d.next = 0.into();
            self.released.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{clocked, Bench};

    clocked!(DeviceReset);

    fn ticks(bench: &mut Bench<DeviceReset>, n: usize) {
        for _ in 0..n {
            bench.dut().tick.next = true;
            bench.tick();
        }
        bench.dut().tick.next = false;
    }

    #[test]
    fn holds_for_the_times_of_the_interface() {
        let mut bench = Bench::new("device_reset", DeviceReset::default());
        bench.reset();
        bench.dut().attached.next = true;
        ticks(&mut bench, 99_999);
        bench.clocks(3);
        bench.settle();
        assert!(bench.dut().reset_out.val(), "100 ms have not passed");
        ticks(&mut bench, 1);
        bench.clocks(2);
        assert!(!bench.dut().reset_out.val());
        bench.dut().attached.next = false;
        bench.tick();
        bench.dut().attached.next = true;
        bench.clocks(2);
        assert!(bench.dut().reset_out.val());
        ticks(&mut bench, 999);
        bench.clocks(2);
        assert!(bench.dut().reset_out.val(), "1 ms has not passed");
        ticks(&mut bench, 1);
        bench.clocks(2);
        assert!(!bench.dut().reset_out.val());
        // A reset starts the power-on time again, whoever is attached; coming and going meanwhile changes nothing.
        bench.reset();
        assert!(bench.dut().reset_out.val());
        ticks(&mut bench, 99_990);
        bench.dut().attached.next = false;
        ticks(&mut bench, 5);
        bench.dut().attached.next = true;
        ticks(&mut bench, 5);
        bench.clocks(2);
        assert!(!bench.dut().reset_out.val());
        bench.assert_equivalent();
        bench.assert_thorough(1);
    }
}
