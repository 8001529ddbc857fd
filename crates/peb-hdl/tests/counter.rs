//! The cycle engine on a small design: registers, memories, interfaces, quiet blocks.
use peb_hdl::prelude::*;

#[derive(Module, Default)]
struct Slice {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub sink: StreamRx,
    pub source: StreamTx,
    data: Reg<U<64>>,
    full: Reg<Bit>,
    accept: Signal<Local, Bit>,
    _activity: Activity,
}

impl Logic for Slice {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, data, full);
        self.accept.next = !self.full.q.val() || self.source.ready.val();
        self.sink.ready.next = self.accept.val();
        if self.accept.val() {
            self.data.d.next = self.sink.data.val() + 1;
            self.full.d.next = self.sink.valid.val();
        }
        self.source.data.next = self.data.q.val();
        self.source.half.next = false;
        self.source.last.next = true;
        self.source.valid.next = self.full.q.val();
        if self.reset.val() {
            self.full.d.next = false;
        }
    }
}

#[derive(Module, Default)]
struct Two {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub sink: StreamRx,
    pub source: StreamTx,
    stage: [Slice; 2],
    memory: Ram<U<64>, 4>,
    pub read: Signal<Out, U<64>>,
    _activity: Activity,
}

impl Logic for Two {
    #[hdl_gen]
    fn update(&mut self) {
        for i in 0..2 {
            self.stage[i].clock.next = self.clock.val();
            self.stage[i].reset.next = self.reset.val();
        }
        StreamRx::link(&mut self.sink, &mut self.stage[0].sink);
        StreamTx::join(&mut self.stage[0].source, &mut self.stage[1].sink);
        StreamTx::link(&mut self.source, &mut self.stage[1].source);
        self.memory.clock.next = self.clock.val();
        self.memory.write_enable.next = self.source.valid.val();
        self.memory.write_address.next = 3.into();
        self.memory.write_data.next = self.source.data.val();
        self.memory.read_address.next = 3.into();
        self.read.next = self.memory.read_data.val();
    }
}

#[test]
fn beats_pass_once_and_in_order() {
    let mut sim = Sim::new(Two::default(), |d| d.clock.next = Clk::new(0));
    let watched = sim.watch_streams().len();
    assert_eq!(watched, 6, "two ports of the pair and two of each slice");
    let mut got = vec![];
    let mut sent = 0u64;
    for clock in 0..40u64 {
        sim.dut.sink.data.next = (sent * 10).into();
        sim.dut.sink.valid.next = sent < 10;
        sim.dut.source.ready.next = clock % 3 != 0;
        sim.settle();
        if sim.dut.source.valid.val() && clock % 3 != 0 {
            got.push(sim.dut.source.data.val().raw());
        }
        if sim.dut.sink.ready.val() && sent < 10 {
            sent += 1;
        }
        sim.tick();
    }
    assert_eq!(got, (0..10).map(|i| i * 10 + 2).collect::<Vec<_>>());
    assert_eq!(sim.dut.read.val(), 92);
}

#[test]
fn words_wrap_and_shift_as_documented() {
    let a = U::<8>::new(0xff);
    assert_eq!(a + 1, 0);
    assert_eq!(a << 8, 0);
    assert_eq!(bit_cast::<9, 8>(a + 1), 0);
    assert_eq!(a.get_bits::<4>(6), 3);
    assert!(!a.get_bit(8));
    let w = bit_cast_wide::<100, 8>(a) << 92;
    assert_eq!(w.raw(), 0xff << 92);
    assert_eq!(bit_cast_narrow::<8, 100>(w >> 92), 0xff);
}

/// One register in each of two clocks, the second fed by the first.
#[derive(Module, Default)]
struct Crossing {
    pub fast: Signal<In, Clk>,
    pub slow: Signal<In, Clk>,
    pub count: Signal<Out, U<8>>,
    pub seen: Signal<Out, U<8>>,
    counter: Reg<U<8>>,
    copy: Reg<U<8>>,
    _activity: Activity,
}

impl Logic for Crossing {
    #[hdl_gen]
    fn update(&mut self) {
        self.counter.clock.next = self.fast.val();
        self.copy.clock.next = self.slow.val();
        self.counter.d.next = self.counter.q.val() + 1;
        self.copy.d.next = self.counter.q.val();
        self.count.next = self.counter.q.val();
        self.seen.next = self.copy.q.val();
    }
}

#[test]
fn simultaneous_edges_do_not_race_and_are_traced() {
    let mut sim = Sim::with_clocks(Crossing::default(), &[2, 6], |d| {
        d.fast.next = Clk::new(0);
        d.slow.next = Clk::new(1);
    });
    let file = std::env::temp_dir().join(format!("peb-hdl-crossing-{}.vcd", std::process::id()));
    sim.trace_to(&file).unwrap();
    let mut slow_edges = 0;
    for _ in 0..12 {
        let before = sim.dut.count.val();
        if sim.advance() & 2 != 0 {
            slow_edges += 1;
            assert_eq!(sim.dut.seen.val(), before, "the copy takes what stood before the common edge");
        }
    }
    assert_eq!((sim.time(), slow_edges, sim.dut.count.val().raw()), (24, 4, 12));
    drop(sim);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(text.contains("$scope module counter $end"), "{text}");
    assert!(text.lines().any(|l| l.starts_with("b00001010 ")), "the counter passes ten: {text}");
}

#[test]
#[should_panic(expected = "sink_*: valid was withdrawn before ready")]
fn a_withdrawn_offer_is_caught() {
    let mut sim = Sim::new(Two::default(), |d| d.clock.next = Clk::new(0));
    sim.watch_streams();
    for clock in 0..10 {
        sim.dut.sink.valid.next = clock < 5;
        sim.tick();
    }
}
