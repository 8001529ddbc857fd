//! The endpoint's DMA engine.

use peb_hdl::prelude::*;

/// Moves bytes between host memory and the endpoint's memory: cuts a transfer into requests that end at multiples of
/// Max_Payload_Size or Max_Read_Request_Size, so that none crosses 4 KiB (PCIe 2.2.7).
///
/// - Latency: 3 clocks from `start` to the first header. Throughput: a dword a clock, 2 clocks more a request.
/// - Addresses and lengths are of bytes. Addresses beyond 4 GiB go out in headers of four dwords, others in three (PCIe 2.2.4.1).
/// - Registered: what is left of the transfer, and the request. Reset: there is no transfer.
/// - Bad input: a transfer beyond the end of memory ends at once with `failed`; a failed read ends it when no other is under way.
/// - Waits for Bus Master Enable, the stream, and eight reads under way.
#[derive(Module, Default)]
pub struct Dma {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// The transfer, see [`super::Registers`]; one clock: it begins.
    pub start: Signal<In, Bit>,
    pub to_host: Signal<In, Bit>,
    pub host: Signal<In, U<64>>,
    pub local: Signal<In, U<13>>,
    pub length: Signal<In, U<14>>,
    /// One clock: it has ended; `failed` with it.
    pub done: Signal<Out, Bit>,
    pub failed: Signal<Out, Bit>,
    pub master: Signal<In, Bit>,
    /// Max_Payload_Size and Max_Read_Request_Size, 128 bytes << this.
    pub payload: Signal<In, U<2>>,
    pub request: Signal<In, U<2>>,
    /// Requester ID.
    pub id: Signal<In, U<16>>,
    /// Reads under way, see [`super::DmaReads`].
    pub issue_ready: Signal<In, Bit>,
    pub issue_tag: Signal<In, U<3>>,
    pub issue: Signal<Out, Bit>,
    pub issue_local: Signal<Out, U<13>>,
    pub issue_bytes: Signal<Out, U<10>>,
    pub reads_idle: Signal<In, Bit>,
    pub read_failed: Signal<In, Bit>,
    /// Memory, byte address, data one clock later; `reading`: they are the dword that is offered.
    pub read_address: Signal<Out, U<13>>,
    /// The row of memory behind it.
    pub read_next_row: Signal<Out, U<11>>,
    pub reading: Signal<Out, Bit>,
    /// The TLP, see [`super::Egress`].
    pub tlp: Signal<Out, Bit>,
    pub non_posted: Signal<Out, Bit>,
    pub dword: Signal<Out, U<32>>,
    pub valid: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    pub ready: Signal<In, Bit>,
    state: Reg<DmaState>,
    low: Reg<U<32>>,
    high: Reg<U<32>>,
    carry: Reg<Bit>,
    place: Reg<U<13>>,
    left: Reg<U<14>>,
    bad: Reg<Bit>,
    piece: Reg<U<10>>,
    tag: Reg<U<3>>,
    dwords: Reg<U<8>>,
    first: Reg<U<4>>,
    ends: Reg<U<4>>,
    /// Address of the dword that is offered, and of the one behind it.
    at: Reg<U<13>>,
    behind: Reg<U<13>>,
    /// The row of memory behind that one.
    beyond: Reg<U<11>>,
    next_at: Signal<Local, U<13>>,
    size: Signal<Local, U<2>>,
    boundary: Signal<Local, U<10>>,
    lead: Signal<Local, U<2>>,
    sum: Signal<Local, U<11>>,
    count: Signal<Local, U<11>>,
    starts: Signal<Local, U<4>>,
    tail: Signal<Local, U<4>>,
    four: Signal<Local, Bit>,
    total: Signal<Local, U<15>>,
    moved: Signal<Local, U<33>>,
    _activity: Activity,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum DmaState {
    Idle,
    /// How long the next request is.
    Size,
    /// Its header is made; a read waits for a tag.
    Make,
    First,
    Second,
    Third,
    Fourth,
    Data,
    /// Waits for the completions.
    Drain,
}

impl Logic for Dma {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, low, high, carry, place, left, bad, piece, tag, dwords, first, ends, at, behind);
        dff_setup!(self, clock, beyond);
        self.done.next = false;
        self.failed.next = self.bad.q.val();
        self.issue.next = false;
        self.issue_local.next = self.place.q.val();
        self.issue_bytes.next = self.piece.q.val();
        self.tlp.next = false;
        self.non_posted.next = !self.to_host.val();
        self.valid.next = false;
        self.last.next = false;
        self.dword.next = 0.into();
        self.reading.next = false;
        self.next_at.next = self.at.q.val();
        self.read_next_row.next = self.behind.q.val().get_bits::<11>(2);
        self.four.next = self.high.q.val().any();
        if self.read_failed.val() {
            self.bad.d.next = true;
        }

        // Bytes up to the next multiple of the size.
        self.size.next = self.request.val();
        if self.to_host.val() {
            self.size.next = self.payload.val();
        }
        self.boundary.next = 128 - bit_cast::<10, 7>(self.low.q.val().get_bits::<7>(0));
        if self.size.val() == 1 {
            self.boundary.next = 256 - bit_cast::<10, 8>(self.low.q.val().get_bits::<8>(0));
        } else if self.size.val() == 2 {
            self.boundary.next = 512 - bit_cast::<10, 9>(self.low.q.val().get_bits::<9>(0));
        }
        // Dwords and byte enables of the request.
        self.lead.next = self.low.q.val().get_bits::<2>(0);
        self.sum.next = bit_cast::<11, 10>(self.piece.q.val()) + bit_cast::<11, 2>(self.lead.val());
        self.count.next = self.sum.val() + 3;
        self.starts.next = bits::<4>(15) << self.lead.val();
        self.tail.next = 15.into();
        if self.sum.val().get_bits::<2>(0) == 1 {
            self.tail.next = 1.into();
        } else if self.sum.val().get_bits::<2>(0) == 2 {
            self.tail.next = 3.into();
        } else if self.sum.val().get_bits::<2>(0) == 3 {
            self.tail.next = 7.into();
        }
        self.total.next = bit_cast::<15, 14>(self.length.val()) + bit_cast::<15, 13>(self.local.val());
        self.moved.next = bit_cast::<33, 32>(self.low.q.val()) + bit_cast::<33, 10>(self.piece.q.val());

        match self.state.q.val() {
            DmaState::Idle => {
                self.bad.d.next = false;
                self.carry.d.next = false;
                self.low.d.next = self.host.val().get_bits::<32>(0);
                self.high.d.next = self.host.val().get_bits::<32>(32);
                self.place.d.next = self.local.val();
                self.left.d.next = self.length.val();
                if self.start.val() {
                    self.state.d.next = DmaState::Size;
                    if self.total.val() > 8192 {
                        self.bad.d.next = true;
                        self.state.d.next = DmaState::Drain;
                    }
                }
            }
            DmaState::Size => {
                if self.carry.q.val() {
                    self.high.d.next = self.high.q.val() + 1;
                }
                self.carry.d.next = false;
                self.piece.d.next = self.boundary.val();
                if self.left.q.val() < bit_cast::<14, 10>(self.boundary.val()) {
                    self.piece.d.next = self.left.q.val().get_bits::<10>(0);
                }
                if (self.left.q.val() == 0) || self.bad.q.val() {
                    self.state.d.next = DmaState::Drain;
                } else if self.master.val() {
                    self.state.d.next = DmaState::Make;
                }
            }
            DmaState::Make => {
                self.tag.d.next = 0.into();
                self.dwords.d.next = self.count.val().get_bits::<8>(2);
                self.first.d.next = self.starts.val();
                self.ends.d.next = self.tail.val();
                if self.count.val().get_bits::<9>(2) == 1 {
                    self.first.d.next = self.starts.val() & self.tail.val();
                    self.ends.d.next = 0.into();
                }
                self.at.d.next = self.place.q.val() - bit_cast::<13, 2>(self.lead.val());
                if self.to_host.val() {
                    self.state.d.next = DmaState::First;
                } else if self.issue_ready.val() {
                    self.issue.next = true;
                    self.tag.d.next = self.issue_tag.val();
                    self.state.d.next = DmaState::First;
                }
            }
            DmaState::First => {
                self.tlp.next = true;
                self.valid.next = true;
                self.dword.next = bit_cast::<32, 8>(self.dwords.q.val()) << 24;
                if self.four.val() {
                    self.dword.next = self.dword.val().replace_bit(5, true);
                }
                if self.to_host.val() {
                    self.dword.next = self.dword.val().replace_bit(6, true);
                }
                if self.ready.val() {
                    self.state.d.next = DmaState::Second;
                }
            }
            DmaState::Second => {
                self.valid.next = true;
                self.dword.next = bit_cast::<32, 8>(self.id.val().get_bits::<8>(8))
                    | (bit_cast::<32, 8>(self.id.val().get_bits::<8>(0)) << 8)
                    | (bit_cast::<32, 3>(self.tag.q.val()) << 16)
                    | (bit_cast::<32, 4>(self.first.q.val()) << 24)
                    | (bit_cast::<32, 4>(self.ends.q.val()) << 28);
                if self.ready.val() {
                    self.state.d.next = DmaState::Fourth;
                    if self.four.val() {
                        self.state.d.next = DmaState::Third;
                    }
                }
            }
            DmaState::Third => {
                self.valid.next = true;
                self.dword.next = (bit_cast::<32, 8>(self.high.q.val().get_bits::<8>(0)) << 24)
                    | (bit_cast::<32, 8>(self.high.q.val().get_bits::<8>(8)) << 16)
                    | (bit_cast::<32, 8>(self.high.q.val().get_bits::<8>(16)) << 8)
                    | bit_cast::<32, 8>(self.high.q.val().get_bits::<8>(24));
                if self.ready.val() {
                    self.state.d.next = DmaState::Fourth;
                }
            }
            DmaState::Fourth => {
                self.valid.next = true;
                self.last.next = !self.to_host.val();
                self.dword.next = (bit_cast::<32, 6>(self.low.q.val().get_bits::<6>(2)) << 26)
                    | (bit_cast::<32, 8>(self.low.q.val().get_bits::<8>(8)) << 16)
                    | (bit_cast::<32, 8>(self.low.q.val().get_bits::<8>(16)) << 8)
                    | bit_cast::<32, 8>(self.low.q.val().get_bits::<8>(24));
                if self.ready.val() {
                    self.low.d.next = self.moved.val().get_bits::<32>(0);
                    self.carry.d.next = self.moved.val().get_bit(32);
                    self.place.d.next = self.place.q.val() + bit_cast::<13, 10>(self.piece.q.val());
                    self.left.d.next = self.left.q.val() - bit_cast::<14, 10>(self.piece.q.val());
                    self.state.d.next = DmaState::Size;
                    if self.to_host.val() {
                        self.state.d.next = DmaState::Data;
                    }
                }
            }
            DmaState::Data => {
                self.valid.next = true;
                self.reading.next = true;
                self.last.next = self.dwords.q.val() == 1;
                if self.ready.val() {
                    self.next_at.next = self.behind.q.val();
                    self.read_next_row.next = self.beyond.q.val();
                    self.at.d.next = self.behind.q.val();
                    self.dwords.d.next = self.dwords.q.val() - 1;
                    if self.dwords.q.val() == 1 {
                        self.state.d.next = DmaState::Size;
                    }
                }
            }
            DmaState::Drain => {
                if self.reads_idle.val() && !self.read_failed.val() {
                    self.done.next = true;
                    self.state.d.next = DmaState::Idle;
                }
            }
        }
        self.behind.d.next = self.next_at.val() + 4;
        self.beyond.d.next = self.next_at.val().get_bits::<11>(2) + 2;
        self.read_address.next = self.next_at.val();
        if self.reset.val() {
            self.state.d.next = DmaState::Idle;
        }
    }
}
