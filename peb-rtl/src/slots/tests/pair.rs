//! A host and two I/O ports with a slow, lossless network between, and devices that come, go, and are reset.

use super::host::Host;
use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// What travels between the two ends of a session, in order.
#[derive(Clone, Copy, Debug)]
enum Item {
    Record(u64),
    /// A TLP, and in which life of its sender (slot of the host, device) it was sent.
    Tlp(u64),
}

/// A way of the network: each item with the clock before which it does not arrive.
#[derive(Default)]
struct Way(VecDeque<(u64, Item)>);

impl Way {
    fn push(&mut self, now: u64, delay: u64, item: Item) {
        self.0.push_back((now + delay, item));
    }
    fn pop(&mut self, now: u64) -> Option<Item> {
        (self.0.front()?.0 <= now).then(|| self.0.pop_front().expect("front").1)
    }
}

struct Far {
    port: Bench<IoPort>,
    down: Way,
    up: Way,
    /// The device: there, its link works, clocks it needs after reset.
    present: bool,
    works: bool,
    training: u64,
    /// Lives: of the device's link as the port counts it, of the slot as the host sees it.
    life: u64,
    was_open: bool,
    slot_life: u64,
    was_up: bool,
    /// Which life of the device the slot's life heard, and which life of the slot the device's.
    heard: Option<u64>,
    device_heard: Option<u64>,
    /// A hold has begun at the host that the device was not yet reset for.
    reset_owed: bool,
    was_hold: bool,
    session: bool,
    absent_ticks: u64,
    was_present: bool,
    exchanged: usize,
}

struct Pair {
    host: Host,
    far: Vec<Far>,
    rng: ChaCha8Rng,
    now: u64,
    seed: u64,
    hello: u64,
    /// Holds as software set them: of the slots, and of all.
    bus_reset: [bool; 2],
    disable: [bool; 2],
    upstream_reset: bool,
    down: bool,
    delay: u64,
    drains: [u64; 8],
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut host = Host::new("hot_plug_pair", false);
        let hello = 150;
        host.bench.dut().hello_ticks.next = hello.into();
        let far = (0..2).map(|_| {
            let mut port = Bench::new("io_port_pair", IoPort::default());
            port.dut().linkup_ticks.next = 30.into();
            port.reset();
            port.dut().tick.next = true;
            port.clocks(100_001);
            Far {
                port,
                down: Way::default(),
                up: Way::default(),
                present: false,
                works: true,
                training: 0,
                life: 0,
                was_open: false,
                slot_life: 0,
                was_up: false,
                heard: None,
                device_heard: None,
                reset_owed: false,
                was_hold: false,
                session: false,
                absent_ticks: 1 << 20,
                was_present: false,
                exchanged: 0,
            }
        });
        Pair {
            host,
            far: far.collect(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: 0,
            seed,
            hello,
            bus_reset: [false; 2],
            disable: [false; 2],
            upstream_reset: false,
            down: false,
            delay: 0,
            drains: [0; 8],
        }
    }

    /// Slots 1 and 3 are used.
    const SLOT: [usize; 2] = [1, 3];

    fn session(&mut self, f: usize, up: bool) {
        self.far[f].session = up;
        self.far[f].down.0.clear();
        self.far[f].up.0.clear();
        self.far[f].reset_owed |= up;
        self.host.session(Self::SLOT[f], up);
        self.far[f].port.dut().attached.next = up;
    }

    fn write_holds(&mut self) {
        for f in 0..2 {
            let port = Self::SLOT[f] + 1;
            let value = u64::from(self.bus_reset[f]) << 22;
            if self.host.rows[port][BRIDGE_CONTROL as usize] != value {
                self.host.write(port, BRIDGE_CONTROL, value, 15);
            }
            let value = u64::from(self.disable[f]) << 4;
            if self.host.rows[port][LINK_CONTROL as usize] != value {
                self.host.write(port, LINK_CONTROL, value, 15);
            }
        }
        let value = u64::from(self.upstream_reset) << 22;
        if self.host.rows[0][BRIDGE_CONTROL as usize] != value {
            self.host.write(0, BRIDGE_CONTROL, value, 15);
        }
    }

    fn clock(&mut self) {
        let (seed, now) = (self.seed, self.now);
        let mut tracker_busy = 0;
        for slot in 0..8 {
            if self.host.bench.dut().lost.val().get_bit(slot) {
                self.drains[slot] = now + self.rng.gen_range(3..60);
            }
            tracker_busy |= u64::from(self.drains[slot] > now) << slot;
        }
        self.host.bench.dut().tracker_busy.next = tracker_busy.into();
        self.host.bench.dut().set_ready.next = self.rng.gen_bool(0.5);
        self.host.bench.dut().record_out_ready.next = self.rng.gen_bool(0.3);
        self.host.bench.dut().msi_ready.next = self.rng.gen_bool(0.5);
        self.host.bench.dut().tick.next = true;
        self.host.bench.dut().host_down.next = self.down;
        let sent = self.host.controls.len();
        let mut arrived = false;
        for f in 0..2 {
            let slot = Self::SLOT[f];
            let (present, up) = self.host.state(slot);
            let far = &mut self.far[f];
            // The slot as the host's blocks see it.
            if up && !far.was_up {
                far.slot_life += 1;
                far.heard = None;
                assert!(!far.reset_owed, "seed {seed}, clock {now}: slot {slot} up without the reset it was to have");
            }
            far.was_up = up;
            assert!(present || !up, "seed {seed}, clock {now}: slot {slot} up but empty");
            if present && !far.was_present {
                let ticks = far.absent_ticks;
                assert!(ticks >= self.hello, "seed {seed}, clock {now}: slot {slot} refilled after {ticks} ticks");
            }
            far.absent_ticks = if present { 0 } else { far.absent_ticks + 1 };
            far.was_present = present;
            if up && self.rng.gen_bool(0.2) {
                let delay = self.rng.gen_range(0..=self.delay);
                far.down.push(now, delay, Item::Tlp(far.slot_life));
            }
            if !arrived && self.rng.gen_bool(0.7) {
                match far.up.pop(now) {
                    Some(Item::Record(word)) => {
                        arrived = true;
                        let dut = self.host.bench.dut();
                        dut.record_valid.next = true;
                        dut.record.next = word.into();
                        dut.record_session.next = (slot as u64).into();
                    }
                    Some(Item::Tlp(life)) if up => {
                        let heard = *far.heard.get_or_insert(life);
                        assert_eq!(heard, life, "seed {seed}, clock {now}: slot {slot} heard two lives of its device");
                        far.exchanged += 1;
                    }
                    _ => {}
                }
            }
            let hold = self.bus_reset[f] || self.disable[f] || self.upstream_reset || self.down;
            far.reset_owed |= hold && !far.was_hold;
            far.was_hold = hold;
        }
        self.host.clock();
        for (slot, control) in self.host.controls.split_off(sent) {
            let far = self.far.iter_mut().zip(Self::SLOT).find(|f| f.1 == slot).expect("a slot in use").0;
            // What is taken for a session that is down goes nowhere.
            if far.session {
                far.down.push(now, self.rng.gen_range(0..=self.delay), Item::Record(control.word()));
            }
        }
        for f in 0..2 {
            let far = &mut self.far[f];
            far.port.settle();
            let open = !far.port.dut().purge.val();
            if open && !far.was_open {
                far.life += 1;
                far.device_heard = None;
            }
            far.was_open = open;
            let in_reset = far.port.dut().reset_out.val();
            if in_reset && !far.was_hold {
                far.reset_owed = false;
            }
            far.training = if in_reset { self.rng.gen_range(1..100) } else { far.training.saturating_sub(1) };
            let dut = far.port.dut();
            dut.slot_present.next = far.present;
            dut.pcie_link_up.next = far.present && far.works && far.training == 0;
            dut.record_valid.next = false;
            dut.record_out_ready.next = self.rng.gen_bool(0.3);
            match far.down.pop(now) {
                Some(Item::Record(word)) => {
                    dut.record_valid.next = true;
                    dut.record.next = word.into();
                }
                Some(Item::Tlp(life)) if open => {
                    let heard = *far.device_heard.get_or_insert(life);
                    assert_eq!(heard, life, "seed {seed}, clock {now}: device {f} heard two lives of its slot");
                    far.exchanged += 1;
                }
                _ => {}
            }
            far.port.settle();
            let dut = far.port.dut();
            if dut.record_out_valid.val() && dut.record_out_ready.val() && far.session {
                let word = dut.record_out.val().raw();
                Status::read(word);
                far.up.push(now, self.rng.gen_range(0..=self.delay), Item::Record(word));
            }
            if open && self.rng.gen_bool(0.2) {
                far.up.push(now, self.rng.gen_range(0..=self.delay), Item::Tlp(far.life));
            }
            far.port.tick();
        }
        self.now += 1;
    }

    fn clocks(&mut self, n: usize) {
        (0..n).for_each(|_| self.clock());
    }

    /// Something happens.
    fn event(&mut self) {
        let f = self.rng.gen_range(0..2);
        match self.rng.gen_range(0..22) {
            0 => {
                let up = !self.far[f].session;
                self.session(f, up);
            }
            1 => self.far[f].present ^= true,
            2 => {
                // Another device in the time of a few clocks.
                self.far[f].present ^= true;
                let n = self.rng.gen_range(2..20);
                self.clocks(n);
                self.far[f].present ^= true;
            }
            3 | 4 => {
                self.far[f].works = false;
                let n = self.rng.gen_range(2..200);
                self.clocks(n);
                self.far[f].works = true;
            }
            5 | 6 => {
                // Resets in a row, faster than the network.
                for _ in 0..self.rng.gen_range(1..6) {
                    self.bus_reset[f] = true;
                    self.write_holds();
                    let n = self.rng.gen_range(3..60);
                    self.clocks(n);
                    self.bus_reset[f] = false;
                    self.write_holds();
                    let n = self.rng.gen_range(3..60);
                    self.clocks(n);
                }
            }
            7 => self.disable[f] ^= true,
            8 => self.upstream_reset ^= true,
            9 => {
                self.down = true;
                self.bus_reset = [false; 2];
                self.disable = [false; 2];
                self.upstream_reset = false;
                self.host.restart();
                let n = self.rng.gen_range(200..400);
                self.clocks(n);
                self.down = false;
            }
            10 => self.delay = [0, 10, 300][self.rng.gen_range(0..3)],
            _ => {
                // A quiet time, mostly with nothing in the way.
                if self.rng.gen_bool(0.6) {
                    self.disable = [false; 2];
                    self.upstream_reset = false;
                    self.write_holds();
                }
                let n = self.rng.gen_range(0..2500);
                self.clocks(n);
            }
        }
        self.write_holds();
        let n = self.rng.gen_range(1..100);
        self.clocks(n);
    }

    fn settle(&mut self) {
        self.bus_reset = [false; 2];
        self.disable = [false; 2];
        self.upstream_reset = false;
        self.write_holds();
        for f in 0..2 {
            if !self.far[f].session {
                self.session(f, true);
            }
        }
        self.clocks(5000);
        for f in 0..2 {
            let want = self.far[f].present;
            let got = self.host.state(Self::SLOT[f]);
            assert_eq!(got, (want, want), "seed {}: slot {} in the end", self.seed, Self::SLOT[f]);
        }
    }
}

#[test]
fn nothing_of_before_passes_for_what_came_after() {
    let (mut exchanged, mut lives) = (0, 0);
    for seed in [1, 2, 3] {
        let mut pair = Pair::new(seed);
        for f in 0..2 {
            pair.session(f, true);
            pair.far[f].present = true;
            pair.far[f].reset_owed = false;
        }
        for _ in 0..40 {
            pair.event();
        }
        pair.settle();
        for f in 0..2 {
            pair.far[f].present = true;
        }
        pair.settle();
        exchanged += pair.far.iter().map(|f| f.exchanged).sum::<usize>();
        lives += pair.far.iter().map(|f| f.slot_life).sum::<u64>();
        pair.host.bench.assert_equivalent();
        pair.far[0].port.assert_equivalent();
    }
    assert!(lives > 15, "the slots came up only {lives} times");
    assert!(exchanged > 1000, "only {exchanged} TLPs came through");
}
