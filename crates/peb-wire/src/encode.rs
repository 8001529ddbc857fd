//! Whole frames, for tools and tests. The RTL has its own encoder; both are tested against the same golden frames.

use crate::frame::TPID;
use crate::{Header, Mac, VlanTag, CONTROL, ETHERTYPE, HEADER_LEN, MIN_FRAME, MTU, PAD};
use alloc::vec::Vec;
use core::fmt;

/// Why a record does not go into a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// It does not fit: bytes of the record, bytes left.
    Full(usize, usize),
    /// Not one whole TLP: bytes by its first dword (0: none), bytes given.
    Length(usize, usize),
    /// A control code above 30, or content that does not fill whole dwords or is longer than 1018 bytes.
    Control,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EncodeError::Full(need, left) => write!(f, "record of {need} bytes, {left} left in the frame"),
            EncodeError::Length(need, have) => write!(f, "TLP of {have} bytes whose first dword says {need}"),
            EncodeError::Control => f.write_str("control record with a code above 30 or a bad length"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// A frame under construction.
///
/// ```
/// use peb_wire::{Frame, FrameBuilder, Header, Mac, VlanTag};
///
/// let tlp = [0x04, 0, 0, 1, 0, 0, 0, 0x0f, 1, 0, 0, 0];
/// let mut builder = FrameBuilder::new(Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]), Header::EMPTY);
/// builder.tag = Some(VlanTag::new(100));
/// builder.push_tlp(&tlp).unwrap();
/// let bytes = builder.finish();
/// let frame = Frame::parse(&bytes).unwrap();
/// assert_eq!(frame.tlps().next(), Some(Ok((42, &tlp[..]))));
/// ```
#[derive(Clone, Debug)]
pub struct FrameBuilder {
    /// Destination address.
    pub dst: Mac,
    /// Source address.
    pub src: Mac,
    /// IEEE 802.1Q tag.
    pub tag: Option<VlanTag>,
    /// EtherType.
    pub ethertype: u16,
    /// Tunnel header; flag data is set by the first record.
    pub header: Header,
    /// Tunnel header and records, at most, in bytes.
    pub mtu: usize,
    records: Vec<u8>,
}

impl FrameBuilder {
    /// An untagged frame without records, [`ETHERTYPE`] and [`MTU`].
    pub fn new(dst: Mac, src: Mac, header: Header) -> Self {
        FrameBuilder { dst, src, tag: None, ethertype: ETHERTYPE, header, mtu: MTU, records: Vec::new() }
    }

    /// Bytes left for records.
    pub fn left(&self) -> usize {
        self.mtu.saturating_sub(HEADER_LEN + self.records.len())
    }

    /// Appends a TLP.
    ///
    /// # Errors
    /// [`EncodeError`] if its first dword tells another length, or it does not fit.
    pub fn push_tlp(&mut self, tlp: &[u8]) -> Result<(), EncodeError> {
        let need = tlp.first_chunk().and_then(|dw0| peb_tlp::wire_length(*dw0)).unwrap_or(0);
        if need != tlp.len() || need == 0 {
            return Err(EncodeError::Length(need, tlp.len()));
        }
        self.push(tlp)
    }

    /// Appends a control record; `content` is 2 bytes more than a multiple of 4.
    ///
    /// # Errors
    /// [`EncodeError`] if code or length is not possible, or it does not fit.
    pub fn push_control(&mut self, code: u8, content: &[u8]) -> Result<(), EncodeError> {
        let len = content.len() + 2;
        if code > 30 || len % 4 != 0 || len > 255 * 4 {
            return Err(EncodeError::Control);
        }
        let mut record = Vec::with_capacity(len);
        record.extend_from_slice(&[CONTROL | code, (len / 4) as u8]);
        record.extend_from_slice(content);
        self.push(&record)
    }

    fn push(&mut self, record: &[u8]) -> Result<(), EncodeError> {
        if record.len() > self.left() {
            return Err(EncodeError::Full(record.len(), self.left()));
        }
        self.records.extend_from_slice(record);
        self.header.flags.data = true;
        Ok(())
    }

    /// The frame without FCS, filled up with [`PAD`] to [`MIN_FRAME`].
    pub fn finish(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MIN_FRAME.max(18 + HEADER_LEN + self.records.len()));
        bytes.extend_from_slice(&self.dst.0);
        bytes.extend_from_slice(&self.src.0);
        if let Some(tag) = self.tag {
            bytes.extend_from_slice(&TPID.to_be_bytes());
            bytes.extend_from_slice(&tag.bits().to_be_bytes());
        }
        bytes.extend_from_slice(&self.ethertype.to_be_bytes());
        bytes.extend_from_slice(&self.header.encode());
        bytes.extend_from_slice(&self.records);
        bytes.resize(bytes.len().max(MIN_FRAME), PAD);
        bytes
    }
}
