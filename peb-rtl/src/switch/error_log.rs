//! Errors that the ports detect: status registers and messages.

use peb_hdl::prelude::*;

/// What the block is doing.
#[derive(LogicState, Copy, Clone, Debug, PartialEq, Eq)]
pub enum Logging {
    /// Looks for a port with an error.
    Look,
    /// What is to be set and told.
    Judge,
    /// One status register after the other.
    Set,
    /// The message.
    Tell,
}

/// Logs the errors of all ports in their status registers and has them reported, as the registers say (PCI Express Base
/// Specification 6.2.3 to 6.2.6, 7.8.4): one error of one port after the other.
///
/// | bit | error | Uncorrectable Error Status | when non-fatal |
/// |---|---|---|---|
/// | 0 | a posted request is not supported | 20 Unsupported Request | ERR_NONFATAL |
/// | 1 | a non-posted request is not supported | 20 | advisory |
/// | 2 | a completion that nobody waits for | 16 Unexpected Completion | advisory |
/// | 3 | a poisoned TLP | 12 Poisoned TLP Received | advisory |
/// | 4 | a posted request with a Requester ID that is not below the slot | 21 ACS Violation | ERR_NONFATAL |
/// | 5 | a non-posted one | 21 | advisory |
/// | 6 | no error of the port: ERR_NONFATAL or ERR_FATAL came from below it | | |
/// | 7 | a malformed TLP | 18 Malformed TLP | ERR_NONFATAL |
///
/// Bits of Uncorrectable and Correctable Error Status, Device Status, Status and Secondary Status are set before the message is offered. What a
/// slot's port tells passes the upstream port's Bridge Control, and is an ERR_* from below to it. The same error of the same port, while it
/// is waiting, is logged once.
///
/// - Latency: an error that finds nothing waiting sets its first register at most 2 SLOTS + 8 clocks after its pulse, if `set_ready` is on;
///   throughput: an error in 9 to 3 SLOTS + 12 clocks and those of waiting.
/// - Registered: all; outputs come from registers, through a choice. It has copies of the registers that count, from the update bus.
/// - Reset and `clear` forget what waits; then SLOTS + 1 clocks pass before something is logged. The copies stay.
/// - Bad input: none.
/// - Waits for `set_ready` and `message_taken`, and takes all errors meanwhile. A side may raise one every 4 clocks.
#[derive(Module, Default)]
pub struct ErrorLog<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// The host's link is down or in reset.
    pub clear: Signal<In, Bit>,
    pub update: Signal<In, Bit>,
    pub update_port: Signal<In, U<4>>,
    pub update_row: Signal<In, U<5>>,
    pub update_value: Signal<In, U<32>>,
    /// One clock: errors 0 to 3 in a TLP of the host, and at which port; 0 is the upstream port, 1 + n slot n.
    pub above: Signal<In, U<4>>,
    pub above_port: Signal<In, U<4>>,
    /// One clock: errors 0 to 6 in a TLP from a slot.
    pub below: Signal<In, U<7>>,
    pub below_slot: Signal<In, U<3>>,
    /// One clock: a malformed TLP came from the host.
    pub malformed: Signal<In, Bit>,
    /// One clock: Set_Slot_Power_Limit, which goes into Device Capabilities (row 19) from here.
    pub limit_valid: Signal<In, Bit>,
    pub limit: Signal<In, U<10>>,
    /// To the configuration space.
    pub set_valid: Signal<Out, Bit>,
    pub set_ready: Signal<In, Bit>,
    pub set_port: Signal<Out, U<4>>,
    pub set_row: Signal<Out, U<5>>,
    pub set_bits: Signal<Out, U<32>>,
    /// For the Requester ID of messages: the upstream port's, and the bus of the others.
    pub upstream_id: Signal<In, U<16>>,
    pub internal_bus: Signal<In, U<8>>,
    /// A message, held until `message_taken`: 0 ERR_COR, 1 ERR_NONFATAL, 3 ERR_FATAL.
    pub message_valid: Signal<Out, Bit>,
    pub message_code: Signal<Out, U<2>>,
    pub message_id: Signal<Out, U<16>>,
    pub message_taken: Signal<In, Bit>,

    /// What waits, a row a port.
    waiting: LutRam<U<8>, 4>,
    /// Copies: mask and severity of Poisoned TLP Received, Unexpected Completion, Malformed TLP, Unsupported Request, ACS Violation.
    masks: LutRam<U<5>, 4>,
    severities: LutRam<U<5>, 4>,
    /// Advisory Non-Fatal Error Mask.
    advisories: LutRam<U<1>, 4>,
    /// Reporting Enables of Device Control: Correctable, Non-Fatal, Fatal, Unsupported Request.
    enables: LutRam<U<4>, 4>,
    /// SERR# Enable of Command, of Bridge Control.
    serrs: LutRam<U<1>, 4>,
    bridges: LutRam<U<1>, 4>,
    /// The latter, of the upstream port.
    forwards: Reg<Bit>,
    /// What came and is not in `waiting`.
    above_new: Reg<U<4>>,
    above_at: Reg<U<4>>,
    below_new: Reg<U<7>>,
    below_at: Reg<U<4>>,
    malformed_new: Reg<Bit>,
    /// A slot's port tells the upstream port.
    told: Reg<Bit>,
    limit_new: Reg<Bit>,
    limit_held: Reg<U<10>>,

    state: Reg<Logging>,
    /// The port that is looked at or dealt with. There may be something; something came since port 0; all is being forgotten.
    at: Reg<U<4>>,
    busy: Reg<Bit>,
    again: Reg<Bit>,
    wiping: Reg<Bit>,
    /// The error, a bit.
    kind: Reg<U<8>>,
    advisory: Reg<Bit>,
    fatal: Reg<Bit>,
    system: Reg<Bit>,
    tell: Reg<Bit>,
    /// Registers that are still to be set, and which one bit 0 is: 0 to 4, as in `update`; 5 is the power limit.
    rows: Reg<U<5>>,
    which: Reg<U<3>>,

    last_port: Signal<Local, U<4>>,
    fields: Signal<Local, U<5>>,
    insert: Signal<Local, Bit>,
    place: Signal<Local, U<4>>,
    fresh: Signal<Local, U<8>>,
    row: Signal<Local, U<8>>,
    pick: Signal<Local, U<8>>,
    hit: Signal<Local, U<5>>,
    unsupported: Signal<Local, Bit>,
    is_fatal: Signal<Local, Bit>,
    is_advisory: Signal<Local, Bit>,
    quiet: Signal<Local, Bit>,
    serr: Signal<Local, Bit>,
    reports: Signal<Local, Bit>,
    passes: Signal<Local, Bit>,
    bits: Signal<Local, U<32>>,
    _activity: Activity,
}

impl<const SLOTS: usize> Logic for ErrorLog<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, forwards, above_new, above_at, below_new, below_at, malformed_new, told);
        dff_setup!(self, clock, limit_new, limit_held, state, at, busy, again, wiping, kind, advisory, fatal);
        dff_setup!(self, clock, system, tell, rows, which);
        clock!(self, clock, waiting, masks, severities, advisories, enables, serrs, bridges);
        self.last_port.next = 0.into();
        for _i in 0..SLOTS {
            self.last_port.next = self.last_port.val() + 1;
        }

        // Copies of the registers.
        self.fields.next = 0.into();
        self.fields.next = self
            .fields
            .val()
            .replace_bit(0, self.update_value.val().get_bit(12))
            .replace_bit(1, self.update_value.val().get_bit(16))
            .replace_bit(2, self.update_value.val().get_bit(18))
            .replace_bit(3, self.update_value.val().get_bit(20))
            .replace_bit(4, self.update_value.val().get_bit(21));
        self.masks.write_enable.next = self.update.val() && (self.update_row.val() == 21);
        self.masks.write_address.next = self.update_port.val();
        self.masks.write_data.next = self.fields.val();
        self.masks.read_address.next = self.at.q.val();
        self.severities.write_enable.next = self.update.val() && (self.update_row.val() == 22);
        self.severities.write_address.next = self.update_port.val();
        self.severities.write_data.next = self.fields.val();
        self.severities.read_address.next = self.at.q.val();
        self.advisories.write_enable.next = self.update.val() && (self.update_row.val() == 24);
        self.advisories.write_address.next = self.update_port.val();
        self.advisories.write_data.next = self.update_value.val().get_bits::<1>(13);
        self.advisories.read_address.next = self.at.q.val();
        self.enables.write_enable.next = self.update.val() && (self.update_row.val() == 14);
        self.enables.write_address.next = self.update_port.val();
        self.enables.write_data.next = self.update_value.val().get_bits::<4>(0);
        self.enables.read_address.next = self.at.q.val();
        self.serrs.write_enable.next = self.update.val() && (self.update_row.val() == 0);
        self.serrs.write_address.next = self.update_port.val();
        self.serrs.write_data.next = self.update_value.val().get_bits::<1>(8);
        self.serrs.read_address.next = self.at.q.val();
        self.bridges.write_enable.next = self.update.val() && (self.update_row.val() == 8);
        self.bridges.write_address.next = self.update_port.val();
        self.bridges.write_data.next = self.update_value.val().get_bits::<1>(17);
        self.bridges.read_address.next = self.at.q.val();
        if self.update.val() && (self.update_row.val() == 8) && !self.update_port.val().any() {
            self.forwards.d.next = self.update_value.val().get_bit(17);
        }

        // What comes waits for its row.
        self.above_new.d.next = self.above_new.q.val() | self.above.val();
        if self.above.val().any() {
            self.above_at.d.next = self.above_port.val();
        }
        self.below_new.d.next = self.below_new.q.val() | self.below.val();
        if self.below.val().any() {
            self.below_at.d.next = bit_cast::<4, 3>(self.below_slot.val()) + 1;
        }
        self.malformed_new.d.next = self.malformed_new.q.val() || self.malformed.val();
        self.limit_new.d.next = self.limit_new.q.val() || self.limit_valid.val();
        if self.limit_valid.val() {
            self.limit_held.d.next = self.limit.val();
        }

        self.insert.next = !self.wiping.q.val();
        self.place.next = self.at.q.val();
        self.fresh.next = 0.into();
        if self.wiping.q.val() {
            self.fresh.next = 0.into();
        } else if self.above_new.q.val().any() {
            self.place.next = self.above_at.q.val();
            self.fresh.next = bit_cast::<8, 4>(self.above_new.q.val());
            self.above_new.d.next = self.above.val();
        } else if self.below_new.q.val().any() {
            self.place.next = self.below_at.q.val();
            self.fresh.next = bit_cast::<8, 7>(self.below_new.q.val());
            self.below_new.d.next = self.below.val();
        } else if self.malformed_new.q.val() || self.told.q.val() {
            self.place.next = 0.into();
            self.fresh.next =
                self.fresh.val().replace_bit(6, self.told.q.val()).replace_bit(7, self.malformed_new.q.val());
            self.malformed_new.d.next = self.malformed.val();
            self.told.d.next = false;
        } else {
            self.insert.next = false;
        }
        self.waiting.read_address.next = self.place.val();
        self.waiting.write_address.next = self.place.val();
        self.waiting.write_enable.next = self.insert.val() || self.wiping.q.val();
        self.row.next = self.waiting.read_data.val();
        self.waiting.write_data.next = self.row.val() | self.fresh.val();
        if self.wiping.q.val() {
            self.waiting.write_data.next = 0.into();
        }
        if self.insert.val() {
            self.busy.d.next = true;
            self.again.d.next = true;
        }
        self.pick.next = 0.into();
        for i in 0..8 {
            if self.row.val().get_bit(i) && !self.pick.val().any() {
                self.pick.next = self.pick.val().replace_bit(i, true);
            }
        }

        // What the registers say of the error.
        self.unsupported.next = self.kind.q.val().get_bit(0) || self.kind.q.val().get_bit(1);
        self.hit.next = 0.into();
        self.hit.next = self
            .hit
            .val()
            .replace_bit(0, self.kind.q.val().get_bit(3))
            .replace_bit(1, self.kind.q.val().get_bit(2))
            .replace_bit(2, self.kind.q.val().get_bit(7))
            .replace_bit(3, self.unsupported.val())
            .replace_bit(4, self.kind.q.val().get_bit(4) || self.kind.q.val().get_bit(5));
        self.is_fatal.next = (self.severities.read_data.val() & self.hit.val()).any();
        self.is_advisory.next = !self.is_fatal.val()
            && (self.kind.q.val().get_bit(1)
                || self.kind.q.val().get_bit(2)
                || self.kind.q.val().get_bit(3)
                || self.kind.q.val().get_bit(5));
        self.quiet.next = self.advisories.read_data.val().any();
        self.serr.next = self.serrs.read_data.val().any();
        // Reporting of this severity is on, and of unsupported requests if it is one.
        self.reports.next = self.enables.read_data.val().get_bit(1);
        if self.is_advisory.val() {
            self.reports.next = self.enables.read_data.val().get_bit(0);
        } else if self.is_fatal.val() {
            self.reports.next = self.enables.read_data.val().get_bit(2);
        }
        if self.unsupported.val() && !self.enables.read_data.val().get_bit(3) {
            self.reports.next = false;
        }
        // ERR_NONFATAL or ERR_FATAL leaves the port.
        self.passes.next = !self.is_advisory.val()
            && !(self.masks.read_data.val() & self.hit.val()).any()
            && (self.serr.val() || self.reports.val());
        if self.kind.q.val().get_bit(6) {
            self.passes.next = self.bridges.read_data.val().any();
        }

        match self.state.q.val() {
            Logging::Look => {
                self.which.d.next = 0.into();
                if self.wiping.q.val() || (self.busy.q.val() && !self.insert.val() && !self.row.val().any()) {
                    self.at.d.next = self.at.q.val() + 1;
                    if self.at.q.val() == self.last_port.val() {
                        self.at.d.next = 0.into();
                        self.wiping.d.next = false;
                        self.again.d.next = false;
                        self.busy.d.next = self.again.q.val();
                    }
                } else if self.busy.q.val() && !self.insert.val() {
                    self.kind.d.next = self.pick.val();
                    self.again.d.next = true;
                    self.state.d.next = Logging::Judge;
                } else if !self.busy.q.val() && self.limit_new.q.val() {
                    // At port 0.
                    self.limit_new.d.next = self.limit_valid.val();
                    self.which.d.next = 5.into();
                    self.rows.d.next = 1.into();
                    self.tell.d.next = false;
                    self.state.d.next = Logging::Set;
                }
            }
            Logging::Judge => {
                self.advisory.d.next = self.is_advisory.val();
                self.fatal.d.next = self.is_fatal.val();
                self.system.d.next = self.passes.val() && self.serr.val();
                self.tell.d.next = !self.kind.q.val().get_bit(6)
                    && (self.passes.val() || (self.is_advisory.val() && !self.quiet.val() && self.reports.val()))
                    && (self.forwards.q.val() || !self.at.q.val().any());
                self.rows.d.next = self
                    .rows
                    .q
                    .val()
                    .replace_bit(0, !(self.is_advisory.val() && self.quiet.val()) && !self.kind.q.val().get_bit(6))
                    .replace_bit(1, self.is_advisory.val())
                    .replace_bit(2, !self.kind.q.val().get_bit(6))
                    .replace_bit(
                        3,
                        (self.passes.val() && self.serr.val())
                            || (self.kind.q.val().get_bit(3) && !self.at.q.val().any()),
                    )
                    .replace_bit(
                        4,
                        self.kind.q.val().get_bit(5)
                            || self.kind.q.val().get_bit(6)
                            || (self.kind.q.val().get_bit(3) && self.at.q.val().any()),
                    );
                // The row lets go of it as soon as nothing is written there.
                if !self.insert.val() {
                    self.waiting.write_enable.next = true;
                    self.waiting.write_data.next = self.row.val() & !self.kind.q.val();
                    self.told.d.next = self.passes.val() && self.at.q.val().any();
                    self.state.d.next = Logging::Set;
                }
            }
            Logging::Set => {
                if self.set_ready.val() || !self.rows.q.val().get_bit(0) {
                    self.rows.d.next = self.rows.q.val() >> 1;
                    self.which.d.next = self.which.q.val() + 1;
                    if self.which.q.val().get_bit(2) {
                        self.state.d.next = Logging::Tell;
                    }
                }
            }
            Logging::Tell => {
                if self.message_taken.val() || !self.tell.q.val() {
                    self.state.d.next = Logging::Look;
                }
            }
        }

        // What is set: bits that a register does not have do not matter.
        self.bits.next = 0.into();
        self.bits.next = self
            .bits
            .val()
            .replace_bit(13, self.advisory.q.val())
            .replace_bit(18, self.fatal.q.val())
            .replace_bit(19, self.unsupported.val())
            .replace_bit(20, self.unsupported.val())
            .replace_bit(21, self.kind.q.val().get_bit(4) || self.kind.q.val().get_bit(5));
        self.set_row.next = 20.into();
        if self.which.q.val() == 0 {
            self.bits.next = self
                .bits
                .val()
                .replace_bit(12, self.kind.q.val().get_bit(3))
                .replace_bit(16, self.kind.q.val().get_bit(2))
                .replace_bit(18, self.kind.q.val().get_bit(7));
        } else if self.which.q.val() == 1 {
            self.set_row.next = 23.into();
        } else if self.which.q.val() == 2 {
            self.set_row.next = 14.into();
            self.bits.next = self
                .bits
                .val()
                .replace_bit(16, self.advisory.q.val())
                .replace_bit(17, !self.advisory.q.val() && !self.fatal.q.val());
        } else if self.which.q.val() == 3 {
            self.set_row.next = 0.into();
            self.bits.next = self
                .bits
                .val()
                .replace_bit(30, self.system.q.val())
                .replace_bit(31, self.kind.q.val().get_bit(3) && !self.at.q.val().any());
        } else if self.which.q.val() == 4 {
            self.set_row.next = 3.into();
            self.bits.next = self
                .bits
                .val()
                .replace_bit(27, self.kind.q.val().get_bit(5))
                .replace_bit(30, self.kind.q.val().get_bit(6))
                .replace_bit(31, self.kind.q.val().get_bit(3));
        } else {
            self.set_row.next = 19.into();
            self.bits.next = bit_cast::<32, 10>(self.limit_held.q.val()) << 18;
        }
        self.set_bits.next = self.bits.val();
        self.set_valid.next = (self.state.q.val() == Logging::Set) && self.rows.q.val().get_bit(0);
        self.set_port.next = self.at.q.val();

        self.message_valid.next = (self.state.q.val() == Logging::Tell) && self.tell.q.val();
        self.message_code.next = 1.into();
        if self.advisory.q.val() {
            self.message_code.next = 0.into();
        } else if self.fatal.q.val() {
            self.message_code.next = 3.into();
        }
        self.message_id.next = self.upstream_id.val();
        if self.at.q.val().any() {
            self.message_id.next =
                (bit_cast::<16, 8>(self.internal_bus.val()) << 8) | (bit_cast::<16, 4>(self.at.q.val() - 1) << 3);
        }

        if self.clear.val() || self.reset.val() {
            self.above_new.d.next = 0.into();
            self.below_new.d.next = 0.into();
            self.malformed_new.d.next = false;
            self.told.d.next = false;
            self.limit_new.d.next = false;
            self.state.d.next = Logging::Look;
            self.at.d.next = 0.into();
            self.busy.d.next = false;
            self.again.d.next = false;
            self.wiping.d.next = true;
        }
    }
}
