//! Memory that is only read.

use crate::{Activity, Clk, Node, U};
use rust_hdl::prelude::*;
use std::fmt::Write;

/// Block ROM of `2^A` words: `read_data` follows `read_address` one rising edge later, and is 0 at configuration.
#[derive(Clone, Debug)]
pub struct Rom<T: Synth, const A: usize> {
    /// Clock of the port.
    pub clock: Signal<In, Clk>,
    /// Word to read.
    pub read_address: Signal<In, U<A>>,
    /// The word at the address of one edge ago.
    pub read_data: Signal<Out, T>,
    _words: Vec<T>,
    _activity: Activity,
}

impl<T: Synth, const A: usize> Rom<T, A> {
    /// A ROM with these words from address 0 on; those that are not given are 0.
    ///
    /// # Panics
    /// If there are more than `2^A`.
    pub fn new(words: impl IntoIterator<Item = T>) -> Self {
        let mut words: Vec<T> = words.into_iter().collect();
        assert!(words.len() <= 1 << A, "{} words do not suit {A} address bits", words.len());
        words.resize(1 << A, T::default());
        Rom {
            clock: Signal::default(),
            read_address: Signal::default(),
            read_data: Signal::default(),
            _words: words,
            _activity: Activity::default(),
        }
    }
}

impl<T: Synth, const A: usize> Default for Rom<T, A> {
    fn default() -> Self {
        Self::new([])
    }
}

impl<T: Synth, const A: usize> Logic for Rom<T, A> {
    fn update(&mut self) {}
    fn connect(&mut self) {
        self.read_data.connect();
    }
    fn hdl(&self) -> Verilog {
        let mut text = format!(
            "(* rom_style = \"block\", ram_style = \"block\" *) reg [{}:0] words [0:{}];\ninteger i;\ninitial begin\n\
             for (i = 0; i < {}; i = i + 1) words[i] = {}'h0;\n",
            T::BITS - 1,
            self._words.len() - 1,
            self._words.len(),
            T::BITS
        );
        for (address, word) in self._words.iter().enumerate().filter(|(_, word)| **word != T::default()) {
            let _ = writeln!(text, "words[{address}] = {};", word.verilog());
        }
        let _ = write!(
            text,
            "end\ninitial read_data = {}'h0;\nalways @(posedge clock) read_data <= words[read_address];\n",
            T::BITS
        );
        Verilog::Custom(text)
    }
}

impl<T: Synth, const A: usize> Block for Rom<T, A> {
    fn connect_all(&mut self) {
        self.connect();
    }
    fn update_all(&mut self) {
        Node::settle(self);
    }
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        self.clock.accept("clock", probe);
        self.read_address.accept("read_address", probe);
        self.read_data.accept("read_data", probe);
        probe.visit_end_scope(name, self);
    }
}

impl<T: Synth, const A: usize> Node for Rom<T, A> {
    fn settle(&mut self) -> bool {
        if self.clock.latch() | self.read_address.latch() {
            self._activity.evaluated();
        }
        self.read_data.publish()
    }
    fn tick(&mut self, clock: Clk) -> bool {
        if !self._activity.is_live(clock) || self.clock.val() != clock {
            return false;
        }
        let read = self._words[self.read_address.val().index()];
        let changed = read != self.read_data.val();
        self.read_data.next = read;
        self._activity.ticked(clock, changed);
        changed
    }
}
