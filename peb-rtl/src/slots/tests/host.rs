//! The host's side.

use super::*;
use std::collections::VecDeque;

/// A host with its configuration space: software's writes and the hardware's sets go to rows, and these to the update bus.
pub(super) struct HostOf<const SLOTS: usize> {
    pub bench: Bench<HotPlug<SLOTS>>,
    /// Rows of ports 0 to 8.
    pub rows: [[u64; 32]; 9],
    updates: VecDeque<(usize, u64, u64, bool, u64)>,
    /// What the block sent: MSIs as (slot, address, data), records with their slot, sets as (slot, bits).
    pub msis: Vec<(u64, u64, u64)>,
    pub controls: Vec<(usize, Control)>,
    pub sets: Vec<(usize, u64)>,
    pub lost: [usize; 8],
    was_lost: u64,
    msi: Vec<u64>,
}

/// The same with four slots.
pub(super) type Host = HostOf<4>;

impl<const SLOTS: usize> HostOf<SLOTS>
where
    HotPlug<SLOTS>: Clocked,
{
    pub fn new(name: &str, full: bool) -> Self {
        let mut bench = Bench::new(name, HotPlug::<SLOTS>::default());
        bench.dut().full.next = full;
        bench.dut().set_ready.next = true;
        bench.dut().record_out_ready.next = true;
        bench.dut().msi_ready.next = true;
        bench.dut().hello_ticks.next = 10.into();
        bench.dut().upstream_bus.next = 5.into();
        bench.reset();
        HostOf {
            bench,
            rows: [[0; 32]; 9],
            updates: VecDeque::new(),
            msis: vec![],
            controls: vec![],
            sets: vec![],
            lost: [0; 8],
            was_lost: 0,
            msi: vec![],
        }
    }

    /// Software writes a row; status bits of row 16 are cleared by ones.
    pub fn write(&mut self, port: usize, row: u64, value: u64, enables: u64) {
        let old = self.rows[port][row as usize];
        let mask = (0..4).filter(|i| enables >> i & 1 != 0).fold(0, |m, i| m | 0xFF << (8 * i));
        let new = match row {
            SLOT => {
                let control = (old & !mask | value & mask) & 0xFFFF;
                control | old & 0xFFFF_0000 & !(value & mask)
            }
            _ => old & !mask | value & mask,
        };
        self.rows[port][row as usize] = new;
        self.updates.push_back((port, row, new, true, enables));
    }

    /// Everything back to reset values.
    pub fn restart(&mut self) {
        self.restart_ports(0..=SLOTS);
    }

    /// These ports.
    pub fn restart_ports(&mut self, ports: impl IntoIterator<Item = usize>) {
        for port in ports {
            for row in 0..31 {
                self.rows[port][row as usize] = 0;
                self.updates.push_back((port, row, 0, false, 0));
            }
        }
    }

    pub fn clock(&mut self) {
        let update = self.updates.pop_front();
        let (port, row, value, software, enables) = update.unwrap_or_default();
        let dut = self.bench.dut();
        dut.update.next = update.is_some();
        dut.update_port.next = (port as u64).into();
        dut.update_row.next = row.into();
        dut.update_value.next = value.into();
        dut.update_software.next = software;
        dut.update_enables.next = enables.into();
        self.bench.settle();
        let dut = self.bench.dut();
        if dut.set_valid.val() && dut.set_ready.val() {
            let (port, row, bits) = (dut.set_port.val().raw(), dut.set_row.val().raw(), dut.set_bits.val().raw());
            assert_eq!(row, SLOT);
            self.sets.push((port as usize - 1, bits));
            self.rows[port as usize][SLOT as usize] |= bits;
            let value = self.rows[port as usize][SLOT as usize];
            self.updates.push_back((port as usize, SLOT, value, false, 0));
        }
        let dut = self.bench.dut();
        if dut.record_out_valid.val() && dut.record_out_ready.val() {
            let slot = dut.record_out_session.val().index();
            let control = Control::read(dut.record_out.val().raw());
            self.controls.push((slot, control));
        }
        if dut.msi_valid.val() && dut.msi_ready.val() {
            assert_eq!(dut.msi_first.val(), self.msi.is_empty());
            self.msi.push(dut.msi_data.val().raw());
            if dut.msi_last.val() {
                let (dwords, half) = (dut.msi_dwords.val().raw(), dut.msi_half.val());
                assert_eq!(dwords.div_ceil(2) as usize, self.msi.len());
                assert_eq!(half, dwords % 2 == 1);
                let msi = std::mem::take(&mut self.msi);
                self.msis.push(parse_msi(&msi, dwords));
            }
        }
        let lost = self.bench.dut().lost.val().raw();
        for slot in 0..8 {
            self.lost[slot] += usize::from((lost & !self.was_lost) >> slot & 1 != 0);
        }
        self.was_lost = lost;
        self.bench.tick();
        let dut = self.bench.dut();
        dut.record_valid.next = false;
        dut.tick.next = false;
        dut.update.next = false;
    }

    pub fn clocks(&mut self, n: usize) {
        (0..n).for_each(|_| self.clock());
    }

    pub fn ticks(&mut self, n: usize) {
        for _ in 0..n {
            self.bench.dut().tick.next = true;
            self.clock();
            self.clock();
        }
        self.clocks(30);
    }

    pub fn say(&mut self, slot: usize, status: Status) {
        let dut = self.bench.dut();
        dut.record_valid.next = true;
        dut.record.next = status.word().into();
        dut.record_session.next = (slot as u64).into();
        self.clock();
    }

    pub fn session(&mut self, slot: usize, up: bool) {
        let dut = self.bench.dut();
        let sessions = dut.session_up.val();
        dut.session_up.next = sessions.replace_bit(slot, up);
        self.bench.settle();
    }

    /// Present, link active.
    pub fn state(&mut self, slot: usize) -> (bool, bool) {
        self.bench.settle();
        let dut = self.bench.dut();
        assert_eq!(dut.link.val(), dut.slot_up.val());
        (dut.present.val().get_bit(slot), dut.link.val().get_bit(slot))
    }

    pub fn last_control(&self, slot: usize) -> Control {
        self.controls.iter().rev().find(|c| c.0 == slot).unwrap_or_else(|| panic!("no record for {slot}")).1
    }

    /// Brings a slot up from nothing.
    pub fn join(&mut self, slot: usize) -> Status {
        self.session(slot, true);
        self.clocks(30);
        let mut status = Status { present: true, ..Status::default() };
        self.say(slot, status);
        status.generation = self.last_control(slot).generation;
        self.say(slot, status);
        status.link = true;
        self.say(slot, status);
        self.clocks(60);
        assert_eq!(self.state(slot), (true, true));
        status
    }

    /// Enables interrupts as pciehp does for a minimal slot.
    pub fn enable(&mut self, slot: usize) {
        self.write(0, COMMAND, 4, 3);
        self.write(slot + 1, COMMAND, 6, 3);
        self.write(slot + 1, MSI_ADDRESS, 0xFEE0_1000 + ((slot as u64) << 4), 15);
        self.write(slot + 1, MSI_UPPER, 0, 15);
        self.write(slot + 1, MSI_DATA, 0x4020 + slot as u64, 15);
        self.write(slot + 1, MSI_CONTROL, 1 << 16, 12);
        self.write(slot + 1, SLOT, 1 << 3 | 1 << 5 | 1 << 12, 3);
        self.clocks(20);
    }
}

/// Slot, address and data of an MSI.
fn parse_msi(beats: &[u64], dwords: u64) -> (u64, u64, u64) {
    let bytes: Vec<u8> = beats.iter().flat_map(|b| b.to_le_bytes()).collect();
    let header = if dwords == 5 { 0x60 } else { 0x40 };
    assert_eq!(&bytes[..4], &[header, 0, 0, 1]);
    assert_eq!((bytes[4], bytes[5] & 7, bytes[6], bytes[7]), (5, 0, 0, 0x0F));
    let end = 4 * dwords as usize;
    let address = bytes[8..end - 4].iter().fold(0, |a, &b| a << 8 | u64::from(b));
    assert!((address > u64::from(u32::MAX)) == (dwords == 5));
    let data = u32::from_le_bytes(bytes[end - 4..end].try_into().expect("a dword"));
    (u64::from(bytes[5] >> 3), address, data.into())
}

#[test]
fn insertion_and_removal_are_told_in_order() {
    let mut host = Host::new("hot_plug_insertion", false);
    host.enable(2);
    host.session(2, true);
    host.clocks(30);
    let control = host.last_control(2);
    assert_eq!(control, Control { generation: 1, host_up: true, ..Control::default() });
    let mut status = Status { generation: 0, present: true, ..Status::default() };
    host.say(2, status);
    host.clocks(60);
    assert_eq!(host.state(2), (true, false));
    assert_eq!(host.sets, [(2, PDC)]);
    assert_eq!(host.msis, [(2, 0xFEE0_1020, 0x4022)]);
    // Not of this generation.
    status.link = true;
    host.say(2, status);
    host.clocks(60);
    assert_eq!(host.state(2), (true, false));
    status.generation = 1;
    host.say(2, status);
    host.clocks(60);
    assert_eq!(host.state(2), (true, true));
    assert_eq!(host.sets, [(2, PDC), (2, DLLSC)]);
    assert_eq!(host.msis.len(), 1, "the first event has not been cleared: no edge");
    host.write(3, SLOT, PDC | DLLSC, 12);
    host.clocks(20);
    assert_eq!(host.msis.len(), 1);
    assert_eq!(host.last_control(2).cleared, 8);
    // Silence: everything falls.
    host.session(2, false);
    host.clocks(2);
    assert_eq!(host.state(2), (false, false));
    host.clocks(60);
    assert_eq!(host.lost[2], 1);
    assert_eq!(host.rows[3][SLOT as usize] & (PDC | DLLSC), PDC | DLLSC);
    assert_eq!(host.msis.len(), 2);
    host.bench.assert_equivalent();
}
