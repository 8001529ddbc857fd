//! Random expressions and statements: what a small interpreter of Rust's meaning says, Icarus and Verilator must say too.

#![allow(missing_docs)]

use peb_verilog::{assert_equivalent, check_equivalent_verilator, Recording};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::ast::{
    VerilogBlockOrConditional, VerilogCase, VerilogConditional, VerilogExpression as E, VerilogLoop, VerilogMatch,
    VerilogOp as Op, VerilogOpUnary as Unary, VerilogStatement,
};
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

/// Two inputs of each width, and outputs and variables that random logic computes of them: first each once,
/// then again under conditions, in matches and loops, and in part.
struct Random {
    ports: Vec<Port>,
    logic: Vec<VerilogStatement>,
    loops: Vec<(String, u128)>,
}

impl Logic for Random {
    fn update(&mut self) {
        let logic = std::mem::take(&mut self.logic);
        self.run(&logic);
        self.logic = logic;
    }
    fn hdl(&self) -> Verilog {
        Verilog::Combinatorial(self.logic.clone())
    }
}

impl Block for Random {
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

impl Random {
    fn assign(&mut self, target: &E, offset: usize, width: Option<usize>, (value, bits): (u128, usize)) {
        let E::Signal(name) = target else { unreachable!() };
        let port = self.ports.iter_mut().find(|p| p.name == *name).unwrap();
        let width = width.unwrap_or(port.bits);
        assert!(bits == width || bits == 0, "{name}");
        let mask = cut(u128::MAX, width) << offset;
        port.value = (port.value & !mask) | (value << offset & mask);
    }

    fn run(&mut self, block: &[VerilogStatement]) {
        for statement in block {
            match statement {
                VerilogStatement::Assignment(target, e) => self.assign(target, 0, None, self.evaluate(e)),
                VerilogStatement::SliceAssignment { base, width, offset, replacement } => {
                    let offset = self.evaluate(offset).0 as usize;
                    self.assign(base, offset, Some(*width), self.evaluate(replacement));
                }
                VerilogStatement::If(c) => {
                    if self.evaluate(&c.test).0 == 1 {
                        self.run(&c.then);
                    } else {
                        match &c.otherwise {
                            VerilogBlockOrConditional::Block(block) => self.run(block),
                            VerilogBlockOrConditional::Conditional(s) => self.run(std::slice::from_ref(s)),
                            VerilogBlockOrConditional::None => {}
                        }
                    }
                }
                VerilogStatement::Match(m) => {
                    let test = self.evaluate(&m.test).0.to_string();
                    let taken = m.cases.iter().find(|c| c.condition == test || c.condition == "default");
                    taken.iter().for_each(|c| self.run(&c.block));
                }
                VerilogStatement::Loop(l) => {
                    for i in l.from.as_usize()..l.to.as_usize() {
                        self.loops.push((l.index.clone(), i as u128));
                        self.run(&l.block);
                        self.loops.pop();
                    }
                }
                _ => unreachable!(),
            }
        }
    }

    /// What Rust would compute: value and width. Bare numbers have width 0 until they meet a partner.
    fn evaluate(&self, e: &E) -> (u128, usize) {
        match e {
            E::Signal(name) if self.loops.iter().any(|(n, _)| n == name) => {
                (self.loops.iter().rev().find(|(n, _)| n == name).unwrap().1, 0)
            }
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
    /// Signals that can be assigned again.
    writable: Vec<(usize, String)>,
    /// Loops around what is drawn.
    loops: usize,
}

impl Source {
    fn width(&mut self) -> usize {
        *WIDTHS.choose(&mut self.random).unwrap()
    }

    fn number(&mut self, bits: usize) -> E {
        if bits >= 2 && self.loops > 0 && self.random.gen() {
            return E::Signal(format!("i{}", self.random.gen_range(0..self.loops)));
        }
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

    fn block(&mut self, depth: usize) -> Vec<VerilogStatement> {
        (0..self.random.gen_range(1..4)).map(|_| self.statement(depth)).collect()
    }

    fn statement(&mut self, depth: usize) -> VerilogStatement {
        let (bits, name) = self.writable.choose(&mut self.random).unwrap().clone();
        let kind = if depth == 0 { 0 } else { self.random.gen_range(0..6) };
        match kind {
            0 | 1 => VerilogStatement::Assignment(E::Signal(name), self.expression(bits, 2)),
            2 => {
                let width = self.random.gen_range(1..=bits);
                VerilogStatement::SliceAssignment {
                    base: E::Signal(name),
                    width,
                    offset: E::Literal(self.random.gen_range(0..=bits - width).into()),
                    replacement: E::Cast(Box::new(self.expression(bits, 2)), width),
                }
            }
            3 => VerilogStatement::If(self.conditional(depth)),
            4 => {
                let bits = *[1, 2, 5].choose(&mut self.random).unwrap();
                let mut cases = vec![];
                for value in 0..2 {
                    cases.push(VerilogCase { condition: value.to_string(), block: self.block(depth - 1) });
                }
                if bits > 1 {
                    cases.push(VerilogCase { condition: "default".to_string(), block: self.block(depth - 1) });
                }
                VerilogStatement::Match(VerilogMatch { test: *self.paren(bits, 1), cases })
            }
            _ => {
                let index = format!("i{}", self.loops);
                self.loops += 1;
                let block = self.block(depth - 1);
                self.loops -= 1;
                VerilogStatement::Loop(VerilogLoop { index, from: 1usize.into(), to: 4usize.into(), block })
            }
        }
    }

    fn conditional(&mut self, depth: usize) -> VerilogConditional {
        VerilogConditional {
            test: self.expression(1, 2),
            then: self.block(depth - 1),
            otherwise: match self.random.gen_range(0..3) {
                0 => VerilogBlockOrConditional::None,
                1 => VerilogBlockOrConditional::Block(self.block(depth - 1)),
                _ if depth > 1 => {
                    let next = VerilogStatement::If(self.conditional(depth - 1));
                    VerilogBlockOrConditional::Conditional(Box::new(next))
                }
                _ => VerilogBlockOrConditional::None,
            },
        }
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

fn design(seed: u64, outputs: usize) -> (Random, Source) {
    let mut source = Source { random: ChaCha8Rng::seed_from_u64(seed), readable: vec![], writable: vec![], loops: 0 };
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
        for (name, kind) in [("local", AtomKind::LocalSignal), ("y", AtomKind::OutputParameter)] {
            let bits = source.width();
            let name = format!("{name}{i}");
            port(name.clone(), kind, bits);
            logic.push(VerilogStatement::Assignment(E::Signal(name.clone()), source.expression(bits, 4)));
            source.readable.push((bits, name.clone()));
            // The others stay continuous.
            if i % 2 == 0 {
                source.writable.push((bits, name));
            }
        }
    }
    for _ in 0..outputs {
        logic.push(source.statement(3));
    }
    (Random { ports, logic, loops: vec![] }, source)
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
fn random_logic_means_the_same_in_icarus() {
    for seed in 0..20 {
        assert_equivalent(&record(seed, 30, 150));
    }
}

#[test]
fn random_logic_means_the_same_in_verilator() {
    let recordings: Vec<Recording> = (100..104).map(|seed| record(seed, 20, 300)).collect();
    let recordings: Vec<&Recording> = recordings.iter().collect();
    check_equivalent_verilator(&recordings).unwrap_or_else(|e| panic!("{e}"));
}
