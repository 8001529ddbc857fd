//! Management registers and counters.
