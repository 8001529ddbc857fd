//! Messages made in the switch: INTx of all slots as one, PME_TO_Ack of all slots as one, errors of the ports.

use peb_hdl::prelude::*;

/// Collapses the virtual wires INTA..INTD of the slots (PCIe 2.2.8.1) and gathers PME_TO_Ack (PCIe 5.3.3).
///
/// Pin p of what is below slot n drives pin (p + n) mod 4 of the upstream port; so does INTA of slot n's own port. When the OR of
/// all that drive a pin changes, Assert_INTx or Deassert_INTx follows; a change back before the message has begun needs none.
/// After `turn_off` one PME_TO_Ack follows when each slot that was up has answered or is no longer up, at the latest after 10,000 ticks.
/// An error message is sent for each that [`ErrorLog`](super::ErrorLog) offers.
///
/// - Latency: 4 clocks from an event to the first beat; throughput: a message (4 dwords, posted, TC 0) every 3 clocks. INTx go before PME_TO_Ack, both before errors.
/// - Registered: all outputs come from registers. Reset forgets everything.
/// - `clear` (host reset; level or pulse) forgets everything but a message that stands at the output; if that one is an Assert_INTx a
///   Deassert_INTx follows it.
/// - Bad input: asserting twice is asserting once; an answer nobody waits for is ignored.
/// - Waits for the TLP stream only, and takes all events meanwhile.
#[derive(Module, Default)]
pub struct Interrupts {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub clear: Signal<In, Bit>,
    pub tick: Signal<In, Bit>,
    /// Requester ID of the messages.
    pub upstream_id: Signal<In, U<16>>,
    /// One clock: an INTx message came from a slot.
    pub message_valid: Signal<In, Bit>,
    pub message_slot: Signal<In, U<3>>,
    pub message_pin: Signal<In, U<2>>,
    pub message_assert: Signal<In, Bit>,
    /// INTA of each slot's own port (level).
    pub own: Signal<In, U<8>>,
    /// What is below these slots drives no pin any more (level or pulse).
    pub lost: Signal<In, U<8>>,
    /// One clock: PME_Turn_Off came from the host and goes to all `slot_up`.
    pub turn_off: Signal<In, Bit>,
    pub slot_up: Signal<In, U<8>>,
    /// One clock: PME_TO_Ack came from a slot.
    pub ack_valid: Signal<In, Bit>,
    pub ack_slot: Signal<In, U<3>>,
    /// An error: lower bits of the message code, Requester ID; held until `error_taken`, a pulse, and in that clock.
    pub error_valid: Signal<In, Bit>,
    pub error_code: Signal<In, U<2>>,
    pub error_id: Signal<In, U<16>>,
    pub error_taken: Signal<Out, Bit>,
    /// The TLP, byte k of a beat in bits 8k+7..8k.
    pub data: Signal<Out, U<64>>,
    pub half: Signal<Out, Bit>,
    pub first: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    pub class: Signal<Out, U<2>>,
    pub dwords: Signal<Out, U<10>>,
    pub valid: Signal<Out, Bit>,
    pub ready: Signal<In, Bit>,

    /// Bit 4n + p: pin p below slot n.
    wires: Reg<U<32>>,
    wanted: Reg<U<4>>,
    told: Reg<U<4>>,
    owed: Reg<Bit>,
    waiting: Reg<U<8>>,
    elapsed: Reg<U<14>>,
    sending: Reg<Bit>,
    second: Reg<Bit>,
    /// Message code; of a PME_TO_Ack, of an error.
    code: Reg<U<8>>,
    gathered: Reg<Bit>,
    to_root: Reg<Bit>,
    taken: Reg<Bit>,
    /// Requester ID of the switch, of an error.
    requester: Reg<U<16>>,
    reporter: Reg<U<16>>,

    wires_next: Signal<Local, U<32>>,
    /// Pins counted on over 3: modulo 4 they are the upstream port's.
    levels: Signal<Local, U<12>>,
    differ: Signal<Local, U<4>>,
    pin: Signal<Local, U<2>>,
    level: Signal<Local, Bit>,
    standing: Signal<Local, U<4>>,
    left: Signal<Local, U<8>>,
    id: Signal<Local, U<16>>,
    _activity: Activity,
}

impl Logic for Interrupts {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self, clock, wires, wanted, told, owed, waiting, elapsed, sending, second, code, gathered, to_root, taken,
            requester, reporter
        );

        // The wires, turned by the device number of the slot.
        self.wires_next.next = self.wires.q.val();
        self.levels.next = 0.into();
        for n in 0..8 {
            for p in 0..4 {
                if self.wires.q.val().get_bit(4 * n + p) {
                    self.levels.next = self.levels.val().replace_bit(p + n, true);
                }
                if self.message_valid.val()
                    && (self.message_slot.val().index() == n)
                    && (self.message_pin.val().index() == p)
                {
                    self.wires_next.next = self.wires_next.val().replace_bit(4 * n + p, self.message_assert.val());
                }
            }
            for p in 0..4 {
                if self.lost.val().get_bit(n) {
                    self.wires_next.next = self.wires_next.val().replace_bit(4 * n + p, false);
                }
            }
            if self.own.val().get_bit(n) {
                self.levels.next = self.levels.val().replace_bit(n, true);
            }
        }
        self.wires.d.next = self.wires_next.val();
        self.wanted.d.next = self.levels.val().get_bits::<4>(0)
            | self.levels.val().get_bits::<4>(4)
            | self.levels.val().get_bits::<4>(8);

        // PME_TO_Ack.
        self.left.next = self.waiting.q.val() & self.slot_up.val();
        for n in 0..8 {
            if self.ack_valid.val() && (self.ack_slot.val().index() == n) {
                self.left.next = self.left.val().replace_bit(n, false);
            }
        }
        self.waiting.d.next = self.left.val();
        if self.tick.val() && self.owed.q.val() && (self.elapsed.q.val() < 10000) {
            self.elapsed.d.next = self.elapsed.q.val() + 1;
        }

        // What is to be told.
        self.differ.next = self.wanted.q.val() ^ self.told.q.val();
        self.pin.next = 3.into();
        if self.differ.val().get_bit(0) {
            self.pin.next = 0.into();
        } else if self.differ.val().get_bit(1) {
            self.pin.next = 1.into();
        } else if self.differ.val().get_bit(2) {
            self.pin.next = 2.into();
        }
        self.level.next = self.wanted.q.val().get_bit(self.pin.val().index());
        self.taken.d.next = false;
        self.error_taken.next = self.taken.q.val();
        if !self.sending.q.val() {
            self.requester.d.next = self.upstream_id.val();
            self.reporter.d.next = self.error_id.val();
            self.to_root.d.next = false;
            if self.differ.val().any() && !self.clear.val() {
                self.sending.d.next = true;
                self.gathered.d.next = false;
                self.code.d.next = 36 | bit_cast::<8, 2>(self.pin.val());
                if self.level.val() {
                    self.code.d.next = 32 | bit_cast::<8, 2>(self.pin.val());
                }
                self.told.d.next = self.told.q.val().replace_bit(self.pin.val().index(), self.level.val());
            } else if self.owed.q.val()
                && (!self.waiting.q.val().any() || (self.elapsed.q.val() >= 10000))
                && !self.clear.val()
            {
                self.sending.d.next = true;
                self.gathered.d.next = true;
                self.code.d.next = 27.into();
                self.owed.d.next = false;
            } else if self.error_valid.val() && !self.clear.val() {
                self.sending.d.next = true;
                self.gathered.d.next = false;
                self.to_root.d.next = true;
                self.taken.d.next = true;
                self.code.d.next = 48 | bit_cast::<8, 2>(self.error_code.val());
            }
        }
        if self.turn_off.val() {
            self.owed.d.next = true;
            self.waiting.d.next = self.slot_up.val();
            self.elapsed.d.next = 0.into();
        }

        // The message: 4 dwords without data; routed 100 (local), 101 (gathered) or 000 (to the root).
        self.valid.next = self.sending.q.val();
        self.first.next = !self.second.q.val();
        self.last.next = self.second.q.val();
        self.half.next = false;
        self.class.next = 0.into();
        self.dwords.next = 4.into();
        self.id.next = self.requester.q.val();
        if self.to_root.q.val() {
            self.id.next = self.reporter.q.val();
        }
        self.data.next = 52
            | (bit_cast::<64, 8>(self.id.val().get_bits::<8>(8)) << 32)
            | (bit_cast::<64, 8>(self.id.val().get_bits::<8>(0)) << 40)
            | (bit_cast::<64, 8>(self.code.q.val()) << 56);
        if self.gathered.q.val() {
            self.data.next = self.data.val().replace_bit(0, true);
        }
        if self.to_root.q.val() {
            self.data.next = self.data.val().replace_bit(2, false);
        }
        if self.second.q.val() {
            self.data.next = 0.into();
        }
        if self.sending.q.val() && self.ready.val() {
            self.second.d.next = !self.second.q.val();
            self.sending.d.next = !self.second.q.val();
        }

        self.standing.next = 0.into();
        if self.sending.q.val() && !self.gathered.q.val() && !self.to_root.q.val() && !self.code.q.val().get_bit(2) {
            self.standing.next = self.standing.val().replace_bit(self.code.q.val().get_bits::<2>(0).index(), true);
        }
        if self.clear.val() || self.reset.val() {
            self.wires.d.next = 0.into();
            self.wanted.d.next = 0.into();
            self.told.d.next = self.standing.val();
            self.owed.d.next = false;
            self.waiting.d.next = 0.into();
            self.elapsed.d.next = 0.into();
        }
        if self.reset.val() {
            self.told.d.next = 0.into();
            self.sending.d.next = false;
            self.second.d.next = false;
            self.taken.d.next = false;
        }
    }
}
