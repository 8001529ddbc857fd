//! How thoroughly the tests of each block exercise it: all recordings of a block together.
//!
//! A block is a Rust type, whatever the sizes it is used at. Counted are the lines and toggles of its own module, and
//! faults of its own logic: the blocks within it have an entry of their own. Where the recordings of a block by itself are
//! not enough, or there are none, those of the blocks that contain it are taken too.

use crate::cache::Key;
use crate::harness::{bench, HarnessError, BUILD_LIMIT};
use crate::stored::{Stored, StoredFault, TOP};
use crate::synth::constants;
use crate::verilator::{self, points};
use crate::{tools, Port};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// A mutant that runs longer than this and one second for so many clocks does not settle, and has been noticed.
const MUTANT_SECONDS: u64 = 60;
const SLOWEST: u64 = 200;

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
}

impl<'a> Measured<'a> {
    /// Nothing is measured yet.
    pub fn new(stored: &'a Stored) -> Self {
        Measured { stored, points: OnceLock::new(), constants: OnceLock::new() }
    }

    /// Lines (from 1) and toggles of the file, and whether any recording exercises them.
    fn points(&self) -> Result<&BTreeMap<(usize, Option<String>), bool>, HarnessError> {
        if let Some(points) = self.points.get() {
            return Ok(points);
        }
        let directory = tempfile::tempdir()?;
        let dir = directory.path();
        let design = (TOP, self.stored.verilog.as_str(), self.stored.ports.as_slice());
        verilator::build(&[design], dir, &verilator::COVERAGE)?;
        let mut all = BTreeMap::new();
        for rows in &self.stored.rows {
            let _ = fs::remove_file(dir.join("rows_0.bin"));
            std::os::unix::fs::symlink(fs::canonicalize(rows)?, dir.join("rows_0.bin"))?;
            let text = verilator::run(dir)?;
            if !text.contains("0 MATCH") {
                return Err(HarnessError::Tool { tool: format!("replay of {}", rows.display()), output: text });
            }
            for (point, hit) in points(&fs::read_to_string(dir.join("coverage.dat"))?, "design_0.v") {
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
                let found = constants(&self.stored.verilog, TOP)?;
                Ok(self.constants.get_or_init(|| found))
            }
        }
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
        let designs = [tops, within].map(|places| {
            let mut designs: Vec<&Measured> = places.into_iter().map(|(design, _)| design).collect();
            designs.dedup_by_key(|design| std::ptr::from_ref(*design));
            designs
        });
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

impl Subject<'_> {
    /// Recordings of it by itself, or else of the blocks that contain it, and their clocks.
    pub fn size(&self) -> (usize, u64) {
        let files = self.designs[usize::from(!self.own)]
            .iter()
            .flat_map(|d| d.stored.rows.iter().map(|file| (file, d.stored.row_bytes())));
        let clocks = files.clone().map(|(file, bytes)| fs::metadata(file).map_or(0, |m| m.len()) / bytes.max(1) as u64);
        (files.count(), clocks.sum())
    }

    /// A key for what was found with these recordings.
    fn key(&self, mutants: usize, least: [f64; 3]) -> Key {
        let mut key = Key::new("thorough").with(&self.shape).with(&format!("{mutants} {least:?}"));
        for design in self.designs.iter().flatten() {
            key = key.with(&design.stored.verilog);
            let rows = design.stored.rows.iter().filter_map(|file| file.file_name()?.to_str());
            let mut rows: Vec<&str> = rows.collect();
            rows.sort_unstable();
            key = key.with(&rows.join(" "));
            let faults = design.stored.modules.iter().filter(|m| m.shape == self.shape).flat_map(|m| &m.faults);
            key = key.with(&faults.map(|f| f.site.to_string() + " ").collect::<String>());
        }
        key
    }

    /// Percentages of lines, toggles and mutants, if they were enough on the same recordings before.
    pub fn passed(&self, mutants: usize, least: [f64; 3]) -> Option<[f64; 3]> {
        let text = self.key(mutants, least).passed()?;
        let numbers: Vec<f64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().ok()
    }

    /// Measures. What is enough is remembered (see `PEB_NO_CACHE` in the crate's documentation).
    ///
    /// # Errors
    /// If a recording cannot be replayed.
    pub fn measure(&self, mutants: usize, least: [f64; 3], jobs: usize) -> Result<Thoroughness, HarnessError> {
        let mut found = Thoroughness::default();
        let enough = |is: &[f64], least: &[f64]| is.iter().zip(least).all(|(is, least)| is >= least);
        let ways = [self.designs[0].clone(), self.designs.concat()];
        for designs in ways.iter().filter(|designs| !designs.is_empty()) {
            self.cover(designs, &mut found)?;
            if enough(&found.percent()[..2], &least[..2]) {
                break;
            }
        }
        let mut faults = self.faults(mutants);
        found.mutants.0 = faults.len();
        for designs in self.designs.iter().filter(|designs| !designs.is_empty()) {
            faults = self.survivors(designs, &faults, jobs)?;
            found.mutants.1 = faults.iter().map(|(_, f)| format!("{} ({})", f.description, f.site)).collect();
            if found.percent()[2] >= least[2] {
                break;
            }
        }
        let percent = found.percent();
        if enough(&percent, &least) {
            self.key(mutants, least).pass(&percent.map(|p| p.to_string()).join(" "));
        }
        Ok(found)
    }

    /// Lines are the same if they differ in numbers only and come at the same place among those alike; toggles by name.
    /// A bit that is proved to have one value only does not count.
    fn cover(&self, designs: &[&Measured], found: &mut Thoroughness) -> Result<(), HarnessError> {
        let mut lines: BTreeMap<(String, usize), (String, bool)> = BTreeMap::new();
        let mut toggles: BTreeMap<String, bool> = BTreeMap::new();
        for design in designs {
            let text: Vec<&str> = design.stored.verilog.lines().collect();
            let (points, constants) = (design.points()?, design.constants()?);
            for module in design.stored.modules.iter().filter(|m| m.shape == self.shape) {
                let name = text[module.lines[0]].split(' ').nth(1).unwrap_or_default();
                let mut alike: HashMap<String, usize> = HashMap::new();
                for line in module.lines[0]..module.lines[1] {
                    let plain: String = text[line].trim().chars().filter(|c| !c.is_ascii_digit()).collect();
                    let number = *alike.entry(plain.clone()).and_modify(|n| *n += 1).or_default();
                    if let Some(hit) = points.get(&(line + 1, None)) {
                        let entry = (plain, number);
                        lines.entry(entry).or_insert((text[line].trim().to_string(), false)).1 |= hit;
                    }
                    let bits = points.range((line + 1, Some(String::new()))..(line + 2, None));
                    for (toggle, hit) in bits.filter_map(|((_, toggle), hit)| Some((toggle.as_ref()?, hit))) {
                        if !constants.contains(&bit(name, toggle)) {
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

    /// Faults with the number of places that their module has: those stored for the size of the block with the most clocks.
    fn faults(&self, most: usize) -> Vec<(usize, &StoredFault)> {
        let clocks = |d: &&&Measured| {
            let bytes = d.stored.rows.iter().map(|file| fs::metadata(file).map_or(0, |m| m.len())).sum::<u64>();
            bytes / d.stored.row_bytes().max(1) as u64
        };
        let Some(design) = self.designs[usize::from(!self.own)].iter().max_by_key(clocks) else { return vec![] };
        let modules = design.stored.modules.iter().filter(|m| m.shape == self.shape);
        let mut seen = BTreeSet::new();
        let faults = modules.flat_map(|m| m.faults.iter().map(|fault| (m.places, fault)));
        faults.filter(|(places, f)| seen.insert((*places, f.site))).take(most).collect()
    }

    /// Those of the faults that no recording of the designs notices.
    fn survivors<'f>(
        &self,
        designs: &[&Measured],
        faults: &[(usize, &'f StoredFault)],
        jobs: usize,
    ) -> Result<Vec<(usize, &'f StoredFault)>, HarnessError> {
        let benches = designs.iter().map(|d| Bench::new(d.stored)).collect::<Result<Vec<_>, _>>()?;
        let next = AtomicUsize::new(0);
        let results: Mutex<BTreeMap<usize, Result<bool, HarnessError>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..jobs.max(1) {
                scope.spawn(|| loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some((places, fault)) = faults.get(i) else { return };
                    let survives = self.survives(&benches, i, *places, fault);
                    if let Ok(mut results) = results.lock() {
                        results.insert(i, survives);
                    }
                });
            }
        });
        let mut out = vec![];
        for (i, survives) in results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            if survives? {
                out.push(faults[i]);
            }
        }
        Ok(out)
    }

    fn survives(&self, benches: &[Bench], i: usize, places: usize, fault: &StoredFault) -> Result<bool, HarnessError> {
        for bench in benches {
            if let Some(verilog) = bench.stored.with_fault(&self.shape, places, fault.site) {
                if bench.notices(i, &verilog)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// The Icarus bench of a design, in a directory of its own.
struct Bench<'a> {
    stored: &'a Stored,
    directory: tempfile::TempDir,
}

impl<'a> Bench<'a> {
    fn new(stored: &'a Stored) -> Result<Self, HarnessError> {
        let directory = tempfile::tempdir()?;
        let ports: &[Port] = &stored.ports;
        fs::write(directory.path().join("bench.v"), bench(TOP, ports))?;
        for (i, rows) in stored.rows.iter().enumerate() {
            let place = directory.path().join(format!("rows_{i}"));
            fs::create_dir(&place)?;
            std::os::unix::fs::symlink(fs::canonicalize(rows)?, place.join("rows.bin"))?;
        }
        Ok(Bench { stored, directory })
    }

    /// Whether a recording differs from what `verilog` does.
    fn notices(&self, number: usize, verilog: &str) -> Result<bool, HarnessError> {
        let dir = self.directory.path();
        let (design, program) = (format!("design_{number}.v"), dir.join(format!("bench_{number}.vvp")));
        fs::write(dir.join(&design), verilog)?;
        let output = program.display().to_string();
        let arguments = ["-g2005", "-Wno-timescale", "-s", "peb_testbench", "-o", &output, &design, "bench.v"];
        let out = tools::run(&tools::program("iverilog")?, &arguments, dir, &[], BUILD_LIMIT)?;
        if !out.success {
            return Err(HarnessError::Tool { tool: "iverilog".to_string(), output: out.text });
        }
        let noticed = self.run(&program)?;
        fs::remove_file(program)?;
        Ok(noticed)
    }

    fn run(&self, program: &Path) -> Result<bool, HarnessError> {
        let vvp = tools::program("vvp")?;
        let arguments: [PathBuf; 2] = ["-n".into(), program.into()];
        for (i, rows) in self.stored.rows.iter().enumerate() {
            let clocks = fs::metadata(rows)?.len() / self.stored.row_bytes().max(1) as u64;
            let limit = Duration::from_secs(MUTANT_SECONDS + clocks / SLOWEST);
            let place = self.directory.path().join(format!("rows_{i}"));
            match tools::run(&vvp, &arguments, &place, &[], limit) {
                Ok(out) if out.text.lines().any(|l| l == format!("MATCH {clocks}")) => {}
                Ok(out) if out.text.lines().any(|l| l.starts_with("MISMATCH ")) => return Ok(true),
                Ok(out) => return Err(HarnessError::Tool { tool: "vvp".to_string(), output: out.text }),
                Err(HarnessError::Timeout { .. }) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}
