//! A device that moves from host to host, by the VLAN of its PEB alone.

use peb_tlp::Tlp;

use super::stage::{pattern, Stage, Stop, UR};
use crate::host::{Access, Platform, Transfer};
use crate::world::{Fabric, Peb};

/// Bytes of the device's memory that are looked at.
const BYTES: usize = 8192;

/// Moves the device from one host to another and checks that nothing of the first is left.
fn hand_over<F: Fabric>(stage: &mut Stage<F>, from: usize, to: usize, vid: u16) -> Result<(), Stop> {
    let slot = stage.found(from, 0)?;
    let driver = stage.bind(from, slot, true)?;
    let secret = pattern(BYTES, 0x5a);
    let filled = driver.write(&mut stage.on(from)?.0, 0, &secret);
    let read = driver.read(&mut stage.on(from)?.0, 0, BYTES);
    stage.check(filled.is_ok() && read == Ok(secret), format!("host {from} fills the device's memory"));
    stage.exercise(from, 0, &driver)?;
    let begin = stage.world.now();
    stage.world.set_vlan(Peb::Io(0), vid);
    stage.gone(from, slot, stage.timing.leave)?;
    let slot = stage.found(to, 0)?;
    let took = stage.world.now() - begin;
    stage.check(stage.slot_of(from, 0).is_none(), format!("host {from} has it no more, host {to} after {took} clocks"));
    let driver = stage.bind(to, slot, true)?;
    let read = driver.read(&mut stage.on(to)?.0, 0, BYTES);
    stage.check(read == Ok(vec![0; BYTES]), format!("host {to} finds no byte of host {from}"));
    stage.exercise(to, 0, &driver)
}

/// From the first host to the second and back.
pub fn there_and_back<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    stage.boot(1)?;
    hand_over(stage, 0, 1, 20)?;
    hand_over(stage, 1, 0, 10)
}

/// Away under reads and DMA: everything ends, nothing of it reaches the new host.
pub fn busy<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    stage.boot(1)?;
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    let filled = driver.write(&mut stage.on(0)?.0, 0, &pattern(4096, 0x77));
    stage.check(filled.is_ok(), "the first host fills the device's memory");
    // DMA into host memory that the second host must keep empty.
    let transfer = Transfer { to_host: true, host: 0x10_0000, local: 0, length: 4096 };
    driver.start(&mut stage.on(0)?.0, transfer, true);
    stage.run(4000);
    let mut tags = Vec::new();
    for n in 0..32 {
        let tag = stage.on(0)?.0.start(|id| Tlp::memory_read(id, driver.memory + 128 * n, 128));
        tags.push(tag.map_err(|error| Stop(error.to_string()))?);
    }
    stage.world.set_vlan(Peb::Io(0), 20);
    let mut on = stage.world.host(0);
    let outcomes: Vec<_> = tags.into_iter().map(|tag| on.finish(tag)).collect();
    let ended = outcomes.iter().filter(|outcome| outcome.is_success() || outcome.end == UR).count();
    stage.check(ended == outcomes.len(), format!("{ended} of {} reads end with success or UR", outcomes.len()));
    stage.gone(0, slot, stage.timing.remove.max(stage.timing.leave))?;
    let slot = stage.found(1, 0)?;
    let clean = stage.on(1)?.0.root().memory.is_zero();
    stage.check(clean, "no DMA of the first host's landed at the second");
    let driver = stage.bind(1, slot, true)?;
    let read = driver.read(&mut stage.on(1)?.0, 0, 4096);
    stage.check(read == Ok(vec![0; 4096]), "the second host finds no byte of the first");
    stage.exercise(1, 0, &driver)
}
