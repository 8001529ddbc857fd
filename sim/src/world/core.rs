//! The pins of the cores, as the fabric drives them.

use peb_hdl::prelude::*;
use peb_rtl::top::{PebHost, PebIo};

use super::fabric::{HostIn, IoIn, Management, PebPins};
use crate::net::Gmii;
use crate::port::{PortIn, PortOut};
use crate::stream::Beat;

/// Clocks of `rst`.
const RESET_CLOCKS: usize = 16;

/// A core in the Rust simulation.
pub(super) trait CorePins: Block + Node + Default {
    /// What goes in besides Ethernet.
    type In;

    fn wire(&mut self);
    fn straps(&mut self, mac: u64, vid: u64);
    fn reset(&mut self, on: bool);
    fn drive(&mut self, inputs: &Self::In, gmii_rx: Gmii);
    fn read(&self) -> (PebPins, Gmii);
}

macro_rules! core_pins {
    ($core:ty, $input:ty, |$dut:ident, $in:ident, $pins:ident| $port:expr, $drive:block, $read:block) => {
        impl CorePins for $core {
            type In = $input;

            fn wire(&mut self) {
                self.clk.next = Clk::new(0);
            }

            fn straps(&mut self, mac: u64, vid: u64) {
                self.cfg_mac.next = mac.into();
                self.cfg_vid.next = vid.into();
            }

            fn reset(&mut self, on: bool) {
                self.rst.next = on;
            }

            fn drive(&mut self, inputs: &$input, gmii_rx: Gmii) {
                let ($dut, $in) = (self, inputs);
                let (port, management): (PortIn, Management) = ($port, $in.management);
                let beat = port.rx.unwrap_or(Beat { data: 0, keep: 0, last: false });
                $dut.pcie_rx_tdata.next = beat.data.into();
                $dut.pcie_rx_tkeep.next = u64::from(beat.keep).into();
                $dut.pcie_rx_tlast.next = beat.last;
                $dut.pcie_rx_tvalid.next = port.rx.is_some();
                $dut.pcie_tx_tready.next = port.tx_ready;
                $dut.pcie_tx_np_ok.next = port.tx_np_ok;
                $dut.gmii_rxd.next = u64::from(gmii_rx.data).into();
                $dut.gmii_rx_dv.next = gmii_rx.en;
                $dut.gmii_rx_er.next = gmii_rx.er;
                let (address, data) = management.unwrap_or_default();
                $dut.mgmt_req.next = management.is_some();
                $dut.mgmt_we.next = data.is_some();
                $dut.mgmt_addr.next = u64::from(address).into();
                $dut.mgmt_wdata.next = u64::from(data.unwrap_or(0)).into();
                $drive
            }

            fn read(&self) -> (PebPins, Gmii) {
                let $dut = self;
                let beat = Beat {
                    data: $dut.pcie_tx_tdata.val().raw(),
                    keep: $dut.pcie_tx_tkeep.val().raw() as u8,
                    last: $dut.pcie_tx_tlast.val(),
                };
                let mut $pins = PebPins {
                    port: PortOut {
                        rx_ready: $dut.pcie_rx_tready.val(),
                        rx_np_ok: $dut.pcie_rx_np_ok.val(),
                        tx: $dut.pcie_tx_tvalid.val().then_some(beat),
                    },
                    peer_up: $dut.stat_peer_up.val(),
                    fatal: $dut.stat_fatal.val(),
                    acknowledged: $dut.mgmt_ack.val().then(|| $dut.mgmt_rdata.val().raw() as u32),
                    ..PebPins::default()
                };
                $read
                let gmii = Gmii {
                    data: $dut.gmii_txd.val().raw() as u8,
                    en: $dut.gmii_tx_en.val(),
                    er: $dut.gmii_tx_er.val(),
                };
                ($pins, gmii)
            }
        }
    };
}

core_pins!(
    PebHost,
    HostIn,
    |dut, inputs, pins| inputs.port,
    {
        dut.pcie_link_up.next = inputs.link_up;
        dut.pcie_reset_in.next = inputs.reset;
    },
    {
        pins.slot_up = dut.stat_slot_up.val().raw() as u8;
    }
);
core_pins!(
    PebIo,
    IoIn,
    |dut, inputs, pins| inputs.device.port,
    {
        dut.pcie_link_up.next = inputs.device.link_up;
        dut.slot_present.next = inputs.device.present;
    },
    {
        pins.reset = dut.pcie_reset_out.val();
        pins.power_off = !dut.slot_power_en.val();
    }
);

/// A core and its simulation.
pub(super) struct Core<T> {
    pub sim: Sim<T>,
}

impl<T: CorePins> Core<T> {
    /// A core that has been reset with these straps.
    pub fn new(mac: u64, vid: u16) -> Self
    where
        T::In: Default,
    {
        let mut sim = Sim::new(T::default(), T::wire);
        sim.dut.straps(mac, vid.into());
        sim.dut.drive(&T::In::default(), Gmii::IDLE);
        sim.dut.reset(true);
        (0..RESET_CLOCKS).for_each(|_| sim.tick());
        sim.dut.reset(false);
        Core { sim }
    }

    /// One clock: what comes out follows from what goes in, then the rising edge.
    pub fn clock(&mut self, inputs: &T::In, gmii_rx: Gmii) -> (PebPins, Gmii) {
        self.sim.dut.drive(inputs, gmii_rx);
        self.sim.settle();
        let out = self.sim.dut.read();
        self.sim.step();
        out
    }
}
