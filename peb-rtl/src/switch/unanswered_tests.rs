//! [`Unanswered`] against counts.

use super::Unanswered;
use crate::testing::{clocked, Bench};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

clocked!(Unanswered);

fn bench(name: &str, ticks: u64) -> Bench<Unanswered> {
    let mut bench = Bench::new(name, Unanswered::default());
    bench.reset();
    bench.dut().track_ticks.next = ticks.into();
    bench
}

fn event(bench: &mut Bench<Unanswered>, sent: Option<usize>, completed: Option<usize>) {
    let d = bench.dut();
    d.sent.next = sent.is_some();
    d.sent_slot.next = (sent.unwrap_or(0) as u64).into();
    d.completed.next = completed.is_some();
    d.completed_slot.next = (completed.unwrap_or(0) as u64).into();
    bench.tick();
    bench.dut().sent.next = false;
    bench.dut().completed.next = false;
}

fn busy(bench: &mut Bench<Unanswered>) -> u64 {
    bench.settle();
    bench.dut().busy.val().raw()
}

#[test]
fn random_events_and_losses() {
    for seed in [1, 2, 3] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = bench("unanswered_random", 0);
        let (mut counts, mut waits, mut rounds, mut held) = ([0u32; 8], [false; 8], 0, 0);
        for n in 0..3000 {
            let rate = if n % 600 < 300 { (0.7, 0.4) } else { (0.3, 0.8) };
            let sent = rng.gen_bool(rate.0).then(|| rng.gen_range(0..8));
            let completed = rng.gen_bool(rate.1).then(|| rng.gen_range(0..8));
            event(&mut bench, sent, completed);
            // Both may meet: the completion counts first.
            if let Some(slot) = completed {
                counts[slot] = counts[slot].saturating_sub(1);
                waits[slot] &= counts[slot] > 0;
            }
            if let Some(slot) = sent {
                counts[slot] += 1;
            }
            if rng.gen_bool(0.01) {
                bench.dut().clear.next = true;
                bench.tick();
                bench.dut().clear.next = false;
                counts = [0; 8];
            }
            bench.clocks(4);
            (0..8).for_each(|n| waits[n] &= counts[n] > 0);
            let lost = rng.gen_range(0..256u64) & rng.gen_range(0..256u64) & rng.gen_range(0..256u64);
            bench.dut().lost.next = lost.into();
            (0..8).for_each(|n| waits[n] |= lost >> n & 1 == 1 && counts[n] > 0);
            let expected = (0..8).filter(|&n| waits[n]).fold(0, |bits, n| bits | 1 << n);
            assert_eq!(busy(&mut bench), expected, "seed {seed}, event {n}: {counts:?}, lost {lost:#x}");
            bench.tick();
            bench.dut().lost.next = 0.into();
            rounds += u32::from(expected == 0);
            held += u32::from(expected != 0);
        }
        assert!(rounds > 50 && held > 500, "seed {seed}: {rounds} {held}");
        bench.assert_equivalent();
    }
}

#[test]
fn a_request_and_a_completion_in_one_clock_both_count() {
    let mut bench = bench("unanswered_both", 0);
    event(&mut bench, Some(3), None);
    bench.tick();
    bench.clocks(2);
    event(&mut bench, Some(5), Some(3));
    bench.clocks(4);
    bench.dut().lost.next = 255.into();
    assert_eq!(busy(&mut bench), 1 << 5);
    for _ in 0..3000 {
        event(&mut bench, Some(6), None);
        bench.clocks(3);
    }
    for n in 0..2047 {
        assert_eq!(busy(&mut bench) >> 6 & 1, 1, "after {n}");
        event(&mut bench, None, Some(6));
        bench.clocks(3);
    }
    assert_eq!(busy(&mut bench), 1 << 5, "it counts no further than 2047");
    bench.assert_equivalent();
}

#[test]
fn a_host_that_never_completes_holds_a_slot_for_a_while() {
    let mut bench = bench("unanswered_age", 500);
    event(&mut bench, Some(1), None);
    bench.clocks(3);
    event(&mut bench, Some(2), None);
    bench.dut().tick.next = true;
    bench.clocks(3000);
    bench.dut().lost.next = 0b010.into();
    bench.tick();
    let mut ends = [0, 0];
    for clock in 0..2000 {
        bench.dut().lost.next = if clock == 300 { 0b100 } else { 0 }.into();
        let now = busy(&mut bench);
        (0..2).filter(|&n| now >> (n + 1) & 1 == 1).for_each(|n| ends[n] = clock);
        bench.tick();
    }
    assert!((499..=1002).contains(&ends[0]) && (800..=1302).contains(&ends[1]), "{ends:?}");
    bench.assert_equivalent();
}
