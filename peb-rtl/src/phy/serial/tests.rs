//! Lines, good and bad, against the management port they ask.

use super::{Console, Receiver, Transmitter};
use crate::testing::{clocked, Bench};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

clocked!(Console, Receiver, Transmitter);

const BIT: usize = 16;

/// A terminal at the pins, registers at the port.
struct Terminal {
    bench: Bench<Console>,
    registers: BTreeMap<u16, u32>,
    writes: usize,
    /// Clocks of a bit.
    bit: usize,
    /// Bits of the character that comes, and clocks since its start.
    coming: Option<(u16, usize)>,
    heard: Vec<u8>,
    wait: usize,
    rng: ChaCha8Rng,
}

impl Terminal {
    fn new(seed: u64) -> Self {
        Self::with_bit(seed, BIT)
    }

    fn with_bit(seed: u64, bit: usize) -> Self {
        let mut bench = Bench::unwatched("serial_console", Console::with_bit_clocks(bit as u16));
        bench.dut().uart_rx.next = true;
        bench.reset();
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Terminal { bench, registers: BTreeMap::new(), writes: 0, bit, coming: None, heard: vec![], wait: 0, rng }
    }

    fn clock(&mut self) {
        self.bench.dut().mgmt_ack.next = false;
        self.bench.settle();
        let d = self.bench.dut();
        if d.mgmt_req.val() {
            if self.wait > 0 {
                self.wait -= 1;
            } else {
                self.wait = self.rng.gen_range(1..40);
                let (address, value) = (d.mgmt_addr.val().raw() as u16, d.mgmt_wdata.val().raw() as u32);
                if d.mgmt_we.val() {
                    self.registers.insert(address, value);
                    self.writes += 1;
                }
                d.mgmt_ack.next = true;
                d.mgmt_rdata.next = u64::from(self.registers.get(&address).copied().unwrap_or(0)).into();
                self.bench.settle();
            }
        }
        let line = self.bench.dut().uart_tx.val();
        match &mut self.coming {
            None if !line => self.coming = Some((0, 1)),
            None => {}
            Some((bits, age)) => {
                if *age % self.bit == self.bit / 2 {
                    *bits = *bits >> 1 | u16::from(line) << 9;
                }
                *age += 1;
                if *age == 10 * self.bit {
                    assert_eq!((*bits & 1, *bits >> 9), (0, 1), "start and stop bit");
                    self.heard.push((*bits >> 1) as u8);
                    self.coming = None;
                }
            }
        }
        self.bench.tick();
    }

    /// Holds the line at a level.
    fn level(&mut self, high: bool, clocks: usize) {
        self.bench.dut().uart_rx.next = high;
        (0..clocks).for_each(|_| self.clock());
    }

    /// A character; a bit takes `bit` clocks.
    fn character(&mut self, character: u8, stop: bool, bit: usize) {
        self.level(false, bit);
        (0..8).for_each(|k| self.level(character >> k & 1 == 1, bit));
        self.level(stop, bit);
        self.level(true, if stop { 0 } else { bit });
    }

    fn say(&mut self, text: &str) {
        text.bytes().for_each(|c| self.character(c, true, BIT));
    }

    fn answer(&mut self) -> String {
        self.level(true, 110 * self.bit);
        String::from_utf8(std::mem::take(&mut self.heard)).expect("ASCII")
    }

    fn ask(&mut self, line: &str) -> String {
        self.heard.clear();
        self.say(line);
        self.answer()
    }
}

#[test]
fn registers_are_read_and_written() {
    let seed = 1;
    let mut t = Terminal::new(seed);
    let mut model = BTreeMap::new();
    for n in 0..40 {
        let (address, value) = (t.rng.gen_range(0..8u16) * 0x1357, t.rng.gen::<u32>());
        let end = ["\n", "\r", "\r\n"][n % 3];
        if t.rng.gen() {
            let line = format!("w {address:04x} {value:08x}{end}");
            let line = if n % 2 == 0 { line.to_uppercase() } else { line };
            assert_eq!(t.ask(&line), format!("={value:08x}\n"), "seed {seed}: {line:?}");
            model.insert(address, value);
        } else {
            let expected = model.get(&address).copied().unwrap_or(0);
            assert_eq!(t.ask(&format!("r {address:04x}{end}")), format!("={expected:08x}\n"), "seed {seed}");
        }
        assert_eq!(t.registers.iter().filter(|r| *r.1 != 0).count(), model.len());
    }
    t.bench.assert_equivalent();
}

#[test]
fn malformed_lines_are_refused_and_touch_nothing() {
    let mut t = Terminal::new(2);
    for line in [
        "x\n",
        "r\n",
        "r \n",
        "r 000\n",
        "r 00000\n",
        "r 0000 \n",
        "r  0000\n",
        " r 0000\n",
        "r 000g\n",
        "r 000/\n",
        "r 000:\n",
        "r 000@\n",
        "r 000`\n",
        "r0000\n",
        "w 0000\n",
        "w 0000 \n",
        "w 0000 1234567\n",
        "w 0000 123456789\n",
        "w 0000 1234567 \n",
        "w 0000-12345678\n",
        "r 0000 12345678\n",
        "w 0000 12345678 and much more than a line can be, twice over\n",
    ] {
        assert_eq!(t.ask(line), "!00000001\n", "{line:?}");
    }
    assert_eq!((t.writes, t.wait), (0, 0), "no access");
    // Lines without anything are none.
    assert_eq!(t.ask("\n\r\n\n"), "");
    assert_eq!(t.ask("w 0010 0000abcd\n"), "=0000abcd\n");
    t.bench.assert_equivalent();
}

#[test]
fn damaged_characters_and_noise() {
    let mut t = Terminal::new(3);
    t.registers.insert(4, 0xfeed_0123);
    t.say("r 00");
    t.character(b'0', false, BIT);
    assert_eq!(t.ask("4\n"), "!00000002\n");
    // The line held down (a break) is one damaged character.
    t.level(false, 40 * BIT);
    t.level(true, 2 * BIT);
    assert_eq!(t.ask("\n"), "!00000002\n");
    // A pulse shorter than half a bit is nothing.
    for clocks in 1..BIT / 2 - 1 {
        t.level(false, clocks);
        t.level(true, 2 * BIT);
    }
    assert_eq!(t.ask("r 0004\n"), "=feed0123\n");
    // What comes during an answer is lost, and the next line says so.
    t.say("r 0004\nr 0004");
    t.level(true, 110 * BIT);
    assert_eq!(t.ask("r 0004\n"), "!00000003\n");
    assert_eq!(t.ask("r 0004\n"), "=feed0123\n");
    // A line cut by reset.
    t.say("w 0004 0000");
    t.bench.reset();
    t.level(true, BIT);
    assert_eq!(t.ask("r 0004\n"), "=feed0123\n");
    t.bench.assert_equivalent();
}

#[test]
fn clocks_may_differ() {
    // 4 % either way.
    for bit in [48, 52] {
        let mut t = Terminal::with_bit(4, 50);
        t.registers.insert(0x1a, 0x55aa_00ff);
        "r 001a\n".bytes().for_each(|c| t.character(c, true, bit));
        assert_eq!(t.answer(), "=55aa00ff\n", "{bit} clocks a bit");
    }
}
