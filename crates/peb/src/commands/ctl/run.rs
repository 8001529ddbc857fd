//! Registers of the PEBs of a simulation that runs, and everything else that can be done to it.

use std::path::Path;

use anyhow::{ensure, Context};
use peb_regs::{addr, Bus, ID_VALUE};
use peb_sim::world::Peb;

use crate::operator::ask;

/// A PEB of a run, as the run calls it.
pub fn name(peb: Peb) -> String {
    match peb {
        Peb::Host(n) => format!("host{n}"),
        Peb::Io(n) => format!("io{n}"),
    }
}

/// The management registers of a PEB.
pub struct Registers<'a> {
    directory: &'a Path,
    peb: Peb,
}

/// Asks whether there is such a PEB.
pub fn open(directory: &Path, peb: Peb) -> anyhow::Result<Registers<'_>> {
    let mut registers = Registers { directory, peb };
    let id = registers.read(addr::ID)?;
    ensure!(id == ID_VALUE, "register ID is 0x{id:08x}, not 0x{ID_VALUE:08x}: the run is of another version");
    Ok(registers)
}

impl Registers<'_> {
    fn access(&self, rest: &str) -> anyhow::Result<u32> {
        let answer = ask(self.directory, &format!("register {} {rest}", name(self.peb)))?;
        u32::from_str_radix(answer.trim(), 16).with_context(|| format!("{answer:?} is no value"))
    }
}

impl Bus for Registers<'_> {
    type Error = anyhow::Error;
    fn read(&mut self, addr: u16) -> anyhow::Result<u32> {
        self.access(&format!("{addr:04x}"))
    }
    fn write(&mut self, addr: u16, value: u32) -> anyhow::Result<()> {
        self.access(&format!("{addr:04x} {value:08x}")).map(drop)
    }
}
