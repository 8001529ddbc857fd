//! Running one command after the other, with the time each took and a watchdog.

use anyhow::{bail, Context, Result};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use wait_timeout::ChildExt;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").to_path_buf()
}

/// A cargo command in the root.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args);
    command
}

/// Runs a command to its end. `minutes` is the watchdog: generous, it only ends what hangs.
pub fn step(name: &str, minutes: u64, mut command: Command) -> Result<()> {
    println!("== {name}");
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("{name}: cannot start {:?}", command.get_program()))?;
    let Some(status) = child.wait_timeout(Duration::from_secs(60 * minutes))? else {
        child.kill()?;
        child.wait()?;
        bail!("{name}: ended after {minutes} minutes without a result");
    };
    if !status.success() {
        bail!("{name}: {status}");
    }
    println!("== {name}: ok, {} s", start.elapsed().as_secs());
    Ok(())
}
