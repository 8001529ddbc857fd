//! Commands of the NVM command set (NVM Express Base 1.4, 6).

use super::command::{nvm, Command, Status, ALL};
use super::controller::{Next, Nvme};
use super::identify::NSID;

/// Bytes of a range of Dataset Management.
const RANGE: usize = 16;
/// Attribute of Dataset Management: deallocate.
const DEALLOCATE: u32 = 4;

impl Nvme {
    /// Begins an I/O command.
    pub(super) fn io(&mut self, command: &Command) -> Result<Next, Status> {
        let opcode = command.opcode();
        if ![nvm::FLUSH, nvm::WRITE, nvm::READ, nvm::WRITE_ZEROES, nvm::DATASET].contains(&opcode) {
            return Err(Status::INVALID_OPCODE);
        }
        if command.nsid() != NSID && (opcode, command.nsid()) != (nvm::FLUSH, ALL) {
            return Err(Status::INVALID_NAMESPACE);
        }
        match opcode {
            nvm::READ => {
                let (at, len) = self.blocks_of(command, true)?;
                let data = self.medium.read(at, len).map_err(|_| Status::READ_ERROR)?;
                self.logs.commands[0] += 1;
                self.logs.blocks[0] += len / 512;
                Ok(Next::Send(data))
            }
            nvm::WRITE => Ok(Next::Receive(self.blocks_of(command, true)?.1)),
            nvm::WRITE_ZEROES => {
                let (at, len) = self.blocks_of(command, false)?;
                self.medium.zero(at, len).map_err(|_| Status::WRITE_FAULT)?;
                Ok(Next::Done(0))
            }
            nvm::DATASET => Ok(Next::Receive(RANGE as u64 * (u64::from(command.dw(10) & 0xff) + 1))),
            _ => {
                self.medium.flush().map_err(|_| Status::WRITE_FAULT)?;
                Ok(Next::Done(0))
            }
        }
    }

    /// Goes on with a command whose data are here; gives dword 0 of the completion.
    pub(super) fn received(&mut self, queue: u16, command: &Command, data: &[u8]) -> Result<u32, Status> {
        match command.opcode() {
            // No admin command takes data.
            _ if queue == 0 => Err(Status::INVALID_OPCODE),
            nvm::WRITE => {
                let (at, len) = self.blocks_of(command, true)?;
                self.medium.write(at, data).map_err(|_| Status::WRITE_FAULT)?;
                self.logs.commands[1] += 1;
                self.logs.blocks[1] += len / 512;
                // Force Unit Access (6.15).
                if command.dw(12) >> 30 & 1 == 1 {
                    self.medium.flush().map_err(|_| Status::WRITE_FAULT)?;
                }
                Ok(0)
            }
            _ => self.dataset(command, data),
        }
    }

    /// Byte offset and length of the blocks that a command is about.
    fn blocks_of(&self, command: &Command, transfers: bool) -> Result<(u64, u64), Status> {
        let count = u64::from(command.dw(12) & 0xffff) + 1;
        if transfers && count * self.config.block > self.config.largest() {
            return Err(Status::INVALID_FIELD);
        }
        self.within(command.qw(10), count)
    }

    fn within(&self, lba: u64, count: u64) -> Result<(u64, u64), Status> {
        let end = lba.checked_add(count).filter(|&end| end <= self.blocks());
        end.map(|_| (lba * self.config.block, count * self.config.block)).ok_or(Status::LBA_RANGE)
    }

    /// Each range is attributes, length in blocks, first block. All are checked before any is carried out; hints but
    /// deallocation are ignored.
    fn dataset(&mut self, command: &Command, data: &[u8]) -> Result<u32, Status> {
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let ranges = data.chunks_exact(RANGE).map(|range| self.within(number(&range[8..]), number(&range[4..8])));
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
        if command.dw(11) & DEALLOCATE != 0 {
            for (at, len) in ranges {
                self.medium.zero(at, len).map_err(|_| Status::WRITE_FAULT)?;
            }
        }
        Ok(0)
    }
}
