//! Registers through a board's UART, with the lines of `docs/uart.md`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context};
use peb_regs::{addr, Bus, ID_VALUE};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{self, ControlModes, OptionalActions, SpecialCodeIndex};

/// Bits a second.
const SPEED: u32 = 115_200;
/// Longest wait for an answer: a line and its answer take 2.3 ms, USB adapters some more.
const PATIENCE: Duration = Duration::from_secs(2);
/// Attempts at a read whose line or answer was damaged.
const ATTEMPTS: usize = 3;

/// A line to the board.
pub struct Line<T> {
    port: T,
}

/// Opens the device of a UART and asks whether there is a PEB behind it.
pub fn open(device: &Path) -> anyhow::Result<Line<File>> {
    let name = || format!("{}", device.display());
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let port = rustix::fs::open(device, flags, Mode::empty()).with_context(name)?;
    let mut setting = match termios::tcgetattr(&port) {
        Err(rustix::io::Errno::NOTTY) => bail!("{}: not a serial device", name()),
        other => other.with_context(name)?,
    };
    setting.make_raw();
    setting.control_modes.remove(ControlModes::CSTOPB | ControlModes::CRTSCTS);
    setting.control_modes.insert(ControlModes::CLOCAL | ControlModes::CREAD);
    // A read gives up after a tenth of a second without a character.
    setting.special_codes[SpecialCodeIndex::VMIN] = 0;
    setting.special_codes[SpecialCodeIndex::VTIME] = 1;
    setting.set_speed(SPEED).with_context(name)?;
    termios::tcsetattr(&port, OptionalActions::Flush, &setting).with_context(name)?;
    Line::new(File::from(port)).with_context(name)
}

impl<T: Read + Write> Line<T> {
    /// Ends what a predecessor left on the line, and checks the ID.
    fn new(port: T) -> anyhow::Result<Self> {
        let mut line = Line { port };
        line.port.write_all(b"\n")?;
        // The answer to rubbish, if any.
        while line.byte()?.is_some() {}
        let id = line.read(addr::ID)?;
        ensure!(
            id == ID_VALUE,
            "register ID is 0x{id:08x}, not 0x{ID_VALUE:08x}: no PEB is there, or one of another version"
        );
        Ok(line)
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        Ok((self.port.read(&mut byte)? == 1).then_some(byte[0]))
    }

    /// Sends a line; its answer, or None if that is no answer.
    fn ask(&mut self, request: &str) -> anyhow::Result<Option<Answer>> {
        self.port.write_all(request.as_bytes())?;
        let (start, mut text) = (Instant::now(), String::new());
        loop {
            match self.byte()? {
                Some(b'\n') => return Ok(Answer::parse(&text)),
                Some(byte) if text.len() < 64 => text.push(char::from(byte)),
                Some(_) => return Ok(None),
                None => ensure!(
                    start.elapsed() < PATIENCE,
                    "no answer; is it the board's UART (some boards have two serial devices), and is the design loaded?"
                ),
            }
        }
    }

    /// Asks until the answer is one to the line, if it may be asked again.
    fn insist(&mut self, request: &str, attempts: usize) -> anyhow::Result<u32> {
        let mut said = String::new();
        for _ in 0..attempts {
            match self.ask(request)? {
                Some(Answer::Value(value)) => return Ok(value),
                Some(Answer::Refused(reason)) => said = reason_text(reason),
                None => said = "the answer was damaged".into(),
            }
        }
        bail!("{:?}: {said}", request.trim_end())
    }
}

impl<T: Read + Write> Bus for Line<T> {
    type Error = anyhow::Error;
    fn read(&mut self, addr: u16) -> anyhow::Result<u32> {
        self.insist(&format!("r {addr:04x}\n"), ATTEMPTS)
    }
    /// The value comes back in the answer; a write whose answer is damaged may have happened and is not repeated.
    fn write(&mut self, addr: u16, value: u32) -> anyhow::Result<()> {
        let echo = self.insist(&format!("w {addr:04x} {value:08x}\n"), 1)?;
        ensure!(echo == value, "0x{value:08x} was written, but 0x{echo:08x} arrived");
        Ok(())
    }
}

/// What a line is answered with.
#[derive(Debug, PartialEq)]
enum Answer {
    Value(u32),
    Refused(u32),
}

impl Answer {
    fn parse(text: &str) -> Option<Answer> {
        let digits = text.get(1..).filter(|d| d.len() == 8 && d.bytes().all(|c| c.is_ascii_hexdigit()))?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        match text.as_bytes()[0] {
            b'=' => Some(Answer::Value(number)),
            b'!' => Some(Answer::Refused(number)),
            _ => None,
        }
    }
}

fn reason_text(reason: u32) -> String {
    match reason {
        1 => "the board found the line malformed".into(),
        2 => "a character arrived damaged at the board".into(),
        3 => "characters came before the board's answer was out; does another program use the device?".into(),
        other => format!("refused, reason {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::registers::{move_to, number, place, set};
    use super::*;
    use peb_regs::reg;
    use std::collections::{BTreeMap, VecDeque};

    /// A board whose answers may be replaced.
    #[derive(Default)]
    struct Board {
        registers: BTreeMap<u16, u32>,
        lines: Vec<String>,
        coming: Vec<u8>,
        out: VecDeque<u8>,
        instead: VecDeque<&'static str>,
    }

    impl Read for Board {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(byte) = self.out.pop_front() else { return Ok(0) };
            buffer[0] = byte;
            Ok(1)
        }
    }

    impl Write for Board {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            for &byte in bytes {
                if byte != b'\n' {
                    self.coming.push(byte);
                    continue;
                }
                let line = String::from_utf8(std::mem::take(&mut self.coming)).expect("ASCII");
                if line.is_empty() {
                    continue;
                }
                let parts: Vec<&str> = line.split(' ').collect();
                let address = u16::from_str_radix(parts[1], 16).expect("an address");
                if let Some(value) = parts.get(2) {
                    self.registers.insert(address, u32::from_str_radix(value, 16).expect("a value"));
                }
                let value = self.registers.get(&address).copied().unwrap_or(0);
                match self.instead.pop_front() {
                    Some(text) => self.out.extend(text.bytes()),
                    None => self.out.extend(format!("={value:08x}\n").bytes()),
                }
                self.lines.push(line);
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line() -> Line<Board> {
        let registers = [(addr::ID, ID_VALUE), (addr::VLAN, 0x3005)].into();
        Line::new(Board { registers, ..Board::default() }).expect("a PEB")
    }

    #[test]
    fn names_become_addresses() {
        assert_eq!(place("vlan").expect("known").0, addr::VLAN);
        assert_eq!(place("FCS_ERRORS").expect("known").0, addr::FCS_ERRORS);
        assert_eq!(place("slot2.rtt").expect("known").0, 0x290);
        assert_eq!(place("0x18").expect("known"), (0x18, Some(reg::VLAN)));
        for wrong in ["vlam", "slot8.rtt", "slot0.vlan", "0x19", "0x10000", "0x", ""] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
        assert_eq!((number("0x2a"), number("42")), (Ok(42), Ok(42)));
        assert!(number("4294967296").is_err() && number("0x+1").is_err());
    }

    #[test]
    fn a_move_keeps_the_priority() {
        let mut line = line();
        assert_eq!(move_to(&mut line, 42).expect("moved"), "VLAN 5 -> 42\n");
        assert_eq!(line.port.registers[&addr::VLAN], 0x302a);
        assert!(set(&mut line, "ID", 1).unwrap_err().to_string().contains("only be read"));
    }

    #[test]
    fn damaged_reads_are_repeated_and_writes_are_not() {
        let mut line = line();
        line.port.instead = ["!00000002\n", "=0000\n"].into();
        assert_eq!(line.read(addr::VLAN).expect("read"), 0x3005);
        line.port.instead = ["!00000001\n"; 3].into();
        assert!(line.read(addr::VLAN).unwrap_err().to_string().contains("malformed"));
        let before = line.port.lines.len();
        line.port.instead = ["=00000000\n"].into();
        assert!(line.write(addr::VLAN, 7).unwrap_err().to_string().contains("0x00000000 arrived"));
        line.port.instead = ["!00000003\n"].into();
        assert!(line.write(addr::VLAN, 7).unwrap_err().to_string().contains("another program"));
        assert_eq!(line.port.lines.len() - before, 2);
    }

    #[test]
    fn what_is_no_peb_is_told() {
        let said = Line::new(Board::default()).err().expect("no PEB").to_string();
        assert!(said.contains("no PEB is there"), "{said}");
    }
}
