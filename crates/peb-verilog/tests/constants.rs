//! Which bits can have one value only.

use peb_verilog::synth::constants;

const DESIGN: &str = "
module held(input clk, input reset, input [1:0] d, output reg [1:0] q);
    always @(posedge clk) q <= reset ? 2'h0 : {1'b0, d[0]};
endmodule
module leaf(input a, input b, output [1:0] y, output reg [3:0] z);
    reg [3:0] part;
    assign y = {1'b1, a};
    always @(*) begin
        part = 4'h0;
        z = 4'h0;
        if (b) begin
            part = {z[3:1], a};
            z = {part[3:2], 1'b1, part[0]};
        end
    end
endmodule
module top(input clk, input reset, input a, input b, output [1:0] y, output [3:0] z, output idle, output [1:0] q);
    held three(.clk(clk), .reset(reset), .d({b, a}), .q(q));
    wire [1:0] other;
    wire [3:0] off;
    leaf one(.a(a), .b(b), .y(y), .z(z));
    stem two(.a(a), .y(other), .z(off));
    assign idle = |off;
endmodule
module stem(input a, output [1:0] y, output [3:0] z);
    bud inner(.a(a), .b(1'b0), .y(y), .z(z));
endmodule
module bud(input a, input b, output [1:0] y, output [3:0] z);
    assign y = {1'b1, a};
    assign z = b ? 4'hf : {3'h0, b};
endmodule
";

#[test]
fn they_are_found_through_all_levels_and_on_the_way_to_a_value() {
    let found = constants(DESIGN).unwrap_or_else(|error| panic!("{error}"));
    let has = |module: &str, signal: &str, bit| found.contains(&(module.to_string(), signal.to_string(), bit));
    for (signal, bits, fixed) in [("y", 2, vec![1]), ("z", 4, vec![2, 3])] {
        for bit in 0..bits {
            assert_eq!(has("leaf", signal, bit), fixed.contains(&bit), "leaf {signal}[{bit}]");
            assert_eq!(has("top", signal, bit), fixed.contains(&bit), "top {signal}[{bit}]");
        }
    }
    // A register that is never set.
    assert!(has("held", "q", 1) && !has("held", "q", 0) && has("top", "q", 1));
    // What is assigned on the way; what is tied from above; what follows from that, up to the top.
    assert!(has("leaf", "part", 1) && !has("leaf", "part", 0));
    assert!(has("bud", "z", 0));
    assert!(has("stem", "z", 3));
    assert!(has("top", "idle", 0) && !has("top", "a", 0) && !has("bud", "a", 0));
}
