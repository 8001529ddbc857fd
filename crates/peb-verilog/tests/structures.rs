//! Two clocks, const generics, arrays of interfaces: the Verilog means the same.

#![allow(missing_docs)]

use peb_hdl::prelude::*;
use peb_verilog::{assert_equivalent, Recording};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 20;

/// Two clocks, and logic that reads nothing but registers.
#[derive(Module, Default)]
pub struct Crossing {
    pub fast: Signal<In, Clk>,
    pub slow: Signal<In, Clk>,
    pub level: Signal<Out, Bit>,
    pub ticks: Signal<Out, U<4>>,
    count: Reg<U<4>>,
    sync: Sync2,
    seen: Reg<U<4>>,
    _activity: Activity,
}

impl Logic for Crossing {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, fast, count);
        if self.count.q.val() == 12 {
            self.count.d.next = 0.into();
        } else {
            self.count.d.next = self.count.q.val() + 1;
        }
        dff_setup!(self, slow, seen);
        self.sync.clock.next = self.slow.val();
        self.sync.d.next = self.count.q.val().get_bit(2);
        if self.sync.q.val() {
            self.seen.d.next = self.seen.q.val() + 1;
        }
        self.level.next = self.sync.q.val();
        self.ticks.next = self.seen.q.val();
    }
}

#[test]
fn two_clocks_mean_the_same() {
    let mut sim = Sim::with_clocks(Crossing::default(), &[8000, 20_000], |d| {
        d.fast.next = Clk::new(0);
        d.slow.next = Clk::new(1);
    });
    let mut recording = Recording::new(sim.dut.as_ref(), "crossing").unwrap();
    let mut both = 0;
    for _ in 0..300 {
        sim.settle();
        recording.sample(sim.dut.as_ref());
        let rose = sim.advance();
        both += (rose == 3) as u32;
        recording.set_edges(
            &["fast", "slow"]
                .into_iter()
                .enumerate()
                .filter(|(i, _)| rose >> i & 1 == 1)
                .map(|c| c.1)
                .collect::<Vec<_>>(),
        );
    }
    assert!(both > 10, "simultaneous edges must occur");
    assert_equivalent(&recording);
}

/// Widths and lengths by const generics; arrays of interfaces.
#[derive(Module)]
pub struct Selector<const B: usize, const N: usize, const L: usize> {
    pub choice: Signal<In, U<L>>,
    pub word: [Signal<In, U<B>>; N],
    pub sink: [StreamRx; N],
    pub source: StreamTx,
    pub chosen: Signal<Out, U<B>>,
    pub top_bits: Signal<Out, U<4>>,
    _activity: Activity,
}

impl<const B: usize, const N: usize, const L: usize> Default for Selector<B, N, L> {
    fn default() -> Self {
        Self::blank()
    }
}

impl<const B: usize, const N: usize, const L: usize> Logic for Selector<B, N, L> {
    #[hdl_gen]
    fn update(&mut self) {
        self.chosen.next = bits::<B>(1);
        self.source.data.next = 0.into();
        self.source.half.next = false;
        self.source.last.next = false;
        self.source.valid.next = false;
        for i in 0..N {
            self.sink[i].ready.next = false;
            if self.choice.val().index() == i {
                self.chosen.next = self.word[i].val();
                self.source.data.next = self.sink[i].data.val();
                self.source.half.next = self.sink[i].half.val();
                self.source.last.next = self.sink[i].last.val();
                self.source.valid.next = self.sink[i].valid.val();
                self.sink[i].ready.next = self.source.ready.val();
            }
        }
        self.top_bits.next = bit_cast::<4, B>(self.chosen.val() >> 7);
    }
}

#[test]
fn generic_blocks_mean_the_same() {
    println!("seed {SEED}");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut sim = Sim::new(Selector::<10, 3, 2>::default(), |_| {});
    let mut recording = Recording::new(sim.dut.as_ref(), "selector").unwrap();
    for _ in 0..500 {
        sim.dut.choice.next = U::new(random.gen());
        for i in 0..3 {
            sim.dut.word[i].next = U::new(random.gen());
            sim.dut.sink[i].data.next = U::new(random.gen());
            sim.dut.sink[i].valid.next = random.gen();
            sim.dut.sink[i].last.next = random.gen();
        }
        sim.dut.source.ready.next = random.gen();
        sim.settle();
        recording.sample(sim.dut.as_ref());
    }
    assert!(recording.verilog.contains("input wire [63:0] sink_0_data"));
    assert_equivalent(&recording);
}
