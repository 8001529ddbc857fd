//! What goes wrong on the way to host memory, and hosts that send nonsense.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::device::nvme::nvm_opcode as nvm;

#[test]
fn reads_that_fail_end_the_command() {
    for silent in [false, true] {
        let mut rig = Rig::ready();
        let mut pair = rig.make_queues(1, ENTRIES);
        let (bad, list) = (0x4000_0000..0x4001_0000, 0x30_0000);
        if silent {
            rig.silent = bad.clone();
        } else {
            rig.absent = bad.clone();
        }
        for (n, page) in (0..8).map(|n| DATA + n * 0x1000).enumerate() {
            rig.memory.write(list + 8 * n as u64, &page.to_le_bytes());
        }
        rig.memory.write(list + 16, &(bad.start + 0x1000).to_le_bytes());
        rig.nvme().fill_medium(0, &[0x11; 0x8000]).unwrap();
        for prp in [(bad.start, 0), (DATA, bad.start), (DATA, list)] {
            let end = rig.run_in(&mut pair, transfer(nvm::WRITE, prp, 0, 64));
            assert_eq!(end, Err(Status::DATA_TRANSFER), "{prp:x?}");
        }
        // Nothing of a write that failed is on the medium.
        assert_eq!(rig.nvme().read_medium(0, 64).unwrap(), [0x11; 0x8000]);
        // A list for data to the host.
        assert_eq!(rig.run_in(&mut pair, transfer(nvm::READ, (DATA, bad.start), 0, 64)), Err(Status::DATA_TRANSFER));
        assert_eq!(rig.run_in(&mut pair, transfer(nvm::WRITE, (DATA, DATA + 0x1000), 0, 16)), Ok(0));
        assert_eq!(rig.read(offset::CSTS), READY);
        assert_eq!(rig.nvme().busy(), 0);
        rig.assert_clean();
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_fatal() {
    let mut rig = Rig::ready();
    let mut pair = rig.admin.clone();
    rig.absent = ASQ..ASQ + 0x1000;
    rig.submit(&mut pair, Command::new(admin::KEEP_ALIVE, 0, 0, (0, 0), [0; 6]));
    assert_eq!(rig.wait_status(FATAL), READY | FATAL);
    rig.absent = 0..0;
    let before = rig.sent.len();
    rig.submit(&mut pair, Command::new(admin::KEEP_ALIVE, 0, 0, (0, 0), [0; 6]));
    rig.run(2000);
    assert_eq!(rig.sent.len(), before);
    rig.write(offset::CC, 0);
    rig.run(10);
    rig.enable(0);
    assert_eq!(rig.admin(admin::KEEP_ALIVE, 0, [0; 6]), Ok(0));
}

#[test]
fn without_bus_master_enable_nothing_is_sent() {
    let mut rig = Rig::ready();
    let mut pair = rig.make_queues(1, ENTRIES);
    let id = rig.submit(&mut pair, transfer(nvm::READ, (DATA, DATA + 0x1000), 0, 16));
    rig.run(70);
    rig.config_write(0x04, 2, 0x3);
    rig.run(300);
    let before = rig.sent.len();
    rig.run(PATIENCE);
    assert_eq!(rig.sent.len(), before);
    rig.config_write(0x04, 6, 0x3);
    assert_eq!(rig.wait(&mut pair).id, id);
    rig.assert_clean();
}

/// Entries of any bytes: each gets a completion, and the controller goes on.
#[test]
fn any_command_gets_an_end() {
    for seed in 0..20 {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut rig = Rig::ready_with(NvmeConfig::default(), seed);
        let mut pair = rig.make_queues(1, ENTRIES);
        // No DMA into the queues: garbage addresses are far away or refused.
        rig.absent = 0x8000_0000..u64::MAX;
        for n in 0..60 {
            let mut command = Command(std::array::from_fn(|_| rng.gen()));
            let opcodes = [0, 1, 2, 4, 5, 6, 8, 9, 10, 0x18];
            command.0[0] = if rng.gen_bool(0.2) { rng.gen() } else { opcodes[rng.gen_range(0..opcodes.len())] };
            // Kept for ever.
            command.0[0] &= if command.0[0] == admin::ASYNC_EVENT { 0 } else { 0xff };
            if rng.gen_bool(0.8) {
                command.0[1] = 0;
                command.0[4..8].copy_from_slice(&rng.gen_range(0..3u32).to_le_bytes());
            }
            for at in [24, 32] {
                let address = (rng.gen_range(0x10..0x20u64) << 32) + rng.gen_range(0..1 << 16);
                let address = if rng.gen_bool(0.7) { address & !0xfff } else { address };
                command.0[at..at + 8].copy_from_slice(&address.to_le_bytes());
            }
            for at in (40..64).step_by(4) {
                let value = if rng.gen_bool(0.7) { rng.gen_range(0..20) } else { rng.gen::<u32>() };
                command.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            // The queue that is used stays.
            let deletes = command.0[0] == admin::DELETE_SQ || command.0[0] == admin::DELETE_CQ;
            let keep_alive = command.0[0] == admin::SET_FEATURES && command.0[40] == 0x0f;
            if (deletes && command.dw(10) as u16 == 1) || keep_alive {
                continue;
            }
            let mut of = if n % 2 == 0 { rig.admin.clone() } else { pair.clone() };
            let id = rig.submit(&mut of, command);
            let end = rig.wait(&mut of);
            assert_eq!((end.id, end.queue), (id, of.id), "{command:x?}");
            *(if n % 2 == 0 { &mut rig.admin } else { &mut pair }) = of;
        }
        assert_eq!(rig.read(offset::CSTS), READY);
        rig.absent = 0..0;
        assert_eq!(rig.run_in(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 1)), Ok(0));
        rig.assert_clean();
    }
}

#[test]
fn a_file_that_fails_is_told_to_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk");
    let mut rig = Rig::new(NvmeConfig::default(), Medium::file(&path, 1 << 20).unwrap(), 1);
    rig.enable(0);
    let mut pair = rig.make_queues(1, ENTRIES);
    rig.memory.write(DATA, &[0x42; 4096]);
    assert_eq!(rig.run_in(&mut pair, transfer(nvm::WRITE, (DATA, 0), 8, 8)), Ok(0));
    assert_eq!(std::fs::read(&path).unwrap()[4096..8192], [0x42; 4096]);
    // Somebody has cut it.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(4096).unwrap();
    assert_eq!(rig.run_in(&mut pair, transfer(nvm::READ, (DATA, 0), 8, 8)), Err(Status::READ_ERROR));
    assert_eq!(rig.run_in(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 8)), Ok(0));
    rig.assert_clean();
}
