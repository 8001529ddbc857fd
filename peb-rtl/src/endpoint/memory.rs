//! The endpoint's memory.

use peb_hdl::prelude::*;

/// 8 KiB, written and read four bytes at a time at any byte address; addresses wrap at the end.
///
/// - Latency: read data one clock after the address; a write can be read by an address two clocks after it. Throughput: a write
///   and a read a clock.
/// - Byte k of a dword is at `address + k`, bits 8k+7..8k.
/// - Four block RAMs, one for each address modulo 4, so that no address is unaligned.
/// - Registered: the write, which is rotated a clock after it came, and the lane of the last read. Nothing is reset.
/// - Reading what came to be written one clock before gives undefined bytes.
#[derive(Module, Default)]
pub struct Memory {
    pub clock: Signal<In, Clk>,
    /// Byte address.
    pub write_address: Signal<In, U<13>>,
    pub write_data: Signal<In, U<32>>,
    /// A bit a byte.
    pub write_enables: Signal<In, U<4>>,
    pub read_address: Signal<In, U<13>>,
    /// The row behind that of `read_address`, its bits 12:2 and 1; of no account if bits 1:0 are 0.
    pub read_next_row: Signal<In, U<11>>,
    pub read_data: Signal<Out, U<32>>,
    lanes: [Ram<U<8>, 11>; 4],
    place: Reg<U<13>>,
    data: Reg<U<32>>,
    enabled: Reg<U<4>>,
    lane: Reg<U<2>>,
    write_lane: Signal<Local, U<2>>,
    write_bits: Signal<Local, U<5>>,
    rotated: Signal<Local, U<32>>,
    doubled: Signal<Local, U<64>>,
    enables: Signal<Local, U<4>>,
    double_enables: Signal<Local, U<8>>,
    write_row: Signal<Local, U<11>>,
    read_lane: Signal<Local, U<2>>,
    write_past: Signal<Local, U<4>>,
    read_past: Signal<Local, U<4>>,
    read_row: Signal<Local, U<11>>,
    read_bits: Signal<Local, U<5>>,
    all: Signal<Local, U<64>>,
    shifted: Signal<Local, U<64>>,
    _activity: Activity,
}

impl Logic for Memory {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, place, data, enabled, lane);
        self.place.d.next = self.write_address.val();
        self.data.d.next = self.write_data.val();
        self.enabled.d.next = self.write_enables.val();
        // Left by the lane of the first byte, what falls out comes in at the bottom.
        self.write_lane.next = self.place.q.val().get_bits::<2>(0);
        self.write_row.next = self.place.q.val().get_bits::<11>(2);
        self.write_bits.next = bit_cast::<5, 2>(self.write_lane.val()) << 3;
        self.doubled.next = bit_cast::<64, 32>(self.data.q.val()) << self.write_bits.val();
        self.rotated.next = self.doubled.val().get_bits::<32>(0) | self.doubled.val().get_bits::<32>(32);
        self.double_enables.next = bit_cast::<8, 4>(self.enabled.q.val()) << self.write_lane.val();
        self.enables.next = self.double_enables.val().get_bits::<4>(0) | self.double_enables.val().get_bits::<4>(4);
        self.read_lane.next = self.read_address.val().get_bits::<2>(0);
        self.read_row.next = self.read_address.val().get_bits::<11>(2);
        self.lane.d.next = self.read_lane.val();
        // Lanes below that of the first byte have theirs in the next row.
        self.write_past.next = (bits::<4>(1) << self.write_lane.val()) - 1;
        self.read_past.next = (bits::<4>(1) << self.read_lane.val()) - 1;
        for i in 0..4 {
            self.lanes[i].clock.next = self.clock.val();
            self.lanes[i].write_enable.next = self.enables.val().get_bit(i);
            self.lanes[i].write_address.next = self.write_row.val();
            if self.write_past.val().get_bit(i) {
                self.lanes[i].write_address.next = self.write_row.val() + 1;
            }
            self.lanes[i].read_address.next = self.read_row.val();
            if self.read_past.val().get_bit(i) {
                self.lanes[i].read_address.next = self.read_next_row.val();
            }
        }
        self.lanes[0].write_data.next = self.rotated.val().get_bits::<8>(0);
        self.lanes[1].write_data.next = self.rotated.val().get_bits::<8>(8);
        self.lanes[2].write_data.next = self.rotated.val().get_bits::<8>(16);
        self.lanes[3].write_data.next = self.rotated.val().get_bits::<8>(24);
        // Right by the lane of the first byte.
        self.all.next = bit_cast::<64, 8>(self.lanes[0].read_data.val())
            | (bit_cast::<64, 8>(self.lanes[1].read_data.val()) << 8)
            | (bit_cast::<64, 8>(self.lanes[2].read_data.val()) << 16)
            | (bit_cast::<64, 8>(self.lanes[3].read_data.val()) << 24);
        self.read_bits.next = bit_cast::<5, 2>(self.lane.q.val()) << 3;
        self.shifted.next = (self.all.val() | (self.all.val() << 32)) >> self.read_bits.val();
        self.read_data.next = self.shifted.val().get_bits::<32>(0);
    }
}
