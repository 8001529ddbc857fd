//! Who the peers are: announcement, joining, keep-alive, leaving.
//!
//! [`Sessions`] judges every received frame and runs the handshake; [`Peers`] is its table of addresses and epochs,
//! [`Role`] what the core was generated as. [`Ticker`] is the time that all protocol timers count in.

mod peers;
mod role;
#[allow(clippy::module_inception)]
mod sessions;
#[cfg(test)]
mod tests;
mod ticker;

pub use peers::Peers;
pub use role::Role;
pub use sessions::Sessions;
pub use ticker::Ticker;
