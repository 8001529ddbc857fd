//! The top module of a board's design: pins, the FPGA's primitives, and the core. No logic.

use crate::board::{Board, Flow, PhyInterface};
use std::fmt::Write;
use thiserror::Error;

/// Module of the network-attached device, `peb_rtl::top::NetworkDevice`.
pub const CORE: &str = "peb_device";
/// Clock of the core in MHz.
pub const CORE_MHZ: f64 = 125.0;
/// Black boxes of the primitives in [`text`], for lint; synthesis has its own.
pub const PRIMITIVES: &str = include_str!("primitives.v");

/// What a build sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// MAC address, first byte in bits 47:40.
    pub mac: u64,
    /// VLAN ID, 0 = untagged.
    pub vid: u16,
}

/// Why a board has no design.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum DesignError {
    /// No design for its FPGA.
    #[error("{0} has no design: {1}")]
    NoDesign(String, String),
    /// No settings of the PLL.
    #[error("{board}: the PLL makes no {CORE_MHZ} MHz of {mhz} MHz")]
    NoClock {
        /// Board.
        board: String,
        /// Its clock.
        mhz: f64,
    },
}

/// Settings of an EHXPLLL whose feedback is CLKOP: output = input * feedback / reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pll {
    /// CLKI_DIV.
    pub reference: u32,
    /// CLKFB_DIV.
    pub feedback: u32,
    /// CLKOP_DIV.
    pub output: u32,
}

impl Pll {
    /// Settings for [`CORE_MHZ`] from `mhz`: oscillator within 400 to 800 MHz, phase detector within 3.125 to 400 MHz, the latter as fast
    /// as can be (ECP5 family data sheet, sysCLOCK PLL timing). None if there are none.
    pub fn from_mhz(mhz: f64) -> Option<Pll> {
        let output = (1..=128).rev().find(|&n| CORE_MHZ * f64::from(n) <= 700.0)?;
        (1..=128u32).filter(|&r| (3.125..=400.0).contains(&(mhz / f64::from(r)))).find_map(|reference| {
            let feedback = CORE_MHZ * f64::from(reference) / mhz;
            let whole = (feedback - feedback.round()).abs() < 1e-9 && (1.0..=128.0).contains(&feedback);
            whole.then_some(Pll { reference, feedback: feedback.round() as u32, output })
        })
    }
}

/// Verilog of the top module `top`.
///
/// # Errors
/// If there is no design for the board.
pub fn text(board: &Board, parameters: Parameters) -> Result<String, DesignError> {
    let none = |why: &str| DesignError::NoDesign(board.name.clone(), why.to_string());
    if !matches!(board.flow, Flow::Ecp5 { .. }) {
        return Err(none(
            "its FPGA is no ECP5; `peb gen --design host|io` writes projects for boards with a PCI Express edge",
        ));
    }
    if board.phy.interface != PhyInterface::Rgmii {
        return Err(none("designs are for PHYs with RGMII"));
    }
    let mhz = board.pin("clk_in").and_then(|p| p.frequency).ok_or_else(|| none("its clock is not known"))?;
    let pll = Pll::from_mhz(mhz).ok_or(DesignError::NoClock { board: board.name.clone(), mhz })?;
    let mut out = format!(
        "// {}: network-attached device.\n// Pins, primitives of the FPGA and the core: there is no logic here. Generated: do not edit.\n\
         module top #(\n    parameter [47:0] MAC = 48'h{:012x},\n    parameter [11:0] VLAN = 12'd{}\n) (\n",
        board.title, parameters.mac, parameters.vid
    );
    let leds = board.pins.iter().find(|p| p.port == "led_n" || p.port == "led");
    let mut ports = PORTS.map(String::from).to_vec();
    if let Some(pin) = leds {
        ports.push(format!("    output wire [{}:0] {}", pin.sites.len() - 1, pin.port));
    }
    let switches: Vec<_> = board.pins.iter().filter(|p| p.port.starts_with("switch")).collect();
    for pin in &switches {
        ports.push(format!("    input wire [{}:0] {}", pin.sites.len() - 1, pin.port));
    }
    let bits: usize = switches.iter().map(|p| p.sites.len()).sum();
    if bits > 8 {
        return Err(none("the endpoint has a register for eight switches"));
    }
    let _ = writeln!(out, "{}\n);\n", ports.join(",\n"));
    // The first of the table in the low bits.
    let mut buttons: Vec<String> = switches.iter().rev().map(|p| p.port.clone()).collect();
    if bits < 8 {
        buttons.insert(0, format!("{}'d0", 8 - bits));
    }
    out += &clock(mhz, pll);
    out += &receive(board.phy.rx_data_taps);
    out += &transmit(board.phy.tx_clock_taps);
    out += &CONNECTIONS.replace("BUTTONS", &format!("{{{}}}", buttons.join(", ")));
    if let Some(pin) = leds {
        let (bits, invert) = (pin.sites.len(), if pin.port == "led_n" { "~" } else { "" });
        let _ = match bits {
            0..=8 => writeln!(out, "assign {} = {invert}leds[{}:0];", pin.port, bits - 1),
            _ => writeln!(out, "assign {} = {invert}{{{}'b0, leds}};", pin.port, bits - 8),
        };
    }
    out += "\nendmodule\n";
    Ok(out)
}

/// Ports of every board.
const PORTS: [&str; 13] = [
    "    input wire clk_in",
    "    input wire rst_n",
    "    input wire uart_rx",
    "    output wire uart_tx",
    "    input wire rgmii_rxc",
    "    input wire [3:0] rgmii_rxd",
    "    input wire rgmii_rx_ctl",
    "    output wire rgmii_txc",
    "    output wire [3:0] rgmii_txd",
    "    output wire rgmii_tx_ctl",
    "    output wire phy_rst_n",
    "    output wire mdc",
    "    inout wire mdio",
];

fn clock(mhz: f64, pll: Pll) -> String {
    let Pll { reference, feedback, output } = pll;
    format!(
        "// {mhz} MHz -> {CORE_MHZ} MHz; oscillator {} MHz.\nwire clk;\nwire locked;\n\
         (* FREQUENCY_PIN_CLKI = \"{mhz}\", FREQUENCY_PIN_CLKOP = \"{CORE_MHZ}\" *)\n\
         (* ICP_CURRENT = \"12\", LPF_RESISTOR = \"8\", MFG_ENABLE_FILTEROPAMP = \"1\", MFG_GMCREF_SEL = \"2\" *)\n\
         EHXPLLL #(\n    .CLKI_DIV({reference}), .CLKFB_DIV({feedback}), .FEEDBK_PATH(\"CLKOP\"),\n    \
         .CLKOP_ENABLE(\"ENABLED\"), .CLKOP_DIV({output}), .CLKOP_CPHASE({}), .CLKOP_FPHASE(0)\n) pll (\n    \
         .CLKI(clk_in), .CLKFB(clk), .CLKOP(clk), .LOCK(locked), .RST(1'b0), .STDBY(1'b0), .ENCLKOP(1'b0),\n    \
         .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b1), .PHASESTEP(1'b1), .PHASELOADREG(1'b1), .PLLWAKESYNC(1'b0)\n);\n\n",
        CORE_MHZ * f64::from(output),
        output / 2
    )
}

fn receive(taps: u8) -> String {
    let mut out = format!(
        "// Received data, delayed by {taps} taps of 25 ps; both edges of the PHY's clock.\n\
         wire [4:0] rx_pin = {{rgmii_rx_ctl, rgmii_rxd}};\nwire [4:0] rx_delayed;\nwire [4:0] rx_rise;\nwire [4:0] rx_fall;\n"
    );
    for n in 0..5 {
        let _ = write!(
            out,
            "DELAYF #(.DEL_MODE(\"USER_DEFINED\"), .DEL_VALUE({taps})) rx_delay_{n} (\n    \
             .A(rx_pin[{n}]), .LOADN(1'b1), .MOVE(1'b0), .DIRECTION(1'b0), .Z(rx_delayed[{n}]), .CFLAG()\n);\n\
             IDDRX1F rx_ddr_{n} (.D(rx_delayed[{n}]), .SCLK(rgmii_rxc), .RST(1'b0), .Q0(rx_rise[{n}]), .Q1(rx_fall[{n}]));\n"
        );
    }
    out + "\n"
}

fn transmit(taps: u8) -> String {
    let mut out = format!(
        "// Sent data, and their clock delayed by {taps} taps of 25 ps.\n\
         wire [4:0] tx_rise;\nwire [4:0] tx_fall;\nwire [4:0] tx_pin;\nwire tx_clock;\n\
         assign {{rgmii_tx_ctl, rgmii_txd}} = tx_pin;\n\
         ODDRX1F tx_ddr_clock (.D0(1'b1), .D1(1'b0), .SCLK(clk), .RST(1'b0), .Q(tx_clock));\n\
         DELAYF #(.DEL_MODE(\"USER_DEFINED\"), .DEL_VALUE({taps})) tx_delay (\n    \
         .A(tx_clock), .LOADN(1'b1), .MOVE(1'b0), .DIRECTION(1'b0), .Z(rgmii_txc), .CFLAG()\n);\n"
    );
    for n in 0..5 {
        let _ = writeln!(
            out,
            "ODDRX1F tx_ddr_{n} (.D0(tx_rise[{n}]), .D1(tx_fall[{n}]), .SCLK(clk), .RST(1'b0), .Q(tx_pin[{n}]));"
        );
    }
    out + "\n"
}

const CONNECTIONS: &str = "wire mdio_in;
wire mdio_out;
wire mdio_enable;
wire [7:0] leds;
BB mdio_pin (.I(mdio_out), .T(~mdio_enable), .O(mdio_in), .B(mdio));

peb_device device (
    .clk(clk),
    .rx_clk(rgmii_rxc),
    .good(locked & rst_n),
    .cfg_mac(MAC),
    .cfg_vid(VLAN),
    .rx_rise(rx_rise[3:0]),
    .rx_fall(rx_fall[3:0]),
    .rx_ctl_rise(rx_rise[4]),
    .rx_ctl_fall(rx_fall[4]),
    .tx_rise(tx_rise[3:0]),
    .tx_fall(tx_fall[3:0]),
    .tx_ctl_rise(tx_rise[4]),
    .tx_ctl_fall(tx_fall[4]),
    .phy_reset_n(phy_rst_n),
    .mdc(mdc),
    .mdio_out(mdio_out),
    .mdio_enable(mdio_enable),
    .mdio_in(mdio_in),
    .uart_rx(uart_rx),
    .uart_tx(uart_tx),
    .buttons(BUTTONS),
    .leds(leds)
);
";
