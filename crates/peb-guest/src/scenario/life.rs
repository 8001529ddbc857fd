//! The scenarios.

use std::time::Duration;

use peb_sim::world::{Fabric, Peb};

use super::disk::{add, found, gone, latency, pull, read, write_and_read};
use super::serial;
use super::stage::{Stage, SOON};
use crate::lab::{LabError, TIMERS};

type Done = Result<(), LabError>;

/// Kilobytes of a transfer.
const KB: u64 = 256;
/// Where they are on the disk.
const AT: u64 = 1024;

/// Boot with empty slots, hot-add, write and read, surprise removal, re-add, orderly power-off and on, shutdown.
pub fn default<F: Fabric>(stage: &mut Stage<'_, F>) -> Done {
    stage.boot(0)?;
    add(stage, 0, 0)?;
    let sum = write_and_read(stage, 0, 0, AT, KB)?;
    latency(stage, 0, 0)?;
    pull(stage, 0, 0)?;
    add(stage, 0, 0)?;
    read(stage, 0, 0, AT, KB, &sum)?;
    let slot = stage.lab.run(0, &format!("slot {}", serial(0)), SOON)?;
    stage.step("orderly power-off through sysfs", |stage| {
        stage.lab.run(0, &format!("echo 0 >/sys/bus/pci/slots/{slot}/power"), SOON)?;
        gone(stage, 0, 0)
    })?;
    stage.step("power on again: nvme binds the disk", |stage| {
        stage.lab.run(0, &format!("echo 1 >/sys/bus/pci/slots/{slot}/power"), SOON)?;
        found(stage, 0, 0)
    })?;
    read(stage, 0, 0, AT, KB, &sum)?;
    stage.end()
}

/// Boot, hot-add, removal.
pub fn quick<F: Fabric>(stage: &mut Stage<'_, F>) -> Done {
    stage.boot(0)?;
    add(stage, 0, 0)?;
    pull(stage, 0, 0)?;
    stage.end()
}

/// The disk is there before the guest boots, is used, and goes.
pub fn present_at_boot<F: Fabric>(stage: &mut Stage<'_, F>) -> Done {
    stage.boot(0)?;
    stage.step("nvme has bound disk 0", |stage| found(stage, 0, 0))?;
    write_and_read(stage, 0, 0, AT, KB)?;
    pull(stage, 0, 0)?;
    stage.end()
}

/// The disk is pulled while it is written; the guest goes on, and uses it again afterwards.
pub fn remove_busy<F: Fabric>(stage: &mut Stage<'_, F>) -> Done {
    stage.boot(0)?;
    add(stage, 0, 0)?;
    let write = format!("dd if=/dev/zero of=$(disk {}) bs=16k count=512 oflag=direct 2>&1", serial(0));
    stage.step("disk 0 is pulled while it is written", |stage| {
        stage.lab.start(0, &write)?;
        let begin = stage.lab.guests[0].bridge.accesses.writes;
        stage.lab.wait_for("the disk is written", SOON, |lab| Ok(lab.guests[0].bridge.accesses.writes > begin + 20))?;
        stage.lab.world.set_present(0, false);
        let (status, output) = stage.lab.finish(0, &write, SOON)?;
        if status == "0" {
            return Err(LabError::Wrong(format!("the write ends well though the disk is gone: {output}")));
        }
        gone(stage, 0, 0)?;
        Ok("the write ends with an error")
    })?;
    add(stage, 0, 0)?;
    write_and_read(stage, 0, 0, AT, KB)?;
    stage.end()
}

/// The cable is cut for less than the silence limit, under writes, and for more.
pub fn outages<F: Fabric>(stage: &mut Stage<'_, F>) -> Done {
    stage.boot(0)?;
    add(stage, 0, 0)?;
    let sum = write_and_read(stage, 0, 0, AT, KB)?;
    let copy = format!("dd if=$(disk {}) of=/dev/null bs=16k count=32 iflag=direct 2>&1", serial(0));
    stage.step("the cable is cut for half the silence limit, under reads", |stage| {
        stage.lab.start(0, &copy)?;
        let begin = stage.lab.guests[0].bridge.accesses.writes;
        stage.lab.wait_for("the disk is read", SOON, |lab| Ok(lab.guests[0].bridge.accesses.writes > begin + 4))?;
        cut(stage, 0, u64::from(TIMERS.down / 2))?;
        match stage.lab.finish(0, &copy, SOON)? {
            (status, _) if status == "0" => Ok("the read ends well"),
            (status, output) => Err(LabError::Wrong(format!("the read ends with {status}: {output}"))),
        }
    })?;
    read(stage, 0, 0, AT, KB, &sum)?;
    stage.step("the cable is cut for longer: the guest lets the disk go", |stage| {
        stage.lab.world.connect(Peb::Io(0), false);
        gone(stage, 0, 0)
    })?;
    stage.step("the cable is mended: nvme binds the disk", |stage| {
        stage.lab.world.connect(Peb::Io(0), true);
        found(stage, 0, 0)
    })?;
    read(stage, 0, 0, AT, KB, &sum)?;
    stage.end()
}

fn cut<F: Fabric>(stage: &mut Stage<'_, F>, disk: usize, clocks: u64) -> Done {
    stage.lab.world.connect(Peb::Io(disk), false);
    let until = stage.lab.world.now() + clocks;
    stage.lab.wait_for("the outage ends", SOON, |lab| Ok(lab.world.now() >= until))?;
    stage.lab.world.connect(Peb::Io(disk), true);
    Ok(())
}

/// Two disks at once; one stays when the other goes.
pub fn two_slots<F: Fabric>(stage: &mut Stage<'_, F>) -> Done {
    stage.boot(0)?;
    stage.step("two disks are put in", |stage| {
        (0..2).for_each(|disk| stage.lab.world.set_present(disk, true));
        Ok(format!("{}, {}", found(stage, 0, 0)?, found(stage, 0, 1)?))
    })?;
    stage.step("one is copied to the other", |stage| {
        let fill = format!("dd if=/dev/urandom of=$(disk {}) bs=16k count=16 oflag=direct 2>&1", serial(0));
        stage.lab.run(0, &fill, SOON)?;
        let copy = format!(
            "dd if=$(disk {}) of=$(disk {}) bs=16k count=16 iflag=direct oflag=direct 2>&1",
            serial(0),
            serial(1)
        );
        stage.lab.run(0, &copy, SOON)?;
        let sum = |n| format!("dd if=$(disk {}) bs=16k count=16 iflag=direct 2>/dev/null | crc32", serial(n));
        let sums = (stage.lab.run(0, &sum(0), SOON)?, stage.lab.run(0, &sum(1), SOON)?);
        match sums.0 == sums.1 {
            true => Ok(format!("checksum {}", sums.0)),
            false => Err(LabError::Wrong(format!("the copy has checksum {}, the original {}", sums.1, sums.0))),
        }
    })?;
    pull(stage, 0, 0)?;
    write_and_read(stage, 0, 1, AT, KB)?;
    stage.end()
}

/// The disk moves to the other guest by VLAN; its data are there.
pub fn hand_over<F: Fabric>(stage: &mut Stage<'_, F>) -> Done {
    stage.boot(0)?;
    stage.boot(1)?;
    add(stage, 0, 0)?;
    let sum = write_and_read(stage, 0, 0, AT, KB)?;
    for (vid, from, to) in [(20, 0, 1), (10, 1, 0)] {
        stage.step(format!("disk 0 moves to guest {to}"), |stage| {
            stage.lab.world.set_vlan(Peb::Io(0), vid);
            gone(stage, from, 0)?;
            found(stage, to, 0)
        })?;
        read(stage, to, 0, AT, KB, &sum)?;
    }
    stage.lab.idle(Duration::from_millis(200))?;
    stage.end()
}
