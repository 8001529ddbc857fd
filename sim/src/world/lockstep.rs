//! Both engines on the same inputs, all pins compared in every clock.
//!
//! Where `PEB_RECORDINGS` names a directory, the ports of the switch in the first host PEB are written there, too.

use std::any::Any;
use std::path::Path;

use peb_config::Parameters;
use peb_rtl::top::PebHost;
use peb_verilated::VerilatedError;
use peb_verilog::{stored, Recording};

use super::core::{RustCore, VerilatedCore};
use super::pins::{Core, Inputs, Outputs, Pinned};
use super::Engine;
use crate::net::FaultConfig;
use crate::scenario::{self, ScenarioConfig};

/// A core twice.
pub(super) struct Lockstep<T> {
    rust: RustCore<T>,
    verilated: VerilatedCore<T>,
    switch: Option<Recording>,
    name: String,
    clock: u64,
}

impl<T: Pinned + Any> Lockstep<T> {
    pub fn new(number: usize) -> Result<Self, VerilatedError> {
        let parameters = Parameters::default();
        let (rust, verilated) = (RustCore::<T>::new(&parameters), VerilatedCore::new(&parameters, false)?);
        let recorded = number == 0 && std::env::var_os("PEB_RECORDINGS").is_some();
        let host = (rust.sim.dut.as_ref() as &dyn Any).downcast_ref::<PebHost>().filter(|_| recorded);
        let switch = host.map(|host| Recording::new(host.switch(), "switch").expect("the switch has Verilog"));
        Ok(Lockstep { rust, verilated, switch, name: format!("{} {number}", T::NAME), clock: 0 })
    }
}

impl<T> Drop for Lockstep<T> {
    fn drop(&mut self) {
        if let (Some(recording), Some(directory)) = (&self.switch, std::env::var_os("PEB_RECORDINGS")) {
            stored::store(recording, Path::new(&directory)).expect("the recording is written");
        }
    }
}

impl<T: Pinned + Any> Core for Lockstep<T> {
    fn clock(&mut self, inputs: &Inputs) -> Outputs {
        let sim = &mut self.rust.sim;
        sim.dut.apply(inputs);
        sim.settle();
        let rust = sim.dut.read();
        if let (Some(recording), Some(host)) =
            (&mut self.switch, (sim.dut.as_ref() as &dyn Any).downcast_ref::<PebHost>())
        {
            recording.sample(host.switch());
        }
        sim.step();
        let verilated = self.verilated.clock(inputs);
        assert_eq!(rust, verilated, "{} clock {}: Rust and Verilator differ on {inputs:?}", self.name, self.clock);
        self.clock += 1;
        rust
    }

    fn trace_to(&mut self, _file: &Path) -> std::io::Result<()> {
        unreachable!("no waveforms are asked for")
    }
}

fn compare(scenario: &str, clocks: u64) {
    let faults = FaultConfig { drop: 0.02, corrupt: 0.02, duplicate: 0.02, ..FaultConfig::default() };
    let config = ScenarioConfig { engine: Engine::Lockstep, stalls: true, faults, clocks, ..ScenarioConfig::default() };
    let report = scenario::run(scenario, &config).unwrap_or_else(|error| panic!("{error}"));
    assert!(report.clocks > clocks && report.passed(), "{report}");
}

#[test]
fn both_engines_have_the_same_pins_in_every_clock() {
    compare("hot-add", 20_000);
}

#[test]
fn both_engines_have_the_same_pins_under_random_packets() {
    // Longer where it is scored.
    compare("fuzz", if std::env::var_os("PEB_RECORDINGS").is_some() { 150_000 } else { 40_000 });
}

#[test]
#[ignore = "nightly"]
fn both_engines_have_the_same_pins_for_long() {
    for scenario in ["use", "remove-busy", "move-busy", "nvme"] {
        compare(scenario, 100_000);
    }
}

#[test]
#[ignore = "nightly"]
fn waveforms_of_a_compiled_core_have_its_signals() {
    let directory = tempfile::tempdir().unwrap();
    let vcd = Some(directory.path().join("wave.vcd"));
    let config = ScenarioConfig { engine: Engine::Verilator, vcd, ..ScenarioConfig::default() };
    let report = scenario::run("boot-empty", &config).unwrap_or_else(|error| panic!("{error}"));
    assert!(report.passed(), "{report}");
    for core in ["host0", "io0"] {
        let text = std::fs::read_to_string(directory.path().join(format!("wave-{core}.vcd"))).unwrap();
        assert!(text.contains("gmii_tx_en") && text.lines().count() > 10_000, "{core}: {} lines", text.lines().count());
    }
}
