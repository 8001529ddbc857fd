//! TLPs that reach the endpoint, taken apart.

use peb_hdl::prelude::*;

/// Takes TLPs from the stream, decides what they ask for, and gives their data on, dword by dword (PCIe 2.2).
///
/// - Latency: 3 clocks from the second beat to the first dword of data; throughput: a dword a clock, 2 clocks more a TLP.
/// - Registered: the header and what is decided of it; the data are half of the beat that stands at the input.
/// - Reset: what is inside is forgotten; the next beat is the first of a TLP.
/// - Bad input: a TLP that ends a beat or more before its header and data are there is dropped (what ends within the beat is not
///   noticed: a PEB gives no such TLP); what is beyond them is passed over, as a digest is. A poisoned write changes nothing, a poisoned completion is one that failed.
/// - Never waits but for beats: whoever gets data takes them.
#[derive(Module, Default)]
pub struct Decode {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub tdata: Signal<In, U<64>>,
    pub tlast: Signal<In, Bit>,
    pub tvalid: Signal<In, Bit>,
    pub tready: Signal<Out, Bit>,
    /// Memory requests are for the endpoint: Memory Space Enable, and D0.
    pub memory_on: Signal<In, Bit>,
    /// Bits 31 to 14 of BAR 0.
    pub bar: Signal<In, U<18>>,

    /// A memory write to BAR 0, steady from the first dword of data on.
    pub write: Signal<Out, Bit>,
    /// A completion.
    pub completion: Signal<Out, Bit>,
    /// A dword of data of one of both, byte k in bits 8k+7..8k.
    pub dword: Signal<Out, U<32>>,
    pub dword_valid: Signal<Out, Bit>,
    pub dword_first: Signal<Out, Bit>,
    pub dword_last: Signal<Out, Bit>,
    /// Bytes of `dword` that are written, for a write.
    pub dword_enables: Signal<Out, U<4>>,
    /// Place of `dword` in BAR 0, in bytes.
    pub dword_address: Signal<Out, U<14>>,
    /// One clock: all of a completion was there, or of a request that wants one.
    pub completed: Signal<Out, Bit>,
    pub requested: Signal<Out, Bit>,

    /// Of the TLP, steady from its first dword of data to the clock of `completed` or `requested`.
    /// 1 configuration read, 2 configuration write, 3 memory read. Unsupported: 0, 4 memory read, 5 AtomicOp, 6 compare and swap.
    pub kind: Signal<Out, U<3>>,
    pub requester: Signal<Out, U<16>>,
    pub tag: Signal<Out, U<10>>,
    pub traffic: Signal<Out, U<3>>,
    pub attributes: Signal<Out, U<3>>,
    /// Dwords of data, 1 to 1024 (as 0).
    pub length: Signal<Out, U<10>>,
    pub first_enables: Signal<Out, U<4>>,
    pub last_enables: Signal<Out, U<4>>,
    /// Dword in BAR 0 or in configuration space.
    pub address: Signal<Out, U<12>>,
    /// Bus and device number that a configuration write is for.
    pub own_id: Signal<Out, U<13>>,
    /// Of the request: the last dword of data, the only one of a configuration write.
    pub value: Signal<Out, U<32>>,
    /// Of a completion: status (4 with it was poisoned or without the data it needs), bytes to come, low bits of the address.
    pub status: Signal<Out, U<3>>,
    pub byte_count: Signal<Out, U<12>>,
    pub lower_address: Signal<Out, U<7>>,

    /// One clock each: a posted request that nobody supports; poisoned data came; PME_Turn_Off.
    pub unsupported_posted: Signal<Out, Bit>,
    pub poisoned: Signal<Out, Bit>,
    pub turn_off: Signal<Out, Bit>,

    state: Reg<DecodeState>,
    dw0: Reg<U<32>>,
    dw1: Reg<U<32>>,
    dw2: Reg<U<32>>,
    dw3: Reg<U<32>>,
    /// `dw3` holds data.
    held: Reg<Bit>,
    ended: Reg<Bit>,
    upper: Reg<Bit>,
    first: Reg<Bit>,
    left: Reg<U<10>>,
    at: Reg<U<12>>,
    is_write: Reg<Bit>,
    is_completion: Reg<Bit>,
    is_request: Reg<Bit>,
    what: Reg<U<3>>,
    data: Reg<U<32>>,

    with_data: Signal<Local, Bit>,
    four: Signal<Local, Bit>,
    poison: Signal<Local, Bit>,
    ty: Signal<Local, U<5>>,
    low_address: Signal<Local, U<32>>,
    high_address: Signal<Local, U<32>>,
    hit: Signal<Local, Bit>,
    word: Signal<Local, U<32>>,
    word_valid: Signal<Local, Bit>,
    final_word: Signal<Local, Bit>,
    count: Signal<Local, U<10>>,
    whole: Signal<Local, Bit>,
    _activity: Activity,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum DecodeState {
    /// The first beat.
    Idle,
    /// The second beat.
    Header,
    /// The header is there.
    Look,
    /// Data.
    Data,
    /// Everything was there.
    Done,
    /// The last beat.
    Skip,
}

impl Logic for Decode {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            dw0,
            dw1,
            dw2,
            dw3,
            held,
            ended,
            upper,
            first,
            left,
            at,
            is_write,
            is_completion,
            is_request,
            what,
            data
        );
        self.tready.next = false;
        self.unsupported_posted.next = false;
        self.poisoned.next = false;
        self.turn_off.next = false;
        self.completed.next = false;
        self.requested.next = false;
        self.whole.next = false;

        // Header dwords are kept as PCI Express draws them: byte 0 in bits 31:24.
        self.with_data.next = self.dw0.q.val().get_bit(30);
        self.four.next = self.dw0.q.val().get_bit(29);
        self.ty.next = self.dw0.q.val().get_bits::<5>(24);
        self.poison.next = self.dw0.q.val().get_bit(14);
        self.count.next = self.dw0.q.val().get_bits::<10>(0);
        self.low_address.next = self.dw2.q.val();
        self.high_address.next = 0.into();
        if self.four.val() {
            self.low_address.next = self.dw3.q.val();
            self.high_address.next = self.dw2.q.val();
        }
        self.hit.next = self.memory_on.val()
            && (self.high_address.val() == 0)
            && (self.low_address.val().get_bits::<18>(14) == self.bar.val());

        // The dword that stands first: that of the second beat, or half of the beat at the input.
        self.word.next = self.tdata.val().get_bits::<32>(0);
        if self.upper.q.val() {
            self.word.next = self.tdata.val().get_bits::<32>(32);
        }
        self.word_valid.next = self.tvalid.val();
        if self.held.q.val() {
            self.word_valid.next = true;
            self.word.next = self.data.q.val();
        }
        self.final_word.next = self.left.q.val() == 1;
        self.dword.next = self.word.val();
        self.dword_valid.next = (self.state.q.val() == DecodeState::Data) && self.word_valid.val();
        self.dword_first.next = self.first.q.val();
        self.dword_last.next = self.final_word.val();
        self.dword_enables.next = 15.into();
        if self.first.q.val() {
            self.dword_enables.next = self.dw1.q.val().get_bits::<4>(0);
        } else if self.final_word.val() {
            self.dword_enables.next = self.dw1.q.val().get_bits::<4>(4);
        }
        self.dword_address.next = bit_cast::<14, 12>(self.at.q.val()) << 2;

        match self.state.q.val() {
            DecodeState::Idle => {
                self.tready.next = true;
                self.ended.d.next = false;
                self.dw0.d.next = (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(0)) << 24)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(8)) << 16)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(16)) << 8)
                    | bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(24));
                self.dw1.d.next = (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(32)) << 24)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(40)) << 16)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(48)) << 8)
                    | bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(56));
                if self.tvalid.val() && !self.tlast.val() {
                    self.state.d.next = DecodeState::Header;
                }
            }
            DecodeState::Header => {
                self.tready.next = true;
                self.dw2.d.next = (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(0)) << 24)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(8)) << 16)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(16)) << 8)
                    | bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(24));
                self.data.d.next = self.tdata.val().get_bits::<32>(32);
                self.dw3.d.next = (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(32)) << 24)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(40)) << 16)
                    | (bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(48)) << 8)
                    | bit_cast::<32, 8>(self.tdata.val().get_bits::<8>(56));
                if self.tvalid.val() {
                    self.ended.d.next = self.tlast.val();
                    self.state.d.next = DecodeState::Look;
                }
            }
            DecodeState::Look => {
                self.upper.d.next = false;
                self.first.d.next = true;
                self.held.d.next = !self.four.val();
                self.left.d.next = self.count.val();
                self.at.d.next = self.low_address.val().get_bits::<12>(2);
                self.is_write.d.next = false;
                self.is_completion.d.next = false;
                self.is_request.d.next = true;
                self.what.d.next = 0.into();
                if self.ty.val() == 0 {
                    // Memory.
                    if self.with_data.val() {
                        self.is_request.d.next = false;
                        self.is_write.d.next = self.hit.val() && !self.poison.val();
                        self.unsupported_posted.next = !self.hit.val();
                        self.poisoned.next = self.hit.val() && self.poison.val();
                    } else if self.hit.val() {
                        self.what.d.next = 3.into();
                    } else {
                        self.what.d.next = 4.into();
                    }
                } else if self.ty.val() == 4 {
                    // Configuration, type 0. There is one function. Poisoned: PCIe 2.7.2.2.
                    self.at.d.next = bit_cast::<12, 10>(self.dw2.q.val().get_bits::<10>(2));
                    if (self.dw2.q.val().get_bits::<3>(16) == 0) && !self.poison.val() {
                        self.what.d.next = 1.into();
                        if self.with_data.val() {
                            self.what.d.next = 2.into();
                        }
                    }
                    self.poisoned.next = self.poison.val();
                } else if self.ty.val() == 14 {
                    self.what.d.next = 6.into();
                } else if self.ty.val().get_bits::<4>(1) == 6 {
                    self.what.d.next = 5.into();
                } else if self.ty.val() == 11 {
                    // A locked completion: nobody asked for it.
                    self.is_request.d.next = false;
                } else if self.ty.val() == 10 {
                    self.is_request.d.next = false;
                    self.is_completion.d.next = true;
                    self.poisoned.next = self.poison.val();
                } else if self.ty.val().get_bits::<2>(3) == 2 {
                    // Messages. All that are known to need no answer pass, but PME_Turn_Off.
                    self.is_request.d.next = false;
                    self.turn_off.next = self.dw1.q.val().get_bits::<8>(0) == 25;
                }
                if self.with_data.val() && !(self.ended.q.val() && self.four.val()) {
                    self.state.d.next = DecodeState::Data;
                } else if self.with_data.val() {
                    self.state.d.next = DecodeState::Idle;
                } else {
                    self.state.d.next = DecodeState::Done;
                }
            }
            DecodeState::Data => {
                // A beat is taken with its upper half, or with the last dword.
                self.tready.next = !self.held.q.val() && (self.upper.q.val() || self.final_word.val());
                if self.word_valid.val() {
                    self.held.d.next = false;
                    self.first.d.next = false;
                    self.at.d.next = self.at.q.val() + 1;
                    self.left.d.next = self.left.q.val() - 1;
                    self.data.d.next = self.word.val();
                    self.upper.d.next = !self.upper.q.val() && !self.held.q.val();
                    if self.tready.val() {
                        self.ended.d.next = self.tlast.val();
                    }
                    if self.final_word.val() {
                        self.state.d.next = DecodeState::Done;
                    } else if (self.held.q.val() && self.ended.q.val()) || (self.tready.val() && self.tlast.val()) {
                        self.state.d.next = DecodeState::Idle;
                    }
                }
            }
            DecodeState::Done => {
                self.whole.next = true;
                self.state.d.next = DecodeState::Skip;
                if self.ended.q.val() {
                    self.state.d.next = DecodeState::Idle;
                }
            }
            DecodeState::Skip => {
                self.tready.next = true;
                if self.tvalid.val() && self.tlast.val() {
                    self.state.d.next = DecodeState::Idle;
                }
            }
        }
        self.completed.next = self.whole.val() && self.is_completion.q.val();
        self.requested.next = self.whole.val() && self.is_request.q.val();
        self.write.next = self.is_write.q.val();
        self.completion.next = self.is_completion.q.val();
        self.kind.next = self.what.q.val();
        self.value.next = self.data.q.val();
        self.address.next = self.at.q.val();
        if self.what.q.val() == 2 {
            self.address.next = self.at.q.val() - 1;
        }
        self.own_id.next = self.dw2.q.val().get_bits::<13>(19);

        // Bits 8 and 9 of the tag, and the attributes, are spread over the first dword.
        self.requester.next = self.dw1.q.val().get_bits::<16>(16);
        self.tag.next = bit_cast::<10, 8>(self.dw1.q.val().get_bits::<8>(8))
            | (bit_cast::<10, 1>(self.dw0.q.val().get_bits::<1>(19)) << 8)
            | (bit_cast::<10, 1>(self.dw0.q.val().get_bits::<1>(23)) << 9);
        if self.is_completion.q.val() {
            self.requester.next = self.dw2.q.val().get_bits::<16>(16);
            self.tag.next = bit_cast::<10, 8>(self.dw2.q.val().get_bits::<8>(8))
                | (bit_cast::<10, 1>(self.dw0.q.val().get_bits::<1>(19)) << 8)
                | (bit_cast::<10, 1>(self.dw0.q.val().get_bits::<1>(23)) << 9);
        }
        self.traffic.next = self.dw0.q.val().get_bits::<3>(20);
        self.attributes.next = bit_cast::<3, 2>(self.dw0.q.val().get_bits::<2>(12))
            | (bit_cast::<3, 1>(self.dw0.q.val().get_bits::<1>(18)) << 2);
        self.length.next = self.count.val();
        self.first_enables.next = self.dw1.q.val().get_bits::<4>(0);
        self.last_enables.next = self.dw1.q.val().get_bits::<4>(4);
        self.status.next = self.dw1.q.val().get_bits::<3>(13);
        if self.poison.val() || (!self.with_data.val() && (self.dw1.q.val().get_bits::<3>(13) == 0)) {
            self.status.next = 4.into();
        }
        self.byte_count.next = self.dw1.q.val().get_bits::<12>(0);
        self.lower_address.next = self.dw2.q.val().get_bits::<7>(0);
        if self.reset.val() {
            self.state.d.next = DecodeState::Idle;
        }
    }
}
