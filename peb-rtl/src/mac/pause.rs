//! Obeying PAUSE.

use peb_hdl::prelude::*;

/// Keeps the transmitter still for the time that a PAUSE frame asks for (IEEE 802.3 annex 31B), but never longer than
/// `limit_ticks` at a stretch, so that nobody can silence a PEB for good.
///
/// - Latency: `paused` follows `pause_set` by one clock. One quantum is 512 bit times, 64 clocks. A time of 0 ends the pause.
/// - After a stretch of `limit_ticks` the next frame may start; a PAUSE that comes then begins a new stretch.
/// - Reset: not paused.
#[derive(Module, Default)]
pub struct Pause {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// One clock: a PAUSE frame arrived.
    pub pause_set: Signal<In, Bit>,
    pub pause_quanta: Signal<In, U<16>>,
    /// One clock a tick.
    pub tick: Signal<In, Bit>,
    pub limit_ticks: Signal<In, U<24>>,
    pub paused: Signal<Out, Bit>,
    /// One clock: a pause began.
    pub obeyed: Signal<Out, Bit>,
    quanta: Reg<U<16>>,
    part: Reg<U<6>>,
    stretch: Reg<U<24>>,
    holding: Reg<Bit>,
    began: Reg<Bit>,
    _activity: Activity,
}

impl Logic for Pause {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, quanta, part, stretch, holding, began);
        self.began.d.next = false;
        if self.holding.q.val() {
            self.part.d.next = self.part.q.val() + 1;
            if self.part.q.val() == 63 {
                self.quanta.d.next = self.quanta.q.val() - 1;
                if self.quanta.q.val() == 1 {
                    self.holding.d.next = false;
                }
            }
            if self.tick.val() {
                self.stretch.d.next = self.stretch.q.val() + 1;
            }
            if self.stretch.q.val() >= self.limit_ticks.val() {
                self.holding.d.next = false;
            }
        } else {
            self.part.d.next = 0.into();
            self.stretch.d.next = 0.into();
        }
        if self.pause_set.val() {
            self.part.d.next = 0.into();
            self.quanta.d.next = self.pause_quanta.val();
            self.holding.d.next = self.pause_quanta.val().any();
            if self.holding.q.val() && (self.stretch.q.val() >= self.limit_ticks.val()) {
                self.holding.d.next = false;
            }
            self.began.d.next = self.pause_quanta.val().any() && !self.holding.q.val();
        }
        self.paused.next = self.holding.q.val();
        self.obeyed.next = self.began.q.val();
        if self.reset.val() {
            self.holding.d.next = false;
            self.began.d.next = false;
        }
    }
}
