//! A stock kernel with the exported Verilog of both cores: the shortest scenario of `peb linux`.

use peb_config::Parameters;
use peb_guest::front::Front;
use peb_guest::lab::Watch;
use peb_guest::packages;
use peb_guest::qemu::QemuConfig;
use peb_guest::scenario::{with_cores, Report, Step};
use peb_guest::serial::Line;
use peb_sim::net::FaultConfig;
use peb_sim::world::{Engine, RtlConfig, RtlFabric};

struct Print;

impl Watch for Print {
    fn line(&mut self, guest: &str, line: &Line) {
        println!("{:8.3} {guest}: {}", line.at.as_secs_f64(), line.text);
    }

    fn done(&mut self, step: &Step) {
        println!("{} {:?} {} clocks: {}", step.name, step.wall, step.clocks, step.detail);
    }
}

fn run(name: &str, front: Front, loss: f64, parameters: Parameters) -> (Report, Option<String>) {
    let files = packages::provide(None, front, |what| println!("{what}")).unwrap();
    let config = QemuConfig { files, front, memory: 256 << 20, append: String::new() };
    let scenario = with_cores().into_iter().find(|scenario| scenario.name == name).unwrap();
    let cores = RtlConfig {
        engine: Engine::Verilator,
        hosts: scenario.hosts.to_vec(),
        ios: scenario.ios.to_vec(),
        vids: vec![10, 20],
        faults: FaultConfig { drop: loss, ..FaultConfig::default() },
        seed: 1,
        parameters,
        ..RtlConfig::default()
    };
    let cores = RtlFabric::new(cores).unwrap_or_else(|error| panic!("{error}"));
    let (report, result) = scenario.perform(cores, &config, &mut Print);
    let error = result.err().map(|error| error.to_string());
    (report, error)
}

fn passes(name: &str, front: Front, loss: f64) {
    let (report, error) = run(name, front, loss, Parameters::default());
    assert_eq!(error, None, "{name}, {front:?}, loss {loss}\n{}", report.timeline);
}

#[test]
fn a_disk_comes_and_goes() {
    passes("quick", Front::HostBridge, 0.01);
}

/// The negative control: the cores are generated again with the one bit at 0 that makes a slot hot-plug capable, and the
/// scenario says what is missing.
#[test]
fn slots_generated_without_hot_plug_fail_the_scenario() {
    let (report, error) =
        run("default", Front::HostBridge, 0.0, Parameters { hot_plug: false, ..Parameters::default() });
    let error = error.expect("the scenario must fail");
    assert!(error.starts_with("pciehp has taken 0 ports"), "{error}");
    assert_eq!(report.steps.len(), 1, "the guest boots, and nothing else");
}

#[test]
#[ignore = "nightly"]
fn all_scenarios_with_loss() {
    // Where the disks are in this process.
    for scenario in with_cores().into_iter().filter(|scenario| !scenario.real_time) {
        println!("=== {}", scenario.name);
        passes(scenario.name, Front::HostBridge, 0.01);
    }
}

/// The kernel's driver `vmd` makes a domain of the PEBs, after a hot reset of the switch.
#[test]
#[ignore = "nightly"]
fn the_vmd_driver_finds_the_switch() {
    passes("default", Front::Vmd, 0.01);
}
