//! Replays a recording against the exported Verilog and compares every output every clock.

use crate::error::ExportError;
use crate::recording::Recording;
use crate::tools;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// How long one simulation may take. Far beyond any real one: it stops designs that never settle.
const SIMULATION_LIMIT: Duration = Duration::from_secs(300);
const BUILD_LIMIT: Duration = Duration::from_secs(1200);

/// Why an equivalence check failed.
#[derive(Debug, Error)]
pub enum HarnessError {
    /// A tool is not installed.
    #[error("{tool} is not installed: {install}")]
    MissingTool {
        /// What is missing.
        tool: String,
        /// What installs it.
        install: String,
    },
    /// A tool refused its input.
    #[error("{tool} failed:\n{output}")]
    Tool {
        /// The program.
        tool: String,
        /// What it printed.
        output: String,
    },
    /// A tool ran too long; in a simulation, the design does not settle.
    #[error("{tool} did not end within {seconds} s (logic that does not settle?)")]
    Timeout {
        /// The program.
        tool: String,
        /// The limit.
        seconds: u64,
    },
    /// A file could not be written or read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The block has no Verilog.
    #[error("{0}")]
    Export(#[from] ExportError),
    /// The recording is of no use.
    #[error("the recording of `{0}` holds no clock")]
    Empty(String),
    /// The Verilog does something else.
    #[error("{0}")]
    Mismatch(#[from] Mismatch),
}

/// The first output that differed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{top}` clock {clock}: output `{port}` is {expected} in Rust but {got} in Verilog; inputs: {inputs}")]
pub struct Mismatch {
    /// The block.
    pub top: String,
    /// Number of the clock, from 0.
    pub clock: usize,
    /// The output.
    pub port: String,
    /// Its binary value in the Rust simulation.
    pub expected: String,
    /// Its binary value in the Verilog, with x where it is undefined.
    pub got: String,
    /// The inputs of that clock.
    pub inputs: String,
}

/// Checks that the Verilog of a recorded block drives every output as the Rust did, every clock, in Icarus.
///
/// # Errors
/// The first mismatch, or whatever kept the check from being done.
pub fn check_equivalent(recording: &Recording) -> Result<(), HarnessError> {
    simulate_icarus(recording, &recording.verilog, SIMULATION_LIMIT)
}

/// [`check_equivalent`] as one line of a test.
///
/// # Panics
/// If the Verilog differs from the Rust, cannot be simulated, or a tool is missing.
#[track_caller]
pub fn assert_equivalent(recording: &Recording) {
    if let Err(e) = check_equivalent(recording) {
        panic!("{e}");
    }
}

/// One Icarus run of `verilog` under the stimulus of the recording.
pub(crate) fn simulate_icarus(recording: &Recording, verilog: &str, limit: Duration) -> Result<(), HarnessError> {
    let directory = tempfile::tempdir()?;
    let dir = directory.path();
    fs::write(dir.join("design.v"), verilog)?;
    write_bench(recording, dir)?;
    compile_icarus(dir)?;
    let out = tools::run(&tools::program("vvp")?, &["-n", "bench.vvp"], dir, &[], limit)?;
    verdict(recording, &out.text)
}

fn compile_icarus(dir: &Path) -> Result<(), HarnessError> {
    let arguments =
        ["-g2005", "-Wall", "-Wno-timescale", "-s", "peb_testbench", "-o", "bench.vvp", "design.v", "bench.v"];
    let out = tools::run(&tools::program("iverilog")?, &arguments, dir, &[], BUILD_LIMIT)?;
    if !out.success || !out.text.trim().is_empty() {
        return Err(HarnessError::Tool { tool: "iverilog -Wall".to_string(), output: out.text });
    }
    Ok(())
}

/// [`check_equivalent`] with Verilator. Takes some ten seconds to build.
///
/// # Errors
/// As [`check_equivalent`].
pub fn check_equivalent_verilator(recording: &Recording) -> Result<(), HarnessError> {
    let directory = tempfile::tempdir()?;
    let text = simulate_verilator(recording, directory.path(), &[])?;
    verdict(recording, &text)
}

/// Builds and runs the bench in `dir`; what it printed.
pub(crate) fn simulate_verilator(recording: &Recording, dir: &Path, extra: &[&str]) -> Result<String, HarnessError> {
    fs::write(dir.join("design.v"), &recording.verilog)?;
    write_bench(recording, dir)?;
    let (root, binary) = tools::verilator()?;
    let mut arguments = vec![
        "--binary",
        "--timing",
        "-Wall",
        "-O1",
        "-CFLAGS",
        "-O0",
        "-j",
        "1",
        "--Mdir",
        "build",
        "--top-module",
        "peb_testbench",
    ];
    arguments.extend(extra);
    arguments.extend(["design.v", "bench.v"]);
    let out = tools::run(&binary, &arguments, dir, &[("VERILATOR_ROOT", &root)], BUILD_LIMIT)?;
    if !out.success {
        return Err(HarnessError::Tool { tool: "verilator -Wall".to_string(), output: out.text });
    }
    let none: [&str; 0] = [];
    Ok(tools::run(&dir.join("build/Vpeb_testbench"), &none, dir, &[], SIMULATION_LIMIT)?.text)
}

/// Writes `bench.v` and its stimulus `rows.mem`: one vector a clock, edges, inputs and outputs side by side.
fn write_bench(recording: &Recording, dir: &Path) -> Result<(), HarnessError> {
    let clocks = recording.clocks();
    if clocks == 0 {
        return Err(HarnessError::Empty(recording.top.clone()));
    }
    let order = columns(recording);
    let mut rows = String::new();
    for clock in 0..clocks {
        order.iter().flatten().for_each(|port| rows.push_str(&recording.binary(clock, *port)));
        rows.push('\n');
    }
    fs::write(dir.join("rows.mem"), rows)?;
    fs::write(dir.join("bench.v"), bench(recording, &order, clocks))?;
    Ok(())
}

/// Port numbers by column group: clocks, inputs, outputs. The first stands in the high bits.
fn columns(recording: &Recording) -> [Vec<usize>; 3] {
    let pick = |want: &dyn Fn(usize) -> bool| (0..recording.ports.len()).filter(|p| want(*p)).collect::<Vec<_>>();
    let ports = &recording.ports;
    [
        pick(&|p| ports[p].clock && !ports[p].output),
        pick(&|p| !ports[p].clock && !ports[p].output),
        pick(&|p| ports[p].output),
    ]
}

fn bench(recording: &Recording, order: &[Vec<usize>; 3], clocks: usize) -> String {
    let mut nets = String::new();
    let mut connections = vec![];
    let mut widths = [0; 3];
    for (group, net) in ["clock", "in", "out"].iter().enumerate() {
        let bits: usize = order[group].iter().map(|p| recording.ports[*p].bits).sum();
        widths[group] = bits;
        let mut high = bits;
        for port in order[group].iter().map(|p| &recording.ports[*p]) {
            connections.push(format!(".{}({net}[{}:{}])", port.name, high - 1, high - port.bits));
            high -= port.bits;
        }
    }
    let [clock, input, output] = widths;
    let declare = |kind: &str, name: &str, bits: usize| {
        if bits == 0 {
            String::new()
        } else {
            format!("    {kind} [{}:0] {name};\n", bits - 1)
        }
    };
    let _ = write!(
        nets,
        "{}{}{}{}{}",
        declare("reg", "clock", clock),
        declare("reg", "edges", clock),
        declare("reg", "in", input),
        declare("wire", "out", output),
        declare("reg", "want", output)
    );
    let mut fields = vec![];
    fields.extend((clock > 0).then_some("edges"));
    fields.extend((input > 0).then_some("in"));
    fields.extend((output > 0).then_some("want"));
    let (low, rise, fall) = if clock > 0 { ("clock = 0; ", "clock = edges; ", "clock = 0; ") } else { ("", "", "") };
    let compare = if output > 0 {
        "            if (out !== want) begin\n                $display(\"MISMATCH %0d %b\", i, out);\n                disable replay;\n            end\n"
    } else {
        ""
    };
    format!(
        "// verilator coverage_off\n// verilator lint_off WIDTH\n// verilator lint_off BLKSEQ\n// verilator lint_off DECLFILENAME\n// verilator lint_off STMTDLY\n\
         module peb_testbench;\n{nets}    reg [{}:0] rows [0:{}];\n    integer i;\n    {} dut ({});\n    \
         initial begin : replay\n        $readmemb(\"rows.mem\", rows);\n        {low}\n        \
         for (i = 0; i < {clocks}; i = i + 1) begin\n            {{{}}} = rows[i];\n            #1;\n{compare}            \
         {rise}#1; {fall}\n        end\n        $display(\"MATCH\");\n    end\nendmodule\n",
        clock + input + output - 1,
        clocks - 1,
        recording.top,
        connections.join(", "),
        fields.join(", "),
    )
}

/// Reads the answer of the bench.
fn verdict(recording: &Recording, text: &str) -> Result<(), HarnessError> {
    if text.lines().any(|l| l == "MATCH") {
        return Ok(());
    }
    let Some(found) = text.lines().find_map(|l| l.strip_prefix("MISMATCH ")) else {
        return Err(HarnessError::Tool { tool: "simulation".to_string(), output: text.to_string() });
    };
    let (clock, got) = found.split_once(' ').unwrap_or((found, ""));
    let clock: usize = clock.parse().unwrap_or(0);
    let [_, inputs, outputs] = columns(recording);
    let mut at = 0;
    for port in outputs {
        let bits = recording.ports[port].bits;
        let expected = recording.binary(clock, port);
        let got = got.get(at..at + bits).unwrap_or("").to_string();
        at += bits;
        if got != expected {
            let inputs: Vec<String> = inputs
                .iter()
                .map(|p| format!("{}={}", recording.ports[*p].name, hexadecimal(recording.value(clock, *p))))
                .collect();
            let port = recording.ports[port].name.clone();
            let top = recording.top.clone();
            return Err(Mismatch { top, clock, port, expected, got, inputs: inputs.join(" ") }.into());
        }
    }
    Err(HarnessError::Tool { tool: "simulation".to_string(), output: text.to_string() })
}

fn hexadecimal(words: &[u64]) -> String {
    let mut out = String::from("0x");
    for (i, word) in words.iter().rev().enumerate() {
        let _ = if i == 0 { write!(out, "{word:x}") } else { write!(out, "{word:016x}") };
    }
    out
}
