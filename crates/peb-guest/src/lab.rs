//! Guests and the world of PEBs they are in, with time going on for all of them.
//!
//! Simulated clocks pass as fast as the machine can make them, also while a guest idles. A guest's time is that of the
//! instructions it executes: it stands still while an access waits for the simulation, and is real time while it idles.
//! So no access can be too slow for a guest, but links and sessions must come up within the seconds that it gives them: the
//! timers of the PEBs, in clocks, are short. See [`TIMERS`].

use std::time::{Duration, Instant};

use peb_sim::device::Device;
use peb_sim::host::{RootComplex, RootConfig};
use peb_sim::memory::Memory;
use peb_sim::port::PortStalls;
use peb_sim::world::{Fabric, Operated, Pace, Timers, World};
use thiserror::Error;

use crate::bridge::{Bridge, BridgeError};
use crate::initramfs::READY;
use crate::qemu::{Ends, Qemu, QemuConfig, QemuError};
use crate::scenario::Step;
use crate::serial::{alarm, Console, Line, Shell};

/// Timers of the PEBs in clocks, TICK being 1. At 100,000 simulated clocks a second silence of a peer is noticed after
/// 0.2 s of real time, and a request without completion given up after 1.2 s.
pub const TIMERS: Timers = Timers { hello: 1000, down: 20_000, track: 120_000, linkup: 1000 };
/// Clocks after which the root complex gives up a request: later than the PEB does.
const COMPLETION_TIMEOUT: u64 = 250_000;
/// The same where the timers of the PEBs are real times ([`Pace`]), whatever the speed.
const REAL_TIME_COMPLETION_TIMEOUT: u64 = 20_000_000;
/// Clocks between two looks at what the guests want.
const BATCH: u64 = 16;
/// Time between two looks at consoles, and at whether QEMU still runs.
const LOOK: Duration = Duration::from_millis(4);
/// What a terminal sends when there is no more input (VEOF).
const END_OF_INPUT: [u8; 1] = [4];

/// Why a run cannot go on.
#[derive(Debug, Error)]
pub enum LabError {
    /// The virtual machine.
    #[error("{0}: {1}")]
    Qemu(String, #[source] QemuError),
    /// The connection to its devices.
    #[error("{0}: {1}")]
    Bridge(String, #[source] BridgeError),
    /// The connection to its serial ports.
    #[error("{0}: serial port: {1}")]
    Serial(String, #[source] std::io::Error),
    /// The kernel says that something is wrong.
    #[error("{guest}: the kernel says {alarm:?}: {line}")]
    Alarm {
        /// Which guest.
        guest: String,
        /// What was looked for.
        alarm: &'static str,
        /// The line.
        line: String,
    },
    /// A rule of PCIe or Ethernet was broken by a PEB.
    #[error("a rule was broken: {0}")]
    Rule(String),
    /// Something did not happen in time.
    #[error("{what}: not within {limit:?}{detail}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// What there was instead.
        detail: String,
    },
    /// A command in the guest failed.
    #[error("{guest}: {command:?} ends with {status}: {output}")]
    Command {
        /// Which guest.
        guest: String,
        /// The command.
        command: String,
        /// Its exit status.
        status: String,
        /// What it wrote.
        output: String,
    },
    /// Something is not as it must be.
    #[error("{0}")]
    Wrong(String),
}

/// Is told of what the guests say.
pub trait Watch {
    /// A new line on a guest's console.
    fn line(&mut self, guest: &str, line: &Line);

    /// A step begins.
    fn begins(&mut self, _step: &str) {}

    /// A step is done.
    fn done(&mut self, _step: &Step) {}

    /// Every few milliseconds: somebody may want to do something to the world meanwhile.
    fn attend(&mut self, _world: &mut dyn Operated) {}

    /// What was typed for a guest's shell since the last call: guest and bytes. None when nothing will come any more.
    fn typed(&mut self) -> Option<(usize, Vec<u8>)> {
        None
    }

    /// What a guest's shell has written.
    fn wrote(&mut self, _guest: usize, _bytes: &[u8]) {}
}

/// Nobody watches.
impl Watch for () {
    fn line(&mut self, _: &str, _: &Line) {}
}

/// A guest.
#[derive(Debug)]
pub struct Guest {
    /// Name in messages.
    pub name: String,
    /// Its host bridge.
    pub bridge: Bridge,
    /// Its console.
    pub console: Console,
    /// Interrupts it was given.
    pub interrupts: u64,
    qemu: Qemu,
    shell: Shell,
    /// It may end: it was told to.
    ending: bool,
    ended: bool,
}

/// Guests, each at the host PEB of the same number, and everything else.
pub struct Lab<'w, F> {
    /// PEBs, network, devices.
    pub world: World<F>,
    /// The guests.
    pub guests: Vec<Guest>,
    /// Clocks from each I/O doorbell to the interrupt that follows, while somebody wants to know.
    pub latencies: Option<Vec<u64>>,
    /// What the kernels call the PCI segment of the PEBs.
    pub domain: &'static str,
    watch: &'w mut dyn Watch,
    pace: Option<Pace>,
    begin: Instant,
    looked: Instant,
}

impl<'w, F: Fabric> Lab<'w, F> {
    /// Starts `guests` virtual machines, and a world around as many host PEBs. `real_time`: the network is one that other
    /// processes are in as well.
    ///
    /// # Errors
    /// [`LabError`] if one does not start.
    pub fn new(
        fabric: F,
        guests: usize,
        devices: Vec<Device>,
        real_time: bool,
        config: &QemuConfig,
        watch: &'w mut dyn Watch,
    ) -> Result<Self, LabError> {
        let (mut roots, mut all) = (Vec::new(), Vec::new());
        for n in 0..guests {
            let name = if guests == 1 { "guest".to_string() } else { format!("guest {n}") };
            let (guest, memory) = Guest::start(&name, config)?;
            let root = RootConfig {
                name,
                completion_timeout: if real_time { REAL_TIME_COMPLETION_TIMEOUT } else { COMPLETION_TIMEOUT },
                stalls: PortStalls::NONE,
                seed: n as u64 + 1,
                ..RootConfig::default()
            };
            let mut root = RootComplex::new(root);
            root.memory = memory;
            roots.push(root);
            all.push(guest);
        }
        let now = Instant::now();
        let world = World::new(fabric, roots, devices);
        let pace = real_time.then(Pace::default);
        let mut lab = Lab {
            world,
            guests: all,
            latencies: None,
            domain: config.front.domain(),
            watch,
            pace,
            begin: now,
            looked: now,
        };
        match &mut lab.pace {
            Some(pace) => pace.keep(&mut lab.world),
            None => lab.world.set_timers(TIMERS),
        }
        Ok(lab)
    }

    /// Tells who watches that a step begins.
    pub(crate) fn begin_step(&mut self, name: &str) {
        self.watch.begins(name);
    }

    /// Tells who watches that a step is done.
    pub(crate) fn end_step(&mut self, step: &Step) {
        self.watch.done(step);
    }

    /// Since the start.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Lets some clocks pass, and serves all guests.
    ///
    /// # Errors
    /// [`LabError`] if a guest or a PEB has failed.
    pub fn pump(&mut self) -> Result<(), LabError> {
        self.world.run(BATCH);
        for n in 0..self.guests.len() {
            self.serve(n)?;
        }
        if let Some(fault) = self.world.faults.first() {
            return Err(LabError::Rule(fault.clone()));
        }
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.look()?;
        }
        Ok(())
    }

    fn serve(&mut self, n: usize) -> Result<(), LabError> {
        let (guest, now) = (&mut self.guests[n], self.world.now());
        if guest.ended {
            return Ok(());
        }
        let host = &mut self.world.hosts[n];
        // What was written before a completion is seen before it.
        while let Some(interrupt) = host.root.interrupts.pop_front() {
            guest.interrupts += 1;
            if let (Some(latencies), Some(begin)) = (&mut self.latencies, guest.bridge.take_doorbell()) {
                latencies.push(interrupt.clock.saturating_sub(begin));
            }
            match guest.qemu.interrupt(interrupt.address, interrupt.data) {
                Err(_) if guest.ending => {}
                other => other.map_err(|error| LabError::Qemu(guest.name.clone(), error))?,
            }
        }
        match guest.bridge.poll(&mut host.root, now) {
            Err(BridgeError::Closed) if guest.ending => guest.ended = true,
            Err(BridgeError::Closed) => {
                let error = guest.qemu.wait(Duration::from_secs(1)).and_then(|_| guest.qemu.ended());
                return Err(match error {
                    Some(error) => LabError::Qemu(guest.name.clone(), error),
                    None => LabError::Bridge(guest.name.clone(), BridgeError::Closed),
                });
            }
            other => other.map_err(|error| LabError::Bridge(guest.name.clone(), error))?,
        }
        let reset = guest.bridge.port.is_resetting();
        if reset != host.reset {
            self.world.reset_host(n, reset);
            self.guests[n].bridge.port.set_link(!reset);
        }
        Ok(())
    }

    /// Looks at consoles and processes, and after who else wants something.
    fn look(&mut self) -> Result<(), LabError> {
        let at = self.elapsed();
        if let Some(pace) = &mut self.pace {
            pace.keep(&mut self.world);
        }
        self.watch.attend(&mut self.world);
        for guest in &mut self.guests {
            let new = guest.console.poll(at).map_err(|error| LabError::Serial(guest.name.clone(), error))?;
            for line in &guest.console.lines[guest.console.lines.len() - new..] {
                self.watch.line(&guest.name, line);
            }
            let lines = &guest.console.lines[guest.console.lines.len() - new..];
            if let Some((line, alarm)) = lines.iter().find_map(|line| Some((line, alarm(&line.text)?))) {
                return Err(LabError::Alarm { guest: guest.name.clone(), alarm, line: line.text.clone() });
            }
            match guest.qemu.ended() {
                Some(error) if !guest.ending => return Err(LabError::Qemu(guest.name.clone(), error)),
                Some(_) => guest.ended = true,
                None => {}
            }
        }
        Ok(())
    }

    /// Lets time pass until something holds.
    ///
    /// # Errors
    /// [`LabError::Late`] if it does not within `limit`.
    pub fn wait_for(
        &mut self,
        what: &str,
        limit: Duration,
        mut holds: impl FnMut(&mut Self) -> Result<bool, LabError>,
    ) -> Result<(), LabError> {
        let begin = Instant::now();
        while !holds(self)? {
            if begin.elapsed() > limit {
                return Err(LabError::Late { what: what.into(), limit, detail: String::new() });
            }
            self.pump()?;
        }
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// As [`Lab::pump`].
    pub fn idle(&mut self, time: Duration) -> Result<(), LabError> {
        let begin = Instant::now();
        while begin.elapsed() < time {
            self.pump()?;
        }
        Ok(())
    }

    /// Waits until the kernel has booted and the shell is there.
    ///
    /// # Errors
    /// [`LabError::Late`] if that takes longer than `limit`.
    pub fn wait_for_shell(&mut self, guest: usize, limit: Duration) -> Result<(), LabError> {
        let name = self.guests[guest].name.clone();
        let (_, ready) = self.answer(guest, &format!("{name} boots"), limit)?;
        match ready.as_str() {
            READY => Ok(()),
            other => Err(LabError::Wrong(format!("{name}: the shell begins with {other:?}"))),
        }
    }

    fn answer(&mut self, guest: usize, what: &str, limit: Duration) -> Result<(String, String), LabError> {
        let mut answer = None;
        let mut looked = Instant::now();
        self.wait_for(what, limit, |lab| {
            if looked.elapsed() > Duration::from_millis(1) {
                looked = Instant::now();
                let guest = &mut lab.guests[guest];
                answer = guest.shell.poll().map_err(|error| LabError::Serial(guest.name.clone(), error))?;
            }
            Ok(answer.is_some())
        })?;
        Ok(answer.unwrap_or_default())
    }

    /// Lets the guest's shell do something: exit status and output.
    ///
    /// # Errors
    /// [`LabError::Late`] if that takes longer than `limit`.
    pub fn shell(&mut self, guest: usize, command: &str, limit: Duration) -> Result<(String, String), LabError> {
        self.start(guest, command)?;
        self.finish(guest, command, limit)
    }

    /// Lets the guest's shell begin something; [`Lab::finish`] waits for its end.
    ///
    /// # Errors
    /// [`LabError::Serial`] if the connection fails.
    pub fn start(&mut self, guest: usize, command: &str) -> Result<(), LabError> {
        let guest = &mut self.guests[guest];
        guest.shell.start(command).map_err(|error| LabError::Serial(guest.name.clone(), error))
    }

    /// Waits for the end of what [`Lab::start`] began: exit status and output.
    ///
    /// # Errors
    /// [`LabError::Late`] if that takes longer than `limit`.
    pub fn finish(&mut self, guest: usize, command: &str, limit: Duration) -> Result<(String, String), LabError> {
        let what = format!("{}: {command:?}", self.guests[guest].name);
        let (output, status) = self.answer(guest, &what, limit)?;
        Ok((status, output))
    }

    /// As [`Lab::shell`], but the command must succeed.
    ///
    /// # Errors
    /// [`LabError::Command`] if it does not.
    pub fn run(&mut self, guest: usize, command: &str, limit: Duration) -> Result<String, LabError> {
        let (status, output) = self.shell(guest, command, limit)?;
        if status == "0" {
            return Ok(output);
        }
        let guest = self.guests[guest].name.clone();
        Err(LabError::Command { guest, command: command.into(), status, output })
    }

    /// Repeats a command until it succeeds.
    ///
    /// # Errors
    /// [`LabError::Late`], with what the command wrote last, if it does not within `limit`.
    pub fn until(&mut self, guest: usize, what: &str, command: &str, limit: Duration) -> Result<String, LabError> {
        let begin = Instant::now();
        loop {
            let (status, output) = self.shell(guest, command, limit)?;
            if status == "0" {
                return Ok(output);
            }
            if begin.elapsed() > limit {
                let detail = format!("; {command:?} ends with {status}: {output}");
                return Err(LabError::Late { what: what.into(), limit, detail });
            }
            self.idle(Duration::from_millis(30))?;
        }
    }

    /// Carries what is typed to the shells of all guests, and what they write back, until a shell that each of them has
    /// started ends. When nothing will be typed any more they are told so, as by Ctrl-D.
    ///
    /// # Errors
    /// As [`Lab::pump`], and [`LabError::Serial`] if a connection fails.
    pub fn interact(&mut self) -> Result<(), LabError> {
        let mut open: Vec<bool> = self.guests.iter().map(|_| true).collect();
        let mut typing = true;
        while open.contains(&true) {
            let until = Instant::now() + LOOK;
            while Instant::now() < until {
                self.pump()?;
            }
            let typed = if typing { self.watch.typed() } else { Some((0, Vec::new())) };
            let serial = |guest: &Guest, error| LabError::Serial(guest.name.clone(), error);
            for (n, guest) in self.guests.iter_mut().enumerate() {
                if !open[n] {
                    continue;
                }
                let bytes = match &typed {
                    Some((to, bytes)) if *to == n => &bytes[..],
                    Some(_) => &[],
                    None => &END_OF_INPUT,
                };
                guest.shell.send(bytes).map_err(|error| serial(guest, error))?;
                let (written, end) = guest.shell.written().map_err(|error| serial(guest, error))?;
                if !written.is_empty() {
                    self.watch.wrote(n, &written);
                }
                open[n] = end.is_none();
            }
            typing = typed.is_some() && typing;
        }
        Ok(())
    }

    /// Waits for the end of a guest that was told to power off.
    ///
    /// # Errors
    /// [`LabError::Late`] if it goes on for longer than `limit`.
    pub fn power_off(&mut self, guest: usize, limit: Duration) -> Result<(), LabError> {
        self.guests[guest].ending = true;
        self.start(guest, "poweroff -f")?;
        let what = format!("{} powers off", self.guests[guest].name);
        self.wait_for(&what, limit, |lab| Ok(lab.guests[guest].ended))
    }
}

impl Guest {
    fn start(name: &str, config: &QemuConfig) -> Result<(Self, Memory), LabError> {
        let failed = |error| LabError::Qemu(name.into(), error);
        let serial = |error| LabError::Serial(name.into(), error);
        let (qemu, Ends { proxy, console, shell, memory }) = Qemu::start(config).map_err(failed)?;
        let bridge = Bridge::new(proxy, config.front).map_err(|error| LabError::Bridge(name.into(), error.into()))?;
        let guest = Guest {
            name: name.into(),
            bridge,
            console: Console::new(console).map_err(serial)?,
            interrupts: 0,
            qemu,
            shell: Shell::new(shell).map_err(serial)?,
            ending: false,
            ended: false,
        };
        Ok((guest, Memory::shared(memory, config.memory)))
    }

    /// What QEMU said by itself.
    pub fn qemu_log(&self) -> String {
        self.qemu.log()
    }
}
