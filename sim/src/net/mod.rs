//! A simulated Ethernet of 1 Gbit/s: GMII ports, faulty links, an 802.1Q switch, captures.
//!
//! Time is counted in clocks of 125 MHz ([`CLOCK_NS`]), in each of which one octet passes. Every part is polled
//! once a clock with the symbol that comes in and gives the symbol that goes out.

mod fault;
mod frame;
mod gmii;
mod link;
mod outside;
mod pcap;
mod star;
mod switch;

pub use fault::{Action, Fate, FaultConfig, Faults};
pub use frame::{fcs, Frame, Mac, Tag, MAX_FRAME, MIN_FRAME, PAUSE_MAC};
pub use gmii::{Gmii, GmiiDecoder, GmiiEncoder, GmiiFault, Received, Shape, GAP, PREAMBLE};
pub use link::{Cable, Link, LinkCounters};
pub use outside::{Outside, Uplink};
pub use pcap::{PcapTap, PcapWriter};
pub use star::Star;
pub use switch::{PortConfig, PortCounters, Switch, SwitchConfig};

/// Nanoseconds of one clock.
pub const CLOCK_NS: u64 = 8;

/// Clocks of a time in nanoseconds, rounded up.
pub fn clocks_of_ns(ns: u64) -> u64 {
    ns.div_ceil(CLOCK_NS)
}
