//! `cargo xtask test`: what CI runs.

use crate::steps::{cargo, root, step};
use anyhow::Result;
use std::process::Command;

/// Installs the tools, then format, lints and all tests.
pub fn run() -> Result<()> {
    let mut setup = Command::new("sh");
    setup.current_dir(root()).arg("tools/setup.sh");
    step("tools", 30, setup)?;
    step("format", 5, cargo(&["fmt", "--all", "--", "--check"]))?;
    step("lints", 30, cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    step("generated files", 10, cargo(&["xtask", "gen", "--check"]))?;
    step("tests", 60, cargo(&["test", "--workspace"]))
}
