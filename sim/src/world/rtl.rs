//! The cores themselves around an Ethernet switch.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use peb_config::Parameters;
use peb_rtl::top::{PebHost, PebIo};
use peb_verilated::VerilatedError;
use thiserror::Error;

use super::core::{RustCore, VerilatedCore};
use super::fabric::{Fabric, HostIn, IoIn, Peb, PebPins, Pins};
use super::pins::{Core, Inputs, Outputs, Pinned};
use super::World;
use crate::net::{Action, FaultConfig, Gmii, Outside, PcapTap, PcapWriter, PortConfig, Star, SwitchConfig};

/// MAC address of host PEB 0; the others follow.
const HOST_MAC: u64 = 0x02_50_45_42_01_00;
/// MAC address of I/O PEB 0; the others follow.
const IO_MAC: u64 = 0x02_50_45_42_02_00;

/// Clocks of `rst`.
const RESET_CLOCKS: usize = 16;

/// What simulates the cores. Both do the same, clock by clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The simulation in Rust.
    #[default]
    Rust,
    /// The exported Verilog compiled by Verilator: needs `tools/setup.sh`, and some minutes the first time.
    Verilator,
    /// Both at once; every difference of a pin panics.
    #[cfg(test)]
    Lockstep,
}

impl Engine {
    /// Compiles and loads the cores if that was not done before: who measures the time of a run does not measure that.
    ///
    /// # Errors
    /// If the engine cannot be had.
    pub fn prepare(self, parameters: &Parameters, waveforms: bool) -> Result<(), RtlError> {
        if self == Engine::Verilator {
            VerilatedCore::<PebHost>::new(parameters, waveforms)?;
            VerilatedCore::<PebIo>::new(parameters, waveforms)?;
        }
        Ok(())
    }
}

/// Why there is no fabric.
#[derive(Debug, Error)]
pub enum RtlError {
    /// The engine cannot be had.
    #[error(transparent)]
    Engine(#[from] VerilatedError),
    /// A waveform cannot be written.
    #[error("{0}: {1}")]
    Waveform(PathBuf, #[source] std::io::Error),
}

/// PEBs and their network.
#[derive(Clone, Debug, Default)]
pub struct RtlConfig {
    /// What simulates the cores.
    pub engine: Engine,
    /// Where to write waveforms of all cores: this name with `-host0`, `-io0` and so on before the ending.
    pub vcd: Option<PathBuf>,
    /// VLAN straps of the host PEBs.
    pub hosts: Vec<u16>,
    /// VLAN straps of the I/O PEBs.
    pub ios: Vec<u16>,
    /// Further VLANs that the switch carries.
    pub vids: Vec<u16>,
    /// What every cable does to frames, each way.
    pub faults: FaultConfig,
    /// Seed of the faults.
    pub seed: u64,
    /// MAC address of the first PEB, others of the same side following, where each side is a process of its own: there it
    /// must be one that nobody else in the network has. Else they are given here.
    pub mac: Option<u64>,
    /// What the host PEBs are generated with; their number of slots is 4 in any case.
    pub parameters: Parameters,
}

/// A core and what it is told by straps.
struct Station {
    core: Box<dyn Core>,
    straps: Inputs,
}

impl Station {
    /// A core that has been reset.
    fn new<T: Pinned + 'static>(config: &RtlConfig, number: usize, [mac, vid]: [u64; 2]) -> Result<Station, RtlError> {
        let mut core: Box<dyn Core> = match config.engine {
            Engine::Rust => Box::new(RustCore::<T>::new(&config.parameters)),
            Engine::Verilator => Box::new(VerilatedCore::<T>::new(&config.parameters, config.vcd.is_some())?),
            #[cfg(test)]
            Engine::Lockstep => Box::new(super::lockstep::Lockstep::<T>::new(number)?),
        };
        let straps = Inputs { cfg_mac: config.mac.unwrap_or(mac) + number as u64, cfg_vid: vid, ..Inputs::default() };
        for _ in 0..RESET_CLOCKS {
            core.clock(&Inputs { rst: 1, ..straps });
        }
        if let Some(file) = &config.vcd {
            let file = waveform(file, &format!("{}{number}", T::NAME.trim_start_matches("peb_")));
            core.trace_to(&file).map_err(|error| RtlError::Waveform(file, error))?;
        }
        Ok(Station { core, straps })
    }

    fn clock(&mut self, pins: Inputs) -> Outputs {
        let Inputs { cfg_mac, cfg_vid, .. } = self.straps;
        self.core.clock(&Inputs { cfg_mac, cfg_vid, ..pins })
    }
}

/// The file of a core's waveform.
fn waveform(file: &Path, core: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let ending = file.extension().map_or("vcd".into(), |e| e.to_string_lossy());
    file.with_file_name(format!("{stem}-{core}.{ending}"))
}

/// Cores and Ethernet.
pub struct RtlFabric {
    hosts: Vec<Station>,
    ios: Vec<Station>,
    /// The switch and the cables: hosts first, then I/O PEBs.
    pub star: Star,
    config: RtlConfig,
    sent: Vec<Gmii>,
    heard: Vec<Gmii>,
    /// What went in in the last clock.
    last_heard: Vec<Gmii>,
    /// Clock of the last breach of Ethernet's rules, a station.
    breaches: Vec<Option<u64>>,
    faults: Vec<String>,
    capture: Option<(PcapWriter, Vec<PcapTap>)>,
    clock: u64,
}

impl RtlFabric {
    /// All cores out of reset; every port of the switch is a trunk of all the VLANs, and PVID 1 for what has no tag.
    ///
    /// # Errors
    /// If the engine cannot be had, or a waveform cannot be written.
    pub fn new(config: RtlConfig) -> Result<Self, RtlError> {
        let host = |(n, &vid): (usize, &u16)| Station::new::<PebHost>(&config, n, [HOST_MAC, vid.into()]);
        let io = |(n, &vid): (usize, &u16)| Station::new::<PebIo>(&config, n, [IO_MAC, vid.into()]);
        let hosts = config.hosts.iter().enumerate().map(host).collect::<Result<Vec<_>, _>>()?;
        let ios = config.ios.iter().enumerate().map(io).collect::<Result<Vec<_>, _>>()?;
        let stations = hosts.len() + ios.len();
        let all = config.hosts.iter().chain(&config.ios).chain(&config.vids).copied().filter(|&vid| vid != 0);
        let vids: BTreeSet<u16> = all.collect();
        let switch = SwitchConfig::new(vec![PortConfig::trunk(vids, Some(1)); stations]);
        Ok(RtlFabric {
            hosts,
            ios,
            star: Star::new(switch, &config.faults, config.seed),
            config,
            sent: vec![Gmii::IDLE; stations],
            heard: vec![Gmii::IDLE; stations],
            last_heard: vec![Gmii::IDLE; stations],
            breaches: vec![None; stations],
            faults: Vec::new(),
            capture: None,
            clock: 0,
        })
    }

    /// Captures the frames that all PEBs send.
    pub fn capture(&mut self, pcap: PcapWriter) {
        let taps = self.sent.iter().map(|_| PcapTap::default()).collect();
        self.capture = Some((pcap, taps));
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish_capture(&mut self) -> std::io::Result<()> {
        self.capture.take().map_or(Ok(()), |(pcap, _)| pcap.finish())
    }

    /// Lets a PEB's cable end at a network outside of the simulation instead of the switch.
    pub fn plug(&mut self, peb: Peb, outside: Box<dyn Outside>) {
        let station = self.station(peb);
        self.star.plug(station, outside);
    }

    /// Place of a PEB among the stations of the switch.
    pub fn station(&self, peb: Peb) -> usize {
        match peb {
            Peb::Host(n) => n,
            Peb::Io(n) => self.hosts.len() + n,
        }
    }

    /// What a PEB sent and what it heard on its cable in the last clock.
    pub fn wires(&self, peb: Peb) -> [Gmii; 2] {
        let station = self.station(peb);
        [self.sent[station], self.last_heard[station]]
    }

    /// Changes the faults of all cables.
    pub fn set_faults(&mut self, faults: &FaultConfig) {
        for link in self.star.to_switch.iter_mut().chain(&mut self.star.from_switch) {
            link.faults_mut().set_config(faults.clone());
        }
    }

    fn ethernet(&mut self) {
        self.last_heard.copy_from_slice(&self.heard);
        self.heard.copy_from_slice(self.star.clock(&self.sent));
        for (n, link) in self.star.to_switch.iter().enumerate() {
            let breach = link.last_fault();
            if let Some((clock, fault)) = breach.filter(|(clock, _)| self.breaches[n] != Some(*clock)) {
                self.breaches[n] = Some(clock);
                self.faults.push(format!("station {n}.gmii_tx: {fault}"));
            }
        }
        self.faults.extend(self.star.take_error());
        if let Some((pcap, taps)) = &mut self.capture {
            for (tap, &symbol) in taps.iter_mut().zip(&self.sent) {
                if let Err(error) = tap.clock(self.clock, symbol, pcap) {
                    self.faults.push(format!("capture: {error}"));
                }
            }
        }
        self.clock += 1;
    }
}

/// What runs in every clock, compiled here, with this crate's optimisation: what is generic gets that of the crate that
/// uses it.
impl World<RtlFabric> {
    /// As [`World::run`].
    pub fn advance(&mut self, clocks: u64) {
        self.run(clocks);
    }
}

impl Fabric for RtlFabric {
    fn clock(&mut self, inputs: &Pins<HostIn, IoIn>, pins: &mut Pins<PebPins, PebPins>) {
        pins.clear();
        for (n, (core, input)) in self.hosts.iter_mut().zip(&inputs.hosts).enumerate() {
            let outputs = core.clock(Inputs::host(input, self.heard[n]));
            self.sent[n] = outputs.gmii_tx();
            pins.hosts.push(outputs.host());
        }
        let first = self.hosts.len();
        for (n, (core, input)) in self.ios.iter_mut().zip(&inputs.ios).enumerate() {
            let outputs = core.clock(Inputs::io(input, self.heard[first + n]));
            self.sent[first + n] = outputs.gmii_tx();
            pins.ios.push(outputs.io());
        }
        self.ethernet();
    }

    fn vid(&self, peb: Peb) -> u16 {
        match peb {
            Peb::Host(n) => self.config.hosts[n],
            Peb::Io(n) => self.config.ios[n],
        }
    }

    fn fault(&mut self) -> Option<String> {
        self.faults.pop()
    }

    fn set_loss(&mut self, share: f64) -> bool {
        for link in self.star.to_switch.iter_mut().chain(&mut self.star.from_switch) {
            link.act(Action::Loss(share));
        }
        true
    }

    fn queued(&self) -> usize {
        (0..self.star.switch.ports()).map(|port| self.star.switch.counters(port).queued_bytes).sum()
    }

    fn connect(&mut self, peb: Peb, connected: bool) {
        let action = if connected { Action::Mend } else { Action::Cut(u64::MAX) };
        let station = self.station(peb);
        self.star.to_switch[station].act(action.clone());
        self.star.from_switch[station].act(action);
    }
}
