//! The rules about the fields of requests that a framer checks (PCIe 2.2.5, 2.2.7).
//!
//! Completions have none beyond their length: a Byte Count of 0 means 4096, and Length is reserved without data.

use crate::{TlpError, TlpType, TlpView};

/// Checks a TLP whose type and size are known to be right.
pub(crate) fn request(tlp: &TlpView<'_>) -> Result<(), TlpError> {
    let ty = tlp.ty();
    if ty.is_memory() {
        byte_enables(tlp)?;
        boundary(tlp)
    } else if ty.is_config() || ty.is_io() {
        single_dword(tlp)
    } else if ty.is_atomic() {
        operand(tlp)
    } else {
        Ok(())
    }
}

/// 2.2.5: enabled bytes are contiguous, but for one dword, or one aligned quadword.
fn byte_enables(tlp: &TlpView<'_>) -> Result<(), TlpError> {
    let (first, last) = (tlp.first_be(), tlp.last_be());
    match tlp.length_dw() {
        1 if last != 0 => Err(TlpError::LastByteEnableSet(last)),
        1 => Ok(()),
        _ if first == 0 => Err(TlpError::FirstByteEnableZero),
        _ if last == 0 => Err(TlpError::LastByteEnableZero),
        2 if tlp.address() % 8 == 0 => Ok(()),
        _ if matches!(first, 0b1111 | 0b1110 | 0b1100 | 0b1000)
            && matches!(last, 0b1111 | 0b0111 | 0b0011 | 0b0001) =>
        {
            Ok(())
        }
        _ => Err(TlpError::ByteEnableHoles(last << 4 | first)),
    }
}

/// 2.2.7: a memory request stays inside 4 KiB.
fn boundary(tlp: &TlpView<'_>) -> Result<(), TlpError> {
    let (address, dwords) = (tlp.address(), tlp.length_dw());
    if address % 4096 + u64::from(dwords) * 4 > 4096 {
        return Err(TlpError::Crosses4K { address, dwords });
    }
    Ok(())
}

/// 2.2.7: configuration and I/O requests. Attr\[2\] is reserved in them, so it is not looked at.
fn single_dword(tlp: &TlpView<'_>) -> Result<(), TlpError> {
    let attr = tlp.bytes()[2] >> 4 & 3;
    if tlp.length_dw() != 1 {
        Err(TlpError::RequestLength(tlp.length_dw()))
    } else if tlp.traffic_class() != 0 {
        Err(TlpError::TrafficClass(tlp.traffic_class()))
    } else if attr != 0 {
        Err(TlpError::Attributes(attr))
    } else if tlp.last_be() != 0 {
        Err(TlpError::LastByteEnableSet(tlp.last_be()))
    } else {
        Ok(())
    }
}

/// 2.2.7: operands of 4 or 8 bytes (FetchAdd, Swap) or two of 4, 8 or 16 bytes (CAS), aligned to their size.
fn operand(tlp: &TlpView<'_>) -> Result<(), TlpError> {
    let bytes = match (tlp.ty(), tlp.length_dw()) {
        (TlpType::CompareSwap, dwords @ (2 | 4 | 8)) => u64::from(dwords) * 2,
        (TlpType::FetchAdd | TlpType::Swap, dwords @ (1 | 2)) => u64::from(dwords) * 4,
        (_, dwords) => return Err(TlpError::AtomicLength(dwords)),
    };
    if tlp.address() % bytes != 0 {
        return Err(TlpError::AtomicAlignment(tlp.address()));
    }
    Ok(())
}
