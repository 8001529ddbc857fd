//! TLPs from the link, checked.

use peb_hdl::prelude::*;

/// Checks the header of each TLP, gives the good ones on with class and length, and sees to it that what follows the header is
/// as long as the header says (PCI Express Base Specification 2.2.1, 2.2.2, 2.2.5, 2.2.7). The rules are those of `peb-tlp`.
///
/// Byte k of a TLP is `tdata[8*(k%8)+:8]`; fields of the header are big-endian.
///
/// - Latency: a beat stands at the output 3 clocks after it stood at the input, the first one when the second is there too.
///   Throughput: a beat a clock. `valid` pauses where the input pauses.
/// - Registered: all inputs and outputs, `tready` too.
/// - Reset: forgets what is inside; the next beat is taken for the first of a TLP.
/// - Bad input: a TLP whose header breaks a rule, or that is one beat long, is swallowed to its `tlast`. One that is
///   shorter or longer than its header says, or whose `tkeep` is odd, ends with `bad`, after `dwords` dwords at most; what
///   is too much is swallowed. `malformed` pulses once for each.
/// - Waits for `ready`, and with a first beat for the second.
#[derive(Module, Default)]
pub struct Framer {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub tdata: Signal<In, U<64>>,
    /// 0xFF; with `tlast` 0x0F if the TLP ends in the middle of the beat.
    pub tkeep: Signal<In, U<8>>,
    pub tlast: Signal<In, Bit>,
    pub tvalid: Signal<In, Bit>,
    pub tready: Signal<Out, Bit>,
    pub data: Signal<Out, U<64>>,
    /// With `last`: only the low dword belongs to the TLP.
    pub half: Signal<Out, Bit>,
    pub first: Signal<Out, Bit>,
    pub last: Signal<Out, Bit>,
    pub valid: Signal<Out, Bit>,
    pub ready: Signal<In, Bit>,
    /// Of the TLP, with every beat: 0 posted, 1 non-posted, 2 completion.
    pub class: Signal<Out, U<2>>,
    /// Length of the TLP, with every beat.
    pub dwords: Signal<Out, U<10>>,
    /// With `last`: all of the TLP is to be discarded.
    pub bad: Signal<Out, Bit>,
    /// One clock for each TLP that was swallowed or is `bad`.
    pub malformed: Signal<Out, Bit>,

    /// A beat that came when there was no room.
    spare_data: Reg<U<64>>,
    spare_whole: Reg<Bit>,
    spare_low: Reg<Bit>,
    spare_last: Reg<Bit>,
    spare_valid: Reg<Bit>,
    /// The newest beat. `whole`: `tkeep` is 0xFF, `low`: it is 0x0F.
    new_data: Reg<U<64>>,
    new_whole: Reg<Bit>,
    new_low: Reg<Bit>,
    new_last: Reg<Bit>,
    new_valid: Reg<Bit>,
    /// Not the first of its TLP.
    new_inside: Reg<Bit>,
    /// The beat before it.
    old_data: Reg<U<64>>,
    old_whole: Reg<Bit>,
    old_low: Reg<Bit>,
    old_last: Reg<Bit>,
    old_valid: Reg<Bit>,
    old_first: Reg<Bit>,
    /// Dwords of the TLP from this beat on.
    left: Reg<U<8>>,
    /// What the first two dwords say.
    header_class: Reg<U<2>>,
    length: Reg<U<8>>,
    wrong: Reg<Bit>,
    four_dw: Reg<Bit>,
    /// Bits 2 and 3 of the address must be 0.
    align_8: Reg<Bit>,
    align_16: Reg<Bit>,
    /// Address[11:2] may be this at most.
    page_limit: Reg<U<10>>,
    swallow: Reg<Bit>,
    /// `tkeep` was odd in this TLP.
    odd: Reg<Bit>,
    out_data: Reg<U<64>>,
    out_half: Reg<Bit>,
    out_first: Reg<Bit>,
    out_last: Reg<Bit>,
    out_valid: Reg<Bit>,
    out_class: Reg<U<2>>,
    out_dwords: Reg<U<8>>,
    out_bad: Reg<Bit>,
    out_malformed: Reg<Bit>,

    kind: Signal<Local, U<5>>,
    first_be: Signal<Local, U<4>>,
    last_be: Signal<Local, U<4>>,
    size: Signal<Local, U<10>>,
    with_data: Signal<Local, Bit>,
    memory: Signal<Local, Bit>,
    single: Signal<Local, Bit>,
    atomic: Signal<Local, Bit>,
    message: Signal<Local, Bit>,
    completion: Signal<Local, Bit>,
    enables: Signal<Local, Bit>,
    holes: Signal<Local, Bit>,
    fault: Signal<Local, Bit>,
    total: Signal<Local, U<8>>,
    address: Signal<Local, U<10>>,
    reject: Signal<Local, Bit>,
    final_beat: Signal<Local, Bit>,
    odd_keep: Signal<Local, Bit>,
    spoilt: Signal<Local, Bit>,
    old_go: Signal<Local, Bit>,
    new_go: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Framer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            spare_data,
            spare_whole,
            spare_low,
            spare_last,
            spare_valid,
            new_data,
            new_whole,
            new_low,
            new_last,
            new_valid,
            new_inside,
            old_data,
            old_whole,
            old_low,
            old_last,
            old_valid,
            old_first,
            left,
            header_class,
            length,
            wrong,
            four_dw,
            align_8,
            align_16,
            page_limit,
            swallow,
            odd,
            out_data,
            out_half,
            out_first,
            out_last,
            out_valid,
            out_class,
            out_dwords,
            out_bad,
            out_malformed
        );

        // Who moves.
        self.old_go.next = self.old_valid.q.val()
            && (!self.out_valid.q.val() || self.ready.val())
            && (!self.old_first.q.val() || self.old_last.q.val() || self.new_valid.q.val());
        self.new_go.next = self.new_valid.q.val() && (!self.old_valid.q.val() || self.old_go.val());

        // Input.
        if !self.new_valid.q.val() || self.new_go.val() {
            self.new_data.d.next = self.tdata.val();
            self.new_whole.d.next = self.tkeep.val() == 255;
            self.new_low.d.next = self.tkeep.val() == 15;
            self.new_last.d.next = self.tlast.val();
            self.new_valid.d.next = self.tvalid.val();
            if self.spare_valid.q.val() {
                self.new_data.d.next = self.spare_data.q.val();
                self.new_whole.d.next = self.spare_whole.q.val();
                self.new_low.d.next = self.spare_low.q.val();
                self.new_last.d.next = self.spare_last.q.val();
                self.new_valid.d.next = true;
            }
            self.spare_valid.d.next = false;
        } else if !self.spare_valid.q.val() {
            self.spare_valid.d.next = self.tvalid.val();
        }
        if !self.spare_valid.q.val() {
            self.spare_data.d.next = self.tdata.val();
            self.spare_whole.d.next = self.tkeep.val() == 255;
            self.spare_low.d.next = self.tkeep.val() == 15;
            self.spare_last.d.next = self.tlast.val();
        }

        // The first two dwords.
        self.kind.next = self.new_data.q.val().get_bits::<5>(0);
        self.with_data.next = self.new_data.q.val().get_bit(6);
        self.first_be.next = self.new_data.q.val().get_bits::<4>(56);
        self.last_be.next = self.new_data.q.val().get_bits::<4>(60);
        self.size.next = (bit_cast::<10, 2>(self.new_data.q.val().get_bits::<2>(16)) << 8)
            | bit_cast::<10, 8>(self.new_data.q.val().get_bits::<8>(24));
        self.memory.next = (self.kind.val() == 0) || ((self.kind.val() == 1) && !self.with_data.val());
        self.single.next = !self.new_data.q.val().get_bit(5)
            && ((self.kind.val() == 2) || (self.kind.val() == 4) || (self.kind.val() == 5));
        self.completion.next =
            !self.new_data.q.val().get_bit(5) && ((self.kind.val() == 10) || (self.kind.val() == 11));
        self.atomic.next =
            self.with_data.val() && ((self.kind.val() == 12) || (self.kind.val() == 13) || (self.kind.val() == 14));
        self.message.next = self.new_data.q.val().get_bit(5) && (self.kind.val() >= 16) && (self.kind.val() <= 21);
        // A memory read with hints has a steering tag for byte enables.
        self.enables.next = self.kind.val().any() || self.with_data.val() || !self.new_data.q.val().get_bit(8);
        self.holes.next = !((self.first_be.val() == 15)
            || (self.first_be.val() == 14)
            || (self.first_be.val() == 12)
            || (self.first_be.val() == 8))
            || !((self.last_be.val() == 15)
                || (self.last_be.val() == 7)
                || (self.last_be.val() == 3)
                || (self.last_be.val() == 1));
        // Three dwords and what the flags add; payload of 1 to 128 dwords.
        self.total.next = 3.into();
        if self.new_data.q.val().get_bit(5) ^ self.new_data.q.val().get_bit(23) {
            self.total.next = 4.into();
        } else if self.new_data.q.val().get_bit(5) {
            self.total.next = 5.into();
        }
        if self.with_data.val() {
            self.total.next = self.total.val() + self.size.val().get_bits::<8>(0);
        }
        self.fault.next = self.new_data.q.val().get_bit(7)
            || (self.with_data.val() && ((self.size.val() > 128) || !self.size.val().any()));

        if self.new_go.val() {
            self.old_data.d.next = self.new_data.q.val();
            self.old_whole.d.next = self.new_whole.q.val();
            self.old_low.d.next = self.new_low.q.val();
            self.old_last.d.next = self.new_last.q.val();
            self.old_first.d.next = !self.new_inside.q.val();
            self.new_inside.d.next = !self.new_last.q.val();
            self.left.d.next = self.left.q.val() - 2;
            if !self.new_inside.q.val() {
                self.left.d.next = self.total.val();
                self.length.d.next = self.total.val();
                self.four_dw.d.next = self.new_data.q.val().get_bit(5);
                self.header_class.d.next = 1.into();
                self.align_8.d.next = false;
                self.align_16.d.next = false;
                self.page_limit.d.next = 1023.into();
                self.wrong.d.next = true;
                if self.memory.val() {
                    self.wrong.d.next = self.fault.val()
                        || (self.enables.val()
                            && (((self.size.val() == 1) && self.last_be.val().any())
                                || ((self.size.val() != 1)
                                    && (!self.first_be.val().any() || !self.last_be.val().any()))
                                || ((self.size.val() != 1) && (self.size.val() != 2) && self.holes.val())));
                    self.align_8.d.next = self.enables.val() && (self.size.val() == 2) && self.holes.val();
                    self.page_limit.d.next = bits::<10>(0) - self.size.val();
                    if self.with_data.val() {
                        self.header_class.d.next = 0.into();
                    }
                } else if self.single.val() {
                    self.wrong.d.next = self.fault.val()
                        || (self.size.val() != 1)
                        || self.new_data.q.val().get_bits::<3>(12).any()
                        || self.new_data.q.val().get_bits::<2>(20).any()
                        || self.last_be.val().any();
                } else if self.atomic.val() {
                    if self.kind.val() == 14 {
                        self.wrong.d.next = self.fault.val()
                            || !((self.size.val() == 2) || (self.size.val() == 4) || (self.size.val() == 8));
                        self.align_8.d.next = self.size.val() != 2;
                        self.align_16.d.next = self.size.val() == 8;
                    } else {
                        self.wrong.d.next = self.fault.val() || !((self.size.val() == 1) || (self.size.val() == 2));
                        self.align_8.d.next = self.size.val() == 2;
                    }
                } else if self.message.val() {
                    self.wrong.d.next = self.fault.val();
                    self.header_class.d.next = 0.into();
                } else if self.completion.val() {
                    self.wrong.d.next = self.fault.val();
                    self.header_class.d.next = 2.into();
                }
            }
        }
        self.old_valid.d.next = self.new_go.val() || (self.old_valid.q.val() && !self.old_go.val());

        // With the second beat comes the address.
        self.address.next = (bit_cast::<10, 4>(self.new_data.q.val().get_bits::<4>(16)) << 6)
            | bit_cast::<10, 6>(self.new_data.q.val().get_bits::<6>(26));
        if self.four_dw.q.val() {
            self.address.next = (bit_cast::<10, 4>(self.new_data.q.val().get_bits::<4>(48)) << 6)
                | bit_cast::<10, 6>(self.new_data.q.val().get_bits::<6>(58));
        }
        self.reject.next = self.old_first.q.val()
            && (self.wrong.q.val()
                || self.old_last.q.val()
                || (self.address.val() > self.page_limit.q.val())
                || (self.align_8.q.val() && self.address.val().get_bit(0))
                || (self.align_16.q.val() && self.address.val().get_bit(1)));

        // Output.
        self.final_beat.next = self.left.q.val() <= 2;
        self.odd_keep.next = !self.old_whole.q.val();
        if self.left.q.val() == 1 {
            self.odd_keep.next = !self.old_low.q.val();
        }
        self.spoilt.next = self.odd_keep.val()
            || (self.odd.q.val() && !self.old_first.q.val())
            || (self.final_beat.val() != self.old_last.q.val());
        self.out_malformed.d.next = false;
        // What stands there without `valid` does not matter: so much less decides when the registers load.
        if !self.out_valid.q.val() || self.ready.val() {
            self.out_valid.d.next = self.old_go.val() && !self.swallow.q.val() && !self.reject.val();
            self.out_data.d.next = self.old_data.q.val();
            self.out_half.d.next = self.left.q.val() == 1;
            self.out_first.d.next = self.old_first.q.val();
            self.out_last.d.next = self.final_beat.val() || self.old_last.q.val();
            self.out_class.d.next = self.header_class.q.val();
            self.out_dwords.d.next = self.length.q.val();
            self.out_bad.d.next = self.spoilt.val() && (self.final_beat.val() || self.old_last.q.val());
        }
        if self.old_go.val() {
            self.odd.d.next = self.odd_keep.val() || (self.odd.q.val() && !self.old_first.q.val());
            if self.swallow.q.val() || self.reject.val() {
                self.swallow.d.next = !self.old_last.q.val();
                self.out_malformed.d.next = !self.swallow.q.val();
            } else {
                self.swallow.d.next = self.final_beat.val() && !self.old_last.q.val();
                self.out_malformed.d.next = self.spoilt.val() && (self.final_beat.val() || self.old_last.q.val());
            }
        }
        self.tready.next = !self.spare_valid.q.val();
        self.data.next = self.out_data.q.val();
        self.half.next = self.out_half.q.val();
        self.first.next = self.out_first.q.val();
        self.last.next = self.out_last.q.val();
        self.valid.next = self.out_valid.q.val();
        self.class.next = self.out_class.q.val();
        self.dwords.next = bit_cast::<10, 8>(self.out_dwords.q.val());
        self.bad.next = self.out_bad.q.val();
        self.malformed.next = self.out_malformed.q.val();
        if self.reset.val() {
            self.spare_valid.d.next = false;
            self.new_valid.d.next = false;
            self.new_inside.d.next = false;
            self.old_valid.d.next = false;
            self.swallow.d.next = false;
            self.out_valid.d.next = false;
            self.out_malformed.d.next = false;
        }
    }
}
