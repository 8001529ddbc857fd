//! With somebody else about: disks that other processes have at the other end of a real network, or a user at the shell.

use std::time::Duration;

use peb_sim::world::Fabric;

use super::disk::{dma, found_within, gone_within, read, write};
use super::stage::Stage;
use crate::initramfs::INTERACTIVE;
use crate::lab::LabError;

/// Kilobytes of a transfer.
const KB: u64 = 64;
/// Where they are on the disk.
const AT: u64 = 1024;
/// Time within which somebody moves the disk.
const PATIENCE: Duration = Duration::from_secs(600);

/// A disk comes, is used, goes, and comes back with what was written.
pub fn remote<F: Fabric>(stage: &mut Stage<'_, F>) -> Result<(), LabError> {
    stage.boot(0)?;
    stage.step("waits for disk 0: nvme binds it", |stage| found_within(stage, 0, 0, PATIENCE))?;
    let sum = write(stage, 0, 0, AT, KB)?;
    read(stage, 0, 0, AT, KB, &sum)?;
    dma(stage, 0, 0)?;
    stage.step("waits until disk 0 is gone", |stage| gone_within(stage, 0, 0, PATIENCE))?;
    stage.step("waits until it is back: nvme binds it", |stage| found_within(stage, 0, 0, PATIENCE))?;
    read(stage, 0, 0, AT, KB, &sum)?;
    stage.end()
}

/// Every guest boots and gives its shell to the user, until the last of them is left.
pub fn play<F: Fabric>(stage: &mut Stage<'_, F>) -> Result<(), LabError> {
    let guests = 0..stage.lab.guests.len();
    for guest in guests.clone() {
        stage.boot(guest)?;
    }
    stage.step("the shell is the user's", |stage| {
        for guest in guests {
            stage.lab.start(guest, INTERACTIVE)?;
        }
        stage.lab.interact().map(|()| "")
    })?;
    stage.end()
}
