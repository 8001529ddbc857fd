//! Remembers which slow checks have passed on exactly these inputs, under `$HOME/.cache/peb/checks`.
//! `PEB_NO_CACHE=1` runs them all the same.

use std::path::PathBuf;

/// A 128-bit FNV-1a hash of everything that goes into a check.
pub struct Key(u128);

impl Key {
    /// The key of a kind of check by this version of the crate.
    pub fn new(kind: &str) -> Key {
        Key(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d).with(kind).with(env!("CARGO_PKG_VERSION"))
    }

    /// With this input too.
    pub fn with(mut self, input: &str) -> Key {
        self.bytes(input.as_bytes());
        self.bytes(&input.len().to_le_bytes());
        self
    }

    /// With these words too.
    pub fn with_words(mut self, words: &[u64]) -> Key {
        words.iter().for_each(|w| self.bytes(&w.to_le_bytes()));
        self
    }

    /// With these bytes too.
    pub fn with_bytes(mut self, bytes: &[u8]) -> Key {
        self.bytes(bytes);
        self
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ *byte as u128).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    /// The key as a file name.
    pub fn name(&self) -> String {
        format!("{:032x}", self.0)
    }

    /// So many bits of the key.
    pub fn small(&self, bits: u32) -> usize {
        (self.0 >> 64) as usize & ((1 << bits) - 1)
    }

    fn file(&self) -> Option<PathBuf> {
        if std::env::var_os("PEB_NO_CACHE").is_some() {
            return None;
        }
        let home = PathBuf::from(std::env::var_os("HOME")?);
        Some(home.join(".cache/peb/checks").join(self.name()))
    }

    /// What the check found when it passed, if it did.
    pub fn passed(&self) -> Option<String> {
        std::fs::read_to_string(self.file()?).ok()
    }

    /// Notes that the check passed. A cache that cannot be written costs time, nothing else.
    pub fn pass(&self, found: &str) {
        let Some(file) = self.file() else { return };
        let Some(directory) = file.parent() else { return };
        if std::fs::create_dir_all(directory).is_ok() {
            let _ = std::fs::write(file, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn keys_tell_inputs_apart() {
        let key = |a: &str, b: &str| Key::new("k").with(a).with(b).0;
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_ne!(Key::new("k").with_words(&[1]).0, Key::new("k").with_words(&[2]).0);
        assert_eq!(key("a", "b"), key("a", "b"));
    }
}
