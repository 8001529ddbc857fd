//! Typed access for host software and benches.

use crate::table::{reg, slot_addr, slot_reg, Register};
use core::fmt;

/// Whatever carries register accesses: a simulated `mgmt` port, a UART, a PCIe BAR.
pub trait Bus {
    /// Why an access fails.
    type Error;
    /// Reads 32 bits at a byte address.
    ///
    /// # Errors
    /// If the access does not come through.
    fn read(&mut self, addr: u16) -> Result<u32, Self::Error>;
    /// Writes 32 bits at a byte address.
    ///
    /// # Errors
    /// If the access does not come through.
    fn write(&mut self, addr: u16, value: u32) -> Result<(), Self::Error>;
}

/// MAC address, first byte on the wire first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// From a pair of registers, `hi` with bytes 0 and 1.
    pub const fn from_registers(hi: u32, lo: u32) -> Self {
        let [_, _, a, b] = hi.to_be_bytes();
        let [c, d, e, f] = lo.to_be_bytes();
        MacAddress([a, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Makes a value of a register out of its bits, in the order of the table.
macro_rules! decoded {
    ($(#[$doc:meta])* $name:ident of $register:path { $($(#[$field_doc:meta])* $field:ident: $ty:tt at $index:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $name {
            /// From the register.
            pub const fn from_bits(value: u32) -> Self {
                $name { $($field: decoded!(@get $ty, $register.bits[$index].get(value)),)* }
            }

            /// The register; numbers too large for their bits are cut off.
            pub const fn bits(self) -> u32 {
                0 $(| $register.bits[$index].put(self.$field as u32))*
            }
        }
    };
    (@get bool, $value:expr) => { $value != 0 };
    (@get $ty:tt, $value:expr) => { $value as $ty };
}

decoded! {
    /// CAPS: what the core is.
    Caps of reg::CAPS {
        /// True for `peb_io`, false for `peb_host`.
        io: bool at 0,
        /// Slots.
        slots: u8 at 1,
        /// Sessions at most.
        sessions: u8 at 2,
    }
}
decoded! {
    /// CONTROL.
    Control of reg::CONTROL {
        /// The tunnel is enabled.
        enable: bool at 0,
    }
}
decoded! {
    /// STATUS.
    Status of reg::STATUS {
        /// Bound to a peer; host: to any.
        peer_up: bool at 0,
        /// The PCIe link is up.
        link_up: bool at 1,
        /// A device is present (I/O).
        present: bool at 2,
    }
}
decoded! {
    /// VLAN: the group.
    Vlan of reg::VLAN {
        /// VLAN ID, 12 bits; 0: untagged.
        vid: u16 at 0,
        /// Priority code point, 3 bits.
        pcp: u8 at 1,
    }
}
decoded! {
    /// SLOT: which slot an I/O PEB asks for.
    WantedSlot of reg::SLOT {
        /// Slot, from 0, 5 bits.
        slot: u8 at 0,
        /// Any free slot will do.
        any: bool at 1,
    }
}
decoded! {
    /// State of a slot.
    SlotState of slot_reg::STATE {
        /// Bound to an I/O PEB.
        bound: bool at 0,
        /// A device is present.
        present: bool at 1,
        /// Its link is active.
        link_active: bool at 2,
    }
}

/// The registers of one core behind a [`Bus`].
#[derive(Clone, Debug)]
pub struct Registers<B> {
    /// What carries the accesses.
    pub bus: B,
}

impl<B: Bus> Registers<B> {
    /// Any register or counter of the table.
    ///
    /// # Errors
    /// Those of the bus, as in all methods here.
    pub fn get(&mut self, register: Register) -> Result<u32, B::Error> {
        self.bus.read(register.addr)
    }

    /// Writes a register.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn set(&mut self, register: Register, value: u32) -> Result<(), B::Error> {
        self.bus.write(register.addr, value)
    }

    /// A register of a slot, from 0.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn get_slot(&mut self, slot: u8, register: Register) -> Result<u32, B::Error> {
        self.bus.read(slot_addr(slot, register))
    }

    /// True if a core with this register map answers.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn is_peb(&mut self) -> Result<bool, B::Error> {
        Ok(self.get(reg::ID)? == crate::ID_VALUE)
    }

    /// What the core is.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn caps(&mut self) -> Result<Caps, B::Error> {
        self.get(reg::CAPS).map(Caps::from_bits)
    }

    /// Enables or disables the tunnel.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn set_enable(&mut self, enable: bool) -> Result<(), B::Error> {
        self.set(reg::CONTROL, Control { enable }.bits())
    }

    /// State of the core.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn status(&mut self) -> Result<Status, B::Error> {
        self.get(reg::STATUS).map(Status::from_bits)
    }

    /// The core's own MAC address.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn mac(&mut self) -> Result<MacAddress, B::Error> {
        Ok(MacAddress::from_registers(self.get(reg::MAC_HI)?, self.get(reg::MAC_LO)?))
    }

    /// The group.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn vlan(&mut self) -> Result<Vlan, B::Error> {
        self.get(reg::VLAN).map(Vlan::from_bits)
    }

    /// Moves the PEB to another group.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn set_vlan(&mut self, vlan: Vlan) -> Result<(), B::Error> {
        self.set(reg::VLAN, vlan.bits())
    }

    /// The slot an I/O PEB asks for.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn wanted_slot(&mut self) -> Result<WantedSlot, B::Error> {
        self.get(reg::SLOT).map(WantedSlot::from_bits)
    }

    /// Asks for a slot at the next join.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn set_wanted_slot(&mut self, slot: WantedSlot) -> Result<(), B::Error> {
        self.set(reg::SLOT, slot.bits())
    }

    /// State of a host's slot, from 0.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn slot_state(&mut self, slot: u8) -> Result<SlotState, B::Error> {
        self.get_slot(slot, slot_reg::STATE).map(SlotState::from_bits)
    }

    /// MAC address of the peer in a host's slot, from 0.
    ///
    /// # Errors
    /// Those of the bus.
    pub fn slot_mac(&mut self, slot: u8) -> Result<MacAddress, B::Error> {
        let (hi, lo) = (self.get_slot(slot, slot_reg::PEER_MAC_HI)?, self.get_slot(slot, slot_reg::PEER_MAC_LO)?);
        Ok(MacAddress::from_registers(hi, lo))
    }
}
