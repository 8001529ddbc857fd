//! Configuration space against a table of its registers.

use super::{PortStalls, Root, SERIAL};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Register, value after reset, bits that software may write (PCIe 7.5.1, 7.5.2, 7.5.3, 7.7.1, 7.9.3).
const TABLE: [(u16, u32, u32); 22] = [
    (0x00, 0x5045_1204, 0),
    (0x04, 0x0010_0000, 0x0546),
    (0x08, 0x0580_0001, 0),
    (0x0c, 0, 0xff),
    (0x10, 0, 0xffff_c000),
    (0x2c, 0x5045_1204, 0),
    (0x34, 0x40, 0),
    (0x3c, 0, 0xff),
    (0x40, 0x0003_5001, 0),
    (0x50, 0x0080_7005, 0x0071_0000),
    (0x54, 0, !3),
    (0x58, 0, !0),
    (0x5c, 0, 0xffff),
    (0x70, 0x0002_0010, 0),
    (0x74, 0x8022, 0),
    (0x78, 0x2810, 0x79ff),
    (0x7c, 0x11, 0),
    (0x80, 0x0011_0000, 0xc3),
    (0x94, 0x10, 0),
    (0x98, 0, 0x10),
    (0x9c, 2, 0),
    (0xa0, 1, 0),
];

#[test]
fn random_accesses() {
    for seed in [1, 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut root = Root::new("endpoint_config", PortStalls::random(), seed);
        root.config_write(0x3c, 0, 0x1);
        let mut model: BTreeMap<u16, (u32, u32)> = TABLE.iter().map(|&(at, reset, rw)| (at, (reset, rw))).collect();
        model.insert(0x100, (0x0001_0003, 0));
        model.insert(0x104, (SERIAL as u32, 0));
        model.insert(0x108, ((SERIAL >> 32) as u32, 0));
        for n in 0..1200 {
            let known = model.keys().nth(rng.gen_range(0..model.len())).copied();
            let register = if rng.gen_ratio(1, 8) { 4 * rng.gen_range(0..1024) } else { known.unwrap_or(0) };
            if register == 0x44 {
                continue;
            }
            // All ones now and then, as software does that sizes a BAR.
            let value: u32 = if rng.gen_ratio(1, 4) { !0 } else { rng.gen() };
            if rng.gen() {
                let enables = rng.gen_range(0..16);
                let mask = (0..4).filter(|k| enables >> k & 1 == 1).fold(0, |m, k| m | 0xff << (8 * k));
                root.config_write(register, value, enables);
                if let Some((now, rw)) = model.get_mut(&register) {
                    *now = *now & !(*rw & mask) | value & *rw & mask;
                }
            }
            let expected = model.get(&register).map_or(0, |row| row.0);
            assert_eq!(root.config_read(register), expected, "seed {seed}, round {n}, register {register:#x}");
        }
        root.bench.assert_equivalent();
    }
}

#[test]
fn states_of_power_management() {
    let mut root = Root::new("endpoint_power", PortStalls::NONE, 1);
    root.config_write(0x44, 0, 0x1);
    for (write, read) in [(1, 8), (2, 8), (3, 11), (1, 11), (0, 8)] {
        root.config_write(0x44, write, 0xf);
        assert_eq!(root.config_read(0x44), read);
    }
}
