//! [`TxControl`] between models of the Packer, the Sender, a bad network and the peers' receivers.

mod bench;

use bench::{Faults, World};

#[test]
fn an_idle_link_answers_within_four_clocks() {
    let mut world = World::<1>::new(1, Faults::none());
    world.run(40);
    world.offer(0, 1);
    let mut waited = 0;
    while !world.open_ready(0) {
        world.clock();
    }
    while !world.dut().cmd_valid.val() {
        world.clock();
        waited += 1;
        assert!(waited <= 4, "no command four clocks after open_ready");
    }
    world.run(2000);
    world.assert_all_delivered();
    let mut waited = 0;
    world.keepalive(0);
    while !world.dut().cmd_valid.val() {
        world.clock();
        waited += 1;
        assert!(waited <= 3, "no keep-alive within three clocks");
    }
    world.run(500);
    assert_eq!(world.retransmissions, 0);
}

#[test]
fn a_clean_network_needs_no_retransmission_and_the_link_stays_full() {
    let mut world = World::<1>::new(2, Faults::none());
    world.offer(0, 300);
    world.run_until_delivered(300 * 400);
    assert_eq!(world.retransmissions, 0);
    assert!(world.idle_clocks < 300 * 14, "{} clocks idle between 300 frames", world.idle_clocks);
}

#[test]
fn loss_reordering_duplicates_and_aborts_for_one_session() {
    for seed in [11, 12, 13] {
        let mut world = World::<1>::new(seed, Faults::bad());
        world.offer(0, 250);
        world.run_until_delivered(400_000);
        world.assert_few_spurious(0.35);
    }
}

#[test]
fn loss_reordering_duplicates_and_aborts_for_eight_sessions() {
    for seed in [21, 22] {
        let mut world = World::<8>::new(seed, Faults::bad());
        (0..8).for_each(|s| world.offer(s, 60));
        world.run_until_delivered(600_000);
    }
}

#[test]
fn loss_alone_repeats_only_what_was_lost() {
    let mut world = World::<1>::new(31, Faults { drop: 0.05, ..Faults::none() });
    world.offer(0, 500);
    world.run_until_delivered(400_000);
    assert!(world.retransmissions >= 10, "seed 31 loses more than {}", world.retransmissions);
    world.assert_few_spurious(0.1);
}

#[test]
fn sequence_numbers_wrap() {
    let mut world = World::<1>::new(41, Faults { drop: 0.02, ..Faults::none() });
    world.frame_clocks = 6;
    world.delay = 10;
    world.offer(0, 66_000);
    world.run_until_delivered(6_000_000);
}

#[test]
fn timeouts_back_off_and_stay_below_the_bound() {
    let mut world = World::<1>::new(51, Faults::none());
    world.offer(0, 20);
    world.run_until_delivered(20_000);
    world.faults.drop = 1.0;
    world.offer(0, 1);
    let mut times = vec![];
    let mut sent = world.retransmissions;
    for clock in 0..200_000u64 {
        world.clock();
        if world.retransmissions != sent {
            sent = world.retransmissions;
            times.push(clock);
        }
    }
    let gaps: Vec<u64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(times.len() >= 5, "{times:?}");
    assert!(times[0] >= 3080, "first timeout after {} clocks", times[0]);
    assert!(gaps[0] > times[0] * 3 / 2, "not backed off: {gaps:?}");
    // DOWN_TICKS/8 is 2500 ticks of 10 clocks here.
    assert!(gaps.iter().all(|&g| g < 27_000), "bound not kept: {gaps:?}");
    world.faults.drop = 0.0;
    world.run_until_delivered(100_000);
}

#[test]
fn sessions_share_fairly() {
    // A run ends with what the windows happen to be; over runs no session is ahead.
    let mut total = [0; 4];
    for seed in [61, 65, 70] {
        let mut world = World::<4>::new(seed, Faults::none());
        (0..4).for_each(|s| world.offer(s, 2000));
        world.run(240_000);
        let shares: Vec<_> = (0..4).map(|s| world.delivered(s)).collect();
        let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
        assert!(*least > 300 && most - least <= most / 5, "seed {seed}: {shares:?}");
        total.iter_mut().zip(&shares).for_each(|(total, share)| *total += share);
    }
    let (least, most) = (total.iter().min().unwrap(), total.iter().max().unwrap());
    assert!(most - least <= most / 10, "all seeds: {total:?}");
}

#[test]
fn a_flush_frees_everything_and_the_session_begins_anew() {
    for seed in [71, 72, 73, 74] {
        let mut world = World::<4>::new(seed, Faults::bad());
        (0..4).for_each(|s| world.offer(s, 80));
        world.run(3000 + 977 * (seed as usize - 70));
        for session in [2, 0, 2] {
            world.flush(session);
            world.offer(session, 40);
            world.run(4000);
        }
        world.run_until_delivered(400_000);
    }
}

#[test]
fn a_window_of_zero_stops_new_frames() {
    let mut world = World::<1>::new(81, Faults::none());
    world.offer(0, 10);
    world.run_until_delivered(10_000);
    world.window = 0;
    world.offer(0, 1);
    world.run(4000);
    world.offer(0, 10);
    world.run(20_000);
    assert!(world.delivered(0) <= 12, "{} frames went into a closed window", world.delivered(0));
    world.window = 31;
    world.peer_update(0);
    world.run_until_delivered(20_000);
}

#[test]
fn nonsense_from_a_peer_changes_nothing() {
    let mut world = World::<1>::new(91, Faults::none());
    world.offer(0, 30);
    world.nonsense = true;
    world.run_until_delivered(100_000);
}

#[test]
fn the_verilog_of_one_session_means_the_same() {
    let mut world = World::<1>::new(98, Faults::bad());
    world.record();
    world.offer(0, 40);
    world.run(12_000);
    world.assert_equivalent();
}
