//! The replay against a pair that carries one TLP a frame and repeats nothing: what the network does is what is seen.

use super::*;
use crate::net::{Action, GmiiFault};
use crate::run::fake::FakePair;
use crate::stream::Beat;

/// Writes, reads and completions with different bytes, a hundred each way.
fn trace() -> Trace {
    let mut text = String::new();
    for i in 0..100 {
        text += &match i % 3 {
            0 => format!("{i} D 400000020000{i:02x}ff00001000{i:08x}00000000\n{i} U 0a00000001000004000{i:03x}00\n"),
            1 => format!("{i} D 000000010000{i:02x}0f00001000\n{i} U 000000010100{i:02x}0f00001000\n"),
            _ => format!("{i} D 4a00000101000004000{i:03x}00{i:08x}\n{i} U 400000010100{i:02x}0f00001000{i:08x}\n"),
        };
    }
    Trace::parse("test", &text).unwrap()
}

fn faults(script: &[(u64, Action)]) -> ReplayConfig {
    let down = FaultConfig { script: script.into(), ..FaultConfig::default() };
    let faults = PerDirection { down, up: FaultConfig::default() };
    ReplayConfig { faults, patience: 20_000, ..ReplayConfig::default() }
}

fn run(config: ReplayConfig) -> Report {
    Replay::new(FakePair::default(), &trace(), config).run(|_| {})
}

fn misbehave(misbehaviour: fn(u64, &mut Pair<PebOut>)) -> String {
    let pair = FakePair { misbehaviour: Some(misbehaviour), ..FakePair::default() };
    let report = Replay::new(pair, &trace(), faults(&[])).run(|_| {});
    assert!(!report.problems().is_empty());
    report.failure.expect("a failure").to_string()
}

#[test]
fn a_perfect_network_delivers_everything() {
    let mut last = None;
    let replay = Replay::new(FakePair::default(), &trace(), ReplayConfig::default());
    let report = replay.run(|progress| last = Some(progress));
    assert_eq!(report.problems(), Vec::<String>::new());
    for (_, way) in report.directions.each() {
        assert_eq!((way.planned, way.order.sent, way.order.delivered), (100, 100, 100));
        assert_eq!(way.bytes_sent, way.bytes_delivered);
        // One TLP a frame is far from full frames, and the figure says so.
        assert!((0.1..0.5).contains(&way.goodput().unwrap()), "{:?}", way.goodput());
        assert_eq!(way.link.frames_in, 100);
    }
    let last = last.unwrap();
    assert_eq!((last.delivered, last.total, last.clock), (200, 200, report.clocks));
}

#[test]
fn stalls_everywhere_change_nothing() {
    for seed in 0..20 {
        println!("seed {seed}");
        let stall = Stall::bursts(0.1, 20);
        let config = ReplayConfig { seed, source_stall: stall, sink_stall: stall, ..ReplayConfig::default() };
        let report = run(config);
        assert_eq!(report.problems(), Vec::<String>::new());
    }
}

#[test]
fn each_fault_of_the_network_is_found() {
    let report = run(faults(&[(500, Action::Drop(1))]));
    assert_eq!((report.directions.down.order.missing, report.directions.up.order.missing), (1, 0));
    assert!(matches!(report.failure, Some(Failure::Stuck(_))));
    let stuck = report.failure.unwrap().to_string();
    assert!(stuck.contains("down: 1 of 100 TLPs sent not delivered, the first is TLP"), "{stuck}");
    let report = run(faults(&[(500, Action::Corrupt(1))]));
    assert_eq!(report.directions.down.order.missing, 1);
    let report = run(faults(&[(500, Action::Duplicate(2))]));
    assert_eq!(report.directions.down.order.duplicated, 2);
    assert_eq!(report.problems()[0], "down: 2 of 100 TLPs duplicated");
    let report = run(faults(&[(500, Action::Reorder(3))]));
    assert!(report.directions.down.order.reordered > 0);
    let report = run(faults(&[(500, Action::Pause(3))]));
    assert_eq!((report.directions.down.link.pauses, report.problems().len()), (1, 0));
}

#[test]
fn loss_that_did_not_happen_is_a_problem() {
    let mut config = faults(&[]);
    config.faults.down.drop = 1e-9;
    assert!(run(config.clone()).problems()[0].starts_with("loss was asked for and no frame was lost"));
    config.faults.down.script = vec![(0, Action::Drop(1))];
    assert!(run(config)
        .problems()
        .iter()
        .any(|p| p.starts_with("frames were lost and none was sent again: replay more TLPs")));
}

#[test]
fn each_breach_by_a_peb_is_found() {
    let text = misbehave(|clock, out| {
        if clock > 400 {
            out.host.fatal = true
        }
    });
    assert_eq!(text, "host, clock 401: stat_fatal rose");
    let text = misbehave(|clock, out| {
        if clock % 2 == 0 {
            out.io.pcie_tx = None
        }
    });
    assert!(text.starts_with("io.pcie_tx, clock ") && text.contains("inside a TLP"), "{text}");
    let text = misbehave(|clock, out| {
        if clock == 100 {
            out.io.gmii_tx.en = !out.io.gmii_tx.en
        }
    });
    assert!(text.starts_with("io.gmii_tx, clock "), "{text}");
    let text = misbehave(|_, out| out.host.pcie_rx_ready = false);
    assert!(text.contains("host.pcie_rx: TLP 1 of 100 offered, pcie_rx_tready is 0"), "{text}");
    let text = misbehave(|_, out| out.host.pcie_rx_np_ok = false);
    assert!(text.contains("host.pcie_rx: TLP 2 of 100 non-posted, pcie_rx_np_ok is 0"), "{text}");
    let text = misbehave(|_, out| out.io.peer_up = false);
    assert!(text.contains("io has not found its peer"), "{text}");
    let pair = FakePair { gap: 11, ..FakePair::default() };
    let report = Replay::new(pair, &trace(), faults(&[])).run(|_| {});
    assert!(matches!(report.failure, Some(Failure::Gmii { fault: GmiiFault::Gap(11), .. })));
}

#[test]
fn non_posted_against_np_ok_is_found() {
    let beat = Beat { data: 0x00, keep: 0xff, last: false };
    let end = Beat { data: 0, keep: 0x0f, last: true };
    let check = |np_ok: &[bool]| {
        let mut np = NpOk { pauses: StreamSink::new(Stall::NONE, 0), low_for: 0, inside: false };
        let last = np_ok.len() - 1;
        let mut result = Ok(());
        for (clock, &ok) in np_ok.iter().enumerate() {
            let inputs = PebIn { pcie_tx_np_ok: ok, pcie_tx_ready: true, ..PebIn::default() };
            let out = PebOut { pcie_tx: (clock == last).then_some(beat), ..PebOut::default() };
            result = np.check(clock as u64, Side::Io, &inputs, &out);
        }
        // Beats behind the first are no start.
        let low = PebIn { pcie_tx_ready: true, ..PebIn::default() };
        assert!(np.check(9, Side::Io, &low, &PebOut { pcie_tx: Some(end), ..PebOut::default() }).is_ok());
        result.is_ok()
    };
    assert!(check(&[true, false, false, false]), "two clocks after it fell");
    assert!(!check(&[true, false, false, false, false]), "three clocks");
    assert!(check(&[false, false, false, false, true]));
}

#[test]
fn a_capture_has_the_frames_at_the_host() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut replay = Replay::new(FakePair::default(), &trace(), faults(&[(500, Action::Drop(5))]));
    replay.capture(PcapWriter::new(file.reopen().unwrap()).unwrap());
    let report = replay.run(|_| {});
    assert_eq!(report.directions.down.order.missing, 5);
    let bytes = std::fs::read(file.path()).unwrap();
    let mut reader = pcap_file::pcap::PcapReader::new(&bytes[..]).unwrap();
    let mut frames = 0;
    while let Some(packet) = reader.next_packet() {
        assert!(packet.unwrap().data.len() >= 60);
        frames += 1;
    }
    assert_eq!(frames, 200, "what the host sent before the loss, and what reached it");
}

#[test]
fn malformed_packets_are_offered_and_must_not_come_out() {
    let report = run(ReplayConfig { malformed: 0.3, ..ReplayConfig::default() });
    assert_eq!(report.problems(), Vec::<String>::new());
    assert!(report.directions.each().iter().all(|(_, way)| (10..60).contains(&way.malformed)));
}
