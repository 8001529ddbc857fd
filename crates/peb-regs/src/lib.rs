//! Management registers of the PEB cores.
//!
//! [`REGISTERS`], [`COUNTERS`] and [`SLOT_REGISTERS`] are the single source: the RTL takes addresses, reset values and
//! implemented bits from [`addr`] and [`reg`], host software reads and writes through [`Registers`], and
//! `docs/registers.md` is generated from them (module `gen`).
//!
//! Addresses are byte addresses on the 16-bit `mgmt_addr`; every register has 32 bits. Unused addresses and bits read
//! 0, writes to them are ignored. Counters wrap, are not cleared by reading, and are cleared by `rst` only.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

mod access;
#[cfg(feature = "std")]
pub mod gen;
mod table;

pub use access::{Bus, Caps, Control, MacAddress, Registers, SlotState, Status, Vlan, WantedSlot};
pub use table::{
    addr, reg, slot_addr, slot_offset, slot_reg, Access, Bits, Register, Reset, Role, COUNTERS, REGISTERS,
    SLOT_REGISTERS,
};

/// Value of the ID register: `PEB` and the version of the interface.
pub const ID_VALUE: u32 = 0x5045_4201;
/// Address of the first slot's registers.
pub const SLOT_BASE: u16 = 0x0200;
/// Distance of one slot's registers from the next slot's.
pub const SLOT_STRIDE: u16 = 0x40;
/// Slots that have a place in the register map and in `stat_slot_up`.
pub const MAX_SLOTS: u8 = 8;
