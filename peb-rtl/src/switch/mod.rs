//! The virtual PCI Express switch in the host-side PEB: routing, outstanding requests, completions made here.

mod matching;
#[cfg(test)]
mod matching_tests;

pub use matching::Match;
