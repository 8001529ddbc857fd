//! Management registers and counters.
//!
//! [`ManagementRegisters`] answers the `mgmt` port and holds what software sets; [`Counters`] counts events.

mod counters;
mod management;
#[cfg(test)]
mod tests;

pub use counters::Counters;
pub use management::ManagementRegisters;
