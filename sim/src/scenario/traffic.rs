//! What a driver does with a device all day.

use peb_tlp::{AtomicOp, FunctionId, Tlp};

use super::stage::{pattern, Stage, Stop};
use crate::device::regs;
use crate::host::{cap, Access, Platform, Transfer};
use crate::world::Fabric;

/// Registers, memory at every alignment, DMA, MSI, MSI-X, INTx, atomics.
pub fn use_device<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    let (mut on, _) = stage.on(0)?;
    on.write32(driver.registers + regs::SCRATCH, 0x1234_5678);
    let scratch = on.read32(driver.registers + regs::SCRATCH);
    stage.check(scratch == 0x1234_5678, "a register reads as written");
    for len in 1..=12 {
        for offset in 0..4 {
            let (mut on, _) = stage.on(0)?;
            let data = pattern(len, len as u8);
            let written = driver.write(&mut on, 0x100 + offset, &data);
            let read = driver.read(&mut on, 0x100 + offset, len);
            stage.check(written.is_ok() && read == Ok(data), format!("{len} bytes at offset {offset}"));
        }
    }
    stage.exercise(0, 0, &driver)?;
    disable_interrupts(stage, slot)?;
    let driver = stage.bind(0, slot, false)?;
    stage.exercise(0, 0, &driver)?;
    intx(stage, slot, &driver)?;
    let (mut on, _) = stage.on(0)?;
    let written = driver.write(&mut on, 0, &[5, 0, 0, 0]);
    let add = |id| Tlp::atomic(id, driver.memory, AtomicOp::FetchAdd(&[3, 0, 0, 0]));
    let old = on.request(add).map(|outcome| outcome.data);
    let new = driver.read(&mut on, 0, 4);
    let right = written.is_ok() && old == Ok(vec![5, 0, 0, 0]) && new == Ok(vec![8, 0, 0, 0]);
    stage.check(right, format!("an AtomicOp adds: {old:?}, {new:?}"));
    let zero = stage.on(0)?.0.memory_read(driver.memory, 0).map(|outcome| outcome.is_success());
    stage.check(zero == Ok(true), "a zero-length read ends with success");
    Ok(())
}

/// Turns MSI and MSI-X of a device off; gives its ID.
fn disable_interrupts<F: Fabric>(stage: &mut Stage<F>, slot: usize) -> Result<FunctionId, Stop> {
    let (mut on, os) = stage.on(0)?;
    let function = os.slots[slot].functions.first().ok_or(Stop("no function".into()))?;
    for capability in [cap::MSI, cap::MSIX] {
        if let Some(at) = function.capabilities.find(capability) {
            on.config_write(function.id, at + 2, 2, 0);
        }
    }
    Ok(function.id)
}

/// INTx rises at the root, and falls when the device is done.
fn intx<F: Fabric>(stage: &mut Stage<F>, slot: usize, driver: &crate::host::Driver) -> Result<(), Stop> {
    let id = disable_interrupts(stage, slot)?;
    let (mut on, _) = stage.on(0)?;
    on.config_write(id, 0x04, 2, 0x0006);
    driver.start(&mut on, Transfer { to_host: true, host: 0x1000, local: 0, length: 64 }, false);
    // INTA of device n on the internal bus is pin n mod 4 (PCIe table 2-21).
    let pin = slot % 4;
    let asserted = on.wait_until(20_000, |on| on.root().intx[pin]);
    on.write32(driver.registers + regs::STATUS, regs::DONE);
    let withdrawn = on.wait_until(20_000, |on| !on.root().intx[pin]);
    on.config_write(id, 0x04, 2, 0x0406);
    stage.check(asserted, format!("INT{} is asserted", ["A", "B", "C", "D"][pin]));
    stage.check(withdrawn, "and withdrawn");
    Ok(())
}

/// With non-posted requests blocked at one end, posted requests and completions go on both ways.
pub fn np_blocked<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let slot = stage.found(0, 0)?;
    let driver = stage.bind(0, slot, true)?;
    let data = pattern(4096, 3);
    stage.world.hosts[0].root.memory.write(0x10_0000, &data);
    // At the root: the device's reads wait, host reads and the device's interrupts do not.
    stage.world.hosts[0].root.hold_np(true);
    let read = Transfer { to_host: false, host: 0x10_0000, local: 0x4000, length: 4096 };
    driver.start(&mut stage.on(0)?.0, read, false);
    stage.world.run(10_000);
    let (mut on, _) = stage.on(0)?;
    let written = driver.write(&mut on, 0, &data);
    let same = driver.read(&mut on, 0, 4096) == Ok(data.clone());
    stage.check(written.is_ok() && same, "host reads and writes go on while the device's reads wait");
    stage.check(!stage.world.devices[0].memory().read(0x4000, 4096).eq(&data), "the device's reads wait");
    stage.world.hosts[0].root.hold_np(false);
    let vector = driver.vector;
    let done = stage.on(0)?.0.wait_until(50_000, |on| on.root().take_interrupt(vector).is_some());
    stage.check(done && stage.world.devices[0].memory().read(0x4000, 4096) == data, "they go on when they may");
    // At the device: host reads wait, the device's DMA does not, and writes reach the device.
    stage.world.devices[0].hold_np(true);
    stage.world.run(10);
    let tag = stage.on(0)?.0.start(|id| Tlp::memory_read(id, driver.memory, 64)).map_err(|e| Stop(e.to_string()))?;
    let (mut on, _) = stage.on(0)?;
    driver.start(&mut on, Transfer { to_host: true, host: 0x20_0000, local: 0x4000, length: 4096 }, false);
    let done = on.wait_until(50_000, |on| on.root().take_interrupt(vector).is_some());
    let waits = on.root().is_outstanding(tag);
    let landed = on.root().memory.read(0x20_0000, 4096) == data;
    stage.check(done && landed, "DMA goes on while host reads wait");
    stage.check(waits, "the host's read waits");
    stage.world.devices[0].hold_np(false);
    let outcome = stage.on(0)?.0.finish(tag);
    stage.check(outcome.is_success() && outcome.data == data[..64], "it goes on when it may");
    Ok(())
}
