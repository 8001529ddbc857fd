//! peb-verilog
