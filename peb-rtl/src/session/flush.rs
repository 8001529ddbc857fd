//! Who has not yet forgotten a session that has ended.
//!
//! `start` asks all three; each is asked (`packer`, `control`, `reassembly`) from the next clock on, up to the clock in
//! which it says done. `over` is combinational: 1 when the last of them says so, and as long as nobody is asked.
//! Registered: who is asked. `reset` asks nobody. Waits for nothing.

use peb_hdl::prelude::*;

/// See the module's documentation.
#[derive(Module, Default)]
pub struct Flush {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    pub start: Signal<In, Bit>,
    /// One clock each.
    pub done_packer: Signal<In, Bit>,
    pub done_control: Signal<In, Bit>,
    pub done_reassembly: Signal<In, Bit>,
    pub packer: Signal<Out, Bit>,
    pub control: Signal<Out, Bit>,
    pub reassembly: Signal<Out, Bit>,
    /// One of them is asked.
    pub any: Signal<Out, Bit>,
    pub over: Signal<Out, Bit>,
    asked: Reg<U<3>>,
    left: Signal<Local, U<3>>,
    _activity: Activity,
}

impl Logic for Flush {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, asked);
        self.left.next = bits::<3>(0)
            .replace_bit(0, self.asked.q.val().get_bit(0) && !self.done_packer.val())
            .replace_bit(1, self.asked.q.val().get_bit(1) && !self.done_control.val())
            .replace_bit(2, self.asked.q.val().get_bit(2) && !self.done_reassembly.val());
        self.asked.d.next = self.left.val();
        if self.start.val() {
            self.asked.d.next = 7.into();
        }
        self.packer.next = self.asked.q.val().get_bit(0);
        self.control.next = self.asked.q.val().get_bit(1);
        self.reassembly.next = self.asked.q.val().get_bit(2);
        self.any.next = self.asked.q.val().any();
        self.over.next = !self.left.val().any();
        if self.reset.val() {
            self.asked.d.next = 0.into();
        }
    }
}
