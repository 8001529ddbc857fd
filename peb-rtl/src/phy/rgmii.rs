//! RGMII, with both edges of a clock side by side.

use peb_hdl::prelude::*;

/// Between the DDR registers at an FPGA's pins and GMII, 1000 Mbit/s (RGMII 1.3, 3.3 and 3.4). Nibbles of the rising edge are bits 3 to
/// 0 of an octet; control is `dv` at the rising edge, `dv ^ er` at the falling one.
///
/// - Latency: one clock each way. Registered: all outputs. Nothing is reset. Waits on nothing.
#[derive(Module, Default)]
pub struct Rgmii {
    /// Receive clock of the PHY.
    pub rx_clock: Signal<In, Clk>,
    pub rx_rise: Signal<In, U<4>>,
    pub rx_fall: Signal<In, U<4>>,
    pub rx_ctl_rise: Signal<In, Bit>,
    pub rx_ctl_fall: Signal<In, Bit>,
    pub rxd: Signal<Out, U<8>>,
    pub rx_dv: Signal<Out, Bit>,
    pub rx_er: Signal<Out, Bit>,
    /// Clock of the core.
    pub clock: Signal<In, Clk>,
    pub txd: Signal<In, U<8>>,
    pub tx_en: Signal<In, Bit>,
    pub tx_er: Signal<In, Bit>,
    pub tx_rise: Signal<Out, U<4>>,
    pub tx_fall: Signal<Out, U<4>>,
    pub tx_ctl_rise: Signal<Out, Bit>,
    pub tx_ctl_fall: Signal<Out, Bit>,
    received: Reg<U<8>>,
    valid: Reg<Bit>,
    error: Reg<Bit>,
    sent: Reg<U<8>>,
    enable: Reg<Bit>,
    control: Reg<Bit>,
    _activity: Activity,
}

impl Logic for Rgmii {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, rx_clock, received, valid, error);
        self.received.d.next = bit_cast::<8, 4>(self.rx_rise.val()) | (bit_cast::<8, 4>(self.rx_fall.val()) << 4);
        self.valid.d.next = self.rx_ctl_rise.val();
        self.error.d.next = self.rx_ctl_rise.val() ^ self.rx_ctl_fall.val();
        self.rxd.next = self.received.q.val();
        self.rx_dv.next = self.valid.q.val();
        self.rx_er.next = self.error.q.val();

        dff_setup!(self, clock, sent, enable, control);
        self.sent.d.next = self.txd.val();
        self.enable.d.next = self.tx_en.val();
        self.control.d.next = self.tx_en.val() ^ self.tx_er.val();
        self.tx_rise.next = self.sent.q.val().get_bits::<4>(0);
        self.tx_fall.next = self.sent.q.val().get_bits::<4>(4);
        self.tx_ctl_rise.next = self.enable.q.val();
        self.tx_ctl_fall.next = self.control.q.val();
    }
}
