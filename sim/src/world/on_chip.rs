//! I/O PEBs with the RTL endpoint at their PCIe pins, in place of a device of the world.

use peb_hdl::prelude::*;
use peb_rtl::endpoint::Endpoint;

use super::fabric::{Fabric, HostIn, IoIn, Peb, PebPins, Pins};
use crate::device::DevicePins;
use crate::port::{PortIn, PortOut};
use crate::stream::Beat;

/// A fabric of which some I/O PEBs are network-attached devices. The world's own devices at these PEBs must be absent: they
/// drive nothing and see nothing.
pub struct OnChip<F> {
    /// The fabric.
    pub inner: F,
    endpoints: Vec<(usize, Chip)>,
}

/// An endpoint in the Rust simulation.
struct Chip {
    sim: Sim<Endpoint>,
    /// It is there; without power it is held in reset.
    present: bool,
}

impl<F: Fabric> OnChip<F> {
    /// Endpoints at these I/O PEBs; the serial number of each is the PEB's number and one.
    pub fn new(inner: F, ios: &[usize]) -> Self {
        let chip = |&io: &usize| {
            let mut sim = Sim::new(Endpoint::default(), |d| d.clock.next = Clk::new(0));
            sim.dut.serial.next = (io as u64 + 1).into();
            sim.dut.reset.next = true;
            (0..16).for_each(|_| sim.tick());
            (io, Chip { sim, present: true })
        };
        OnChip { inner, endpoints: ios.iter().map(chip).collect() }
    }

    /// LEDS of the endpoint at an I/O PEB, if there is one.
    pub fn leds(&self, io: usize) -> Option<u8> {
        let (_, chip) = self.endpoints.iter().find(|(n, _)| *n == io)?;
        Some(chip.sim.dut.leds.val().raw() as u8)
    }
}

impl Chip {
    fn pins(&mut self) -> DevicePins {
        self.sim.settle();
        let d = &self.sim.dut;
        let beat = Beat { data: d.tx_tdata.val().raw(), keep: d.tx_tkeep.val().raw() as u8, last: d.tx_tlast.val() };
        DevicePins {
            port: PortIn {
                rx: d.tx_tvalid.val().then_some(beat),
                tx_ready: d.rx_tready.val(),
                tx_np_ok: d.rx_np_ok.val(),
            },
            link_up: d.link_up.val(),
            present: self.present,
        }
    }

    fn clock(&mut self, pins: &PebPins) {
        let beat = pins.port.tx.unwrap_or(Beat { data: 0, keep: 0, last: false });
        let d = &mut self.sim.dut;
        d.reset.next = pins.reset || pins.power_off || !self.present;
        d.rx_tdata.next = beat.data.into();
        d.rx_tlast.next = beat.last;
        d.rx_tvalid.next = pins.port.tx.is_some();
        d.tx_tready.next = pins.port.rx_ready;
        d.tx_np_ok.next = pins.port.rx_np_ok;
        self.sim.tick();
    }
}

impl<F: Fabric> Fabric for OnChip<F> {
    fn clock(&mut self, inputs: &Pins<HostIn, IoIn>, pins: &mut Pins<PebPins, PebPins>) {
        if self.endpoints.is_empty() {
            return self.inner.clock(inputs, pins);
        }
        let mut inputs = inputs.clone();
        for (io, chip) in &mut self.endpoints {
            inputs.ios[*io].device = chip.pins();
        }
        self.inner.clock(&inputs, pins);
        for (io, chip) in &mut self.endpoints {
            chip.clock(&pins.ios[*io]);
            pins.ios[*io].port = PortOut::default();
        }
    }

    fn vid(&self, peb: Peb) -> u16 {
        self.inner.vid(peb)
    }

    fn fault(&mut self) -> Option<String> {
        self.inner.fault()
    }

    fn counts(&self) -> bool {
        self.inner.counts()
    }

    fn set_loss(&mut self, share: f64) -> bool {
        self.inner.set_loss(share)
    }

    fn queued(&self) -> usize {
        self.inner.queued()
    }

    fn connect(&mut self, peb: Peb, connected: bool) {
        self.inner.connect(peb, connected);
    }
}
