//! Type 0 configuration space (PCIe 7.5.1): bytes, which of them software may write, and which it clears by writing ones.

use super::function::{BarSpec, Identity};
use super::DeviceConfig;

/// Offset of the Power Management capability.
pub const CAP_PM: u16 = 0x40;
/// Offset of the MSI capability: 64-bit address.
pub const CAP_MSI: u16 = 0x50;
/// Offset of the PCI Express capability.
pub const CAP_PCIE: u16 = 0x70;
/// Offset of the MSI-X capability.
pub const CAP_MSIX: u16 = 0xb0;
/// Offset of the Device Serial Number capability.
const EXT_SERIAL: u16 = 0x100;
const COMMAND: u16 = 0x04;
/// Cache line size; header type in its third byte.
const CACHE_LINE: u16 = 0x0c;
const BAR0: u16 = 0x10;

/// Initiate Function Level Reset, in the upper byte of Device Control.
const FUNCTION_RESET: u8 = 0x80;

/// The configuration space of one function.
#[derive(Clone, Debug)]
pub struct ConfigSpace {
    bytes: Vec<u8>,
    writable: Vec<u8>,
    clears: Vec<u8>,
    bars: Vec<BarSpec>,
}

impl ConfigSpace {
    /// As it is after reset, of the only function of a device or of one of several.
    pub fn new(settings: &DeviceConfig, identity: &Identity, multifunction: bool) -> Self {
        let bars = identity.bars.clone();
        let mut space = ConfigSpace { bytes: vec![0; 4096], writable: vec![0; 4096], clears: vec![0; 4096], bars };
        space.header(settings, identity.class);
        space.set(CACHE_LINE, u32::from(multifunction) << 23);
        space.capabilities(identity);
        space.extended(settings.serial);
        space
    }

    /// As it is after a function level reset: Max_Payload_Size stays (PCIe 6.6.2).
    pub fn after_function_reset(&self, settings: &DeviceConfig, identity: &Identity) -> Self {
        let mut space = Self::new(settings, identity, self.get(CACHE_LINE) >> 23 & 1 == 1);
        let own = 0x00e0;
        let control = space.get(CAP_PCIE + 8) & !own | self.get(CAP_PCIE + 8) & own;
        space.set(CAP_PCIE + 8, control);
        space
    }

    fn header(&mut self, settings: &DeviceConfig, class: u32) {
        self.set(0x00, u32::from(settings.device) << 16 | u32::from(settings.vendor));
        // Memory, bus master, parity, SERR, INTx disable; capability list; errors cleared by writing ones.
        self.set(COMMAND, 0x0010_0000);
        self.write_mask(COMMAND, 0x0546);
        self.clear_mask(COMMAND, 0xf900_0000);
        self.set(0x08, class << 8 | 1);
        self.write_mask(CACHE_LINE, 0xff);
        for bar in self.bars.clone() {
            let (register, mask) = (BAR0 + 4 * u16::from(bar.index), !(bar.bytes - 1));
            self.set(register, if bar.wide { 4 } else { 0 } | if bar.prefetchable { 8 } else { 0 });
            self.write_mask(register, mask as u32);
            if bar.wide {
                self.write_mask(register + 4, (mask >> 32) as u32);
            }
        }
        self.set(0x2c, 0x0001_0000 | u32::from(settings.vendor));
        self.set(0x34, CAP_PM.into());
        // INTA.
        self.set(0x3c, 0x0100);
        self.write_mask(0x3c, 0xff);
    }

    fn capabilities(&mut self, identity: &Identity) {
        let cap = |id: u32, next: u16, upper: u32| upper << 16 | u32::from(next) << 8 | id;
        self.set(CAP_PM, cap(0x01, CAP_MSI, 0x0003));
        // D0 and D3hot, without a reset between them.
        self.set(CAP_PM + 4, 0x8);
        self.write_mask(CAP_PM + 4, 0x3);
        self.set(CAP_MSI, cap(0x05, CAP_PCIE, 0x0080 | u32::from(identity.msi_log2.min(5)) << 1));
        self.write_mask(CAP_MSI, 0x0071_0000);
        self.write_mask(CAP_MSI + 4, !3);
        self.write_mask(CAP_MSI + 8, !0);
        self.write_mask(CAP_MSI + 12, 0xffff);
        self.set(CAP_PCIE, cap(0x10, CAP_MSIX, 0x0002));
        // Max_Payload_Size 256 supported, extended tags, role-based errors, function level reset.
        self.set(CAP_PCIE + 0x04, 0x1000_8021);
        // Relaxed Ordering, Max_Read_Request_Size 512, No Snoop.
        self.set(CAP_PCIE + 0x08, 0x2810);
        self.write_mask(CAP_PCIE + 0x08, 0x7fff);
        self.clear_mask(CAP_PCIE + 0x08, 0x000f_0000);
        // One lane of 2.5 GT/s.
        self.set(CAP_PCIE + 0x0c, 0x11);
        self.set(CAP_PCIE + 0x10, 0x0011_0000);
        self.write_mask(CAP_PCIE + 0x10, 0xc3);
        let msix = identity.msix;
        self.set(CAP_MSIX, cap(0x11, 0, u32::from(msix.vectors) - 1));
        self.write_mask(CAP_MSIX, 0xc000_0000);
        self.set(CAP_MSIX + 4, msix.table as u32 | u32::from(msix.bar));
        self.set(CAP_MSIX + 8, msix.pending as u32 | u32::from(msix.bar));
    }

    fn extended(&mut self, serial: u64) {
        self.set(EXT_SERIAL, 0x0001_0003);
        self.set(EXT_SERIAL + 4, serial as u32);
        self.set(EXT_SERIAL + 8, (serial >> 32) as u32);
    }

    /// A register of 32 bits, at a byte offset below 4096.
    pub fn get(&self, register: u16) -> u32 {
        let at = usize::from(register & 0xffc);
        u32::from_le_bytes([0, 1, 2, 3].map(|n| self.bytes[at + n]))
    }

    /// What software writes: bytes enabled one by one; bits that cannot be written stay. True if it asks for a function level
    /// reset.
    pub fn write(&mut self, register: u16, data: [u8; 4], enables: u8) -> bool {
        let at = usize::from(register & 0xffc);
        for n in (0..4).filter(|n| enables >> n & 1 == 1) {
            let (old, mask) = (self.bytes[at + n], self.writable[at + n]);
            self.bytes[at + n] = (old & !mask | data[n] & mask) & !(data[n] & self.clears[at + n]);
        }
        register & 0xffc == CAP_PCIE + 8 && enables & 2 != 0 && data[1] & FUNCTION_RESET != 0
    }

    /// Memory Space Enable, and the function is in D0.
    pub fn memory_space(&self) -> bool {
        self.get(COMMAND) & 2 != 0 && self.awake()
    }

    /// Bus Master Enable, and the function is in D0.
    pub fn bus_master(&self) -> bool {
        self.get(COMMAND) & 4 != 0 && self.awake()
    }

    fn awake(&self) -> bool {
        self.get(CAP_PM + 4) & 3 == 0
    }

    /// Interrupt Disable, of INTx.
    pub fn intx_disabled(&self) -> bool {
        self.get(COMMAND) & 0x400 != 0
    }

    /// Max_Payload_Size in bytes.
    pub fn max_payload(&self) -> u64 {
        128 << (self.get(CAP_PCIE + 8) >> 5 & 7).min(2)
    }

    /// Max_Read_Request_Size in bytes.
    pub fn max_read_request(&self) -> u64 {
        128 << (self.get(CAP_PCIE + 8) >> 12 & 7).min(5)
    }

    /// The BAR that an address falls on, and the offset in it.
    pub fn target(&self, address: u64) -> Option<(u8, u64)> {
        let hit = |bar: &BarSpec| {
            let register = BAR0 + 4 * u16::from(bar.index);
            let high = if bar.wide { self.get(register + 4) } else { 0 };
            let base = u64::from(high) << 32 | u64::from(self.get(register) & !0xf);
            Some((bar.index, address.checked_sub(base).filter(|&at| at < bar.bytes)?))
        };
        self.memory_space().then(|| self.bars.iter().find_map(hit))?
    }

    fn set(&mut self, register: u16, value: u32) {
        self.bytes[usize::from(register)..][..4].copy_from_slice(&value.to_le_bytes());
    }

    fn write_mask(&mut self, register: u16, mask: u32) {
        self.writable[usize::from(register)..][..4].copy_from_slice(&mask.to_le_bytes());
    }

    fn clear_mask(&mut self, register: u16, mask: u32) {
        self.clears[usize::from(register)..][..4].copy_from_slice(&mask.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{DmaEngine, Function};

    #[test]
    fn bars_give_their_size_and_byte_enables_hold() {
        let settings = DeviceConfig { memory: 1 << 33, ..DeviceConfig::default() };
        let mut space = ConfigSpace::new(&settings, &DmaEngine::new(settings.memory).identity(), false);
        for register in [BAR0, BAR0 + 8, BAR0 + 12] {
            space.write(register, [0xff; 4], 0xf);
        }
        assert_eq!([BAR0, BAR0 + 8, BAR0 + 12].map(|r| space.get(r)), [0xffff_f000, 0xc, 0xffff_fffe]);
        space.write(COMMAND, [0xff; 4], 0b0001);
        assert_eq!(space.get(COMMAND), 0x0010_0046);
        assert!(space.memory_space() && space.bus_master() && !space.intx_disabled());
        assert_eq!((space.max_payload(), space.max_read_request()), (128, 512));
        assert_eq!(space.target(0xffff_f010), Some((0, 0x10)));
        assert_eq!(space.target(0xffff_fffe_0000_0004), Some((2, 4)));
        // D3hot: nothing answers.
        space.write(CAP_PM + 4, [3, 0, 0, 0], 1);
        assert_eq!((space.target(0xffff_f010), space.bus_master()), (None, false));
    }

    #[test]
    fn every_capability_is_found() {
        let space = ConfigSpace::new(&DeviceConfig::default(), &DmaEngine::new(4096).identity(), false);
        let (mut at, mut ids) = (space.get(0x34) as u16, Vec::new());
        while at != 0 {
            ids.push(space.get(at) & 0xff);
            at = (space.get(at) >> 8 & 0xff) as u16;
        }
        assert_eq!(ids, [0x01, 0x05, 0x10, 0x11]);
    }
}
