//! [`Registers`] alone, against a model of its table.

use crate::endpoint::{Registers, ID};
use crate::testing::{clocked, Bench};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

clocked!(Registers);

/// What the registers hold.
#[derive(Default)]
struct Model {
    /// HOST low and high, LOCAL, LENGTH, SCRATCH.
    free: [u32; 5],
    control: u32,
    busy: bool,
    ended: u32,
    count: u32,
    leds: u32,
}

/// Bits of the registers in `free`, and their places as dwords.
const FREE: [(u32, u64); 5] = [(!0, 2), (!0, 3), (0x1fff, 4), (0x3fff, 5), (!0, 9)];

impl Model {
    fn read(&self, dword: u64, buttons: u32) -> u32 {
        if let Some(k) = FREE.iter().position(|row| row.1 == dword) {
            return self.free[k];
        }
        match dword {
            0 => ID,
            1 => self.control,
            6 => u32::from(self.busy) | self.ended << 1,
            7 => self.count,
            10 => self.leds,
            11 => buttons,
            _ => 0,
        }
    }

    /// True if a transfer begins.
    fn write(&mut self, dword: u64, value: u32, enables: u32) -> bool {
        let mask = (0..4).filter(|k| enables >> k & 1 == 1).fold(0, |m, k| m | 0xff << (8 * k));
        if let Some(k) = FREE.iter().position(|row| row.1 == dword) {
            self.free[k] = (self.free[k] & !mask | value & mask) & FREE[k].0;
        }
        match dword {
            1 if mask & 1 == 1 && !self.busy => {
                self.control = value & 7;
                if value & 1 == 1 {
                    (self.busy, self.ended) = (true, 0);
                    return true;
                }
            }
            6 => self.ended &= !((value & mask) >> 1 & 3),
            10 if mask & 1 == 1 => self.leds = value & 0xff,
            _ => {}
        }
        false
    }
}

#[test]
fn random_writes_transfers_and_buttons() {
    let seed = 11;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bench = Bench::unwatched("endpoint_registers", Registers::default());
    bench.reset();
    let (mut model, mut begins, mut interrupts, mut transfers) = (Model::default(), false, 0, 0);
    for n in 0..6000 {
        let buttons: u32 = rng.gen_range(0..256);
        let dword = rng.gen_range(0..16u64);
        // Beyond the table nothing is there: other registers, and memory.
        let beyond = rng.gen_ratio(1, 8);
        let (value, enables): (u32, u32) = (rng.gen(), if rng.gen() { 15 } else { rng.gen_range(0..16) });
        let (write, done, failed) = (rng.gen_ratio(1, 3), rng.gen_ratio(1, 4) && model.busy, rng.gen());
        let wanted = rng.gen_range(0..24u64);
        let d = bench.dut();
        d.write.next = write;
        d.write_address.next = (4 * dword + if beyond { 64 << rng.gen_range(0..8) } else { 0 }).into();
        d.write_data.next = u64::from(value).into();
        d.write_enables.next = u64::from(enables).into();
        d.done.next = done;
        d.failed.next = failed;
        d.buttons.next = u64::from(buttons).into();
        d.read_address.next = wanted.into();
        bench.settle();
        let d = bench.dut();
        assert_eq!(d.start.val(), begins, "seed {seed}, clock {n}");
        assert_eq!(d.interrupt.val(), done && model.control & 4 != 0, "seed {seed}, clock {n}");
        interrupts += usize::from(d.interrupt.val());
        assert_eq!(d.to_host.val(), model.control & 2 != 0);
        assert_eq!(d.host.val().raw(), u64::from(model.free[1]) << 32 | u64::from(model.free[0]));
        assert_eq!((d.local.val().raw(), d.length.val().raw()), (model.free[2].into(), model.free[3].into()));
        assert_eq!(d.leds.val().raw(), u64::from(model.leds));
        // Read and written in the same clock: the old value.
        let expected = model.read(wanted, buttons);
        begins = write && !beyond && model.write(dword, value, enables);
        if done {
            (model.busy, model.count, model.ended) = (false, model.count + 1, if failed { 3 } else { 1 });
            transfers += 1;
        }
        bench.tick();
        bench.settle();
        let read = bench.dut().read_data.val().raw();
        assert_eq!(read, u64::from(expected), "seed {seed}, clock {n}: dword {wanted}");
    }
    assert!(transfers > 20 && interrupts > 5, "{transfers} transfers, {interrupts} interrupts");
    bench.reset();
    for (dword, expected) in [(0, u64::from(ID)), (1, 0), (2, 0), (5, 0), (6, 0), (7, 0), (9, 0), (10, 0)] {
        bench.dut().read_address.next = dword.into();
        bench.dut().write.next = false;
        bench.tick();
        bench.settle();
        assert_eq!(bench.dut().read_data.val().raw(), expected, "dword {dword} after reset");
    }
    bench.assert_equivalent();
}
