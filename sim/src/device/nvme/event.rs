//! Asynchronous events and logs (NVM Express Base 1.4, 5.2, 5.14).

use std::collections::VecDeque;

use super::command::{admin, nvm, Status};

/// Log identifiers.
pub mod log {
    /// Error Information.
    pub const ERROR: u8 = 0x01;
    /// SMART / Health Information.
    pub const SMART: u8 = 0x02;
    /// Firmware Slot Information.
    pub const FIRMWARE: u8 = 0x03;
    /// Changed Namespace List.
    pub const CHANGED: u8 = 0x04;
    /// Commands Supported and Effects.
    pub const EFFECTS: u8 = 0x05;
}

/// Async event requests outstanding at most (AERL and one more).
pub const EVENT_REQUESTS: usize = 4;
/// Entries of the error log (ELPE and one more).
pub const ERRORS: usize = 4;

/// Type of an event (figure 147).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Error status.
    Error = 0,
    /// Notice.
    Notice = 2,
}

/// An asynchronous event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Type.
    pub kind: Kind,
    /// Information, its meaning depends on the type.
    pub info: u8,
    /// The log page that tells more, and clears it.
    pub log: u8,
}

/// Events and the commands that wait for them.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Identifiers of the async event requests.
    pub requests: VecDeque<u16>,
    pending: VecDeque<Event>,
    /// Types that were told and whose log was not read yet.
    masked: Vec<Kind>,
}

impl Events {
    /// Something happened.
    pub fn add(&mut self, event: Event) {
        if !self.masked.contains(&event.kind) && !self.pending.contains(&event) {
            self.pending.push_back(event);
        }
    }

    /// The host has read a log: events of its kind may be told again.
    pub fn seen(&mut self, log: u8) {
        let kind = if log == log::ERROR { Kind::Error } else { Kind::Notice };
        self.masked.retain(|&masked| masked != kind);
    }

    /// The end of an async event request: identifier and dword 0.
    pub fn take(&mut self) -> Option<(u16, u32)> {
        let at = self.pending.iter().position(|event| !self.masked.contains(&event.kind))?;
        let id = self.requests.pop_front()?;
        let event = self.pending.remove(at)?;
        self.masked.push(event.kind);
        Some((id, u32::from(event.log) << 16 | u32::from(event.info) << 8 | event.kind as u32))
    }
}

/// What the logs tell. It survives controller resets.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    errors: VecDeque<[u8; 64]>,
    error_count: u64,
    /// Blocks of 512 bytes read and written.
    pub blocks: [u64; 2],
    /// Read and write commands.
    pub commands: [u64; 2],
    /// Resets of the whole device.
    pub power_cycles: u64,
    /// Resets without shutdown before.
    pub unsafe_shutdowns: u64,
}

impl Logs {
    /// A command has failed.
    pub fn failed(&mut self, queue: u16, id: u16, status: Status, lba: u64, nsid: u32) {
        self.error_count += 1;
        let mut entry = [0; 64];
        entry[..8].copy_from_slice(&self.error_count.to_le_bytes());
        entry[8..10].copy_from_slice(&queue.to_le_bytes());
        entry[10..12].copy_from_slice(&id.to_le_bytes());
        entry[12..14].copy_from_slice(&(status.0 << 1).to_le_bytes());
        // No parameter is told.
        entry[14..16].copy_from_slice(&[0xff; 2]);
        entry[16..24].copy_from_slice(&lba.to_le_bytes());
        entry[24..28].copy_from_slice(&nsid.to_le_bytes());
        self.errors.push_front(entry);
        self.errors.truncate(ERRORS);
    }

    /// A log page.
    ///
    /// # Errors
    /// [`Status::LOG_PAGE`] if there is none.
    pub fn page(&self, id: u8) -> Result<Vec<u8>, Status> {
        Ok(match id {
            log::ERROR => {
                let mut page: Vec<u8> = self.errors.iter().flatten().copied().collect();
                page.resize(64 * ERRORS, 0);
                page
            }
            log::SMART => self.smart(),
            log::FIRMWARE => {
                let mut page = vec![0; 512];
                page[0] = 1;
                page[8..16].copy_from_slice(super::identify::FIRMWARE);
                page
            }
            // The namespace never changes.
            log::CHANGED => vec![0; 4096],
            log::EFFECTS => effects(),
            _ => return Err(Status::LOG_PAGE),
        })
    }

    fn smart(&self) -> Vec<u8> {
        let mut page = vec![0; 512];
        // 293 K, spare 100 %, threshold 10 %.
        page[1..5].copy_from_slice(&[0x25, 0x01, 100, 10]);
        let [read, written] = self.blocks.map(|blocks| blocks.div_ceil(1000));
        let [reads, writes] = self.commands;
        for (at, value) in [
            (32, read),
            (48, written),
            (64, reads),
            (80, writes),
            (112, self.power_cycles),
            (144, self.unsafe_shutdowns),
            (176, self.error_count),
        ] {
            page[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        page
    }
}

/// Which commands there are, and which change data (5.14.1.5).
fn effects() -> Vec<u8> {
    const SUPPORTED: u8 = 1;
    const CHANGES_DATA: u8 = 2;
    let mut page = vec![0; 4096];
    let admin = [
        admin::DELETE_SQ,
        admin::CREATE_SQ,
        admin::GET_LOG,
        admin::DELETE_CQ,
        admin::CREATE_CQ,
        admin::IDENTIFY,
        admin::ABORT,
        admin::SET_FEATURES,
        admin::GET_FEATURES,
        admin::ASYNC_EVENT,
        admin::KEEP_ALIVE,
    ];
    admin.iter().for_each(|&opcode| page[4 * usize::from(opcode)] = SUPPORTED);
    for opcode in [nvm::FLUSH, nvm::READ] {
        page[1024 + 4 * usize::from(opcode)] = SUPPORTED;
    }
    for opcode in [nvm::WRITE, nvm::WRITE_ZEROES, nvm::DATASET] {
        page[1024 + 4 * usize::from(opcode)] = SUPPORTED | CHANGES_DATA;
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_once_until_its_log_is_read() {
        let mut events = Events::default();
        let event = Event { kind: Kind::Error, info: 1, log: log::ERROR };
        events.add(event);
        events.add(event);
        assert_eq!(events.take(), None);
        events.requests.extend([7, 8]);
        assert_eq!(events.take(), Some((7, 0x0001_0100)));
        events.add(event);
        assert_eq!(events.take(), None);
        events.seen(log::SMART);
        events.add(event);
        assert_eq!(events.take(), None);
        events.seen(log::ERROR);
        assert_eq!(events.take(), None);
        events.add(event);
        assert_eq!(events.take(), Some((8, 0x0001_0100)));
    }

    #[test]
    fn the_newest_error_is_first() {
        let mut logs = Logs::default();
        (0..6).for_each(|id| logs.failed(1, id, Status::LBA_RANGE, 5, 1));
        let page = logs.page(log::ERROR).unwrap();
        assert_eq!(
            page.chunks(64).map(|entry| (entry[0], entry[10])).collect::<Vec<_>>(),
            [(6, 5), (5, 4), (4, 3), (3, 2)]
        );
        assert_eq!(page[12..14], [0x00, 0x81]);
        assert_eq!(logs.page(log::SMART).unwrap()[176], 6);
        assert_eq!(logs.page(0x70), Err(Status::LOG_PAGE));
    }
}
