//! `cargo xtask gen`: files that are generated from tables and checked in.

use anyhow::{ensure, Context};
use std::fs;
use std::path::Path;

/// Options of `gen`.
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if a file is stale.
    #[arg(long)]
    check: bool,
}

/// Writes the files that differ, or names them.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the repository")?;
    let mut stale = Vec::new();
    let tables = peb_wire::gen::files().into_iter().chain(peb_regs::gen::files()).chain(peb_config::gen::files());
    let tables = tables.map(|(path, content)| (path.to_string(), content));
    for (path, content) in tables.chain(peb_boards::files()) {
        let full = root.join(&path);
        if fs::read_to_string(&full).is_ok_and(|found| found == content) {
            continue;
        }
        if !args.check {
            fs::create_dir_all(full.parent().unwrap_or(root)).with_context(|| format!("folder of {path}"))?;
            fs::write(&full, content).with_context(|| format!("writing {path}"))?;
            println!("{path}");
        }
        stale.push(path);
    }
    ensure!(!args.check || stale.is_empty(), "stale: {}; run `cargo xtask gen`", stale.join(", "));
    Ok(())
}
