//! What [`Downstream`](super::Downstream) has to do, by the rules of the specification.

use super::matching_tests::Port;
use peb_tlp::{Class, MsgRouting, TlpType, TlpView};

/// What the block does, apart from the order between different outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// Port, write, register, enables, data (of a write).
    pub config: Vec<(u8, bool, u16, u8, u32)>,
    /// Completion descriptors.
    pub answers: Vec<u128>,
    /// Slot, from, requester, tag, TC, attributes, bytes, lower address.
    pub inserts: Vec<[u64; 8]>,
    /// Session, class, dwords, bad, bytes (of bad ones only the header).
    pub out: Vec<(u8, u8, usize, bool, Vec<u8>)>,
    pub limits: Vec<u16>,
    pub turn_off: usize,
    pub unsupported: usize,
    pub dropped: usize,
    pub unexpected: usize,
    /// Port and error of each TLP with one; see [`ErrorLog`](super::ErrorLog).
    pub errors: Vec<(u8, u8)>,
}

/// The switch as the specification has it.
pub struct Model {
    pub ports: Vec<Port>,
    pub up: u8,
    pub id: u16,
    pub effects: Effects,
}

/// The value that the configuration space of the test reads at a port's register.
pub fn register_value(port: u8, register: u16) -> u32 {
    (u32::from(port) << 16 | u32::from(register)).wrapping_mul(0x9e37_79b9)
}

impl Model {
    fn slots(&self) -> &[Port] {
        &self.ports[1..]
    }

    fn is_up(&self, slot: usize) -> bool {
        self.up >> slot & 1 == 1
    }

    /// The slot below which `bus` is.
    fn slot_of_bus(&self, bus: u8) -> Option<usize> {
        let up = &self.ports[0];
        let below = up.has_bus(bus) && bus != up.secondary();
        below.then(|| self.slots().iter().position(|p| p.has_bus(bus))).flatten()
    }

    fn port_id(&self, slot: usize) -> u16 {
        u16::from(self.ports[0].secondary()) << 8 | (slot as u16) << 3
    }

    fn answer(&mut self, tlp: &TlpView, completer: u16, data: Option<u32>, refused: bool) {
        let attributes = tlp.bytes()[1] >> 2 & 1;
        let attributes = attributes << 2 | tlp.bytes()[2] >> 4 & 3;
        let (count, lower) = (tlp.completion_byte_count() & 0xfff, tlp.completion_lower_address());
        let fields: [(u128, u32); 9] = [
            (tlp.requester().0.into(), 0),
            (tlp.tag().0.into(), 16),
            (tlp.traffic_class().into(), 26),
            (attributes.into(), 29),
            (refused.into(), 32),
            (count.into(), 35),
            (lower.into(), 47),
            (completer.into(), 54),
            ((data.is_some() || tlp.ty() == TlpType::MemReadLocked).into(), 70),
        ];
        let low = fields.iter().fold(0, |word, (field, at)| word | field << at);
        self.effects.answers.push(low | u128::from(data.unwrap_or(0)) << 71);
        self.effects.unsupported += usize::from(refused);
    }

    fn refuse(&mut self, tlp: &TlpView, slot: Option<usize>) {
        let completer = slot.map_or(self.id, |slot| self.port_id(slot));
        self.answer(tlp, completer, None, true);
        self.effects.errors.push((slot.map_or(0, |slot| 1 + slot as u8), 2));
    }

    fn forward(&mut self, slot: usize, tlp: &TlpView, bad: bool, as_type_0: bool) {
        let class = match tlp.class() {
            Class::Posted => 0,
            Class::NonPosted => 1,
            Class::Completion => 2,
        };
        if class == 1 {
            let attributes = tlp.bytes()[1] & 4 | tlp.bytes()[2] >> 4 & 3;
            self.effects.inserts.push([
                slot as u64,
                0,
                tlp.requester().0.into(),
                tlp.tag().0.into(),
                tlp.traffic_class().into(),
                attributes.into(),
                tlp.completion_byte_count().into(),
                tlp.completion_lower_address().into(),
            ]);
        }
        let mut bytes = tlp.bytes().to_vec();
        bytes[0] &= !u8::from(as_type_0);
        self.effects.out.push((slot as u8, class, bytes.len() / 4, bad, bytes));
    }

    /// Configuration access of a port of the switch.
    fn config(&mut self, tlp: &TlpView, port: u8, completer: u16) {
        let write = !tlp.payload().is_empty();
        if write && tlp.poisoned() {
            return self.answer(tlp, completer, None, true);
        }
        let register = tlp.register() / 4;
        let data = tlp.payload().try_into().map_or(0, u32::from_le_bytes);
        self.effects.config.push((port, write, register, tlp.first_be(), data));
        self.answer(tlp, completer, (!write).then(|| register_value(port, register)), false);
    }

    pub fn take(&mut self, bytes: &[u8], bad: bool) {
        let tlp = TlpView::parse(bytes).unwrap();
        if bad && tlp.class() == Class::NonPosted {
            return;
        }
        let before = (self.effects.errors.len(), self.effects.unexpected);
        self.route(&tlp, bad);
        let passes = before == (self.effects.errors.len(), self.effects.unexpected);
        if passes && !bad && tlp.poisoned() && !tlp.payload().is_empty() {
            self.effects.errors.push((0, 8));
        }
    }

    fn error(&mut self, error: u8, bad: bool) {
        self.effects.errors.extend((!bad).then_some((0, error)));
    }

    fn route(&mut self, tlp: &TlpView, bad: bool) {
        let target = tlp.destination();
        let by_bus = self.slot_of_bus(target.bus());
        match tlp.ty() {
            TlpType::CfgRead0 | TlpType::CfgWrite0 => {
                if tlp.ty() == TlpType::CfgWrite0 {
                    self.id = target.0 & 0xfff8;
                }
                match target.function() {
                    0 => self.config(tlp, 0, self.id),
                    _ => self.refuse(tlp, None),
                }
            }
            TlpType::CfgRead1 | TlpType::CfgWrite1 => {
                let (up, slot) = (&self.ports[0], usize::from(target.device()));
                if up.secondary() != 0 && target.bus() == up.secondary() {
                    match slot < self.slots().len() && target.function() == 0 {
                        true => self.config(tlp, 1 + slot as u8, self.port_id(slot)),
                        false => self.refuse(tlp, None),
                    }
                } else if let Some(slot) = by_bus {
                    let port = &self.slots()[slot];
                    let last = port.secondary() == target.bus();
                    match self.is_up(slot) && (!last || port.ari() || target.device() == 0) {
                        true => self.forward(slot, tlp, false, last),
                        false => self.refuse(tlp, Some(slot)),
                    }
                } else {
                    self.refuse(tlp, None);
                }
            }
            TlpType::IoRead | TlpType::IoWrite | TlpType::MemReadLocked => self.refuse(tlp, None),
            TlpType::Completion | TlpType::CompletionLocked => match by_bus {
                Some(slot) if self.is_up(slot) => self.forward(slot, tlp, bad, false),
                slot => {
                    self.effects.unexpected += usize::from(!bad);
                    self.error(4, bad || slot.is_some());
                }
            },
            TlpType::Message(routing) => self.message(tlp, routing, by_bus, bad),
            ty => {
                let window = self.ports[0].has_address(tlp.address());
                let slot = self.slots().iter().position(|p| p.has_address(tlp.address())).filter(|_| window);
                let open = slot.is_some_and(|s| self.is_up(s) && !(ty.is_atomic() && self.slots()[s].atomic_block()));
                match (slot, ty == TlpType::MemWrite) {
                    (Some(slot), _) if open => self.forward(slot, tlp, bad, false),
                    (slot, false) => self.refuse(tlp, slot),
                    (Some(_), true) => self.effects.dropped += usize::from(!bad),
                    (None, true) => {
                        self.effects.unsupported += usize::from(!bad);
                        self.error(1, bad);
                    }
                }
            }
        }
    }

    fn message(&mut self, tlp: &TlpView, routing: MsgRouting, by_bus: Option<usize>, bad: bool) {
        let (code, target) = (tlp.message_code(), tlp.destination());
        let own_port = self.ports[0].secondary() != 0
            && target.bus() == self.ports[0].secondary()
            && usize::from(target.device()) < self.slots().len()
            && target.function() == 0;
        match (routing, code) {
            (MsgRouting::Broadcast, _) if tlp.bytes().len() > 128 => {
                self.effects.unsupported += usize::from(!bad);
                self.error(1, bad);
            }
            (MsgRouting::Broadcast, _) if bad => {}
            (MsgRouting::Broadcast, _) => {
                self.effects.turn_off += usize::from(code == 0x19 && tlp.payload().is_empty());
                for slot in 0..8 {
                    if self.is_up(slot) {
                        self.forward(slot, tlp, false, false);
                    }
                }
            }
            (MsgRouting::Id, _) if by_bus.is_some() => match by_bus.filter(|s| self.is_up(*s)) {
                Some(slot) => self.forward(slot, tlp, bad, false),
                None => self.effects.dropped += usize::from(!bad),
            },
            _ if bad => {}
            (MsgRouting::Local, 0x50) if !tlp.payload().is_empty() => {
                if tlp.payload().len() == 4 && !tlp.poisoned() {
                    self.effects.limits.push(u16::from_le_bytes([tlp.payload()[0], tlp.payload()[1] & 3]));
                } else {
                    self.effects.dropped += 1;
                }
            }
            (MsgRouting::Local, 0x40..=0x4f | 0x7f) => self.effects.dropped += 1,
            (MsgRouting::Id, 0x7f) if own_port || target.0 == self.id => self.effects.dropped += 1,
            _ => {
                self.effects.unsupported += 1;
                self.error(1, bad);
            }
        }
    }
}
