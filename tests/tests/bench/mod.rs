//! PEBs with a bare link partner at each PCIe port: what is sent is chosen by the test, byte by byte, and nothing is answered
//! by itself.

use peb_regs::addr;
use peb_sim::device::DevicePins;
use peb_sim::port::{PciePort, PortStalls};
use peb_sim::world::{Fabric, HostIn, IoIn, Peb, PebPins, Pins};
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
            trained: vec![u64::MAX; ios],
        };
        bench.inputs.hosts[0].link_up = true;
        let pebs = [Peb::Host(0)].into_iter().chain((0..ios).map(Peb::Io));
        for peb in pebs.collect::<Vec<_>>() {
            let own = if peb == Peb::Host(0) { (addr::TRACK_TICKS, 120_000) } else { (addr::LINKUP_TICKS, 1000) };
            for (address, value) in [(addr::HELLO_TICKS, 1000), (addr::DOWN_TICKS, 20_000), own, (addr::TICK, 1)] {
                bench.register(peb, address, Some(value));
            }
        }
        bench
    }

    /// One clock of everything.
    pub fn step(&mut self) {
        self.inputs.hosts[0].port = self.ports[0].pins();
        for (n, input) in self.inputs.ios.iter_mut().enumerate() {
            let port = self.ports[n + 1].pins();
            input.device = DevicePins { port, link_up: self.trained[n] <= self.now, present: self.present[n] };
        }
        self.pins = self.fabric.clock(&self.inputs);
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
}
