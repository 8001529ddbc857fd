//! Archives as the kernel unpacks them into its first root file system: cpio, "new ASCII" format.
//!
//! Format: `Documentation/driver-api/early-userspace/buffer-format.rst` of the Linux kernel.

/// What an entry of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A directory.
    Directory,
    /// A file that can be executed.
    Program(&'a [u8]),
    /// A symbolic link to this path.
    Link(&'a str),
    /// A character device: major, minor.
    Device(u32, u32),
}

/// An archive being written.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds an entry; directories come before what is in them.
    pub fn add(&mut self, path: &str, entry: Entry<'_>) {
        let (mode, data, device) = match entry {
            Entry::Directory => (0o040_755, &[][..], (0, 0)),
            Entry::Program(data) => (0o100_755, data, (0, 0)),
            Entry::Link(target) => (0o120_777, target.as_bytes(), (0, 0)),
            Entry::Device(major, minor) => (0o020_600, &[][..], (major, minor)),
        };
        self.entries += 1;
        self.put(path, self.entries, mode, data, device);
    }

    /// The archive, ended.
    pub fn finish(mut self) -> Vec<u8> {
        self.put("TRAILER!!!", 0, 0, &[], (0, 0));
        self.bytes
    }

    fn put(&mut self, path: &str, inode: u32, mode: u32, data: &[u8], device: (u32, u32)) {
        let (size, name) = (data.len() as u32, path.len() as u32 + 1);
        // Inode, mode, owner, group, links, time, size, device of the file, device it is, name, checksum.
        let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn every_entry_begins_at_a_multiple_of_four() {
        let mut archive = Archive::default();
        archive.add("dev", Entry::Directory);
        archive.add("dev/console", Entry::Device(5, 1));
        archive.add("init", Entry::Program(b"abc"));
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        let places: Vec<_> = text.match_indices("070701").map(|(at, _)| at % 4).collect();
        assert_eq!(places, [0; 4]);
        assert!(text.contains("000021800000000000000000000000010000000000000000") && text.contains("TRAILER!!!"));
    }

    #[test]
    fn busybox_unpacks_it() {
        let mut archive = Archive::default();
        archive.add("bin", Entry::Directory);
        archive.add("bin/tool", Entry::Program(b"#!/bin/sh\necho 5\n"));
        archive.add("bin/sh", Entry::Link("tool"));
        let command = Command::new("busybox").args(["cpio", "-t"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut command) = command else {
            println!("busybox is not installed: not compared");
            return;
        };
        command.stdin.take().unwrap().write_all(&archive.finish()).unwrap();
        let listed = command.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "bin\nbin/tool\nbin/sh\n");
    }
}
