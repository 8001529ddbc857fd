//! The tables.

use crate::{ID_VALUE, SLOT_BASE, SLOT_STRIDE};

/// Which cores have a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `peb_host` and `peb_io`.
    Both,
    /// `peb_host` only.
    Host,
    /// `peb_io` only.
    Io,
}

/// What may be done to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only: writes are ignored.
    Ro,
    /// Read and write; bits that are not implemented are ignored.
    Rw,
    /// Read and write; a value above the implemented bits becomes the largest.
    Saturating,
}

/// What a register holds after `rst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// This value.
    Value(u32),
    /// What it says: a strap, or the state of the core.
    Live(&'static str),
}

/// Some bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Highest bit.
    pub msb: u8,
    /// Lowest bit.
    pub lsb: u8,
    /// What they mean.
    pub meaning: &'static str,
}

impl Bits {
    /// Their value in a register.
    pub const fn get(&self, value: u32) -> u32 {
        value >> self.lsb & self.max()
    }

    /// A register with only these bits set to a value, which is cut off to their width.
    pub const fn put(&self, value: u32) -> u32 {
        (value & self.max()) << self.lsb
    }

    /// Largest value.
    pub const fn max(&self) -> u32 {
        u32::MAX >> (31 - (self.msb - self.lsb))
    }
}

/// One register of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Name.
    pub name: &'static str,
    /// Byte address; of a slot's register, offset in the slot's block.
    pub addr: u16,
    /// Read, write.
    pub access: Access,
    /// Which cores have it.
    pub role: Role,
    /// Bits implemented; the others read 0.
    pub mask: u32,
    /// After `rst`.
    pub reset: Reset,
    /// What it means.
    pub meaning: &'static str,
    /// Its parts, if it is not one number.
    pub bits: &'static [Bits],
}

impl Register {
    /// Bits up to the highest one implemented.
    pub const fn width(&self) -> u8 {
        32 - self.mask.leading_zeros() as u8
    }

    /// Reset value where the table has one, else 0.
    pub const fn reset_value(&self) -> u32 {
        match self.reset {
            Reset::Value(value) => value,
            Reset::Live(_) => 0,
        }
    }

    /// What it holds after `value` was written over `old`, special rules of VLAN apart.
    pub const fn written(&self, old: u32, value: u32) -> u32 {
        match self.access {
            Access::Ro => old,
            Access::Rw => value & self.mask,
            Access::Saturating if value > self.mask => self.mask,
            Access::Saturating => value,
        }
    }
}

/// Makes constants and a table of rows.
macro_rules! table {
    ($table:ident in $addr:ident and $reg:ident ($of:literal):
     $($id:ident $at:literal $access:ident $role:ident $mask:literal $reset:expr, $meaning:literal
       $([$($msb:literal : $lsb:literal $bits:literal),*])?;)*) => {
        #[doc = concat!("Byte addresses ", $of, ".")]
        pub mod $addr {
            $(#[doc = $meaning] pub const $id: u16 = $at;)*
        }

        #[doc = concat!("The rows ", $of, ", each by its name.")]
        pub mod $reg {
            use super::*;
            $(
                #[doc = $meaning]
                pub const $id: Register = Register {
                    name: stringify!($id), addr: $at, access: Access::$access, role: Role::$role, mask: $mask,
                    reset: $reset, meaning: $meaning,
                    bits: &[$($(Bits { msb: $msb, lsb: $lsb, meaning: $bits }),*)?],
                };
            )*
        }

        #[doc = concat!("The table ", $of, ", by address.")]
        pub const $table: &[Register] = &[$($reg::$id),*];
    };
}

mod registers {
    use super::*;
    use Reset::{Live, Value};

    table! { REGISTERS in addr and reg ("of identity, setting and state"):
        ID 0x0000 Ro Both 0xffff_ffff Value(ID_VALUE), "`PEB` and the version of this interface, 1.";
        CAPS 0x0004 Ro Both 0xfff1 Live("as generated"), "What this core is."
            [0:0 "role: 0 host, 1 I/O", 7:4 "slots", 15:8 "sessions at most"];
        CONTROL 0x0008 Rw Both 0x1 Value(1), "Tunnel."
            [0:0 "enable; 0 leaves the session in order, 1 joins again"];
        STATUS 0x000c Ro Both 0x7 Live("state"), "State."
            [0:0 "bound to a peer (host: to any)", 1:1 "PCIe link up", 2:2 "device present (I/O)"];
        MAC_HI 0x0010 Ro Both 0xffff Live("`cfg_mac[47:32]`"), "Own MAC address, bytes 0 (`[15:8]`) and 1.";
        MAC_LO 0x0014 Ro Both 0xffff_ffff Live("`cfg_mac[31:0]`"), "Own MAC address, bytes 2 (`[31:24]`) to 5.";
        VLAN 0x0018 Rw Both 0x7fff Live("`cfg_vid`"),
            "Group. A new VID moves the PEB: it leaves its session, saying so, and joins the new group. A write with VID 0xFFF is ignored; as a strap it counts as 0."
            [11:0 "VID; 0: untagged", 14:12 "PCP"];
        SLOT 0x001c Rw Io 0x8000_001f Value(0x8000_0000), "Wanted slot; takes effect at the next join."
            [4:0 "slot, from 0", 31:31 "any free slot"];
        TICK 0x0020 Saturating Both 0xffff Value(125),
            "Clocks in a tick, from the next tick on; 0 counts as 1. Every protocol timer counts ticks.";
        HELLO_TICKS 0x0024 Saturating Both 0x00ff_ffff Value(1000), "Ticks between announcements.";
        DOWN_TICKS 0x0028 Saturating Both 0x00ff_ffff Value(20000), "Ticks of silence after which a peer is lost.";
        TRACK_TICKS 0x002c Saturating Host 0x00ff_ffff Value(200000),
            "Ticks that an outstanding request without completion is remembered.";
        LINKUP_TICKS 0x0030 Saturating Io 0x00ff_ffff Value(100000),
            "Ticks a device gets after its reset before it counts as up: the 100 ms that PCIe 6.6.1 gives it before the first configuration request, whether the software above waits for them or not.";
    }
}

mod counters {
    use super::*;
    use Reset::Value;

    table! { COUNTERS in addr and reg ("of counters"):
        FRAMES_SENT 0x0100 Ro Both 0xffff_ffff Value(0), "Frames sent.";
        FRAMES_RECEIVED 0x0104 Ro Both 0xffff_ffff Value(0), "Good frames received.";
        TLPS_TAKEN 0x0108 Ro Both 0xffff_ffff Value(0), "TLPs taken from PCIe into the tunnel.";
        TLPS_DELIVERED 0x010c Ro Both 0xffff_ffff Value(0), "TLPs delivered from the tunnel to PCIe.";
        RETRANSMITTED 0x0110 Ro Both 0xffff_ffff Value(0), "Frames retransmitted.";
        FCS_ERRORS 0x0114 Ro Both 0xffff_ffff Value(0), "Frames with a wrong FCS.";
        FOREIGN_FRAMES 0x0118 Ro Both 0xffff_ffff Value(0),
            "Foreign frames: EtherType, magic, VLAN, address. PAUSE frames are not foreign.";
        STALE_SESSION 0x011c Ro Both 0xffff_ffff Value(0), "Frames of another session.";
        DUPLICATES 0x0120 Ro Both 0xffff_ffff Value(0), "Duplicate frames.";
        OUT_OF_ORDER 0x0124 Ro Both 0xffff_ffff Value(0), "Frames received out of order.";
        MALFORMED_TLPS 0x0128 Ro Both 0xffff_ffff Value(0), "Malformed TLPs dropped (PCIe side).";
        UNSUPPORTED 0x012c Ro Both 0xffff_ffff Value(0), "Requests answered or dropped as unsupported.";
        MADE_UP 0x0130 Ro Both 0xffff_ffff Value(0), "Completions made up for a lost peer or device.";
        POSTED_DROPPED 0x0134 Ro Both 0xffff_ffff Value(0), "Posted requests dropped.";
        SOURCE_REFUSED 0x0138 Ro Both 0xffff_ffff Value(0), "Requests refused by source validation.";
        MASTER_OFF 0x013c Ro Both 0xffff_ffff Value(0), "Requests refused, Bus Master Enable off.";
        UNEXPECTED 0x0140 Ro Both 0xffff_ffff Value(0), "Unexpected completions dropped.";
        JOINS_REFUSED 0x0144 Ro Both 0xffff_ffff Value(0), "Joins refused.";
        TIMEOUTS 0x0148 Ro Both 0xffff_ffff Value(0), "Retransmission timeouts.";
        NO_SPACE 0x014c Ro Both 0xffff_ffff Value(0), "Frames dropped for lack of receive space.";
        PAUSES 0x0150 Ro Both 0xffff_ffff Value(0), "PAUSE frames obeyed.";
        NO_SESSION 0x0154 Ro Both 0xffff_ffff Value(0), "TLPs dropped because there is no session, or because the slot's link is not active.";
        ENDED_BAD 0x0158 Ro Both 0xffff_ffff Value(0),
            "Frames ended bad on purpose: a TLP's tail came late or was malformed.";
    }
}

mod slots {
    use super::*;
    use Reset::Value;

    table! { SLOT_REGISTERS in slot_offset and slot_reg ("of a slot"):
        STATE 0x00 Ro Host 0x7 Value(0), "State of the slot." [0:0 "bound", 1:1 "present", 2:2 "link active"];
        PEER_MAC_HI 0x04 Ro Host 0xffff Value(0), "MAC address of the peer, bytes 0 (`[15:8]`) and 1.";
        PEER_MAC_LO 0x08 Ro Host 0xffff_ffff Value(0), "MAC address of the peer, bytes 2 (`[31:24]`) to 5.";
        EPOCH 0x0c Ro Host 0xffff_ffff Value(0), "Epochs of the session." [15:0 "the host's", 31:16 "the peer's"];
        RTT 0x10 Ro Host 0xffff_ffff Value(0), "Round-trip time measured last, in clocks.";
        RTT_MIN 0x14 Ro Host 0xffff_ffff Value(0), "Smallest round-trip time of the session, in clocks.";
        WINDOW 0x18 Ro Host 0xffff_ffff Value(0), "Window in bytes.";
        RETRANSMISSIONS 0x1c Ro Host 0xffff_ffff Value(0), "Frames retransmitted to this peer.";
    }
}

/// Byte addresses of registers and counters.
pub mod addr {
    pub use super::counters::addr::*;
    pub use super::registers::addr::*;
}

/// Rows of registers and counters, each by its name.
pub mod reg {
    pub use super::counters::reg::*;
    pub use super::registers::reg::*;
}

pub use counters::COUNTERS;
pub use registers::REGISTERS;
pub use slots::{slot_offset, slot_reg, SLOT_REGISTERS};

/// Byte address of a slot's register, the slot from 0.
pub const fn slot_addr(slot: u8, register: Register) -> u16 {
    SLOT_BASE + SLOT_STRIDE * slot as u16 + register.addr
}
