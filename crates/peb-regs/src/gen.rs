//! `docs/registers.md`.

use crate::{Access, Register, Reset, Role, COUNTERS, MAX_SLOTS, REGISTERS, SLOT_BASE, SLOT_REGISTERS, SLOT_STRIDE};
use std::fmt::Write;

/// The files this crate generates: path from the root of the repository, and content.
pub fn files() -> Vec<(&'static str, String)> {
    vec![("docs/registers.md", registers_md())]
}

/// The document, in Markdown.
pub fn registers_md() -> String {
    let mut text = String::from(
        "# Management registers\n\n\
        Generated from the tables in `crates/peb-regs` by `cargo xtask gen`; do not edit.\n\n\
        Byte addresses on `mgmt_addr`; every register has 32 bits. RO: writes are ignored. RW: bits that are not\n\
        implemented are ignored. RW, saturating: a value above the implemented bits becomes the largest. Unused\n\
        addresses and bits read 0; every access is acknowledged. `rst` resets all registers, a reset of the host's\n\
        PCIe link none.\n\n\
        ## Identity, setting, state\n",
    );
    rows(&mut text, REGISTERS, true);
    text += "\n## Counters\n\nRO, 32 bits, wrap, not cleared by reading, cleared by `rst` only. What is dropped is counted once, by the most\n\
        specific counter.\n\n| address | name | counts |\n|---|---|---|\n";
    for Register { addr, name, meaning, .. } in COUNTERS {
        let _ = writeln!(text, "| 0x{addr:04X} | {name} | {meaning} |");
    }
    let _ = write!(
        text,
        "\n## Slots (host)\n\nSlot n, 0 to {}, has its registers at 0x{SLOT_BASE:04X} + 0x{SLOT_STRIDE:02X} n. \
        They read 0 while the slot is not bound, and for slots the core does not have.\n",
        MAX_SLOTS - 1
    );
    rows(&mut text, SLOT_REGISTERS, false);
    text
}

/// One table in Markdown.
fn rows(text: &mut String, registers: &[Register], absolute: bool) {
    text.push_str("\n| address | name | access | on | bits | reset | meaning |\n|---|---|---|---|---|---|---|\n");
    for register in registers {
        let addr = if absolute { format!("0x{:04X}", register.addr) } else { format!("+0x{:02X}", register.addr) };
        let access = match register.access {
            Access::Ro => "RO",
            Access::Rw => "RW",
            Access::Saturating => "RW, saturating",
        };
        let role = match register.role {
            Role::Both => "both",
            Role::Host => "host",
            Role::Io => "I/O",
        };
        let reset = match register.reset {
            Reset::Value(value) if value > 0x00ff_ffff => format!("0x{value:08X}"),
            Reset::Value(value) => value.to_string(),
            Reset::Live(what) => what.to_string(),
        };
        let mut meaning = register.meaning.to_string();
        for bits in register.bits {
            let range = if bits.msb == bits.lsb { bits.lsb.to_string() } else { format!("{}:{}", bits.msb, bits.lsb) };
            let _ = write!(meaning, " `[{range}]` {}.", bits.meaning);
        }
        let (name, width) = (register.name, register.width());
        let _ = writeln!(text, "| {addr} | {name} | {access} | {role} | {width} | {reset} | {meaning} |");
    }
}
