//! The receive path.

use super::{HeaderCapture, Reassembly, Unpacker};
use peb_hdl::prelude::*;

/// [`HeaderCapture`], [`Reassembly`] and [`Unpacker`]: frames from the MAC in, TLPs of all sessions out.
///
/// - Latency: the first beat of a TLP stands at the output 11 clocks after `accept`. Throughput: a beat a clock.
/// - Registered, reset, bad input, waiting: see the blocks. Only wires here.
#[derive(Module)]
pub struct RxPath<const SESSIONS: usize, const A: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub now: Signal<In, U<24>>,
    /// From the MAC, see `mac::GmiiRx`.
    pub word: Signal<In, U<64>>,
    pub word_valid: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub end: Signal<In, Bit>,
    pub good: Signal<In, Bit>,
    pub length: Signal<In, U<11>>,
    pub mac_src: Signal<In, U<48>>,
    /// The header is no longer needed.
    pub header_done: Signal<In, Bit>,
    /// The header is one of this session; held until after `rx_done`.
    pub accept: Signal<In, Bit>,
    pub accept_session: Signal<In, U<3>>,
    /// Forget this session; held until `flush_done`.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    /// Session the acknowledgement port is asked for.
    pub ack_session: Signal<In, U<3>>,
    /// One clock: an acknowledgement of this session was put into a frame.
    pub ack_sent: Signal<In, Bit>,
    pub ack_sent_session: Signal<In, U<3>>,
    /// `flush_done` has to wait.
    pub flushing: Signal<In, Bit>,
    /// A beat of a TLP, see [`Unpacker`].
    pub valid: Signal<Out, Bit>,
    pub data: Signal<Out, U<64>>,
    pub half: Signal<Out, Bit>,
    pub head: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    pub header: Signal<Out, W<128>>,
    pub non_posted: Signal<Out, Bit>,
    pub session: Signal<Out, U<3>>,
    pub ready: Signal<In, Bit>,
    /// One clock: a control record of `session`.
    pub record_valid: Signal<Out, Bit>,
    pub record: Signal<Out, U<64>>,
    /// One clock: a non-posted TLP of this session has left its place.
    pub np_delivered: Signal<In, Bit>,
    pub np_session: Signal<In, U<3>>,
    /// The header of a good frame, until `header_done`.
    pub header_valid: Signal<Out, Bit>,
    pub header_src: Signal<Out, U<48>>,
    pub header_kind: Signal<Out, U<4>>,
    pub header_flags: Signal<Out, U<8>>,
    pub header_src_epoch: Signal<Out, U<16>>,
    pub header_dst_epoch: Signal<Out, U<16>>,
    pub header_seq: Signal<Out, U<16>>,
    pub header_ack: Signal<Out, U<16>>,
    pub header_index: Signal<Out, U<8>>,
    pub header_sack: Signal<Out, U<32>>,
    pub header_ts_echo: Signal<Out, U<24>>,
    pub header_window: Signal<Out, U<8>>,
    pub header_np_limit: Signal<Out, U<8>>,
    pub rx_done: Signal<Out, Bit>,
    pub flush_done: Signal<Out, Bit>,
    /// What the next frame to `ack_session` says.
    pub ack: Signal<Out, U<16>>,
    pub sack: Signal<Out, U<32>>,
    pub window: Signal<Out, U<8>>,
    pub np_limit: Signal<Out, U<8>>,
    pub ts_delta: Signal<Out, U<24>>,
    pub echo_valid: Signal<Out, Bit>,
    pub ack_due: Signal<Out, U<8>>,
    /// One clock each, for the counters.
    pub foreign: Signal<Out, Bit>,
    pub dropped: Signal<Out, Bit>,
    pub duplicate: Signal<Out, Bit>,
    pub out_of_order: Signal<Out, Bit>,
    pub no_space: Signal<Out, Bit>,
    pub malformed: Signal<Out, Bit>,
    pub fatal: Signal<Out, Bit>,
    capture: HeaderCapture,
    reassembly: Reassembly<SESSIONS, A>,
    unpacker: Unpacker,
    _activity: Activity,
}

impl<const SESSIONS: usize, const A: usize> Default for RxPath<SESSIONS, A> {
    fn default() -> Self {
        Self::blank()
    }
}

impl<const SESSIONS: usize, const A: usize> Logic for RxPath<SESSIONS, A> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, capture, reassembly, unpacker);
        self.capture.reset.next = self.reset.val();
        self.reassembly.reset.next = self.reset.val();
        self.unpacker.reset.next = self.reset.val();

        self.capture.word.next = self.word.val();
        self.capture.word_valid.next = self.word_valid.val();
        self.capture.first.next = self.first.val();
        self.capture.end.next = self.end.val();
        self.capture.good.next = self.good.val();
        self.capture.length.next = self.length.val();
        self.capture.mac_src.next = self.mac_src.val();
        self.capture.done.next = self.header_done.val();
        self.header_valid.next = self.capture.valid.val();
        self.header_src.next = self.capture.src.val();
        self.header_kind.next = self.capture.kind.val();
        self.header_flags.next = self.capture.flags.val();
        self.header_src_epoch.next = self.capture.src_epoch.val();
        self.header_dst_epoch.next = self.capture.dst_epoch.val();
        self.header_seq.next = self.capture.seq.val();
        self.header_ack.next = self.capture.ack.val();
        self.header_index.next = self.capture.index.val();
        self.header_sack.next = self.capture.sack.val();
        self.header_ts_echo.next = self.capture.ts_echo.val();
        self.header_window.next = self.capture.window.val();
        self.header_np_limit.next = self.capture.np_limit.val();

        self.reassembly.payload_valid.next = self.capture.payload_valid.val();
        self.reassembly.payload_word.next = self.capture.payload_word.val();
        self.reassembly.payload_first.next = self.capture.payload_first.val();
        self.reassembly.flags.next = self.capture.flags.val();
        self.reassembly.seq.next = self.capture.seq.val();
        self.reassembly.ts.next = self.capture.ts.val();
        self.reassembly.dwords.next = self.capture.dwords.val();
        self.reassembly.now.next = self.now.val();
        self.reassembly.accept.next = self.accept.val();
        self.reassembly.accept_session.next = self.accept_session.val();
        self.reassembly.flush.next = self.flush.val();
        self.reassembly.flush_session.next = self.flush_session.val();
        self.reassembly.ack_session.next = self.ack_session.val();
        self.reassembly.ack_sent.next = self.ack_sent.val();
        self.reassembly.ack_sent_session.next = self.ack_sent_session.val();
        self.reassembly.unpacking.next = self.unpacker.unpacking.val() || self.flushing.val();
        self.rx_done.next = self.reassembly.rx_done.val();
        self.flush_done.next = self.reassembly.flush_done.val();
        self.ack.next = self.reassembly.ack.val();
        self.sack.next = self.reassembly.sack.val();
        self.window.next = self.reassembly.window.val();
        self.np_limit.next = self.reassembly.np_limit.val();
        self.ts_delta.next = self.reassembly.ts_delta.val();
        self.echo_valid.next = self.reassembly.echo_valid.val();
        self.ack_due.next = self.reassembly.ack_due.val();

        self.unpacker.frame_valid.next = self.reassembly.frame_valid.val();
        self.unpacker.frame_slot.next = self.reassembly.frame_slot.val();
        self.unpacker.frame_session.next = self.reassembly.frame_session.val();
        self.unpacker.frame_dwords.next = self.reassembly.frame_dwords.val();
        self.unpacker.read_word.next = self.reassembly.read_word.val();
        self.reassembly.frame_take.next = self.unpacker.frame_take.val();
        self.reassembly.release.next = self.unpacker.release.val();
        self.reassembly.release_slot.next = self.unpacker.release_slot.val();
        self.reassembly.read_address.next = self.unpacker.read_address.val();
        self.unpacker.flush.next = self.flush.val();
        self.unpacker.flush_session.next = self.flush_session.val();

        self.valid.next = self.unpacker.valid.val();
        self.data.next = self.unpacker.data.val();
        self.half.next = self.unpacker.half.val();
        self.head.next = self.unpacker.first.val();
        self.last.next = self.unpacker.last.val();
        self.header.next = self.unpacker.header.val();
        self.non_posted.next = self.unpacker.non_posted.val();
        self.session.next = self.unpacker.session.val();
        self.unpacker.ready.next = self.ready.val();
        self.record_valid.next = self.unpacker.record_valid.val();
        self.record.next = self.unpacker.record.val();
        self.reassembly.np_delivered.next = self.np_delivered.val();
        self.reassembly.np_session.next = self.np_session.val();

        self.foreign.next = self.capture.foreign.val();
        self.dropped.next = self.capture.dropped.val();
        self.duplicate.next = self.reassembly.duplicate.val();
        self.out_of_order.next = self.reassembly.out_of_order.val();
        self.no_space.next = self.reassembly.no_space.val();
        self.malformed.next = self.unpacker.malformed.val();
        self.fatal.next = self.reassembly.fatal.val();
    }
}
