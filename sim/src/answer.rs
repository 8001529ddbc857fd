//! Completions: how a completer answers a read, at once or in pieces, now or later.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use peb_tlp::{Completion, CompletionStatus, FunctionId, Tlp, TlpError, TlpType, TlpView};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How a completer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerConfig {
    /// Clocks from a request to its first completion, uniform.
    pub delay: RangeInclusive<u64>,
    /// Clocks between the completions of one request, uniform.
    pub gap: RangeInclusive<u64>,
    /// Read Completion Boundary in bytes, 64 or 128: completions end there or at the end of the data (PCIe 2.3.1.1).
    pub boundary: u64,
    /// Boundaries that a completion spans, uniform.
    pub spans: RangeInclusive<u64>,
}

impl Default for AnswerConfig {
    fn default() -> Self {
        AnswerConfig { delay: 20..=60, gap: 0..=20, boundary: 64, spans: 1..=3 }
    }
}

/// Completions on their way, in the order they are due; those of one request stay in order.
#[derive(Clone, Debug)]
pub struct Answers {
    /// How to answer; may be changed at any time.
    pub config: AnswerConfig,
    waiting: BTreeMap<(u64, u64), Tlp>,
    made: u64,
    rng: ChaCha8Rng,
}

impl Answers {
    /// Nothing to answer yet.
    pub fn new(config: AnswerConfig, seed: u64) -> Self {
        Answers { config, waiting: BTreeMap::new(), made: 0, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Answers a request without data: a write, or one that failed.
    ///
    /// # Errors
    /// [`TlpError`] if the request is none that has a completion.
    pub fn status(
        &mut self,
        now: u64,
        request: &TlpView<'_>,
        completer: FunctionId,
        status: CompletionStatus,
    ) -> Result<(), TlpError> {
        let due = now + self.rng.gen_range(self.config.delay.clone());
        let tlp = Tlp::completion(Completion::of(request, completer, status), &[])?;
        self.put(due, like(request, tlp)?);
        Ok(())
    }

    /// Answers a read with the bytes of its whole dwords; a memory read in pieces, at most `max_payload` bytes each.
    ///
    /// # Errors
    /// [`TlpError`] if the data has not the length that the request asks for.
    pub fn data(
        &mut self,
        now: u64,
        request: &TlpView<'_>,
        completer: FunctionId,
        data: &[u8],
        max_payload: u64,
    ) -> Result<(), TlpError> {
        let first = Completion::of(request, completer, CompletionStatus::Successful);
        let mut due = now + self.rng.gen_range(self.config.delay.clone());
        if request.ty() != TlpType::MemRead {
            self.put(due, like(request, Tlp::completion(first, data)?)?);
            return Ok(());
        }
        let (mut at, end) = (request.address(), request.address() + data.len() as u64);
        let mut left = first.byte_count;
        let mut lower = first.lower_address;
        while at < end {
            let spans = self.rng.gen_range(self.config.spans.clone()).max(1);
            let boundary = self.config.boundary.max(4);
            let to = ((at / boundary + spans) * boundary).min(at + max_payload);
            // A piece that the payload limit cuts ends at a boundary all the same.
            let to = if to % boundary == 0 { to } else { (to / boundary * boundary).max(at + 4) }.min(end);
            let piece = &data[(at - request.address()) as usize..(to - request.address()) as usize];
            let completion = Completion { byte_count: left, lower_address: lower, ..first };
            self.put(due, like(request, Tlp::completion(completion, piece)?)?);
            left = left.saturating_sub((to - at) as u16 - u16::from(lower & 3)).max(1);
            lower = to as u8 & 0x7f;
            at = to;
            due += self.rng.gen_range(self.config.gap.clone());
        }
        Ok(())
    }

    /// The next completion that is due.
    pub fn due(&mut self, now: u64) -> Option<Tlp> {
        let first = self.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Forgets what is not sent yet.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Completions that are not sent yet.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn put(&mut self, due: u64, tlp: Tlp) {
        self.waiting.insert((due, self.made), tlp);
        self.made += 1;
    }
}

/// Gives a completion the traffic class and attributes of its request (PCIe 2.2.9).
fn like(request: &TlpView<'_>, mut tlp: Tlp) -> Result<Tlp, TlpError> {
    tlp = tlp.with_traffic_class(request.traffic_class())?;
    if request.relaxed_ordering() {
        tlp = tlp.with_relaxed_ordering()?;
    }
    if request.no_snoop() {
        tlp = tlp.with_no_snoop()?;
    }
    Ok(if request.id_based_ordering() { tlp.with_id_based_ordering() } else { tlp })
}

#[cfg(test)]
mod tests {
    use super::*;
    use peb_tlp::{RequestId, Tag};

    /// Takes the completions of one read together, as 2.2.9 and 2.3.1.1 say.
    #[test]
    fn pieces_make_up_the_read() {
        let id = RequestId { requester: FunctionId::new(3, 0, 0), tag: Tag(5) };
        for seed in 0..200 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let address: u64 = rng.gen_range(0..3500);
            let len = rng.gen_range(1..=596);
            let read = Tlp::memory_read(id, address, len).unwrap();
            let view = TlpView::parse(read.as_bytes()).unwrap();
            let dwords: Vec<u8> = (0..4 * view.length_dw() as usize).map(|_| rng.gen()).collect();
            let mut answers = Answers::new(AnswerConfig::default(), seed);
            answers.data(0, &view, FunctionId::new(0, 0, 0), &dwords, 256).unwrap();
            let (mut at, mut left, mut got) = (address, len, Vec::<u8>::new());
            while let Some(tlp) = answers.due(u64::MAX) {
                let cpl = TlpView::parse(tlp.as_bytes()).unwrap();
                assert_eq!((cpl.byte_count() as usize, u64::from(cpl.lower_address())), (left, at & 0x7f));
                let skip = (at % 4) as usize;
                let bytes = (cpl.payload().len() - skip).min(left);
                got.extend(&cpl.payload()[skip..skip + bytes]);
                at += bytes as u64;
                left -= bytes;
                assert!(left == 0 || at % 64 == 0);
                assert!(cpl.payload().len() <= 256);
            }
            let skip = (address % 4) as usize;
            assert_eq!(got, dwords[skip..skip + len]);
            assert_eq!(left, 0);
        }
    }
}
