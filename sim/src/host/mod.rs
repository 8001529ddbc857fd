//! A host at the pins of a host PEB: a root port with memory, and an operating system on top of it.
//!
//! The operating system is plain sequential code ([`Os`]): it knows the hardware only through a [`Platform`], which gives
//! it the [`RootComplex`] and lets time pass, so that whatever waits makes the whole simulation go on.

mod access;
mod capability;
mod driver;
mod function;
mod nvme;
mod os;
mod pciehp;
mod resources;
mod root;

pub use access::{Access, Platform};
pub use capability::{cap, Capabilities};
pub use driver::{Driver, DriverError, Transfer};
pub use function::{Bar, Function};
pub use nvme::{Identified, NvmeDriver, NvmeError};
pub use os::{Os, OsConfig, OsError, Slot, SlotState};
pub use pciehp::{BUTTON, COMMAND_COMPLETED, LINK_CHANGED, POWER_FAULT, PRESENCE_CHANGED};
pub use resources::Window;
pub use root::{Complaint, Interrupt, RootComplex, RootConfig, INTERRUPTS, ROOT_PORT};
