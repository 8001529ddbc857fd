//! What a core was generated as: host or I/O side, and the last row of its session tables.
//!
//! No latency: constants on wires, so that one source serves both cores and synthesis drops what a core does not need.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module)]
pub struct Role {
    /// 1: host PEB, 0: I/O PEB.
    pub host: Signal<Out, Bit>,
    /// Index of the last session.
    pub last: Signal<Out, U<3>>,
    /// Bits that number a session: none if there is one.
    pub mask: Signal<Out, U<3>>,
    is_host: Constant<Bit>,
    last_session: Constant<U<3>>,
    row_bits: Constant<U<3>>,
    _activity: Activity,
}

impl Role {
    /// A host PEB with so many slots, 1 to 8.
    pub fn host(slots: usize) -> Self {
        assert!((1..=8).contains(&slots), "a host has 1 to 8 slots");
        Self::new(true, slots as u64 - 1)
    }
    /// An I/O PEB: one session.
    pub fn io() -> Self {
        Self::new(false, 0)
    }
    fn new(host: bool, last: u64) -> Self {
        Role {
            is_host: Constant::new(host),
            last_session: Constant::new(last.into()),
            row_bits: Constant::new((if last == 0 { 0u64 } else { 7 }).into()),
            ..Self::blank()
        }
    }
}

impl Default for Role {
    fn default() -> Self {
        Self::io()
    }
}

impl Logic for Role {
    #[hdl_gen]
    fn update(&mut self) {
        self.host.next = self.is_host.val();
        self.last.next = self.last_session.val();
        self.mask.next = self.row_bits.val();
    }
}
