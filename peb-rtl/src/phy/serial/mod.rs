//! Management registers over an asynchronous serial line; the lines are those of `docs/uart.md`.

mod console;
mod receiver;
#[cfg(test)]
mod tests;
mod transmitter;

pub use console::Console;
pub use receiver::Receiver;
pub use transmitter::Transmitter;

/// Clocks of a bit: 115200 bit/s at 125 MHz, 0.006 % off.
pub const BIT_CLOCKS: u16 = 1085;
