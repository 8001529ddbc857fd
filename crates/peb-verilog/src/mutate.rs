//! Random faults in a block's logic, to see whether its test would notice them.

use crate::export::export_scope;
use crate::tree::Scope;
use rust_hdl::prelude::ast::{
    VerilogBlockOrConditional, VerilogConditional, VerilogExpression, VerilogOp, VerilogOpUnary, VerilogStatement,
};
use rust_hdl::prelude::{Block, Verilog, VerilogLiteral};

/// A design with one fault in the logic of its top block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// What was changed.
    pub description: String,
    /// The Verilog of the design with the fault.
    pub verilog: String,
}

/// Up to `n` designs that differ from `top` in one operator, number, condition or assignment of the top block's
/// own logic, drawn by `seed`, no two alike. Children keep their logic: they have tests of their own. Fewer come
/// back if the block has fewer places to change. A change that the exporter itself refuses is no mutant.
pub fn mutate(top: &dyn Block, name: &str, seed: u64, n: usize) -> Vec<Mutant> {
    mutate_scope(&Scope::read(top, name), name, seed, n)
}

/// [`mutate`] of a design that was read before.
pub(crate) fn mutate_scope(scope: &Scope, name: &str, seed: u64, n: usize) -> Vec<Mutant> {
    let print = |scope: &Scope| export_scope(scope, name, false).ok();
    let mutant = |f: Fault| Mutant { description: f.description, verilog: f.text };
    faults(scope, seed, n, print).into_iter().map(mutant).collect()
}

/// One fault in a block.
pub(crate) struct Fault {
    /// Which of its places was changed.
    pub site: usize,
    /// What was changed.
    pub description: String,
    /// What is printed with the fault.
    pub text: String,
}

/// Up to `n` faults in the logic of a block, drawn by `seed`, that `print` accepts, no two printed alike.
pub(crate) fn faults(scope: &Scope, seed: u64, n: usize, print: impl Fn(&Scope) -> Option<String>) -> Vec<Fault> {
    let (Verilog::Combinatorial(block), Some(original)) = (&scope.hdl, print(scope)) else { return vec![] };
    let mut order: Vec<usize> = (0..places(block)).collect();
    let mut random = Random(seed);
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    let mut out: Vec<Fault> = vec![];
    let mut mutated = scope.clone();
    for site in order {
        if out.len() == n {
            break;
        }
        let Some((block, description)) = mutant(block, site) else { continue };
        mutated.hdl = Verilog::Combinatorial(block);
        let Some(text) = print(&mutated) else { continue };
        if text != original && out.iter().all(|f| f.text != text) {
            out.push(Fault { site, description, text });
        }
    }
    out
}

/// How many places some logic has for a fault.
pub(crate) fn places(block: &[VerilogStatement]) -> usize {
    let mut mutator = Mutator { at: 0, site: usize::MAX, done: None };
    mutator.block(&mut block.to_vec());
    mutator.at
}

/// Some logic with fault number `site`, and its description.
pub(crate) fn mutant(block: &[VerilogStatement], site: usize) -> Option<(Vec<VerilogStatement>, String)> {
    let mut block = block.to_vec();
    let mut mutator = Mutator { at: 0, site, done: None };
    mutator.block(&mut block);
    mutator.done.map(|description| (block, description))
}

/// A small generator (SplitMix64), so that a seed means the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// Walks the logic, counts the places, and changes number `site`.
struct Mutator {
    at: usize,
    site: usize,
    done: Option<String>,
}

impl Mutator {
    /// Whether this place is the one to change.
    fn here(&mut self) -> bool {
        self.at += 1;
        self.at - 1 == self.site
    }

    fn block(&mut self, block: &mut Vec<VerilogStatement>) {
        let mut drop = None;
        for (i, statement) in block.iter_mut().enumerate() {
            if let VerilogStatement::Assignment(target, _) | VerilogStatement::SliceAssignment { base: target, .. } =
                &statement
            {
                if self.here() {
                    self.done = Some(format!("assignment to {} dropped", show(target)));
                    drop = Some(i);
                }
            }
            self.statement(statement);
        }
        if let Some(i) = drop {
            block.remove(i);
        }
    }

    fn statement(&mut self, statement: &mut VerilogStatement) {
        match statement {
            VerilogStatement::Assignment(_, value) => self.expression(value),
            VerilogStatement::SliceAssignment { replacement, .. } => self.expression(replacement),
            VerilogStatement::If(conditional) => self.conditional(conditional),
            VerilogStatement::Match(m) => {
                self.expression(&mut m.test);
                for case in &mut m.cases {
                    self.block(&mut case.block);
                }
            }
            VerilogStatement::Loop(l) => self.block(&mut l.block),
            VerilogStatement::Macro(_) | VerilogStatement::Comment(_) | VerilogStatement::Link(_) => {}
        }
    }

    fn conditional(&mut self, c: &mut VerilogConditional) {
        if self.here() {
            self.done = Some(format!("condition {} negated", show(&c.test)));
            let test = Box::new(VerilogExpression::Paren(Box::new(c.test.clone())));
            c.test = VerilogExpression::Unary(VerilogOpUnary::Not, test);
            return;
        }
        self.expression(&mut c.test);
        self.block(&mut c.then);
        match &mut c.otherwise {
            VerilogBlockOrConditional::Block(block) => self.block(block),
            VerilogBlockOrConditional::Conditional(statement) => self.statement(statement),
            VerilogBlockOrConditional::None => {}
        }
    }

    fn expression(&mut self, e: &mut VerilogExpression) {
        let before = show(e);
        match e {
            VerilogExpression::Binary(l, op, r) => {
                for other in replacements(op) {
                    if self.here() {
                        self.done = Some(format!("{before}: operator {op:?} became {other:?}"));
                        *op = other;
                        return;
                    }
                }
                self.expression(l);
                self.expression(r);
            }
            VerilogExpression::Unary(op, inner) => {
                if self.here() {
                    self.done = Some(format!("{before}: operator {op:?} {}", swap(op)));
                    if matches!(op, VerilogOpUnary::Not) {
                        *e = VerilogExpression::Paren(inner.clone());
                    }
                    return;
                }
                self.expression(inner);
            }
            VerilogExpression::Literal(literal) => self.literal(literal),
            VerilogExpression::Cast(inner, _)
            | VerilogExpression::Signed(inner)
            | VerilogExpression::Unsigned(inner)
            | VerilogExpression::Paren(inner) => self.expression(inner),
            VerilogExpression::Index(base, index) | VerilogExpression::Slice(base, _, index) => {
                self.expression(base);
                self.expression(index);
            }
            VerilogExpression::IndexReplace(base, index, value) => {
                self.expression(base);
                self.expression(index);
                self.expression(value);
            }
            VerilogExpression::Signal(_) => {}
        }
    }

    /// One more, or one less; a truth value the other way round.
    fn literal(&mut self, literal: &mut VerilogLiteral) {
        let text = literal.to_string();
        let Ok(value) = u128::from_str_radix(&crate::tree::hex_digits(literal), 16) else { return };
        let others: Vec<VerilogLiteral> = if text.starts_with("1'") {
            vec![(value == 0).into()]
        } else {
            let mut others: Vec<VerilogLiteral> = vec![value.wrapping_add(1).into()];
            others.extend((value > 0).then(|| VerilogLiteral::from(value.wrapping_sub(1))));
            others
        };
        for other in others {
            if self.here() {
                self.done = Some(format!("number {value} became {}", decimal(&other)));
                *literal = other;
                return;
            }
        }
    }
}

/// A number for a reader.
fn decimal(literal: &VerilogLiteral) -> String {
    let digits = crate::tree::hex_digits(literal);
    u128::from_str_radix(&digits, 16).map_or(digits, |v| v.to_string())
}

/// What a unary operator turns into: `Not` goes away, the reductions change places.
fn swap(op: &mut VerilogOpUnary) -> &'static str {
    match op {
        VerilogOpUnary::All => {
            *op = VerilogOpUnary::Any;
            "became Any"
        }
        VerilogOpUnary::Any => {
            *op = VerilogOpUnary::All;
            "became All"
        }
        VerilogOpUnary::Xor => {
            *op = VerilogOpUnary::Any;
            "became Any"
        }
        VerilogOpUnary::Not | VerilogOpUnary::Neg => "removed",
    }
}

fn replacements(op: &VerilogOp) -> Vec<VerilogOp> {
    match op {
        VerilogOp::Add => vec![VerilogOp::Sub],
        VerilogOp::Sub => vec![VerilogOp::Add],
        VerilogOp::LogicalAnd => vec![VerilogOp::LogicalOr],
        VerilogOp::LogicalOr => vec![VerilogOp::LogicalAnd],
        VerilogOp::BitAnd => vec![VerilogOp::BitOr, VerilogOp::BitXor],
        VerilogOp::BitOr => vec![VerilogOp::BitAnd, VerilogOp::BitXor],
        VerilogOp::BitXor => vec![VerilogOp::BitAnd, VerilogOp::BitOr],
        VerilogOp::Shl => vec![VerilogOp::Shr],
        VerilogOp::Shr => vec![VerilogOp::Shl],
        VerilogOp::Eq => vec![VerilogOp::Ne],
        VerilogOp::Ne => vec![VerilogOp::Eq],
        VerilogOp::Lt => vec![VerilogOp::Le, VerilogOp::Ge],
        VerilogOp::Le => vec![VerilogOp::Lt, VerilogOp::Gt],
        VerilogOp::Gt => vec![VerilogOp::Ge, VerilogOp::Le],
        VerilogOp::Ge => vec![VerilogOp::Gt, VerilogOp::Lt],
        VerilogOp::Mul => vec![],
    }
}

/// An expression for a reader.
fn show(e: &VerilogExpression) -> String {
    match e {
        VerilogExpression::Signal(name) => name.replace('$', "."),
        VerilogExpression::Literal(l) => decimal(l),
        VerilogExpression::Cast(e, bits) => format!("cast{bits}({})", show(e)),
        VerilogExpression::Paren(e) => format!("({})", show(e)),
        VerilogExpression::Binary(l, op, r) => format!("{} {op:?} {}", show(l), show(r)),
        VerilogExpression::Unary(op, e) => format!("{op:?} {}", show(e)),
        VerilogExpression::Index(b, i) => format!("{}[{}]", show(b), show(i)),
        VerilogExpression::Slice(b, bits, i) => format!("{}[{}+:{bits}]", show(b), show(i)),
        VerilogExpression::IndexReplace(b, i, v) => format!("{} with [{}] = {}", show(b), show(i), show(v)),
        VerilogExpression::Signed(e) | VerilogExpression::Unsigned(e) => show(e),
    }
}
