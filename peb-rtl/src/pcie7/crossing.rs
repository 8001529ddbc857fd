//! TLPs from one clock to another, whole.

use super::Tally;
use peb_hdl::prelude::*;

/// Beats of the longest TLP that passes: header of 16 bytes, 512 of payload, digest, and some more.
const LONGEST: u64 = 72;
/// Beats of the longest non-posted TLP that passes: CompareSwap of 128 bits with digest has 52 bytes.
const LONGEST_NON_POSTED: u64 = 8;

/// Stores TLPs of `clock` and offers each to `far_clock` when it is there whole.
///
/// - Latency: the length of the TLP, and about 4 clocks. Throughput: a beat a clock. Holds 128 beats.
/// - Registered: pointers; `out_` data come out of LUT RAM. Once a TLP is offered, no beat of it waits for another.
/// - `cancel` with a beat that is taken drops the TLP that it belongs to. `reset` forgets the TLP that is coming in, and the next beat begins
///   another; what is whole stays.
/// - Bad input: a TLP longer than 72 beats, or 8 if it is non-posted, is dropped: `dropped` is 1 with its last beat, as it is for one that
///   was canceled.
/// - Waits: `ready` for room, which the other side makes; `out_valid` for nothing but a TLP.
/// - Crossing: number of TLPs and of beats read through [`Tally`]; a beat is read at least two clocks after it was written.
#[derive(Module)]
pub struct Crossing {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    /// The TLP is non-posted; with each of its beats.
    pub non_posted: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    pub cancel: Signal<In, Bit>,
    /// One clock: a TLP is whole.
    pub stored: Signal<Out, Bit>,
    pub dropped: Signal<Out, Bit>,
    pub far_clock: Signal<In, Clk>,
    pub out_data: Signal<Out, U<64>>,
    pub out_half: Signal<Out, Bit>,
    pub out_non_posted: Signal<Out, Bit>,
    pub out_last: Signal<Out, Bit>,
    pub out_valid: Signal<Out, Bit>,
    pub out_ready: Signal<In, Bit>,
    store: LutRam<W<67>, 7>,
    longest: Constant<U<8>>,
    longest_non_posted: Constant<U<8>>,
    /// Next beat to write; first of the TLP that comes in.
    write: Reg<U<8>>,
    start: Reg<U<8>>,
    /// The rest of the TLP is not stored.
    skip: Reg<Bit>,
    whole: Tally,
    free: Tally,
    level: Signal<Local, U<8>>,
    length: Signal<Local, U<8>>,
    limit: Signal<Local, U<8>>,
    take: Signal<Local, Bit>,
    keep: Signal<Local, Bit>,
    taken: Reg<U<8>>,
    word: Signal<Local, W<67>>,
    there: Signal<Local, Bit>,
    pass: Signal<Local, Bit>,
    _activity: Activity,
}

impl Default for Crossing {
    fn default() -> Self {
        Crossing {
            longest: Constant::new(LONGEST.into()),
            longest_non_posted: Constant::new(LONGEST_NON_POSTED.into()),
            ..Self::blank()
        }
    }
}

impl Logic for Crossing {
    #[hdl_gen]
    fn update(&mut self) {
        // In.
        dff_setup!(self, clock, write, start, skip);
        clock!(self, clock, store, whole);
        self.whole.far_clock.next = self.far_clock.val();
        self.level.next = self.write.q.val() - self.free.seen.val();
        self.length.next = self.write.q.val() - self.start.q.val();
        self.limit.next = self.longest.val();
        if self.non_posted.val() {
            self.limit.next = self.longest_non_posted.val();
        }
        self.ready.next = self.skip.q.val() || !self.level.val().get_bit(7);
        self.take.next = self.valid.val() && (self.skip.q.val() || !self.level.val().get_bit(7));
        self.keep.next =
            self.take.val() && !self.skip.q.val() && !self.cancel.val() && (self.length.val() < self.limit.val());
        self.store.write_enable.next = self.keep.val();
        self.store.write_address.next = self.write.q.val().get_bits::<7>(0);
        self.store.write_data.next = bit_cast_wide::<67, 64>(self.data.val())
            | (bit_cast_wide::<67, 1>(self.half.val().into()) << 64)
            | (bit_cast_wide::<67, 1>(self.non_posted.val().into()) << 65)
            | (bit_cast_wide::<67, 1>(self.last.val().into()) << 66);
        self.whole.step.next = false;
        self.stored.next = false;
        self.dropped.next = false;
        if self.keep.val() {
            self.write.d.next = self.write.q.val() + 1;
            if self.last.val() {
                self.start.d.next = self.write.q.val() + 1;
                self.whole.step.next = true;
                self.stored.next = true;
            }
        } else if self.take.val() {
            self.write.d.next = self.start.q.val();
            self.skip.d.next = !self.last.val();
            self.dropped.next = self.last.val();
        }
        if self.reset.val() {
            self.write.d.next = self.start.q.val();
            self.start.d.next = self.start.q.val();
            self.skip.d.next = false;
            self.store.write_enable.next = false;
            self.whole.step.next = false;
            self.stored.next = false;
            self.dropped.next = false;
        }

        // Out.
        dff_setup!(self, far_clock, taken);
        self.free.clock.next = self.far_clock.val();
        self.free.far_clock.next = self.clock.val();
        self.store.read_address.next = self.free.count.val().get_bits::<7>(0);
        self.word.next = self.store.read_data.val();
        self.out_data.next = bit_cast_narrow::<64, 67>(self.word.val());
        self.out_half.next = self.word.val().get_bit(64);
        self.out_non_posted.next = self.word.val().get_bit(65);
        self.out_last.next = self.word.val().get_bit(66);
        self.there.next = self.whole.seen.val() != self.taken.q.val();
        self.out_valid.next = self.there.val();
        self.pass.next = self.there.val() && self.out_ready.val();
        self.free.step.next = self.pass.val();
        if self.pass.val() && self.word.val().get_bit(66) {
            self.taken.d.next = self.taken.q.val() + 1;
        }
    }
}
