//! What each slot is at the moment: present, link active.

use super::Quarantine;
use peb_hdl::prelude::*;

/// Keeps the state of the slots from their sessions, the PORT_STATUS records of their I/O PEBs and what holds them.
///
/// A slot is present when it has a session whose I/O PEB says so, and was not emptied within the last announcement interval.
/// It is up (Data Link Layer Link Active, and its gate is open) when it is present, its I/O PEB says so with the present
/// generation, nothing holds it and its outstanding requests of before are done with. The first record of a session never brings a link
/// up: it may have waited there since the session before.
///
/// - Latency: a slot is shut two clocks after its session or a hold, three after its record; it is up three clocks after its
///   record at best, 16 clocks after any slot fell at the earliest. Throughput: a record a clock.
/// - Registered: all but the event pulses, which come in the clock before the state changes; `changed` and `dropped` are of a record two clocks ago.
/// - Reset: all slots empty. Never waits.
/// - Bad input: other records than PORT_STATUS, and of slots without a session, change nothing.
#[derive(Module, Default)]
pub struct SlotState {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub tick: Signal<In, Bit>,
    pub hello_ticks: Signal<In, U<24>>,
    pub turn: Signal<In, U<3>>,
    pub session_up: Signal<In, U<8>>,
    /// The device is told to be in reset, its link or its power off.
    pub hold: Signal<In, U<8>>,
    /// The generation is not the one the link can be up in.
    pub stale: Signal<In, U<8>>,
    /// Outstanding requests of the slot are still being completed.
    pub tracker_busy: Signal<In, U<8>>,
    pub record_valid: Signal<In, Bit>,
    pub record: Signal<In, U<64>>,
    pub record_session: Signal<In, U<3>>,
    /// The record of two clocks ago was of its slot's present generation.
    pub matched: Signal<In, Bit>,
    pub present: Signal<Out, U<8>>,
    pub up: Signal<Out, U<8>>,
    /// The slot fell: high for 16 clocks or more, and till it may come up again.
    pub lost: Signal<Out, U<8>>,
    /// Pulses: the link of the device fell by itself, and events as in Slot Status.
    pub dropped: Signal<Out, U<8>>,
    pub button_event: Signal<Out, U<8>>,
    pub fault_event: Signal<Out, U<8>>,
    pub presence_event: Signal<Out, U<8>>,
    pub link_event: Signal<Out, U<8>>,
    pub busy: Signal<Out, Bit>,
    quarantine: Quarantine,
    /// The record, and a clock later what it says.
    taken: Reg<U<64>>,
    taken_session: Reg<U<3>>,
    taken_valid: Reg<Bit>,
    /// Button, presence and link drop counts of the last record.
    counts: LutRam<U<24>, 3>,
    buttons_differ: Reg<Bit>,
    presences_differ: Reg<Bit>,
    drops_differ: Reg<Bit>,
    said_present: Reg<Bit>,
    said_link: Reg<Bit>,
    said_fault: Reg<Bit>,
    /// The slot of a session that it came from, a bit each.
    said_slot: Reg<U<8>>,
    /// A record has come in this session.
    known: Reg<U<8>>,
    peer_present: Reg<U<8>>,
    peer_link: Reg<U<8>>,
    peer_fault: Reg<U<8>>,
    shown: Reg<U<8>>,
    active: Reg<U<8>>,
    fell: Reg<U<8>>,
    /// Clocks till the blocks around have seen that a slot fell.
    settling: Reg<U<4>>,
    is_status: Signal<Local, Bit>,
    told: Signal<Local, U<8>>,
    others: Signal<Local, U<8>>,
    known_now: Signal<Local, U<8>>,
    present_now: Signal<Local, U<8>>,
    link_now: Signal<Local, U<8>>,
    fault_now: Signal<Local, U<8>>,
    changed: Signal<Local, U<8>>,
    drops: Signal<Local, U<8>>,
    pressed: Signal<Local, U<8>>,
    stays: Signal<Local, U<8>>,
    appears: Signal<Local, U<8>>,
    allowed: Signal<Local, U<8>>,
    falls: Signal<Local, U<8>>,
    rises: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Logic for SlotState {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, taken, taken_session, taken_valid);
        dff_setup!(self, clock, buttons_differ, presences_differ, drops_differ);
        dff_setup!(self, clock, said_present, said_link, said_fault, said_slot);
        dff_setup!(self, clock, known, peer_present, peer_link, peer_fault, shown, active, fell, settling);

        // The record of a clock ago against the one before it.
        self.is_status.next = self.record.val().get_bits::<16>(0) == 737;
        self.taken_valid.d.next = self.record_valid.val() && self.is_status.val();
        if self.record_valid.val() {
            self.taken.d.next = self.record.val();
            self.taken_session.d.next = self.record_session.val();
        }
        self.counts.clock.next = self.clock.val();
        self.counts.write_enable.next = self.taken_valid.q.val();
        self.counts.write_address.next = self.taken_session.q.val();
        self.counts.write_data.next = self.taken.q.val().get_bits::<24>(32);
        self.counts.read_address.next = self.taken_session.q.val();
        if self.taken_valid.q.val() {
            self.buttons_differ.d.next =
                self.taken.q.val().get_bits::<8>(32) != self.counts.read_data.val().get_bits::<8>(0);
            self.presences_differ.d.next =
                self.taken.q.val().get_bits::<8>(40) != self.counts.read_data.val().get_bits::<8>(8);
            self.drops_differ.d.next =
                self.taken.q.val().get_bits::<8>(48) != self.counts.read_data.val().get_bits::<8>(16);
            self.said_present.d.next = self.taken.q.val().get_bit(24);
            self.said_link.d.next = self.taken.q.val().get_bit(25);
            self.said_fault.d.next = self.taken.q.val().get_bit(26);
        }
        self.said_slot.d.next = 0.into();
        if self.taken_valid.q.val() {
            self.said_slot.d.next = (bits::<8>(1) << self.taken_session.q.val()) & self.session_up.val();
        }

        // What it says. Counts that moved tell what was missed between two records.
        self.others.next = !self.said_slot.q.val();
        self.changed.next = 0.into();
        self.drops.next = 0.into();
        self.pressed.next = 0.into();
        self.known_now.next = self.known.q.val() | self.said_slot.q.val();
        self.told.next = self.said_slot.q.val() & self.known.q.val();
        self.present_now.next = self.peer_present.q.val() & self.others.val();
        self.fault_now.next = self.peer_fault.q.val() & self.others.val();
        self.link_now.next = self.peer_link.q.val() & self.others.val();
        if self.said_present.q.val() {
            self.present_now.next = self.present_now.val() | self.said_slot.q.val();
        }
        if self.said_fault.q.val() {
            self.fault_now.next = self.fault_now.val() | self.said_slot.q.val();
        }
        if self.said_present.q.val() && self.said_link.q.val() && self.matched.val() && !self.drops_differ.q.val() {
            self.link_now.next = self.link_now.val() | self.told.val();
        }
        if self.presences_differ.q.val() {
            self.changed.next = self.told.val();
        }
        if self.drops_differ.q.val() {
            self.drops.next = self.told.val();
        }
        if self.buttons_differ.q.val() {
            self.pressed.next = self.told.val();
        }
        self.known.d.next = self.known_now.val() & self.session_up.val();
        self.peer_present.d.next = self.present_now.val() & self.session_up.val();
        self.peer_fault.d.next = self.fault_now.val() & self.session_up.val();
        self.peer_link.d.next = self.link_now.val() & self.session_up.val() & !self.hold.val() & !self.stale.val();

        // Presence.
        self.stays.next = self.shown.q.val() & self.peer_present.q.val() & self.session_up.val() & !self.changed.val();
        self.appears.next = self.peer_present.q.val()
            & self.session_up.val()
            & !self.shown.q.val()
            & !self.quarantine.waiting.val()
            & !self.changed.val();
        self.shown.d.next = self.stays.val() | self.appears.val();
        self.quarantine.clock.next = self.clock.val();
        self.quarantine.reset.next = self.reset.val();
        self.quarantine.tick.next = self.tick.val();
        self.quarantine.hello_ticks.next = self.hello_ticks.val();
        self.quarantine.turn.next = self.turn.val();
        self.quarantine.emptied.next = self.shown.q.val() & !self.stays.val();
        self.busy.next = self.quarantine.busy.val();

        // The link. Whoever keeps something for a slot that fell is given time to see it before the slot can come up.
        self.allowed.next =
            self.stays.val() & self.peer_link.q.val() & !self.hold.val() & !self.stale.val() & !self.drops.val();
        self.falls.next = self.active.q.val() & !self.allowed.val();
        self.rises.next = 0.into();
        if self.settling.q.val() == 0 {
            self.rises.next = self.allowed.val() & !self.active.q.val() & !self.tracker_busy.val() & !self.fell.q.val();
            self.fell.d.next = self.falls.val();
        } else {
            self.settling.d.next = self.settling.q.val() - 1;
            self.fell.d.next = self.fell.q.val() | self.falls.val();
        }
        if self.falls.val().any() {
            self.settling.d.next = 15.into();
        }
        self.active.d.next = (self.active.q.val() & !self.falls.val()) | self.rises.val();

        self.present.next = self.shown.q.val();
        self.up.next = self.active.q.val();
        self.lost.next = self.fell.q.val();
        self.dropped.next = self.drops.val();
        self.button_event.next = self.pressed.val();
        self.fault_event.next = self.fault_now.val() & self.session_up.val() & !self.peer_fault.q.val();
        self.presence_event.next = (self.shown.q.val() & !self.stays.val()) | self.appears.val() | self.changed.val();
        self.link_event.next = self.falls.val() | self.rises.val();
        if self.reset.val() {
            self.taken_valid.d.next = false;
            self.said_slot.d.next = 0.into();
            self.known.d.next = 0.into();
            self.peer_present.d.next = 0.into();
            self.peer_link.d.next = 0.into();
            self.peer_fault.d.next = 0.into();
            self.shown.d.next = 0.into();
            self.active.d.next = 0.into();
            self.fell.d.next = 0.into();
            self.settling.d.next = 0.into();
        }
    }
}
