//! PCIe devices at the pins of an I/O PEB.
//!
//! A [`Device`] is what all of them share: pins, link and reset, configuration space, MSI and MSI-X, tags. What is behind its
//! BARs is a [`Function`]: a [`DmaEngine`] for tests, or an [`nvme::Nvme`] controller.
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
    config: ConfigSpace,
    id: FunctionId,
    answers: Answers,
    requester: Requester,
    function: Box<dyn Function>,
    interrupts: Interrupts,
    present: bool,
    link: Link,
    in_reset: bool,
    now: u64,
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
        let identity = function.identity();
        let seed = settings.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut port = PciePort::new(&format!("{}.pcie_tx", settings.name), settings.stalls, seed);
        port.set_link(false);
        Device {
            misbehaviour: Misbehaviour::default(),
            complaints: Vec::new(),
            resets: 0,
            bare: None,
            config: ConfigSpace::new(&settings, &identity),
            id: FunctionId(0),
            port,
            answers: Answers::new(settings.answers.clone(), seed.wrapping_add(8)),
            requester: Requester::new(settings.tags.min(256), settings.timeout),
            function: Box::new(function),
            interrupts: Interrupts::new(identity.msix),
            present: true,
            link: Link::Down,
            in_reset: false,
            now: 0,
            settings,
        }
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

    /// Bus and device number captured from the last type 0 configuration write.
    pub fn id(&self) -> FunctionId {
        self.id
    }

    /// The configuration space.
    pub fn config(&self) -> &ConfigSpace {
        &self.config
    }

    /// What is behind the BARs, if it is a `T`.
    pub fn function<T: Function>(&self) -> Option<&T> {
        (*self.function).as_any().downcast_ref()
    }

    /// As [`Device::function`], to be changed.
    pub fn function_mut<T: Function>(&mut self) -> Option<&mut T> {
        (*self.function).as_any_mut().downcast_mut()
    }

    /// Memory that the host reaches directly; empty if the function has none.
    pub fn memory(&self) -> &Memory {
        static NONE: LazyLock<Memory> = LazyLock::new(Memory::new);
        self.function.memory().unwrap_or(&NONE)
    }

    /// Gives DMA reads another time, also those that are outstanding.
    pub fn set_timeout(&mut self, clocks: u64) {
        self.settings.timeout = clocks;
        self.requester.set_timeout(clocks);
    }

    /// Reads not yet answered, and completions it waits for.
    pub fn outstanding(&self) -> (usize, usize) {
        (self.answers.waiting(), self.requester.outstanding())
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
        self.function.reset();
        let identity = self.function.identity();
        self.config = ConfigSpace::new(&self.settings, &identity);
        self.id = FunctionId(0);
        self.interrupts = Interrupts::new(identity.msix);
    }

    fn drop_traffic(&mut self) {
        self.port.set_link(false);
        self.answers.clear();
        self.requester.clear();
        self.function.link_lost();
    }

    /// What it does of itself in a clock.
    fn work(&mut self) {
        while let Some(tlp) = self.answers.due(self.now) {
            self.port.send(tlp);
        }
        let expired = std::iter::from_fn(|| self.requester.expired(self.now)).collect::<Vec<_>>();
        let (mut bus, function) = self.parts();
        expired.iter().for_each(|outcome| function.ended(&mut bus, outcome));
        function.clock(&mut bus);
        self.work_interrupts();
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
            completer: self.id,
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

    /// Requester ID of what it sends.
    fn sender(&self) -> FunctionId {
        self.misbehaviour.forged_requester.unwrap_or(self.id)
    }

    /// Whether it may send requests.
    fn is_master(&self) -> bool {
        self.config.bus_master() || self.misbehaviour.ignores_bus_master
    }

    /// The function, and its way to the host.
    fn parts(&mut self) -> (Bus<'_>, &mut dyn Function) {
        let bus = Bus {
            now: self.now,
            sender: self.sender(),
            master: self.is_master(),
            config: &self.config,
            port: &mut self.port,
            requester: &mut self.requester,
            interrupts: &mut self.interrupts,
            complaints: &mut self.complaints,
        };
        (bus, &mut *self.function)
    }
}
