//! The tables against the interface, and the accessors against a fake core.

use peb_regs::{
    addr, reg, slot_addr, slot_reg, Access, Bus, Caps, MacAddress, Register, Registers, Reset, SlotState, Status, Vlan,
    WantedSlot, COUNTERS, MAX_SLOTS, REGISTERS, SLOT_REGISTERS, SLOT_STRIDE,
};
use std::collections::HashMap;
use std::convert::Infallible;

#[test]
fn addresses_of_the_interface() {
    for (addr, name) in [
        (0x0000, "ID"),
        (0x0004, "CAPS"),
        (0x0008, "CONTROL"),
        (0x000c, "STATUS"),
        (0x0010, "MAC_HI"),
        (0x0014, "MAC_LO"),
        (0x0018, "VLAN"),
        (0x001c, "SLOT"),
        (0x0020, "TICK"),
        (0x0024, "HELLO_TICKS"),
        (0x0028, "DOWN_TICKS"),
        (0x002c, "TRACK_TICKS"),
        (0x0030, "LINKUP_TICKS"),
    ] {
        let found = REGISTERS.iter().find(|register| register.addr == addr).map(|register| register.name);
        assert_eq!(found, Some(name));
    }
    assert_eq!((addr::FRAMES_SENT, addr::JOINS_REFUSED, addr::ENDED_BAD), (0x0100, 0x0144, 0x0158));
    assert_eq!(slot_addr(3, slot_reg::RETRANSMISSIONS), 0x02dc);
}

#[test]
fn tables_are_sorted_and_apart() {
    for table in [REGISTERS, COUNTERS, SLOT_REGISTERS] {
        for pair in table.windows(2) {
            assert_eq!(pair[0].addr + 4, pair[1].addr, "{} and {}", pair[0].name, pair[1].name);
        }
        for register in table {
            assert_eq!(register.addr % 4, 0, "{}", register.name);
            let bits = register.bits.iter().fold(0, |all, bits| {
                assert_eq!(all & bits.put(u32::MAX), 0, "{}: bits overlap", register.name);
                all | bits.put(u32::MAX)
            });
            assert!(register.bits.is_empty() || bits == register.mask, "{}", register.name);
            if let Reset::Value(value) = register.reset {
                assert_eq!(value & !register.mask, 0, "{}", register.name);
            }
            if register.access == Access::Saturating {
                assert_eq!(register.mask.count_ones(), u32::from(register.width()), "{}", register.name);
            }
        }
    }
    assert!(COUNTERS.last().unwrap().addr < slot_addr(0, slot_reg::STATE));
    assert!(SLOT_REGISTERS.last().unwrap().addr < SLOT_STRIDE);
    assert!(slot_addr(MAX_SLOTS - 1, slot_reg::RETRANSMISSIONS) < 0x1000);
}

#[test]
fn writes() {
    assert_eq!(reg::TICK.written(125, 0x1_0000), 0xffff);
    assert_eq!(reg::DOWN_TICKS.written(0, 0xffff_ffff), 0x00ff_ffff);
    assert_eq!(reg::DOWN_TICKS.written(0, 7), 7);
    assert_eq!(reg::SLOT.written(0, 0xffff_ffff), 0x8000_001f);
    assert_eq!(reg::ID.written(1, 2), 1);
    assert_eq!((reg::TICK.width(), reg::SLOT.width(), reg::SLOT.reset_value()), (16, 32, 0x8000_0000));
}

/// A core that holds what is written and knows where.
#[derive(Default)]
struct Core(HashMap<u16, u32>);

impl Bus for Core {
    type Error = Infallible;
    fn read(&mut self, addr: u16) -> Result<u32, Infallible> {
        Ok(self.0.get(&addr).copied().unwrap_or(0))
    }
    fn write(&mut self, addr: u16, value: u32) -> Result<(), Infallible> {
        self.0.insert(addr, value);
        Ok(())
    }
}

#[test]
fn accessors() {
    let mut core = Registers { bus: Core::default() };
    assert!(!core.is_peb().unwrap());
    core.bus.0.extend([(0x0, 0x5045_4201), (0x4, 0x0841), (0xc, 0b101), (0x10, 0x0200), (0x14, 0x0000_0a01)]);
    core.bus.0.extend([(0x240, 0b011), (0x244, 0x0200), (0x248, 0x0000_0b02)]);
    assert!(core.is_peb().unwrap());
    assert_eq!(core.caps().unwrap(), Caps { io: true, slots: 4, sessions: 8 });
    assert_eq!(core.status().unwrap(), Status { peer_up: true, link_up: false, present: true });
    assert_eq!(core.mac().unwrap(), MacAddress([2, 0, 0, 0, 0x0a, 1]));
    assert_eq!(core.mac().unwrap().to_string(), "02:00:00:00:0a:01");
    assert_eq!(core.slot_state(1).unwrap(), SlotState { bound: true, present: true, link_active: false });
    assert_eq!(core.slot_mac(1).unwrap(), MacAddress([2, 0, 0, 0, 0x0b, 2]));

    core.set_vlan(Vlan { vid: 0x123, pcp: 5 }).unwrap();
    assert_eq!(core.bus.0[&0x18], 0x5123);
    assert_eq!(core.vlan().unwrap(), Vlan { vid: 0x123, pcp: 5 });
    core.set_wanted_slot(WantedSlot { slot: 3, any: true }).unwrap();
    assert_eq!(core.bus.0[&0x1c], 0x8000_0003);
    assert_eq!(core.wanted_slot().unwrap(), WantedSlot { slot: 3, any: true });
    core.set_enable(true).unwrap();
    assert_eq!(core.bus.0[&0x8], 1);
    let any: Register = reg::TICK;
    core.set(any, 1).unwrap();
    assert_eq!(core.get(any).unwrap(), 1);
}
