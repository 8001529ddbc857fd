//! Tasks of the repository: `cargo xtask --help`.

mod gen;
mod steps;
mod test;

use clap::{Parser, Subcommand};

/// Tasks of the repository.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Writes the generated documents and the Wireshark dissector.
    Gen(gen::Args),
    /// Compares sizes and speeds with docs/area.md, or writes them there: `cargo xtask area --help`.
    Area {
        /// What is passed on.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs the tests of the blocks and tells what of each block they exercise and notice.
    Thorough(test::Thorough),
    /// Installs the tools, then runs every check that CI runs.
    Test,
    /// Installs the tools, then runs the tests that take too long for `test`.
    Nightly,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Gen(args) => gen::run(&args),
        Task::Area { arguments } => test::area(&arguments),
        Task::Thorough(args) => test::thorough(&args),
        Task::Test => test::run(),
        Task::Nightly => test::nightly(),
    }
}
