//! The tunnel header of a received frame.

use peb_hdl::prelude::*;

/// Keeps the 24 bytes of the tunnel header while the TLPs behind it pass on, and offers them once the frame proved good.
///
/// - Latency: `valid` one clock after `end`. Payload words pass a clock later.
/// - Registered: the header, `valid`, `dwords`, the payload. Reset: nothing is offered.
/// - The next header may arrive while the one before it is in use; what is behind it may not, because that would land where the TLPs of
///   the one in use are. Back to back this is 70 clocks after the end of the frame before.
/// - Bad input: a frame that is too short or has another magic or version is `foreign`. A frame with its header complete while the header
///   before it is still in use is `dropped`.
/// - Never waits; `done` is the business of those who use the header, within those 70 clocks.
#[derive(Module, Default)]
pub struct HeaderCapture {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// From the MAC, see `mac::GmiiRx`.
    pub word: Signal<In, U<64>>,
    pub word_valid: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub end: Signal<In, Bit>,
    pub good: Signal<In, Bit>,
    pub length: Signal<In, U<11>>,
    pub mac_src: Signal<In, U<48>>,
    /// A header is offered, until `done`.
    pub valid: Signal<Out, Bit>,
    pub done: Signal<In, Bit>,
    pub src: Signal<Out, U<48>>,
    pub kind: Signal<Out, U<4>>,
    pub flags: Signal<Out, U<8>>,
    pub src_epoch: Signal<Out, U<16>>,
    pub dst_epoch: Signal<Out, U<16>>,
    pub seq: Signal<Out, U<16>>,
    pub ack: Signal<Out, U<16>>,
    pub index: Signal<Out, U<8>>,
    /// Bytes 12 to 15, the first in the high bits: sack, or the argument of a control frame.
    pub sack: Signal<Out, U<32>>,
    pub ts: Signal<Out, U<24>>,
    pub ts_echo: Signal<Out, U<24>>,
    pub window: Signal<Out, U<8>>,
    pub np_limit: Signal<Out, U<8>>,
    /// Dwords behind the header, padding included.
    pub dwords: Signal<Out, U<9>>,
    /// A word behind the header.
    pub payload_valid: Signal<Out, Bit>,
    pub payload_word: Signal<Out, U<64>>,
    /// It is the first of the frame.
    pub payload_first: Signal<Out, Bit>,
    /// One clock each, for the counters.
    pub foreign: Signal<Out, Bit>,
    pub dropped: Signal<Out, Bit>,
    /// Arriving.
    next_low: Reg<U<64>>,
    next_middle: Reg<U<64>>,
    next_high: Reg<U<64>>,
    /// Offered.
    low: Reg<U<64>>,
    middle: Reg<U<64>>,
    high: Reg<U<64>>,
    words: Reg<U<2>>,
    begun: Reg<Bit>,
    skip: Reg<Bit>,
    offered: Reg<Bit>,
    source: Reg<U<48>>,
    left: Reg<U<9>>,
    /// A word behind the header, on its way.
    behind_valid: Reg<Bit>,
    behind_first: Reg<Bit>,
    behind_word: Reg<U<64>>,
    place: Signal<Local, U<2>>,
    skipping: Signal<Local, Bit>,
    behind: Signal<Local, U<11>>,
    _activity: Activity,
}

impl Logic for HeaderCapture {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, next_low, next_middle, next_high, low, middle, high);
        dff_setup!(self, clock, words, begun, skip, offered, source, left);
        dff_setup!(self, clock, behind_valid, behind_first, behind_word);
        self.foreign.next = false;
        self.dropped.next = false;
        self.payload_valid.next = self.behind_valid.q.val();
        self.payload_first.next = self.behind_first.q.val();
        self.payload_word.next = self.behind_word.q.val();
        self.behind_valid.d.next = false;
        self.behind_first.d.next = !self.begun.q.val();
        self.behind_word.d.next = self.word.val();
        self.behind.next = self.length.val() - 24;

        self.place.next = self.words.q.val();
        self.skipping.next = self.skip.q.val();
        if self.word_valid.val() && self.first.val() {
            self.place.next = 0.into();
            self.skipping.next = false;
            self.begun.d.next = false;
        } else if self.word_valid.val() && (self.words.q.val() == 3) && !self.begun.q.val() && self.offered.q.val() {
            self.skipping.next = true;
        }
        self.skip.d.next = self.skipping.val();
        if self.word_valid.val() && !self.skipping.val() {
            self.words.d.next = self.place.val() + 1;
            if self.place.val() == 0 {
                self.next_low.d.next = self.word.val();
            } else if self.place.val() == 1 {
                self.next_middle.d.next = self.word.val();
            } else if self.place.val() == 2 {
                self.next_high.d.next = self.word.val();
            } else {
                self.words.d.next = 3.into();
                self.behind_valid.d.next = true;
                self.begun.d.next = true;
            }
        }

        if self.done.val() {
            self.offered.d.next = false;
        }
        if self.end.val() {
            self.words.d.next = 0.into();
            self.skip.d.next = false;
        }
        if self.end.val() && self.good.val() {
            if self.skip.q.val() || self.offered.q.val() {
                self.dropped.next = true;
            } else if (self.length.val() < 24)
                || (self.next_low.q.val().get_bits::<8>(0) != 0x50)
                || (self.next_low.q.val().get_bits::<4>(12) != 1)
            {
                self.foreign.next = true;
            } else {
                self.offered.d.next = true;
                self.low.d.next = self.next_low.q.val();
                self.middle.d.next = self.next_middle.q.val();
                self.high.d.next = self.next_high.q.val();
                self.source.d.next = self.mac_src.val();
                self.left.d.next = self.behind.val().get_bits::<9>(2);
            }
        }

        self.valid.next = self.offered.q.val();
        self.src.next = self.source.q.val();
        self.kind.next = self.low.q.val().get_bits::<4>(8);
        self.src_epoch.next = (bit_cast::<16, 8>(self.low.q.val().get_bits::<8>(16)) << 8)
            | bit_cast::<16, 8>(self.low.q.val().get_bits::<8>(24));
        self.dst_epoch.next = (bit_cast::<16, 8>(self.low.q.val().get_bits::<8>(32)) << 8)
            | bit_cast::<16, 8>(self.low.q.val().get_bits::<8>(40));
        self.seq.next = (bit_cast::<16, 8>(self.low.q.val().get_bits::<8>(48)) << 8)
            | bit_cast::<16, 8>(self.low.q.val().get_bits::<8>(56));
        self.ack.next = (bit_cast::<16, 8>(self.middle.q.val().get_bits::<8>(0)) << 8)
            | bit_cast::<16, 8>(self.middle.q.val().get_bits::<8>(8));
        self.flags.next = self.middle.q.val().get_bits::<8>(16);
        self.index.next = self.middle.q.val().get_bits::<8>(24);
        self.sack.next = (bit_cast::<32, 8>(self.middle.q.val().get_bits::<8>(32)) << 24)
            | (bit_cast::<32, 8>(self.middle.q.val().get_bits::<8>(40)) << 16)
            | (bit_cast::<32, 8>(self.middle.q.val().get_bits::<8>(48)) << 8)
            | bit_cast::<32, 8>(self.middle.q.val().get_bits::<8>(56));
        self.ts.next = (bit_cast::<24, 8>(self.high.q.val().get_bits::<8>(0)) << 16)
            | (bit_cast::<24, 8>(self.high.q.val().get_bits::<8>(8)) << 8)
            | bit_cast::<24, 8>(self.high.q.val().get_bits::<8>(16));
        self.ts_echo.next = (bit_cast::<24, 8>(self.high.q.val().get_bits::<8>(24)) << 16)
            | (bit_cast::<24, 8>(self.high.q.val().get_bits::<8>(32)) << 8)
            | bit_cast::<24, 8>(self.high.q.val().get_bits::<8>(40));
        self.window.next = self.high.q.val().get_bits::<8>(48);
        self.np_limit.next = self.high.q.val().get_bits::<8>(56);
        self.dwords.next = self.left.q.val();
        if self.reset.val() {
            self.offered.d.next = false;
            self.words.d.next = 0.into();
            self.skip.d.next = false;
            self.behind_valid.d.next = false;
        }
    }
}
