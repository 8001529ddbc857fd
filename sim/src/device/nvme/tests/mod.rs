//! The controller against a host at TLP level: memory, root port and interrupt controller in one.

mod administration;
mod fault;
mod io;
mod register;
mod replay;

use std::ops::Range;

use peb_tlp::{CompletionStatus, FunctionId, RequestId, Tag, Tlp, TlpType, TlpView};

use super::command::{admin, CQE, SQE};
use super::registers::{offset, FATAL, READY};
use super::*;
use crate::answer::{AnswerConfig, Answers};
use crate::device::{Device, DeviceConfig, CAP_MSIX, CAP_PCIE};
use crate::memory::Memory;
use crate::port::PortOut;
use crate::requester::Requester;

/// Where BAR 0 is put.
const BAR0: u64 = 0xe000_0000;
/// The function.
const ID: FunctionId = FunctionId::new(3, 0, 0);
const ROOT: FunctionId = FunctionId::new(0, 0, 0);
/// Admin queues, and data of commands.
const ASQ: u64 = 0x1_0000;
const ACQ: u64 = 0x2_0000;
const DATA: u64 = 0x10_0000;
/// Entries of the admin queues, and of others.
const ENTRIES: u32 = 16;
/// Clocks after which nothing comes any more.
const PATIENCE: u64 = 20_000;

/// What a completion says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Completed {
    queue: u16,
    id: u16,
    head: u16,
    result: u32,
    status: Status,
}

/// Both ends of a pair of queues, as the host sees them.
#[derive(Clone, Debug)]
struct Pair {
    id: u16,
    sq: u64,
    cq: u64,
    size: u32,
    tail: u32,
    head: u32,
    phase: bool,
}

impl Pair {
    fn new(id: u16, sq: u64, cq: u64, size: u32) -> Self {
        Pair { id, sq, cq, size, tail: 0, head: 0, phase: true }
    }
}

/// A host with a controller.
struct Rig {
    device: Device,
    memory: Memory,
    /// Data of messages to 0xfee00000.
    interrupts: Vec<u32>,
    intx: bool,
    /// Reads from here are refused.
    absent: Range<u64>,
    /// Reads from here are never answered.
    silent: Range<u64>,
    /// TLPs that the controller sent: requests only.
    sent: Vec<Vec<u8>>,
    requester: Requester,
    answers: Answers,
    outcomes: Vec<crate::requester::Outcome>,
    next: u16,
    /// Of the admin queue.
    admin: Pair,
    now: u64,
}

impl Rig {
    /// Out of reset, with BAR 0 and MSI-X set up, not enabled.
    fn new(config: NvmeConfig, medium: Medium, seed: u64) -> Self {
        let settings = DeviceConfig { training: 1, seed, timeout: 5000, ..DeviceConfig::default() };
        // Completions of different requests overtake each other.
        let answers = AnswerConfig { delay: 1..=200, ..AnswerConfig::default() };
        let mut rig = Rig {
            device: Device::with(settings, Nvme::new(config, medium)),
            memory: Memory::new(),
            interrupts: Vec::new(),
            intx: false,
            absent: 0..0,
            silent: 0..0,
            sent: Vec::new(),
            requester: Requester::new(32, 10_000),
            answers: Answers::new(answers, seed),
            outcomes: Vec::new(),
            next: 0,
            admin: Pair::new(0, ASQ, ACQ, ENTRIES),
            now: 0,
        };
        rig.reset(true);
        rig.reset(false);
        rig.set_up();
        rig
    }

    /// With 8192 blocks of 512 bytes, enabled.
    fn ready() -> Self {
        Self::ready_with(NvmeConfig::default(), 1)
    }

    fn ready_with(config: NvmeConfig, seed: u64) -> Self {
        let mut rig = Self::new(config, Medium::memory(4 << 20), seed);
        rig.enable(0);
        rig
    }

    fn nvme(&mut self) -> &mut Nvme {
        self.device.function_mut().expect("an NVMe controller")
    }

    fn reset(&mut self, reset: bool) {
        (0..20).for_each(|_| self.clock(reset));
    }

    /// Configuration as an operating system does it: BAR, MSI-X with message data 0x100 and up, memory and bus master on.
    fn set_up(&mut self) {
        self.config_write(0x10, BAR0 as u32, 0xf);
        self.config_write(0x14, (BAR0 >> 32) as u32, 0xf);
        self.config_write(0x04, 6, 0x3);
        for vector in 0..u64::from(self.nvme().config.vectors) {
            for (field, value) in [(0, 0xfee0_0000), (4, 0), (8, 0x100 + vector as u32), (12, 0)] {
                self.write(MSIX_TABLE + 16 * vector + field, value);
            }
        }
        self.config_write(CAP_MSIX, 0x8000_0000, 0xc);
    }

    /// Sets up the admin queues, with memory pages of 4 KiB << `mps`, and waits until the controller is ready.
    fn enable(&mut self, mps: u32) {
        self.start(0x0046_0001 | mps << 7);
        assert_eq!(self.wait_status(READY | FATAL), READY);
    }

    fn start(&mut self, cc: u32) {
        self.admin = Pair::new(0, ASQ, ACQ, ENTRIES);
        self.memory.write(ACQ, &[0; CQE * ENTRIES as usize]);
        self.write(offset::AQA, (ENTRIES - 1) << 16 | (ENTRIES - 1));
        self.write(offset::ASQ, ASQ as u32);
        self.write(offset::ACQ, ACQ as u32);
        self.write(offset::CC, cc);
    }

    /// Waits until CSTS has one of these bits.
    fn wait_status(&mut self, bits: u32) -> u32 {
        for _ in 0..PATIENCE / 100 {
            let status = self.read(offset::CSTS);
            if status & bits != 0 {
                return status;
            }
            self.run(100);
        }
        panic!("CSTS stays {:#x}", self.read(offset::CSTS));
    }

    fn run(&mut self, clocks: u64) {
        (0..clocks).for_each(|_| self.clock(false));
    }

    fn clock(&mut self, reset: bool) {
        self.now += 1;
        self.device.pins();
        let out = PortOut { rx_ready: true, rx_np_ok: true, tx: None };
        let passed = self.device.clock(&out, reset);
        if let Some(tlp) = passed.sent {
            self.take(&tlp);
        }
        if reset {
            self.answers.clear();
        }
        while let Some(tlp) = self.answers.due(self.now) {
            self.device.receive(tlp.as_bytes());
        }
    }

    /// What the host does with a TLP of the controller's.
    fn take(&mut self, bytes: &[u8]) {
        let tlp = TlpView::parse(bytes).expect("well formed");
        if tlp.ty() == TlpType::Completion {
            // Requests of a replay are not its own.
            if self.requester.outstanding() > 0 {
                self.outcomes.extend(self.requester.completion(self.now, &tlp).expect("expected"));
            }
            return;
        }
        self.sent.push(bytes.to_vec());
        assert_eq!(tlp.requester(), ID);
        let (at, len) = (tlp.address(), 4 * u64::from(tlp.length_dw()));
        match tlp.ty() {
            TlpType::MemWrite if at >> 20 == 0xfee => {
                let data = tlp.payload().first_chunk().copied().map(u32::from_le_bytes);
                self.interrupts.extend(data);
            }
            TlpType::MemWrite => {
                assert!(at / 4096 == (at + len - 1) / 4096 && len <= self.device.config().max_payload(), "{tlp:?}");
                self.memory.write_enabled(at, tlp.payload(), tlp.first_be(), tlp.last_be());
            }
            TlpType::MemRead => {
                let most = self.device.config().max_read_request();
                assert!(at / 4096 == (at + len - 1) / 4096 && len <= most, "{len} bytes from {at:#x}");
                if self.absent.contains(&at) {
                    self.answers.status(self.now, &tlp, ROOT, CompletionStatus::UnsupportedRequest).unwrap();
                } else if !self.silent.contains(&at) {
                    self.answers.data(self.now, &tlp, ROOT, &self.memory.read(at, len as usize), 128).unwrap();
                }
            }
            TlpType::Message(_) => self.intx = tlp.message_code() == 0x20,
            _ => panic!("{tlp:?}"),
        }
    }

    fn finish(&mut self, request: Tlp) -> crate::requester::Outcome {
        self.requester.issue(self.now, &request).unwrap();
        self.device.receive(request.as_bytes());
        for _ in 0..PATIENCE {
            if let Some(outcome) = self.outcomes.pop() {
                return outcome;
            }
            self.clock(false);
        }
        panic!("no answer to {request:?}");
    }

    fn request(&self) -> RequestId {
        RequestId { requester: ROOT, tag: self.requester.free_tag().unwrap() }
    }

    fn config_write(&mut self, register: u16, value: u32, enables: u8) {
        let request = Tlp::config_write(self.request(), ID, register, false, value.to_le_bytes()).unwrap();
        assert!(self.finish(request.with_byte_enables(enables, 0).unwrap()).is_success());
    }

    fn config_read(&mut self, register: u16) -> u32 {
        let request = Tlp::config_read(self.request(), ID, register, false).unwrap();
        u32::from_le_bytes(self.finish(request).data.try_into().unwrap())
    }

    fn read(&mut self, at: u64) -> u32 {
        let request = Tlp::memory_read(self.request(), BAR0 + at, 4).unwrap();
        u32::from_le_bytes(self.finish(request).data.try_into().unwrap())
    }

    fn write(&mut self, at: u64, value: u32) {
        self.write_bytes(at, &value.to_le_bytes());
    }

    fn write_bytes(&mut self, at: u64, data: &[u8]) {
        let request = Tlp::memory_write(RequestId { requester: ROOT, tag: Tag(0) }, BAR0 + at, data).unwrap();
        self.device.receive(request.as_bytes());
    }

    /// Puts a command into a queue and rings; gives its identifier.
    fn submit(&mut self, pair: &mut Pair, mut command: Command) -> u16 {
        command.0[2..4].copy_from_slice(&self.next.to_le_bytes());
        self.memory.write(pair.sq + u64::from(pair.tail) * SQE as u64, &command.0);
        pair.tail = (pair.tail + 1) % pair.size;
        self.write(offset::DOORBELLS + 8 * u64::from(pair.id), pair.tail);
        self.next = self.next.wrapping_add(1);
        self.next.wrapping_sub(1)
    }

    /// Takes the next completion, if it is there.
    fn completed(&mut self, pair: &mut Pair) -> Option<Completed> {
        let at = pair.cq + u64::from(pair.head) * CQE as u64;
        let half = |n: u64| (self.memory.u32(at + n / 4 * 4) >> (8 * (n % 4))) as u16;
        if (half(14) & 1 == 1) != pair.phase {
            return None;
        }
        let (head, queue, id, status) = (half(8), half(10), half(12), Status(half(14) >> 1));
        let completed = Completed { queue, id, head, result: self.memory.u32(at), status };
        pair.head = (pair.head + 1) % pair.size;
        pair.phase ^= pair.head == 0;
        self.write(offset::DOORBELLS + 8 * u64::from(pair.id) + 4, pair.head);
        Some(completed)
    }

    /// Waits for the next completion.
    fn wait(&mut self, pair: &mut Pair) -> Completed {
        // Eight commands of 128 KiB, at a dword a clock.
        for _ in 0..(8 << 17) / 4 {
            if let Some(completed) = self.completed(pair) {
                return completed;
            }
            self.clock(false);
        }
        panic!("no completion in queue {}", pair.id);
    }

    /// A command from begin to end.
    fn run_in(&mut self, pair: &mut Pair, command: Command) -> Result<u32, Status> {
        let id = self.submit(pair, command);
        let completed = self.wait(pair);
        assert_eq!((completed.id, completed.queue, u32::from(completed.head)), (id, pair.id, pair.tail));
        if completed.status == Status::SUCCESS {
            Ok(completed.result)
        } else {
            Err(completed.status)
        }
    }

    /// An admin command with data at [`DATA`].
    fn admin(&mut self, opcode: u8, nsid: u32, dwords: [u32; 6]) -> Result<u32, Status> {
        self.admin_at(opcode, nsid, (DATA, DATA + 0x1000), dwords)
    }

    fn admin_at(&mut self, opcode: u8, nsid: u32, prp: (u64, u64), dwords: [u32; 6]) -> Result<u32, Status> {
        let mut pair = self.admin.clone();
        let end = self.run_in(&mut pair, Command::new(opcode, 0, nsid, prp, dwords));
        self.admin = pair;
        end
    }

    /// Makes I/O queue pair `id` with interrupt vector `id`.
    fn make_queues(&mut self, id: u16, size: u32) -> Pair {
        let base = 0x100_0000 + 0x2_0000 * u64::from(id);
        let size_and_id = (size - 1) << 16 | u32::from(id);
        let create = |rig: &mut Self, opcode, at, flags: u32| {
            let end = rig.admin_at(opcode, 0, (at, 0), [size_and_id, u32::from(id) << 16 | flags, 0, 0, 0, 0]);
            assert_eq!(end, Ok(0));
        };
        self.memory.write(base + 0x1_0000, &vec![0; CQE * size as usize]);
        create(self, admin::CREATE_CQ, base + 0x1_0000, 3);
        create(self, admin::CREATE_SQ, base, 1);
        Pair::new(id, base, base + 0x1_0000, size)
    }

    fn assert_clean(&self) {
        assert!(self.device.complaints.is_empty(), "{:?}", self.device.complaints);
    }
}

/// A read or write of blocks.
fn transfer(opcode: u8, prp: (u64, u64), lba: u64, blocks: u32) -> Command {
    Command::new(opcode, 0, NSID, prp, [lba as u32, (lba >> 32) as u32, blocks - 1, 0, 0, 0])
}
