//! PEBs with a bare link partner at each PCIe port: what is sent is chosen by the test, byte by byte, and nothing is answered
//! by itself.

// Each test uses a part of it.
#![allow(dead_code)]

use peb_regs::addr;
use peb_sim::device::DevicePins;
use peb_sim::port::{PciePort, PortIn, PortStalls};
use peb_sim::stream::Beat;
use peb_sim::world::{Engine, Fabric, HostIn, IoIn, Peb, PebPins, Pins, RtlConfig, RtlFabric};
use peb_tlp::{FunctionId, RequestId, Tag, Tlp};
use std::collections::VecDeque;

/// Clocks from the end of reset to link up of a device.
const TRAINING: u64 = 200;

/// One host PEB, some I/O PEBs.
pub struct Bench<F> {
    /// The PEBs and the network.
    pub fabric: F,
    /// The link partners: the host's, then the devices'.
    pub ports: Vec<PciePort>,
    /// TLPs that came, with the clock: at the host, then at the devices.
    pub received: Vec<VecDeque<(u64, Vec<u8>)>>,
    /// Whether each device is in its slot.
    pub present: Vec<bool>,
    /// Clock in which the host's last TLP was taken.
    pub taken: u64,
    /// What goes in.
    pub inputs: Pins<HostIn, IoIn>,
    /// What came out in the last clock.
    pub pins: Pins<PebPins, PebPins>,
    /// Clocks so far.
    pub now: u64,
    /// Clocks in which a link partner, when it has nothing to send, drives noise.
    pub noise: Vec<u32>,
    random: u64,
    trained: Vec<u64>,
}

impl<F: Fabric> Bench<F> {
    /// PEBs with timers of one clock a tick, and no device yet.
    pub fn new(fabric: F, ios: usize, stalls: PortStalls, seed: u64) -> Self {
        let port = |n: usize| PciePort::new(&format!("pcie_tx {n}"), stalls, seed.wrapping_add(n as u64 * 16));
        let mut bench = Bench {
            fabric,
            ports: (0..=ios).map(port).collect(),
            received: vec![VecDeque::new(); ios + 1],
            present: vec![false; ios],
            taken: 0,
            inputs: Pins { hosts: vec![HostIn::default()], ios: vec![IoIn::default(); ios] },
            pins: Pins { hosts: vec![PebPins::default()], ios: vec![PebPins::default(); ios] },
            now: 0,
            noise: vec![0; ios + 1],
            random: seed | 1,
            trained: vec![u64::MAX; ios],
        };
        bench.inputs.hosts[0].link_up = true;
        bench.timers(120_000);
        bench
    }

    /// Sets all timers, one clock a tick.
    pub fn timers(&mut self, track: u32) {
        let pebs = [Peb::Host(0)].into_iter().chain((0..self.present.len()).map(Peb::Io));
        for peb in pebs.collect::<Vec<_>>() {
            let own = if peb == Peb::Host(0) { (addr::TRACK_TICKS, track) } else { (addr::LINKUP_TICKS, 1000) };
            for (address, value) in [(addr::TICK, 1), (addr::HELLO_TICKS, 1000), (addr::DOWN_TICKS, 20_000), own] {
                self.register(peb, address, Some(value));
            }
        }
    }

    /// One clock of everything.
    pub fn step(&mut self) {
        self.inputs.hosts[0].port = self.drive(0);
        for n in 0..self.present.len() {
            let port = self.drive(n + 1);
            self.inputs.ios[n].device =
                DevicePins { port, link_up: self.trained[n] <= self.now, present: self.present[n] };
        }
        self.fabric.clock(&self.inputs, &mut self.pins);
        self.now += 1;
        if let Some(fault) = self.fabric.fault() {
            panic!("clock {}: {fault}", self.now);
        }
        for n in 0..self.ports.len() {
            let pins = if n == 0 { self.pins.hosts[0] } else { self.pins.ios[n - 1] };
            assert!(!pins.fatal, "clock {}: stat_fatal, port {n}", self.now);
            let passed = self.ports[n].clock(&pins.port);
            assert_eq!(passed.fault, None, "clock {}", self.now);
            if n == 0 && passed.sent.is_some() {
                self.taken = self.now;
            }
            self.received[n].extend(passed.received.map(|tlp| (self.now, tlp)));
        }
        for n in 0..self.present.len() {
            let off = self.pins.ios[n].reset || self.pins.ios[n].power_off || !self.present[n];
            let was = self.trained[n];
            self.trained[n] = if off { u64::MAX } else { was.min(self.now + TRAINING) };
            self.ports[n + 1].set_link(self.trained[n] <= self.now);
        }
    }

    /// What a link partner drives. Noise ends with the end of a packet, so that what follows begins one.
    fn drive(&mut self, n: usize) -> PortIn {
        let quiet = self.ports[n].is_empty();
        let mut pins = self.ports[n].pins();
        if self.noise[n] > 0 && quiet {
            self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(n as u64 + 1);
            let word = self.random.rotate_left(23);
            let end = self.noise[n] == 1;
            let beat = Beat { data: word, keep: (word >> 20) as u8, last: end || word >> 56 < 40 };
            pins.rx = (end || word & 3 != 0).then_some(beat);
            // The last one stands until it is taken.
            self.noise[n] -= u32::from(!end || self.ready(n));
        }
        pins
    }

    /// Whether a PEB took a beat in the last clock.
    fn ready(&self, n: usize) -> bool {
        let pins = if n == 0 { &self.pins.hosts[0] } else { &self.pins.ios[n - 1] };
        pins.port.rx_ready
    }

    /// Whether the link of a device is up.
    pub fn linked(&self, device: usize) -> bool {
        self.trained[device] <= self.now
    }

    /// Lets clocks pass until something holds.
    pub fn until(&mut self, what: &str, limit: u64, mut holds: impl FnMut(&Self) -> bool) {
        let end = self.now + limit;
        while !holds(self) {
            assert!(self.now < end, "clock {}: {what} within {limit} clocks", self.now);
            self.step();
        }
    }

    /// Reads or writes a register at the management port.
    pub fn register(&mut self, peb: Peb, address: u16, value: Option<u32>) -> u32 {
        for _ in 0..64 {
            let (management, pins) = match peb {
                Peb::Host(_) => (&mut self.inputs.hosts[0].management, 0),
                Peb::Io(n) => (&mut self.inputs.ios[n].management, n + 1),
            };
            *management = Some((address, value));
            self.step();
            let pins = if pins == 0 { self.pins.hosts[0] } else { self.pins.ios[pins - 1] };
            if let Some(read) = pins.acknowledged {
                match peb {
                    Peb::Host(_) => self.inputs.hosts[0].management = None,
                    Peb::Io(n) => self.inputs.ios[n].management = None,
                }
                return read;
            }
        }
        panic!("clock {}: {peb}: register {address:#06x} is not acknowledged", self.now);
    }

    /// Whether the host sees the link of a slot up.
    pub fn up(&self, slot: usize) -> bool {
        self.pins.hosts[0].slot_up >> slot & 1 == 1
    }

    /// Lets the link of a device fall for some clocks.
    pub fn flap(&mut self, device: usize, clocks: u64) {
        self.ports[device + 1].set_link(false);
        self.trained[device] = self.now + clocks;
    }

    /// Sends a configuration request of the host and gives the data of its completion, which must be successful.
    pub fn config(&mut self, id: FunctionId, register: u16, value: Option<u32>) -> u32 {
        let request = RequestId { requester: FunctionId(0), tag: Tag(0xff) };
        let type1 = id.bus() > 1;
        let tlp = match value {
            None => Tlp::config_read(request, id, register, type1),
            Some(value) => Tlp::config_write(request, id, register, type1, value.to_le_bytes()),
        };
        self.ports[0].send(tlp.expect("a request"));
        let is_answer = |tlp: &[u8]| tlp[0] & 0x1f == 0x0a && tlp[8..11] == [0, 0, 0xff];
        self.until("an answer", 10_000, |bench| bench.received[0].iter().any(|(_, tlp)| is_answer(tlp)));
        let at = self.received[0].iter().position(|(_, tlp)| is_answer(tlp)).expect("just seen");
        let (_, answer) = self.received[0].remove(at).expect("just seen");
        assert_eq!(answer[6] >> 5, 0, "{id}, register {register:#x}: {answer:02x?}");
        answer.get(12..16).map_or(0, |data| u32::from_le_bytes(data.try_into().expect("four bytes")))
    }

    /// Numbers the buses and opens the windows: [`bus`] and [`window`] of each slot.
    pub fn boot(&mut self) {
        let upstream = (FunctionId::new(1, 0, 0), 2, 0, SLOTS - 1);
        let slots = (0..SLOTS).map(|n| (FunctionId::new(2, n, 0), bus(n), n, n));
        for (id, secondary, first, last) in [upstream].into_iter().chain(slots) {
            let buses = [id.bus(), secondary, bus(last), 0];
            let (low, high) = (window(first), window(last));
            self.config(id, 0x18, Some(u32::from_le_bytes(buses)));
            self.config(id, 0x20, Some(low >> 16 | high));
            self.config(id, 0x24, Some(0x0001_fff1));
            for register in [0x28, 0x2c, 0x3c, 0x44, 0x70, 0x78, 0x88] {
                self.config(id, register, Some(0));
            }
            self.config(id, 0x04, Some(6));
        }
    }
}

/// A host PEB and some I/O PEBs in one VLAN: the exported Verilog.
pub fn rtl(ios: usize) -> RtlFabric {
    let config = RtlConfig { engine: Engine::Verilator, hosts: vec![10], ios: vec![10; ios], ..RtlConfig::default() };
    RtlFabric::new(config).unwrap_or_else(|error| panic!("{error}"))
}

/// Slots of the host PEB.
pub const SLOTS: u8 = 4;

/// Bus below a slot.
pub const fn bus(slot: u8) -> u8 {
    3 + slot
}

/// Address of the 1 MiB below a slot.
pub const fn window(slot: u8) -> u32 {
    0xa000_0000 + ((slot as u32) << 20)
}
