//! The receive path against a plain-Rust reference.

mod frames;
mod output;
mod rig;
mod unpacker;
mod whole;

use crate::testing::clocked;
use frames::{tlp, Frame, Header, HAS_TLPS, NON_POSTED, ORDERED};
use rand::seq::SliceRandom;
use rand::Rng;
use rig::Rig;
use whole::Whole;

clocked!(Whole<1, 5>, Whole<4, 8>);

/// Sends every frame of every session, in an order made of losses, duplicates and late ones.
fn shuffle<const S: usize, const A: usize>(rig: &mut Rig<S, A>)
where
    Whole<S, A>: crate::testing::Clocked,
{
    for round in 0.. {
        assert!(round < 20_000, "never ends");
        let open: Vec<usize> =
            (0..S).filter(|s| usize::from(rig.sessions[*s].expected) < rig.sessions[*s].frames.len()).collect();
        let Some(s) = open.choose(&mut rig.rng).copied() else { return };
        let session = &rig.sessions[s];
        // Mostly what is missing, sometimes what is far ahead or already here.
        let ahead = match rig.rng.gen_range(0..8) {
            0..=2 => 0,
            3..=5 => rig.rng.gen_range(0..4),
            6 => rig.rng.gen_range(0..31),
            _ => -rig.rng.gen_range(0..31_i32),
        };
        let seq = (i32::from(session.expected) + ahead).clamp(0, session.frames.len() as i32 - 1);
        let np_room = session.np_came < 64 / S || session.non_posted.len() < 30 / S;
        if !np_room {
            rig.np_ok = true;
            rig.steps(10);
            continue;
        }
        rig.ready = [16, 16, 12, 3][round / 8 % 4];
        rig.np_ok = rig.rng.gen_ratio(3, 4);
        rig.send(s, seq as u16);
    }
}

fn random_order<const S: usize, const A: usize>(name: &str, seed: u64, frames: usize)
where
    Whole<S, A>: crate::testing::Clocked,
{
    let mut rig = Rig::<S, A>::new(name, seed);
    for _ in 0..frames {
        for s in 0..S {
            let longest = if rig.rng.gen_ratio(1, 20) { 128 } else { 12 };
            let frame = Frame::random(&mut rig.rng, 4, longest, 12);
            rig.add(s, frame);
        }
    }
    shuffle(&mut rig);
    rig.np_ok = true;
    rig.ready = 16;
    rig.drain();
    let all: usize = rig.sessions.iter().flat_map(|s| s.frames.values()).map(|f| f.tlps.len()).sum();
    assert_eq!(rig.count("delivered"), all);
    assert!(rig.sessions.iter().all(|s| s.checker.report().is_clean()));
    let malformed = rig.sessions.iter().flat_map(|s| s.frames.values()).filter(|f| f.malformed).count();
    assert_eq!(rig.count("malformed"), malformed);
    for what in ["duplicate", "out_of_order", "malformed"] {
        assert!(rig.count(what) > 0, "{what} never happened");
    }
    println!("{} clocks", rig.clock);
    rig.bench.assert_equivalent();
}

#[test]
fn puts_the_frames_of_one_session_in_order() {
    random_order::<1, 5>("rx_path_io", 1, 150);
}

#[test]
fn puts_the_frames_of_four_sessions_in_order() {
    random_order::<4, 8>("rx_path_host", 2, 45);
}

#[test]
fn ordered_tlps_flow_while_non_posted_ones_wait() {
    // Counts of ordered TLPs around half and the whole range of an eight-bit counter.
    for (seed, count) in [(3, 20), (4, 140), (5, 260)] {
        let mut rig = Rig::<1, 5>::new("rx_path_np", seed);
        rig.np_ok = false;
        for i in 0..count / 10 {
            let mut tlps: Vec<_> = (0..10).map(|_| tlp(&mut rig.rng, &ORDERED, 2)).collect();
            if i < 6 {
                let at = rig.rng.gen_range(0..10);
                let np = tlp(&mut rig.rng, &NON_POSTED, 8);
                tlps.insert(at, np);
            }
            rig.add(0, Frame::of(tlps));
            rig.send(0, i);
        }
        rig.steps(100);
        assert!(rig.sessions[0].ordered.is_empty(), "ordered TLPs wait");
        assert_eq!(rig.sessions[0].non_posted.len(), usize::from(count / 10).min(6));
        rig.np_ok = true;
        rig.drain();
        assert!(rig.sessions[0].checker.report().is_clean());
    }
}

#[test]
fn the_window_is_what_is_left_of_the_slots() {
    let mut rig = Rig::<1, 5>::new("rx_path_window", 6);
    rig.ready = 0;
    for i in 0..34 {
        // Longer than the queue before the link: the Unpacker stays in the first frame.
        let frame = Frame::of(vec![long(&mut rig)]);
        rig.add(0, frame);
        assert_eq!(rig.send(0, i), i < 31, "frame {i}");
        rig.step();
        assert_eq!(rig.bench.dut().window.val().raw(), 31_u64.saturating_sub(u64::from(i) + 1));
    }
    assert_eq!(rig.count("no_space"), 3);
    rig.ready = 16;
    rig.steps(2500);
    for i in 31..34 {
        assert!(rig.send(0, i));
    }
    rig.drain();
}

/// A write of 128 dwords.
fn long(rig: &mut Rig<1, 5>) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 128];
    bytes.resize_with(16 + 512, || rig.rng.gen());
    bytes
}

fn flushes<const S: usize, const A: usize>(name: &str, seed: u64)
where
    Whole<S, A>: crate::testing::Clocked,
{
    let mut rig = Rig::<S, A>::new(name, seed);
    for round in 0..6 {
        rig.np_ok = round % 2 == 0;
        for s in 0..S {
            let first = rig.sessions[s].frames.len();
            for _ in first..first + 20 {
                let frame = Frame::random(&mut rig.rng, 2, 12, 50);
                rig.add(s, frame);
            }
        }
        let s = rig.rng.gen_range(0..S);
        rig.ready = 2;
        let base = rig.sessions[s].expected;
        for ahead in [0, 2, 5, 1, 9, 7, 3, 15, 12] {
            rig.send(s, base + ahead);
            if S > 1 {
                let other = (s + 1) % S;
                let seq = rig.sessions[other].expected;
                rig.send(other, seq);
            }
        }
        rig.ready = 12;
        let steps = rig.rng.gen_range(0..200);
        rig.steps(steps);
        if S > 1 {
            // Credit of the others must not get lost.
            rig.np_ok = rig.sessions[s].non_posted.is_empty();
        }
        rig.flush(s);
        let quiet = rig.leaves;
        if S == 1 {
            rig.ready = 16;
            rig.steps(50);
            assert_eq!(rig.leaves, quiet, "of the session that ended");
        }
        rig.ready = 16;
        rig.np_ok = true;
        if S > 1 {
            rig.steps(1500);
            let old = &mut rig.sessions[s];
            old.ordered.clear();
            old.non_posted.clear();
        }
    }
    // All slots are there: 30 frames that wait for the first.
    if S == 1 {
        for _ in 0..31 {
            let frame = Frame::random(&mut rig.rng, 3, 12, 50);
            rig.add(0, frame);
        }
        for seq in (1..31).rev() {
            assert!(rig.send(0, seq), "frame {seq}");
        }
        rig.drain();
    }
    println!("{} clocks", rig.clock);
    rig.bench.assert_equivalent();
}

#[test]
fn a_flush_leaves_other_sessions_alone() {
    flushes::<4, 8>("rx_path_flush_host", 9);
}

#[test]
fn foreign_broken_and_hasty_frames_are_dropped() {
    let mut rig = Rig::<1, 5>::new("rx_path_drops", 8);
    for i in 0..40_u16 {
        let frame = Frame::random(&mut rig.rng, 3, 12, 50);
        rig.add(0, frame.clone());
        let header = Header::random(&mut rig.rng, i, HAS_TLPS);
        let (words, length) = frames::mac_words(&mut rig.rng, &header, &frame.records);
        // A wrong FCS.
        rig.mac(&words, length, 1, false);
        assert_eq!(rig.header(), None);
        // Too short, another magic, another version.
        let foreign = rig.count("foreign");
        let (mut bad, mut short) = (words.clone(), length);
        match i % 3 {
            0 => short = rig.rng.gen_range(0..24),
            1 => bad[0] ^= 1 << rig.rng.gen_range(0..8),
            _ => bad[0] ^= 1 << rig.rng.gen_range(12..16),
        }
        rig.mac(&bad, short, 2, true);
        assert_eq!((rig.header(), rig.count("foreign")), (None, foreign + 1));
        // A good one, and behind it two that come before its header was let go, one of them broken.
        rig.mac(&words, length, 3, true);
        let kept = rig.header();
        assert_eq!(kept, Some((3, Header { ts: 0, ..header })));
        let other = Header::random(&mut rig.rng, i, HAS_TLPS);
        let (hasty, long) = frames::mac_words(&mut rig.rng, &other, &[0x55; 64]);
        let dropped = rig.count("dropped");
        rig.mac(&hasty, long, 4, true);
        rig.mac(&hasty, long, 5, false);
        assert_eq!((rig.header(), rig.count("dropped")), (kept, dropped + 1));
        // One whose own header comes before that, and its TLPs after.
        rig.let_go = true;
        assert!(rig.send(0, i));
        assert_eq!(rig.count("dropped"), dropped + 1);
    }
    rig.drain();
    assert!(rig.sessions[0].checker.report().is_clean());
    rig.bench.assert_equivalent();
}
