//! A fault that is switched on is the fault that is written into the Verilog.

use peb_hdl::prelude::*;
use peb_rtl::{session, tlp};
use peb_verilog::stored::{store, stored};
use peb_verilog::{mutate, synth, Recording};

/// What recordings name the top of each design.
const TOP: &str = "peb_block";

fn check<T: Block + Node>(block: T, wire: impl FnOnce(&mut T), every: usize) {
    let sim = Sim::new(block, wire);
    let mut recording = Recording::new(sim.dut.as_ref(), "switch").unwrap();
    recording.sample(sim.dut.as_ref());
    let directory = tempfile::tempdir().unwrap();
    store(&recording, directory.path()).unwrap();
    let design = stored(directory.path()).unwrap().remove(0);
    let top = design.modules.iter().find(|m| m.path.is_empty()).unwrap();
    let mutants = mutate(sim.dut.as_ref(), TOP, 1, 50);
    assert_eq!(mutants.len(), top.faults.len());
    for (mutant, (site, description)) in mutants.iter().zip(&top.faults).step_by(every) {
        assert_eq!(&mutant.description, description);
        let switched = design.with_fault(TOP, "peb_faulty", top.fault_number(*site));
        let same = synth::same_logic(&(mutant.verilog.clone() + &switched), TOP, "peb_faulty").unwrap();
        assert!(same, "{description}");
    }
}

#[test]
fn loops_conditions_and_assignments() {
    check(tlp::Merge::<3>::default(), |d| d.clock.next = Clk::new(0), 6);
}

#[test]
fn states() {
    check(session::Composer::new(session::Role::host(4)), |d| d.clock.next = Clk::new(0), 6);
}
