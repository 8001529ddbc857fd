//! What a stock kernel sent at the upstream port of a switch, sent to `peb_host` again.
//!
//! The host's requests go in as they were recorded, at the speed of the answers. What the recorded device sent, its completions
//! and its DMA, comes from a bare port at `peb_io` and must reach the host byte for byte, and the other way round. What the switch
//! answers itself is compared with what was recorded: completer, status, byte count, lower address, order, and data where the
//! specification fixes the register. The recorded switch was another one, so these differ by rule:
//!
//! * It gave its bus number at once; here it is 0 until the first type 0 write (2.2.6.2).
//! * It had two slots: devices 2 and 3 of the internal bus exist here and answer with their own ID.
//! * Its upstream port refused what went to an empty slot; here the downstream port does, which is the one whose link is down
//!   (PCIe 2.9.1).
//! * MSI stood at 0x50 and the PCI Express capability at 0x70: requests and pointers are moved to where they are here. Contents
//!   of capabilities, IDs, I/O windows and status bits are not compared.
//! * It had a power controller and told of completed commands: here an event, and thus an MSI, is only a change of presence
//!   or link.

mod bench;

use bench::Bench;
use peb_sim::port::PortStalls;
use peb_sim::trace::{Direction, Trace, E1000E_PING, NVME_HOTPLUG};
use peb_sim::world::{Fabric, Peb, RtlConfig, RtlFabric};
use peb_tlp::{Class, CompletionStatus, FunctionId, TlpType, TlpView};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const HOST: usize = 0;
const DEVICE: usize = 1;
const SLOT_1: FunctionId = FunctionId::new(2, 0, 0);
const SLOT_2: FunctionId = FunctionId::new(2, 1, 0);
/// Slot Control and Status of the recorded downstream port.
const RECORDED_SLOT: u16 = 0x88;
/// Presence Detect State in that dword.
const PRESENT: u32 = 1 << 22;
/// Data Link Layer State Changed there.
const LINK_CHANGED: u32 = 1 << 24;
/// State of the first slot at the management port.
const SLOT_STATE: u16 = 0x200;
/// Clocks in which the switch itself answers.
const AT_ONCE: u64 = 200;
/// Clocks in which a TLP reaches the other end.
const ACROSS: u64 = 50_000;
/// Clocks in which a device that is put in is up, power-on reset included.
const UP: u64 = 200_000;

/// Registers that the specification fixes: offset, the bits that are compared.
const FIXED: [(u16, u32); 12] = [
    (0x04, 0x0000_0547),
    (0x08, 0xffff_ff00),
    (0x0c, 0x00ff_0000),
    (0x10, !0),
    (0x14, !0),
    (0x18, 0x00ff_ffff),
    (0x20, 0xfff0_fff0),
    (0x24, 0xfff0_fff0),
    (0x28, !0),
    (0x2c, !0),
    (0x38, !0),
    (0x54, !0),
];

fn view(tlp: &[u8]) -> TlpView<'_> {
    TlpView::parse(tlp).expect("well formed")
}

fn is_config(tlp: &TlpView<'_>) -> bool {
    tlp.ty().is_config()
}

fn class(tlp: &[u8]) -> Class {
    view(tlp).fmt_type().class()
}

/// Where a register of the recorded ports is here.
fn here(register: u16) -> u16 {
    match register {
        0x50..=0x5f => register - 0x08,
        0x70..=0xab => register - 0x10,
        _ => register,
    }
}

/// One TLP of the trace, with the request that it completes and the completions that it got.
struct Step {
    direction: Direction,
    tlp: Vec<u8>,
    request: Option<usize>,
    completions: Vec<usize>,
}

fn steps(text: &str) -> Vec<Step> {
    let trace = Trace::parse("built-in trace", text).unwrap();
    let mut open: BTreeMap<_, usize> = BTreeMap::new();
    let mut steps: Vec<Step> = Vec::new();
    for (n, record) in trace.records.into_iter().enumerate() {
        let tlp = view(&record.tlp);
        let key = (record.direction == Direction::Down, tlp.requester(), tlp.tag());
        let mut request = None;
        if tlp.ty() == TlpType::Completion {
            request = open.get(&(!key.0, key.1, key.2)).copied();
            let request = request.unwrap_or_else(|| panic!("record {n} completes nothing"));
            steps[request].completions.push(n);
        } else if tlp.fmt_type().class() == Class::NonPosted {
            open.insert(key, n);
        }
        steps.push(Step { direction: record.direction, tlp: record.tlp, request, completions: Vec::new() });
    }
    steps
}

/// What has been counted.
#[derive(Debug, Default)]
struct Seen {
    answered: usize,
    data: usize,
    below: usize,
    down: usize,
    up: usize,
    interrupts: usize,
    changes: usize,
    slowest: u64,
    clocks: u64,
}

struct Replay<F> {
    bench: Bench<F>,
    steps: Vec<Step>,
    /// What must still come, at the host and at the device, in order within a class.
    expected: [BTreeMap<u8, VecDeque<Vec<u8>>>; 2],
    /// MSIs of the recorded switch.
    interrupts: BTreeSet<Vec<u8>>,
    /// Non-posted requests of the trace that were left out, and so are their completions.
    skipped: BTreeSet<usize>,
    seen: Seen,
    /// The upstream port knows its bus number.
    named: bool,
}

impl<F: Fabric> Replay<F> {
    fn new(fabric: F, text: &str) -> Self {
        let bench = Bench::new(fabric, 1, PortStalls::NONE, 1);
        let (expected, seen) = (Default::default(), Seen::default());
        let steps = steps(text);
        let of_switch = |step: &&Step| step.direction == Direction::Up && view(&step.tlp).requester().bus() == 2;
        let posted = steps.iter().filter(|step| class(&step.tlp) == Class::Posted);
        let interrupts = posted.filter(of_switch).map(|step| step.tlp.clone()).collect();
        Replay { bench, steps, expected, interrupts, skipped: BTreeSet::new(), seen, named: false }
    }

    /// Takes what came; completions of the switch itself go to the caller.
    fn take(&mut self) -> Option<(u64, Vec<u8>)> {
        let mut own = None;
        for at in [HOST, DEVICE] {
            while let Some((clock, tlp)) = self.bench.received[at].pop_front() {
                let queue = self.expected[at].entry(class(&tlp) as u8).or_default();
                if queue.front() == Some(&tlp) {
                    queue.pop_front();
                } else if at == HOST && self.interrupts.contains(&tlp) {
                    self.seen.interrupts += 1;
                } else if at == HOST && class(&tlp) == Class::Completion && own.is_none() {
                    own = Some((clock, tlp));
                } else {
                    panic!("clock {clock}, port {at}: {tlp:02x?} instead of {:02x?}", queue.front());
                }
            }
        }
        own
    }

    /// Waits until everything has come at one end.
    fn settle(&mut self, at: usize) {
        let end = self.bench.now + ACROSS;
        while self.expected[at].values().any(|queue| !queue.is_empty()) {
            assert!(self.bench.now < end, "port {at}: {:02x?} did not come in {ACROSS} clocks", self.expected[at]);
            self.bench.step();
            assert_eq!(self.take(), None, "nobody asked the switch");
        }
    }

    /// Sends a TLP from one end that must reach the other as `arrives`, after all that came the other way before.
    fn across(&mut self, from: usize, tlp: Vec<u8>, arrives: Vec<u8>) {
        self.settle(from);
        self.expected[1 - from].entry(class(&arrives) as u8).or_default().push_back(arrives);
        self.bench.ports[from].send_bytes(tlp);
    }

    /// Plays the trace; of requests that are no configuration requests, at most `most`.
    fn play(mut self, most: usize) -> Seen {
        self.bench.until("the I/O PEB is attached", 100_000, |bench| bench.pins.ios[0].peer_up);
        for n in 0..self.steps.len() {
            let (direction, tlp) = (self.steps[n].direction, self.steps[n].tlp.clone());
            let parsed = view(&tlp);
            let request = self.steps[n].request;
            if request.is_some_and(|request| self.skipped.contains(&request)) {
                continue;
            }
            if request.is_none() && !is_config(&parsed) && !self.interrupts.contains(&tlp) {
                if self.seen.down + self.seen.up >= most {
                    self.skipped.insert(n);
                    continue;
                }
                *(if direction == Direction::Down { &mut self.seen.down } else { &mut self.seen.up }) += 1;
            }
            match (direction, request) {
                (Direction::Down, None) if is_config(&parsed) => self.configuration(n),
                (Direction::Down, _) => self.across(HOST, tlp.clone(), tlp),
                (Direction::Up, Some(request)) if self.is_own(request) => {}
                (Direction::Up, None) if self.interrupts.contains(&tlp) => self.event(n),
                (Direction::Up, _) => self.across(DEVICE, tlp.clone(), tlp),
            }
        }
        self.settle(HOST);
        self.settle(DEVICE);
        self.seen.clocks = self.bench.now;
        self.seen
    }

    /// Whether the recorded switch answered this configuration request itself.
    fn is_own(&self, request: usize) -> bool {
        let answer = &self.steps[self.steps[request].completions[0]].tlp;
        is_config(&view(&self.steps[request].tlp)) && view(answer).completer().bus() < 3
    }

    /// The recorded switch sent an interrupt: the device may have come or gone, or its link be up.
    fn event(&mut self, n: usize) {
        let later = self.steps[n..].iter().find(|step| {
            let tlp = view(&step.tlp);
            tlp.ty() == TlpType::CfgRead1 && tlp.destination() == SLOT_1 && tlp.register() == RECORDED_SLOT
        });
        let Some(&answer) = later.and_then(|step| step.completions.first()) else { return };
        let slot = u32::from_le_bytes(*view(&self.steps[answer].tlp).payload().first_chunk().unwrap());
        let present = slot & PRESENT != 0;
        self.settle(HOST);
        self.settle(DEVICE);
        if present != self.bench.present[0] {
            self.bench.present[0] = present;
            self.seen.changes += 1;
            self.wait("the slot shows the device", |bench| {
                bench.register(Peb::Host(0), SLOT_STATE, None) & 2 == if present { 2 } else { 0 }
            });
        }
        if present && slot & LINK_CHANGED != 0 {
            self.wait("the slot is up", |bench| bench.up(0));
        }
        // The interrupt is behind the state.
        (0..200).for_each(|_| self.bench.step());
        assert_eq!(self.take(), None, "nobody asked the switch");
    }

    /// Lets clocks pass until something holds, while the switch may send interrupts.
    fn wait(&mut self, what: &str, mut holds: impl FnMut(&mut Bench<F>) -> bool) {
        let end = self.bench.now + UP;
        while !holds(&mut self.bench) {
            assert!(self.bench.now < end, "{what} in {UP} clocks");
            self.bench.step();
            assert_eq!(self.take(), None, "nobody asked the switch");
        }
    }

    fn configuration(&mut self, n: usize) {
        let recorded = self.steps[self.steps[n].completions[0]].tlp.clone();
        let mut tlp = self.steps[n].tlp.clone();
        if !self.is_own(n) {
            self.wait("the slot is up", |bench| bench.up(0));
            self.seen.below += 1;
            let mut arrives = tlp.clone();
            // Type 1 becomes type 0 at the last bridge.
            arrives[0] &= !1;
            return self.across(HOST, tlp, arrives);
        }
        let (target, register) = (view(&tlp).destination(), view(&tlp).register());
        if target.bus() < 3 {
            tlp[10] = (here(register) >> 8) as u8;
            tlp[11] = here(register) as u8;
        }
        self.named |= view(&tlp).ty() == TlpType::CfgWrite0;
        self.bench.ports[HOST].send_bytes(tlp.clone());
        let limit = self.bench.now + 1000;
        let (came, answer) = loop {
            assert!(self.bench.now < limit, "record {n}: {tlp:02x?} has no answer");
            self.bench.step();
            if let Some(answer) = self.take() {
                break answer;
            }
        };
        let late = came - self.bench.taken;
        assert!(late <= AT_ONCE, "record {n}: answered after {late} clocks");
        self.seen.slowest = self.seen.slowest.max(late);
        self.compare(n, target, register, &recorded, &answer);
        self.seen.answered += 1;
    }

    /// Compares the answer to a request to the switch with the recorded one.
    fn compare(&mut self, n: usize, target: FunctionId, register: u16, recorded: &[u8], answer: &[u8]) {
        let (recorded, answer) = (view(recorded), view(answer));
        let label = format!("record {n}: register {register:#x} of {target}");
        let new_slot = target.bus() == 2 && matches!(target.device(), 2 | 3) && target.function() == 0;
        let status = if new_slot { CompletionStatus::Successful } else { recorded.status() };
        let completer = match target.bus() {
            _ if new_slot => target,
            1 if !self.named => FunctionId(0),
            3 => SLOT_1,
            4 => SLOT_2,
            _ => recorded.completer(),
        };
        assert_eq!((answer.requester(), answer.tag()), (recorded.requester(), recorded.tag()), "{label}");
        assert_eq!((answer.completer(), answer.status()), (completer, status), "{label}");
        assert_eq!(answer.byte_count(), recorded.byte_count(), "{label}");
        assert_eq!(answer.lower_address(), recorded.lower_address(), "{label}");
        assert_eq!(answer.traffic_class(), recorded.traffic_class(), "{label}");
        if new_slot {
            return;
        }
        assert_eq!(answer.payload().len(), recorded.payload().len(), "{label}");
        let Some(&(_, mask)) = FIXED.iter().find(|fixed| fixed.0 == register) else { return };
        let (Some(was), Some(is)) = (recorded.payload().first_chunk(), answer.payload().first_chunk()) else { return };
        let enables = view(&self.steps[n].tlp).first_be();
        let lanes = (0..4).filter(|lane| enables >> lane & 1 == 1).fold(0, |lanes, lane| lanes | 0xffu32 << (8 * lane));
        let [was, is] = [was, is].map(|bytes| u32::from_le_bytes(*bytes) & mask & lanes);
        assert_eq!(is, was, "{label}: value");
        self.seen.data += 1;
    }
}

fn replay(text: &str, most: usize) -> Seen {
    let config = RtlConfig { hosts: vec![10], ios: vec![10], ..RtlConfig::default() };
    let fabric = RtlFabric::new(config).unwrap_or_else(|e| panic!("{e}"));
    let seen = Replay::new(fabric, text).play(most);
    println!("{seen:?}");
    assert!(seen.changes >= 1 && seen.interrupts >= seen.changes);
    seen
}

#[test]
fn a_kernel_that_boots_and_finds_a_network_adapter() {
    let seen = replay(E1000E_PING, 60);
    assert_eq!((seen.answered, seen.below), (880, 216));
}

#[test]
#[ignore = "nightly"]
fn a_kernel_that_boots_and_finds_a_drive() {
    let seen = replay(NVME_HOTPLUG, 1000);
    assert_eq!((seen.answered, seen.below), (965, 398));
}
