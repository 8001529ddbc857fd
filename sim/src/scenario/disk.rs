//! An NVMe disk.

use super::stage::{pattern, Stage, Stop};
use crate::device::nvme::{nvm_opcode, Nvme, Status};
use crate::host::{NvmeDriver, NvmeError};
use crate::world::{Fabric, Peb};

/// Where the queues and buffers of the driver of device 0 are in host memory; those of the others follow.
const MEMORY: u64 = 0x1_2000_0000;
const MEMORY_EACH: u64 = 0x1000_0000;

fn bind<F: Fabric>(stage: &mut Stage<F>, host: usize) -> Result<NvmeDriver, Stop> {
    let slot = stage.found(host, 0)?;
    bind_slot(stage, host, slot, 0)
}

/// Binds the driver to the disk that a device is.
pub(super) fn bind_slot<F: Fabric>(
    stage: &mut Stage<F>,
    host: usize,
    slot: usize,
    device: usize,
) -> Result<NvmeDriver, Stop> {
    let (mut on, os) = stage.on(host)?;
    let driver = NvmeDriver::bind(&mut on, os, slot, MEMORY + MEMORY_EACH * device as u64);
    let error = driver.as_ref().err().map(ToString::to_string).unwrap_or_default();
    stage.need(driver.is_ok(), format!("host {host} binds the NVMe driver in slot {}: {error}", slot + 1))?;
    let mut driver = driver.map_err(|error| Stop(error.to_string()))?;
    driver.patience = 2 * stage.timing.transfer;
    Ok(driver)
}

fn disk<F: Fabric>(stage: &Stage<F>) -> Result<&Nvme, Stop> {
    disk_of(stage, 0)
}

fn disk_of<F: Fabric>(stage: &Stage<F>, device: usize) -> Result<&Nvme, Stop> {
    stage.world.devices[device].function::<Nvme>().ok_or_else(|| Stop(format!("device {device} is no disk")))
}

/// What is on the medium of device 0 itself.
fn medium<F: Fabric>(stage: &Stage<F>, lba: u64, blocks: u64) -> Result<Vec<u8>, Stop> {
    medium_of(stage, 0, lba, blocks)
}

fn medium_of<F: Fabric>(stage: &Stage<F>, device: usize, lba: u64, blocks: u64) -> Result<Vec<u8>, Stop> {
    disk_of(stage, device)?.read_medium(lba, blocks).map_err(|error| Stop(error.to_string()))
}

fn exercise<F: Fabric>(
    stage: &mut Stage<F>,
    host: usize,
    driver: &mut NvmeDriver,
    lba: u64,
    blocks: u64,
) -> Result<(), Stop> {
    exercise_device(stage, host, 0, driver, lba, blocks)
}

/// Writes blocks, looks for them on the medium, and reads them.
pub(super) fn exercise_device<F: Fabric>(
    stage: &mut Stage<F>,
    host: usize,
    device: usize,
    driver: &mut NvmeDriver,
    lba: u64,
    blocks: u64,
) -> Result<(), Stop> {
    let data = pattern((blocks * driver.identified.block) as usize, lba as u8 ^ 0x35);
    let begin = stage.world.now();
    let written = driver.write(&mut stage.on(host)?.0, lba, &data);
    let clocks = stage.world.now() - begin;
    stage
        .check(written == Ok(()), format!("{blocks} blocks are written from {lba} on in {clocks} clocks: {written:?}"));
    let same = medium_of(stage, device, lba, blocks)? == data;
    stage.check(same, "they are on the medium");
    let begin = stage.world.now();
    let read = driver.read(&mut stage.on(host)?.0, lba, blocks);
    let clocks = stage.world.now() - begin;
    let error = read.as_ref().err().map(ToString::to_string).unwrap_or_default();
    stage.check(read == Ok(data), format!("they are read as they were written in {clocks} clocks {error}"));
    Ok(())
}

/// Put in, identified, written, read, shut down; errors are told.
pub fn use_disk<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    stage.world.set_present(0, true);
    let mut driver = bind(stage, 0)?;
    let (config, blocks) = (disk(stage)?.config().clone(), disk(stage)?.blocks());
    let is = driver.identified.clone();
    let same = (is.model == config.model, is.serial == config.serial, is.block == config.block, is.blocks == blocks);
    stage.check(same == (true, true, true, true), format!("the disk is identified: {is:?}"));
    for (lba, count) in [(0, 1), (9, 8), (blocks - 40, 40), (1000, 260)] {
        exercise(stage, 0, &mut driver, lba, count)?;
    }
    let zeroed = driver.io(&mut stage.on(0)?.0, nvm_opcode::WRITE_ZEROES, [1010, 0, 9, 0, 0, 0]);
    let zero = medium(stage, 1010, 10)?.iter().all(|&byte| byte == 0);
    stage.check(zeroed == Ok(0) && zero, "Write Zeroes makes ten blocks zero");
    let flushed = driver.io(&mut stage.on(0)?.0, nvm_opcode::FLUSH, [0; 6]);
    stage.check(flushed == Ok(0), format!("Flush succeeds: {flushed:?}"));
    let beyond = driver.read(&mut stage.on(0)?.0, blocks - 1, 2);
    let refused = beyond == Err(NvmeError::Failed(Status::LBA_RANGE));
    stage.check(refused, "a read beyond the end is refused");
    exercise(stage, 0, &mut driver, 5, 3)?;
    let down = driver.shut_down(&mut stage.on(0)?.0);
    stage.check(down == Ok(()), format!("the controller shuts down: {down:?}"));
    Ok(())
}

/// The second host finds the data of the first, and nothing else of it.
pub fn hand_over<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    stage.boot(1)?;
    let slot = stage.found(0, 0)?;
    let mut driver = bind(stage, 0)?;
    exercise(stage, 0, &mut driver, 77, 100)?;
    let data = medium(stage, 77, 100)?;
    // Whatever the disk may still do, it must not do it to the next host.
    let abandoned = driver.start(&mut stage.on(0)?.0, 300, None, 64 << 10, 0);
    stage.world.set_vlan(Peb::Io(0), 20);
    stage.check(abandoned.is_ok(), "a read is under way");
    stage.gone(0, slot, stage.timing.leave)?;
    stage.found(1, 0)?;
    let clean = stage.world.hosts[1].root.memory.is_zero();
    stage.check(clean, "no DMA of the first host's landed at the second");
    let mut driver = bind(stage, 1)?;
    let read = driver.read(&mut stage.on(1)?.0, 77, 100);
    stage.check(read == Ok(data), "the second host reads what the first has written");
    exercise(stage, 1, &mut driver, 200, 20)
}

/// Pulled while commands are under way: each block is the old or the new one, and the disk works again.
pub fn remove_busy<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    const BLOCKS: usize = 64;
    stage.boot(0)?;
    let (slot, other) = (stage.found(0, 0)?, stage.found(0, 1)?);
    let neighbour = stage.bind(0, other, true)?;
    let mut driver = bind(stage, 0)?;
    exercise(stage, 0, &mut driver, 0, 4 * BLOCKS as u64)?;
    let block = driver.identified.block as usize;
    let old = medium(stage, 0, 4 * BLOCKS as u64)?;
    let new = pattern(old.len(), 0xee);
    let len = BLOCKS * block;
    for n in 0..4 {
        let lba = (n * BLOCKS) as u64;
        let data = &new[n * len..][..len];
        let (mut on, _) = stage.on(0)?;
        let write = driver.start(&mut on, lba, Some(data), len as u64, n);
        let read = driver.start(&mut on, 1000 + lba, None, len as u64, 4 + n);
        stage.check(write.is_ok() && read.is_ok(), format!("write and read {n} are under way"));
    }
    // Frames may be lost before the disk hears of them.
    stage.run_until(stage.timing.transfer, |stage| disk(stage).is_ok_and(|disk| disk.busy() > 0));
    stage.run(3000);
    let busy = disk(stage)?.busy();
    stage.check(busy > 0, format!("{busy} commands have no end"));
    stage.world.set_present(0, false);
    stage.gone(0, slot, stage.timing.remove)?;
    driver.patience = 5000;
    // The first commands may have ended before.
    let failed = (0..8).any(|_| driver.io(&mut stage.world.host(0), nvm_opcode::FLUSH, [0; 6]).is_err());
    stage.check(failed, "nothing ends any more");
    let is = medium(stage, 0, 4 * BLOCKS as u64)?;
    let whole = (0..4 * BLOCKS).all(|n| {
        let at = n * block..(n + 1) * block;
        is[at.clone()] == old[at.clone()] || is[at.clone()] == new[at]
    });
    stage.check(whole, "each block is the old or the new one");
    stage.exercise(0, 1, &neighbour)?;
    stage.world.set_present(0, true);
    let mut driver = bind(stage, 0)?;
    let read = driver.read(&mut stage.on(0)?.0, 0, 4 * BLOCKS as u64);
    stage.check(read == Ok(is), "the disk is there again, with the same data");
    exercise(stage, 0, &mut driver, 40, 50)?;
    stage.exercise(0, 1, &neighbour)
}
