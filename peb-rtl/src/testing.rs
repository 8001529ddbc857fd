//! The bench of the block tests: runs a block and records it, so that the same stimulus can be replayed against its Verilog.

use peb_hdl::prelude::*;
use peb_verilog::Recording;

/// A block whose ports are called `clock` and `reset`.
pub trait Clocked: Block + Node {
    /// Connects clock 0.
    fn connect_clock(&mut self);
    /// Drives `reset`.
    fn set_reset(&mut self, on: bool);
}

/// Implements [`Clocked`] for blocks with ports `clock` and `reset`.
macro_rules! clocked {
    ($($block:ty),+ $(,)?) => {$(
        impl crate::testing::Clocked for $block {
            fn connect_clock(&mut self) {
                self.clock.next = peb_hdl::prelude::Clk::new(0);
            }
            fn set_reset(&mut self, on: bool) {
                self.reset.next = on;
            }
        }
    )+};
}
pub(crate) use clocked;

/// A block under test, with a record of its ports.
pub struct Bench<T> {
    sim: Sim<T>,
    recording: Recording,
}

impl<T: Clocked> Bench<T> {
    /// Takes a block over; `name` becomes its module's name.
    pub fn new(name: &str, dut: T) -> Self {
        let mut bench = Self::unwatched(name, dut);
        bench.sim.watch_streams();
        bench
    }

    /// The same for a block with ports whose names only look like those of a stream; the test watches it.
    pub fn unwatched(name: &str, dut: T) -> Self {
        let sim = Sim::new(dut, T::connect_clock);
        let recording = Recording::new(sim.dut.as_ref(), name).unwrap_or_else(|e| panic!("{name}: {e}"));
        Bench { sim, recording }
    }

    /// The block: write inputs, read outputs.
    pub fn dut(&mut self) -> &mut T {
        &mut self.sim.dut
    }

    /// Lets the inputs fall through to the outputs.
    pub fn settle(&mut self) {
        self.sim.settle();
    }

    /// One clock, recorded.
    pub fn tick(&mut self) {
        self.sim.settle();
        self.recording.sample(self.sim.dut.as_ref());
        self.sim.tick();
    }

    /// Several clocks with the inputs as they are.
    pub fn clocks(&mut self, n: usize) {
        (0..n).for_each(|_| self.tick());
    }

    /// Sixteen clocks of reset.
    pub fn reset(&mut self) {
        self.sim.dut.set_reset(true);
        self.clocks(16);
        self.sim.dut.set_reset(false);
    }

    /// Replays everything so far against the Verilog of the block: all outputs, every clock.
    pub fn assert_equivalent(&self) {
        peb_verilog::assert_equivalent(&self.recording);
    }

    /// Checks that everything so far exercises at least 95 % of the lines and toggles of the block's Verilog and
    /// notices at least 90 % of 50 random faults in it, drawn by `seed`.
    pub fn assert_thorough(&self, seed: u64) {
        peb_verilog::assert_covered(&[&self.recording], 95.0);
        peb_verilog::assert_mutants_caught(&self.recording, seed, 50, 90.0);
    }
}
