//! A stock kernel with the plain Rust stand-in for the PEBs: what is here besides them, and quickly.

use peb_guest::bridge::Accesses;
use peb_guest::front::Front;
use peb_guest::lab::Watch;
use peb_guest::packages;
use peb_guest::qemu::QemuConfig;
use peb_guest::scenario::{perform, scenarios, Report, Step};
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

fn run(name: &str, front: Front, cores: fn(&[u16], &[u16]) -> StandIn) -> (Report, Option<String>) {
    let files = packages::provide(None, front, |what| println!("{what}")).unwrap();
    let config = QemuConfig { files, front, memory: 256 << 20, append: String::new() };
    let scenario = scenarios().into_iter().find(|scenario| scenario.name == name).unwrap();
    let (report, result) = perform(&scenario, cores(scenario.hosts, scenario.ios), &config, &mut Print);
    let error = result.err().map(|error| error.to_string());
    println!("{}", report.timeline);
    (report, error)
}

#[test]
fn a_disk_is_used_removed_and_used_again() {
    let (report, error) = run("default", Front::HostBridge, StandIn::new);
    assert_eq!(error, None);
    let Accesses { config_reads, config_writes, reads, writes, .. } = report.accesses[0];
    assert!(config_reads > 1000 && config_writes > 200 && reads > 50 && writes > 100, "{:?}", report.accesses);
    assert!(report.interrupts > 50, "{}", report.interrupts);
}

/// The negative control: with the one bit that makes a slot hot-plug capable at 0 nothing of it may work.
#[test]
fn slots_without_hot_plug_are_left_alone() {
    let (report, error) = run("quick", Front::HostBridge, |hosts, ios| StandIn::new(hosts, ios).without_hot_plug());
    let error = error.expect("the scenario must fail");
    assert!(error.starts_with("pciehp has taken 0 ports"), "{error}");
    assert_eq!(report.steps.len(), 1);
}

#[test]
#[ignore = "nightly"]
fn all_scenarios() {
    // Where the disks are in this process.
    for scenario in scenarios::<StandIn>().into_iter().filter(|scenario| !scenario.real_time) {
        println!("=== {}", scenario.name);
        assert_eq!(run(scenario.name, Front::HostBridge, StandIn::new).1, None, "{}", scenario.name);
    }
}

/// A generic kernel, whose drivers are modules; `vmd` resets the switch before it uses it.
#[test]
#[ignore = "nightly"]
fn the_vmd_driver_finds_what_is_behind_it() {
    for name in ["default", "present-at-boot"] {
        assert_eq!(run(name, Front::Vmd, StandIn::new).1, None, "{name}");
    }
}
