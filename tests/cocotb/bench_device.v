// A host's end of a PCIe link at the host core; at the other end of its Ethernet cable a network-attached device, RGMII with both edges
// side by side. The device has a UART and no other way in.
module bench (
    input wire clk /*verilator public_flat_rw*/,
    input wire rst /*verilator public_flat_rw*/,
    // The device's board is powered and its clock good.
    input wire good /*verilator public_flat_rw*/,
    input wire uart_rx /*verilator public_flat_rw*/,
    output wire uart_tx /*verilator public_flat_rw*/,
    input wire [7:0] buttons /*verilator public_flat_rw*/,
    output wire [7:0] leds /*verilator public_flat_rw*/,
    input wire [4607:0] host_p_tlp /*verilator public_flat_rw*/,
    input wire [4607:0] host_np_tlp /*verilator public_flat_rw*/,
    input wire [9:0] host_p_bytes /*verilator public_flat_rw*/,
    input wire [9:0] host_np_bytes /*verilator public_flat_rw*/,
    input wire host_p_send /*verilator public_flat_rw*/,
    input wire host_np_send /*verilator public_flat_rw*/,
    input wire host_took /*verilator public_flat_rw*/,
    output wire [4607:0] host_tlp /*verilator public_flat_rw*/,
    output wire [9:0] host_bytes /*verilator public_flat_rw*/,
    output wire host_p_sent /*verilator public_flat_rw*/,
    output wire host_np_sent /*verilator public_flat_rw*/,
    output wire host_came /*verilator public_flat_rw*/,
    input wire [15:0] mgmt_addr /*verilator public_flat_rw*/,
    input wire host_mgmt_req /*verilator public_flat_rw*/,
    input wire mgmt_we /*verilator public_flat_rw*/,
    input wire [31:0] mgmt_wdata /*verilator public_flat_rw*/,
    output wire [31:0] host_mgmt_rdata /*verilator public_flat_rw*/,
    output wire host_mgmt_ack /*verilator public_flat_rw*/,
    output wire [7:0] slot_up /*verilator public_flat_rw*/,
    output wire fatal /*verilator public_flat_rw*/,
    output wire fault /*verilator public_flat_rw*/
);
    wire [63:0] h_rx_tdata, h_tx_tdata;
    wire [7:0] h_rx_tkeep, h_tx_tkeep, down;
    wire h_rx_tlast, h_rx_tvalid, h_rx_tready, h_rx_np_ok, h_tx_tlast, h_tx_tvalid, h_tx_tready;
    wire down_en, down_er, h_fatal, mdc, mdio, mdio_enable, phy_reset_n;
    wire [3:0] up_rise, up_fall;
    wire up_ctl_rise, up_ctl_fall;
    // A few clocks in every 64 without room for non-posted TLPs.
    reg [5:0] pause;
    always @(posedge clk) pause <= rst ? 0 : pause + 1;
    wire np_ok = pause < 56;
    // LED 3 is the device's own fatal.
    assign fatal = h_fatal | leds[3];

    tlp_link host_link (
        .clk(clk), .rst(rst), .p_tlp(host_p_tlp), .p_bytes(host_p_bytes), .p_send(host_p_send), .p_sent(host_p_sent),
        .np_tlp(host_np_tlp), .np_bytes(host_np_bytes), .np_send(host_np_send), .np_sent(host_np_sent),
        .tlp(host_tlp), .bytes(host_bytes), .came(host_came), .took(host_took),
        .rx_tdata(h_rx_tdata), .rx_tkeep(h_rx_tkeep), .rx_tlast(h_rx_tlast), .rx_tvalid(h_rx_tvalid),
        .rx_tready(h_rx_tready), .rx_np_ok(h_rx_np_ok),
        .tx_tdata(h_tx_tdata), .tx_tkeep(h_tx_tkeep), .tx_tlast(h_tx_tlast), .tx_tvalid(h_tx_tvalid),
        .tx_tready(h_tx_tready), .fault(fault), .tx_np_ok(np_ok));
    peb_host host (
        .clk(clk), .rst(rst), .cfg_mac(48'h025045420100), .cfg_vid(12'd10),
        .pcie_link_up(!rst), .pcie_reset_in(1'b0),
        .pcie_rx_tdata(h_rx_tdata), .pcie_rx_tkeep(h_rx_tkeep), .pcie_rx_tlast(h_rx_tlast),
        .pcie_rx_tvalid(h_rx_tvalid), .pcie_rx_tready(h_rx_tready), .pcie_rx_np_ok(h_rx_np_ok),
        .pcie_tx_tdata(h_tx_tdata), .pcie_tx_tkeep(h_tx_tkeep), .pcie_tx_tlast(h_tx_tlast),
        .pcie_tx_tvalid(h_tx_tvalid), .pcie_tx_tready(h_tx_tready), .pcie_tx_np_ok(np_ok),
        .gmii_rxd({up_fall, up_rise}), .gmii_rx_dv(up_ctl_rise), .gmii_rx_er(up_ctl_rise ^ up_ctl_fall),
        .gmii_txd(down), .gmii_tx_en(down_en), .gmii_tx_er(down_er),
        .mgmt_addr(mgmt_addr), .mgmt_req(host_mgmt_req), .mgmt_we(mgmt_we), .mgmt_wdata(mgmt_wdata),
        .mgmt_rdata(host_mgmt_rdata), .mgmt_ack(host_mgmt_ack),
        .stat_peer_up(), .stat_slot_up(slot_up), .stat_fatal(h_fatal));
    peb_device device (
        .clk(clk), .rx_clk(clk), .good(good), .cfg_mac(48'h025045420200), .cfg_vid(12'd10),
        .rx_rise(down[3:0]), .rx_fall(down[7:4]), .rx_ctl_rise(down_en), .rx_ctl_fall(down_en ^ down_er),
        .tx_rise(up_rise), .tx_fall(up_fall), .tx_ctl_rise(up_ctl_rise), .tx_ctl_fall(up_ctl_fall),
        .phy_reset_n(phy_reset_n), .mdc(mdc), .mdio_out(mdio), .mdio_enable(mdio_enable), .mdio_in(1'b1),
        .uart_rx(uart_rx), .uart_tx(uart_tx), .buttons(buttons), .leds(leds));
endmodule
