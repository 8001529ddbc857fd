//! The evaluation of a design: who is walked, and when.

use rust_hdl::prelude::*;

/// Passes after which a block that still changes is taken for a combinational loop.
pub const MAX_PASSES: usize = 64;

/// A clock wire. In simulation it carries which clock it is (0: not connected), in Verilog it is one bit.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Clk(u8);

impl Clk {
    /// Clock number `index`, counted from 0.
    ///
    /// # Panics
    /// If `index` is 255.
    pub const fn new(index: u8) -> Self {
        assert!(index < u8::MAX);
        Clk(index + 1)
    }

    fn bit(self) -> u64 {
        match self.0 {
            1..=64 => 1 << (self.0 - 1),
            _ => 0,
        }
    }
}

impl Synth for Clk {
    const BITS: usize = 1;
    fn descriptor() -> TypeDescriptor {
        TypeDescriptor { name: "clock".to_string(), kind: TypeKind::Bits(1) }
    }
    fn vcd(self) -> VCDValue {
        (self.0 != 0).into()
    }
    fn verilog(self) -> VerilogLiteral {
        false.into()
    }
}

/// A part of a design as the cycle engine sees it. Implemented by the derives `Module` and `Interface` and by
/// the primitives; nobody writes it by hand.
pub trait Node {
    /// A port or bundle of ports takes over what its driver put in `next`; true if an input changed.
    fn latch(&mut self) -> bool {
        false
    }
    /// A block evaluates itself if it has to; true if one of its outputs changed.
    fn settle(&mut self) -> bool {
        false
    }
    /// A port or bundle of ports notes what its block put out; true if an output changed.
    fn publish(&mut self) -> bool {
        false
    }
    /// The rising edge of `clock`; true if a register or memory output changed.
    fn tick(&mut self, _clock: Clk) -> bool {
        false
    }
}

impl<D: Direction, T: Synth> Node for Signal<D, T> {
    fn latch(&mut self) -> bool {
        if D::KIND != AtomKind::InputParameter {
            return false;
        }
        self.update_all();
        self.changed
    }
    fn publish(&mut self) -> bool {
        if D::KIND == AtomKind::InputParameter {
            return false;
        }
        self.update_all();
        self.changed && D::KIND == AtomKind::OutputParameter
    }
}

impl<T: Synth> Node for Constant<T> {}

impl<N: Node, const LEN: usize> Node for [N; LEN] {
    fn latch(&mut self) -> bool {
        self.iter_mut().fold(false, |changed, n| n.latch() | changed)
    }
    fn settle(&mut self) -> bool {
        self.iter_mut().fold(false, |changed, n| n.settle() | changed)
    }
    fn publish(&mut self) -> bool {
        self.iter_mut().fold(false, |changed, n| n.publish() | changed)
    }
    fn tick(&mut self, clock: Clk) -> bool {
        self.iter_mut().fold(false, |changed, n| n.tick(clock) | changed)
    }
}

/// What a block remembers so that it is walked only when it must be. Every module has one, in `_activity`.
#[derive(Clone, Debug)]
pub struct Activity {
    stale: bool,
    /// Clocks whose edge can change something below, bit by bit.
    live: u64,
}

impl Default for Activity {
    fn default() -> Self {
        Activity { stale: true, live: u64::MAX }
    }
}

impl Activity {
    /// Whether a register below changed since the last evaluation; clears the note.
    pub fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }
    /// The block was evaluated: its registers may change at the next edge.
    pub fn evaluated(&mut self) {
        self.live = u64::MAX;
    }
    /// Whether an edge of `clock` can change anything below. Clocks past the 64th always count as able to.
    pub fn is_live(&self, clock: Clk) -> bool {
        clock.bit() == 0 || self.live & clock.bit() != 0
    }
    /// An edge of `clock` passed. While nothing changed, and no input does, further edges of it cannot change
    /// anything either; those of other clocks still can.
    pub fn ticked(&mut self, clock: Clk, changed: bool) {
        self.stale |= changed;
        self.live = if changed { u64::MAX } else { self.live & !clock.bit() };
    }
}
