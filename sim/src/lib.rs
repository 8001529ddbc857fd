//! The world around two PEBs, in plain Rust: TLP streams, recorded PCIe traffic, and a bad Ethernet.
//!
//! Everything here is polled once per clock of 125 MHz and knows nothing of how a PEB is built.

pub mod bench;
pub mod engine;
pub mod garbage;
pub mod hdl;
pub mod net;
pub mod rtl;
pub mod run;
pub mod stream;
pub mod trace;
