//! How many faults in a block its recording notices.

use crate::harness::{HarnessError, Icarus};
use crate::mutate::{mutate_scope, Mutant};
use crate::recording::Recording;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

/// A mutant that runs longer than this does not settle, and has been noticed.
const MUTANT_LIMIT: Duration = Duration::from_secs(60);
/// Simulations at a time.
const WORKERS: usize = 2;

/// What became of the mutants of a block.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// Mutants whose outputs differed from the recording, or that never settled.
    pub caught: Vec<String>,
    /// Mutants that behaved exactly like the block, by what was changed in them.
    pub survived: Vec<String>,
}

impl Score {
    /// Percentage of mutants caught; 100 if there were none.
    pub fn percent(&self) -> f64 {
        let all = self.caught.len() + self.survived.len();
        if all == 0 {
            100.0
        } else {
            100.0 * self.caught.len() as f64 / all as f64
        }
    }
}

impl Recording {
    /// Up to `n` faults in the recorded block's own logic: see [`crate::mutate`].
    pub fn mutants(&self, seed: u64, n: usize) -> Vec<Mutant> {
        mutate_scope(&self.scope, &self.top, seed, n)
    }
}

/// Replays a recording against each mutant in Icarus, until the first difference.
///
/// # Errors
/// If a mutant cannot be simulated.
pub fn mutation_score(recording: &Recording, mutants: &[Mutant]) -> Result<Score, HarnessError> {
    let icarus = Icarus::new(recording)?;
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<Result<bool, HarnessError>>>> = Mutex::new(mutants.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(mutant) = mutants.get(i) else { return };
                let caught = match icarus.run(i, &mutant.verilog, MUTANT_LIMIT) {
                    Ok(()) => Ok(false),
                    Err(HarnessError::Mismatch(_) | HarnessError::Timeout { .. }) => Ok(true),
                    Err(e) => Err(e),
                };
                if let Ok(mut results) = results.lock() {
                    results[i] = Some(caught);
                }
            });
        }
    });
    let mut score = Score::default();
    let results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    for (mutant, result) in mutants.iter().zip(results.into_iter().flatten()) {
        let side = if result? { &mut score.caught } else { &mut score.survived };
        side.push(mutant.description.clone());
    }
    Ok(score)
}

/// [`mutation_score`] of `n` mutants drawn by `seed`, as one line of a test. What passed once on the same inputs
/// is not run again (see `PEB_NO_CACHE` in the crate's documentation).
///
/// # Panics
/// If fewer than `least` percent are caught (the message lists the survivors), or a tool is missing.
#[track_caller]
pub fn assert_mutants_caught(recording: &Recording, seed: u64, n: usize, least: f64) {
    let mutants = recording.mutants(seed, n);
    let key = mutants.iter().fold(recording.key("mutants").with(&least.to_string()), |key, m| key.with(&m.verilog));
    if key.passed().is_some() {
        return;
    }
    let score = mutation_score(recording, &mutants).unwrap_or_else(|e| panic!("{e}"));
    let percent = score.percent();
    assert!(
        percent >= least,
        "`{}`: {percent:.1} % of the mutants of seed {seed} caught, {least} % wanted; survived: {:#?}",
        recording.top,
        score.survived
    );
    key.pass(&format!("{} {percent:.1}", recording.top));
}
