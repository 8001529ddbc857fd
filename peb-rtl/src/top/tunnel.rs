//! The tunnel that both cores are made of.

use crate::mac::{GmiiRx, GmiiTx, Pause};
use crate::registers::ManagementRegisters;
use crate::reliability::TxControl;
use crate::rx::RxPath;
use crate::session::{Role, Sessions, Ticker};
use crate::tx::TxPath;
use peb_hdl::prelude::*;

/// TLPs of all sessions on one side, GMII on the other, and the registers.
///
/// `SESSIONS` is the number of slots of a host, 1 for an I/O PEB; `A` the width of the table of received slots, 5 for one session,
/// 8 for more. Only wires here, and the sticky `stat_fatal`.
#[derive(Module)]
pub struct Tunnel<const SESSIONS: usize, const A: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
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
    /// TLPs into the tunnel, see [`TxPath`]; `session` is steady over a TLP.
    pub session: Signal<In, U<3>>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub class: Signal<In, U<2>>,
    pub dwords: Signal<In, U<10>>,
    pub bad: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    /// Bit per session: drop the non-posted TLPs that wait for credit.
    pub drop: Signal<In, U<8>>,
    pub room: Signal<Out, U<8>>,
    pub np_ok: Signal<Out, Bit>,
    /// TLPs and control records out of the tunnel, see [`RxPath`].
    pub up_valid: Signal<Out, Bit>,
    pub up_data: Signal<Out, U<64>>,
    pub up_half: Signal<Out, Bit>,
    pub up_first: Signal<Out, Bit>,
    pub up_last: Signal<Out, Bit>,
    pub up_header: Signal<Out, W<128>>,
    pub up_non_posted: Signal<Out, Bit>,
    pub up_session: Signal<Out, U<3>>,
    pub up_ready: Signal<In, Bit>,
    pub record_valid: Signal<Out, Bit>,
    pub record: Signal<Out, U<64>>,
    /// One clock: a non-posted TLP of this session has left its place.
    pub np_delivered: Signal<In, Bit>,
    pub np_session: Signal<In, U<3>>,
    /// What belongs to this session is to be forgotten; held until after `flushing`.
    pub flush: Signal<Out, Bit>,
    pub flush_session: Signal<Out, U<3>>,
    pub flushing: Signal<In, Bit>,
    /// Bits of the slots in the registers: a device is there; its link is active.
    pub slots_present: Signal<In, U<8>>,
    pub slots_link: Signal<In, U<8>>,
    /// Events outside the tunnel, one clock each, named as their counters.
    pub tlps_taken: Signal<In, Bit>,
    pub tlps_delivered: Signal<In, Bit>,
    pub malformed_tlps: Signal<In, Bit>,
    /// A TLP was dropped because the slot's link is not active.
    pub not_taken: Signal<In, Bit>,
    pub unsupported: Signal<In, Bit>,
    pub made_up: Signal<In, Bit>,
    pub posted_dropped: Signal<In, Bit>,
    pub source_refused: Signal<In, Bit>,
    pub master_off: Signal<In, Bit>,
    pub unexpected: Signal<In, Bit>,
    pub gmii_txd: Signal<Out, U<8>>,
    pub gmii_tx_en: Signal<Out, Bit>,
    pub gmii_tx_er: Signal<Out, Bit>,
    pub mgmt_rdata: Signal<Out, U<32>>,
    pub mgmt_ack: Signal<Out, Bit>,
    pub stat_peer_up: Signal<Out, Bit>,
    pub stat_fatal: Signal<Out, Bit>,
    pub session_up: Signal<Out, U<8>>,
    /// One clock a tick.
    pub tick: Signal<Out, Bit>,
    /// What software set, see [`ManagementRegisters`].
    pub own_mac: Signal<Out, U<48>>,
    pub hello_ticks: Signal<Out, U<24>>,
    pub track_ticks: Signal<Out, U<24>>,
    pub linkup_ticks: Signal<Out, U<24>>,
    ticker: Ticker,
    registers: ManagementRegisters,
    tx: TxPath<SESSIONS>,
    control: TxControl<SESSIONS>,
    gmii_tx: GmiiTx,
    pause: Pause,
    gmii_rx: GmiiRx,
    rx: RxPath<SESSIONS, A>,
    sessions: Sessions<SESSIONS>,
    role: Role,
    ethertype: Constant<U<16>>,
    fatal: Reg<Bit>,
    not_taken_later: Reg<Bit>,
    _activity: Activity,
}

impl<const SESSIONS: usize, const A: usize> Tunnel<SESSIONS, A> {
    fn with(role: Role, registers: ManagementRegisters, sessions: Sessions<SESSIONS>, places: usize) -> Self {
        Tunnel {
            registers,
            tx: TxPath::new(places),
            control: TxControl::new(),
            sessions,
            role,
            ethertype: Constant::new(u64::from(peb_wire::ETHERTYPE).into()),
            ..Self::blank()
        }
    }

    /// The tunnel of a host PEB with `SESSIONS` slots.
    pub fn host() -> Self {
        Self::with(Role::host(SESSIONS), ManagementRegisters::host(SESSIONS), Sessions::host(), 256)
    }

    /// The tunnel of an I/O PEB.
    pub fn io() -> Self {
        Self::with(Role::io(), ManagementRegisters::io(), Sessions::io(), 8)
    }
}

impl<const SESSIONS: usize, const A: usize> Logic for Tunnel<SESSIONS, A> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, fatal, not_taken_later);
        clock!(self, clock, ticker, registers, tx, control, gmii_tx, pause, gmii_rx, rx, sessions);
        self.ticker.reset.next = self.reset.val();
        self.registers.reset.next = self.reset.val();
        self.tx.reset.next = self.reset.val();
        self.control.reset.next = self.reset.val();
        self.gmii_tx.reset.next = self.reset.val();
        self.pause.reset.next = self.reset.val();
        self.gmii_rx.reset.next = self.reset.val();
        self.rx.reset.next = self.reset.val();
        self.sessions.reset.next = self.reset.val();

        // Time and registers.
        self.ticker.period.next = self.registers.tick_clocks.val();
        self.tick.next = self.ticker.tick.val();
        self.own_mac.next = self.registers.own_mac.val();
        self.hello_ticks.next = self.registers.hello_ticks.val();
        self.track_ticks.next = self.registers.track_ticks.val();
        self.linkup_ticks.next = self.registers.linkup_ticks.val();
        self.registers.cfg_mac.next = self.cfg_mac.val();
        self.registers.cfg_vid.next = self.cfg_vid.val();
        self.registers.mgmt_addr.next = self.mgmt_addr.val();
        self.registers.mgmt_req.next = self.mgmt_req.val();
        self.registers.mgmt_we.next = self.mgmt_we.val();
        self.registers.mgmt_wdata.next = self.mgmt_wdata.val();
        self.registers.pcie_link_up.next = self.pcie_link_up.val();
        self.registers.slot_present.next = self.slot_present.val();
        self.mgmt_rdata.next = self.registers.mgmt_rdata.val();
        self.mgmt_ack.next = self.registers.mgmt_ack.val();
        self.registers.peer_up.next = self.sessions.session_up.val().any();
        self.registers.slots_present.next = self.slots_present.val();
        self.registers.slots_link.next = self.slots_link.val();
        self.sessions.stat_session.next = self.registers.stat_session.val();
        self.control.stat_session.next = self.registers.stat_session.val();
        self.registers.stat_valid.next = self.sessions.stat_valid.val();
        self.registers.stat_bound.next = self.sessions.stat_bound.val();
        self.registers.stat_mac.next = self.sessions.stat_mac.val();
        self.registers.stat_epoch.next = self.sessions.stat_epoch.val();
        self.registers.stat_rtt.next = bit_cast::<32, 24>(self.control.stat_rtt_last.val());
        self.registers.stat_rtt_min.next = bit_cast::<32, 24>(self.control.stat_rtt_min.val());
        self.registers.stat_window.next = bit_cast::<32, 16>(self.control.stat_window.val());
        self.registers.stat_retransmissions.next = self.control.stat_retransmissions.val();

        // PCIe to Ethernet.
        self.tx.session.next = self.session.val();
        self.tx.data.next = self.data.val();
        self.tx.half.next = self.half.val();
        self.tx.first.next = self.first.val();
        self.tx.last.next = self.last.val();
        self.tx.valid.next = self.valid.val();
        self.tx.class.next = self.class.val();
        self.tx.dwords.next = self.dwords.val();
        self.tx.bad.next = self.bad.val();
        self.tx.drop.next = self.drop.val();
        self.ready.next = self.tx.ready.val();
        self.room.next = self.tx.room.val();
        self.np_ok.next = self.tx.np_ok.val();
        self.tx.host.next = self.role.host.val();
        self.tx.now.next = self.ticker.now.val();
        self.tx.session_up.next = self.sessions.session_up.val();
        self.tx.flush.next = self.sessions.flush_packer.val();
        self.tx.flush_session.next = self.sessions.flush_session.val();
        self.tx.free_valid.next = self.control.free_valid.val();
        self.tx.free_slot.next = self.control.free_slot.val();
        self.tx.np_limit_write.next = self.control.np_limit_write.val();
        self.tx.np_limit_session.next = self.control.np_limit_session.val();
        self.tx.scan_session.next = self.control.scan_session.val();
        self.tx.cmd_valid.next = self.control.cmd_valid.val();
        self.tx.cmd_session.next = self.control.cmd_session.val();
        self.tx.cmd_kind.next = self.control.cmd_kind.val();
        self.tx.cmd_data.next = self.control.cmd_data.val();
        self.tx.cmd_seq.next = self.control.cmd_seq.val();
        self.tx.cmd_slot.next = self.control.cmd_slot.val();
        self.tx.cmd_retransmit.next = self.control.cmd_retransmit.val();
        self.tx.cmd_dst.next = self.control.cmd_dst.val();
        self.tx.cmd_src_epoch.next = self.control.cmd_src_epoch.val();
        self.tx.cmd_dst_epoch.next = self.control.cmd_dst_epoch.val();
        self.tx.cmd_index.next = self.control.cmd_index.val();
        self.tx.cmd_flags.next = self.control.cmd_flags.val();
        self.tx.cmd_arg.next = self.control.cmd_arg.val();
        self.tx.np_limit.next = self.control.np_limit_value.val();
        self.control.free_take.next = self.tx.free_take.val();
        self.control.slot_write_enable.next = self.tx.slot_write_enable.val();
        self.control.slot_write_session.next = self.tx.slot_write_session.val();
        self.control.slot_write_seq.next = self.tx.slot_write_seq.val();
        self.control.slot_write_slot.next = self.tx.slot_write_slot.val();
        self.control.open_ready.next = self.tx.open_ready.val();
        self.control.scan_open_seq.next = self.tx.scan_open_seq.val();
        self.control.cmd_ready.next = self.tx.cmd_ready.val();
        self.control.done.next = self.tx.done.val();
        self.control.done_aborted.next = self.tx.done_aborted.val();
        self.sessions.tx_session.next = self.tx.tx_session.val();
        self.rx.ack_session.next = self.tx.tx_session.val();
        self.tx.peer_mac.next = self.sessions.peer_mac.val();
        self.tx.my_epoch.next = self.sessions.my_epoch.val();
        self.tx.peer_epoch.next = self.sessions.peer_epoch.val();
        self.tx.peer_index.next = self.sessions.peer_index.val();
        self.tx.ack.next = self.rx.ack.val();
        self.tx.sack.next = self.rx.sack.val();
        self.tx.window.next = self.rx.window.val();
        self.tx.ts_delta.next = self.rx.ts_delta.val();
        self.tx.echo_valid.next = self.rx.echo_valid.val();
        self.tx.own_np_limit.next = self.rx.np_limit.val();
        self.tx.mac_ready.next = self.gmii_tx.ready.val();
        self.tx.mac_word_ready.next = self.gmii_tx.word_ready.val();
        self.tx.mac_done.next = self.gmii_tx.done.val();
        self.tx.mac_aborted.next = self.gmii_tx.aborted.val();
        self.gmii_tx.start.next = self.tx.start.val();
        self.gmii_tx.dst.next = self.tx.dst.val();
        self.gmii_tx.word.next = self.tx.word.val();
        self.gmii_tx.word_valid.next = self.tx.word_valid.val();
        self.gmii_tx.word_last.next = self.tx.word_last.val();
        self.gmii_tx.word_half.next = self.tx.word_half.val();
        self.gmii_tx.word_poison.next = self.tx.word_poison.val();
        self.gmii_tx.own_mac.next = self.registers.own_mac.val();
        self.gmii_tx.vid.next = self.sessions.vid.val();
        self.gmii_tx.pcp.next = self.registers.pcp.val();
        self.gmii_tx.ethertype.next = self.ethertype.val();
        self.gmii_tx.paused.next = self.pause.paused.val();
        self.gmii_txd.next = self.gmii_tx.gmii_txd.val();
        self.gmii_tx_en.next = self.gmii_tx.gmii_tx_en.val();
        self.gmii_tx_er.next = self.gmii_tx.gmii_tx_er.val();
        self.pause.pause_set.next = self.gmii_rx.pause_set.val();
        self.pause.pause_quanta.next = self.gmii_rx.pause_quanta.val();
        self.pause.tick.next = self.ticker.tick.val();
        self.pause.limit_ticks.next = self.registers.down_ticks.val() >> 2;

        // Ethernet to PCIe.
        self.gmii_rx.own_mac.next = self.registers.own_mac.val();
        self.gmii_rx.vid.next = self.sessions.vid.val();
        self.gmii_rx.ethertype.next = self.ethertype.val();
        self.gmii_rx.gmii_rxd.next = self.gmii_rxd.val();
        self.gmii_rx.gmii_rx_dv.next = self.gmii_rx_dv.val();
        self.gmii_rx.gmii_rx_er.next = self.gmii_rx_er.val();
        self.rx.word.next = self.gmii_rx.word.val();
        self.rx.word_valid.next = self.gmii_rx.word_valid.val();
        self.rx.first.next = self.gmii_rx.first.val();
        self.rx.end.next = self.gmii_rx.end.val();
        self.rx.good.next = self.gmii_rx.good.val();
        self.rx.length.next = self.gmii_rx.length.val();
        self.rx.mac_src.next = self.gmii_rx.src.val();
        self.rx.now.next = self.ticker.now.val();
        self.rx.header_done.next = self.sessions.done.val();
        self.rx.accept.next = self.sessions.accept.val();
        self.rx.accept_session.next = self.sessions.accept_session.val();
        self.rx.flush.next = self.sessions.flush_reassembly.val();
        self.rx.flush_session.next = self.sessions.flush_session.val();
        self.rx.ack_sent.next = self.tx.ack_sent.val();
        self.rx.ack_sent_session.next = self.tx.ack_sent_session.val();
        self.up_valid.next = self.rx.valid.val();
        self.up_data.next = self.rx.data.val();
        self.up_half.next = self.rx.half.val();
        self.up_first.next = self.rx.head.val();
        self.up_last.next = self.rx.last.val();
        self.up_header.next = self.rx.header.val();
        self.up_non_posted.next = self.rx.non_posted.val();
        self.up_session.next = self.rx.session.val();
        self.rx.ready.next = self.up_ready.val();
        self.record_valid.next = self.rx.record_valid.val();
        self.record.next = self.rx.record.val();
        self.rx.np_delivered.next = self.np_delivered.val();
        self.rx.np_session.next = self.np_session.val();
        self.rx.flushing.next = self.flushing.val();
        self.flush.next = self.sessions.flush_reassembly.val();
        self.flush_session.next = self.sessions.flush_session.val();

        // Sessions, and what is sent when.
        self.sessions.own_mac.next = self.registers.own_mac.val();
        self.sessions.enable.next = self.registers.enable.val();
        self.sessions.vlan.next = self.registers.vlan.val();
        self.sessions.slot_any.next = self.registers.slot_any.val();
        self.sessions.slot_wanted.next = self.registers.slot_wanted.val();
        self.sessions.hello_ticks.next = self.registers.hello_ticks.val();
        self.sessions.down_ticks.next = self.registers.down_ticks.val();
        self.sessions.tick.next = self.ticker.tick.val();
        self.sessions.ticks.next = self.ticker.ticks.val();
        self.sessions.valid.next = self.rx.header_valid.val();
        self.sessions.src.next = self.rx.header_src.val();
        self.sessions.kind.next = self.rx.header_kind.val();
        self.sessions.flags.next = self.rx.header_flags.val();
        self.sessions.src_epoch.next = self.rx.header_src_epoch.val();
        self.sessions.dst_epoch.next = self.rx.header_dst_epoch.val();
        self.sessions.index.next = self.rx.header_index.val();
        self.sessions.arg.next = self.rx.header_sack.val();
        self.sessions.rx_done.next = self.rx.rx_done.val();
        self.sessions.tx_done.next = self.control.tx_done.val();
        self.sessions.flush_done_packer.next = self.tx.flush_done.val();
        self.sessions.flush_done_control.next = self.control.flush_done.val();
        self.sessions.flush_done_reassembly.next = self.rx.flush_done.val();
        self.sessions.ctl_ready.next = self.control.ctl_ready.val();
        self.sessions.tx_idle.next = self.gmii_tx.ready.val();
        self.sessions.keepalive_sent.next = self.control.keepalive_sent.val();
        self.sessions.keepalive_sent_session.next = self.control.keepalive_session.val();
        self.control.ctl_valid.next = self.sessions.ctl_valid.val();
        self.control.ctl_kind.next = self.sessions.ctl_kind.val();
        self.control.ctl_dst.next = self.sessions.ctl_dst.val();
        self.control.ctl_src_epoch.next = self.sessions.ctl_src_epoch.val();
        self.control.ctl_dst_epoch.next = self.sessions.ctl_dst_epoch.val();
        self.control.ctl_index.next = self.sessions.ctl_index.val();
        self.control.ctl_flags.next = self.sessions.ctl_flags.val();
        self.control.ctl_arg.next = self.sessions.ctl_arg.val();
        self.control.keepalive.next = self.sessions.keepalive.val();
        self.control.session_up.next = self.sessions.session_up.val();
        self.control.accept.next = self.sessions.accept.val();
        self.control.accept_session.next = self.sessions.accept_session.val();
        self.control.flush.next = self.sessions.flush_control.val();
        self.control.flush_session.next = self.sessions.flush_session.val();
        self.control.now.next = self.ticker.now.val();
        self.control.ticks.next = self.ticker.ticks.val();
        self.control.down_ticks.next = self.registers.down_ticks.val();
        self.control.queue_limit.next = 1500.into();
        self.control.flags.next = self.rx.header_flags.val();
        self.control.ack.next = self.rx.header_ack.val();
        self.control.sack.next = self.rx.header_sack.val();
        self.control.window.next = self.rx.header_window.val();
        self.control.np_limit.next = self.rx.header_np_limit.val();
        self.control.ts_echo.next = self.rx.header_ts_echo.val();
        self.control.ack_due.next = self.rx.ack_due.val();
        self.session_up.next = self.sessions.session_up.val();
        self.stat_peer_up.next = self.sessions.session_up.val().any();

        // Counters.
        self.registers.frames_sent.next = self.gmii_tx.done.val() && !self.gmii_tx.aborted.val();
        self.registers.ended_bad.next = self.gmii_tx.done.val() && self.gmii_tx.aborted.val();
        self.registers.foreign_frames.next = self.gmii_rx.foreign.val() || self.rx.foreign.val();
        self.registers.malformed_tlps.next = self.malformed_tlps.val() || self.rx.malformed.val();
        self.registers.no_space.next = self.rx.no_space.val() || self.rx.dropped.val();
        self.registers.frames_received.next = self.gmii_rx.good_frame.val();
        self.registers.tlps_taken.next = self.tlps_taken.val();
        self.registers.tlps_delivered.next = self.tlps_delivered.val();
        self.registers.retransmitted.next = self.control.retransmitted.val();
        self.registers.fcs_errors.next = self.gmii_rx.fcs_error.val();
        self.registers.stale_session.next = self.sessions.stale.val();
        self.registers.duplicates.next = self.rx.duplicate.val();
        self.registers.out_of_order.next = self.rx.out_of_order.val();
        self.registers.joins_refused.next = self.sessions.joins_refused.val();
        self.registers.timeouts.next = self.control.timed_out.val();
        self.registers.pauses.next = self.pause.obeyed.val();
        // Two in one clock are counted one after the other: a TLP has two beats at least.
        self.not_taken_later.d.next = self.tx.no_session.val() && self.not_taken.val();
        self.registers.no_session.next =
            self.tx.no_session.val() || self.not_taken.val() || self.not_taken_later.q.val();
        self.registers.unsupported.next = self.unsupported.val();
        self.registers.made_up.next = self.made_up.val();
        self.registers.posted_dropped.next = self.posted_dropped.val();
        self.registers.source_refused.next = self.source_refused.val();
        self.registers.master_off.next = self.master_off.val();
        self.registers.unexpected.next = self.unexpected.val();
        if self.rx.fatal.val() {
            self.fatal.d.next = true;
        }
        self.stat_fatal.next = self.fatal.q.val();
        if self.reset.val() {
            self.fatal.d.next = false;
            self.not_taken_later.d.next = false;
        }
    }
}
