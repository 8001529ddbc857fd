//! `peb boards`: the boards there are, and what is known of one.

use std::process::ExitCode;

use peb_boards::{builtin, find, Board, Flow};

/// List the FPGA boards, or show what is known of one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show this board with its pins and where they are from
    board: Option<String>,
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let boards = builtin()?;
    match &args.board {
        None => print!("{}", list(&boards)),
        Some(name) => print!("{}", show(find(&boards, name)?)),
    }
    Ok(ExitCode::SUCCESS)
}

/// All boards as a table.
fn list(boards: &[Board]) -> String {
    let mut rows = vec![["name", "part", "flow", "state", "PCIe", "Ethernet"].map(String::from)];
    rows.extend(boards.iter().map(|b| {
        [b.name.as_str(), &b.part, b.flow.label(), b.state.label(), &b.pcie, &b.ethernet].map(str::to_string)
    }));
    columns(&rows)
}

/// One board with its pins.
fn show(board: &Board) -> String {
    let mut out = format!("{}: {}, {}\n", board.name, board.title, board.part);
    let mut line = |name: &str, value: &str| out += &format!("{name:<12}{value}\n");
    line("state", board.state.label());
    line("Ethernet", &board.ethernet);
    line("PHY", &board.phy.chip);
    line("PCIe", &board.pcie);
    line("flow", board.flow.label());
    for (name, note) in board.edge.iter().flat_map(|e| [("host", &e.host), ("io", &e.io)]) {
        line(&format!("design {name}"), note.as_deref().unwrap_or("not offered"));
    }
    if let Flow::Ecp5 { device, package, speed, idcode, .. } = &board.flow {
        line("device", &format!("--{device} --package {package} --speed {speed}, IDCODE 0x{idcode:08x}"));
    }
    line("programmer", &format!("openFPGALoader {}", board.programmer.arguments.join(" ")));
    let notes = board.notes.iter().chain(Some(&board.programmer.note)).filter(|n| !n.is_empty());
    notes.for_each(|note| line("note", note));
    out.push('\n');
    let mut rows = vec![["port", "pins", "standard", "source", "note"].map(String::from)];
    rows.extend(board.pins.iter().map(|pin| {
        [pin.port.as_str(), &pin.sites.join(" "), &pin.standard, &pin.sources.join(", "), &pin.note].map(str::to_string)
    }));
    out += &columns(&rows);
    out += "\nsources\n";
    for (name, reference) in &board.sources {
        out += &format!("{name:<12}{reference}\n");
    }
    out
}

/// Rows in columns as wide as they need, two spaces between them.
fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_board_with_its_state() {
        let boards = builtin().expect("tables");
        let text = list(&boards);
        assert_eq!(text.lines().count(), boards.len() + 1);
        let line = |name: &str| text.lines().find(|l| l.starts_with(name)).expect(name).to_string();
        assert!(line("ecp5-versa-5g ").contains("builds a bitstream"), "{text}");
        assert!(line("kc705 ").contains("Vivado project, not built here"), "{text}");
    }

    #[test]
    fn a_board_is_shown_with_pins_and_sources() {
        let boards = builtin().expect("tables");
        let text = show(find(&boards, "ecp5-versa-5g").expect("the board"));
        for part in ["IDCODE 0x81112043", "rgmii_txd", "N19 N20 P18 P20", "litex-hub/litex-boards", "-c ft2232"] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }
}
