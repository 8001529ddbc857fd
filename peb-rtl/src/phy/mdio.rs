//! The state of the link, asked of the PHY.

use peb_hdl::prelude::*;

/// Reads the PHY's registers over MDIO, again and again (IEEE 802.3 clause 22): looks for the first address that answers, then tells
/// whether there is a link, and whether both ends agreed on 1000BASE-T full duplex.
///
/// - One frame of 64 bits takes 2^15 clocks (262 us at 125 MHz; MDC 244 kHz); three frames make a round: status (1), what this end offers
///   (9), what the other offers (10). Registered: everything.
/// - Reset: no link; the search begins at address 0. A PHY that answers no more is looked for again.
/// - Bad input: a bus that nobody drives reads ones, and is no PHY.
#[derive(Module, Default)]
pub struct Mdio {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub mdc: Signal<Out, Bit>,
    pub mdio_out: Signal<Out, Bit>,
    /// `mdio_out` is driven; else the PHY may drive.
    pub mdio_enable: Signal<Out, Bit>,
    /// Of no clock.
    pub mdio_in: Signal<In, Bit>,
    /// A PHY answers.
    pub found: Signal<Out, Bit>,
    /// Link, and its speed is 1000 Mbit/s.
    pub link: Signal<Out, Bit>,
    pub gigabit: Signal<Out, Bit>,
    phase: Reg<U<9>>,
    place: Reg<U<6>>,
    which: Reg<U<2>>,
    address: Reg<U<5>>,
    shift: Reg<U<16>>,
    has_phy: Reg<Bit>,
    linked: Reg<Bit>,
    offered: Reg<Bit>,
    fast: Reg<Bit>,
    mdc_reg: Reg<Bit>,
    out_reg: Reg<Bit>,
    enable_reg: Reg<Bit>,
    sync: Sync2,
    register: Signal<Local, U<5>>,
    command: Signal<Local, U<14>>,
    bit: Signal<Local, U<4>>,
    _activity: Activity,
}

impl Logic for Mdio {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, phase, place, which, address, shift, has_phy, linked, offered, fast, mdc_reg, out_reg,
            enable_reg
        );
        self.sync.clock.next = self.clock.val();
        self.sync.d.next = self.mdio_in.val();
        self.mdc.next = self.mdc_reg.q.val();
        self.mdio_out.next = self.out_reg.q.val();
        self.mdio_enable.next = self.enable_reg.q.val();
        self.found.next = self.has_phy.q.val();
        self.link.next = self.linked.q.val();
        self.gigabit.next = self.linked.q.val() && self.fast.q.val();

        // Preamble of 32 ones; 01, 10 (read), PHY, register; turnaround of two bits; 16 bits of the PHY.
        self.register.next = 1.into();
        if self.which.q.val() == 1 {
            self.register.next = 9.into();
        } else if self.which.q.val() == 2 {
            self.register.next = 10.into();
        }
        self.command.next =
            6144 | (bit_cast::<14, 5>(self.address.q.val()) << 5) | bit_cast::<14, 5>(self.register.val());
        // Bit 13 of the command comes first.
        self.bit.next = 13 - self.place.q.val().get_bits::<4>(0);
        self.mdc_reg.d.next = self.phase.q.val().get_bit(8);
        self.phase.d.next = self.phase.q.val() + 1;
        if self.phase.q.val() == 0 {
            // MDC falls: the next bit of ours.
            self.enable_reg.d.next = self.place.q.val() < 46;
            self.out_reg.d.next = true;
            if (self.place.q.val() >= 32) && (self.place.q.val() < 46) {
                self.out_reg.d.next = self.command.val().get_bit(self.bit.val().index());
            }
        }
        if self.phase.q.val() == 255 {
            // MDC is about to rise: what the PHY drove stands.
            self.shift.d.next = (self.shift.q.val() << 1) | bit_cast::<16, 1>(self.sync.q.val().into());
        }
        if self.phase.q.val().all() {
            self.place.d.next = self.place.q.val() + 1;
            if self.place.q.val().all() {
                self.which.d.next = self.which.q.val() + 1;
                if self.which.q.val() == 0 {
                    if self.shift.q.val().all() {
                        self.has_phy.d.next = false;
                        self.linked.d.next = false;
                        self.address.d.next = self.address.q.val() + 1;
                        self.which.d.next = 0.into();
                    } else {
                        self.has_phy.d.next = true;
                        self.linked.d.next = self.shift.q.val().get_bit(2);
                    }
                } else if self.which.q.val() == 1 {
                    self.offered.d.next = self.shift.q.val().get_bit(9);
                } else {
                    self.fast.d.next = self.offered.q.val() && self.shift.q.val().get_bit(11);
                    self.which.d.next = 0.into();
                }
            }
        }
        if self.reset.val() {
            self.phase.d.next = 0.into();
            self.place.d.next = 0.into();
            self.which.d.next = 0.into();
            self.address.d.next = 0.into();
            self.has_phy.d.next = false;
            self.linked.d.next = false;
            self.fast.d.next = false;
            self.enable_reg.d.next = false;
        }
    }
}
