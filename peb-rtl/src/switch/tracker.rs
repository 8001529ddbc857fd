//! Every non-posted request that is on its way to a slot.

use peb_hdl::prelude::*;

/// What the tracker does.
#[derive(LogicState, Copy, Clone, Debug, PartialEq, Eq)]
pub enum TrackerState {
    /// Empties one row a clock.
    Clear,
    Idle,
    Hash,
    Bucket,
    Fetch,
    Compare,
    Decide,
    Allocate,
    Release,
    ScanRow,
    ScanTest,
}

/// Outstanding requests: 256 of any mix of Requester IDs and tags, in hash chains in block RAM (PCIe 2.2.6.2, 2.2.9).
///
/// `insert` remembers a request (one with the same Requester ID and tag replaces it); `lookup` asks of a completion from a slot
/// whether it belongs to one. When a slot is lost each of its requests is answered with Unsupported Request: for the bytes that
/// are still due, from the lower address of the first of them. What the lost slot asked others itself is forgotten silently: no late
/// completion reaches the next device there.
///
/// - Latency: an insert takes 4 clocks and 3 for each request before it in its chain, a lookup is answered 6 clocks (and 3 for each) after it is
///   taken. Between two of them a look at one request for loss or age may come in: 3 clocks, or as long as a lookup if it ends.
/// - Registered: all outputs but the two `ready`. Reset and `clear` forget everything silently, which takes 256 clocks (but for what stands at `made`, which `clear` leaves): meanwhile a
///   lookup finds nothing at once; an insert is swallowed while `clear` is on and waits after it.
/// - A full table takes no insert. Lookups never wait for it, nor for `made_ready`; age makes room in the end, as soon as what was made up
///   before is taken.
/// - Age: `track_ticks` are cut into 16 epochs (rounded up); a request is forgotten at the 17th epoch that begins after it, so
///   between 1 and 1.07 times `track_ticks` (plus 17 ticks) after its insert. An epoch begins only when the look at all requests for the one before has ended, so
///   its number, modulo 32, never wraps past a request. 0: never.
#[derive(Module, Default)]
pub struct Tracker {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Forget all (level or pulse).
    pub clear: Signal<In, Bit>,
    pub tick: Signal<In, Bit>,
    pub track_ticks: Signal<In, U<24>>,
    /// Bus number on which the slots are: secondary bus of the upstream port.
    pub upstream_bus: Signal<In, U<8>>,
    /// A request that goes to a slot.
    pub insert_valid: Signal<In, Bit>,
    pub insert_ready: Signal<Out, Bit>,
    pub insert_slot: Signal<In, U<3>>,
    /// Who asks: 0 the host, 1+s slot s.
    pub insert_from: Signal<In, U<4>>,
    pub insert_requester: Signal<In, U<16>>,
    pub insert_tag: Signal<In, U<10>>,
    pub insert_tc: Signal<In, U<3>>,
    pub insert_attr: Signal<In, U<3>>,
    /// Byte Count (1..=4096) and Lower Address of the first completion.
    pub insert_bytes: Signal<In, U<13>>,
    pub insert_lower: Signal<In, U<7>>,
    /// A completion that came from a slot.
    pub lookup_valid: Signal<In, Bit>,
    pub lookup_ready: Signal<Out, Bit>,
    pub lookup_slot: Signal<In, U<3>>,
    pub lookup_requester: Signal<In, U<16>>,
    pub lookup_tag: Signal<In, U<10>>,
    /// It is the last of its request.
    pub lookup_ends: Signal<In, Bit>,
    /// If not: what remains after it.
    pub lookup_bytes: Signal<In, U<13>>,
    pub lookup_lower: Signal<In, U<7>>,
    /// One clock for each lookup, in order: it belongs to a request (`found`) of `found_from`.
    pub found_valid: Signal<Out, Bit>,
    pub found: Signal<Out, Bit>,
    pub found_from: Signal<Out, U<4>>,
    /// Slots whose requests are to be answered here, or forgotten if they are their own (level or pulse).
    pub lost: Signal<In, U<8>>,
    /// The slots of which requests may still be there or a completion waits at `made`, from the clock after `lost`.
    pub busy: Signal<Out, U<8>>,
    /// A completion for a lost request, and for whom.
    pub made_valid: Signal<Out, Bit>,
    pub made_ready: Signal<In, Bit>,
    pub made: Signal<Out, W<103>>,
    pub made_to: Signal<Out, U<4>>,
    /// 8 or more places are free.
    pub room: Signal<Out, Bit>,
    /// One clock each: a completion was made up, a request was too old or nobody's.
    pub made_up: Signal<Out, Bit>,
    pub expired: Signal<Out, Bit>,

    state: Reg<TrackerState>,
    turn: Reg<Bit>,
    inserting: Reg<Bit>,
    asking: Reg<Bit>,
    ends: Reg<Bit>,
    /// Fields of a row, of the request that is dealt with; see `fresh`.
    requester: Reg<U<16>>,
    tag: Reg<U<10>>,
    slot: Reg<U<3>>,
    tc: Reg<U<3>>,
    attr: Reg<U<3>>,
    from: Reg<U<4>>,
    bytes: Reg<U<13>>,
    lower: Reg<U<7>>,
    bucket: Reg<U<8>>,
    chain: Reg<U<9>>,
    current: Reg<U<8>>,
    previous: Reg<U<8>>,
    has_previous: Reg<Bit>,
    row: Reg<U<64>>,
    row_next: Reg<U<9>>,
    row_used: Reg<Bit>,
    hit: Reg<Bit>,
    free: Reg<U<9>>,
    any_free: Reg<Bit>,
    free_head: Reg<U<8>>,
    has_room: Reg<Bit>,
    is_found: Reg<Bit>,
    is_found_valid: Reg<Bit>,
    found_whose: Reg<U<4>>,
    /// The look at all rows: for which slots, whether for age, at which row (256: the end).
    passing: Reg<Bit>,
    pending: Reg<U<8>>,
    flushing: Reg<U<8>>,
    age_pending: Reg<Bit>,
    ageing: Reg<Bit>,
    scan: Reg<U<9>>,
    scan_lost: Reg<Bit>,
    period: Reg<U<21>>,
    elapsed: Reg<U<21>>,
    epoch: Reg<U<5>>,
    is_made: Reg<Bit>,
    made_completion: Reg<W<103>>,
    made_whose: Reg<U<4>>,
    made_pulse: Reg<Bit>,
    expired_pulse: Reg<Bit>,
    /// First row of each chain: bit 8 there is one.
    heads: Ram<U<9>, 8>,
    /// Next row of a chain, or of the free ones: bit 8 there is one; bit 9 the row is in use.
    links: Ram<U<10>, 8>,
    /// Lower address 63:57, bytes 56:44, epoch 43:39, from 38:35, attributes 34:32, TC 31:29, slot 28:26, tag 25:16, requester 15:0.
    rows: Ram<U<64>, 8>,

    take_insert: Signal<Local, Bit>,
    take_lookup: Signal<Local, Bit>,
    can_insert: Signal<Local, Bit>,
    absent: Signal<Local, Bit>,
    unlink: Signal<Local, Bit>,
    hash: Signal<Local, U<8>>,
    rounded: Signal<Local, U<25>>,
    fresh: Signal<Local, U<64>>,
    row_slot: Signal<Local, U<3>>,
    age: Signal<Local, U<5>>,
    row_lost: Signal<Local, Bit>,
    row_from: Signal<Local, U<4>>,
    asker_lost: Signal<Local, Bit>,
    lost_bits: Signal<Local, U<8>>,
    answer: Signal<Local, W<103>>,
    completer: Signal<Local, U<16>>,
    next_scan: Signal<Local, U<9>>,
    _activity: Activity,
}

impl Logic for Tracker {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            turn,
            inserting,
            asking,
            ends,
            requester,
            tag,
            slot,
            tc,
            attr,
            from,
            bytes,
            lower,
            bucket,
            chain,
            current,
            previous,
            has_previous,
            row,
            row_next,
            row_used,
            hit,
            free,
            any_free,
            free_head,
            has_room,
            is_found,
            is_found_valid,
            found_whose,
            passing,
            pending,
            flushing,
            age_pending,
            ageing,
            scan,
            scan_lost,
            period,
            elapsed,
            epoch,
            is_made,
            made_completion,
            made_whose,
            made_pulse,
            expired_pulse
        );
        clock!(self, clock, heads, links, rows);
        self.found_valid.next = self.is_found_valid.q.val();
        self.found.next = self.is_found.q.val();
        self.found_from.next = self.found_whose.q.val();
        self.busy.next = self.pending.q.val() | self.flushing.q.val();
        self.made_valid.next = self.is_made.q.val();
        self.made.next = self.made_completion.q.val();
        self.made_to.next = self.made_whose.q.val();
        self.room.next = self.has_room.q.val();
        self.made_up.next = self.made_pulse.q.val();
        self.expired.next = self.expired_pulse.q.val();
        self.is_found_valid.d.next = false;
        self.is_found.d.next = false;
        self.made_pulse.d.next = self.is_made.q.val() && self.made_ready.val();
        self.expired_pulse.d.next = false;
        self.has_room.d.next = self.free.q.val() >= 8;
        if self.is_made.q.val() && self.made_ready.val() {
            self.is_made.d.next = false;
        }

        // Time, while there is something to grow old.
        self.rounded.next = bit_cast::<25, 24>(self.track_ticks.val()) + 15;
        self.period.d.next = self.rounded.val().get_bits::<21>(4);
        if self.tick.val() && !self.free.q.val().get_bit(8) && (self.elapsed.q.val() < self.period.q.val()) {
            self.elapsed.d.next = self.elapsed.q.val() + 1;
        }
        if (self.elapsed.q.val() >= self.period.q.val())
            && self.period.q.val().any()
            && !self.age_pending.q.val()
            && !self.ageing.q.val()
        {
            self.elapsed.d.next = 0.into();
            if self.tick.val() {
                self.elapsed.d.next = 1.into();
            }
            self.epoch.d.next = self.epoch.q.val() + 1;
            self.age_pending.d.next = true;
        }

        // What the row at hand says.
        self.row_slot.next = self.row.q.val().get_bits::<3>(26);
        self.row_lost.next = self.flushing.q.val().get_bit(self.row_slot.val().index());
        self.row_from.next = self.row.q.val().get_bits::<4>(35);
        self.asker_lost.next = false;
        for i in 0..8 {
            if (self.row_from.val().index() == i + 1) && self.flushing.q.val().get_bit(i) {
                self.asker_lost.next = true;
            }
        }
        self.age.next = self.epoch.q.val() - self.row.q.val().get_bits::<5>(39);
        self.completer.next =
            (bit_cast::<16, 8>(self.upstream_bus.val()) << 8) | (bit_cast::<16, 3>(self.row_slot.val()) << 3);
        self.answer.next = bit_cast_wide::<103, 26>(self.row.q.val().get_bits::<26>(0))
            | (bit_cast_wide::<103, 6>(self.row.q.val().get_bits::<6>(29)) << 26)
            | (bit_cast_wide::<103, 12>(self.row.q.val().get_bits::<12>(44)) << 35)
            | (bit_cast_wide::<103, 7>(self.row.q.val().get_bits::<7>(57)) << 47)
            | (bit_cast_wide::<103, 16>(self.completer.val()) << 54);
        self.answer.next = self.answer.val().replace_bit(32, true);

        // A row to be written: a new one, or the one at hand with less remaining.
        self.fresh.next = bit_cast::<64, 44>(self.row.q.val().get_bits::<44>(0));
        if self.inserting.q.val() {
            self.fresh.next = bit_cast::<64, 16>(self.requester.q.val())
                | (bit_cast::<64, 10>(self.tag.q.val()) << 16)
                | (bit_cast::<64, 3>(self.slot.q.val()) << 26)
                | (bit_cast::<64, 3>(self.tc.q.val()) << 29)
                | (bit_cast::<64, 3>(self.attr.q.val()) << 32)
                | (bit_cast::<64, 4>(self.from.q.val()) << 35)
                | (bit_cast::<64, 5>(self.epoch.q.val()) << 39);
        }
        self.fresh.next = self.fresh.val()
            | (bit_cast::<64, 13>(self.bytes.q.val()) << 44)
            | (bit_cast::<64, 7>(self.lower.q.val()) << 57);
        self.hash.next = self.tag.q.val().get_bits::<8>(0)
            ^ self.requester.q.val().get_bits::<8>(8)
            ^ (bit_cast::<8, 5>(self.requester.q.val().get_bits::<5>(3)) << 3)
            ^ (bit_cast::<8, 3>(self.requester.q.val().get_bits::<3>(0)) << 5)
            ^ (bit_cast::<8, 2>(self.tag.q.val().get_bits::<2>(8)) << 6);

        // Who is taken: in turns, if both wait.
        self.can_insert.next = self.insert_valid.val() && self.any_free.q.val();
        self.take_insert.next = false;
        self.take_lookup.next = false;
        self.insert_ready.next = false;
        self.lookup_ready.next = false;
        if self.state.q.val() == TrackerState::Idle && !self.clear.val() {
            self.take_lookup.next = self.lookup_valid.val() && (self.turn.q.val() || !self.can_insert.val());
            self.take_insert.next = self.can_insert.val() && !(self.turn.q.val() && self.lookup_valid.val());
            self.insert_ready.next = self.any_free.q.val() && !(self.turn.q.val() && self.lookup_valid.val());
            self.lookup_ready.next = self.turn.q.val() || !self.can_insert.val();
        }
        if self.state.q.val() == TrackerState::Clear {
            self.insert_ready.next = self.clear.val();
            self.lookup_ready.next = true;
            self.is_found_valid.d.next = self.lookup_valid.val();
        }

        self.heads.write_enable.next = false;
        self.heads.write_address.next = self.bucket.q.val();
        self.heads.write_data.next = self.row_next.q.val();
        self.heads.read_address.next = self.hash.val();
        self.links.write_enable.next = false;
        self.links.write_address.next = self.previous.q.val();
        self.links.write_data.next = bit_cast::<10, 9>(self.row_next.q.val()).replace_bit(9, true);
        self.links.read_address.next = self.free_head.q.val();
        self.rows.write_enable.next = false;
        self.rows.write_address.next = self.current.q.val();
        self.rows.write_data.next = self.fresh.val();
        self.rows.read_address.next = self.row_next.q.val().get_bits::<8>(0);
        self.absent.next = false;
        self.unlink.next = false;
        self.next_scan.next = self.scan.q.val() + 1;
        self.lost_bits.next = self.pending.q.val() | self.lost.val();

        match self.state.q.val() {
            TrackerState::Clear => {
                self.heads.write_enable.next = true;
                self.heads.write_address.next = self.scan.q.val().get_bits::<8>(0);
                self.heads.write_data.next = 0.into();
                self.links.write_enable.next = true;
                self.links.write_address.next = self.scan.q.val().get_bits::<8>(0);
                self.links.write_data.next = bit_cast::<10, 8>(self.next_scan.val().get_bits::<8>(0));
                self.scan.d.next = self.next_scan.val();
                if self.next_scan.val().get_bit(8) {
                    self.state.d.next = TrackerState::Idle;
                }
            }
            TrackerState::Idle => {
                self.links.read_address.next = self.scan.q.val().get_bits::<8>(0);
                self.rows.read_address.next = self.scan.q.val().get_bits::<8>(0);
                self.inserting.d.next = false;
                if self.take_insert.val() {
                    self.state.d.next = TrackerState::Hash;
                    self.turn.d.next = true;
                    self.inserting.d.next = true;
                    self.requester.d.next = self.insert_requester.val();
                    self.tag.d.next = self.insert_tag.val();
                    self.slot.d.next = self.insert_slot.val();
                    self.tc.d.next = self.insert_tc.val();
                    self.attr.d.next = self.insert_attr.val();
                    self.from.d.next = self.insert_from.val();
                    self.bytes.d.next = self.insert_bytes.val();
                    self.lower.d.next = self.insert_lower.val();
                    // It came too late: another look at all requests finds it.
                    for i in 0..8 {
                        if (self.insert_slot.val().index() == i) && self.flushing.q.val().get_bit(i) {
                            self.lost_bits.next = self.lost_bits.val().replace_bit(i, true);
                        }
                    }
                } else if self.take_lookup.val() {
                    self.state.d.next = TrackerState::Hash;
                    self.turn.d.next = false;
                    self.asking.d.next = true;
                    self.requester.d.next = self.lookup_requester.val();
                    self.tag.d.next = self.lookup_tag.val();
                    self.slot.d.next = self.lookup_slot.val();
                    self.ends.d.next = self.lookup_ends.val();
                    self.bytes.d.next = self.lookup_bytes.val();
                    self.lower.d.next = self.lookup_lower.val();
                } else if self.is_made.q.val() {
                    // No look at requests before there is a place for what it may make up.
                    self.state.d.next = TrackerState::Idle;
                } else if self.passing.q.val() && !self.scan.q.val().get_bit(8) {
                    self.state.d.next = TrackerState::ScanRow;
                } else if self.pending.q.val().any() || self.age_pending.q.val() {
                    self.passing.d.next = true;
                    self.scan.d.next = 0.into();
                    self.flushing.d.next = self.pending.q.val();
                    self.ageing.d.next = self.age_pending.q.val();
                    self.age_pending.d.next = false;
                    self.lost_bits.next = self.lost.val();
                } else {
                    self.passing.d.next = false;
                    self.flushing.d.next = 0.into();
                    self.ageing.d.next = false;
                }
            }
            TrackerState::Hash => {
                self.bucket.d.next = self.hash.val();
                self.state.d.next = TrackerState::Bucket;
            }
            TrackerState::Bucket => {
                self.chain.d.next = self.heads.read_data.val();
                self.current.d.next = self.heads.read_data.val().get_bits::<8>(0);
                self.rows.read_address.next = self.heads.read_data.val().get_bits::<8>(0);
                self.has_previous.d.next = false;
                self.absent.next = !self.heads.read_data.val().get_bit(8);
                if !self.absent.val() {
                    self.links.read_address.next = self.heads.read_data.val().get_bits::<8>(0);
                    self.state.d.next = TrackerState::Fetch;
                }
            }
            TrackerState::Fetch => {
                self.row.d.next = self.rows.read_data.val();
                self.row_next.d.next = self.links.read_data.val().get_bits::<9>(0);
                self.state.d.next = TrackerState::Compare;
            }
            TrackerState::Compare => {
                self.hit.d.next = (self.row.q.val().get_bits::<16>(0) == self.requester.q.val())
                    && (self.row.q.val().get_bits::<10>(16) == self.tag.q.val())
                    && (self.inserting.q.val() || (self.row_slot.val() == self.slot.q.val()));
                self.state.d.next = TrackerState::Decide;
            }
            TrackerState::Decide => {
                if self.hit.q.val() {
                    self.state.d.next = TrackerState::Idle;
                    if self.inserting.q.val() {
                        self.rows.write_enable.next = true;
                    } else if self.asking.q.val() {
                        self.asking.d.next = false;
                        self.is_found_valid.d.next = true;
                        self.is_found.d.next = true;
                        self.found_whose.d.next = self.row_from.val();
                        self.unlink.next = self.ends.q.val();
                        self.rows.write_enable.next = !self.ends.q.val();
                    } else {
                        self.unlink.next = true;
                        self.expired_pulse.d.next = !self.scan_lost.q.val();
                        if self.scan_lost.q.val() {
                            self.is_made.d.next = true;
                            self.made_completion.d.next = self.answer.val();
                            self.made_whose.d.next = self.row_from.val();
                        }
                    }
                } else if self.row_next.q.val().get_bit(8) {
                    self.links.read_address.next = self.row_next.q.val().get_bits::<8>(0);
                    self.previous.d.next = self.current.q.val();
                    self.has_previous.d.next = true;
                    self.current.d.next = self.row_next.q.val().get_bits::<8>(0);
                    self.state.d.next = TrackerState::Fetch;
                } else {
                    self.absent.next = true;
                }
            }
            TrackerState::Allocate => {
                self.heads.write_enable.next = true;
                self.heads.write_data.next = bit_cast::<9, 8>(self.free_head.q.val()).replace_bit(8, true);
                self.links.write_enable.next = true;
                self.links.write_address.next = self.free_head.q.val();
                self.links.write_data.next = bit_cast::<10, 9>(self.chain.q.val()).replace_bit(9, true);
                self.rows.write_enable.next = true;
                self.rows.write_address.next = self.free_head.q.val();
                self.free_head.d.next = self.links.read_data.val().get_bits::<8>(0);
                self.free.d.next = self.free.q.val() - 1;
                self.any_free.d.next = self.free.q.val() != 1;
                self.state.d.next = TrackerState::Idle;
            }
            TrackerState::Release => {
                self.links.write_enable.next = true;
                self.links.write_address.next = self.current.q.val();
                self.links.write_data.next = bit_cast::<10, 8>(self.free_head.q.val());
                self.free_head.d.next = self.current.q.val();
                self.free.d.next = self.free.q.val() + 1;
                self.any_free.d.next = true;
                self.state.d.next = TrackerState::Idle;
            }
            TrackerState::ScanRow => {
                self.row.d.next = self.rows.read_data.val();
                self.row_used.d.next = self.links.read_data.val().get_bit(9);
                self.scan.d.next = self.next_scan.val();
                self.state.d.next = TrackerState::ScanTest;
            }
            TrackerState::ScanTest => {
                self.scan_lost.d.next = self.row_lost.val() && !self.asker_lost.val();
                self.requester.d.next = self.row.q.val().get_bits::<16>(0);
                self.tag.d.next = self.row.q.val().get_bits::<10>(16);
                self.slot.d.next = self.row_slot.val();
                self.state.d.next = TrackerState::Idle;
                if self.row_used.q.val() && (self.row_lost.val() || self.asker_lost.val() || (self.age.val() >= 17)) {
                    self.state.d.next = TrackerState::Hash;
                }
            }
        }
        if self.absent.val() {
            self.state.d.next = TrackerState::Idle;
            self.asking.d.next = false;
            if self.inserting.q.val() {
                self.state.d.next = TrackerState::Allocate;
            }
            if self.asking.q.val() {
                self.is_found_valid.d.next = true;
            }
        }
        if self.unlink.val() {
            self.heads.write_enable.next = !self.has_previous.q.val();
            self.links.write_enable.next = self.has_previous.q.val();
            self.state.d.next = TrackerState::Release;
        }
        self.pending.d.next = self.lost_bits.val();

        if self.clear.val() || self.reset.val() {
            if self.asking.q.val() {
                self.is_found_valid.d.next = true;
                self.is_found.d.next = false;
            }
            self.state.d.next = TrackerState::Clear;
            self.scan.d.next = 0.into();
            self.asking.d.next = false;
            self.inserting.d.next = false;
            self.turn.d.next = false;
            self.free.d.next = 256.into();
            self.any_free.d.next = true;
            self.free_head.d.next = 0.into();
            self.passing.d.next = false;
            self.pending.d.next = 0.into();
            self.flushing.d.next = 0.into();
            self.age_pending.d.next = false;
            self.ageing.d.next = false;
            self.elapsed.d.next = 0.into();
            self.epoch.d.next = 0.into();
        }
        if self.reset.val() {
            self.is_found_valid.d.next = false;
            self.has_room.d.next = false;
            self.is_made.d.next = false;
            self.made_pulse.d.next = false;
            self.expired_pulse.d.next = false;
        }
    }
}
