//! Checks on TLPs that come from the PCIe link (PCI Express Base Specification 2.2).

mod framer;
mod gate;
mod merge;
mod stage;
#[cfg(test)]
mod tests;

pub use framer::Framer;
pub use gate::Gate;
pub use merge::Merge;
pub use stage::Stage;
