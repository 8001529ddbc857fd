//! The HDL ground of PEB: rust-hdl's blocks, signals and `#[hdl_gen]`, with what it lacks.
//!
//! * [`U`] and [`W`]: native words of 1..=64 and 1..=128 bits in place of rust-hdl's `Bits`;
//! * [`Reg`], [`Ram`], [`LutRam`], [`Rom`], [`Sync2`]: registers, memories and synchronisers;
//! * [`Node`] and the derives `Module` and `Interface`: a single-threaded evaluation that walks only what changed;
//! * [`Blank`]: blocks of which a constructor sets only what is special;
//! * [`Sim`]: the cycle engine that benches are written on.
//!
//! # How a clock passes
//! A clock wire carries the *identity* of its clock, not a level ([`Clk`]), so that clock edges cost no
//! evaluation. [`Node::settle`] lets values fall through the combinational logic; [`Node::tick`] is the rising
//! edge of one clock: every register and memory of that clock takes what stands at its inputs. A block is
//! evaluated only when one of its inputs or registers changed since it last settled.

extern crate self as peb_hdl;
pub use rust_hdl;

mod blank;
mod memory;
mod node;
pub mod prelude;
mod reg;
mod rom;
mod sim;
mod stir;
#[allow(missing_docs)] // rust-hdl derives methods without any
mod stream;
mod trace;
mod watch;
mod word;

pub use blank::Blank;
#[doc(hidden)]
pub use blank::{BlankField, DefaultField, Start};
pub use memory::{LutRam, Ram};
pub use node::{Activity, Clk, Node, MAX_PASSES};
pub use reg::{Reg, RegD, RegQ, Sync2};
pub use rom::Rom;
pub use sim::Sim;
pub use stir::{Draw, Inputs, Stir};
#[doc(hidden)]
pub use stir::{Field, InputField, OtherField};
pub use stream::{StreamRx, StreamTx};
pub use trace::VcdTrace;
pub use watch::{HandshakeFault, PAYLOAD};
pub use word::{bit_cast, bit_cast_narrow, bit_cast_wide, bit_cast_wide_wide, bits, wide, U, W};
