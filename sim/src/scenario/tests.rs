//! Every scenario with the stand-in for PEBs: what is checked here are the scenarios themselves.

use super::*;
use crate::world::stand_in::StandIn;

fn play(name: &str, seed: u64, stalls: bool, disks: bool) -> ScenarioReport {
    let all = scenarios::<StandIn>();
    let scenario = all.iter().find(|scenario| scenario.name == name).expect("known");
    let fabric = StandIn::new(scenario.layout.hosts, scenario.layout.ios);
    perform(scenario, fabric, &ScenarioConfig { seed, stalls, disks, ..ScenarioConfig::default() }).0
}

#[test]
fn every_scenario_passes_with_the_stand_in() {
    let mut failed = Vec::new();
    // An endpoint in RTL is for PEBs in RTL, and so are random packets: the stand-in is not that strict, and has no counters.
    let for_rtl = |scenario: &Scenario<_>| !scenario.layout.on_chip.is_empty() || scenario.name == "fuzz";
    for scenario in scenarios::<StandIn>().into_iter().filter(|scenario| !for_rtl(scenario)) {
        for (seed, stalls, disks) in [(1, false, false), (2, true, false), (3, true, true)] {
            println!("{} seed {seed}", scenario.name);
            let report = play(scenario.name, seed, stalls, disks);
            if !report.passed() {
                println!("{report}");
                failed.push(scenario.name);
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
