//! The transmit path as a whole.

use super::testbench::*;
use peb_verilog::{assert_equivalent, Recording};
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

#[test]
fn verilog_does_the_same() {
    let mut b = Bench::new(Setup {
        stall: 0.05,
        stall_clocks: 60,
        again: 0.1,
        control: 0.05,
        grant: Some(2),
        slots: 6,
        ..Setup::new(5)
    });
    b.recording = Some(Recording::new(&*b.sim.dut, "tx_path").unwrap());
    for s in 0..8 {
        b.grant(s, 3);
    }
    random_tlps(&mut b, 150, 8, 60, 0.1);
    b.run(12_000);
    b.flush(2);
    b.run(2_000);
    assert!(b.sent.len() > 10);
    assert_equivalent(b.recording.as_ref().unwrap());
}

/// Frames as long as they may be, then more frames of each session than its number in the Packer counts.
#[test]
fn verilog_does_the_same_with_full_frames_and_many() {
    for (seed, again) in [(6, 0.0), (7, 0.2)] {
        let mut b = Bench::new(Setup { round_trip: 2000, again, ..Setup::new(seed) });
        b.recording = Some(Recording::new(&*b.sim.dut, "tx_path_full").unwrap());
        for session in 0..8 {
            b.grant(session, 200);
            for id in 0..5 {
                let len = b.rng.gen_range(100..=133);
                b.source.push_back(Tlp::new(session, 0, len, id));
            }
        }
        b.drain();
        let longest = b.sent.iter().map(|frame| frame.bytes.len()).max();
        assert!(longest > Some(24 + 4 * 300), "seed {seed}: {longest:?}");
        for id in 5..38 {
            for session in 0..8 {
                let class = b.rng.gen_range(0..3);
                b.source.push_back(Tlp::new(session, class, 3, id));
                b.run(90);
            }
        }
        b.drain();
        b.check();
        assert_equivalent(b.recording.as_ref().unwrap());
    }
}

#[test]
fn a_stalled_source_breaks_a_frame_off_and_it_is_sent_whole() {
    let mut b = Bench::new(Setup::new(1));
    b.source.push_back(Tlp::new(0, 0, 20, 1));
    b.source.push_back(Tlp::new(0, 0, 100, 2));
    b.source.push_back(Tlp::new(0, 0, 10, 3));
    while b.taken.is_empty() {
        b.clock();
    }
    b.hold_at = Some(30);
    b.run(2000);
    assert_eq!((b.aborts, b.frames.len()), (1, 0), "broken off once, then it waits for the rest");
    b.hold_at = None;
    b.drain();
    b.check();
    assert_eq!(b.aborts, 1);
    assert_eq!(b.frames[&(0, 0)].len(), 120, "nothing joins a frame that was broken off");
}

#[test]
fn stalled_sources_at_random() {
    let mut aborts = 0;
    for seed in [11, 12, 13, 14] {
        let mut b = Bench::new(Setup { stall: 0.05, stall_clocks: 1500, grant: Some(4), ..Setup::new(seed) });
        for s in 0..2 {
            b.grant(s, 20);
        }
        random_tlps(&mut b, 300, 2, 133, 0.1);
        b.drain();
        b.grant(0, 100);
        b.grant(1, 100);
        b.drain();
        b.check();
        aborts += b.aborts;
    }
    assert!(aborts > 20, "{aborts} frames broken off");
}

#[test]
fn a_bad_tail_is_taken_out_before_it_is_sent() {
    let mut b = Bench::new(Setup::new(1));
    b.hold_commands = true;
    for (id, len) in [(1, 10), (2, 33), (3, 7)] {
        b.source.push_back(Tlp { bad: id == 2, ..Tlp::new(0, 0, len, id) });
    }
    b.run(60);
    b.hold_commands = false;
    b.drain();
    b.check();
    assert_eq!((b.frames[&(0, 0)].len(), b.aborts, b.packed), (17, 0, 2));
}

#[test]
fn a_bad_tail_that_is_on_the_wire_breaks_the_frame_off() {
    for good_before in [false, true] {
        for held in [20, 24, 25, 49] {
            let mut b = Bench::new(Setup::new(1));
            if good_before {
                b.source.push_back(Tlp::new(0, 2, 5, 1));
            }
            b.source.push_back(Tlp { bad: true, ..Tlp::new(0, 0, 99, 2) });
            while good_before && b.taken.is_empty() {
                b.clock();
            }
            b.hold_at = Some(held);
            b.run(54 + 100);
            b.hold_at = None;
            b.run(3000);
            assert_eq!(b.aborts, 1, "good before: {good_before}, held at beat {held}");
            b.source.push_back(Tlp::new(0, 0, 4, 3));
            b.drain();
            b.check();
            assert_eq!(b.aborts, 1);
        }
    }
}

#[test]
fn no_free_slot_stops_ordered_tlps_only_until_one_is_freed() {
    for seed in [21, 22] {
        let mut b = Bench::new(Setup { slots: 2, round_trip: 6000, ..Setup::new(seed) });
        b.grant(0, 100);
        random_tlps(&mut b, 150, 1, 133, 0.0);
        b.drain();
        b.check();
    }
    // None at all: a posted TLP waits, a non-posted before it gets out of its way into the ring.
    let mut b = Bench::new(Setup { slots: 0, ..Setup::new(1) });
    b.grant(0, 10);
    b.source.push_back(Tlp::new(0, 1, 4, 1));
    b.source.push_back(Tlp::new(0, 0, 4, 2));
    b.run(500);
    assert_eq!((b.taken.len(), b.packed), (1, 0));
}

#[test]
fn posted_flow_while_non_posted_wait_for_credit() {
    let mut b = Bench::new(Setup::new(1));
    for id in 0..40 {
        b.source.push_back(Tlp::new(1, if id % 5 == 2 { 1 } else { 0 }, 13, id));
    }
    b.run(30);
    assert!(b.sim.dut.np_ok.val());
    b.drain();
    assert_eq!(b.received(1).len(), 32, "all posted, no non-posted");
    assert!(!b.sim.dut.np_ok.val());
    b.grant(1, 3);
    b.drain();
    assert_eq!(b.received(1).len(), 35);
    b.grant(1, 255);
    b.drain();
    b.check();
    assert!(b.sim.dut.np_ok.val());
}

#[test]
fn five_more_find_room_when_np_ok_falls() {
    let mut b = Bench::new(Setup::new(1));
    for id in 0..3 {
        b.source.push_back(Tlp::new(4, 1, 3, id));
    }
    b.run(20);
    assert!(!b.sim.dut.np_ok.val());
    for id in 3..8 {
        b.source.push_back(Tlp::new(4, 1, 3, id));
    }
    b.source.push_back(Tlp::new(4, 0, 3, 8));
    b.drain();
    assert_eq!(b.received(4), vec![Tlp::new(4, 0, 3, 8)]);
    b.grant(4, 8);
    b.drain();
    b.check();
}

#[test]
fn credit_counts_modulo_256() {
    let mut b = Bench::new(Setup::new(1));
    let mut id = 0;
    for round in 0..12 {
        for _ in 0..50 {
            b.source.push_back(Tlp::new(0, 1, 3, id));
            id += 1;
        }
        b.grant(0, 50);
        b.drain();
        assert_eq!(b.received(0).len(), (round + 1) * 50);
    }
    b.check();
}

#[test]
fn tlps_of_a_session_that_is_down_are_swallowed() {
    let mut b = Bench::new(Setup::new(1));
    b.up = 0b101;
    for id in 0..30 {
        b.source.push_back(Tlp::new(id as u8 % 3, 0, 3 + id as usize, id));
    }
    b.drain();
    assert_eq!(b.swallowed, 10);
    b.taken.retain(|t| t.1.session != 1);
    b.check();
}

#[test]
fn flush_forgets_one_session_and_no_other() {
    for seed in 31..37 {
        let mut b =
            Bench::new(Setup { stall: 0.01, stall_clocks: 200, again: 0.05, grant: Some(3), ..Setup::new(seed) });
        for s in 0..3 {
            b.grant(s, 5);
        }
        random_tlps(&mut b, 200, 3, 133, 0.05);
        let before = b.rng.gen_range(200..8000);
        b.run(before);
        b.flush(1);
        let old = b.frames.iter().filter(|(k, _)| k.0 == 1).count();
        b.drain();
        assert_eq!(b.frames.iter().filter(|(k, _)| k.0 == 1).count(), old, "seed {seed}: a frame after the flush");
        b.frames.retain(|k, _| k.0 != 1);
        b.taken.retain(|t| t.1.session != 1);
        // It begins again from nothing.
        b.up = 0xff;
        b.setup.grant = None;
        for id in 300..310 {
            b.source.push_back(Tlp::new(1, id as u8 % 2, 6, id));
        }
        b.drain();
        assert_eq!(b.received(1).len(), 5, "seed {seed}: no credit yet");
        b.setup.stall = 0.0;
        for s in 0..3 {
            b.grant(s, 60);
        }
        b.drain();
        b.check();
    }
}

#[test]
fn old_frames_go_out_again_while_a_new_one_is_filled() {
    for seed in [41, 42] {
        let mut b = Bench::new(Setup { again: 0.7, round_trip: 10_000, ..Setup::new(seed) });
        random_tlps(&mut b, 250, 1, 133, 0.0);
        b.source.iter_mut().for_each(|t| *t = Tlp::new(0, t.class & 2, t.dwords.len(), t.dwords[0] >> 15));
        b.drain();
        b.check();
        assert!(b.sent_again > 20, "seed {seed}: {}", b.sent_again);
    }
}
