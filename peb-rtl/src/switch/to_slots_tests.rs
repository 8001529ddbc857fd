//! [`ToSlots`]: what goes on, what is dropped, who is busy.

use super::ToSlots;
use crate::testing::{clocked, Bench};
use peb_hdl::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(ToSlots);

/// Sources as they are numbered here: three streams, completions, records.
const ANSWERS: usize = 3;
const RECORDS: usize = 4;

/// A TLP on its way: its slot, number, beats; slots that were up, and down, while it was offered.
#[derive(Clone, Copy)]
struct Waiting {
    slot: u64,
    number: u64,
    beats: u64,
    at: u64,
    was_up: bool,
    was_down: bool,
}

/// What is taken from these sources is in the block for some time.
fn leaves_later(source: usize) -> bool {
    matches!(source, 1 | 2 | ANSWERS)
}

struct Rig {
    bench: Bench<ToSlots>,
    rng: ChaCha8Rng,
    up: u64,
    number: u64,
    queues: [VecDeque<Waiting>; 5],
    /// Source and beat of the TLP that goes out.
    inside: Option<(usize, u64)>,
    passed: [u32; 5],
    dropped: u32,
    told: u32,
    due: u32,
}

impl Rig {
    fn offer(&mut self, feeds: bool) {
        for source in 0..5 {
            let most = if source == ANSWERS { 20 } else { 2 };
            let waiting = self.queues[source].iter().filter(|tlp| tlp.at < tlp.beats).count();
            if feeds && waiting < most && self.rng.gen_bool(0.1) {
                self.number += 1;
                let beats = if source < ANSWERS { self.rng.gen_range(2..6) } else { [2, 1][source - ANSWERS] };
                let (slot, number) = (self.rng.gen_range(0..8), self.number);
                self.queues[source].push_back(Waiting { slot, number, beats, at: 0, was_up: false, was_down: false });
            }
        }
        for source in 0..3 {
            let head = self.queues[source].iter().find(|tlp| tlp.at < tlp.beats).copied();
            let d = self.bench.dut();
            d.valid[source].next = head.is_some();
            let Some(tlp) = head else { continue };
            d.session[source].next = tlp.slot.into();
            d.data[source].next = (tlp.number << 8 | tlp.at).into();
            (d.first[source].next, d.last[source].next) = (tlp.at == 0, tlp.at + 1 == tlp.beats);
            d.half[source].next = tlp.at + 1 == tlp.beats && tlp.number % 2 == 0;
            d.class[source].next = if source == 2 { 1.into() } else { (2 * (tlp.number & 1)).into() };
            d.dwords[source].next = (2 * tlp.beats).into();
            d.bad.next = false;
        }
        // A completion is given to the block when it is made: `at` says that it has been.
        let new = self.queues[ANSWERS].iter().find(|tlp| tlp.at == 0).copied();
        let (a, b) = (new.filter(|tlp| tlp.number % 2 == 0), new.filter(|tlp| tlp.number % 2 == 1));
        let word = |tlp: Option<Waiting>| W::<103>::new(tlp.map_or(0, |tlp| u128::from(tlp.number & 0xff) << 16));
        let to = |tlp: Option<Waiting>| (tlp.map_or(0, |tlp| tlp.slot + 1)).into();
        let d = self.bench.dut();
        (d.a_valid.next, d.a.next, d.a_to.next) = (a.is_some(), word(a), to(a));
        (d.b_valid.next, d.b.next, d.b_to.next) = (b.is_some(), word(b), to(b));
        let record = self.queues[RECORDS].front().copied();
        d.record_valid.next = record.is_some();
        d.record.next = record.map_or(0, |tlp| tlp.number << 8).into();
        d.record_session.next = record.map_or(0, |tlp| tlp.slot).into();
    }

    /// What came out is the oldest of a source that may come.
    fn judge(&mut self, seed: u64, clock: u32) {
        let d = self.bench.dut();
        if !d.out_valid.val() || !d.out_ready.val() {
            return;
        }
        let (data, slot, last) = (d.out_data.val().raw(), d.out_session.val().raw(), d.out_last.val());
        let is_answer = d.out_class.val().raw() == 2 && d.out_dwords.val().raw() == 3;
        let source = self.inside.map(|inside| inside.0).unwrap_or_else(|| {
            let at = |source: &usize| self.queues[*source].iter().any(|tlp| tlp.number << 8 == data);
            if is_answer {
                ANSWERS
            } else {
                [0, 1, 2, RECORDS].into_iter().find(at).expect("out of nothing")
            }
        });
        let beat = self.inside.map_or(0, |inside| inside.1);
        let queue = &mut self.queues[source];
        if source == ANSWERS && beat == 0 {
            // Which one it is, the second beat says.
            self.inside = Some((ANSWERS, 1));
            return;
        }
        if leaves_later(source) {
            // Those before it were dropped: their slots have been down.
            let is = |tlp: &Waiting| match source {
                ANSWERS => tlp.number & 0xff == data >> 16 & 0xff,
                _ => tlp.number == data >> 8,
            };
            let at = queue.iter().position(is).expect("a TLP of nobody");
            let gone: Vec<Waiting> = queue.drain(..at).collect();
            self.lost(source, &gone, &format!("seed {seed}, clock {clock}"));
        }
        let queue = &mut self.queues[source];
        let tlp = queue[0];
        if source != ANSWERS {
            assert_eq!(data, tlp.number << 8 | beat, "seed {seed}, clock {clock}");
        }
        assert_eq!(slot, tlp.slot, "seed {seed}, clock {clock}");
        assert!(source == RECORDS || tlp.was_up, "seed {seed}, clock {clock}: to a slot that was never up");
        assert_eq!(last, beat + 1 == tlp.beats, "seed {seed}, clock {clock}");
        self.inside = (!last).then_some((source, beat + 1));
        if last {
            self.passed[source] += 1;
            if leaves_later(source) {
                queue.pop_front();
            }
        }
    }

    /// TLPs of a source that were dropped, as those are that never came out.
    fn lost(&mut self, source: usize, gone: &[Waiting], when: &str) {
        assert!(gone.iter().all(|tlp| tlp.was_down), "{when}: TLPs of source {source} to slots that are up are lost");
        self.dropped += gone.len() as u32;
        self.due += gone.iter().filter(|tlp| source == 1 && tlp.number & 1 == 0).count() as u32;
    }

    /// What was taken, passed on or not.
    fn taken(&mut self, seed: u64, clock: u32) {
        let d = self.bench.dut();
        let out = d.out_valid.val() && d.out_ready.val();
        let mut ready = [d.ready[0].val(), d.ready[1].val(), d.ready[2].val(), false, d.record_ready.val()];
        let answer = d.a_valid.val() && d.a_ready.val() || d.b_valid.val() && d.b_ready.val();
        self.told += u32::from(d.dropped.val());
        for (source, queue) in self.queues.iter_mut().enumerate() {
            let head = queue.iter_mut().find(|tlp| tlp.at < tlp.beats);
            let Some(tlp) = head.filter(|_| std::mem::take(&mut ready[source])) else { continue };
            tlp.at += 1;
            let tlp = *tlp;
            if tlp.at < tlp.beats || leaves_later(source) {
                continue;
            }
            queue.pop_front();
            if !out {
                assert!(source != RECORDS && tlp.was_down, "seed {seed}, clock {clock}: dropped without need");
                self.dropped += 1;
                self.due += u32::from(tlp.number & 1 == 0);
            }
        }
        if answer {
            if let Some(tlp) = self.queues[ANSWERS].iter_mut().find(|tlp| tlp.at == 0) {
                tlp.at = 1;
            }
        }
    }
}

/// Each TLP to a slot that is up goes on, whole, in order; each record does; a TLP to a slot that is down is dropped, and until then its slot is
/// busy.
#[test]
fn nothing_waits_for_the_next_life_of_a_slot() {
    for seed in 0..3 {
        println!("seed {seed}");
        let mut bench = Bench::new("to_slots", ToSlots::default());
        bench.reset();
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rig = Rig {
            bench,
            rng,
            up: 0xff,
            number: 0,
            queues: Default::default(),
            inside: None,
            passed: [0; 5],
            dropped: 0,
            told: 0,
            due: 0,
        };
        for clock in 0..14_000 {
            let feeds = clock < 12_000;
            if feeds && rig.rng.gen_bool(0.02) {
                let slot = 1 << rig.rng.gen_range(0..8);
                rig.up = if rig.rng.gen_bool(0.8) { rig.up | slot } else { rig.up & !slot };
            }
            let room = if rig.rng.gen_bool(0.9) { 0xff } else { rig.rng.gen_range(0..256) };
            rig.offer(feeds);
            let (up, ready) = (rig.up, rig.rng.gen_bool(0.8));
            let d = rig.bench.dut();
            (d.slot_up.next, d.room.next, d.out_ready.next) = (up.into(), room.into(), ready);
            rig.bench.settle();
            for tlp in rig.queues.iter_mut().flatten() {
                tlp.was_up |= up >> tlp.slot & 1 == 1;
                tlp.was_down |= up >> tlp.slot & 1 == 0;
            }
            let busy = rig.bench.dut().busy.val().raw();
            let heads = (0..3).filter_map(|source| rig.queues[source].iter().find(|tlp| tlp.at < tlp.beats));
            let offered = heads.fold(0, |slots, tlp| slots | 1 << tlp.slot);
            assert_eq!(offered & !busy, 0, "seed {seed}, clock {clock}: a slot with a TLP at the door is free");
            rig.judge(seed, clock);
            rig.taken(seed, clock);
            rig.bench.tick();
        }
        for source in [1, 2] {
            let gone: Vec<Waiting> = rig.queues[source].drain(..).collect();
            assert!(gone.iter().all(|tlp| tlp.at == tlp.beats), "seed {seed}: source {source} is stuck");
            rig.lost(source, &gone, &format!("seed {seed}"));
        }
        assert!(rig.queues[0].is_empty() && rig.queues[RECORDS].is_empty(), "seed {seed}");
        assert!(rig.passed.iter().all(|&n| n > 50) && rig.dropped > 50, "{:?}, {}", rig.passed, rig.dropped);
        assert_eq!(rig.told, rig.due, "seed {seed}: dropped posted TLPs are told");
        let left = rig.bench.dut().busy.val().raw();
        assert_eq!(left, 0, "seed {seed}: nothing is here, nobody is busy");
        rig.bench.assert_equivalent();
    }
}
