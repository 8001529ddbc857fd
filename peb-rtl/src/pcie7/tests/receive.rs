use super::model::Source;
use super::*;
use crate::pcie7::Receive;
use rand::SeedableRng;
use std::collections::VecDeque;

fn rig(periods: [u64; 2]) -> Rig<Receive> {
    Rig::new("receive7", Receive::default(), periods, ["clock", "user_clock"], |d| {
        d.clock.next = Clk::new(0);
        d.user_clock.next = Clk::new(1);
    })
}

/// What the core's side does, clock by clock.
#[derive(Clone, Copy)]
struct Core {
    /// One clock in so many is not ready.
    stalls: u32,
    /// Takes non-posted TLPs: always, never, or in spells.
    np_ok: Option<bool>,
}

/// Runs until `want` TLPs have come, or `limit` edges. Gives the TLPs as they came.
fn run(
    rng: &mut ChaCha8Rng,
    rig: &mut Rig<Receive>,
    source: &mut Source,
    core: Core,
    (want, limit): (usize, usize),
) -> Vec<Vec<u8>> {
    let (mut came, mut collector, mut inside) = (vec![], Collector::default(), false);
    // `np_ok` of the last clocks: a non-posted TLP starts no later than two after it fell.
    let (mut standing, mut recent) = (false, [true; 2]);
    for _ in 0..limit {
        rig.settle();
        let d = &rig.sim.dut;
        let (rx_ready, rx_np_ok) = (d.rx_ready.val(), d.rx_np_ok.val());
        let beat = d.out_valid.val().then(|| (d.out_data.val().raw(), d.out_keep.val().raw() as u8, d.out_last.val()));
        let (ready, np_ok) = (d.out_ready.val(), d.out_np_ok.val());
        let rose = rig.step();
        if rose & CORE != 0 {
            assert!(!inside || beat.is_some(), "a pause in a TLP");
            if let Some(beat) = beat {
                let starts = !inside && !standing && is_non_posted(&[beat.0 as u8]);
                assert!(!starts || np_ok || recent.contains(&true), "a non-posted TLP against np_ok");
                if ready {
                    inside = !beat.2;
                    came.extend(collector.take(beat));
                }
            }
            standing = beat.is_some() && !ready;
            recent = [recent[1], np_ok];
            rig.sim.dut.out_ready.next = core.stalls == 0 || !rng.gen_ratio(1, core.stalls);
            rig.sim.dut.out_np_ok.next =
                core.np_ok.unwrap_or_else(|| if rng.gen_ratio(1, 20) { !np_ok } else { np_ok });
        }
        if rose & USER != 0 {
            let next = source.clock(rng, rx_ready, rx_np_ok);
            let d = &mut rig.sim.dut;
            d.rx_valid.next = next.is_some();
            let (data, keep, last) = next.unwrap_or((0x55, 0xff, false));
            (d.rx_data.next, d.rx_keep.next, d.rx_last.next) = (data.into(), u64::from(keep).into(), last);
        }
        if came.len() == want {
            break;
        }
    }
    came
}

#[test]
fn every_tlp_comes_whole_and_in_order() {
    for (seed, periods) in (1..).zip(PERIODS.iter().cycle().take(4)) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tlps: Vec<_> = (0..60)
            .map(|n| {
                let np = rng.gen_ratio(2, 5);
                random_tlp(&mut rng, n, np)
            })
            .collect();
        let mut rig = rig(*periods);
        let mut source = Source::new(tlps.clone(), if seed % 2 == 0 { 3 } else { 0 });
        let core = Core { stalls: [0, 2, 6][seed as usize % 3], np_ok: None };
        let came = run(&mut rng, &mut rig, &mut source, core, (tlps.len(), 60_000));
        for non_posted in [false, true] {
            let of =
                |list: &[Vec<u8>]| list.iter().filter(|t| is_non_posted(t) == non_posted).cloned().collect::<Vec<_>>();
            assert!(of(&came) == of(&tlps), "seed {seed}: TLPs of one kind, in order");
        }
        // Nothing that is non-posted passes what the block had sent before it.
        for (n, tlp) in came.iter().enumerate().filter(|(_, tlp)| is_non_posted(tlp)) {
            let sent = source.sent.iter().position(|t| t == tlp).expect("it was sent");
            let before = source.sent[..sent].iter().filter(|t| !is_non_posted(t)).count();
            let out = came[..n].iter().filter(|t| !is_non_posted(t)).count();
            assert!(out >= before, "seed {seed}: a non-posted TLP came before {} posted ones", before - out);
        }
        rig.assert_equivalent();
    }
}

#[test]
fn non_posted_tlps_that_nobody_takes_stop_nothing_else() {
    for (seed, periods) in (11..).zip(PERIODS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tlps: Vec<_> = (0..70).map(|n| random_tlp(&mut rng, n, n % 2 == 0)).collect();
        let mut rig = rig(periods);
        let mut source = Source::new(tlps.clone(), 0);
        let core = Core { stalls: 0, np_ok: Some(false) };
        let came = run(&mut rng, &mut rig, &mut source, core, (usize::MAX, 4_000));
        let posted: Vec<_> = tlps.iter().filter(|t| !is_non_posted(t)).cloned().collect();
        assert!(came == posted, "seed {seed}: {} of {} came", came.len(), posted.len());
        // R4: the block was stopped in time: at most eleven are aside.
        let aside = source.sent.iter().filter(|t| is_non_posted(t)).count();
        assert!((8..=11).contains(&aside), "seed {seed}: {aside} aside");
        let rest = tlps.len() - posted.len();
        let core = Core { stalls: 0, np_ok: Some(true) };
        let came = run(&mut rng, &mut rig, &mut source, core, (rest, 20_000));
        assert!(came.iter().eq(tlps.iter().filter(|t| is_non_posted(t))), "seed {seed}: they come when they are taken");
        rig.assert_equivalent();
    }
}

#[test]
fn a_reset_of_either_side_leaves_no_half_of_a_tlp() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut rig = rig([8000, 7900]);
    let long = |n: u32| {
        let mut tlp = vec![7; 528];
        tlp[0] = 0x60;
        tlp[4..8].copy_from_slice(&n.to_be_bytes());
        tlp
    };
    // The block's: in the middle of a TLP that comes in.
    let mut first: VecDeque<Beat> = beats(&long(1)).into_iter().map(of_block).take(30).collect();
    while let Some((data, keep, last)) = first.pop_front() {
        let d = &mut rig.sim.dut;
        (d.rx_valid.next, d.rx_data.next, d.rx_keep.next, d.rx_last.next) =
            (true, data.into(), u64::from(keep).into(), last);
        while rig.step() & USER == 0 {}
    }
    rig.sim.dut.rx_valid.next = false;
    rig.sim.dut.user_reset.next = true;
    for _ in 0..20 {
        rig.step();
    }
    rig.sim.dut.user_reset.next = false;
    let mut source = Source::new([long(2)], 0);
    // The core's: in the middle of TLP 2, which goes out; the next is whole.
    let mut collector = Collector::default();
    let (mut seen, mut came, mut reset) = (0, vec![], 0);
    for _ in 0..2000 {
        rig.settle();
        let d = &rig.sim.dut;
        let ready = d.rx_ready.val();
        let beat = d.out_valid.val().then(|| (d.out_data.val().raw(), d.out_keep.val().raw() as u8, d.out_last.val()));
        let rose = rig.step();
        if rose & CORE != 0 {
            rig.sim.dut.out_ready.next = true;
            if let Some(beat) = beat {
                assert!(reset == 0 || reset > 100, "nothing shows in reset");
                seen += 1;
                came.extend(collector.take(beat));
            }
            if seen == 20 && reset == 0 {
                collector = Collector::default();
                reset = 1;
            }
            reset += usize::from(reset != 0);
            if reset == 150 {
                source.waiting.push_back(long(3));
            }
            rig.sim.dut.reset.next = (1..=100).contains(&reset);
        }
        if rose & USER != 0 {
            let next = source.clock(&mut rng, ready, true);
            let d = &mut rig.sim.dut;
            d.rx_valid.next = next.is_some();
            let (data, keep, last) = next.unwrap_or_default();
            (d.rx_data.next, d.rx_keep.next, d.rx_last.next) = (data.into(), u64::from(keep).into(), last);
        }
    }
    assert_eq!(came.len(), 1, "{} TLPs", came.len());
    assert!(came[0] == long(3));
    rig.assert_equivalent();
}
