//! The integrated block for PCI Express: instance and settings (PG054).

use super::{part, Card, LANES};
use crate::board::Board;
use crate::top::DesignError;
use std::fmt::Write;

/// Ports of the block: name, bits, whether into the block. `None` bits: one a lane. Those that no design uses are left open or 0, but for `IDLE_ONES`.
pub const PORTS: &[(&str, Option<u32>, bool)] = &[
    ("pci_exp_txp", None, false),
    ("pci_exp_txn", None, false),
    ("pci_exp_rxp", None, true),
    ("pci_exp_rxn", None, true),
    ("sys_clk", Some(1), true),
    ("sys_rst_n", Some(1), true),
    ("user_clk_out", Some(1), false),
    ("user_reset_out", Some(1), false),
    ("user_lnk_up", Some(1), false),
    ("user_app_rdy", Some(1), false),
    ("tx_buf_av", Some(6), false),
    ("tx_cfg_req", Some(1), false),
    ("tx_err_drop", Some(1), false),
    ("tx_cfg_gnt", Some(1), true),
    ("s_axis_tx_tready", Some(1), false),
    ("s_axis_tx_tdata", Some(64), true),
    ("s_axis_tx_tkeep", Some(8), true),
    ("s_axis_tx_tlast", Some(1), true),
    ("s_axis_tx_tvalid", Some(1), true),
    ("s_axis_tx_tuser", Some(4), true),
    ("m_axis_rx_tdata", Some(64), false),
    ("m_axis_rx_tkeep", Some(8), false),
    ("m_axis_rx_tlast", Some(1), false),
    ("m_axis_rx_tvalid", Some(1), false),
    ("m_axis_rx_tready", Some(1), true),
    ("m_axis_rx_tuser", Some(22), false),
    ("rx_np_ok", Some(1), true),
    ("rx_np_req", Some(1), true),
    ("cfg_mgmt_do", Some(32), false),
    ("cfg_mgmt_rd_wr_done", Some(1), false),
    ("cfg_mgmt_di", Some(32), true),
    ("cfg_mgmt_byte_en", Some(4), true),
    ("cfg_mgmt_dwaddr", Some(10), true),
    ("cfg_mgmt_wr_en", Some(1), true),
    ("cfg_mgmt_rd_en", Some(1), true),
    ("cfg_mgmt_wr_readonly", Some(1), true),
    ("cfg_mgmt_wr_rw1c_as_rw", Some(1), true),
    ("cfg_bus_number", Some(8), false),
    ("cfg_device_number", Some(5), false),
    ("cfg_trn_pending", Some(1), true),
    ("cfg_turnoff_ok", Some(1), true),
    ("cfg_to_turnoff", Some(1), false),
    ("cfg_pm_wake", Some(1), true),
    ("cfg_pm_halt_aspm_l0s", Some(1), true),
    ("cfg_pm_halt_aspm_l1", Some(1), true),
    ("cfg_pm_force_state_en", Some(1), true),
    ("cfg_pm_force_state", Some(2), true),
    ("cfg_pm_send_pme_to", Some(1), true),
    ("cfg_dsn", Some(64), true),
    ("cfg_ds_bus_number", Some(8), true),
    ("cfg_ds_device_number", Some(5), true),
    ("cfg_ds_function_number", Some(3), true),
    ("cfg_interrupt", Some(1), true),
    ("cfg_interrupt_assert", Some(1), true),
    ("cfg_interrupt_di", Some(8), true),
    ("cfg_interrupt_stat", Some(1), true),
    ("cfg_pciecap_interrupt_msgnum", Some(5), true),
    ("pl_transmit_hot_rst", Some(1), true),
    ("pl_received_hot_rst", Some(1), false),
    ("pl_directed_link_change", Some(2), true),
    ("pl_directed_link_width", Some(2), true),
    ("pl_directed_link_speed", Some(1), true),
    ("pl_directed_link_auton", Some(1), true),
    ("pl_upstream_prefer_deemph", Some(1), true),
    ("pl_downstream_deemph_source", Some(1), true),
];

/// Inputs that are 1 where no design drives them: internal TLPs may go between those of the user (R9 of `peb_rtl::pcie7`); no counting of
/// non-posted TLPs, `rx_np_ok` alone; the default of the link's de-emphasis.
const IDLE_ONES: [&str; 3] = ["tx_cfg_gnt", "rx_np_req", "pl_upstream_prefer_deemph"];

/// Ports that the card has by the same name.
const SHARED: [&str; 12] = [
    "m_axis_rx_tdata",
    "m_axis_rx_tkeep",
    "m_axis_rx_tlast",
    "m_axis_rx_tvalid",
    "m_axis_rx_tready",
    "rx_np_ok",
    "s_axis_tx_tready",
    "s_axis_tx_tdata",
    "s_axis_tx_tkeep",
    "s_axis_tx_tlast",
    "s_axis_tx_tvalid",
    "tx_buf_av",
];

/// Ports of the card at the block, which have the block's names but for three.
pub fn core_ports(card: Card) -> Vec<&'static str> {
    let own: &[&str] = match card {
        Card::Host => &[
            "cfg_mgmt_do",
            "cfg_mgmt_rd_wr_done",
            "cfg_mgmt_dwaddr",
            "cfg_mgmt_rd_en",
            "cfg_bus_number",
            "cfg_device_number",
        ],
        Card::Io => &[
            "cfg_mgmt_rd_wr_done",
            "cfg_mgmt_di",
            "cfg_mgmt_byte_en",
            "cfg_mgmt_dwaddr",
            "cfg_mgmt_wr_en",
            "pl_transmit_hot_rst",
        ],
    };
    [&["user_clk", "user_reset", "user_lnk_up", "tx_err_drop"], &SHARED[..], own].concat()
}

/// The block in the top module, and the wires between it and the card.
pub fn instance(card: Card) -> String {
    let used = core_ports(card);
    let mut out = String::from("// The integrated block for PCI Express, as pcie.tcl makes it.\nwire refclk;\nwire user_clk;\nwire user_reset;\n");
    for (port, bits, _) in PORTS.iter().filter(|(port, ..)| used.contains(port)) {
        match bits {
            Some(1) | None => writeln!(out, "wire {port};"),
            Some(bits) => writeln!(out, "wire [{}:0] {port};", bits - 1),
        }
        .unwrap_or_default();
    }
    out += "IBUFDS_GTE2 refclk_buffer (.I(pcie_refclk_p), .IB(pcie_refclk_n), .CEB(1'b0), .O(refclk), .ODIV2());\npcie_7x_0 pcie (\n";
    let net = |port: &str, bits: Option<u32>, into: bool| match port {
        "pci_exp_txp" => "pcie_tx_p".to_string(),
        "pci_exp_txn" => "pcie_tx_n".to_string(),
        "pci_exp_rxp" => "pcie_rx_p".to_string(),
        "pci_exp_rxn" => "pcie_rx_n".to_string(),
        "sys_clk" => "refclk".to_string(),
        "sys_rst_n" => "pcie_perst_n".to_string(),
        "user_clk_out" => "user_clk".to_string(),
        "user_reset_out" => "user_reset".to_string(),
        port if used.contains(&port) => port.to_string(),
        port if into => format!("{}'d{}", bits.unwrap_or(1), u32::from(IDLE_ONES.contains(&port))),
        _ => String::new(),
    };
    let lines: Vec<String> =
        PORTS.iter().map(|(port, bits, into)| format!("    .{port}({})", net(port, *bits, *into))).collect();
    out + &lines.join(",\n") + "\n);\n\n"
}

/// Black box of the block, with the ports that the designs know.
pub fn black_box() -> String {
    let port = |(name, bits, into): &(&str, Option<u32>, bool)| {
        let direction = if *into { "input" } else { "output" };
        format!("    {direction} [{}:0] {name}", bits.unwrap_or(LANES as u32) - 1)
    };
    let ports: Vec<String> = PORTS.iter().map(port).collect();
    format!(
        "// Black box of pcie_7x_0 with the ports that are connected, for lint.\n// verilator lint_off DECLFILENAME\n// verilator lint_off UNUSEDSIGNAL\n\
         // verilator lint_off UNDRIVEN\n(* blackbox *)\nmodule pcie_7x_0 (\n{}\n);\nendmodule\n",
        ports.join(",\n")
    )
}

/// Attributes of the block's cell that the settings of the block do not offer, and why. Set after synthesis.
pub fn attributes(card: Card) -> &'static [(&'static str, &'static str, &'static str)] {
    match card {
        Card::Host => &[
            ("UPSTREAM_FACING", "TRUE", "the port faces the host"),
            ("HEADER_TYPE", "8'h01", "header of a bridge: bus numbers and windows in place of BARs 2 to 5"),
            ("CLASS_CODE", "24'h060400", "PCI-PCI bridge"),
            ("PCIE_CAP_DEVICE_PORT_TYPE", "4'h5", "upstream port of a switch"),
            ("IS_SWITCH", "TRUE", "rules of a switch, not of an endpoint"),
            (
                "UR_CFG1",
                "FALSE",
                "configuration requests of type 1 come to the user: they are for the slots and what is in them",
            ),
            ("UR_INV_REQ", "FALSE", "requests that the block does not know come to the user"),
            ("UR_ATOMIC", "FALSE", "AtomicOps are for the slots"),
            ("DISABLE_BAR_FILTERING", "TRUE", "memory requests are for the windows, which the core compares"),
            (
                "DISABLE_ID_CHECK",
                "TRUE",
                "completions are for the devices in the slots, not for the block's own number",
            ),
            ("ENABLE_MSG_ROUTE", "11'h7ff", "messages come to the user"),
            ("BAR0", "32'h00000000", "no BAR"),
            ("BAR1", "32'h00000000", "no BAR"),
            ("BAR2", "32'h00ffffff", "primary, secondary, subordinate bus are written"),
            ("BAR3", "32'h00000000", "no I/O window"),
            ("BAR4", "32'hfff0fff0", "memory base and limit are written"),
            ("BAR5", "32'hfff1fff1", "prefetchable base and limit are written, 64 bits wide"),
            ("EXPANSION_ROM", "32'h00000000", "none"),
        ],
        Card::Io => &[
            ("UR_INV_REQ", "FALSE", "requests that the block does not know come to the user"),
            ("UR_ATOMIC", "FALSE", "AtomicOps of the device are for the host"),
            ("DISABLE_ID_CHECK", "TRUE", "completions are for the host's numbers, not for the block's own"),
            (
                "ENABLE_MSG_ROUTE",
                "11'h7ff",
                "messages of the device (interrupts, errors, power management) come to the user",
            ),
        ],
    }
}

/// `pcie.tcl`: makes the block.
///
/// # Errors
/// If there is no such design for the board.
pub fn block(board: &Board, card: Card) -> Result<String, DesignError> {
    card.note(board)?;
    part(board)?;
    let edge = board.edge.as_ref().map_or("X0Y0", |edge| &edge.block);
    let kind = match card {
        Card::Host => "PCI_Express_Endpoint_device",
        Card::Io => "Root_Port_of_PCI_Express_Root_Complex",
    };
    let settings = [
        ("mode_selection", "Advanced".to_string(), "all that follows can be set"),
        ("Device_Port_Type", kind.to_string(), "with the attributes below, for a host"),
        ("PCIe_Blk_Locn", edge.to_string(), "the block beside the transceivers of the edge"),
        ("en_ext_clk", "false".to_string(), "the block makes its own clocks"),
        ("Maximum_Link_Width", format!("X{LANES}"), ""),
        ("Link_Speed", "2.5_GT/s".to_string(), ""),
        ("Ref_Clk_Freq", "100_MHz".to_string(), ""),
        ("Interface_Width", "64_bit".to_string(), ""),
        ("User_Clk_Freq", "125".to_string(), "four lanes of 2.5 GT/s are 64 bits at 125 MHz"),
        ("Max_Payload_Size", "512_bytes".to_string(), "as the PEB"),
        ("Vendor_ID", "1204".to_string(), "as the PEB's own ports"),
        ("Device_ID", "5045".to_string(), ""),
        ("Base_Class_Menu", "Bridge_device".to_string(), ""),
        ("Class_Code_Base", "06".to_string(), ""),
        ("Class_Code_Sub", "04".to_string(), ""),
        ("Bar0_Enabled", "false".to_string(), "requests are not for the block"),
        ("Legacy_Interrupt", "NONE".to_string(), "the slots interrupt, not the block"),
        ("IntX_Generation", "false".to_string(), ""),
    ];
    let mut out = format!(
        "# {}: settings of pcie_7x for the {}. NOT BUILT HERE. Generated: do not edit.\n\
         create_ip -vendor xilinx.com -library ip -name pcie_7x -module_name pcie_7x_0\nset pcie [get_ips pcie_7x_0]\n\
         # A setting that this release of Vivado spells in another way is told and left alone, and the run ends after the last.\nset refused {{}}\n\
         foreach {{name value}} {{\n",
        board.title,
        card.label()
    );
    for (name, value, _) in &settings {
        let _ = writeln!(out, "    {name} {value}");
    }
    out += "} {\n    if {[catch {set_property CONFIG.$name $value $pcie} message]} { lappend refused \"$name = $value: $message\" }\n}\n\
            if {[llength $refused]} { error \"pcie_7x does not take:\\n[join $refused \\n]\" }\ngenerate_target all $pcie\n";
    Ok(out)
}
