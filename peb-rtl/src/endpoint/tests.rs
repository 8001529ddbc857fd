//! [`Endpoint`] under a root complex: everything it does, with random stimulus, pauses and split completions.

use super::{Endpoint, ID, VENDOR_DEVICE};
use crate::testing::{clocked, Bench};
use peb_sim::answer::{AnswerConfig, Answers};
use peb_sim::memory::Memory;
use peb_sim::port::{PciePort, PortFault, PortOut, PortStalls};
use peb_sim::requester::{End, Outcome, Requester};
use peb_sim::stream::{Beat, StreamRule};
use peb_tlp::{AtomicOp, CompletionStatus, FunctionId, MsgRouting, RequestId, Tag, Tlp, TlpType, TlpView};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

mod blocks;
mod config;
mod registers;
mod transfers;

clocked!(Endpoint);

const ROOT: FunctionId = FunctionId(0);
const SELF: FunctionId = FunctionId::new(3, 2, 0);
const BAR: u64 = 0xe000_4000;
const RAM: u64 = BAR + 0x2000;
const MSI: u64 = 0xfee0_1000;
const SERIAL: u64 = 0x0250_45ff_fe42_0201;
const UR: End = End::Completed(CompletionStatus::UnsupportedRequest);

/// The root complex, and the bench under it.
struct Root {
    bench: Bench<Endpoint>,
    port: PciePort,
    requester: Requester,
    answers: Answers,
    host: Memory,
    /// Where the endpoint is.
    id: FunctionId,
    /// Limits that requests of the endpoint must keep.
    payload: usize,
    request: u16,
    /// Status that reads of host memory get instead of data, and how many still get data.
    refuse: Option<(CompletionStatus, u32)>,
    silent: bool,
    outcomes: BTreeMap<u16, Outcome>,
    interrupts: Vec<u32>,
    messages: Vec<u8>,
    now: u64,
}

impl Root {
    fn new(name: &str, stalls: PortStalls, seed: u64) -> Self {
        let mut bench = Bench::unwatched(name, Endpoint::default());
        bench.dut().serial.next = SERIAL.into();
        bench.dut().tx_tready.next = true;
        bench.reset();
        assert!(!bench.dut().link_up.val());
        bench.clocks(70);
        assert!(bench.dut().link_up.val());
        let answers = AnswerConfig { delay: 5..=60, gap: 0..=10, boundary: 64, spans: 1..=4 };
        Root {
            bench,
            port: PciePort::new("root", stalls, seed),
            requester: Requester::new(32, 20_000),
            answers: Answers::new(answers, seed),
            host: Memory::new(),
            id: SELF,
            payload: 128,
            request: 512,
            refuse: None,
            silent: false,
            outcomes: BTreeMap::new(),
            interrupts: vec![],
            messages: vec![],
            now: 0,
        }
    }

    fn step(&mut self) {
        let pins = self.port.pins();
        let beat = pins.rx.unwrap_or(Beat { data: 0, keep: 0, last: false });
        let d = self.bench.dut();
        d.rx_tdata.next = beat.data.into();
        d.rx_tlast.next = beat.last;
        d.rx_tvalid.next = pins.rx.is_some();
        d.tx_tready.next = pins.tx_ready;
        d.tx_np_ok.next = pins.tx_np_ok;
        self.bench.settle();
        let d = self.bench.dut();
        let tx = Beat { data: d.tx_tdata.val().raw(), keep: d.tx_tkeep.val().raw() as u8, last: d.tx_tlast.val() };
        let out =
            PortOut { rx_ready: d.rx_tready.val(), rx_np_ok: d.rx_np_ok.val(), tx: d.tx_tvalid.val().then_some(tx) };
        let passed = self.port.clock(&out);
        self.bench.tick();
        self.now += 1;
        match passed.fault {
            // A device may pause inside a TLP, and has 4 clocks after np_ok fell.
            Some(PortFault::Stream(fault)) if matches!(fault.rule, StreamRule::Gap(_)) => {}
            Some(PortFault::NonPosted { late, .. }) if late <= 4 => {}
            Some(fault) => panic!("clock {}: {fault}", self.now),
            None => {}
        }
        if let Some(tlp) = passed.received {
            self.receive(&tlp);
        }
        while let Some(tlp) = self.answers.due(self.now) {
            self.port.send(tlp);
        }
        assert_eq!(self.requester.expired(self.now), None);
    }

    fn receive(&mut self, bytes: &[u8]) {
        let tlp = TlpView::parse(bytes).unwrap_or_else(|e| panic!("clock {}: {e}: {bytes:02x?}", self.now));
        match tlp.ty() {
            TlpType::Completion => {
                let outcome = self.requester.completion(self.now, &tlp).unwrap_or_else(|e| panic!("{e}"));
                if let Some(outcome) = outcome {
                    self.outcomes.insert(outcome.tag.0, outcome);
                }
                assert!(tlp.payload().len() <= self.payload);
            }
            TlpType::MemWrite if tlp.address() & !0xfff == MSI => {
                assert_eq!((tlp.requester(), tlp.payload().len()), (self.id, 4));
                self.interrupts.push(u32::from_le_bytes(tlp.payload().try_into().expect("four bytes")));
            }
            TlpType::MemWrite => {
                assert_eq!(tlp.requester(), self.id);
                assert!(tlp.payload().len() <= self.payload, "payload of {}", tlp.payload().len());
                self.host.write_enabled(tlp.address(), tlp.payload(), tlp.first_be(), tlp.last_be());
            }
            TlpType::MemRead => {
                assert_eq!(tlp.requester(), self.id);
                assert!(4 * tlp.length_dw() <= self.request, "request of {} dwords", tlp.length_dw());
                self.read_by_device(&tlp);
            }
            TlpType::Message(_) => self.messages.push(tlp.message_code()),
            other => panic!("{other:?}"),
        }
    }

    fn read_by_device(&mut self, tlp: &TlpView<'_>) {
        if self.silent {
            return;
        }
        if let Some((status, good)) = &mut self.refuse {
            if *good == 0 {
                let status = *status;
                return self.answers.status(self.now, tlp, ROOT, status).expect("a completion");
            }
            *good -= 1;
        }
        let data = self.host.read(tlp.address(), 4 * usize::from(tlp.length_dw()));
        self.answers.data(self.now, tlp, ROOT, &data, 256).expect("a completion");
    }

    fn run(&mut self, clocks: usize) {
        (0..clocks).for_each(|_| self.step());
    }

    /// Sends a request that wants a completion; gives its tag.
    fn ask(&mut self, request: impl FnOnce(RequestId) -> Tlp) -> Tag {
        while self.requester.free_tag().is_none() {
            self.step();
        }
        let tag = self.requester.free_tag().expect("a tag");
        let tlp = request(RequestId { requester: ROOT, tag });
        self.requester.issue(self.now, &tlp).expect("a request");
        self.port.send(tlp);
        tag
    }

    fn finish(&mut self, tag: Tag) -> Outcome {
        loop {
            if let Some(outcome) = self.outcomes.remove(&tag.0) {
                return outcome;
            }
            self.step();
        }
    }

    fn asked(&mut self, request: impl FnOnce(RequestId) -> Tlp) -> Outcome {
        let tag = self.ask(request);
        self.finish(tag)
    }

    fn config_read(&mut self, register: u16) -> u32 {
        let own = self.id;
        let outcome = self.asked(|id| Tlp::config_read(id, own, register, false).expect("well formed"));
        assert!(outcome.is_success());
        assert_eq!(outcome.completer, Some(own));
        u32::from_le_bytes(outcome.data.try_into().expect("a dword"))
    }

    fn config_write(&mut self, register: u16, value: u32, enables: u8) {
        let own = self.id;
        let outcome = self.asked(|id| {
            let tlp = Tlp::config_write(id, own, register, false, value.to_le_bytes());
            tlp.and_then(|tlp| tlp.with_byte_enables(enables, 0)).expect("well formed")
        });
        assert!(outcome.is_success());
    }

    fn write(&mut self, address: u64, data: &[u8]) {
        self.port.send(Tlp::memory_write(RequestId::default(), address, data).expect("well formed"));
    }

    fn write_u32(&mut self, offset: u64, value: u32) {
        self.write(BAR + offset, &value.to_le_bytes());
    }

    fn read(&mut self, address: u64, len: usize) -> Outcome {
        self.asked(|id| Tlp::memory_read(id, address, len).expect("well formed"))
    }

    fn read_u32(&mut self, offset: u64) -> u32 {
        u32::from_le_bytes(self.read(BAR + offset, 4).data.try_into().expect("a dword"))
    }

    /// Gives the endpoint its ID and addresses, and turns everything on.
    fn configure(&mut self) {
        self.config_write(0x10, BAR as u32, 0xf);
        self.config_write(0x54, MSI as u32, 0xf);
        self.config_write(0x5c, 0x4321, 0xf);
        self.config_write(0x50, 0x0001_0000, 0xc);
        self.config_write(0x04, 6, 0x3);
    }

    /// Moves bytes, and waits for the interrupt; gives STATUS.
    fn transfer(&mut self, to_host: bool, host: u64, local: u32, length: u32) -> u32 {
        for (offset, value) in [(0x08, host as u32), (0x0c, (host >> 32) as u32), (0x10, local), (0x14, length)] {
            self.write_u32(offset, value);
        }
        self.write_u32(0x04, 5 | u32::from(to_host) << 1);
        let seen = self.interrupts.len();
        let begun = self.now;
        while self.interrupts.len() == seen {
            self.step();
            assert!(self.now < begun + 100_000, "no interrupt");
        }
        assert_eq!(self.interrupts.last(), Some(&0x4321));
        self.read_u32(0x18)
    }
}

#[test]
fn memory_and_registers_read_as_written() {
    for seed in [1, 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut root = Root::new("endpoint_bar", PortStalls::random(), seed);
        root.configure();
        let mut model = Memory::new();
        let mut waiting = Vec::new();
        root.write(RAM, &[0; 128]);
        for n in 0..120 {
            let code: u64 = rng.gen_range(0..3);
            root.config_write(0x78, (code as u32) << 5 | 0x2000, 0xf);
            root.payload = 128 << code;
            // Writes first, for they may pass reads that came before them.
            let mut place = || {
                let at = rng.gen_range(0..0x2000u64);
                (at, rng.gen_range(1..=512).min(0x1000 - at as usize % 0x1000))
            };
            let places: [(u64, usize); 4] = [place(), place(), place(), place()];
            for &(at, len) in &places[..rng.gen_range(0..3)] {
                let data: Vec<u8> = (0..len).map(|_| rng.gen()).collect();
                model.write(at, &data);
                root.write(RAM + at, &data);
            }
            for &(at, len) in &places[rng.gen_range(0..3)..] {
                let tag = root.ask(|id| Tlp::memory_read(id, RAM + at, len).expect("well formed"));
                waiting.push((tag, model.read(at, len)));
            }
            for (tag, data) in waiting.drain(..) {
                assert_eq!(root.finish(tag).data, data, "seed {seed}, round {n}");
            }
        }
        assert!(root.read(RAM + 9, 0).is_success(), "a read of no bytes");
        assert_eq!(root.read_u32(0), ID);
        root.write_u32(0x24, 0x1234_5678);
        root.write(BAR + 0x26, &[0xab]);
        assert_eq!(root.read_u32(0x24), 0x12ab_5678);
        root.write_u32(0x28, 0x5a);
        root.bench.dut().buttons.next = 0xc3.into();
        assert_eq!([root.read_u32(0x28), root.read_u32(0x2c), root.read_u32(0x40)], [0x5a, 0xc3, 0]);
        assert_eq!(root.bench.dut().leds.val().raw(), 0x5a);
        root.bench.assert_equivalent();
    }
}

#[test]
fn dma_moves_any_bytes_both_ways() {
    for seed in [11, 12] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut root = Root::new("endpoint_dma", PortStalls::random(), seed);
        root.configure();
        for n in 0..24 {
            let (payload, request) = (rng.gen_range(0..3u32), rng.gen_range(0..6u32));
            root.config_write(0x78, payload << 5 | request << 12, 0xf);
            (root.payload, root.request) = (128 << payload, 128 << request.min(2));
            let high = if rng.gen() { rng.gen_range(1..0x100u64) << 32 } else { 0 };
            let host = match n {
                0 => 0xffff_ff01,
                _ => high + rng.gen_range(0x1000..0x4000_0000u64),
            };
            let length = if n % 3 == 0 { rng.gen_range(0..2500) } else { rng.gen_range(0..40) };
            let local = rng.gen_range(0..0x2000 - length);
            let data: Vec<u8> = (0..length).map(|_| rng.gen()).collect();
            // The bytes around must stay.
            root.host.write(host - 8, &[0xee; 8]);
            root.host.write(host, &data);
            root.host.write(host + u64::from(length), &[0xdd; 8]);
            assert_eq!(root.transfer(false, host, local, length), 2, "seed {seed}, round {n}");
            let back = (host ^ 0x4000_0000) + rng.gen_range(0..4);
            root.host.write(back - 8, &[0xaa; 8]);
            root.host.write(back + u64::from(length), &[0xbb; 8]);
            assert_eq!(root.transfer(true, back, local, length), 2, "seed {seed}, round {n}");
            let expected = [vec![0xaa; 8], data, vec![0xbb; 8]].concat();
            assert_eq!(root.host.read(back - 8, expected.len()), expected, "seed {seed}, round {n}");
        }
        assert_eq!(root.read_u32(0x1c), 48);
        root.bench.assert_equivalent();
    }
}

#[test]
fn it_is_where_it_was_last_written_to() {
    for seed in [21, 22] {
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut root = Root::new("endpoint_places", PortStalls::random(), seed);
        for n in 0..24 {
            root.id = FunctionId::new(rng.gen(), rng.gen_range(0..32), 0);
            root.configure();
            let (lights, length) = (rng.gen::<u8>(), rng.gen_range(0..0x4000));
            root.write_u32(0x28, lights.into());
            root.write_u32(0x14, length);
            assert_eq!([root.read_u32(0x28), root.read_u32(0x14)], [lights.into(), length], "round {n}");
            assert_eq!(root.bench.dut().leds.val().raw(), u64::from(lights), "round {n}");
            let (host, local, length) = (rng.gen::<u64>() >> 1, rng.gen_range(0..0x1f00), rng.gen_range(1..0x100));
            let data: Vec<u8> = (0..length).map(|_| rng.gen()).collect();
            root.write(RAM + u64::from(local), &data);
            assert_eq!(root.transfer(true, host, local, length), 2, "round {n}");
            assert_eq!(root.host.read(host, data.len()), data, "round {n}");
        }
        root.bench.assert_equivalent();
    }
}

#[test]
fn errors_of_dma_are_told_and_leave_nothing_behind() {
    let mut root = Root::new("endpoint_errors", PortStalls::NONE, 1);
    root.configure();
    root.config_write(0x78, 0, 0xf);
    for (status, bit) in [(CompletionStatus::UnsupportedRequest, 29), (CompletionStatus::CompleterAbort, 28)] {
        root.refuse = Some((status, 2));
        assert_eq!(root.transfer(false, 0x1000, 0, 1500), 6);
        assert_eq!(root.config_read(0x04) >> 24, 1 << (bit - 24), "Received Master or Target Abort");
        root.config_write(0x04, 0xff00_0006, 0xf);
        assert_eq!(root.config_read(0x04) >> 16, 0x10);
    }
    root.refuse = None;
    // Beyond the memory; the next transfer is fine.
    assert_eq!(root.transfer(true, 0x1000, 0x1fff, 2), 6);
    root.write_u32(0x18, 2);
    assert_eq!(root.read_u32(0x18), 4);
    assert_eq!(root.transfer(true, 0x1000, 0x1fff, 1), 2);
    // Unexpected completions change nothing, and are counted as correctable.
    root.host.write(0x2000, &[7; 64]);
    let id = RequestId { requester: SELF, tag: Tag(3) };
    let stray = peb_tlp::Completion {
        request: id,
        completer: ROOT,
        status: CompletionStatus::Successful,
        byte_count: 4,
        lower_address: 0,
    };
    assert_eq!(root.config_read(0x78) >> 16 & 0xf, 0);
    root.port.send(Tlp::completion(stray, &[0xbd; 4]).expect("well formed"));
    assert_eq!(root.transfer(false, 0x2000, 0x100, 64), 2);
    assert_eq!(root.read(RAM + 0x100, 64).data, [7; 64]);
    assert_eq!(root.config_read(0x78) >> 16 & 0xf, 1);
    // Without Bus Master Enable it waits.
    root.config_write(0x04, 2, 0x3);
    root.write_u32(0x04, 7);
    root.run(500);
    assert_eq!((root.read_u32(0x18), root.interrupts.len()), (1, 5));
    root.config_write(0x04, 6, 0x3);
    root.run(500);
    assert_eq!((root.read_u32(0x18), root.interrupts.len()), (2, 6));
    root.bench.assert_equivalent();
}

#[test]
fn what_it_does_not_support_is_refused_and_noted() {
    let mut root = Root::new("endpoint_unsupported", PortStalls::NONE, 1);
    root.configure();
    let refused = |root: &mut Root, request: fn(RequestId) -> Tlp| {
        assert_eq!(root.asked(request).end, UR);
        assert_eq!(root.config_read(0x78) >> 16 & 0xf, 9, "advisory, thus correctable");
        root.config_write(0x78, 0x000f_0000, 0xc);
        assert_eq!(root.config_read(0x78) >> 16 & 0xf, 0);
    };
    refused(&mut root, |id| Tlp::memory_read(id, BAR - 0x7d, 77).expect("well formed"));
    refused(&mut root, |id| Tlp::memory_read(id, BAR - 4, 4).expect("well formed"));
    refused(&mut root, |id| Tlp::memory_read(id, BAR + 0x1_0000_0000, 4).expect("well formed"));
    refused(&mut root, |id| Tlp::io_read(id, 0x1000).expect("well formed"));
    refused(&mut root, |id| Tlp::io_write(id, 0x1000, [1; 4]).expect("well formed"));
    refused(&mut root, |id| Tlp::config_read(id, SELF, 0, true).expect("well formed"));
    refused(&mut root, |id| Tlp::config_read(id, FunctionId(SELF.0 + 1), 0, false).expect("well formed"));
    refused(&mut root, |id| Tlp::atomic(id, RAM, AtomicOp::Swap(&[1; 8])).expect("well formed"));
    refused(&mut root, |id| Tlp::atomic(id, RAM, AtomicOp::CompareSwap(&[1; 16])).expect("well formed"));
    let poisoned = root
        .asked(|id| Tlp::config_write(id, SELF, 0x3c, false, [1; 4]).expect("well formed").poisoned().with_digest(7));
    assert_eq!(poisoned.end, UR);
    assert_eq!(root.config_read(0x78) >> 16 & 0xf, 11, "poisoned data are an error of their own");
    root.config_write(0x78, 0x000f_0000, 0xc);
    root.write(BAR + 0x4000, &[1; 16]);
    assert_eq!(root.config_read(0x78) >> 16 & 0xf, 10, "not fatal");
    // Poisoned data are not written; a digest is no data.
    root.write(RAM, &[5; 8]);
    root.port.send(Tlp::memory_write(RequestId::default(), RAM, &[1; 4]).expect("well formed").poisoned());
    root.port.send(Tlp::memory_write(RequestId::default(), RAM + 4, &[2; 4]).expect("well formed").with_digest(9));
    assert_eq!(root.read(RAM, 12).data[..8], [5, 5, 5, 5, 2, 2, 2, 2]);
    assert_eq!(root.config_read(0x04) >> 31, 1);
    // In D3hot there is configuration space alone, and nothing is lost by it.
    root.config_write(0x44, 3, 0x1);
    assert_eq!(root.read(RAM, 4).end, UR);
    root.config_write(0x44, 0, 0x1);
    assert_eq!(root.read(RAM, 4).data, [5; 4]);
    let turn_off = Tlp::message(RequestId::default(), MsgRouting::Broadcast, 0x19, [0; 8], &[]);
    root.port.send(turn_off.expect("well formed"));
    root.run(100);
    assert_eq!(root.messages, [0x1b], "PME_TO_Ack");
    root.bench.assert_equivalent();
}

#[test]
fn a_reset_ends_everything_but_memory() {
    let mut root = Root::new("endpoint_reset", PortStalls::NONE, 1);
    root.configure();
    assert_eq!(root.config_read(0x00), VENDOR_DEVICE);
    root.write(RAM + 0x700, &[0x77; 32]);
    root.silent = true;
    root.write_u32(0x14, 1000);
    root.write_u32(0x04, 5);
    root.run(200);
    assert_eq!(root.read_u32(0x18), 1);
    root.bench.reset();
    root.bench.clocks(70);
    root.silent = false;
    root.config_write(0x3c, 0, 0x1);
    assert_eq!([root.config_read(0x04), root.config_read(0x10), root.config_read(0x78)], [0x0010_0000, 0, 0x2810]);
    root.configure();
    assert_eq!([root.read_u32(0x18), root.read_u32(0x14)], [0, 0]);
    assert_eq!(root.read(RAM + 0x700, 32).data, [0x77; 32]);
    assert_eq!(root.transfer(false, 0x5000, 0, 100), 2);
    root.bench.assert_equivalent();
}
