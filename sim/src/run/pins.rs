//! The seam between a simulated pair of PEBs and what surrounds it.

use std::fmt;

use serde::Serialize;

use crate::net::Gmii;
use crate::stream::Beat;

/// One of the two PEBs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The CPU side.
    Host,
    /// The I/O side.
    Io,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Host => "host",
            Side::Io => "io",
        })
    }
}

/// The same thing of both PEBs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pair<T> {
    /// Of the CPU side.
    pub host: T,
    /// Of the I/O side.
    pub io: T,
}

impl<T> Pair<T> {
    /// Both, with the side they belong to.
    pub fn each(&self) -> [(Side, &T); 2] {
        [(Side::Host, &self.host), (Side::Io, &self.io)]
    }
}

/// What goes into a PEB in a clock. Names as in `docs/interface.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PebIn {
    /// `pcie_rx_t*`: the beat offered, if `tvalid`.
    pub pcie_rx: Option<Beat>,
    /// `pcie_tx_tready`.
    pub pcie_tx_ready: bool,
    /// `pcie_tx_np_ok`.
    pub pcie_tx_np_ok: bool,
    /// `gmii_rx*`.
    pub gmii_rx: Gmii,
}

/// What comes out of a PEB in a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PebOut {
    /// `pcie_rx_tready`.
    pub pcie_rx_ready: bool,
    /// `pcie_rx_np_ok`.
    pub pcie_rx_np_ok: bool,
    /// `pcie_tx_t*`: the beat offered, if `tvalid`.
    pub pcie_tx: Option<Beat>,
    /// `gmii_tx*`.
    pub gmii_tx: Gmii,
    /// `stat_peer_up`.
    pub peer_up: bool,
    /// `stat_fatal`.
    pub fatal: bool,
}

/// What a PEB counted, from its registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PebCounters {
    /// Frames sent.
    pub frames_sent: u64,
    /// Good frames received.
    pub frames_received: u64,
    /// Frames sent again.
    pub retransmitted: u64,
    /// Frames received again and dropped.
    pub duplicates: u64,
    /// Frames received with a wrong FCS.
    pub fcs_errors: u64,
    /// Frames received out of order.
    pub out_of_order: u64,
    /// Good frames dropped for want of a place.
    pub no_space: u64,
    /// Last round-trip time in clocks, if this side measures one.
    pub rtt: Option<u64>,
    /// Smallest round-trip time in clocks, if this side measures one.
    pub rtt_min: Option<u64>,
}

/// Two PEBs that see each other only through their GMII ports.
///
/// Straps, reset and register settings are the implementation's own; it comes out of its constructor ready to be
/// clocked, with the PCIe links up.
pub trait TunnelPair {
    /// One clock: applies the inputs, lets them fall through, and returns the outputs of this same clock; then the
    /// rising edge. A beat is transferred if it was offered and `ready` in one and the same call.
    fn clock(&mut self, inputs: &Pair<PebIn>) -> Pair<PebOut>;

    /// The counters now. May cost clocks inside; called when the run is over.
    fn counters(&mut self) -> Pair<PebCounters>;
}

impl<T: TunnelPair + ?Sized> TunnelPair for Box<T> {
    fn clock(&mut self, inputs: &Pair<PebIn>) -> Pair<PebOut> {
        (**self).clock(inputs)
    }

    fn counters(&mut self) -> Pair<PebCounters> {
        (**self).counters()
    }
}
