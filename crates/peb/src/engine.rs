//! `--engine`: what simulates the PEBs.

use peb_sim::world::Engine;

/// What simulates the PEBs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineName {
    /// The simulation in Rust
    Rust,
    /// The exported Verilog compiled by Verilator: many times faster; needs tools/setup.sh, and compiles for a minute
    /// or two the first time
    Verilator,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Rust => Engine::Rust,
            EngineName::Verilator => Engine::Verilator,
        }
    }
}
