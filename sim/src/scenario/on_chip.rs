//! The endpoint that boards have on the chip of their I/O PEB.

use super::stage::{pattern, Stage, Stop};
use crate::host::{Access, Driver, Platform, Transfer};
use crate::world::Fabric;

/// Registers of the endpoint that the device model has not, and where its memory is in BAR 0.
const LEDS: u64 = 0x28;
const MEMORY: u64 = 0x2000;
const ID_VALUE: u32 = 0x5045_4245;

/// Finds the endpoint; uses BAR, DMA both ways and MSI, beside a device model.
pub fn endpoint<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let slot = stage.found(0, 0)?;
    let (other, neighbour) = (stage.found(0, 1)?, 1);
    let neighbour_driver = stage.bind(0, other, true)?;
    let driver = bind(stage, slot)?;
    use_endpoint(stage, &driver, 1)?;
    stage.exercise(0, neighbour, &neighbour_driver)?;
    // Errors: beyond the BAR, beyond the memory.
    let (mut on, _) = stage.on(0)?;
    let beyond = Transfer { to_host: true, host: 0x1000, local: 0x1fff, length: 2 };
    let refused = driver.transfer(&mut on, beyond);
    stage.check(refused.is_err(), format!("DMA beyond the memory is refused: {refused:?}"));
    // Both at once.
    for round in 2..4 {
        use_endpoint(stage, &driver, round)?;
        stage.exercise(0, neighbour, &neighbour_driver)?;
    }
    Ok(())
}

/// What its driver does first: identity, interrupt.
fn bind<F: Fabric>(stage: &mut Stage<F>, slot: usize) -> Result<Driver, Stop> {
    let (mut on, os) = stage.on(0)?;
    let function = os.slots[slot].functions[0].clone();
    let (address, vector) = (os.config.msi_address, os.device_vector(slot));
    let registers = function.bar(0).ok_or(Stop("BAR 0 has no place".into()))?;
    let enabled = function.enable_msi(&mut on, address, vector);
    let id = on.read32(registers);
    stage.check(enabled, "the endpoint has MSI");
    stage.need(id == ID_VALUE, format!("the endpoint's ID register reads {id:#010x}"))?;
    Ok(Driver { registers, memory: registers + MEMORY, vector, patience: 200_000 })
}

/// Memory, registers, DMA both ways with an interrupt each.
fn use_endpoint<F: Fabric>(stage: &mut Stage<F>, driver: &Driver, round: u8) -> Result<(), Stop> {
    let data = pattern(3000 + usize::from(round), round);
    let len = data.len();
    let (mut on, _) = stage.on(0)?;
    let written = driver.write(&mut on, 0x101, &data);
    let read = driver.read(&mut on, 0x101, len);
    on.write32(driver.registers + LEDS, round.into());
    let leds = on.read32(driver.registers + LEDS);
    let host = 0x7000_0f03;
    let out = driver.transfer(&mut on, Transfer { to_host: true, host, local: 0x101, length: len as u32 });
    let landed = on.root().memory.read(host, len) == data;
    let other = pattern(len, !round);
    on.root().memory.write(host, &other);
    let back = driver.transfer(&mut on, Transfer { to_host: false, host, local: 0x1002, length: len as u32 });
    let arrived = driver.read(&mut on, 0x1002, len);
    stage.check(written.is_ok() && read == Ok(data), "endpoint: memory reads as written");
    stage.check(leds == u32::from(round), "endpoint: the LED register reads as written");
    stage.check(out == Ok(()) && landed, format!("endpoint: DMA to the host moves the bytes: {out:?}"));
    stage.check(back == Ok(()), format!("endpoint: DMA from the host ends with an interrupt: {back:?}"));
    stage.check(arrived == Ok(other), "endpoint: DMA from the host has moved the bytes");
    Ok(())
}
