//! What a device does with the TLPs that reach it.

use peb_tlp::{CompletionStatus, FunctionId, MsgRouting, RequestId, Tag, Tlp, TlpType, TlpView};

use super::config::CAP_PCIE;
use super::{Device, Link, Unit};

/// PME_Turn_Off and its answer (PCIe 2.2.8.2).
const PME_TURN_OFF: u8 = 0x19;
const PME_TO_ACK: u8 = 0x1b;

/// Transactions Pending of Device Status.
const PENDING: u32 = 1 << 21;

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
        let n = usize::from(id.function());
        if n >= self.units.len() {
            return self.refuse(tlp);
        }
        if write {
            // All functions capture the numbers (PCIe 2.2.6.2).
            for (n, unit) in (0..).zip(&mut self.units) {
                unit.id = FunctionId::new(id.bus(), id.device(), n);
            }
            let data = *tlp.payload().first_chunk().unwrap_or(&[0; 4]);
            let function_reset = self.units[n].config.write(tlp.register(), data, tlp.first_be());
            self.answer(tlp, CompletionStatus::Successful);
            if function_reset {
                self.units[n].function_reset(&self.settings);
            }
        } else {
            let mut data = self.units[n].config.get(tlp.register());
            if tlp.register() == CAP_PCIE + 8 && self.units[n].requester.outstanding() > 0 {
                data |= PENDING;
            }
            self.answer_data(tlp, n, &data.to_le_bytes());
        }
    }

    /// The function whose BAR an address falls on, the BAR, and the offset in it.
    fn target(&self, address: u64) -> Option<(usize, u8, u64)> {
        let hit = |(n, unit): (usize, &Unit)| unit.config.target(address).map(|(bar, at)| (n, bar, at));
        self.units.iter().enumerate().find_map(hit)
    }

    fn memory_request(&mut self, tlp: &TlpView<'_>) {
        let read = tlp.ty() == TlpType::MemRead;
        match self.target(tlp.address()) {
            Some((n, bar, at)) if read => {
                let len = 4 * u64::from(tlp.length_dw());
                let data: Vec<u8> = (0..len).step_by(4).flat_map(|d| self.units[n].read_dword(bar, at + d)).collect();
                self.answer_data(tlp, n, &data);
            }
            Some((n, bar, at)) => self.units[n].write_dwords(bar, at, tlp),
            None if read => self.refuse(tlp),
            None => {}
        }
    }

    fn atomic_request(&mut self, tlp: &TlpView<'_>) {
        let old =
            self.target(tlp.address()).and_then(|(n, bar, at)| Some((n, self.units[n].function.atomic(bar, at, tlp)?)));
        match old {
            Some((n, old)) => self.answer_data(tlp, n, &old),
            None => self.refuse(tlp),
        }
    }

    /// A completion goes to the function that its Requester ID names; function 0 takes those of a forged one.
    fn completion(&mut self, tlp: &TlpView<'_>) {
        let named = self.units.iter().position(|unit| unit.id == tlp.requester());
        let n = named.filter(|_| self.misbehaviour.forged_requester.is_none()).unwrap_or(0);
        match self.units[n].requester.completion(self.now, tlp) {
            Ok(Some(outcome)) => {
                let (mut bus, function) = self.parts(n);
                function.ended(&mut bus, &outcome);
            }
            Ok(None) => {}
            Err(fault) => self.complain(fault.to_string()),
        }
    }

    fn message(&mut self, tlp: &TlpView<'_>, routing: MsgRouting) {
        if routing == MsgRouting::Broadcast && tlp.message_code() == PME_TURN_OFF {
            let id = RequestId { requester: self.sender(0), tag: Tag(0) };
            if let Ok(ack) = Tlp::message(id, MsgRouting::Gathered, PME_TO_ACK, [0; 8], &[]) {
                self.port.send(ack);
            }
        }
    }

    fn answer(&mut self, tlp: &TlpView<'_>, status: CompletionStatus) {
        if let Err(error) = self.answers.status(self.now, tlp, self.completer(tlp, 0), status) {
            self.complain(format!("{}: no completion can be made: {error}", tlp.fmt_type().name()));
        }
    }

    fn answer_data(&mut self, tlp: &TlpView<'_>, n: usize, data: &[u8]) {
        let (completer, limit) = (self.completer(tlp, n), self.units[n].config.max_payload());
        if let Err(error) = self.answers.data(self.now, tlp, completer, data, limit) {
            self.complain(format!("{}: no completion can be made: {error}", tlp.fmt_type().name()));
        }
    }

    fn refuse(&mut self, tlp: &TlpView<'_>) {
        self.answer(tlp, CompletionStatus::UnsupportedRequest);
    }

    /// Of configuration requests the function asked for: before the first write the captured number is 0.
    fn completer(&self, tlp: &TlpView<'_>, n: usize) -> FunctionId {
        if tlp.ty().is_config() {
            tlp.destination()
        } else {
            self.units[n].id
        }
    }
}

impl Unit {
    fn read_dword(&mut self, bar: u8, at: u64) -> [u8; 4] {
        self.interrupts.read(bar, at).unwrap_or_else(|| self.function.read(bar, at)).to_le_bytes()
    }

    fn write_dwords(&mut self, bar: u8, at: u64, tlp: &TlpView<'_>) {
        let dwords = tlp.payload().len() / 4;
        for (n, data) in tlp.payload().chunks_exact(4).enumerate() {
            let enables = match n {
                0 => tlp.first_be(),
                _ if n + 1 == dwords => tlp.last_be(),
                _ => 0xf,
            };
            let mask = [0, 1, 2, 3].map(|lane| if enables >> lane & 1 == 1 { 0xff } else { 0 });
            let mask = u32::from_le_bytes(mask);
            let value = data.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)) & mask;
            let at = at + 4 * n as u64;
            if mask != 0 && !self.interrupts.write(bar, at, value, mask) {
                self.function.write(bar, at, value, mask);
            }
        }
    }
}
