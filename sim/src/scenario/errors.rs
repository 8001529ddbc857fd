//! What the ports find wrong, the host is told.

use peb_regs::addr;
use peb_tlp::FunctionId;

use super::stage::{Stage, Stop};
use crate::host::{cap, Access, Platform, Transfer, ROOT_PORT};
use crate::world::{Fabric, Peb};

/// ERR_NONFATAL.
const NONFATAL: u8 = 0x31;
/// An address that nobody claims.
const NOBODYS: u64 = 0xdead_0000;
/// SERR# Enable of Command.
const SERR: u32 = 1 << 8;
/// Reporting Enables of Device Control: correctable, non-fatal, fatal, unsupported request.
const REPORT: u32 = 0xf;

/// Posted writes that go nowhere are told of as the registers say: to nobody, and by the port that refuses them.
pub fn told<F: Fabric>(stage: &mut Stage<F>) -> Result<(), Stop> {
    stage.boot(0)?;
    let (slot, other) = (stage.found(0, 0)?, stage.found(0, 1)?);
    let (driver, neighbour) = (stage.bind(0, slot, true)?, stage.bind(0, other, true)?);
    if stage.counter(Peb::Host(0), addr::UNSUPPORTED).is_none() {
        // These PEBs count nothing and log nothing.
        return stage.exercise(0, 0, &driver);
    }
    let (mut on, os) = stage.on(0)?;
    let (upstream, port) = (os.upstream, os.slots[slot].port);
    let pcie = os.capabilities.find(cap::PCIE).unwrap_or(0x60);
    let aer = 0x100;
    for id in [upstream, port] {
        let command = on.config_read(id, 0x04, 2);
        on.config_write(id, 0x04, 2, command & !SERR);
    }
    let messages = on.root().messages.len();
    on.write32(NOBODYS, 1);
    on.wait(2000);
    let quiet = on.root().messages.len() == messages;
    let (status, uncorrectable) = (on.config_read(upstream, pcie + 0x0a, 2), on.config_read(upstream, aer + 4, 4));
    stage.check(quiet, "nothing is told before it is enabled");
    let logged = (status & 0b1010, uncorrectable) == (0b1010, 1 << 20);
    stage.check(logged, format!("it is logged: Device Status {status:#x}, Uncorrectable {uncorrectable:#x}"));
    let (mut on, _) = stage.on(0)?;
    on.config_write(upstream, pcie + 0x0a, 2, 0b1111);
    on.config_write(upstream, aer + 4, 4, u32::MAX);
    let (status, uncorrectable) = (on.config_read(upstream, pcie + 0x0a, 2), on.config_read(upstream, aer + 4, 4));
    stage.check((status & 0b1111, uncorrectable) == (0, 0), "software clears it");

    for id in [upstream, port] {
        let (mut on, _) = stage.on(0)?;
        let control = on.config_read(id, pcie + 8, 2);
        on.config_write(id, pcie + 8, 2, control | REPORT);
    }
    let once = told_by(stage, upstream, |stage| {
        stage.on(0)?.0.write32(NOBODYS, 2);
        Ok(())
    })?;
    stage.check(once == 1, "once");
    stage.world.devices[0].misbehaviour.forged_requester = Some(ROOT_PORT);
    told_by(stage, port, |stage| {
        let transfer = Transfer { to_host: true, host: 0x10_0000, local: 0, length: 64 };
        driver.start(&mut stage.on(0)?.0, transfer, false);
        Ok(())
    })?;
    stage.world.devices[0].misbehaviour.forged_requester = None;
    let (mut on, _) = stage.on(0)?;
    let (violation, secondary) = (on.config_read(port, aer + 4, 4), on.config_read(upstream, 0x1e, 2));
    stage.check(violation == 1 << 21, format!("an access control violation: {violation:#x}"));
    stage.check(secondary & 1 << 14 != 0, "the upstream port has received it");
    stage.exercise(0, 1, &neighbour)
}

/// Something happens, and messages of one port come: how many.
fn told_by<F: Fabric>(
    stage: &mut Stage<F>,
    by: FunctionId,
    what: impl FnOnce(&mut Stage<F>) -> Result<(), Stop>,
) -> Result<usize, Stop> {
    let before = stage.world.hosts[0].root.messages.len();
    what(stage)?;
    let in_time = stage.run_until(stage.timing.arrive, |stage| stage.world.hosts[0].root.messages.len() > before);
    stage.run(3000);
    let came: Vec<_> = stage.world.hosts[0].root.messages[before..].iter().map(|m| (m.1, m.2)).collect();
    let right = in_time && came.iter().all(|told| *told == (by, NONFATAL));
    stage.check(right, format!("{by} tells the host: {came:x?}"));
    Ok(came.len())
}
