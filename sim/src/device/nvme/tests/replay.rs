//! The host's side of a recorded meeting of a stock kernel with another controller (`docs/trace-formats.md`).

use std::collections::BTreeMap;

use super::*;
use crate::trace::{Direction, Record, Trace, NVME_HOTPLUG};

/// Bytes at an address in host memory.
type Bytes = (u64, Vec<u8>);

/// What the host asks of the function until all commands it has rung for are done.
#[derive(Default)]
struct Batch<'a> {
    requests: Vec<TlpView<'a>>,
    /// What the recorded controller found in host memory.
    found: Vec<Bytes>,
    /// What it wrote there.
    written: Vec<Bytes>,
}

impl Batch<'_> {
    fn commands(&self) -> impl Iterator<Item = Command> + '_ {
        self.found.iter().filter_map(|(_, data)| data.as_slice().try_into().ok()).map(Command)
    }
}

/// Tail doorbell of a queue, if the request is one.
fn tail(request: &TlpView<'_>) -> Option<(u64, u32)> {
    let write = request.ty() == TlpType::MemWrite;
    let at =
        request.address().checked_sub(BAR0 + offset::DOORBELLS).filter(|&at| write && at < 0x1000 && at % 8 == 0)?;
    Some((at / 8, u32::from_le_bytes(*request.payload().first_chunk()?)))
}

fn batches(records: &[Record]) -> Vec<Batch<'_>> {
    let mut batches = vec![Batch::default()];
    let mut reads: BTreeMap<u16, (u64, Vec<u8>, u64)> = BTreeMap::new();
    let mut tails = BTreeMap::new();
    let mut open = 0;
    for record in records {
        let tlp = TlpView::parse(&record.tlp).expect("well formed");
        let down = record.direction == Direction::Down;
        let config = tlp.ty().is_config() && tlp.destination() == ID;
        let memory = tlp.ty().is_memory() && down && (BAR0..BAR0 + BAR).contains(&tlp.address());
        if down && (config || memory) {
            if open == 0 {
                batches.push(Batch::default());
            }
            if let Some((queue, value)) = tail(&tlp) {
                // No queue of the trace wraps; after a reset it begins at 0.
                let before = tails.insert(queue, value).filter(|&before| before < value).unwrap_or(0);
                open += value - before;
            }
            batches.last_mut().expect("one").requests.push(tlp);
            continue;
        }
        let batch = batches.last_mut().expect("one");
        match tlp.ty() {
            TlpType::MemRead if tlp.requester() == ID => {
                reads.insert(tlp.tag().0, (tlp.address(), Vec::new(), 4 * u64::from(tlp.length_dw())));
            }
            TlpType::Completion if down && tlp.requester() == ID => {
                let (address, data, len) = reads.get_mut(&tlp.tag().0).expect("asked for");
                data.extend_from_slice(tlp.payload());
                if data.len() as u64 == *len {
                    batch.found.push((*address, data.clone()));
                }
            }
            TlpType::MemWrite if tlp.requester() == ID => {
                batch.written.push((tlp.address(), tlp.payload().to_vec()));
                open -= u32::from(tlp.payload().len() == CQE);
            }
            _ => {}
        }
    }
    batches
}

/// The kernel's requests, each command it sends, and all data of its reads and writes.
#[test]
fn a_stock_kernel_finds_what_it_expects() {
    let trace = Trace::parse("trace", NVME_HOTPLUG).expect("a trace");
    // As many queues and vectors as the recorded one.
    let config = NvmeConfig { queues: 1, vectors: 4, ..NvmeConfig::default() };
    let mut rig = Rig::new(config, Medium::memory(8 << 20), 1);
    rig.reset(true);
    rig.reset(false);
    let mut seen: BTreeMap<(bool, u8), usize> = BTreeMap::new();
    let mut bytes = 0;
    for batch in batches(&trace.records) {
        // Pulled and put in again: the kernel sizes BAR 0 once for each.
        if batch
            .requests
            .iter()
            .any(|tlp| tlp.ty() == TlpType::CfgWrite1 && tlp.register() == 0x10 && tlp.payload() == [0xff; 4])
        {
            rig.reset(true);
            rig.reset(false);
        }
        batch.found.iter().for_each(|(at, data)| rig.memory.write(*at, data));
        for request in &batch.requests {
            replay(&mut rig, request);
            rig.run(300);
        }
        let io = batch.requests.iter().filter_map(tail).any(|(queue, _)| queue > 0);
        rig.run(if batch.found.is_empty() { 0 } else { 100_000 });
        batch.commands().for_each(|command| *seen.entry((io, command.opcode())).or_insert(0) += 1);
        // Of a later version of the specification: the kernel takes no for an answer.
        let later = !io && batch.commands().any(|command| command.opcode() == admin::IDENTIFY && command.dw(10) == 6);
        let read = io && batch.commands().any(|command| command.opcode() == nvm_opcode::READ);
        for (at, data) in &batch.written {
            let is = rig.memory.read(*at, data.len());
            if data.len() == CQE && later {
                assert_eq!(is[14..], (Status::INVALID_FIELD.0 << 1 | u16::from(is[14] & 1)).to_le_bytes());
            } else if data.len() == CQE {
                // Queue, identifier, phase and status; the head may be further on.
                assert_eq!(is[10..], data[10..], "completion at {at:#x}");
            } else if read && data.len() > CQE {
                assert_eq!(&is, data, "data at {at:#x}");
                bytes += data.len();
            }
        }
    }
    assert_eq!(rig.read(offset::CSTS), READY | SHUT_DOWN, "the kernel has shut it down");
    let admin_commands = [(admin::IDENTIFY, 12), (admin::GET_LOG, 2), (admin::SET_FEATURES, 2), (admin::CREATE_CQ, 2)];
    for (opcode, count) in admin_commands {
        assert_eq!(seen[&(false, opcode)], count, "admin {opcode:#x}");
    }
    assert_eq!((seen[&(true, nvm_opcode::WRITE)], seen[&(true, nvm_opcode::READ)]), (2, 12));
    assert!(bytes >= 256 << 10, "{bytes} bytes read");
    rig.assert_clean();
}

/// Lets the device have the request as it is; its answer is dropped.
fn replay(rig: &mut Rig, request: &TlpView<'_>) {
    let id = RequestId { requester: ROOT, tag: request.tag() };
    let tlp = match request.ty() {
        TlpType::CfgRead1 => Tlp::config_read(id, ID, request.register(), false),
        TlpType::CfgWrite1 => {
            let data = request.payload().first_chunk().copied().expect("a dword");
            Tlp::config_write(id, ID, request.register(), false, data)
        }
        _ => return rig.device.receive(request.bytes()),
    };
    rig.device
        .receive(tlp.and_then(|tlp| tlp.with_byte_enables(request.first_be(), 0)).expect("as recorded").as_bytes());
}
