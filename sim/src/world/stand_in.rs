//! PEBs in plain Rust, whole TLPs at a time, to test the models of hosts and devices without the RTL. The Ethernet is a
//! wire without delay; what takes time are joining, silence and resets.

use std::collections::HashMap;

use peb_regs::addr;
use peb_tlp::{Completion, CompletionStatus, FunctionId, MsgRouting, RequestId, Tag, Tlp, TlpType, TlpView};

use super::fabric::{Fabric, HostIn, IoIn, Management, Peb, PebPins, Pins};
use crate::port::{PciePort, PortIn, PortOut, PortStalls};

const SLOTS: usize = 4;
/// From free and in the right VLAN to attached; also the shortest reset.
const JOIN: u64 = 1000;

/// The configuration space of a port: values by dword.
#[derive(Clone, Debug, Default)]
struct Port {
    rows: HashMap<u16, u32>,
}

/// A host PEB.
struct HostPeb {
    wire: Wire,
    vid: u16,
    upstream: Port,
    slots: Vec<Slot>,
    down: bool,
    intx: [bool; 4],
}

#[derive(Default)]
struct Slot {
    port: Port,
    io: Option<usize>,
    up: bool,
    present: bool,
    interrupting: bool,
    intx: bool,
    /// It stays empty until then.
    empty_until: u64,
    /// Requests of the host without completion: what a made-up completion says.
    outstanding: Vec<Completion>,
    /// Requests of the device that the host has not completed.
    owed: usize,
}

/// An I/O PEB.
struct IoPeb {
    wire: Wire,
    vid: u16,
    host: Option<(usize, usize)>,
    free_since: u64,
    heard: u64,
    reset_until: u64,
    /// What waits for the cable: TLPs for the device, and from it.
    held: [Vec<Vec<u8>>; 2],
}

/// The TLP stream of a PEB: a link partner the other way round.
struct Wire {
    port: PciePort,
    connected: bool,
}

/// The stand-in for cores and Ethernet.
pub struct StandIn {
    hosts: Vec<HostPeb>,
    ios: Vec<IoPeb>,
    down: u64,
    now: u64,
}

impl Port {
    fn new(n: Option<u32>) -> Self {
        let kind = if n.is_some() { 6 } else { 5 };
        let slot = n.map_or(0, |n| (n + 1) << 19 | 1 << 18 | 0x60);
        let rows = [
            (0x00, 0x80e8_1033),
            (0x04, 0x0010_0000),
            (0x08, 0x0604_0000),
            (0x0c, 0x0001_0000),
            (0x24, 0x0001_0001),
            (0x34, 0x48),
            (0x48, 0x0080_6005),
            (0x60, kind << 20 | u32::from(n.is_some()) << 24 | 2 << 16 | 0x10),
            (0x6c, 0x0010_0011),
            (0x70, 0x0011_0000),
            (0x74, slot),
            (0x78, 0x03c0),
        ];
        Port { rows: rows.into() }
    }

    fn get(&self, register: u16) -> u32 {
        self.rows.get(&register).copied().unwrap_or(0)
    }

    fn write(&mut self, register: u16, data: [u8; 4], enables: u8) {
        let (writable, clears): (u32, u32) = match register {
            0x04 => (0x0547, 0xf900_0000),
            0x18 => (0x00ff_ffff, 0),
            0x20 | 0x24 => (0xfff0_fff0, 0),
            0x28 | 0x2c | 0x4c | 0x50 => (!0, 0),
            0x3c => (0x0042_00ff, 0),
            0x48 => (0x0071_0000, 0),
            0x54 => (0xffff, 0),
            0x78 => (0x17ff, 0x011f_0000),
            _ => (0, 0),
        };
        let on = (0..4).filter(|n| enables >> n & 1 == 1).fold(0, |sum, n| sum | 0xff << (8 * n));
        let (old, data) = (self.get(register), u32::from_le_bytes(data));
        let new = (old & !(writable & on) | data & writable & on) & !(data & clears & on);
        self.rows.insert(register, new);
    }

    fn set(&mut self, register: u16, bits: u32, on: bool) {
        let value = self.get(register);
        self.rows.insert(register, if on { value | bits } else { value & !bits });
    }

    fn has_bus(&self, bus: u8) -> bool {
        let [_, secondary, subordinate, _] = self.get(0x18).to_le_bytes();
        secondary != 0 && (secondary..=subordinate).contains(&bus)
    }

    fn has_address(&self, address: u64) -> bool {
        let window = |row: u32| (u64::from(row & 0xfff0) << 16, u64::from(row) | 0xf_ffff);
        let (base, limit) = window(self.get(0x20));
        let (low, high) = window(self.get(0x24));
        let (low, high) = (low | u64::from(self.get(0x28)) << 32, high | u64::from(self.get(0x2c)) << 32);
        self.get(0x04) & 2 != 0 && ((base..=limit).contains(&address) || (low..=high).contains(&address))
    }
}

impl StandIn {
    /// PEBs in these VLANs.
    pub fn new(hosts: &[u16], ios: &[u16]) -> Self {
        let wire = || Wire { port: PciePort::new("stand-in", PortStalls::NONE, 0), connected: true };
        let slot = |n| Slot { port: Port::new(Some(n)), ..Slot::default() };
        let host = |&vid: &u16| HostPeb {
            wire: wire(),
            vid,
            upstream: Port::new(None),
            slots: (0..SLOTS as u32).map(slot).collect(),
            down: false,
            intx: [false; 4],
        };
        let io = |&vid: &u16| IoPeb {
            wire: wire(),
            vid,
            host: None,
            free_since: 0,
            heard: 0,
            reset_until: JOIN,
            held: Default::default(),
        };
        StandIn { hosts: hosts.iter().map(host).collect(), ios: ios.iter().map(io).collect(), down: 20_000, now: 0 }
    }

    /// The same, with slots that say that they are not hot-plug capable.
    pub fn without_hot_plug(mut self) -> Self {
        let slots = self.hosts.iter_mut().flat_map(|host| &mut host.slots);
        slots.for_each(|slot| slot.port.set(0x74, 1 << 6, false));
        self
    }

    fn manage(&mut self, peb: Peb, management: Management) -> Option<u32> {
        let (address, data) = management?;
        let vid = match peb {
            Peb::Host(n) => &mut self.hosts[n].vid,
            Peb::Io(n) => &mut self.ios[n].vid,
        };
        match (address, data) {
            (addr::VLAN, Some(new)) => *vid = new as u16,
            (addr::DOWN_TICKS, Some(new)) => self.down = new.into(),
            _ => {}
        }
        Some(u32::from(*vid))
    }

    /// Sessions come and go.
    fn sessions(&mut self, inputs: &Pins<HostIn, IoIn>) {
        for n in 0..self.ios.len() {
            match self.ios[n].host {
                Some((h, slot)) => {
                    let (host, io) = (&self.hosts[h], &mut self.ios[n]);
                    if host.wire.connected && io.wire.connected {
                        io.heard = self.now;
                    }
                    let held = if io.heard == self.now { std::mem::take(&mut io.held) } else { Default::default() };
                    let gone = host.vid != io.vid || self.now - io.heard > self.down;
                    let [down, up] = held;
                    down.into_iter().for_each(|tlp| self.ios[n].wire.port.send_bytes(tlp));
                    up.into_iter().for_each(|tlp| self.device_sends(n, tlp));
                    let io = &mut self.ios[n];
                    if gone {
                        io.host = None;
                        io.free_since = self.now;
                        io.reset_until = self.now + JOIN;
                        io.held = Default::default();
                        let slot = &mut self.hosts[h].slots[slot];
                        (slot.io, slot.empty_until) = (None, self.now + JOIN);
                    }
                }
                None => self.join(n),
            }
        }
        for h in 0..self.hosts.len() {
            let down = inputs.hosts[h].reset || !inputs.hosts[h].link_up;
            if down && !self.hosts[h].down {
                self.reset_ports(h);
            }
            self.hosts[h].down = down;
            for slot in 0..SLOTS {
                self.slot_state(h, slot, inputs);
            }
        }
    }

    fn join(&mut self, n: usize) {
        let io = &self.ios[n];
        if !io.wire.connected || self.now < io.free_since + JOIN {
            return;
        }
        let (vid, now) = (io.vid, self.now);
        let Some(h) = self.hosts.iter().position(|host| host.vid == vid && host.wire.connected) else { return };
        let Some(slot) = self.hosts[h].slots.iter().position(|slot| slot.io.is_none() && now >= slot.empty_until)
        else {
            return;
        };
        self.hosts[h].slots[slot].io = Some(n);
        self.ios[n].host = Some((h, slot));
        self.ios[n].heard = self.now;
        self.ios[n].reset_until = self.now + JOIN;
    }

    fn reset_ports(&mut self, h: usize) {
        let host = &mut self.hosts[h];
        host.upstream = Port::new(None);
        host.intx = [false; 4];
        for (slot, n) in host.slots.iter_mut().zip(0..) {
            slot.port = Port::new(Some(n));
            slot.outstanding.clear();
            slot.owed = 0;
            (slot.up, slot.interrupting, slot.intx) = (false, false, false);
            slot.port.set(0x78, 1 << 22, slot.present);
            if let Some(io) = slot.io {
                self.ios[io].reset_until = self.now + JOIN;
            }
        }
    }

    /// Presence and link of a slot, their events and interrupts; completions for what is lost.
    fn slot_state(&mut self, h: usize, n: usize, inputs: &Pins<HostIn, IoIn>) {
        let host = &mut self.hosts[h];
        let slot = &mut host.slots[n];
        let device = slot.io.map(|io| inputs.ios[io].device).unwrap_or_default();
        let in_reset = host.down || slot.io.is_some_and(|io| self.now < self.ios[io].reset_until);
        let may_rise = slot.up || slot.owed == 0;
        let (present, up) = (device.present, device.present && device.link_up && !in_reset && may_rise);
        if present != slot.present {
            slot.port.set(0x78, 1 << 22, present);
            slot.port.set(0x78, 1 << 19, true);
        }
        if up != slot.up {
            slot.port.set(0x70, 1 << 29, up);
            slot.port.set(0x78, 1 << 24, true);
        }
        let lost: Vec<Completion> = if slot.up && !up { slot.outstanding.drain(..).collect() } else { Vec::new() };
        (slot.present, slot.up) = (present, up);
        let secondary = (host.upstream.get(0x18) >> 8) as u8;
        let port = FunctionId::new(secondary, n as u8, 0);
        for completion in lost {
            let completion = Completion { completer: port, status: CompletionStatus::UnsupportedRequest, ..completion };
            host.wire.send(Tlp::completion(completion, &[]).unwrap());
        }
        let slot = &mut self.hosts[h].slots[n];
        let slot_row = slot.port.get(0x78);
        let events = slot_row & (slot_row >> 16) & 0x08 | (slot_row >> 12 & 1) & (slot_row >> 24 & 1);
        let interrupting = slot_row & 0x20 != 0 && events != 0;
        let enabled = slot.port.get(0x48) >> 16 & 1 == 1 && slot.port.get(0x04) & 4 != 0;
        if interrupting && !slot.interrupting && enabled {
            let address = u64::from(slot.port.get(0x50)) << 32 | u64::from(slot.port.get(0x4c));
            let data = (slot.port.get(0x54) & 0xffff).to_le_bytes();
            let id = RequestId { requester: port, tag: Tag(0) };
            self.hosts[h].wire.send(Tlp::memory_write(id, address, &data).unwrap());
        }
        let slot = &mut self.hosts[h].slots[n];
        slot.interrupting = interrupting && enabled;
        if !slot.up && std::mem::take(&mut slot.intx) {
            self.collapse(h);
        }
    }

    /// INTA of slot n is pin n of the host (PCIe table 2-21, devices have INTA only here).
    fn collapse(&mut self, h: usize) {
        for pin in 0..4 {
            let level = self.hosts[h].slots.iter().skip(pin).step_by(4).any(|slot| slot.intx);
            let host = &mut self.hosts[h];
            if std::mem::replace(&mut host.intx[pin], level) != level {
                let code = if level { 0x20 } else { 0x24 } + pin as u8;
                let id = RequestId { requester: FunctionId::new(1, 0, 0), tag: Tag(0) };
                host.wire.send(Tlp::message(id, MsgRouting::Local, code, [0; 8], &[]).unwrap());
            }
        }
    }

    fn host_sends(&mut self, h: usize, bytes: Vec<u8>) {
        let tlp = Tlp::from_bytes(bytes).unwrap();
        let view = TlpView::parse(tlp.as_bytes()).unwrap();
        let id = view.destination();
        match view.ty() {
            TlpType::CfgRead0 | TlpType::CfgWrite0 => self.config(h, None, &view),
            ty if ty.is_config() => {
                let secondary = (self.hosts[h].upstream.get(0x18) >> 8) as u8;
                if id.bus() == secondary && usize::from(id.device()) < SLOTS && id.function() == 0 {
                    return self.config(h, Some(usize::from(id.device())), &view);
                }
                let slot = self.slot_with(h, |slot| slot.port.has_bus(id.bus()) && slot.up && id.device() == 0);
                match slot {
                    Some(slot) => {
                        let mut bytes = tlp.as_bytes().to_vec();
                        bytes[0] &= !1;
                        self.down(h, slot, Tlp::from_bytes(bytes).unwrap());
                    }
                    None => self.refuse(h, &view),
                }
            }
            TlpType::Completion => {
                if let Some(slot) = self.slot_with(h, |slot| slot.port.has_bus(id.bus())) {
                    self.hosts[h].slots[slot].owed -= usize::from(remaining(&view).is_none());
                    self.down(h, slot, tlp);
                }
            }
            TlpType::Message(_) => (0..SLOTS).for_each(|slot| self.down(h, slot, tlp.clone())),
            _ => match self.slot_with(h, |slot| slot.port.has_address(view.address()) && slot.up) {
                Some(slot) => self.down(h, slot, tlp),
                None if view.ty() == TlpType::MemWrite => {}
                None => self.refuse(h, &view),
            },
        }
    }

    fn slot_with(&self, h: usize, is: impl Fn(&Slot) -> bool) -> Option<usize> {
        self.hosts[h].slots.iter().position(is)
    }

    fn config(&mut self, h: usize, slot: Option<usize>, request: &TlpView<'_>) {
        let host = &mut self.hosts[h];
        let port = match slot {
            Some(slot) => &mut host.slots[slot].port,
            None => &mut host.upstream,
        };
        let completion = Completion::of(request, request.destination(), CompletionStatus::Successful);
        let data = port.get(request.register()).to_le_bytes();
        let data: &[u8] = if let Some(written) = request.payload().first_chunk() {
            port.write(request.register(), *written, request.first_be());
            &[]
        } else {
            &data
        };
        host.wire.send(Tlp::completion(completion, data).unwrap());
    }

    fn refuse(&mut self, h: usize, request: &TlpView<'_>) {
        let completion = Completion::of(request, FunctionId::new(1, 0, 0), CompletionStatus::UnsupportedRequest);
        self.hosts[h].wire.send(Tlp::completion(completion, &[]).unwrap());
    }

    fn down(&mut self, h: usize, slot: usize, tlp: Tlp) {
        let view = TlpView::parse(tlp.as_bytes()).unwrap();
        let slot = &mut self.hosts[h].slots[slot];
        let Some(io) = slot.io.filter(|_| slot.up) else { return };
        if view.class() == peb_tlp::Class::NonPosted {
            slot.outstanding.push(Completion::of(&view, FunctionId(0), CompletionStatus::Successful));
        }
        let io = &mut self.ios[io];
        if io.heard == self.now {
            io.wire.send(tlp);
        } else {
            io.held[0].push(tlp.into_bytes());
        }
    }

    fn device_sends(&mut self, n: usize, bytes: Vec<u8>) {
        let Some((h, s)) = self.ios[n].host.filter(|&(h, slot)| self.hosts[h].slots[slot].up) else { return };
        if self.ios[n].heard != self.now {
            return self.ios[n].held[1].push(bytes);
        }
        let tlp = Tlp::from_bytes(bytes).unwrap();
        let view = TlpView::parse(tlp.as_bytes()).unwrap();
        let upstream_master = self.hosts[h].upstream.get(0x04) & 4 != 0;
        let slot = &mut self.hosts[h].slots[s];
        let master = upstream_master && slot.port.get(0x04) & 4 != 0;
        let message = matches!(view.ty(), TlpType::Message(_));
        if view.ty() == TlpType::Completion {
            let id = RequestId { requester: view.requester(), tag: view.tag() };
            let Some(at) = slot.outstanding.iter().position(|c| c.request == id) else { return };
            match remaining(&view) {
                Some((bytes, lower)) => {
                    slot.outstanding[at].byte_count = bytes;
                    slot.outstanding[at].lower_address = lower;
                }
                None => _ = slot.outstanding.remove(at),
            }
        } else if !slot.port.has_bus(view.requester().bus()) {
            if view.class() == peb_tlp::Class::NonPosted {
                let abort = Completion::of(&view, FunctionId::new(2, s as u8, 0), CompletionStatus::CompleterAbort);
                self.ios[n].wire.send(Tlp::completion(abort, &[]).unwrap());
            }
            return;
        } else if !master && !message {
            if view.class() == peb_tlp::Class::NonPosted {
                let port = FunctionId::new(2, s as u8, 0);
                let refusal = Completion::of(&view, port, CompletionStatus::UnsupportedRequest);
                self.ios[n].wire.send(Tlp::completion(refusal, &[]).unwrap());
            }
            return;
        } else if view.ty() == TlpType::Message(MsgRouting::Local) {
            slot.intx = view.message_code() < 0x24;
            return self.collapse(h);
        }
        slot.owed += usize::from(view.class() == peb_tlp::Class::NonPosted);
        self.hosts[h].wire.send(tlp);
    }
}

/// Byte count and lower address that are due after a completion, if it is not the last of its request.
fn remaining(completion: &TlpView<'_>) -> Option<(u16, u8)> {
    let carried = (completion.payload().len() as u16).saturating_sub(u16::from(completion.lower_address() & 3));
    let done =
        completion.status() != CompletionStatus::Successful || completion.byte_count() <= carried || carried == 0;
    let lower = (u16::from(completion.lower_address()) + carried) as u8 & 0x7f;
    (!done).then(|| (completion.byte_count() - carried, lower))
}

impl Wire {
    fn send(&mut self, tlp: Tlp) {
        self.port.send(tlp);
    }

    /// The TLP that ended in this clock, and the pins.
    fn clock(&mut self, pins: &PortIn, up: bool) -> (Option<Vec<u8>>, PortOut) {
        let PortIn { rx, tx_ready, tx_np_ok } = self.port.pins();
        let passed = self.port.clock(&PortOut { rx_ready: pins.tx_ready, rx_np_ok: pins.tx_np_ok, tx: pins.rx });
        if !up {
            self.port.forget_part();
        }
        (passed.received.filter(|_| up), PortOut { rx_ready: tx_ready, rx_np_ok: tx_np_ok, tx: rx })
    }
}

impl Fabric for StandIn {
    fn clock(&mut self, inputs: &Pins<HostIn, IoIn>, pins: &mut Pins<PebPins, PebPins>) {
        self.now += 1;
        self.sessions(inputs);
        pins.clear();
        for (h, input) in inputs.hosts.iter().enumerate() {
            let (tlp, port) = self.hosts[h].wire.clock(&input.port, input.link_up);
            if let Some(tlp) = tlp {
                self.host_sends(h, tlp);
            }
            let slots = &self.hosts[h].slots;
            pins.hosts.push(PebPins {
                port,
                peer_up: slots.iter().any(|slot| slot.io.is_some()),
                slot_up: slots.iter().rev().fold(0, |sum, slot| sum << 1 | u8::from(slot.up)),
                acknowledged: self.manage(Peb::Host(h), input.management),
                ..PebPins::default()
            });
        }
        for (n, input) in inputs.ios.iter().enumerate() {
            let (tlp, port) = self.ios[n].wire.clock(&input.device.port, input.device.link_up);
            if let Some(tlp) = tlp {
                self.device_sends(n, tlp);
            }
            let down = self.ios[n].host.is_none_or(|(h, _)| self.hosts[h].down);
            pins.ios.push(PebPins {
                port,
                peer_up: self.ios[n].host.is_some(),
                reset: down || self.now < self.ios[n].reset_until,
                acknowledged: self.manage(Peb::Io(n), input.management),
                ..PebPins::default()
            });
        }
    }

    fn vid(&self, peb: Peb) -> u16 {
        match peb {
            Peb::Host(n) => self.hosts[n].vid,
            Peb::Io(n) => self.ios[n].vid,
        }
    }

    fn counts(&self) -> bool {
        false
    }

    fn connect(&mut self, peb: Peb, connected: bool) {
        match peb {
            Peb::Host(n) => self.hosts[n].wire.connected = connected,
            Peb::Io(n) => self.ios[n].wire.connected = connected,
        }
    }
}
