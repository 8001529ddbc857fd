//! What is behind a device's configuration space, and how it reaches the host.

use std::any::Any;
use std::fmt::Debug;

use peb_tlp::{FunctionId, RequestId, Tag, Tlp, TlpView};

use super::config::{ConfigSpace, CAP_MSI, CAP_MSIX};
use super::interrupt::Interrupts;
use crate::memory::Memory;
use crate::port::PciePort;
use crate::requester::{Outcome, Requester};

/// TLPs that wait at the pins before a function makes more.
const AHEAD: usize = 4;

/// A base address register in memory space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarSpec {
    /// Number of the register, 0 to 5; of a 64-bit one the lower.
    pub index: u8,
    /// Bytes, a power of two from 16.
    pub bytes: u64,
    /// 64 bits.
    pub wide: bool,
    /// Prefetchable.
    pub prefetchable: bool,
}

/// Where the MSI-X structures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MsixSpec {
    /// Vectors, 1 to 64.
    pub vectors: u16,
    /// BAR of table and pending bits.
    pub bar: u8,
    /// Offset of the table, 16 bytes a vector.
    pub table: u64,
    /// Offset of the pending bits.
    pub pending: u64,
}

/// What the configuration space says of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Class code: base class, sub-class, interface.
    pub class: u32,
    /// Its memory.
    pub bars: Vec<BarSpec>,
    /// MSI-X.
    pub msix: MsixSpec,
    /// MSI vectors it can use, as a power of two from 0 to 5.
    pub msi_log2: u8,
}

/// A function of a device: what is behind its BARs, and what it does of itself. Offsets are those in a BAR, multiples of 4;
/// the MSI-X structures never reach it.
pub trait Function: AsAny + Debug + Send {
    /// What the configuration space says of it. Constant.
    fn identity(&self) -> Identity;

    /// Reads 32 bits.
    fn read(&mut self, bar: u8, offset: u64) -> u32;

    /// Writes the bits of `mask`, whole bytes, never none; the other bits of `value` are 0.
    fn write(&mut self, bar: u8, offset: u64, value: u32, mask: u32);

    /// Carries out an AtomicOp and gives the bytes from before; `None` if there is nothing that can.
    fn atomic(&mut self, _bar: u8, _offset: u64, _request: &TlpView<'_>) -> Option<Vec<u8>> {
        None
    }

    /// One clock while the link is up.
    fn clock(&mut self, bus: &mut Bus<'_>);

    /// A read of [`Bus::read`] has ended, also one from before a reset.
    fn ended(&mut self, bus: &mut Bus<'_>, outcome: &Outcome);

    /// Whether it asserts INTx when neither MSI nor MSI-X is on.
    fn intx(&self) -> bool;

    /// The link was lost: nothing sent before is answered.
    fn link_lost(&mut self);

    /// PERST#, hot reset, no power, or a function level reset.
    fn reset(&mut self);

    /// Memory that the host reaches directly.
    fn memory(&self) -> Option<&Memory> {
        None
    }
}

/// A function as what it is.
pub trait AsAny: Any {
    /// To be looked at.
    fn as_any(&self) -> &dyn Any;
    /// To be changed.
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

impl<T: Any> AsAny for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// How a function reaches the host.
pub struct Bus<'a> {
    /// The clock.
    pub now: u64,
    pub(super) sender: FunctionId,
    pub(super) master: bool,
    pub(super) config: &'a ConfigSpace,
    pub(super) port: &'a mut PciePort,
    pub(super) requester: &'a mut Requester,
    pub(super) interrupts: &'a mut Interrupts,
    pub(super) complaints: &'a mut Vec<(u64, String)>,
}

impl Bus<'_> {
    /// Whether requests may be sent: Bus Master Enable.
    pub fn is_master(&self) -> bool {
        self.master
    }

    /// Whether few enough TLPs wait at the pins that a read may follow.
    pub fn read_room(&self) -> bool {
        self.port.pending() < AHEAD
    }

    /// Whether few enough posted requests wait at the pins that a write may follow. Reads that wait do not count: no write
    /// may depend on them (PCIe 2.4.1).
    pub fn write_room(&self) -> bool {
        self.port.posted() < AHEAD
    }

    /// Bytes from `address` that one read may ask for, of `len`: Max_Read_Request_Size, no 4 KiB boundary crossed. An
    /// unaligned start costs a dword more than its bytes; later requests are aligned.
    pub fn read_limit(&self, address: u64, len: u64) -> u64 {
        limit(address, len, self.config.max_read_request())
    }

    /// As [`Bus::read_limit`], of a write: Max_Payload_Size.
    pub fn write_limit(&self, address: u64, len: u64) -> u64 {
        limit(address, len, self.config.max_payload())
    }

    /// Reads host memory within the limits; gives the tag, or `None` while there is none.
    pub fn read(&mut self, address: u64, len: u64) -> Option<Tag> {
        let tag = self.requester.free_tag()?;
        let id = RequestId { requester: self.sender, tag };
        match Tlp::memory_read(id, address, len as usize) {
            Ok(tlp) if self.requester.issue(self.now, &tlp).is_ok() => {
                self.port.send(tlp);
                return Some(tag);
            }
            _ => self.complain(format!("DMA read of {len} bytes from {address:#x} cannot be made")),
        }
        None
    }

    /// Writes host memory within the limits.
    pub fn write(&mut self, address: u64, data: &[u8]) {
        let id = RequestId { requester: self.sender, tag: Tag(0) };
        match Tlp::memory_write(id, address, data) {
            Ok(tlp) => self.port.send(tlp),
            Err(error) => self.complain(format!("DMA write of {} bytes to {address:#x}: {error}", data.len())),
        }
    }

    /// Whether MSI-X is on.
    pub fn has_msix(&self) -> bool {
        self.config.get(CAP_MSIX) >> 31 == 1
    }

    /// Whether MSI is on, and MSI-X not.
    pub fn has_msi(&self) -> bool {
        !self.has_msix() && self.config.get(CAP_MSI) >> 16 & 1 == 1
    }

    /// Interrupts by message, after everything sent before; masked ones stay pending. INTx is [`Function::intx`].
    pub fn raise(&mut self, vector: u16) {
        if self.has_msix() {
            self.interrupts.pend(vector);
        } else if self.has_msi() {
            let address = u64::from(self.config.get(CAP_MSI + 8)) << 32 | u64::from(self.config.get(CAP_MSI + 4));
            // Multiple Message Enable: the low bits of the data are the vector's (PCI 3.0, 6.8.1.3).
            let own = (1 << (self.config.get(CAP_MSI) >> 20 & 7).min(5)) - 1;
            let data = self.config.get(CAP_MSI + 12) & 0xffff;
            self.signal(address, data & !own | u32::from(vector) & own);
        }
    }

    /// Notes something that must not be.
    pub fn complain(&mut self, what: String) {
        self.complaints.push((self.now, what));
    }

    /// Sends an interrupt.
    pub(super) fn signal(&mut self, address: u64, data: u32) {
        if self.master {
            self.write(address & !3, &data.to_le_bytes());
        }
    }
}

fn limit(address: u64, len: u64, most: u64) -> u64 {
    len.min(most - address % 4).min(4096 - address % 4096)
}
