//! Every block on random inputs, whatever they mean together, against its Verilog: what the tests of its function never do.
//! Where `PEB_RECORDINGS` names a directory, runs are longer, and are replayed when they are scored.

use peb_config::{Parameters, Slot};
use peb_hdl::prelude::*;
use peb_hdl::Inputs;
use peb_rtl::{config, endpoint, mac, pcie7, phy, registers, reliability, rx, session, slots, switch, tlp, tx};
use peb_verilog::Recording;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// How often an input changes, and to what.
struct Habit {
    change: f64,
    one: f64,
    kind: u8,
    last: u128,
}

impl Habit {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let change = [0.02, 0.3, 0.9, 1.0][rng.gen_range(0..4)];
        Habit {
            change,
            one: [0.0, 0.0, 0.003, 0.03, 0.2, 0.5, 0.8, 0.97, 0.997, 1.0][rng.gen_range(0..10)],
            kind: rng.gen_range(0..8),
            last: rng.gen(),
        }
    }

    /// A bit is 1 as often as it is its habit. A word is anything, small, one of a few that all inputs share or close to one
    /// of them, one bit, all bits or none, or close to what it was.
    fn draw(&mut self, bits: usize, pool: &[u128; 4], rng: &mut ChaCha8Rng) -> Option<u128> {
        if !rng.gen_bool(self.change) && (bits > 1 || self.kind < 2) {
            return None;
        }
        if bits == 1 {
            return Some(rng.gen_bool(self.one).into());
        }
        let shared = pool[rng.gen_range(0..4)];
        self.last = match self.kind {
            0 => rng.gen(),
            1 => rng.gen_range(0..8),
            2 => shared,
            3 => shared.wrapping_add(rng.gen_range(0..5)).wrapping_sub(2),
            4 => 1 << rng.gen_range(0..bits.min(128)),
            5 => [0, u128::MAX][rng.gen_range(0..2)],
            6 => self.last.wrapping_add(1),
            _ => self.last ^ (1 << rng.gen_range(0..bits.min(128))),
        };
        Some(self.last)
    }
}

/// How many times longer runs are where they are scored.
const LONGER: usize = 12;

/// Runs a block on random inputs and replays it against its Verilog. `wire` connects its clocks, all of them to clock 0;
/// `reset` drives its resets.
fn noise<T: Block + Node + Inputs>(dut: T, clocks: usize, wire: impl FnOnce(&mut T), reset: impl Fn(&mut T, bool)) {
    let seed = 1;
    println!("{}: seed {seed}", std::any::type_name::<T>());
    let directory = std::env::var_os("PEB_RECORDINGS");
    let mut sim = Sim::new(dut, wire);
    let mut recording = Recording::new(sim.dut.as_ref(), "noise").unwrap_or_else(|e| panic!("noise: {e}"));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut habits, mut pool): (Vec<Habit>, [u128; 4]) = (vec![], rng.gen());
    let mut end = 0;
    for clock in 0..clocks * if directory.is_some() { LONGER } else { 1 } {
        let change = clock == end;
        if change {
            habits.clear();
            pool = rng.gen();
            let most = [40, 200, 600, 4000][rng.gen_range(0..4)];
            end += rng.gen_range(1..most);
        }
        let mut port = 0;
        sim.dut.stir_inputs(&mut |bits| {
            if port == habits.len() {
                habits.push(Habit::new(&mut rng));
            }
            port += 1;
            habits[port - 1].draw(bits, &pool, &mut rng)
        });
        reset(&mut sim.dut, clock < 4 || change && rng.gen());
        sim.settle();
        recording.sample(sim.dut.as_ref());
        sim.tick();
    }
    match directory {
        Some(directory) => {
            peb_verilog::stored::store(&recording, Path::new(&directory)).unwrap_or_else(|e| panic!("noise: {e}"))
        }
        None => peb_verilog::assert_equivalent(&recording),
    }
}

/// [`noise`] for blocks with the clocks and resets named, which are 1 at first and then sometimes when habits change.
macro_rules! noise {
    (@one $clocks:expr, [$($clock:ident),*], [$($reset:ident),*], $dut:expr) => {
        noise(
            $dut,
            $clocks,
            |_d| { $(_d.$clock.next = Clk::new(0);)* },
            |_d, _reset| { $(_d.$reset.next = _reset;)* },
        )
    };
    ($clocks:expr, $ports:tt, $resets:tt, $($dut:expr),+ $(,)?) => {
        $(noise!(@one $clocks, $ports, $resets, $dut);)+
    };
}

/// [`noise`] for blocks that read memory never written, which Icarus has undefined: only where they are scored, with Verilator.
macro_rules! unwritten {
    ($($parameters:tt)*) => {
        if std::env::var_os("PEB_RECORDINGS").is_some() {
            noise!($($parameters)*);
        }
    };
}

#[test]
fn config() {
    let parameters = Parameters { slots: 8, slot: Slot::FULL, link_speed: 3, link_width: 4, ..Default::default() };
    noise!(6000, [clock], [reset], config::ConfigSpace::<8>::new(&parameters));
}

#[test]
fn endpoint() {
    use endpoint::*;
    noise!(4000, [clock], [reset], Completer::default(), Config::default(), Decode::default(), Dma::default());
    noise!(4000, [clock], [reset], DmaReads::with_timeout(100), Egress::default(), Registers::default());
    noise!(2000, [clock], [reset], Signals::default());
    unwritten!(4000, [clock], [], Memory::default());
    unwritten!(4000, [clock], [reset], Endpoint::default());
}

#[test]
fn mac() {
    noise!(500, [], [], mac::Crc32::default());
    noise!(4000, [clock], [reset], mac::GmiiRx::default(), mac::GmiiTx::default(), mac::Pause::default());
}

#[test]
fn pcie7() {
    noise!(500, [], [], pcie7::Swap::default());
    noise!(4000, [clock], [reset], pcie7::Mirror::default());
    noise!(2000, [clock], [reset], pcie7::RootSetup::default());
    noise!(2000, [clock, far_clock], [], pcie7::Tally::default());
    noise!(4000, [clock, far_clock], [reset], pcie7::Crossing::default());
    noise!(4000, [clock, user_clock], [reset], pcie7::Transmit::default());
    noise!(4000, [clock, user_clock], [reset, user_reset], pcie7::Receive::default());
}

#[test]
fn phy() {
    noise!(4000, [clock], [reset], phy::Mdio::default(), phy::serial::Console::with_bit_clocks(4));
    noise!(4000, [clock], [reset], phy::serial::Receiver::default(), phy::serial::Transmitter::default());
    noise!(4000, [clock, rx_clock], [reset], phy::RxCrossing::default());
    noise!(500, [clock, rx_clock], [], phy::Rgmii::default());
    noise!(2000, [clock], [], phy::Startup::with_times(100, 50));
}

#[test]
fn registers() {
    noise!(8000, [clock], [reset], registers::ManagementRegisters::host(8));
    noise!(4000, [clock], [reset], registers::Counters::default());
}

#[test]
fn reliability() {
    use reliability::*;
    noise!(4000, [clock], [reset], AckScan::new(8), RetransmitTimer::new(8), RttEstimator::new(8), Scheduler::new(8));
    noise!(8000, [clock], [reset], DelayWindow::new(4));
    noise!(4000, [clock], [reset], SlotPool::default());
    unwritten!(4000, [clock], [reset], TxControl::<8>::new());
}

#[test]
fn rx() {
    use rx::*;
    noise!(4000, [clock], [reset], HeaderCapture::default(), Output::default(), Unpacker::default());
    unwritten!(4000, [clock], [reset], Reassembly::<8, 8>::default(), RxPath::<8, 8>::default());
}

#[test]
fn session() {
    use session::*;
    noise!(4000, [clock], [reset], Composer::new(Role::host(8)), Flush::default(), Ticker::default());
    noise!(4000, [clock], [reset], Timers::default(), Sessions::<8>::host());
    noise!(4000, [clock], [], Peers::default(), Search::default());
    noise!(1000, [], [], Role::host(8), Role::io());
}

#[test]
fn slots() {
    use slots::*;
    noise!(4000, [clock], [reset], DeviceReset::default(), EventWriter::default(), HotPlug::<8>::default());
    noise!(4000, [clock], [reset], Interrupts::default(), IoPort::default(), PortControl::default());
    noise!(4000, [clock], [reset], Quarantine::default(), SlotState::default());
}

#[test]
fn switch() {
    use switch::*;
    noise!(4000, [clock], [reset], Answers::default(), Downstream::<8>::default(), ErrorLog::<8>::default());
    noise!(4000, [clock], [reset], Interrupts::default(), Leftover::default(), Match::<8>::default());
    noise!(4000, [clock], [reset], ToSlots::default(), Tracker::default(), Unanswered::default());
    noise!(4000, [clock], [reset], Upstream::<8>::default());
    noise!(4000, [clock], [], Header::<8>::default());
    let parameters = Parameters { slot: Slot::FULL, link_speed: 3, link_width: 4, ..Default::default() };
    unwritten!(4000, [clock], [reset], Switch::<4>::new(&parameters));
}

#[test]
fn tlp() {
    noise!(4000, [clock], [reset], tlp::Framer::default(), tlp::Gate::default(), tlp::Merge::<3>::default());
    noise!(4000, [clock], [reset], tlp::Stage::default());
}

#[test]
fn tx() {
    noise!(4000, [clock], [reset], tx::NpRing::<8>::new(256), tx::Packer::<8>::new(8), tx::Sender::default());
    unwritten!(4000, [clock], [], tx::Slots::default());
    unwritten!(4000, [clock], [reset], tx::TxPath::<8>::new(8));
}
