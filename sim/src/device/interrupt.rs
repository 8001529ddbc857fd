//! MSI-X, MSI or INTx, whichever software enabled (PCIe 6.1).

use peb_tlp::{MsgRouting, RequestId, Tag, Tlp};

use super::config::{CAP_MSI, CAP_MSIX, VECTORS};
use super::Device;

/// Assert_INTA; the Deassert_INTA is 4 more (PCIe 2.2.8.1).
const ASSERT_INTA: u8 = 0x20;

/// One entry of the MSI-X table is 16 bytes: address, upper address, data, control (`[0]` masked).
#[derive(Clone, Debug)]
pub(super) struct Interrupts {
    pub table: [[u32; 4]; VECTORS as usize],
    pub pending: u32,
    intx: bool,
}

impl Default for Interrupts {
    fn default() -> Self {
        Interrupts { table: [[0, 0, 0, 1]; VECTORS as usize], pending: 0, intx: false }
    }
}

impl Device {
    /// Sends the interrupt, or keeps it pending; INTx follows from the registers.
    pub(super) fn raise(&mut self, vector: u16) {
        if self.config.get(CAP_MSIX) >> 31 == 1 {
            self.interrupts.pending |= 1 << (vector % VECTORS);
        } else if self.config.get(CAP_MSI) >> 16 & 1 == 1 {
            let address = u64::from(self.config.get(CAP_MSI + 8)) << 32 | u64::from(self.config.get(CAP_MSI + 4));
            self.signal(address, self.config.get(CAP_MSI + 12) & 0xffff);
        }
    }

    /// Sends what is pending and not masked, and changes of INTx.
    pub(super) fn work_interrupts(&mut self) {
        let msix = self.config.get(CAP_MSIX);
        let free = msix >> 31 == 1 && msix >> 30 & 1 == 0 && self.is_master();
        for vector in 0..usize::from(VECTORS) {
            let [low, high, data, control] = self.interrupts.table[vector];
            if free && self.interrupts.pending >> vector & 1 == 1 && control & 1 == 0 {
                self.interrupts.pending &= !(1 << vector);
                self.signal(u64::from(high) << 32 | u64::from(low), data);
            }
        }
        let message = msix >> 31 == 1 || self.config.get(CAP_MSI) >> 16 & 1 == 1;
        let level = self.dma.wants_intx() && !message && !self.config.intx_disabled();
        if level != self.interrupts.intx {
            self.interrupts.intx = level;
            let id = RequestId { requester: self.sender(), tag: Tag(0) };
            let code = if level { ASSERT_INTA } else { ASSERT_INTA + 4 };
            if let Ok(tlp) = Tlp::message(id, MsgRouting::Local, code, [0; 8], &[]) {
                self.port.send(tlp);
            }
        }
    }

    fn signal(&mut self, address: u64, data: u32) {
        let id = RequestId { requester: self.sender(), tag: Tag(0) };
        match Tlp::memory_write(id, address, &data.to_le_bytes()) {
            Ok(tlp) if self.is_master() => self.port.send(tlp),
            Ok(_) => {}
            Err(error) => self.complain(format!("interrupt to {address:#x}: {error}")),
        }
    }
}
