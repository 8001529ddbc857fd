//! The management port against the tables in `peb-regs`.

use super::counters::FREQUENT;
use super::ManagementRegisters;
use crate::testing::{clocked, Bench};
use peb_regs::{addr, reg, slot_addr, slot_reg, Access, Register, Reset, Role, COUNTERS, REGISTERS, SLOT_REGISTERS};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

clocked!(ManagementRegisters);

const MAC: u64 = 0x0200_5e10_2a3b;

/// A bench with the port as a bus, which checks the time of each acknowledgement.
struct Port {
    bench: Bench<ManagementRegisters>,
    longest: usize,
}

impl Port {
    fn new(name: &str, dut: ManagementRegisters, vid: u64) -> Self {
        let mut bench = Bench::new(name, dut);
        bench.dut().cfg_mac.next = MAC.into();
        bench.dut().cfg_vid.next = vid.into();
        bench.dut().stat_valid.next = true;
        bench.reset();
        bench.dut().cfg_mac.next = 0.into();
        bench.dut().cfg_vid.next = 77.into();
        Port { bench, longest: 0 }
    }

    fn access(&mut self, addr: u16, write: Option<u32>) -> u32 {
        let dut = self.bench.dut();
        dut.mgmt_addr.next = u64::from(addr).into();
        dut.mgmt_req.next = true;
        dut.mgmt_we.next = write.is_some();
        dut.mgmt_wdata.next = u64::from(write.unwrap_or(0)).into();
        for clocks in 1..=64 {
            self.bench.tick();
            if self.bench.dut().mgmt_ack.val() {
                self.longest = self.longest.max(clocks);
                let data = self.bench.dut().mgmt_rdata.val().raw() as u32;
                self.bench.tick();
                self.bench.dut().mgmt_req.next = false;
                return data;
            }
        }
        panic!("no acknowledgement of {addr:#06x} within 64 clocks");
    }
    fn read(&mut self, addr: u16) -> u32 {
        self.access(addr, None)
    }
    fn write(&mut self, addr: u16, value: u32) {
        self.access(addr, Some(value));
    }
}

fn there(register: &Register, host: bool) -> bool {
    register.role == Role::Both || (register.role == Role::Host) == host
}

/// What a register reads after reset, by the tables.
fn reset_value(register: &Register, host: bool, vid: u32) -> u32 {
    match (register.addr, register.reset) {
        _ if !there(register, host) => 0,
        (addr::CAPS, _) => {
            if host {
                0x0440
            } else {
                0x0111
            }
        }
        (addr::MAC_HI, _) => (MAC >> 32) as u32,
        (addr::MAC_LO, _) => MAC as u32,
        (addr::VLAN, _) => vid,
        (_, Reset::Value(value)) => value,
        (_, Reset::Live(_)) => 0,
    }
}

#[test]
fn every_register_resets_and_clamps_as_its_table_says() {
    for (host, name) in [(true, "registers_host"), (false, "registers_io")] {
        let dut = if host { ManagementRegisters::host(4) } else { ManagementRegisters::io() };
        let mut port = Port::new(name, dut, 0x123);
        for register in REGISTERS.iter().chain(COUNTERS) {
            assert_eq!(port.read(register.addr), reset_value(register, host, 0x123), "{}", register.name);
        }
        for register in REGISTERS.iter().chain(COUNTERS) {
            let mut old = port.read(register.addr);
            for value in [0, 1, 0xffff, 0x1_0000, 0x5555_5554, 0xff_ffff, 0x100_0000, 0xaaaa_aaaa, 0xffff_fffe, 7] {
                port.write(register.addr, value);
                let new = port.read(register.addr);
                let expected = match register.addr {
                    _ if !there(register, host) => 0,
                    addr::VLAN if value & 0xfff == 0xfff => old,
                    _ => register.written(old, value),
                };
                assert_eq!(new, expected, "{} written {value:#x}", register.name);
                old = new;
            }
        }
        port.bench.assert_equivalent();
    }
}

#[test]
fn reserved_vid_as_strap_is_untagged_and_outputs_follow() {
    let mut port = Port::new("registers_strap", ManagementRegisters::host(8), 0xfff);
    assert_eq!(port.read(addr::VLAN), 0);
    assert_eq!(port.read(addr::CAPS), 0x0880);
    port.write(addr::VLAN, 0x6abc);
    port.write(addr::CONTROL, 0);
    port.write(addr::TRACK_TICKS, 345);
    let dut = port.bench.dut();
    assert_eq!((dut.vlan.val().raw(), dut.pcp.val().raw(), dut.enable.val()), (0xabc, 6, false));
    assert_eq!((dut.own_mac.val().raw(), dut.track_ticks.val().raw()), (MAC, 345));
    dut.peer_up.next = true;
    dut.slot_present.next = true;
    assert_eq!(port.read(addr::STATUS), 5);
    port.bench.dut().pcie_link_up.next = true;
    assert_eq!(port.read(addr::STATUS), 7);
}

#[test]
fn timers_have_floors_in_clocks() {
    let mut port = Port::new("registers_floors", ManagementRegisters::io(), 0);
    for tick in [0u32, 1, 2, 3, 4, 5, 8, 15, 16, 31, 32, 63, 64, 125, 65535] {
        let clocks = tick.max(1);
        port.write(addr::TICK, tick);
        for (ticks, kept) in [(0, false), (1, false), (100, true), (0xff_feff, true)] {
            port.write(addr::HELLO_TICKS, ticks);
            port.write(addr::DOWN_TICKS, ticks);
            port.bench.clocks(3);
            let hello = port.bench.dut().hello_ticks.val().raw() as u32;
            let down = port.bench.dut().down_ticks.val().raw() as u32;
            assert!(hello >= ticks && u64::from(hello) * u64::from(clocks) >= 4, "hello {hello}");
            assert!(down >= ticks && u64::from(down - 1) * u64::from(clocks) >= 64, "down {down}");
            assert!(hello <= ticks.max(4.max(ticks)) && down <= ticks.max(65), "floors are no more than needed");
            if kept {
                assert_eq!((hello, down), (ticks, ticks));
            }
        }
    }
    port.write(addr::DOWN_TICKS, u32::MAX);
    port.bench.clocks(3);
    assert_eq!(port.bench.dut().down_ticks.val().raw(), 0xff_ff00);
    port.bench.assert_equivalent();
}

#[test]
fn slots_show_what_the_session_block_tells() {
    let mut port = Port::new("registers_slots", ManagementRegisters::host(4), 0);
    let dut = port.bench.dut();
    dut.stat_mac.next = 0x0611_2233_4455_u64.into();
    dut.stat_epoch.next = 0x1234_5678.into();
    dut.stat_rtt.next = 10_001.into();
    dut.stat_rtt_min.next = 9_999.into();
    dut.stat_window.next = 3000.into();
    dut.stat_retransmissions.next = 17.into();
    dut.slots_present.next = 0b0010.into();
    dut.slots_link.next = 0b1000.into();
    for slot in 0..8u8 {
        for bound in [false, true] {
            port.bench.dut().stat_bound.next = bound;
            let expected = [
                1 | u32::from(slot == 1) << 1 | u32::from(slot == 3) << 2,
                0x0611,
                0x2233_4455,
                0x1234_5678,
                10_001,
                9_999,
                3000,
                17,
            ];
            for (register, expected) in SLOT_REGISTERS.iter().zip(expected) {
                let at = slot_addr(slot, *register);
                let expected = if bound && slot < 4 { expected } else { 0 };
                assert_eq!(port.read(at), expected, "slot {slot} {}", register.name);
            }
            assert_eq!(port.read(slot_addr(slot, slot_reg::RETRANSMISSIONS) + 4), 0);
        }
    }
    port.bench.dut().stat_valid.next = false;
    port.bench.dut().mgmt_addr.next = 0x200.into();
    port.bench.dut().mgmt_req.next = true;
    port.bench.clocks(30);
    assert!(!port.bench.dut().mgmt_ack.val(), "not before the tables can be read");
    port.bench.dut().stat_valid.next = true;
    port.bench.tick();
    assert!(port.bench.dut().mgmt_ack.val());
    port.bench.assert_equivalent();
}

/// Drives the event inputs.
fn set_events(dut: &mut ManagementRegisters, events: u32) {
    let bit = |i: usize| events >> i & 1 == 1;
    dut.frames_sent.next = bit(0);
    dut.frames_received.next = bit(1);
    dut.tlps_taken.next = bit(2);
    dut.tlps_delivered.next = bit(3);
    dut.retransmitted.next = bit(4);
    dut.fcs_errors.next = bit(5);
    dut.foreign_frames.next = bit(6);
    dut.stale_session.next = bit(7);
    dut.duplicates.next = bit(8);
    dut.out_of_order.next = bit(9);
    dut.malformed_tlps.next = bit(10);
    dut.unsupported.next = bit(11);
    dut.made_up.next = bit(12);
    dut.posted_dropped.next = bit(13);
    dut.source_refused.next = bit(14);
    dut.master_off.next = bit(15);
    dut.unexpected.next = bit(16);
    dut.joins_refused.next = bit(17);
    dut.timeouts.next = bit(18);
    dut.no_space.next = bit(19);
    dut.pauses.next = bit(20);
    dut.no_session.next = bit(21);
    dut.ended_bad.next = bit(22);
}

#[test]
fn each_event_has_the_counter_of_its_name() {
    let names = [
        "FRAMES_SENT",
        "FRAMES_RECEIVED",
        "TLPS_TAKEN",
        "TLPS_DELIVERED",
        "RETRANSMITTED",
        "FCS_ERRORS",
        "FOREIGN_FRAMES",
        "STALE_SESSION",
        "DUPLICATES",
        "OUT_OF_ORDER",
        "MALFORMED_TLPS",
        "UNSUPPORTED",
        "MADE_UP",
        "POSTED_DROPPED",
        "SOURCE_REFUSED",
        "MASTER_OFF",
        "UNEXPECTED",
        "JOINS_REFUSED",
        "TIMEOUTS",
        "NO_SPACE",
        "PAUSES",
        "NO_SESSION",
        "ENDED_BAD",
    ];
    let mut port = Port::new("registers_events", ManagementRegisters::io(), 0);
    for (i, register) in COUNTERS.iter().enumerate() {
        assert_eq!(register.name, names[i]);
        set_events(port.bench.dut(), 1 << i);
        port.bench.tick();
        set_events(port.bench.dut(), 0);
        for (j, other) in COUNTERS.iter().enumerate() {
            assert_eq!(port.read(other.addr), u32::from(j <= i), "{} after {}", other.name, register.name);
        }
    }
    assert!(port.longest <= 30, "{} clocks", port.longest);
}

/// Random accesses and events at every density, a reset in between; counters and registers against a model.
#[test]
fn no_event_is_lost_and_any_access_is_answered() {
    for seed in [1, 2, 3] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut port = Port::new("registers_random", ManagementRegisters::io(), 5);
        for density in [1.0, 0.3, 0.1, 0.003] {
            if density == 0.1 {
                set_events(port.bench.dut(), 0);
                port.bench.reset();
            }
            let mut model: Vec<u32> = COUNTERS.iter().map(|c| port.read(c.addr)).collect();
            if density == 0.1 {
                assert!(model.iter().all(|&c| c == 0), "seed {seed}: reset clears");
            }
            let (mut busy, mut since) = (0, [99; 23]);
            for _ in 0..1500 {
                let mut events = 0;
                for (i, since) in since.iter_mut().enumerate() {
                    *since += 1;
                    let pause = if FREQUENT >> i & 1 == 1 { 2 } else { 24 };
                    if *since >= pause && rng.gen_bool(density) {
                        events |= 1 << i;
                        *since = 0;
                    }
                }
                (0..23).for_each(|i| model[i] += events >> i & 1);
                set_events(port.bench.dut(), events);
                if busy == 0 && rng.gen_bool(0.3) {
                    let dut = port.bench.dut();
                    let page = [0, 0x100, 0x200, rng.gen::<u16>() & 0xff00][rng.gen_range(0..4)];
                    dut.mgmt_addr.next = u64::from(page | rng.gen::<u16>() & 0xff).into();
                    dut.mgmt_we.next = rng.gen();
                    dut.mgmt_wdata.next = u64::from(rng.gen::<u32>()).into();
                    dut.mgmt_req.next = true;
                    busy = 1;
                }
                port.bench.tick();
                if busy > 0 {
                    busy += 1;
                    assert!(busy < 64, "seed {seed}: no acknowledgement");
                    if port.bench.dut().mgmt_ack.val() {
                        port.bench.dut().mgmt_req.next = false;
                        busy = 0;
                    }
                }
            }
            set_events(port.bench.dut(), 0);
            port.bench.dut().mgmt_req.next = false;
            port.bench.clocks(80);
            for (counter, expected) in COUNTERS.iter().zip(model) {
                assert_eq!(port.read(counter.addr), expected, "seed {seed} density {density} {}", counter.name);
            }
        }
        port.bench.assert_equivalent();
    }
}

#[test]
fn a_request_that_stays_is_a_new_access() {
    let mut port = Port::new("registers_again", ManagementRegisters::io(), 0);
    let dut = port.bench.dut();
    dut.mgmt_addr.next = u64::from(reg::ID.addr).into();
    dut.mgmt_req.next = true;
    let mut acks = vec![];
    for clock in 0..30 {
        port.bench.tick();
        if port.bench.dut().mgmt_ack.val() {
            assert_eq!(port.bench.dut().mgmt_rdata.val().raw(), u64::from(peb_regs::ID_VALUE));
            acks.push(clock);
        }
    }
    assert!(acks.len() >= 9 && acks.windows(2).all(|w| w[1] - w[0] == 3), "{acks:?}");
    assert!(reg::ID.access == Access::Ro);
}
