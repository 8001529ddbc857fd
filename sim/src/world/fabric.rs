//! The seam between PEBs with their Ethernet and what is at their PCIe pins.

use std::fmt;

use crate::device::DevicePins;
use crate::port::{PortIn, PortOut};

/// One PEB of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peb {
    /// A host PEB, from 0.
    Host(usize),
    /// An I/O PEB, from 0.
    Io(usize),
}

impl fmt::Display for Peb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peb::Host(n) => write!(f, "host PEB {n}"),
            Peb::Io(n) => write!(f, "I/O PEB {n}"),
        }
    }
}

/// A register access at the management port: address, and what to write. Held until it is acknowledged.
pub type Management = Option<(u16, Option<u32>)>;

/// What goes into a host PEB in a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostIn {
    /// The TLP stream.
    pub port: PortIn,
    /// `pcie_link_up`.
    pub link_up: bool,
    /// `pcie_reset_in`.
    pub reset: bool,
    /// The management port.
    pub management: Management,
}

/// What goes into an I/O PEB in a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoIn {
    /// Stream, `pcie_link_up` and `slot_present`.
    pub device: DevicePins,
    /// The management port.
    pub management: Management,
}

/// What comes out of a PEB in a clock. Pins that a PEB does not have stay at their default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PebPins {
    /// The TLP stream.
    pub port: PortOut,
    /// `stat_peer_up`.
    pub peer_up: bool,
    /// `stat_slot_up`, host.
    pub slot_up: u8,
    /// `pcie_reset_out`, I/O.
    pub reset: bool,
    /// Power of the slot is off, I/O.
    pub power_off: bool,
    /// `stat_fatal`.
    pub fatal: bool,
    /// `mgmt_rdata` with `mgmt_ack`.
    pub acknowledged: Option<u32>,
}

/// The same thing of all PEBs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins<H, I> {
    /// Of the host PEBs.
    pub hosts: Vec<H>,
    /// Of the I/O PEBs.
    pub ios: Vec<I>,
}

impl<H, I> Pins<H, I> {
    /// Makes it empty, to be filled again without taking new memory.
    pub fn clear(&mut self) {
        self.hosts.clear();
        self.ios.clear();
    }
}

/// PEBs and the network between them.
pub trait Fabric {
    /// One clock: applies the inputs, lets them fall through and gives the outputs of this same clock; then the edge. What
    /// is in `pins` before does not matter.
    fn clock(&mut self, inputs: &Pins<HostIn, IoIn>, pins: &mut Pins<PebPins, PebPins>);

    /// The VLAN a PEB is in after its reset.
    fn vid(&self, peb: Peb) -> u16;

    /// A rule of Ethernet that a PEB broke since the last call.
    fn fault(&mut self) -> Option<String> {
        None
    }

    /// Whether the PEBs have the counters of the register map.
    fn counts(&self) -> bool {
        true
    }

    /// Sets the share of frames that every cable loses each way; false if nothing can be lost here.
    fn set_loss(&mut self, _share: f64) -> bool {
        false
    }

    /// Octets that wait in the queues of the network.
    fn queued(&self) -> usize {
        0
    }

    /// Cuts the Ethernet cable of a PEB, or mends it.
    fn connect(&mut self, peb: Peb, connected: bool);
}
