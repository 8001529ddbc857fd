//! Everything a block needs: `use peb_hdl::prelude::*;`.
//!
//! rust-hdl's prelude, with PEB's words, casts, registers and memories in front of rust-hdl's.

pub use rust_hdl::prelude::*;

pub use crate::{
    bit_cast, bit_cast_narrow, bit_cast_wide, bit_cast_wide_wide, bits, wide, Activity, Blank, Clk, LutRam, Node, Ram,
    Reg, Rom, Sim, StreamRx, StreamTx, Sync2, U, W,
};
pub use peb_hdl_macros::{Interface, Module};
pub use rust_hdl::widgets::dff_setup;
