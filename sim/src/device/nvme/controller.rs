//! The controller: fetches commands, moves their data, completes them.

use std::collections::BTreeMap;
use std::io;

use super::command::{Command, Status, SQE};
use super::event::{log, Event, Events, Kind, Logs};
use super::feature::{self, Features};
use super::prp::{Prp, Step};
use super::queue::{BadDoorbell, CompletionQueue, Done, Queues, SubmissionQueue};
use super::registers::{offset, Registers, FATAL, READY, SHUT_DOWN};
use super::transfer::{Arrived, Transfers};
use super::{Medium, NvmeConfig, BAR, MSIX_PENDING, MSIX_TABLE};
use crate::device::{BarSpec, Bus, Function, Identity, MsixSpec};
use crate::requester::Outcome;

/// Clocks of 8 ns in a millisecond, the unit of the keep alive timer.
const MILLISECOND: u64 = 125_000;

/// What a transfer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Entries of a submission queue.
    Fetch(u16),
    /// A PRP list of a command.
    List(u64),
    /// Data of a command.
    Data(u64),
}

/// How a command goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is done; dword 0 of the completion.
    Done(u32),
    /// These data go to the host, then it is done.
    Send(Vec<u8>),
    /// So many bytes of data come from the host.
    Receive(u64),
    /// It is kept until an event happens.
    Keep,
}

/// A command under way.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// Its submission queue.
    pub queue: u16,
    /// Its entry.
    pub command: Command,
    prp: Option<Prp>,
    /// Data to the host; none if data come from there.
    out: Option<Vec<u8>>,
}

/// Where CSTS.RDY stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    /// Ready at this clock.
    Starting(u64),
    Ready,
    /// Waits for what is outstanding; whether it was ready.
    Stopping(bool),
}

/// Where CSTS.SHST stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shutdown {
    No,
    /// Complete at this clock.
    Until(u64),
    Complete,
}

/// An NVMe controller.
#[derive(Debug)]
pub struct Nvme {
    pub(super) config: NvmeConfig,
    pub(super) registers: Registers,
    pub(super) queues: Queues,
    pub(super) features: Features,
    pub(super) events: Events,
    pub(super) logs: Logs,
    pub(super) medium: Medium,
    pub(super) transfers: Transfers<Job>,
    pub(super) running: BTreeMap<u64, Running>,
    pub(super) kept_alive: u64,
    started: u64,
    state: State,
    shutdown: Shutdown,
    fatal: bool,
    /// Vectors to interrupt when INTMC lets them.
    unmasked: u32,
    pub(super) now: u64,
}

impl Nvme {
    /// A controller in front of a medium.
    pub fn new(config: NvmeConfig, medium: Medium) -> Self {
        let config = config.checked();
        Nvme {
            registers: Registers::default(),
            queues: Queues::default(),
            features: Features::new(config.queues, config.vectors),
            events: Events::default(),
            logs: Logs::default(),
            medium,
            transfers: Transfers::default(),
            running: BTreeMap::new(),
            kept_alive: 0,
            started: 0,
            state: State::Off,
            shutdown: Shutdown::No,
            fatal: false,
            unmasked: 0,
            now: 0,
            config,
        }
    }

    /// What it is like.
    pub fn config(&self) -> &NvmeConfig {
        &self.config
    }

    /// Logical blocks of the namespace.
    pub fn blocks(&self) -> u64 {
        self.medium.bytes() / self.config.block
    }

    /// Reads the medium, past all queues.
    ///
    /// # Errors
    /// If a file does not give the bytes, or they are not within the medium.
    pub fn read_medium(&self, lba: u64, blocks: u64) -> io::Result<Vec<u8>> {
        self.check_range(lba, blocks)?;
        self.medium.read(lba * self.config.block, blocks * self.config.block)
    }

    /// Writes the medium, past all queues.
    ///
    /// # Errors
    /// If a file does not take the bytes, or they are not within the medium.
    pub fn fill_medium(&mut self, lba: u64, data: &[u8]) -> io::Result<()> {
        self.check_range(lba, (data.len() as u64).div_ceil(self.config.block))?;
        self.medium.write(lba * self.config.block, data)
    }

    /// Commands under way, without those that wait for an event.
    pub fn busy(&self) -> usize {
        self.running.len()
    }

    /// Read and write commands so far.
    pub fn commands(&self) -> [u64; 2] {
        self.logs.commands
    }

    fn check_range(&self, lba: u64, blocks: u64) -> io::Result<()> {
        let within = lba.checked_add(blocks).is_some_and(|end| end <= self.blocks());
        within.then_some(()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "not within the medium"))
    }

    /// Controller Status (3.1.6).
    fn status(&self) -> u32 {
        let ready = matches!(self.state, State::Ready | State::Stopping(true));
        let shutdown = match self.shutdown {
            Shutdown::No => 0,
            Shutdown::Until(_) => 1 << 2,
            Shutdown::Complete => SHUT_DOWN,
        };
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        bit(ready, READY) | bit(self.fatal, FATAL) | shutdown
    }

    /// A controller reset (7.3.2): queues and commands are gone at once, outstanding reads end without use.
    fn stop(&mut self) {
        self.state = State::Stopping(self.state == State::Ready);
        self.shutdown = Shutdown::No;
        self.fatal = false;
        self.registers.mask = 0;
        self.unmasked = 0;
        self.forget();
        self.transfers.cancel(|_| true);
    }

    fn forget(&mut self) {
        self.queues = Queues::default();
        self.events = Events::default();
        self.features = Features::new(self.config.queues, self.config.vectors);
        self.running.clear();
    }

    /// Goes on with starting, stopping and shutdown.
    fn work_state(&mut self) {
        match self.state {
            State::Stopping(_) if self.transfers.outstanding() == 0 => self.state = State::Off,
            State::Off if self.registers.is_enabled() && !self.fatal => match self.registers.admin_queues() {
                Some([(sq, sq_size), (cq, cq_size)]) => {
                    self.queues.sqs.insert(0, SubmissionQueue::new(sq, sq_size, 0));
                    self.queues.cqs.insert(0, CompletionQueue::new(cq, cq_size, Some(0)));
                    self.state = State::Starting(self.now + self.config.ready);
                }
                None => self.fatal = true,
            },
            State::Starting(due) if self.now >= due => {
                self.state = State::Ready;
                self.kept_alive = self.now;
            }
            _ => {}
        }
        match self.shutdown {
            Shutdown::Until(due) if self.now >= due && self.running.is_empty() => {
                self.fatal |= self.medium.flush().is_err();
                self.shutdown = Shutdown::Complete;
            }
            _ => {}
        }
        let limit = u64::from(self.features.value(feature::id::KEEP_ALIVE)) * MILLISECOND;
        if limit > 0 && self.now - self.kept_alive > limit {
            self.fatal = true;
        }
    }

    fn doorbell(&mut self, n: u64, value: u32) {
        if self.state != State::Ready {
            return;
        }
        let info = match self.queues.doorbell(n, value) {
            Ok(()) => return,
            Err(BadDoorbell::Register) => 0,
            Err(BadDoorbell::Value) => 1,
        };
        self.events.add(Event { kind: Kind::Error, info, log: log::ERROR });
    }

    /// Fetches, if there is room for what comes.
    fn fetch(&mut self) {
        let room = self.config.commands.saturating_sub(self.running.len()).min(self.burst());
        if room > 0 && self.shutdown == Shutdown::No {
            if let Some((queue, at, len)) = self.queues.fetch(room as u32) {
                self.transfers.read(Job::Fetch(queue), [(at, len)]);
            }
        }
    }

    /// Arbitration Burst; 7 means no limit (5.21.1.1).
    fn burst(&self) -> usize {
        match self.features.value(feature::id::ARBITRATION) & 7 {
            7 => usize::MAX,
            log2 => 1 << log2,
        }
    }

    fn arrived(&mut self, (job, data): Arrived<Job>) {
        match (job, data) {
            (Job::Fetch(queue), Some(entries)) => {
                if let Some(sq) = self.queues.sqs.get_mut(&queue) {
                    sq.fetched();
                }
                let entries = entries.chunks_exact(SQE).filter_map(|entry| entry.try_into().ok());
                entries.for_each(|entry| self.start(queue, Command(entry)));
            }
            (Job::Fetch(_), None) => self.fatal = true,
            (Job::List(id) | Job::Data(id), None) => self.end(id, Err(Status::DATA_TRANSFER)),
            (Job::List(id), Some(entries)) => {
                let step =
                    self.running.get_mut(&id).and_then(|running| running.prp.as_mut()).map(|prp| prp.list(&entries));
                if let Some(step) = step {
                    self.step(id, step);
                }
            }
            (Job::Data(id), Some(data)) => {
                let Some(running) = self.running.get(&id).cloned() else { return };
                let end = self.received(running.queue, &running.command, &data);
                self.end(id, end);
            }
        }
    }

    fn start(&mut self, queue: u16, command: Command) {
        let id = self.started;
        self.started += 1;
        let taken = self.running.values().any(|other| other.queue == queue && other.command.id() == command.id())
            || queue == 0 && self.events.requests.contains(&command.id());
        let next = match () {
            () if taken => Err(Status::ID_CONFLICT),
            () if !command.is_plain() => Err(Status::INVALID_FIELD),
            () if queue == 0 => self.admin(&command),
            () => self.io(&command),
        };
        self.running.insert(id, Running { queue, command, prp: None, out: None });
        let len = match next {
            Ok(Next::Done(result)) => return self.end(id, Ok(result)),
            Err(status) => return self.end(id, Err(status)),
            Ok(Next::Keep) => return drop(self.running.remove(&id)),
            Ok(Next::Receive(len)) => len,
            Ok(Next::Send(data)) => {
                let len = data.len() as u64;
                if let Some(running) = self.running.get_mut(&id) {
                    running.out = Some(data);
                }
                len
            }
        };
        let (first, second) = command.prp();
        match Prp::start(first, second, len, self.registers.page()) {
            Ok((prp, step)) => {
                if let Some(running) = self.running.get_mut(&id) {
                    running.prp = Some(prp);
                }
                self.step(id, Ok(step));
            }
            Err(status) => self.end(id, Err(status)),
        }
    }

    fn step(&mut self, id: u64, step: Result<Step, Status>) {
        match step {
            Err(status) => self.end(id, Err(status)),
            Ok(Step::List(at, len)) => self.transfers.read(Job::List(id), [(at, len)]),
            Ok(Step::Done(segments)) => match self.running.get_mut(&id).and_then(|running| running.out.take()) {
                Some(data) => self.transfers.write(Job::Data(id), segments, data),
                None => self.transfers.read(Job::Data(id), segments),
            },
        }
    }

    /// A command is done; its completion follows when there is room.
    pub(super) fn end(&mut self, id: u64, end: Result<u32, Status>) {
        let Some(Running { queue, command, .. }) = self.running.remove(&id) else { return };
        let (result, status) = end.map_or_else(|status| (0, status), |result| (result, Status::SUCCESS));
        if status != Status::SUCCESS && status != Status::SQ_DELETED && status != Status::ABORTED {
            self.logs.failed(queue, command.id(), status, command.qw(10), command.nsid());
        }
        self.queues.done(Done { queue, id: command.id(), result, status });
    }

    /// Sends what there is, one TLP of each kind.
    fn send(&mut self, bus: &mut Bus<'_>) {
        if let Some((id, result)) = self.events.take() {
            self.queues.done(Done { queue: 0, id, result, status: Status::SUCCESS });
        }
        if bus.write_room() {
            if let Some((at, entry, vector)) = self.queues.post() {
                bus.write(at, &entry);
                self.interrupt(bus, vector);
            } else if let Some(Job::Data(id)) = self.transfers.send_write(bus) {
                self.end(id, Ok(0));
            }
        }
        self.transfers.send_read(bus);
    }

    /// Interrupts after a completion. INTMS holds for pins and MSI only (7.5.1).
    fn interrupt(&mut self, bus: &mut Bus<'_>, vector: Option<u16>) {
        match vector {
            Some(vector) if bus.has_msix() || self.registers.mask.checked_shr(vector.into()).unwrap_or(0) & 1 == 0 => {
                bus.raise(vector);
            }
            _ => {}
        }
    }
}

impl Function for Nvme {
    fn identity(&self) -> Identity {
        Identity {
            class: 0x01_08_02,
            bars: vec![BarSpec { index: 0, bytes: BAR, wide: true, prefetchable: false }],
            msix: MsixSpec { vectors: self.config.vectors, bar: 0, table: MSIX_TABLE, pending: MSIX_PENDING },
            msi_log2: 3,
        }
    }

    fn read(&mut self, _bar: u8, at: u64) -> u32 {
        match at {
            offset::CSTS => self.status(),
            _ => self.registers.read(at),
        }
    }

    fn write(&mut self, _bar: u8, at: u64, value: u32, mask: u32) {
        if let Some(doorbell) = at.checked_sub(offset::DOORBELLS) {
            if at < MSIX_TABLE {
                // Only the lower half counts; the upper one is reserved.
                self.doorbell(doorbell / 4, value & 0xffff);
            }
            return;
        }
        if at == offset::INTMC {
            self.unmasked |= value & self.registers.mask & self.queues.pending();
        }
        let change = self.registers.write(at, value, mask);
        if change.enable == Some(false) {
            self.stop();
        }
        match change.shutdown {
            Some(true) => self.shutdown = Shutdown::Until(self.now + self.config.ready),
            Some(false) => self.shutdown = Shutdown::No,
            None => {}
        }
    }

    fn clock(&mut self, bus: &mut Bus<'_>) {
        self.now = bus.now;
        self.work_state();
        if self.fatal || self.state != State::Ready || !bus.is_master() {
            return;
        }
        if self.unmasked != 0 && bus.has_msi() {
            let unmasked = std::mem::take(&mut self.unmasked);
            (0..32).filter(|vector| unmasked >> vector & 1 == 1).for_each(|vector| bus.raise(vector));
        }
        self.fetch();
        self.send(bus);
    }

    fn ended(&mut self, _bus: &mut Bus<'_>, outcome: &Outcome) {
        if let Some(arrived) = self.transfers.ended(outcome) {
            self.arrived(arrived);
        }
    }

    /// A pin for all vectors: asserted while a completion is not consumed and its vector not masked.
    fn intx(&self) -> bool {
        self.queues.pending() & !self.registers.mask != 0
    }

    fn link_lost(&mut self) {
        if self.state == State::Ready && self.shutdown == Shutdown::No {
            self.logs.unsafe_shutdowns += 1;
        }
        self.transfers.clear();
        self.stop();
        self.state = State::Off;
        self.registers = Registers::default();
    }

    fn reset(&mut self) {
        self.logs.power_cycles += 1;
        // What a function level reset leaves outstanding ends without use.
        self.stop();
        self.registers = Registers::default();
    }
}
