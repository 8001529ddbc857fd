//! Between a PHY and the GMII of a core: what every board needs, whatever its FPGA.

mod mdio;
mod rgmii;
mod rx_crossing;
pub mod serial;
mod startup;
#[cfg(test)]
mod tests;

pub use mdio::Mdio;
pub use rgmii::Rgmii;
pub use rx_crossing::RxCrossing;
pub use startup::Startup;
