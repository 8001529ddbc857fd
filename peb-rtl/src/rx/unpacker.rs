//! Frames into TLPs.

use peb_hdl::prelude::*;

/// Reads frames from receive memory and cuts them into TLPs by their first dwords, aligned to beats of 64 bits.
///
/// - Latency: the first beat stands at the output 6 clocks after a frame is offered. Throughput: a beat a clock and two clocks to look at
///   each TLP; once a TLP has begun its beats come without a gap as long as `ready` is 1.
/// - Registered: the words read ahead (16 at most) and all state; the output follows from them. `release` comes a clock after the frame ended.
/// - Reset: forgets the frame it is in.
/// - Bad input: what begins like no TLP, or is longer than the rest of its frame or, non-posted, than 16 dwords, ends the frame and is `malformed`.
/// - Control records (first byte 0xE0 to 0xFE) of two dwords come out at `record`, in the order of the stream; others are passed over.
/// - Waits for `ready` alone, and only to begin a TLP or in the middle of an ordered one. An ordered TLP that was offered comes, flush or not.
///   A flush is obeyed from the clock after it on.
#[derive(Module, Default)]
pub struct Unpacker {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Frames of this session are dropped while `flush` is 1.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    /// The oldest frame in order.
    pub frame_valid: Signal<In, Bit>,
    pub frame_slot: Signal<In, U<5>>,
    pub frame_session: Signal<In, U<3>>,
    pub frame_dwords: Signal<In, U<9>>,
    pub frame_take: Signal<Out, Bit>,
    /// Inside a frame.
    pub unpacking: Signal<Out, Bit>,
    /// One clock: the slot is free.
    pub release: Signal<Out, Bit>,
    pub release_slot: Signal<Out, U<5>>,
    /// Receive memory, one clock later.
    pub read_address: Signal<Out, U<13>>,
    pub read_word: Signal<In, U<64>>,
    /// A beat of a TLP.
    pub valid: Signal<Out, Bit>,
    pub data: Signal<Out, U<64>>,
    pub half: Signal<Out, Bit>,
    pub first: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    /// With the first beat: the first four dwords of the TLP.
    pub header: Signal<Out, W<128>>,
    /// The TLP is non-posted; steady over the TLP.
    pub non_posted: Signal<Out, Bit>,
    pub session: Signal<Out, U<3>>,
    /// There is room for a beat of this kind.
    pub ready: Signal<In, Bit>,
    /// One clock: a control record of `session`, its first byte in the low bits.
    pub record_valid: Signal<Out, Bit>,
    pub record: Signal<Out, U<64>>,
    /// One clock: the rest of a frame was dropped.
    pub malformed: Signal<Out, Bit>,
    inside: Reg<Bit>,
    slot: Reg<U<5>>,
    owner: Reg<U<3>>,
    killed: Reg<Bit>,
    ended: Reg<Bit>,
    /// Dwords of the frame behind the TLP that it is in.
    left: Reg<U<9>>,
    /// Words of the frame that are not requested.
    unread: Reg<U<8>>,
    address: Reg<U<13>>,
    arriving: Reg<Bit>,
    /// Words read ahead, twice: to see two at once.
    ahead: LutRam<U<64>, 4>,
    later: LutRam<U<64>, 4>,
    put: Reg<U<4>>,
    get: Reg<U<4>>,
    held: Reg<U<5>>,
    /// Two words are here, or all that are left.
    filled: Reg<Bit>,
    /// The stream goes on with this dword, the second of a word whose first is used up.
    carry: Reg<U<32>>,
    odd: Reg<Bit>,
    /// The next dword begins a TLP and has been looked at: its length, and what it is.
    looked: Reg<Bit>,
    span: Reg<U<11>>,
    seen_np: Reg<Bit>,
    seen_skip: Reg<Bit>,
    seen_bad: Reg<Bit>,
    seen_fill: Reg<Bit>,
    /// In a TLP: dwords from this beat on, whether they are one, and two at most.
    busy: Reg<Bit>,
    rest: Reg<U<9>>,
    one: Reg<Bit>,
    final_beat: Reg<Bit>,
    fresh: Reg<Bit>,
    to_np: Reg<Bit>,
    skipping: Reg<Bit>,
    next_get: Signal<Local, U<4>>,
    head_word: Signal<Local, U<64>>,
    next_word: Signal<Local, U<64>>,
    beat: Signal<Local, U<64>>,
    second: Signal<Local, U<64>>,
    fmt_type: Signal<Local, U<8>>,
    is_np: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    record_like: Signal<Local, Bit>,
    total: Signal<Local, U<11>>,
    here: Signal<Local, Bit>,
    withdrawn: Signal<Local, Bit>,
    go: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    behind: Signal<Local, U<12>>,
    faulty: Signal<Local, Bit>,
    over: Signal<Local, Bit>,
    request: Signal<Local, Bit>,
    wide: Signal<Local, U<13>>,
    frame_words: Signal<Local, U<9>>,
    _activity: Activity,
}

impl Logic for Unpacker {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, inside, slot, owner, killed, ended, left, unread, address, arriving, put, get, held);
        dff_setup!(self, clock, filled, carry, odd, looked, span, seen_np, seen_skip, seen_bad, seen_fill);
        dff_setup!(self, clock, busy, rest, one, final_beat, fresh, to_np, skipping);
        clock!(self, clock, ahead, later);
        self.killed.d.next = self.flush.val() && (self.flush_session.val() == self.owner.q.val());
        self.malformed.next = false;
        self.frame_take.next = false;
        self.over.next = false;

        // Words ahead. What arrives was requested a clock ago.
        self.ahead.write_enable.next = self.arriving.q.val();
        self.ahead.write_address.next = self.put.q.val();
        self.ahead.write_data.next = self.read_word.val();
        self.later.write_enable.next = self.arriving.q.val();
        self.later.write_address.next = self.put.q.val();
        self.later.write_data.next = self.read_word.val();
        if self.arriving.q.val() {
            self.put.d.next = self.put.q.val() + 1;
        }
        self.request.next = self.inside.q.val()
            && self.unread.q.val().any()
            && !self.held.q.val().get_bit(4)
            && !(self.held.q.val().get_bit(3) && self.held.q.val().get_bit(2));
        self.arriving.d.next = self.request.val();
        self.read_address.next = self.address.q.val();
        if self.request.val() {
            self.address.d.next = self.address.q.val() + 1;
            self.unread.d.next = self.unread.q.val() - 1;
        }
        self.filled.d.next =
            self.held.q.val().get_bits::<4>(1).any() || (!self.unread.q.val().any() && !self.arriving.q.val());

        // The next four dwords.
        self.next_get.next = self.get.q.val() + 1;
        self.ahead.read_address.next = self.get.q.val();
        self.later.read_address.next = self.next_get.val();
        self.head_word.next = self.ahead.read_data.val();
        self.next_word.next = self.later.read_data.val();
        self.beat.next = self.head_word.val();
        self.second.next = self.next_word.val();
        if self.odd.q.val() {
            self.beat.next = bit_cast::<64, 32>(self.carry.q.val())
                | (bit_cast::<64, 32>(self.head_word.val().get_bits::<32>(0)) << 32);
            self.second.next = bit_cast::<64, 32>(self.head_word.val().get_bits::<32>(32))
                | (bit_cast::<64, 32>(self.next_word.val().get_bits::<32>(0)) << 32);
        }

        // The first dword of a TLP: length (PCIe 2.2.1, 2.2.2) and class.
        self.fmt_type.next = self.beat.val().get_bits::<8>(0);
        self.total.next = bits::<11>(3);
        if self.fmt_type.val().get_bit(5) ^ self.beat.val().get_bit(23) {
            self.total.next = bits::<11>(4);
        } else if self.fmt_type.val().get_bit(5) {
            self.total.next = bits::<11>(5);
        }
        if self.fmt_type.val().get_bit(6) {
            self.total.next = self.total.val()
                + ((bit_cast::<11, 2>(self.beat.val().get_bits::<2>(16)) << 8)
                    | bit_cast::<11, 8>(self.beat.val().get_bits::<8>(24)));
        }
        self.is_np.next = ((self.fmt_type.val().get_bits::<5>(0) == 0) && !self.fmt_type.val().get_bit(6))
            || (self.fmt_type.val().get_bits::<5>(0) == 1)
            || (self.fmt_type.val().get_bits::<5>(0) == 2)
            || (self.fmt_type.val().get_bits::<5>(0) == 4)
            || (self.fmt_type.val().get_bits::<5>(0) == 5)
            || (self.fmt_type.val().get_bits::<5>(0) == 12)
            || (self.fmt_type.val().get_bits::<5>(0) == 13)
            || (self.fmt_type.val().get_bits::<5>(0) == 14);
        // Memory, I/O, configuration, AtomicOp, message, completion (PCIe 2.2.1, table 2-3).
        self.known.next = (self.fmt_type.val().get_bits::<5>(0) == 0)
            || ((self.fmt_type.val().get_bits::<5>(0) == 1) && !self.fmt_type.val().get_bit(6))
            || (self.is_np.val()
                && (self.fmt_type.val().get_bits::<4>(1) != 0)
                && !self.fmt_type.val().get_bit(5)
                && !self.fmt_type.val().get_bit(3))
            || ((self.fmt_type.val().get_bits::<4>(1) == 5) && !self.fmt_type.val().get_bit(5))
            || (self.is_np.val() && self.fmt_type.val().get_bit(3) && self.fmt_type.val().get_bit(6))
            || ((self.fmt_type.val().get_bits::<2>(3) == 2)
                && self.fmt_type.val().get_bit(5)
                && (self.fmt_type.val().get_bits::<3>(0) < 6));
        self.record_like.next = self.fmt_type.val().get_bits::<3>(5) == 7;
        self.span.d.next = self.total.val();
        if self.record_like.val() {
            self.span.d.next = bit_cast::<11, 8>(self.beat.val().get_bits::<8>(8));
        }
        self.seen_np.d.next = self.is_np.val() && !self.record_like.val();
        self.seen_skip.d.next = self.record_like.val();
        self.seen_fill.d.next = self.fmt_type.val() == 0xFF;
        self.seen_bad.d.next = (self.record_like.val() && !self.beat.val().get_bits::<8>(8).any())
            || (!self.record_like.val()
                && (!self.known.val()
                    || self.fmt_type.val().get_bit(7)
                    || (self.fmt_type.val().get_bit(6)
                        && !self.beat.val().get_bits::<2>(16).any()
                        && !self.beat.val().get_bits::<8>(24).any())));

        // Whether it fits into its frame, a clock later.
        self.behind.next = bit_cast::<12, 9>(self.left.q.val()) - bit_cast::<12, 11>(self.span.q.val());
        self.faulty.next = self.behind.val().get_bit(11)
            || self.seen_bad.q.val()
            || self.seen_fill.q.val()
            || (self.seen_np.q.val()
                && (self.span.q.val().get_bits::<6>(5).any()
                    || (self.span.q.val().get_bit(4) && self.span.q.val().get_bits::<4>(0).any())));

        // A beat. The second half of a word may be the rest of a TLP.
        self.here.next = self.held.q.val().any() || (self.odd.q.val() && self.one.q.val());
        self.withdrawn.next = self.killed.q.val() && self.fresh.q.val() && self.to_np.q.val();
        self.valid.next = self.busy.q.val() && self.here.val() && !self.skipping.q.val() && !self.withdrawn.val();
        self.data.next = self.beat.val();
        self.half.next = self.one.q.val();
        self.first.next = self.fresh.q.val();
        self.last.next = self.final_beat.q.val();
        self.header.next =
            bit_cast_wide::<128, 64>(self.beat.val()) | (bit_cast_wide::<128, 64>(self.second.val()) << 64);
        self.non_posted.next = self.to_np.q.val();
        self.session.next = self.owner.q.val();
        self.record.next = self.beat.val();
        self.record_valid.next = self.busy.q.val()
            && self.here.val()
            && self.skipping.q.val()
            && self.fresh.q.val()
            && self.final_beat.q.val()
            && !self.one.q.val();
        self.go.next = self.busy.q.val()
            && self.here.val()
            && (self.skipping.q.val() || (self.ready.val() && !self.withdrawn.val()));
        self.pop.next = self.go.val() && !(self.odd.q.val() && self.one.q.val());
        if self.go.val() {
            self.fresh.d.next = false;
            self.rest.d.next = self.rest.q.val() - 2;
            self.one.d.next = self.rest.q.val() == 3;
            self.final_beat.d.next = (self.rest.q.val() == 3) || (self.rest.q.val() == 4);
            self.busy.d.next = !self.final_beat.q.val();
            self.odd.d.next = self.odd.q.val() ^ self.one.q.val();
        }
        if self.pop.val() {
            self.carry.d.next = self.head_word.val().get_bits::<32>(32);
            self.get.d.next = self.next_get.val();
        }
        if self.arriving.q.val() && !self.pop.val() {
            self.held.d.next = self.held.q.val() + 1;
        } else if self.pop.val() && !self.arriving.q.val() {
            self.held.d.next = self.held.q.val() - 1;
        }

        // Between TLPs.
        if self.inside.q.val() && !self.busy.q.val() {
            if self.killed.q.val() || !self.left.q.val().any() {
                self.over.next = true;
            } else if self.looked.q.val() {
                self.over.next = self.faulty.val();
                self.malformed.next = self.faulty.val() && !self.seen_fill.q.val();
                if self.filled.q.val() {
                    self.looked.d.next = false;
                    self.busy.d.next = true;
                    self.left.d.next = self.behind.val().get_bits::<9>(0);
                    self.rest.d.next = self.span.q.val().get_bits::<9>(0);
                    self.one.d.next = self.span.q.val() == 1;
                    self.final_beat.d.next = (self.span.q.val() == 1) || (self.span.q.val() == 2);
                    self.fresh.d.next = true;
                    self.to_np.d.next = self.seen_np.q.val();
                    self.skipping.d.next = self.seen_skip.q.val();
                }
            } else {
                self.looked.d.next = self.odd.q.val() || self.held.q.val().any();
            }
        }
        if self.busy.q.val() && self.withdrawn.val() {
            self.over.next = true;
        }

        self.release.next = self.ended.q.val();
        self.release_slot.next = self.slot.q.val();
        self.ended.d.next = self.over.val();
        self.wide.next = bit_cast::<13, 5>(self.frame_slot.val());
        self.frame_words.next = (self.frame_dwords.val() + 1) >> 1;
        if self.over.val() {
            self.inside.d.next = false;
            self.busy.d.next = false;
        }
        if !self.inside.q.val() {
            // Nothing is kept between frames.
            self.put.d.next = 0.into();
            self.get.d.next = 0.into();
            self.held.d.next = 0.into();
            self.arriving.d.next = false;
            self.looked.d.next = false;
            self.odd.d.next = false;
            self.slot.d.next = self.frame_slot.val();
            self.owner.d.next = self.frame_session.val();
            self.left.d.next = self.frame_dwords.val();
            self.unread.d.next = self.frame_words.val().get_bits::<8>(0);
            self.address.d.next = (self.wide.val() << 7) + (self.wide.val() << 6);
            self.killed.d.next = false;
            self.frame_take.next = self.frame_valid.val();
            self.inside.d.next = self.frame_valid.val();
        }
        self.unpacking.next = self.inside.q.val();
        if self.reset.val() {
            self.inside.d.next = false;
            self.busy.d.next = false;
            self.ended.d.next = false;
        }
    }
}
