//! Registers, enabling and resets.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::device::nvme::registers::{QUEUE_ENTRIES, SHUT_DOWN};
use crate::device::nvme::{nvm_opcode as nvm, BAR};

#[test]
fn configuration_space_is_that_of_a_controller() {
    let mut rig = Rig::new(NvmeConfig::default(), Medium::memory(1 << 20), 1);
    assert_eq!(rig.config_read(0x08), 0x0108_0201);
    rig.config_write(0x10, !0, 0xf);
    rig.config_write(0x14, !0, 0xf);
    assert_eq!((rig.config_read(0x10), rig.config_read(0x14)), (!(BAR as u32 - 1) | 4, !0));
    assert_eq!(rig.config_read(CAP_MSIX) >> 16 & 0x7ff, 15);
    assert_eq!((rig.config_read(CAP_MSIX + 4), rig.config_read(CAP_MSIX + 8)), (0x2000, 0x3000));
}

#[test]
fn registers_after_reset_are_those_of_the_specification() {
    let mut rig = Rig::new(NvmeConfig::default(), Medium::memory(1 << 20), 1);
    let cap = u64::from(rig.read(4)) << 32 | u64::from(rig.read(0));
    assert_eq!(cap & 0xffff, u64::from(QUEUE_ENTRIES) - 1);
    assert_eq!((cap >> 16 & 1, cap >> 32 & 0xf, cap >> 37 & 0xff, cap >> 48 & 0xf), (1, 0, 1, 0));
    assert_eq!(rig.read(offset::VS), 0x0001_0400);
    for at in (0x0c..0x2000).step_by(4) {
        assert_eq!(rig.read(at), 0, "{at:#x}");
    }
    // Read-only ones stay.
    for at in [offset::CAP, 4, offset::VS, offset::CSTS, 0x20, 0x38, 0x1000] {
        let before = rig.read(at);
        rig.write(at, !0);
        assert_eq!(rig.read(at), before, "{at:#x}");
    }
    rig.write(offset::ASQ, 0x1234_5fff);
    rig.write_bytes(offset::ASQ + 5, &[0xab]);
    rig.write(offset::AQA, !0);
    assert_eq!([offset::ASQ, offset::ASQ + 4, offset::AQA].map(|at| rig.read(at)), [0x1234_5000, 0xab00, 0x0fff_0fff]);
    rig.write_bytes(offset::INTMS + 1, &[0xf0]);
    rig.write(offset::INTMS, 3);
    rig.write_bytes(offset::INTMC, &[1]);
    assert_eq!((rig.read(offset::INTMS), rig.read(offset::INTMC)), (0xf002, 0xf002));
    rig.assert_clean();
}

#[test]
fn what_cannot_be_enabled_is_fatal_until_it_is_disabled() {
    let good = 0x0046_0001;
    let queues = [(offset::AQA, 0x000f_000f), (offset::ASQ, ASQ as u32)];
    for (cc, at, value) in [
        // MPS beyond 64 KiB, a command set and an arbitration that are not there.
        (good | 5 << 7, queues[0].0, queues[0].1),
        (good | 1 << 4, queues[0].0, queues[0].1),
        (good | 1 << 11, queues[0].0, queues[0].1),
        // Queues of one entry, and one that is not on a memory page of 8 KiB.
        (good, offset::AQA, 0x0000_000f),
        (good, offset::AQA, 0x000f_0000),
        (good | 1 << 7, offset::ASQ, 0x1_1000),
        (good | 1 << 7, offset::ACQ, 0x2_3000),
    ] {
        let mut rig = Rig::new(NvmeConfig::default(), Medium::memory(1 << 20), 1);
        rig.start(0);
        rig.write(at, value);
        rig.write(offset::CC, cc);
        assert_eq!(rig.wait_status(READY | FATAL), FATAL, "CC {cc:#x}");
        rig.write(offset::CC, 0);
        rig.run(10);
        assert_eq!(rig.read(offset::CSTS), 0);
        rig.enable(0);
        assert!(rig.admin(admin::GET_FEATURES, 0, [1, 0, 0, 0, 0, 0]).is_ok());
    }
}

#[test]
fn every_reset_clears_what_it_must_and_keeps_the_medium() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Reset {
        Controller,
        Function,
        Perst,
    }
    for (seed, reset) in (0..).zip([Reset::Controller, Reset::Function, Reset::Perst].into_iter().cycle()).take(15) {
        println!("seed {seed}, {reset:?}");
        let mut rig = Rig::ready_with(NvmeConfig::default(), seed);
        let mut pair = rig.make_queues(1, ENTRIES);
        rig.memory.write(DATA, &[0x5a; 0x2_0000]);
        assert_eq!(rig.run_in(&mut pair, transfer(nvm::WRITE, (DATA, DATA + 0x1000), 0, 16)), Ok(0));
        rig.write(offset::INTMS, 8);
        // In the middle of everything.
        for n in 0..8 {
            let opcode = if n % 2 == 0 { nvm::READ } else { nvm::WRITE };
            rig.submit(&mut pair, transfer(opcode, (DATA, DATA + 0x1000), 100, 16));
        }
        rig.run(40 * seed);
        match reset {
            Reset::Controller => rig.write(offset::CC, 0),
            Reset::Function => rig.config_write(CAP_PCIE + 8, 0xa810, 0x3),
            Reset::Perst => rig.reset(true),
        }
        if reset == Reset::Perst {
            rig.reset(false);
        }
        if reset != Reset::Controller {
            assert_eq!(rig.config_read(0x04) & 6, 0);
            rig.set_up();
            assert_eq!(rig.read(offset::AQA), 0);
        }
        for _ in 0..100 {
            rig.run(10);
            if rig.read(offset::CSTS) == 0 {
                break;
            }
        }
        assert_eq!((rig.read(offset::CSTS), rig.read(offset::INTMS), rig.nvme().busy()), (0, 0, 0));
        if reset == Reset::Controller {
            assert_eq!((rig.read(offset::ASQ), rig.read(offset::AQA)), (ASQ as u32, 0x000f_000f));
        }
        rig.run(PATIENCE / 10);
        let before = rig.sent.len();
        rig.run(1000);
        assert_eq!(rig.sent.len(), before, "it is quiet");
        rig.enable(0);
        let mut pair = rig.make_queues(1, ENTRIES);
        assert_eq!(rig.run_in(&mut pair, transfer(nvm::READ, (DATA, DATA + 0x1000), 0, 16)), Ok(0));
        assert_eq!(rig.memory.read(DATA, 8192), [0x5a; 8192]);
        rig.assert_clean();
    }
}

#[test]
fn shutdown_completes_and_ends_with_a_reset() {
    let mut rig = Rig::ready();
    rig.write(offset::CC, 0x0046_4001);
    rig.run(5);
    assert_eq!(rig.read(offset::CSTS), READY | 1 << 2);
    assert_eq!(rig.wait_status(SHUT_DOWN), READY | SHUT_DOWN);
    // Nothing is fetched any more.
    let before = rig.sent.len();
    let mut pair = rig.admin.clone();
    rig.submit(&mut pair, Command::new(admin::GET_FEATURES, 0, 0, (0, 0), [1, 0, 0, 0, 0, 0]));
    rig.run(1000);
    assert_eq!(rig.sent.len(), before);
    rig.write(offset::CC, 0);
    rig.run(10);
    assert_eq!(rig.read(offset::CSTS), 0);
    rig.enable(0);
    assert!(rig.admin(admin::GET_FEATURES, 0, [1, 0, 0, 0, 0, 0]).is_ok());
}

#[test]
fn any_writes_to_the_registers_leave_a_controller_that_can_be_reset() {
    for seed in 0..30 {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rig = Rig::ready_with(NvmeConfig::default(), seed);
        rig.make_queues(1, ENTRIES);
        // Whatever it reads is garbage, too.
        for page in 0..64 {
            let bytes: Vec<u8> = (0..4096).map(|_| rng.gen()).collect();
            rig.memory.write(page * 0x1000, &bytes);
        }
        for _ in 0..200 {
            let at = match rng.gen_range(0..4) {
                0 => rng.gen_range(0..0x40),
                1 => 0x1000 + rng.gen_range(0..0x20),
                2 => 0x1000 + rng.gen_range(0..0x1000),
                _ => rng.gen_range(0..BAR),
            };
            let len = rng.gen_range(1..=16).min(4096 - at % 4096) as usize;
            let small = rng.gen_bool(0.5);
            let data: Vec<u8> = (0..len).map(|n| if small && n > 0 { 0 } else { rng.gen() }).collect();
            // Garbage in the MSI-X table would send interrupts anywhere, as it may.
            if !(MSIX_TABLE..MSIX_PENDING).contains(&at) {
                rig.write_bytes(at, &data);
            }
            rig.run(rng.gen_range(0..60));
            rig.read(rng.gen_range(0..BAR / 4) * 4);
        }
        rig.write(offset::CC, 0);
        rig.run(PATIENCE);
        assert_eq!(rig.read(offset::CSTS) & (READY | FATAL), 0);
        rig.write(offset::ASQ + 4, 0);
        rig.write(offset::ACQ + 4, 0);
        rig.enable(0);
        assert!(rig.admin(admin::GET_FEATURES, 0, [1, 0, 0, 0, 0, 0]).is_ok());
        rig.assert_clean();
    }
}
