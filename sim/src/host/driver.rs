//! A driver for the device model: memory behind BAR 2, DMA with an interrupt at its end.

use peb_tlp::{Tlp, TlpError};
use thiserror::Error;

use super::access::Access;
use super::function::Function;
use super::os::Os;
use crate::device::regs;
use crate::requester::{End, Outcome};

/// Bytes of one read by the driver.
const READ: u64 = 256;
/// Reads that the driver keeps under way.
const READS: usize = 16;

/// A DMA transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// From the device to host memory, else the other way.
    pub to_host: bool,
    /// Address in host memory.
    pub host: u64,
    /// Offset in the device's memory.
    pub local: u32,
    /// Bytes.
    pub length: u32,
}

/// Why the driver failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DriverError {
    /// Not a device the driver knows, or its registers were not placed.
    #[error("the device's registers do not answer as expected: {0:#010x}")]
    NotMine(u32),
    /// The device has neither MSI-X nor MSI that could be turned on.
    #[error("the device's interrupt cannot be turned on")]
    NoInterruptCapability,
    /// A read was not successful.
    #[error("a read ended with {0:?}")]
    Read(End),
    /// No interrupt came at the end of a transfer.
    #[error("no interrupt within {0} clocks")]
    NoInterrupt(u64),
    /// The device says that a transfer failed, or is gone: its status register.
    #[error("the transfer failed, status {0:#010x}")]
    Failed(u32),
    /// A request cannot be made.
    #[error("a request cannot be made: {0}")]
    Request(TlpError),
}

/// A bound device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// Address of the registers.
    pub registers: u64,
    /// Address of the memory.
    pub memory: u64,
    /// Message data of its interrupt.
    pub vector: u32,
    /// Clocks a transfer may take.
    pub patience: u64,
}

impl Driver {
    /// Binds the first function in a slot, with MSI-X or with MSI.
    ///
    /// # Errors
    /// [`DriverError`] if there is none that it knows.
    pub fn bind(on: &mut impl Access, os: &Os, slot: usize, msix: bool) -> Result<Self, DriverError> {
        let function = os.slots[slot].functions.first().ok_or(DriverError::NotMine(0))?;
        Self::bind_function(on, function, os.config.msi_address, os.device_vector(slot), msix)
    }

    fn bind_function(
        on: &mut impl Access,
        function: &Function,
        address: u64,
        vector: u32,
        msix: bool,
    ) -> Result<Self, DriverError> {
        let (Some(registers), Some(memory)) = (function.bar(0), function.bar(2)) else {
            return Err(DriverError::NotMine(0));
        };
        let id = on.read32(registers + regs::ID);
        if id != regs::ID_VALUE {
            return Err(DriverError::NotMine(id));
        }
        let enabled =
            if msix { function.enable_msix(on, 1, address, vector) } else { function.enable_msi(on, address, vector) };
        if !enabled {
            return Err(DriverError::NoInterruptCapability);
        }
        on.write32(registers + regs::VECTOR, 1);
        Ok(Driver { registers, memory, vector, patience: 200_000 })
    }

    /// Writes the device's memory; posted.
    ///
    /// # Errors
    /// [`DriverError::Request`] if a request cannot be made.
    pub fn write(&self, on: &mut impl Access, offset: u64, data: &[u8]) -> Result<(), DriverError> {
        on.memory_write(self.memory + offset, data).map_err(DriverError::Request)
    }

    /// Reads the device's memory, with several reads under way.
    ///
    /// # Errors
    /// [`DriverError::Read`] with the first end that is not success; all reads have ended then.
    pub fn read(&self, on: &mut impl Access, offset: u64, len: usize) -> Result<Vec<u8>, DriverError> {
        let outcomes = self.read_all(on, offset, len)?;
        match outcomes.iter().find(|outcome| !outcome.is_success()) {
            Some(failed) => Err(DriverError::Read(failed.end)),
            None => Ok(outcomes.into_iter().flat_map(|outcome| outcome.data).collect()),
        }
    }

    /// As [`Driver::read`], with the outcome of every read, in the order of their addresses.
    ///
    /// # Errors
    /// [`DriverError::Request`] if a request cannot be made.
    pub fn read_all(&self, on: &mut impl Access, offset: u64, len: usize) -> Result<Vec<Outcome>, DriverError> {
        let (mut at, end) = (self.memory + offset, self.memory + offset + len as u64);
        let mut under_way = std::collections::VecDeque::new();
        let mut outcomes = Vec::new();
        while at < end || !under_way.is_empty() {
            if at < end && under_way.len() < READS {
                let bytes = (end - at).min(READ - at % READ);
                let tag = on.start(|id| Tlp::memory_read(id, at, bytes as usize)).map_err(DriverError::Request)?;
                under_way.push_back(tag);
                at += bytes;
            } else if let Some(tag) = under_way.pop_front() {
                outcomes.push(on.finish(tag));
            }
        }
        Ok(outcomes)
    }

    /// Lets the device do a transfer and waits for its interrupt.
    ///
    /// # Errors
    /// [`DriverError`] if no interrupt comes or the device reports an error.
    pub fn transfer(&self, on: &mut impl Access, transfer: Transfer) -> Result<(), DriverError> {
        self.start(on, transfer, false);
        let vector = self.vector;
        if !on.wait_until(self.patience, |on| on.root().take_interrupt(vector).is_some()) {
            return Err(DriverError::NoInterrupt(self.patience));
        }
        let status = on.read32(self.registers + regs::STATUS);
        on.write32(self.registers + regs::STATUS, regs::DONE | regs::ERROR);
        if status & (regs::DONE | regs::ERROR) != regs::DONE {
            return Err(DriverError::Failed(status));
        }
        Ok(())
    }

    /// Starts a transfer, once with an interrupt at the end, or again and again without.
    pub fn start(&self, on: &mut impl Access, transfer: Transfer, repeat: bool) {
        let Transfer { to_host, host, local, length } = transfer;
        let mut control = regs::START | if to_host { regs::TO_HOST } else { 0 };
        control |= if repeat { regs::REPEAT } else { regs::INTERRUPT };
        for (register, value) in [
            (regs::HOST_LOW, host as u32),
            (regs::HOST_HIGH, (host >> 32) as u32),
            (regs::LOCAL, local),
            (regs::LENGTH, length),
            (regs::CONTROL, control),
        ] {
            on.write32(self.registers + register, value);
        }
    }

    /// Ends repeated transfers; gives how many were done.
    pub fn stop(&self, on: &mut impl Access) -> u32 {
        on.write32(self.registers + regs::CONTROL, 0);
        on.read32(self.registers + regs::COUNT)
    }
}
