//! `docs/config-space.md`.

use crate::{registers, Access, Kind, Mix, Parameters};
use std::fmt::Write;

/// The files this crate generates: path from the root of the repository, and content.
pub fn files() -> Vec<(&'static str, String)> {
    vec![("docs/config-space.md", config_space_md())]
}

/// The document, in Markdown.
pub fn config_space_md() -> String {
    let mut text = String::from(
        "# Configuration space\n\n\
        Generated from the table in `crates/peb-config` by `cargo xtask gen`; do not edit.\n\n\
        The ports of the switch are PCI-PCI bridges (PCI Express Base Specification 7.5 to 7.9): one upstream port,\n\
        and a downstream port for each slot. Offsets are in bytes. Values are those of a core with default parameters\n\
        (`Parameters`: IDs, payload size, link, slots). RO: constant. RW: software writes it. RW1C: the switch sets a\n\
        bit, software clears it by writing 1. HW: the switch writes it. Live: reads as things stand, or differs from\n\
        port to port. Bytes that a write does not enable stay as they are. Bits and offsets that are not here read 0.\n\
        The rows number where the hardware keeps a register. A reset of the host resets all rows but 20 to 24, which\n\
        are sticky and reset by `rst` only.\n\n\
        Of the errors the switch sets Poisoned TLP Received, Unexpected Completion, Unsupported Request, Advisory Non-Fatal\n\
        Error, at the upstream port Malformed TLP and at the slots ACS Violation. What other bits stand for is seen by the\n\
        block that ends the PCIe link; they stay 0. There is no Completion Timeout, as the ports ask nothing themselves, and\n\
        an AtomicOp that is blocked counts as Unsupported Request. The First Error Pointer points to a bit that is never set,\n\
        which says that the Header Log is not valid (7.8.4.7): it reads 0. Malformed TLPs of a device are dropped and counted\n\
        by its I/O PEB and not logged; TLPs for a slot whose link is down are dropped without an error if they are posted.\n",
    );
    let default = Parameters::default();
    section(&mut text, "Upstream port", Kind::Upstream, &default, |_| true);
    section(&mut text, "Downstream port", Kind::Downstream, &default, |_| true);
    text +=
        "\n## Downstream port with the full slot\n\nPower controller, indicators and attention button; what differs:\n";
    let full = Parameters { slot: crate::Slot::FULL, ..default };
    rows(&mut text, Kind::Downstream, &full, |offset| matches!(offset, 0x74 | 0x78));
    text
}

fn section(text: &mut String, title: &str, kind: Kind, parameters: &Parameters, wanted: fn(u16) -> bool) {
    let _ = writeln!(text, "\n## {title}");
    rows(text, kind, parameters, wanted);
}

fn rows(text: &mut String, kind: Kind, parameters: &Parameters, wanted: fn(u16) -> bool) {
    text.push_str("\n| offset | row | register | bits | access | reset | field |\n|---|---|---|---|---|---|---|\n");
    for register in registers(kind, parameters).into_iter().filter(|r| wanted(r.offset)) {
        let row = register.row.map_or(String::new(), |row| row.to_string());
        let (mut offset, mut row, mut name) = (format!("0x{:03X}", register.offset), row, register.name);
        for f in &register.fields {
            let bits = if f.msb == f.lsb { f.lsb.to_string() } else { format!("{}:{}", f.msb, f.lsb) };
            let access = match f.access {
                Access::Ro => "RO",
                Access::Rw => "RW",
                Access::Rw1c => "RW1C",
                Access::Hardware => "HW",
                Access::Live => "live",
            };
            let reset = match (f.access, register.mix) {
                (Access::Live, Mix::SlotNumber) => "slot + 1".to_string(),
                (Access::Live, Mix::PortNumber) => "port".to_string(),
                (Access::Live, _) => "-".to_string(),
                _ if f.reset < 10 => f.reset.to_string(),
                _ => format!("0x{:X}", f.reset),
            };
            let _ = writeln!(text, "| {offset} | {row} | {name} | {bits} | {access} | {reset} | {} |", f.name);
            (offset, row, name) = Default::default();
        }
    }
}
