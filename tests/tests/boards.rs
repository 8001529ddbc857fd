//! The designs of the boards: what is in them, lint, synthesis, and what is told of timing that is not met.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use peb_boards::flow::{self, FlowError};
use peb_boards::top::{self, Parameters, Pll, CORE, PRIMITIVES};
use peb_boards::{builtin, constraints, find, Board, State};
use peb_rtl::top::NetworkDevice;
use peb_verilog::{custom_uses, export, tools};

const PARAMETERS: Parameters = Parameters { mac: 0x0250_4500_0001, vid: 7 };

fn boards() -> Vec<Board> {
    builtin().expect("tables").into_iter().filter(|b| b.state == State::Bitstream).collect()
}

fn core() -> String {
    export(&NetworkDevice::default(), CORE).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn hand_written_verilog_of_the_device_is_memories_and_synchronisers() {
    let mut synchronisers = 0;
    for used in custom_uses(&NetworkDevice::default(), CORE).into_iter().filter(|u| !u.register) {
        let memory = used.text.contains(" words [");
        let synchroniser = used.text.contains("ASYNC_REG");
        assert!(memory != synchroniser, "{}: neither memory nor synchroniser:\n{}", used.path, used.text);
        assert!(!used.text.contains("case"), "{}: logic in it", used.path);
        synchronisers += usize::from(synchroniser);
    }
    // The pointer of the receive crossing, start of all, MDIO, UART, buttons.
    assert_eq!(synchronisers, 5 + 1 + 1 + 1 + 8);
}

#[test]
fn a_top_module_is_pins_primitives_and_the_core() {
    let allowed: BTreeSet<&str> =
        ["EHXPLLL", "DELAYF", "IDDRX1F", "ODDRX1F", "BB", CORE, "module", "endmodule"].into_iter().collect();
    for board in boards() {
        let text = top::text(&board, PARAMETERS).unwrap_or_else(|e| panic!("{e}"));
        for word in ["always", "reg ", "case", "initial", "?"] {
            assert!(!text.contains(word), "{}: {word:?} in the top module", board.name);
        }
        let starts = text.lines().filter(|l| l.starts_with(|c: char| c.is_alphabetic()));
        let instances: Vec<&str> = starts.filter_map(|l| l.split_whitespace().next()).collect();
        for word in instances.iter().filter(|w| !["wire", "assign"].contains(*w)) {
            assert!(allowed.contains(word), "{}: {word}", board.name);
        }
        // Every port has its pins and the other way round.
        for pin in &board.pins {
            assert!(text.contains(&format!(" {}", pin.port)), "{}: {} is not in the top module", board.name, pin.port);
        }
    }
}

#[test]
fn clocks_of_the_pll() {
    let pll = |reference, feedback| Some(Pll { reference, feedback, output: 5 });
    assert_eq!(Pll::from_mhz(100.0), pll(4, 5));
    assert_eq!(Pll::from_mhz(25.0), pll(1, 5));
    assert_eq!(Pll::from_mhz(125.0), pll(1, 1));
    assert_eq!(Pll::from_mhz(33.333), None);
    assert_eq!(Pll::from_mhz(1.0), None);
}

#[test]
fn verilator_finds_no_fault_in_any_board() {
    let core = core();
    let (root, verilator) = tools::verilator().unwrap_or_else(|e| panic!("{e}"));
    for board in boards() {
        let directory = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
        write("top.v", &top::text(&board, PARAMETERS).expect("a design"));
        write("peb_device.v", &core);
        write("primitives.v", PRIMITIVES);
        let run = Command::new(&verilator)
            .env("VERILATOR_ROOT", &root)
            .current_dir(directory.path())
            .args(["--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-UNUSEDSIGNAL", "-Wno-PINCONNECTEMPTY"])
            .args(["--top-module", "top", "top.v", "peb_device.v", "primitives.v"])
            .output()
            .expect("verilator");
        let text = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && text.is_empty(), "{}: {text}", board.name);
    }
}

/// Thirty-two bits that count on the board's clock, or a chain that no clock of 400 MHz can have.
fn counter(slow: bool) -> String {
    let next = if slow { "count * count + {count[7:0], count[31:8]}" } else { "count + 1" };
    format!(
        "module top(input clk_in, output [7:0] led_n);\nreg [31:0] count = 0;\nalways @(posedge clk_in) count <= {next};\n\
         assign led_n = count[31:24];\nendmodule\n"
    )
}

/// Clock and LEDs of a board, with another frequency.
fn pins(board: &Board, mhz: u32) -> String {
    let text = constraints::text(board);
    let wanted = |line: &&str| line.starts_with("BLOCK") || line.contains("\"led_n[") || line.contains("\"clk_in\"");
    let kept: Vec<&str> = text.lines().filter(wanted).filter(|l| !l.starts_with("FREQUENCY")).collect();
    format!("{}\nFREQUENCY PORT \"clk_in\" {mhz} MHz;\n", kept.join("\n"))
}

fn build(folder: &Path, slow: bool, mhz: u32) -> Result<(flow::Report, std::path::PathBuf), FlowError> {
    let boards = builtin().expect("tables");
    let board = find(&boards, "ecp5-versa-5g").expect("the board");
    std::fs::write(folder.join("top.v"), counter(slow)).expect("written");
    std::fs::write(folder.join("pins.lpf"), pins(board, mhz)).expect("written");
    flow::build(board, folder, &["top.v"], "pins.lpf", 1, &mut |_, _| {})
}

#[test]
fn a_small_design_becomes_a_bitstream_and_one_too_slow_does_not() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let (report, bitstream) = build(directory.path(), false, 100).unwrap_or_else(|e| panic!("{e}"));
    assert!(report.lut4.0 > 8 && report.ff.0 == 32 && report.lut4.1 == 43_848, "{report:?}");
    assert!(report.clocks.iter().any(|c| c.constraint == 100.0 && c.achieved > 100.0), "{report:?}");
    let bytes = std::fs::read(&bitstream).expect("the bitstream");
    assert!(bytes.starts_with(b"\xff\x00Part: LFE5UM5G-45F-8CABGA381\0"));
    let error = build(directory.path(), true, 400).expect_err("too slow");
    let said = error.to_string();
    assert!(matches!(error, FlowError::Timing { .. }) && said.contains("clk_in") && said.contains(" from "), "{said}");
    for left in ["ecp5-versa-5g.bit", "top.config", "packed.bit"] {
        assert!(!directory.path().join(left).exists(), "{left} is left of a design that is too slow");
    }
}

/// Last accepted figures of the Versa's design: LUT4 at most, MHz of the core's clock at least.
const ACCEPTED: (u64, f64) = (12_000, 80.0);

#[test]
#[ignore = "nightly"]
fn the_design_of_the_versa_is_placed_and_routed() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let all = builtin().expect("tables");
    let board = find(&all, "ecp5-versa-5g").expect("the board");
    let lpf = constraints::file_name(board);
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    write("top.v", &top::text(board, PARAMETERS).expect("a design"));
    write("peb_device.v", &core());
    write(&lpf, &constraints::text(board));
    let result = flow::build(board, directory.path(), &["top.v", "peb_device.v"], &lpf, 1, &mut |_, _| {});
    // Of a design that is too slow there is a report, and nothing else.
    let report = match result {
        Ok((report, bitstream)) => {
            assert!(bitstream.is_file());
            report
        }
        Err(FlowError::Timing { .. }) => {
            assert!(!directory.path().join("ecp5-versa-5g.bit").exists());
            let json = std::fs::read_to_string(directory.path().join("report.json")).expect("a report");
            flow::Report::parse(&json).unwrap_or_else(|e| panic!("{e}"))
        }
        Err(error) => panic!("{error}"),
    };
    println!("{report:?}");
    assert!(report.lut4.0 <= ACCEPTED.0, "{} LUT4", report.lut4.0);
    let core = report.clocks.iter().find(|c| c.name == "clk").expect("the core's clock");
    assert!(core.constraint == 125.0 && core.achieved >= ACCEPTED.1, "{core:?}");
    let receive = report.clocks.iter().find(|c| c.name.contains("rgmii_rxc")).expect("the PHY's clock");
    assert!(receive.achieved >= 125.0, "{receive:?}");
}
