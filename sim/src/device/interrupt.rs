//! MSI-X, MSI or INTx, whichever software enabled (PCIe 6.1).

use peb_tlp::{MsgRouting, RequestId, Tag, Tlp};

use super::config::CAP_MSIX;
use super::function::MsixSpec;
use super::Device;

/// Assert_INTA; the Deassert_INTA is 4 more (PCIe 2.2.8.1).
const ASSERT_INTA: u8 = 0x20;

/// One entry of the MSI-X table is 16 bytes: address, upper address, data, control (`[0]` masked).
#[derive(Clone, Debug)]
pub(super) struct Interrupts {
    spec: MsixSpec,
    table: Vec<[u32; 4]>,
    pending: u64,
    intx: bool,
}

impl Interrupts {
    /// As after reset.
    pub fn new(spec: MsixSpec) -> Self {
        Interrupts { spec, table: vec![[0, 0, 0, 1]; usize::from(spec.vectors)], pending: 0, intx: false }
    }

    /// Makes a vector pending.
    pub fn pend(&mut self, vector: u16) {
        self.pending |= 1 << (vector % self.spec.vectors);
    }

    /// A dword of the table or of the pending bits; `None` if neither is there.
    pub fn read(&self, bar: u8, offset: u64) -> Option<u32> {
        if bar != self.spec.bar {
            return None;
        }
        match offset.checked_sub(self.spec.pending) {
            Some(0) => Some(self.pending as u32),
            Some(4) if self.spec.vectors > 32 => Some((self.pending >> 32) as u32),
            _ => self.entry(offset).map(|(vector, field)| self.table[vector][field]),
        }
    }

    /// Writes the bits of `mask` of a dword of the table; false if nothing of MSI-X is there. Pending bits are read-only.
    pub fn write(&mut self, bar: u8, offset: u64, value: u32, mask: u32) -> bool {
        if self.read(bar, offset).is_none() {
            return false;
        }
        if let Some((vector, field)) = self.entry(offset) {
            let old = &mut self.table[vector][field];
            *old = *old & !mask | value & mask;
        }
        true
    }

    fn entry(&self, offset: u64) -> Option<(usize, usize)> {
        let at = offset.checked_sub(self.spec.table)?;
        (at < 16 * u64::from(self.spec.vectors)).then_some((at as usize / 16, at as usize % 16 / 4))
    }

    /// A vector that is pending and not masked; it is pending no more.
    fn take(&mut self) -> Option<(u64, u32)> {
        let free = |n: &usize| self.pending >> n & 1 == 1 && self.table[*n][3] & 1 == 0;
        let vector = (0..self.table.len()).find(free)?;
        self.pending &= !(1 << vector);
        let [low, high, data, _] = self.table[vector];
        Some((u64::from(high) << 32 | u64::from(low), data))
    }
}

impl Device {
    /// Sends what is pending and not masked in a function, and changes of its INTx.
    pub(super) fn work_interrupts(&mut self, n: usize) {
        let msix = self.units[n].config.get(CAP_MSIX);
        if msix >> 31 == 1 && msix >> 30 & 1 == 0 && self.is_master(n) {
            while let Some((address, data)) = self.units[n].interrupts.take() {
                self.parts(n).0.signal(address, data);
            }
        }
        let (bus, function) = self.parts(n);
        let wanted = !(bus.has_msix() || bus.has_msi()) && function.intx();
        let level = wanted && !self.units[n].config.intx_disabled();
        // All functions share INTA: it is asserted while one of them asserts it.
        let before = self.units.iter().any(|unit| unit.interrupts.intx);
        self.units[n].interrupts.intx = level;
        let after = self.units.iter().any(|unit| unit.interrupts.intx);
        if before != after {
            let id = RequestId { requester: self.sender(n), tag: Tag(0) };
            let code = if after { ASSERT_INTA } else { ASSERT_INTA + 4 };
            if let Ok(tlp) = Tlp::message(id, MsgRouting::Local, code, [0; 8], &[]) {
                self.port.send(tlp);
            }
        }
    }
}
