//! Tests of the slots: each side against the rules and a reference, and both against each other.

use super::*;
use crate::testing::{clocked, Bench, Clocked};

mod events;
mod host;
mod io;
mod io_full;
mod one;
mod pair;

clocked!(HotPlug<4>, HotPlug<1>, HotPlug<8>, IoPort, DeviceReset);

/// Rows of the update bus.
const COMMAND: u64 = 0;
const BRIDGE_CONTROL: u64 = 8;
const MSI_CONTROL: u64 = 10;
const MSI_ADDRESS: u64 = 11;
const MSI_UPPER: u64 = 12;
const MSI_DATA: u64 = 13;
const LINK_CONTROL: u64 = 15;
const SLOT: u64 = 16;

/// Bits of Slot Status in row 16.
const PDC: u64 = 1 << 19;
const DLLSC: u64 = 1 << 24;

/// What a PORT_STATUS says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Status {
    generation: u8,
    present: bool,
    link: bool,
    fault: bool,
    buttons: u8,
    changes: u8,
    drops: u8,
}

impl Status {
    fn word(self) -> u64 {
        let flags = u8::from(self.present) | u8::from(self.link) << 1 | u8::from(self.fault) << 2;
        u64::from_le_bytes([0xE1, 2, self.generation, flags, self.buttons, self.changes, self.drops, 0])
    }

    fn read(word: u64) -> Self {
        let b = word.to_le_bytes();
        assert_eq!((b[0], b[1], b[3] & !7, b[7]), (0xE1, 2, 0, 0), "PORT_STATUS {word:#018x}");
        Status {
            generation: b[2],
            present: b[3] & 1 != 0,
            link: b[3] & 2 != 0,
            fault: b[3] & 4 != 0,
            buttons: b[4],
            changes: b[5],
            drops: b[6],
        }
    }
}

/// What a PORT_CONTROL says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Control {
    generation: u8,
    hold: bool,
    link_disable: bool,
    power_off: bool,
    host_up: bool,
    keep: bool,
    indicators: u8,
    cleared: u8,
}

impl Control {
    fn word(self) -> u64 {
        let flags = u8::from(self.hold)
            | u8::from(self.link_disable) << 1
            | u8::from(self.power_off) << 2
            | u8::from(self.host_up) << 3
            | u8::from(self.keep) << 4;
        u64::from_le_bytes([0xE0, 2, self.generation, flags, self.indicators, self.cleared, 0, 0])
    }

    fn read(word: u64) -> Self {
        let b = word.to_le_bytes();
        assert_eq!((b[0], b[1], b[3] & !31, b[6], b[7]), (0xE0, 2, 0, 0, 0), "PORT_CONTROL {word:#018x}");
        Control {
            generation: b[2],
            hold: b[3] & 1 != 0,
            link_disable: b[3] & 2 != 0,
            power_off: b[3] & 4 != 0,
            host_up: b[3] & 8 != 0,
            keep: b[3] & 16 != 0,
            indicators: b[4],
            cleared: b[5],
        }
    }
}
