//! Replays a trace through two PEBs, open loop: each TLP is offered as soon as the one before it was taken.

use std::collections::VecDeque;

use peb_tlp::{Class, FmtType, OrderChecker};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pins::{Pair, PebIn, PebOut, Side, TunnelPair};
use super::report::{floor, DirectionReport, Failure, PerDirection, Report, Stuck};
use crate::garbage::malformed_tlp;
use crate::net::{FaultConfig, Gmii, Link, PcapTap, PcapWriter};
use crate::stream::{Stall, StreamMonitor, StreamSink, StreamSource};
use crate::trace::{Direction, Trace};

/// Clocks between two calls of the progress function.
const PROGRESS_CLOCKS: u64 = 256;
/// Clocks after `pcie_tx_np_ok` fell in which a non-posted TLP may still start.
const NP_LATE: u64 = 2;

/// How to replay.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// What the network does, each way.
    pub faults: PerDirection<FaultConfig>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Pauses of the TLPs that go in.
    pub source_stall: Stall,
    /// Back-pressure on the TLPs that come out.
    pub sink_stall: Stall,
    /// Pauses of `pcie_tx_np_ok`.
    pub np_stall: Stall,
    /// Probability that a malformed packet is put before a TLP. 0 to 1.
    pub malformed: f64,
    /// Clocks to wait after the PEBs have found each other before the first TLP is offered.
    pub idle: u64,
    /// Clocks without a beat taken or delivered after which the run is given up.
    pub patience: u64,
    /// Clocks to go on after the last delivery, so that late duplicates are seen.
    pub settle: u64,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        ReplayConfig {
            faults: PerDirection::default(),
            seed: 1,
            source_stall: Stall::NONE,
            sink_stall: Stall::NONE,
            np_stall: Stall::NONE,
            malformed: 0.0,
            idle: 0,
            patience: 400_000,
            settle: 4_000,
        }
    }
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Clocks so far.
    pub clock: u64,
    /// TLPs delivered, both ways.
    pub delivered: u64,
    /// TLPs of the trace.
    pub total: u64,
    /// Frames lost, both ways.
    pub lost: u64,
}

/// The PCIe side of one PEB: offers the TLPs of one direction, takes those of the other.
struct Port {
    source: StreamSource,
    /// For each packet not yet taken: whether it is a TLP of the trace.
    genuine: VecDeque<bool>,
    sink: StreamSink,
    monitor: StreamMonitor,
    np: NpOk,
    /// `pcie_rx_np_ok` of the clock before.
    may_start_np: bool,
}

/// `pcie_tx_np_ok` with random pauses, and the check that it is obeyed.
struct NpOk {
    /// Only its readiness is used.
    pauses: StreamSink,
    low_for: u64,
    inside: bool,
}

/// One direction, from the PCIe side of one PEB to that of the other.
struct Way {
    tlps: Vec<Vec<u8>>,
    checker: OrderChecker,
    link: Link,
    wire: Gmii,
    report: DirectionReport,
}

/// A replay in progress.
pub struct Replay<P> {
    pair: P,
    config: ReplayConfig,
    ports: Pair<Port>,
    ways: PerDirection<Way>,
    pcap: Option<(PcapWriter, [PcapTap; 2])>,
    clock: u64,
    up: Option<u64>,
    last_move: u64,
    last_out: Pair<PebOut>,
}

impl<P: TunnelPair> Replay<P> {
    /// Prepares the replay of a trace.
    pub fn new(pair: P, trace: &Trace, config: ReplayConfig) -> Self {
        let way = |direction: Direction| {
            let tlps: Vec<Vec<u8>> = trace.going(direction).map(<[u8]>::to_vec).collect();
            let report = DirectionReport { planned: tlps.len() as u64, ..DirectionReport::default() };
            let link = Link::new(config.faults.of(direction).clone(), seed(&config, direction as u64));
            Way { tlps, checker: OrderChecker::new(), link, wire: Gmii::IDLE, report }
        };
        let ways = PerDirection::from_fn(way);
        let port = |side: Side| {
            let mut source = StreamSource::new(config.source_stall, seed(&config, 2 + side as u64));
            let mut genuine = VecDeque::new();
            let mut rng = ChaCha8Rng::seed_from_u64(seed(&config, 8 + side as u64));
            for tlp in &ways.of(sends(side)).tlps {
                if rng.gen_bool(config.malformed.clamp(0.0, 1.0)) {
                    source.push(malformed_tlp(&mut rng, tlp));
                    genuine.push_back(false);
                }
                source.push(tlp.clone());
                genuine.push_back(true);
            }
            Port {
                source,
                genuine,
                sink: StreamSink::new(config.sink_stall, seed(&config, 4 + side as u64)),
                monitor: StreamMonitor::gapless(&format!("{side}.pcie_tx")),
                np: NpOk {
                    pauses: StreamSink::new(config.np_stall, seed(&config, 6 + side as u64)),
                    low_for: 0,
                    inside: false,
                },
                may_start_np: false,
            }
        };
        let ports = Pair { host: port(Side::Host), io: port(Side::Io) };
        Replay { pair, ports, ways, config, pcap: None, clock: 0, up: None, last_move: 0, last_out: Pair::default() }
    }

    /// Captures the frames at the host PEB: those it sends and those that reach it.
    pub fn capture(&mut self, pcap: PcapWriter) {
        self.pcap = Some((pcap, Default::default()));
    }

    /// Runs to the end or to the first failure. `progress` is called now and then.
    pub fn run(mut self, mut progress: impl FnMut(Progress)) -> Report {
        let mut done_since = None;
        let mut failure = loop {
            if let Err(failure) = self.step() {
                break Some(failure);
            }
            if self.clock % PROGRESS_CLOCKS == 0 {
                progress(self.progress());
            }
            if self.is_done() {
                let since = *done_since.get_or_insert(self.clock);
                if self.clock >= since + self.config.settle {
                    break None;
                }
            } else if self.clock.saturating_sub(self.last_move) > self.config.patience {
                break Some(self.stuck().into());
            }
        };
        progress(self.progress());
        if let Some((pcap, _)) = self.pcap.take() {
            failure = failure.or(pcap.finish().err().map(Failure::from));
        }
        self.report(failure)
    }

    /// One clock.
    fn step(&mut self) -> Result<(), Failure> {
        let running = self.up.is_some_and(|up| self.clock > up + self.config.idle);
        let PerDirection { down, up } = &self.ways;
        let inputs =
            Pair { host: self.ports.host.inputs(running, up.wire), io: self.ports.io.inputs(running, down.wire) };
        let out = self.pair.clock(&inputs);
        let now = self.clock;
        self.clock += 1;
        if self.up.is_none() && out.host.peer_up && out.io.peer_up {
            self.up = Some(now);
            self.last_move = now + self.config.idle;
        }
        for (side, inputs, out) in [(Side::Host, inputs.host, out.host), (Side::Io, inputs.io, out.io)] {
            self.pcie(now, side, &inputs, &out)?;
            self.ethernet(now, side, &out)?;
        }
        self.last_out = out;
        Ok(())
    }

    fn pcie(&mut self, now: u64, side: Side, inputs: &PebIn, out: &PebOut) -> Result<(), Failure> {
        if out.fatal {
            return Err(Failure::Fatal { side, clock: now });
        }
        let port = match side {
            Side::Host => &mut self.ports.host,
            Side::Io => &mut self.ports.io,
        };
        port.monitor.clock(out.pcie_tx, inputs.pcie_tx_ready)?;
        port.np.check(now, side, inputs, out)?;
        let taken = inputs.pcie_rx.is_some() && out.pcie_rx_ready;
        let given = out.pcie_tx.is_some() && inputs.pcie_tx_ready;
        if taken || given {
            self.last_move = now;
        }
        let way = self.ways.of_mut(sends(side));
        if inputs.pcie_rx.is_some() {
            way.report.begin.get_or_insert(now);
        }
        if port.source.clock(out.pcie_rx_ready) {
            if port.genuine.pop_front().unwrap_or(true) {
                let tlp = &way.tlps[way.checker.report().sent as usize];
                way.report.bytes_sent += tlp.len() as u64;
                way.checker.sent(tlp).expect("the trace has been checked");
            } else {
                way.report.malformed += 1;
            }
        }
        port.may_start_np = out.pcie_rx_np_ok;
        if let Some(tlp) = port.sink.clock(out.pcie_tx)? {
            let way = self.ways.of_mut(takes(side));
            way.report.bytes_delivered += tlp.len() as u64;
            way.report.delivered_at.push(now);
            way.checker.delivered(&tlp);
        }
        Ok(())
    }

    fn ethernet(&mut self, now: u64, side: Side, out: &PebOut) -> Result<(), Failure> {
        let way = self.ways.of_mut(sends(side));
        way.wire = way.link.clock(out.gmii_tx);
        let wire = way.wire;
        if let Some((clock, fault)) = way.link.last_fault() {
            return Err(Failure::Gmii { side, clock, fault });
        }
        if let Some((pcap, [sent, received])) = &mut self.pcap {
            match side {
                Side::Host => sent.clock(now, out.gmii_tx, pcap)?,
                Side::Io => received.clock(now, wire, pcap)?,
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.ports.each().iter().all(|(_, port)| port.source.is_empty() && !port.sink.inside_packet())
            && self.ways.each().iter().all(|(_, way)| way.checker.report().missing == 0)
    }

    fn progress(&self) -> Progress {
        let sum = |f: fn(&Way) -> u64| self.ways.each().iter().map(|(_, way)| f(way)).sum();
        Progress {
            clock: self.clock,
            delivered: sum(|way| way.checker.report().delivered),
            total: sum(|way| way.report.planned),
            lost: sum(|way| way.link.counters().dropped),
        }
    }

    /// Says what waits for what.
    fn stuck(&self) -> Stuck {
        let mut waits = Vec::new();
        for (side, out) in self.last_out.each() {
            if !out.peer_up {
                waits.push(format!("{side} has not found its peer"));
            }
        }
        for (side, port) in self.ports.each() {
            let way = self.ways.of(sends(side));
            let order = way.checker.report();
            if !port.source.is_empty() {
                let why = if port.source.inside_packet() {
                    "offered, pcie_rx_tready is 0"
                } else if !port.may_start_np {
                    "non-posted, pcie_rx_np_ok is 0"
                } else {
                    "not started"
                };
                waits.push(format!("{side}.pcie_rx: TLP {} of {} {why}", order.sent + 1, way.report.planned));
            }
            if let Some((place, tlp)) = way.checker.missing().first() {
                let name = tlp.first().and_then(|&b| FmtType::parse(b).ok()).map_or("?", FmtType::name);
                waits.push(format!(
                    "{}: {} of {} TLPs sent not delivered, the first is TLP {} ({name}, {} bytes)",
                    sends(side),
                    order.missing,
                    order.sent,
                    place + 1,
                    tlp.len()
                ));
            }
            if port.sink.inside_packet() {
                waits.push(format!("{side}.pcie_tx stopped inside a TLP"));
            }
        }
        Stuck { clock: self.clock, idle: self.clock - self.last_move, waits }
    }

    fn report(mut self, failure: Option<Failure>) -> Report {
        let lossy = self.config.faults.each().iter().any(|(_, faults)| faults.drop > 0.0);
        let directions = self.ways.map(|way| {
            let order = way.checker.report();
            DirectionReport {
                order,
                floor: floor(way.tlps.iter().take(order.sent as usize).map(Vec::len)),
                link: way.link.counters(),
                anomalies: way.checker.anomalies().iter().map(ToString::to_string).collect(),
                ..way.report.clone()
            }
        });
        Report {
            seed: self.config.seed,
            clocks: self.clock,
            up: self.up,
            directions,
            counters: self.pair.counters(),
            failure,
            lossy,
        }
    }
}

impl Port {
    fn inputs(&mut self, running: bool, gmii_rx: Gmii) -> PebIn {
        let np = self.source.next_packet().is_some_and(is_non_posted);
        self.source.hold(!running || (np && !self.may_start_np));
        PebIn {
            pcie_rx: self.source.offer(),
            pcie_tx_ready: self.sink.ready(),
            pcie_tx_np_ok: self.np.pauses.ready(),
            gmii_rx,
        }
    }
}

impl NpOk {
    fn check(&mut self, now: u64, side: Side, inputs: &PebIn, out: &PebOut) -> Result<(), Failure> {
        let late = self.low_for;
        self.low_for = if inputs.pcie_tx_np_ok { 0 } else { self.low_for + 1 };
        // Its only output, packets, never comes, for nothing is offered to it.
        let _ = self.pauses.clock(None);
        let Some(beat) = out.pcie_tx else { return Ok(()) };
        let starts = !std::mem::replace(&mut self.inside, !(beat.last && inputs.pcie_tx_ready));
        let non_posted = is_non_posted(&beat.data.to_le_bytes());
        if starts && non_posted && !inputs.pcie_tx_np_ok && late > NP_LATE {
            return Err(Failure::NonPosted { side, clock: now, late });
        }
        Ok(())
    }
}

fn is_non_posted(tlp: &[u8]) -> bool {
    tlp.first().and_then(|&byte0| FmtType::parse(byte0).ok()).is_some_and(|ft| ft.class() == Class::NonPosted)
}

/// Direction of the TLPs that go into a PEB's PCIe side.
fn sends(side: Side) -> Direction {
    match side {
        Side::Host => Direction::Down,
        Side::Io => Direction::Up,
    }
}

/// Direction of the TLPs that come out of a PEB's PCIe side.
fn takes(side: Side) -> Direction {
    match side {
        Side::Host => Direction::Up,
        Side::Io => Direction::Down,
    }
}

/// Independent seeds for the parts of a run.
fn seed(config: &ReplayConfig, part: u64) -> u64 {
    config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(part)
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
