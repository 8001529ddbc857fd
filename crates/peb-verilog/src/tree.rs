//! A design as a tree of plain data, read through rust-hdl's visitor.

use rust_hdl::prelude::*;

/// What an atom is to the block that owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Input port.
    Input,
    /// Output port.
    Output,
    /// Port of both directions.
    Bidirectional,
    /// A variable of the block.
    Local,
    /// A constant.
    Constant,
}

/// A port, variable or constant of a block.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Name with `$` between the parts (`rx$data`).
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Width.
    pub bits: usize,
    /// Its type.
    pub descriptor: TypeDescriptor,
    /// Its present value, hexadecimal digits without a prefix.
    pub value: String,
}

impl Signal {
    /// Whether this is a clock wire.
    pub fn is_clock(&self) -> bool {
        self.descriptor.name == "clock"
    }
}

/// A block and what is in it.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Name of the field that holds it.
    pub name: String,
    /// Its ports, variables and constants, in the order of the fields.
    pub signals: Vec<Signal>,
    /// Its child blocks, in the order of the fields.
    pub children: Vec<Scope>,
    /// Its logic.
    pub hdl: Verilog,
}

impl Scope {
    /// Reads a design.
    pub fn read(top: &dyn Block, name: &str) -> Scope {
        let mut reader = Reader { root: None, open: vec![], namespaces: vec![] };
        top.accept(name, &mut reader);
        reader.root.unwrap_or_else(|| Scope {
            name: name.to_string(),
            signals: vec![],
            children: vec![],
            hdl: Verilog::Empty,
        })
    }
}

/// The hexadecimal digits of a literal.
pub fn hex_digits(literal: &VerilogLiteral) -> String {
    let text = format!("{literal:x}");
    text.split_once('h').map(|(_, digits)| digits.to_string()).unwrap_or_default()
}

struct Reader {
    root: Option<Scope>,
    open: Vec<Scope>,
    namespaces: Vec<String>,
}

impl Probe for Reader {
    fn visit_start_scope(&mut self, name: &str, node: &dyn Block) {
        self.open.push(Scope { name: name.to_string(), signals: vec![], children: vec![], hdl: node.hdl() });
    }

    fn visit_end_scope(&mut self, _name: &str, _node: &dyn Block) {
        let Some(done) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(done),
            None => self.root = Some(done),
        }
    }

    fn visit_start_namespace(&mut self, name: &str, _node: &dyn Block) {
        self.namespaces.push(name.to_string());
    }

    fn visit_end_namespace(&mut self, _name: &str, _node: &dyn Block) {
        self.namespaces.pop();
    }

    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        let mut path = self.namespaces.clone();
        path.push(name.to_string());
        let Some(scope) = self.open.last_mut() else { return };
        scope.signals.push(Signal {
            name: path.join("$"),
            kind: match atom.kind() {
                AtomKind::InputParameter | AtomKind::StubInputSignal => Kind::Input,
                AtomKind::OutputParameter | AtomKind::OutputPassthrough | AtomKind::StubOutputSignal => Kind::Output,
                AtomKind::InOutParameter => Kind::Bidirectional,
                AtomKind::LocalSignal => Kind::Local,
                AtomKind::Constant => Kind::Constant,
            },
            bits: atom.bits(),
            descriptor: atom.descriptor(),
            value: hex_digits(&atom.verilog()),
        });
    }
}
