//! The TLP stream of `docs/interface.md` between blocks: 64 bits a beat.
//!
//! A beat passes at a rising edge where `valid` and `ready` are both 1. A producer never waits for `ready`
//! before it offers, and holds the beat until it passes. Byte k of a packet is `data[8*(k%8)+:8]` of beat k/8;
//! `half` on the last beat: only the low four bytes are used (packets are whole dwords).

use crate::prelude::*;
use peb_hdl_macros::Interface;

/// The producer's end.
#[derive(LogicInterface, Interface, Clone, Debug, Default)]
#[join = "StreamRx"]
pub struct StreamTx {
    /// Eight bytes, the first in the low bits.
    pub data: Signal<Out, U<64>>,
    /// The last beat, and only its low four bytes are used.
    pub half: Signal<Out, Bit>,
    /// The last beat of the packet.
    pub last: Signal<Out, Bit>,
    /// A beat is offered.
    pub valid: Signal<Out, Bit>,
    /// The consumer takes it.
    pub ready: Signal<In, Bit>,
}

/// The consumer's end.
#[derive(LogicInterface, Interface, Clone, Debug, Default)]
#[join = "StreamTx"]
pub struct StreamRx {
    /// Eight bytes, the first in the low bits.
    pub data: Signal<In, U<64>>,
    /// The last beat, and only its low four bytes are used.
    pub half: Signal<In, Bit>,
    /// The last beat of the packet.
    pub last: Signal<In, Bit>,
    /// A beat is offered.
    pub valid: Signal<In, Bit>,
    /// This end takes it.
    pub ready: Signal<Out, Bit>,
}
