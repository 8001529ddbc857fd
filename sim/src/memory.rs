//! Memory: sparse, with 64-bit addresses and zero where nothing was written, or the bytes of a file that others share.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use peb_tlp::{TlpType, TlpView};

const PAGE: u64 = 4096;

/// Bytes by address. Addresses wrap at 2^64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pages: BTreeMap<u64, Box<[u8]>>,
    file: Option<SharedFile>,
}

/// A file that is memory of somebody else, too; a clone is the same file.
#[derive(Clone, Debug)]
struct SharedFile {
    file: Arc<File>,
    len: u64,
}

impl PartialEq for SharedFile {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for SharedFile {}

impl Memory {
    /// Memory full of zeros.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first `len` bytes of a file, which the guest of a virtual machine may have mapped: what is written is seen there in
    /// ascending order. Nothing is behind its end: reads give ones, writes are lost.
    pub fn shared(file: File, len: u64) -> Self {
        Memory { pages: BTreeMap::new(), file: Some(SharedFile { file: Arc::new(file), len }) }
    }

    /// Whether there is memory at all these addresses.
    pub fn contains(&self, address: u64, len: usize) -> bool {
        let end = address.checked_add(len as u64);
        self.file.as_ref().is_none_or(|file| end.is_some_and(|end| end <= file.len))
    }

    /// Reads `len` bytes.
    pub fn read(&self, address: u64, len: usize) -> Vec<u8> {
        if let Some(shared) = &self.file {
            let mut data = vec![0; len];
            let read = self.contains(address, len) && shared.file.read_exact_at(&mut data, address).is_ok();
            return if read { data } else { vec![0xff; len] };
        }
        (0..len as u64).map(|n| self.byte(address.wrapping_add(n))).collect()
    }

    /// One byte.
    pub fn byte(&self, address: u64) -> u8 {
        if self.file.is_some() {
            return self.read(address, 1)[0];
        }
        self.pages.get(&(address / PAGE)).map_or(0, |page| page[(address % PAGE) as usize])
    }

    /// Writes bytes.
    pub fn write(&mut self, address: u64, data: &[u8]) {
        if let Some(shared) = &self.file {
            if self.contains(address, data.len()) {
                // A file in memory takes what is written within its length.
                let _ = shared.file.write_all_at(data, address);
            }
            return;
        }
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
        let enabled = |at: usize| {
            let enables = match at / 4 {
                0 => first,
                n if n + 1 == dwords => last,
                _ => 0xf,
            };
            enables >> (at % 4) & 1 == 1
        };
        let mut at = 0;
        while at < payload.len() {
            let run = (at..payload.len()).take_while(|&at| enabled(at)).count();
            if run > 0 {
                self.write(address.wrapping_add(at as u64), &payload[at..at + run]);
            }
            at += run.max(1);
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
        u32::from_le_bytes(self.read(address, 4).first_chunk().copied().unwrap_or_default())
    }

    /// Forgets everything; a shared file stays as it is.
    pub fn clear(&mut self) {
        self.pages.clear();
    }

    /// Whether nothing but zeros was written; of a shared file nothing is known.
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
    fn a_shared_file_is_written_at_once_and_ends() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let mut memory = Memory::shared(file.try_clone().unwrap(), 4096);
        memory.write_enabled(8, &[1, 2, 3, 4, 5, 6, 7, 8], 0b1110, 0b0011);
        let mut seen = [9; 10];
        file.read_exact_at(&mut seen, 7).unwrap();
        assert_eq!(seen, [0, 0, 2, 3, 4, 5, 6, 0, 0, 0]);
        file.write_all_at(&[0x78, 0x56, 0x34, 0x12], 4092).unwrap();
        assert_eq!(memory.u32(4092), 0x1234_5678);
        assert!(memory.contains(4092, 4) && !memory.contains(4093, 4) && !memory.contains(u64::MAX, 4));
        memory.write(4093, &[0; 4]);
        assert_eq!((memory.read(4093, 4), memory.u32(4092)), (vec![0xff; 4], 0x1234_5678));
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
