// A host's and a device's end of a PCIe link at two cores whose Ethernet is one cable. A TLP goes in and comes out as a whole: the
// bench writes one beside a toggle, and is woken once a TLP.

module bench (
    input wire clk /*verilator public_flat_rw*/,
    input wire rst /*verilator public_flat_rw*/,
    input wire present /*verilator public_flat_rw*/,
    input wire [4607:0] host_p_tlp /*verilator public_flat_rw*/,
    input wire [4607:0] host_np_tlp /*verilator public_flat_rw*/,
    input wire [4607:0] device_p_tlp /*verilator public_flat_rw*/,
    input wire [4607:0] device_np_tlp /*verilator public_flat_rw*/,
    input wire [9:0] host_p_bytes /*verilator public_flat_rw*/,
    input wire [9:0] host_np_bytes /*verilator public_flat_rw*/,
    input wire [9:0] device_p_bytes /*verilator public_flat_rw*/,
    input wire [9:0] device_np_bytes /*verilator public_flat_rw*/,
    input wire host_p_send /*verilator public_flat_rw*/,
    input wire host_np_send /*verilator public_flat_rw*/,
    input wire host_took /*verilator public_flat_rw*/,
    input wire device_p_send /*verilator public_flat_rw*/,
    input wire device_np_send /*verilator public_flat_rw*/,
    input wire device_took /*verilator public_flat_rw*/,
    output wire [4607:0] host_tlp /*verilator public_flat_rw*/,
    output wire [4607:0] device_tlp /*verilator public_flat_rw*/,
    output wire [9:0] host_bytes /*verilator public_flat_rw*/,
    output wire [9:0] device_bytes /*verilator public_flat_rw*/,
    output wire host_p_sent /*verilator public_flat_rw*/,
    output wire host_np_sent /*verilator public_flat_rw*/,
    output wire host_came /*verilator public_flat_rw*/,
    output wire device_p_sent /*verilator public_flat_rw*/,
    output wire device_np_sent /*verilator public_flat_rw*/,
    output wire device_came /*verilator public_flat_rw*/,
    input wire [15:0] mgmt_addr /*verilator public_flat_rw*/,
    input wire host_mgmt_req /*verilator public_flat_rw*/,
    input wire io_mgmt_req /*verilator public_flat_rw*/,
    input wire mgmt_we /*verilator public_flat_rw*/,
    input wire [31:0] mgmt_wdata /*verilator public_flat_rw*/,
    output wire [31:0] host_mgmt_rdata /*verilator public_flat_rw*/,
    output wire [31:0] io_mgmt_rdata /*verilator public_flat_rw*/,
    output wire host_mgmt_ack /*verilator public_flat_rw*/,
    output wire io_mgmt_ack /*verilator public_flat_rw*/,
    output wire [7:0] slot_up /*verilator public_flat_rw*/,
    output wire attached /*verilator public_flat_rw*/,
    output wire device_reset /*verilator public_flat_rw*/,
    output wire fatal /*verilator public_flat_rw*/,
    output wire fault /*verilator public_flat_rw*/
);
    wire [63:0] h_rx_tdata, h_tx_tdata, d_rx_tdata, d_tx_tdata;
    wire [7:0] h_rx_tkeep, h_tx_tkeep, d_rx_tkeep, d_tx_tkeep, down, up;
    wire h_rx_tlast, h_rx_tvalid, h_rx_tready, h_rx_np_ok, h_tx_tlast, h_tx_tvalid, h_tx_tready;
    wire d_rx_tlast, d_rx_tvalid, d_rx_tready, d_rx_np_ok, d_tx_tlast, d_tx_tvalid, d_tx_tready;
    wire down_en, down_er, up_en, up_er, h_fault, d_fault, h_fatal, d_fatal;
    // A few clocks in every 64 without room for non-posted TLPs.
    reg [5:0] pause;
    always @(posedge clk) pause <= rst ? 0 : pause + 1;
    wire np_ok = pause < 56;
    assign fault = h_fault | d_fault;
    assign fatal = h_fatal | d_fatal;

    tlp_link host_link (
        .clk(clk), .rst(rst), .p_tlp(host_p_tlp), .p_bytes(host_p_bytes), .p_send(host_p_send), .p_sent(host_p_sent),
        .np_tlp(host_np_tlp), .np_bytes(host_np_bytes), .np_send(host_np_send), .np_sent(host_np_sent),
        .tlp(host_tlp), .bytes(host_bytes), .came(host_came), .took(host_took),
        .rx_tdata(h_rx_tdata), .rx_tkeep(h_rx_tkeep), .rx_tlast(h_rx_tlast), .rx_tvalid(h_rx_tvalid),
        .rx_tready(h_rx_tready), .rx_np_ok(h_rx_np_ok),
        .tx_tdata(h_tx_tdata), .tx_tkeep(h_tx_tkeep), .tx_tlast(h_tx_tlast), .tx_tvalid(h_tx_tvalid),
        .tx_tready(h_tx_tready), .fault(h_fault), .tx_np_ok(np_ok));
    tlp_link device_link (
        .clk(clk), .rst(rst), .p_tlp(device_p_tlp), .p_bytes(device_p_bytes), .p_send(device_p_send), .p_sent(device_p_sent),
        .np_tlp(device_np_tlp), .np_bytes(device_np_bytes), .np_send(device_np_send), .np_sent(device_np_sent),
        .tlp(device_tlp), .bytes(device_bytes), .came(device_came), .took(device_took),
        .rx_tdata(d_rx_tdata), .rx_tkeep(d_rx_tkeep), .rx_tlast(d_rx_tlast), .rx_tvalid(d_rx_tvalid),
        .rx_tready(d_rx_tready), .rx_np_ok(d_rx_np_ok),
        .tx_tdata(d_tx_tdata), .tx_tkeep(d_tx_tkeep), .tx_tlast(d_tx_tlast), .tx_tvalid(d_tx_tvalid),
        .tx_tready(d_tx_tready), .fault(d_fault), .tx_np_ok(np_ok));

    peb_host host (
        .clk(clk), .rst(rst), .cfg_mac(48'h025045420100), .cfg_vid(12'd10),
        .pcie_link_up(!rst), .pcie_reset_in(1'b0),
        .pcie_rx_tdata(h_rx_tdata), .pcie_rx_tkeep(h_rx_tkeep), .pcie_rx_tlast(h_rx_tlast),
        .pcie_rx_tvalid(h_rx_tvalid), .pcie_rx_tready(h_rx_tready), .pcie_rx_np_ok(h_rx_np_ok),
        .pcie_tx_tdata(h_tx_tdata), .pcie_tx_tkeep(h_tx_tkeep), .pcie_tx_tlast(h_tx_tlast),
        .pcie_tx_tvalid(h_tx_tvalid), .pcie_tx_tready(h_tx_tready), .pcie_tx_np_ok(np_ok),
        .gmii_rxd(up), .gmii_rx_dv(up_en), .gmii_rx_er(up_er),
        .gmii_txd(down), .gmii_tx_en(down_en), .gmii_tx_er(down_er),
        .mgmt_addr(mgmt_addr), .mgmt_req(host_mgmt_req), .mgmt_we(mgmt_we), .mgmt_wdata(mgmt_wdata),
        .mgmt_rdata(host_mgmt_rdata), .mgmt_ack(host_mgmt_ack),
        .stat_peer_up(attached), .stat_slot_up(slot_up), .stat_fatal(h_fatal));
    peb_io io (
        .clk(clk), .rst(rst), .cfg_mac(48'h025045420200), .cfg_vid(12'd10),
        .pcie_link_up(present && !device_reset), .pcie_reset_out(device_reset),
        .slot_present(present), .slot_power_en(),
        .pcie_rx_tdata(d_rx_tdata), .pcie_rx_tkeep(d_rx_tkeep), .pcie_rx_tlast(d_rx_tlast),
        .pcie_rx_tvalid(d_rx_tvalid), .pcie_rx_tready(d_rx_tready), .pcie_rx_np_ok(d_rx_np_ok),
        .pcie_tx_tdata(d_tx_tdata), .pcie_tx_tkeep(d_tx_tkeep), .pcie_tx_tlast(d_tx_tlast),
        .pcie_tx_tvalid(d_tx_tvalid), .pcie_tx_tready(d_tx_tready), .pcie_tx_np_ok(np_ok),
        .gmii_rxd(down), .gmii_rx_dv(down_en), .gmii_rx_er(down_er),
        .gmii_txd(up), .gmii_tx_en(up_en), .gmii_tx_er(up_er),
        .mgmt_addr(mgmt_addr), .mgmt_req(io_mgmt_req), .mgmt_we(mgmt_we), .mgmt_wdata(mgmt_wdata),
        .mgmt_rdata(io_mgmt_rdata), .mgmt_ack(io_mgmt_ack),
        .stat_peer_up(), .stat_fatal(d_fatal));
endmodule
