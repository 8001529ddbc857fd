//! Recordings as files, so that those of several tests can be scored together.
//!
//! Where the environment variable `PEB_RECORDINGS` names a directory, [`crate::assert_equivalent`] writes there, in a
//! directory for each design: `design.v`, `design.json` (what it is and faults of its modules) and `HASH.bin` for each
//! recording. `PEB_MUTANTS=SEED,COUNT` says which faults.

use crate::cache::Key;
use crate::error::ExportError;
use crate::export::{modules, print, Module};
use crate::harness::{rows, HarnessError};
use crate::module::{body, register};
use crate::mutate::faults;
use crate::recording::{Port, Recording};
use crate::tree::{Kind, Scope};
use rust_hdl::prelude::Verilog;
use serde_json::{json, Value};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What the top module is called, whatever the test calls it: designs that differ in nothing else are one.
pub(crate) const TOP: &str = "peb_block";

/// A design that tests have recorded.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The Rust type of its top.
    pub kind: String,
    /// Its Verilog.
    pub verilog: String,
    /// Its ports.
    pub ports: Vec<Port>,
    /// Those of its modules that hold logic of their own.
    pub modules: Vec<StoredModule>,
    /// Files of rows, the shortest first.
    pub rows: Vec<PathBuf>,
}

/// A module of a stored design.
#[derive(Clone, Debug)]
pub struct StoredModule {
    /// The fields that lead to it from the top, array indices left out; empty for the top.
    pub path: String,
    /// Names of everything in it: alike for all sizes of a Rust type.
    pub shape: String,
    /// Its lines in the file, from 0: the first, and the one after the last.
    pub lines: [usize; 2],
    /// How many places its logic has for a fault.
    pub places: usize,
    /// Some of them.
    pub faults: Vec<StoredFault>,
}

/// A fault: some lines of the file replaced.
#[derive(Clone, Debug)]
pub struct StoredFault {
    /// Which place.
    pub site: usize,
    /// What was changed.
    pub description: String,
    /// The lines that go, from 0: the first, and the one after the last.
    pub lines: [usize; 2],
    /// What comes.
    pub text: Vec<String>,
}

/// Names of the signals and children of a block without array indices: the same for all sizes of a Rust type.
fn shape(scope: &Scope) -> String {
    let plain = |name: &str| {
        let parts = name.split('$').filter(|part| !part.chars().all(|c| c.is_ascii_digit()));
        parts.collect::<Vec<_>>().join(".")
    };
    let ports = scope.signals.iter().map(|s| plain(&s.name) + if s.kind == Kind::Local { "'" } else { "" });
    let names: BTreeSet<String> = ports.chain(scope.children.iter().map(|c| plain(&c.name) + "()")).collect();
    names.into_iter().collect::<Vec<_>>().join(" ")
}

/// Seed and number of the faults that are stored.
fn drawn() -> (u64, usize) {
    let text = std::env::var("PEB_MUTANTS").unwrap_or_default();
    let (seed, count) = text.split_once(',').unwrap_or(("1", "50"));
    (seed.parse().unwrap_or(1), count.parse().unwrap_or(50))
}

/// Writes a recording into `directory`.
pub(crate) fn store(recording: &Recording, directory: &Path) -> Result<(), HarnessError> {
    let modules = modules(&recording.scope, TOP, false)?;
    let verilog = print(TOP, &modules);
    let ports: Vec<Value> = recording.ports.iter().map(|p| json!([p.name, p.output, p.clock, p.bits])).collect();
    let (seed, count) = drawn();
    let key = Key::new("stored").with(&verilog).with(recording.kind).with_words(&[seed, count as u64]).name();
    let place = directory.join(key);
    fs::create_dir_all(&place)?;
    if !place.join("design.json").exists() {
        let logic = modules.iter().filter_map(|m| Some((m, m.scope?)));
        let logic = logic.filter(|(_, s)| matches!(s.hdl, Verilog::Combinatorial(_)) && register(s).is_none());
        let modules = logic.map(|(m, scope)| module(m, scope, &verilog, seed, count)).collect::<Result<Vec<_>, _>>()?;
        let design = json!({ "kind": recording.kind, "ports": ports, "modules": modules });
        whole(&place.join("design.v"), verilog.as_bytes())?;
        whole(&place.join("design.json"), design.to_string().as_bytes())?;
    }
    let rows = rows(recording)?;
    let name = Key::new("rows").with_bytes(&rows).name();
    Ok(whole(&place.join(format!("{name}.bin")), &rows)?)
}

/// Writes a file at once: tests run at the same time.
fn whole(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let partial = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    fs::write(partial.path(), bytes)?;
    partial.persist(file)?;
    Ok(())
}

fn module(m: &Module, scope: &Scope, verilog: &str, seed: u64, count: usize) -> Result<Value, ExportError> {
    let start = verilog.find(&format!("\nmodule {} (", m.name)).map_or(0, |at| verilog[..=at].matches('\n').count());
    let old: Vec<&str> = m.text.lines().collect();
    let (places, found) = faults(scope, seed, count, |s| body(s, &m.path, false, &m.children).ok());
    let found = found.into_iter().map(|fault| {
        let new: Vec<&str> = fault.text.lines().collect();
        let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let rest = old.len().min(new.len()) - head;
        let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
        let (from, to) = (start + head, start + old.len() - tail);
        json!([fault.site, fault.description, from, to, new[head..new.len() - tail]])
    });
    let parts = m.path.split('.').skip(1).filter(|part| !part.chars().all(|c| c.is_ascii_digit()));
    Ok(json!({
        "path": parts.collect::<Vec<_>>().join("."), "shape": shape(scope), "places": places,
        "lines": [start, start + old.len()], "faults": found.collect::<Vec<_>>(),
    }))
}

/// All designs in a directory of recordings.
///
/// # Errors
/// If a file cannot be read or is none of ours.
pub fn stored(directory: &Path) -> std::io::Result<Vec<Stored>> {
    let mut out = vec![];
    let mut places: Vec<PathBuf> = fs::read_dir(directory)?.flatten().map(|entry| entry.path()).collect();
    places.sort();
    for place in places.iter().filter(|place| place.join("design.json").exists()) {
        let mut rows = vec![];
        for file in fs::read_dir(place)?.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "bin")) {
            rows.push((file.metadata()?.len(), file.path()));
        }
        rows.sort();
        let verilog = fs::read_to_string(place.join("design.v"))?;
        let design: Value = serde_json::from_str(&fs::read_to_string(place.join("design.json"))?)?;
        let ports = list(&design["ports"]).map(|p| Port {
            name: text(&p[0]),
            output: p[1] == true,
            clock: p[2] == true,
            bits: number(&p[3]),
        });
        out.push(Stored {
            kind: text(&design["kind"]),
            verilog,
            ports: ports.collect(),
            modules: list(&design["modules"]).map(read_module).collect(),
            rows: rows.into_iter().map(|(_, file)| file).collect(),
        });
    }
    Ok(out)
}

fn read_module(m: &Value) -> StoredModule {
    let faults = list(&m["faults"]).map(|f| StoredFault {
        site: number(&f[0]),
        description: text(&f[1]),
        lines: [number(&f[2]), number(&f[3])],
        text: list(&f[4]).map(text).collect(),
    });
    StoredModule {
        path: text(&m["path"]),
        shape: text(&m["shape"]),
        lines: [number(&m["lines"][0]), number(&m["lines"][1])],
        places: number(&m["places"]),
        faults: faults.collect(),
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_default() as usize
}

impl Stored {
    /// The Verilog with a fault of some of its modules, by shape, number of places and site. None: it has none there.
    pub fn with_fault(&self, shape: &str, places: usize, site: usize) -> Option<String> {
        let mut lines: Vec<&str> = self.verilog.lines().collect();
        let modules = self.modules.iter().filter(|m| m.shape == shape && m.places == places);
        let mut found: Vec<&StoredFault> = modules.flat_map(|m| &m.faults).filter(|f| f.site == site).collect();
        found.sort_by_key(|f| std::cmp::Reverse(f.lines[0]));
        for fault in &found {
            lines.splice(fault.lines[0]..fault.lines[1], fault.text.iter().map(String::as_str));
        }
        (!found.is_empty()).then(|| lines.join("\n") + "\n")
    }

    /// Bytes of a row in the files.
    pub fn row_bytes(&self) -> usize {
        self.ports.iter().map(|p| p.bits).sum::<usize>().div_ceil(8)
    }
}
