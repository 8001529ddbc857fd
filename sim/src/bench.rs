//! The figures of `docs/performance.md`: how to measure them, and their limits.

mod switch;

use peb_tlp::{FunctionId, RequestId, Tag, Tlp};
use peb_wire::{limit_fraction, tlps_per_frame, HEADER_LEN};
use serde::Serialize;
use thiserror::Error;

use crate::engine::{tunnel_pair, EngineConfig, EngineError};
use crate::net::{clocks_of_ns, FaultConfig};
use crate::run::{PerDirection, Replay, ReplayConfig, Report, TunnelPair};
use crate::trace::{Direction, Record, Trace};

/// Header of the writes in bytes: three dwords, 32-bit address.
const HEADER: usize = 12;
/// Frames of a lossless measurement; those of the first third are not counted.
const FRAMES: usize = 90;
/// Frames of each run with loss.
const LOSSY_FRAMES: usize = 600;
/// Runs with loss whose mean is the figure: one loses some twenty of its frames, and which ones matters by ten percent.
const LOSSY_SEEDS: std::ops::RangeInclusive<u64> = 1..=8;
/// What a [`crate::net::Link`] adds at least.
const LINK_CLOCKS: u64 = 2;
/// Clocks a TLP may take beyond what its transmission takes.
const LATENCY_ALLOWED: u64 = 40;

/// A measured figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The measured value.
    pub value: f64,
    /// Unit of value and limit.
    pub unit: &'static str,
    /// The limit, upper or lower as the figure is.
    pub limit: f64,
    /// Whether the value keeps to the limit.
    pub ok: bool,
}

impl Figure {
    /// A figure that must be at least its limit.
    pub fn at_least(name: String, value: f64, unit: &'static str, limit: f64) -> Self {
        Figure { name, value, unit, limit, ok: value >= limit }
    }

    /// A figure that must be at most its limit.
    pub fn at_most(name: String, value: f64, unit: &'static str, limit: f64) -> Self {
        Figure { name, value, unit, limit, ok: value <= limit }
    }
}

/// Why a figure could not be measured.
#[derive(Debug, Error)]
pub enum BenchError {
    /// There is nothing to measure.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The run that was to be measured went wrong.
    #[error("{name}: {problem}")]
    Run {
        /// The figure.
        name: String,
        /// What went wrong.
        problem: String,
    },
}

/// Measures all figures, giving each as soon as it is there.
pub fn run(mut figure: impl FnMut(Figure)) -> Result<(), BenchError> {
    switch::run(&mut figure)?;
    measure(|| tunnel_pair(&EngineConfig::default()), figure)
}

/// The goodput of a pair without loss: writes of so many bytes, back to back, these ways at once.
pub fn goodput(pair: impl TunnelPair, payload: usize, ways: &[Direction]) -> Result<Figure, BenchError> {
    let direction = if let [one] = ways { one.to_string() } else { "both".into() };
    let name = format!("goodput, writes of {payload} B, {direction}");
    let count = FRAMES * tlps_per_frame(HEADER, payload);
    let report = replay(&name, pair, &writes(payload, count, ways), network(0.0, 20_000, 0))?;
    let slowest = ways.iter().map(|&way| rate(&report, way, payload)).fold(f64::INFINITY, f64::min);
    let percent = 100.0 * slowest / limit_fraction(HEADER, payload);
    Ok(Figure::at_least(name, percent, "%", 98.0))
}

/// Measures all figures of such pairs, giving each as soon as it is there.
pub fn measure<P: TunnelPair>(
    mut pair: impl FnMut() -> Result<P, EngineError>,
    mut figure: impl FnMut(Figure),
) -> Result<(), BenchError> {
    for payload in [64, 128, 256, 512] {
        for ways in [&[Direction::Down][..], &[Direction::Up], &Direction::BOTH] {
            figure(goodput(pair()?, payload, ways)?);
        }
    }
    for payload in [64, 256] {
        let name = format!("latency, write of {payload} B, idle link");
        let limit = latency_floor(payload) + LATENCY_ALLOWED;
        let clocks = latency(&name, &mut pair, payload)?;
        figure(Figure::at_most(name, clocks as f64, "clocks", limit as f64));
    }
    for rtt_ns in [20_000, 200_000] {
        let trace = writes(256, LOSSY_FRAMES * tlps_per_frame(HEADER, 256), &[Direction::Down]);
        let mut rate_of = |name: &str, loss, seed| {
            let report = replay(name, pair()?, &trace, network(loss, rtt_ns, seed))?;
            Ok::<_, BenchError>(rate(&report, Direction::Down, 256))
        };
        let lossless = rate_of(&format!("goodput, no loss, RTT {} us", rtt_ns / 1000), 0.0, 0)?;
        for (loss, limit) in [(0.01, 95.0), (0.05, 85.0)] {
            let name = format!("goodput, {:.0}% loss, RTT {} us, of lossless", loss * 100.0, rtt_ns / 1000);
            let mut sum = 0.0;
            for seed in LOSSY_SEEDS {
                sum += rate_of(&name, loss, seed)?;
            }
            let percent = 100.0 * sum / LOSSY_SEEDS.count() as f64 / lossless;
            figure(Figure::at_least(name, percent, "%", limit));
        }
    }
    Ok(())
}

/// Posted writes with different contents, in these directions.
fn writes(payload: usize, count: usize, ways: &[Direction]) -> Trace {
    let mut trace = Trace::default();
    for n in 0..count {
        for &direction in ways {
            let requester = match direction {
                Direction::Down => FunctionId::new(0, 0, 0),
                Direction::Up => FunctionId::new(1, 0, 0),
            };
            let id = RequestId { requester, tag: Tag((n % 256) as u16) };
            let mut data = vec![0; payload];
            data[..4].copy_from_slice(&(n as u32).to_be_bytes());
            // Naturally aligned, so that no write crosses 4 KiB.
            let address = 0x1000_0000 + (payload * (n % 64)) as u64;
            let tlp = Tlp::memory_write(id, address, &data).expect("a legal write");
            trace.records.push(Record { time_us: 0, direction, tlp: tlp.into_bytes() });
        }
    }
    trace
}

fn network(loss: f64, rtt_ns: u64, seed: u64) -> ReplayConfig {
    let faults = FaultConfig { drop: loss, delay: clocks_of_ns(rtt_ns / 2), ..FaultConfig::default() };
    ReplayConfig { faults: PerDirection::from_fn(|_| faults.clone()), seed, settle: 0, ..ReplayConfig::default() }
}

fn replay(name: &str, pair: impl TunnelPair, trace: &Trace, config: ReplayConfig) -> Result<Report, BenchError> {
    let report = Replay::new(pair, trace, config).run(|_| {});
    match report.problems().into_iter().next() {
        None => Ok(report),
        Some(problem) => Err(BenchError::Run { name: name.into(), problem }),
    }
}

/// Payload bytes a clock after the first third, over whole frames.
fn rate(report: &Report, direction: Direction, payload: usize) -> f64 {
    let at = &report.directions.of(direction).delivered_at;
    let per_frame = tlps_per_frame(HEADER, payload);
    let last = at.len() - 1;
    let tlps = last * 2 / 3 / per_frame * per_frame;
    (tlps * payload) as f64 / (at[last] - at[last - tlps]) as f64
}

/// Clocks from the first beat in to the last beat out: the median of some writes, each alone on an idle link.
fn latency<P: TunnelPair>(
    name: &str,
    pair: &mut impl FnMut() -> Result<P, EngineError>,
    payload: usize,
) -> Result<u64, BenchError> {
    let mut clocks = Vec::new();
    for attempt in 0..5 {
        let idle = 2000 + 317 * attempt;
        let config = ReplayConfig { idle, settle: 0, ..ReplayConfig::default() };
        let report = replay(name, pair()?, &writes(payload, 1, &[Direction::Down]), config)?;
        clocks.extend(report.directions.down.clocks());
    }
    clocks.sort_unstable();
    Ok(clocks[clocks.len() / 2].saturating_sub(LINK_CLOCKS))
}

/// Clocks a write cannot do without: its frame on the wire, with preamble, tag and FCS, and its beats.
fn latency_floor(payload: usize) -> u64 {
    let octets = 8 + 14 + 4 + HEADER_LEN + HEADER + payload + 4;
    (octets + (HEADER + payload).div_ceil(8)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::fake::FakePair;

    /// The pair of the tests puts each write into a frame of its own with 18 octets of header and FCS.
    #[test]
    fn a_pair_with_a_known_rate_is_measured_right() {
        let mut figures = Vec::new();
        let result = measure(|| Ok(FakePair::default()), |figure| figures.push(figure));
        // It sends nothing again, so that the first measurement with loss fails.
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("goodput, 1% loss, RTT 20 us, of lossless: "), "{error}");
        let names: Vec<&str> = figures.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names.len(), 14);
        assert_eq!(names[..3], ["down", "up", "both"].map(|d| format!("goodput, writes of 64 B, {d}")));
        for figure in &figures[..12] {
            let payload = figure.name.split(' ').nth(3).unwrap().parse::<f64>().unwrap();
            let expected =
                100.0 * payload / (payload + 12.0 + 2.0 + 18.0 + 20.0) / limit_fraction(HEADER, payload as usize);
            assert!((figure.value - expected).abs() < 0.5, "{figure:?}, expected {expected}");
            assert_eq!((figure.ok, figure.limit), (expected > 98.0, 98.0));
        }
        // It waits for the whole write, then for the whole frame: the beats in, the frame, the beats out.
        for (figure, payload) in figures[12..].iter().zip([64, 256]) {
            let beats = (12usize + payload).div_ceil(8);
            let floor = latency_floor(payload) as f64;
            assert_eq!(figure.limit, floor + 40.0);
            assert!((figure.value - (2 * beats + 8 + 12 + 2 + 18 + payload) as f64).abs() < 6.0, "{figure:?}");
        }
    }

    #[test]
    fn limits_have_a_side() {
        let figure = |f: fn(String, f64, &'static str, f64) -> Figure, value| f(String::new(), value, "%", 98.0).ok;
        assert!(figure(Figure::at_least, 98.0) && !figure(Figure::at_least, 97.9));
        assert!(figure(Figure::at_most, 98.0) && !figure(Figure::at_most, 98.1));
    }
}
