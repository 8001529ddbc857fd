//! Session blocks on a behavioural network: everything around them is a model.

use crate::session::Sessions;
use crate::testing::Clocked;
use peb_hdl::prelude::*;
use peb_verilog::Recording;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeSet, VecDeque};

/// Clocks in a tick, ticks between announcements, ticks of silence.
pub const TICK: u64 = 4;
pub const HELLO: u64 = 200;
pub const DOWN: u64 = 4000;
/// Clocks between announcements, clocks of silence.
pub const HELLO_CLOCKS: u64 = TICK * HELLO;
pub const DOWN_CLOCKS: u64 = TICK * DOWN;
const BROADCAST: u64 = 0xffff_ffff_ffff;

/// A frame on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub dst: u64,
    pub src: u64,
    pub vid: u64,
    pub kind: u64,
    pub flags: u64,
    pub src_epoch: u64,
    pub dst_epoch: u64,
    pub index: u64,
    pub arg: u64,
}

/// Both ends of a session with their epochs.
type Identity = (u64, u64, u64, u64);

/// One PEB: its session block, and models of receiver, transmitter and registers.
pub struct Node {
    sim: Sim<Sessions<4>>,
    recording: Option<Recording>,
    pub mac: u64,
    clock: u64,
    inbox: VecDeque<Frame>,
    offered: Option<Frame>,
    answers: [u64; 2],
    flushing: [u64; 3],
    sending: u64,
    reset: u64,
    dead: BTreeSet<Identity>,
    lives: BTreeSet<Identity>,
    was_up: u64,
    was_flushing: bool,
    /// Address of the peer that was asked for a clock ago.
    peer_before: u64,
    was_accepting: bool,
    /// What was accepted: session and frame.
    pub accepted: Vec<(usize, Frame)>,
    pub stale: usize,
    pub refused: usize,
    pub flushes: usize,
    pub joins: usize,
}

impl Node {
    pub fn new(mac: u64, dut: Sessions<4>, record: Option<&str>) -> Self {
        let sim = Sim::new(dut, Clocked::connect_clock);
        let recording = record.map(|name| Recording::new(sim.dut.as_ref(), name).expect("exports"));
        let mut node = Node {
            sim,
            recording,
            mac,
            clock: 0,
            inbox: VecDeque::new(),
            offered: None,
            answers: [0; 2],
            flushing: [0; 3],
            sending: 0,
            reset: 16,
            dead: BTreeSet::new(),
            lives: BTreeSet::new(),
            was_up: 0,
            was_flushing: false,
            peer_before: 0,
            was_accepting: false,
            accepted: vec![],
            stale: 0,
            refused: 0,
            flushes: 0,
            joins: 0,
        };
        let dut = node.dut();
        dut.own_mac.next = mac.into();
        dut.enable.next = true;
        dut.vlan.next = 100.into();
        dut.slot_any.next = true;
        dut.hello_ticks.next = HELLO.into();
        dut.down_ticks.next = DOWN.into();
        node
    }
    pub fn dut(&mut self) -> &mut Sessions<4> {
        &mut self.sim.dut
    }
    pub fn up(&self) -> u64 {
        self.sim.dut.session_up.val().raw()
    }
    pub fn reset(&mut self) {
        self.reset = 16;
    }
    pub fn recording(&self) -> &Recording {
        self.recording.as_ref().expect("recorded")
    }

    /// The session in a row of the tables, as this node sees it.
    fn identity(&mut self, session: usize) -> Identity {
        self.dut().tx_session.next = (session as u64).into();
        self.sim.settle();
        let dut = &self.sim.dut;
        (self.mac, dut.my_epoch.val().raw(), dut.peer_mac.val().raw(), dut.peer_epoch.val().raw())
    }

    /// One clock; what it begins to send.
    fn clock(&mut self, rng: &mut ChaCha8Rng, seed: u64) -> Option<Frame> {
        self.clock += 1;
        let (clock, reset) = (self.clock, self.reset > 0);
        if reset {
            self.reset -= 1;
            self.inbox.clear();
            (self.offered, self.answers, self.flushing, self.sending) = (None, [0; 2], [0; 3], 0);
        }
        if self.offered.is_none() && !reset {
            self.offered = self.inbox.pop_front();
        }
        let header = self.offered;
        let sending = self.sending > 0;
        let (answers, flushing) = (self.answers, self.flushing);
        let session = rng.gen_range(0..4u64);
        let dut = self.dut();
        dut.reset.next = reset;
        dut.tick.next = clock % TICK == 0;
        dut.ticks.next = (clock.wrapping_sub(1) / TICK).into();
        dut.valid.next = header.is_some();
        if let Some(h) = header {
            dut.src.next = h.src.into();
            dut.kind.next = h.kind.into();
            dut.flags.next = h.flags.into();
            dut.src_epoch.next = h.src_epoch.into();
            dut.dst_epoch.next = h.dst_epoch.into();
            dut.index.next = h.index.into();
            dut.arg.next = h.arg.into();
        }
        dut.rx_done.next = answers[0] == 1;
        dut.tx_done.next = answers[1] == 1;
        dut.flush_done_packer.next = flushing[0] == 1;
        dut.flush_done_control.next = flushing[1] == 1;
        dut.flush_done_reassembly.next = flushing[2] == 1;
        dut.tx_idle.next = !sending;
        dut.ctl_ready.next = false;
        dut.keepalive_sent.next = false;
        dut.tx_session.next = session.into();
        dut.stat_session.next = session.into();
        self.sim.settle();
        self.answers = answers.map(|n| n.saturating_sub(1));
        self.flushing = flushing.map(|n| n.saturating_sub(1));
        self.sending = self.sending.saturating_sub(1);

        // The transmitter: control frames first, then keep-alives.
        let mut sent = None;
        if !sending && !reset {
            let dut = self.dut();
            let vid = dut.vid.val().raw();
            if dut.ctl_valid.val() {
                dut.ctl_ready.next = true;
                sent = Some(Frame {
                    dst: dut.ctl_dst.val().raw(),
                    src: dut.own_mac.val().raw(),
                    vid,
                    kind: dut.ctl_kind.val().raw(),
                    flags: dut.ctl_flags.val().raw(),
                    src_epoch: dut.ctl_src_epoch.val().raw(),
                    dst_epoch: dut.ctl_dst_epoch.val().raw(),
                    index: dut.ctl_index.val().raw(),
                    arg: dut.ctl_arg.val().raw(),
                });
            } else if dut.session_up.val().get_bit(session as usize)
                && (dut.keepalive.val().get_bit(session as usize) || rng.gen_bool(0.0005))
            {
                dut.keepalive_sent.next = true;
                dut.keepalive_sent_session.next = session.into();
                sent = Some(Frame {
                    dst: dut.peer_mac.val().raw(),
                    src: dut.own_mac.val().raw(),
                    vid,
                    kind: 0,
                    flags: 1,
                    src_epoch: dut.my_epoch.val().raw(),
                    dst_epoch: dut.peer_epoch.val().raw(),
                    index: dut.peer_index.val().raw(),
                    arg: 0,
                });
            }
        }
        if sent.is_some() {
            self.sending = rng.gen_range(80..100);
            self.sim.settle();
        }
        if let Some(recording) = &mut self.recording {
            recording.sample(self.sim.dut.as_ref());
        }

        // The receiver and the flushes.
        let dut = &self.sim.dut;
        let (accept, done, flush) = (dut.accept.val(), dut.done.val(), dut.flush.val());
        let (stale, refused) = (dut.stale.val(), dut.joins_refused.val());
        let each = [dut.flush_packer.val(), dut.flush_control.val(), dut.flush_reassembly.val()];
        let (at, row, up) = (dut.accept_session.val().index(), dut.flush_session.val().index(), self.up());
        if dut.stat_valid.val() {
            assert_eq!(dut.stat_mac.val().raw(), self.peer_before, "seed {seed}");
        }
        let peer_before = dut.peer_mac.val().raw();
        self.peer_before = peer_before;
        if !reset {
            self.stale += usize::from(stale);
            self.refused += usize::from(refused);
            assert!(!(accept && flush), "seed {seed}");
            if accept && !self.was_accepting {
                let frame = header.expect("accept without a header");
                assert!(up >> at & 1 == 1, "seed {seed}: accepted for a session that is down");
                let identity = (self.mac, frame.dst_epoch, frame.src, frame.src_epoch);
                assert!(!self.dead.contains(&identity), "seed {seed}: {frame:x?} of an old session accepted");
                self.accepted.push((at, frame));
                self.answers = [rng.gen_range(1..40), rng.gen_range(1..40)];
            }
            if done {
                assert!(self.answers == [0; 2], "seed {seed}: done before the receivers were");
                self.offered = None;
            }
            for (i, &on) in each.iter().enumerate() {
                assert!(!on || flush, "seed {seed}");
                assert!(on || flushing[i] == 0, "seed {seed}: flush {i} withdrawn");
                if on && flushing[i] == 0 {
                    self.flushing[i] = rng.gen_range(1..60);
                }
            }
        }
        let before = self.was_up;
        self.sim.tick();
        let up = self.up();
        for session in 0..8 {
            if up & !before & 1 << session != 0 {
                self.joins += 1;
                let identity = self.identity(session);
                assert!(self.lives.insert(identity), "seed {seed}: session {identity:x?} began twice");
            }
        }
        if flush && !self.was_flushing && !reset {
            self.flushes += 1;
            let identity = self.identity(row);
            self.dead.insert(identity);
            assert!(up >> row & 1 == 0, "seed {seed}: up while it is flushed");
        }
        self.was_up = up;
        self.was_flushing = flush;
        self.was_accepting = accept;
        if reset {
            self.dead = self.lives.clone();
        }
        sent
    }
}

/// Faults of the network, each as a probability.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    pub loss: f64,
    pub duplicate: f64,
    /// Frames take 100 clocks and up to this many more, so that they overtake each other.
    pub jitter: u64,
}

/// Nodes, frames on their way, and what was sent.
pub struct Network {
    pub nodes: Vec<Node>,
    pub faults: Faults,
    pub cut: bool,
    pub sent: Vec<Frame>,
    pub rng: ChaCha8Rng,
    pub seed: u64,
    pub clock: u64,
    flying: Vec<(u64, Frame)>,
}

impl Network {
    /// A host at 0x10, I/O PEBs from 0x20 on.
    pub fn new(seed: u64, peers: usize) -> Self {
        let mut nodes = vec![Node::new(0x10, Sessions::host(), None)];
        nodes.extend((0..peers as u64).map(|i| Node::new(0x20 + i, Sessions::io(), None)));
        Self::of(seed, nodes)
    }
    pub fn of(seed: u64, nodes: Vec<Node>) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Network { nodes, faults: Faults::default(), cut: false, sent: vec![], rng, seed, clock: 0, flying: vec![] }
    }
    /// Puts a frame on the network, without faults.
    pub fn inject(&mut self, frame: Frame) {
        self.flying.push((self.clock + 100, frame));
    }
    pub fn run(&mut self, clocks: u64) {
        for _ in 0..clocks {
            self.clock += 1;
            for i in 0..self.nodes.len() {
                let Some(frame) = self.nodes[i].clock(&mut self.rng, self.seed) else { continue };
                self.sent.push(frame);
                let copies = 1 + usize::from(self.rng.gen_bool(self.faults.duplicate));
                for _ in 0..copies {
                    if !self.cut && !self.rng.gen_bool(self.faults.loss) {
                        let late = self.rng.gen_range(0..=self.faults.jitter);
                        self.flying.push((self.clock + 100 + late, frame));
                    }
                }
            }
            let now = self.clock;
            let mut i = 0;
            while i < self.flying.len() {
                if self.flying[i].0 > now {
                    i += 1;
                    continue;
                }
                let (_, frame) = self.flying.remove(i);
                for node in &mut self.nodes {
                    let ours = frame.dst == node.mac || (frame.dst == BROADCAST && frame.src != node.mac);
                    if ours && frame.vid == node.sim.dut.vid.val().raw() && node.inbox.len() < 2 {
                        node.inbox.push_back(frame);
                    }
                }
            }
        }
    }
    /// Runs until a condition holds; how long it took.
    pub fn until(&mut self, limit: u64, what: &str, mut holds: impl FnMut(&mut Self) -> bool) -> u64 {
        let start = self.clock;
        while !holds(self) {
            assert!(self.clock - start < limit, "seed {}: not within {limit} clocks: {what}", self.seed);
            self.run(1);
        }
        self.clock - start
    }
    /// The session bits of all nodes.
    pub fn ups(&self) -> Vec<u64> {
        self.nodes.iter().map(Node::up).collect()
    }
    pub fn joined(&mut self, expected: &[u64]) -> u64 {
        self.until(40 * HELLO_CLOCKS, "join", |n| n.ups() == expected)
    }
}
