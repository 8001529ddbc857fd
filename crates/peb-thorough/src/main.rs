//! Scores recordings of block tests block by block, and compares with `docs/thoroughness.md` or writes it. Run by
//! `cargo xtask thorough`, which makes the recordings.

mod record;
mod subject;
mod waived;

use anyhow::Context;
use clap::Parser;
use record::{Record, Row};
use std::path::PathBuf;
use std::process::ExitCode;
use subject::{subjects, Measured, Thoroughness, GOAL};

/// Lines, toggles and faults of each block that its tests exercise and notice.
#[derive(Parser)]
#[command(name = "peb-thorough")]
struct Args {
    /// Directory that the tests have filled, run with PEB_RECORDINGS set to it
    recordings: PathBuf,
    /// Only blocks whose name contains this
    filter: Option<String>,
    /// List what is not exercised and not noticed; measure what has passed before, too
    #[arg(long)]
    verbose: bool,
    /// Write what was measured into docs/thoroughness.md, block by block
    #[arg(long)]
    write: bool,
}

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
    let stored =
        peb_verilog::stored::stored(&args.recordings).with_context(|| args.recordings.display().to_string())?;
    let designs: Vec<Measured> = stored.iter().map(Measured::new).collect();
    let mut record = Record::read()?;
    let (mut measured, mut worse) = (vec![], vec![]);
    for subject in subjects(&designs) {
        if args.filter.as_ref().is_some_and(|part| !subject.name.contains(part.as_str())) {
            continue;
        }
        let percent = match subject.passed().filter(|_| !args.verbose) {
            Some(percent) => percent,
            None => {
                let found = subject.measure().with_context(|| subject.name.clone())?;
                if args.verbose {
                    list(&subject.name, &found);
                }
                found.percent()
            }
        };
        let (recordings, clocks) = subject.size();
        let row = Row { name: subject.name.clone(), own: subject.own, recordings, clocks, percent };
        println!("{row}");
        if record.is_better_than(&row) {
            worse.push(row.name.clone());
        }
        if args.write {
            record.update(row.clone());
            record.write()?;
        }
        measured.push(row);
    }
    let gone = record.gone(&measured);
    if args.write {
        if args.filter.is_none() {
            record.keep(&measured);
            record.write()?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.filter.is_none() && !gone.is_empty() {
        eprintln!("in docs/thoroughness.md, but no test records them: {}", gone.join(", "));
        return Ok(ExitCode::FAILURE);
    }
    if worse.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("below {GOAL:?} % and what docs/thoroughness.md says: {}", worse.join(", "));
    Ok(ExitCode::FAILURE)
}

fn list(name: &str, found: &Thoroughness) {
    for (what, (all, missing)) in [("line", &found.lines), ("toggle", &found.toggles), ("fault", &found.mutants)] {
        println!("{name}: {} of {all} {what}s missing", missing.len());
        missing.iter().for_each(|text| println!("    {what} {text}"));
    }
}
