//! The virtual PCI Express switch in the host-side PEB: routing, outstanding requests, completions made here.

mod answers;
#[cfg(test)]
mod answers_tests;
mod downstream;
#[cfg(test)]
mod downstream_model;
mod downstream_state;
#[cfg(test)]
mod downstream_tests;
mod error_log;
#[cfg(test)]
mod error_log_model;
#[cfg(test)]
mod error_log_tests;
mod header;
mod interrupts;
#[cfg(test)]
mod interrupts_tests;
mod leftover;
mod matching;
#[cfg(test)]
mod matching_tests;
mod to_slots;
#[cfg(test)]
mod to_slots_tests;
mod tracker;
#[cfg(test)]
mod tracker_tests;
mod unanswered;
#[cfg(test)]
mod unanswered_tests;
mod upstream;
#[cfg(test)]
mod upstream_model;
#[cfg(test)]
mod upstream_tests;
mod wiring;

pub use answers::Answers;
pub use downstream::Downstream;
pub use error_log::{ErrorLog, Logging};
pub use header::Header;
pub use interrupts::Interrupts;
pub use leftover::Leftover;
pub use matching::Match;
pub use to_slots::ToSlots;
pub use tracker::{Tracker, TrackerState};
pub use unanswered::Unanswered;
pub use upstream::{Check, Upstream};
pub use wiring::Switch;
