//! From rust-hdl's AST to sized statements: loops unrolled, names resolved, numbers folded.

use crate::error::Problem;
use crate::expr::{Expr, Node, Op, Reduce, VarId};
use crate::names::{number, resolve, Loops};
use crate::tree::{hex_digits, Kind, Scope, Signal};
use rust_hdl::prelude::ast::{
    VerilogBlockOrConditional, VerilogConditional, VerilogExpression, VerilogLink, VerilogLiteral, VerilogLoop,
    VerilogMatch, VerilogOp, VerilogOpUnary, VerilogStatement,
};
use rust_hdl::prelude::{TypeDescriptor, TypeKind};
use std::collections::HashMap;

/// What a name of a block stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Input port.
    Input,
    /// Output port.
    Output,
    /// Variable.
    Local,
    /// Constant field, or a state of an enum.
    Constant,
    /// Input of a child.
    ChildInput,
    /// Output of a child.
    ChildOutput,
}

/// A name of a block.
#[derive(Clone, Debug)]
pub struct Var {
    /// The name in rust-hdl's form, `child$port` for a child's port.
    pub key: String,
    /// What it is.
    pub role: Role,
    /// Width.
    pub bits: usize,
    /// Whether it is a clock wire.
    pub clock: bool,
    /// Its type.
    pub descriptor: TypeDescriptor,
    /// Of a constant: hexadecimal digits.
    pub value: String,
}

/// A statement of a block.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `bits` of `rhs` go to `var` from bit `offset` up.
    Assign {
        /// Target.
        var: VarId,
        /// Lowest bit assigned.
        offset: usize,
        /// Value.
        rhs: Expr,
    },
    /// Either or.
    If(Expr, Vec<Stmt>, Vec<Stmt>),
    /// Arms by value; the last part is taken by all other values.
    Case(Expr, Vec<(Expr, Vec<Stmt>)>, Vec<Stmt>),
    /// A remark.
    Comment(String),
}

/// A value that has a width, or a bare number that takes its partner's.
enum Value {
    Bare(i128),
    Sized(Expr),
}

/// The names of a block and its logic.
pub struct Lowering {
    /// All names.
    pub vars: Vec<Var>,
    by_key: HashMap<String, VarId>,
    states: HashMap<String, Option<(usize, usize)>>,
    loops: Loops,
}

impl Lowering {
    /// The names that the logic of `scope` can use.
    pub fn new(scope: &Scope) -> Lowering {
        let mut lowering = Lowering { vars: vec![], by_key: HashMap::new(), states: HashMap::new(), loops: vec![] };
        for signal in &scope.signals {
            let role = match signal.kind {
                Kind::Input => Role::Input,
                Kind::Output | Kind::Bidirectional => Role::Output,
                Kind::Local => Role::Local,
                Kind::Constant => Role::Constant,
            };
            lowering.add(signal.name.clone(), role, signal);
        }
        for child in &scope.children {
            for signal in &child.signals {
                let role = match signal.kind {
                    Kind::Input => Role::ChildInput,
                    Kind::Output | Kind::Bidirectional => Role::ChildOutput,
                    Kind::Local | Kind::Constant => continue,
                };
                lowering.add(format!("{}${}", child.name, signal.name), role, signal);
            }
        }
        lowering
    }

    fn add(&mut self, key: String, role: Role, signal: &Signal) {
        self.add_states(&signal.descriptor);
        self.by_key.insert(key.clone(), self.vars.len());
        self.vars.push(Var {
            key,
            role,
            bits: signal.bits,
            clock: signal.is_clock(),
            descriptor: signal.descriptor.clone(),
            value: signal.value.clone(),
        });
    }

    /// Notes the states of enums; one name with two values is nobody's.
    fn add_states(&mut self, descriptor: &TypeDescriptor) {
        match &descriptor.kind {
            TypeKind::Enum(states) => {
                let bits = rust_hdl::prelude::clog2(states.len());
                for (value, state) in states.iter().enumerate() {
                    let entry = self.states.entry(state.replace("::", "$")).or_insert(Some((value, bits)));
                    if *entry != Some((value, bits)) {
                        *entry = None;
                    }
                }
            }
            TypeKind::Composite(fields) => fields.iter().for_each(|f| self.add_states(&f.kind)),
            _ => {}
        }
    }

    /// The signal of this name, for an owner that already knows it exists.
    pub fn find(&self, key: &str) -> Option<VarId> {
        self.by_key.get(key).copied()
    }

    /// Lowers a block.
    pub fn block(&mut self, block: &[VerilogStatement]) -> Result<Vec<Stmt>, Problem> {
        let mut out = vec![];
        for statement in block {
            self.statement(statement, &mut out)?;
        }
        Ok(out)
    }

    fn statement(&mut self, statement: &VerilogStatement, out: &mut Vec<Stmt>) -> Result<(), Problem> {
        match statement {
            VerilogStatement::Assignment(target, value) => {
                let VerilogExpression::Signal(name) = target else {
                    return Err(Problem::Unsupported(format!("assignment to {target:?}")));
                };
                let (var, offset, bits) = self.target(name)?;
                let rhs = self.expression(value)?;
                self.assign(var, offset, bits, rhs, out)
            }
            VerilogStatement::SliceAssignment { base, width, offset, replacement } => {
                let VerilogExpression::Signal(name) = base else {
                    return Err(Problem::Unsupported(format!("assignment to a part of {base:?}")));
                };
                let (var, below, _) = self.target(name)?;
                let Value::Bare(offset) = self.expression(offset)? else {
                    return Err(Problem::Unsupported("assignment to a run-time part".to_string()));
                };
                let rhs = self.expression(replacement)?;
                self.assign(var, below + offset as usize, *width, rhs, out)
            }
            VerilogStatement::If(conditional) => self.conditional(conditional, out),
            VerilogStatement::Match(m) => self.case(m, out),
            VerilogStatement::Loop(l) => self.unroll(l, out),
            VerilogStatement::Comment(text) => {
                out.push(Stmt::Comment(text.replace(['\n', '\r'], " ")));
                Ok(())
            }
            VerilogStatement::Link(links) => links.iter().try_for_each(|link| self.link(link, out)),
            VerilogStatement::Macro(block) => block.iter().try_for_each(|s| self.statement(s, out)),
        }
    }

    /// What an assignment goes to: signal, lowest bit, bits.
    fn target(&self, name: &str) -> Result<(VarId, usize, usize), Problem> {
        let key = resolve(name, &self.loops)?;
        let (var, offset, bits) = match (self.by_key.get(&key), key.split_once("$next$")) {
            (Some(&var), _) => (var, 0, self.vars[var].bits),
            (None, Some((base, path))) => self.field(base, path)?,
            (None, None) => return Err(Problem::UnknownIdentifier(key)),
        };
        let what = match self.vars[var].role {
            Role::Output | Role::Local | Role::ChildInput => return Ok((var, offset, bits)),
            Role::Input => "an input of the block",
            Role::Constant => "a constant",
            Role::ChildOutput => "an output of a child block",
        };
        Err(Problem::BadTarget(key, what))
    }

    /// A field of a struct signal, `path` being `$` separated: signal, lowest bit, bits.
    fn field(&self, base: &str, path: &str) -> Result<(VarId, usize, usize), Problem> {
        let unknown = || Problem::UnknownIdentifier(format!("{base}.{}", path.replace('$', ".")));
        let var = *self.by_key.get(base).ok_or_else(unknown)?;
        let mut descriptor = &self.vars[var].descriptor;
        let mut offset = 0;
        for part in path.split('$') {
            let TypeKind::Composite(fields) = &descriptor.kind else { return Err(unknown()) };
            let at = fields.iter().position(|f| f.fieldname == part).ok_or_else(unknown)?;
            offset += fields[..at].iter().map(|f| width(&f.kind)).sum::<usize>();
            descriptor = &fields[at].kind;
        }
        Ok((var, offset, width(descriptor)))
    }

    fn assign(&self, var: VarId, offset: usize, bits: usize, rhs: Value, out: &mut Vec<Stmt>) -> Result<(), Problem> {
        let rhs = sized(rhs, bits)?;
        same_width(&format!("assignment to `{}`", self.vars[var].key), bits, rhs.bits)?;
        // `x = x.replace_bit(constant, v)` assigns that bit.
        if let Node::Concat(parts) = &rhs.node {
            let mut at = offset + bits;
            let mut changed = vec![];
            for part in parts.iter() {
                at -= part.bits;
                let own = matches!(&part.node, Node::Slice(inner, below)
                    if *below == at && inner.node == Node::Var(var));
                if !own {
                    changed.push((at, part.clone()));
                }
            }
            if changed.len() == 1 {
                let (offset, rhs) = changed.remove(0);
                out.push(Stmt::Assign { var, offset, rhs });
                return Ok(());
            }
        }
        out.push(Stmt::Assign { var, offset, rhs });
        Ok(())
    }

    fn conditional(&mut self, c: &VerilogConditional, out: &mut Vec<Stmt>) -> Result<(), Problem> {
        let test = self.condition(&c.test)?;
        let known = test.value();
        let mut then = vec![];
        let mut other = vec![];
        if known != Some(0) {
            then = self.block(&c.then)?;
        }
        if known.is_none() || known == Some(0) {
            match &c.otherwise {
                VerilogBlockOrConditional::Block(block) => other = self.block(block)?,
                VerilogBlockOrConditional::Conditional(statement) => self.statement(statement, &mut other)?,
                VerilogBlockOrConditional::None => {}
            }
        }
        match known {
            Some(_) => out.append(if known == Some(0) { &mut other } else { &mut then }),
            None => out.push(Stmt::If(test, then, other)),
        }
        Ok(())
    }

    fn condition(&mut self, e: &VerilogExpression) -> Result<Expr, Problem> {
        let test = sized(self.expression(e)?, 1)?;
        same_width("condition", 1, test.bits)?;
        Ok(test)
    }

    fn case(&mut self, m: &VerilogMatch, out: &mut Vec<Stmt>) -> Result<(), Problem> {
        self.no_bare_arithmetic(&m.test)?;
        let test = match self.expression(&m.test)? {
            Value::Sized(e) => e,
            Value::Bare(v) => sized(Value::Bare(v), 64)?,
        };
        let mut arms: Vec<(Expr, Vec<Stmt>)> = vec![];
        let mut rest = None;
        for case in &m.cases {
            if case.condition == "default" {
                rest = Some(self.block(&case.block)?);
                break;
            }
            let label = self.label(&case.condition, test.bits)?;
            match (test.value(), label.value()) {
                (Some(test), Some(label)) if test != label => continue,
                (Some(_), Some(_)) => {
                    rest = Some(self.block(&case.block)?);
                    break;
                }
                _ => arms.push((label, self.block(&case.block)?)),
            }
        }
        if test.value().is_some() {
            out.append(&mut rest.unwrap_or_default());
            return Ok(());
        }
        // rustc has seen that the arms cover the type, so the last one takes what is left.
        let rest = match rest {
            Some(rest) => rest,
            None => arms.pop().map(|(_, block)| block).unwrap_or_default(),
        };
        if arms.is_empty() {
            out.extend(rest);
        } else {
            out.push(Stmt::Case(test, arms, rest));
        }
        Ok(())
    }

    /// The value that a match arm stands for.
    fn label(&mut self, text: &str, bits: usize) -> Result<Expr, Problem> {
        if let Some(value) = number(text).or(match text {
            "true" => Some(1),
            "false" => Some(0),
            _ => None,
        }) {
            return sized(Value::Bare(value), bits);
        }
        let label = self.name(text)?;
        match &label {
            Value::Sized(e) if e.value().is_some() => {}
            _ => return Err(Problem::Unsupported(format!("match arm `{text}`"))),
        }
        let label = sized(label, bits)?;
        same_width(&format!("match arm `{text}`"), bits, label.bits)?;
        Ok(label)
    }

    fn unroll(&mut self, l: &VerilogLoop, out: &mut Vec<Stmt>) -> Result<(), Problem> {
        let (from, to) = (literal(&l.from)?, literal(&l.to)?);
        for i in from..to {
            self.loops.push((l.index.clone(), i));
            let lowered = self.block(&l.block);
            self.loops.pop();
            out.extend(lowered?);
        }
        Ok(())
    }

    fn link(&mut self, link: &VerilogLink, out: &mut Vec<Stmt>) -> Result<(), Problem> {
        let (target, source, part) = match link {
            VerilogLink::Forward(d) => (&d.other_name, &d.owner_name, &d.my_name),
            VerilogLink::Backward(d) => (&d.owner_name, &d.other_name, &d.my_name),
            VerilogLink::Bidirectional(d) => {
                return Err(Problem::Unsupported(format!("bidirectional signal `{}`", d.owner_name)))
            }
        };
        let part = part.replace('.', "$");
        let part = if part.is_empty() || part.starts_with('$') { part } else { format!("${part}") };
        let (var, offset, bits) = self.target(&format!("{target}{part}"))?;
        let rhs = self.name(&format!("{source}{part}"))?;
        self.assign(var, offset, bits, rhs, out)
    }

    /// The value of a name.
    fn name(&mut self, name: &str) -> Result<Value, Problem> {
        if let Some((_, value)) = self.loops.iter().rev().find(|(variable, _)| variable == name) {
            return Ok(Value::Bare(*value));
        }
        let key = resolve(name, &self.loops)?;
        if let Some((base, path)) = key.split_once("$val()$") {
            let (var, offset, bits) = self.field(base, path)?;
            return Ok(Value::Sized(self.read(var)?.slice(offset, bits)));
        }
        if let Some(&var) = self.by_key.get(&key) {
            return self.read(var).map(Value::Sized);
        }
        // A state may be written with more of its path: keep the last two parts.
        let parts: Vec<&str> = key.split('$').collect();
        let state = parts[parts.len().saturating_sub(2)..].join("$");
        match self.states.get(&state).copied() {
            Some(Some((value, bits))) => Ok(Value::Sized(self.state(&state, value, bits))),
            Some(None) => Err(Problem::AmbiguousState(state)),
            None => Err(Problem::UnknownIdentifier(key)),
        }
    }

    fn state(&mut self, key: &str, value: usize, bits: usize) -> Expr {
        let id = *self.by_key.entry(key.to_string()).or_insert_with(|| {
            self.vars.push(Var {
                key: key.to_string(),
                role: Role::Constant,
                bits,
                clock: false,
                descriptor: TypeDescriptor { name: key.to_string(), kind: TypeKind::Bits(bits) },
                value: format!("{value:x}"),
            });
            self.vars.len() - 1
        });
        Expr { node: Node::Literal(value as u128, Some(id)), bits }
    }

    fn read(&self, var: VarId) -> Result<Expr, Problem> {
        let v = &self.vars[var];
        match v.role {
            Role::ChildInput => Err(Problem::ReadsChildInput(v.key.clone())),
            Role::Constant => Ok(match u128::from_str_radix(&v.value, 16) {
                Ok(value) if v.bits <= 128 => Expr { node: Node::Literal(value, Some(var)), bits: v.bits },
                _ => Expr::var(var, v.bits),
            }),
            _ => Ok(Expr::var(var, v.bits)),
        }
    }

    fn expression(&mut self, e: &VerilogExpression) -> Result<Value, Problem> {
        match e {
            VerilogExpression::Signal(name) => self.name(name),
            VerilogExpression::Literal(l) => {
                let value = literal(l)?;
                let boolean = l.to_string().starts_with("1'");
                Ok(if boolean { Value::Sized(Expr::literal(value as u128, 1)) } else { Value::Bare(value) })
            }
            VerilogExpression::Paren(e) => self.expression(e),
            VerilogExpression::Cast(e, bits) => Ok(Value::Sized(match self.expression(e)? {
                Value::Sized(e) => e.resize(*bits),
                Value::Bare(v) => sized(Value::Bare(v), *bits)?,
            })),
            VerilogExpression::Binary(l, op, r) => {
                let (l, r) = (self.expression(l)?, self.expression(r)?);
                binary(l, op, r)
            }
            VerilogExpression::Unary(op, e) => {
                let Value::Sized(e) = self.expression(e)? else {
                    return Err(Problem::Unsupported("an operator on a bare number".to_string()));
                };
                Ok(Value::Sized(match op {
                    VerilogOpUnary::Not => e.invert(),
                    VerilogOpUnary::All => e.reduce(Reduce::All),
                    VerilogOpUnary::Any => e.reduce(Reduce::Any),
                    VerilogOpUnary::Xor => e.reduce(Reduce::Parity),
                    VerilogOpUnary::Neg => return Err(Problem::Unsupported("negation".to_string())),
                }))
            }
            VerilogExpression::Index(base, index) => {
                let (base, index) = (self.word(base)?, self.index(index)?);
                Ok(Value::Sized(base.select(index, 1)))
            }
            VerilogExpression::Slice(base, bits, index) => {
                let (base, index) = (self.word(base)?, self.index(index)?);
                Ok(Value::Sized(base.select(index, *bits)))
            }
            VerilogExpression::IndexReplace(base, index, value) => {
                let (base, index) = (self.word(base)?, self.index(index)?);
                let value = sized(self.expression(value)?, 1)?;
                same_width("replace_bit", 1, value.bits)?;
                Ok(Value::Sized(base.replace_bit(index, value)))
            }
            VerilogExpression::Signed(_) | VerilogExpression::Unsigned(_) => {
                Err(Problem::Unsupported("signed arithmetic".to_string()))
            }
        }
    }

    fn word(&mut self, e: &VerilogExpression) -> Result<Expr, Problem> {
        match self.expression(e)? {
            Value::Sized(e) => Ok(e),
            Value::Bare(_) => Err(Problem::Unsupported("a part of a bare number".to_string())),
        }
    }

    fn index(&mut self, e: &VerilogExpression) -> Result<Expr, Problem> {
        self.no_bare_arithmetic(e)?;
        match self.expression(e)? {
            Value::Sized(e) => Ok(e),
            Value::Bare(v) => sized(Value::Bare(v), 64),
        }
    }

    /// `x.index() + 1` is a `usize` in Rust and does not wrap; `(x + 1).index()` does. Only the parentheses
    /// tell them apart.
    fn no_bare_arithmetic(&mut self, e: &VerilogExpression) -> Result<(), Problem> {
        if let VerilogExpression::Binary(_, op, _) = e {
            let arithmetic = matches!(op, VerilogOp::Add | VerilogOp::Sub | VerilogOp::Mul | VerilogOp::Shl);
            if arithmetic && matches!(self.expression(e)?, Value::Sized(_)) {
                return Err(Problem::Unsupported("arithmetic after .index()".to_string()));
            }
        }
        Ok(())
    }
}

fn width(descriptor: &TypeDescriptor) -> usize {
    match &descriptor.kind {
        TypeKind::Bits(n) | TypeKind::Signed(n) => *n,
        TypeKind::Enum(states) => rust_hdl::prelude::clog2(states.len()),
        TypeKind::Composite(fields) => fields.iter().map(|f| width(&f.kind)).sum(),
    }
}

fn literal(l: &VerilogLiteral) -> Result<i128, Problem> {
    let digits = hex_digits(l);
    i128::from_str_radix(&digits, 16).map_err(|_| Problem::Unsupported(format!("the number 0x{digits}")))
}

fn sized(value: Value, bits: usize) -> Result<Expr, Problem> {
    match value {
        Value::Sized(e) => Ok(e),
        Value::Bare(v) if v < 0 || (bits < 127 && v >> bits != 0) => Err(Problem::LiteralTooWide { value: v, bits }),
        Value::Bare(v) => Ok(Expr::literal(v as u128, bits)),
    }
}

fn same_width(what: &str, left: usize, right: usize) -> Result<(), Problem> {
    if left == right {
        return Ok(());
    }
    Err(Problem::WidthMismatch { what: what.to_string(), left, right })
}

fn binary(l: Value, op: &VerilogOp, r: Value) -> Result<Value, Problem> {
    let ours = match op {
        VerilogOp::Add => Op::Add,
        VerilogOp::Sub => Op::Sub,
        VerilogOp::Mul => Op::Mul,
        VerilogOp::LogicalAnd => Op::LogicalAnd,
        VerilogOp::LogicalOr => Op::LogicalOr,
        VerilogOp::BitXor => Op::Xor,
        VerilogOp::BitAnd => Op::And,
        VerilogOp::BitOr => Op::Or,
        VerilogOp::Shl => Op::Shl,
        VerilogOp::Shr => Op::Shr,
        VerilogOp::Eq => Op::Eq,
        VerilogOp::Lt => Op::Lt,
        VerilogOp::Le => Op::Le,
        VerilogOp::Ne => Op::Ne,
        VerilogOp::Ge => Op::Ge,
        VerilogOp::Gt => Op::Gt,
    };
    let (l, r) = match (l, r) {
        (Value::Bare(l), Value::Bare(r)) => return bare(l, ours, r),
        (l, r) if matches!(ours, Op::Shl | Op::Shr) => (sized(l, 64)?, sized(r, 64)?),
        (Value::Sized(l), r) => {
            let bits = l.bits;
            (l, sized(r, bits)?)
        }
        (l, Value::Sized(r)) => (sized(l, r.bits)?, r),
    };
    if ours == Op::Mul {
        return Ok(Value::Sized(Expr::product(l, r)));
    }
    if !matches!(ours, Op::Shl | Op::Shr) {
        same_width(&format!("operator `{}`", ours.symbol()), l.bits, r.bits)?;
    }
    Ok(Value::Sized(Expr::binary(ours, l, r)))
}

/// Arithmetic of numbers and loop variables, as Rust does it on `usize`.
fn bare(l: i128, op: Op, r: i128) -> Result<Value, Problem> {
    let truth = |b: bool| Ok(Value::Sized(Expr::literal(b as u128, 1)));
    Ok(Value::Bare(match op {
        Op::Add => l + r,
        Op::Sub => l - r,
        Op::Mul => l * r,
        Op::And => l & r,
        Op::Or => l | r,
        Op::Xor => l ^ r,
        Op::Shl if (0..64).contains(&r) => l << r,
        Op::Shr if (0..64).contains(&r) => l >> r,
        Op::Eq => return truth(l == r),
        Op::Ne => return truth(l != r),
        Op::Lt => return truth(l < r),
        Op::Le => return truth(l <= r),
        Op::Gt => return truth(l > r),
        Op::Ge => return truth(l >= r),
        _ => return Err(Problem::Unsupported(format!("`{l} {} {r}`", op.symbol()))),
    }))
}
