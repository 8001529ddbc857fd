//! `docs/thoroughness.md`: what was measured when it was written.

use crate::subject::GOAL;
use crate::waived::WAIVED;
use std::fmt;
use std::path::{Path, PathBuf};

/// A block does not count as worse for so much less than the record says: a change in a block draws other faults.
const SLACK: f64 = 3.0;

const HEAD: &str = "# How thoroughly each block is tested

What the tests of each block exercise of its Verilog, all of them together: lines, toggles (bits of signals, each direction), and how many of
up to 50 random faults in its logic they notice. The goal is 95 %, 95 % and 90 %; the nightly tests fail where a block is below it and below this
table. Lines and toggles are those of the block's own module, faults those of its own logic: the blocks within it have a row of their own.

A block is judged by its recordings by itself, one size of the block after the other; where they are not enough, or there are none, also by
those of the blocks that contain it, from their ports. What is enough is not measured further, so what is above the goal may be higher than it
says here. A block that is never recorded by itself is named by the field that leads to it. The blocks of `top` only connect others: their Verilog
runs beside the Rust for 100,000 clocks of traffic, all pins compared (`tests/tests/cores.rs`), and is not scored. A bit that yosys proves constant does not count, nor
does a fault with which the block does the same whatever its inputs, registers and children are (yosys proves it), nor do the bits listed at the end.

`cargo xtask thorough` compares with this file, `cargo xtask thorough -- --write` writes it; a name in front of that takes those blocks only.

| block | recorded | recordings | clocks | lines % | toggles % | faults noticed % |
|---|---|---|---|---|---|---|
";

/// Why blocks are below the goal, as far as it is known.
const WHY: [(&str, &str); 2] = [
    (
        "session::Sessions",
        "four of the faults left change what cannot come about, one the wrap of the epoch, which no recording is long enough for \
         (`epochs_begin_again_with_1` goes through it)",
    ),
    (
        "switch::Switch",
        "connects the blocks of the switch, and counts what they drop: its recordings are of two scenarios in lockstep with its Verilog; \
         what is left are several drops in one clock, wide completions made for lost requests, and counts of rare events",
    ),
];

/// A block's row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Of the block.
    pub name: String,
    /// Whether it is recorded by itself.
    pub own: bool,
    /// How many recordings.
    pub recordings: usize,
    /// Their clocks together.
    pub clocks: u64,
    /// Lines, toggles, faults.
    pub percent: [f64; 3],
}

impl Row {
    /// A row as it is written.
    fn parse(line: &str) -> Option<Row> {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, how, recordings, clocks, lines, toggles, faults, _] = cells[..] else { return None };
        Some(Row {
            name: name.strip_prefix('`')?.strip_suffix('`')?.to_string(),
            own: how == "itself",
            recordings: recordings.parse().ok()?,
            clocks: clocks.parse().ok()?,
            percent: [lines.parse().ok()?, toggles.parse().ok()?, faults.parse().ok()?],
        })
    }

    fn reaches_goal(&self) -> bool {
        self.percent.iter().zip(GOAL).all(|(is, goal)| *is >= goal)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Row { name, own, recordings, clocks, percent: [lines, toggles, faults] } = self;
        let how = if *own { "itself" } else { "within" };
        write!(f, "| `{name}` | {how} | {recordings} | {clocks} | {lines:.1} | {toggles:.1} | {faults:.1} |")
    }
}

/// All rows.
pub struct Record(Vec<Row>);

impl Record {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/thoroughness.md")
    }

    /// The record in the repository; empty if there is none.
    pub fn read() -> std::io::Result<Record> {
        let path = Self::path();
        let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
        Ok(Record(text.lines().filter_map(Row::parse).collect()))
    }

    /// Whether a block is below the goal, and not for as long as the record tells.
    pub fn is_better_than(&self, row: &Row) -> bool {
        let before = self.0.iter().find(|r| r.name == row.name);
        let least = |i: usize| before.map_or(GOAL[i], |r| GOAL[i].min(r.percent[i] - SLACK));
        (0..3).any(|i| row.percent[i] < least(i))
    }

    /// Blocks that were not measured.
    pub fn gone(&self, rows: &[Row]) -> Vec<String> {
        let gone = self.0.iter().filter(|old| rows.iter().all(|r| r.name != old.name));
        gone.map(|r| r.name.clone()).collect()
    }

    /// Takes a row in, instead of the one of its block.
    pub fn update(&mut self, row: Row) {
        self.0.retain(|old| old.name != row.name);
        self.0.push(row);
        self.0.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Forgets blocks that were not measured.
    pub fn keep(&mut self, rows: &[Row]) {
        self.0.retain(|old| rows.iter().any(|r| r.name == old.name));
    }

    /// Writes the file.
    pub fn write(&self) -> std::io::Result<()> {
        let rows: String = self.0.iter().map(|row| format!("{row}\n")).collect();
        let below: Vec<&Row> = self.0.iter().filter(|row| !row.reaches_goal()).collect();
        let mut sum =
            format!("\n{} of {} blocks reach the goal. Below it:\n\n", self.0.len() - below.len(), self.0.len());
        for row in below {
            let why = WHY.iter().find(|(name, _)| *name == row.name).map_or("not looked into", |(_, why)| why);
            sum += &format!("* `{}`: {why}.\n", row.name);
        }
        sum += "\nBits that do not count:\n\n";
        for w in &WAIVED {
            sum += &format!("* `{}`, {} from bit {} on: {}.\n", w.block, w.signals.join(", "), w.from, w.why);
        }
        std::fs::write(Self::path(), HEAD.to_string() + &rows + &sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(percent: [f64; 3]) -> Row {
        Row { name: "tx::Packer".to_string(), own: true, recordings: 2, clocks: 4000, percent }
    }

    #[test]
    fn a_drop_is_noticed() {
        let record = Record(vec![row([100.0, 93.0, 95.0])]);
        assert!(!record.is_better_than(&row([95.0, 92.0, 90.0])), "below the goal as before");
        assert!(record.is_better_than(&row([95.0, 89.0, 90.0])), "lower than before");
        assert!(record.is_better_than(&row([100.0, 93.0, 86.0])), "was above the goal");
        assert!(Record(vec![]).is_better_than(&row([100.0, 94.0, 95.0])), "a new block");
    }

    #[test]
    fn a_row_is_read_as_written() {
        assert_eq!(Row::parse(&row([100.0, 93.5, 95.0]).to_string()), Some(row([100.0, 93.5, 95.0])));
    }
}
