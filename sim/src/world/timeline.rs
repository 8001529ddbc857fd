//! What happened when, for people.

use std::fmt;

use serde::Serialize;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Clock.
    pub clock: u64,
    /// To whom.
    pub who: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Event {
    /// Time in microseconds of 125 clocks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.2} us  {:<12} {}", self.clock as f64 / 125.0, self.who, self.what)
    }
}

/// All lines, in order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// The lines.
    pub events: Vec<Event>,
}

impl Timeline {
    /// Adds a line.
    pub fn add(&mut self, clock: u64, who: impl Into<String>, what: impl Into<String>) {
        self.events.push(Event { clock, who: who.into(), what: what.into() });
    }

    /// Clock of the first line at or after `from` whose text contains `what`.
    pub fn find(&self, from: u64, who: &str, what: &str) -> Option<u64> {
        let mut lines = self.events.iter().filter(|event| event.clock >= from);
        lines.find(|event| event.who == who && event.what.contains(what)).map(|event| event.clock)
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}
