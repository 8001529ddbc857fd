//! What [`ErrorLog`](super::ErrorLog) has to do, by the flow chart of the specification (6.2.5), with the table of `peb-config`.

use peb_config::{registers, row, Access, Kind, Parameters, Register};

/// Codes of error messages.
pub const COR: u8 = 0x30;
pub const NONFATAL: u8 = 0x31;
pub const FATAL: u8 = 0x33;

/// Errors, by their bit at the block's inputs.
pub const POSTED: usize = 0;
pub const NON_POSTED: usize = 1;
pub const UNEXPECTED: usize = 2;
pub const POISONED: usize = 3;
pub const POSTED_SOURCE: usize = 4;
pub const SOURCE: usize = 5;
pub const MESSAGE: usize = 6;
pub const MALFORMED: usize = 7;

/// The registers of all ports.
pub struct Model {
    tables: [Vec<Register>; 2],
    rows: Vec<[u32; 32]>,
}

impl Model {
    /// As after reset.
    pub fn new(slots: usize) -> Self {
        let tables = [Kind::Upstream, Kind::Downstream].map(|kind| registers(kind, &Parameters::default()));
        let rows = (0..=slots).map(|port| {
            let mut rows = [0; 32];
            tables[port.min(1)].iter().for_each(|r| rows[r.row.unwrap_or(31) as usize] = r.reset());
            rows
        });
        Model { rows: rows.collect(), tables }
    }

    /// The registers of another one.
    pub fn copy(&mut self, other: &Model) {
        self.rows.clone_from(&other.rows);
    }

    pub fn value(&self, port: usize, row: u8) -> u32 {
        self.rows[port][row as usize]
    }

    /// All rows of all ports.
    pub fn rows(&self) -> &[[u32; 32]] {
        &self.rows
    }

    fn register(&self, port: usize, row: u8) -> &Register {
        self.tables[port.min(1)].iter().find(|r| r.row == Some(row)).expect("a row of the table")
    }

    /// Bits that software can write.
    pub fn writable(&self, port: usize, row: u8) -> u32 {
        self.register(port, row).mask(Access::Rw)
    }

    /// Software writes a row; status bits are cleared by 1.
    pub fn write(&mut self, port: usize, row: u8, value: u32) -> u32 {
        let value = self.register(port, row).written(self.value(port, row), value, 15);
        self.rows[port][row as usize] = value;
        value
    }

    /// The hardware sets bits of a row.
    pub fn set(&mut self, port: usize, row: u8, bits: u32) -> u32 {
        let value = self.register(port, row).set(self.value(port, row), bits);
        self.rows[port][row as usize] = value;
        value
    }

    fn has(&self, port: usize, row: u8, bit: u32) -> bool {
        self.value(port, row) >> bit & 1 == 1
    }

    /// An error of a port: its effect on the registers. The messages that follow, each with its port.
    pub fn error(&mut self, port: usize, error: usize) -> Vec<(usize, u8)> {
        let serr = self.has(port, row::COMMAND, 8);
        if error == MESSAGE {
            self.set(port, row::SECONDARY_STATUS, 1 << 30);
            if self.has(port, row::BRIDGE_CONTROL, 17) {
                self.leaves(port);
            }
            return vec![];
        }
        let bit = match error {
            POSTED | NON_POSTED => 20,
            UNEXPECTED => 16,
            POISONED => 12,
            POSTED_SOURCE | SOURCE => 21,
            _ => 18,
        };
        match error {
            POISONED if port == 0 => drop(self.set(port, row::COMMAND, 1 << 31)),
            POISONED => drop(self.set(port, row::SECONDARY_STATUS, 1 << 31)),
            SOURCE => drop(self.set(port, row::SECONDARY_STATUS, 1 << 27)),
            _ => {}
        }
        let unsupported = bit == 20;
        let fatal = self.has(port, row::UNCORRECTABLE_SEVERITY, bit);
        let masked = self.has(port, row::UNCORRECTABLE_MASK, bit);
        let urr = !unsupported || self.has(port, row::DEVICE_CONTROL, 3);
        let detected = if unsupported { 1 << 19 } else { 0 };
        if !fatal && matches!(error, NON_POSTED | UNEXPECTED | POISONED | SOURCE) {
            // Advisory Non-Fatal Error.
            self.set(port, row::DEVICE_CONTROL, detected | 1 << 16);
            self.set(port, row::CORRECTABLE_STATUS, 1 << 13);
            if self.has(port, row::CORRECTABLE_MASK, 13) {
                return vec![];
            }
            self.set(port, row::UNCORRECTABLE_STATUS, 1 << bit);
            return self.tells(port, COR, urr && self.has(port, row::DEVICE_CONTROL, 0));
        }
        self.set(port, row::DEVICE_CONTROL, detected | if fatal { 1 << 18 } else { 1 << 17 });
        self.set(port, row::UNCORRECTABLE_STATUS, 1 << bit);
        let enabled = self.has(port, row::DEVICE_CONTROL, if fatal { 2 } else { 1 });
        if masked || !(serr || (urr && enabled)) {
            return vec![];
        }
        self.leaves(port);
        self.tells(port, if fatal { FATAL } else { NONFATAL }, true)
    }

    /// ERR_NONFATAL or ERR_FATAL leaves a port on its primary side.
    fn leaves(&mut self, port: usize) {
        if self.has(port, row::COMMAND, 8) {
            self.set(port, row::COMMAND, 1 << 30);
        }
        if port != 0 {
            self.error(0, MESSAGE);
        }
    }

    fn tells(&self, port: usize, code: u8, enabled: bool) -> Vec<(usize, u8)> {
        let passes = port == 0 || self.has(0, row::BRIDGE_CONTROL, 17);
        if enabled && passes {
            vec![(port, code)]
        } else {
            vec![]
        }
    }
}
