//! GMII (IEEE 802.3 clause 35): symbols to frames and back.

use std::collections::VecDeque;

use thiserror::Error;

use super::frame::{Frame, MAX_FRAME, MIN_FRAME};

/// Octets of 0x55 before the start frame delimiter.
pub const PREAMBLE: usize = 7;
/// Smallest gap between frames in octets (IEEE 802.3, 4.4.2).
pub const GAP: u32 = 12;

const PREAMBLE_OCTET: u8 = 0x55;
const SFD: u8 = 0xd5;
/// Octets of a burst that are kept; a port stuck at "enable" must not eat the memory.
const KEPT: usize = 1 << 14;

/// What one direction of a GMII carries in a clock: TXD, TX_EN, TX_ER or RXD, RX_DV, RX_ER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gmii {
    /// The octet.
    pub data: u8,
    /// TX_EN or RX_DV.
    pub en: bool,
    /// TX_ER or RX_ER.
    pub er: bool,
}

impl Gmii {
    /// Between frames.
    pub const IDLE: Gmii = Gmii { data: 0, en: false, er: false };

    /// An octet inside a burst.
    pub fn octet(data: u8) -> Self {
        Gmii { data, en: true, er: false }
    }
}

/// What a sender did against IEEE 802.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum GmiiFault {
    /// Not seven octets of 0x55 before the delimiter.
    #[error("preamble of {0} octets, {PREAMBLE} expected")]
    Preamble(usize),
    /// Something else where 0x55 or 0xd5 must be.
    #[error("octet {0:#04x} in the preamble")]
    PreambleOctet(u8),
    /// The burst ended before a start frame delimiter.
    #[error("no start frame delimiter")]
    NoSfd,
    /// Too short a gap before this frame.
    #[error("gap of {0} octets, at least {GAP} expected")]
    Gap(u32),
    /// Shorter than 64 octets.
    #[error("frame of {0} octets, at least {MIN_FRAME} expected")]
    Runt(usize),
    /// Longer than allowed.
    #[error("frame of {0} octets is too long")]
    Giant(usize),
    /// Wrong FCS although no error was signalled.
    #[error("wrong FCS")]
    Fcs,
    /// `er` while `en` is low.
    #[error("error signalled outside a frame")]
    ErrorOutside,
}

/// A burst that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The octets after the delimiter; none if there was no delimiter.
    pub frame: Frame,
    /// Clock of the first octet of the preamble, counted from the first call.
    pub start: u64,
    /// Clock after the last octet.
    pub end: u64,
    /// What was wrong with it. A frame ended on purpose with `er` (frame.error) is no fault.
    pub faults: Vec<GmiiFault>,
}

impl Received {
    /// Whether a MAC would take it: FCS and length are right, and no error was signalled.
    pub fn is_good(&self) -> bool {
        let bad = |f: &GmiiFault| matches!(f, GmiiFault::Runt(_) | GmiiFault::Giant(_) | GmiiFault::Fcs);
        !self.frame.bytes.is_empty() && !self.frame.error && !self.faults.iter().any(bad)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Preamble(usize),
    Data,
    /// Waits for the end of a burst without delimiter.
    Junk,
}

/// Finds the frames in a stream of symbols and checks what the sender must keep to.
#[derive(Clone, Debug)]
pub struct GmiiDecoder {
    max_frame: usize,
    state: State,
    clock: u64,
    start: u64,
    gap: u32,
    length: usize,
    frame: Frame,
    faults: Vec<GmiiFault>,
}

impl Default for GmiiDecoder {
    fn default() -> Self {
        GmiiDecoder::new(MAX_FRAME)
    }
}

impl GmiiDecoder {
    /// A decoder for frames of up to `max_frame` octets, FCS included.
    pub fn new(max_frame: usize) -> Self {
        GmiiDecoder {
            max_frame,
            state: State::Idle,
            clock: 0,
            start: 0,
            gap: GAP,
            length: 0,
            frame: Frame { bytes: Vec::new(), error: false },
            faults: Vec::new(),
        }
    }

    /// Whether a burst has begun and not ended.
    pub fn inside_burst(&self) -> bool {
        self.state != State::Idle
    }

    /// Takes the symbol of a clock. A burst is given in the first clock after it.
    #[inline]
    pub fn clock(&mut self, symbol: Gmii) -> Option<Received> {
        if symbol.en || symbol.er || self.inside_burst() {
            return self.take(symbol);
        }
        self.clock += 1;
        self.gap = self.gap.saturating_add(1);
        None
    }

    fn take(&mut self, symbol: Gmii) -> Option<Received> {
        let now = self.clock;
        self.clock += 1;
        if !symbol.en {
            let received = self.inside_burst().then(|| self.finish(now));
            self.gap = self.gap.saturating_add(1);
            if symbol.er && !self.faults.contains(&GmiiFault::ErrorOutside) {
                self.faults.push(GmiiFault::ErrorOutside);
            }
            return received;
        }
        if self.state == State::Idle {
            self.start = now;
            self.length = 0;
            if self.gap < GAP {
                self.faults.push(GmiiFault::Gap(self.gap));
            }
            self.state = State::Preamble(0);
        }
        self.frame.error |= symbol.er;
        self.state = match (self.state, symbol.data) {
            (State::Preamble(n), PREAMBLE_OCTET) => State::Preamble(n + 1),
            (State::Preamble(n), SFD) => {
                if n != PREAMBLE {
                    self.faults.push(GmiiFault::Preamble(n));
                }
                State::Data
            }
            (State::Preamble(_), other) => {
                self.faults.push(GmiiFault::PreambleOctet(other));
                State::Junk
            }
            (State::Data, octet) => {
                self.length += 1;
                if self.length <= KEPT.max(self.max_frame) {
                    self.frame.bytes.push(octet);
                }
                State::Data
            }
            (state, _) => state,
        };
        None
    }

    fn finish(&mut self, now: u64) -> Received {
        if self.state == State::Data {
            if self.length < MIN_FRAME {
                self.faults.push(GmiiFault::Runt(self.length));
            }
            if self.length > self.max_frame {
                self.faults.push(GmiiFault::Giant(self.length));
            }
            if !self.frame.error && !self.frame.is_good() {
                self.faults.push(GmiiFault::Fcs);
            }
        } else {
            self.faults.push(GmiiFault::NoSfd);
        }
        self.state = State::Idle;
        self.gap = 0;
        let empty = Frame { bytes: Vec::with_capacity(self.frame.bytes.len()), error: false };
        Received {
            frame: std::mem::replace(&mut self.frame, empty),
            start: self.start,
            end: now,
            faults: std::mem::take(&mut self.faults),
        }
    }
}

/// How a frame is put on the wire. The default is what IEEE 802.3 asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Octets of 0x55 before the delimiter.
    pub preamble: usize,
    /// Idle octets after the frame.
    pub gap: u32,
    /// Index of the octet, after the delimiter, on which `er` is raised.
    pub error_at: Option<usize>,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { preamble: PREAMBLE, gap: GAP, error_at: None }
    }
}

#[derive(Clone, Debug)]
struct Burst {
    symbols: Vec<Gmii>,
    gap: u32,
}

/// Sends queued frames, and whatever else a test wants on the wire, one symbol a clock.
#[derive(Clone, Debug, Default)]
pub struct GmiiEncoder {
    queue: VecDeque<Burst>,
    sent: usize,
    gap: u32,
}

impl GmiiEncoder {
    /// An idle encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Queues a frame as it is: a wrong length or FCS is kept. A frame marked `error` gets `er` on its last octet.
    pub fn send(&mut self, frame: &Frame) {
        self.send_shaped(frame, Shape::default());
    }

    /// Queues a frame with a preamble, gap or error of the caller's choice.
    pub fn send_shaped(&mut self, frame: &Frame, shape: Shape) {
        let mut symbols = Vec::with_capacity(shape.preamble + 1 + frame.bytes.len());
        symbols.resize(shape.preamble, Gmii::octet(PREAMBLE_OCTET));
        symbols.push(Gmii::octet(SFD));
        let data = symbols.len();
        symbols.extend(frame.bytes.iter().copied().map(Gmii::octet));
        if let Some(symbol) = shape.error_at.and_then(|at| symbols.get_mut(data + at)) {
            symbol.er = true;
        }
        if let (true, Some(last)) = (frame.error, symbols.last_mut()) {
            last.er = true;
        }
        self.send_symbols(symbols, shape.gap);
    }

    /// Queues any symbols, followed by `gap` idle clocks.
    pub fn send_symbols(&mut self, symbols: Vec<Gmii>, gap: u32) {
        self.queue.push_back(Burst { symbols, gap });
    }

    /// Bursts that have not ended, the one on the wire included.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether a burst is on the wire.
    pub fn inside_burst(&self) -> bool {
        self.sent > 0
    }

    /// Whether nothing is queued and the gap is over.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.gap == 0
    }

    /// The symbol of this clock.
    pub fn clock(&mut self) -> Gmii {
        if self.gap > 0 {
            self.gap -= 1;
            return Gmii::IDLE;
        }
        let Some(burst) = self.queue.front() else { return Gmii::IDLE };
        let symbol = burst.symbols.get(self.sent).copied().unwrap_or_default();
        self.sent += 1;
        if self.sent >= burst.symbols.len() {
            self.gap = burst.gap;
            self.sent = 0;
            self.queue.pop_front();
        }
        symbol
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn frame(len: usize) -> Frame {
        Frame::new((0..len - 4).map(|i| i as u8).collect())
    }

    /// Everything the decoder sees until some time after the encoder is done.
    fn receive(encoder: &mut GmiiEncoder) -> Vec<Received> {
        let mut decoder = GmiiDecoder::default();
        let mut received = Vec::new();
        while !encoder.is_idle() {
            received.extend(decoder.clock(encoder.clock()));
        }
        received.extend(decoder.clock(Gmii::IDLE));
        received
    }

    #[test]
    fn frames_pass_at_line_rate() {
        let mut encoder = GmiiEncoder::new();
        let frames: Vec<Frame> = [64, 65, 1522].map(frame).into();
        frames.iter().for_each(|f| encoder.send(f));
        let received = receive(&mut encoder);
        assert_eq!(received.iter().map(|r| &r.frame).collect::<Vec<_>>(), frames.iter().collect::<Vec<_>>());
        assert!(received.iter().all(|r| r.faults.is_empty() && r.is_good()));
        let starts: Vec<u64> = received.iter().map(|r| r.start).collect();
        assert_eq!(starts, [0, 8 + 64 + 12, 8 + 64 + 12 + 8 + 65 + 12]);
        assert_eq!(received[0].end, 72);
    }

    #[test]
    fn the_symbols_of_a_frame_are_those_of_the_standard() {
        let mut encoder = GmiiEncoder::new();
        encoder.send(&frame(64));
        let octets: Vec<u8> =
            (0..9).map(|_| encoder.clock()).inspect(|s| assert!(s.en && !s.er)).map(|s| s.data).collect();
        assert_eq!(octets, [0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5, 0x00]);
    }

    #[test]
    fn every_fault_is_reported() {
        let good = frame(64);
        let mut bad_fcs = good.clone();
        bad_fcs.bytes[30] ^= 0x10;
        let mut runt = good.clone();
        runt.bytes = Frame::new(vec![1; 60]).bytes[..50].to_vec();
        let shape = Shape::default();
        let cases: Vec<(Frame, Shape, GmiiFault, bool)> = vec![
            (good.clone(), Shape { preamble: 6, ..shape }, GmiiFault::Preamble(6), true),
            (good.clone(), Shape { preamble: 0, ..shape }, GmiiFault::Preamble(0), true),
            (bad_fcs, shape, GmiiFault::Fcs, false),
            (runt, shape, GmiiFault::Runt(50), false),
            (frame(1523), shape, GmiiFault::Giant(1523), false),
        ];
        for (frame, shape, fault, good) in cases {
            let mut encoder = GmiiEncoder::new();
            encoder.send_shaped(&frame, shape);
            let received = receive(&mut encoder);
            assert!(received[0].faults.contains(&fault), "{fault}: {:?}", received[0].faults);
            assert_eq!(received[0].is_good(), good, "{fault}");
        }
        let mut encoder = GmiiEncoder::new();
        encoder.send_shaped(&good, Shape { gap: 11, ..shape });
        encoder.send(&good);
        assert_eq!(receive(&mut encoder)[1].faults, [GmiiFault::Gap(11)]);
        encoder.send_symbols(vec![Gmii::octet(0x55); 4], GAP);
        assert_eq!(receive(&mut encoder)[0].faults, [GmiiFault::NoSfd]);
        encoder.send_symbols(vec![Gmii::octet(0x54); 4], GAP);
        assert_eq!(receive(&mut encoder)[0].faults, [GmiiFault::PreambleOctet(0x54), GmiiFault::NoSfd]);
        encoder.send_symbols(vec![Gmii { er: true, ..Gmii::IDLE }], 0);
        encoder.send(&good);
        assert_eq!(receive(&mut encoder)[0].faults, [GmiiFault::ErrorOutside]);
    }

    #[test]
    fn a_signalled_error_spoils_the_frame_and_is_no_fault_of_the_sender() {
        let mut encoder = GmiiEncoder::new();
        encoder.send_shaped(&frame(64), Shape { error_at: Some(20), ..Shape::default() });
        encoder.send(&Frame { error: true, ..frame(64) });
        encoder.send(&frame(64));
        let received = receive(&mut encoder);
        let seen: Vec<_> = received.iter().map(|r| (r.frame.error, r.is_good(), r.faults.len())).collect();
        assert_eq!(seen, [(true, false, 0), (true, false, 0), (false, true, 0)]);
    }

    #[test]
    fn frames_are_found_again_after_garbage() {
        for seed in 0..50 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut encoder = GmiiEncoder::new();
            let garbage = (0..rng.gen_range(1..3000))
                .map(|_| Gmii { data: rng.gen(), en: rng.gen_bool(0.98), er: rng.gen_bool(0.1) })
                .collect();
            encoder.send_symbols(garbage, GAP);
            encoder.send(&frame(100));
            let last = receive(&mut encoder).pop().unwrap();
            assert!(last.is_good() && last.frame == frame(100));
        }
    }
}
