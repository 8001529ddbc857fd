//! Submission and completion queues (NVM Express Base 1.4, 4.1).

use std::collections::{BTreeMap, VecDeque};

use super::command::{completion, Status, CQE, SQE};

/// A submission queue: the host moves the tail, the controller the head.
#[derive(Clone, Debug)]
pub struct SubmissionQueue {
    /// Address of entry 0.
    pub base: u64,
    /// Entries.
    pub size: u32,
    /// Its completion queue.
    pub completion: u16,
    /// Next entry to fetch.
    pub head: u32,
    /// First entry that the host has not filled.
    pub tail: u32,
    /// Entries that are being fetched.
    pub fetching: u32,
}

impl SubmissionQueue {
    /// An empty queue.
    pub fn new(base: u64, size: u32, completion: u16) -> Self {
        SubmissionQueue { base, size, completion, head: 0, tail: 0, fetching: 0 }
    }

    /// Whether there is something to fetch, and nothing being fetched.
    pub fn has_more(&self) -> bool {
        self.fetching == 0 && self.head != self.tail
    }

    /// Begins to fetch at most `most` entries that are side by side; gives their address and number of bytes.
    pub fn fetch(&mut self, most: u32) -> Option<(u64, u64)> {
        if !self.has_more() {
            return None;
        }
        let end = if self.tail > self.head { self.tail } else { self.size };
        self.fetching = (end - self.head).min(most);
        let at = self.base.wrapping_add(u64::from(self.head) * SQE as u64);
        (self.fetching > 0).then_some((at, u64::from(self.fetching) * SQE as u64))
    }

    /// The entries are here: the host may reuse them.
    pub fn fetched(&mut self) {
        self.head = (self.head + self.fetching) % self.size;
        self.fetching = 0;
    }
}

/// The end of a command, which is to be told to the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Submission queue.
    pub queue: u16,
    /// Command Identifier.
    pub id: u16,
    /// Dword 0 of the completion.
    pub result: u32,
    /// Status.
    pub status: Status,
}

/// A completion queue: the controller moves the tail, the host the head.
#[derive(Clone, Debug)]
pub struct CompletionQueue {
    /// Address of entry 0.
    pub base: u64,
    /// Entries.
    pub size: u32,
    /// Interrupt vector, if interrupts are enabled.
    pub vector: Option<u16>,
    /// First entry that the host has not consumed.
    pub head: u32,
    /// Next entry to fill.
    pub tail: u32,
    /// Phase tag of the next entry.
    pub phase: bool,
    /// What waits for room.
    pub waiting: VecDeque<Done>,
}

impl CompletionQueue {
    /// An empty queue.
    pub fn new(base: u64, size: u32, vector: Option<u16>) -> Self {
        CompletionQueue { base, size, vector, head: 0, tail: 0, phase: true, waiting: VecDeque::new() }
    }

    /// Entries that the host has not consumed.
    pub fn used(&self) -> u32 {
        (self.tail + self.size - self.head) % self.size
    }

    /// Whether a completion can be posted.
    pub fn is_ready(&self) -> bool {
        !self.waiting.is_empty() && self.used() + 1 < self.size
    }

    /// Posts a completion: where to write which bytes.
    fn post(&mut self, sq_head: impl Fn(u16) -> u32) -> Option<(u64, [u8; CQE])> {
        let Done { queue, id, result, status } = self.waiting.pop_front().filter(|_| self.size > 0)?;
        let at = self.base.wrapping_add(u64::from(self.tail) * CQE as u64);
        let entry = completion(result, sq_head(queue) as u16, queue, id, status, self.phase);
        self.tail += 1;
        if self.tail == self.size {
            self.tail = 0;
            self.phase = !self.phase;
        }
        Some((at, entry))
    }
}

/// Why a doorbell was ignored (figure 148).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDoorbell {
    /// Of a queue that is not there.
    Register,
    /// Beyond the queue, or beyond what has been posted.
    Value,
}

/// All queues by identifier.
#[derive(Clone, Debug, Default)]
pub struct Queues {
    /// Submission queues.
    pub sqs: BTreeMap<u16, SubmissionQueue>,
    /// Completion queues.
    pub cqs: BTreeMap<u16, CompletionQueue>,
    /// Queue that was served last, for round robin (4.13.1).
    last_sq: u16,
    last_cq: u16,
}

impl Queues {
    /// Writes doorbell `n`, tails and heads in turn (3.1.23, 3.1.24).
    ///
    /// # Errors
    /// [`BadDoorbell`]: nothing has changed.
    pub fn doorbell(&mut self, n: u64, value: u32) -> Result<(), BadDoorbell> {
        let queue = u16::try_from(n / 2).map_err(|_| BadDoorbell::Register)?;
        if n % 2 == 0 {
            let sq = self.sqs.get_mut(&queue).ok_or(BadDoorbell::Register)?;
            if value >= sq.size {
                return Err(BadDoorbell::Value);
            }
            sq.tail = value;
        } else {
            let cq = self.cqs.get_mut(&queue).ok_or(BadDoorbell::Register)?;
            let consumed = (value.wrapping_add(cq.size).wrapping_sub(cq.head)) % cq.size;
            if value >= cq.size || consumed > cq.used() {
                return Err(BadDoorbell::Value);
            }
            cq.head = value;
        }
        Ok(())
    }

    /// The next submission queue with something to fetch, of at most `most` entries: identifier, address, bytes.
    pub fn fetch(&mut self, most: u32) -> Option<(u16, u64, u64)> {
        let id = around(&self.sqs, self.last_sq).find(|id| self.sqs[id].has_more())?;
        self.last_sq = id;
        let (at, len) = self.sqs.get_mut(&id)?.fetch(most)?;
        Some((id, at, len))
    }

    /// The next completion to write: address, bytes, and the interrupt vector that follows.
    pub fn post(&mut self) -> Option<(u64, [u8; CQE], Option<u16>)> {
        let id = around(&self.cqs, self.last_cq).find(|id| self.cqs[id].is_ready())?;
        self.last_cq = id;
        let sqs = &self.sqs;
        let cq = self.cqs.get_mut(&id)?;
        let (at, entry) = cq.post(|queue| sqs.get(&queue).map_or(0, |sq| sq.head))?;
        Some((at, entry, cq.vector))
    }

    /// Tells the host the end of a command, in time; lost if its queues are gone.
    pub fn done(&mut self, done: Done) {
        let cq = self.sqs.get(&done.queue).and_then(|sq| self.cqs.get_mut(&sq.completion));
        if let Some(cq) = cq {
            cq.waiting.push_back(done);
        }
    }

    /// Interrupt vectors, below 32, of queues with completions that the host has not consumed.
    pub fn pending(&self) -> u32 {
        let used = self.cqs.values().filter(|cq| cq.used() > 0).filter_map(|cq| cq.vector);
        used.filter(|&vector| vector < 32).fold(0, |bits, vector| bits | 1 << vector)
    }
}

/// All keys, those above `last` first.
fn around<T>(queues: &BTreeMap<u16, T>, last: u16) -> impl Iterator<Item = u16> + '_ {
    let (after, before) = (queues.range(last.saturating_add(1)..), queues.range(..=last));
    after.chain(before).map(|(&id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_turns_with_every_round() {
        let mut queues = Queues::default();
        queues.sqs.insert(0, SubmissionQueue::new(0x1000, 4, 0));
        queues.cqs.insert(0, CompletionQueue::new(0x2000, 3, Some(0)));
        let done = |id| Done { queue: 0, id, result: 0, status: Status::SUCCESS };
        (0..7).for_each(|id| queues.done(done(id)));
        let mut seen = Vec::new();
        for head in [1, 2, 0, 1, 2, 0, 1] {
            while let Some((at, entry, vector)) = queues.post() {
                assert_eq!(vector, Some(0));
                seen.push(((at - 0x2000) / 16, entry[12], entry[14] & 1));
            }
            queues.doorbell(1, head).unwrap();
        }
        assert_eq!(seen, [(0, 0, 1), (1, 1, 1), (2, 2, 1), (0, 3, 0), (1, 4, 0), (2, 5, 0), (0, 6, 1)]);
        assert_eq!(queues.pending(), 0);
    }

    #[test]
    fn doorbells_out_of_range_change_nothing() {
        let mut queues = Queues::default();
        queues.sqs.insert(0, SubmissionQueue::new(0x1000, 4, 0));
        queues.cqs.insert(0, CompletionQueue::new(0x2000, 4, None));
        for (n, value, expected) in [
            (0, 4, Err(BadDoorbell::Value)),
            (0, u32::MAX, Err(BadDoorbell::Value)),
            (1, 1, Err(BadDoorbell::Value)),
            (1, u32::MAX, Err(BadDoorbell::Value)),
            (2, 0, Err(BadDoorbell::Register)),
            (3, 0, Err(BadDoorbell::Register)),
            (u64::MAX, 0, Err(BadDoorbell::Register)),
            (0, 3, Ok(())),
            (1, 0, Ok(())),
        ] {
            assert_eq!(queues.doorbell(n, value), expected, "{n} {value}");
        }
        assert_eq!(queues.fetch(2), Some((0, 0x1000, 128)));
        assert_eq!(queues.fetch(2), None);
    }

    #[test]
    fn submission_queues_take_turns_and_wrap() {
        let mut queues = Queues::default();
        for id in 0..3 {
            queues.sqs.insert(id, SubmissionQueue::new(0x1000 * u64::from(id), 8, 0));
            queues.doorbell(2 * u64::from(id), 3).unwrap();
        }
        let order: Vec<_> = (0..3).map(|_| queues.fetch(1).unwrap().0).collect();
        assert_eq!(order, [1, 2, 0]);
        let sq = queues.sqs.get_mut(&0).unwrap();
        sq.fetched();
        assert_eq!((sq.head, sq.fetch(8)), (1, Some((64, 128))));
        sq.fetched();
        (sq.head, sq.tail) = (6, 1);
        assert_eq!(sq.fetch(8), Some((6 * 64, 128)));
        sq.fetched();
        assert_eq!((sq.head, sq.fetch(8)), (0, Some((0, 64))));
    }
}
