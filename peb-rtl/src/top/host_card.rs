//! The card in a host.

use super::{CardBase, PebHost};
use crate::pcie7::Mirror;
use crate::phy::serial::Console;
use crate::phy::Startup;
use peb_hdl::prelude::*;

/// [`PebHost`] behind a 7-series block for PCI Express that is the upstream port of a switch: the card in the host. Everything but clocks, pins and
/// the block.
///
/// - Latency: as the parts. Registered: as [`CardBase`].
/// - The block answers requests for the upstream port itself; what the host sets there comes to the core through [`Mirror`].
/// - `good` of no clock; everything begins anew with it, see [`Startup`]. Bad input: as the parts.
#[derive(Module)]
pub struct HostCard {
    /// 125 MHz.
    pub clk: Signal<In, Clk>,
    /// As `docs/interface.md`; constant.
    pub cfg_mac: Signal<In, U<48>>,
    pub cfg_vid: Signal<In, U<12>>,
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
    /// Configuration space of the block.
    pub cfg_mgmt_rd_wr_done: Signal<In, Bit>,
    pub cfg_mgmt_do: Signal<In, U<32>>,
    pub cfg_bus_number: Signal<In, U<8>>,
    pub cfg_device_number: Signal<In, U<5>>,
    /// GMII to the PHY, of `clk`.
    pub gmii_txd: Signal<Out, U<8>>,
    pub gmii_tx_en: Signal<Out, Bit>,
    pub gmii_tx_er: Signal<Out, Bit>,
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
    pub cfg_mgmt_dwaddr: Signal<Out, U<10>>,
    pub cfg_mgmt_rd_en: Signal<Out, Bit>,
    base: CardBase,
    peb: PebHost,
    mirror: Mirror,
    _activity: Activity,
}

impl Default for HostCard {
    fn default() -> Self {
        Self::with(CardBase::built(true))
    }
}

impl HostCard {
    /// With other times to start up, and another rate of the serial line.
    pub fn with_times(startup: Startup, console: Console) -> Self {
        Self::with(CardBase::new(startup, console, true))
    }

    fn with(base: CardBase) -> Self {
        HostCard { base, ..Self::blank() }
    }
}

impl Logic for HostCard {
    #[hdl_gen]
    fn update(&mut self) {
        self.base.clk.next = self.clk.val();
        self.base.rx_clk.next = self.rx_clk.val();
        self.base.good.next = self.good.val();
        self.base.phy_rxd.next = self.phy_rxd.val();
        self.base.phy_rx_dv.next = self.phy_rx_dv.val();
        self.base.phy_rx_er.next = self.phy_rx_er.val();
        self.base.mdio_in.next = self.mdio_in.val();
        self.base.uart_rx.next = self.uart_rx.val();
        self.base.user_clk.next = self.user_clk.val();
        self.base.user_reset.next = self.user_reset.val();
        self.base.user_lnk_up.next = self.user_lnk_up.val();
        self.base.s_axis_tx_tready.next = self.s_axis_tx_tready.val();
        self.base.tx_buf_av.next = self.tx_buf_av.val();
        self.base.tx_err_drop.next = self.tx_err_drop.val();
        self.phy_reset_n.next = self.base.phy_reset_n.val();
        self.mdc.next = self.base.mdc.val();
        self.mdio_out.next = self.base.mdio_out.val();
        self.mdio_enable.next = self.base.mdio_enable.val();
        self.uart_tx.next = self.base.uart_tx.val();
        self.rx_np_ok.next = self.base.rx_np_ok.val();
        self.s_axis_tx_tdata.next = self.base.s_axis_tx_tdata.val();
        self.s_axis_tx_tkeep.next = self.base.s_axis_tx_tkeep.val();
        self.s_axis_tx_tlast.next = self.base.s_axis_tx_tlast.val();
        self.s_axis_tx_tvalid.next = self.base.s_axis_tx_tvalid.val();
        self.leds.next = self.base.leds.val();

        self.peb.clk.next = self.clk.val();
        self.peb.rst.next = self.base.reset.val();
        self.peb.cfg_mac.next = self.cfg_mac.val();
        self.peb.cfg_vid.next = self.cfg_vid.val();
        self.peb.gmii_rxd.next = self.base.gmii_rxd.val();
        self.peb.gmii_rx_dv.next = self.base.gmii_rx_dv.val();
        self.peb.gmii_rx_er.next = self.base.gmii_rx_er.val();
        self.gmii_txd.next = self.peb.gmii_txd.val();
        self.gmii_tx_en.next = self.peb.gmii_tx_en.val();
        self.gmii_tx_er.next = self.peb.gmii_tx_er.val();
        self.peb.mgmt_addr.next = self.base.mgmt_addr.val();
        self.peb.mgmt_req.next = self.base.mgmt_req.val();
        self.peb.mgmt_we.next = self.base.mgmt_we.val();
        self.peb.mgmt_wdata.next = self.base.mgmt_wdata.val();
        self.base.mgmt_rdata.next = self.peb.mgmt_rdata.val();
        self.base.mgmt_ack.next = self.peb.mgmt_ack.val();
        self.base.core_tdata.next = self.peb.pcie_tx_tdata.val();
        self.base.core_tkeep.next = self.peb.pcie_tx_tkeep.val();
        self.base.core_tlast.next = self.peb.pcie_tx_tlast.val();
        self.base.core_tvalid.next = self.peb.pcie_tx_tvalid.val();
        self.peb.pcie_tx_tready.next = self.base.core_tready.val();
        self.peb.pcie_tx_np_ok.next = self.base.core_np_ok.val();
        self.peb.pcie_rx_tdata.next = self.base.core_rx_tdata.val();
        self.peb.pcie_rx_tkeep.next = self.base.core_rx_tkeep.val();
        self.peb.pcie_rx_tlast.next = self.base.core_rx_tlast.val();
        self.peb.pcie_rx_tvalid.next = self.base.core_rx_tvalid.val();
        self.base.core_rx_tready.next = self.peb.pcie_rx_tready.val();
        self.base.core_rx_np_ok.next = self.peb.pcie_rx_np_ok.val();
        self.base.attached.next = self.peb.stat_peer_up.val();
        self.base.fatal.next = self.peb.stat_fatal.val();
        self.peb.pcie_link_up.next = self.base.link_up.val();
        self.peb.pcie_reset_in.next = self.base.link_reset.val();

        self.mirror.clock.next = self.user_clk.val();
        self.mirror.reset.next = self.user_reset.val();
        self.mirror.data.next = self.m_axis_rx_tdata.val();
        self.mirror.keep.next = self.m_axis_rx_tkeep.val();
        self.mirror.last.next = self.m_axis_rx_tlast.val();
        self.mirror.valid.next = self.m_axis_rx_tvalid.val();
        self.m_axis_rx_tready.next = self.mirror.ready.val();
        self.base.m_axis_rx_tdata.next = self.mirror.out_data.val();
        self.base.m_axis_rx_tkeep.next = self.mirror.out_keep.val();
        self.base.m_axis_rx_tlast.next = self.mirror.out_last.val();
        self.base.m_axis_rx_tvalid.next = self.mirror.out_valid.val();
        self.mirror.out_ready.next = self.base.m_axis_rx_tready.val();
        self.mirror.number.next = (bit_cast::<16, 8>(self.cfg_bus_number.val()) << 8)
            | (bit_cast::<16, 5>(self.cfg_device_number.val()) << 3);
        self.mirror.done.next = self.cfg_mgmt_rd_wr_done.val();
        self.mirror.value.next = self.cfg_mgmt_do.val();
        self.cfg_mgmt_dwaddr.next = self.mirror.address.val();
        self.cfg_mgmt_rd_en.next = self.mirror.read.val();
    }
}
