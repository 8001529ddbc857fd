//! The queues for non-posted TLPs against plain Rust ones.

use super::NpRing;
use crate::testing::{clocked, Bench};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(NpRing<4>);

/// The queues as they should be, and a Packer that looks before it pushes or pops.
struct Queues {
    bench: Bench<NpRing<4>>,
    queues: [VecDeque<Vec<u64>>; 4],
    number: u64,
}

impl Queues {
    fn new(name: &str, places: usize) -> Self {
        let mut bench = Bench::new(name, NpRing::new(places));
        bench.reset();
        bench.dut().session_up.next = 15.into();
        bench.dut().restart.next = true;
        bench.clocks(8);
        Queues { bench, queues: Default::default(), number: 0 }
    }
    fn waiting(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }
    /// Pushes a TLP unless the ring is full; says whether.
    fn push(&mut self, session: usize, beats: usize) -> bool {
        self.bench.settle();
        if self.bench.dut().full.val() {
            return false;
        }
        self.number += 1;
        let tlp: Vec<u64> = (0..beats).map(|beat| self.number << 8 | beat as u64).collect();
        self.bench.dut().restart.next = false;
        self.bench.dut().session.next = (session as u64).into();
        for (at, &word) in tlp.iter().enumerate() {
            let dut = self.bench.dut();
            dut.data.next = word.into();
            dut.dwords.next = (2 * beats as u64 - 1).into();
            dut.write.next = true;
            dut.push.next = at + 1 == beats;
            self.bench.tick();
        }
        self.bench.dut().write.next = false;
        self.bench.dut().push.next = false;
        self.bench.dut().restart.next = true;
        self.bench.clocks(2);
        self.queues[session].push_back(tlp);
        true
    }
    /// Pops what is offered within 8 clocks; says whether.
    fn pop(&mut self, seed: u64) -> bool {
        let offered = (0..8).any(|_| {
            self.bench.settle();
            let ok = self.bench.dut().head_ok.val();
            if !ok {
                self.bench.tick();
            }
            ok
        });
        if !offered {
            return false;
        }
        let session = self.bench.dut().head_session.val().index();
        let tlp = self.queues[session].pop_front().unwrap_or_else(|| panic!("seed {seed}: {session} is empty"));
        assert_eq!(self.bench.dut().head_dwords.val().raw(), 2 * tlp.len() as u64 - 1, "seed {seed}");
        self.bench.dut().restart.next = false;
        self.bench.dut().session.next = (session as u64).into();
        for (at, &word) in tlp.iter().enumerate() {
            self.bench.settle();
            assert_eq!(self.bench.dut().head_data.val().raw(), word, "seed {seed}, session {session}");
            self.bench.dut().read.next = true;
            self.bench.dut().pop.next = at + 1 == tlp.len();
            self.bench.dut().used.next = at + 1 == tlp.len();
            self.bench.tick();
        }
        self.bench.dut().read.next = false;
        self.bench.dut().pop.next = false;
        self.bench.dut().used.next = false;
        self.bench.dut().restart.next = true;
        self.bench.clocks(3);
        true
    }
    fn credit(&mut self, session: usize, limit: u64) {
        self.bench.dut().np_limit_write.next = true;
        self.bench.dut().np_limit_session.next = (session as u64).into();
        self.bench.dut().np_limit.next = (limit & 255).into();
        self.bench.tick();
        self.bench.dut().np_limit_write.next = false;
        self.bench.clocks(2);
    }
    fn drop_waiting(&mut self, session: usize) {
        self.bench.dut().drop.next = (1 << session).into();
        self.bench.tick();
        self.bench.dut().drop.next = 0.into();
        self.bench.clocks(4);
        self.queues[session].clear();
    }
    fn flush(&mut self, session: usize, seed: u64) {
        self.bench.dut().flush.next = true;
        self.bench.dut().flush_session.next = (session as u64).into();
        self.bench.tick();
        let done = (0..4).any(|_| {
            self.bench.settle();
            let done = self.bench.dut().flush_done.val();
            self.bench.tick();
            done
        });
        assert!(done, "seed {seed}: flush");
        self.bench.dut().flush.next = false;
        self.bench.clocks(3);
        self.queues[session].clear();
    }
}

#[test]
fn one_session_may_fill_all_places_and_give_them_back() {
    let mut ring = Queues::new("np_ring_fill", 256);
    for at in 0..256 {
        assert!(ring.push(at % 3, 2), "{at}");
        ring.bench.settle();
        assert_eq!(ring.bench.dut().np_ok.val(), at < 250, "{at}");
    }
    assert!(!ring.push(3, 2));
    ring.flush(1, 0);
    for at in 0..85 {
        assert!(ring.push(3, 2), "{at}");
    }
    assert!(!ring.push(3, 2));
    for session in 0..4 {
        ring.credit(session, 100);
    }
    (0..256).for_each(|at| assert!(ring.pop(0), "{at}"));
    assert_eq!(ring.waiting(), 0);
    assert!(!ring.pop(0));
    ring.bench.assert_equivalent();
}

#[test]
fn queues_at_random() {
    for (seed, places) in [(1, 8), (2, 16), (3, 64), (4, 8)] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut ring = Queues::new("np_ring", places);
        let (mut sent, mut popped) = ([0u64; 4], 0);
        for _ in 0..1500 {
            let session = rng.gen_range(0..4);
            match rng.gen_range(0..100) {
                0..=44 => {
                    let full = ring.waiting() == places;
                    assert_eq!(ring.push(session, rng.gen_range(1..=8)), !full, "seed {seed}");
                }
                45..=90 => {
                    let before: Vec<usize> = ring.queues.iter().map(VecDeque::len).collect();
                    if ring.pop(seed) {
                        popped += 1;
                        let of = (0..4).find(|&s| before[s] != ring.queues[s].len()).unwrap();
                        sent[of] += 1;
                    }
                }
                91..=92 => ring.drop_waiting(session),
                93..=97 => ring.credit(session, sent[session] + rng.gen_range(0..=64)),
                _ => {
                    ring.flush(session, seed);
                    sent[session] = 0;
                }
            }
        }
        assert!(popped > 100, "seed {seed}: {popped}");
        ring.bench.assert_equivalent();
    }
}
