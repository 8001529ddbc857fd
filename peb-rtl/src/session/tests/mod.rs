//! Joining, leaving, losing: hosts and I/O PEBs on a bad network.

mod network;
mod strangers;

use super::Sessions;
use crate::testing::clocked;
use network::{Faults, Frame, Network, Node, DOWN_CLOCKS, HELLO_CLOCKS, TICK};
use rand::Rng;

clocked!(Sessions<1>, Sessions<4>, Sessions<8>);

const BROADCAST: u64 = 0xffff_ffff_ffff;

#[test]
fn joins_and_stays_on_a_good_network() {
    let mut net = Network::new(1, 1);
    let clocks = net.joined(&[1, 1]);
    assert!(clocks < 1000, "{clocks} clocks");
    net.run(3 * DOWN_CLOCKS);
    assert_eq!(net.ups(), [1, 1]);
    assert_eq!((net.nodes[0].flushes, net.nodes[1].flushes), (0, 0));
    assert_eq!((net.nodes[0].stale, net.nodes[1].stale), (0, 0));
    assert!(net.nodes[0].accepted.len() > 30 && net.nodes[1].accepted.len() > 30);
}

#[test]
fn joins_at_thirty_percent_loss() {
    for seed in 0..12 {
        let mut net = Network::new(seed, 2);
        net.faults = Faults { loss: 0.3, duplicate: 0.2, jitter: 900 };
        net.joined(&[3, 1, 1]);
        net.run(4 * DOWN_CLOCKS);
        assert_eq!(net.ups(), [3, 1, 1], "seed {seed}");
        assert!(net.nodes[0].accepted.iter().any(|a| a.0 == 0) && net.nodes[0].accepted.iter().any(|a| a.0 == 1));
    }
}

#[test]
fn announces_at_its_interval() {
    let mut net = Network::new(2, 1);
    net.cut = true;
    net.run(20 * HELLO_CLOCKS);
    for (mac, flags) in [(0x10, 2), (0x20, 0)] {
        let hellos: Vec<_> = net.sent.iter().filter(|f| f.src == mac).collect();
        assert!((19..=22).contains(&hellos.len()), "{} announcements", hellos.len());
        assert!(hellos.iter().all(|f| f.kind == 1 && f.dst == BROADCAST && f.flags == flags && f.src_epoch != 0));
        assert!(hellos.iter().all(|f| f.src_epoch == hellos[0].src_epoch), "the epoch stays while nobody answers");
        assert!(hellos.iter().all(|f| f.arg & 0xff_ffff == network::DOWN));
    }
}

#[test]
fn leaves_at_once_and_joins_again() {
    for host_leaves in [false, true] {
        let mut net = Network::new(3, 1);
        net.joined(&[1, 1]);
        net.run(2000);
        let leaver = usize::from(!host_leaves);
        net.nodes[leaver].dut().enable.next = false;
        let clocks = net.until(2000, "leave", |n| n.ups() == [0, 0]);
        assert!(clocks < 800, "{clocks} clocks");
        net.run(5 * HELLO_CLOCKS);
        let leaves = net.sent.iter().filter(|f| f.kind == 4).count();
        assert_eq!(leaves, 3);
        assert_eq!(net.ups(), [0, 0]);
        let mac = net.nodes[leaver].mac;
        let last = net.sent.iter().rposition(|f| f.src == mac).unwrap();
        assert_eq!(net.sent[last].kind, 4, "nothing is sent after the LEAVE");
        net.nodes[leaver].dut().enable.next = true;
        net.joined(&[1, 1]);
        assert_eq!((net.nodes[0].joins, net.nodes[1].joins), (2, 2));
    }
}

#[test]
fn silence_ends_a_session_on_both_sides_and_a_short_outage_does_not() {
    let mut net = Network::new(4, 1);
    net.joined(&[1, 1]);
    for _ in 0..3 {
        net.cut = true;
        net.run(DOWN_CLOCKS - 3 * HELLO_CLOCKS);
        net.cut = false;
        net.run(3 * HELLO_CLOCKS);
    }
    assert_eq!((net.nodes[0].flushes, net.nodes[1].flushes), (0, 0));
    net.cut = true;
    let clocks = net.until(DOWN_CLOCKS + 2000, "silence", |n| n.ups() == [0, 0]);
    assert!(clocks > DOWN_CLOCKS - 2 * HELLO_CLOCKS, "{clocks} clocks");
    net.cut = false;
    net.joined(&[1, 1]);
}

#[test]
fn both_use_the_larger_silence() {
    for longer in 0..2 {
        let mut net = Network::new(5, 1);
        net.nodes[longer].dut().down_ticks.next = (2 * network::DOWN).into();
        net.joined(&[1, 1]);
        net.cut = true;
        net.run(2 * DOWN_CLOCKS - 2 * HELLO_CLOCKS);
        assert_eq!(net.ups(), [1, 1]);
        net.until(3 * HELLO_CLOCKS, "silence", |n| n.ups() == [0, 0]);
    }
}

#[test]
fn reset_of_either_side_starts_a_new_session() {
    for seed in 0..4 {
        let mut net = Network::new(seed, 2);
        net.joined(&[3, 1, 1]);
        let slots = |n: &Network| n.nodes[1].up() & n.nodes[2].up();
        let flushes = net.nodes[0].flushes;
        net.nodes[2].reset();
        net.run(16);
        net.joined(&[3, 1, 1]);
        assert_eq!(net.nodes[0].flushes, flushes + 1, "seed {seed}: only the slot of that PEB");
        assert_eq!(net.nodes[1].flushes, 0, "seed {seed}");
        net.nodes[0].reset();
        net.run(16);
        assert_eq!(net.nodes[0].up(), 0);
        net.until(DOWN_CLOCKS + 2000, "silence of the host", |n| slots(n) == 0);
        net.joined(&[3, 1, 1]);
        assert_eq!(net.nodes[1].flushes, 1);
    }
}

#[test]
fn old_frames_change_nothing() {
    let mut net = Network::new(6, 1);
    net.joined(&[1, 1]);
    net.run(4 * HELLO_CLOCKS);
    net.nodes[1].dut().enable.next = false;
    net.until(2000, "leave", |n| n.ups() == [0, 0]);
    net.nodes[1].dut().enable.next = true;
    net.joined(&[1, 1]);
    net.run(1000);
    let second = net.sent.iter().rposition(|f| f.kind == 2).unwrap();
    let old: Vec<Frame> = net.sent[..second].iter().copied().filter(|f| f.kind != 1).collect();
    let flushes = (net.nodes[0].flushes, net.nodes[1].flushes);
    let stale = net.nodes[0].stale + net.nodes[1].stale;
    for frame in &old {
        net.inject(*frame);
        net.run(100);
    }
    net.run(500);
    assert!(old.iter().any(|f| f.kind == 0) && old.iter().any(|f| f.kind == 4));
    assert_eq!((net.nodes[0].flushes, net.nodes[1].flushes), flushes);
    assert_eq!(net.nodes[0].stale + net.nodes[1].stale, stale + old.len(), "each is counted once");
    // An old HELLO only leads to an offer that nobody takes.
    let hello = *net.sent.iter().find(|f| f.kind == 1 && f.src == 0x20).unwrap();
    net.inject(hello);
    net.run(DOWN_CLOCKS);
    assert_eq!((net.nodes[0].flushes, net.nodes[1].flushes), flushes);
}

#[test]
fn a_forged_join_does_not_end_a_session() {
    let mut net = Network::new(7, 1);
    net.joined(&[1, 1]);
    for i in 0..50 {
        let epoch = net.rng.gen_range(1..0x1_0000);
        let hello = Frame {
            dst: BROADCAST,
            src: 0x20,
            vid: 100,
            kind: 1,
            flags: 0,
            src_epoch: epoch,
            dst_epoch: 0,
            index: 0,
            arg: 0x8000_0fa0,
        };
        net.inject(hello);
        net.run(400);
        // Guessed confirmations, and frames for sessions that cannot be.
        let guess = net.rng.gen_range(1..0x1_0000);
        let kind = [0, 3, 4, 9][i % 4];
        let index = net.rng.gen_range(0..256);
        net.inject(Frame { dst: 0x10, kind, dst_epoch: guess, index, ..hello });
        net.run(400);
    }
    assert_eq!(net.ups(), [1, 1]);
    assert_eq!((net.nodes[0].flushes, net.nodes[1].flushes), (0, 0));
    assert!(net.nodes[0].stale >= 45);
}

#[test]
fn slots_are_given_as_wished_and_kept() {
    let mut net = Network::new(8, 3);
    for (i, slot) in [(1, 2), (2, 2), (3, 1)] {
        net.nodes[i].dut().slot_any.next = false;
        net.nodes[i].dut().slot_wanted.next = (slot as u64).into();
    }
    // Two want slot 2: one gets it, the other is refused and tries again.
    net.until(20 * HELLO_CLOCKS, "wishes", |n| n.ups()[0] == 0b110 && n.nodes[0].refused > 3);
    assert_eq!(net.nodes[1].up() + net.nodes[2].up(), 1);
    assert_eq!(net.nodes[3].up(), 1);
    // Any slot will do: the lowest that is free.
    let loser = if net.nodes[1].up() == 0 { 1 } else { 2 };
    net.nodes[loser].dut().slot_any.next = true;
    net.joined(&[0b111, 1, 1, 1]);
    // Whoever comes back gets the slot it had, though a lower one is free.
    net.nodes[loser].dut().enable.next = false;
    net.nodes[3].dut().enable.next = false;
    net.until(3000, "two leave", |n| n.ups()[0] == 0b100);
    net.nodes[3].dut().slot_any.next = true;
    net.nodes[3].dut().enable.next = true;
    net.until(20 * HELLO_CLOCKS, "the same slot", |n| n.ups()[0] == 0b110);
    let last = net.sent.iter().rev().find(|f| f.kind == 2 && f.dst == 0x22).unwrap();
    assert_eq!(last.arg >> 24, 1);
    // A slot that the host does not have.
    let refused = net.nodes[0].refused;
    net.nodes[loser].dut().slot_any.next = false;
    net.nodes[loser].dut().slot_wanted.next = 20.into();
    net.nodes[loser].dut().enable.next = true;
    net.run(5 * HELLO_CLOCKS);
    assert!(net.nodes[0].refused >= refused + 4);
    assert_eq!(net.ups()[0], 0b110);
}

#[test]
fn more_peers_than_slots() {
    for seed in 0..3 {
        let mut net = Network::new(seed, 6);
        net.faults = Faults { loss: 0.1, duplicate: 0.1, jitter: 300 };
        net.until(60 * HELLO_CLOCKS, "four joined", |n| n.ups()[0] == 15 && n.ups()[1..].iter().sum::<u64>() == 4);
        let refused = net.nodes[0].refused;
        net.run(10 * HELLO_CLOCKS);
        assert!(net.nodes[0].refused > refused + 10, "seed {seed}");
        let member = (1..7).find(|&i| net.nodes[i].up() == 1).unwrap();
        net.nodes[member].dut().enable.next = false;
        net.until(2 * DOWN_CLOCKS, "left", |n| n.nodes[member].up() == 0);
        net.until(2 * DOWN_CLOCKS, "the next one", |n| {
            n.ups()[0] == 15 && n.ups()[1..].iter().sum::<u64>() == 4 && n.nodes[member].up() == 0
        });
    }
}

#[test]
fn one_host_in_a_vlan() {
    // Neither has sessions: the lower address wins.
    let hosts = vec![Node::new(0x18, Sessions::host(), None), Node::new(0x10, Sessions::host(), None)];
    let mut net = Network::of(9, hosts);
    net.run(3 * HELLO_CLOCKS);
    net.nodes.push(Node::new(0x20, Sessions::io(), None));
    net.until(20 * HELLO_CLOCKS, "join", |n| n.ups() == [0, 1, 1]);
    assert!(net.nodes[0].refused > 0);
    // A host with sessions keeps them, whoever comes.
    let hosts = vec![Node::new(0x18, Sessions::host(), None), Node::new(0x20, Sessions::io(), None)];
    let mut net = Network::of(10, hosts);
    net.joined(&[1, 1]);
    net.nodes.push(Node::new(0x10, Sessions::host(), None));
    net.run(3 * HELLO_CLOCKS);
    net.nodes.push(Node::new(0x21, Sessions::io(), None));
    net.until(20 * HELLO_CLOCKS, "join", |n| n.ups() == [3, 1, 0, 1]);
    assert!(net.nodes[2].refused > 0);
    // It goes: after the time of silence the other one takes over.
    net.nodes[0].dut().enable.next = false;
    net.until(2 * DOWN_CLOCKS, "the other host", |n| n.ups() == [0, 1, 3, 1]);
}

#[test]
fn a_new_vid_moves_the_peer() {
    let hosts = vec![
        Node::new(0x10, Sessions::host(), None),
        Node::new(0x11, Sessions::host(), None),
        Node::new(0x20, Sessions::io(), None),
    ];
    let mut net = Network::of(11, hosts);
    net.nodes[1].dut().vlan.next = 200.into();
    net.joined(&[1, 0, 1]);
    for (vid, expected) in [(200u16, [0, 1, 1]), (100, [1, 0, 1])] {
        net.nodes[2].dut().vlan.next = u64::from(vid).into();
        net.until(500, "left", |n| n.nodes[2].up() == 0);
        let clocks = net.joined(&expected);
        assert!(clocks < 3 * HELLO_CLOCKS, "{clocks} clocks");
        let leave = net.sent.iter().rev().find(|f| f.kind == 4).unwrap();
        assert_eq!((leave.vid, leave.src), (300 - u64::from(vid), 0x20), "the LEAVE goes to the old group");
    }
    // The host moves: its sessions end, and the other group's host has a rival beside it.
    net.nodes[0].dut().vlan.next = 300.into();
    net.until(1000, "left", |n| n.ups() == [0, 0, 0]);
    net.nodes[2].dut().vlan.next = 300.into();
    net.joined(&[1, 0, 1]);
}

/// Everything at random, for long; then the same pins against the Verilog.
#[test]
fn random_life_and_its_verilog() {
    for seed in 0..2 {
        let nodes = vec![
            Node::new(0x10, Sessions::host(), Some("sessions_host")),
            Node::new(0x20, Sessions::io(), Some("sessions_io")),
            Node::new(0x21, Sessions::io(), None),
        ];
        let mut net = Network::of(seed, nodes);
        net.faults = Faults { loss: 0.1, duplicate: 0.1, jitter: 500 };
        for round in 0..30 {
            let node = net.rng.gen_range(0..3);
            match net.rng.gen_range(0..8) {
                0 => net.nodes[node].reset(),
                1 => {
                    net.nodes[node].dut().enable.next = false;
                    let clocks = net.rng.gen_range(1..2000);
                    net.run(clocks);
                    net.nodes[node].dut().enable.next = true;
                }
                2 => {
                    let vid = net.rng.gen_range(0..4095u64);
                    net.nodes[node].dut().vlan.next = vid.into();
                    net.run(1500);
                    net.nodes[node].dut().vlan.next = 100.into();
                }
                3 if round % 4 == 0 => {
                    net.cut = true;
                    net.run(DOWN_CLOCKS + 100 * TICK);
                    net.cut = false;
                }
                4 if round > 0 => {
                    let old = net.rng.gen_range(0..net.sent.len());
                    let frame = net.sent[old];
                    net.inject(frame);
                }
                _ => {}
            }
            let clocks = net.rng.gen_range(500..3000);
            net.run(clocks);
        }
        net.faults = Faults::default();
        net.until(3 * DOWN_CLOCKS, "all is well again", |n| n.ups()[0].count_ones() == 2 && n.ups()[1..] == [1, 1]);
        peb_verilog::assert_equivalent(net.nodes[0].recording());
        peb_verilog::assert_equivalent(net.nodes[1].recording());
    }
}
