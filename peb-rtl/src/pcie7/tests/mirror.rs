use super::model::Registers;
use super::*;
use crate::pcie7::Mirror;
use rand::SeedableRng;
use std::collections::{BTreeMap, VecDeque};

/// Dword address (a quarter of that in bytes) and bytes of the registers that are copied.
const COPIED: [(u64, u32); 8] = [
    (0x01, 0x0000_ffff),
    (0x06, 0x00ff_ffff),
    (0x08, 0xffff_ffff),
    (0x09, 0xffff_ffff),
    (0x0a, 0xffff_ffff),
    (0x0b, 0xffff_ffff),
    (0x0f, 0xffff_0000),
    (0x1a, 0x0000_ffff),
];

/// The core's upstream port: takes the configuration writes.
#[derive(Default)]
struct Port {
    values: BTreeMap<u64, u32>,
    writes: usize,
}

impl Port {
    /// Takes a configuration write of the mirror; false if it is another TLP.
    fn take(&mut self, tlp: &[u8], number: u64) -> bool {
        if tlp[..8] == [0x44, 0, 0, 1, 0xff, 0xff, 0, tlp[7]] {
            assert_eq!(tlp.len(), 16);
            assert_eq!(u64::from(u16::from_be_bytes([tlp[8], tlp[9]])), number, "to the block's function");
            let address = (u64::from(tlp[10]) << 8 | u64::from(tlp[11])) / 4;
            let data = u32::from_le_bytes([tlp[12], tlp[13], tlp[14], tlp[15]]);
            let value = self.values.entry(address).or_default();
            for n in (0..4).filter(|n| tlp[7] >> n & 1 == 1) {
                *value = *value & !(0xff << (8 * n)) | data & 0xff << (8 * n);
            }
            self.writes += 1;
            return true;
        }
        false
    }
}

#[test]
fn a_request_comes_after_every_change_before_it() {
    for seed in 1..=3 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut sim = Sim::new(Mirror::default(), |d| d.clock.next = Clk::new(0));
        let mut recording = Recording::new(sim.dut.as_ref(), "mirror7").unwrap_or_else(|e| panic!("{e}"));
        let (mut registers, mut port, mut number) = (Registers::default(), Port::default(), 0x0100_u64);
        let mut current: VecDeque<Beat> = VecDeque::new();
        let (mut expected, mut collector, mut passed, mut quiet) = (VecDeque::new(), Collector::default(), 0, 0);
        let mut sent = 0;
        for clock in 0..12_000 {
            sim.dut.reset.next = clock < 4 || (6000..6004).contains(&clock);
            if sim.dut.reset.val() {
                // A link that went down: nothing of before counts.
                (current, collector) = (VecDeque::new(), Collector::default());
                expected.clear();
                sim.dut.valid.next = false;
                port.values.clear();
            } else if current.is_empty() && rng.gen_ratio(1, 30) {
                // The host writes some registers, and then asks for something.
                for _ in 0..rng.gen_range(0..3) {
                    let (address, mask) = COPIED[rng.gen_range(0..8)];
                    let value: u32 = rng.gen();
                    registers.values.insert(address, value & mask | 0x0050_0000 & !mask);
                }
                if rng.gen_ratio(1, 15) {
                    number = rng.gen_range(1..255) << 8;
                    // It has another number, so all is written anew.
                    port.values.clear();
                }
                let completion = rng.gen_ratio(1, 4);
                let mut tlp = random_tlp(&mut rng, sent, false);
                tlp[0] = if completion { 0x4a } else { [0x40, 0x05, 0x00, 0x30][rng.gen_range(0..4)] };
                let there = (!completion).then(|| (registers.values.clone(), number));
                current = beats(&tlp).into_iter().map(of_block).collect();
                expected.push_back((tlp, there));
                sent += 1;
            }
            let next = current.front().copied();
            sim.dut.valid.next = next.is_some();
            let (data, keep, last) = next.unwrap_or_default();
            (sim.dut.data.next, sim.dut.keep.next, sim.dut.last.next) = (data.into(), u64::from(keep).into(), last);
            sim.dut.number.next = number.into();
            sim.dut.out_ready.next = rng.gen_ratio(3, 4) || sim.dut.out_valid.val() && seed % 2 == 0;
            sim.settle();
            let d = &sim.dut;
            let beat = (d.out_data.val().raw(), d.out_keep.val().raw() as u8, d.out_last.val());
            let (goes, takes) = (d.out_valid.val() && d.out_ready.val(), d.valid.val() && d.ready.val());
            let access = d.read.val().then(|| (d.address.val().raw(), None));
            let seen = number;
            recording.sample(sim.dut.as_ref());
            sim.tick();
            if goes {
                if let Some(tlp) = collector.take(of_block(beat)) {
                    // A write on its way when the number changed has the old one.
                    let late = tlp[..6] == [0x44, 0, 0, 1, 0xff, 0xff]
                        && u64::from(u16::from_be_bytes([tlp[8], tlp[9]])) != seen;
                    if !late && !port.take(&tlp, seen) {
                        let (sent, there) = expected.pop_front().expect("a TLP of the host");
                        assert!(tlp == sent, "seed {seed}, clock {clock}");
                        passed += 1;
                        for (address, mask) in COPIED.iter().filter(|_| there.is_some()) {
                            let (registers, _) = there.as_ref().expect("a request");
                            let value = registers.get(address).copied().unwrap_or_default() & mask;
                            let copy = port.values.get(address).copied().unwrap_or_default() & mask;
                            assert_eq!(copy, value, "seed {seed}, clock {clock}: register {:#x}", 4 * address);
                        }
                    }
                }
            }
            if takes {
                current.pop_front();
            }
            quiet = if goes { 0 } else { quiet + 1 };
            let (done, value) = registers.clock(&mut rng, access);
            (sim.dut.done.next, sim.dut.value.next) = (done, u64::from(value).into());
        }
        assert!(passed > 30 && port.writes > 40 && quiet < 3000, "seed {seed}: {passed} TLPs, {} writes", port.writes);
        assert_equivalent(&recording);
    }
}

#[test]
fn a_change_comes_without_any_request() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut sim = Sim::new(Mirror::default(), |d| d.clock.next = Clk::new(0));
    let (mut registers, mut port, mut collector) = (Registers::default(), Port::default(), Collector::default());
    (sim.dut.number.next, sim.dut.out_ready.next) = (0x0100.into(), true);
    for clock in 0..1000 {
        if clock == 400 {
            assert_eq!(port.writes, 8, "all of them once");
            // Secondary Bus Reset.
            registers.values.insert(0x3c / 4, 0x0040_0000);
        }
        sim.settle();
        let d = &sim.dut;
        let beat = (d.out_data.val().raw(), d.out_keep.val().raw() as u8, d.out_last.val());
        let access = d.read.val().then(|| (d.address.val().raw(), None));
        if d.out_valid.val() {
            assert!(collector.take(of_block(beat)).is_none_or(|tlp| port.take(&tlp, 0x0100)));
        }
        sim.tick();
        let (done, value) = registers.clock(&mut rng, access);
        (sim.dut.done.next, sim.dut.value.next) = (done, u64::from(value).into());
    }
    assert_eq!((port.writes, port.values[&(0x3c / 4)]), (9, 0x0040_0000));
}
