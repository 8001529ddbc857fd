//! The ports' configuration space as lspci decodes it.

use peb_config::{hex_dump, Parameters, Slot};
use std::process::Command;

const MAC: u64 = 0x0200_5e10_2030;

/// What lspci says of each port: address and all else, white space as single blanks.
fn decode(parameters: &Parameters, filled: u8) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    std::fs::write(&path, hex_dump(parameters, MAC, filled)).unwrap();
    let output = Command::new("lspci").arg("-F").arg(&path).args(["-n", "-vvv"]).output().unwrap_or_else(|error| {
        panic!("lspci did not start ({error}). This test needs it: `apt-get install pciutils`")
    });
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "lspci: {errors}");
    for bad in ["<chain ", "<access denied>", "#ff", "Unknown"] {
        assert!(!text.contains(bad), "{bad}: {text}");
    }
    let ports = text.split("\n\n").map(|port| port.split_whitespace().collect::<Vec<_>>().join(" "));
    let ports = ports.filter(|port| !port.is_empty());
    ports.map(|port| port.split_once(' ').map(|(at, rest)| (at.to_string(), rest.to_string())).unwrap()).collect()
}

/// All of these, in this order.
fn says(port: &(String, String), expected: &[&str]) {
    let mut rest = &*port.1;
    for text in expected {
        let at = rest.find(text).unwrap_or_else(|| panic!("{}: {text:?} is not in {rest:?}", port.0));
        rest = &rest[at + text.len()..];
    }
}

/// The capabilities in the order of both lists.
fn capabilities(port: &(String, String)) -> Vec<&str> {
    let part = |text: &'static str| port.1.match_indices(text).map(|(at, _)| &port.1[at + text.len()..]);
    part("Capabilities: [").map(|text| text.split_once(']').unwrap().0).collect()
}

const HEADER: [&str; 6] = [
    "prog-if 00 [Normal decode]",
    "Control: I/O- Mem- BusMaster- ",
    "Status: Cap+ ",
    "Bus: primary=00, secondary=00, subordinate=00, ",
    "Memory behind bridge: 00000000-000fffff [size=1M]",
    "Prefetchable memory behind bridge: 0000000000000000-00000000000fffff [size=1M]",
];
const POWER: [&str; 2] = [
    "[40] Power Management version 3 Flags: PMEClk- DSI- D1- D2- AuxCurrent=0mA PME(D0+,D1-,D2-,D3hot+,D3cold+)",
    "Status: D0 NoSoftRst+ PME-Enable- DSel=0 DScale=0 PME-",
];
const MSI: &str = "[48] MSI: Enable- Count=1/1 Maskable- 64bit+ Address: 0000000000000000 Data: 0000";
const ERRORS: [&str; 8] = [
    "[100 v1] Advanced Error Reporting UESta: DLP- ",
    "UEMsk: DLP- ",
    "UESvrt: DLP+ SDES- TLP- FCP- CmpltTO- CmpltAbrt- UnxCmplt- RxOF+ MalfTLP+ ECRC- UnsupReq- ACSViol-",
    "CESta: RxErr- ",
    "CEMsk: RxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr+",
    "AERCap: First Error Pointer: 00, ECRCGenCap- ECRCGenEn- ECRCChkCap- ECRCChkEn-",
    "HeaderLog: 00000000 00000000 00000000 00000000",
    "[140 v1] Device Serial Number 02-00-5e-ff-fe-10-20-30",
];

#[test]
fn the_upstream_port() {
    let ports = decode(&Parameters::default(), 0);
    let port = &ports[0];
    assert_eq!(port.0, "01:00.0");
    assert!(port.1.starts_with("0604: 1204:5045 (rev 01)"), "{}", port.1);
    assert_eq!(capabilities(port), ["40", "48", "60", "a0", "100 v1", "140 v1"]);
    says(port, &HEADER);
    says(port, &POWER);
    says(port, &[MSI, "[60] Express (v2) Upstream Port, MSI 00"]);
    says(
        port,
        &[
            "DevCap: MaxPayload 512 bytes, PhantFunc 0 ExtTag+ AttnBtn- AttnInd- PwrInd- RBE+ SlotPowerLimit 0W",
            "MaxPayload 128 bytes, MaxReadReq 512 bytes",
            "LnkCap: Port #0, Speed 2.5GT/s, Width x1, ASPM not supported ClockPM- Surprise- LLActRep- ",
            "LnkSta: Speed 2.5GT/s",
            "10BitTagComp+ 10BitTagReq- ",
            "AtomicOpsCap: Routing+",
            "AtomicOpsCtl: EgressBlck-",
            "LnkCap2: Supported Link Speeds: 2.5GT/s",
            "LnkCtl2: Target Link Speed: 2.5GT/s",
            "[a0] Subsystem: 1204:5045",
        ],
    );
    says(port, &ERRORS);
    for absent in ["SltCap", "ARIFwd", "Interrupt: pin"] {
        assert!(!port.1.contains(absent), "{absent}: {}", port.1);
    }
}

#[test]
fn the_downstream_ports() {
    for slots in [1, 4, 8] {
        let (filled, parameters) = (0b1010_0101, Parameters { slots, ..Parameters::default() });
        let ports = decode(&parameters, filled);
        assert_eq!(ports.len(), slots + 1);
        for (slot, port) in ports[1..].iter().enumerate() {
            assert_eq!(port.0, format!("02:{slot:02x}.0"));
            assert!(port.1.starts_with("0604: 1204:5046 (rev 01)"), "{}", port.1);
            assert_eq!(capabilities(port), ["40", "48", "60", "a0", "100 v1", "140 v1", "150 v1"]);
            says(port, &HEADER);
            says(port, &["Interrupt: pin A routed to IRQ 0"]);
            says(port, &POWER);
            says(port, &[MSI, "[60] Express (v2) Downstream Port (Slot+), MSI 00"]);
            let (speed, active, present) = match filled >> slot & 1 {
                1 => ("LnkSta: Speed 2.5GT/s", "DLActive+", "PresDet+ Interlock- Changed: MRL- PresDet- LinkState-"),
                _ => ("LnkSta: Speed unknown", "DLActive-", "PresDet- Interlock- Changed: MRL- PresDet- LinkState-"),
            };
            let number = slot + 1;
            says(
                port,
                &[
                    "DevCap: MaxPayload 512 bytes, PhantFunc 0 ExtTag+ RBE+",
                    &format!("LnkCap: Port #{number}, Speed 2.5GT/s, Width x1, ASPM not supported"),
                    "LLActRep+ ",
                    speed,
                    active,
                    "SltCap: AttnBtn- PwrCtrl- MRL- AttnInd- PwrInd- HotPlug+ Surprise+",
                    &format!("Slot #{number}, PowerLimit 0W; Interlock- NoCompl+"),
                    "SltCtl: Enable: AttnBtn- PwrFlt- MRL- PresDet- CmdCplt- HPIrq- LinkChg-",
                    "SltSta: Status: AttnBtn- PowerFlt- MRL- CmdCplt- ",
                    present,
                    "10BitTagComp+ 10BitTagReq- ",
                    "ARIFwd+",
                    "AtomicOpsCap: Routing+",
                    "ARIFwd-",
                    "AtomicOpsCtl: EgressBlck-",
                    "[a0] Subsystem: 1204:5045",
                ],
            );
            says(port, &ERRORS);
            says(port, &["[150 v1] Access Control Services ACSCap: SrcValid+ TransBlk- ", "ACSCtl: SrcValid- "]);
        }
    }
}

#[test]
fn the_full_slot_and_a_wider_link() {
    let parameters = Parameters {
        slots: 2,
        slot: Slot::FULL,
        link_speed: 3,
        link_width: 4,
        max_payload: 1,
        ..Parameters::default()
    };
    let ports = decode(&parameters, 0b10);
    says(&ports[0], &["MaxPayload 256 bytes", "LnkCap: Port #0, Speed 8GT/s, Width x4", "LnkSta: Speed 8GT/s"]);
    says(&ports[0], &["LnkCap2: Supported Link Speeds: 2.5-8GT/s", "LnkCtl2: Target Link Speed: 8GT/s"]);
    for (port, speed) in [(1, "LnkSta: Speed unknown"), (2, "LnkSta: Speed 8GT/s")] {
        says(
            &ports[port],
            &[
                "Speed 8GT/s, Width x4",
                speed,
                "SltCap: AttnBtn+ PwrCtrl+ MRL- AttnInd+ PwrInd+ HotPlug+ Surprise+",
                &format!("Slot #{port}, PowerLimit 0W; Interlock- NoCompl-"),
                // The Power Controller Control bit as it is: 1 is off.
                "Control: AttnInd Off, PwrInd Off, Power+ Interlock-",
            ],
        );
    }
}
