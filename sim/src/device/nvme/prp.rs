//! Physical Region Pages: where the data of a command are (NVM Express Base 1.4, 4.3).

use super::command::Status;

/// Bytes in host memory: address, length; within one memory page.
pub type Segment = (u64, u64);

/// What is next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// All data are here, in this order.
    Done(Vec<Segment>),
    /// This many bytes of a PRP list must be read first, for [`Prp::list`]; they are in one memory page.
    List(u64, u64),
}

/// A walk along PRP entries.
#[derive(Clone, Debug)]
pub struct Prp {
    page: u64,
    left: u64,
    segments: Vec<Segment>,
}

impl Prp {
    /// Begins with the entries of a command for `len` bytes, with memory pages of `page` bytes.
    ///
    /// # Errors
    /// [`Status::PRP_OFFSET`]: PRP 1 is no multiple of 4, PRP 2 has an offset that is not 0, or a list no multiple of 8.
    pub fn start(first: u64, second: u64, len: u64, page: u64) -> Result<(Self, Step), Status> {
        if first % 4 != 0 {
            return Err(Status::PRP_OFFSET);
        }
        let head = len.min(page - first % page);
        let segments = if head > 0 { vec![(first, head)] } else { Vec::new() };
        let mut prp = Prp { page, left: len - head, segments };
        let step = match prp.left {
            0 => Step::Done(std::mem::take(&mut prp.segments)),
            left if left <= page => {
                prp.data(second)?;
                Step::Done(std::mem::take(&mut prp.segments))
            }
            _ if second % 8 != 0 => return Err(Status::PRP_OFFSET),
            _ => prp.want(second),
        };
        Ok((prp, step))
    }

    /// Goes on with the bytes of a list that were asked for. The last entry of a page leads to the next list if more follow.
    ///
    /// # Errors
    /// [`Status::PRP_OFFSET`]: an entry has an offset that is not 0.
    pub fn list(&mut self, entries: &[u8]) -> Result<Step, Status> {
        let count = entries.len() / 8;
        for (n, entry) in entries.chunks_exact(8).enumerate() {
            let address = entry.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
            if n + 1 == count && self.left > self.page {
                return if address % self.page == 0 { Ok(self.want(address)) } else { Err(Status::PRP_OFFSET) };
            }
            self.data(address)?;
        }
        Ok(Step::Done(std::mem::take(&mut self.segments)))
    }

    fn want(&self, list: u64) -> Step {
        let entries = self.left.div_ceil(self.page);
        Step::List(list, (8 * entries).min(self.page - list % self.page))
    }

    fn data(&mut self, address: u64) -> Result<(), Status> {
        if address % self.page != 0 {
            return Err(Status::PRP_OFFSET);
        }
        let len = self.left.min(self.page);
        self.segments.push((address, len));
        self.left -= len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn walk(memory: &Memory, first: u64, second: u64, len: u64, page: u64) -> Result<Vec<Segment>, Status> {
        let (mut prp, mut step) = Prp::start(first, second, len, page)?;
        loop {
            match step {
                Step::Done(segments) => return Ok(segments),
                Step::List(at, bytes) => {
                    assert!(bytes > 0 && bytes % 8 == 0 && at / page == (at + bytes - 1) / page);
                    step = prp.list(&memory.read(at, bytes as usize))?;
                }
            }
        }
    }

    /// Lays lists out from the back, and expects the pages in the order chosen.
    #[test]
    fn every_layout_is_walked() {
        for seed in 0..200 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let page: u64 = 4096 << rng.gen_range(0..3);
            let len = if seed % 4 == 0 { rng.gen_range(0..4 * page) } else { rng.gen_range(1..2000 * page) };
            let first = rng.gen_range(0..1000) * page + 4 * rng.gen_range(0..page / 4);
            let head = len.min(page - first % page);
            let mut expected = vec![(first, head)];
            expected.retain(|&(_, len)| len > 0);
            let mut left = len - head;
            let mut pages = Vec::new();
            while left > 0 {
                let bytes = left.min(page);
                pages.push(rng.gen_range(0..1u64 << 40) * page);
                expected.push((*pages.last().unwrap(), bytes));
                left -= bytes;
            }
            let mut memory = Memory::new();
            let second = match pages.len() {
                0 => rng.gen(),
                1 => pages[0],
                _ => {
                    let list = 0xff_0000_0000 + 8 * rng.gen_range(0..page / 8);
                    let (mut at, mut rest) = (list, &pages[..]);
                    let mut next = 0xfe_0000_0000;
                    while !rest.is_empty() {
                        let room = ((page - at % page) / 8) as usize;
                        let here = if rest.len() > room { room - 1 } else { rest.len() };
                        for &entry in &rest[..here] {
                            memory.write(at, &entry.to_le_bytes());
                            at += 8;
                        }
                        rest = &rest[here..];
                        if !rest.is_empty() {
                            memory.write(at, &u64::to_le_bytes(next));
                            at = next;
                            next += page;
                        }
                    }
                    list
                }
            };
            assert_eq!(walk(&memory, first, second, len, page), Ok(expected), "{len} bytes, pages of {page}");
        }
    }

    #[test]
    fn odd_offsets_are_refused() {
        let bad = Err(Status::PRP_OFFSET);
        let mut memory = Memory::new();
        assert_eq!(walk(&memory, 0x1002, 0, 512, 4096), bad);
        assert_eq!(walk(&memory, 0x1004, 0, 4092, 4096), Ok(vec![(0x1004, 4092)]));
        assert_eq!(walk(&memory, 0x1004, 0x2004, 4096, 4096), bad);
        assert_eq!(walk(&memory, 0x1000, 0x2004, 3 * 4096, 4096), bad);
        memory.write(0x2008, &[0, 0x10, 0, 0, 0, 0, 0, 0, 1, 0x20]);
        assert_eq!(walk(&memory, 0x1000, 0x2008, 3 * 4096, 4096), bad);
        // The pointer to the next list has an offset.
        memory.write(0x2ff8, &[8, 0x30]);
        assert_eq!(walk(&memory, 0x1000, 0x2ff8, 3 * 4096, 4096), bad);
    }
}
