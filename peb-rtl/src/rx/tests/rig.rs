//! The receive path between a MAC, sessions and a PCIe link made of plain Rust, with a plain-Rust reference beside it.

use super::frames::{is_np, mac_words, Frame, Header, HAS_TLPS};
use super::whole::Whole;
use crate::testing::Bench;
use peb_tlp::OrderChecker;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// A session as the reference sees it.
#[derive(Default)]
pub struct Session {
    pub frames: BTreeMap<u16, Frame>,
    pub expected: u16,
    /// Frames that wait for an earlier one.
    pub held: Vec<u16>,
    pub ordered: VecDeque<Vec<u8>>,
    pub non_posted: VecDeque<Vec<u8>>,
    pub np_delivered: u8,
    pub np_came: usize,
    pub checker: OrderChecker,
}

impl Session {
    fn sack(&self) -> u64 {
        self.held.iter().fold(0, |bits, seq| bits | 1 << (seq.wrapping_sub(self.expected) - 1))
    }
}

pub struct Rig<const S: usize, const A: usize>
where
    Whole<S, A>: crate::testing::Clocked,
{
    pub bench: Bench<Whole<S, A>>,
    pub rng: ChaCha8Rng,
    pub sessions: Vec<Session>,
    /// Probability of `tready` in sixteenths.
    pub ready: u32,
    pub np_ok: bool,
    np_ok_before: [bool; 2],
    owner: HashMap<Vec<u8>, usize>,
    /// The TLP that is leaving.
    leaving: Vec<u8>,
    stalled: Option<(u64, u64, bool)>,
    acks: bool,
    ack_sent: Option<usize>,
    due: u64,
    small: u64,
    room: u64,
    flushing: Option<usize>,
    stored: Option<usize>,
    np_left: Option<usize>,
    pub counts: HashMap<&'static str, usize>,
    pub leaves: usize,
    /// The header of the frame before is let go when that of the next frame has come.
    pub let_go: bool,
    pub clock: u64,
}

impl<const S: usize, const A: usize> Rig<S, A>
where
    Whole<S, A>: crate::testing::Clocked,
{
    pub fn new(name: &str, seed: u64) -> Self {
        println!("seed {seed}");
        let mut bench = Bench::unwatched(name, Whole::<S, A>::default());
        bench.reset();
        bench.clocks(34);
        Rig {
            bench,
            rng: ChaCha8Rng::seed_from_u64(seed),
            sessions: (0..S).map(|_| Session::default()).collect(),
            ready: 16,
            np_ok: true,
            np_ok_before: [false; 2],
            owner: HashMap::new(),
            leaving: vec![],
            stalled: None,
            acks: true,
            ack_sent: None,
            due: 0,
            small: 0,
            room: 31,
            flushing: None,
            stored: None,
            np_left: None,
            counts: HashMap::new(),
            leaves: 0,
            let_go: false,
            clock: 0,
        }
    }

    pub fn count(&self, what: &str) -> usize {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// One clock; everything that can be said without knowing the stimulus is checked.
    pub fn step(&mut self) {
        let asked = self.rng.gen_range(0..S);
        let ready = self.rng.gen_ratio(self.ready, 16);
        let sent = (0..S).find(|s| self.acks && self.due >> s & 1 == 1 && self.rng.gen_ratio(1, 12));
        let now = (self.clock * 3) & 0xff_ffff;
        let np_ok = self.np_ok;
        let dut = self.bench.dut();
        dut.now.next = now.into();
        dut.ack_session.next = (asked as u64).into();
        dut.ack_sent.next = sent.is_some();
        dut.ack_sent_session.next = (sent.unwrap_or(0) as u64).into();
        dut.tready.next = ready;
        dut.np_ok.next = np_ok;
        self.bench.settle();
        let dut = self.bench.dut();
        assert!(!dut.fatal.val(), "clock {}", self.clock);
        for (name, pulse) in [
            ("foreign", dut.foreign.val()),
            ("dropped", dut.dropped.val()),
            ("duplicate", dut.duplicate.val()),
            ("out_of_order", dut.out_of_order.val()),
            ("no_space", dut.no_space.val()),
            ("malformed", dut.malformed.val()),
            ("delivered", dut.delivered.val()),
        ] {
            *self.counts.entry(name).or_default() += usize::from(pulse);
        }
        let (ack, sack) = (dut.ack.val().raw() as u16, dut.sack.val().raw());
        let (window, np_limit) = (dut.window.val().raw(), dut.np_limit.val().raw() as u8);
        let (due, accepting) = (dut.ack_due.val().raw(), dut.accept.val());
        let beat = (dut.tdata.val().raw(), dut.tkeep.val().raw(), dut.tlast.val());
        let valid = dut.tvalid.val();

        // The PCIe link: beats hold, TLPs have no gaps, non-posted ones begin only with leave.
        // A non-posted TLP that is seen at the pins is counted a clock later.
        let np_event = self.np_left.take();
        if let Some(s) = np_event {
            let s = &mut self.sessions[s];
            s.np_delivered = s.np_delivered.wrapping_add(1);
        }
        if let Some(stalled) = self.stalled {
            assert!(valid && beat == stalled, "clock {}: withdrawn", self.clock);
        } else if valid {
            let keep = if beat.1 == 0x0f { 4 } else { 8 };
            assert!(keep == 8 || beat.2 && beat.1 == 0x0f, "tkeep");
            if self.leaving.is_empty() && is_np(&beat.0.to_le_bytes()) {
                assert!(self.np_ok_before[0], "clock {}: non-posted without leave", self.clock);
            }
            self.leaving.extend(&beat.0.to_le_bytes()[..keep]);
            if beat.2 {
                let tlp = std::mem::take(&mut self.leaving);
                self.np_left = self.leave(&tlp);
            }
        } else {
            assert!(self.leaving.is_empty(), "clock {}: a gap inside a TLP", self.clock);
        }
        self.stalled = (valid && !ready).then_some(beat);
        self.np_ok_before = [self.np_ok_before[1], np_ok];

        // What the next frame says.
        if self.room >= 16 {
            self.due |= std::mem::take(&mut self.small);
        }
        if let Some(s) = self.ack_sent {
            self.due &= !(1 << s);
            if self.room < 16 {
                self.small |= 1 << s;
            }
        }
        self.due |= self.stored.take().map_or(0, |s| 1 << s);
        if let Some(s) = np_event.filter(|s| self.sessions[*s].np_delivered % (16 / S as u8) == 0) {
            self.due |= 1 << s;
        }
        if self.flushing.is_some() {
            self.due = due;
        }
        self.room = window;
        self.ack_sent = sent;
        if !accepting && self.flushing.is_none() {
            let s = &self.sessions[asked];
            assert_eq!((ack, sack), (s.expected, s.sack()), "clock {}: ack, sack of {asked}", self.clock);
            assert_eq!(due, self.due, "clock {}: ack_due", self.clock);
            assert_eq!(
                np_limit,
                s.np_delivered.wrapping_add(64 / S as u8),
                "clock {}: np_limit of {asked}",
                self.clock
            );
        }
        self.bench.tick();
        self.clock += 1;
    }

    fn leave(&mut self, tlp: &[u8]) -> Option<usize> {
        self.leaves += 1;
        let owner = *self.owner.get(tlp).unwrap_or_else(|| panic!("clock {}: nobody sent {tlp:02x?}", self.clock));
        let s = &mut self.sessions[owner];
        let queue = if is_np(tlp) { &mut s.non_posted } else { &mut s.ordered };
        assert_eq!(queue.pop_front().as_deref(), Some(tlp), "clock {}: not its turn", self.clock);
        assert!(s.checker.delivered(tlp), "{:?}", s.checker.anomalies());
        is_np(tlp).then_some(owner)
    }

    pub fn steps(&mut self, n: usize) {
        (0..n).for_each(|_| self.step());
    }

    /// Gives a frame as the MAC does, without waiting for what becomes of it.
    pub fn mac(&mut self, words: &[u64], length: u64, src: u64, good: bool) {
        let gap = self.rng.gen_range(1..4);
        for (i, word) in words.iter().enumerate() {
            if i == 3 && std::mem::take(&mut self.let_go) {
                self.header_done();
            }
            let junk = self.rng.gen::<u64>();
            let dut = self.bench.dut();
            dut.word.next = (*word).into();
            dut.word_valid.next = true;
            dut.first.next = i == 0;
            self.step();
            let dut = self.bench.dut();
            dut.word.next = junk.into();
            dut.word_valid.next = false;
            dut.first.next = junk & 1 == 1;
            let gap = self.rng.gen_range(0..gap);
            self.steps(gap);
        }
        let dut = self.bench.dut();
        dut.end.next = true;
        dut.good.next = good;
        dut.length.next = length.into();
        dut.mac_src.next = src.into();
        self.step();
        let dut = self.bench.dut();
        dut.end.next = false;
        dut.good.next = src & 1 == 1;
        self.step();
    }

    /// Lets go of the header.
    pub fn header_done(&mut self) {
        self.bench.dut().header_done.next = true;
        self.step();
        self.bench.dut().header_done.next = false;
        self.bench.settle();
        assert!(!self.bench.dut().header_valid.val(), "still offered");
    }

    /// The header that is offered.
    pub fn header(&mut self) -> Option<(u64, Header)> {
        self.bench.settle();
        let dut = self.bench.dut();
        let header = Header {
            kind: dut.header_kind.val().raw() as u8,
            flags: dut.header_flags.val().raw() as u8,
            src_epoch: dut.header_src_epoch.val().raw() as u16,
            dst_epoch: dut.header_dst_epoch.val().raw() as u16,
            seq: dut.header_seq.val().raw() as u16,
            ack: dut.header_ack.val().raw() as u16,
            index: dut.header_index.val().raw() as u8,
            sack: dut.header_sack.val().raw() as u32,
            ts: 0,
            ts_echo: dut.header_ts_echo.val().raw() as u32,
            window: dut.header_window.val().raw() as u8,
            np_limit: dut.header_np_limit.val().raw() as u8,
        };
        dut.header_valid.val().then_some((dut.header_src.val().raw(), header))
    }

    /// Adds a frame to what session `s` sends.
    pub fn add(&mut self, s: usize, frame: Frame) {
        let seq = self.sessions[s].frames.len() as u16;
        self.sessions[s].np_came += frame.tlps.iter().filter(|t| is_np(t)).count();
        for tlp in &frame.tlps {
            self.owner.insert(tlp.clone(), s);
            self.sessions[s].checker.sent(tlp).expect("a type of PCIe");
        }
        self.sessions[s].frames.insert(seq, frame);
    }

    /// Sends frame `seq` of session `s`, accepts it and checks what became of it; true if it was taken.
    pub fn send(&mut self, s: usize, seq: u16) -> bool {
        let records = self.sessions[s].frames[&seq].records.clone();
        let header = Header::random(&mut self.rng, seq, HAS_TLPS);
        let (words, length) = mac_words(&mut self.rng, &header, &records);
        let src = self.rng.gen::<u64>() >> 16;
        self.mac(&words, length, src, true);
        let ts = header.ts;
        assert_eq!(self.header(), Some((src, Header { ts: 0, ..header })));
        let wait = self.rng.gen_range(0..4);
        self.steps(wait);
        let before = self.counts.clone();
        let free = self.room as usize - self.sessions.iter().map(|s| s.held.len()).sum::<usize>();
        let stamp = self.accept(s);
        let free_after = self.room as usize - self.sessions.iter().map(|s| s.held.len()).sum::<usize>();
        let pulses = |what| self.count(what) - before.get(what).copied().unwrap_or(0);
        let now = [pulses("duplicate"), pulses("out_of_order"), pulses("no_space")];
        let session = &mut self.sessions[s];
        let distance = seq.wrapping_sub(session.expected);
        let known = distance > 30 || session.held.contains(&seq);
        let reserve = if distance == 0 { 0 } else { S };
        match now {
            [1, 0, 0] => assert!(known, "{seq} is new"),
            [0, 0, 1] => assert!(!known && free <= reserve, "{seq}: {free} are free"),
            [0, 1, 0] => {
                assert!(!known && distance > 0 && free_after > reserve, "{seq}");
                session.held.push(seq);
            }
            [0, 0, 0] => {
                assert!(distance == 0, "{seq}");
                session.held.push(seq);
                while let Some(at) = session.held.iter().position(|seq| *seq == session.expected) {
                    session.held.swap_remove(at);
                    for tlp in &session.frames[&session.expected].tlps {
                        let queue = if is_np(tlp) { &mut session.non_posted } else { &mut session.ordered };
                        queue.push_back(tlp.clone());
                    }
                    session.expected = session.expected.wrapping_add(1);
                }
            }
            _ => panic!("pulses {now:?}"),
        }
        // The echo: what the sender's clock shows, less what ours showed.
        self.bench.dut().ack_session.next = (s as u64).into();
        self.bench.settle();
        let dut = self.bench.dut();
        assert!(dut.echo_valid.val());
        assert_eq!(dut.ts_delta.val().raw(), u64::from(ts).wrapping_sub(stamp) & 0xff_ffff, "ts_delta");
        self.bench.dut().accept.next = false;
        self.step();
        self.header_done();
        now[2] == 0
    }

    /// Accepts the header that is offered until it is done; returns the time at which the frame was judged.
    fn accept(&mut self, s: usize) -> u64 {
        let dut = self.bench.dut();
        dut.accept.next = true;
        dut.accept_session.next = (s as u64).into();
        let no_space = self.count("no_space");
        let judged = (self.clock + 1) * 3;
        for _ in 0..40 {
            self.bench.settle();
            if self.bench.dut().rx_done.val() {
                self.stored = (self.count("no_space") == no_space).then_some(s);
                self.step();
                return judged;
            }
            self.step();
        }
        panic!("no rx_done");
    }

    /// Ends session `s`.
    pub fn flush(&mut self, s: usize) {
        let dut = self.bench.dut();
        dut.flush.next = true;
        dut.flush_session.next = (s as u64).into();
        self.flushing = Some(s);
        for clock in 0.. {
            assert!(clock < 6000, "no flush_done");
            self.bench.settle();
            let done = self.bench.dut().flush_done.val();
            self.step();
            if done {
                break;
            }
        }
        self.bench.dut().flush.next = false;
        self.flushing = None;
        self.due &= !(1 << s);
        self.np_left = self.np_left.filter(|left| *left != s);
        let old = std::mem::take(&mut self.sessions[s]);
        if S == 1 {
            self.owner.clear();
        } else {
            // What had reached the queues still comes out.
            self.sessions[s].checker = old.checker;
            self.sessions[s].ordered = old.ordered;
            self.sessions[s].non_posted = old.non_posted;
        }
    }

    /// Waits until all that was in order has left.
    pub fn drain(&mut self) {
        for _ in 0..20_000 {
            if self.sessions.iter().all(|s| s.ordered.is_empty() && s.non_posted.is_empty()) {
                break;
            }
            self.step();
        }
        for s in &self.sessions {
            assert!(s.ordered.is_empty() && s.non_posted.is_empty(), "stuck: {:?}", s.checker.missing().first());
        }
        self.steps(20);
        assert_eq!(self.room, 31, "window");
    }
}
