//! Expressions whose meaning differs between Rust and rust-hdl's own Verilog, and everything else a block may
//! write: random inputs, all outputs compared every clock, with Icarus and with Verilator.

#![allow(missing_docs)]

use peb_hdl::prelude::*;
use peb_verilog::{assert_equivalent, coverage, mutation_score, Recording};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum Phase {
    Idle,
    Header,
    Payload,
    Check,
    Done,
}

/// rust-hdl's derive of structs wants rust-hdl's own casts in scope.
mod structs {
    use peb_hdl::rust_hdl::prelude::*;
    use peb_hdl::U;

    #[derive(Copy, Clone, Debug, PartialEq, Default, LogicStruct)]
    pub struct Beat {
        pub data: U<16>,
        pub keep: U<2>,
        pub last: Bit,
    }
}
use structs::Beat;

/// The rows of the table, each an output.
#[derive(Module, Default)]
pub struct Expressions {
    pub a: Signal<In, U<8>>,
    pub b: Signal<In, U<8>>,
    pub c: Signal<In, U<8>>,
    pub s: Signal<In, U<4>>,
    pub w: Signal<In, W<96>>,
    pub p: Signal<In, Bit>,
    pub q: Signal<In, Bit>,
    pub and_equal: Signal<Out, Bit>,
    pub xor_equal: Signal<Out, Bit>,
    pub or_equal: Signal<Out, Bit>,
    pub cast_sum: Signal<Out, U<9>>,
    pub cast_shift: Signal<Out, U<16>>,
    pub cast_not: Signal<Out, U<16>>,
    pub cast_not_bit: Signal<Out, U<8>>,
    pub wrap_equal: Signal<Out, Bit>,
    pub wrap_equal_bits: Signal<Out, Bit>,
    pub average: Signal<Out, U<8>>,
    pub rounded: Signal<Out, U<8>>,
    pub bit_wrap: Signal<Out, Bit>,
    pub shift_wrap: Signal<Out, U<8>>,
    pub match_wrap: Signal<Out, U<8>>,
    pub slice_sum: Signal<Out, U<4>>,
    pub bit_xor: Signal<Out, Bit>,
    pub narrow: Signal<Out, U<3>>,
    pub wide_up: Signal<Out, W<128>>,
    pub wide_sum: Signal<Out, W<96>>,
    pub wide_slice: Signal<Out, W<20>>,
    pub wide_bits_run: Signal<Out, W<8>>,
    pub shift_far: Signal<Out, U<8>>,
    pub shift_by_wide: Signal<Out, U<8>>,
    pub shift_literal: Signal<Out, U<8>>,
    pub bit_beyond: Signal<Out, Bit>,
    pub bits_beyond: Signal<Out, U<6>>,
    pub replaced: Signal<Out, U<8>>,
    pub replaced_beyond: Signal<Out, U<8>>,
    pub replaced_fixed: Signal<Out, U<8>>,
    pub reductions: Signal<Out, U<3>>,
    pub compare: Signal<Out, U<6>>,
    pub logical: Signal<Out, U<4>>,
    pub nested: Signal<Out, U<8>>,
    part: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Logic for Expressions {
    #[hdl_gen]
    fn update(&mut self) {
        self.and_equal.next = self.a.val() & self.b.val() == self.c.val();
        self.xor_equal.next = self.a.val() ^ self.b.val() == self.c.val();
        self.or_equal.next = self.a.val() | self.b.val() == self.c.val();
        self.cast_sum.next = bit_cast::<9, 8>(self.a.val() + self.b.val());
        self.cast_shift.next = bit_cast::<16, 8>(self.a.val() << 4);
        self.cast_not.next = bit_cast::<16, 8>(!self.a.val());
        self.cast_not_bit.next = bit_cast::<8, 1>((!self.p.val()).into());
        self.wrap_equal.next = self.a.val() + 1 == self.b.val();
        self.wrap_equal_bits.next = self.a.val() + bits::<8>(1) == self.b.val();
        self.average.next = (self.a.val() + self.b.val() + 1) >> 1;
        self.rounded.next = (self.a.val() + bits::<8>(7)) >> 3;
        self.bit_wrap.next = self.w.val().get_bit((self.s.val() + 1).index());
        self.shift_wrap.next = self.a.val() << (self.s.val() + 1);
        match (self.s.val() + 1).index() {
            0 => {
                self.match_wrap.next = self.a.val();
            }
            1 => {
                self.match_wrap.next = self.b.val();
            }
            15 => {
                self.match_wrap.next = self.c.val();
            }
            _ => {
                self.match_wrap.next = 0x5a.into();
            }
        }
        self.slice_sum.next = (self.a.val() + 1).get_bits::<4>(4);
        self.bit_xor.next = (self.a.val() ^ 3).get_bit(0);
        self.narrow.next = bit_cast::<3, 8>(self.a.val() + self.b.val());
        self.wide_up.next = bit_cast_wide_wide::<128, 96>(self.w.val() + 1);
        self.wide_sum.next = self.w.val() - bit_cast_wide::<96, 8>(self.a.val());
        self.wide_slice.next = (self.w.val() ^ (self.w.val() >> 7)).get_bits::<20>(70);
        self.wide_bits_run.next = self.w.val().get_bits::<8>((self.a.val() & 0x7f).index());
        self.shift_far.next = self.a.val() >> self.s.val();
        self.shift_by_wide.next = self.a.val() << self.b.val();
        self.shift_literal.next = (self.a.val() >> 3) | (self.b.val() << 8) | (self.c.val() << 7);
        self.bit_beyond.next = self.a.val().get_bit(self.s.val().index());
        self.bits_beyond.next = self.a.val().get_bits::<6>(self.s.val().index());
        self.replaced.next = self.a.val().replace_bit((self.s.val() & 7).index(), self.p.val());
        self.replaced_beyond.next = self.a.val().replace_bit(self.s.val().index(), !self.p.val());
        self.replaced_fixed.next = (self.a.val() + self.b.val()).replace_bit(5, self.q.val());
        self.reductions.next = bit_cast::<3, 1>((self.a.val() & self.b.val()).any().into())
            | (bit_cast::<3, 1>((self.a.val() | self.b.val()).all().into()) << 1)
            | (bit_cast::<3, 1>((self.a.val() - self.b.val()).xor().into()) << 2);
        self.compare.next = bit_cast::<6, 1>((self.a.val() + self.b.val() < self.c.val()).into())
            | (bit_cast::<6, 1>((self.a.val() - 1 <= self.b.val()).into()) << 1)
            | (bit_cast::<6, 1>((!self.a.val() > self.b.val()).into()) << 2)
            | (bit_cast::<6, 1>(((self.a.val() << 1) >= self.b.val()).into()) << 3)
            | (bit_cast::<6, 1>((self.a.val() + self.c.val() != self.b.val()).into()) << 4)
            | (bit_cast::<6, 1>((self.s.val() >= 9).into()) << 5);
        self.logical.next = bit_cast::<4, 1>((self.p.val() && !self.q.val() || self.a.val().any()).into())
            | (bit_cast::<4, 1>((self.p.val() ^ self.q.val() & !self.p.val()).into()) << 1)
            | (bit_cast::<4, 1>((!(self.p.val() || self.q.val()) && self.s.val() == 3).into()) << 2)
            | (bit_cast::<4, 1>(((self.a.val() == self.b.val()) == self.q.val()).into()) << 3);
        // Read, change and read again: the temporaries must follow the order of the statements.
        self.part.next = self.a.val() + self.b.val();
        if (self.part.val() + self.c.val()).get_bit(7) {
            self.part.next = bit_cast::<8, 4>((self.part.val() + 3).get_bits::<4>(2)) - self.c.val();
        } else if (self.part.val() - self.c.val()).get_bits::<2>(3) == 2 {
            self.part.next = self.part.val() << self.s.val();
        } else {
            self.part.next = !self.part.val();
        }
        self.nested.next = bit_cast::<8, 5>((self.part.val() + 1).get_bits::<5>(2));
    }
}

#[derive(LogicInterface, Interface, Default, Clone, Debug)]
#[join = "BeatSink"]
pub struct BeatSource {
    pub beat: Signal<Out, Beat>,
    pub valid: Signal<Out, Bit>,
    pub ready: Signal<In, Bit>,
}

#[derive(LogicInterface, Interface, Default, Clone, Debug)]
#[join = "BeatSource"]
pub struct BeatSink {
    pub beat: Signal<In, Beat>,
    pub valid: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
}

/// A register slice of one beat.
#[derive(Module, Default)]
pub struct Slice {
    pub clock: Signal<In, Clk>,
    pub rx: BeatSink,
    pub tx: BeatSource,
    held: Reg<Beat>,
    full: Reg<Bit>,
    _activity: Activity,
}

impl Logic for Slice {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, held, full);
        self.rx.ready.next = !self.full.q.val();
        if self.rx.valid.val() && !self.full.q.val() {
            self.held.d.next = self.rx.beat.val();
            self.held.d.next.data = self.rx.beat.val().data + 1;
            self.full.d.next = true;
        } else if self.tx.ready.val() {
            self.full.d.next = false;
        }
        self.tx.beat.next = self.held.q.val();
        if self.held.q.val().last {
            self.tx.beat.next.keep = !self.held.q.val().keep;
        }
        self.tx.valid.next = self.full.q.val();
    }
}

/// Interfaces, arrays of blocks, nested indices.
#[derive(Module, Default)]
pub struct Chain {
    pub clock: Signal<In, Clk>,
    pub rx: BeatSink,
    pub tx: BeatSource,
    stage: [Slice; 3],
    _activity: Activity,
}

impl Logic for Chain {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..3 {
            self.stage[i].clock.next = self.clock.val();
        }
        BeatSink::link(&mut self.rx, &mut self.stage[0].rx);
        for i in 0..2 {
            BeatSource::join(&mut self.stage[i].tx, &mut self.stage[i + 1].rx);
        }
        BeatSource::link(&mut self.tx, &mut self.stage[2].tx);
    }
}

/// A state machine, constants, loops over tables, memories and a synchroniser.
#[derive(Module)]
pub struct Machine {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub go: Signal<In, Bit>,
    pub data: Signal<In, U<8>>,
    pub address: Signal<In, U<4>>,
    pub busy: Signal<Out, Bit>,
    pub ready: Signal<Out, Bit>,
    pub crc: Signal<Out, U<32>>,
    pub parity: Signal<Out, U<8>>,
    pub looked_up: Signal<Out, U<8>>,
    pub block_read: Signal<Out, U<8>>,
    pub lut_read: Signal<Out, U<8>>,
    pub synchronised: Signal<Out, Bit>,
    pub always_one: Signal<Out, Bit>,
    pub history: Signal<Out, U<8>>,
    phase: Reg<Phase>,
    count: Reg<U<4>>,
    remainder: Reg<U<32>>,
    taps: [Reg<U<8>>; 4],
    acc: Signal<Local, U<32>>,
    mixed: Signal<Local, U<8>>,
    limit: Constant<U<4>>,
    enabled: Constant<bool>,
    first: Constant<Phase>,
    table: [Constant<U<8>>; 8],
    block: Ram<U<8>, 4>,
    lut: LutRam<U<8>, 4>,
    sync: Sync2,
    _activity: Activity,
}

impl Default for Machine {
    fn default() -> Self {
        Machine {
            phase: Reg::new(Phase::Done),
            remainder: Reg::new(U::new(0xffff_ffff)),
            limit: Constant::new(U::new(11)),
            enabled: Constant::new(true),
            first: Constant::new(Phase::Header),
            table: std::array::from_fn(|i| Constant::new(U::new(0x1du64.wrapping_mul(i as u64 + 3) & 0xff))),
            ..Self::blank()
        }
    }
}

impl Logic for Machine {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, phase, count, remainder);
        self.always_one.next = true;
        self.busy.next = false;
        self.ready.next = self.phase.q.val() == Phase::Idle || self.phase.q.val() == self.first.val();
        match self.phase.q.val() {
            Phase::Idle => {
                if self.go.val() {
                    self.phase.d.next = self.first.val();
                }
            }
            Phase::Header => {
                self.busy.next = true;
                self.count.d.next = 0.into();
                self.phase.d.next = Phase::Payload;
            }
            Phase::Payload => {
                self.busy.next = true;
                self.count.d.next = self.count.q.val() + 3;
                if self.count.q.val() + 5 > self.limit.val() {
                    self.phase.d.next = Phase::Check;
                }
            }
            Phase::Check => {
                if self.data.val() == 0x3f {
                    self.phase.d.next = Phase::Done;
                } else if self.enabled.val() && self.data.val().get_bit(6) {
                    self.phase.d.next = Phase::Idle;
                }
            }
            Phase::Done => {
                self.phase.d.next = Phase::Idle;
            }
        }
        self.acc.next = self.remainder.q.val();
        for i in 0..8 {
            if self.acc.val().get_bit(0) ^ self.data.val().get_bit(i) {
                self.acc.next = (self.acc.val() >> 1) ^ 0xEDB8_8320_u64;
            } else {
                self.acc.next = self.acc.val() >> 1;
            }
        }
        self.remainder.d.next = self.acc.val();
        self.crc.next = !self.remainder.q.val();
        self.mixed.next = self.data.val();
        for i in 0..8 {
            if i == 0 {
                self.mixed.next = self.mixed.val().replace_bit(7, self.go.val());
            } else {
                self.mixed.next =
                    self.mixed.val().replace_bit(i, (self.data.val() & self.table[(i + 3) % 8].val()).xor());
            }
        }
        self.parity.next = self.mixed.val();
        self.looked_up.next = 0.into();
        for i in 0..8 {
            if (self.address.val() + 1).get_bits::<3>(0).index() == i {
                self.looked_up.next = self.table[i].val() + 0x80;
            }
        }
        for i in 0..4 {
            self.taps[i].clock.next = self.clock.val();
        }
        self.taps[0].d.next = self.data.val();
        for i in 0..3 {
            self.taps[i + 1].d.next = self.taps[i].q.val();
        }
        self.history.next = self.taps[3].q.val();
        self.block.clock.next = self.clock.val();
        self.block.write_enable.next = self.go.val();
        self.block.write_address.next = self.address.val();
        self.block.write_data.next = self.data.val();
        self.block.read_address.next = self.address.val() ^ 1;
        self.block_read.next = self.block.read_data.val();
        self.lut.clock.next = self.clock.val();
        self.lut.write_enable.next = self.go.val();
        self.lut.write_address.next = self.address.val();
        self.lut.write_data.next = self.data.val();
        self.lut.read_address.next = self.address.val();
        self.lut_read.next = self.lut.read_data.val();
        self.sync.clock.next = self.clock.val();
        self.sync.d.next = self.go.val();
        self.synchronised.next = self.sync.q.val();
        if self.reset.val() {
            self.phase.d.next = Phase::Idle;
            self.remainder.d.next = 0xffff_ffff_u64.into();
        }
    }
}

const SEED: u64 = 20;

fn expressions(clocks: usize) -> Recording {
    println!("seed {SEED}");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut sim = Sim::new(Expressions::default(), |_| {});
    let mut recording = Recording::new(sim.dut.as_ref(), "expressions").unwrap();
    for _ in 0..clocks {
        sim.dut.a.next = edge_biased(&mut random).into();
        sim.dut.b.next = edge_biased(&mut random).into();
        // Often related, so that the equalities are met.
        let (a, b) = (sim.dut.a.next, sim.dut.b.next);
        sim.dut.c.next = [a & b, a ^ b, a | b, a + b, a, U::new(random.gen())][random.gen_range(0..6)];
        if random.gen_ratio(1, 4) {
            sim.dut.b.next = sim.dut.a.next + 1;
        }
        sim.dut.s.next = random.gen_range(0..16).into();
        sim.dut.w.next = W::new(random.gen::<u128>() | if random.gen_ratio(1, 8) { u128::MAX } else { 0 });
        sim.dut.p.next = random.gen();
        sim.dut.q.next = random.gen();
        sim.settle();
        recording.sample(sim.dut.as_ref());
    }
    recording
}

/// A byte that is often at an end of its range.
fn edge_biased(random: &mut ChaCha8Rng) -> u64 {
    match random.gen_range(0..4) {
        0 => 0xff - random.gen_range(0..2),
        1 => random.gen_range(0..3),
        _ => random.gen_range(0..256),
    }
}

fn chain(clocks: usize) -> Recording {
    println!("seed {SEED}");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut sim = Sim::new(Chain::default(), |d| d.clock.next = Clk::new(0));
    let mut recording = Recording::new(sim.dut.as_ref(), "chain").unwrap();
    for _ in 0..clocks {
        sim.dut.rx.beat.next = Beat { data: U::new(random.gen()), keep: U::new(random.gen()), last: random.gen() };
        sim.dut.rx.valid.next = random.gen();
        sim.dut.tx.ready.next = random.gen();
        sim.settle();
        recording.sample(sim.dut.as_ref());
        sim.tick();
    }
    recording
}

fn machine(clocks: usize) -> Recording {
    println!("seed {SEED}");
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut sim = Sim::new(Machine::default(), |d| d.clock.next = Clk::new(0));
    let mut recording = Recording::new(sim.dut.as_ref(), "machine").unwrap();
    for _ in 0..clocks {
        sim.dut.reset.next = random.gen_ratio(1, 50);
        sim.dut.go.next = random.gen();
        sim.dut.data.next = if random.gen_ratio(1, 4) { U::new(0x3f) } else { U::new(random.gen()) };
        sim.dut.address.next = U::new(random.gen());
        sim.settle();
        recording.sample(sim.dut.as_ref());
        sim.tick();
    }
    recording
}

#[test]
fn expressions_mean_the_same_in_icarus() {
    assert_equivalent(&expressions(3000));
}

#[test]
fn interfaces_and_structs_mean_the_same_in_icarus() {
    assert_equivalent(&chain(1000));
}

#[test]
fn state_machines_and_memories_mean_the_same_in_icarus() {
    assert_equivalent(&machine(3000));
}

#[test]
fn all_mean_the_same_in_verilator_and_are_covered() {
    let recordings = [expressions(3000), chain(1000), machine(3000)];
    let measured = coverage(&recordings.each_ref()).unwrap_or_else(|e| panic!("{e}"));
    for (recording, coverage) in recordings.iter().zip(measured) {
        let (lines, toggles) = (coverage.line_percent(), coverage.toggle_percent());
        println!("{}: lines {lines:.1} %, toggles {toggles:.1} %", recording.top);
        println!("{:?} {:?}", coverage.uncovered_lines, coverage.uncovered_toggles);
        assert!(coverage.lines > 5 && coverage.toggles > 50);
        assert!(lines >= 95.0 && toggles >= 90.0);
    }
}

#[test]
fn mutants_are_caught() {
    for recording in [expressions(2000), machine(2000)] {
        let mutants = recording.mutants(SEED, 50);
        assert_eq!(mutants, recording.mutants(SEED, 50));
        assert_eq!(mutants.len(), 50);
        let score = mutation_score(&recording, &mutants).unwrap_or_else(|e| panic!("{e}"));
        println!("{}: {:.0} %, survived: {:#?}", recording.top, score.percent(), score.survived);
        assert!(score.percent() >= 90.0);
    }
}
