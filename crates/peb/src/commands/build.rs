//! `peb build`: the bitstream of a board.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use peb_boards::flow::{self, Report};

use super::design::{self, mac_text};
use crate::tools::{install_unless, Tools};

/// Build the bitstream of a board with open tools, and report its size and speed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Board, as `peb boards` lists it
    #[arg(long)]
    board: String,
    /// Folder to build in; made if it is not there [default: build/BOARD]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of placement: another one gives another result
    #[arg(long, default_value_t = 1)]
    seed: u32,
    #[command(flatten)]
    design: design::Options,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let boards = peb_boards::builtin()?;
    if !matches!(peb_boards::find(&boards, &args.board)?.flow, peb_boards::Flow::Ecp5 { .. }) {
        anyhow::bail!(
            "{0} is not built here: its FPGA needs Vivado. `peb gen --board {0} --design io --out DIR` writes a project (or --design host); then \
             `vivado -mode batch -source DIR/build.tcl`",
            args.board
        );
    }
    // Before anything is written.
    install_unless(|| flow::tools().map(drop), Tools::Bitstream)?;
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("build").join(&args.board));
    let design = design::write(&args.board, &folder, &args.design)?;
    eprintln!("{}: MAC {}, VLAN {}", design.folder.display(), mac_text(design.parameters.mac), design.parameters.vid);
    let sources: Vec<&str> = design.sources.iter().map(String::as_str).collect();
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut progress = |step: flow::Step, done: Option<Duration>| match done {
        None => {
            bar.reset_elapsed();
            bar.set_message(step.label());
        }
        Some(time) => bar.suspend(|| eprintln!("{:<32}{:>7.0} s", step.label(), time.as_secs_f64())),
    };
    let result = flow::build(&design.board, &folder, &sources, &design.constraints, args.seed, &mut progress);
    bar.finish_and_clear();
    let (report, bitstream) = result?;
    print!("{}", table(&report, start.elapsed()));
    println!("{}", bitstream.display());
    Ok(ExitCode::SUCCESS)
}

/// Size, speed and time of a build.
fn table(report: &Report, time: Duration) -> String {
    let mut out = String::new();
    for (name, (used, there)) in [("LUT4", report.lut4), ("FF", report.ff), ("block RAM", report.block_ram)] {
        let percent = 100.0 * used as f64 / there.max(1) as f64;
        out += &format!("{name:<24}{used:>8} of {there:>6}  {percent:>4.0} %\n");
    }
    for clock in &report.clocks {
        let margin = 100.0 * (clock.achieved / clock.constraint - 1.0);
        out += &format!(
            "{:<24}{:>8.1} MHz of {:.1} MHz, margin {margin:.0} %\n",
            format!("clock {}", clock.name),
            clock.achieved,
            clock.constraint
        );
    }
    out + &format!("{:<24}{:>8.0} s\n", "time", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use peb_boards::flow::Clock;

    #[test]
    fn the_table_has_size_speed_and_time() {
        let report = Report {
            lut4: (10_962, 43_848),
            ff: (7000, 43_848),
            block_ram: (54, 108),
            clocks: vec![Clock { name: "clk".into(), achieved: 137.5, constraint: 125.0 }],
            paths: vec![],
        };
        let text = table(&report, Duration::from_secs(360));
        for line in [
            "LUT4                       10962 of  43848    25 %",
            "clock clk                  137.5 MHz of 125.0 MHz, margin 10 %",
        ] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
    }
}
