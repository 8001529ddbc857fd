//! Frames through the crossing, with clocks that differ by more than the standard allows.

use super::RxCrossing;
use peb_hdl::prelude::*;
use peb_verilog::{assert_equivalent, Recording};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// An octet and whether it carries `rx_er`.
type Octet = (u8, bool);

/// What came out.
#[derive(Default)]
struct Seen {
    frames: Vec<Vec<Octet>>,
    gaps: Vec<usize>,
    slips: usize,
}

/// Sends `frames` with the gaps that go before them; periods in picoseconds of the core's and the PHY's clock.
fn run(periods: [u64; 2], frames: &[(usize, Vec<Octet>)], replay: bool) -> Seen {
    let mut sim = Sim::with_clocks(RxCrossing::default(), &periods, |d| {
        d.clock.next = Clk::new(0);
        d.rx_clock.next = Clk::new(1);
    });
    let mut recording = Recording::new(sim.dut.as_ref(), "rx_crossing").unwrap_or_else(|e| panic!("{e}"));
    let mut line = vec![None; 40];
    for (gap, octets) in frames {
        line.extend(vec![None; *gap]);
        line.extend(octets.iter().copied().map(Some));
    }
    line.extend(vec![None; 40]);
    let mut line = line.into_iter();
    let (mut seen, mut current, mut gap) = (Seen::default(), vec![], 0);
    let mut core_clocks = 0;
    loop {
        sim.dut.reset.next = core_clocks < 16;
        sim.settle();
        recording.sample(sim.dut.as_ref());
        let (valid, octet) = (sim.dut.gmii_rx_dv.val(), sim.dut.gmii_rxd.val().raw() as u8);
        let (error, slipped) = (sim.dut.gmii_rx_er.val(), sim.dut.slipped.val());
        let rose = sim.advance();
        let ports: Vec<&str> =
            [(1, "clock"), (2, "rx_clock")].iter().filter(|c| rose & c.0 != 0).map(|c| c.1).collect();
        recording.set_edges(&ports);
        if rose & 1 != 0 {
            core_clocks += 1;
            seen.slips += usize::from(slipped);
            if valid {
                if current.is_empty() {
                    seen.gaps.push(gap);
                }
                current.push((octet, error));
                gap = 0;
            } else {
                if !current.is_empty() {
                    seen.frames.push(std::mem::take(&mut current));
                }
                gap += 1;
            }
        }
        if rose & 2 != 0 {
            let Some(next) = line.next() else { break };
            sim.dut.phy_rx_dv.next = next.is_some();
            let (octet, error) = next.unwrap_or((0, false));
            sim.dut.phy_rxd.next = u64::from(octet).into();
            sim.dut.phy_rx_er.next = error;
        }
    }
    if replay {
        assert_equivalent(&recording);
    }
    seen
}

fn frames(rng: &mut ChaCha8Rng, count: usize, longest: usize) -> Vec<(usize, Vec<Octet>)> {
    let octet = |rng: &mut ChaCha8Rng| (rng.gen(), rng.gen_ratio(1, 50));
    (0..count)
        .map(|_| {
            let (gap, length) = (rng.gen_range(12..30), rng.gen_range(20..=longest));
            (gap, (0..length).map(|_| octet(rng)).collect())
        })
        .collect()
}

#[test]
fn frames_pass_whole_with_clocks_up_to_400_ppm_apart() {
    // 8 ns against itself, and 1 to 3 ps more or less.
    for (seed, periods) in [(1, [8000, 8000]), (2, [8000, 8003]), (3, [8003, 8000]), (4, [8000, 8001])] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let sent = frames(&mut rng, 25, 1530);
        let seen = run(periods, &sent, false);
        let expected: Vec<_> = sent.into_iter().map(|(_, octets)| octets).collect();
        assert!(seen.frames == expected, "seed {seed}, periods {periods:?}");
        assert_eq!(seen.slips, 0, "seed {seed}, periods {periods:?}");
        let least = seen.gaps.iter().skip(1).min();
        assert!(least >= Some(&10), "seed {seed}, periods {periods:?}: a gap of {least:?}");
    }
}

#[test]
fn a_receive_clock_too_slow_is_told_in_every_frame() {
    let sent = vec![(20, vec![(0x55, false); 64]), (20, vec![(0x55, false); 64])];
    let seen = run([8000, 16_000], &sent, true);
    assert!(seen.slips >= 2, "{} slips", seen.slips);
    let cut = seen.frames.iter().filter(|f| f.last().is_some_and(|o| o.1)).count();
    assert_eq!(cut, seen.slips, "each slip ends a frame with rx_er");
    assert!(seen.frames.len() <= seen.slips + 2, "nothing but the ends of the two frames comes without rx_er");
}

#[test]
fn the_verilog_does_the_same() {
    for (seed, periods) in [(11, [8000, 8000]), (12, [8000, 8003]), (13, [8300, 8000])] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        run(periods, &frames(&mut rng, 12, 120), true);
    }
}

/// A block of the core's clock alone, recorded.
fn bench<T: peb_hdl::prelude::Block + Node>(dut: T, connect: impl FnOnce(&mut T)) -> Sim<T> {
    Sim::new(dut, connect)
}

/// A PHY at an address: what its registers 1, 9 and 10 hold.
struct PhyModel {
    address: u64,
    registers: [(u64, u16); 3],
    bits: Vec<bool>,
    answer: Option<u16>,
    /// MDC as it last stood.
    mdc: bool,
}

impl PhyModel {
    fn new(address: u64, words: [u16; 3]) -> Self {
        let registers = [(1, words[0]), (9, words[1]), (10, words[2])];
        PhyModel { address, registers, bits: vec![], answer: None, mdc: false }
    }

    /// A clock of the block whose bus it is at.
    fn step(&mut self, sim: &mut Sim<super::Mdio>) {
        let (mdc, out, driven) = (sim.dut.mdc.val(), sim.dut.mdio_out.val(), sim.dut.mdio_enable.val());
        sim.tick();
        if mdc && !self.mdc {
            let bit = if driven { out } else { true };
            sim.dut.mdio_in.next = self.clock(bit).unwrap_or(true);
        }
        self.mdc = mdc;
    }

    /// What it drives after a rising edge of MDC that saw `bit`; None if nothing.
    fn clock(&mut self, bit: bool) -> Option<bool> {
        if let Some(word) = self.answer {
            self.bits.push(true);
            let n = self.bits.len();
            if n <= 17 {
                return Some(if n == 1 { false } else { word >> (17 - n) & 1 == 1 });
            }
            (self.answer, self.bits) = (None, vec![]);
        }
        self.bits.push(bit);
        let ones = self.bits.iter().take_while(|b| **b).count();
        if self.bits.len() < ones + 14 {
            return None;
        }
        let command = self.bits[ones..].iter().fold(0u64, |word, &b| word << 1 | u64::from(b));
        self.bits.clear();
        assert!(ones >= 32, "a preamble of {ones}");
        assert_eq!(command >> 10, 0b0110, "start and read");
        if command >> 5 & 31 == self.address {
            let register = self.registers.iter().find(|r| r.0 == command & 31).expect("a known register");
            self.answer = Some(register.1);
        } else {
            self.answer = Some(0xffff);
            return None;
        }
        None
    }
}

#[test]
fn link_and_speed_are_read_from_the_phy() {
    for (address, status, own, other, seen) in [
        (3, 0x796d, 0x0200, 0x0800, (true, true)),
        (0, 0x7969, 0x0200, 0x0800, (false, false)),
        (1, 0x796d, 0x0200, 0, (true, false)),
    ] {
        let mut phy = PhyModel::new(address, [status, own, other]);
        let mut sim = bench(super::Mdio::default(), |d: &mut super::Mdio| d.clock.next = Clk::new(0));
        let mut recording = Recording::new(sim.dut.as_ref(), "mdio").unwrap_or_else(|e| panic!("{e}"));
        sim.dut.reset.next = true;
        sim.dut.mdio_in.next = true;
        for clock in 0..FRAME as u64 * (address + 4) {
            sim.dut.reset.next = clock < 16;
            sim.settle();
            if clock < 70_000 {
                recording.sample(sim.dut.as_ref());
            }
            phy.step(&mut sim);
        }
        let d = &sim.dut;
        assert_eq!((d.found.val(), d.link.val(), d.gigabit.val()), (true, seen.0, seen.1), "PHY {address}");
        assert_equivalent(&recording);
    }
}

/// Clocks of a frame of MDIO.
const FRAME: usize = 64 * 512;

#[test]
fn a_phy_that_goes_away_is_looked_for_at_every_address() {
    let mut phy = PhyModel::new(18, [0x0004, 0x0200, 0x0800]);
    let mut sim = bench(super::Mdio::default(), |d: &mut super::Mdio| d.clock.next = Clk::new(0));
    let mut recording = Recording::new(sim.dut.as_ref(), "mdio_search").unwrap_or_else(|e| panic!("{e}"));
    sim.dut.mdio_in.next = true;
    // Frames, and what is known after them: a PHY, a link, of a gigabit. Then the registers, and the address of the PHY.
    let steps = [
        (22, (true, true, true), [0x0004, 0x0200, 0x0000], 18),
        (4, (true, true, false), [0x0000, 0x0200, 0x0800], 18),
        (4, (true, false, false), [0x0004, 0x0000, 0x0800], 18),
        (4, (true, true, false), [0x0004, 0x0200, 0x0800], 18),
        (4, (true, true, true), [0x0004, 0x0200, 0x0800], 0),
        (4, (false, false, false), [0x0004, 0x0200, 0x0800], 0),
        // Reset: from the first address on.
        (4, (true, true, true), [0; 3], 0),
    ];
    for (step, (frames, seen, words, address)) in steps.into_iter().enumerate() {
        for clock in 0..frames * FRAME {
            sim.dut.reset.next = (step == 0 || step == 6) && clock < 16;
            sim.settle();
            recording.sample(sim.dut.as_ref());
            phy.step(&mut sim);
        }
        let d = &sim.dut;
        assert_eq!((d.found.val(), d.link.val(), d.gigabit.val()), seen, "step {step}");
        phy.address = address;
        phy.registers.iter_mut().zip(words).for_each(|(register, word)| register.1 = word);
    }
    assert_equivalent(&recording);
}

#[test]
fn the_core_starts_after_its_phy_and_again_when_the_clock_was_bad() {
    let mut sim = bench(super::Startup::with_times(20, 50), |d: &mut super::Startup| d.clock.next = Clk::new(0));
    let mut recording = Recording::new(sim.dut.as_ref(), "startup").unwrap_or_else(|e| panic!("{e}"));
    let mut seen = vec![];
    for clock in 0..200 {
        sim.dut.good.next = clock >= 5 && clock != 100;
        sim.settle();
        recording.sample(sim.dut.as_ref());
        let now = (sim.dut.phy_reset_n.val(), sim.dut.reset.val());
        if seen.last().is_none_or(|(_, last)| *last != now) {
            seen.push((clock, now));
        }
        sim.tick();
    }
    let order: Vec<_> = seen.iter().map(|(_, state)| *state).collect();
    let (off, phy, on) = ((false, true), (true, true), (true, false));
    assert_eq!(order, [off, phy, on, off, phy, on], "{seen:?}");
    assert_eq!(seen[2].0 - seen[1].0, 30);
    assert_equivalent(&recording);
}

#[test]
fn rgmii_has_the_low_nibble_first_and_the_error_folded_in() {
    let seed = 21;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut sim = bench(super::Rgmii::default(), |d: &mut super::Rgmii| {
        d.clock.next = Clk::new(0);
        d.rx_clock.next = Clk::new(0);
    });
    for n in 0..500 {
        let (octet, valid, error): (u64, bool, bool) = (rng.gen_range(0..256), rng.gen(), rng.gen());
        sim.dut.txd.next = octet.into();
        (sim.dut.tx_en.next, sim.dut.tx_er.next) = (valid, error);
        sim.tick();
        sim.settle();
        let d = &sim.dut;
        assert_eq!((d.tx_rise.val().raw(), d.tx_fall.val().raw()), (octet & 15, octet >> 4), "seed {seed}, clock {n}");
        assert_eq!((d.tx_ctl_rise.val(), d.tx_ctl_fall.val()), (valid, valid ^ error));
        // What is sent is what is received.
        let (rise, fall, control) = (d.tx_rise.val(), d.tx_fall.val(), (d.tx_ctl_rise.val(), d.tx_ctl_fall.val()));
        (sim.dut.rx_rise.next, sim.dut.rx_fall.next) = (rise, fall);
        (sim.dut.rx_ctl_rise.next, sim.dut.rx_ctl_fall.next) = control;
        sim.tick();
        sim.settle();
        let d = &sim.dut;
        assert_eq!((d.rxd.val().raw(), d.rx_dv.val(), d.rx_er.val()), (octet, valid, error), "seed {seed}, clock {n}");
    }
}
