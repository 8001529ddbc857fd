//! The registers of a switch as its host has written them.

use std::collections::BTreeMap;

use peb_config::{registers, row, Access, Kind, Parameters, Register};
use peb_tlp::FunctionId;

/// Slots of the host PEBs.
pub const SLOTS: usize = 4;
/// Registers that a reset of the host leaves as they are: error reporting.
const STICKY: std::ops::Range<u16> = 0x104..0x12c;

/// Configuration spaces of an upstream port (0) and the slots' ports (1 + n).
#[derive(Debug)]
pub struct Ports {
    /// Bus, device and function of the upstream port, from the last type 0 write.
    pub id: FunctionId,
    tables: [Vec<Register>; 2],
    values: Vec<BTreeMap<u16, u32>>,
}

impl Ports {
    /// As after `rst`.
    pub fn new() -> Self {
        let tables = [Kind::Upstream, Kind::Downstream].map(|kind| registers(kind, &Parameters::default()));
        let mut ports = Ports { id: FunctionId(0), tables, values: vec![BTreeMap::new(); SLOTS + 1] };
        ports.set(|_| true);
        ports
    }

    /// As after a reset of the host.
    pub fn reset(&mut self) {
        self.id = FunctionId(0);
        self.set(|offset| !STICKY.contains(&offset));
    }

    fn set(&mut self, which: impl Fn(u16) -> bool) {
        for (port, values) in self.values.iter_mut().enumerate() {
            let table = &self.tables[usize::from(port > 0)];
            values.extend(table.iter().filter(|r| which(r.offset)).map(|r| (r.offset, r.reset())));
        }
    }

    /// Registers of a port that software can write.
    pub fn writable(&self, port: usize) -> impl Iterator<Item = &Register> {
        self.tables[usize::from(port > 0)].iter().filter(|register| register.mask(Access::Rw) != 0)
    }

    fn register(&self, port: usize, offset: u16) -> Option<&Register> {
        self.tables[usize::from(port > 0)].iter().find(|register| register.offset == offset)
    }

    /// A configuration write.
    pub fn write(&mut self, port: usize, offset: u16, data: u32, enables: u8) {
        let Some(register) = self.register(port, offset).filter(|register| register.row.is_some()) else { return };
        let value = register.written(self.value(port, offset), data, enables);
        self.values[port].insert(offset, value);
    }

    /// What a configuration read gives, and the bits that hardware does not change.
    pub fn read(&self, port: usize, offset: u16) -> (u32, u32) {
        let changing = [Access::Rw1c, Access::Hardware, Access::Live];
        let known = self.register(port, offset).map_or(u32::MAX, |register| {
            changing.into_iter().fold(u32::MAX, |known, access| known & !register.mask(access))
        });
        (self.value(port, offset) & known, known)
    }

    fn value(&self, port: usize, offset: u16) -> u32 {
        self.values[port].get(&offset).copied().unwrap_or(0)
    }

    fn at(&self, port: usize, row: u8) -> u32 {
        let register = self.tables[usize::from(port > 0)].iter().find(|register| register.row == Some(row));
        register.map_or(0, |register| self.value(port, register.offset))
    }

    /// A bit of a row.
    pub fn has(&self, port: usize, row: u8, bit: u32) -> bool {
        self.at(port, row) >> bit & 1 == 1
    }

    /// Secondary and subordinate bus.
    pub fn buses(&self, port: usize) -> (u8, u8) {
        let buses = self.at(port, row::BUSES);
        ((buses >> 8) as u8, (buses >> 16) as u8)
    }

    /// Whether a bus is below a port.
    pub fn below(&self, port: usize, bus: u8) -> bool {
        let (secondary, subordinate) = self.buses(port);
        secondary != 0 && (secondary..=subordinate).contains(&bus)
    }

    /// Port of a slot's configuration space on the internal bus.
    pub fn slot_id(&self, slot: usize) -> FunctionId {
        FunctionId::new(self.buses(0).0, slot as u8, 0)
    }

    fn is_on(&self, port: usize) -> bool {
        self.at(port, row::PMCSR) & 3 == 0
    }

    /// Bus Master Enable, in D0.
    pub fn master(&self, port: usize) -> bool {
        self.at(port, row::COMMAND) & 4 != 0 && self.is_on(port)
    }

    /// Whether a port takes an address from above.
    pub fn claims(&self, port: usize, address: u64) -> bool {
        let window = |row: u8, upper: [u64; 2]| {
            let value = u64::from(self.at(port, row));
            let (base, limit) = ((value & 0xfff0) << 16 | upper[0] << 32, value & 0xfff0_0000 | upper[1] << 32);
            (base..=limit | 0xf_ffff).contains(&address) && base <= limit
        };
        let upper = [row::BASE_UPPER, row::LIMIT_UPPER].map(|row| u64::from(self.at(port, row)));
        self.at(port, row::COMMAND) & 2 != 0
            && self.is_on(port)
            && (window(row::MEMORY, [0, 0]) || window(row::PREFETCHABLE, upper))
    }

    /// ARI Forwarding Enable.
    pub fn ari(&self, port: usize) -> bool {
        self.at(port, row::DEVICE_CONTROL_2) & 0x20 != 0
    }

    /// AtomicOp Egress Blocking.
    pub fn blocks_atomics(&self, port: usize) -> bool {
        self.at(port, row::DEVICE_CONTROL_2) & 0x80 != 0
    }

    /// SERR# Enable of Bridge Control.
    pub fn serr(&self, port: usize) -> bool {
        self.at(port, row::BRIDGE_CONTROL) & 1 << 17 != 0
    }
}
