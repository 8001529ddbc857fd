//! The management port, and what software sets through it.
//!
//! An access (`mgmt_req`, held with its address and data until `mgmt_ack`) takes 2 clocks; a counter up to 29, a slot's
//! register up to 43 (it waits for a clock in which the session block does not need its tables; there is one in any 24).
//! `mgmt_ack` and `mgmt_rdata` are registers; `mgmt_req` still high after `mgmt_ack` is a new access. Unused or unaligned
//! addresses read 0, writes to them are ignored.
//!
//! Straps are taken while `reset`, which sets all registers and clears all counters. A write takes effect three clocks
//! later at `hello_ticks` and `down_ticks`, which have their floors in clocks put in: 4 and 64 (+ 1 tick, since a
//! tick may have begun), rounded up to a power of two in ticks; they end 256 ticks below 2^24, so that nobody who looks once
//! a tick can miss them. Waits for nothing outside.

use super::Counters;
use crate::session::Role;
use peb_hdl::prelude::*;
use peb_regs::{addr, reg, COUNTERS};

// The literals of `update` below.
const _: () = {
    let mut i = 0;
    while i < peb_regs::REGISTERS.len() {
        assert!(peb_regs::REGISTERS[i].addr as usize == 4 * i);
        i += 1;
    }
    while i < COUNTERS.len() {
        assert!(COUNTERS[i].addr as usize == 0x100 + 4 * i);
        i += 1;
    }
    assert!(i == 23 && addr::LINKUP_TICKS == 48 && peb_regs::SLOT_BASE == 0x200 && peb_regs::SLOT_STRIDE == 0x40);
    assert!(peb_regs::ID_VALUE == 0x5045_4201 && reg::CONTROL.reset_value() == 1);
    assert!(reg::SLOT.reset_value() == 0x8000_0000 && reg::SLOT.mask == 0x8000_001f && reg::VLAN.mask == 0x7fff);
    assert!(reg::TICK.reset_value() == 125 && reg::TICK.mask == 0xffff);
    assert!(reg::HELLO_TICKS.reset_value() == 1000 && reg::HELLO_TICKS.mask == 0xff_ffff);
    assert!(reg::DOWN_TICKS.reset_value() == 20_000 && reg::DOWN_TICKS.mask == 0xff_ffff);
    assert!(reg::TRACK_TICKS.reset_value() == 200_000 && reg::TRACK_TICKS.mask == 0xff_ffff);
    assert!(reg::LINKUP_TICKS.reset_value() == 100_000 && reg::LINKUP_TICKS.mask == 0xff_ffff);
};

/// What an access is doing.
#[derive(LogicState, Copy, Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Waiting for `mgmt_req`.
    Idle,
    /// A register is read or written.
    Register,
    /// Waiting for a counter.
    Counter,
    /// Waiting for the tables of the session.
    Slot,
    /// Done.
    Acknowledge,
}

/// See the module's documentation.
#[derive(Module, Default)]
pub struct ManagementRegisters {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Straps.
    pub cfg_mac: Signal<In, U<48>>,
    pub cfg_vid: Signal<In, U<12>>,
    pub mgmt_addr: Signal<In, U<16>>,
    pub mgmt_req: Signal<In, Bit>,
    pub mgmt_we: Signal<In, Bit>,
    pub mgmt_wdata: Signal<In, U<32>>,
    pub mgmt_rdata: Signal<Out, U<32>>,
    pub mgmt_ack: Signal<Out, Bit>,

    /// Live bits of STATUS.
    pub peer_up: Signal<In, Bit>,
    pub pcie_link_up: Signal<In, Bit>,
    pub slot_present: Signal<In, Bit>,

    /// What software set. MAC: first byte on the wire in the high bits.
    pub own_mac: Signal<Out, U<48>>,
    pub enable: Signal<Out, Bit>,
    pub vlan: Signal<Out, U<12>>,
    pub pcp: Signal<Out, U<3>>,
    pub slot_any: Signal<Out, Bit>,
    pub slot_wanted: Signal<Out, U<5>>,
    /// Clocks, 0 counts as 1.
    pub tick_clocks: Signal<Out, U<16>>,
    /// Ticks, with floor.
    pub hello_ticks: Signal<Out, U<24>>,
    /// Ticks, with floor.
    pub down_ticks: Signal<Out, U<24>>,
    pub track_ticks: Signal<Out, U<24>>,
    pub linkup_ticks: Signal<Out, U<24>>,

    /// The slot whose state is wanted; constant during an access.
    pub stat_session: Signal<Out, U<3>>,
    /// `stat_bound`, `stat_mac`, `stat_epoch` belong to it.
    pub stat_valid: Signal<In, Bit>,
    pub stat_bound: Signal<In, Bit>,
    pub stat_mac: Signal<In, U<48>>,
    pub stat_epoch: Signal<In, U<32>>,
    /// One bit a slot: a device is there; its link is active.
    pub slots_present: Signal<In, U<8>>,
    pub slots_link: Signal<In, U<8>>,
    /// Of `stat_session`, valid 15 clocks after it changed: clocks, clocks, bytes, frames.
    pub stat_rtt: Signal<In, U<32>>,
    pub stat_rtt_min: Signal<In, U<32>>,
    pub stat_window: Signal<In, U<32>>,
    pub stat_retransmissions: Signal<In, U<32>>,

    /// Events, one clock each, named as their counters; how often each may come: [`Counters`].
    pub frames_sent: Signal<In, Bit>,
    pub frames_received: Signal<In, Bit>,
    pub tlps_taken: Signal<In, Bit>,
    pub tlps_delivered: Signal<In, Bit>,
    pub retransmitted: Signal<In, Bit>,
    pub fcs_errors: Signal<In, Bit>,
    pub foreign_frames: Signal<In, Bit>,
    pub stale_session: Signal<In, Bit>,
    pub duplicates: Signal<In, Bit>,
    pub out_of_order: Signal<In, Bit>,
    pub malformed_tlps: Signal<In, Bit>,
    pub unsupported: Signal<In, Bit>,
    pub made_up: Signal<In, Bit>,
    pub posted_dropped: Signal<In, Bit>,
    pub source_refused: Signal<In, Bit>,
    pub master_off: Signal<In, Bit>,
    pub unexpected: Signal<In, Bit>,
    pub joins_refused: Signal<In, Bit>,
    pub timeouts: Signal<In, Bit>,
    pub no_space: Signal<In, Bit>,
    pub pauses: Signal<In, Bit>,
    pub no_session: Signal<In, Bit>,
    pub ended_bad: Signal<In, Bit>,

    role: Role,
    counters: Counters,
    state: Reg<Access>,
    rdata: Reg<U<32>>,
    waited: Reg<U<4>>,
    mac: Reg<U<48>>,
    enabled: Reg<Bit>,
    group: Reg<U<12>>,
    priority: Reg<U<3>>,
    any: Reg<Bit>,
    wanted: Reg<U<5>>,
    tick: Reg<U<16>>,
    hello: Reg<U<24>>,
    down: Reg<U<24>>,
    track: Reg<U<24>>,
    linkup: Reg<U<24>>,
    hello_floor: Reg<U<3>>,
    down_floor: Reg<U<7>>,
    hello_floored: Reg<U<24>>,
    down_floored: Reg<U<24>>,

    word: Signal<Local, U<6>>,
    offset: Signal<Local, U<4>>,
    counter: Signal<Local, U<6>>,
    slot: Signal<Local, U<3>>,
    slots: Signal<Local, U<4>>,
    sat16: Signal<Local, U<16>>,
    sat24: Signal<Local, U<24>>,
    _activity: Activity,
}

impl ManagementRegisters {
    /// Of a host PEB with so many slots, 1 to 8.
    pub fn host(slots: usize) -> Self {
        ManagementRegisters { role: Role::host(slots), ..Self::default() }
    }
    /// Of an I/O PEB.
    pub fn io() -> Self {
        Self::default()
    }
}

#[allow(clippy::collapsible_match)] // hdl_gen knows no guards
impl Logic for ManagementRegisters {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            rdata,
            waited,
            mac,
            enabled,
            group,
            priority,
            any,
            wanted,
            tick,
            hello,
            down,
            track,
            linkup,
            hello_floor,
            down_floor,
            hello_floored,
            down_floored
        );
        self.counters.clock.next = self.clock.val();
        self.counters.reset.next = self.reset.val();
        self.counters.events.next = bits::<23>(0)
            .replace_bit(0, self.frames_sent.val())
            .replace_bit(1, self.frames_received.val())
            .replace_bit(2, self.tlps_taken.val())
            .replace_bit(3, self.tlps_delivered.val())
            .replace_bit(4, self.retransmitted.val())
            .replace_bit(5, self.fcs_errors.val())
            .replace_bit(6, self.foreign_frames.val())
            .replace_bit(7, self.stale_session.val())
            .replace_bit(8, self.duplicates.val())
            .replace_bit(9, self.out_of_order.val())
            .replace_bit(10, self.malformed_tlps.val())
            .replace_bit(11, self.unsupported.val())
            .replace_bit(12, self.made_up.val())
            .replace_bit(13, self.posted_dropped.val())
            .replace_bit(14, self.source_refused.val())
            .replace_bit(15, self.master_off.val())
            .replace_bit(16, self.unexpected.val())
            .replace_bit(17, self.joins_refused.val())
            .replace_bit(18, self.timeouts.val())
            .replace_bit(19, self.no_space.val())
            .replace_bit(20, self.pauses.val())
            .replace_bit(21, self.no_session.val())
            .replace_bit(22, self.ended_bad.val());

        self.word.next = self.mgmt_addr.val().get_bits::<6>(2);
        self.counter.next = self.mgmt_addr.val().get_bits::<6>(2);
        self.slot.next = self.mgmt_addr.val().get_bits::<3>(6);
        self.offset.next = self.mgmt_addr.val().get_bits::<4>(2);
        self.slots.next = bit_cast::<4, 3>(self.role.last.val()) + 1;
        self.sat16.next = self.mgmt_wdata.val().get_bits::<16>(0);
        if self.mgmt_wdata.val().get_bits::<16>(16).any() {
            self.sat16.next = 65535.into();
        }
        self.sat24.next = self.mgmt_wdata.val().get_bits::<24>(0);
        if self.mgmt_wdata.val().get_bits::<8>(24).any() {
            self.sat24.next = 16777215.into();
        }
        self.counters.read.next = self.state.q.val() == Access::Counter;
        self.counters.read_index.next = self.mgmt_addr.val().get_bits::<5>(2);
        self.stat_session.next = self.slot.val();

        match self.state.q.val() {
            Access::Idle => {
                self.rdata.d.next = 0.into();
                self.waited.d.next = 0.into();
                if self.mgmt_req.val() {
                    self.state.d.next = Access::Acknowledge;
                    if self.mgmt_addr.val().get_bits::<2>(0) == 0 {
                        if self.mgmt_addr.val().get_bits::<8>(8) == 0 {
                            self.state.d.next = Access::Register;
                        }
                        if (self.mgmt_addr.val().get_bits::<8>(8) == 1) && (self.counter.val() < 23) {
                            self.state.d.next = Access::Counter;
                        }
                        if (self.mgmt_addr.val().get_bits::<7>(9) == 1)
                            && self.role.host.val()
                            && (self.slot.val() <= self.role.last.val())
                        {
                            self.state.d.next = Access::Slot;
                        }
                    }
                }
            }
            Access::Register => {
                self.state.d.next = Access::Acknowledge;
                match self.word.val().index() {
                    0 => {
                        self.rdata.d.next = 0x5045_4201_u64.into();
                    }
                    1 => {
                        self.rdata.d.next = bit_cast::<32, 1>((!self.role.host.val()).into())
                            | (bit_cast::<32, 4>(self.slots.val()) << 4)
                            | (bit_cast::<32, 4>(self.slots.val()) << 8);
                    }
                    2 => {
                        self.rdata.d.next = bit_cast::<32, 1>(self.enabled.q.val().into());
                        if self.mgmt_we.val() {
                            self.enabled.d.next = self.mgmt_wdata.val().get_bit(0);
                        }
                    }
                    3 => {
                        self.rdata.d.next = bits::<32>(0)
                            .replace_bit(0, self.peer_up.val())
                            .replace_bit(1, self.pcie_link_up.val())
                            .replace_bit(2, self.slot_present.val());
                    }
                    4 => {
                        self.rdata.d.next = bit_cast::<32, 16>(self.mac.q.val().get_bits::<16>(32));
                    }
                    5 => {
                        self.rdata.d.next = self.mac.q.val().get_bits::<32>(0);
                    }
                    6 => {
                        self.rdata.d.next =
                            bit_cast::<32, 12>(self.group.q.val()) | (bit_cast::<32, 3>(self.priority.q.val()) << 12);
                        if self.mgmt_we.val() && (self.mgmt_wdata.val().get_bits::<12>(0) != 4095) {
                            self.group.d.next = self.mgmt_wdata.val().get_bits::<12>(0);
                            self.priority.d.next = self.mgmt_wdata.val().get_bits::<3>(12);
                        }
                    }
                    7 => {
                        if !self.role.host.val() {
                            self.rdata.d.next = bit_cast::<32, 5>(self.wanted.q.val())
                                | (bit_cast::<32, 1>(self.any.q.val().into()) << 31);
                            if self.mgmt_we.val() {
                                self.wanted.d.next = self.mgmt_wdata.val().get_bits::<5>(0);
                                self.any.d.next = self.mgmt_wdata.val().get_bit(31);
                            }
                        }
                    }
                    8 => {
                        self.rdata.d.next = bit_cast::<32, 16>(self.tick.q.val());
                        if self.mgmt_we.val() {
                            self.tick.d.next = self.sat16.val();
                        }
                    }
                    9 => {
                        self.rdata.d.next = bit_cast::<32, 24>(self.hello.q.val());
                        if self.mgmt_we.val() {
                            self.hello.d.next = self.sat24.val();
                        }
                    }
                    10 => {
                        self.rdata.d.next = bit_cast::<32, 24>(self.down.q.val());
                        if self.mgmt_we.val() {
                            self.down.d.next = self.sat24.val();
                        }
                    }
                    11 => {
                        if self.role.host.val() {
                            self.rdata.d.next = bit_cast::<32, 24>(self.track.q.val());
                            if self.mgmt_we.val() {
                                self.track.d.next = self.sat24.val();
                            }
                        }
                    }
                    12 => {
                        if !self.role.host.val() {
                            self.rdata.d.next = bit_cast::<32, 24>(self.linkup.q.val());
                            if self.mgmt_we.val() {
                                self.linkup.d.next = self.sat24.val();
                            }
                        }
                    }
                    _ => {}
                }
            }
            Access::Counter => {
                self.rdata.d.next = self.counters.read_data.val();
                if self.counters.read_valid.val() {
                    self.state.d.next = Access::Acknowledge;
                }
            }
            Access::Slot => {
                if self.waited.q.val() != 15 {
                    self.waited.d.next = self.waited.q.val() + 1;
                } else if self.stat_valid.val() {
                    self.state.d.next = Access::Acknowledge;
                    if self.role.host.val() && self.stat_bound.val() {
                        match self.offset.val().index() {
                            0 => {
                                self.rdata.d.next = bits::<32>(1)
                                    .replace_bit(1, self.slots_present.val().get_bit(self.slot.val().index()))
                                    .replace_bit(2, self.slots_link.val().get_bit(self.slot.val().index()));
                            }
                            1 => {
                                self.rdata.d.next = bit_cast::<32, 16>(self.stat_mac.val().get_bits::<16>(32));
                            }
                            2 => {
                                self.rdata.d.next = self.stat_mac.val().get_bits::<32>(0);
                            }
                            3 => {
                                self.rdata.d.next = self.stat_epoch.val();
                            }
                            4 => {
                                self.rdata.d.next = self.stat_rtt.val();
                            }
                            5 => {
                                self.rdata.d.next = self.stat_rtt_min.val();
                            }
                            6 => {
                                self.rdata.d.next = self.stat_window.val();
                            }
                            7 => {
                                self.rdata.d.next = self.stat_retransmissions.val();
                            }
                            _ => {}
                        }
                    }
                }
            }
            Access::Acknowledge => {
                self.state.d.next = Access::Idle;
            }
        }

        // Floors in clocks, as ticks.
        self.hello_floor.d.next = 4.into();
        if self.tick.q.val().get_bits::<14>(2).any() {
            self.hello_floor.d.next = 1.into();
        } else if self.tick.q.val().get_bit(1) {
            self.hello_floor.d.next = 2.into();
        }
        self.down_floor.d.next = 65.into();
        if self.tick.q.val().get_bits::<10>(6).any() {
            self.down_floor.d.next = 2.into();
        } else if self.tick.q.val().get_bit(5) {
            self.down_floor.d.next = 3.into();
        } else if self.tick.q.val().get_bit(4) {
            self.down_floor.d.next = 5.into();
        } else if self.tick.q.val().get_bit(3) {
            self.down_floor.d.next = 9.into();
        } else if self.tick.q.val().get_bit(2) {
            self.down_floor.d.next = 17.into();
        } else if self.tick.q.val().get_bit(1) {
            self.down_floor.d.next = 33.into();
        }
        self.hello_floored.d.next = self.hello.q.val();
        if !self.hello.q.val().get_bits::<21>(3).any()
            && (self.hello.q.val().get_bits::<3>(0) < self.hello_floor.q.val())
        {
            self.hello_floored.d.next = bit_cast::<24, 3>(self.hello_floor.q.val());
        } else if self.hello.q.val().get_bits::<16>(8).all() {
            self.hello_floored.d.next = 16776960.into();
        }
        self.down_floored.d.next = self.down.q.val();
        if !self.down.q.val().get_bits::<17>(7).any() && (self.down.q.val().get_bits::<7>(0) < self.down_floor.q.val())
        {
            self.down_floored.d.next = bit_cast::<24, 7>(self.down_floor.q.val());
        } else if self.down.q.val().get_bits::<16>(8).all() {
            self.down_floored.d.next = 16776960.into();
        }

        self.mgmt_rdata.next = self.rdata.q.val();
        self.mgmt_ack.next = self.state.q.val() == Access::Acknowledge;
        self.own_mac.next = self.mac.q.val();
        self.enable.next = self.enabled.q.val();
        self.vlan.next = self.group.q.val();
        self.pcp.next = self.priority.q.val();
        self.slot_any.next = self.any.q.val();
        self.slot_wanted.next = self.wanted.q.val();
        self.tick_clocks.next = self.tick.q.val();
        self.hello_ticks.next = self.hello_floored.q.val();
        self.down_ticks.next = self.down_floored.q.val();
        self.track_ticks.next = self.track.q.val();
        self.linkup_ticks.next = self.linkup.q.val();

        if self.reset.val() {
            self.state.d.next = Access::Idle;
            self.mac.d.next = self.cfg_mac.val();
            self.group.d.next = self.cfg_vid.val();
            if self.cfg_vid.val() == 4095 {
                self.group.d.next = 0.into();
            }
            self.priority.d.next = 0.into();
            self.enabled.d.next = true;
            self.any.d.next = true;
            self.wanted.d.next = 0.into();
            self.tick.d.next = 125.into();
            self.hello.d.next = 1000.into();
            self.down.d.next = 20000.into();
            self.track.d.next = 200000.into();
            self.linkup.d.next = 100000.into();
        }
    }
}
