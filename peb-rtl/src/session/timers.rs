//! The timers of all sessions, read one after the other through one subtractor, once a tick.
//!
//! While `due`, timer `step` is next: `look` reads it, and in the clock after, `late` says whether its time is up and
//! `advance` goes to the next one. Steps: 0 announcement (`hello_ticks`), 1 a quarter of that, 2 another host (`down_ticks`),
//! 8 + n silence of session n (`down_ticks`, or the peer's if it is longer). Timers are stamps of the tick at which they
//! were started; a start may come in any clock. `reset` only ends the round: whoever uses a timer starts it first. Waits
//! for nothing.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Timers {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub tick: Signal<In, Bit>,
    pub ticks: Signal<In, U<24>>,
    pub hello_ticks: Signal<In, U<24>>,
    pub down_ticks: Signal<In, U<24>>,
    /// Index of the last session.
    pub last: Signal<In, U<3>>,
    pub due: Signal<Out, Bit>,
    pub step: Signal<Out, U<4>>,
    pub look: Signal<In, Bit>,
    pub late: Signal<Out, Bit>,
    pub advance: Signal<In, Bit>,
    /// Starts of timers 0, 1, 2.
    pub start_announcement: Signal<In, Bit>,
    pub start_quarter: Signal<In, Bit>,
    pub start_rival: Signal<In, Bit>,
    /// Starts the silence of session `row`, or tells its peer's DOWN_TICKS.
    pub start_silence: Signal<In, Bit>,
    pub write_limit: Signal<In, Bit>,
    pub row: Signal<In, U<3>>,
    pub limit: Signal<In, U<24>>,
    heard: LutRam<U<24>, 3>,
    limits: LutRam<U<24>, 3>,
    announcement: Reg<U<24>>,
    quarter: Reg<U<24>>,
    rival: Reg<U<24>>,
    round: Reg<Bit>,
    place: Reg<U<4>>,
    age: Reg<U<24>>,
    bound: Reg<U<24>>,
    since: Signal<Local, U<24>>,
    time: Signal<Local, U<24>>,
    _activity: Activity,
}

impl Logic for Timers {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, announcement, quarter, rival, round, place, age, bound);
        self.heard.clock.next = self.clock.val();
        self.heard.write_enable.next = self.start_silence.val();
        self.heard.write_address.next = self.row.val();
        self.heard.write_data.next = self.ticks.val();
        self.heard.read_address.next = self.place.q.val().get_bits::<3>(0);
        self.limits.clock.next = self.clock.val();
        self.limits.write_enable.next = self.write_limit.val();
        self.limits.write_address.next = self.row.val();
        self.limits.write_data.next = self.limit.val();
        self.limits.read_address.next = self.place.q.val().get_bits::<3>(0);

        self.since.next = self.heard.read_data.val();
        self.time.next = self.down_ticks.val();
        if self.place.q.val() == 0 {
            self.since.next = self.announcement.q.val();
            self.time.next = self.hello_ticks.val();
        } else if self.place.q.val() == 1 {
            self.since.next = self.quarter.q.val();
            self.time.next = self.hello_ticks.val() >> 2;
        } else if self.place.q.val() == 2 {
            self.since.next = self.rival.q.val();
        } else if self.limits.read_data.val() > self.down_ticks.val() {
            self.time.next = self.limits.read_data.val();
        }
        if self.look.val() {
            self.age.d.next = self.ticks.val() - self.since.val();
            self.bound.d.next = self.time.val();
        }
        if self.start_announcement.val() {
            self.announcement.d.next = self.ticks.val();
        }
        if self.start_quarter.val() {
            self.quarter.d.next = self.ticks.val();
        }
        if self.start_rival.val() {
            self.rival.d.next = self.ticks.val();
        }
        if self.tick.val() {
            self.round.d.next = true;
        }
        if self.advance.val() {
            self.place.d.next = self.place.q.val() + 1;
            if self.place.q.val() == 2 {
                self.place.d.next = 8.into();
            }
            if self.place.q.val().get_bit(3) && (self.place.q.val().get_bits::<3>(0) == self.last.val()) {
                self.place.d.next = 0.into();
                self.round.d.next = self.tick.val();
            }
        }
        self.due.next = self.round.q.val();
        self.step.next = self.place.q.val();
        self.late.next = self.age.q.val() >= self.bound.q.val();
        if self.reset.val() {
            self.round.d.next = false;
            self.place.d.next = 0.into();
        }
    }
}
