use super::*;
use crate::pcie7::{Crossing, Swap, Tally};
use rand::SeedableRng;

#[test]
fn a_tally_is_seen_late_but_never_wrong() {
    for (seed, periods) in (1..).zip(PERIODS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rig = Rig::new("tally7", Tally::default(), periods, ["clock", "far_clock"], |d| {
            d.clock.next = Clk::new(0);
            d.far_clock.next = Clk::new(1);
        });
        let (mut count, mut seen) = (0_u64, 0);
        for clock in 0..3000 {
            rig.settle();
            assert_eq!(rig.sim.dut.count.val().raw(), count % 256, "seed {seed}, clock {clock}");
            let now = rig.sim.dut.seen.val().raw();
            // It goes up, and is never ahead.
            assert!((now + 256 - seen) % 256 <= (count % 256 + 256 - seen) % 256, "seed {seed}, clock {clock}");
            seen = now;
            let step = rig.sim.dut.step.val();
            if rig.step() & CORE != 0 {
                count += u64::from(step);
                rig.sim.dut.step.next = clock < 2900 && rng.gen_ratio(1, [1, 2, 9][seed as usize % 3]);
            }
        }
        assert_eq!(seen, count % 256, "seed {seed}: it has come");
        rig.assert_equivalent();
    }
}

#[test]
fn bytes_of_dwords_change_places() {
    let mut sim = Sim::new(Swap::default(), |_| {});
    let mut recording = Recording::new(sim.dut.as_ref(), "swap7").unwrap_or_else(|e| panic!("{e}"));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        let word: u64 = rng.gen();
        sim.dut.from.next = word.into();
        sim.settle();
        assert_eq!(sim.dut.to.val().raw(), of_block((word, 0xff, false)).0, "{word:016x}");
        recording.sample(sim.dut.as_ref());
        sim.tick();
    }
    assert_equivalent(&recording);
}

/// TLPs through the crossing; some are canceled, some are too long, and the side that reads stops now and then.
#[test]
fn what_is_whole_comes_and_nothing_else() {
    for (seed, periods) in (1..).zip(PERIODS.iter().cycle().take(4)) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rig = Rig::new("crossing7", Crossing::default(), *periods, ["clock", "far_clock"], |d| {
            d.clock.next = Clk::new(0);
            d.far_clock.next = Clk::new(1);
        });
        let (mut expected, mut line) = (vec![], vec![]);
        for n in 0..50 {
            let non_posted = rng.gen_ratio(1, 3);
            let mut tlp = random_tlp(&mut rng, n, non_posted);
            let fate = rng.gen_range(0..8);
            if fate == 0 {
                tlp.resize(if non_posted { 68 } else { 580 + 4 * rng.gen_range(0..60) }, 9);
            }
            let beats = beats(&tlp);
            let canceled = if fate == 1 { rng.gen_range(0..beats.len()) } else { usize::MAX };
            line.extend(beats.into_iter().enumerate().map(|(n, beat)| (beat, non_posted, n == canceled)));
            if fate > 1 {
                expected.push((tlp, non_posted));
            }
        }
        let (mut line, mut offered, mut came, mut collector) = (line.into_iter(), None, vec![], Collector::default());
        let (mut drops, mut stores, mut reading) = (0, 0, true);
        for _ in 0..40_000 {
            rig.settle();
            let d = &rig.sim.dut;
            let taken = d.valid.val() && d.ready.val();
            let (dropped, stored) = (d.dropped.val(), d.stored.val());
            let beat = (d.out_data.val().raw(), if d.out_half.val() { 0x0f } else { 0xff }, d.out_last.val());
            let (passes, non_posted) = (d.out_valid.val() && d.out_ready.val(), d.out_non_posted.val());
            let rose = rig.step();
            if rose & CORE != 0 {
                (drops, stores) = (drops + u32::from(dropped), stores + usize::from(stored));
                if taken {
                    offered = None;
                }
                if offered.is_none() && !rng.gen_ratio(1, 6) {
                    offered = line.next();
                }
                let d = &mut rig.sim.dut;
                d.valid.next = offered.is_some();
                if let Some(((data, keep, last), non_posted, cancel)) = offered {
                    (d.data.next, d.half.next, d.last.next) = (data.into(), keep == 0x0f, last);
                    (d.non_posted.next, d.cancel.next) = (non_posted, cancel);
                }
            }
            if rose & USER != 0 {
                if passes {
                    came.extend(collector.take(beat).map(|tlp| (tlp, non_posted)));
                }
                reading = if rng.gen_ratio(1, 100) { !reading } else { reading };
                rig.sim.dut.out_ready.next = reading && rng.gen_ratio(4, 5);
            }
            if came.len() == expected.len() && line.len() == 0 && offered.is_none() {
                break;
            }
        }
        assert!(came == expected, "seed {seed}: {} of {} came", came.len(), expected.len());
        assert_eq!((drops as usize, stores), (50 - expected.len(), expected.len()), "seed {seed}");
        rig.assert_equivalent();
    }
}
