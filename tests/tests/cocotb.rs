//! A root complex and an endpoint that we did not write (cocotbext-pcie) find and use each other through two exported cores.

use std::path::Path;
use std::time::Duration;

use peb_rtl::top::{PebHost, PebIo};
use peb_verilog::{export, tools};

/// Above what `run.py` allows itself.
const LIMIT: Duration = Duration::from_secs(900);

/// Runs a test of `cocotb/test_pair.py`: whether it passed, and what it said.
fn run(test: &str) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    for (core, text) in [
        ("peb_host", export(&PebHost::default(), "peb_host").expect("peb_host exports")),
        ("peb_io", export(&PebIo::default(), "peb_io").expect("peb_io exports")),
    ] {
        std::fs::write(directory.path().join(format!("{core}.v")), text).unwrap();
    }
    let mut pythons = tools::tool_directories().into_iter().map(|tools| tools.join("bin/python"));
    let python = pythons.find(|python| python.is_file()).expect("no Python of tools: run `tools/setup.sh`");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cocotb/run.py");
    let home = std::env::var_os("HOME").expect("HOME is set");
    let cache = Path::new(&home).join(".cache/peb/cocotb");
    let arguments = [
        script.as_path(),
        Path::new("--test"),
        Path::new(test),
        Path::new("--cache"),
        &cache,
        Path::new("--cores"),
        directory.path(),
        Path::new("--results"),
        directory.path(),
    ];
    let output = tools::run(&python, &arguments, directory.path(), &[], LIMIT).unwrap_or_else(|e| panic!("{e}"));
    (output.success, output.text)
}

#[test]
fn a_device_is_found_and_used_through_two_pebs() {
    let (passed, text) = run("device_through_two_pebs");
    assert!(passed && text.contains("1 run, 0 failed"), "{text}");
    // What fails there fails here.
    let (passed, text) = run("negative_control");
    assert!(!passed && text.contains("negative control") && text.contains("1 run, 1 failed"), "{text}");
}
