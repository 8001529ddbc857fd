//! Reads of host memory that are under way.

use peb_hdl::prelude::*;

/// Knows for eight tags where the data go, and writes what completions bring into the endpoint's memory. A read may be
/// completed in any pieces (PCIe 2.3.1.1).
///
/// - Latency: none, data are written as they come. Registered: all that is known of the reads.
/// - Reset: no read is under way.
/// - Bad input: a completion for no read is `unexpected`; one that failed, or whose Byte Count is not what is left, ends its read with
///   `failed`. When no completion has come for `timeout` clocks, all reads end with `failed`.
/// - Waits on nothing; `issue` passes when `issue_ready` is 1, which is no later than one clock after a completion.
#[derive(Module)]
pub struct DmaReads {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Requester ID.
    pub id: Signal<In, U<16>>,
    /// A tag is free, and nothing is in the way of `issue`.
    pub issue_ready: Signal<Out, Bit>,
    pub issue_tag: Signal<Out, U<3>>,
    pub issue: Signal<In, Bit>,
    /// Where the first byte goes, and how many there are, 1 to 512.
    pub issue_local: Signal<In, U<13>>,
    pub issue_bytes: Signal<In, U<10>>,
    /// A completion, as [`super::Decode`] has it.
    pub completion: Signal<In, Bit>,
    pub dword: Signal<In, U<32>>,
    pub dword_valid: Signal<In, Bit>,
    pub dword_first: Signal<In, Bit>,
    pub dword_last: Signal<In, Bit>,
    pub completed: Signal<In, Bit>,
    pub requester: Signal<In, U<16>>,
    pub tag: Signal<In, U<10>>,
    pub length: Signal<In, U<10>>,
    pub status: Signal<In, U<3>>,
    pub byte_count: Signal<In, U<12>>,
    pub lower_address: Signal<In, U<7>>,
    /// Completion timeouts are off.
    pub timeout_off: Signal<In, Bit>,
    /// Into memory.
    pub write_address: Signal<Out, U<13>>,
    pub write_data: Signal<Out, U<32>>,
    pub write_enables: Signal<Out, U<4>>,
    /// No read is under way.
    pub idle: Signal<Out, Bit>,
    /// One clock each.
    pub failed: Signal<Out, Bit>,
    pub aborted: Signal<Out, Bit>,
    pub refused: Signal<Out, Bit>,
    pub unexpected: Signal<Out, Bit>,
    timeout: Constant<U<24>>,
    busy: Reg<U<8>>,
    next: Reg<U<3>>,
    /// Where the next byte goes (12:0), how many are left (22:13).
    reads: LutRam<U<23>, 3>,
    at: Reg<U<13>>,
    age: Reg<U<24>>,
    now_busy: Signal<Local, U<8>>,
    local: Signal<Local, U<13>>,
    left: Signal<Local, U<10>>,
    lead: Signal<Local, U<2>>,
    /// Bytes from the start of the first dword: to the end of what is left, and of this completion.
    end: Signal<Local, U<13>>,
    whole: Signal<Local, U<13>>,
    complete: Signal<Local, Bit>,
    known: Signal<Local, Bit>,
    good: Signal<Local, Bit>,
    place: Signal<Local, U<13>>,
    bytes: Signal<Local, U<13>>,
    enables: Signal<Local, U<4>>,
    _activity: Activity,
}

impl Default for DmaReads {
    fn default() -> Self {
        // 33 ms at 125 MHz: within the range that a device without a choice has (PCIe 2.8).
        Self::with_timeout(1 << 22)
    }
}

impl DmaReads {
    /// With a completion timeout in clocks.
    pub fn with_timeout(clocks: u32) -> Self {
        DmaReads { timeout: Constant::new(u64::from(clocks).into()), ..Self::blank() }
    }
}

impl Logic for DmaReads {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, busy, next, at, age);
        clock!(self, clock, reads);
        self.now_busy.next = self.busy.q.val();
        self.idle.next = !self.busy.q.val().any();
        self.issue_tag.next = self.next.q.val();
        self.issue_ready.next = !self.busy.q.val().get_bit(self.next.q.val().index()) && !self.completed.val();

        // What is known of the read that this completion is for.
        self.reads.read_address.next = self.tag.val().get_bits::<3>(0);
        self.local.next = self.reads.read_data.val().get_bits::<13>(0);
        self.left.next = self.reads.read_data.val().get_bits::<10>(13);
        self.lead.next = self.lower_address.val().get_bits::<2>(0);
        self.end.next = bit_cast::<13, 12>(self.byte_count.val()) + bit_cast::<13, 2>(self.lead.val());
        self.whole.next = bit_cast::<13, 10>(self.length.val()) << 2;
        self.complete.next = self.end.val() <= self.whole.val();
        self.known.next = (self.requester.val() == self.id.val())
            && (self.tag.val().get_bits::<7>(3) == 0)
            && self.busy.q.val().get_bit(self.tag.val().get_bits::<3>(0).index());
        self.good.next = self.known.val()
            && (self.status.val() == 0)
            && (self.byte_count.val() == bit_cast::<12, 10>(self.left.val()));

        // Data.
        self.place.next = self.at.q.val();
        if self.dword_first.val() {
            self.place.next = self.local.val() - bit_cast::<13, 2>(self.lead.val());
        }
        if self.dword_valid.val() {
            self.at.d.next = self.place.val() + 4;
        }
        self.enables.next = 15.into();
        if self.dword_first.val() {
            self.enables.next = bits::<4>(15) << self.lead.val();
        }
        if self.dword_last.val() && self.complete.val() {
            if self.end.val().get_bits::<2>(0) == 1 {
                self.enables.next = self.enables.val() & 1;
            } else if self.end.val().get_bits::<2>(0) == 2 {
                self.enables.next = self.enables.val() & 3;
            } else if self.end.val().get_bits::<2>(0) == 3 {
                self.enables.next = self.enables.val() & 7;
            }
        }
        self.write_address.next = self.place.val();
        self.write_data.next = self.dword.val();
        self.write_enables.next = 0.into();
        if self.completion.val() && self.dword_valid.val() && self.good.val() {
            self.write_enables.next = self.enables.val();
        }

        // The end of a completion, or a new read.
        self.bytes.next = self.whole.val() - bit_cast::<13, 2>(self.lead.val());
        self.reads.write_enable.next = false;
        self.reads.write_address.next = self.tag.val().get_bits::<3>(0);
        self.reads.write_data.next = bit_cast::<23, 13>(self.local.val() + self.bytes.val())
            | (bit_cast::<23, 10>(self.left.val() - self.bytes.val().get_bits::<10>(0)) << 13);
        self.failed.next = false;
        self.aborted.next = false;
        self.refused.next = false;
        self.unexpected.next = false;
        self.age.d.next = 0.into();
        if self.busy.q.val().any() && !self.completed.val() && !self.timeout_off.val() {
            self.age.d.next = self.age.q.val() + 1;
        }
        if self.completed.val() {
            if !self.known.val() {
                self.unexpected.next = true;
            } else if self.good.val() && !self.complete.val() {
                self.reads.write_enable.next = true;
            } else {
                self.now_busy.next = self.now_busy.val().replace_bit(self.tag.val().get_bits::<3>(0).index(), false);
                self.failed.next = !self.good.val();
                self.refused.next = self.status.val() == 1;
                self.aborted.next = self.status.val() == 4;
            }
        } else if self.issue.val() {
            self.reads.write_enable.next = true;
            self.reads.write_address.next = self.next.q.val();
            self.reads.write_data.next =
                bit_cast::<23, 13>(self.issue_local.val()) | (bit_cast::<23, 10>(self.issue_bytes.val()) << 13);
            self.now_busy.next = self.now_busy.val().replace_bit(self.next.q.val().index(), true);
            self.next.d.next = self.next.q.val() + 1;
        } else if self.busy.q.val().any() && (self.age.q.val() >= self.timeout.val()) {
            self.now_busy.next = 0.into();
            self.failed.next = true;
        }
        self.busy.d.next = self.now_busy.val();
        if self.reset.val() {
            self.busy.d.next = 0.into();
            self.next.d.next = 0.into();
            self.age.d.next = 0.into();
        }
    }
}
