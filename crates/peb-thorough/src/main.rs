//! Scores recordings of block tests block by block, and writes `docs/thoroughness.md` if told to. Run by
//! `cargo xtask thorough`, which makes the recordings.

mod subject;

use anyhow::Context;
use clap::Parser;
use subject::{subjects, Measured, Thoroughness};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Lines, toggles and faults of each block that its tests exercise and notice.
#[derive(Parser)]
#[command(name = "peb-thorough")]
struct Args {
    /// Directory that the tests have filled, run with PEB_RECORDINGS set to it
    recordings: PathBuf,
    /// Only blocks whose name contains this; may be given several times
    #[arg(long)]
    block: Vec<String>,
    /// Percentage of lines and of toggles that each block must reach
    #[arg(long, default_value_t = 95.0)]
    least_coverage: f64,
    /// Percentage of faults that must be noticed in each block
    #[arg(long, default_value_t = 90.0)]
    least_mutants: f64,
    /// Faults in each block, at most
    #[arg(long, default_value_t = 50)]
    mutants: usize,
    /// List what is not exercised and not noticed; measure what has passed before, too
    #[arg(long)]
    verbose: bool,
    /// Write the table into docs/thoroughness.md
    #[arg(long)]
    write: bool,
}

const HEAD: &str = "# How thoroughly each block is tested

What the tests of each block exercise of its Verilog, all of them together: lines, toggles (bits of signals, each direction), and how many random
faults in its logic they notice. Lines and toggles are those of the block's own module, faults those of its own logic: the blocks
within it have a row of their own. A block is judged by its recordings by itself; where they are not enough, or there are none, also by those of the
blocks that contain it, from their ports. A block that is never recorded by itself is named by the field that leads to it. A bit that yosys proves
constant does not count. `cargo xtask thorough -- --write` writes this file.

| block | recorded | recordings | clocks | lines % | toggles % | faults noticed % |
|---|---|---|---|---|---|---|
";

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let stored = peb_verilog::stored::stored(&args.recordings).with_context(|| args.recordings.display().to_string())?;
    let designs: Vec<Measured> = stored.iter().map(Measured::new).collect();
    let least = [args.least_coverage, args.least_coverage, args.least_mutants];
    let (mut table, mut below) = (String::from(HEAD), vec![]);
    let wanted = |name: &str| args.block.is_empty() || args.block.iter().any(|part| name.contains(part.as_str()));
    for subject in subjects(&designs).iter().filter(|s| wanted(&s.name)) {
        let passed = subject.passed(args.mutants, least).filter(|_| !args.verbose);
        let percent = match passed {
            Some(percent) => percent,
            None => {
                let found = subject.measure(args.mutants, least).with_context(|| subject.name.clone())?;
                if args.verbose {
                    list(&subject.name, &found);
                }
                found.percent()
            }
        };
        let (recordings, clocks) = subject.size();
        let how = if subject.own { "itself" } else { "within" };
        let [lines, toggles, mutants] = percent.map(|p| format!("{p:.1}"));
        let row = format!("| `{}` | {how} | {recordings} | {clocks} | {lines} | {toggles} | {mutants} |", subject.name);
        eprintln!("{row}");
        let _ = writeln!(table, "{row}");
        if percent.iter().zip(least).any(|(is, least)| *is < least) {
            below.push(subject.name.clone());
        }
    }
    if args.write {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/thoroughness.md"), &table)?;
    }
    if below.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let (coverage, mutants) = (args.least_coverage, args.least_mutants);
    eprintln!("below {coverage} % of lines or toggles or {mutants} % of faults: {}", below.join(", "));
    Ok(ExitCode::FAILURE)
}

fn list(name: &str, found: &Thoroughness) {
    for (what, (all, missing)) in [("line", &found.lines), ("toggle", &found.toggles), ("fault", &found.mutants)] {
        println!("{name}: {} of {all} {what}s missing", missing.len());
        missing.iter().for_each(|text| println!("    {what} {text}"));
    }
}
