// Black boxes of the ECP5 primitives that the top modules use (Lattice ECP5 family; names as in synthesis), for lint.
// verilator lint_off DECLFILENAME
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL
// verilator lint_off UNDRIVEN
(* blackbox *)
module EHXPLLL #(
    parameter CLKI_DIV = 1, parameter CLKFB_DIV = 1, parameter FEEDBK_PATH = "CLKOP", parameter CLKOP_ENABLE = "ENABLED",
    parameter CLKOP_DIV = 8, parameter CLKOP_CPHASE = 0, parameter CLKOP_FPHASE = 0
) (
    input CLKI, input CLKFB, output CLKOP, output LOCK, input RST, input STDBY, input ENCLKOP,
    input PHASESEL0, input PHASESEL1, input PHASEDIR, input PHASESTEP, input PHASELOADREG, input PLLWAKESYNC
);
endmodule

(* blackbox *)
module DELAYF #(parameter DEL_MODE = "USER_DEFINED", parameter DEL_VALUE = 0) (
    input A, input LOADN, input MOVE, input DIRECTION, output Z, output CFLAG
);
endmodule

(* blackbox *)
module IDDRX1F (input D, input SCLK, input RST, output Q0, output Q1);
endmodule

(* blackbox *)
module ODDRX1F (input D0, input D1, input SCLK, input RST, output Q);
endmodule

(* blackbox *)
module BB (input I, input T, output O, inout B);
endmodule
