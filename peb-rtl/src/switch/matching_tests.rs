//! [`Match`] against registers that are looked at one by one.

use super::Match;
use crate::testing::{clocked, Bench};
use peb_hdl::prelude::*;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

clocked!(Match<1>, Match<4>, Match<8>);

/// The routing registers of one port, as configuration software sees them.
#[derive(Clone, Default)]
pub(super) struct Port {
    pub rows: [u32; 32],
}

impl Port {
    pub fn secondary(&self) -> u8 {
        (self.rows[2] >> 8) as u8
    }
    pub fn has_bus(&self, bus: u8) -> bool {
        self.secondary() != 0 && (self.secondary()..=(self.rows[2] >> 16) as u8).contains(&bus)
    }
    fn on(&self) -> bool {
        self.rows[9] & 3 == 0
    }
    pub fn master(&self) -> bool {
        self.on() && self.rows[0] & 4 != 0
    }
    pub fn has_address(&self, address: u64) -> bool {
        let [memory, wide] = [self.rows[4], self.rows[5]].map(u64::from);
        let window = ((memory & 0xfff0) << 16)..=((memory & 0xfff0_0000) | 0xf_ffff);
        let upper = [self.rows[6], self.rows[7]].map(|upper| u64::from(upper) << 32);
        let wide = (upper[0] | (wide & 0xfff0) << 16)..=(upper[1] | (wide & 0xfff0_0000) | 0xf_ffff);
        self.on() && self.rows[0] & 2 != 0 && (window.contains(&address) || wide.contains(&address))
    }
    pub fn ari(&self) -> bool {
        self.rows[17] & 0x20 != 0
    }
    pub fn atomic_block(&self) -> bool {
        self.rows[17] & 0x80 != 0
    }
    pub fn serr(&self) -> bool {
        self.rows[8] & 0x2_0000 != 0
    }
}

/// What all answers are, in the order of the block's ports; those that mean nothing are 0.
fn expected(ports: &[Port], bus: u8, address: u64, source: usize) -> Vec<u64> {
    let (up, slots) = ports.split_first().unwrap();
    let by_bus = slots.iter().position(|p| p.has_bus(bus));
    let by_address = slots.iter().position(|p| p.has_address(address));
    let from = slots.get(source).cloned().unwrap_or_default();
    let bus_port = by_bus.map_or(Port::default(), |n| slots[n].clone());
    vec![
        up.secondary().into(),
        up.has_bus(bus).into(),
        (up.secondary() != 0 && up.secondary() == bus).into(),
        by_bus.is_some().into(),
        by_bus.unwrap_or(0) as u64,
        (by_bus.is_some() && bus_port.secondary() == bus).into(),
        bus_port.ari().into(),
        by_address.is_some().into(),
        by_address.unwrap_or(0) as u64,
        by_address.is_some_and(|n| slots[n].atomic_block()).into(),
        up.has_address(address).into(),
        from.has_bus(bus).into(),
        from.master().into(),
        from.serr().into(),
        up.master().into(),
        up.serr().into(),
        up.atomic_block().into(),
    ]
}

fn answers<const N: usize>(d: &Match<N>) -> Vec<u64> {
    vec![
        d.internal_bus.val().raw(),
        d.below_upstream.val().into(),
        d.is_internal.val().into(),
        d.bus_hit.val().into(),
        d.bus_slot.val().raw(),
        d.bus_secondary.val().into(),
        d.bus_ari.val().into(),
        d.memory_hit.val().into(),
        d.memory_slot.val().raw(),
        d.memory_atomic_block.val().into(),
        d.in_upstream_window.val().into(),
        d.source_has_bus.val().into(),
        d.source_master.val().into(),
        d.source_serr.val().into(),
        d.upstream_master.val().into(),
        d.upstream_serr.val().into(),
        d.upstream_atomic_block.val().into(),
    ]
}

/// A register value that meets the addresses and buses asked for often enough.
pub(super) fn value(rng: &mut ChaCha8Rng, row: usize) -> u32 {
    let near = |rng: &mut ChaCha8Rng| *[0u32, 1, 2, 3, 4, 0x7f, 0xfe, 0xff].choose(rng).unwrap();
    match row {
        2 => rng.gen::<u8>() as u32 | near(rng) << 8 | near(rng) << 16 | rng.gen::<u32>() << 24,
        4 | 5 => near(rng) << 4 | near(rng) << 20 | (rng.gen_range(0..2) * 0x10_0001),
        6 | 7 => *[0, 0, 1, 2, 0xffff_ffff].choose(rng).unwrap(),
        9 => *[0, 0, 0, 1, 2, 3].choose(rng).unwrap() | rng.gen::<u32>() << 2,
        _ => rng.gen(),
    }
}

fn random_questions<const N: usize>(name: &str, seeds: &[u64], rounds: usize)
where
    Match<N>: crate::testing::Clocked,
{
    for (i, &seed) in seeds.iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut b = Bench::new(name, Match::<N>::default());
        let mut ports = vec![Port::default(); N + 1];
        b.reset();
        for round in 0..rounds {
            for _ in 0..rng.gen_range(0..12) {
                let (port, row) = (rng.gen_range(0..=N), rng.gen_range(0..32));
                // Mostly a port that works, else nothing is ever found.
                let row = *[row, row, 0, 2, 4, 5, 6, 7, 9, 17].choose(&mut rng).unwrap();
                let new = if row == 0 && rng.gen_bool(0.7) { 6 } else { value(&mut rng, row) };
                ports[port].rows[row] = new;
                b.dut().update.next = true;
                b.dut().update_port.next = bits(port as u64);
                b.dut().update_row.next = bits(row as u64);
                b.dut().update_value.next = bits(new.into());
                b.tick();
                b.dut().update.next = false;
            }
            let bus = *[0u8, 1, 2, 3, 4, 0x7f, 0x80, 0xff, rng.gen()].choose(&mut rng).unwrap();
            let upper = *[0u64, 0, 1, 2, 3, 0xffff_ffff, rng.gen::<u32>().into()].choose(&mut rng).unwrap();
            let low = *[0u64, 1, 2, 3, 4, 0x7f, 0xff, rng.gen_range(0..4096)].choose(&mut rng).unwrap();
            let address = upper << 32 | low << 20 | rng.gen_range(0u64..1 << 20);
            let source = rng.gen_range(0..8);
            if rng.gen_ratio(1, 8) {
                // A scan that is given up.
                b.dut().bus.next = bits(rng.gen());
                b.dut().start.next = true;
                b.tick();
                b.dut().start.next = false;
                b.clocks(rng.gen_range(0..N + 4));
            }
            b.dut().bus.next = bits(bus.into());
            b.dut().address.next = bits(address);
            b.dut().source.next = bits(source as u64);
            b.dut().start.next = true;
            b.tick();
            b.dut().start.next = false;
            for clock in 1..N + 3 {
                b.settle();
                assert!(!b.dut().done.val(), "seed {seed}, round {round}: done after {clock} clocks");
                b.tick();
            }
            b.settle();
            let context = format!("seed {seed}, round {round}: bus {bus:#x}, address {address:#x}, source {source}");
            assert!(b.dut().done.val(), "{context}: not done after {} clocks", N + 3);
            let want = expected(&ports, bus, address, source);
            assert_eq!(answers(b.dut()), want, "{context}");
            b.clocks(rng.gen_range(1..3));
            b.settle();
            assert!(!b.dut().done.val(), "{context}: done twice");
            assert_eq!(answers(b.dut()), want, "{context}: later");
        }
        if i == 0 {
            b.assert_equivalent();
        }
    }
}

#[test]
fn answers_are_right() {
    random_questions::<4>("match4", &[1, 2, 3, 4], 1500);
}

#[test]
fn one_slot_and_eight() {
    random_questions::<1>("match1", &[11, 12], 500);
    random_questions::<8>("match8", &[13, 14], 500);
}

#[test]
fn nothing_is_claimed_before_software_wrote() {
    let mut b = Bench::new("match_reset", Match::<4>::default());
    b.reset();
    b.dut().start.next = true;
    b.tick();
    b.dut().start.next = false;
    b.clocks(6);
    b.settle();
    assert!(b.dut().done.val());
    assert_eq!(answers(b.dut()), vec![0; 17]);
}
