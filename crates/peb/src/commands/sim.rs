//! `peb sim`: recorded PCIe traffic through two tunnel engines over a bad Ethernet.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use peb_sim::engine::{tunnel_pair, EngineConfig};
use peb_sim::net::{FaultConfig, PcapWriter};
use peb_sim::run::{PerDirection, Progress, Replay, ReplayConfig};
use peb_sim::trace::{Trace, NVME_HOTPLUG};

use crate::engine::EngineName;
use crate::units::{Share, Time};

mod output;
mod scenario;

/// Share of the frames that the replay loses unless told otherwise.
const DEFAULT_LOSS: f64 = 0.05;
/// Clocks of delay in the replay unless told otherwise: 5 us.
const DEFAULT_DELAY: u64 = 625;
/// TLPs replayed unless told otherwise.
const DEFAULT_LIMIT: usize = 7000;
/// Clocks without progress after which a run is given up, besides what the delay costs.
const PATIENCE: u64 = 400_000;

/// Replay recorded PCIe traffic through two tunnel engines over a bad Ethernet, or run a scenario.
///
/// Ends with status 0 only if every TLP was delivered exactly once, equal and in order, and, with loss asked for,
/// frames were really lost and sent again.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trace to replay: .tlps, pcap or pcapng (docs/trace-formats.md). Without it a recorded NVMe session
    #[arg(long, value_name = "FILE")]
    tlps: Option<PathBuf>,
    /// Run a scenario instead: hosts that boot, find, use and lose devices through complete PEBs
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tlps", "limit", "all"])]
    scenario: Option<String>,
    /// Print the names of the scenarios; with --json a list of them
    #[arg(long)]
    list_scenarios: bool,
    /// Scenario: what simulates the PEBs
    #[arg(long, value_enum, default_value = "rust", value_name = "ENGINE")]
    engine: EngineName,
    /// Scenario: random pauses at all PCIe pins
    #[arg(long, requires = "scenario")]
    stalls: bool,
    /// Scenario: each device is an NVMe disk, too, as its second function, used beside its DMA engine
    #[arg(long, requires = "scenario")]
    disks: bool,
    /// Scenario `fuzz`: go on for at least so many clocks
    #[arg(long, requires = "scenario", value_name = "N", default_value_t = 0)]
    clocks: u64,
    /// Share of the frames that are lost, each way [default: 5%, in a scenario 0%]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    loss: Option<Share>,
    /// Share of the frames that arrive twice
    #[arg(long, value_name = "SHARE", default_value = "0%", allow_hyphen_values = true)]
    dup: Share,
    /// Share of the frames that are overtaken by others
    #[arg(long, value_name = "SHARE", default_value = "0%", allow_hyphen_values = true)]
    reorder: Share,
    /// Share of the frames with inverted bits
    #[arg(long, value_name = "SHARE", default_value = "0%", allow_hyphen_values = true)]
    corrupt: Share,
    /// Delay of the network, one way; in a scenario, of each cable [default: 5us, in a scenario none]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    delay: Option<Time>,
    /// Largest random addition to the delay
    #[arg(long, value_name = "TIME", default_value = "0ns", allow_hyphen_values = true)]
    jitter: Time,
    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = any_number, allow_hyphen_values = true)]
    seed: u64,
    /// Replay the first N TLPs of the trace
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LIMIT, value_parser = at_least_one, allow_hyphen_values = true)]
    limit: usize,
    /// Replay the whole trace
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Write the frames at the host PEB for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write a waveform of all signals
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("out of range: 1 or more".into()),
        Ok(n) => Ok(n),
        Err(_) => Err("not a number: 1 or more".into()),
    }
}

fn any_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("not a number: 0 to {}", u64::MAX))
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.list_scenarios {
        return scenario::list(args.json);
    }
    if let Some(name) = &args.scenario {
        return scenario::run(name, args);
    }
    if args.engine == EngineName::Verilator {
        anyhow::bail!("--engine verilator applies to --scenario; the replay of a trace runs in Rust");
    }
    let mut trace = match &args.tlps {
        Some(file) => Trace::read(file)?,
        None => Trace::parse("built-in trace", NVME_HOTPLUG)?,
    };
    if !args.all {
        trace.records.truncate(args.limit);
    }
    let pair = tunnel_pair(&EngineConfig { vcd: args.vcd.clone() })?;
    let mut replay = Replay::new(pair, &trace, args.replay_config());
    if let Some(file) = &args.pcap {
        let name = || format!("{}", file.display());
        let writer = BufWriter::new(File::create(file).with_context(name)?);
        replay.capture(PcapWriter::new(writer).with_context(name)?);
    }
    let bar = progress_bar(trace.records.len());
    let begin = Instant::now();
    let report = replay.run(|progress| show(&bar, progress, begin.elapsed()));
    let elapsed = begin.elapsed();
    bar.finish_and_clear();

    if args.json {
        println!("{}", output::json(&report, elapsed)?);
    } else {
        print!("{}", output::table(&report, elapsed));
    }
    let problems = report.problems();
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Args {
    /// What happens to frames; `loss` and `delay`, in clocks, unless the user says.
    fn faults(&self, loss: f64, delay: u64) -> FaultConfig {
        FaultConfig {
            drop: self.loss.as_ref().map_or(loss, |share| share.0),
            duplicate: self.dup.0,
            reorder: self.reorder.0,
            corrupt: self.corrupt.0,
            delay: self.delay.map_or(delay, Time::clocks),
            jitter: self.jitter.clocks(),
            ..FaultConfig::default()
        }
    }

    fn replay_config(&self) -> ReplayConfig {
        let faults = self.faults(DEFAULT_LOSS, DEFAULT_DELAY);
        // A frame may be lost several times before it gets through; each time costs some round trips.
        let patience = PATIENCE + 20 * (faults.delay + faults.jitter);
        ReplayConfig {
            faults: PerDirection::from_fn(|_| faults.clone()),
            seed: self.seed,
            patience,
            ..ReplayConfig::default()
        }
    }
}

fn progress_bar(tlps: usize) -> ProgressBar {
    let bar = ProgressBar::new(tlps as u64);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} TLPs  {msg}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn show(bar: &ProgressBar, progress: Progress, elapsed: Duration) {
    bar.set_position(progress.delivered.min(progress.total));
    let rate = progress.clock as f64 / elapsed.as_secs_f64().max(1e-3);
    bar.set_message(format!("{} frames lost, {rate:.0} clocks/s", progress.lost));
}
