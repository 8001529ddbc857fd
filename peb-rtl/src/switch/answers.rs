//! Completions made in the switch, as TLPs.

use peb_hdl::prelude::*;

/// Makes TLPs of completion descriptors (PCIe 2.2.9): Cpl, CplD with one dword, or CplLk. 64 of them wait in block RAM.
///
/// - Descriptor: requester id 15:0, tag 25:16, TC 28:26, attributes 31:29 (bit 2 = ID-based ordering), status 34:32, byte count 46:35
///   (0 = 4096), lower address 53:47, completer id 69:54, the dword 102:71 (first byte of the payload in the low bits). Bit 70: has data; with a status other than 0: is of a locked read.
/// - Latency: first beat 3 clocks after the descriptor is taken; throughput: a TLP every 4 clocks.
/// - Registered: all but the two `ready`, which look at the other `valid` (the two take turns). Reset empties it.
/// - `clear` (level or pulse) drops what waits and swallows what comes; the TLP that stands at the output is sent.
/// - Waits for the TLP stream only.
#[derive(Module, Default)]
pub struct Answers {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub clear: Signal<In, Bit>,
    pub a: Signal<In, W<103>>,
    pub a_to: Signal<In, U<4>>,
    pub a_valid: Signal<In, Bit>,
    pub a_ready: Signal<Out, Bit>,
    pub b: Signal<In, W<103>>,
    pub b_to: Signal<In, U<4>>,
    pub b_valid: Signal<In, Bit>,
    pub b_ready: Signal<Out, Bit>,
    /// The TLP, byte k of a beat in bits 8k+7..8k.
    pub data: Signal<Out, U<64>>,
    pub half: Signal<Out, Bit>,
    pub first: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    pub class: Signal<Out, U<2>>,
    pub dwords: Signal<Out, U<10>>,
    pub valid: Signal<Out, Bit>,
    pub ready: Signal<In, Bit>,
    /// Where it goes; as it came with the descriptor.
    pub out_to: Signal<Out, U<4>>,
    /// 8 or more places are free.
    pub room: Signal<Out, Bit>,

    head: Reg<U<6>>,
    tail: Reg<U<6>>,
    level: Reg<U<7>>,
    has_room: Reg<Bit>,
    turn: Reg<Bit>,
    reading: Reg<Bit>,
    here: Reg<Bit>,
    second: Reg<Bit>,
    row: Reg<W<107>>,
    /// Descriptor, above it where it goes.
    queue: Ram<W<107>, 6>,

    free: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    has_data: Signal<Local, Bit>,
    identity: Signal<Local, U<26>>,
    tag: Signal<Local, U<10>>,
    traffic: Signal<Local, U<3>>,
    attributes: Signal<Local, U<3>>,
    status: Signal<Local, U<3>>,
    count: Signal<Local, U<12>>,
    lower: Signal<Local, U<7>>,
    completer: Signal<Local, U<16>>,
    requester: Signal<Local, U<16>>,
    payload: Signal<Local, U<32>>,
    _activity: Activity,
}

impl Logic for Answers {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, head, tail, level, has_room, turn, reading, here, second, row);
        clock!(self, clock, queue);

        // In.
        self.free.next = !self.level.q.val().get_bit(6) || self.clear.val();
        self.a_ready.next = self.free.val() && !(self.turn.q.val() && self.b_valid.val());
        self.b_ready.next = self.free.val() && (self.turn.q.val() || !self.a_valid.val());
        self.take.next = self.free.val() && (self.a_valid.val() || self.b_valid.val()) && !self.clear.val();
        self.queue.write_enable.next = self.take.val();
        self.queue.write_address.next = self.tail.q.val();
        self.queue.write_data.next =
            bit_cast_wide_wide::<107, 103>(self.a.val()) | (bit_cast_wide::<107, 4>(self.a_to.val()) << 103);
        if self.b_valid.val() && (self.turn.q.val() || !self.a_valid.val()) {
            self.queue.write_data.next =
                bit_cast_wide_wide::<107, 103>(self.b.val()) | (bit_cast_wide::<107, 4>(self.b_to.val()) << 103);
            if self.free.val() {
                self.turn.d.next = false;
            }
        } else if self.a_valid.val() && self.free.val() {
            self.turn.d.next = true;
        }
        if self.take.val() {
            self.tail.d.next = self.tail.q.val() + 1;
            self.level.d.next = self.level.q.val() + 1;
        }
        self.has_room.d.next = self.level.q.val() <= 56;
        self.room.next = self.has_room.q.val();

        // The TLP at the output.
        self.requester.next = bit_cast_narrow::<16, 107>(self.row.q.val());
        self.tag.next = bit_cast_narrow::<10, 107>(self.row.q.val() >> 16);
        self.traffic.next = bit_cast_narrow::<3, 107>(self.row.q.val() >> 26);
        self.attributes.next = bit_cast_narrow::<3, 107>(self.row.q.val() >> 29);
        self.status.next = bit_cast_narrow::<3, 107>(self.row.q.val() >> 32);
        self.has_data.next = self.row.q.val().get_bit(70) && !self.status.val().any();
        self.count.next = bit_cast_narrow::<12, 107>(self.row.q.val() >> 35);
        self.lower.next = bit_cast_narrow::<7, 107>(self.row.q.val() >> 47);
        self.completer.next = bit_cast_narrow::<16, 107>(self.row.q.val() >> 54);
        self.payload.next = bit_cast_narrow::<32, 107>(self.row.q.val() >> 71);
        self.out_to.next = bit_cast_narrow::<4, 107>(self.row.q.val() >> 103);
        self.valid.next = self.here.q.val();
        self.first.next = !self.second.q.val();
        self.last.next = self.second.q.val();
        self.half.next = self.second.q.val() && !self.has_data.val();
        self.class.next = 2.into();
        self.dwords.next = 3.into();
        if self.has_data.val() {
            self.dwords.next = 4.into();
        }
        // Bytes 0 to 3: format and type, TC, attributes, length; 4 to 7: completer, status, byte count.
        self.data.next = 10
            | (bit_cast::<64, 1>(self.tag.val().get_bits::<1>(9)) << 15)
            | (bit_cast::<64, 3>(self.traffic.val()) << 12)
            | (bit_cast::<64, 1>(self.tag.val().get_bits::<1>(8)) << 11)
            | (bit_cast::<64, 1>(self.attributes.val().get_bits::<1>(2)) << 10)
            | (bit_cast::<64, 2>(self.attributes.val().get_bits::<2>(0)) << 20)
            | (bit_cast::<64, 8>(self.completer.val().get_bits::<8>(8)) << 32)
            | (bit_cast::<64, 8>(self.completer.val().get_bits::<8>(0)) << 40)
            | (bit_cast::<64, 3>(self.status.val()) << 53)
            | (bit_cast::<64, 4>(self.count.val().get_bits::<4>(8)) << 48)
            | (bit_cast::<64, 8>(self.count.val().get_bits::<8>(0)) << 56);
        if self.has_data.val() {
            self.data.next = self.data.val().replace_bit(6, true).replace_bit(24, true);
        }
        if self.row.q.val().get_bit(70) && self.status.val().any() {
            self.data.next = self.data.val().replace_bit(0, true);
        }
        // Bytes 8 to 11: requester, tag, lower address.
        if self.second.q.val() {
            self.data.next = bit_cast::<64, 8>(self.requester.val().get_bits::<8>(8))
                | (bit_cast::<64, 8>(self.requester.val().get_bits::<8>(0)) << 8)
                | (bit_cast::<64, 8>(self.tag.val().get_bits::<8>(0)) << 16)
                | (bit_cast::<64, 7>(self.lower.val()) << 24)
                | (bit_cast::<64, 32>(self.payload.val()) << 32);
        }
        if self.here.q.val() && self.ready.val() {
            self.second.d.next = !self.second.q.val();
            self.here.d.next = !self.second.q.val();
        }

        // The next one.
        self.queue.read_address.next = self.head.q.val();
        self.reading.d.next = false;
        if self.reading.q.val() {
            self.row.d.next = self.queue.read_data.val();
            self.here.d.next = true;
            self.head.d.next = self.head.q.val() + 1;
            self.level.d.next = self.level.q.val() - 1;
            if self.take.val() {
                self.level.d.next = self.level.q.val();
            }
        } else if self.level.q.val().any() && !self.here.q.val() {
            self.reading.d.next = true;
        }
        if self.clear.val() || self.reset.val() {
            self.head.d.next = self.tail.q.val();
            self.level.d.next = 0.into();
            self.reading.d.next = false;
            if self.reading.q.val() {
                self.here.d.next = false;
            }
        }
        if self.reset.val() {
            self.head.d.next = 0.into();
            self.tail.d.next = 0.into();
            self.turn.d.next = false;
            self.here.d.next = false;
            self.second.d.next = false;
            self.has_room.d.next = false;
        }
    }
}
