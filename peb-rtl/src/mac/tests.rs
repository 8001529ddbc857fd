//! The MAC against an encoder and a decoder that know nothing of it.

use super::{GmiiRx, GmiiTx, Pause};
use crate::testing::{clocked, Bench};
use peb_sim::net::{Frame, Gmii, GmiiDecoder, GmiiEncoder, Shape, Tag};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

clocked!(GmiiRx, GmiiTx, Pause);

/// Straps of the MAC under test, and its peer.
#[derive(Clone, Copy)]
struct World {
    own: [u8; 6],
    peer: [u8; 6],
    ethertype: u16,
    vid: u16,
    pcp: u8,
}

/// Several, so that every bit of a strap is seen at both values.
const WORLDS: [World; 3] = [
    World { own: [2, 0x50, 0x45, 0x42, 0, 1], peer: [2, 0x50, 0x45, 0x42, 0, 2], ethertype: 0x88b5, vid: 0, pcp: 0 },
    World {
        own: [0xfc, 0xaf, 0xba, 0xbd, 0xff, 0xfe],
        peer: [4, 0xaf, 0xba, 0xbd, 0xff, 0xfd],
        ethertype: 0x774a,
        vid: 0xabc,
        pcp: 5,
    },
    World {
        own: [2, 0x50, 0x45, 0x42, 0, 1],
        peer: [0xf8, 0x50, 0x45, 0x42, 0, 2],
        ethertype: 0x88b5,
        vid: 0x543,
        pcp: 2,
    },
];

fn number(mac: [u8; 6]) -> u64 {
    mac.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

impl World {
    fn tag(&self) -> Option<Tag> {
        (self.vid != 0).then_some(Tag { vid: self.vid, pcp: self.pcp, dei: false })
    }
}

/// What a test wants to be sent, and how it is to end.
struct Job {
    payload: Vec<u8>,
    poison: bool,
    /// Words after which the source dries up.
    dry_after: Option<usize>,
}

fn transmit(bench: &mut Bench<GmiiTx>, world: World, jobs: &[Job]) -> Vec<peb_sim::net::Received> {
    let mut decoder = GmiiDecoder::default();
    let mut seen = vec![];
    let mut next = 0;
    let mut words: Vec<u64> = vec![];
    let mut taken = 0;
    let mut idle = 0;
    while idle < 40 {
        let dut = bench.dut();
        dut.own_mac.next = number(world.own).into();
        dut.vid.next = u64::from(world.vid).into();
        dut.pcp.next = u64::from(world.pcp).into();
        dut.ethertype.next = u64::from(world.ethertype).into();
        dut.dst.next = number(world.peer).into();
        dut.start.next = next < jobs.len();
        bench.settle();
        let started = next < jobs.len() && bench.dut().ready.val();
        if started {
            words =
                jobs[next].payload.chunks(8).map(|c| c.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b))).collect();
            taken = 0;
        }
        let job = &jobs[next.saturating_sub(usize::from(!started))];
        let dut = bench.dut();
        let dry = job.dry_after.is_some_and(|n| taken >= n);
        dut.word_valid.next = taken < words.len() && !dry;
        dut.word.next = words.get(taken).copied().unwrap_or(0).into();
        dut.word_last.next = taken + 1 == words.len();
        dut.word_half.next = job.payload.len() % 8 == 4;
        dut.word_poison.next = job.poison;
        bench.settle();
        if bench.dut().word_ready.val() {
            taken += 1;
        }
        if bench.dut().done.val() {
            assert_eq!(bench.dut().aborted.val(), job.poison || job.dry_after.is_some(), "frame {next}");
        }
        let dut = bench.dut();
        let symbol = Gmii { data: dut.gmii_txd.val().raw() as u8, en: dut.gmii_tx_en.val(), er: dut.gmii_tx_er.val() };
        idle = if symbol.en || next < jobs.len() { 0 } else { idle + 1 };
        seen.extend(decoder.clock(symbol));
        next += usize::from(started);
        bench.tick();
    }
    seen
}

#[test]
fn sends_frames_as_the_standard_wants_them() {
    let mut bench = Bench::new("gmii_tx", GmiiTx::default());
    bench.reset();
    let seed = 1;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for world in WORLDS {
        let vid = world.vid;
        let jobs: Vec<Job> = (0..24)
            .map(|i| {
                let dwords = match i {
                    0 => 6,
                    1 => 9,
                    2 => 375,
                    11 => 20,
                    _ => rng.gen_range(6..60),
                };
                Job {
                    payload: (0..4 * dwords).map(|_| rng.gen()).collect(),
                    poison: i == 7,
                    dry_after: (i == 11).then_some(3),
                }
            })
            .collect();
        let seen = transmit(&mut bench, world, &jobs);
        assert_eq!(seen.len(), jobs.len(), "seed {seed}");
        for (i, (job, received)) in jobs.iter().zip(&seen).enumerate() {
            if job.poison || job.dry_after.is_some() {
                assert!(!received.frame.is_good() && received.frame.error, "frame {i} of VID {vid} is ended bad");
                continue;
            }
            assert!(received.faults.is_empty(), "seed {seed}, frame {i} of VID {vid}: {:?}", received.faults);
            let mut want =
                Frame::build(world.peer, world.own, world.tag(), world.ethertype, &job.payload).body().to_vec();
            let header = if vid == 0 { 14 } else { 18 };
            want[header + job.payload.len()..].fill(0xff);
            assert_eq!(received.frame.body(), want, "seed {seed}, frame {i} of VID {vid}");
        }
    }
    bench.assert_equivalent();
    bench.assert_thorough(seed);
}

/// What the receiver said of one frame.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    payload: Vec<u8>,
    good: bool,
    src: u64,
    verdicts: [bool; 4],
}

fn receive(bench: &mut Bench<GmiiRx>, world: World, encoder: &mut GmiiEncoder) -> Vec<Said> {
    let mut said = vec![];
    let mut now = Said::default();
    let mut idle = 0;
    while idle < 8 {
        idle = if encoder.is_idle() { idle + 1 } else { 0 };
        let symbol = encoder.clock();
        let dut = bench.dut();
        dut.own_mac.next = number(world.own).into();
        dut.vid.next = u64::from(world.vid).into();
        dut.ethertype.next = u64::from(world.ethertype).into();
        dut.gmii_rxd.next = u64::from(symbol.data).into();
        dut.gmii_rx_dv.next = symbol.en;
        dut.gmii_rx_er.next = symbol.er;
        bench.settle();
        let dut = bench.dut();
        if dut.word_valid.val() {
            assert_eq!(dut.first.val(), now.payload.is_empty());
            now.payload.extend(dut.word.val().raw().to_le_bytes());
        }
        if dut.end.val() {
            now.good = dut.good.val();
            now.src = dut.src.val().raw();
            now.verdicts = [dut.good_frame.val(), dut.fcs_error.val(), dut.foreign.val(), dut.pause_set.val()];
            now.payload.truncate(dut.length.val().index().min(now.payload.len()));
            if now.verdicts[3] {
                assert_eq!(dut.pause_quanta.val(), 0x1234);
            }
            said.push(std::mem::take(&mut now));
        }
        bench.tick();
    }
    said
}

#[test]
fn judges_frames_as_the_standard_does() {
    let mut bench = Bench::new("gmii_rx", GmiiRx::default());
    bench.reset();
    let seed = 2;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for world in WORLDS {
        let World { own, peer, ethertype, vid, .. } = world;
        let mut encoder = GmiiEncoder::new();
        let mut want = vec![];
        let mut send = |frame: Frame, shape: Option<Shape>, verdict: usize, payload: &[u8]| {
            encoder.send_shaped(&frame, shape.unwrap_or_default());
            let mut verdicts = [false; 4];
            verdicts[verdict] = true;
            want.push((verdicts, payload.to_vec()));
        };
        for i in 0..60 {
            let length = if i == 0 { 1500 } else { rng.gen_range(46..200) };
            let payload: Vec<u8> = (0..length).map(|_| rng.gen()).collect();
            let frame =
                |dst, vid, ethertype| Frame::build(dst, peer, World { vid, ..world }.tag(), ethertype, &payload);
            match i {
                1..=8 => send(frame([0xff; 6], vid, ethertype), None, 0, &payload),
                10 => send(frame(peer, vid, ethertype), None, 2, &payload),
                11 => send(frame(own, vid ^ 3, ethertype), None, 2, &payload),
                12 => send(frame(own, vid, 0x0800), None, 2, &payload),
                13..=16 => {
                    let mut bytes = frame(own, vid, ethertype).body().to_vec();
                    let at = rng.gen_range(0..bytes.len());
                    let good = Frame::new(bytes.clone());
                    bytes[at] ^= 1 << rng.gen_range(0..8);
                    let mut bad = Frame::new(bytes);
                    let n = good.bytes.len();
                    bad.bytes[n - 4..].copy_from_slice(&good.bytes[n - 4..]);
                    send(bad, None, 1, &[]);
                }
                17 => {
                    let mut runt = frame(own, vid, ethertype).body().to_vec();
                    runt.truncate(40);
                    send(
                        Frame { bytes: [runt.clone(), peb_sim::net::fcs(&runt).to_vec()].concat(), error: false },
                        None,
                        1,
                        &[],
                    );
                }
                18 => send(frame(own, vid, ethertype), Some(Shape { error_at: Some(30), ..Shape::default() }), 1, &[]),
                19 => send(Frame::pause(peer, 0x1234), None, 3, &[]),
                20 => send(frame(own, vid, ethertype), Some(Shape { preamble: 0, ..Shape::default() }), 0, &payload),
                21 if vid == 0 => {
                    let priority = Some(Tag { vid: 0, pcp: 3, dei: false });
                    send(Frame::build(own, peer, priority, ethertype, &payload), None, 0, &payload);
                }
                22 => {
                    let giant = vec![0x5a; 1505];
                    send(Frame::build(own, peer, world.tag(), ethertype, &giant), None, 1, &[]);
                }
                41 => {
                    // One octet too short, with a right FCS.
                    let short = &frame(own, vid, ethertype).body()[..59].to_vec();
                    send(Frame { bytes: [&short[..], &peb_sim::net::fcs(short)].concat(), error: false }, None, 1, &[]);
                }
                42..=43 => {
                    // The longest frame, and one octet more.
                    let long = vec![0xa5; 1500 + i - 42];
                    send(Frame::build(own, peer, world.tag(), ethertype, &long), None, i - 42, &long);
                }
                23..=40 => {
                    // Almost ours: one octet of the destination or of the PAUSE frame is another.
                    let pause = i % 2 == 0;
                    let mut bytes =
                        if pause { Frame::pause(peer, 7) } else { frame(own, vid, ethertype) }.body().to_vec();
                    let at = [0, 1, 2, 3, 4, 5, 12, 13, 15][(i - 23) % 9];
                    bytes[at] ^= if pause { 0x10 } else { 0x40 };
                    let not_taken = pause || at < 14 || vid != 0;
                    send(Frame::new(bytes.clone()), None, if not_taken { 2 } else { 0 }, &bytes[14..]);
                }
                _ => send(frame(own, vid, ethertype), None, 0, &payload),
            }
        }
        for burst in
            [&[0x12u8, 0x55, 0xd5, 1, 2][..], &[0x55, 0x13, 0xd5, 1], &[0x55, 0x55, 0x55], &[0xd5], &[0x55; 40]]
        {
            encoder.send_symbols(burst.iter().map(|b| Gmii::octet(*b)).collect(), 12);
            want.push(([false, true, false, false], vec![]));
        }
        let said = receive(&mut bench, world, &mut encoder);
        assert_eq!(said.len(), want.len(), "seed {seed}, VID {vid}");
        for (i, (said, (verdicts, payload))) in said.iter().zip(&want).enumerate() {
            assert_eq!(said.verdicts, *verdicts, "seed {seed}, VID {vid}, frame {i}");
            assert_eq!(said.good, verdicts[0], "seed {seed}, VID {vid}, frame {i}");
            if said.good {
                assert_eq!(said.src, number(world.peer));
                assert_eq!(said.payload, *payload, "seed {seed}, VID {vid}, frame {i}");
            }
        }
    }
    bench.assert_equivalent();
    bench.assert_thorough(seed);
}

/// What a pause is, in clocks.
#[derive(Default)]
struct PauseModel {
    left: u64,
    stretch: u64,
}

impl PauseModel {
    /// A clock; tells whether a pause began.
    fn clock(&mut self, set: Option<u64>, tick: bool, limit: u64) -> bool {
        let paused = self.left > 0;
        let too_long = paused && self.stretch >= limit;
        self.stretch = if paused { self.stretch + u64::from(tick) } else { 0 };
        self.left = if too_long { 0 } else { self.left.saturating_sub(1) };
        if let Some(quanta) = set {
            self.left = if too_long { 0 } else { 64 * quanta };
        }
        set.is_some_and(|quanta| quanta > 0) && !paused
    }
}

#[test]
fn pauses_as_long_as_asked_but_no_longer_than_allowed() {
    for seed in 1..=4 {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::new("pause", Pause::default());
        bench.reset();
        let (mut model, mut ends) = (PauseModel::default(), [0, 0]);
        for _ in 0..30 {
            let limit = [0, 1, 20, 400, 0xff_ffff][rng.gen_range(0..5)];
            let (sets, ticks) = ([0.001, 0.01, 0.3][rng.gen_range(0..3)], [0.01, 0.2, 1.0][rng.gen_range(0..3)]);
            let most = [2, 4, 0x1_0000][rng.gen_range(0..3)];
            bench.dut().limit_ticks.next = limit.into();
            for clock in 0..1500 {
                let set = rng.gen_bool(sets).then(|| rng.gen_range(0..most));
                let tick = rng.gen_bool(ticks);
                bench.dut().pause_set.next = set.is_some();
                bench.dut().pause_quanta.next = set.unwrap_or_else(|| rng.gen_range(0..most)).into();
                bench.dut().tick.next = tick;
                bench.tick();
                let (before, over) = (model.left, model.stretch >= limit);
                let began = model.clock(set, tick, limit);
                ends[usize::from(over)] += u64::from(before > 0 && model.left == 0 && set.is_none());
                bench.settle();
                assert_eq!(
                    (bench.dut().paused.val(), bench.dut().obeyed.val()),
                    (model.left > 0, began),
                    "seed {seed}, clock {clock}, limit {limit}"
                );
            }
        }
        assert!(ends.iter().all(|n| *n > 5), "seed {seed}: ends of both kinds, {ends:?}");
        bench.assert_equivalent();
    }
}
