//! The network-attached device becomes a bitstream for each ECP5 board: timing met, for the right part, as large as last accepted.

use std::time::Instant;

use peb_boards::flow::{self, FlowError, Report};
use peb_boards::top::{self, Parameters, CORE};
use peb_boards::{builtin, constraints, find};
use peb_rtl::top::NetworkDevice;
use peb_verilog::export;

const PARAMETERS: Parameters = Parameters { mac: 0x0250_4500_0001, vid: 7 };

/// Last accepted figures of a board: LUT4 (as nextpnr counts: carry and LUT RAM as well), flip-flops, block RAMs, MHz of the core's
/// clock with seed 1. Another RTL or tool gives others; a change that costs more than two percent of a size or ten of the clock shows here.
struct Accepted {
    board: &'static str,
    part: &'static str,
    lut4: u64,
    ff: u64,
    block_ram: u64,
    mhz: f64,
}

const VERSA_5G: Accepted = Accepted {
    board: "ecp5-versa-5g",
    part: "LFE5UM5G-45F-8CABGA381",
    lut4: 12_642,
    ff: 5774,
    block_ram: 44,
    mhz: 141.7,
};

/// The same chip without 5G is slower.
const VERSA: Accepted = Accepted { board: "ecp5-versa", part: "LFE5UM-45F-8CABGA381", mhz: 127.6, ..VERSA_5G };

const ECPIX_5: Accepted =
    Accepted { board: "ecpix5-85f", part: "LFE5UM5G-85F-8CABGA554", lut4: 12_687, ff: 5758, block_ram: 44, mhz: 140.2 };

/// Builds the device for a board, and compares what came out.
fn build(accepted: &Accepted, seed: u32) -> Result<Report, FlowError> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let all = builtin().expect("tables");
    let board = find(&all, accepted.board).expect("the board");
    let lpf = constraints::file_name(board);
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    write("top.v", &top::text(board, PARAMETERS).expect("a design"));
    write("peb_device.v", &export(&NetworkDevice::default(), CORE).unwrap_or_else(|e| panic!("{e}")));
    write(&lpf, &constraints::text(board));
    let start = Instant::now();
    let built = flow::build(board, directory.path(), &["top.v", "peb_device.v"], &lpf, seed, &mut |_, _| {});
    let bitstream = directory.path().join(format!("{}.bit", accepted.board));
    if let Err(error) = built {
        assert!(!bitstream.exists() && !directory.path().join("top.config").exists(), "{error}");
        return Err(error);
    }
    let (report, path) = built?;
    println!("{}, seed {seed}, {} s: {report:?}", accepted.board, start.elapsed().as_secs());
    assert_eq!(path, bitstream);
    let bytes = std::fs::read(path).expect("the bitstream");
    let part = format!("Part: {}\0", accepted.part);
    assert!(bytes.windows(part.len()).take(200).any(|w| w == part.as_bytes()), "the bitstream is for another part");
    let grown = |what: &str, now: u64, then: u64| {
        assert!(now as f64 <= then as f64 * 1.02, "{}: {now} {what}, {then} were accepted", accepted.board);
    };
    grown("LUT4", report.lut4.0, accepted.lut4);
    grown("flip-flops", report.ff.0, accepted.ff);
    grown("block RAMs", report.block_ram.0, accepted.block_ram);
    for (name, mhz) in [("clk", accepted.mhz), ("rgmii_rxc", 125.0)] {
        let clock = report.clocks.iter().find(|c| c.name.starts_with(name)).unwrap_or_else(|| panic!("clock {name}"));
        assert!(clock.constraint >= 125.0 && clock.achieved >= clock.constraint.max(0.9 * mhz), "{clock:?}");
    }
    Ok(report)
}

#[test]
fn the_versa_becomes_a_bitstream() {
    build(&VERSA_5G, 1).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
#[ignore = "nightly"]
fn the_other_boards_become_bitstreams() {
    for accepted in [VERSA, ECPIX_5] {
        build(&accepted, 1).unwrap_or_else(|error| panic!("{}: {error}", accepted.board));
    }
}

/// With ten percent of margin.
#[test]
#[ignore = "nightly"]
fn the_versa_meets_its_clock_with_three_seeds() {
    for seed in 1..=3 {
        let report = build(&VERSA_5G, seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let core = report.clocks.iter().find(|clock| clock.name == "clk").expect("the core's clock");
        assert!(core.achieved >= 1.1 * core.constraint, "seed {seed}: {core:?}");
    }
}
