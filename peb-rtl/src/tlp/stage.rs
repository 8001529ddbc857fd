//! A register in a TLP stream.

use peb_hdl::prelude::*;

/// Holds one beat, so that neither who offers nor who takes waits for the other within a clock.
///
/// - Latency: one clock. Throughput: a beat every other clock.
/// - Registered: all outputs but `busy`. Reset: empty.
/// - Waits for `out_ready`.
#[derive(Module, Default)]
pub struct Stage {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// `session`, `class` and `dwords` are steady over a TLP.
    pub session: Signal<In, U<3>>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub class: Signal<In, U<2>>,
    pub dwords: Signal<In, U<10>>,
    pub ready: Signal<Out, Bit>,
    pub out_session: Signal<Out, U<3>>,
    pub out_data: Signal<Out, U<64>>,
    pub out_half: Signal<Out, Bit>,
    pub out_first: Signal<Out, Bit>,
    pub out_last: Signal<Out, Bit>,
    pub out_valid: Signal<Out, Bit>,
    pub out_class: Signal<Out, U<2>>,
    pub out_dwords: Signal<Out, U<10>>,
    pub out_ready: Signal<In, Bit>,
    /// Bit per session: a beat of it is offered or here, or its TLP has begun and not ended.
    pub busy: Signal<Out, U<8>>,
    full: Reg<Bit>,
    midway: Reg<Bit>,
    to: Reg<U<3>>,
    word: Reg<U<64>>,
    is_half: Reg<Bit>,
    is_first: Reg<Bit>,
    is_last: Reg<Bit>,
    kind: Reg<U<2>>,
    length: Reg<U<10>>,
    _activity: Activity,
}

impl Logic for Stage {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, full, midway, to, word, is_half, is_first, is_last, kind, length);
        self.ready.next = !self.full.q.val();
        if self.out_ready.val() {
            self.full.d.next = false;
        }
        if !self.full.q.val() {
            self.full.d.next = self.valid.val();
            self.word.d.next = self.data.val();
            self.is_half.d.next = self.half.val();
            self.is_first.d.next = self.first.val();
            self.is_last.d.next = self.last.val();
            self.kind.d.next = self.class.val();
            self.length.d.next = self.dwords.val();
            if self.valid.val() {
                self.to.d.next = self.session.val();
                self.midway.d.next = !self.last.val();
            }
        }
        self.out_session.next = self.to.q.val();
        self.out_data.next = self.word.q.val();
        self.out_half.next = self.is_half.q.val();
        self.out_first.next = self.is_first.q.val();
        self.out_last.next = self.is_last.q.val();
        self.out_valid.next = self.full.q.val();
        self.out_class.next = self.kind.q.val();
        self.out_dwords.next = self.length.q.val();
        self.busy.next = 0.into();
        if self.valid.val() {
            self.busy.next = bits::<8>(1) << self.session.val();
        }
        if self.full.q.val() || self.midway.q.val() {
            self.busy.next = self.busy.val() | (bits::<8>(1) << self.to.q.val());
        }
        if self.reset.val() {
            self.full.d.next = false;
            self.midway.d.next = false;
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

    clocked!(Stage);

    /// A beat with all fields different from those of others.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Beat([u64; 7]);

    #[test]
    fn gives_what_it_takes_and_is_busy_until_a_tlp_is_through() {
        for seed in 0..2 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut bench = Bench::new("stage", Stage::default());
            bench.reset();
            let mut inside: VecDeque<Beat> = VecDeque::new();
            let (mut offered, mut left, mut session) = (None, 0u64, 0u64);
            let mut passed = 0;
            for clock in 0..4000 {
                if offered.is_none() && rng.gen_bool(0.6) {
                    let first = left == 0;
                    if first {
                        (left, session) = (rng.gen_range(1..5), rng.gen_range(0..8));
                    }
                    left -= 1;
                    let [half, last] = [rng.gen_range(0..2), u64::from(left == 0)];
                    let rest = [rng.gen_range(0..3), rng.gen_range(0..1024)];
                    offered = Some(Beat([session, rng.gen(), half, u64::from(first), last, rest[0], rest[1]]));
                }
                let Beat([to, data, half, first, last, class, dwords]) = offered.unwrap_or(Beat([0; 7]));
                let d = bench.dut();
                d.valid.next = offered.is_some();
                (d.session.next, d.data.next, d.class.next) = (to.into(), data.into(), class.into());
                (d.half.next, d.first.next, d.last.next) = (half == 1, first == 1, last == 1);
                (d.dwords.next, d.out_ready.next) = (dwords.into(), rng.gen_bool(0.5));
                bench.settle();
                let d = bench.dut();
                let begun = (left > 0).then_some(session);
                let sessions = inside.iter().chain(&offered).map(|beat| beat.0[0]).chain(begun);
                let busy = sessions.fold(0, |all, session| all | 1 << session);
                assert_eq!(d.busy.val().raw(), busy, "seed {seed}, clock {clock}");
                if d.out_valid.val() && d.out_ready.val() {
                    let bits = [d.out_half.val(), d.out_first.val(), d.out_last.val()].map(u64::from);
                    let (to, data) = (d.out_session.val().raw(), d.out_data.val().raw());
                    let (class, dwords) = (d.out_class.val().raw(), d.out_dwords.val().raw());
                    let is = Beat([to, data, bits[0], bits[1], bits[2], class, dwords]);
                    assert_eq!(inside.pop_front(), Some(is), "seed {seed}, clock {clock}");
                    passed += 1;
                }
                if bench.dut().ready.val() {
                    inside.extend(offered.take());
                }
                bench.tick();
            }
            assert!(passed > 1000, "seed {seed}: {passed}");
            bench.assert_equivalent();
        }
    }
}
