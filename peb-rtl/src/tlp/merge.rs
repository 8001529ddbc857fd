//! Streams of TLPs into one.

use peb_hdl::prelude::*;

/// Takes whole TLPs of `N` streams (2 to 8) in turns.
///
/// A stream whose posted TLP or completion goes to a session without `room` is passed over, so that a peer that takes nothing does not
/// stop what goes to the others; non-posted TLPs have room of their own. A TLP whose `void` is set in its turn is dropped whole.
///
/// - Latency: a TLP passes one clock after it was first offered; its beats are not delayed after that. Throughput: a beat a clock
///   inside a TLP, one clock between TLPs.
/// - Registered: who is being taken from. The beats pass through.
/// - Reset: nobody is being taken from.
/// - Waits for `out_ready`, and in the middle of a TLP for its next beat.
#[derive(Module)]
pub struct Merge<const N: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Sessions that a posted TLP or completion can be given to now.
    pub room: Signal<In, U<8>>,
    /// The streams; `session`, `class` and `dwords` are steady over a TLP.
    pub session: [Signal<In, U<3>>; N],
    pub data: [Signal<In, U<64>>; N],
    pub half: [Signal<In, Bit>; N],
    pub first: [Signal<In, Bit>; N],
    pub last: [Signal<In, Bit>; N],
    pub valid: [Signal<In, Bit>; N],
    pub class: [Signal<In, U<2>>; N],
    pub dwords: [Signal<In, U<10>>; N],
    pub bad: [Signal<In, Bit>; N],
    pub void: [Signal<In, Bit>; N],
    pub ready: [Signal<Out, Bit>; N],
    pub out_session: Signal<Out, U<3>>,
    pub out_data: Signal<Out, U<64>>,
    pub out_half: Signal<Out, Bit>,
    pub out_first: Signal<Out, Bit>,
    pub out_last: Signal<Out, Bit>,
    pub out_valid: Signal<Out, Bit>,
    pub out_class: Signal<Out, U<2>>,
    pub out_dwords: Signal<Out, U<10>>,
    pub out_bad: Signal<Out, Bit>,
    pub out_ready: Signal<In, Bit>,
    /// One clock: a posted TLP was dropped a clock ago.
    pub dropped: Signal<Out, Bit>,
    busy: Reg<Bit>,
    /// What is being taken is dropped.
    dropping: Reg<Bit>,
    told: Reg<Bit>,
    /// The stream that is being taken from, or was last.
    choice: Reg<U<3>>,
    able: Signal<Local, U<8>>,
    voids: Signal<Local, U<8>>,
    above: Signal<Local, U<8>>,
    candidates: Signal<Local, U<8>>,
    ends: Signal<Local, Bit>,
    passing: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const N: usize> Default for Merge<N> {
    fn default() -> Self {
        Self::blank()
    }
}

impl<const N: usize> Logic for Merge<N> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, busy, dropping, told, choice);

        // Whose turn it is: the next one above the last that has something for somebody with room.
        self.able.next = 0.into();
        self.voids.next = 0.into();
        for i in 0..N {
            self.voids.next = self.voids.val().replace_bit(i, self.void[i].val());
            if self.valid[i].val()
                && (self.room.val().get_bit(self.session[i].val().index())
                    || (self.class[i].val() == 1)
                    || self.void[i].val())
            {
                self.able.next = self.able.val().replace_bit(i, true);
            }
        }
        self.above.next = self.able.val() & (bits::<8>(254) << self.choice.q.val());
        self.candidates.next = self.able.val();
        if self.above.val().any() {
            self.candidates.next = self.above.val();
        }
        if !self.busy.q.val() && self.able.val().any() {
            self.busy.d.next = true;
            self.dropping.d.next =
                (self.candidates.val() & (bits::<8>(0) - self.candidates.val()) & self.voids.val()).any();
            self.choice.d.next = 7.into();
            if self.candidates.val().get_bit(6) {
                self.choice.d.next = 6.into();
            }
            if self.candidates.val().get_bit(5) {
                self.choice.d.next = 5.into();
            }
            if self.candidates.val().get_bit(4) {
                self.choice.d.next = 4.into();
            }
            if self.candidates.val().get_bit(3) {
                self.choice.d.next = 3.into();
            }
            if self.candidates.val().get_bit(2) {
                self.choice.d.next = 2.into();
            }
            if self.candidates.val().get_bit(1) {
                self.choice.d.next = 1.into();
            }
            if self.candidates.val().get_bit(0) {
                self.choice.d.next = 0.into();
            }
        }

        // The beats of the chosen one.
        self.out_session.next = 0.into();
        self.out_data.next = 0.into();
        self.out_half.next = false;
        self.out_first.next = false;
        self.out_class.next = 0.into();
        self.out_dwords.next = 0.into();
        self.out_bad.next = false;
        self.ends.next = false;
        self.passing.next = false;
        for i in 0..N {
            self.ready[i].next = false;
            if self.choice.q.val().index() == i {
                self.out_session.next = self.session[i].val();
                self.out_data.next = self.data[i].val();
                self.out_half.next = self.half[i].val();
                self.out_first.next = self.first[i].val();
                self.out_class.next = self.class[i].val();
                self.out_dwords.next = self.dwords[i].val();
                self.out_bad.next = self.bad[i].val();
                self.ends.next = self.last[i].val();
                self.passing.next = self.valid[i].val() && self.busy.q.val();
                self.ready[i].next = (self.out_ready.val() || self.dropping.q.val()) && self.busy.q.val();
            }
        }
        self.out_last.next = self.ends.val();
        self.out_valid.next = self.passing.val() && !self.dropping.q.val();
        if self.passing.val() && self.ends.val() && (self.out_ready.val() || self.dropping.q.val()) {
            self.busy.d.next = false;
        }
        self.dropped.next = self.told.q.val();
        self.told.d.next =
            self.passing.val() && self.ends.val() && self.dropping.q.val() && (self.out_class.val() == 0);
        if self.reset.val() {
            self.told.d.next = false;
            self.busy.d.next = false;
            self.choice.d.next = 0.into();
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

    clocked!(Merge<3>);

    /// What a beat carries, so that a TLP can be told by its beats: source, number, beat, last.
    fn beat(source: usize, number: u64, at: u64, last: bool) -> u64 {
        (source as u64) << 56 | number << 16 | at << 1 | u64::from(last)
    }

    #[test]
    fn gives_whole_tlps_in_turns_and_passes_over_who_has_no_room() {
        for seed in 0..4 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut bench = Bench::new("merge", Merge::<3>::default());
            bench.reset();
            let mut queues: [VecDeque<(u64, u64)>; 3] = Default::default();
            let (mut number, mut inside, mut seen, mut room) = (0, None::<(usize, u64)>, [0u64; 3], 255u64);
            let mut sent: [VecDeque<u64>; 3] = Default::default();
            let (mut pause, mut void, mut dropped) = ([false; 3], [0u64; 2], 0);
            for clock in 0..4000 {
                for (source, queue) in queues.iter_mut().enumerate() {
                    if queue.len() < 3 && rng.gen_bool(0.2) {
                        number += 1;
                        queue.push_back((number, 0));
                        // Every seventh is void, and those that are posted are told.
                        match number % 7 {
                            0 => void[usize::from(number % 3 == 0)] += 1,
                            _ => sent[source].push_back(number),
                        }
                    }
                    let offered = queue.front().copied();
                    let length = offered.map_or(1, |(n, _)| 1 + n % 5);
                    let (n, at) = offered.unwrap_or_default();
                    let dut = bench.dut();
                    dut.valid[source].next = offered.is_some() && !pause[source];
                    dut.session[source].next = (n % 4).into();
                    dut.void[source].next = n % 7 == 0;
                    dut.data[source].next = beat(source, n, at, at + 1 == length).into();
                    dut.first[source].next = at == 0;
                    dut.last[source].next = at + 1 == length;
                    dut.half[source].next = n % 2 == 1 && at + 1 == length;
                    dut.class[source].next = (n % 3).into();
                    dut.dwords[source].next = (2 * length).into();
                    dut.bad[source].next = n % 11 == 0 && at + 1 == length;
                }
                if inside.is_none() && rng.gen_bool(0.1) {
                    room = rng.gen::<u64>() & 255;
                }
                bench.dut().room.next = room.into();
                bench.dut().out_ready.next = rng.gen_bool(0.7);
                bench.settle();
                let dut = bench.dut();
                dropped += u64::from(dut.dropped.val());
                if dut.out_valid.val() && dut.out_ready.val() {
                    let data = dut.out_data.val().raw();
                    let (source, n, at) = ((data >> 56) as usize, data >> 16 & 0xFFFF, data >> 1 & 0x7FFF);
                    assert_eq!(
                        inside.unwrap_or((source, 0)),
                        (source, at),
                        "seed {seed}, clock {clock}: beats of one TLP"
                    );
                    assert_eq!(sent[source].front(), Some(&n), "seed {seed}, clock {clock}: in order, once");
                    assert_eq!(dut.out_session.val().raw(), n % 4, "seed {seed}");
                    assert_eq!(dut.out_class.val().raw(), n % 3, "seed {seed}");
                    assert_eq!(dut.out_first.val(), at == 0, "seed {seed}");
                    assert_eq!(dut.out_bad.val(), n % 11 == 0 && data & 1 == 1, "seed {seed}");
                    assert_eq!(dut.out_dwords.val().raw(), 2 * (1 + n % 5), "seed {seed}");
                    let last = dut.out_last.val();
                    assert_eq!(last, data & 1 == 1, "seed {seed}");
                    inside = (!last).then_some((source, at + 1));
                    if last {
                        sent[source].pop_front();
                        seen[source] += 1;
                    }
                }
                for (source, queue) in queues.iter_mut().enumerate() {
                    pause[source] = false;
                    if bench.dut().ready[source].val() && bench.dut().valid[source].val() {
                        let (n, at) = queue[0];
                        match at == n % 5 {
                            true => drop(queue.pop_front()),
                            false => {
                                queue[0].1 += 1;
                                pause[source] = rng.gen_bool(0.2);
                            }
                        }
                    }
                }
                bench.tick();
            }
            assert!(seen.iter().all(|&n| n > 100) && void[0] > 20, "seed {seed}: {seen:?}");
            // Those that have not had their turn are at most three of each.
            assert!((void[1] - 9..=void[1]).contains(&dropped) && dropped > 5, "seed {seed}: {dropped} of {void:?}");
            bench.assert_equivalent();
        }
    }

    #[test]
    fn who_has_no_room_is_passed_over() {
        let mut bench = Bench::new("merge_room", Merge::<3>::default());
        bench.reset();
        bench.dut().room.next = 2.into();
        bench.dut().out_ready.next = true;
        for source in 0..2 {
            bench.dut().valid[source].next = true;
            bench.dut().last[source].next = true;
            bench.dut().session[source].next = (source as u64).into();
        }
        for _ in 0..20 {
            bench.settle();
            assert!(!bench.dut().ready[0].val());
            bench.tick();
        }
        bench.settle();
        bench.dut().room.next = 3.into();
        let taken = (0..20)
            .filter(|_| {
                bench.settle();
                let taken = bench.dut().ready[0].val();
                bench.tick();
                taken
            })
            .count();
        assert_eq!(taken, 5, "every second TLP, one clock between TLPs");
    }
}
