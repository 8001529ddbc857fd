//! Verilog that means the same as the Rust.
//!
//! * [`export`] writes a rust-hdl design as plain Verilog-2005. It prints from rust-hdl's AST itself, every
//!   expression at exactly the width that its Rust type has, one module per distinct block.

mod check;
mod error;
mod export;
mod expr;
pub mod formal;
mod harness;
mod lower;
mod module;
mod mutate;
mod names;
mod print;
mod recording;
mod score;
pub mod tools;
mod tree;
mod verilator;

pub use error::{ExportError, Problem};
pub use export::{custom_uses, export, export_with, CustomUse, ExportOptions};
pub use harness::{assert_equivalent, check_equivalent, HarnessError, Mismatch};
pub use mutate::{mutate, Mutant};
pub use recording::{Port, Recording};
pub use score::{assert_mutants_caught, mutation_score, Score};
pub use verilator::{assert_covered, check_equivalent_verilator, coverage, Coverage};
