//! The event rules that stock Linux needs.

use super::host::Host;
use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[test]
fn an_emptied_slot_stays_empty_for_an_announcement_interval() {
    let mut host = Host::new("hot_plug_emptied", false);
    let mut status = host.join(0);
    host.sets.clear();
    // Another device within the time of a record: only the counts tell.
    status.changes += 2;
    status.drops += 1;
    host.say(0, status);
    host.clocks(5);
    assert_eq!(host.state(0), (false, false));
    host.clocks(60);
    assert_eq!(host.sets, [(0, PDC | DLLSC)]);
    assert!(host.last_control(0).keep, "the device was not told to reset");
    status.generation = host.last_control(0).generation;
    host.say(0, status);
    host.ticks(9);
    assert_eq!(host.state(0), (false, false));
    host.ticks(3);
    assert_eq!(host.state(0), (true, true));
    assert_eq!(host.sets[1..], [(0, PDC | DLLSC)]);
    assert_eq!(host.lost[0], 1);
    // The same by silence.
    host.session(0, false);
    host.clocks(3);
    assert_eq!(host.state(0), (false, false));
    host.session(0, true);
    host.clocks(40);
    host.say(0, Status { present: true, ..Status::default() });
    host.ticks(9);
    assert_eq!(host.state(0), (false, false));
    host.ticks(3);
    assert_eq!(host.state(0), (true, false));
    host.bench.assert_equivalent();
}

#[test]
fn a_link_that_fell_between_two_records_falls_here_too() {
    let mut host = Host::new("hot_plug_drop", false);
    let mut status = host.join(3);
    host.sets.clear();
    status.drops = 1;
    host.say(3, status);
    host.clocks(60);
    assert_eq!(host.state(3), (true, false), "till the device's side knows");
    assert_eq!((host.sets.as_slice(), host.lost[3]), (&[(3, DLLSC)][..], 1));
    host.say(3, status);
    host.clocks(60);
    assert_eq!(host.state(3), (true, false), "an old generation");
    status.generation += 1;
    assert_eq!(host.last_control(3).generation, status.generation);
    host.say(3, status);
    host.clocks(3);
    assert_eq!(host.state(3), (true, true));
    host.bench.assert_equivalent();
}

#[test]
fn resets_give_generations_that_cannot_be_mixed_up() {
    let mut host = Host::new("hot_plug_resets", false);
    let status = host.join(1);
    let other = host.join(2);
    host.controls.clear();
    // 600 resets while the first of their generations is under way: more than a generation can count.
    for _ in 0..600 {
        host.write(2, BRIDGE_CONTROL, 1 << 22, 15);
        host.write(2, BRIDGE_CONTROL, 0, 15);
        host.clocks(12);
        assert_eq!(host.state(1), (true, false));
    }
    assert_eq!(host.state(2), (true, true), "the neighbour is not touched");
    let told = host.last_control(1);
    assert!(!told.hold);
    assert_eq!(told.generation, status.generation.wrapping_add(1));
    host.say(1, status);
    host.clocks(60);
    assert_eq!(host.state(1), (true, false));
    // The first generation comes back: it is no longer the one wanted.
    host.say(1, Status { generation: told.generation, ..status });
    host.clocks(60);
    assert_eq!(host.state(1), (true, false));
    let last = host.last_control(1);
    assert_eq!((last.generation, last.keep), (told.generation.wrapping_add(1), false));
    host.say(1, Status { generation: last.generation, ..status });
    host.clocks(60);
    assert_eq!(host.state(1), (true, true));

    // Upstream bus reset and the host's link take all.
    host.write(0, BRIDGE_CONTROL, 1 << 22, 15);
    host.clocks(60);
    assert_eq!((host.state(1), host.state(2)), ((true, false), (true, false)));
    assert!(host.last_control(1).hold && host.last_control(2).hold && host.last_control(2).host_up);
    host.write(0, BRIDGE_CONTROL, 0, 15);
    host.clocks(60);
    for (slot, status) in [(1, status), (2, other)] {
        let generation = host.last_control(slot).generation;
        assert!(!host.last_control(slot).hold);
        host.say(slot, Status { generation, ..status });
        host.clocks(60);
        assert_eq!(host.state(slot), (true, true));
    }
    host.sets.clear();
    host.bench.dut().host_down.next = true;
    host.restart();
    host.clocks(3);
    assert_eq!((host.state(1), host.state(2)), ((true, false), (true, false)), "presence stays");
    host.clocks(200);
    assert!(host.last_control(1).hold && !host.last_control(1).host_up);
    host.bench.dut().host_down.next = false;
    host.clocks(60);
    assert!(host.sets.is_empty(), "change bits stay clear: {:?}", host.sets);
    assert_eq!(host.rows[2][SLOT as usize], 0);
    let told = host.last_control(1);
    assert!(!told.hold && told.host_up);
    host.say(1, Status { generation: told.generation, ..status });
    host.clocks(60);
    assert_eq!((host.state(1), host.state(2)), ((true, true), (true, false)));
    assert_eq!(host.sets, [(1, DLLSC)]);

    // Link Disable; requests of before first.
    host.write(2, LINK_CONTROL, 1 << 4, 3);
    host.clocks(4);
    assert_eq!(host.state(1), (true, false));
    host.bench.dut().tracker_busy.next = 2.into();
    host.clocks(40);
    assert!(host.last_control(1).link_disable && !host.last_control(1).hold);
    host.write(2, LINK_CONTROL, 0, 3);
    host.clocks(40);
    let told = host.last_control(1);
    assert!(!told.link_disable);
    host.say(1, Status { generation: told.generation, ..status });
    host.clocks(40);
    assert_eq!(host.state(1), (true, false), "the tracker is not done");
    host.bench.dut().tracker_busy.next = 0.into();
    host.clocks(2);
    assert_eq!(host.state(1), (true, true));
    host.bench.assert_equivalent();
}

#[test]
fn the_full_slot_follows_the_golden_trace() {
    let mut host = Host::new("hot_plug_full", true);
    // Power is off after reset (Slot Control 07C0).
    for slot in 0..4 {
        host.write(slot + 1, SLOT, 0x07C0, 3);
    }
    host.clocks(40);
    host.sets.clear();
    host.enable(0);
    const CC: u64 = 1 << 20;
    let mut mark = 0;
    let mut command = |host: &mut Host, value: u64| {
        mark = host.sets.len();
        host.write(1, SLOT, value, 3);
        host.clocks(40);
        assert!(
            host.sets[mark..].iter().any(|s| s.0 == 0 && s.1 & CC != 0),
            "{value:#x} did not complete: {:?}",
            &host.sets[mark..]
        );
        host.write(1, SLOT, CC, 12);
        host.clocks(40);
        assert_eq!(host.rows[1][SLOT as usize] & CC, 0);
    };
    command(&mut host, 0x17F8);
    host.msis.clear();
    host.session(0, true);
    host.clocks(40);
    assert!(host.last_control(0).power_off);
    assert_eq!(host.last_control(0).indicators, 0b1111);
    let mut status = Status { present: true, generation: host.last_control(0).generation, ..Status::default() };
    host.say(0, status);
    host.clocks(40);
    assert_eq!((host.rows[1][SLOT as usize] & PDC, host.msis.len()), (PDC, 1));
    host.write(1, SLOT, PDC, 12);
    command(&mut host, 0x13F8);
    assert!(!host.last_control(0).power_off);
    command(&mut host, 0x12F8);
    assert_eq!(host.last_control(0).indicators, 0b1011, "the power indicator blinks");
    status.link = true;
    host.say(0, status);
    host.clocks(40);
    assert_eq!(host.state(0), (true, true));
    assert_eq!(host.rows[1][SLOT as usize] >> 16, DLLSC >> 16);
    host.write(1, SLOT, DLLSC, 12);
    command(&mut host, 0x11F8);
    // Button and power fault.
    status.buttons += 1;
    status.fault = true;
    host.sets.clear();
    host.say(0, status);
    host.clocks(40);
    assert_eq!(host.sets, [(0, 3 << 16)]);
    host.write(1, SLOT, 3 << 16, 12);
    host.clocks(40);
    assert_eq!(host.last_control(0).cleared, 3);
    // Power off takes the link.
    command(&mut host, 0x15F8);
    assert_eq!(host.state(0), (true, false));
    assert!(host.last_control(0).power_off);
    host.bench.assert_equivalent();
}

#[test]
fn interrupts_are_edges_of_the_condition() {
    for seed in [11, 12, 13, 14] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut host = Host::new("hot_plug_interrupts", false);
        let mut level = [false; 4];
        let mut pending = [false; 4];
        let mut want = vec![];
        for slot in 1..5 {
            for row in [MSI_ADDRESS, MSI_UPPER, MSI_DATA] {
                host.write(slot, row, 0, 15);
            }
        }
        for step in 0..1500 {
            let port = rng.gen_range(0..5);
            match rng.gen_range(0..10) {
                0 => host.write(port, COMMAND, rng.gen::<u64>() & 0x404 | u64::from(rng.gen_bool(0.6)) << 2, 3),
                1 if port != 0 => host.write(port, MSI_CONTROL, u64::from(rng.gen_bool(0.7)) << 16, 12),
                2 if port != 0 => host.write(port, MSI_ADDRESS, rng.gen::<u64>() & 0xFFFF_FFFC, 15),
                3 if port != 0 => {
                    host.write(port, MSI_UPPER, rng.gen::<u64>() & (0xFFFF_FFFF * rng.gen_range(0..2)), 15)
                }
                4 if port != 0 => host.write(port, MSI_DATA, rng.gen::<u64>() & 0xFFFF, 15),
                5 | 6 if port != 0 => {
                    let control = rng.gen::<u64>() & 0x101B | u64::from(rng.gen_bool(0.8)) << 5;
                    host.write(port, SLOT, control, 3);
                }
                7 | 8 if port != 0 => host.write(port, SLOT, rng.gen::<u64>() & 0x011B_0000, 12),
                _ if port != 0 => {
                    // The hardware's own.
                    host.rows[port][SLOT as usize] |= rng.gen::<u64>() & 0x011B_0000;
                    host.write(port, SLOT, 0, 0);
                }
                _ => {}
            }
            host.clocks(15);
            let upstream = host.rows[0][COMMAND as usize] & 4 != 0;
            let mut intx = 0;
            for slot in 0..4 {
                let rows = &host.rows[slot + 1];
                let value = rows[SLOT as usize];
                let now = value >> 5 & 1 != 0 && value & value >> 16 & 0x101B & !0x1000 != 0
                    || value >> 5 & 1 != 0 && value >> 12 & value >> 24 & 1 != 0;
                let enabled = rows[MSI_CONTROL as usize] >> 16 & 1 != 0;
                let sendable = upstream && enabled && rows[COMMAND as usize] & 4 != 0;
                pending[slot] |= now && !level[slot];
                pending[slot] &= now || sendable;
                level[slot] = now;
                if pending[slot] && sendable {
                    pending[slot] = false;
                    let address = rows[MSI_UPPER as usize] << 32 | rows[MSI_ADDRESS as usize];
                    want.push((slot as u64, address, rows[MSI_DATA as usize]));
                }
                intx |= u64::from(now && !enabled && rows[COMMAND as usize] & 0x400 == 0) << slot;
            }
            let got = host.bench.dut().own_intx.val().raw();
            assert_eq!(got, intx, "seed {seed}, step {step}: INTx");
            // Those that one change of the upstream port let go come in any order.
            let (mut got, mut wanted) = (std::mem::take(&mut host.msis), std::mem::take(&mut want));
            host.clocks(if wanted.len() > 1 { 40 } else { 0 });
            got.append(&mut host.msis);
            got.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(got, wanted, "seed {seed}, step {step}: MSIs");
        }
        host.bench.assert_equivalent();
    }
}
