//! I/O commands: data, layouts, order, interrupts.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::device::nvme::nvm_opcode as nvm;
use crate::device::{CAP_MSI, CAP_MSIX};

/// Puts PRP entries for `len` bytes into host memory: pages anywhere from `from` on; gives the entries and the pieces.
fn lay_out(rig: &mut Rig, rng: &mut ChaCha8Rng, from: u64, len: u64, page: u64) -> ((u64, u64), Vec<(u64, u64)>) {
    let offset = 4 * rng.gen_range(0..page / 4);
    let count = (offset + len).div_ceil(page);
    let mut pages: Vec<u64> = (0..count).map(|n| from + n * page).collect();
    pages.shuffle(rng);
    let mut pieces = vec![(pages[0] + offset, len.min(page - offset))];
    let mut left = len - pieces[0].1;
    for &at in &pages[1..] {
        pieces.push((at, left.min(page)));
        left -= left.min(page);
    }
    let second = match pages[1..] {
        [] => rng.gen(),
        [second] => second,
        _ => {
            // Near the end of a page, so that there is a second list.
            let (first_list, next) = (from + count * page, from + (count + 1) * page);
            let room = rng.gen_range(1..=(page / 8).min(40));
            let mut at = first_list + page - 8 * room;
            let list = at;
            for (n, entry) in pages[1..].iter().enumerate() {
                if (at + 8) % page == 0 && n + 2 < pages.len() {
                    rig.memory.write(at, &next.to_le_bytes());
                    at = next;
                }
                rig.memory.write(at, &entry.to_le_bytes());
                at += 8;
            }
            list
        }
    };
    ((pieces[0].0, second), pieces)
}

/// Reads and writes of any size and layout, many at once, in several queues.
#[test]
fn the_medium_holds_what_was_written() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let block = [512, 4096][seed as usize % 2];
        let mps = [0, 0, 1, 4][seed as usize % 4];
        let (page, blocks) = (4096 << mps, 1000);
        let config = NvmeConfig { block, commands: rng.gen_range(1..20), ..NvmeConfig::default() };
        let mut rig = Rig::new(config, Medium::memory(blocks * block), seed);
        rig.enable(mps);
        // Max_Payload_Size 128 or 256, Max_Read_Request_Size 128 to 4096.
        let control = 0x2810 & !0x7000 | rng.gen_range(0..2) << 5 | rng.gen_range(0..6) << 12;
        rig.config_write(CAP_PCIE + 8, control, 0x3);
        let mut model: Vec<u8> = (0..blocks * block).map(|_| rng.gen()).collect();
        rig.nvme().fill_medium(0, &model).unwrap();
        let mut pairs: Vec<Pair> = (1..=3).map(|id| rig.make_queues(id, rng.gen_range(2..ENTRIES))).collect();
        for round in 0..6 {
            // Ranges of a round are apart: the order of commands is not told.
            let share = blocks / 8;
            let mut under_way = Vec::new();
            for n in 0..8 {
                let largest = (128 << 10) / block;
                let count = rng.gen_range(1..=share.min(largest));
                let lba = n * share + rng.gen_range(0..=share - count);
                let len = count * block;
                let (prp, pieces) = lay_out(&mut rig, &mut rng, 0x1000_0000 * (n + 1), len, page);
                let place = (lba * block) as usize..((lba + count) * block) as usize;
                let read = rng.gen_bool(0.5);
                if !read {
                    let data: Vec<u8> = (0..len).map(|_| rng.gen()).collect();
                    model[place.clone()].copy_from_slice(&data);
                    let mut rest = &data[..];
                    for &(at, len) in &pieces {
                        rig.memory.write(at, &rest[..len as usize]);
                        rest = &rest[len as usize..];
                    }
                }
                let pair = rng.gen_range(0..pairs.len());
                let opcode = if read { nvm::READ } else { nvm::WRITE };
                let free = |pair: &Pair, under_way: &[(usize, _, _, _)]| {
                    (under_way.iter().filter(|&&(of, ..)| pairs[of].id == pair.id).count() as u32) < pair.size - 1
                };
                if !free(&pairs[pair], &under_way) {
                    // Undo: the queue is full.
                    if !read {
                        let old = rig.nvme().read_medium(lba, count).unwrap();
                        model[place].copy_from_slice(&old);
                    }
                    continue;
                }
                let id = rig.submit(&mut pairs[pair], transfer(opcode, prp, lba, count as u32));
                under_way.push((pair, id, place, if read { pieces } else { Vec::new() }));
                rig.run(rng.gen_range(0..300));
            }
            while !under_way.is_empty() {
                let of = under_way[0].0;
                let end = rig.wait(&mut pairs[of]);
                assert_eq!(end.status, Status::SUCCESS, "round {round}");
                let at = under_way.iter().position(|&(pair, id, ..)| (pair, id) == (of, end.id)).expect("under way");
                let (_, _, place, pieces) = under_way.swap_remove(at);
                let got: Vec<u8> = pieces.iter().flat_map(|&(at, len)| rig.memory.read(at, len as usize)).collect();
                // All data are there when the completion is.
                assert!(pieces.is_empty() || got == model[place], "round {round}");
            }
        }
        assert!(rig.nvme().read_medium(0, blocks).unwrap() == model);
        rig.assert_clean();
    }
}

#[test]
fn commands_are_checked() {
    let mut rig = Rig::ready();
    let mut pair = rig.make_queues(1, ENTRIES);
    let (page, next) = ((DATA, DATA + 0x1000), DATA + 0x2000);
    let with_nsid = |opcode, nsid| Command::new(opcode, 0, nsid, page, [0; 6]);
    let bad_list = 0x30_0000;
    rig.memory.write(bad_list, &(DATA + 0x1004).to_le_bytes());
    for (n, (command, expected)) in [
        (transfer(nvm::READ, page, 8191, 1), Ok(0)),
        (transfer(nvm::READ, page, 8191, 2), Err(Status::LBA_RANGE)),
        (transfer(nvm::WRITE, page, 8192, 1), Err(Status::LBA_RANGE)),
        (transfer(nvm::READ, page, u64::MAX, 1), Err(Status::LBA_RANGE)),
        (transfer(nvm::WRITE_ZEROES, page, 8000, 193), Err(Status::LBA_RANGE)),
        // More than 128 KiB; Write Zeroes may.
        (transfer(nvm::READ, page, 0, 257), Err(Status::INVALID_FIELD)),
        (transfer(nvm::WRITE, page, 0, 0x1_0000), Err(Status::INVALID_FIELD)),
        (transfer(nvm::WRITE_ZEROES, page, 0, 8192), Ok(0)),
        (transfer(nvm::READ, (DATA + 2, 0), 0, 1), Err(Status::PRP_OFFSET)),
        (transfer(nvm::READ, (DATA, next + 4), 0, 16), Err(Status::PRP_OFFSET)),
        (transfer(nvm::READ, (DATA, bad_list + 4), 0, 24), Err(Status::PRP_OFFSET)),
        (transfer(nvm::WRITE, (DATA, bad_list), 0, 24), Err(Status::PRP_OFFSET)),
        (with_nsid(nvm::READ, 0), Err(Status::INVALID_NAMESPACE)),
        (with_nsid(nvm::WRITE, 2), Err(Status::INVALID_NAMESPACE)),
        (with_nsid(nvm::READ, !0), Err(Status::INVALID_NAMESPACE)),
        (with_nsid(nvm::FLUSH, 1), Ok(0)),
        (with_nsid(nvm::FLUSH, !0), Ok(0)),
        (with_nsid(nvm::FLUSH, 0), Err(Status::INVALID_NAMESPACE)),
        (with_nsid(0x04, 1), Err(Status::INVALID_OPCODE)),
        (with_nsid(0x05, 1), Err(Status::INVALID_OPCODE)),
        (with_nsid(0x0c, 1), Err(Status::INVALID_OPCODE)),
        (with_nsid(0xff, 1), Err(Status::INVALID_OPCODE)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(rig.run_in(&mut pair, command), expected, "case {n}");
    }
    rig.assert_clean();
}

#[test]
fn blocks_are_deallocated_all_or_none() {
    let mut rig = Rig::ready();
    let mut pair = rig.make_queues(1, ENTRIES);
    rig.nvme().fill_medium(0, &vec![7; 4 << 20]).unwrap();
    let mut dataset = |rig: &mut Rig, ranges: &[(u32, u64)], flags: u32| {
        let range = |&(count, lba): &(u32, u64)| [&[0; 4][..], &count.to_le_bytes(), &lba.to_le_bytes()].concat();
        let bytes: Vec<u8> = ranges.iter().flat_map(range).collect();
        rig.memory.write(DATA, &bytes);
        let command = Command::new(nvm::DATASET, 0, NSID, (DATA, 0), [ranges.len() as u32 - 1, flags, 0, 0, 0, 0]);
        rig.run_in(&mut pair, command)
    };
    assert_eq!(dataset(&mut rig, &[(10, 0), (8192, 1)], 4), Err(Status::LBA_RANGE));
    assert_eq!(dataset(&mut rig, &[(10, 0)], 0), Ok(0));
    assert_eq!(rig.nvme().read_medium(0, 8192).unwrap(), vec![7; 4 << 20]);
    assert_eq!(dataset(&mut rig, &[(3, 1), (0, 0), (100, 5000)], 4), Ok(0));
    let zero = |at: u64| (1..4).contains(&at) || (5000..5100).contains(&at);
    for at in [0, 1, 3, 4, 4999, 5000, 5099, 5100] {
        let expected = if zero(at) { 0 } else { 7 };
        assert_eq!(rig.nvme().read_medium(at, 1).unwrap(), [expected; 512], "block {at}");
    }
}

/// Data, completion, interrupt: each is there when the next comes.
#[test]
fn an_interrupt_comes_after_its_completion() {
    for seed in 0..10 {
        println!("seed {seed}");
        let mut rig = Rig::ready_with(NvmeConfig::default(), seed);
        let mut pair = rig.make_queues(2, ENTRIES);
        rig.nvme().fill_medium(0, &[0xa5; 4096]).unwrap();
        rig.run(100);
        rig.interrupts.clear();
        for _ in 0..40 {
            rig.memory.write(DATA, &[0; 4096]);
            rig.submit(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 8));
            while rig.interrupts.is_empty() {
                rig.run(1);
            }
            assert_eq!(rig.memory.read(DATA, 4096), [0xa5; 4096]);
            assert_eq!(rig.completed(&mut pair).map(|end| end.status), Some(Status::SUCCESS));
            assert_eq!(std::mem::take(&mut rig.interrupts), [0x102]);
        }
    }
}

#[test]
fn masked_vectors_stay_pending() {
    let mut rig = Rig::ready();
    let mut pair = rig.make_queues(5, ENTRIES);
    rig.run(100);
    rig.interrupts.clear();
    let entry = MSIX_TABLE + 16 * 5;
    rig.write(entry + 12, 1);
    rig.run_in(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 1)).unwrap();
    rig.run(100);
    assert_eq!((rig.interrupts.len(), rig.read(MSIX_PENDING)), (0, 1 << 5));
    rig.write(entry + 8, 0x777);
    rig.write(entry + 12, 0);
    rig.run(100);
    assert_eq!((rig.interrupts.clone(), rig.read(MSIX_PENDING)), (vec![0x777], 0));
    // A queue without interrupts has none.
    rig.interrupts.clear();
    let base = 0x200_0000;
    let size = 15 << 16 | 6;
    assert_eq!(rig.admin_at(admin::CREATE_CQ, 0, (base, 0), [size, 5 << 16 | 1, 0, 0, 0, 0]), Ok(0));
    assert_eq!(rig.admin_at(admin::CREATE_SQ, 0, (base + 0x1000, 0), [size, 6 << 16 | 1, 0, 0, 0, 0]), Ok(0));
    rig.run(100);
    rig.interrupts.clear();
    let mut pair = Pair::new(6, base + 0x1000, base, ENTRIES);
    rig.run_in(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 1)).unwrap();
    rig.run(100);
    assert!(rig.interrupts.is_empty());
}

#[test]
fn msi_and_intx_obey_the_mask_registers() {
    let mut rig = Rig::ready();
    let mut pair = rig.make_queues(1, ENTRIES);
    rig.config_write(CAP_MSIX, 0, 0xc);
    rig.config_write(CAP_MSI + 4, 0xfee0_0000, 0xf);
    rig.config_write(CAP_MSI + 12, 0x40, 0x3);
    // Two vectors granted.
    rig.config_write(CAP_MSI, 0x0011_0000, 0xc);
    rig.interrupts.clear();
    rig.run_in(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 1)).unwrap();
    rig.run(100);
    assert_eq!(std::mem::take(&mut rig.interrupts), [0x41]);
    rig.write(offset::INTMS, 2);
    let id = rig.submit(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 1));
    rig.run(2000);
    assert!(rig.interrupts.is_empty());
    rig.write(offset::INTMC, 2);
    rig.run(100);
    assert_eq!(std::mem::take(&mut rig.interrupts), [0x41]);
    assert_eq!(rig.wait(&mut pair).id, id);
    // The pin.
    rig.config_write(CAP_MSI, 0, 0xc);
    rig.submit(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 1));
    rig.run(2000);
    assert!(rig.intx);
    rig.write(offset::INTMS, 2);
    rig.run(100);
    assert!(!rig.intx);
    rig.write(offset::INTMC, 2);
    rig.run(100);
    assert!(rig.intx);
    rig.wait(&mut pair);
    rig.run(100);
    assert!(!rig.intx);
}

#[test]
fn a_full_completion_queue_holds_what_follows() {
    let mut rig = Rig::ready();
    let mut pair = rig.make_queues(1, ENTRIES);
    let base = 0x200_0000;
    // Three entries, so two fit.
    assert_eq!(rig.admin_at(admin::CREATE_CQ, 0, (base, 0), [2 << 16 | 2, 3, 0, 0, 0, 0]), Ok(0));
    let sq = [15 << 16 | 2, 2 << 16 | 1, 0, 0, 0, 0];
    assert_eq!(rig.admin_at(admin::CREATE_SQ, 0, (base + 0x1000, 0), sq), Ok(0));
    let mut small = Pair { size: ENTRIES, ..Pair::new(2, base + 0x1000, base, 3) };
    for _ in 0..7 {
        rig.submit(&mut small, transfer(nvm::READ, (DATA, 0), 0, 1));
    }
    small.size = 3;
    rig.run(5000);
    assert_eq!(rig.memory.read(base + 32, 16), [0; 16]);
    // Another queue goes on.
    assert_eq!(rig.run_in(&mut pair, transfer(nvm::READ, (DATA, 0), 0, 1)), Ok(0));
    let ids: Vec<u16> = (0..7).map(|_| rig.wait(&mut small).id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    rig.assert_clean();
}
