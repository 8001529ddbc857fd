//! Every scenario through the exported Verilog.

use std::thread;

use peb_sim::net::FaultConfig;
use peb_sim::scenario::{list, run, ScenarioConfig};
use peb_sim::world::Engine;

/// A run of a scenario.
#[derive(Clone, Copy)]
struct Run {
    name: &'static str,
    seed: u64,
    /// Share of frames lost, with pauses at all PCIe pins.
    drop: f64,
    /// Each device is an NVMe disk beside its DMA engine.
    disks: bool,
}

/// Performs them on all processors; gives those that failed.
fn failed(runs: Vec<Run>) -> Vec<String> {
    let threads = thread::available_parallelism().map_or(1, |n| n.get());
    let queue = std::sync::Mutex::new(runs.into_iter());
    let next = || queue.lock().expect("no panic holds it").next();
    let work = || std::iter::from_fn(next).filter_map(|run| problem(&run)).collect::<Vec<_>>();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a run does not panic")).collect()
    })
}

/// What was not as it must be.
fn problem(&Run { name, seed, drop, disks }: &Run) -> Option<String> {
    let config = ScenarioConfig {
        engine: Engine::Verilator,
        seed,
        faults: FaultConfig { drop, ..FaultConfig::default() },
        stalls: drop > 0.0,
        disks,
        ..ScenarioConfig::default()
    };
    let again = format!("peb sim --engine verilator --scenario {name} --seed {seed}");
    let again = if drop > 0.0 { format!("{again} --loss {}% --stalls", drop * 100.0) } else { again };
    let again = if disks { again + " --disks" } else { again };
    let report = match run(name, &config) {
        Ok(report) => report,
        Err(error) => return Some(format!("{again}: {error}")),
    };
    let problems: Vec<_> =
        report.problems().into_iter().map(|check| format!("{}: {}", check.clock, check.what)).collect();
    println!("{again}: {} clocks, {} problems", report.clocks, problems.len());
    if !problems.is_empty() {
        println!("{report}");
    }
    (!problems.is_empty()).then(|| format!("{again}: {problems:?}"))
}

/// All scenarios with these seeds.
fn all(seeds: std::ops::RangeInclusive<u64>, drop: f64, disks: bool) -> Vec<Run> {
    seeds.flat_map(|seed| list().into_iter().map(move |(name, _)| Run { name, seed, drop, disks })).collect()
}

fn assert_passed(runs: Vec<Run>) {
    let failed = failed(runs);
    assert!(failed.is_empty(), "{} runs failed:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn every_scenario_passes_on_a_perfect_network() {
    assert_passed(all(1..=1, 0.0, false));
}

#[test]
fn every_scenario_passes_with_disks_beside_the_dma_engines() {
    assert_passed(all(2..=2, 0.0, true));
}

#[test]
fn scenarios_pass_with_loss_and_stalls() {
    let names = ["hot-add", "use", "remove-busy", "short-outage", "move-busy", "nvme", "fuzz"];
    assert_passed(all(1..=1, 0.05, false).into_iter().filter(|run| names.contains(&run.name)).collect());
}

/// Random packets at every port through the exported Verilog, for a long time.
#[test]
#[ignore = "nightly"]
fn random_packets_for_ten_million_clocks() {
    random_packets(7, true, 10_000_000);
}

/// Seeds that have found something in three million clocks.
#[test]
#[ignore = "nightly"]
fn random_packets_of_seeds_that_once_failed() {
    [1, 7, 12, 16, 18, 32].into_iter().for_each(|seed| random_packets(seed, false, 3_300_000));
}

fn random_packets(seed: u64, stalls: bool, clocks: u64) {
    let config = ScenarioConfig { engine: Engine::Verilator, seed, stalls, clocks, ..ScenarioConfig::default() };
    let report = run("fuzz", &config).unwrap_or_else(|error| panic!("{error}"));
    assert!(report.clocks >= clocks && report.passed(), "seed {seed}: {report}");
}

#[test]
#[ignore = "nightly"]
fn every_scenario_passes_with_loss_and_stalls_of_many_seeds() {
    assert_passed(all(1..=20, 0.05, false));
    assert_passed(all(1..=5, 0.05, true));
}
