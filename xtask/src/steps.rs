//! Running one command after the other, with the time each took and a watchdog.

use anyhow::{bail, Context, Result};
use std::path::PathBuf;
use std::process::{Child, Command};
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

/// A command that runs.
pub struct Step {
    name: String,
    minutes: u64,
    start: Instant,
    child: Child,
}

impl Step {
    /// Starts a command. `minutes` is the watchdog: generous, it only ends what hangs.
    pub fn start(name: &str, minutes: u64, mut command: Command) -> Result<Step> {
        println!("== {name}");
        let child = command.spawn().with_context(|| format!("{name}: cannot start {:?}", command.get_program()))?;
        Ok(Step { name: name.into(), minutes, start: Instant::now(), child })
    }

    /// Waits for its end.
    pub fn end(mut self) -> Result<()> {
        let left = Duration::from_secs(60 * self.minutes).saturating_sub(self.start.elapsed());
        let Some(status) = self.child.wait_timeout(left)? else {
            self.child.kill()?;
            self.child.wait()?;
            bail!("{}: ended after {} minutes without a result", self.name, self.minutes);
        };
        if !status.success() {
            bail!("{}: {status}", self.name);
        }
        println!("== {}: ok, {} s", self.name, self.start.elapsed().as_secs());
        Ok(())
    }
}

/// Runs a command to its end, see [`Step`].
pub fn step(name: &str, minutes: u64, command: Command) -> Result<()> {
    Step::start(name, minutes, command)?.end()
}
