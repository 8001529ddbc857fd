//! A host PEB with one slot.

use super::host::HostOf;
use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Whatever happens to it, the only slot does what any of eight does, clock by clock; sessions and records of slots that
/// are not there change nothing.
#[test]
fn the_only_slot_is_as_each_of_eight() {
    for k in 0..8 {
        let (seed, full) = (21 + k as u64, k % 2 == 1);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut one, mut eight) = (HostOf::<1>::new("hot_plug_one", full), HostOf::<8>::new("hot_plug_eight", full));
        // The turn goes on while a slot waits for its own; so that of slot k comes as soon as that of the only one.
        eight.session(7, true);
        eight.clocks(k);
        eight.session(7, false);
        macro_rules! both {
            ($host:ident, $slot:ident, $action:expr) => {{
                let ($host, $slot) = (&mut one, 0);
                $action;
                let ($host, $slot) = (&mut eight, k);
                $action;
            }};
        }
        both!(host, slot, host.enable(slot));
        let (mut status, mut session, mut ups, mut was_up) = (Status::default(), false, 0, false);
        for step in 0..300 {
            let label = format!("seed {seed}, slot {k}, step {step}");
            let value = rng.gen::<u64>();
            match rng.gen_range(0..40) {
                0 => session = !session,
                1 => both!(host, slot, host.write(slot + 1, LINK_CONTROL, value & 1 << 4, 3)),
                2 => {
                    let all = value & 1 == 0;
                    both!(host, slot, host.write(if all { 0 } else { slot + 1 }, BRIDGE_CONTROL, value & 1 << 22, 12));
                }
                3 => {
                    let all = value & 1 == 0;
                    both!(host, slot, host.write(if all { 0 } else { slot + 1 }, COMMAND, value & 0x404, 3));
                }
                4 => both!(host, slot, host.write(slot + 1, MSI_CONTROL, value & 1 << 16, 12)),
                5 => both!(host, slot, host.bench.dut().tracker_busy.next = ((value & 1) << slot).into()),
                6 => {
                    both!(host, _slot, host.bench.dut().host_down.next = true);
                    both!(host, slot, host.restart_ports([0, slot + 1]));
                    both!(host, _slot, host.clocks(200));
                    both!(host, _slot, host.bench.dut().host_down.next = false);
                    both!(host, slot, host.enable(slot));
                }
                7..=9 => both!(host, slot, host.write(slot + 1, SLOT, value & 0x17FB & !(value >> 16 & 0x400), 3)),
                10..=13 => both!(host, slot, host.write(slot + 1, SLOT, 0x011B_0000, 12)),
                14..=16 => {
                    // Everything is let go.
                    session = true;
                    both!(host, slot, host.write(slot + 1, LINK_CONTROL, 0, 3));
                    both!(host, slot, [0, slot + 1].iter().for_each(|&port| host.write(port, BRIDGE_CONTROL, 0, 12)));
                    both!(host, _slot, host.bench.dut().tracker_busy.next = 0.into());
                    both!(host, slot, host.enable(slot));
                }
                17..=19 => {
                    // Of a slot that is not there.
                    let stray = Status { generation: value as u8, present: true, link: true, ..status };
                    one.say(rng.gen_range(1..8), stray);
                    eight.clock();
                }
                _ => {
                    status.present = rng.gen_bool(0.9);
                    status.link = status.present && rng.gen_bool(0.8);
                    status.fault = rng.gen_bool(0.1);
                    for count in [&mut status.buttons, &mut status.changes, &mut status.drops] {
                        *count = count.wrapping_add(if rng.gen_bool(0.1) { rng.gen() } else { 0 });
                    }
                    if rng.gen_bool(0.9) {
                        status.generation = one.controls.last().map_or(0, |control| control.1.generation);
                    }
                    both!(host, slot, host.say(slot, status));
                }
            }
            both!(host, slot, host.session(slot, session));
            for _ in 0..rng.gen_range(1..60) {
                // Sessions of slots that are not there.
                one.bench.dut().session_up.next = (rng.gen::<u64>() & 0xFE | u64::from(session)).into();
                let (tick, ready) = (rng.gen_bool(0.5), [rng.gen_bool(0.5), rng.gen_bool(0.5), rng.gen_bool(0.5)]);
                both!(host, _slot, {
                    let dut = host.bench.dut();
                    dut.tick.next = tick;
                    [dut.set_ready.next, dut.record_out_ready.next, dut.msi_ready.next] = ready;
                    host.clock();
                });
                assert_eq!(one.state(0), eight.state(k), "{label}: present, link");
                let (a, b) = (one.bench.dut(), eight.bench.dut());
                let others = (a.present.val() | a.link.val() | a.lost.val()).raw() & !1;
                assert_eq!(others | (b.present.val() | b.link.val()).raw() & !(1 << k), 0, "{label}: other slots");
                assert_eq!(a.own_intx.val().raw() << k, b.own_intx.val().raw(), "{label}: INTx");
                assert_eq!(a.lost.val().raw() << k, b.lost.val().raw(), "{label}: lost");
                assert_eq!((one.controls.len(), one.sets.len()), (eight.controls.len(), eight.sets.len()), "{label}");
                let up = one.state(0).1;
                ups += usize::from(up && !was_up);
                was_up = up;
            }
            let of_slot = |(slot, what): &(usize, _)| (slot + k, *what);
            assert_eq!(one.controls.iter().map(of_slot).collect::<Vec<_>>(), eight.controls, "{label}");
            let of_slot = |(slot, what): &(usize, _)| (slot + k, *what);
            assert_eq!(one.sets.iter().map(of_slot).collect::<Vec<_>>(), eight.sets, "{label}");
            let msis = one.msis.iter().map(|&(slot, address, data)| {
                let n = k as u64;
                (slot + n, address + (n << 4), data + n)
            });
            assert_eq!(msis.collect::<Vec<_>>(), eight.msis, "{label}");
        }
        let seen = [ups, one.controls.len(), one.sets.len(), one.msis.len()];
        assert!(seen.iter().all(|&n| n > 5), "seed {seed}: ups, records, events, MSIs: {seen:?}");
        if full {
            one.bench.assert_equivalent();
        }
        eight.bench.assert_equivalent();
    }
}
