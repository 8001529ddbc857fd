//! Reset of a board: clock, PHY, core.

use peb_hdl::prelude::*;

/// Holds the core and its PHY in reset until the clock has been good for a while (IEEE 802.3 leaves the time to the PHY).
///
/// - `phy_reset_n` rises 2^20 clocks (8 ms at 125 MHz) after `good`, `reset` falls 2^24 clocks (134 ms) after it; with a shorter
///   [`Startup::with_times`] for simulation.
/// - Registered: both. A fall of `good`, two clocks of synchroniser later, begins anew.
#[derive(Module)]
pub struct Startup {
    pub clock: Signal<In, Clk>,
    /// The clock is good and nobody presses the reset button; of no clock.
    pub good: Signal<In, Bit>,
    pub phy_reset_n: Signal<Out, Bit>,
    pub reset: Signal<Out, Bit>,
    phy_time: Constant<U<24>>,
    core_time: Constant<U<24>>,
    age: Reg<U<24>>,
    phy_on: Reg<Bit>,
    core_on: Reg<Bit>,
    sync: Sync2,
    _activity: Activity,
}

impl Default for Startup {
    fn default() -> Self {
        Self::with_times(1 << 20, (1 << 24) - 1)
    }
}

impl Startup {
    /// Clocks until the PHY, and until the core, is out of reset; below 2^24.
    pub fn with_times(phy: u32, core: u32) -> Self {
        Startup {
            phy_time: Constant::new(u64::from(phy).into()),
            core_time: Constant::new(u64::from(core).into()),
            ..Self::blank()
        }
    }
}

impl Logic for Startup {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, age, phy_on, core_on);
        self.sync.clock.next = self.clock.val();
        self.sync.d.next = self.good.val();
        self.phy_reset_n.next = self.phy_on.q.val();
        self.reset.next = !self.core_on.q.val();
        if !self.sync.q.val() {
            self.age.d.next = 0.into();
            self.phy_on.d.next = false;
            self.core_on.d.next = false;
        } else {
            if !self.core_on.q.val() {
                self.age.d.next = self.age.q.val() + 1;
            }
            if self.age.q.val() == self.phy_time.val() {
                self.phy_on.d.next = true;
            }
            if self.age.q.val() == self.core_time.val() {
                self.core_on.d.next = true;
            }
        }
    }
}
