//! The world around a [`TxControl`]: Packer, Sender, network and receivers in plain Rust.

use crate::reliability::TxControl;
use peb_hdl::prelude::*;
use peb_verilog::Recording;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// What the network does to frames, as probabilities.
#[derive(Clone, Copy)]
pub struct Faults {
    pub drop: f64,
    pub duplicate: f64,
    pub reorder: f64,
    pub abort: f64,
}

impl Faults {
    pub fn none() -> Self {
        Faults { drop: 0.0, duplicate: 0.0, reorder: 0.0, abort: 0.0 }
    }
    pub fn bad() -> Self {
        Faults { drop: 0.1, duplicate: 0.1, reorder: 0.1, abort: 0.1 }
    }
}

/// A frame with data on its way; `life` tells the sessions of one index apart.
#[derive(Clone, Copy, Debug)]
struct Frame {
    session: usize,
    life: u32,
    seq: u16,
    content: Content,
    ts: u64,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Content {
    session: usize,
    life: u32,
    seq: u16,
}

/// A header on its way back.
#[derive(Clone, Copy, Debug)]
struct Header {
    session: usize,
    life: u32,
    ack: u16,
    sack: u32,
    window: u8,
    np_limit: u8,
    ts_echo: u64,
}

#[derive(Clone, Default)]
struct Session {
    life: u32,
    offered: u64,
    open: Option<usize>,
    ready_in: u32,
    open_seq: u16,
    next: u16,
    delivered: u64,
    early: BTreeSet<u16>,
    last_ts: Option<(u64, u64)>,
    sent: BTreeSet<u16>,
    keepalive: bool,
}

/// See the module's documentation.
pub struct World<const S: usize> {
    sim: Sim<TxControl<S>>,
    recording: Option<Recording>,
    rng: ChaCha8Rng,
    seed: u64,
    pub faults: Faults,
    time: u64,
    sessions: Vec<Session>,
    slots: [Content; 16],
    owner: [bool; 16],
    sending: Option<(Frame, bool, bool, u64)>,
    forward: BTreeMap<(u64, u64), Frame>,
    back: BTreeMap<(u64, u64), Header>,
    order: u64,
    accept: Option<Header>,
    flushing: Option<usize>,
    pub window: u8,
    pub nonsense: bool,
    pub frame_clocks: u64,
    pub delay: u64,
    pub retransmissions: u64,
    pub spurious: u64,
    pub idle_clocks: u64,
    data_sent: u64,
}

impl<const S: usize> World<S> {
    pub fn new(seed: u64, faults: Faults) -> Self {
        let mut world = World {
            sim: Sim::new(TxControl::new(), |d| d.clock.next = Clk::new(0)),
            recording: None,
            rng: ChaCha8Rng::seed_from_u64(seed),
            seed,
            faults,
            time: 0,
            sessions: vec![Session::default(); S],
            slots: Default::default(),
            owner: [false; 16],
            sending: None,
            forward: BTreeMap::new(),
            back: BTreeMap::new(),
            order: 0,
            accept: None,
            flushing: None,
            window: 31,
            nonsense: false,
            frame_clocks: 150,
            delay: 300,
            retransmissions: 0,
            spurious: 0,
            idle_clocks: 0,
            data_sent: 0,
        };
        let dut = &mut world.sim.dut;
        dut.down_ticks.next = bits::<24>(20_000);
        dut.queue_limit.next = bits::<16>(750);
        dut.session_up.next = bits::<8>((1 << S) - 1);
        dut.reset.next = true;
        (0..16).for_each(|_| world.sim.tick());
        world.sim.dut.reset.next = false;
        world
    }

    /// Records all ports from here on, from a reset.
    pub fn record(&mut self) {
        let name = format!("tx_control_{S}");
        self.sim = Sim::new(TxControl::new(), |d| d.clock.next = Clk::new(0));
        self.recording = Some(Recording::new(self.sim.dut.as_ref(), &name).unwrap_or_else(|e| panic!("{name}: {e}")));
        self.sim.dut.down_ticks.next = bits::<24>(20_000);
        self.sim.dut.queue_limit.next = bits::<16>(750);
        self.sim.dut.session_up.next = bits::<8>((1 << S) - 1);
        self.sim.dut.reset.next = true;
        (0..16).for_each(|_| self.edge());
        self.sim.dut.reset.next = false;
    }

    pub fn assert_equivalent(&self) {
        peb_verilog::assert_equivalent(self.recording.as_ref().expect("recorded"));
    }

    pub fn dut(&mut self) -> &mut TxControl<S> {
        &mut self.sim.dut
    }

    /// `frames` more frames of TLPs for a session.
    pub fn offer(&mut self, session: usize, frames: u64) {
        self.sessions[session].offered += frames;
    }
    pub fn keepalive(&mut self, session: usize) {
        self.sessions[session].keepalive = true;
    }
    pub fn delivered(&self, session: usize) -> u64 {
        self.sessions[session].delivered
    }
    pub fn open_ready(&self, session: usize) -> bool {
        let s = &self.sessions[session];
        s.open.is_some() && s.ready_in == 0
    }
    pub fn run(&mut self, clocks: usize) {
        (0..clocks).for_each(|_| self.clock());
    }
    pub fn run_until_delivered(&mut self, limit: usize) {
        for _ in 0..limit {
            self.clock();
            if self.sessions.iter().all(|s| s.delivered == s.offered) && self.sim.dut.held.val() == 0 {
                return;
            }
        }
        let state: Vec<_> = self.sessions.iter().map(|s| (s.delivered, s.offered, s.open_seq)).collect();
        panic!("seed {}: not done after {limit} clocks: {state:?}, held {:?}", self.seed, self.sim.dut.held.val());
    }
    pub fn assert_all_delivered(&self) {
        assert!(self.sessions.iter().all(|s| s.delivered == s.offered), "seed {}", self.seed);
    }
    pub fn assert_few_spurious(&self, share: f64) {
        let limit = (self.retransmissions as f64 * share).ceil() as u64 + 3;
        assert!(
            self.spurious <= limit,
            "seed {}: {} of {} retransmissions were not needed",
            self.seed,
            self.spurious,
            self.retransmissions
        );
    }
    /// The peer of a session sends a header of its own accord.
    pub fn peer_update(&mut self, session: usize) {
        self.answer(session);
    }

    /// Ends a session and begins it anew; what it still had to send is forgotten.
    pub fn flush(&mut self, session: usize) {
        self.flushing = Some(session);
        for waited in 0.. {
            self.clock();
            if self.flushing.is_none() {
                break;
            }
            assert!(waited < 3000, "seed {}: flush does not end", self.seed);
        }
        let life = self.sessions[session].life + 1;
        self.sessions[session] = Session { life, ..Session::default() };
    }

    fn edge(&mut self) {
        self.sim.settle();
        if let Some(recording) = &mut self.recording {
            recording.sample(self.sim.dut.as_ref());
        }
        self.sim.tick();
    }

    /// One clock of everything.
    pub fn clock(&mut self) {
        self.time += 1;
        let time = self.time;
        // The network delivers.
        while self.forward.keys().next().is_some_and(|k| k.0 <= time) {
            let frame = self.forward.pop_first().unwrap().1;
            self.receive(frame);
        }
        if self.accept.is_none() && !self.sim.dut.accept.val() {
            if let Some((&key, &header)) = self.back.iter().next() {
                if key.0 <= time {
                    self.back.remove(&key);
                    if self.sessions[header.session].life == header.life && self.flushing != Some(header.session) {
                        self.accept = Some(header);
                    }
                }
            }
        }
        // Inputs.
        let now = time / 8;
        let mut ready = 0;
        let mut keepalive = 0;
        for (i, s) in self.sessions.iter_mut().enumerate() {
            s.ready_in = s.ready_in.saturating_sub(1);
            ready |= ((s.open.is_some() && s.ready_in == 0 && self.flushing != Some(i)) as u64) << i;
            keepalive |= (s.keepalive as u64) << i;
        }
        let dut = &mut self.sim.dut;
        dut.now.next = bits::<24>(now);
        dut.ticks.next = bits::<24>(time / 10);
        dut.open_ready.next = bits::<8>(ready);
        dut.keepalive.next = bits::<8>(keepalive);
        dut.flush.next = self.flushing.is_some();
        dut.flush_session.next = bits::<3>(self.flushing.unwrap_or(0) as u64);
        dut.accept.next = self.accept.is_some();
        if let Some(h) = self.accept {
            dut.accept_session.next = bits::<3>(h.session as u64);
            dut.flags.next = bits::<8>(16);
            dut.ack.next = bits::<16>(h.ack as u64);
            dut.sack.next = bits::<32>(h.sack as u64);
            dut.window.next = bits::<8>(h.window as u64);
            dut.np_limit.next = bits::<8>(h.np_limit as u64);
            dut.ts_echo.next = bits::<24>(h.ts_echo / 8);
        }
        let end = self.sending.as_ref().is_some_and(|s| s.3 <= time);
        let abort = end && self.sending.as_ref().is_some_and(|s| s.2) && self.rng.gen_bool(self.faults.abort);
        let dut = &mut self.sim.dut;
        dut.done.next = end;
        dut.done_aborted.next = abort;
        dut.cmd_ready.next = self.sending.is_none();
        // The Packer opens a frame.
        dut.free_take.next = false;
        dut.slot_write_enable.next = false;
        self.sim.settle();
        let opener = (0..S)
            .map(|i| (i + time as usize) % S)
            .find(|&i| self.sessions[i].open.is_none() && self.more(i) && self.flushing != Some(i));
        if let Some(i) = opener.filter(|_| self.sim.dut.free_valid.val()) {
            let slot = self.sim.dut.free_slot.val().index();
            let s = &mut self.sessions[i];
            assert!(!self.owner[slot], "seed {}: slot {slot} handed out twice", self.seed);
            self.owner[slot] = true;
            self.slots[slot] = Content { session: i, life: s.life, seq: s.open_seq };
            s.open = Some(slot);
            s.ready_in = self.rng.gen_range(1..20);
            let dut = &mut self.sim.dut;
            dut.free_take.next = true;
            dut.slot_write_enable.next = true;
            dut.slot_write_session.next = bits::<3>(i as u64);
            dut.slot_write_seq.next = bits::<16>(s.open_seq as u64);
            dut.slot_write_slot.next = bits::<4>(slot as u64);
        }
        // Its table answers in the same clock.
        for _ in 0..2 {
            self.sim.settle();
            let row = self.sim.dut.scan_session.val().index();
            self.sim.dut.scan_open_seq.next = bits::<16>(self.sessions[row].open_seq as u64);
        }
        self.sim.settle();
        // Outputs.
        let dut = &self.sim.dut;
        let held = dut.held.val();
        if dut.tx_done.val() {
            self.accept = None;
        }
        if dut.keepalive_sent.val() {
            self.sessions[dut.keepalive_session.val().index()].keepalive = false;
        }
        let flush_done = dut.flush_done.val();
        let command = (dut.cmd_valid.val() && self.sending.is_none()).then(|| {
            (
                dut.cmd_session.val().index(),
                dut.cmd_data.val(),
                dut.cmd_seq.val().raw() as u16,
                dut.cmd_slot.val().index(),
                dut.cmd_retransmit.val(),
            )
        });
        if self.sending.is_none() && command.is_none() {
            self.idle_clocks += 1;
        }
        if end {
            self.sent(abort);
        }
        if let Some((session, data, seq, slot, again)) = command {
            self.start(session, data, seq, slot, again);
        }
        self.close_full();
        self.edge();
        for slot in 0..16 {
            // free + held = 16: what is not held can be handed out again.
            if !held.get_bit(slot) && !self.sim.dut.held.val().get_bit(slot) {
                self.owner[slot] = false;
            }
        }
        if flush_done {
            self.flushing = None;
        }
    }

    /// Whether a session has frames that are in no slot yet.
    fn more(&self, session: usize) -> bool {
        let s = &self.sessions[session];
        let in_slots = s.open_seq.wrapping_sub(s.next) as i16 as i64;
        (s.delivered as i64 + in_slots) < s.offered as i64
    }

    /// Now and then the Packer closes a frame because the next TLP does not fit.
    fn close_full(&mut self) {
        for i in 0..S {
            let s = &mut self.sessions[i];
            let busy = self.sending.as_ref().is_some_and(|f| f.0.session == i && f.0.seq == s.open_seq && f.1);
            if s.open.is_some() && s.ready_in == 0 && !busy && self.rng.gen_bool(0.05) {
                s.open = None;
                s.open_seq = s.open_seq.wrapping_add(1);
            }
        }
    }

    fn start(&mut self, session: usize, data: bool, seq: u16, slot: usize, again: bool) {
        let s = &mut self.sessions[session];
        let content = self.slots[slot];
        if data {
            assert_eq!((content.session, content.seq), (session, seq), "seed {}: wrong slot", self.seed);
            assert_eq!(s.sent.contains(&seq), again, "seed {}: retransmit flag of {seq}", self.seed);
            self.data_sent += 1;
            if again {
                self.retransmissions += 1;
                let here = seq.wrapping_sub(s.next) as i16;
                let coming = self.forward.values().any(|f| f.session == session && f.seq == seq && f.life == s.life);
                if here < 0 || s.early.contains(&seq) || coming {
                    self.spurious += 1;
                }
            } else if s.open_seq == seq {
                assert!(s.open.is_some() && s.ready_in == 0, "seed {}: open frame not ready", self.seed);
            } else {
                assert!((s.open_seq.wrapping_sub(seq) as i16) > 0, "seed {}: no such frame {seq}", self.seed);
            }
        }
        let open = data && !again && self.sessions[session].open_seq == seq;
        let life = self.sessions[session].life;
        let clocks = if data { self.frame_clocks + self.rng.gen_range(0..20) } else { 5.max(self.frame_clocks / 3) };
        let frame = Frame { session, life, seq, content, ts: self.time };
        self.sending = Some((frame, data, open, self.time + clocks));
    }

    fn sent(&mut self, aborted: bool) {
        let (frame, data, open, _) = self.sending.take().expect("a frame");
        if aborted || !data {
            return;
        }
        let slot = self.slots.iter().position(|c| *c == frame.content);
        let s = &mut self.sessions[frame.session];
        if s.life == frame.life {
            assert!(slot.is_some(), "seed {}: slot overwritten while it was sent", self.seed);
            s.sent.insert(frame.seq);
            if s.sent.len() > 64 {
                let far = frame.seq.wrapping_sub(1000);
                s.sent.retain(|q| q.wrapping_sub(far) < 2000);
            }
        }
        if open && s.life == frame.life && s.open_seq == frame.seq {
            s.open = None;
            s.open_seq = s.open_seq.wrapping_add(1);
        }
        let copies = 1 + self.rng.gen_bool(self.faults.duplicate) as usize;
        for _ in 0..copies {
            if self.rng.gen_bool(self.faults.drop) {
                continue;
            }
            let mut at = self.time + self.delay;
            if self.rng.gen_bool(self.faults.reorder) {
                at += self.rng.gen_range(0..1000);
            }
            self.order += 1;
            self.forward.insert((at, self.order), frame);
        }
    }

    fn receive(&mut self, frame: Frame) {
        let time = self.time;
        let s = &mut self.sessions[frame.session];
        if s.life != frame.life {
            return;
        }
        assert_eq!(frame.content.seq, frame.seq, "seed {}", self.seed);
        s.last_ts = Some((frame.ts, time));
        let ahead = frame.seq.wrapping_sub(s.next);
        if ahead < 31 {
            s.early.insert(frame.seq);
            while s.early.remove(&s.next) {
                s.next = s.next.wrapping_add(1);
                s.delivered += 1;
            }
        }
        self.answer(frame.session);
    }

    fn answer(&mut self, session: usize) {
        let s = &self.sessions[session];
        let mut sack = 0;
        for &seq in &s.early {
            sack |= 1u32 << (seq.wrapping_sub(s.next).wrapping_sub(1));
        }
        let (ts, arrived) = s.last_ts.unwrap_or((self.time, self.time));
        let held = self.rng.gen_range(0..100);
        let header = Header {
            session,
            life: s.life,
            ack: s.next,
            sack,
            window: self.window,
            np_limit: 64u8.wrapping_add(s.delivered as u8),
            ts_echo: ts + (self.time - arrived) + held,
        };
        if self.nonsense {
            let ack = s.next.wrapping_add(self.rng.gen_range(33..60_000));
            let wrong = Header { ack, sack: self.rng.gen(), ..header };
            self.order += 1;
            self.back.insert((self.time + self.delay, self.order), wrong);
        }
        if !self.rng.gen_bool(self.faults.drop) {
            let jitter = if self.rng.gen_bool(self.faults.reorder) { self.rng.gen_range(0..600) } else { 0 };
            self.order += 1;
            self.back.insert((self.time + held + self.delay + jitter, self.order), header);
        }
    }
}
