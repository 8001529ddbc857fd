//! The models of hosts and devices against each other, with the stand-in for PEBs between them.

use super::stand_in::StandIn;
use super::*;
use crate::device::{regs, DeviceConfig};
use crate::host::{Access, Driver, DriverError, Os, OsConfig, RootConfig, SlotState, Transfer};
use crate::port::PortStalls;
use crate::requester::End;
use peb_tlp::CompletionStatus;

const UR: End = End::Completed(CompletionStatus::UnsupportedRequest);

fn world(hosts: &[u16], ios: &[u16], stalls: PortStalls, seed: u64) -> World<StandIn> {
    let root = |n| {
        let name = format!("host {n}");
        RootComplex::new(RootConfig { name, stalls, seed: seed + n as u64, ..RootConfig::default() })
    };
    let device = |n| {
        let name = format!("device {n}");
        Device::new(DeviceConfig { name, stalls, seed: seed + 100 + n as u64, ..DeviceConfig::default() })
    };
    let roots = (0..hosts.len()).map(root).collect();
    World::new(StandIn::new(hosts, ios), roots, (0..ios.len()).map(device).collect())
}

fn boot(world: &mut World<StandIn>, host: usize) -> Os {
    Os::boot(&mut world.host(host), OsConfig::default()).unwrap()
}

fn assert_clean(world: &World<StandIn>) {
    let complaints: Vec<_> = world.hosts.iter().flat_map(|host| &host.root.complaints).collect();
    let devices: Vec<_> = world.devices.iter().flat_map(|device| &device.complaints).collect();
    assert!(
        world.faults.is_empty() && complaints.is_empty() && devices.is_empty(),
        "{}{:?} {complaints:?} {devices:?}",
        world.timeline,
        world.faults
    );
}

/// Bytes that differ from place to place.
fn pattern(len: usize, salt: u8) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(7).wrapping_add((n >> 8) as u8) ^ salt).collect()
}

#[test]
fn a_device_is_found_and_used_with_every_kind_of_interrupt() {
    for seed in 0..10 {
        println!("seed {seed}");
        let stalls = if seed % 2 == 0 { PortStalls::NONE } else { PortStalls::random() };
        let mut world = world(&[1], &[1], stalls, seed);
        let mut os = boot(&mut world, 0);
        assert_eq!(os.slots.len(), 4);
        assert_eq!(os.slots.iter().map(|slot| slot.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(os.wait_for_device(&mut world.host(0), 0, 100_000), "{}", world.timeline);
        assert_clean(&world);
        let function = os.slots[0].functions[0].clone();
        assert_eq!((function.vendor, function.device, function.bars.len()), (0x1234, 0x5678, 2));
        assert_eq!(function.bars.iter().map(|bar| bar.size).collect::<Vec<_>>(), [4096, 64 << 10]);
        for msix in [false, true] {
            let driver = Driver::bind(&mut world.host(0), &os, 0, msix).unwrap();
            let data = pattern(3000, seed as u8);
            driver.write(&mut world.host(0), 5, &data).unwrap();
            assert_eq!(driver.read(&mut world.host(0), 5, 3000).unwrap(), data);
            let out = Transfer { to_host: true, host: 0x1_0000_0ffe, local: 5, length: 3000 };
            driver.transfer(&mut world.host(0), out).unwrap();
            assert_eq!(world.hosts[0].root.memory.read(0x1_0000_0ffe, 3000), data);
            let back = Transfer { to_host: false, host: 0x1_0000_0ffd, local: 0x8001, length: 3001 };
            driver.transfer(&mut world.host(0), back).unwrap();
            assert_eq!(world.devices[0].memory().read(0x8002, 3000), data);
        }
        assert!(world.order.compared > 100);
        assert_clean(&world);
    }
}

#[test]
fn intx_is_asserted_and_withdrawn() {
    let mut world = world(&[1], &[1], PortStalls::NONE, 1);
    let mut os = boot(&mut world, 0);
    assert!(os.wait_for_device(&mut world.host(0), 0, 100_000));
    let mut on = world.host(0);
    let driver = Driver::bind(&mut on, &os, 0, false).unwrap();
    let function = &os.slots[0].functions[0];
    let msi = function.capabilities.find(crate::host::cap::MSI).unwrap();
    on.config_write(function.id, msi + 2, 2, 0);
    on.config_write(function.id, 0x04, 2, 0x0006);
    driver.start(&mut on, Transfer { to_host: true, host: 0x1000, local: 0, length: 64 }, false);
    assert!(on.wait_until(10_000, |on| on.root().intx[0]));
    on.write32(driver.registers + regs::STATUS, regs::DONE);
    assert!(on.wait_until(10_000, |on| !on.root().intx[0]));
    assert_clean(&world);
}

#[test]
fn a_pulled_device_is_gone_and_another_one_works() {
    let mut world = world(&[1], &[1], PortStalls::NONE, 3);
    let mut os = boot(&mut world, 0);
    assert!(os.wait_for_device(&mut world.host(0), 0, 100_000));
    let driver = Driver::bind(&mut world.host(0), &os, 0, true).unwrap();
    world.devices[0].misbehaviour.silent = true;
    let tag = world.host(0).start(|id| peb_tlp::Tlp::memory_read(id, driver.memory, 64)).unwrap();
    world.run(1000);
    world.set_present(0, false);
    let outcome = world.host(0).finish(tag);
    assert_eq!((outcome.end, outcome.data.len()), (UR, 0));
    assert!(os.wait_for_removal(&mut world.host(0), 0, 10_000), "{}", world.timeline);
    assert_eq!(driver.read(&mut world.host(0), 0, 4), Err(DriverError::Read(UR)));
    assert_eq!(os.slot_condition(&mut world.host(0), 0), (false, false));
    world.devices[0].misbehaviour.silent = false;
    world.set_present(0, true);
    assert!(os.wait_for_device(&mut world.host(0), 0, 100_000), "{}", world.timeline);
    let driver = Driver::bind(&mut world.host(0), &os, 0, true).unwrap();
    driver.transfer(&mut world.host(0), Transfer { to_host: true, host: 0x1000, local: 0, length: 64 }).unwrap();
    assert_clean(&world);
}

#[test]
fn a_moved_device_is_reset_between_two_hosts() {
    let mut world = world(&[1, 2], &[1], PortStalls::NONE, 4);
    let (mut first, mut second) = (boot(&mut world, 0), boot(&mut world, 1));
    assert!(first.wait_for_device(&mut world.host(0), 0, 100_000));
    let driver = Driver::bind(&mut world.host(0), &first, 0, true).unwrap();
    driver.write(&mut world.host(0), 0, &pattern(4096, 1)).unwrap();
    driver.read(&mut world.host(0), 0, 4).unwrap();
    assert!(!world.devices[0].memory().is_zero());
    world.set_vlan(Peb::Io(0), 2);
    assert!(first.wait_for_removal(&mut world.host(0), 0, 100_000));
    assert!(second.wait_for_device(&mut world.host(1), 0, 100_000), "{}", world.timeline);
    let driver = Driver::bind(&mut world.host(1), &second, 0, true).unwrap();
    assert_eq!(driver.read(&mut world.host(1), 0, 4096).unwrap(), [0; 4096]);
    assert_eq!(first.slots[0].state, SlotState::Off);
    assert_clean(&world);
}

#[test]
fn misbehaviour_is_seen() {
    let mut world = world(&[1], &[1], PortStalls::NONE, 5);
    let mut os = boot(&mut world, 0);
    assert!(os.wait_for_device(&mut world.host(0), 0, 100_000));
    let driver = Driver::bind(&mut world.host(0), &os, 0, true).unwrap();
    let transfer = Transfer { to_host: false, host: 0x1000, local: 0, length: 64 };
    world.devices[0].misbehaviour.forged_requester = Some(FunctionId::new(7, 0, 0));
    driver.start(&mut world.host(0), transfer, false);
    world.run(5000);
    assert!(!world.hosts[0].root.requesters.contains(&FunctionId::new(7, 0, 0)));
    assert_eq!(world.devices[0].outstanding().1, 0, "the refusal ends the forged read");
    world.devices[0].misbehaviour.forged_requester = None;
    world.devices[0].misbehaviour.silent = true;
    let read = world.host(0).memory_read(driver.memory, 4).unwrap();
    assert_eq!(read.end, End::TimedOut);
}

#[test]
fn atomics_work_both_ways() {
    let mut world = world(&[1], &[1], PortStalls::NONE, 6);
    let mut os = boot(&mut world, 0);
    assert!(os.wait_for_device(&mut world.host(0), 0, 100_000));
    let driver = Driver::bind(&mut world.host(0), &os, 0, true).unwrap();
    driver.write(&mut world.host(0), 0, &[5, 0, 0, 0]).unwrap();
    let add = |id| peb_tlp::Tlp::atomic(id, driver.memory, peb_tlp::AtomicOp::FetchAdd(&[3, 0, 0, 0]));
    let outcome = world.host(0).request(add).unwrap();
    assert_eq!((outcome.is_success(), outcome.data), (true, vec![5, 0, 0, 0]));
    assert_eq!(driver.read(&mut world.host(0), 0, 4).unwrap(), [8, 0, 0, 0]);
    assert_clean(&world);
}

#[test]
fn a_write_that_is_passed_by_a_later_one_is_seen() {
    let mut order = Order::new(&[Peb::Host(0), Peb::Io(0)]);
    let id = peb_tlp::RequestId { requester: FunctionId::new(3, 0, 0), tag: peb_tlp::Tag(0) };
    let write = |n: u8| peb_tlp::Tlp::memory_write(id, 0x1000, &[n; 4]).unwrap().into_bytes();
    order.sent(Peb::Io(0), &write(1));
    order.sent(Peb::Io(0), &write(2));
    let sender = |_| Some(Peb::Io(0));
    assert_eq!(order.delivered(Peb::Host(0), &write(2), sender), None);
    assert!(order.delivered(Peb::Host(0), &write(1), sender).unwrap().contains("passed"));
    assert!(order.delivered(Peb::Host(0), &write(3), sender).unwrap().contains("never sent"));
}
