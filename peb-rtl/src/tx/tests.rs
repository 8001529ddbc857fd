//! The transmit path as a whole.

use super::testbench::*;
use rand::Rng;

/// Random TLPs of the first `sessions` sessions.
fn random_tlps(b: &mut Bench, count: u32, sessions: u8, longest: usize, bad: f64) {
    for id in 0..count {
        let class = b.rng.gen_range(0..3);
        let len = if class == 1 { b.rng.gen_range(3..=13) } else { b.rng.gen_range(3..=longest) };
        let mut tlp = Tlp::new(b.rng.gen_range(0..sessions), class, len, id);
        tlp.bad = b.rng.gen_bool(bad);
        b.source.push_back(tlp);
    }
}

#[test]
fn one_write_starts_within_eight_clocks() {
    for (len, decide) in [(3, 3), (5, 3), (100, 3)] {
        let mut b = Bench::new(Setup { decide, ..Setup::new(1) });
        b.run(20);
        b.source.push_back(Tlp::new(0, 0, len, 1));
        let before = b.clock;
        b.drain();
        let latency = b.sent[0].start - before;
        assert!(latency <= 8, "{len} dwords: start {latency} clocks after the first beat");
        assert_eq!(b.received(0), vec![Tlp::new(0, 0, len, 1)]);
        assert_eq!(b.sent.len(), 1);
    }
}

#[test]
fn random_traffic_of_all_sessions() {
    for seed in [1, 2, 3, 4] {
        let mut b = Bench::new(Setup { again: 0.1, control: 0.02, ..Setup::new(seed) });
        for s in 0..8 {
            b.grant(s, 200);
        }
        random_tlps(&mut b, 400, 8, 133, 0.05);
        b.drain();
        b.check();
        assert!(b.sent_again > 0 && b.acks > 0);
    }
}

#[test]
fn queued_frames_follow_each_other_and_are_full() {
    let mut b = Bench::new(Setup::new(1));
    for id in 0..200 {
        b.source.push_back(Tlp::new(0, 0, 35, id));
    }
    b.drain();
    b.check();
    for (i, pair) in b.sent.windows(2).enumerate() {
        assert_eq!(pair[1].start, pair[1].ready_at, "a pause before frame {}", i + 1);
    }
    // Ten TLPs of 35 dwords fit into 369. The first frame starts with what is there.
    assert!(b.sent[..b.sent.len() - 1].iter().all(|f| f.bytes.len() == 24 + 1400));
}
