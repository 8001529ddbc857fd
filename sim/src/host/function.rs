//! A function below a slot: base address registers and interrupts.

use peb_tlp::FunctionId;

use super::access::Access;
use super::capability::{cap, Capabilities};
use super::resources::Window;

/// Extended capability ID of the Device Serial Number.
const SERIAL: u16 = 0x0003;

/// A base address register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Number, 0 to 5; of a 64-bit one the lower.
    pub index: u8,
    /// Bytes.
    pub size: u64,
    /// 64 bits.
    pub wide: bool,
    /// Prefetchable.
    pub prefetchable: bool,
    /// Where it was put; `None` if there was no room.
    pub address: Option<u64>,
}

/// A function that was found and configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Bus, device, function.
    pub id: FunctionId,
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Class code.
    pub class: u32,
    /// Device Serial Number, if it has one.
    pub serial: Option<u64>,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// Base address registers in use.
    pub bars: Vec<Bar>,
}

impl Function {
    /// Reads what the function is, sizes its base address registers, places them, and turns the function on.
    ///
    /// # Errors
    /// What is wrong with its capability lists.
    pub fn configure(
        on: &mut impl Access,
        id: FunctionId,
        memory: &mut Window,
        prefetchable: &mut Window,
    ) -> Result<Self, String> {
        let ids = on.config_read(id, 0x00, 4);
        let class = on.config_read(id, 0x08, 4) >> 8;
        let capabilities = Capabilities::read(on, id)?;
        let mut bars = read_bars(on, id);
        // The largest first, so that none leaves a gap.
        bars.sort_by_key(|bar| std::cmp::Reverse(bar.size));
        for bar in &mut bars {
            let window = if bar.prefetchable && bar.wide { &mut *prefetchable } else { &mut *memory };
            bar.address = window.take(bar.size);
            match bar.address {
                Some(address) => bar.write(on, id, address),
                None => on.note(format!("{id}: no room for BAR {} of {:#x} bytes", bar.index, bar.size)),
            }
        }
        bars.sort_by_key(|bar| bar.index);
        if let Some(pcie) = capabilities.find(cap::PCIE) {
            // Max_Payload_Size 128, Max_Read_Request_Size 512, errors reported.
            let control = on.config_read(id, pcie + 8, 2);
            on.config_write(id, pcie + 8, 2, control & !0x70e0 | 0x200f);
        }
        // Memory space, bus master, no INTx.
        on.config_write(id, 0x04, 2, 0x0406);
        let half = |on: &mut _, at| u64::from(Access::config_read(on, id, at, 4));
        let serial = capabilities.find_extended(SERIAL).map(|at| half(on, at + 4) | half(on, at + 8) << 32);
        let (vendor, device) = (ids as u16, (ids >> 16) as u16);
        Ok(Function { id, serial, vendor, device, class, capabilities, bars })
    }

    /// Address of a base address register, if it was placed.
    pub fn bar(&self, index: u8) -> Option<u64> {
        self.bars.iter().find(|bar| bar.index == index)?.address
    }

    /// Gives the function one MSI; false if it has no such capability.
    pub fn enable_msi(&self, on: &mut impl Access, address: u64, data: u32) -> bool {
        self.capabilities.find(cap::MSI).is_some_and(|at| {
            enable_msi(on, self.id, at, address, data);
            true
        })
    }

    /// Gives vector `vector` of MSI-X an address; false if it has no such capability, or its table has no place.
    pub fn enable_msix(&self, on: &mut impl Access, vector: u16, address: u64, data: u32) -> bool {
        let Some(at) = self.capabilities.find(cap::MSIX) else { return false };
        let control = on.config_read(self.id, at + 2, 2);
        let table = on.config_read(self.id, at + 4, 4);
        let Some(bar) = self.bar(table as u8 & 7) else { return false };
        let entry = bar + u64::from(table & !7) + 16 * u64::from(vector);
        // All vectors are masked while the entry changes.
        on.config_write(self.id, at + 2, 2, control | 0xc000);
        for (offset, value) in [(0, address as u32), (4, (address >> 32) as u32), (8, data), (12, 0)] {
            on.write32(entry + offset, value);
        }
        // Read back, so that the writes have arrived.
        on.read32(entry);
        on.config_write(self.id, at + 2, 2, control & !0x4000 | 0x8000);
        true
    }
}

/// Programs an MSI capability with a 64-bit address and turns it on, in the order stock kernels do.
pub fn enable_msi(on: &mut impl Access, id: FunctionId, at: u16, address: u64, data: u32) {
    let control = on.config_read(id, at + 2, 2);
    let wide = control & 0x80 != 0;
    on.config_write(id, at + 2, 2, control & !0x71);
    on.config_write(id, at + 4, 4, address as u32);
    if wide {
        on.config_write(id, at + 8, 4, (address >> 32) as u32);
    }
    on.config_write(id, at + if wide { 12 } else { 8 }, 2, data);
    on.config_write(id, at + 2, 2, control & !0x70 | 1);
}

fn read_bars(on: &mut impl Access, id: FunctionId) -> Vec<Bar> {
    let mut bars = Vec::new();
    let mut index = 0;
    while index < 6 {
        let register = 0x10 + 4 * u16::from(index);
        let (low, kind) = size(on, id, register);
        // I/O space, or none.
        if low == 0 || low == u32::MAX || kind & 1 == 1 {
            index += 1;
            continue;
        }
        let wide = kind & 6 == 4;
        let high = if wide { size(on, id, register + 4).0 } else { u32::MAX };
        let mask = u64::from(high) << 32 | u64::from(low & !0xf);
        let size = mask.wrapping_neg();
        bars.push(Bar { index, size, wide, prefetchable: kind & 8 != 0, address: None });
        index += if wide { 2 } else { 1 };
    }
    bars
}

/// Bits that can be written, and what the register held before.
fn size(on: &mut impl Access, id: FunctionId, register: u16) -> (u32, u32) {
    let before = on.config_read(id, register, 4);
    on.config_write(id, register, 4, u32::MAX);
    let mask = on.config_read(id, register, 4);
    on.config_write(id, register, 4, before);
    (mask, before)
}

impl Bar {
    fn write(&self, on: &mut impl Access, id: FunctionId, address: u64) {
        let register = 0x10 + 4 * u16::from(self.index);
        on.config_write(id, register, 4, address as u32);
        if self.wide {
            on.config_write(id, register + 4, 4, (address >> 32) as u32);
        }
    }
}
