//! What a switch must do with a TLP, by the specification: where it comes out, or how it is refused.

use peb_regs::addr;
use peb_tlp::{CompletionStatus, FunctionId, MsgRouting, TlpType, TlpView};

use super::errors::Error;
use super::ports::{Ports, SLOTS};
use crate::world::Peb;

/// Longest broadcast in dwords.
const BROADCAST: usize = 32;

/// A completion that the switch makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its status.
    pub status: CompletionStatus,
    /// The port that makes it.
    pub completer: FunctionId,
    /// Its dword, and the bits of it that are known.
    pub data: Option<(u32, u32)>,
}

/// What the switch does itself with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heed {
    /// A pin of a slot.
    Intx(usize, usize, bool),
    /// PME_Turn_Off, which goes on to the slots too.
    TurnOff,
    /// PME_TO_Ack of a slot.
    Ack(usize),
    /// Something that it remembers, or that has no effect on what goes through it.
    Nothing,
}

/// What becomes of a TLP. A configuration write to the switch also has its effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Where it comes out, and how it looks there.
    pub arrives: Vec<(Peb, Vec<u8>)>,
    /// How the switch completes it.
    pub reply: Option<Reply>,
    /// The counter of the host PEB that it raises.
    pub counter: Option<u16>,
    /// It ends here, for this.
    pub heed: Option<Heed>,
    /// An error of this port.
    pub error: Option<(usize, Error)>,
}

impl Fate {
    fn at(peb: Peb, bytes: &[u8]) -> Self {
        Fate { arrives: vec![(peb, bytes.to_vec())], ..Fate::default() }
    }

    fn dropped(counter: u16) -> Self {
        Fate { counter: Some(counter), ..Fate::default() }
    }

    fn heeded(heed: Heed) -> Self {
        Fate { heed: Some(heed), ..Fate::default() }
    }

    fn refused(status: CompletionStatus, completer: FunctionId, counter: u16) -> Self {
        Fate { reply: Some(Reply { status, completer, data: None }), counter: Some(counter), ..Fate::default() }
    }

    /// What is not refused, dropped or sent on needs a reason.
    pub fn is_something(&self) -> bool {
        !self.arrives.is_empty() || self.reply.is_some() || self.counter.is_some() || self.heed.is_some()
    }
}

/// A host PEB with what is below its slots.
#[derive(Debug)]
pub struct Switch {
    /// Number of the host.
    pub host: usize,
    /// The registers.
    pub ports: Ports,
    /// Devices in the slots, whose links are active.
    pub slots: [Option<usize>; SLOTS],
}

const UR: CompletionStatus = CompletionStatus::UnsupportedRequest;

fn is_poisoned(tlp: &TlpView<'_>) -> bool {
    tlp.poisoned() && !tlp.payload().is_empty()
}

impl Switch {
    /// One with empty slots.
    pub fn new(host: usize) -> Self {
        Switch { host, ports: Ports::new(), slots: [None; SLOTS] }
    }

    /// Slot of a device.
    pub fn slot_of(&self, device: usize) -> Option<usize> {
        self.slots.iter().position(|&slot| slot == Some(device))
    }

    fn slot_by_bus(&self, bus: u8) -> Option<usize> {
        (0..SLOTS).find(|&slot| self.ports.below(1 + slot, bus))
    }

    fn slot_by_address(&self, address: u64) -> Option<usize> {
        (0..SLOTS).find(|&slot| self.ports.claims(1 + slot, address))
    }

    /// The device below a slot.
    pub fn device(&self, slot: usize) -> Option<Peb> {
        self.slots[slot].map(Peb::Io)
    }

    fn completer(&self, slot: Option<usize>) -> FunctionId {
        slot.map_or(self.ports.id, |slot| self.ports.slot_id(slot))
    }

    /// A well-formed TLP of the host.
    pub fn host_sent(&mut self, tlp: &TlpView<'_>) -> Fate {
        let mut fate = self.route_down(tlp);
        if fate.error.is_none() {
            fate.error = match (fate.reply, fate.counter) {
                (Some(reply), Some(_)) => {
                    let slot = (0..SLOTS).find(|&slot| self.ports.slot_id(slot) == reply.completer);
                    Some((slot.map_or(0, |slot| 1 + slot), Error::NonPosted))
                }
                (None, Some(addr::UNSUPPORTED)) => Some((0, Error::Posted)),
                (None, Some(addr::UNEXPECTED)) => {
                    let nobody = self.below(tlp.requester().bus()).is_none();
                    nobody.then_some((0, Error::Unexpected))
                }
                _ => is_poisoned(tlp).then_some((0, Error::Poisoned)),
            };
        }
        fate
    }

    fn route_down(&mut self, tlp: &TlpView<'_>) -> Fate {
        let np = tlp.class() == peb_tlp::Class::NonPosted;
        match tlp.ty() {
            TlpType::CfgRead0 | TlpType::CfgWrite0 => {
                let target = tlp.destination();
                if tlp.ty() == TlpType::CfgWrite0 {
                    self.ports.id = FunctionId::new(target.bus(), target.device(), 0);
                }
                self.configuration(tlp, (target.function() == 0).then_some(0), None)
            }
            TlpType::CfgRead1 | TlpType::CfgWrite1 if tlp.destination().bus() == self.ports.buses(0).0 => {
                let target = tlp.destination();
                let slot = usize::from(target.device());
                let exists = (slot < SLOTS && target.function() == 0).then_some(slot);
                self.configuration(tlp, exists.map(|slot| 1 + slot), exists)
            }
            TlpType::CfgRead1 | TlpType::CfgWrite1 => {
                let target = tlp.destination();
                let slot = self.below(target.bus());
                let last = slot.is_some_and(|slot| self.ports.buses(1 + slot).0 == target.bus());
                let reached = slot.filter(|&slot| !last || target.device() == 0 || self.ports.ari(1 + slot));
                let mut bytes = tlp.bytes().to_vec();
                bytes[0] &= !u8::from(last);
                match reached.and_then(|slot| self.device(slot)) {
                    Some(device) => Fate::at(device, &bytes),
                    None => Fate::refused(UR, self.completer(slot), addr::UNSUPPORTED),
                }
            }
            // Locks are for legacy devices; this switch has none below it (6.5).
            TlpType::MemReadLocked => Fate::refused(UR, self.ports.id, addr::UNSUPPORTED),
            ty if ty.is_memory() || ty.is_atomic() => {
                let slot = self.slot_by_address(tlp.address()).filter(|_| self.ports.claims(0, tlp.address()));
                let reached = slot.filter(|&slot| !(ty.is_atomic() && self.ports.blocks_atomics(1 + slot)));
                match (reached.and_then(|slot| self.device(slot)), slot) {
                    (Some(device), _) => Fate::at(device, tlp.bytes()),
                    (None, _) if np => Fate::refused(UR, self.completer(slot), addr::UNSUPPORTED),
                    (None, Some(_)) => Fate::dropped(addr::POSTED_DROPPED),
                    (None, None) => Fate::dropped(addr::UNSUPPORTED),
                }
            }
            ty if ty.is_io() => Fate::refused(UR, self.ports.id, addr::UNSUPPORTED),
            TlpType::Message(routing) => self.host_message(tlp, routing),
            _ => match self.below(tlp.requester().bus()).and_then(|slot| self.device(slot)) {
                Some(device) => Fate::at(device, tlp.bytes()),
                None => Fate::dropped(addr::UNEXPECTED),
            },
        }
    }

    /// The slot that a bus is below, as seen from above.
    pub fn below(&self, bus: u8) -> Option<usize> {
        let internal = self.ports.buses(0).0;
        self.slot_by_bus(bus).filter(|_| self.ports.below(0, bus) && bus != internal)
    }

    /// A configuration request that ends in the switch, at this port if it exists.
    fn configuration(&mut self, tlp: &TlpView<'_>, port: Option<usize>, slot: Option<usize>) -> Fate {
        let write = matches!(tlp.ty(), TlpType::CfgWrite0 | TlpType::CfgWrite1);
        let Some(port) = port.filter(|_| !(write && tlp.poisoned())) else {
            let fate = Fate::refused(UR, self.completer(slot), addr::UNSUPPORTED);
            return Fate { error: port.map(|_| (0, Error::Poisoned)), ..fate };
        };
        let mut data = None;
        if write {
            let value = u32::from_le_bytes(*tlp.payload().first_chunk().unwrap_or(&[0; 4]));
            let completer = self.completer(slot);
            self.ports.write(port, tlp.register(), value, tlp.first_be());
            let reply = Reply { status: CompletionStatus::Successful, completer, data };
            return Fate { reply: Some(reply), ..Fate::default() };
        }
        data = Some(self.ports.read(port, tlp.register()));
        let reply = Reply { status: CompletionStatus::Successful, completer: self.completer(slot), data };
        Fate { reply: Some(reply), ..Fate::default() }
    }

    fn host_message(&self, tlp: &TlpView<'_>, routing: MsgRouting) -> Fate {
        let code = tlp.message_code();
        let data = !tlp.payload().is_empty();
        match routing {
            MsgRouting::Broadcast if tlp.bytes().len() > 4 * BROADCAST => Fate::dropped(addr::UNSUPPORTED),
            MsgRouting::Broadcast => {
                let devices = self.slots.iter().flatten().map(|&device| (Peb::Io(device), tlp.bytes().to_vec()));
                let heed = if code == 0x19 && !data { Heed::TurnOff } else { Heed::Nothing };
                Fate { arrives: devices.collect(), heed: Some(heed), ..Fate::default() }
            }
            MsgRouting::Id => match self.below(tlp.destination().bus()).map(|slot| self.device(slot)) {
                Some(Some(device)) => Fate::at(device, tlp.bytes()),
                Some(None) => Fate::dropped(addr::POSTED_DROPPED),
                // Vendor_Defined Type 1 for the switch itself is ignored (2.2.8.6).
                None if code == 0x7f && self.is_own(tlp.destination()) => Fate::dropped(addr::POSTED_DROPPED),
                None => Fate::dropped(addr::UNSUPPORTED),
            },
            MsgRouting::Local if code == 0x50 && data => {
                let good = tlp.length_dw() == 1 && !tlp.poisoned();
                if good {
                    Fate::heeded(Heed::Nothing)
                } else {
                    Fate::dropped(addr::POSTED_DROPPED)
                }
            }
            MsgRouting::Local if code == 0x7f || code >> 4 == 4 => Fate::dropped(addr::POSTED_DROPPED),
            _ => Fate::dropped(addr::UNSUPPORTED),
        }
    }

    fn is_own(&self, id: FunctionId) -> bool {
        id == self.ports.id || (0..SLOTS).any(|slot| id == self.ports.slot_id(slot) && id.bus() != 0)
    }

    /// A well-formed TLP of the device in a slot; `asker` says who has asked it for this completion.
    pub fn device_sent(&self, slot: usize, tlp: &TlpView<'_>, asker: Option<Peb>) -> Fate {
        let mut fate = self.route_up(slot, tlp, asker);
        let np = tlp.class() == peb_tlp::Class::NonPosted;
        let error = match fate.counter {
            Some(addr::UNSUPPORTED | addr::MASTER_OFF) if np => Some(Error::NonPosted),
            Some(addr::UNSUPPORTED | addr::MASTER_OFF) => Some(Error::Posted),
            Some(addr::SOURCE_REFUSED) if np => Some(Error::Source),
            Some(addr::SOURCE_REFUSED) => Some(Error::PostedSource),
            Some(addr::UNEXPECTED) => Some(Error::Unexpected),
            _ => (is_poisoned(tlp) && !fate.arrives.is_empty()).then_some(Error::Poisoned),
        };
        fate.error = error.map(|error| (1 + slot, error));
        fate
    }

    fn route_up(&self, slot: usize, tlp: &TlpView<'_>, asker: Option<Peb>) -> Fate {
        let np = tlp.class() == peb_tlp::Class::NonPosted;
        let own = self.ports.slot_id(slot);
        let refuse = |status, counter| if np { Fate::refused(status, own, counter) } else { Fate::dropped(counter) };
        let host = Peb::Host(self.host);
        if tlp.ty().is_completion() {
            return asker.map_or(Fate::dropped(addr::UNEXPECTED), |asker| Fate::at(asker, tlp.bytes()));
        }
        if !self.ports.below(1 + slot, tlp.requester().bus()) {
            return refuse(CompletionStatus::CompleterAbort, addr::SOURCE_REFUSED);
        }
        match tlp.ty() {
            TlpType::Message(routing) => self.device_message(slot, tlp, routing),
            ty if ty.is_config() || ty == TlpType::MemReadLocked => refuse(UR, addr::UNSUPPORTED),
            _ if !self.ports.master(1 + slot) || !self.ports.master(0) => refuse(UR, addr::MASTER_OFF),
            ty if ty.is_io() => Fate::at(host, tlp.bytes()),
            ty => match self.slot_by_address(tlp.address()) {
                Some(to) if to == slot => refuse(UR, addr::UNSUPPORTED),
                Some(to) if ty.is_atomic() && self.ports.blocks_atomics(1 + to) => refuse(UR, addr::UNSUPPORTED),
                Some(to) => match self.device(to) {
                    Some(device) => Fate::at(device, tlp.bytes()),
                    None if np => refuse(UR, addr::UNSUPPORTED),
                    None => Fate::dropped(addr::POSTED_DROPPED),
                },
                None if self.ports.claims(0, tlp.address()) => refuse(UR, addr::UNSUPPORTED),
                None if ty.is_atomic() && self.ports.blocks_atomics(0) => refuse(UR, addr::UNSUPPORTED),
                None => Fate::at(host, tlp.bytes()),
            },
        }
    }

    fn device_message(&self, slot: usize, tlp: &TlpView<'_>, routing: MsgRouting) -> Fate {
        let host = Peb::Host(self.host);
        let code = tlp.message_code();
        match routing {
            MsgRouting::ToRoot
                if matches!(code, 0x30 | 0x31 | 0x33) && !(self.ports.serr(1 + slot) && self.ports.serr(0)) =>
            {
                Fate::dropped(addr::POSTED_DROPPED)
            }
            MsgRouting::ToRoot => Fate::at(host, tlp.bytes()),
            MsgRouting::Id => {
                let bus = tlp.destination().bus();
                if !self.ports.below(0, bus) {
                    return Fate::at(host, tlp.bytes());
                }
                let sibling = self.below(bus).filter(|&to| to != slot).and_then(|to| self.device(to));
                sibling.map_or(Fate::dropped(addr::UNSUPPORTED), |device| Fate::at(device, tlp.bytes()))
            }
            MsgRouting::Local if (0x20..0x28).contains(&code) => {
                Fate::heeded(Heed::Intx(slot, usize::from(code & 3), code & 4 == 0))
            }
            MsgRouting::Gathered if code == 0x1b => Fate::heeded(Heed::Ack(slot)),
            _ => Fate::dropped(addr::UNSUPPORTED),
        }
    }
}
