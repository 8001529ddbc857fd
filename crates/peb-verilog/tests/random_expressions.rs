//! Random expressions: what a small interpreter of Rust's meaning says, Icarus and Verilator must say too.

#![allow(missing_docs)]

use peb_verilog::{assert_equivalent, check_equivalent_verilator, Recording};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::ast::{VerilogExpression as E, VerilogOp as Op, VerilogOpUnary as Unary, VerilogStatement};
use rust_hdl::prelude::*;

const WIDTHS: [usize; 7] = [1, 2, 5, 8, 13, 64, 100];

/// A port whose width is known at run time only.
struct Port {
    name: String,
    kind: AtomKind,
    bits: usize,
    value: u128,
}

impl Atom for Port {
    fn bits(&self) -> usize {
        self.bits
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        false
    }
    fn kind(&self) -> AtomKind {
        self.kind
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor { name: format!("Bits{}", self.bits), kind: TypeKind::Bits(self.bits) }
    }
    fn vcd(&self) -> VCDValue {
        VCDValue::Vector(vec![])
    }
    fn id(&self) -> usize {
        0
    }
    fn verilog(&self) -> VerilogLiteral {
        self.value.into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        vec![]
    }
}

/// Two inputs of each width, and outputs that are random expressions of them. Half of the expressions go through
/// variables that are written twice, so that they are procedural.
struct Expressions {
    ports: Vec<Port>,
    logic: Vec<(usize, E)>,
}

impl Logic for Expressions {
    fn update(&mut self) {
        for (target, e) in &self.logic {
            let (value, bits) = self.evaluate(e);
            assert_eq!(bits, self.ports[*target].bits, "{e:?}");
            self.ports[*target].value = value;
        }
    }
    fn hdl(&self) -> Verilog {
        let assign = |(target, e): &(usize, E)| {
            VerilogStatement::Assignment(E::Signal(self.ports[*target].name.clone()), e.clone())
        };
        Verilog::Combinatorial(self.logic.iter().map(assign).collect())
    }
}

impl Block for Expressions {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        self.ports.iter().for_each(|p| probe.visit_atom(&p.name, p));
        probe.visit_end_scope(name, self);
    }
}

fn cut(value: u128, bits: usize) -> u128 {
    value & (u128::MAX >> (128 - bits))
}

fn shifted(left: u128, by: u128, bits: usize, up: bool) -> u128 {
    match (by < bits as u128, up) {
        (false, _) => 0,
        (true, true) => cut(left << by, bits),
        (true, false) => left >> by,
    }
}

impl Expressions {
    /// What Rust would compute: value and width. Bare numbers have width 0 until they meet a partner.
    fn evaluate(&self, e: &E) -> (u128, usize) {
        match e {
            E::Signal(name) => self.ports.iter().find(|p| p.name == *name).map(|p| (p.value, p.bits)).unwrap(),
            E::Literal(l) => {
                let text = format!("{l:x}");
                (u128::from_str_radix(text.split_once('h').unwrap().1, 16).unwrap(), 0)
            }
            E::Paren(e) => self.evaluate(e),
            E::Cast(e, bits) => (cut(self.evaluate(e).0, *bits), *bits),
            E::Binary(l, op, r) => {
                let ((l, bits), (r, _)) = (self.evaluate(l), self.evaluate(r));
                match op {
                    Op::Add => (cut(l.wrapping_add(r), bits), bits),
                    Op::Sub => (cut(l.wrapping_sub(r), bits), bits),
                    Op::BitAnd => (l & r, bits),
                    Op::BitOr => (l | r, bits),
                    Op::BitXor => (l ^ r, bits),
                    Op::Shl => (shifted(l, r, bits, true), bits),
                    Op::Shr => (shifted(l, r, bits, false), bits),
                    Op::LogicalAnd => (l & r, 1),
                    Op::LogicalOr => (l | r, 1),
                    Op::Eq => ((l == r) as u128, 1),
                    Op::Ne => ((l != r) as u128, 1),
                    Op::Lt => ((l < r) as u128, 1),
                    Op::Le => ((l <= r) as u128, 1),
                    Op::Gt => ((l > r) as u128, 1),
                    Op::Ge => ((l >= r) as u128, 1),
                    Op::Mul => unreachable!(),
                }
            }
            E::Unary(op, e) => {
                let (v, bits) = self.evaluate(e);
                match op {
                    Unary::Not => (cut(!v, bits), bits),
                    Unary::All => ((v == cut(u128::MAX, bits)) as u128, 1),
                    Unary::Any => ((v != 0) as u128, 1),
                    Unary::Xor => ((v.count_ones() % 2) as u128, 1),
                    Unary::Neg => unreachable!(),
                }
            }
            E::Index(e, i) => {
                let ((v, bits), (i, _)) = (self.evaluate(e), self.evaluate(i));
                (shifted(v, i, bits, false) & 1, 1)
            }
            E::Slice(e, width, i) => {
                let ((v, bits), (i, _)) = (self.evaluate(e), self.evaluate(i));
                (cut(shifted(v, i, bits, false), *width), *width)
            }
            E::IndexReplace(e, i, b) => {
                let ((v, bits), (i, _), (b, _)) = (self.evaluate(e), self.evaluate(i), self.evaluate(b));
                let one = shifted(1, i, bits, true);
                ((v & !one) | if b == 1 { one } else { 0 }, bits)
            }
            E::Signed(_) | E::Unsigned(_) => unreachable!(),
        }
    }
}

/// Draws expressions.
struct Source {
    random: ChaCha8Rng,
    /// Signals that can be read, by width.
    readable: Vec<(usize, String)>,
}

impl Source {
    fn width(&mut self) -> usize {
        *WIDTHS.choose(&mut self.random).unwrap()
    }

    fn number(&mut self, bits: usize) -> E {
        let value = if self.random.gen() { self.random.gen_range(0..4) } else { self.random.gen::<u128>() };
        E::Literal(cut(value, bits.min(64)).into())
    }

    fn leaf(&mut self, bits: usize) -> E {
        if self.random.gen_ratio(1, 8) {
            return E::Cast(Box::new(self.number(bits)), bits);
        }
        let of_width: Vec<&String> = self.readable.iter().filter(|(b, _)| *b == bits).map(|(_, n)| n).collect();
        E::Signal((*of_width.choose(&mut self.random).unwrap()).clone())
    }

    fn paren(&mut self, bits: usize, depth: usize) -> Box<E> {
        Box::new(E::Paren(Box::new(self.expression(bits, depth))))
    }

    fn index(&mut self, depth: usize) -> Box<E> {
        let bits = *[1, 2, 5, 8].choose(&mut self.random).unwrap();
        if self.random.gen() {
            Box::new(E::Literal(self.random.gen_range(0..110u64).into()))
        } else {
            self.paren(bits, depth)
        }
    }

    fn binary(&mut self, bits: usize, ops: &[Op], depth: usize) -> E {
        let left = self.paren(bits, depth);
        let right = if self.random.gen_ratio(1, 4) { Box::new(self.number(bits)) } else { self.paren(bits, depth) };
        E::Binary(left, ops.choose(&mut self.random).unwrap().clone(), right)
    }

    fn expression(&mut self, bits: usize, depth: usize) -> E {
        if depth == 0 {
            return self.leaf(bits);
        }
        let depth = depth - 1;
        let other = self.width();
        match self.random.gen_range(0..if bits == 1 { 13 } else { 9 }) {
            0 => self.leaf(bits),
            1 | 2 => self.binary(bits, &[Op::Add, Op::Sub], depth),
            3 => self.binary(bits, &[Op::BitAnd, Op::BitOr, Op::BitXor], depth),
            4 => {
                let (left, right) = (self.paren(bits, depth), self.index(depth));
                E::Binary(left, if self.random.gen() { Op::Shl } else { Op::Shr }, right)
            }
            5 => E::Unary(Unary::Not, self.paren(bits, depth)),
            6 => E::Cast(self.paren(other, depth), bits),
            7 => E::Slice(self.paren(other, depth), bits, self.index(depth)),
            8 => E::IndexReplace(self.paren(bits, depth), self.index(depth), self.paren(1, depth)),
            9 | 10 => self.binary(other, &[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge], depth),
            11 => E::Index(self.paren(other, depth), self.index(depth)),
            _ => {
                let op = [Unary::All, Unary::Any, Unary::Xor].choose(&mut self.random).unwrap().clone();
                E::Unary(op, self.paren(other, depth))
            }
        }
    }
}

fn design(seed: u64, outputs: usize) -> (Expressions, Source) {
    let mut source = Source { random: ChaCha8Rng::seed_from_u64(seed), readable: vec![] };
    let mut ports = vec![];
    let mut port = |name: String, kind, bits| {
        ports.push(Port { name, kind, bits, value: 0 });
        ports.len() - 1
    };
    for bits in WIDTHS {
        for side in ["a", "b"] {
            source.readable.push((bits, format!("{side}{bits}")));
            port(format!("{side}{bits}"), AtomKind::InputParameter, bits);
        }
    }
    let mut logic = vec![];
    for i in 0..outputs {
        let bits = source.width();
        if i % 2 == 0 {
            let target = port(format!("local{i}"), AtomKind::LocalSignal, bits);
            logic.push((target, source.expression(bits, 2)));
            source.readable.push((bits, format!("local{i}")));
            logic.push((target, source.expression(bits, 2)));
        }
        let bits = source.width();
        let target = port(format!("y{i}"), AtomKind::OutputParameter, bits);
        logic.push((target, source.expression(bits, 4)));
    }
    (Expressions { ports, logic }, source)
}

fn record(seed: u64, outputs: usize, clocks: usize) -> Recording {
    println!("seed {seed}");
    let (mut block, mut source) = design(seed, outputs);
    let mut recording =
        Recording::new(&block, &format!("random_{seed}")).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    for _ in 0..clocks {
        for port in block.ports.iter_mut().filter(|p| p.kind == AtomKind::InputParameter) {
            let edges = [0, 1, u128::MAX, u128::MAX - 1, source.random.gen(), source.random.gen()];
            port.value = cut(*edges.choose(&mut source.random).unwrap(), port.bits);
        }
        block.update();
        recording.sample(&block);
    }
    recording
}

#[test]
fn random_expressions_mean_the_same_in_icarus() {
    for seed in 0..20 {
        assert_equivalent(&record(seed, 60, 150));
    }
}

#[test]
fn random_expressions_mean_the_same_in_verilator() {
    let recordings: Vec<Recording> = (100..104).map(|seed| record(seed, 40, 300)).collect();
    let recordings: Vec<&Recording> = recordings.iter().collect();
    check_equivalent_verilator(&recordings).unwrap_or_else(|e| panic!("{e}"));
}
