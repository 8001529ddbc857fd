//! The ordering rule and the checker.

use peb_tlp::{may_pass, Class, Flow, FunctionId, OrderChecker, OrderReport, RequestId, Tag, Tlp};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn write(address: u64) -> Vec<u8> {
    Tlp::memory_write(RequestId::default(), address, &[0; 4]).unwrap().into_bytes()
}

fn relaxed(address: u64) -> Vec<u8> {
    let tlp = Tlp::memory_write(RequestId::default(), address, &[0; 4]).unwrap();
    tlp.with_relaxed_ordering().unwrap().into_bytes()
}

fn read(tag: u16) -> Vec<u8> {
    let id = RequestId { requester: FunctionId(0), tag: Tag(tag) };
    Tlp::memory_read(id, 0, 4).unwrap().into_bytes()
}

fn completion(tag: u8, relaxed: bool) -> Vec<u8> {
    vec![0x0a, 0, if relaxed { 0x20 } else { 0 }, 0, 1, 0, 0, 4, 0, 0, tag, 0]
}

fn run(sent: &[Vec<u8>], delivered: &[usize]) -> OrderReport {
    let mut checker = OrderChecker::new();
    for tlp in sent {
        checker.sent(tlp).unwrap();
    }
    for &i in delivered {
        checker.delivered(&sent[i]);
    }
    checker.report()
}

#[test]
fn the_table() {
    let flow = |class, relaxed_ordering| Flow { class, relaxed_ordering };
    use Class::*;
    for relaxed in [false, true] {
        for earlier_relaxed in [false, true] {
            let passes = |later, earlier| may_pass(flow(later, relaxed), flow(earlier, earlier_relaxed));
            assert_eq!(passes(Posted, Posted), relaxed);
            assert!(passes(Posted, NonPosted) && passes(Posted, Completion));
            assert!(!passes(NonPosted, Posted) && !passes(NonPosted, NonPosted));
            assert!(passes(NonPosted, Completion));
            assert_eq!(passes(Completion, Posted), relaxed);
            assert!(passes(Completion, NonPosted) && !passes(Completion, Completion));
        }
    }
}

#[test]
fn legal_orders() {
    // (sent, order of delivery)
    for (sent, delivered) in [
        (vec![write(0), write(4), read(1)], vec![0, 1, 2]),
        (vec![read(1), write(0), completion(1, false)], vec![1, 2, 0]),
        (vec![completion(1, false), read(1), write(0)], vec![2, 1, 0]),
        (vec![write(0), relaxed(4), completion(1, true)], vec![2, 1, 0]),
    ] {
        let report = run(&sent, &delivered);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.sent, report.delivered), (3, 3));
    }
}

#[test]
fn violations() {
    for (sent, delivered, reordered) in [
        (vec![write(0), write(4)], vec![1, 0], 1),
        (vec![write(0), read(1)], vec![1, 0], 1),
        (vec![write(0), completion(1, false)], vec![1, 0], 1),
        (vec![read(1), read(2)], vec![1, 0], 1),
        (vec![completion(1, true), completion(2, true)], vec![1, 0], 1),
        (vec![relaxed(0), write(4)], vec![1, 0], 1),
        // One late behind three, and two late behind one.
        (vec![write(0), write(4), write(8), read(1)], vec![1, 2, 3, 0], 1),
        (vec![write(0), write(4), read(1)], vec![2, 0, 1], 2),
    ] {
        let report = run(&sent, &delivered);
        assert_eq!(report.reordered, reordered, "{delivered:?}");
        assert_eq!((report.missing, report.duplicated, report.corrupted), (0, 0, 0));
    }
}

#[test]
fn missing_duplicated_corrupted() {
    let sent = [write(0), write(4), write(8)];
    let report = run(&sent, &[0, 2, 2]);
    assert_eq!((report.missing, report.duplicated, report.reordered, report.corrupted), (1, 1, 0, 0));

    let mut checker = OrderChecker::new();
    checker.sent(&write(0)).unwrap();
    let mut bad = write(0);
    bad[15] ^= 1;
    assert!(!checker.delivered(&bad));
    let report = checker.report();
    assert_eq!((report.missing, report.corrupted), (1, 1));
    assert_eq!(checker.missing(), [(0, &write(0)[..])]);
    assert!(checker.anomalies()[0].to_string().starts_with("delivery 0 was never sent: 40 00"));
    assert!(checker.sent(&[0xff; 12]).is_err() && checker.sent(&[0]).is_err());
}

#[test]
fn equal_tlps() {
    // The first of two equal ones is lost: the second is missing's equal, not late.
    let sent = [write(0), write(4), write(0), write(8)];
    let report = run(&sent, &[1, 2, 3]);
    assert_eq!((report.missing, report.reordered, report.duplicated), (1, 0, 0));
    // Both come, one after the one between them.
    assert!(run(&sent, &[0, 1, 2, 3]).is_clean());
    // Three for two.
    assert_eq!(run(&sent, &[0, 1, 2, 3, 0]).duplicated, 1);
    // B A A for A B A: one A is late.
    assert_eq!(run(&sent[..3], &[1, 0, 0]).reordered, 1);
    // Both late: the earliest is taken, the other stays outstanding.
    let mut checker = OrderChecker::new();
    for address in [0, 0, 4] {
        checker.sent(&write(address)).unwrap();
    }
    assert!(checker.delivered(&write(4)) && !checker.delivered(&write(0)));
    assert_eq!(checker.missing(), [(1, &write(0)[..])]);
    assert_eq!(checker.anomalies().len(), 1);
    assert!(checker.anomalies()[0].to_string().starts_with("TLP 0 was passed by TLP 2:"));
}

#[test]
fn a_hundred_thousand() {
    let start = Instant::now();
    let mut checker = OrderChecker::new();
    for i in 0..100_000u64 {
        checker.sent(&write(i % 8 * 4)).unwrap();
    }
    for i in 0..100_000u64 {
        checker.delivered(&write(i % 8 * 4));
    }
    assert!(checker.report().is_clean());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

proptest! {
    /// Against the definition, pair by pair: TLPs of every flow, some lost, the others delivered in any order.
    #[test]
    fn as_the_definition_says(kinds in proptest::collection::vec(0u8..5, 0..40), keys: [u16; 40], lost: u64) {
        let sent: Vec<_> = (0u8..).zip(&kinds).map(|(i, kind)| match kind {
            0 => write(u64::from(i) * 4),
            1 => relaxed(u64::from(i) * 4),
            2 => read(i.into()),
            kind => completion(i, *kind == 4),
        }).collect();
        let mut delivered: Vec<_> = (0..sent.len()).filter(|i| lost >> i & 3 != 0).collect();
        // Mostly near their place.
        delivered.sort_by_key(|&i| i * 4096 + usize::from(keys[i] % 16384));
        let flow = |i: usize| peb_tlp::TlpView::parse(&sent[i]).unwrap().flow();
        let late = |(at, &i): (usize, &usize)| delivered[..at].iter().any(|&j| j > i && !may_pass(flow(j), flow(i)));
        let expected = OrderReport {
            sent: sent.len() as u64,
            delivered: delivered.len() as u64,
            missing: (sent.len() - delivered.len()) as u64,
            reordered: delivered.iter().enumerate().filter(|&each| late(each)).count() as u64,
            ..OrderReport::default()
        };
        prop_assert_eq!(run(&sent, &delivered), expected);
    }
}
