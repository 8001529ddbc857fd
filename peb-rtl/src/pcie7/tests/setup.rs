use super::model::Registers;
use super::*;
use crate::pcie7::RootSetup;
use rand::SeedableRng;

#[test]
fn a_root_port_is_made_each_time_the_block_leaves_reset() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut sim = Sim::new(RootSetup::default(), |d| d.clock.next = Clk::new(0));
    let mut recording = Recording::new(sim.dut.as_ref(), "root_setup7").unwrap_or_else(|e| panic!("{e}"));
    for round in 0..4 {
        let mut registers = Registers::default();
        // Reserved bits, and what the block has of its own, stay.
        registers.values.insert(1, 0x0010_0000);
        registers.values.insert(26, 0x0002_8000);
        for clock in 0..120 {
            // The second time it is cut short.
            sim.dut.reset.next = clock < 5 || (round == 1 && clock > 12);
            sim.settle();
            let d = &sim.dut;
            let write = Some((d.value.val().raw() as u32, d.enables.val().raw() as u8));
            let access = d.write.val().then(|| (d.address.val().raw(), write));
            recording.sample(sim.dut.as_ref());
            sim.tick();
            let (done, _) = registers.clock(&mut rng, access);
            sim.dut.done.next = done;
        }
        if round == 1 {
            assert!(!sim.dut.ready.val());
            continue;
        }
        assert!(sim.dut.ready.val(), "round {round}");
        let expected = [(1, 0x0010_0006), (6, 0x00ff_0100), (26, 0x0002_2950)];
        assert!(registers.values.iter().map(|(a, v)| (*a, *v)).eq(expected), "{:x?}", registers.values);
    }
    assert_equivalent(&recording);
}
