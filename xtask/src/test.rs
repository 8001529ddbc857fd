//! `cargo xtask test`: what CI runs; `cargo xtask nightly`: what takes too long for that.

use crate::steps::{cargo, root, step};
use anyhow::Result;
use std::process::Command;

/// Installs the tools, then format, lints and all tests.
pub fn run() -> Result<()> {
    tools()?;
    step("format", 5, cargo(&["fmt", "--all", "--", "--check"]))?;
    step("lints", 30, cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("generated files", 10, cargo(&["xtask", "gen", "--check"]))?;
    step("tests", 60, cargo(&["test", "--workspace", "--no-fail-fast"]))
}

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
