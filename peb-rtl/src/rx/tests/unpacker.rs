//! [`Unpacker`] alone: TLPs, their headers and control records, in the order of the stream.

use super::frames::{any_tlp, is_np, words};
use crate::rx::Unpacker;
use crate::testing::{clocked, Bench};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

clocked!(Unpacker);

/// What comes out.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Tlp(Vec<u8>),
    Record(u64),
}

struct Rig {
    bench: Bench<Unpacker>,
    rng: ChaCha8Rng,
    /// Receive memory of each slot.
    slots: Vec<Vec<u64>>,
    seen: Vec<Item>,
    part: Vec<u8>,
    malformed: usize,
}

impl Rig {
    fn new(name: &str, seed: u64) -> Self {
        println!("seed {seed}");
        let mut bench = Bench::unwatched(name, Unpacker::default());
        bench.reset();
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Rig { bench, rng, slots: vec![vec![]; 32], seen: vec![], part: vec![], malformed: 0 }
    }

    /// Gives a frame and takes what comes out of it, until its slot is free. Flushed after `flush` clocks, if it takes so long.
    fn frame(&mut self, stream: &[u8], pace: f64, flush: Option<usize>) {
        let (slot, session) = (self.rng.gen_range(0..31), self.rng.gen_range(0..8));
        // Behind the end stands what was there before.
        let mut memory = words(stream);
        memory.resize_with(192, || self.rng.gen());
        if stream.len() % 8 == 4 {
            memory[stream.len() / 8] |= self.rng.gen::<u64>() << 32;
        }
        self.slots[slot] = memory;
        let (mut offered, mut held) = (true, None);
        for clock in 0.. {
            assert!(clock < 4000, "no end");
            let ready = self.rng.gen_bool(pace);
            let d = self.bench.dut();
            d.frame_valid.next = offered;
            d.frame_slot.next = (slot as u64).into();
            d.frame_session.next = (session as u64).into();
            d.frame_dwords.next = (stream.len() as u64 / 4).into();
            d.ready.next = ready;
            d.flush.next = flush.is_some_and(|flush| clock >= flush);
            d.flush_session.next = (session as u64).into();
            self.bench.settle();
            let d = self.bench.dut();
            offered &= !d.frame_take.val();
            let read = d.read_address.val().index();
            self.malformed += usize::from(d.malformed.val());
            if d.record_valid.val() {
                assert!(self.part.is_empty() && !d.valid.val(), "a record inside a TLP");
                assert_eq!(d.session.val().index(), session);
                self.seen.push(Item::Record(d.record.val().raw()));
            }
            // What is offered comes; only non-posted ones may go with a flush.
            let beat = (d.data.val().raw(), d.half.val(), d.last.val());
            assert!(held.is_none_or(|held| d.valid.val() && held == beat), "withdrawn after {clock} clocks");
            held = (d.valid.val() && !ready && !d.non_posted.val()).then_some(beat);
            if d.valid.val() {
                assert_eq!(d.first.val(), self.part.is_empty(), "first and only first");
                assert_eq!(d.session.val().index(), session);
                let (header, np) = (d.header.val().raw(), d.non_posted.val());
                let (first, last) = (d.first.val(), d.last.val());
                if ready {
                    let used = if d.half.val() { 4 } else { 8 };
                    self.part.extend(&d.data.val().raw().to_le_bytes()[..used]);
                    if first {
                        self.headers(header);
                    }
                    assert_eq!(np, is_np(&self.part), "class");
                    if last {
                        self.seen.push(Item::Tlp(std::mem::take(&mut self.part)));
                    }
                }
            } else {
                assert!(self.part.is_empty(), "a gap inside a TLP");
            }
            let d = self.bench.dut();
            let over = d.release.val();
            if over {
                assert_eq!(d.release_slot.val().index(), slot);
            }
            self.bench.tick();
            let word = self.slots.get(read / 192).and_then(|slot| slot.get(read % 192)).copied().unwrap_or(0);
            self.bench.dut().read_word.next = word.into();
            if over {
                break;
            }
        }
        self.bench.dut().frame_valid.next = false;
        self.bench.tick();
    }

    /// Notes the header, to compare it with the TLP that it is of.
    fn headers(&mut self, header: u128) {
        let first = header as u64;
        assert_eq!(first.to_le_bytes(), self.part[..8], "header, first half");
        self.seen.push(Item::Record((header >> 64) as u64));
    }

    /// What came, the second halves of headers compared and taken out.
    fn take(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = vec![];
        let mut second = None;
        for (n, item) in std::mem::take(&mut self.seen).into_iter().enumerate() {
            match (item, second.take()) {
                (Item::Tlp(bytes), Some(half)) => {
                    let dwords = if bytes.len() < 16 { 4 } else { 8 };
                    let half: u64 = half;
                    assert_eq!(half.to_le_bytes()[..dwords], bytes[8..8 + dwords], "item {n}: header, second half");
                    items.push(Item::Tlp(bytes));
                }
                (Item::Record(record), before) => {
                    items.extend(before.map(Item::Record));
                    second = Some(record);
                }
                (item, None) => panic!("item {n}: {item:?} without header"),
            }
        }
        items.extend(second.map(Item::Record));
        items
    }
}

#[test]
fn records_come_in_the_order_of_the_stream() {
    let mut rig = Rig::new("unpacker_records", 50);
    let (mut records, mut passed_over) = (0, 0);
    for round in 0..200 {
        let (mut stream, mut want) = (vec![], vec![]);
        while stream.len() < 1200 && rig.rng.gen_ratio(7, 8) {
            if rig.rng.gen() {
                let dwords = *[1u8, 2, 2, 2, 3, 4, 20].choose(&mut rig.rng).unwrap();
                let mut record = vec![rig.rng.gen_range(0xe0..0xff), dwords];
                record.resize_with(4 * usize::from(dwords), || rig.rng.gen());
                match dwords {
                    2 => {
                        want.push(Item::Record(words(&record)[0]));
                        records += 1;
                    }
                    _ => passed_over += 1,
                }
                stream.extend(record);
            } else {
                let bytes = any_tlp(&mut rig.rng, 40);
                stream.extend(&bytes);
                want.push(Item::Tlp(bytes));
            }
        }
        // The end of the frame: where it ends, or where 0xFF says so.
        if rig.rng.gen() {
            stream.extend([0xff; 4]);
            stream.extend(any_tlp(&mut rig.rng, 4));
        }
        let pace = [1.0, 0.8, 0.3][round % 3];
        rig.frame(&stream, pace, None);
        assert_eq!(rig.take(), want, "round {round}");
    }
    assert_eq!(rig.malformed, 0);
    assert!(records > 100 && passed_over > 100);
    rig.bench.assert_equivalent();
}

#[test]
fn what_begins_like_no_tlp_ends_the_frame() {
    let mut rig = Rig::new("unpacker_malformed", 51);
    let beginnings: [[u8; 4]; 16] = [
        // Data of 1024 dwords: more than any frame holds.
        [0x40, 0, 0, 0],
        [0x4a, 0, 0, 0],
        [0x60, 0, 0x83, 0xff],
        // I/O and configuration with four header dwords; locked reads with data; types that are not defined.
        [0x22, 0, 0, 1],
        [0x24, 0, 0, 1],
        [0x41, 0, 0, 1],
        [0x03, 0, 0, 1],
        [0x46, 0, 0, 1],
        [0x2a, 0, 0, 1],
        [0x0c, 0, 0, 1],
        [0x36, 0, 0, 1],
        [0x10, 0, 0, 1],
        // A prefix, a reserved Fmt, records without length and longer than the frame.
        [0x80, 0, 0, 1],
        [0xc0, 0, 0, 1],
        [0xe5, 0, 0, 0],
        [0xe0, 0xff, 1, 2],
    ];
    for (n, beginning) in beginnings.iter().enumerate() {
        let before = any_tlp(&mut rig.rng, 8);
        let mut stream = before.clone();
        stream.extend(beginning);
        stream.extend(any_tlp(&mut rig.rng, 8));
        rig.frame(&stream, 0.7, None);
        assert_eq!(rig.take(), [Item::Tlp(before)], "{beginning:02x?}");
        assert_eq!(rig.malformed, n + 1, "{beginning:02x?}");
    }
    rig.bench.assert_equivalent();
}

/// A flush ends the frame after the TLP that it is in.
#[test]
fn a_flush_ends_the_frame() {
    let mut rig = Rig::new("unpacker_flush", 52);
    let mut cut = 0;
    for clocks in 0..80 {
        let tlps: Vec<_> = (0..10).map(|_| any_tlp(&mut rig.rng, 20)).collect();
        rig.frame(&tlps.concat(), 0.9, Some(clocks));
        let seen = rig.take();
        assert!(seen.len() <= tlps.len());
        assert!(seen.iter().zip(&tlps).all(|(seen, tlp)| *seen == Item::Tlp(tlp.clone())), "after {clocks}");
        cut += usize::from(seen.len() < tlps.len());
    }
    assert!(cut > 40);
    assert_eq!(rig.malformed, 0);
}
