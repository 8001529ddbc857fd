//! Blocks of the endpoint one by one.

use crate::endpoint::{Decode, DmaReads, Egress, Memory, Signals};
use crate::testing::{clocked, Bench};
use peb_hdl::prelude::*;
use peb_sim::stream::pack;
use peb_tlp::{FunctionId, RequestId, Tag, Tlp};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

clocked!(Decode, DmaReads, Egress, Signals);

impl crate::testing::Clocked for Memory {
    fn connect_clock(&mut self) {
        self.clock.next = Clk::new(0);
    }
    fn set_reset(&mut self, _: bool) {}
}

#[test]
fn memory_at_any_byte() {
    let seed = 5;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bench = Bench::new("endpoint_memory", Memory::default());
    let mut model = vec![0u8; 8192];
    let mut last = (0, 0, 0);
    for n in 0..8000 {
        // Small addresses, so that bytes are read that were written; the end, where they wrap.
        let place = |rng: &mut ChaCha8Rng| (rng.gen_range(0..64u64) + 8160) % 8192;
        let (write, data, enables) = (place(&mut rng), rng.gen::<u32>(), rng.gen_range(0..16u64));
        // What is read a clock after it came to be written is nobody's business.
        let mut read = place(&mut rng);
        while last.2 != 0 && !(8..=8184).contains(&((last.0 + 8192 - read) % 8192)) {
            read = place(&mut rng);
        }
        let d = bench.dut();
        d.write_address.next = write.into();
        d.write_data.next = u64::from(data).into();
        d.write_enables.next = enables.into();
        d.read_address.next = read.into();
        d.read_next_row.next = (((read >> 2) + 1) & 0x7ff).into();
        let expected = (0..4).fold(0, |word, k| word | u64::from(model[(read as usize + k) % 8192]) << (8 * k));
        bench.tick();
        bench.settle();
        assert_eq!(bench.dut().read_data.val().raw(), expected, "seed {seed}, clock {n}");
        for k in (0..4).filter(|k| last.2 >> k & 1 == 1) {
            model[(last.0 as usize + k) % 8192] = u32::to_le_bytes(last.1)[k];
        }
        last = (write, data, enables);
    }
    bench.assert_equivalent();
}

#[test]
fn egress_keeps_tlps_whole_and_streams_in_order() {
    let seed = 6;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bench = Bench::unwatched("endpoint_egress", Egress::default());
    bench.reset();
    // The top byte of each dword names its stream.
    let mut offered: [VecDeque<(u32, bool)>; 3] = Default::default();
    let mut expected: [VecDeque<Vec<u32>>; 3] = Default::default();
    let (mut got, mut inside, mut seen, mut held) = (Vec::new(), [false; 3], 0, 0);
    for n in 0..12_000 {
        for k in 0..3 {
            if offered[k].is_empty() && rng.gen_ratio(1, 10) {
                let tlp: Vec<u32> =
                    (0..rng.gen_range(3..12)).map(|_| (k as u32) << 24 | rng.gen_range(0..1 << 24)).collect();
                offered[k].extend(tlp.iter().enumerate().map(|(i, &dword)| (dword, i + 1 == tlp.len())));
                expected[k].push_back(tlp);
            }
        }
        // Stream 1 is non-posted in turns of 100 clocks, and held up in some.
        let (non_posted, np_ok) = (n / 100 % 2 == 0, n / 300 % 2 == 0);
        let d = bench.dut();
        d.non_posted.next = non_posted;
        d.np_ok.next = np_ok;
        d.tready.next = rng.gen_bool(0.7);
        for k in 0..3 {
            let head = offered[k].front().copied();
            d.start[k].next = head.is_some() && !inside[k];
            d.valid[k].next = head.is_some() && rng.gen_bool(0.8);
            // One dword in eight is that of memory, which is one for all streams.
            let (dword, _) = head.unwrap_or_default();
            d.from_memory[k].next = dword & 7 == 0;
            d.dword[k].next = u64::from(if dword & 7 == 0 { !dword } else { dword }).into();
            d.last[k].next = head.unwrap_or_default().1;
        }
        bench.settle();
        let d = bench.dut();
        assert!(d.owner.val().raw().count_ones() <= 1);
        let owner = (0..3).find(|&k| d.owner.val().get_bit(k));
        let memory = owner.and_then(|k| offered[k].front()).map_or_else(|| rng.gen(), |&(dword, _)| dword);
        d.memory.next = u64::from(memory).into();
        bench.settle();
        let d = bench.dut();
        for k in 0..3 {
            if d.ready[k].val() && d.valid[k].val() {
                let (_, last) = offered[k].pop_front().expect("a dword");
                if !inside[k] && k == 1 && non_posted {
                    held += usize::from(!np_ok);
                }
                inside[k] = !last;
            }
        }
        if d.tvalid.val() && d.tready.val() {
            let data = d.tdata.val().raw();
            got.push(data as u32);
            if d.tkeep.val().raw() == 0xff {
                got.push((data >> 32) as u32);
            }
            if d.tlast.val() {
                let tlp = std::mem::take(&mut got);
                assert_eq!(expected[(tlp[0] >> 24) as usize].pop_front(), Some(tlp), "seed {seed}, clock {n}");
                seen += 1;
            } else {
                assert_eq!(d.tkeep.val().raw(), 0xff);
            }
        }
        bench.tick();
    }
    assert!(seen > 400, "seed {seed}: {seen}");
    // Only a turn that was given in the clock before np_ok fell may begin then.
    assert!(held <= 20, "seed {seed}: {held} non-posted TLPs began while held up");
    bench.assert_equivalent();
}

#[test]
fn a_tlp_cut_short_is_dropped_and_the_next_is_taken() {
    let seed = 7;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bench = Bench::unwatched("endpoint_decode", Decode::default());
    bench.dut().memory_on.next = true;
    bench.dut().bar.next = (0xe000_4000u64 >> 14).into();
    bench.reset();
    let (mut whole, mut cut) = (0, 0);
    for n in 0..400 {
        let data: Vec<u8> = (0..4 * rng.gen_range(1..16)).map(|_| rng.gen()).collect();
        let id = RequestId { requester: FunctionId(rng.gen()), tag: Tag(rng.gen_range(0..1024)) };
        let at = 0xe000_4000 + 4 * rng.gen_range(0..256u64);
        let tlp = match n % 4 {
            0 => Tlp::memory_write(id, at, &data),
            1 => Tlp::memory_write(id, 0x1_0000_0000 + at, &data),
            2 => Tlp::memory_read(id, at, data.len()),
            _ => Tlp::config_write(id, FunctionId(0x1230), 0x3c, false, [data[0]; 4]),
        };
        let tlp = tlp.expect("well formed");
        let mut bytes = tlp.as_bytes().to_vec();
        let short = rng.gen_ratio(1, 4);
        if short {
            bytes.truncate(8 * rng.gen_range(1..=(bytes.len() / 4 - 1) / 2));
        }
        let mut beats: VecDeque<_> = pack(&bytes).into();
        let (mut written, mut requests) = (vec![], 0);
        let mut idle = 0;
        while idle < 6 {
            let beat = if rng.gen_bool(0.8) { beats.front().copied() } else { None };
            let d = bench.dut();
            d.tvalid.next = beat.is_some();
            d.tdata.next = beat.map_or(0, |b| b.data).into();
            d.tlast.next = beat.is_some_and(|b| b.last);
            bench.settle();
            let d = bench.dut();
            if d.dword_valid.val() && d.write.val() {
                assert_eq!(d.dword_address.val().raw(), (at & 0x3fff) + written.len() as u64);
                written.extend((d.dword.val().raw() as u32).to_le_bytes());
            }
            if d.requested.val() {
                requests += 1;
                let seen = (d.requester.val().raw() as u16, d.tag.val().raw() as u16);
                assert_eq!(seen, (id.requester.0, id.tag.0), "seed {seed}, TLP {n}");
                assert_eq!(d.kind.val().raw(), if n % 4 == 2 { 3 } else { 2 });
                if n % 4 == 3 {
                    assert_eq!((d.value.val().raw() as u8, d.address.val().raw()), (data[0], 0xf));
                }
            }
            if beat.is_some() && d.tready.val() {
                beats.pop_front();
            }
            idle = if beats.is_empty() { idle + 1 } else { 0 };
            bench.tick();
        }
        if short {
            cut += 1;
            assert_eq!(requests, 0, "seed {seed}, TLP {n}");
        } else {
            whole += 1;
            let expected: &[u8] = if n % 4 == 0 { &data } else { &[] };
            assert_eq!((written.as_slice(), requests), (expected, usize::from(n % 4 > 1)), "seed {seed}, TLP {n}");
        }
    }
    assert!(whole > 200 && cut > 50);
    bench.assert_equivalent();
}

#[test]
fn reads_without_completion_time_out_together() {
    let mut bench = Bench::unwatched("endpoint_dma_reads", DmaReads::with_timeout(100));
    bench.reset();
    for tag in 0..8 {
        bench.dut().issue.next = true;
        bench.dut().issue_bytes.next = 64.into();
        bench.settle();
        assert!(bench.dut().issue_ready.val());
        assert_eq!(bench.dut().issue_tag.val().raw(), tag);
        bench.tick();
    }
    bench.dut().issue.next = false;
    bench.settle();
    assert!(!bench.dut().issue_ready.val() && !bench.dut().idle.val());
    let mut failures = 0;
    for _ in 0..150 {
        bench.settle();
        failures += usize::from(bench.dut().failed.val());
        bench.tick();
    }
    assert!(failures == 1 && bench.dut().idle.val());
    // Not with timeouts off.
    bench.dut().timeout_off.next = true;
    bench.dut().issue.next = true;
    bench.tick();
    bench.dut().issue.next = false;
    bench.clocks(300);
    assert!(!bench.dut().idle.val());
    bench.assert_equivalent();
}

#[test]
fn an_interrupt_goes_where_it_is_told() {
    for address in [0xfee0_1004u64, 0x12_fee0_1000] {
        let mut bench = Bench::unwatched("endpoint_signals", Signals::default());
        bench.reset();
        let d = bench.dut();
        (d.enabled.next, d.master.next, d.ready.next) = (true, true, true);
        d.address.next = address.into();
        d.data.next = 0xbeef.into();
        d.id.next = 0x0310.into();
        d.interrupt.next = true;
        bench.tick();
        bench.dut().interrupt.next = false;
        let mut bytes = vec![];
        for _ in 0..12 {
            bench.settle();
            if bench.dut().valid.val() {
                bytes.extend((bench.dut().dword.val().raw() as u32).to_le_bytes());
            }
            bench.tick();
        }
        let id = RequestId { requester: FunctionId(0x0310), tag: Tag(0) };
        assert_eq!(bytes, Tlp::memory_write(id, address, &[0xef, 0xbe, 0, 0]).expect("well formed").as_bytes());
        bench.assert_equivalent();
    }
}
