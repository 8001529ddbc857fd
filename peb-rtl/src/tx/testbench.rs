//! The transmit path between models of TxControl and of the MAC, and what they saw.

use super::TxPath;
use peb_hdl::prelude::*;
use peb_wire::Header;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};

pub const SESSIONS: usize = 8;

/// A TLP offered to the packer. Its first dword holds what the checks need.
#[derive(Clone, Debug, PartialEq)]
pub struct Tlp {
    pub session: u8,
    pub class: u8,
    pub dwords: Vec<u32>,
    pub bad: bool,
}

impl Tlp {
    pub fn new(session: u8, class: u8, len: usize, id: u32) -> Tlp {
        let first = len as u32 | (session as u32) << 10 | (class as u32) << 13 | id << 15;
        let dwords = (0..len as u32).map(|k| if k == 0 { first } else { (id << 10 | k).wrapping_mul(0x9e37_79b1) });
        Tlp { session, class, dwords: dwords.collect(), bad: false }
    }
    fn parse(dwords: &[u32]) -> Tlp {
        let f = dwords[0];
        let tlp = Tlp::new((f >> 10 & 7) as u8, (f >> 13 & 3) as u8, (f & 0x3ff) as usize, f >> 15);
        assert_eq!(&dwords[..tlp.dwords.len()], &tlp.dwords[..], "a TLP changed on its way");
        tlp
    }
}

/// What varies between runs.
#[derive(Clone, Debug)]
pub struct Setup {
    pub seed: u64,
    /// Chance that a beat is late, and by how many clocks at most.
    pub stall: f64,
    pub stall_clocks: u32,
    /// Clocks until a frame is acknowledged.
    pub round_trip: u64,
    /// Chance that a frame in flight is sent again, when there is nothing else to do or not.
    pub again: f64,
    /// Chance of a control frame.
    pub control: f64,
    /// Non-posted requests granted per acknowledgement; None: always plenty.
    pub grant: Option<u8>,
    /// Slots in the free list.
    pub slots: u8,
    /// Clocks from `open_ready` to `cmd_valid`.
    pub decide: usize,
}

impl Setup {
    pub fn new(seed: u64) -> Setup {
        Setup {
            seed,
            stall: 0.0,
            stall_clocks: 0,
            round_trip: 4000,
            again: 0.0,
            control: 0.0,
            grant: None,
            slots: 16,
            decide: 3,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Command {
    pub session: u8,
    pub seq: u16,
    pub slot: u8,
    pub data: bool,
    pub kind: u8,
    pub again: bool,
}

/// A frame as it left, without Ethernet header and FCS.
#[derive(Clone, Debug)]
pub struct Sent {
    pub start: u64,
    pub ready_at: u64,
    pub dst: u64,
    pub bytes: Vec<u8>,
    pub aborted: bool,
}

#[derive(Default, Clone, Debug)]
struct Side {
    next: u16,
    /// Frames that must be sent (again) before new ones.
    lost: VecDeque<u16>,
    slot_of: BTreeMap<u16, u8>,
    in_flight: VecDeque<(u16, u64)>,
    np_seen: u32,
    limit_total: u32,
}

pub struct Bench {
    pub sim: Sim<TxPath<SESSIONS>>,
    pub setup: Setup,
    pub rng: ChaCha8Rng,
    pub clock: u64,
    pub recording: Option<peb_verilog::Recording>,
    // source
    pub source: VecDeque<Tlp>,
    beat: usize,
    stalled: u32,
    pub offered_since: Option<u64>,
    /// Stop offering after this many beats of the TLP at the head.
    pub hold_at: Option<usize>,
    pub taken: Vec<(u64, Tlp)>,
    // control
    sides: Vec<Side>,
    grants: VecDeque<u8>,
    free: VecDeque<u8>,
    command: Option<Command>,
    commands: VecDeque<Command>,
    ready_history: VecDeque<(u8, [u16; 8])>,
    pub up: u8,
    pub hold_commands: bool,
    pub flush: Option<u8>,
    // MAC
    mac: Option<Sent>,
    due: u64,
    end_at: Option<u64>,
    ready_at: u64,
    pub sent: Vec<Sent>,
    /// Payload of each whole frame by session and number.
    pub frames: BTreeMap<(u8, u16), Vec<u32>>,
    pub aborts: usize,
    pub swallowed: usize,
    pub packed: usize,
    pub sent_again: usize,
    pub acks: usize,
}

pub fn mac_of(session: u8) -> u64 {
    0x02_00_00_00_10_00 + session as u64
}

impl Bench {
    pub fn new(setup: Setup) -> Bench {
        let mut sim = Sim::new(TxPath::default(), |d| d.clock.next = Clk::new(0));
        sim.dut.reset.next = true;
        sim.tick();
        sim.dut.reset.next = false;
        Bench {
            rng: ChaCha8Rng::seed_from_u64(setup.seed),
            free: (0..setup.slots).collect(),
            setup,
            sim,
            clock: 0,
            recording: None,
            source: VecDeque::new(),
            beat: 0,
            stalled: 0,
            offered_since: None,
            hold_at: None,
            taken: vec![],
            grants: VecDeque::new(),
            sides: vec![Side::default(); SESSIONS],
            command: None,
            commands: VecDeque::new(),
            ready_history: VecDeque::new(),
            up: 0xff,
            hold_commands: false,
            flush: None,
            mac: None,
            due: 0,
            end_at: None,
            ready_at: 0,
            sent: vec![],
            frames: BTreeMap::new(),
            aborts: 0,
            swallowed: 0,
            packed: 0,
            sent_again: 0,
            acks: 0,
        }
    }

    /// The peer has room for more non-posted TLPs.
    pub fn grant(&mut self, session: u8, credits: u32) {
        self.sides[session as usize].limit_total += credits;
        self.grants.push_back(session);
    }

    /// What TxControl would do next.
    fn decide(&mut self, ready: u8, seqs: [u16; 8]) -> Option<Command> {
        let s = self.rng.gen_range(0..SESSIONS);
        if self.rng.gen_bool(self.setup.control) {
            let kind = self.rng.gen_range(0..5);
            return Some(Command { session: s as u8, seq: 7, slot: 0, data: false, kind, again: false });
        }
        for i in 0..SESSIONS {
            let s = (s + i) % SESSIONS;
            if self.up & 1 << s == 0 {
                continue;
            }
            let side = &mut self.sides[s];
            let command =
                |seq: u16, slot: u8, again| Command { session: s as u8, seq, slot, data: true, kind: 0, again };
            if let Some(&seq) = side.lost.front() {
                if seq != seqs[s] || ready & 1 << s != 0 {
                    side.lost.pop_front();
                    return Some(command(seq, side.slot_of[&seq], false));
                }
                continue;
            }
            if !side.in_flight.is_empty() && !self.source.is_empty() && self.rng.gen_bool(self.setup.again) {
                let seq = side.in_flight[self.rng.gen_range(0..side.in_flight.len())].0;
                self.sent_again += 1;
                return Some(command(seq, side.slot_of[&seq], true));
            }
            let seq = side.next;
            if seq != seqs[s] || ready & 1 << s != 0 {
                let Some(&slot) = side.slot_of.get(&seq) else { continue };
                side.next += 1;
                return Some(command(seq, slot, false));
            }
        }
        None
    }

    fn drive_source(&mut self) {
        let d = &mut self.sim.dut;
        let offer = match self.source.front() {
            Some(_) if self.hold_at == Some(self.beat) => false,
            Some(_) if self.stalled > 0 => {
                self.stalled -= 1;
                false
            }
            Some(_) => true,
            None => false,
        };
        d.valid.next = offer;
        if let Some(tlp) = self.source.front() {
            let last = (self.beat + 1) * 2 >= tlp.dwords.len();
            let high = tlp.dwords.get(self.beat * 2 + 1).copied().unwrap_or(0xdead_beef);
            d.data.next = (tlp.dwords[self.beat * 2] as u64 | (high as u64) << 32).into();
            d.first.next = self.beat == 0;
            d.last.next = last;
            d.half.next = last && tlp.dwords.len() % 2 == 1;
            d.bad.next = last && tlp.bad;
            d.class.next = (tlp.class as u64).into();
            d.dwords.next = (tlp.dwords.len() as u64).into();
            d.session.next = (tlp.session as u64).into();
        }
        if offer && self.beat == 0 && self.offered_since.is_none() {
            self.offered_since = Some(self.clock);
        }
    }

    fn drive_tables(&mut self) {
        let d = &mut self.sim.dut;
        let s = d.tx_session.val().raw();
        d.peer_mac.next = mac_of(s as u8).into();
        d.my_epoch.next = (0x1200 + s).into();
        d.peer_epoch.next = (0x3400 + s).into();
        d.peer_index.next = (0x50 + s).into();
        d.ack.next = (0x6600 + s).into();
        d.sack.next = (0x0102_0300 + s).into();
        d.window.next = (0x10 + s).into();
        d.own_np_limit.next = (0x80 + s).into();
        d.ts_delta.next = (0xff_0000 + s).into();
        d.echo_valid.next = s != 3;
    }

    pub fn clock(&mut self) {
        self.drive_source();
        // Flush and sessions.
        let d = &mut self.sim.dut;
        d.now.next = (self.clock / 8).into();
        d.session_up.next = (self.up as u64).into();
        d.flush.next = self.flush.is_some();
        d.flush_session.next = (self.flush.unwrap_or(0) as u64).into();
        d.free_valid.next = !self.free.is_empty();
        d.free_slot.next = (self.free.front().copied().unwrap_or(0) as u64).into();
        let grant = self.grants.pop_front();
        d.np_limit_write.next = grant.is_some();
        if let Some(s) = grant {
            d.np_limit_session.next = (s as u64).into();
            d.np_limit.next = (self.sides[s as usize].limit_total as u64).into();
        }
        // Command.
        if self.command.is_none() && !self.hold_commands && self.commands.len() < 3 {
            if let Some(&(ready, seqs)) = self.ready_history.front() {
                self.command = self.decide(ready, seqs);
            }
        }
        let d = &mut self.sim.dut;
        d.cmd_valid.next = self.command.is_some();
        if let Some(c) = &self.command {
            d.cmd_session.next = (c.session as u64).into();
            d.cmd_kind.next = (c.kind as u64).into();
            d.cmd_data.next = c.data;
            d.cmd_seq.next = (c.seq as u64).into();
            d.cmd_slot.next = (c.slot as u64).into();
            d.cmd_retransmit.next = c.again;
            d.cmd_dst.next = 0xffff_ffff_ffff_u64.into();
            d.cmd_src_epoch.next = 0xa1a2.into();
            d.cmd_dst_epoch.next = 0xb1b2.into();
            d.cmd_index.next = 0xc1.into();
            d.cmd_flags.next = 4.into();
            d.cmd_arg.next = 0xd1d2_d3d4_u64.into();
        }
        // MAC.
        d.mac_ready.next = self.mac.is_none() && self.clock >= self.ready_at;
        d.mac_word_ready.next = self.mac.is_some() && self.end_at.is_none() && self.clock == self.due;
        d.mac_done.next = self.end_at == Some(self.clock);
        d.mac_aborted.next = self.mac.as_ref().is_some_and(|m| m.aborted);
        self.sim.settle();
        self.drive_tables();
        self.sim.settle();
        self.observe();
        if let Some(r) = &mut self.recording {
            r.sample(&*self.sim.dut);
        }
        self.sim.tick();
        self.clock += 1;
    }

    fn observe(&mut self) {
        let d = &self.sim.dut;
        let seed = self.setup.seed;
        // The open frames as TxControl sees them some clocks later. scan_session is asked in turn by the model at once.
        let ready = d.open_ready.val().raw() as u8;
        if d.valid.val() && d.ready.val() {
            self.beat += 1;
            if d.last.val() {
                let tlp = self.source.pop_front().unwrap();
                self.taken.push((self.clock, tlp));
                self.beat = 0;
            }
            if self.rng.gen_bool(self.setup.stall) {
                self.stalled = self.rng.gen_range(1..=self.setup.stall_clocks);
            }
        }
        self.swallowed += d.no_session.val() as usize;
        self.packed += d.tlp_packed.val() as usize;
        self.acks += d.ack_sent.val() as usize;
        if d.slot_write_enable.val() {
            assert!(d.free_take.val());
            let slot = d.slot_write_slot.val().raw() as u8;
            assert_eq!(self.free.pop_front(), Some(slot), "seed {seed}: a slot that was not free");
            let side = &mut self.sides[d.slot_write_session.val().index()];
            let old = side.slot_of.insert(d.slot_write_seq.val().raw() as u16, slot);
            assert_eq!(old, None, "seed {seed}: a frame opened twice");
        }
        if d.cmd_valid.val() && d.cmd_ready.val() {
            let c = self.command.take().unwrap();
            self.commands.push_back(c);
        }
        if d.start.val() {
            assert!(d.mac_ready.val(), "seed {seed}: start while the MAC is not ready");
            self.mac = Some(Sent {
                start: self.clock,
                ready_at: self.ready_at,
                dst: d.dst.val().raw(),
                bytes: vec![],
                aborted: false,
            });
            self.due = self.clock + 22;
        } else if d.mac_word_ready.val() {
            let mac = self.mac.as_mut().unwrap();
            if d.word_valid.val() {
                let len = if d.word_half.val() { 4 } else { 8 };
                mac.bytes.extend(&d.word.val().raw().to_le_bytes()[..len]);
                self.due += 8;
                if d.word_last.val() {
                    self.end_at = Some((self.clock + len as u64).max(mac.start + 8 + 60) + 4);
                }
            } else {
                mac.aborted = true;
                self.end_at = Some(self.clock + 6);
            }
        }
        let d = &self.sim.dut;
        if d.mac_done.val() {
            let frame = self.mac.take().unwrap();
            self.end_at = None;
            self.ready_at = self.clock + 12;
            self.sent.push(frame);
        }
        if d.done.val() {
            let c = self.commands.pop_front().unwrap();
            let aborted = d.done_aborted.val();
            let dwords = d.done_dwords.val().index();
            self.ended(c, aborted, dwords);
        }
        // Acknowledgements.
        for s in 0..SESSIONS {
            let side = &mut self.sides[s];
            while side.in_flight.front().is_some_and(|f| f.1 + self.setup.round_trip <= self.clock) {
                let (seq, _) = side.in_flight.pop_front().unwrap();
                let busy = |c: &Command| c.session as usize == s && c.seq == seq && c.data;
                if self.commands.iter().chain(self.command.iter()).any(busy) {
                    side.in_flight.push_front((seq, self.clock + 50 - self.setup.round_trip));
                    break;
                }
                self.free.push_back(side.slot_of.remove(&seq).unwrap());
            }
        }
        if let Some(s) = self.flush {
            if self.sim.dut.flush_done.val() {
                let side = std::mem::take(&mut self.sides[s as usize]);
                self.free.extend(side.slot_of.into_values());
                self.flush = None;
            }
        }
        let mut seqs = [0; 8];
        for (s, seq) in seqs.iter_mut().enumerate() {
            self.sim.dut.scan_session.next = (s as u64).into();
            self.sim.settle();
            *seq = self.sim.dut.scan_open_seq.val().raw() as u16;
        }
        self.ready_history.push_back((ready, seqs));
        if self.ready_history.len() > self.setup.decide {
            self.ready_history.pop_front();
        }
    }

    /// A frame of a command has ended.
    fn ended(&mut self, c: Command, aborted: bool, dwords: usize) {
        let seed = self.setup.seed;
        if aborted {
            self.aborts += 1;
            self.ready_history.clear();
            if c.data && !c.again && self.up & 1 << c.session != 0 {
                self.sides[c.session as usize].lost.push_back(c.seq);
            }
            return;
        }
        let frame = self.sent.last().unwrap();
        assert!(!frame.aborted);
        let header = Header::decode(frame.bytes[..24].try_into().unwrap()).unwrap();
        assert_eq!(header.message.kind().bits(), c.kind as u32);
        let s = c.session;
        assert_eq!(header.seq.0, c.seq, "seed {seed}");
        assert_eq!(header.ts as u64, frame.start / 8);
        let expected: Vec<u8> = if c.kind == 0 {
            assert_eq!(frame.dst, mac_of(s));
            assert_eq!(header.ts_echo, (s != 3).then(|| (header.ts + 0xff_0000 + s as u32) & 0xff_ffff));
            let flags = 4 | c.data as u8 | (c.again as u8) << 3 | ((s != 3) as u8) << 4;
            vec![0x12, s, 0x34, s, 0x66, s, flags, 0x50 + s, 1, 2, 3, s, 0x10 + s, 0x80 + s]
        } else {
            assert_eq!((frame.dst, header.ts_echo), (0xffff_ffff_ffff, None));
            vec![0xa1, 0xa2, 0xb1, 0xb2, 0, 0, 4, 0xc1, 0xd1, 0xd2, 0xd3, 0xd4, 0, 0]
        };
        let b = &frame.bytes;
        let got: Vec<u8> = [&b[2..6], &b[8..16], &b[22..24]].concat();
        assert_eq!(got, expected, "seed {seed}: header of {c:?}");
        let body: Vec<u32> = b[24..].chunks(4).map(|x| u32::from_le_bytes(x.try_into().unwrap())).collect();
        assert_eq!(body.len(), dwords, "seed {seed}: {c:?}");
        assert!(body.len() <= 369 && body.is_empty() != c.data, "seed {seed}: {c:?} with {dwords} dwords");
        if !c.data {
            return;
        }
        let first_time = self.frames.insert((s, c.seq), body.clone());
        assert!(first_time.is_none_or(|f| f == body), "seed {seed}: frame {c:?} changed when sent again");
        let side = &mut self.sides[s as usize];
        if !c.again {
            side.in_flight.push_back((c.seq, self.clock));
            if let Some(credits) = self.setup.grant {
                side.np_seen += tlps(&body).iter().filter(|t| t.class == 1).count() as u32;
                assert!(side.np_seen <= side.limit_total, "seed {seed}: non-posted without credit");
                self.grant(s, credits as u32);
            }
        }
    }

    /// The session ends: what TxControl and Sessions do.
    pub fn flush(&mut self, session: u8) {
        self.up &= !(1 << session);
        self.flush = Some(session);
        if self.command.as_ref().is_some_and(|c| c.session == session) {
            self.command = None;
        }
        let limit = self.clock + 20;
        while self.flush.is_some() {
            self.clock();
            assert!(self.clock < limit, "seed {}: no flush_done", self.setup.seed);
        }
    }

    pub fn run(&mut self, clocks: u64) {
        for _ in 0..clocks {
            self.clock();
        }
    }

    /// Runs until all is sent and acknowledged.
    pub fn drain(&mut self) {
        let limit = self.clock + 400_000;
        let mut quiet = 0;
        while quiet < 50 {
            quiet += 1;
            if !self.source.is_empty()
                || self.mac.is_some()
                || !self.commands.is_empty()
                || self.command.is_some()
                || self.sides.iter().any(|s| !s.in_flight.is_empty() || !s.lost.is_empty())
            {
                quiet = 0;
            }
            self.clock();
            assert!(self.clock < limit, "seed {}: stuck with {} TLPs left", self.setup.seed, self.source.len());
        }
    }

    /// All TLPs of a session in the order of the frames.
    pub fn received(&self, session: u8) -> Vec<Tlp> {
        let mut out = vec![];
        for (number, ((_, seq), body)) in self.frames.range((session, 0)..=(session, u16::MAX)).enumerate() {
            assert_eq!(*seq as usize, number, "seed {}: a frame is missing", self.setup.seed);
            out.extend(tlps(body));
        }
        out
    }

    /// Every good TLP arrived, ordered ones in order, non-posted ones in order, none before an earlier posted one.
    pub fn check(&self) {
        let seed = self.setup.seed;
        for s in 0..SESSIONS as u8 {
            let given: Vec<&Tlp> = self.taken.iter().map(|t| &t.1).filter(|t| t.session == s && !t.bad).collect();
            let got = self.received(s);
            for np in [false, true] {
                let a: Vec<_> = given.iter().copied().filter(|t| (t.class == 1) == np).collect();
                let b: Vec<_> = got.iter().filter(|t| (t.class == 1) == np).collect();
                assert_eq!(a, b, "seed {seed}: session {s}, non-posted {np}");
            }
            let mut ordered_before = 0;
            let mut need: VecDeque<usize> = VecDeque::new();
            for t in &given {
                match t.class {
                    1 => need.push_back(ordered_before),
                    _ => ordered_before += 1,
                }
            }
            let mut ordered = 0;
            for t in &got {
                match t.class {
                    1 => assert!(ordered >= need.pop_front().unwrap(), "seed {seed}: passed a posted one"),
                    _ => ordered += 1,
                }
            }
        }
    }
}

/// The TLPs of a frame.
pub fn tlps(body: &[u32]) -> Vec<Tlp> {
    let mut rest = body;
    let mut out = vec![];
    while !rest.is_empty() {
        let tlp = Tlp::parse(rest);
        rest = &rest[tlp.dwords.len()..];
        out.push(tlp);
    }
    out
}
