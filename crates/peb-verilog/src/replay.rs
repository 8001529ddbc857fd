//! The recordings of a stored design, replayed any number of times by one program.

use crate::harness::HarnessError;
use crate::stored::{Stored, TOP};
use crate::verilator::{build, points, run, PROGRAM};
pub use crate::verilator::{Points, COVERAGE};
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

/// A compiled bench and its recordings.
pub struct Replay {
    directory: tempfile::TempDir,
    recordings: usize,
}

impl Replay {
    /// Compiles `verilog` with the ports of a stored design, for its recordings, the shortest first, up to `clocks`
    /// together.
    ///
    /// # Errors
    /// If a tool is missing or refuses the design.
    pub fn new(stored: &Stored, verilog: &str, options: &[&str], clocks: u64) -> Result<Replay, HarnessError> {
        let directory = tempfile::tempdir()?;
        let dir = directory.path();
        build(&[(TOP, verilog, stored.ports.as_slice())], dir, options)?;
        fs::rename(dir.join(PROGRAM), dir.join("replay"))?;
        fs::remove_dir_all(dir.join("build"))?;
        let replay = Replay { directory, recordings: stored.rows.len() };
        let row = stored.row_bytes().max(1) as u64;
        let mut left = row.saturating_mul(clocks);
        for (number, rows) in stored.rows.iter().enumerate() {
            let place = replay.place(number);
            fs::create_dir(&place)?;
            let length = fs::metadata(rows)?.len();
            if length <= left {
                std::os::unix::fs::symlink(fs::canonicalize(rows)?, place.join("rows_0.bin"))?;
            } else {
                std::io::copy(&mut File::open(rows)?.take(left), &mut File::create(place.join("rows_0.bin"))?)?;
            }
            left = left.saturating_sub(length);
        }
        Ok(replay)
    }

    /// How many recordings there are.
    pub fn recordings(&self) -> usize {
        self.recordings
    }

    /// Replays one: whether the outputs are the same, every clock, and what was printed.
    ///
    /// # Errors
    /// If the program fails.
    pub fn run(&self, number: usize, arguments: &[&str]) -> Result<(bool, String), HarnessError> {
        let text = match run(&self.directory.path().join("replay"), arguments, &self.place(number)) {
            Ok(text) => text,
            Err(HarnessError::Timeout { .. }) => return Ok((false, "timeout".to_string())),
            Err(error) => return Err(error),
        };
        let said = |what: &str| text.lines().any(|l| l.starts_with(what));
        let matches = said("0 MATCH ");
        if matches || said("0 MISMATCH ") || text.contains("did not converge") {
            return Ok((matches, text));
        }
        Err(HarnessError::Tool { tool: "simulation".to_string(), output: text })
    }

    /// Lines (from 1, no name) and toggles (signal, bit and direction) of the Verilog, and whether that replay has
    /// exercised them. Only where [`COVERAGE`] was among the options.
    ///
    /// # Errors
    /// If the replay has left no coverage.
    pub fn points(&self, number: usize) -> Result<Points, HarnessError> {
        Ok(points(&fs::read_to_string(self.place(number).join("coverage.dat"))?, "design_0.v"))
    }

    fn place(&self, number: usize) -> PathBuf {
        self.directory.path().join(number.to_string())
    }
}
