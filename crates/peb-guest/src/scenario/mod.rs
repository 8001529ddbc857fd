//! Scenarios: what a stock kernel lives through with disks behind PEBs. Each reads from top to bottom.

mod disk;
mod life;
mod remote;
mod stage;

pub use stage::{Report, Stage, Step};

use peb_sim::device::nvme::{Medium, Nvme, NvmeConfig};
use peb_sim::device::{Device, DeviceConfig, DmaEngine};
use peb_sim::world::{Fabric, RtlFabric};

use crate::lab::{Lab, LabError, Watch};
use crate::qemu::QemuConfig;

/// Bytes of a disk.
pub const DISK_BYTES: u64 = 8 << 20;

/// A scenario for a kind of fabric.
pub struct Scenario<F> {
    /// Name on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub about: &'static str,
    /// VLANs of the guests' host PEBs.
    pub hosts: &'static [u16],
    /// VLANs of the disks' I/O PEBs.
    pub ios: &'static [u16],
    /// Whether the disks are there before the guests boot.
    pub present: bool,
    /// Whether the network is a real one, with other processes in it: the PEBs' timers are real times then.
    pub real_time: bool,
    run: fn(&mut Stage<'_, F>) -> Result<(), LabError>,
}

/// All scenarios; the first is the one unless told otherwise.
pub fn scenarios<F: Fabric>() -> Vec<Scenario<F>> {
    let one =
        |name, about, present, run| Scenario { name, about, hosts: &[10], ios: &[10], present, real_time: false, run };
    let two_disks = |scenario| Scenario { ios: &[10, 10], ..scenario };
    let two_guests = |scenario| Scenario { hosts: &[10, 20], ..scenario };
    vec![
        one("default", "boot, hot-add, write and read, surprise removal, re-add, power-off", false, life::default),
        one("quick", "boot, hot-add, removal", false, life::quick),
        one("present-at-boot", "the disk is there before the guest boots", true, life::present_at_boot),
        one("remove-busy", "the disk is pulled while it is written", false, life::remove_busy),
        one("outages", "the cable is cut for a short and for a long time", false, life::outages),
        two_disks(one("two-slots", "two disks come, are used together, and one goes", false, life::two_slots)),
        two_guests(one(
            "move",
            "the disk moves to another guest by VLAN, and its data with it",
            false,
            life::hand_over,
        )),
        Scenario {
            hosts: &[0],
            ios: &[],
            real_time: true,
            ..one("remote", "a disk of another process comes, is used, goes, and comes back", false, remote::remote)
        },
    ]
}

/// All scenarios for the cores.
///
/// What is generic gets the optimisation of the crate that uses it; this, and what follows from it, that of this crate.
pub fn with_cores() -> Vec<Scenario<RtlFabric>> {
    scenarios()
}

impl Scenario<RtlFabric> {
    /// With the same guests and disks, but the user does what happens.
    pub fn played(self) -> Self {
        Scenario { about: "the guests' shells are yours", run: remote::play, ..self }
    }

    /// As [`perform`].
    ///
    /// # Errors
    /// As [`perform`].
    pub fn perform(
        &self,
        fabric: RtlFabric,
        config: &QemuConfig,
        watch: &mut dyn Watch,
    ) -> (Report, Result<RtlFabric, LabError>) {
        perform(self, fabric, config, watch)
    }
}

/// Performs a scenario.
///
/// # Errors
/// [`LabError`]: what went wrong first; the report says how far it came.
pub fn perform<F: Fabric>(
    scenario: &Scenario<F>,
    fabric: F,
    config: &QemuConfig,
    watch: &mut dyn Watch,
) -> (Report, Result<F, LabError>) {
    let devices = (0..scenario.ios.len()).map(|n| {
        let settings =
            DeviceConfig { name: format!("disk {n}"), serial: n as u64 + 1, seed: n as u64, ..Default::default() };
        let config = NvmeConfig { serial: serial(n), vendor: settings.vendor, ..NvmeConfig::default() };
        let engine = DmaEngine::new(settings.memory);
        let mut device = Device::with(settings, Nvme::new(config, Medium::memory(DISK_BYTES))).and(engine);
        device.set_present(scenario.present);
        device
    });
    match Lab::new(fabric, scenario.hosts.len(), devices.collect(), scenario.real_time, config, watch) {
        Err(error) => (Report::default(), Err(error)),
        Ok(lab) => {
            let mut stage = Stage::new(lab);
            let end = (scenario.run)(&mut stage);
            stage.finish(end)
        }
    }
}

/// Serial number of a disk.
fn serial(disk: usize) -> String {
    format!("DISK{disk}")
}
