//! The capability lists of a function.

use peb_tlp::FunctionId;

use super::access::Access;

/// Capability IDs (PCI Code and ID Assignment).
pub mod cap {
    /// Power Management.
    pub const PM: u8 = 0x01;
    /// MSI.
    pub const MSI: u8 = 0x05;
    /// PCI Express.
    pub const PCIE: u8 = 0x10;
    /// MSI-X.
    pub const MSIX: u8 = 0x11;
}

/// Capabilities found, with their offsets, in the order of the lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// From 0x40 on: ID, offset.
    pub list: Vec<(u8, u16)>,
    /// From 0x100 on: ID, offset.
    pub extended: Vec<(u16, u16)>,
}

impl Capabilities {
    /// Walks both lists as an operating system does; `Err` if one has no end or leads out of its range.
    ///
    /// # Errors
    /// What is wrong with the list.
    pub fn read(on: &mut impl Access, id: FunctionId) -> Result<Self, String> {
        let mut found = Capabilities::default();
        if on.config_read(id, 0x06, 2) & 0x10 == 0 {
            return Ok(found);
        }
        let mut at = on.config_read(id, 0x34, 1) as u16 & 0xfc;
        while at != 0 {
            if at < 0x40 || found.list.len() > 48 {
                return Err(format!("{id}: the capability list leads to {at:#x} after {} entries", found.list.len()));
            }
            let head = on.config_read(id, at, 2);
            found.list.push((head as u8, at));
            at = (head >> 8) as u16 & 0xfc;
        }
        if found.find(cap::PCIE).is_some() {
            found.read_extended(on, id)?;
        }
        Ok(found)
    }

    fn read_extended(&mut self, on: &mut impl Access, id: FunctionId) -> Result<(), String> {
        let mut at = 0x100;
        loop {
            let head = on.config_read(id, at, 4);
            if head == 0 || head == u32::MAX {
                return Ok(());
            }
            self.extended.push((head as u16, at));
            at = (head >> 20) as u16 & 0xffc;
            if at == 0 {
                return Ok(());
            }
            if at < 0x100 || self.extended.len() > 240 {
                let entries = self.extended.len();
                return Err(format!("{id}: the extended capability list leads to {at:#x} after {entries} entries"));
            }
        }
    }

    /// Offset of a capability.
    pub fn find(&self, id: u8) -> Option<u16> {
        self.list.iter().find(|&&(found, _)| found == id).map(|&(_, at)| at)
    }

    /// Offset of an extended capability.
    pub fn find_extended(&self, id: u16) -> Option<u16> {
        self.extended.iter().find(|&&(found, _)| found == id).map(|&(_, at)| at)
    }
}
