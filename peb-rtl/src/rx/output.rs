//! TLPs to the PCIe link, in order.

use peb_hdl::prelude::*;

/// Two queues before the PCIe link: one for posted requests and completions in the order in which they came, one for non-posted requests,
/// which leave when everything ordered that came before them has left and the link takes them.
///
/// - Latency: the first beat of an ordered TLP stands at the pins 3 clocks after it came, a non-posted one about 5 clocks after its last beat.
///   Throughput: a beat a clock, without gaps inside a TLP as long as it comes in without gaps.
/// - Registered: the pins and both queues. Reset: both are empty.
/// - Bad input: a non-posted TLP beyond the 64 that were promised is not taken (`ready` stays 0): the peer does not keep to its credit, and the
///   session ends by silence.
/// - Order: ordered TLPs never wait for a non-posted one, but for the one that is leaving; a non-posted TLP whose turn has come leaves after the
///   ordered TLP that is leaving. `np_ok` is looked at in the clock in which a non-posted TLP is put on the pins.
/// - `purge` drops what has not begun to leave. `down` drops all ordered TLPs that began to come before the clock after its end, also the rest of
///   one that is leaving; others wait until those are gone.
/// - Ordered TLPs made in this PEB (`local`) enter between those of the tunnel, in turns with them.
/// - A non-posted TLP needs a verdict before it leaves: its header is shown with `np_head`; in a clock with verdict [`SEND`] it may begin to
///   leave, with [`DROP`] it is gone, with [`DIVERT`] it leaves by the other stream.
/// - Flush of a session: its non-posted TLPs are dead, go without a verdict and give no credit back. Takes 67 clocks, and one for each beat
///   of a non-posted TLP that comes, `flushing` meanwhile.
#[derive(Module, Default)]
pub struct Output {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// A session ends; held until after `flushing`.
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,
    pub flushing: Signal<Out, Bit>,
    /// Drop everything; the TLP that is leaving is finished.
    pub purge: Signal<In, Bit>,
    /// The link is down.
    pub down: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub non_posted: Signal<In, Bit>,
    pub session: Signal<In, U<3>>,
    pub ready: Signal<Out, Bit>,
    /// Posted TLPs and completions made here.
    pub local_data: Signal<In, U<64>>,
    pub local_half: Signal<In, Bit>,
    pub local_last: Signal<In, Bit>,
    pub local_valid: Signal<In, Bit>,
    pub local_ready: Signal<Out, Bit>,
    /// The oldest non-posted TLP: its session and its first four dwords.
    pub np_head: Signal<Out, Bit>,
    pub np_owner: Signal<Out, U<3>>,
    pub np_header: Signal<Out, W<128>>,
    /// 0: wait, 1: send, 2: drop, 3: divert.
    pub np_verdict: Signal<In, U<2>>,
    /// Where it leaves if diverted.
    pub divert_data: Signal<Out, U<64>>,
    pub divert_half: Signal<Out, Bit>,
    pub divert_first: Signal<Out, Bit>,
    pub divert_last: Signal<Out, Bit>,
    pub divert_valid: Signal<Out, Bit>,
    pub divert_ready: Signal<In, Bit>,
    pub tdata: Signal<Out, U<64>>,
    pub tkeep: Signal<Out, U<8>>,
    pub tlast: Signal<Out, Bit>,
    pub tvalid: Signal<Out, Bit>,
    pub tready: Signal<In, Bit>,
    pub np_ok: Signal<In, Bit>,
    /// One clock: a non-posted TLP of this session has left its place.
    pub np_delivered: Signal<Out, Bit>,
    /// One clock: it has left to the link.
    pub np_sent: Signal<Out, Bit>,
    pub np_session: Signal<Out, U<3>>,
    /// One clock: the oldest non-posted TLP is here no more, wherever it went.
    pub np_gone: Signal<Out, Bit>,
    /// One clock: a TLP of the tunnel has left.
    pub delivered: Signal<Out, Bit>,
    /// Something is in the queues or at the pins.
    pub busy: Signal<Out, Bit>,
    head: Reg<U<5>>,
    tail: Reg<U<5>>,
    level: Reg<U<6>>,
    /// A beat on its way into the ordered queue.
    entering: Reg<Bit>,
    entered: Reg<W<67>>,
    /// Ordered TLPs that came, and that have left.
    came: Reg<U<8>>,
    left: Reg<U<8>>,
    np_first: Reg<U<6>>,
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
    out_local: Reg<Bit>,
    /// In the middle of an ordered TLP of the tunnel; of a local one; a local one is next.
    mid_tunnel: Reg<Bit>,
    mid_local: Reg<Bit>,
    local_turn: Reg<Bit>,
    /// Between two ordered TLPs: a local one comes in.
    local_next: Reg<Bit>,
    in_divert: Reg<Bit>,
    head_dead: Reg<Bit>,
    head_low: Reg<U<64>>,
    head_high: Reg<U<64>>,
    /// A flush: the place looked at, whose it is, the end.
    walk: Reg<U<7>>,
    walked: Reg<U<7>>,
    walk_valid: Reg<Bit>,
    walk_hit: Reg<Bit>,
    walk_over: Reg<Bit>,
    /// The flush, a clock later; it is that of the oldest non-posted TLP.
    ending: Reg<Bit>,
    ending_session: Reg<U<3>>,
    hit: Reg<Bit>,
    /// The queues had a place to spare a clock ago, or have one.
    space: Reg<Bit>,
    np_space: Reg<Bit>,
    /// The session of the oldest non-posted TLP has ended.
    forgotten: Reg<Bit>,
    /// What is in the ordered queue and leaves is of before the link was down, and not seen.
    muted: Reg<Bit>,
    /// Ordered TLPs may begin to come.
    open: Reg<Bit>,
    /// Beats: data, half, last, local.
    ordered: LutRam<W<67>, 5>,
    waiting: Ram<W<66>, 9>,
    stamps: LutRam<U<8>, 6>,
    owners: [LutRam<U<3>, 6>; 2],
    dead: LutRam<Bit, 6>,
    staged: LutRam<W<66>, 3>,
    entry: Signal<Local, W<67>>,
    choose_local: Signal<Local, Bit>,
    turn: Signal<Local, Bit>,
    beat: Signal<Local, W<67>>,
    free: Signal<Local, Bit>,
    np_idle: Signal<Local, Bit>,
    kill: Signal<Local, Bit>,
    np_done: Signal<Local, Bit>,
    push: Signal<Local, Bit>,
    pop: Signal<Local, Bit>,
    np_push: Signal<Local, Bit>,
    np_pop: Signal<Local, Bit>,
    behind: Signal<Local, U<8>>,
    ripens: Signal<Local, Bit>,
    np_may_start: Signal<Local, Bit>,
    use_np: Signal<Local, Bit>,
    use_ordered: Signal<Local, Bit>,
    old: Signal<Local, Bit>,
    may_tunnel: Signal<Local, Bit>,
    may_local: Signal<Local, Bit>,
    void: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Output {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, head, tail, level, came, left, np_first, np_tail, np_level, np_beat, fetching);
        dff_setup!(self, clock, fetch_beat, arriving, arriving_beat, here, ripe, scan, owner, leave_beat, may_np);
        dff_setup!(self, clock, np_turn, in_ordered, in_np, out_data, out_half, out_last, out_valid, out_local);
        dff_setup!(self, clock, mid_tunnel, mid_local, local_turn, local_next, in_divert, head_dead, head_low);
        dff_setup!(self, clock, head_high, walk, walked, walk_valid, walk_hit, walk_over, ending, ending_session);
        dff_setup!(self, clock, hit, space, np_space, forgotten, muted, open);
        dff_setup!(self, clock, entering, entered);
        clock!(self, clock, ordered, waiting, stamps, dead, staged);
        self.np_done.next = false;
        self.np_session.next = self.owner.q.val();
        self.delivered.next = self.out_valid.q.val()
            && self.out_last.q.val()
            && self.tready.val()
            && !self.out_local.q.val()
            && !self.muted.q.val();
        self.may_np.d.next = self.np_ok.val();

        // In.
        // One beat may be on its way into the queue, and one come in this clock.
        self.space.d.next = self.level.q.val() < 30;
        self.turn.next = self.local_turn.q.val();
        self.choose_local.next = self.mid_local.q.val() || (self.local_next.q.val() && !self.mid_tunnel.q.val());
        self.entry.next = bit_cast_wide::<67, 64>(self.data.val());
        self.entry.next = self.entry.val().replace_bit(64, self.half.val()).replace_bit(65, self.last.val());
        self.may_tunnel.next =
            self.space.q.val() && !self.choose_local.val() && (self.open.q.val() || self.mid_tunnel.q.val());
        self.may_local.next = self.space.q.val() && (self.open.q.val() || self.mid_local.q.val());
        self.ready.next = self.may_tunnel.val();
        if self.non_posted.val() {
            self.ready.next = self.np_space.q.val();
        }
        self.local_ready.next = self.may_local.val() && self.choose_local.val();
        self.np_push.next = self.valid.val() && self.non_posted.val() && self.np_space.q.val();
        self.np_space.d.next = !self.np_level.q.val().get_bit(6)
            && !((self.np_level.q.val() == 63) && self.np_push.val() && self.last.val());
        self.waiting.write_data.next = bit_cast_wide_wide::<66, 67>(self.entry.val());
        self.push.next = self.valid.val() && !self.non_posted.val() && self.may_tunnel.val();
        if self.push.val() {
            self.mid_tunnel.d.next = !self.last.val();
            self.turn.next = true;
        }
        if self.choose_local.val() {
            self.entry.next = bit_cast_wide::<67, 64>(self.local_data.val());
            self.entry.next = self
                .entry
                .val()
                .replace_bit(64, self.local_half.val())
                .replace_bit(65, self.local_last.val())
                .replace_bit(66, true);
            if self.local_valid.val() && self.may_local.val() {
                self.push.next = true;
                self.mid_local.d.next = !self.local_last.val();
                self.turn.next = false;
            }
        }
        self.local_next.d.next =
            self.local_valid.val() && (self.turn.val() || !self.valid.val() || self.non_posted.val());
        self.local_turn.d.next = self.turn.val();
        self.entering.d.next = self.push.val();
        self.entered.d.next = self.entry.val();
        self.ordered.write_enable.next = self.entering.q.val();
        self.ordered.write_address.next = self.tail.q.val();
        self.ordered.write_data.next = self.entered.q.val();
        if self.entering.q.val() {
            self.tail.d.next = self.tail.q.val() + 1;
        }
        if self.push.val() && self.entry.val().get_bit(65) {
            self.came.d.next = self.came.q.val() + 1;
        }
        self.waiting.write_enable.next = self.np_push.val();
        self.waiting.write_address.next =
            (bit_cast::<9, 6>(self.np_tail.q.val()) << 3) | bit_cast::<9, 3>(self.np_beat.q.val());
        self.stamps.write_enable.next = self.np_push.val();
        self.stamps.write_address.next = self.np_tail.q.val();
        self.stamps.write_data.next = self.came.q.val();
        for i in 0..2 {
            self.owners[i].clock.next = self.clock.val();
            self.owners[i].write_enable.next = self.np_push.val();
            self.owners[i].write_address.next = self.np_tail.q.val();
            self.owners[i].write_data.next = self.session.val();
        }
        if self.np_push.val() {
            self.np_beat.d.next = self.np_beat.q.val() + 1;
            if self.last.val() {
                self.np_beat.d.next = 0.into();
                self.np_tail.d.next = self.np_tail.q.val() + 1;
            }
        }

        // The oldest non-posted TLP comes out of block RAM into a place from which it leaves without gaps.
        self.waiting.read_address.next =
            (bit_cast::<9, 6>(self.np_first.q.val()) << 3) | bit_cast::<9, 3>(self.fetch_beat.q.val());
        self.owners[0].read_address.next = self.np_first.q.val();
        self.dead.read_address.next = self.np_first.q.val();
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
            self.owner.d.next = self.owners[0].read_data.val();
        }

        if self.arriving.q.val() && (self.arriving_beat.q.val() == 0) {
            self.head_low.d.next = bit_cast_narrow::<64, 66>(self.waiting.read_data.val());
        }
        if self.arriving.q.val() && (self.arriving_beat.q.val() == 1) {
            self.head_high.d.next = bit_cast_narrow::<64, 66>(self.waiting.read_data.val());
        }
        self.head_dead.d.next = self.dead.read_data.val();
        self.np_header.next =
            bit_cast_wide::<128, 64>(self.head_low.q.val()) | (bit_cast_wide::<128, 64>(self.head_high.q.val()) << 64);
        self.np_owner.next = self.owner.q.val();
        self.np_idle.next = self.here.q.val() && !self.in_np.q.val() && !self.in_divert.q.val();
        self.ending.d.next = self.flush.val();
        self.ending_session.d.next = self.flush_session.val();
        self.hit.d.next = self.ending.q.val() && (self.ending_session.q.val() == self.owner.q.val());
        self.kill.next = self.here.q.val() && (self.forgotten.q.val() || self.hit.q.val());
        self.forgotten.d.next = self.kill.val();
        self.np_head.next = self.np_idle.val() && !self.head_dead.q.val() && !self.kill.val();

        // The non-posted TLPs of a session that ends are marked, one place a clock.
        self.owners[1].read_address.next = self.walk.q.val().get_bits::<6>(0);
        self.walk_valid.d.next = false;
        self.walk_hit.d.next = self.owners[1].read_data.val() == self.ending_session.q.val();
        self.walked.d.next = self.walk.q.val();
        if !self.ending.q.val() {
            self.walk.d.next = 0.into();
        } else if self.walk_valid.q.val() && self.np_push.val() {
            // A TLP that comes goes first; the mark waits.
            self.walk_valid.d.next = true;
            self.walk_hit.d.next = self.walk_hit.q.val();
            self.walked.d.next = self.walked.q.val();
        } else if !self.walk.q.val().get_bit(6) {
            self.walk_valid.d.next = true;
            self.walk.d.next = self.walk.q.val() + 1;
        }
        self.walk_over.d.next = self.walked.q.val().get_bit(6);
        self.flushing.next = self.flush.val() && !(self.ending.q.val() && self.walk_over.q.val());
        self.dead.write_enable.next = self.np_push.val() || (self.walk_valid.q.val() && self.walk_hit.q.val());
        self.dead.write_address.next = self.walked.q.val().get_bits::<6>(0);
        self.dead.write_data.next = true;
        if self.np_push.val() {
            self.dead.write_address.next = self.np_tail.q.val();
            self.dead.write_data.next = false;
        }

        // A non-posted TLP's turn is noted when it comes: the count of ordered TLPs that have left wraps while the link takes no others.
        self.stamps.read_address.next = self.scan.q.val();
        self.behind.next = self.left.q.val() - self.stamps.read_data.val();
        self.ripens.next = (self.ripe.q.val() != self.np_level.q.val()) && !self.behind.val().get_bit(7);
        if self.ripens.val() {
            self.scan.d.next = self.scan.q.val() + 1;
        }

        // A link that comes up sees nothing of before, and no TLP from the middle on.
        self.old.next = self.level.q.val().any()
            || self.entering.q.val()
            || self.mid_tunnel.q.val()
            || self.mid_local.q.val()
            || self.in_ordered.q.val()
            || self.in_np.q.val()
            || self.out_valid.q.val();
        self.muted.d.next = self.down.val() || (self.muted.q.val() && self.old.val());
        self.open.d.next = self.down.val() || !self.muted.q.val();
        self.void.next = self.purge.val() || self.down.val() || self.muted.q.val();

        // Out.
        self.free.next = !self.out_valid.q.val() || self.tready.val() || self.muted.q.val();
        self.np_may_start.next =
            self.np_head.val() && self.may_np.q.val() && self.ripe.q.val().any() && (self.np_verdict.val() == 1);
        self.use_np.next = self.in_np.q.val();
        self.use_ordered.next = self.in_ordered.q.val();
        if !self.in_np.q.val() && !self.in_ordered.q.val() && !self.void.val() {
            self.use_np.next = self.np_may_start.val() && (self.np_turn.q.val() || !self.level.q.val().any());
            self.use_ordered.next = self.level.q.val().any() && !self.use_np.val();
        }
        self.ordered.read_address.next = self.head.q.val();
        self.staged.read_address.next = self.leave_beat.q.val();
        self.beat.next = self.ordered.read_data.val();
        if self.use_np.val() {
            self.beat.next = bit_cast_wide_wide::<67, 66>(self.staged.read_data.val());
        }
        self.pop.next = false;
        self.np_pop.next = false;
        self.np_sent.next = false;
        if self.free.val() {
            self.out_valid.d.next = false;
            self.out_data.d.next = bit_cast_narrow::<64, 67>(self.beat.val());
            self.out_half.d.next = self.beat.val().get_bit(64);
            self.out_last.d.next = self.beat.val().get_bit(65);
            self.out_local.d.next = self.beat.val().get_bit(66);
            if self.use_np.val() {
                self.out_valid.d.next = true;
                self.in_np.d.next = !self.beat.val().get_bit(65);
                self.leave_beat.d.next = self.leave_beat.q.val() + 1;
                if self.beat.val().get_bit(65) {
                    self.leave_beat.d.next = 0.into();
                    self.here.d.next = false;
                    self.np_turn.d.next = false;
                    self.np_sent.next = !self.muted.q.val();
                    self.np_pop.next = true;
                    self.np_done.next = true;
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
        if self.void.val() && !self.in_ordered.q.val() && self.level.q.val().any() {
            // Nobody gets these.
            self.pop.next = true;
            if self.ordered.read_data.val().get_bit(65) {
                self.left.d.next = self.left.q.val() + 1;
            }
        }
        // A non-posted TLP that does not go to the link.
        self.divert_valid.next = self.in_divert.q.val();
        self.divert_data.next = bit_cast_narrow::<64, 66>(self.staged.read_data.val());
        self.divert_half.next = self.staged.read_data.val().get_bit(64);
        self.divert_last.next = self.staged.read_data.val().get_bit(65);
        self.divert_first.next = !self.leave_beat.q.val().any();
        if self.in_divert.q.val() {
            if self.divert_ready.val() {
                self.leave_beat.d.next = self.leave_beat.q.val() + 1;
                if self.staged.read_data.val().get_bit(65) {
                    self.leave_beat.d.next = 0.into();
                    self.here.d.next = false;
                    self.in_divert.d.next = false;
                    self.np_pop.next = true;
                    self.np_done.next = true;
                }
            }
        } else if self.np_idle.val() && self.ripe.q.val().any() {
            if self.purge.val() || self.down.val() || self.head_dead.q.val() || self.kill.val() {
                self.here.d.next = false;
                self.np_pop.next = true;
                self.np_done.next = !self.head_dead.q.val();
            } else if self.np_verdict.val() == 2 {
                self.here.d.next = false;
                self.np_pop.next = true;
                self.np_done.next = true;
            } else if self.np_verdict.val() == 3 {
                self.in_divert.d.next = true;
            }
        }
        self.np_delivered.next = self.np_done.val() && !self.kill.val();
        if self.pop.val() {
            self.head.d.next = self.head.q.val() + 1;
        }
        if self.entering.q.val() && !self.pop.val() {
            self.level.d.next = self.level.q.val() + 1;
        } else if self.pop.val() && !self.entering.q.val() {
            self.level.d.next = self.level.q.val() - 1;
        }
        self.np_gone.next = self.np_pop.val();
        if self.np_pop.val() {
            self.np_first.d.next = self.np_first.q.val() + 1;
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

        self.busy.next =
            self.level.q.val().any() || self.entering.q.val() || self.np_level.q.val().any() || self.out_valid.q.val();
        self.tdata.next = self.out_data.q.val();
        self.tkeep.next = 0xFF.into();
        if self.out_half.q.val() {
            self.tkeep.next = 0x0F.into();
        }
        self.tlast.next = self.out_last.q.val();
        self.tvalid.next = self.out_valid.q.val() && !self.muted.q.val();
        if self.reset.val() {
            self.head.d.next = 0.into();
            self.tail.d.next = 0.into();
            self.level.d.next = 0.into();
            self.entering.d.next = false;
            self.came.d.next = 0.into();
            self.left.d.next = 0.into();
            self.np_first.d.next = 0.into();
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
            self.mid_tunnel.d.next = false;
            self.mid_local.d.next = false;
            self.local_turn.d.next = false;
            self.local_next.d.next = false;
            self.in_divert.d.next = false;
            self.walk.d.next = 0.into();
            self.walk_valid.d.next = false;
            self.ending.d.next = false;
            self.hit.d.next = false;
            self.space.d.next = true;
            self.np_space.d.next = true;
            self.forgotten.d.next = false;
            self.muted.d.next = false;
            self.open.d.next = true;
        }
    }
}
