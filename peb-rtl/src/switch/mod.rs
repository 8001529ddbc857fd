//! The virtual PCI Express switch in the host-side PEB: routing, outstanding requests, completions made here.

mod answers;
#[cfg(test)]
mod answers_tests;
mod matching;
#[cfg(test)]
mod matching_tests;
mod tracker;
#[cfg(test)]
mod tracker_tests;

pub use answers::Answers;
pub use matching::Match;
pub use tracker::{Tracker, TrackerState};
