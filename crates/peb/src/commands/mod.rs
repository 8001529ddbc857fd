//! One module a subcommand.

pub mod bench;
pub mod gen;
pub mod new_bench;
pub mod sim;
