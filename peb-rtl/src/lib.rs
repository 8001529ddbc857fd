//! The synthesizable blocks of a PCIe-to-Ethernet Bridge. Knows no board.
//!
//! The folders are the data path: [`tlp`] checks what comes from PCIe, [`tx`] packs it into frames and sends them
//! through [`mac`]; [`rx`] puts received frames in order and takes the TLPs out; [`session`] decides whose frame
//! it is, [`reliability`] what is sent when; [`registers`] shows it all to management.
// In hardware a condition is written as the case it decides, not as short as it can be.
#![allow(clippy::collapsible_if, clippy::collapsible_else_if, clippy::collapsible_match)]
#![allow(clippy::if_same_then_else, clippy::nonminimal_bool)]
#![allow(missing_docs)] // rust-hdl's derives write methods without documentation

pub mod config;
pub mod endpoint;
pub mod mac;
pub mod pcie7;
pub mod phy;
pub mod registers;
pub mod reliability;
pub mod rx;
pub mod session;
pub mod slots;
pub mod switch;
#[cfg(test)]
mod testing;
pub mod tlp;
pub mod top;
pub mod tx;

/// What the exporter takes.
pub use peb_hdl::rust_hdl::prelude::Block;
