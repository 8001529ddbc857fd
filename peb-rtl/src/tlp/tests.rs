//! The framer against the rules of `peb-tlp`.

use super::Framer;
use crate::testing::{clocked, Bench};
use peb_tlp::{wire_length, Class, TlpError, TlpView};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Framer);

#[derive(Clone, Copy)]
struct Beat {
    data: u64,
    keep: u8,
    last: bool,
}

/// What the block has to make of a TLP.
#[derive(Clone)]
struct Expected {
    bytes: Vec<u8>,
    /// `tkeep` was odd somewhere.
    odd: bool,
    verdict: Result<Class, TlpError>,
}

impl Expected {
    /// It may come out, if only with `bad`.
    fn may_show(&self) -> bool {
        matches!(self.verdict, Ok(_) | Err(TlpError::TooShort { .. } | TlpError::TooLong { .. }))
            && self.bytes.len() > 8
    }

    fn must_show(&self) -> bool {
        self.verdict.is_ok() && !self.odd
    }
}

/// A TLP of any type that keeps all rules.
fn valid_tlp(rng: &mut ChaCha8Rng) -> Vec<u8> {
    const BYTE0: [u8; 30] = [
        0x00, 0x20, 0x40, 0x60, 0x01, 0x21, 0x02, 0x42, 0x04, 0x44, 0x05, 0x45, 0x0a, 0x4a, 0x0b, 0x4b, 0x4c, 0x6c,
        0x4d, 0x6d, 0x4e, 0x6e, 0x30, 0x71, 0x32, 0x73, 0x34, 0x75, 0x40, 0x60,
    ];
    // Random bits until they keep the rules, with a few of them set to what the type needs.
    loop {
        let mut header: [u8; 16] = rng.gen();
        header[0] = *BYTE0.choose(rng).unwrap();
        let data = header[0] & 0x40 != 0;
        let length: u16 = match (header[0] & 0x1f, data) {
            (0x02 | 0x04 | 0x05, _) => 1,
            (0x0c..=0x0e, _) => 1 << rng.gen_range(0..4),
            (0x00 | 0x01, false) => *[1, 2, 3, 1024, rng.gen_range(0..1024)].choose(rng).unwrap(),
            (_, false) => rng.gen_range(0..1024),
            _ => *[1, 2, 2, 3, 127, 128, rng.gen_range(1..129), rng.gen_range(1..17)].choose(rng).unwrap(),
        };
        header[2] = header[2] & 0xfc | (length >> 8) as u8 & 3;
        header[3] = length as u8;
        if matches!(header[0] & 0x1f, 2 | 4 | 5) {
            header[1] &= 0x8f;
            header[2] &= 0xcf;
            header[7] &= 0x0f;
        } else if rng.gen() {
            header[7] = if length == 1 { 0x0f } else { [0xff, 0x1c, 0x3e, 0x78][rng.gen_range(0..4)] };
        }
        if length == 1024 || rng.gen_ratio(1, 4) {
            // As far up in its page as it may stand, or one dword farther.
            let at = if header[0] & 0x20 == 0 { 10 } else { 14 };
            let top = 1024 - length % 1024 + u16::from(rng.gen_ratio(1, 4));
            let top = top % 1024 * 4;
            header[at] = header[at] & 0xf0 | (top >> 8) as u8;
            header[at + 1] = top as u8;
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

fn beats(bytes: &[u8]) -> Vec<Beat> {
    let count = bytes.len().div_ceil(8);
    bytes
        .chunks(8)
        .enumerate()
        .map(|(i, c)| Beat {
            data: c.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b)),
            keep: if c.len() == 8 { 0xff } else { 0x0f },
            last: i + 1 == count,
        })
        .collect()
}

/// A TLP as it is to be, or spoilt in one or two ways.
fn job(rng: &mut ChaCha8Rng) -> (Vec<Beat>, Expected) {
    let mut bytes = valid_tlp(rng);
    let what = rng.gen_range(0..12);
    if matches!(what, 0..=3) {
        for _ in 0..rng.gen_range(1..3) {
            // The bits of the type, the length, the enables and the low address are the interesting ones.
            let at = *[0, 0, 1, 2, 3, 7, 7, 10, 11, 11, 14, 15, rng.gen_range(0..16)].choose(rng).unwrap();
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1 << rng.gen_range(0..8);
        }
        // Most such TLPs get the size their header now asks for, so that nothing else is wrong with them.
        let need = wire_length([bytes[0], bytes[1], bytes[2], bytes[3]]).filter(|n| *n < 1000);
        if let Some(need) = need.filter(|_| rng.gen_ratio(7, 8)) {
            bytes.resize_with(need, || rng.gen());
        }
    }
    if what == 4 {
        bytes.truncate(rng.gen_range(1..bytes.len() / 4 + 1) * 4);
    }
    if what == 5 {
        bytes.resize_with(bytes.len() + rng.gen_range(1..8) * 4, || rng.gen());
    }
    let mut beats = beats(&bytes);
    let mut odd = false;
    if what == 6 {
        let n = beats.len();
        let beat = &mut beats[rng.gen_range(0..n)];
        let keep = *[0x0f, 0xff, 0x00, 0x7f, 0x1f, 0x07, 0xf0, rng.gen()].choose(rng).unwrap();
        odd = keep != beat.keep;
        beat.keep = keep;
    }
    let verdict = TlpView::parse(&bytes).map(|v| v.class());
    (beats, Expected { bytes, odd, verdict })
}

/// What came out between `first` and `last`.
#[derive(Default)]
struct Shown {
    bytes: Vec<u8>,
    bad: bool,
    class: u64,
    dwords: usize,
}

/// Probabilities of a beat and of `ready`, in sixteenths.
#[derive(Clone, Copy)]
struct Pace {
    source: u32,
    sink: u32,
}

/// Sends TLPs and returns what came out of them and how often `malformed` pulsed.
fn run(bench: &mut Bench<Framer>, rng: &mut ChaCha8Rng, pace: Pace, jobs: &[Vec<Beat>]) -> (Vec<Shown>, usize) {
    let mut input: VecDeque<Beat> = jobs.iter().flatten().copied().collect();
    let mut shown: Vec<Shown> = vec![];
    let (mut malformed, mut idle, mut inside, mut offered) = (0, 0, false, false);
    while idle < 60 {
        offered = !input.is_empty() && (offered || rng.gen_ratio(pace.source, 16));
        let ready = rng.gen_ratio(pace.sink, 16);
        let junk = Beat { data: rng.gen(), keep: rng.gen(), last: rng.gen() };
        let beat = if offered { input[0] } else { junk };
        let dut = bench.dut();
        dut.tdata.next = beat.data.into();
        dut.tkeep.next = u64::from(beat.keep).into();
        dut.tlast.next = beat.last;
        dut.tvalid.next = offered;
        dut.ready.next = ready;
        bench.settle();
        let dut = bench.dut();
        malformed += usize::from(dut.malformed.val());
        idle = if dut.valid.val() || !input.is_empty() { 0 } else { idle + 1 };
        if dut.valid.val() && ready {
            assert_eq!(dut.first.val(), !inside, "first");
            if dut.first.val() {
                shown.push(Shown {
                    class: dut.class.val().raw(),
                    dwords: dut.dwords.val().raw() as usize,
                    ..Shown::default()
                });
            }
            let tlp = shown.last_mut().expect("first comes first");
            assert_eq!((tlp.class, tlp.dwords), (dut.class.val().raw(), dut.dwords.val().raw() as usize), "constant");
            inside = !dut.last.val();
            let keep = if dut.last.val() && dut.half.val() { 4 } else { 8 };
            tlp.bytes.extend(&dut.data.val().raw().to_le_bytes()[..keep]);
            tlp.bad = dut.last.val() && dut.bad.val();
            assert!(tlp.bytes.len() <= tlp.dwords * 4, "more than the header says");
        }
        if offered && dut.tready.val() {
            input.pop_front();
            offered = false;
        }
        bench.tick();
    }
    assert!(!inside, "a TLP has no end");
    (shown, malformed)
}

fn check(shown: Vec<Shown>, expected: &[Expected]) {
    let mut shown = shown.into_iter().peekable();
    for (i, want) in expected.iter().enumerate() {
        let need = want.bytes.first_chunk::<4>().and_then(|dw0| wire_length(*dw0));
        if want.must_show() {
            let got = shown.next().unwrap_or_else(|| panic!("TLP {i} is missing: {:02x?}", want.bytes));
            assert_eq!(got.bytes, want.bytes, "TLP {i}");
            assert!(!got.bad, "TLP {i} is good: {:02x?}", want.bytes);
            assert_eq!(Some(got.dwords * 4), need, "TLP {i}");
            assert_eq!(got.class, want.verdict.as_ref().map(|c| *c as u64).unwrap(), "TLP {i}");
        } else if shown.peek().is_some_and(|s| s.bad && s.bytes[..8] == want.bytes[..want.bytes.len().min(8)]) {
            shown.next();
            assert!(want.may_show(), "TLP {i} has a bad header: {:02x?} {:?}", want.bytes, want.verdict);
        } else {
            // Swallowed: an odd tkeep alone is no reason to.
            assert!(want.verdict.is_err(), "TLP {i}: {:02x?}", want.bytes);
        }
    }
    assert!(shown.next().is_none(), "more TLPs than were sent");
}

#[test]
fn follows_the_rules_of_the_specification() {
    let mut bench = Bench::new("framer", Framer::default());
    bench.reset();
    let seed = 1;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for pace in [(16, 16), (8, 16), (16, 8), (5, 12), (13, 3), (16, 16)].map(|(source, sink)| Pace { source, sink }) {
        let (jobs, expected): (Vec<_>, Vec<_>) = (0..1200).map(|_| job(&mut rng)).unzip();
        let (shown, malformed) = run(&mut bench, &mut rng, pace, &jobs);
        assert_eq!(malformed, expected.iter().filter(|e| !e.must_show()).count(), "pulses");
        check(shown, &expected);
        // Reset in the middle of a TLP, one of them a swallowed one.
        for byte0 in [0x60, 0xff] {
            for _ in 0..4 {
                bench.dut().tdata.next = (0x0f00_0000_2000_0000_u64 | byte0).into();
                bench.dut().tkeep.next = 255.into();
                bench.dut().tlast.next = false;
                bench.dut().tvalid.next = true;
                bench.tick();
            }
            bench.dut().tvalid.next = false;
            bench.reset();
        }
    }
    bench.assert_equivalent();
    bench.assert_thorough(1);
}

#[test]
fn takes_a_beat_a_clock_and_three_clocks() {
    let mut bench = Bench::new("framer_pace", Framer::default());
    bench.reset();
    let seed = 2;
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let input: Vec<Beat> = (0..300).flat_map(|_| beats(&valid_tlp(&mut rng))).collect();
    for clock in 0..input.len() + 3 {
        let dut = bench.dut();
        dut.ready.next = true;
        dut.tvalid.next = clock < input.len();
        if let Some(beat) = input.get(clock) {
            dut.tdata.next = beat.data.into();
            dut.tkeep.next = u64::from(beat.keep).into();
            dut.tlast.next = beat.last;
        }
        bench.settle();
        let dut = bench.dut();
        assert!(dut.tready.val(), "clock {clock}");
        assert_eq!(dut.valid.val(), clock >= 3, "clock {clock}");
        if clock >= 3 {
            assert_eq!((dut.data.val().raw(), dut.last.val()), (input[clock - 3].data, input[clock - 3].last));
        }
        bench.tick();
    }
}
