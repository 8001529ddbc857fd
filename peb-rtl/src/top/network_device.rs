//! A network-attached device: I/O PEB and endpoint on one chip.

use super::PebIo;
use crate::endpoint::Endpoint;
use crate::phy::serial::Console;
use crate::phy::{Mdio, Rgmii, RxCrossing, Startup};
use peb_hdl::prelude::*;

/// [`PebIo`] with an [`Endpoint`] where its PCIe link would be, and everything between them and the pins of an RGMII PHY but the
/// primitives of the FPGA: clocks, DDR registers, delays, I/O buffers.
///
/// - Latency: as the parts. Registered: all outputs.
/// - `good` of no clock; everything begins anew with it, see [`Startup`]. Bad input: as the parts.
#[derive(Module)]
pub struct NetworkDevice {
    /// 125 MHz.
    pub clk: Signal<In, Clk>,
    /// Receive clock of the PHY, 125 MHz.
    pub rx_clk: Signal<In, Clk>,
    /// The clock is good and nobody presses the reset button.
    pub good: Signal<In, Bit>,
    /// RGMII, both edges side by side.
    pub rx_rise: Signal<In, U<4>>,
    pub rx_fall: Signal<In, U<4>>,
    pub rx_ctl_rise: Signal<In, Bit>,
    pub rx_ctl_fall: Signal<In, Bit>,
    pub tx_rise: Signal<Out, U<4>>,
    pub tx_fall: Signal<Out, U<4>>,
    pub tx_ctl_rise: Signal<Out, Bit>,
    pub tx_ctl_fall: Signal<Out, Bit>,
    pub phy_reset_n: Signal<Out, Bit>,
    pub mdc: Signal<Out, Bit>,
    pub mdio_out: Signal<Out, Bit>,
    pub mdio_enable: Signal<Out, Bit>,
    pub mdio_in: Signal<In, Bit>,
    /// The management registers, as lines of `docs/uart.md`.
    pub uart_rx: Signal<In, Bit>,
    pub uart_tx: Signal<Out, Bit>,
    /// As `docs/interface.md`; constant.
    pub cfg_mac: Signal<In, U<48>>,
    pub cfg_vid: Signal<In, U<12>>,
    /// BUTTONS of the endpoint; of no clock.
    pub buttons: Signal<In, U<8>>,
    /// 0 link of 1000 Mbit/s, 1 attached, 2 traffic, 3 fault, 7 to 4: LEDS of the endpoint.
    pub leds: Signal<Out, U<8>>,
    startup: Startup,
    rgmii: Rgmii,
    crossing: RxCrossing,
    mdio: Mdio,
    console: Console,
    peb: PebIo,
    endpoint: Endpoint,
    pressed: [Sync2; 8],
    hold: Reg<Bit>,
    /// Clocks for which the traffic LED stays as it is: 2^21 (17 ms) dark or lit.
    blink: Reg<U<22>>,
    lights: Reg<U<8>>,
    keys: Signal<Local, U<8>>,
    reset: Signal<Local, Bit>,
    _activity: Activity,
}

impl Default for NetworkDevice {
    fn default() -> Self {
        Self::with_times(Startup::default(), Console::default())
    }
}

impl NetworkDevice {
    /// With other times to start up, and another rate of the serial line.
    pub fn with_times(startup: Startup, console: Console) -> Self {
        NetworkDevice { startup, console, ..Self::blank() }
    }
}

impl Logic for NetworkDevice {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, hold, blink, lights);
        self.startup.clock.next = self.clk.val();
        self.startup.good.next = self.good.val();
        self.phy_reset_n.next = self.startup.phy_reset_n.val();
        self.reset.next = self.startup.reset.val();

        // Ethernet.
        self.rgmii.rx_clock.next = self.rx_clk.val();
        self.rgmii.rx_rise.next = self.rx_rise.val();
        self.rgmii.rx_fall.next = self.rx_fall.val();
        self.rgmii.rx_ctl_rise.next = self.rx_ctl_rise.val();
        self.rgmii.rx_ctl_fall.next = self.rx_ctl_fall.val();
        self.rgmii.clock.next = self.clk.val();
        self.rgmii.txd.next = self.peb.gmii_txd.val();
        self.rgmii.tx_en.next = self.peb.gmii_tx_en.val();
        self.rgmii.tx_er.next = self.peb.gmii_tx_er.val();
        self.tx_rise.next = self.rgmii.tx_rise.val();
        self.tx_fall.next = self.rgmii.tx_fall.val();
        self.tx_ctl_rise.next = self.rgmii.tx_ctl_rise.val();
        self.tx_ctl_fall.next = self.rgmii.tx_ctl_fall.val();
        self.crossing.rx_clock.next = self.rx_clk.val();
        self.crossing.clock.next = self.clk.val();
        self.crossing.reset.next = self.reset.val();
        self.crossing.phy_rxd.next = self.rgmii.rxd.val();
        self.crossing.phy_rx_dv.next = self.rgmii.rx_dv.val();
        self.crossing.phy_rx_er.next = self.rgmii.rx_er.val();
        self.peb.gmii_rxd.next = self.crossing.gmii_rxd.val();
        self.peb.gmii_rx_dv.next = self.crossing.gmii_rx_dv.val();
        self.peb.gmii_rx_er.next = self.crossing.gmii_rx_er.val();
        self.mdio.clock.next = self.clk.val();
        self.mdio.reset.next = self.reset.val();
        self.mdio.mdio_in.next = self.mdio_in.val();
        self.mdc.next = self.mdio.mdc.val();
        self.mdio_out.next = self.mdio.mdio_out.val();
        self.mdio_enable.next = self.mdio.mdio_enable.val();

        // The PEB and its device.
        self.peb.clk.next = self.clk.val();
        self.peb.rst.next = self.reset.val();
        self.peb.cfg_mac.next = self.cfg_mac.val();
        self.peb.cfg_vid.next = self.cfg_vid.val();
        self.console.clock.next = self.clk.val();
        self.console.reset.next = self.reset.val();
        self.console.uart_rx.next = self.uart_rx.val();
        self.uart_tx.next = self.console.uart_tx.val();
        self.peb.mgmt_addr.next = self.console.mgmt_addr.val();
        self.peb.mgmt_req.next = self.console.mgmt_req.val();
        self.peb.mgmt_we.next = self.console.mgmt_we.val();
        self.peb.mgmt_wdata.next = self.console.mgmt_wdata.val();
        self.console.mgmt_rdata.next = self.peb.mgmt_rdata.val();
        self.console.mgmt_ack.next = self.peb.mgmt_ack.val();
        self.peb.slot_present.next = true;
        self.peb.pcie_link_up.next = self.endpoint.link_up.val();
        self.hold.d.next = self.reset.val() || self.peb.pcie_reset_out.val();
        self.endpoint.clock.next = self.clk.val();
        self.endpoint.reset.next = self.hold.q.val();
        self.endpoint.rx_tdata.next = self.peb.pcie_tx_tdata.val();
        self.endpoint.rx_tlast.next = self.peb.pcie_tx_tlast.val();
        self.endpoint.rx_tvalid.next = self.peb.pcie_tx_tvalid.val();
        self.peb.pcie_tx_tready.next = self.endpoint.rx_tready.val();
        self.peb.pcie_tx_np_ok.next = self.endpoint.rx_np_ok.val();
        self.peb.pcie_rx_tdata.next = self.endpoint.tx_tdata.val();
        self.peb.pcie_rx_tkeep.next = self.endpoint.tx_tkeep.val();
        self.peb.pcie_rx_tlast.next = self.endpoint.tx_tlast.val();
        self.peb.pcie_rx_tvalid.next = self.endpoint.tx_tvalid.val();
        self.endpoint.tx_tready.next = self.peb.pcie_rx_tready.val();
        self.endpoint.tx_np_ok.next = self.peb.pcie_rx_np_ok.val();
        // EUI-64 of the MAC address.
        self.endpoint.serial.next = ((bit_cast::<64, 48>(self.cfg_mac.val()) >> 24) << 40)
            | 1099478073344_u64
            | bit_cast::<64, 24>(self.cfg_mac.val().get_bits::<24>(0));
        self.keys.next = 0.into();
        for i in 0..8 {
            self.pressed[i].clock.next = self.clk.val();
            self.pressed[i].d.next = self.buttons.val().get_bit(i);
            self.keys.next = self.keys.val().replace_bit(i, self.pressed[i].q.val());
        }
        self.endpoint.buttons.next = self.keys.val();

        // LEDs. Traffic blinks as long as there is any.
        self.lights.d.next = (bit_cast::<8, 4>(self.endpoint.leds.val().get_bits::<4>(0)) << 4)
            | bit_cast::<8, 1>(self.mdio.gigabit.val().into())
            | (bit_cast::<8, 1>(self.peb.stat_peer_up.val().into()) << 1)
            | (bit_cast::<8, 1>(self.blink.q.val().get_bits::<1>(21)) << 2)
            | (bit_cast::<8, 1>(self.peb.stat_fatal.val().into()) << 3);
        if self.blink.q.val().any() {
            self.blink.d.next = self.blink.q.val() - 1;
        } else if self.endpoint.tx_tvalid.val() || self.peb.pcie_tx_tvalid.val() {
            self.blink.d.next = 4194303.into();
        }
        self.leds.next = self.lights.q.val();
    }
}
