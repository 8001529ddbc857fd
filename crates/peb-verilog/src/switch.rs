//! Many faults of a block in one module. `+fault=NUMBER` of a simulation switches one of them on.

use crate::error::ExportError;
use crate::module::body;
use crate::mutate::{mutant, places};
use crate::tree::{Kind, Scope, Signal};
use rust_hdl::prelude::ast::{
    VerilogBlockOrConditional, VerilogCase, VerilogConditional, VerilogExpression, VerilogLoop, VerilogMatch,
    VerilogOp, VerilogStatement,
};
use rust_hdl::prelude::{TypeDescriptor, TypeKind, Verilog};
use std::collections::BTreeSet;

/// The signal that tells which fault is on.
pub(crate) const FAULT: &str = "peb_fault";
const BITS: usize = 32;
/// Faults of a block are numbered from its number, times this.
const PLACES: usize = 1 << 16;

/// What follows the name of a block's module, with the faults at `sites`.
pub(crate) fn switched(
    scope: &Scope,
    path: &str,
    children: &[Option<String>],
    module: usize,
    sites: &BTreeSet<usize>,
) -> Result<String, ExportError> {
    let mut scope = scope.clone();
    if let Verilog::Combinatorial(block) = &scope.hdl {
        let mut switch = Switch { at: 0, module, sites, loops: vec![] };
        scope.hdl = Verilog::Combinatorial(switch.block(block));
    }
    scope.signals.insert(
        0,
        Signal {
            name: FAULT.to_string(),
            kind: Kind::Input,
            bits: BITS,
            descriptor: TypeDescriptor { name: "fault".to_string(), kind: TypeKind::Bits(BITS) },
            value: String::new(),
        },
    );
    let text = body(&scope, path, false, children)?;
    let text = text.replacen(&format!("    input wire [{}:0] {FAULT},\n", BITS - 1), "", 1);
    Ok(text.replacen(");\n", &format!(");\n{}", declaration()), 1))
}

/// The number of a fault in a simulation.
pub(crate) fn fault_number(module: usize, site: usize) -> usize {
    module * PLACES + site + 1
}

/// How the modules learn which fault is on.
pub(crate) fn declaration() -> String {
    format!(
        "    reg [{}:0] {FAULT};\n    initial if (!$value$plusargs(\"fault=%d\", {FAULT})) {FAULT} = 0;\n",
        BITS - 1
    )
}

/// The text of a module in which this fault is on, for ever: no question about it is left, so that a proof sees no
/// branch that is never taken.
pub(crate) fn fixed(text: &str, number: usize) -> String {
    let text = text.replace(&declaration(), "");
    let (question, size) = (format!("{FAULT} "), format!(" {BITS}'h"));
    let mut parts = text.split(&question);
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (operator, rest) = part.split_once(&size).unwrap_or_default();
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let same = usize::from_str_radix(&rest[..end], 16) == Ok(number);
        out += if same == (operator == "==") { "1'b1" } else { "1'b0" };
        out += &rest[end..];
    }
    out
}

/// Walks the logic as the mutator does, and writes both what is and what each fault makes of it.
struct Switch<'a> {
    at: usize,
    module: usize,
    sites: &'a BTreeSet<usize>,
    loops: Vec<String>,
}

impl Switch<'_> {
    fn test(&self, op: VerilogOp, site: usize) -> VerilogExpression {
        let number = VerilogExpression::Literal((fault_number(self.module, site) as u128).into());
        VerilogExpression::Binary(Box::new(VerilogExpression::Signal(FAULT.to_string())), op, Box::new(number))
    }

    /// What the faults within a statement make of it, by their places; goes on behind it.
    fn mutants(&mut self, statement: &VerilogStatement) -> Vec<(usize, Vec<VerilogStatement>)> {
        let one = vec![statement.clone()];
        let (start, count) = (self.at, places(&one));
        self.at += count;
        let sites = self.sites.range(start..start + count);
        sites.filter_map(|site| Some((*site, mutant(&one, site - start)?.0))).collect()
    }

    /// `if` this fault is on, that; else `statement`.
    fn choose(&self, mutants: Vec<(usize, Vec<VerilogStatement>)>, statement: VerilogStatement) -> VerilogStatement {
        mutants.into_iter().rev().fold(statement, |otherwise, (site, then)| {
            VerilogStatement::If(VerilogConditional {
                test: self.test(VerilogOp::Eq, site),
                then,
                otherwise: VerilogBlockOrConditional::Conditional(Box::new(as_if(otherwise))),
            })
        })
    }

    fn block(&mut self, block: &[VerilogStatement]) -> Vec<VerilogStatement> {
        block.iter().map(|statement| self.statement(statement)).collect()
    }

    fn statement(&mut self, statement: &VerilogStatement) -> VerilogStatement {
        match statement {
            VerilogStatement::If(c) => {
                let alone = VerilogConditional {
                    test: c.test.clone(),
                    then: vec![],
                    otherwise: VerilogBlockOrConditional::None,
                };
                let mutants = self.mutants(&VerilogStatement::If(alone));
                let then = self.block(&c.then);
                let otherwise = match &c.otherwise {
                    VerilogBlockOrConditional::Block(block) => VerilogBlockOrConditional::Block(self.block(block)),
                    VerilogBlockOrConditional::Conditional(statement) => {
                        VerilogBlockOrConditional::Conditional(Box::new(self.statement(statement)))
                    }
                    VerilogBlockOrConditional::None => VerilogBlockOrConditional::None,
                };
                let tests: Vec<(usize, VerilogExpression)> = mutants.into_iter().filter_map(tested).collect();
                let with = |test| VerilogConditional { test, then: then.clone(), otherwise: otherwise.clone() };
                if self.known(&c.test) {
                    // One way or the other is not even written out.
                    let whole = tests.into_iter().map(|(site, test)| (site, vec![VerilogStatement::If(with(test))]));
                    return self.choose(whole.collect(), VerilogStatement::If(with(c.test.clone())));
                }
                VerilogStatement::If(with(self.either(tests, &c.test)))
            }
            VerilogStatement::Match(m) => {
                let alone = VerilogStatement::Match(VerilogMatch { test: m.test.clone(), cases: vec![] });
                let mutants = self.mutants(&alone);
                let cases: Vec<VerilogCase> = m
                    .cases
                    .iter()
                    .map(|case| VerilogCase { condition: case.condition.clone(), block: self.block(&case.block) })
                    .collect();
                let with = |test| VerilogStatement::Match(VerilogMatch { test, cases: cases.clone() });
                let whole = mutants.into_iter().filter_map(tested).map(|(site, test)| (site, vec![with(test)]));
                self.choose(whole.collect(), with(m.test.clone()))
            }
            VerilogStatement::Loop(l) => {
                self.loops.push(l.index.clone());
                let block = self.block(&l.block);
                self.loops.pop();
                let (index, from, to) = (l.index.clone(), l.from.clone(), l.to.clone());
                VerilogStatement::Loop(VerilogLoop { index, from, to, block })
            }
            other => {
                let mutants = self.mutants(other);
                self.choose(mutants, other.clone())
            }
        }
    }

    /// A truth value that the faults change.
    fn either(&self, tests: Vec<(usize, VerilogExpression)>, test: &VerilogExpression) -> VerilogExpression {
        let join = |l, op, r| VerilogExpression::Binary(Box::new(l), op, Box::new(r));
        let sites: Vec<usize> = tests.iter().map(|(site, _)| *site).collect();
        let sound = sites
            .iter()
            .fold(test.clone(), |sound, site| join(self.test(VerilogOp::Ne, *site), VerilogOp::LogicalAnd, sound));
        tests.into_iter().fold(sound, |all, (site, test)| {
            join(all, VerilogOp::LogicalOr, join(self.test(VerilogOp::Eq, site), VerilogOp::LogicalAnd, test))
        })
    }

    /// Whether only loop variables and numbers are in it.
    fn known(&self, e: &VerilogExpression) -> bool {
        match e {
            VerilogExpression::Signal(name) => self.loops.contains(name),
            VerilogExpression::Literal(_) => true,
            VerilogExpression::Binary(l, _, r) => self.known(l) && self.known(r),
            VerilogExpression::Paren(e) | VerilogExpression::Unary(_, e) | VerilogExpression::Cast(e, _) => {
                self.known(e)
            }
            _ => false,
        }
    }
}

/// An `else` branch holds one `if`: any other statement becomes one that is always taken.
fn as_if(statement: VerilogStatement) -> VerilogStatement {
    match statement {
        VerilogStatement::If(_) => statement,
        other => VerilogStatement::If(VerilogConditional {
            test: VerilogExpression::Literal(true.into()),
            then: vec![other],
            otherwise: VerilogBlockOrConditional::None,
        }),
    }
}

/// The test of the only statement.
fn tested((site, block): (usize, Vec<VerilogStatement>)) -> Option<(usize, VerilogExpression)> {
    match block.into_iter().next()? {
        VerilogStatement::If(c) => Some((site, c.test)),
        VerilogStatement::Match(m) => Some((site, m.test)),
        _ => None,
    }
}
