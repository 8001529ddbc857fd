//! The prover on a counter that must stay below its limit, and on the same counter with a bug.
use peb_hdl::prelude::*;
use peb_verilog::{
    export,
    formal::{prove, Verdict},
};

#[derive(Module)]
struct Limited {
    pub clock: Signal<In, Clk>,
    pub up: Signal<In, Bit>,
    pub down: Signal<In, Bit>,
    pub level: Signal<Out, U<4>>,
    count: Reg<U<4>>,
    limit: Constant<U<4>>,
    _activity: Activity,
}

impl Limited {
    fn up_to(limit: u64) -> Self {
        Limited { limit: Constant::new(limit.into()), ..Self::blank() }
    }
}

impl Logic for Limited {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, count);
        if self.up.val() && (self.count.q.val() < self.limit.val()) {
            self.count.d.next = self.count.q.val() + 1;
        } else if self.down.val() && (self.count.q.val() != 0) {
            self.count.d.next = self.count.q.val() - 1;
        }
        self.level.next = self.count.q.val();
    }
}

fn verdict(limit: u64) -> Verdict {
    let mut block = Limited::up_to(limit);
    block.connect_all();
    let verilog = export(&block, "limited").unwrap();
    prove(&verilog, "limited", "always @(*) assert (level <= 4'd9);", 12).unwrap()
}

#[test]
fn a_bound_is_proved_and_a_bug_is_found() {
    assert_eq!(verdict(9), Verdict::Proved);
    assert!(matches!(verdict(10), Verdict::Refuted(_)));
}
