//! Which slot a HELLO gets: the best of the rows shown one after the other.
//!
//! `start` forgets; in each clock with `weigh` one row is judged. `found` and `best` are combinational and include the
//! row of this clock. Best first: the slot that is bound to this address, the one offered to it, the free one it had
//! last, the first free one. With a wish (`any` is 0) no other slot than `wanted` counts. Nothing is reset. Waits for
//! nothing.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Search {
    pub clock: Signal<In, Clk>,
    pub start: Signal<In, Bit>,
    pub weigh: Signal<In, Bit>,
    pub row: Signal<In, U<3>>,
    /// The HELLO's wish.
    pub any: Signal<In, Bit>,
    pub wanted: Signal<In, U<5>>,
    /// The row's address is the HELLO's; it has a session; it has an offer.
    pub same_mac: Signal<In, Bit>,
    pub up: Signal<In, Bit>,
    pub offered: Signal<In, Bit>,
    pub found: Signal<Out, Bit>,
    pub best: Signal<Out, U<3>>,
    rank: Reg<U<3>>,
    place: Reg<U<3>>,
    this_rank: Signal<Local, U<3>>,
    _activity: Activity,
}

impl Logic for Search {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, rank, place);
        self.this_rank.next = 0.into();
        if self.weigh.val() && (self.any.val() || (self.wanted.val() == bit_cast::<5, 3>(self.row.val()))) {
            if self.same_mac.val() && self.up.val() {
                self.this_rank.next = 4.into();
            } else if self.same_mac.val() && self.offered.val() {
                self.this_rank.next = 3.into();
            } else if self.same_mac.val() {
                self.this_rank.next = 2.into();
            } else if !self.up.val() && !self.offered.val() {
                self.this_rank.next = 1.into();
            }
        }
        self.found.next = self.rank.q.val() != 0;
        self.best.next = self.place.q.val();
        if self.this_rank.val() > self.rank.q.val() {
            self.found.next = true;
            self.best.next = self.row.val();
            self.rank.d.next = self.this_rank.val();
            self.place.d.next = self.row.val();
        }
        if self.start.val() {
            self.rank.d.next = 0.into();
        }
    }
}
