//! The DMA engine: moves bytes between host memory and the device's memory.
//!
//! | BAR | what |
//! |---|---|
//! | 0 | 32 bits, 4 KiB: registers ([`regs`]), MSI-X table and pending bits |
//! | 2, 3 | 64 bits, prefetchable: memory, cleared by reset |

use std::collections::BTreeMap;

use peb_tlp::TlpView;

use super::function::{BarSpec, Bus, Function, Identity, MsixSpec};
use crate::memory::Memory;
use crate::requester::Outcome;

/// MSI-X vectors.
pub const VECTORS: u16 = 4;
/// Offset of the MSI-X table in BAR 0.
pub const MSIX_TABLE: u64 = 0x800;
/// Offset of the MSI-X pending bits in BAR 0.
pub const MSIX_PENDING: u64 = 0xc00;
/// Bytes of BAR 0.
const REGISTER_BAR: u64 = 4096;

/// Registers behind BAR 0, byte offsets; 32 bits, little-endian, byte enables are obeyed.
pub mod regs {
    /// RO [`ID_VALUE`].
    pub const ID: u64 = 0x00;
    /// `[0]` start, `[1]` to host memory (else from it), `[2]` interrupt at the end, `[3]` again and again until 0 is written.
    pub const CONTROL: u64 = 0x04;
    /// Address in host memory, low half.
    pub const HOST_LOW: u64 = 0x08;
    /// Address in host memory, high half.
    pub const HOST_HIGH: u64 = 0x0c;
    /// Offset in the device's memory.
    pub const LOCAL: u64 = 0x10;
    /// Bytes to move.
    pub const LENGTH: u64 = 0x14;
    /// `[0]` busy; write 1 to clear: `[1]` done, `[2]` a completion was not successful.
    pub const STATUS: u64 = 0x18;
    /// RO: transfers done since reset.
    pub const COUNT: u64 = 0x1c;
    /// MSI-X vector of the interrupt.
    pub const VECTOR: u64 = 0x20;
    /// Free to use.
    pub const SCRATCH: u64 = 0x24;
    /// Value of [`ID`].
    pub const ID_VALUE: u32 = 0x5045_4244;
    /// CONTROL: start.
    pub const START: u32 = 1;
    /// CONTROL: to host memory.
    pub const TO_HOST: u32 = 2;
    /// CONTROL: interrupt at the end.
    pub const INTERRUPT: u32 = 4;
    /// CONTROL: again and again.
    pub const REPEAT: u32 = 8;
    /// STATUS: busy.
    pub const BUSY: u32 = 1;
    /// STATUS: done.
    pub const DONE: u32 = 2;
    /// STATUS: a completion was not successful.
    pub const ERROR: u32 = 4;
}

/// Where to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From host memory into the device.
    #[default]
    FromHost,
    /// From the device into host memory.
    ToHost,
}

/// The device's memory and its DMA engine.
#[derive(Clone, Debug)]
pub struct DmaEngine {
    /// Memory behind BAR 2.
    pub memory: Memory,
    bytes: u64,
    transfer: Transfer,
}

/// Registers and state of the engine.
#[derive(Clone, Debug, Default)]
struct Transfer {
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

impl Transfer {
    fn is_busy(&self) -> bool {
        self.status & regs::BUSY != 0
    }

    fn wants_intx(&self) -> bool {
        self.control & regs::INTERRUPT != 0 && self.status & (regs::DONE | regs::ERROR) != 0
    }

    /// A register of 32 bits.
    fn read(&self, offset: u64) -> u32 {
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
    fn write(&mut self, offset: u64, value: u32) {
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

    /// Host address, local offset and length of what is still to be asked for.
    fn rest(&self) -> Option<(u64, u64, u64)> {
        let host = self.host.wrapping_add(self.asked.into());
        let len = u64::from(self.length - self.asked);
        (len > 0).then_some((host, u64::from(self.local) + u64::from(self.asked), len))
    }
}

impl DmaEngine {
    /// An engine with this many bytes of memory, rounded up to a power of two.
    pub fn new(bytes: u64) -> Self {
        let bytes = bytes.next_power_of_two().max(4096);
        DmaEngine { memory: Memory::new(), bytes, transfer: Transfer::default() }
    }

    /// Whether a transfer is under way.
    pub fn is_busy(&self) -> bool {
        self.transfer.is_busy()
    }

    /// Transfers done since reset.
    pub fn count(&self) -> u32 {
        self.transfer.count
    }

    fn read_host(&mut self, bus: &mut Bus<'_>) {
        let Some((host, local, rest)) = self.transfer.rest() else { return };
        let len = bus.read_limit(host, rest);
        if let Some(tag) = bus.read(host, len) {
            self.transfer.reads.insert(tag.0, local);
            self.transfer.asked += len as u32;
        }
    }

    fn write_host(&mut self, bus: &mut Bus<'_>) {
        let Some((host, local, rest)) = self.transfer.rest() else { return };
        let len = bus.write_limit(host, rest);
        bus.write(host, &self.memory.read(local, len as usize));
        self.transfer.asked += len as u32;
    }

    fn done(&mut self, bus: &mut Bus<'_>) {
        let transfer = &mut self.transfer;
        transfer.count = transfer.count.wrapping_add(1);
        transfer.status |= regs::DONE;
        transfer.asked = 0;
        if transfer.control & regs::REPEAT == 0 {
            transfer.status &= !regs::BUSY;
        }
        if transfer.control & regs::INTERRUPT != 0 {
            bus.raise(transfer.vector as u16);
        }
    }
}

impl Function for DmaEngine {
    /// A memory controller of no special kind.
    fn identity(&self) -> Identity {
        Identity {
            class: 0x05_80_00,
            bars: vec![
                BarSpec { index: 0, bytes: REGISTER_BAR, wide: false, prefetchable: false },
                BarSpec { index: 2, bytes: self.bytes, wide: true, prefetchable: true },
            ],
            msix: MsixSpec { vectors: VECTORS, bar: 0, table: MSIX_TABLE, pending: MSIX_PENDING },
            msi_log2: 0,
        }
    }

    fn read(&mut self, bar: u8, offset: u64) -> u32 {
        match bar {
            0 => self.transfer.read(offset),
            _ => self.memory.u32(offset),
        }
    }

    fn write(&mut self, bar: u8, offset: u64, value: u32, mask: u32) {
        if bar == 0 {
            let value = self.transfer.read(offset) & !mask | value;
            return self.transfer.write(offset, value);
        }
        let enables = (0..4).filter(|lane| mask >> (8 * lane) & 1 == 1).fold(0, |enables, lane| enables | 1 << lane);
        self.memory.write_enabled(offset, &value.to_le_bytes(), enables, 0);
    }

    fn atomic(&mut self, bar: u8, offset: u64, request: &TlpView<'_>) -> Option<Vec<u8>> {
        (bar == 2).then(|| self.memory.atomic(offset, request))
    }

    /// Makes at most one request, and ends a transfer.
    fn clock(&mut self, bus: &mut Bus<'_>) {
        if !self.is_busy() || !bus.is_master() || !bus.read_room() {
            return;
        }
        match self.transfer.direction() {
            Direction::FromHost => self.read_host(bus),
            Direction::ToHost => self.write_host(bus),
        }
        if self.transfer.asked == self.transfer.length && self.transfer.reads.is_empty() {
            self.done(bus);
        }
    }

    fn ended(&mut self, _bus: &mut Bus<'_>, outcome: &Outcome) {
        let Some(local) = self.transfer.reads.remove(&outcome.tag.0) else { return };
        if outcome.is_success() {
            self.memory.write(local, &outcome.data);
        } else {
            self.transfer.status |= regs::ERROR;
        }
    }

    fn intx(&self) -> bool {
        self.transfer.wants_intx()
    }

    fn link_lost(&mut self) {
        self.transfer = Transfer::default();
    }

    fn reset(&mut self) {
        self.transfer = Transfer::default();
        self.memory.clear();
    }

    fn memory(&self) -> Option<&Memory> {
        Some(&self.memory)
    }
}
