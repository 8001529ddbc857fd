//! Why a TLP is malformed, and at which byte.

use core::fmt;

/// A rule of PCIe 2.2 that a TLP breaks. [`TlpError::offset`] is the byte at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlpError {
    /// Fewer bytes than Fmt and Length ask for (2.2.2).
    TooShort {
        /// Bytes asked for: 4 (first dword), the header, or the whole TLP.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// More bytes than Fmt, Length and TD ask for (2.2.2).
    TooLong {
        /// Bytes asked for.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Fmt 100b: TLP prefixes are not supported (2.2.10).
    Prefix(u8),
    /// Reserved or unsupported Fmt and Type (2.2.1, table 2-3), or reserved message routing (2.2.8, table 2-18).
    ReservedType(u8),
    /// Payload in bytes above [`crate::MAX_PAYLOAD`] (2.2.2).
    PayloadTooLong(usize),
    /// First DW BE is 0000b though Length is above 1 (2.2.5).
    FirstByteEnableZero,
    /// Last DW BE is 0000b though Length is above 1 (2.2.5).
    LastByteEnableZero,
    /// Last DW BE is not 0000b though Length is 1 (2.2.5).
    LastByteEnableSet(u8),
    /// Byte enables with holes where none are allowed: value of byte 7 (2.2.5).
    ByteEnableHoles(u8),
    /// The memory request crosses a 4 KiB boundary (2.2.7).
    Crosses4K {
        /// Start address, dword aligned.
        address: u64,
        /// Length in dwords.
        dwords: u16,
    },
    /// A configuration or I/O request whose Length is not 1: length in dwords (2.2.7).
    RequestLength(u16),
    /// A configuration or I/O request with a traffic class other than 0 (2.2.7).
    TrafficClass(u8),
    /// A configuration or I/O request with Attr\[1:0\] (Relaxed Ordering, No Snoop) set (2.2.7).
    Attributes(u8),
    /// An AtomicOp whose Length is no operand size: length in dwords (2.2.7).
    AtomicLength(u16),
    /// An AtomicOp whose address is not aligned to its operand (2.2.7).
    AtomicAlignment(u64),
    /// A builder was given a field that does not fit: its name.
    Field(&'static str),
}

impl TlpError {
    /// Offset in bytes, from the TLP's first byte, of the field that is wrong.
    pub const fn offset(&self) -> usize {
        match self {
            TlpError::TooShort { have, .. } => *have,
            TlpError::TooLong { need, .. } => *need,
            TlpError::Prefix(_) | TlpError::ReservedType(_) | TlpError::Field(_) => 0,
            TlpError::TrafficClass(_) => 1,
            TlpError::PayloadTooLong(_)
            | TlpError::RequestLength(_)
            | TlpError::Attributes(_)
            | TlpError::AtomicLength(_) => 2,
            TlpError::FirstByteEnableZero
            | TlpError::LastByteEnableZero
            | TlpError::LastByteEnableSet(_)
            | TlpError::ByteEnableHoles(_) => 7,
            TlpError::Crosses4K { .. } | TlpError::AtomicAlignment(_) => 8,
        }
    }
}

impl fmt::Display for TlpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlpError::TooShort { need, have } => write!(f, "TLP ends after {have} of {need} bytes"),
            TlpError::TooLong { need, have } => {
                write!(f, "TLP has {have} bytes, its header says {need}")
            }
            TlpError::Prefix(b) => write!(f, "byte 0 is {b:#04x}: TLP prefixes are not supported"),
            TlpError::ReservedType(b) => write!(f, "byte 0 is {b:#04x}: reserved Fmt/Type"),
            TlpError::PayloadTooLong(n) => write!(f, "payload of {n} bytes, at most {} allowed", crate::MAX_PAYLOAD),
            TlpError::FirstByteEnableZero => f.write_str("First DW BE is 0000b with Length above 1"),
            TlpError::LastByteEnableZero => f.write_str("Last DW BE is 0000b with Length above 1"),
            TlpError::LastByteEnableSet(be) => {
                write!(f, "Last DW BE is {be:04b}b with Length 1, expected 0000b")
            }
            TlpError::ByteEnableHoles(be) => {
                write!(f, "byte enables (last {:04b}b, first {:04b}b) leave holes", be >> 4, be & 15)
            }
            TlpError::Crosses4K { address, dwords } => {
                write!(f, "{dwords} dwords from {address:#x} cross a 4 KiB boundary")
            }
            TlpError::RequestLength(n) => {
                write!(f, "configuration or I/O request of {n} dwords, expected 1")
            }
            TlpError::TrafficClass(tc) => write!(f, "configuration or I/O request in traffic class {tc}, expected 0"),
            TlpError::Attributes(a) => write!(f, "configuration or I/O request with Attr[1:0] {a:02b}b, expected 00b"),
            TlpError::AtomicLength(n) => write!(f, "AtomicOp of {n} dwords: no operand size"),
            TlpError::AtomicAlignment(a) => {
                write!(f, "AtomicOp address {a:#x} is not aligned to its operand")
            }
            TlpError::Field(name) => write!(f, "{name} is out of range"),
        }
    }
}

impl core::error::Error for TlpError {}
