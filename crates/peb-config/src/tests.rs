//! The table against itself, the images and what operating systems expect.

use super::*;
use crate::dump::dwords;
use std::collections::BTreeSet;

const MAC: u64 = 0x0200_5e10_2030;

fn all() -> Vec<(Kind, Parameters)> {
    [Slot::default(), Slot::FULL]
        .into_iter()
        .flat_map(|slot| {
            [Kind::Upstream, Kind::Downstream].map(|kind| (kind, Parameters { slot, ..Default::default() }))
        })
        .collect()
}

#[test]
fn fields_do_not_overlap_and_hold_their_values() {
    for (kind, parameters) in all() {
        let (mut offset, mut rows) = (None, BTreeSet::new());
        for register in registers(kind, &parameters) {
            let name = register.name;
            assert!(register.offset % 4 == 0 && (register.offset as usize) < 4 * DWORDS, "{name}");
            assert!(offset < Some(register.offset), "{name} is out of order");
            offset = Some(register.offset);
            let mut next = 0;
            for f in &register.fields {
                assert!(f.lsb >= next && f.msb >= f.lsb && f.msb < 32, "{name}: {}", f.name);
                assert!(u64::from(f.reset) <= u64::from(f.mask() >> f.lsb), "{name}: {}", f.name);
                next = f.msb + 1;
            }
            let changes = [Access::Rw, Access::Rw1c, Access::Hardware].iter().any(|&a| register.mask(a) != 0);
            assert_eq!(register.row.is_some(), changes, "{name} has a row when something changes it");
            if let Some(row) = register.row {
                assert!(row < 31 && rows.insert(row), "{name}: row {row} is used twice or too high");
                assert_eq!(register.mix, Mix::None, "{name}");
            }
        }
    }
}

/// Offsets of a list of capabilities, with their IDs.
fn capabilities(dwords: &[u32]) -> Vec<(u32, u32)> {
    let mut found = vec![];
    let mut at = dwords[0x34 / 4] & 0xff;
    while at != 0 {
        found.push((at, dwords[at as usize / 4] & 0xff));
        at = dwords[at as usize / 4] >> 8 & 0xff;
    }
    at = 0x100;
    while at != 0 {
        found.push((at, dwords[at as usize / 4] & 0xffff));
        at = dwords[at as usize / 4] >> 20;
    }
    found
}

#[test]
fn the_capabilities_are_where_the_hardware_expects_them() {
    let parameters = Parameters::default();
    let mut expected = vec![(0x40, 1), (0x48, 5), (0x60, 0x10), (0xa0, 0xd), (0x100, 1), (0x140, 3)];
    assert_eq!(capabilities(&dwords(&parameters, 0, MAC, false)), expected);
    expected.push((0x150, 0xd));
    assert_eq!(capabilities(&dwords(&parameters, 1, MAC, false)), expected);
}

#[test]
fn the_image_says_what_the_table_says() {
    for (kind, parameters) in all() {
        let image = Image::new(&parameters);
        assert!(image.words().len() == 1 << ADDRESS_BITS && image.words().iter().all(|w| w >> WORD_BITS == 0));
        let kind_bit = (kind == Kind::Downstream) as usize * 128;
        for register in registers(kind, &parameters) {
            let word = image.words()[kind_bit + register.offset as usize / 4];
            let Some(row) = register.row.map(usize::from) else {
                assert_eq!(word as u32, register.reset(), "{}", register.name);
                continue;
            };
            assert_eq!(word, 1 << 32 | row as u64, "{}", register.name);
            let at = |what: usize| image.words()[256 + kind_bit + 32 * what + row] as u32;
            assert_eq!(at(0), register.reset(), "{}", register.name);
            assert_eq!((at(1), at(2)), (register.mask(Access::Rw), register.mask(Access::Rw1c)), "{}", register.name);
            assert_eq!(at(3), register.mask(Access::Hardware), "{}", register.name);
        }
    }
}

#[test]
fn a_write_to_slot_control_spares_slot_status() {
    let parameters = Parameters { slot: Slot::FULL, ..Default::default() };
    let table = registers(Kind::Downstream, &parameters);
    let slot = table.iter().find(|r| r.row == Some(row::SLOT_CONTROL)).unwrap();
    let events = slot.set(slot.reset(), u32::MAX);
    assert_eq!(events, 0x011b_07c0);
    let control = slot.written(events, 0xffff_17f8, 0b0011);
    assert_eq!(control, 0x011b_17f8);
    assert_eq!(slot.written(control, 0x0108_ffff, 0b1100), 0x0013_17f8);
}

#[test]
fn power_states_that_do_not_exist_are_not_entered() {
    let table = registers(Kind::Upstream, &Parameters::default());
    let pmcsr = table.iter().find(|r| r.row == Some(row::PMCSR)).unwrap();
    let d3 = pmcsr.written(pmcsr.reset(), 0x8003, 0b0011);
    assert_eq!(d3, 0x000b);
    assert_eq!(pmcsr.written(d3, 0x0102, 0b0011), 0x010b);
    assert_eq!(pmcsr.written(d3, 0x0000, 0b0011), 0x0008);
}

#[test]
fn the_serial_number_is_the_eui_64() {
    let dwords = dwords(&Parameters::default(), 0, MAC, false);
    assert_eq!((dwords[0x148 / 4], dwords[0x144 / 4]), (0x0200_5eff, 0xfe10_2030));
}

#[test]
fn parameters_out_of_range_are_refused() {
    let fine = Parameters::default();
    assert_eq!(fine.check(), Ok(()));
    for wrong in [
        Parameters { slots: 0, ..fine.clone() },
        Parameters { slots: 9, ..fine.clone() },
        Parameters { vendor: 1, ..fine.clone() },
        Parameters { max_payload: 3, ..fine.clone() },
        Parameters { link_speed: 0, ..fine.clone() },
        Parameters { link_width: 3, ..fine },
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
}
