//! Scripts and constraints of a Vivado run.

use super::{part, pcie, rgmii, Card, RGMII};
use crate::board::Board;
use crate::constraints;
use crate::top::DesignError;
use std::fmt::Write;

/// `build.tcl`: the whole run, in batch mode without a project file.
///
/// # Errors
/// If there is no such design for the board.
pub fn build(board: &Board, card: Card) -> Result<String, DesignError> {
    card.note(board)?;
    let (part, name) = (part(board)?, &board.name);
    let rgmii = if rgmii(board) { format!(" {RGMII}.v") } else { String::new() };
    let mut out = format!(
        "# {}: {}. NOT BUILT HERE: this script has not been run. Generated: do not edit.\n\
         # vivado -mode batch -source build.tcl\n\
         set here [file dirname [file normalize [info script]]]\ncd $here\nfile delete -force {name}.bit\n\
         create_project -in_memory -part {part}\nset_property target_language Verilog [current_project]\n\
         source pcie.tcl\nsynth_ip [get_ips pcie_7x_0]\nread_verilog {{top.v {}.v{rgmii}}}\n\
         read_xdc {}\nread_xdc -unmanaged timing.xdc\nset_property USED_IN {{implementation}} [get_files timing.xdc]\n\
         synth_design -top top -part {part}\n\n\
         # The pins of the board decide which transceiver is which lane, not the order that the block's own constraints have.\n\
         set transceivers [get_cells -hierarchical -filter {{REF_NAME =~ GT?E2_CHANNEL}}]\nreset_property LOC $transceivers\n\n\
         # Attributes of the block that its settings do not offer.\n\
         set block [get_cells -hierarchical -filter {{REF_NAME == PCIE_2_1}}]\n\
         if {{[llength $block] != 1}} {{ error \"[llength $block] cells PCIE_2_1, must be one\" }}\n",
        board.title,
        card.label(),
        card.core(),
        constraints::file_name(board)
    );
    for (attribute, value, why) in pcie::attributes(card) {
        let _ = writeln!(out, "# {why}\nset_property {attribute} {value} $block");
    }
    let _ = write!(
        out,
        "\nopt_design\nplace_design\nphys_opt_design\nroute_design\n\
         report_utilization -file utilization.rpt\nreport_timing_summary -file timing.rpt\nreport_cdc -details -file crossings.rpt\n\
         # No bitstream of a design that is too slow.\n\
         set slack [get_property SLACK [get_timing_paths -delay_type min_max -max_paths 1]]\n\
         if {{$slack eq \"\" || $slack < 0}} {{\n    report_timing -max_paths 1\n    error \"timing is not met (slack $slack ns): see timing.rpt; there is no bitstream\"\n}}\n\
         write_bitstream -force {name}.bit\n"
    );
    Ok(out)
}

/// `timing.xdc`: the clocks that have nothing to do with each other, each crossing between them, and pins that have no clock.
///
/// # Errors
/// If there is no such design for the board.
pub fn timing(board: &Board, card: Card) -> Result<String, DesignError> {
    card.note(board)?;
    part(board)?;
    let mut out = format!(
        "# {}: clock crossings and pins without a clock. Generated: do not edit.\n\
         # Each value that crosses is one bit, a Gray code, or a word of memory that stands two clocks before it is read: what counts is that\n\
         # its bits arrive within one period of the clock that they come from.\n\
         set core [get_clocks -of_objects [get_nets clk]]\nset phy [get_clocks -of_objects [get_nets rx_clk]]\nset user [get_clocks -of_objects [get_nets user_clk]]\n\
         foreach {{from to}} [list $phy $core $core $phy $core $user $user $core] {{\n    \
         set_max_delay -datapath_only -from $from -to $to [get_property -min PERIOD $from]\n}}\n\
         # Nothing goes between the PHY's and the block's clock.\nset_clock_groups -asynchronous -group $phy -group $user\n",
        board.title
    );
    // Ports of the table that no clock samples at the pin.
    let reset = if board.pin("rst").is_some() { "rst" } else { "rst_n" };
    for port in [reset, "uart_rx", "mdio", "pcie_perst_n"] {
        let _ = writeln!(out, "set_false_path -from [get_ports {port}]");
    }
    let leds: Vec<String> = super::leds(board).iter().map(|pin| format!("{}[*]", pin.port)).collect();
    for port in ["uart_tx", "mdc", "mdio", "phy_rst_n"].into_iter().map(String::from).chain(leds) {
        let _ = writeln!(out, "set_false_path -to [get_ports {{{port}}}]");
    }
    if rgmii(board) {
        // RGMII 2.0, table 2: skew at the receiver 1.0 to 2.6 ns with the delay inside, both edges.
        out += "\n# RGMII: received data stand 1.0 ns before and after each edge of their clock, with the delays of the board's table.\n\
                set data [get_ports {rgmii_rxd[*] rgmii_rx_ctl}]\n\
                foreach edge {{} -clock_fall} {\n    \
                set_input_delay {*}$edge -add_delay -clock rgmii_rxc -max -1.0 $data\n    \
                set_input_delay {*}$edge -add_delay -clock rgmii_rxc -min -3.0 $data\n}\n\
                # Sent data and clock leave through the same kind of register; their skew is that of the pins.\n\
                set_false_path -to [get_ports {rgmii_txd[*] rgmii_tx_ctl rgmii_txc}]\n";
    } else {
        // IEEE 802.3 35.4.2.3: setup 2.0 ns, hold 0 at the receiver of the PHY's data; 2.5 and 0.5 at the PHY.
        out += "\n# GMII (IEEE 802.3, 35.4.2): received data stand 2.0 ns before their clock rises and do not change before it has.\n\
                set data [get_ports {gmii_rxd[*] gmii_rx_dv gmii_rx_er}]\n\
                set_input_delay -clock gmii_rx_clk -max 5.5 $data\nset_input_delay -clock gmii_rx_clk -min 0.5 $data\n\
                # Sent data change half a period before the sent clock rises.\n\
                create_generated_clock -name gmii_gtx -source [get_pins tx_clock/C] -divide_by 1 [get_ports gmii_gtx_clk]\n\
                set data [get_ports {gmii_txd[*] gmii_tx_en gmii_tx_er}]\n\
                set_output_delay -clock gmii_gtx -max 2.5 $data\nset_output_delay -clock gmii_gtx -min -0.5 $data\n\
                set_false_path -to [get_ports gmii_gtx_clk]\n";
    }
    Ok(out)
}
