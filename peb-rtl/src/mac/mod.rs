//! Ethernet MAC, 1 Gbit/s, GMII (IEEE 802.3 clauses 2-4, 31, 35; IEEE 802.1Q).

mod crc32;
mod gmii_rx;
mod gmii_tx;
mod pause;

pub use crc32::Crc32;
pub use gmii_rx::GmiiRx;
pub use gmii_tx::GmiiTx;
pub use pause::Pause;

#[cfg(test)]
mod tests;
