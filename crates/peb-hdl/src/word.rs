//! Native words: [`U`] of up to 64 and [`W`] of up to 128 bits.
//!
//! They stand in for rust-hdl's `Bits`, whose wide forms keep one byte a bit. Arithmetic wraps at the width,
//! shifts by the width or more give 0, bits beyond the width read 0, and integer literals stand where a word
//! of the same width would. `#[hdl_gen]` translates them as it does `Bits`.

use rust_hdl::prelude::{Bits, Synth, TypeDescriptor, TypeKind, VCDValue, VerilogLiteral};
use std::fmt;
use std::ops::{Add, BitAnd, BitOr, BitXor, Not, Shl, Shr, Sub};

macro_rules! operator {
    ($word:ident, $raw:ty, $trait:ident, $method:ident, $apply:expr) => {
        impl<const N: usize> $trait for $word<N> {
            type Output = Self;
            #[inline]
            fn $method(self, other: Self) -> Self {
                let apply: fn($raw, $raw) -> $raw = $apply;
                Self::new(apply(self.0, other.0))
            }
        }
        impl<const N: usize> $trait<u64> for $word<N> {
            type Output = Self;
            #[inline]
            fn $method(self, other: u64) -> Self {
                self.$method(Self::from(other))
            }
        }
        impl<const N: usize> $trait<$word<N>> for u64 {
            type Output = $word<N>;
            #[inline]
            fn $method(self, other: $word<N>) -> $word<N> {
                $word::<N>::from(self).$method(other)
            }
        }
    };
}

macro_rules! word {
    ($(#[$doc:meta])* $word:ident, $raw:ty, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $word<const N: usize>($raw);

        impl<const N: usize> $word<N> {
            const MASK: $raw = {
                assert!(N > 0 && N <= $max, "width out of range");
                <$raw>::MAX >> ($max - N)
            };

            /// The word with this value, cut to the width.
            #[inline]
            pub const fn new(value: $raw) -> Self {
                Self(value & Self::MASK)
            }
            /// The value.
            #[inline]
            pub const fn raw(self) -> $raw {
                self.0
            }
            /// The value as an index.
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
            /// Bit `index`, 0 beyond the width.
            #[inline]
            pub const fn get_bit(self, index: usize) -> bool {
                index < N && (self.0 >> index) & 1 == 1
            }
            /// `M` bits from `start` up, 0 beyond the width.
            #[inline]
            pub const fn get_bits<const M: usize>(self, start: usize) -> $word<M> {
                $word::<M>::new(if start < N { self.0 >> start } else { 0 })
            }
            /// The word with bit `index` set to `value`; unchanged beyond the width.
            #[inline]
            pub const fn replace_bit(self, index: usize, value: bool) -> Self {
                if index >= N {
                    return self;
                }
                Self((self.0 & !(1 << index)) | ((value as $raw) << index))
            }
            /// Whether any bit is 1.
            #[inline]
            pub const fn any(self) -> bool {
                self.0 != 0
            }
            /// Whether all bits are 1.
            #[inline]
            pub const fn all(self) -> bool {
                self.0 == Self::MASK
            }
            /// Parity of the bits.
            #[inline]
            pub const fn xor(self) -> bool {
                self.0.count_ones() % 2 == 1
            }
        }

        operator!($word, $raw, Add, add, |a, b| a.wrapping_add(b));
        operator!($word, $raw, Sub, sub, |a, b| a.wrapping_sub(b));
        operator!($word, $raw, BitAnd, bitand, |a, b| a & b);
        operator!($word, $raw, BitOr, bitor, |a, b| a | b);
        operator!($word, $raw, BitXor, bitxor, |a, b| a ^ b);

        impl<const N: usize> Not for $word<N> {
            type Output = Self;
            #[inline]
            fn not(self) -> Self {
                Self(!self.0 & Self::MASK)
            }
        }
        impl<const N: usize, const M: usize> Shl<$word<M>> for $word<N> {
            type Output = Self;
            #[inline]
            fn shl(self, by: $word<M>) -> Self {
                if by.0 >= N as $raw { Self(0) } else { Self((self.0 << by.0) & Self::MASK) }
            }
        }
        impl<const N: usize, const M: usize> Shr<$word<M>> for $word<N> {
            type Output = Self;
            #[inline]
            fn shr(self, by: $word<M>) -> Self {
                if by.0 >= N as $raw { Self(0) } else { Self(self.0 >> by.0) }
            }
        }
        impl<const N: usize> Shl<u64> for $word<N> {
            type Output = Self;
            #[inline]
            fn shl(self, by: u64) -> Self {
                if by >= N as u64 { Self(0) } else { Self((self.0 << by) & Self::MASK) }
            }
        }
        impl<const N: usize> Shr<u64> for $word<N> {
            type Output = Self;
            #[inline]
            fn shr(self, by: u64) -> Self {
                if by >= N as u64 { Self(0) } else { Self(self.0 >> by) }
            }
        }
        impl<const N: usize> PartialEq<u64> for $word<N> {
            #[inline]
            fn eq(&self, other: &u64) -> bool {
                self.0 == *other as $raw
            }
        }
        impl<const N: usize> PartialOrd<u64> for $word<N> {
            #[inline]
            fn partial_cmp(&self, other: &u64) -> Option<std::cmp::Ordering> {
                self.0.partial_cmp(&(*other as $raw))
            }
        }
        impl<const N: usize> From<u64> for $word<N> {
            #[inline]
            fn from(value: u64) -> Self {
                Self::new(value as $raw)
            }
        }
        impl From<bool> for $word<1> {
            #[inline]
            fn from(value: bool) -> Self {
                Self(value as $raw)
            }
        }
        impl From<$word<1>> for bool {
            #[inline]
            fn from(value: $word<1>) -> bool {
                value.0 == 1
            }
        }
        impl<const N: usize> From<$word<N>> for Bits<N> {
            fn from(value: $word<N>) -> Bits<N> {
                (0..N).fold(Bits::<N>::default(), |bits, i| bits.replace_bit(i, value.get_bit(i)))
            }
        }
        impl<const N: usize> fmt::Debug for $word<N> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N}'h{:x}", self.0)
            }
        }
        impl<const N: usize> fmt::LowerHex for $word<N> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }
        impl<const N: usize> Synth for $word<N> {
            const BITS: usize = N;
            fn descriptor() -> TypeDescriptor {
                TypeDescriptor { name: format!("{}{N}", stringify!($word)), kind: TypeKind::Bits(N) }
            }
            fn vcd(self) -> VCDValue {
                Bits::<N>::from(self).into()
            }
            fn verilog(self) -> VerilogLiteral {
                Bits::<N>::from(self).into()
            }
        }
    };
}

word!(
    /// A word of `N` bits, 1 to 64.
    U, u64, 64
);
word!(
    /// A wide word of `N` bits, 1 to 128.
    W, u128, 128
);

/// A word from a literal.
#[inline]
pub fn bits<const N: usize>(value: u64) -> U<N> {
    U::from(value)
}

/// A wide word from a literal.
#[inline]
pub fn wide<const N: usize>(value: u64) -> W<N> {
    W::from(value)
}

/// `value` cut or zero-extended to `M` bits.
#[inline]
pub fn bit_cast<const M: usize, const N: usize>(value: U<N>) -> U<M> {
    U::new(value.raw())
}

/// A word as a wide word of `M` bits, cut or zero-extended.
#[inline]
pub fn bit_cast_wide<const M: usize, const N: usize>(value: U<N>) -> W<M> {
    W::new(value.raw() as u128)
}

/// A wide word as a word of `M` bits, cut or zero-extended.
#[inline]
pub fn bit_cast_narrow<const M: usize, const N: usize>(value: W<N>) -> U<M> {
    U::new(value.raw() as u64)
}

/// A wide word cut or zero-extended to `M` bits.
#[inline]
pub fn bit_cast_wide_wide<const M: usize, const N: usize>(value: W<N>) -> W<M> {
    W::new(value.raw())
}
