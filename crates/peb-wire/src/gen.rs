//! `docs/wire-format.md` and the Wireshark dissector, from the table.
//!
//! The text that does not depend on the table is in the templates beside this file; `@NAME@` marks what is put in.

use crate::{
    limit_fraction, tlps_per_frame, Field, When, CONTROL, ETHERTYPE, FIELDS, HEADER_LEN, KINDS, MAGIC, MAX_RECORDS,
    MIN_FRAME, MTU, OVERHEAD, PAD, VERSION, WINDOW,
};
use peb_tlp::{Class, FmtType};

const DOCUMENT: &str = include_str!("gen/wire-format.md");
const DISSECTOR: &str = include_str!("gen/peb.lua");

/// The files this crate generates: path from the root of the repository, and content.
pub fn files() -> Vec<(&'static str, String)> {
    vec![("docs/wire-format.md", wire_format_md()), ("tools/wireshark/peb.lua", peb_lua())]
}

/// The document, in Markdown.
pub fn wire_format_md() -> String {
    let rows = FIELDS.iter().map(|field| {
        let when = match field.when {
            When::Always => "all",
            When::Data => "DATA",
            When::Join => "all but DATA",
        };
        format!("| {} | {} | {} | {when} | {} |", place(field), field.name, field.width, field.meaning)
    });
    let kinds = KINDS.iter().map(|(kind, name, meaning)| format!("| {} | {name} | {meaning} |", kind.bits()));
    let limits = [64, 128, 256, 512].map(|payload| {
        let (tlps, limit) = (tlps_per_frame(12, payload), limit_fraction(12, payload) * 100.0);
        format!("| {payload} | {tlps} | {limit:.2} % |")
    });
    fill(DOCUMENT)
        .replace("@FIELDS@", &lines(rows))
        .replace("@KINDS@", &lines(kinds))
        .replace("@LIMITS@", &lines(limits.into_iter()))
}

/// The dissector, in Lua for Wireshark 3.6 and later.
pub fn peb_lua() -> String {
    let types = (0..=255).filter_map(|byte0| FmtType::parse(byte0).ok()).map(|fmt_type| {
        let class = match fmt_type.class() {
            Class::Posted => "posted",
            Class::NonPosted => "non-posted",
            Class::Completion => "completion",
        };
        format!("  [0x{:02x}] = {{ name = \"{}\", class = \"{class}\" }},", fmt_type.byte0(), fmt_type.name())
    });
    let kinds = KINDS.iter().map(|(kind, name, _)| format!("  [{}] = \"{name}\",", kind.bits()));
    fill(DISSECTOR)
        .replace("@FIELDS@", &lines(FIELDS.iter().map(lua_field)))
        .replace("@KINDS@", &lines(kinds))
        .replace("@TYPES@", &lines(types))
}

/// Bytes and bits of a field as the document shows them.
fn place(field: &Field) -> String {
    let last = field.byte + field.bytes() - 1;
    if u32::from(field.width) < 8 * field.bytes() as u32 {
        match field.width {
            1 => format!("{}[{}]", field.byte, field.lsb),
            _ => format!("{}[{}:{}]", field.byte, field.lsb + field.width - 1, field.lsb),
        }
    } else if last > field.byte {
        format!("{}-{last}", field.byte)
    } else {
        field.byte.to_string()
    }
}

/// One row of the dissector's field table.
fn lua_field(field: &Field) -> String {
    let Field { name, byte, lsb, width, meaning, .. } = *field;
    let bytes = field.bytes();
    let when = match field.when {
        When::Always => "always",
        When::Data => "data",
        When::Join => "join",
    };
    let label = name.replace('_', " ");
    let mask = u64::from(field.max()) << lsb;
    let proto_field = if width == 1 {
        format!("ProtoField.bool(\"peb.{name}\", \"{label}\", 8, nil, 0x{mask:02x}, \"{meaning}\")")
    } else {
        let base = if matches!(name, "magic" | "src_epoch" | "dst_epoch" | "sack") { "HEX" } else { "DEC" };
        let values = if name == "kind" { "KINDS" } else { "nil" };
        let mask = if usize::from(width) == 8 * bytes { "nil".to_string() } else { format!("0x{mask:02x}") };
        let bits = 8 * bytes;
        format!("ProtoField.uint{bits}(\"peb.{name}\", \"{label}\", base.{base}, {values}, {mask}, \"{meaning}\")")
    };
    let skip = 8 * bytes - usize::from(lsb) - usize::from(width);
    format!(
        "  {{ name = \"{name}\", when = \"{when}\", byte = {byte}, bytes = {bytes}, skip = {skip}, width = {width},\n    \
        field = {proto_field} }},"
    )
}

/// Puts the constants in.
fn fill(template: &str) -> String {
    [
        ("@ETHERTYPE@", format!("0x{ETHERTYPE:04X}")),
        ("@MAGIC@", format!("0x{MAGIC:02X}")),
        ("@VERSION@", VERSION.to_string()),
        ("@HEADER_LEN@", HEADER_LEN.to_string()),
        ("@MTU@", MTU.to_string()),
        ("@MAX_RECORDS@", MAX_RECORDS.to_string()),
        ("@MIN_FRAME@", MIN_FRAME.to_string()),
        ("@PAD@", format!("0x{PAD:02X}")),
        ("@CONTROL@", format!("0x{CONTROL:02X}")),
        ("@WINDOW@", WINDOW.to_string()),
        ("@OVERHEAD@", OVERHEAD.to_string()),
    ]
    .iter()
    .fold(template.to_string(), |text, (name, value)| text.replace(name, value))
}

fn lines(rows: impl Iterator<Item = String>) -> String {
    rows.collect::<Vec<_>>().join("\n")
}
