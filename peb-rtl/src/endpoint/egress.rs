//! What the endpoint sends.

use peb_hdl::prelude::*;

/// Joins three streams of TLPs in dwords into one of beats. Whole TLPs, the streams in turn.
///
/// - `start` of a stream is its request: a TLP is ready to come, dword after dword. Ordered within a stream, and between streams by
///   when they were given their turn; a TLP that was given it leaves before all that come later.
/// - Latency: a beat stands at the output two clocks after its last dword; between TLPs one clock passes. Throughput: a dword a clock.
/// - Registered: the dword that was taken, of its stream and of memory, so that only one choice stands behind a block RAM; one more
///   dword, so that `ready` does not depend on `tready`; the beat.
/// - Reset: nothing is sent, the TLP under way is lost.
/// - Waits for the stream alone; stream 1 begins a TLP marked `non_posted` only while `np_ok`, and lets the others pass it.
#[derive(Module, Default)]
pub struct Egress {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub np_ok: Signal<In, Bit>,
    /// Stream 1 would begin with a non-posted TLP.
    pub non_posted: Signal<In, Bit>,
    /// A TLP is there; with it or later its dwords.
    pub start: [Signal<In, Bit>; 3],
    /// A dword of a TLP, byte k in bits 8k+7..8k.
    pub dword: [Signal<In, U<32>>; 3],
    /// `memory` is the dword instead.
    pub from_memory: [Signal<In, Bit>; 3],
    pub memory: Signal<In, U<32>>,
    pub valid: [Signal<In, Bit>; 3],
    pub last: [Signal<In, Bit>; 3],
    pub ready: [Signal<Out, Bit>; 3],
    /// Streams, one bit each, that may send now; at most one.
    pub owner: Signal<Out, U<3>>,
    pub tdata: Signal<Out, U<64>>,
    pub tkeep: Signal<Out, U<8>>,
    pub tlast: Signal<Out, Bit>,
    pub tvalid: Signal<Out, Bit>,
    pub tready: Signal<In, Bit>,
    granted: Reg<U<3>>,
    turn: Reg<U<2>>,
    taken: Reg<U<32>>,
    taken_memory: Reg<U<32>>,
    taken_choice: Reg<Bit>,
    taken_last: Reg<Bit>,
    taken_full: Reg<Bit>,
    /// The dword behind it, while a beat waits.
    later: Reg<U<32>>,
    later_memory: Reg<U<32>>,
    later_choice: Reg<Bit>,
    later_last: Reg<Bit>,
    later_full: Reg<Bit>,
    half: Reg<Bit>,
    low: Reg<U<32>>,
    beat: Reg<U<64>>,
    keep: Reg<U<8>>,
    end: Reg<Bit>,
    full: Reg<Bit>,
    want: Signal<Local, U<3>>,
    free: Signal<Local, Bit>,
    room: Signal<Local, Bit>,
    word: Signal<Local, U<32>>,
    offered: Signal<Local, U<32>>,
    offered_choice: Signal<Local, Bit>,
    offered_last: Signal<Local, Bit>,
    offered_valid: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Egress {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, granted, turn, taken, taken_memory, taken_choice, taken_last, taken_full);
        dff_setup!(
            self,
            clock,
            later,
            later_memory,
            later_choice,
            later_last,
            later_full,
            half,
            low,
            beat,
            keep,
            end,
            full
        );
        self.tdata.next = self.beat.q.val();
        self.tkeep.next = self.keep.q.val();
        self.tlast.next = self.end.q.val();
        self.tvalid.next = self.full.q.val();
        self.owner.next = self.granted.q.val();
        self.free.next = !self.full.q.val() || self.tready.val();
        if self.tready.val() {
            self.full.d.next = false;
        }

        // Whose turn it is.
        self.want.next = 0.into();
        for i in 0..3 {
            self.want.next = self.want.val().replace_bit(i, self.start[i].val());
        }
        if self.non_posted.val() && !self.np_ok.val() {
            self.want.next = self.want.val().replace_bit(1, false);
        }
        if !self.granted.q.val().any() {
            if self.want.val().get_bit(self.turn.q.val().index()) {
                self.granted.d.next = bits::<3>(1) << self.turn.q.val();
            }
            if self.turn.q.val() == 2 {
                self.turn.d.next = 0.into();
            } else {
                self.turn.d.next = self.turn.q.val() + 1;
            }
        }

        // Its dwords.
        self.offered.next = 0.into();
        self.offered_choice.next = false;
        self.offered_last.next = false;
        self.offered_valid.next = false;
        for i in 0..3 {
            self.ready[i].next = self.granted.q.val().get_bit(i) && !self.later_full.q.val();
            if self.granted.q.val().get_bit(i) {
                self.offered.next = self.dword[i].val();
                self.offered_choice.next = self.from_memory[i].val();
                self.offered_last.next = self.last[i].val();
                self.offered_valid.next = self.valid[i].val() && !self.later_full.q.val();
            }
        }
        if self.offered_valid.val() && self.offered_last.val() {
            self.granted.d.next = 0.into();
        }
        self.room.next = !self.taken_full.q.val() || self.free.val();
        if self.room.val() {
            self.taken.d.next = self.offered.val();
            self.taken_memory.d.next = self.memory.val();
            self.taken_choice.d.next = self.offered_choice.val();
            self.taken_last.d.next = self.offered_last.val();
            self.taken_full.d.next = self.offered_valid.val();
            if self.later_full.q.val() {
                self.taken.d.next = self.later.q.val();
                if self.later_choice.q.val() {
                    self.taken.d.next = self.later_memory.q.val();
                }
                self.taken_choice.d.next = false;
                self.taken_last.d.next = self.later_last.q.val();
                self.taken_full.d.next = true;
            }
            self.later_full.d.next = false;
        }
        if !self.later_full.q.val() {
            self.later.d.next = self.offered.val();
            self.later_memory.d.next = self.memory.val();
            self.later_choice.d.next = self.offered_choice.val();
            self.later_last.d.next = self.offered_last.val();
            self.later_full.d.next = self.offered_valid.val() && !self.room.val();
        }

        // Two of them are a beat.
        self.word.next = self.taken.q.val();
        if self.taken_choice.q.val() {
            self.word.next = self.taken_memory.q.val();
        }
        if self.taken_full.q.val() && self.free.val() {
            self.half.d.next = !self.half.q.val() && !self.taken_last.q.val();
            self.low.d.next = self.word.val();
            self.end.d.next = self.taken_last.q.val();
            if self.half.q.val() {
                self.beat.d.next = bit_cast::<64, 32>(self.low.q.val()) | (bit_cast::<64, 32>(self.word.val()) << 32);
                self.keep.d.next = 255.into();
                self.full.d.next = true;
            } else if self.taken_last.q.val() {
                self.beat.d.next = bit_cast::<64, 32>(self.word.val());
                self.keep.d.next = 15.into();
                self.full.d.next = true;
            }
        }
        if self.reset.val() {
            self.granted.d.next = 0.into();
            self.turn.d.next = 0.into();
            self.taken_full.d.next = false;
            self.later_full.d.next = false;
            self.half.d.next = false;
            self.full.d.next = false;
        }
    }
}
