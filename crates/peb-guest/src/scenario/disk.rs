//! A disk as a guest uses it, and as it is.

use std::time::Duration;

use peb_sim::device::nvme::Nvme;
use peb_sim::net::CLOCK_NS;
use peb_sim::world::{Fabric, World};

use super::serial;
use super::stage::{Stage, SOON};
use crate::lab::LabError;
use crate::qemu::SPARE_MEMORY;

/// Kilobytes written and read in one go.
const CHUNK: u64 = 64;
/// Time a guest may take for some hundred kilobytes.
const TRANSFER: Duration = Duration::from_secs(120);
/// Reads of 4 KiB whose latency is measured.
const READS: u64 = 32;
/// Bytes of a header and of the payload of most memory writes to the host: 3 dwords, as its memory is below 4 GiB, and 128.
const WRITES: (usize, usize) = (12, 128);

/// Puts a disk in; the guest's nvme driver binds it. Gives the slot.
pub fn add<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<String, LabError> {
    stage.step(format!("disk {disk} is put in: nvme binds it"), |stage| {
        stage.lab.world.set_present(disk, true);
        found(stage, guest, disk)
    })
}

/// Waits for a disk that has come; gives device and slot.
pub fn found<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<String, LabError> {
    found_within(stage, guest, disk, SOON)
}

/// As [`found`], for a disk that comes when it likes.
pub fn found_within<F: Fabric>(
    stage: &mut Stage<'_, F>,
    guest: usize,
    disk: usize,
    limit: Duration,
) -> Result<String, LabError> {
    let serial = serial(disk);
    let what = format!("disk {disk} is bound");
    let device = stage.lab.until(guest, &what, &format!("disk {serial}"), limit)?;
    let slot = stage.lab.run(guest, &format!("slot {serial}"), SOON)?;
    Ok(format!("{device} in slot {slot}"))
}

/// Waits until a guest has let a disk go.
pub fn gone<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<&'static str, LabError> {
    gone_within(stage, guest, disk, SOON)
}

/// As [`gone`], for a disk that goes when it likes.
pub fn gone_within<F: Fabric>(
    stage: &mut Stage<'_, F>,
    guest: usize,
    disk: usize,
    limit: Duration,
) -> Result<&'static str, LabError> {
    let what = format!("disk {disk} is let go");
    stage.lab.until(guest, &what, &format!("! controller {}", serial(disk)), limit)?;
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
    let sum = write(stage, guest, disk, offset_kb, kb)?;
    let medium = medium(&stage.lab.world, disk, offset_kb, kb)?;
    if sum != medium {
        return Err(LabError::Wrong(format!("disk {disk}: checksum {sum} was written, {medium} is on the medium")));
    }
    read(stage, guest, disk, offset_kb, kb, &sum)?;
    dma(stage, guest, disk)?;
    Ok(sum)
}

/// The DMA engine beside a disk, which the kernel has no driver for, moves bytes as the guest's shell tells it to.
pub fn dma<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<(), LabError> {
    stage.step(format!("the DMA engine beside disk {disk} moves bytes both ways"), |stage| {
        if stage.lab.run(guest, "[ -c /dev/mem ]", SOON).is_err() {
            return Ok("not tried: this kernel has no /dev/mem".to_string());
        }
        let first = stage.lab.run(guest, &format!("dma {} {SPARE_MEMORY:#x}", serial(disk)), SOON)?;
        Ok(format!("64 bytes from {first} on"))
    })?;
    Ok(())
}

/// Random bytes are written from an offset on; gives their checksum.
pub fn write<F: Fabric>(
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
    stage.lab.run(guest, "crc32 </tmp/data", SOON)
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

/// Single reads of 4 KiB, each from its doorbell to its interrupt.
pub fn latency<F: Fabric>(stage: &mut Stage<'_, F>, guest: usize, disk: usize) -> Result<(), LabError> {
    stage.step(format!("{READS} reads of 4 KiB, one after the other"), |stage| {
        stage.lab.latencies = Some(Vec::new());
        let read = format!("dd if=$(disk {}) of=/dev/null bs=4k count={READS} iflag=direct 2>&1", serial(disk));
        stage.lab.run(guest, &read, TRANSFER)?;
        let mut clocks = stage.lab.latencies.take().unwrap_or_default();
        clocks.sort_unstable();
        let (Some(least), Some(most)) = (clocks.first(), clocks.last()) else {
            return Err(LabError::Wrong("no doorbell and no interrupt were seen".into()));
        };
        let us = |clocks: u64| (clocks * CLOCK_NS) as f64 * 1e-3;
        let median = us(clocks[clocks.len() / 2]);
        let wire = 4096.0 / limit() * 1e-3;
        Ok(format!(
            "latency {median:.1} us simulated ({:.1} to {:.1}); 4 KiB take {:.1} us on the Ethernet",
            us(*least),
            us(*most),
            wire
        ))
    })?;
    Ok(())
}

/// What the Ethernet can carry of what a disk writes to the host, in bytes a nanosecond.
fn limit() -> f64 {
    peb_wire::limit_fraction(WRITES.0, WRITES.1) / CLOCK_NS as f64
}

/// Kilobytes in so many clocks, in simulated time, beside the limit.
fn rate(kb: u64, clocks: u64) -> String {
    let is = (kb * 1024) as f64 * 1000.0 / (clocks.max(1) * CLOCK_NS) as f64;
    format!("{is:.1} MB/s simulated, of {:.1} on the Ethernet", limit() * 1000.0)
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
