//! What a bad network does to frames, decided by seed and by script.

use std::ops::RangeInclusive;

use rand::distributions::uniform::SampleUniform;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Faults of one direction of a link. Probabilities are per frame, 0 to 1; times are clocks.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultConfig {
    /// Probability that a frame is lost.
    pub drop: f64,
    /// Probability that a frame arrives twice.
    pub duplicate: f64,
    /// Probability that a frame is overtaken by later ones.
    pub reorder: f64,
    /// By how many frames a reordered frame is overtaken, uniform.
    pub overtaken_by: RangeInclusive<u32>,
    /// A reordered frame waits no longer than this, even if no others come.
    pub reorder_wait: u64,
    /// Probability that one to three bits of a frame are inverted. CRC-32 finds all of those.
    pub corrupt: f64,
    /// Probability that a PAUSE frame is put after a frame.
    pub pause: f64,
    /// What the PAUSE frames ask for, in units of 64 clocks, uniform.
    pub pause_quanta: RangeInclusive<u16>,
    /// Probability that a burst of garbage is put after a frame, see [`crate::garbage::burst`].
    pub garbage: f64,
    /// Time from the first octet in to the first octet out.
    pub delay: u64,
    /// Added to the delay of each frame, uniform from 0. Frames do not overtake each other because of it.
    pub jitter: u64,
    /// Times in which the cable is cut: from, to.
    pub cuts: Vec<(u64, u64)>,
    /// What happens at which clock, in any order.
    pub script: Vec<(u64, Action)>,
}

impl Default for FaultConfig {
    fn default() -> Self {
        FaultConfig {
            drop: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            overtaken_by: 1..=4,
            reorder_wait: 12_500,
            corrupt: 0.0,
            pause: 0.0,
            pause_quanta: 1..=64,
            garbage: 0.0,
            delay: 0,
            jitter: 0,
            cuts: Vec::new(),
            script: Vec::new(),
        }
    }
}

impl FaultConfig {
    /// The first probability outside 0 to 1, by name.
    pub fn bad_probability(&self) -> Option<(&'static str, f64)> {
        [
            ("drop", self.drop),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
            ("pause", self.pause),
            ("garbage", self.garbage),
        ]
        .into_iter()
        .find(|(_, p)| !(0.0..=1.0).contains(p))
    }
}

/// A step of a script. Those that concern frames apply to frames that begin at that clock or later.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Loses the next frames.
    Drop(u32),
    /// Doubles the next frames.
    Duplicate(u32),
    /// Lets the next frame be overtaken by this many.
    Reorder(u32),
    /// Corrupts the next frames.
    Corrupt(u32),
    /// Changes the delay, in clocks.
    Delay(u64),
    /// Changes the jitter, in clocks.
    Jitter(u64),
    /// Changes the probability of loss.
    Loss(f64),
    /// Sends a PAUSE frame of so many units of 64 clocks.
    Pause(u16),
    /// Cuts the cable until this clock.
    Cut(u64),
    /// Mends the cable.
    Mend,
}

/// What becomes of one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Lost; nothing else happens to it then.
    pub drop: bool,
    /// Arrives twice.
    pub duplicate: bool,
    /// Is overtaken by so many frames.
    pub overtaken_by: u32,
    /// Bits are inverted.
    pub corrupt: bool,
    /// A PAUSE frame follows it, of so many units.
    pub pause: Option<u16>,
    /// A burst of garbage follows it.
    pub garbage: bool,
    /// Clocks from first octet in to first octet out.
    pub delay: u64,
}

/// Decides the fate of each frame. Same configuration, seed and frames: same fates.
#[derive(Clone, Debug)]
pub struct Faults {
    config: FaultConfig,
    script: Vec<(u64, Action)>,
    rng: ChaCha8Rng,
    drop: u32,
    duplicate: u32,
    corrupt: u32,
    reorder: Option<u32>,
    pauses: Vec<u16>,
    cut_until: u64,
}

impl Faults {
    /// Faults with their own random numbers. Probabilities are limited to 0 to 1.
    pub fn new(config: FaultConfig, seed: u64) -> Self {
        let mut script = config.script.clone();
        script.extend(config.cuts.iter().map(|&(from, to)| (from, Action::Cut(to))));
        // The next step is at the end.
        script.sort_by_key(|&(clock, _)| std::cmp::Reverse(clock));
        Faults {
            config,
            script,
            rng: ChaCha8Rng::seed_from_u64(seed),
            drop: 0,
            duplicate: 0,
            corrupt: 0,
            reorder: None,
            pauses: Vec::new(),
            cut_until: 0,
        }
    }

    /// The configuration as it is now, script steps applied.
    pub fn config(&self) -> &FaultConfig {
        &self.config
    }

    /// Changes probabilities and times in mid-run. Cuts and script steps in it are ignored: use [`Faults::act`].
    pub fn set_config(&mut self, config: FaultConfig) {
        self.config = config;
    }

    /// Does what the script says up to this clock.
    pub fn advance(&mut self, now: u64) {
        while self.script.last().is_some_and(|&(at, _)| at <= now) {
            let (_, action) = self.script.pop().expect("looked at above");
            self.act(action);
        }
    }

    /// Does a step at once.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Drop(n) => self.drop += n,
            Action::Duplicate(n) => self.duplicate += n,
            Action::Reorder(n) => self.reorder = Some(n),
            Action::Corrupt(n) => self.corrupt += n,
            Action::Delay(clocks) => self.config.delay = clocks,
            Action::Jitter(clocks) => self.config.jitter = clocks,
            Action::Loss(p) => self.config.drop = p,
            Action::Pause(quanta) => self.pauses.push(quanta),
            Action::Cut(until) => self.cut_until = self.cut_until.max(until),
            Action::Mend => self.cut_until = 0,
        }
    }

    /// Whether the cable is cut in this clock.
    pub fn is_cut(&self, now: u64) -> bool {
        now < self.cut_until
    }

    /// Whether the script asks for a PAUSE frame.
    pub fn has_pause(&self) -> bool {
        !self.pauses.is_empty()
    }

    /// A PAUSE frame the script asks for.
    pub fn take_pause(&mut self) -> Option<u16> {
        self.pauses.pop()
    }

    /// Random numbers for how a fault is carried out.
    pub fn rng(&mut self) -> &mut impl Rng {
        &mut self.rng
    }

    /// Decides on the frame that begins now. Draws the same random numbers whatever the outcome.
    pub fn fate(&mut self) -> Fate {
        let c = &self.config;
        let rng = &mut self.rng;
        let mut draw = |p: f64| rng.gen::<f64>() < p;
        let [drop, duplicate, reorder, corrupt, pause, garbage] =
            [c.drop, c.duplicate, c.reorder, c.corrupt, c.pause, c.garbage].map(&mut draw);
        let by = within(rng, &c.overtaken_by);
        let quanta = within(rng, &c.pause_quanta);
        let jitter = rng.gen_range(0..=c.jitter);
        let scripted = |left: &mut u32| std::mem::replace(left, left.saturating_sub(1)) > 0;
        Fate {
            drop: scripted(&mut self.drop) | drop,
            duplicate: scripted(&mut self.duplicate) | duplicate,
            overtaken_by: self.reorder.take().unwrap_or(if reorder { by } else { 0 }),
            corrupt: scripted(&mut self.corrupt) | corrupt,
            pause: pause.then_some(quanta),
            garbage,
            delay: c.delay + jitter,
        }
    }
}

/// A number in a range; of an empty range its start.
fn within<T: SampleUniform + PartialOrd + Copy>(rng: &mut impl Rng, range: &RangeInclusive<T>) -> T {
    if range.is_empty() {
        return *range.start();
    }
    rng.gen_range(range.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_what_was_asked_for_and_seeds_decide() {
        let config =
            FaultConfig { drop: 0.05, duplicate: 0.1, reorder: 0.2, corrupt: 0.02, jitter: 9, ..Default::default() };
        let run = |seed| {
            let mut faults = Faults::new(config.clone(), seed);
            (0..100_000).map(|_| faults.fate()).collect::<Vec<_>>()
        };
        let fates = run(7);
        assert_eq!(fates, run(7));
        assert_ne!(fates, run(8));
        let share = |f: fn(&Fate) -> bool| fates.iter().filter(|&x| f(x)).count() as f64 / 1e5;
        // Five standard deviations of a binomial of 100,000.
        let near = |p: f64, share: f64| (share - p).abs() < 5.0 * (p * (1.0 - p) / 1e5).sqrt();
        assert!(near(0.05, share(|f| f.drop)));
        assert!(near(0.1, share(|f| f.duplicate)));
        assert!(near(0.2, share(|f| f.overtaken_by > 0)));
        assert!(near(0.02, share(|f| f.corrupt)));
        assert!(near(0.1, share(|f| f.delay == 9)));
        assert!(fates.iter().all(|f| f.overtaken_by <= 4 && f.delay <= 9));
    }

    #[test]
    fn the_script_is_kept() {
        let script = vec![
            (20, Action::Delay(500)),
            (10, Action::Drop(2)),
            (10, Action::Pause(3)),
            (30, Action::Reorder(2)),
            (30, Action::Corrupt(1)),
        ];
        let mut faults = Faults::new(FaultConfig { script, cuts: vec![(40, 50)], ..Default::default() }, 0);
        let mut at = |clock| {
            faults.advance(clock);
            (faults.fate(), faults.take_pause(), faults.is_cut(clock))
        };
        assert_eq!(at(9), (Fate::default(), None, false));
        assert_eq!(at(10), (Fate { drop: true, ..Fate::default() }, Some(3), false));
        assert!(at(11).0.drop && !at(12).0.drop);
        assert_eq!(at(25).0, Fate { delay: 500, ..Fate::default() });
        assert_eq!(at(35).0, Fate { delay: 500, overtaken_by: 2, corrupt: true, ..Fate::default() });
        assert_eq!([39, 40, 49, 50].map(|c| at(c).2), [false, true, true, false]);
    }

    #[test]
    fn empty_ranges_do_no_harm() {
        let (overtaken_by, pause_quanta) = (RangeInclusive::new(5, 2), RangeInclusive::new(9, 1));
        let config = FaultConfig { reorder: 1.0, pause: 1.0, overtaken_by, pause_quanta, ..Default::default() };
        let fate = Faults::new(config, 0).fate();
        assert_eq!((fate.overtaken_by, fate.pause), (5, Some(9)));
    }

    #[test]
    fn impossible_probabilities_are_named() {
        let config = FaultConfig { corrupt: 1.5, ..Default::default() };
        assert_eq!(config.bad_probability(), Some(("corrupt", 1.5)));
        assert_eq!(FaultConfig { drop: f64::NAN, ..Default::default() }.bad_probability().unwrap().0, "drop");
        assert_eq!(FaultConfig::default().bad_probability(), None);
    }
}
