//! What the fuzz targets look at, with random bytes: none at all alike, and good frames and TLPs with some bytes changed, cut or repeated.

use peb_sim::trace::{Trace, NVME_HOTPLUG};
use peb_wire::{Flags, Frame, Header, Message};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "../../fuzz/look/frame.rs"]
mod frame;
#[path = "../../fuzz/look/tlp.rs"]
mod tlp;

/// TLPs that a kernel sent.
fn tlps() -> Vec<Vec<u8>> {
    let trace = Trace::parse("built-in trace", NVME_HOTPLUG).expect("well formed");
    trace.records.into_iter().map(|record| record.tlp).collect()
}

/// Something like one of these, more or less.
fn like(rng: &mut impl Rng, good: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = good.choose(rng).expect("not empty").clone();
    for _ in 0..rng.gen_range(0..4) {
        let at = rng.gen_range(0..=bytes.len().min(40));
        match rng.gen_range(0..5) {
            0 => bytes.truncate(at),
            1 => bytes.extend(std::iter::repeat_with(|| rng.gen::<u8>()).take(at).collect::<Vec<_>>()),
            2 => bytes.insert(at, rng.gen()),
            3 => bytes.extend_from_within(at..),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if rng.gen() { rng.gen() } else { *byte ^ (1 << rng.gen_range(0..8)) };
                }
            }
        }
        bytes.truncate(2000);
    }
    bytes
}

fn run(count: u32, seed: u64) {
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let tlps = tlps();
    let mut taken = [0; 2];
    for n in 0..count {
        let bytes = match n % 4 {
            0 => (0..rng.gen_range(0..200)).map(|_| rng.gen()).collect(),
            _ => like(&mut rng, &tlps),
        };
        tlp::look(&bytes);
        taken[0] += u32::from(peb_tlp::TlpView::parse(&bytes).is_ok());
        // The headers of a good frame, then this and others.
        let mut octets = vec![2; 12];
        octets.extend(peb_wire::ETHERTYPE.to_be_bytes());
        octets.extend(header(&mut rng));
        octets.extend(&bytes);
        for _ in 0..rng.gen_range(0..3) {
            octets.extend(like(&mut rng, &tlps));
        }
        let octets = if n % 8 == 0 { like(&mut rng, &[octets]) } else { octets };
        frame::look(&octets);
        taken[1] += u32::from(Frame::parse(&octets).is_ok());
    }
    // Both sides of the parsers were reached.
    assert!(taken.iter().all(|&taken| taken > count / 10 && taken < count), "{taken:?} of {count}");
}

/// A header with any fields.
fn header(rng: &mut impl Rng) -> [u8; peb_wire::HEADER_LEN] {
    let flags = Flags { data: rng.gen(), retransmit: rng.gen(), ..Header::EMPTY.flags };
    let message = Message::Data { sack: rng.gen() };
    Header { message, flags, src_epoch: rng.gen(), dst_epoch: rng.gen(), window: rng.gen(), ..Header::EMPTY }.encode()
}

#[test]
fn random_bytes_break_nothing() {
    run(30_000, 1);
}

#[test]
#[ignore = "nightly"]
fn many_random_bytes_break_nothing() {
    (2..=41).for_each(|seed| run(1_000_000, seed));
}
