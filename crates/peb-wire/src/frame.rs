//! A frame, read in place.

use crate::{Header, HeaderError, CONTROL, ETHERTYPE, HEADER_LEN, PAD};
use core::fmt;

/// TPID of an IEEE 802.1Q tag.
pub(crate) const TPID: u16 = 0x8100;

/// Ethernet address, first byte on the wire first.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// To all stations.
    pub const BROADCAST: Mac = Mac([0xff; 6]);
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// IEEE 802.1Q tag control information.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VlanTag {
    /// VLAN ID, 12 bits; 0: priority tag.
    pub vid: u16,
    /// Priority code point, 3 bits.
    pub pcp: u8,
    /// Drop eligible.
    pub dei: bool,
}

impl VlanTag {
    /// A tag with priority 0.
    pub const fn new(vid: u16) -> Self {
        VlanTag { vid, pcp: 0, dei: false }
    }

    /// From the 16 bits that follow the TPID.
    pub const fn from_bits(bits: u16) -> Self {
        VlanTag { vid: bits & 0xfff, pcp: (bits >> 13) as u8, dei: bits & 0x1000 != 0 }
    }

    /// The 16 bits that follow the TPID.
    pub const fn bits(self) -> u16 {
        (self.pcp as u16 & 7) << 13 | (self.dei as u16) << 12 | self.vid & 0xfff
    }
}

/// Why bytes are no tunnel frame. Offsets count from the first byte of the frame (destination address).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The frame ends inside the Ethernet or tunnel header.
    TooShort {
        /// Bytes needed.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Another EtherType.
    EtherType {
        /// Where it is.
        offset: usize,
        /// Its value.
        value: u16,
    },
    /// The tunnel header is wrong.
    Header {
        /// Where the header starts.
        start: usize,
        /// What is wrong with it.
        error: HeaderError,
    },
    /// A record starts with a byte that is neither a TLP's nor a control record's: prefix or reserved Fmt.
    Record {
        /// Where it starts.
        offset: usize,
        /// Its first byte.
        byte: u8,
    },
    /// A record is longer than the rest of the frame.
    Truncated {
        /// Where it starts.
        offset: usize,
        /// Its length in bytes by its first dword.
        need: usize,
        /// Bytes left.
        have: usize,
    },
    /// A control record of length 0.
    EmptyControl {
        /// Where it starts.
        offset: usize,
    },
}

impl FrameError {
    /// Offset in bytes from the first byte of the frame.
    pub const fn offset(&self) -> usize {
        match self {
            FrameError::TooShort { have, .. } => *have,
            FrameError::Header { start, error } => *start + error.offset(),
            FrameError::EtherType { offset, .. }
            | FrameError::Record { offset, .. }
            | FrameError::Truncated { offset, .. }
            | FrameError::EmptyControl { offset } => *offset,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.offset())?;
        match self {
            FrameError::TooShort { need, have } => write!(f, "frame ends after {have} of at least {need} bytes"),
            FrameError::EtherType { value, .. } => write!(f, "EtherType {value:#06x} is not the tunnel's"),
            FrameError::Header { error, .. } => error.fmt(f),
            FrameError::Record { byte, .. } => write!(f, "no record starts with {byte:#04x}"),
            FrameError::Truncated { need, have, .. } => write!(f, "record of {need} bytes, {have} left in the frame"),
            FrameError::EmptyControl { .. } => f.write_str("control record of length 0"),
        }
    }
}

impl core::error::Error for FrameError {}

/// A frame whose headers are right. The records are looked at by [`Frame::records`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Destination address.
    pub dst: Mac,
    /// Source address.
    pub src: Mac,
    /// IEEE 802.1Q tag, if there is one.
    pub tag: Option<VlanTag>,
    /// Tunnel header.
    pub header: Header,
    bytes: &'a [u8],
    records: usize,
}

impl<'a> Frame<'a> {
    /// Reads a frame from its destination address to its last byte before the FCS, with EtherType [`ETHERTYPE`].
    ///
    /// # Errors
    /// [`FrameError`] if a header is short or wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Self::parse_ethertype(bytes, ETHERTYPE)
    }

    /// As [`Frame::parse`], with an EtherType of one's own.
    ///
    /// # Errors
    /// As [`Frame::parse`].
    pub fn parse_ethertype(bytes: &'a [u8], ethertype: u16) -> Result<Self, FrameError> {
        let mut reader = Reader { bytes, at: 0 };
        let dst = Mac(reader.take()?);
        let src = Mac(reader.take()?);
        let mut value = u16::from_be_bytes(reader.take()?);
        let mut tag = None;
        if value == TPID {
            tag = Some(VlanTag::from_bits(u16::from_be_bytes(reader.take()?)));
            value = u16::from_be_bytes(reader.take()?);
        }
        if value != ethertype {
            return Err(FrameError::EtherType { offset: reader.at - 2, value });
        }
        let start = reader.at;
        let header = Header::decode(&reader.take()?).map_err(|error| FrameError::Header { start, error })?;
        Ok(Frame { dst, src, tag, header, bytes, records: start + HEADER_LEN })
    }

    /// The whole frame.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records, in the order sent. There are none without flag data.
    pub fn records(&self) -> Records<'a> {
        let end = if self.header.flags.data { self.bytes.len() } else { self.records };
        Records { bytes: &self.bytes[..end], at: self.records }
    }

    /// The TLPs among the records: offset in the frame, and bytes.
    pub fn tlps(&self) -> impl Iterator<Item = Result<(usize, &'a [u8]), FrameError>> {
        self.records().filter_map(|record| match record {
            Ok(Record::Tlp { offset, bytes }) => Some(Ok((offset, bytes))),
            Ok(Record::Control { .. }) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// Takes arrays off the front of a frame.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (need, have) = (self.at + N, self.bytes.len());
        let taken = *self.bytes[self.at..].first_chunk().ok_or(FrameError::TooShort { need, have })?;
        self.at = need;
        Ok(taken)
    }
}

/// One record of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A TLP, of the length its first dword says; its other fields are not checked.
    Tlp {
        /// Where it starts in the frame.
        offset: usize,
        /// The TLP in wire byte order; [`peb_tlp::TlpView::parse`] reads it.
        bytes: &'a [u8],
    },
    /// A control record.
    Control {
        /// Where it starts in the frame.
        offset: usize,
        /// Its code, 0..=30.
        code: u8,
        /// What follows code and length.
        content: &'a [u8],
    },
}

/// Iterator over the records of a frame; it ends after the first error.
///
/// The records end at a byte [`PAD`], or where less than a dword is left: a bridge that takes the tag off a frame may
/// have to fill it up again, with bytes of its own choice (IEEE 802.1Q, 6.5.1 and annex G).
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (offset, rest) = (self.at, &self.bytes[self.at..]);
        let dw0 = *rest.first_chunk::<4>()?;
        if dw0[0] == PAD {
            return None;
        }
        let control = dw0[0] >= CONTROL;
        let need = if control { Some(usize::from(dw0[1]) * 4) } else { peb_tlp::wire_length(dw0) };
        let item = match need {
            None => Err(FrameError::Record { offset, byte: dw0[0] }),
            Some(0) => Err(FrameError::EmptyControl { offset }),
            Some(need) => match rest.get(..need) {
                None => Err(FrameError::Truncated { offset, need, have: rest.len() }),
                Some(bytes) if control => Ok(Record::Control { offset, code: dw0[0] - CONTROL, content: &bytes[2..] }),
                Some(bytes) => Ok(Record::Tlp { offset, bytes }),
            },
        };
        self.at = match item {
            Ok(_) => offset + need.unwrap_or(0),
            Err(_) => self.bytes.len(),
        };
        Some(item)
    }
}
