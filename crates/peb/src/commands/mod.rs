//! One module a subcommand.

pub mod bench;
pub mod boards;
pub mod build;
pub mod config;
pub mod ctl;
pub mod design;
pub mod device;
pub mod doctor;
pub mod flash;
pub mod gen;
pub mod host;
pub mod linux;
pub mod new_bench;
pub mod sim;
