//! The tunnel header as a value.

use crate::{field, Kind, Seq, When, FIELDS, HEADER_LEN, MAGIC, VERSION};
use core::fmt;

/// Flags of byte 10 that are set by hand; echo follows from [`Header::ts_echo`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// The frame carries records and takes a sequence number.
    pub data: bool,
    /// The sender is a host PEB.
    pub host: bool,
    /// The sender has a session.
    pub bound: bool,
    /// A frame with this sequence number was sent before.
    pub retransmit: bool,
}

/// Bytes 12 to 15 of the kinds that open and close a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Join {
    /// Any free slot will do.
    pub any_slot: bool,
    /// Slot wanted (HELLO, CONFIRM) or given (OFFER), 0..=31.
    pub slot: u8,
    /// The sender's DOWN_TICKS in ticks, 24 bits.
    pub down_ticks: u32,
}

/// Kind of frame, with what only this kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// In session.
    Data {
        /// Bit i: sequence number ack + 1 + i has arrived.
        sack: u32,
    },
    /// Announcement.
    Hello(Join),
    /// The host's answer to an announcement.
    Offer(Join),
    /// The I/O side's answer to an offer.
    Confirm(Join),
    /// Orderly end.
    Leave(Join),
}

impl Message {
    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Message::Data { .. } => Kind::Data,
            Message::Hello(_) => Kind::Hello,
            Message::Offer(_) => Kind::Offer,
            Message::Confirm(_) => Kind::Confirm,
            Message::Leave(_) => Kind::Leave,
        }
    }
}

/// The tunnel header; [`FIELDS`] tells what each field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Kind, and bytes 12 to 15.
    pub message: Message,
    /// The sender's epoch.
    pub src_epoch: u16,
    /// The receiver's epoch, 0 if not known.
    pub dst_epoch: u16,
    /// This frame's sequence number with `flags.data`, else the next one.
    pub seq: Seq,
    /// Next sequence number expected from the peer.
    pub ack: Seq,
    /// Flags.
    pub flags: Flags,
    /// Index of the session at the receiver.
    pub session: u8,
    /// Start of the frame in units of 8 clocks, 24 bits.
    pub ts: u32,
    /// The peer's ts plus the time held, in units of 8 clocks, 24 bits; `None` without flag echo.
    pub ts_echo: Option<u32>,
    /// Credit of the ordered pool in frames from `ack` on.
    pub window: u8,
    /// Credit for non-posted requests, total modulo 256.
    pub np_limit: u8,
}

/// Why bytes are no tunnel header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Byte 0 is not [`MAGIC`].
    Magic(u8),
    /// Another version than [`VERSION`].
    Version(u8),
    /// A kind that is not defined.
    Kind(u8),
}

impl HeaderError {
    /// Byte of the header that is wrong.
    pub const fn offset(&self) -> usize {
        match self {
            HeaderError::Magic(_) => field::MAGIC.byte,
            HeaderError::Version(_) => field::VERSION.byte,
            HeaderError::Kind(_) => field::KIND.byte,
        }
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::Magic(byte) => write!(f, "magic is {byte:#04x}, expected {MAGIC:#04x}"),
            HeaderError::Version(version) => write!(f, "version {version}, expected {VERSION}"),
            HeaderError::Kind(kind) => write!(f, "unknown kind {kind}"),
        }
    }
}

impl core::error::Error for HeaderError {}

impl Header {
    /// A DATA header with nothing in it, to be filled in by struct update.
    pub const EMPTY: Header = Header {
        message: Message::Data { sack: 0 },
        src_epoch: 0,
        dst_epoch: 0,
        seq: Seq(0),
        ack: Seq(0),
        flags: Flags { data: false, host: false, bound: false, retransmit: false },
        session: 0,
        ts: 0,
        ts_echo: None,
        window: 0,
        np_limit: 0,
    };

    /// Reads a header. Bits that no field covers are ignored.
    ///
    /// # Errors
    /// [`HeaderError`] if magic, version or kind is not known.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, HeaderError> {
        let byte = |field: crate::Field| field.get(bytes) as u8;
        let half = |field: crate::Field| field.get(bytes) as u16;
        let flag = |field: crate::Field| field.get(bytes) != 0;
        if byte(field::MAGIC) != MAGIC {
            return Err(HeaderError::Magic(byte(field::MAGIC)));
        }
        if byte(field::VERSION) != VERSION {
            return Err(HeaderError::Version(byte(field::VERSION)));
        }
        let kind = Kind::from_bits(field::KIND.get(bytes)).ok_or(HeaderError::Kind(byte(field::KIND)))?;
        let join =
            Join { any_slot: flag(field::ANY_SLOT), slot: byte(field::SLOT), down_ticks: field::DOWN_TICKS.get(bytes) };
        Ok(Header {
            message: match kind {
                Kind::Data => Message::Data { sack: field::SACK.get(bytes) },
                Kind::Hello => Message::Hello(join),
                Kind::Offer => Message::Offer(join),
                Kind::Confirm => Message::Confirm(join),
                Kind::Leave => Message::Leave(join),
            },
            src_epoch: half(field::SRC_EPOCH),
            dst_epoch: half(field::DST_EPOCH),
            seq: Seq(half(field::SEQ)),
            ack: Seq(half(field::ACK)),
            flags: Flags {
                data: flag(field::DATA),
                host: flag(field::HOST),
                bound: flag(field::BOUND),
                retransmit: flag(field::RETRANSMIT),
            },
            session: byte(field::SESSION),
            ts: field::TS.get(bytes),
            ts_echo: flag(field::ECHO).then_some(field::TS_ECHO.get(bytes)),
            window: byte(field::WINDOW),
            np_limit: byte(field::NP_LIMIT),
        })
    }

    /// Writes the header. Values wider than their field are cut off.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let kind = self.message.kind();
        for field in FIELDS {
            let there = match field.when {
                When::Always => true,
                When::Data => kind == Kind::Data,
                When::Join => kind != Kind::Data,
            };
            if there {
                field.set(&mut bytes, self.value(field));
            }
        }
        bytes
    }

    /// Value of one field of the table; 0 for a field that this kind does not have, or that is not in the table.
    pub fn value(&self, field: &crate::Field) -> u32 {
        let (sack, join) = match self.message {
            Message::Data { sack } => (sack, Join::default()),
            Message::Hello(join) | Message::Offer(join) | Message::Confirm(join) | Message::Leave(join) => (0, join),
        };
        match *field {
            field::MAGIC => MAGIC.into(),
            field::VERSION => VERSION.into(),
            field::KIND => self.message.kind().bits(),
            field::SRC_EPOCH => self.src_epoch.into(),
            field::DST_EPOCH => self.dst_epoch.into(),
            field::SEQ => self.seq.0.into(),
            field::ACK => self.ack.0.into(),
            field::ECHO => self.ts_echo.is_some().into(),
            field::RETRANSMIT => self.flags.retransmit.into(),
            field::BOUND => self.flags.bound.into(),
            field::HOST => self.flags.host.into(),
            field::DATA => self.flags.data.into(),
            field::SESSION => self.session.into(),
            field::SACK => sack,
            field::ANY_SLOT => join.any_slot.into(),
            field::SLOT => join.slot.into(),
            field::DOWN_TICKS => join.down_ticks,
            field::TS => self.ts,
            field::TS_ECHO => self.ts_echo.unwrap_or(0),
            field::WINDOW => self.window.into(),
            field::NP_LIMIT => self.np_limit.into(),
            _ => 0,
        }
    }
}
