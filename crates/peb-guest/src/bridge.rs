//! The root port at work: what the guest loads and stores behind the BARs of the proxied function becomes TLPs.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use peb_sim::host::RootComplex;
use peb_sim::requester::{End, Outcome};
use peb_tlp::{CompletionStatus, FunctionId, Tag, Tlp};
use thiserror::Error;

use crate::front::{Front, Function};
use crate::mpqemu::{self, Access, ProtocolError, Request};
use crate::root_port::{ones, RootPort, Route};

/// Posted requests that may wait for the PEB before a store waits, too.
const POSTED: usize = 8;
/// Clocks between two attempts at a function that answers with Configuration Request Retry Status.
const RETRY: u64 = 500;
/// Attempts after which such a request fails.
const RETRIES: u32 = 2000;

/// Why a guest cannot be served any longer.
#[derive(Debug, Error)]
pub enum BridgeError {
    /// QEMU has closed the connection: it has ended.
    #[error("QEMU has closed the connection of the proxied device")]
    Closed,
    /// The connection failed.
    #[error("connection of the proxied device: {0}")]
    Connection(#[from] std::io::Error),
    /// QEMU sent something that is not of the protocol.
    #[error("message from QEMU: {0}")]
    Protocol(#[from] ProtocolError),
}

/// What accesses there were, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accesses {
    /// Configuration reads that went below the root port.
    pub config_reads: u64,
    /// Configuration writes that went below the root port.
    pub config_writes: u64,
    /// Configuration requests for which nobody was there, or which ended without success.
    pub refused: u64,
    /// Memory reads.
    pub reads: u64,
    /// Memory writes.
    pub writes: u64,
    /// Clocks that reads and configuration requests took, all together.
    pub clocks: u64,
}

/// One guest's way to its root port.
#[derive(Debug)]
pub struct Bridge {
    /// The root port.
    pub port: RootPort,
    /// What was asked so far.
    pub accesses: Accesses,
    proxy: UnixStream,
    received: Vec<u8>,
    front: Front,
    function: Function,
    waiting: Option<Waiting>,
    /// Clock of the last store, if that was to a doorbell of an NVMe I/O submission queue.
    doorbell: Option<u64>,
}

/// What the guest waits for.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    /// Room for a posted request.
    Store(Access),
    /// A free tag.
    Issue(Ask),
    /// A completion.
    Completion(Ask, Tag, u64),
    /// The next attempt, at this clock.
    Retry(Ask, u64),
}

/// A request with a completion.
#[derive(Clone, Copy, Debug)]
struct Ask {
    access: Access,
    /// For configuration: the function, and whether by type 1.
    config: Option<(FunctionId, bool)>,
    attempts: u32,
}

impl Bridge {
    /// A bridge at our end of the connection to the proxied function.
    ///
    /// # Errors
    /// If the connection cannot be made non-blocking.
    pub fn new(proxy: UnixStream, front: Front) -> std::io::Result<Self> {
        proxy.set_nonblocking(true)?;
        Ok(Bridge {
            port: RootPort::default(),
            accesses: Accesses::default(),
            proxy,
            received: Vec::new(),
            front,
            function: Function::new(front),
            waiting: None,
            doorbell: None,
        })
    }

    /// Goes on with what the guest waits for, and takes what it asks next. To be called every few clocks.
    ///
    /// # Errors
    /// [`BridgeError`] if QEMU has ended or cannot be understood.
    pub fn poll(&mut self, root: &mut RootComplex, now: u64) -> Result<(), BridgeError> {
        loop {
            if let Some(waiting) = self.waiting.take() {
                self.go_on(waiting, root, now)?;
                if self.waiting.is_some() {
                    return Ok(());
                }
            }
            match self.request()? {
                Some(request) => self.serve(request)?,
                None => return Ok(()),
            }
        }
    }

    /// Clock of the last store, once, if that was to the doorbell of an NVMe I/O submission queue: a controller's registers
    /// are at a multiple of 16 KiB, its doorbells 4 KiB from there (NVMe 3.1.24), those of the administrator's queues first.
    pub fn take_doorbell(&mut self) -> Option<u64> {
        self.doorbell.take()
    }

    /// Whether the guest waits for an access.
    pub fn is_busy(&self) -> bool {
        self.waiting.is_some()
    }

    /// The next message.
    fn request(&mut self) -> Result<Option<Request>, BridgeError> {
        loop {
            if let Some(request) = mpqemu::take(&mut self.received)? {
                return Ok(Some(request));
            }
            let mut bytes = [0; 4096];
            match self.proxy.read(&mut bytes) {
                Ok(0) => return Err(BridgeError::Closed),
                Ok(len) => self.received.extend_from_slice(&bytes[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Err(BridgeError::Closed),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn reply(&mut self, value: u64) -> Result<(), BridgeError> {
        // QEMU waits for each reply, so there is always room for one.
        self.proxy.write_all(&mpqemu::reply(value)).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => BridgeError::Closed,
            _ => error.into(),
        })
    }

    fn serve(&mut self, request: Request) -> Result<(), BridgeError> {
        match request {
            Request::SyncMemory | Request::SetIrq => Ok(()),
            Request::Reset => {
                self.function = Function::new(self.front);
                self.port = RootPort::default();
                self.reply(0)
            }
            Request::Config(access) => {
                let value = self.function.access(access);
                self.reply(value)
            }
            Request::Bar(access) => match self.function.in_ecam(access.address) {
                Some(offset) => self.config(offset, access),
                None => self.memory(access),
            },
        }
    }

    /// Enhanced configuration access (PCIe 7.2.2): bus, device and function are the bits from 12 on of the offset.
    fn config(&mut self, offset: u32, access: Access) -> Result<(), BridgeError> {
        let id = FunctionId((offset >> 12) as u16);
        let register = (offset & 0xfff) as u16;
        let aligned = access.size <= 4 && register as u32 % access.size == 0;
        match self.port.route(id) {
            Route::Own if aligned => {
                let Some(value) = access.value else {
                    return self.reply(self.port.read(register, access.size).into());
                };
                self.port.write(register, access.size, value as u32);
                self.reply(0)
            }
            Route::Below { type1 } if aligned && !self.port.is_resetting() => {
                let access = Access { address: register.into(), ..access };
                match access.value {
                    Some(_) => self.accesses.config_writes += 1,
                    None => self.accesses.config_reads += 1,
                }
                self.waiting = Some(Waiting::Issue(Ask { access, config: Some((id, type1)), attempts: 0 }));
                Ok(())
            }
            _ => {
                self.accesses.refused += 1;
                self.refused(access)
            }
        }
    }

    fn memory(&mut self, access: Access) -> Result<(), BridgeError> {
        if !self.port.forwards(access.address, access.size) || self.port.is_resetting() {
            return self.refused(access);
        }
        if access.value.is_some() {
            self.accesses.writes += 1;
            self.waiting = Some(Waiting::Store(access));
        } else {
            self.accesses.reads += 1;
            self.waiting = Some(Waiting::Issue(Ask { access, config: None, attempts: 0 }));
        }
        Ok(())
    }

    /// Reads that nobody answers give ones, as on PCs.
    fn refused(&mut self, access: Access) -> Result<(), BridgeError> {
        self.reply(if access.value.is_none() { u64::MAX >> (64 - 8 * access.size) } else { 0 })
    }

    fn go_on(&mut self, waiting: Waiting, root: &mut RootComplex, now: u64) -> Result<(), BridgeError> {
        self.waiting = match waiting {
            Waiting::Store(_) if root.posted() >= POSTED => Some(waiting),
            Waiting::Store(access) => {
                let data = access.value.unwrap_or(0).to_le_bytes();
                let register = access.address & 0x3fff;
                self.doorbell = ((0x1008..0x1200).contains(&register) && register & 4 == 0).then_some(now);
                let post = |id| Tlp::memory_write(id, access.address, &data[..access.size as usize]);
                if let Err(error) = root.post(post) {
                    root.complain(format!("store of {} bytes to {:#x}: {error}", access.size, access.address));
                }
                self.reply(0)?;
                None
            }
            Waiting::Issue(ask) => match root.issue(|id| ask.tlp(id)) {
                Ok(Some(tag)) => Some(Waiting::Completion(ask, tag, now)),
                Ok(None) => Some(waiting),
                Err(error) => {
                    root.complain(format!("{:?}: {error}", ask.access));
                    self.refused(ask.access)?;
                    None
                }
            },
            Waiting::Retry(ask, due) if now >= due => Some(Waiting::Issue(ask)),
            Waiting::Retry(..) => Some(waiting),
            Waiting::Completion(_, tag, _) if root.is_outstanding(tag) => Some(waiting),
            Waiting::Completion(ask, tag, issued) => {
                self.accesses.clocks += now - issued;
                match root.take(tag) {
                    Some(outcome) => self.ended(ask, &outcome, now)?,
                    None => Some(waiting),
                }
            }
        };
        Ok(())
    }

    /// What follows from the end of a request; CRS as PCIe 2.3.2 has it.
    fn ended(&mut self, ask: Ask, outcome: &Outcome, now: u64) -> Result<Option<Waiting>, BridgeError> {
        let access = ask.access;
        if ask.config.is_some() && outcome.end == End::Completed(CompletionStatus::ConfigRetry) {
            if self.port.shows_retry() && access.value.is_none() && access.address == 0 && access.size >= 2 {
                self.reply(0xffff_0001 & u64::from(ones(access.size)))?;
                return Ok(None);
            }
            if ask.attempts < RETRIES {
                return Ok(Some(Waiting::Retry(Ask { attempts: ask.attempts + 1, ..ask }, now + RETRY)));
            }
        }
        if !outcome.is_success() {
            self.accesses.refused += u64::from(ask.config.is_some());
            self.refused(access)?;
            return Ok(None);
        }
        let mut data = [0; 8];
        let len = outcome.data.len().min(8);
        data[..len].copy_from_slice(&outcome.data[..len]);
        // Configuration reads give the whole dword.
        let skip = if ask.config.is_some() { 8 * (access.address & 3) } else { 0 };
        let value = u64::from_le_bytes(data) >> skip & u64::MAX >> (64 - 8 * access.size);
        self.reply(if access.value.is_none() { value } else { 0 })?;
        Ok(None)
    }
}

impl Ask {
    fn tlp(&self, id: peb_tlp::RequestId) -> Result<Tlp, peb_tlp::TlpError> {
        let Access { address, size, value } = self.access;
        let Some((target, type1)) = self.config else { return Tlp::memory_read(id, address, size as usize) };
        let (register, lane) = (address as u16 & !3, (address & 3) as u32);
        let enables = (((1u32 << size) - 1) << lane) as u8;
        let tlp = match value {
            Some(value) => {
                let data = ((value as u32 & ones(size)) << (8 * lane)).to_le_bytes();
                Tlp::config_write(id, target, register, type1, data)?
            }
            None => Tlp::config_read(id, target, register, type1)?,
        };
        tlp.with_byte_enables(enables, 0)
    }
}
