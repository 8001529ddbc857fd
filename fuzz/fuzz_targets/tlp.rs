//! See `look/tlp.rs`. `cargo +nightly fuzz run tlp`; without a nightly compiler `cargo xtask nightly` gives it random bytes.
#![no_main]

#[path = "../look/tlp.rs"]
mod look;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| look::look(bytes));
