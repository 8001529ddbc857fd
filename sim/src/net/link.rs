//! One direction of a link between two GMII ports.

use std::collections::VecDeque;

use rand::Rng;

use super::fault::{Action, Fate, FaultConfig, Faults};
use super::frame::Frame;
use super::gmii::{Gmii, GmiiDecoder, GmiiEncoder, GmiiFault, GAP, PREAMBLE};
use crate::garbage;

/// Source address of injected PAUSE frames: a locally administered one.
const PAUSE_SOURCE: [u8; 6] = [0x02, 0, 0, 0, 0x88, 0x08];
/// Octets before the frame itself.
const LEAD: usize = PREAMBLE + 1;
/// Shortest frame, so the part of a burst that surely comes.
const SURE: usize = 60;

/// What passed a link and what happened to it. Frames include bursts that are no proper frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Frames that came in.
    pub frames_in: u64,
    /// Octets of those from destination address to FCS.
    pub octets_in: u64,
    /// Frames whose sender broke a rule of IEEE 802.3.
    pub faulty_in: u64,
    /// Frames their sender spoiled on purpose with `er`.
    pub aborted_in: u64,
    /// Frames lost.
    pub dropped: u64,
    /// Frames lost or cut short because the cable was cut.
    pub cut: u64,
    /// Second copies made.
    pub duplicated: u64,
    /// Frames that others overtook.
    pub reordered: u64,
    /// Frames with inverted bits.
    pub corrupted: u64,
    /// PAUSE frames put in.
    pub pauses: u64,
    /// Bursts of garbage put in.
    pub garbage: u64,
    /// Bursts that went out, whatever they are.
    pub frames_out: u64,
}

#[derive(Clone, Debug)]
struct Flight {
    symbols: Vec<Gmii>,
    /// First clock in which it may go out.
    due: u64,
    /// Its last symbol has arrived.
    complete: bool,
    fate: Fate,
    /// Symbols to invert bits of: index, mask.
    flips: Vec<(usize, u8)>,
}

impl Flight {
    /// One that did not come in.
    fn made(symbols: Vec<Gmii>, due: u64) -> Self {
        Flight { symbols, due, complete: true, fate: Fate::default(), flips: Vec::new() }
    }
}

#[derive(Clone, Debug)]
struct Held {
    flight: Flight,
    overtaken_by: u32,
    until: u64,
}

/// A faulty link: symbols in, symbols out, once a clock.
///
/// Frames are cut through: the first octet that is given in clock n comes out of the call for clock n + delay - 1,
/// to be applied in clock n + delay; the delay is 2 clocks at least. Frames that are held back or doubled wait for a gap.
/// The order is kept, but for reordering: after a change to a shorter delay later frames still follow the earlier ones.
/// While the cable is cut nothing enters; a frame that was cut in the middle arrives as a fragment.
#[derive(Clone, Debug)]
pub struct Link {
    faults: Faults,
    now: u64,
    /// The last one may still be arriving.
    flights: VecDeque<Flight>,
    arriving: Arriving,
    held: Vec<Held>,
    /// Copies and PAUSE frames that wait for the frame now arriving to end.
    extra: VecDeque<Flight>,
    sent: usize,
    gap: u32,
    decoder: GmiiDecoder,
    last_fault: Option<(u64, GmiiFault)>,
    /// The latest good frame that came in, if garbage is made after it.
    last_good: Option<Frame>,
    cut_burst: bool,
    counters: LinkCounters,
}

#[derive(Clone, Debug)]
enum Arriving {
    No,
    Discard,
    /// Into the last flight.
    Through,
    Hold(Flight),
}

impl Link {
    /// A link with faults of its own seed.
    pub fn new(config: FaultConfig, seed: u64) -> Self {
        Link {
            faults: Faults::new(config, seed),
            now: 0,
            flights: VecDeque::new(),
            arriving: Arriving::No,
            held: Vec::new(),
            extra: VecDeque::new(),
            sent: 0,
            gap: 0,
            decoder: GmiiDecoder::default(),
            last_fault: None,
            last_good: None,
            cut_burst: false,
            counters: LinkCounters::default(),
        }
    }

    /// A perfect link.
    pub fn perfect(delay: u64) -> Self {
        Link::new(FaultConfig { delay, ..FaultConfig::default() }, 0)
    }

    /// What happened so far.
    pub fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// The latest breach of IEEE 802.3 by the sender, and the clock it was seen in.
    pub fn last_fault(&self) -> Option<(u64, GmiiFault)> {
        self.last_fault
    }

    /// Does something to the link now.
    pub fn act(&mut self, action: Action) {
        self.faults.act(action);
    }

    /// The faults, to look at or to change.
    pub fn faults_mut(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// Whether no frame is on its way.
    pub fn is_idle(&self) -> bool {
        self.flights.is_empty()
            && self.held.is_empty()
            && self.extra.is_empty()
            && matches!(self.arriving, Arriving::No)
    }

    /// Takes the sender's symbol of this clock, gives the receiver's.
    pub fn clock(&mut self, input: Gmii) -> Gmii {
        self.faults.advance(self.now);
        self.watch(input);
        let cut = self.faults.is_cut(self.now) && input.en;
        self.counters.cut += u64::from(cut && !self.cut_burst);
        self.cut_burst = cut;
        let input = if cut { Gmii::IDLE } else { input };
        if !input.en && self.is_idle() && !self.faults.has_pause() {
            self.gap = self.gap.saturating_sub(1);
            self.now += 1;
            return Gmii::IDLE;
        }
        if input.en {
            self.take(input);
        } else {
            self.end_of_burst();
        }
        self.release_held();
        let output = self.emit();
        self.now += 1;
        output
    }

    /// Checks and counts what the sender does.
    fn watch(&mut self, input: Gmii) {
        let Some(received) = self.decoder.clock(input) else { return };
        self.counters.frames_in += 1;
        self.counters.octets_in += received.frame.bytes.len() as u64;
        self.counters.aborted_in += u64::from(received.frame.error);
        if let Some(&fault) = received.faults.first() {
            self.counters.faulty_in += 1;
            self.last_fault = Some((self.now, fault));
        }
        if self.faults.config().garbage > 0.0 && received.is_good() {
            self.last_good = Some(received.frame);
        }
    }

    fn take(&mut self, input: Gmii) {
        if let Arriving::No = self.arriving {
            self.arriving = self.start_of_burst();
        }
        match &mut self.arriving {
            Arriving::Hold(flight) => flight.symbols.push(input),
            Arriving::Through => {
                self.flights.back_mut().expect("arriving").symbols.push(input);
            }
            Arriving::Discard | Arriving::No => {}
        }
    }

    fn start_of_burst(&mut self) -> Arriving {
        let fate = self.faults.fate();
        if fate.drop {
            self.counters.dropped += 1;
            return Arriving::Discard;
        }
        let due = self.now + fate.delay.max(2) - 1;
        let flight = Flight { symbols: Vec::new(), due, complete: false, fate, flips: Vec::new() };
        if fate.overtaken_by > 0 {
            return Arriving::Hold(flight);
        }
        self.flights.push_back(flight);
        Arriving::Through
    }

    /// Every clock without a symbol coming in.
    fn end_of_burst(&mut self) {
        let fate = match std::mem::replace(&mut self.arriving, Arriving::No) {
            Arriving::No | Arriving::Discard => None,
            Arriving::Through => {
                let flight = self.flights.back_mut().expect("arriving");
                flight.complete = true;
                if flight.fate.duplicate {
                    let copy = Flight { flips: Vec::new(), ..flight.clone() };
                    self.extra.push_back(copy);
                    self.counters.duplicated += 1;
                }
                let fate = flight.fate;
                self.overtake();
                Some(fate)
            }
            Arriving::Hold(mut flight) => {
                self.overtake();
                flight.complete = true;
                let fate = flight.fate;
                let until = self.now + fate.delay + self.faults.config().reorder_wait;
                self.counters.reordered += 1;
                self.held.push(Held { flight, overtaken_by: fate.overtaken_by, until });
                Some(fate)
            }
        };
        let quanta = fate.and_then(|fate| fate.pause).or_else(|| self.faults.take_pause());
        if let Some(quanta) = quanta {
            let mut encoder = GmiiEncoder::new();
            encoder.send(&Frame::pause(PAUSE_SOURCE, quanta));
            let symbols = std::iter::from_fn(|| Some(encoder.clock()).filter(|symbol| symbol.en)).collect();
            self.extra.push_back(Flight::made(symbols, self.now));
            self.counters.pauses += 1;
        }
        if fate.is_some_and(|fate| fate.garbage) {
            let symbols = garbage::burst(self.faults.rng(), self.last_good.as_ref());
            self.extra.push_back(Flight::made(symbols, self.now));
            self.counters.garbage += 1;
        }
        self.flights.append(&mut self.extra);
    }

    /// A frame passed those that are held.
    fn overtake(&mut self) {
        self.held.iter_mut().for_each(|held| held.overtaken_by = held.overtaken_by.saturating_sub(1));
    }

    fn release_held(&mut self) {
        if self.held.is_empty() || !matches!(self.arriving, Arriving::No) {
            return;
        }
        let now = self.now;
        for held in std::mem::take(&mut self.held) {
            if held.overtaken_by == 0 || held.until <= now {
                if held.flight.fate.duplicate {
                    self.counters.duplicated += 1;
                    self.flights.push_back(held.flight.clone());
                }
                self.flights.push_back(held.flight);
            } else {
                self.held.push(held);
            }
        }
    }

    fn emit(&mut self) -> Gmii {
        if self.gap > 0 {
            self.gap -= 1;
            return Gmii::IDLE;
        }
        let Some(flight) = self.flights.front_mut() else { return Gmii::IDLE };
        if self.sent == 0 {
            if flight.due > self.now {
                return Gmii::IDLE;
            }
            if flight.fate.corrupt {
                flight.flips = flips(self.faults.rng(), flight.symbols.len());
                self.counters.corrupted += 1;
            }
            self.counters.frames_out += 1;
        }
        let Some(&(mut symbol)) = flight.symbols.get(self.sent) else {
            // Cannot happen: a frame arrives as fast as it leaves. It would be seen as a fragment.
            return Gmii::IDLE;
        };
        let last = flight.complete && self.sent + 1 == flight.symbols.len();
        // Bits behind the end of a frame that was shorter than assumed go into its last octet.
        let here = |&&(at, _): &&(usize, u8)| at == self.sent || (last && at > self.sent);
        symbol.data ^= flight.flips.iter().filter(here).fold(0, |mask, (_, bit)| mask | bit);
        self.sent += 1;
        if last {
            self.sent = 0;
            self.gap = GAP;
            self.flights.pop_front();
        }
        symbol
    }
}

/// One to three different bits in the frame; of one whose end is not known yet, in the octets that surely come.
fn flips(rng: &mut impl Rng, symbols: usize) -> Vec<(usize, u8)> {
    let octets = symbols.saturating_sub(LEAD).max(SURE);
    let first: usize = rng.gen_range(0..octets * 8);
    let mut bits = vec![first];
    // Neighbours within two octets, as noise comes in bursts.
    for _ in 0..rng.gen_range(0..=2) {
        let bit = first.saturating_sub(rng.gen_range(0..16));
        if !bits.contains(&bit) {
            bits.push(bit);
        }
    }
    bits.into_iter().map(|bit| (LEAD + bit / 8, 1 << (bit % 8))).collect()
}

/// A perfect cable: every symbol, whatever it is, comes out `delay` clocks later.
#[derive(Clone, Debug)]
pub struct Cable {
    line: VecDeque<Gmii>,
}

impl Cable {
    /// A cable. A symbol given in clock n comes out of the call for clock n + `delay` - 1, to be applied in the next.
    pub fn new(delay: usize) -> Self {
        Cable { line: vec![Gmii::IDLE; delay.saturating_sub(1)].into() }
    }

    /// Takes the sender's symbol of this clock, gives the receiver's.
    pub fn clock(&mut self, input: Gmii) -> Gmii {
        self.line.push_back(input);
        self.line.pop_front().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gmii::Received;
    use super::*;

    fn frame(number: u16, len: usize) -> Frame {
        let mut payload = vec![0; len - 18];
        payload[..2].copy_from_slice(&number.to_be_bytes());
        Frame::build([2; 6], [4; 6], None, 0x88b5, &payload)
    }

    fn number(frame: &Frame) -> u16 {
        u16::from_be_bytes([frame.bytes[14], frame.bytes[15]])
    }

    /// Sends frames through a link as fast as they go; start clocks count the clock in which a symbol is applied.
    fn run(link: &mut Link, frames: &[Frame]) -> Vec<Received> {
        let mut encoder = GmiiEncoder::new();
        frames.iter().for_each(|frame| encoder.send(frame));
        let mut decoder = GmiiDecoder::default();
        let mut received = Vec::new();
        let mut wire = Gmii::IDLE;
        while !encoder.is_idle() || !link.is_idle() || decoder.inside_burst() || wire.en {
            received.extend(decoder.clock(wire));
            wire = link.clock(encoder.clock());
        }
        received
    }

    fn numbers(received: &[Received]) -> Vec<u16> {
        received.iter().filter(|r| r.is_good() && !r.frame.is_link_local()).map(|r| number(&r.frame)).collect()
    }

    fn scripted(script: &[(u64, Action)]) -> Link {
        Link::new(FaultConfig { script: script.into(), ..FaultConfig::default() }, 1)
    }

    fn ten() -> Vec<Frame> {
        (0..10).map(|n| frame(n, 100)).collect()
    }

    /// Clocks of one of `ten` with its preamble and gap.
    const SLOT: u64 = 120;

    #[test]
    fn the_delay_is_exact_even_when_shorter_than_a_frame() {
        for delay in [2, 3, 50, 1000, 12_345] {
            let received = run(&mut Link::perfect(delay), &[frame(0, 1518), frame(1, 64)]);
            let starts: Vec<u64> = received.iter().map(|r| r.start).collect();
            assert_eq!(starts, [delay, delay + 8 + 1518 + 12]);
            assert_eq!(numbers(&received), [0, 1]);
        }
        assert_eq!(run(&mut Link::perfect(0), &[frame(0, 64)])[0].start, 2);
    }

    #[test]
    fn each_fault_does_what_it_says() {
        let seen = |script: &[(u64, Action)]| {
            let mut link = scripted(script);
            let received = run(&mut link, &ten());
            assert!(received.iter().all(|r| r.faults.iter().all(|f| *f == GmiiFault::Fcs)), "{received:?}");
            (numbers(&received), link.counters(), received)
        };
        let (got, counters, _) = seen(&[(3 * SLOT, Action::Drop(2))]);
        assert_eq!((got, counters.dropped), (vec![0, 1, 2, 5, 6, 7, 8, 9], 2));
        let (got, counters, _) = seen(&[(3 * SLOT, Action::Duplicate(1))]);
        assert_eq!((got, counters.duplicated), (vec![0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9], 1));
        let (got, counters, _) = seen(&[(3 * SLOT, Action::Reorder(2))]);
        assert_eq!((got, counters.reordered), (vec![0, 1, 2, 4, 5, 3, 6, 7, 8, 9], 1));
        let (got, counters, _) = seen(&[(9 * SLOT, Action::Reorder(5))]);
        assert_eq!((got, counters.reordered), ((0..10).collect(), 1));
        let (got, counters, received) = seen(&[(3 * SLOT, Action::Corrupt(1))]);
        assert_eq!((got, counters.corrupted), (vec![0, 1, 2, 4, 5, 6, 7, 8, 9], 1));
        assert_eq!(received.len(), 10);
        let (got, counters, received) = seen(&[(3 * SLOT, Action::Pause(77))]);
        let pause = received.iter().find(|r| r.frame.is_link_local()).unwrap();
        assert_eq!((pause.is_good(), &pause.frame.bytes[16..18]), (true, &[0, 77][..]));
        assert_eq!((got, counters.pauses, counters.frames_out), ((0..10).collect(), 1, 11));
    }

    #[test]
    fn a_cut_loses_what_is_sent_meanwhile_and_leaves_a_fragment() {
        let cuts = vec![(2 * SLOT + 50, 5 * SLOT - 5)];
        let mut link = Link::new(FaultConfig { cuts, ..FaultConfig::default() }, 0);
        let received = run(&mut link, &ten());
        assert_eq!(numbers(&received), [0, 1, 5, 6, 7, 8, 9]);
        assert_eq!((received.len(), link.counters().cut), (8, 3));
        assert!(!received[2].is_good() && received[2].frame.bytes.len() == 42);
    }

    #[test]
    fn the_delay_can_change_in_mid_run() {
        let mut link = scripted(&[(3 * SLOT, Action::Delay(10_000)), (6 * SLOT, Action::Delay(0))]);
        let received = run(&mut link, &ten());
        assert_eq!(numbers(&received), (0..10).collect::<Vec<_>>());
        let starts: Vec<u64> = received.iter().map(|r| r.start).collect();
        assert_eq!(starts[2], 2 * SLOT + 2);
        assert_eq!(starts[3], 3 * SLOT + 10_000);
        assert_eq!(starts[6], 6 * SLOT + 10_000, "the order is kept");
    }

    #[test]
    fn corrupted_frames_never_have_a_right_fcs() {
        for (seed, delay, len) in [(1, 0, 64), (2, 0, 1518), (3, 5000, 64), (4, 5000, 700)] {
            let mut link = Link::new(FaultConfig { corrupt: 1.0, delay, ..FaultConfig::default() }, seed);
            let frames: Vec<Frame> = (0..300).map(|n| frame(n, len)).collect();
            let received = run(&mut link, &frames);
            assert_eq!(received.len(), 300, "seed {seed}");
            assert!(received.iter().all(|r| r.faults == [GmiiFault::Fcs]), "seed {seed}");
        }
    }

    #[test]
    fn a_mix_of_faults_keeps_the_books() {
        for seed in 0..20 {
            println!("seed {seed}");
            let config = FaultConfig {
                drop: 0.1,
                duplicate: 0.1,
                reorder: 0.1,
                corrupt: 0.1,
                pause: 0.05,
                garbage: 0.1,
                delay: 1250,
                jitter: 500,
                ..FaultConfig::default()
            };
            let mut link = Link::new(config, seed);
            let frames: Vec<Frame> = (0..500).map(|n| frame(n, 64 + (n as usize * 37) % 1400)).collect();
            let received = run(&mut link, &frames);
            let c = link.counters();
            assert_eq!((c.frames_in, c.faulty_in, link.last_fault()), (500, 0, None));
            assert_eq!(c.frames_out, 500 - c.dropped + c.duplicated + c.pauses + c.garbage);
            assert_eq!(received.len() as u64, c.frames_out);
            // Each frame that was not lost or corrupted arrives; garbage is never one of them.
            let right = received.iter().filter(|r| frames.contains(&r.frame)).count() as u64;
            assert_eq!(right, 500 - c.dropped + c.duplicated - c.corrupted);
            assert!([c.dropped, c.duplicated, c.reordered, c.corrupted, c.garbage]
                .iter()
                .all(|n| (20..90).contains(n)));
            let octets: u64 = frames.iter().map(|f| f.bytes.len() as u64).sum();
            assert_eq!(c.octets_in, octets);
        }
    }

    #[test]
    fn the_sender_is_watched_and_a_cable_carries_everything() {
        let mut link = Link::perfect(0);
        link.clock(Gmii::octet(0x55));
        link.clock(Gmii::IDLE);
        assert_eq!((link.counters().faulty_in, link.last_fault()), (1, Some((1, GmiiFault::NoSfd))));
        let mut cable = Cable::new(3);
        let odd = Gmii { data: 9, en: false, er: true };
        let out: Vec<Gmii> = [odd, Gmii::IDLE, Gmii::IDLE, Gmii::IDLE].map(|s| cable.clock(s)).into();
        assert_eq!(out, [Gmii::IDLE, Gmii::IDLE, odd, Gmii::IDLE]);
        assert_eq!(Cable::new(0).clock(odd), odd);
    }
}
