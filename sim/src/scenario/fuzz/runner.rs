//! What the rounds are made of: sending, answering, judging.

use std::collections::BTreeMap;

use peb_regs::addr;
use peb_tlp::{CompletionStatus, FunctionId, MsgRouting, Tag, TlpType, TlpView};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::errors::{Error, Reports};
use super::layout::Layout;
use super::ledger::{describe, Came, Ledger};
use super::packets::Packets;
use super::ports::SLOTS;
use super::route::{Fate, Heed, Switch};
use crate::answer::{AnswerConfig, Answers};
use crate::host::ROOT_PORT;
use crate::port::{Bare, PciePort};
use crate::scenario::stage::{Stage, Stop};
use crate::world::{Fabric, Peb};

/// Counters that must be exact.
const EXACT: [u16; 9] = [
    addr::TLPS_TAKEN,
    addr::TLPS_DELIVERED,
    addr::MALFORMED_TLPS,
    addr::UNSUPPORTED,
    addr::MADE_UP,
    addr::POSTED_DROPPED,
    addr::SOURCE_REFUSED,
    addr::MASTER_OFF,
    addr::UNEXPECTED,
];
/// Ticks after which PME_TO_Ack comes at the latest.
const TURN_OFF: u64 = 10_000;
/// Clocks in which everything that is under way comes to its end. Retransmission waits for DOWN_TICKS/8 at most, which is here less than
/// three long frames wait in the Ethernet switch: until its queues have emptied, most frames are sent again that were not lost.
pub(super) const SETTLE: u64 = 600_000;
/// Requests without an end, of a port, before it asks no more.
const OPEN: usize = 100;
/// Tags of requests.
pub(super) const TAGS: u16 = 900;

/// The state of a run.
pub struct Fuzz<'a, F> {
    pub(super) stage: &'a mut Stage<F>,
    pub(super) rng: ChaCha8Rng,
    pub(super) ledger: Ledger,
    pub(super) switches: Vec<Switch>,
    pub(super) layouts: Vec<Layout>,
    answers: BTreeMap<Peb, Answers>,
    pub(super) linked: Vec<bool>,
    /// The host that each device belongs to, after the last trouble.
    pub(super) homes: Vec<usize>,
    /// Nothing changes: every packet's fate is known.
    pub(super) exact: bool,
    /// Devices that answer nothing.
    silent: Vec<bool>,
    counted: BTreeMap<(Peb, u16), u32>,
    faults: Vec<String>,
    pub(super) tags: u16,
    /// INTA to INTD as each host sees them, and as the devices drive them: bit 4 slot + pin.
    pub(super) intx: Vec<[bool; 4]>,
    pub(super) wires: Vec<u32>,
    /// PME_Turn_Off: how many, the last one; their answers.
    turn_offs: Vec<(u64, u64)>,
    acknowledgements: Vec<(u64, u64)>,
    /// What each switch has to tell of errors.
    reports: Vec<Reports>,
    /// Packets sent and judged in steady rounds.
    sent: u64,
    came: u64,
    /// When something came last.
    pub(super) last_came: u64,
}

impl<'a, F: Fabric> Fuzz<'a, F> {
    /// Takes over all hosts and devices.
    pub fn new(stage: &'a mut Stage<F>) -> Self {
        let hosts = stage.world.hosts.len();
        let mut rng = ChaCha8Rng::seed_from_u64(stage.seed);
        stage.world.hosts.iter_mut().for_each(|host| host.root.bare = Some(Bare::default()));
        stage.world.devices.iter_mut().for_each(|device| device.bare = Some(Bare::default()));
        let pebs = super::super::pebs(&stage.world);
        let config = AnswerConfig { delay: 10..=400, ..AnswerConfig::default() };
        Fuzz {
            ledger: Ledger::default(),
            switches: (0..hosts).map(Switch::new).collect(),
            layouts: (0..hosts).map(|_| Layout::random(&mut rng)).collect(),
            answers: pebs.iter().map(|&peb| (peb, Answers::new(config.clone(), rng.gen()))).collect(),
            linked: vec![false; stage.world.devices.len()],
            homes: vec![0; stage.world.devices.len()],
            silent: vec![false; stage.world.devices.len()],
            exact: false,
            counted: BTreeMap::new(),
            faults: Vec::new(),
            tags: 0,
            intx: vec![[false; 4]; hosts],
            wires: vec![0; hosts],
            turn_offs: vec![(0, 0); hosts],
            acknowledgements: vec![(0, 0); hosts],
            reports: (0..hosts).map(|_| Reports::default()).collect(),
            sent: 0,
            came: 0,
            last_came: 0,
            rng,
            stage,
        }
    }

    /// The clock.
    pub fn now(&self) -> u64 {
        self.stage.world.now()
    }

    /// All PEBs.
    pub(super) fn pebs(&self) -> Vec<Peb> {
        super::super::pebs(&self.stage.world)
    }

    /// The pins of a host or device.
    pub(super) fn port(&mut self, peb: Peb) -> &mut PciePort {
        match peb {
            Peb::Host(n) => &mut self.stage.world.hosts[n].root.port,
            Peb::Io(n) => &mut self.stage.world.devices[n].port,
        }
    }

    pub(super) fn bare(&mut self, peb: Peb) -> Option<&mut Bare> {
        match peb {
            Peb::Host(n) => self.stage.world.hosts[n].root.bare.as_mut(),
            Peb::Io(n) => self.stage.world.devices[n].bare.as_mut(),
        }
    }

    /// Host and slot of a device.
    pub(super) fn place(&self, device: usize) -> Option<(usize, usize)> {
        self.switches.iter().find_map(|switch| Some((switch.host, switch.slot_of(device)?)))
    }

    fn fault(&mut self, what: String) {
        self.stage.world.note("FUZZ", what.clone());
        self.faults.push(what);
    }

    fn count(&mut self, peb: Peb, counter: u16) {
        *self.counted.entry((peb, counter)).or_default() += 1;
    }

    /// One clock of everything.
    pub(super) fn tick(&mut self) {
        self.stage.world.step();
        for peb in self.pebs() {
            while let Some(bytes) = self.bare(peb).and_then(|bare| bare.sent.pop_front()) {
                self.was_sent(peb, &bytes);
            }
        }
        for peb in self.pebs() {
            while let Some(bytes) = self.bare(peb).and_then(|bare| bare.received.pop_front()) {
                self.has_come(peb, &bytes);
            }
        }
        for n in 0..self.linked.len() {
            let up = self.stage.world.devices[n].link_up();
            if std::mem::replace(&mut self.linked[n], up) && !up {
                self.forget(Peb::Io(n));
            }
        }
        let now = self.now();
        for peb in self.pebs() {
            let Some(tlp) = self.answers.get_mut(&peb).and_then(|answers| answers.due(now)) else { continue };
            let poisoned = self.rng.gen_ratio(1, 20) && tlp.as_bytes()[0] & 0x40 != 0;
            self.port(peb).send(if poisoned { tlp.poisoned() } else { tlp });
        }
    }

    /// A port's link was lost, or its owner reset.
    pub(super) fn forget(&mut self, peb: Peb) {
        self.ledger.forget(peb);
        if let Some(answers) = self.answers.get_mut(&peb) {
            answers.clear();
        }
    }

    fn was_sent(&mut self, peb: Peb, bytes: &[u8]) {
        self.sent += 1;
        let Ok(tlp) = TlpView::parse(bytes) else {
            if let Peb::Host(n) = peb {
                self.reports[n].note(&self.switches[n].ports, 0, Error::Malformed);
            }
            return self.count(peb, addr::MALFORMED_TLPS);
        };
        let asker = self.ledger.asker(peb, &tlp).filter(|_| tlp.ty().is_completion());
        if let Peb::Io(_) = peb {
            self.count(peb, addr::TLPS_TAKEN);
        }
        if !self.exact {
            let mut to = self.pebs();
            to.retain(|&to| to != peb && !matches!((peb, to), (Peb::Host(_), Peb::Host(_))));
            // A host's completions go where their ID says, asked for or not; those of requests that are forgotten go nowhere.
            if tlp.ty().is_completion() && (asker.is_some() || tlp.tag().0 < TAGS || matches!(peb, Peb::Io(_))) {
                to = asker.into_iter().chain(self.astray(peb, &tlp)).collect();
            }
            if let Peb::Host(n) = peb {
                // What it writes into the registers has its effect in any case.
                self.switches[n].host_sent(&tlp);
            }
            return self.ledger.guess(peb, &tlp, to);
        }
        let (host, fate) = match peb {
            Peb::Host(n) => (n, self.switches[n].host_sent(&tlp)),
            Peb::Io(n) => {
                let Some((host, slot)) = self.place(n) else {
                    return self.fault(format!("{peb} is in no slot and sends {}", describe(&tlp)));
                };
                (host, self.switches[host].device_sent(slot, &tlp, asker))
            }
        };
        self.note_fate(peb, host, &fate);
        if let Some((port, error)) = fate.error {
            self.reports[host].note(&self.switches[host].ports, port, error);
        }
        self.ledger.sent(peb, &tlp, &fate);
    }

    /// Who gets a completion of a host's because the bus that it goes to has been given to another slot meanwhile, or to two: the lowest counts.
    fn astray(&self, peb: Peb, tlp: &TlpView<'_>) -> Option<Peb> {
        let (Peb::Host(n), bus) = (peb, tlp.requester().bus()) else { return None };
        let slot = self.switches[n].below(bus)?;
        let (first, last) = self.layouts[n].slots[slot].buses;
        (!(first..=last).contains(&bus)).then(|| self.switches[n].device(slot))?
    }

    fn note_fate(&mut self, peb: Peb, host: usize, fate: &Fate) {
        if !fate.is_something() {
            self.fault("the model has no fate for a packet".into());
        }
        if let Some(counter) = fate.counter {
            self.count(Peb::Host(host), counter);
        }
        if peb == Peb::Host(host) {
            fate.arrives.iter().for_each(|_| self.count(peb, addr::TLPS_TAKEN));
        }
        match fate.heed {
            Some(Heed::Intx(slot, pin, on)) => {
                let bit = 1 << (4 * slot + pin);
                self.wires[host] = if on { self.wires[host] | bit } else { self.wires[host] & !bit };
            }
            Some(Heed::TurnOff) => self.turn_offs[host] = (self.turn_offs[host].0 + 1, self.now()),
            Some(Heed::Ack(_) | Heed::Nothing) | None => {}
        }
    }

    fn has_come(&mut self, peb: Peb, bytes: &[u8]) {
        self.came += 1;
        self.last_came = self.now();
        if let Peb::Io(_) = peb {
            self.count(peb, addr::TLPS_DELIVERED);
        }
        match self.ledger.came(peb, bytes) {
            Ok(Came::Own(made_up)) => {
                let host = match peb {
                    Peb::Host(n) => Some(n),
                    Peb::Io(n) => self.place(n).map(|(host, _)| host),
                };
                if let Some(host) = host.filter(|_| made_up) {
                    self.count(Peb::Host(host), addr::MADE_UP);
                }
            }
            Ok(came) => {
                if let Peb::Host(_) = peb {
                    self.count(peb, addr::TLPS_DELIVERED);
                }
                if let Came::Request(_) = came {
                    self.answer(peb, bytes);
                }
            }
            Err(what) => {
                let Peb::Host(host) = peb else { return self.fault(what) };
                if !self.is_message_of_switch(host, bytes) {
                    self.fault(what);
                }
            }
        }
    }

    /// Interrupts, PME_TO_Ack and errors.
    fn is_message_of_switch(&mut self, host: usize, bytes: &[u8]) -> bool {
        let Ok(tlp) = TlpView::parse(bytes) else { return false };
        let own = tlp.requester() == self.switches[host].ports.id || !self.exact;
        match (tlp.ty(), tlp.message_code()) {
            (TlpType::Message(MsgRouting::Local), code @ 0x20..=0x27) => {
                let level = &mut self.intx[host][usize::from(code & 3)];
                own && std::mem::replace(level, code & 4 == 0) != *level
            }
            (TlpType::Message(MsgRouting::Gathered), 0x1b) => {
                self.acknowledgements[host] = (self.acknowledgements[host].0 + 1, self.stage.world.now());
                own && (!self.exact || self.acknowledgements[host].0 <= self.turn_offs[host].0)
            }
            (TlpType::Message(MsgRouting::ToRoot), code @ (0x30 | 0x31 | 0x33)) => {
                let plain = tlp.payload().is_empty() && tlp.requester().function() == 0;
                plain && (!self.exact || self.reports[host].came(&self.switches[host].ports, tlp.requester(), code))
            }
            _ => false,
        }
    }

    fn answer(&mut self, peb: Peb, bytes: &[u8]) {
        let Ok(tlp) = TlpView::parse(bytes) else { return };
        let now = self.now();
        let completer = match peb {
            Peb::Host(_) => ROOT_PORT,
            Peb::Io(n) if self.silent[n] => return,
            Peb::Io(n) => match self.place(n) {
                Some((host, slot)) => FunctionId::new(self.layouts[host].slots[slot].buses.0, 0, 0),
                None => FunctionId(0),
            },
        };
        let reads = match tlp.ty() {
            TlpType::CfgRead0 | TlpType::CfgRead1 | TlpType::IoRead => Some(4),
            TlpType::MemRead => Some(4 * usize::from(tlp.length_dw())),
            ty if ty.is_atomic() => Some(usize::from(tlp.completion_byte_count())),
            _ => None,
        };
        let data = |rng: &mut ChaCha8Rng, len: usize| (0..len).map(|_| rng.gen()).collect::<Vec<u8>>();
        let status = match self.rng.gen_range(0..30) {
            0 => CompletionStatus::UnsupportedRequest,
            1 => CompletionStatus::CompleterAbort,
            2 if tlp.ty().is_config() => CompletionStatus::ConfigRetry,
            _ => CompletionStatus::Successful,
        };
        let data = reads.filter(|_| status == CompletionStatus::Successful).map(|len| data(&mut self.rng, len));
        let limit = 128 << self.rng.gen_range(0..3);
        let Some(answers) = self.answers.get_mut(&peb) else { return };
        let made = match data {
            Some(data) => answers.data(now, &tlp, completer, &data, limit),
            None => answers.status(now, &tlp, completer, status),
        };
        if let Err(error) = made {
            self.fault(format!("no completion of {} can be made: {error}", describe(&tlp)));
        }
    }

    /// Gives some ports something to send.
    pub(super) fn feed(&mut self) {
        for peb in self.pebs() {
            if !self.rng.gen_ratio(1, 24) || self.port(peb).pending() > 4 || self.ledger.open(peb) > OPEN {
                continue;
            }
            let (host, slot) = match peb {
                Peb::Host(n) => (n, 0),
                Peb::Io(n) => match self.place(n) {
                    Some(place) => place,
                    None => continue,
                },
            };
            self.tags = (self.tags + 1) % TAGS;
            let (switch, layout) = (&self.switches[host], &self.layouts[host]);
            let mut packets = Packets { rng: &mut self.rng, switch, layout, tag: Tag(self.tags), wild: !self.exact };
            let bytes = match peb {
                Peb::Host(_) => packets.of_host(),
                Peb::Io(_) => packets.of_device(slot),
            };
            let open = TlpView::parse(&bytes).is_ok_and(|tlp| {
                tlp.class() == peb_tlp::Class::NonPosted && self.ledger.is_open(&(peb, tlp.requester(), tlp.tag()))
            });
            if !open {
                self.port(peb).send_bytes(bytes);
            }
        }
    }

    /// Lets clocks pass until something holds.
    pub(super) fn until(&mut self, limit: u64, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now() + limit;
        while !holds(self) {
            if self.now() >= end {
                return false;
            }
            self.tick();
        }
        true
    }

    pub(super) fn quiet(&mut self) -> bool {
        let pebs = self.pebs();
        pebs.iter().all(|&peb| self.port(peb).is_empty()) && self.answers.values().all(|answers| answers.waiting() == 0)
    }

    fn counters(&mut self) -> BTreeMap<(Peb, u16), u32> {
        let mut counters = BTreeMap::new();
        for peb in self.pebs() {
            for counter in EXACT {
                counters.insert((peb, counter), self.stage.world.read_register(peb, counter).unwrap_or(0));
            }
        }
        counters
    }

    /// Traffic while nothing changes: everything is exact.
    pub fn steady(&mut self, clocks: u64) -> Result<(), Stop> {
        let before = self.counters();
        (self.counted, self.sent, self.came) = (BTreeMap::new(), 0, 0);
        (self.turn_offs, self.acknowledgements) = (vec![(0, 0); self.intx.len()], vec![(0, 0); self.intx.len()]);
        self.reports.iter_mut().for_each(|reports| *reports = Reports::default());
        self.silent[0] = self.rng.gen_ratio(1, 3);
        let end = self.now() + clocks;
        while self.now() < end && self.faults.is_empty() {
            if self.rng.gen_ratio(1, 3000) {
                let (peb, clocks) = (self.pebs()[self.rng.gen_range(0..self.pebs().len())], self.rng.gen_range(1..40));
                self.port(peb).make_noise(clocks);
            }
            self.feed();
            self.tick();
        }
        let settled = self.until(SETTLE, |fuzz| {
            let silent = if fuzz.silent[0] { fuzz.ledger.waiting_for(Peb::Io(0)) } else { 0 };
            !fuzz.faults.is_empty() || (fuzz.quiet() && fuzz.ledger.pending() == silent)
        });
        (0..2000).for_each(|_| self.tick());
        let owed = self.turn_offs.iter().zip(&self.acknowledgements).any(|(off, ack)| off.0 > 0 && ack.1 < off.1);
        if owed {
            (0..TURN_OFF).for_each(|_| self.tick());
        }
        self.report()?;
        let missing = if settled { Vec::new() } else { self.ledger.missing() };
        let what = format!("{} packets sent, {} came, as they must", self.sent, self.came);
        self.stage.need(settled, format!("{what} {missing:?}"))?;
        for host in 0..self.intx.len() {
            let (off, ack) = (self.turn_offs[host], self.acknowledgements[host]);
            self.stage.check(off.0 == 0 || ack.1 >= off.1, format!("PME_Turn_Off {off:?} is acknowledged: {ack:?}"));
            let wires = self.wires[host];
            let pin = |n: usize| {
                (0..SLOTS).any(|slot| (0..4).any(|p| (p + slot) % 4 == n && wires >> (4 * slot + p) & 1 == 1))
            };
            let pins = [0, 1, 2, 3].map(pin);
            let seen = self.intx[host];
            self.stage.check(seen == pins, format!("host {host} sees INTx {seen:?}, {pins:?} driven"));
        }
        let (wrong, told): (Vec<_>, Vec<_>) = self.reports.iter().map(Reports::result).unzip();
        let wrong = wrong.concat();
        self.stage.check(wrong.is_empty(), format!("{told:?} errors are told {wrong:?}"));
        self.compare(&before)
    }

    /// The counters have moved as the packets ask.
    fn compare(&mut self, before: &BTreeMap<(Peb, u16), u32>) -> Result<(), Stop> {
        let after = self.counters();
        let mut wrong = Vec::new();
        for (key, now) in &after {
            let (moved, due) = (now.wrapping_sub(before[key]), self.counted.get(key).copied().unwrap_or(0));
            if moved != due {
                let name = peb_regs::COUNTERS.iter().find(|counter| counter.addr == key.1).map_or("?", |c| c.name);
                wrong.push(format!("{} of {} moved by {moved}, not {due}", name, key.0));
            }
        }
        self.stage.need(wrong.is_empty(), format!("the counters add up {wrong:?}"))
    }

    /// Requests that a silent device has are completed when its link falls, each once.
    pub fn lose(&mut self) -> Result<(), Stop> {
        if !self.silent[0] {
            return Ok(());
        }
        let before = self.counters();
        self.counted.clear();
        let waiting = self.ledger.waiting_for(Peb::Io(0));
        self.ledger.may_lose();
        self.stage.world.flap(0);
        let ended = self.until(SETTLE, |fuzz| fuzz.ledger.pending() == 0);
        (0..2000).for_each(|_| self.tick());
        self.report()?;
        let missing = if ended { Vec::new() } else { self.ledger.missing() };
        self.stage.check(ended, format!("{waiting} requests end with the link of their device {missing:?}"));
        self.silent[0] = false;
        self.compare(&before)
    }

    /// Stops if something was wrong.
    pub(super) fn report(&mut self) -> Result<(), Stop> {
        self.faults.truncate(4);
        let faults = std::mem::take(&mut self.faults);
        if faults.is_empty() {
            return Ok(());
        }
        self.stage.need(false, format!("everything that came had to come {faults:#?}"))
    }

    /// A reset of a host: its ports are as new, and it hears nothing of before.
    pub(super) fn host_was_reset(&mut self, host: usize) {
        self.forget(Peb::Host(host));
        self.switches[host].ports.reset();
        self.intx[host] = [false; 4];
    }

    /// What was done, for the report.
    pub fn summary(&mut self, rounds: u64) -> Result<(), Stop> {
        self.stage.check(true, format!("{rounds} rounds of steady traffic and trouble"));
        Ok(())
    }
}
