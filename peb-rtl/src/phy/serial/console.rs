//! Lines on a serial line, to and from the management port.

use super::{Receiver, Transmitter, BIT_CLOCKS};
use peb_hdl::prelude::*;

/// What becomes of a line.
#[derive(LogicState, Copy, Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its characters come.
    Line,
    /// The management port is asked.
    Access,
    /// The answer goes out.
    Answer,
}

/// Reads and writes management registers as lines of `docs/uart.md` say: `r AAAA`, `w AAAA VVVVVVVV`, each answered with ten
/// characters, `=VVVVVVVV` or `!` and a reason.
///
/// - Latency: an access begins two clocks after the line's end was received; the answer takes 100 bits. Registered: `uart_tx`, but for an
///   inverter.
/// - Bad input: reason 1, the line is malformed; 2, a character had no stop bit; 3, characters came during an answer and are lost. A bad
///   line touches no register.
/// - Reset: the line that came so far is forgotten. Waits on `mgmt_ack`, which always comes.
#[derive(Module)]
pub struct Console {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Of no clock.
    pub uart_rx: Signal<In, Bit>,
    pub uart_tx: Signal<Out, Bit>,
    /// The management port of `docs/interface.md`.
    pub mgmt_addr: Signal<Out, U<16>>,
    pub mgmt_req: Signal<Out, Bit>,
    pub mgmt_we: Signal<Out, Bit>,
    pub mgmt_wdata: Signal<Out, U<32>>,
    pub mgmt_rdata: Signal<In, U<32>>,
    pub mgmt_ack: Signal<In, Bit>,
    bit_clocks: Constant<U<16>>,
    receiver: Receiver,
    transmitter: Transmitter,
    step: Reg<Step>,
    /// Characters of the line, or of the answer.
    place: Reg<U<4>>,
    writing: Reg<Bit>,
    address: Reg<U<16>>,
    value: Reg<U<32>>,
    fault: Reg<U<2>>,
    refused: Reg<Bit>,
    came: Signal<Local, U<8>>,
    lower: Signal<Local, U<8>>,
    ends: Signal<Local, Bit>,
    is_digit: Signal<Local, Bit>,
    digit: Signal<Local, U<4>>,
    good: Signal<Local, Bit>,
    nibble: Signal<Local, U<4>>,
    sent: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Default for Console {
    fn default() -> Self {
        Self::with_bit_clocks(BIT_CLOCKS)
    }
}

impl Console {
    /// With another rate: clocks of a bit, 4 or more.
    pub fn with_bit_clocks(clocks: u16) -> Self {
        Console { bit_clocks: Constant::new(u64::from(clocks).into()), ..Self::blank() }
    }
}

impl Logic for Console {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, step, place, writing, address, value, fault, refused);
        clock!(self, clock, receiver, transmitter);
        self.receiver.reset.next = self.reset.val();
        self.receiver.bit_clocks.next = self.bit_clocks.val();
        self.receiver.line.next = self.uart_rx.val();
        self.transmitter.reset.next = self.reset.val();
        self.transmitter.bit_clocks.next = self.bit_clocks.val();
        self.uart_tx.next = self.transmitter.line.val();
        self.mgmt_addr.next = self.address.q.val();
        self.mgmt_req.next = self.step.q.val() == Step::Access;
        self.mgmt_we.next = self.writing.q.val();
        self.mgmt_wdata.next = self.value.q.val();

        // The character: digits 0 to 9, a to f, A to F.
        self.came.next = self.receiver.data.val();
        self.lower.next = self.came.val() | 32;
        self.ends.next = (self.came.val() == 10) || (self.came.val() == 13);
        self.is_digit.next = false;
        self.digit.next = self.came.val().get_bits::<4>(0);
        if (self.came.val() >= 48) && (self.came.val() <= 57) {
            self.is_digit.next = true;
        } else if (self.lower.val() >= 97) && (self.lower.val() <= 102) {
            self.is_digit.next = true;
            self.digit.next = self.came.val().get_bits::<4>(0) + 9;
        }
        // It is what may stand at its place.
        self.good.next = self.is_digit.val();
        if self.place.q.val() == 0 {
            self.good.next = (self.lower.val() == 114) || (self.lower.val() == 119);
        } else if self.place.q.val() == 1 {
            self.good.next = self.came.val() == 32;
        } else if self.place.q.val() == 6 {
            self.good.next = (self.came.val() == 32) && self.writing.q.val();
        } else if self.place.q.val() == 15 {
            self.good.next = false;
        }

        // The answer: = or !, eight digits, line feed.
        self.nibble.next = self.value.q.val().get_bits::<4>(28);
        self.sent.next = bit_cast::<8, 4>(self.nibble.val()) + 48;
        if self.nibble.val() >= 10 {
            self.sent.next = bit_cast::<8, 4>(self.nibble.val()) + 87;
        }
        if self.place.q.val() == 0 {
            self.sent.next = 61.into();
            if self.refused.q.val() {
                self.sent.next = 33.into();
            }
        } else if self.place.q.val() == 9 {
            self.sent.next = 10.into();
        }
        self.transmitter.data.next = self.sent.val();
        self.transmitter.valid.next = self.step.q.val() == Step::Answer;

        match self.step.q.val() {
            Step::Line => {
                if self.receiver.valid.val() {
                    if self.receiver.error.val() {
                        self.fault.d.next = 2.into();
                    } else if self.ends.val() {
                        self.place.d.next = 0.into();
                        self.fault.d.next = 0.into();
                        self.refused.d.next = true;
                        if self.fault.q.val().any() {
                            self.value.d.next = bit_cast::<32, 2>(self.fault.q.val());
                            self.step.d.next = Step::Answer;
                        } else if ((self.place.q.val() == 6) && !self.writing.q.val()) || (self.place.q.val() == 15) {
                            self.refused.d.next = false;
                            self.step.d.next = Step::Access;
                        } else if self.place.q.val().any() {
                            self.value.d.next = 1.into();
                            self.step.d.next = Step::Answer;
                        }
                    } else if !self.good.val() {
                        if !self.fault.q.val().any() {
                            self.fault.d.next = 1.into();
                        }
                    } else {
                        self.place.d.next = self.place.q.val() + 1;
                        if self.place.q.val() == 0 {
                            self.writing.d.next = self.lower.val() == 119;
                        } else if self.place.q.val() < 6 {
                            if self.place.q.val() != 1 {
                                self.address.d.next = (self.address.q.val() << 4) | bit_cast::<16, 4>(self.digit.val());
                            }
                        } else if self.place.q.val() != 6 {
                            self.value.d.next = (self.value.q.val() << 4) | bit_cast::<32, 4>(self.digit.val());
                        }
                    }
                }
            }
            Step::Access => {
                if self.mgmt_ack.val() {
                    self.step.d.next = Step::Answer;
                    if !self.writing.q.val() {
                        self.value.d.next = self.mgmt_rdata.val();
                    }
                }
            }
            Step::Answer => {
                if self.transmitter.ready.val() {
                    self.place.d.next = self.place.q.val() + 1;
                    if self.place.q.val().any() {
                        self.value.d.next = self.value.q.val() << 4;
                    }
                    if self.place.q.val() == 9 {
                        self.place.d.next = 0.into();
                        self.step.d.next = Step::Line;
                    }
                }
            }
        }
        // Nothing is stored while an answer goes out. The second half of CR LF is no loss.
        if (self.step.q.val() != Step::Line) && self.receiver.valid.val() {
            if self.receiver.error.val() || !self.ends.val() {
                self.fault.d.next = 3.into();
            }
        }
        if self.reset.val() {
            self.step.d.next = Step::Line;
            self.place.d.next = 0.into();
            self.fault.d.next = 0.into();
        }
    }
}
