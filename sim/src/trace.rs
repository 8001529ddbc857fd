//! Recorded PCIe traffic: the text format `.tlps` and captures (see `docs/trace-formats.md`).

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError};
use peb_tlp::TlpView;
use serde::Serialize;
use thiserror::Error;

/// Debian's kernel meets an NVMe drive: boot, enumeration, hot-add, 256 KiB written and read, removal.
pub const NVME_HOTPLUG: &str = include_str!("../data/linux-nvme-hotplug.tlps");
/// Debian's kernel meets an Intel network adapter: boot, enumeration, hot-add, ping, removal.
pub const E1000E_PING: &str = include_str!("../data/linux-e1000e-ping.tlps");

/// LINKTYPE_USER0, the link type of captures of TLPs.
pub const LINK_TYPE: u32 = 147;

/// Which way a TLP goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the host to the device.
    Down,
    /// From the device to the host.
    Up,
}

impl Direction {
    /// Both.
    pub const BOTH: [Direction; 2] = [Direction::Down, Direction::Up];

    fn from_letter(letter: &[u8]) -> Option<Self> {
        match letter {
            b"D" => Some(Direction::Down),
            b"U" => Some(Direction::Up),
            _ => None,
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Down => "down",
            Direction::Up => "up",
        })
    }
}

/// One TLP of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Time in microseconds from any start.
    pub time_us: u64,
    /// Which way it goes.
    pub direction: Direction,
    /// The TLP in wire order; well formed.
    pub tlp: Vec<u8>,
}

/// A sequence of well-formed TLPs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// In the order recorded.
    pub records: Vec<Record>,
}

/// Why a trace was refused.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of a `.tlps` file is wrong.
    #[error("{}:{line}:{column}: {wrong}; expected {expected}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is there.
        wrong: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A packet of a capture is wrong.
    #[error("{}: packet {packet}, byte {byte}: {wrong}; expected {expected}", file.display())]
    Packet {
        /// The file.
        file: PathBuf,
        /// From 1, as Wireshark counts.
        packet: usize,
        /// From 0, in the packet.
        byte: usize,
        /// What is there.
        wrong: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The capture as such is wrong.
    #[error("{}: {wrong}; expected {expected}", file.display())]
    Capture {
        /// The file.
        file: PathBuf,
        /// What is there.
        wrong: String,
        /// What should be there.
        expected: &'static str,
    },
    /// There is no TLP in it.
    #[error("{}: no TLP in the file; expected {TLPS_LINE}", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

const TLPS_LINE: &str = "lines of microseconds, D or U, and the TLP's bytes in hexadecimal";
const TLP: &str = "a well-formed TLP (PCI Express Base Specification, 2.2)";
const PACKET: &str = "one byte D (from the host) or U (to the host), then the TLP";

impl Trace {
    /// Reads a file: a capture if it begins like one, else the text format.
    pub fn read(file: &Path) -> Result<Self, TraceError> {
        let bytes = fs::read(file).map_err(|source| TraceError::Io { file: file.into(), source })?;
        match bytes.get(..4) {
            Some([0xd4, 0xc3, 0xb2, 0xa1] | [0xa1, 0xb2, 0xc3, 0xd4])
            | Some([0x4d, 0x3c, 0xb2, 0xa1] | [0xa1, 0xb2, 0x3c, 0x4d]) => Trace::parse_pcap(file, &bytes),
            Some([0x0a, 0x0d, 0x0d, 0x0a]) => Trace::parse_pcapng(file, &bytes),
            _ => Trace::parse_bytes(file, &bytes),
        }
    }

    /// Parses the text format. The name is for error messages.
    pub fn parse(name: &str, text: &str) -> Result<Self, TraceError> {
        Trace::parse_bytes(Path::new(name), text.as_bytes())
    }

    /// TLPs that go one way, in order.
    pub fn going(&self, direction: Direction) -> impl Iterator<Item = &[u8]> {
        self.records.iter().filter(move |r| r.direction == direction).map(|r| r.tlp.as_slice())
    }

    fn parse_bytes(file: &Path, bytes: &[u8]) -> Result<Self, TraceError> {
        let mut records = Vec::new();
        for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let record = parse_line(line).map_err(|at| TraceError::Line {
                file: file.into(),
                line: i + 1,
                column: at.column(line),
                wrong: at.wrong,
                expected: at.expected,
            })?;
            records.extend(record);
        }
        Trace { records }.not_empty(file)
    }

    fn parse_pcap(file: &Path, bytes: &[u8]) -> Result<Self, TraceError> {
        let broken = |error| capture_error(file, &error);
        let mut reader = PcapReader::new(Cursor::new(bytes)).map_err(broken)?;
        check_link_type(file, reader.header().datalink)?;
        let mut trace = Trace::default();
        while let Some(packet) = reader.next_packet() {
            let packet = packet.map_err(broken)?;
            trace.push_packet(file, packet.timestamp.as_micros() as u64, packet.orig_len, &packet.data)?;
        }
        trace.not_empty(file)
    }

    fn parse_pcapng(file: &Path, bytes: &[u8]) -> Result<Self, TraceError> {
        let broken = |error| capture_error(file, &error);
        let mut reader = PcapNgReader::new(Cursor::new(bytes)).map_err(broken)?;
        let mut trace = Trace::default();
        while let Some(block) = reader.next_block() {
            match block.map_err(broken)? {
                Block::InterfaceDescription(interface) => check_link_type(file, interface.linktype)?,
                Block::EnhancedPacket(packet) => {
                    let time = packet.timestamp.as_micros() as u64;
                    trace.push_packet(file, time, packet.original_len, &packet.data)?;
                }
                Block::SimplePacket(packet) => {
                    // The reader leaves the padding in.
                    let whole = packet.data.get(..packet.original_len as usize);
                    let data = whole.unwrap_or(&packet.data);
                    trace.push_packet(file, 0, packet.original_len, data)?;
                }
                _ => {}
            }
        }
        trace.not_empty(file)
    }

    fn push_packet(&mut self, file: &Path, time_us: u64, length: u32, data: &[u8]) -> Result<(), TraceError> {
        let packet = self.records.len() + 1;
        let wrong = |byte, wrong, expected| TraceError::Packet { file: file.into(), packet, byte, wrong, expected };
        if length as usize != data.len() {
            let text = format!("{} of {length} bytes were captured", data.len());
            return Err(wrong(data.len(), text, "whole packets"));
        }
        let Some((letter, tlp)) = data.split_first() else {
            return Err(wrong(0, "empty packet".into(), PACKET));
        };
        let Some(direction) = Direction::from_letter(&[*letter]) else {
            return Err(wrong(0, format!("{letter:#04x}"), PACKET));
        };
        TlpView::parse(tlp).map_err(|error| wrong(1 + error.offset(), error.to_string(), TLP))?;
        self.records.push(Record { time_us, direction, tlp: tlp.into() });
        Ok(())
    }

    fn not_empty(self, file: &Path) -> Result<Self, TraceError> {
        if self.records.is_empty() {
            return Err(TraceError::Empty { file: file.into() });
        }
        Ok(self)
    }
}

fn capture_error(file: &Path, error: &PcapError) -> TraceError {
    let wrong = match error {
        PcapError::IncompleteBuffer => "the file ends inside a packet".into(),
        other => other.to_string(),
    };
    TraceError::Capture { file: file.into(), wrong, expected: "a whole pcap or pcapng file" }
}

fn check_link_type(file: &Path, link: DataLink) -> Result<(), TraceError> {
    if u32::from(link) == LINK_TYPE {
        return Ok(());
    }
    let wrong = format!("link type {}", u32::from(link));
    Err(TraceError::Capture { file: file.into(), wrong, expected: "link type 147 (LINKTYPE_USER0)" })
}

/// What is wrong in a line, and at which byte of it.
struct LineError {
    byte: usize,
    wrong: String,
    expected: &'static str,
}

impl LineError {
    fn column(&self, line: &[u8]) -> usize {
        String::from_utf8_lossy(&line[..self.byte.min(line.len())]).chars().count() + 1
    }
}

/// A record, or nothing for a comment or an empty line.
fn parse_line(line: &[u8]) -> Result<Option<Record>, LineError> {
    const TIME: &str = "microseconds, a decimal number below 2^64";
    const LETTER: &str = "D (from the host) or U (to the host)";
    const HEX: &str = "the TLP's bytes, two hexadecimal digits each";
    let wrong = |byte: usize, wrong: String, expected| LineError { byte, wrong, expected };
    let mut words = words(line).into_iter();
    let mut word = |expected| words.next().ok_or_else(|| wrong(line.len(), "end of line".into(), expected));
    let (at, time) = match word(TIME) {
        Ok((at, text)) if text[0] != b'#' => (at, text),
        _ => return Ok(None),
    };
    let digits = Some(time).filter(|time| time.iter().all(u8::is_ascii_digit));
    let time_us = digits.and_then(|time| std::str::from_utf8(time).ok()?.parse().ok());
    let time_us = time_us.ok_or_else(|| wrong(at, quoted(time), TIME))?;
    let (at, letter) = word(LETTER)?;
    let direction = Direction::from_letter(letter).ok_or_else(|| wrong(at, quoted(letter), LETTER))?;
    let (at, hex) = word(HEX)?;
    if let Some(digit) = hex.iter().position(|b| !b.is_ascii_hexdigit()) {
        return Err(wrong(at + digit, quoted(&hex[digit..]), HEX));
    }
    if hex.len() % 2 != 0 {
        return Err(wrong(at + hex.len(), "an odd number of digits".into(), HEX));
    }
    if let Some((at, more)) = words.next() {
        return Err(wrong(at, quoted(more), "the end of the line"));
    }
    let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    let tlp: Vec<u8> = hex.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    match TlpView::parse(&tlp) {
        Ok(_) => Ok(Some(Record { time_us, direction, tlp })),
        Err(error) => Err(wrong(at + 2 * error.offset(), error.to_string(), TLP)),
    }
}

/// The words of a line, with the byte each begins at.
fn words(line: &[u8]) -> Vec<(usize, &[u8])> {
    let mut at = 0;
    let each = line.split(|b| matches!(b, b' ' | b'\t')).map(|word| {
        at += word.len() + 1;
        (at - word.len() - 1, word)
    });
    each.filter(|(_, word)| !word.is_empty()).collect()
}

/// The beginning of what is there, fit for a terminal.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let begin: String = text.chars().take(20).collect();
    let more = if begin.len() < text.len() { "..." } else { "" };
    format!("{begin:?}{more}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
    use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
    use pcap_file::pcapng::blocks::simple_packet::SimplePacketBlock;
    use pcap_file::pcapng::PcapNgWriter;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const READ: &str = "040000010000010f01000000";

    fn refused(text: &str) -> String {
        Trace::parse("t.tlps", text).unwrap_err().to_string()
    }

    #[test]
    fn the_shipped_traces_are_whole() {
        let count = |text| {
            let trace = Trace::parse("shipped", text).unwrap();
            let bytes: usize = trace.records.iter().map(|r| r.tlp.len()).sum();
            (trace.going(Direction::Down).count(), trace.going(Direction::Up).count(), bytes)
        };
        // Counted with awk in the files as they were recorded.
        assert_eq!(count(NVME_HOTPLUG), (3713, 6565, 970816));
        assert_eq!(count(E1000E_PING), (4907, 2776, 114932));
    }

    #[test]
    fn a_line_is_what_it_says() {
        let trace = Trace::parse("t", &format!("# c\n\n \t\r\n12 D {READ}\r\n\t13  U\t{READ} \n")).unwrap();
        let read = vec![4, 0, 0, 1, 0, 0, 1, 0xf, 1, 0, 0, 0];
        let record = |time_us, direction| Record { time_us, direction, tlp: read.clone() };
        assert_eq!(trace.records, [record(12, Direction::Down), record(13, Direction::Up)]);
    }

    #[test]
    fn broken_lines_are_refused_with_their_place() {
        let good = format!("0 D {READ}\n");
        for (line, expected) in [
            ("x D 00".into(), "t.tlps:2:1: \"x\"; expected microseconds, a decimal number below 2^64"),
            ("-1 D 00".into(), "t.tlps:2:1: \"-1\"; expected microseconds, a decimal number below 2^64"),
            ("99999999999999999999 D 00".into(), "t.tlps:2:1: \"99999999999999999999\"; expected microseconds, a decimal number below 2^64"),
            ("1".into(), "t.tlps:2:2: end of line; expected D (from the host) or U (to the host)"),
            ("12 X 00".into(), "t.tlps:2:4: \"X\"; expected D (from the host) or U (to the host)"),
            ("12 DU 00".into(), "t.tlps:2:4: \"DU\"; expected D (from the host) or U (to the host)"),
            ("12 D".into(), "t.tlps:2:5: end of line; expected the TLP's bytes, two hexadecimal digits each"),
            ("12 D 04g0".into(), "t.tlps:2:8: \"g0\"; expected the TLP's bytes, two hexadecimal digits each"),
            ("12 D 040".into(), "t.tlps:2:9: an odd number of digits; expected the TLP's bytes, two hexadecimal digits each"),
            (format!("12 D {READ} 7"), "t.tlps:2:31: \"7\"; expected the end of the line"),
            (format!("12 D {READ}00"), "t.tlps:2:30: TLP has 13 bytes, its header says 12; expected a well-formed TLP (PCI Express Base Specification, 2.2)"),
            (format!("12 D {}", &READ[..20]), "t.tlps:2:26: TLP ends after 10 of 12 bytes; expected a well-formed TLP (PCI Express Base Specification, 2.2)"),
            ("é D 00".into(), "t.tlps:2:1: \"é\"; expected microseconds, a decimal number below 2^64"),
            ("1 D 0é".into(), "t.tlps:2:6: \"é\"; expected the TLP's bytes, two hexadecimal digits each"),
        ] {
            assert_eq!(refused(&format!("{good}{line}")), expected);
        }
        assert!(refused("# nothing\n").contains("no TLP"));
        assert!(Trace::read(Path::new("/nonexistent/t.tlps"))
            .unwrap_err()
            .to_string()
            .starts_with("/nonexistent/t.tlps: "));
    }

    /// A capture of these packets with a link type.
    fn capture(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
        let header = PcapHeader { datalink: DataLink::from(link), ..PcapHeader::default() };
        let mut writer = PcapWriter::with_header(Vec::new(), header).unwrap();
        for packet in packets {
            let packet = PcapPacket::new(Duration::from_micros(5), packet.len() as u32, packet);
            writer.write_packet(&packet).unwrap();
        }
        writer.into_writer()
    }

    fn packet(letter: u8) -> Vec<u8> {
        let trace = Trace::parse("t", &format!("0 D {READ}")).unwrap();
        [&[letter], trace.records[0].tlp.as_slice()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Trace, TraceError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        Trace::read(file.path())
    }

    #[test]
    fn captures_are_read() {
        let trace = read(&capture(147, &[packet(b'D'), packet(b'U')])).unwrap();
        let seen: Vec<_> = trace.records.iter().map(|r| (r.time_us, r.direction, r.tlp.len())).collect();
        assert_eq!(seen, [(5, Direction::Down, 12), (5, Direction::Up, 12)]);
        let mut ng = PcapNgWriter::new(Vec::new()).unwrap();
        ng.write_pcapng_block(InterfaceDescriptionBlock { linktype: DataLink::USER0, snaplen: 0, options: vec![] })
            .unwrap();
        let data = packet(b'U');
        ng.write_pcapng_block(SimplePacketBlock { original_len: 13, data: data.as_slice().into() }).unwrap();
        assert_eq!(read(&ng.into_inner()).unwrap().records[0].direction, Direction::Up);
    }

    #[test]
    fn broken_captures_are_refused() {
        let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        let good = capture(147, &[packet(b'D')]);
        assert!(message(&capture(1, &[packet(b'D')])).ends_with("link type 1; expected link type 147 (LINKTYPE_USER0)"));
        assert!(message(&good[..good.len() - 1]).ends_with("expected a whole pcap or pcapng file"));
        assert!(message(&good[..24]).contains("no TLP"));
        assert!(message(&capture(147, &[packet(b'D'), packet(b'X')]))
            .contains("packet 2, byte 0: 0x58; expected one byte D"));
        assert!(message(&capture(147, &[vec![]])).contains("packet 1, byte 0: empty packet"));
        assert!(message(&capture(147, &[packet(b'D')[..9].into()]))
            .contains("packet 1, byte 9: TLP ends after 8 of 12 bytes"));
    }

    #[test]
    fn no_bytes_panic() {
        let seed = 1;
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let texts = [format!("1 D {READ}\n").into_bytes(), capture(147, &[packet(b'D')])];
        for i in 0..4000 {
            let mut bytes = texts[i % 2].clone();
            for _ in 0..rng.gen_range(1..4) {
                let at = rng.gen_range(0..bytes.len());
                bytes[at] = rng.gen();
            }
            let file = Path::new("t");
            let _ = Trace::parse_bytes(file, &bytes);
            let _ = Trace::parse_pcap(file, &bytes);
            let _ = Trace::parse_pcapng(file, &bytes);
        }
    }
}
