//! Two PEBs with a bad network between them: the pins, the replay of a trace, and what came of it.

#[cfg(test)]
pub(crate) mod fake;
mod pins;
mod replay;
mod report;

pub use pins::{Pair, PebCounters, PebIn, PebOut, Side, TunnelPair};
pub use replay::{Progress, Replay, ReplayConfig};
pub use report::{DirectionReport, Failure, PerDirection, Report, Stuck};
