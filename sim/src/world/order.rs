//! PCIe ordering from every sender to every receiver of a world.

use std::collections::HashMap;

use peb_tlp::{FunctionId, OrderChecker, TlpType, TlpView};

use super::fabric::Peb;

/// One [`OrderChecker`] a pair of sender and receiver. What a switch consumes or drops is not missed; what it makes up
/// itself is left out; configuration requests change their type on the way and are compared as type 0.
#[derive(Debug, Default)]
pub struct Order {
    pebs: Vec<Peb>,
    checkers: HashMap<(Peb, Peb), OrderChecker>,
    /// TLPs compared.
    pub compared: u64,
}

impl Order {
    /// Checkers for all pairs of these, but for two hosts.
    pub fn new(pebs: &[Peb]) -> Self {
        let hosts = |from: &Peb, to: &Peb| matches!((from, to), (Peb::Host(_), Peb::Host(_)));
        let pairs = pebs.iter().flat_map(|&from| pebs.iter().map(move |&to| (from, to)));
        let pairs = pairs.filter(|(from, to)| from != to && !hosts(from, to));
        Order { pebs: pebs.to_vec(), checkers: pairs.map(|pair| (pair, OrderChecker::new())).collect(), compared: 0 }
    }

    /// Notes a TLP that a PEB has taken from its link partner.
    pub fn sent(&mut self, from: Peb, tlp: &[u8]) {
        let tlp = canonical(tlp);
        for &to in &self.pebs {
            if let Some(checker) = self.checkers.get_mut(&(from, to)) {
                // What is no TLP does not come out.
                let _ = checker.sent(&tlp);
            }
        }
    }

    /// Notes a TLP that a PEB has given to its link partner; `sender` says whose an ID is, if it belongs to a link
    /// partner and not to the switch. Gives what is wrong.
    pub fn delivered(&mut self, to: Peb, tlp: &[u8], sender: impl Fn(FunctionId) -> Option<Peb>) -> Option<String> {
        let view = TlpView::parse(tlp).ok()?;
        let by = if view.ty().is_completion() { view.completer() } else { view.requester() };
        // Local messages end at the next port, so the PEB has made it.
        if view.ty() == TlpType::Message(peb_tlp::MsgRouting::Local) {
            return None;
        }
        let from = sender(by)?;
        let checker = self.checkers.get_mut(&(from, to))?;
        self.compared += 1;
        if checker.delivered(&canonical(tlp)) {
            return None;
        }
        let what = checker.anomalies().last().map(ToString::to_string).unwrap_or_default();
        Some(format!("{} from {by}, {from}, reached {to} wrongly: {what}", view.fmt_type().name()))
    }
}

/// A configuration request as type 0.
fn canonical(tlp: &[u8]) -> Vec<u8> {
    let mut bytes = tlp.to_vec();
    if let Some(byte0 @ (0x05 | 0x45)) = bytes.first_mut() {
        *byte0 &= !1;
    }
    bytes
}
