//! A driver for NVMe controllers: the admin queue, one pair of I/O queues, an MSI-X vector for each.

use std::collections::{BTreeMap, VecDeque};

use peb_tlp::TlpError;
use thiserror::Error;

use super::access::Access;
use super::function::Function;
use super::os::Os;
use crate::device::nvme::{
    admin_opcode, feature_id, nvm_opcode, register, Command, Status, CQE, NSID, READY, SHUT_DOWN, SQE,
};

/// Class code: NVM Express.
const CLASS: u32 = 0x01_08_02;
/// Bytes of a memory page.
const PAGE: u64 = 4096;
/// Entries of each queue; a submission queue fills one page.
const ENTRIES: u16 = 64;
/// Commands under way at most in [`NvmeDriver::read`] and [`NvmeDriver::write`].
const DEPTH: usize = 8;
/// Bytes of host memory for the data and the PRP list of one command.
const BUFFER: u64 = 1 << 22;
/// Where data begin in their first page, so that they are never aligned.
const OFFSET: u64 = 0x204;

/// Why the driver failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NvmeError {
    /// No function there, or its registers were not placed.
    #[error("there is no NVMe controller")]
    NotMine,
    /// The device has no MSI-X that could be turned on.
    #[error("the device's interrupt cannot be turned on")]
    NoInterruptCapability,
    /// CSTS is not what was waited for.
    #[error("CSTS is {0:#x}, which is not what was waited for")]
    NotReady(u32),
    /// No interrupt came.
    #[error("no interrupt within {0} clocks")]
    NoInterrupt(u64),
    /// A command failed.
    #[error("a command ended with status {:#05x}", .0.0)]
    Failed(Status),
    /// An interrupt came before the completion that it tells of, or a completion of no command.
    #[error("completion of command {0}, which is not under way")]
    Unexpected(u16),
    /// A request cannot be made.
    #[error("a request cannot be made: {0}")]
    Request(TlpError),
}

/// What the controller says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identified {
    /// Model, without padding.
    pub model: String,
    /// Serial number, without padding.
    pub serial: String,
    /// Bytes of a transfer at most.
    pub largest: u64,
    /// Bytes of a logical block.
    pub block: u64,
    /// Logical blocks.
    pub blocks: u64,
}

/// A pair of queues.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    id: u16,
    sq: u64,
    cq: u64,
    tail: u16,
    head: u16,
    phase: bool,
    vector: u32,
    next: u16,
    /// Commands that have no end yet.
    under_way: Vec<u16>,
    /// Ends that nobody has asked for: dword 0 and status.
    ends: BTreeMap<u16, (u32, Status)>,
}

/// A bound controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvmeDriver {
    /// Address of the registers.
    pub registers: u64,
    /// What the controller says of itself.
    pub identified: Identified,
    /// Clocks a command may take.
    pub patience: u64,
    memory: u64,
    admin: Pair,
    io: Pair,
}

impl Pair {
    fn new(id: u16, memory: u64, vector: u32) -> Self {
        let (sq, cq) = (memory, memory + PAGE);
        let (under_way, ends) = (Vec::new(), BTreeMap::new());
        Pair { id, sq, cq, tail: 0, head: 0, phase: true, vector, next: 0, under_way, ends }
    }
}

impl NvmeDriver {
    /// Binds the first controller in a slot. Its queues and buffers are put into host memory from `memory` on, 64 MiB.
    ///
    /// # Errors
    /// [`NvmeError`] if there is no controller that works.
    pub fn bind(on: &mut impl Access, os: &Os, slot: usize, memory: u64) -> Result<Self, NvmeError> {
        let function = os.slots[slot].functions.iter().find(|function| function.class == CLASS);
        let function = function.ok_or(NvmeError::NotMine)?;
        let vectors = [0x8, 0x10].map(|n| os.device_vector(slot) + n);
        let mut driver = Self::new(function, memory, vectors)?;
        driver.reset(on)?;
        for (n, vector) in (0..).zip(vectors) {
            if !function.enable_msix(on, n, os.config.msi_address, vector) {
                return Err(NvmeError::NoInterruptCapability);
            }
        }
        driver.enable(on)?;
        driver.identify(on)?;
        driver.make_queues(on)?;
        Ok(driver)
    }

    fn new(function: &Function, memory: u64, vectors: [u32; 2]) -> Result<Self, NvmeError> {
        let registers = function.bar(0).ok_or(NvmeError::NotMine)?;
        Ok(NvmeDriver {
            registers,
            identified: Identified::default(),
            patience: 400_000,
            memory,
            admin: Pair::new(0, memory, vectors[0]),
            io: Pair::new(1, memory + 2 * PAGE, vectors[1]),
        })
    }

    /// Disables the controller.
    fn reset(&mut self, on: &mut impl Access) -> Result<(), NvmeError> {
        on.write32(self.registers + register::CC, 0);
        self.wait_status(on, READY, 0)
    }

    fn enable(&mut self, on: &mut impl Access) -> Result<(), NvmeError> {
        // Phase tags of old completions must not count.
        on.root().memory.write(self.memory, &[0; 4 * PAGE as usize]);
        let entries = u32::from(ENTRIES) - 1;
        for (at, value) in [
            (register::AQA, entries << 16 | entries),
            (register::ASQ, self.admin.sq as u32),
            (register::ASQ + 4, (self.admin.sq >> 32) as u32),
            (register::ACQ, self.admin.cq as u32),
            (register::ACQ + 4, (self.admin.cq >> 32) as u32),
            // Entries of 64 and 16 bytes, pages of 4 KiB, NVM command set.
            (register::CC, 0x0046_0001),
        ] {
            on.write32(self.registers + at, value);
        }
        self.wait_status(on, READY, READY)
    }

    fn wait_status(&self, on: &mut impl Access, mask: u32, value: u32) -> Result<(), NvmeError> {
        let end = on.now() + self.patience;
        loop {
            let status = on.read32(self.registers + register::CSTS);
            if status & mask == value && status != u32::MAX {
                return Ok(());
            }
            if on.now() >= end || status == u32::MAX {
                return Err(NvmeError::NotReady(status));
            }
            on.wait(100);
        }
    }

    fn identify(&mut self, on: &mut impl Access) -> Result<(), NvmeError> {
        let controller = self.identify_data(on, 1, 0)?;
        let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&controller[range]).trim().to_string();
        let (serial, model) = (text(4..24), text(24..64));
        let largest = PAGE << controller[77].min(9);
        let namespace = self.identify_data(on, 0, NSID)?;
        let format = usize::from(namespace[26] & 0xf);
        let block = 1 << namespace[128 + 4 * format + 2].min(12);
        let blocks = namespace[..8].iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        self.identified = Identified { model, serial, largest: largest.min(BUFFER / 4), block, blocks };
        Ok(())
    }

    fn identify_data(&mut self, on: &mut impl Access, cns: u32, nsid: u32) -> Result<Vec<u8>, NvmeError> {
        let buffer = self.buffer(0);
        let prp = self.prepare(on, 0, PAGE);
        self.admin(on, admin_opcode::IDENTIFY, nsid, prp, [cns, 0, 0, 0, 0, 0])?;
        Ok(gather(on, buffer, PAGE))
    }

    fn make_queues(&mut self, on: &mut impl Access) -> Result<(), NvmeError> {
        let size = (u32::from(ENTRIES) - 1) << 16 | 1;
        let (cq, sq) = (self.io.cq, self.io.sq);
        self.admin(on, admin_opcode::SET_FEATURES, 0, (0, 0), [feature_id::QUEUES.into(), 0, 0, 0, 0, 0])?;
        // Vector 1, interrupts enabled, contiguous.
        self.admin(on, admin_opcode::CREATE_CQ, 0, (cq, 0), [size, 1 << 16 | 3, 0, 0, 0, 0])?;
        self.admin(on, admin_opcode::CREATE_SQ, 0, (sq, 0), [size, 1 << 16 | 1, 0, 0, 0, 0])?;
        Ok(())
    }

    /// An admin command; gives dword 0 of its completion.
    ///
    /// # Errors
    /// [`NvmeError`] if it fails.
    pub fn admin(
        &mut self,
        on: &mut impl Access,
        opcode: u8,
        nsid: u32,
        prp: (u64, u64),
        dwords: [u32; 6],
    ) -> Result<u32, NvmeError> {
        let id = submit(on, self.registers, &mut self.admin, opcode, nsid, prp, dwords)?;
        wait(on, self.registers, &mut self.admin, id, self.patience)
    }

    /// An I/O command without data; gives dword 0 of its completion.
    ///
    /// # Errors
    /// [`NvmeError`] if it fails.
    pub fn io(&mut self, on: &mut impl Access, opcode: u8, dwords: [u32; 6]) -> Result<u32, NvmeError> {
        let id = submit(on, self.registers, &mut self.io, opcode, NSID, (0, 0), dwords)?;
        wait(on, self.registers, &mut self.io, id, self.patience)
    }

    /// Writes blocks.
    ///
    /// # Errors
    /// [`NvmeError`] of the first command that fails.
    pub fn write(&mut self, on: &mut impl Access, lba: u64, data: &[u8]) -> Result<(), NvmeError> {
        let pieces = self.pieces(lba, data.len() as u64);
        self.run(on, nvm_opcode::WRITE, pieces, |on, buffer, at, len| {
            scatter(on, buffer, &data[at as usize..(at + len) as usize]);
        })?;
        Ok(())
    }

    /// Reads blocks.
    ///
    /// # Errors
    /// [`NvmeError`] of the first command that fails.
    pub fn read(&mut self, on: &mut impl Access, lba: u64, blocks: u64) -> Result<Vec<u8>, NvmeError> {
        let pieces = self.pieces(lba, blocks * self.identified.block);
        self.run(on, nvm_opcode::READ, pieces, |_, _, _, _| {})
    }

    /// Starts a write or read without waiting for its end; for [`NvmeDriver::finish`]. `place` 0 to 7 chooses its buffer.
    ///
    /// # Errors
    /// [`NvmeError::Request`] if a request cannot be made.
    pub fn start(
        &mut self,
        on: &mut impl Access,
        lba: u64,
        data: Option<&[u8]>,
        len: u64,
        place: usize,
    ) -> Result<u16, NvmeError> {
        let prp = self.prepare(on, place, len);
        if let Some(data) = data {
            scatter(on, self.buffer(place), data);
        }
        let opcode = if data.is_some() { nvm_opcode::WRITE } else { nvm_opcode::READ };
        let count = (len / self.identified.block - 1) as u32;
        let dwords = [lba as u32, (lba >> 32) as u32, count, 0, 0, 0];
        submit(on, self.registers, &mut self.io, opcode, NSID, prp, dwords)
    }

    /// Waits for the end of an I/O command.
    ///
    /// # Errors
    /// [`NvmeError`] if it fails.
    pub fn finish(&mut self, on: &mut impl Access, id: u16) -> Result<u32, NvmeError> {
        wait(on, self.registers, &mut self.io, id, self.patience)
    }

    /// Normal shutdown (NVM Express Base 1.4, 7.6.2).
    ///
    /// # Errors
    /// [`NvmeError::NotReady`] if it does not complete.
    pub fn shut_down(&mut self, on: &mut impl Access) -> Result<(), NvmeError> {
        on.write32(self.registers + register::CC, 0x0046_4001);
        self.wait_status(on, SHUT_DOWN | SHUT_DOWN >> 1, SHUT_DOWN)
    }

    /// First block, offset and length in bytes of each command.
    fn pieces(&self, lba: u64, len: u64) -> VecDeque<(u64, u64, u64)> {
        let Identified { block, largest, .. } = self.identified;
        let starts = (0..len).step_by(largest as usize);
        starts.map(|at| (lba + at / block, at, largest.min(len - at))).collect()
    }

    fn run<P: Access>(
        &mut self,
        on: &mut P,
        opcode: u8,
        mut pieces: VecDeque<(u64, u64, u64)>,
        fill: impl Fn(&mut P, u64, u64, u64),
    ) -> Result<Vec<u8>, NvmeError> {
        let mut under_way = VecDeque::new();
        let mut data = Vec::new();
        let mut place = 0;
        loop {
            if under_way.len() == DEPTH || pieces.is_empty() {
                let Some((id, buffer, len)) = under_way.pop_front() else { return Ok(data) };
                self.finish(on, id)?;
                if opcode == nvm_opcode::READ {
                    data.extend(gather(on, buffer, len));
                }
            }
            let Some((lba, at, len)) = pieces.pop_front() else { continue };
            let (prp, buffer) = (self.prepare(on, place, len), self.buffer(place));
            fill(on, buffer, at, len);
            place = (place + 1) % DEPTH;
            let count = (len / self.identified.block - 1) as u32;
            let dwords = [lba as u32, (lba >> 32) as u32, count, 0, 0, 0];
            let id = submit(on, self.registers, &mut self.io, opcode, NSID, prp, dwords)?;
            under_way.push_back((id, buffer, len));
        }
    }

    fn buffer(&self, place: usize) -> u64 {
        self.memory + BUFFER * (1 + place as u64)
    }

    /// PRP entries of a buffer, with a list if they are more than two.
    fn prepare(&self, on: &mut impl Access, place: usize, len: u64) -> (u64, u64) {
        let buffer = self.buffer(place);
        let pages: Vec<u64> = pages(buffer, len).map(|(at, _)| at).collect();
        match pages[1..] {
            [] => (pages[0], 0),
            [second] => (pages[0], second),
            _ => {
                let list = buffer + BUFFER - PAGE;
                let entries: Vec<u8> = pages[1..].iter().flat_map(|page| page.to_le_bytes()).collect();
                on.root().memory.write(list, &entries);
                (pages[0], list)
            }
        }
    }
}

/// Address and length of each piece of a buffer: every other page, the first with an offset.
fn pages(buffer: u64, len: u64) -> impl Iterator<Item = (u64, u64)> {
    let first = len.min(PAGE - OFFSET);
    let rest = (0..len - first).step_by(PAGE as usize).zip(1..);
    let rest = rest.map(move |(at, n)| (buffer + 2 * n * PAGE, PAGE.min(len - first - at)));
    std::iter::once((buffer + OFFSET, first)).chain(rest)
}

fn scatter(on: &mut impl Access, buffer: u64, mut data: &[u8]) {
    for (at, len) in pages(buffer, data.len() as u64) {
        let (here, rest) = data.split_at(len as usize);
        on.root().memory.write(at, here);
        data = rest;
    }
}

fn gather(on: &mut impl Access, buffer: u64, len: u64) -> Vec<u8> {
    pages(buffer, len).flat_map(|(at, len)| on.root().memory.read(at, len as usize)).collect()
}

fn submit(
    on: &mut impl Access,
    registers: u64,
    pair: &mut Pair,
    opcode: u8,
    nsid: u32,
    prp: (u64, u64),
    dwords: [u32; 6],
) -> Result<u16, NvmeError> {
    let id = pair.next;
    pair.next = pair.next.wrapping_add(1);
    let entry = Command::new(opcode, id, nsid, prp, dwords);
    on.root().memory.write(pair.sq + u64::from(pair.tail) * SQE as u64, &entry.0);
    pair.tail = (pair.tail + 1) % ENTRIES;
    pair.under_way.push(id);
    doorbell(on, registers, 2 * pair.id, pair.tail)?;
    Ok(id)
}

fn doorbell(on: &mut impl Access, registers: u64, n: u16, value: u16) -> Result<(), NvmeError> {
    let at = registers + register::DOORBELLS + 4 * u64::from(n);
    on.memory_write(at, &u32::from(value).to_le_bytes()).map_err(NvmeError::Request)
}

/// Waits for interrupts until a command has ended.
fn wait(on: &mut impl Access, registers: u64, pair: &mut Pair, id: u16, patience: u64) -> Result<u32, NvmeError> {
    loop {
        if let Some((result, status)) = pair.ends.remove(&id) {
            return if status == Status::SUCCESS { Ok(result) } else { Err(NvmeError::Failed(status)) };
        }
        let vector = pair.vector;
        if !on.wait_until(patience, |on| on.root().take_interrupt(vector).is_some()) {
            return Err(NvmeError::NoInterrupt(patience));
        }
        consume(on, registers, pair)?;
    }
}

/// Takes the completions that are there.
fn consume(on: &mut impl Access, registers: u64, pair: &mut Pair) -> Result<(), NvmeError> {
    let before = pair.head;
    loop {
        let entry = on.root().memory.read(pair.cq + u64::from(pair.head) * CQE as u64, CQE);
        let half = |at: usize| u16::from_le_bytes([entry[at], entry[at + 1]]);
        if (half(14) & 1 == 1) != pair.phase {
            break;
        }
        pair.head += 1;
        if pair.head == ENTRIES {
            (pair.head, pair.phase) = (0, !pair.phase);
        }
        let id = half(12);
        let at = pair.under_way.iter().position(|&other| other == id).ok_or(NvmeError::Unexpected(id))?;
        pair.under_way.swap_remove(at);
        let result = u32::from(half(2)) << 16 | u32::from(half(0));
        pair.ends.insert(id, (result, Status(half(14) >> 1)));
    }
    if pair.head == before {
        return Ok(());
    }
    doorbell(on, registers, 2 * pair.id + 1, pair.head)
}
