//! The designs of the boards: what is in them, lint, synthesis, and what is told of timing that is not met.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use peb_boards::flow::{self, FlowError};
use peb_boards::top::{self, Parameters, Pll, CORE, PRIMITIVES};
use peb_boards::vivado::{self, Card};
use peb_boards::{builtin, constraints, find, Board, PhyInterface, State};
use peb_rtl::phy::Rgmii;
use peb_rtl::top::{HostCard, IoCard, NetworkDevice};
use peb_rtl::Block;
use peb_verilog::{custom_uses, export, tools};

const PARAMETERS: Parameters = Parameters { mac: 0x0250_4500_0001, vid: 7 };

/// Boards whose project is written for Vivado.
fn vendor_boards() -> Vec<Board> {
    builtin().expect("tables").into_iter().filter(|b| b.state == State::Project).collect()
}

fn card(card: Card) -> String {
    let of = |block: &dyn Block| export(block, card.core()).unwrap_or_else(|e| panic!("{e}"));
    match card {
        Card::Host => of(&HostCard::default()),
        Card::Io => of(&IoCard::default()),
    }
}

fn rgmii() -> String {
    export(&Rgmii::default(), vivado::RGMII).unwrap_or_else(|e| panic!("{e}"))
}

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
    let lint = |name: &str, files: &[(&str, &str)]| {
        let directory = tempfile::tempdir().expect("a folder");
        for (file, text) in files {
            std::fs::write(directory.path().join(file), text).expect("written");
        }
        let run = Command::new(&verilator)
            .env("VERILATOR_ROOT", &root)
            .current_dir(directory.path())
            .args(["--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-UNUSEDSIGNAL", "-Wno-PINCONNECTEMPTY"])
            .args(["--top-module", "top"])
            .args(files.iter().map(|(file, _)| file))
            .output()
            .expect("verilator");
        let text = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && text.is_empty(), "{name}: {text}");
    };
    for board in boards() {
        let top = top::text(&board, PARAMETERS).expect("a design");
        lint(&board.name, &[("top.v", &top), ("core.v", &core), ("primitives.v", PRIMITIVES)]);
    }
    let (rgmii, block) = (rgmii(), vivado::black_box());
    for kind in Card::ALL {
        let core = card(kind);
        for board in vendor_boards() {
            let top = vivado::top(&board, kind, PARAMETERS).unwrap_or_else(|e| panic!("{e}"));
            let mut files = vec![
                ("top.v", top.as_str()),
                ("core.v", &core),
                ("primitives.v", vivado::PRIMITIVES),
                ("block.v", &block),
            ];
            if board.phy.interface == PhyInterface::Rgmii {
                files.push(("rgmii.v", &rgmii));
            }
            lint(&format!("{}, {}", board.name, kind.label()), &files);
        }
    }
}

/// Runs passes of yosys, one a line, in a folder with these files.
fn yosys(folder: &Path, files: &[(&str, &str)], passes: &str) -> String {
    for (file, text) in files {
        std::fs::write(folder.join(file), text).expect("written");
    }
    std::fs::write(folder.join("passes.ys"), passes).expect("written");
    let run = "import sys\nfrom pyosys import libyosys as ys\ndesign = ys.Design()\nfor line in open(sys.argv[1]):\n    ys.run_pass(line.strip(), design)\n";
    std::fs::write(folder.join("run.py"), run).expect("written");
    let python = tools::tool_directories().into_iter().map(|d| d.join("bin/python")).find(|p| p.is_file());
    let python = python.expect("the tools' python; run tools/setup.sh");
    let output = tools::run(&python, &["run.py", "passes.ys"], folder, &[], Duration::from_secs(3600)).expect("yosys");
    assert!(output.success, "{}", output.text);
    output.text
}

/// All designs of all boards at once: no driver missing, none too many, no loop.
#[test]
fn yosys_finds_no_fault_in_any_board() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = vec![
        ("device.v".to_string(), core()),
        ("host.v".to_string(), card(Card::Host)),
        ("io.v".to_string(), card(Card::Io)),
        ("rgmii.v".to_string(), rgmii()),
        ("block.v".to_string(), vivado::black_box()),
    ];
    let mut passes: String = files.iter().map(|(name, _)| format!("read_verilog {name}\n")).collect();
    passes += "read_verilog -lib -ignore_redef +/ecp5/cells_sim.v +/ecp5/cells_bb.v +/xilinx/cells_sim.v +/xilinx/cells_xtra.v\n";
    let tops = boards().into_iter().map(|b| (b.name.clone(), top::text(&b, PARAMETERS)));
    let cards = Card::ALL.into_iter().flat_map(|kind| {
        vendor_boards()
            .into_iter()
            .map(move |b| (format!("{} {}", b.name, kind.core()), vivado::top(&b, kind, PARAMETERS)))
    });
    for (n, (name, text)) in tops.chain(cards).enumerate() {
        let text = text.unwrap_or_else(|e| panic!("{name}: {e}"));
        files.push((format!("top_{n}.v"), text.replacen("module top ", &format!("module top_{n} "), 1)));
        passes += &format!("read_verilog top_{n}.v\n");
    }
    assert_eq!(files.len(), 5 + 3 + 6);
    passes += "hierarchy -check\nproc\ncheck -assert\n";
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    yosys(folder.path(), &files, &passes);
}

#[test]
fn a_project_is_pins_primitives_the_block_and_the_core() {
    let known: BTreeSet<String> = format!("{}{}", vivado::PRIMITIVES, vivado::black_box())
        .lines()
        .filter_map(|line| line.strip_prefix("module "))
        .filter_map(|line| line.split([' ', '(']).next().map(String::from))
        .chain(
            ["peb_host_card", "peb_io_card", vivado::RGMII, "module", "endmodule", "wire", "assign"].map(String::from),
        )
        .collect();
    for kind in Card::ALL {
        for board in vendor_boards() {
            let text = vivado::top(&board, kind, PARAMETERS).unwrap_or_else(|e| panic!("{e}"));
            for word in ["always", "reg ", "case", "initial", "?"] {
                assert!(!text.contains(word), "{}: {word:?} in the top module", board.name);
            }
            let starts = text.lines().filter(|l| l.starts_with(|c: char| c.is_alphabetic()));
            for word in starts.filter_map(|l| l.split_whitespace().next()) {
                assert!(known.contains(word), "{}: {word}", board.name);
            }
            // Each port of the constraints is one of the top module, and each of that has its pins.
            let used = vivado::used(&board);
            let xdc = constraints::text(&used);
            for pin in &used.pins {
                assert!(text.contains(&format!(" {}", pin.port)), "{}: {}", board.name, pin.port);
                assert!(xdc.contains(&format!("get_ports {{ {}", pin.port)), "{}", pin.port);
            }
            assert!(!xdc.contains("pcie_rx_p[4]") && !xdc.contains("phy_int_n"));
            // Every clock of the design that is not the vendor's own has its crossings constrained.
            let timing = vivado::timing(&board, kind).expect("constraints");
            for clock in ["[get_nets clk]", "[get_nets rx_clk]", "[get_nets user_clk]"] {
                assert!(timing.contains(clock), "{}: {clock}", board.name);
            }
            for pin in used.pins.iter().filter(|p| !p.port.starts_with("pcie_rx") && !p.port.starts_with("pcie_tx")) {
                let clock =
                    ["clk_in", "pcie_refclk", "rgmii_rxc", "gmii_rx_clk"].iter().any(|c| pin.port.starts_with(c));
                assert!(clock || timing.contains(&pin.port), "{}: {} has no timing", board.name, pin.port);
            }
            let build = vivado::build(&board, kind).expect("a script");
            for (attribute, value, _) in vivado::attributes(kind) {
                assert!(build.contains(&format!("set_property {attribute} {value} $block")));
            }
            assert!(
                build.find("slack < 0").expect("timing is checked")
                    < build.find("write_bitstream").expect("a bitstream")
            );
        }
    }
}

#[test]
fn a_design_that_no_table_offers_is_not_written() {
    let mut board = vendor_boards().remove(0);
    board.edge.as_mut().expect("an edge").host = None;
    let said = vivado::top(&board, Card::Host, PARAMETERS).expect_err("not offered").to_string();
    assert!(said.contains("its table offers no host design"), "{said}");
    assert!(vivado::top(&board, Card::Io, PARAMETERS).is_ok());
    let versa = boards().remove(0);
    assert!(vivado::build(&versa, Card::Io).expect_err("no edge").to_string().contains("no PCI Express edge"));
}

/// Cells of a synthesis, from the last `stat`.
fn cells(text: &str) -> BTreeMap<String, u64> {
    let last = text.rfind("Printing statistics").expect("statistics");
    let mut out = BTreeMap::new();
    for line in text[last..].lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Name and number, in the order that this release has.
        let (number, name) = match words[..] {
            [a, b] | [a, _, b] if a.parse::<u64>().is_ok() => (a, b),
            [a, b] if b.parse::<u64>().is_ok() => (b, a),
            _ => continue,
        };
        *out.entry(name.to_string()).or_default() += number.parse::<u64>().expect("a number");
    }
    out
}

/// Last accepted figures of the vendor boards' cores for 7 series: LUTs, flip-flops, block RAMs of 18 kbit (one of 36 is two).
const CARDS: [(Card, u64, u64, u64); 2] = [(Card::Host, 9_431, 7_533, 60), (Card::Io, 5_206, 4_599, 40)];

#[test]
#[ignore = "nightly"]
fn the_cards_fit_the_fpgas_of_the_vendor() {
    for (kind, luts, flip_flops, rams) in CARDS {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let top = kind.core();
        let passes =
            format!("read_verilog core.v\nsynth_xilinx -family xc7 -flatten -top {top}\nstat\ncheck -assert\n");
        let cells = cells(&yosys(folder.path(), &[("core.v", &card(kind))], &passes));
        let count =
            |wanted: &dyn Fn(&str) -> bool| cells.iter().filter(|(n, _)| wanted(n)).map(|(_, c)| c).sum::<u64>();
        let lut = count(&|n| n.starts_with("LUT"));
        let ff = count(&|n| n.starts_with("FD"));
        let ram = count(&|n| n == "RAMB18E1") + 2 * count(&|n| n == "RAMB36E1");
        let lut_ram = count(&|n| n.starts_with("RAM") && !n.starts_with("RAMB"));
        println!(
            "{top}: {lut} LUT, {ff} FF, {ram} RAMB18, {lut_ram} LUT RAM, {} CARRY4",
            cells.get("CARRY4").unwrap_or(&0)
        );
        println!("{cells:?}");
        assert!(lut > 1000 && ff > 1000 && ram > 4, "{cells:?}");
        assert_eq!((lut, ff, ram), (luts, flip_flops, rams), "{top}: LUTs, flip-flops, block RAMs");
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
