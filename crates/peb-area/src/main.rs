//! Measures everything in `docs/area.md`, and writes it if told to. Run by `cargo xtask area`.

use clap::Parser;
use peb_area::{designs, fmax, measure, Kind, Record, Row, Subject};
use std::path::Path;
use std::process::ExitCode;

/// Sizes of cores and blocks beside what docs/area.md records.
#[derive(Parser)]
#[command(name = "cargo xtask area")]
struct Args {
    /// Write what is measured into docs/area.md
    #[arg(long)]
    accept: bool,
    /// Place and route the cores too: some minutes each
    #[arg(long)]
    fmax: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/area.md");
    let recorded = Record::parse(&std::fs::read_to_string(&file)?)?;
    let subjects = designs();
    let progress = |name: &str| eprintln!("{name}");
    let areas = measure(&subjects, progress)?;
    let cores: Vec<Subject> = subjects.iter().filter(|subject| subject.kind == Kind::Core).copied().collect();
    let speeds = if args.fmax { fmax(&cores, progress)? } else { vec![] };
    let mut now = Record::default();
    for (subject, &area) in subjects.iter().zip(&areas) {
        let old = recorded.0.get(subject.name).and_then(|row| row.fmax);
        let new = cores.iter().zip(&speeds).find(|(core, _)| core.name == subject.name).map(|(_, &mhz)| mhz);
        let row = Row { area, fmax: new.or(old) };
        for problem in recorded.compare(subject.name, &row, true) {
            println!("{problem}");
        }
        now.0.insert(subject.name.to_string(), row);
    }
    if args.accept {
        std::fs::write(&file, now.render())?;
        println!("docs/area.md written");
    } else {
        print!("{}", now.render());
    }
    Ok(ExitCode::SUCCESS)
}
