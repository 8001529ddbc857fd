//! PCIe devices at the pins of an I/O PEB.
//!
//! A [`Device`] is what all of them share: pins, link and reset, configuration space, MSI and MSI-X, tags. What is behind its
//! BARs is a [`Function`]: a [`DmaEngine`] for tests, or an [`nvme::Nvme`] controller; a device may have several.
//!
//! It is a well-behaved PCIe endpoint unless [`Misbehaviour`] says otherwise, so what it notices goes to
//! [`Device::complaints`].

mod config;
mod dma;
mod endpoint;
mod function;
mod interrupt;
pub mod nvme;

pub use config::{ConfigSpace, CAP_MSI, CAP_MSIX, CAP_PCIE, CAP_PM};
pub use dma::{regs, Direction, DmaEngine, MSIX_PENDING, MSIX_TABLE, VECTORS};
pub use function::{AsAny, BarSpec, Bus, Function, Identity, MsixSpec};

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use peb_tlp::{FunctionId, RequestId, Tag, Tlp};

use crate::answer::{AnswerConfig, Answers};
use crate::memory::Memory;
use crate::port::{Bare, Passed, PciePort, PortIn, PortOut, PortStalls};
use crate::requester::Requester;
use interrupt::Interrupts;

/// What a device is like.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// Name in timelines.
    pub name: String,
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Device Serial Number.
    pub serial: u64,
    /// Bytes of memory of a [`DmaEngine`], a power of two from 4096.
    pub memory: u64,
    /// How it answers reads of its memory and registers; configuration requests are answered without splits.
    pub answers: AnswerConfig,
    /// Pauses at its pins.
    pub stalls: PortStalls,
    /// Clocks from the end of reset to link up.
    pub training: u64,
    /// Clocks after link up in which configuration requests are answered with CRS.
    pub config_retry: u64,
    /// DMA reads outstanding at most, up to 256.
    pub tags: u16,
    /// Clocks after which a DMA read is given up.
    pub timeout: u64,
    /// Seed of its random numbers.
    pub seed: u64,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        DeviceConfig {
            name: "device".into(),
            vendor: 0x1234,
            device: 0x5678,
            serial: 1,
            memory: 64 << 10,
            answers: AnswerConfig::default(),
            stalls: PortStalls::NONE,
            training: 500,
            config_retry: 0,
            tags: 16,
            timeout: 100_000,
            seed: 1,
        }
    }
}

/// What a device does wrong on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misbehaviour {
    /// DMA goes out with this requester ID.
    pub forged_requester: Option<FunctionId>,
    /// Memory reads are never answered.
    pub silent: bool,
    /// DMA and interrupts go out even with Bus Master Enable off.
    pub ignores_bus_master: bool,
    /// Clocks between unexpected completions, sent to this requester ID and these tags in turn.
    pub unexpected: Option<(u64, FunctionId, RangeInclusive<u16>)>,
}

/// What the device drives at an I/O PEB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DevicePins {
    /// The TLP stream.
    pub port: PortIn,
    /// `pcie_link_up`.
    pub link_up: bool,
    /// `slot_present`.
    pub present: bool,
}

/// One device and the slot it is in. Polled once a clock.
#[derive(Debug)]
pub struct Device {
    /// What it is like; [`DeviceConfig::answers`] and the stalls are taken at the start.
    pub settings: DeviceConfig,
    /// What it does wrong.
    pub misbehaviour: Misbehaviour,
    /// What it saw that must not be, with the clock.
    pub complaints: Vec<(u64, String)>,
    /// Resets so far, that before the first link up included.
    pub resets: u64,
    /// If it is there, the device does nothing of itself but train its link; what passes is noted here.
    pub bare: Option<Bare>,
    /// Its end of the link.
    pub port: PciePort,
    answers: Answers,
    units: Vec<Unit>,
    present: bool,
    link: Link,
    in_reset: bool,
    now: u64,
}

/// A function, and what belongs to it alone.
#[derive(Debug)]
struct Unit {
    config: ConfigSpace,
    id: FunctionId,
    requester: Requester,
    function: Box<dyn Function>,
    interrupts: Interrupts,
}

impl Unit {
    fn new(settings: &DeviceConfig, function: Box<dyn Function>) -> Self {
        let identity = function.identity();
        Unit {
            config: ConfigSpace::new(settings, &identity, false),
            id: FunctionId(0),
            requester: Requester::new(settings.tags.min(256), settings.timeout),
            interrupts: Interrupts::new(identity.msix),
            function,
        }
    }

    /// Reset, or no power: nothing is left.
    fn reset(&mut self, settings: &DeviceConfig, multifunction: bool) {
        self.function.reset();
        let identity = self.function.identity();
        self.config = ConfigSpace::new(settings, &identity, multifunction);
        self.id = FunctionId(0);
        self.interrupts = Interrupts::new(identity.msix);
    }

    /// Reads that are outstanding stay so, that their completions are known (PCIe 6.6.2).
    fn function_reset(&mut self, settings: &DeviceConfig) {
        self.function.reset();
        let identity = self.function.identity();
        self.config = self.config.after_function_reset(settings, &identity);
        self.interrupts = Interrupts::new(identity.msix);
    }
}

/// The device's end of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// Up at this clock.
    Training(u64),
    /// Up since this clock.
    Up(u64),
}

impl Device {
    /// A [`DmaEngine`] that is in its slot, without power so far.
    pub fn new(settings: DeviceConfig) -> Self {
        let memory = settings.memory;
        Self::with(settings, DmaEngine::new(memory))
    }

    /// A device with any function.
    pub fn with(settings: DeviceConfig, function: impl Function) -> Self {
        let seed = settings.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut port = PciePort::new(&format!("{}.pcie_tx", settings.name), settings.stalls, seed);
        port.set_link(false);
        Device {
            misbehaviour: Misbehaviour::default(),
            complaints: Vec::new(),
            resets: 0,
            bare: None,
            port,
            answers: Answers::new(settings.answers.clone(), seed.wrapping_add(8)),
            units: vec![Unit::new(&settings, Box::new(function))],
            present: true,
            link: Link::Down,
            in_reset: false,
            now: 0,
            settings,
        }
    }

    /// The device with one more function, up to eight.
    ///
    /// # Panics
    /// If it has eight.
    #[must_use]
    pub fn and(mut self, function: impl Function) -> Self {
        assert!(self.units.len() < 8, "a device has eight functions at most");
        self.units.push(Unit::new(&self.settings, Box::new(function)));
        self.units.iter_mut().for_each(|unit| unit.reset(&self.settings, true));
        self
    }

    /// Puts the device into its slot or pulls it; pulling loses everything at once, as surprise removal does.
    pub fn set_present(&mut self, present: bool) {
        self.present = present;
        if !present {
            self.link_down();
        }
    }

    /// Whether the device is in its slot.
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// Lets the link fall; it trains again at once. The device keeps its state, but what is under way is lost.
    pub fn flap(&mut self) {
        self.drop_traffic();
        self.link = Link::Training(self.now + self.settings.training);
    }

    /// Whether the link is up.
    pub fn link_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Function 0, with the bus and device number captured from the last type 0 configuration write.
    pub fn id(&self) -> FunctionId {
        self.units[0].id
    }

    /// The configuration space of function 0.
    pub fn config(&self) -> &ConfigSpace {
        &self.units[0].config
    }

    /// The first function that is a `T`.
    pub fn function<T: Function>(&self) -> Option<&T> {
        self.units.iter().find_map(|unit| (*unit.function).as_any().downcast_ref())
    }

    /// As [`Device::function`], to be changed.
    pub fn function_mut<T: Function>(&mut self) -> Option<&mut T> {
        self.units.iter_mut().find_map(|unit| (*unit.function).as_any_mut().downcast_mut())
    }

    /// Memory that the host reaches directly; empty if no function has any.
    pub fn memory(&self) -> &Memory {
        static NONE: LazyLock<Memory> = LazyLock::new(Memory::new);
        self.units.iter().find_map(|unit| unit.function.memory()).unwrap_or(&NONE)
    }

    /// Gives DMA reads another time, also those that are outstanding.
    pub fn set_timeout(&mut self, clocks: u64) {
        self.settings.timeout = clocks;
        self.units.iter_mut().for_each(|unit| unit.requester.set_timeout(clocks));
    }

    /// Reads not yet answered, and completions it waits for.
    pub fn outstanding(&self) -> (usize, usize) {
        (self.answers.waiting(), self.units.iter().map(|unit| unit.requester.outstanding()).sum())
    }

    /// Sends any packet.
    pub fn send(&mut self, tlp: Tlp) {
        self.port.send(tlp);
    }

    /// Holds `np_ok` of its pins down, or lets it go.
    pub fn hold_np(&mut self, hold: bool) {
        self.port.hold_np(hold);
    }

    /// What it drives in this clock.
    pub fn pins(&mut self) -> DevicePins {
        DevicePins { port: self.port.pins(), link_up: self.link_up(), present: self.present }
    }

    /// Ends the clock with what the PEB drove in it; `reset` is true while in reset or without power.
    pub fn clock(&mut self, out: &PortOut, reset: bool) -> Passed {
        self.now += 1;
        let passed = self.port.clock(out);
        self.train(reset);
        if let Some(bare) = &mut self.bare {
            bare.note(&passed);
            return passed;
        }
        if let Some(tlp) = &passed.received {
            self.receive(tlp);
        }
        if self.link_up() {
            self.work();
        }
        passed
    }

    fn train(&mut self, reset: bool) {
        if reset && !self.in_reset {
            self.resets += 1;
            self.link_down();
        }
        if reset || !self.present {
            self.in_reset = reset;
            return;
        }
        self.in_reset = false;
        match self.link {
            Link::Down => self.link = Link::Training(self.now + self.settings.training),
            Link::Training(due) if self.now >= due => {
                self.link = Link::Up(self.now);
                self.port.set_link(true);
            }
            _ => {}
        }
    }

    /// Reset, or no power: nothing is left.
    fn link_down(&mut self) {
        self.drop_traffic();
        self.link = Link::Down;
        let several = self.units.len() > 1;
        self.units.iter_mut().for_each(|unit| unit.reset(&self.settings, several));
    }

    fn drop_traffic(&mut self) {
        self.port.set_link(false);
        self.answers.clear();
        for unit in &mut self.units {
            unit.requester.clear();
            unit.function.link_lost();
        }
    }

    /// What it does of itself in a clock.
    fn work(&mut self) {
        while let Some(tlp) = self.answers.due(self.now) {
            self.port.send(tlp);
        }
        for n in 0..self.units.len() {
            while let Some(outcome) = self.units[n].requester.expired(self.now) {
                let (mut bus, function) = self.parts(n);
                function.ended(&mut bus, &outcome);
            }
            let (mut bus, function) = self.parts(n);
            function.clock(&mut bus);
            self.work_interrupts(n);
        }
        self.misbehave();
    }

    fn misbehave(&mut self) {
        let Some((every, requester, tags)) = &self.misbehaviour.unexpected else { return };
        if self.now % (*every).max(1) != 0 {
            return;
        }
        let count = u64::from(tags.end() - tags.start()) + 1;
        let tag = Tag(tags.start() + (self.now / every % count) as u16);
        let completion = peb_tlp::Completion {
            request: RequestId { requester: *requester, tag },
            completer: self.id(),
            status: peb_tlp::CompletionStatus::Successful,
            byte_count: 4,
            lower_address: 0,
        };
        if let Ok(tlp) = Tlp::completion(completion, &[0xbd; 4]) {
            self.port.send(tlp);
        }
    }

    fn complain(&mut self, what: String) {
        self.complaints.push((self.now, what));
    }

    /// Requester ID of what a function sends.
    fn sender(&self, n: usize) -> FunctionId {
        self.misbehaviour.forged_requester.unwrap_or(self.units[n].id)
    }

    /// Whether a function may send requests.
    fn is_master(&self, n: usize) -> bool {
        self.units[n].config.bus_master() || self.misbehaviour.ignores_bus_master
    }

    /// A function, and its way to the host.
    fn parts(&mut self, n: usize) -> (Bus<'_>, &mut dyn Function) {
        let (sender, master) = (self.sender(n), self.is_master(n));
        let unit = &mut self.units[n];
        let bus = Bus {
            now: self.now,
            sender,
            master,
            config: &unit.config,
            port: &mut self.port,
            requester: &mut unit.requester,
            interrupts: &mut unit.interrupts,
            complaints: &mut self.complaints,
        };
        (bus, &mut *unit.function)
    }
}
