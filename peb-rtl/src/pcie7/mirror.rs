//! The upstream port of the host core as the host has set that of the block.

use peb_hdl::prelude::*;

/// Keeps the host core's copy of the upstream port's registers. The block answers the host's requests for its own configuration space
/// itself; this one reads the registers that a switch works by through `cfg_mgmt` (R11), and puts a configuration write before the TLPs of
/// the host for each that has changed. Their completions go to requester 0xffff, where [`super::Transmit`] drops them.
///
/// | register | bytes |
/// |---|---|
/// | 0x04 Command | 0, 1 |
/// | 0x18 Bus Numbers | 0 to 2 |
/// | 0x20 Memory Base, Limit | all |
/// | 0x24, 0x28, 0x2c Prefetchable Base, Limit, and their upper halves | all |
/// | 0x3c Bridge Control | 2, 3 |
/// | 0x68 Device Control | 0, 1 |
///
/// - It reads all of them again and again. A request or message waits for the end of a round that began with it there, so that it comes after
///   every change made before it; a completion waits for the end of a read alone.
/// - Latency: 8 reads of the block, about 50 clocks; a clock for a beat after that. Throughput: one request or message a round.
/// - When the block's number (bus and device) changes, and at `reset`, all of them are written anew.
/// - Registered: state, addresses, copies. Both streams are those of the block, dwords big-endian.
/// - Bad input: as in the TLPs. Waits for `out_ready` and `done`.
#[derive(Module, Default)]
pub struct Mirror {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub data: Signal<In, U<64>>,
    pub keep: Signal<In, U<8>>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    pub out_data: Signal<Out, U<64>>,
    pub out_keep: Signal<Out, U<8>>,
    pub out_last: Signal<Out, Bit>,
    pub out_valid: Signal<Out, Bit>,
    pub out_ready: Signal<In, Bit>,
    /// Bus in bits 15:8, device in 7:3, function 0.
    pub number: Signal<In, U<16>>,
    /// `cfg_mgmt` of the block: address of a dword.
    pub address: Signal<Out, U<10>>,
    pub read: Signal<Out, Bit>,
    pub done: Signal<In, Bit>,
    pub value: Signal<In, U<32>>,
    state: Reg<MirrorState>,
    which: Reg<U<3>>,
    /// A TLP was there when the round began.
    due: Reg<Bit>,
    /// Copies that are right, bit by bit.
    right: Reg<U<8>>,
    seen_number: Reg<U<16>>,
    fresh: Reg<U<32>>,
    copies: LutRam<U<32>, 3>,
    dword: Signal<Local, U<10>>,
    bytes: Signal<Local, U<4>>,
    mask: Signal<Local, U<32>>,
    masked: Signal<Local, U<32>>,
    swapped: Signal<Local, U<32>>,
    completion: Signal<Local, Bit>,
    _activity: Activity,
}

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, LogicState)]
pub enum MirrorState {
    /// Between reads.
    Idle,
    /// A register is read.
    Read,
    /// It is compared.
    Compare,
    /// It goes to the core.
    First,
    Second,
    /// A TLP of the host passes.
    Pass,
}

impl Logic for Mirror {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, which, due, right, seen_number, fresh);
        clock!(self, clock, copies);
        self.dword.next = 1.into();
        self.bytes.next = 15.into();
        self.mask.next = 4294967295_u64.into();
        match self.which.q.val().index() {
            0 => {
                self.bytes.next = 3.into();
                self.mask.next = 65535.into();
            }
            1 => {
                self.dword.next = 6.into();
                self.bytes.next = 7.into();
                self.mask.next = 16777215.into();
            }
            2 => {
                self.dword.next = 8.into();
            }
            3 => {
                self.dword.next = 9.into();
            }
            4 => {
                self.dword.next = 10.into();
            }
            5 => {
                self.dword.next = 11.into();
            }
            6 => {
                self.dword.next = 15.into();
                self.bytes.next = 12.into();
                self.mask.next = 4294901760_u64.into();
            }
            _ => {
                self.dword.next = 26.into();
                self.bytes.next = 3.into();
                self.mask.next = 65535.into();
            }
        }
        self.masked.next = self.value.val() & self.mask.val();
        self.address.next = self.dword.val();
        self.read.next = self.state.q.val() == MirrorState::Read;
        self.copies.read_address.next = self.which.q.val();
        self.copies.write_address.next = self.which.q.val();
        self.copies.write_data.next = self.fresh.q.val();
        self.copies.write_enable.next = false;
        self.swapped.next = bit_cast::<32, 8>(self.fresh.q.val().get_bits::<8>(24))
            | (bit_cast::<32, 8>(self.fresh.q.val().get_bits::<8>(16)) << 8)
            | (bit_cast::<32, 8>(self.fresh.q.val().get_bits::<8>(8)) << 16)
            | (bit_cast::<32, 8>(self.fresh.q.val().get_bits::<8>(0)) << 24);
        // Type 01010 and 01011 (PCIe table 2-3).
        self.completion.next = self.valid.val() && (self.data.val().get_bits::<4>(25) == 5);

        self.ready.next = false;
        self.out_data.next = self.data.val();
        self.out_keep.next = self.keep.val();
        self.out_last.next = self.last.val();
        self.out_valid.next = false;
        match self.state.q.val() {
            MirrorState::Idle => {
                if self.completion.val() {
                    self.state.d.next = MirrorState::Pass;
                } else if (self.which.q.val() == 0) && self.due.q.val() {
                    self.due.d.next = false;
                    self.state.d.next = MirrorState::Pass;
                } else {
                    if self.which.q.val() == 0 {
                        self.due.d.next = self.valid.val();
                    }
                    self.state.d.next = MirrorState::Read;
                }
                self.seen_number.d.next = self.number.val();
                if self.seen_number.q.val() != self.number.val() {
                    self.right.d.next = 0.into();
                    self.due.d.next = false;
                    self.which.d.next = 0.into();
                    self.state.d.next = MirrorState::Idle;
                }
            }
            MirrorState::Read => {
                if self.done.val() {
                    self.fresh.d.next = self.masked.val();
                    self.state.d.next = MirrorState::Compare;
                }
            }
            MirrorState::Compare => {
                if self.right.q.val().get_bit(self.which.q.val().index())
                    && (self.copies.read_data.val() == self.fresh.q.val())
                {
                    self.which.d.next = self.which.q.val() + 1;
                    self.state.d.next = MirrorState::Idle;
                } else {
                    self.state.d.next = MirrorState::First;
                }
            }
            MirrorState::First => {
                self.out_valid.next = true;
                self.out_last.next = false;
                self.out_keep.next = 255.into();
                // Configuration write of type 0, one dword; requester 0xffff, tag 0, byte enables.
                self.out_data.next = 1140850689 | (4294901760_u64 << 32) | (bit_cast::<64, 4>(self.bytes.val()) << 32);
                if self.out_ready.val() {
                    self.state.d.next = MirrorState::Second;
                }
            }
            MirrorState::Second => {
                self.out_valid.next = true;
                self.out_last.next = true;
                self.out_keep.next = 255.into();
                self.out_data.next = (bit_cast::<64, 16>(self.seen_number.q.val()) << 16)
                    | (bit_cast::<64, 10>(self.dword.val()) << 2)
                    | (bit_cast::<64, 32>(self.swapped.val()) << 32);
                if self.out_ready.val() {
                    self.copies.write_enable.next = true;
                    self.right.d.next = self.right.q.val().replace_bit(self.which.q.val().index(), true);
                    self.which.d.next = self.which.q.val() + 1;
                    self.state.d.next = MirrorState::Idle;
                }
            }
            MirrorState::Pass => {
                self.out_valid.next = self.valid.val();
                self.ready.next = self.out_ready.val();
                if self.valid.val() && self.out_ready.val() && self.last.val() {
                    self.state.d.next = MirrorState::Idle;
                }
            }
        }
        if self.reset.val() {
            self.state.d.next = MirrorState::Idle;
            self.which.d.next = 0.into();
            self.due.d.next = false;
            self.right.d.next = 0.into();
            self.out_valid.next = false;
            self.ready.next = false;
        }
    }
}
