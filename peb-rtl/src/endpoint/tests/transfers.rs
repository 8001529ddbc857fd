//! Completer, DMA engine and decoder alone, with random requests and pauses.

use crate::endpoint::{Completer, Decode, Dma};
use crate::testing::{clocked, Bench};
use peb_sim::requester::Requester;
use peb_sim::stream::pack;
use peb_tlp::{CompletionStatus, FunctionId, RequestId, Tag, Tlp, TlpType, TlpView};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Completer, Dma);

const SELF: FunctionId = FunctionId::new(5, 1, 0);

/// The dword of BAR 0 and of configuration space at an address, as the test has it.
fn word(address: u64) -> u32 {
    (address as u32).wrapping_mul(0x9e37_79b1) ^ 0x1234_5678
}

#[test]
fn every_request_gets_its_completions_in_order() {
    for seed in 1..=4 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::unwatched("endpoint_completer", Completer::default());
        bench.dut().id.next = u64::from(SELF.0).into();
        bench.reset();
        let payload = seed % 3;
        bench.dut().payload.next = payload.into();
        let mut requester = Requester::new(32, 100_000);
        let (mut waiting, mut expected): (VecDeque<(u16, u64, Tlp)>, _) = (VecDeque::new(), VecDeque::new());
        let (mut addresses, mut tlp, mut writes, mut refused, mut ok) = ((0, 0), vec![], vec![], 0, 0);
        let (mut asked, mut ended, mut written, mut bad) = (0, 0, vec![], 0);
        for now in 0..60_000_u64 {
            if now >= 8000 && waiting.is_empty() {
                break;
            }
            // A request now and then, up to a few clocks after np_ok fell.
            let d = bench.dut();
            d.requested.next = false;
            ok = if d.np_ok.val() { 0 } else { ok + 1 };
            if now < 8000 && ok < 4 && rng.gen_ratio(1, 12) {
                if let Some(tag) = requester.free_tag() {
                    let id = RequestId { requester: FunctionId::new(0, 3, 1), tag };
                    let kind = rng.gen_range(0..5_u64);
                    let at = rng.gen_range(0..0x1000_u64);
                    let request = match kind {
                        1 => Tlp::config_read(id, SELF, (at as u16 & 0x3ff) * 4, false),
                        2 => {
                            Tlp::config_write(id, SELF, (at as u16 & 0x3ff) * 4, false, rng.gen::<u32>().to_le_bytes())
                        }
                        0 => Tlp::io_read(id, 0x1000),
                        _ => {
                            let from = at * 4 + rng.gen_range(0..4);
                            let most = (0x1000 - from % 0x1000).min(0x4000 - from);
                            Tlp::memory_read(id, from, rng.gen_range(1..=most.min(1500)) as usize)
                        }
                    };
                    let request = request.expect("well formed");
                    requester.issue(now, &request).expect("a free tag");
                    let view = TlpView::parse(request.as_bytes()).expect("well formed");
                    let bytes = request.as_bytes();
                    d.requested.next = true;
                    d.kind.next = kind.into();
                    d.requester.next = u64::from(id.requester.0).into();
                    d.tag.next = u64::from(tag.0).into();
                    d.traffic.next = 0.into();
                    d.attributes.next = 0.into();
                    d.length.next = (u64::from(view.length_dw()) & 0x3ff).into();
                    d.first_enables.next = u64::from(view.first_be()).into();
                    d.last_enables.next = u64::from(view.last_be()).into();
                    let place = match kind {
                        3 | 4 => view.address() >> 2 & 0xfff,
                        _ => at & 0x3ff,
                    };
                    d.address.next = place.into();
                    let value = if kind == 2 { u32::from_le_bytes(bytes[12..16].try_into().expect("four")) } else { 0 };
                    d.value.next = u64::from(value).into();
                    if kind == 2 {
                        writes.push((place, value));
                    }
                    bad += u64::from(kind == 0 || kind == 4);
                    waiting.push_back((tag.0, kind, request));
                    asked += 1;
                }
            }
            d.ready.next = rng.gen_ratio(3, 4);
            d.config_data.next = u64::from(word(addresses.0)).into();
            d.read_data.next = u64::from(word(addresses.1)).into();
            bench.settle();
            let d = bench.dut();
            if d.config_write.val() {
                written.push((d.config_address.val().raw(), d.config_value.val().raw() as u32));
                assert_eq!(d.config_enables.val().raw(), 15);
            }
            refused += u64::from(d.unsupported.val());
            if d.valid.val() && d.ready.val() {
                assert_eq!(d.start.val(), tlp.is_empty(), "seed {seed}, clock {now}: start with the first dword");
                assert!(!d.reading.val() || !d.start.val());
                tlp.extend((d.dword.val().raw() as u32).to_le_bytes());
                if d.last.val() {
                    let view = TlpView::parse(&tlp).unwrap_or_else(|e| panic!("seed {seed}, clock {now}: {e}"));
                    assert!(view.payload().len() <= 128 << payload, "seed {seed}: Max_Payload_Size");
                    if let Some(outcome) =
                        requester.completion(now, &view).unwrap_or_else(|e| panic!("seed {seed}: {e}"))
                    {
                        expected.push_back(outcome);
                    }
                    tlp.clear();
                }
            }
            addresses = (d.config_address.val().raw(), d.read_address.val().raw());
            bench.tick();
            while let Some(outcome) = expected.pop_front() {
                let (tag, kind, request) = waiting.pop_front().expect("it was asked");
                assert_eq!(outcome.tag.0, tag, "seed {seed}, clock {now}: in the order of the requests");
                assert_eq!(outcome.completer, Some(SELF));
                assert_eq!(outcome.is_success(), (1..=3).contains(&kind), "seed {seed}, clock {now}: kind {kind}");
                let view = TlpView::parse(request.as_bytes()).expect("well formed");
                if kind == 1 {
                    let bytes = request.as_bytes();
                    let register = u64::from(u16::from_be_bytes([bytes[10], bytes[11]]) & 0xffc) / 4;
                    assert_eq!(outcome.data, word(register).to_le_bytes());
                } else if kind == 3 {
                    let from = view.address() + u64::from(view.first_be().trailing_zeros());
                    let byte = |n: u64| word((from + n) >> 2 & 0xfff).to_le_bytes()[(from + n) as usize % 4];
                    let data: Vec<u8> = (0..outcome.data.len() as u64).map(byte).collect();
                    assert!(outcome.data == data && !data.is_empty(), "seed {seed}, clock {now}: {} bytes", data.len());
                }
                ended += 1;
            }
        }
        assert!(asked > 60 && ended == asked, "seed {seed}: {ended} of {asked}");
        assert_eq!((written, refused), (writes, bad), "seed {seed}");
        bench.assert_equivalent();
    }
}

/// A transfer: the requests it becomes cover its bytes, one after the other, and no others.
#[test]
fn a_transfer_is_cut_at_the_right_places() {
    for seed in 1..=4 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::unwatched("endpoint_dma_engine", Dma::default());
        bench.dut().id.next = u64::from(SELF.0).into();
        (bench.dut().master.next, bench.dut().reads_idle.next) = (true, true);
        bench.reset();
        for round in 0..30 {
            let (payload, request) = (rng.gen_range(0..3_u64), rng.gen_range(0..3_u64));
            let to_host: bool = rng.gen();
            let host = if rng.gen() { 0xffff_fe00_u64 + rng.gen_range(0..0x200) } else { rng.gen_range(0..1 << 34) };
            let length = rng.gen_range(0..if round % 4 == 0 { 3000 } else { 40_u64 });
            let too_far = round % 10 == 9;
            let local = if too_far { 8192 - length / 2 } else { rng.gen_range(0..=8191 - length) } & 0x1fff;
            let fails = too_far && length / 2 < length && local + length > 8192;
            let d = bench.dut();
            (d.to_host.next, d.host.next) = (to_host, host.into());
            (d.local.next, d.length.next) = (local.into(), length.into());
            (d.payload.next, d.request.next) = (payload.into(), request.into());
            d.start.next = true;
            bench.tick();
            bench.dut().start.next = false;
            let (mut at, mut tlp, mut issued, mut clocks) = (host, vec![], VecDeque::new(), 0);
            let (mut address, mut next_row) = (0, 0);
            loop {
                let d = bench.dut();
                d.ready.next = rng.gen_ratio(3, 4);
                d.issue_ready.next = rng.gen_ratio(1, 3);
                d.issue_tag.next = rng.gen_range(0..8).into();
                // Memory gives four bytes from any byte on, a clock later, if it is told the next row, too.
                let from = |n: u64| if address % 4 + n < 4 { address + n } else { 4 * next_row + (address + n) % 4 };
                let byte = |n: u64| u32::from(from(n) as u8 ^ 0x5a) << (8 * n);
                let memory = (0..4).map(byte).sum::<u32>();
                bench.settle();
                let d = bench.dut();
                if d.issue.val() {
                    assert!(d.issue_ready.val() && !to_host);
                    issued.push_back((d.issue_tag.val().raw(), d.issue_local.val().raw(), d.issue_bytes.val().raw()));
                }
                if d.valid.val() && d.ready.val() {
                    assert_eq!((d.tlp.val(), d.non_posted.val()), (tlp.is_empty(), !to_host));
                    let dword = if d.reading.val() { memory } else { d.dword.val().raw() as u32 };
                    tlp.extend(dword.to_le_bytes());
                    if d.last.val() {
                        let view = TlpView::parse(&tlp).unwrap_or_else(|e| panic!("seed {seed}, round {round}: {e}"));
                        let lead = u64::from(view.first_be().trailing_zeros());
                        assert_eq!(view.address() + lead, at, "seed {seed}, round {round}: what comes next");
                        assert_eq!(view.requester(), SELF);
                        let (most, kind) =
                            if to_host { (payload, TlpType::MemWrite) } else { (request, TlpType::MemRead) };
                        assert_eq!(view.ty(), kind);
                        let last = if view.length_dw() == 1 { view.first_be() } else { view.last_be() };
                        let bytes = 4 * u64::from(view.length_dw()) - lead - u64::from(last.leading_zeros() - 4);
                        let end = at + bytes;
                        assert!(
                            at >> (7 + most) == (end - 1) >> (7 + most),
                            "seed {seed}, round {round}: crosses a boundary"
                        );
                        assert!(end == host + length || end % (128 << most) == 0, "as long as can be");
                        if to_host {
                            let want = |n: u64| (local + at - host + n) as u8 ^ 0x5a;
                            let data = &view.payload()[lead as usize..][..bytes as usize];
                            assert!(data.iter().copied().eq((0..bytes).map(want)), "seed {seed}, round {round}: data");
                        } else {
                            let of = (u64::from(view.tag().0), local + at - host, bytes);
                            assert_eq!(issued.pop_front(), Some(of), "seed {seed}, round {round}");
                        }
                        at = end;
                        tlp.clear();
                    }
                }
                (address, next_row) = (d.read_address.val().raw(), d.read_next_row.val().raw());
                let (done, failed) = (d.done.val(), d.failed.val());
                bench.tick();
                clocks += 1;
                assert!(clocks < 20_000, "seed {seed}, round {round}: no end");
                if done {
                    assert_eq!(failed, fails, "seed {seed}, round {round}");
                    break;
                }
            }
            assert!(tlp.is_empty() && at == if fails { host } else { host + length }, "seed {seed}, round {round}");
        }
        bench.assert_equivalent();
    }
}

#[test]
fn fields_of_any_tlp_are_found() {
    for seed in 1..=4 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut bench = Bench::unwatched("endpoint_decode_fields", Decode::default());
        (bench.dut().memory_on.next, bench.dut().bar.next) = (true, 0x3_8001.into());
        bench.reset();
        let bar = 0x3_8001_u64 << 14;
        for n in 0..150 {
            let id = RequestId { requester: FunctionId(rng.gen()), tag: Tag(rng.gen_range(0..256)) };
            let at = bar + rng.gen_range(0..0xe00_u64);
            let data: Vec<u8> = (0..rng.gen_range(1..80)).map(|_| rng.gen()).collect();
            let kind = rng.gen_range(0..5);
            let tlp = match kind {
                0 => Tlp::memory_read(id, at, rng.gen_range(1..500)),
                1 => Tlp::memory_write(id, at, &data),
                2 => Tlp::config_read(id, SELF, rng.gen_range(0..0x400) * 4, false),
                3 => Tlp::config_write(id, SELF, rng.gen_range(0..0x400) * 4, false, [1, 2, 3, n as u8]),
                _ => {
                    let completion = peb_tlp::Completion {
                        request: id,
                        completer: FunctionId(rng.gen()),
                        status: CompletionStatus::Successful,
                        byte_count: data.len() as u16,
                        lower_address: 0,
                    };
                    let padded = [data.clone(), vec![0; (4 - data.len() % 4) % 4]].concat();
                    Tlp::completion(completion, &padded)
                }
            };
            let tlp = tlp.expect("well formed");
            let view = TlpView::parse(tlp.as_bytes()).expect("well formed");
            let mut beats: VecDeque<_> = pack(tlp.as_bytes()).into();
            let (mut dwords, mut told, mut writes, mut offered, mut quiet) = (vec![], 0, 0, false, 0);
            while quiet < 12 {
                let d = bench.dut();
                offered |= !beats.is_empty() && rng.gen_ratio(3, 4);
                d.tvalid.next = offered;
                if let Some(beat) = beats.front() {
                    (d.tdata.next, d.tlast.next) = (beat.data.into(), beat.last);
                }
                bench.settle();
                let d = bench.dut();
                if offered && d.tready.val() {
                    beats.pop_front();
                    offered = false;
                }
                if d.dword_valid.val() && (d.write.val() || d.completion.val()) {
                    assert_eq!(d.dword_first.val(), dwords.is_empty(), "seed {seed}, TLP {n}");
                    writes += usize::from(d.write.val());
                    dwords.push((d.dword.val().raw() as u32, d.dword_address.val().raw(), d.dword_enables.val().raw()));
                }
                if d.requested.val() || d.completed.val() {
                    told += 1;
                    assert_eq!(d.completed.val(), kind == 4, "seed {seed}, TLP {n}");
                    assert_eq!(d.tag.val().raw(), u64::from(id.tag.0));
                    assert_eq!(d.requester.val().raw(), u64::from(id.requester.0));
                    if kind == 4 {
                        assert_eq!((d.status.val().raw(), d.byte_count.val().raw()), (0, data.len() as u64));
                    } else {
                        assert_eq!(d.kind.val().raw(), [3, 9, 1, 2][kind], "seed {seed}, TLP {n}");
                        assert_eq!(d.length.val().raw(), u64::from(view.length_dw()) & 0x3ff);
                        assert_eq!(d.first_enables.val().raw(), u64::from(view.first_be()));
                        assert_eq!(d.last_enables.val().raw(), u64::from(view.last_be()));
                        if kind == 0 {
                            assert_eq!(d.address.val().raw(), at >> 2 & 0xfff);
                        }
                    }
                }
                quiet = if beats.is_empty() { quiet + 1 } else { 0 };
                bench.tick();
            }
            assert_eq!(told, usize::from(kind != 1), "seed {seed}, TLP {n}");
            if kind == 1 {
                // The bytes land where they belong.
                let mut bytes = vec![];
                for (value, address, enables) in &dwords {
                    bytes.extend(
                        (0..4).filter(|b| enables >> b & 1 == 1).map(|b| (address + b, (value >> (8 * b)) as u8)),
                    );
                }
                let want: Vec<_> = data.iter().enumerate().map(|(n, byte)| ((at & 0x3fff) + n as u64, *byte)).collect();
                let same = bytes.iter().map(|(a, b)| (a & 0x3fff, *b)).eq(want.iter().copied());
                assert!(same && writes == dwords.len(), "seed {seed}, TLP {n}: {bytes:x?} is not {want:x?}");
            }
        }
        bench.assert_equivalent();
    }
}
