//! The tables of the repository, and what wrong tables are told.

use super::*;

fn versa() -> &'static str {
    BUILTIN.iter().find(|(file, _)| *file == "ecp5-versa-5g.toml").expect("the table").1
}

/// The error of the Versa table with `from` replaced by `to`.
fn wrong(from: &str, to: &str) -> BoardError {
    assert!(versa().contains(from), "{from:?} is not in the table");
    Board::parse("boards/ecp5-versa-5g.toml", &versa().replacen(from, to, 1)).expect_err(to)
}

#[test]
fn the_tables_of_the_repository_are_right() {
    let boards = builtin().unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<_> = boards.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["ac701", "ax7203", "ecp5-versa-5g", "ecp5-versa", "ecpix5-85f", "kc705"]);
    for board in &boards {
        let state = if matches!(board.flow, Flow::Ecp5 { .. }) { State::Bitstream } else { State::Project };
        assert_eq!(board.state, state, "{}", board.name);
    }
}

#[test]
fn the_two_versas_have_the_same_pins() {
    let boards = builtin().expect("tables");
    let pins = |name| &find(&boards, name).expect("the board").pins;
    assert_eq!(pins("ecp5-versa"), pins("ecp5-versa-5g"));
}

#[test]
fn an_unknown_board_offers_the_closest() {
    let boards = builtin().expect("tables");
    let said = |name| find(&boards, name).expect_err(name).to_string();
    assert_eq!(said("kc706"), "unknown board \"kc706\", did you mean \"kc705\"?; `peb boards` lists them");
    assert!(said("ecp5-versa5g").contains("did you mean \"ecp5-versa-5g\"?"));
    assert_eq!(said("zzz"), "unknown board \"zzz\"; `peb boards` lists them");
}

#[test]
fn a_fault_is_told_with_file_line_and_field() {
    let line_of = |needle: &str| versa().lines().position(|l| l.contains(needle)).expect(needle) + 1;
    let cases = [
        ("speed = 8", "speed = \"8\"", "flow", "invalid type"),
        ("speed = 8", "speed = 9", "flow", "grades 6, 7 and 8"),
        ("kind = \"ecp5\"", "kind = \"ecp6\"", "kind", "unknown variant"),
        ("name = \"ecp5", "name = \"ecq5", "name", "is not the file's name"),
        ("state = \"bitstream\"", "state = \"built\"", "state", "unknown variant"),
        ("title =", "titel =", "titel", "unknown field"),
        ("sites = [\"T1\"]", "sites = [\"P3\"]", "sites", "rst_n: pin P3 is already that of clk_in"),
        ("sites = [\"T1\"]", "sites = [\"1T\"]", "sites", "\"1T\" is no package pin"),
        ("sites = [\"T1\"]", "sites = []", "sites", "no package pin"),
        ("port = \"rst_n\"", "port = \"clk_in\"", "port", "a second time"),
        ("pull = \"up\"", "pull = \"op\"", "pull", "\"up\" or \"down\""),
        ("mhz = 100", "mhz = 0.1", "mhz", "is no clock"),
        ("direction = \"in\"", "direction = \"into\"", "direction", "unknown variant"),
    ];
    for (from, to, field, message) in cases {
        let error = wrong(from, to);
        assert_eq!(error.field, field, "{to}: {error}");
        assert!(error.message.contains(message), "{to}: {error}");
        let expected = if field == "flow" { line_of("[flow]") } else { line_of(from) };
        let near = if field == "flow" { expected..=expected + 6 } else { expected..=expected };
        assert!(near.contains(&error.line), "{to}: line {} is not {expected}: {error}", error.line);
        assert!(error.to_string().starts_with(&format!("boards/ecp5-versa-5g.toml:{}: {field}: ", error.line)));
    }
}

#[test]
fn ports_that_a_design_needs_cannot_be_missing_or_of_another_width() {
    let error = wrong("port = \"rgmii_rxc\"", "port = \"rgmii_rxk\"");
    assert!(error.to_string().ends_with("pin: port \"rgmii_rxc\" is missing"), "{error}");
    let error = wrong("\"T20\", \"U20\", ", "\"T20\", ");
    assert!(error.to_string().ends_with("port \"rgmii_rxd\" has 3 pins, must have 4"), "{error}");
    let error = wrong("port = \"mdc\"\ndirection = \"out\"", "port = \"mdc\"\ndirection = \"in\"");
    assert!(error.to_string().ends_with("port \"mdc\" must be Out"), "{error}");
    assert!(wrong("source = [\"litex\"", "source = [\"lightex\"").message.contains("not in [sources]"));
    assert!(wrong("standard = \"LVDS\"\n", "").message.contains("clk_in: missing"));
    assert!(wrong("mhz = 100\n", "").message.contains("mhz is missing"));
}

#[test]
fn a_table_cut_anywhere_is_an_error_or_a_table_and_never_a_panic() {
    for end in (0..versa().len()).step_by(7) {
        let _ = Board::parse("ecp5-versa-5g.toml", &versa()[..end]);
    }
}

#[test]
fn an_lpf_has_sites_standards_and_clocks() {
    let boards = builtin().expect("tables");
    let text = constraints::text(find(&boards, "ecp5-versa-5g").expect("the board"));
    for line in [
        "LOCATE COMP \"clk_in\" SITE \"P3\";",
        "IOBUF PORT \"clk_in\" IO_TYPE=LVDS;",
        "FREQUENCY PORT \"clk_in\" 100 MHz;",
        "FREQUENCY PORT \"rgmii_rxc\" 125 MHz;",
        "IOBUF PORT \"uart_tx\" IO_TYPE=LVCMOS33;",
        "LOCATE COMP \"rgmii_txd[3]\" SITE \"P20\";",
        "IOBUF PORT \"rgmii_txd[3]\" IO_TYPE=LVCMOS25 SLEWRATE=FAST;",
        "IOBUF PORT \"rst_n\" IO_TYPE=LVCMOS33 PULLMODE=UP;",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
    }
}

#[test]
fn an_xdc_has_pins_standards_clocks_and_the_configuration_voltage() {
    let boards = builtin().expect("tables");
    let text = |name| constraints::text(find(&boards, name).expect("the board"));
    for line in [
        "set_property PACKAGE_PIN U22 [get_ports { rgmii_txc }]",
        "set_property DRIVE 16 [get_ports { rgmii_txc }]",
        "set_property SLEW FAST [get_ports { rgmii_txd[0] }]",
        "set_property PULLUP true [get_ports { mdio }]",
        "create_clock -name rgmii_rxc -period 8 [get_ports { rgmii_rxc }]",
        "set_property PACKAGE_PIN A7 [get_ports { pcie_tx_n[3] }]",
    ] {
        assert!(text("ac701").lines().any(|l| l == line), "{line} is not in:\n{}", text("ac701"));
    }
    assert!(!text("ac701").contains("IOSTANDARD  "), "transceiver pins have no standard");
    assert!(text("kc705").ends_with("set_property CONFIG_VOLTAGE 2.5 [current_design]\n"));
    assert!(text("kc705").starts_with("# AMD KC705, XC7K325T-2FFG900: Vivado project, not built here."));
}

/// What `docs/add-a-board.md` says to do, done with the table that stands in it.
#[test]
fn the_guide_can_be_followed_for_an_invented_board() {
    let guide = include_str!("../../../docs/add-a-board.md");
    let table = guide.split("```toml\n").nth(1).and_then(|t| t.split("```").next()).expect("the guide shows a table");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("my-board.toml"), table).expect("written");
    let boards = read_folder(folder.path()).unwrap_or_else(|e| panic!("{e}"));
    let board = find(&boards, "my-board").unwrap_or_else(|e| panic!("{e}"));
    let lpf = constraints::text(board);
    assert_eq!(constraints::file_name(board), "my-board.lpf");
    let shown = guide.split("```lpf\n").nth(1).and_then(|t| t.split("```").next()).expect("the guide shows an LPF");
    for line in shown.lines() {
        assert!(lpf.lines().any(|l| l == line), "{line} is not in:\n{lpf}");
    }
}

#[test]
fn the_constraint_files_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (path, content) in files() {
        let found = std::fs::read_to_string(root.join(&path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(found == content, "{path} is stale; run `cargo xtask gen`");
    }
}
