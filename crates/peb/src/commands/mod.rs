//! One module a subcommand.

pub mod bench;
pub mod boards;
pub mod config;
pub mod doctor;
pub mod flash;
pub mod gen;
pub mod linux;
pub mod new_bench;
pub mod sim;
