//! A disk as a guest uses it, and as it is.

use std::time::Duration;

use peb_sim::device::nvme::Nvme;
use peb_sim::world::{Fabric, World};

use super::serial;
use super::stage::{Stage, SOON};
use crate::lab::LabError;

/// Kilobytes written and read in one go.
const CHUNK: u64 = 64;
/// Time a guest may take for some hundred kilobytes.
const TRANSFER: Duration = Duration::from_secs(120);
/// Nanoseconds of a clock.
const CLOCK_NS: u64 = 8;

/// Puts a disk in; the guest's nvme driver binds it. Gives the slot.
pub fn add<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<String, LabError> {
    stage.step(format!("disk {disk} is put in: nvme binds it"), |stage| {
        stage.lab.world.set_present(disk, true);
        found(stage, guest, disk)
    })
}

/// Waits for a disk that has come; gives device and slot.
pub fn found<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<String, LabError> {
    let serial = serial(disk);
    let what = format!("disk {disk} is bound");
    let device = stage.lab.until(guest, &what, &format!("disk {serial}"), SOON)?;
    let slot = stage.lab.run(guest, &format!("slot {serial}"), SOON)?;
    Ok(format!("{device} in slot {slot}"))
}

/// Waits until a guest has let a disk go.
pub fn gone<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<&'static str, LabError> {
    let what = format!("disk {disk} is let go");
    stage.lab.until(guest, &what, &format!("! controller {}", serial(disk)), SOON)?;
    Ok("")
}

/// Pulls a disk; the guest's driver lets it go.
pub fn pull<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<(), LabError> {
    stage.step(format!("disk {disk} is pulled"), |stage| {
        stage.lab.world.set_present(disk, false);
        gone(stage, guest, disk)
    })?;
    Ok(())
}

/// Random bytes are written from an offset on; they are on the medium, and read as they were written.
pub fn write_and_read<F: Fabric>(
    stage: &mut Stage<'_, F>,
    guest: usize,
    disk: usize,
    offset_kb: u64,
    kb: u64,
) -> Result<String, LabError> {
    let serial = serial(disk);
    stage.step(format!("{kb} KiB are written to disk {disk}"), |stage| {
        let (count, at) = (kb / CHUNK, offset_kb / CHUNK);
        let make = format!("dd if=/dev/urandom of=/tmp/data bs={CHUNK}k count={count} 2>/dev/null");
        stage.lab.run(guest, &make, SOON)?;
        let clocks = stage.lab.world.now();
        let write = format!("dd if=/tmp/data of=$(disk {serial}) bs={CHUNK}k seek={at} oflag=direct 2>&1");
        stage.lab.run(guest, &write, TRANSFER)?;
        Ok(rate(kb, stage.lab.world.now() - clocks))
    })?;
    let sum = stage.lab.run(guest, "crc32 </tmp/data", SOON)?;
    let medium = medium(&stage.lab.world, disk, offset_kb, kb)?;
    if sum != medium {
        return Err(LabError::Wrong(format!("disk {disk}: checksum {sum} was written, {medium} is on the medium")));
    }
    read(stage, guest, disk, offset_kb, kb, &sum)?;
    Ok(sum)
}

/// Bytes are read past the guest's cache; their checksum must be this.
pub fn read<F: Fabric>(
    stage: &mut Stage<'_, F>,
    guest: usize,
    disk: usize,
    offset_kb: u64,
    kb: u64,
    sum: &str,
) -> Result<(), LabError> {
    stage.step(format!("{kb} KiB are read back from disk {disk}"), |stage| {
        let (count, at) = (kb / CHUNK, offset_kb / CHUNK);
        let clocks = stage.lab.world.now();
        let read = format!(
            "dd if=$(disk {}) of=/tmp/back bs={CHUNK}k skip={at} count={count} iflag=direct 2>&1",
            serial(disk)
        );
        stage.lab.run(guest, &read, TRANSFER)?;
        let clocks = stage.lab.world.now() - clocks;
        let is = stage.lab.run(guest, "crc32 </tmp/back", SOON)?;
        if is != sum {
            return Err(LabError::Wrong(format!("disk {disk}: checksum {sum} was written, {is} is read")));
        }
        Ok(format!("checksum {sum}, {}", rate(kb, clocks)))
    })?;
    Ok(())
}

/// Kilobytes in so many clocks, in simulated time.
fn rate(kb: u64, clocks: u64) -> String {
    format!("{:.1} MB/s simulated", (kb * 1024) as f64 * 1000.0 / (clocks.max(1) * CLOCK_NS) as f64)
}

/// Checksum of what is on the medium.
fn medium<F: Fabric>(world: &World<F>, disk: usize, offset_kb: u64, kb: u64) -> Result<String, LabError> {
    let nvme =
        world.devices[disk].function::<Nvme>().ok_or_else(|| LabError::Wrong(format!("device {disk} is no disk")))?;
    let block = nvme.config().block;
    let data = nvme.read_medium(offset_kb * 1024 / block, kb * 1024 / block);
    let data = data.map_err(|error| LabError::Wrong(format!("medium of disk {disk}: {error}")))?;
    Ok(format!("{:08x}", crc32fast::hash(&data)))
}
