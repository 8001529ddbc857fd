//! The DMA engine: moves bytes between host memory and the device's memory.

use std::collections::BTreeMap;

use peb_tlp::{RequestId, Tag, Tlp};

use super::{regs, Device};
use crate::requester::Outcome;

/// TLPs that wait at the pins before the engine makes more.
const AHEAD: usize = 4;

/// Where to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From host memory into the device.
    #[default]
    FromHost,
    /// From the device into host memory.
    ToHost,
}

/// Registers and state of the engine.
#[derive(Clone, Debug, Default)]
pub struct Dma {
    control: u32,
    host: u64,
    local: u32,
    length: u32,
    status: u32,
    count: u32,
    vector: u32,
    scratch: u32,
    /// Bytes of this transfer for which requests have been made.
    asked: u32,
    /// Where the data of outstanding reads go: by tag.
    reads: BTreeMap<u16, u64>,
}

impl Dma {
    /// Whether a transfer is under way.
    pub fn is_busy(&self) -> bool {
        self.status & regs::BUSY != 0
    }

    /// Transfers done since reset.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// MSI-X vector of its interrupt.
    pub(super) fn vector(&self) -> u16 {
        self.vector as u16
    }

    /// Whether INTx, if it is used, is asserted.
    pub(super) fn wants_intx(&self) -> bool {
        self.control & regs::INTERRUPT != 0 && self.status & (regs::DONE | regs::ERROR) != 0
    }

    /// A register of 32 bits.
    pub(super) fn read(&self, offset: u64) -> u32 {
        match offset {
            regs::ID => regs::ID_VALUE,
            regs::CONTROL => self.control,
            regs::HOST_LOW => self.host as u32,
            regs::HOST_HIGH => (self.host >> 32) as u32,
            regs::LOCAL => self.local,
            regs::LENGTH => self.length,
            regs::STATUS => self.status,
            regs::COUNT => self.count,
            regs::VECTOR => self.vector,
            regs::SCRATCH => self.scratch,
            _ => 0,
        }
    }

    /// Writes a register.
    pub(super) fn write(&mut self, offset: u64, value: u32) {
        match offset {
            regs::CONTROL => self.start(value),
            regs::HOST_LOW => self.host = self.host & !0xffff_ffff | u64::from(value),
            regs::HOST_HIGH => self.host = self.host & 0xffff_ffff | u64::from(value) << 32,
            regs::LOCAL => self.local = value,
            regs::LENGTH => self.length = value,
            regs::STATUS => self.status &= !(value & (regs::DONE | regs::ERROR)),
            regs::VECTOR => self.vector = value,
            regs::SCRATCH => self.scratch = value,
            _ => {}
        }
    }

    /// While a transfer is under way only REPEAT can be taken back.
    fn start(&mut self, control: u32) {
        if self.is_busy() {
            self.control &= control | !regs::REPEAT;
            return;
        }
        self.control = control;
        if control & regs::START != 0 {
            self.status = self.status & !(regs::DONE | regs::ERROR) | regs::BUSY;
            self.asked = 0;
        }
    }

    fn direction(&self) -> Direction {
        if self.control & regs::TO_HOST != 0 {
            Direction::ToHost
        } else {
            Direction::FromHost
        }
    }

    /// Host address, local offset and length of the next request, within `limit` bytes and one 4 KiB page.
    fn next_piece(&self, limit: u64) -> Option<(u64, u64, u64)> {
        let host = self.host.wrapping_add(self.asked.into());
        // An unaligned start costs a dword more than its bytes; later requests are aligned.
        let len = u64::from(self.length - self.asked).min(limit - host % 4).min(4096 - host % 4096);
        (len > 0).then_some((host, u64::from(self.local) + u64::from(self.asked), len))
    }
}

impl Device {
    /// Makes at most one request, and ends a transfer.
    pub(super) fn work_dma(&mut self) {
        while let Some(outcome) = self.requester.expired(self.now) {
            self.dma_outcome(&outcome);
        }
        if !self.dma.is_busy() || !self.is_master() || self.port.pending() >= AHEAD {
            return;
        }
        match self.dma.direction() {
            Direction::FromHost => self.dma_read(),
            Direction::ToHost => self.dma_write(),
        }
        if self.dma.asked == self.dma.length && self.dma.reads.is_empty() {
            self.dma_done();
        }
    }

    fn dma_read(&mut self) {
        let Some(tag) = self.requester.free_tag() else { return };
        let Some((host, local, len)) = self.dma.next_piece(self.config.max_read_request()) else { return };
        let id = RequestId { requester: self.sender(), tag };
        match Tlp::memory_read(id, host, len as usize) {
            Ok(tlp) if self.requester.issue(self.now, &tlp).is_ok() => {
                self.dma.reads.insert(tag.0, local);
                self.dma.asked += len as u32;
                self.port.send(tlp);
            }
            _ => self.complain(format!("DMA read of {len} bytes from {host:#x} cannot be made")),
        }
    }

    fn dma_write(&mut self) {
        let Some((host, local, len)) = self.dma.next_piece(self.config.max_payload()) else { return };
        let id = RequestId { requester: self.sender(), tag: Tag(0) };
        match Tlp::memory_write(id, host, &self.memory.read(local, len as usize)) {
            Ok(tlp) => {
                self.dma.asked += len as u32;
                self.port.send(tlp);
            }
            Err(error) => self.complain(format!("DMA write of {len} bytes to {host:#x}: {error}")),
        }
    }

    /// A DMA read has ended.
    pub(super) fn dma_outcome(&mut self, outcome: &Outcome) {
        let Some(local) = self.dma.reads.remove(&outcome.tag.0) else { return };
        if outcome.is_success() {
            self.memory.write(local, &outcome.data);
        } else {
            self.dma.status |= regs::ERROR;
        }
    }

    fn dma_done(&mut self) {
        self.dma.count = self.dma.count.wrapping_add(1);
        self.dma.status |= regs::DONE;
        self.dma.asked = 0;
        if self.dma.control & regs::REPEAT == 0 {
            self.dma.status &= !regs::BUSY;
        }
        if self.dma.control & regs::INTERRUPT != 0 {
            self.raise(self.dma.vector());
        }
    }
}
