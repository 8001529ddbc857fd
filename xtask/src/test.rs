//! `cargo xtask test`: what CI runs; `cargo xtask nightly`: what takes too long for that.

use crate::steps::{cargo, root, step, Step};
use anyhow::Result;
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

/// Installs the tools, then runs every test marked `#[ignore = "nightly"]`: more seeds, more clocks, more boards.
pub fn nightly() -> Result<()> {
    tools()?;
    step("nightly tests", 600, cargo(&["test", "--workspace", "--no-fail-fast", "--", "--ignored"]))
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
