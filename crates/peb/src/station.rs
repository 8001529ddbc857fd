//! A simulated PEB at a real network, as a process that runs until it is told to stop.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context};
use peb_sim::device::Device;
use peb_sim::host::RootComplex;
use peb_sim::net::{FaultConfig, PcapWriter};
use peb_sim::world::{Pace, Peb, RtlConfig, RtlFabric, World};

use crate::cable::Cable;
use crate::engine::EngineName;
use crate::operator::Socket;
use crate::units::Share;

/// Time between two looks at what else there is to do.
const LOOK: Duration = Duration::from_millis(4);

/// Options of such a process.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    cable: Cable,
    /// What simulates the PEB
    #[arg(long, value_enum, default_value = "verilator", value_name = "ENGINE")]
    engine: EngineName,
    /// Share of the frames that are lost, each way
    #[arg(long, value_name = "SHARE", default_value = "0%", allow_hyphen_values = true)]
    loss: Share,
    /// Seed of the losses
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write the frames that the PEB sends for Wireshark
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write a waveform; slow, and large
    #[arg(long, value_name = "FILE")]
    vcd: Option<PathBuf>,
}

/// The process.
pub struct Station {
    /// The PEB and what is at its pins.
    pub world: World<RtlFabric>,
    pace: Pace,
    socket: Socket,
    looked: Instant,
    begin: Instant,
    shown: usize,
}

impl Station {
    /// One PEB at its cable: of the host if `root` is given, else of the device.
    pub fn new(options: &Options, directory: &Path, end: Result<RootComplex, Device>) -> anyhow::Result<Self> {
        let Some(outside) = options.cable.open()? else {
            bail!("where does the PEB's cable lead? --iface NAME or --tap NAME says so; `peb sim` needs none");
        };
        let (vids, mac) = (vec![options.cable.vlan], options.cable.mac());
        let peb = if end.is_ok() { Peb::Host(0) } else { Peb::Io(0) };
        let mut config = RtlConfig {
            engine: options.engine.engine()?,
            vcd: options.vcd.clone(),
            faults: FaultConfig { drop: options.loss.0, ..FaultConfig::default() },
            seed: options.seed,
            mac: Some(mac.0),
            ..RtlConfig::default()
        };
        match peb {
            Peb::Host(_) => config.hosts = vids,
            Peb::Io(_) => config.ios = vids,
        }
        let mut fabric = RtlFabric::new(config)?;
        fabric.plug(peb, outside);
        if let Some(file) = &options.pcap {
            let name = || file.display().to_string();
            fabric.capture(PcapWriter::new(BufWriter::new(File::create(file).with_context(name)?)).with_context(name)?);
        }
        let socket = Socket::listen(directory, true)?;
        let (roots, devices) = match end {
            Ok(root) => (vec![root], Vec::new()),
            Err(device) => (Vec::new(), vec![device]),
        };
        let world = World::new(fabric, roots, devices);
        let now = Instant::now();
        let mut station = Station { world, pace: Pace::default(), socket, looked: now, begin: now, shown: 0 };
        station.pace.keep(&mut station.world);
        station.say(&format!(
            "{peb} with MAC address {mac}, {}; `peb ctl --log {}` reaches it",
            vlan(&options.cable),
            directory.display()
        ));
        Ok(station)
    }

    /// Prints a line with the time.
    pub fn say(&self, what: &str) {
        // Who has closed the output sees nothing more; the run goes on.
        let _ = writeln!(io::stdout().lock(), "{:9.3} s  {what}", self.begin.elapsed().as_secs_f64());
    }

    /// To be called every few clocks: keeps the pace, answers `peb ctl`, prints what has happened.
    ///
    /// # Errors
    /// If a rule was broken, or the network is gone.
    pub fn attend(&mut self) -> anyhow::Result<()> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        self.pace.keep(&mut self.world);
        self.socket.attend(&mut self.world);
        let events = &self.world.timeline.events;
        for event in &events[self.shown..] {
            self.say(&format!("{}: {}", event.who, event.what));
        }
        self.shown = events.len();
        let fault = self.world.faults.first();
        ensure!(fault.is_none(), "{}", fault.map(String::as_str).unwrap_or_default());
        Ok(())
    }

    /// Whether it was told to stop.
    pub fn is_stopped(&self) -> bool {
        self.socket.is_stopped()
    }

    /// Ends in order.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.world.fabric.finish_capture()?;
        let (clocks, time) = (self.world.now(), self.begin.elapsed().as_secs_f64());
        self.say(&format!("stopped after {clocks} clocks, {:.0} clocks/s", clocks as f64 / time.max(1e-3)));
        Ok(())
    }
}

fn vlan(cable: &Cable) -> String {
    match cable.vlan {
        0 => "untagged".into(),
        vid => format!("VLAN {vid}"),
    }
}
