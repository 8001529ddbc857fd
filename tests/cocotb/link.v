// A TLP as bytes, the first one in bits 7:0, into beats; `sent` follows `send`. Non-posted TLPs have a way of their own, which waits for np_ok.
module tlp_link (
    input  wire          clk,
    input  wire          rst,
    // What the bench sends: posted requests and completions, and non-posted requests.
    input  wire [4607:0] p_tlp,
    input  wire [9:0]    p_bytes,
    input  wire          p_send,
    output reg           p_sent,
    input  wire [4607:0] np_tlp,
    input  wire [9:0]    np_bytes,
    input  wire          np_send,
    output reg           np_sent,
    // What it receives; the next one is taken when `took` follows `came`.
    output reg  [4607:0] tlp,
    output reg  [9:0]    bytes,
    output reg           came,
    input  wire          took,
    // The pins of a core.
    output wire [63:0]   rx_tdata,
    output wire [7:0]    rx_tkeep,
    output wire          rx_tlast,
    output wire          rx_tvalid,
    input  wire          rx_tready,
    input  wire          rx_np_ok,
    input  wire [63:0]   tx_tdata,
    input  wire [7:0]    tx_tkeep,
    input  wire          tx_tlast,
    input  wire          tx_tvalid,
    output wire          tx_tready,
    // A non-posted TLP began although np_ok had been 0 for long, tvalid fell mid a TLP, or tkeep is odd.
    output reg           fault,
    input  wire          tx_np_ok
);
    reg [4607:0] out;
    reg [9:0] left;
    reg busy, is_np, may_np, mid;
    reg [2:0] np_low;
    reg [9:0] at;
    assign rx_tdata = out[63:0];
    assign rx_tkeep = left >= 8 ? 8'hff : 8'h0f;
    assign rx_tlast = left <= 8;
    assign rx_tvalid = busy;
    assign tx_tready = came == took;
    wire [4:0] kind = tx_tdata[4:0];
    wire non_posted = (kind == 0 && !tx_tdata[6]) || (kind != 0 && !kind[4] && kind[4:1] != 5);
    always @(posedge clk) begin
        may_np <= rx_np_ok;
        if (busy && rx_tready) begin
            out <= out >> 64;
            left <= left - 8;
            if (rx_tlast) begin
                busy <= 0;
                if (is_np) np_sent <= np_send;
                else p_sent <= p_send;
            end
        end
        if (!busy) begin
            if (p_send != p_sent) begin
                {out, left, busy, is_np} <= {p_tlp, p_bytes, 1'b1, 1'b0};
            end else if (np_send != np_sent && may_np) begin
                {out, left, busy, is_np} <= {np_tlp, np_bytes, 1'b1, 1'b1};
            end
        end
        np_low <= tx_np_ok ? 0 : np_low == 7 ? 7 : np_low + 1;
        if (tx_tvalid && !mid && non_posted && np_low > 2 && !tx_np_ok) fault <= 1;
        if (mid && !tx_tvalid) fault <= 1;
        if (tx_tvalid && tx_tkeep != 8'hff && !(tx_tlast && tx_tkeep == 8'h0f)) fault <= 1;
        if (tx_tvalid) mid <= 1;
        if (tx_tvalid && tx_tready) begin
            tlp[{at[9:3], 6'b0} +: 64] <= tx_tdata;
            at <= at + 8;
            if (tx_tlast) begin
                mid <= 0;
                at <= 0;
                bytes <= at + (tx_tkeep == 8'hff ? 8 : 4);
                came <= !came;
            end
        end
        if (rst) begin
            {busy, is_np, may_np, mid, fault, came} <= 0;
            {p_sent, np_sent} <= 0;
            {left, at, np_low} <= 0;
        end
    end
endmodule
