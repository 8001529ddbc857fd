//! Frames from the GMII.

use super::Crc32;
use peb_hdl::prelude::*;

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
enum State {
    Idle,
    Preamble,
    Frame,
    Verdict,
    Skip,
}

/// Finds frames on the GMII, checks FCS, length, destination, 802.1Q tag and EtherType, and gives what follows the EtherType as
/// words (IEEE 802.3 clauses 3, 4 and 31, IEEE 802.1Q clause 9).
///
/// - Latency: a word is given 2 clocks after its last octet stood at the pins, `end` 3 clocks after `gmii_rx_dv` fell there.
///   Throughput: whatever GMII carries; a preamble of the SFD alone is enough, and a gap of one octet.
/// - Registered: all inputs, all outputs.
/// - Reset: forgets the frame that is coming in.
/// - Bad input: `end` without `good`, and exactly one of `good_frame`, `fcs_error`, `foreign` and `pause_set` per frame; carrier
///   without an SFD counts as `fcs_error`.
/// - Never waits: nobody can hold the wire back.
#[derive(Module, Default)]
pub struct GmiiRx {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub own_mac: Signal<In, U<48>>,
    /// VLAN ID; 0: untagged and priority-tagged frames.
    pub vid: Signal<In, U<12>>,
    pub ethertype: Signal<In, U<16>>,
    pub gmii_rxd: Signal<In, U<8>>,
    pub gmii_rx_dv: Signal<In, Bit>,
    pub gmii_rx_er: Signal<In, Bit>,
    /// Eight octets, the first in `[7:0]`; at the end of a frame what is left, FCS included.
    pub word: Signal<Out, U<64>>,
    pub word_valid: Signal<Out, Bit>,
    /// With the first word of a frame.
    pub first: Signal<Out, Bit>,
    /// One clock: the frame is over.
    pub end: Signal<Out, Bit>,
    /// With `end`: all of it is right and it is for this PEB.
    pub good: Signal<Out, Bit>,
    /// With `end`: octets after the EtherType, without FCS.
    pub length: Signal<Out, U<11>>,
    /// With `end`: source address.
    pub src: Signal<Out, U<48>>,
    /// One clock: a PAUSE frame with a right FCS.
    pub pause_set: Signal<Out, Bit>,
    pub pause_quanta: Signal<Out, U<16>>,
    /// One clock each, for the counters.
    pub good_frame: Signal<Out, Bit>,
    pub fcs_error: Signal<Out, Bit>,
    pub foreign: Signal<Out, Bit>,
    rxd: Reg<U<8>>,
    rx_dv: Reg<Bit>,
    rx_er: Reg<Bit>,
    state: Reg<State>,
    fcs: Reg<U<32>>,
    /// Octets of the frame so far; stays at its largest value.
    octets: Reg<U<11>>,
    /// Octet at which the payload begins: 14, or 18 behind a tag.
    header: Reg<U<5>>,
    error: Reg<Bit>,
    expected: Reg<U<48>>,
    to_us: Reg<Bit>,
    to_all: Reg<Bit>,
    to_pause: Reg<Bit>,
    source: Reg<U<48>>,
    /// The last two octets, for the fields of 16 bits.
    previous: Reg<U<8>>,
    tagged: Reg<Bit>,
    vid_right: Reg<Bit>,
    type_right: Reg<Bit>,
    type_pause: Reg<Bit>,
    opcode_pause: Reg<Bit>,
    quanta: Reg<U<16>>,
    gathered: Reg<U<64>>,
    fill: Reg<U<3>>,
    begun: Reg<Bit>,
    out_word: Reg<U<64>>,
    out_valid: Reg<Bit>,
    out_first: Reg<Bit>,
    out_end: Reg<Bit>,
    out_good: Reg<Bit>,
    out_error: Reg<Bit>,
    out_foreign: Reg<Bit>,
    out_pause: Reg<Bit>,
    out_length: Reg<U<11>>,
    crc: Crc32,
    pair: Signal<Local, U<16>>,
    shifted: Signal<Local, U<64>>,
    whole: Signal<Local, Bit>,
    for_us: Signal<Local, Bit>,
    pause: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for GmiiRx {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            rxd,
            rx_dv,
            rx_er,
            state,
            fcs,
            octets,
            header,
            error,
            expected,
            to_us,
            to_all,
            to_pause,
            source,
            previous,
            tagged,
            vid_right,
            type_right,
            type_pause,
            opcode_pause,
            quanta,
            gathered,
            fill,
            begun,
            out_word,
            out_valid,
            out_first,
            out_end,
            out_good,
            out_error,
            out_foreign,
            out_pause,
            out_length
        );
        self.rxd.d.next = self.gmii_rxd.val();
        self.rx_dv.d.next = self.gmii_rx_dv.val();
        self.rx_er.d.next = self.gmii_rx_er.val();
        self.out_valid.d.next = false;
        self.out_first.d.next = false;
        self.out_end.d.next = false;
        self.out_good.d.next = false;
        self.out_error.d.next = false;
        self.out_foreign.d.next = false;
        self.out_pause.d.next = false;

        self.pair.next = (bit_cast::<16, 8>(self.previous.q.val()) << 8) | bit_cast::<16, 8>(self.rxd.q.val());
        self.shifted.next = (self.gathered.q.val() >> 8) | (bit_cast::<64, 8>(self.rxd.q.val()) << 56);
        self.crc.state.next = self.fcs.q.val();
        self.crc.octet.next = self.rxd.q.val();
        // 64 to 1518 octets, four more behind a tag.
        self.whole.next = !self.error.q.val()
            && (self.fcs.q.val() == 0xDEBB_20E3_u64)
            && (self.octets.q.val() >= 64)
            && ((self.octets.q.val() <= 1518) || (self.tagged.q.val() && (self.octets.q.val() <= 1522)));
        self.for_us.next =
            (self.to_us.q.val() || self.to_all.q.val()) && self.vid_right.q.val() && self.type_right.q.val();
        self.pause.next = (self.to_us.q.val() || self.to_pause.q.val())
            && !self.tagged.q.val()
            && self.type_pause.q.val()
            && self.opcode_pause.q.val();

        match self.state.q.val() {
            State::Idle => {
                self.fcs.d.next = 0xFFFF_FFFF_u64.into();
                self.octets.d.next = 0.into();
                self.header.d.next = 14.into();
                self.error.d.next = false;
                self.expected.d.next = self.own_mac.val();
                self.to_us.d.next = true;
                self.to_all.d.next = true;
                self.to_pause.d.next = true;
                self.tagged.d.next = false;
                self.vid_right.d.next = !self.vid.val().any();
                self.type_right.d.next = false;
                self.type_pause.d.next = false;
                self.opcode_pause.d.next = false;
                self.fill.d.next = 0.into();
                self.begun.d.next = false;
                if self.rx_dv.q.val() {
                    self.error.d.next = self.rx_er.q.val();
                    self.state.d.next = State::Preamble;
                    if self.rxd.q.val() == 0xD5 {
                        self.state.d.next = State::Frame;
                    } else if self.rxd.q.val() != 0x55 {
                        self.state.d.next = State::Skip;
                    }
                }
            }
            State::Preamble => {
                if self.rx_er.q.val() {
                    self.error.d.next = true;
                }
                if !self.rx_dv.q.val() {
                    self.error.d.next = true;
                    self.state.d.next = State::Verdict;
                } else if self.rxd.q.val() == 0xD5 {
                    self.state.d.next = State::Frame;
                } else if self.rxd.q.val() != 0x55 {
                    self.state.d.next = State::Skip;
                }
            }
            State::Frame => {
                if self.rx_dv.q.val() {
                    self.fcs.d.next = self.crc.after.val();
                    self.previous.d.next = self.rxd.q.val();
                    if !self.octets.q.val().all() {
                        self.octets.d.next = self.octets.q.val() + 1;
                    }
                    if self.rx_er.q.val() {
                        self.error.d.next = true;
                    }
                    if self.octets.q.val() < 6 {
                        self.expected.d.next = self.expected.q.val() << 8;
                        if self.rxd.q.val() != self.expected.q.val().get_bits::<8>(40) {
                            self.to_us.d.next = false;
                        }
                        if self.rxd.q.val() != 0xFF {
                            self.to_all.d.next = false;
                        }
                        // 01-80-C2-00-00-01, IEEE 802.3 annex 31B.
                        if ((self.octets.q.val() == 0) && (self.rxd.q.val() != 0x01))
                            || ((self.octets.q.val() == 1) && (self.rxd.q.val() != 0x80))
                            || ((self.octets.q.val() == 2) && (self.rxd.q.val() != 0xC2))
                            || ((self.octets.q.val() == 3) && (self.rxd.q.val() != 0x00))
                            || ((self.octets.q.val() == 4) && (self.rxd.q.val() != 0x00))
                            || ((self.octets.q.val() == 5) && (self.rxd.q.val() != 0x01))
                        {
                            self.to_pause.d.next = false;
                        }
                    } else if self.octets.q.val() < 12 {
                        self.source.d.next = (self.source.q.val() << 8) | bit_cast::<48, 8>(self.rxd.q.val());
                    }
                    if self.octets.q.val() == 13 {
                        self.type_right.d.next = self.pair.val() == self.ethertype.val();
                        self.type_pause.d.next = self.pair.val() == 0x8808;
                        if self.pair.val() == 0x8100 {
                            self.tagged.d.next = true;
                            self.header.d.next = 18.into();
                            self.type_right.d.next = false;
                        }
                    }
                    if self.octets.q.val() == 15 {
                        self.opcode_pause.d.next = self.pair.val() == 0x0001;
                        if self.tagged.q.val() {
                            self.vid_right.d.next = self.pair.val().get_bits::<12>(0) == self.vid.val();
                        }
                    }
                    if self.octets.q.val() == 17 {
                        self.quanta.d.next = self.pair.val();
                        if self.tagged.q.val() {
                            self.type_right.d.next = self.pair.val() == self.ethertype.val();
                        }
                    }
                    if self.octets.q.val() >= bit_cast::<11, 5>(self.header.q.val()) {
                        self.gathered.d.next = self.shifted.val();
                        self.fill.d.next = self.fill.q.val() + 1;
                        if self.fill.q.val() == 7 {
                            self.out_word.d.next = self.shifted.val();
                            self.out_valid.d.next = true;
                            self.out_first.d.next = !self.begun.q.val();
                            self.begun.d.next = true;
                        }
                    }
                } else {
                    self.state.d.next = State::Verdict;
                    // What is left stands in the high octets.
                    self.out_word.d.next =
                        self.gathered.q.val() >> ((bits::<7>(8) - bit_cast::<7, 3>(self.fill.q.val())) << 3);
                    self.out_valid.d.next = self.fill.q.val() != 0;
                    self.out_first.d.next = !self.begun.q.val();
                }
            }
            State::Verdict => {
                self.out_end.d.next = true;
                self.out_length.d.next = self.octets.q.val() - bit_cast::<11, 5>(self.header.q.val()) - 4;
                if !self.whole.val() {
                    self.out_error.d.next = true;
                } else if self.pause.val() {
                    self.out_pause.d.next = true;
                } else if self.for_us.val() {
                    self.out_good.d.next = true;
                } else {
                    self.out_foreign.d.next = true;
                }
                self.state.d.next = State::Idle;
                // A frame right behind this one is lost but for its error count.
                if self.rx_dv.q.val() {
                    self.state.d.next = State::Skip;
                }
            }
            State::Skip => {
                self.error.d.next = true;
                if !self.rx_dv.q.val() {
                    self.state.d.next = State::Verdict;
                }
            }
        }

        self.word.next = self.out_word.q.val();
        self.word_valid.next = self.out_valid.q.val();
        self.first.next = self.out_first.q.val();
        self.end.next = self.out_end.q.val();
        self.good.next = self.out_good.q.val();
        self.length.next = self.out_length.q.val();
        self.src.next = self.source.q.val();
        self.pause_set.next = self.out_pause.q.val();
        self.pause_quanta.next = self.quanta.q.val();
        self.good_frame.next = self.out_good.q.val();
        self.fcs_error.next = self.out_error.q.val();
        self.foreign.next = self.out_foreign.q.val();
        if self.reset.val() {
            self.state.d.next = State::Idle;
            self.out_valid.d.next = false;
            self.out_end.d.next = false;
            self.out_good.d.next = false;
            self.out_error.d.next = false;
            self.out_foreign.d.next = false;
            self.out_pause.d.next = false;
        }
    }
}
