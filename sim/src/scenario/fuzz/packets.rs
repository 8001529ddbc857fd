//! Random packets: good ones to where they belong, good ones to where they do not, and such as are no TLPs.

use peb_tlp::{AtomicOp, Completion, CompletionStatus, FunctionId, MsgRouting, RequestId, Tag, Tlp, TlpError, TlpView};
use rand::seq::SliceRandom;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::layout::Layout;
use super::ports::SLOTS;
use super::route::Switch;
use crate::garbage::malformed_tlp;
use crate::host::ROOT_PORT;

/// Tags of completions that nobody asked for; requests use the others.
const BOGUS: std::ops::Range<u16> = 900..1024;
/// Registers of the ports that change nothing of what passes and is told: rows that a request may write at any time.
const HARMLESS: [u16; 7] = [0x0c, 0x4c, 0x50, 0x54, 0x90, 0x104, 0x110];

/// Makes packets for one port.
pub struct Packets<'a> {
    /// Random numbers.
    pub rng: &'a mut ChaCha8Rng,
    /// The switch as it should be.
    pub switch: &'a Switch,
    /// How its registers are meant to be.
    pub layout: &'a Layout,
    /// A tag that is not in use at this port.
    pub tag: Tag,
    /// Configuration writes may hit any register.
    pub wild: bool,
}

type Made = Result<Tlp, TlpError>;

impl Packets<'_> {
    /// A packet of the host.
    pub fn of_host(&mut self) -> Vec<u8> {
        let function = *[0, 0, 0, 1, 0x1f].choose(self.rng).unwrap_or(&0);
        let id = self.id(FunctionId::new(0, function, 0));
        let slot = self.rng.gen_range(0..SLOTS);
        let (below, elsewhere) = (self.layout.address(slot, self.rng.gen()), self.layout.elsewhere(self.rng.gen()));
        let made = match self.rng.gen_range(0..100) {
            0..=36 => self.memory(id, below),
            37..=43 => self.memory(id, elsewhere),
            44..=47 => self.atomic(id, below),
            48..=68 => self.configuration(id),
            69..=77 => self.message(id),
            78..=80 => self.io(id),
            81..=84 => self.bogus(ROOT_PORT),
            85..=87 => self.locked(id, below),
            _ => return self.malformed(id),
        };
        self.dress(made, id)
    }

    /// A packet of the device in a slot.
    pub fn of_device(&mut self, slot: usize) -> Vec<u8> {
        let (first, last) = self.layout.slots[slot].buses;
        let own = FunctionId(u16::from(self.rng.gen_range(first..=last)) << 8 | u16::from(self.rng.gen::<u8>()));
        let forged = [ROOT_PORT, self.switch.ports.id, self.switch.ports.slot_id(slot), FunctionId(self.rng.gen())];
        let requester = if self.rng.gen_ratio(1, 14) { *forged.choose(self.rng).unwrap_or(&own) } else { own };
        let id = self.id(requester);
        let other = self.rng.gen_range(0..SLOTS);
        let (beside, elsewhere, above) =
            (self.layout.address(other, self.rng.gen()), self.layout.elsewhere(self.rng.gen()), self.host_memory());
        let made = match self.rng.gen_range(0..100) {
            0..=39 => self.memory(id, above),
            40..=52 => self.memory(id, beside),
            53..=56 => self.memory(id, elsewhere),
            57..=58 => self.atomic(id, above),
            59..=60 => self.atomic(id, beside),
            61..=63 => self.io(id),
            64..=74 => self.message(id),
            75..=77 => self.configuration(id),
            78..=83 => self.bogus(own),
            84..=85 => self.locked(id, 0x1000),
            _ => return self.malformed(id),
        };
        self.dress(made, id)
    }

    fn id(&self, requester: FunctionId) -> RequestId {
        RequestId { requester, tag: self.tag }
    }

    fn host_memory(&mut self) -> u64 {
        let high: u64 = *[0, 0x1_0000_0000, 0xff00_0000_0000].choose(self.rng).unwrap_or(&0);
        high + u64::from(self.rng.gen::<u32>() & 0x0fff_ffff)
    }

    /// Bytes of a request, most of them few.
    fn length(&mut self, longest: usize) -> usize {
        let longest = *[4, 64, 64, longest].choose(self.rng).unwrap_or(&4);
        self.rng.gen_range(1..=longest)
    }

    fn memory(&mut self, id: RequestId, address: u64) -> Made {
        let room = (4096 - address % 4096) as usize;
        if self.rng.gen_ratio(3, 5) {
            let len = self.length(512).min(room);
            let room = 512 - (address % 4) as usize;
            let data: Vec<u8> = (0..len.min(room)).map(|_| self.rng.gen()).collect();
            return Tlp::memory_write(id, address, &data);
        }
        let len = if self.rng.gen_ratio(1, 12) { 0 } else { self.length(4096).min(room) };
        Tlp::memory_read(id, address, len)
    }

    fn locked(&mut self, id: RequestId, address: u64) -> Made {
        let mut bytes = Tlp::memory_read(id, address & !3, 4)?.into_bytes();
        bytes[0] |= 1;
        Tlp::from_bytes(bytes)
    }

    fn atomic(&mut self, id: RequestId, address: u64) -> Made {
        let operand: [u8; 16] = self.rng.gen();
        let op = match self.rng.gen_range(0..3) {
            0 => AtomicOp::FetchAdd(&operand[..8]),
            1 => AtomicOp::Swap(&operand[..4]),
            _ => AtomicOp::CompareSwap(&operand),
        };
        Tlp::atomic(id, address & !15, op)
    }

    fn io(&mut self, id: RequestId) -> Made {
        let address = self.rng.gen::<u32>() & !3;
        if self.rng.gen() {
            Tlp::io_read(id, address)
        } else {
            Tlp::io_write(id, address, self.rng.gen())
        }
    }

    fn configuration(&mut self, id: RequestId) -> Made {
        let ports = &self.switch.ports;
        let slot = self.rng.gen_range(0..SLOTS);
        let below = self.layout.slots[slot].buses;
        let target = match self.rng.gen_range(0..12) {
            0..=2 => ports.id,
            3..=6 => ports.slot_id(slot),
            7..=8 => FunctionId::new(below.0, 0, 0),
            9 => FunctionId(u16::from(self.rng.gen_range(below.0..=below.1)) << 8 | u16::from(self.rng.gen::<u8>())),
            10 => FunctionId(u16::from(ports.slot_id(0).bus()) << 8 | u16::from(self.rng.gen::<u8>())),
            _ => FunctionId(self.rng.gen()),
        };
        // Type 0 is for the upstream port alone, whatever is in it.
        let type1 = target != ports.id || ports.id == ports.slot_id(0);
        let any = self.rng.gen::<u16>() & 0xffc;
        let near = any & 0x1fc;
        let register = *[any, near, near, *HARMLESS.choose(self.rng).unwrap_or(&0)].choose(self.rng).unwrap_or(&0);
        let enables = self.rng.gen_range(0..16);
        let inside = target == ports.id || target.bus() == ports.slot_id(0).bus();
        if self.rng.gen_ratio(1, 3) && (self.wild || !inside || HARMLESS.contains(&register)) {
            // Interrupts of the switch's own stay off.
            let register = if self.wild && register == 0x48 { 0x4c } else { register };
            return Tlp::config_write(id, target, register, type1, self.rng.gen())?.with_byte_enables(enables, 0);
        }
        Tlp::config_read(id, target, register, type1)?.with_byte_enables(enables, 0)
    }

    fn message(&mut self, id: RequestId) -> Made {
        use MsgRouting::{Address, Broadcast, Gathered, Id, Local, ToRoot};
        let (routing, code) = *[
            (Local, 0x20 + self.rng.gen_range(0..8)),
            (ToRoot, *[0x30, 0x31, 0x33].choose(self.rng).unwrap_or(&0x30)),
            (ToRoot, 0x18),
            (Broadcast, 0x19),
            (Gathered, 0x1b),
            (Broadcast, 0x7e),
            (Id, 0x7e),
            (Id, 0x7f),
            (ToRoot, 0x7f),
            (Local, 0x7f),
            (Local, 0x40 + self.rng.gen_range(0..16)),
            (Local, 0x50),
            (Address, self.rng.gen()),
            (*[ToRoot, Id, Broadcast, Local, Gathered].choose(self.rng).unwrap_or(&Id), self.rng.gen()),
        ]
        .choose(self.rng)
        .unwrap_or(&(Local, 0));
        let mut specific: [u8; 8] = self.rng.gen();
        if routing == Id {
            let slot = self.rng.gen_range(0..SLOTS);
            let below = FunctionId::new(self.layout.slots[slot].buses.0, 0, 0);
            let ports = &self.switch.ports;
            let target = [below, below, ROOT_PORT, ports.id, ports.slot_id(slot), FunctionId(self.rng.gen())];
            specific[..2].copy_from_slice(&target.choose(self.rng).unwrap_or(&below).0.to_be_bytes());
        }
        let length = *[0, 0, 4, 8, 72, 200].choose(self.rng).unwrap_or(&0);
        let data: Vec<u8> = (0..length).map(|_| self.rng.gen()).collect();
        Tlp::message(id, routing, code, specific, &data)
    }

    /// A completion that nobody asked for.
    fn bogus(&mut self, completer: FunctionId) -> Made {
        let slot = self.rng.gen_range(0..SLOTS);
        let nobody = FunctionId::new(*[0xff, self.layout.slots[slot].buses.0].choose(self.rng).unwrap_or(&0), 9, 1);
        // A completion of the host's for what is below a slot gets there, asked for or not.
        let requesters = [ROOT_PORT, self.switch.ports.id, self.switch.ports.slot_id(slot), nobody];
        let request = RequestId {
            requester: *requesters.choose(self.rng).unwrap_or(&nobody),
            tag: Tag(self.rng.gen_range(BOGUS)),
        };
        let status = *[CompletionStatus::Successful, CompletionStatus::UnsupportedRequest]
            .choose(self.rng)
            .unwrap_or(&CompletionStatus::Successful);
        let completion = Completion { request, completer, status, byte_count: 4, lower_address: 0 };
        let data = if status == CompletionStatus::Successful { &[0xbd; 4][..] } else { &[] };
        Tlp::completion(completion, data)
    }

    /// Traffic class, attributes, poison and digest, where they are legal.
    fn dress(&mut self, made: Made, id: RequestId) -> Vec<u8> {
        let Ok(mut tlp) = made else { return self.malformed(id) };
        if self.rng.gen_ratio(1, 3) {
            tlp = tlp.clone().with_traffic_class(self.rng.gen_range(0..8)).unwrap_or(tlp);
        }
        if self.rng.gen_ratio(1, 3) {
            tlp = tlp.clone().with_relaxed_ordering().unwrap_or(tlp);
        }
        if self.rng.gen_ratio(1, 6) {
            tlp = tlp.clone().with_no_snoop().unwrap_or(tlp);
        }
        if self.rng.gen_ratio(1, 6) && !TlpView::parse(tlp.as_bytes()).is_ok_and(|view| view.ty().is_config()) {
            tlp = tlp.with_id_based_ordering();
        }
        if self.rng.gen_ratio(1, 10) && tlp.as_bytes()[0] & 0x40 != 0 {
            tlp = tlp.poisoned();
        }
        if self.rng.gen_ratio(1, 10) {
            tlp = tlp.with_digest(self.rng.gen());
        }
        tlp.into_bytes()
    }

    /// What breaks a rule of a single packet, payloads over 512 bytes among them.
    fn malformed(&mut self, id: RequestId) -> Vec<u8> {
        let like = Tlp::memory_write(id, 0xa000_0000, &self.rng.gen::<[u8; 32]>()).map(Tlp::into_bytes);
        let like = like.unwrap_or_default();
        if self.rng.gen_ratio(1, 4) {
            let dwords: usize = self.rng.gen_range(129..300);
            let mut bytes = like[..12].to_vec();
            (bytes[2], bytes[3]) = ((dwords >> 8) as u8, dwords as u8);
            bytes.resize(12 + 4 * dwords, 0x55);
            return bytes;
        }
        if self.rng.gen_ratio(1, 6) {
            // A TLP prefix before a good TLP.
            let prefix = [0x80 | self.rng.gen::<u8>() & 0x1f, 0, 0, 0];
            return [&prefix[..], &like].concat();
        }
        malformed_tlp(self.rng, &like)
    }
}
