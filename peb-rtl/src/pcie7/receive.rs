//! TLPs from the block to the core.

use super::{Crossing, Swap, Tally};
use peb_hdl::prelude::*;

/// Takes TLPs from `m_axis_rx` and gives them to the core's `pcie_rx`, each whole.
///
/// - Latency: the length of the TLP and about 6 clocks; a non-posted one is stored twice. Throughput: a beat a clock, and a clock between TLPs.
/// - Non-posted TLPs wait for `out_np_ok` aside, so that others pass them; they never pass what came before them. At most eleven wait: with
///   eight on their way `rx_np_ok` falls, and three may come before the block obeys it (R4). A TLP of either kind goes out in turn; a non-posted one starts
///   a clock after `out_np_ok` was 1.
/// - Registered: what waits, states, `rx_np_ok`; `out_` data come out of LUT RAM.
/// - `user_reset`: what the block has begun is forgotten. `reset`: what the core has begun is taken to its end and not shown, and so is
///   what comes meanwhile.
/// - Bad input: a TLP that is too long is dropped, see [`Crossing`]; `dropped` of `user_clock`. BAR hits and the marks of `tuser` tell nothing
///   that is not in the TLP, and are not looked at.
/// - Waits for `out_ready` and `out_np_ok`; `rx_ready` for room.
#[derive(Module, Default)]
pub struct Receive {
    pub user_clock: Signal<In, Clk>,
    pub user_reset: Signal<In, Bit>,
    pub rx_data: Signal<In, U<64>>,
    pub rx_keep: Signal<In, U<8>>,
    pub rx_last: Signal<In, Bit>,
    pub rx_valid: Signal<In, Bit>,
    pub rx_ready: Signal<Out, Bit>,
    pub rx_np_ok: Signal<Out, Bit>,
    pub dropped: Signal<Out, Bit>,
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub out_data: Signal<Out, U<64>>,
    pub out_keep: Signal<Out, U<8>>,
    pub out_last: Signal<Out, Bit>,
    pub out_valid: Signal<Out, Bit>,
    pub out_ready: Signal<In, Bit>,
    pub out_np_ok: Signal<In, Bit>,
    swap: Swap,
    crossing: Crossing,
    came: Tally,
    left: Tally,
    inside: Reg<Bit>,
    kind: Reg<Bit>,
    np_ok: Reg<Bit>,
    code: Signal<Local, U<5>>,
    non_posted: Signal<Local, Bit>,
    waiting: Signal<Local, U<8>>,
    /// Non-posted TLPs aside: beats, and how many TLPs are whole.
    aside: LutRam<W<66>, 7>,
    head: Reg<U<7>>,
    tail: Reg<U<7>>,
    held: Reg<U<5>>,
    state: Reg<ReceiveState>,
    /// A non-posted TLP went last: another kind has the turn.
    turn: Reg<Bit>,
    mute: Reg<Bit>,
    silent: Signal<Local, Bit>,
    free: Signal<Local, Bit>,
    word: Signal<Local, W<66>>,
    in_ordered: Signal<Local, Bit>,
    grew: Signal<Local, Bit>,
    shrank: Signal<Local, Bit>,
    _activity: Activity,
}

/// What the core's side does.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum ReceiveState {
    /// Between TLPs.
    Idle,
    /// A posted request or a completion goes out.
    Ordered,
    /// A non-posted one is put aside.
    Keep,
    /// A non-posted one goes out.
    Release,
}

impl Logic for Receive {
    #[hdl_gen]
    fn update(&mut self) {
        // The block's clock.
        dff_setup!(self, user_clock, inside, kind, np_ok);
        self.swap.from.next = self.rx_data.val();
        self.code.next = self.swap.to.val().get_bits::<5>(0);
        // Type of the first byte: memory (not with data, bit 6 of the byte), locked, I/O, configuration, AtomicOp (PCIe table 2-3).
        self.non_posted.next = false;
        if self.code.val() == 0 {
            self.non_posted.next = !self.swap.to.val().get_bit(6);
        } else if (self.code.val() == 1) || (self.code.val() == 2) || (self.code.val() == 4) || (self.code.val() == 5) {
            self.non_posted.next = true;
        } else if (self.code.val() == 12)
            || (self.code.val() == 13)
            || (self.code.val() == 14)
            || (self.code.val() == 27)
        {
            self.non_posted.next = true;
        }
        if self.inside.q.val() {
            self.non_posted.next = self.kind.q.val();
        }
        self.crossing.clock.next = self.user_clock.val();
        self.crossing.reset.next = self.user_reset.val();
        self.crossing.data.next = self.swap.to.val();
        self.crossing.half.next = self.rx_last.val() && !self.rx_keep.val().get_bit(4);
        self.crossing.non_posted.next = self.non_posted.val();
        self.crossing.last.next = self.rx_last.val();
        self.crossing.valid.next = self.rx_valid.val();
        self.crossing.cancel.next = false;
        self.rx_ready.next = self.crossing.ready.val();
        self.dropped.next = self.crossing.dropped.val();
        if self.rx_valid.val() && self.crossing.ready.val() {
            self.inside.d.next = !self.rx_last.val();
            self.kind.d.next = self.non_posted.val();
        }
        self.came.clock.next = self.user_clock.val();
        self.came.far_clock.next = self.clock.val();
        self.came.step.next = self.crossing.stored.val() && self.non_posted.val();
        self.waiting.next = self.came.count.val() - self.left.seen.val();
        self.np_ok.d.next = self.waiting.val() < 8;
        self.rx_np_ok.next = self.np_ok.q.val();
        if self.user_reset.val() {
            self.inside.d.next = false;
        }

        // The core's clock.
        dff_setup!(self, clock, head, tail, held, state, turn, mute);
        clock!(self, clock, aside, left);
        self.left.far_clock.next = self.user_clock.val();
        self.crossing.far_clock.next = self.clock.val();
        self.silent.next = self.reset.val() || self.mute.q.val();
        self.free.next = self.out_ready.val() || self.silent.val();
        self.mute.d.next = self.reset.val() || (self.mute.q.val() && (self.state.q.val() != ReceiveState::Idle));
        self.aside.read_address.next = self.head.q.val();
        self.word.next = self.aside.read_data.val();
        self.aside.write_enable.next = false;
        self.aside.write_address.next = self.tail.q.val();
        self.aside.write_data.next = bit_cast_wide::<66, 64>(self.crossing.out_data.val())
            | (bit_cast_wide::<66, 1>(self.crossing.out_half.val().into()) << 64)
            | (bit_cast_wide::<66, 1>(self.crossing.out_last.val().into()) << 65);
        self.out_data.next = self.crossing.out_data.val();
        self.out_last.next = self.crossing.out_last.val();
        self.out_keep.next = 255.into();
        if self.crossing.out_half.val() {
            self.out_keep.next = 15.into();
        }
        self.out_valid.next = false;
        self.crossing.out_ready.next = false;
        self.grew.next = false;
        self.shrank.next = false;
        self.in_ordered.next = self.crossing.out_valid.val() && !self.crossing.out_non_posted.val();
        match self.state.q.val() {
            ReceiveState::Idle => {
                if self.held.q.val().any()
                    && (self.out_np_ok.val() || self.reset.val())
                    && !(self.turn.q.val() && self.in_ordered.val())
                {
                    self.state.d.next = ReceiveState::Release;
                } else if self.in_ordered.val() {
                    self.state.d.next = ReceiveState::Ordered;
                } else if self.crossing.out_valid.val() {
                    self.state.d.next = ReceiveState::Keep;
                }
            }
            ReceiveState::Ordered => {
                self.out_valid.next = !self.silent.val();
                self.crossing.out_ready.next = self.free.val();
                if self.free.val() && self.crossing.out_last.val() {
                    self.turn.d.next = false;
                    self.state.d.next = ReceiveState::Idle;
                }
            }
            ReceiveState::Keep => {
                self.crossing.out_ready.next = true;
                self.aside.write_enable.next = true;
                self.tail.d.next = self.tail.q.val() + 1;
                if self.crossing.out_last.val() {
                    self.grew.next = true;
                    self.state.d.next = ReceiveState::Idle;
                }
            }
            ReceiveState::Release => {
                self.out_data.next = bit_cast_narrow::<64, 66>(self.word.val());
                self.out_last.next = self.word.val().get_bit(65);
                self.out_keep.next = 255.into();
                if self.word.val().get_bit(64) {
                    self.out_keep.next = 15.into();
                }
                self.out_valid.next = !self.silent.val();
                if self.free.val() {
                    self.head.d.next = self.head.q.val() + 1;
                    if self.word.val().get_bit(65) {
                        self.shrank.next = true;
                        self.turn.d.next = true;
                        self.state.d.next = ReceiveState::Idle;
                    }
                }
            }
        }
        self.left.step.next = self.shrank.val();
        if self.grew.val() {
            self.held.d.next = self.held.q.val() + 1;
        }
        if self.shrank.val() {
            self.held.d.next = self.held.q.val() - 1;
        }
    }
}
