//! `peb config`: the configuration space of the host core's switch, as `lspci -F` reads it.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::bail;
use clap::ArgAction;
use peb_config::{hex_dump, Parameters, Slot};

use super::gen::{Core, DEFAULT_SLOTS};
use crate::units::Mac;

/// Print the configuration space of a core's switch ports after reset, for `lspci -F FILE -vvv`.
///
/// The upstream port is device 01:00.0, the downstream port of slot N is 02:N.0. The text goes to standard output.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which core; the I/O core has no ports of its own
    #[arg(long)]
    core: Core,
    /// Slots of the host core
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SLOTS, value_parser = clap::value_parser!(u8).range(1..=8))]
    slots: u8,
    /// Slots with a device whose link is up, numbered from 0, as in 0,2
    #[arg(long, value_name = "N,...", value_delimiter = ',', action = ArgAction::Append)]
    filled: Vec<u8>,
    /// MAC address of the core: its EUI-64 is the Device Serial Number
    #[arg(long, value_name = "MAC", default_value = "02:00:00:00:00:01")]
    mac: Mac,
    /// Slots with power controller, indicators and attention button
    #[arg(long)]
    full: bool,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.core == Core::Io {
        bail!("--core io: the I/O core has no configuration space; the ports are in the host core");
    }
    if let Some(slot) = args.filled.iter().find(|&&slot| slot >= args.slots) {
        bail!("--filled {slot}: slots are numbered 0 to {}", args.slots - 1);
    }
    let filled = args.filled.iter().fold(0, |filled, slot| filled | 1 << slot);
    let slot = if args.full { Slot::FULL } else { Slot::default() };
    let parameters = Parameters { slots: args.slots.into(), slot, ..Parameters::default() };
    let mut out = io::stdout().lock();
    match out.write_all(hex_dump(&parameters, args.mac.0, filled).as_bytes()) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => Ok(result.map(|()| ExitCode::SUCCESS)?),
    }
}
