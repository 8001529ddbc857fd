//! PORT_CONTROL records to the I/O PEBs, and the generations of the slots.

use peb_hdl::prelude::*;

/// Tells each slot's I/O PEB what software wants of its slot whenever that changes, and when a session begins.
///
/// Changes may merge: a record says what is wanted when it is made. A new generation comes with it if the device is to be reset,
/// its link fell by itself, or a session began, but not before the last generation was echoed.
///
/// - Latency: a record is offered within 10 clocks of what it is about if no other waits; `matched` stands two clocks
///   after its record.
/// - Registered: all. Reset: no slot has a session.
/// - Waits for `record_out_ready`; a record offered stays even if its session ends (the next one has another generation).
#[derive(Module, Default)]
pub struct PortControl {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub turn: Signal<In, U<3>>,
    pub session_up: Signal<In, U<8>>,
    /// What software wants, a bit per slot.
    pub reset_hold: Signal<In, U<8>>,
    pub link_disable: Signal<In, U<8>>,
    pub power_off: Signal<In, U<8>>,
    pub host_up: Signal<In, Bit>,
    /// Pulse: the link of the device fell by itself.
    pub dropped: Signal<In, U<8>>,
    /// Slot Control and Status of `slot` were changed to `value`, by software or not.
    pub write: Signal<In, Bit>,
    pub write_slot: Signal<In, U<3>>,
    pub write_value: Signal<In, U<32>>,
    pub write_software: Signal<In, Bit>,
    pub record_valid: Signal<In, Bit>,
    pub record: Signal<In, U<64>>,
    pub record_session: Signal<In, U<3>>,
    /// The link of these slots must not be up.
    pub stale: Signal<Out, U<8>>,
    /// The record of two clocks ago was of its slot's present generation.
    pub matched: Signal<Out, Bit>,
    pub record_out_valid: Signal<Out, Bit>,
    pub record_out_ready: Signal<In, Bit>,
    pub record_out: Signal<Out, U<64>>,
    pub record_out_session: Signal<Out, U<3>>,
    pub busy: Signal<Out, Bit>,
    /// Twice the same: one for each reader.
    generations: LutRam<U<8>, 3>,
    echoes: LutRam<U<8>, 3>,
    indicators: LutRam<U<4>, 3>,
    /// Slot Status as it was: attention button, power fault, presence.
    statuses: LutRam<U<3>, 3>,
    taken_generation: Reg<U<8>>,
    taken_session: Reg<U<3>>,
    taken_valid: Reg<Bit>,
    fits: Reg<Bit>,
    echo: Reg<Bit>,
    echo_session: Reg<U<3>>,
    held: Reg<U<8>>,
    reset_held: Reg<U<8>>,
    disabled: Reg<U<8>>,
    was_host_up: Reg<Bit>,
    /// A record is due; a new generation is; with a reset; the generation was echoed.
    due: Reg<U<8>>,
    wanted: Reg<U<8>>,
    resets: Reg<U<8>>,
    echoed: Reg<U<8>>,
    cleared_buttons: Reg<U<8>>,
    cleared_faults: Reg<U<8>>,
    cleared_presences: Reg<U<8>>,
    offered: Reg<Bit>,
    out: Reg<U<64>>,
    out_session: Reg<U<3>>,
    hold: Signal<Local, U<8>>,
    begins: Signal<Local, U<8>>,
    changes: Signal<Local, U<8>>,
    due_now: Signal<Local, U<8>>,
    wanted_now: Signal<Local, U<8>>,
    resets_now: Signal<Local, U<8>>,
    echoed_now: Signal<Local, U<8>>,
    buttons_now: Signal<Local, U<8>>,
    faults_now: Signal<Local, U<8>>,
    presences_now: Signal<Local, U<8>>,
    status: Signal<Local, U<3>>,
    cleared: Signal<Local, U<3>>,
    ready_slots: Signal<Local, U<8>>,
    send: Signal<Local, Bit>,
    renew: Signal<Local, Bit>,
    generation: Signal<Local, U<8>>,
    word: Signal<Local, U<64>>,
    generation_matches: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for PortControl {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, taken_generation, taken_session, taken_valid, fits, echo, echo_session);
        dff_setup!(self, clock, held, reset_held, disabled, was_host_up, due, wanted, resets, echoed);
        dff_setup!(self, clock, cleared_buttons, cleared_faults, cleared_presences, offered, out, out_session);
        clock!(self, clock, generations, echoes, indicators, statuses);
        self.due_now.next = self.due.q.val();
        self.wanted_now.next = self.wanted.q.val();
        self.resets_now.next = self.resets.q.val();
        self.echoed_now.next = self.echoed.q.val();
        self.buttons_now.next = self.cleared_buttons.q.val();
        self.faults_now.next = self.cleared_faults.q.val();
        self.presences_now.next = self.cleared_presences.q.val();

        // A record that is due, or a generation that had to wait.
        self.ready_slots.next =
            (self.due.q.val() | (self.wanted.q.val() & self.echoed.q.val())) & self.session_up.val();
        self.send.next = !self.offered.q.val() && self.ready_slots.val().get_bit(self.turn.val().index());
        self.renew.next = self.send.val()
            && self.wanted.q.val().get_bit(self.turn.val().index())
            && self.echoed.q.val().get_bit(self.turn.val().index());
        self.generations.read_address.next = self.turn.val();
        self.indicators.read_address.next = self.turn.val();
        self.generation.next = self.generations.read_data.val();
        if self.renew.val() {
            self.generation.next = self.generations.read_data.val() + 1;
        }
        if self.record_out_ready.val() {
            self.offered.d.next = false;
        }
        self.word.next = (bit_cast::<64, 8>(self.generation.val()) << 16)
            | (bit_cast::<64, 4>(self.indicators.read_data.val()) << 32)
            | bits::<64>(736);
        self.word.next = self
            .word
            .val()
            .replace_bit(24, self.reset_hold.val().get_bit(self.turn.val().index()))
            .replace_bit(25, self.link_disable.val().get_bit(self.turn.val().index()))
            .replace_bit(26, self.power_off.val().get_bit(self.turn.val().index()))
            .replace_bit(27, self.host_up.val())
            .replace_bit(28, self.renew.val() && !self.resets.q.val().get_bit(self.turn.val().index()))
            .replace_bit(40, self.cleared_buttons.q.val().get_bit(self.turn.val().index()))
            .replace_bit(41, self.cleared_faults.q.val().get_bit(self.turn.val().index()))
            .replace_bit(43, self.cleared_presences.q.val().get_bit(self.turn.val().index()));
        if self.send.val() {
            self.offered.d.next = true;
            self.out_session.d.next = self.turn.val();
            self.out.d.next = self.word.val();
            self.due_now.next = self.due_now.val().replace_bit(self.turn.val().index(), false);
            self.buttons_now.next = self.buttons_now.val().replace_bit(self.turn.val().index(), false);
            self.faults_now.next = self.faults_now.val().replace_bit(self.turn.val().index(), false);
            self.presences_now.next = self.presences_now.val().replace_bit(self.turn.val().index(), false);
        }

        // Echoes. A new generation is given out after the last one came back, so none is under way but the present one.
        self.taken_valid.d.next = self.record_valid.val() && (self.record.val().get_bits::<16>(0) == 737);
        self.taken_session.d.next = self.record_session.val();
        self.taken_generation.d.next = self.record.val().get_bits::<8>(16);
        self.echoes.read_address.next = self.taken_session.q.val();
        self.generation_matches.next =
            self.taken_valid.q.val() && (self.echoes.read_data.val() == self.taken_generation.q.val());
        self.fits.d.next =
            self.generation_matches.val() && !self.wanted.q.val().get_bit(self.taken_session.q.val().index());
        self.echo.d.next =
            self.generation_matches.val() && !(self.renew.val() && (self.turn.val() == self.taken_session.q.val()));
        self.echo_session.d.next = self.taken_session.q.val();
        if self.echo.q.val() {
            self.echoed_now.next = self.echoed_now.val().replace_bit(self.echo_session.q.val().index(), true);
        }
        if self.renew.val() {
            self.echoed_now.next = self.echoed_now.val().replace_bit(self.turn.val().index(), false);
            self.wanted_now.next = self.wanted_now.val().replace_bit(self.turn.val().index(), false);
            self.resets_now.next = self.resets_now.val().replace_bit(self.turn.val().index(), false);
        }
        self.generations.write_enable.next = self.renew.val();
        self.generations.write_address.next = self.turn.val();
        self.generations.write_data.next = self.generation.val();
        self.echoes.write_enable.next = self.renew.val();
        self.echoes.write_address.next = self.turn.val();
        self.echoes.write_data.next = self.generation.val();

        // What software wrote into Slot Control, and what it cleared in Slot Status.
        self.indicators.write_enable.next = self.write.val();
        self.indicators.write_address.next = self.write_slot.val();
        self.indicators.write_data.next = self.write_value.val().get_bits::<4>(6);
        self.status.next = 0.into();
        self.status.next = self
            .status
            .val()
            .replace_bit(0, self.write_value.val().get_bit(16))
            .replace_bit(1, self.write_value.val().get_bit(17))
            .replace_bit(2, self.write_value.val().get_bit(19));
        self.statuses.write_enable.next = self.write.val();
        self.statuses.write_address.next = self.write_slot.val();
        self.statuses.write_data.next = self.status.val();
        self.statuses.read_address.next = self.write_slot.val();
        self.cleared.next = self.statuses.read_data.val() & !self.status.val();
        if self.write.val() && self.write_software.val() {
            self.due_now.next = self.due_now.val().replace_bit(self.write_slot.val().index(), true);
            if self.cleared.val().get_bit(0) {
                self.buttons_now.next = self.buttons_now.val().replace_bit(self.write_slot.val().index(), true);
            }
            if self.cleared.val().get_bit(1) {
                self.faults_now.next = self.faults_now.val().replace_bit(self.write_slot.val().index(), true);
            }
            if self.cleared.val().get_bit(2) {
                self.presences_now.next = self.presences_now.val().replace_bit(self.write_slot.val().index(), true);
            }
        }

        // What holds the slots. A session begins with a reset, a new generation and a record; before it nothing is under way.
        self.hold.next = self.reset_hold.val() | self.link_disable.val() | self.power_off.val();
        self.held.d.next = self.hold.val();
        self.reset_held.d.next = self.reset_hold.val();
        self.disabled.d.next = self.link_disable.val();
        self.was_host_up.d.next = self.host_up.val();
        self.begins.next = self.hold.val() & !self.held.q.val();
        self.changes.next = (self.hold.val() ^ self.held.q.val())
            | (self.reset_hold.val() ^ self.reset_held.q.val())
            | (self.link_disable.val() ^ self.disabled.q.val());
        if self.host_up.val() != self.was_host_up.q.val() {
            self.changes.next = 255.into();
        }
        self.due.d.next = self.due_now.val() | self.changes.val() | !self.session_up.val();
        self.wanted.d.next = self.wanted_now.val() | self.begins.val() | self.dropped.val() | !self.session_up.val();
        self.resets.d.next = self.resets_now.val() | self.begins.val() | !self.session_up.val();
        self.echoed.d.next = self.echoed_now.val() | !self.session_up.val();
        self.cleared_buttons.d.next = self.buttons_now.val() & self.session_up.val();
        self.cleared_faults.d.next = self.faults_now.val() & self.session_up.val();
        self.cleared_presences.d.next = self.presences_now.val() & self.session_up.val();

        self.stale.next = self.wanted.q.val();
        self.matched.next = self.fits.q.val();
        self.record_out_valid.next = self.offered.q.val();
        self.record_out.next = self.out.q.val();
        self.record_out_session.next = self.out_session.q.val();
        self.busy.next = self.ready_slots.val().any();
        if self.reset.val() {
            self.taken_valid.d.next = false;
            self.fits.d.next = false;
            self.echo.d.next = false;
            self.due.d.next = 255.into();
            self.wanted.d.next = 255.into();
            self.resets.d.next = 255.into();
            self.echoed.d.next = 255.into();
            self.cleared_buttons.d.next = 0.into();
            self.cleared_faults.d.next = 0.into();
            self.cleared_presences.d.next = 0.into();
            self.held.d.next = 0.into();
            self.reset_held.d.next = 0.into();
            self.disabled.d.next = 0.into();
            self.offered.d.next = false;
        }
    }
}
