//! What a block did in the Rust simulation: all its ports, every clock.

use crate::cache::Key;
use crate::error::ExportError;
use crate::export::export_scope;
use crate::module::module_port_names;
use crate::tree::{hex_digits, Kind, Scope, Signal};
use rust_hdl::prelude::*;

/// A port of the recorded block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the Verilog (`rx_data`).
    pub name: String,
    /// Whether the block drives it.
    pub output: bool,
    /// Whether it is a clock wire.
    pub clock: bool,
    /// Width.
    pub bits: usize,
}

/// The ports of a block, clock by clock, and the Verilog that must do the same.
///
/// Each row holds the values of one clock: the inputs as they were applied after the edge before, the outputs
/// as they stood just before the edge that ends the clock. A clock port holds 1 if its edge ends the row.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Name of the top module.
    pub top: String,
    /// The exported Verilog.
    pub verilog: String,
    /// The ports, in the order of the fields.
    pub ports: Vec<Port>,
    /// The tree the Verilog was printed from, for mutation.
    pub(crate) scope: Scope,
    /// The Rust type of the block.
    pub(crate) kind: &'static str,
    /// Rows of `row_words` words; each port starts a new word, low word first.
    words: Vec<u64>,
    row_words: usize,
}

/// The ports of a block, in the order of the fields.
pub(crate) fn ports(scope: &Scope) -> Vec<Port> {
    let ports = scope.signals.iter().zip(module_port_names(scope));
    let ports = ports.filter(|(s, _)| !matches!(s.kind, Kind::Local | Kind::Constant));
    let port =
        |(s, name): (&Signal, String)| Port { name, output: s.kind != Kind::Input, clock: s.is_clock(), bits: s.bits };
    ports.map(port).collect()
}

fn words_of(bits: usize) -> usize {
    bits.div_ceil(64)
}

impl Recording {
    /// An empty recording of `top`, whose Verilog is exported as module `name`.
    ///
    /// # Errors
    /// If the block cannot be exported.
    pub fn new<T: Block>(top: &T, name: &str) -> Result<Recording, ExportError> {
        let scope = Scope::read(top, name);
        let verilog = export_scope(&scope, name, false)?;
        let ports = ports(&scope);
        let row_words = ports.iter().map(|p| words_of(p.bits)).sum();
        Ok(Recording {
            top: name.to_string(),
            verilog,
            ports,
            scope,
            kind: std::any::type_name::<T>(),
            words: vec![],
            row_words,
        })
    }

    /// Records one clock: all ports as they stand, settled, just before the rising edge of every clock.
    pub fn sample(&mut self, top: &dyn Block) {
        let rising: Vec<String> = self.ports.iter().filter(|p| p.clock).map(|p| p.name.clone()).collect();
        let rising: Vec<&str> = rising.iter().map(String::as_str).collect();
        self.sample_edges(top, &rising);
    }

    /// Records all ports as they stand, settled, just before the rising edges of the named clock ports.
    pub fn sample_edges(&mut self, top: &dyn Block, rising: &[&str]) {
        let mut sampler = Sampler { depth: 0, port: 0, recording: self, rising };
        top.accept("top", &mut sampler);
    }

    /// Says which clock ports rose at the end of the clock recorded last, for benches that know it only after.
    pub fn set_edges(&mut self, rising: &[&str]) {
        let Some(row) = self.clocks().checked_sub(1) else { return };
        let mut at = row * self.row_words;
        for port in &self.ports {
            if port.clock {
                self.words[at] = rising.contains(&port.name.as_str()) as u64;
            }
            at += words_of(port.bits);
        }
    }

    /// Clocks recorded.
    pub fn clocks(&self) -> usize {
        self.words.len().checked_div(self.row_words).unwrap_or(0)
    }

    /// The value of port number `port` in clock `clock`, low word first.
    pub fn value(&self, clock: usize, port: usize) -> &[u64] {
        let skip: usize = self.ports[..port].iter().map(|p| words_of(p.bits)).sum();
        let at = clock * self.row_words + skip;
        &self.words[at..at + words_of(self.ports[port].bits)]
    }

    /// A key for the results of checks of this recording.
    pub(crate) fn key(&self, kind: &str) -> Key {
        let ports: String = self.ports.iter().map(|p| format!("{} {} {} ", p.name, p.bits, p.output)).collect();
        Key::new(kind).with(&self.verilog).with(&ports).with_words(&self.words)
    }

    /// The value of a port as a binary string of its width.
    pub(crate) fn binary(&self, clock: usize, port: usize) -> String {
        let value = self.value(clock, port);
        (0..self.ports[port].bits).rev().map(|b| if value[b / 64] >> (b % 64) & 1 == 1 { '1' } else { '0' }).collect()
    }
}

struct Sampler<'a> {
    depth: usize,
    port: usize,
    recording: &'a mut Recording,
    rising: &'a [&'a str],
}

impl Probe for Sampler<'_> {
    fn visit_start_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth += 1;
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        self.depth -= 1;
    }

    fn visit_atom(&mut self, _name: &str, atom: &dyn Atom) {
        if self.depth != 1 || matches!(atom.kind(), AtomKind::LocalSignal | AtomKind::Constant) {
            return;
        }
        let port = &self.recording.ports[self.port];
        self.port += 1;
        if port.clock {
            self.recording.words.push(self.rising.contains(&port.name.as_str()) as u64);
            return;
        }
        let digits = hex_digits(&atom.verilog());
        let count = words_of(port.bits);
        let mut end = digits.len();
        for _ in 0..count {
            let start = end.saturating_sub(16);
            self.recording.words.push(u64::from_str_radix(&digits[start..end], 16).unwrap_or(0));
            end = start;
        }
    }
}
