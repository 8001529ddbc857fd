//! The transmit path.

use super::{Packer, Sender, Slots};
use peb_hdl::prelude::*;

/// [`Packer`], [`Slots`] and [`Sender`]: TLPs of up to `SESSIONS` sessions in, frames to the MAC out, as TxControl commands.
///
/// - Latency: `start` for a TLP is 8 clocks after its first beat if TxControl answers `open_ready` 3 clocks later; the
///   words of a frame are written long before the MAC asks for them. Throughput: frames back to back, filled up to
///   1476 bytes while TLPs are there.
/// - Registered, reset, bad input, waiting: see the blocks. Only wires here.
#[derive(Module, Default)]
pub struct TxPath<const SESSIONS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Sessions that are up, a bit each.
    pub session_up: Signal<In, U<8>>,
    /// Forget all of `flush_session`; held until `flush_done`, then low for a clock.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    /// Bit per session: drop the non-posted TLPs that wait for credit.
    pub drop: Signal<In, U<8>>,
    /// One clock.
    pub flush_done: Signal<Out, Bit>,
    /// Session of the TLP at the input, steady over the TLP.
    pub session: Signal<In, U<3>>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    /// 0 posted, 1 non-posted, 2 completion.
    pub class: Signal<In, U<2>>,
    pub dwords: Signal<In, U<10>>,
    pub bad: Signal<In, Bit>,
    /// The link may start non-posted TLPs.
    pub np_ok: Signal<Out, Bit>,
    /// Head of the free list of slots.
    pub free_valid: Signal<In, Bit>,
    pub free_slot: Signal<In, U<4>>,
    /// One clock: `free_slot` of the clock before was taken.
    pub free_take: Signal<Out, Bit>,
    /// One clock: a slot was opened as the frame of this session and sequence number.
    pub slot_write_enable: Signal<Out, Bit>,
    pub slot_write_session: Signal<Out, U<3>>,
    pub slot_write_seq: Signal<Out, U<16>>,
    pub slot_write_slot: Signal<Out, U<4>>,
    /// New credit for non-posted TLPs of a session.
    pub np_limit_write: Signal<In, Bit>,
    pub np_limit_session: Signal<In, U<3>>,
    pub np_limit: Signal<In, U<8>>,
    /// The open frame of this session can be started.
    pub open_ready: Signal<Out, U<8>>,
    /// Sequence number of a session's open frame, or of the one opened next.
    pub scan_session: Signal<In, U<3>>,
    pub scan_open_seq: Signal<Out, U<16>>,
    /// Sessions that a posted TLP or completion of any length can be given to at once.
    pub room: Signal<Out, U<8>>,
    /// One clock: a TLP of a session that is down was swallowed.
    pub no_session: Signal<Out, Bit>,
    /// One clock: a TLP was packed.
    pub tlp_packed: Signal<Out, Bit>,
    /// Flag HOST of session frames.
    pub host: Signal<In, Bit>,
    /// The clock in units of 8 clocks.
    pub now: Signal<In, U<24>>,
    pub cmd_valid: Signal<In, Bit>,
    pub cmd_ready: Signal<Out, Bit>,
    pub cmd_session: Signal<In, U<3>>,
    /// Kind on the wire; 0: frame of a session.
    pub cmd_kind: Signal<In, U<4>>,
    /// Kind 0: carries the TLPs of `cmd_slot`.
    pub cmd_data: Signal<In, Bit>,
    /// Sequence number of the frame, or of the next one with data.
    pub cmd_seq: Signal<In, U<16>>,
    pub cmd_slot: Signal<In, U<4>>,
    pub cmd_retransmit: Signal<In, Bit>,
    /// Other kinds: destination and fields of the header.
    pub cmd_dst: Signal<In, U<48>>,
    pub cmd_src_epoch: Signal<In, U<16>>,
    pub cmd_dst_epoch: Signal<In, U<16>>,
    pub cmd_index: Signal<In, U<8>>,
    pub cmd_flags: Signal<In, U<8>>,
    /// Bytes 12 to 15, the first in the high bits.
    pub cmd_arg: Signal<In, U<32>>,
    /// One clock: a frame has ended.
    pub done: Signal<Out, Bit>,
    /// With `done`: it was broken off, or never started.
    pub done_aborted: Signal<Out, Bit>,
    /// With `done`: dwords of TLPs in it.
    pub done_dwords: Signal<Out, U<9>>,
    /// Session the tables below are asked for.
    pub tx_session: Signal<Out, U<3>>,
    pub peer_mac: Signal<In, U<48>>,
    pub my_epoch: Signal<In, U<16>>,
    pub peer_epoch: Signal<In, U<16>>,
    pub peer_index: Signal<In, U<8>>,
    pub ack: Signal<In, U<16>>,
    pub sack: Signal<In, U<32>>,
    pub window: Signal<In, U<8>>,
    /// Credit for non-posted TLPs that goes to the peer.
    pub own_np_limit: Signal<In, U<8>>,
    pub ts_delta: Signal<In, U<24>>,
    pub echo_valid: Signal<In, Bit>,
    /// One clock: the acknowledgement of this session was put into a frame.
    pub ack_sent: Signal<Out, Bit>,
    pub ack_sent_session: Signal<Out, U<3>>,
    /// The MAC, see `mac::GmiiTx`.
    pub mac_ready: Signal<In, Bit>,
    pub start: Signal<Out, Bit>,
    pub dst: Signal<Out, U<48>>,
    pub word: Signal<Out, U<64>>,
    pub word_valid: Signal<Out, Bit>,
    pub word_last: Signal<Out, Bit>,
    pub word_half: Signal<Out, Bit>,
    /// Always 0: a frame is broken off by offering no word.
    pub word_poison: Signal<Out, Bit>,
    pub mac_word_ready: Signal<In, Bit>,
    pub mac_done: Signal<In, Bit>,
    pub mac_aborted: Signal<In, Bit>,

    packer: Packer<SESSIONS>,
    slots: Slots,
    sender: Sender,
    _activity: Activity,
}

impl<const SESSIONS: usize> TxPath<SESSIONS> {
    /// With this number of places for non-posted TLPs that wait, see [`super::NpRing::new`].
    pub fn new(places: usize) -> Self {
        TxPath { packer: Packer::new(places), ..Self::default() }
    }
}

impl<const SESSIONS: usize> Logic for TxPath<SESSIONS> {
    #[hdl_gen]
    fn update(&mut self) {
        self.packer.clock.next = self.clock.val();
        self.packer.reset.next = self.reset.val();
        self.packer.session_up.next = self.session_up.val();
        self.packer.flush.next = self.flush.val();
        self.packer.flush_session.next = self.flush_session.val();
        self.packer.drop.next = self.drop.val();
        self.flush_done.next = self.packer.flush_done.val();
        self.packer.session.next = self.session.val();
        self.packer.data.next = self.data.val();
        self.packer.half.next = self.half.val();
        self.packer.first.next = self.first.val();
        self.packer.last.next = self.last.val();
        self.packer.valid.next = self.valid.val();
        self.ready.next = self.packer.ready.val();
        self.packer.class.next = self.class.val();
        self.packer.dwords.next = self.dwords.val();
        self.packer.bad.next = self.bad.val();
        self.np_ok.next = self.packer.np_ok.val();
        self.packer.free_valid.next = self.free_valid.val();
        self.packer.free_slot.next = self.free_slot.val();
        self.free_take.next = self.packer.free_take.val();
        self.slot_write_enable.next = self.packer.slot_write_enable.val();
        self.slot_write_session.next = self.packer.slot_write_session.val();
        self.slot_write_seq.next = self.packer.slot_write_seq.val();
        self.slot_write_slot.next = self.packer.slot_write_slot.val();
        self.packer.np_limit_write.next = self.np_limit_write.val();
        self.packer.np_limit_session.next = self.np_limit_session.val();
        self.packer.np_limit.next = self.np_limit.val();
        self.open_ready.next = self.packer.open_ready.val();
        self.packer.scan_session.next = self.scan_session.val();
        self.scan_open_seq.next = self.packer.scan_open_seq.val();
        self.room.next = self.packer.room.val();
        self.no_session.next = self.packer.no_session.val();
        self.tlp_packed.next = self.packer.tlp_packed.val();
        self.sender.clock.next = self.clock.val();
        self.sender.reset.next = self.reset.val();
        self.sender.host.next = self.host.val();
        self.sender.now.next = self.now.val();
        self.sender.flush.next = self.flush.val();
        self.sender.flush_session.next = self.flush_session.val();
        self.sender.cmd_valid.next = self.cmd_valid.val();
        self.cmd_ready.next = self.sender.cmd_ready.val();
        self.sender.cmd_session.next = self.cmd_session.val();
        self.sender.cmd_kind.next = self.cmd_kind.val();
        self.sender.cmd_data.next = self.cmd_data.val();
        self.sender.cmd_seq.next = self.cmd_seq.val();
        self.sender.cmd_slot.next = self.cmd_slot.val();
        self.sender.cmd_retransmit.next = self.cmd_retransmit.val();
        self.sender.cmd_dst.next = self.cmd_dst.val();
        self.sender.cmd_src_epoch.next = self.cmd_src_epoch.val();
        self.sender.cmd_dst_epoch.next = self.cmd_dst_epoch.val();
        self.sender.cmd_index.next = self.cmd_index.val();
        self.sender.cmd_flags.next = self.cmd_flags.val();
        self.sender.cmd_arg.next = self.cmd_arg.val();
        self.done.next = self.sender.done.val();
        self.done_aborted.next = self.sender.done_aborted.val();
        self.done_dwords.next = self.sender.done_dwords.val();
        self.tx_session.next = self.sender.tx_session.val();
        self.sender.peer_mac.next = self.peer_mac.val();
        self.sender.my_epoch.next = self.my_epoch.val();
        self.sender.peer_epoch.next = self.peer_epoch.val();
        self.sender.peer_index.next = self.peer_index.val();
        self.sender.ack.next = self.ack.val();
        self.sender.sack.next = self.sack.val();
        self.sender.window.next = self.window.val();
        self.sender.np_limit.next = self.own_np_limit.val();
        self.sender.ts_delta.next = self.ts_delta.val();
        self.sender.echo_valid.next = self.echo_valid.val();
        self.ack_sent.next = self.sender.ack_sent.val();
        self.ack_sent_session.next = self.sender.ack_sent_session.val();
        self.sender.mac_ready.next = self.mac_ready.val();
        self.start.next = self.sender.start.val();
        self.dst.next = self.sender.dst.val();
        self.word.next = self.sender.word.val();
        self.word_valid.next = self.sender.word_valid.val();
        self.word_last.next = self.sender.word_last.val();
        self.word_half.next = self.sender.word_half.val();
        self.word_poison.next = self.sender.word_poison.val();
        self.sender.mac_word_ready.next = self.mac_word_ready.val();
        self.sender.mac_done.next = self.mac_done.val();
        self.sender.mac_aborted.next = self.mac_aborted.val();

        // Between the blocks.
        self.packer.read_session.next = self.sender.read_session.val();
        self.packer.read_slot.next = self.sender.read_slot.val();
        self.packer.close.next = self.sender.close.val();
        self.packer.close_session.next = self.sender.close_session.val();
        self.packer.aborted.next = self.sender.aborted.val();
        self.packer.aborted_session.next = self.sender.aborted_session.val();
        self.sender.read_open_seq.next = self.packer.read_open_seq.val();
        self.sender.read_fill.next = self.packer.read_fill.val();
        self.sender.read_open.next = self.packer.read_open.val();
        self.sender.writing.next = self.packer.writing.val();
        self.sender.write_pos.next = self.packer.write_pos.val();
        self.sender.rollback.next = self.packer.rollback.val();
        self.sender.read_length.next = self.packer.read_length.val();
        self.slots.clock.next = self.clock.val();
        self.slots.write_enable.next = self.packer.write_enable.val();
        self.slots.even_address.next = self.packer.even_address.val();
        self.slots.even_data.next = self.packer.even_data.val();
        self.slots.odd_address.next = self.packer.odd_address.val();
        self.slots.odd_data.next = self.packer.odd_data.val();
        self.slots.read_address.next = self.sender.read_address.val();
        self.sender.read_word.next = self.slots.read_word.val();
    }
}
