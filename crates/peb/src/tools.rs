//! Tools that a command needs, installed when they are not there.

use std::io::Write;
use std::process::{Command, Stdio};

/// What installs them, with the same pinned versions as for the tests.
const SCRIPT: &str = include_str!("../../../tools/setup.sh");

/// What a command needs.
#[derive(Clone, Copy, Debug)]
pub enum Tools {
    /// yosys, nextpnr-ecp5, ecppack.
    Bitstream,
    /// Verilator, and what compiles its simulations.
    Verilator,
}

/// Installs what is not there yet, `are_there` tells; what the installation says goes to standard error.
///
/// # Errors
/// If the installation cannot be started, or fails.
pub fn install_unless<E>(are_there: impl Fn() -> Result<(), E>, tools: Tools) -> anyhow::Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let Err(missing) = are_there() else { return Ok(()) };
    let part = match tools {
        Tools::Bitstream => "bitstream",
        Tools::Verilator => "verilator",
    };
    let failed = |what: String| anyhow::anyhow!("{missing}; `tools/setup.sh {part}` was tried: {what}");
    eprintln!("installing the tools that are missing (once): tools/setup.sh {part}");
    let mut shell = Command::new("sh")
        .args(["-s", part])
        .stdin(Stdio::piped())
        .stdout(std::io::stderr())
        .spawn()
        .map_err(|error| failed(format!("sh: {error}")))?;
    let written = shell.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(SCRIPT.as_bytes()));
    let status = shell.wait().map_err(|error| failed(error.to_string()))?;
    written.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(status.to_string()));
    }
    Ok(are_there()?)
}
