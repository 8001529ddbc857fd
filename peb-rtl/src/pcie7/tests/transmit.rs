use super::model::{Sink, BUFFERS};
use super::*;
use crate::pcie7::Transmit;
use rand::SeedableRng;
use std::collections::VecDeque;

fn rig(name: &str, dut: Transmit, periods: [u64; 2]) -> Rig<Transmit> {
    Rig::new(name, dut, periods, ["clock", "user_clock"], |d| {
        d.clock.next = Clk::new(0);
        d.user_clock.next = Clk::new(1);
    })
}

/// The core's `pcie_tx`: starts a non-posted TLP up to two clocks after `np_ok` fell, as `docs/interface.md` allows.
struct Core {
    ordered: VecDeque<Vec<u8>>,
    non_posted: VecDeque<Vec<u8>>,
    current: VecDeque<Beat>,
    recent: [bool; 3],
    sent: usize,
}

impl Core {
    fn new(tlps: &[Vec<u8>]) -> Self {
        let (non_posted, ordered) = tlps.iter().cloned().partition(|t| is_non_posted(t));
        Core { ordered, non_posted, current: VecDeque::new(), recent: [false; 3], sent: 0 }
    }

    fn clock(&mut self, rng: &mut ChaCha8Rng, ready: bool, np_ok: bool) -> Option<Beat> {
        self.recent = [self.recent[1], self.recent[2], np_ok];
        if ready && !self.current.is_empty() {
            self.current.pop_front();
        }
        if self.current.is_empty() {
            let may = self.recent.contains(&true) && !self.non_posted.is_empty();
            let tlp = match may && rng.gen() {
                true => self.non_posted.pop_front(),
                false => self.ordered.pop_front(),
            };
            self.sent += usize::from(tlp.is_some());
            self.current = tlp.map(|t| beats(&t).into()).unwrap_or_default();
        }
        self.current.front().copied()
    }
}

fn run(rng: &mut ChaCha8Rng, rig: &mut Rig<Transmit>, core: &mut Core, sink: &mut Sink, clocks: usize) {
    for _ in 0..clocks {
        rig.settle();
        let d = &rig.sim.dut;
        let (ready, np_ok) = (d.ready.val(), d.np_ok.val());
        let beat = d.tx_valid.val().then(|| (d.tx_data.val().raw(), d.tx_keep.val().raw() as u8, d.tx_last.val()));
        let rose = rig.step();
        if rose & CORE != 0 {
            let next = core.clock(rng, ready, np_ok);
            let d = &mut rig.sim.dut;
            d.valid.next = next.is_some();
            let (data, keep, last) = next.unwrap_or((0x66, 0xff, false));
            (d.data.next, d.keep.next, d.last.next) = (data.into(), u64::from(keep).into(), last);
        }
        if rose & USER != 0 {
            let (ready, buffers) = sink.clock(rng, beat);
            (rig.sim.dut.tx_ready.next, rig.sim.dut.tx_buffers.next) = (ready, buffers.into());
        }
    }
}

#[test]
fn every_tlp_goes_whole_and_in_order() {
    for (seed, periods) in (1..).zip(PERIODS.iter().cycle().take(4)) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tlps: Vec<_> = (0..60)
            .map(|n| {
                let np = rng.gen_ratio(2, 5);
                random_tlp(&mut rng, n, np)
            })
            .collect();
        let mut rig = rig("transmit7", Transmit::default(), *periods);
        let (mut core, mut sink) = (Core::new(&tlps), Sink::new(usize::MAX, [1, 20, 40][seed as usize % 3]));
        run(&mut rng, &mut rig, &mut core, &mut sink, 16_000);
        for non_posted in [false, true] {
            let of =
                |list: &[Vec<u8>]| list.iter().filter(|t| is_non_posted(t) == non_posted).cloned().collect::<Vec<_>>();
            assert!(of(&sink.came) == of(&tlps), "seed {seed}: {} of {} came", sink.came.len(), tlps.len());
        }
        rig.assert_equivalent();
    }
}

#[test]
fn non_posted_tlps_without_credit_leave_room_for_the_others() {
    for (seed, periods) in (11..).zip(PERIODS) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let tlps: Vec<_> = (0..120).map(|n| random_tlp(&mut rng, n, n % 2 == 0)).collect();
        let mut rig = rig("transmit7", Transmit::default(), periods);
        let (mut core, mut sink) = (Core::new(&tlps), Sink::new(0, 2));
        run(&mut rng, &mut rig, &mut core, &mut sink, 8_000);
        let posted = tlps.iter().filter(|t| !is_non_posted(t));
        assert!(sink.left.iter().eq(posted), "seed {seed}: {} left, {} stuck", sink.left.len(), sink.stuck);
        assert!(sink.stuck > 12 && sink.stuck + 5 <= BUFFERS, "seed {seed}: {} of {BUFFERS} buffers", sink.stuck);
        sink.credit = usize::MAX;
        run(&mut rng, &mut rig, &mut core, &mut sink, 8_000);
        assert_eq!(sink.left.len(), tlps.len(), "seed {seed}");
        rig.assert_equivalent();
    }
}

#[test]
fn what_comes_while_the_link_is_down_is_thrown_away_and_the_next_is_whole() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    let mut rig = rig("transmit7", Transmit::default(), [8000, 7900]);
    let tlps: Vec<_> = (0..60).map(|n| random_tlp(&mut rng, n, n % 3 == 0)).collect();
    let (mut core, mut sink) = (Core::new(&tlps[..40]), Sink::new(usize::MAX, 1));
    run(&mut rng, &mut rig, &mut core, &mut sink, 300);
    rig.sim.dut.down.next = true;
    let before = sink.came.len();
    // The block forgets what it has begun.
    let mut sink = Sink::new(usize::MAX, 1);
    run(&mut rng, &mut rig, &mut core, &mut sink, 3000);
    assert!(sink.came.is_empty() && core.sent == 40 && before < 40);
    rig.sim.dut.down.next = false;
    let mut core = Core::new(&tlps[40..]);
    run(&mut rng, &mut rig, &mut core, &mut sink, 4000);
    assert_eq!(sink.came.len(), 20, "non-posted TLPs thrown away are not waited for");
    // A reset of the core in the middle of a TLP.
    let mut long = vec![3; 528];
    long[0] = 0x60;
    let mut core = Core::new(&[long]);
    run(&mut rng, &mut rig, &mut core, &mut sink, 60);
    (rig.sim.dut.reset.next, rig.sim.dut.valid.next) = (true, false);
    let mut core = Core::new(&tlps[..10]);
    for _ in 0..40 {
        rig.step();
    }
    rig.sim.dut.reset.next = false;
    run(&mut rng, &mut rig, &mut core, &mut sink, 4000);
    assert_eq!(sink.came.len(), 30);
    rig.assert_equivalent();
}

#[test]
fn completions_of_the_mirror_go_nowhere() {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    let tlps: Vec<_> = (0..60).map(|n| random_tlp(&mut rng, n, n % 4 == 0)).collect();
    let own = vec![0x0a, 0, 0, 0, 1, 0, 0, 4, 0xff, 0xff, 0, 0];
    let mut mixed = tlps.clone();
    (0..50).for_each(|n| mixed.insert(2 * n, own.clone()));
    for mirrored in [true, false] {
        let dut = if mirrored { Transmit::mirrored() } else { Transmit::default() };
        let mut rig = rig("transmit7", dut, [8000, 8000]);
        let (mut core, mut sink) = (Core::new(&mixed), Sink::new(usize::MAX, 1));
        run(&mut rng, &mut rig, &mut core, &mut sink, 8000);
        assert_eq!(sink.came.iter().filter(|t| **t == own).count(), if mirrored { 0 } else { 50 });
        assert_eq!(sink.came.iter().filter(|t| **t != own).count(), 60);
        rig.assert_equivalent();
    }
}
