//! Hot-plug at the host.

use super::{EventWriter, Interrupts, PortControl, SlotState};
use peb_hdl::prelude::*;

/// All slots of a host PEB: their state, events, interrupts, and what their I/O PEBs are told.
///
/// - Latency: `slot_up` falls two clocks after a configuration update, a session or `host_down` that shuts the slot. `link` and
///   `present` change before the event is set, and that comes before the interrupt.
/// - Registered: all. Reset: empty slots, configuration as reset. `host_down` resets the devices and forgets events.
/// - Waits for `set_ready`, `record_out_ready` and `msi_ready`, each for itself.
/// - A `full` slot has a power controller, an attention button and Command Completed; the minimal one has none.
#[derive(Module, Default)]
pub struct HotPlug<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Generated with the full slot; constant.
    pub full: Signal<In, Bit>,
    /// One clock a tick; the announcement interval in ticks.
    pub tick: Signal<In, Bit>,
    pub hello_ticks: Signal<In, U<24>>,
    /// PERST#, hot reset or link down at the host.
    pub host_down: Signal<In, Bit>,
    /// Secondary bus of the upstream port.
    pub upstream_bus: Signal<In, U<8>>,
    pub session_up: Signal<In, U<8>>,
    /// Outstanding requests of these slots are still being completed.
    pub tracker_busy: Signal<In, U<8>>,
    /// Control records from the I/O PEBs.
    pub record_valid: Signal<In, Bit>,
    pub record: Signal<In, U<64>>,
    pub record_session: Signal<In, U<3>>,
    /// The configuration update bus.
    pub update: Signal<In, Bit>,
    pub update_port: Signal<In, U<4>>,
    pub update_row: Signal<In, U<5>>,
    pub update_value: Signal<In, U<32>>,
    pub update_software: Signal<In, Bit>,
    pub update_enables: Signal<In, U<4>>,
    /// TLPs may go to and come from these slots; the same as `link`.
    pub slot_up: Signal<Out, U<8>>,
    pub present: Signal<Out, U<8>>,
    pub link: Signal<Out, U<8>>,
    /// A slot fell: high for 16 clocks or more.
    pub lost: Signal<Out, U<8>>,
    /// Event bits for the configuration space.
    pub set_valid: Signal<Out, Bit>,
    pub set_ready: Signal<In, Bit>,
    pub set_port: Signal<Out, U<4>>,
    pub set_row: Signal<Out, U<5>>,
    pub set_bits: Signal<Out, U<32>>,
    /// PORT_CONTROL records.
    pub record_out_valid: Signal<Out, Bit>,
    pub record_out_ready: Signal<In, Bit>,
    pub record_out: Signal<Out, U<64>>,
    pub record_out_session: Signal<Out, U<3>>,
    /// INTA of the downstream ports, and their MSIs as TLPs.
    pub own_intx: Signal<Out, U<8>>,
    pub msi_data: Signal<Out, U<64>>,
    pub msi_half: Signal<Out, Bit>,
    pub msi_first: Signal<Out, Bit>,
    pub msi_last: Signal<Out, Bit>,
    pub msi_valid: Signal<Out, Bit>,
    pub msi_class: Signal<Out, U<2>>,
    pub msi_dwords: Signal<Out, U<10>>,
    pub msi_ready: Signal<In, Bit>,
    state: SlotState,
    events: EventWriter,
    control: PortControl,
    interrupts: Interrupts,
    turn: Reg<U<3>>,
    bus_reset: Reg<U<8>>,
    upstream_bus_reset: Reg<Bit>,
    disabled: Reg<U<8>>,
    off: Reg<U<8>>,
    down: Reg<Bit>,
    at_slot: Signal<Local, Bit>,
    update_slot: Signal<Local, U<3>>,
    held: Signal<Local, U<8>>,
    up: Signal<Local, U<8>>,
    commands: Signal<Local, U<8>>,
    buttons: Signal<Local, U<8>>,
    faults: Signal<Local, U<8>>,
    links: Signal<Local, U<8>>,
    _activity: Activity,
}

impl<const SLOTS: usize> Logic for HotPlug<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, turn, bus_reset, upstream_bus_reset, disabled, off, down);
        clock!(self, clock, state, events, control, interrupts);
        self.state.reset.next = self.reset.val();
        self.events.reset.next = self.reset.val();
        self.control.reset.next = self.reset.val();
        self.interrupts.reset.next = self.reset.val();

        // What software holds: Secondary Bus Reset, Link Disable, Power Controller Control.
        self.at_slot.next = self.update.val() && self.update_port.val().any();
        self.update_slot.next = self.update_port.val().get_bits::<3>(0) - 1;
        if self.update.val() && (self.update_row.val() == 8) {
            if self.at_slot.val() {
                self.bus_reset.d.next = self
                    .bus_reset
                    .q
                    .val()
                    .replace_bit(self.update_slot.val().index(), self.update_value.val().get_bit(22));
            } else {
                self.upstream_bus_reset.d.next = self.update_value.val().get_bit(22);
            }
        }
        if self.at_slot.val() && (self.update_row.val() == 15) {
            self.disabled.d.next =
                self.disabled.q.val().replace_bit(self.update_slot.val().index(), self.update_value.val().get_bit(4));
        }
        if self.at_slot.val() && (self.update_row.val() == 16) {
            self.off.d.next = self
                .off
                .q
                .val()
                .replace_bit(self.update_slot.val().index(), self.update_value.val().get_bit(10) && self.full.val());
        }
        self.down.d.next = self.host_down.val();
        self.up.next = 0.into();
        self.held.next = 0.into();
        for i in 0..SLOTS {
            self.up.next = self.up.val().replace_bit(i, self.session_up.val().get_bit(i));
            self.held.next = self.held.val().replace_bit(
                i,
                self.bus_reset.q.val().get_bit(i) || self.upstream_bus_reset.q.val() || self.down.q.val(),
            );
        }

        // The slots are walked while any of them needs it.
        if self.state.busy.val() || self.events.busy.val() || self.control.busy.val() || self.interrupts.busy.val() {
            self.turn.d.next = self.turn.q.val() + 1;
        }
        self.state.turn.next = self.turn.q.val();
        self.events.turn.next = self.turn.q.val();
        self.control.turn.next = self.turn.q.val();
        self.interrupts.turn.next = self.turn.q.val();

        self.state.tick.next = self.tick.val();
        self.state.hello_ticks.next = self.hello_ticks.val();
        self.state.session_up.next = self.up.val();
        self.state.hold.next = self.held.val() | self.disabled.q.val() | self.off.q.val();
        self.state.stale.next = self.control.stale.val();
        self.state.tracker_busy.next = self.tracker_busy.val();
        self.state.record_valid.next = self.record_valid.val();
        self.state.record.next = self.record.val();
        self.state.record_session.next = self.record_session.val();
        self.state.matched.next = self.control.matched.val();
        self.present.next = self.state.present.val();
        self.links.next = self.state.up.val();
        self.link.next = self.links.val();
        self.slot_up.next = self.links.val();
        self.lost.next = self.state.lost.val();

        // Events.
        self.buttons.next = 0.into();
        self.faults.next = 0.into();
        self.commands.next = 0.into();
        if self.full.val() {
            self.buttons.next = self.state.button_event.val();
            self.faults.next = self.state.fault_event.val();
            if self.at_slot.val()
                && (self.update_row.val() == 16)
                && self.update_software.val()
                && self.update_enables.val().get_bits::<2>(0).any()
            {
                self.commands.next = self.commands.val().replace_bit(self.update_slot.val().index(), true);
            }
        }
        self.events.host_down.next = self.down.q.val();
        self.events.button.next = self.buttons.val();
        self.events.fault.next = self.faults.val();
        self.events.presence.next = self.state.presence_event.val();
        self.events.command.next = self.commands.val();
        self.events.link.next = self.state.link_event.val();
        self.set_valid.next = self.events.set_valid.val();
        self.set_port.next = self.events.set_port.val();
        self.set_row.next = self.events.set_row.val();
        self.set_bits.next = self.events.set_bits.val();
        self.events.set_ready.next = self.set_ready.val();

        // Records to the I/O PEBs.
        self.control.session_up.next = self.up.val();
        self.control.reset_hold.next = self.held.val();
        self.control.link_disable.next = self.disabled.q.val();
        self.control.power_off.next = self.off.q.val();
        self.control.host_up.next = !self.down.q.val();
        self.control.dropped.next = self.state.dropped.val();
        self.control.write.next = self.at_slot.val() && (self.update_row.val() == 16);
        self.control.write_slot.next = self.update_slot.val();
        self.control.write_value.next = self.update_value.val();
        self.control.write_software.next = self.update_software.val();
        self.control.record_valid.next = self.record_valid.val();
        self.control.record.next = self.record.val();
        self.control.record_session.next = self.record_session.val();
        self.record_out_valid.next = self.control.record_out_valid.val();
        self.record_out.next = self.control.record_out.val();
        self.record_out_session.next = self.control.record_out_session.val();
        self.control.record_out_ready.next = self.record_out_ready.val();

        // Interrupts.
        self.interrupts.host_down.next = self.down.q.val();
        self.interrupts.upstream_bus.next = self.upstream_bus.val();
        self.interrupts.update.next = self.update.val();
        self.interrupts.update_port.next = self.update_port.val();
        self.interrupts.update_row.next = self.update_row.val();
        self.interrupts.update_value.next = self.update_value.val();
        self.own_intx.next = self.interrupts.own_intx.val();
        self.msi_data.next = self.interrupts.msi_data.val();
        self.msi_half.next = self.interrupts.msi_half.val();
        self.msi_first.next = self.interrupts.msi_first.val();
        self.msi_last.next = self.interrupts.msi_last.val();
        self.msi_valid.next = self.interrupts.msi_valid.val();
        self.msi_class.next = self.interrupts.msi_class.val();
        self.msi_dwords.next = self.interrupts.msi_dwords.val();
        self.interrupts.msi_ready.next = self.msi_ready.val();
        if self.reset.val() {
            self.turn.d.next = 0.into();
            self.bus_reset.d.next = 0.into();
            self.upstream_bus_reset.d.next = false;
            self.disabled.d.next = 0.into();
            self.off.d.next = 0.into();
            self.down.d.next = false;
        }
    }
}
