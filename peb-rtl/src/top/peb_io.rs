//! The I/O side: one downstream port, one device.

use super::{DeviceReset, Engine};
use peb_hdl::prelude::*;

/// See the module's documentation; ports as in `docs/interface.md`.
#[derive(Module)]
pub struct PebIo {
    pub clk: Signal<In, Clk>,
    pub rst: Signal<In, Bit>,
    pub pcie_rx_tdata: Signal<In, U<64>>,
    pub pcie_rx_tkeep: Signal<In, U<8>>,
    pub pcie_rx_tlast: Signal<In, Bit>,
    pub pcie_rx_tvalid: Signal<In, Bit>,
    pub pcie_tx_tready: Signal<In, Bit>,
    pub pcie_tx_np_ok: Signal<In, Bit>,
    pub pcie_link_up: Signal<In, Bit>,
    pub gmii_rxd: Signal<In, U<8>>,
    pub gmii_rx_dv: Signal<In, Bit>,
    pub gmii_rx_er: Signal<In, Bit>,
    pub cfg_mac: Signal<In, U<48>>,
    pub cfg_vid: Signal<In, U<12>>,
    pub mgmt_addr: Signal<In, U<16>>,
    pub mgmt_req: Signal<In, Bit>,
    pub mgmt_we: Signal<In, Bit>,
    pub mgmt_wdata: Signal<In, U<32>>,
    pub slot_present: Signal<In, Bit>,
    pub pcie_rx_tready: Signal<Out, Bit>,
    pub pcie_rx_np_ok: Signal<Out, Bit>,
    pub pcie_tx_tdata: Signal<Out, U<64>>,
    pub pcie_tx_tkeep: Signal<Out, U<8>>,
    pub pcie_tx_tlast: Signal<Out, Bit>,
    pub pcie_tx_tvalid: Signal<Out, Bit>,
    pub gmii_txd: Signal<Out, U<8>>,
    pub gmii_tx_en: Signal<Out, Bit>,
    pub gmii_tx_er: Signal<Out, Bit>,
    pub mgmt_rdata: Signal<Out, U<32>>,
    pub mgmt_ack: Signal<Out, Bit>,
    pub stat_peer_up: Signal<Out, Bit>,
    pub stat_fatal: Signal<Out, Bit>,
    pub pcie_reset_out: Signal<Out, Bit>,
    pub slot_power_en: Signal<Out, Bit>,
    engine: Engine<1, 5>,
    device_reset: DeviceReset,
    _activity: Activity,
}

impl Default for PebIo {
    fn default() -> Self {
        PebIo {
            clk: Signal::default(),
            rst: Signal::default(),
            pcie_rx_tdata: Signal::default(),
            pcie_rx_tkeep: Signal::default(),
            pcie_rx_tlast: Signal::default(),
            pcie_rx_tvalid: Signal::default(),
            pcie_tx_tready: Signal::default(),
            pcie_tx_np_ok: Signal::default(),
            pcie_link_up: Signal::default(),
            gmii_rxd: Signal::default(),
            gmii_rx_dv: Signal::default(),
            gmii_rx_er: Signal::default(),
            cfg_mac: Signal::default(),
            cfg_vid: Signal::default(),
            mgmt_addr: Signal::default(),
            mgmt_req: Signal::default(),
            mgmt_we: Signal::default(),
            mgmt_wdata: Signal::default(),
            slot_present: Signal::default(),
            pcie_rx_tready: Signal::default(),
            pcie_rx_np_ok: Signal::default(),
            pcie_tx_tdata: Signal::default(),
            pcie_tx_tkeep: Signal::default(),
            pcie_tx_tlast: Signal::default(),
            pcie_tx_tvalid: Signal::default(),
            gmii_txd: Signal::default(),
            gmii_tx_en: Signal::default(),
            gmii_tx_er: Signal::default(),
            mgmt_rdata: Signal::default(),
            mgmt_ack: Signal::default(),
            stat_peer_up: Signal::default(),
            stat_fatal: Signal::default(),
            pcie_reset_out: Signal::default(),
            slot_power_en: Signal::default(),
            engine: Engine::io(),
            device_reset: DeviceReset::default(),
            _activity: Activity::default(),
        }
    }
}

impl Logic for PebIo {
    #[hdl_gen]
    fn update(&mut self) {
        self.engine.clock.next = self.clk.val();
        self.engine.reset.next = self.rst.val();
        self.engine.pcie_rx_tdata.next = self.pcie_rx_tdata.val();
        self.engine.pcie_rx_tkeep.next = self.pcie_rx_tkeep.val();
        self.engine.pcie_rx_tlast.next = self.pcie_rx_tlast.val();
        self.engine.pcie_rx_tvalid.next = self.pcie_rx_tvalid.val();
        self.engine.pcie_tx_tready.next = self.pcie_tx_tready.val();
        self.engine.pcie_tx_np_ok.next = self.pcie_tx_np_ok.val();
        self.engine.pcie_link_up.next = self.pcie_link_up.val();
        self.engine.gmii_rxd.next = self.gmii_rxd.val();
        self.engine.gmii_rx_dv.next = self.gmii_rx_dv.val();
        self.engine.gmii_rx_er.next = self.gmii_rx_er.val();
        self.engine.cfg_mac.next = self.cfg_mac.val();
        self.engine.cfg_vid.next = self.cfg_vid.val();
        self.engine.mgmt_addr.next = self.mgmt_addr.val();
        self.engine.mgmt_req.next = self.mgmt_req.val();
        self.engine.mgmt_we.next = self.mgmt_we.val();
        self.engine.mgmt_wdata.next = self.mgmt_wdata.val();
        self.pcie_rx_tready.next = self.engine.pcie_rx_tready.val();
        self.pcie_rx_np_ok.next = self.engine.pcie_rx_np_ok.val();
        self.pcie_tx_tdata.next = self.engine.pcie_tx_tdata.val();
        self.pcie_tx_tkeep.next = self.engine.pcie_tx_tkeep.val();
        self.pcie_tx_tlast.next = self.engine.pcie_tx_tlast.val();
        self.pcie_tx_tvalid.next = self.engine.pcie_tx_tvalid.val();
        self.gmii_txd.next = self.engine.gmii_txd.val();
        self.gmii_tx_en.next = self.engine.gmii_tx_en.val();
        self.gmii_tx_er.next = self.engine.gmii_tx_er.val();
        self.mgmt_rdata.next = self.engine.mgmt_rdata.val();
        self.mgmt_ack.next = self.engine.mgmt_ack.val();
        self.stat_peer_up.next = self.engine.stat_peer_up.val();
        self.stat_fatal.next = self.engine.stat_fatal.val();
        self.engine.slot_present.next = self.slot_present.val();
        self.device_reset.clock.next = self.clk.val();
        self.device_reset.reset.next = self.rst.val();
        self.device_reset.tick.next = self.engine.tick.val();
        self.device_reset.attached.next = self.engine.stat_peer_up.val();
        self.pcie_reset_out.next = self.device_reset.reset_out.val();
        self.slot_power_en.next = true;
    }
}
