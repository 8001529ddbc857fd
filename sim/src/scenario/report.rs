//! What came of a scenario.

use std::fmt;

use serde::Serialize;

use crate::world::Timeline;

/// Something that must be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Clock in which it was looked at.
    pub clock: u64,
    /// What must be so.
    pub what: String,
    /// Whether it is.
    pub passed: bool,
}

/// Counters of a PEB at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PebReport {
    /// Which one.
    pub peb: String,
    /// Names and values, in the order of the register map; those that are 0 are left out.
    pub counters: Vec<(String, u32)>,
}

/// What came of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScenarioReport {
    /// Name of the scenario.
    pub name: String,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Clocks simulated.
    pub clocks: u64,
    /// TLPs whose order was checked.
    pub tlps: u64,
    /// Everything that was checked.
    pub checks: Vec<Check>,
    /// What happened.
    pub timeline: Timeline,
    /// Counters of the PEBs.
    pub pebs: Vec<PebReport>,
}

impl ScenarioReport {
    /// What was not as it must be.
    pub fn problems(&self) -> Vec<&Check> {
        self.checks.iter().filter(|check| !check.passed).collect()
    }

    /// Whether everything was as it must be.
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.problems().is_empty()
    }
}

impl fmt::Display for ScenarioReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, seed {}", self.name, self.seed)?;
        writeln!(f, "{}", self.timeline)?;
        for check in &self.checks {
            let verdict = if check.passed { "ok    " } else { "FAILED" };
            writeln!(f, "{verdict} {:>10.2} us  {}", check.clock as f64 / 125.0, check.what)?;
        }
        writeln!(f)?;
        for peb in &self.pebs {
            let counters: Vec<String> = peb.counters.iter().map(|(name, value)| format!("{name} {value}")).collect();
            writeln!(f, "{:<12} {}", peb.peb, counters.join(", "))?;
        }
        let verdict = if self.passed() { "passed" } else { "FAILED" };
        writeln!(f, "{verdict}: {} checks, {} clocks, {} TLPs in order", self.checks.len(), self.clocks, self.tlps)
    }
}
