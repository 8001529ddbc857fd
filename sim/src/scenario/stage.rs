//! What scenarios are written with.

use std::collections::BTreeMap;

use peb_regs::{addr, COUNTERS};
use peb_tlp::{CompletionStatus, FunctionId};
use thiserror::Error;

use super::report::{Check, PebReport, ScenarioReport};
use super::{disk, pebs};
use crate::device::{nvme::Nvme, DmaEngine};
use crate::host::{Access, Driver, NvmeDriver, Os, OsConfig, Platform, SlotState, Transfer};
use crate::requester::End;
use crate::world::{Fabric, OnHost, Peb, World};

/// Unsupported Request.
pub const UR: End = End::Completed(CompletionStatus::UnsupportedRequest);

/// Timers of the PEBs in clocks, one clock a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// HELLO_TICKS.
    pub hello: u32,
    /// DOWN_TICKS.
    pub down: u32,
    /// TRACK_TICKS.
    pub track: u32,
    /// LINKUP_TICKS.
    pub linkup: u32,
    /// Clocks in which a device that is there is configured, power-on reset included.
    pub add: u64,
    /// Clocks in which a removal is noticed, silence not included.
    pub remove: u64,
    /// Clocks in which the host of a device notices that it has been moved: three announcement intervals, or silence if frames are lost,
    /// since what says that it leaves may be lost.
    pub leave: u64,
    /// Clocks in which what one end sends arrives at the other, with an answer; more if frames are lost: some retransmissions.
    pub arrive: u64,
    /// Clocks that a host gives its requests, and a device its own.
    pub host: u64,
    /// See `host`.
    pub device: u64,
    /// Clocks that a driver gives a transfer.
    pub transfer: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            hello: 1000,
            down: 20_000,
            track: 120_000,
            linkup: 1000,
            add: 300_000,
            remove: 20_000,
            leave: 5_000,
            arrive: 3_000,
            host: 60_000,
            device: 100_000,
            transfer: 200_000,
        }
    }
}

/// The scenario cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Stop(pub String);

/// Everything a scenario acts on.
pub struct Stage<F> {
    /// Hosts, devices, PEBs, network.
    pub world: World<F>,
    /// Timers.
    pub timing: Timing,
    /// Clocks at least, of a scenario that has no end of its own.
    pub clocks: u64,
    os: Vec<Option<Os>>,
    /// Drivers of the disks that devices are beside their DMA engines, by host and device.
    disks: BTreeMap<(usize, usize), NvmeDriver>,
    checks: Vec<Check>,
    pub(super) seed: u64,
}

/// Bytes that differ from place to place.
pub fn pattern(len: usize, salt: u8) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(7).wrapping_add((n >> 8) as u8) ^ salt).collect()
}

impl<F: Fabric> Stage<F> {
    /// A stage with nothing checked yet.
    pub(super) fn new(world: World<F>, seed: u64) -> Self {
        let os = world.hosts.iter().map(|_| None).collect();
        let (disks, checks) = (BTreeMap::new(), Vec::new());
        Stage { world, timing: Timing::default(), clocks: 0, os, disks, checks, seed }
    }

    /// Sets the timers of all PEBs, hosts and devices.
    pub(super) fn set_timers(&mut self) {
        let Timing { hello, down, track, linkup, host, device, .. } = self.timing;
        self.world.hosts.iter_mut().for_each(|one| one.root.set_completion_timeout(host));
        self.world.devices.iter_mut().for_each(|one| one.set_timeout(device));
        for peb in pebs(&self.world) {
            let own = match peb {
                Peb::Host(_) => (addr::TRACK_TICKS, track),
                Peb::Io(_) => (addr::LINKUP_TICKS, linkup),
            };
            for (address, value) in [(addr::HELLO_TICKS, hello), (addr::DOWN_TICKS, down), own, (addr::TICK, 1)] {
                self.world.write_register(peb, address, value);
            }
        }
    }

    /// Slower timers, for scenarios in which the queues of the Ethernet switch fill: retransmission waits for DOWN_TICKS/8
    /// at most, and that must be more than a frame may wait in a queue of 32 KiB. Whoever waits for an answer must wait for
    /// some such retransmissions, so all that count on one another slow down together.
    pub fn expect_queues(&mut self) {
        const TIMES: u32 = 16;
        let Timing { hello, down, track, host, device, transfer, add, remove, leave, arrive, linkup } = self.timing;
        let slow = |clocks: u64| clocks * u64::from(TIMES);
        self.timing = Timing {
            hello: hello * TIMES,
            down: down * TIMES,
            track: track * TIMES,
            linkup,
            add: slow(add),
            remove: slow(remove),
            leave: slow(leave),
            arrive: slow(arrive),
            host: slow(host),
            device: slow(device),
            transfer: slow(transfer),
        };
        self.set_timers();
    }

    /// Something that must be so.
    pub fn check(&mut self, passed: bool, what: impl Into<String>) {
        let what = what.into();
        if !passed {
            self.world.note("CHECK", format!("not so: {what}"));
        }
        self.checks.push(Check { clock: self.world.now(), what, passed });
    }

    /// Something without which the scenario cannot go on.
    ///
    /// # Errors
    /// [`Stop`] if it is not so.
    pub fn need(&mut self, passed: bool, what: impl Into<String>) -> Result<(), Stop> {
        let what = what.into();
        self.check(passed, what.clone());
        passed.then_some(()).ok_or(Stop(what))
    }

    /// Boots the operating system of a host.
    ///
    /// # Errors
    /// [`Stop`] if it finds no switch with four slots.
    pub fn boot(&mut self, host: usize) -> Result<(), Stop> {
        let os = Os::boot(&mut self.world.host(host), OsConfig::default());
        let error = os.as_ref().err().map(ToString::to_string).unwrap_or_default();
        self.need(os.is_ok(), format!("host {host} boots: {error}"))?;
        self.os[host] = os.ok();
        let slots = self.os(host)?.slots.len();
        self.need(slots == 4, format!("host {host} finds 4 slots, not {slots}"))
    }

    /// A host and its operating system.
    ///
    /// # Errors
    /// [`Stop`] if it has not booted.
    pub fn on(&mut self, host: usize) -> Result<(OnHost<'_, F>, &mut Os), Stop> {
        let os = self.os[host].as_mut().ok_or_else(|| Stop(format!("host {host} has not booted")))?;
        Ok((self.world.host(host), os))
    }

    /// The operating system of a host.
    ///
    /// # Errors
    /// [`Stop`] if it has not booted.
    pub fn os(&self, host: usize) -> Result<&Os, Stop> {
        self.os[host].as_ref().ok_or_else(|| Stop(format!("host {host} has not booted")))
    }

    /// Lets clocks pass; all operating systems answer their interrupts in turn.
    pub fn run(&mut self, clocks: u64) {
        let end = self.world.now() + clocks;
        while self.world.now() < end {
            self.serve();
            self.world.step();
        }
        self.serve();
    }

    fn serve(&mut self) {
        for (n, os) in self.os.iter_mut().enumerate() {
            if let Some(os) = os {
                os.service(&mut self.world.host(n));
            }
        }
    }

    /// As [`Stage::run`], until something holds; false if it does not within `limit` clocks.
    pub fn run_until(&mut self, limit: u64, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = self.world.now() + limit;
        loop {
            self.serve();
            if holds(self) {
                return true;
            }
            if self.world.now() >= end {
                // One host waits while another one works.
                self.serve();
                return holds(self);
            }
            self.world.step();
        }
    }

    /// The device in a slot, known by its serial number, if it is a DMA engine and a disk.
    fn disk_in(&self, host: usize, slot: usize) -> Option<usize> {
        let serial = self.os[host].as_ref()?.slots[slot].functions.first()?.serial?;
        self.world.devices.iter().position(|device| {
            let both = device.function::<Nvme>().is_some() && device.function::<DmaEngine>().is_some();
            device.settings.serial == serial && both
        })
    }

    /// Slot of a host in which a device is configured, known by its serial number.
    pub fn slot_of(&self, host: usize, device: usize) -> Option<usize> {
        let serial = Some(self.world.devices[device].settings.serial);
        let os = self.os[host].as_ref()?;
        let is = |slot: &crate::host::Slot| {
            slot.state == SlotState::On && slot.functions.first().is_some_and(|function| function.serial == serial)
        };
        os.slots.iter().position(is)
    }

    /// Waits until a host has configured a device; gives its slot.
    ///
    /// # Errors
    /// [`Stop`] if it does not in time.
    pub fn found(&mut self, host: usize, device: usize) -> Result<usize, Stop> {
        let begin = self.world.now();
        self.run_until(self.timing.add, |stage| stage.slot_of(host, device).is_some());
        let slot = self.slot_of(host, device);
        let after = self.world.now() - begin;
        self.need(slot.is_some(), format!("host {host} configures device {device}, after {after} clocks"))?;
        slot.ok_or(Stop("no slot".into()))
    }

    /// Waits until a host has noticed that a slot is empty.
    ///
    /// # Errors
    /// [`Stop`] if it does not within `limit` clocks.
    pub fn gone(&mut self, host: usize, slot: usize, limit: u64) -> Result<(), Stop> {
        let begin = self.world.now();
        let off = |stage: &Self| stage.os[host].as_ref().is_some_and(|os| os.slots[slot].state == SlotState::Off);
        let gone = self.run_until(limit, off);
        let after = self.world.now() - begin;
        self.need(gone, format!("host {host} removes the device in slot {}, after {after} clocks", slot + 1))
    }

    /// Binds a driver, and that of the disk if the device is one, too.
    ///
    /// # Errors
    /// [`Stop`] if it does not know the device.
    pub fn bind(&mut self, host: usize, slot: usize, msix: bool) -> Result<Driver, Stop> {
        let (mut on, os) = self.on(host)?;
        let driver = Driver::bind(&mut on, os, slot, msix);
        let error = driver.as_ref().err().map(ToString::to_string).unwrap_or_default();
        self.need(driver.is_ok(), format!("host {host} binds a driver in slot {}: {error}", slot + 1))?;
        if let Some(device) = self.disk_in(host, slot) {
            let disk = disk::bind_slot(self, host, slot, device)?;
            self.disks.insert((host, device), disk);
        }
        let patience = self.timing.transfer;
        driver.map(|driver| Driver { patience, ..driver }).map_err(|error| Stop(error.to_string()))
    }

    /// Writes and reads a device's memory, and moves bytes to the host and back by DMA. If it is a disk, too, blocks are
    /// written and read.
    ///
    /// # Errors
    /// [`Stop`] if the host has no such device.
    pub fn exercise(&mut self, host: usize, device: usize, driver: &Driver) -> Result<(), Stop> {
        let salt = self.seed as u8 ^ device as u8 ^ self.world.now() as u8;
        let (offset, len) = (64 + u64::from(salt & 7), 1500 + usize::from(salt));
        let data = pattern(len, salt);
        let at = 0x1000_0000 * (device as u64 + 1) + 0xff0;
        let (mut on, _) = self.on(host)?;
        let written = driver.write(&mut on, offset, &data);
        let read = driver.read(&mut on, offset, len);
        let transfer = Transfer { to_host: true, host: at, local: offset as u32, length: len as u32 };
        let out = driver.transfer(&mut on, transfer);
        let landed = on.root().memory.read(at, len) == data;
        let back = driver.transfer(&mut on, Transfer { to_host: false, host: at, local: 0x8003, length: len as u32 });
        let arrived = self.world.devices[device].memory().read(0x8003, len) == data;
        self.check(written.is_ok() && read == Ok(data), format!("device {device}: memory reads as written"));
        self.check(out == Ok(()), format!("device {device}: DMA to the host ends with an interrupt: {out:?}"));
        self.check(landed, format!("device {device}: DMA to the host has moved the bytes"));
        self.check(back == Ok(()), format!("device {device}: DMA from the host ends with an interrupt: {back:?}"));
        self.check(arrived, format!("device {device}: DMA from the host has moved the bytes"));
        if let Some(mut driver) = self.disks.remove(&(host, device)) {
            disk::exercise(self, host, device, &mut driver, salt.into(), 9)?;
            self.disks.insert((host, device), driver);
        }
        Ok(())
    }

    /// Reads the vendor and device ID of a function, and how that ends.
    pub fn config_end(&mut self, host: usize, id: FunctionId) -> Result<u32, End> {
        self.world.host(host).try_config_read(id, 0, 4)
    }

    /// A counter of a PEB, if the PEBs have them.
    pub fn counter(&mut self, peb: Peb, address: u16) -> Option<u32> {
        self.world.fabric.counts().then(|| self.world.read_register(peb, address))?
    }

    /// Checks what must hold in every scenario, and makes the report.
    pub(super) fn finish(mut self, name: &str, end: Result<(), Stop>) -> (ScenarioReport, F) {
        if let Err(stop) = end {
            self.check(false, format!("the scenario ends early: {stop}"));
        }
        // What is still on its way must do no harm either.
        self.run(2 * u64::from(self.timing.hello));
        let faults = self.world.faults.clone();
        self.check(faults.is_empty(), format!("no rule was broken {faults:?}"));
        let mut complaints = Vec::new();
        complaints.extend(self.world.hosts.iter().flat_map(|host| host.root.complaints.iter().map(|c| c.what.clone())));
        complaints.extend(self.world.devices.iter().flat_map(|d| d.complaints.iter().map(|(_, what)| what.clone())));
        complaints.truncate(8);
        self.check(complaints.is_empty(), format!("nobody received what must not come {complaints:?}"));
        let pebs = self.counters();
        let report = ScenarioReport {
            name: name.into(),
            seed: self.seed,
            clocks: self.world.now(),
            tlps: self.world.order.compared,
            checks: self.checks,
            timeline: self.world.timeline,
            pebs,
        };
        (report, self.world.fabric)
    }

    fn counters(&mut self) -> Vec<PebReport> {
        let mut reports = Vec::new();
        for peb in pebs(&self.world) {
            let mut counters = Vec::new();
            for register in COUNTERS {
                let value = self.counter(peb, register.addr).unwrap_or(0);
                if value != 0 {
                    counters.push((register.name.to_lowercase(), value));
                }
            }
            reports.push(PebReport { peb: peb.to_string(), counters });
        }
        reports
    }
}
