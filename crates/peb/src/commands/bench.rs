//! `peb bench`: the figures of `docs/performance.md`, measured.

use std::process::ExitCode;

use peb_sim::bench::{self, Figure};

/// Measure goodput, latency and size, and print each figure beside its limit.
///
/// Ends with status 0 only if every figure is within its limit.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print a JSON list of objects with name, value, unit, limit and ok
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut figures = Vec::new();
    if !args.json {
        println!("{}", line("figure", "value", "limit", "unit", ""));
    }
    bench::run(|figure| {
        if !args.json {
            print_figure(&figure);
        }
        figures.push(figure);
    })?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    let ok = figures.iter().all(|figure| figure.ok);
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_figure(figure: &Figure) {
    let verdict = if figure.ok { "ok" } else { "MISSED" };
    let (value, limit) = (format!("{:.1}", figure.value), format!("{:.1}", figure.limit));
    println!("{}", line(&figure.name, &value, &limit, figure.unit, verdict));
}

fn line(name: &str, value: &str, limit: &str, unit: &str, verdict: &str) -> String {
    format!("{name:52}{value:>10}{limit:>10} {unit:10}{verdict}").trim_end().into()
}
