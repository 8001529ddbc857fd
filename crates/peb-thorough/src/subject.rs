//! How thoroughly the tests of each block exercise it: all recordings of a block together.
//!
//! A block is a Rust type, whatever the sizes it is used at. Counted are the lines and toggles of its own module, and
//! faults of its own logic: the blocks within it have an entry of their own. Where the recordings of a block by itself are
//! not enough, or there are none, those of the blocks that contain it are taken too.

use crate::waived::{is_waived, Waived};
use peb_verilog::cache::Key;
use peb_verilog::replay::{Replay, COVERAGE};
use peb_verilog::stored::{Stored, StoredModule};
use peb_verilog::{synth, HarnessError};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

/// Percentage of lines, toggles and faults that a block must reach.
pub const GOAL: [f64; 3] = [95.0, 95.0, 90.0];
/// At most so many faults of a block are tried.
const FAULTS: usize = 50;
/// A fault is looked for in so many clocks of the recordings of a design; in more if its Verilog is shorter than this.
const CLOCKS: u64 = 200_000;
const LONG: usize = 100_000;

/// A block, and the recordings that it is judged by.
pub struct Subject<'a> {
    /// Folder and Rust type (`tx::NpRing`), or those of the block that contains it and the field (`tx::TxPath.packer`).
    pub name: String,
    /// Whether tests record it by itself.
    pub own: bool,
    shape: String,
    /// Designs whose top it is, and those that contain it.
    designs: [Vec<&'a Measured<'a>>; 2],
}

/// A design and, once it was asked for, what of it its recordings exercise.
pub struct Measured<'a> {
    stored: &'a Stored,
    points: OnceLock<BTreeMap<(usize, Option<String>), bool>>,
    constants: OnceLock<HashSet<(String, String, usize)>>,
    faulty: OnceLock<Replay>,
}

impl<'a> Measured<'a> {
    /// Nothing is measured yet.
    pub fn new(stored: &'a Stored) -> Self {
        Measured { stored, points: OnceLock::new(), constants: OnceLock::new(), faulty: OnceLock::new() }
    }

    /// Lines (from 1) and toggles of the file, and whether any recording exercises them.
    fn points(&self) -> Result<&BTreeMap<(usize, Option<String>), bool>, HarnessError> {
        if let Some(points) = self.points.get() {
            return Ok(points);
        }
        let replay = Replay::new(self.stored, &self.stored.verilog, &COVERAGE, u64::MAX)?;
        let mut all = BTreeMap::new();
        for number in 0..replay.recordings() {
            let (matches, text) = replay.run(number, &[])?;
            if !matches {
                return Err(HarnessError::Tool { tool: format!("replay of {}", self.stored.kind), output: text });
            }
            for (point, hit) in replay.points(number)? {
                *all.entry(point).or_default() |= hit;
            }
        }
        Ok(self.points.get_or_init(|| all))
    }

    /// Bits that can have one value only.
    fn constants(&self) -> Result<&HashSet<(String, String, usize)>, HarnessError> {
        match self.constants.get() {
            Some(constants) => Ok(constants),
            None => {
                let found = synth::constants(&self.stored.verilog)?;
                Ok(self.constants.get_or_init(|| found))
            }
        }
    }

    /// The design with faults that can be switched on.
    fn faulty(&self) -> Result<&Replay, HarnessError> {
        if let Some(replay) = self.faulty.get() {
            return Ok(replay);
        }
        let clocks = CLOCKS * (LONG / self.stored.verilog.len().max(1)).max(1) as u64;
        let replay = Replay::new(self.stored, &self.stored.faults, &["-Wno-fatal"], clocks)?;
        Ok(self.faulty.get_or_init(|| replay))
    }

    fn has(&self, number: usize) -> bool {
        let is = |m: &StoredModule| m.faults.iter().any(|(site, _)| m.fault_number(*site) == number);
        self.stored.modules.iter().any(is)
    }

    /// Whether any recording notices a fault.
    fn notices(&self, number: usize) -> Result<bool, HarnessError> {
        let (replay, argument) = (self.faulty()?, format!("+fault={number}"));
        for recording in 0..replay.recordings() {
            if !replay.run(recording, &[&argument])?.0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a fault in a module is none: the module does the same, whatever its inputs, registers and children are.
    fn harmless(&self, module: &StoredModule, number: usize) -> Result<bool, HarnessError> {
        let name = module.name(&self.stored.verilog);
        let faulty = self.stored.with_fault(&name, "peb_faulty", number);
        synth::same_logic(&(self.stored.verilog.clone() + &faulty), &name, "peb_faulty")
    }
}

/// Module, signal and bit of a toggle (`data[3]:0->1`).
fn bit(module: &str, toggle: &str) -> (String, String, usize) {
    let place = toggle.split(':').next().unwrap_or_default();
    let (signal, number) = place.split_once('[').unwrap_or((place, "0]"));
    (module.to_string(), signal.to_string(), number.trim_end_matches(']').parse().unwrap_or(usize::MAX))
}

/// `peb_rtl::tx::np_ring::NpRing<4>` is `tx::NpRing`. None: a type of the tests.
fn block_name(kind: &str) -> Option<String> {
    let plain = kind.split('<').next().unwrap_or_default();
    let parts: Vec<&str> = plain.split("::").collect();
    let (name, folders) = parts.split_last()?;
    let tests = folders.iter().any(|f| f.contains("test"));
    (!tests).then(|| folders.get(1).map_or(name.to_string(), |folder| format!("{folder}::{name}")))
}

/// Every block of the designs, by name.
pub fn subjects<'a>(designs: &'a [Measured<'a>]) -> Vec<Subject<'a>> {
    let mut shapes: BTreeMap<&str, Vec<(&Measured, &str)>> = BTreeMap::new();
    for design in designs {
        for module in &design.stored.modules {
            shapes.entry(&module.shape).or_default().push((design, &module.path));
        }
    }
    let mut out = vec![];
    for (shape, places) in shapes {
        let is_top = |(design, path): &(&Measured, &str)| path.is_empty() && block_name(&design.stored.kind).is_some();
        let (tops, within): (Vec<_>, Vec<_>) = places.into_iter().partition(is_top);
        let named = within.iter().filter(|(_, path)| !path.is_empty()).map(|(design, path)| {
            let kind = &design.stored.kind;
            let rig = kind.rsplit("::").next().unwrap_or_default().to_string();
            let test = block_name(kind).is_none();
            (test, path.matches('.').count(), format!("{}.{path}", block_name(kind).unwrap_or(rig)))
        });
        let by_field = named.min().map(|(_, _, name)| name);
        let Some(name) = tops.first().and_then(|(d, _)| block_name(&d.stored.kind)).or(by_field) else { continue };
        let [mut tops, mut within] = [tops, within].map(|places| {
            let mut designs: Vec<&Measured> = places.into_iter().map(|(design, _)| design).collect();
            designs.dedup_by_key(|design| std::ptr::from_ref(*design));
            designs
        });
        tops.sort_by_key(|d| std::cmp::Reverse(d.stored.clocks()));
        within.sort_by_key(|d| d.stored.verilog.len());
        let designs = [tops, within];
        out.push(Subject { name, own: !designs[0].is_empty(), shape: shape.to_string(), designs });
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// What the recordings of a block exercise, and notice.
#[derive(Clone, Debug, Default)]
pub struct Thoroughness {
    /// Lines and toggles, and which of them no recording exercises.
    pub lines: (usize, Vec<String>),
    /// Toggles likewise.
    pub toggles: (usize, Vec<String>),
    /// Faults, and which of them no recording notices.
    pub mutants: (usize, Vec<String>),
}

impl Thoroughness {
    /// Percentage of lines, toggles and mutants.
    pub fn percent(&self) -> [f64; 3] {
        [&self.lines, &self.toggles, &self.mutants].map(|(all, missing)| {
            if *all == 0 {
                100.0
            } else {
                100.0 - 100.0 * missing.len() as f64 / *all as f64
            }
        })
    }
}

fn enough(percent: &[f64], least: &[f64]) -> bool {
    percent.iter().zip(least).all(|(is, least)| is >= least)
}

impl Subject<'_> {
    /// Recordings of it by itself, or else of the blocks that contain it, and their clocks.
    pub fn size(&self) -> (usize, u64) {
        let designs = &self.designs[usize::from(!self.own)];
        (designs.iter().map(|d| d.stored.rows.len()).sum(), designs.iter().map(|d| d.stored.clocks()).sum())
    }

    /// A key for what was found with these recordings.
    fn key(&self) -> Key {
        let waived: Vec<_> = Waived::of(&self.name).collect();
        let mut key = Key::new("thorough").with(&self.shape).with(&format!("{GOAL:?} {waived:?}"));
        for design in self.designs.iter().flatten() {
            key = key.with(&design.stored.verilog);
            let rows = design.stored.rows.iter().filter_map(|file| file.file_name()?.to_str());
            let mut rows: Vec<&str> = rows.collect();
            rows.sort_unstable();
            key = key.with(&rows.join(" "));
            key = key.with(&design.stored.faults);
        }
        key
    }

    /// Percentages of lines, toggles and mutants, if they were enough on the same recordings before.
    pub fn passed(&self) -> Option<[f64; 3]> {
        let text = self.key().passed()?;
        let numbers: Vec<f64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().ok()
    }

    /// Measures, until it is enough; that is remembered (see `PEB_NO_CACHE` in the documentation of `peb-verilog`).
    ///
    /// # Errors
    /// If a recording cannot be replayed.
    pub fn measure(&self) -> Result<Thoroughness, HarnessError> {
        let mut found = Thoroughness::default();
        let designs = self.designs.concat();
        for taken in 1..=designs.len() {
            // What is constant is asked for only where it matters: it takes yosys a while.
            self.cover(&designs[..taken], false, &mut found)?;
            if !enough(&found.percent()[1..2], &GOAL[1..2]) {
                self.cover(&designs[..taken], true, &mut found)?;
            }
            if enough(&found.percent()[..2], &GOAL[..2]) {
                break;
            }
        }
        self.mutate(&designs, &mut found)?;
        let percent = found.percent();
        if enough(&percent, &GOAL) {
            self.key().pass(&percent.map(|p| p.to_string()).join(" "));
        }
        Ok(found)
    }

    /// Faults are those stored for the size of the block with the most clocks. Those that no recording of the block by
    /// itself notices are looked at more closely, if that is needed: they may be none.
    fn mutate(&self, designs: &[&Measured], found: &mut Thoroughness) -> Result<(), HarnessError> {
        let modules = designs[0].stored.modules.iter().filter(|m| m.shape == self.shape);
        let faults = modules.flat_map(|m| m.faults.iter().map(move |(site, text)| (m, *site, text))).take(FAULTS);
        let mut left: BTreeMap<usize, (&StoredModule, &str)> =
            faults.map(|(m, site, text)| (m.fault_number(site), (m, text.as_str()))).collect();
        let mut all = left.len();
        for (i, design) in designs.iter().enumerate() {
            let mut unnoticed = BTreeMap::new();
            for (number, fault) in left {
                if !design.has(number) || !design.notices(number)? {
                    unnoticed.insert(number, fault);
                }
            }
            left = unnoticed;
            let own = self.designs[0].len().max(1);
            let percent = |left: usize, all: usize| 100.0 - 100.0 * left as f64 / all.max(1) as f64;
            if i + 1 == own && percent(left.len(), all) < GOAL[2] {
                let mut real = BTreeMap::new();
                for (number, fault) in left {
                    if designs[0].harmless(fault.0, number)? {
                        all -= 1;
                    } else {
                        real.insert(number, fault);
                    }
                }
                left = real;
            }
            if percent(left.len(), all) >= GOAL[2] {
                break;
            }
        }
        found.mutants = (all, left.iter().map(|(number, (_, text))| format!("{text} ({number})")).collect());
        Ok(())
    }

    /// Lines are the same if they differ in numbers only and come at the same place among those alike; toggles by name.
    /// `proofs`: a bit that is proved to have one value only does not count.
    fn cover(&self, designs: &[&Measured], proofs: bool, found: &mut Thoroughness) -> Result<(), HarnessError> {
        let mut lines: BTreeMap<(String, usize), (String, bool)> = BTreeMap::new();
        let mut toggles: BTreeMap<String, bool> = BTreeMap::new();
        for design in designs {
            let points = design.points()?;
            let none = HashSet::new();
            let constants = if proofs { design.constants()? } else { &none };
            for module in design.stored.modules.iter().filter(|m| m.shape == self.shape) {
                let name = module.name(&design.stored.verilog);
                let mut alike: HashMap<String, usize> = HashMap::new();
                let text = (1..).zip(design.stored.verilog.lines().map(str::trim));
                for (line, text) in text.take(module.lines[1]).skip(module.lines[0]) {
                    let plain: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
                    let number = *alike.entry(plain.clone()).and_modify(|n| *n += 1).or_default();
                    if let Some(hit) = points.get(&(line, None)) {
                        lines.entry((plain, number)).or_insert((text.to_string(), false)).1 |= hit;
                    }
                    let bits = points.range((line, Some(String::new()))..(line + 1, None));
                    for (toggle, hit) in bits.filter_map(|((_, toggle), hit)| Some((toggle.as_ref()?, hit))) {
                        let place = bit(&name, toggle);
                        if !constants.contains(&place) && !is_waived(&self.name, &place.1, place.2) {
                            *toggles.entry(toggle.clone()).or_default() |= hit;
                        }
                    }
                }
            }
        }
        let missed = lines.iter().filter(|(_, (_, hit))| !hit).map(|((_, n), (text, _))| format!("{text} // {n}"));
        found.lines = (lines.len(), missed.collect());
        found.toggles =
            (toggles.len(), toggles.iter().filter(|(_, hit)| !**hit).map(|(name, _)| name.clone()).collect());
        Ok(())
    }
}
