//! [`ConfigSpace`] against the table in Rust.

use super::ConfigSpace;
use crate::testing::{Bench, Clocked};
use peb_config::{registers, row, serial_number, Kind, Mix, Parameters, Register, Slot};
use peb_hdl::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

impl<const N: usize> Clocked for ConfigSpace<N> {
    fn connect_clock(&mut self) {
        self.clock.next = Clk::new(0);
    }
    fn set_reset(&mut self, on: bool) {
        self.reset.next = on;
    }
}

const MAC: u64 = 0x0200_5e10_2030;

/// A row on the update bus: port, row, value, enables of a write by software.
type Update = (usize, u8, u32, Option<u8>);

/// The block, and the same in Rust beside it.
struct Pair<const N: usize> {
    bench: Bench<ConfigSpace<N>>,
    parameters: Parameters,
    tables: [Vec<Register>; 2],
    rows: Vec<[u32; 32]>,
    present: u8,
    link: u8,
    intx: u8,
}

impl<const N: usize> Pair<N> {
    fn new(name: &str, parameters: Parameters) -> Self {
        let mut bench = Bench::new(name, ConfigSpace::<N>::new(&parameters));
        bench.dut().own_mac.next = MAC.into();
        bench.reset();
        bench.clocks(31 * (N + 1) + 2);
        let tables = [Kind::Upstream, Kind::Downstream].map(|kind| registers(kind, &parameters));
        let mut pair = Pair { bench, parameters, tables, rows: vec![[0; 32]; N + 1], present: 0, link: 0, intx: 0 };
        pair.reset_rows(|_| true);
        pair
    }

    fn table(&self, port: usize) -> &[Register] {
        &self.tables[port.min(1)]
    }

    fn register(&self, port: usize, dword: u16) -> Option<&Register> {
        self.table(port).iter().find(|r| r.offset / 4 == dword)
    }

    fn reset_rows(&mut self, which: fn(u8) -> bool) {
        for port in 0..=N {
            for (row, value) in self.table(port).iter().filter_map(|r| Some((r.row?, r.reset()))).collect::<Vec<_>>() {
                if which(row) {
                    self.rows[port][row as usize] = value;
                }
            }
        }
    }

    fn live(&mut self, present: u8, link: u8, intx: u8) {
        (self.present, self.link, self.intx) = (present, link, intx);
        let d = self.bench.dut();
        d.present.next = u64::from(present).into();
        d.link.next = u64::from(link).into();
        d.own_intx.next = u64::from(intx).into();
    }

    /// What a read gives.
    fn expected(&self, port: usize, dword: u16) -> u32 {
        let Some(register) = self.register(port, dword).filter(|_| port <= N) else { return 0 };
        let on = |bits: u8| port > 0 && bits >> (port - 1) & 1 == 1;
        let live = match register.row {
            Some(row::COMMAND) if on(self.intx) => 1 << 19,
            Some(row::LINK_CONTROL) if on(self.link) => self.parameters.link_status(),
            Some(row::SLOT_CONTROL) if on(self.present) => 1 << 22,
            _ => 0,
        };
        let mixed = match register.mix {
            Mix::None => 0,
            Mix::SlotNumber => (port as u32) << 19,
            Mix::PortNumber => (port as u32) << 24,
            Mix::SerialLow => serial_number(MAC) as u32,
            Mix::SerialHigh => (serial_number(MAC) >> 32) as u32,
        };
        live | mixed | register.row.map_or(register.reset(), |row| self.rows[port][row as usize])
    }

    fn update(&mut self) -> Option<Update> {
        let d = self.bench.dut();
        d.update.val().then(|| {
            let enables = d.update_software.val().then(|| d.update_enables.val().raw() as u8);
            (d.update_port.val().index(), d.update_row.val().raw() as u8, d.update_value.val().raw() as u32, enables)
        })
    }

    /// A request to its end: answer, updates seen on the way, clocks.
    fn request(&mut self, port: usize, dword: u16, write: Option<(u32, u8)>) -> (u32, Vec<Update>, usize) {
        let d = self.bench.dut();
        d.request.next = true;
        d.request_port.next = (port as u64).into();
        d.request_register.next = u64::from(dword).into();
        d.request_write.next = write.is_some();
        let (data, enables) = write.unwrap_or((0x5a5a_5a5a, 15));
        d.request_data.next = u64::from(data).into();
        d.request_enables.next = u64::from(enables).into();
        let mut updates = vec![];
        for clocks in 0..400 {
            self.bench.settle();
            updates.extend(self.update());
            if self.bench.dut().done.val() {
                let answer = self.bench.dut().answer.val().raw() as u32;
                self.bench.tick();
                self.bench.dut().request.next = false;
                return (answer, updates, clocks);
            }
            self.bench.tick();
        }
        panic!("port {port}, dword {dword}: no answer");
    }

    fn read(&mut self, port: usize, dword: u16, note: &str) -> u32 {
        let (answer, updates, clocks) = self.request(port, dword, None);
        assert_eq!(answer, self.expected(port, dword), "{note}: port {port}, dword 0x{dword:x}");
        assert!(updates.is_empty() && clocks <= 4, "{note}: {updates:x?} after {clocks} clocks");
        answer
    }

    fn write(&mut self, port: usize, dword: u16, data: u32, enables: u8, note: &str) {
        let (_, updates, clocks) = self.request(port, dword, Some((data, enables)));
        let mut expected = vec![];
        if let Some((row, register)) =
            self.register(port, dword).filter(|_| port <= N).and_then(|r| Some((r.row?, r.clone())))
        {
            let value = register.written(self.rows[port][row as usize], data, enables);
            self.rows[port][row as usize] = value;
            expected.push((port, row, value, Some(enables)));
        }
        assert_eq!(updates, expected, "{note}: port {port}, dword 0x{dword:x}, {data:08x}/{enables:04b}");
        assert!(clocks <= 6, "{note}: {clocks} clocks");
    }

    /// The hardware sets bits of a row, from one side or the other.
    fn set(&mut self, port: usize, row: u8, bits: u32, fault: bool, note: &str) {
        let d = self.bench.dut();
        let (valid, to, at, what) = match fault {
            true => (&mut d.fault_valid, &mut d.fault_port, &mut d.fault_row, &mut d.fault_bits),
            false => (&mut d.set_valid, &mut d.set_port, &mut d.set_row, &mut d.set_bits),
        };
        (valid.next, to.next) = (true, (port as u64).into());
        (at.next, what.next) = (u64::from(row).into(), u64::from(bits).into());
        let mut waited = 0;
        loop {
            self.bench.settle();
            let d = self.bench.dut();
            let ready = if fault { d.fault_ready.val() } else { d.set_ready.val() };
            self.bench.tick();
            waited += 1;
            if ready {
                break;
            }
            assert!(waited < 10, "{note}: the set port is never ready");
        }
        let d = self.bench.dut();
        (d.set_valid.next, d.fault_valid.next) = (false, false);
        let mut updates = vec![];
        for _ in 0..7 {
            self.bench.settle();
            updates.extend(self.update());
            self.bench.tick();
        }
        let mut expected = vec![];
        if let Some(register) = self.table(port).iter().find(|r| r.row == Some(row)).filter(|_| port <= N).cloned() {
            let value = register.set(self.rows[port][row as usize], bits);
            self.rows[port][row as usize] = value;
            expected.push((port, row, value, None));
        } else if port <= N {
            expected.push((port, row, 0, None));
        }
        assert_eq!(updates, expected, "{note}: set {bits:08x} in row {row} of port {port}");
    }

    /// The host resets the switch for some clocks; what is announced then.
    fn restart(&mut self, clocks: usize, note: &str) {
        self.bench.dut().restart.next = true;
        let mut announced = vec![];
        for clock in 0..clocks.max(1) + 198 {
            if clock == clocks.max(1) {
                self.bench.dut().restart.next = false;
            }
            self.bench.settle();
            announced.extend(self.update());
            self.bench.tick();
        }
        self.reset_rows(|row| !(20..30).contains(&row));
        assert_eq!(announced.len(), 21 * (N + 1), "{note}: every row that is reset is announced once");
        for (port, row, value, software) in announced {
            assert!(software.is_none() && self.rows[port][row as usize] == value, "{note}: row {row} of port {port}");
        }
    }
}

fn full() -> Parameters {
    Parameters { slot: Slot::FULL, link_speed: 3, link_width: 4, ..Default::default() }
}

/// Random reads, writes, sets, live bits and resets.
fn random<const N: usize>(name: &str, parameters: Parameters, seed: u64, steps: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let note = format!("{name}, seed {seed}");
    let mut pair = Pair::<N>::new(name, parameters);
    for port in 0..=N {
        (0..128).for_each(|dword| {
            pair.read(port, dword, &note);
        });
    }
    for _ in 0..steps {
        let port = rng.gen_range(0..=N + 1);
        // Mostly where there is something.
        let table = pair.table(port);
        let known = table[rng.gen_range(0..table.len())].offset / 4;
        let dword = if rng.gen_bool(0.9) { known } else { rng.gen_range(0..1024) };
        match rng.gen_range(0..100) {
            0..=34 => {
                pair.read(port, dword, &note);
            }
            35..=69 => pair.write(port, dword, rng.gen(), rng.gen_range(0..16), &note),
            70..=89 => pair.set(port, rng.gen_range(0..31), rng.gen(), rng.gen(), &note),
            90..=97 => pair.live(rng.gen(), rng.gen(), rng.gen()),
            98 => pair.restart([1, 2, 30, 300][rng.gen_range(0..4)], &note),
            _ => pair.bench.clocks(rng.gen_range(1..4)),
        }
    }
    pair.bench.assert_equivalent();
}

#[test]
fn random_accesses_are_those_of_the_table() {
    random::<4>("config_space_4", Parameters::default(), 1, 4000);
    random::<4>("config_space_full", full(), 2, 2000);
    random::<8>("config_space_8", full(), 3, 2000);
    random::<1>("config_space_1", Parameters { slots: 1, ..Default::default() }, 4, 1000);
}

#[test]
fn sixteen_bit_writes_to_slot_control_and_status_leave_the_other_alone() {
    let mut pair = Pair::<4>::new("config_space_slot", full());
    pair.live(0b0100, 0b0100, 0);
    pair.set(3, row::SLOT_CONTROL, 0x011b_0000, false, "events");
    assert_eq!(pair.read(3, 0x1e, "events"), 0x015b_07c0);
    pair.write(3, 0x1e, 0xffff_17f8, 0b0011, "control");
    assert_eq!(pair.read(3, 0x1e, "control"), 0x015b_17f8);
    pair.write(3, 0x1e, 0x0108_ffff, 0b1100, "status");
    assert_eq!(pair.read(3, 0x1e, "status"), 0x0053_17f8);
    pair.write(3, 0x1e, 0x0013_0000, 0b0100, "a byte");
    assert_eq!(pair.read(3, 0x1e, "a byte"), 0x0040_17f8);
    assert_eq!(pair.read(2, 0x1e, "another slot"), 0x0000_07c0);
    pair.bench.assert_equivalent();
}

#[test]
fn a_request_and_the_set_ports_take_turns() {
    let mut pair = Pair::<4>::new("config_space_turns", Parameters::default());
    let d = pair.bench.dut();
    (d.set_valid.next, d.fault_valid.next) = (true, true);
    d.set_port.next = 1.into();
    d.set_row.next = 16.into();
    d.set_bits.next = 0x8_0000.into();
    d.fault_port.next = 2.into();
    d.fault_row.next = 14.into();
    d.fault_bits.next = 0x8_0000.into();
    // The set port never rests, and still each request is answered, and the other way round.
    for i in 0..20 {
        let (answer, updates, clocks) = pair.request(0, 0, None);
        assert_eq!(answer, 0x5045_1204);
        assert!(clocks <= 11, "request {i}: {clocks} clocks");
        assert!(i == 0 || !updates.is_empty(), "request {i}: nothing was set");
    }
    let d = pair.bench.dut();
    d.set_valid.next = false;
    let mut faults = 0;
    for _ in 0..20 {
        pair.bench.settle();
        faults += pair.update().is_some_and(|u| u.0 == 2) as usize;
        pair.bench.tick();
    }
    assert!(faults >= 2, "{faults} faults in 20 clocks");
    pair.bench.assert_equivalent();
}

#[test]
fn the_accesses_of_linux_probing_a_bridge_get_what_it_expects() {
    let mut pair = Pair::<4>::new("config_space_linux", Parameters::default());
    for port in 0..=4 {
        let note = "probe";
        assert_eq!(pair.read(port, 0, note) & 0xffff, 0x1204);
        assert_eq!(pair.read(port, 2, note) >> 8, 0x06_0400);
        assert_eq!(pair.read(port, 3, note) >> 16 & 0xff, 1, "type 1, one function");
        // INTx disable can be written; errors are cleared.
        pair.write(port, 1, 0x0400, 0b0011, note);
        assert_eq!(pair.read(port, 1, note), 0x0010_0400);
        pair.write(port, 1, 0xffff_0000, 0b1100, note);
        assert_eq!(pair.read(port, 1, note), 0x0010_0400);
        // Sizes of BARs, ROM and windows.
        for (dword, value) in [(4, 0), (5, 0), (14, 0), (10, u32::MAX), (11, u32::MAX), (9, 0xfff1_fff1)] {
            pair.write(port, dword, u32::MAX, 15, note);
            assert_eq!(pair.read(port, dword, note), value, "dword {dword}");
            pair.write(port, dword, 0, 15, note);
        }
        pair.write(port, 7, 0xe0f0, 0b0011, note);
        assert_eq!(pair.read(port, 7, note), 0, "no I/O window");
        // Bus numbers are written again and again.
        for buses in [0x00ff_0201, 0x000f_0201, 0x0004_0201] {
            pair.write(port, 6, buses, 15, note);
            assert_eq!(pair.read(port, 6, note), buses);
        }
        // SERR# and Secondary Bus Reset.
        pair.write(port, 15, 0x0042_0000, 0b1100, note);
        assert_eq!(pair.read(port, 15, note) >> 16, 0x42);
        pair.write(port, 15, 0x0002_0000, 0b1100, note);
        // PME status is cleared, No Soft Reset stays; D3hot and back.
        pair.write(port, 0x11, 0x8008, 0b0011, note);
        assert_eq!(pair.read(port, 0x11, note), 8);
        pair.write(port, 0x11, 3, 0b0011, note);
        assert_eq!(pair.read(port, 0x11, note), 0xb);
        pair.write(port, 0x11, 0, 0b0011, note);
        // MSI: on, off, another address, on.
        for (control, address) in [(1, 0xfee0_100c), (0, 0xfee0_200c), (1, 0xfee0_200c)] {
            pair.write(port, 0x13, address, 15, note);
            pair.write(port, 0x15, 0x4021, 0b0011, note);
            pair.write(port, 0x12, control << 16, 0b1100, note);
            assert_eq!(pair.read(port, 0x12, note), 0x0080_6005 | control << 16);
            assert_eq!(pair.read(port, 0x13, note), address);
        }
        assert_eq!(pair.read(port, 0x18, note) >> 16, if port == 0 { 0x52 } else { 0x162 });
    }
    pair.restart(16, "hot reset");
    assert_eq!(pair.read(2, 6, "after the reset"), 0);
    pair.bench.assert_equivalent();
}
