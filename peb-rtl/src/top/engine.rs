//! A tunnel and nothing else: what enters at one side leaves at the other.

use super::Tunnel;
use crate::rx::Output;
use crate::tlp::{Framer, Gate};
use peb_hdl::prelude::*;

/// The tunnel between PCIe pins and GMII pins, without configuration space, routing and hot-plug: to measure the tunnel and to replay traces
/// through it. Parameters as [`Tunnel`]. Ports as in `docs/interface.md`. TLPs from PCIe go to session 0, TLPs of all sessions to PCIe.
#[derive(Module)]
pub struct Engine<const SESSIONS: usize, const A: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
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
    pub session_up: Signal<Out, U<8>>,
    pub tick: Signal<Out, Bit>,
    gate: Gate,
    framer: Framer,
    tunnel: Tunnel<SESSIONS, A>,
    merge: Output,
    single: Constant<Bit>,
    purge: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const SESSIONS: usize, const A: usize> Engine<SESSIONS, A> {
    fn with(tunnel: Tunnel<SESSIONS, A>) -> Self {
        Engine { tunnel, single: Constant::new(SESSIONS == 1), ..Self::blank() }
    }

    /// The tunnel of a host PEB with `SESSIONS` slots.
    pub fn host() -> Self {
        Self::with(Tunnel::host())
    }

    /// The tunnel of an I/O PEB.
    pub fn io() -> Self {
        Self::with(Tunnel::io())
    }
}

impl<const SESSIONS: usize, const A: usize> Logic for Engine<SESSIONS, A> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, gate, framer, tunnel, merge);
        self.gate.reset.next = self.reset.val();
        self.framer.reset.next = self.reset.val();
        self.tunnel.reset.next = self.reset.val();
        self.merge.reset.next = self.reset.val();
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
        self.tunnel.slot_present.next = self.slot_present.val();
        self.gmii_txd.next = self.tunnel.gmii_txd.val();
        self.gmii_tx_en.next = self.tunnel.gmii_tx_en.val();
        self.gmii_tx_er.next = self.tunnel.gmii_tx_er.val();
        self.mgmt_rdata.next = self.tunnel.mgmt_rdata.val();
        self.mgmt_ack.next = self.tunnel.mgmt_ack.val();
        self.stat_peer_up.next = self.tunnel.stat_peer_up.val();
        self.stat_fatal.next = self.tunnel.stat_fatal.val();
        self.session_up.next = self.tunnel.session_up.val();
        self.tick.next = self.tunnel.tick.val();

        // PCIe to Ethernet.
        self.gate.link.next = self.pcie_link_up.val();
        self.gate.open.next = self.pcie_link_up.val();
        self.gate.tdata.next = self.pcie_rx_tdata.val();
        self.gate.tkeep.next = self.pcie_rx_tkeep.val();
        self.gate.tlast.next = self.pcie_rx_tlast.val();
        self.gate.tvalid.next = self.pcie_rx_tvalid.val();
        self.pcie_rx_tready.next = self.gate.tready.val();
        self.pcie_rx_np_ok.next = self.tunnel.np_ok.val();
        self.framer.tdata.next = self.gate.out_tdata.val();
        self.framer.tkeep.next = self.gate.out_tkeep.val();
        self.framer.tlast.next = self.gate.out_tlast.val();
        self.framer.tvalid.next = self.gate.out_tvalid.val();
        self.gate.out_tready.next = self.framer.tready.val();
        self.tunnel.session.next = 0.into();
        self.tunnel.data.next = self.framer.data.val();
        self.tunnel.half.next = self.framer.half.val();
        self.tunnel.first.next = self.framer.first.val();
        self.tunnel.last.next = self.framer.last.val();
        self.tunnel.valid.next = self.framer.valid.val();
        self.tunnel.class.next = self.framer.class.val();
        self.tunnel.dwords.next = self.framer.dwords.val();
        self.tunnel.bad.next = self.framer.bad.val();
        self.tunnel.drop.next = 0.into();
        self.framer.ready.next = self.tunnel.ready.val();

        // Ethernet to PCIe. A link that is down takes nothing: what waits for it is lost.
        self.purge.next = self.single.val() && self.tunnel.flush.val();
        self.merge.purge.next = self.purge.val();
        self.merge.down.next = false;
        self.merge.flush.next = self.tunnel.flush.val();
        self.merge.flush_session.next = self.tunnel.flush_session.val();
        self.tunnel.flushing.next = self.merge.flushing.val() || (self.purge.val() && self.merge.busy.val());
        self.merge.valid.next = self.tunnel.up_valid.val();
        self.merge.data.next = self.tunnel.up_data.val();
        self.merge.half.next = self.tunnel.up_half.val();
        self.merge.last.next = self.tunnel.up_last.val();
        self.merge.non_posted.next = self.tunnel.up_non_posted.val();
        self.merge.session.next = self.tunnel.up_session.val();
        self.tunnel.up_ready.next = self.merge.ready.val();
        self.merge.local_valid.next = false;
        self.merge.local_data.next = 0.into();
        self.merge.local_half.next = false;
        self.merge.local_last.next = false;
        self.merge.np_verdict.next = 1.into();
        self.merge.divert_ready.next = false;
        self.tunnel.np_delivered.next = self.merge.np_delivered.val();
        self.tunnel.np_session.next = self.merge.np_session.val();
        self.merge.tready.next = self.pcie_tx_tready.val() || !self.pcie_link_up.val();
        self.merge.np_ok.next = self.pcie_tx_np_ok.val();
        self.pcie_tx_tdata.next = self.merge.tdata.val();
        self.pcie_tx_tkeep.next = self.merge.tkeep.val();
        self.pcie_tx_tlast.next = self.merge.tlast.val();
        self.pcie_tx_tvalid.next = self.merge.tvalid.val();

        self.tunnel.slots_present.next = self.tunnel.session_up.val();
        self.tunnel.slots_link.next = self.tunnel.session_up.val();
        self.tunnel.tlps_taken.next =
            self.framer.valid.val() && self.framer.last.val() && !self.framer.bad.val() && self.tunnel.ready.val();
        self.tunnel.tlps_delivered.next = self.merge.delivered.val();
        self.tunnel.malformed_tlps.next = self.framer.malformed.val();
        self.tunnel.not_taken.next = false;
        self.tunnel.unsupported.next = false;
        self.tunnel.made_up.next = false;
        self.tunnel.posted_dropped.next = false;
        self.tunnel.source_refused.next = false;
        self.tunnel.master_off.next = false;
        self.tunnel.unexpected.next = false;
    }
}
