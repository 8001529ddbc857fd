//! What can be wrong with a design.

use thiserror::Error;

/// Why a design cannot be written as Verilog of the same meaning.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("block `{block}`: {problem}")]
pub struct ExportError {
    /// Path of the block, from the top, with dots.
    pub block: String,
    /// What is wrong in it.
    pub problem: Problem,
}

/// What is wrong in a block.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// A name in an expression is no port, signal, constant, state or loop variable of the block.
    #[error(
        "unknown identifier `{0}` (a Rust const or const generic cannot be used in hdl_gen; use a Constant field)"
    )]
    UnknownIdentifier(String),
    /// A state that two enums of the same name give different values.
    #[error("state `{0}` belongs to two enums of that name; rename one")]
    AmbiguousState(String),
    /// An index in brackets is not built of numbers and loop variables.
    #[error("index `{0}` cannot be evaluated: {1}")]
    BadIndex(String, String),
    /// A signal keeps its value on some path through the block, which would be a latch.
    #[error("`{0}` is not assigned on every path (a latch)")]
    NotAssigned(String),
    /// A signal is read where it has no value yet.
    #[error("`{0}` is read before it is assigned")]
    ReadBeforeWrite(String),
    /// An assignment to something that the block does not drive.
    #[error("`{0}` is assigned, but is {1}")]
    BadTarget(String, &'static str),
    /// A read of something that has no single value within the block.
    #[error("`{0}` is read, but is an input of a child block; read what drives it")]
    ReadsChildInput(String),
    /// A literal that does not fit its partner.
    #[error("the number {value} does not fit {bits} bits")]
    LiteralTooWide {
        /// The number.
        value: i128,
        /// Bits of the expression it meets.
        bits: usize,
    },
    /// Two widths that must be equal are not.
    #[error("{what}: {left} bits meet {right} bits")]
    WidthMismatch {
        /// Where.
        what: String,
        /// One width.
        left: usize,
        /// The other.
        right: usize,
    },
    /// A clock input that is not connected straight to a clock.
    #[error("clock `{0}` must be connected straight to a clock of the block")]
    ClockExpression(String),
    /// Logic that depends on nothing: Verilog would never evaluate it.
    #[error("the logic reads no signal; assign each output once, unconditionally")]
    NoSensitivity,
    /// A name that Verilog keeps for itself, on a port of the top.
    #[error("port `{0}` of the top cannot keep its name in Verilog")]
    BadPortName(String),
    /// A name of the top that no module can have.
    #[error("no Verilog module can be called `{0}`")]
    BadTopName(String),
    /// Text of a Custom block that the exporter cannot make clean.
    #[error("custom text: {0}")]
    BadCustomText(String),
    /// A construct that has no translation.
    #[error("{0} is not supported")]
    Unsupported(String),
}
