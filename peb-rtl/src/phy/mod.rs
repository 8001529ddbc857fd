//! Between a PHY and the GMII of a core: what every board needs, whatever its FPGA.

mod rx_crossing;
#[cfg(test)]
mod tests;

pub use rx_crossing::RxCrossing;
