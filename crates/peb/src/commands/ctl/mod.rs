//! `peb ctl`: management registers of a PEB that runs.

mod serial;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

/// Read and write the management registers of a PEB that runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Serial device of the board's UART, as /dev/ttyUSB1
    #[arg(long, value_name = "DEV")]
    serial: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show registers; without a name all of them
    Get {
        /// Register or counter as docs/registers.md calls it, SLOTn.NAME for a slot's, or an address as 0x18
        names: Vec<String>,
    },
    /// Write a register and read it back
    Set {
        /// Register as docs/registers.md calls it, or an address as 0x18
        name: String,
        /// Value, decimal or as 0x2a
        #[arg(value_parser = serial::number)]
        value: u32,
    },
    /// State of the PEB and its counters
    Stats,
    /// Move the PEB to another VLAN: the host of that VLAN gets its device
    Move {
        /// VLAN ID, 0 = untagged
        #[arg(value_parser = clap::value_parser!(u16).range(0..=4094))]
        vlan: u16,
    },
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut line = serial::open(&args.serial)?;
    let text = match &args.action {
        Action::Get { names } => serial::get(&mut line, names)?,
        Action::Set { name, value } => serial::set(&mut line, name, *value)?,
        Action::Stats => serial::stats(&mut line)?,
        Action::Move { vlan } => serial::move_to(&mut line, *vlan)?,
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
