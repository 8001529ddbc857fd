//! Frames as peers send them, and what has to come out of them.

use peb_tlp::{wire_length, Class, FmtType};
use rand::seq::SliceRandom;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

pub const ORDERED: [u8; 8] = [0x40, 0x60, 0x30, 0x74, 0x0a, 0x4a, 0x0b, 0x4b];
pub const NON_POSTED: [u8; 14] = [0x00, 0x20, 0x01, 0x21, 0x02, 0x42, 0x04, 0x44, 0x05, 0x45, 0x4c, 0x6c, 0x4d, 0x6e];

/// Bit 0 of the flags: TLPs follow.
pub const HAS_TLPS: u8 = 1;

pub fn is_np(tlp: &[u8]) -> bool {
    FmtType::parse(tlp[0]).expect("a type of PCIe").class() == Class::NonPosted
}

/// A TLP of one of these types with random contents and at most `longest` dwords of data.
pub fn tlp(rng: &mut ChaCha8Rng, types: &[u8], longest: u16) -> Vec<u8> {
    let byte0 = *types.choose(rng).expect("types");
    let length: u16 = match (byte0 & 0x1f, byte0 & 0x40 != 0) {
        (2 | 4 | 5, _) => 1,
        (12..=14, _) => 1 << rng.gen_range(0..4),
        (_, true) => rng.gen_range(1..=longest),
        _ => rng.gen_range(0..1024),
    };
    let dw0 = [byte0, rng.gen(), rng.gen::<u8>() & 0xfc | (length >> 8) as u8, length as u8];
    let mut bytes = dw0.to_vec();
    bytes.resize_with(wire_length(dw0).expect("no prefix"), || rng.gen());
    bytes
}

pub fn any_tlp(rng: &mut ChaCha8Rng, longest: u16) -> Vec<u8> {
    let types = if rng.gen_ratio(2, 5) { &NON_POSTED[..] } else { &ORDERED[..] };
    tlp(rng, types, longest)
}

/// What stands behind the tunnel header, and the TLPs in it.
#[derive(Clone, Default)]
pub struct Frame {
    pub records: Vec<u8>,
    pub tlps: Vec<Vec<u8>>,
    pub malformed: bool,
}

impl Frame {
    pub fn of(tlps: Vec<Vec<u8>>) -> Self {
        Frame { records: tlps.concat(), tlps, malformed: false }
    }

    /// Some TLPs, control records between them and, one time in `bad`, an end that makes no sense.
    pub fn random(rng: &mut ChaCha8Rng, count: usize, longest: u16, bad: u32) -> Self {
        let mut frame = Frame::default();
        for _ in 0..rng.gen_range(0..=count) {
            if rng.gen_ratio(1, 6) {
                // A control record: type, dwords.
                let dwords = rng.gen_range(1..5_u8);
                frame.records.extend([rng.gen_range(0xe0..0xff), dwords]);
                frame.records.extend((2..dwords * 4).map(|_| rng.gen::<u8>()));
            }
            let tlp = any_tlp(rng, longest);
            if frame.records.len() + tlp.len() > 1400 {
                break;
            }
            frame.records.extend(&tlp);
            frame.tlps.push(tlp);
        }
        if rng.gen_ratio(1, bad) {
            frame.malformed = true;
            let end: [u8; 4] = match rng.gen_range(0..5) {
                // No such Fmt; a control record without length; longer than the frame, as TLP and record.
                0 => [rng.gen_range(0x80..0xe0), 0, 0, rng.gen()],
                1 => [0xe5, 0, 0, 0],
                2 => [0x60, 0, 0x83, 0xff],
                3 => [0xe0, 0xff, 1, 2],
                _ => [0x4c, 0, 0, 20],
            };
            frame.records.extend(end);
            if end[0] == 0x4c {
                // An AtomicOp that is all there and longer than any can be.
                frame.records.extend((0..96).map(|_| rng.gen::<u8>()));
            }
            let rest = any_tlp(rng, 4);
            frame.records.extend(rest);
        }
        frame
    }
}

/// All fields of the tunnel header.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Header {
    pub kind: u8,
    pub flags: u8,
    pub src_epoch: u16,
    pub dst_epoch: u16,
    pub seq: u16,
    pub ack: u16,
    pub index: u8,
    pub sack: u32,
    pub ts: u32,
    pub ts_echo: u32,
    pub window: u8,
    pub np_limit: u8,
}

impl Header {
    pub fn random(rng: &mut ChaCha8Rng, seq: u16, flags: u8) -> Self {
        Header {
            kind: rng.gen_range(0..16),
            flags: rng.gen::<u8>() & 0xfe | flags,
            src_epoch: rng.gen(),
            dst_epoch: rng.gen(),
            seq,
            ack: rng.gen(),
            index: rng.gen(),
            sack: rng.gen(),
            ts: rng.gen_range(0..1 << 24),
            ts_echo: rng.gen_range(0..1 << 24),
            window: rng.gen(),
            np_limit: rng.gen(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x50, 0x10 | self.kind];
        bytes.extend(self.src_epoch.to_be_bytes());
        bytes.extend(self.dst_epoch.to_be_bytes());
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.ack.to_be_bytes());
        bytes.extend([self.flags, self.index]);
        bytes.extend(self.sack.to_be_bytes());
        bytes.extend(&self.ts.to_be_bytes()[1..]);
        bytes.extend(&self.ts_echo.to_be_bytes()[1..]);
        bytes.extend([self.window, self.np_limit]);
        bytes
    }
}

/// Octets as words, the first octet in the low bits, the end filled up with zeros.
pub fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |c: &[u8]| c.iter().rev().fold(0, |w, b| w << 8 | u64::from(*b));
    bytes.chunks(8).map(word).collect()
}

/// What the MAC gives for a frame: the words behind the EtherType with padding and FCS, and the length without FCS.
pub fn mac_words(rng: &mut ChaCha8Rng, header: &Header, records: &[u8]) -> (Vec<u64>, u64) {
    let mut bytes = header.bytes();
    bytes.extend(records);
    bytes.resize(bytes.len().max(46), 0xff);
    let length = bytes.len() as u64;
    bytes.extend(rng.gen::<[u8; 4]>());
    (words(&bytes), length)
}
