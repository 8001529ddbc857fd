//! A stock kernel with the plain Rust stand-in for the PEBs: what is here besides them, and quickly.

use peb_guest::lab::Watch;
use peb_guest::packages;
use peb_guest::qemu::QemuConfig;
use peb_guest::scenario::{perform, scenarios, Step};
use peb_guest::serial::Line;
use peb_sim::world::stand_in::StandIn;

struct Print;

impl Watch for Print {
    fn line(&mut self, guest: &str, line: &Line) {
        println!("{:8.3} {guest}: {}", line.at.as_secs_f64(), line.text);
    }

    fn done(&mut self, step: &Step) {
        println!("{} {:?} {} clocks: {}", step.name, step.wall, step.clocks, step.detail);
    }
}

fn run(name: &str) {
    let files = packages::provide(None, |what| println!("{what}")).unwrap();
    let config = QemuConfig { files, memory: 256 << 20, append: String::new() };
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == name).unwrap();
    let fabric = StandIn::new(scenario.hosts, scenario.ios);
    let (report, result) = perform(&scenario, fabric, &config, &mut Print);
    let error = result.err().map(|error| format!("{error}\n{}", report.timeline));
    assert_eq!(error, None);
}

#[test]
fn default() {
    run("default");
}

#[test]
#[ignore = "nightly"]
fn all_others() {
    for scenario in scenarios::<StandIn>() {
        println!("=== {}", scenario.name);
        run(scenario.name);
    }
}
