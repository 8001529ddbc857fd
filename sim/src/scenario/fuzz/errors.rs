//! Errors that the ports of a switch detect, and what they tell the host (6.2.3 to 6.2.6).

use std::collections::{BTreeMap, BTreeSet};

use peb_config::row;
use peb_tlp::FunctionId;

use super::ports::Ports;

/// What a port finds wrong with a TLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Error {
    /// A posted request that is not supported.
    Posted,
    /// A non-posted one.
    NonPosted,
    /// A completion that nobody waits for.
    Unexpected,
    /// Data that is poisoned.
    Poisoned,
    /// A posted request with a Requester ID that is not below the port.
    PostedSource,
    /// A non-posted one.
    Source,
    /// No TLP.
    Malformed,
}

impl Error {
    /// Its bit of the uncorrectable errors.
    fn bit(self) -> u32 {
        match self {
            Error::Posted | Error::NonPosted => 20,
            Error::Unexpected => 16,
            Error::Poisoned => 12,
            Error::PostedSource | Error::Source => 21,
            Error::Malformed => 18,
        }
    }

    /// Whether it is advisory when it is not fatal (6.2.3.2.4).
    fn may_be_advisory(self) -> bool {
        !matches!(self, Error::Posted | Error::PostedSource | Error::Malformed)
    }
}

impl Ports {
    /// The message that tells the host of an error of a port, if the registers ask for one: its Requester ID and code.
    pub fn message(&self, port: usize, error: Error) -> Option<(FunctionId, u8)> {
        let unsupported = error.bit() == 20;
        let fatal = self.has(port, row::UNCORRECTABLE_SEVERITY, error.bit());
        let enabled =
            |bit| self.has(port, row::DEVICE_CONTROL, bit) && (!unsupported || self.has(port, row::DEVICE_CONTROL, 3));
        let code = if !fatal && error.may_be_advisory() {
            (!self.has(port, row::CORRECTABLE_MASK, 13) && enabled(0)).then_some(0x30)
        } else {
            let told = self.has(port, row::COMMAND, 8) || enabled(if fatal { 2 } else { 1 });
            let masked = self.has(port, row::UNCORRECTABLE_MASK, error.bit());
            (told && !masked).then_some(if fatal { 0x33 } else { 0x31 })
        };
        let id = if port == 0 { self.id } else { self.slot_id(port - 1) };
        code.filter(|_| port == 0 || self.serr(0)).map(|code| (id, code))
    }
}

/// A message that is due: for which errors, how often at most, and how often it came.
#[derive(Debug, Default)]
struct Due {
    errors: BTreeSet<(usize, Error)>,
    most: usize,
    came: usize,
}

/// Messages that are due, by who tells and the code. The same error while it waits to be told may be told once.
#[derive(Debug, Default)]
pub struct Reports(BTreeMap<(FunctionId, u8), Due>);

impl Reports {
    /// Notes an error.
    pub fn note(&mut self, ports: &Ports, port: usize, error: Error) {
        let Some(key) = ports.message(port, error) else { return };
        let due = self.0.entry(key).or_default();
        due.errors.insert((port, error));
        due.most += 1;
    }

    /// A message came: whether it is due. That of a malformed packet may come before the packet's end.
    pub fn came(&mut self, ports: &Ports, id: FunctionId, code: u8) -> bool {
        let due = self.0.entry((id, code)).or_default();
        due.came += 1;
        due.came <= due.most || ports.message(0, Error::Malformed) == Some((id, code))
    }

    /// Messages that came too seldom or too often, and how many came.
    pub fn result(&self) -> (Vec<String>, usize) {
        let wrong = self.0.iter().filter(|(_, due)| !(due.errors.len()..=due.most).contains(&due.came));
        let wrong = wrong.map(|((id, code), due)| format!("{code:#x} of {id}: {due:?}"));
        (wrong.collect(), self.0.values().map(|due| due.came).sum())
    }
}
