//! The slot at the I/O side: its device, and the hot-plug register.

use super::DeviceReset;
use peb_hdl::prelude::*;

/// Obeys the PORT_CONTROL records of the host, and tells it of the device in PORT_STATUS records.
///
/// The device is in reset until a host is attached and says in a PORT_CONTROL that it may run, and again whenever one says
/// otherwise or comes with a generation that begins with a reset. Its link counts as active when the device is there, out of reset
/// for LINKUP_TICKS, and its data link layer is up. A link that falls by itself counts again only after the host has answered with
/// a new generation: what was on the way to the device of before is dropped till then.
///
/// - Latency: reset three clocks after the record; a change of the slot's pins is in a record offered two clocks later.
///   Changes merge while a record waits; the last state always follows.
/// - Registered: all. `reset` puts the device in reset, for the power-on time.
/// - Bad input: other records than PORT_CONTROL, and any while not attached, change nothing.
/// - Waits for `record_out_ready`; a record offered stays even if the host is lost (the next host does not take the first one's word for an active
///   link).
#[derive(Module, Default)]
pub struct IoPort {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Generated with the full slot; constant.
    pub full: Signal<In, Bit>,
    pub tick: Signal<In, Bit>,
    /// Ticks out of reset before the link counts.
    pub linkup_ticks: Signal<In, U<24>>,
    /// A host has a session with this PEB.
    pub attached: Signal<In, Bit>,
    pub record_valid: Signal<In, Bit>,
    pub record: Signal<In, U<64>>,
    /// The slot's pins.
    pub slot_present: Signal<In, Bit>,
    pub pcie_link_up: Signal<In, Bit>,
    pub slot_attn_button: Signal<In, Bit>,
    pub slot_power_fault: Signal<In, Bit>,
    pub reset_out: Signal<Out, Bit>,
    pub power_en: Signal<Out, Bit>,
    /// As in Slot Control: 1 on, 2 blinks, 3 off.
    pub attn_led: Signal<Out, U<2>>,
    pub power_led: Signal<Out, U<2>>,
    pub record_out_valid: Signal<Out, Bit>,
    pub record_out_ready: Signal<In, Bit>,
    pub record_out: Signal<Out, U<64>>,
    /// The link is not active: what is queued for the device or comes from it is dropped.
    pub purge: Signal<Out, Bit>,
    /// For management: 0 present, 1 link active, 2 power fault, 3 device in reset, 4 power, 5 hold, 6 link disable, 7 host
    /// link up; events as in Slot Status from 8: 8 button, 9 power fault, 11 presence; 13:12 attention indicator, 15:14
    /// power indicator, 23:16 generation, 31:24 falls of the link.
    pub hotplug: Signal<Out, U<32>>,
    device_reset: DeviceReset,
    /// A PORT_CONTROL came from this host, and the last one.
    controlled: Reg<Bit>,
    hold: Reg<Bit>,
    link_disable: Reg<Bit>,
    power_off: Reg<Bit>,
    host_up: Reg<Bit>,
    generation: Reg<U<8>>,
    attention: Reg<U<2>>,
    power: Reg<U<2>>,
    restart: Reg<Bit>,
    /// The pins, a clock ago and two.
    here: Reg<Bit>,
    was_here: Reg<Bit>,
    button: Reg<Bit>,
    was_button: Reg<Bit>,
    fault: Reg<Bit>,
    link_pin: Reg<Bit>,
    /// Ticks out of reset.
    up_ticks: Reg<U<24>>,
    ripe: Reg<Bit>,
    linked: Reg<Bit>,
    /// The link fell by itself and the host has not answered.
    unanswered: Reg<Bit>,
    presses: Reg<U<8>>,
    changes: Reg<U<8>>,
    drops: Reg<U<8>>,
    /// Events that the host's software has not cleared.
    press_event: Reg<Bit>,
    fault_event: Reg<Bit>,
    change_event: Reg<Bit>,
    changed: Reg<Bit>,
    offered: Reg<Bit>,
    out: Reg<U<64>>,
    take: Signal<Local, Bit>,
    may_run: Signal<Local, Bit>,
    is_powered: Signal<Local, Bit>,
    in_reset: Signal<Local, Bit>,
    runs: Signal<Local, Bit>,
    linked_now: Signal<Local, Bit>,
    falls: Signal<Local, Bit>,
    word: Signal<Local, U<64>>,
    hotplug_bits: Signal<Local, U<32>>,
    _activity: Activity,
}

impl Logic for IoPort {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, controlled, hold, link_disable, power_off, host_up, generation, attention, power);
        dff_setup!(self, clock, restart, here, was_here, button, was_button, fault, link_pin, up_ticks, ripe);
        dff_setup!(self, clock, linked, unanswered, presses, changes, drops, press_event, fault_event, change_event);
        dff_setup!(self, clock, changed, offered, out);
        self.here.d.next = self.slot_present.val();
        self.was_here.d.next = self.here.q.val();
        self.link_pin.d.next = self.pcie_link_up.val();
        self.button.d.next = self.slot_attn_button.val() && self.full.val();
        self.was_button.d.next = self.button.q.val();
        self.restart.d.next = false;

        // What the host is told: how things stood a clock ago.
        if self.record_out_ready.val() {
            self.offered.d.next = false;
        }
        self.word.next = (bit_cast::<64, 8>(self.generation.q.val()) << 16)
            | (bit_cast::<64, 8>(self.presses.q.val()) << 32)
            | (bit_cast::<64, 8>(self.changes.q.val()) << 40)
            | (bit_cast::<64, 8>(self.drops.q.val()) << 48)
            | bits::<64>(737);
        self.word.next = self
            .word
            .val()
            .replace_bit(24, self.was_here.q.val())
            // A reset begins with its generation: the link of before is not the new one's.
            .replace_bit(25, self.linked.q.val() && !self.restart.q.val())
            .replace_bit(26, self.fault.q.val());
        if self.attached.val() && self.changed.q.val() && !self.offered.q.val() {
            self.offered.d.next = true;
            self.out.d.next = self.word.val();
            self.changed.d.next = false;
        }
        self.record_out_valid.next = self.offered.q.val();
        self.record_out.next = self.out.q.val();

        // What the host says.
        self.take.next = self.record_valid.val() && self.attached.val() && (self.record.val().get_bits::<16>(0) == 736);
        if self.take.val() {
            self.controlled.d.next = true;
            self.generation.d.next = self.record.val().get_bits::<8>(16);
            self.hold.d.next = self.record.val().get_bit(24);
            self.link_disable.d.next = self.record.val().get_bit(25);
            self.power_off.d.next = self.record.val().get_bit(26) && self.full.val();
            self.host_up.d.next = self.record.val().get_bit(27);
            self.attention.d.next = self.record.val().get_bits::<2>(32);
            self.power.d.next = self.record.val().get_bits::<2>(34);
            if self.record.val().get_bits::<8>(16) != self.generation.q.val() {
                self.unanswered.d.next = false;
                self.changed.d.next = true;
                self.restart.d.next = !self.record.val().get_bit(28);
            }
            if self.record.val().get_bit(40) {
                self.press_event.d.next = false;
            }
            if self.record.val().get_bit(41) {
                self.fault_event.d.next = false;
            }
            if self.record.val().get_bit(43) {
                self.change_event.d.next = false;
            }
        }

        // Power. A fault takes it away till the host has turned it off.
        self.is_powered.next =
            !self.full.val() || (self.controlled.q.val() && !self.power_off.q.val() && !self.fault.q.val());
        if self.full.val() && self.slot_power_fault.val() && !self.fault.q.val() && self.is_powered.val() {
            self.fault.d.next = true;
            self.fault_event.d.next = true;
            self.changed.d.next = true;
        } else if self.fault.q.val() && (!self.controlled.q.val() || self.power_off.q.val()) {
            self.fault.d.next = false;
            self.changed.d.next = true;
        }
        self.power_en.next = self.is_powered.val();

        // Reset.
        self.may_run.next = self.attached.val()
            && self.controlled.q.val()
            && !self.hold.q.val()
            && !self.link_disable.q.val()
            && !self.power_off.q.val();
        self.device_reset.clock.next = self.clock.val();
        self.device_reset.reset.next = self.reset.val();
        self.device_reset.tick.next = self.tick.val();
        self.device_reset.powered.next = self.is_powered.val();
        self.device_reset.run.next = self.may_run.val();
        self.device_reset.restart.next = self.restart.q.val();
        self.in_reset.next = self.device_reset.reset_out.val();
        self.reset_out.next = self.in_reset.val();

        // The link.
        self.runs.next = !self.in_reset.val() && self.may_run.val() && !self.restart.q.val();
        self.ripe.d.next = self.up_ticks.q.val() >= self.linkup_ticks.val();
        if !self.runs.val() {
            self.up_ticks.d.next = 0.into();
            self.ripe.d.next = false;
        } else if self.tick.val() && !self.ripe.q.val() {
            self.up_ticks.d.next = self.up_ticks.q.val() + 1;
        }
        self.linked_now.next = self.runs.val()
            && self.here.q.val()
            && self.link_pin.q.val()
            && (self.ripe.q.val() || self.linked.q.val())
            && self.is_powered.val()
            && !self.unanswered.q.val();
        self.linked.d.next = self.linked_now.val();
        self.falls.next = self.linked.q.val() && !self.linked_now.val();
        if self.falls.val() || (!self.linked.q.val() && self.linked_now.val()) {
            self.changed.d.next = true;
        }
        if self.falls.val() && self.runs.val() {
            self.drops.d.next = self.drops.q.val() + 1;
            self.unanswered.d.next = true;
        }
        self.purge.next = !self.linked.q.val();

        // The rest of the slot.
        if self.here.q.val() != self.was_here.q.val() {
            self.changes.d.next = self.changes.q.val() + 1;
            self.change_event.d.next = true;
            self.changed.d.next = true;
        }
        if self.button.q.val() && !self.was_button.q.val() {
            self.presses.d.next = self.presses.q.val() + 1;
            self.press_event.d.next = true;
            self.changed.d.next = true;
        }

        self.attn_led.next = self.attention.q.val();
        self.power_led.next = self.power.q.val();
        self.hotplug_bits.next = (bit_cast::<32, 8>(self.drops.q.val()) << 24)
            | (bit_cast::<32, 8>(self.generation.q.val()) << 16)
            | (bit_cast::<32, 2>(self.power.q.val()) << 14)
            | (bit_cast::<32, 2>(self.attention.q.val()) << 12);
        self.hotplug.next = self
            .hotplug_bits
            .val()
            .replace_bit(0, self.was_here.q.val())
            .replace_bit(1, self.linked.q.val())
            .replace_bit(2, self.fault.q.val())
            .replace_bit(3, self.in_reset.val())
            .replace_bit(4, self.is_powered.val())
            .replace_bit(5, self.hold.q.val())
            .replace_bit(6, self.link_disable.q.val())
            .replace_bit(7, self.host_up.q.val())
            .replace_bit(8, self.press_event.q.val())
            .replace_bit(9, self.fault_event.q.val())
            .replace_bit(11, self.change_event.q.val());
        if self.reset.val() || !self.attached.val() {
            self.controlled.d.next = false;
            self.hold.d.next = false;
            self.link_disable.d.next = false;
            self.power_off.d.next = false;
            self.host_up.d.next = false;
            self.attention.d.next = 3.into();
            self.power.d.next = 3.into();
            self.unanswered.d.next = false;
            self.changed.d.next = true;
        }
        if self.reset.val() {
            self.generation.d.next = 0.into();
            self.restart.d.next = false;
            self.fault.d.next = false;
            self.linked.d.next = false;
            self.ripe.d.next = false;
            self.up_ticks.d.next = 0.into();
            self.presses.d.next = 0.into();
            self.changes.d.next = 0.into();
            self.drops.d.next = 0.into();
            self.press_event.d.next = false;
            self.fault_event.d.next = false;
            self.change_event.d.next = false;
            self.offered.d.next = false;
        }
    }
}
