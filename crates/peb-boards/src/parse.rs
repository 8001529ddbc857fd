//! Reads a board table and checks what its types cannot say.

use crate::board::{Board, Direction, Edge, Flow, Phy, PhyInterface, Pin, Programmer, State};
use crate::vivado::LANES;
use crate::BoardError;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: Spanned<String>,
    title: String,
    part: String,
    state: Spanned<State>,
    ethernet: String,
    pcie: String,
    #[serde(default)]
    notes: Vec<String>,
    flow: Spanned<Flow>,
    programmer: Programmer,
    phy: Spanned<Phy>,
    #[serde(default)]
    edge: Option<Edge>,
    sources: BTreeMap<String, String>,
    #[serde(rename = "pin")]
    pins: Vec<Spanned<PinTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinTable {
    port: Spanned<String>,
    direction: Spanned<Direction>,
    sites: Spanned<Vec<String>>,
    #[serde(default)]
    standard: Option<Spanned<String>>,
    #[serde(default)]
    mhz: Option<Spanned<f64>>,
    #[serde(default)]
    pull: Option<Spanned<String>>,
    #[serde(default)]
    fast: bool,
    #[serde(default)]
    drive: Option<Spanned<u8>>,
    source: Spanned<Vec<String>>,
    #[serde(default)]
    note: String,
}

/// Ports that every design needs: name, direction, bits.
const COMMON: &[(&str, Direction, usize)] = &[
    ("uart_rx", Direction::In, 1),
    ("uart_tx", Direction::Out, 1),
    ("mdc", Direction::Out, 1),
    ("mdio", Direction::Inout, 1),
    ("phy_rst_n", Direction::Out, 1),
];

/// Ports of a design for an ECP5 besides.
const OPEN: &[(&str, Direction, usize)] = &[("clk_in", Direction::In, 1), ("rst_n", Direction::In, 1)];

/// Ports of a project with a PCI Express edge besides; the edge may have more lanes.
const EDGE: &[(&str, Direction, usize)] = &[
    ("clk_in_p", Direction::In, 1),
    ("clk_in_n", Direction::In, 1),
    ("pcie_perst_n", Direction::In, 1),
    ("pcie_refclk_p", Direction::In, 1),
    ("pcie_refclk_n", Direction::In, 1),
    ("pcie_rx_p", Direction::In, LANES),
    ("pcie_rx_n", Direction::In, LANES),
    ("pcie_tx_p", Direction::Out, LANES),
    ("pcie_tx_n", Direction::Out, LANES),
];

/// Ports of an RGMII PHY.
const RGMII: &[(&str, Direction, usize)] = &[
    ("rgmii_rxc", Direction::In, 1),
    ("rgmii_rxd", Direction::In, 4),
    ("rgmii_rx_ctl", Direction::In, 1),
    ("rgmii_txc", Direction::Out, 1),
    ("rgmii_txd", Direction::Out, 4),
    ("rgmii_tx_ctl", Direction::Out, 1),
];

/// Ports of a GMII PHY.
const GMII: &[(&str, Direction, usize)] = &[
    ("gmii_rx_clk", Direction::In, 1),
    ("gmii_rxd", Direction::In, 8),
    ("gmii_rx_dv", Direction::In, 1),
    ("gmii_rx_er", Direction::In, 1),
    ("gmii_gtx_clk", Direction::Out, 1),
    ("gmii_txd", Direction::Out, 8),
    ("gmii_tx_en", Direction::Out, 1),
    ("gmii_tx_er", Direction::Out, 1),
];

impl Board {
    /// Reads a board from the text of its table; `file` is for errors, its stem must be the board's name.
    ///
    /// # Errors
    /// The first fault, with file, line and field.
    pub fn parse(file: &str, text: &str) -> Result<Board, BoardError> {
        let table: Table = toml::from_str(text).map_err(|e| syntax(file, text, &e))?;
        let fault = |byte: usize, field: &str, message: String| Err(BoardError::at(file, text, byte, field, &message));
        let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
        if table.name.get_ref() != stem {
            let message = format!("{:?} is not the file's name, {stem:?}", table.name.get_ref());
            return fault(table.name.span().start, "name", message);
        }
        let name_ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if stem.is_empty() || !stem.chars().all(name_ok) {
            return fault(table.name.span().start, "name", "small letters, digits and - only".into());
        }
        let open = matches!(table.flow.get_ref(), Flow::Ecp5 { .. });
        if let Flow::Ecp5 { speed, .. } = table.flow.get_ref() {
            if !(6..=8).contains(speed) {
                return fault(table.flow.span().start, "flow", format!("speed {speed}: ECP5 has grades 6, 7 and 8"));
            }
        }
        if *table.state.get_ref() == State::Bitstream && !open {
            return fault(table.state.span().start, "state", "only flow kind \"ecp5\" builds a bitstream".into());
        }
        if *table.state.get_ref() == State::Project && (open || table.edge.is_none()) {
            let message = "a project needs flow kind \"vivado\" and [edge]".into();
            return fault(table.state.span().start, "state", message);
        }
        let phy = table.phy.get_ref();
        if phy.tx_clock_taps > 127 || phy.rx_data_taps > 127 {
            return fault(table.phy.span().start, "phy", "a delay has 0 to 127 taps".into());
        }
        if let Some(unknown) = phy.source.iter().find(|s| !table.sources.contains_key(*s)) {
            return fault(table.phy.span().start, "phy", format!("source {unknown:?} is not in [sources]"));
        }
        let mut used: HashMap<String, String> = HashMap::new();
        let mut pins: Vec<Pin> = vec![];
        for spanned in table.pins {
            let start = spanned.span().start;
            let pin = spanned.into_inner();
            let port = pin.port.get_ref().clone();
            if pins.iter().any(|p| p.port == port) {
                return fault(pin.port.span().start, "port", format!("{port:?} stands here a second time"));
            }
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if !port.starts_with(|c: char| c.is_ascii_lowercase()) || !port.chars().all(word) {
                let message = format!("{port:?} is no port name (small letters, digits, _)");
                return fault(pin.port.span().start, "port", message);
            }
            if pin.sites.get_ref().is_empty() {
                return fault(pin.sites.span().start, "sites", format!("{port}: no package pin"));
            }
            for site in pin.sites.get_ref() {
                let row = site.trim_end_matches(|c: char| c.is_ascii_digit());
                if row.is_empty() || row.len() == site.len() || !row.chars().all(|c| c.is_ascii_uppercase()) {
                    return fault(pin.sites.span().start, "sites", format!("{port}: {site:?} is no package pin"));
                }
                if let Some(other) = used.insert(site.clone(), port.clone()) {
                    let message = format!("{port}: pin {site} is already that of {other}");
                    return fault(pin.sites.span().start, "sites", message);
                }
            }
            if let Some(mhz) = &pin.mhz {
                if !(1.0..=1000.0).contains(mhz.get_ref()) {
                    return fault(mhz.span().start, "mhz", format!("{port}: {} MHz is no clock", mhz.get_ref()));
                }
            }
            if let Some(pull) = &pin.pull {
                if !["up", "down"].contains(&pull.get_ref().as_str()) {
                    return fault(pull.span().start, "pull", format!("{port}: \"up\" or \"down\""));
                }
            }
            if let Some(drive) = &pin.drive {
                if ![4, 6, 8, 12, 16, 24].contains(drive.get_ref()) {
                    return fault(drive.span().start, "drive", format!("{port}: 4, 6, 8, 12, 16 or 24 mA"));
                }
            }
            if pin.standard.is_none() && !port.starts_with("pcie_") {
                return fault(start, "standard", format!("{port}: missing (only transceiver pins have none)"));
            }
            if pin.source.get_ref().is_empty() {
                return fault(pin.source.span().start, "source", format!("{port}: say where the pin is from"));
            }
            if let Some(unknown) = pin.source.get_ref().iter().find(|s| !table.sources.contains_key(*s)) {
                let message = format!("{port}: {unknown:?} is not in [sources]");
                return fault(pin.source.span().start, "source", message);
            }
            pins.push(Pin {
                port,
                direction: pin.direction.into_inner(),
                sites: pin.sites.into_inner(),
                standard: pin.standard.map(Spanned::into_inner).unwrap_or_default(),
                frequency: pin.mhz.map(Spanned::into_inner),
                pull: pin.pull.map(Spanned::into_inner),
                fast: pin.fast,
                drive: pin.drive.map(Spanned::into_inner),
                sources: pin.source.into_inner(),
                note: pin.note,
            });
        }
        let phy = table.phy.into_inner();
        let board = Board {
            name: table.name.into_inner(),
            title: table.title,
            part: table.part,
            state: table.state.into_inner(),
            ethernet: table.ethernet,
            pcie: table.pcie,
            notes: table.notes,
            flow: table.flow.into_inner(),
            programmer: table.programmer,
            phy,
            edge: table.edge,
            pins,
            sources: table.sources.into_iter().collect(),
        };
        board
            .required_ports()
            .map_err(|message| BoardError { field: "pin".into(), ..BoardError::whole(file, &message) })?;
        Ok(board)
    }

    /// The port called `name`.
    pub fn pin(&self, name: &str) -> Option<&Pin> {
        self.pins.iter().find(|p| p.port == name)
    }

    fn required_ports(&self) -> Result<(), String> {
        let phy = match self.phy.interface {
            PhyInterface::Rgmii => RGMII,
            PhyInterface::Gmii => GMII,
        };
        // A board that only has constraints so far may lack what PEB's own logic adds.
        let (common, own) = match self.state {
            State::Bitstream => (COMMON, OPEN),
            State::Project => (COMMON, EDGE),
            State::Constraints => (&[][..], &[][..]),
        };
        for (port, direction, bits) in common.iter().chain(own).chain(phy) {
            let pin = self.pin(port).ok_or_else(|| format!("port {port:?} is missing"))?;
            if pin.direction != *direction {
                return Err(format!("port {port:?} must be {direction:?}"));
            }
            let lanes = port.starts_with("pcie_") && *bits == LANES;
            if pin.sites.len() != *bits && !(lanes && pin.sites.len() > *bits) {
                return Err(format!("port {port:?} has {} pins, must have {bits}", pin.sites.len()));
            }
        }
        if self.state == State::Project && self.pin("rst").or(self.pin("rst_n")).is_none() {
            return Err("port \"rst_n\" (or \"rst\") is missing".to_string());
        }
        let clock =
            self.pin("clk_in").or(self.pin("clk_in_p")).ok_or("port \"clk_in\" (or \"clk_in_p\") is missing")?;
        clock.frequency.map(|_| ()).ok_or_else(|| format!("port {:?}: mhz is missing", clock.port))
    }
}

/// A fault that the TOML reader found; the field is the key of its line, or the section.
fn syntax(file: &str, text: &str, error: &toml::de::Error) -> BoardError {
    let byte = error.span().map_or(0, |s| s.start);
    let line_start = text.get(..byte).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
    let line = text.get(line_start..).and_then(|t| t.lines().next()).unwrap_or_default();
    let section = line.trim_matches(['[', ']']);
    let field = line.split_once('=').map_or(section, |(key, _)| key.trim());
    BoardError::at(file, text, byte, field, error.message())
}
