//! The outstanding requests of a requester: tags, reassembly of split completions, checks, timeout.

use std::collections::BTreeMap;

use peb_tlp::{CompletionStatus, FunctionId, Tag, Tlp, TlpError, TlpType, TlpView};
use thiserror::Error;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Completed(CompletionStatus),
    /// No completion came in time.
    TimedOut,
    /// The requester was reset meanwhile, or the outcome was taken before.
    Forgotten,
}

/// A request that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its tag, free again.
    pub tag: Tag,
    /// How it ended.
    pub end: End,
    /// The bytes asked for, from the first enabled one, as far as they came.
    pub data: Vec<u8>,
    /// Who completed it last.
    pub completer: Option<FunctionId>,
    /// Clock in which it was issued.
    pub issued: u64,
    /// Clock in which it ended.
    pub ended: u64,
}

impl Outcome {
    /// Whether it was successful.
    pub fn is_success(&self) -> bool {
        self.end == End::Completed(CompletionStatus::Successful)
    }
}

/// A completion that breaks a rule of PCIe 2.2.9 or 2.3.2.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompletionFault {
    /// No such request is outstanding.
    #[error("completion of tag {0} for {1}, which has no such request outstanding")]
    Unexpected(Tag, FunctionId),
    /// Byte Count is not what is still to come.
    #[error("completion of tag {tag}: byte count {is}, {expected} expected")]
    ByteCount {
        /// The request.
        tag: Tag,
        /// What came.
        is: u16,
        /// What is left of the request.
        expected: u16,
    },
    /// Lower Address is not where the data go on.
    #[error("completion of tag {tag}: lower address {is:#x}, {expected:#x} expected")]
    LowerAddress {
        /// The request.
        tag: Tag,
        /// What came.
        is: u8,
        /// Where the data go on.
        expected: u8,
    },
    /// Data where none belong, none where some belong, or too many.
    #[error("completion of tag {tag}: payload of {bytes} bytes")]
    Payload {
        /// The request.
        tag: Tag,
        /// Bytes of payload.
        bytes: usize,
    },
    /// Traffic class or attributes differ from the request's.
    #[error("completion of tag {0}: other traffic class or attributes than the request")]
    Attributes(Tag),
}

#[derive(Clone, Debug)]
struct Pending {
    request: Vec<u8>,
    data: Vec<u8>,
    left: u16,
    lower: u8,
    issued: u64,
}

/// The outstanding requests of one requester ID. The lowest free tag is used first, so tags come back soon.
#[derive(Clone, Debug)]
pub struct Requester {
    pending: BTreeMap<u16, Pending>,
    tags: u16,
    timeout: u64,
}

impl Requester {
    /// No requests; `tags` of them may be outstanding (at most 1024), for `timeout` clocks each.
    pub fn new(tags: u16, timeout: u64) -> Self {
        Requester { pending: BTreeMap::new(), tags: tags.min(1024), timeout }
    }

    /// Gives requests another time, also those that are outstanding.
    pub fn set_timeout(&mut self, timeout: u64) {
        self.timeout = timeout;
    }

    /// A tag for the next request.
    pub fn free_tag(&self) -> Option<Tag> {
        self.free_tag_but(|_| false)
    }

    /// A tag for the next request that is not kept for something else.
    pub fn free_tag_but(&self, kept: impl Fn(u16) -> bool) -> Option<Tag> {
        (0..self.tags).find(|tag| !self.pending.contains_key(tag) && !kept(*tag)).map(Tag)
    }

    /// Whether the request with this tag has no end yet.
    pub fn is_outstanding(&self, tag: Tag) -> bool {
        self.pending.contains_key(&tag.0)
    }

    /// Requests without an end.
    pub fn outstanding(&self) -> usize {
        self.pending.len()
    }

    /// Notes a request as sent.
    ///
    /// # Errors
    /// [`TlpError`] if it is not well formed.
    pub fn issue(&mut self, now: u64, request: &Tlp) -> Result<(), TlpError> {
        let view = TlpView::parse(request.as_bytes())?;
        let pending = Pending {
            request: request.as_bytes().to_vec(),
            data: Vec::new(),
            left: view.completion_byte_count(),
            lower: view.completion_lower_address(),
            issued: now,
        };
        self.pending.insert(view.tag().0, pending);
        Ok(())
    }

    /// Takes a completion; gives the outcome with the last one of a request.
    ///
    /// # Errors
    /// [`CompletionFault`]: the completion is dropped, the request stays outstanding.
    pub fn completion(&mut self, now: u64, completion: &TlpView<'_>) -> Result<Option<Outcome>, CompletionFault> {
        let tag = completion.tag();
        let unexpected = CompletionFault::Unexpected(tag, completion.requester());
        let Some(pending) = self.pending.get_mut(&tag.0) else { return Err(unexpected) };
        let request = TlpView::parse(&pending.request).map_err(|_| unexpected.clone())?;
        if request.requester() != completion.requester() {
            return Err(unexpected);
        }
        pending.check(&request, completion)?;
        let status = completion.status();
        if status == CompletionStatus::Successful && pending.take(completion) {
            return Ok(None);
        }
        Ok(self.end(tag, End::Completed(status), Some(completion.completer()), now))
    }

    /// A request whose time is over, if there is one.
    pub fn expired(&mut self, now: u64) -> Option<Outcome> {
        let old = |(_, pending): &(&u16, &Pending)| now.saturating_sub(pending.issued) > self.timeout;
        let tag = self.pending.iter().find(old).map(|(&tag, _)| Tag(tag))?;
        self.end(tag, End::TimedOut, None, now)
    }

    /// Forgets all requests.
    pub fn clear(&mut self) {
        self.pending.clear();
    }

    fn end(&mut self, tag: Tag, end: End, completer: Option<FunctionId>, now: u64) -> Option<Outcome> {
        let pending = self.pending.remove(&tag.0)?;
        Some(Outcome { tag, end, data: pending.data, completer, issued: pending.issued, ended: now })
    }
}

impl Pending {
    fn check(&self, request: &TlpView<'_>, completion: &TlpView<'_>) -> Result<(), CompletionFault> {
        let tag = completion.tag();
        let attributes =
            |tlp: &TlpView<'_>| (tlp.traffic_class(), tlp.relaxed_ordering(), tlp.no_snoop(), tlp.id_based_ordering());
        if attributes(request) != attributes(completion) {
            return Err(CompletionFault::Attributes(tag));
        }
        let (count, lower) = (completion.byte_count(), completion.lower_address());
        if count != self.left {
            return Err(CompletionFault::ByteCount { tag, is: count, expected: self.left });
        }
        if lower != self.lower {
            return Err(CompletionFault::LowerAddress { tag, is: lower, expected: self.lower });
        }
        let bytes = completion.payload().len();
        let room = usize::from(lower & 3) + usize::from(self.left);
        let reads = matches!(
            request.ty(),
            TlpType::MemRead | TlpType::MemReadLocked | TlpType::IoRead | TlpType::CfgRead0 | TlpType::CfgRead1
        ) || request.ty().is_atomic();
        let wants_data = reads && completion.status() == CompletionStatus::Successful;
        if wants_data != (bytes > 0) || bytes > room.next_multiple_of(4) {
            return Err(CompletionFault::Payload { tag, bytes });
        }
        Ok(())
    }

    /// Takes the data of a successful completion; true if more are to come.
    fn take(&mut self, completion: &TlpView<'_>) -> bool {
        let payload = completion.payload();
        if payload.is_empty() {
            return false;
        }
        let skip = usize::from(self.lower & 3);
        let bytes = (payload.len() - skip).min(usize::from(self.left));
        self.data.extend_from_slice(&payload[skip..skip + bytes]);
        self.left -= bytes as u16;
        self.lower = (usize::from(self.lower) + bytes) as u8 & 0x7f;
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{AnswerConfig, Answers};
    use peb_tlp::{Completion, RequestId};

    const ME: FunctionId = FunctionId(0);
    const OTHER: FunctionId = FunctionId::new(3, 0, 0);

    fn read(requester: &mut Requester, len: usize) -> Tlp {
        let id = RequestId { requester: ME, tag: requester.free_tag().unwrap() };
        let tlp = Tlp::memory_read(id, 0x1003, len).unwrap();
        requester.issue(0, &tlp).unwrap();
        tlp
    }

    fn give(requester: &mut Requester, tlp: &Tlp) -> Result<Option<Outcome>, CompletionFault> {
        requester.completion(10, &TlpView::parse(tlp.as_bytes()).unwrap())
    }

    #[test]
    fn split_reads_come_together() {
        let mut requester = Requester::new(4, 100);
        let request = read(&mut requester, 300);
        let view = TlpView::parse(request.as_bytes()).unwrap();
        let dwords: Vec<u8> = (0..4 * usize::from(view.length_dw())).map(|n| n as u8).collect();
        let mut answers = Answers::new(AnswerConfig { spans: 1..=1, ..AnswerConfig::default() }, 1);
        answers.data(0, &view, OTHER, &dwords, 128).unwrap();
        let mut outcomes = Vec::new();
        while let Some(tlp) = answers.due(u64::MAX) {
            outcomes.push(give(&mut requester, &tlp).unwrap());
        }
        assert_eq!(outcomes.len(), 5);
        let outcome = outcomes.pop().unwrap().unwrap();
        assert!(outcome.is_success() && outcomes.iter().all(Option::is_none));
        assert_eq!((outcome.data, outcome.completer), (dwords[3..303].to_vec(), Some(OTHER)));
        assert_eq!(requester.outstanding(), 0);
    }

    #[test]
    fn wrong_completions_are_told_apart() {
        let mut requester = Requester::new(2, 100);
        let request = read(&mut requester, 300);
        let view = TlpView::parse(request.as_bytes()).unwrap();
        let good = Completion::of(&view, OTHER, CompletionStatus::UnsupportedRequest);
        let cpl = |completion| Tlp::completion(completion, &[]).unwrap();
        let stranger = RequestId { requester: OTHER, ..good.request };
        let unknown = RequestId { tag: Tag(1), ..good.request };
        for (bad, fault) in [
            (cpl(Completion { byte_count: 299, ..good }), "byte count 299, 300 expected"),
            (cpl(Completion { lower_address: 0, ..good }), "lower address 0x0, 0x3 expected"),
            (cpl(Completion { request: stranger, ..good }), "no such request"),
            (cpl(Completion { request: unknown, ..good }), "no such request"),
            (cpl(Completion { status: CompletionStatus::Successful, ..good }), "payload of 0 bytes"),
            (cpl(good).with_relaxed_ordering().unwrap(), "attributes"),
        ] {
            let text = give(&mut requester, &bad).unwrap_err().to_string();
            assert!(text.contains(fault), "{text}");
        }
        let outcome = give(&mut requester, &cpl(good)).unwrap().unwrap();
        assert_eq!(outcome.end, End::Completed(CompletionStatus::UnsupportedRequest));
    }

    #[test]
    fn the_oldest_tags_run_out_of_time() {
        let mut requester = Requester::new(2, 100);
        read(&mut requester, 4);
        read(&mut requester, 4);
        assert_eq!(requester.free_tag(), None);
        assert_eq!(requester.expired(100), None);
        assert_eq!(requester.expired(101).map(|outcome| (outcome.tag, outcome.end)), Some((Tag(0), End::TimedOut)));
        assert_eq!(requester.free_tag(), Some(Tag(0)));
    }
}
