//! Designs in plain rust-hdl: its `Bits`, its DFF, its simulator; and blocks with text of their own.

#![allow(missing_docs)]

use peb_verilog::{assert_equivalent, check_equivalent, custom_uses, export, HarnessError, Recording};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rust_hdl::prelude::*;
use rust_hdl::widgets::dff_setup;
use rust_hdl::widgets::prelude::DFF;

#[derive(LogicBlock, Default)]
pub struct Classic {
    pub clock: Signal<In, Clock>,
    pub lanes: [Signal<In, Bits<8>>; 3],
    pub wide: Signal<In, Bits<72>>,
    pub sum: Signal<Out, Bits<10>>,
    pub product: Signal<Out, Bits<32>>,
    pub rolled: Signal<Out, Bits<72>>,
    pub hit: Signal<Out, Bit>,
    last: DFF<Bits<72>>,
    lane: Signal<Local, Bits<8>>,
    total: Signal<Local, Bits<10>>,
}

impl Logic for Classic {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, last);
        self.total.next = 0.into();
        for i in 0..3 {
            self.lane.next = self.lanes[i].val() + 1;
            self.total.next = self.total.val() + bit_cast::<10, 8>(self.lane.val());
        }
        self.sum.next = self.total.val();
        self.product.next = bit_cast::<16, 10>(self.total.val() << 3) * bit_cast::<16, 72>(!self.wide.val());
        self.last.d.next = (self.last.q.val() << 5) ^ (self.last.q.val() >> 67) ^ self.wide.val();
        self.rolled.next = self.last.q.val();
        self.hit.next =
            self.lanes[0].val() & self.lanes[1].val() == self.lanes[2].val() || self.wide.val().get_bits::<4>(66).all();
    }
}

fn record(clocks: usize) -> Recording {
    let seed = 7;
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut top = Box::<Classic>::default();
    top.connect_all();
    let mut recording = Recording::new(top.as_ref(), "classic").unwrap();
    for _ in 0..clocks {
        top.clock.next = false.into();
        for lane in &mut top.lanes {
            lane.next = random.gen_range(0..256u64).into();
        }
        top.wide.next = (0..72).fold(Bits::default(), |w: Bits<72>, i| w.replace_bit(i, random.gen()));
        assert!(simulate(top.as_mut(), 100));
        recording.sample(top.as_ref());
        top.clock.next = true.into();
        assert!(simulate(top.as_mut(), 100));
    }
    recording
}

#[test]
fn bits_and_flip_flops_mean_the_same() {
    assert_equivalent(&record(1000));
}

#[test]
fn a_difference_is_reported_with_clock_and_port() {
    let mut recording = record(20);
    let broken = recording.verilog.replacen("assign rolled = last_q;", "assign rolled = ~last_q;", 1);
    assert_ne!(broken, recording.verilog);
    recording.verilog = broken;
    let Err(HarnessError::Mismatch(m)) = check_equivalent(&recording) else { panic!("not noticed") };
    assert_eq!((m.clock, m.port.as_str()), (0, "rolled"));
    assert_eq!(m.expected, "0".repeat(72));
    assert_eq!(m.got, "1".repeat(72));
    // An undefined output is a difference too, from the first clock on.
    recording.verilog = recording.verilog.replacen("assign rolled = ~last_q;", "", 1);
    let Err(HarnessError::Mismatch(m)) = check_equivalent(&recording) else { panic!("not noticed") };
    assert_eq!((m.clock, m.got), (0, "z".repeat(72)));
}

/// A vendor buffer.
#[derive(LogicBlock, Default)]
pub struct Buffer {
    pub i: Signal<In, Bit>,
    pub o: Signal<Out, Bit>,
}

impl Logic for Buffer {
    fn update(&mut self) {
        self.o.next = self.i.val();
    }
    fn connect(&mut self) {
        self.o.connect();
    }
    fn hdl(&self) -> Verilog {
        Verilog::Wrapper(Wrapper {
            code: "BUFX inst (.I(i), .O(o));\n".into(),
            cores: "(* blackbox *)\nmodule BUFX (input wire I, output wire O);\nendmodule\n".into(),
        })
    }
}

#[derive(LogicBlock, Default)]
pub struct Buffers {
    pub a: Signal<In, Bit>,
    pub y: Signal<Out, Bit>,
    pair: [Buffer; 2],
}

impl Logic for Buffers {
    #[hdl_gen]
    fn update(&mut self) {
        self.pair[0].i.next = self.a.val();
        self.pair[1].i.next = self.pair[0].o.val();
        self.y.next = self.pair[1].o.val();
    }
}

#[test]
fn vendor_text_appears_once_and_is_listed() {
    let text = export(&Buffers::default(), "buffers").unwrap();
    assert_eq!(text.matches("module BUFX").count(), 1);
    assert_eq!(text.matches("module buffers_pair (").count(), 1);
    assert_eq!(text.matches("buffers_pair pair_").count(), 2);
    let uses = custom_uses(&Buffers::default(), "buffers");
    let listed: Vec<_> = uses.iter().map(|u| (u.path.as_str(), u.first_line.as_str(), u.register)).collect();
    let line = "BUFX inst (.I(i), .O(o));";
    assert_eq!(listed, [("buffers.pair.0", line, false), ("buffers.pair.1", line, false)]);
}
