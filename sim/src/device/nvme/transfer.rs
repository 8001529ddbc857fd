//! Moves bytes to and from pieces of host memory, with several reads outstanding.

use std::collections::{BTreeMap, VecDeque};

use super::prp::Segment;
use crate::device::Bus;
use crate::requester::Outcome;

/// A read that has ended: its bytes, or `None` if a completion was not successful or did not come.
pub type Arrived<K> = (K, Option<Vec<u8>>);

/// Transfers under way, each known by a key. Reads and writes begin in the order they were asked for.
#[derive(Clone, Debug)]
pub struct Transfers<K> {
    reads: BTreeMap<u64, Read<K>>,
    made: u64,
    /// Outstanding requests by tag: read and offset in its data.
    tags: BTreeMap<u16, (u64, usize)>,
    writes: VecDeque<Write<K>>,
}

#[derive(Clone, Debug)]
struct Read<K> {
    key: K,
    segments: VecDeque<Segment>,
    data: Vec<u8>,
    asked: usize,
    outstanding: usize,
    failed: bool,
}

#[derive(Clone, Debug)]
struct Write<K> {
    key: K,
    segments: VecDeque<Segment>,
    data: Vec<u8>,
    sent: usize,
}

impl<K> Default for Transfers<K> {
    fn default() -> Self {
        Transfers { reads: BTreeMap::new(), made: 0, tags: BTreeMap::new(), writes: VecDeque::new() }
    }
}

impl<K: Copy> Transfers<K> {
    /// Reads all segments, one after the other.
    pub fn read(&mut self, key: K, segments: impl IntoIterator<Item = Segment>) {
        let segments: VecDeque<Segment> = segments.into_iter().collect();
        let len = segments.iter().map(|&(_, len)| len as usize).sum();
        let read = Read { key, segments, data: vec![0; len], asked: 0, outstanding: 0, failed: false };
        self.reads.insert(self.made, read);
        self.made += 1;
    }

    /// Writes the bytes, as many as the segments have.
    pub fn write(&mut self, key: K, segments: impl IntoIterator<Item = Segment>, data: Vec<u8>) {
        self.writes.push_back(Write { key, segments: segments.into_iter().collect(), data, sent: 0 });
    }

    /// Sends at most one request; gives the key of a write whose last request it was.
    pub fn send_write(&mut self, bus: &mut Bus<'_>) -> Option<K> {
        let write = self.writes.front_mut()?;
        if let Some((at, left)) = write.segments.front_mut().filter(|_| bus.write_room()) {
            let len = bus.write_limit(*at, *left);
            bus.write(*at, &write.data[write.sent..][..len as usize]);
            write.sent += len as usize;
            advance(at, left, len);
            if *left == 0 {
                write.segments.pop_front();
            }
        }
        let done = write.segments.is_empty();
        done.then(|| self.writes.pop_front().map(|write| write.key))?
    }

    /// Sends at most one read.
    pub fn send_read(&mut self, bus: &mut Bus<'_>) {
        if !bus.read_room() {
            return;
        }
        let waiting = self.reads.iter_mut().find(|(_, read)| !read.segments.is_empty());
        let Some((&id, read)) = waiting else { return };
        let Some((at, left)) = read.segments.front_mut() else { return };
        let len = bus.read_limit(*at, *left);
        let Some(tag) = bus.read(*at, len) else { return };
        self.tags.insert(tag.0, (id, read.asked));
        read.outstanding += 1;
        read.asked += len as usize;
        advance(at, left, len);
        if *left == 0 {
            read.segments.pop_front();
        }
    }

    /// Takes the end of a request; gives a read that has ended with it.
    pub fn ended(&mut self, outcome: &Outcome) -> Option<Arrived<K>> {
        let (id, at) = self.tags.remove(&outcome.tag.0)?;
        // It may have been cancelled.
        let read = self.reads.get_mut(&id)?;
        read.outstanding -= 1;
        match read.data.get_mut(at..at + outcome.data.len()).filter(|_| outcome.is_success()) {
            Some(place) => place.copy_from_slice(&outcome.data),
            None => {
                read.failed = true;
                read.segments.clear();
            }
        }
        if read.outstanding > 0 || !read.segments.is_empty() {
            return None;
        }
        self.reads.remove(&id).map(|read| (read.key, (!read.failed).then_some(read.data)))
    }

    /// Gives transfers up. What is outstanding stays so, without use.
    pub fn cancel(&mut self, of: impl Fn(K) -> bool) {
        self.reads.retain(|_, read| !of(read.key));
        self.writes.retain(|write| !of(write.key));
    }

    /// Forgets everything: nothing outstanding will end.
    pub fn clear(&mut self) {
        self.cancel(|_| true);
        self.tags.clear();
    }

    /// Requests that have no end yet.
    pub fn outstanding(&self) -> usize {
        self.tags.len()
    }
}

fn advance(at: &mut u64, left: &mut u64, len: u64) {
    *at = at.wrapping_add(len);
    *left -= len;
}
