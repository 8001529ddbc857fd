//! TLP streams: beats, and the bench parts that drive, take and watch them.
//!
//! Byte k of a TLP is `data[8*(k%8) +: 8]` of beat k/8, so byte 0 (Fmt/Type) is `data[7:0]` of the first beat.
//! A beat is transferred in a clock in which it is offered and the receiver is ready. What is offered is held,
//! unchanged, until then. All parts are plain values that are polled once a clock:
//!
//! ```
//! use peb_sim::stream::{Stall, StreamMonitor, StreamSink, StreamSource};
//!
//! let mut source = StreamSource::new(Stall::random(0.3), 1);
//! let mut sink = StreamSink::new(Stall::bursts(0.1, 8), 2);
//! let mut monitor = StreamMonitor::new("source");
//! source.push(vec![0x40, 0, 0, 1, 0, 0, 0, 0xf, 0, 0, 0x10, 0, 1, 2, 3, 4]);
//! let tlp = loop {
//!     let (beat, ready) = (source.offer(), sink.ready());
//!     monitor.clock(beat, ready)?;
//!     source.clock(ready);
//!     if let Some(tlp) = sink.clock(beat)? {
//!         break tlp;
//!     }
//! };
//! assert_eq!(tlp[12..], [1, 2, 3, 4]);
//! # Ok::<(), peb_sim::stream::StreamFault>(())
//! ```

use std::collections::VecDeque;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

/// Bytes of one beat.
pub const BEAT_BYTES: usize = 8;

/// One beat of a TLP stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Eight bytes; the first byte of the beat in `[7:0]`.
    pub data: u64,
    /// One bit a byte. 0xff; on the last beat 0x0f as well.
    pub keep: u8,
    /// Last beat of the TLP.
    pub last: bool,
}

/// Splits the bytes of a TLP into beats. Unused bytes of the last beat are zero.
///
/// Any length but zero is taken, so that malformed packets can be made too; zero bytes give no beat.
pub fn pack(tlp: &[u8]) -> Vec<Beat> {
    let beats = tlp.len().div_ceil(BEAT_BYTES);
    tlp.chunks(BEAT_BYTES)
        .enumerate()
        .map(|(i, chunk)| {
            let mut bytes = [0; BEAT_BYTES];
            bytes[..chunk.len()].copy_from_slice(chunk);
            Beat { data: u64::from_le_bytes(bytes), keep: 0xff >> (BEAT_BYTES - chunk.len()), last: i + 1 == beats }
        })
        .collect()
}

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{stream}, clock {clock}: {rule}")]
pub struct StreamFault {
    /// Name of the stream, as given to the monitor.
    pub stream: String,
    /// Clocks since the monitor was made.
    pub clock: u64,
    /// The rule that was broken.
    pub rule: StreamRule,
}

/// Rules of the TLP stream.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamRule {
    /// An offered beat was withdrawn.
    #[error("valid fell before the beat {0:x?} was taken")]
    ValidFell(Beat),
    /// An offered beat changed.
    #[error("the beat changed from {was:x?} to {is:x?} before it was taken")]
    Changed {
        /// Offered first.
        was: Beat,
        /// Offered in the next clock.
        is: Beat,
    },
    /// `keep` is neither 0xff nor, on the last beat, 0x0f.
    #[error("keep is {keep:#04x} on a beat with last = {last}; 0xff, or 0x0f with last, expected")]
    Keep {
        /// What was offered.
        keep: u8,
        /// Whether it was the last beat.
        last: bool,
    },
    /// `valid` fell between two beats of a TLP.
    #[error("valid fell inside a TLP, after {0} beats")]
    Gap(usize),
}

/// Collects beats into TLPs.
#[derive(Clone, Debug, Default)]
pub struct Unpacker {
    bytes: Vec<u8>,
}

impl Unpacker {
    /// Takes one beat, gives the bytes of the TLP with the last one.
    pub fn push(&mut self, beat: Beat) -> Result<Option<Vec<u8>>, StreamRule> {
        let legal = beat.keep == 0xff || (beat.last && beat.keep == 0x0f);
        if !legal {
            return Err(StreamRule::Keep { keep: beat.keep, last: beat.last });
        }
        let bytes = if beat.keep == 0xff { 8 } else { 4 };
        self.bytes.extend_from_slice(&beat.data.to_le_bytes()[..bytes]);
        Ok(beat.last.then(|| std::mem::take(&mut self.bytes)))
    }

    /// Whether the last TLP is complete.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// How often a driver or a sink pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stall {
    /// Probability, each clock that it does not pause yet, that a pause begins. 0 to 1.
    pub probability: f64,
    /// Longest pause in clocks; lengths are uniform from 1.
    pub longest: u32,
}

impl Stall {
    /// Never pauses.
    pub const NONE: Stall = Stall { probability: 0.0, longest: 1 };

    /// Pauses single clocks.
    pub fn random(probability: f64) -> Self {
        Stall { probability, longest: 1 }
    }

    /// Pauses of 1 to `longest` clocks.
    pub fn bursts(probability: f64, longest: u32) -> Self {
        Stall { probability, longest: longest.max(1) }
    }
}

#[derive(Clone, Debug)]
struct Staller {
    stall: Stall,
    left: u32,
    rng: ChaCha8Rng,
}

impl Staller {
    fn new(stall: Stall, seed: u64) -> Self {
        let mut staller = Staller { stall, left: 0, rng: ChaCha8Rng::seed_from_u64(seed) };
        staller.next();
        staller
    }

    /// Decides on the next clock.
    fn next(&mut self) {
        if self.left > 0 {
            self.left -= 1;
        }
        if self.left == 0 && self.stall.probability > 0.0 && self.rng.gen_bool(self.stall.probability.clamp(0.0, 1.0)) {
            self.left = self.rng.gen_range(1..=self.stall.longest.max(1));
        }
    }

    fn stalled(&self) -> bool {
        self.left > 0
    }
}

/// Drives a stream from a queue of TLPs, with random gaps, also inside a TLP.
#[derive(Clone, Debug)]
pub struct StreamSource {
    queue: VecDeque<Vec<u8>>,
    beats: VecDeque<Beat>,
    offered: bool,
    hold: bool,
    staller: Staller,
}

impl StreamSource {
    /// An empty source.
    pub fn new(stall: Stall, seed: u64) -> Self {
        StreamSource {
            queue: VecDeque::new(),
            beats: VecDeque::new(),
            offered: false,
            hold: false,
            staller: Staller::new(stall, seed),
        }
    }

    /// Queues the bytes of a packet. Empty ones are ignored.
    pub fn push(&mut self, tlp: Vec<u8>) {
        if !tlp.is_empty() {
            self.queue.push_back(tlp);
        }
    }

    /// Packets that have not been started.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// The packet that starts next.
    pub fn next_packet(&self) -> Option<&[u8]> {
        self.queue.front().map(Vec::as_slice)
    }

    /// Takes the packet that starts next out of the queue again.
    pub fn take_back(&mut self) -> Option<Vec<u8>> {
        self.queue.pop_front()
    }

    /// Whether a packet has begun: its first beat was offered, its last not taken.
    pub fn inside_packet(&self) -> bool {
        !self.beats.is_empty()
    }

    /// Whether everything has been taken.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.beats.is_empty()
    }

    /// While set, no new packet begins; one that has begun goes on.
    pub fn hold(&mut self, hold: bool) {
        self.hold = hold;
    }

    /// The beat offered in this clock. May be called several times in a clock.
    pub fn offer(&mut self) -> Option<Beat> {
        if !self.offered && !self.staller.stalled() {
            if self.beats.is_empty() && !self.hold {
                if let Some(tlp) = self.queue.pop_front() {
                    self.beats.extend(pack(&tlp));
                }
            }
            self.offered = !self.beats.is_empty();
        }
        if self.offered {
            self.beats.front().copied()
        } else {
            None
        }
    }

    /// Ends the clock: the offered beat, if any, was taken if `ready`. True with the last beat of a packet.
    pub fn clock(&mut self, ready: bool) -> bool {
        let taken = if self.offered && ready { self.beats.pop_front() } else { None };
        if taken.is_some() {
            self.offered = false;
        }
        if !self.offered {
            self.staller.next();
        }
        taken.is_some_and(|beat| beat.last)
    }
}

/// Takes a stream with random back-pressure and gives whole packets.
#[derive(Clone, Debug)]
pub struct StreamSink {
    unpacker: Unpacker,
    staller: Staller,
    clock: u64,
}

impl StreamSink {
    /// An empty sink.
    pub fn new(stall: Stall, seed: u64) -> Self {
        StreamSink { unpacker: Unpacker::default(), staller: Staller::new(stall, seed), clock: 0 }
    }

    /// Whether the sink takes a beat in this clock. Does not depend on what is offered.
    pub fn ready(&self) -> bool {
        !self.staller.stalled()
    }

    /// Ends the clock with what was offered in it; gives the packet that ended.
    pub fn clock(&mut self, offered: Option<Beat>) -> Result<Option<Vec<u8>>, StreamFault> {
        let ready = self.ready();
        self.staller.next();
        self.clock += 1;
        match offered {
            Some(beat) if ready => self.unpacker.push(beat).map_err(|rule| StreamFault {
                stream: "sink".into(),
                clock: self.clock - 1,
                rule,
            }),
            _ => Ok(None),
        }
    }

    /// Whether a packet has begun and not ended.
    pub fn inside_packet(&self) -> bool {
        !self.unpacker.is_empty()
    }
}

/// Watches a stream and reports the first breach of a rule.
#[derive(Clone, Debug)]
pub struct StreamMonitor {
    name: String,
    gapless: bool,
    clock: u64,
    held: Option<Beat>,
    beats: usize,
}

impl StreamMonitor {
    /// A monitor that allows gaps inside a packet (what comes from the PCIe side).
    pub fn new(name: &str) -> Self {
        StreamMonitor { name: name.into(), gapless: false, clock: 0, held: None, beats: 0 }
    }

    /// A monitor for a stream on which `valid` never drops inside a packet (what goes to the PCIe side).
    pub fn gapless(name: &str) -> Self {
        StreamMonitor { gapless: true, ..Self::new(name) }
    }

    /// Forgets what was offered: for the clock in which the design is reset.
    pub fn reset(&mut self) {
        self.held = None;
        self.beats = 0;
    }

    /// Checks one clock.
    pub fn clock(&mut self, offered: Option<Beat>, ready: bool) -> Result<(), StreamFault> {
        let result =
            self.check(offered).map_err(|rule| StreamFault { stream: self.name.clone(), clock: self.clock, rule });
        self.clock += 1;
        self.held = if ready { None } else { offered };
        if let (Some(beat), true) = (offered, ready) {
            self.beats = if beat.last { 0 } else { self.beats + 1 };
        }
        result
    }

    fn check(&self, offered: Option<Beat>) -> Result<(), StreamRule> {
        match (self.held, offered) {
            (Some(was), None) => return Err(StreamRule::ValidFell(was)),
            (Some(was), Some(is)) if was != is => return Err(StreamRule::Changed { was, is }),
            _ => {}
        }
        match offered {
            None if self.gapless && self.beats > 0 => Err(StreamRule::Gap(self.beats)),
            Some(Beat { keep, last, .. }) if keep != 0xff && !(last && keep == 0x0f) => {
                Err(StreamRule::Keep { keep, last })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEAT: Beat = Beat { data: 1, keep: 0xff, last: false };

    fn rule(monitor: &mut StreamMonitor, clocks: &[(Option<Beat>, bool)]) -> Option<StreamRule> {
        clocks.iter().find_map(|&(beat, ready)| monitor.clock(beat, ready).err()).map(|f| f.rule)
    }

    #[test]
    fn byte_zero_is_the_low_byte_of_the_first_beat() {
        let beats = pack(&[0x4a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(beats[0], Beat { data: 0x0706_0504_0302_014a, keep: 0xff, last: false });
        assert_eq!(beats[1], Beat { data: 0x0b0a_0908, keep: 0x0f, last: true });
        assert_eq!(beats.len(), 2);
        assert!(pack(&[]).is_empty());
        assert_eq!(pack(&[1]), [Beat { data: 1, keep: 1, last: true }]);
    }

    #[test]
    fn random_stalls_change_nothing() {
        for seed in 0..20 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let tlps: Vec<Vec<u8>> =
                (0..50).map(|_| (0..4 * rng.gen_range(3..40)).map(|_| rng.gen()).collect()).collect();
            let mut source = StreamSource::new(Stall::bursts(0.2, 5), seed);
            tlps.iter().cloned().for_each(|tlp| source.push(tlp));
            let mut sink = StreamSink::new(Stall::bursts(0.2, 9), seed + 1000);
            let mut monitor = StreamMonitor::new("stream");
            let mut got = Vec::new();
            for clock in 0.. {
                assert!(clock < 50_000, "stuck after {} packets", got.len());
                let (beat, ready) = (source.offer(), sink.ready());
                monitor.clock(beat, ready).unwrap();
                source.clock(ready);
                got.extend(sink.clock(beat).unwrap());
                if source.is_empty() {
                    break;
                }
            }
            assert_eq!(got, tlps);
        }
    }

    #[test]
    fn no_stall_means_one_beat_a_clock() {
        let mut source = StreamSource::new(Stall::NONE, 0);
        (0..10).for_each(|_| source.push(vec![0; 20]));
        let clocks = (0..).take_while(|_| !source.is_empty() && (source.offer(), source.clock(true)).0.is_some());
        assert_eq!(clocks.count(), 30);
    }

    #[test]
    fn hold_stops_between_packets_only() {
        let mut source = StreamSource::new(Stall::NONE, 0);
        source.push(vec![0; 16]);
        source.push(vec![0; 16]);
        assert!(source.offer().is_some());
        source.hold(true);
        assert!(!source.clock(true));
        assert!(source.offer().is_some() && source.clock(true));
        assert_eq!(source.offer(), None);
        source.clock(true);
        source.hold(false);
        assert!(source.offer().is_some());
    }

    #[test]
    fn each_rule_is_checked() {
        let m = || StreamMonitor::new("s");
        let other = Beat { data: 2, ..BEAT };
        assert_eq!(rule(&mut m(), &[(Some(BEAT), false), (None, true)]), Some(StreamRule::ValidFell(BEAT)));
        assert_eq!(
            rule(&mut m(), &[(Some(BEAT), false), (Some(other), true)]),
            Some(StreamRule::Changed { was: BEAT, is: other })
        );
        for (keep, last) in [(0x0f, false), (0x7f, true), (0, true)] {
            let bad = Beat { data: 0, keep, last };
            assert_eq!(rule(&mut m(), &[(Some(bad), true)]), Some(StreamRule::Keep { keep, last }));
        }
        let gap = [(Some(BEAT), true), (None, true)];
        assert_eq!(rule(&mut StreamMonitor::gapless("s"), &gap), Some(StreamRule::Gap(1)));
        assert_eq!(rule(&mut m(), &gap), None);
        let end = Beat { keep: 0x0f, last: true, ..BEAT };
        let good = [(Some(BEAT), false), (Some(BEAT), true), (Some(end), true), (None, false), (Some(BEAT), true)];
        assert_eq!(rule(&mut StreamMonitor::gapless("s"), &good), None);
    }
}
