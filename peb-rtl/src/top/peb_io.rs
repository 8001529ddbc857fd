//! The I/O side: one downstream port, one device.

use super::Tunnel;
use crate::rx::Output;
use crate::slots::IoPort;
use crate::tlp::{Framer, Gate, Merge};
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
    gate: Gate,
    framer: Framer,
    port: IoPort,
    merge: Merge<2>,
    tunnel: Tunnel<1, 5>,
    queues: Output,
    full: Constant<Bit>,
    purge: Signal<Local, Bit>,
    _activity: Activity,
}

impl Default for PebIo {
    fn default() -> Self {
        PebIo { tunnel: Tunnel::io(), full: Constant::new(false), ..Self::blank() }
    }
}

impl Logic for PebIo {
    #[hdl_gen]
    fn update(&mut self) {
        self.gate.clock.next = self.clk.val();
        self.gate.reset.next = self.rst.val();
        self.framer.clock.next = self.clk.val();
        self.framer.reset.next = self.rst.val();
        self.port.clock.next = self.clk.val();
        self.port.reset.next = self.rst.val();
        self.merge.clock.next = self.clk.val();
        self.merge.reset.next = self.rst.val();
        self.tunnel.clock.next = self.clk.val();
        self.tunnel.reset.next = self.rst.val();
        self.queues.clock.next = self.clk.val();
        self.queues.reset.next = self.rst.val();
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
        self.tunnel.slots_present.next = 0.into();
        self.tunnel.slots_link.next = 0.into();

        // The device's port.
        self.purge.next = self.port.purge.val();
        self.port.full.next = self.full.val();
        self.port.tick.next = self.tunnel.tick.val();
        self.port.linkup_ticks.next = self.tunnel.linkup_ticks.val();
        self.port.attached.next = self.tunnel.stat_peer_up.val();
        self.port.record_valid.next = self.tunnel.record_valid.val();
        self.port.record.next = self.tunnel.record.val();
        self.port.slot_present.next = self.slot_present.val();
        // A link that comes up again finds nothing of before.
        self.port.pcie_link_up.next = self.pcie_link_up.val() && !(self.purge.val() && self.queues.busy.val());
        self.port.slot_attn_button.next = false;
        self.port.slot_power_fault.next = false;
        self.pcie_reset_out.next = self.port.reset_out.val();
        self.slot_power_en.next = self.port.power_en.val();

        // From the device.
        self.gate.link.next = self.pcie_link_up.val();
        self.gate.open.next = !self.purge.val();
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
        self.pcie_rx_np_ok.next = self.tunnel.np_ok.val();
        self.merge.room.next = 255.into();
        self.merge.session[0].next = 0.into();
        self.merge.data[0].next = self.framer.data.val();
        self.merge.half[0].next = self.framer.half.val();
        self.merge.first[0].next = self.framer.first.val();
        self.merge.last[0].next = self.framer.last.val();
        self.merge.valid[0].next = self.framer.valid.val();
        self.merge.class[0].next = self.framer.class.val();
        self.merge.dwords[0].next = self.framer.dwords.val();
        self.merge.bad[0].next = self.framer.bad.val();
        self.framer.ready.next = self.merge.ready[0].val();
        self.merge.session[1].next = 0.into();
        self.merge.data[1].next = self.port.record_out.val();
        self.merge.valid[1].next = self.port.record_out_valid.val();
        self.merge.half[1].next = false;
        self.merge.first[1].next = true;
        self.merge.last[1].next = true;
        self.merge.class[1].next = bits::<2>(0);
        self.merge.dwords[1].next = 2.into();
        self.merge.bad[1].next = false;
        self.merge.void[0].next = false;
        self.merge.void[1].next = false;
        self.port.record_out_ready.next = self.merge.ready[1].val();
        self.tunnel.session.next = self.merge.out_session.val();
        self.tunnel.data.next = self.merge.out_data.val();
        self.tunnel.half.next = self.merge.out_half.val();
        self.tunnel.first.next = self.merge.out_first.val();
        self.tunnel.last.next = self.merge.out_last.val();
        self.tunnel.valid.next = self.merge.out_valid.val();
        self.tunnel.class.next = self.merge.out_class.val();
        self.tunnel.dwords.next = self.merge.out_dwords.val();
        self.tunnel.bad.next = self.merge.out_bad.val();
        self.merge.out_ready.next = self.tunnel.ready.val();
        // What the device asked in its last life must not come out in the next.
        self.tunnel.drop.next = 0.into();
        if self.purge.val() {
            self.tunnel.drop.next = 255.into();
        }

        // To the device. A link that is down takes nothing: what waits for it is lost.
        self.queues.purge.next = false;
        self.queues.down.next = self.purge.val() || !self.pcie_link_up.val();
        self.queues.flush.next = self.tunnel.flush.val();
        self.queues.flush_session.next = self.tunnel.flush_session.val();
        self.tunnel.flushing.next = self.queues.flushing.val();
        self.queues.valid.next = self.tunnel.up_valid.val();
        self.queues.data.next = self.tunnel.up_data.val();
        self.queues.half.next = self.tunnel.up_half.val();
        self.queues.last.next = self.tunnel.up_last.val();
        self.queues.non_posted.next = self.tunnel.up_non_posted.val();
        self.queues.session.next = self.tunnel.up_session.val();
        self.tunnel.up_ready.next = self.queues.ready.val();
        self.queues.local_valid.next = false;
        self.queues.local_data.next = 0.into();
        self.queues.local_half.next = false;
        self.queues.local_last.next = false;
        self.queues.np_verdict.next = 1.into();
        self.queues.divert_ready.next = false;
        self.tunnel.np_delivered.next = self.queues.np_delivered.val();
        self.tunnel.np_session.next = self.queues.np_session.val();
        self.queues.tready.next = self.pcie_tx_tready.val();
        self.queues.np_ok.next = self.pcie_tx_np_ok.val();
        self.pcie_tx_tdata.next = self.queues.tdata.val();
        self.pcie_tx_tkeep.next = self.queues.tkeep.val();
        self.pcie_tx_tlast.next = self.queues.tlast.val();
        self.pcie_tx_tvalid.next = self.queues.tvalid.val();

        // Counters. What is refused on the way to the host is counted there.
        self.tunnel.tlps_taken.next =
            self.framer.valid.val() && self.framer.last.val() && !self.framer.bad.val() && self.merge.ready[0].val();
        self.tunnel.tlps_delivered.next = self.queues.delivered.val();
        self.tunnel.malformed_tlps.next = self.framer.malformed.val();
        self.tunnel.not_taken.next = self.gate.dropped.val();
        self.tunnel.unsupported.next = false;
        self.tunnel.made_up.next = false;
        self.tunnel.posted_dropped.next = false;
        self.tunnel.source_refused.next = false;
        self.tunnel.master_off.next = false;
        self.tunnel.unexpected.next = false;
    }
}
