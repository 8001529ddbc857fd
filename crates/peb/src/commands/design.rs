//! The design of a board as files: for `peb gen --board` and `peb build`.

use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::fs;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure, Context};
use clap::ValueEnum;
use peb_boards::top::{self, Parameters, CORE};
use peb_boards::vivado::{self, Card};
use peb_boards::{builtin, constraints, find, flow, Board, Flow, PhyInterface};
use peb_rtl::phy::Rgmii;
use peb_rtl::top::{HostCard, IoCard, NetworkDevice};

/// What a board becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Design {
    /// The I/O side; on a board without PCIe block with a device on the same chip
    Io,
    /// The CPU side
    Host,
}

/// Options of a design.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// What the board becomes
    #[arg(long, value_enum, default_value = "io")]
    pub design: Design,
    /// MAC address, as 02:50:45:00:00:01 [default: a random one of those that are administered locally]
    #[arg(long, value_parser = parse_mac)]
    pub mac: Option<u64>,
    /// VLAN of the board, 0 = without tag
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=4094))]
    pub vlan: u16,
    /// Overwrite files of an earlier run in a folder that is not empty
    #[arg(long)]
    pub force: bool,
}

/// A design that was written.
pub struct Written {
    pub board: Board,
    pub folder: PathBuf,
    pub sources: Vec<String>,
    pub constraints: String,
    pub parameters: Parameters,
}

/// Writes the design of the board called `name` into `folder`.
pub fn write(name: &str, folder: &Path, options: &Options) -> anyhow::Result<Written> {
    let boards = builtin()?;
    let board = find(&boards, name)?.clone();
    let parameters = Parameters { mac: options.mac.unwrap_or_else(random_mac), vid: options.vlan };
    let card = match options.design {
        Design::Host => Card::Host,
        Design::Io => Card::Io,
    };
    let open = matches!(board.flow, Flow::Ecp5 { .. });
    ensure!(
        options.design == Design::Io || !open,
        "{name} has no host design: its FPGA has no PCIe block to be a host's device with; `--design io` makes a network-attached device"
    );
    // What cannot be made is told before there is a folder.
    let top = if open { top::text(&board, parameters)? } else { vivado::top(&board, card, parameters)? };
    make_folder(folder, options.force)?;
    let constraints = constraints::file_name(&board);
    let (sources, files) = match open {
        true => device(&board, top, parameters, &constraints)?,
        false => project(&board, card, top, parameters, &constraints)?,
    };
    for (file, text) in files {
        let path = folder.join(file);
        fs::write(&path, text).with_context(|| format!("{}", path.display()))?;
    }
    Ok(Written { board, folder: folder.to_path_buf(), sources, constraints, parameters })
}

/// Names and texts of files.
type Files = Vec<(String, String)>;

/// The network-attached device of an ECP5 board: sources, all files.
fn device(board: &Board, top: String, parameters: Parameters, lpf: &str) -> anyhow::Result<(Vec<String>, Files)> {
    let core = peb_verilog::export(&NetworkDevice::default(), CORE).context("the core")?;
    let sources = vec!["top.v".to_string(), format!("{CORE}.v")];
    let names: Vec<&str> = sources.iter().map(String::as_str).collect();
    let files = [
        ("top.v", top),
        (names[1], core),
        (lpf, constraints::text(board)),
        ("primitives.v", top::PRIMITIVES.to_string()),
        ("synth.ys", flow::synthesis(&names)),
        ("build.sh", script(board, lpf)),
        ("README.md", readme(board, parameters, lpf)),
    ];
    let files = files.map(|(name, text)| (name.to_string(), text)).to_vec();
    Ok((sources, files))
}

/// The Vivado project of a board with a PCI Express edge: sources, all files.
fn project(
    board: &Board,
    card: Card,
    top: String,
    parameters: Parameters,
    xdc: &str,
) -> anyhow::Result<(Vec<String>, Files)> {
    let core = match card {
        Card::Host => peb_verilog::export(&HostCard::default(), card.core()),
        Card::Io => peb_verilog::export(&IoCard::default(), card.core()),
    };
    let mut sources = vec!["top.v".to_string(), format!("{}.v", card.core())];
    let mut files = vec![(sources[0].clone(), top), (sources[1].clone(), core.context("the core")?)];
    if board.phy.interface == PhyInterface::Rgmii {
        sources.push(format!("{}.v", vivado::RGMII));
        let rgmii = peb_verilog::export(&Rgmii::default(), vivado::RGMII).context("RGMII")?;
        files.push((sources[2].clone(), rgmii));
    }
    let rest = [
        (xdc, constraints::text(&vivado::used(board))),
        ("timing.xdc", vivado::timing(board, card)?),
        ("pcie.tcl", vivado::block(board, card)?),
        ("build.tcl", vivado::build(board, card)?),
        ("primitives.v", format!("{}\n{}", vivado::PRIMITIVES, vivado::black_box())),
        ("README.md", project_readme(board, card, parameters, &sources, xdc)?),
    ];
    files.extend(rest.map(|(name, text)| (name.to_string(), text)));
    Ok((sources, files))
}

/// Makes the folder; refuses one with something in it unless forced.
fn make_folder(folder: &Path, force: bool) -> anyhow::Result<()> {
    let name = || format!("{}", folder.display());
    fs::create_dir_all(folder).with_context(name)?;
    let mut entries = fs::read_dir(folder).with_context(name)?;
    if !force && entries.next().is_some() {
        bail!("{}: the folder is not empty; choose another, or overwrite an earlier design in it with --force", name());
    }
    Ok(())
}

/// A MAC address in the usual notation.
fn parse_mac(text: &str) -> Result<u64, String> {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    let digits = |p: &&str| p.len() == 2 && p.chars().all(|c| c.is_ascii_hexdigit());
    if parts.len() != 6 || !parts.iter().all(digits) {
        return Err("six bytes in hexadecimal, as 02:50:45:00:00:01".into());
    }
    let mac = u64::from_str_radix(&parts.concat(), 16).map_err(|e| e.to_string())?;
    match mac >> 40 & 1 {
        _ if mac == 0 => Err("the address of nobody".into()),
        1 => Err("a group address; the lowest bit of the first byte must be 0".into()),
        _ => Ok(mac),
    }
}

/// A MAC address of those that are administered locally (IEEE 802, 8.4).
fn random_mac() -> u64 {
    let random = RandomState::new().build_hasher().finish();
    0x02_50_45_00_00_00 | random & 0xff_ffff
}

/// A MAC address in the usual notation.
pub fn mac_text(mac: u64) -> String {
    mac.to_be_bytes()[2..].iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Builds the bitstream with tools on PATH.
fn script(board: &Board, lpf: &str) -> String {
    let Flow::Ecp5 { device, package, speed, .. } = &board.flow else { return String::new() };
    let name = &board.name;
    format!(
        "#!/bin/sh\n# Builds {name}.bit here, with yosys, nextpnr-ecp5 and ecppack on PATH. `peb build --board {name}` does the same and reports.\n\
         set -eu\ncd \"$(dirname \"$0\")\"\nrm -f {name}.bit top.config\n${{YOSYS:-yosys}} -q -s synth.ys\n\
         # A timing miss ends here, with an error but also with top.config.\n\
         ${{NEXTPNR:-nextpnr-ecp5}} --{device} --package {package} --speed {speed} --json top.json --lpf {lpf} \\\n    \
         --textcfg top.config --report report.json --seed \"${{SEED:-1}}\" || {{ rm -f top.config; exit 1; }}\n\
         ${{ECPPACK:-ecppack}} --compress --freq 38.8 --input top.config --bit {name}.bit\n"
    )
}

fn readme(board: &Board, parameters: Parameters, lpf: &str) -> String {
    let mut out = format!("# {}: network-attached device\n\nGenerated by `peb`. ", board.title);
    out += "I/O PEB and a PCI Express endpoint on one chip: a host PEB that is told of it sees a device with 16 KiB of BAR.\n\n";
    let vlan = if parameters.vid == 0 { "none".to_string() } else { parameters.vid.to_string() };
    let _ = writeln!(
        out,
        "| parameter of `top` | value |\n|---|---|\n| MAC | {} |\n| VLAN | {vlan} |\n",
        mac_text(parameters.mac)
    );
    out += "| file | what |\n|---|---|\n| `top.v` | pins, primitives of the FPGA, no logic |\n";
    let _ = writeln!(out, "| `{CORE}.v` | everything else |\n| `{lpf}` | pins and clocks |");
    out += "| `primitives.v` | black boxes of the primitives, for lint alone |\n| `synth.ys`, `build.sh` | synthesis, and all steps to a bitstream |\n\n";
    out += "| LED | lit |\n|---|---|\n| 0 | Ethernet link of 1000 Mbit/s |\n| 1 | attached to a host |\n| 2 | blinks with traffic |\n";
    out += "| 3 | fault: an invariant failed |\n| 7 to 4 | LEDS of the endpoint's registers |\n\nWhere the pins are from: ";
    let _ = writeln!(out, "`peb boards {}`. Load it with `peb flash --board {0} {0}.bit`.", board.name);
    out
}

fn project_readme(
    board: &Board,
    card: Card,
    parameters: Parameters,
    sources: &[String],
    xdc: &str,
) -> anyhow::Result<String> {
    let mut out = format!("# {}: {}\n\n**Not built here.** ", board.title, card.label());
    out +=
        "Generated by `peb` and checked with Verilator and yosys; no tool of the vendor has seen it, and no board.\n\n";
    let _ = writeln!(out, "{}\n", card.note(board)?);
    let vlan = if parameters.vid == 0 { "none".to_string() } else { parameters.vid.to_string() };
    let _ = writeln!(
        out,
        "| parameter of `top` | value |\n|---|---|\n| MAC | {} |\n| VLAN | {vlan} |\n",
        mac_text(parameters.mac)
    );
    out += "| file | what |\n|---|---|\n| `top.v` | pins, primitives, the block for PCI Express, no logic |\n";
    for source in &sources[1..] {
        let _ =
            writeln!(out, "| `{source}` | {} |", if source.contains("rgmii") { "RGMII" } else { "everything else" });
    }
    let _ = writeln!(out, "| `{xdc}`, `timing.xdc` | pins and clocks; clock crossings and pins without a clock |");
    out += "| `pcie.tcl` | settings of `pcie_7x` |\n| `build.tcl` | the whole run: `vivado -mode batch -source build.tcl` |\n";
    out += "| `primitives.v` | black boxes, for lint alone |\n\n";
    out += "Attributes of the block (cell `PCIE_2_1`) that `build.tcl` sets, for its settings do not offer them:\n\n| attribute | value | why |\n|---|---|---|\n";
    for (name, value, why) in vivado::attributes(card) {
        let _ = writeln!(out, "| {name} | {value} | {why} |");
    }
    out += "\n| LED | lit |\n|---|---|\n| 0 | Ethernet link of 1000 Mbit/s |\n| 1 | attached |\n| 2 | blinks with traffic |\n";
    out += "| 3 | fault: an invariant failed, or a TLP was refused |\n| 4, if there is one | PCI Express link |\n\n";
    let _ = writeln!(out, "Where the pins are from: `peb boards {}`.", board.name);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(design: Design) -> Options {
        Options { design, mac: Some(0x02_50_45_00_00_07), vlan: 42, force: false }
    }

    #[test]
    fn a_design_is_written_once_into_an_empty_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("versa");
        let written = write("ecp5-versa-5g", &out, &options(Design::Io)).expect("written");
        assert_eq!(written.sources, ["top.v", "peb_device.v"]);
        let top = fs::read_to_string(out.join("top.v")).expect("top.v");
        assert!(top.contains("MAC = 48'h025045000007") && top.contains("VLAN = 12'd42"), "{top}");
        let readme = fs::read_to_string(out.join("README.md")).expect("README.md");
        assert!(readme.contains("02:50:45:00:00:07") && readme.contains("| VLAN | 42 |"), "{readme}");
        let again = write("ecp5-versa-5g", &out, &options(Design::Io)).err().expect("not empty").to_string();
        assert!(again.contains("is not empty") && again.contains("--force"), "{again}");
        write("ecp5-versa-5g", &out, &Options { force: true, ..options(Design::Io) }).expect("forced");
    }

    #[test]
    fn what_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let said = |board: &str, design| {
            write(board, &folder.path().join("x"), &options(design)).err().expect(board).to_string()
        };
        assert!(said("ecp5-versa-5g", Design::Host).contains("no PCIe block"));
        assert!(said("ecp5-versa5g", Design::Io).contains("did you mean \"ecp5-versa-5g\"?"));
        assert!(!folder.path().join("x").exists(), "nothing is left of them");
    }

    #[test]
    fn a_project_is_written_for_boards_of_the_vendor() {
        let folder = tempfile::tempdir().expect("a folder");
        for (board, design, core) in [
            ("kc705", Design::Host, "peb_host_card.v"),
            ("ax7203", Design::Io, "peb_io_card.v"),
            ("ac701", Design::Io, "peb_io_card.v"),
        ] {
            let out = folder.path().join(board);
            let written = write(board, &out, &options(design)).unwrap_or_else(|e| panic!("{board}: {e:#}"));
            assert_eq!(written.sources[1], core);
            assert_eq!(written.sources.len(), if board == "kc705" { 2 } else { 3 });
            let text =
                |name: &str| fs::read_to_string(out.join(name)).unwrap_or_else(|e| panic!("{board}: {name}: {e}"));
            for file in ["top.v", "build.tcl", "pcie.tcl", "README.md", written.constraints.as_str()] {
                assert!(text(file).to_lowercase().contains("not built here"), "{board}: {file} does not say it");
            }
            assert!(text("top.v").contains("MAC = 48'h025045000007") && text("README.md").contains("| VLAN | 42 |"));
            assert!(text("timing.xdc").contains("set_max_delay -datapath_only"));
        }
    }

    #[test]
    fn mac_addresses() {
        assert_eq!(parse_mac("02:50:45:00:00:01"), Ok(0x0250_4500_0001));
        assert_eq!(mac_text(0x0250_4500_0001), "02:50:45:00:00:01");
        assert!(parse_mac("01:00:5e:00:00:01").unwrap_err().contains("group"));
        for wrong in
            ["", "02:50:45:00:00", "2:50:45:00:00:01", "02:50:45:00:00:0g", "00:00:00:00:00:00", "+2:50:45:00:00:01"]
        {
            assert!(parse_mac(wrong).is_err(), "{wrong}");
        }
        let (one, other) = (random_mac(), random_mac());
        assert!(one != other && one >> 24 == 0x02_50_45);
    }
}
