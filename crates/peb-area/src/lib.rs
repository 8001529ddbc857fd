//! What cores and blocks take on a Lattice ECP5, and the record of it: `docs/area.md`.
//!
//! The record is compared by the tests (`tests/tests/area.rs`), so that growth shows in the change that causes it; `cargo xtask area --accept`
//! writes what is measured now. Sizes come from yosys, speeds from nextpnr, see [`peb_verilog::synth`].

mod designs;
mod record;

pub use designs::{designs, Kind, Subject};
pub use record::{Record, Row, Step};

use peb_verilog::synth::{area, synth_ecp5, Area};
use peb_verilog::HarnessError;
use std::sync::Mutex;
use std::thread;

/// A design is one large value that is built on the stack before it is boxed.
const STACK: usize = 256 << 20;
/// Seed of place and route.
const SEED: u32 = 1;
/// Designs at a time.
const WORKERS: usize = 2;

/// Measures the size of each, two at a time; `progress` gets the name of each that begins, and whether its size was known already is its
/// own business.
///
/// # Errors
/// The first design that cannot be measured, or that a tool is missing.
pub fn measure(subjects: &[Subject], progress: impl Fn(&str) + Sync) -> Result<Vec<Area>, HarnessError> {
    each(subjects, &progress, |subject| area(&subject.verilog()?, subject.name))
}

/// Places and routes each and gives its highest clock in MHz: minutes for a core.
///
/// # Errors
/// As [`measure`].
pub fn fmax(subjects: &[Subject], progress: impl Fn(&str) + Sync) -> Result<Vec<f64>, HarnessError> {
    each(subjects, &progress, |subject| {
        let directory = tempfile::tempdir()?;
        synth_ecp5(&subject.verilog()?, subject.name, directory.path())?.fmax(SEED)
    })
}

fn each<T: Send>(
    subjects: &[Subject],
    progress: &(impl Fn(&str) + Sync),
    work: impl Fn(&Subject) -> Result<T, HarnessError> + Sync,
) -> Result<Vec<T>, HarnessError> {
    let queue = Mutex::new(subjects.iter().enumerate());
    let results = Mutex::new(subjects.iter().map(|_| None).collect::<Vec<_>>());
    let next = || queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).next();
    thread::scope(|scope| -> std::io::Result<()> {
        for _ in 0..WORKERS.min(subjects.len()) {
            thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || {
                while let Some((n, subject)) = next() {
                    progress(subject.name);
                    let result = work(subject);
                    results.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[n] = Some(result);
                }
            })?;
        }
        Ok(())
    })?;
    let results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    results.into_iter().flatten().collect()
}
