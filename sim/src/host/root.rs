//! A root complex with one root port: requests of the CPU, memory for DMA, interrupts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use peb_tlp::{CompletionStatus, FunctionId, RequestId, Tag, Tlp, TlpError, TlpType, TlpView};

use crate::answer::{AnswerConfig, Answers};
use crate::memory::Memory;
use crate::port::{Bare, Passed, PciePort, PortIn, PortOut, PortStalls};
use crate::requester::{End, Outcome, Requester};

/// Addresses at which memory writes are message signalled interrupts, as on PCs.
pub const INTERRUPTS: Range<u64> = 0xfee0_0000..0xfef0_0000;
/// Requester and completer ID of the root port.
pub const ROOT_PORT: FunctionId = FunctionId::new(0, 0, 0);
/// First message code of Assert_INTx (PCIe 2.2.8.1).
const ASSERT_INTA: u8 = 0x20;
/// First message code of Deassert_INTx.
const DEASSERT_INTA: u8 = 0x24;

/// What a root complex is like. Times are clocks.
#[derive(Clone, Debug)]
pub struct RootConfig {
    /// Name in timelines.
    pub name: String,
    /// Requests outstanding at most: tags.
    pub tags: u16,
    /// A request without completion is given up after this.
    pub completion_timeout: u64,
    /// How DMA reads are answered.
    pub answers: AnswerConfig,
    /// Largest payload it sends, in bytes.
    pub max_payload: u64,
    /// Pauses at its pins.
    pub stalls: PortStalls,
    /// Seed of its random numbers.
    pub seed: u64,
}

impl Default for RootConfig {
    fn default() -> Self {
        RootConfig {
            name: "host".into(),
            tags: 256,
            completion_timeout: 60_000,
            answers: AnswerConfig::default(),
            max_payload: 128,
            stalls: PortStalls::NONE,
            seed: 1,
        }
    }
}

/// A message signalled interrupt that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Clock.
    pub clock: u64,
    /// Who sent it.
    pub requester: FunctionId,
    /// Where it was written.
    pub address: u64,
    /// Message data.
    pub data: u32,
}

/// Something that must not have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Clock.
    pub clock: u64,
    /// What it was.
    pub what: String,
}

/// The root complex. Polled once a clock.
#[derive(Debug)]
pub struct RootComplex {
    /// Name in timelines.
    pub name: String,
    /// Memory for DMA.
    pub memory: Memory,
    /// Addresses given to devices: DMA to them must not come up to the root.
    pub mmio: Vec<Range<u64>>,
    /// Interrupts that nobody has taken yet.
    pub interrupts: VecDeque<Interrupt>,
    /// State of INTA to INTD.
    pub intx: [bool; 4],
    /// Messages that came, INTx apart: clock, sender, code.
    pub messages: Vec<(u64, FunctionId, u8)>,
    /// Who sent memory requests.
    pub requesters: BTreeSet<FunctionId>,
    /// What must not have come.
    pub complaints: Vec<Complaint>,
    /// If it is there, the root complex does nothing of itself; what passes is noted here.
    pub bare: Option<Bare>,
    /// Its end of the link.
    pub port: PciePort,
    requester: Requester,
    outcomes: BTreeMap<u16, Outcome>,
    answers: Answers,
    max_payload: u64,
    now: u64,
}

impl RootComplex {
    /// How DMA reads are answered from now on.
    pub fn set_answers(&mut self, answers: AnswerConfig) {
        self.answers.config = answers;
    }

    /// Gives requests another time, also those that are outstanding.
    pub fn set_completion_timeout(&mut self, clocks: u64) {
        self.requester.set_timeout(clocks);
    }

    /// Completions for devices that are not sent yet.
    pub fn owes(&self) -> usize {
        self.answers.waiting()
    }

    /// A root complex whose link is up.
    pub fn new(config: RootConfig) -> Self {
        let seed = config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x100);
        RootComplex {
            memory: Memory::new(),
            mmio: Vec::new(),
            interrupts: VecDeque::new(),
            intx: [false; 4],
            messages: Vec::new(),
            requesters: BTreeSet::new(),
            complaints: Vec::new(),
            bare: None,
            port: PciePort::new(&format!("{}.pcie_tx", config.name), config.stalls, seed),
            requester: Requester::new(config.tags, config.completion_timeout),
            outcomes: BTreeMap::new(),
            answers: Answers::new(config.answers, seed.wrapping_add(8)),
            max_payload: config.max_payload,
            now: 0,
            name: config.name,
        }
    }

    /// Sends a non-posted request made with the ID given to `build`; its tag names it in [`RootComplex::take`].
    /// `None` while no tag is free.
    ///
    /// # Errors
    /// [`TlpError`] of the builder.
    pub fn issue(&mut self, build: impl FnOnce(RequestId) -> Result<Tlp, TlpError>) -> Result<Option<Tag>, TlpError> {
        let Some(tag) = self.requester.free_tag_but(|tag| self.outcomes.contains_key(&tag)) else { return Ok(None) };
        let tlp = build(RequestId { requester: ROOT_PORT, tag })?;
        self.requester.issue(self.now, &tlp)?;
        self.port.send(tlp);
        Ok(Some(tag))
    }

    /// Sends a posted request.
    ///
    /// # Errors
    /// [`TlpError`] of the builder.
    pub fn post(&mut self, build: impl FnOnce(RequestId) -> Result<Tlp, TlpError>) -> Result<(), TlpError> {
        let tlp = build(RequestId { requester: ROOT_PORT, tag: Tag(0) })?;
        self.port.send(tlp);
        Ok(())
    }

    /// The outcome of a request, once; none as long as it has none.
    pub fn take(&mut self, tag: Tag) -> Option<Outcome> {
        if self.requester.is_outstanding(tag) {
            return None;
        }
        let (issued, ended) = (self.now, self.now);
        let forgotten = Outcome { tag, end: End::Forgotten, data: Vec::new(), completer: None, issued, ended };
        Some(self.outcomes.remove(&tag.0).unwrap_or(forgotten))
    }

    /// Whether a request has no end yet.
    pub fn is_outstanding(&self, tag: Tag) -> bool {
        self.requester.is_outstanding(tag)
    }

    /// Requests without an end.
    pub fn outstanding(&self) -> usize {
        self.requester.outstanding()
    }

    /// Posted requests that wait for the PEB.
    pub fn posted(&self) -> usize {
        self.port.posted()
    }

    /// Takes the first interrupt with this message data.
    pub fn take_interrupt(&mut self, data: u32) -> Option<Interrupt> {
        let at = self.interrupts.iter().position(|interrupt| interrupt.data == data)?;
        self.interrupts.remove(at)
    }

    /// Holds `np_ok` of its pins down, or lets it go.
    pub fn hold_np(&mut self, hold: bool) {
        self.port.hold_np(hold);
    }

    /// Brings the link up or down, as PERST# and hot reset do; what is outstanding is forgotten, memory stays.
    pub fn set_link(&mut self, up: bool) {
        self.port.set_link(up);
        if !up {
            self.requester.clear();
            self.outcomes.clear();
            self.answers.clear();
            self.interrupts.clear();
            self.intx = [false; 4];
        }
    }

    /// What it drives in this clock.
    pub fn pins(&mut self) -> PortIn {
        self.port.pins()
    }

    /// Ends the clock with what the PEB drove in it.
    pub fn clock(&mut self, out: &PortOut) -> Passed {
        self.now += 1;
        let passed = self.port.clock(out);
        if let Some(bare) = &mut self.bare {
            bare.note(&passed);
        } else if let Some(tlp) = &passed.received {
            self.receive(tlp);
        }
        while let Some(outcome) = self.requester.expired(self.now) {
            self.outcomes.insert(outcome.tag.0, outcome);
        }
        while let Some(tlp) = self.answers.due(self.now) {
            self.port.send(tlp);
        }
        passed
    }

    fn receive(&mut self, bytes: &[u8]) {
        let tlp = match TlpView::parse(bytes) {
            Ok(tlp) => tlp,
            Err(error) => return self.complain(format!("malformed TLP: {error}")),
        };
        match tlp.ty() {
            TlpType::Completion => match self.requester.completion(self.now, &tlp) {
                Ok(Some(outcome)) => drop(self.outcomes.insert(outcome.tag.0, outcome)),
                Ok(None) => {}
                Err(fault) => self.complain(fault.to_string()),
            },
            TlpType::MemWrite | TlpType::MemRead => self.memory_request(&tlp),
            ty if ty.is_atomic() => self.memory_request(&tlp),
            TlpType::Message(_) => self.message(&tlp),
            _ => {
                self.complain(format!("{} from {} at the root port", tlp.fmt_type().name(), tlp.requester()));
                self.refuse(&tlp);
            }
        }
    }

    fn memory_request(&mut self, tlp: &TlpView<'_>) {
        let (address, name) = (tlp.address(), tlp.fmt_type().name());
        self.requesters.insert(tlp.requester());
        let write = tlp.ty() == TlpType::MemWrite;
        if self.mmio.iter().any(|range| range.contains(&address)) {
            self.complain(format!("{name} from {} to {address:#x}, which is below the root port", tlp.requester()));
            if !write {
                self.refuse(tlp);
            }
        } else if write && INTERRUPTS.contains(&address) {
            let payload = *tlp.payload().first_chunk().unwrap_or(&[0; 4]);
            let data = u32::from_le_bytes(payload);
            self.interrupts.push_back(Interrupt { clock: self.now, requester: tlp.requester(), address, data });
        } else if !self.memory.contains(address, 4 * usize::from(tlp.length_dw())) {
            self.complain(format!("{name} from {} to {address:#x}, where no memory is", tlp.requester()));
            if !write {
                self.refuse(tlp);
            }
        } else if write {
            self.memory.write_enabled(address, tlp.payload(), tlp.first_be(), tlp.last_be());
        } else {
            let data = match tlp.ty() {
                TlpType::MemRead => self.memory.read(address, 4 * usize::from(tlp.length_dw())),
                _ => self.memory.atomic(address, tlp),
            };
            if let Err(error) = self.answers.data(self.now, tlp, ROOT_PORT, &data, self.max_payload) {
                self.complain(format!("{name}: no completion can be made: {error}"));
            }
        }
    }

    fn message(&mut self, tlp: &TlpView<'_>) {
        let code = tlp.message_code();
        match code {
            ASSERT_INTA..=0x23 => self.intx[usize::from(code - ASSERT_INTA)] = true,
            DEASSERT_INTA..=0x27 => self.intx[usize::from(code - DEASSERT_INTA)] = false,
            _ => self.messages.push((self.now, tlp.requester(), code)),
        }
    }

    fn refuse(&mut self, tlp: &TlpView<'_>) {
        let status = CompletionStatus::UnsupportedRequest;
        if let Err(error) = self.answers.status(self.now, tlp, ROOT_PORT, status) {
            self.complain(format!("{}: no completion can be made: {error}", tlp.fmt_type().name()));
        }
    }

    /// Notes something that must not be.
    pub fn complain(&mut self, what: String) {
        self.complaints.push(Complaint { clock: self.now, what });
    }
}
