//! The pair of tunnel engines that is simulated.

use std::path::PathBuf;

use thiserror::Error;

use crate::rtl::RtlPair;
use crate::run::TunnelPair;

/// What to simulate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineConfig {
    /// Where to write the waveforms, if at all: the names get `-host` and `-io` before their ending.
    pub vcd: Option<PathBuf>,
}

/// Why there is no simulation.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The waveforms cannot be written.
    #[error("{0}: {1}")]
    Trace(PathBuf, #[source] std::io::Error),
}

/// Two tunnel engines, reset and ready to be clocked.
pub fn tunnel_pair(config: &EngineConfig) -> Result<Box<dyn TunnelPair>, EngineError> {
    let mut pair = RtlPair::new();
    if let Some(file) = &config.vcd {
        pair.trace_to(file).map_err(|e| EngineError::Trace(file.clone(), e))?;
    }
    Ok(Box::new(pair))
}
