//! The device's side of a full slot: power controller, indicators, button.

use super::io::{last, tell, ticks, told};
use super::*;

/// Power-on time of the device's reset, in ticks.
const POWER_ON: usize = 100_000;
const RUN: Control = Control {
    generation: 0,
    hold: false,
    link_disable: false,
    power_off: false,
    host_up: true,
    keep: false,
    indicators: 0b1111,
    cleared: 0,
};

/// Power, reset and purge.
fn pins(bench: &mut Bench<IoPort>) -> (bool, bool, bool) {
    bench.settle();
    let dut = bench.dut();
    let management = dut.hotplug.val();
    assert_eq!(management.get_bit(4), dut.power_en.val());
    assert_eq!(management.get_bit(3), dut.reset_out.val());
    assert_eq!(management.get_bit(1), !dut.purge.val());
    (dut.power_en.val(), dut.reset_out.val(), dut.purge.val())
}

const OFF: (bool, bool, bool) = (false, true, true);
const STARTING: (bool, bool, bool) = (true, true, true);
const RUNNING: (bool, bool, bool) = (true, false, false);

fn leds(bench: &mut Bench<IoPort>) -> (u64, u64) {
    bench.settle();
    let dut = bench.dut();
    let (attention, power) = (dut.attn_led.val().raw(), dut.power_led.val().raw());
    assert_eq!(dut.hotplug.val().raw() >> 12 & 15, attention | power << 2);
    (attention, power)
}

/// Attention Button Pressed, Power Fault Detected, Presence Detect Changed as management reads them.
fn events(bench: &mut Bench<IoPort>) -> u64 {
    bench.settle();
    bench.dut().hotplug.val().raw() >> 8 & 15
}

/// A slot with a device, and a host attached.
fn bench(name: &str, full: bool) -> Bench<IoPort> {
    let mut bench = Bench::new(name, IoPort::default());
    bench.dut().full.next = full;
    bench.dut().linkup_ticks.next = 50.into();
    bench.dut().pcie_link_up.next = true;
    bench.reset();
    bench.dut().slot_present.next = true;
    bench.clocks(4);
    bench
}

/// Waits for the power-on time, the last tick of which ends it, and for the link.
fn start(bench: &mut Bench<IoPort>) {
    ticks(bench, POWER_ON - 1);
    assert_eq!(pins(bench), STARTING);
    ticks(bench, 1);
    assert_eq!(pins(bench), (true, false, true));
    ticks(bench, 50);
    assert_eq!(pins(bench), RUNNING);
}

fn pulse_fault(bench: &mut Bench<IoPort>) {
    bench.dut().slot_power_fault.next = true;
    bench.tick();
    bench.dut().slot_power_fault.next = false;
}

#[test]
fn power_and_its_fault() {
    let mut bench = bench("io_port_power", true);
    let at_first = Status { present: true, changes: 1, ..Status::default() };
    // Nobody has said that it may have power; a fault without power is none.
    pulse_fault(&mut bench);
    assert_eq!((pins(&mut bench), leds(&mut bench)), (OFF, (3, 3)));
    bench.dut().attached.next = true;
    bench.clocks(4);
    assert_eq!(last(&mut bench), Some(at_first));
    tell(&mut bench, Control { generation: 1, power_off: true, ..RUN });
    pulse_fault(&mut bench);
    bench.clocks(4);
    assert_eq!((pins(&mut bench), last(&mut bench)), (OFF, Some(Status { generation: 1, ..at_first })));
    tell(&mut bench, Control { generation: 1, indicators: 0b1011, ..RUN });
    assert_eq!((pins(&mut bench), leds(&mut bench)), (STARTING, (3, 2)));
    start(&mut bench);
    assert_eq!(last(&mut bench), Some(Status { generation: 1, link: true, ..at_first }));
    tell(&mut bench, Control { generation: 1, indicators: 0b0101, ..RUN });
    assert_eq!((leds(&mut bench), last(&mut bench)), ((1, 1), None));

    // A fault of one clock takes the power at once, and for good.
    pulse_fault(&mut bench);
    bench.settle();
    assert!(!bench.dut().power_en.val());
    bench.clocks(4);
    let faulty = Status { generation: 1, fault: true, drops: 1, ..at_first };
    assert_eq!((pins(&mut bench), last(&mut bench)), (OFF, Some(faulty)));
    assert_eq!(events(&mut bench), 2 | 8);
    tell(&mut bench, Control { generation: 2, keep: true, cleared: 2, indicators: 0b0101, ..RUN });
    ticks(&mut bench, 2000);
    let faulty = Status { generation: 2, ..faulty };
    assert_eq!((pins(&mut bench), last(&mut bench)), (OFF, Some(faulty)));
    assert_eq!((events(&mut bench), leds(&mut bench)), (8, (1, 1)));

    // Till the host has turned it off. Then it may come again, and the device starts anew.
    tell(&mut bench, Control { generation: 3, power_off: true, ..RUN });
    let off = Status { generation: 3, fault: false, ..faulty };
    assert_eq!((pins(&mut bench), last(&mut bench)), (OFF, Some(off)));
    tell(&mut bench, Control { generation: 3, ..RUN });
    start(&mut bench);
    assert_eq!(last(&mut bench), Some(Status { link: true, ..off }));

    // A fault that lasts is there again when power comes.
    bench.dut().slot_power_fault.next = true;
    bench.clocks(4);
    tell(&mut bench, Control { generation: 4, power_off: true, ..RUN });
    let off = Status { generation: 4, drops: 2, ..off };
    assert_eq!((pins(&mut bench), last(&mut bench)), (OFF, Some(off)));
    tell(&mut bench, Control { generation: 4, ..RUN });
    assert_eq!((pins(&mut bench), last(&mut bench)), (OFF, Some(Status { fault: true, ..off })));

    // Without a host there is no power, no light and no fault.
    bench.dut().attached.next = false;
    bench.clocks(4);
    assert_eq!((pins(&mut bench), leds(&mut bench)), (OFF, (3, 3)));
    assert!(!bench.dut().hotplug.val().get_bit(2));
    bench.assert_equivalent();
}

#[test]
fn presses_of_the_button_are_counted() {
    let mut bench = bench("io_port_button", true);
    bench.dut().attached.next = true;
    bench.clocks(4);
    let mut status = last(&mut bench).expect("the first record");
    let press = |bench: &mut Bench<IoPort>, clocks: usize| {
        bench.dut().slot_attn_button.next = true;
        bench.clocks(clocks);
        bench.dut().slot_attn_button.next = false;
        bench.clocks(3);
    };
    for clocks in [1, 100] {
        press(&mut bench, clocks);
        status.buttons += 1;
        assert_eq!(last(&mut bench), Some(status));
        assert_eq!(events(&mut bench), 1 | 8);
    }
    // Two more while a record waits: the next one tells of both.
    for _ in 0..3 {
        press(&mut bench, 5);
    }
    status.buttons += 1;
    assert_eq!(told(&mut bench), Some(status));
    status.buttons += 2;
    assert_eq!(told(&mut bench), Some(status));
    assert_eq!(told(&mut bench), None);
    // Software clears one event, then the other.
    tell(&mut bench, Control { cleared: 1, ..RUN });
    assert_eq!(events(&mut bench), 8);
    tell(&mut bench, Control { cleared: 8, ..RUN });
    assert_eq!((events(&mut bench), last(&mut bench)), (0, None));
    bench.assert_equivalent();
}

#[test]
fn a_minimal_slot_has_none_of_it() {
    let mut bench = bench("io_port_minimal", false);
    assert_eq!(pins(&mut bench), STARTING);
    bench.dut().attached.next = true;
    bench.clocks(4);
    let status = last(&mut bench).expect("the first record");
    tell(&mut bench, Control { power_off: true, ..RUN });
    start(&mut bench);
    let running = Status { link: true, ..status };
    assert_eq!(last(&mut bench), Some(running));
    bench.dut().slot_power_fault.next = true;
    bench.dut().slot_attn_button.next = true;
    bench.clocks(4);
    assert_eq!((pins(&mut bench), last(&mut bench), events(&mut bench)), (RUNNING, None, 8));
    bench.assert_equivalent();
}
