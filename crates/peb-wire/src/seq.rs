//! Sequence numbers modulo 2^16.

use core::fmt;

/// Sequence number of a frame with data. Numbers are compared by their distance, so they may wrap.
///
/// The distance of any two in use is at most [`crate::WINDOW`], far below half the range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seq(pub u16);

impl Seq {
    /// The number `n` later. Not `std::ops::Add`, because it wraps by design.
    pub const fn plus(self, n: u16) -> Self {
        Seq(self.0.wrapping_add(n))
    }

    /// The next number.
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// How many numbers it takes from `earlier` to this one, 0..=65535.
    pub const fn since(self, earlier: Seq) -> u16 {
        self.0.wrapping_sub(earlier.0)
    }

    /// True if `later` comes after this one: within the next 2^15 numbers.
    pub const fn is_before(self, later: Seq) -> bool {
        let distance = later.since(self);
        distance != 0 && distance < 0x8000
    }

    /// True if it is one of the `len` numbers from `base` on.
    pub const fn in_window(self, base: Seq, len: u16) -> bool {
        self.since(base) < len
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The bit for `seq` in a selective acknowledgement beside `ack`, or 0 if it is outside (`ack` itself has none).
pub const fn sack_bit(ack: Seq, seq: Seq) -> u32 {
    match seq.since(ack) {
        distance @ 1..=32 => 1 << (distance - 1),
        _ => 0,
    }
}

/// True if `ack` and `sack` together say that `seq` has arrived. `seq` is not older than 2^15 numbers before `ack`.
pub const fn sack_contains(ack: Seq, sack: u32, seq: Seq) -> bool {
    seq.is_before(ack) || sack & sack_bit(ack, seq) != 0
}
