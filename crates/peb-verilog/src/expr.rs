//! Sized expressions: every node knows its width, as Rust's types do.
//!
//! Parts are shared: a copy of an expression takes no memory, and a word whose bits are replaced one by one, each time in a copy
//! of all that was before, stays as small as its text.

use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;

/// Index of a [`crate::lower::Var`].
pub type VarId = usize;

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Wrapping sum.
    Add,
    /// Wrapping difference.
    Sub,
    /// Product, at the width of the result.
    Mul,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Left shift; 0 from the width on.
    Shl,
    /// Right shift; 0 from the width on.
    Shr,
    /// Both true.
    LogicalAnd,
    /// Either true.
    LogicalOr,
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl Op {
    /// The Verilog operator.
    pub fn symbol(self) -> &'static str {
        match self {
            Op::Add => "+",
            Op::Sub => "-",
            Op::Mul => "*",
            Op::And => "&",
            Op::Or => "|",
            Op::Xor => "^",
            Op::Shl => "<<",
            Op::Shr => ">>",
            Op::LogicalAnd => "&&",
            Op::LogicalOr => "||",
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
        }
    }

    /// The comparison with its sides exchanged.
    fn mirrored(self) -> Op {
        match self {
            Op::Lt => Op::Gt,
            Op::Le => Op::Ge,
            Op::Gt => Op::Lt,
            Op::Ge => Op::Le,
            other => other,
        }
    }

    /// Whether the result is one bit whatever the operands are.
    pub fn is_comparison(self) -> bool {
        matches!(self, Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge)
    }
}

/// Operators from a word to one bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// All bits are 1.
    All,
    /// Any bit is 1.
    Any,
    /// Parity.
    Parity,
}

/// What an expression is made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A number, with the constant or state it was named by.
    Literal(u128, Option<VarId>),
    /// A signal.
    Var(VarId),
    /// All bits inverted.
    Not(Rc<Expr>),
    /// Two operands.
    Binary(Op, Rc<Expr>, Rc<Expr>),
    /// A word to one bit.
    Reduce(Reduce, Rc<Expr>),
    /// Bits from an offset up, all within the operand.
    Slice(Rc<Expr>, usize),
    /// Zero-extended.
    Extend(Rc<Expr>),
    /// Concatenation, the first in the high bits.
    Concat(Rc<[Expr]>),
}

/// An expression of a known width.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// Its width.
    pub bits: usize,
}

fn mask(bits: usize) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1 << bits) - 1
    }
}

impl Expr {
    /// A number.
    pub fn literal(value: u128, bits: usize) -> Expr {
        Expr { node: Node::Literal(value & mask(bits), None), bits }
    }

    /// A signal.
    pub fn var(id: VarId, bits: usize) -> Expr {
        Expr { node: Node::Var(id), bits }
    }

    /// The value, if it is a number of at most 128 bits.
    pub fn value(&self) -> Option<u128> {
        match self.node {
            Node::Literal(value, _) if self.bits <= 128 => Some(value),
            _ => None,
        }
    }

    /// All bits inverted.
    pub fn invert(self) -> Expr {
        match self.value() {
            Some(value) => Expr::literal(!value, self.bits),
            None => Expr { bits: self.bits, node: Node::Not(Rc::new(self)) },
        }
    }

    /// Two operands of the same width (shifts excepted), at the width Rust gives the result.
    pub fn binary(op: Op, left: Expr, right: Expr) -> Expr {
        let bits = if op.is_comparison() { 1 } else { left.bits };
        if let (Some(l), Some(r)) = (left.value(), right.value()) {
            return Expr::literal(fold(op, l, r, bits), bits);
        }
        if op.is_comparison() && left.value().is_some() {
            return Expr::binary(op.mirrored(), right, left);
        }
        let all_ones = mask(left.bits);
        match (op, right.value()) {
            (Op::Shl | Op::Shr, Some(by)) if by >= bits as u128 => return Expr::literal(0, bits),
            (Op::Shl | Op::Shr | Op::Add | Op::Sub | Op::Or | Op::Xor, Some(0)) => return left,
            (Op::Ge, Some(0)) => return Expr::literal(1, 1),
            (Op::Lt, Some(0)) => return Expr::literal(0, 1),
            (Op::Le, Some(v)) if left.bits <= 128 && v == all_ones => return Expr::literal(1, 1),
            (Op::Gt, Some(v)) if left.bits <= 128 && v == all_ones => return Expr::literal(0, 1),
            (Op::LogicalAnd, Some(0)) => return Expr::literal(0, 1),
            (Op::LogicalAnd, Some(_)) => return left,
            (Op::LogicalOr, Some(0)) => return left,
            (Op::LogicalOr, Some(_)) => return Expr::literal(1, 1),
            _ => {}
        }
        match (op, left.value()) {
            (Op::LogicalAnd, Some(0)) => return Expr::literal(0, 1),
            (Op::LogicalAnd, Some(_)) => return right,
            (Op::LogicalOr, Some(0)) => return right,
            (Op::LogicalOr, Some(_)) => return Expr::literal(1, 1),
            _ => {}
        }
        Expr { node: Node::Binary(op, Rc::new(left), Rc::new(right)), bits }
    }

    /// A product of both widths together.
    pub fn product(left: Expr, right: Expr) -> Expr {
        let bits = left.bits + right.bits;
        let (left, right) = (left.resize(bits), right.resize(bits));
        Expr { node: Node::Binary(Op::Mul, Rc::new(left), Rc::new(right)), bits }
    }

    /// A word to one bit.
    pub fn reduce(self, how: Reduce) -> Expr {
        match self.value() {
            Some(value) => {
                let bit = match how {
                    Reduce::All => value == mask(self.bits),
                    Reduce::Any => value != 0,
                    Reduce::Parity => value.count_ones() % 2 == 1,
                };
                Expr::literal(bit as u128, 1)
            }
            None if self.bits == 1 => self,
            None => Expr { node: Node::Reduce(how, Rc::new(self)), bits: 1 },
        }
    }

    /// `bits` bits from `offset` up; 0 beyond the width.
    pub fn slice(self, offset: usize, bits: usize) -> Expr {
        if offset >= self.bits {
            return Expr::literal(0, bits);
        }
        if offset + bits > self.bits {
            let inside = self.bits - offset;
            return self.slice(offset, inside).resize(bits);
        }
        if offset == 0 && bits == self.bits {
            return self;
        }
        if let Some(value) = self.value() {
            return Expr::literal(value >> offset, bits);
        }
        match self.node {
            Node::Slice(inner, below) => Expr::clone(&inner).slice(below + offset, bits),
            Node::Extend(inner) => Expr::clone(&inner).slice(offset, bits),
            _ => Expr { node: Node::Slice(Rc::new(self), offset), bits },
        }
    }

    /// Cut or zero-extended.
    pub fn resize(self, bits: usize) -> Expr {
        if bits <= self.bits {
            return self.slice(0, bits);
        }
        match self.node {
            Node::Literal(value, _) => Expr::literal(value, bits),
            Node::Extend(inner) => Expr { node: Node::Extend(inner), bits },
            _ => Expr { node: Node::Extend(Rc::new(self)), bits },
        }
    }

    /// The word with one bit replaced; unchanged if `index` is beyond the width.
    pub fn replace_bit(self, index: Expr, value: Expr) -> Expr {
        let bits = self.bits;
        if let Some(index) = index.value() {
            if index >= bits as u128 {
                return self;
            }
            let index = index as usize;
            let mut parts = vec![];
            if index + 1 < bits {
                parts.push(self.clone().slice(index + 1, bits - index - 1));
            }
            parts.push(value);
            if index > 0 {
                parts.push(self.slice(0, index));
            }
            return if parts.len() == 1 { parts.remove(0) } else { Expr { node: Node::Concat(parts.into()), bits } };
        }
        let hole = Expr::binary(Op::Shl, Expr::literal(1, bits), index.clone()).invert();
        let filler = Expr::binary(Op::Shl, value.resize(bits), index);
        Expr::binary(Op::Or, Expr::binary(Op::And, self, hole), filler)
    }

    /// `bits` bits from a run-time `index` up; 0 beyond the width.
    pub fn select(self, index: Expr, bits: usize) -> Expr {
        if let Some(index) = index.value() {
            return if index >= self.bits as u128 { Expr::literal(0, bits) } else { self.slice(index as usize, bits) };
        }
        if bits == 1 {
            let one = Expr::literal(1, self.bits);
            let bit = Expr::binary(Op::And, Expr::binary(Op::Shr, self, index), one);
            return bit.reduce(Reduce::Any);
        }
        Expr::binary(Op::Shr, self, index).resize(bits)
    }

    /// Calls `see` for every signal read, with the bits read of it; what is shared is looked at once.
    pub fn reads(&self, see: &mut dyn FnMut(VarId, Range<usize>)) {
        self.reads_but(&mut HashSet::new(), see);
    }

    fn reads_but(&self, seen: &mut HashSet<*const Expr>, see: &mut dyn FnMut(VarId, Range<usize>)) {
        match &self.node {
            Node::Literal(..) => {}
            Node::Var(id) => see(*id, 0..self.bits),
            Node::Slice(inner, offset) => match inner.node {
                Node::Var(id) => see(id, *offset..offset + self.bits),
                _ => inner.reads_but(seen, see),
            },
            Node::Not(e) | Node::Reduce(_, e) | Node::Extend(e) => e.reads_but(seen, see),
            Node::Binary(_, l, r) => {
                l.reads_but(seen, see);
                r.reads_but(seen, see);
            }
            Node::Concat(parts) => {
                if seen.insert(parts.as_ptr()) {
                    parts.iter().for_each(|p| p.reads_but(seen, see));
                }
            }
        }
    }
}

fn fold(op: Op, l: u128, r: u128, bits: usize) -> u128 {
    match op {
        Op::Add => l.wrapping_add(r),
        Op::Sub => l.wrapping_sub(r),
        Op::Mul => l.wrapping_mul(r),
        Op::And => l & r,
        Op::Or => l | r,
        Op::Xor => l ^ r,
        Op::Shl if r < bits as u128 => l << r,
        Op::Shr if r < bits as u128 => l >> r,
        Op::Shl | Op::Shr => 0,
        Op::LogicalAnd => (l != 0 && r != 0) as u128,
        Op::LogicalOr => (l != 0 || r != 0) as u128,
        Op::Eq => (l == r) as u128,
        Op::Ne => (l != r) as u128,
        Op::Lt => (l < r) as u128,
        Op::Le => (l <= r) as u128,
        Op::Gt => (l > r) as u128,
        Op::Ge => (l >= r) as u128,
    }
}
