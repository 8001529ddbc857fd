//! TLPs with storage of their own, and a builder for each type.

use crate::{CompletionStatus, Fmt, FmtType, FunctionId, MsgRouting, Tag, TlpError, TlpType, TlpView};
use alloc::vec::Vec;

/// Who asks: Requester ID and Tag, which together name an outstanding request (PCIe 2.2.6.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// Requester ID.
    pub requester: FunctionId,
    /// Tag, at most 10 bits.
    pub tag: Tag,
}

/// Fields of a completion (PCIe 2.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The request that is completed.
    pub request: RequestId,
    /// Who completes it.
    pub completer: FunctionId,
    /// Completion Status.
    pub status: CompletionStatus,
    /// Bytes still to come, this completion's included, 1..=4096.
    pub byte_count: u16,
    /// Lower Address, 7 bits.
    pub lower_address: u8,
}

impl Completion {
    /// The first (or only) completion of `request` by `completer`; Byte Count and Lower Address as 2.2.9 asks.
    pub fn of(request: &TlpView<'_>, completer: FunctionId, status: CompletionStatus) -> Self {
        Completion {
            request: RequestId { requester: request.requester(), tag: request.tag() },
            completer,
            status,
            byte_count: request.completion_byte_count(),
            lower_address: request.completion_lower_address(),
        }
    }
}

/// An AtomicOp and its operands, in the byte order of the payload (PCIe 6.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtomicOp<'a> {
    /// Adds an operand of 4 or 8 bytes.
    FetchAdd(&'a [u8]),
    /// Swaps in an operand of 4 or 8 bytes.
    Swap(&'a [u8]),
    /// Compare value, then swap value, of 4, 8 or 16 bytes each.
    CompareSwap(&'a [u8]),
}

/// One well-formed TLP. Every builder makes the checks of [`TlpView::parse`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlp {
    bytes: Vec<u8>,
}

impl Tlp {
    /// MWr of `data` to a byte address; byte enables and header size follow from both (2.2.5, 2.2.4.1).
    ///
    /// # Errors
    /// [`TlpError`] if it is empty, longer than [`crate::MAX_PAYLOAD`] in whole dwords, or crosses 4 KiB.
    pub fn memory_write(id: RequestId, address: u64, data: &[u8]) -> Result<Self, TlpError> {
        let (dwords, enables) = span(address, data.len())?;
        let mut payload = alloc::vec![0; (address % 4) as usize];
        payload.extend_from_slice(data);
        payload.resize(dwords * 4, 0);
        Self::memory(TlpType::MemWrite, id, address, dwords, enables, &payload)
    }

    /// MRd of `len` bytes from a byte address; `len` 0 is a zero-length read (2.2.5).
    ///
    /// # Errors
    /// [`TlpError`] if it is longer than 4096 bytes or crosses 4 KiB.
    pub fn memory_read(id: RequestId, address: u64, len: usize) -> Result<Self, TlpError> {
        let (dwords, enables) = if len == 0 { (1, 0) } else { span(address, len)? };
        Self::memory(TlpType::MemRead, id, address, dwords, enables, &[])
    }

    /// AtomicOp request at `address` (2.2.7).
    ///
    /// # Errors
    /// [`TlpError`] if the operand has no legal size or the address is not aligned to it.
    pub fn atomic(id: RequestId, address: u64, op: AtomicOp<'_>) -> Result<Self, TlpError> {
        let (ty, operand) = match op {
            AtomicOp::FetchAdd(operand) => (TlpType::FetchAdd, operand),
            AtomicOp::Swap(operand) => (TlpType::Swap, operand),
            AtomicOp::CompareSwap(operand) => (TlpType::CompareSwap, operand),
        };
        if operand.is_empty() || operand.len() % 4 != 0 || operand.len() > 32 {
            return Err(TlpError::Field("operand"));
        }
        Self::memory(ty, id, address, operand.len() / 4, 0, operand)
    }

    /// CfgRd of the register at byte offset `register` of `target`; `type1` for a bus behind a bridge (2.2.7).
    ///
    /// # Errors
    /// [`TlpError::Field`] if the register is not a dword below 4096.
    pub fn config_read(id: RequestId, target: FunctionId, register: u16, type1: bool) -> Result<Self, TlpError> {
        Self::config(if type1 { TlpType::CfgRead1 } else { TlpType::CfgRead0 }, id, target, register, &[])
    }

    /// CfgWr of a dword, all bytes enabled; `data` in address order. See [`Tlp::config_read`].
    ///
    /// # Errors
    /// [`TlpError::Field`] if the register is not a dword below 4096.
    pub fn config_write(
        id: RequestId,
        target: FunctionId,
        register: u16,
        type1: bool,
        data: [u8; 4],
    ) -> Result<Self, TlpError> {
        Self::config(if type1 { TlpType::CfgWrite1 } else { TlpType::CfgWrite0 }, id, target, register, &data)
    }

    /// IORd of one dword at `address` (2.2.7).
    ///
    /// # Errors
    /// [`TlpError::Field`] if the address is not dword aligned.
    pub fn io_read(id: RequestId, address: u32) -> Result<Self, TlpError> {
        Self::io(TlpType::IoRead, id, address, &[])
    }

    /// IOWr of one dword at `address`, `data` in address order (2.2.7).
    ///
    /// # Errors
    /// [`TlpError::Field`] if the address is not dword aligned.
    pub fn io_write(id: RequestId, address: u32, data: [u8; 4]) -> Result<Self, TlpError> {
        Self::io(TlpType::IoWrite, id, address, &data)
    }

    /// Msg, or MsgD if `data` is not empty. `specific` is bytes 8 to 15 of the header (2.2.8).
    ///
    /// # Errors
    /// [`TlpError`] if `data` is not whole dwords or is too long.
    pub fn message(
        id: RequestId,
        routing: MsgRouting,
        code: u8,
        specific: [u8; 8],
        data: &[u8],
    ) -> Result<Self, TlpError> {
        let fmt = if data.is_empty() { Fmt::FourDw } else { Fmt::FourDwData };
        let fmt_type = FmtType { fmt, ty: TlpType::Message(routing) };
        Self::assemble(fmt_type, data.len() / 4, id.tag, id.words(code), &specific, data)
    }

    /// Cpl, or CplD if `data` is not empty; `data` in whole dwords (2.2.9).
    ///
    /// # Errors
    /// [`TlpError`] if `data` is not whole dwords or is too long, or a field does not fit.
    pub fn completion(completion: Completion, data: &[u8]) -> Result<Self, TlpError> {
        let Completion { request, completer, status, byte_count, lower_address } = completion;
        if byte_count == 0 || byte_count > 4096 {
            return Err(TlpError::Field("byte count"));
        }
        if lower_address > 0x7f {
            return Err(TlpError::Field("lower address"));
        }
        let fmt = if data.is_empty() { Fmt::ThreeDw } else { Fmt::ThreeDwData };
        let fmt_type = FmtType { fmt, ty: TlpType::Completion };
        let count = byte_count & 0xfff | u16::from(status.bits()) << 13;
        let [c1, c0] = completer.0.to_be_bytes();
        let [n1, n0] = count.to_be_bytes();
        let [r1, r0] = request.requester.0.to_be_bytes();
        let last = [r1, r0, request.tag.0 as u8, lower_address];
        Self::assemble(fmt_type, data.len() / 4, request.tag, [c1, c0, n1, n0], &last, data)
    }

    /// Takes bytes in wire order.
    ///
    /// # Errors
    /// As [`TlpView::parse`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, TlpError> {
        TlpView::parse(&bytes)?;
        Ok(Tlp { bytes })
    }

    /// The bytes in wire order.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes in wire order, moved out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Sets First and Last DW BE.
    ///
    /// # Errors
    /// [`TlpError`] if this pattern is not legal for the request (2.2.5).
    pub fn with_byte_enables(self, first: u8, last: u8) -> Result<Self, TlpError> {
        self.change(|bytes| bytes[7] = last << 4 | first & 15)
    }

    /// Sets the traffic class, 0..=7.
    ///
    /// # Errors
    /// [`TlpError::TrafficClass`] for a configuration or I/O request in a class other than 0.
    pub fn with_traffic_class(self, class: u8) -> Result<Self, TlpError> {
        self.change(|bytes| bytes[1] = bytes[1] & 0x8f | (class & 7) << 4)
    }

    /// Sets Relaxed Ordering.
    ///
    /// # Errors
    /// [`TlpError::Attributes`] for a configuration or I/O request.
    pub fn with_relaxed_ordering(self) -> Result<Self, TlpError> {
        self.change(|bytes| bytes[2] |= 0x20)
    }

    /// Sets No Snoop.
    ///
    /// # Errors
    /// [`TlpError::Attributes`] for a configuration or I/O request.
    pub fn with_no_snoop(self) -> Result<Self, TlpError> {
        self.change(|bytes| bytes[2] |= 0x10)
    }

    /// Sets ID-Based Ordering.
    pub fn with_id_based_ordering(mut self) -> Self {
        self.bytes[1] |= 0x04;
        self
    }

    /// Sets EP: the payload is poisoned (2.7.2).
    pub fn poisoned(mut self) -> Self {
        self.bytes[2] |= 0x40;
        self
    }

    /// Sets TD and appends the ECRC given, or replaces the one there is (2.7.1).
    pub fn with_digest(mut self, ecrc: u32) -> Self {
        if self.bytes[2] & 0x80 != 0 {
            self.bytes.truncate(self.bytes.len() - 4);
        }
        self.bytes[2] |= 0x80;
        self.bytes.extend_from_slice(&ecrc.to_be_bytes());
        self
    }

    fn change(mut self, edit: impl FnOnce(&mut [u8])) -> Result<Self, TlpError> {
        edit(&mut self.bytes);
        Self::from_bytes(self.bytes)
    }

    fn memory(
        ty: TlpType,
        id: RequestId,
        address: u64,
        dwords: usize,
        enables: u8,
        data: &[u8],
    ) -> Result<Self, TlpError> {
        let wide = address >> 32 != 0;
        let fmt = match (wide, data.is_empty()) {
            (false, true) => Fmt::ThreeDw,
            (true, true) => Fmt::FourDw,
            (false, false) => Fmt::ThreeDwData,
            (true, false) => Fmt::FourDwData,
        };
        let address = (address & !3).to_be_bytes();
        let address = if wide { &address[..] } else { &address[4..] };
        Self::assemble(FmtType { fmt, ty }, dwords, id.tag, id.words(enables), address, data)
    }

    fn config(ty: TlpType, id: RequestId, target: FunctionId, register: u16, data: &[u8]) -> Result<Self, TlpError> {
        if register > 4092 || register % 4 != 0 {
            return Err(TlpError::Field("register"));
        }
        let fmt = if data.is_empty() { Fmt::ThreeDw } else { Fmt::ThreeDwData };
        let [t1, t0] = target.0.to_be_bytes();
        let [r1, r0] = register.to_be_bytes();
        Self::assemble(FmtType { fmt, ty }, 1, id.tag, id.words(0x0f), &[t1, t0, r1, r0], data)
    }

    fn io(ty: TlpType, id: RequestId, address: u32, data: &[u8]) -> Result<Self, TlpError> {
        if address % 4 != 0 {
            return Err(TlpError::Field("address"));
        }
        let fmt = if data.is_empty() { Fmt::ThreeDw } else { Fmt::ThreeDwData };
        Self::assemble(FmtType { fmt, ty }, 1, id.tag, id.words(0x0f), &address.to_be_bytes(), data)
    }

    /// Puts the dwords together and checks the result.
    fn assemble(
        fmt_type: FmtType,
        dwords: usize,
        tag: Tag,
        second: [u8; 4],
        rest: &[u8],
        data: &[u8],
    ) -> Result<Self, TlpError> {
        if tag.0 > 0x3ff {
            return Err(TlpError::Field("tag"));
        }
        if data.len() % 4 != 0 {
            return Err(TlpError::Field("payload"));
        }
        if data.len() > crate::MAX_PAYLOAD {
            return Err(TlpError::PayloadTooLong(data.len()));
        }
        let [_, _, l1, l0] = (dwords as u32 & 0x3ff).to_be_bytes();
        let mut bytes = Vec::with_capacity(fmt_type.fmt.header_len() + data.len());
        // T9 is bit 7, T8 bit 3.
        let high_tag = (tag.0 >> 2 & 0x80 | tag.0 >> 5 & 0x08) as u8;
        bytes.extend_from_slice(&[fmt_type.byte0(), high_tag, l1, l0]);
        bytes.extend_from_slice(&second);
        bytes.extend_from_slice(rest);
        bytes.extend_from_slice(data);
        Self::from_bytes(bytes)
    }
}

impl RequestId {
    /// Second dword of a request header.
    fn words(self, byte7: u8) -> [u8; 4] {
        let [r1, r0] = self.requester.0.to_be_bytes();
        [r1, r0, self.tag.0 as u8, byte7]
    }
}

/// Dwords and byte enables (byte 7) that cover `len` bytes from `address`.
fn span(address: u64, len: usize) -> Result<(usize, u8), TlpError> {
    let skip = (address % 4) as usize;
    if len == 0 || skip + len > 4096 {
        return Err(TlpError::Field("length"));
    }
    let dwords = (skip + len).div_ceil(4);
    let first = 0x0f << skip & 0x0f;
    let last = 0x0f >> (dwords * 4 - skip - len);
    Ok((dwords, if dwords == 1 { first & last } else { last << 4 | first }))
}
