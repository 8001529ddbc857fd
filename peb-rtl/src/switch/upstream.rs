//! TLPs of the devices: whether they may pass, and where they go.

use super::{Header, Match};
use peb_hdl::prelude::*;

/// What the block is waiting for, or doing.
#[derive(LogicState, Copy, Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// A TLP.
    Idle,
    /// The question to [`Match`] is asked.
    Ask,
    /// Its answer.
    Scan,
    /// What becomes of the TLP.
    Decide,
    /// The tracker, whose completion it is.
    Lookup,
    /// Its answer.
    Found,
    /// The tracker notes a request to a sibling slot.
    Insert,
    /// A completion made here is taken.
    Refuse,
    /// The beats of a posted TLP or completion go to the host,
    Pass,
    /// to a sibling slot,
    Divert,
    /// or nowhere.
    Drain,
}

/// Checks what comes from the slots with the registers of the ports (PCI Express Base Specification 2.2, 2.3, 6.12.1.1), at the host, so that
/// a register written holds for every TLP that is delivered later.
///
/// Posted TLPs and completions are checked when they come; beats of non-posted TLPs pass to [`Output`](crate::rx::Output), where they are
/// checked when they are about to leave, and again if a register or a slot has changed before they left (`np_verdict`).
///
/// - A slot that is not up: dropped. Completions: of a request that the tracker knows, to whoever asked; else unexpected.
/// - The Requester ID must be below the slot, else Completer Abort (`source_refused`). Configuration requests and locked reads: Unsupported Request. Memory, I/O
///   and AtomicOps need Bus Master Enable of both ports, else Unsupported Request (`master_off`).
/// - An address in a sibling's window goes there; in the slot's own or else in the upstream port's window: Unsupported Request. AtomicOp Egress
///   Blocking is obeyed. All other addresses go to the host.
/// - Messages to the root and, by ID, to who has it; ERR_* only with SERR# Enable of the slot's and the upstream port's Bridge Control, else dropped.
///   INTx and PME_TO_Ack are events.
///   Others end here.
///
/// - Latency: a posted TLP's first beat waits SLOTS + 8 clocks, and passes through after that. Throughput: one check at a time.
/// - Registered: the verdict and all fields but the beats. Reset: forgets all.
/// - Bad input: refused requests are answered (non-posted) or dropped, each raises one of the counters.
/// - Waits, with a posted TLP or completion, for its way out and the tracker; a non-posted TLP is looked at only while there is room for the
///   completion of a refusal.
#[derive(Module, Default)]
pub struct Upstream<const SLOTS: usize> {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub update: Signal<In, Bit>,
    pub update_port: Signal<In, U<4>>,
    pub update_row: Signal<In, U<5>>,
    pub update_value: Signal<In, U<32>>,
    pub slot_up: Signal<In, U<8>>,
    pub upstream_id: Signal<In, U<16>>,
    /// From the tunnel, see [`RxPath`](crate::rx::RxPath).
    pub valid: Signal<In, Bit>,
    pub data: Signal<In, U<64>>,
    pub half: Signal<In, Bit>,
    pub first: Signal<In, Bit>,
    pub last: Signal<In, Bit>,
    pub header: Signal<In, W<128>>,
    pub non_posted: Signal<In, Bit>,
    pub session: Signal<In, U<3>>,
    pub ready: Signal<Out, Bit>,
    /// To the host's queues, see [`Output`](crate::rx::Output).
    pub out_valid: Signal<Out, Bit>,
    pub out_data: Signal<Out, U<64>>,
    pub out_half: Signal<Out, Bit>,
    pub out_last: Signal<Out, Bit>,
    pub out_non_posted: Signal<Out, Bit>,
    pub out_session: Signal<Out, U<3>>,
    pub out_ready: Signal<In, Bit>,
    /// The oldest non-posted TLP there.
    pub np_head: Signal<In, Bit>,
    pub np_owner: Signal<In, U<3>>,
    pub np_header: Signal<In, W<128>>,
    pub np_verdict: Signal<Out, U<2>>,
    /// If it is diverted: the slot that gets it, its dwords.
    pub np_target: Signal<Out, U<3>>,
    pub np_dwords: Signal<Out, U<10>>,
    /// Posted TLPs and completions to a sibling slot.
    pub divert_session: Signal<Out, U<3>>,
    pub divert_data: Signal<Out, U<64>>,
    pub divert_half: Signal<Out, Bit>,
    pub divert_first: Signal<Out, Bit>,
    pub divert_last: Signal<Out, Bit>,
    pub divert_valid: Signal<Out, Bit>,
    pub divert_class: Signal<Out, U<2>>,
    pub divert_dwords: Signal<Out, U<10>>,
    pub divert_ready: Signal<In, Bit>,
    /// The completion of a refused request, to slot `refuse_to` - 1. `refuse_room`: the next one is taken without waiting.
    pub refuse: Signal<Out, W<103>>,
    pub refuse_to: Signal<Out, U<4>>,
    pub refuse_valid: Signal<Out, Bit>,
    pub refuse_ready: Signal<In, Bit>,
    pub refuse_room: Signal<In, Bit>,
    /// The tracker: completions.
    pub lookup_valid: Signal<Out, Bit>,
    pub lookup_ready: Signal<In, Bit>,
    pub lookup_slot: Signal<Out, U<3>>,
    pub lookup_requester: Signal<Out, U<16>>,
    pub lookup_tag: Signal<Out, U<10>>,
    pub lookup_ends: Signal<Out, Bit>,
    pub lookup_bytes: Signal<Out, U<13>>,
    pub lookup_lower: Signal<Out, U<7>>,
    pub found_valid: Signal<In, Bit>,
    pub found: Signal<In, Bit>,
    pub found_from: Signal<In, U<4>>,
    /// The tracker: requests to a sibling slot.
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
    /// One clock: a slot's INTx message.
    pub intx_valid: Signal<Out, Bit>,
    pub intx_slot: Signal<Out, U<3>>,
    pub intx_pin: Signal<Out, U<2>>,
    pub intx_assert: Signal<Out, Bit>,
    /// One clock: a slot's PME_TO_Ack.
    pub ack_valid: Signal<Out, Bit>,
    pub ack_slot: Signal<Out, U<3>>,
    /// One clock each, for the counters.
    pub unsupported: Signal<Out, Bit>,
    pub posted_dropped: Signal<Out, Bit>,
    pub source_refused: Signal<Out, Bit>,
    pub master_off: Signal<Out, Bit>,
    pub unexpected: Signal<Out, Bit>,
    /// One clock: what is wrong with a TLP of `error_slot`; see [`ErrorLog`](super::ErrorLog).
    pub errors: Signal<Out, U<7>>,
    pub error_slot: Signal<Out, U<3>>,

    scan: Match<SLOTS>,
    fields: Header<SLOTS>,
    state: Reg<Check>,
    /// The TLP that is checked: its first four dwords, its slot, whether it is the oldest non-posted one.
    head: Reg<U<64>>,
    rest: Reg<U<64>>,
    slot: Reg<U<3>>,
    np: Reg<Bit>,
    /// Posted ones and completions are next.
    turn: Reg<Bit>,
    address: Reg<U<64>>,
    /// Second question, of a message by ID: whose is the bus it goes to?
    by_id: Reg<Bit>,
    target: Reg<U<3>>,
    length: Reg<U<10>>,
    status: Reg<U<3>>,
    verdict: Reg<U<2>>,
    np_to: Reg<U<3>>,
    np_length: Reg<U<10>>,
    /// A register or a slot changed since the check began.
    stale: Reg<Bit>,
    up_before: Reg<U<8>>,
    p_unsupported: Reg<Bit>,
    p_dropped: Reg<Bit>,
    p_source: Reg<Bit>,
    p_master: Reg<Bit>,
    p_unexpected: Reg<Bit>,
    p_intx: Reg<Bit>,
    p_ack: Reg<Bit>,
    p_poisoned: Reg<Bit>,
    p_error: Reg<Bit>,
    /// The oldest non-posted TLP was let pass before: if it is poisoned, that has been said.
    noted: Reg<Bit>,

    kind: Signal<Local, U<5>>,
    code: Signal<Local, U<8>>,
    with_data: Signal<Local, Bit>,
    locked: Signal<Local, Bit>,
    is_completion: Signal<Local, Bit>,
    dw2: Signal<Local, U<32>>,
    dw3: Signal<Local, U<32>>,
    changed: Signal<Local, Bit>,
    begins: Signal<Local, Bit>,
    send: Signal<Local, Bit>,
    sibling: Signal<Local, Bit>,
    drop: Signal<Local, Bit>,
    refused: Signal<Local, Bit>,
    up_here: Signal<Local, Bit>,
    up_there: Signal<Local, Bit>,
    total: Signal<Local, U<10>>,
    passing: Signal<Local, Bit>,
    _activity: Activity,
}

impl<const SLOTS: usize> Logic for Upstream<SLOTS> {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, state, head, rest, slot, np, turn, address, by_id, target);
        dff_setup!(self, clock, length, status, verdict, np_to, np_length, stale, up_before);
        dff_setup!(self, clock, p_unsupported, p_dropped, p_source, p_master, p_unexpected);
        dff_setup!(self, clock, p_intx, p_ack, p_poisoned, p_error, noted);
        self.p_unsupported.d.next = false;
        self.p_dropped.d.next = false;
        self.p_source.d.next = false;
        self.p_master.d.next = false;
        self.p_unexpected.d.next = false;
        self.p_intx.d.next = false;
        self.p_ack.d.next = false;
        self.p_error.d.next = false;

        // What the header says.
        self.kind.next = self.head.q.val().get_bits::<5>(0);
        self.with_data.next = self.head.q.val().get_bit(6);
        self.locked.next = self.kind.val() == 1;
        self.code.next = self.head.q.val().get_bits::<8>(56);
        self.is_completion.next = (self.kind.val() == 10) || (self.kind.val() == 11);
        self.dw2.next = (bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(0)) << 24)
            | (bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(8)) << 16)
            | (bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(16)) << 8)
            | bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(24));
        self.dw3.next = (bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(32)) << 24)
            | (bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(40)) << 16)
            | (bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(48)) << 8)
            | bit_cast::<32, 8>(self.rest.q.val().get_bits::<8>(56));
        self.address.d.next = bit_cast::<64, 32>(self.dw2.val());
        if self.head.q.val().get_bit(5) {
            self.address.d.next = (bit_cast::<64, 32>(self.dw2.val()) << 32) | bit_cast::<64, 32>(self.dw3.val());
        }
        self.total.next = bits::<10>(3);
        if self.head.q.val().get_bit(5) {
            self.total.next = self.total.val() + 1;
        }
        if self.head.q.val().get_bit(23) {
            self.total.next = self.total.val() + 1;
        }
        if self.with_data.val() {
            self.total.next = self.total.val() + bit_cast::<10, 8>(self.head.q.val().get_bits::<8>(24));
        }
        self.length.d.next = self.total.val();
        self.fields.clock.next = self.clock.val();
        self.fields.head.next = self.head.q.val();
        self.fields.rest.next = self.rest.q.val();
        self.fields.upstream_id.next = self.upstream_id.val();

        // Where it would go.
        self.scan.clock.next = self.clock.val();
        self.scan.reset.next = self.reset.val();
        self.scan.update.next = self.update.val();
        self.scan.update_port.next = self.update_port.val();
        self.scan.update_row.next = self.update_row.val();
        self.scan.update_value.next = self.update_value.val();
        self.scan.start.next = self.state.q.val() == Check::Ask;
        self.scan.source.next = self.slot.q.val();
        self.scan.address.next = self.address.q.val();
        if self.by_id.q.val() {
            self.scan.bus.next = self.rest.q.val().get_bits::<8>(0);
        } else {
            self.scan.bus.next = self.head.q.val().get_bits::<8>(32);
        }
        self.up_here.next = self.slot_up.val().get_bit(self.slot.q.val().index());
        self.up_there.next = self.slot_up.val().get_bit(self.target.q.val().index());

        // What makes a verdict void: windows, numbers, enables, slots.
        self.up_before.d.next = self.slot_up.val();
        self.changed.next = (self.slot_up.val() != self.up_before.q.val())
            || (self.update.val()
                && ((self.update_row.val() == 0)
                    || (self.update_row.val() == 2)
                    || ((self.update_row.val() >= 4) && (self.update_row.val() <= 9))
                    || (self.update_row.val() == 17)));
        if self.changed.val() {
            self.stale.d.next = true;
        }
        if !self.np_head.val() || (self.changed.val() && (self.verdict.q.val() == 1)) {
            self.verdict.d.next = 0.into();
        }

        self.begins.next = self.valid.val() && self.first.val() && !self.non_posted.val();
        self.send.next = false;
        self.sibling.next = false;
        self.drop.next = false;
        self.refused.next = false;
        match self.state.q.val() {
            Check::Idle => {
                self.by_id.d.next = false;
                self.stale.d.next = false;
                self.np.d.next = !self.begins.val()
                    || (!self.turn.q.val()
                        && self.np_head.val()
                        && !self.verdict.q.val().any()
                        && self.refuse_room.val());
                self.slot.d.next = self.np_owner.val();
                self.head.d.next = bit_cast_narrow::<64, 128>(self.np_header.val());
                self.rest.d.next = bit_cast_narrow::<64, 128>(self.np_header.val() >> 64);
                if self.np_head.val()
                    && !self.verdict.q.val().any()
                    && self.refuse_room.val()
                    && (!self.turn.q.val() || !self.begins.val())
                {
                    self.turn.d.next = true;
                    self.state.d.next = Check::Ask;
                } else if self.begins.val() {
                    self.turn.d.next = false;
                    self.slot.d.next = self.session.val();
                    self.head.d.next = bit_cast_narrow::<64, 128>(self.header.val());
                    self.rest.d.next = bit_cast_narrow::<64, 128>(self.header.val() >> 64);
                    self.state.d.next = Check::Ask;
                }
            }
            Check::Ask => {
                self.state.d.next = Check::Scan;
            }
            Check::Scan => {
                self.target.d.next = self.scan.memory_slot.val();
                if self.by_id.q.val() {
                    self.target.d.next = self.scan.bus_slot.val();
                }
                if self.scan.done.val() {
                    self.state.d.next = Check::Decide;
                }
            }
            Check::Decide => {
                self.status.d.next = 1.into();
                if self.np.q.val() && (self.stale.q.val() || !self.np_head.val()) {
                    self.state.d.next = Check::Idle;
                } else if !self.up_here.val() {
                    self.drop.next = true;
                    self.p_unexpected.d.next = self.is_completion.val();
                    self.p_unsupported.d.next = self.np.q.val();
                    self.p_dropped.d.next = !self.is_completion.val() && !self.np.q.val();
                } else if self.is_completion.val() {
                    self.state.d.next = Check::Lookup;
                } else if !self.by_id.q.val() && !self.scan.source_has_bus.val() {
                    self.status.d.next = 4.into();
                    self.refused.next = true;
                    self.p_source.d.next = true;
                } else if self.fields.is_config.val() || self.locked.val() {
                    self.refused.next = true;
                    self.p_unsupported.d.next = true;
                } else if self.fields.is_message.val() {
                    if self.kind.val() == 16 {
                        // To the root.
                        self.send.next =
                            !((self.code.val() == 48) || (self.code.val() == 49) || (self.code.val() == 51))
                                || (self.scan.source_serr.val() && self.scan.upstream_serr.val());
                        self.p_error.d.next = (self.code.val() == 49) || (self.code.val() == 51);
                        self.drop.next = !self.send.val();
                        self.p_dropped.d.next = !self.send.val();
                    } else if self.kind.val() == 18 {
                        if !self.by_id.q.val() {
                            self.by_id.d.next = true;
                            self.state.d.next = Check::Ask;
                        } else if !self.scan.below_upstream.val() {
                            self.send.next = true;
                        } else {
                            self.sibling.next = self.scan.bus_hit.val()
                                && !self.scan.is_internal.val()
                                && (self.target.q.val() != self.slot.q.val())
                                && self.up_there.val();
                            self.drop.next = !self.sibling.val();
                            self.p_unsupported.d.next = !self.sibling.val();
                        }
                    } else {
                        self.drop.next = true;
                        if (self.kind.val() == 20) && (self.code.val().get_bits::<5>(3) == 4) {
                            self.p_intx.d.next = true;
                        } else if (self.kind.val() == 21) && (self.code.val() == 27) {
                            self.p_ack.d.next = true;
                        } else {
                            self.p_unsupported.d.next = true;
                        }
                    }
                } else if !self.scan.source_master.val() || !self.scan.upstream_master.val() {
                    self.refused.next = true;
                    self.p_master.d.next = true;
                } else if self.fields.is_memory.val() && self.scan.memory_hit.val() {
                    self.sibling.next = (self.target.q.val() != self.slot.q.val())
                        && self.up_there.val()
                        && !(self.fields.is_atomic.val() && self.scan.memory_atomic_block.val());
                    self.refused.next = !self.sibling.val();
                    self.p_unsupported.d.next = !self.sibling.val()
                        && (self.np.q.val() || (self.target.q.val() == self.slot.q.val()) || self.up_there.val());
                    self.p_dropped.d.next = !self.sibling.val()
                        && !(self.np.q.val() || (self.target.q.val() == self.slot.q.val()) || self.up_there.val());
                } else if (self.fields.is_memory.val() && self.scan.in_upstream_window.val())
                    || (self.fields.is_atomic.val() && self.scan.upstream_atomic_block.val())
                {
                    self.refused.next = true;
                    self.p_unsupported.d.next = true;
                } else {
                    self.send.next = true;
                }
            }
            Check::Lookup => {
                if self.lookup_ready.val() {
                    self.state.d.next = Check::Found;
                }
            }
            Check::Found => {
                self.target.d.next = bit_cast::<3, 4>(self.found_from.val() - 1);
                if self.found_valid.val() {
                    if !self.found.val() {
                        self.drop.next = true;
                        self.p_unexpected.d.next = true;
                    } else if !self.found_from.val().any() {
                        self.send.next = true;
                    } else {
                        self.sibling.next = true;
                    }
                }
            }
            Check::Insert => {
                if self.insert_ready.val() {
                    self.state.d.next = Check::Idle;
                    self.verdict.d.next = 3.into();
                    self.np_to.d.next = self.target.q.val();
                    self.np_length.d.next = self.length.q.val();
                }
            }
            Check::Refuse => {
                if self.refuse_ready.val() {
                    self.state.d.next = Check::Idle;
                    self.verdict.d.next = 2.into();
                }
            }
            Check::Pass => {
                if self.valid.val() && self.last.val() && self.out_ready.val() {
                    self.state.d.next = Check::Idle;
                }
            }
            Check::Divert => {
                if self.valid.val() && self.last.val() && self.divert_ready.val() {
                    self.state.d.next = Check::Idle;
                }
            }
            Check::Drain => {
                if self.valid.val() && self.last.val() {
                    self.state.d.next = Check::Idle;
                }
            }
        }
        if self.np.q.val() {
            if self.send.val() {
                self.state.d.next = Check::Idle;
                if !self.changed.val() {
                    self.verdict.d.next = 1.into();
                }
            } else if self.sibling.val() {
                self.state.d.next = Check::Insert;
            } else if self.refused.val() {
                self.state.d.next = Check::Refuse;
            } else if self.drop.val() {
                self.state.d.next = Check::Idle;
                self.verdict.d.next = 2.into();
            }
        } else if self.send.val() {
            self.state.d.next = Check::Pass;
        } else if self.sibling.val() {
            self.state.d.next = Check::Divert;
        } else if self.refused.val() || self.drop.val() {
            self.state.d.next = Check::Drain;
        }

        self.p_poisoned.d.next = (self.send.val() || self.sibling.val())
            && self.fields.poisoned_write.val()
            && !(self.np.q.val() && self.noted.q.val());
        if self.np.q.val() && (self.send.val() || self.sibling.val()) {
            self.noted.d.next = true;
        }
        if !self.np_head.val() {
            self.noted.d.next = false;
        }

        // The beats. Those of non-posted TLPs pass at any time.
        self.passing.next = self.non_posted.val() || (self.state.q.val() == Check::Pass);
        self.out_valid.next = self.valid.val() && self.passing.val();
        self.out_data.next = self.data.val();
        self.out_half.next = self.half.val();
        self.out_last.next = self.last.val();
        self.out_non_posted.next = self.non_posted.val();
        self.out_session.next = self.session.val();
        self.divert_valid.next = self.valid.val() && !self.non_posted.val() && (self.state.q.val() == Check::Divert);
        self.divert_session.next = self.target.q.val();
        self.divert_data.next = self.data.val();
        self.divert_half.next = self.half.val();
        self.divert_first.next = self.first.val();
        self.divert_last.next = self.last.val();
        self.divert_class.next = bits::<2>(0);
        if self.is_completion.val() {
            self.divert_class.next = bits::<2>(2);
        }
        self.divert_dwords.next = self.length.q.val();
        self.ready.next = (self.passing.val() && self.out_ready.val())
            || (!self.non_posted.val()
                && (((self.state.q.val() == Check::Divert) && self.divert_ready.val())
                    || (self.state.q.val() == Check::Drain)));

        self.np_verdict.next = self.verdict.q.val();
        self.np_target.next = self.np_to.q.val();
        self.np_dwords.next = self.np_length.q.val();
        self.lookup_valid.next = self.state.q.val() == Check::Lookup;
        self.lookup_slot.next = self.slot.q.val();
        // A completion has its request's IDs in the third dword.
        self.lookup_requester.next = self.dw2.val().get_bits::<16>(16);
        self.lookup_tag.next = (bit_cast::<10, 1>(self.head.q.val().get_bits::<1>(15)) << 9)
            | (bit_cast::<10, 1>(self.head.q.val().get_bits::<1>(11)) << 8)
            | bit_cast::<10, 8>(self.dw2.val().get_bits::<8>(8));
        self.lookup_ends.next = self.fields.ends.val();
        self.lookup_bytes.next = self.fields.bytes.val();
        self.lookup_lower.next = self.fields.lower.val();
        self.insert_valid.next = self.state.q.val() == Check::Insert;
        self.insert_slot.next = self.target.q.val();
        self.insert_from.next = bit_cast::<4, 3>(self.slot.q.val()) + 1;
        self.insert_requester.next = self.fields.requester.val();
        self.insert_tag.next = self.fields.tag.val();
        self.insert_tc.next = self.head.q.val().get_bits::<3>(12);
        self.insert_attr.next = self.fields.attributes.val();
        self.insert_bytes.next = self.fields.bytes.val();
        self.insert_lower.next = self.fields.lower.val();
        self.refuse_valid.next = self.state.q.val() == Check::Refuse;
        self.refuse_to.next = bit_cast::<4, 3>(self.slot.q.val()) + 1;
        self.refuse.next = bit_cast_wide::<103, 16>(self.fields.requester.val())
            | (bit_cast_wide::<103, 10>(self.fields.tag.val()) << 16)
            | (bit_cast_wide::<103, 3>(self.head.q.val().get_bits::<3>(12)) << 26)
            | (bit_cast_wide::<103, 3>(self.fields.attributes.val()) << 29)
            | (bit_cast_wide::<103, 3>(self.status.q.val()) << 32)
            | (bit_cast_wide::<103, 12>(self.fields.bytes.val().get_bits::<12>(0)) << 35)
            | (bit_cast_wide::<103, 7>(self.fields.lower.val()) << 47)
            | (bit_cast_wide::<103, 1>(self.locked.val().into()) << 70)
            | (bit_cast_wide::<103, 8>(self.scan.internal_bus.val()) << 62)
            | (bit_cast_wide::<103, 3>(self.slot.q.val()) << 57);

        self.intx_valid.next = self.p_intx.q.val();
        self.intx_slot.next = self.slot.q.val();
        self.intx_pin.next = self.code.val().get_bits::<2>(0);
        self.intx_assert.next = !self.code.val().get_bit(2);
        self.ack_valid.next = self.p_ack.q.val();
        self.ack_slot.next = self.slot.q.val();
        self.unsupported.next = self.p_unsupported.q.val();
        self.posted_dropped.next = self.p_dropped.q.val();
        self.source_refused.next = self.p_source.q.val();
        self.master_off.next = self.p_master.q.val();
        self.unexpected.next = self.p_unexpected.q.val();
        // Not of a slot that is lost.
        self.errors.next = 0.into();
        if self.up_here.val() {
            self.errors.next = self
                .errors
                .val()
                .replace_bit(0, (self.p_unsupported.q.val() || self.p_master.q.val()) && !self.np.q.val())
                .replace_bit(1, (self.p_unsupported.q.val() || self.p_master.q.val()) && self.np.q.val())
                .replace_bit(2, self.p_unexpected.q.val())
                .replace_bit(3, self.p_poisoned.q.val())
                .replace_bit(4, self.p_source.q.val() && !self.np.q.val())
                .replace_bit(5, self.p_source.q.val() && self.np.q.val())
                .replace_bit(6, self.p_error.q.val());
        }
        self.error_slot.next = self.slot.q.val();
        if self.reset.val() {
            self.state.d.next = Check::Idle;
            self.turn.d.next = false;
            self.verdict.d.next = 0.into();
            self.up_before.d.next = 0.into();
            self.p_unsupported.d.next = false;
            self.p_dropped.d.next = false;
            self.p_source.d.next = false;
            self.p_master.d.next = false;
            self.p_unexpected.d.next = false;
            self.p_intx.d.next = false;
            self.p_ack.d.next = false;
            self.p_poisoned.d.next = false;
            self.p_error.d.next = false;
        }
    }
}
