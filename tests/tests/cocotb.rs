//! A root complex and an endpoint that we did not write (cocotbext-pcie) find and use each other through two exported cores; and the root
//! complex uses our endpoint on the chip of a network-attached device, as RTL and as the netlist of an ECP5.

use std::path::Path;
use std::time::Duration;

use peb_rtl::phy::serial::Console;
use peb_rtl::phy::Startup;
use peb_rtl::top::{NetworkDevice, PebHost, PebIo};
use peb_verilog::{export, tools};

/// Above what `run.py` allows itself.
const LIMIT: Duration = Duration::from_secs(1800);

/// A core's file without `.v`, and its text.
type Core = (&'static str, String);

fn python() -> std::path::PathBuf {
    let mut pythons = tools::tool_directories().into_iter().map(|tools| tools.join("bin/python"));
    pythons.find(|python| python.is_file()).expect("no Python of tools: run `tools/setup.sh`")
}

/// Runs a test of `cocotb/test_BENCH.py`: whether it passed, and what it said.
fn run(bench: &str, cores: &[Core], test: &str) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    for (core, text) in cores {
        std::fs::write(directory.path().join(format!("{core}.v")), text).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("cocotb/run.py");
    let home = std::env::var_os("HOME").expect("HOME is set");
    let cache = Path::new(&home).join(".cache/peb/cocotb");
    let arguments = [
        script.as_path(),
        Path::new("--bench"),
        Path::new(bench),
        Path::new("--test"),
        Path::new(test),
        Path::new("--cache"),
        &cache,
        Path::new("--cores"),
        directory.path(),
        Path::new("--results"),
        directory.path(),
    ];
    let output = tools::run(&python(), &arguments, directory.path(), &[], LIMIT).unwrap_or_else(|e| panic!("{e}"));
    (output.success, output.text)
}

fn host() -> Core {
    ("peb_host", export(&PebHost::default(), "peb_host").expect("peb_host exports"))
}

/// The device with a start and a serial line that suit a simulation.
fn device() -> Core {
    let device = NetworkDevice::with_times(Startup::with_times(20, 50), Console::with_bit_clocks(8));
    ("peb_device", export(&device, "peb_device").expect("peb_device exports"))
}

#[test]
fn a_device_is_found_and_used_through_two_pebs() {
    let cores = [host(), ("peb_io", export(&PebIo::default(), "peb_io").expect("peb_io exports"))];
    let (passed, text) = run("pair", &cores, "device_through_two_pebs");
    assert!(passed && text.contains("1 run, 0 failed"), "{text}");
    // What fails there fails here.
    let (passed, text) = run("pair", &cores, "negative_control");
    assert!(!passed && text.contains("negative control") && text.contains("1 run, 1 failed"), "{text}");
}

#[test]
fn a_network_attached_device_is_found_and_used() {
    let cores = [host(), device()];
    let (passed, text) = run("device", &cores, "device_is_used");
    assert!(passed && text.contains("1 run, 0 failed"), "{text}");
    let (passed, text) = run("device", &cores, "device_negative_control");
    assert!(!passed && text.contains("negative control") && text.contains("1 run, 1 failed"), "{text}");
}

/// The cells that synthesis uses: those of yosys, with a block RAM that does something.
fn cells() -> Vec<Core> {
    let file = |name: &str| {
        let path = tools::site_package(&format!("pyosys/share/ecp5/{name}")).unwrap_or_else(|e| panic!("{e}"));
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    let cells = file("cells_sim.v")
        .replace("`include \"common_sim.vh\"", &file("common_sim.vh"))
        .replace("`include \"ccu2c_sim.vh\"", &file("ccu2c_sim.vh"));
    let start = cells.find("(* blackbox *)\nmodule DP16KD").expect("a black box of the block RAM");
    let end = start + cells[start..].find("endmodule").expect("its end") + "endmodule".len();
    let cells = format!("{}{}", &cells[..start], &cells[end..]);
    let cells: Vec<&str> = cells.lines().filter(|line| !line.starts_with("`include")).collect();
    let names: Vec<String> = (0..64).map(|n| format!("INITVAL_{n:02X}")).collect();
    let parameters: Vec<String> = names.iter().map(|name| format!("    parameter [319:0] {name} = 320'd0")).collect();
    let reversed: Vec<&str> = names.iter().rev().map(String::as_str).collect();
    let ram = include_str!("../cocotb/dp16kd.v.txt")
        .replace("INITVALS", &parameters.join(",\n"))
        .replace("INITNAMES", &reversed.join(", "));
    vec![("cells", cells.join("\n")), ("dp16kd", ram)]
}

#[test]
#[ignore = "nightly"]
fn the_netlist_of_the_device_is_found_and_used() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (name, text) = device();
    std::fs::write(directory.path().join("device.v"), text).unwrap();
    let script = "from pyosys import libyosys as ys\ndesign = ys.Design()\n\
                  for step in ['read_verilog device.v', 'synth_ecp5 -top peb_device', 'stat', 'write_verilog -noattr -norename netlist.v']:\n    \
                  ys.run_pass(step, design)\n";
    std::fs::write(directory.path().join("run.py"), script).unwrap();
    let output = tools::run(&python(), &["run.py"], directory.path(), &[], LIMIT).unwrap_or_else(|e| panic!("{e}"));
    assert!(output.success, "{}", output.text);
    let netlist = std::fs::read_to_string(directory.path().join("netlist.v")).unwrap();
    assert!(netlist.contains("DP16KD") && netlist.contains("TRELLIS_FF") && !netlist.contains("always"), "a netlist");
    let cores = [vec![host(), (name, netlist)], cells()].concat();
    let (passed, text) = run("device", &cores, "device_is_used_for_a_short_time");
    assert!(passed && text.contains("1 run, 0 failed"), "{text}");
}
