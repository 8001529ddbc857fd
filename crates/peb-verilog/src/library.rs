//! A design compiled by Verilator to a shared library with one small C interface.

use crate::cache::Key;
use crate::error::ExportError;
use crate::export::export_scope;
use crate::harness::{HarnessError, BUILD_LIMIT};
use crate::recording::{ports, Port};
use crate::tools;
use crate::tree::Scope;
use crate::verilator::Runtime;
use rust_hdl::prelude::Block;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The C++ compiler optimises what runs every clock, not what runs once.
const MAKE: [&str; 8] = [
    "-j",
    "2",
    "-f",
    "Vmodel.mk",
    // The wheel was configured without the compiler option that precompiled headers need.
    "CFG_CXXFLAGS_PCH_I=-include",
    "OPT_FAST=-O3",
    "OPT_SLOW=-O0",
    "OPT_GLOBAL=-O2",
];

/// A design as Verilog, with its ports.
#[derive(Clone, Debug)]
pub struct Design {
    /// Name of the top module.
    pub name: String,
    /// The Verilog.
    pub verilog: String,
    /// The ports of the top, in the order of the fields.
    pub ports: Vec<Port>,
}

impl Design {
    /// Exports a design, as [`crate::export`] does.
    ///
    /// # Errors
    /// As [`crate::export`].
    pub fn of(top: &dyn Block, name: &str) -> Result<Design, ExportError> {
        let scope = Scope::read(top, name);
        Ok(Design { name: name.to_string(), verilog: export_scope(&scope, name, true)?, ports: ports(&scope) })
    }

    /// The design as a shared library, compiled by Verilator. It is built once: under `$HOME/.cache/peb/verilated`, in
    /// a directory named by a hash of the Verilog, the interface, the options and the version of Verilator.
    ///
    /// The library has four C functions. Ports are words of 64 bits in the order of [`Design::ports`], clocks left out.
    ///
    /// ```c
    /// void *peb_create(void);                                           /* registers at their initial values */
    /// void peb_clock(void *model, const uint64_t *in, uint64_t *out);   /* inputs, outputs, then all clocks rise */
    /// int peb_trace(void *model, const char *file);                     /* 0; 1: no file; 2: without waveforms */
    /// void peb_destroy(void *model);
    /// ```
    ///
    /// # Errors
    /// If a tool is missing or fails, or a port is wider than 64 bits.
    pub fn library(&self, waveforms: bool) -> Result<PathBuf, HarnessError> {
        let (root, binary) = tools::verilator()?;
        if let Some(port) = self.ports.iter().find(|port| port.bits > 64) {
            let output = format!("port {} of {} bits; 64 at most", port.name, port.bits);
            return Err(HarnessError::Tool { tool: "the C interface".to_string(), output });
        }
        let interface = interface(&self.ports, waveforms);
        let version = tools::run(&binary, &["--version"], Path::new("."), &[("VERILATOR_ROOT", &root)], BUILD_LIMIT)?;
        let (wrapper, options) = (wrapper(self), options(waveforms));
        let key = [&self.verilog, &wrapper, &interface, &version.text, &options.join(" "), &MAKE.join(" ")];
        let key = key.into_iter().fold(Key::new("library"), |key, input| key.with(input));
        let directory = directory().join(format!("{}-{}", self.name, key.name()));
        let file = directory.join("model.so");
        if !file.is_file() {
            fs::create_dir_all(&directory)?;
            let build = tempfile::tempdir()?;
            fs::write(build.path().join("model.v"), &self.verilog)?;
            fs::write(build.path().join("wrapper.v"), wrapper)?;
            fs::write(build.path().join("interface.cpp"), interface)?;
            compile(build.path(), &root, &binary, &options)?;
            // Other processes may do the same: the file appears whole or not at all.
            let partial = directory.join(format!("model.so.{}", std::process::id()));
            fs::copy(build.path().join("build/Vmodel"), &partial)?;
            fs::rename(partial, &file)?;
        }
        Ok(file)
    }
}

/// Where libraries are kept.
fn directory() -> PathBuf {
    std::env::var_os("HOME").map_or(std::env::temp_dir(), |home| Path::new(&home).join(".cache")).join("peb/verilated")
}

fn options(waveforms: bool) -> Vec<&'static str> {
    let mut options = vec!["--cc", "--exe", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert"];
    options.extend(["--prefix", "Vmodel", "--Mdir", "build", "--output-split", "20000"]);
    options.extend(["-CFLAGS", "-fPIC -fvisibility=hidden -fno-gnu-unique", "-LDFLAGS", "-shared"]);
    options.extend(["--top-module", "peb_model", "interface.cpp", "wrapper.v", "model.v"]);
    if waveforms {
        options.push("--trace-vcd");
    }
    options
}

fn compile(directory: &Path, root: &Path, binary: &Path, arguments: &[&str]) -> Result<(), HarnessError> {
    let environment = [("VERILATOR_ROOT", root)];
    let out = tools::run(binary, arguments, directory, &environment, BUILD_LIMIT)?;
    if !out.success {
        return Err(HarnessError::Tool { tool: "verilator".to_string(), output: out.text });
    }
    let build = directory.join("build");
    let runtime = Runtime::new(root, "library");
    runtime.bring(&build);
    let out = tools::run(&tools::program("make")?, &MAKE, &build, &environment, BUILD_LIMIT)?;
    if !out.success {
        return Err(HarnessError::Tool { tool: "make of the verilated design".to_string(), output: out.text });
    }
    runtime.keep(&build);
    Ok(())
}

/// A module around the design whose inputs are registers.
///
/// What a clock's inputs are is known before the edge that begins the clock: with that edge they go into the registers,
/// and what follows from state and inputs together is computed once. Inputs that change between edges would have it
/// computed three times. The first clock begins without an edge.
fn wrapper(design: &Design) -> String {
    let [mut list, mut registers, mut first, mut next, mut pins]: [String; 5] = Default::default();
    let add = |text: &mut String, line: String| text.push_str(&line);
    for port in &design.ports {
        let (name, range) = (&port.name, format!("[{}:0]", port.bits.max(1) - 1));
        let comma = if pins.is_empty() { "" } else { "," };
        match (port.clock, port.output) {
            (true, _) => add(&mut pins, format!("{comma}\n        .{name}(edges)")),
            (_, true) => {
                add(&mut list, format!(",\n    output wire {range} out_{name}"));
                add(&mut pins, format!("{comma}\n        .{name}(out_{name})"));
            }
            (_, false) => {
                add(&mut list, format!(",\n    input wire {range} in_{name}"));
                add(&mut registers, format!("    reg {range} now_{name};\n"));
                add(&mut first, format!("        now_{name} = in_{name};\n"));
                add(&mut next, format!("        now_{name} <= in_{name};\n"));
                add(&mut pins, format!("{comma}\n        .{name}(now_{name})"));
            }
        }
    }
    format!(
        "module peb_model (\n    input wire edges{list}\n);\n{registers}    initial begin\n{first}    end\n    \
         always @(posedge edges) begin\n{next}    end\n    {} core ({pins}\n    );\nendmodule\n",
        design.name
    )
}

/// The C interface to [`wrapper`].
fn interface(ports: &[Port], waveforms: bool) -> String {
    let (mut set, mut get) = (String::new(), String::new());
    for (word, port) in ports.iter().filter(|port| !port.clock && !port.output).enumerate() {
        let mask = u64::MAX >> (64 - port.bits.max(1));
        let _ = writeln!(set, "    top.in_{} = in[{word}] & {mask:#x}ull;", port.name);
    }
    for (word, port) in ports.iter().filter(|port| port.output).enumerate() {
        let _ = writeln!(get, "    out[{word}] = top.out_{};", port.name);
    }
    let waveforms = if waveforms { "1" } else { "0" };
    INTERFACE.replace("WAVEFORMS", waveforms).replace("    SET;\n", &set).replace("    GET;\n", &get)
}

const INTERFACE: &str = r#"#include "Vmodel.h"
#include "verilated.h"
#include <cstdint>
#include <memory>
#if WAVEFORMS
#include "verilated_vcd_c.h"
#endif
#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {
struct Model {
    VerilatedContext context;
    bool begun = false;
#if WAVEFORMS
    std::unique_ptr<VerilatedVcdC> vcd;
    bool traced = (context.traceEverOn(true), true);
#endif
    Vmodel top{&context};
    void eval(bool edges) {
        top.edges = edges;
        top.eval();
#if WAVEFORMS
        if (vcd) vcd->dump(context.time());
        context.timeInc(4000);
#endif
    }
};
}

EXPORTED void *peb_create() {
    return new Model;
}

EXPORTED void peb_clock(void *instance, const uint64_t *in, uint64_t *out) {
    Model *model = static_cast<Model *>(instance);
    Vmodel &top = model->top;
    SET;
    model->eval(model->begun);
    model->begun = true;
    GET;
    model->eval(false);
}

EXPORTED int peb_trace(void *instance, const char *file) {
#if WAVEFORMS
    Model *model = static_cast<Model *>(instance);
    model->vcd.reset(new VerilatedVcdC);
    model->top.trace(model->vcd.get(), 99);
    model->vcd->open(file);
    return model->vcd->isOpen() ? 0 : 1;
#else
    (void)instance;
    (void)file;
    return 2;
#endif
}

EXPORTED void peb_destroy(void *instance) {
    Model *model = static_cast<Model *>(instance);
    model->top.final();
#if WAVEFORMS
    if (model->vcd) model->vcd->close();
#endif
    delete model;
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapper_and_interface_name_every_port() {
        let port = |name: &str, output, clock, bits| Port { name: name.into(), output, clock, bits };
        let ports = vec![port("clk", false, true, 1), port("a", false, false, 64), port("b", true, false, 3)];
        let text = interface(&ports, false);
        for line in ["top.in_a = in[0] & 0xffffffffffffffffull;", "out[0] = top.out_b;"] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!text.contains("WAVEFORMS") && text.contains("#if 0") && interface(&ports, true).contains("#if 1"));
        let text = wrapper(&Design { name: "peb_x".into(), verilog: String::new(), ports });
        for line in [".clk(edges)", ".a(now_a)", ".b(out_b)", "now_a <= in_a;", "reg [63:0] now_a;", "peb_x core ("] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
