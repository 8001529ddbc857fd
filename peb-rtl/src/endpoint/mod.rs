//! A PCI Express endpoint at the TLP stream of `docs/interface.md`: what an I/O PEB has for a device where there is no PCIe
//! link, on the same chip.
//!
//! | BAR 0, 16 KiB | what |
//! |---|---|
//! | 0x0000 | registers, see [`Registers`]; 0 where there is none |
//! | 0x2000 | 8 KiB of memory, kept over a reset |
//!
//! [`Decode`] takes TLPs apart. Writes and the data of DMA reads go straight to registers and memory; requests that want a
//! completion wait in the queue of the [`Completer`], which answers them from [`Config`], registers and memory. [`Dma`] moves
//! bytes between host and memory, [`Signals`] sends the interrupt, [`Egress`] joins what leaves.
//!
//! Everything inside is dwords, one a clock: 4 Gbit/s at 125 MHz. **Ordering and stalls**: what comes in is always taken, for
//! `pcie_tx_np_ok` falls while the queue has room for eight more; what leaves waits for the stream alone, and a DMA read also
//! for `pcie_rx_np_ok`, which holds up nothing else. So neither way can block the other.

mod completer;
mod config;
mod decode;
mod dma;
mod dma_reads;
mod egress;
mod function;
mod memory;
mod registers;
mod signals;
#[cfg(test)]
mod tests;

pub use completer::Completer;
pub use config::Config;
pub use decode::Decode;
pub use dma::Dma;
pub use dma_reads::DmaReads;
pub use egress::Egress;
pub use function::Endpoint;
pub use memory::Memory;
pub use registers::Registers;
pub use signals::Signals;

/// Vendor ID and Device ID; the vendor is that of the switch, the device is "PE".
pub const VENDOR_DEVICE: u32 = 0x5045_1204;
/// Value of the ID register, "PEBE".
pub const ID: u32 = 0x5045_4245;
