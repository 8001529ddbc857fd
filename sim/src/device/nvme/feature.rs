//! Features (NVM Express Base 1.4, 5.13, 5.21).

use super::command::{Command, Status, ALL};

/// Feature identifiers.
pub mod id {
    /// Arbitration.
    pub const ARBITRATION: u8 = 0x01;
    /// Power Management.
    pub const POWER: u8 = 0x02;
    /// Temperature Threshold.
    pub const TEMPERATURE: u8 = 0x04;
    /// Error Recovery.
    pub const ERROR_RECOVERY: u8 = 0x05;
    /// Volatile Write Cache.
    pub const WRITE_CACHE: u8 = 0x06;
    /// Number of Queues.
    pub const QUEUES: u8 = 0x07;
    /// Interrupt Coalescing.
    pub const COALESCING: u8 = 0x08;
    /// Interrupt Vector Configuration.
    pub const VECTOR: u8 = 0x09;
    /// Write Atomicity Normal.
    pub const ATOMICITY: u8 = 0x0a;
    /// Asynchronous Event Configuration.
    pub const EVENTS: u8 = 0x0b;
    /// Keep Alive Timer.
    pub const KEEP_ALIVE: u8 = 0x0f;
}

/// Each feature: identifier, bits that may be set, default.
const TABLE: [(u8, u32, u32); 11] = [
    // Burst of 8 (2^3).
    (id::ARBITRATION, 0xffff_ff07, 3),
    (id::POWER, 0x0000_00ff, 0),
    (id::TEMPERATURE, 0x003f_ffff, 343),
    (id::ERROR_RECOVERY, 0x0001_ffff, 0),
    (id::WRITE_CACHE, 0x0000_0001, 1),
    (id::QUEUES, 0xffff_ffff, 0),
    (id::COALESCING, 0x0000_ffff, 0),
    (id::VECTOR, 0x0001_ffff, 0),
    (id::ATOMICITY, 0x0000_0001, 0),
    (id::EVENTS, 0x0000_7fff, 0),
    (id::KEEP_ALIVE, 0xffff_ffff, 0),
];

/// Whether a feature is one of the namespace.
const fn of_namespace(feature: u8) -> bool {
    feature == id::ERROR_RECOVERY
}

/// Values of all features. Nothing is saved: every reset brings the defaults back.
#[derive(Clone, Debug)]
pub struct Features {
    values: [u32; TABLE.len()],
    queues: u16,
    vectors: u16,
    uncoalesced: u64,
}

impl Features {
    /// Defaults for a controller with so many I/O queue pairs and vectors.
    pub fn new(queues: u16, vectors: u16) -> Self {
        let mut values = TABLE.map(|(_, _, default)| default);
        for (value, (feature, ..)) in values.iter_mut().zip(TABLE) {
            if feature == id::QUEUES {
                *value = u32::from(queues - 1) << 16 | u32::from(queues - 1);
            }
        }
        Features { values, queues, vectors, uncoalesced: 0 }
    }

    /// The current value of a feature that there is.
    pub fn value(&self, feature: u8) -> u32 {
        place(feature).map_or(0, |place| self.values[place])
    }

    /// Set Features; gives dword 0 of the completion. `busy` tells that there are I/O queues already.
    ///
    /// # Errors
    /// The status with which it fails.
    pub fn set(&mut self, command: &Command, busy: bool) -> Result<u32, Status> {
        let (feature, value) = (command.dw(10) as u8, command.dw(11));
        let place = place(feature).ok_or(Status::INVALID_FIELD)?;
        if command.dw(10) >> 31 == 1 {
            return Err(Status::NOT_SAVEABLE);
        }
        check_namespace(feature, command.nsid())?;
        let value = value & TABLE[place].1;
        match feature {
            id::POWER if value & 0x1f != 0 => return Err(Status::INVALID_FIELD),
            id::VECTOR => {
                if value & 0xffff >= u32::from(self.vectors) {
                    return Err(Status::INVALID_FIELD);
                }
                let bit = 1 << (value & 0x3f);
                self.uncoalesced = self.uncoalesced & !bit | if value >> 16 == 1 { bit } else { 0 };
                return Ok(0);
            }
            id::QUEUES => {
                // Before the first I/O queue is made, 0-based, 65535 is reserved (5.21.1.7).
                if value & 0xffff == 0xffff || value >> 16 == 0xffff {
                    return Err(Status::INVALID_FIELD);
                }
                // Command Sequence Error.
                if busy {
                    return Err(Status(0x00c | Status::DNR));
                }
                return Ok(self.values[place]);
            }
            _ => self.values[place] = value,
        }
        Ok(0)
    }

    /// Get Features; gives dword 0 of the completion.
    ///
    /// # Errors
    /// The status with which it fails.
    pub fn get(&self, command: &Command) -> Result<u32, Status> {
        const CHANGEABLE: u32 = 4;
        let (feature, select) = (command.dw(10) as u8, command.dw(10) >> 8 & 7);
        let place = place(feature).ok_or(Status::INVALID_FIELD)?;
        check_namespace(feature, command.nsid())?;
        let current = match feature {
            id::VECTOR => {
                let vector = command.dw(11) & 0xffff;
                if vector >= u32::from(self.vectors) {
                    return Err(Status::INVALID_FIELD);
                }
                vector | ((self.uncoalesced >> vector & 1) as u32) << 16
            }
            _ => self.values[place],
        };
        match select {
            0 => Ok(current),
            // Default; there is nothing saved, which gives the default as well.
            1 | 2 if feature == id::VECTOR => Ok(current & 0xffff),
            1 | 2 => Ok(Self::new(self.queues, self.vectors).values[place]),
            3 => Ok(CHANGEABLE | u32::from(of_namespace(feature)) << 1),
            _ => Err(Status::INVALID_FIELD),
        }
    }
}

fn place(feature: u8) -> Option<usize> {
    TABLE.iter().position(|&(id, ..)| id == feature)
}

/// Features of the controller are asked for with NSID 0 or all ones, those of the namespace with its NSID or all ones.
fn check_namespace(feature: u8, nsid: u32) -> Result<(), Status> {
    match (of_namespace(feature), nsid) {
        (_, ALL) | (false, 0) | (true, super::identify::NSID) => Ok(()),
        (true, _) => Err(Status::INVALID_NAMESPACE),
        (false, super::identify::NSID) => Err(Status::NOT_OF_NAMESPACE),
        (false, _) => Err(Status::INVALID_NAMESPACE),
    }
}
