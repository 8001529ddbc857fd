//! The report of `peb sim` as table and as JSON.

use std::fmt::Write;
use std::time::Duration;

use peb_sim::net::CLOCK_NS;
use peb_sim::run::{DirectionReport, Pair, PebCounters, PerDirection, Report};
use serde::Serialize;

/// The fields of the JSON report. Times are clocks of 8 ns.
#[derive(Serialize)]
struct Json {
    /// Whether the exit status is 0.
    ok: bool,
    /// Why not.
    problems: Vec<String>,
    tlps_planned: PerDirection<u64>,
    tlps_sent: PerDirection<u64>,
    tlps_delivered: PerDirection<u64>,
    tlps_missing: PerDirection<u64>,
    tlps_duplicated: PerDirection<u64>,
    tlps_reordered: PerDirection<u64>,
    tlps_corrupted: PerDirection<u64>,
    bytes_sent: PerDirection<u64>,
    bytes_delivered: PerDirection<u64>,
    frames: PerDirection<Frames>,
    retransmissions: u64,
    duplicates_dropped: u64,
    fcs_errors: u64,
    counters: Pair<PebCounters>,
    rtt: Rtt,
    /// Percent of what the Ethernet allows for these TLPs.
    goodput_percent: PerDirection<Option<f64>>,
    goodput_mbit_per_second: PerDirection<Option<f64>>,
    clocks: u64,
    clocks_to_attach: Option<u64>,
    clocks_per_second: f64,
    seed: u64,
}

/// Frames of one direction.
#[derive(Serialize)]
struct Frames {
    sent: u64,
    octets: u64,
    lost: u64,
    duplicated: u64,
    reordered: u64,
    corrupted: u64,
}

/// Round-trip time in clocks as the PEBs measured it.
#[derive(Serialize)]
struct Rtt {
    min: Option<u64>,
    last: Option<u64>,
}

impl Rtt {
    fn of(counters: &Pair<PebCounters>) -> Self {
        let Pair { host, io } = counters;
        Rtt { min: [host.rtt_min, io.rtt_min].into_iter().flatten().min(), last: host.rtt.or(io.rtt) }
    }
}

fn clocks_per_second(report: &Report, elapsed: Duration) -> f64 {
    report.clocks as f64 / elapsed.as_secs_f64().max(1e-6)
}

/// The report as one JSON object.
pub fn json(report: &Report, elapsed: Duration) -> serde_json::Result<String> {
    let each = |f: fn(&DirectionReport) -> u64| report.directions.map(f);
    let counters = report.counters;
    let problems = report.problems();
    serde_json::to_string_pretty(&Json {
        ok: problems.is_empty(),
        problems,
        tlps_planned: each(|d| d.planned),
        tlps_sent: each(|d| d.order.sent),
        tlps_delivered: each(|d| d.order.delivered),
        tlps_missing: each(|d| d.order.missing),
        tlps_duplicated: each(|d| d.order.duplicated),
        tlps_reordered: each(|d| d.order.reordered),
        tlps_corrupted: each(|d| d.order.corrupted),
        bytes_sent: each(|d| d.bytes_sent),
        bytes_delivered: each(|d| d.bytes_delivered),
        frames: report.directions.map(|d| Frames {
            sent: d.link.frames_in,
            octets: d.link.octets_in,
            lost: d.link.dropped + d.link.cut,
            duplicated: d.link.duplicated,
            reordered: d.link.reordered,
            corrupted: d.link.corrupted,
        }),
        retransmissions: report.retransmissions(),
        duplicates_dropped: counters.host.duplicates + counters.io.duplicates,
        fcs_errors: counters.host.fcs_errors + counters.io.fcs_errors,
        counters,
        rtt: Rtt::of(&counters),
        goodput_percent: report.directions.map(|d| d.goodput().map(|g| g * 100.0)),
        goodput_mbit_per_second: report.directions.map(DirectionReport::mbit_per_second),
        clocks: report.clocks,
        clocks_to_attach: report.up,
        clocks_per_second: clocks_per_second(report, elapsed),
        seed: report.seed,
    })
}

type Count = fn(&DirectionReport) -> u64;

/// The report for people.
pub fn table(report: &Report, elapsed: Duration) -> String {
    let PerDirection { down, up } = &report.directions;
    let mut text = format!("{:28}{:>16}{:>16}\n", "", "host to device", "device to host");
    let mut row = |name: &str, down: String, up: String| {
        let _ = writeln!(text, "{name:28}{down:>16}{up:>16}");
    };
    let counts: [(&str, Count); 12] = [
        ("TLPs sent", |d| d.order.sent),
        ("TLPs delivered", |d| d.order.delivered),
        ("  missing", |d| d.order.missing),
        ("  duplicated", |d| d.order.duplicated),
        ("  out of order", |d| d.order.reordered),
        ("  corrupted", |d| d.order.corrupted),
        ("TLP bytes delivered", |d| d.bytes_delivered),
        ("frames sent", |d| d.link.frames_in),
        ("  lost", |d| d.link.dropped + d.link.cut),
        ("  duplicated", |d| d.link.duplicated),
        ("  overtaken", |d| d.link.reordered),
        ("  corrupted", |d| d.link.corrupted),
    ];
    for (name, count) in counts {
        row(name, count(down).to_string(), count(up).to_string());
    }
    // What goes down is sent by the host PEB and received by the I/O PEB.
    let Pair { host, io } = report.counters;
    row("frames sent again", host.retransmitted.to_string(), io.retransmitted.to_string());
    row("duplicate frames dropped", io.duplicates.to_string(), host.duplicates.to_string());
    let percent = |d: &DirectionReport| d.goodput().map_or("-".into(), |g| format!("{:.1} %", g * 100.0));
    row("goodput, of the limit", percent(down), percent(up));
    let rate = |d: &DirectionReport| d.mbit_per_second().map_or("-".into(), |r| format!("{r:.1} Mbit/s"));
    row("goodput", rate(down), rate(up));

    let us = |clocks: Option<u64>| match clocks {
        Some(clocks) => format!("{:.1} us", (clocks * CLOCK_NS) as f64 / 1000.0),
        None => "-".into(),
    };
    let rtt = Rtt::of(&report.counters);
    let _ = writeln!(text, "\nround-trip time: least {}, last {}", us(rtt.min), us(rtt.last));
    let _ = writeln!(
        text,
        "{} clocks ({}) in {:.1} s: {:.0} clocks/s; seed {}",
        report.clocks,
        us(Some(report.clocks)),
        elapsed.as_secs_f64(),
        clocks_per_second(report, elapsed),
        report.seed
    );
    text
}

#[cfg(test)]
mod tests {
    use peb_sim::run::Failure;

    use super::*;

    fn report() -> Report {
        let mut down =
            DirectionReport { planned: 3, begin: Some(100), bytes_delivered: 24, floor: 50, ..Default::default() };
        down.order.sent = 3;
        down.order.delivered = 2;
        down.order.missing = 1;
        down.link.dropped = 7;
        down.delivered_at = vec![150, 200];
        let mut counters = Pair::<PebCounters>::default();
        counters.host.retransmitted = 4;
        counters.io.retransmitted = 5;
        counters.host.rtt_min = Some(1250);
        let directions = PerDirection { down, up: DirectionReport::default() };
        Report { seed: 9, clocks: 1000, up: Some(50), directions, counters, failure: None, lossy: true }
    }

    #[test]
    fn the_json_has_the_promised_fields() {
        let text = json(&report(), Duration::from_millis(100)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let both = |down: u64, up: u64| serde_json::json!({ "down": down, "up": up });
        for (field, down) in [
            ("tlps_sent", 3),
            ("tlps_delivered", 2),
            ("tlps_missing", 1),
            ("tlps_duplicated", 0),
            ("tlps_reordered", 0),
            ("tlps_corrupted", 0),
            ("bytes_delivered", 24),
        ] {
            assert_eq!(json[field], both(down, 0), "{field}");
        }
        for (field, value) in [("retransmissions", 9), ("clocks", 1000), ("seed", 9)] {
            assert_eq!(json[field], value, "{field}");
        }
        assert_eq!((&json["ok"], &json["frames"]["down"]["lost"]), (&false.into(), &7.into()));
        assert_eq!(json["goodput_percent"]["down"], 50.0);
        assert_eq!(json["rtt"]["min"], 1250);
        assert_eq!(json["clocks_per_second"], 10_000.0);
        assert_eq!(json["problems"], serde_json::json!(["down: 1 of 3 TLPs missing"]));
    }

    #[test]
    fn the_table_names_every_count() {
        let text = table(&report(), Duration::from_secs(2));
        let line = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"));
            line[28..].split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("TLPs delivered"), "2 0");
        assert_eq!(line("frames sent again"), "4 5");
        assert_eq!(line("goodput, of the limit"), "50.0 % -");
        assert_eq!(line("goodput  "), "240.0 Mbit/s -");
        assert!(text
            .contains("round-trip time: least 10.0 us, last -\n1000 clocks (8.0 us) in 2.0 s: 500 clocks/s; seed 9\n"));
    }

    #[test]
    fn a_failure_comes_first() {
        let failure = Some(Failure::Fatal { side: peb_sim::run::Side::Io, clock: 5 });
        let problems = Report { failure, ..report() }.problems();
        assert_eq!(problems, ["io, clock 5: stat_fatal rose", "down: 1 of 3 TLPs missing"]);
    }
}
