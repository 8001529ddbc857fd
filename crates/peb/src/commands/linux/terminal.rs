//! The user's terminal, or whatever standard input and output are, at the guests' shells.

use std::io::{self, Read, Write};
use std::sync::mpsc::{channel, Receiver, TryRecvError};
use std::thread;

use rustix::termios::{self, OptionalActions, Termios};

/// Goes to the other guest: Ctrl-].
const SWITCH: u8 = 0x1d;
/// Guests that there can be.
const GUESTS: usize = 2;

/// The terminal; as it was before when dropped.
pub struct Terminal {
    keys: Receiver<Vec<u8>>,
    guest: usize,
    begun: bool,
    /// Guests that have written something.
    seen: [bool; GUESTS],
    before: Option<Termios>,
}

impl Terminal {
    /// Nothing is read or changed before the first guest is there.
    pub fn new() -> Self {
        let (_, keys) = channel();
        Terminal { keys, guest: 0, begun: false, seen: [false; GUESTS], before: None }
    }

    /// Whether a guest has it.
    pub fn is_in_use(&self) -> bool {
        self.begun
    }

    /// Keys go to the guest as they are, Ctrl-C too. Reading waits, so a thread does it.
    fn begin(&mut self) {
        self.begun = true;
        if let Ok(setting) = termios::tcgetattr(io::stdin()) {
            let mut raw = setting.clone();
            raw.make_raw();
            if termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw).is_ok() {
                self.before = Some(setting);
            }
        }
        let (sender, keys) = channel();
        self.keys = keys;
        thread::spawn(move || {
            let mut bytes = [0; 256];
            while let Ok(len @ 1..) = io::stdin().lock().read(&mut bytes) {
                if sender.send(bytes[..len].to_vec()).is_err() {
                    break;
                }
            }
        });
    }

    /// What was typed since the last call, and for which guest; none at the end of the input.
    pub fn typed(&mut self) -> Option<(usize, Vec<u8>)> {
        if !self.begun {
            self.begin();
        }
        let mut bytes = match self.keys.try_recv() {
            Ok(bytes) => bytes,
            Err(TryRecvError::Empty) => Vec::new(),
            Err(TryRecvError::Disconnected) => return None,
        };
        if self.before.is_some() && self.seen[1] && bytes.contains(&SWITCH) {
            bytes.retain(|&byte| byte != SWITCH);
            self.guest = 1 - self.guest;
            self.print(format!("\r\n--- guest {} ---\r\n", self.guest).as_bytes());
        }
        Some((self.guest, bytes))
    }

    /// Shows what a guest has written, if it is the one that has the terminal.
    pub fn wrote(&mut self, guest: usize, bytes: &[u8]) {
        self.seen[guest.min(GUESTS - 1)] = true;
        if guest == self.guest {
            self.print(bytes);
        }
    }

    fn print(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        // Who has closed the output sees nothing more.
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
