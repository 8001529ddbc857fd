//! [`Interrupts`] against the wires as the host sees them.

use super::Interrupts;
use crate::testing::{clocked, Bench};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Interrupts);

const ID: [u8; 2] = [0x12, 0x38];

/// The host: what it was told.
#[derive(Default)]
struct Host {
    bytes: Vec<u8>,
    pins: [bool; 4],
    messages: usize,
    acks: usize,
    /// Error messages: ID, code.
    errors: Vec<([u8; 2], u8)>,
    /// What is offered as one, until it is taken.
    offered: VecDeque<([u8; 2], u8)>,
}

impl Host {
    /// One clock.
    fn clock(&mut self, bench: &mut Bench<Interrupts>, label: &str) {
        let d = bench.dut();
        if d.error_taken.val() {
            self.offered.pop_front();
        }
        d.error_valid.next = !self.offered.is_empty();
        if let Some((id, code)) = self.offered.front() {
            d.error_id.next = u64::from(u16::from_be_bytes(*id)).into();
            d.error_code.next = u64::from(code & 3).into();
        }
        bench.settle();
        let d = bench.dut();
        if d.valid.val() && d.ready.val() {
            assert_eq!((d.first.val(), d.half.val()), (self.bytes.is_empty(), false), "{label}");
            assert_eq!((d.class.val().raw(), d.dwords.val().raw()), (0, 4), "{label}");
            self.bytes.extend(d.data.val().raw().to_le_bytes());
            if d.last.val() {
                self.message(label);
            }
        }
        bench.tick();
    }

    fn message(&mut self, label: &str) {
        let m = std::mem::take(&mut self.bytes);
        assert_eq!(m.len(), 16, "{label}");
        let (code, routing) = (m[7], m[0] & 7);
        assert_eq!([&m[1..4], &m[6..7], &m[8..]], [&[0; 3][..], &[0][..], &[0; 8][..]], "{label}");
        assert_eq!(m[0] >> 3, 0b00110, "{label}: a message of 4 dwords");
        if (0x30..0x34).contains(&code) {
            assert_eq!(routing, 0, "{label}: to the root");
            self.errors.push(([m[4], m[5]], code));
            return;
        }
        assert_eq!(m[4..6], ID, "{label}");
        if code == 0x1b {
            assert_eq!(routing, 5, "{label}");
            self.acks += 1;
            return;
        }
        assert!((0x20..0x28).contains(&code) && routing == 4, "{label}: {code:#x}");
        let (pin, level) = (usize::from(code & 3), code & 4 == 0);
        assert_ne!(self.pins[pin], level, "{label}: told twice");
        self.pins[pin] = level;
        self.messages += 1;
    }
}

fn bench(name: &str) -> Bench<Interrupts> {
    let mut bench = Bench::new(name, Interrupts::default());
    bench.reset();
    bench.dut().upstream_id.next = u64::from(u16::from_be_bytes(ID)).into();
    bench
}

#[test]
fn random_wires() {
    for seed in [1, 2, 3] {
        let label = format!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut bench, mut host) = (bench("interrupts"), Host::default());
        let (mut wires, mut own, mut changes, mut errors) = ([[false; 4]; 8], 0u64, 0, vec![]);
        for _ in 0..300 {
            // A burst of events at any rate, the host slow or not; then all is told.
            let (rate, ready) = (rng.gen_range(0.01..0.5), rng.gen_range(0.05..1.0));
            for _ in 0..rng.gen_range(1..60) {
                let (slot, pin, on) = (rng.gen_range(0..8), rng.gen_range(0..4), rng.gen_bool(0.4));
                let (event, gone) = (rng.gen_bool(rate), rng.gen_bool(rate / 4.0));
                let lost = if gone { rng.gen_range(0..256u64) } else { 0 };
                if rng.gen_bool(rate / 4.0) {
                    own = rng.gen_range(0..256u64) & rng.gen_range(0..256u64);
                }
                if event {
                    wires[slot][pin] = on;
                    changes += 1;
                }
                (0..8).filter(|n| lost >> n & 1 == 1).for_each(|n| wires[n] = [false; 4]);
                let d = bench.dut();
                d.message_valid.next = event;
                d.message_slot.next = (slot as u64).into();
                d.message_pin.next = (pin as u64).into();
                d.message_assert.next = on;
                d.lost.next = lost.into();
                d.own.next = own.into();
                d.ready.next = rng.gen_bool(ready);
                if rng.gen_bool(rate / 4.0) {
                    let error = (rng.gen(), *[0x30, 0x31, 0x33].choose(&mut rng).unwrap());
                    host.offered.push_back(error);
                    errors.push(error);
                }
                host.clock(&mut bench, &label);
            }
            bench.dut().message_valid.next = false;
            bench.dut().lost.next = 0.into();
            bench.dut().ready.next = true;
            (0..40 + 4 * host.offered.len()).for_each(|_| host.clock(&mut bench, &label));
            assert_eq!(host.errors, errors, "{label}: each error once, in order");
            let mut pins = [false; 4];
            for n in 0..8 {
                (0..4).for_each(|p| pins[(p + n) % 4] |= wires[n][p]);
                pins[n % 4] |= own >> n & 1 == 1;
            }
            assert_eq!(host.pins, pins, "{label}: {wires:?} {own:#x}");
        }
        assert!(changes > 500 && host.messages > 200, "{label}: {changes} {}", host.messages);
        assert_eq!(host.acks, 0);
        bench.assert_equivalent();
    }
}

#[test]
fn clear_takes_back_what_stands_at_the_output() {
    let (mut bench, mut host) = (bench("interrupts_clear"), Host::default());
    bench.dut().message_valid.next = true;
    bench.dut().message_slot.next = 3.into();
    bench.dut().message_pin.next = 2.into();
    bench.dut().message_assert.next = true;
    bench.tick();
    bench.dut().message_valid.next = false;
    (0..5).for_each(|_| host.clock(&mut bench, "stands"));
    bench.dut().clear.next = true;
    host.clock(&mut bench, "clear");
    bench.dut().clear.next = false;
    bench.dut().ready.next = true;
    (0..20).for_each(|_| host.clock(&mut bench, "after"));
    assert_eq!((host.messages, host.pins), (2, [false; 4]));
    // Told before: forgotten, not taken back.
    bench.dut().own.next = 4.into();
    (0..20).for_each(|_| host.clock(&mut bench, "own"));
    assert_eq!((host.messages, host.pins), (3, [false, false, true, false]));
    bench.dut().clear.next = true;
    bench.dut().own.next = 0.into();
    (0..20).for_each(|_| host.clock(&mut bench, "reset"));
    bench.dut().clear.next = false;
    (0..20).for_each(|_| host.clock(&mut bench, "reset"));
    assert_eq!(host.messages, 3);
    bench.assert_equivalent();
}

#[test]
fn power_management_turn_off() {
    let (mut bench, mut host) = (bench("interrupts_turn_off"), Host::default());
    bench.dut().ready.next = true;
    let run = |bench: &mut Bench<Interrupts>, host: &mut Host, clocks: usize| {
        for _ in 0..clocks {
            host.clock(bench, "turn off");
            bench.dut().turn_off.next = false;
            bench.dut().ack_valid.next = false;
        }
        host.acks
    };
    let ack = |bench: &mut Bench<Interrupts>, slot: u64| {
        bench.dut().ack_valid.next = true;
        bench.dut().ack_slot.next = slot.into();
    };
    // Nobody is there.
    bench.dut().turn_off.next = true;
    assert_eq!(run(&mut bench, &mut host, 10), 1);
    // All answer, in any order; one that is not asked does not count.
    bench.dut().slot_up.next = 0b1001_0010.into();
    bench.dut().turn_off.next = true;
    run(&mut bench, &mut host, 3);
    for slot in [7, 2, 1, 7] {
        ack(&mut bench, slot);
        assert_eq!(run(&mut bench, &mut host, 20), 1);
    }
    ack(&mut bench, 4);
    assert_eq!(run(&mut bench, &mut host, 10), 2);
    // One goes away; one that comes later is not asked.
    bench.dut().turn_off.next = true;
    run(&mut bench, &mut host, 3);
    bench.dut().slot_up.next = 0b1111_1100.into();
    ack(&mut bench, 4);
    assert_eq!(run(&mut bench, &mut host, 20), 2);
    ack(&mut bench, 7);
    assert_eq!(run(&mut bench, &mut host, 10), 3);
    // One never answers.
    bench.dut().turn_off.next = true;
    bench.dut().tick.next = true;
    assert_eq!(run(&mut bench, &mut host, 10_000), 3);
    assert_eq!(run(&mut bench, &mut host, 10), 4);
    // The host resets meanwhile.
    bench.dut().turn_off.next = true;
    run(&mut bench, &mut host, 5);
    bench.dut().clear.next = true;
    run(&mut bench, &mut host, 5);
    bench.dut().clear.next = false;
    assert_eq!(run(&mut bench, &mut host, 10_100), 4);
    assert_eq!(host.messages, 0);
    bench.assert_equivalent();
}
