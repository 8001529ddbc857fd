//! The FPGA boards that PEB knows: one table a board under `boards/`, and the constraint files made from them.
//!
//! [`builtin`] gives the boards of the repository, [`read_folder`] those of another folder, [`find`] one by name.
//! [`constraints::text`] writes the `.lpf` or `.xdc` of a board, [`files`] all that are checked in.
//! [`top`] writes the top module of a design for an ECP5, [`flow`] makes a bitstream of it; [`vivado`] writes projects for 7-series boards.
//! How to add a board: `docs/add-a-board.md`.

mod board;
pub mod constraints;
mod error;
pub mod flow;
mod parse;
#[cfg(test)]
mod tests;
pub mod top;
pub mod vivado;

pub use board::{Board, Direction, Edge, Flow, Phy, PhyInterface, Pin, Programmer, State};
pub use error::{BoardError, UnknownBoard};

use std::path::Path;

/// File name and text of every board of the repository, compiled in.
const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/boards.rs"));

/// The boards of the repository, by name.
///
/// # Errors
/// If a table is wrong; a test keeps those of the repository right.
pub fn builtin() -> Result<Vec<Board>, BoardError> {
    BUILTIN.iter().map(|(file, text)| Board::parse(file, text)).collect()
}

/// The boards of a folder: every `*.toml` in it, by file name.
///
/// # Errors
/// If the folder or a file cannot be read, or a table is wrong.
pub fn read_folder(folder: &Path) -> Result<Vec<Board>, BoardError> {
    let unreadable = |path: &Path, e: std::io::Error| BoardError::whole(&path.display().to_string(), &e.to_string());
    let entries = std::fs::read_dir(folder).map_err(|e| unreadable(folder, e))?;
    let mut files: Vec<_> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    let mut boards = vec![];
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|e| unreadable(&file, e))?;
        boards.push(Board::parse(&file.display().to_string(), &text)?);
    }
    Ok(boards)
}

/// The board called `name`.
///
/// # Errors
/// With the closest name there is.
pub fn find<'a>(boards: &'a [Board], name: &str) -> Result<&'a Board, UnknownBoard> {
    boards.iter().find(|b| b.name == name).ok_or_else(|| UnknownBoard {
        name: name.to_string(),
        closest: boards
            .iter()
            .map(|b| (strsim::jaro_winkler(&b.name, name), &b.name))
            .filter(|(likeness, _)| *likeness > 0.6)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name.clone()),
    })
}

/// The constraint files that are checked in: path from the repository's root, content.
///
/// # Panics
/// If a table of the repository is wrong.
pub fn files() -> Vec<(String, String)> {
    let boards = builtin().unwrap_or_else(|e| panic!("{e}"));
    boards.iter().map(|b| (format!("constraints/{}", constraints::file_name(b)), constraints::text(b))).collect()
}
