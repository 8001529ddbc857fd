//! Frames onto the GMII.

use super::Crc32;
use peb_hdl::prelude::*;

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
enum State {
    Idle,
    Preamble,
    Header,
    Payload,
    Pad,
    Fcs,
    Gap,
}

/// Puts preamble, addresses, 802.1Q tag, EtherType, padding and FCS around a stream of words and keeps the gap of 12 octets
/// (IEEE 802.3 clauses 3 and 4, IEEE 802.1Q clause 9).
///
/// - Latency: the preamble stands at the pins 2 clocks after `start`; the first word is taken 22 clocks after `start`
///   (26 with a tag). Throughput: an octet a clock; the next frame can start in the clock in which `ready` comes back.
/// - Registered: all GMII outputs. `ready`, `word_ready`, `done` and `aborted` follow from registers (and `paused`).
/// - Reset: ends a frame where it is; the gap is not kept.
/// - Bad input: a word that is not there when it is needed, or `word_poison` with the last one, ends the frame with `gmii_tx_er`
///   and a wrong FCS (`aborted`). Short frames are padded to 64 octets with 0xFF, which means "no more TLPs" in a tunnel frame.
/// - Waits for nothing but `start`.
#[derive(Module, Default)]
pub struct GmiiTx {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Source address; `[47:40]` is first on the wire.
    pub own_mac: Signal<In, U<48>>,
    /// VLAN ID; 0: no tag.
    pub vid: Signal<In, U<12>>,
    pub pcp: Signal<In, U<3>>,
    pub ethertype: Signal<In, U<16>>,
    /// No frame starts while this is 1.
    pub paused: Signal<In, Bit>,
    /// Starts a frame if `ready`.
    pub start: Signal<In, Bit>,
    /// Destination, taken with `start`.
    pub dst: Signal<In, U<48>>,
    pub ready: Signal<Out, Bit>,
    /// The next eight octets, the first in `[7:0]`.
    pub word: Signal<In, U<64>>,
    pub word_valid: Signal<In, Bit>,
    pub word_last: Signal<In, Bit>,
    /// With `word_last`: only the low four octets are sent.
    pub word_half: Signal<In, Bit>,
    /// With `word_last`: end the frame with a wrong FCS.
    pub word_poison: Signal<In, Bit>,
    /// The word is taken in this clock, or missed if there is none.
    pub word_ready: Signal<Out, Bit>,
    /// One clock, with the last octet of the FCS.
    pub done: Signal<Out, Bit>,
    /// With `done`: the frame was ended with a wrong FCS.
    pub aborted: Signal<Out, Bit>,
    pub gmii_txd: Signal<Out, U<8>>,
    pub gmii_tx_en: Signal<Out, Bit>,
    pub gmii_tx_er: Signal<Out, Bit>,
    state: Reg<State>,
    count: Reg<U<5>>,
    octets: Reg<U<6>>,
    address: Reg<U<48>>,
    held: Reg<U<64>>,
    left: Reg<U<4>>,
    last: Reg<Bit>,
    poison: Reg<Bit>,
    fcs: Reg<U<32>>,
    txd: Reg<U<8>>,
    tx_en: Reg<Bit>,
    tx_er: Reg<Bit>,
    crc: Crc32,
    octet: Signal<Local, U<8>>,
    covered: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    finish: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for GmiiTx {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, count, octets, address, held, left, last, poison, fcs, txd, tx_en, tx_er);
        self.ready.next = false;
        self.word_ready.next = false;
        self.done.next = false;
        self.aborted.next = self.poison.q.val();
        self.octet.next = 0.into();
        self.covered.next = false;
        self.take.next = false;
        self.finish.next = false;
        self.tx_en.d.next = true;
        self.tx_er.d.next = false;

        match self.state.q.val() {
            State::Idle => {
                self.tx_en.d.next = false;
                self.ready.next = !self.paused.val();
                self.count.d.next = 0.into();
                self.octets.d.next = 0.into();
                self.poison.d.next = false;
                self.fcs.d.next = 0xFFFF_FFFF_u64.into();
                self.address.d.next = self.dst.val();
                if self.start.val() && !self.paused.val() {
                    self.state.d.next = State::Preamble;
                }
            }
            State::Preamble => {
                self.octet.next = 0x55.into();
                self.count.d.next = self.count.q.val() + 1;
                if self.count.q.val() == 7 {
                    self.octet.next = 0xD5.into();
                    self.count.d.next = 0.into();
                    self.state.d.next = State::Header;
                }
            }
            State::Header => {
                self.octet.next = self.address.q.val().get_bits::<8>(40);
                self.covered.next = true;
                self.address.d.next = self.address.q.val() << 8;
                self.count.d.next = self.count.q.val() + 1;
                if self.count.q.val() == 5 {
                    self.address.d.next = self.own_mac.val();
                }
                if self.count.q.val() == 11 {
                    if self.vid.val().any() {
                        self.address.d.next = bit_cast::<48, 16>(self.ethertype.val())
                            | (bit_cast::<48, 12>(self.vid.val()) << 16)
                            | (bit_cast::<48, 3>(self.pcp.val()) << 29)
                            | 0x8100_0000_0000_u64;
                    } else {
                        self.address.d.next = bit_cast::<48, 16>(self.ethertype.val()) << 32;
                        self.count.d.next = 16.into();
                    }
                }
                self.take.next = self.count.q.val() == 17;
            }
            State::Payload => {
                self.octet.next = self.held.q.val().get_bits::<8>(0);
                self.covered.next = true;
                self.held.d.next = self.held.q.val() >> 8;
                self.left.d.next = self.left.q.val() - 1;
                if self.left.q.val() == 1 {
                    self.take.next = !self.last.q.val();
                    self.finish.next = self.last.q.val();
                }
            }
            State::Pad => {
                self.octet.next = 0xFF.into();
                self.covered.next = true;
                self.finish.next = self.octets.q.val() == 59;
            }
            State::Fcs => {
                self.octet.next = self.fcs.q.val().get_bits::<8>(0);
                if !self.poison.q.val() {
                    self.octet.next = !self.fcs.q.val().get_bits::<8>(0);
                }
                self.tx_er.d.next = self.poison.q.val();
                self.fcs.d.next = self.fcs.q.val() >> 8;
                self.count.d.next = self.count.q.val() + 1;
                if self.count.q.val() == 3 {
                    self.done.next = true;
                    self.count.d.next = 0.into();
                    self.state.d.next = State::Gap;
                }
            }
            State::Gap => {
                // The output register and the idle state are the other two of the twelve octets.
                self.tx_en.d.next = false;
                self.count.d.next = self.count.q.val() + 1;
                if self.count.q.val() == 10 {
                    self.state.d.next = State::Idle;
                }
            }
        }

        if self.take.val() {
            self.word_ready.next = true;
            self.held.d.next = self.word.val();
            self.last.d.next = self.word_last.val();
            self.left.d.next = 8.into();
            if self.word_last.val() && self.word_half.val() {
                self.left.d.next = 4.into();
            }
            self.state.d.next = State::Payload;
            self.poison.d.next = self.word_last.val() && self.word_poison.val();
            if !self.word_valid.val() {
                self.poison.d.next = true;
                self.finish.next = true;
            }
        }
        if self.finish.val() {
            self.count.d.next = 0.into();
            self.state.d.next = State::Fcs;
            if self.octets.q.val() < 59 {
                self.state.d.next = State::Pad;
            }
        }

        self.crc.state.next = self.fcs.q.val();
        self.crc.octet.next = self.octet.val();
        if self.covered.val() {
            self.fcs.d.next = self.crc.after.val();
            if self.octets.q.val() != 60 {
                self.octets.d.next = self.octets.q.val() + 1;
            }
        }
        self.txd.d.next = self.octet.val();
        self.gmii_txd.next = self.txd.q.val();
        self.gmii_tx_en.next = self.tx_en.q.val();
        self.gmii_tx_er.next = self.tx_er.q.val();
        if self.reset.val() {
            self.state.d.next = State::Idle;
            self.tx_en.d.next = false;
            self.tx_er.d.next = false;
        }
    }
}
