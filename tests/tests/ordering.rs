//! The ordering table of PCI Express (2.4.1), row by row, through two complete cores; and `np_ok` low for long.

mod bench;

use bench::{bus, window, Bench};
use peb_sim::net::FaultConfig;
use peb_sim::port::PortStalls;
use peb_sim::world::{Engine, RtlConfig, RtlFabric};
use peb_tlp::{may_pass, Class, Completion, CompletionStatus, Flow, FunctionId, RequestId, Tag, Tlp, TlpView};
use std::collections::VecDeque;

const HOST: FunctionId = FunctionId::new(0, 0, 0);
const DEVICE: FunctionId = FunctionId::new(bus(0), 0, 0);
/// Clocks in which what may move arrives.
const ARRIVES: u64 = 60_000;
/// Clocks in which what may not move would have arrived.
const WAITS: u64 = 4_000;

/// The PEBs, and what each end may complete.
struct Table {
    bench: Bench<RtlFabric>,
    /// Requests that came and are not completed: at the host, at the device.
    owed: [VecDeque<Vec<u8>>; 2],
    count: u32,
}

fn flow_of(tlp: &[u8]) -> Flow {
    TlpView::parse(tlp).expect("well formed").flow()
}

impl Table {
    fn new(faults: FaultConfig, stalls: PortStalls, seed: u64) -> Self {
        let config = RtlConfig {
            engine: Engine::Verilator,
            hosts: vec![10],
            ios: vec![10],
            faults,
            seed,
            ..RtlConfig::default()
        };
        let fabric = RtlFabric::new(config).unwrap_or_else(|error| panic!("{error}"));
        let mut bench = Bench::new(fabric, 1, stalls, seed);
        bench.timers(0);
        bench.present[0] = true;
        bench.until("up", 300_000, |bench| bench.up(0));
        bench.boot();
        Table { bench, owed: Default::default(), count: 0 }
    }

    /// A TLP of this flow from one end (0 the host) to the other. A completion answers a request that came before.
    fn make(&mut self, from: usize, flow: Flow) -> Tlp {
        self.count += 1;
        let (requester, completer, base) = match from {
            0 => (HOST, HOST, u64::from(window(0))),
            _ => (DEVICE, DEVICE, 0x1000_0000),
        };
        let id = RequestId { requester, tag: Tag(self.count as u16 % 1000) };
        let address = base + u64::from(self.count % 1000) * 8;
        let tlp = match flow.class {
            Class::Posted => Tlp::memory_write(id, address, &self.count.to_le_bytes()),
            Class::NonPosted => Tlp::memory_read(id, address, 4),
            Class::Completion => {
                let request = self.owed[from].pop_front().expect("requests were sent before");
                let view = TlpView::parse(&request).expect("well formed");
                Tlp::completion(Completion::of(&view, completer, CompletionStatus::Successful), &[from as u8; 4])
            }
        };
        let tlp = tlp.expect("legal");
        if flow.relaxed_ordering {
            tlp.with_relaxed_ordering().expect("legal")
        } else {
            tlp
        }
    }

    /// Sends reads so that `to` has something to complete, with and without Relaxed Ordering.
    fn borrow(&mut self, to: usize, count: usize) {
        for _ in 0..count {
            let tlp = self.make(1 - to, Flow { class: Class::NonPosted, relaxed_ordering: false });
            self.bench.ports[1 - to].send(tlp);
        }
        self.bench.until("the requests arrive", ARRIVES, |bench| bench.received[to].len() >= count);
        self.owed[to].extend(self.bench.received[to].drain(..).map(|(_, tlp)| tlp));
    }

    /// Takes what came to an end.
    fn take(&mut self, at: usize) -> Vec<Vec<u8>> {
        self.bench.received[at].drain(..).map(|(_, tlp)| tlp).collect()
    }
}

fn flows() -> impl Iterator<Item = Flow> {
    let classes = [Class::Posted, Class::NonPosted, Class::Completion];
    classes.into_iter().flat_map(|class| [false, true].map(|relaxed_ordering| Flow { class, relaxed_ordering }))
}

/// Each row and column, both ways: with frames lost and pauses at the pins, what must not pass never does.
#[test]
fn nothing_passes_that_must_not() {
    const PAIRS: usize = 6;
    let faults = FaultConfig { drop: 0.05, ..FaultConfig::default() };
    let mut table = Table::new(faults, PortStalls::random(), 3);
    for (from, to) in [(0, 1), (1, 0)] {
        for later in flows() {
            for earlier in flows() {
                let completions = [later, earlier].iter().filter(|flow| flow.class == Class::Completion).count();
                if completions > 0 {
                    table.borrow(from, PAIRS * completions);
                }
                let sent: Vec<_> =
                    (0..PAIRS).flat_map(|_| [earlier, later].map(|flow| table.make(from, flow).into_bytes())).collect();
                sent.iter().for_each(|tlp| table.bench.ports[from].send_bytes(tlp.clone()));
                table.bench.until("all arrive", ARRIVES, |bench| bench.received[to].len() >= sent.len());
                let came = table.take(to);
                let place = |tlp: &Vec<u8>| came.iter().position(|other| other == tlp).expect("exactly what was sent");
                let places: Vec<_> = sent.iter().map(place).collect();
                for (n, &at) in places.iter().enumerate() {
                    for (before, &place) in places[..n].iter().enumerate() {
                        let free = may_pass(flow_of(&sent[n]), flow_of(&sent[before]));
                        assert!(free || place < at, "{later:?} after {earlier:?} from {from}: {n} passed {before}");
                    }
                }
                let reads = came.into_iter().filter(|tlp| flow_of(tlp).class == Class::NonPosted);
                table.owed[to].extend(reads);
            }
        }
    }
}

/// The rows in which passing is a must: posted requests and completions go on while a non-posted request may not leave.
#[test]
fn posted_requests_and_completions_pass_non_posted_that_wait() {
    let mut table = Table::new(FaultConfig::default(), PortStalls::NONE, 4);
    for (from, to) in [(0, 1), (1, 0)] {
        for later in flows().filter(|flow| flow.class != Class::NonPosted) {
            for earlier in flows().filter(|flow| flow.class == Class::NonPosted) {
                table.borrow(from, 1);
                table.bench.ports[to].hold_np(true);
                (0..10).for_each(|_| table.bench.step());
                let (first, second) = (table.make(from, earlier), table.make(from, later));
                table.bench.ports[from].send(first.clone());
                table.bench.until("it is taken", ARRIVES, |bench| bench.ports[from].is_empty());
                table.bench.ports[from].send(second.clone());
                table.bench.until("the later one arrives", ARRIVES, |bench| !bench.received[to].is_empty());
                (0..WAITS).for_each(|_| table.bench.step());
                assert_eq!(table.take(to), [second.into_bytes()], "{later:?} passes {earlier:?}, from {from}");
                table.bench.ports[to].hold_np(false);
                table.bench.until("the earlier one arrives", ARRIVES, |bench| !bench.received[to].is_empty());
                assert_eq!(table.take(to), [first.clone().into_bytes()], "{earlier:?} comes in the end, from {from}");
                table.owed[to].push_back(first.into_bytes());
                // What was not needed: a posted request was to be the later one.
                table.owed[from].clear();
            }
        }
    }
}

/// `np_ok` low for long at either end, with more non-posted requests waiting than there is room for: everything else flows both ways, and
/// they come in order when they may.
#[test]
fn np_ok_low_for_long_stops_nothing_else() {
    const LONG: u64 = 120_000;
    const READS: usize = 150;
    let mut table = Table::new(FaultConfig::default(), PortStalls::random(), 5);
    let (posted, np) = (Class::Posted, Class::NonPosted);
    let [posted, np] = [posted, np].map(|class| Flow { class, relaxed_ordering: false });
    for (from, to) in [(0, 1), (1, 0)] {
        table.borrow(from, 40);
        table.bench.ports[to].hold_np(true);
        (0..10).for_each(|_| table.bench.step());
        let reads: Vec<_> = (0..READS).map(|_| table.make(from, np).into_bytes()).collect();
        reads.iter().for_each(|tlp| table.bench.ports[from].send_bytes(tlp.clone()));
        let begin = table.bench.now;
        let mut sent = [Vec::new(), Vec::new()];
        while table.bench.now - begin < LONG {
            for end in [from, to] {
                if table.bench.ports[end].posted() == 0 {
                    let completes = end == from && !table.owed[from].is_empty() && sent[end].len() % 8 == 7;
                    let flow = if completes { Flow { class: Class::Completion, ..posted } } else { posted };
                    let tlp = table.make(end, flow).into_bytes();
                    table.bench.ports[end].send_bytes(tlp.clone());
                    sent[1 - end].push(tlp);
                }
            }
            table.bench.step();
        }
        assert!(table.owed[from].is_empty(), "all completions were sent");
        // The queues of the Ethernet switch are full of them.
        table.bench.until("all come while requests wait", ARRIVES, |bench| {
            [0, 1].iter().all(|&end| bench.received[end].len() >= sent[end].len())
        });
        for end in [0, 1] {
            let (came, due) = (table.take(end), &sent[end]);
            assert!(due.len() > 300, "{} at {end}", due.len());
            assert!(came == *due, "{} of {} came to {end} while requests waited", came.len(), due.len());
        }
        table.bench.ports[to].hold_np(false);
        table.bench.until("the requests come", 4 * ARRIVES, |bench| bench.received[to].len() >= READS);
        assert_eq!(table.take(to), reads, "in order, from {from}");
        table.owed = Default::default();
    }
}
