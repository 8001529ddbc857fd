//! Who the peers are: announcement, joining, keep-alive, leaving.
//!
//! [`Sessions`] judges every received frame and runs the handshake; [`Peers`] is its table of addresses and epochs,
//! [`Search`] finds a slot for who joins, [`Timers`] are its timers, [`Composer`] writes its control frames, [`Flush`] has the others forget who left, [`Role`] is what the core was generated as. [`Ticker`] is the time that all protocol timers count in.

mod composer;
mod flush;
mod peers;
mod role;
mod search;
#[allow(clippy::module_inception)]
mod sessions;
mod state;
#[cfg(test)]
mod tests;
mod ticker;
mod timers;

pub use composer::Composer;
pub use flush::Flush;
pub use peers::Peers;
pub use role::Role;
pub use search::Search;
pub use sessions::Sessions;
pub use state::State;
pub use ticker::Ticker;
pub use timers::Timers;
