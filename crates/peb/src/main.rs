//! `peb`: simulates, generates and measures the PCIe-to-Ethernet bridge.

mod cable;
mod commands;
mod engine;
mod operator;
mod station;
mod tools;
mod units;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// PCIe-to-Ethernet bridge: PCI Express over ordinary Ethernet.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Sim(commands::sim::Args),
    Linux(commands::linux::Args),
    Device(commands::device::Args),
    Host(commands::host::Args),
    Gen(commands::gen::Args),
    Config(commands::config::Args),
    Bench(commands::bench::Args),
    Boards(commands::boards::Args),
    Build(commands::build::Args),
    Flash(commands::flash::Args),
    Ctl(commands::ctl::Args),
    Doctor(commands::doctor::Args),
    NewBench(commands::new_bench::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Sim(args) => commands::sim::run(&args),
        Command::Linux(args) => commands::linux::run(&args),
        Command::Device(args) => commands::device::run(&args),
        Command::Host(args) => commands::host::run(&args),
        Command::Gen(args) => commands::gen::run(&args),
        Command::Boards(args) => commands::boards::run(&args),
        Command::Build(args) => commands::build::run(&args),
        Command::Flash(args) => commands::flash::run(&args),
        Command::Ctl(args) => commands::ctl::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::NewBench(args) => commands::new_bench::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, each once: some say their cause themselves.
fn told(error: &anyhow::Error) -> String {
    let add = |text: String, cause: String| if text.contains(&cause) { text } else { format!("{text}: {cause}") };
    error.chain().map(ToString::to_string).reduce(add).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_subcommand_is_well_formed() {
        Cli::command().debug_assert();
    }
}
