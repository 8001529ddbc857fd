//! What both cards have around their core.

use crate::pcie7::{Receive, Transmit};
use crate::phy::serial::Console;
use crate::phy::{Mdio, RxCrossing, Startup};
use peb_hdl::prelude::*;

/// Clocks from a good clock until the PHY, and until the core, leaves reset: 8.4 and 9.4 ms at 125 MHz. A host looks for its devices 100 ms after
/// its reset.
const TIMES: (u32, u32) = (1 << 20, (1 << 20) + (1 << 17));

/// The part of [`super::IoCard`] and [`super::HostCard`] that is not core: start, Ethernet receive clock, MDIO, UART, and the streams to and from the
/// 7-series block for PCI Express ([`crate::pcie7`]).
///
/// - Latency: as the parts. Registered: all outputs but those of the streams, which come out of LUT RAM.
/// - Bad input: a TLP that is dropped on its way, or that the block refuses (`tx_err_drop`), lights the fault LED until the next reset.
#[derive(Module)]
pub struct CardBase {
    /// 125 MHz.
    pub clk: Signal<In, Clk>,
    /// Receive clock of the PHY, 125 MHz.
    pub rx_clk: Signal<In, Clk>,
    /// The clock is good and nobody presses the reset button; of no clock.
    pub good: Signal<In, Bit>,
    /// GMII of the PHY, of `rx_clk`.
    pub phy_rxd: Signal<In, U<8>>,
    pub phy_rx_dv: Signal<In, Bit>,
    pub phy_rx_er: Signal<In, Bit>,
    pub mdio_in: Signal<In, Bit>,
    /// The management registers, as lines of `docs/uart.md`.
    pub uart_rx: Signal<In, Bit>,
    /// Clock of the PCIe block.
    pub user_clk: Signal<In, Clk>,
    /// Of `user_clk`, as the rest of the block's ports: names as in its guide.
    pub user_reset: Signal<In, Bit>,
    pub user_lnk_up: Signal<In, Bit>,
    pub m_axis_rx_tdata: Signal<In, U<64>>,
    pub m_axis_rx_tkeep: Signal<In, U<8>>,
    pub m_axis_rx_tlast: Signal<In, Bit>,
    pub m_axis_rx_tvalid: Signal<In, Bit>,
    pub s_axis_tx_tready: Signal<In, Bit>,
    pub tx_buf_av: Signal<In, U<6>>,
    pub tx_err_drop: Signal<In, Bit>,
    pub phy_reset_n: Signal<Out, Bit>,
    pub mdc: Signal<Out, Bit>,
    pub mdio_out: Signal<Out, Bit>,
    pub mdio_enable: Signal<Out, Bit>,
    pub uart_tx: Signal<Out, Bit>,
    pub m_axis_rx_tready: Signal<Out, Bit>,
    pub rx_np_ok: Signal<Out, Bit>,
    pub s_axis_tx_tdata: Signal<Out, U<64>>,
    pub s_axis_tx_tkeep: Signal<Out, U<8>>,
    pub s_axis_tx_tlast: Signal<Out, Bit>,
    pub s_axis_tx_tvalid: Signal<Out, Bit>,
    pub leds: Signal<Out, U<8>>,
    /// The core: its ports without `pcie_`.
    pub mgmt_rdata: Signal<In, U<32>>,
    pub mgmt_ack: Signal<In, Bit>,
    /// `pcie_tx` of the core.
    pub core_tdata: Signal<In, U<64>>,
    pub core_tkeep: Signal<In, U<8>>,
    pub core_tlast: Signal<In, Bit>,
    pub core_tvalid: Signal<In, Bit>,
    pub core_rx_tready: Signal<In, Bit>,
    pub core_rx_np_ok: Signal<In, Bit>,
    pub attached: Signal<In, Bit>,
    pub fatal: Signal<In, Bit>,
    /// Of the core.
    pub reset: Signal<Out, Bit>,
    pub gmii_rxd: Signal<Out, U<8>>,
    pub gmii_rx_dv: Signal<Out, Bit>,
    pub gmii_rx_er: Signal<Out, Bit>,
    pub mgmt_addr: Signal<Out, U<16>>,
    pub mgmt_req: Signal<Out, Bit>,
    pub mgmt_we: Signal<Out, Bit>,
    pub mgmt_wdata: Signal<Out, U<32>>,
    pub core_tready: Signal<Out, Bit>,
    pub core_np_ok: Signal<Out, Bit>,
    /// `pcie_rx` of the core.
    pub core_rx_tdata: Signal<Out, U<64>>,
    pub core_rx_tkeep: Signal<Out, U<8>>,
    pub core_rx_tlast: Signal<Out, Bit>,
    pub core_rx_tvalid: Signal<Out, Bit>,
    /// The link is up, and the block not in reset; of the core's clock.
    pub link_up: Signal<Out, Bit>,
    /// The block is in reset; of the core's clock.
    pub link_reset: Signal<Out, Bit>,
    startup: Startup,
    crossing: RxCrossing,
    mdio: Mdio,
    console: Console,
    receive: Receive,
    transmit: Transmit,
    up: Sync2,
    down: Sync2,
    refused: Sync2,
    is_up: Reg<Bit>,
    is_down: Reg<Bit>,
    lost: Reg<Bit>,
    blink: Reg<U<22>>,
    lights: Reg<U<8>>,
    quiet: Signal<Local, Bit>,
    _activity: Activity,
}

impl CardBase {
    /// With other times to start up, and another rate of the serial line; `mirrored` as in [`Transmit::mirrored`].
    pub fn new(startup: Startup, console: Console, mirrored: bool) -> Self {
        CardBase {
            startup,
            console,
            transmit: if mirrored { Transmit::mirrored() } else { Transmit::default() },
            ..Self::blank()
        }
    }

    /// As it is built.
    pub fn built(mirrored: bool) -> Self {
        Self::new(Startup::with_times(TIMES.0, TIMES.1), Console::default(), mirrored)
    }
}

impl Logic for CardBase {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clk, blink, lights);
        self.startup.clock.next = self.clk.val();
        self.startup.good.next = self.good.val();
        self.phy_reset_n.next = self.startup.phy_reset_n.val();
        self.reset.next = self.startup.reset.val();

        // Ethernet and management.
        self.crossing.rx_clock.next = self.rx_clk.val();
        self.crossing.clock.next = self.clk.val();
        self.crossing.reset.next = self.startup.reset.val();
        self.crossing.phy_rxd.next = self.phy_rxd.val();
        self.crossing.phy_rx_dv.next = self.phy_rx_dv.val();
        self.crossing.phy_rx_er.next = self.phy_rx_er.val();
        self.gmii_rxd.next = self.crossing.gmii_rxd.val();
        self.gmii_rx_dv.next = self.crossing.gmii_rx_dv.val();
        self.gmii_rx_er.next = self.crossing.gmii_rx_er.val();
        self.mdio.clock.next = self.clk.val();
        self.mdio.reset.next = self.startup.reset.val();
        self.mdio.mdio_in.next = self.mdio_in.val();
        self.mdc.next = self.mdio.mdc.val();
        self.mdio_out.next = self.mdio.mdio_out.val();
        self.mdio_enable.next = self.mdio.mdio_enable.val();
        self.console.clock.next = self.clk.val();
        self.console.reset.next = self.startup.reset.val();
        self.console.uart_rx.next = self.uart_rx.val();
        self.uart_tx.next = self.console.uart_tx.val();
        self.mgmt_addr.next = self.console.mgmt_addr.val();
        self.mgmt_req.next = self.console.mgmt_req.val();
        self.mgmt_we.next = self.console.mgmt_we.val();
        self.mgmt_wdata.next = self.console.mgmt_wdata.val();
        self.console.mgmt_rdata.next = self.mgmt_rdata.val();
        self.console.mgmt_ack.next = self.mgmt_ack.val();

        // PCI Express.
        self.quiet.next = self.user_reset.val() || !self.user_lnk_up.val();
        self.receive.user_clock.next = self.user_clk.val();
        self.receive.user_reset.next = self.user_reset.val();
        self.receive.rx_data.next = self.m_axis_rx_tdata.val();
        self.receive.rx_keep.next = self.m_axis_rx_tkeep.val();
        self.receive.rx_last.next = self.m_axis_rx_tlast.val();
        self.receive.rx_valid.next = self.m_axis_rx_tvalid.val();
        self.m_axis_rx_tready.next = self.receive.rx_ready.val();
        self.rx_np_ok.next = self.receive.rx_np_ok.val();
        self.receive.clock.next = self.clk.val();
        self.receive.reset.next = self.startup.reset.val();
        self.core_rx_tdata.next = self.receive.out_data.val();
        self.core_rx_tkeep.next = self.receive.out_keep.val();
        self.core_rx_tlast.next = self.receive.out_last.val();
        self.core_rx_tvalid.next = self.receive.out_valid.val();
        self.receive.out_ready.next = self.core_rx_tready.val();
        self.receive.out_np_ok.next = self.core_rx_np_ok.val();
        self.transmit.clock.next = self.clk.val();
        self.transmit.reset.next = self.startup.reset.val();
        self.transmit.data.next = self.core_tdata.val();
        self.transmit.keep.next = self.core_tkeep.val();
        self.transmit.last.next = self.core_tlast.val();
        self.transmit.valid.next = self.core_tvalid.val();
        self.core_tready.next = self.transmit.ready.val();
        self.core_np_ok.next = self.transmit.np_ok.val();
        self.transmit.user_clock.next = self.user_clk.val();
        self.transmit.down.next = self.quiet.val();
        self.s_axis_tx_tdata.next = self.transmit.tx_data.val();
        self.s_axis_tx_tkeep.next = self.transmit.tx_keep.val();
        self.s_axis_tx_tlast.next = self.transmit.tx_last.val();
        self.s_axis_tx_tvalid.next = self.transmit.tx_valid.val();
        self.transmit.tx_ready.next = self.s_axis_tx_tready.val();
        self.transmit.tx_buffers.next = self.tx_buf_av.val();
        self.is_up.d.next = !self.quiet.val();
        self.is_down.d.next = self.user_reset.val();
        self.is_up.clock.next = self.user_clk.val();
        self.is_down.clock.next = self.user_clk.val();
        self.up.clock.next = self.clk.val();
        self.up.d.next = self.is_up.q.val();
        self.link_up.next = self.up.q.val();
        self.down.clock.next = self.clk.val();
        self.down.d.next = self.is_down.q.val();
        self.link_reset.next = self.down.q.val();

        // LEDs. Traffic blinks as long as there is any.
        dff_setup!(self, user_clk, lost);
        if self.receive.dropped.val() || self.tx_err_drop.val() {
            self.lost.d.next = true;
        }
        if self.user_reset.val() {
            self.lost.d.next = false;
        }
        self.refused.clock.next = self.clk.val();
        self.refused.d.next = self.lost.q.val();
        self.lights.d.next = bit_cast::<8, 1>(self.mdio.gigabit.val().into())
            | (bit_cast::<8, 1>(self.attached.val().into()) << 1)
            | (bit_cast::<8, 1>(self.blink.q.val().get_bits::<1>(21)) << 2)
            | (bit_cast::<8, 1>((self.fatal.val() || self.refused.q.val()).into()) << 3)
            | (bit_cast::<8, 1>(self.up.q.val().into()) << 4);
        if self.blink.q.val().any() {
            self.blink.d.next = self.blink.q.val() - 1;
        } else if self.core_tvalid.val() || self.receive.out_valid.val() {
            self.blink.d.next = 4194303.into();
        }
        self.leds.next = self.lights.q.val();
    }
}
