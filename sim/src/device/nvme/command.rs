//! Submission and completion queue entries, and status codes (NVM Express Base 1.4, 4.2, 4.6).

/// Bytes of a submission queue entry.
pub const SQE: usize = 64;
/// Bytes of a completion queue entry.
pub const CQE: usize = 16;
/// Namespace ID of all namespaces.
pub const ALL: u32 = u32::MAX;

/// Admin opcodes (5).
pub mod admin {
    /// Delete I/O Submission Queue (5.6).
    pub const DELETE_SQ: u8 = 0x00;
    /// Create I/O Submission Queue (5.4).
    pub const CREATE_SQ: u8 = 0x01;
    /// Get Log Page (5.14).
    pub const GET_LOG: u8 = 0x02;
    /// Delete I/O Completion Queue (5.5).
    pub const DELETE_CQ: u8 = 0x04;
    /// Create I/O Completion Queue (5.3).
    pub const CREATE_CQ: u8 = 0x05;
    /// Identify (5.15).
    pub const IDENTIFY: u8 = 0x06;
    /// Abort (5.1).
    pub const ABORT: u8 = 0x08;
    /// Set Features (5.21).
    pub const SET_FEATURES: u8 = 0x09;
    /// Get Features (5.13).
    pub const GET_FEATURES: u8 = 0x0a;
    /// Asynchronous Event Request (5.2).
    pub const ASYNC_EVENT: u8 = 0x0c;
    /// Keep Alive (5.17).
    pub const KEEP_ALIVE: u8 = 0x18;
}

/// Opcodes of the NVM command set (6).
pub mod nvm {
    /// Flush (6.8).
    pub const FLUSH: u8 = 0x00;
    /// Write (6.15).
    pub const WRITE: u8 = 0x01;
    /// Read (6.9).
    pub const READ: u8 = 0x02;
    /// Write Zeroes (6.17).
    pub const WRITE_ZEROES: u8 = 0x08;
    /// Dataset Management (6.7).
    pub const DATASET: u8 = 0x09;
}

/// Status of a command: Status Code in bits 7:0, Status Code Type in 10:8, Do Not Retry in 14 (4.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Status(pub u16);

impl Status {
    /// Successful Completion.
    pub const SUCCESS: Status = Status(0x000);
    /// Invalid Command Opcode.
    pub const INVALID_OPCODE: Status = Status::fatal(0x001);
    /// Invalid Field in Command.
    pub const INVALID_FIELD: Status = Status::fatal(0x002);
    /// Command ID Conflict.
    pub const ID_CONFLICT: Status = Status::fatal(0x003);
    /// Data Transfer Error.
    pub const DATA_TRANSFER: Status = Status(0x004);
    /// Command Abort Requested.
    pub const ABORTED: Status = Status(0x007);
    /// Command Aborted due to SQ Deletion.
    pub const SQ_DELETED: Status = Status(0x008);
    /// Invalid Namespace or Format.
    pub const INVALID_NAMESPACE: Status = Status::fatal(0x00b);
    /// PRP Offset Invalid.
    pub const PRP_OFFSET: Status = Status::fatal(0x013);
    /// LBA Out of Range.
    pub const LBA_RANGE: Status = Status::fatal(0x080);
    /// Completion Queue Invalid.
    pub const CQ_INVALID: Status = Status::fatal(0x100);
    /// Invalid Queue Identifier.
    pub const QUEUE_ID: Status = Status::fatal(0x101);
    /// Invalid Queue Size.
    pub const QUEUE_SIZE: Status = Status::fatal(0x102);
    /// Asynchronous Event Request Limit Exceeded.
    pub const EVENT_LIMIT: Status = Status::fatal(0x105);
    /// Invalid Interrupt Vector.
    pub const VECTOR: Status = Status::fatal(0x108);
    /// Invalid Log Page.
    pub const LOG_PAGE: Status = Status::fatal(0x109);
    /// Invalid Queue Deletion.
    pub const QUEUE_DELETION: Status = Status::fatal(0x10c);
    /// Feature Identifier Not Saveable.
    pub const NOT_SAVEABLE: Status = Status::fatal(0x10d);
    /// Feature Not Changeable.
    pub const NOT_CHANGEABLE: Status = Status::fatal(0x10e);
    /// Feature Not Namespace Specific.
    pub const NOT_OF_NAMESPACE: Status = Status::fatal(0x10f);
    /// Write Fault.
    pub const WRITE_FAULT: Status = Status(0x280);
    /// Unrecovered Read Error.
    pub const READ_ERROR: Status = Status(0x281);

    /// Do Not Retry.
    pub const DNR: u16 = 1 << 14;

    const fn fatal(code: u16) -> Status {
        Status(code | Self::DNR)
    }

    /// Status Code Type and Status Code.
    pub const fn code(self) -> u16 {
        self.0 & 0x7ff
    }
}

/// A submission queue entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command(pub [u8; SQE]);

impl Command {
    /// An entry with its PRP entries and dwords 10 to 15.
    pub fn new(opcode: u8, id: u16, nsid: u32, prp: (u64, u64), dwords: [u32; 6]) -> Self {
        let mut entry = [0; SQE];
        entry[..4].copy_from_slice(&(u32::from(id) << 16 | u32::from(opcode)).to_le_bytes());
        entry[4..8].copy_from_slice(&nsid.to_le_bytes());
        entry[24..32].copy_from_slice(&prp.0.to_le_bytes());
        entry[32..40].copy_from_slice(&prp.1.to_le_bytes());
        for (place, dword) in entry[40..].chunks_exact_mut(4).zip(dwords) {
            place.copy_from_slice(&dword.to_le_bytes());
        }
        Command(entry)
    }

    /// Dword `n`, 0 to 15.
    pub fn dw(&self, n: usize) -> u32 {
        u32::from_le_bytes([0, 1, 2, 3].map(|byte| self.0[4 * n + byte]))
    }

    /// Two dwords from `n` on.
    pub fn qw(&self, n: usize) -> u64 {
        u64::from(self.dw(n + 1)) << 32 | u64::from(self.dw(n))
    }

    /// Opcode.
    pub fn opcode(&self) -> u8 {
        self.0[0]
    }

    /// Command Identifier.
    pub fn id(&self) -> u16 {
        (self.dw(0) >> 16) as u16
    }

    /// Namespace Identifier.
    pub fn nsid(&self) -> u32 {
        self.dw(1)
    }

    /// PRP Entry 1 and 2.
    pub fn prp(&self) -> (u64, u64) {
        (self.qw(6), self.qw(8))
    }

    /// Neither fused nor with SGLs, which are not supported, and nothing reserved in between (figure 105).
    pub fn is_plain(&self) -> bool {
        self.0[1] == 0
    }
}

/// A completion queue entry; `status` holds no phase.
pub fn completion(result: u32, head: u16, queue: u16, id: u16, status: Status, phase: bool) -> [u8; CQE] {
    let mut entry = [0; CQE];
    entry[..4].copy_from_slice(&result.to_le_bytes());
    entry[8..10].copy_from_slice(&head.to_le_bytes());
    entry[10..12].copy_from_slice(&queue.to_le_bytes());
    entry[12..14].copy_from_slice(&id.to_le_bytes());
    entry[14..].copy_from_slice(&(status.0 << 1 | u16::from(phase)).to_le_bytes());
    entry
}
