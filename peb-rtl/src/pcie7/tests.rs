//! The adapters against a model of the block; rules R1 to R11 are those of the module's documentation.

mod crossing;
mod mirror;
mod model;
mod receive;
mod setup;
mod transmit;

use peb_hdl::prelude::*;
use peb_verilog::{assert_equivalent, Recording};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Periods of the core's and the block's clock in picoseconds: alike, one faster, the other faster.
const PERIODS: [[u64; 2]; 3] = [[8000, 8000], [8000, 7100], [8000, 16_100]];
/// Bits of what [`Rig::step`] gives.
const CORE: u64 = 1;
const USER: u64 = 2;

/// A block with two clocks, recorded.
struct Rig<T> {
    sim: Sim<T>,
    recording: Recording,
    ports: [&'static str; 2],
}

impl<T: peb_hdl::prelude::Block + Node> Rig<T> {
    /// `ports` are the clock ports of the core's and the block's clock, which `wire` connects to clocks 0 and 1.
    fn new(name: &str, dut: T, periods: [u64; 2], ports: [&'static str; 2], wire: impl FnOnce(&mut T)) -> Self {
        let sim = Sim::with_clocks(dut, &periods, wire);
        let recording = Recording::new(sim.dut.as_ref(), name).unwrap_or_else(|e| panic!("{name}: {e}"));
        Rig { sim, recording, ports }
    }

    /// Lets the inputs fall through; outputs can be read then.
    fn settle(&mut self) {
        self.sim.settle();
    }

    /// To the next rising edge; says which clocks rose.
    fn step(&mut self) -> u64 {
        self.sim.settle();
        self.recording.sample(self.sim.dut.as_ref());
        let rose = self.sim.advance();
        let ports: Vec<&str> = (0..2).filter(|n| rose >> n & 1 == 1).map(|n| self.ports[n]).collect();
        self.recording.set_edges(&ports);
        rose
    }

    fn assert_equivalent(&self) {
        assert_equivalent(&self.recording);
    }
}

/// A beat: data, `tkeep`, `tlast`.
type Beat = (u64, u8, bool);

/// The beats of a TLP, byte 0 in the low bits.
fn beats(tlp: &[u8]) -> Vec<Beat> {
    assert!(tlp.len() % 4 == 0 && !tlp.is_empty());
    let last = tlp.len().div_ceil(8) - 1;
    let beat = |(n, bytes): (usize, &[u8])| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        (u64::from_le_bytes(word), if bytes.len() == 4 { 0x0f } else { 0xff }, n == last)
    };
    tlp.chunks(8).enumerate().map(beat).collect()
}

/// R1: what the core calls byte 0 of a dword is bits 31:24 of the block's.
fn of_block(beat: Beat) -> Beat {
    let dword = |n: u32| u64::from((beat.0 >> (32 * n)) as u32).swap_bytes() >> 32;
    (dword(0) | dword(1) << 32, beat.1, beat.2)
}

/// Puts beats together again.
#[derive(Default)]
struct Collector {
    bytes: Vec<u8>,
}

impl Collector {
    /// Takes a beat; gives the TLP that ends with it.
    fn take(&mut self, (data, keep, last): Beat) -> Option<Vec<u8>> {
        assert!(keep == 0xff || (last && keep == 0x0f), "R2: tkeep {keep:02x}, last {last}");
        self.bytes.extend(&data.to_le_bytes()[..keep.count_ones() as usize]);
        last.then(|| std::mem::take(&mut self.bytes))
    }
}

/// Whether the TLP is non-posted, by its first byte (PCIe table 2-3).
fn is_non_posted(tlp: &[u8]) -> bool {
    matches!(tlp[0], 0x00 | 0x20 | 0x01 | 0x21 | 0x02 | 0x42 | 0x04 | 0x44 | 0x05 | 0x45)
        || matches!(tlp[0], 0x4c | 0x6c | 0x4d | 0x6d | 0x4e | 0x6e)
}

/// A TLP of a random kind, with its number in it, so that no two are alike.
fn random_tlp(rng: &mut ChaCha8Rng, number: u32, non_posted: bool) -> Vec<u8> {
    let (first, dwords): (u8, usize) = if non_posted {
        [(0x00, 3), (0x20, 4), (0x02, 3), (0x42, 4), (0x04, 3), (0x44, 4), (0x05, 3), (0x45, 4), (0x6e, 13), (0x4c, 4)]
            [rng.gen_range(0..10)]
    } else {
        let most = if rng.gen_ratio(1, 4) { 128 } else { 8 };
        let long = rng.gen_range(1..=most);
        [(0x40, 3 + long), (0x60, 4 + long), (0x0a, 3), (0x4a, 3 + long), (0x34, 4), (0x74, 4 + long)]
            [rng.gen_range(0..6)]
    };
    let mut tlp: Vec<u8> = (0..4 * dwords).map(|_| rng.gen()).collect();
    tlp[0] = first;
    tlp[4..8].copy_from_slice(&number.to_be_bytes());
    // No completion of ours: the requester is not 0xffff.
    tlp[8] &= 0x7f;
    tlp
}
