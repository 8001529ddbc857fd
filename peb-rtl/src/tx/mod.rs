//! From TLPs to frames.
//!
//! [`Packer`] writes TLPs into the slots of [`Slots`], many to a frame, non-posted ones without credit after a wait in
//! [`NpRing`]; [`Sender`] puts the tunnel header before the
//! words of a slot and hands them to the MAC, also while the slot is still being filled. [`TxPath`] is the three wired.

mod np_ring;
#[cfg(test)]
mod np_ring_tests;
mod packer;
mod path;
mod sender;
mod slots;

pub use np_ring::NpRing;
pub use packer::Packer;
pub use path::TxPath;
pub use sender::Sender;
pub use slots::Slots;

#[cfg(test)]
mod testbench;
#[cfg(test)]
mod tests;
