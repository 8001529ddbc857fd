//! `peb gen`: the cores as Verilog, or the design of a board.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{bail, Context};
use clap::ValueEnum;
use peb_config::Parameters;
use peb_rtl::top::{PebHostOf, PebIo};
use peb_rtl::Block;

use super::design;

/// Slots of the host core unless told otherwise.
pub(super) const DEFAULT_SLOTS: u8 = 4;

/// Write a core as Verilog-2005, in one file named as the module; or all files of a board's design.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which core: the CPU side or the I/O side
    #[arg(long, required_unless_present = "board", conflicts_with_all = ["board", "design", "mac", "vlan", "force"])]
    core: Option<Core>,
    /// Board, as `peb boards` lists it: Verilog, constraints, scripts
    #[arg(long)]
    board: Option<String>,
    #[command(flatten)]
    design: design::Options,
    /// Directory to write into; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Slots of the host core [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    slots: Option<u8>,
    /// Hot-Plug Capable = 0 in the slots of the host core: operating systems then leave them alone
    #[arg(long, requires = "core")]
    no_hot_plug: bool,
}

/// The two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Core {
    Host,
    Io,
}

impl Core {
    fn module(self) -> &'static str {
        match self {
            Core::Host => "peb_host",
            Core::Io => "peb_io",
        }
    }
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Some(core) = args.core else {
        let board = args.board.as_deref().context("--core or --board")?;
        if args.slots.is_some() {
            bail!("--slots: only a host core has slots; give it with --core host");
        }
        let written = design::write(board, &args.out, &args.design)?;
        eprintln!("{}: MAC {}", written.folder.display(), design::mac_text(written.parameters.mac));
        return Ok(ExitCode::SUCCESS);
    };
    if core == Core::Io && (args.slots.is_some() || args.no_hot_plug) {
        bail!("--slots, --no-hot-plug: the I/O core has no slots; give them with --core host");
    }
    let parameters = Parameters { hot_plug: !args.no_hot_plug, ..Parameters::default() };
    let text = verilog(core, args.slots.unwrap_or(DEFAULT_SLOTS), &parameters)?;
    let directory = || format!("{}", args.out.display());
    fs::create_dir_all(&args.out).with_context(directory)?;
    let file = args.out.join(format!("{}.v", core.module()));
    fs::write(&file, text).with_context(|| format!("{}", file.display()))?;
    eprintln!("{}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// The Verilog of a core.
fn verilog(core: Core, slots: u8, parameters: &Parameters) -> anyhow::Result<String> {
    let host = |core: &dyn Block| peb_verilog::export(core, "peb_host");
    let text = match (core, slots) {
        (Core::Io, _) => peb_verilog::export(&PebIo::default(), "peb_io"),
        (Core::Host, 1) => host(&PebHostOf::<1>::new(parameters)),
        (Core::Host, 2) => host(&PebHostOf::<2>::new(parameters)),
        (Core::Host, 3) => host(&PebHostOf::<3>::new(parameters)),
        (Core::Host, 4) => host(&PebHostOf::<4>::new(parameters)),
        (Core::Host, 5) => host(&PebHostOf::<5>::new(parameters)),
        (Core::Host, 6) => host(&PebHostOf::<6>::new(parameters)),
        (Core::Host, 7) => host(&PebHostOf::<7>::new(parameters)),
        (Core::Host, _) => host(&PebHostOf::<8>::new(parameters)),
    };
    text.with_context(|| format!("core {}", core.module()))
}
