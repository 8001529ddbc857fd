//! [`ErrorLog`] against the flow chart.

use super::error_log_model::*;
use super::ErrorLog;
use crate::testing::{clocked, Bench, Clocked};
use peb_config::row;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};

clocked!(ErrorLog<1>, ErrorLog<4>, ErrorLog<8>);

const ID: u16 = 0x0710;
const BUS: u8 = 8;
/// Rows of which the block has copies.
const COPIES: [u8; 6] = [
    row::COMMAND,
    row::BRIDGE_CONTROL,
    row::DEVICE_CONTROL,
    row::UNCORRECTABLE_MASK,
    row::UNCORRECTABLE_SEVERITY,
    row::CORRECTABLE_MASK,
];
/// Reporting Enables.
const REPORT: u32 = 0b1111;

/// The block, its configuration space and who takes its messages.
struct World<const N: usize> {
    bench: Bench<ErrorLog<N>>,
    rng: ChaCha8Rng,
    registers: Model,
    updates: VecDeque<(usize, u8, u32)>,
    /// What was set, and what was told by which ID.
    sets: Vec<(usize, u8)>,
    told: Vec<(u16, u8)>,
    /// Chance that a neighbour is ready.
    pace: f64,
    taken: bool,
}

impl<const N: usize> World<N>
where
    ErrorLog<N>: Clocked,
{
    fn new(name: &str, seed: u64) -> Self {
        Self::with(Bench::new(name, ErrorLog::default()), seed)
    }

    fn with(mut bench: Bench<ErrorLog<N>>, seed: u64) -> Self {
        bench.dut().upstream_id.next = u64::from(ID).into();
        bench.dut().internal_bus.next = u64::from(BUS).into();
        bench.reset();
        let registers = Model::new(N);
        let mut world = World {
            bench,
            rng: ChaCha8Rng::seed_from_u64(seed),
            registers,
            updates: VecDeque::new(),
            sets: vec![],
            told: vec![],
            pace: 1.0,
            taken: false,
        };
        for port in 0..=N {
            for row in COPIES {
                world.updates.push_back((port, row, world.registers.value(port, row)));
            }
        }
        world.settle();
        world
    }

    fn tick(&mut self) {
        let update = self.updates.pop_front();
        let (ready, takes) = (self.rng.gen_bool(self.pace), self.rng.gen_bool(self.pace));
        let d = self.bench.dut();
        d.update.next = update.is_some();
        let (port, row, value) = update.unwrap_or_default();
        d.update_port.next = (port as u64).into();
        d.update_row.next = u64::from(row).into();
        d.update_value.next = u64::from(value).into();
        d.set_ready.next = ready;
        d.message_taken.next = self.taken;
        self.bench.settle();
        let d = self.bench.dut();
        if d.set_valid.val() && ready {
            let (port, row) = (d.set_port.val().index(), d.set_row.val().raw() as u8);
            let value = self.registers.set(port, row, d.set_bits.val().raw() as u32);
            self.updates.push_back((port, row, value));
            self.sets.push((port, row));
        }
        let offered = d.message_valid.val() && !self.taken;
        self.taken = offered && takes;
        if self.taken {
            self.told.push((d.message_id.val().raw() as u16, 0x30 + d.message_code.val().raw() as u8));
        }
        self.bench.tick();
        let d = self.bench.dut();
        d.above.next = 0.into();
        d.below.next = 0.into();
        d.malformed.next = false;
        d.limit_valid.next = false;
    }

    /// Until nothing comes any more.
    fn settle(&mut self) {
        let (pace, mut quiet) = (std::mem::replace(&mut self.pace, 1.0), 0);
        while quiet < 3 * N + 20 {
            let before = (self.sets.len(), self.told.len());
            self.tick();
            quiet = if self.updates.is_empty() && before == (self.sets.len(), self.told.len()) { quiet + 1 } else { 0 };
        }
        self.pace = pace;
    }

    fn write(&mut self, port: usize, row: u8, value: u32) {
        let value = self.registers.write(port, row, value);
        self.updates.push_back((port, row, value));
        self.settle();
    }

    /// Puts an error to the inputs.
    fn raise(&mut self, port: usize, error: usize, from_host: bool) {
        let d = self.bench.dut();
        match error {
            MALFORMED => d.malformed.next = true,
            _ if from_host => {
                d.above.next = (1 << error).into();
                d.above_port.next = (port as u64).into();
            }
            _ => {
                d.below.next = (1 << error).into();
                d.below_slot.next = (port as u64 - 1).into();
            }
        }
    }

    /// One error to its end; the messages.
    fn one(&mut self, port: usize, error: usize) -> Vec<(u16, u8)> {
        self.raise(port, error, port == 0);
        self.settle();
        std::mem::take(&mut self.told)
    }
}

fn id(port: usize) -> u16 {
    match port {
        0 => ID,
        _ => u16::from(BUS) << 8 | (port as u16 - 1) << 3,
    }
}

#[test]
fn after_reset_errors_are_logged_and_nothing_is_told() {
    let mut w = World::<4>::new("error_log_quiet", 1);
    assert_eq!(w.one(0, POSTED), []);
    assert_eq!(w.registers.value(0, row::UNCORRECTABLE_STATUS), 1 << 20);
    assert_eq!(w.registers.value(0, row::DEVICE_CONTROL) >> 16, 0b1010, "non-fatal, unsupported request");
    assert_eq!(w.one(3, NON_POSTED), []);
    assert_eq!(w.registers.value(3, row::UNCORRECTABLE_STATUS), 0, "advisory errors are masked");
    assert_eq!(w.registers.value(3, row::CORRECTABLE_STATUS), 1 << 13);
    assert_eq!(w.registers.value(3, row::DEVICE_CONTROL) >> 16, 0b1001, "correctable, unsupported request");
    assert_eq!(w.one(0, MALFORMED), []);
    assert_eq!(w.registers.value(0, row::UNCORRECTABLE_STATUS), 1 << 20 | 1 << 18);
    assert_eq!(w.registers.value(0, row::DEVICE_CONTROL) >> 16, 0b1110);
    assert_eq!(w.one(2, SOURCE), []);
    assert_eq!(w.registers.value(2, row::SECONDARY_STATUS), 1 << 27);
    assert_eq!((w.one(0, POISONED), w.one(1, POISONED)), (vec![], vec![]));
    assert_eq!(w.registers.value(0, row::COMMAND), 0x8010_0000, "detected parity error");
    assert_eq!(w.registers.value(1, row::SECONDARY_STATUS), 1 << 31);
    // Software clears what it has seen.
    w.write(0, row::UNCORRECTABLE_STATUS, 1 << 20);
    assert_eq!(w.registers.value(0, row::UNCORRECTABLE_STATUS), 1 << 18);
    assert_eq!(w.one(0, POSTED), []);
    assert_eq!(w.registers.value(0, row::UNCORRECTABLE_STATUS), 1 << 20 | 1 << 18);
    w.bench.assert_equivalent();
}

#[test]
fn what_is_enabled_is_told_by_the_port_that_saw_it() {
    let mut w = World::<4>::new("error_log_told", 1);
    w.write(0, row::BRIDGE_CONTROL, 1 << 17);
    for port in 0..=4 {
        w.write(port, row::DEVICE_CONTROL, REPORT);
    }
    assert_eq!(w.one(0, POSTED), [(ID, NONFATAL)]);
    assert_eq!(w.one(0, MALFORMED), [(ID, FATAL)]);
    assert_eq!(w.one(4, POSTED), [(0x0818, NONFATAL)]);
    assert_eq!(w.registers.value(0, row::SECONDARY_STATUS), 1 << 30, "received system error");
    assert_eq!(w.one(2, POSTED_SOURCE), [(0x0808, NONFATAL)]);
    for error in [NON_POSTED, UNEXPECTED, POISONED, SOURCE] {
        assert_eq!(w.one(1, error), []);
        w.write(1, row::CORRECTABLE_MASK, 0);
        assert_eq!(w.one(1, error), [(0x0800, COR)]);
        w.write(1, row::CORRECTABLE_MASK, 1 << 13);
    }
    assert_eq!(w.registers.value(1, row::UNCORRECTABLE_STATUS), 1 << 12 | 1 << 16 | 1 << 20 | 1 << 21);
    // Severity, mask, what must be enabled.
    w.write(0, row::UNCORRECTABLE_SEVERITY, 1 << 20);
    assert_eq!(w.one(0, NON_POSTED), [(ID, FATAL)]);
    assert_eq!(w.one(0, MALFORMED), [(ID, NONFATAL)]);
    w.write(0, row::UNCORRECTABLE_MASK, 1 << 20);
    assert_eq!(w.one(0, POSTED), []);
    w.write(0, row::UNCORRECTABLE_MASK, 0);
    w.write(0, row::DEVICE_CONTROL, REPORT & !8);
    assert_eq!((w.one(0, POSTED), w.one(0, MALFORMED)), (vec![], vec![(ID, NONFATAL)]));
    w.write(0, row::DEVICE_CONTROL, 0);
    assert_eq!(w.one(0, POSTED), []);
    w.write(0, row::COMMAND, 1 << 8);
    assert_eq!(w.one(0, POSTED), [(ID, FATAL)]);
    assert_eq!(w.registers.value(0, row::COMMAND), 0x4010_0100, "signaled system error");
    // Not past the upstream port.
    w.write(0, row::BRIDGE_CONTROL, 0);
    assert_eq!(w.one(4, POSTED), []);
    w.bench.assert_equivalent();
}

#[test]
fn messages_from_below_leave_their_traces() {
    let mut w = World::<4>::new("error_log_below", 1);
    w.write(2, row::COMMAND, 1 << 8);
    assert_eq!(w.one(2, MESSAGE), []);
    assert_eq!(w.registers.value(2, row::SECONDARY_STATUS), 1 << 30);
    assert_eq!(w.registers.value(2, row::COMMAND), 0x0010_0100, "it does not pass");
    assert_eq!(w.registers.value(0, row::SECONDARY_STATUS), 0);
    w.write(2, row::BRIDGE_CONTROL, 1 << 17);
    assert_eq!(w.one(2, MESSAGE), []);
    assert_eq!(w.registers.value(2, row::COMMAND), 0x4010_0100, "signaled system error");
    assert_eq!(w.registers.value(0, row::SECONDARY_STATUS), 1 << 30);
    w.bench.assert_equivalent();
}

/// What is the same and still waits is one error; what is not the same is not lost.
#[test]
fn errors_that_wait_are_merged() {
    // `clear` withdraws what is offered.
    let mut w = World::<4>::with(Bench::unwatched("error_log_merged", ErrorLog::default()), 1);
    w.write(0, row::BRIDGE_CONTROL, 1 << 17);
    (0..=4).for_each(|port| w.write(port, row::DEVICE_CONTROL, REPORT));
    w.pace = 0.0;
    for _ in 0..5 {
        for (port, error) in [(1, POSTED), (0, POSTED), (4, POSTED_SOURCE), (0, MALFORMED), (1, POSTED_SOURCE)] {
            w.raise(port, error, port == 0);
            (0..6).for_each(|_| w.tick());
        }
    }
    w.settle();
    let mut told = std::mem::take(&mut w.told);
    told.sort_unstable();
    // The first one was under way already when it came again.
    let posted = (id(1), NONFATAL);
    assert_eq!(told, [(ID, NONFATAL), (ID, FATAL), posted, posted, posted, (id(4), NONFATAL)]);
    // A reset of the host forgets what waits.
    for (port, error) in [(1, POSTED), (0, POSTED), (2, POSTED)] {
        w.raise(port, error, port == 0);
        (0..6).for_each(|_| w.tick());
    }
    w.bench.dut().clear.next = true;
    w.tick();
    w.bench.dut().clear.next = false;
    w.sets.clear();
    w.settle();
    assert!(w.told.is_empty() && w.sets.is_empty(), "{:x?} {:?}", w.told, w.sets);
    assert_eq!(w.one(3, POSTED), [(id(3), NONFATAL)]);
    w.bench.assert_equivalent();
}

#[test]
fn latency_is_as_said_and_the_power_limit_passes() {
    let mut w = World::<4>::new("error_log_latency", 1);
    for port in [0, 1, 4, 2] {
        w.sets.clear();
        w.raise(port, NON_POSTED, true);
        let clocks = (1..).find(|_| {
            w.tick();
            !w.sets.is_empty()
        });
        assert!(clocks <= Some(1 + 2 * 4 + 8), "{clocks:?}");
        // In the middle of it.
        w.bench.dut().limit_valid.next = true;
        w.bench.dut().limit.next = (0x100 + port as u64).into();
        w.settle();
        assert_eq!(w.registers.value(0, row::DEVICE_CAPABILITIES) >> 18 & 0x3ff, 0x100 + port as u32);
    }
    let (raised, all) = (w.sets.len(), 40);
    (0..all).for_each(|_| {
        w.raise(1, NON_POSTED, false);
        (0..9 + 3 * 4 + 3).for_each(|_| w.tick());
    });
    assert_eq!(w.sets.iter().skip(raised).filter(|set| set.1 == row::DEVICE_CONTROL).count(), all);
    w.bench.assert_equivalent();
}

/// Bursts of any errors under any registers, the neighbours slow or not.
fn random<const N: usize>(name: &str, seed: u64, rounds: usize)
where
    ErrorLog<N>: Clocked,
{
    println!("{name}: seed {seed}");
    let mut w = World::<N>::new(name, seed);
    let (mut errors, mut messages, mut merged) = (0, 0, 0);
    for round in 0..rounds {
        let label = format!("seed {seed}, round {round}");
        for _ in 0..4 {
            let (port, row) = (w.rng.gen_range(0..=N), *COPIES.choose(&mut w.rng).unwrap());
            // Mostly on, mostly not masked; status is cleared now and then.
            let value = match row {
                row::UNCORRECTABLE_MASK | row::CORRECTABLE_MASK => w.rng.gen::<u32>() & w.rng.gen::<u32>(),
                row::UNCORRECTABLE_SEVERITY => w.rng.gen(),
                _ => w.rng.gen::<u32>() | w.rng.gen::<u32>(),
            };
            let value = value & w.registers.writable(port, row);
            w.write(port, row, value);
            let status = *[row::UNCORRECTABLE_STATUS, row::CORRECTABLE_STATUS, row::SECONDARY_STATUS]
                .choose(&mut w.rng)
                .unwrap();
            let bits = w.rng.gen();
            w.write(port, status, bits);
        }
        w.pace = *[1.0, 0.6, 0.1].choose(&mut w.rng).unwrap();
        let mut model = Model::new(N);
        model.copy(&w.registers);
        let mut raised = BTreeMap::<(usize, usize), usize>::new();
        for _ in 0..w.rng.gen_range(1..12) {
            let (host, slot) = (w.rng.gen_bool(0.4), w.rng.gen_range(1..=N));
            let (port, error) = match host {
                true if w.rng.gen_bool(0.2) => (0, MALFORMED),
                true => match w.rng.gen_range(0..4) {
                    NON_POSTED => (w.rng.gen_range(0..=N), NON_POSTED),
                    error => (0, error),
                },
                false => (slot, w.rng.gen_range(0..7)),
            };
            *raised.entry((port, error)).or_default() += 1;
            w.raise(port, error, host);
            // Both sides at once, sometimes.
            if host && w.rng.gen_bool(0.3) {
                let error = w.rng.gen_range(0..7);
                *raised.entry((slot, error)).or_default() += 1;
                w.raise(slot, error, false);
            }
            (0..w.rng.gen_range(4..30)).for_each(|_| w.tick());
        }
        w.settle();
        let mut due = BTreeMap::<(u16, u8), (usize, usize)>::new();
        for ((port, error), count) in raised {
            errors += count;
            for (port, code) in model.error(port, error) {
                let due = due.entry((id(port), code)).or_default();
                (due.0, due.1) = (due.0 + 1, due.1 + count);
            }
        }
        assert_eq!(w.registers.rows(), model.rows(), "{label}");
        let mut told = BTreeMap::<(u16, u8), usize>::new();
        w.told.drain(..).for_each(|message| *told.entry(message).or_default() += 1);
        messages += told.values().sum::<usize>();
        assert!(told.keys().eq(due.keys()), "{label}: {told:x?}, due {due:x?}");
        for (message, (least, most)) in due {
            assert!((least..=most).contains(&told[&message]), "{label}: {message:x?} {least} to {most}: {told:x?}");
            merged += most - told[&message];
        }
    }
    assert!(errors > 3 * rounds && messages > rounds && merged > 0, "{errors} {messages} {merged}");
    w.bench.assert_equivalent();
}

#[test]
fn random_errors_are_logged_by_the_flow_chart() {
    random::<4>("error_log", 1, 120);
    random::<4>("error_log", 2, 120);
    random::<8>("error_log_8", 3, 60);
    random::<1>("error_log_1", 4, 60);
}
