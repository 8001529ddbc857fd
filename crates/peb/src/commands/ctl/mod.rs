//! `peb ctl`: a PEB that runs, on a board or in a simulation.

mod registers;
mod run;
mod serial;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use peb_regs::Bus;
use peb_sim::world::Peb;

use crate::operator::ask;
use crate::units::Share;

/// Control a PEB that runs: a board through its UART, or the simulation of `peb linux`, `peb host` or `peb device`.
///
/// get, set, stats and move reach both; the rest is for a simulation.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A board: serial device of its UART, as /dev/ttyUSB1
    #[arg(long, value_name = "DEV", global = true, conflicts_with = "log")]
    serial: Option<PathBuf>,
    /// A simulation: the directory it was given by --log
    #[arg(long, value_name = "DIR", global = true, default_value = "target/linux")]
    log: PathBuf,
    /// Which PEB of a simulation: io0, io1, host0 ... [default: io0, or host0 if there is no I/O PEB]
    #[arg(long, value_name = "PEB", global = true, conflicts_with = "serial")]
    peb: Option<Peb>,
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
        #[arg(value_parser = registers::number)]
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
    /// Put the PEB's device into its slot
    Add,
    /// Pull the PEB's device
    Remove,
    /// Cut the PEB's Ethernet cable
    Cut,
    /// Mend the PEB's Ethernet cable
    Mend,
    /// Lose this share of the frames on every cable, each way
    Loss {
        /// As 5% or 0.05
        share: Share,
    },
    /// State of a simulation
    Status,
    /// End a simulation of `peb host` or `peb device`
    Stop,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let text = match &args.serial {
        Some(device) => through_registers(&mut serial::open(device)?, &args.action)?,
        None => simulation(args)?,
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// What can be done through the management registers alone.
fn through_registers(bus: &mut impl Bus<Error = anyhow::Error>, action: &Action) -> anyhow::Result<String> {
    match action {
        Action::Get { names } => registers::get(bus, names),
        Action::Set { name, value } => registers::set(bus, name, *value),
        Action::Stats => registers::stats(bus),
        Action::Move { vlan } => registers::move_to(bus, *vlan),
        _ => bail!("only a simulation can do that: --log DIR names one; at a board it is done by hand"),
    }
}

fn simulation(args: &Args) -> anyhow::Result<String> {
    // The first I/O PEB, but a process of a host alone has none.
    let peb = || match args.peb {
        Some(peb) => peb,
        None if run::open(&args.log, Peb::Io(0)).is_ok() => Peb::Io(0),
        None => Peb::Host(0),
    };
    let ask = |command: &str| ask(&args.log, command);
    let at = |verb: &str, default| ask(&format!("{verb} {}", run::name(args.peb.unwrap_or(default))));
    match &args.action {
        Action::Add => at("add", Peb::Io(0)),
        Action::Remove => at("remove", Peb::Io(0)),
        Action::Cut => ask(&format!("cut {}", run::name(peb()))),
        Action::Mend => ask(&format!("mend {}", run::name(peb()))),
        Action::Loss { share } => ask(&format!("loss {}", share.0)),
        Action::Status => ask("status"),
        Action::Stop => ask("stop"),
        action => through_registers(&mut run::open(&args.log, peb())?, action),
    }
}
