//! Hosts and devices around PEBs on one Ethernet, and everything that can happen to them.
//!
//! A [`World`] advances all of them together, one clock at a time, writes down what happens, and checks the rules that
//! hold whatever happens: pins, PCIe ordering, `stat_fatal`.

mod control;
mod core;
mod fabric;
#[cfg(test)]
mod lockstep;
mod on_chip;
mod order;
mod pins;
mod rtl;
#[cfg(any(test, feature = "stand-in"))]
pub mod stand_in;
#[cfg(test)]
mod tests;
mod timeline;
mod timers;

pub use control::{Control, Operated};
pub use fabric::{Fabric, HostIn, IoIn, Management, Peb, PebPins, Pins};
pub use on_chip::OnChip;
pub use order::Order;
pub use rtl::{Engine, RtlConfig, RtlError, RtlFabric};
pub use timeline::{Event, Timeline};
pub use timers::{Pace, Timers};

use peb_tlp::FunctionId;

use crate::device::Device;
use crate::host::{Platform, RootComplex, ROOT_PORT};
use crate::port::Passed;

/// Clocks within which every register access is acknowledged.
const MANAGEMENT_CLOCKS: u64 = 64;

/// A host: its root complex and its end of the link to the PEB.
#[derive(Debug)]
pub struct Host {
    /// The root complex.
    pub root: RootComplex,
    /// PERST# or hot reset.
    pub reset: bool,
    /// The link to the PEB is up.
    pub link_up: bool,
}

/// Hosts, devices, PEBs, network. Time is clocks of 8 ns.
pub struct World<F> {
    /// The PEBs and the network.
    pub fabric: F,
    /// The hosts; each at the host PEB of the same number.
    pub hosts: Vec<Host>,
    /// The devices; each at the I/O PEB of the same number.
    pub devices: Vec<Device>,
    /// What happened.
    pub timeline: Timeline,
    /// Rules that were broken, by PEBs and the TLPs they gave: must stay empty.
    pub faults: Vec<String>,
    /// Ordering of TLPs.
    pub order: Order,
    clock: u64,
    pins: Pins<PebPins, PebPins>,
    /// Those of the clock before.
    before: Pins<PebPins, PebPins>,
    inputs: Pins<HostIn, IoIn>,
    /// The host that each I/O PEB has a session with, or had last.
    owners: Vec<Option<usize>>,
    vids: Vec<u16>,
    cut: Vec<bool>,
    seen: usize,
}

impl<F: Fabric> World<F> {
    /// Hosts and devices around a fabric with as many PEBs. All links are up, as soon as the devices are out of reset.
    pub fn new(fabric: F, roots: Vec<RootComplex>, devices: Vec<Device>) -> Self {
        let pebs = (0..roots.len()).map(Peb::Host).chain((0..devices.len()).map(Peb::Io)).collect::<Vec<_>>();
        let pins = Pins { hosts: vec![PebPins::default(); roots.len()], ios: vec![PebPins::default(); devices.len()] };
        let inputs = Pins { hosts: vec![HostIn::default(); roots.len()], ios: vec![IoIn::default(); devices.len()] };
        World {
            order: Order::new(&pebs),
            owners: vec![None; devices.len()],
            vids: pebs.iter().map(|&peb| fabric.vid(peb)).collect(),
            cut: vec![false; pebs.len()],
            fabric,
            hosts: roots.into_iter().map(|root| Host { root, reset: false, link_up: true }).collect(),
            devices,
            timeline: Timeline::default(),
            faults: Vec::new(),
            clock: 0,
            before: pins.clone(),
            pins,
            inputs,
            seen: 0,
        }
    }

    /// Clocks so far.
    pub fn now(&self) -> u64 {
        self.clock
    }

    /// Pins of a PEB in the last clock.
    pub fn pins(&self, peb: Peb) -> &PebPins {
        match peb {
            Peb::Host(n) => &self.pins.hosts[n],
            Peb::Io(n) => &self.pins.ios[n],
        }
    }

    /// Adds a line to the timeline.
    pub fn note(&mut self, who: impl Into<String>, what: impl Into<String>) {
        self.timeline.add(self.clock, who, what);
    }

    /// One clock of everything.
    pub fn step(&mut self) {
        for (inputs, host) in self.inputs.hosts.iter_mut().zip(&mut self.hosts) {
            inputs.port = host.root.pins();
            inputs.link_up = host.link_up;
            inputs.reset = host.reset;
        }
        for (inputs, device) in self.inputs.ios.iter_mut().zip(&mut self.devices) {
            inputs.device = device.pins();
        }
        std::mem::swap(&mut self.before, &mut self.pins);
        self.fabric.clock(&self.inputs, &mut self.pins);
        self.clock += 1;
        while let Some(fault) = self.fabric.fault() {
            self.fault(fault);
        }
        for n in 0..self.hosts.len() {
            let passed = self.hosts[n].root.clock(&self.pins.hosts[n].port);
            self.passed(Peb::Host(n), passed);
        }
        for n in 0..self.devices.len() {
            let io = self.pins.ios[n];
            let (link, id) = (self.devices[n].link_up(), self.devices[n].id());
            let passed = self.devices[n].clock(&io.port, io.reset || io.power_off);
            self.passed(Peb::Io(n), passed);
            self.device_changed(n, link, id);
        }
        self.changes();
    }

    /// Lets clocks pass.
    pub fn run(&mut self, clocks: u64) {
        (0..clocks).for_each(|_| self.step());
    }

    /// Lets clocks pass until something holds; false if it does not within `limit` clocks.
    pub fn run_until(&mut self, limit: u64, mut holds: impl FnMut(&Self) -> bool) -> bool {
        (0..limit).any(|_| holds(self) || (self.step(), false).1) || holds(self)
    }

    /// Reads a register at the management port. `None` and a fault if it is not acknowledged in time.
    pub fn read_register(&mut self, peb: Peb, address: u16) -> Option<u32> {
        self.manage(peb, address, None)
    }

    /// Writes a register at the management port; false and a fault if it is not acknowledged in time.
    pub fn write_register(&mut self, peb: Peb, address: u16, value: u32) -> bool {
        self.manage(peb, address, Some(value)).is_some()
    }

    /// Moves a PEB to another VLAN.
    pub fn set_vlan(&mut self, peb: Peb, vid: u16) {
        self.note(peb.to_string(), format!("VLAN {vid}"));
        let place = self.place(peb);
        self.vids[place] = vid;
        self.write_register(peb, peb_regs::addr::VLAN, vid.into());
    }

    /// Cuts the Ethernet cable of a PEB, or mends it.
    pub fn connect(&mut self, peb: Peb, connected: bool) {
        self.note(peb.to_string(), if connected { "cable mended" } else { "cable cut" });
        let place = self.place(peb);
        self.cut[place] = !connected;
        self.fabric.connect(peb, connected);
    }

    /// Whether the Ethernet cable of a PEB is cut.
    pub fn is_cut(&self, peb: Peb) -> bool {
        self.cut[self.place(peb)]
    }

    /// VLAN that a PEB was given last.
    pub fn vid(&self, peb: Peb) -> u16 {
        self.vids[self.place(peb)]
    }

    /// Pulls a device, or puts it in.
    pub fn set_present(&mut self, device: usize, present: bool) {
        let name = self.devices[device].settings.name.clone();
        self.note(name, if present { "put in" } else { "pulled" });
        self.devices[device].set_present(present);
    }

    /// Lets a device's link fall; it trains again at once.
    pub fn flap(&mut self, device: usize) {
        let name = self.devices[device].settings.name.clone();
        self.note(name, "link flaps");
        self.devices[device].flap();
    }

    /// Resets a host (PERST# and link down), or ends its reset.
    pub fn reset_host(&mut self, host: usize, reset: bool) {
        let name = self.hosts[host].root.name.clone();
        self.note(name, if reset { "reset" } else { "out of reset" });
        self.hosts[host].reset = reset;
        self.hosts[host].link_up = !reset;
        self.hosts[host].root.set_link(!reset);
    }

    /// The platform that a host's software runs on.
    pub fn host(&mut self, n: usize) -> OnHost<'_, F> {
        OnHost { world: self, n }
    }

    fn manage(&mut self, peb: Peb, address: u16, data: Option<u32>) -> Option<u32> {
        for _ in 0..MANAGEMENT_CLOCKS {
            *self.management(peb) = Some((address, data));
            self.step();
            if let Some(value) = self.pins(peb).acknowledged {
                *self.management(peb) = None;
                return Some(value);
            }
        }
        *self.management(peb) = None;
        self.fault(format!("{peb}: register {address:#06x} not acknowledged in {MANAGEMENT_CLOCKS} clocks"));
        None
    }

    fn management(&mut self, peb: Peb) -> &mut Management {
        match peb {
            Peb::Host(n) => &mut self.inputs.hosts[n].management,
            Peb::Io(n) => &mut self.inputs.ios[n].management,
        }
    }

    fn place(&self, peb: Peb) -> usize {
        match peb {
            Peb::Host(n) => n,
            Peb::Io(n) => self.hosts.len() + n,
        }
    }

    fn fault(&mut self, what: String) {
        self.note("FAULT", what.clone());
        self.faults.push(what);
    }

    /// Checks what passed at a PEB's pins.
    fn passed(&mut self, peb: Peb, passed: Passed) {
        if let Some(fault) = passed.fault {
            self.fault(format!("{peb}: {fault}"));
        }
        let bare = match peb {
            Peb::Host(n) => self.hosts[n].root.bare.is_some(),
            Peb::Io(n) => self.devices[n].bare.is_some(),
        };
        if bare {
            return;
        }
        if let Some(tlp) = passed.sent {
            self.order.sent(peb, &tlp);
        }
        let Some(tlp) = passed.received else { return };
        let host = match peb {
            Peb::Host(n) => Some(n),
            Peb::Io(n) => self.owners[n],
        };
        let sender = |id: FunctionId| match id {
            ROOT_PORT => host.map(Peb::Host),
            _ => {
                let mut below = (0..self.devices.len()).filter(|&n| host.is_some() && self.owners[n] == host);
                below.find(|&n| self.devices[n].id() == id).map(Peb::Io)
            }
        };
        if let Some(what) = self.order.delivered(peb, &tlp, sender) {
            self.fault(what);
        }
    }

    fn device_changed(&mut self, n: usize, link: bool, id: FunctionId) {
        let device = &self.devices[n];
        let (up, now) = (device.link_up(), device.id());
        if (up, now) == (link, id) {
            return;
        }
        let name = device.settings.name.clone();
        if up != link {
            self.note(name.clone(), if up { "link up" } else { "link down" });
        }
        if now != id && now != FunctionId(0) {
            self.note(name, format!("is {now}"));
        }
    }

    /// Writes down what changed at the pins, and what hosts and devices complain of.
    fn changes(&mut self) {
        for n in 0..self.devices.len() {
            let (was, is) = (self.before.ios[n], self.pins.ios[n]);
            self.attached(n, was.peer_up, is.peer_up);
            if was.reset != is.reset {
                self.note(Peb::Io(n).to_string(), if is.reset { "device in reset" } else { "device out of reset" });
            }
            self.fatal(Peb::Io(n), was.fatal, is.fatal);
        }
        for n in 0..self.hosts.len() {
            let (was, is) = (self.before.hosts[n], self.pins.hosts[n]);
            for slot in (0..8).filter(|slot| (was.slot_up ^ is.slot_up) >> slot & 1 == 1) {
                let state = if is.slot_up >> slot & 1 == 1 { "up" } else { "down" };
                self.note(Peb::Host(n).to_string(), format!("slot {} {state}", slot + 1));
            }
            self.fatal(Peb::Host(n), was.fatal, is.fatal);
        }
        let complaints = self.hosts.iter().map(|host| host.root.complaints.len()).sum::<usize>()
            + self.devices.iter().map(|device| device.complaints.len()).sum::<usize>();
        if complaints > self.seen {
            self.seen = complaints;
            let of_hosts = self.hosts.iter().filter_map(|host| {
                let complaint = host.root.complaints.last().filter(|c| c.clock == self.clock)?;
                Some((host.root.name.clone(), complaint.what.clone()))
            });
            let of_devices = self.devices.iter().filter_map(|device| {
                let (_, what) = device.complaints.last().filter(|(clock, _)| *clock == self.clock)?;
                Some((device.settings.name.clone(), what.clone()))
            });
            let lines: Vec<_> = of_hosts.chain(of_devices).collect();
            lines.into_iter().for_each(|(who, what)| self.note(who, format!("complains: {what}")));
        }
    }

    fn attached(&mut self, io: usize, was: bool, is: bool) {
        if was == is {
            return;
        }
        self.note(Peb::Io(io).to_string(), if is { "attached" } else { "detached" });
        if is {
            let vid = self.vids[self.place(Peb::Io(io))];
            let mut hosts = 0..self.hosts.len();
            self.owners[io] = hosts.find(|&n| self.vids[n] == vid && self.pins.hosts[n].peer_up);
        }
    }

    fn fatal(&mut self, peb: Peb, was: bool, is: bool) {
        if is && !was {
            self.fault(format!("{peb}: stat_fatal"));
        }
    }
}

/// A world as the software of one host sees it.
pub struct OnHost<'a, F> {
    world: &'a mut World<F>,
    n: usize,
}

impl<F: Fabric> Platform for OnHost<'_, F> {
    fn root(&mut self) -> &mut RootComplex {
        &mut self.world.hosts[self.n].root
    }

    fn step(&mut self) {
        self.world.step();
    }

    fn now(&self) -> u64 {
        self.world.now()
    }

    fn note(&mut self, what: String) {
        let who = self.world.hosts[self.n].root.name.clone();
        self.world.note(who, what);
    }
}
