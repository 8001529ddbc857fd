//! Configuration space of the ports of the virtual PCI Express switch: one upstream port, and a downstream port for
//! each slot, all PCI-PCI bridges (PCI Express Base Specification 7.5 to 7.9).
//!
//! [`registers`] is the table. From it come the memory images of the hardware ([`Image`]), `docs/config-space.md`
//! ([`gen`]) and the hex dump that `lspci -F` reads ([`hex_dump`]).
//!
//! A register is a dword; software may write each of its bytes alone. What changes lies in a *row*: the hardware
//! keeps 32 rows a port, numbered as the table says. All other dwords are constants.

mod dump;
pub mod gen;
mod image;
mod parameters;
mod table;

pub use dump::hex_dump;
pub use image::{Image, ADDRESS_BITS, WORD_BITS};
pub use parameters::{Parameters, Slot};
pub use table::{registers, row};

/// Highest number of slots.
pub const MAX_SLOTS: usize = 8;
/// Rows a port has at most.
pub const ROWS: usize = 32;
/// Dwords from offset 0 on that can differ from 0.
pub const DWORDS: usize = 128;

/// Which kind of port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The port towards the host: port 0.
    Upstream,
    /// The port of a slot: port 1 + n for slot n.
    Downstream,
}

impl Kind {
    /// Kind of port number `port`.
    pub fn of(port: usize) -> Self {
        if port == 0 {
            Kind::Upstream
        } else {
            Kind::Downstream
        }
    }
}

/// What may change a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Ro,
    /// Software.
    Rw,
    /// Hardware sets a bit, software clears it by writing 1.
    Rw1c,
    /// Hardware replaces the value, software reads it.
    Hardware,
    /// Reads as the hardware stands at that moment, or differs from port to port; not stored.
    Live,
}

/// Neighbouring bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Highest bit, 31 at most.
    pub msb: u8,
    /// Lowest bit.
    pub lsb: u8,
    /// What the specification calls it.
    pub name: &'static str,
    /// What may change it.
    pub access: Access,
    /// Value after reset, counted from `lsb`.
    pub reset: u32,
}

impl Field {
    /// Its bits in the register.
    pub fn mask(&self) -> u32 {
        (u32::MAX >> (31 - (self.msb - self.lsb))) << self.lsb
    }
}

/// What is mixed into a constant when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// Nothing.
    None,
    /// Physical Slot Number (slot + 1) in bits 31:19.
    SlotNumber,
    /// Port Number (the port's) in bits 31:24.
    PortNumber,
    /// Lower half of the EUI-64 of the core's MAC address.
    SerialLow,
    /// Upper half of it.
    SerialHigh,
}

/// A dword of the configuration space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Byte offset, a multiple of 4.
    pub offset: u16,
    /// Where the hardware keeps it, if anything changes it.
    pub row: Option<u8>,
    /// What the specification calls it.
    pub name: &'static str,
    /// Not overlapping, from bit 0 up. Bits of none read 0.
    pub fields: Vec<Field>,
    /// What is mixed in.
    pub mix: Mix,
}

impl Register {
    /// Stored value after reset; without what is live.
    pub fn reset(&self) -> u32 {
        self.fields.iter().fold(0, |value, f| value | (f.reset << f.lsb & f.mask()))
    }
    /// The bits with this access.
    pub fn mask(&self, access: Access) -> u32 {
        self.fields.iter().filter(|f| f.access == access).fold(0, |mask, f| mask | f.mask())
    }
    /// The row after a configuration write of the bytes in `enables` (bit 0: bits 7:0).
    pub fn written(&self, old: u32, data: u32, enables: u8) -> u32 {
        let bytes = (0..4).filter(|i| enables >> i & 1 == 1).fold(0, |mask, i| mask | 0xff << (8 * i));
        let (writable, clear) = (self.mask(Access::Rw) & bytes, self.mask(Access::Rw1c) & bytes);
        let new = (old & !writable & !(clear & data)) | (data & writable);
        // A function without D1 and D2 stays where it is when told to go there (5.3.1).
        let unsupported = self.row == Some(row::PMCSR) && matches!(new & 3, 1 | 2);
        if unsupported {
            (new & !3) | (old & 3)
        } else {
            new
        }
    }
    /// The row after the hardware brought `bits`: status bits are set, hardware fields replaced.
    pub fn set(&self, old: u32, bits: u32) -> u32 {
        let (replaced, status) = (self.mask(Access::Hardware), self.mask(Access::Rw1c));
        (old & !replaced) | (bits & (replaced | status))
    }
}

/// EUI-64 of a MAC address (first byte on the wire in bits 47:40), the Device Serial Number (7.9.3).
pub fn serial_number(mac: u64) -> u64 {
    (mac >> 24 & 0xff_ffff) << 40 | 0xff_fe00_0000 | (mac & 0xff_ffff)
}

#[cfg(test)]
mod tests;
