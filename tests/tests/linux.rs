//! A stock kernel with the exported Verilog of both cores: the shortest scenario of `peb linux`.

use peb_guest::lab::Watch;
use peb_guest::packages;
use peb_guest::qemu::QemuConfig;
use peb_guest::scenario::{perform, scenarios, Step};
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

fn run(name: &str, loss: f64) {
    let files = packages::provide(None, |what| println!("{what}")).unwrap();
    let config = QemuConfig { files, memory: 256 << 20, append: String::new() };
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == name).unwrap();
    let cores = RtlConfig {
        engine: Engine::Verilator,
        hosts: scenario.hosts.to_vec(),
        ios: scenario.ios.to_vec(),
        vids: vec![10, 20],
        faults: FaultConfig { drop: loss, ..FaultConfig::default() },
        seed: 1,
        ..RtlConfig::default()
    };
    let cores = RtlFabric::new(cores).unwrap_or_else(|error| panic!("{error}"));
    let (report, result) = perform(&scenario, cores, &config, &mut Print);
    let error = result.err().map(|error| format!("{error}\n{}", report.timeline));
    assert_eq!(error, None, "{name}, loss {loss}");
}

#[test]
fn a_disk_comes_and_goes() {
    run("quick", 0.01);
}

#[test]
#[ignore = "nightly"]
fn all_scenarios_with_loss() {
    for scenario in scenarios::<RtlFabric>() {
        println!("=== {}", scenario.name);
        run(scenario.name, 0.01);
    }
}
