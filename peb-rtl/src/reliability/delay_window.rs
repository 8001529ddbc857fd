//! How many frames each session may have in flight, from how much its round-trip time is above its minimum.
//!
//! Once a round-trip time: where even the shortest of its samples was more than the delay above the minimum that the
//! window tolerates, it shrinks by 1/8, else it grows by one frame; between 2 and 16 frames, 8 at first. A window of 16
//! frames tolerates `queue_limit`, each frame less 64 units (512 clocks) more: of those that share a queue, and see the
//! same delay, the larger shrinks and the smaller grows until they are equal. The minimum is believed for
//! 2^18 units (17 ms); then the window dips to one frame for two round trips, and the shortest sample of the second
//! one is the new minimum. Whoever shares a queue sees it empty while another dips, takes that for its own
//! measurement (a sample within 31 units of the minimum confirms it), and so dips at the same time from then on: all
//! measure the same minimum, and equal delay makes equal windows. Where no queue ever builds up, nothing dips.
//!
//! Times in units of 8 clocks, modulo 2^20. Latency: the limit changes five clocks after `sample`; a sample that comes
//! earlier than that after another is lost. Registered: the statistics. Reset and `forget` make a session begin anew;
//! tables keep their words. `collapse` cuts the window to 2 frames: at once, and as the new start when a sample comes.

use peb_hdl::prelude::*;

/// Where the update of a window is.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum WindowStep {
    Idle,
    Read,
    Sample,
    Judge,
    Write,
}

/// See the module's documentation.
#[derive(Module, Default)]
pub struct DelayWindow {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Time in units of 8 clocks.
    pub now: Signal<In, U<20>>,
    /// Delay above the minimum that a standing queue may cause, for a window of 16 frames; at most 64,511.
    pub queue_limit: Signal<In, U<16>>,
    /// A round trip of `session` took `time`; `mean`: the mean with it; `first`: its first.
    pub sample: Signal<In, Bit>,
    pub session: Signal<In, U<3>>,
    pub time: Signal<In, U<20>>,
    pub mean: Signal<In, U<20>>,
    pub first: Signal<In, Bit>,
    /// The network of `collapse_session` seems to be dead.
    pub collapse: Signal<In, Bit>,
    pub collapse_session: Signal<In, U<3>>,
    /// `forget_session` ends.
    pub forget: Signal<In, Bit>,
    pub forget_session: Signal<In, U<3>>,
    /// Session asked about, and a clock later how many frames it may have in flight.
    pub query: Signal<In, U<3>>,
    pub query_limit: Signal<Out, U<5>>,
    /// Statistics of this session, ten clocks after it was asked for at the latest.
    pub stat_session: Signal<In, U<3>>,
    /// Last round-trip time.
    pub stat_last: Signal<Out, U<20>>,
    /// Minimum of the round-trip time.
    pub stat_minimum: Signal<Out, U<20>>,
    /// Window in 1/16 frames.
    pub stat_window: Signal<Out, U<9>>,
    step: Reg<WindowStep>,
    row: Reg<U<3>>,
    taken: Reg<U<20>>,
    mean_taken: Reg<U<20>>,
    fresh: Reg<Bit>,
    window: Reg<U<9>>,
    minimum: Reg<U<20>>,
    believed: Reg<U<20>>,
    round: Reg<U<20>>,
    shortest: Reg<U<20>>,
    dip: Reg<U<2>>,
    round_over: Reg<Bit>,
    queued: Reg<Bit>,
    tolerated: Reg<U<16>>,
    dipping: Reg<U<8>>,
    collapsed: Reg<U<8>>,
    known: Reg<U<8>>,
    asked_limit: Reg<U<5>>,
    asked_known: Reg<Bit>,
    asked_collapsed: Reg<Bit>,
    asked_dipping: Reg<Bit>,
    last_shown: Reg<U<20>>,
    minimum_shown: Reg<U<20>>,
    window_shown: Reg<U<9>>,
    address: Signal<Local, U<3>>,
    write: Signal<Local, Bit>,
    row_bit: Signal<Local, U<8>>,
    collapse_bit: Signal<Local, U<8>>,
    forget_bit: Signal<Local, U<8>>,
    query_bit: Signal<Local, U<8>>,
    age: Signal<Local, U<20>>,
    round_age: Signal<Local, U<20>>,
    above: Signal<Local, U<20>>,
    slack: Signal<Local, U<20>>,
    smaller: Signal<Local, U<9>>,
    larger: Signal<Local, U<9>>,
    lasts: LutRam<U<20>, 3>,
    windows: LutRam<U<9>, 3>,
    limits: LutRam<U<5>, 3>,
    minimums: LutRam<U<20>, 3>,
    beliefs: LutRam<U<20>, 3>,
    rounds: LutRam<U<20>, 3>,
    shortests: LutRam<U<20>, 3>,
    dips: LutRam<U<2>, 3>,
    _activity: Activity,
}

impl DelayWindow {
    /// Windows with tables of `sessions` rows.
    pub fn new(sessions: usize) -> Self {
        Self {
            lasts: LutRam::with_depth(sessions),
            windows: LutRam::with_depth(sessions),
            limits: LutRam::with_depth(sessions),
            minimums: LutRam::with_depth(sessions),
            beliefs: LutRam::with_depth(sessions),
            rounds: LutRam::with_depth(sessions),
            shortests: LutRam::with_depth(sessions),
            dips: LutRam::with_depth(sessions),
            ..Default::default()
        }
    }
}

impl Logic for DelayWindow {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, step, row, taken, mean_taken, fresh, window, minimum, believed, round, shortest, dip);
        dff_setup!(self, clock, round_over, queued, tolerated, dipping, collapsed, known, last_shown, minimum_shown);
        dff_setup!(self, clock, window_shown, asked_limit, asked_known, asked_collapsed, asked_dipping);
        self.row_bit.next = bits::<8>(1) << self.row.q.val();
        self.query_bit.next = bits::<8>(1) << self.query.val();
        self.collapse_bit.next = bits::<8>(0);
        if self.collapse.val() {
            self.collapse_bit.next = bits::<8>(1) << self.collapse_session.val();
        }
        self.forget_bit.next = bits::<8>(0);
        if self.forget.val() {
            self.forget_bit.next = bits::<8>(1) << self.forget_session.val();
        }

        // What may be in flight.
        self.asked_limit.d.next = self.limits.read_data.val();
        self.asked_known.d.next = (self.known.q.val() & self.query_bit.val()).any();
        self.asked_collapsed.d.next = (self.collapsed.q.val() & self.query_bit.val()).any();
        self.asked_dipping.d.next = (self.dipping.q.val() & self.query_bit.val()).any();
        self.query_limit.next = self.asked_limit.q.val();
        if !self.asked_known.q.val() {
            self.query_limit.next = bits::<5>(8);
        }
        if self.asked_collapsed.q.val() {
            self.query_limit.next = bits::<5>(2);
        }
        if self.asked_dipping.q.val() {
            self.query_limit.next = bits::<5>(1);
        }
        self.collapsed.d.next = self.collapsed.q.val() | self.collapse_bit.val();

        // The steps of an update.
        self.write.next = false;
        self.age.next = self.now.val() - self.believed.q.val();
        self.round_age.next = self.now.val() - self.round.q.val();
        self.above.next = self.shortest.q.val() - self.minimum.q.val();
        self.slack.next = self.minimum.q.val() + bits::<20>(31);
        self.smaller.next = self.window.q.val() - (self.window.q.val() >> 3);
        match self.step.q.val() {
            WindowStep::Idle => {
                if self.sample.val() {
                    self.row.d.next = self.session.val();
                    self.taken.d.next = self.time.val();
                    self.mean_taken.d.next = self.mean.val();
                    self.fresh.d.next = self.first.val();
                    self.step.d.next = WindowStep::Read;
                }
            }
            WindowStep::Read => {
                self.window.d.next = self.windows.read_data.val();
                self.minimum.d.next = self.minimums.read_data.val();
                self.believed.d.next = self.beliefs.read_data.val();
                self.round.d.next = self.rounds.read_data.val();
                self.shortest.d.next = self.shortests.read_data.val();
                self.dip.d.next = self.dips.read_data.val();
                if self.fresh.q.val() {
                    self.window.d.next = bits::<9>(128);
                    self.minimum.d.next = self.taken.q.val();
                    self.believed.d.next = self.now.val();
                    self.round.d.next = self.now.val();
                    self.shortest.d.next = self.taken.q.val();
                    self.dip.d.next = bits::<2>(0);
                }
                self.step.d.next = WindowStep::Sample;
            }
            WindowStep::Sample => {
                if self.taken.q.val() < self.shortest.q.val() {
                    self.shortest.d.next = self.taken.q.val();
                }
                if self.taken.q.val() < self.minimum.q.val() {
                    self.minimum.d.next = self.taken.q.val();
                }
                if self.taken.q.val() <= self.slack.val() {
                    self.believed.d.next = self.now.val();
                }
                self.round_over.d.next = self.round_age.val() >= self.mean_taken.q.val();
                self.tolerated.d.next =
                    self.queue_limit.val() + bits::<16>(1024) - (bit_cast::<16, 9>(self.window.q.val()) << 2);
                if (self.collapsed.q.val() & self.row_bit.val()).any() {
                    self.window.d.next = bits::<9>(32);
                    self.collapsed.d.next = (self.collapsed.q.val() | self.collapse_bit.val()) & !self.row_bit.val();
                }
                self.step.d.next = WindowStep::Judge;
            }
            WindowStep::Judge => {
                self.queued.d.next = self.above.val() > bit_cast::<20, 16>(self.tolerated.q.val());
                self.step.d.next = WindowStep::Write;
                if self.round_over.q.val() {
                    self.round.d.next = self.now.val();
                    if self.dip.q.val() == 2 {
                        self.minimum.d.next = self.shortest.q.val();
                        self.believed.d.next = self.now.val();
                        self.dip.d.next = bits::<2>(0);
                        self.round_over.d.next = false;
                    } else if self.dip.q.val() == 1 {
                        self.dip.d.next = bits::<2>(2);
                        self.round_over.d.next = false;
                    } else if self.age.val().get_bit(18) || self.age.val().get_bit(19) {
                        self.dip.d.next = bits::<2>(1);
                        self.round_over.d.next = false;
                    }
                    self.shortest.d.next = bits::<20>(0xf_ffff);
                }
            }
            WindowStep::Write => {
                self.write.next = true;
                self.known.d.next = self.known.q.val() | self.row_bit.val();
                if self.dip.q.val().any() {
                    self.dipping.d.next = self.dipping.q.val() | self.row_bit.val();
                } else {
                    self.dipping.d.next = self.dipping.q.val() & !self.row_bit.val();
                }
                self.step.d.next = WindowStep::Idle;
            }
        }
        // In the last step the new window goes straight into the tables.
        self.larger.next = self.window.q.val();
        if self.round_over.q.val() {
            self.larger.next = self.window.q.val() + bits::<9>(16);
            if self.window.q.val() >= bits::<9>(240) {
                self.larger.next = bits::<9>(256);
            }
            if self.queued.q.val() {
                self.larger.next = self.smaller.val();
                if self.smaller.val() < bits::<9>(32) {
                    self.larger.next = bits::<9>(32);
                }
            }
        }
        self.address.next = self.row.q.val();
        if self.step.q.val() == WindowStep::Idle {
            self.address.next = self.stat_session.val();
            self.last_shown.d.next = self.lasts.read_data.val();
            self.minimum_shown.d.next = self.minimums.read_data.val();
            self.window_shown.d.next = self.windows.read_data.val();
        }
        self.lasts.clock.next = self.clock.val();
        self.lasts.write_enable.next = self.write.val();
        self.lasts.write_address.next = self.row.q.val();
        self.lasts.write_data.next = self.taken.q.val();
        self.lasts.read_address.next = self.address.val();
        self.minimums.clock.next = self.clock.val();
        self.minimums.write_enable.next = self.write.val();
        self.minimums.write_address.next = self.row.q.val();
        self.minimums.write_data.next = self.minimum.q.val();
        self.minimums.read_address.next = self.address.val();
        self.beliefs.clock.next = self.clock.val();
        self.beliefs.write_enable.next = self.write.val();
        self.beliefs.write_address.next = self.row.q.val();
        self.beliefs.write_data.next = self.believed.q.val();
        self.beliefs.read_address.next = self.address.val();
        self.rounds.clock.next = self.clock.val();
        self.rounds.write_enable.next = self.write.val();
        self.rounds.write_address.next = self.row.q.val();
        self.rounds.write_data.next = self.round.q.val();
        self.rounds.read_address.next = self.address.val();
        self.shortests.clock.next = self.clock.val();
        self.shortests.write_enable.next = self.write.val();
        self.shortests.write_address.next = self.row.q.val();
        self.shortests.write_data.next = self.shortest.q.val();
        self.shortests.read_address.next = self.address.val();
        self.dips.clock.next = self.clock.val();
        self.dips.write_enable.next = self.write.val();
        self.dips.write_address.next = self.row.q.val();
        self.dips.write_data.next = self.dip.q.val();
        self.dips.read_address.next = self.address.val();
        self.windows.clock.next = self.clock.val();
        self.windows.write_enable.next = self.write.val();
        self.windows.write_address.next = self.row.q.val();
        self.windows.write_data.next = self.larger.val();
        self.windows.read_address.next = self.address.val();
        self.limits.clock.next = self.clock.val();
        self.limits.write_enable.next = self.write.val();
        self.limits.write_address.next = self.row.q.val();
        self.limits.write_data.next = self.larger.val().get_bits::<5>(4);
        self.limits.read_address.next = self.query.val();
        if self.forget.val() {
            self.known.d.next = self.known.q.val() & !self.forget_bit.val();
            self.collapsed.d.next = self.collapsed.q.val() & !self.forget_bit.val();
            self.dipping.d.next = self.dipping.q.val() & !self.forget_bit.val();
        }
        self.stat_last.next = self.last_shown.q.val();
        self.stat_minimum.next = self.minimum_shown.q.val();
        self.stat_window.next = self.window_shown.q.val();
        if self.reset.val() {
            self.step.d.next = WindowStep::Idle;
            self.known.d.next = bits::<8>(0);
            self.collapsed.d.next = bits::<8>(0);
            self.dipping.d.next = bits::<8>(0);
        }
    }
}
