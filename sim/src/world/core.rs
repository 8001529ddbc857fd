//! The cores in the Rust simulation, and compiled by Verilator.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use peb_config::Parameters;
use peb_hdl::prelude::*;
use peb_verilated::{Library, Model, VerilatedError};
use peb_verilog::{Design, HarnessError};

use super::pins::{Core, Inputs, Outputs, Pinned};

/// A core in the Rust simulation.
pub(super) struct RustCore<T> {
    pub sim: Sim<T>,
}

impl<T: Pinned> RustCore<T> {
    pub fn new(parameters: &Parameters) -> Self {
        RustCore { sim: Sim::new(T::generate(parameters), T::wire) }
    }
}

impl<T: Pinned> Core for RustCore<T> {
    fn clock(&mut self, inputs: &Inputs) -> Outputs {
        self.sim.dut.apply(inputs);
        self.sim.settle();
        let outputs = self.sim.dut.read();
        self.sim.step();
        outputs
    }

    fn trace_to(&mut self, file: &Path) -> std::io::Result<()> {
        self.sim.trace_to(file)
    }
}

/// A core compiled by Verilator.
pub(super) struct VerilatedCore<T> {
    model: Model,
    inputs: Vec<u64>,
    outputs: Vec<u64>,
    /// Word of each of [`Pinned::INPUTS`], and of each of [`Pinned::OUTPUTS`].
    places: [Vec<usize>; 2],
    core: PhantomData<T>,
}

/// A library that is loaded: name, parameters, with waveforms.
type Loaded = (&'static str, Parameters, bool, Arc<Library>);

/// Libraries that are loaded.
static LOADED: Mutex<Vec<Loaded>> = Mutex::new(Vec::new());

impl<T: Pinned> VerilatedCore<T> {
    /// A core; compiles it unless that was done before.
    ///
    /// # Errors
    /// If a tool is missing or fails.
    pub fn new(parameters: &Parameters, waveforms: bool) -> Result<Self, VerilatedError> {
        let library = library::<T>(parameters, waveforms)?;
        let ports = [library.inputs().len(), library.outputs().len()];
        assert_eq!(ports, [T::INPUTS.len(), T::OUTPUTS.len()], "`pins.rs` lists all ports of {}", T::NAME);
        let place = |name: &&str, ports: &[peb_verilog::Port]| {
            ports.iter().position(|port| port.name == *name).expect("the exporter keeps the names of ports")
        };
        Ok(VerilatedCore {
            model: library.model(),
            inputs: vec![0; library.inputs().len()],
            outputs: vec![0; library.outputs().len()],
            places: [
                T::INPUTS.iter().map(|name| place(name, library.inputs())).collect(),
                T::OUTPUTS.iter().map(|name| place(name, library.outputs())).collect(),
            ],
            core: PhantomData,
        })
    }
}

/// The library of a core.
fn library<T: Pinned>(parameters: &Parameters, waveforms: bool) -> Result<Arc<Library>, VerilatedError> {
    // Held while it is compiled: others wait instead of compiling it too.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |(name, with, waves, _): &&Loaded| (*name, with, *waves) == (T::NAME, parameters, waveforms);
    if let Some((.., library)) = loaded.iter().find(same) {
        return Ok(library.clone());
    }
    let design = Design::of(&T::generate(parameters), T::NAME).map_err(HarnessError::from)?;
    let library = Library::open(&design, waveforms)?;
    loaded.push((T::NAME, parameters.clone(), waveforms, library.clone()));
    Ok(library)
}

impl<T: Pinned> Core for VerilatedCore<T> {
    fn clock(&mut self, inputs: &Inputs) -> Outputs {
        let mut places = self.places[0].iter();
        T::words(inputs, |word| places.next().into_iter().for_each(|&place| self.inputs[place] = word));
        self.model.clock(&self.inputs, &mut self.outputs);
        let mut places = self.places[1].iter();
        T::outputs(|| places.next().map_or(0, |&place| self.outputs[place]))
    }

    fn trace_to(&mut self, file: &Path) -> std::io::Result<()> {
        self.model.trace_to(file)
    }
}
