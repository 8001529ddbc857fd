//! The figures of `peb bench`, of the exported Verilog.

use peb_sim::bench::{goodput, measure, Figure};
use peb_sim::trace::Direction;
use peb_sim::verilated::VerilatedPair;

fn pair() -> VerilatedPair {
    VerilatedPair::new().unwrap_or_else(|error| panic!("{error}"))
}

fn check(figure: &Figure) {
    println!("{}: {:.1} {}, limit {:.1}", figure.name, figure.value, figure.unit, figure.limit);
    assert!(figure.ok, "{figure:?}");
}

#[test]
fn the_line_is_full_both_ways_at_once() {
    for payload in [64, 512] {
        check(&goodput(pair(), payload, &Direction::BOTH).unwrap_or_else(|error| panic!("{error}")));
    }
}

#[test]
#[ignore = "nightly"]
fn goodput_and_latency_are_within_their_limits() {
    measure(|| Ok(pair()), |figure| check(&figure)).unwrap_or_else(|error| panic!("{error}"));
}
