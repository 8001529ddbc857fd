//! A stock Linux guest whose PCI Express devices are behind simulated PEBs.
//!
//! QEMU runs an unmodified kernel of the distribution. One proxied PCI function, which the guest knows only as the memory of
//! a PCI host bridge (an ACPI table says so) or as Intel's VMD ([`front::Front`]), hands all loads and stores there to this
//! process. Here they become TLPs of a root port at the pins of a simulated host PEB; DMA goes to the guest's memory,
//! interrupts to its interrupt controller.
//!
//! ```text
//!  kernel: pciehp, nvme          QEMU, one process a guest
//!    │ loads, stores                ▲ memory (a file)   ▲ interrupts (qtest)
//!    ▼                              │                   │
//!  x-pci-proxy-dev ──messages──▶ bridge::Bridge ── peb_sim::host::RootComplex
//!                                   root port           │ TLPs
//!                                peb_sim::world::World: PEBs, Ethernet, devices
//! ```

pub mod aml;
pub mod bridge;
pub mod cpio;
pub mod front;
pub mod host_bridge;
pub mod initramfs;
pub mod lab;
pub mod modules;
pub mod mpqemu;
pub mod packages;
pub mod qemu;
pub mod root_port;
pub mod scenario;
pub mod serial;
