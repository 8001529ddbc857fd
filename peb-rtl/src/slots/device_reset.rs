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
