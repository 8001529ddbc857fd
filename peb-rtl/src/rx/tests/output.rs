//! [`Output`] alone: verdicts, diverted and local TLPs, ends of sessions, purges, against a reference.

use super::frames::{tlp, words, NON_POSTED, ORDERED};
use crate::rx::Output;
use crate::testing::{clocked, Bench};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Output);

const SESSIONS: usize = 4;
/// Places of a session.
const CREDIT: usize = 64 / SESSIONS;
const SEND: u64 = 1;
const DROP: u64 = 2;
const DIVERT: u64 = 3;

/// A TLP on its way in, by beats.
#[derive(Clone, Default)]
struct Coming {
    bytes: Vec<u8>,
    session: usize,
    np: bool,
    taken: usize,
}

impl Coming {
    fn beat(&self) -> (u64, bool, bool) {
        let last = self.taken + 8 >= self.bytes.len();
        (words(&self.bytes)[self.taken / 8], last && self.bytes.len() % 8 == 4, last)
    }
}

/// A non-posted TLP in its place.
struct Place {
    bytes: Vec<u8>,
    session: usize,
    /// Ordered TLPs of the tunnel that came before it.
    after: usize,
    verdict: u64,
    /// Clocks that the verdict takes.
    wait: u32,
    begun: bool,
    dead: bool,
}

struct Rig {
    bench: Bench<Output>,
    rng: ChaCha8Rng,
    clock: usize,
    tunnel: Option<Coming>,
    local: Option<Coming>,
    /// Ordered TLPs in the queue, and whether they are of the tunnel.
    ordered: VecDeque<(Vec<u8>, bool)>,
    places: VecDeque<Place>,
    /// Ordered TLPs of the tunnel that came, and that left.
    came: usize,
    left: usize,
    credits: [usize; SESSIONS],
    leaving: Vec<u8>,
    diverted: Vec<u8>,
    held: Option<(u64, u64, bool)>,
    /// Of a clock ago: the verdict, np_ok, purge.
    before: (u64, bool, bool),
    flush: Option<usize>,
    purge: bool,
    feeds: bool,
    ready: f64,
    np_ok: f64,
    /// TLPs that were sent, dropped by verdict, diverted, local, dead, purged.
    counts: [usize; 6],
}

impl Rig {
    fn new(name: &str, seed: u64) -> Self {
        println!("seed {seed}");
        let mut bench = Bench::unwatched(name, Output::default());
        bench.reset();
        Rig {
            bench,
            rng: ChaCha8Rng::seed_from_u64(seed),
            clock: 0,
            tunnel: None,
            local: None,
            ordered: VecDeque::new(),
            places: VecDeque::new(),
            came: 0,
            left: 0,
            credits: [CREDIT; SESSIONS],
            leaving: vec![],
            diverted: vec![],
            held: None,
            before: (0, false, false),
            flush: None,
            purge: false,
            feeds: true,
            ready: 1.0,
            np_ok: 1.0,
            counts: [0; 6],
        }
    }

    /// What comes in next.
    fn choose(&mut self) {
        if !self.feeds {
            return;
        }
        if self.tunnel.is_none() && self.rng.gen_bool(0.3) {
            let session = self.rng.gen_range(0..SESSIONS);
            let np = self.rng.gen_bool(0.5) && self.credits[session] > 0;
            if self.flush != Some(session) {
                let bytes = tlp(&mut self.rng, if np { &NON_POSTED } else { &ORDERED }, 20);
                self.credits[session] -= usize::from(np);
                self.tunnel = Some(Coming { bytes, session, np, taken: 0 });
            }
        }
        if self.local.is_none() && self.rng.gen_bool(0.05) {
            let bytes = tlp(&mut self.rng, &ORDERED, 2);
            self.local = Some(Coming { bytes, ..Coming::default() });
        }
    }

    fn step(&mut self) {
        self.choose();
        let (ready, np_ok, divert_ready) =
            (self.rng.gen_bool(self.ready), self.rng.gen_bool(self.np_ok), self.rng.gen_bool(0.7));
        let d = self.bench.dut();
        d.valid.next = self.tunnel.is_some();
        if let Some(coming) = &self.tunnel {
            let (data, half, last) = coming.beat();
            d.data.next = data.into();
            [d.half.next, d.last.next, d.non_posted.next] = [half, last, coming.np];
            d.session.next = (coming.session as u64).into();
        }
        d.local_valid.next = self.local.is_some();
        if let Some(coming) = &self.local {
            let (data, half, last) = coming.beat();
            d.local_data.next = data.into();
            [d.local_half.next, d.local_last.next] = [half, last];
        }
        [d.tready.next, d.np_ok.next, d.divert_ready.next] = [ready, np_ok, divert_ready];
        (d.purge.next, d.down.next) = (self.purge, false);
        d.flush.next = self.flush.is_some();
        d.flush_session.next = (self.flush.unwrap_or(0) as u64).into();
        d.np_verdict.next = 0.into();
        self.bench.settle();
        let verdict = self.verdict();
        self.bench.dut().np_verdict.next = verdict.into();
        self.bench.settle();
        self.pins(ready);
        self.divert(divert_ready);
        self.done(verdict);
        self.taken();
        self.before = (verdict, np_ok, self.purge);
        self.bench.tick();
        self.clock += 1;
    }

    /// The head is the oldest that is alive; the verdict on it.
    fn verdict(&mut self) -> u64 {
        let d = self.bench.dut();
        if !d.np_head.val() {
            return 0;
        }
        let (header, owner) = (d.np_header.val().raw(), d.np_owner.val().index());
        let place = self.places.iter_mut().find(|place| !place.dead).expect("a head out of nothing");
        let want = place.bytes.iter().take(16).rev().fold(0, |word, byte| word << 8 | u128::from(*byte));
        let mask = if place.bytes.len() < 16 { u128::MAX >> 32 } else { u128::MAX };
        assert_eq!((header & mask, owner), (want, place.session), "clock {}: head", self.clock);
        place.wait = place.wait.saturating_sub(1);
        // A leave to go may be taken back.
        let void = place.verdict == SEND && self.rng.gen_bool(0.2);
        if place.wait > 0 || void {
            0
        } else {
            place.verdict
        }
    }

    fn pins(&mut self, ready: bool) {
        let d = self.bench.dut();
        let beat = (d.tdata.val().raw(), d.tkeep.val().raw(), d.tlast.val());
        if !d.tvalid.val() {
            assert!(self.held.is_none() && self.leaving.is_empty(), "clock {}: a gap, or withdrawn", self.clock);
            return;
        }
        if let Some(held) = self.held {
            assert_eq!(beat, held, "clock {}: tvalid holds", self.clock);
        } else {
            let begins = self.leaving.is_empty();
            self.leaving.extend(&beat.0.to_le_bytes()[..if beat.1 == 0x0f { 4 } else { 8 }]);
            if begins {
                self.begins();
            }
        }
        self.held = (!ready).then_some(beat);
        if ready && beat.2 {
            let bytes = std::mem::take(&mut self.leaving);
            let d = self.bench.dut();
            match self.ordered.front() {
                Some((front, tunnel)) if *front == bytes => {
                    assert_eq!(d.delivered.val(), *tunnel);
                    self.left += usize::from(*tunnel);
                    self.counts[3] += usize::from(!tunnel);
                    self.ordered.pop_front();
                }
                _ => assert!(d.delivered.val(), "clock {}: non-posted ones are of the tunnel", self.clock),
            }
        }
    }

    /// A TLP has shown its first beat: it is the next ordered one, or the oldest non-posted one, with leave.
    fn begins(&mut self) {
        let (clock, (verdict, _, purge)) = (self.clock, self.before);
        assert!(!purge, "clock {clock}: begins to leave during a purge");
        let first = self.leaving.clone();
        if self.ordered.front().is_some_and(|(front, _)| front.starts_with(&first)) {
            return;
        }
        let left = self.left;
        let place = self.places.iter_mut().find(|place| !place.dead).expect("a TLP out of nothing");
        assert!(place.bytes.starts_with(&first), "clock {clock}: {first:02x?} is not the next");
        assert_eq!((verdict, place.verdict), (SEND, SEND), "clock {clock}: without leave");
        assert!(place.after <= left, "clock {clock}: passes an ordered TLP");
        place.begun = true;
    }

    fn divert(&mut self, ready: bool) {
        let d = self.bench.dut();
        if !d.divert_valid.val() {
            assert!(self.diverted.is_empty(), "clock {}: a gap in the diverted", self.clock);
            return;
        }
        assert_eq!(d.divert_first.val(), self.diverted.is_empty());
        let used = if d.divert_half.val() { 4 } else { 8 };
        let (bytes, last) = (d.divert_data.val().raw().to_le_bytes(), d.divert_last.val());
        let place = self.places.iter_mut().find(|place| place.begun || !place.dead).expect("out of nothing");
        place.begun = true;
        if ready {
            self.diverted.extend(&bytes[..used]);
            if last {
                assert_eq!((&self.diverted, place.verdict), (&place.bytes, DIVERT), "clock {}", self.clock);
                self.diverted.clear();
            }
        }
    }

    /// A place is free. Those of a session that ended give nothing back.
    fn done(&mut self, verdict: u64) {
        let d = self.bench.dut();
        let sent = d.np_sent.val();
        if d.np_delivered.val() {
            let session = d.np_session.val().index();
            let at = self.places.iter().position(|place| !place.dead).expect("credit out of nothing");
            let place = self.places.remove(at).unwrap();
            assert_eq!(session, place.session, "clock {}: whose", self.clock);
            self.credits[session] += 1;
            let fate = match (place.begun, place.verdict) {
                (true, SEND) => 0,
                (true, DIVERT) => 2,
                _ if verdict == DROP && !self.purge => 1,
                _ => 5,
            };
            assert!(fate != 5 || self.purge, "clock {}: gone without verdict", self.clock);
            assert_eq!(sent, fate == 0, "clock {}: np_sent", self.clock);
            self.counts[fate] += 1;
        }
    }

    fn taken(&mut self) {
        let d = self.bench.dut();
        let (tunnel, local) = (d.ready.val(), d.local_ready.val());
        if let Some(coming) = self.tunnel.as_mut().filter(|_| tunnel) {
            if coming.taken == 0 {
                match coming.np {
                    true => self.places.push_back(Place {
                        bytes: coming.bytes.clone(),
                        session: coming.session,
                        after: self.came,
                        verdict: [SEND, SEND, DROP, DIVERT][self.rng.gen_range(0..4)],
                        wait: self.rng.gen_range(0..30),
                        begun: false,
                        dead: false,
                    }),
                    false => {
                        self.ordered.push_back((coming.bytes.clone(), true));
                        self.came += 1;
                    }
                }
            }
            coming.taken += 8;
            if coming.taken >= coming.bytes.len() {
                self.tunnel = None;
            }
        }
        if let Some(coming) = self.local.as_mut().filter(|_| local) {
            if coming.taken == 0 {
                self.ordered.push_back((coming.bytes.clone(), false));
            }
            coming.taken += 8;
            if coming.taken >= coming.bytes.len() {
                self.local = None;
            }
        }
    }

    fn steps(&mut self, n: usize) {
        (0..n).for_each(|_| self.step());
    }

    /// A session ends: what waits of it is dead.
    fn end_session(&mut self, session: usize) {
        // Its TLP on the way in comes to its end first.
        while self.tunnel.as_ref().is_some_and(|coming| coming.session == session) {
            self.step();
        }
        self.flush = Some(session);
        // Seen by what waits in front two clocks later.
        self.steps(2);
        for place in self.places.iter_mut().filter(|place| place.session == session) {
            place.dead = true;
            self.counts[4] += 1;
        }
        for clock in 0.. {
            assert!(clock < 500, "flushing without end");
            self.step();
            self.bench.settle();
            if !self.bench.dut().flushing.val() {
                break;
            }
        }
        self.step();
        self.flush = None;
        self.credits[session] = CREDIT;
        // What had begun ends somewhere.
        self.places.retain(|place| !place.dead || place.begun);
    }

    /// Everything that has not begun to leave is dropped.
    fn purge(&mut self) {
        self.purge = true;
        let clocks = self.rng.gen_range(0..100);
        self.steps(clocks);
        self.feeds = false;
        for clock in 0.. {
            assert!(clock < 20_000, "a purge without end");
            self.step();
            self.bench.settle();
            if self.tunnel.is_none() && self.local.is_none() && !self.bench.dut().busy.val() {
                break;
            }
        }
        self.purge = false;
        self.feeds = true;
        self.counts[5] += self.ordered.len();
        self.ordered.clear();
        self.left = self.came;
        assert!(self.places.iter().all(|place| place.dead), "places");
        self.places.clear();
        assert_eq!(self.credits, [CREDIT; SESSIONS], "all credit is back");
    }

    fn drain(&mut self) {
        (self.feeds, self.ready, self.np_ok) = (false, 1.0, 1.0);
        for clock in 0.. {
            assert!(clock < 20_000, "stuck");
            self.step();
            self.bench.settle();
            if self.tunnel.is_none() && self.local.is_none() && !self.bench.dut().busy.val() {
                break;
            }
        }
        self.step();
        assert!(self.ordered.is_empty() && self.places.iter().all(|place| place.dead));
        assert_eq!(self.credits, [CREDIT; SESSIONS], "all credit is back");
        self.places.clear();
        self.feeds = true;
    }
}

#[test]
fn queues_with_verdicts_and_ends() {
    for seed in 30..34 {
        let mut rig = Rig::new("rx_output", seed);
        for round in 0..12 {
            (rig.ready, rig.np_ok) = [(1.0, 1.0), (0.7, 0.9), (0.3, 0.3), (1.0, 0.0)][round % 4];
            let clocks = rig.rng.gen_range(100..800);
            rig.steps(clocks);
            match round % 3 {
                0 => {
                    let session = rig.rng.gen_range(0..SESSIONS);
                    rig.end_session(session);
                }
                1 => rig.purge(),
                _ => rig.drain(),
            }
        }
        rig.drain();
        println!("sent, dropped, diverted, local, dead, purged: {:?}", rig.counts);
        assert!(rig.counts.iter().all(|&count| count > 5));
        if seed == 30 {
            rig.bench.assert_equivalent();
        }
    }
}

/// Ordered TLPs of the tunnel and local ones take turns.
#[test]
fn local_tlps_get_half_of_the_link() {
    let mut rig = Rig::new("output_local", 40);
    rig.feeds = false;
    let mut sent = [0usize, 0];
    for _ in 0..2000 {
        for (n, way) in [&mut rig.tunnel, &mut rig.local].into_iter().enumerate() {
            if way.is_none() {
                let bytes = tlp(&mut rig.rng, &ORDERED[..1], 1);
                *way = Some(Coming { bytes, ..Coming::default() });
                sent[n] += 1;
            }
        }
        rig.step();
    }
    assert!(sent[0] > 300 && sent[0].abs_diff(sent[1]) < 3, "{sent:?}");
    rig.drain();
}

/// A TLP on its way in: number, next beat, beats.
type Way = Option<(u64, u64, u64)>;

/// A beat of it, and whether it is the last. Every third TLP of the tunnel is non-posted.
fn beat_of(way: Way) -> (u64, bool) {
    way.map_or((0, false), |(number, beat, beats)| (number << 8 | beat, beat + 1 == beats))
}

/// The link falls for any number of clocks, also in the middle of TLPs that come or leave: what begins to come after that leaves whole and
/// in order, and nothing else is seen but non-posted TLPs, whose verdict says whether they are old.
#[test]
fn a_link_that_comes_up_sees_nothing_of_before() {
    for seed in 50..54 {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::unwatched("output_down", Output::default());
        bench.reset();
        let is_np = |number: u64| number % 3 == 0;
        let (mut number, mut coming, mut credit) = (0u64, [Way::None; 2], CREDIT);
        // Numbers that are due, and whether they must come: of ordered ones, of non-posted ones; what leaves.
        let (mut due, mut np_due, mut leaving) =
            (VecDeque::<(u64, bool)>::new(), VecDeque::<(u64, bool)>::new(), None::<(u64, u64)>);
        let (mut down, mut up, mut fell, mut whole, mut lost) = (0u32, 0u32, false, [0; 2], 0);
        for clock in 0..30_000 {
            let feeds = clock < 28_000;
            for (n, way) in coming.iter_mut().enumerate() {
                if way.is_none() && feeds && rng.gen_bool(0.3) {
                    number += 1;
                    while n == 1 && is_np(number) || n == 0 && is_np(number) && credit == 0 {
                        number += 1;
                    }
                    credit -= usize::from(is_np(number));
                    *way = Some((number, 0, rng.gen_range(1..if is_np(number) { 4 } else { 40 })));
                }
            }
            if down == 0 && up == 0 && feeds {
                down = if rng.gen() { rng.gen_range(1..4) } else { rng.gen_range(1..60) };
                up = rng.gen_range(1..200);
            }
            let ready = rng.gen_bool(0.8);
            let d = bench.dut();
            d.down.next = down > 0;
            d.tready.next = ready;
            (d.purge.next, d.np_ok.next, d.np_verdict.next) = (false, rng.gen_bool(0.8), SEND.into());
            (d.flush.next, d.divert_ready.next, d.session.next) = (false, false, 0.into());
            let ((data, last), (local_data, local_last)) = (beat_of(coming[0]), beat_of(coming[1]));
            d.non_posted.next = coming[0].is_some_and(|(number, ..)| is_np(number));
            (d.valid.next, d.data.next, d.last.next) = (coming[0].is_some(), data.into(), last);
            (d.local_valid.next, d.local_data.next, d.local_last.next) =
                (coming[1].is_some(), local_data.into(), local_last);
            bench.settle();
            let d = bench.dut();
            credit += usize::from(d.np_delivered.val());
            let taken = [d.ready.val(), d.local_ready.val()];
            if down > 0 {
                lost += due.len();
                due.clear();
                leaving = None;
                np_due.iter_mut().for_each(|(_, sure)| *sure = false);
            } else if d.tvalid.val() && ready {
                let (seen, last) = (d.tdata.val().raw(), d.tlast.val());
                let queue = if is_np(seen >> 8) { &mut np_due } else { &mut due };
                if leaving.is_none() {
                    let at = queue.iter().position(|(number, _)| *number == seen >> 8).expect("nothing that is due");
                    assert!(queue.drain(..at).all(|(_, sure)| !sure), "seed {seed}, clock {clock}: a TLP is lost");
                }
                let (number, beat) = leaving.unwrap_or((queue[0].0, 0));
                assert_eq!((seen >> 8, seen & 255), (number, beat), "seed {seed}, clock {clock}");
                leaving = (!last).then_some((number, beat + 1));
                if last {
                    queue.pop_front();
                    whole[usize::from(is_np(number))] += 1;
                }
            }
            for (way, taken) in coming.iter_mut().zip(taken) {
                if let Some((number, beat, beats)) = way.filter(|_| taken) {
                    match (is_np(number), beat + 1 == beats) {
                        (true, true) => np_due.push_back((number, down == 0)),
                        (false, _) if beat == 0 && down == 0 => due.push_back((number, !fell)),
                        _ => {}
                    }
                    *way = (beat + 1 < beats).then_some((number, beat + 1, beats));
                }
            }
            // What begins to come in the first clock of the link may be seen or not.
            fell = down > 0;
            match down {
                0 => up = up.saturating_sub(1),
                _ => down -= 1,
            }
            bench.tick();
        }
        let left = due.iter().chain(&np_due).filter(|(_, sure)| *sure).count();
        assert_eq!((left, credit), (0, CREDIT), "seed {seed}: what is left, and credit");
        assert!(whole.iter().all(|&n| n > 50) && lost > 50, "{whole:?} whole, {lost} lost");
        if seed == 50 {
            bench.assert_equivalent();
        }
    }
}
