//! Verilog that means the same as the Rust, and the proof of it.
//!
//! * [`export`] writes a rust-hdl design as plain Verilog-2005. It prints from rust-hdl's AST itself, every
//!   expression at exactly the width that its Rust type has, one module per distinct block. What has no faithful
//!   translation is an [`ExportError`] that names the block and the [`Problem`].
//! * A [`Recording`] holds all ports of a block, clock by clock, from its Rust test. [`assert_equivalent`] replays
//!   it against the exported Verilog in Icarus and compares every output every clock; an undefined output is a
//!   mismatch. [`assert_covered`] measures which lines and toggles of the Verilog the recording exercises, and
//!   [`assert_mutants_caught`] whether it notices random faults.
//!
//!   The crate `peb-thorough` does the same for all recordings of a block's tests together.
//!
//! ```no_run
//! # use rust_hdl::prelude::*;
//! # fn settle(_: &mut dyn Block) {} fn tick(_: &mut dyn Block) {}
//! # fn test(mut block: impl Block) -> Result<(), peb_verilog::ExportError> {
//! let mut recording = peb_verilog::Recording::new(&block, "frame_parser")?;
//! for _ in 0..1000 {
//!     // set the inputs of this clock, then:
//!     settle(&mut block);
//!     recording.sample(&block);
//!     tick(&mut block);
//! }
//! peb_verilog::assert_equivalent(&recording);
//! peb_verilog::assert_covered(&[&recording], 95.0);
//! peb_verilog::assert_mutants_caught(&recording, 1, 50, 90.0);
//! # Ok(()) }
//! ```
//!
//! # What the AST does not hold
//! rust-hdl's `#[hdl_gen]` drops three things that no exporter can see: the `=` of `for i in 0..=3` (use `0..4`),
//! the guard of a match arm with a literal or a state (use `if` inside the arm), and the difference between
//! `x.index() + 1` and `(x + 1).index()` within a larger expression (do no arithmetic after `.index()`; directly
//! inside an index it is refused). The replay of a recording shows each of them as a mismatch.
//!
//! # Lint
//! The text is clean in `verilator --lint-only -Wall`, with three rules off by pragma in its head: `DECLFILENAME`
//! (one file holds all modules), `UNUSEDSIGNAL` (a block need not use every bit of a bundle) and `UNOPTFLAT` (a
//! block's logic is one `always @*`, which can seem to feed itself through a child).
//!
//! # Blocks with their own text
//! A `Verilog::Custom` block becomes a module with its text inside; an output that the text drives by `assign` is a
//! wire, others are `reg`. A text that starts with `// peb:reg init=` is a register with ports `d`, `q` and
//! `clock`, which is written into its parent. [`custom_uses`] lists them all.
//!
//! # Results kept
//! Coverage and mutant checks that passed are remembered by a hash of all their inputs under
//! `$HOME/.cache/peb/checks`; `PEB_NO_CACHE=1` runs them all the same.

pub mod cache;
mod check;
mod error;
mod export;
mod expr;
pub mod formal;
mod harness;
mod library;
mod lower;
mod module;
mod mutate;
mod names;
mod print;
mod recording;
pub mod replay;
mod score;
pub mod stored;
mod switch;
pub mod synth;
pub mod tools;
mod tree;
mod verilator;

pub use error::{ExportError, Problem};
pub use export::{custom_uses, export, export_with, CustomUse, ExportOptions};
pub use harness::{assert_equivalent, check_equivalent, HarnessError, Mismatch};
pub use library::Design;
pub use mutate::{mutate, Mutant};
pub use recording::{Port, Recording};
pub use score::{assert_mutants_caught, mutation_score, Score};
pub use verilator::{assert_covered, check_equivalent_verilator, coverage, Coverage};
