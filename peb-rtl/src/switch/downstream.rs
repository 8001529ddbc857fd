//! TLPs from the host: where they go, who answers.

use super::downstream_state::State;
use super::{Header, Match};
use peb_hdl::prelude::*;

/// Routes the TLPs of the host as the upstream port and the internal bus of a switch do (PCI Express Base Specification
/// 2.2.8, 2.2.9, 2.3.1, 7.3.3): to a slot, to the configuration space, or nowhere.
///
/// - Configuration: type 0 and type 1 to a downstream port are answered here; type 1 goes on below a slot, as type 0 on
///   its secondary bus (device 0 only, unless ARI Forwarding is on). A poisoned write changes nothing (2.7.2.2).
/// - Memory and AtomicOps: into the windows of a slot that are also the upstream port's. I/O and locked reads are not supported.
/// - Completions, and messages by ID, by bus. Broadcasts go to all slots that are up, one after the other, if they have 32 dwords at most.
///   Set_Slot_Power_Limit and PME_Turn_Off are also heeded. Vendor_Defined Type 1, messages that must be ignored (codes 0x40..0x4F) and a
///   Set_Slot_Power_Limit that is poisoned or of another length count as dropped; what else ends here is unsupported.
/// - What cannot go on: non-posted are answered with Unsupported Request by the port that refuses, others are dropped.
///   Each raises exactly one of the counters.
///
/// - Latency: first beat in to first beat out SLOTS + 6 clocks, non-posted two clocks more and not before their last beat
///   is in. Configuration: last beat in to `answer_valid` SLOTS + 6 clocks and those of the configuration space.
///   Throughput: one TLP at a time: its beats and SLOTS + 6 clocks.
/// - Registered: all outputs but `ready`; the fields of requests and answers stand as long as they are valid.
/// - Reset: forgets all. `clear` (the host's link is down) withdraws what is under way, swallows what comes and forgets
///   `upstream_id`; a TLP that has begun to go out is ended with `bad` if its end is missing.
/// - Bad input: of a TLP whose last beat is `bad` nothing remains: it is not counted, answered, noted or heeded. If it is
///   going out, it is `bad` there too.
/// - Waits for `out_ready` and, with non-posted TLPs only, for the configuration space, `answer_ready` and
///   `insert_ready`. These three never wait for the link, so the stream always moves on when the tunnel does.
/// - A slot that goes down after the decision still gets the TLP: the tracker must answer what is noted while it is down.
#[derive(Module, Default)]
pub struct Downstream<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub clear: Signal<In, Bit>,
    pub update: Signal<In, Bit>,
    pub update_port: Signal<In, U<4>>,
    pub update_row: Signal<In, U<5>>,
    pub update_value: Signal<In, U<32>>,
    pub slot_up: Signal<In, U<8>>,
    /// From [`Framer`](crate::tlp::Framer).
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub valid: Signal<In, Bit>,
    pub class: Signal<In, U<2>>,
    pub dwords: Signal<In, U<10>>,
    pub bad: Signal<In, Bit>,
    pub ready: Signal<Out, Bit>,
    /// To the slots.
    pub out_session: Signal<Out, U<3>>,
    pub out_data: Signal<Out, U<64>>,
    pub out_half: Signal<Out, Bit>,
    pub out_first: Signal<Out, Bit>,
    pub out_last: Signal<Out, Bit>,
    pub out_valid: Signal<Out, Bit>,
    pub out_class: Signal<Out, U<2>>,
    pub out_dwords: Signal<Out, U<10>>,
    pub out_bad: Signal<Out, Bit>,
    pub out_ready: Signal<In, Bit>,
    /// To the configuration space, held until `config_done`; port 0 is the upstream port, 1 + n slot n.
    pub config_request: Signal<Out, Bit>,
    pub config_port: Signal<Out, U<4>>,
    pub config_write: Signal<Out, Bit>,
    /// Dword number.
    pub config_register: Signal<Out, U<10>>,
    pub config_enables: Signal<Out, U<4>>,
    pub config_data: Signal<Out, U<32>>,
    pub config_done: Signal<In, Bit>,
    pub config_answer: Signal<In, U<32>>,
    /// A completion to the host.
    pub answer: Signal<Out, W<103>>,
    pub answer_valid: Signal<Out, Bit>,
    pub answer_ready: Signal<In, Bit>,
    /// To the tracker: a request that is about to go out. Bytes that its completions carry, 4 for those without data.
    pub insert_valid: Signal<Out, Bit>,
    pub insert_ready: Signal<In, Bit>,
    pub insert_slot: Signal<Out, U<3>>,
    pub insert_from: Signal<Out, U<4>>,
    pub insert_requester: Signal<Out, U<16>>,
    pub insert_tag: Signal<Out, U<10>>,
    pub insert_tc: Signal<Out, U<3>>,
    pub insert_attr: Signal<Out, U<3>>,
    pub insert_bytes: Signal<Out, U<13>>,
    pub insert_lower: Signal<Out, U<7>>,
    /// Bus, device and function of the upstream port, from the last type 0 configuration write.
    pub upstream_id: Signal<Out, U<16>>,
    /// One clock: Set_Slot_Power_Limit; value in bits 7:0, scale in 9:8.
    pub power_limit_valid: Signal<Out, Bit>,
    pub power_limit: Signal<Out, U<10>>,
    /// One clock: PME_Turn_Off.
    pub turn_off: Signal<Out, Bit>,
    /// One clock: the host has completed a request of slot `completed_slot`, whether that is up or not.
    pub completed: Signal<Out, Bit>,
    pub completed_slot: Signal<Out, U<3>>,
    /// Counters, one clock each.
    pub unsupported: Signal<Out, Bit>,
    pub posted_dropped: Signal<Out, Bit>,
    pub unexpected: Signal<Out, Bit>,
    /// One clock: what is wrong with the TLP that ends, and the port that says so; see [`ErrorLog`](super::ErrorLog).
    pub errors: Signal<Out, U<4>>,
    pub error_port: Signal<Out, U<4>>,

    header: Header<SLOTS>,
    scan: Match<SLOTS>,
    /// The beats of the TLP: data, half, last, bad.
    beats: LutRam<W<67>, 4>,
    state: Reg<State>,
    written: Reg<U<5>>,
    read: Reg<U<5>>,
    /// There are 16, or were a clock ago.
    full: Reg<Bit>,
    /// The first beat is the next to go out.
    fresh: Reg<Bit>,
    /// The first 16 bytes, class and length.
    head: Reg<U<64>>,
    rest: Reg<U<64>>,
    is_class: Reg<U<2>>,
    length: Reg<U<10>>,
    address: Reg<U<64>>,
    limit: Reg<U<10>>,
    /// The last beat is in; it was bad; it never comes.
    ended: Reg<Bit>,
    spoilt: Reg<Bit>,
    cut: Reg<Bit>,
    /// The slot that is meant, if one is; can it be reached?
    target: Reg<U<3>>,
    target_hit: Reg<Bit>,
    target_up: Reg<Bit>,
    /// The completer is `target`'s port.
    by_slot: Reg<Bit>,
    refused: Reg<Bit>,
    to_type_0: Reg<Bit>,
    broadcast: Reg<Bit>,
    register_value: Reg<U<32>>,
    /// What is counted or heeded at the end of a dropped TLP.
    count_unsupported: Reg<Bit>,
    count_dropped: Reg<Bit>,
    count_unexpected: Reg<Bit>,
    heed_limit: Reg<Bit>,
    /// It is refused because it is poisoned.
    own_poison: Reg<Bit>,

    id: Reg<U<16>>,
    p_unsupported: Reg<Bit>,
    p_dropped: Reg<Bit>,
    p_unexpected: Reg<Bit>,
    p_limit: Reg<Bit>,
    p_turn_off: Reg<Bit>,
    p_completed: Reg<Bit>,
    p_poisoned: Reg<Bit>,
    o_valid: Reg<Bit>,
    o_session: Reg<U<3>>,
    o_data: Reg<U<64>>,
    o_half: Reg<Bit>,
    o_first: Reg<Bit>,
    o_last: Reg<Bit>,
    o_bad: Reg<Bit>,
    o_class: Reg<U<2>>,
    o_length: Reg<U<10>>,

    kind: Signal<Local, U<5>>,
    with_data: Signal<Local, Bit>,
    locked: Signal<Local, Bit>,
    dw2: Signal<Local, U<32>>,
    dw3: Signal<Local, U<32>>,
    device: Signal<Local, U<5>>,
    code: Signal<Local, U<8>>,
    held: Signal<Local, U<5>>,
    take: Signal<Local, Bit>,
    accepts: Signal<Local, Bit>,
    non_posted: Signal<Local, Bit>,
    by_bus: Signal<Local, Bit>,
    to_address: Signal<Local, Bit>,
    slot: Signal<Local, U<3>>,
    refuse: Signal<Local, Bit>,
    drop: Signal<Local, Bit>,
    send: Signal<Local, Bit>,
    beat: Signal<Local, W<67>>,
    mark: Signal<Local, U<3>>,
    ending: Signal<Local, U<3>>,
    moves: Signal<Local, Bit>,
    /// A beat goes out; or the end of a TLP that was cut.
    loads: Signal<Local, Bit>,
    cuts: Signal<Local, Bit>,
    finished: Signal<Local, Bit>,
    completer: Signal<Local, U<16>>,
    _activity: Activity,
}

impl<const SLOTS: usize> Logic for Downstream<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, written, read, full, fresh, head, rest);
        dff_setup!(self, clock, is_class, length, address, limit, ended, spoilt);
        dff_setup!(self, clock, cut, target, target_hit, target_up, by_slot, refused);
        dff_setup!(self, clock, to_type_0, broadcast, register_value, count_unsupported);
        dff_setup!(self, clock, count_dropped, count_unexpected, heed_limit, id, p_unsupported);
        dff_setup!(self, clock, p_dropped, p_unexpected, p_limit, p_turn_off, p_completed);
        dff_setup!(self, clock, o_valid, o_session, o_data, o_half, o_first, o_last);
        dff_setup!(self, clock, o_bad, o_class, o_length, own_poison, p_poisoned);
        self.p_unsupported.d.next = false;
        self.p_dropped.d.next = false;
        self.p_unexpected.d.next = false;
        self.p_limit.d.next = false;
        self.p_turn_off.d.next = false;
        self.p_completed.d.next = false;
        self.p_poisoned.d.next = false;

        // Beats come in.
        self.accepts.next = (self.state.q.val() == State::Idle)
            || (!self.ended.q.val() && (!self.full.q.val() || (self.state.q.val() == State::Drain)));
        self.ready.next = self.accepts.val() || self.clear.val();
        self.take.next = self.valid.val()
            && self.accepts.val()
            && !self.clear.val()
            && ((self.state.q.val() != State::Idle) || self.first.val());
        self.beats.clock.next = self.clock.val();
        self.beats.write_enable.next = self.take.val();
        self.beats.write_address.next = self.written.q.val().get_bits::<4>(0);
        if self.state.q.val() == State::Idle {
            self.beats.write_address.next = 0.into();
        }
        self.mark.next = bit_cast::<3, 1>(self.half.val().into())
            | (bit_cast::<3, 1>(self.last.val().into()) << 1)
            | (bit_cast::<3, 1>(self.bad.val().into()) << 2);
        self.beats.write_data.next =
            bit_cast_wide::<67, 64>(self.data.val()) | (bit_cast_wide::<67, 3>(self.mark.val()) << 64);
        self.beats.read_address.next = self.read.q.val().get_bits::<4>(0);
        self.held.next = self.written.q.val() - self.read.q.val();
        self.full.d.next = (self.held.val() == 16) || (self.take.val() && (self.held.val() == 15));
        if self.take.val() {
            self.written.d.next = self.written.q.val() + 1;
            self.ended.d.next = self.last.val();
            self.spoilt.d.next = self.last.val() && self.bad.val();
            if self.written.q.val() == 2 {
                self.limit.d.next = self.data.val().get_bits::<10>(0);
            }
        }

        // What the header says.
        self.kind.next = self.head.q.val().get_bits::<5>(0);
        self.with_data.next = self.head.q.val().get_bit(6);
        self.locked.next = self.kind.val() == 1;
        self.code.next = self.head.q.val().get_bits::<8>(56);
        self.device.next = self.rest.q.val().get_bits::<5>(11);
        self.header.clock.next = self.clock.val();
        self.header.head.next = self.head.q.val();
        self.header.rest.next = self.rest.q.val();
        self.header.upstream_id.next = self.id.q.val();

        // Where it would go.
        self.scan.clock.next = self.clock.val();
        self.scan.reset.next = self.reset.val();
        self.scan.update.next = self.update.val();
        self.scan.update_port.next = self.update_port.val();
        self.scan.update_row.next = self.update_row.val();
        self.scan.update_value.next = self.update_value.val();
        self.scan.start.next = self.take.val() && (self.state.q.val() == State::Header);
        self.scan.bus.next = self.rest.q.val().get_bits::<8>(0);
        self.scan.address.next = self.address.q.val();
        self.scan.source.next = 0.into();
        self.by_bus.next = self.scan.below_upstream.val() && !self.scan.is_internal.val() && self.scan.bus_hit.val();
        self.to_address.next = self.scan.in_upstream_window.val() && self.scan.memory_hit.val();
        self.slot.next = self.scan.bus_slot.val();
        if self.header.is_memory.val() {
            self.slot.next = self.scan.memory_slot.val();
        } else if self.scan.is_internal.val() {
            self.slot.next = self.device.val().get_bits::<3>(0);
        }

        self.dw2.next = (bit_cast::<32, 8>(self.data.val().get_bits::<8>(0)) << 24)
            | (bit_cast::<32, 8>(self.data.val().get_bits::<8>(8)) << 16)
            | (bit_cast::<32, 8>(self.data.val().get_bits::<8>(16)) << 8)
            | bit_cast::<32, 8>(self.data.val().get_bits::<8>(24));
        self.dw3.next = (bit_cast::<32, 8>(self.data.val().get_bits::<8>(32)) << 24)
            | (bit_cast::<32, 8>(self.data.val().get_bits::<8>(40)) << 16)
            | (bit_cast::<32, 8>(self.data.val().get_bits::<8>(48)) << 8)
            | bit_cast::<32, 8>(self.data.val().get_bits::<8>(56));

        self.non_posted.next = self.is_class.q.val() == 1;
        self.refuse.next = false;
        self.drop.next = false;
        self.send.next = false;
        self.moves.next = !self.o_valid.q.val() || self.out_ready.val();
        self.beat.next = self.beats.read_data.val();
        self.ending.next = bit_cast_narrow::<3, 67>(self.beat.val() >> 64);
        self.finished.next = false;
        self.loads.next = false;
        self.cuts.next = false;
        if self.out_ready.val() {
            self.o_valid.d.next = false;
        }

        match self.state.q.val() {
            State::Idle => {
                self.read.d.next = 0.into();
                self.full.d.next = false;
                self.fresh.d.next = true;
                self.written.d.next = bit_cast::<5, 1>(self.take.val().into());
                self.ended.d.next = false;
                if self.take.val() {
                    self.head.d.next = self.data.val();
                    self.is_class.d.next = self.class.val();
                    self.length.d.next = self.dwords.val();
                    self.cut.d.next = false;
                    self.by_slot.d.next = false;
                    self.refused.d.next = false;
                    self.to_type_0.d.next = false;
                    self.broadcast.d.next = false;
                    self.count_unsupported.d.next = false;
                    self.count_dropped.d.next = false;
                    self.count_unexpected.d.next = false;
                    self.heed_limit.d.next = false;
                    self.own_poison.d.next = false;
                    self.state.d.next = State::Header;
                }
            }
            State::Header => {
                if self.take.val() {
                    self.rest.d.next = self.data.val();
                    self.address.d.next = bit_cast::<64, 32>(self.dw2.val());
                    if self.head.q.val().get_bit(5) {
                        self.address.d.next =
                            (bit_cast::<64, 32>(self.dw2.val()) << 32) | bit_cast::<64, 32>(self.dw3.val());
                    }
                    self.state.d.next = State::Scan;
                }
            }
            State::Scan => {
                self.target.d.next = self.slot.val();
                self.target_hit.d.next = self.by_bus.val();
                if self.header.is_memory.val() {
                    self.target_hit.d.next = self.to_address.val();
                }
                self.target_up.d.next = self.slot_up.val().get_bit(self.slot.val().index());
                if self.scan.done.val() {
                    self.state.d.next = State::Decide;
                }
            }
            State::Decide => {
                if self.non_posted.val() && !self.ended.q.val() {
                    self.state.d.next = State::Decide;
                } else if self.non_posted.val() && self.spoilt.q.val() {
                    self.state.d.next = State::Idle;
                } else if self.header.is_config.val() && !self.head.q.val().get_bit(0) {
                    if self.with_data.val() {
                        self.id.d.next = (bit_cast::<16, 8>(self.rest.q.val().get_bits::<8>(0)) << 8)
                            | (bit_cast::<16, 5>(self.device.val()) << 3);
                    }
                    self.refuse.next = !self.header.function_0.val() || self.header.poisoned_write.val();
                    self.own_poison.d.next = self.header.function_0.val() && self.header.poisoned_write.val();
                    self.state.d.next = State::Config;
                } else if self.header.is_config.val() && self.scan.is_internal.val() {
                    self.by_slot.d.next = self.header.own_device.val();
                    self.refuse.next = !self.header.own_device.val() || self.header.poisoned_write.val();
                    self.own_poison.d.next = self.header.own_device.val() && self.header.poisoned_write.val();
                    self.state.d.next = State::Config;
                } else if self.header.is_config.val() {
                    self.by_slot.d.next = self.target_hit.q.val();
                    self.to_type_0.d.next = self.scan.bus_secondary.val();
                    self.send.next = self.target_hit.q.val()
                        && self.target_up.q.val()
                        && (!self.scan.bus_secondary.val() || self.header.device_0.val() || self.scan.bus_ari.val());
                    self.refuse.next = !self.send.val();
                } else if self.locked.val() {
                    self.refuse.next = true;
                } else if self.header.is_memory.val() {
                    self.by_slot.d.next = self.target_hit.q.val();
                    self.send.next = self.target_hit.q.val()
                        && self.target_up.q.val()
                        && !(self.header.is_atomic.val() && self.scan.memory_atomic_block.val());
                    self.refuse.next = self.non_posted.val() && !self.send.val();
                    self.drop.next = !self.non_posted.val() && !self.send.val();
                    self.count_dropped.d.next = self.target_hit.q.val();
                    self.count_unsupported.d.next = !self.target_hit.q.val();
                } else if !self.header.is_message.val() {
                    // A completion, or I/O.
                    self.refuse.next = self.non_posted.val();
                    self.send.next = !self.non_posted.val() && self.target_hit.q.val() && self.target_up.q.val();
                    self.drop.next = !self.non_posted.val() && !self.send.val();
                    self.count_unexpected.d.next = true;
                } else if self.kind.val() == 19 {
                    self.broadcast.d.next = true;
                    self.target.d.next = 0.into();
                    if self.ended.q.val() && self.spoilt.q.val() {
                        self.state.d.next = State::Idle;
                    } else if self.ended.q.val() {
                        self.p_turn_off.d.next = (self.code.val() == 25) && !self.with_data.val();
                        self.state.d.next = State::Next;
                    } else if self.full.q.val() {
                        self.drop.next = true;
                        self.count_unsupported.d.next = true;
                    }
                } else if (self.kind.val() == 18) && self.target_hit.q.val() {
                    self.send.next = self.target_up.q.val();
                    self.drop.next = !self.target_up.q.val();
                    self.count_dropped.d.next = true;
                } else {
                    self.drop.next = true;
                    if (self.kind.val() == 20) && (self.code.val() == 80) && self.with_data.val() {
                        self.heed_limit.d.next = self.header.one_dword.val() && !self.header.poisoned_write.val();
                        self.count_dropped.d.next = !self.header.one_dword.val() || self.header.poisoned_write.val();
                    } else if !self.header.ignored.val()
                        && !((self.kind.val() == 18)
                            && (self.code.val() == 127)
                            && (self.header.for_upstream.val()
                                || (self.scan.is_internal.val() && self.header.own_device.val())))
                    {
                        self.count_unsupported.d.next = true;
                    } else {
                        self.count_dropped.d.next = true;
                    }
                }
                if self.refuse.val() {
                    self.refused.d.next = true;
                    self.state.d.next = State::Answer;
                } else if self.drop.val() {
                    self.state.d.next = State::Drain;
                } else if self.send.val() && self.non_posted.val() {
                    self.state.d.next = State::Insert;
                } else if self.send.val() {
                    self.state.d.next = State::Forward;
                }
                // The first beat of what may go goes at once.
                self.loads.next = self.moves.val() && self.send.val() && !self.non_posted.val() && !self.clear.val();
            }
            State::Config => {
                self.register_value.d.next = self.config_answer.val();
                if self.config_done.val() {
                    self.state.d.next = State::Answer;
                }
            }
            State::Answer => {
                if self.answer_ready.val() {
                    self.p_unsupported.d.next = self.refused.q.val();
                    self.p_poisoned.d.next = self.own_poison.q.val();
                    self.state.d.next = State::Idle;
                }
            }
            State::Insert => {
                if self.insert_ready.val() {
                    self.state.d.next = State::Forward;
                }
            }
            State::Next => {
                self.read.d.next = 0.into();
                self.fresh.d.next = true;
                if self.slot_up.val().get_bit(self.target.q.val().index()) {
                    self.state.d.next = State::Forward;
                } else {
                    self.finished.next = true;
                }
            }
            State::Forward => {
                self.loads.next = self.moves.val() && (self.read.q.val() != self.written.q.val());
                self.cuts.next = self.moves.val() && !self.loads.val() && self.cut.q.val();
            }
            State::Drain => {
                if self.ended.q.val() {
                    self.p_unsupported.d.next = self.count_unsupported.q.val() && !self.spoilt.q.val();
                    self.p_dropped.d.next = self.count_dropped.q.val() && !self.spoilt.q.val();
                    self.p_unexpected.d.next = self.count_unexpected.q.val() && !self.spoilt.q.val();
                    self.p_limit.d.next = self.heed_limit.q.val() && !self.spoilt.q.val();
                    self.p_poisoned.d.next = self.header.poisoned_write.val()
                        && !self.count_unsupported.q.val()
                        && !self.count_unexpected.q.val()
                        && !self.spoilt.q.val();
                    self.p_completed.d.next = self.header.ends.val() && self.target_hit.q.val() && !self.spoilt.q.val();
                    self.state.d.next = State::Idle;
                }
            }
        }
        if self.moves.val() && ((self.state.q.val() == State::Decide) || (self.state.q.val() == State::Forward)) {
            self.o_session.d.next = self.target.q.val();
            self.o_class.d.next = self.is_class.q.val();
            self.o_length.d.next = self.length.q.val();
            self.o_data.d.next = bit_cast_narrow::<64, 67>(self.beat.val());
            if self.to_type_0.q.val() && self.fresh.q.val() {
                self.o_data.d.next = bit_cast_narrow::<64, 67>(self.beat.val()).replace_bit(0, false);
            }
            self.o_first.d.next = self.fresh.q.val() && !self.cuts.val();
            self.o_half.d.next = self.ending.val().get_bit(0) && !self.cuts.val();
            self.o_last.d.next = self.ending.val().get_bit(1) || self.cuts.val();
            self.o_bad.d.next = self.ending.val().get_bit(2) || self.cuts.val();
            self.o_valid.d.next = self.loads.val() || self.cuts.val();
        }
        if self.loads.val() {
            self.read.d.next = self.read.q.val() + 1;
            self.fresh.d.next = false;
            self.finished.next = self.ending.val().get_bit(1);
            self.p_completed.d.next = self.finished.val() && !self.ending.val().get_bit(2) && self.header.ends.val();
        } else if self.cuts.val() {
            self.finished.next = true;
        }
        if self.finished.val() {
            self.state.d.next = State::Idle;
            if self.broadcast.q.val() && !self.target.q.val().all() {
                self.target.d.next = self.target.q.val() + 1;
                self.state.d.next = State::Next;
            } else {
                self.p_poisoned.d.next = self.header.poisoned_write.val() && !self.spoilt.q.val();
            }
        }
        if self.clear.val() {
            self.id.d.next = 0.into();
            if self.state.q.val() != State::Forward {
                self.state.d.next = State::Idle;
            } else if !self.ended.q.val() {
                self.ended.d.next = true;
                self.cut.d.next = true;
            }
        }

        // What goes out.
        self.out_session.next = self.o_session.q.val();
        self.out_data.next = self.o_data.q.val();
        self.out_half.next = self.o_half.q.val();
        self.out_first.next = self.o_first.q.val();
        self.out_last.next = self.o_last.q.val();
        self.out_valid.next = self.o_valid.q.val();
        self.out_class.next = self.o_class.q.val();
        self.out_dwords.next = self.o_length.q.val();
        self.out_bad.next = self.o_bad.q.val();
        self.config_request.next = self.state.q.val() == State::Config;
        self.config_port.next = 0.into();
        if self.head.q.val().get_bit(0) {
            self.config_port.next = bit_cast::<4, 3>(self.target.q.val()) + 1;
        }
        self.config_write.next = self.with_data.val();
        self.config_register.next = (bit_cast::<10, 4>(self.rest.q.val().get_bits::<4>(16)) << 6)
            | bit_cast::<10, 6>(self.rest.q.val().get_bits::<6>(26));
        self.config_enables.next = self.head.q.val().get_bits::<4>(56);
        self.config_data.next = self.rest.q.val().get_bits::<32>(32);
        self.completer.next = self.id.q.val();
        if self.by_slot.q.val() {
            self.completer.next =
                (bit_cast::<16, 8>(self.scan.internal_bus.val()) << 8) | (bit_cast::<16, 3>(self.target.q.val()) << 3);
        }
        self.answer_valid.next = self.state.q.val() == State::Answer;
        self.answer.next = bit_cast_wide::<103, 16>(self.header.requester.val())
            | (bit_cast_wide::<103, 10>(self.header.tag.val()) << 16)
            | (bit_cast_wide::<103, 3>(self.head.q.val().get_bits::<3>(12)) << 26)
            | (bit_cast_wide::<103, 3>(self.header.attributes.val()) << 29)
            | (bit_cast_wide::<103, 12>(self.header.bytes.val().get_bits::<12>(0)) << 35)
            | (bit_cast_wide::<103, 7>(self.header.lower.val()) << 47)
            | (bit_cast_wide::<103, 16>(self.completer.val()) << 54);
        if self.refused.q.val() {
            self.answer.next = self.answer.val()
                | (bit_cast_wide::<103, 3>(bits::<3>(1)) << 32)
                | (bit_cast_wide::<103, 1>(self.locked.val().into()) << 70);
        } else if !self.with_data.val() {
            self.answer.next = self.answer.val()
                | (bit_cast_wide::<103, 1>(bits::<1>(1)) << 70)
                | (bit_cast_wide::<103, 32>(self.register_value.q.val()) << 71);
        }
        self.insert_valid.next = self.state.q.val() == State::Insert;
        self.insert_slot.next = self.target.q.val();
        self.insert_from.next = 0.into();
        self.insert_requester.next = self.header.requester.val();
        self.insert_tag.next = self.header.tag.val();
        self.insert_tc.next = self.head.q.val().get_bits::<3>(12);
        self.insert_attr.next = self.header.attributes.val();
        self.insert_bytes.next = self.header.bytes.val();
        self.insert_lower.next = self.header.lower.val();
        self.upstream_id.next = self.id.q.val();
        self.power_limit_valid.next = self.p_limit.q.val();
        self.power_limit.next = self.limit.q.val();
        self.turn_off.next = self.p_turn_off.q.val();
        self.completed.next = self.p_completed.q.val();
        self.completed_slot.next = self.target.q.val();
        self.unsupported.next = self.p_unsupported.q.val();
        self.posted_dropped.next = self.p_dropped.q.val();
        self.unexpected.next = self.p_unexpected.q.val();
        self.errors.next = 0.into();
        self.errors.next = self
            .errors
            .val()
            .replace_bit(0, self.p_unsupported.q.val() && !self.non_posted.val())
            .replace_bit(1, self.p_unsupported.q.val() && self.non_posted.val() && !self.own_poison.q.val())
            .replace_bit(2, self.p_unexpected.q.val() && !self.target_hit.q.val())
            .replace_bit(3, self.p_poisoned.q.val());
        self.error_port.next = 0.into();
        if self.by_slot.q.val() && !self.p_poisoned.q.val() {
            self.error_port.next = bit_cast::<4, 3>(self.target.q.val()) + 1;
        }
        if self.reset.val() {
            self.state.d.next = State::Idle;
            self.o_valid.d.next = false;
            self.id.d.next = 0.into();
            self.p_unsupported.d.next = false;
            self.p_dropped.d.next = false;
            self.p_unexpected.d.next = false;
            self.p_limit.d.next = false;
            self.p_turn_off.d.next = false;
            self.p_completed.d.next = false;
            self.p_poisoned.d.next = false;
        }
    }
}
