//! What was sent and what may therefore come out: the judge of everything that comes.

use std::collections::HashMap;

use peb_tlp::{may_pass, Class, CompletionStatus, Flow, FunctionId, Tag, TlpType, TlpView};

use super::route::{Fate, Reply};
use crate::world::Peb;

/// TLPs of hosts that their PEBs may have taken and not looked at.
const UNDECIDED: usize = 4;

/// A TLP that has been sent and has not come out everywhere.
#[derive(Debug)]
struct Entry {
    from: Peb,
    /// As it comes out; if nobody knows where, configuration requests are as type 0.
    bytes: Vec<u8>,
    flow: Flow,
    /// Where it may still come out.
    to: Vec<Peb>,
    /// It must, and `to` is exact.
    sure: bool,
}

/// A non-posted request without its last completion.
#[derive(Debug)]
struct Request {
    bytes: Vec<u8>,
    /// How the switch completes it, if that is known.
    reply: Option<Reply>,
    /// It has come out here.
    reached: Option<Peb>,
    /// Bytes that are still due, and where they begin.
    left: u16,
    lower: u8,
    /// Where it went may be lost, or has been: the switch completes it then.
    unsure: bool,
}

/// A request by whom it came from, and its IDs.
pub type Key = (Peb, FunctionId, Tag);

/// What to do about something that came.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// A request that wants an answer.
    Request(Key),
    /// Something from the tunnel that wants none.
    Other,
    /// A completion that the switch has made, and whether for a request that had gone on.
    Own(bool),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    requests: HashMap<Key, Request>,
}

fn canonical(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(byte0 @ (0x05 | 0x45)) = bytes.first_mut() {
        *byte0 &= !1;
    }
    bytes
}

impl Ledger {
    /// Notes a well-formed TLP that was sent, with what must become of it.
    pub fn sent(&mut self, from: Peb, tlp: &TlpView<'_>, fate: &Fate) {
        for (to, bytes) in &fate.arrives {
            let entry = Entry { from, bytes: bytes.clone(), flow: tlp.flow(), to: vec![*to], sure: true };
            self.entries.push(entry);
        }
        self.note_request(from, tlp, fate.reply, fate.reply.is_none());
    }

    /// Notes a well-formed TLP that was sent, and may come out at these ports, or not.
    pub fn guess(&mut self, from: Peb, tlp: &TlpView<'_>, to: Vec<Peb>) {
        let entry = Entry { from, bytes: canonical(tlp.bytes()), flow: tlp.flow(), to, sure: false };
        self.entries.push(entry);
        self.note_request(from, tlp, None, true);
    }

    fn note_request(&mut self, from: Peb, tlp: &TlpView<'_>, reply: Option<Reply>, unsure: bool) {
        if tlp.class() != Class::NonPosted {
            return;
        }
        let request = Request {
            bytes: tlp.bytes().to_vec(),
            reply,
            reached: None,
            left: tlp.completion_byte_count(),
            lower: tlp.completion_lower_address(),
            unsure: unsure && reply.is_none(),
        };
        self.requests.insert((from, tlp.requester(), tlp.tag()), request);
    }

    /// Whether a request with these IDs has no end yet.
    pub fn is_open(&self, key: &Key) -> bool {
        self.requests.contains_key(key)
    }

    /// Who waits for this completion of somebody that a request has reached.
    pub fn asker(&self, of: Peb, completion: &TlpView<'_>) -> Option<Peb> {
        let (id, tag) = (completion.requester(), completion.tag());
        self.requests
            .iter()
            .find(|((_, requester, used), request)| (*requester, *used) == (id, tag) && request.reached == Some(of))
            .map(|((asker, ..), _)| *asker)
    }

    /// Judges something that came out.
    ///
    /// # Errors
    /// Why it must not have come.
    pub fn came(&mut self, at: Peb, bytes: &[u8]) -> Result<Came, String> {
        let tlp = TlpView::parse(bytes).map_err(|error| format!("{at} sends something malformed: {error}"))?;
        let simple = canonical(bytes);
        let fits =
            |entry: &Entry| entry.to.contains(&at) && entry.bytes == if entry.sure { bytes } else { &simple[..] };
        if let Some(index) = self.entries.iter().position(fits) {
            self.in_order(at, index)?;
            return self.take(at, index, &tlp);
        }
        if tlp.ty().is_completion() {
            return self.own(at, &tlp).map(Came::Own);
        }
        Err(format!("{at}: {} from nowhere", describe(&tlp)))
    }

    /// Nothing that this one must not pass comes later.
    fn in_order(&mut self, at: Peb, index: usize) -> Result<(), String> {
        let (from, flow) = (self.entries[index].from, self.entries[index].flow);
        for entry in &mut self.entries[..index] {
            if entry.from != from || may_pass(flow, entry.flow) {
                continue;
            }
            let before = entry.to.len();
            entry.to.retain(|&to| to != at);
            if entry.sure && entry.to.len() < before {
                return Err(format!("{at}: something of {from} came before {:02x?}", entry.bytes));
            }
        }
        Ok(())
    }

    fn take(&mut self, at: Peb, index: usize, tlp: &TlpView<'_>) -> Result<Came, String> {
        let from = self.entries[index].from;
        self.entries[index].to.retain(|&to| to != at);
        if tlp.class() == Class::NonPosted {
            self.entries[index].to.clear();
        }
        self.entries.retain(|entry| !entry.to.is_empty());
        match tlp.class() {
            Class::Posted => Ok(Came::Other),
            Class::NonPosted => {
                let key = (from, tlp.requester(), tlp.tag());
                if let Some(request) = self.requests.get_mut(&key) {
                    request.reached = Some(at);
                    return Ok(Came::Request(key));
                }
                Ok(Came::Other)
            }
            Class::Completion => {
                let key = (at, tlp.requester(), tlp.tag());
                let Some(request) = self.requests.get_mut(&key) else { return Ok(Came::Other) };
                let bytes = tlp.payload().len() as u16;
                let skip = u16::from(tlp.lower_address() & 3);
                let carried = bytes.saturating_sub(skip);
                if tlp.status() != CompletionStatus::Successful || bytes == 0 || carried >= request.left {
                    self.requests.remove(&key);
                } else {
                    request.left -= carried;
                    request.lower = (u16::from(request.lower) + carried) as u8 & 0x7f;
                }
                Ok(Came::Other)
            }
        }
    }

    /// A completion that nobody has sent: it must be the switch's, of a request of this port.
    fn own(&mut self, at: Peb, tlp: &TlpView<'_>) -> Result<bool, String> {
        let key = (at, tlp.requester(), tlp.tag());
        let wrong = |what: &str| Err(format!("{at}: {}: {what}", describe(tlp)));
        let Some(request) = self.requests.remove(&key) else { return wrong("nobody waits for it") };
        let asked = TlpView::parse(&request.bytes).map_err(|error| error.to_string())?;
        let attributes = |tlp: &TlpView<'_>| (tlp.traffic_class(), tlp.flow().relaxed_ordering, tlp.no_snoop());
        if attributes(&asked) != attributes(tlp) || asked.id_based_ordering() != tlp.id_based_ordering() {
            return wrong("class and attributes are not the request's");
        }
        if (tlp.byte_count(), tlp.lower_address()) != (request.left, request.lower) {
            return wrong(&format!("byte count {} and lower address {:#x} are due", request.left, request.lower));
        }
        let locked = asked.ty() == TlpType::MemReadLocked;
        if locked != (tlp.ty() == TlpType::CompletionLocked) {
            return wrong("a locked read has a locked completion, nothing else has");
        }
        let success = tlp.status() == CompletionStatus::Successful;
        let reads = matches!(asked.ty(), TlpType::CfgRead0 | TlpType::CfgRead1);
        if success && !asked.ty().is_config() || (success && reads) == tlp.payload().is_empty() {
            return wrong("data");
        }
        if let Some(reply) = request.reply {
            if (tlp.status(), tlp.completer()) != (reply.status, reply.completer) {
                return wrong(&format!("{:?} by {} is due", reply.status, reply.completer));
            }
            let data = u32::from_le_bytes(*tlp.payload().first_chunk().unwrap_or(&[0; 4]));
            let (value, known) = reply.data.filter(|_| success).unwrap_or_default();
            if data & known != value {
                return wrong(&format!("data {data:#010x}, {value:#010x} is due in {known:#010x}"));
            }
            return Ok(false);
        }
        if !request.unsure {
            return wrong("somebody else is to complete it");
        }
        // What was on its way for it is void now.
        let (id, tag) = (tlp.requester(), tlp.tag());
        self.entries.retain(|entry| {
            let of_it = TlpView::parse(&entry.bytes)
                .is_ok_and(|view| view.ty().is_completion() && (view.requester(), view.tag()) == (id, tag));
            !(of_it && entry.to.contains(&at))
        });
        Ok(true)
    }

    /// The link of a port was lost, or it was reset: it waits for nothing, and nothing of before comes to it.
    ///
    /// What another device has sent it may still be on its way to the switch, which looks at the slots when it is there; so may the newest of the
    /// hosts, if the tunnel is full.
    pub fn forget(&mut self, port: Peb) {
        self.requests.retain(|(asker, ..), _| *asker != port);
        let mut newest = 0;
        for entry in self.entries.iter_mut().rev() {
            let undecided = match entry.from {
                Peb::Io(_) => entry.flow.class != Class::Completion,
                Peb::Host(_) => {
                    newest += 1;
                    newest <= UNDECIDED
                }
            };
            if !(undecided && matches!(port, Peb::Io(_))) {
                entry.to.retain(|&to| to != port);
            }
        }
        self.entries.retain(|entry| !entry.to.is_empty());
    }

    /// Nothing that has been sent so far has to come any more.
    pub fn may_lose(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.sure = false);
        for entry in &mut self.entries {
            entry.bytes = canonical(&entry.bytes);
        }
        for request in self.requests.values_mut() {
            request.unsure = request.reply.is_none();
        }
    }

    /// Requests of a port that have no end.
    pub fn open(&self, port: Peb) -> usize {
        self.requests.keys().filter(|(asker, ..)| *asker == port).count()
    }

    /// Requests that wait for this port.
    pub fn waiting_for(&self, port: Peb) -> usize {
        self.requests.values().filter(|request| request.reached == Some(port)).count()
    }

    /// What should have come and has not.
    pub fn missing(&self) -> Vec<String> {
        let sure = self.entries.iter().filter(|entry| entry.sure);
        let lost = sure.map(|entry| format!("from {} to {:?}: {:02x?}", entry.from, entry.to, entry.bytes));
        let open = self.requests.iter().map(|((asker, id, tag), request)| {
            format!("request {tag} of {id} at {asker} has no completion: {:02x?}", request.bytes)
        });
        lost.chain(open).take(4).collect()
    }

    /// How many TLPs are on their way for sure.
    pub fn pending(&self) -> usize {
        self.entries.iter().filter(|entry| entry.sure).count() + self.requests.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.requests.clear();
    }
}

/// A TLP in a few words.
pub fn describe(tlp: &TlpView<'_>) -> String {
    let bytes = &tlp.bytes()[..tlp.bytes().len().min(24)];
    format!("{} of {}, tag {}: {bytes:02x?}", tlp.fmt_type().name(), tlp.requester(), tlp.tag())
}
