//! Characters from a serial line.

use peb_hdl::prelude::*;

/// Takes characters of 8 bits without parity from a line, least significant bit first; each bit is looked at in its middle.
///
/// - Latency: `valid` for one clock, half a stop bit before the character's end. Registered: all outputs.
/// - `bit_clocks`: clocks of a bit, 4 or more, constant. With 50 or more, clocks may differ by 4 %.
/// - Bad input: a start bit of less than half a bit is none; a character without stop bit comes with `error`, and the next begins
///   after the line was 1.
/// - Reset: no character; one under way is lost.
#[derive(Module, Default)]
pub struct Receiver {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub bit_clocks: Signal<In, U<16>>,
    /// Of no clock.
    pub line: Signal<In, Bit>,
    pub data: Signal<Out, U<8>>,
    pub valid: Signal<Out, Bit>,
    /// With `valid`: the stop bit was 0.
    pub error: Signal<Out, Bit>,
    sync: Sync2,
    /// Start bit 0, data 1 to 8, stop bit 9.
    place: Reg<U<4>>,
    count: Reg<U<16>>,
    shift: Reg<U<8>>,
    busy: Reg<Bit>,
    /// The line has been 1 since the last character.
    idle: Reg<Bit>,
    came: Reg<Bit>,
    broken: Reg<Bit>,
    _activity: Activity,
}

impl Logic for Receiver {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, place, count, shift, busy, idle, came, broken);
        self.sync.clock.next = self.clock.val();
        self.sync.d.next = self.line.val();
        self.data.next = self.shift.q.val();
        self.valid.next = self.came.q.val();
        self.error.next = self.broken.q.val();
        self.came.d.next = false;
        if !self.busy.q.val() {
            self.count.d.next = self.bit_clocks.val() >> 1;
            self.place.d.next = 0.into();
            if self.sync.q.val() {
                self.idle.d.next = true;
            } else if self.idle.q.val() {
                self.busy.d.next = true;
                self.idle.d.next = false;
            }
        } else if self.count.q.val() != 1 {
            self.count.d.next = self.count.q.val() - 1;
        } else {
            self.count.d.next = self.bit_clocks.val();
            self.place.d.next = self.place.q.val() + 1;
            if self.place.q.val() == 0 {
                self.busy.d.next = !self.sync.q.val();
            } else if self.place.q.val() == 9 {
                self.busy.d.next = false;
                self.came.d.next = true;
                self.broken.d.next = !self.sync.q.val();
            } else {
                self.shift.d.next = (self.shift.q.val() >> 1) | (bit_cast::<8, 1>(self.sync.q.val().into()) << 7);
            }
        }
        if self.reset.val() {
            self.busy.d.next = false;
            self.idle.d.next = false;
            self.came.d.next = false;
        }
    }
}
