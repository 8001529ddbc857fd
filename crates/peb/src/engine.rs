//! `--engine`: what simulates the PEBs.

use peb_sim::world::Engine;

use crate::tools::{install_unless, Tools};

/// What simulates the PEBs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EngineName {
    /// The simulation in Rust
    Rust,
    /// The exported Verilog compiled by Verilator: many times faster; installs Verilator if it is not there, and
    /// compiles for a minute or two the first time
    Verilator,
}

impl EngineName {
    /// The engine, with the tools that it needs.
    pub fn engine(self) -> anyhow::Result<Engine> {
        Ok(match self {
            EngineName::Rust => Engine::Rust,
            EngineName::Verilator => {
                install_unless(|| peb_verilog::tools::verilator().map(drop), Tools::Verilator)?;
                Engine::Verilator
            }
        })
    }
}
