//! The link partner of a PEB: what a root port or a device has at the PEB's PCIe pins.
//!
//! It starts TLPs in the order they were queued, but lets posted requests and completions pass non-posted ones that
//! `pcie_rx_np_ok` holds up, as a PCIe transmitter without credit does (PCIe 2.4.1). It takes TLPs with random
//! back-pressure and watches the rules of the pins.

use std::collections::VecDeque;

use peb_tlp::{Class, FmtType, Tlp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use crate::stream::{Beat, Stall, StreamFault, StreamMonitor, StreamSink, StreamSource, Unpacker};

/// Clocks after `pcie_tx_np_ok` fell in which a non-posted TLP may still start.
const NP_LATE: u64 = 2;

/// PCIe pins of a PEB that its link partner drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortIn {
    /// `pcie_rx_t*`: the beat offered, if `tvalid`.
    pub rx: Option<Beat>,
    /// `pcie_tx_tready`.
    pub tx_ready: bool,
    /// `pcie_tx_np_ok`.
    pub tx_np_ok: bool,
}

/// PCIe pins of a PEB that the PEB drives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortOut {
    /// `pcie_rx_tready`.
    pub rx_ready: bool,
    /// `pcie_rx_np_ok`.
    pub rx_np_ok: bool,
    /// `pcie_tx_t*`: the beat offered, if `tvalid`.
    pub tx: Option<Beat>,
}

/// Pauses of a link partner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PortStalls {
    /// Of the TLPs it sends.
    pub source: Stall,
    /// Of its readiness.
    pub sink: Stall,
    /// Of its `np_ok`.
    pub np: Stall,
}

impl PortStalls {
    /// Never pauses.
    pub const NONE: PortStalls = PortStalls { source: Stall::NONE, sink: Stall::NONE, np: Stall::NONE };

    /// Pauses of some clocks, now and then, of everything.
    pub fn random() -> Self {
        PortStalls { source: Stall::bursts(0.1, 8), sink: Stall::bursts(0.1, 8), np: Stall::bursts(0.02, 40) }
    }
}

/// What a PEB did wrong at its PCIe pins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PortFault {
    /// A rule of the stream.
    #[error(transparent)]
    Stream(#[from] StreamFault),
    /// A non-posted TLP began too late.
    #[error("{name}: a non-posted TLP began {late} clocks after np_ok fell, {NP_LATE} allowed")]
    NonPosted {
        /// Name of the port.
        name: String,
        /// How late.
        late: u64,
    },
}

/// What passed in a clock: whole TLPs, by their last beat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Taken by the PEB.
    pub sent: Option<Vec<u8>>,
    /// Given by the PEB.
    pub received: Option<Vec<u8>>,
    /// What the PEB did wrong.
    pub fault: Option<PortFault>,
}

/// What has passed at a link partner that does nothing of itself: whole packets, in the order in which they ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bare {
    /// Taken by the PEB.
    pub sent: VecDeque<Vec<u8>>,
    /// Given by the PEB.
    pub received: VecDeque<Vec<u8>>,
}

impl Bare {
    /// Notes what passed in a clock.
    pub fn note(&mut self, passed: &Passed) {
        self.sent.extend(passed.sent.clone());
        self.received.extend(passed.received.clone());
    }
}

/// Beats that keep no rule: any bytes, any `tkeep`, `tvalid` withdrawn.
#[derive(Debug)]
struct Noise {
    clocks: u32,
    rng: ChaCha8Rng,
    offered: Option<Beat>,
    /// Of the packet that has begun: its bytes, and whether each `tkeep` was one that is allowed there.
    bytes: Vec<u8>,
    odd: bool,
    midway: bool,
}

impl Noise {
    fn over(&self) -> bool {
        self.clocks == 0 && !self.midway
    }

    fn offer(&mut self) -> Option<Beat> {
        let end = self.clocks == 0;
        self.clocks = self.clocks.saturating_sub(1);
        let keep = [0xff, 0xff, 0x0f, self.rng.gen()][self.rng.gen_range(0..4)];
        // A packet that has begun ends with the noise.
        let last = end || self.rng.gen_ratio(1, 4);
        let beat = Beat { data: self.rng.gen(), keep, last };
        self.offered = (end || self.rng.gen_ratio(3, 4)).then_some(beat);
        self.offered
    }

    /// The packet that ended; none of its bytes if a `tkeep` was odd.
    fn clock(&mut self, ready: bool) -> Option<Vec<u8>> {
        let beat = self.offered.take().filter(|_| ready)?;
        self.odd |= beat.keep != 0xff && !(beat.last && beat.keep == 0x0f);
        let bytes = if beat.keep == 0x0f { 4 } else { 8 };
        self.bytes.extend_from_slice(&beat.data.to_le_bytes()[..bytes]);
        self.midway = !beat.last;
        let packet = beat.last.then(|| std::mem::take(&mut self.bytes))?;
        Some(if std::mem::take(&mut self.odd) { Vec::new() } else { packet })
    }
}

/// One link partner.
#[derive(Debug)]
pub struct PciePort {
    name: String,
    up: bool,
    stalls: PortStalls,
    seed: u64,
    /// TLPs with their place in the order queued.
    ordered: VecDeque<(u64, Vec<u8>)>,
    non_posted: VecDeque<(u64, Vec<u8>)>,
    queued: u64,
    source: StreamSource,
    /// Place and bytes of the TLP in the source.
    staged: Option<(u64, Vec<u8>)>,
    may_start_np: bool,
    /// Only its readiness is used.
    pauses: StreamSink,
    unpacker: Unpacker,
    monitor: StreamMonitor,
    np_pauses: StreamSink,
    np_low_for: u64,
    inside: bool,
    driven: PortIn,
    noise: Option<Noise>,
}

impl PciePort {
    /// A port whose link is up and idle.
    pub fn new(name: &str, stalls: PortStalls, seed: u64) -> Self {
        PciePort {
            name: name.into(),
            up: true,
            stalls,
            seed,
            ordered: VecDeque::new(),
            non_posted: VecDeque::new(),
            queued: 0,
            source: StreamSource::new(stalls.source, seed),
            staged: None,
            may_start_np: false,
            pauses: StreamSink::new(stalls.sink, seed.wrapping_add(1)),
            unpacker: Unpacker::default(),
            monitor: StreamMonitor::gapless(name),
            np_pauses: StreamSink::new(stalls.np, seed.wrapping_add(2)),
            np_low_for: 0,
            inside: false,
            driven: PortIn::default(),
            noise: None,
        }
    }

    /// Drives noise for some clocks as soon as the packet that has begun is taken. What of it the PEB takes is given as packets that
    /// were sent, without their bytes if a `tkeep` was odd.
    pub fn make_noise(&mut self, clocks: u32) {
        let rng = ChaCha8Rng::seed_from_u64(self.seed ^ self.queued);
        self.queued += 1;
        self.noise = Some(Noise { clocks, rng, offered: None, bytes: Vec::new(), odd: false, midway: false });
    }

    /// Queues a TLP. Lost if the link is down.
    pub fn send(&mut self, tlp: Tlp) {
        self.send_bytes(tlp.into_bytes());
    }

    /// Queues the bytes of a packet, well formed or not; if its class cannot be told it goes with the posted ones.
    pub fn send_bytes(&mut self, tlp: Vec<u8>) {
        if !self.up || tlp.is_empty() {
            return;
        }
        let queue = if is_non_posted(&tlp) { &mut self.non_posted } else { &mut self.ordered };
        queue.push_back((self.queued, tlp));
        self.queued += 1;
    }

    /// TLPs that are queued or not completely taken.
    pub fn pending(&self) -> usize {
        self.ordered.len() + self.non_posted.len() + usize::from(self.staged.is_some())
    }

    /// Posted requests that have not begun.
    pub fn posted(&self) -> usize {
        let posted = |tlp: &[u8]| FmtType::parse(tlp[0]).is_ok_and(|ft| ft.class() == Class::Posted);
        self.ordered.iter().filter(|(_, tlp)| posted(tlp)).count()
    }

    /// Whether everything queued has been taken.
    pub fn is_empty(&self) -> bool {
        self.pending() == 0
    }

    /// Brings the link up or down. Down: what is queued is lost, also in the middle of a TLP; nobody looks at what comes. What comes when it is up
    /// again begins a TLP.
    pub fn set_link(&mut self, up: bool) {
        if self.up && !up {
            self.ordered.clear();
            self.non_posted.clear();
            self.staged = None;
            self.noise = None;
            self.seed = self.seed.wrapping_add(3);
            self.source = StreamSource::new(self.stalls.source, self.seed);
            // A beat that was offered need not stand any longer, nor what has begun be finished.
            self.monitor.reset();
            self.unpacker = Unpacker::default();
            (self.inside, self.np_low_for) = (false, 0);
        }
        self.up = up;
    }

    /// Forgets the part of a TLP that has been received: for the end of a link that was cut in the middle of one.
    #[cfg(any(test, feature = "stand-in"))]
    pub(crate) fn forget_part(&mut self) {
        self.unpacker = Unpacker::default();
        self.monitor.reset();
    }

    /// Holds `np_ok` down, or lets it go.
    pub fn hold_np(&mut self, hold: bool) {
        let stall = if hold { Stall { probability: 1.0, longest: 1 } } else { self.stalls.np };
        self.np_pauses = StreamSink::new(stall, self.seed);
    }

    /// What the link partner drives in this clock.
    pub fn pins(&mut self) -> PortIn {
        self.noise = self.noise.take().filter(|noise| !noise.over());
        let quiet = self.staged.is_none() && !self.source.inside_packet();
        let noise = self.noise.as_mut().filter(|_| quiet).map(Noise::offer);
        if noise.is_none() && (self.noise.is_none() || !quiet) {
            self.stage();
        }
        self.driven = PortIn {
            rx: noise.unwrap_or_else(|| self.source.offer()),
            tx_ready: !self.up || self.pauses.ready(),
            tx_np_ok: !self.up || self.np_pauses.ready(),
        };
        self.driven
    }

    /// Ends the clock with what the PEB drove in it. A fault changes nothing else.
    pub fn clock(&mut self, out: &PortOut) -> Passed {
        let noise = self.noise.as_mut().and_then(|noise| noise.clock(out.rx_ready));
        let sent = if self.source.clock(out.rx_ready) { self.staged.take().map(|(_, tlp)| tlp) } else { noise };
        self.may_start_np = out.rx_np_ok;
        // Their only output, packets, never comes, for nothing is offered to them.
        let _ = (self.pauses.clock(None), self.np_pauses.clock(None));
        let ready = self.driven.tx_ready;
        if !self.up {
            return Passed { sent, ..Passed::default() };
        }
        let mut fault = self.monitor.clock(out.tx, ready).err().map(PortFault::from);
        fault = fault.or(self.np_fault(out.tx));
        // A beat of an illegal size is a fault of the monitor's as well.
        let received = out.tx.filter(|_| ready).and_then(|beat| self.unpacker.push(beat).ok().flatten());
        Passed { sent, received, fault }
    }

    /// Puts the TLP that may start next into the source.
    fn stage(&mut self) {
        if self.source.inside_packet() {
            return;
        }
        let blocked = |tlp: &[u8]| is_non_posted(tlp) && !self.may_start_np;
        if self.staged.as_ref().is_some_and(|(_, tlp)| blocked(tlp)) {
            self.source.take_back();
            self.non_posted.extend(self.staged.take());
            self.non_posted.rotate_right(1);
        }
        if self.staged.is_some() {
            return;
        }
        let place = |queue: &VecDeque<(u64, Vec<u8>)>| queue.front().map_or(u64::MAX, |&(place, _)| place);
        let np_first = place(&self.non_posted) < place(&self.ordered) && self.may_start_np;
        let queue = if np_first { &mut self.non_posted } else { &mut self.ordered };
        self.staged = queue.pop_front();
        if let Some((_, tlp)) = &self.staged {
            self.source.push(tlp.clone());
        }
    }

    fn np_fault(&mut self, tx: Option<Beat>) -> Option<PortFault> {
        let late = self.np_low_for;
        self.np_low_for = if self.driven.tx_np_ok { 0 } else { late + 1 };
        let beat = tx?;
        let starts = !std::mem::replace(&mut self.inside, !(beat.last && self.driven.tx_ready));
        let wrong = starts && is_non_posted(&beat.data.to_le_bytes()) && !self.driven.tx_np_ok && late > NP_LATE;
        wrong.then(|| PortFault::NonPosted { name: self.name.clone(), late })
    }
}

fn is_non_posted(tlp: &[u8]) -> bool {
    tlp.first().and_then(|&byte0| FmtType::parse(byte0).ok()).is_some_and(|ft| ft.class() == Class::NonPosted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use peb_tlp::RequestId;

    fn read(n: u64) -> Tlp {
        Tlp::memory_read(RequestId::default(), 0x1000 + 4 * n, 4).unwrap()
    }

    fn write(n: u64) -> Tlp {
        Tlp::memory_write(RequestId::default(), 0x1000 + 4 * n, &[n as u8; 4]).unwrap()
    }

    fn sent(port: &mut PciePort, clocks: usize, np_ok: bool) -> Vec<Vec<u8>> {
        let mut run = |_| {
            port.pins();
            port.clock(&PortOut { rx_ready: true, rx_np_ok: np_ok, tx: None }).sent
        };
        (0..clocks).filter_map(&mut run).collect()
    }

    #[test]
    fn posted_pass_blocked_non_posted_and_no_non_posted_passes_a_posted() {
        let mut port = PciePort::new("port", PortStalls::NONE, 1);
        for tlp in [write(0), read(1), write(2), read(3), read(4)] {
            port.send(tlp);
        }
        let bytes = |tlps: &[Tlp]| tlps.iter().map(|tlp| tlp.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(sent(&mut port, 30, false), bytes(&[write(0), write(2)]));
        port.send(write(5));
        // np_ok is seen one clock later, so the write goes first.
        assert_eq!(sent(&mut port, 30, true), bytes(&[write(5), read(1), read(3), read(4)]));
        for tlp in [read(6), write(7), read(8)] {
            port.send(tlp);
        }
        assert_eq!(sent(&mut port, 30, true), bytes(&[read(6), write(7), read(8)]));
        assert!(port.is_empty());
    }

    #[test]
    fn a_link_that_is_down_loses_everything() {
        let mut port = PciePort::new("port", PortStalls::NONE, 1);
        port.send(write(0));
        port.pins();
        port.set_link(false);
        assert_eq!(port.pins().rx, None);
        port.send(write(1));
        assert!(port.is_empty());
        port.set_link(true);
        port.send(write(2));
        assert_eq!(sent(&mut port, 10, true), [write(2).into_bytes()]);
    }

    #[test]
    fn a_late_non_posted_is_a_fault() {
        let mut port = PciePort::new("port", PortStalls::NONE, 1);
        port.hold_np(true);
        let beat = crate::stream::pack(read(0).as_bytes())[0];
        let mut clocks = (0..6).map(|n| {
            assert!(!port.pins().tx_np_ok);
            port.clock(&PortOut { tx: (n == 5).then_some(beat), ..PortOut::default() })
        });
        assert!(clocks.by_ref().take(5).all(|clock| clock.fault.is_none()));
        let fault = clocks.next().and_then(|clock| clock.fault);
        assert!(matches!(fault, Some(PortFault::NonPosted { late: 5, .. })));
    }
}
