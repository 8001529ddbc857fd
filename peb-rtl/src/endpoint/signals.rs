//! What the endpoint sends of itself: its interrupt, and the answer to PME_Turn_Off.

use peb_hdl::prelude::*;

/// Makes the memory write of an MSI (PCI Local Bus 6.8) and PME_TO_Ack (PCIe 2.2.8.2) as TLPs in dwords.
///
/// - Latency: one clock from the pulse to the request for a turn. Registered: what is due; the dwords follow from it.
/// - Reset: nothing is due. An interrupt while MSI or Bus Master Enable is off is lost; two that are due at once are one.
/// - Waits for its turn alone.
#[derive(Module, Default)]
pub struct Signals {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// One clock each.
    pub interrupt: Signal<In, Bit>,
    pub turn_off: Signal<In, Bit>,
    pub enabled: Signal<In, Bit>,
    pub master: Signal<In, Bit>,
    pub address: Signal<In, U<64>>,
    pub data: Signal<In, U<16>>,
    /// Requester ID.
    pub id: Signal<In, U<16>>,
    /// The TLP, see [`super::Egress`].
    pub start: Signal<Out, Bit>,
    pub dword: Signal<Out, U<32>>,
    pub valid: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    pub ready: Signal<In, Bit>,
    msi_due: Reg<Bit>,
    ack_due: Reg<Bit>,
    /// The TLP under way is PME_TO_Ack.
    acknowledging: Reg<Bit>,
    /// Dword that stands at the output.
    place: Reg<U<3>>,
    ack: Signal<Local, Bit>,
    four: Signal<Local, Bit>,
    high: Signal<Local, U<32>>,
    low: Signal<Local, U<32>>,
    _activity: Activity,
}

impl Logic for Signals {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, msi_due, ack_due, acknowledging, place);
        if self.interrupt.val() && self.enabled.val() && self.master.val() {
            self.msi_due.d.next = true;
        }
        if self.turn_off.val() {
            self.ack_due.d.next = true;
        }
        self.ack.next = self.acknowledging.q.val();
        self.valid.next = self.place.q.val() != 0;
        self.start.next = self.place.q.val() == 1;
        self.last.next = false;
        self.dword.next = 0.into();
        self.four.next = self.address.val().get_bits::<32>(32) != 0;
        self.high.next = self.address.val().get_bits::<32>(32);
        self.low.next = self.address.val().get_bits::<32>(0);
        match self.place.q.val().index() {
            0 => {
                self.acknowledging.d.next = !self.msi_due.q.val();
                if self.msi_due.q.val() || self.ack_due.q.val() {
                    self.place.d.next = 1.into();
                }
            }
            1 => {
                // Message gathered to the root complex; memory write of one dword.
                if self.ack.val() {
                    self.dword.next = 53.into();
                } else if self.four.val() {
                    self.dword.next = 16777312.into();
                } else {
                    self.dword.next = 16777280.into();
                }
            }
            2 => {
                self.dword.next = bit_cast::<32, 8>(self.id.val().get_bits::<8>(8))
                    | (bit_cast::<32, 8>(self.id.val().get_bits::<8>(0)) << 8);
                if self.ack.val() {
                    self.dword.next = self.dword.val() | 452984832;
                } else {
                    self.dword.next = self.dword.val() | 251658240;
                }
            }
            3 => {
                if !self.ack.val() {
                    self.dword.next = (bit_cast::<32, 8>(self.high.val().get_bits::<8>(0)) << 24)
                        | (bit_cast::<32, 8>(self.high.val().get_bits::<8>(8)) << 16)
                        | (bit_cast::<32, 8>(self.high.val().get_bits::<8>(16)) << 8)
                        | bit_cast::<32, 8>(self.high.val().get_bits::<8>(24));
                }
            }
            4 => {
                if !self.ack.val() {
                    self.dword.next = (bit_cast::<32, 8>(self.low.val().get_bits::<8>(0)) << 24)
                        | (bit_cast::<32, 8>(self.low.val().get_bits::<8>(8)) << 16)
                        | (bit_cast::<32, 8>(self.low.val().get_bits::<8>(16)) << 8)
                        | bit_cast::<32, 8>(self.low.val().get_bits::<8>(24));
                }
                self.last.next = self.ack.val();
            }
            _ => {
                self.dword.next = bit_cast::<32, 16>(self.data.val());
                self.last.next = true;
            }
        }
        if self.valid.val() && self.ready.val() {
            self.place.d.next = self.place.q.val() + 1;
            if (self.place.q.val() == 2) && !self.ack.val() && !self.four.val() {
                self.place.d.next = 4.into();
            }
            if self.last.val() {
                self.place.d.next = 0.into();
            }
            // What comes meanwhile is due again.
            if self.place.q.val() == 1 {
                if self.ack.val() {
                    self.ack_due.d.next = self.turn_off.val();
                } else {
                    self.msi_due.d.next = self.interrupt.val() && self.enabled.val() && self.master.val();
                }
            }
        }
        if self.reset.val() {
            self.msi_due.d.next = false;
            self.ack_due.d.next = false;
            self.place.d.next = 0.into();
        }
    }
}
