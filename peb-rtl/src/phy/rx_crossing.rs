//! From the receive clock of the PHY to the clock of the core.

use peb_hdl::prelude::*;

/// Takes GMII over from the PHY's receive clock to the core's. Both are 125 MHz, each within 100 ppm (IEEE 802.3, 35.2.2.1-2),
/// so that a frame slips by less than an octet; the elasticity lies in the gap between frames, of which nothing is stored.
///
/// - Latency: about 9 clocks: four octets must lie in store before a frame starts, two clocks each for synchronisers.
/// - Registered: all outputs. Throughput: one octet a clock.
/// - The store holds 16 octets and never fills while the clocks are within 1 %; it is not watched for that.
/// - Bad input: a receive clock so slow that the store runs empty inside a frame ends the frame with `gmii_rx_er` and pulses
///   `slipped`; so does one that stops. What is left of such a frame comes as another, without preamble.
/// - Fewer than four octets without a frame around them wait for what comes after them.
/// - `reset` is of the core's clock: discards what is stored. Waits on nothing but octets.
/// - Crossing: Gray-coded pointers, each bit through [`Sync2`]; the stored octet is read at least two clocks after it was written.
#[derive(Module, Default)]
pub struct RxCrossing {
    /// Receive clock of the PHY.
    pub rx_clock: Signal<In, Clk>,
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Of `rx_clock`.
    pub phy_rxd: Signal<In, U<8>>,
    pub phy_rx_dv: Signal<In, Bit>,
    pub phy_rx_er: Signal<In, Bit>,
    pub gmii_rxd: Signal<Out, U<8>>,
    pub gmii_rx_dv: Signal<Out, Bit>,
    pub gmii_rx_er: Signal<Out, Bit>,
    /// One clock: a frame was cut because no octet was there.
    pub slipped: Signal<Out, Bit>,
    /// Bits 7:0 octet, 8 rx_er, 9 end of the frame.
    store: LutRam<U<10>, 4>,
    write: Reg<U<5>>,
    write_gray: Reg<U<5>>,
    receiving: Reg<Bit>,
    write_next: Signal<Local, U<5>>,
    write_enable: Signal<Local, Bit>,
    end: Signal<Local, U<2>>,
    cross: [Sync2; 5],
    gray: Signal<Local, U<5>>,
    written: Signal<Local, U<5>>,
    level: Signal<Local, U<5>>,
    word: Signal<Local, U<10>>,
    read: Reg<U<5>>,
    running: Reg<Bit>,
    octet: Reg<U<8>>,
    valid: Reg<Bit>,
    error: Reg<Bit>,
    cut: Reg<Bit>,
    _activity: Activity,
}

impl Logic for RxCrossing {
    #[hdl_gen]
    fn update(&mut self) {
        // The PHY's clock: octets of frames, and a mark after the last.
        dff_setup!(self, rx_clock, write, write_gray, receiving);
        self.receiving.d.next = self.phy_rx_dv.val();
        self.write_enable.next = self.phy_rx_dv.val() || self.receiving.q.val();
        self.write_next.next = self.write.q.val() + 1;
        if self.write_enable.val() {
            self.write.d.next = self.write_next.val();
            self.write_gray.d.next = self.write_next.val() ^ (self.write_next.val() >> 1);
        }
        self.end.next = 0.into();
        if self.phy_rx_er.val() {
            self.end.next = 1.into();
        }
        if !self.phy_rx_dv.val() {
            self.end.next = 2.into();
        }
        self.store.clock.next = self.rx_clock.val();
        self.store.write_enable.next = self.write_enable.val();
        self.store.write_address.next = self.write.q.val().get_bits::<4>(0);
        self.store.write_data.next = bit_cast::<10, 8>(self.phy_rxd.val()) | (bit_cast::<10, 2>(self.end.val()) << 8);

        // The core's clock.
        dff_setup!(self, clock, read, running, octet, valid, error, cut);
        self.gray.next = 0.into();
        for i in 0..5 {
            self.cross[i].clock.next = self.clock.val();
            self.cross[i].d.next = self.write_gray.q.val().get_bit(i);
            self.gray.next = self.gray.val().replace_bit(i, self.cross[i].q.val());
        }
        self.written.next = self.gray.val()
            ^ (self.gray.val() >> 1)
            ^ (self.gray.val() >> 2)
            ^ (self.gray.val() >> 3)
            ^ (self.gray.val() >> 4);
        self.level.next = self.written.val() - self.read.q.val();
        self.store.read_address.next = self.read.q.val().get_bits::<4>(0);
        self.word.next = self.store.read_data.val();
        self.valid.d.next = false;
        self.error.d.next = false;
        self.cut.d.next = false;
        if self.running.q.val() {
            if self.level.val() == 0 {
                self.running.d.next = false;
                self.valid.d.next = true;
                self.error.d.next = true;
                self.cut.d.next = true;
            } else {
                self.read.d.next = self.read.q.val() + 1;
                self.octet.d.next = self.word.val().get_bits::<8>(0);
                self.valid.d.next = !self.word.val().get_bit(9);
                self.error.d.next = self.word.val().get_bit(8);
                self.running.d.next = !self.word.val().get_bit(9);
            }
        } else if self.level.val() >= 4 {
            self.running.d.next = true;
        }
        self.gmii_rxd.next = self.octet.q.val();
        self.gmii_rx_dv.next = self.valid.q.val();
        self.gmii_rx_er.next = self.error.q.val();
        self.slipped.next = self.cut.q.val();
        if self.reset.val() {
            self.read.d.next = self.written.val();
            self.running.d.next = false;
            self.valid.d.next = false;
            self.error.d.next = false;
            self.cut.d.next = false;
        }
    }
}
