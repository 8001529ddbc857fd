//! Scenarios: what an operating system and its devices live through, from boot to moving between hosts.
//!
//! Each reads from top to bottom, checks what must be so on the way, and leaves a timeline. [`run`] performs one with the
//! cores; [`perform`] with any [`Fabric`].

mod disk;
mod errors;
mod fault;
mod fuzz;
mod misbehaviour;
mod moving;
mod on_chip;
mod plug;
mod report;
mod sharing;
mod stage;
#[cfg(test)]
mod tests;
mod traffic;

pub use report::{Check, PebReport, ScenarioReport};
pub use stage::{Stage, Stop, Timing};

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use thiserror::Error;

use crate::device::nvme::{Medium, Nvme, NvmeConfig};
use crate::device::{Device, DeviceConfig};
use crate::host::{RootComplex, RootConfig};
use crate::net::{FaultConfig, PcapWriter};
use crate::port::PortStalls;
use crate::world::{Engine, Fabric, OnChip, Peb, RtlConfig, RtlError, RtlFabric, World};

/// Bytes of an NVMe disk.
const DISK_BYTES: u64 = 64 << 20;

/// How to run a scenario.
#[derive(Clone, Debug)]
pub struct ScenarioConfig {
    /// What simulates the cores.
    pub engine: Engine,
    /// Seed of all random numbers.
    pub seed: u64,
    /// What every cable does to frames, each way.
    pub faults: FaultConfig,
    /// Random pauses at all PCIe pins.
    pub stalls: bool,
    /// Each device that is a DMA engine has an NVMe disk as its second function, used beside it.
    pub disks: bool,
    /// Clocks at least, of a scenario that has no end of its own.
    pub clocks: u64,
    /// Where to write waveforms, one file a core.
    pub vcd: Option<PathBuf>,
    /// Where to write the frames.
    pub pcap: Option<PathBuf>,
}

impl Default for ScenarioConfig {
    fn default() -> Self {
        let (engine, faults) = (Engine::Rust, FaultConfig::default());
        ScenarioConfig { engine, seed: 1, faults, stalls: false, disks: false, clocks: 0, vcd: None, pcap: None }
    }
}

/// What is there: VLANs of the PEBs, and which devices are not in their slots at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// VLANs of the host PEBs.
    pub hosts: &'static [u16],
    /// VLANs of the I/O PEBs.
    pub ios: &'static [u16],
    /// Devices that are not there at first.
    pub absent: &'static [usize],
    /// Devices that are NVMe disks; the others are DMA engines.
    pub disks: &'static [usize],
    /// I/O PEBs that have the RTL endpoint on their chip instead of a device; the devices there are absent.
    pub on_chip: &'static [usize],
}

/// A scenario for a kind of fabric.
pub struct Scenario<F> {
    /// Name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub about: &'static str,
    /// What is there.
    pub layout: Layout,
    run: fn(&mut Stage<F>) -> Result<(), Stop>,
}

/// Why a scenario could not be run.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// There is none of this name.
    #[error("no scenario is called {0:?}; there are {1}")]
    Unknown(String, String),
    /// There are no cores to perform it with.
    #[error(transparent)]
    Fabric(#[from] RtlError),
    /// Files cannot be written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
}

/// All scenarios.
pub fn scenarios<F: Fabric>() -> Vec<Scenario<OnChip<F>>> {
    const ONE: Layout = Layout { hosts: &[10], ios: &[10], absent: &[], disks: &[], on_chip: &[] };
    const EMPTY: Layout = Layout { absent: &[0], ..ONE };
    const TWO: Layout = Layout { ios: &[10, 10], ..ONE };
    const FOUR: Layout = Layout { ios: &[10; 4], absent: &[0, 1, 2, 3], ..ONE };
    const FIVE: Layout = Layout { ios: &[10; 5], ..ONE };
    const DISK: Layout = Layout { disks: &[0], ..ONE };
    const NEW_DISK: Layout = Layout { absent: &[0], ..DISK };
    const MOVING_DISK: Layout = Layout { hosts: &[10, 20], ..DISK };
    const DISK_AND_OTHER: Layout = Layout { disks: &[0], ..TWO };
    const ON_CHIP: Layout = Layout { absent: &[0], on_chip: &[0], ..TWO };
    const TWO_HOSTS: Layout = Layout { hosts: &[10, 20], ..ONE };
    const TWO_AND_TWO: Layout = Layout { hosts: &[10, 20], ios: &[10, 10], ..ONE };
    const SAME_VLAN: Layout = Layout { hosts: &[10, 10], ..ONE };
    let scenario = |name, about, layout, run| Scenario { name, about, layout, run };
    vec![
        scenario("boot-empty", "a host boots with empty slots", EMPTY, plug::boot_empty),
        scenario("hot-add", "a device is put in while the host runs", EMPTY, plug::hot_add),
        scenario("present-at-boot", "a device is there before the host boots", ONE, plug::present_at_boot),
        scenario("several", "four devices are put in at once and all used", FOUR, plug::several),
        scenario("use", "registers, memory, DMA, every kind of interrupt, atomics", ONE, traffic::use_device),
        scenario("np-blocked", "np_ok low for long at either end, all else flows", ONE, traffic::np_blocked),
        scenario("remove-idle", "a device is pulled while nothing happens", TWO, plug::remove_idle),
        scenario("remove-busy", "a device is pulled under reads and DMA", TWO, plug::remove_busy),
        scenario("short-outage", "the cable is cut for less than the silence limit", ONE, fault::short_outage),
        scenario("long-outage", "the cable is cut for longer than the silence limit", TWO, fault::long_outage),
        scenario("host-reset", "the host is reset and boots again", ONE, fault::host_reset),
        scenario("link-flap", "the device's link falls and comes back", TWO, fault::link_flap),
        scenario("move", "a device moves to another host and back", TWO_HOSTS, moving::there_and_back),
        scenario("move-busy", "a device moves away under reads and DMA", TWO_HOSTS, moving::busy),
        scenario("two-hosts", "two hosts in one VLAN: one gets the device", SAME_VLAN, sharing::two_hosts),
        scenario("more-devices", "more devices than slots", FIVE, sharing::more_devices),
        scenario("forged-requester", "a device uses the identity of others", TWO, misbehaviour::forged_requester),
        scenario("unexpected", "a device sends completions nobody asked for", TWO, misbehaviour::unexpected),
        scenario("late", "the host completes reads of a device that was pulled meanwhile", ONE, misbehaviour::late),
        scenario("silent", "a device never answers reads", TWO, misbehaviour::silent),
        scenario("nvme", "an NVMe disk is put in, identified, written and read", NEW_DISK, disk::use_disk),
        scenario("nvme-move", "an NVMe disk moves to another host, its data stay", MOVING_DISK, disk::hand_over),
        scenario(
            "nvme-remove-busy",
            "an NVMe disk is pulled under writes and reads",
            DISK_AND_OTHER,
            disk::remove_busy,
        ),
        scenario("endpoint", "the RTL endpoint and a device: found and used side by side", ON_CHIP, on_chip::endpoint),
        scenario("fuzz", "random packets at every port, good and bad, in every state", TWO_AND_TWO, fuzz::fuzz),
        scenario("errors", "the host is told of writes that go nowhere", TWO, errors::told),
        scenario("master-off", "a device sends with Bus Master Enable off", ONE, misbehaviour::master_off),
    ]
}

/// Names of all scenarios with what happens in them.
pub fn list() -> Vec<(&'static str, &'static str)> {
    scenarios::<RtlFabric>().into_iter().map(|scenario| (scenario.name, scenario.about)).collect()
}

/// Performs a scenario with the cores.
///
/// # Errors
/// [`ScenarioError`] if there is none of this name, the engine cannot be had, or a file cannot be written. What goes wrong in the scenario is in the
/// report.
pub fn run(name: &str, config: &ScenarioConfig) -> Result<ScenarioReport, ScenarioError> {
    let all = scenarios::<RtlFabric>();
    let names = || all.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
    let scenario = all.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.ok_or_else(|| ScenarioError::Unknown(name.into(), names()))?;
    let Layout { hosts, ios, .. } = scenario.layout;
    let mut fabric = RtlFabric::new(RtlConfig {
        engine: config.engine,
        vcd: config.vcd.clone(),
        hosts: hosts.to_vec(),
        ios: ios.to_vec(),
        vids: vec![10, 20, 30],
        faults: config.faults.clone(),
        seed: config.seed,
        ..RtlConfig::default()
    })?;
    if let Some(file) = &config.pcap {
        let failed = |error| ScenarioError::File(file.clone(), error);
        let writer = PcapWriter::new(BufWriter::new(File::create(file).map_err(failed)?)).map_err(failed)?;
        fabric.capture(writer);
    }
    let (report, mut fabric) = perform(scenario, fabric, config);
    if let Some(file) = &config.pcap {
        fabric.finish_capture().map_err(|error| ScenarioError::File(file.clone(), error))?;
    }
    Ok(report)
}

/// Performs a scenario with PEBs of any kind.
pub fn perform<F: Fabric>(scenario: &Scenario<OnChip<F>>, fabric: F, config: &ScenarioConfig) -> (ScenarioReport, F) {
    let fabric = OnChip::new(fabric, scenario.layout.on_chip);
    let stalls = if config.stalls { PortStalls::random() } else { PortStalls::NONE };
    let seed = config.seed.wrapping_mul(1000);
    let root = |n: usize| {
        let seed = seed.wrapping_add(n as u64);
        RootComplex::new(RootConfig { name: format!("host {n}"), stalls, seed, ..RootConfig::default() })
    };
    let device = |n: usize| {
        let settings = DeviceConfig {
            name: format!("device {n}"),
            serial: n as u64 + 1,
            seed: seed.wrapping_add(100 + n as u64),
            stalls,
            ..DeviceConfig::default()
        };
        let nvme = NvmeConfig { serial: format!("DISK{n}"), vendor: settings.vendor, ..NvmeConfig::default() };
        let disk = Nvme::new(nvme, Medium::memory(DISK_BYTES));
        let mut device = match (scenario.layout.disks.contains(&n), config.disks) {
            (true, _) => Device::with(settings, disk),
            (_, true) => Device::new(settings).and(disk),
            _ => Device::new(settings),
        };
        device.set_present(!scenario.layout.absent.contains(&n));
        device
    };
    let roots = (0..scenario.layout.hosts.len()).map(root).collect();
    let devices = (0..scenario.layout.ios.len()).map(device).collect();
    let mut stage = Stage::new(World::new(fabric, roots, devices), config.seed);
    stage.clocks = config.clocks;
    if config.faults.drop > 0.0 {
        stage.timing.leave = u64::from(stage.timing.down) + stage.timing.remove;
        stage.timing.arrive = stage.timing.remove;
    }
    stage.set_timers();
    let end = (scenario.run)(&mut stage);
    let (report, fabric) = stage.finish(scenario.name, end);
    (report, fabric.inner)
}

/// All PEBs of a layout.
fn pebs<F: Fabric>(world: &World<F>) -> Vec<Peb> {
    (0..world.hosts.len()).map(Peb::Host).chain((0..world.devices.len()).map(Peb::Io)).collect()
}
