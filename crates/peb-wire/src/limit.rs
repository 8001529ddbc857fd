//! What the format costs.

use crate::{HEADER_LEN, MAX_RECORDS};

/// Octets of a tagged frame on the wire that carry no record: preamble and SFD 8, Ethernet header 14, tag 4, tunnel
/// header, FCS 4, gap 12 (IEEE 802.3, 3.1.1 and 4.4.2; IEEE 802.1Q, 9.3).
pub const OVERHEAD: usize = 8 + 14 + 4 + HEADER_LEN + 4 + 12;

/// How many TLPs with `header` and `payload` bytes fit into a frame at the default MTU.
pub const fn tlps_per_frame(header: usize, payload: usize) -> usize {
    MAX_RECORDS / (header + payload)
}

/// Goodput limit: payload octets per octet of the line, frames tagged, full and back to back.
///
/// ```
/// // Two writes of 512 bytes a frame: 1024 / (66 + 2 * 524).
/// assert!((peb_wire::limit_fraction(12, 512) - 0.9192).abs() < 1e-4);
/// ```
pub fn limit_fraction(header: usize, payload: usize) -> f64 {
    let tlps = tlps_per_frame(header, payload);
    (tlps * payload) as f64 / (OVERHEAD + tlps * (header + payload)) as f64
}
