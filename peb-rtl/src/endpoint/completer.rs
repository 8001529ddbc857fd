//! Answers to requests.

use peb_hdl::prelude::*;

/// Keeps requests that want a completion, sixteen of them, and answers one after the other (PCIe 2.3.1): from configuration
/// space, from BAR 0, or with Unsupported Request.
///
/// - Latency: 5 clocks from `requested` to the header, then what BAR 0 takes. Throughput: a dword a clock, 5 clocks more a TLP.
/// - Data go in completions that end at multiples of Max_Payload_Size, thus of the read completion boundary (128 bytes).
/// - Registered: requests and state; the dwords offered follow from them and from `read_data`.
/// - Reset: forgets all requests.
/// - `np_ok` falls while half of the places are taken; what comes all the same finds the rest.
/// - Waits for `ready` alone.
#[derive(Module, Default)]
pub struct Completer {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// A request, as [`super::Decode`] has it.
    pub requested: Signal<In, Bit>,
    pub kind: Signal<In, U<3>>,
    pub requester: Signal<In, U<16>>,
    pub tag: Signal<In, U<10>>,
    pub traffic: Signal<In, U<3>>,
    pub attributes: Signal<In, U<3>>,
    pub length: Signal<In, U<10>>,
    pub first_enables: Signal<In, U<4>>,
    pub last_enables: Signal<In, U<4>>,
    pub address: Signal<In, U<12>>,
    pub value: Signal<In, U<32>>,
    /// Room for eight more requests.
    pub np_ok: Signal<Out, Bit>,
    /// Completer ID.
    pub id: Signal<In, U<16>>,
    /// Max_Payload_Size, 128 bytes << this.
    pub payload: Signal<In, U<2>>,
    /// One clock: a request was refused.
    pub unsupported: Signal<Out, Bit>,
    /// Configuration space: data one clock after the address, which stands a clock before `config_write`.
    pub config_address: Signal<Out, U<10>>,
    pub config_data: Signal<In, U<32>>,
    pub config_write: Signal<Out, Bit>,
    pub config_value: Signal<Out, U<32>>,
    pub config_enables: Signal<Out, U<4>>,
    /// BAR 0, dword address, data one clock later; `reading`: they are the dword that is offered.
    pub read_address: Signal<Out, U<12>>,
    pub read_data: Signal<In, U<32>>,
    pub reading: Signal<Out, Bit>,
    /// The TLP, see [`super::Egress`].
    pub start: Signal<Out, Bit>,
    pub dword: Signal<Out, U<32>>,
    pub valid: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    pub ready: Signal<In, Bit>,

    queue: LutRam<W<100>, 4>,
    head: Reg<U<4>>,
    tail: Reg<U<4>>,
    level: Reg<U<5>>,
    room: Reg<Bit>,
    row: Reg<W<100>>,
    state: Reg<CompleterState>,
    /// The dword that is offered, and the one behind it.
    at: Reg<U<12>>,
    behind: Reg<U<12>>,
    /// Dwords of the request, of this completion.
    left: Reg<U<11>>,
    here: Reg<U<8>>,
    /// Bytes of the request; bytes that the first dword is without.
    count: Reg<U<13>>,
    lead: Reg<U<2>>,
    trail: Signal<Local, U<2>>,
    skip: Signal<Local, U<2>>,
    what: Signal<Local, U<3>>,
    who: Signal<Local, U<16>>,
    its_tag: Signal<Local, U<10>>,
    class: Signal<Local, U<3>>,
    order: Signal<Local, U<3>>,
    dwords: Signal<Local, U<10>>,
    enables: Signal<Local, U<4>>,
    ends: Signal<Local, U<4>>,
    place: Signal<Local, U<12>>,
    has_data: Signal<Local, Bit>,
    refuse: Signal<Local, Bit>,
    to_boundary: Signal<Local, U<8>>,
    chunk: Signal<Local, U<8>>,
    next_at: Signal<Local, U<12>>,
    low: Signal<Local, U<7>>,
    push: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    _activity: Activity,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum CompleterState {
    /// Waits for a request.
    Idle,
    /// The request is there.
    Look,
    /// Configuration space is read, or written.
    Config,
    /// How long the next completion is.
    Size,
    /// Header.
    First,
    Second,
    Third,
    /// Data.
    Data,
}

impl Logic for Completer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, head, tail, level, room, row, state, at, behind, left, here, count, lead);
        clock!(self, clock, queue);
        // In.
        self.push.next = self.requested.val() && !self.level.q.val().get_bit(4);
        self.queue.write_enable.next = self.push.val();
        self.queue.write_address.next = self.tail.q.val();
        self.queue.write_data.next = bit_cast_wide::<100, 3>(self.kind.val())
            | (bit_cast_wide::<100, 16>(self.requester.val()) << 3)
            | (bit_cast_wide::<100, 10>(self.tag.val()) << 19)
            | (bit_cast_wide::<100, 3>(self.traffic.val()) << 29)
            | (bit_cast_wide::<100, 3>(self.attributes.val()) << 32)
            | (bit_cast_wide::<100, 10>(self.length.val()) << 35)
            | (bit_cast_wide::<100, 4>(self.first_enables.val()) << 45)
            | (bit_cast_wide::<100, 4>(self.last_enables.val()) << 49)
            | (bit_cast_wide::<100, 12>(self.address.val()) << 53)
            | (bit_cast_wide::<100, 32>(self.value.val()) << 65);
        if self.push.val() {
            self.tail.d.next = self.tail.q.val() + 1;
        }
        self.room.d.next = self.level.q.val() < 8;
        self.np_ok.next = self.room.q.val();

        // The request in work.
        self.what.next = bit_cast_narrow::<3, 100>(self.row.q.val());
        self.who.next = bit_cast_narrow::<16, 100>(self.row.q.val() >> 3);
        self.its_tag.next = bit_cast_narrow::<10, 100>(self.row.q.val() >> 19);
        self.class.next = bit_cast_narrow::<3, 100>(self.row.q.val() >> 29);
        self.order.next = bit_cast_narrow::<3, 100>(self.row.q.val() >> 32);
        self.dwords.next = bit_cast_narrow::<10, 100>(self.row.q.val() >> 35);
        self.enables.next = bit_cast_narrow::<4, 100>(self.row.q.val() >> 45);
        self.ends.next = bit_cast_narrow::<4, 100>(self.row.q.val() >> 49);
        self.place.next = bit_cast_narrow::<12, 100>(self.row.q.val() >> 53);
        self.config_address.next = self.place.val().get_bits::<10>(0);
        self.config_value.next = bit_cast_narrow::<32, 100>(self.row.q.val() >> 65);
        self.config_enables.next = self.enables.val();
        self.config_write.next = false;
        self.unsupported.next = false;
        self.refuse.next = (self.what.val() == 0) || (self.what.val() > 3);
        self.has_data.next = (self.what.val() == 1) || (self.what.val() == 3);
        // Bytes before the first and behind the last that is asked for (PCIe 2.3.1.1).
        self.skip.next = 0.into();
        if !self.enables.val().get_bit(0) {
            if self.enables.val().get_bit(1) {
                self.skip.next = 1.into();
            } else if self.enables.val().get_bit(2) {
                self.skip.next = 2.into();
            } else if self.enables.val().get_bit(3) {
                self.skip.next = 3.into();
            }
        }
        if self.dwords.val() == 1 {
            self.ends.next = self.enables.val();
        }
        self.trail.next = 3.into();
        if self.ends.val().get_bit(3) {
            self.trail.next = 0.into();
        } else if self.ends.val().get_bit(2) {
            self.trail.next = 1.into();
        } else if self.ends.val().get_bit(1) {
            self.trail.next = 2.into();
        }
        // Dwords up to the next multiple of Max_Payload_Size.
        self.to_boundary.next = 32 - bit_cast::<8, 5>(self.at.q.val().get_bits::<5>(0));
        if self.payload.val() == 1 {
            self.to_boundary.next = 64 - bit_cast::<8, 6>(self.at.q.val().get_bits::<6>(0));
        } else if self.payload.val() == 2 {
            self.to_boundary.next = 128 - bit_cast::<8, 7>(self.at.q.val().get_bits::<7>(0));
        }
        self.chunk.next = self.to_boundary.val();
        if self.left.q.val() < bit_cast::<11, 8>(self.to_boundary.val()) {
            self.chunk.next = self.left.q.val().get_bits::<8>(0);
        }

        self.start.next = false;
        self.valid.next = false;
        self.last.next = false;
        self.dword.next = 0.into();
        self.reading.next = false;
        self.next_at.next = self.at.q.val();
        self.read_address.next = self.at.q.val();
        self.pop.next = false;
        self.low.next = (bit_cast::<7, 12>(self.at.q.val()) << 2) | bit_cast::<7, 2>(self.lead.q.val());
        self.queue.read_address.next = self.head.q.val();
        match self.state.q.val() {
            CompleterState::Idle => {
                self.row.d.next = self.queue.read_data.val();
                if self.level.q.val().any() {
                    self.pop.next = true;
                    self.head.d.next = self.head.q.val() + 1;
                    self.state.d.next = CompleterState::Look;
                }
            }
            CompleterState::Look => {
                self.next_at.next = self.place.val();
                self.left.d.next = bit_cast::<11, 10>(self.dwords.val());
                if self.dwords.val() == 0 {
                    self.left.d.next = 1024.into();
                }
                self.lead.d.next = 0.into();
                self.count.d.next = 4.into();
                self.unsupported.next = self.refuse.val();
                self.state.d.next = CompleterState::Config;
            }
            CompleterState::Config => {
                self.config_write.next = self.what.val() == 2;
                if (self.what.val() == 3) || (self.what.val() == 4) {
                    self.lead.d.next = self.skip.val();
                    self.count.d.next = (bit_cast::<13, 11>(self.left.q.val()) << 2)
                        - bit_cast::<13, 2>(self.skip.val())
                        - bit_cast::<13, 2>(self.trail.val());
                } else {
                    // No place in memory stands in the completion.
                    if self.what.val() == 5 {
                        self.count.d.next = bit_cast::<13, 11>(self.left.q.val()) << 2;
                    } else if self.what.val() == 6 {
                        self.count.d.next = bit_cast::<13, 11>(self.left.q.val()) << 1;
                    }
                    self.next_at.next = 0.into();
                    self.left.d.next = 1.into();
                }
                self.state.d.next = CompleterState::Size;
            }
            CompleterState::Size => {
                self.here.d.next = self.chunk.val();
                self.state.d.next = CompleterState::First;
            }
            CompleterState::First => {
                self.start.next = true;
                self.valid.next = true;
                // Format and type, TC and attributes, length.
                self.dword.next = 10
                    | (bit_cast::<32, 3>(self.class.val()) << 12)
                    | (bit_cast::<32, 1>(self.its_tag.val().get_bits::<1>(9)) << 15)
                    | (bit_cast::<32, 1>(self.its_tag.val().get_bits::<1>(8)) << 11)
                    | (bit_cast::<32, 1>(self.order.val().get_bits::<1>(2)) << 10)
                    | (bit_cast::<32, 2>(self.order.val().get_bits::<2>(0)) << 20);
                if self.has_data.val() {
                    self.dword.next = self.dword.val() | 64 | (bit_cast::<32, 8>(self.here.q.val()) << 24);
                }
                if self.ready.val() {
                    self.state.d.next = CompleterState::Second;
                }
            }
            CompleterState::Second => {
                self.valid.next = true;
                // Completer, status, bytes that are left with those of this completion.
                self.dword.next = bit_cast::<32, 8>(self.id.val().get_bits::<8>(8))
                    | (bit_cast::<32, 8>(self.id.val().get_bits::<8>(0)) << 8)
                    | (bit_cast::<32, 4>(self.count.q.val().get_bits::<4>(8)) << 16)
                    | (bit_cast::<32, 8>(self.count.q.val().get_bits::<8>(0)) << 24);
                if self.refuse.val() {
                    self.dword.next = self.dword.val() | 2097152;
                }
                if self.ready.val() {
                    self.state.d.next = CompleterState::Third;
                }
            }
            CompleterState::Third => {
                self.valid.next = true;
                self.last.next = !self.has_data.val();
                self.dword.next = bit_cast::<32, 8>(self.who.val().get_bits::<8>(8))
                    | (bit_cast::<32, 8>(self.who.val().get_bits::<8>(0)) << 8)
                    | (bit_cast::<32, 8>(self.its_tag.val().get_bits::<8>(0)) << 16)
                    | (bit_cast::<32, 7>(self.low.val()) << 24);
                if self.ready.val() {
                    self.count.d.next = self.count.q.val() + bit_cast::<13, 2>(self.lead.q.val())
                        - (bit_cast::<13, 8>(self.here.q.val()) << 2);
                    self.lead.d.next = 0.into();
                    self.state.d.next = CompleterState::Data;
                    if !self.has_data.val() {
                        self.state.d.next = CompleterState::Idle;
                    }
                }
            }
            CompleterState::Data => {
                self.valid.next = true;
                self.dword.next = self.read_data.val();
                self.reading.next = true;
                if self.what.val() == 1 {
                    self.dword.next = self.config_data.val();
                    self.reading.next = false;
                }
                self.last.next = self.here.q.val() == 1;
                if self.ready.val() {
                    self.next_at.next = self.behind.q.val();
                    self.read_address.next = self.behind.q.val();
                    self.left.d.next = self.left.q.val() - 1;
                    self.here.d.next = self.here.q.val() - 1;
                    if self.left.q.val() == 1 {
                        self.state.d.next = CompleterState::Idle;
                    } else if self.here.q.val() == 1 {
                        self.state.d.next = CompleterState::Size;
                    }
                }
            }
        }
        self.at.d.next = self.next_at.val();
        self.behind.d.next = self.next_at.val() + 1;
        self.level.d.next = self.level.q.val();
        if self.push.val() && !self.pop.val() {
            self.level.d.next = self.level.q.val() + 1;
        } else if self.pop.val() && !self.push.val() {
            self.level.d.next = self.level.q.val() - 1;
        }
        if self.reset.val() {
            self.head.d.next = 0.into();
            self.tail.d.next = 0.into();
            self.level.d.next = 0.into();
            self.room.d.next = false;
            self.state.d.next = CompleterState::Idle;
        }
    }
}
