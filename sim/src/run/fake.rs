//! A pair that carries one TLP a frame and repeats nothing, to test what surrounds a pair.

use std::collections::VecDeque;

use super::pins::{Pair, PebCounters, PebIn, PebOut, TunnelPair};
use crate::net::{Frame, GmiiDecoder, GmiiEncoder, Shape};
use crate::stream::{Beat, BEAT_BYTES};
use peb_tlp::TlpView;

/// Where the TLP begins in a frame: behind addresses, type and its length.
const PAYLOAD: usize = 16;

/// One of the two.
#[derive(Default)]
pub struct FakePeb {
    packet: Vec<u8>,
    encoder: GmiiEncoder,
    decoder: GmiiDecoder,
    out: VecDeque<Beat>,
}

/// The pair.
#[derive(Default)]
pub struct FakePair {
    /// Both.
    pub pebs: Pair<FakePeb>,
    /// Clocks so far.
    pub clock: u64,
    /// Changes the outputs of a clock.
    pub misbehaviour: Option<fn(u64, &mut Pair<PebOut>)>,
    /// Gap between frames, 12 unless set.
    pub gap: u32,
}

impl FakePeb {
    /// Sends the packet if it is a TLP.
    fn send(&mut self, gap: u32) {
        let tlp = std::mem::take(&mut self.packet);
        if TlpView::parse(&tlp).is_ok() {
            let length = (tlp.len() as u16).to_be_bytes();
            let frame = Frame::build([2; 6], [4; 6], None, 0x88b5, &[&length[..], &tlp].concat());
            self.encoder.send_shaped(&frame, Shape { gap, ..Shape::default() });
        }
    }

    fn clock(&mut self, inputs: &PebIn, gap: u32) -> PebOut {
        let ready = self.encoder.queued() < 2;
        if let Some(beat) = inputs.pcie_rx.filter(|_| ready) {
            let bytes = beat.keep.count_ones() as usize;
            self.packet.extend(&beat.data.to_le_bytes()[..bytes.min(BEAT_BYTES)]);
            if beat.last {
                self.send(gap);
            }
        }
        if let Some(received) = self.decoder.clock(inputs.gmii_rx).filter(|r| r.is_good()) {
            let bytes = &received.frame.bytes;
            let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
            if received.frame.ethertype() == Some(0x88b5) && received.frame.dst() == Some([2; 6]) {
                self.out.extend(crate::stream::pack(&bytes[PAYLOAD..PAYLOAD + length]));
            }
        }
        let pcie_tx = self.out.front().copied();
        if pcie_tx.is_some() && inputs.pcie_tx_ready {
            self.out.pop_front();
        }
        PebOut {
            pcie_rx_ready: ready,
            pcie_rx_np_ok: true,
            pcie_tx,
            gmii_tx: self.encoder.clock(),
            peer_up: true,
            fatal: false,
        }
    }
}

impl TunnelPair for FakePair {
    fn clock(&mut self, inputs: &Pair<PebIn>) -> Pair<PebOut> {
        let gap = if self.gap == 0 { 12 } else { self.gap };
        let mut out = Pair { host: self.pebs.host.clock(&inputs.host, gap), io: self.pebs.io.clock(&inputs.io, gap) };
        if let Some(misbehave) = self.misbehaviour {
            misbehave(self.clock, &mut out);
        }
        self.clock += 1;
        out
    }

    fn counters(&mut self) -> Pair<PebCounters> {
        Pair::default()
    }
}
