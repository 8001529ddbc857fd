//! Frame format of the PEB tunnel.
//!
//! A frame is an Ethernet header with or without an IEEE 802.1Q tag, EtherType [`ETHERTYPE`], the tunnel header of
//! [`HEADER_LEN`] bytes, then records back to back: TLPs as they are, without a length of their own, and control
//! records. The FCS is the MAC's business and is not part of any slice here.
//!
//! [`FIELDS`] is the single source of the header: [`Header`] is read and written through it, the RTL takes offsets and
//! widths from it, and `docs/wire-format.md` and the Wireshark dissector are generated from it (module `gen`).
//!
//! * [`Frame`] reads a frame in place, [`FrameBuilder`] makes one (feature `alloc`);
//! * [`Seq`] is the arithmetic of sequence numbers;
//! * [`limit_fraction`] is the goodput that the format allows.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
mod encode;
mod frame;
#[cfg(feature = "std")]
pub mod gen;
mod header;
mod limit;
mod seq;
mod table;

#[cfg(feature = "alloc")]
pub use encode::{EncodeError, FrameBuilder};
pub use frame::{Frame, FrameError, Mac, Record, Records, VlanTag};
pub use header::{Flags, Header, HeaderError, Join, Message};
pub use limit::{limit_fraction, tlps_per_frame, OVERHEAD};
pub use seq::{sack_bit, sack_contains, Seq};
pub use table::{field, Field, Kind, When, FIELDS, KINDS};

/// EtherType of the tunnel unless configured otherwise (IEEE 802: local experimental 1).
pub const ETHERTYPE: u16 = 0x88b5;
/// First byte of the tunnel header: `P`.
pub const MAGIC: u8 = 0x50;
/// Version of this format.
pub const VERSION: u8 = 1;
/// Tunnel header in bytes: three words of a 64-bit datapath.
pub const HEADER_LEN: usize = 24;
/// Default MTU in bytes: tunnel header and records.
pub const MTU: usize = 1500;
/// Records of one frame at the default MTU, in bytes.
pub const MAX_RECORDS: usize = MTU - HEADER_LEN;
/// Shortest Ethernet frame in bytes without FCS (IEEE 802.3, 3.2.8).
pub const MIN_FRAME: usize = 60;
/// Byte that ends the records and fills short frames: Fmt 111b, which no TLP has.
pub const PAD: u8 = 0xff;
/// First byte of a control record is this, or-ed with its code of 0..=30.
pub const CONTROL: u8 = 0xe0;
/// Most frames in flight: what the selective acknowledgement can tell apart.
pub const WINDOW: u16 = 32;
/// Clocks of 8 ns in one unit of the timestamps.
pub const TS_CLOCKS: u32 = 8;
/// Width of the timestamps in bits.
pub const TS_BITS: u32 = 24;
