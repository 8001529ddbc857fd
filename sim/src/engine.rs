//! The pair of tunnel engines that is simulated.

use std::path::PathBuf;

use thiserror::Error;

use crate::run::TunnelPair;

/// What to simulate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineConfig {
    /// Where to write the waveform, if at all.
    pub vcd: Option<PathBuf>,
}

/// Why there is no simulation.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The RTL is not there.
    #[error("this build has no tunnel engines to simulate")]
    Missing,
}

/// Two tunnel engines, reset and ready to be clocked.
pub fn tunnel_pair(_config: &EngineConfig) -> Result<Box<dyn TunnelPair>, EngineError> {
    Err(EngineError::Missing)
}
