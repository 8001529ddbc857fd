//! `peb ctl --serial` against the UART pins of a simulated network-attached device, through a pseudo-terminal.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;

use peb_hdl::prelude::*;
use peb_rtl::phy::serial::Console;
use peb_rtl::phy::Startup;
use peb_rtl::top::NetworkDevice;
use rustix::fs::{fcntl_setfl, Mode, OFlags};
use rustix::pty::{grantpt, openpt, ptsname, unlockpt, OpenptFlags};

/// Clocks of a bit.
const BIT: usize = 16;

/// The device; what is written to the pseudo-terminal comes at its pin, bit by bit, and the other way round.
fn run(mut master: File, stop: &AtomicBool) {
    let device = NetworkDevice::with_times(Startup::with_times(4, 20), Console::with_bit_clocks(BIT as u16));
    let mut sim = Sim::with_clocks(device, &[8000, 8000], |d| {
        d.clk.next = Clk::new(0);
        d.rx_clk.next = Clk::new(1);
    });
    sim.dut.good.next = true;
    sim.dut.mdio_in.next = true;
    sim.dut.cfg_mac.next = 0x0250_4500_0042.into();
    sim.dut.cfg_vid.next = 7.into();
    let (mut down, mut up, mut coming) = (VecDeque::new(), 0u16, None::<usize>);
    let mut now = 0usize;
    while !stop.load(Ordering::Relaxed) {
        if now > 100 && now % BIT == 0 {
            let mut byte = [0];
            if down.is_empty() && matches!(master.read(&mut byte), Ok(1)) {
                let bits = u16::from(byte[0]) << 1 | 0x200;
                down.extend((0..10).map(|k| bits >> k & 1 == 1));
            }
            sim.dut.uart_rx.next = down.pop_front().unwrap_or(true);
        } else if now <= 100 {
            sim.dut.uart_rx.next = true;
        }
        sim.settle();
        let level = sim.dut.uart_tx.val();
        match coming {
            None if level || now < 100 => {}
            None => coming = Some(1),
            Some(age) => {
                if age % BIT == BIT / 2 {
                    up = up >> 1 | u16::from(level) << 9;
                }
                coming = (age + 1 < 10 * BIT).then_some(age + 1);
                if coming.is_none() {
                    assert!(up & 1 == 0 && up >> 9 & 1 == 1, "a character without start or stop bit");
                    master.write_all(&[(up >> 1) as u8]).expect("written");
                }
            }
        }
        sim.advance();
        now += 1;
    }
}

fn peb(device: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peb"))
        .args(["ctl", "--serial", device])
        .args(arguments)
        .output()
        .expect("peb runs")
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[test]
fn registers_of_a_simulated_board() {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, vec![]).expect("a name").into_string().expect("UTF-8");
    // One end stays open, so that the other never reads an end.
    let held = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
    fcntl_setfl(&master, OFlags::NONBLOCK).expect("not blocking");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let device = thread::Builder::new().stack_size(64 << 20).spawn(move || run(File::from(master), &stopped));
    let device = device.expect("a thread");

    let all = told(&peb(&name, &["get", "ID", "caps", "0x18"]));
    let lines: Vec<&str> = all.lines().collect();
    assert!(
        lines[0].contains("0x50454201") && lines[1].contains("0x00000111") && lines[2].contains("0x00000007"),
        "{all}"
    );
    let set = told(&peb(&name, &["set", "hello_ticks", "0x1234"]));
    assert!(set.contains("0x00001234"), "{set}");
    let saturated = told(&peb(&name, &["set", "DOWN_TICKS", "0xffffffff"]));
    assert!(saturated.contains("0x00ffffff"), "{saturated}");
    assert_eq!(told(&peb(&name, &["move", "42"])), "VLAN 7 -> 42\n");
    let stats = told(&peb(&name, &["stats"]));
    let value = |name: &str| {
        let row = stats.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name} in\n{stats}"));
        row.split_whitespace().last().expect("a value").to_string()
    };
    assert_eq!([value("role"), value("MAC address"), value("VLAN")], ["I/O", "02:50:45:00:00:42", "42"]);
    assert_eq!([value("attached"), value("device present")], ["no", "yes"]);
    assert!(value("FRAMES_SENT").parse::<u32>().expect("a number") > 0, "{stats}");
    let refused = peb(&name, &["set", "FRAMES_SENT", "0"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("only be read"));

    stop.store(true, Ordering::Relaxed);
    device.join().expect("the device");
    drop(held);
    let gone = peb(&name, &["stats"]);
    assert!(!gone.status.success(), "nobody is there any more");
    let wrong = peb("/dev/null", &["stats"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("not a serial device"));
}
