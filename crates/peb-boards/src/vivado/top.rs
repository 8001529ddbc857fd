//! The top module.

use super::{leds, pcie, rgmii, used, Card, RGMII};
use crate::board::{Board, Direction};
use crate::top::{DesignError, Parameters, CORE_MHZ};
use std::fmt::Write;

/// Frequency of the oscillator in the clock manager, in MHz: within 600 to 1200 (DS181, DS182), a multiple of 125 and 200.
const OSCILLATOR_MHZ: f64 = 1000.0;
/// Steps of a clock's phase a period: the oscillator's eighth.
const PHASE_STEP: f64 = 360.0 * CORE_MHZ / OSCILLATOR_MHZ / 8.0;
/// One tap of the table, and one of IDELAYE2 with a reference of 200 MHz (UG471), in ps.
const TABLE_TAP: f64 = 25.0;
const INPUT_TAP: f64 = 78.125;

/// Verilog of the top module `top`.
///
/// # Errors
/// If there is no such design for the board.
pub fn top(board: &Board, card: Card, parameters: Parameters) -> Result<String, DesignError> {
    card.note(board)?;
    let board = &used(board);
    let none = |why: &str| DesignError::NoDesign(board.name.clone(), why.to_string());
    let mhz = board.pin("clk_in_p").and_then(|p| p.frequency).ok_or_else(|| none("its clock is not known"))?;
    let multiplier = OSCILLATOR_MHZ / mhz;
    if (multiplier * 8.0).fract() != 0.0 || !(2.0..=64.0).contains(&multiplier) {
        return Err(DesignError::NoClock { board: board.name.clone(), mhz });
    }
    let mut out = format!(
        "// {}: {}. NOT BUILT HERE.\n// Pins, primitives of the FPGA, the block for PCI Express and the core: there is no logic here. Generated: do not edit.\n\
         module top #(\n    parameter [47:0] MAC = 48'h{:012x},\n    parameter [11:0] VLAN = 12'd{}\n) (\n",
        board.title,
        card.label(),
        parameters.mac,
        parameters.vid
    );
    let port = |pin: &crate::Pin| {
        let direction = match pin.direction {
            Direction::In => "input wire",
            Direction::Out => "output wire",
            Direction::Inout => "inout wire",
        };
        match pin.sites.len() {
            1 if !pin.port.starts_with("pcie_rx") && !pin.port.starts_with("pcie_tx") => {
                format!("    {direction} {}", pin.port)
            }
            bits => format!("    {direction} [{}:0] {}", bits - 1, pin.port),
        }
    };
    let _ = writeln!(out, "{}\n);\n", board.pins.iter().map(port).collect::<Vec<_>>().join(",\n"));
    let phase = f64::from(board.phy.tx_clock_taps) * TABLE_TAP / 1e6 * CORE_MHZ * 360.0;
    let phase = (phase / PHASE_STEP).round() * PHASE_STEP;
    // GMII: data change with the falling edge of their clock, in the middle of a period.
    let phase = if rgmii(board) { phase } else { 180.0 };
    out += &clocks(mhz, multiplier, phase);
    out += if rgmii(board) { "" } else { GMII };
    if rgmii(board) {
        out += &receive((f64::from(board.phy.rx_data_taps) * TABLE_TAP / INPUT_TAP).round().min(31.0));
        out += &transmit();
    }
    out += &pcie::instance(card);
    let reset = if board.pin("rst").is_some() { "~rst" } else { "rst_n" };
    out += &core(card, reset);
    let mut bit = 0;
    for pin in leds(board) {
        let bits = pin.sites.len();
        let invert = if pin.port.ends_with("_n") { "~" } else { "" };
        let _ = writeln!(out, "assign {} = {invert}leds[{}:{bit}];", pin.port, (bit + bits - 1).min(7));
        bit += bits;
    }
    out += "\nendmodule\n";
    Ok(out)
}

fn clocks(mhz: f64, multiplier: f64, phase: f64) -> String {
    format!(
        "// {mhz} MHz -> {CORE_MHZ} MHz for the core, the same at {phase} degrees for the sent clock, 200 MHz for input delays.\n\
         wire clk_pin;\nwire feedback;\nwire clk_early;\nwire clk_shifted_early;\nwire clk_200_early;\nwire clk;\nwire clk_shifted;\nwire locked;\n\
         IBUFDS clk_buffer (.I(clk_in_p), .IB(clk_in_n), .O(clk_pin));\n\
         MMCME2_BASE #(\n    .CLKIN1_PERIOD({:.3}), .CLKFBOUT_MULT_F({multiplier:.3}), .DIVCLK_DIVIDE(1),\n    \
         .CLKOUT0_DIVIDE_F({:.3}), .CLKOUT1_DIVIDE({}), .CLKOUT1_PHASE({phase:.3}), .CLKOUT2_DIVIDE({})\n) clocks (\n    \
         .CLKIN1(clk_pin), .CLKFBIN(feedback), .CLKFBOUT(feedback), .CLKFBOUTB(), .RST(1'b0), .PWRDWN(1'b0), .LOCKED(locked),\n    \
         .CLKOUT0(clk_early), .CLKOUT0B(), .CLKOUT1(clk_shifted_early), .CLKOUT1B(), .CLKOUT2(clk_200_early), .CLKOUT2B(),\n    \
         .CLKOUT3(), .CLKOUT3B(), .CLKOUT4(), .CLKOUT5(), .CLKOUT6()\n);\n\
         BUFG clk_global (.I(clk_early), .O(clk));\n\
         BUFG clk_shifted_global (.I(clk_shifted_early), .O(clk_shifted));\n\n",
        1000.0 / mhz,
        OSCILLATOR_MHZ / CORE_MHZ,
        OSCILLATOR_MHZ / CORE_MHZ,
        OSCILLATOR_MHZ / 200.0
    )
}

/// Received data, delayed; both edges of the PHY's clock.
fn receive(taps: f64) -> String {
    let mut out = format!(
        "// Received data, delayed by {taps} taps of {INPUT_TAP} ps; both edges of the PHY's clock.\n\
         wire clk_200;\nwire rxc_pin;\nwire rxc_io;\nwire rx_clk;\n\
         BUFG clk_200_global (.I(clk_200_early), .O(clk_200));\n\
         (* IODELAY_GROUP = \"rgmii\" *)\nIDELAYCTRL delay_reference (.REFCLK(clk_200), .RST(~locked), .RDY());\n\
         IBUF rxc_buffer (.I(rgmii_rxc), .O(rxc_pin));\nBUFIO rxc_to_pins (.I(rxc_pin), .O(rxc_io));\n\
         BUFR #(.BUFR_DIVIDE(\"BYPASS\")) rxc_to_logic (.I(rxc_pin), .CE(1'b1), .CLR(1'b0), .O(rx_clk));\n\
         wire [4:0] rx_port = {{rgmii_rx_ctl, rgmii_rxd}};\nwire [4:0] rx_pin;\nwire [4:0] rx_delayed;\nwire [4:0] rx_rise;\nwire [4:0] rx_fall;\n"
    );
    for n in 0..5 {
        let _ = write!(
            out,
            "IBUF rx_buffer_{n} (.I(rx_port[{n}]), .O(rx_pin[{n}]));\n\
             (* IODELAY_GROUP = \"rgmii\" *)\nIDELAYE2 #(\n    .IDELAY_TYPE(\"FIXED\"), .DELAY_SRC(\"IDATAIN\"), .IDELAY_VALUE({taps}), .REFCLK_FREQUENCY(200.0), .HIGH_PERFORMANCE_MODE(\"TRUE\")\n\
             ) rx_delay_{n} (\n    .IDATAIN(rx_pin[{n}]), .DATAOUT(rx_delayed[{n}]), .DATAIN(1'b0), .C(1'b0), .CE(1'b0), .INC(1'b0), .LD(1'b0), .LDPIPEEN(1'b0),\n    \
             .REGRST(1'b0), .CINVCTRL(1'b0), .CNTVALUEIN(5'd0), .CNTVALUEOUT()\n);\n\
             IDDR #(.DDR_CLK_EDGE(\"SAME_EDGE_PIPELINED\")) rx_ddr_{n} (\n    .D(rx_delayed[{n}]), .C(rxc_io), .CE(1'b1), .R(1'b0), .S(1'b0), .Q1(rx_rise[{n}]), .Q2(rx_fall[{n}])\n);\n"
        );
    }
    out + "\n"
}

fn transmit() -> String {
    let mut out = String::from(
        "// Sent data, and their clock.\n\
         wire [4:0] tx_rise;\nwire [4:0] tx_fall;\nwire [4:0] tx_pin;\n\
         assign {rgmii_tx_ctl, rgmii_txd} = tx_pin;\n\
         ODDR #(.DDR_CLK_EDGE(\"SAME_EDGE\")) tx_ddr_clock (.D1(1'b1), .D2(1'b0), .C(clk_shifted), .CE(1'b1), .R(1'b0), .S(1'b0), .Q(rgmii_txc));\n",
    );
    for n in 0..5 {
        let _ = writeln!(
            out,
            "ODDR #(.DDR_CLK_EDGE(\"SAME_EDGE\")) tx_ddr_{n} (.D1(tx_rise[{n}]), .D2(tx_fall[{n}]), .C(clk), .CE(1'b1), .R(1'b0), .S(1'b0), .Q(tx_pin[{n}]));"
        );
    }
    let ports = ["rx_rise", "rx_fall", "tx_rise", "tx_fall"];
    let _ = write!(
        out,
        "\nwire [7:0] phy_rxd;\nwire phy_rx_dv;\nwire phy_rx_er;\nwire [7:0] gmii_txd;\nwire gmii_tx_en;\nwire gmii_tx_er;\n\
         {RGMII} rgmii (\n    .rx_clock(rx_clk),\n    .clock(clk),\n"
    );
    for port in ports {
        let (side, edge) = port.split_once('_').unwrap_or((port, ""));
        let _ = writeln!(out, "    .{port}({port}[3:0]),\n    .{side}_ctl_{edge}({port}[4]),");
    }
    out + "    .rxd(phy_rxd),\n    .rx_dv(phy_rx_dv),\n    .rx_er(phy_rx_er),\n    .txd(gmii_txd),\n    .tx_en(gmii_tx_en),\n    .tx_er(gmii_tx_er)\n);\n\n"
}

/// GMII: one edge of each clock. The core's last registers are those at the pins.
const GMII: &str = "// GMII: the PHY's clock takes in, the core's clock sends; the sent clock rises in the middle of the data.
wire rxc_pin;
wire rx_clk;
IBUF rxc_buffer (.I(gmii_rx_clk), .O(rxc_pin));
BUFG rxc_global (.I(rxc_pin), .O(rx_clk));
ODDR #(.DDR_CLK_EDGE(\"SAME_EDGE\")) tx_clock (.D1(1'b1), .D2(1'b0), .C(clk_shifted), .CE(1'b1), .R(1'b0), .S(1'b0), .Q(gmii_gtx_clk));
wire [7:0] phy_rxd = gmii_rxd;
wire phy_rx_dv = gmii_rx_dv;
wire phy_rx_er = gmii_rx_er;

";

fn core(card: Card, reset: &str) -> String {
    let mut out = format!(
        "wire mdio_in;\nwire mdio_out;\nwire mdio_enable;\nwire [7:0] leds;\n\
         IOBUF mdio_pin (.I(mdio_out), .T(~mdio_enable), .O(mdio_in), .IO(mdio));\n\n\
         {} card (\n    .clk(clk),\n    .rx_clk(rx_clk),\n    .good(locked & {reset}),\n    .cfg_mac(MAC),\n    .cfg_vid(VLAN),\n",
        card.core()
    );
    out += "    .phy_rxd(phy_rxd),\n    .phy_rx_dv(phy_rx_dv),\n    .phy_rx_er(phy_rx_er),\n";
    out += "    .gmii_txd(gmii_txd),\n    .gmii_tx_en(gmii_tx_en),\n    .gmii_tx_er(gmii_tx_er),\n";
    out += "    .phy_reset_n(phy_rst_n),\n    .mdc(mdc),\n    .mdio_out(mdio_out),\n    .mdio_enable(mdio_enable),\n    .mdio_in(mdio_in),\n";
    out += "    .uart_rx(uart_rx),\n    .uart_tx(uart_tx),\n";
    for port in pcie::core_ports(card) {
        let _ = writeln!(out, "    .{port}({port}),");
    }
    out + "    .leds(leds)\n);\n"
}
