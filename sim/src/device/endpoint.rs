//! What a device does with the TLPs that reach it.

use peb_tlp::{CompletionStatus, FunctionId, MsgRouting, RequestId, Tag, Tlp, TlpType, TlpView};

use super::config::{MSIX_PENDING, MSIX_TABLE, VECTORS};
use super::{Device, Link};

/// PME_Turn_Off and its answer (PCIe 2.2.8.2).
const PME_TURN_OFF: u8 = 0x19;
const PME_TO_ACK: u8 = 0x1b;

/// Where a memory request goes.
enum Target {
    Registers(u64),
    Memory(u64),
}

impl Device {
    /// Takes a TLP.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let tlp = match TlpView::parse(bytes) {
            Ok(tlp) => tlp,
            Err(error) => return self.complain(format!("malformed TLP: {error}")),
        };
        match tlp.ty() {
            TlpType::CfgRead0 | TlpType::CfgWrite0 => self.config_request(&tlp),
            TlpType::CfgRead1 | TlpType::CfgWrite1 => {
                self.complain(format!("type 1 configuration request for {}", tlp.destination()));
                self.refuse(&tlp);
            }
            TlpType::MemRead if self.misbehaviour.silent => {}
            TlpType::MemRead | TlpType::MemWrite => self.memory_request(&tlp),
            ty if ty.is_atomic() => self.atomic_request(&tlp),
            TlpType::Completion => self.completion(&tlp),
            TlpType::Message(routing) => self.message(&tlp, routing),
            _ => self.refuse(&tlp),
        }
    }

    fn config_request(&mut self, tlp: &TlpView<'_>) {
        let (id, write) = (tlp.destination(), tlp.ty() == TlpType::CfgWrite0);
        let Link::Up(since) = self.link else { return };
        if self.now < since + self.settings.config_retry {
            return self.answer(tlp, CompletionStatus::ConfigRetry);
        }
        if id.function() != 0 {
            return self.refuse(tlp);
        }
        if write {
            self.id = FunctionId::new(id.bus(), id.device(), 0);
            let data = *tlp.payload().first_chunk().unwrap_or(&[0; 4]);
            self.config.write(tlp.register(), data, tlp.first_be());
            self.answer(tlp, CompletionStatus::Successful);
        } else {
            let data = self.config.get(tlp.register()).to_le_bytes();
            self.answer_data(tlp, &data);
        }
    }

    fn memory_request(&mut self, tlp: &TlpView<'_>) {
        let read = tlp.ty() == TlpType::MemRead;
        let len = 4 * usize::from(tlp.length_dw());
        match self.target(tlp.address()) {
            Some(Target::Memory(at)) if read => self.answer_data(tlp, &self.memory.read(at, len)),
            Some(Target::Memory(at)) => {
                self.memory.write_enabled(at, tlp.payload(), tlp.first_be(), tlp.last_be());
            }
            Some(Target::Registers(at)) if read => {
                let data: Vec<u8> = (0..len as u64).step_by(4).flat_map(|n| self.register(at + n)).collect();
                self.answer_data(tlp, &data);
            }
            Some(Target::Registers(at)) => self.write_registers(at, tlp),
            None if read => self.refuse(tlp),
            None => {}
        }
    }

    fn atomic_request(&mut self, tlp: &TlpView<'_>) {
        match self.target(tlp.address()) {
            Some(Target::Memory(at)) => {
                let old = self.memory.atomic(at, tlp);
                self.answer_data(tlp, &old);
            }
            _ => self.refuse(tlp),
        }
    }

    fn completion(&mut self, tlp: &TlpView<'_>) {
        match self.requester.completion(self.now, tlp) {
            Ok(Some(outcome)) => self.dma_outcome(&outcome),
            Ok(None) => {}
            Err(fault) => self.complain(fault.to_string()),
        }
    }

    fn message(&mut self, tlp: &TlpView<'_>, routing: MsgRouting) {
        if routing == MsgRouting::Broadcast && tlp.message_code() == PME_TURN_OFF {
            let id = RequestId { requester: self.sender(), tag: Tag(0) };
            if let Ok(ack) = Tlp::message(id, MsgRouting::Gathered, PME_TO_ACK, [0; 8], &[]) {
                self.port.send(ack);
            }
        }
    }

    fn target(&self, address: u64) -> Option<Target> {
        let registers = self.config.in_registers(address).map(Target::Registers);
        registers.or_else(|| self.config.in_memory(address).map(Target::Memory))
    }

    fn register(&self, at: u64) -> [u8; 4] {
        let value = match at {
            MSIX_PENDING => self.interrupts.pending,
            _ => match self.table_entry(at) {
                Some((vector, field)) => self.interrupts.table[vector][field],
                None => self.dma.read(at),
            },
        };
        value.to_le_bytes()
    }

    fn write_registers(&mut self, at: u64, tlp: &TlpView<'_>) {
        let dwords = tlp.payload().len() / 4;
        for (n, data) in tlp.payload().chunks_exact(4).enumerate() {
            let enables = match n {
                0 => tlp.first_be(),
                _ if n + 1 == dwords => tlp.last_be(),
                _ => 0xf,
            };
            let at = at + 4 * n as u64;
            if enables == 0 {
                continue;
            }
            let mut bytes = self.register(at);
            (0..4).filter(|lane| enables >> lane & 1 == 1).for_each(|lane| bytes[lane] = data[lane]);
            let value = u32::from_le_bytes(bytes);
            match self.table_entry(at) {
                Some((vector, field)) => self.interrupts.table[vector][field] = value,
                None => self.dma.write(at, value),
            }
        }
    }

    fn table_entry(&self, at: u64) -> Option<(usize, usize)> {
        let at = at.checked_sub(MSIX_TABLE)? as usize;
        (at < 16 * usize::from(VECTORS)).then_some((at / 16, at % 16 / 4))
    }

    fn answer(&mut self, tlp: &TlpView<'_>, status: CompletionStatus) {
        if let Err(error) = self.answers.status(self.now, tlp, self.completer(tlp), status) {
            self.complain(format!("{}: no completion can be made: {error}", tlp.fmt_type().name()));
        }
    }

    fn answer_data(&mut self, tlp: &TlpView<'_>, data: &[u8]) {
        let (completer, limit) = (self.completer(tlp), self.config.max_payload());
        if let Err(error) = self.answers.data(self.now, tlp, completer, data, limit) {
            self.complain(format!("{}: no completion can be made: {error}", tlp.fmt_type().name()));
        }
    }

    fn refuse(&mut self, tlp: &TlpView<'_>) {
        self.answer(tlp, CompletionStatus::UnsupportedRequest);
    }

    /// Of configuration requests the function asked for: before the first write the captured number is 0.
    fn completer(&self, tlp: &TlpView<'_>) -> FunctionId {
        if tlp.ty().is_config() {
            tlp.destination()
        } else {
            self.id
        }
    }
}
