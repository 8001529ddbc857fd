//! Recordings as files, so that those of several tests can be scored together.
//!
//! Where the environment variable `PEB_RECORDINGS` names a directory, [`crate::assert_equivalent`] writes there, in a
//! directory for each design: `design.v`, `faults.v` (the same with faults that can be switched on), `design.json` (what
//! it is, its modules and their faults) and `HASH.bin` for each recording. `PEB_MUTANTS=SEED,COUNT` says which faults.

use crate::cache::Key;
use crate::export::{modules, print, Module};
use crate::harness::{rows, HarnessError};
use crate::module::{body, register};
use crate::mutate::{faults, places};
use crate::recording::{Port, Recording};
use crate::switch::{fault_number, fixed, switched};
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
    /// The same with faults, all off.
    pub faults: String,
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
    /// What the numbers of its faults begin with.
    pub number: usize,
    /// Some faults in its logic: place, and what was changed.
    pub faults: Vec<(usize, String)>,
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
///
/// # Errors
/// If the block has no Verilog, or a file cannot be written.
pub fn store(recording: &Recording, directory: &Path) -> Result<(), HarnessError> {
    let modules = modules(&recording.scope, TOP, false)?;
    let verilog = print(TOP, &modules);
    let ports: Vec<Value> = recording.ports.iter().map(|p| json!([p.name, p.output, p.clock, p.bits])).collect();
    let (seed, count) = drawn();
    let key = Key::new("stored").with(&verilog).with(recording.kind).with_words(&[seed, count as u64]).name();
    let place = directory.join(key);
    fs::create_dir_all(&place)?;
    if !place.join("design.json").exists() {
        let (mut described, mut faulty) = (vec![], vec![]);
        for module in modules {
            let logic = |s: &&Scope| matches!(s.hdl, Verilog::Combinatorial(_)) && register(s).is_none();
            let mut text = module.text.clone();
            if let Some(scope) = module.scope.filter(logic) {
                let found = describe(&module, scope, &verilog, seed, count);
                let sites = found.faults.iter().map(|(site, _)| *site).collect();
                text = switched(scope, &module.path, &module.children, found.number, &sites)?;
                described.push(json!([found.path, found.shape, found.lines, found.number, found.faults]));
            }
            faulty.push(Module { text, ..module });
        }
        let design = json!({ "kind": recording.kind, "ports": ports, "modules": described });
        whole(&place.join("design.v"), verilog.as_bytes())?;
        whole(&place.join("faults.v"), print(TOP, &faulty).as_bytes())?;
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

fn describe(m: &Module, scope: &Scope, verilog: &str, seed: u64, count: usize) -> StoredModule {
    let start = verilog.find(&format!("\nmodule {} (", m.name)).map_or(0, |at| verilog[..=at].matches('\n').count());
    let found = faults(scope, seed, count, |s| body(s, &m.path, false, &m.children).ok());
    let parts = m.path.split('.').skip(1).filter(|part| !part.chars().all(|c| c.is_ascii_digit()));
    let places = if let Verilog::Combinatorial(block) = &scope.hdl { places(block) } else { 0 };
    let shape = shape(scope);
    StoredModule {
        path: parts.collect::<Vec<_>>().join("."),
        lines: [start, start + m.text.lines().count()],
        number: Key::new("module").with(&shape).with_words(&[places as u64]).small(15),
        faults: found.into_iter().map(|f| (f.site, f.description)).collect(),
        shape,
    }
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
            faults: fs::read_to_string(place.join("faults.v"))?,
            ports: ports.collect(),
            modules: list(&design["modules"]).map(read_module).collect(),
            rows: rows.into_iter().map(|(_, file)| file).collect(),
        });
    }
    Ok(out)
}

fn read_module(m: &Value) -> StoredModule {
    StoredModule {
        path: text(&m[0]),
        shape: text(&m[1]),
        lines: [number(&m[2][0]), number(&m[2][1])],
        number: number(&m[3]),
        faults: list(&m[4]).map(|f| (number(&f[0]), text(&f[1]))).collect(),
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
    /// A module with a fault, under another name.
    pub fn with_fault(&self, module: &str, name: &str, number: usize) -> String {
        let rest = self.faults.split_once(&format!("\nmodule {module} (")).map_or("", |(_, rest)| rest);
        let text = rest.split_inclusive("endmodule\n").next().unwrap_or_default();
        format!("\nmodule {name} ({}", fixed(text, number))
    }

    /// Bytes of a row in the files.
    pub fn row_bytes(&self) -> usize {
        self.ports.iter().map(|p| p.bits).sum::<usize>().div_ceil(8)
    }

    /// Clocks of all recordings together.
    pub fn clocks(&self) -> u64 {
        let bytes: u64 = self.rows.iter().map(|file| fs::metadata(file).map_or(0, |m| m.len())).sum();
        bytes / self.row_bytes().max(1) as u64
    }
}

impl StoredModule {
    /// The number that switches a fault on.
    pub fn fault_number(&self, site: usize) -> usize {
        fault_number(self.number, site)
    }

    /// What it is called in the Verilog of its design.
    pub fn name(&self, verilog: &str) -> String {
        let line = verilog.lines().nth(self.lines[0]).unwrap_or_default();
        line.split(' ').nth(1).unwrap_or_default().to_string()
    }
}
