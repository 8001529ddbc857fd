//! The exported cores: ports, hand-written Verilog inside, lint, and the same pins as in Rust.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Command;
use std::rc::Rc;

use peb_rtl::top::{PebHost, PebIo};
use peb_sim::rtl::{RtlPair, TunnelHost, TunnelIo};
use peb_sim::run::{PerDirection, Replay, ReplayConfig, Side};
use peb_sim::trace::{Trace, NVME_HOTPLUG};
use peb_verilog::{custom_uses, export, tools, Recording};

/// Clocks of the run whose pins are compared.
const CLOCKS: usize = 100_000;

fn cores() -> [(&'static str, String); 2] {
    [
        ("peb_host", export(&PebHost::default(), "peb_host").expect("peb_host exports")),
        ("peb_io", export(&PebIo::default(), "peb_io").expect("peb_io exports")),
    ]
}

#[test]
fn every_module_is_named_after_its_core_and_no_identifier_has_a_dollar() {
    for (core, text) in cores() {
        for line in text.lines().filter(|l| l.starts_with("module ")) {
            let name = line["module ".len()..].split([' ', '(', ';']).next().unwrap();
            assert!(name == core || name.starts_with(&format!("{core}_")), "{core}: module {name}");
        }
        assert!(!text.contains('$'), "{core} has a `$`");
        assert_eq!(text, export_again(core), "the export is deterministic");
    }
}

fn export_again(core: &str) -> String {
    cores().into_iter().find(|(name, _)| *name == core).unwrap().1
}

#[test]
fn hand_written_verilog_is_only_memories() {
    let mut uses = BTreeSet::new();
    for core in [custom_uses(&PebHost::default(), "peb_host"), custom_uses(&PebIo::default(), "peb_io")] {
        for used in core.into_iter().filter(|u| !u.register) {
            assert!(used.text.contains(" words ["), "{}: not a memory:\n{}", used.path, used.text);
            assert!(!used.text.contains("case"), "{}: logic in a memory", used.path);
            uses.insert(used.text.lines().next().unwrap_or_default().to_string());
        }
    }
    assert!(!uses.is_empty(), "the cores have memories");
}

#[test]
fn verilator_and_icarus_accept_both_files_together() {
    let directory = tempfile::tempdir().unwrap();
    for (core, text) in cores() {
        std::fs::write(directory.path().join(format!("{core}.v")), text).unwrap();
    }
    let icarus = tools::program("iverilog").unwrap_or_else(|e| panic!("{e}"));
    let run = Command::new(icarus)
        .current_dir(directory.path())
        .args(["-g2005", "-Wall", "-o", "both.vvp", "peb_host.v", "peb_io.v"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success() && text.is_empty(), "icarus: {text}");
    let (root, verilator) = tools::verilator().unwrap_or_else(|e| panic!("{e}"));
    for core in ["peb_host", "peb_io"] {
        let run = Command::new(&verilator)
            .env("VERILATOR_ROOT", &root)
            .current_dir(directory.path())
            .args(["--lint-only", "-Wall", "-Wno-DECLFILENAME", "--top-module", core, "peb_host.v", "peb_io.v"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success() && text.is_empty(), "verilator: {text}");
    }
}

/// A port: name, direction, width.
type Port = (String, String, u32);

/// The ports of `core` as the table in `docs/interface.md` has them.
fn documented(core: &str) -> BTreeSet<Port> {
    let document = include_str!("../../docs/interface.md");
    let mut ports = BTreeSet::new();
    for row in document.lines().filter(|l| l.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if cells[4] != "both" && core != format!("peb_{}", cells[4]) {
            continue;
        }
        let widths: Vec<u32> = cells[3].split(", ").map(|w| w.parse().expect("a width")).collect();
        let mut stem = String::new();
        for (i, name) in cells[1].split(", ").map(|n| n.trim_matches('`')).enumerate() {
            // `pcie_rx_tdata`, `tkeep`: the later names leave out what the first begins with.
            let name = if i == 0 || name.contains('_') { name.to_string() } else { format!("{stem}{name}") };
            stem = name[..=name.rfind('_').unwrap_or(0)].to_string();
            ports.insert((name, format!("{}put", cells[2]), *widths.get(i).unwrap_or(&widths[0])));
        }
    }
    ports
}

/// The ports of module `core` in Verilog.
fn exported(core: &str, text: &str) -> BTreeSet<Port> {
    let start = text.find(&format!("module {core}")).expect("the top module");
    let body = &text[start..start + text[start..].find("endmodule").expect("its end")];
    let mut ports = BTreeSet::new();
    for line in body.lines().map(|l| l.trim().trim_end_matches([',', ';'])) {
        let Some((direction, rest)) = line.split_once(' ').filter(|(d, _)| matches!(*d, "input" | "output")) else {
            continue;
        };
        let name = rest.rsplit(' ').next().expect("a name");
        let width =
            rest.split_once('[').map_or(1, |(_, r)| r.split(':').next().unwrap().trim().parse::<u32>().unwrap() + 1);
        ports.insert((name.to_string(), direction.to_string(), width));
    }
    ports
}

#[test]
fn the_ports_are_those_of_the_interface() {
    for (core, text) in cores() {
        let (want, have) = (documented(core), exported(core, &text));
        assert!(want.len() > 30, "the document names the ports");
        let differ: Vec<_> = want.symmetric_difference(&have).collect();
        assert!(differ.is_empty(), "{core}: document and Verilog differ in {differ:?}");
    }
}

/// Runs the default trace at 5 % loss and records the pins of both tunnels.
fn record(clocks: usize) -> [Recording; 2] {
    let recordings = Rc::new(RefCell::new([
        Recording::new(&TunnelHost::host(), "tunnel_host").unwrap(),
        Recording::new(&TunnelIo::io(), "tunnel_io").unwrap(),
    ]));
    let shared = recordings.clone();
    let pair = RtlPair::with_observer(Some(Box::new(move |side, core| {
        let recording = &mut shared.borrow_mut()[usize::from(side == Side::Io)];
        if recording.clocks() < clocks {
            recording.sample(core);
        }
    })));
    let mut config = ReplayConfig { seed: 5, ..ReplayConfig::default() };
    config.faults = PerDirection::from_fn(|_| peb_sim::net::FaultConfig { drop: 0.05, ..Default::default() });
    let trace = Trace::parse("built-in trace", NVME_HOTPLUG).unwrap();
    // The pins are compared for the first clocks only: give up the run once they are recorded.
    config.patience = 50_000;
    let limit = trace.records.len().min(4200);
    let trace = Trace { records: trace.records.into_iter().take(limit).collect() };
    let report = Replay::new(pair, &trace, config).run(|_| ());
    assert!(report.problems().is_empty(), "{:?}", report.problems());
    let Ok(recordings) = Rc::try_unwrap(recordings) else { panic!("the pair still holds the recordings") };
    recordings.into_inner()
}

#[test]
fn the_verilog_has_the_same_pins_for_a_hundred_thousand_clocks() {
    let recordings = record(CLOCKS);
    for recording in &recordings {
        assert_eq!(recording.clocks(), CLOCKS, "the run is long enough");
    }
    peb_verilog::check_equivalent_verilator(&recordings.iter().collect::<Vec<_>>()).unwrap_or_else(|e| panic!("{e}"));
}
