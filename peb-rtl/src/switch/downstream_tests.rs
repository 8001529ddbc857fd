//! [`Downstream`] against the rules of the specification, TLP by TLP.

use super::downstream_model::{register_value, Effects, Model};
use super::matching_tests::{value, Port};
use super::Downstream;
use crate::testing::{clocked, Bench, Clocked};
use peb_hdl::prelude::*;
use peb_tlp::{wire_length, Class, FunctionId, RequestId, Tlp, TlpView};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Downstream<1>, Downstream<4>, Downstream<8>);

/// Registers as an OS sets them: bus 1 inside, 2 + 2n below slot n, its windows from 0x100 + 0x10 n MiB, and 8 GiB higher.
fn os_registers(slots: usize) -> Vec<Port> {
    let mut ports = vec![Port::default(); slots + 1];
    for (n, port) in ports.iter_mut().enumerate() {
        let n = n as u32;
        let (bus, base, end) = if n == 0 { (1, 0x100, 0x1ff) } else { (2 * n, 0xf0 + 0x10 * n, 0xff + 0x10 * n) };
        let last = if n == 0 { 0x1f } else { 2 * n + 1 };
        port.rows[0] = 6;
        port.rows[2] = bus << 8 | last << 16;
        port.rows[4] = base << 4 | end << 20;
        port.rows[5] = base << 4 | end << 20 | 0x10_0001;
        (port.rows[6], port.rows[7]) = (2, 2);
    }
    ports
}

/// The same with a few of them changed.
pub(super) fn registers(rng: &mut ChaCha8Rng, slots: usize) -> Vec<Port> {
    let mut ports = os_registers(slots);
    ports.iter_mut().for_each(|p| p.rows[17] = rng.gen::<u32>() & rng.gen::<u32>());
    for _ in 0..rng.gen_range(0..4) {
        let row = *[0, 2, 4, 5, 6, 7, 9, 17].choose(rng).unwrap();
        ports[rng.gen_range(0..=slots)].rows[row] = value(rng, row);
    }
    ports
}

/// A TLP of any type, with addresses and IDs that often meet `registers`.
pub(super) fn tlp(rng: &mut ChaCha8Rng, slots: usize) -> Vec<u8> {
    const BYTE0: [u8; 34] = [
        0x00, 0x20, 0x40, 0x60, 0x01, 0x21, 0x02, 0x42, 0x04, 0x44, 0x05, 0x45, 0x05, 0x45, 0x0a, 0x4a, 0x0b, 0x4b,
        0x4c, 0x6c, 0x4d, 0x6d, 0x4e, 0x6e, 0x30, 0x71, 0x32, 0x72, 0x33, 0x73, 0x34, 0x74, 0x35, 0x75,
    ];
    loop {
        let mut header: [u8; 16] = rng.gen();
        header[0] = *BYTE0.choose(rng).unwrap();
        let (kind, data) = (header[0] & 0x1f, header[0] & 0x40 != 0);
        let length: u16 = match (kind, data) {
            (2 | 4 | 5, _) => 1,
            (0x0c..=0x0e, _) => 1 << rng.gen_range(0..4),
            (0 | 1, false) => *[1, 2, 3, 1024, rng.gen_range(0..1024)].choose(rng).unwrap(),
            (_, false) => rng.gen_range(0..1024),
            _ => *[1, 1, 2, 27, 28, 29, 128, rng.gen_range(1..129)].choose(rng).unwrap(),
        };
        header[1] &= 0x7f | rng.gen::<u8>();
        header[2] = header[2] & 0xfc | (length >> 8) as u8 & 3;
        header[3] = length as u8;
        match kind {
            2 | 4 | 5 => {
                header[1] &= 0x8f;
                header[2] &= 0xcf;
                header[7] &= 0x0f;
            }
            0x10..=0x15 => header[7] = *[0, 0x19, 0x20, 0x41, 0x50, 0x50, 0x7e, 0x7f, header[7]].choose(rng).unwrap(),
            _ if rng.gen() => header[7] = if length == 1 { header[7] & 15 } else { 0xff },
            _ => {}
        }
        let slot = rng.gen_range(0..slots + 2) as u8;
        if kind <= 1 || (0x0c..=0x0e).contains(&kind) {
            let page = u64::from(0x100 + 0x10 * u16::from(slot) + rng.gen_range(0..16)) << 20;
            let address = page | rng.gen_range(0..0x4_0000) << 2;
            let upper = *[2u64, 2, 2, 0, 3].choose(rng).unwrap();
            match header[0] & 0x20 {
                0 => header[8..12].copy_from_slice(&(address as u32).to_be_bytes()),
                _ => header[8..16].copy_from_slice(&(upper << 32 | address).to_be_bytes()),
            }
        } else {
            header[8] = *[1, 2 + 2 * slot, 3 + 2 * slot, 2 + 2 * slot, header[8]].choose(rng).unwrap();
            header[9] = *[0, slot << 3, slot << 3, header[9]].choose(rng).unwrap();
        }
        let need = wire_length([header[0], header[1], header[2], header[3]]).expect("no prefix");
        let mut bytes = header.to_vec();
        bytes.resize_with(need.max(16), || rng.gen());
        bytes.truncate(need);
        if TlpView::parse(&bytes).is_ok() {
            return bytes;
        }
    }
}

pub(super) struct Beat {
    pub data: u64,
    pub half: bool,
    pub first: bool,
    pub last: bool,
    pub class: u8,
    dwords: usize,
    bad: bool,
}

/// The beats of a TLP; a bad one may have lost its end.
pub(super) fn beats(bytes: &[u8], bad: bool, keep: usize) -> Vec<Beat> {
    let class = match TlpView::parse(bytes).unwrap().class() {
        Class::Posted => 0,
        Class::NonPosted => 1,
        Class::Completion => 2,
    };
    let shown = if bad { keep.clamp(12, bytes.len()) } else { bytes.len() };
    let count = shown.div_ceil(8);
    let word = |c: &[u8]| c.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b));
    let beat = |(i, c): (usize, &[u8])| Beat {
        data: word(c),
        half: c.len() == 4,
        first: i == 0,
        last: i + 1 == count,
        class,
        dwords: bytes.len() / 4,
        bad: bad && i + 1 == count,
    };
    bytes[..shown].chunks(8).enumerate().map(beat).collect()
}

/// The block and its neighbours.
struct World<const N: usize> {
    bench: Bench<Downstream<N>>,
    rng: ChaCha8Rng,
    queue: VecDeque<Beat>,
    seen: Effects,
    partial: Vec<u8>,
    config_delay: Option<u32>,
    /// Chance that a neighbour is ready.
    pace: f64,
    clock: usize,
    /// Clocks of the last beat in, of a first beat in, a first beat out, an answer.
    last_in: usize,
    first_in: usize,
    first_out: usize,
    answered: usize,
}

impl<const N: usize> World<N>
where
    Downstream<N>: Clocked,
{
    fn new(name: &str, seed: u64) -> Self {
        let mut bench = Bench::new(name, Downstream::<N>::default());
        bench.reset();
        World {
            bench,
            rng: ChaCha8Rng::seed_from_u64(seed),
            queue: VecDeque::new(),
            seen: Effects::default(),
            partial: vec![],
            config_delay: None,
            pace: 1.0,
            clock: 0,
            last_in: 0,
            first_in: 0,
            first_out: 0,
            answered: 0,
        }
    }

    fn write(&mut self, port: usize, row: usize, value: u32) {
        let d = self.bench.dut();
        d.update.next = true;
        d.update_port.next = bits(port as u64);
        d.update_row.next = bits(row as u64);
        d.update_value.next = bits(value.into());
        self.bench.tick();
        self.bench.dut().update.next = false;
    }

    fn load(&mut self, ports: &[Port]) {
        for (n, port) in ports.iter().enumerate() {
            for row in [0, 2, 4, 5, 6, 7, 9, 17] {
                self.write(n, row, port.rows[row]);
            }
        }
    }

    fn tick(&mut self) {
        let pace = self.pace;
        let offered = self.bench.dut().valid.val();
        let offer = !self.queue.is_empty() && (offered || self.rng.gen_bool(pace));
        let [out_ready, answer_ready, insert_ready] = [0; 3].map(|_| self.rng.gen_bool(pace));
        let d = self.bench.dut();
        d.valid.next = offer;
        if let Some(beat) = self.queue.front().filter(|_| offer) {
            d.data.next = bits(beat.data);
            d.half.next = beat.half;
            d.first.next = beat.first;
            d.last.next = beat.last;
            d.class.next = bits(beat.class.into());
            d.dwords.next = bits(beat.dwords as u64);
            d.bad.next = beat.bad;
        }
        d.out_ready.next = out_ready;
        d.answer_ready.next = answer_ready;
        d.insert_ready.next = insert_ready;
        d.config_done.next = false;
        self.bench.settle();
        let d = self.bench.dut();
        if d.config_request.val() {
            let left = match self.config_delay {
                None => self.rng.gen_range(1..8),
                Some(left) => left - 1,
            };
            self.config_delay = Some(left);
            if left == 0 {
                let (port, register) = (d.config_port.val().raw() as u8, d.config_register.val().raw() as u16);
                d.config_done.next = true;
                d.config_answer.next = bits(register_value(port, register).into());
                let write = d.config_write.val();
                let data = if write { d.config_data.val().raw() as u32 } else { 0 };
                self.seen.config.push((port, write, register, d.config_enables.val().raw() as u8, data));
                self.config_delay = None;
            }
        } else {
            self.config_delay = None;
        }
        self.bench.settle();
        let d = self.bench.dut();
        if offer && d.ready.val() {
            let beat = self.queue.pop_front().unwrap();
            if beat.first {
                self.first_in = self.clock;
            }
            self.last_in = self.clock;
        }
        if d.answer_valid.val() {
            if answer_ready {
                self.answered = self.clock;
                self.seen.answers.push(d.answer.val().raw());
            }
        }
        if d.insert_valid.val() && insert_ready {
            self.seen.inserts.push([
                d.insert_slot.val().raw(),
                d.insert_from.val().raw(),
                d.insert_requester.val().raw(),
                d.insert_tag.val().raw(),
                d.insert_tc.val().raw(),
                d.insert_attr.val().raw(),
                d.insert_bytes.val().raw(),
                d.insert_lower.val().raw(),
            ]);
        }
        if d.out_valid.val() && out_ready {
            assert_eq!(d.out_first.val(), self.partial.is_empty(), "first and only first");
            if d.out_first.val() {
                self.first_out = self.clock;
            }
            let bytes = d.out_data.val().raw().to_le_bytes();
            let used = if d.out_half.val() && d.out_last.val() { 4 } else { 8 };
            self.partial.extend_from_slice(&bytes[..used]);
            if d.out_last.val() {
                let bytes = std::mem::take(&mut self.partial);
                let (slot, class) = (d.out_session.val().raw() as u8, d.out_class.val().raw() as u8);
                self.seen.out.push((slot, class, d.out_dwords.val().index(), d.out_bad.val(), bytes));
                assert!(class != 1 || self.seen.inserts.len() >= self.seen.out.iter().filter(|o| o.1 == 1).count());
            }
        }
        if d.power_limit_valid.val() {
            self.seen.limits.push(d.power_limit.val().raw() as u16);
        }
        self.seen.turn_off += usize::from(d.turn_off.val());
        self.seen.unsupported += usize::from(d.unsupported.val());
        self.seen.dropped += usize::from(d.posted_dropped.val());
        self.seen.unexpected += usize::from(d.unexpected.val());
        if d.errors.val().any() {
            self.seen.errors.push((d.error_port.val().raw() as u8, d.errors.val().raw() as u8));
        }
        self.bench.tick();
        self.clock += 1;
    }

    /// Until everything has gone in and come out.
    fn finish(&mut self, context: &str) {
        for _ in 0..20_000 {
            if self.queue.is_empty() {
                break;
            }
            self.tick();
        }
        assert!(self.queue.is_empty(), "{context}: stuck");
        self.pace = 1.0;
        (0..400).for_each(|_| self.tick());
        assert!(self.partial.is_empty(), "{context}: a TLP without an end");
    }
}

/// Leaves of bad TLPs only what must be right.
fn heads(effects: &Effects) -> Effects {
    let mut effects = effects.clone();
    effects.out.iter_mut().filter(|o| o.3).for_each(|o| o.4.truncate(8));
    effects
}

fn random_traffic<const N: usize>(name: &str, seeds: &[u64], rounds: usize)
where
    Downstream<N>: Clocked,
{
    for (i, &seed) in seeds.iter().enumerate() {
        let mut world = World::<N>::new(name, seed);
        let mut model = Model { ports: vec![], up: 0, id: 0, effects: Effects::default() };
        for round in 0..rounds {
            model.ports = registers(&mut world.rng, N);
            model.up = (world.rng.gen::<u8>() | world.rng.gen::<u8>()) & (0xff >> (8 - N));
            world.load(&model.ports);
            world.bench.dut().slot_up.next = bits(model.up.into());
            world.pace = *[1.0, 0.7, 0.3].choose(&mut world.rng).unwrap();
            let mut all = vec![];
            for _ in 0..world.rng.gen_range(1..20) {
                let bytes = tlp(&mut world.rng, N);
                let bad = world.rng.gen_ratio(1, 8);
                let keep = if world.rng.gen() { bytes.len() } else { 4 * world.rng.gen_range(3..40) };
                // A long broadcast that is cut short is a short one that is bad.
                let keep = if bytes[0] & 0x1f == 0x13 { bytes.len() } else { keep };
                model.take(&bytes, bad);
                world.queue.extend(beats(&bytes, bad, keep));
                all.push((bytes, bad));
            }
            let context = format!("seed {seed}, round {round}");
            world.finish(&context);
            let (got, want) = (heads(&std::mem::take(&mut world.seen)), heads(&std::mem::take(&mut model.effects)));
            assert_eq!(got, want, "{context}: slots up {:#x}, {all:02x?}", model.up);
            assert_eq!(world.bench.dut().upstream_id.val().raw(), u64::from(model.id), "{context}: upstream_id");
        }
        if i == 0 {
            world.bench.assert_equivalent();
        }
    }
}

#[test]
fn every_tlp_goes_where_it_belongs() {
    random_traffic::<4>("downstream4", &[1, 2, 3], 80);
}

#[test]
fn one_slot_and_eight() {
    random_traffic::<1>("downstream1", &[11, 12], 40);
    random_traffic::<8>("downstream8", &[13, 14], 40);
}

/// A world with four slots that are up.
fn four_slots(name: &str) -> World<4> {
    let mut world = World::new(name, 1);
    world.load(&os_registers(4));
    world.bench.dut().slot_up.next = bits(15);
    world
}

#[test]
fn latency_is_as_said() {
    let mut world = four_slots("downstream_latency");
    let id = RequestId::default();
    let write = Tlp::memory_write(id, 0x1300_0000, &[1; 64]).unwrap();
    let read = Tlp::memory_read(id, 0x1300_0000, 64).unwrap();
    for (tlp, want) in [(write, 10), (read, 12)] {
        world.queue.extend(beats(tlp.as_bytes(), false, 0));
        world.finish("latency");
        assert_eq!(world.first_out - world.first_in, want, "{tlp:?}");
    }
    assert_eq!(world.seen.out.iter().map(|o| o.0).collect::<Vec<_>>(), [3, 3]);
    for (target, type1) in [(FunctionId::new(9, 0, 0), false), (FunctionId::new(1, 3, 0), true)] {
        let tlp = Tlp::config_read(id, target, 0x44, type1).unwrap();
        world.queue.extend(beats(tlp.as_bytes(), false, 0));
        world.finish("latency");
        assert!(world.answered - world.last_in <= 18, "{} clocks", world.answered - world.last_in);
    }
    assert_eq!(world.seen.answers.len(), 2);
}

#[test]
fn the_host_goes_away() {
    let mut world = four_slots("downstream_clear");
    let id = RequestId::default();
    let write = Tlp::memory_write(id, 0x1300_0000, &[1; 256]).unwrap();
    let config = Tlp::config_write(id, FunctionId::new(9, 4, 0), 4, false, [0; 4]).unwrap();
    for gone_after in 1..33 {
        // The configuration space never answers, or the write loses its end.
        let asks = gone_after % 2 == 0;
        world.queue.extend(beats(if asks { config.as_bytes() } else { write.as_bytes() }, false, 0));
        (0..gone_after).for_each(|_| {
            if asks {
                world.config_delay = Some(1000);
            }
            world.tick();
        });
        world.queue.clear();
        world.bench.dut().valid.next = false;
        world.bench.dut().clear.next = true;
        (0..50).for_each(|_| world.tick());
        assert!(!world.bench.dut().config_request.val());
        assert_eq!(world.bench.dut().upstream_id.val().raw(), 0);
        // The rest of a TLP that did not begin now is swallowed.
        world.bench.dut().clear.next = false;
        world.queue.extend(beats(write.as_bytes(), false, 0).split_off(5));
        world.finish("gone");
        let seen = std::mem::take(&mut world.seen);
        assert!(seen.answers.is_empty() && seen.config.is_empty(), "{gone_after}: {seen:?}");
        assert!(seen.out.len() <= 1 && seen.out.iter().all(|o| o.3), "{gone_after}: {seen:?}");
        world.queue.extend(beats(write.as_bytes(), false, 0));
        world.finish("back");
        let seen = std::mem::take(&mut world.seen);
        assert_eq!(seen.out, [(3, 0, write.as_bytes().len() / 4, false, write.as_bytes().to_vec())], "{gone_after}");
    }
    world.bench.assert_equivalent();
}
