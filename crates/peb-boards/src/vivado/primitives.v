// Black boxes of the 7-series primitives that the top modules use (names and ports as in UG953), for lint.
// verilator lint_off DECLFILENAME
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL
// verilator lint_off UNDRIVEN
(* blackbox *)
module IBUF (input I, output O);
endmodule

(* blackbox *)
module IBUFDS (input I, input IB, output O);
endmodule

(* blackbox *)
module IBUFDS_GTE2 (input I, input IB, input CEB, output O, output ODIV2);
endmodule

(* blackbox *)
module IOBUF (input I, input T, output O, inout IO);
endmodule

(* blackbox *)
module BUFG (input I, output O);
endmodule

(* blackbox *)
module BUFIO (input I, output O);
endmodule

(* blackbox *)
module BUFR #(parameter BUFR_DIVIDE = "BYPASS") (input I, input CE, input CLR, output O);
endmodule

(* blackbox *)
module MMCME2_BASE #(
    parameter real CLKIN1_PERIOD = 0.0, parameter real CLKFBOUT_MULT_F = 5.0, parameter DIVCLK_DIVIDE = 1,
    parameter real CLKOUT0_DIVIDE_F = 1.0, parameter CLKOUT1_DIVIDE = 1, parameter real CLKOUT1_PHASE = 0.0, parameter CLKOUT2_DIVIDE = 1
) (
    input CLKIN1, input CLKFBIN, output CLKFBOUT, output CLKFBOUTB, input RST, input PWRDWN, output LOCKED,
    output CLKOUT0, output CLKOUT0B, output CLKOUT1, output CLKOUT1B, output CLKOUT2, output CLKOUT2B,
    output CLKOUT3, output CLKOUT3B, output CLKOUT4, output CLKOUT5, output CLKOUT6
);
endmodule

(* blackbox *)
module IDELAYCTRL (input REFCLK, input RST, output RDY);
endmodule

(* blackbox *)
module IDELAYE2 #(
    parameter IDELAY_TYPE = "FIXED", parameter DELAY_SRC = "IDATAIN", parameter IDELAY_VALUE = 0, parameter real REFCLK_FREQUENCY = 200.0,
    parameter HIGH_PERFORMANCE_MODE = "FALSE"
) (
    input IDATAIN, output DATAOUT, input DATAIN, input C, input CE, input INC, input LD, input LDPIPEEN, input REGRST, input CINVCTRL,
    input [4:0] CNTVALUEIN, output [4:0] CNTVALUEOUT
);
endmodule

(* blackbox *)
module IDDR #(parameter DDR_CLK_EDGE = "OPPOSITE_EDGE") (input D, input C, input CE, input R, input S, output Q1, output Q2);
endmodule

(* blackbox *)
module ODDR #(parameter DDR_CLK_EDGE = "OPPOSITE_EDGE") (input D1, input D2, input C, input CE, input R, input S, output Q);
endmodule
