//! A host PEB with one slot.

use super::host::{Host, HostOf};
use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Whatever happens to it, the only slot does what the first of four does, clock by clock; sessions and records of slots that
/// are not there change nothing.
#[test]
fn the_only_slot_is_as_the_first_of_four() {
    for (seed, full) in [(21, false), (22, true)] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut one, mut four) = (HostOf::<1>::new("hot_plug_one", full), Host::new("hot_plug_four", full));
        macro_rules! both {
            ($host:ident, $action:expr) => {{
                let $host = &mut one;
                $action;
                let $host = &mut four;
                $action;
            }};
        }
        both!(host, host.enable(0));
        let (mut status, mut session, mut ups, mut was_up) = (Status::default(), false, 0, false);
        for step in 0..400 {
            let label = format!("seed {seed}, step {step}");
            let value = rng.gen::<u64>();
            match rng.gen_range(0..40) {
                0 => session = !session,
                1 => both!(host, host.write(1, LINK_CONTROL, value & 1 << 4, 3)),
                2 => both!(host, host.write((value & 1) as usize, BRIDGE_CONTROL, value & 1 << 22, 12)),
                3 => both!(host, host.write((value & 1) as usize, COMMAND, value & 0x404, 3)),
                4 => both!(host, host.write(1, MSI_CONTROL, value & 1 << 16, 12)),
                5 => both!(host, host.bench.dut().tracker_busy.next = (value & 1).into()),
                6 => {
                    both!(host, host.bench.dut().host_down.next = true);
                    both!(host, host.restart());
                    both!(host, host.clocks(200));
                    both!(host, host.bench.dut().host_down.next = false);
                    both!(host, host.enable(0));
                }
                7..=9 => both!(host, host.write(1, SLOT, value & 0x17FB & !(value >> 16 & 0x400), 3)),
                10..=13 => both!(host, host.write(1, SLOT, 0x011B_0000, 12)),
                14..=16 => {
                    // Everything is let go.
                    session = true;
                    both!(host, host.write(1, LINK_CONTROL, 0, 3));
                    both!(host, (0..2).for_each(|port| host.write(port, BRIDGE_CONTROL, 0, 12)));
                    both!(host, host.bench.dut().tracker_busy.next = 0.into());
                    both!(host, host.enable(0));
                }
                17..=19 => {
                    // Of a slot that is not there.
                    let stray = Status { generation: value as u8, present: true, link: true, ..status };
                    one.say(rng.gen_range(1..8), stray);
                    four.clock();
                }
                _ => {
                    status.present = rng.gen_bool(0.9);
                    status.link = status.present && rng.gen_bool(0.8);
                    status.fault = rng.gen_bool(0.1);
                    status.buttons = status.buttons.wrapping_add(rng.gen_bool(0.1).into());
                    status.changes = status.changes.wrapping_add(rng.gen_bool(0.1).into());
                    status.drops = status.drops.wrapping_add(rng.gen_bool(0.1).into());
                    if rng.gen_bool(0.9) {
                        status.generation = one.controls.last().map_or(0, |control| control.1.generation);
                    }
                    both!(host, host.say(0, status));
                }
            }
            both!(host, host.session(0, session));
            for _ in 0..rng.gen_range(1..60) {
                // Sessions of slots that are not there.
                one.bench.dut().session_up.next = (rng.gen::<u64>() & 0xFE | u64::from(session)).into();
                let (tick, ready) = (rng.gen_bool(0.5), [rng.gen_bool(0.5), rng.gen_bool(0.5), rng.gen_bool(0.5)]);
                both!(host, {
                    let dut = host.bench.dut();
                    dut.tick.next = tick;
                    [dut.set_ready.next, dut.record_out_ready.next, dut.msi_ready.next] = ready;
                    host.clock();
                });
                assert_eq!(one.state(0), four.state(0), "{label}: present, link");
                let (a, b) = (one.bench.dut(), four.bench.dut());
                assert_eq!((a.present.val() | a.link.val() | a.lost.val()).raw() & !1, 0, "{label}: other slots");
                assert_eq!(a.own_intx.val(), b.own_intx.val(), "{label}: INTx");
                assert_eq!(a.lost.val(), b.lost.val(), "{label}: lost");
                assert_eq!((one.controls.len(), one.sets.len()), (four.controls.len(), four.sets.len()), "{label}");
                let up = one.state(0).1;
                ups += usize::from(up && !was_up);
                was_up = up;
            }
            assert_eq!(one.controls, four.controls, "{label}");
            assert_eq!((&one.sets, &one.msis), (&four.sets, &four.msis), "{label}");
        }
        let seen = [ups, one.controls.len(), one.sets.len(), one.msis.len()];
        assert!(seen.iter().all(|&n| n > 5), "seed {seed}: ups, records, events, MSIs: {seen:?}");
        if full {
            one.bench.assert_equivalent();
        }
    }
}
