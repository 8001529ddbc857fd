//! Monitors for every handshake of a design, found by name.
//!
//! In each block, ports `Pvalid` and `Pready` with the same prefix P make a handshake. Its payload is the other ports of
//! the block that go the same way as `Pvalid` and begin with P; for an empty prefix or `t`, those named in [`PAYLOAD`].
//! The rules (the same as AXI4-Stream's and amaranth's): once valid, an offer stands unchanged until it is taken.

use crate::trace::atom_bits;
use rust_hdl::prelude::{Atom, AtomKind, Block, Probe};
use thiserror::Error;

/// Payload ports of a handshake whose ports are just `valid` and `ready`.
pub const PAYLOAD: [&str; 9] = ["data", "keep", "half", "first", "last", "class", "dwords", "bad", "session"];

/// A producer that did not keep its offer.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HandshakeFault {
    /// `valid` fell although nobody had taken the offer.
    #[error("clock {clock}: {stream}: valid was withdrawn before ready")]
    Withdrawn {
        /// Edges since the start.
        clock: u64,
        /// Path of the handshake.
        stream: String,
    },
    /// The payload of a standing offer changed.
    #[error("clock {clock}: {stream}: {port} changed while the offer stood")]
    Changed {
        /// Edges since the start.
        clock: u64,
        /// Path of the handshake.
        stream: String,
        /// The payload port.
        port: String,
    },
}

/// One port: its place in the order of visiting, and its name.
struct Port {
    place: usize,
    name: String,
    kind: AtomKind,
}

struct Handshake {
    path: String,
    valid: usize,
    ready: usize,
    payload: Vec<(usize, String)>,
    standing: Option<Vec<Vec<bool>>>,
}

/// All handshakes of a design.
pub(crate) struct Watch {
    handshakes: Vec<Handshake>,
    wanted: Vec<bool>,
}

impl Watch {
    pub(crate) fn new(top: &dyn Block) -> Self {
        let mut finder = Finder::default();
        top.accept("top", &mut finder);
        let mut wanted = vec![false; finder.places];
        for h in &finder.found {
            wanted[h.valid] = true;
            wanted[h.ready] = true;
            h.payload.iter().for_each(|(place, _)| wanted[*place] = true);
        }
        Watch { handshakes: finder.found, wanted }
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.handshakes.iter().map(|h| h.path.as_str()).collect()
    }

    /// Looks at the settled values before an edge.
    pub(crate) fn check(&mut self, clock: u64, top: &dyn Block) -> Result<(), HandshakeFault> {
        let mut reader = Reader { wanted: &self.wanted, values: vec![vec![]; self.wanted.len()], place: 0 };
        top.accept("top", &mut reader);
        let values = reader.values;
        for h in &mut self.handshakes {
            let valid = values[h.valid] == [true];
            let payload = || h.payload.iter().map(|(place, _)| values[*place].clone()).collect::<Vec<_>>();
            if let Some(standing) = &h.standing {
                if !valid {
                    return Err(HandshakeFault::Withdrawn { clock, stream: h.path.clone() });
                }
                let now = payload();
                if let Some(i) = (0..now.len()).find(|i| now[*i] != standing[*i]) {
                    let port = h.payload[i].1.clone();
                    return Err(HandshakeFault::Changed { clock, stream: h.path.clone(), port });
                }
            }
            h.standing = (valid && values[h.ready] != [true]).then(payload);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Finder {
    places: usize,
    path: Vec<String>,
    scopes: Vec<Vec<Port>>,
    namespaces: Vec<String>,
    found: Vec<Handshake>,
}

impl Probe for Finder {
    fn visit_start_scope(&mut self, name: &str, _: &dyn Block) {
        self.path.push(name.to_string());
        self.scopes.push(vec![]);
    }
    fn visit_start_namespace(&mut self, name: &str, _: &dyn Block) {
        self.namespaces.push(format!("{name}_"));
    }
    fn visit_end_namespace(&mut self, _: &str, _: &dyn Block) {
        self.namespaces.pop();
    }
    fn visit_atom(&mut self, name: &str, atom: &dyn Atom) {
        let port = Port { place: self.places, name: self.namespaces.concat() + name, kind: atom.kind() };
        self.places += 1;
        if matches!(port.kind, AtomKind::InputParameter | AtomKind::OutputParameter) {
            if let Some(scope) = self.scopes.last_mut() {
                scope.push(port);
            }
        }
    }
    fn visit_end_scope(&mut self, _: &str, _: &dyn Block) {
        let ports = self.scopes.pop().unwrap_or_default();
        for valid in ports.iter().filter(|p| p.name.ends_with("valid")) {
            let prefix = valid.name.trim_end_matches("valid");
            let Some(ready) = ports.iter().find(|p| p.name.strip_prefix(prefix) == Some("ready")) else { continue };
            let payload = ports
                .iter()
                .filter(|p| p.kind == valid.kind && p.place != valid.place)
                .filter(|p| match prefix {
                    "" | "t" => p.name.strip_prefix(prefix).is_some_and(|rest| PAYLOAD.contains(&rest)),
                    _ => p.name.starts_with(prefix),
                })
                .map(|p| (p.place, p.name.clone()))
                .collect();
            let path = format!("{}.{prefix}*", self.path.join("."));
            self.found.push(Handshake { path, valid: valid.place, ready: ready.place, payload, standing: None });
        }
        self.path.pop();
    }
}

struct Reader<'a> {
    wanted: &'a [bool],
    values: Vec<Vec<bool>>,
    place: usize,
}

impl Probe for Reader<'_> {
    fn visit_atom(&mut self, _: &str, atom: &dyn Atom) {
        if self.wanted[self.place] {
            self.values[self.place] = atom_bits(atom);
        }
        self.place += 1;
    }
}
