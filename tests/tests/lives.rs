//! What was under way when a device's link fell does not come out when it is up again.

mod bench;

use bench::{bus, rtl, window, Bench};
use peb_regs::addr;
use peb_sim::port::PortStalls;
use peb_sim::world::Peb;
use peb_tlp::{Completion, CompletionStatus, FunctionId, RequestId, Tag, Tlp, TlpView};

const HOST: FunctionId = FunctionId::new(0, 0, 0);

fn read(tag: u16) -> Tlp {
    Tlp::memory_read(RequestId { requester: HOST, tag: Tag(tag) }, window(0).into(), 4).unwrap()
}

/// The device takes no requests for a while, so many wait for it at its PEB. Its link falls for less time than they take to go:
/// none comes after it, and a request with the tag of one of them gets its own answer.
#[test]
fn requests_that_wait_for_a_device_end_with_its_link() {
    let mut bench = Bench::new(rtl(1), 1, PortStalls::NONE, 1);
    bench.present[0] = true;
    bench.until("up", 300_000, |bench| bench.up(0));
    bench.boot();
    for round in 0..4 {
        bench.ports[1].hold_np(true);
        (0..64).for_each(|tag| bench.ports[0].send(read(tag)));
        bench.until("all are sent", 20_000, |bench| bench.ports[0].is_empty());
        (0..3000).for_each(|_| bench.step());
        assert!(bench.received[1].is_empty());
        bench.ports[1].hold_np(false);
        bench.flap(0, 10 + 40 * round);
        bench.until("down", 20_000, |bench| !bench.up(0));
        bench.until("up", 20_000, |bench| bench.up(0));
        (0..3000).for_each(|_| bench.step());
        assert!(bench.received[1].is_empty(), "round {round}: {} requests of before", bench.received[1].len());
        let ends: Vec<_> = bench.received[0].drain(..).map(|(_, tlp)| tlp).collect();
        assert_eq!(ends.len(), 64, "round {round}");
        assert!(ends.iter().all(|tlp| TlpView::parse(tlp).unwrap().status() == CompletionStatus::UnsupportedRequest));

        bench.ports[0].send(read(round as u16));
        bench.until("the request of now", 20_000, |bench| !bench.received[1].is_empty());
        let (_, request) = bench.received[1].pop_front().unwrap();
        let status = CompletionStatus::Successful;
        let completion = Completion::of(&TlpView::parse(&request).unwrap(), FunctionId::new(bus(0), 0, 0), status);
        let answer = Tlp::completion(completion, &[round as u8; 4]).unwrap();
        bench.ports[1].send(answer.clone());
        bench.until("its answer", 20_000, |bench| !bench.received[0].is_empty());
        assert_eq!(bench.received[0].pop_front().unwrap().1, answer.into_bytes());
    }
}

/// A device that sends before its slot's link is active is not heard: each TLP is dropped whole, and counted.
#[test]
fn what_a_device_sends_too_early_is_counted() {
    let mut bench = Bench::new(rtl(1), 1, PortStalls::NONE, 1);
    bench.present[0] = true;
    bench.until("the device's link", 300_000, |bench| bench.linked(0));
    let dropped = bench.register(Peb::Io(0), addr::NO_SESSION, None);
    for tag in 0..7 {
        let id = RequestId { requester: FunctionId::new(bus(0), 0, 0), tag: Tag(tag) };
        bench.ports[1].send(Tlp::memory_write(id, 0x1000, &[0x5a; 64]).unwrap());
    }
    bench.until("all are sent", 900, |bench| bench.ports[1].is_empty());
    assert!(!bench.up(0));
    assert_eq!(bench.register(Peb::Io(0), addr::NO_SESSION, None) - dropped, 7);
    bench.until("up", 20_000, |bench| bench.up(0));
    assert!(bench.received[0].is_empty());
    assert_eq!(bench.register(Peb::Io(0), addr::NO_SESSION, None) - dropped, 7);
}

/// A host whose link comes up, or whose reset ends, is heard from the first clock on: each request, also one that is refused at once, has its
/// completion, and none is cut in two.
#[test]
fn a_host_is_heard_from_the_first_clock_of_its_link() {
    let mut bench = Bench::new(rtl(1), 1, PortStalls::NONE, 1);
    let write = |tag: u16| {
        // The second half looks like a request of its own.
        let id = RequestId { requester: HOST, tag: Tag(tag) };
        Tlp::config_write(id, FunctionId::new(1, 0, 0), 0x18, false, [0, 0, 0, 0x40]).unwrap()
    };
    let cases = [(write as fn(u16) -> Tlp, CompletionStatus::Successful), (read, CompletionStatus::UnsupportedRequest)];
    for (tag, down) in [1, 2, 3, 5, 40, 400].into_iter().enumerate() {
        let tag = tag as u16;
        for late in 0..4 {
            for (reset, (request, status)) in
                [false, true].into_iter().flat_map(|reset| cases.map(|case| (reset, case)))
            {
                let host = &mut bench.inputs.hosts[0];
                (host.reset, host.link_up) = (reset, reset);
                bench.ports[0].set_link(false);
                (0..down).for_each(|_| bench.step());
                bench.received[0].clear();
                let host = &mut bench.inputs.hosts[0];
                (host.reset, host.link_up) = (false, true);
                bench.ports[0].set_link(true);
                (0..late).for_each(|_| bench.step());
                bench.ports[0].send(request(tag));
                bench.until("it is sent", 1000, |bench| bench.ports[0].is_empty());
                (0..400).for_each(|_| bench.step());
                let answers: Vec<_> = bench.received[0].drain(..).map(|(_, tlp)| tlp).collect();
                assert_eq!(answers.len(), 1, "{down} clocks, {late} late, {reset}: {answers:02x?}");
                let answer = TlpView::parse(&answers[0]).unwrap();
                assert_eq!((answer.status(), answer.tag()), (status, Tag(tag)));
            }
        }
    }
}
