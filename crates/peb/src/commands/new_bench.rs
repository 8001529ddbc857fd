//! `peb new-bench`: a bench to start from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{bail, Context};

const MAIN: &str = include_str!("../../../../examples/slice.rs");

/// Make a directory with a block and its bench that compile and run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the bench, and of the directory that is made here
    #[arg(value_parser = package_name)]
    name: String,
}

/// A name that is good for a package: letters, digits, `-` and `_`.
fn package_name(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(good) {
        return Ok(text.into());
    }
    Err("not a name: a letter, then letters, digits, '-' and '_'".into())
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let directory = PathBuf::from(&args.name);
    if directory.exists() {
        bail!("{}: is already there", directory.display());
    }
    let workspace = workspace()?;
    let files = [
        ("Cargo.toml", manifest(&args.name, &workspace)),
        (".cargo/config.toml", CARGO_CONFIG.into()),
        ("src/main.rs", MAIN.into()),
    ];
    for (file, text) in files {
        let file = directory.join(file);
        let write = || {
            fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
            fs::write(&file, text)
        };
        write().with_context(|| format!("{}", file.display()))?;
    }
    // The versions the workspace is built with.
    let lock = workspace.join("Cargo.lock");
    fs::copy(&lock, directory.join("Cargo.lock")).with_context(|| format!("{}", lock.display()))?;
    println!("{0}: made; run it with: cd {0} && cargo run", directory.display());
    Ok(ExitCode::SUCCESS)
}

/// The sources this command was built from: the one above the working directory, else where it was built.
fn workspace() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut candidates = here.ancestors().map(Path::to_path_buf).chain([built]);
    let found = candidates.find(|path| path.join("crates/peb-hdl/Cargo.toml").exists());
    match found.map(|path| path.canonicalize()) {
        Some(path) => Ok(path?),
        None => bail!("the sources of PEB are not there: run this inside a clone of the repository"),
    }
}

const CARGO_CONFIG: &str = "[env]
# A design is one large value that is built on the stack before it is boxed.
RUST_MIN_STACK = \"67108864\"
";

fn manifest(name: &str, workspace: &Path) -> String {
    let path = |folder: &str| format!("{{ path = {:?} }}", workspace.join(folder).display().to_string());
    format!(
        "[package]
name = \"{name}\"
version = \"0.1.0\"
edition = \"2021\"
publish = false

[dependencies]
peb-hdl = {}
peb-sim = {}
rust-hdl = \"=0.46.0\"

# Its own workspace, wherever it lies.
[workspace]

[profile.dev]
opt-level = 1
debug = \"line-tables-only\"
[profile.dev.package.\"*\"]
opt-level = 2
",
        path("crates/peb-hdl"),
        path("sim"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(["a", "my-bench", "b_2"].iter().all(|name| package_name(name).is_ok()));
        assert!(["", "2", "../x", "a b", "-x", "é"].iter().all(|name| package_name(name).is_err()));
    }
}
