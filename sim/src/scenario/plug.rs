//! Devices that come and go.

use peb_tlp::{FunctionId, Tlp};

use super::stage::{Stage, Stop, UR};
use crate::host::{Access, Platform, SlotState, Transfer, PRESENCE_CHANGED};
use crate::requester::Outcome;
use crate::world::{Fabric, Peb};

/// Clocks in which a configuration request to the switch itself is answered.
const ANSWER: u64 = 200;

/// Empty slots answer, and nobody is behind them.
pub fn boot_empty<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    stage.run(120_000);
    let slots = stage.os(0)?.slots.clone();
    stage.check(slots.iter().all(|slot| slot.state == SlotState::Off), "all slots are off");
    stage.check(slots.iter().all(|slot| slot.events == 0), "no slot had an event");
    stage
        .check(stage.world.devices[0].link_up() == stage.world.devices[0].is_present(), "an absent device has no link");
    for slot in &slots {
        let below = stage.config_end(0, FunctionId::new(slot.secondary, 0, 0));
        stage.check(below == Err(UR), format!("nobody answers behind slot {}: {below:?}", slot.number));
    }
    for device in [4, 17, 31] {
        let beside = stage.config_end(0, FunctionId::new(2, device, 0));
        stage.check(beside == Err(UR), format!("nobody answers at 02:{device:02x}.0: {beside:?}"));
    }
    let slowest = slowest_config(stage, &slots.iter().map(|slot| slot.port).collect::<Vec<_>>());
    stage.check(slowest <= ANSWER, format!("configuration requests take {slowest} clocks at most, {ANSWER} allowed"));
    Ok(())
}

/// Clocks that the slowest of many configuration reads of these ports takes.
fn slowest_config<F: Fabric>(stage: &mut Stage<F>, ports: &[FunctionId]) -> u64 {
    let mut on = stage.world.host(0);
    let mut slowest = 0;
    for &port in ports {
        for register in (0..256).step_by(4) {
            let outcome = on.request(|id| Tlp::config_read(id, port, register, true));
            let clocks = outcome.map_or(u64::MAX, |outcome| outcome.ended - outcome.issued);
            slowest = slowest.max(clocks);
        }
    }
    slowest
}

/// A device is put in, used, and stays.
pub fn hot_add<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    stage.run(120_000);
    let attached = stage.world.pins(Peb::Io(0)).peer_up;
    stage.check(attached, "the I/O PEB has joined without a device");
    stage.world.set_present(0, true);
    let slot = stage.found(0, 0)?;
    let events = stage.os(0)?.slots[slot].events;
    stage.check(events & PRESENCE_CHANGED != 0, "the slot reported that presence changed");
    let driver = stage.bind(0, slot, true)?;
    stage.exercise(0, 0, &driver)
}

/// The host finds a device that came up before it.
pub fn present_at_boot<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    let up = stage.world.run_until(stage.timing.add, |world| world.pins(Peb::Host(0)).slot_up != 0);
    stage.need(up, "the slot comes up before the host boots")?;
    stage.boot(0)?;
    let at_boot = stage.slot_of(0, 0).is_some();
    stage.check(at_boot, "the device is configured when boot ends");
    let slot = stage.found(0, 0)?;
    let events = stage.os(0)?.slots[slot].events;
    stage.check(events == 0, format!("no event came: {events:#x}"));
    let driver = stage.bind(0, slot, false)?;
    stage.exercise(0, 0, &driver)
}

/// Four devices at once, each used while all do DMA.
pub fn several<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    let arrive = stage.timing.arrive;
    stage.expect_queues();
    stage.boot(0)?;
    for device in 0..4 {
        stage.world.set_present(device, true);
    }
    let mut drivers = Vec::new();
    for device in 0..4 {
        let slot = stage.found(0, device)?;
        drivers.push(stage.bind(0, slot, device % 2 == 0)?);
    }
    for (device, driver) in drivers.iter().enumerate() {
        let host = 0x8000_0000_0000 + 0x10_0000 * device as u64;
        let transfer = Transfer { to_host: device % 2 == 0, host, local: 0xc000, length: 2048 };
        driver.start(&mut stage.on(0)?.0, transfer, true);
    }
    stage.run(17_000 + arrive);
    for (device, driver) in drivers.iter().enumerate() {
        let count = driver.stop(&mut stage.on(0)?.0);
        let some = (1..u32::MAX).contains(&count);
        stage.check(some, format!("device {device} did {count} transfers beside the others"));
        stage.run(1000);
    }
    stage.run(10_000);
    for (device, driver) in drivers.iter().enumerate() {
        stage.exercise(0, device, driver)?;
    }
    let slots = stage.os(0)?.slots.iter().filter(|slot| slot.state == SlotState::On).count();
    stage.check(slots == 4, format!("{slots} slots are on"));
    Ok(())
}

/// A device is pulled in peace, and put back; its neighbour notices nothing.
pub fn remove_idle<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let (slot, other) = (stage.found(0, 0)?, stage.found(0, 1)?);
    let (old, neighbour) = (stage.bind(0, slot, true)?, stage.bind(0, other, true)?);
    let before = stage.os(0)?.slots[other].events;
    stage.world.set_present(0, false);
    stage.gone(0, slot, stage.timing.remove)?;
    let (mut on, os) = stage.on(0)?;
    let condition = os.slot_condition(&mut on, slot);
    let read = old.read(&mut on, 0, 4);
    stage.check(condition == (false, false), format!("the slot is empty: {condition:?}"));
    stage.check(read.is_err(), format!("nobody answers: {read:?}"));
    stage.exercise(0, 1, &neighbour)?;
    stage.world.set_present(0, true);
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    stage.exercise(0, 0, &driver)?;
    let after = stage.os(0)?.slots[other].events;
    stage.check(before == after, "the neighbour's slot had no event");
    Ok(())
}

/// A device is pulled while it is read, written and does DMA: every read ends at once, the neighbour goes on.
pub fn remove_busy<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let (slot, other) = (stage.found(0, 0)?, stage.found(0, 1)?);
    let (driver, neighbour) = (stage.bind(0, slot, true)?, stage.bind(0, other, true)?);
    for driver in [&driver, &neighbour] {
        let transfer = Transfer { to_host: false, host: driver.memory, local: 0, length: 4096 };
        driver.start(&mut stage.on(0)?.0, Transfer { host: transfer.host & 0xff_ffff, ..transfer }, true);
    }
    stage.run(3000);
    // Some reads find the device silent, so they are outstanding for sure.
    stage.world.devices[0].misbehaviour.silent = true;
    let mut tags = Vec::new();
    for n in 0..24 {
        let (mut on, _) = stage.on(0)?;
        on.memory_write(driver.memory + 64 * n, &[n as u8; 64]).map_err(|error| Stop(error.to_string()))?;
        let tag = on.start(|id| Tlp::memory_read(id, driver.memory + 64 * n, 64));
        tags.push(tag.map_err(|error| Stop(error.to_string()))?);
    }
    stage.world.run(500);
    stage.world.set_present(0, false);
    let pulled = stage.world.now();
    let mut on = stage.world.host(0);
    let outcomes: Vec<Outcome> = tags.into_iter().map(|tag| on.finish(tag)).collect();
    let last = outcomes.iter().map(|outcome| outcome.ended).max().unwrap_or(0).saturating_sub(pulled);
    stage.check(outcomes.iter().all(|outcome| outcome.end == UR), "every outstanding read ends with UR");
    stage.check(last < stage.timing.remove, format!("the last of them {last} clocks after the device was pulled"));
    stage.gone(0, slot, stage.timing.remove)?;
    // A bad network leaves little time for it until here.
    stage.run(20_000);
    let count = neighbour.stop(&mut stage.on(0)?.0);
    stage.check(count > 0, format!("the neighbour did {count} transfers"));
    stage.run(5000);
    stage.exercise(0, 1, &neighbour)?;
    stage.world.devices[0].misbehaviour.silent = false;
    stage.world.set_present(0, true);
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    stage.exercise(0, 0, &driver)?;
    let intx = stage.world.host(0).root().intx;
    stage.check(intx == [false; 4], "no INTx is left asserted");
    Ok(())
}
