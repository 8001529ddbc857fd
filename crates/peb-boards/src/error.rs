//! What can be wrong with a board table.

use std::fmt;
use thiserror::Error;

/// A fault in a board table, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardError {
    /// File as it was given.
    pub file: String,
    /// Line, counted from 1; 0 if the fault is the file's as a whole.
    pub line: usize,
    /// The field, empty if it is no one field's fault.
    pub field: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl BoardError {
    pub(crate) fn whole(file: &str, message: &str) -> Self {
        BoardError { file: file.to_string(), line: 0, field: String::new(), message: message.to_string() }
    }

    /// A fault at a byte of the file.
    pub(crate) fn at(file: &str, text: &str, byte: usize, field: &str, message: &str) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        BoardError { line: before.matches('\n').count() + 1, field: field.to_string(), ..Self::whole(file, message) }
    }
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line != 0 {
            write!(f, "{}:", self.line)?;
        }
        if !self.field.is_empty() {
            write!(f, " {}:", self.field)?;
        }
        write!(f, " {}", self.message)
    }
}

impl std::error::Error for BoardError {}

/// No board has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown board {name:?}{}; `peb boards` lists them", match closest { Some(c) => format!(", did you mean {c:?}?"), None => String::new() })]
pub struct UnknownBoard {
    /// The name asked for.
    pub name: String,
    /// The name most like it, if one is.
    pub closest: Option<String>,
}
