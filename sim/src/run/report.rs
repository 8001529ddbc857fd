//! What came of a replay.

use std::fmt;
use std::io;

use peb_tlp::OrderReport;
use peb_wire::{MAX_RECORDS, OVERHEAD};
use serde::Serialize;
use thiserror::Error;

use super::pins::{Pair, PebCounters, Side};
use crate::net::{GmiiFault, LinkCounters};
use crate::stream::StreamFault;
use crate::trace::Direction;

/// The same thing of both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerDirection<T> {
    /// From the host to the device.
    pub down: T,
    /// From the device to the host.
    pub up: T,
}

impl<T> PerDirection<T> {
    /// Makes both.
    pub fn from_fn(mut f: impl FnMut(Direction) -> T) -> Self {
        PerDirection { down: f(Direction::Down), up: f(Direction::Up) }
    }

    /// One of the two.
    pub fn of(&self, direction: Direction) -> &T {
        match direction {
            Direction::Down => &self.down,
            Direction::Up => &self.up,
        }
    }

    /// One of the two, to change it.
    pub fn of_mut(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Down => &mut self.down,
            Direction::Up => &mut self.up,
        }
    }

    /// Both, down first.
    pub fn each(&self) -> [(Direction, &T); 2] {
        Direction::BOTH.map(|direction| (direction, self.of(direction)))
    }

    /// Another thing of each.
    pub fn map<U>(&self, mut f: impl FnMut(&T) -> U) -> PerDirection<U> {
        PerDirection::from_fn(|direction| f(self.of(direction)))
    }
}

/// One direction of a replay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DirectionReport {
    /// TLPs of the trace that go this way.
    pub planned: u64,
    /// What was sent and what came out.
    pub order: OrderReport,
    /// Bytes of the TLPs sent, and of those delivered.
    pub bytes_sent: u64,
    /// Bytes delivered.
    pub bytes_delivered: u64,
    /// Clock in which the first TLP was offered.
    pub begin: Option<u64>,
    /// Clocks in which TLPs came out: of the last beat of each.
    pub delivered_at: Vec<u64>,
    /// Fewest clocks the Ethernet needs for the TLPs sent: full frames, back to back.
    pub floor: u64,
    /// Malformed packets offered and taken besides, which must not come out.
    pub malformed: u64,
    /// What happened on the link.
    pub link: LinkCounters,
    /// The first wrong deliveries, as text.
    pub anomalies: Vec<String>,
}

impl DirectionReport {
    /// Clocks from the first TLP offered to the last one delivered.
    pub fn clocks(&self) -> Option<u64> {
        Some(self.delivered_at.last()?.checked_sub(self.begin?)?.max(1))
    }

    /// Part of the Ethernet's limit that was reached, 0 to 1.
    pub fn goodput(&self) -> Option<f64> {
        Some(self.floor as f64 / self.clocks()? as f64)
    }

    /// TLP bytes delivered, in Mbit/s.
    pub fn mbit_per_second(&self) -> Option<f64> {
        Some(self.bytes_delivered as f64 * 1000.0 / self.clocks()? as f64)
    }
}

/// Fewest clocks an Ethernet of one octet a clock needs for TLPs of these lengths, in this order.
pub(super) fn floor(lengths: impl Iterator<Item = usize>) -> u64 {
    let mut octets = 0;
    let mut records = 0;
    for length in lengths {
        if octets == 0 || records + length > MAX_RECORDS {
            octets += OVERHEAD as u64;
            records = 0;
        }
        records += length;
        octets += length as u64;
    }
    octets
}

/// Why a replay was stopped.
#[derive(Debug, Error)]
pub enum Failure {
    /// A stream that leaves a PEB broke a rule.
    #[error(transparent)]
    Stream(#[from] StreamFault),
    /// A PEB started a non-posted TLP although it must not.
    #[error("{side}.pcie_tx, clock {clock}: non-posted TLP started {late} clocks after np_ok fell, 2 allowed")]
    NonPosted {
        /// Where.
        side: Side,
        /// When.
        clock: u64,
        /// Clocks since `np_ok` fell.
        late: u64,
    },
    /// A PEB broke a rule of Ethernet.
    #[error("{side}.gmii_tx, clock {clock}: {fault}")]
    Gmii {
        /// Where.
        side: Side,
        /// When.
        clock: u64,
        /// What.
        fault: GmiiFault,
    },
    /// `stat_fatal` rose.
    #[error("{side}, clock {clock}: stat_fatal rose")]
    Fatal {
        /// Where.
        side: Side,
        /// When.
        clock: u64,
    },
    /// Nothing moved for long.
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// The capture could not be written.
    #[error("capture: {0}")]
    Capture(#[from] io::Error),
}

/// Nothing moved for long.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Stuck {
    /// When this was found.
    pub clock: u64,
    /// For how many clocks no beat had been taken or delivered.
    pub idle: u64,
    /// What waits for what.
    pub waits: Vec<String>,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clock {}: no progress for {} clocks: {}", self.clock, self.idle, self.waits.join("; "))
    }
}

/// What came of a replay.
#[derive(Debug)]
pub struct Report {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Clocks simulated.
    pub clocks: u64,
    /// Clock in which both PEBs had found each other.
    pub up: Option<u64>,
    /// Each direction.
    pub directions: PerDirection<DirectionReport>,
    /// What the PEBs counted.
    pub counters: Pair<PebCounters>,
    /// Why it was stopped, if it was.
    pub failure: Option<Failure>,
    /// Whether loss was asked for.
    pub lossy: bool,
}

impl Report {
    /// Frames sent again, both PEBs.
    pub fn retransmissions(&self) -> u64 {
        self.counters.host.retransmitted + self.counters.io.retransmitted
    }

    /// Everything that keeps this from being a success: each TLP once, equal, in order, and the faults asked for were
    /// really met.
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.failure.iter().map(|f| f.to_string()).collect();
        for (direction, report) in self.directions.each() {
            let order = report.order;
            let counts = [
                (report.planned - order.sent, "not sent"),
                (order.missing, "missing"),
                (order.duplicated, "duplicated"),
                (order.reordered, "out of order"),
                (order.corrupted, "corrupted"),
            ];
            let wrong = counts.iter().filter(|(n, _)| *n > 0);
            problems.extend(wrong.map(|(n, what)| format!("{direction}: {n} of {} TLPs {what}", report.planned)));
            problems.extend(report.anomalies.iter().take(3).map(|a| format!("{direction}: {a}")));
        }
        if self.lossy {
            if self.directions.each().iter().all(|(_, report)| report.link.dropped == 0) {
                problems.push("loss was asked for and no frame was lost: replay more TLPs (a higher --limit)".into());
            } else if self.retransmissions() == 0 {
                problems.push("frames were lost and none was sent again: replay more TLPs (a higher --limit)".into());
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_packs_frames_full() {
        assert_eq!(floor([].into_iter()), 0);
        assert_eq!(floor([12].into_iter()), OVERHEAD as u64 + 12);
        let per_frame = MAX_RECORDS / 140;
        let full = |n: usize| floor(std::iter::repeat_n(140, n));
        assert_eq!(full(per_frame), (OVERHEAD + per_frame * 140) as u64);
        assert_eq!(full(per_frame + 1), (2 * OVERHEAD + (per_frame + 1) * 140) as u64);
    }
}
