//! Fmt and Type (PCIe 2.2.1), and what follows from them: class and length.

use crate::TlpError;

/// Fmt: header size, and whether a payload follows (PCIe table 2-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fmt {
    /// 3-dword header, no data.
    ThreeDw,
    /// 4-dword header, no data.
    FourDw,
    /// 3-dword header, data.
    ThreeDwData,
    /// 4-dword header, data.
    FourDwData,
}

impl Fmt {
    /// From bits `[7:5]` of byte 0; `None` for prefixes (100b) and reserved values.
    pub const fn from_byte0(byte0: u8) -> Option<Self> {
        match byte0 >> 5 {
            0 => Some(Fmt::ThreeDw),
            1 => Some(Fmt::FourDw),
            2 => Some(Fmt::ThreeDwData),
            3 => Some(Fmt::FourDwData),
            _ => None,
        }
    }

    /// The 3-bit field.
    pub const fn bits(self) -> u8 {
        self as u8
    }

    /// Header size in bytes: 12 or 16.
    pub const fn header_len(self) -> usize {
        match self {
            Fmt::ThreeDw | Fmt::ThreeDwData => 12,
            Fmt::FourDw | Fmt::FourDwData => 16,
        }
    }

    /// True if a payload follows the header.
    pub const fn has_data(self) -> bool {
        matches!(self, Fmt::ThreeDwData | Fmt::FourDwData)
    }
}

/// How a message is routed: Type bits `[2:0]` (PCIe 2.2.8, table 2-18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MsgRouting {
    /// To the Root Complex.
    ToRoot,
    /// By address.
    Address,
    /// By ID.
    Id,
    /// Broadcast from the Root Complex.
    Broadcast,
    /// Local: ends at the receiver.
    Local,
    /// Gathered and routed to the Root Complex (PME_TO_Ack).
    Gathered,
}

impl MsgRouting {
    /// From Type bits `[2:0]`; 110b and 111b are reserved: such a message ends at the receiver.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits & 7 {
            0 => Some(MsgRouting::ToRoot),
            1 => Some(MsgRouting::Address),
            2 => Some(MsgRouting::Id),
            3 => Some(MsgRouting::Broadcast),
            4 => Some(MsgRouting::Local),
            5 => Some(MsgRouting::Gathered),
            _ => None,
        }
    }

    /// Type bits `[2:0]`.
    pub const fn bits(self) -> u8 {
        self as u8
    }
}

/// What a TLP does (PCIe table 2-3). Trusted configuration and deferrable writes (Type 11011b) are not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlpType {
    /// MRd: memory read request.
    MemRead,
    /// MRdLk: locked memory read request.
    MemReadLocked,
    /// MWr: memory write request.
    MemWrite,
    /// IORd: I/O read request.
    IoRead,
    /// IOWr: I/O write request.
    IoWrite,
    /// CfgRd0: type 0 configuration read request.
    CfgRead0,
    /// CfgWr0: type 0 configuration write request.
    CfgWrite0,
    /// CfgRd1: type 1 configuration read request.
    CfgRead1,
    /// CfgWr1: type 1 configuration write request.
    CfgWrite1,
    /// Msg or MsgD: message request, without or with data.
    Message(MsgRouting),
    /// Cpl or CplD: completion, without or with data.
    Completion,
    /// CplLk or CplDLk: completion of a locked read.
    CompletionLocked,
    /// FetchAdd AtomicOp request.
    FetchAdd,
    /// Swap AtomicOp request.
    Swap,
    /// CAS (compare and swap) AtomicOp request.
    CompareSwap,
}

impl TlpType {
    /// Class for ordering and flow control.
    pub const fn class(self) -> Class {
        match self {
            TlpType::MemWrite | TlpType::Message(_) => Class::Posted,
            TlpType::Completion | TlpType::CompletionLocked => Class::Completion,
            _ => Class::NonPosted,
        }
    }

    /// True for MRd, MRdLk and MWr.
    pub const fn is_memory(self) -> bool {
        matches!(self, TlpType::MemRead | TlpType::MemReadLocked | TlpType::MemWrite)
    }

    /// True for FetchAdd, Swap and CAS.
    pub const fn is_atomic(self) -> bool {
        matches!(self, TlpType::FetchAdd | TlpType::Swap | TlpType::CompareSwap)
    }

    /// True for configuration requests of both types.
    pub const fn is_config(self) -> bool {
        matches!(self, TlpType::CfgRead0 | TlpType::CfgWrite0 | TlpType::CfgRead1 | TlpType::CfgWrite1)
    }

    /// True for I/O requests.
    pub const fn is_io(self) -> bool {
        matches!(self, TlpType::IoRead | TlpType::IoWrite)
    }

    /// True for completions of all kinds.
    pub const fn is_completion(self) -> bool {
        matches!(self, TlpType::Completion | TlpType::CompletionLocked)
    }

    /// Bits `[4:0]` of byte 0.
    pub const fn bits(self) -> u8 {
        match self {
            TlpType::MemRead | TlpType::MemWrite => 0x00,
            TlpType::MemReadLocked => 0x01,
            TlpType::IoRead | TlpType::IoWrite => 0x02,
            TlpType::CfgRead0 | TlpType::CfgWrite0 => 0x04,
            TlpType::CfgRead1 | TlpType::CfgWrite1 => 0x05,
            TlpType::Completion => 0x0a,
            TlpType::CompletionLocked => 0x0b,
            TlpType::FetchAdd => 0x0c,
            TlpType::Swap => 0x0d,
            TlpType::CompareSwap => 0x0e,
            TlpType::Message(routing) => 0x10 | routing.bits(),
        }
    }
}

/// Flow control class of a TLP (PCIe 2.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Memory writes and messages.
    Posted,
    /// Requests that get a completion.
    NonPosted,
    /// Completions.
    Completion,
}

/// Byte 0 of a TLP, decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FmtType {
    /// Header size and payload.
    pub fmt: Fmt,
    /// What it does.
    pub ty: TlpType,
}

impl FmtType {
    /// Decodes byte 0.
    ///
    /// # Errors
    /// [`TlpError::Prefix`] and [`TlpError::ReservedType`] for what PCIe table 2-3 does not define.
    pub const fn parse(byte0: u8) -> Result<Self, TlpError> {
        use Fmt::*;
        let Some(fmt) = Fmt::from_byte0(byte0) else {
            return Err(if byte0 >> 5 == 4 { TlpError::Prefix(byte0) } else { TlpError::ReservedType(byte0) });
        };
        let ty = match (byte0 & 0x1f, fmt) {
            (0x00, ThreeDw | FourDw) => TlpType::MemRead,
            (0x00, ThreeDwData | FourDwData) => TlpType::MemWrite,
            (0x01, ThreeDw | FourDw) => TlpType::MemReadLocked,
            (0x02, ThreeDw) => TlpType::IoRead,
            (0x02, ThreeDwData) => TlpType::IoWrite,
            (0x04, ThreeDw) => TlpType::CfgRead0,
            (0x04, ThreeDwData) => TlpType::CfgWrite0,
            (0x05, ThreeDw) => TlpType::CfgRead1,
            (0x05, ThreeDwData) => TlpType::CfgWrite1,
            (0x0a, ThreeDw | ThreeDwData) => TlpType::Completion,
            (0x0b, ThreeDw | ThreeDwData) => TlpType::CompletionLocked,
            (0x0c, ThreeDwData | FourDwData) => TlpType::FetchAdd,
            (0x0d, ThreeDwData | FourDwData) => TlpType::Swap,
            (0x0e, ThreeDwData | FourDwData) => TlpType::CompareSwap,
            (bits @ 0x10..=0x17, FourDw | FourDwData) => match MsgRouting::from_bits(bits) {
                Some(routing) => TlpType::Message(routing),
                None => return Err(TlpError::ReservedType(byte0)),
            },
            _ => return Err(TlpError::ReservedType(byte0)),
        };
        Ok(FmtType { fmt, ty })
    }

    /// Byte 0 of the header.
    pub const fn byte0(self) -> u8 {
        self.fmt.bits() << 5 | self.ty.bits()
    }

    /// Class for ordering and flow control.
    pub const fn class(self) -> Class {
        self.ty.class()
    }

    /// Short name as the specification writes it: `MRd`, `CplD`, ...
    pub const fn name(self) -> &'static str {
        match (self.ty, self.fmt.has_data()) {
            (TlpType::MemRead, _) => "MRd",
            (TlpType::MemReadLocked, _) => "MRdLk",
            (TlpType::MemWrite, _) => "MWr",
            (TlpType::IoRead, _) => "IORd",
            (TlpType::IoWrite, _) => "IOWr",
            (TlpType::CfgRead0, _) => "CfgRd0",
            (TlpType::CfgWrite0, _) => "CfgWr0",
            (TlpType::CfgRead1, _) => "CfgRd1",
            (TlpType::CfgWrite1, _) => "CfgWr1",
            (TlpType::Message(_), false) => "Msg",
            (TlpType::Message(_), true) => "MsgD",
            (TlpType::Completion, false) => "Cpl",
            (TlpType::Completion, true) => "CplD",
            (TlpType::CompletionLocked, false) => "CplLk",
            (TlpType::CompletionLocked, true) => "CplDLk",
            (TlpType::FetchAdd, _) => "FetchAdd",
            (TlpType::Swap, _) => "Swap",
            (TlpType::CompareSwap, _) => "CAS",
        }
    }
}

/// Length field of a first dword in dwords, 1..=1024 (0 in the field means 1024; PCIe 2.2.2).
pub const fn length_field(dw0: [u8; 4]) -> u16 {
    match (dw0[2] as u16 & 3) << 8 | dw0[3] as u16 {
        0 => 1024,
        n => n,
    }
}

/// Length of a whole TLP in bytes from its first dword: header + payload + ECRC if TD is set (PCIe 2.2.2).
///
/// Only Fmt, Length and TD are looked at. `None` if Fmt is a prefix (100b) or reserved.
pub const fn wire_length(dw0: [u8; 4]) -> Option<usize> {
    let Some(fmt) = Fmt::from_byte0(dw0[0]) else {
        return None;
    };
    let payload = if fmt.has_data() { length_field(dw0) as usize * 4 } else { 0 };
    let digest = if dw0[2] & 0x80 != 0 { 4 } else { 0 };
    Some(fmt.header_len() + payload + digest)
}
