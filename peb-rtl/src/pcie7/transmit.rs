//! TLPs from the core to the block.

use super::{Crossing, Swap, Tally};
use peb_hdl::prelude::*;

/// Takes TLPs from the core's `pcie_tx` and gives them to `s_axis_tx`, each whole and without a pause.
///
/// - Latency: the length of the TLP and about 6 clocks. Throughput: a beat a clock.
/// - `np_ok` falls with four non-posted TLPs on their way, or when the block has room for less than twelve TLPs. Up to three more may start
///   before the core obeys it, so that at most seven come to a block that had room for twelve: those that find no credit in the link's
///   partner leave room for the posted requests and completions that must pass them (R8).
/// - Registered: what waits, `np_ok`; data come out of LUT RAM. `tuser` is 0: no streaming, no discontinued TLP, ECRC and poison as the
///   TLP has them (R6, R7). `tx_cfg_gnt` is 1 (R9).
/// - `reset`: what the core has begun is forgotten. While `down` (of `user_clock`) is 1, and then to the end of that TLP, what comes is thrown away.
/// - Bad input: a TLP that is too long is dropped, see [`Crossing`]; `dropped` of `clock`.
/// - With [`Transmit::mirrored`] completions to requester 0xffff are dropped: they answer [`super::Mirror`].
/// - Waits for `tx_ready`.
#[derive(Module)]
pub struct Transmit {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub data: Signal<In, U<64>>,
    pub keep: Signal<In, U<8>>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    pub np_ok: Signal<Out, Bit>,
    pub dropped: Signal<Out, Bit>,
    pub user_clock: Signal<In, Clk>,
    /// The block is in reset or has no link.
    pub down: Signal<In, Bit>,
    pub tx_data: Signal<Out, U<64>>,
    pub tx_keep: Signal<Out, U<8>>,
    pub tx_last: Signal<Out, Bit>,
    pub tx_valid: Signal<Out, Bit>,
    pub tx_ready: Signal<In, Bit>,
    pub tx_buffers: Signal<In, U<6>>,
    mirrored: Constant<Bit>,
    crossing: Crossing,
    swap: Swap,
    came: Tally,
    left: Tally,
    /// Beat of the TLP: 0, 1, later.
    beat: Reg<U<2>>,
    kind: Reg<Bit>,
    completion: Reg<Bit>,
    may: Reg<Bit>,
    room_here: Sync2,
    code: Signal<Local, U<5>>,
    non_posted: Signal<Local, Bit>,
    waiting: Signal<Local, U<8>>,
    own: Signal<Local, Bit>,
    room: Reg<Bit>,
    inside: Reg<Bit>,
    mute: Reg<Bit>,
    silent: Signal<Local, Bit>,
    go: Signal<Local, Bit>,
    midway: Signal<Local, Bit>,
    _activity: Activity,
}

impl Default for Transmit {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Transmit {
    /// For a block that [`super::Mirror`] watches.
    pub fn mirrored() -> Self {
        Self::new(true)
    }

    fn new(mirrored: bool) -> Self {
        Transmit { mirrored: Constant::new(mirrored), ..Self::blank() }
    }
}

impl Logic for Transmit {
    #[hdl_gen]
    fn update(&mut self) {
        // The core's clock.
        dff_setup!(self, clock, beat, kind, completion, may);
        clock!(self, clock, crossing, came, room_here);
        self.code.next = self.data.val().get_bits::<5>(0);
        self.non_posted.next = false;
        if self.code.val() == 0 {
            self.non_posted.next = !self.data.val().get_bit(6);
        } else if (self.code.val() == 1) || (self.code.val() == 2) || (self.code.val() == 4) || (self.code.val() == 5) {
            self.non_posted.next = true;
        } else if (self.code.val() == 12)
            || (self.code.val() == 13)
            || (self.code.val() == 14)
            || (self.code.val() == 27)
        {
            self.non_posted.next = true;
        }
        if self.beat.q.val().any() {
            self.non_posted.next = self.kind.q.val();
        }
        // Requester in bytes 8 and 9 of a completion.
        self.own.next = self.mirrored.val()
            && (self.beat.q.val() == 1)
            && self.completion.q.val()
            && self.data.val().get_bits::<16>(0).all();
        self.crossing.reset.next = self.reset.val();
        self.crossing.data.next = self.data.val();
        self.crossing.half.next = self.last.val() && !self.keep.val().get_bit(4);
        self.crossing.non_posted.next = self.non_posted.val();
        self.crossing.last.next = self.last.val();
        self.crossing.valid.next = self.valid.val();
        self.crossing.cancel.next = self.own.val();
        self.ready.next = self.crossing.ready.val();
        self.dropped.next = self.crossing.dropped.val() && !self.own.val();
        if self.valid.val() && self.crossing.ready.val() {
            self.kind.d.next = self.non_posted.val();
            if self.beat.q.val() == 0 {
                self.completion.d.next = (self.code.val() == 10) || (self.code.val() == 11);
            }
            self.beat.d.next = 2.into();
            if self.beat.q.val() == 0 {
                self.beat.d.next = 1.into();
            }
            if self.last.val() {
                self.beat.d.next = 0.into();
            }
        }
        self.came.far_clock.next = self.user_clock.val();
        self.came.step.next = self.crossing.stored.val() && self.non_posted.val();
        self.waiting.next = self.came.count.val() - self.left.seen.val();
        self.room_here.d.next = self.room.q.val();
        self.may.d.next = self.room_here.q.val() && (self.waiting.val() < 4);
        self.np_ok.next = self.may.q.val();
        if self.reset.val() {
            self.beat.d.next = 0.into();
            self.may.d.next = false;
        }

        // The block's clock.
        dff_setup!(self, user_clock, room, inside, mute);
        self.crossing.far_clock.next = self.user_clock.val();
        self.left.clock.next = self.user_clock.val();
        self.left.far_clock.next = self.clock.val();
        self.room.d.next = self.tx_buffers.val() >= 12;
        self.silent.next = self.down.val() || self.mute.q.val();
        self.swap.from.next = self.crossing.out_data.val();
        self.tx_data.next = self.swap.to.val();
        self.tx_keep.next = 255.into();
        if self.crossing.out_half.val() {
            self.tx_keep.next = 15.into();
        }
        self.tx_last.next = self.crossing.out_last.val();
        self.tx_valid.next = self.crossing.out_valid.val() && !self.silent.val();
        self.crossing.out_ready.next = self.tx_ready.val() || self.silent.val();
        self.go.next = self.crossing.out_valid.val() && (self.tx_ready.val() || self.silent.val());
        self.midway.next = self.inside.q.val();
        if self.go.val() {
            self.midway.next = !self.crossing.out_last.val();
        }
        self.inside.d.next = self.midway.val();
        self.mute.d.next = self.silent.val() && self.midway.val();
        self.left.step.next = self.go.val() && self.crossing.out_last.val() && self.crossing.out_non_posted.val();
    }
}
