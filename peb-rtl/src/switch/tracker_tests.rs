//! [`Tracker`] against a map.

use super::Tracker;
use crate::testing::{clocked, Bench};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

clocked!(Tracker);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    slot: u64,
    from: u64,
    tc: u64,
    attr: u64,
    bytes: u64,
    lower: u64,
}

type Key = (u64, u64);

/// What the table must hold, and what lost slots must still answer; `true`: or not, as it was replaced.
#[derive(Default)]
struct Model {
    table: BTreeMap<Key, Entry>,
    doomed: Vec<(Key, Entry, bool)>,
    /// Requests of lost slots that may still be there.
    orphans: Vec<(Key, Entry)>,
    answers: std::collections::VecDeque<Option<u64>>,
}

fn descriptor((requester, tag): Key, e: Entry, bus: u64) -> u128 {
    let completer = u128::from(bus << 8 | e.slot << 3);
    u128::from(requester | tag << 16 | e.tc << 26 | e.attr << 29 | 1 << 32 | (e.bytes & 0xfff) << 35 | e.lower << 47)
        | completer << 54
}

struct Rig {
    bench: Bench<Tracker>,
    model: Model,
    lost: u64,
    made: usize,
    label: String,
}

impl Rig {
    fn new(name: &str, label: String) -> Self {
        let mut bench = Bench::new(name, Tracker::default());
        bench.reset();
        bench.dut().upstream_bus.next = 0x5a.into();
        bench.clocks(260);
        Rig { bench, model: Model::default(), lost: 0, made: 0, label }
    }

    fn busy(&mut self) -> u64 {
        self.bench.settle();
        self.bench.dut().busy.val().raw()
    }

    /// Slots of which nothing can be foretold.
    fn dark(&mut self) -> u64 {
        self.busy() | self.lost
    }

    fn offer_insert(&mut self, (requester, tag): Key, e: Entry) {
        let d = self.bench.dut();
        d.insert_valid.next = true;
        d.insert_requester.next = requester.into();
        d.insert_tag.next = tag.into();
        d.insert_slot.next = e.slot.into();
        d.insert_from.next = e.from.into();
        d.insert_tc.next = e.tc.into();
        d.insert_attr.next = e.attr.into();
        d.insert_bytes.next = e.bytes.into();
        d.insert_lower.next = e.lower.into();
    }

    fn offer_lookup(&mut self, slot: u64, (requester, tag): Key, left: Option<(u64, u64)>) {
        let d = self.bench.dut();
        d.lookup_valid.next = true;
        d.lookup_requester.next = requester.into();
        d.lookup_tag.next = tag.into();
        d.lookup_slot.next = slot.into();
        d.lookup_ends.next = left.is_none();
        d.lookup_bytes.next = left.map_or(0, |l| l.0).into();
        d.lookup_lower.next = left.map_or(0, |l| l.1).into();
    }

    /// One clock; the model learns what was taken, and checks what comes out.
    fn clock(&mut self) {
        let label = self.label.clone();
        let dark = self.dark();
        let d = self.bench.dut();
        let m = &mut self.model;
        if d.found_valid.val() {
            let found = d.found.val().then(|| d.found_from.val().raw());
            assert_eq!(m.answers.pop_front(), Some(found), "{label}");
        }
        if d.made_valid.val() && d.made_ready.val() {
            let (made, to) = (d.made.val().raw(), d.made_to.val().raw());
            let same = |x: &(Key, Entry, bool)| descriptor(x.0, x.1, 0x5a) == made && x.1.from == to;
            let place = m.doomed.iter().position(same);
            let place = place.unwrap_or_else(|| panic!("{label}: nobody asked for {made:#x}"));
            m.doomed.swap_remove(place);
            self.made += 1;
        }
        if d.insert_valid.val() && d.insert_ready.val() {
            let key = (d.insert_requester.val().raw(), d.insert_tag.val().raw());
            let e = Entry {
                slot: d.insert_slot.val().raw(),
                from: d.insert_from.val().raw(),
                tc: d.insert_tc.val().raw(),
                attr: d.insert_attr.val().raw(),
                bytes: d.insert_bytes.val().raw(),
                lower: d.insert_lower.val().raw(),
            };
            m.doomed.iter_mut().filter(|x| x.0 == key).for_each(|x| x.2 = true);
            m.table.remove(&key);
            m.orphans.retain(|x| x.0 != key);
            match dark >> e.slot & 1 {
                1 => m.doomed.push((key, e, false)),
                _ => _ = m.table.insert(key, e),
            }
        }
        if d.lookup_valid.val() && d.lookup_ready.val() {
            let key = (d.lookup_requester.val().raw(), d.lookup_tag.val().raw());
            let slot = d.lookup_slot.val().raw();
            let hit = m.table.get(&key).filter(|e| e.slot == slot).map(|e| e.from);
            m.answers.push_back(hit);
            if hit.is_some() && d.lookup_ends.val() {
                m.table.remove(&key);
            } else if hit.is_some() {
                let e = m.table.get_mut(&key).unwrap();
                (e.bytes, e.lower) = (d.lookup_bytes.val().raw(), d.lookup_lower.val().raw());
            }
        }
        let lost = d.lost.val().raw();
        let orphan = |e: &Entry| e.from > 0 && lost >> (e.from - 1) & 1 == 1;
        for (&key, e) in m.table.iter().filter(|(_, e)| lost >> e.slot & 1 == 1) {
            m.doomed.push((key, *e, false));
        }
        // Of two lost slots none needs an answer from the other.
        m.doomed.iter_mut().filter(|x| orphan(&x.1)).for_each(|x| x.2 = true);
        m.orphans.extend(m.table.iter().filter(|(_, e)| orphan(e)).map(|(&key, e)| (key, *e)));
        m.table.retain(|_, e| lost >> e.slot & 1 == 0 && !orphan(e));
        let taken = (d.insert_valid.val() && d.insert_ready.val(), d.lookup_valid.val() && d.lookup_ready.val());
        self.lost = lost;
        self.bench.tick();
        let busy = self.busy();
        let missing = self.model.doomed.iter().find(|x| !x.2 && (busy | lost) >> x.1.slot & 1 == 0);
        assert_eq!(missing, None, "{label}: never answered");
        self.model.doomed.retain(|x| (busy | lost) >> x.1.slot & 1 == 1);
        self.model.orphans.retain(|x| (busy | lost) >> (x.1.from - 1) & 1 == 1);
        let d = self.bench.dut();
        if taken.0 {
            d.insert_valid.next = false;
        }
        if taken.1 {
            d.lookup_valid.next = false;
        }
        d.lost.next = 0.into();
    }

    /// Clocks until both are taken and answered.
    fn finish(&mut self) -> usize {
        for n in 1..4000 {
            self.clock();
            let d = self.bench.dut();
            d.insert_valid.next = d.insert_valid.val() && d.insert_valid.next;
            if !d.insert_valid.next && !d.lookup_valid.next && self.model.answers.is_empty() {
                return n;
            }
        }
        panic!("{}: it hangs", self.label);
    }

    fn insert(&mut self, key: Key, e: Entry) -> usize {
        self.offer_insert(key, e);
        self.finish()
    }

    fn lookup(&mut self, slot: u64, key: Key, left: Option<(u64, u64)>) -> usize {
        self.offer_lookup(slot, key, left);
        self.finish()
    }
}

fn entry(slot: u64) -> Entry {
    Entry { slot, from: 0, tc: 5, attr: 6, bytes: 512, lower: 0x14 }
}

#[test]
fn partly_answered_read_of_a_lost_slot() {
    let mut rig = Rig::new("tracker_lost", "lost".into());
    rig.insert((0x0100, 0x3ff), Entry { bytes: 4096, ..entry(2) });
    rig.insert((0x0100, 0x3fe), Entry { from: 4, ..entry(2) });
    rig.insert((0x0100, 0x3fd), entry(1));
    let took = rig.lookup(2, (0x0100, 0x3fe), Some((384, 0)));
    assert!(took <= 11, "{took} clocks");
    rig.lookup(1, (0x0100, 0x3fe), None);
    rig.bench.dut().lost.next = 4.into();
    rig.clock();
    assert_eq!(rig.busy(), 4);
    rig.bench.dut().made_ready.next = false;
    (0..1000).for_each(|_| rig.clock());
    assert_eq!(rig.busy(), 4, "nobody takes the first");
    rig.insert((0x0100, 0x3fc), entry(1));
    rig.insert((0x0200, 0x3fc), entry(2));
    rig.bench.dut().made_ready.next = true;
    (0..3000).for_each(|_| rig.clock());
    assert_eq!((rig.busy(), rig.made), (0, 3));
    rig.lookup(1, (0x0100, 0x3fd), None);
    rig.lookup(1, (0x0100, 0x3fc), None);
    assert!(rig.model.table.is_empty());
    rig.bench.assert_equivalent();
}

#[test]
fn requests_of_a_lost_slot_are_forgotten() {
    let mut rig = Rig::new("tracker_orphans", "orphans".into());
    rig.insert((0x0300, 7), Entry { from: 2, ..entry(3) });
    rig.insert((0x0300, 8), Entry { from: 1, ..entry(3) });
    rig.insert((0x0300, 9), Entry { from: 2, ..entry(1) });
    rig.bench.dut().lost.next = 2.into();
    (0..2000).for_each(|_| rig.clock());
    assert_eq!((rig.busy(), rig.made), (0, 0), "nobody is told");
    rig.lookup(3, (0x0300, 7), None);
    rig.lookup(1, (0x0300, 9), None);
    rig.lookup(3, (0x0300, 8), None);
    assert!(rig.model.table.is_empty());
    rig.bench.assert_equivalent();
}

#[test]
fn random_requests_and_losses() {
    let (mut most, mut made, mut orphans) = (0, 0, 0);
    for seed in [1, 2, 3] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rig = Rig::new("tracker_random", format!("seed {seed}"));
        let mut asker = 0;
        for n in 0..24_000 {
            // Times in which more comes than goes, and few tags in long chains.
            let growing = n % 8000 < 5000;
            let key = match rng.gen_bool(0.2) {
                true => (0x0300, rng.gen_range(0..4u64) * 0x100),
                false => (rng.gen_range(0..4u64) * 0x111, rng.gen_range(0..0x80u64) * 8),
            };
            let dark = rig.dark();
            let slot = rng.gen_range(0..8u64);
            if !rig.bench.dut().insert_valid.next && rng.gen_bool(if growing { 0.5 } else { 0.02 }) {
                let from = rng.gen_range(0..9);
                let e = Entry {
                    slot,
                    from: if from > 0 && dark >> (from - 1) & 1 == 1 { 0 } else { from },
                    tc: rng.gen_range(0..8),
                    attr: rng.gen_range(0..8),
                    bytes: rng.gen_range(1..=4096),
                    lower: rng.gen_range(0..128),
                };
                rig.offer_insert(key, e);
            }
            if !rig.bench.dut().lookup_valid.next && rng.gen_bool(if growing { 0.03 } else { 0.5 }) {
                let known = rig.model.table.iter().nth(rng.gen_range(0..256)).map(|(k, e)| (e.slot, *k));
                let (slot, key) = known.unwrap_or((slot, key));
                let left = rng.gen_bool(0.4).then(|| (rng.gen_range(1..=4096), rng.gen_range(0..128)));
                if dark >> slot & 1 == 0 && rig.model.orphans.iter().all(|x| x.0 != key) {
                    rig.offer_lookup(slot, key, left);
                    asker = known.map_or(0, |_| rig.model.table[&key].from);
                }
            }
            // A completion that is offered must not be of a slot that is lost meanwhile: nobody can tell.
            let d = rig.bench.dut();
            let asked = if d.lookup_valid.next { 1 << d.lookup_slot.next.raw() | 1 << asker >> 1 } else { 0 };
            let quiet = rig.model.answers.is_empty();
            if rng.gen_bool(if growing { 0.0001 } else { 0.004 }) && quiet {
                rig.bench.dut().lost.next = (rng.gen_range(0..256u64) & rng.gen_range(0..256u64) & !asked).into();
            }
            rig.bench.dut().made_ready.next = rng.gen_bool(0.3);
            rig.clock();
            most = most.max(rig.model.table.len());
            orphans = orphans.max(rig.model.orphans.len());
        }
        made += rig.made;
        rig.bench.assert_equivalent();
    }
    assert!(most > 230 && made > 100, "seeds 1 to 3: {most} at once, {made} made up");
    assert!(orphans > 10, "seeds 1 to 3: {orphans} requests of lost slots at most");
}

#[test]
fn full_table_and_clear() {
    let mut rig = Rig::new("tracker_full", "full".into());
    for tag in 0..256 {
        assert_eq!(rig.bench.dut().room.val(), tag <= 248, "{tag}");
        rig.insert((7, tag * 4), entry(tag % 4));
        (0..80).for_each(|_| rig.clock());
    }
    rig.offer_insert((8, 1), entry(0));
    (0..50).for_each(|_| rig.clock());
    assert!(rig.bench.dut().insert_valid.val(), "no place");
    rig.lookup(0, (7, 0), None);
    assert!(rig.model.table.contains_key(&(8, 1)));
    rig.bench.dut().lost.next = 1.into();
    rig.clock();
    rig.bench.dut().clear.next = true;
    rig.model = Model::default();
    rig.bench.tick();
    assert_eq!(rig.busy(), 0);
    rig.lookup(1, (7, 4), None);
    rig.bench.dut().clear.next = false;
    rig.lookup(1, (7, 4), None);
    let took = rig.insert((7, 4), entry(1));
    assert!((200..=260).contains(&took), "{took} clocks");
    rig.lookup(1, (7, 4), None);
    for tag in 0..256 {
        rig.insert((9, tag), entry(3));
    }
    assert_eq!(rig.model.table.len(), 256);
    rig.bench.assert_equivalent();
}

#[test]
fn age() {
    let seed = 9;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rig = Rig::new("tracker_age", format!("seed {seed}"));
    let (ticks, clocks) = (2000, 16);
    rig.bench.dut().track_ticks.next = ticks.into();
    let run = |rig: &mut Rig, clock: usize| {
        rig.bench.dut().tick.next = clock % clocks == 0;
        rig.clock();
        rig.bench.dut().expired.val()
    };
    // More than 32 epochs in all.
    for n in 0..4 {
        (0..rng.gen_range(0..4000)).for_each(|c| _ = run(&mut rig, c));
        rig.insert((1, n), entry(0));
        let life = (0..50_000).position(|c| run(&mut rig, c)).expect("it never ends") / clocks;
        assert!((ticks as usize - 1..=ticks as usize * 107 / 100 + 17 + 60).contains(&life), "seed {seed}: {life}");
        rig.model.table.clear();
        rig.lookup(0, (1, n), None);
    }
    // While nobody takes what was made up the epochs stand still: nothing becomes young again.
    rig.insert((1, 1), entry(0));
    rig.insert((1, 2), entry(3));
    rig.bench.dut().lost.next = 8.into();
    (0..32 * 17 * clocks * 10).for_each(|c| assert!(!run(&mut rig, c)));
    rig.bench.dut().made_ready.next = true;
    let life = (0..50_000).position(|c| run(&mut rig, c)).expect("it never ends") / clocks;
    assert!(life <= ticks as usize * 107 / 100 + 60, "{life}");
    rig.bench.assert_equivalent();
}
