//! The cycle engine: one design, its clocks, and a bench that reads from top to bottom.

use crate::trace::VcdTrace;
use crate::watch::Watch;
use crate::{Clk, Node};
use rust_hdl::prelude::Block;
use std::io;
use std::path::Path;

/// A design under simulation. The bench sets inputs through [`Sim::dut`], calls [`Sim::settle`] to see the
/// outputs that follow from them in this clock, and [`Sim::tick`] for the rising edge.
///
/// ```
/// use peb_hdl::prelude::*;
///
/// #[derive(Module, Default)]
/// struct Counter {
///     pub clock: Signal<In, Clk>,
///     pub step: Signal<In, U<8>>,
///     pub count: Signal<Out, U<8>>,
///     sum: Reg<U<8>>,
///     _activity: Activity,
/// }
/// impl Logic for Counter {
///     #[hdl_gen]
///     fn update(&mut self) {
///         dff_setup!(self, clock, sum);
///         self.sum.d.next = self.sum.q.val() + self.step.val();
///         self.count.next = self.sum.q.val();
///     }
/// }
///
/// let mut sim = Sim::new(Counter::default(), |d| d.clock.next = Clk::new(0));
/// sim.dut.step.next = 3.into();
/// sim.tick();
/// sim.tick();
/// assert_eq!(sim.dut.count.val(), 6);
/// ```
pub struct Sim<T> {
    /// The design. Write inputs as `sim.dut.x.next = ..`, read outputs as `sim.dut.y.val()`.
    pub dut: Box<T>,
    periods: Vec<u64>,
    time: u64,
    edges: u64,
    trace: Option<VcdTrace>,
    watch: Option<Watch>,
}

impl<T: Block + Node> Sim<T> {
    /// Takes a design over and settles it with all inputs as they are. `wire` connects the clocks:
    /// `Sim::new(Fifo::default(), |d| d.clock.next = Clk::new(0))`. Clock 0 has a period of 8 ns.
    pub fn new(dut: T, wire: impl FnOnce(&mut T)) -> Self {
        Self::with_clocks(dut, &[8000], wire)
    }

    /// As [`Sim::new`], with the periods of all clocks in picoseconds, for [`Sim::advance`] and traces.
    ///
    /// # Panics
    /// If a period is 0 or there is no clock.
    pub fn with_clocks(dut: T, periods: &[u64], wire: impl FnOnce(&mut T)) -> Self {
        assert!(!periods.is_empty() && !periods.contains(&0), "every clock needs a period");
        let mut dut = Box::new(dut);
        dut.connect_all();
        wire(&mut dut);
        dut.settle();
        Sim { dut, periods: periods.to_vec(), time: 0, edges: 0, trace: None, watch: None }
    }

    /// Writes every port, local and register to a VCD file from now on, one sample before each edge.
    pub fn trace_to(&mut self, file: &Path) -> io::Result<()> {
        self.trace = Some(VcdTrace::create(file, self.dut.as_ref())?);
        Ok(())
    }

    /// Checks the rules of every handshake in the design before each edge from now on; a fault panics with its
    /// clock and path. Returns the paths watched. Costs about as much as the simulation itself.
    pub fn watch_streams(&mut self) -> Vec<&str> {
        self.watch.insert(Watch::new(self.dut.as_ref())).names()
    }

    /// Lets the inputs of this clock fall through to the outputs.
    pub fn settle(&mut self) {
        self.dut.settle();
    }

    /// The rising edge of clock 0, one of its periods later; outputs have settled when it returns.
    pub fn tick(&mut self) {
        self.step();
        self.dut.settle();
    }

    /// As [`Sim::tick`], but what follows from the edge has not settled yet: for benches that change inputs next.
    pub fn step(&mut self) {
        self.dut.settle();
        self.sample();
        self.time += self.periods[0];
        self.dut.tick(Clk::new(0));
        self.edges += 1;
    }

    /// Goes on to the next rising edge of any clock (all that fall together count as simultaneous) and returns
    /// the clocks that rose, bit by bit. Edges of a clock of period P stand at P, 2P, 3P, ...
    pub fn advance(&mut self) -> u64 {
        self.dut.settle();
        self.sample();
        let next = self.periods.iter().map(|p| (self.time / p + 1) * p).min().expect("a clock");
        self.time = next;
        let mut rose = 0;
        for (index, period) in self.periods.iter().enumerate() {
            if next % period == 0 {
                rose |= 1 << index;
            }
        }
        // No evaluation between simultaneous edges: all registers take what stood before them.
        for index in (0..self.periods.len()).filter(|i| rose >> i & 1 == 1) {
            self.dut.tick(Clk::new(index as u8));
            self.edges += 1;
        }
        self.dut.settle();
        rose
    }

    /// Rising edges since the start, of all clocks together.
    pub fn edges(&self) -> u64 {
        self.edges
    }

    /// Picoseconds since the start.
    pub fn time(&self) -> u64 {
        self.time
    }

    fn sample(&mut self) {
        if let Some(watch) = &mut self.watch {
            if let Err(fault) = watch.check(self.edges, self.dut.as_ref()) {
                panic!("{fault}");
            }
        }
        if let Some(trace) = &mut self.trace {
            // A full disk must not end a simulation; the trace says where it stopped.
            if trace.sample(self.time, self.dut.as_ref()).is_err() {
                self.trace = None;
            }
        }
    }
}
