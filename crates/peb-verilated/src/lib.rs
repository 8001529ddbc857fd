//! An exported design at full speed: compiled by Verilator, loaded as a shared library.
//!
//! [`Library::open`] compiles a [`Design`] once (the result is kept by a hash of everything that goes into it) and
//! loads it; [`Library::model`] makes any number of independent instances. All clocks of a design rise together.

mod ffi;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use peb_verilog::{Design, HarnessError, Port};
use thiserror::Error;

/// Why a design cannot be simulated this way.
#[derive(Debug, Error)]
pub enum VerilatedError {
    /// It could not be compiled.
    #[error(transparent)]
    Build(#[from] HarnessError),
    /// The library could not be loaded.
    #[error("{0}: {1}")]
    Load(PathBuf, String),
}

/// A compiled design.
pub struct Library {
    symbols: ffi::Symbols,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

impl Library {
    /// Compiles a design, if that was not done before, and loads it. `waveforms`: its models can write them, which
    /// makes them slower even when they do not.
    ///
    /// # Errors
    /// If a tool is missing or fails.
    pub fn open(design: &Design, waveforms: bool) -> Result<Arc<Library>, VerilatedError> {
        let file = design.library(waveforms)?;
        let symbols = ffi::Symbols::load(&file).map_err(|error| VerilatedError::Load(file, error.to_string()))?;
        let (outputs, inputs) = design.ports.iter().filter(|p| !p.clock).cloned().partition(|p| p.output);
        Ok(Arc::new(Library { symbols, inputs, outputs }))
    }

    /// The inputs that are no clocks, in the order of the words that a model takes.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// The outputs, in the order of the words that a model gives.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// An instance with all registers at their initial values and all inputs 0.
    pub fn model(self: &Arc<Self>) -> Model {
        Model { instance: self.symbols.create(), library: self.clone() }
    }
}

/// An instance of a design.
pub struct Model {
    instance: ffi::Instance,
    /// Stays loaded as long as its instances live.
    library: Arc<Library>,
}

impl Model {
    /// One clock: applies the inputs, gives the outputs that follow from them, then all clocks rise. A word a port, in
    /// the order of [`Library::inputs`] and [`Library::outputs`]; bits above a port's width are ignored.
    ///
    /// # Panics
    /// If the number of words is not that of the ports.
    pub fn clock(&mut self, inputs: &[u64], outputs: &mut [u64]) {
        assert_eq!((inputs.len(), outputs.len()), (self.library.inputs.len(), self.library.outputs.len()));
        self.library.symbols.clock(&mut self.instance, inputs, outputs);
    }

    /// Writes a waveform of all signals from now on, a clock being 8 ns.
    ///
    /// # Errors
    /// If the library was opened without waveforms, or the file cannot be written.
    pub fn trace_to(&mut self, file: &Path) -> std::io::Result<()> {
        self.library.symbols.trace(&mut self.instance, file)
    }
}
