//! Waveforms: everything a design shows to a visitor, as a VCD file.

use rust_hdl::prelude::{Atom, Block, Probe};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use vcd::{IdCode, SimulationCommand, TimescaleUnit, Value, VarType, Writer};

/// A VCD file that is written as the simulation goes.
pub struct VcdTrace {
    writer: Writer<BufWriter<File>>,
    vars: Vec<IdCode>,
    last: Vec<Vec<bool>>,
}

impl VcdTrace {
    /// Writes the header: one scope a block, one variable an atom.
    pub fn create(file: &Path, top: &dyn Block) -> io::Result<Self> {
        let mut writer = Writer::new(BufWriter::new(File::create(file)?));
        writer.timescale(1, TimescaleUnit::PS)?;
        let mut header = Header { writer: &mut writer, vars: vec![], namespaces: vec![], failed: None };
        top.accept("top", &mut header);
        let Header { vars, failed, .. } = header;
        failed.map_or(Ok(()), Err)?;
        writer.enddefinitions()?;
        writer.begin(SimulationCommand::Dumpvars)?;
        writer.end()?;
        let last = vec![vec![]; vars.len()];
        Ok(VcdTrace { writer, vars, last })
    }

    /// Writes what changed since the last sample. `time` is in picoseconds.
    pub fn sample(&mut self, time: u64, top: &dyn Block) -> io::Result<()> {
        let mut values = Values(vec![]);
        top.accept("top", &mut values);
        self.writer.timestamp(time)?;
        for ((id, last), now) in self.vars.iter().zip(&mut self.last).zip(values.0) {
            if *last != now {
                let bits: Vec<Value> = now.iter().rev().map(|b| Value::from(*b)).collect();
                match bits[..] {
                    [bit] => self.writer.change_scalar(*id, bit)?,
                    _ => self.writer.change_vector(*id, bits.iter().copied())?,
                }
                *last = now;
            }
        }
        Ok(())
    }
}

/// The value of an atom, least significant bit first.
pub(crate) fn atom_bits(atom: &dyn Atom) -> Vec<bool> {
    let text = format!("{:x}", atom.verilog());
    let digits = text.rsplit("'h").next().unwrap_or("0");
    let mut bits: Vec<bool> =
        digits.chars().rev().flat_map(|c| (0..4).map(move |i| c.to_digit(16).unwrap_or(0) >> i & 1 == 1)).collect();
    bits.resize(atom.bits(), false);
    bits
}

struct Header<'a> {
    writer: &'a mut Writer<BufWriter<File>>,
    vars: Vec<IdCode>,
    namespaces: Vec<String>,
    failed: Option<io::Error>,
}

impl Header<'_> {
    fn note<R>(&mut self, result: io::Result<R>) -> Option<R> {
        result.map_err(|e| self.failed = Some(e)).ok()
    }
}

impl Probe for Header<'_> {
    fn visit_start_scope(&mut self, name: &str, _: &dyn Block) {
        let done = self.writer.add_module(&name.replace('$', "_"));
        self.note(done);
    }
    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        let done = self.writer.upscope();
        self.note(done);
    }
    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        self.namespaces.push(name.replace('$', "_"));
    }
    fn visit_end_namespace(&mut self, _: &str, _: &dyn Block) {
        self.namespaces.pop();
    }
    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        let mut path = self.namespaces.clone();
        path.push(name.replace('$', "_"));
        let added = self.writer.add_var(VarType::Wire, atom.bits() as u32, &path.join("_"), None);
        if let Some(id) = self.note(added) {
            self.vars.push(id);
        }
    }
}

struct Values(Vec<Vec<bool>>);

impl Probe for Values {
    fn visit_atom(&mut self, _: &str, atom: &dyn Atom) {
        self.0.push(atom_bits(atom));
    }
}
