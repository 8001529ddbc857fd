//! Admin commands: what each gives, and how it refuses.

use super::*;
use crate::device::nvme::event::{log, EVENT_REQUESTS};
use crate::device::nvme::feature_id as feature;

fn identify(rig: &mut Rig, cns: u32, nsid: u32) -> Result<Vec<u8>, Status> {
    rig.memory.write(DATA, &[0xee; 4096]);
    rig.admin(admin::IDENTIFY, nsid, [cns, 0, 0, 0, 0, 0])?;
    Ok(rig.memory.read(DATA, 4096))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

#[test]
fn identify_tells_what_there_is() {
    let config = NvmeConfig { block: 4096, mdts: 3, serial: "S/N 1".into(), ..NvmeConfig::default() };
    let mut rig = Rig::ready_with(config, 1);
    let controller = identify(&mut rig, 1, 0).unwrap();
    assert_eq!(controller[..4], [0x34, 0x12, 0x34, 0x12]);
    assert_eq!(&controller[4..24], b"S/N1                ");
    assert_eq!(&controller[24..42], b"PEB simulated NVMe");
    assert_eq!((controller[77], number(&controller[80..84]), controller[111]), (3, 0x0001_0400, 1));
    assert_eq!((controller[512], controller[513], number(&controller[516..520])), (0x66, 0x44, 1));
    let namespace = identify(&mut rig, 0, 1).unwrap();
    assert_eq!([0, 8, 16].map(|at| number(&namespace[at..at + 8])), [1024; 3]);
    assert_eq!((namespace[25], namespace[26], number(&namespace[128..132])), (0, 0, 12 << 16));
    let descriptors = identify(&mut rig, 3, 1).unwrap();
    assert_eq!((&descriptors[..4], &descriptors[4..12]), (&[1, 8, 0, 0][..], &namespace[120..128]));
    assert!(descriptors[12..].iter().all(|&byte| byte == 0) && descriptors[4] & 3 == 2);
    for (after, first) in [(0, 1), (1, 0), (7, 0)] {
        assert_eq!(number(&identify(&mut rig, 2, after).unwrap()), first, "after {after}");
    }
    for (cns, nsid, status) in [
        (0, 0, Status::INVALID_NAMESPACE),
        (0, 2, Status::INVALID_NAMESPACE),
        (0, !0, Status::INVALID_NAMESPACE),
        (3, 2, Status::INVALID_NAMESPACE),
        (2, !0, Status::INVALID_NAMESPACE),
        (2, !0 - 1, Status::INVALID_NAMESPACE),
        (6, 0, Status::INVALID_FIELD),
        (0x10, 0, Status::INVALID_FIELD),
        (0xff, 1, Status::INVALID_FIELD),
    ] {
        assert_eq!(identify(&mut rig, cns, nsid), Err(status), "CNS {cns}, NSID {nsid}");
    }
    rig.assert_clean();
}

/// Opcode, dwords 10 and 11, base address, and how it ends.
type QueueCommand = (u8, u32, u32, u64, Result<u32, Status>);

fn queue_commands(rig: &mut Rig, cases: &[QueueCommand]) {
    for (n, &(opcode, dword10, dword11, base, expected)) in cases.iter().enumerate() {
        let end = rig.admin_at(opcode, 0, (base, 0), [dword10, dword11, 0, 0, 0, 0]);
        assert_eq!(end, expected, "case {n}");
    }
}

#[test]
fn queues_are_made_and_deleted_by_the_rules() {
    use admin::{CREATE_CQ, CREATE_SQ, DELETE_CQ, DELETE_SQ};
    let mut rig = Rig::ready_with(NvmeConfig { queues: 4, ..NvmeConfig::default() }, 1);
    let (at, size, vector) = (0x100_0000, 15 << 16, |n: u32| n << 16);
    queue_commands(
        &mut rig,
        &[
            (CREATE_CQ, size, 3, at, Err(Status::QUEUE_ID)),
            (CREATE_CQ, size | 5, 3, at, Err(Status::QUEUE_ID)),
            (CREATE_CQ, size | 0xffff, 3, at, Err(Status::QUEUE_ID)),
            (CREATE_CQ, 1, 3, at, Err(Status::QUEUE_SIZE)),
            (CREATE_CQ, QUEUE_ENTRIES << 16 | 1, 3, at, Err(Status::QUEUE_SIZE)),
            (CREATE_CQ, 0xffff << 16 | 1, 3, at, Err(Status::QUEUE_SIZE)),
            (CREATE_CQ, size | 1, 2, at, Err(Status::INVALID_FIELD)),
            (CREATE_CQ, size | 1, 3, at + 0x800, Err(Status::PRP_OFFSET)),
            (CREATE_CQ, size | 1, vector(16) | 3, at, Err(Status::VECTOR)),
            (CREATE_SQ, size | 1, vector(1) | 1, at, Err(Status::CQ_INVALID)),
            (CREATE_CQ, (QUEUE_ENTRIES - 1) << 16 | 1, vector(15) | 3, at, Ok(0)),
            (CREATE_CQ, size | 1, 3, at, Err(Status::QUEUE_ID)),
            (CREATE_SQ, size, vector(1) | 1, at, Err(Status::QUEUE_ID)),
            (CREATE_SQ, size | 5, vector(1) | 1, at, Err(Status::QUEUE_ID)),
            (CREATE_SQ, size | 2, 1, at, Err(Status::QUEUE_ID)),
            (CREATE_SQ, size | 2, vector(5) | 1, at, Err(Status::QUEUE_ID)),
            (CREATE_SQ, size | 2, vector(2) | 1, at, Err(Status::CQ_INVALID)),
            (CREATE_SQ, 2, vector(1) | 1, at, Err(Status::QUEUE_SIZE)),
            (CREATE_SQ, size | 2, vector(1), at, Err(Status::INVALID_FIELD)),
            (CREATE_SQ, size | 2, vector(1) | 1, at + 4, Err(Status::PRP_OFFSET)),
            (CREATE_SQ, size | 2, vector(1) | 1, at, Ok(0)),
            (CREATE_SQ, size | 2, vector(1) | 1, at, Err(Status::QUEUE_ID)),
            (DELETE_CQ, 0, 0, 0, Err(Status::QUEUE_ID)),
            (DELETE_CQ, 2, 0, 0, Err(Status::QUEUE_ID)),
            (DELETE_CQ, 1, 0, 0, Err(Status::QUEUE_DELETION)),
            (DELETE_SQ, 0, 0, 0, Err(Status::QUEUE_ID)),
            (DELETE_SQ, 1, 0, 0, Err(Status::QUEUE_ID)),
            (DELETE_SQ, 2, 0, 0, Ok(0)),
            (DELETE_SQ, 2, 0, 0, Err(Status::QUEUE_ID)),
            (DELETE_CQ, 1, 0, 0, Ok(0)),
            (DELETE_CQ, 1, 0, 0, Err(Status::QUEUE_ID)),
        ],
    );
    // Entry sizes must be set first.
    rig.write(offset::CC, 0);
    rig.run(10);
    rig.start(1);
    rig.wait_status(READY);
    queue_commands(&mut rig, &[(CREATE_CQ, size | 1, 3, at, Err(Status::INVALID_FIELD))]);
    rig.assert_clean();
}

#[test]
fn a_deleted_submission_queue_ends_its_commands() {
    for seed in 0..10 {
        println!("seed {seed}");
        let mut rig = Rig::ready_with(NvmeConfig::default(), seed);
        let mut pair = rig.make_queues(1, ENTRIES);
        let write = transfer(nvm_opcode::WRITE, (DATA, DATA + 0x1000), 0, 16);
        let ids: Vec<u16> = (0..4).map(|_| rig.submit(&mut pair, write)).collect();
        rig.run(300 + 80 * seed);
        assert_eq!(rig.admin(admin::DELETE_SQ, 0, [1, 0, 0, 0, 0, 0]), Ok(0));
        rig.run(PATIENCE / 4);
        let ends: Vec<Completed> = std::iter::from_fn(|| rig.completed(&mut pair)).collect();
        let good =
            |end: &Completed| ids.contains(&end.id) && matches!(end.status, Status::SUCCESS | Status::SQ_DELETED);
        assert!(ends.len() <= 4 && ends.iter().all(good), "{ends:?}");
        // The doorbell is that of no queue now.
        rig.write(offset::DOORBELLS + 8, 1);
        assert_eq!(rig.nvme().busy(), 0);
        assert_eq!(rig.admin(admin::DELETE_CQ, 0, [1, 0, 0, 0, 0, 0]), Ok(0));
        let mut pair = rig.make_queues(1, ENTRIES);
        assert_eq!(rig.run_in(&mut pair, write), Ok(0));
        rig.assert_clean();
    }
}

#[test]
fn features_are_set_and_got() {
    let mut rig = Rig::ready();
    let set = |rig: &mut Rig, id: u8, value: u32, nsid: u32| {
        rig.admin(admin::SET_FEATURES, nsid, [id.into(), value, 0, 0, 0, 0])
    };
    let get = |rig: &mut Rig, id: u8, select: u32, value: u32| {
        rig.admin(admin::GET_FEATURES, 0, [u32::from(id) | select << 8, value, 0, 0, 0, 0])
    };
    for (id, value, default) in [
        (feature::ARBITRATION, 0x0102_0305, 3),
        (feature::TEMPERATURE, 0x0001_0140, 343),
        (feature::WRITE_CACHE, 0, 1),
        (feature::COALESCING, 0x0203, 0),
        (feature::ATOMICITY, 1, 0),
        (feature::EVENTS, 0x100, 0),
        (feature::KEEP_ALIVE, 100, 0),
    ] {
        assert_eq!(get(&mut rig, id, 0, 0), Ok(default), "feature {id:#x}");
        assert_eq!(set(&mut rig, id, value, 0), Ok(0));
        assert_eq!(
            [0, 1, 2, 3].map(|select| get(&mut rig, id, select, 0)),
            [Ok(value), Ok(default), Ok(default), Ok(4)]
        );
        assert_eq!(get(&mut rig, id, 4, 0), Err(Status::INVALID_FIELD));
        let saved = rig.admin(admin::SET_FEATURES, 0, [1 << 31 | u32::from(id), value, 0, 0, 0, 0]);
        assert_eq!(saved, Err(Status::NOT_SAVEABLE));
        assert_eq!(set(&mut rig, id, value, 1), Err(Status::NOT_OF_NAMESPACE));
        assert_eq!(set(&mut rig, id, value, 2), Err(Status::INVALID_NAMESPACE));
    }
    assert_eq!(get(&mut rig, feature::VECTOR, 0, 3), Ok(3));
    assert_eq!(set(&mut rig, feature::VECTOR, 0x1_0003, 0), Ok(0));
    assert_eq!(get(&mut rig, feature::VECTOR, 0, 3), Ok(0x1_0003));
    for id in [0x00, 0x03, 0x0c, 0x0d, 0x7f, 0xc0] {
        assert_eq!(get(&mut rig, id, 0, 0), Err(Status::INVALID_FIELD), "feature {id:#x}");
        assert_eq!(set(&mut rig, id, 0, 0), Err(Status::INVALID_FIELD));
    }
    for (id, value) in
        [(feature::POWER, 1), (feature::VECTOR, 16), (feature::QUEUES, 0xffff), (feature::QUEUES, 0xffff_0000)]
    {
        assert_eq!(set(&mut rig, id, value, 0), Err(Status::INVALID_FIELD), "feature {id:#x}");
    }
    // As many queues as there are, whatever is asked for; not with queues.
    assert_eq!(set(&mut rig, feature::QUEUES, 0, 0), Ok(14 << 16 | 14));
    assert_eq!(get(&mut rig, feature::QUEUES, 0, 0), Ok(14 << 16 | 14));
    rig.make_queues(1, ENTRIES);
    assert_eq!(set(&mut rig, feature::QUEUES, 0, 0), Err(Status(0x400c)));
    rig.write(offset::CC, 0);
    rig.run(10);
    rig.enable(0);
    assert_eq!(get(&mut rig, feature::ARBITRATION, 0, 0), Ok(3), "a reset brings defaults");
    rig.assert_clean();
}

fn get_log(rig: &mut Rig, id: u8, dwords: u32, offset: u64) -> Result<Vec<u8>, Status> {
    rig.memory.write(DATA, &[0xee; 0x2000]);
    let fields = [u32::from(id) | (dwords - 1) << 16, (dwords - 1) >> 16, offset as u32, (offset >> 32) as u32, 0, 0];
    rig.admin(admin::GET_LOG, !0, fields)?;
    Ok(rig.memory.read(DATA, 4 * dwords as usize))
}

#[test]
fn logs_tell_what_happened() {
    let mut rig = Rig::ready();
    let mut pair = rig.make_queues(1, ENTRIES);
    rig.run_in(&mut pair, transfer(nvm_opcode::READ, (DATA, 0), 0, 8)).unwrap();
    assert_eq!(rig.run_in(&mut pair, transfer(nvm_opcode::READ, (DATA, 0), 8190, 8)), Err(Status::LBA_RANGE));
    let smart = get_log(&mut rig, log::SMART, 128, 0).unwrap();
    assert_eq!([32, 48, 64, 80, 176].map(|at| smart[at]), [1, 0, 1, 0, 1]);
    let errors = get_log(&mut rig, log::ERROR, 64, 0).unwrap();
    assert_eq!((errors[0], errors[8], number(&errors[12..14]), number(&errors[16..24])), (1, 1, 0x8100, 8190));
    assert_eq!(&get_log(&mut rig, log::FIRMWARE, 128, 8).unwrap()[..4], b"1.0 ");
    assert_eq!(get_log(&mut rig, log::CHANGED, 1024, 0).unwrap(), [0; 4096]);
    let effects = get_log(&mut rig, log::EFFECTS, 1024, 0).unwrap();
    assert_eq!((effects[4 * 6], effects[1024 + 4], effects[1024 + 8], effects[4 * 0x7f]), (1, 3, 1, 0));
    // Beyond the end there is nothing, but a page may be shorter than what is asked for.
    assert_eq!(get_log(&mut rig, log::SMART, 4, 512), Err(Status::INVALID_FIELD));
    assert_eq!(get_log(&mut rig, log::SMART, 4, 2), Err(Status::INVALID_FIELD));
    assert_eq!(get_log(&mut rig, log::SMART, 4, 1 << 40), Err(Status::INVALID_FIELD));
    assert_eq!(get_log(&mut rig, log::SMART, 4, 508).unwrap()[4..], [0; 12]);
    assert_eq!(get_log(&mut rig, log::SMART, 1 << 20, 0), Err(Status::INVALID_FIELD));
    for id in [0, 6, 0x80, 0xff] {
        assert_eq!(get_log(&mut rig, id, 4, 0), Err(Status::LOG_PAGE));
    }
    rig.assert_clean();
}

#[test]
fn events_end_the_requests_that_wait_for_them() {
    let mut rig = Rig::ready();
    let mut pair = rig.admin.clone();
    let request = Command::new(admin::ASYNC_EVENT, 0, 0, (0, 0), [0; 6]);
    let ids: Vec<u16> = (0..EVENT_REQUESTS).map(|_| rig.submit(&mut pair, request)).collect();
    rig.run(2000);
    assert_eq!(rig.completed(&mut pair), None, "they are kept");
    assert_eq!(rig.run_in(&mut pair, request), Err(Status::EVENT_LIMIT));
    rig.write(offset::DOORBELLS + 8 * 9, 0);
    let end = rig.wait(&mut pair);
    assert_eq!((end.id, end.result, end.status), (ids[0], 0x0001_0000, Status::SUCCESS));
    // Of the same kind only when the log has been read.
    rig.write(offset::DOORBELLS, 1000);
    rig.run(2000);
    assert_eq!(rig.completed(&mut pair), None);
    rig.admin = pair;
    get_log(&mut rig, log::ERROR, 16, 0).unwrap();
    let mut pair = rig.admin.clone();
    rig.write(offset::DOORBELLS, 1000);
    let end = rig.wait(&mut pair);
    assert_eq!((end.id, end.result), (ids[1], 0x0001_0100));
    // Abort: those that wait, and nothing else.
    let abort =
        |id: u16, queue: u32| Command::new(admin::ABORT, 0, 0, (0, 0), [u32::from(id) << 16 | queue, 0, 0, 0, 0, 0]);
    assert_eq!(rig.run_in(&mut pair, abort(ids[1], 0)), Ok(1));
    assert_eq!(rig.run_in(&mut pair, abort(ids[2], 1)), Ok(1));
    let abort_id = rig.submit(&mut pair, abort(ids[2], 0));
    let (aborted, end) = (rig.wait(&mut pair), rig.wait(&mut pair));
    assert_eq!((aborted.id, aborted.status), (ids[2], Status::ABORTED));
    assert_eq!((end.id, end.result), (abort_id, 0));
    rig.assert_clean();
}

#[test]
fn commands_that_cannot_be_are_refused() {
    let mut rig = Rig::ready();
    for opcode in [0x03, 0x07, 0x0b, 0x0d, 0x10, 0x11, 0x14, 0x15, 0x19, 0x1a, 0x7c, 0x80, 0x81, 0x84, 0xc0, 0xff] {
        assert_eq!(rig.admin(opcode, 0, [0; 6]), Err(Status::INVALID_OPCODE), "opcode {opcode:#x}");
    }
    assert_eq!(rig.admin(admin::KEEP_ALIVE, 0, [0; 6]), Ok(0));
    // Fused, with an SGL, and an identifier in use.
    let mut pair = rig.admin.clone();
    for flags in [1, 2, 0x40, 0x80] {
        let mut command = Command::new(admin::GET_FEATURES, 0, 0, (0, 0), [1, 0, 0, 0, 0, 0]);
        command.0[1] = flags;
        assert_eq!(rig.run_in(&mut pair, command), Err(Status::INVALID_FIELD));
    }
    let id = rig.submit(&mut pair, Command::new(admin::ASYNC_EVENT, 0, 0, (0, 0), [0; 6]));
    rig.next = id;
    rig.submit(&mut pair, Command::new(admin::GET_FEATURES, 0, 0, (0, 0), [1, 0, 0, 0, 0, 0]));
    assert_eq!(rig.wait(&mut pair).status, Status::ID_CONFLICT);
    rig.assert_clean();
}

#[test]
fn a_host_that_is_silent_for_too_long_is_given_up() {
    let mut rig = Rig::ready();
    rig.admin(admin::SET_FEATURES, 0, [feature::KEEP_ALIVE.into(), 1, 0, 0, 0, 0]).unwrap();
    for _ in 0..3 {
        rig.run(100_000);
        rig.admin(admin::KEEP_ALIVE, 0, [0; 6]).unwrap();
    }
    assert_eq!(rig.read(offset::CSTS), READY);
    rig.run(126_000);
    assert_eq!(rig.read(offset::CSTS), READY | FATAL);
}
