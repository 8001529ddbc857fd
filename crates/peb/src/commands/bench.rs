//! `peb bench`: the figures of `docs/performance.md`, measured.

use std::process::ExitCode;

use peb_area::{designs, fmax, measure, Step, Subject};
use peb_sim::bench::{self, Figure};
use peb_verilog::synth::Area;
use peb_verilog::HarnessError;

/// Measure goodput, latency, size and speed, and print each figure beside its limit.
///
/// Sizes are of an ECP5: LUT4 cells, and two for each carry cell. They need the tools of tools/setup.sh and some minutes the first time.
/// Ends with status 0 only if every figure is within its limit.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print a JSON list of objects with name, value, unit, limit and ok
    #[arg(long)]
    json: bool,
    /// Leave the sizes out
    #[arg(long, conflicts_with = "fmax")]
    no_area: bool,
    /// Place and route as well: the highest clock of cores and tunnel, some minutes each
    #[arg(long)]
    fmax: bool,
}

/// Most LUT4 and block RAMs.
const LIMITS: [(&str, &str, f64, f64); 3] = [
    ("peb_io", "peb_io", 9_000.0, 40.0),
    ("peb_host", "peb_host, 4 slots", 14_000.0, 100.0),
    ("tunnel_io", "tunnel and MAC, I/O side", 6_000.0, 40.0),
];
/// Most LUT4 for one more session of the tunnel, with the sizes it is told from.
const SESSION: ([&str; 2], f64) = (["tunnel_host_4", "tunnel_host_8"], 300.0);
/// Least clock in MHz.
const CLOCK: f64 = 125.0;

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut figures = Vec::new();
    if !args.json {
        println!("{}", line("figure", "value", "limit", "unit", ""));
    }
    let mut figure = |figure: Figure| {
        if !args.json {
            print_figure(&figure);
        }
        figures.push(figure);
    };
    bench::run(&mut figure)?;
    let mut missing = false;
    if !args.no_area {
        if let Err(error) = sizes(&mut figure).and_then(|()| if args.fmax { speeds(&mut figure) } else { Ok(()) }) {
            eprintln!("error: size and speed are not measured: {error}");
            missing = true;
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    let ok = !missing && figures.iter().all(|figure| figure.ok);
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn subjects(names: &[&str]) -> Vec<Subject> {
    let all = designs();
    names.iter().filter_map(|name| all.iter().find(|subject| subject.name == *name).copied()).collect()
}

/// The sizes, each as soon as all are there.
fn sizes(figure: &mut impl FnMut(Figure)) -> Result<(), HarnessError> {
    let names: Vec<&str> = LIMITS.iter().map(|limit| limit.0).chain(SESSION.0).collect();
    let areas = measure(&subjects(&names), |name| eprintln!("size of {name} ..."))?;
    for ((_, what, lut4, block_ram), area) in LIMITS.iter().zip(&areas) {
        figure(Figure::at_most(format!("{what}, LUT4"), area.lut4() as f64, "LUT4", *lut4));
        figure(Figure::at_most(format!("{what}, block RAM"), area.block_ram as f64, "block RAM", *block_ram));
    }
    let [.., small, large] = &areas[..] else { return Ok(()) };
    figure(session(small, large));
    Ok(())
}

/// What one more session costs, from the sizes with 4 and 8.
fn session(small: &Area, large: &Area) -> Figure {
    Figure::at_most("tunnel, each further session".into(), Step::between(small, large, 4).lut4, "LUT4", SESSION.1)
}

/// The highest clocks.
fn speeds(figure: &mut impl FnMut(Figure)) -> Result<(), HarnessError> {
    let names = LIMITS.map(|limit| limit.0);
    let speeds = fmax(&subjects(&names), |name| eprintln!("place and route of {name} ..."))?;
    for ((_, what, ..), mhz) in LIMITS.iter().zip(speeds) {
        figure(Figure::at_least(format!("{what}, clock"), mhz, "MHz", CLOCK));
    }
    Ok(())
}

fn print_figure(figure: &Figure) {
    let verdict = if figure.ok { "ok" } else { "MISSED" };
    let (value, limit) = (format!("{:.1}", figure.value), format!("{:.1}", figure.limit));
    println!("{}", line(&figure.name, &value, &limit, figure.unit, verdict));
}

fn line(name: &str, value: &str, limit: &str, unit: &str, verdict: &str) -> String {
    format!("{name:52}{value:>10}{limit:>10} {unit:10}{verdict}").trim_end().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_are_designs() {
        let names: Vec<&str> = LIMITS.iter().map(|limit| limit.0).chain(SESSION.0).collect();
        let found: Vec<&str> = subjects(&names).iter().map(|subject| subject.name).collect();
        assert_eq!(found, names);
    }

    #[test]
    fn a_session_costs_a_quarter_of_four() {
        let area = |lut4_cells| Area { lut4_cells, ccu2c: 10, ..Area::default() };
        let figure = session(&area(7000), &area(8300));
        assert_eq!((figure.value, figure.limit, figure.ok), (325.0, 300.0, false));
    }
}
