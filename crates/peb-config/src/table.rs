//! The table.

use crate::Access::{Hardware, Live, Ro, Rw, Rw1c};
use crate::{Access, Field, Kind, Mix, Parameters, Register};

/// Numbers of the rows.
#[allow(missing_docs)] // named as the registers
pub mod row {
    pub const COMMAND: u8 = 0;
    pub const CACHE_LINE: u8 = 1;
    pub const BUSES: u8 = 2;
    pub const SECONDARY_STATUS: u8 = 3;
    pub const MEMORY: u8 = 4;
    pub const PREFETCHABLE: u8 = 5;
    pub const BASE_UPPER: u8 = 6;
    pub const LIMIT_UPPER: u8 = 7;
    pub const BRIDGE_CONTROL: u8 = 8;
    pub const PMCSR: u8 = 9;
    pub const MSI_CONTROL: u8 = 10;
    pub const MSI_ADDRESS: u8 = 11;
    pub const MSI_UPPER: u8 = 12;
    pub const MSI_DATA: u8 = 13;
    pub const DEVICE_CONTROL: u8 = 14;
    pub const LINK_CONTROL: u8 = 15;
    pub const SLOT_CONTROL: u8 = 16;
    pub const DEVICE_CONTROL_2: u8 = 17;
    pub const LINK_CONTROL_2: u8 = 18;
    pub const DEVICE_CAPABILITIES: u8 = 19;
    /// The first row that a reset of the host leaves as it is (sticky).
    pub const UNCORRECTABLE_STATUS: u8 = 20;
    pub const UNCORRECTABLE_MASK: u8 = 21;
    pub const UNCORRECTABLE_SEVERITY: u8 = 22;
    pub const CORRECTABLE_STATUS: u8 = 23;
    pub const CORRECTABLE_MASK: u8 = 24;
    /// The first row after the sticky ones; 25 to 29 are not used.
    pub const ACS_CONTROL: u8 = 30;
}

fn field(msb: u8, lsb: u8, name: &'static str, access: Access, reset: u32) -> Field {
    Field { msb, lsb, name, access, reset }
}

fn bit(lsb: u8, name: &'static str, access: Access, reset: u32) -> Field {
    field(lsb, lsb, name, access, reset)
}

fn register(offset: u16, row: Option<u8>, name: &'static str, fields: Vec<Field>) -> Register {
    Register { offset, row, name, fields, mix: Mix::None }
}

/// Header of a capability: ID, next, and the upper half.
fn capability(offset: u16, name: &'static str, id: u32, next: u32, upper: Field) -> Register {
    let fields = vec![field(7, 0, "Capability ID", Ro, id), field(15, 8, "Next", Ro, next), upper];
    register(offset, None, name, fields)
}

/// Header of an extended capability.
fn extended(offset: u16, name: &'static str, id: u32, next: u32) -> Register {
    let fields =
        vec![field(15, 0, "Capability ID", Ro, id), field(19, 16, "Version", Ro, 1), field(31, 20, "Next", Ro, next)];
    register(offset, None, name, fields)
}

/// All registers of a port that do not read 0, by offset.
pub fn registers(kind: Kind, p: &Parameters) -> Vec<Register> {
    let mut all = header(kind, p);
    all.extend(power_and_msi());
    all.extend(express(kind, p));
    all.push(capability(0xa0, "Subsystem IDs", 0x0d, 0, field(31, 16, "Reserved", Ro, 0)));
    all.push(register(
        0xa4,
        None,
        "Subsystem Vendor ID, Subsystem ID",
        vec![
            field(15, 0, "Subsystem Vendor ID", Ro, p.subsystem_vendor.into()),
            field(31, 16, "Subsystem ID", Ro, p.subsystem.into()),
        ],
    ));
    let down = kind == Kind::Downstream;
    all.extend(error_reporting(down));
    all.push(extended(0x140, "Device Serial Number", 3, if down { 0x150 } else { 0 }));
    for (offset, name, mix) in
        [(0x144, "Serial Number, lower half", Mix::SerialLow), (0x148, "Serial Number, upper half", Mix::SerialHigh)]
    {
        all.push(Register {
            mix,
            ..register(offset, None, name, vec![field(31, 0, "EUI-64 of the MAC address", Live, 0)])
        });
    }
    if down {
        all.push(extended(0x150, "Access Control Services", 0xd, 0));
        let fields = vec![bit(0, "Source Validation supported", Ro, 1), bit(16, "Source Validation Enable", Rw, 0)];
        all.push(register(0x154, Some(row::ACS_CONTROL), "ACS Capability, Control", fields));
    }
    all
}

/// Type 1 header (7.5.1.1, 7.5.1.3).
fn header(kind: Kind, p: &Parameters) -> Vec<Register> {
    let (device, pin) = match kind {
        Kind::Upstream => (p.upstream_device, 0),
        Kind::Downstream => (p.downstream_device, 1),
    };
    let status = |parity: &'static str, system: &'static str| {
        vec![
            bit(24, "Master Data Parity Error", Rw1c, 0),
            bit(27, "Signaled Target Abort", Rw1c, 0),
            bit(28, "Received Target Abort", Rw1c, 0),
            bit(29, "Received Master Abort", Rw1c, 0),
            bit(30, system, Rw1c, 0),
            bit(31, parity, Rw1c, 0),
        ]
    };
    let mut command = vec![
        bit(0, "I/O Space Enable", Rw, 0),
        bit(1, "Memory Space Enable", Rw, 0),
        bit(2, "Bus Master Enable", Rw, 0),
        bit(6, "Parity Error Response", Rw, 0),
        bit(8, "SERR# Enable", Rw, 0),
        bit(10, "Interrupt Disable", Rw, 0),
        bit(19, "Interrupt Status", if pin == 0 { Ro } else { Live }, 0),
        bit(20, "Capabilities List", Ro, 1),
    ];
    command.extend(status("Detected Parity Error", "Signaled System Error"));
    let window = |width: u32| {
        vec![
            field(3, 0, "Width of the base", Ro, width),
            field(15, 4, "Base, bits 31:20", Rw, 0),
            field(19, 16, "Width of the limit", Ro, width),
            field(31, 20, "Limit, bits 31:20", Rw, 0),
        ]
    };
    vec![
        register(
            0x00,
            None,
            "Vendor ID, Device ID",
            vec![field(15, 0, "Vendor ID", Ro, p.vendor.into()), field(31, 16, "Device ID", Ro, device.into())],
        ),
        register(0x04, Some(row::COMMAND), "Command, Status", command),
        register(
            0x08,
            None,
            "Revision ID, Class Code",
            vec![field(7, 0, "Revision ID", Ro, p.revision.into()), field(31, 8, "PCI-PCI bridge", Ro, 0x06_0400)],
        ),
        register(
            0x0c,
            Some(row::CACHE_LINE),
            "Cache Line Size, Header Type",
            vec![field(7, 0, "Cache Line Size", Rw, 0), field(23, 16, "Header Type", Ro, 1)],
        ),
        register(
            0x18,
            Some(row::BUSES),
            "Bus Numbers",
            vec![
                field(7, 0, "Primary Bus Number", Rw, 0),
                field(15, 8, "Secondary Bus Number", Rw, 0),
                field(23, 16, "Subordinate Bus Number", Rw, 0),
            ],
        ),
        register(
            0x1c,
            Some(row::SECONDARY_STATUS),
            "I/O Base, Limit (no I/O window), Secondary Status",
            status("Detected Parity Error", "Received System Error"),
        ),
        register(0x20, Some(row::MEMORY), "Memory Base, Limit", window(0)),
        register(0x24, Some(row::PREFETCHABLE), "Prefetchable Memory Base, Limit", window(1)),
        register(
            0x28,
            Some(row::BASE_UPPER),
            "Prefetchable Base Upper 32 Bits",
            vec![field(31, 0, "Base, bits 63:32", Rw, 0)],
        ),
        register(
            0x2c,
            Some(row::LIMIT_UPPER),
            "Prefetchable Limit Upper 32 Bits",
            vec![field(31, 0, "Limit, bits 63:32", Rw, 0)],
        ),
        register(0x34, None, "Capabilities Pointer", vec![field(7, 0, "First capability", Ro, 0x40)]),
        register(
            0x3c,
            Some(row::BRIDGE_CONTROL),
            "Interrupt Line, Interrupt Pin, Bridge Control",
            vec![
                field(7, 0, "Interrupt Line", Rw, 0),
                field(15, 8, "Interrupt Pin", Ro, pin),
                bit(16, "Parity Error Response Enable", Rw, 0),
                bit(17, "SERR# Enable", Rw, 0),
                bit(22, "Secondary Bus Reset", Rw, 0),
            ],
        ),
    ]
}

/// Power Management (7.5.2) and MSI (7.7.1).
fn power_and_msi() -> Vec<Register> {
    // Version 3; PME forwarded in D0, D3hot and D3cold.
    let pmc = field(31, 16, "Power Management Capabilities", Ro, 0xc803);
    vec![
        capability(0x40, "Power Management", 0x01, 0x48, pmc),
        register(
            0x44,
            Some(row::PMCSR),
            "Power Management Control/Status",
            vec![
                field(1, 0, "Power State (D0 or D3hot)", Rw, 0),
                bit(3, "No Soft Reset", Ro, 1),
                bit(8, "PME Enable", Rw, 0),
                bit(15, "PME Status", Rw1c, 0),
            ],
        ),
        register(
            0x48,
            Some(row::MSI_CONTROL),
            "MSI, Message Control",
            vec![
                field(7, 0, "Capability ID", Ro, 5),
                field(15, 8, "Next", Ro, 0x60),
                bit(16, "MSI Enable", Rw, 0),
                field(22, 20, "Multiple Message Enable", Rw, 0),
                bit(23, "64-bit Address Capable", Ro, 1),
            ],
        ),
        register(0x4c, Some(row::MSI_ADDRESS), "Message Address", vec![field(31, 2, "Address, bits 31:2", Rw, 0)]),
        register(0x50, Some(row::MSI_UPPER), "Message Upper Address", vec![field(31, 0, "Address, bits 63:32", Rw, 0)]),
        register(0x54, Some(row::MSI_DATA), "Message Data", vec![field(15, 0, "Data", Rw, 0)]),
    ]
}

/// PCI Express, version 2 (7.5.3).
fn express(kind: Kind, p: &Parameters) -> Vec<Register> {
    let down = kind == Kind::Downstream;
    let (speed, width) = (u32::from(p.link_speed), u32::from(p.link_width));
    let identity = field(31, 16, "Version 2, type, slot implemented", Ro, if down { 0x162 } else { 0x52 });
    let mut device = vec![
        field(2, 0, "Max_Payload_Size Supported", Ro, p.max_payload.into()),
        bit(5, "Extended Tag Field Supported", Ro, 1),
        bit(15, "Role-Based Error Reporting", Ro, 1),
    ];
    if !down {
        device.push(field(25, 18, "Captured Slot Power Limit Value", Hardware, 0));
        device.push(field(27, 26, "Captured Slot Power Limit Scale", Hardware, 0));
    }
    let mut link_capabilities = vec![
        field(3, 0, "Max Link Speed", Ro, speed),
        field(9, 4, "Maximum Link Width", Ro, width),
        bit(22, "ASPM Optionality Compliance", Ro, 1),
    ];
    if down {
        link_capabilities.insert(2, bit(20, "Data Link Layer Link Active Reporting Capable", Ro, 1));
        link_capabilities.push(field(31, 24, "Port Number", Live, 0));
    }
    let mut link = vec![
        field(1, 0, "ASPM Control", Rw, 0),
        bit(6, "Common Clock Configuration", Rw, 0),
        bit(7, "Extended Synch", Rw, 0),
    ];
    if down {
        link.insert(1, bit(4, "Link Disable", Rw, 0));
        link.push(field(19, 16, "Current Link Speed", Live, 0));
        link.push(field(25, 20, "Negotiated Link Width", Live, 0));
        link.push(bit(29, "Data Link Layer Link Active", Live, 0));
    } else {
        link.push(field(19, 16, "Current Link Speed", Ro, speed));
        link.push(field(25, 20, "Negotiated Link Width", Ro, width));
    }
    let mut device_capabilities_2 =
        vec![bit(6, "AtomicOp Routing Supported", Ro, 1), bit(16, "10-Bit Tag Completer Supported", Ro, 1)];
    let mut device_2 = vec![bit(7, "AtomicOp Egress Blocking", Rw, 0)];
    if down {
        device_capabilities_2.insert(0, bit(5, "ARI Forwarding Supported", Ro, 1));
        device_2.insert(0, bit(5, "ARI Forwarding Enable", Rw, 0));
    }
    let mut all = vec![
        capability(0x60, "PCI Express", 0x10, 0xa0, identity),
        register(0x64, (!down).then_some(row::DEVICE_CAPABILITIES), "Device Capabilities", device),
        register(
            0x68,
            Some(row::DEVICE_CONTROL),
            "Device Control, Status",
            vec![
                bit(0, "Correctable Error Reporting Enable", Rw, 0),
                bit(1, "Non-Fatal Error Reporting Enable", Rw, 0),
                bit(2, "Fatal Error Reporting Enable", Rw, 0),
                bit(3, "Unsupported Request Reporting Enable", Rw, 0),
                field(7, 5, "Max_Payload_Size", Rw, 0),
                bit(8, "Extended Tag Field Enable", Rw, 0),
                field(14, 12, "Max_Read_Request_Size", Rw, 2),
                bit(16, "Correctable Error Detected", Rw1c, 0),
                bit(17, "Non-Fatal Error Detected", Rw1c, 0),
                bit(18, "Fatal Error Detected", Rw1c, 0),
                bit(19, "Unsupported Request Detected", Rw1c, 0),
            ],
        ),
        Register {
            mix: if down { Mix::PortNumber } else { Mix::None },
            ..register(0x6c, None, "Link Capabilities", link_capabilities)
        },
        register(0x70, Some(row::LINK_CONTROL), "Link Control, Status", link),
    ];
    if down {
        all.extend(slot(p));
    }
    all.extend([
        register(0x84, None, "Device Capabilities 2", device_capabilities_2),
        register(0x88, Some(row::DEVICE_CONTROL_2), "Device Control 2", device_2),
        register(
            0x8c,
            None,
            "Link Capabilities 2",
            vec![field(7, 1, "Supported Link Speeds Vector", Ro, (1 << speed) - 1)],
        ),
        register(0x90, Some(row::LINK_CONTROL_2), "Link Control 2", vec![field(3, 0, "Target Link Speed", Rw, speed)]),
    ]);
    all
}

/// Slot Capabilities, Control and Status (7.5.3.9 to 7.5.3.11).
fn slot(p: &Parameters) -> Vec<Register> {
    let s = p.slot;
    let given = |present: bool, field: Field| present.then_some(field);
    let fields = [
        given(s.button, bit(0, "Attention Button Pressed Enable", Rw, 0)),
        given(s.power_controller, bit(1, "Power Fault Detected Enable", Rw, 0)),
        Some(bit(3, "Presence Detect Changed Enable", Rw, 0)),
        given(s.commands(), bit(4, "Command Completed Interrupt Enable", Rw, 0)),
        Some(bit(5, "Hot-Plug Interrupt Enable", Rw, 0)),
        Some(field(7, 6, "Attention Indicator Control", Rw, 3)),
        Some(field(9, 8, "Power Indicator Control", Rw, 3)),
        given(s.power_controller, bit(10, "Power Controller Control", Rw, 1)),
        Some(bit(12, "Data Link Layer State Changed Enable", Rw, 0)),
        given(s.button, bit(16, "Attention Button Pressed", Rw1c, 0)),
        given(s.power_controller, bit(17, "Power Fault Detected", Rw1c, 0)),
        Some(bit(19, "Presence Detect Changed", Rw1c, 0)),
        given(s.commands(), bit(20, "Command Completed", Rw1c, 0)),
        Some(bit(22, "Presence Detect State", Live, 0)),
        Some(bit(24, "Data Link Layer State Changed", Rw1c, 0)),
    ];
    vec![
        Register {
            mix: Mix::SlotNumber,
            ..register(
                0x74,
                None,
                "Slot Capabilities",
                vec![
                    bit(0, "Attention Button Present", Ro, s.button.into()),
                    bit(1, "Power Controller Present", Ro, s.power_controller.into()),
                    bit(3, "Attention Indicator Present", Ro, s.indicators.into()),
                    bit(4, "Power Indicator Present", Ro, s.indicators.into()),
                    bit(5, "Hot-Plug Surprise", Ro, 1),
                    bit(6, "Hot-Plug Capable", Ro, p.hot_plug.into()),
                    bit(18, "No Command Completed Support", Ro, (!s.commands()).into()),
                    field(31, 19, "Physical Slot Number", Live, 0),
                ],
            )
        },
        register(0x78, Some(row::SLOT_CONTROL), "Slot Control, Status", fields.into_iter().flatten().collect()),
    ]
}

/// Errors that a port reports, with their severity after reset (1: fatal).
const UNCORRECTABLE: [(u8, &str, u32); 7] = [
    (4, "Data Link Protocol Error", 1),
    (12, "Poisoned TLP Received", 0),
    (15, "Completer Abort", 0),
    (16, "Unexpected Completion", 0),
    (17, "Receiver Overflow", 1),
    (18, "Malformed TLP", 1),
    (20, "Unsupported Request", 0),
];

/// The same, correctable, with their mask after reset.
const CORRECTABLE: [(u8, &str, u32); 5] = [
    (6, "Bad TLP", 0),
    (7, "Bad DLLP", 0),
    (8, "REPLAY_NUM Rollover", 0),
    (12, "Replay Timer Timeout", 0),
    (13, "Advisory Non-Fatal Error", 1),
];

/// The same, of a port that checks Requester IDs.
const ACS_VIOLATION: (u8, &str, u32) = (21, "ACS Violation", 0);

/// Advanced Error Reporting, version 1 (7.8.4).
///
/// The First Error Pointer points to a bit that is never set, which says that no header has been logged (6.2.4.2): the Header Log reads 0.
fn error_reporting(down: bool) -> Vec<Register> {
    let fields = |errors: &[(u8, &'static str, u32)], access: Access, use_reset: bool| {
        errors.iter().map(|&(lsb, name, reset)| bit(lsb, name, access, if use_reset { reset } else { 0 })).collect()
    };
    let mut uncorrectable = UNCORRECTABLE.to_vec();
    uncorrectable.extend(down.then_some(ACS_VIOLATION));
    let mut all = vec![
        extended(0x100, "Advanced Error Reporting", 1, 0x140),
        register(
            0x104,
            Some(row::UNCORRECTABLE_STATUS),
            "Uncorrectable Error Status",
            fields(&uncorrectable, Rw1c, false),
        ),
        register(0x108, Some(row::UNCORRECTABLE_MASK), "Uncorrectable Error Mask", fields(&uncorrectable, Rw, false)),
        register(
            0x10c,
            Some(row::UNCORRECTABLE_SEVERITY),
            "Uncorrectable Error Severity",
            fields(&uncorrectable, Rw, true),
        ),
        register(0x110, Some(row::CORRECTABLE_STATUS), "Correctable Error Status", fields(&CORRECTABLE, Rw1c, false)),
        register(0x114, Some(row::CORRECTABLE_MASK), "Correctable Error Mask", fields(&CORRECTABLE, Rw, true)),
        register(
            0x118,
            None,
            "Advanced Error Capabilities and Control",
            vec![field(4, 0, "First Error Pointer", Ro, 0)],
        ),
    ];
    for (i, name) in ["Header Log 1", "Header Log 2", "Header Log 3", "Header Log 4"].into_iter().enumerate() {
        all.push(register(0x11c + 4 * i as u16, None, name, vec![field(31, 0, "Dword of the header", Ro, 0)]));
    }
    all
}
