//! How software reaches the hardware: what it runs on, and blocking accesses.

use peb_tlp::{CompletionStatus, FunctionId, MsgRouting, Tag, Tlp, TlpError};

use super::root::RootComplex;
use crate::requester::{End, Outcome};

/// What an operating system runs on: a root complex, and time that passes for everything.
pub trait Platform {
    /// The hardware of this host.
    fn root(&mut self) -> &mut RootComplex;
    /// Lets one clock pass, everywhere.
    fn step(&mut self);
    /// Clocks so far.
    fn now(&self) -> u64;
    /// Puts a line into the timeline.
    fn note(&mut self, what: String);
}

/// Blocking accesses, as the instructions of a CPU are.
pub trait Access: Platform {
    /// Lets clocks pass.
    fn wait(&mut self, clocks: u64) {
        (0..clocks).for_each(|_| self.step());
    }

    /// Lets clocks pass until something holds; false if it does not within `limit` clocks.
    fn wait_until(&mut self, limit: u64, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        for _ in 0..limit {
            if holds(self) {
                return true;
            }
            self.step();
        }
        holds(self)
    }

    /// Sends a non-posted request without waiting for its end; waits only for a free tag.
    ///
    /// # Errors
    /// [`TlpError`] if the request cannot be made.
    fn start(&mut self, build: impl Fn(peb_tlp::RequestId) -> Result<Tlp, TlpError>) -> Result<Tag, TlpError> {
        loop {
            if let Some(tag) = self.root().issue(&build)? {
                return Ok(tag);
            }
            self.step();
        }
    }

    /// Waits for the end of a request. The root complex gives every request one, if need be by its timeout; one that it does
    /// not know is forgotten.
    fn finish(&mut self, tag: Tag) -> Outcome {
        loop {
            if let Some(outcome) = self.root().take(tag) {
                return outcome;
            }
            self.step();
        }
    }

    /// Sends a non-posted request and waits for its end.
    ///
    /// # Errors
    /// [`TlpError`] if the request cannot be made.
    fn request(&mut self, build: impl Fn(peb_tlp::RequestId) -> Result<Tlp, TlpError>) -> Result<Outcome, TlpError> {
        let tag = self.start(build)?;
        Ok(self.finish(tag))
    }

    /// Reads `bytes` (1, 2 or 4, aligned) of configuration space. All ones if nobody answers, as on PCs; `Err` says how.
    ///
    /// # Errors
    /// How the request ended, if not successfully.
    fn try_config_read(&mut self, id: FunctionId, register: u16, bytes: u32) -> Result<u32, End> {
        let Some(type1) = below_root_port(id) else { return Err(UNCLAIMED) };
        let lane = u32::from(register & 3);
        let enables = ((1 << bytes) - 1) << lane;
        let build =
            |request| Tlp::config_read(request, id, register & !3, type1)?.with_byte_enables(enables as u8 & 0xf, 0);
        let outcome = self.request(build).map_err(|_| UNCLAIMED)?;
        let data = outcome.data.first_chunk().filter(|_| outcome.is_success()).ok_or(outcome.end)?;
        Ok(u32::from_le_bytes(*data) >> (8 * lane) & ones(bytes))
    }

    /// As [`Access::try_config_read`], but failure reads as all ones.
    fn config_read(&mut self, id: FunctionId, register: u16, bytes: u32) -> u32 {
        self.try_config_read(id, register, bytes).unwrap_or(ones(bytes))
    }

    /// Writes `bytes` (1, 2 or 4, aligned) of configuration space, with the byte enables of just these.
    fn config_write(&mut self, id: FunctionId, register: u16, bytes: u32, value: u32) -> End {
        let Some(type1) = below_root_port(id) else { return UNCLAIMED };
        let lane = u32::from(register & 3);
        let enables = ((1 << bytes) - 1) << lane;
        let data = ((value & ones(bytes)) << (8 * lane)).to_le_bytes();
        let build = |request| {
            Tlp::config_write(request, id, register & !3, type1, data)?.with_byte_enables(enables as u8 & 0xf, 0)
        };
        self.request(build).map_or(UNCLAIMED, |outcome| outcome.end)
    }

    /// Reads memory below the root port.
    ///
    /// # Errors
    /// [`TlpError`] if the request cannot be made: longer than 4096 bytes or across 4 KiB.
    fn memory_read(&mut self, address: u64, len: usize) -> Result<Outcome, TlpError> {
        self.request(|request| Tlp::memory_read(request, address, len))
    }

    /// Reads a 32-bit register. All ones if nobody answers.
    fn read32(&mut self, address: u64) -> u32 {
        let outcome = self.memory_read(address, 4).ok().filter(Outcome::is_success);
        outcome.and_then(|o| o.data.first_chunk().copied()).map_or(!0, u32::from_le_bytes)
    }

    /// Writes memory below the root port, in requests of at most 128 bytes; does not wait for more than room to send.
    ///
    /// # Errors
    /// [`TlpError`] if a request cannot be made.
    fn memory_write(&mut self, address: u64, data: &[u8]) -> Result<(), TlpError> {
        let mut at = 0;
        while at < data.len() {
            let to = address + at as u64;
            let len = (128 - to % 128).min((data.len() - at) as u64) as usize;
            if !self.wait_until(STUCK, |platform| platform.root().posted() < 8) {
                self.root().complain(format!("no posted request was taken for {STUCK} clocks"));
            }
            self.root().post(|request| Tlp::memory_write(request, to, &data[at..at + len]))?;
            at += len;
        }
        Ok(())
    }

    /// Writes a 32-bit register.
    fn write32(&mut self, address: u64, value: u32) {
        // Four bytes at an aligned address always make a request.
        let _ = self.memory_write(address & !3, &value.to_le_bytes());
    }

    /// Sends a message without data.
    ///
    /// # Errors
    /// [`TlpError`] if it cannot be made.
    fn message(&mut self, routing: MsgRouting, code: u8) -> Result<(), TlpError> {
        self.root().post(|request| Tlp::message(request, routing, code, [0; 8], &[]))
    }
}

impl<P: Platform + ?Sized> Access for P {}

/// Clocks after which posted requests that are not taken are worth a complaint.
const STUCK: u64 = 500_000;

/// What a request ends with that no port claims.
const UNCLAIMED: End = End::Completed(CompletionStatus::UnsupportedRequest);

fn ones(bytes: u32) -> u32 {
    u32::MAX >> (32 - 8 * bytes.clamp(1, 4))
}

/// Bus 1 is the link below the root port, with one device on it: whether a request there is of type 1.
fn below_root_port(id: FunctionId) -> Option<bool> {
    match (id.bus(), id.device()) {
        (0, _) => None,
        (1, device) => (device == 0).then_some(false),
        _ => Some(true),
    }
}
