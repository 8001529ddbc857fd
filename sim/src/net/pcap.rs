//! Captures for Wireshark: classic pcap, nanosecond resolution, Ethernet without FCS.

use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket};
use pcap_file::{DataLink, PcapError, TsResolution};

use super::gmii::{Gmii, GmiiDecoder};
use super::{Frame, CLOCK_NS};

/// Writes good frames with the simulation's clock as their time.
pub struct PcapWriter {
    writer: pcap_file::pcap::PcapWriter<Box<dyn Write>>,
    frames: u64,
}

impl PcapWriter {
    /// Starts a capture.
    pub fn new(to: impl Write + 'static) -> io::Result<Self> {
        let header = PcapHeader {
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            ..PcapHeader::default()
        };
        let writer = pcap_file::pcap::PcapWriter::with_header(Box::new(to) as Box<dyn Write>, header);
        Ok(PcapWriter { writer: writer.map_err(io_error)?, frames: 0 })
    }

    /// Adds a frame that was seen in this clock. Like a network adapter's, the capture has good frames only.
    pub fn frame(&mut self, clock: u64, frame: &Frame) -> io::Result<()> {
        if !frame.is_good() {
            return Ok(());
        }
        let body = frame.body();
        let time = Duration::from_nanos(clock.saturating_mul(CLOCK_NS));
        self.frames += 1;
        self.writer.write_packet(&PcapPacket::new(time, body.len() as u32, body)).map(drop).map_err(io_error)
    }

    /// Frames written.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes out what is buffered.
    pub fn finish(self) -> io::Result<()> {
        self.writer.into_writer().flush()
    }
}

fn io_error(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Listens at any point of a GMII. Several taps may write to one capture.
#[derive(Clone, Debug, Default)]
pub struct PcapTap {
    decoder: GmiiDecoder,
}

impl PcapTap {
    /// Takes the symbol of a clock; writes each frame in the clock after its last octet.
    pub fn clock(&mut self, clock: u64, symbol: Gmii, to: &mut PcapWriter) -> io::Result<()> {
        match self.decoder.clock(symbol) {
            Some(received) => to.frame(clock, &received.frame),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gmii::GmiiEncoder;
    use super::*;
    use std::fs::File;

    #[test]
    fn a_capture_is_read_back() {
        let path = std::env::temp_dir().join(format!("peb-sim-pcap-{}.pcap", std::process::id()));
        let mut pcap = PcapWriter::new(File::create(&path).unwrap()).unwrap();
        let mut encoder = GmiiEncoder::new();
        let frame = Frame::build([2; 6], [4; 6], None, 0x88b5, &[9; 50]);
        let mut bad = frame.clone();
        bad.bytes[3] ^= 1;
        [&frame, &bad, &frame].into_iter().for_each(|f| encoder.send(f));
        let mut tap = PcapTap::default();
        for clock in 0..1000 {
            tap.clock(clock, encoder.clock(), &mut pcap).unwrap();
        }
        assert_eq!(pcap.frames(), 2);
        pcap.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // Magic of nanosecond pcap, link type Ethernet, and the first packet's header, by the format's description.
        assert!([[0xa1, 0xb2, 0x3c, 0x4d], [0x4d, 0x3c, 0xb2, 0xa1]].contains(&bytes[..4].try_into().unwrap()));
        let big = bytes[0] == 0xa1;
        let word = |at: usize| {
            let b: [u8; 4] = bytes[at..at + 4].try_into().unwrap();
            if big {
                u32::from_be_bytes(b)
            } else {
                u32::from_le_bytes(b)
            }
        };
        assert_eq!(word(20), 1);
        assert_eq!([word(24), word(28), word(32), word(36)], [0, (8 + 68) * 8, 64, 64]);
        assert_eq!(bytes[40..104], *frame.body());
        assert_eq!(word(108), ((8 + 68) * 3 + 24) * 8);
        assert_eq!(bytes.len(), 24 + 2 * (16 + 64));
    }
}
