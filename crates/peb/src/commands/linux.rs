//! `peb linux`: a stock kernel in QEMU uses disks behind simulated PEBs.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, Context};
use peb_config::Parameters;
use peb_guest::lab::Watch;
use peb_guest::packages;
use peb_guest::qemu::QemuConfig;
use peb_guest::scenario::{perform, scenarios, Report, Scenario, Step};
use peb_guest::serial::Line;
use peb_sim::net::{FaultConfig, PcapWriter};
use peb_sim::world::{RtlConfig, RtlFabric};

use crate::engine::EngineName;
use crate::units::Share;

/// Bytes of memory of a guest.
const MEMORY: u64 = 256 << 20;
/// What is worth seeing of a kernel's messages.
const SHOWN: [&str; 4] = ["pciehp: Slot(", "nvme", "OS now controls", "Linux version"];

/// Let a stock Debian kernel in QEMU use NVMe disks behind simulated PEBs.
///
/// Fetches QEMU, kernel and shell as Debian packages if they are not there. Ends with status 0 only if every step was
/// as it must be and the kernel had nothing to complain of.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What happens; --list-scenarios names all
    #[arg(long, value_name = "NAME", default_value = "default")]
    scenario: String,
    /// The shortest scenario: boot, hot-add, removal
    #[arg(long, conflicts_with = "scenario")]
    quick: bool,
    /// Print the names of the scenarios
    #[arg(long)]
    list_scenarios: bool,
    /// What simulates the PEBs; the simulation in Rust is so slow that a busy machine's kernel may complain
    #[arg(long, value_enum, default_value = "verilator", value_name = "ENGINE")]
    engine: EngineName,
    /// Share of the frames that are lost, each way
    #[arg(long, value_name = "SHARE", default_value = "0%", allow_hyphen_values = true)]
    loss: Share,
    /// Seed of the losses
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A bzImage or vmlinux instead of Debian's kernel; NVMe and PCIe hot-plug must be built in
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
    let all = scenarios::<RtlFabric>();
    if args.list_scenarios {
        for scenario in all {
            println!("{:<18} {}", scenario.name, scenario.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let name = if args.quick { "quick" } else { &args.scenario };
    let names = || all.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    let scenario = all.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.ok_or_else(|| anyhow!("no scenario is called {name:?}; there are {}", names()))?;
    fs::create_dir_all(&args.log).with_context(|| args.log.display().to_string())?;
    let files = packages::provide(args.kernel.as_deref(), |what| println!("  {what} ..."))?;
    println!("{}: {}", scenario.name, scenario.about);

    let mut show = Show { everything: args.console };
    let config = QemuConfig { files, memory: MEMORY, append: String::new() };
    let (report, end) = perform(scenario, fabric(args, scenario)?, &config, &mut show);
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

fn fabric(args: &Args, scenario: &Scenario<RtlFabric>) -> anyhow::Result<RtlFabric> {
    if args.engine == EngineName::Verilator {
        println!("  compiling the exported Verilog, if that was not done before ...");
    }
    let mut fabric = RtlFabric::new(RtlConfig {
        engine: args.engine.into(),
        vcd: args.vcd.clone(),
        hosts: scenario.hosts.to_vec(),
        ios: scenario.ios.to_vec(),
        vids: vec![10, 20],
        faults: FaultConfig { drop: args.loss.0, ..FaultConfig::default() },
        seed: args.seed,
        parameters: Parameters { hot_plug: !args.no_hot_plug, ..Parameters::default() },
    })?;
    if let Some(file) = &args.pcap {
        let name = || file.display().to_string();
        fabric.capture(PcapWriter::new(BufWriter::new(File::create(file).with_context(name)?)).with_context(name)?);
    }
    Ok(fabric)
}

/// What is seen while a scenario runs.
struct Show {
    everything: bool,
}

impl Watch for Show {
    fn line(&mut self, guest: &str, line: &Line) {
        if self.everything || SHOWN.iter().any(|part| line.text.contains(part)) {
            println!("    {guest}: {}", line.text);
        }
    }

    fn done(&mut self, step: &Step) {
        let (wall, clocks) = (step.wall.as_secs_f64(), step.clocks as f64 * 8e-6);
        let Step { name, detail, .. } = step;
        println!("\u{2713} {name:<58} {wall:6.2} s, simulated {clocks:8.2} ms  {detail}");
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
