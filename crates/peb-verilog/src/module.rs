//! One block as one Verilog module.

use crate::check::definite_assignment;
use crate::error::{ExportError, Problem};
use crate::expr::{Expr, Node, VarId};
use crate::lower::{Lowering, Role, Stmt, Var};
use crate::names::{clean, Names};
use crate::print::{line, range, Printer};
use crate::switch::FAULT;
use crate::tree::{Kind, Scope};
use rust_hdl::prelude::Verilog;

/// First words of the text of a block that is a plain register and is written into its parent.
pub const REGISTER_MARK: &str = "// peb:reg init=";

/// The register that a block is, if it is one: its initial value as a literal of its width.
pub fn register(scope: &Scope) -> Option<String> {
    let Verilog::Custom(text) = &scope.hdl else { return None };
    let init = text.lines().next()?.strip_prefix(REGISTER_MARK)?;
    let digits = init.rsplit('h').next()?.trim();
    let bits = scope.signals.iter().find(|s| s.name == "q")?.bits;
    Some(format!("{bits}'h{digits}"))
}

/// Verilog names of a block's own signals, and what else is taken. `exact`: its ports must keep theirs.
fn port_names(scope: &Scope, exact: bool, names: &mut Names) -> Result<Vec<String>, Problem> {
    let mut out = vec![];
    for signal in &scope.signals {
        let name = names.unique(&clean(&signal.name));
        let plain = signal.name.replace('$', "_");
        if exact && !matches!(signal.kind, Kind::Local | Kind::Constant) && name != plain {
            return Err(Problem::BadPortName(plain));
        }
        out.push(name);
    }
    Ok(out)
}

/// Verilog names of all signals of a block, in order.
pub fn module_port_names(scope: &Scope) -> Vec<String> {
    let mut names = Names::default();
    scope.signals.iter().map(|s| names.unique(&clean(&s.name))).collect()
}

/// The port list. `registered` says which outputs are `reg`.
fn header(scope: &Scope, names: &[String], registered: &dyn Fn(usize) -> bool) -> String {
    let ports: Vec<String> = scope
        .signals
        .iter()
        .enumerate()
        .filter_map(|(i, s)| {
            let direction = match s.kind {
                Kind::Input => "input wire",
                Kind::Output if registered(i) => "output reg",
                Kind::Output => "output wire",
                Kind::Bidirectional => "inout wire",
                Kind::Local | Kind::Constant => return None,
            };
            Some(format!("    {direction} {}{}", range(s.bits), names[i]))
        })
        .collect();
    format!(" (\n{}\n);\n", ports.join(",\n"))
}

/// What follows the name of a module, `endmodule` included. `children` are the module names of the child
/// blocks, in order, with `None` for registers.
pub fn body(scope: &Scope, path: &str, exact: bool, children: &[Option<String>]) -> Result<String, ExportError> {
    let in_block = |problem| ExportError { block: path.to_string(), problem };
    match &scope.hdl {
        Verilog::Custom(text) => custom(scope, text, exact, false).map_err(in_block),
        Verilog::Wrapper(wrapper) => custom(scope, &wrapper.code, exact, true).map_err(in_block),
        Verilog::Blackbox(_) => Ok(String::new()),
        Verilog::Combinatorial(block) => {
            let mut lowering = Lowering::new(scope);
            let logic = lowering.block(block).map_err(in_block)?;
            logic_module(scope, &lowering, logic, exact, children).map_err(in_block)
        }
        Verilog::Empty => logic_module(scope, &Lowering::new(scope), vec![], exact, children).map_err(in_block),
    }
}

fn logic_module(
    scope: &Scope,
    lowering: &Lowering,
    logic: Vec<Stmt>,
    exact: bool,
    children: &[Option<String>],
) -> Result<String, Problem> {
    let vars = &lowering.vars;
    if let Some(s) = scope.signals.iter().find(|s| s.kind == Kind::Bidirectional) {
        return Err(Problem::Unsupported(format!("bidirectional signal `{}`", s.name)));
    }
    // Of many faults one is there at most: no path is taken on which several assignments are missing.
    if !scope.signals.iter().any(|s| s.name == FAULT) {
        definite_assignment(vars, &logic)?;
    }
    let (continuous, procedural) = split(vars, &logic);
    check_clocks(vars, &continuous)?;

    let mut unique = Names::default();
    let mut names = port_names(scope, exact, &mut unique)?;
    for var in &vars[names.len()..] {
        names.push(unique.unique(&clean(&var.key)));
    }
    let instances: Vec<String> = scope.children.iter().map(|c| unique.unique(&clean(&c.name))).collect();
    // What leaves the block and is assigned more than once is computed aside: a parent or a sibling that feeds it back would wake this block
    // again with each value in between, for ever. It leaves by a process of its own: Icarus passes a change on at once, and the block that made
    // it would not see what comes back.
    let restless: Vec<VarId> = restless(vars, &logic, &procedural, scope, children);
    let asides: Vec<String> = restless.iter().map(|id| unique.unique(&format!("{}_now", names[*id]))).collect();
    let mut printer = Printer::new(vars, names, procedural.clone(), &mut unique);

    let settled: Vec<String> = restless.iter().map(|id| printer.names[*id].clone()).collect();
    for (id, aside) in restless.iter().zip(&asides) {
        printer.names[*id] = aside.clone();
    }
    let mut body = String::new();
    printer.block(&logic_without(&logic, &procedural), 2, &mut body);
    for (id, name) in restless.iter().zip(settled) {
        printer.names[*id] = name;
    }
    if !body.is_empty() && !printer.sensitive {
        return Err(Problem::NoSensitivity);
    }
    let mut wiring = Wiring {
        printer: &mut printer,
        vars,
        continuous: &continuous,
        declarations: vec![],
        tail: String::new(),
        clocked: vec![],
    };
    for (signal, var) in vars.iter().enumerate() {
        if matches!(var.role, Role::Output | Role::Local) {
            wiring.drive(signal);
        }
    }
    for ((child, instance), module) in scope.children.iter().zip(&instances).zip(children) {
        match module {
            Some(module) => wiring.instance(child, instance, module, lowering),
            None => wiring.register(child, lowering),
        }
    }
    let Wiring { declarations, mut tail, clocked, .. } = wiring;

    let mut out = header(scope, &printer.names, &|i| printer.procedural[i]);
    for id in &printer.used_constants {
        let v = &vars[*id];
        out += &format!("    localparam {}{} = {}'h{};\n", range(v.bits), printer.names[*id], v.bits, v.value);
    }
    declarations.iter().for_each(|d| line(&mut out, "    ", d));
    for (id, aside) in restless.iter().zip(&asides) {
        line(&mut out, "    ", &format!("reg {}{aside};", range(vars[*id].bits)));
    }
    printer.temporaries.iter().for_each(|(d, _)| line(&mut out, "    ", d));
    printer.wires.iter().for_each(|d| line(&mut out, "    ", d));
    if !body.is_empty() {
        tail += "\n    always @* begin\n";
        printer.temporaries.iter().for_each(|(_, clear)| line(&mut tail, "        ", clear));
        tail += &body;
        tail += "    end\n";
        for (id, aside) in restless.iter().zip(&asides) {
            line(&mut tail, "    ", &format!("always @* {} = {aside};", printer.names[*id]));
        }
    }
    for domain in &clocked {
        tail += &domain.text();
    }
    Ok(out + &tail + "endmodule\n")
}

/// Which signals one unconditional assignment drives (with its value), and which are procedural.
fn split(vars: &[Var], logic: &[Stmt]) -> (Vec<Option<Expr>>, Vec<bool>) {
    let mut count = vec![0usize; vars.len()];
    count_assignments(logic, &mut count);
    let mut continuous: Vec<Option<Expr>> = vec![None; vars.len()];
    for statement in logic {
        if let Stmt::Assign { var, offset: 0, rhs } = statement {
            if count[*var] == 1 && rhs.bits == vars[*var].bits {
                continuous[*var] = Some(rhs.clone());
            }
        }
    }
    loop {
        let procedural: Vec<bool> = (0..vars.len()).map(|v| count[v] > 0 && continuous[v].is_none()).collect();
        let mut changed = false;
        for value in continuous.iter_mut() {
            let mut reads = false;
            if let Some(e) = value {
                e.reads(&mut |id, _| reads |= procedural[id]);
            }
            if reads {
                *value = None;
                changed = true;
            }
        }
        if !changed {
            return (continuous, procedural);
        }
    }
}

/// Outputs, and inputs of children that are no registers, that the procedural block assigns more than once.
fn restless(
    vars: &[Var],
    logic: &[Stmt],
    procedural: &[bool],
    scope: &Scope,
    children: &[Option<String>],
) -> Vec<VarId> {
    let mut count = vec![0usize; vars.len()];
    count_assignments(logic, &mut count);
    let of_register = |key: &str| {
        let mut registers = scope.children.iter().zip(children).filter(|(_, module)| module.is_none());
        registers.any(|(child, _)| key.strip_prefix(child.name.as_str()).is_some_and(|rest| rest.starts_with('$')))
    };
    (0..vars.len())
        .filter(|&id| procedural[id] && count[id] > 1)
        .filter(|&id| match vars[id].role {
            Role::Output => true,
            Role::ChildInput => !of_register(&vars[id].key),
            _ => false,
        })
        .collect()
}

fn count_assignments(logic: &[Stmt], count: &mut [usize]) {
    for statement in logic {
        match statement {
            Stmt::Assign { var, .. } => count[*var] += 1,
            Stmt::If(_, then, other) => {
                count_assignments(then, count);
                count_assignments(other, count);
            }
            Stmt::Case(_, arms, rest) => {
                arms.iter().for_each(|(_, arm)| count_assignments(arm, count));
                count_assignments(rest, count);
            }
            Stmt::Comment(_) => {}
        }
    }
}

/// The logic without the assignments that became continuous. Those stand at the outermost level only.
fn logic_without(logic: &[Stmt], procedural: &[bool]) -> Vec<Stmt> {
    let procedural_only = |s: &&Stmt| !matches!(s, Stmt::Assign { var, .. } if !procedural[*var]);
    let kept: Vec<Stmt> = logic.iter().filter(procedural_only).cloned().collect();
    let only_comments = kept.iter().all(|s| matches!(s, Stmt::Comment(_)));
    if only_comments {
        vec![]
    } else {
        kept
    }
}

/// A clock goes straight from a clock of the block to its children: a gate or an assignment in between would
/// let data overtake it.
fn check_clocks(vars: &[Var], continuous: &[Option<Expr>]) -> Result<(), Problem> {
    for (id, var) in vars.iter().enumerate() {
        if !var.clock || !matches!(var.role, Role::ChildInput | Role::Output) {
            continue;
        }
        let straight = matches!(&continuous[id], Some(Expr { node: Node::Var(source), .. }) if vars[*source].clock);
        if !straight {
            return Err(Problem::ClockExpression(var.key.clone()));
        }
    }
    Ok(())
}

struct Wiring<'a, 'b> {
    printer: &'a mut Printer<'b>,
    vars: &'a [Var],
    continuous: &'a [Option<Expr>],
    declarations: Vec<String>,
    tail: String,
    clocked: Vec<Domain>,
}

/// The registers of one clock.
struct Domain {
    clock: String,
    /// Name, initial value, next value.
    registers: Vec<(String, String, String)>,
}

impl Domain {
    fn text(&self) -> String {
        let mut out = String::from("\n    initial begin\n");
        for (name, init, _) in &self.registers {
            line(&mut out, "        ", &format!("{name} = {init};"));
        }
        line(&mut out, "    ", "end");
        line(&mut out, "    ", &format!("always @(posedge {}) begin", self.clock));
        for (name, _, next) in &self.registers {
            line(&mut out, "        ", &format!("{name} <= {next};"));
        }
        line(&mut out, "    ", "end");
        out
    }
}

impl Wiring<'_, '_> {
    /// Declares an output, variable or child input and drives it if it is continuous.
    fn drive(&mut self, id: VarId) {
        let var = &self.vars[id];
        let name = self.printer.names[id].clone();
        let is_port = var.role == Role::Output;
        if self.printer.procedural[id] {
            if !is_port {
                self.declarations.push(format!("reg {}{name};", range(var.bits)));
            }
        } else if let Some(value) = &self.continuous[id] {
            if !is_port {
                self.declarations.push(format!("wire {}{name};", range(var.bits)));
            }
            let value = self.printer.wire_expr(value);
            line(&mut self.tail, "    ", &format!("assign {name} = {value};"));
        }
    }

    /// The text that feeds a child input: the value itself when that is a name or a number.
    fn input(&mut self, id: VarId) -> String {
        match &self.continuous[id] {
            Some(e @ Expr { node: Node::Var(_) | Node::Literal(..), .. }) => self.printer.wire_expr(e),
            _ => {
                self.drive(id);
                self.printer.names[id].clone()
            }
        }
    }

    fn instance(&mut self, child: &Scope, instance: &str, module: &str, lowering: &Lowering) {
        let names = module_port_names(child);
        let mut connections = vec![];
        for (signal, port) in child.signals.iter().zip(names) {
            let Some(id) = lowering.find(&format!("{}${}", child.name, signal.name)) else { continue };
            let net = match self.vars[id].role {
                Role::ChildInput => self.input(id),
                _ => {
                    let name = self.printer.names[id].clone();
                    self.declarations.push(format!("wire {}{name};", range(signal.bits)));
                    name
                }
            };
            connections.push(format!("        .{port}({net})"));
        }
        self.tail += &format!("    {module} {instance} (\n{}\n    );\n", connections.join(",\n"));
    }

    /// A register, written into this module.
    fn register(&mut self, child: &Scope, lowering: &Lowering) {
        let id = |port: &str| lowering.find(&format!("{}${port}", child.name));
        let (Some(d), Some(q), Some(clock), Some(init)) = (id("d"), id("q"), id("clock"), register(child)) else {
            return;
        };
        let name = self.printer.names[q].clone();
        self.declarations.push(format!("reg {}{name};", range(self.vars[q].bits)));
        let next = match &self.continuous[d] {
            Some(value) => self.printer.wire_expr(value),
            None => {
                self.drive(d);
                self.printer.names[d].clone()
            }
        };
        let clock = self.input(clock);
        if !self.clocked.iter().any(|d| d.clock == clock) {
            self.clocked.push(Domain { clock: clock.clone(), registers: vec![] });
        }
        if let Some(domain) = self.clocked.iter_mut().find(|d| d.clock == clock) {
            domain.registers.push((name, init, next));
        }
    }
}

/// A block with its own Verilog text.
fn custom(scope: &Scope, text: &str, exact: bool, wrapper: bool) -> Result<String, Problem> {
    if !scope.children.is_empty() {
        return Err(Problem::BadCustomText(format!("child block `{}` inside", scope.children[0].name)));
    }
    let names = port_names(scope, exact, &mut Names::default())?;
    let mut text = text.trim_matches('\n').to_string();
    for (signal, name) in scope.signals.iter().zip(&names) {
        if *name != signal.name {
            text = replace_word(&text, &signal.name, name);
        }
    }
    if let Some(at) = text.find('$').filter(|at| text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_')) {
        let word: String = text[at..].chars().take(20).collect();
        return Err(Problem::BadCustomText(format!("`$` in an identifier at `{word}`")));
    }
    let assigned =
        |i: usize| text.contains(&format!("assign {} ", names[i])) || text.contains(&format!("assign {}[", names[i]));
    let mut out = header(scope, &names, &|i| !wrapper && !assigned(i));
    for (signal, name) in scope.signals.iter().zip(&names) {
        match signal.kind {
            Kind::Constant => {
                out += &format!("    localparam {}{name} = {}'h{};\n", range(signal.bits), signal.bits, signal.value);
            }
            Kind::Local if !wrapper => out += &format!("    reg {}{name};\n", range(signal.bits)),
            _ => {}
        }
    }
    text.lines().for_each(|l| line(&mut out, if l.is_empty() { "" } else { "    " }, l));
    Ok(out + "endmodule\n")
}

/// Replaces `from` by `to` where it stands as a whole identifier.
fn replace_word(text: &str, from: &str, to: &str) -> String {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let end = at + from.len();
        let whole = !rest[..at].ends_with(word) && !rest[end..].starts_with(word);
        out.push_str(&rest[..at]);
        out.push_str(if whole { to } else { from });
        rest = &rest[end..];
    }
    out + rest
}
