//! The proxied function, and the two ways in which a kernel finds the root port behind it.
//!
//! Either way BAR 0 is the configuration space of a PCI segment, and another BAR the memory below its root port.

use crate::host_bridge::{self, ECAM_LEN, WINDOW_LEN};
use crate::mpqemu::Access;
use crate::root_port::ones;

/// What the kernel takes the proxied function for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Front {
    /// For nothing: an ACPI table tells it of a PCI host bridge with these addresses ([`crate::host_bridge`]).
    #[default]
    HostBridge,
    /// For Intel's Volume Management Device: the driver `vmd` makes a PCI domain of what is behind it.
    Vmd,
}

/// Bytes of the third memory of a Volume Management Device: registers of its own, and addresses that nothing here needs.
const VMD_SECOND_LEN: u32 = 1 << 20;
/// Memory Space, Bus Master, parity, SERR, INTx disable.
const COMMAND: u32 = 0x0546;

impl Front {
    /// Device and function on the guest's first bus. Firmware gives addresses to a function 0 alone, and the table does to
    /// the host bridge.
    pub fn place(self) -> (u8, u8) {
        match self {
            Front::HostBridge => host_bridge::FUNCTION,
            Front::Vmd => (host_bridge::FUNCTION.0, 0),
        }
    }

    /// What the kernel calls the PCI segment. Those that no table knows begin behind the 16 bits that tables have.
    pub fn domain(self) -> &'static str {
        match self {
            Front::HostBridge => "0001",
            Front::Vmd => "10000",
        }
    }

    /// Registers with their value and the bits that can be written; all others are 0.
    fn registers(self) -> &'static [(u16, u32, u32)] {
        match self {
            // A system peripheral of nobody in particular.
            Front::HostBridge => &[
                (0x00, 0x5045_1234, 0),
                (0x04, 0, COMMAND),
                (0x08, 0x0880_0000, 0),
                (0x10, 0, !(ECAM_LEN - 1)),
                (0x14, 0, !(WINDOW_LEN - 1)),
            ],
            // A device of the kind that can leave interrupts as they are: those of the drivers below go to the processor.
            // Capabilities (0x40): any bus number; configuration (0x44): interrupts not remapped; lock (0x70): the
            // addresses of the BARs are those that devices see.
            Front::Vmd => &[
                (0x00, 0x28c0_8086, 0),
                (0x04, 0, COMMAND),
                (0x08, 0x0104_0000, 0),
                (0x10, 0, !(ECAM_LEN - 1)),
                (0x18, 0, !(WINDOW_LEN - 1)),
                (0x20, 0, !(VMD_SECOND_LEN - 1)),
                (0x44, 0, 2),
            ],
        }
    }
}

/// The configuration space of the proxied function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    front: Front,
    dwords: [u32; 64],
}

impl Function {
    /// The function after its reset.
    pub fn new(front: Front) -> Self {
        let mut dwords = [0; 64];
        front.registers().iter().for_each(|&(register, value, _)| dwords[usize::from(register / 4)] = value);
        Function { front, dwords }
    }

    /// Reads or writes; a write gives 0.
    pub fn access(&mut self, access: Access) -> u64 {
        let (register, shift) = (access.address & !3, 8 * (access.address % 4) as u32);
        let Some(dword) = self.dwords.get_mut((register / 4) as usize) else { return 0 };
        let mask = ones(access.size) << shift;
        let Some(value) = access.value else { return u64::from((*dword & mask) >> shift) };
        let known = self.front.registers().iter().find(|(at, ..)| u64::from(*at) == register);
        let writable = mask & known.map_or(0, |&(_, _, writable)| writable);
        *dword = *dword & !writable | (value as u32) << shift & writable;
        0
    }

    /// Offset in the configuration space behind BAR 0; none if the address is behind another BAR.
    pub fn in_ecam(&self, address: u64) -> Option<u32> {
        let offset = address.checked_sub(u64::from(self.dwords[4]))?;
        (offset < u64::from(ECAM_LEN)).then_some(offset as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(function: &mut Function, address: u64, size: u32) -> u64 {
        function.access(Access { address, size, value: None })
    }

    fn write(function: &mut Function, address: u64, size: u32, value: u64) {
        function.access(Access { address, size, value: Some(value) });
    }

    #[test]
    fn bars_have_the_size_of_what_is_behind_them() {
        for (front, window) in [(Front::HostBridge, 0x14), (Front::Vmd, 0x18)] {
            let mut function = Function::new(front);
            for at in (0x10..0x28).step_by(4) {
                write(&mut function, at, 4, 0xffff_ffff);
            }
            assert_eq!(read(&mut function, 0x10, 4), u64::from(!(ECAM_LEN - 1)), "{front:?}");
            assert_eq!(read(&mut function, window, 4), u64::from(!(WINDOW_LEN - 1)), "{front:?}");
            write(&mut function, 0x10, 4, 0xc000_0000);
            assert_eq!(function.in_ecam(0xc000_1004), Some(0x1004));
            assert_eq!(
                (function.in_ecam(0xbfff_ffff), function.in_ecam(0xc000_0000 + u64::from(ECAM_LEN))),
                (None, None)
            );
        }
    }

    #[test]
    fn only_what_is_writable_is_written_byte_by_byte() {
        let mut function = Function::new(Front::Vmd);
        write(&mut function, 0x00, 4, 0);
        write(&mut function, 0x05, 1, 0xff);
        write(&mut function, 0x44, 2, 0xffff);
        write(&mut function, 0x200, 4, 5);
        assert_eq!(read(&mut function, 0x00, 4), 0x28c0_8086);
        assert_eq!((read(&mut function, 0x02, 2), read(&mut function, 0x04, 4)), (0x28c0, 0x0500));
        assert_eq!(
            (read(&mut function, 0x44, 2), read(&mut function, 0x40, 2), read(&mut function, 0x70, 4)),
            (2, 0, 0)
        );
        assert_eq!(read(&mut function, 0x200, 4), 0);
    }
}
