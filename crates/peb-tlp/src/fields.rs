//! Header fields with a type of their own.

use core::fmt;

/// Bus, device and function number: the Requester ID and Completer ID of PCIe 2.2.4.2.
///
/// Bits `[15:8]` bus, `[7:3]` device, `[2:0]` function (with ARI: `[7:0]` function).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u16);

impl FunctionId {
    /// From its parts; bits beyond 5 (device) and 3 (function) are cut off.
    pub const fn new(bus: u8, device: u8, function: u8) -> Self {
        FunctionId((bus as u16) << 8 | (device as u16 & 0x1f) << 3 | (function as u16 & 7))
    }

    /// Bus number.
    pub const fn bus(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Device number, 0..=31.
    pub const fn device(self) -> u8 {
        (self.0 >> 3 & 0x1f) as u8
    }

    /// Function number, 0..=7.
    pub const fn function(self) -> u8 {
        (self.0 & 7) as u8
    }
}

impl fmt::Display for FunctionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}:{:02x}.{}", self.bus(), self.device(), self.function())
    }
}

/// Tag of a request: 10 bits with T9 and T8 (10-Bit Tags, PCIe 2.2.6.2), which are 0 where not in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u16);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

/// Completion Status (PCIe 2.2.9, table 2-34).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletionStatus {
    /// SC: successful completion.
    Successful,
    /// UR: unsupported request.
    UnsupportedRequest,
    /// CRS: configuration request retry.
    ConfigRetry,
    /// CA: completer abort.
    CompleterAbort,
    /// A reserved encoding; a requester handles it as UR.
    Reserved(u8),
}

impl CompletionStatus {
    /// From the 3-bit field.
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 7 {
            0 => CompletionStatus::Successful,
            1 => CompletionStatus::UnsupportedRequest,
            2 => CompletionStatus::ConfigRetry,
            4 => CompletionStatus::CompleterAbort,
            other => CompletionStatus::Reserved(other),
        }
    }

    /// The 3-bit field.
    pub const fn bits(self) -> u8 {
        match self {
            CompletionStatus::Successful => 0,
            CompletionStatus::UnsupportedRequest => 1,
            CompletionStatus::ConfigRetry => 2,
            CompletionStatus::CompleterAbort => 4,
            CompletionStatus::Reserved(bits) => bits & 7,
        }
    }
}
