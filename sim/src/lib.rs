//! The world around two PEBs, in plain Rust: TLP streams, recorded PCIe traffic, and a bad Ethernet.
//!
//! Everything here is polled once per clock of 125 MHz and knows nothing of how a PEB is built.

pub mod answer;
pub mod bench;
pub mod device;
pub mod engine;
pub mod garbage;
pub mod hdl;
pub mod host;
pub mod memory;
pub mod net;
pub mod port;
pub mod requester;
pub mod rtl;
pub mod run;
pub mod scenario;
pub mod stream;
pub mod trace;
pub mod verilated;
pub mod world;
