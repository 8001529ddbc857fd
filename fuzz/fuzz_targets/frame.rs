//! See `look/frame.rs`. `cargo +nightly fuzz run frame`; without a nightly compiler `cargo xtask nightly` gives it random bytes.
#![no_main]

#[path = "../look/frame.rs"]
mod look;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| look::look(bytes));
