//! Counts events: 32 bits each, in LUT RAM.
//!
//! An event first adds to a small count of its own. While there is anything to do, a pointer walks over all counters,
//! one a clock, and adds what waits to the counter in memory a clock later. A small count of 5 bits holds more than an
//! event in every clock of a round, so no event is lost.
//!
//! A read (`read`, held, with `read_index`) waits until the pointer comes by: `read_valid` is 1 for one clock, at most 25
//! clocks later, with all events of two clocks before in `read_data`. `reset` clears: the first round after it writes
//! only what has happened since. Idle without events.

use peb_hdl::prelude::*;

// The length of a round in `update`; it must stay below 32, the reach of a small count.
const _: () = assert!(peb_regs::COUNTERS.len() == 23);

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
    waiting: [Reg<U<5>>; 23],
    pointer: Reg<U<5>>,
    first: Reg<Bit>,
    walk: Reg<Bit>,
    add: Reg<U<5>>,
    add_row: Reg<U<5>>,
    add_valid: Reg<Bit>,
    add_first: Reg<Bit>,
    taken: Signal<Local, U<5>>,
    busy: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Counters {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, pointer, first, walk, add, add_row, add_valid, add_first);
        self.memory.clock.next = self.clock.val();
        self.taken.next = 0.into();
        self.busy.next = self.first.q.val() || self.read.val() || self.events.val().any();
        for i in 0..23 {
            self.waiting[i].clock.next = self.clock.val();
            self.waiting[i].d.next = self.waiting[i].q.val();
            if self.walk.q.val() && (self.pointer.q.val().index() == i) {
                self.taken.next = self.waiting[i].q.val();
                self.waiting[i].d.next = 0.into();
                if self.events.val().get_bit(i) {
                    self.waiting[i].d.next = 1.into();
                }
            } else if self.events.val().get_bit(i) {
                self.waiting[i].d.next = self.waiting[i].q.val() + 1;
            }
            self.busy.next = self.busy.val() || self.waiting[i].q.val().any();
        }
        self.walk.d.next = self.busy.val();
        if self.walk.q.val() {
            self.pointer.d.next = self.pointer.q.val() + 1;
            if self.pointer.q.val() == 22 {
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
        self.memory.write_data.next = bit_cast::<32, 5>(self.add.q.val());
        self.read_data.next = bit_cast::<32, 5>(self.add.q.val());
        if !self.add_first.q.val() {
            self.memory.write_data.next = self.memory.read_data.val() + bit_cast::<32, 5>(self.add.q.val());
            self.read_data.next = self.memory.read_data.val() + bit_cast::<32, 5>(self.add.q.val());
        }
        self.read_valid.next =
            self.read.val() && self.add_valid.q.val() && (self.add_row.q.val() == self.read_index.val());
        if self.reset.val() {
            for i in 0..23 {
                self.waiting[i].d.next = 0.into();
            }
            self.pointer.d.next = 0.into();
            self.first.d.next = true;
            self.walk.d.next = false;
            self.add_valid.d.next = false;
        }
    }
}
