//! Checks on TLPs that come from the PCIe link (PCI Express Base Specification 2.2).

mod framer;
#[cfg(test)]
mod tests;

pub use framer::Framer;
