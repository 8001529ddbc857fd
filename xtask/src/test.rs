//! `cargo xtask test`: what CI runs; `cargo xtask nightly`: what takes too long for that.

use crate::steps::{cargo, root, step, Step};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// Installs the tools, then format, lints and all tests.
pub fn run() -> Result<()> {
    tools()?;
    step("format", 5, cargo(&["fmt", "--all", "--", "--check"]))?;
    step("lints", 30, cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("generated files", 10, cargo(&["xtask", "gen", "--check"]))?;
    step("tests are built", 60, cargo(&["test", "--quiet", "--workspace", "--no-run"]))?;
    // Place and route keep one core busy for minutes, whatever the number of cores: the other tests run beside them.
    let bitstream = Step::start("bitstream", 60, cargo(&["test", "--workspace", "--test", "bitstream"]))?;
    let tests = step("tests", 60, cargo(&["test", "--workspace", "--no-fail-fast", "--", "--skip", BITSTREAM]));
    bitstream.end().and(tests)
}

/// The test that runs beside the others.
const BITSTREAM: &str = "the_versa_becomes_a_bitstream";

/// Installs the tools, then runs every test marked `#[ignore = "nightly"]`: more seeds, more clocks, more boards. Then
/// [`thorough`].
pub fn nightly() -> Result<()> {
    tools()?;
    let tests = step("nightly tests", 600, cargo(&["test", "--workspace", "--no-fail-fast", "--", "--ignored"]));
    tests.and(thorough(&Thorough { filter: None, recordings: None, seed: 1, arguments: vec![] }))
}

/// Options of `thorough`.
#[derive(clap::Args)]
pub struct Thorough {
    /// Only blocks whose name contains this
    filter: Option<String>,
    /// Recordings of an earlier run, instead of running the tests
    #[arg(long)]
    recordings: Option<PathBuf>,
    /// Which faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is passed on: `--verbose`, `--write`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Records the tests of the blocks, then scores the recordings block by block.
pub fn thorough(args: &Thorough) -> Result<()> {
    let recordings = args.recordings.clone().unwrap_or_else(|| root().join("target/thorough"));
    if args.recordings.is_none() {
        if recordings.exists() {
            std::fs::remove_dir_all(&recordings)?;
        }
        let packages = ["--package", "peb-rtl", "--package", "peb-sim", "--package", "peb-thorough"];
        let mut tests = cargo(&["test", "--quiet", "--lib", "--test", "noise"]);
        tests.args(packages).env("PEB_RECORDINGS", &recordings).env("PEB_MUTANTS", format!("{},50", args.seed));
        step("tests of the blocks", 120, tests)?;
    }
    let mut score = cargo(&["run", "--quiet", "--package", "peb-thorough", "--"]);
    score.arg(&recordings).args(&args.filter).args(&args.arguments);
    step("thoroughness of the tests", 300, score)
}

/// Measures sizes and speeds.
pub fn area(arguments: &[String]) -> Result<()> {
    let mut command = cargo(&["run", "--quiet", "--package", "peb-area", "--"]);
    command.args(arguments);
    step("area", 120, command)
}

fn tools() -> Result<()> {
    let mut setup = Command::new("sh");
    setup.current_dir(root()).arg("tools/setup.sh");
    step("tools", 30, setup)
}
