//! Makes a root port of the block.

use peb_hdl::prelude::*;

/// Writes the registers of the block's own configuration space that it needs as a root port (R10, R11), each time it leaves reset.
///
/// | register | value | why |
/// |---|---|---|
/// | 0x18 Bus Numbers | primary 0, secondary 1, subordinate 255 | the device is on a bus of its own; its real number is the host's business |
/// | 0x68 Device Control | Max_Payload_Size and Max_Read_Request_Size 512, Relaxed Ordering, No Snoop, Extended Tag | nothing that the host allows its device is refused here |
/// | 0x04 Command | Memory Space, Bus Master | requests of the device are taken |
///
/// - Latency: as long as the block takes. Registered: all outputs. `reset` begins anew.
/// - Waits for `done`.
#[derive(Module, Default)]
pub struct RootSetup {
    pub clock: Signal<In, Clk>,
    pub reset: Signal<In, Bit>,
    /// `cfg_mgmt` of the block: address of a dword.
    pub address: Signal<Out, U<10>>,
    pub value: Signal<Out, U<32>>,
    pub enables: Signal<Out, U<4>>,
    pub write: Signal<Out, Bit>,
    pub done: Signal<In, Bit>,
    /// All is written.
    pub ready: Signal<Out, Bit>,
    step: Reg<U<2>>,
    writing: Reg<Bit>,
    _activity: Activity,
}

impl Logic for RootSetup {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, step, writing);
        self.write.next = self.writing.q.val();
        self.ready.next = self.step.q.val() == 3;
        self.address.next = 0.into();
        self.value.next = 0.into();
        self.enables.next = 0.into();
        if self.step.q.val() == 0 {
            self.address.next = 6.into();
            self.value.next = 16711936.into();
            self.enables.next = 7.into();
        } else if self.step.q.val() == 1 {
            self.address.next = 26.into();
            self.value.next = 10576.into();
            self.enables.next = 3.into();
        } else if self.step.q.val() == 2 {
            self.address.next = 1.into();
            self.value.next = 6.into();
            self.enables.next = 3.into();
        }
        // A clock without a write between two.
        self.writing.d.next = (self.step.q.val() != 3) && !self.done.val();
        if self.writing.q.val() && self.done.val() {
            self.step.d.next = self.step.q.val() + 1;
            self.writing.d.next = false;
        }
        if self.reset.val() {
            self.step.d.next = 0.into();
            self.writing.d.next = false;
        }
    }
}
