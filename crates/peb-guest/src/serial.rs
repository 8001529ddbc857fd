//! The guest's serial ports: the console with the kernel's messages, and the shell.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::initramfs::MARK;

/// What a kernel says only when something is wrong.
const ALARMS: [&str; 6] = ["stall", "lockup", "Timeout on hotplug", "timed out", "Call Trace", "Kernel panic"];

/// Reads what is there without waiting; false at the end of the stream.
fn drain(stream: &mut UnixStream, into: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(false),
            Ok(len) => into.extend_from_slice(&bytes[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// A line of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Since the start of the run.
    pub at: Duration,
    /// Without the end of the line.
    pub text: String,
}

/// The console.
#[derive(Debug)]
pub struct Console {
    /// Whole lines so far.
    pub lines: Vec<Line>,
    stream: UnixStream,
    part: Vec<u8>,
}

impl Console {
    /// A console with nothing said.
    ///
    /// # Errors
    /// If the connection cannot be made non-blocking.
    pub fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Console { lines: Vec::new(), stream, part: Vec::new() })
    }

    /// Takes what was said meanwhile; gives the number of new lines.
    ///
    /// # Errors
    /// If the connection fails.
    pub fn poll(&mut self, at: Duration) -> std::io::Result<usize> {
        drain(&mut self.stream, &mut self.part)?;
        let before = self.lines.len();
        while let Some(end) = self.part.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.part.drain(..=end).collect();
            let text = String::from_utf8_lossy(&line).trim_end().to_string();
            self.lines.push(Line { at, text });
        }
        Ok(self.lines.len() - before)
    }
}

/// What in a line of the kernel means that something is wrong.
pub fn alarm(line: &str) -> Option<&'static str> {
    let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    ALARMS.into_iter().find(|alarm| line.match_indices(alarm).any(|(at, _)| begins(at)))
}

/// The shell: one command at a time.
#[derive(Debug)]
pub struct Shell {
    stream: UnixStream,
    received: Vec<u8>,
    typed: Vec<u8>,
}

impl Shell {
    /// A shell that has not said yet that it is ready.
    ///
    /// # Errors
    /// If the connection cannot be made non-blocking.
    pub fn new(stream: UnixStream) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Shell { stream, received: Vec::new(), typed: Vec::new() })
    }

    /// Starts a command of one line.
    ///
    /// # Errors
    /// If the connection fails.
    pub fn start(&mut self, command: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{command}\n").as_bytes())
    }

    /// Sends bytes as they are, to a program that reads them. What the guest has no room for yet is sent later, by
    /// [`Shell::written`].
    ///
    /// # Errors
    /// If the connection fails.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.typed.extend(bytes);
        while !self.typed.is_empty() {
            match self.stream.write(&self.typed) {
                Ok(len) => drop(self.typed.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What was written by a program that [`Shell::start`] started, so far, and its exit status if it has ended.
    ///
    /// # Errors
    /// If the connection fails.
    pub fn written(&mut self) -> std::io::Result<(Vec<u8>, Option<String>)> {
        self.send(&[])?;
        drain(&mut self.stream, &mut self.received)?;
        match self.received.iter().position(|&byte| byte == MARK) {
            Some(mark) if mark > 0 => Ok((self.received.drain(..mark).collect(), None)),
            Some(_) => Ok((Vec::new(), answer(&mut self.received).map(|(_, status)| status))),
            None => Ok((std::mem::take(&mut self.received), None)),
        }
    }

    /// The answer, if it has come: output, the mark, and a line that says how it ended.
    ///
    /// # Errors
    /// If the connection fails.
    pub fn poll(&mut self) -> std::io::Result<Option<(String, String)>> {
        drain(&mut self.stream, &mut self.received)?;
        Ok(answer(&mut self.received))
    }
}

fn answer(received: &mut Vec<u8>) -> Option<(String, String)> {
    let mark = received.iter().position(|&byte| byte == MARK)?;
    let end = mark + received[mark..].iter().position(|&byte| byte == b'\n')?;
    let whole: Vec<u8> = received.drain(..=end).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\r', "").trim_end().to_string();
    Some((text(&whole[..mark]), text(&whole[mark + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole() {
        let (mut guest, ours) = UnixStream::pair().unwrap();
        let mut console = Console::new(ours).unwrap();
        guest.write_all(b"[ 1.0] one\r\n[ 2.0] tw").unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap(), 1);
        guest.write_all(b"o\r\n").unwrap();
        assert_eq!(console.poll(Duration::from_secs(1)).unwrap(), 1);
        assert_eq!(console.lines[1], Line { at: Duration::from_secs(1), text: "[ 2.0] two".into() });
    }

    #[test]
    fn answers_end_with_a_status() {
        let (mut guest, ours) = UnixStream::pair().unwrap();
        let mut shell = Shell::new(ours).unwrap();
        shell.start("ls /").unwrap();
        guest.write_all(b"bin\r\ndev\r\n\x010").unwrap();
        assert_eq!(shell.poll().unwrap(), None);
        guest.write_all(b"\n").unwrap();
        assert_eq!(shell.poll().unwrap(), Some(("bin\ndev".into(), "0".into())));
    }

    #[test]
    fn a_program_is_talked_to() {
        let (mut guest, ours) = UnixStream::pair().unwrap();
        let mut shell = Shell::new(ours).unwrap();
        shell.send(b"ls\r").unwrap();
        guest.write_all(b"# ls\r\nbin\r\n\x010").unwrap();
        let mut typed = [0; 3];
        guest.read_exact(&mut typed).unwrap();
        assert_eq!(&typed, b"ls\r");
        assert_eq!(shell.written().unwrap(), (b"# ls\r\nbin\r\n".to_vec(), None));
        assert_eq!(shell.written().unwrap(), (Vec::new(), None));
        guest.write_all(b"\n").unwrap();
        assert_eq!(shell.written().unwrap(), (Vec::new(), Some("0".into())));
    }

    #[test]
    fn alarms_are_what_kernels_say_in_distress() {
        assert_eq!(alarm("rcu: INFO: rcu_sched self-detected stall on CPU"), Some("stall"));
        assert_eq!(
            alarm("pcieport 0001:02:00.0: pciehp: Timeout on hotplug command 0x17f8"),
            Some("Timeout on hotplug")
        );
        assert_eq!(alarm("pcieport 0001:02:00.0: pciehp: Slot(1): Link Up"), None);
        assert_eq!(alarm("clocksource: tsc installed"), None);
    }
}
