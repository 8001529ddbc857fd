//! Registers and synchronisers.

use crate::{Clk, Node};
use rust_hdl::prelude::*;

/// Implements what rust-hdl wants of a slim port: an atom with no bookkeeping but its value.
macro_rules! port {
    ($port:ident, $kind:expr) => {
        impl<T: Synth> Logic for $port<T> {
            fn update(&mut self) {}
        }
        impl<T: Synth> Block for $port<T> {
            fn connect_all(&mut self) {}
            fn update_all(&mut self) {}
            fn has_changed(&self) -> bool {
                false
            }
            fn accept(&self, name: &str, probe: &mut dyn Probe) {
                probe.visit_atom(name, self);
            }
        }
        impl<T: Synth> Atom for $port<T> {
            fn bits(&self) -> usize {
                T::BITS
            }
            fn connected(&self) -> bool {
                true
            }
            fn changed(&self) -> bool {
                false
            }
            fn kind(&self) -> AtomKind {
                $kind
            }
            fn descriptor(&self) -> TypeDescriptor {
                T::descriptor()
            }
            fn vcd(&self) -> VCDValue {
                self.next.vcd()
            }
            fn id(&self) -> usize {
                self as *const Self as *const () as usize
            }
            fn verilog(&self) -> VerilogLiteral {
                self.next.verilog()
            }
            fn constraints(&self) -> Vec<PinConstraint> {
                vec![]
            }
        }
    };
}

/// The input of a [`Reg`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RegD<T: Synth> {
    /// What the register takes at the next rising edge.
    pub next: T,
}

/// The output of a [`Reg`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RegQ<T: Synth> {
    next: T,
}

impl<T: Synth> RegQ<T> {
    /// What the register holds.
    #[inline]
    pub fn val(&self) -> T {
        self.next
    }
}

port!(RegD, AtomKind::InputParameter);
port!(RegQ, AtomKind::OutputParameter);

/// A register: `q` takes `d` at every rising edge of `clock`. Starts at `T::default()` (all zero, or the first
/// state), or at the value given to [`Reg::new`]; has no reset of its own.
#[derive(Clone, Debug, Default)]
pub struct Reg<T: Synth> {
    /// Input.
    pub d: RegD<T>,
    /// Output.
    pub q: RegQ<T>,
    /// Clock.
    pub clock: RegD<Clk>,
    init: T,
}

impl<T: Synth> Reg<T> {
    /// A register that holds `init` when the device is configured.
    pub fn new(init: T) -> Self {
        Reg { d: RegD { next: init }, q: RegQ { next: init }, clock: RegD::default(), init }
    }
}

impl<T: Synth> Logic for Reg<T> {
    fn update(&mut self) {}
    fn hdl(&self) -> Verilog {
        Verilog::Custom(format!(
            "// peb:reg init={0:x}\ninitial q = {0:x};\nalways @(posedge clock) q <= d;\n",
            self.init.verilog()
        ))
    }
}

impl<T: Synth> Block for Reg<T> {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        self.d.accept("d", probe);
        self.q.accept("q", probe);
        self.clock.accept("clock", probe);
        probe.visit_end_scope(name, self);
    }
}

impl<T: Synth> Node for Reg<T> {
    #[inline]
    fn tick(&mut self, clock: Clk) -> bool {
        let changed = self.clock.next == clock && self.q.next != self.d.next;
        if changed {
            self.q.next = self.d.next;
        }
        changed
    }
}

/// A two-flop synchroniser for one bit from another clock, with the attribute that keeps tools from retiming it.
/// `q` follows `d` two rising edges of `clock` later.
#[derive(Clone, Debug, Default)]
pub struct Sync2 {
    /// The bit from elsewhere.
    pub d: RegD<Bit>,
    /// The bit in this clock.
    pub q: RegQ<Bit>,
    /// The clock of `q`.
    pub clock: RegD<Clk>,
    meta: bool,
}

impl Logic for Sync2 {
    fn update(&mut self) {}
    fn hdl(&self) -> Verilog {
        Verilog::Custom(
            "(* ASYNC_REG = \"TRUE\" *) reg meta;\n(* ASYNC_REG = \"TRUE\" *) reg stable;\n\
             initial begin\n  meta = 1'b0;\n  stable = 1'b0;\nend\n\
             always @(posedge clock) begin\n  meta <= d;\n  stable <= meta;\nend\nassign q = stable;\n"
                .to_string(),
        )
    }
}

impl Block for Sync2 {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        self.d.accept("d", probe);
        self.q.accept("q", probe);
        self.clock.accept("clock", probe);
        probe.visit_end_scope(name, self);
    }
}

impl Node for Sync2 {
    fn tick(&mut self, clock: Clk) -> bool {
        if self.clock.next != clock {
            return false;
        }
        let changed = self.q.next != self.meta || self.meta != self.d.next;
        self.q.next = self.meta;
        self.meta = self.d.next;
        changed
    }
}
