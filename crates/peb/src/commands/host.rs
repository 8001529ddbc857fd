//! `peb host`: a simulated host behind a host PEB at a real network.

use std::path::PathBuf;
use std::process::ExitCode;

use peb_sim::host::{Access, NvmeDriver, NvmeError, Os, OsConfig, Platform, RootComplex, RootConfig, SlotState};

use crate::station::{Options, Station};

/// Clocks between two looks at the time.
const BATCH: u64 = 64;
/// Clocks of a time in which something in another process must have happened, at the least.
const PATIENCE: u64 = 5_000_000;
/// Clocks after which the root complex gives up a request: long after the PEB does.
const COMPLETION_TIMEOUT: u64 = 20_000_000;
/// Where the drivers' queues and buffers are in host memory, and bytes for each.
const MEMORY: (u64, u64) = (0x1_0000_0000, 64 << 20);

/// A host with a small operating system behind a simulated host PEB whose Ethernet port is a network interface.
///
/// It enumerates the switch, configures the disks that come, and tells what is in the first block of each. Faster than a
/// guest with a kernel (`peb linux --iface`), and needs no QEMU. Runs until `peb ctl stop`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: Options,
    /// Write this text into the first block of each disk that comes, and read it back
    #[arg(long, value_name = "TEXT")]
    write: Option<String>,
    /// Directory of the run, by which `peb ctl` finds it
    #[arg(long, value_name = "DIR", default_value = "target/host")]
    log: PathBuf,
}

/// What the host's software runs on. After an error it runs on without looking, until it notices.
struct Machine {
    station: Station,
    end: Option<anyhow::Error>,
}

impl Platform for Machine {
    fn root(&mut self) -> &mut RootComplex {
        &mut self.station.world.hosts[0].root
    }

    fn step(&mut self) {
        self.station.world.advance(1);
        if self.station.world.now() % BATCH == 0 && self.end.is_none() {
            self.end = self.station.attend().err();
        }
    }

    fn now(&self) -> u64 {
        self.station.world.now()
    }

    fn note(&mut self, what: String) {
        self.station.world.note("host", what);
    }
}

/// Runs the subcommand.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = RootConfig { completion_timeout: COMPLETION_TIMEOUT, ..RootConfig::default() };
    let station = Station::new(&args.options, &args.log, Ok(RootComplex::new(root)))?;
    let mut machine = Machine { station, end: None };
    let times = OsConfig::default();
    let config = OsConfig { boot_timeout: PATIENCE, link_timeout: PATIENCE, answer_timeout: PATIENCE, ..times };
    let mut os = Os::boot(&mut machine, config)?;
    machine.station.say(&format!("ready: {} slots", os.slots.len()));
    // What is bound: a slot's device is another one when its driver was lost in between.
    let mut bound: Vec<bool> = os.slots.iter().map(|_| false).collect();
    while machine.end.is_none() && !machine.station.is_stopped() {
        machine.wait(BATCH);
        os.service(&mut machine);
        for (slot, bound) in bound.iter_mut().enumerate() {
            let on = os.slots[slot].state == SlotState::On;
            if on && !*bound {
                let said = match visit(&mut machine, &os, slot, args.write.as_deref()) {
                    Ok(text) => text,
                    Err(error) => format!("slot {}: {error}", slot + 1),
                };
                machine.station.say(&said);
            } else if !on && *bound {
                machine.station.say(&format!("slot {}: empty", slot + 1));
            }
            *bound = on;
        }
    }
    match machine.end {
        Some(error) => Err(error),
        None => machine.station.finish().map(|()| ExitCode::SUCCESS),
    }
}

/// Binds a disk, reads its first block, writes it if asked to; what there is to say.
fn visit(machine: &mut Machine, os: &Os, slot: usize, text: Option<&str>) -> Result<String, NvmeError> {
    let memory = MEMORY.0 + MEMORY.1 * slot as u64;
    let mut driver = NvmeDriver::bind(machine, os, slot, memory)?;
    driver.patience = PATIENCE;
    let (serial, block) = (driver.identified.serial.clone(), driver.identified.block as usize);
    let found = driver.read(machine, 0, 1)?;
    let mut said = format!("slot {}: disk {serial}, first block {:?}", slot + 1, begins(&found));
    if let Some(text) = text {
        let mut data = text.as_bytes().to_vec();
        data.resize(block, 0);
        driver.write(machine, 0, &data)?;
        let back = driver.read(machine, 0, 1)?;
        said += if back == data { ", written" } else { ", NOT as it was written" };
        said += &format!(" {:?}", begins(&back));
    }
    Ok(said)
}

/// The text that a block begins with.
fn begins(block: &[u8]) -> String {
    let end = block.iter().position(|&byte| byte == 0).unwrap_or(block.len());
    String::from_utf8_lossy(&block[..end]).into_owned()
}
