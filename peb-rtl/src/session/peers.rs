//! Address and epochs of each session's peer, and the epochs it was offered: one write port, two read ports.
//!
//! A write lands at the next edge; reads are combinational (LUT RAM, one copy for each read port). The header is compared
//! with `row` in every clock; the `same_` outputs are registers and tell of the clock before. Nothing is reset:
//! [`Sessions`](super::Sessions) knows which rows count. Waits for nothing.

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
    /// Epochs offered, likewise.
    pub write_offer: Signal<In, Bit>,
    pub offer_epochs: Signal<In, U<32>>,
    /// What the header says.
    pub src: Signal<In, U<48>>,
    pub src_epoch: Signal<In, U<16>>,
    pub dst_epoch: Signal<In, U<16>>,
    /// The header against the row of one clock ago: address; both epochs of the session, the peer's; the same of the offer.
    pub same_mac: Signal<Out, Bit>,
    pub same_epochs: Signal<Out, Bit>,
    pub same_peer: Signal<Out, Bit>,
    pub same_offer: Signal<Out, Bit>,
    pub same_offer_peer: Signal<Out, Bit>,
    /// Row that the session block looks at.
    pub row: Signal<In, U<3>>,
    pub mac: Signal<Out, U<48>>,
    pub epochs: Signal<Out, U<32>>,
    pub offer: Signal<Out, U<32>>,
    /// `mac` and `epochs` of a clock ago.
    pub last_mac: Signal<Out, U<48>>,
    pub last_epochs: Signal<Out, U<32>>,
    /// Row that the transmitter looks at.
    pub tx_row: Signal<In, U<3>>,
    pub tx_mac: Signal<Out, U<48>>,
    pub tx_epochs: Signal<Out, U<32>>,
    macs: [LutRam<U<48>, 3>; 2],
    pairs: [LutRam<U<32>, 3>; 2],
    offers: LutRam<U<32>, 3>,
    /// 12 bits each.
    mac_hit: Reg<U<4>>,
    own_hit: Reg<Bit>,
    mac_before: Reg<U<48>>,
    epochs_before: Reg<U<32>>,
    peer_hit: Reg<Bit>,
    offer_own_hit: Reg<Bit>,
    offer_peer_hit: Reg<Bit>,
    _activity: Activity,
}

impl Logic for Peers {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, mac_before, epochs_before, mac_hit, own_hit, peer_hit, offer_own_hit, offer_peer_hit);
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
        self.mac_before.d.next = self.macs[0].read_data.val();
        self.epochs_before.d.next = self.pairs[0].read_data.val();
        self.last_mac.next = self.mac_before.q.val();
        self.last_epochs.next = self.epochs_before.q.val();
        self.tx_mac.next = self.macs[1].read_data.val();
        self.tx_epochs.next = self.pairs[1].read_data.val();
        self.offers.clock.next = self.clock.val();
        self.offers.write_enable.next = self.write_offer.val();
        self.offers.write_address.next = self.write_row.val();
        self.offers.write_data.next = self.offer_epochs.val();
        self.offers.read_address.next = self.row.val();
        self.offer.next = self.offers.read_data.val();

        self.mac_hit.d.next = bits::<4>(0)
            .replace_bit(0, self.macs[0].read_data.val().get_bits::<12>(0) == self.src.val().get_bits::<12>(0))
            .replace_bit(1, self.macs[0].read_data.val().get_bits::<12>(12) == self.src.val().get_bits::<12>(12))
            .replace_bit(2, self.macs[0].read_data.val().get_bits::<12>(24) == self.src.val().get_bits::<12>(24))
            .replace_bit(3, self.macs[0].read_data.val().get_bits::<12>(36) == self.src.val().get_bits::<12>(36));
        self.own_hit.d.next = self.pairs[0].read_data.val().get_bits::<16>(0) == self.dst_epoch.val();
        self.peer_hit.d.next = self.pairs[0].read_data.val().get_bits::<16>(16) == self.src_epoch.val();
        self.offer_own_hit.d.next = self.offers.read_data.val().get_bits::<16>(0) == self.dst_epoch.val();
        self.offer_peer_hit.d.next = self.offers.read_data.val().get_bits::<16>(16) == self.src_epoch.val();
        self.same_mac.next = self.mac_hit.q.val().all();
        self.same_epochs.next = self.own_hit.q.val() && self.peer_hit.q.val();
        self.same_peer.next = self.peer_hit.q.val();
        self.same_offer.next = self.offer_own_hit.q.val() && self.offer_peer_hit.q.val();
        self.same_offer_peer.next = self.offer_peer_hit.q.val();
    }
}
