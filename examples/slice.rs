//! A block, and a bench of it: drivers, monitors and checkers are plain values that are polled once a clock.

use peb_hdl::prelude::*;
use peb_sim::hdl::{drive, offered};
use peb_sim::stream::{Stall, StreamMonitor, StreamSink, StreamSource};

/// Register slice: passes a stream on one clock later, a beat a clock. Reset empties it.
#[derive(Module, Default)]
struct Slice {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub sink: StreamRx,
    pub source: StreamTx,
    data: Reg<U<64>>,
    half: Reg<Bit>,
    last: Reg<Bit>,
    full: Reg<Bit>,
    accept: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Slice {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, data, half, last, full);
        self.accept.next = !self.full.q.val() || self.source.ready.val();
        self.sink.ready.next = self.accept.val();
        self.source.data.next = self.data.q.val();
        self.source.half.next = self.half.q.val();
        self.source.last.next = self.last.q.val();
        self.source.valid.next = self.full.q.val();
        if self.accept.val() {
            self.data.d.next = self.sink.data.val();
            self.half.d.next = self.sink.half.val();
            self.last.d.next = self.sink.last.val();
            self.full.d.next = self.sink.valid.val();
        }
        if self.reset.val() {
            self.full.d.next = false;
        }
    }
}

fn main() {
    // All random numbers come from this seed: cargo run -- SEED
    let seed = std::env::args().nth(1).map_or(1, |text| text.parse().expect("a seed: a number"));
    println!("seed {seed}");
    let mut source = StreamSource::new(Stall::random(0.2), seed);
    let mut sink = StreamSink::new(Stall::bursts(0.1, 8), seed + 1);
    let mut monitor = StreamMonitor::new("slice.source");
    let packets: Vec<Vec<u8>> = (0..100).map(|n| vec![n as u8; 12 + 4 * n]).collect();
    packets.iter().for_each(|packet| source.push(packet.clone()));

    let mut sim = Sim::new(Slice::default(), |slice| slice.clock.next = Clk::new(0));
    sim.dut.reset.next = true;
    sim.tick();
    sim.dut.reset.next = false;

    let mut received = Vec::new();
    let mut clocks = 0;
    while received.len() < packets.len() {
        // Inputs of this clock.
        let (beat, ready) = (source.offer(), sink.ready());
        drive(&mut sim.dut.sink, beat);
        sim.dut.source.ready.next = ready;
        sim.settle();
        // Outputs of this clock.
        let out = offered(&sim.dut.source);
        monitor.clock(out, ready).expect("the rules of the stream");
        received.extend(sink.clock(out).expect("legal beats"));
        source.clock(sim.dut.sink.ready.val());
        // The rising edge.
        sim.tick();
        clocks += 1;
        assert!(clocks < 100_000, "stuck after {} packets", received.len());
    }
    assert_eq!(received, packets);
    println!("{} packets in {clocks} clocks", received.len());
}
