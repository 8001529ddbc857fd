//! The cycle engine: one design, its clocks, and a bench that reads from top to bottom.

use crate::{Clk, Node};
use rust_hdl::prelude::Block;

/// A design under simulation. The bench sets inputs through [`Sim::dut`], calls [`Sim::settle`] to see the
/// outputs that follow from them in this clock, and [`Sim::tick`] for the rising edge.
pub struct Sim<T> {
    /// The design. Write inputs as `sim.dut.x.next = ..`, read outputs as `sim.dut.y.val()`.
    pub dut: Box<T>,
    edges: u64,
}

impl<T: Block + Node> Sim<T> {
    /// Takes a design over and settles it with all inputs as they are. `wire` connects the clocks:
    /// `Sim::new(Fifo::default(), |d| d.clock.next = Clk::new(0))`.
    pub fn new(dut: T, wire: impl FnOnce(&mut T)) -> Self {
        let mut dut = Box::new(dut);
        dut.connect_all();
        wire(&mut dut);
        dut.settle();
        Sim { dut, edges: 0 }
    }

    /// Lets the inputs of this clock fall through to the outputs.
    pub fn settle(&mut self) {
        self.dut.settle();
    }

    /// The rising edge of clock 0; outputs have settled when it returns.
    pub fn tick(&mut self) {
        self.edge(0);
    }

    /// The rising edge of clock `index`.
    pub fn edge(&mut self, index: u8) {
        self.dut.settle();
        self.dut.tick(Clk::new(index));
        self.dut.settle();
        self.edges += 1;
    }

    /// Rising edges since the start, of all clocks together.
    pub fn edges(&self) -> u64 {
        self.edges
    }
}
