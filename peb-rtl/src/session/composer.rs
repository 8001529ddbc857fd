//! Puts control frames together: HELLO, OFFER, CONFIRM, LEAVE.
//!
//! `load` with a free port (`ready`) takes kind, addresses and epochs; the frame is offered from the next clock until
//! `ctl_ready`. `load` without `ready` is ignored: the frame is not sent. All outputs are registers but `ready`.
//! `reset` withdraws what is offered. Waits for the transmitter only.

use super::Role;
use peb_hdl::prelude::*;
use peb_wire::Kind;

// The literals of `update` below.
const _: () = assert!(Kind::Hello as u32 == 1 && Kind::Offer as u32 == 2);
const _: () = assert!(peb_wire::field::HOST.lsb == 1 && peb_wire::field::BOUND.lsb == 2);

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Composer {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Put a frame together.
    pub load: Signal<In, Bit>,
    pub kind: Signal<In, U<4>>,
    /// Address of the peer; not for HELLO, which is broadcast.
    pub mac: Signal<In, U<48>>,
    /// Epochs of the session and of the offer: the peer's in the high half, our own in the low one.
    pub epochs: Signal<In, U<32>>,
    pub offer: Signal<In, U<32>>,
    /// Own epoch of a HELLO.
    pub epoch: Signal<In, U<16>>,
    /// I/O: index of the session at the host; what is wanted in SLOT. Host: the slot given.
    pub index: Signal<In, U<5>>,
    pub slot_any: Signal<In, Bit>,
    pub slot_wanted: Signal<In, U<5>>,
    pub row: Signal<In, U<3>>,
    pub down_ticks: Signal<In, U<24>>,
    /// There is a session.
    pub bound: Signal<In, Bit>,
    /// Nothing is offered to the transmitter.
    pub ready: Signal<Out, Bit>,

    pub ctl_valid: Signal<Out, Bit>,
    pub ctl_ready: Signal<In, Bit>,
    pub ctl_kind: Signal<Out, U<4>>,
    pub ctl_dst: Signal<Out, U<48>>,
    pub ctl_src_epoch: Signal<Out, U<16>>,
    pub ctl_dst_epoch: Signal<Out, U<16>>,
    pub ctl_index: Signal<Out, U<8>>,
    pub ctl_flags: Signal<Out, U<8>>,
    pub ctl_arg: Signal<Out, U<32>>,
    role: Role,
    valid: Reg<Bit>,
    out_kind: Reg<U<4>>,
    dst: Reg<U<48>>,
    pair: Reg<U<32>>,
    out_index: Reg<U<5>>,
    out_bound: Reg<Bit>,
    arg: Reg<U<32>>,
    _activity: Activity,
}

impl Composer {
    /// Of a core with this role.
    pub fn new(role: Role) -> Self {
        Composer { role, ..Self::default() }
    }
}

impl Logic for Composer {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, valid, out_kind, dst, pair, out_index, out_bound, arg);
        if self.valid.q.val() {
            self.valid.d.next = !self.ctl_ready.val();
        } else if self.load.val() {
            self.valid.d.next = true;
            self.out_kind.d.next = self.kind.val();
            self.dst.d.next = self.mac.val();
            self.pair.d.next = self.epochs.val();
            self.out_index.d.next = self.index.val();
            self.out_bound.d.next = self.bound.val();
            self.arg.d.next = bit_cast::<32, 24>(self.down_ticks.val())
                | (bit_cast::<32, 5>(self.slot_wanted.val()) << 24)
                | (bit_cast::<32, 1>(self.slot_any.val().into()) << 31);
            if self.kind.val() == 1 {
                self.dst.d.next = 0xFFFF_FFFF_FFFF_u64.into();
                self.pair.d.next = bit_cast::<32, 16>(self.epoch.val());
                self.out_index.d.next = 0.into();
            }
            if self.kind.val() == 2 {
                self.pair.d.next = self.offer.val();
            }
            if self.role.host.val() {
                self.arg.d.next = bit_cast::<32, 24>(self.down_ticks.val()) | (bit_cast::<32, 3>(self.row.val()) << 24);
            }
        }
        self.ready.next = !self.valid.q.val();
        self.ctl_valid.next = self.valid.q.val();
        self.ctl_kind.next = self.out_kind.q.val();
        self.ctl_dst.next = self.dst.q.val();
        self.ctl_src_epoch.next = self.pair.q.val().get_bits::<16>(0);
        self.ctl_dst_epoch.next = self.pair.q.val().get_bits::<16>(16);
        self.ctl_index.next = bit_cast::<8, 5>(self.out_index.q.val());
        self.ctl_flags.next = bits::<8>(0).replace_bit(1, self.role.host.val()).replace_bit(2, self.out_bound.q.val());
        self.ctl_arg.next = self.arg.q.val();
        if self.reset.val() {
            self.valid.d.next = false;
        }
    }
}
