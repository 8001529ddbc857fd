//! Address and epochs of each session's peer: one write port, two read ports.
//!
//! A write lands at the next edge; reads are combinational (LUT RAM, one copy for each read port). Nothing is reset:
//! [`Sessions`](super::Sessions) knows which rows count.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Peers {
    pub clock: Signal<In, Clk>,
    pub write_enable: Signal<In, Bit>,
    pub write_row: Signal<In, U<3>>,
    /// Address of the peer, first byte on the wire in the high bits.
    pub write_mac: Signal<In, U<48>>,
    /// Epochs: the peer's in the high half, our own in the low one.
    pub write_epochs: Signal<In, U<32>>,
    /// Row that the session block looks at.
    pub row: Signal<In, U<3>>,
    pub mac: Signal<Out, U<48>>,
    pub epochs: Signal<Out, U<32>>,
    /// Row that the transmitter looks at.
    pub tx_row: Signal<In, U<3>>,
    pub tx_mac: Signal<Out, U<48>>,
    pub tx_epochs: Signal<Out, U<32>>,
    macs: [LutRam<U<48>, 3>; 2],
    pairs: [LutRam<U<32>, 3>; 2],
    _activity: Activity,
}

impl Logic for Peers {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..2 {
            self.macs[i].clock.next = self.clock.val();
            self.macs[i].write_enable.next = self.write_enable.val();
            self.macs[i].write_address.next = self.write_row.val();
            self.macs[i].write_data.next = self.write_mac.val();
            self.pairs[i].clock.next = self.clock.val();
            self.pairs[i].write_enable.next = self.write_enable.val();
            self.pairs[i].write_address.next = self.write_row.val();
            self.pairs[i].write_data.next = self.write_epochs.val();
        }
        self.macs[0].read_address.next = self.row.val();
        self.pairs[0].read_address.next = self.row.val();
        self.macs[1].read_address.next = self.tx_row.val();
        self.pairs[1].read_address.next = self.tx_row.val();
        self.mac.next = self.macs[0].read_data.val();
        self.epochs.next = self.pairs[0].read_data.val();
        self.tx_mac.next = self.macs[1].read_data.val();
        self.tx_epochs.next = self.pairs[1].read_data.val();
    }
}
