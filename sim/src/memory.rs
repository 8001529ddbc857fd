//! Sparse memory of 64-bit addresses, zero where nothing was written.

use std::collections::BTreeMap;

use peb_tlp::{TlpType, TlpView};

const PAGE: u64 = 4096;

/// Bytes by address. Addresses wrap at 2^64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Memory {
    /// Memory full of zeros.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `len` bytes.
    pub fn read(&self, address: u64, len: usize) -> Vec<u8> {
        (0..len as u64).map(|n| self.byte(address.wrapping_add(n))).collect()
    }

    /// One byte.
    pub fn byte(&self, address: u64) -> u8 {
        self.pages.get(&(address / PAGE)).map_or(0, |page| page[(address % PAGE) as usize])
    }

    /// Writes bytes.
    pub fn write(&mut self, address: u64, data: &[u8]) {
        for (n, &byte) in (0..).zip(data) {
            let at = address.wrapping_add(n);
            let page = self.pages.entry(at / PAGE).or_insert_with(|| vec![0; PAGE as usize].into());
            page[(at % PAGE) as usize] = byte;
        }
    }

    /// Writes whole dwords of a request's payload under its byte enables (PCIe 2.2.5): `first` for the first dword, `last` for
    /// the last of several, all bytes between.
    pub fn write_enabled(&mut self, address: u64, payload: &[u8], first: u8, last: u8) {
        let dwords = payload.len() / 4;
        for (n, dword) in payload.chunks(4).enumerate() {
            let enables = match n {
                0 => first,
                _ if n + 1 == dwords => last,
                _ => 0xf,
            };
            for (lane, byte) in dword.iter().enumerate().filter(|(lane, _)| enables >> lane & 1 == 1) {
                self.write(address.wrapping_add((4 * n + lane) as u64), &[*byte]);
            }
        }
    }

    /// Carries an AtomicOp out (PCIe 6.15); gives the bytes that were there before.
    pub fn atomic(&mut self, address: u64, request: &TlpView<'_>) -> Vec<u8> {
        let operand = request.payload();
        let len = if request.ty() == TlpType::CompareSwap { operand.len() / 2 } else { operand.len() };
        let old = self.read(address, len);
        match request.ty() {
            TlpType::FetchAdd => {
                let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
                let sum = number(&old).wrapping_add(number(operand));
                self.write(address, &sum.to_le_bytes()[..len]);
            }
            TlpType::Swap => self.write(address, operand),
            TlpType::CompareSwap if old == operand[..len] => self.write(address, &operand[len..]),
            _ => {}
        }
        old
    }

    /// A little-endian number of 32 bits.
    pub fn u32(&self, address: u64) -> u32 {
        u32::from_le_bytes([0, 1, 2, 3].map(|n| self.byte(address.wrapping_add(n))))
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pages.clear();
    }

    /// Whether every byte is zero.
    pub fn is_zero(&self) -> bool {
        self.pages.values().all(|page| page.iter().all(|&byte| byte == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_where_they_were_written() {
        let mut memory = Memory::new();
        assert!(memory.is_zero());
        memory.write(4094, &[1, 2, 3, 4]);
        assert_eq!(memory.read(4093, 6), [0, 1, 2, 3, 4, 0]);
        assert_eq!(memory.u32(4094), 0x0403_0201);
        memory.write_enabled(4092, &[9; 12], 0b1000, 0b0101);
        assert_eq!(memory.read(4092, 12), [0, 0, 1, 9, 9, 9, 9, 9, 9, 0, 9, 0]);
        memory.clear();
        assert!(memory.is_zero());
    }

    #[test]
    fn atomics_give_what_was_there() {
        use peb_tlp::{AtomicOp, RequestId, Tlp};
        let mut memory = Memory::new();
        let mut run = |op, len: usize| {
            let tlp = Tlp::atomic(RequestId::default(), 64, op).unwrap();
            let old = memory.atomic(64, &TlpView::parse(tlp.as_bytes()).unwrap());
            assert_eq!(old.len(), len);
            (old[0], memory.read(64, 8))
        };
        assert_eq!(run(AtomicOp::Swap(&[255, 1, 0, 0]), 4), (0, vec![255, 1, 0, 0, 0, 0, 0, 0]));
        assert_eq!(run(AtomicOp::FetchAdd(&[1, 0, 0, 0, 0, 0, 0, 0]), 8), (255, vec![0, 2, 0, 0, 0, 0, 0, 0]));
        assert_eq!(run(AtomicOp::CompareSwap(&[9, 2, 0, 0, 7, 7, 7, 7]), 4).1[..4], [0, 2, 0, 0]);
        assert_eq!(run(AtomicOp::CompareSwap(&[0, 2, 0, 0, 7, 7, 7, 7]), 4).1[..4], [7; 4]);
    }
}
