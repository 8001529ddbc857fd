//! `peb sim --scenario`: complete PEBs between hosts and devices.

use std::process::ExitCode;
use std::time::Instant;

use peb_config::Parameters;
use peb_sim::scenario::{self, ScenarioConfig};
use serde_json::json;

use super::Args;

/// Prints what scenarios there are.
pub fn list(as_json: bool) -> anyhow::Result<ExitCode> {
    let scenarios = scenario::list();
    if as_json {
        let names: Vec<&str> = scenarios.iter().map(|(name, _)| *name).collect();
        println!("{}", serde_json::to_string_pretty(&names)?);
    } else {
        for (name, about) in scenarios {
            println!("{name:<18} {about}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a scenario and prints its timeline and what was checked.
pub fn run(name: &str, args: &Args) -> anyhow::Result<ExitCode> {
    let config = ScenarioConfig {
        engine: args.engine.into(),
        seed: args.seed,
        faults: args.faults(0.0, 0),
        stalls: args.stalls,
        disks: args.disks,
        clocks: args.clocks,
        vcd: args.vcd.clone(),
        pcap: args.pcap.clone(),
    };
    config.engine.prepare(&Parameters::default(), config.vcd.is_some())?;
    let begin = Instant::now();
    let report = scenario::run(name, &config)?;
    let rate = report.clocks as f64 / begin.elapsed().as_secs_f64().max(1e-3);
    if args.json {
        let mut value = serde_json::to_value(&report)?;
        value["passed"] = json!(report.passed());
        value["clocks_per_second"] = json!(rate.round());
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print!("{report}");
        println!("{rate:.0} clocks/s");
    }
    for problem in report.problems() {
        eprintln!("error: {}: {}", report.name, problem.what);
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
