//! The PCI host bridge that the guest is told of by ACPI: segment 1, configuration space and memory behind the BARs of a
//! proxied function that nobody but this table knows.

use crate::aml::{
    and_into, bus_numbers, config_region, device, dword_of_argument, dwords_of_region, eisa_id, fixed_memory, integer,
    memory_window, method, named, resources, return_argument, scope, ssdt, store, terms,
};

/// Where the proxied function is: device 16, function 1. Without a function 0 nobody looks there.
pub const FUNCTION: (u8, u8) = (16, 1);
/// BAR 0: enhanced configuration access, 1 MiB a bus (PCIe 7.2.2).
pub const ECAM: u32 = 0xe000_0000;
/// Buses of the segment.
pub const BUSES: u16 = 16;
/// Bytes behind BAR 0.
pub const ECAM_LEN: u32 = (BUSES as u32) << 20;
/// BAR 1: memory below the root port.
pub const WINDOW: u32 = 0xd000_0000;
/// Bytes behind BAR 1.
pub const WINDOW_LEN: u32 = 0x1000_0000;
/// PCI segment of the host bridge.
pub const SEGMENT: u32 = 1;
/// What `_OSC` leaves to the operating system: native hot-plug, PME, AER, PCIe capability structure (PCI Firmware 4.5.1).
const OSC_GRANTED: u32 = 0x1d;

/// The table.
pub fn table() -> Vec<u8> {
    let (at, function) = FUNCTION;
    let set_bars = terms([
        store(integer(ECAM), "BAR0"),
        store(integer(WINDOW), "BAR1"),
        // Memory Space Enable.
        store(integer(2), "CMD"),
    ]);
    let function = device(
        "PEB0",
        &terms([
            named("_ADR", integer(u32::from(at) << 16 | u32::from(function))),
            config_region("CONF", 0x40),
            dwords_of_region("CONF", &[(4, "CMD"), (8, "BAR0"), (0, "BAR1")]),
            method("_INI", 0, &set_bars),
        ]),
    );
    let reserved = device(
        "PEB1",
        &terms([
            named("_HID", eisa_id(*b"PNP", 0x0c02)),
            named("_UID", integer(0x50)),
            named("_CRS", resources(&[fixed_memory(ECAM, ECAM_LEN)])),
        ]),
    );
    let osc = terms([dword_of_argument(3, 8, "CTRL"), and_into("CTRL", integer(OSC_GRANTED)), return_argument(3)]);
    let bridge = device(
        "PEB2",
        &terms([
            named("_HID", eisa_id(*b"PNP", 0x0a08)),
            named("_CID", eisa_id(*b"PNP", 0x0a03)),
            named("_UID", integer(0x51)),
            named("_SEG", integer(SEGMENT)),
            named("_BBN", integer(0)),
            named("_CBA", integer(ECAM)),
            named("_CRS", resources(&[bus_numbers(0, BUSES - 1), memory_window(WINDOW, WINDOW_LEN)])),
            method("_OSC", 4, &osc),
        ]),
    );
    let content = terms([scope("\\_SB.PCI0", &function), scope("\\_SB", &terms([reserved, bridge]))]);
    ssdt(b"PEBBRIDG", &content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_acpi_compiler_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bridge.aml"), table()).unwrap();
        let Ok(output) = Command::new("iasl").args(["-d", "bridge.aml"]).current_dir(dir.path()).output() else {
            println!("iasl is not installed: not compared");
            return;
        };
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{log}");
        let source = std::fs::read_to_string(dir.path().join("bridge.dsl")).unwrap();
        for part in [
            "Scope (\\_SB.PCI0)",
            "OperationRegion (CONF, PCI_Config, 0x00000000, 0x00000040)",
            "Offset (0x10)",
            "Name (_ADR, 0x00100001)",
            "Name (_HID, EisaId (\"PNP0A08\") /* PCI Express Bus */)",
            "Name (_SEG, 0x00000001)",
            "Name (_CBA, 0xE0000000)",
            "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode",
            "0xDFFFFFFF,         // Range Maximum",
            "CreateDWordField (Arg3, 0x00000008, CTRL)",
            "CTRL &= 0x0000001D",
            "Return (Arg3)",
        ] {
            assert!(source.contains(part), "{part} is not in\n{source}");
        }
    }
}
