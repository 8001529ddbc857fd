//! PCI Express transaction layer packets (TLPs): what they are, which are well formed, who may pass whom.
//!
//! * [`TlpView`] reads one TLP in place, after the checks a framer makes (PCI Express Base Specification, 2.2);
//! * [`Tlp`] owns one, with a builder for each type (feature `alloc`);
//! * [`wire_length`] says from the first dword alone how long a TLP is;
//! * [`may_pass`] is the ordering rule, [`OrderChecker`] applies it to what went in and came out (feature `std`).
//!
//! TLPs are in wire byte order everywhere: byte 0 holds Fmt and Type, header fields are big-endian, the payload is in
//! address order. There is no sequence number and no LCRC; the ECRC is there only if TD is set.
//!
//! ```
//! use peb_tlp::{Class, FunctionId, RequestId, Tag, Tlp, TlpView};
//!
//! let id = RequestId { requester: FunctionId::new(1, 0, 0), tag: Tag(7) };
//! let tlp = Tlp::memory_write(id, 0x1000_0002, &[0xaa, 0xbb, 0xcc]).unwrap();
//! let view = TlpView::parse(tlp.as_bytes()).unwrap();
//! assert_eq!(view.class(), Class::Posted);
//! assert_eq!((view.first_be(), view.last_be(), view.payload().len()), (0b1100, 0b0001, 8));
//! ```
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
mod build;
mod check;
mod error;
mod fields;
mod kind;
mod order;
mod view;

#[cfg(feature = "alloc")]
pub use build::{AtomicOp, Completion, RequestId, Tlp};
pub use error::TlpError;
pub use fields::{CompletionStatus, FunctionId, Tag};
pub use kind::{wire_length, Class, Fmt, FmtType, MsgRouting, TlpType};
pub use order::{may_pass, Flow};
#[cfg(feature = "std")]
pub use order::{Anomaly, OrderChecker, OrderReport};
pub use view::TlpView;

/// Largest payload in bytes: the Max_Payload_Size every PEB port supports. More is malformed (2.2.2).
pub const MAX_PAYLOAD: usize = 512;
/// Longest TLP in bytes: 4-dword header, largest payload, ECRC.
pub const MAX_TLP: usize = 16 + MAX_PAYLOAD + 4;
/// Shortest TLP in bytes: 3-dword header alone.
pub const MIN_TLP: usize = 12;
