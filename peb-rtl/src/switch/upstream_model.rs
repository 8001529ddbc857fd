//! What [`Upstream`](super::Upstream) has to do, by the rules of the specification.

use super::matching_tests::Port;
use peb_tlp::{Class, MsgRouting, TlpType, TlpView};

/// One clock each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counter {
    Unsupported,
    PostedDropped,
    SourceRefused,
    MasterOff,
    Unexpected,
}

/// What becomes of a TLP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Host,
    Sibling(usize),
    /// Completion status; posted TLPs are dropped.
    Refused(u8, Counter),
    Dropped(Option<Counter>),
    /// A completion: the tracker knows.
    Lookup,
    /// Pin, assert.
    Intx(u8, bool),
    Ack,
}

/// The registers of all ports, the slots that are up.
#[derive(Clone, Default)]
pub struct Model {
    pub ports: Vec<Port>,
    pub up: u8,
}

impl Model {
    fn slots(&self) -> &[Port] {
        &self.ports[1..]
    }

    fn is_up(&self, slot: usize) -> bool {
        self.up >> slot & 1 == 1
    }

    /// What becomes of a TLP from below `slot`.
    pub fn judge(&self, tlp: &TlpView, slot: usize) -> Fate {
        use Counter::*;
        let class = tlp.class();
        if !self.is_up(slot) {
            return Fate::Dropped(Some(match class {
                Class::Posted => PostedDropped,
                Class::NonPosted => Unsupported,
                Class::Completion => Unexpected,
            }));
        }
        if class == Class::Completion {
            return Fate::Lookup;
        }
        let (upstream, own) = (&self.ports[0], &self.slots()[slot]);
        if !own.has_bus(tlp.requester().bus()) {
            return Fate::Refused(4, SourceRefused);
        }
        let refused = Fate::Refused(1, Unsupported);
        match tlp.ty() {
            TlpType::Message(routing) => return self.message(tlp, routing, slot),
            ty if ty.is_config() || ty == TlpType::MemReadLocked => return refused,
            _ if !own.master() || !upstream.master() => return Fate::Refused(1, MasterOff),
            ty if ty.is_io() => return Fate::Host,
            _ => {}
        }
        let (address, atomic) = (tlp.address(), tlp.ty().is_atomic());
        match self.slots().iter().position(|port| port.has_address(address)) {
            Some(claims) if claims == slot => refused,
            Some(sibling) if !self.is_up(sibling) && class == Class::Posted => Fate::Refused(1, PostedDropped),
            Some(sibling) if !self.is_up(sibling) || (atomic && self.slots()[sibling].atomic_block()) => refused,
            Some(sibling) => Fate::Sibling(sibling),
            None if upstream.has_address(address) || (atomic && upstream.atomic_block()) => refused,
            None => Fate::Host,
        }
    }

    fn message(&self, tlp: &TlpView, routing: MsgRouting, slot: usize) -> Fate {
        let unsupported = Fate::Dropped(Some(Counter::Unsupported));
        let (upstream, bus) = (&self.ports[0], tlp.destination().bus());
        match (routing, tlp.message_code()) {
            // ERR_COR, ERR_NONFATAL, ERR_FATAL: SERR# Enable of Bridge Control of both ports (6.2.6).
            (MsgRouting::ToRoot, 0x30 | 0x31 | 0x33) if !(self.slots()[slot].serr() && upstream.serr()) => {
                Fate::Dropped(Some(Counter::PostedDropped))
            }
            (MsgRouting::ToRoot, _) => Fate::Host,
            (MsgRouting::Id, _) if !upstream.has_bus(bus) => Fate::Host,
            (MsgRouting::Id, _) if bus == upstream.secondary() => unsupported,
            (MsgRouting::Id, _) => match self.slots().iter().position(|port| port.has_bus(bus)) {
                Some(sibling) if sibling != slot && self.is_up(sibling) => Fate::Sibling(sibling),
                _ => unsupported,
            },
            (MsgRouting::Local, code @ 0x20..=0x27) => Fate::Intx(code & 3, code < 0x24),
            (MsgRouting::Gathered, 0x1b) => Fate::Ack,
            _ => unsupported,
        }
    }

    /// The errors that a TLP from below `slot` is, if this becomes of it; see [`ErrorLog`](super::ErrorLog).
    pub fn errors(&self, tlp: &TlpView, slot: usize, fate: Fate) -> u8 {
        let np = u8::from(tlp.class() == Class::NonPosted);
        let message = tlp.ty() == TlpType::Message(MsgRouting::ToRoot) && matches!(tlp.message_code(), 0x31 | 0x33);
        if !self.is_up(slot) {
            return 0;
        }
        match fate {
            Fate::Host | Fate::Sibling(_) => {
                u8::from(message) << 6 | u8::from(tlp.poisoned() && !tlp.payload().is_empty()) << 3
            }
            Fate::Refused(_, Counter::Unsupported | Counter::MasterOff) => 1 << np,
            Fate::Refused(_, Counter::SourceRefused) => 1 << (4 + np),
            Fate::Dropped(Some(Counter::Unsupported)) => 1,
            Fate::Dropped(Some(Counter::Unexpected)) => 4,
            Fate::Dropped(Some(Counter::PostedDropped)) => u8::from(message) << 6,
            _ => 0,
        }
    }

    /// The completion of a refused request, see [`Answers`](super::Answers).
    pub fn refusal(&self, tlp: &TlpView, slot: usize, status: u8) -> u128 {
        let attributes = tlp.bytes()[1] & 4 | tlp.bytes()[2] >> 4 & 3;
        let completer = u16::from(self.ports[0].secondary()) << 8 | (slot as u16) << 3;
        let fields: [(u128, u32); 9] = [
            (tlp.requester().0.into(), 0),
            (tlp.tag().0.into(), 16),
            (tlp.traffic_class().into(), 26),
            (attributes.into(), 29),
            (status.into(), 32),
            ((tlp.completion_byte_count() & 0xfff).into(), 35),
            (tlp.completion_lower_address().into(), 47),
            (completer.into(), 54),
            ((tlp.ty() == TlpType::MemReadLocked).into(), 70),
        ];
        fields.iter().fold(0, |word, (field, at)| word | field << at)
    }
}

/// Whose request a completion answers, as the tracker of the test has it: nobody's, the host's (0), slot n's (1 + n).
pub fn asker(requester: u16, tag: u16, slots: usize) -> Option<usize> {
    let value = usize::from(requester ^ tag.wrapping_mul(7)) % (slots + 4);
    match value {
        0 => None,
        _ if value <= slots => Some(value),
        _ => Some(0),
    }
}
