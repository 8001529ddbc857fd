//! The hex dump.

use crate::{registers, serial_number, Kind, Mix, Parameters, DWORDS};
use std::fmt::Write;

/// Configuration space after reset of the switch's ports, as `lspci -F` reads it: the upstream port is device
/// 01:00.0, slot n is 02:n.0. `mac` is the core's MAC address, `filled` has a bit for each slot with a device whose link
/// is up.
pub fn hex_dump(parameters: &Parameters, mac: u64, filled: u8) -> String {
    let mut text = String::new();
    for port in 0..=parameters.slots {
        let name = match port {
            0 => "01:00.0 PCI bridge: upstream port".to_string(),
            _ => format!("02:{:02x}.0 PCI bridge: downstream port, slot {}", port - 1, port - 1),
        };
        let _ = writeln!(text, "{name}");
        let link_up = port > 0 && filled >> (port - 1) & 1 == 1;
        let bytes: Vec<u8> = dwords(parameters, port, mac, link_up).into_iter().flat_map(u32::to_le_bytes).collect();
        for (line, bytes) in bytes.chunks(16).enumerate() {
            let _ = write!(text, "{:02x}:", 16 * line);
            bytes.iter().for_each(|byte| {
                let _ = write!(text, " {byte:02x}");
            });
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// All dwords of a port after reset, as they read; `link_up`: of a slot with a device.
pub(crate) fn dwords(parameters: &Parameters, port: usize, mac: u64, link_up: bool) -> Vec<u32> {
    let mut dwords = vec![0; DWORDS];
    let serial = serial_number(mac);
    for register in registers(Kind::of(port), parameters) {
        let mixed = match register.mix {
            Mix::None => 0,
            Mix::SlotNumber => (port as u32) << 19,
            Mix::PortNumber => (port as u32) << 24,
            Mix::SerialLow => serial as u32,
            Mix::SerialHigh => (serial >> 32) as u32,
        };
        let live = match register.offset {
            0x70 if link_up => parameters.link_status(),
            0x78 if link_up => 1 << 22,
            _ => 0,
        };
        dwords[register.offset as usize / 4] = register.reset() | mixed | live;
    }
    dwords
}

impl Parameters {
    /// Live bits of Link Control, Status of a slot whose link is active: speed, width, Data Link Layer Link Active.
    pub fn link_status(&self) -> u32 {
        1 << 29 | u32::from(self.link_width) << 20 | u32::from(self.link_speed) << 16
    }
}
