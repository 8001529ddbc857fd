//! The receive path up to the PCIe link.

use crate::rx::{Output, RxPath};
use peb_hdl::prelude::*;

/// [`RxPath`] and [`Output`] as an I/O PEB has them; with one session a flush drops what waits for the link.
#[derive(Module)]
pub struct Whole<const SESSIONS: usize, const A: usize> {
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
    /// The PCIe link.
    pub tready: Signal<In, Bit>,
    pub np_ok: Signal<In, Bit>,
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
    pub tdata: Signal<Out, U<64>>,
    pub tkeep: Signal<Out, U<8>>,
    pub tlast: Signal<Out, Bit>,
    pub tvalid: Signal<Out, Bit>,
    /// One clock each, for the counters.
    pub foreign: Signal<Out, Bit>,
    pub dropped: Signal<Out, Bit>,
    pub duplicate: Signal<Out, Bit>,
    pub out_of_order: Signal<Out, Bit>,
    pub no_space: Signal<Out, Bit>,
    pub malformed: Signal<Out, Bit>,
    pub delivered: Signal<Out, Bit>,
    pub fatal: Signal<Out, Bit>,
    path: RxPath<SESSIONS, A>,
    merge: Output,
    purges: Constant<Bit>,
    purge: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const SESSIONS: usize, const A: usize> Default for Whole<SESSIONS, A> {
    fn default() -> Self {
        Whole { purges: Constant::new(SESSIONS == 1), ..Self::blank() }
    }
}

impl<const SESSIONS: usize, const A: usize> Logic for Whole<SESSIONS, A> {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, path, merge);
        self.path.reset.next = self.reset.val();
        self.merge.reset.next = self.reset.val();
        self.purge.next = self.purges.val() && self.flush.val();
        self.path.now.next = self.now.val();
        self.path.word.next = self.word.val();
        self.path.word_valid.next = self.word_valid.val();
        self.path.first.next = self.first.val();
        self.path.end.next = self.end.val();
        self.path.good.next = self.good.val();
        self.path.length.next = self.length.val();
        self.path.mac_src.next = self.mac_src.val();
        self.path.header_done.next = self.header_done.val();
        self.path.accept.next = self.accept.val();
        self.path.accept_session.next = self.accept_session.val();
        self.path.flush.next = self.flush.val();
        self.path.flush_session.next = self.flush_session.val();
        self.path.ack_session.next = self.ack_session.val();
        self.path.ack_sent.next = self.ack_sent.val();
        self.path.ack_sent_session.next = self.ack_sent_session.val();
        self.header_valid.next = self.path.header_valid.val();
        self.header_src.next = self.path.header_src.val();
        self.header_kind.next = self.path.header_kind.val();
        self.header_flags.next = self.path.header_flags.val();
        self.header_src_epoch.next = self.path.header_src_epoch.val();
        self.header_dst_epoch.next = self.path.header_dst_epoch.val();
        self.header_seq.next = self.path.header_seq.val();
        self.header_ack.next = self.path.header_ack.val();
        self.header_index.next = self.path.header_index.val();
        self.header_sack.next = self.path.header_sack.val();
        self.header_ts_echo.next = self.path.header_ts_echo.val();
        self.header_window.next = self.path.header_window.val();
        self.header_np_limit.next = self.path.header_np_limit.val();
        self.rx_done.next = self.path.rx_done.val();
        self.flush_done.next = self.path.flush_done.val();
        self.ack.next = self.path.ack.val();
        self.sack.next = self.path.sack.val();
        self.window.next = self.path.window.val();
        self.np_limit.next = self.path.np_limit.val();
        self.ts_delta.next = self.path.ts_delta.val();
        self.echo_valid.next = self.path.echo_valid.val();
        self.ack_due.next = self.path.ack_due.val();
        self.foreign.next = self.path.foreign.val();
        self.dropped.next = self.path.dropped.val();
        self.duplicate.next = self.path.duplicate.val();
        self.out_of_order.next = self.path.out_of_order.val();
        self.no_space.next = self.path.no_space.val();
        self.malformed.next = self.path.malformed.val();
        self.fatal.next = self.path.fatal.val();
        self.path.flushing.next = self.merge.flushing.val() || (self.purge.val() && self.merge.busy.val());
        self.merge.flush.next = self.flush.val();
        self.merge.flush_session.next = self.flush_session.val();
        self.merge.valid.next = self.path.valid.val();
        self.merge.data.next = self.path.data.val();
        self.merge.half.next = self.path.half.val();
        self.merge.last.next = self.path.last.val();
        self.merge.non_posted.next = self.path.non_posted.val();
        self.merge.session.next = self.path.session.val();
        self.path.ready.next = self.merge.ready.val();
        self.merge.purge.next = self.purge.val();
        self.merge.down.next = false;
        self.merge.tready.next = self.tready.val();
        self.merge.np_ok.next = self.np_ok.val();
        self.merge.np_verdict.next = 1.into();
        self.merge.local_valid.next = false;
        self.merge.local_data.next = 0.into();
        self.merge.local_half.next = false;
        self.merge.local_last.next = false;
        self.merge.divert_ready.next = false;
        self.path.np_delivered.next = self.merge.np_delivered.val();
        self.path.np_session.next = self.merge.np_session.val();
        self.tdata.next = self.merge.tdata.val();
        self.tkeep.next = self.merge.tkeep.val();
        self.tlast.next = self.merge.tlast.val();
        self.tvalid.next = self.merge.tvalid.val();
        self.delivered.next = self.merge.delivered.val();
    }
}
