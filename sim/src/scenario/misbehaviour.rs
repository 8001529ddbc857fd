//! Devices that do not keep to the rules harm nobody else.

use peb_regs::addr;
use peb_tlp::{FunctionId, Tlp};

use super::stage::{pattern, Stage, Stop};
use crate::answer::AnswerConfig;
use crate::device::regs;
use crate::host::{Access, Driver, Platform, Transfer, ROOT_PORT};
use crate::requester::End;
use crate::world::{Fabric, Peb};

/// Two bound devices; the first will misbehave.
fn two<F: Fabric>(stage: &mut Stage<F>) -> Result<(Driver, Driver), Stop> {
    stage.boot(0)?;
    let (slot, other) = (stage.found(0, 0)?, stage.found(0, 1)?);
    Ok((stage.bind(0, slot, true)?, stage.bind(0, other, true)?))
}

/// Nobody gets to use the identity of another.
pub fn forged_requester<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    let (driver, neighbour) = two(stage)?;
    let own = stage.world.devices[0].id();
    let ids = [stage.world.devices[1].id(), ROOT_PORT, FunctionId::new(1, 0, 0), FunctionId::new(0xee, 3, 1)];
    let filled = driver.write(&mut stage.on(0)?.0, 0, &pattern(256, 1));
    stage.check(filled.is_ok(), "the device's memory is filled");
    for id in ids {
        stage.world.devices[0].misbehaviour.forged_requester = Some(id);
        let (mut on, _) = stage.on(0)?;
        on.root().memory.clear();
        driver.start(&mut on, Transfer { to_host: true, host: 0x10_0000, local: 0, length: 256 }, false);
        stage.world.run(2000 + stage.timing.arrive);
        let untouched = stage.world.hosts[0].root.memory.is_zero();
        stage.check(untouched, format!("no write as {id} reaches the host"));
        let (mut on, _) = stage.on(0)?;
        driver.start(&mut on, Transfer { to_host: false, host: 0x10_0000, local: 0, length: 256 }, false);
        stage.world.run(2000 + stage.timing.arrive);
        let status = stage.on(0)?.0.read32(driver.registers + regs::STATUS);
        stage.on(0)?.0.write32(driver.registers + regs::STATUS, regs::DONE | regs::ERROR);
        // The completion for an ID of another bus may have no way to the forger; then it waits for its own timeout.
        let honest = id.bus() == own.bus();
        stage.check(status & regs::ERROR != 0 || !honest, format!("a read as {id} fails: status {status:#x}"));
        stage.world.run(110_000);
    }
    stage.world.devices[0].misbehaviour.forged_requester = None;
    let seen: Vec<FunctionId> = stage.world.hosts[0].root.requesters.iter().copied().collect();
    let forged = ids.iter().filter(|id| **id != stage.world.devices[1].id()).any(|id| seen.contains(id));
    stage.check(!forged, format!("the host saw only {seen:?}"));
    if let Some(refused) = stage.counter(Peb::Host(0), addr::SOURCE_REFUSED) {
        stage.check(refused >= 8, format!("{refused} requests were refused by their source"));
    }
    stage.exercise(0, 1, &neighbour)
}

/// Completions that nobody asked for go nowhere.
pub fn unexpected<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    let (driver, neighbour) = two(stage)?;
    for id in [ROOT_PORT, stage.world.devices[1].id()] {
        stage.world.devices[0].misbehaviour.unexpected = Some((50, id, 0..=20));
        // The same tags are in use by honest requests.
        for _ in 0..5 {
            stage.exercise(0, 1, &neighbour)?;
        }
        stage.world.devices[0].misbehaviour.unexpected = None;
        stage.run(2000);
    }
    if let Some(dropped) = stage.counter(Peb::Host(0), addr::UNEXPECTED) {
        stage.check(dropped > 20, format!("{dropped} unexpected completions were dropped"));
    }
    stage.exercise(0, 0, &driver)
}

/// The host completes reads of a device long after it was pulled. The next one in the slot uses the same tags, and gets none
/// of that: its link is not shown before the host owes nothing.
pub fn late<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    const LATE: u64 = 100_000;
    stage.boot(0)?;
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    let root = &mut stage.world.hosts[0].root;
    root.memory.write(0x10_0000, &pattern(2048, 0x55));
    root.set_answers(AnswerConfig { delay: LATE..=LATE + 2000, ..AnswerConfig::default() });
    let transfer = Transfer { to_host: false, host: 0x10_0000, local: 0, length: 2048 };
    driver.start(&mut stage.on(0)?.0, transfer, false);
    stage.run_until(stage.timing.arrive - 1000, |stage| stage.world.hosts[0].root.owes() > 4);
    let owed = stage.world.hosts[0].root.owes();
    stage.check(owed > 4, format!("the host owes {owed} completions"));
    stage.world.hosts[0].root.set_answers(AnswerConfig::default());
    stage.world.set_present(0, false);
    stage.gone(0, slot, stage.timing.remove)?;
    stage.world.set_present(0, true);
    let up = stage.run_until(2 * LATE, |stage| stage.world.pins(Peb::Host(0)).slot_up != 0);
    stage.check(up && stage.world.hosts[0].root.owes() == 0, "the slot is up when the host owes nothing");
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    stage.exercise(0, 0, &driver)
}

/// A device that never answers reads holds up nobody but its readers.
pub fn silent<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    let (driver, neighbour) = two(stage)?;
    let slot = stage.found(0, 0)?;
    stage.world.devices[0].misbehaviour.silent = true;
    let mut tags = Vec::new();
    for n in 0..64 {
        let tag = stage.on(0)?.0.start(|id| Tlp::memory_read(id, driver.memory + 4 * n, 4));
        tags.push(tag.map_err(|error| Stop(error.to_string()))?);
    }
    for _ in 0..3 {
        stage.exercise(0, 1, &neighbour)?;
    }
    let device = stage.world.devices[0].id();
    let ids = stage.config_end(0, device);
    stage.check(ids.is_ok(), format!("configuration requests to the silent device are answered: {ids:x?}"));
    let (mut on, os) = stage.on(0)?;
    let condition = os.slot_condition(&mut on, slot);
    let ends: Vec<End> = tags.into_iter().map(|tag| on.finish(tag).end).collect();
    stage.check(condition == (true, true), "its port is answered for");
    stage.check(ends.iter().all(|end| *end == End::TimedOut), "its readers run into their own timeout");
    stage.run(u64::from(stage.timing.track) + u64::from(stage.timing.track) / 8);
    stage.world.devices[0].misbehaviour.silent = false;
    stage.exercise(0, 0, &driver)?;
    stage.exercise(0, 1, &neighbour)
}

/// What a device sends with Bus Master Enable off is refused.
pub fn master_off<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    stage.exercise(0, 0, &driver)?;
    let port = stage.os(0)?.slots[slot].port;
    stage.world.devices[0].misbehaviour.ignores_bus_master = true;
    for bridge in [port, FunctionId::new(1, 0, 0)] {
        let (mut on, _) = stage.on(0)?;
        let command = on.config_read(bridge, 0x04, 2);
        on.config_write(bridge, 0x04, 2, command & !4);
        on.root().memory.clear();
        driver.start(&mut on, Transfer { to_host: true, host: 0x10_0000, local: 0, length: 256 }, false);
        let arrive = 2000 + stage.timing.arrive;
        stage.world.run(arrive);
        let untouched = stage.world.hosts[0].root.memory.is_zero();
        stage.check(untouched, format!("no write passes {bridge} without Bus Master Enable"));
        let (mut on, _) = stage.on(0)?;
        driver.start(&mut on, Transfer { to_host: false, host: 0x10_0000, local: 0, length: 256 }, false);
        on.wait(arrive);
        let status = on.read32(driver.registers + regs::STATUS);
        on.config_write(bridge, 0x04, 2, command);
        on.write32(driver.registers + regs::STATUS, regs::DONE | regs::ERROR);
        stage.check(status & regs::ERROR != 0, format!("a read through {bridge} fails: status {status:#x}"));
    }
    if let Some(refused) = stage.counter(Peb::Host(0), addr::MASTER_OFF) {
        stage.check(refused >= 4, format!("{refused} requests were refused"));
    }
    stage.world.devices[0].misbehaviour.ignores_bus_master = false;
    stage.exercise(0, 0, &driver)
}
