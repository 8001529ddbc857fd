//! Configuration space of the ports of the switch.

mod config_space;
#[cfg(test)]
mod tests;

pub use config_space::ConfigSpace;
