//! Memories: one write port, one read port, one clock.

use crate::{Activity, Clk, Node, U};
use rust_hdl::prelude::*;

/// Block RAM of `2^A` words, or LUT RAM with a register if they are 16 at most. A write lands at the rising edge;
/// `read_data` follows `read_address` one edge later. Reading the word that is being written gives an undefined word
/// in hardware (the old one in simulation): blocks must not use it. All words are 0 at configuration; nothing resets
/// them.
#[derive(Clone, Debug)]
pub struct Ram<T: Synth, const A: usize> {
    /// Clock of both ports.
    pub clock: Signal<In, Clk>,
    /// Write `write_data` to `write_address` at the next edge.
    pub write_enable: Signal<In, Bit>,
    /// Word to write.
    pub write_address: Signal<In, U<A>>,
    /// What to write.
    pub write_data: Signal<In, T>,
    /// Word to read.
    pub read_address: Signal<In, U<A>>,
    /// The word at the address of one edge ago.
    pub read_data: Signal<Out, T>,
    _words: Vec<T>,
    _activity: Activity,
}

/// LUT RAM of `2^A` words: written at the rising edge, read at once. All words are 0 at configuration.
#[derive(Clone, Debug)]
pub struct LutRam<T: Synth, const A: usize> {
    /// Clock of the write port.
    pub clock: Signal<In, Clk>,
    /// Write `write_data` to `write_address` at the next edge.
    pub write_enable: Signal<In, Bit>,
    /// Word to write.
    pub write_address: Signal<In, U<A>>,
    /// What to write.
    pub write_data: Signal<In, T>,
    /// Word to read.
    pub read_address: Signal<In, U<A>>,
    /// The word at `read_address`.
    pub read_data: Signal<Out, T>,
    _words: Vec<T>,
    _activity: Activity,
}

/// What both memories share: construction, the visitor, and taking over their inputs.
macro_rules! memory {
    ($memory:ident) => {
        impl<T: Synth, const A: usize> Default for $memory<T, A> {
            fn default() -> Self {
                $memory {
                    clock: Signal::default(),
                    write_enable: Signal::default(),
                    write_address: Signal::default(),
                    write_data: Signal::default(),
                    read_address: Signal::default(),
                    read_data: Signal::default(),
                    _words: vec![T::default(); 1 << A],
                    _activity: Activity::default(),
                }
            }
        }

        impl<T: Synth, const A: usize> $memory<T, A> {
            /// A memory of `words` words, 1 to `2^A`. Address bits that this depth does not need are not
            /// looked at; words beyond a depth that is no power of two read 0 here and anything in hardware.
            pub fn with_depth(words: usize) -> Self {
                assert!((1..=1 << A).contains(&words), "{words} words do not suit {A} address bits");
                $memory { _words: vec![T::default(); words], ..Self::default() }
            }
            /// The address bits that number the words.
            fn mask(&self) -> usize {
                self._words.len().next_power_of_two() - 1
            }
            /// `port` as the Verilog indexes the words with it.
            fn index_hdl(&self, port: &str) -> String {
                match self.mask().count_ones() as usize {
                    0 => "words[0]".to_string(),
                    bits if bits == A => format!("words[{port}]"),
                    bits => format!("words[{port}[{}:0]]", bits - 1),
                }
            }
            /// The words and their write port, which both memories have.
            fn words_hdl(&self, style: &str) -> String {
                let (bits, words, used) = (T::BITS, self._words.len(), self.mask().count_ones() as usize);
                let unused = match used {
                    used if used == A => String::new(),
                    _ => format!(
                        "wire unused = &{{1'b0, write_address[{0}:{used}], read_address[{0}:{used}]}};\n",
                        A - 1
                    ),
                };
                format!(
                    "{style} reg [{}:0] words [0:{}];\n{unused}integer i;\n\
                     initial for (i = 0; i < {words}; i = i + 1) words[i] = {bits}'h0;\n\
                     always @(posedge clock) if (write_enable) {} <= write_data;\n",
                    bits - 1,
                    words - 1,
                    self.index_hdl("write_address")
                )
            }
            fn read(&self) -> T {
                self._words.get(self.read_address.val().index() & self.mask()).copied().unwrap_or_default()
            }
            fn take_inputs(&mut self) -> bool {
                self.clock.latch()
                    | self.write_enable.latch()
                    | self.write_address.latch()
                    | self.write_data.latch()
                    | self.read_address.latch()
            }
            fn write(&mut self) -> bool {
                let data = self.write_data.val();
                let write_address = self.write_address.val().index() & self.mask();
                match self._words.get_mut(write_address) {
                    Some(word) if self.write_enable.val() && *word != data => {
                        *word = data;
                        true
                    }
                    _ => false,
                }
            }
        }

        impl<T: Synth, const A: usize> Block for $memory<T, A> {
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
                self.write_enable.accept("write_enable", probe);
                self.write_address.accept("write_address", probe);
                self.write_data.accept("write_data", probe);
                self.read_address.accept("read_address", probe);
                self.read_data.accept("read_data", probe);
                probe.visit_end_scope(name, self);
            }
        }
    };
}

memory!(Ram);
memory!(LutRam);

impl<T: Synth, const A: usize> Logic for Ram<T, A> {
    fn update(&mut self) {}
    fn connect(&mut self) {
        self.read_data.connect();
    }
    fn hdl(&self) -> Verilog {
        let style = if self._words.len() > 16 { "block" } else { "distributed" };
        Verilog::Custom(format!(
            "{}initial read_data = {}'h0;\nalways @(posedge clock) read_data <= {};\n",
            self.words_hdl(&format!("(* no_rw_check, ram_style = \"{style}\" *)")),
            T::BITS,
            self.index_hdl("read_address")
        ))
    }
}

impl<T: Synth, const A: usize> Node for Ram<T, A> {
    fn settle(&mut self) -> bool {
        if self.take_inputs() {
            self._activity.evaluated();
        }
        self.read_data.publish()
    }
    fn tick(&mut self, clock: Clk) -> bool {
        if !self._activity.is_live(clock) || self.clock.val() != clock {
            return false;
        }
        let read = self.read();
        let moved = read != self.read_data.val();
        self.read_data.next = read;
        let changed = self.write() | moved;
        self._activity.ticked(clock, changed);
        changed
    }
}

impl<T: Synth, const A: usize> Logic for LutRam<T, A> {
    fn update(&mut self) {}
    fn connect(&mut self) {
        self.read_data.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "{}assign read_data = {};\n",
            self.words_hdl("(* ram_style = \"distributed\" *)"),
            self.index_hdl("read_address")
        ))
    }
}

impl<T: Synth, const A: usize> Node for LutRam<T, A> {
    fn settle(&mut self) -> bool {
        let stale = self._activity.take_stale();
        if self.take_inputs() {
            self._activity.evaluated();
        } else if !stale {
            return false;
        }
        self.read_data.next = self.read();
        self.read_data.publish()
    }
    fn tick(&mut self, clock: Clk) -> bool {
        if !self._activity.is_live(clock) || self.clock.val() != clock {
            return false;
        }
        let changed = self.write();
        self._activity.ticked(clock, changed);
        changed
    }
}
