//! A TLP stream that can be cut at any beat.

use peb_hdl::prelude::*;

/// Passes the stream of a PCIe link while it is open.
///
/// When it is closed in the middle of a TLP, what has passed is ended with a beat whose `tkeep` is 0, so that [`super::Framer`] discards
/// the TLP. While it is closed all beats are taken and dropped; when it opens in the middle of a TLP, so is the rest of that. After `link` was 0
/// the source begins with a new TLP. A TLP of which nothing passes while the link is up is told at `dropped`, one clock after its last beat.
///
/// - Latency: one clock; `tready` passes through. Throughput: a beat a clock. Registered: the beat that is offered.
/// - Reset: both sides are between TLPs.
/// - Waits for `out_tready`.
#[derive(Module, Default)]
pub struct Gate {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// 0: the link is down, what the source had begun is abandoned.
    pub link: Signal<In, Bit>,
    /// TLPs may pass.
    pub open: Signal<In, Bit>,
    pub tdata: Signal<In, U<64>>,
    pub tkeep: Signal<In, U<8>>,
    pub tlast: Signal<In, Bit>,
    pub tvalid: Signal<In, Bit>,
    pub tready: Signal<Out, Bit>,
    pub out_tdata: Signal<Out, U<64>>,
    pub out_tkeep: Signal<Out, U<8>>,
    pub out_tlast: Signal<Out, Bit>,
    pub out_tvalid: Signal<Out, Bit>,
    pub out_tready: Signal<In, Bit>,
    /// One clock: a whole TLP was dropped.
    pub dropped: Signal<Out, Bit>,
    /// The source is in the middle of a TLP.
    midway: Reg<Bit>,
    /// So is what has passed.
    begun: Reg<Bit>,
    /// What has passed is to be ended.
    cut: Reg<Bit>,
    /// Nothing of what the source is in the middle of has passed.
    lost: Reg<Bit>,
    is_dropped: Reg<Bit>,
    out_data: Reg<U<64>>,
    out_keep: Reg<U<8>>,
    out_last: Reg<Bit>,
    out_valid: Reg<Bit>,
    free: Signal<Local, Bit>,
    take: Signal<Local, Bit>,
    passes: Signal<Local, Bit>,
    none: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Gate {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, midway, begun, cut, lost, is_dropped, out_data, out_keep, out_last, out_valid);
        self.free.next = !self.out_valid.q.val() || self.out_tready.val();
        self.take.next = true;
        if self.out_tready.val() {
            self.out_valid.d.next = false;
        }
        self.cut.d.next = self.begun.q.val() && (self.cut.q.val() || !self.open.val());
        self.passes.next = self.open.val() && !self.cut.q.val() && (self.begun.q.val() == self.midway.q.val());
        if self.passes.val() {
            self.take.next = self.free.val();
            if self.free.val() {
                self.out_data.d.next = self.tdata.val();
                self.out_keep.d.next = self.tkeep.val();
                self.out_last.d.next = self.tlast.val();
                self.out_valid.d.next = self.tvalid.val();
                if self.tvalid.val() {
                    self.begun.d.next = !self.tlast.val();
                }
            }
        } else if self.begun.q.val() {
            // What the source begins must wait until the end of what passed is out.
            self.take.next = !self.open.val() || self.midway.q.val();
            if self.free.val() {
                self.out_keep.d.next = 0.into();
                self.out_last.d.next = true;
                self.out_valid.d.next = true;
                self.begun.d.next = false;
                self.cut.d.next = false;
            }
        }
        self.tready.next = self.take.val();
        self.is_dropped.d.next = false;
        self.none.next = (self.midway.q.val() && self.lost.q.val()) || (!self.midway.q.val() && !self.passes.val());
        if self.tvalid.val() && self.take.val() {
            self.midway.d.next = !self.tlast.val();
            self.lost.d.next = self.none.val();
            self.is_dropped.d.next = self.none.val() && self.tlast.val() && self.link.val();
        }
        self.dropped.next = self.is_dropped.q.val();
        if !self.link.val() {
            self.midway.d.next = false;
        }
        self.out_tdata.next = self.out_data.q.val();
        self.out_tkeep.next = self.out_keep.q.val();
        self.out_tlast.next = self.out_last.q.val();
        self.out_tvalid.next = self.out_valid.q.val();
        if self.reset.val() {
            self.midway.d.next = false;
            self.begun.d.next = false;
            self.cut.d.next = false;
            self.is_dropped.d.next = false;
            self.out_valid.d.next = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{clocked, Bench};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    clocked!(Gate);

    /// Whole TLPs pass equal and in order; each that was cut ends once with a `tkeep` of 0; no beat follows it. The others are told as dropped.
    #[test]
    fn what_is_cut_ends_and_what_is_whole_is_whole() {
        for seed in 0..3 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut bench = Bench::new("gate", Gate::default());
            bench.reset();
            let (mut number, mut at, mut offered, mut length) = (0u64, 0u64, false, 1);
            let (mut inside, mut whole, mut cut, mut newest, mut dropped) = (None::<(u64, u64)>, 0, 0, 0, 0);
            let mut open = true;
            for clock in 0..6000 {
                if !offered && rng.gen_bool(0.8) {
                    offered = true;
                    if at == 0 {
                        number += 1;
                        length = rng.gen_range(1..7);
                    }
                }
                if rng.gen_bool(0.02) {
                    open = !open;
                }
                let dut = bench.dut();
                dut.link.next = true;
                dut.open.next = open;
                dut.tvalid.next = offered;
                dut.tdata.next = (number << 8 | at).into();
                dut.tkeep.next = 255.into();
                dut.tlast.next = at + 1 == length;
                dut.out_tready.next = rng.gen_bool(0.7);
                bench.settle();
                let dut = bench.dut();
                dropped += u64::from(dut.dropped.val());
                if dut.out_tvalid.val() && dut.out_tready.val() {
                    let (n, beat) = (dut.out_tdata.val().raw() >> 8, dut.out_tdata.val().raw() & 255);
                    if dut.out_tkeep.val().raw() == 0 {
                        assert!(dut.out_tlast.val() && inside.is_some(), "seed {seed}, clock {clock}");
                        inside = None;
                        cut += 1;
                    } else {
                        assert_eq!(inside.unwrap_or((n, 0)), (n, beat), "seed {seed}, clock {clock}");
                        assert!(n > newest || beat > 0, "seed {seed}, clock {clock}: {n} came again");
                        newest = n;
                        inside = (!dut.out_tlast.val()).then_some((n, beat + 1));
                        whole += u64::from(dut.out_tlast.val());
                    }
                }
                if offered && bench.dut().tready.val() {
                    offered = false;
                    at = (at + 1) % length;
                }
                bench.tick();
            }
            assert!(
                whole > 300 && cut > 10 && dropped > 100,
                "seed {seed}: {whole} whole, {cut} cut, {dropped} dropped"
            );
            // The last one or two may be under way.
            let told = whole + cut + dropped;
            assert!((told..=told + 2).contains(&number), "seed {seed}: {told} of {number} are told");
            bench.assert_equivalent();
        }
    }

    #[test]
    fn after_the_link_was_down_a_new_tlp_begins() {
        let mut bench = Bench::new("gate_link", Gate::default());
        bench.reset();
        let mut out = vec![];
        // Two beats of a TLP, the link falls, a TLP of two beats.
        for (link, data, last) in [
            (true, Some(1), false),
            (true, Some(2), false),
            (false, None, false),
            (true, Some(3), false),
            (true, Some(4), true),
        ] {
            for clock in 0..4 {
                let dut = bench.dut();
                (dut.link.next, dut.open.next, dut.out_tready.next) = (link, link, true);
                dut.tvalid.next = data.is_some() && clock == 0;
                dut.tdata.next = data.unwrap_or(0).into();
                dut.tkeep.next = 255.into();
                dut.tlast.next = last;
                bench.settle();
                if bench.dut().out_tvalid.val() {
                    let dut = bench.dut();
                    out.push((dut.out_tdata.val().raw(), dut.out_tkeep.val().raw(), dut.out_tlast.val()));
                }
                bench.tick();
            }
        }
        assert_eq!(out, [(1, 255, false), (2, 255, false), (2, 0, true), (3, 255, false), (4, 255, true)]);
        bench.assert_equivalent();
    }
}
