//! The table: every field of the tunnel header, and every kind of frame.

use crate::{HEADER_LEN, MAGIC};

/// In which kinds of frame a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In every kind.
    Always,
    /// In DATA only.
    Data,
    /// In every kind but DATA, in the place of fields of [`When::Data`].
    Join,
}

/// One field of the header: big-endian, in bits `[lsb + width - 1 : lsb]` of the bytes from `byte` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, as in the document and the dissector (`peb.` + name).
    pub name: &'static str,
    /// First byte, counted from the start of the tunnel header.
    pub byte: usize,
    /// Lowest bit in the last byte.
    pub lsb: u8,
    /// Width in bits, 1..=32.
    pub width: u8,
    /// Where it is there.
    pub when: When,
    /// What it means.
    pub meaning: &'static str,
}

impl Field {
    /// Bytes it touches.
    pub const fn bytes(&self) -> usize {
        (self.lsb as usize + self.width as usize).div_ceil(8)
    }

    /// Word of a 64-bit datapath that holds it, the header's first byte being lane 0 of word 0.
    pub const fn word(&self) -> usize {
        self.byte / 8
    }

    /// Byte lane of its first (most significant) byte in that word; lane n is `tdata[8*n +: 8]`.
    pub const fn lane(&self) -> usize {
        self.byte % 8
    }

    /// Largest value.
    pub const fn max(&self) -> u32 {
        (u32::MAX) >> (32 - self.width)
    }

    /// Its value in a header.
    pub const fn get(&self, header: &[u8; HEADER_LEN]) -> u32 {
        let mut value = 0u64;
        let mut i = 0;
        while i < self.bytes() {
            value = value << 8 | header[self.byte + i] as u64;
            i += 1;
        }
        (value >> self.lsb) as u32 & self.max()
    }

    /// Puts a value into a header; bits above the field's width are cut off.
    pub const fn set(&self, header: &mut [u8; HEADER_LEN], value: u32) {
        let mask = (self.max() as u64) << self.lsb;
        let value = ((value & self.max()) as u64) << self.lsb;
        let mut i = 0;
        while i < self.bytes() {
            let shift = 8 * (self.bytes() - 1 - i);
            let at = self.byte + i;
            header[at] = header[at] & !((mask >> shift) as u8) | (value >> shift) as u8;
            i += 1;
        }
    }
}

/// Makes a constant of each row, and the table of them all.
macro_rules! table {
    ($($id:ident: $name:literal, byte $byte:literal, bit $lsb:literal, width $width:literal, $when:ident, $meaning:expr;)*) => {
        /// Each field of the header by name, for the RTL and for tools.
        pub mod field {
            use super::{Field, When};
            $(
                #[doc = $meaning]
                pub const $id: Field = Field {
                    name: $name, byte: $byte, lsb: $lsb, width: $width, when: When::$when, meaning: $meaning,
                };
            )*
        }

        /// All fields of the header, in the order of their place.
        pub const FIELDS: &[Field] = &[$(field::$id),*];
    };
}

table! {
    MAGIC: "magic", byte 0, bit 0, width 8, Always,
        "0x50, the letter P.";
    VERSION: "version", byte 1, bit 4, width 4, Always,
        "Version of the format: 1.";
    KIND: "kind", byte 1, bit 0, width 4, Always,
        "Kind of frame, see the table of kinds.";
    SRC_EPOCH: "src_epoch", byte 2, bit 0, width 16, Always,
        "The sender's epoch for this session. It comes from a counter that reset does not clear.";
    DST_EPOCH: "dst_epoch", byte 4, bit 0, width 16, Always,
        "The receiver's epoch as the sender knows it; 0: not known.";
    SEQ: "seq", byte 6, bit 0, width 16, Always,
        "Sequence number of this frame if the flag data is set, else of the next frame with data.";
    ACK: "ack", byte 8, bit 0, width 16, Always,
        "Next sequence number expected from the peer: all before it have arrived.";
    ECHO: "echo", byte 10, bit 4, width 1, Always,
        "Flag: ts_echo is valid.";
    RETRANSMIT: "retransmit", byte 10, bit 3, width 1, Always,
        "Flag: a frame with this sequence number was sent before.";
    BOUND: "bound", byte 10, bit 2, width 1, Always,
        "Flag: the sender has a session.";
    HOST: "host", byte 10, bit 1, width 1, Always,
        "Flag: the sender is a host PEB.";
    DATA: "data", byte 10, bit 0, width 1, Always,
        "Flag: the frame carries records and takes a sequence number.";
    SESSION: "session", byte 11, bit 0, width 8, Always,
        "Index of the session at the receiver, as told in OFFER: the slot towards the host, 0 towards the I/O side.";
    SACK: "sack", byte 12, bit 0, width 32, Data,
        "Selective acknowledgement: bit i is set if sequence number ack + 1 + i has arrived.";
    ANY_SLOT: "any_slot", byte 12, bit 7, width 1, Join,
        "HELLO, CONFIRM: any free slot will do.";
    SLOT: "slot", byte 12, bit 0, width 5, Join,
        "HELLO, CONFIRM: the slot wanted. OFFER: the slot given.";
    DOWN_TICKS: "down_ticks", byte 13, bit 0, width 24, Join,
        "The sender's DOWN_TICKS; both sides use the larger.";
    TS: "ts", byte 16, bit 0, width 24, Always,
        "The sender's clock when the frame started, in units of 8 clocks (64 ns); wraps after 1.07 s.";
    TS_ECHO: "ts_echo", byte 19, bit 0, width 24, Always,
        "The last ts received from the peer plus the time since it arrived. The round-trip time is now - ts_echo; the time the peer held it is taken out already.";
    WINDOW: "window", byte 22, bit 0, width 8, Always,
        "Credit for posted requests and completions, in frames: how many the sender of this header takes from ack on, at most 32.";
    NP_LIMIT: "np_limit", byte 23, bit 0, width 8, Always,
        "Credit for non-posted requests: how many, modulo 256, the sender of this header has had room for since the session began.";
}

/// Kind of a frame: field [`field::KIND`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// In session: records, acknowledgement, keep-alive.
    Data,
    /// Announcement.
    Hello,
    /// The host's answer to an announcement.
    Offer,
    /// The I/O side's answer to an offer.
    Confirm,
    /// Orderly end of a session.
    Leave,
}

/// All kinds: value, name, meaning.
pub const KINDS: &[(Kind, &str, &str)] = &[
    (Kind::Data, "DATA", "In session: records, acknowledgement, keep-alive. Bytes 12 to 15 are sack."),
    (
        Kind::Hello,
        "HELLO",
        "Announcement, broadcast. From an I/O PEB: looking for a host. From a host (flag host): a beacon, with flag bound if it has sessions.",
    ),
    (
        Kind::Offer,
        "OFFER",
        "Host to I/O PEB, unicast: a fresh host epoch in src_epoch, the I/O epoch echoed in dst_epoch. Also the challenge when a bound MAC joins again.",
    ),
    (Kind::Confirm, "CONFIRM", "I/O PEB to host, unicast: both epochs. The session begins."),
    (Kind::Leave, "LEAVE", "Either way, unicast: orderly end of the session; sent three times."),
];

impl Kind {
    /// From the field's value; `None` if it is not defined.
    pub const fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            0 => Some(Kind::Data),
            1 => Some(Kind::Hello),
            2 => Some(Kind::Offer),
            3 => Some(Kind::Confirm),
            4 => Some(Kind::Leave),
            _ => None,
        }
    }

    /// The field's value.
    pub const fn bits(self) -> u32 {
        self as u32
    }
}

// The table is right by construction where the compiler can see it.
const _: () = {
    let mut i = 0;
    while i < FIELDS.len() {
        let f = &FIELDS[i];
        assert!(f.byte + f.bytes() <= HEADER_LEN, "a field ends in the header");
        assert!(f.lane() + f.bytes() <= 8, "a field lies in one word of the datapath");
        i += 1;
    }
    assert!(MAGIC as u32 <= field::MAGIC.max());
};
