//! The endpoint's registers.

use peb_hdl::prelude::*;

/// Registers of BAR 0: 32 bits, little-endian, byte enables are obeyed.
///
/// | offset | name | what |
/// |---|---|---|
/// | 0x00 | ID | RO, [`super::ID`] |
/// | 0x04 | CONTROL | 0 start, 1 to host memory (else from it), 2 interrupt at the end; not taken while a transfer is under way |
/// | 0x08, 0x0c | HOST | address in host memory, any byte |
/// | 0x10 | LOCAL | byte of the endpoint's memory |
/// | 0x14 | LENGTH | bytes to move, 0 to 8192 - LOCAL |
/// | 0x18 | STATUS | 0 busy; write 1 to clear: 1 done, 2 error (beyond the memory, or a completion failed or never came) |
/// | 0x1c | COUNT | RO, transfers ended since reset |
/// | 0x24 | SCRATCH | free to use |
/// | 0x28 | LEDS | bits 7 to 0, 1 = on |
/// | 0x2c | BUTTONS | RO, bits 7 to 0, 1 = pressed |
///
/// - Latency: `read_data` one clock after `read_address`; a write is there one clock after it. Registered: everything.
/// - Reset: everything is 0.
#[derive(Module)]
pub struct Registers {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// A dword written to BAR 0, and its place there in bytes.
    pub write: Signal<In, Bit>,
    pub write_address: Signal<In, U<14>>,
    pub write_data: Signal<In, U<32>>,
    pub write_enables: Signal<In, U<4>>,
    /// Dword in BAR 0; 0 is read in its upper half.
    pub read_address: Signal<In, U<12>>,
    pub read_data: Signal<Out, U<32>>,
    /// The transfer; one clock: it begins.
    pub start: Signal<Out, Bit>,
    pub to_host: Signal<Out, Bit>,
    pub host: Signal<Out, U<64>>,
    pub local: Signal<Out, U<13>>,
    pub length: Signal<Out, U<14>>,
    /// One clock: it has ended; `failed` with it.
    pub done: Signal<In, Bit>,
    pub failed: Signal<In, Bit>,
    /// One clock: an interrupt is due.
    pub interrupt: Signal<Out, Bit>,
    pub leds: Signal<Out, U<8>>,
    pub buttons: Signal<In, U<8>>,
    id: Constant<U<32>>,
    control: Reg<U<3>>,
    low: Reg<U<32>>,
    high: Reg<U<32>>,
    place: Reg<U<13>>,
    size: Reg<U<14>>,
    busy: Reg<Bit>,
    ended: Reg<U<2>>,
    count: Reg<U<32>>,
    scratch: Reg<U<32>>,
    lights: Reg<U<8>>,
    begin: Reg<Bit>,
    read: Reg<U<32>>,
    here: Signal<Local, Bit>,
    index: Signal<Local, U<4>>,
    wanted: Signal<Local, U<4>>,
    mask: Signal<Local, U<32>>,
    data: Signal<Local, U<32>>,
    kept: Signal<Local, U<32>>,
    old: Signal<Local, U<32>>,
    _activity: Activity,
}

impl Default for Registers {
    fn default() -> Self {
        Registers { id: Constant::new(u64::from(super::ID).into()), ..Self::blank() }
    }
}

impl Logic for Registers {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, control, low, high, place, size, busy, ended, count, scratch, lights, begin, read);
        self.start.next = self.begin.q.val();
        self.to_host.next = self.control.q.val().get_bit(1);
        self.host.next = bit_cast::<64, 32>(self.low.q.val()) | (bit_cast::<64, 32>(self.high.q.val()) << 32);
        self.local.next = self.place.q.val();
        self.length.next = self.size.q.val();
        self.leds.next = self.lights.q.val();
        self.interrupt.next = self.done.val() && self.control.q.val().get_bit(2);
        self.read_data.next = self.read.q.val();

        // Read.
        self.wanted.next = self.read_address.val().get_bits::<4>(0);
        self.read.d.next = 0.into();
        if self.read_address.val().get_bits::<8>(4) == 0 {
            match self.wanted.val().index() {
                0 => {
                    self.read.d.next = self.id.val();
                }
                1 => {
                    self.read.d.next = bit_cast::<32, 3>(self.control.q.val());
                }
                2 => {
                    self.read.d.next = self.low.q.val();
                }
                3 => {
                    self.read.d.next = self.high.q.val();
                }
                4 => {
                    self.read.d.next = bit_cast::<32, 13>(self.place.q.val());
                }
                5 => {
                    self.read.d.next = bit_cast::<32, 14>(self.size.q.val());
                }
                6 => {
                    self.read.d.next =
                        bit_cast::<32, 1>(self.busy.q.val().into()) | (bit_cast::<32, 2>(self.ended.q.val()) << 1);
                }
                7 => {
                    self.read.d.next = self.count.q.val();
                }
                9 => {
                    self.read.d.next = self.scratch.q.val();
                }
                10 => {
                    self.read.d.next = bit_cast::<32, 8>(self.lights.q.val());
                }
                11 => {
                    self.read.d.next = bit_cast::<32, 8>(self.buttons.val());
                }
                _ => {
                    self.read.d.next = 0.into();
                }
            }
        }

        // The end of a transfer; what software clears at the same time stays.
        self.begin.d.next = false;
        self.mask.next = 0.into();
        if self.write_enables.val().get_bit(0) {
            self.mask.next = 255.into();
        }
        if self.write_enables.val().get_bit(1) {
            self.mask.next = self.mask.val() | 65280;
        }
        if self.write_enables.val().get_bit(2) {
            self.mask.next = self.mask.val() | 16711680;
        }
        if self.write_enables.val().get_bit(3) {
            self.mask.next = self.mask.val() | 4278190080_u64;
        }
        self.data.next = self.write_data.val() & self.mask.val();
        self.here.next = self.write.val() && (self.write_address.val().get_bits::<8>(6) == 0);
        self.index.next = self.write_address.val().get_bits::<4>(2);
        // What is there of the registers that can be written in part.
        self.old.next = self.scratch.q.val();
        if self.index.val() == 2 {
            self.old.next = self.low.q.val();
        } else if self.index.val() == 3 {
            self.old.next = self.high.q.val();
        } else if self.index.val() == 4 {
            self.old.next = bit_cast::<32, 13>(self.place.q.val());
        } else if self.index.val() == 5 {
            self.old.next = bit_cast::<32, 14>(self.size.q.val());
        }
        self.kept.next = (self.old.val() & !self.mask.val()) | self.data.val();
        if self.here.val() {
            match self.index.val().index() {
                1 => {
                    if !self.busy.q.val() && self.mask.val().get_bit(0) {
                        self.control.d.next = self.data.val().get_bits::<3>(0);
                        if self.data.val().get_bit(0) {
                            self.begin.d.next = true;
                            self.busy.d.next = true;
                            self.ended.d.next = 0.into();
                        }
                    }
                }
                2 => {
                    self.low.d.next = self.kept.val();
                }
                3 => {
                    self.high.d.next = self.kept.val();
                }
                4 => {
                    self.place.d.next = self.kept.val().get_bits::<13>(0);
                }
                5 => {
                    self.size.d.next = self.kept.val().get_bits::<14>(0);
                }
                6 => {
                    self.ended.d.next = self.ended.q.val() & !self.data.val().get_bits::<2>(1);
                }
                9 => {
                    self.scratch.d.next = self.kept.val();
                }
                10 => {
                    if self.mask.val().get_bit(0) {
                        self.lights.d.next = self.data.val().get_bits::<8>(0);
                    }
                }
                _ => {}
            }
        }
        if self.done.val() {
            self.busy.d.next = false;
            self.count.d.next = self.count.q.val() + 1;
            self.ended.d.next = 1.into();
            if self.failed.val() {
                self.ended.d.next = 3.into();
            }
        }
        if self.reset.val() {
            self.control.d.next = 0.into();
            self.low.d.next = 0.into();
            self.high.d.next = 0.into();
            self.place.d.next = 0.into();
            self.size.d.next = 0.into();
            self.busy.d.next = false;
            self.ended.d.next = 0.into();
            self.count.d.next = 0.into();
            self.scratch.d.next = 0.into();
            self.lights.d.next = 0.into();
            self.begin.d.next = false;
        }
    }
}
