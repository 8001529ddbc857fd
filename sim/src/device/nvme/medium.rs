//! Where the blocks of a namespace are kept: in sparse memory, or in a file.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of a page in memory, and of a write of zeros to a file.
const PAGE: u64 = 4096;

/// The stored bytes. It survives every reset.
#[derive(Debug)]
pub struct Medium {
    bytes: u64,
    store: Store,
}

#[derive(Debug)]
enum Store {
    Memory(BTreeMap<u64, Box<[u8]>>),
    File(File),
}

impl Medium {
    /// Memory full of zeros.
    pub fn memory(bytes: u64) -> Self {
        Medium { bytes, store: Store::Memory(BTreeMap::new()) }
    }

    /// A file: made with `bytes` bytes if it is not there or empty, else as long as it is.
    ///
    /// # Errors
    /// If the file cannot be opened, or made as long.
    pub fn file(path: &Path, bytes: u64) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut len = file.metadata()?.len();
        if len == 0 {
            file.set_len(bytes)?;
            len = bytes;
        }
        Ok(Medium { bytes: len, store: Store::File(file) })
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads bytes within its size.
    ///
    /// # Errors
    /// If the file does not give them.
    pub fn read(&self, at: u64, len: u64) -> io::Result<Vec<u8>> {
        let mut data = vec![0; len as usize];
        match &self.store {
            Store::File(file) => file.read_exact_at(&mut data, at)?,
            Store::Memory(pages) => {
                for (page, offset, range) in pieces(at, len) {
                    if let Some(bytes) = pages.get(&page) {
                        let len = range.len();
                        data[range].copy_from_slice(&bytes[offset..offset + len]);
                    }
                }
            }
        }
        Ok(data)
    }

    /// Writes bytes within its size.
    ///
    /// # Errors
    /// If the file does not take them.
    pub fn write(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        match &mut self.store {
            Store::File(file) => file.write_all_at(data, at)?,
            Store::Memory(pages) => {
                for (page, offset, range) in pieces(at, data.len() as u64) {
                    let bytes = pages.entry(page).or_insert_with(|| vec![0; PAGE as usize].into());
                    bytes[offset..offset + range.len()].copy_from_slice(&data[range]);
                }
            }
        }
        Ok(())
    }

    /// Makes bytes zero, which costs nothing where they are.
    ///
    /// # Errors
    /// If the file does not take them.
    pub fn zero(&mut self, at: u64, len: u64) -> io::Result<()> {
        for (page, offset, range) in pieces(at, len) {
            match &mut self.store {
                Store::Memory(pages) if range.len() as u64 == PAGE => drop(pages.remove(&page)),
                Store::Memory(pages) => {
                    if let Some(bytes) = pages.get_mut(&page) {
                        bytes[offset..offset + range.len()].fill(0);
                    }
                }
                Store::File(file) => {
                    // A hole stays one.
                    let (mut old, place) = (vec![0; range.len()], page * PAGE + offset as u64);
                    file.read_exact_at(&mut old, place)?;
                    if old.iter().any(|&byte| byte != 0) {
                        file.write_all_at(&vec![0; range.len()], place)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns when everything written is safe.
    ///
    /// # Errors
    /// If the file cannot be synchronised.
    pub fn flush(&mut self) -> io::Result<()> {
        match &self.store {
            Store::File(file) => file.sync_data(),
            Store::Memory(_) => Ok(()),
        }
    }
}

/// Pages that a range touches: number, offset in it, and the part of the range.
fn pieces(at: u64, len: u64) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let from = at + done;
        let part = (PAGE - from % PAGE).min(len - done);
        done += part;
        (part > 0).then_some((from / PAGE, (from % PAGE) as usize, (done - part) as usize..done as usize))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn memory_and_file_hold_the_same() {
        let dir = tempfile::tempdir().unwrap();
        for seed in 0..20 {
            println!("seed {seed}");
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let size = 40 * 512;
            let path = dir.path().join(seed.to_string());
            let mut media = [Medium::memory(size), Medium::file(&path, size).unwrap()];
            let mut model = vec![0; size as usize];
            for _ in 0..100 {
                let at = rng.gen_range(0..size);
                let len = rng.gen_range(0..=(size - at));
                let data: Vec<u8> = (0..len).map(|_| rng.gen()).collect();
                let zero = rng.gen_bool(0.3);
                let place = &mut model[at as usize..(at + len) as usize];
                if zero {
                    place.fill(0);
                } else {
                    place.copy_from_slice(&data);
                }
                for medium in &mut media {
                    if zero { medium.zero(at, len) } else { medium.write(at, &data) }.unwrap();
                    let at = rng.gen_range(0..size);
                    let end = rng.gen_range(at..=size);
                    assert_eq!(medium.read(at, end - at).unwrap(), model[at as usize..end as usize]);
                }
            }
            media[1].flush().unwrap();
            let again = Medium::file(&path, 1).unwrap();
            assert_eq!((again.bytes(), again.read(0, size).unwrap()), (size, model));
        }
    }
}
