//! The ECP5 flow on a design small enough to count by hand.
use peb_hdl::prelude::*;
use peb_verilog::{export, synth::synth_ecp5};

#[derive(Module, Default)]
struct Echo {
    pub clock: Signal<In, Clk>,
    pub data: Signal<In, U<8>>,
    pub late: Signal<Out, U<8>>,
    held: Reg<U<8>>,
    memory: Ram<U<8>, 9>,
    _activity: Activity,
}

impl Logic for Echo {
    #[hdl_gen]
    fn update(&mut self) {
        dff_setup!(self, clock, held);
        self.held.d.next = self.data.val();
        self.memory.clock.next = self.clock.val();
        self.memory.write_enable.next = true;
        self.memory.write_address.next = bit_cast::<9, 8>(self.held.q.val());
        self.memory.write_data.next = self.held.q.val();
        self.memory.read_address.next = bit_cast::<9, 8>(self.data.val());
        self.late.next = self.memory.read_data.val() ^ self.held.q.val();
    }
}

#[test]
fn counts_and_times_a_small_design() {
    let directory = tempfile::tempdir().unwrap();
    let mut echo = Echo::default();
    echo.connect_all();
    let verilog = export(&echo, "echo").unwrap();
    let design = synth_ecp5(&verilog, "echo", directory.path()).unwrap();
    assert_eq!((design.area.ff, design.area.block_ram), (8, 1), "{:?}", design.area);
    assert!((8..=12).contains(&design.area.lut4()), "{:?}", design.area);
    let fmax = design.fmax(1).unwrap();
    assert!((50.0..2000.0).contains(&fmax), "{fmax} MHz");
}
