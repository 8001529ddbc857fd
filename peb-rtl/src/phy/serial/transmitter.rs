//! Characters onto a serial line.

use peb_hdl::prelude::*;

/// Sends characters of 8 bits without parity, least significant bit first, one stop bit.
///
/// - Taken when `valid` and `ready`; the start bit begins one clock later. Registered: the line, but for an inverter.
/// - `bit_clocks`: clocks of a bit, 2 or more, constant. A character takes ten of them.
/// - Reset: the line is 1; a character under way is cut.
#[derive(Module, Default)]
pub struct Transmitter {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub bit_clocks: Signal<In, U<16>>,
    pub data: Signal<In, U<8>>,
    pub valid: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    pub line: Signal<Out, Bit>,
    count: Reg<U<16>>,
    /// Bits to come, stop bit included.
    left: Reg<U<4>>,
    shift: Reg<U<8>>,
    low: Reg<Bit>,
    _activity: Activity,
}

impl Logic for Transmitter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count, left, shift, low);
        self.line.next = !self.low.q.val();
        self.ready.next = !self.left.q.val().any() && (self.count.q.val() == 1);
        if self.count.q.val() != 1 {
            self.count.d.next = self.count.q.val() - 1;
        } else if self.left.q.val().any() {
            self.count.d.next = self.bit_clocks.val();
            self.left.d.next = self.left.q.val() - 1;
            // After eight shifts the stop bit, a 1, is lowest.
            self.low.d.next = !self.shift.q.val().get_bit(0);
            self.shift.d.next = (self.shift.q.val() >> 1) | 128;
        } else if self.valid.val() {
            self.count.d.next = self.bit_clocks.val();
            self.left.d.next = 9.into();
            self.low.d.next = true;
            self.shift.d.next = self.data.val();
        }
        if self.reset.val() {
            self.count.d.next = 1.into();
            self.left.d.next = 0.into();
            self.low.d.next = false;
        }
    }
}
