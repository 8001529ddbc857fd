//! Cables, resets and links that fail.

use peb_tlp::{FunctionId, Tlp};

use super::stage::{pattern, Stage, Stop, UR};
use crate::host::{Access, SlotState, Transfer, LINK_CHANGED, PRESENCE_CHANGED};
use crate::world::{Fabric, Peb};

/// Clocks that the first frame after an outage may need to arrive: a long one before it, and twice its own length in octets,
/// since the switch stores it. Beside HELLO_TICKS of real installations this is nothing, beside those of a scenario it is not.
const FIRST_FRAME: u64 = 3 * 1600 + 500;

/// Nobody notices a short outage, but for time.
pub fn short_outage<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    let before = stage.os(0)?.slots[slot].events;
    let resets = stage.world.devices[0].resets;
    let data = pattern(2048, 9);
    stage.world.hosts[0].root.memory.write(0x10_0000, &data);
    let transfer = Transfer { to_host: false, host: 0x10_0000, local: 0, length: 2048 };
    driver.start(&mut stage.on(0)?.0, transfer, true);
    stage.run_until(stage.timing.transfer, |stage| stage.world.devices[0].memory().read(0, 2048) == data);
    stage.run(1000);
    for peb in [Peb::Io(0), Peb::Host(0)] {
        stage.world.connect(peb, false);
        let cut = stage.world.now();
        let tag = stage.on(0)?.0.start(|id| Tlp::memory_read(id, driver.memory, 256));
        let tag = tag.map_err(|error| Stop(error.to_string()))?;
        let outage = u64::from(stage.timing.down - 3 * stage.timing.hello) - FIRST_FRAME;
        stage.run(outage - (stage.world.now() - cut));
        stage.world.connect(peb, true);
        let outcome = stage.on(0)?.0.finish(tag);
        let same = outcome.is_success() && outcome.data == data[..256];
        stage.check(same, format!("a read through the outage ends with its data: {:?}", outcome.end));
        let took = outcome.ended - outcome.issued;
        stage.check(took > outage / 2, format!("the outage was real: the read took {took} clocks"));
        stage.run(5000);
    }
    let count = driver.stop(&mut stage.on(0)?.0);
    stage.check(count > 0, format!("{count} transfers were done"));
    stage.run(10_000);
    stage.exercise(0, 0, &driver)?;
    let (events, state) = (stage.os(0)?.slots[slot].events, stage.os(0)?.slots[slot].state);
    stage.check(events == before && state == SlotState::On, "the slot had no event");
    stage.check(stage.world.devices[0].resets == resets, "the device was not reset");
    Ok(())
}

/// A long outage is a removal; afterwards the device is there again, reset.
pub fn long_outage<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let (slot, other) = (stage.found(0, 0)?, stage.found(0, 1)?);
    let (driver, neighbour) = (stage.bind(0, slot, true)?, stage.bind(0, other, true)?);
    let data = pattern(4096, 5);
    let filled = driver.write(&mut stage.on(0)?.0, 0, &data);
    // A read ends after the writes before it have arrived.
    let full = filled.is_ok() && driver.read(&mut stage.on(0)?.0, 0, 4096) == Ok(data);
    stage.check(full, "the device's memory is full");
    let transfer = Transfer { to_host: true, host: 0x10_0000, local: 0, length: 4096 };
    driver.start(&mut stage.on(0)?.0, transfer, true);
    stage.run(5000);
    stage.world.connect(Peb::Io(0), false);
    let cut = stage.world.now();
    let mut tags = Vec::new();
    for n in 0..16 {
        let tag = stage.on(0)?.0.start(|id| Tlp::memory_read(id, driver.memory + 256 * n, 256));
        tags.push(tag.map_err(|error| Stop(error.to_string()))?);
    }
    // Silence is counted from the last frame that came through.
    let limit = u64::from(stage.timing.down) + stage.timing.remove;
    stage.gone(0, slot, limit)?;
    let early = stage.world.now() - cut;
    let least = u64::from(stage.timing.down - 3 * stage.timing.hello);
    stage.check(early >= least, format!("not before {least} clocks of silence: {early}"));
    let mut on = stage.world.host(0);
    let outcomes: Vec<_> = tags.into_iter().map(|tag| on.finish(tag)).collect();
    stage.check(outcomes.iter().all(|outcome| outcome.end == UR), "every outstanding read ends with UR");
    stage.exercise(0, 1, &neighbour)?;
    let in_reset = stage.run_until(limit, |stage| stage.world.pins(Peb::Io(0)).reset);
    stage.check(in_reset && stage.world.devices[0].memory().is_zero(), "the device is reset");
    stage.run(5000);
    stage.world.connect(Peb::Io(0), true);
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    let zero = driver.read(&mut stage.on(0)?.0, 0, 4096) == Ok(vec![0; 4096]);
    stage.check(zero, "its memory is empty");
    stage.exercise(0, 0, &driver)
}

/// The host goes through reset: sessions stay, ports and device start anew.
pub fn host_reset<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    let filled = driver.write(&mut stage.on(0)?.0, 0, &pattern(4096, 5));
    stage.check(filled.is_ok(), "the device's memory is filled");
    driver.start(&mut stage.on(0)?.0, Transfer { to_host: false, host: 0, local: 0, length: 4096 }, true);
    stage.run(3000);
    let begin = stage.world.now();
    stage.world.reset_host(0, true);
    // Behind what is queued for the device: 4 KiB take 33 us.
    let held = stage.world.run_until(2000 + stage.timing.arrive, |world| world.pins(Peb::Io(0)).reset);
    stage.check(held, "the device is in reset");
    stage.world.run(20_000);
    stage.check(stage.world.pins(Peb::Io(0)).reset, "and stays there until the host's link is up");
    stage.check(stage.world.pins(Peb::Io(0)).peer_up, "the session stays");
    stage.world.reset_host(0, false);
    stage.world.run(1000);
    let buses = stage.world.host(0).config_read(FunctionId::new(1, 0, 0), 0x18, 4);
    stage.check(buses == 0, format!("the upstream port's bus numbers are reset: {buses:#x}"));
    stage.boot(0)?;
    let again = stage.found(0, 0)?;
    stage.check(again == slot, "the device is in the same slot");
    let driver = stage.bind(0, slot, true)?;
    let zero = driver.read(&mut stage.on(0)?.0, 0, 4096) == Ok(vec![0; 4096]);
    stage.check(zero, "its memory is empty");
    let detached = stage.world.timeline.find(begin, "I/O PEB 0", "detached");
    stage.check(detached.is_none(), "the I/O PEB was attached all the time");
    stage.exercise(0, 0, &driver)
}

/// The device's own link falls: an event, UR at once, and everything again.
pub fn link_flap<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let (slot, other) = (stage.found(0, 0)?, stage.found(0, 1)?);
    let (driver, neighbour) = (stage.bind(0, slot, true)?, stage.bind(0, other, true)?);
    stage.world.devices[0].misbehaviour.silent = true;
    let tag = stage.on(0)?.0.start(|id| Tlp::memory_read(id, driver.memory, 64));
    let tag = tag.map_err(|error| Stop(error.to_string()))?;
    stage.run(stage.timing.arrive);
    stage.world.devices[0].misbehaviour.silent = false;
    stage.world.devices[0].settings.training = 5000;
    let begin = stage.world.now();
    // What came before does not count.
    stage.on(0)?.1.slots[slot].events = 0;
    stage.world.flap(0);
    let outcome = stage.on(0)?.0.finish(tag);
    let after = outcome.ended - begin;
    stage.check(
        outcome.end == UR && after < stage.timing.arrive,
        format!("the outstanding read ends with UR after {after} clocks"),
    );
    // The link is up again before the operating system is done with its fall.
    let noticed = stage
        .run_until(stage.timing.remove, |stage| stage.os(0).is_ok_and(|os| os.slots[slot].events & LINK_CHANGED != 0));
    stage.need(noticed, "the operating system notices")?;
    let slot = stage.found(0, 0)?;
    let events = stage.os(0)?.slots[slot].events;
    stage.check(events & LINK_CHANGED != 0, "the slot reported that the link changed");
    stage.check(events & PRESENCE_CHANGED == 0, "presence did not change");
    let detached = stage.world.timeline.find(begin, "I/O PEB 0", "detached");
    stage.check(detached.is_none(), "the I/O PEB was attached all the time");
    let driver = stage.bind(0, slot, true)?;
    stage.exercise(0, 0, &driver)?;
    stage.exercise(0, 1, &neighbour)
}
