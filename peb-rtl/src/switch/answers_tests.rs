//! [`Answers`] against the header format of the specification.

use super::Answers;
use crate::testing::{clocked, Bench};
use peb_hdl::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Answers);

/// Fields of a descriptor in its order, and their widths.
const WIDTHS: [u32; 10] = [16, 10, 3, 3, 3, 12, 7, 16, 1, 32];

fn pack(fields: [u64; 10]) -> u128 {
    let mut at = 0;
    fields.iter().zip(WIDTHS).fold(0, |all, (&field, width)| {
        at += width;
        all | u128::from(field) << (at - width)
    })
}

/// The TLP, byte by byte.
fn tlp([requester, tag, tc, attr, status, count, lower, completer, has_data, value]: [u64; 10]) -> Vec<u8> {
    let locked = u64::from(has_data == 1 && status != 0);
    let has_data = has_data - locked;
    let mut t = vec![(0x0a | has_data << 6 | locked) as u8];
    t.push(((tag >> 9) << 7 | tc << 4 | (tag >> 8 & 1) << 3 | (attr >> 2) << 2) as u8);
    t.extend([((attr & 3) << 4) as u8, has_data as u8]);
    t.extend((completer as u16).to_be_bytes());
    t.extend(((status << 13 | count) as u16).to_be_bytes());
    t.extend((requester as u16).to_be_bytes());
    t.extend([tag as u8, lower as u8]);
    if has_data == 1 {
        t.extend((value as u32).to_le_bytes());
    }
    t
}

fn random(rng: &mut ChaCha8Rng) -> [u64; 10] {
    let mut fields = WIDTHS.map(|width| rng.gen_range(0..1u64 << width));
    if fields[8] == 0 {
        fields[9] = 0;
    }
    fields
}

/// Collects the TLPs; all beats must be in order, with the right marks.
#[derive(Default)]
struct Sink {
    bytes: Vec<u8>,
    tlps: Vec<(u64, Vec<u8>)>,
}

impl Sink {
    fn take(&mut self, d: &Answers) {
        if !d.valid.val() || !d.ready.val() {
            return;
        }
        assert_eq!(d.first.val(), self.bytes.is_empty());
        assert_eq!(d.class.val().raw(), 2);
        let data = d.data.val().raw().to_le_bytes();
        self.bytes.extend(&data[..if d.half.val() { 4 } else { 8 }]);
        if d.last.val() {
            assert_eq!(self.bytes.len() as u64, 4 * d.dwords.val().raw());
            self.tlps.push((d.out_to.val().raw(), std::mem::take(&mut self.bytes)));
        }
    }
}

#[test]
fn random_completions_of_two_sources() {
    for seed in [1, 2, 3] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::new("answers", Answers::default());
        bench.reset();
        let (mut sent, mut sink) = ([VecDeque::new(), VecDeque::new()], Sink::default());
        let mut offers = [None, None];
        let (mut seen, mut tight) = (0, false);
        for n in 0..6000 {
            let slow = n % 2000 < 1000;
            for (k, offer) in offers.iter_mut().enumerate() {
                if offer.is_none() && rng.gen_bool(if slow { 0.2 } else { 0.05 }) {
                    // The top bit of the target tells the sources apart.
                    *offer = Some((random(&mut rng), rng.gen_range(0..8u64) | (k as u64) << 3));
                }
            }
            let d = bench.dut();
            d.ready.next = rng.gen_bool(if slow { 0.1 } else { 0.9 });
            (d.a_valid.next, d.b_valid.next) = (offers[0].is_some(), offers[1].is_some());
            if let Some((fields, to)) = offers[0] {
                (d.a.next, d.a_to.next) = (W::new(pack(fields)), to.into());
            }
            if let Some((fields, to)) = offers[1] {
                (d.b.next, d.b_to.next) = (W::new(pack(fields)), to.into());
            }
            bench.settle();
            let d = bench.dut();
            for (k, ready) in [d.a_ready.val(), d.b_ready.val()].into_iter().enumerate() {
                if ready {
                    sent[k].extend(offers[k].take());
                }
            }
            sink.take(d);
            tight |= !d.room.val() && n > 30;
            bench.tick();
            for (to, bytes) in sink.tlps.drain(..) {
                let (fields, target) = sent[(to >> 3) as usize].pop_front().expect("a TLP of nothing");
                assert_eq!((to, bytes), (target, tlp(fields)), "seed {seed}");
                seen += 1;
            }
        }
        assert!(seen > 500 && tight, "seed {seed}: {seen}");
        bench.assert_equivalent();
    }
}

#[test]
fn clear_drops_what_waits() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut bench = Bench::new("answers_clear", Answers::default());
    bench.reset();
    let first = random(&mut rng);
    let mut sink = Sink::default();
    bench.dut().a_valid.next = true;
    bench.dut().a.next = W::new(pack(first));
    bench.tick();
    for _ in 0..70 {
        bench.dut().a.next = W::new(pack(random(&mut rng)));
        bench.settle();
        if !bench.dut().a_ready.val() {
            break;
        }
        bench.tick();
    }
    assert!(!bench.dut().a_ready.val() && !bench.dut().room.val());
    bench.dut().clear.next = true;
    bench.settle();
    assert!(bench.dut().a_ready.val() && bench.dut().valid.val());
    bench.clocks(3);
    bench.dut().clear.next = false;
    let last = random(&mut rng);
    bench.dut().a.next = W::new(pack(last));
    bench.tick();
    bench.dut().a_valid.next = false;
    bench.dut().ready.next = true;
    for _ in 0..30 {
        bench.settle();
        sink.take(bench.dut());
        bench.tick();
    }
    assert_eq!(sink.tlps, [(0, tlp(first)), (0, tlp(last))]);
    bench.assert_equivalent();
}
