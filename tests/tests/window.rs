//! The delay-based window over switches and changing distances: tunnels that share a link, as exported Verilog.

use peb_sim::net::{clocks_of_ns, Action, Cable, FaultConfig, Gmii, PortConfig, Switch, SwitchConfig};
use peb_sim::rtl::{HOST_MAC, IO_MAC};
use peb_sim::run::{PebIn, PerDirection, Replay, ReplayConfig, Report, Side};
use peb_sim::stream::{Stall, StreamSink, StreamSource};
use peb_sim::trace::{Direction, Record, Trace};
use peb_sim::verilated::{VerilatedEnd, VerilatedPair};
use peb_tlp::{FunctionId, RequestId, Tag, Tlp};
use peb_wire::limit_fraction;

/// Payload of the writes.
const PAYLOAD: usize = 256;
/// Clocks of a millisecond.
const MS: u64 = 125_000;
/// Room of a switch's queue.
const QUEUE: usize = 256 << 10;
/// What may stand in it.
const STANDING: f64 = 32_768.0;

/// Write number `n`: the first dword is the number.
fn write(n: usize) -> Vec<u8> {
    let id = RequestId { requester: FunctionId::new(0, 0, 0), tag: Tag((n % 256) as u16) };
    let mut data = vec![0x5a; PAYLOAD];
    data[..4].copy_from_slice(&(n as u32).to_be_bytes());
    Tlp::memory_write(id, 0x1000_0000 + (PAYLOAD * (n % 16)) as u64, &data).expect("a legal write").into_bytes()
}

/// A tunnel whose host sends as fast as it may.
struct Tunnel {
    ends: [VerilatedEnd; 2],
    source: StreamSource,
    sink: StreamSink,
    up: bool,
    sent: usize,
    delivered: usize,
}

impl Tunnel {
    fn new(n: u64) -> Self {
        let end = |side, mac| VerilatedEnd::new(side, mac + 16 * n, 100 + n).unwrap_or_else(|error| panic!("{error}"));
        Tunnel {
            ends: [end(Side::Host, HOST_MAC), end(Side::Io, IO_MAC)],
            source: StreamSource::new(Stall::NONE, 0),
            sink: StreamSink::new(Stall::NONE, 0),
            up: false,
            sent: 0,
            delivered: 0,
        }
    }

    /// One clock with what both hear; gives what both say.
    fn clock(&mut self, heard: [Gmii; 2], running: bool) -> [Gmii; 2] {
        if running && self.source.queued() < 2 {
            self.source.push(write(self.sent));
            self.sent += 1;
        }
        let idle = PebIn { pcie_tx_ready: true, pcie_tx_np_ok: true, ..PebIn::default() };
        let host = self.ends[0].clock(&PebIn { pcie_rx: self.source.offer(), gmii_rx: heard[0], ..idle });
        let io = self.ends[1].clock(&PebIn { gmii_rx: heard[1], ..idle });
        assert!(!host.fatal && !io.fatal);
        self.source.clock(host.pcie_rx_ready);
        if let Some(tlp) = self.sink.clock(io.pcie_tx).expect("a stream within its rules") {
            assert_eq!(tlp, write(self.delivered), "in order, each once");
            self.delivered += 1;
        }
        self.up = host.peer_up && io.peer_up;
        [host.gmii_tx, io.gmii_tx]
    }
}

/// What two tunnels did that share the link between two switches.
#[derive(Debug)]
struct Shared {
    /// Writes delivered in the time that counts.
    delivered: [usize; 2],
    /// Part of the shared link's limit they reached together.
    used: f64,
    /// Mean of the shared queue in octets, in that time.
    standing: f64,
    /// Frames that found a queue full, over all time.
    overflowed: u64,
}

/// Tunnels whose hosts are at one switch and whose I/O PEBs are at another, `delay` clocks of cable between. The second begins `late`
/// clocks after the first; all runs for `clocks` from then, the last half counts.
fn share(delay: usize, late: u64, clocks: u64) -> Shared {
    let ports =
        || SwitchConfig { queue_bytes: QUEUE, ..SwitchConfig::new(vec![PortConfig::trunk([100, 101], None); 3]) };
    let mut switches = [Switch::new(ports()), Switch::new(ports())];
    let mut cables = [Cable::new(delay), Cable::new(delay)];
    let mut tunnels = [Tunnel::new(0), Tunnel::new(1)];
    // What each switch hears and says, at its ports.
    let (mut into, mut out) = ([[Gmii::IDLE; 3]; 2], [[Gmii::IDLE; 3]; 2]);
    let (mut start, mut now, mut queued, mut counted) = (None, 0_u64, 0.0, [0; 2]);
    loop {
        let begun = start.and_then(|start| now.checked_sub(start));
        if begun == Some(late + clocks) {
            break;
        }
        let counts = begun.is_some_and(|begun| begun >= late + clocks / 2);
        for (n, tunnel) in tunnels.iter_mut().enumerate() {
            let running = begun.is_some_and(|begun| n == 0 || begun >= late);
            let before = tunnel.delivered;
            let said = tunnel.clock([out[0][n], out[1][n]], running);
            (0..2).for_each(|switch| into[switch][n] = said[switch]);
            counted[n] += if counts { tunnel.delivered - before } else { 0 };
        }
        let said = [out[0][2], out[1][2]];
        into[1][2] = cables[0].clock(said[0]);
        into[0][2] = cables[1].clock(said[1]);
        (0..2).for_each(|n| switches[n].clock(&into[n], &mut out[n]));
        queued += if counts { switches[0].counters(2).queued_bytes as f64 } else { 0.0 };
        if start.is_none() && tunnels.iter().all(|tunnel| tunnel.up) {
            start = Some(now + 2000);
        }
        assert!(start.is_some() || now < 4 * MS, "the tunnels have not come up");
        now += 1;
    }
    let rate = (counted[0] + counted[1]) as f64 * PAYLOAD as f64 / (clocks - clocks / 2) as f64;
    let overflowed = switches.iter().flat_map(|switch| (0..3).map(|port| switch.counters(port).overflowed)).sum();
    Shared {
        delivered: counted,
        used: rate / limit_fraction(12, PAYLOAD),
        standing: queued / (clocks - clocks / 2) as f64,
        overflowed,
    }
}

/// What must hold at any time; gives what each delivered.
fn check(delay: usize, late: u64, clocks: u64) -> [f64; 2] {
    let shared = share(delay, late, clocks);
    println!("delay {delay} clocks, second {late} clocks later: {shared:?}");
    assert_eq!(shared.overflowed, 0, "{shared:?}");
    assert!(shared.standing < STANDING, "{shared:?}");
    assert!(shared.used > 0.9, "{shared:?}");
    shared.delivered.map(|n| n as f64)
}

#[test]
fn tunnels_that_share_a_link_use_all_of_it_and_leave_its_queue_short() {
    check(250, 0, 4 * MS);
}

#[test]
#[ignore = "nightly"]
fn tunnels_that_share_a_link_share_it_fairly_whoever_came_first() {
    for (delay, late) in [(2500, 0), (250, 10 * MS), (2500, 10 * MS), (12_500, 3 * MS)] {
        // Some dips, after which both know the same minimum.
        let [a, b] = check(delay, late, 80 * MS);
        assert!((a - b).abs() <= 0.2 * a.max(b), "shares differ by more than 20 %: {a} and {b}");
    }
}

/// Writes to the device; the delay of the network is 5 us each way until `out`, 500 us until `back`, 5 us again.
fn steps(out: u64, back: u64, writes: usize) -> Report {
    let script = vec![(out, Action::Delay(clocks_of_ns(500_000))), (back, Action::Delay(clocks_of_ns(5_000)))];
    let faults = FaultConfig { delay: clocks_of_ns(5_000), script, ..FaultConfig::default() };
    let config = ReplayConfig { faults: PerDirection::from_fn(|_| faults.clone()), ..ReplayConfig::default() };
    let record = |n| Record { time_us: 0, direction: Direction::Down, tlp: write(n) };
    let trace = Trace { records: (0..writes).map(record).collect() };
    let pair = VerilatedPair::new().unwrap_or_else(|error| panic!("{error}"));
    let report = Replay::new(pair, &trace, config).run(|_| {});
    assert_eq!(report.problems(), Vec::<String>::new());
    report
}

/// Part of the limit that was delivered between two clocks.
fn used(report: &Report, from: u64, to: u64) -> f64 {
    let delivered = report.directions.down.delivered_at.iter().filter(|at| (from..to).contains(*at)).count();
    (delivered * PAYLOAD) as f64 / (to - from) as f64 / limit_fraction(12, PAYLOAD)
}

#[test]
fn a_step_of_the_round_trip_time_and_back_is_survived() {
    let (out, back) = (MS, 7 * MS);
    let report = steps(out, back, 2400);
    let end = *report.directions.down.delivered_at.last().expect("something came");
    let parts = [used(&report, out / 2, out), used(&report, back - 3 * MS, back), used(&report, end - MS, end)];
    println!("used before, far, after: {parts:.3?}; {:?}", report.counters.host);
    assert!(end > back + 3 * MS, "the run is long enough: {end}");
    // At least two frames a round trip while far; everything before and soon after.
    assert!(parts[0] > 0.98 && parts[1] > 0.015 && parts[2] > 0.98, "{parts:?}");
}

#[test]
#[ignore = "nightly"]
fn the_window_learns_a_longer_way_and_a_shorter_one() {
    let (out, back) = (2 * MS, 82 * MS);
    let report = steps(out, back, 18_000);
    let end = *report.directions.down.delivered_at.last().expect("something came");
    let parts = [used(&report, back - 20 * MS, back), used(&report, end - 5 * MS, end)];
    println!("used far, after: {parts:.3?}; {:?}", report.counters.host);
    assert!(end > back + 10 * MS, "the run is long enough: {end}");
    // Sixteen frames a round trip of 1 ms are a fifth of the line.
    assert!(parts[0] > 0.12 && parts[1] > 0.98, "{parts:?}");
}
