//! `peb device`: a disk behind an I/O PEB at a real network.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use peb_sim::device::nvme::{Medium, Nvme, NvmeConfig};
use peb_sim::device::{Device, DeviceConfig, DmaEngine};

use crate::station::{Options, Station};

/// Clocks between two looks at the time.
const BATCH: u64 = 64;

/// An NVMe disk behind a simulated I/O PEB whose Ethernet port is a network interface.
///
/// Its second function is a DMA engine for tests.
///
/// A host PEB in the same VLAN, as of `peb linux --iface` or `peb host`, attaches it. Runs until `peb ctl stop`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: Options,
    /// Where the disk's blocks are: a file, which is made if there is none [default: memory]
    #[arg(long, value_name = "FILE")]
    disk: Option<PathBuf>,
    /// Size of a new disk in MiB
    #[arg(long, value_name = "MIB", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    size: u64,
    /// Serial number of the disk
    #[arg(long, value_name = "NAME", default_value = "DISK0")]
    serial: String,
    /// The disk is not in its slot before `peb ctl add`
    #[arg(long)]
    absent: bool,
    /// Directory of the run, by which `peb ctl` finds it
    #[arg(long, value_name = "DIR", default_value = "target/device")]
    log: PathBuf,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let medium = match &args.disk {
        Some(file) => Medium::file(file, args.size << 20).with_context(|| file.display().to_string())?,
        None => Medium::memory(args.size << 20),
    };
    let settings = DeviceConfig { name: "disk".into(), ..DeviceConfig::default() };
    let config = NvmeConfig { serial: args.serial.clone(), vendor: settings.vendor, ..NvmeConfig::default() };
    let engine = DmaEngine::new(settings.memory);
    let mut device = Device::with(settings, Nvme::new(config, medium)).and(engine);
    device.set_present(!args.absent);
    let mut station = Station::new(&args.options, &args.log, Err(device))?;
    while !station.is_stopped() {
        station.world.advance(BATCH);
        station.attend()?;
    }
    station.finish()?;
    Ok(ExitCode::SUCCESS)
}
