//! An NVMe controller with one namespace (NVM Express Base 1.4, PCI Express transport).
//!
//! | BAR 0, 64 bits, 16 KiB | what |
//! |---|---|
//! | 0x0000 | [registers](registers) |
//! | 0x1000 | doorbells |
//! | 0x2000 | MSI-X table |
//! | 0x3000 | MSI-X pending bits |
//!
//! | file | what |
//! |---|---|
//! | `registers` | CAP to ACQ |
//! | `queue` | submission and completion queues, doorbells |
//! | `command` | entries, opcodes, status codes |
//! | `controller` | fetches, runs and completes commands |
//! | `admin`, `io` | what each command does |
//! | `identify`, `feature`, `event` | data structures, features, events and logs |
//! | `prp`, `transfer` | where data are, and how they move |
//! | `medium` | where blocks are kept |
//!
//! Ordering: a command's data go out before its completion, the completion before its interrupt, all as posted requests,
//! which do not pass each other (PCIe 2.4.1). Reads never hold up writes, so nothing waits in a circle.
//!
//! A data read that fails ends its command with Data Transfer Error; a submission queue entry that cannot be read sets
//! CSTS.CFS, for there is no command to complete. Nothing of the registers, queues or features survives PERST#, hot reset, a
//! lost link or a function level reset; a controller reset (CC.EN) keeps AQA, ASQ and ACQ. The medium stays as it is.

mod admin;
mod command;
mod controller;
mod event;
mod feature;
mod identify;
mod io;
mod medium;
mod prp;
mod queue;
mod registers;
#[cfg(test)]
mod tests;
mod transfer;

pub use command::{admin as admin_opcode, completion, nvm as nvm_opcode, Command, Status, CQE, SQE};
pub use controller::Nvme;
pub use feature::id as feature_id;
pub use identify::NSID;
pub use medium::Medium;
pub use registers::{offset as register, FATAL, QUEUE_ENTRIES, READY, SHUT_DOWN};

/// Bytes of BAR 0.
const BAR: u64 = 0x4000;
/// Offset of the MSI-X table.
const MSIX_TABLE: u64 = 0x2000;
/// Offset of the MSI-X pending bits.
const MSIX_PENDING: u64 = 0x3000;

/// What a controller is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvmeConfig {
    /// Model, up to 40 ASCII characters.
    pub model: String,
    /// Serial number, up to 20 ASCII characters.
    pub serial: String,
    /// Vendor ID in Identify Controller.
    pub vendor: u16,
    /// Bytes of a logical block, 512 or 4096.
    pub block: u64,
    /// Maximum Data Transfer Size: 2^`mdts` pages of 4 KiB, 1 to 10.
    pub mdts: u8,
    /// I/O queue pairs, 1 to 63.
    pub queues: u16,
    /// MSI-X vectors, 1 to 64.
    pub vectors: u16,
    /// Commands under way at most.
    pub commands: usize,
    /// Clocks from CC.EN to CSTS.RDY, and of a shutdown.
    pub ready: u64,
}

impl Default for NvmeConfig {
    fn default() -> Self {
        NvmeConfig {
            model: "PEB simulated NVMe".into(),
            serial: "PEB0001".into(),
            vendor: 0x1234,
            block: 512,
            mdts: 5,
            queues: 15,
            vectors: 16,
            commands: 32,
            ready: 1000,
        }
    }
}

impl NvmeConfig {
    /// The nearest values that are allowed.
    fn checked(mut self) -> Self {
        self.block = if self.block <= 512 { 512 } else { 4096 };
        self.mdts = self.mdts.clamp(1, 10);
        self.queues = self.queues.clamp(1, 63);
        self.vectors = self.vectors.clamp(1, 64);
        self.commands = self.commands.max(1);
        self.serial = self.serial.chars().filter(|c| c.is_ascii_graphic()).take(20).collect();
        self
    }

    /// Bytes of a transfer at most.
    fn largest(&self) -> u64 {
        4096 << self.mdts
    }

    /// IEEE Extended Unique Identifier: of serial and block size, locally administered, so that each disk has its own.
    fn eui64(&self) -> u64 {
        let hash = self
            .serial
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        hash & !(3 << 56) | 2 << 56
    }
}
