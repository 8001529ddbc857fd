//! TLPs to the PCIe link, in order.

use peb_hdl::prelude::*;

/// Two queues before the PCIe link: one for posted requests and completions in the order in which they came, one for non-posted requests,
/// which leave when everything ordered that came before them has left and the link takes them.
///
/// - Latency: the first beat of an ordered TLP stands at the pins 2 clocks after it came, a non-posted one about 5 clocks after its last beat.
///   Throughput: a beat a clock, without gaps inside a TLP as long as it comes in without gaps.
/// - Registered: the pins and both queues. Reset: both are empty.
/// - Bad input: a non-posted TLP beyond the 64 that were promised is not taken (`ready` stays 0): the peer does not keep to its credit, and the
///   session ends by silence.
/// - Order: ordered TLPs never wait for a non-posted one, but for the one that is leaving; a non-posted TLP whose turn has come leaves after the
///   ordered TLP that is leaving. `np_ok` is looked at in the clock in which a non-posted TLP is put on the pins.
/// - `purge` drops what has not begun to leave.
#[derive(Module, Default)]
pub struct Output {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Drop everything; the TLP that is leaving is finished.
    pub purge: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub non_posted: Signal<In, Bit>,
    pub session: Signal<In, U<3>>,
    pub ready: Signal<Out, Bit>,
    pub tdata: Signal<Out, U<64>>,
    pub tkeep: Signal<Out, U<8>>,
    pub tlast: Signal<Out, Bit>,
    pub tvalid: Signal<Out, Bit>,
    pub tready: Signal<In, Bit>,
    pub np_ok: Signal<In, Bit>,
    /// One clock: a non-posted TLP of this session has left its place.
    pub np_delivered: Signal<Out, Bit>,
    pub np_session: Signal<Out, U<3>>,
    /// One clock: a TLP has left.
    pub delivered: Signal<Out, Bit>,
    /// Something is in the queues or at the pins.
    pub busy: Signal<Out, Bit>,
    head: Reg<U<5>>,
    tail: Reg<U<5>>,
    level: Reg<U<6>>,
    /// Ordered TLPs that came, and that have left.
    came: Reg<U<8>>,
    left: Reg<U<8>>,
    np_head: Reg<U<6>>,
    np_tail: Reg<U<6>>,
    np_level: Reg<U<7>>,
    np_beat: Reg<U<3>>,
    /// The oldest non-posted TLP is fetched into `staged`.
    fetching: Reg<Bit>,
    fetch_beat: Reg<U<3>>,
    arriving: Reg<Bit>,
    arriving_beat: Reg<U<3>>,
    here: Reg<Bit>,
    /// Non-posted TLPs whose turn has come, and where the next one is that may follow them.
    ripe: Reg<U<7>>,
    scan: Reg<U<6>>,
    owner: Reg<U<3>>,
    leave_beat: Reg<U<3>>,
    may_np: Reg<Bit>,
    np_turn: Reg<Bit>,
    in_ordered: Reg<Bit>,
    in_np: Reg<Bit>,
    out_data: Reg<U<64>>,
    out_half: Reg<Bit>,
    out_last: Reg<Bit>,
    out_valid: Reg<Bit>,
    ordered: LutRam<W<66>, 5>,
    waiting: Ram<W<66>, 9>,
    stamps: LutRam<U<8>, 6>,
    owners: LutRam<U<3>, 6>,
    staged: LutRam<W<66>, 3>,
    entry: Signal<Local, W<66>>,
    beat: Signal<Local, W<66>>,
    free: Signal<Local, Bit>,
    push: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    np_push: Signal<Local, Bit>,
    np_pop: Signal<Local, Bit>,
    behind: Signal<Local, U<8>>,
    ripens: Signal<Local, Bit>,
    np_may_start: Signal<Local, Bit>,
    use_np: Signal<Local, Bit>,
    use_ordered: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Output {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            head,
            tail,
            level,
            came,
            left,
            np_head,
            np_tail,
            np_level,
            np_beat,
            fetching,
            fetch_beat,
            arriving,
            arriving_beat,
            here,
            ripe,
            scan,
            owner,
            leave_beat,
            may_np,
            np_turn,
            in_ordered,
            in_np,
            out_data,
            out_half,
            out_last,
            out_valid
        );
        clock!(self, clock, ordered, waiting, stamps, owners, staged);
        self.np_delivered.next = false;
        self.np_session.next = self.owner.q.val();
        self.delivered.next = self.out_valid.q.val() && self.out_last.q.val() && self.tready.val();
        self.may_np.d.next = self.np_ok.val();

        // In.
        self.entry.next = bit_cast_wide::<66, 64>(self.data.val());
        self.entry.next = self.entry.val().replace_bit(64, self.half.val()).replace_bit(65, self.last.val());
        self.ready.next = self.level.q.val() < 32;
        if self.non_posted.val() {
            self.ready.next = self.np_level.q.val() < 64;
        }
        self.push.next = self.valid.val() && !self.non_posted.val() && (self.level.q.val() < 32);
        self.np_push.next = self.valid.val() && self.non_posted.val() && (self.np_level.q.val() < 64);
        self.ordered.write_enable.next = self.push.val();
        self.ordered.write_address.next = self.tail.q.val();
        self.ordered.write_data.next = self.entry.val();
        if self.push.val() {
            self.tail.d.next = self.tail.q.val() + 1;
            if self.last.val() {
                self.came.d.next = self.came.q.val() + 1;
            }
        }
        self.waiting.write_enable.next = self.np_push.val();
        self.waiting.write_address.next =
            (bit_cast::<9, 6>(self.np_tail.q.val()) << 3) | bit_cast::<9, 3>(self.np_beat.q.val());
        self.waiting.write_data.next = self.entry.val();
        self.stamps.write_enable.next = self.np_push.val();
        self.stamps.write_address.next = self.np_tail.q.val();
        self.stamps.write_data.next = self.came.q.val();
        self.owners.write_enable.next = self.np_push.val();
        self.owners.write_address.next = self.np_tail.q.val();
        self.owners.write_data.next = self.session.val();
        if self.np_push.val() {
            self.np_beat.d.next = self.np_beat.q.val() + 1;
            if self.last.val() {
                self.np_beat.d.next = 0.into();
                self.np_tail.d.next = self.np_tail.q.val() + 1;
            }
        }

        // The oldest non-posted TLP comes out of block RAM into a place from which it leaves without gaps.
        self.waiting.read_address.next =
            (bit_cast::<9, 6>(self.np_head.q.val()) << 3) | bit_cast::<9, 3>(self.fetch_beat.q.val());
        self.owners.read_address.next = self.np_head.q.val();
        self.arriving.d.next = false;
        self.arriving_beat.d.next = self.fetch_beat.q.val();
        self.staged.write_enable.next = self.arriving.q.val();
        self.staged.write_address.next = self.arriving_beat.q.val();
        self.staged.write_data.next = self.waiting.read_data.val();
        if self.fetching.q.val() {
            self.arriving.d.next = true;
            self.fetch_beat.d.next = self.fetch_beat.q.val() + 1;
            if self.arriving.q.val() && self.waiting.read_data.val().get_bit(65) {
                self.arriving.d.next = false;
                self.fetching.d.next = false;
                self.here.d.next = true;
            }
        } else if !self.here.q.val() && self.np_level.q.val().any() && !self.in_np.q.val() {
            self.fetching.d.next = true;
            self.fetch_beat.d.next = 0.into();
            self.owner.d.next = self.owners.read_data.val();
        }

        // A non-posted TLP's turn is noted when it comes: the count of ordered TLPs that have left wraps while the link takes no others.
        self.stamps.read_address.next = self.scan.q.val();
        self.behind.next = self.left.q.val() - self.stamps.read_data.val();
        self.ripens.next = (self.ripe.q.val() != self.np_level.q.val()) && !self.behind.val().get_bit(7);
        if self.ripens.val() {
            self.scan.d.next = self.scan.q.val() + 1;
        }

        // Out.
        self.free.next = !self.out_valid.q.val() || self.tready.val();
        self.np_may_start.next = self.here.q.val() && self.may_np.q.val() && self.ripe.q.val().any();
        self.use_np.next = self.in_np.q.val();
        self.use_ordered.next = self.in_ordered.q.val();
        if !self.in_np.q.val() && !self.in_ordered.q.val() && !self.purge.val() {
            self.use_np.next = self.np_may_start.val() && (self.np_turn.q.val() || !self.level.q.val().any());
            self.use_ordered.next = self.level.q.val().any() && !self.use_np.val();
        }
        self.ordered.read_address.next = self.head.q.val();
        self.staged.read_address.next = self.leave_beat.q.val();
        self.beat.next = self.ordered.read_data.val();
        if self.use_np.val() {
            self.beat.next = self.staged.read_data.val();
        }
        self.pop.next = false;
        self.np_pop.next = false;
        if self.free.val() {
            self.out_valid.d.next = false;
            self.out_data.d.next = bit_cast_narrow::<64, 66>(self.beat.val());
            self.out_half.d.next = self.beat.val().get_bit(64);
            self.out_last.d.next = self.beat.val().get_bit(65);
            if self.use_np.val() {
                self.out_valid.d.next = true;
                self.in_np.d.next = !self.beat.val().get_bit(65);
                self.leave_beat.d.next = self.leave_beat.q.val() + 1;
                if self.beat.val().get_bit(65) {
                    self.leave_beat.d.next = 0.into();
                    self.here.d.next = false;
                    self.np_turn.d.next = false;
                    self.np_pop.next = true;
                    self.np_delivered.next = true;
                }
            } else if self.use_ordered.val() && self.level.q.val().any() {
                self.pop.next = true;
                self.out_valid.d.next = true;
                self.in_ordered.d.next = !self.beat.val().get_bit(65);
                if self.beat.val().get_bit(65) {
                    self.np_turn.d.next = true;
                    self.left.d.next = self.left.q.val() + 1;
                }
            }
        }
        if self.purge.val() && !self.in_ordered.q.val() && self.level.q.val().any() {
            // Nobody gets these.
            self.pop.next = true;
            if self.ordered.read_data.val().get_bit(65) {
                self.left.d.next = self.left.q.val() + 1;
            }
        }
        if self.purge.val() && !self.in_np.q.val() && self.ripe.q.val().any() && self.here.q.val() {
            self.here.d.next = false;
            self.np_pop.next = true;
        }
        if self.pop.val() {
            self.head.d.next = self.head.q.val() + 1;
        }
        if self.push.val() && !self.pop.val() {
            self.level.d.next = self.level.q.val() + 1;
        } else if self.pop.val() && !self.push.val() {
            self.level.d.next = self.level.q.val() - 1;
        }
        if self.np_pop.val() {
            self.np_head.d.next = self.np_head.q.val() + 1;
        }
        if self.ripens.val() && !self.np_pop.val() {
            self.ripe.d.next = self.ripe.q.val() + 1;
        } else if self.np_pop.val() && !self.ripens.val() {
            self.ripe.d.next = self.ripe.q.val() - 1;
        }
        if self.np_push.val() && self.last.val() && !self.np_pop.val() {
            self.np_level.d.next = self.np_level.q.val() + 1;
        } else if self.np_pop.val() && !(self.np_push.val() && self.last.val()) {
            self.np_level.d.next = self.np_level.q.val() - 1;
        }

        self.busy.next = self.level.q.val().any() || self.np_level.q.val().any() || self.out_valid.q.val();
        self.tdata.next = self.out_data.q.val();
        self.tkeep.next = 0xFF.into();
        if self.out_half.q.val() {
            self.tkeep.next = 0x0F.into();
        }
        self.tlast.next = self.out_last.q.val();
        self.tvalid.next = self.out_valid.q.val();
        if self.reset.val() {
            self.head.d.next = 0.into();
            self.tail.d.next = 0.into();
            self.level.d.next = 0.into();
            self.came.d.next = 0.into();
            self.left.d.next = 0.into();
            self.np_head.d.next = 0.into();
            self.np_tail.d.next = 0.into();
            self.np_level.d.next = 0.into();
            self.ripe.d.next = 0.into();
            self.scan.d.next = 0.into();
            self.np_beat.d.next = 0.into();
            self.fetching.d.next = false;
            self.arriving.d.next = false;
            self.here.d.next = false;
            self.leave_beat.d.next = 0.into();
            self.np_turn.d.next = false;
            self.in_ordered.d.next = false;
            self.in_np.d.next = false;
            self.out_valid.d.next = false;
        }
    }
}
