//! One TLP, read in place.

use crate::kind::length_field;
use crate::{check, wire_length, Class, CompletionStatus, Flow, FmtType, FunctionId, Tag, TlpError, TlpType};

/// A well-formed TLP in wire byte order. Fields that a type does not have read as the bits at their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlpView<'a> {
    bytes: &'a [u8],
    fmt_type: FmtType,
}

impl<'a> TlpView<'a> {
    /// Takes `bytes` as exactly one TLP and makes the framer's checks (PCIe 2.2.1 to 2.2.9).
    ///
    /// # Errors
    /// The first rule broken, see [`TlpError`]. Reserved bits are ignored, as the specification asks.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TlpError> {
        let have = bytes.len();
        let dw0 = *bytes.first_chunk::<4>().ok_or(TlpError::TooShort { need: 4, have })?;
        let fmt_type = FmtType::parse(dw0[0])?;
        let need = wire_length(dw0).ok_or(TlpError::ReservedType(dw0[0]))?;
        if fmt_type.fmt.has_data() && length_field(dw0) as usize * 4 > crate::MAX_PAYLOAD {
            return Err(TlpError::PayloadTooLong(length_field(dw0) as usize * 4));
        }
        if have < need {
            return Err(TlpError::TooShort { need, have });
        }
        if have > need {
            return Err(TlpError::TooLong { need, have });
        }
        let view = TlpView { bytes, fmt_type };
        check::request(&view)?;
        Ok(view)
    }

    /// Takes the TLP at the start of `bytes` and returns it with what follows it.
    ///
    /// # Errors
    /// As [`TlpView::parse`], but bytes after the TLP are no error.
    pub fn parse_first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), TlpError> {
        let have = bytes.len();
        let dw0 = *bytes.first_chunk::<4>().ok_or(TlpError::TooShort { need: 4, have })?;
        FmtType::parse(dw0[0])?;
        let need = wire_length(dw0).ok_or(TlpError::ReservedType(dw0[0]))?;
        let (tlp, rest) = bytes.split_at(need.min(have));
        Ok((TlpView::parse(tlp)?, rest))
    }

    /// All bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Fmt and Type.
    pub const fn fmt_type(&self) -> FmtType {
        self.fmt_type
    }

    /// What the TLP does.
    pub const fn ty(&self) -> TlpType {
        self.fmt_type.ty
    }

    /// Class for ordering and flow control.
    pub const fn class(&self) -> Class {
        self.fmt_type.class()
    }

    /// What the ordering rules look at.
    pub const fn flow(&self) -> Flow {
        Flow { class: self.class(), relaxed_ordering: self.relaxed_ordering() }
    }

    /// Header in bytes (12 or 16).
    pub const fn header_len(&self) -> usize {
        self.fmt_type.fmt.header_len()
    }

    /// Length field in dwords, 1..=1024. It has no meaning in TLPs without data other than reads.
    pub const fn length_dw(&self) -> u16 {
        length_field([self.bytes[0], self.bytes[1], self.bytes[2], self.bytes[3]])
    }

    /// Payload in address order; empty without data. The ECRC is not part of it.
    pub fn payload(&self) -> &'a [u8] {
        let end = self.bytes.len() - if self.has_digest() { 4 } else { 0 };
        &self.bytes[self.header_len()..end]
    }

    /// ECRC, big-endian as on the wire, if TD is set (2.7.1). It is carried, not checked.
    pub fn digest(&self) -> Option<u32> {
        let last = *self.bytes.last_chunk::<4>()?;
        self.has_digest().then_some(u32::from_be_bytes(last))
    }

    /// Traffic class, 0..=7.
    pub const fn traffic_class(&self) -> u8 {
        self.bytes[1] >> 4 & 7
    }

    /// TD: an ECRC follows.
    pub const fn has_digest(&self) -> bool {
        self.bytes[2] & 0x80 != 0
    }

    /// EP: the payload is poisoned.
    pub const fn poisoned(&self) -> bool {
        self.bytes[2] & 0x40 != 0
    }

    /// Attr\[1\]: Relaxed Ordering (2.2.6.4).
    pub const fn relaxed_ordering(&self) -> bool {
        self.bytes[2] & 0x20 != 0
    }

    /// Attr\[0\]: No Snoop (2.2.6.5).
    pub const fn no_snoop(&self) -> bool {
        self.bytes[2] & 0x10 != 0
    }

    /// Attr\[2\]: ID-Based Ordering (2.2.6.4).
    pub const fn id_based_ordering(&self) -> bool {
        self.bytes[1] & 0x04 != 0
    }

    /// TH: TLP processing hints are present (2.2.7.1).
    pub const fn has_hints(&self) -> bool {
        self.bytes[1] & 0x01 != 0
    }

    /// AT: address type of a memory request (2.2.4.1).
    pub const fn address_type(&self) -> u8 {
        self.bytes[2] >> 2 & 3
    }

    /// Requester ID, of a request or a completion.
    pub const fn requester(&self) -> FunctionId {
        FunctionId(self.be16(if self.ty().is_completion() { 8 } else { 4 }))
    }

    /// Completer ID of a completion.
    pub const fn completer(&self) -> FunctionId {
        FunctionId(self.be16(4))
    }

    /// Tag with T9 and T8, of a request or a completion.
    pub const fn tag(&self) -> Tag {
        let low = self.bytes[if self.ty().is_completion() { 10 } else { 6 }] as u16;
        Tag((self.bytes[1] as u16 & 0x80) << 2 | (self.bytes[1] as u16 & 0x08) << 5 | low)
    }

    /// First DW BE, bit 0 = lowest byte. A read with TH set has 1111b (2.2.5).
    pub const fn first_be(&self) -> u8 {
        if self.implied_enables() {
            0b1111
        } else {
            self.bytes[7] & 15
        }
    }

    /// Last DW BE, bit 0 = lowest byte. A read with TH set has 1111b, or 0000b if its Length is 1 (2.2.5).
    pub const fn last_be(&self) -> u8 {
        match (self.implied_enables(), self.length_dw()) {
            (false, _) => self.bytes[7] >> 4,
            (true, 1) => 0,
            (true, _) => 0b1111,
        }
    }

    /// True where byte 7 is a steering tag instead of byte enables.
    pub(crate) const fn implied_enables(&self) -> bool {
        matches!(self.ty(), TlpType::MemRead) && self.has_hints()
    }

    /// Address of a memory, I/O, AtomicOp or address-routed request, in bytes, dword aligned.
    pub const fn address(&self) -> u64 {
        match self.header_len() {
            12 => (self.be32(8) & !3) as u64,
            _ => (self.be32(8) as u64) << 32 | (self.be32(12) & !3) as u64,
        }
    }

    /// Target function of a configuration or ID-routed request; of a completion its requester.
    pub const fn destination(&self) -> FunctionId {
        FunctionId(self.be16(8))
    }

    /// Byte offset in configuration space, 0..=4092, dword aligned (2.2.7, figure 2-18).
    pub const fn register(&self) -> u16 {
        self.be16(10) & 0xffc
    }

    /// Message Code (2.2.8).
    pub const fn message_code(&self) -> u8 {
        self.bytes[7]
    }

    /// Completion Status.
    pub const fn status(&self) -> CompletionStatus {
        CompletionStatus::from_bits(self.bytes[6] >> 5)
    }

    /// Byte Count of a completion, 1..=4096 (0 in the field means 4096).
    pub const fn byte_count(&self) -> u16 {
        match self.be16(6) & 0xfff {
            0 => 4096,
            n => n,
        }
    }

    /// Lower Address of a completion, 7 bits.
    pub const fn lower_address(&self) -> u8 {
        self.bytes[11] & 0x7f
    }

    /// Byte Count of the first (or only) completion of this request (2.2.9, table 2-36).
    pub const fn completion_byte_count(&self) -> u16 {
        match self.ty() {
            TlpType::MemRead | TlpType::MemReadLocked => {
                let (first, last) = (self.first_be(), self.last_be());
                if last == 0 {
                    let span = 8 - first.leading_zeros() as u16 - first.trailing_zeros() as u16 % 8;
                    if first == 0 {
                        1
                    } else {
                        span
                    }
                } else {
                    let tail = last.leading_zeros() as u16 - 4;
                    self.length_dw() * 4 - first.trailing_zeros() as u16 - tail
                }
            }
            TlpType::FetchAdd | TlpType::Swap => self.length_dw() * 4,
            TlpType::CompareSwap => self.length_dw() * 2,
            _ => 4,
        }
    }

    /// Lower Address of the first completion of this request: 0 for all but memory reads (2.2.9, table 2-37).
    pub const fn completion_lower_address(&self) -> u8 {
        match self.ty() {
            TlpType::MemRead | TlpType::MemReadLocked => {
                let skip = if self.first_be() == 0 { 0 } else { self.first_be().trailing_zeros() as u8 };
                self.address() as u8 & 0x7c | skip
            }
            _ => 0,
        }
    }

    const fn be16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    const fn be32(&self, at: usize) -> u32 {
        (self.be16(at) as u32) << 16 | self.be16(at + 2) as u32
    }
}
