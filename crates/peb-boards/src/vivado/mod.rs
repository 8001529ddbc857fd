//! Projects for AMD Vivado: 7-series boards with a PCI Express edge. Nothing here has been run with Vivado.
//!
//! [`top`] writes the top module (pins, primitives, the block for PCI Express, the core), [`block`] the settings of that block, [`timing`] the
//! constraints of the clock crossings, [`build`] the script of the whole run.

mod pcie;
mod project;
mod top;

pub use pcie::{attributes, black_box, block};
pub use project::{build, timing};
pub use top::top;

use crate::board::{Board, Flow, PhyInterface, Pin};
use crate::top::DesignError;

/// Lanes that the designs use: four of 2.5 GT/s carry eight times what the Ethernet does.
pub const LANES: usize = 4;
/// Module between the pins of an RGMII PHY and a card, `peb_rtl::phy::Rgmii`.
pub const RGMII: &str = "peb_rgmii";
/// Black boxes of the primitives in [`top`], for lint; synthesis has its own.
pub const PRIMITIVES: &str = include_str!("primitives.v");

/// What a board with a PCI Express edge becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Card {
    /// The card in a host: the block is the upstream port of a switch.
    Host,
    /// The card of a device: the block is a root port.
    Io,
}

impl Card {
    /// Both.
    pub const ALL: [Card; 2] = [Card::Host, Card::Io];

    /// Module of the core: `peb_rtl::top::HostCard` or `IoCard`.
    pub fn core(self) -> &'static str {
        match self {
            Card::Host => "peb_host_card",
            Card::Io => "peb_io_card",
        }
    }

    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Card::Host => "card in a host",
            Card::Io => "card of a device",
        }
    }

    /// What the board's table says of the design: why and with what it can work.
    ///
    /// # Errors
    /// If it has none.
    pub fn note(self, board: &Board) -> Result<&str, DesignError> {
        let none = |why: &str| DesignError::NoDesign(board.name.clone(), why.to_string());
        let edge = board.edge.as_ref().ok_or_else(|| none("it has no PCI Express edge"))?;
        let (note, what) = match self {
            Card::Host => (&edge.host, "its table offers no host design"),
            Card::Io => (&edge.io, "its table offers no I/O design"),
        };
        note.as_deref().ok_or_else(|| none(what))
    }
}

/// The board with the pins that a design uses alone, so that each constraint finds its port.
pub fn used(board: &Board) -> Board {
    let mut board = board.clone();
    board.pins.retain(|pin| pin.port != "phy_int_n");
    for pin in &mut board.pins {
        if ["pcie_rx_p", "pcie_rx_n", "pcie_tx_p", "pcie_tx_n"].contains(&pin.port.as_str()) {
            pin.sites.truncate(LANES);
        }
    }
    board
}

/// LEDs of a board, in the order of the table.
fn leds(board: &Board) -> Vec<&Pin> {
    board.pins.iter().filter(|pin| pin.port.starts_with("led")).collect()
}

fn rgmii(board: &Board) -> bool {
    board.phy.interface == PhyInterface::Rgmii
}

fn part(board: &Board) -> Result<&str, DesignError> {
    match &board.flow {
        Flow::Vivado { part, .. } => Ok(part),
        Flow::Ecp5 { .. } => Err(DesignError::NoDesign(board.name.clone(), "it is no board for Vivado".to_string())),
    }
}
