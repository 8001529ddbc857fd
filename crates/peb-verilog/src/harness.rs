//! Replays a recording against the exported Verilog and compares every output every clock.

use crate::error::ExportError;
use crate::recording::{Port, Recording};
use crate::tools;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// How long one simulation may take. Far beyond any real one: it stops designs that never settle.
pub(crate) const SIMULATION_LIMIT: Duration = Duration::from_secs(300);
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(1200);

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
    Mismatch(#[from] Box<Mismatch>),
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
    Icarus::new(recording)?.run(0, &recording.verilog, SIMULATION_LIMIT)
}

/// [`check_equivalent`] as one line of a test. Where `PEB_RECORDINGS` names a directory, the recording is written there
/// too: see [`crate::stored`].
///
/// # Panics
/// If the Verilog differs from the Rust, cannot be simulated, or a tool is missing.
#[track_caller]
pub fn assert_equivalent(recording: &Recording) {
    let kept = || match std::env::var_os("PEB_RECORDINGS") {
        Some(directory) => crate::stored::store(recording, Path::new(&directory)),
        None => Ok(()),
    };
    if let Err(e) = check_equivalent(recording).and_then(|()| kept()) {
        panic!("{e}");
    }
}

/// The bench of a recording in a directory of its own, for any number of Icarus runs.
pub(crate) struct Icarus<'a> {
    recording: &'a Recording,
    directory: tempfile::TempDir,
}

impl<'a> Icarus<'a> {
    pub(crate) fn new(recording: &'a Recording) -> Result<Self, HarnessError> {
        let directory = tempfile::tempdir()?;
        write_bench(recording, directory.path())?;
        Ok(Icarus { recording, directory })
    }

    /// Replays the recording against `verilog`. Runs of different `number` may go on at the same time.
    pub(crate) fn run(&self, number: usize, verilog: &str, limit: Duration) -> Result<(), HarnessError> {
        let dir = self.directory.path();
        let (design, program) = (format!("design_{number}.v"), format!("bench_{number}.vvp"));
        fs::write(dir.join(&design), verilog)?;
        let options = ["-g2005", "-Wall", "-Wno-timescale", "-s", "peb_testbench", "-o"];
        let arguments: Vec<&str> = options.into_iter().chain([program.as_str(), &design, "bench.v"]).collect();
        let out = tools::run(&tools::program("iverilog")?, &arguments, dir, &[], BUILD_LIMIT)?;
        if !out.success || !out.text.trim().is_empty() {
            return Err(HarnessError::Tool { tool: "iverilog -Wall".to_string(), output: out.text });
        }
        let out = tools::run(&tools::program("vvp")?, &["-n", &program], dir, &[], limit)?;
        verdict(self.recording, "", &out.text)
    }
}

/// Writes `bench.v` and its stimulus `rows.bin`.
fn write_bench(recording: &Recording, dir: &Path) -> Result<(), HarnessError> {
    fs::write(dir.join("rows.bin"), rows(recording)?)?;
    fs::write(dir.join("bench.v"), bench(&recording.top, &recording.ports))?;
    Ok(())
}

/// One binary vector a clock: edges, inputs and outputs side by side, the first in the high bits, whole bytes.
pub(crate) fn rows(recording: &Recording) -> Result<Vec<u8>, HarnessError> {
    if recording.clocks() == 0 {
        return Err(HarnessError::Empty(recording.top.clone()));
    }
    let order: Vec<usize> = columns(&recording.ports).into_iter().flatten().collect();
    let bits: usize = order.iter().map(|p| recording.ports[*p].bits).sum();
    let bytes = bits.div_ceil(8);
    let mut rows = vec![0; bytes * recording.clocks()];
    for (clock, row) in rows.chunks_mut(bytes).enumerate() {
        let mut at = 8 * bytes - bits;
        for port in &order {
            let value = recording.value(clock, *port);
            for bit in (0..recording.ports[*port].bits).rev() {
                row[at / 8] |= ((value[bit / 64] >> (bit % 64) & 1) as u8) << (7 - at % 8);
                at += 1;
            }
        }
    }
    Ok(rows)
}

/// Port numbers by column group: clocks, inputs, outputs. The first stands in the high bits.
pub(crate) fn columns(ports: &[Port]) -> [Vec<usize>; 3] {
    let pick = |want: &dyn Fn(usize) -> bool| (0..ports.len()).filter(|p| want(*p)).collect::<Vec<_>>();
    [
        pick(&|p| ports[p].clock && !ports[p].output),
        pick(&|p| !ports[p].clock && !ports[p].output),
        pick(&|p| ports[p].output),
    ]
}

/// What every bench has: declarations of the nets and rows, the block, and the fields of a row.
pub(crate) struct Parts {
    /// Declarations and the instance.
    pub body: String,
    /// Assigns the fields of a row.
    pub apply: String,
    /// Bytes of a row in the file.
    pub bytes: usize,
    /// Whether there is a clock, and whether there is an output.
    pub has: [bool; 2],
}

/// The nets `clock`, `edges`, `in`, `out`, `want` and `row`, and the instance `dut`.
pub(crate) fn parts(top: &str, ports: &[Port]) -> Parts {
    let order = columns(ports);
    let mut connections = vec![];
    let mut widths = [0; 3];
    for (group, net) in ["clock", "in", "out"].iter().enumerate() {
        widths[group] = order[group].iter().map(|p| ports[*p].bits).sum();
        let mut high = widths[group];
        for port in order[group].iter().map(|p| &ports[*p]) {
            connections.push(format!(".{}({net}[{}:{}])", port.name, high - 1, high - port.bits));
            high -= port.bits;
        }
    }
    let [clock, input, output] = widths;
    let bits = clock + input + output;
    let bytes = bits.div_ceil(8);
    let nets = [
        ("reg", "clock", clock),
        ("reg", "edges", clock),
        ("reg", "in", input),
        ("wire", "out", output),
        ("reg", "want", output),
        ("reg", "row", 8 * bytes),
    ];
    let mut body = String::new();
    for (kind, name, bits) in nets.iter().filter(|(_, _, bits)| *bits > 0) {
        let _ = writeln!(body, "    {kind} [{}:0] {name};", bits - 1);
    }
    let _ = writeln!(body, "    integer i, file, got;\n    {top} dut ({});", connections.join(", "));
    let fields = [("edges", clock), ("in", input), ("want", output)];
    let fields: Vec<&str> = fields.iter().filter(|(_, bits)| *bits > 0).map(|(name, _)| *name).collect();
    let apply = format!("{{{}}} = row[{}:0];", fields.join(", "), bits - 1);
    Parts { body, apply, bytes, has: [clock > 0, output > 0] }
}

/// The bench of Icarus, with delays.
pub(crate) fn bench(top: &str, ports: &[Port]) -> String {
    let Parts { body, apply, bytes, has: [clocked, outputs] } = parts(top, ports);
    let (low, rise) = if clocked { ("clock = 0; ", "clock = edges; ") } else { ("", "") };
    let compare =
        if outputs { "if (out !== want) begin $display(\"MISMATCH %0d %b\", i, out); disable replay; end" } else { "" };
    format!(
        "module peb_testbench;\n{body}    initial begin : replay\n        \
         file = $fopen(\"rows.bin\", \"rb\");\n        {low}\n        i = 0;\n        got = $fread(row, file);\n        \
         while (got == {bytes}) begin\n            {apply}\n            #1 {compare}\n            {rise}#1 {low};\n            \
         i = i + 1;\n            got = $fread(row, file);\n        end\n        \
         $display(\"MATCH %0d\", i);\n    end\nendmodule\n",
    )
}

/// Reads the answer of a bench.
pub(crate) fn verdict(recording: &Recording, tag: &str, text: &str) -> Result<(), HarnessError> {
    if text.lines().any(|l| l == format!("{tag}MATCH {}", recording.clocks())) {
        return Ok(());
    }
    let Some(found) = text.lines().find_map(|l| l.strip_prefix(&format!("{tag}MISMATCH "))) else {
        return Err(HarnessError::Tool { tool: "simulation".to_string(), output: text.to_string() });
    };
    let (clock, got) = found.split_once(' ').unwrap_or((found, ""));
    let clock: usize = clock.parse().unwrap_or(0);
    let [_, inputs, outputs] = columns(&recording.ports);
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
            let inputs = inputs.join(" ");
            return Err(Box::new(Mismatch { top, clock, port, expected, got, inputs }).into());
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
