//! What slots that fell have left in a queue.

use peb_hdl::prelude::*;

/// Follows a queue of TLPs from or to slots: a slot that is down is `busy` while the queue holds a TLP of it, so that what belongs to one
/// life of its link does not leave in the next.
///
/// The queue is not searched: the slot waits for as many TLPs to leave as are in the queue when the last one of a slot that is down came, or when
/// the slot fell.
///
/// - Latency: two clocks. Registered: all. Reset: the queue is empty.
/// - Waits for nothing. Bad input: none.
#[derive(Module, Default)]
pub struct Leftover {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// One clock: a TLP of `slot` is in the queue.
    pub came: Signal<In, Bit>,
    pub slot: Signal<In, U<3>>,
    /// One clock: the oldest has left, wherever to.
    pub went: Signal<In, Bit>,
    pub slot_up: Signal<In, U<8>>,
    pub busy: Signal<Out, U<8>>,
    comes: Reg<Bit>,
    comes_slot: Reg<U<3>>,
    goes: Reg<Bit>,
    level: Reg<U<7>>,
    /// TLPs up to the last one of those slots.
    ahead: Reg<U<7>>,
    waits: Reg<U<8>>,
    was_up: Reg<U<8>>,
    level_now: Signal<Local, U<7>>,
    marks: Signal<Local, U<8>>,
    _activity: Activity,
}

impl Logic for Leftover {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, comes, comes_slot, goes, level, ahead, waits, was_up);
        self.comes.d.next = self.came.val();
        self.comes_slot.d.next = self.slot.val();
        self.goes.d.next = self.went.val();
        self.level_now.next = self.level.q.val();
        if self.comes.q.val() && !self.goes.q.val() {
            self.level_now.next = self.level.q.val() + 1;
        } else if self.goes.q.val() && !self.comes.q.val() {
            self.level_now.next = self.level.q.val() - 1;
        }
        self.level.d.next = self.level_now.val();
        self.was_up.d.next = self.slot_up.val();
        self.marks.next = self.was_up.q.val() & !self.slot_up.val();
        if self.comes.q.val() && !self.slot_up.val().get_bit(self.comes_slot.q.val().index()) {
            self.marks.next = self.marks.val().replace_bit(self.comes_slot.q.val().index(), true);
        }
        if self.marks.val().any() {
            self.ahead.d.next = self.level_now.val();
            self.waits.d.next = self.waits.q.val() | self.marks.val();
        } else if !self.ahead.q.val().any() {
            self.waits.d.next = 0.into();
        } else if self.goes.q.val() {
            self.ahead.d.next = self.ahead.q.val() - 1;
        }
        self.busy.next = self.waits.q.val();
        if self.reset.val() {
            self.comes.d.next = false;
            self.goes.d.next = false;
            self.level.d.next = 0.into();
            self.ahead.d.next = 0.into();
            self.waits.d.next = 0.into();
            self.was_up.d.next = 0.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{clocked, Bench};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::collections::VecDeque;

    clocked!(Leftover);

    /// A slot that is down is busy three clocks later if the queue has one of its TLPs, and free again when all that are there have left.
    #[test]
    fn a_slot_is_busy_until_its_last_tlp_has_left() {
        for seed in 0..3 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut bench = Bench::new("leftover", Leftover::default());
            bench.reset();
            let (mut queue, mut up, mut before) = (VecDeque::<u64>::new(), 0u64, [0u64; 2]);
            let (mut held, mut free) = (0, 0);
            for clock in 0..8000 {
                if rng.gen_bool(0.05) {
                    up ^= 1 << rng.gen_range(0..8);
                }
                let came = (queue.len() < 64 && rng.gen_bool(0.4)).then(|| rng.gen_range(0..8));
                let went = !queue.is_empty() && rng.gen_bool(if clock % 900 < 300 { 0.1 } else { 0.6 });
                let dut = bench.dut();
                dut.came.next = came.is_some();
                dut.slot.next = came.unwrap_or(0).into();
                dut.went.next = went;
                dut.slot_up.next = up.into();
                bench.settle();
                let seen = bench.dut().busy.val().raw();
                let owed = queue.iter().fold(0, |owed, slot| owed | 1 << slot) & !up;
                assert_eq!(owed & before[0] & before[1] & !seen, 0, "seed {seed}, clock {clock}");
                held += usize::from(owed & seen != 0);
                free += usize::from(seen == 0);
                before = [before[1], owed];
                if went {
                    queue.pop_front();
                }
                queue.extend(came);
                bench.tick();
            }
            // All slots fall, nothing comes: everything is free once the queue is empty.
            let left = queue.len();
            for clock in 0..left + 5 {
                let dut = bench.dut();
                (dut.came.next, dut.went.next, dut.slot_up.next) = (false, clock < left, 0.into());
                bench.tick();
            }
            bench.settle();
            assert_eq!(bench.dut().busy.val().raw(), 0, "seed {seed}: nothing is left");
            assert!(held > 500 && free > 100, "{held} held, {free} free");
            bench.assert_equivalent();
        }
    }
}
