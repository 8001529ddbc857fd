//! The device's side.

use super::*;

pub(super) fn ticks(bench: &mut Bench<IoPort>, n: usize) {
    for _ in 0..n {
        bench.dut().tick.next = true;
        bench.tick();
    }
    bench.dut().tick.next = false;
    bench.clocks(4);
}

pub(super) fn tell(bench: &mut Bench<IoPort>, control: Control) {
    bench.dut().record_valid.next = true;
    bench.dut().record.next = control.word().into();
    bench.tick();
    bench.dut().record_valid.next = false;
    bench.clocks(4);
}

/// The next record.
pub(super) fn told(bench: &mut Bench<IoPort>) -> Option<Status> {
    bench.dut().record_out_ready.next = true;
    for _ in 0..4 {
        bench.settle();
        if bench.dut().record_out_valid.val() {
            let status = Status::read(bench.dut().record_out.val().raw());
            bench.tick();
            bench.dut().record_out_ready.next = false;
            bench.settle();
            return Some(status);
        }
        bench.tick();
    }
    bench.dut().record_out_ready.next = false;
    None
}

#[test]
fn the_device_runs_when_the_host_says_so() {
    let mut bench = Bench::new("io_port_runs", IoPort::default());
    bench.dut().linkup_ticks.next = 50.into();
    bench.dut().slot_present.next = true;
    bench.dut().pcie_link_up.next = true;
    bench.reset();
    ticks(&mut bench, 100_000);
    bench.dut().attached.next = true;
    bench.clocks(4);
    assert!(bench.dut().reset_out.val() && bench.dut().purge.val());
    let first = told(&mut bench).expect("the first record");
    assert_eq!(first, Status { present: true, ..Status::default() });
    assert_eq!(told(&mut bench), None);
    let run = Control { generation: 1, host_up: true, ..Control::default() };
    tell(&mut bench, Control { hold: true, ..run });
    ticks(&mut bench, 2000);
    assert!(bench.dut().reset_out.val());
    assert_eq!(told(&mut bench), Some(Status { generation: 1, ..first }));
    tell(&mut bench, run);
    assert!(!bench.dut().reset_out.val());
    ticks(&mut bench, 49);
    assert!(bench.dut().purge.val());
    ticks(&mut bench, 1);
    assert!(!bench.dut().purge.val());
    assert_eq!(told(&mut bench), Some(Status { generation: 1, link: true, ..first }));
    // A reset too short to be seen as a hold.
    tell(&mut bench, Control { generation: 2, ..run });
    assert!(bench.dut().reset_out.val() && bench.dut().purge.val());
    // Its generation never comes with the link of before.
    assert_eq!(told(&mut bench), Some(Status { generation: 2, ..first }));
    ticks(&mut bench, 999);
    assert!(bench.dut().reset_out.val());
    ticks(&mut bench, 1);
    assert!(!bench.dut().reset_out.val());
    bench.dut().attached.next = false;
    bench.clocks(3);
    assert!(bench.dut().reset_out.val() && bench.dut().purge.val());
    bench.assert_equivalent();
}

/// The last record that waits.
pub(super) fn last(bench: &mut Bench<IoPort>) -> Option<Status> {
    std::iter::from_fn(|| told(bench)).last()
}

#[test]
fn counts_have_eight_bits() {
    let mut bench = Bench::new("io_port_counts", IoPort::default());
    bench.dut().full.next = true;
    bench.dut().slot_present.next = true;
    bench.dut().pcie_link_up.next = true;
    bench.reset();
    bench.dut().attached.next = true;
    let run = Control { generation: 1, host_up: true, ..Control::default() };
    tell(&mut bench, run);
    ticks(&mut bench, 100_010);
    let mut status = Status { generation: 1, present: true, link: true, ..Status::default() };
    assert_eq!(last(&mut bench), Some(status));
    for round in 0..520 {
        // The device is taken out and put back; somebody presses the button.
        for here in [false, true] {
            bench.dut().slot_present.next = here;
            bench.dut().slot_attn_button.next = here;
            bench.clocks(3);
        }
        bench.dut().slot_attn_button.next = false;
        let [buttons, changes, drops] = [(status.buttons, 1), (status.changes, 2), (status.drops, 1)]
            .map(|(n, more): (u8, u8)| n.wrapping_add(more));
        status = Status { link: false, buttons, changes, drops, ..status };
        assert_eq!(last(&mut bench), Some(status), "round {round}");
        // The host answers: the link counts again.
        let generation = status.generation.wrapping_add(1);
        tell(&mut bench, Control { generation, keep: true, indicators: round as u8 & 15, ..run });
        status = Status { link: true, generation, ..status };
        assert_eq!(last(&mut bench), Some(status), "round {round}");
    }
    bench.assert_equivalent();
}
