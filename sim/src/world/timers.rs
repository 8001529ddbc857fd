//! The timers of PEBs: in clocks, or so that they suit the real time in which a real network is.

use std::time::{Duration, Instant};

use peb_regs::addr;

use super::fabric::{Fabric, Peb};
use super::World;

/// Timers of a PEB in clocks, TICK being 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// HELLO_TICKS.
    pub hello: u32,
    /// DOWN_TICKS.
    pub down: u32,
    /// TRACK_TICKS.
    pub track: u32,
    /// LINKUP_TICKS.
    pub linkup: u32,
}

impl<F: Fabric> World<F> {
    /// Sets the timers of all PEBs, and TICK to 1.
    pub fn set_timers(&mut self, timers: Timers) {
        let hosts = (0..self.hosts.len()).map(|n| (Peb::Host(n), addr::TRACK_TICKS, timers.track));
        let ios = (0..self.devices.len()).map(|n| (Peb::Io(n), addr::LINKUP_TICKS, timers.linkup));
        for (peb, register, value) in hosts.chain(ios).collect::<Vec<_>>() {
            let all = [
                (addr::HELLO_TICKS, timers.hello),
                (addr::DOWN_TICKS, timers.down),
                (register, value),
                (addr::TICK, 1),
            ];
            for (register, value) in all {
                self.write_register(peb, register, value);
            }
        }
    }
}

/// Real time of HELLO_TICKS.
const HELLO: Duration = Duration::from_millis(40);
/// Real time of DOWN_TICKS: long against what a busy machine may keep a process waiting.
const DOWN: Duration = Duration::from_secs(1);
/// Real time of TRACK_TICKS: longer than a peer can be silent.
const TRACK: Duration = Duration::from_secs(5);
/// Real time of LINKUP_TICKS.
const LINKUP: Duration = Duration::from_millis(10);
/// Real time over which the speed is measured.
const SPAN: Duration = Duration::from_millis(100);
/// Clocks a second that are assumed before anything was measured.
const ASSUMED: f64 = 100_000.0;
/// Change of the speed from which on the timers are set again.
const CHANGE: f64 = 1.25;

/// Keeps the timers of PEBs that share a network with other processes at the same real times, however fast each process
/// simulates.
///
/// Simulated clocks pass as fast as the machine can make them, at another speed in each process and another from second to
/// second, while frames between them take real time. What the processes must agree on is silence: a peer is lost when it
/// has said nothing for DOWN_TICKS, and it says something every HELLO_TICKS. So each process measures how many clocks a
/// second it makes, and writes HELLO_TICKS, DOWN_TICKS, TRACK_TICKS and LINKUP_TICKS again whenever that has changed by a
/// quarter. Silence is 25 announcements long: a process may become that many times slower before its peer takes it for
/// lost. Acknowledgements need no such care: a retransmission that comes too early costs a frame, and no more.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    begin: Instant,
    clock: u64,
    speed: f64,
    set: Option<f64>,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { begin: Instant::now(), clock: 0, speed: ASSUMED, set: None }
    }
}

impl Pace {
    /// Clocks a second, as measured last.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// The timers at a speed in clocks a second.
    fn timers(speed: f64) -> Timers {
        let clocks = |time: Duration| (time.as_secs_f64() * speed).clamp(1.0, f64::from((1u32 << 24) - 1)) as u32;
        Timers { hello: clocks(HELLO), down: clocks(DOWN), track: clocks(TRACK), linkup: clocks(LINKUP) }
    }

    /// To be called often: measures, and sets the timers if they no longer suit.
    pub fn keep<F: Fabric>(&mut self, world: &mut World<F>) {
        let span = self.begin.elapsed();
        if span >= SPAN {
            self.measured(world.now() - self.clock, span);
            (self.begin, self.clock) = (Instant::now(), world.now());
        }
        if let Some(speed) = self.due() {
            world.set_timers(Self::timers(speed));
        }
    }

    /// Half of what was, half of what is: one pause of the machine is not the end of the world.
    fn measured(&mut self, clocks: u64, span: Duration) {
        let is = clocks as f64 / span.as_secs_f64();
        self.speed = (self.speed + is) / 2.0;
    }

    /// The speed that the timers must be set for, if they must.
    fn due(&mut self) -> Option<f64> {
        let suits = |set: f64| self.speed < set * CHANGE && self.speed > set / CHANGE;
        if self.set.is_some_and(suits) {
            return None;
        }
        self.set = Some(self.speed);
        self.set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_follow_the_speed() {
        let mut pace = Pace::default();
        assert_eq!(pace.due(), Some(ASSUMED));
        assert_eq!(Pace::timers(ASSUMED), Timers { hello: 4000, down: 100_000, track: 500_000, linkup: 1000 });
        // Small changes do not matter.
        pace.measured(11_000, SPAN);
        assert_eq!(pace.due(), None);
        (0..20).for_each(|_| pace.measured(40_000, SPAN));
        let speed = pace.due().expect("four times as fast");
        assert!((speed - 400_000.0).abs() < 1000.0, "{speed}");
        assert_eq!(Pace::timers(speed).down / 1000, 399);
        // A process that stands still has timers all the same, and one that flies none that do not fit.
        (0..60).for_each(|_| pace.measured(0, SPAN));
        assert_eq!(pace.due().map(Pace::timers), Some(Timers { hello: 1, down: 1, track: 1, linkup: 1 }));
        assert_eq!(Pace::timers(1e9).down, (1 << 24) - 1);
    }
}
