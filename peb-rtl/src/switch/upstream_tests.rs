//! [`Upstream`] against the rules of the specification, TLP by TLP.

use super::downstream_tests::{beats, registers, tlp, Beat};
use super::matching_tests::{value, Port};
use super::upstream_model::{asker, Counter, Fate, Model};
use super::Upstream;
use crate::testing::{clocked, Bench, Clocked};
use peb_hdl::prelude::*;
use peb_tlp::{Class, TlpView};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Upstream<1>, Upstream<4>, Upstream<8>);

/// Rows of which the block keeps copies.
const ROWS: [usize; 9] = [0, 2, 4, 5, 6, 7, 8, 9, 17];

/// Slot, requester, tag, and what is left unless it ends the request: bytes, lower address.
type Lookup = (usize, u16, u16, Option<(u16, u8)>);

/// What the block did: of posted TLPs and completions in the order in which they came, and of non-posted ones likewise.
#[derive(Clone, Debug, Default, PartialEq)]
struct Effects {
    /// To the host.
    host: Vec<(usize, Vec<u8>)>,
    /// Slot, class, dwords, bytes.
    diverted: Vec<(usize, u8, usize, Vec<u8>)>,
    /// Of non-posted TLPs: verdict, and if 3 the target and dwords.
    verdicts: Vec<(u8, usize, usize)>,
    /// To slot, descriptor.
    refused: Vec<(usize, u128)>,
    lookups: Vec<Lookup>,
    /// Slot, from, requester, tag, TC, attributes, bytes, lower address.
    inserts: Vec<[u64; 8]>,
    /// Slot, pin, assert.
    intx: Vec<(usize, u8, bool)>,
    acks: Vec<usize>,
    /// In the order of [`Counter`].
    counters: [usize; 5],
    /// Slot, errors; sorted.
    errors: Vec<(usize, u8)>,
}

impl Effects {
    fn count(&mut self, counter: Counter) {
        self.counters[counter as usize] += 1;
    }

    /// What a TLP from below `slot` has to cause.
    fn add(&mut self, model: &Model, bytes: &[u8], slot: usize) {
        let tlp = TlpView::parse(bytes).unwrap();
        let np = tlp.class() == Class::NonPosted;
        let class = u8::from(tlp.class() == Class::Completion) * 2;
        let dwords = bytes.len() / 4;
        let mut fate = model.judge(&tlp, slot);
        if fate == Fate::Lookup {
            let (requester, tag) = (tlp.requester().0, tlp.tag().0);
            let count = if tlp.byte_count() == 0 { 4096 } else { tlp.byte_count() };
            let carried = (tlp.length_dw() * 4).wrapping_sub(u16::from(tlp.lower_address() & 3));
            let ends = tlp.payload().is_empty() || tlp.status().bits() != 0 || count <= carried;
            let left =
                (!ends).then(|| (count.wrapping_sub(carried), (u16::from(tlp.lower_address()) + carried) as u8 & 0x7f));
            self.lookups.push((slot, requester, tag, left));
            fate = match asker(requester, tag, model.ports.len() - 1) {
                None => Fate::Dropped(Some(Counter::Unexpected)),
                Some(0) => Fate::Host,
                Some(from) => Fate::Sibling(from - 1),
            };
        }
        let errors = model.errors(&tlp, slot, fate);
        self.errors.extend((errors != 0).then_some((slot, errors)));
        match fate {
            Fate::Host if np => self.verdicts.push((1, 0, 0)),
            Fate::Host => self.host.push((slot, bytes.to_vec())),
            Fate::Sibling(target) if np => {
                let attributes = bytes[1] & 4 | bytes[2] >> 4 & 3;
                self.inserts.push([
                    target as u64,
                    1 + slot as u64,
                    tlp.requester().0.into(),
                    tlp.tag().0.into(),
                    tlp.traffic_class().into(),
                    attributes.into(),
                    tlp.completion_byte_count().into(),
                    tlp.completion_lower_address().into(),
                ]);
                self.verdicts.push((3, target, dwords));
            }
            Fate::Sibling(target) => self.diverted.push((target, class, dwords, bytes.to_vec())),
            Fate::Refused(status, counter) => {
                self.count(counter);
                if np {
                    self.refused.push((1 + slot, model.refusal(&tlp, slot, status)));
                    self.verdicts.push((2, 0, 0));
                }
            }
            Fate::Dropped(counter) => {
                counter.into_iter().for_each(|counter| self.count(counter));
                if np {
                    self.verdicts.push((2, 0, 0));
                }
            }
            Fate::Intx(pin, assert) => self.intx.push((slot, pin, assert)),
            Fate::Ack => self.acks.push(slot),
            Fate::Lookup => unreachable!("answered above"),
        }
    }
}

/// A TLP of a device below `slot`: mostly with an ID of its own bus.
fn from_below(rng: &mut ChaCha8Rng, slots: usize, slot: usize, np: bool) -> Vec<u8> {
    loop {
        let mut bytes = tlp(rng, slots);
        let view = TlpView::parse(&bytes).unwrap();
        let (class, message) = (view.class(), bytes[0] & 0x10 != 0);
        if (class == Class::NonPosted) != np {
            continue;
        }
        if class != Class::Completion && rng.gen_ratio(7, 8) {
            bytes[4] = 2 + 2 * slot as u8 + rng.gen_range(0..2);
        }
        if message && rng.gen() {
            bytes[7] = *[0x20, 0x23, 0x24, 0x27, 0x1b, 0x30, 0x31, 0x33, 0x18].choose(rng).unwrap();
        }
        if TlpView::parse(&bytes).is_ok() {
            return bytes;
        }
    }
}

fn word(bytes: &[u8]) -> u128 {
    bytes.iter().take(16).rev().fold(0, |word, &byte| word << 8 | u128::from(byte))
}

/// The block and its neighbours.
struct World<const N: usize> {
    bench: Bench<Upstream<N>>,
    rng: ChaCha8Rng,
    /// Beats to come, with the slot and the header.
    stream: VecDeque<(Beat, usize, u128)>,
    /// Non-posted TLPs that wait for a verdict, with their slot.
    heads: VecDeque<(Vec<u8>, usize)>,
    shown: bool,
    /// Clocks until the next one can be shown.
    leaving: usize,
    /// The registers as they are, without an update of this clock.
    model: Model,
    update: Option<(usize, usize, u32)>,
    /// Verdicts are compared with the registers of the clock in which they are taken.
    live: bool,
    pace: f64,
    partial: Vec<u8>,
    to: usize,
    asked: Option<Option<usize>>,
    seen: Effects,
}

impl<const N: usize> World<N>
where
    Upstream<N>: Clocked,
{
    fn new(name: &str, seed: u64) -> Self {
        let mut bench = Bench::new(name, Upstream::<N>::default());
        bench.reset();
        World {
            bench,
            rng: ChaCha8Rng::seed_from_u64(seed),
            stream: VecDeque::new(),
            heads: VecDeque::new(),
            shown: false,
            leaving: 0,
            model: Model { ports: vec![Port::default(); N + 1], up: 0 },
            update: None,
            live: false,
            pace: 1.0,
            partial: vec![],
            to: 0,
            asked: None,
            seen: Effects::default(),
        }
    }

    fn load(&mut self, ports: Vec<Port>) {
        for (n, port) in ports.into_iter().enumerate() {
            for row in ROWS {
                self.update = Some((n, row, port.rows[row]));
                self.tick();
            }
        }
    }

    fn send(&mut self, bytes: &[u8], slot: usize) {
        self.stream.extend(beats(bytes, false, bytes.len()).into_iter().map(|beat| (beat, slot, word(bytes))));
    }

    fn tick(&mut self) {
        let pace = self.pace;
        let offered = self.bench.dut().valid.val();
        let offer = !self.stream.is_empty() && (offered || self.rng.gen_bool(pace));
        let [out, divert, refuse, room, lookup, insert, np_ok] = [0; 7].map(|_| self.rng.gen_bool(pace));
        let fetched = self.leaving == 0 && (self.shown || self.rng.gen_bool(pace));
        self.leaving -= usize::from(self.leaving > 0);
        let head = self.heads.front().filter(|_| fetched);
        self.shown = head.is_some();
        let d = self.bench.dut();
        d.update.next = self.update.is_some();
        if let Some((port, row, value)) = self.update {
            d.update_port.next = bits(port as u64);
            d.update_row.next = bits(row as u64);
            d.update_value.next = bits(value.into());
        }
        d.slot_up.next = bits(self.model.up.into());
        d.valid.next = offer;
        if let Some((beat, slot, header)) = self.stream.front().filter(|_| offer) {
            d.data.next = bits(beat.data);
            d.half.next = beat.half;
            d.first.next = beat.first;
            d.last.next = beat.last;
            d.header.next = W::<128>::new(*header);
            d.non_posted.next = beat.class == 1;
            d.session.next = bits(*slot as u64);
        }
        d.np_head.next = head.is_some();
        if let Some((bytes, slot)) = head {
            d.np_header.next = W::<128>::new(word(bytes));
            d.np_owner.next = bits(*slot as u64);
        }
        [d.out_ready.next, d.divert_ready.next, d.refuse_ready.next] = [out, divert, refuse];
        [d.refuse_room.next, d.lookup_ready.next, d.insert_ready.next] = [room, lookup, insert];
        d.found_valid.next = false;
        if let Some(asker) = self.asked {
            if self.rng.gen_bool(pace) {
                d.found_valid.next = true;
                d.found.next = asker.is_some();
                d.found_from.next = bits(asker.unwrap_or(0) as u64);
                self.asked = None;
            }
        }
        self.bench.settle();
        self.beats(offer, out, divert);
        self.verdict(np_ok);
        let d = self.bench.dut();
        if d.refuse_valid.val() && refuse {
            self.seen.refused.push((d.refuse_to.val().index(), d.refuse.val().raw()));
        }
        if d.lookup_valid.val() && lookup {
            let (requester, tag) = (d.lookup_requester.val().raw() as u16, d.lookup_tag.val().raw() as u16);
            let left = (d.lookup_bytes.val().raw() as u16, d.lookup_lower.val().raw() as u8);
            let left = (!d.lookup_ends.val()).then_some(left);
            self.seen.lookups.push((d.lookup_slot.val().index(), requester, tag, left));
            self.asked = Some(asker(requester, tag, N));
        }
        if d.insert_valid.val() && insert {
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
        if d.intx_valid.val() {
            let (slot, pin) = (d.intx_slot.val().index(), d.intx_pin.val().raw() as u8);
            self.seen.intx.push((slot, pin, d.intx_assert.val()));
        }
        if d.ack_valid.val() {
            self.seen.acks.push(d.ack_slot.val().index());
        }
        let counters = [
            d.unsupported.val(),
            d.posted_dropped.val(),
            d.source_refused.val(),
            d.master_off.val(),
            d.unexpected.val(),
        ];
        if d.errors.val().any() {
            self.seen.errors.push((d.error_slot.val().index(), d.errors.val().raw() as u8));
        }
        self.seen.counters.iter_mut().zip(counters).for_each(|(sum, pulse)| *sum += usize::from(pulse));
        self.bench.tick();
        if let Some((port, row, value)) = self.update.take() {
            self.model.ports[port].rows[row] = value;
        }
    }

    /// The streams.
    fn beats(&mut self, offer: bool, out: bool, divert: bool) {
        let d = self.bench.dut();
        let to_host = d.out_valid.val() && out;
        let to_sibling = d.divert_valid.val() && divert;
        assert!(!(d.out_valid.val() && d.divert_valid.val()), "one way");
        let taken = offer && d.ready.val();
        assert!(taken || !(to_host || to_sibling), "what goes out has come in");
        let (target, class, dwords) =
            (d.divert_session.val().index(), d.divert_class.val().raw() as u8, d.divert_dwords.val().index());
        if !taken {
            return;
        }
        let (beat, slot, _) = self.stream.pop_front().unwrap();
        let same = |data: u64, half, last| data == beat.data && half == beat.half && last == beat.last;
        if to_host {
            assert!(same(d.out_data.val().raw(), d.out_half.val(), d.out_last.val()));
            assert_eq!((d.out_non_posted.val(), d.out_session.val().index()), (beat.class == 1, slot));
        }
        if beat.class == 1 {
            assert!(to_host, "beats of non-posted TLPs pass");
            return;
        }
        if to_sibling {
            assert!(same(d.divert_data.val().raw(), d.divert_half.val(), d.divert_last.val()));
            assert_eq!(d.divert_first.val(), beat.first);
        }
        if !to_host && !to_sibling {
            assert!(self.partial.is_empty(), "a TLP passes as a whole or not at all");
            return;
        }
        let used = if beat.half { 4 } else { 8 };
        self.partial.extend_from_slice(&beat.data.to_le_bytes()[..used]);
        assert!(beat.first || self.to == if to_host { N } else { target }, "all beats go the same way");
        self.to = if to_host { N } else { target };
        if beat.last {
            let bytes = std::mem::take(&mut self.partial);
            match to_host {
                true => self.seen.host.push((slot, bytes)),
                false => self.seen.diverted.push((target, class, dwords, bytes)),
            }
        }
    }

    fn verdict(&mut self, np_ok: bool) {
        let d = self.bench.dut();
        let (verdict, target, dwords) =
            (d.np_verdict.val().raw() as u8, d.np_target.val().index(), d.np_dwords.val().index());
        if !self.shown || verdict == 0 || (verdict != 2 && !np_ok) {
            return;
        }
        let (bytes, slot) = self.heads.pop_front().unwrap();
        self.shown = false;
        if self.live && verdict == 1 {
            let fate = self.model.judge(&TlpView::parse(&bytes).unwrap(), slot);
            assert_eq!(fate, Fate::Host, "slot {slot}: {bytes:02x?} may not leave any more");
        }
        self.seen.verdicts.push(if verdict == 3 { (verdict, target, dwords) } else { (verdict, 0, 0) });
        self.leaving = 2;
    }

    fn finish(&mut self, context: &str) {
        for _ in 0..20_000 {
            if self.stream.is_empty() && self.heads.is_empty() {
                break;
            }
            self.tick();
        }
        assert!(self.stream.is_empty() && self.heads.is_empty(), "{context}: stuck");
        (0..40).for_each(|_| self.tick());
        assert!(self.partial.is_empty(), "{context}: a TLP without an end");
    }

    /// Some TLPs of all kinds, from random slots.
    fn fill(&mut self) -> Vec<(Vec<u8>, usize)> {
        let mut all = vec![];
        for _ in 0..self.rng.gen_range(1..20) {
            let (slot, np) = (self.rng.gen_range(0..N), self.rng.gen_bool(0.4));
            let bytes = from_below(&mut self.rng, N, slot, np);
            // Its beats pass by; it is looked at when it is the oldest.
            self.send(&bytes, slot);
            if np {
                self.heads.push_back((bytes.clone(), slot));
            }
            all.push((bytes, slot));
        }
        all
    }

    fn registers(&mut self) -> Vec<Port> {
        let mut ports = registers(&mut self.rng, N);
        ports.iter_mut().for_each(|port| port.rows[8] = self.rng.gen::<u32>() | self.rng.gen::<u32>());
        ports
    }
}

fn random_traffic<const N: usize>(name: &str, seeds: &[u64], rounds: usize)
where
    Upstream<N>: Clocked,
{
    for (i, &seed) in seeds.iter().enumerate() {
        let mut world = World::<N>::new(name, seed);
        for round in 0..rounds {
            let context = format!("seed {seed}, round {round}");
            let ports = world.registers();
            world.load(ports);
            world.model.up = (world.rng.gen::<u8>() | world.rng.gen::<u8>()) & (0xff >> (8 - N));
            world.tick();
            world.pace = *[1.0, 0.7, 0.3].choose(&mut world.rng).unwrap();
            let all = world.fill();
            let mut want = Effects::default();
            all.iter().for_each(|(bytes, slot)| want.add(&world.model, bytes, *slot));
            world.finish(&context);
            let mut got = std::mem::take(&mut world.seen);
            got.errors.sort_unstable();
            want.errors.sort_unstable();
            assert_eq!(got, want, "{context}: slots up {:#x}, {all:02x?}", world.model.up);
        }
        if i == 0 {
            world.bench.assert_equivalent();
        }
    }
}

#[test]
fn every_tlp_goes_where_it_belongs() {
    random_traffic::<4>("upstream4", &[1, 2, 3], 120);
}

#[test]
fn one_slot_and_eight() {
    random_traffic::<1>("upstream1", &[11, 12], 60);
    random_traffic::<8>("upstream8", &[13, 14], 60);
}

/// Registers and slots change at any time: a non-posted TLP leaves only if it may at that very clock, everything has an end, and
/// each TLP of which nothing is seen is counted.
#[test]
fn registers_change_under_traffic() {
    for seed in 21..25 {
        let mut world = World::<4>::new("upstream_live", seed);
        world.live = true;
        let (mut sent, mut ended) = (0, 0);
        for round in 0..60 {
            let context = format!("seed {seed}, round {round}");
            let ports = world.registers();
            world.load(ports);
            world.model.up = 15;
            world.pace = *[1.0, 0.7, 0.3].choose(&mut world.rng).unwrap();
            let all = world.fill();
            while !(world.stream.is_empty() && world.heads.is_empty()) {
                if world.rng.gen_ratio(1, 12) {
                    let row = *ROWS.choose(&mut world.rng).unwrap();
                    let row_value = if row == 0 { world.rng.gen() } else { value(&mut world.rng, row) };
                    world.update = Some((world.rng.gen_range(0..5), row, row_value));
                }
                if world.rng.gen_ratio(1, 40) {
                    world.model.up ^= 1 << world.rng.gen_range(0..4);
                }
                world.tick();
            }
            world.finish(&context);
            let seen = std::mem::take(&mut world.seen);
            let np = |bytes: &[u8]| TlpView::parse(bytes).unwrap().class() == Class::NonPosted;
            let ordered = all.iter().filter(|(bytes, _)| !np(bytes));
            assert_eq!(seen.verdicts.len(), all.len() - ordered.clone().count(), "{context}");
            let passed = |bytes: &Vec<u8>| {
                seen.host.iter().any(|host| host.1 == *bytes)
                    || seen.diverted.iter().any(|diverted| diverted.3 == *bytes)
            };
            let gone = ordered.filter(|(bytes, _)| !passed(bytes) && bytes[0] & 0x10 == 0).count();
            let dropped = seen.verdicts.iter().filter(|verdict| verdict.0 == 2).count();
            let counted: usize = seen.counters.iter().sum();
            assert!(counted >= gone + dropped, "{context}: {seen:?}");
            sent += all.len();
            ended += seen.host.len() + seen.diverted.len() + seen.verdicts.iter().filter(|v| v.0 != 2).count();
        }
        assert!(ended * 10 > sent, "seed {seed}: something passes");
        if seed == 21 {
            world.bench.assert_equivalent();
        }
    }
}
