//! The cores themselves, in the Rust simulation, around an Ethernet switch.

use std::collections::BTreeSet;
use std::path::Path;

use peb_rtl::top::{PebHost, PebIo};

use super::core::Core;
use super::fabric::{Fabric, HostIn, IoIn, Peb, PebPins, Pins};
use crate::net::{Action, FaultConfig, Gmii, PcapTap, PcapWriter, PortConfig, Star, SwitchConfig};

/// MAC address of host PEB 0; the others follow.
const HOST_MAC: u64 = 0x02_50_45_42_01_00;
/// MAC address of I/O PEB 0; the others follow.
const IO_MAC: u64 = 0x02_50_45_42_02_00;

/// PEBs and their network.
#[derive(Clone, Debug, Default)]
pub struct RtlConfig {
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
}

/// Cores and Ethernet.
pub struct RtlFabric {
    hosts: Vec<Core<PebHost>>,
    ios: Vec<Core<PebIo>>,
    /// The switch and the cables: hosts first, then I/O PEBs.
    pub star: Star,
    config: RtlConfig,
    sent: Vec<Gmii>,
    heard: Vec<Gmii>,
    /// Clock of the last breach of Ethernet's rules, a station.
    breaches: Vec<Option<u64>>,
    faults: Vec<String>,
    capture: Option<(PcapWriter, Vec<PcapTap>)>,
    clock: u64,
}

impl RtlFabric {
    /// All cores out of reset; every port of the switch is a trunk of all the VLANs, and PVID 1 for what has no tag.
    pub fn new(config: RtlConfig) -> Self {
        let host = |(n, &vid): (usize, &u16)| Core::new(HOST_MAC + n as u64, vid);
        let io = |(n, &vid): (usize, &u16)| Core::new(IO_MAC + n as u64, vid);
        let stations = config.hosts.len() + config.ios.len();
        let all = config.hosts.iter().chain(&config.ios).chain(&config.vids).copied().filter(|&vid| vid != 0);
        let vids: BTreeSet<u16> = all.collect();
        let switch = SwitchConfig::new(vec![PortConfig::trunk(vids, Some(1)); stations]);
        RtlFabric {
            hosts: config.hosts.iter().enumerate().map(host).collect(),
            ios: config.ios.iter().enumerate().map(io).collect(),
            star: Star::new(switch, &config.faults, config.seed),
            config,
            sent: vec![Gmii::IDLE; stations],
            heard: vec![Gmii::IDLE; stations],
            breaches: vec![None; stations],
            faults: Vec::new(),
            capture: None,
            clock: 0,
        }
    }

    /// Writes waveforms of all cores: `FILE` with `-host0`, `-io0` and so on before the ending.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn trace_to(&mut self, file: &Path) -> std::io::Result<()> {
        let named = |core: String| {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let ending = file.extension().map_or("vcd".into(), |e| e.to_string_lossy());
            file.with_file_name(format!("{stem}-{core}.{ending}"))
        };
        for (n, core) in self.hosts.iter_mut().enumerate() {
            core.sim.trace_to(&named(format!("host{n}")))?;
        }
        for (n, core) in self.ios.iter_mut().enumerate() {
            core.sim.trace_to(&named(format!("io{n}")))?;
        }
        Ok(())
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

    /// Place of a PEB among the stations of the switch.
    pub fn station(&self, peb: Peb) -> usize {
        match peb {
            Peb::Host(n) => n,
            Peb::Io(n) => self.hosts.len() + n,
        }
    }

    /// Changes the faults of all cables.
    pub fn set_faults(&mut self, faults: &FaultConfig) {
        for link in self.star.to_switch.iter_mut().chain(&mut self.star.from_switch) {
            link.faults_mut().set_config(faults.clone());
        }
    }

    fn ethernet(&mut self) {
        self.heard.copy_from_slice(self.star.clock(&self.sent));
        for (n, link) in self.star.to_switch.iter().enumerate() {
            let breach = link.last_fault();
            if let Some((clock, fault)) = breach.filter(|(clock, _)| self.breaches[n] != Some(*clock)) {
                self.breaches[n] = Some(clock);
                self.faults.push(format!("station {n}.gmii_tx: {fault}"));
            }
        }
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

impl Fabric for RtlFabric {
    fn clock(&mut self, inputs: &Pins<HostIn, IoIn>) -> Pins<PebPins, PebPins> {
        let mut pins = Pins { hosts: Vec::with_capacity(self.hosts.len()), ios: Vec::with_capacity(self.ios.len()) };
        for (n, (core, input)) in self.hosts.iter_mut().zip(&inputs.hosts).enumerate() {
            let (out, gmii) = core.clock(input, self.heard[n]);
            self.sent[n] = gmii;
            pins.hosts.push(out);
        }
        let first = self.hosts.len();
        for (n, (core, input)) in self.ios.iter_mut().zip(&inputs.ios).enumerate() {
            let (out, gmii) = core.clock(input, self.heard[first + n]);
            self.sent[first + n] = gmii;
            pins.ios.push(out);
        }
        self.ethernet();
        pins
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

    fn connect(&mut self, peb: Peb, connected: bool) {
        let action = if connected { Action::Mend } else { Action::Cut(u64::MAX) };
        let station = self.station(peb);
        self.star.to_switch[station].act(action.clone());
        self.star.from_switch[station].act(action);
    }
}
