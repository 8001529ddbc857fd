//! Events into the Slot Status registers.

use peb_hdl::prelude::*;

/// Remembers the events of all slots and sets their bits in Slot Status (configuration row 16), one slot at a time.
///
/// - Latency: an event is offered two clocks after its pulse if nothing else is, else within 8 clocks of the last being taken.
///   Events of a slot that come together are set together.
/// - Registered: all. Reset and `host_down` forget what is not yet offered.
/// - Waits for `set_ready`.
#[derive(Module, Default)]
pub struct EventWriter {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// The host's link is down or in reset: change bits stay clear.
    pub host_down: Signal<In, Bit>,
    /// The slot that is looked at in this clock; runs while `busy`.
    pub turn: Signal<In, U<3>>,
    /// Pulses, a bit per slot: Attention Button Pressed, Power Fault Detected, Presence Detect Changed, Command Completed, Data
    /// Link Layer State Changed.
    pub button: Signal<In, U<8>>,
    pub fault: Signal<In, U<8>>,
    pub presence: Signal<In, U<8>>,
    pub command: Signal<In, U<8>>,
    pub link: Signal<In, U<8>>,
    pub set_valid: Signal<Out, Bit>,
    pub set_ready: Signal<In, Bit>,
    pub set_port: Signal<Out, U<4>>,
    pub set_row: Signal<Out, U<5>>,
    pub set_bits: Signal<Out, U<32>>,
    pub busy: Signal<Out, Bit>,
    buttons: Reg<U<8>>,
    faults: Reg<U<8>>,
    presences: Reg<U<8>>,
    commands: Reg<U<8>>,
    links: Reg<U<8>>,
    offered: Reg<Bit>,
    slot: Reg<U<3>>,
    /// As offered: links, commands, presences, faults, buttons.
    events: Reg<U<5>>,
    here: Signal<Local, U<5>>,
    others: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Logic for EventWriter {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, buttons, faults, presences, commands, links, offered, slot, events);
        self.here.next = 0.into();
        self.here.next = self
            .here
            .val()
            .replace_bit(0, self.buttons.q.val().get_bit(self.turn.val().index()))
            .replace_bit(1, self.faults.q.val().get_bit(self.turn.val().index()))
            .replace_bit(2, self.presences.q.val().get_bit(self.turn.val().index()))
            .replace_bit(3, self.commands.q.val().get_bit(self.turn.val().index()))
            .replace_bit(4, self.links.q.val().get_bit(self.turn.val().index()));
        self.others.next = 255.into();
        if self.set_ready.val() {
            self.offered.d.next = false;
        }
        if !self.offered.q.val() && self.here.val().any() && !self.host_down.val() {
            self.others.next = self.others.val().replace_bit(self.turn.val().index(), false);
            self.offered.d.next = true;
            self.slot.d.next = self.turn.val();
            self.events.d.next = self.here.val();
        }
        self.buttons.d.next = (self.buttons.q.val() & self.others.val()) | self.button.val();
        self.faults.d.next = (self.faults.q.val() & self.others.val()) | self.fault.val();
        self.presences.d.next = (self.presences.q.val() & self.others.val()) | self.presence.val();
        self.commands.d.next = (self.commands.q.val() & self.others.val()) | self.command.val();
        self.links.d.next = (self.links.q.val() & self.others.val()) | self.link.val();
        self.busy.next = self.buttons.q.val().any()
            || self.faults.q.val().any()
            || self.presences.q.val().any()
            || self.commands.q.val().any()
            || self.links.q.val().any();

        self.set_valid.next = self.offered.q.val();
        self.set_port.next = bit_cast::<4, 3>(self.slot.q.val()) + 1;
        self.set_row.next = 16.into();
        self.set_bits.next = 0.into();
        self.set_bits.next = self
            .set_bits
            .val()
            .replace_bit(16, self.events.q.val().get_bit(0))
            .replace_bit(17, self.events.q.val().get_bit(1))
            .replace_bit(19, self.events.q.val().get_bit(2))
            .replace_bit(20, self.events.q.val().get_bit(3))
            .replace_bit(24, self.events.q.val().get_bit(4));
        if self.reset.val() || self.host_down.val() {
            self.buttons.d.next = 0.into();
            self.faults.d.next = 0.into();
            self.presences.d.next = 0.into();
            self.commands.d.next = 0.into();
            self.links.d.next = 0.into();
        }
        if self.reset.val() {
            self.offered.d.next = false;
        }
    }
}
