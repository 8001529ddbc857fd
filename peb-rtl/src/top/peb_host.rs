//! The CPU side: upstream port and slots.

use super::Tunnel;
use crate::switch::Switch;
use crate::tlp::{Framer, Gate};
use peb_config::Parameters;
use peb_hdl::prelude::*;

/// A host PEB with `SLOTS` slots (1 to 8); ports as in `docs/interface.md`. [`super::PebHost`] has four.
#[derive(Module)]
pub struct PebHostOf<const SLOTS: usize> {
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
    pub pcie_reset_in: Signal<In, Bit>,
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
    pub stat_slot_up: Signal<Out, U<8>>,
    gate: Gate,
    framer: Framer,
    switch: Switch<SLOTS>,
    tunnel: Tunnel<SLOTS, 8>,
    full: Constant<Bit>,
    /// The host's link is up, and it does not reset; a clock later:
    up: Signal<Local, Bit>,
    down: Reg<Bit>,
    np_ok: Reg<Bit>,
    _activity: Activity,
}

impl<const SLOTS: usize> Default for PebHostOf<SLOTS> {
    fn default() -> Self {
        Self::new(&Parameters::default())
    }
}

impl<const SLOTS: usize> PebHostOf<SLOTS> {
    /// A host PEB with these parameters of its configuration space; their number of slots does not count.
    pub fn new(parameters: &Parameters) -> Self {
        PebHostOf {
            switch: Switch::new(parameters),
            tunnel: Tunnel::host(),
            full: Constant::new(parameters.slot == peb_config::Slot::FULL),
            ..Self::blank()
        }
    }

    /// What is between its TLP stream and the tunnel, for those who watch it.
    pub fn switch(&self) -> &Switch<SLOTS> {
        &self.switch
    }
}

impl<const SLOTS: usize> Logic for PebHostOf<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        self.down.clock.next = self.clk.val();
        self.np_ok.clock.next = self.clk.val();
        self.gate.clock.next = self.clk.val();
        self.gate.reset.next = self.rst.val();
        self.framer.clock.next = self.clk.val();
        self.framer.reset.next = self.rst.val();
        self.switch.clock.next = self.clk.val();
        self.switch.reset.next = self.rst.val();
        self.tunnel.clock.next = self.clk.val();
        self.tunnel.reset.next = self.rst.val();
        self.up.next = self.pcie_link_up.val() && !self.pcie_reset_in.val();
        self.down.d.next = !self.up.val();

        self.tunnel.gmii_rxd.next = self.gmii_rxd.val();
        self.tunnel.gmii_rx_dv.next = self.gmii_rx_dv.val();
        self.tunnel.gmii_rx_er.next = self.gmii_rx_er.val();
        self.tunnel.cfg_mac.next = self.cfg_mac.val();
        self.tunnel.cfg_vid.next = self.cfg_vid.val();
        self.tunnel.mgmt_addr.next = self.mgmt_addr.val();
        self.tunnel.mgmt_req.next = self.mgmt_req.val();
        self.tunnel.mgmt_we.next = self.mgmt_we.val();
        self.tunnel.mgmt_wdata.next = self.mgmt_wdata.val();
        self.tunnel.pcie_link_up.next = self.pcie_link_up.val();
        self.gmii_txd.next = self.tunnel.gmii_txd.val();
        self.gmii_tx_en.next = self.tunnel.gmii_tx_en.val();
        self.gmii_tx_er.next = self.tunnel.gmii_tx_er.val();
        self.mgmt_rdata.next = self.tunnel.mgmt_rdata.val();
        self.mgmt_ack.next = self.tunnel.mgmt_ack.val();
        self.stat_peer_up.next = self.tunnel.stat_peer_up.val();
        self.stat_fatal.next = self.tunnel.stat_fatal.val();
        self.tunnel.slot_present.next = false;
        self.tunnel.slots_present.next = self.switch.present.val();
        self.tunnel.slots_link.next = self.switch.link.val();
        self.stat_slot_up.next = self.switch.link.val();

        // From the host, whose first TLP may begin in the clock in which its link comes up.
        self.gate.link.next = self.up.val();
        self.gate.open.next = self.up.val();
        self.gate.tdata.next = self.pcie_rx_tdata.val();
        self.gate.tkeep.next = self.pcie_rx_tkeep.val();
        self.gate.tlast.next = self.pcie_rx_tlast.val();
        self.gate.tvalid.next = self.pcie_rx_tvalid.val();
        self.pcie_rx_tready.next = self.gate.tready.val();
        self.framer.tdata.next = self.gate.out_tdata.val();
        self.framer.tkeep.next = self.gate.out_tkeep.val();
        self.framer.tlast.next = self.gate.out_tlast.val();
        self.framer.tvalid.next = self.gate.out_tvalid.val();
        self.gate.out_tready.next = self.framer.tready.val();
        self.switch.host_data.next = self.framer.data.val();
        self.switch.host_half.next = self.framer.half.val();
        self.switch.host_first.next = self.framer.first.val();
        self.switch.host_last.next = self.framer.last.val();
        self.switch.host_valid.next = self.framer.valid.val();
        self.switch.host_class.next = self.framer.class.val();
        self.switch.host_dwords.next = self.framer.dwords.val();
        self.switch.host_bad.next = self.framer.bad.val();
        self.switch.host_malformed.next = self.framer.malformed.val();
        self.framer.ready.next = self.switch.host_ready.val();
        self.np_ok.d.next = self.switch.host_np_ok.val() && self.tunnel.np_ok.val();
        self.pcie_rx_np_ok.next = self.np_ok.q.val();

        // The switch and the tunnel.
        self.switch.host_down.next = self.down.q.val();
        self.switch.host_up.next = self.up.val();
        self.switch.full.next = self.full.val();
        self.switch.tick.next = self.tunnel.tick.val();
        self.switch.hello_ticks.next = self.tunnel.hello_ticks.val();
        self.switch.track_ticks.next = self.tunnel.track_ticks.val();
        self.switch.own_mac.next = self.tunnel.own_mac.val();
        self.switch.session_up.next = self.tunnel.session_up.val();
        self.switch.record_valid.next = self.tunnel.record_valid.val();
        self.switch.record.next = self.tunnel.record.val();
        self.switch.flush.next = self.tunnel.flush.val();
        self.switch.flush_session.next = self.tunnel.flush_session.val();
        self.tunnel.flushing.next = self.switch.flushing.val();
        self.switch.slot_valid.next = self.tunnel.up_valid.val();
        self.switch.slot_data.next = self.tunnel.up_data.val();
        self.switch.slot_half.next = self.tunnel.up_half.val();
        self.switch.slot_first.next = self.tunnel.up_first.val();
        self.switch.slot_last.next = self.tunnel.up_last.val();
        self.switch.slot_header.next = self.tunnel.up_header.val();
        self.switch.slot_non_posted.next = self.tunnel.up_non_posted.val();
        self.switch.slot_session.next = self.tunnel.up_session.val();
        self.tunnel.up_ready.next = self.switch.slot_ready.val();
        self.tunnel.np_delivered.next = self.switch.np_delivered.val();
        self.tunnel.np_session.next = self.switch.np_session.val();
        self.tunnel.session.next = self.switch.out_session.val();
        self.tunnel.data.next = self.switch.out_data.val();
        self.tunnel.half.next = self.switch.out_half.val();
        self.tunnel.first.next = self.switch.out_first.val();
        self.tunnel.last.next = self.switch.out_last.val();
        self.tunnel.valid.next = self.switch.out_valid.val();
        self.tunnel.class.next = self.switch.out_class.val();
        self.tunnel.dwords.next = self.switch.out_dwords.val();
        self.tunnel.bad.next = self.switch.out_bad.val();
        self.switch.out_ready.next = self.tunnel.ready.val();
        self.switch.out_room.next = self.tunnel.room.val();
        self.tunnel.drop.next = self.switch.drop.val();

        // To the host. A link that is down takes nothing: what waits for it is lost.
        self.pcie_tx_tdata.next = self.switch.tdata.val();
        self.pcie_tx_tkeep.next = self.switch.tkeep.val();
        self.pcie_tx_tlast.next = self.switch.tlast.val();
        self.pcie_tx_tvalid.next = self.switch.tvalid.val();
        self.switch.tready.next = self.pcie_tx_tready.val();
        self.switch.np_ok.next = self.pcie_tx_np_ok.val();

        // Counters.
        self.tunnel.malformed_tlps.next = self.framer.malformed.val();
        self.tunnel.not_taken.next = false;
        self.tunnel.tlps_taken.next = self.switch.tlps_taken.val();
        self.tunnel.tlps_delivered.next = self.switch.tlps_delivered.val();
        self.tunnel.unsupported.next = self.switch.unsupported.val();
        self.tunnel.made_up.next = self.switch.made_up.val();
        self.tunnel.posted_dropped.next = self.switch.posted_dropped.val();
        self.tunnel.source_refused.next = self.switch.source_refused.val();
        self.tunnel.master_off.next = self.switch.master_off.val();
        self.tunnel.unexpected.next = self.switch.unexpected.val();
        if self.rst.val() {
            self.down.d.next = true;
            self.np_ok.d.next = false;
        }
    }
}
