//! One block among peers that say anything: what it answers and who has a session, frame by frame against a model.

use super::*;
use crate::testing::{Bench, Clocked};
use peb_hdl::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const OWN: u64 = 0x0250_4542_0001;
const DOWN: u64 = 0x80_0000;

/// What a frame did: the session that took it, frames of no session, refused joins, flushes, frames in answer.
#[derive(Debug, Default, PartialEq)]
struct Effect {
    accepted: Option<usize>,
    stale: usize,
    refused: usize,
    flushed: Option<usize>,
    answers: Vec<Frame>,
}

/// The block with receiver, transmitter and queues around it.
struct Lone<const N: usize> {
    bench: Bench<Sessions<N>>,
    rng: ChaCha8Rng,
    clock: u64,
    flushing: [u64; 3],
    seen: Effect,
}

impl<const N: usize> Lone<N>
where
    Sessions<N>: Clocked,
{
    fn new(name: &str, dut: Sessions<N>, seed: u64) -> Self {
        println!("{name}: seed {seed}");
        let mut bench = Bench::unwatched(name, dut);
        let d = bench.dut();
        d.own_mac.next = OWN.into();
        d.enable.next = true;
        d.vlan.next = 100.into();
        d.hello_ticks.next = 60.into();
        d.down_ticks.next = DOWN.into();
        d.ctl_ready.next = true;
        d.tx_idle.next = true;
        bench.reset();
        Lone { bench, rng: ChaCha8Rng::seed_from_u64(seed), clock: 0, flushing: [0; 3], seen: Effect::default() }
    }

    fn tick(&mut self) {
        self.clock += 1;
        let (tick, ticks) = (self.clock % 4 == 0, self.clock / 4);
        let (session, other) = (self.rng.gen_range(0..N as u64), self.rng.gen_range(0..8u64));
        let spoke = self.rng.gen_bool(0.02);
        let d = self.bench.dut();
        d.tick.next = tick;
        d.ticks.next = ticks.into();
        d.stat_session.next = other.into();
        d.keepalive_sent.next = spoke;
        d.keepalive_sent_session.next = session.into();
        let done = self.flushing.map(|n| n == 1);
        [d.flush_done_packer.next, d.flush_done_control.next, d.flush_done_reassembly.next] = done;
        self.bench.settle();
        self.flushing = self.flushing.map(|n| n.saturating_sub(1));
        let d = self.bench.dut();
        if d.flush.val() && self.seen.flushed.is_none() {
            self.seen.flushed = Some(d.flush_session.val().index());
            self.flushing = [(); 3].map(|()| self.rng.gen_range(1..12));
        }
        self.seen.stale += usize::from(d.stale.val());
        self.seen.refused += usize::from(d.joins_refused.val());
        if d.ctl_valid.val() && d.ctl_ready.val() {
            let frame = Frame {
                dst: d.ctl_dst.val().raw(),
                src: OWN,
                vid: d.vid.val().raw(),
                kind: d.ctl_kind.val().raw(),
                flags: d.ctl_flags.val().raw(),
                src_epoch: d.ctl_src_epoch.val().raw(),
                dst_epoch: d.ctl_dst_epoch.val().raw(),
                index: d.ctl_index.val().raw(),
                arg: d.ctl_arg.val().raw(),
            };
            self.seen.answers.push(frame);
        }
        self.bench.tick();
    }

    /// What happens in some clocks without a frame.
    fn rest(&mut self, clocks: usize) -> Effect {
        (0..clocks).for_each(|_| self.tick());
        std::mem::take(&mut self.seen)
    }

    /// What a frame does, announcements that came before or meanwhile left out.
    fn say(&mut self, frame: Frame) -> Effect {
        // No answer may find the port occupied.
        while self.bench.dut().ctl_valid.val() {
            self.tick();
        }
        self.seen = Effect::default();
        let d = self.bench.dut();
        d.valid.next = true;
        d.src.next = frame.src.into();
        d.kind.next = frame.kind.into();
        d.flags.next = frame.flags.into();
        d.src_epoch.next = frame.src_epoch.into();
        d.dst_epoch.next = frame.dst_epoch.into();
        d.index.next = frame.index.into();
        d.arg.next = frame.arg.into();
        let (mut used, mut done) = ([0; 2], false);
        for _ in 0..200 {
            self.bench.settle();
            let d = self.bench.dut();
            if d.accept.val() && self.seen.accepted.is_none() {
                self.seen.accepted = Some(d.accept_session.val().index());
                used = [(); 2].map(|()| self.rng.gen_range(1..20));
            }
            let d = self.bench.dut();
            (d.rx_done.next, d.tx_done.next) = (used[0] == 1, used[1] == 1);
            used = used.map(|n: u64| n.saturating_sub(1));
            self.bench.settle();
            done = self.bench.dut().done.val();
            self.tick();
            if done {
                break;
            }
        }
        assert!(done, "not over in 200 clocks: {frame:x?}");
        let d = self.bench.dut();
        (d.valid.next, d.rx_done.next, d.tx_done.next) = (false, false, false);
        self.tick();
        let mut effect = std::mem::take(&mut self.seen);
        effect.answers.retain(|frame| frame.kind != 1);
        effect
    }

    /// Whom the transmitter would send to.
    fn peer(&mut self, session: usize) -> (u64, u64, u64) {
        self.bench.dut().tx_session.next = (session as u64).into();
        self.bench.settle();
        let d = self.bench.dut();
        (d.peer_mac.val().raw(), d.peer_epoch.val().raw(), d.my_epoch.val().raw())
    }
}

/// An end of a session: peer's and own epoch.
type Epochs = (u64, u64);

/// Who has which slot, by the rules in the block's documentation.
#[derive(Default)]
struct Slots {
    macs: [u64; 8],
    up: [Option<Epochs>; 8],
    offers: [Option<Epochs>; 8],
    epoch: u64,
}

impl Slots {
    fn fresh(&mut self) -> u64 {
        self.epoch = if self.epoch == 0xffff { 1 } else { self.epoch + 1 };
        self.epoch
    }

    /// The slot for a HELLO: bound, offered, had, free.
    fn choose(&self, mac: u64, wish: Option<u64>) -> Option<usize> {
        let rank = |slot: &usize| match (self.macs[*slot] == mac, self.up[*slot], self.offers[*slot]) {
            (true, Some(_), _) => 4,
            (true, None, Some(_)) => 3,
            (true, None, None) => 2,
            (false, None, None) => 1,
            _ => 0,
        };
        let slots = (0..8).filter(|&slot| wish.is_none_or(|wish| wish == slot as u64)).rev();
        slots.max_by_key(rank).filter(|slot| rank(slot) > 0)
    }

    /// What a frame does.
    fn takes(&mut self, f: Frame) -> Effect {
        let mut effect = Effect::default();
        let slot = f.index as usize;
        let here = f.index < 8 && self.macs[slot % 8] == f.src;
        let ours = here && self.up[slot % 8] == Some((f.src_epoch, f.dst_epoch));
        match f.kind {
            0 if ours => effect.accepted = Some(slot),
            1 => {
                let wish = (f.arg >> 31 == 0).then_some(f.arg >> 24 & 0x1f);
                let Some(slot) = self.choose(f.src, wish) else {
                    effect.refused = 1;
                    return effect;
                };
                if self.up[slot].is_some_and(|up| up.0 == f.src_epoch) {
                    effect.stale = 1;
                    return effect;
                }
                self.macs[slot] = f.src;
                if self.offers[slot].is_none_or(|offer| offer.0 != f.src_epoch) {
                    self.offers[slot] = Some((f.src_epoch, self.fresh()));
                }
                let own = self.offers[slot].expect("an offer").1;
                let arg = (slot as u64) << 24 | DOWN;
                let (flags, index) = (2 | u64::from(self.up.iter().any(|up| up.is_some())) << 2, 0);
                let offer = Frame { dst: f.src, src: OWN, vid: 100, kind: 2, flags, src_epoch: own, index, arg, ..f };
                effect.answers.push(Frame { dst_epoch: f.src_epoch, ..offer });
            }
            3 if here && self.offers[slot].is_some() && self.offers[slot] == Some((f.src_epoch, f.dst_epoch)) => {
                effect.flushed = self.up[slot].map(|_| slot);
                self.up[slot] = self.offers[slot].take();
            }
            3 if ours => {}
            4 if ours => {
                effect.flushed = Some(slot);
                (self.up[slot], self.offers[slot]) = (None, None);
            }
            _ => effect.stale = 1,
        }
        effect
    }
}

/// A frame that could be meant: with what some slot has, or would have, mostly.
fn frame(model: &Slots, rng: &mut ChaCha8Rng, strangers: &[u64]) -> Frame {
    let slot = rng.gen_range(0..8usize);
    let known = if rng.gen() { model.up[slot] } else { model.offers[slot] }.or(model.up[slot]);
    let (mut src_epoch, mut dst_epoch) = known.unwrap_or((rng.gen_range(1..0x1_0000), rng.gen_range(1..0x1_0000)));
    let (mut src, mut index) = (model.macs[slot], slot as u64);
    let mut kind = *[0, 0, 1, 1, 1, 3, 3, 3, 4, 2, 9].get(rng.gen_range(0..11usize)).expect("a kind");
    match rng.gen_range(0..12) {
        0 => src_epoch = rng.gen_range(1..0x1_0000),
        1 => dst_epoch = rng.gen_range(1..0x1_0000),
        2 => src ^= 1 << rng.gen_range(0..48),
        3 => index = rng.gen_range(0..256),
        4 => kind = rng.gen_range(0..16),
        _ => {}
    }
    let mut arg = u64::from(rng.gen::<u32>()) & 0x1fff_ffff & !DOWN;
    if kind == 1 {
        arg |= u64::from(rng.gen_bool(0.7)) << 31;
        if rng.gen() {
            (src, src_epoch) = (strangers[rng.gen_range(0..strangers.len())], rng.gen_range(1..0x1_0000));
        }
    }
    Frame { dst: OWN, src, vid: 100, kind, flags: 0, src_epoch, dst_epoch, index, arg }
}

#[test]
fn a_host_gives_its_eight_slots_by_the_rules() {
    for seed in [1, 2] {
        let mut host = Lone::new("sessions_strangers", Sessions::<8>::host(), seed);
        let mut model = Slots { epoch: 0, ..Slots::default() };
        host.rest(40);
        let strangers: Vec<u64> = (0..14).map(|_| host.rng.gen::<u64>() & 0xfeff_ffff_ffff).collect();
        // The first announcement has taken an epoch.
        model.fresh();
        let (mut accepted, mut ends) = (0, 0);
        for n in 0..1500 {
            let frame = frame(&model, &mut host.rng, &strangers);
            let (got, want) = (host.say(frame), model.takes(frame));
            assert_eq!(got, want, "seed {seed}, frame {n}: {frame:x?}");
            accepted += usize::from(want.accepted.is_some());
            ends += usize::from(want.flushed.is_some());
            let up: u64 = (0..8).map(|slot| u64::from(model.up[slot].is_some()) << slot).sum();
            assert_eq!(host.bench.dut().session_up.val().raw(), up, "seed {seed}, frame {n}: {frame:x?}");
            let slot = host.rng.gen_range(0..8);
            if let Some((theirs, own)) = model.up[slot] {
                assert_eq!(host.peer(slot), (model.macs[slot], theirs, own), "seed {seed}, frame {n}: slot {slot}");
            }
        }
        assert!(accepted > 50 && ends > 50, "{accepted} frames of sessions, {ends} ends");
        // Everybody is told when it leaves; when it comes back it knows nobody.
        host.bench.dut().enable.next = false;
        let up = model.up.iter().flatten().count();
        let said: Vec<u64> = (0..80).flat_map(|_| host.rest(20).answers).map(|frame| frame.kind).collect();
        assert_eq!(said.iter().filter(|&&kind| kind == 4).count(), 3 * up);
        assert_eq!(host.bench.dut().session_up.val().raw(), 0);
        let hello =
            Frame { kind: 1, src: strangers[0], index: 0, arg: 1 << 31, ..frame(&model, &mut host.rng, &strangers) };
        assert_eq!(host.say(hello), Effect::default(), "one that has left gives no slots");
        assert_eq!(host.say(Frame { kind: 3, ..hello }), Effect { stale: 1, ..Effect::default() });
        // Back again, it has forgotten whom it made an offer; one that is not answered lasts as long as silence.
        host.bench.dut().enable.next = true;
        host.bench.dut().down_ticks.next = 400.into();
        host.rest(400);
        for slot in 0..8 {
            let Some((src_epoch, dst_epoch)) = model.offers[slot] else { continue };
            let late = Frame { kind: 3, src: model.macs[slot], src_epoch, dst_epoch, index: slot as u64, ..hello };
            assert_eq!(host.say(late).stale, 1, "seed {seed}, slot {slot}");
        }
        for (wait, stale) in [(1000, 0), (2000, 1)] {
            let hello = Frame { src: host.rng.gen::<u64>() & 0xfeff_ffff_ffff, ..hello };
            let offer = host.say(hello).answers[0];
            host.rest(wait);
            let (dst_epoch, index) = (offer.src_epoch, offer.arg >> 24);
            assert_eq!(
                host.say(Frame { kind: 3, dst_epoch, index, ..hello }).stale,
                stale,
                "{wait} clocks after an offer"
            );
        }
        host.bench.assert_equivalent();
    }
}

#[test]
fn a_device_takes_what_it_is_offered() {
    for seed in [3, 4] {
        let mut io = Lone::new("sessions_offers", Sessions::<1>::io(), seed);
        for n in 0..100 {
            let label = format!("seed {seed}, round {n}");
            // Its announcement tells its epoch and its wish.
            let (any, wanted) = (io.rng.gen(), io.rng.gen_range(0..32u64));
            io.bench.dut().slot_any.next = any;
            io.bench.dut().slot_wanted.next = wanted.into();
            io.rest(4);
            let hello = (0..40).flat_map(|_| io.rest(100).answers).find(|frame| frame.kind == 1).expect("a HELLO");
            assert_eq!((hello.dst, hello.arg >> 31 == 1, hello.arg >> 24 & 0x1f), (BROADCAST, any, wanted), "{label}");
            let (host, epoch) = (io.rng.gen::<u64>() & 0xfeff_ffff_ffff, io.rng.gen_range(1..0x1_0000));
            let (slot, index) = (io.rng.gen_range(0..32u64), 0);
            let arg = slot << 24 | io.rng.gen_range(1..DOWN);
            let offer =
                Frame { dst: OWN, src: host, kind: 2, src_epoch: epoch, dst_epoch: hello.src_epoch, arg, ..hello };
            // One for somebody it was before is none.
            let old = Frame { dst_epoch: offer.dst_epoch ^ 1 << io.rng.gen_range(0..16), ..offer };
            assert_eq!(io.say(old), Effect { stale: 1, ..Effect::default() }, "{label}");
            assert_eq!(io.say(offer).stale, 0, "{label}");
            let confirm = (0..40).flat_map(|_| io.rest(20).answers).find(|frame| frame.kind == 3).expect("a CONFIRM");
            let said = (confirm.dst, confirm.src_epoch, confirm.dst_epoch, confirm.index);
            assert_eq!(said, (host, hello.src_epoch, epoch, slot), "{label}");
            if n % 25 == 24 {
                // The host says no more: it asks some times, then it is somebody else.
                let said: Vec<Frame> = (0..60).flat_map(|_| io.rest(100).answers).collect();
                let asked = said.iter().take_while(|frame| frame.kind == 3).count();
                assert!((12..=14).contains(&asked), "{label}: {asked} more CONFIRM");
                let other = said[asked];
                assert!(other.kind == 1 && other.src_epoch != hello.src_epoch, "{label}: {other:x?}");
                assert_eq!(io.say(Frame { kind: 0, index, ..offer }).stale, 1, "{label}");
                continue;
            }
            assert_eq!(io.bench.dut().session_up.val().raw(), 0, "{label}");
            let data = Frame { kind: 0, index, ..offer };
            let first = io.say(data);
            assert_eq!((first.accepted, first.stale), (Some(0), 0), "{label}");
            assert_eq!(io.bench.dut().session_up.val().raw(), 1, "{label}");
            assert_eq!(io.peer(0), (host, epoch, hello.src_epoch), "{label}");
            assert_eq!(io.bench.dut().peer_index.val().raw(), slot, "{label}");
            let leave = Frame { kind: 4, ..data };
            assert_eq!(io.say(leave), Effect { flushed: Some(0), ..Effect::default() }, "{label}");
            assert_eq!(io.say(data).stale, 1, "{label}");
        }
        io.bench.assert_equivalent();
    }
}

#[test]
fn epochs_begin_again_with_1() {
    let mut sim = Sim::new(Sessions::<1>::host(), Clocked::connect_clock);
    let d = &mut sim.dut;
    (d.enable.next, d.ctl_ready.next) = (true, true);
    (d.own_mac.next, d.src.next, d.kind.next, d.arg.next) = (OWN.into(), 7.into(), 1.into(), (1 << 31).into());
    let (mut said, mut last, mut wrapped) = (1_u64, 0, false);
    for clock in 0..2_000_000 {
        sim.dut.valid.next = clock > 20;
        sim.dut.src_epoch.next = (said & 0xffff).into();
        sim.settle();
        if sim.dut.ctl_valid.val() && sim.dut.ctl_kind.val().raw() == 2 {
            let epoch = sim.dut.ctl_src_epoch.val().raw();
            assert!(epoch == last + 1 || last < 2 || (last, epoch) == (0xffff, 1), "{epoch} after {last}");
            (wrapped, last) = (wrapped || epoch < last, epoch);
        }
        said += u64::from(sim.dut.done.val());
        sim.tick();
        if wrapped && last == 3 {
            return;
        }
    }
    panic!("no more than {last} epochs");
}
