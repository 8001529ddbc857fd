//! Frames to the MAC.

use peb_hdl::prelude::*;

/// What the sender is waiting for.
#[derive(Clone, Copy, Debug, LogicState, PartialEq)]
enum State {
    /// A command, and the MAC.
    Idle,
    /// The MAC to take the header.
    Header,
    /// The MAC to take the words of the slot.
    Body,
    /// The MAC to end the frame.
    Finish,
}

/// Sends the frames that TxControl commands: the tunnel header, then the words of a slot.
///
/// A frame that is still open is sent while it is being filled. When all that is in it is sent, it is closed: the
/// packer puts no more into it, and its length is known. If the rest of a TLP does not come in time, or the TLP turns
/// out bad after part of it was sent, no more words are offered, so that the MAC breaks the frame off with a wrong FCS;
/// the packer then has it sent whole (`aborted`).
///
/// One command waits while a frame goes out, so that frames follow each other without a pause. For kind 0 `cmd_ready`
/// means the command is noted; for control kinds it comes when the header is out, and all `cmd_` fields must be held
/// until then. `done` comes once for each command, in their order.
///
/// - Latency: `start` one clock after the command of an idle sender. Throughput: a word every 8 clocks; a frame starts in the
///   clock in which the MAC is ready.
/// - Registered: the commands, and what the packer says of the frame; header words are put together from the tables in the clock in which the MAC takes them.
/// - Reset clears all; the MAC then breaks off what is going out.
/// - Bad input: commands of a session that is flushed while they wait, or while their frame goes out, end with
///   `done_aborted`. A command for a frame that does not exist is started and broken off.
/// - Waits: for the MAC, which is ready again after each frame and at the latest when a PAUSE is over. Words that are
///   not there in time end the frame, so nothing here waits for the packer.
#[derive(Module, Default)]
pub struct Sender {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// Flag HOST of session frames.
    pub host: Signal<In, Bit>,
    /// The clock in units of 8 clocks.
    pub now: Signal<In, U<24>>,
    pub flush: Signal<In, Bit>,
    pub flush_session: Signal<In, U<3>>,

    pub cmd_valid: Signal<In, Bit>,
    pub cmd_ready: Signal<Out, Bit>,
    pub cmd_session: Signal<In, U<3>>,
    /// Kind on the wire; 0: frame of a session.
    pub cmd_kind: Signal<In, U<4>>,
    /// Kind 0: carries the TLPs of `cmd_slot`.
    pub cmd_data: Signal<In, Bit>,
    /// Sequence number of the frame, or of the next one with data.
    pub cmd_seq: Signal<In, U<16>>,
    pub cmd_slot: Signal<In, U<4>>,
    pub cmd_retransmit: Signal<In, Bit>,
    /// Other kinds: destination and fields of the header.
    pub cmd_dst: Signal<In, U<48>>,
    pub cmd_src_epoch: Signal<In, U<16>>,
    pub cmd_dst_epoch: Signal<In, U<16>>,
    pub cmd_index: Signal<In, U<8>>,
    pub cmd_flags: Signal<In, U<8>>,
    /// Bytes 12 to 15, the first in the high bits.
    pub cmd_arg: Signal<In, U<32>>,
    /// One clock: a frame has ended.
    pub done: Signal<Out, Bit>,
    /// With `done`: it was broken off, or never started.
    pub done_aborted: Signal<Out, Bit>,
    /// With `done`: dwords of TLPs in it.
    pub done_dwords: Signal<Out, U<9>>,

    /// Session the tables below are asked for.
    pub tx_session: Signal<Out, U<3>>,
    pub peer_mac: Signal<In, U<48>>,
    pub my_epoch: Signal<In, U<16>>,
    pub peer_epoch: Signal<In, U<16>>,
    pub peer_index: Signal<In, U<8>>,
    pub ack: Signal<In, U<16>>,
    pub sack: Signal<In, U<32>>,
    pub window: Signal<In, U<8>>,
    pub np_limit: Signal<In, U<8>>,
    pub ts_delta: Signal<In, U<24>>,
    pub echo_valid: Signal<In, Bit>,
    /// One clock: the acknowledgement of this session was put into a frame.
    pub ack_sent: Signal<Out, Bit>,
    pub ack_sent_session: Signal<Out, U<3>>,

    /// The open frame of `read_session`.
    pub read_session: Signal<Out, U<3>>,
    pub read_open_seq: Signal<In, U<16>>,
    pub read_fill: Signal<In, U<9>>,
    pub read_open: Signal<In, Bit>,
    pub writing: Signal<In, Bit>,
    pub write_pos: Signal<In, U<9>>,
    pub rollback: Signal<In, Bit>,
    /// Dwords of the closed frame in `read_slot`.
    pub read_slot: Signal<Out, U<4>>,
    pub read_length: Signal<In, U<9>>,
    pub close: Signal<Out, Bit>,
    pub close_session: Signal<Out, U<3>>,
    pub aborted: Signal<Out, Bit>,
    pub aborted_session: Signal<Out, U<3>>,
    pub read_address: Signal<Out, U<12>>,
    pub read_word: Signal<In, U<64>>,

    /// The MAC, see `mac::GmiiTx`.
    pub mac_ready: Signal<In, Bit>,
    pub start: Signal<Out, Bit>,
    pub dst: Signal<Out, U<48>>,
    pub word: Signal<Out, U<64>>,
    pub word_valid: Signal<Out, Bit>,
    pub word_last: Signal<Out, Bit>,
    pub word_half: Signal<Out, Bit>,
    /// Always 0: a frame is broken off by offering no word.
    pub word_poison: Signal<Out, Bit>,
    pub mac_word_ready: Signal<In, Bit>,
    pub mac_done: Signal<In, Bit>,
    pub mac_aborted: Signal<In, Bit>,

    state: Reg<State>,
    // The command that waits.
    queued: Reg<Bit>,
    queued_session: Reg<U<3>>,
    queued_seq: Reg<U<16>>,
    queued_slot: Reg<U<4>>,
    queued_data: Reg<Bit>,
    queued_retransmit: Reg<Bit>,
    queued_void: Reg<Bit>,
    // The frame that goes out.
    control: Reg<Bit>,
    session: Reg<U<3>>,
    seq: Reg<U<16>>,
    slot: Reg<U<4>>,
    data: Reg<Bit>,
    retransmit: Reg<Bit>,
    ts: Reg<U<24>>,
    header_word: Reg<U<2>>,
    /// Word of the slot, whether it stands at `read_word`, and whether it is the last, with one dword.
    index: Reg<U<8>>,
    loaded: Reg<Bit>,
    last: Reg<Bit>,
    half: Reg<Bit>,
    /// Clocks since the MAC took the word before, up to 3.
    age: Reg<U<2>>,
    // The frame in the packer, of a clock ago: it is open, a TLP is being written into it, or was taken out; dwords.
    live: Reg<Bit>,
    filling: Reg<Bit>,
    shrunk: Reg<Bit>,
    there: Reg<U<9>>,
    /// The echo as it was a clock ago.
    echo_now: Reg<U<24>>,
    close_now: Reg<Bit>,
    /// The header of a control frame is out.
    handed: Reg<Bit>,
    broken: Reg<Bit>,
    ended: Reg<Bit>,
    ended_aborted: Reg<Bit>,
    ended_dwords: Reg<U<9>>,

    taken: Signal<Local, Bit>,
    is_live: Signal<Local, Bit>,
    sent: Signal<Local, U<9>>,
    with_this: Signal<Local, U<9>>,
    base: Signal<Local, U<6>>,
    src_epoch: Signal<Local, U<16>>,
    dst_epoch: Signal<Local, U<16>>,
    number: Signal<Local, U<16>>,
    flags: Signal<Local, U<8>>,
    peer: Signal<Local, U<8>>,
    ack_field: Signal<Local, U<16>>,
    argument: Signal<Local, U<32>>,
    echo: Signal<Local, U<24>>,
    window_field: Signal<Local, U<8>>,
    np_field: Signal<Local, U<8>>,
    kind: Signal<Local, U<4>>,
    _activity: Activity,
}

impl Logic for Sender {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(
            self,
            clock,
            state,
            queued,
            queued_session,
            queued_seq,
            queued_slot,
            queued_data,
            queued_retransmit,
            queued_void,
            control,
            session,
            seq,
            slot,
            data,
            retransmit,
            ts,
            header_word,
            index,
            loaded,
            last,
            half,
            age,
            close_now,
            broken,
            ended,
            ended_aborted,
            ended_dwords,
            handed,
            live,
            filling,
            shrunk,
            there,
            echo_now
        );
        self.ended.d.next = false;
        self.close_now.d.next = false;

        // The open frame: how much of it is there.
        self.is_live.next = self.data.q.val() && self.read_open.val() && (self.read_open_seq.val() == self.seq.q.val());
        self.live.d.next = self.is_live.val();
        self.filling.d.next = self.writing.val();
        self.shrunk.d.next = self.rollback.val() && (self.state.q.val() != State::Idle);
        self.there.d.next = self.read_length.val();
        if self.is_live.val() {
            self.there.d.next = self.read_fill.val();
            if self.writing.val() {
                self.there.d.next = self.write_pos.val();
            }
        }
        self.sent.next = bit_cast::<9, 8>(self.index.q.val()) << 1;
        self.with_this.next = self.sent.val() + 2;

        self.start.next = false;
        self.dst.next = self.cmd_dst.val();
        if self.queued.q.val() {
            self.dst.next = self.peer_mac.val();
        }
        self.handed.d.next = false;
        self.cmd_ready.next = ((self.cmd_kind.val() == 0) && !self.queued.q.val()) || self.handed.q.val();
        self.ack_sent.next = false;
        self.aborted.next = false;
        self.word_valid.next = false;
        self.word_last.next = false;
        self.word_half.next = false;
        self.taken.next = false;
        if self.age.q.val() != 3 {
            self.age.d.next = self.age.q.val() + 1;
        }
        match self.state.q.val() {
            State::Idle => {
                self.header_word.d.next = 0.into();
                self.index.d.next = 0.into();
                self.loaded.d.next = false;
                self.broken.d.next = false;
                self.control.d.next = !self.queued.q.val();
                self.session.d.next = self.queued_session.q.val();
                self.seq.d.next = self.queued_seq.q.val();
                self.slot.d.next = self.queued_slot.q.val();
                self.data.d.next = self.queued_data.q.val() && self.queued.q.val();
                self.retransmit.d.next = self.queued_retransmit.q.val();
                if self.queued.q.val() && self.queued_void.q.val() {
                    self.queued.d.next = false;
                    self.ended.d.next = true;
                    self.ended_aborted.d.next = true;
                } else if self.queued.q.val() && self.mac_ready.val() {
                    self.queued.d.next = false;
                    self.start.next = true;
                    self.state.d.next = State::Header;
                } else if !self.queued.q.val()
                    && self.mac_ready.val()
                    && self.cmd_valid.val()
                    && (self.cmd_kind.val() != 0)
                {
                    self.start.next = true;
                    self.state.d.next = State::Header;
                }
            }
            State::Header => {
                self.word_valid.next = !self.broken.q.val();
                self.word_last.next = (self.header_word.q.val() == 2) && !self.data.q.val();
                self.taken.next = self.word_valid.val() && self.mac_word_ready.val();
                if self.taken.val() {
                    self.header_word.d.next = self.header_word.q.val() + 1;
                    self.age.d.next = 0.into();
                    self.ack_sent.next = (self.header_word.q.val() == 1) && !self.control.q.val();
                    if self.header_word.q.val() == 2 {
                        self.state.d.next = State::Finish;
                        if self.data.q.val() {
                            self.state.d.next = State::Body;
                        }
                        if self.control.q.val() {
                            self.handed.d.next = true;
                        }
                    }
                }
            }
            State::Body => {
                self.word_valid.next = self.loaded.q.val() && !self.broken.q.val();
                self.word_last.next = self.last.q.val();
                self.word_half.next = self.half.q.val();
                self.taken.next = self.word_valid.val() && self.mac_word_ready.val();
                if self.taken.val() {
                    self.loaded.d.next = false;
                    self.age.d.next = 0.into();
                    self.index.d.next = self.index.q.val() + 1;
                    if self.last.q.val() {
                        self.state.d.next = State::Finish;
                    }
                } else if !self.loaded.q.val() {
                    self.last.d.next = false;
                    self.half.d.next = false;
                    if self.there.q.val() > self.with_this.val() {
                        self.loaded.d.next = true;
                    } else if self.live.q.val() && self.filling.q.val() {
                        self.loaded.d.next = self.there.q.val() == self.with_this.val();
                    } else if self.there.q.val() > self.sent.val() {
                        if self.live.q.val() {
                            self.close_now.d.next = self.age.q.val().get_bit(1);
                        } else {
                            self.loaded.d.next = true;
                            self.last.d.next = true;
                            self.half.d.next = self.there.q.val() != self.with_this.val();
                        }
                    }
                }
            }
            State::Finish => {}
        }
        if self.start.val() {
            self.ts.d.next = self.now.val();
        }
        // What was sent, or is about to be, was taken out of the frame.
        if self.live.q.val()
            && self.shrunk.q.val()
            && (self.state.q.val() != State::Idle)
            && ((self.there.q.val() <= self.sent.val())
                || (self.loaded.q.val() && (self.there.q.val() < self.with_this.val())))
        {
            self.broken.d.next = true;
        }
        if self.flush.val()
            && (self.flush_session.val() == self.session.q.val())
            && !self.control.q.val()
            && (self.state.q.val() != State::Idle)
        {
            self.broken.d.next = true;
        }
        if self.mac_done.val() && (self.state.q.val() != State::Idle) {
            self.state.d.next = State::Idle;
            self.ended.d.next = true;
            self.ended_aborted.d.next = self.mac_aborted.val();
            self.aborted.next = self.mac_aborted.val() && self.live.q.val();
            self.ended_dwords.d.next = 0.into();
            if self.data.q.val() {
                self.ended_dwords.d.next = self.there.q.val();
            }
        }

        // Commands.
        if self.flush.val() && (self.flush_session.val() == self.queued_session.q.val()) {
            self.queued_void.d.next = true;
        }
        if self.cmd_valid.val() && (self.cmd_kind.val() == 0) && !self.queued.q.val() {
            self.queued.d.next = true;
            self.queued_session.d.next = self.cmd_session.val();
            self.queued_seq.d.next = self.cmd_seq.val();
            self.queued_slot.d.next = self.cmd_slot.val();
            self.queued_data.d.next = self.cmd_data.val();
            self.queued_retransmit.d.next = self.cmd_retransmit.val();
            self.queued_void.d.next = self.flush.val() && (self.flush_session.val() == self.cmd_session.val());
        }

        // The header, multi-byte fields turned round: the first byte on the wire is the low one.
        self.kind.next = 0.into();
        self.src_epoch.next = self.my_epoch.val();
        self.dst_epoch.next = self.peer_epoch.val();
        self.number.next = self.seq.q.val();
        self.flags.next = 4.into();
        self.flags.next = self.flags.val().replace_bit(0, self.data.q.val());
        self.flags.next = self.flags.val().replace_bit(1, self.host.val());
        self.flags.next = self.flags.val().replace_bit(3, self.retransmit.q.val());
        self.flags.next = self.flags.val().replace_bit(4, self.echo_valid.val());
        self.peer.next = self.peer_index.val();
        self.ack_field.next = self.ack.val();
        self.argument.next = self.sack.val();
        self.echo_now.d.next = 0.into();
        if self.echo_valid.val() {
            self.echo_now.d.next = self.ts.q.val() + self.ts_delta.val();
        }
        self.echo.next = self.echo_now.q.val();
        self.window_field.next = self.window.val();
        self.np_field.next = self.np_limit.val();
        if self.control.q.val() {
            self.kind.next = self.cmd_kind.val();
            self.src_epoch.next = self.cmd_src_epoch.val();
            self.dst_epoch.next = self.cmd_dst_epoch.val();
            self.number.next = self.cmd_seq.val();
            self.flags.next = self.cmd_flags.val();
            self.peer.next = self.cmd_index.val();
            self.ack_field.next = 0.into();
            self.argument.next = self.cmd_arg.val();
            self.echo.next = 0.into();
            self.window_field.next = 0.into();
            self.np_field.next = 0.into();
        }
        self.src_epoch.next = (self.src_epoch.val() << 8) | (self.src_epoch.val() >> 8);
        self.dst_epoch.next = (self.dst_epoch.val() << 8) | (self.dst_epoch.val() >> 8);
        self.number.next = (self.number.val() << 8) | (self.number.val() >> 8);
        self.ack_field.next = (self.ack_field.val() << 8) | (self.ack_field.val() >> 8);
        self.word.next = self.read_word.val();
        if self.state.q.val() == State::Header {
            match self.header_word.q.val().index() {
                0 => {
                    self.word.next = bits::<64>(4176)
                        | (bit_cast::<64, 4>(self.kind.val()) << 8)
                        | (bit_cast::<64, 16>(self.src_epoch.val()) << 16)
                        | (bit_cast::<64, 16>(self.dst_epoch.val()) << 32)
                        | (bit_cast::<64, 16>(self.number.val()) << 48);
                }
                1 => {
                    self.word.next = bit_cast::<64, 16>(self.ack_field.val())
                        | (bit_cast::<64, 8>(self.flags.val()) << 16)
                        | (bit_cast::<64, 8>(self.peer.val()) << 24)
                        | (bit_cast::<64, 8>(self.argument.val().get_bits::<8>(24)) << 32)
                        | (bit_cast::<64, 8>(self.argument.val().get_bits::<8>(16)) << 40)
                        | (bit_cast::<64, 8>(self.argument.val().get_bits::<8>(8)) << 48)
                        | (bit_cast::<64, 8>(self.argument.val().get_bits::<8>(0)) << 56);
                }
                _ => {
                    self.word.next = bit_cast::<64, 8>(self.ts.q.val().get_bits::<8>(16))
                        | (bit_cast::<64, 8>(self.ts.q.val().get_bits::<8>(8)) << 8)
                        | (bit_cast::<64, 8>(self.ts.q.val().get_bits::<8>(0)) << 16)
                        | (bit_cast::<64, 8>(self.echo.val().get_bits::<8>(16)) << 24)
                        | (bit_cast::<64, 8>(self.echo.val().get_bits::<8>(8)) << 32)
                        | (bit_cast::<64, 8>(self.echo.val().get_bits::<8>(0)) << 40)
                        | (bit_cast::<64, 8>(self.window_field.val()) << 48)
                        | (bit_cast::<64, 8>(self.np_field.val()) << 56);
                }
            }
        }
        self.word_poison.next = false;

        self.tx_session.next = self.session.q.val();
        if self.state.q.val() == State::Idle {
            self.tx_session.next = self.queued_session.q.val();
        }
        self.ack_sent_session.next = self.session.q.val();
        self.read_session.next = self.session.q.val();
        self.read_slot.next = self.slot.q.val();
        self.close.next = self.close_now.q.val();
        self.close_session.next = self.session.q.val();
        self.aborted_session.next = self.session.q.val();
        self.base.next = bit_cast::<6, 4>(self.slot.q.val());
        self.base.next = self.base.val() + (self.base.val() << 1);
        self.base.next = self.base.val() + bit_cast::<6, 2>(self.index.q.val().get_bits::<2>(6));
        self.read_address.next =
            (bit_cast::<12, 6>(self.base.val()) << 6) | bit_cast::<12, 6>(self.index.q.val().get_bits::<6>(0));
        self.done.next = self.ended.q.val();
        self.done_aborted.next = self.ended_aborted.q.val();
        self.done_dwords.next = self.ended_dwords.q.val();

        if self.reset.val() {
            self.state.d.next = State::Idle;
            self.queued.d.next = false;
            self.close_now.d.next = false;
            self.ended.d.next = false;
            self.shrunk.d.next = false;
            self.handed.d.next = false;
        }
    }
}
