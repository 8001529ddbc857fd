//! The configuration space of the root port, function 0 of device 0 on bus 0, and what follows from it.
//!
//! A type 1 header with Power Management, MSI (never sent: nothing here raises one) and PCI Express capabilities.
//! Registers by dword; PCIe 7.5.1.3 and 7.5.3.

use peb_tlp::FunctionId;

/// Offset of the Power Management capability.
const PM: usize = 0x40;
/// Offset of the MSI capability.
const MSI: usize = 0x48;
/// Offset of the PCI Express capability.
const PCIE: usize = 0x60;

/// Where a configuration request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the root port's own registers.
    Own,
    /// Below it, as a request of type 1 or else of type 0.
    Below {
        /// Whether it is of type 1.
        type1: bool,
    },
    /// Nobody is there: reads give ones.
    Nobody,
}

/// The root port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootPort {
    dwords: [u32; 64],
    writable: [u32; 64],
}

impl Default for RootPort {
    fn default() -> Self {
        let mut port = RootPort { dwords: [0; 64], writable: [0; 64] };
        for (at, value, writable) in [
            // Vendor and device: those of QEMU's own root port, which no kernel has quirks for.
            (0x00, 0x000c_1b36, 0),
            // Memory Space, Bus Master, parity, SERR, INTx disable; capability list.
            (0x04, 0x0010_0000, 0x0546),
            (0x08, 0x0604_0000, 0),
            (0x0c, 0x0001_0000, 0xff),
            // Primary, secondary, subordinate bus.
            (0x18, 0, 0x00ff_ffff),
            // Memory window; no I/O window; prefetchable window with 64 bits.
            (0x20, 0, 0xfff0_fff0),
            (0x24, 0x0001_0001, 0xfff0_fff0),
            (0x28, 0, u32::MAX),
            (0x2c, 0, u32::MAX),
            (0x34, PM as u32, 0),
            // Interrupt line; parity, SERR, secondary bus reset.
            (0x3c, 0, 0x0043_00ff),
            // Version 3, then the state D0 or D3hot.
            (PM, 0x0003_0001 | (MSI as u32) << 8, 0),
            (PM + 4, 0x0000_0008, 0x0000_0103),
            // One vector, address of 64 bits.
            (MSI, 0x0080_0005 | (PCIE as u32) << 8, 0x0001_0000),
            (MSI + 4, 0, 0xffff_fffc),
            (MSI + 8, 0, u32::MAX),
            (MSI + 12, 0, 0xffff),
            // Version 2, root port, no slot; payloads of 128 bytes, role based error reporting.
            (PCIE, 0x0042_0010, 0),
            (PCIE + 4, 0x0000_8000, 0),
            (PCIE + 8, 0x0000_2000, 0x0000_70ef),
            // 2.5 GT/s, one lane, link active reporting.
            (PCIE + 12, 0x0010_0011, 0),
            (PCIE + 16, 0x2011_0000, 0x0000_00d3),
            // Root Control; Root Capabilities: CRS Software Visibility.
            (PCIE + 0x1c, 0x0001_0000, 0x0000_001f),
            // Link Control 2: target speed.
            (PCIE + 0x2c, 0x0000_0002, 0),
            (PCIE + 0x30, 0x0000_0001, 0x0000_000f),
        ] {
            port.dwords[at / 4] = value;
            port.writable[at / 4] = writable;
        }
        port
    }
}

impl RootPort {
    /// Reads 1, 2 or 4 bytes that are in one dword. Nothing is behind the first 256 bytes.
    pub fn read(&self, register: u16, size: u32) -> u32 {
        let dword = self.dwords.get(usize::from(register / 4)).copied().unwrap_or(0);
        dword >> (8 * u32::from(register % 4)) & ones(size)
    }

    /// Writes 1, 2 or 4 bytes that are in one dword.
    pub fn write(&mut self, register: u16, size: u32, value: u32) {
        let at = usize::from(register / 4);
        let shift = 8 * u32::from(register % 4);
        if let Some(dword) = self.dwords.get_mut(at) {
            let changes = self.writable[at] & ones(size) << shift;
            *dword = *dword & !changes | value << shift & changes;
        }
    }

    /// Where a configuration request for a function goes (PCIe 7.3.1).
    pub fn route(&self, id: FunctionId) -> Route {
        let [_, secondary, subordinate, _] = self.dwords[0x18 / 4].to_le_bytes();
        match id.bus() {
            0 if id == FunctionId(0) => Route::Own,
            0 => Route::Nobody,
            // A link has one device on it.
            bus if bus == secondary && id.device() == 0 => Route::Below { type1: false },
            bus if bus > secondary && bus <= subordinate && secondary != 0 => Route::Below { type1: true },
            _ => Route::Nobody,
        }
    }

    /// Whether an access of memory goes below (PCIe 7.5.1.3.8 and 7.5.1.3.9).
    pub fn forwards(&self, address: u64, size: u32) -> bool {
        let last = address + u64::from(size.max(1) - 1);
        let enabled = self.dwords[1] & 2 != 0;
        enabled && self.windows().iter().any(|&(base, limit)| base <= address && last <= limit)
    }

    /// First and last address of the windows; a closed one ends before it begins.
    pub fn windows(&self) -> [(u64, u64); 2] {
        let half = |dword: u32| (u64::from(dword & 0xfff0) << 16, u64::from(dword & 0xfff0_0000) | 0xf_ffff);
        let (base, limit) = half(self.dwords[0x20 / 4]);
        let (low, high) = half(self.dwords[0x24 / 4]);
        let above = |at: usize| u64::from(self.dwords[at / 4]) << 32;
        [(base, limit), (low | above(0x28), high | above(0x2c))]
    }

    /// Whether Secondary Bus Reset is set: hot reset of what is below.
    pub fn is_resetting(&self) -> bool {
        self.dwords[0x3c / 4] & 0x0040_0000 != 0
    }

    /// Whether software wants to see Configuration Request Retry Status (PCIe 7.5.3.12).
    pub fn shows_retry(&self) -> bool {
        self.dwords[(PCIE + 0x1c) / 4] & 0x10 != 0
    }

    /// Link Status as the link is.
    pub fn set_link(&mut self, up: bool) {
        let active = 0x2000_0000;
        let dword = &mut self.dwords[(PCIE + 16) / 4];
        *dword = if up { *dword | active } else { *dword & !active };
    }
}

/// As many bytes of ones.
pub fn ones(size: u32) -> u32 {
    u32::MAX >> (32 - 8 * size.clamp(1, 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn capabilities_are_a_list_that_ends() {
        let port = RootPort::default();
        let (mut at, mut found) = (port.read(0x34, 1), Vec::new());
        while at != 0 && found.len() < 10 {
            found.push(port.read(at as u16, 1));
            at = port.read(at as u16 + 1, 1);
        }
        assert_eq!(found, [0x01, 0x05, 0x10]);
        assert_eq!((port.read(0x0e, 1), port.read(0x0a, 2), port.read(0x62, 1)), (1, 0x0604, 0x42));
        assert_eq!(port.read(0x100, 4), 0);
    }

    #[test]
    fn requests_go_by_bus_number() {
        let mut port = RootPort::default();
        let route = |port: &RootPort, bus, device| port.route(FunctionId::new(bus, device, 0));
        assert_eq!(route(&port, 0, 0), Route::Own);
        assert_eq!(route(&port, 0, 1), Route::Nobody);
        assert_eq!(route(&port, 1, 0), Route::Nobody);
        port.write(0x18, 4, 0xff06_0100);
        assert_eq!(route(&port, 1, 0), Route::Below { type1: false });
        assert_eq!(route(&port, 1, 1), Route::Nobody);
        assert_eq!(route(&port, 2, 3), Route::Below { type1: true });
        assert_eq!(route(&port, 6, 0), Route::Below { type1: true });
        assert_eq!(route(&port, 7, 0), Route::Nobody);
    }

    #[test]
    fn windows_open_with_memory_space() {
        let mut port = RootPort::default();
        assert!(!port.forwards(0, 4));
        port.write(0x20, 2, 0xd000);
        port.write(0x22, 2, 0xd0f0);
        assert!(!port.forwards(0xd000_0000, 4));
        port.write(0x04, 2, 0x0006);
        assert!(port.forwards(0xd000_0000, 4) && port.forwards(0xd0ff_fffc, 4));
        assert!(!port.forwards(0xd0ff_fffc, 8) && !port.forwards(0xcfff_ffff, 1));
    }

    #[test]
    fn control_bits_are_seen() {
        let mut port = RootPort::default();
        port.write(0x3e, 2, 0x42);
        assert!(port.is_resetting());
        port.write(0x3e, 2, 0x02);
        assert!(!port.is_resetting());
        port.write(0x7c, 2, 0x10);
        assert!(port.shows_retry());
        port.set_link(false);
        assert_eq!(port.read(0x72, 2), 0x0011);
    }

    proptest! {
        #[test]
        fn reads_of_any_size_agree_and_writes_keep_to_their_bytes(
            writes in proptest::collection::vec((0u16..0x110, 0u32..3, any::<u32>()), 0..40),
        ) {
            let mut port = RootPort::default();
            for (register, size, value) in writes {
                let size = 1 << size;
                let register = register & !(size as u16 - 1);
                let before = port.clone();
                port.write(register, size, value);
                for at in 0..0x100u16 {
                    let inside = (register..register + size as u16).contains(&at);
                    prop_assert!(inside || port.read(at, 1) == before.read(at, 1));
                    let dword = port.read(at & !3, 4);
                    prop_assert_eq!(port.read(at, 1), dword >> (8 * (at % 4)) & 0xff);
                }
                prop_assert_eq!(port.read(0, 4), 0x000c_1b36);
            }
        }
    }
}
