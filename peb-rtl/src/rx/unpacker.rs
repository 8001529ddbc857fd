//! Frames into TLPs.

use peb_hdl::prelude::*;

/// Reads frames from receive memory and cuts them into TLPs by their first dwords, aligned to beats of 64 bits.
///
/// - Latency: the first beat stands at the output 4 clocks after a frame is offered. Throughput: a beat a clock and one clock to look at
///   each TLP; once a TLP has begun its beats come without a gap as long as `ready` is 1.
/// - Registered: the dwords read ahead (five at most) and all state; the output follows from them.
/// - Reset: forgets the frame it is in.
/// - Bad input: what begins like no TLP, or is longer than the rest of its frame or, non-posted, than 16 dwords, ends the frame and is `malformed`.
/// - Control records (first byte 0xE0 to 0xFE) of two dwords come out at `record`, in the order of the stream; others are passed over.
/// - Waits for `ready` alone, and only to begin a TLP or in the middle of an ordered one. An ordered TLP that was offered comes, flush or not.
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
    /// Dwords of the frame that are not consumed.
    left: Reg<U<9>>,
    /// Words of the frame that are not requested.
    unread: Reg<U<9>>,
    address: Reg<U<13>>,
    arriving: Reg<Bit>,
    /// Dwords read ahead, the oldest in the low bits.
    low: Reg<U<64>>,
    middle: Reg<U<64>>,
    high: Reg<U<32>>,
    held: Reg<U<3>>,
    /// Dwords left of the TLP; 0: between TLPs.
    rest: Reg<U<9>>,
    to_np: Reg<Bit>,
    skipping: Reg<Bit>,
    /// The dword in `low` begins a TLP and has been looked at: its length, and what it is.
    looked: Reg<Bit>,
    seen_whole: Reg<U<11>>,
    seen_np: Reg<Bit>,
    seen_skip: Reg<Bit>,
    /// The frame ends here; because of something malformed.
    seen_end: Reg<Bit>,
    seen_malformed: Reg<Bit>,
    /// The first beat of an ordered TLP was offered and not taken: whoever looks at it may rely on its coming.
    offered: Reg<Bit>,
    record_like: Signal<Local, Bit>,
    span: Signal<Local, U<11>>,
    faulty: Signal<Local, Bit>,
    total: Signal<Local, U<11>>,
    fmt_type: Signal<Local, U<8>>,
    is_np: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    enough: Signal<Local, Bit>,
    np: Signal<Local, Bit>,
    skip: Signal<Local, Bit>,
    whole: Signal<Local, U<11>>,
    eat: Signal<Local, U<2>>,
    move_on: Signal<Local, Bit>,
    over: Signal<Local, Bit>,
    request: Signal<Local, Bit>,
    after: Signal<Local, U<3>>,
    low_after: Signal<Local, U<64>>,
    middle_after: Signal<Local, U<64>>,
    high_after: Signal<Local, U<32>>,
    wide: Signal<Local, U<13>>,
    killed: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Unpacker {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            inside,
            slot,
            owner,
            left,
            unread,
            address,
            arriving,
            low,
            middle,
            high,
            held,
            rest,
            to_np,
            skipping,
            looked,
            seen_whole,
            seen_np,
            seen_skip,
            seen_end,
            seen_malformed,
            offered
        );
        self.frame_take.next = false;
        self.release.next = false;
        self.release_slot.next = self.slot.q.val();
        self.malformed.next = false;
        self.valid.next = false;
        self.half.next = false;
        self.first.next = false;
        self.last.next = false;
        self.enough.next = false;
        self.record_valid.next = false;
        self.record.next = self.low.q.val();
        self.header.next =
            bit_cast_wide::<128, 64>(self.low.q.val()) | (bit_cast_wide::<128, 64>(self.middle.q.val()) << 64);
        self.data.next = self.low.q.val();
        self.session.next = self.owner.q.val();
        self.eat.next = 0.into();
        self.over.next = false;
        self.move_on.next = false;
        self.killed.next =
            self.flush.val() && (self.flush_session.val() == self.owner.q.val()) && !self.offered.q.val();

        // The first dword of a TLP: length (PCIe 2.2.1, 2.2.2) and class.
        self.fmt_type.next = self.low.q.val().get_bits::<8>(0);
        self.total.next = bits::<11>(3);
        if self.fmt_type.val().get_bit(5) {
            self.total.next = self.total.val() + 1;
        }
        if self.low.q.val().get_bit(23) {
            self.total.next = self.total.val() + 1;
        }
        if self.fmt_type.val().get_bit(6) {
            self.total.next = self.total.val()
                + ((bit_cast::<11, 2>(self.low.q.val().get_bits::<2>(16)) << 8)
                    | bit_cast::<11, 8>(self.low.q.val().get_bits::<8>(24)));
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
        self.span.next = self.total.val();
        if self.record_like.val() {
            self.span.next = bit_cast::<11, 8>(self.low.q.val().get_bits::<8>(8));
        }
        self.faulty.next = (self.span.val() > bit_cast::<11, 9>(self.left.q.val()))
            || (self.span.val() == 0)
            || (!self.record_like.val()
                && (!self.known.val()
                    || (self.fmt_type.val().get_bit(6)
                        && !self.low.q.val().get_bits::<2>(16).any()
                        && !self.low.q.val().get_bits::<8>(24).any())
                    || (self.is_np.val() && (self.span.val() > 16))))
            || (self.fmt_type.val().get_bits::<3>(5) == 4)
            || (self.fmt_type.val().get_bits::<3>(5) == 5)
            || (self.fmt_type.val().get_bits::<3>(5) == 6);
        self.seen_whole.d.next = self.span.val();
        self.seen_np.d.next = self.is_np.val();
        self.seen_skip.d.next = self.record_like.val();
        self.seen_malformed.d.next = self.faulty.val() && (self.fmt_type.val() != 0xFF);
        self.seen_end.d.next = self.faulty.val() || (self.fmt_type.val() == 0xFF);
        self.looked.d.next = self.inside.q.val() && !self.rest.q.val().any() && self.held.q.val().any();
        self.np.next = self.to_np.q.val();
        self.skip.next = self.skipping.q.val();
        self.whole.next = bit_cast::<11, 9>(self.rest.q.val());

        if self.inside.q.val() {
            if self.rest.q.val() == 0 {
                // Between TLPs.
                self.np.next = self.seen_np.q.val();
                self.skip.next = self.seen_skip.q.val();
                if self.killed.val() || (self.left.q.val() == 0) {
                    self.over.next = true;
                } else if self.looked.q.val() {
                    self.whole.next = self.seen_whole.q.val();
                    self.over.next = self.seen_end.q.val();
                    self.malformed.next = self.seen_malformed.q.val();
                }
            }
            if !self.over.val() && self.whole.val().any() && self.left.q.val().any() {
                // The next beat, if it is here.
                if self.whole.val() == 1 {
                    self.eat.next = 1.into();
                    self.half.next = true;
                    self.last.next = true;
                } else {
                    self.eat.next = 2.into();
                    self.last.next = self.whole.val() == 2;
                }
                // A TLP begins when its header is here.
                self.enough.next = self.held.q.val() >= bit_cast::<3, 2>(self.eat.val());
                if !self.rest.q.val().any() && !self.skip.val() {
                    self.first.next = true;
                    self.enough.next =
                        (self.held.q.val() >= 4) || ((self.whole.val() == 3) && (self.held.q.val() == 3));
                }
                self.move_on.next = self.enough.val() && (self.ready.val() || self.skip.val());
                self.valid.next = self.enough.val() && !self.skip.val();
                self.record_valid.next =
                    self.enough.val() && self.skip.val() && !self.rest.q.val().any() && (self.whole.val() == 2);
            }
        }
        self.non_posted.next = self.np.val();
        self.offered.d.next = self.valid.val() && self.first.val() && !self.np.val() && !self.move_on.val();

        if self.move_on.val() {
            self.rest.d.next = self.whole.val().get_bits::<9>(0) - bit_cast::<9, 2>(self.eat.val());
            self.left.d.next = self.left.q.val() - bit_cast::<9, 2>(self.eat.val());
            self.to_np.d.next = self.np.val();
            self.skipping.d.next = self.skip.val();
            self.looked.d.next = false;
        } else {
            self.eat.next = 0.into();
        }

        // What is read ahead, without what was consumed and with what arrives.
        self.after.next = self.held.q.val() - bit_cast::<3, 2>(self.eat.val());
        self.low_after.next = self.low.q.val();
        self.middle_after.next = self.middle.q.val();
        self.high_after.next = self.high.q.val();
        if self.eat.val() == 1 {
            self.low_after.next =
                (self.low.q.val() >> 32) | (bit_cast::<64, 32>(self.middle.q.val().get_bits::<32>(0)) << 32);
            self.middle_after.next = (self.middle.q.val() >> 32) | (bit_cast::<64, 32>(self.high.q.val()) << 32);
            self.high_after.next = 0.into();
        } else if self.eat.val() == 2 {
            self.low_after.next = self.middle.q.val();
            self.middle_after.next = bit_cast::<64, 32>(self.high.q.val());
            self.high_after.next = 0.into();
        }
        self.low.d.next = self.low_after.val();
        self.middle.d.next = self.middle_after.val();
        self.high.d.next = self.high_after.val();
        if self.arriving.q.val() {
            if self.after.val() == 0 {
                self.low.d.next = self.read_word.val();
            } else if self.after.val() == 1 {
                self.low.d.next =
                    bit_cast::<64, 32>(self.low_after.val().get_bits::<32>(0)) | (self.read_word.val() << 32);
                self.middle.d.next = self.read_word.val() >> 32;
            } else if self.after.val() == 2 {
                self.middle.d.next = self.read_word.val();
            } else {
                self.middle.d.next =
                    bit_cast::<64, 32>(self.middle_after.val().get_bits::<32>(0)) | (self.read_word.val() << 32);
                self.high.d.next = self.read_word.val().get_bits::<32>(32);
            }
            self.after.next = self.after.val() + 2;
        }
        self.held.d.next = self.after.val();
        self.request.next = self.inside.q.val() && self.unread.q.val().any() && (self.after.val() <= 3);
        self.arriving.d.next = self.request.val();
        self.read_address.next = self.address.q.val();
        if self.request.val() {
            self.address.d.next = self.address.q.val() + 1;
            self.unread.d.next = self.unread.q.val() - 1;
        }

        self.wide.next = bit_cast::<13, 5>(self.frame_slot.val());
        if self.over.val() {
            self.release.next = true;
            self.inside.d.next = false;
            self.held.d.next = 0.into();
            self.arriving.d.next = false;
            self.looked.d.next = false;
        }
        if !self.inside.q.val() && self.frame_valid.val() {
            self.frame_take.next = true;
            self.inside.d.next = true;
            self.slot.d.next = self.frame_slot.val();
            self.owner.d.next = self.frame_session.val();
            self.left.d.next = self.frame_dwords.val();
            self.unread.d.next = (self.frame_dwords.val() + 1) >> 1;
            self.address.d.next = (self.wide.val() << 7) + (self.wide.val() << 6);
            self.rest.d.next = 0.into();
            self.held.d.next = 0.into();
            self.arriving.d.next = false;
            self.looked.d.next = false;
        }
        self.unpacking.next = self.inside.q.val();
        if self.reset.val() {
            self.inside.d.next = false;
            self.held.d.next = 0.into();
            self.rest.d.next = 0.into();
            self.arriving.d.next = false;
            self.offered.d.next = false;
            self.looked.d.next = false;
        }
    }
}
