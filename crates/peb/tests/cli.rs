//! The command as users meet it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use peb_config::{hex_dump, Parameters, Slot};

fn peb(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peb")).args(args).output().expect("peb starts")
}

/// `peb config` of the host core with these options.
fn config<'a>(options: &[&'a str]) -> Vec<&'a str> {
    [&["config", "--core", "host"], options].concat()
}

/// Standard error of a command that must fail with this status.
fn refused(status: i32, args: &[&str]) -> String {
    let output = peb(args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{args:?}: {text}");
    assert!(output.stdout.is_empty(), "{args:?}");
    text
}

#[test]
fn a_broken_trace_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("t.tlps");
    fs::write(&file, "# comment\n0 D 040000010000010f01000000\n5 Q 00\n").unwrap();
    let text = refused(1, &["sim", "--tlps", file.to_str().unwrap()]);
    assert_eq!(text, format!("error: {}:3:3: \"Q\"; expected D (from the host) or U (to the host)\n", file.display()));
    let text = refused(1, &["sim", "--tlps", "/nonexistent.tlps"]);
    assert_eq!(text, "error: /nonexistent.tlps: No such file or directory (os error 2)\n");
}

#[test]
fn an_impossible_value_says_its_range() {
    for option in ["--loss", "--dup", "--reorder", "--corrupt"] {
        for value in ["101%", "1.5", "-1%", "-0.2"] {
            let text = refused(2, &["sim", option, value]);
            assert!(text.contains("out of range: 0% to 90%, or 0 to 0.9") && text.contains(option), "{text}");
        }
    }
    for (option, value) in [("--delay", "1s"), ("--jitter", "-1us")] {
        let text = refused(2, &["sim", option, value]);
        assert!(text.contains("out of range: 0ns to 10ms") && text.contains(option), "{text}");
    }
    assert!(refused(2, &["sim", "--limit", "0"]).contains("out of range: 1 or more"));
    assert!(refused(2, &["sim", "--seed", "-1"]).contains("not a number: 0 to 18446744073709551615"));
    assert!(refused(2, &["gen", "--core", "host", "--out", "x", "--slots", "9"]).contains("1..=8"));
    assert!(refused(2, &config(&["--slots", "0"])).contains("1..=8"));
    assert!(refused(2, &config(&["--mac", "1:2:3"])).contains("six bytes"));
    assert!(refused(1, &config(&["--filled", "1,4"])).contains("--filled 4: slots are numbered 0 to 3"));
    assert!(refused(1, &["config", "--core", "io"]).contains("no configuration space"));
    assert!(refused(2, &["sim", "--limit", "5", "--all"]).contains("cannot be used with"));
    assert!(refused(1, &["gen", "--core", "io", "--out", "x", "--slots", "2"]).contains("no slots"));
}

#[test]
fn a_board_that_nobody_knows_is_told_with_the_closest_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x");
    let out = out.to_str().unwrap();
    let commands: [&[&str]; 4] = [
        &["boards", "kc706"],
        &["gen", "--board", "kc706", "--out", out],
        &["build", "--board", "kc706", "--out", out],
        &["flash", "--board", "kc706", "x.bit"],
    ];
    for command in commands {
        let text = refused(1, command);
        assert_eq!(
            text, "error: unknown board \"kc706\", did you mean \"kc705\"?; `peb boards` lists them\n",
            "{command:?}"
        );
    }
    assert!(!Path::new(out).exists());
}

#[test]
fn what_cannot_be_done_with_a_board_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let full = folder.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine.txt"), "kept").unwrap();
    let full_name = full.to_str().unwrap();
    // A folder with something in it stays as it is.
    for command in ["gen", "build"] {
        let text = refused(1, &[command, "--board", "ecp5-versa-5g", "--out", full_name]);
        assert!(text.contains("full: the folder is not empty") && text.contains("--force"), "{command}: {text}");
        assert_eq!(fs::read_dir(&full).unwrap().count(), 1, "{command}");
    }
    // No such design, no such flow.
    let text = refused(1, &["gen", "--board", "ecp5-versa", "--design", "host", "--out", "x"]);
    assert!(text.contains("no PCIe block") && text.contains("--design io"), "{text}");
    let text = refused(1, &["build", "--board", "ax7203"]);
    assert!(
        text.contains("not built here") && text.contains("peb gen --board ax7203") && text.contains("vivado"),
        "{text}"
    );
    // Files that are not for the board, or not there.
    let file = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name).to_str().unwrap().to_string()
    };
    let other = file("other.bit", b"\xff\x00Part: LFE5UM5G-85F-8CABGA554\0\xff\xff\xbd\xb3");
    let text = refused(1, &["flash", "--board", "ecp5-versa-5g", &other]);
    assert!(text.contains("made for LFE5UM5G-85F-8CABGA554, but ecp5-versa-5g has LFE5UM5G-45F-8CABGA381"), "{text}");
    let text = refused(1, &["flash", "--board", "ecp5-versa-5g", &file("text", b"hello")]);
    assert!(text.contains("no ECP5 bitstream"), "{text}");
    let text = refused(1, &["flash", "--board", "kc705", &other]);
    assert!(text.contains("vendor's tools"), "{text}");
    let text = refused(1, &["flash", "--board", "ecp5-versa-5g", "/nonexistent.bit"]);
    assert!(text.starts_with("error: /nonexistent.bit: "), "{text}");
}

#[test]
fn a_missing_tool_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peb"));
        command
            .args(args)
            .current_dir(folder.path())
            .env("PATH", "")
            .env("HOME", folder.path())
            .env_remove("PEB_TOOLS");
        let output = command.output().expect("peb starts");
        (output.status.code(), String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, text, _) = run(&["build", "--board", "ecp5-versa-5g", "--out", "built"]);
    assert_eq!(status, Some(1), "{text}");
    let (tried, error) = text.split_once('\n').expect("two lines");
    assert_eq!(tried, "installing the tools that are missing (once): tools/setup.sh bitstream");
    let missing =
        "error: yosys is not installed: run `tools/setup.sh` in the repository; `peb doctor` lists what is there; ";
    assert!(error.starts_with(missing) && error.contains("sh: "), "{error}");
    assert!(!folder.path().join("built").exists());
    fs::write(folder.path().join("x.bit"), b"\xff\x00Part: LFE5UM5G-45F-8CABGA381\0\xff\xff\xbd\xb3").unwrap();
    let (status, text, _) = run(&["flash", "--board", "ecp5-versa-5g", "x.bit"]);
    assert!(status == Some(1) && text.contains("openFPGALoader") && text.contains("tools/setup.sh"), "{text}");
    let (status, _, text) = run(&["doctor"]);
    assert!(status == Some(1) && text.contains("missing: run `tools/setup.sh` in the repository"), "{text}");
}

#[test]
fn no_cable_is_told_as_the_loader_tells_it_and_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let bit = folder.path().join("x.bit");
    fs::write(&bit, b"\xff\x00Part: LFE5UM5G-45F-8CABGA381\0\xff\xff\xbd\xb3").unwrap();
    // A cable with a number that none has, so that the test reaches no board.
    let output =
        peb(&["flash", "--board", "ecp5-versa-5g", bit.to_str().unwrap(), "--", "--ftdi-serial", "no-such-cable"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("unable to open ftdi device") && text.contains("is it plugged in"), "{text}");
}

#[test]
fn the_configuration_space_is_the_tables() {
    let output =
        peb(&["config", "--core", "host", "--slots", "3", "--filled", "0,2", "--mac", "02:00:5e:10:20:30", "--full"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let parameters = Parameters { slots: 3, slot: Slot::FULL, ..Parameters::default() };
    assert_eq!(String::from_utf8(output.stdout).unwrap(), hex_dump(&parameters, 0x0200_5e10_2030, 0b101));
}

#[test]
fn a_new_bench_compiles_and_runs() {
    let directory = tempfile::tempdir().unwrap();
    let make = || {
        Command::new(env!("CARGO_BIN_EXE_peb"))
            .args(["new-bench", "mine"])
            .current_dir(directory.path())
            .output()
            .unwrap()
    };
    let made = make();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let again = make();
    assert!(String::from_utf8_lossy(&again.stderr).contains("mine: is already there"));
    // Shares what is built already.
    let target = Path::new(env!("CARGO_BIN_EXE_peb")).ancestors().nth(2).unwrap();
    let run = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--", "7"])
        .current_dir(directory.path().join("mine"))
        .env("CARGO_TARGET_DIR", target)
        // What an older checkout left of another compilation of the same crates must not be linked with this one.
        .env("CARGO_INCREMENTAL", "0")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(out.starts_with("seed 7\n100 packets in "), "{out}");
}
