//! `peb linux`: a stock kernel in QEMU uses disks behind simulated PEBs.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail, Context};
use peb_config::Parameters;
use peb_guest::front::Front;
use peb_guest::lab::Watch;
use peb_guest::packages;
use peb_guest::qemu::QemuConfig;
use peb_guest::scenario::{with_cores, Report, Scenario, Step};
use peb_guest::serial::Line;
use peb_sim::net::{FaultConfig, PcapWriter};
use peb_sim::world::{Operated, Peb, RtlConfig, RtlFabric};

use crate::cable::Cable;
use crate::engine::EngineName;
use crate::operator::Socket;
use crate::units::Share;

mod terminal;

use terminal::Terminal;

/// Bytes of memory of a guest.
const MEMORY: u64 = 256 << 20;
/// Scenario unless told otherwise.
const DEFAULT: &str = "default";
/// The same at a real network.
const REMOTE: &str = "remote";
/// What is worth seeing of a kernel's messages.
const SHOWN: [&str; 5] = ["pciehp: Slot(", "nvme", "OS now controls", "Linux version", "vmd "];

/// Let a stock Debian kernel in QEMU use NVMe disks behind simulated PEBs.
///
/// Fetches QEMU, kernel and shell as Debian packages if they are not there. Ends with status 0 only if every step was
/// as it must be and the kernel had nothing to complain of. Meanwhile `peb ctl` puts disks in, pulls them, moves them to
/// other VLANs, cuts cables and loses frames.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What happens; --list-scenarios names all [default: default, with --iface or --tap: remote]
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// The shortest scenario: boot, hot-add, removal
    #[arg(long, conflicts_with = "scenario")]
    quick: bool,
    /// Print the names of the scenarios
    #[arg(long)]
    list_scenarios: bool,
    /// Use the guest's shell yourself, with guests and disks of the scenario; Ctrl-D ends. With two guests Ctrl-] goes to
    /// the other
    #[arg(long)]
    shell: bool,
    #[command(flatten)]
    cable: Cable,
    /// What simulates the PEBs; the simulation in Rust is so slow that a busy machine's kernel may complain
    #[arg(long, value_enum, default_value = "verilator", value_name = "ENGINE")]
    engine: EngineName,
    /// Share of the frames that are lost, each way
    #[arg(long, value_name = "SHARE", default_value = "0%", allow_hyphen_values = true)]
    loss: Share,
    /// Seed of the losses
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Let the kernel find the PEBs behind Intel's Volume Management Device, with its driver vmd, instead of a PCI host bridge
    #[arg(long)]
    vmd: bool,
    /// A bzImage or vmlinux instead of Debian's kernel; NVMe and PCIe hot-plug must be built in, and VMD for --vmd
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Where to write the consoles and what happened in the simulated world
    #[arg(long, value_name = "DIR", default_value = "target/linux")]
    log: PathBuf,
    /// Write the frames of all PEBs for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write waveforms, one file a core; slow, and large
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    /// Negative control: host PEBs generated with Hot-Plug Capable = 0 in their slots; must fail
    #[arg(long)]
    no_hot_plug: bool,
    /// Show all that the kernel says
    #[arg(long)]
    console: bool,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let all = with_cores();
    if args.list_scenarios {
        for scenario in all {
            println!("{:<18} {}", scenario.name, scenario.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let scenario = chosen(args, all)?;
    let mut show = Show {
        everything: args.console,
        socket: Socket::listen(&args.log, false)?,
        terminal: args.shell.then(Terminal::new),
    };
    let front = if args.vmd { Front::Vmd } else { Front::HostBridge };
    let files = packages::provide(args.kernel.as_deref(), front, |what| println!("  {what} ..."))?;
    println!("{}: {}", scenario.name, scenario.about);
    if args.shell {
        println!("  kernel messages go to {}; `peb ctl add` from another terminal puts a disk in", args.log.display());
    }

    let config = QemuConfig { files, front, memory: MEMORY, append: String::new() };
    let (report, end) = scenario.perform(fabric(args, &scenario)?, &config, &mut show);
    show.terminal = None;
    write_logs(&args.log, &report)?;
    let end = end.map_err(anyhow::Error::from).and_then(|mut fabric| Ok(fabric.finish_capture()?));
    if let Err(error) = end {
        println!("\u{2717} failed after {:.1} s: {error:#}", report.wall.as_secs_f64());
        println!("  consoles and timeline are in {}", args.log.display());
        return Ok(ExitCode::FAILURE);
    }
    summary(&report);
    Ok(ExitCode::SUCCESS)
}

/// The scenario that was asked for. With a real network it is one whose disks are elsewhere.
fn chosen(args: &Args, all: Vec<Scenario<RtlFabric>>) -> anyhow::Result<Scenario<RtlFabric>> {
    let plugged = args.cable.is_plugged();
    let name = match (args.quick, &args.scenario) {
        (true, _) => "quick",
        (false, Some(name)) => name,
        (false, None) if plugged => REMOTE,
        (false, None) => DEFAULT,
    };
    let names = all.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    let scenario = all.into_iter().find(|scenario| scenario.name == name);
    let scenario = scenario.ok_or_else(|| anyhow!("no scenario is called {name:?}; there are {names}"))?;
    match (scenario.real_time, plugged) {
        (true, false) => bail!("scenario {name}: --iface or --tap must say where the other process is"),
        (false, true) => {
            bail!("scenario {name} has its disks in this process; with --iface or --tap there is {REMOTE}")
        }
        _ => Ok(if args.shell { scenario.played() } else { scenario }),
    }
}

fn fabric(args: &Args, scenario: &Scenario<RtlFabric>) -> anyhow::Result<RtlFabric> {
    let engine = args.engine.engine()?;
    if args.engine == EngineName::Verilator {
        println!("  compiling the exported Verilog, if that was not done before ...");
    }
    let outside = args.cable.open()?;
    let (hosts, mac) = match outside {
        Some(_) => (vec![args.cable.vlan], Some(args.cable.mac().0)),
        None => (scenario.hosts.to_vec(), None),
    };
    let mut fabric = RtlFabric::new(RtlConfig {
        engine,
        vcd: args.vcd.clone(),
        hosts,
        ios: scenario.ios.to_vec(),
        vids: vec![10, 20],
        faults: FaultConfig { drop: args.loss.0, ..FaultConfig::default() },
        seed: args.seed,
        mac,
        parameters: Parameters { hot_plug: !args.no_hot_plug, ..Parameters::default() },
    })?;
    if let Some(outside) = outside {
        fabric.plug(Peb::Host(0), outside);
    }
    if let Some(file) = &args.pcap {
        let name = || file.display().to_string();
        fabric.capture(PcapWriter::new(BufWriter::new(File::create(file).with_context(name)?)).with_context(name)?);
    }
    Ok(fabric)
}

/// What is seen while a scenario runs.
struct Show {
    everything: bool,
    socket: Socket,
    terminal: Option<Terminal>,
}

impl Watch for Show {
    fn line(&mut self, guest: &str, line: &Line) {
        if self.terminal.as_ref().is_some_and(Terminal::is_in_use) {
            return;
        }
        if self.everything || SHOWN.iter().any(|part| line.text.contains(part)) {
            println!("    {guest}: {}", line.text);
        }
    }

    fn done(&mut self, step: &Step) {
        let (wall, clocks) = (step.wall.as_secs_f64(), step.clocks as f64 * 8e-6);
        let Step { name, detail, .. } = step;
        println!("\u{2713} {name:<58} {wall:6.2} s, simulated {clocks:8.2} ms  {detail}");
    }

    fn attend(&mut self, world: &mut dyn Operated) {
        self.socket.attend(world);
    }

    fn typed(&mut self) -> Option<(usize, Vec<u8>)> {
        self.terminal.as_mut()?.typed()
    }

    fn wrote(&mut self, guest: usize, bytes: &[u8]) {
        if let Some(terminal) = &mut self.terminal {
            terminal.wrote(guest, bytes);
        }
    }
}

fn write_logs(dir: &Path, report: &Report) -> anyhow::Result<()> {
    for (guest, console) in &report.consoles {
        let file = dir.join(format!("{}.log", guest.replace(' ', "-")));
        fs::write(&file, console).with_context(|| file.display().to_string())?;
    }
    let file = dir.join("timeline.txt");
    fs::write(&file, &report.timeline).with_context(|| file.display().to_string())
}

fn summary(report: &Report) {
    let wall = report.wall.as_secs_f64();
    let rate = report.clocks as f64 / wall.max(1e-3);
    println!("passed in {wall:.1} s, {} clocks simulated, {rate:.0} clocks/s", report.clocks);
    for (n, accesses) in report.accesses.iter().enumerate() {
        let answered = accesses.config_reads + accesses.config_writes + accesses.reads;
        println!(
            "guest {n}: {} configuration reads, {} writes; {} memory reads, {} writes; {:.1} us simulated for each with an answer",
            accesses.config_reads,
            accesses.config_writes,
            accesses.reads,
            accesses.writes,
            accesses.clocks as f64 * 8e-3 / answered.max(1) as f64,
        );
    }
    println!("interrupts: {}", report.interrupts);
}
