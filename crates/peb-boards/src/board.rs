//! What a board table says.

use serde::Deserialize;

/// A board.
#[derive(Clone, Debug, PartialEq)]
pub struct Board {
    /// Name for the command line; the file is called after it.
    pub name: String,
    /// Full name.
    pub title: String,
    /// Orderable part number of the FPGA.
    pub part: String,
    /// What PEB does for this board.
    pub state: State,
    /// Ethernet of the board, in words.
    pub ethernet: String,
    /// PCI Express of the board, in words.
    pub pcie: String,
    /// Facts a user should know.
    pub notes: Vec<String>,
    /// How a bitstream is made.
    pub flow: Flow,
    /// How it gets into the board.
    pub programmer: Programmer,
    /// How the Ethernet PHY is attached.
    pub phy: Phy,
    /// PCI Express edge with a hard block behind it.
    pub edge: Option<Edge>,
    /// Pins, in the order of the table.
    pub pins: Vec<Pin>,
    /// Where facts come from: short name, full reference.
    pub sources: Vec<(String, String)>,
}

/// What PEB does for a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// `peb build` makes the bitstream with open tools.
    Bitstream,
    /// `peb gen` writes a project for the vendor's tools; nothing of it is built here.
    Project,
    /// Pins and constraints only; no design, nothing built.
    Constraints,
}

impl State {
    /// In the words of the table that `peb boards` prints.
    pub fn label(self) -> &'static str {
        match self {
            State::Bitstream => "builds a bitstream",
            State::Project => "Vivado project, not built here",
            State::Constraints => "constraints only, not built here",
        }
    }
}

/// How a bitstream is made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Flow {
    /// yosys, nextpnr-ecp5 and ecppack.
    Ecp5 {
        /// Device option of nextpnr-ecp5 without dashes, as `um5g-45k`.
        device: String,
        /// Package, as `CABGA381`.
        package: String,
        /// Speed grade, 6 to 8.
        speed: u8,
        /// Part string in the header of the bitstream.
        header: String,
        /// JTAG IDCODE.
        idcode: u32,
    },
    /// AMD Vivado.
    Vivado {
        /// Part in Vivado's spelling.
        part: String,
        /// Voltage of the configuration bank, in tenths of a volt.
        config_decivolts: u8,
    },
}

impl Flow {
    /// In the words of the table that `peb boards` prints.
    pub fn label(&self) -> &'static str {
        match self {
            Flow::Ecp5 { .. } => "yosys + nextpnr",
            Flow::Vivado { .. } => "Vivado",
        }
    }
}

/// How a bitstream gets into the board.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programmer {
    /// Options of openFPGALoader that select cable and board.
    pub arguments: Vec<String>,
    /// What the user has to know, empty if nothing.
    #[serde(default)]
    pub note: String,
}

/// How the Ethernet PHY is attached.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phy {
    /// PHY device.
    pub chip: String,
    /// Its interface.
    pub interface: PhyInterface,
    /// Delay added on transmit between clock and data, in taps of about 25 ps; 0 where the PHY delays the clock itself.
    #[serde(default)]
    pub tx_clock_taps: u8,
    /// Delay added to received data, in taps of about 25 ps; 0 where the PHY sends its clock centred.
    #[serde(default)]
    pub rx_data_taps: u8,
    /// Where the delays are from: short names of sources.
    #[serde(default)]
    pub source: Vec<String>,
}

/// PCI Express edge of a board, and the designs that can work with it. A design without a note is not offered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// Place of the hard block, as `X0Y0`.
    pub block: String,
    /// The card in a host: with what it can work.
    #[serde(default)]
    pub host: Option<String>,
    /// The card of a device: with what it can work.
    #[serde(default)]
    pub io: Option<String>,
}

/// Interface between PHY and FPGA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhyInterface {
    /// RGMII version 1.3 or 2.0: 4 bits, both edges.
    Rgmii,
    /// GMII, IEEE 802.3 clause 35: 8 bits, one edge.
    Gmii,
}

/// A port of the board's top module, one or more bits wide.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// Port of the top module.
    pub port: String,
    /// Direction, from the FPGA.
    pub direction: Direction,
    /// Package pins, bit 0 first.
    pub sites: Vec<String>,
    /// I/O standard as the flow spells it; empty for transceiver pins, which have none.
    pub standard: String,
    /// Clocks: frequency in MHz.
    pub frequency: Option<f64>,
    /// Weak pull resistor: `up`, `down`, or none.
    pub pull: Option<String>,
    /// Fast slew rate.
    pub fast: bool,
    /// Drive strength in mA.
    pub drive: Option<u8>,
    /// Short names of the sources that agree on it.
    pub sources: Vec<String>,
    /// A remark, empty if none.
    pub note: String,
}

/// Direction of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Into the FPGA.
    In,
    /// Out of the FPGA.
    Out,
    /// Both.
    Inout,
}
