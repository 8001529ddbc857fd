//! Counts events: 32 bits each, in LUT RAM.
//!
//! An event first adds to a small count of its own. While there is anything to do, a ring walks over all counters, one a
//! clock, and adds what waits to the counter in memory a clock later. A small count holds what can come in a round of
//! 23 clocks: events of the PCIe side and bad frames may come every other clock (4 bits); all others at most once in a
//! round (1 bit), since there is a good frame of 64 octets or more between two of them.
//!
//! A read (`read`, held, with `read_index`) waits until the ring comes by: `read_valid` is 1 for one clock, at most 26
//! clocks later, with all events of three clocks before in `read_data`. `reset` clears: the first round after it writes
//! only what has happened since. Idle without events. Waits for nothing outside.

use peb_hdl::prelude::*;

/// Counters whose events may come every other clock: the mask `frequent` below.
pub const FREQUENT: u32 = {
    use peb_regs::addr::*;
    let all = [
        TLPS_TAKEN,
        TLPS_DELIVERED,
        FCS_ERRORS,
        MALFORMED_TLPS,
        UNSUPPORTED,
        MADE_UP,
        POSTED_DROPPED,
        SOURCE_REFUSED,
        MASTER_OFF,
        UNEXPECTED,
        NO_SESSION,
    ];
    let (mut mask, mut i) = (0, 0);
    while i < all.len() {
        mask |= 1 << ((all[i] - FRAMES_SENT) / 4);
        i += 1;
    }
    mask
};

// The literals of `update`. Half a round must fit into 4 bits.
const _: () = assert!(peb_regs::COUNTERS.len() == 23 && FREQUENT == 2_227_244);

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Counters {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Bit i: the event of counter i happened.
    pub events: Signal<In, U<23>>,
    /// Counter `read_index` is wanted.
    pub read: Signal<In, Bit>,
    pub read_index: Signal<In, U<5>>,
    pub read_data: Signal<Out, U<32>>,
    pub read_valid: Signal<Out, Bit>,
    memory: LutRam<U<32>, 5>,
    came: Reg<U<23>>,
    wanted: Reg<Bit>,
    waiting: [Reg<U<4>>; 23],
    place: Reg<U<23>>,
    pointer: Reg<U<5>>,
    first: Reg<Bit>,
    walk: Reg<Bit>,
    add: Reg<U<4>>,
    add_row: Reg<U<5>>,
    add_valid: Reg<Bit>,
    add_first: Reg<Bit>,
    frequent: Signal<Local, U<23>>,
    turn: Signal<Local, U<23>>,
    flip: Signal<Local, U<4>>,
    taken: Signal<Local, U<4>>,
    old: Signal<Local, U<32>>,
    busy: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Counters {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, came, wanted, place, pointer, first, walk, add, add_row, add_valid, add_first);
        self.memory.clock.next = self.clock.val();
        self.frequent.next = 2227244.into();
        self.turn.next = 0.into();
        if self.walk.q.val() {
            self.turn.next = self.place.q.val();
        }
        self.came.d.next = self.events.val();
        self.wanted.d.next = self.read.val();
        self.taken.next = 0.into();
        self.busy.next = self.first.q.val() || self.read.val() || self.came.q.val().any();
        for i in 0..23 {
            self.waiting[i].clock.next = self.clock.val();
            self.waiting[i].d.next = self.waiting[i].q.val();
            // What one more changes, as four LUTs and not as a carry chain.
            self.flip.next = bits::<4>(1)
                .replace_bit(1, self.waiting[i].q.val().get_bit(0))
                .replace_bit(2, self.waiting[i].q.val().get_bit(0) && self.waiting[i].q.val().get_bit(1))
                .replace_bit(
                    3,
                    self.waiting[i].q.val().get_bit(0)
                        && self.waiting[i].q.val().get_bit(1)
                        && self.waiting[i].q.val().get_bit(2),
                );
            if self.turn.val().get_bit(i) {
                self.taken.next = self.taken.val() | self.waiting[i].q.val();
                self.waiting[i].d.next = 0.into();
                if self.came.q.val().get_bit(i) {
                    self.waiting[i].d.next = 1.into();
                }
            } else if self.came.q.val().get_bit(i) {
                self.waiting[i].d.next = self.waiting[i].q.val() ^ self.flip.val();
                if !self.frequent.val().get_bit(i) {
                    self.waiting[i].d.next = 1.into();
                }
            }
            self.busy.next = self.busy.val() || self.waiting[i].q.val().any();
        }
        self.walk.d.next = self.busy.val();
        if self.walk.q.val() {
            self.place.d.next = (self.place.q.val() << 1) | (self.place.q.val() >> 22);
            self.pointer.d.next = self.pointer.q.val() + 1;
            if self.place.q.val().get_bit(22) {
                self.pointer.d.next = 0.into();
                self.first.d.next = false;
            }
        }
        self.add.d.next = self.taken.val();
        self.add_row.d.next = self.pointer.q.val();
        self.add_valid.d.next = self.walk.q.val();
        self.add_first.d.next = self.first.q.val();
        self.memory.read_address.next = self.add_row.q.val();
        self.memory.write_address.next = self.add_row.q.val();
        self.memory.write_enable.next = self.add_valid.q.val();
        self.old.next = self.memory.read_data.val();
        if self.add_first.q.val() {
            self.old.next = 0.into();
        }
        self.old.next = self.old.val() + bit_cast::<32, 4>(self.add.q.val());
        self.memory.write_data.next = self.old.val();
        self.read_data.next = self.old.val();
        self.read_valid.next = self.read.val()
            && self.wanted.q.val()
            && self.add_valid.q.val()
            && (self.add_row.q.val() == self.read_index.val());
        if self.reset.val() {
            for i in 0..23 {
                self.waiting[i].d.next = 0.into();
            }
            self.came.d.next = 0.into();
            self.wanted.d.next = false;
            self.place.d.next = 1.into();
            self.pointer.d.next = 0.into();
            self.first.d.next = true;
            self.walk.d.next = false;
            self.add_valid.d.next = false;
        }
    }
}
