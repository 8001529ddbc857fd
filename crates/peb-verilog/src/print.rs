//! Sized expressions and statements as Verilog text.
//!
//! Verilog widens an expression to its context; Rust does not. So every operand is printed at exactly its own
//! width, extension is written as a concatenation (whose parts Verilog sizes on their own), and a part of an
//! expression is taken of a sized temporary.

use crate::expr::{Expr, Node, Op, Reduce, VarId};
use crate::lower::{Role, Stmt, Var};
use crate::names::Names;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::rc::Rc;

/// Prints the logic of one block.
pub struct Printer<'a> {
    vars: &'a [Var],
    /// Verilog name of each signal.
    pub names: Vec<String>,
    /// Signals that the procedural block assigns.
    pub procedural: Vec<bool>,
    /// Constants and states that were printed by name.
    pub used_constants: BTreeSet<VarId>,
    /// Signals other than its own that the procedural block reads.
    pub sensitive: bool,
    /// Temporaries that are wires: declaration with value.
    pub wires: Vec<String>,
    /// Temporaries of the procedural block: declaration, and what clears it at the start.
    pub temporaries: Vec<(String, String)>,
    known: HashMap<String, String>,
    /// Concatenations that were printed and read nothing procedural, by the address of their parts.
    printed: HashMap<*const Expr, Printed>,
    unique: &'a mut Names,
}

/// A concatenation that was printed.
struct Printed {
    text: String,
    /// Whether it reads a signal.
    sensitive: bool,
    /// Keeps the address taken.
    _parts: Rc<[Expr]>,
}

/// `[7:0] ` for 8 bits, nothing for one bit.
pub fn range(bits: usize) -> String {
    if bits == 1 {
        String::new()
    } else {
        format!("[{}:0] ", bits - 1)
    }
}

impl<'a> Printer<'a> {
    /// A printer for a block whose signals have these names.
    pub fn new(vars: &'a [Var], names: Vec<String>, procedural: Vec<bool>, unique: &'a mut Names) -> Self {
        Printer {
            vars,
            names,
            procedural,
            used_constants: BTreeSet::new(),
            sensitive: false,
            wires: vec![],
            temporaries: vec![],
            known: HashMap::new(),
            printed: HashMap::new(),
            unique,
        }
    }

    /// The procedural statements, each line indented by `depth` steps.
    pub fn block(&mut self, block: &[Stmt], depth: usize, out: &mut String) {
        for statement in block {
            self.statement(statement, depth, out);
        }
    }

    fn statement(&mut self, statement: &Stmt, depth: usize, out: &mut String) {
        let indent = "    ".repeat(depth);
        match statement {
            Stmt::Comment(text) => line(out, &indent, &format!("// {text}")),
            Stmt::Assign { var, offset, rhs } => {
                let value = self.procedural_expr(rhs, &indent, out);
                let target = self.part(*var, *offset, rhs.bits);
                line(out, &indent, &format!("{target} = {value};"));
            }
            Stmt::If(test, then, other) => self.conditional(test, then, other, depth, out),
            Stmt::Case(test, arms, rest) => {
                let test = self.procedural_expr(test, &indent, out);
                line(out, &indent, &format!("case ({test})"));
                for (label, arm) in arms {
                    let label = self.expr(label, &mut vec![]);
                    line(out, &indent, &format!("    {label}: begin"));
                    self.block(arm, depth + 2, out);
                    line(out, &indent, "    end");
                }
                line(out, &indent, "    default: begin");
                self.block(rest, depth + 2, out);
                line(out, &indent, "    end");
                line(out, &indent, "endcase");
            }
        }
    }

    fn conditional(&mut self, test: &Expr, then: &[Stmt], other: &[Stmt], depth: usize, out: &mut String) {
        let indent = "    ".repeat(depth);
        let test = self.procedural_expr(test, &indent, out);
        line(out, &indent, &format!("if ({test}) begin"));
        self.block(then, depth + 1, out);
        if other.is_empty() {
            return line(out, &indent, "end");
        }
        // `else if` unless its condition needs a temporary, which must be set inside the else.
        if let [Stmt::If(..)] = other {
            let mut chain = String::new();
            self.block(other, depth, &mut chain);
            if chain.starts_with(&format!("{indent}if (")) {
                let _ = write!(out, "{indent}end else {}", chain.trim_start());
                return;
            }
            line(out, &indent, "end else begin");
            chain.lines().for_each(|l| line(out, "    ", l));
            return line(out, &indent, "end");
        }
        line(out, &indent, "end else begin");
        self.block(other, depth + 1, out);
        line(out, &indent, "end");
    }

    /// The text of an expression; temporaries it needs are assigned first.
    fn procedural_expr(&mut self, e: &Expr, indent: &str, out: &mut String) -> String {
        let mut before = vec![];
        let text = self.expr(e, &mut before);
        before.iter().for_each(|statement| line(out, indent, statement));
        text
    }

    /// The text of an expression that reads nothing procedural.
    pub fn wire_expr(&mut self, e: &Expr) -> String {
        let sensitive = self.sensitive;
        let text = self.expr(e, &mut vec![]);
        self.sensitive = sensitive;
        text
    }

    /// Whether an expression reads something that the procedural block assigns.
    fn reads_procedural(&self, e: &Expr) -> bool {
        let mut found = false;
        e.reads(&mut |id, _| found |= self.procedural[id]);
        found
    }

    fn part(&self, var: VarId, offset: usize, bits: usize) -> String {
        let name = &self.names[var];
        match (bits == self.vars[var].bits, bits) {
            (true, _) => name.clone(),
            (false, 1) => format!("{name}[{offset}]"),
            _ => format!("{name}[{}:{offset}]", offset + bits - 1),
        }
    }

    fn expr(&mut self, e: &Expr, before: &mut Vec<String>) -> String {
        match &e.node {
            Node::Literal(_, Some(id)) => self.constant(*id),
            Node::Literal(value, None) => format!("{}'h{value:x}", e.bits),
            Node::Var(id) => self.read(*id),
            Node::Not(inner) => {
                let inner = self.operand(inner, before);
                format!("{}{inner}", if e.bits == 1 { '!' } else { '~' })
            }
            Node::Reduce(how, inner) => {
                let symbol = match how {
                    Reduce::All => '&',
                    Reduce::Any => '|',
                    Reduce::Parity => '^',
                };
                let inner = self.operand(inner, before);
                format!("{symbol}{inner}")
            }
            Node::Binary(op, l, r) => {
                let left = self.operand(l, before);
                let right = match (op, r.value()) {
                    (Op::Shl | Op::Shr, Some(by)) => by.to_string(),
                    _ => self.operand(r, before),
                };
                format!("{left} {} {right}", op.symbol())
            }
            Node::Slice(inner, offset) => {
                if let Node::Var(id) = inner.node {
                    self.read(id);
                    return self.part(id, *offset, e.bits);
                }
                let whole = self.temporary(inner, before);
                match e.bits {
                    1 => format!("{whole}[{offset}]"),
                    bits => format!("{whole}[{}:{offset}]", offset + bits - 1),
                }
            }
            Node::Extend(inner) => {
                let zeros = e.bits - inner.bits;
                let inner = self.expr(inner, before);
                format!("{{{zeros}'h0, {inner}}}")
            }
            Node::Concat(parts) => self.concat(e, parts, before),
        }
    }

    /// A concatenation: the same text again if it is part of many expressions.
    fn concat(&mut self, e: &Expr, parts: &Rc<[Expr]>, before: &mut Vec<String>) -> String {
        if let Some(printed) = self.printed.get(&parts.as_ptr()) {
            self.sensitive |= printed.sensitive;
            return printed.text.clone();
        }
        let sensitive = std::mem::take(&mut self.sensitive);
        let texts: Vec<String> = parts.iter().map(|p| self.expr(p, before)).collect();
        let text = format!("{{{}}}", texts.join(", "));
        if !self.reads_procedural(e) {
            let printed = Printed { text: text.clone(), sensitive: self.sensitive, _parts: parts.clone() };
            self.printed.insert(parts.as_ptr(), printed);
        }
        self.sensitive |= sensitive;
        text
    }

    /// An expression as an operand: in parentheses unless it is a single token or selects.
    fn operand(&mut self, e: &Expr, before: &mut Vec<String>) -> String {
        let text = self.expr(e, before);
        match e.node {
            Node::Binary(..) | Node::Not(_) | Node::Reduce(..) => format!("({text})"),
            _ => text,
        }
    }

    fn read(&mut self, id: VarId) -> String {
        if self.vars[id].role == Role::Constant {
            return self.constant(id);
        }
        self.sensitive |= !self.procedural[id];
        self.names[id].clone()
    }

    fn constant(&mut self, id: VarId) -> String {
        self.used_constants.insert(id);
        self.names[id].clone()
    }

    /// The name of a sized temporary that holds `e`.
    fn temporary(&mut self, e: &Expr, before: &mut Vec<String>) -> String {
        let text = self.expr(e, before);
        if self.reads_procedural(e) {
            let name = self.unique.unique("part");
            self.temporaries.push((format!("reg {}{name};", range(e.bits)), format!("{name} = {}'h0;", e.bits)));
            before.push(format!("{name} = {text};"));
            return name;
        }
        if let Some(name) = self.known.get(&text) {
            return name.clone();
        }
        let name = self.unique.unique("whole");
        self.wires.push(format!("wire {}{name} = {text};", range(e.bits)));
        self.known.insert(text, name.clone());
        name
    }
}

/// Appends an indented line.
pub fn line(out: &mut String, indent: &str, text: &str) {
    let _ = writeln!(out, "{indent}{text}");
}
