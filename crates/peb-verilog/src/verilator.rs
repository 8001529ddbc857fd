//! Recordings replayed by Verilator, any number in one build, and what of the Verilog they exercise.

use crate::cache::Key;
use crate::harness::{parts, rows, verdict, HarnessError, Parts, BUILD_LIMIT, SIMULATION_LIMIT};
use crate::recording::{Port, Recording};
use crate::tools;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Drives all benches at once, without delays: compiling those would cost more than the design.
const MAIN: &str = r#"#include "Vpeb_benches.h"
#include "verilated.h"
#if VM_COVERAGE
#include "verilated_cov.h"
#endif
int main(int argc, char **argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Vpeb_benches top{&context};
    top.step = 0;
    top.eval();
    while (!top.done) {
        top.step = 1;
        top.eval();
        top.step = 0;
        top.eval();
    }
    top.final();
#if VM_COVERAGE
    context.coveragep()->write("coverage.dat");
#endif
    return 0;
}
"#;

/// Checks recordings as [`crate::check_equivalent`] does, with Verilator: one build for all of them. Its `-Wall`
/// finds nothing to say about the exported Verilog, or the check fails.
///
/// # Errors
/// The first mismatch, or whatever kept the check from being done.
pub fn check_equivalent_verilator(recordings: &[&Recording]) -> Result<(), HarnessError> {
    let directory = tempfile::tempdir()?;
    simulate(recordings, directory.path(), &[])
}

/// How much of a block's Verilog its recording exercised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Lines that can be executed.
    pub lines: usize,
    /// Bits of signals, each counted once a direction.
    pub toggles: usize,
    /// Lines that were not: number and text.
    pub uncovered_lines: Vec<(usize, String)>,
    /// Bits that did not toggle: line, and signal with bit.
    pub uncovered_toggles: Vec<(usize, String)>,
}

impl Coverage {
    /// Percentage of lines exercised.
    pub fn line_percent(&self) -> f64 {
        percent(self.uncovered_lines.len(), self.lines)
    }

    /// Percentage of bits toggled.
    pub fn toggle_percent(&self) -> f64 {
        percent(self.uncovered_toggles.len(), self.toggles)
    }
}

fn percent(missing: usize, all: usize) -> f64 {
    if all == 0 {
        100.0
    } else {
        100.0 * (all - missing) as f64 / all as f64
    }
}

/// Measures, in one Verilator build, which lines and toggles of their Verilog the recordings exercise. They
/// are checked for equivalence at the same time.
///
/// # Errors
/// As [`check_equivalent_verilator`].
pub fn coverage(recordings: &[&Recording]) -> Result<Vec<Coverage>, HarnessError> {
    let directory = tempfile::tempdir()?;
    let dir = directory.path();
    simulate(recordings, dir, &COVERAGE)?;
    let data = fs::read_to_string(dir.join("coverage.dat"))?;
    Ok(recordings.iter().enumerate().map(|(i, r)| of_file(&data, &format!("design_{i}.v"), &r.verilog)).collect())
}

/// [`coverage`] as one line of a test. What passed once on the same inputs is not run again (see `PEB_NO_CACHE` in
/// the crate's documentation).
///
/// # Panics
/// If a recording exercises fewer than `least` percent of the lines or of the toggles of its Verilog (the message
/// lists the rest), if it is not equivalent, or a tool is missing.
#[track_caller]
pub fn assert_covered(recordings: &[&Recording], least: f64) {
    let keys: Vec<_> = recordings.iter().map(|r| r.key("coverage").with(&least.to_string())).collect();
    let (recordings, keys): (Vec<&Recording>, Vec<_>) =
        recordings.iter().zip(keys).filter(|(_, key)| key.passed().is_none()).unzip();
    if recordings.is_empty() {
        return;
    }
    let measured = coverage(&recordings).unwrap_or_else(|e| panic!("{e}"));
    for ((recording, key), coverage) in recordings.iter().zip(&keys).zip(measured) {
        let (lines, toggles) = (coverage.line_percent(), coverage.toggle_percent());
        assert!(
            lines >= least && toggles >= least,
            "`{}`: {lines:.1} % of the lines and {toggles:.1} % of the toggles exercised, {least} % wanted; not: {:#?} {:#?}",
            recording.top,
            coverage.uncovered_lines,
            coverage.uncovered_toggles
        );
        key.pass(&format!("{} {lines:.1} {toggles:.1}", recording.top));
    }
}

/// Builds and runs the benches of recordings in `dir`.
fn simulate(recordings: &[&Recording], dir: &Path, extra: &[&str]) -> Result<(), HarnessError> {
    for (i, recording) in recordings.iter().enumerate() {
        fs::write(dir.join(format!("rows_{i}.bin")), rows(recording)?)?;
    }
    let designs = recordings.iter().map(|r| (r.top.as_str(), r.verilog.as_str(), r.ports.as_slice()));
    build(&designs.collect::<Vec<_>>(), dir, extra)?;
    let text = run(&dir.join(PROGRAM), &[], dir)?;
    recordings.iter().enumerate().try_for_each(|(i, r)| verdict(r, &format!("{i} "), &text))
}

/// What has coverage counted.
pub const COVERAGE: [&str; 4] = ["--coverage-line", "--coverage-toggle", "--coverage-max-width", "4096"];

/// What [`build`] leaves in its directory.
pub(crate) const PROGRAM: &str = "build/Vpeb_benches";

/// Runs what [`build`] has built, on `rows_0.bin` and so on in `dir`, and returns what it printed.
pub(crate) fn run(program: &Path, arguments: &[&str], dir: &Path) -> Result<String, HarnessError> {
    Ok(tools::run(program, arguments, dir, &[], SIMULATION_LIMIT)?.text)
}

/// Builds the benches of designs in `dir`: name of the top, Verilog, ports.
pub(crate) fn build(designs: &[(&str, &str, &[Port])], dir: &Path, extra: &[&str]) -> Result<(), HarnessError> {
    let mut files = vec!["benches.v".to_string()];
    let mut benches = String::from(
        "// verilator coverage_off\n// verilator lint_off WIDTH\n// verilator lint_off BLKSEQ\n\
         // verilator lint_off DECLFILENAME\n// verilator lint_off UNUSEDSIGNAL\n",
    );
    let mut instances = String::new();
    for (i, (top, verilog, ports)) in designs.iter().enumerate() {
        fs::write(dir.join(format!("design_{i}.v")), verilog)?;
        benches += &bench(parts(top, ports), i);
        let _ = writeln!(instances, "    peb_bench_{i} bench_{i} (.step(step), .done(all[{i}]));");
        files.push(format!("design_{i}.v"));
    }
    let _ = writeln!(
        benches,
        "module peb_benches (input wire step, output wire done);\n    wire [{}:0] all;\n    assign done = &all;\n\
         {instances}endmodule",
        designs.len() - 1
    );
    fs::write(dir.join("benches.v"), benches)?;
    fs::write(dir.join("main.cpp"), MAIN)?;
    let (root, binary) = tools::verilator()?;
    let mut arguments = vec!["--cc", "--exe", "-Wall", "-CFLAGS", "-O1"];
    arguments.extend(["--output-split", "200000", "--Mdir", "build", "--top-module", "peb_benches"]);
    arguments.extend(extra);
    arguments.push("main.cpp");
    arguments.extend(files.iter().map(String::as_str));
    let out = tools::run(&binary, &arguments, dir, &[("VERILATOR_ROOT", &root)], BUILD_LIMIT)?;
    if !out.success {
        return Err(HarnessError::Tool { tool: "verilator -Wall".to_string(), output: out.text });
    }
    let build = dir.join("build");
    let runtime = Runtime::new(&root, if *extra == COVERAGE { "coverage" } else { "plain" });
    runtime.bring(&build);
    // The wheel was configured without the compiler option that precompiled headers need.
    let make = ["-j", "2", "-f", "Vpeb_benches.mk", "CFG_CXXFLAGS_PCH_I=-include"];
    let out = tools::run(&tools::program("make")?, &make, &build, &[("VERILATOR_ROOT", &root)], BUILD_LIMIT)?;
    if !out.success {
        return Err(HarnessError::Tool { tool: "make of the verilated design".to_string(), output: out.text });
    }
    runtime.keep(&build);
    Ok(())
}

/// Verilator's own C++ files, compiled once for all builds: they cost more than most designs.
pub(crate) struct Runtime(Option<PathBuf>);

impl Runtime {
    const OBJECTS: [&'static str; 3] = ["verilated.o", "verilated_cov.o", "verilated_threads.o"];

    /// Those of a Verilator, compiled for this kind of build.
    pub(crate) fn new(root: &Path, kind: &str) -> Runtime {
        let key = Key::new("runtime").with(&root.to_string_lossy()).with(kind).name();
        Runtime(std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/peb/verilated").join(key)))
    }

    /// Puts the objects into a build directory. Where one is missing, make compiles it.
    pub(crate) fn bring(&self, build: &Path) {
        let Some(kept) = &self.0 else { return };
        if fs::create_dir_all(build).is_ok() {
            for object in Self::OBJECTS {
                let _ = fs::copy(kept.join(object), build.join(object));
            }
        }
    }

    /// Keeps the objects of a build. Other processes may do the same: each file appears whole or not at all.
    pub(crate) fn keep(&self, build: &Path) {
        let Some(kept) = self.0.as_ref().filter(|kept| fs::create_dir_all(kept).is_ok()) else { return };
        for object in Self::OBJECTS {
            let partial = kept.join(format!("{object}.{}", std::process::id()));
            if !kept.join(object).exists() && fs::copy(build.join(object), &partial).is_ok() {
                let _ = fs::rename(partial, kept.join(object));
            }
        }
    }
}

/// One bench: at each step it applies a row with the clocks low, or compares and raises the clocks.
fn bench(parts: Parts, number: usize) -> String {
    let Parts { body, apply, bytes, has: [clocked, outputs] } = parts;
    let (low, rise) = if clocked { ("clock = 0;", "clock = edges;") } else { ("", "") };
    let failed = if outputs { "out !== want" } else { "1'b0" };
    format!(
        "module peb_bench_{number} (input wire step, output reg done);\n{body}    reg applied;\n    \
         initial begin\n        file = $fopen(\"rows_{number}.bin\", \"rb\");\n        done = 0;\n        i = 0;\n        \
         applied = 0;\n        {low}\n    end\n    always @(posedge step) if (!done) begin\n        applied = !applied;\n        \
         if (applied) begin\n            {low}\n            got = $fread(row, file);\n            \
         if (got == {bytes}) begin\n                {apply}\n            end else begin\n                \
         $display(\"{number} MATCH %0d\", i);\n                done = 1;\n            end\n        \
         end else if ({failed}) begin\n            \
         $display(\"{number} MISMATCH %0d %b\", i, {shown});\n            done = 1;\n        end else begin\n            {rise}\n            \
         i = i + 1;\n        end\n    end\nendmodule\n",
        shown = if outputs { "out" } else { "1'b0" },
    )
}

/// Lines and toggles of a file, and whether they were exercised.
pub type Points = BTreeMap<(usize, Option<String>), bool>;

/// Lines (no name) and toggles (signal, bit and direction) of one file in Verilator's `coverage.dat`, and whether they
/// were exercised.
pub(crate) fn points(data: &str, file: &str) -> Points {
    let mut points = BTreeMap::new();
    for record in data.lines().filter_map(|l| l.strip_prefix("C '")) {
        let Some((fields, count)) = record.rsplit_once("' ") else { continue };
        let hit = count.trim() != "0";
        let fields: BTreeMap<&str, &str> = fields.split('\u{1}').filter_map(|f| f.split_once('\u{2}')).collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        if field("f") != file {
            continue;
        }
        let line: usize = field("l").parse().unwrap_or(0);
        if field("page").starts_with("v_toggle") {
            *points.entry((line, Some(field("o").to_string()))).or_default() |= hit;
            continue;
        }
        for line in line_set(field("S"), line) {
            *points.entry((line, None)).or_default() |= hit;
        }
    }
    points
}

/// Reads the points of one file out of Verilator's `coverage.dat`.
fn of_file(data: &str, file: &str, verilog: &str) -> Coverage {
    let text: Vec<&str> = verilog.lines().collect();
    let shown = |line: usize| text.get(line.wrapping_sub(1)).map_or(String::new(), |l| l.trim().to_string());
    let mut coverage = Coverage::default();
    for ((line, toggle), hit) in points(data, file) {
        let all = if toggle.is_some() { &mut coverage.toggles } else { &mut coverage.lines };
        *all += 1;
        match toggle {
            _ if hit => {}
            Some(name) => coverage.uncovered_toggles.push((line, name)),
            None => coverage.uncovered_lines.push((line, shown(line))),
        }
    }
    coverage
}

/// The lines of a point: `12,14-16`, or the line where it stands.
fn line_set(text: &str, line: usize) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) {
            out.extend(from..=to);
        }
    }
    if out.is_empty() {
        out.insert(line);
    }
    out
}
