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
