//! The record of sizes, as a document that is read again.

use crate::designs::{designs, Kind};
use peb_verilog::synth::Area;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Part of a size by which it may differ from the record.
const TOLERANCE: f64 = 0.02;
/// LUTs by which it may in any case: names and order change what a tool finds.
const SLACK: f64 = 12.0;
/// Part of a speed by which it may be lower than recorded: place and route is a throw of dice.
const FMAX_TOLERANCE: f64 = 0.10;

/// What is recorded of a design.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// Its size.
    pub area: Area,
    /// Its highest clock in MHz, of cores.
    pub fmax: Option<f64>,
}

/// What one more slot or session costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// LUTs as nextpnr counts them.
    pub lut4: f64,
    /// Block RAMs.
    pub block_ram: f64,
}

impl Step {
    /// From two sizes that differ by so many.
    pub fn between(small: &Area, large: &Area, more: u32) -> Step {
        let each = |f: fn(&Area) -> u64| (f(large) as f64 - f(small) as f64) / f64::from(more);
        Step { lut4: each(Area::lut4), block_ram: each(|area| area.block_ram) }
    }
}

/// All that is recorded, by name of the top module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(pub BTreeMap<String, Row>);

const HEAD: &str = "# Area and speed

What cores and blocks take on a Lattice ECP5 (yosys `synth_ecp5`, out of context), and how fast the cores are (nextpnr-ecp5, LFE5UM5G-85F, speed
grade 8, one seed). LUT4 is counted as nextpnr does: LUT4 cells, and two for each CCU2C carry cell; LUT RAM (TRELLIS_DPR16X4, 16 x 4 bit) is
counted apart. `cargo xtask test` compares the cores, `cargo xtask nightly` everything; `cargo xtask area --accept` writes this file.
";

impl Record {
    /// Reads the document.
    ///
    /// # Errors
    /// The line that is not a row of the table.
    pub fn parse(text: &str) -> Result<Record, String> {
        let mut rows = BTreeMap::new();
        for (n, line) in text.lines().enumerate().filter(|(_, line)| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let wrong = |what: &str| format!("docs/area.md:{}: {what}", n + 1);
            let [name, _, total, lut4_cells, ccu2c, ff, block_ram, lut_ram, fmax] = cells[..] else {
                return Err(wrong("9 columns expected"));
            };
            let number = |text: &str| text.parse::<u64>().map_err(|_| wrong(&format!("`{text}` is not a number")));
            let area = Area {
                lut4_cells: number(lut4_cells)?,
                ccu2c: number(ccu2c)?,
                ff: number(ff)?,
                block_ram: number(block_ram)?,
                lut_ram: number(lut_ram)?,
            };
            if number(total)? != area.lut4() {
                return Err(wrong("the first number is the LUT4 cells and twice the CCU2C cells"));
            }
            let fmax = match fmax {
                "" => None,
                text => Some(text.parse().map_err(|_| wrong(&format!("`{text}` is no clock in MHz")))?),
            };
            rows.insert(name.trim_matches('`').to_string(), Row { area, fmax });
        }
        Ok(Record(rows))
    }

    /// The document.
    pub fn render(&self) -> String {
        let mut text = String::from(HEAD);
        for (kind, title) in [(Kind::Core, "Cores"), (Kind::Size, "Other sizes"), (Kind::Block, "Blocks alone")] {
            let _ = write!(
                text,
                "\n## {title}\n\n| module | what | LUT4 | LUT4 cells | CCU2C | flip-flops | block RAM | LUT RAM | MHz |\n\
                 |---|---|---|---|---|---|---|---|---|\n"
            );
            for subject in designs().iter().filter(|subject| subject.kind == kind) {
                let Some(Row { area, fmax }) = self.0.get(subject.name) else { continue };
                let Area { lut4_cells, ccu2c, ff, block_ram, lut_ram } = area;
                let fmax = fmax.map_or(String::new(), |mhz| format!("{mhz:.1}"));
                let _ = writeln!(
                    text,
                    "| `{}` | {} | {} | {lut4_cells} | {ccu2c} | {ff} | {block_ram} | {lut_ram} | {fmax} |",
                    subject.name,
                    subject.what,
                    area.lut4()
                );
            }
        }
        text += "\n## What one more costs\n\nA quarter of the difference between 8 and 4.\n\n| | LUT4 | block RAM |\n|---|---|---|\n";
        for (what, small, large) in [
            ("slot of the host core", "peb_host", "peb_host_8"),
            ("session of the tunnel", "tunnel_host_4", "tunnel_host_8"),
        ] {
            let (Some(small), Some(large)) = (self.0.get(small), self.0.get(large)) else { continue };
            let Step { lut4, block_ram } = Step::between(&small.area, &large.area, 4);
            let _ = writeln!(text, "| {what} | {lut4:.0} | {block_ram:.2} |");
        }
        text
    }

    /// What is worse than recorded; with `strict` also what is better, so that the record follows, and what has no limit.
    pub fn compare(&self, name: &str, measured: &Row, strict: bool) -> Vec<String> {
        let Some(recorded) = self.0.get(name) else { return vec![format!("{name}: not in docs/area.md")] };
        let mut problems = vec![];
        let mut check = |what: &str, was: f64, is: f64, slack: f64| {
            if is > was + slack || (strict && is < was - slack) {
                problems.push(format!("{name}: {is} {what}, recorded are {was}"));
            }
        };
        let part = |was: f64| (was * TOLERANCE).max(SLACK);
        let (was, is) = (&recorded.area, &measured.area);
        check("LUT4", was.lut4() as f64, is.lut4() as f64, part(was.lut4() as f64));
        check("block RAM", was.block_ram as f64, is.block_ram as f64, 0.0);
        if strict {
            check("flip-flops", was.ff as f64, is.ff as f64, part(was.ff as f64));
            check("LUT RAM cells", was.lut_ram as f64, is.lut_ram as f64, part(was.lut_ram as f64));
        }
        if let (Some(was), Some(is)) = (recorded.fmax, measured.fmax) {
            if is < was * (1.0 - FMAX_TOLERANCE) || (strict && is > was * (1.0 + FMAX_TOLERANCE)) {
                problems.push(format!("{name}: {is:.1} MHz, recorded are {was:.1}"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let area = |lut4_cells| Area { lut4_cells, ccu2c: 100, ff: 900, block_ram: 7, lut_ram: 50 };
        let row = |cells, fmax| Row { area: area(cells), fmax };
        let rows =
            [("peb_io", row(5000, Some(81.5))), ("tunnel_host_4", row(7000, None)), ("tunnel_host_8", row(7400, None))];
        Record(rows.into_iter().map(|(name, row)| (name.to_string(), row)).collect())
    }

    #[test]
    fn the_document_is_read_as_it_was_written() {
        let text = record().render();
        assert_eq!(Record::parse(&text).unwrap(), record());
        assert!(text.contains("| `peb_io` | I/O core | 5200 | 5000 | 100 | 900 | 7 | 50 | 81.5 |"), "{text}");
        assert!(text.contains("| session of the tunnel | 100 | 0.00 |"), "{text}");
        let line = text.lines().position(|line| line.starts_with("| `peb_io`")).unwrap() + 1;
        for (from, to, problem) in [
            ("| 900 |", "| many |", "`many` is not a number"),
            ("| 5200 |", "| 5201 |", "twice"),
            ("| 900 |", "|", "9 columns"),
        ] {
            let error = Record::parse(&text.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with(&format!("docs/area.md:{line}: ")) && error.contains(problem), "{error}");
        }
    }

    #[test]
    fn growth_is_found_and_shrinking_if_asked_for() {
        let problems = |change: fn(&mut Row), strict| {
            let mut row = record().0["peb_io"];
            change(&mut row);
            record().compare("peb_io", &row, strict)
        };
        assert!(problems(|row| row.area.lut4_cells += 104, true).is_empty());
        assert_eq!(problems(|row| row.area.lut4_cells += 105, false), ["peb_io: 5305 LUT4, recorded are 5200"]);
        assert_eq!(problems(|row| row.area.ccu2c += 53, false), ["peb_io: 5306 LUT4, recorded are 5200"]);
        assert!(problems(|row| row.area.lut4_cells -= 1000, false).is_empty());
        assert_eq!(problems(|row| row.area.lut4_cells -= 1000, true).len(), 1);
        assert_eq!(problems(|row| row.area.block_ram += 1, false), ["peb_io: 8 block RAM, recorded are 7"]);
        assert_eq!(problems(|row| row.fmax = Some(70.0), false), ["peb_io: 70.0 MHz, recorded are 81.5"]);
        assert!(problems(|row| row.fmax = None, true).is_empty());
        assert_eq!(record().compare("peb_host", &Row::default(), false), ["peb_host: not in docs/area.md"]);
    }
}
