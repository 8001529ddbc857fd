//! Sizes and speeds of cores and blocks against `docs/area.md`. What has changed on purpose is written there by `cargo xtask area --accept`
//! (with `--fmax` for speeds).

use peb_area::{designs, fmax, measure, Kind, Record, Row, Subject};

fn recorded() -> Record {
    Record::parse(include_str!("../../docs/area.md")).unwrap_or_else(|error| panic!("{error}"))
}

/// What differs from the record, of subjects with these speeds, if any.
fn differences(subjects: &[Subject], speeds: &[f64], strict: bool) -> Vec<String> {
    let areas = measure(subjects, |_| ()).unwrap_or_else(|error| panic!("{error}"));
    let record = recorded();
    let rows = subjects.iter().zip(areas).enumerate();
    let rows = rows.map(|(n, (subject, area))| (subject.name, Row { area, fmax: speeds.get(n).copied() }));
    rows.flat_map(|(name, row)| record.compare(name, &row, strict)).collect()
}

fn check(problems: &[String]) {
    assert!(problems.is_empty(), "{}\nif that is as it must be: cargo xtask area --accept", problems.join("\n"));
}

fn of(kind: impl Fn(Kind) -> bool) -> Vec<Subject> {
    designs().into_iter().filter(|subject| kind(subject.kind)).collect()
}

#[test]
fn no_core_has_grown() {
    check(&differences(&of(|kind| kind == Kind::Core), &[], false));
}

#[test]
fn every_block_can_be_measured() {
    for subject in of(|kind| kind == Kind::Block) {
        subject.verilog().unwrap_or_else(|error| panic!("{}: {error}", subject.name));
    }
}

#[test]
fn the_record_is_as_it_is_written() {
    let text = include_str!("../../docs/area.md");
    assert_eq!(recorded().render(), text);
}

#[test]
#[ignore = "nightly"]
fn every_size_and_speed_is_as_recorded() {
    let cores = of(|kind| kind == Kind::Core);
    let speeds = fmax(&cores, |_| ()).unwrap_or_else(|error| panic!("{error}"));
    let mut problems = differences(&cores, &speeds, true);
    problems.extend(differences(&of(|kind| kind != Kind::Core), &[], true));
    check(&problems);
}
