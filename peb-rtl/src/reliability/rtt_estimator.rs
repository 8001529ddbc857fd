//! Round-trip time of each session and the retransmission timeout from it, as in RFC 6298.
//!
//! All times in units of 8 clocks. mean += (r - mean)/8, deviation += (|r - mean| - deviation)/4,
//! timeout = mean + max(4 x deviation, 385); 385 units are two frames of maximum size: an acknowledgement may wait for
//! one that is being sent, and travel behind the TLPs of another.
//!
//! Latency: `update` five clocks after `sample`; a sample that comes earlier than that after another is lost, which
//! its source (a scan of 16 slots) does not do. Registered: all outputs. Reset and `forget` make a session begin anew
//! with its next sample; tables keep their words. Times of 2^20 units and more are cut to that by the source.

use peb_hdl::prelude::*;

/// Where the estimator is.
#[derive(Copy, Clone, Debug, PartialEq, LogicState)]
pub enum RttStep {
    Idle,
    Read,
    Error,
    Mean,
    Timeout,
}

/// See the module's documentation.
#[derive(Module, Default)]
pub struct RttEstimator {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// A round trip of `session` took `time`.
    pub sample: Signal<In, Bit>,
    pub session: Signal<In, U<3>>,
    pub time: Signal<In, U<20>>,
    /// Session `forget_session` ends.
    pub forget: Signal<In, Bit>,
    pub forget_session: Signal<In, U<3>>,
    /// One clock: the outputs below are of a new sample.
    pub update: Signal<Out, Bit>,
    pub update_session: Signal<Out, U<3>>,
    /// The first sample of the session.
    pub update_first: Signal<Out, Bit>,
    /// The sample.
    pub update_time: Signal<Out, U<20>>,
    /// The mean with it.
    pub update_mean: Signal<Out, U<20>>,
    /// The timeout with it.
    pub update_timeout: Signal<Out, U<24>>,
    known: Reg<U<8>>,
    step: Reg<RttStep>,
    row: Reg<U<3>>,
    first: Reg<Bit>,
    taken: Reg<U<20>>,
    mean: Reg<U<23>>,
    deviation: Reg<U<22>>,
    error: Reg<U<20>>,
    below: Reg<Bit>,
    timeout: Reg<U<24>>,
    updated: Reg<Bit>,
    means: LutRam<U<23>, 3>,
    deviations: LutRam<U<22>, 3>,
    whole: Signal<Local, U<20>>,
    quarter: Signal<Local, U<22>>,
    margin: Signal<Local, U<22>>,
    _activity: Activity,
}

impl RttEstimator {
    /// An estimator with tables of `sessions` rows.
    pub fn new(sessions: usize) -> Self {
        Self { means: LutRam::with_depth(sessions), deviations: LutRam::with_depth(sessions), ..Default::default() }
    }
}

impl Logic for RttEstimator {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, known, step, row, first, taken, mean, deviation, error, below, timeout, updated);
        self.means.clock.next = self.clock.val();
        self.means.write_enable.next = false;
        self.means.write_address.next = self.row.q.val();
        self.means.write_data.next = self.mean.q.val();
        self.means.read_address.next = self.row.q.val();
        self.deviations.clock.next = self.clock.val();
        self.deviations.write_enable.next = false;
        self.deviations.write_address.next = self.row.q.val();
        self.deviations.write_data.next = self.deviation.q.val();
        self.deviations.read_address.next = self.row.q.val();
        self.updated.d.next = false;

        self.whole.next = self.mean.q.val().get_bits::<20>(3);
        self.quarter.next = self.deviation.q.val() >> 2;
        self.margin.next = self.deviation.q.val();
        if self.deviation.q.val() < bits::<22>(385) {
            self.margin.next = bits::<22>(385);
        }
        match self.step.q.val() {
            RttStep::Idle => {
                if self.sample.val() {
                    self.row.d.next = self.session.val();
                    self.taken.d.next = self.time.val();
                    self.step.d.next = RttStep::Read;
                }
            }
            RttStep::Read => {
                self.first.d.next = !self.known.q.val().get_bit(self.row.q.val().index());
                self.mean.d.next = self.means.read_data.val();
                self.deviation.d.next = self.deviations.read_data.val();
                self.step.d.next = RttStep::Error;
            }
            RttStep::Error => {
                self.below.d.next = self.taken.q.val() < self.whole.val();
                self.error.d.next = self.taken.q.val() - self.whole.val();
                if self.taken.q.val() < self.whole.val() {
                    self.error.d.next = self.whole.val() - self.taken.q.val();
                }
                self.step.d.next = RttStep::Mean;
            }
            RttStep::Mean => {
                self.known.d.next = self.known.q.val() | (bits::<8>(1) << self.row.q.val());
                if self.first.q.val() {
                    self.mean.d.next = bit_cast::<23, 20>(self.taken.q.val()) << 3;
                    self.deviation.d.next = bit_cast::<22, 20>(self.taken.q.val()) << 1;
                } else {
                    self.deviation.d.next =
                        self.deviation.q.val() - self.quarter.val() + bit_cast::<22, 20>(self.error.q.val());
                    if self.below.q.val() {
                        self.mean.d.next = self.mean.q.val() - bit_cast::<23, 20>(self.error.q.val());
                    } else {
                        self.mean.d.next = self.mean.q.val() + bit_cast::<23, 20>(self.error.q.val());
                    }
                }
                self.step.d.next = RttStep::Timeout;
            }
            RttStep::Timeout => {
                self.means.write_enable.next = true;
                self.deviations.write_enable.next = true;
                self.timeout.d.next = bit_cast::<24, 20>(self.whole.val()) + bit_cast::<24, 22>(self.margin.val());
                self.updated.d.next = true;
                self.step.d.next = RttStep::Idle;
            }
        }
        if self.forget.val() {
            self.known.d.next = self.known.q.val() & !(bits::<8>(1) << self.forget_session.val());
        }
        self.update.next = self.updated.q.val();
        self.update_session.next = self.row.q.val();
        self.update_first.next = self.first.q.val();
        self.update_time.next = self.taken.q.val();
        self.update_mean.next = self.whole.val();
        self.update_timeout.next = self.timeout.q.val();
        if self.reset.val() {
            self.known.d.next = bits::<8>(0);
            self.step.d.next = RttStep::Idle;
            self.updated.d.next = false;
        }
    }
}
