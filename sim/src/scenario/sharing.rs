//! More hosts or more devices than fit.

use peb_regs::addr;

use super::stage::{Stage, Stop};
use crate::host::SlotState;
use crate::world::{Fabric, Peb};

/// Two hosts in a VLAN: one has the device; when that one is lost, the other.
pub fn two_hosts<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    stage.boot(1)?;
    let any = |stage: &Stage<F>| (0..2).any(|host| stage.slot_of(host, 0).is_some());
    let found = stage.run_until(stage.timing.add, any);
    stage.need(found, "one of the hosts configures the device")?;
    stage.run(30_000);
    let owners: Vec<usize> = (0..2).filter(|&host| stage.slot_of(host, 0).is_some()).collect();
    stage.need(owners.len() == 1, format!("exactly one host has it: {owners:?}"))?;
    let (owner, other) = (owners[0], 1 - owners[0]);
    let slot = stage.found(owner, 0)?;
    let driver = stage.bind(owner, slot, true)?;
    stage.exercise(owner, 0, &driver)?;
    let events = stage.os(other)?.slots.iter().fold(0, |sum, slot| sum | slot.events);
    stage.check(events == 0, "the other host had no event");
    stage.world.connect(Peb::Host(owner), false);
    stage.gone(owner, slot, u64::from(stage.timing.down) + stage.timing.remove)?;
    let slot = stage.found(other, 0)?;
    let driver = stage.bind(other, slot, true)?;
    stage.world.connect(Peb::Host(owner), true);
    stage.run(50_000);
    let stays = stage.slot_of(other, 0).is_some() && stage.slot_of(owner, 0).is_none();
    stage.check(stays, "the device stays where it is when the first host is back");
    stage.exercise(other, 0, &driver)
}

/// Five devices, four slots: the fifth waits until there is room.
pub fn more_devices<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let full = |stage: &Stage<F>| stage.os(0).is_ok_and(|os| os.slots.iter().all(|slot| slot.state == SlotState::On));
    let filled = stage.run_until(stage.timing.add, full);
    stage.need(filled, "four devices are configured")?;
    stage.run(20_000);
    let waiting: Vec<usize> = (0..5).filter(|&n| stage.slot_of(0, n).is_none()).collect();
    stage.need(waiting.len() == 1, format!("one device waits: {waiting:?}"))?;
    let late = waiting[0];
    stage.check(!stage.world.pins(Peb::Io(late)).peer_up, "its PEB is not attached");
    stage.check(stage.world.pins(Peb::Io(late)).reset, "it is in reset");
    if let Some(refused) = stage.counter(Peb::Host(0), addr::JOINS_REFUSED) {
        stage.check(refused > 0, format!("{refused} joins were refused"));
    }
    let leaves = (0..5).find(|&n| n != late).unwrap_or(0);
    let slot = stage.found(0, leaves)?;
    stage.world.set_vlan(Peb::Io(leaves), 20);
    let gone = stage.run_until(stage.timing.leave, |stage| stage.slot_of(0, leaves).is_none());
    stage.need(gone, format!("device {leaves} leaves slot {}", slot + 1))?;
    let got = stage.found(0, late)?;
    stage.check(got == slot, format!("it gets slot {}", slot + 1));
    let driver = stage.bind(0, got, true)?;
    stage.exercise(0, late, &driver)
}
