//! The block's streams as its guide describes them.

use super::*;
use std::collections::VecDeque;

/// What comes out of the block: `m_axis_rx`.
pub struct Source {
    pub waiting: VecDeque<Vec<u8>>,
    /// TLPs in the order in which they were begun.
    pub sent: Vec<Vec<u8>>,
    current: VecDeque<Beat>,
    non_posted: bool,
    /// One in so many clocks is without a beat; 0 = none is.
    pub gaps: u32,
    /// `rx_np_ok` of the clock before, and one clock before the end of the last two non-posted TLPs.
    ok_before: bool,
    ok_at_ends: [bool; 2],
    valid: bool,
}

impl Source {
    pub fn new(tlps: impl IntoIterator<Item = Vec<u8>>, gaps: u32) -> Self {
        let waiting = tlps.into_iter().collect();
        let (sent, current) = (vec![], VecDeque::new());
        Source { waiting, sent, current, non_posted: false, gaps, ok_before: true, ok_at_ends: [true; 2], valid: false }
    }

    /// After a rising edge before which `ready` and `np_ok` stood: the beat that is offered next.
    pub fn clock(&mut self, rng: &mut ChaCha8Rng, ready: bool, np_ok: bool) -> Option<Beat> {
        if self.valid && ready {
            let (_, _, last) = self.current.pop_front().expect("it was offered");
            if last && self.non_posted {
                self.ok_at_ends = [self.ok_at_ends[1], self.ok_before];
            }
            self.valid = false;
        }
        self.ok_before = np_ok;
        if self.current.is_empty() {
            // R4: others pass a non-posted TLP that is kept back.
            let may = np_ok || self.ok_at_ends[0];
            let next = self.waiting.iter().position(|tlp| may || !is_non_posted(tlp));
            if let Some(tlp) = next.and_then(|n| self.waiting.remove(n)) {
                self.non_posted = is_non_posted(&tlp);
                self.current = beats(&tlp).into_iter().map(of_block).collect();
                self.sent.push(tlp);
            }
        }
        // R3, but what is offered stands.
        self.valid |= !self.current.is_empty() && (self.gaps == 0 || !rng.gen_ratio(1, self.gaps));
        self.valid.then(|| self.current[0])
    }
}

/// What goes into the block: `s_axis_tx`, transmit buffers, and the link's credit.
pub struct Sink {
    pub came: Vec<Vec<u8>>,
    /// TLPs that went out on the link.
    pub left: Vec<Vec<u8>>,
    buffers: VecDeque<Vec<u8>>,
    collector: Collector,
    inside: bool,
    ready: bool,
    /// Non-posted TLPs that the link's partner has room for.
    pub credit: usize,
    /// One TLP goes out in so many clocks.
    pub pace: u32,
    /// Most buffers that non-posted TLPs had at once.
    pub stuck: usize,
}

/// TLPs that the block can keep.
pub const BUFFERS: usize = 30;

impl Sink {
    pub fn new(credit: usize, pace: u32) -> Self {
        let (came, left, buffers) = (vec![], vec![], VecDeque::new());
        let collector = Collector::default();
        Sink { came, left, buffers, collector, inside: false, ready: false, credit, pace, stuck: 0 }
    }

    /// After a rising edge before which this beat stood: `tready` and `tx_buf_av`.
    pub fn clock(&mut self, rng: &mut ChaCha8Rng, beat: Option<Beat>) -> (bool, u64) {
        // R5, and R6 as it is with streaming.
        assert!(!self.inside || beat.is_some(), "a pause in a TLP");
        if let (true, Some(beat)) = (self.ready, beat) {
            self.inside = !beat.2;
            if let Some(tlp) = self.collector.take(of_block(beat)) {
                self.came.push(tlp.clone());
                self.buffers.push_back(tlp);
            }
        }
        if rng.gen_ratio(1, self.pace) {
            // R8: non-posted TLPs need credit, others pass those that have none.
            let next = self.buffers.iter().position(|tlp| !is_non_posted(tlp) || self.credit > 0);
            if let Some(tlp) = next.and_then(|n| self.buffers.remove(n)) {
                self.credit -= usize::from(is_non_posted(&tlp));
                self.left.push(tlp);
            }
        }
        self.stuck = self.stuck.max(self.buffers.iter().filter(|tlp| is_non_posted(tlp)).count());
        // R5, R9: not ready without a buffer, or while a TLP of the block's own goes out; never in the middle of one.
        self.ready = self.inside || (self.buffers.len() < BUFFERS && !rng.gen_ratio(1, 5));
        (self.ready, (BUFFERS - self.buffers.len()) as u64)
    }
}

/// The block's configuration space behind `cfg_mgmt` (R11).
#[derive(Default)]
pub struct Registers {
    pub values: std::collections::BTreeMap<u64, u32>,
    busy: u32,
}

impl Registers {
    /// After a rising edge before which this access stood; gives `rd_wr_done` and what was read.
    pub fn clock(&mut self, rng: &mut ChaCha8Rng, access: Option<(u64, Option<(u32, u8)>)>) -> (bool, u32) {
        let Some((address, write)) = access else {
            self.busy = 0;
            return (false, 0);
        };
        if self.busy == 0 {
            self.busy = rng.gen_range(2..6);
        }
        self.busy -= 1;
        if self.busy != 0 {
            return (false, 0);
        }
        let value = self.values.entry(address).or_default();
        if let Some((data, enables)) = write {
            for n in (0..4).filter(|n| enables >> n & 1 == 1) {
                *value = *value & !(0xff << (8 * n)) | data & 0xff << (8 * n);
            }
        }
        (true, *value)
    }
}
