//! Figures of the switch: how soon it answers for itself, and what routing adds to the way through the tunnel.

use peb_regs::addr;
use peb_tlp::{FunctionId, RequestId, Tag, Tlp};

use super::{BenchError, Figure};
use crate::device::{Device, DeviceConfig};
use crate::engine::{tunnel_pair, EngineConfig};
use crate::host::{RootComplex, RootConfig, ROOT_PORT};
use crate::net::Gmii;
use crate::port::Bare;
use crate::run::{Pair, PebIn, TunnelPair};
use crate::stream::pack;
use crate::world::{Peb, RtlConfig, RtlFabric, World};

/// Clocks in which the switch answers a configuration request to itself.
const OWN: f64 = 40.0;
/// Clocks that routing may add, each way.
const ROUTING: f64 = 12.0;
/// Clocks in which every configuration request that does not go to a device is answered.
const ANSWERED: u64 = 200;
/// Clocks in which a device is up, power-on reset included.
const UP: u64 = 400_000;
/// Clocks without a frame before a measurement.
const IDLE: u64 = 40;
/// Measurements of which the median is taken.
const SAMPLES: usize = 9;
const INTERNAL: u8 = 2;
const WINDOW: u32 = 0xa000_0000;

/// Measures them.
pub fn run(mut figure: impl FnMut(Figure)) -> Result<(), BenchError> {
    let mut cores = Cores::new()?;
    cores.number()?;
    let (own, all) = cores.configuration();
    let (worst, answered) =
        (own.iter().max().copied().unwrap_or(u64::MAX), all.iter().filter(|&&c| c <= ANSWERED).count());
    figure(Figure::at_most("configuration request to the switch, slowest".into(), worst as f64, "clocks", OWN));
    let percent = 100.0 * answered as f64 / all.len() as f64;
    figure(Figure::at_least("configuration requests answered in 200 clocks".into(), percent, "%", 100.0));
    cores.bring_up()?;
    let mut tunnel = Tunnel { pair: Box::new(tunnel_pair(&EngineConfig::default())?), heard: [Gmii::IDLE; 2] };
    tunnel.bring_up()?;
    for (name, from) in
        [("routing, host to slot, beyond the tunnel", 0), ("routing, slot to host, beyond the tunnel", 1)]
    {
        let tlp = write(from);
        let [with, without] = [median(|| cores.sample(from, &tlp)), median(|| tunnel.sample(from, &tlp))];
        figure(Figure::at_most(name.into(), with as f64 - without as f64, "clocks", ROUTING));
    }
    Ok(())
}

fn failed(name: &str, problem: &str) -> BenchError {
    BenchError::Run { name: name.into(), problem: problem.into() }
}

/// A write from the host into the first slot's window, or from the device to the host.
fn write(from: usize) -> Vec<u8> {
    let (requester, address) = match from {
        0 => (ROOT_PORT, u64::from(WINDOW)),
        _ => (FunctionId::new(INTERNAL + 1, 0, 0), 0x1000),
    };
    let id = RequestId { requester, tag: Tag(0) };
    Tlp::memory_write(id, address, &[0x5a; 64]).expect("a legal write").into_bytes()
}

fn median(mut sample: impl FnMut() -> u64) -> u64 {
    let mut samples: Vec<u64> = (0..SAMPLES).map(|_| sample()).collect();
    samples.sort_unstable();
    samples[SAMPLES / 2]
}

/// A host PEB and an I/O PEB with bare ports.
struct Cores {
    world: World<RtlFabric>,
}

impl Cores {
    fn new() -> Result<Self, BenchError> {
        let config = RtlConfig { hosts: vec![10], ios: vec![10], ..RtlConfig::default() };
        let fabric = RtlFabric::new(config).map_err(|error| failed("switch", &error.to_string()))?;
        let roots = vec![RootComplex::new(RootConfig::default())];
        let mut world = World::new(fabric, roots, vec![Device::new(DeviceConfig::default())]);
        world.hosts[0].root.bare = Some(Bare::default());
        world.devices[0].bare = Some(Bare::default());
        for (peb, register, value) in
            [(Peb::Host(0), addr::TICK, 1), (Peb::Io(0), addr::TICK, 1), (Peb::Io(0), addr::LINKUP_TICKS, 1000)]
        {
            world.write_register(peb, register, value);
        }
        Ok(Cores { world })
    }

    /// Sends a request; clocks from its last beat in to the first beat out of an answer, if one comes.
    fn ask(&mut self, tlp: Tlp) -> Option<u64> {
        let root = |world: &mut World<RtlFabric>| world.hosts[0].root.bare.take().unwrap_or_default();
        self.world.hosts[0].root.bare = Some(Bare::default());
        self.world.hosts[0].root.port.send(tlp);
        let (mut taken, mut first) = (None, None);
        for _ in 0..10 * ANSWERED {
            self.world.step();
            let now = self.world.now();
            let bare = root(&mut self.world);
            taken = taken.or((!bare.sent.is_empty()).then_some(now));
            first = first.or(self.world.pins(Peb::Host(0)).port.tx.map(|_| now));
            let over = !bare.received.is_empty();
            self.world.hosts[0].root.bare = Some(Bare::default());
            if over {
                break;
            }
        }
        Some(first? - taken?)
    }

    fn config(&mut self, id: FunctionId, register: u16, value: Option<u32>, tag: u16) -> Option<u64> {
        let request = RequestId { requester: ROOT_PORT, tag: Tag(tag) };
        let type1 = id.bus() != 1;
        let tlp = match value {
            None => Tlp::config_read(request, id, register, type1),
            Some(value) => Tlp::config_write(request, id, register, type1, value.to_le_bytes()),
        };
        self.ask(tlp.expect("a legal request"))
    }

    /// Numbers the buses and opens the windows of the first slot.
    fn number(&mut self) -> Result<(), BenchError> {
        let upstream = FunctionId::new(1, 0, 0);
        let slot = FunctionId::new(INTERNAL, 0, 0);
        for (id, buses) in
            [(upstream, [1, INTERNAL, INTERNAL + 8, 0]), (slot, [INTERNAL, INTERNAL + 1, INTERNAL + 1, 0])]
        {
            for (register, value) in
                [(0x18, u32::from_le_bytes(buses)), (0x20, WINDOW >> 16 | WINDOW), (0x24, 0x0000_fff0), (0x04, 6)]
            {
                self.config(id, register, Some(value), 0)
                    .ok_or_else(|| failed("switch", "a configuration write has no answer"))?;
            }
        }
        Ok(())
    }

    /// Clocks of requests to the ports themselves, and of those to empty slots and nobody too.
    fn configuration(&mut self) -> (Vec<u64>, Vec<u64>) {
        let ports = [FunctionId::new(1, 0, 0), FunctionId::new(INTERNAL, 0, 0), FunctionId::new(INTERNAL, 3, 0)];
        let (mut own, mut all) = (Vec::new(), Vec::new());
        let mut tag = 1;
        for id in ports {
            for register in [0x00, 0x04, 0x18, 0x34, 0x44, 0x68, 0x78, 0x104, 0x148, 0x400, 0xffc] {
                for value in [None, Some(0)].into_iter().filter(|value| value.is_none() || register > 0x40) {
                    own.push(self.config(id, register, value, tag).unwrap_or(u64::MAX));
                    tag = (tag + 1) % 256;
                }
            }
        }
        all.extend(&own);
        for (bus, device, function) in
            [(1, 0, 3), (INTERNAL, 9, 0), (INTERNAL, 0, 1), (INTERNAL + 1, 0, 0), (INTERNAL + 1, 2, 0), (0xe0, 0, 0)]
        {
            all.push(self.config(FunctionId::new(bus, device, function), 0, None, tag).unwrap_or(u64::MAX));
            tag = (tag + 1) % 256;
        }
        (own, all)
    }

    fn bring_up(&mut self) -> Result<(), BenchError> {
        let up = self.world.run_until(UP, |world| world.pins(Peb::Host(0)).slot_up != 0);
        up.then_some(()).ok_or_else(|| failed("routing", "the slot does not come up"))
    }

    /// Clocks between the port of the host PEB and its Ethernet: from the first beat of a TLP in to the first octet out, or from the last octet
    /// in to the first beat out.
    fn sample(&mut self, from: usize, tlp: &[u8]) -> u64 {
        let mut quiet = 0;
        while quiet < IDLE {
            self.world.step();
            let [sent, heard] = self.world.fabric.wires(Peb::Host(0));
            quiet = if sent.en || heard.en { 0 } else { quiet + 1 };
        }
        let begin = self.world.now() + 1;
        match from {
            0 => self.world.hosts[0].root.port.send_bytes(tlp.to_vec()),
            _ => self.world.devices[0].port.send_bytes(tlp.to_vec()),
        }
        let mut heard_at = begin;
        loop {
            self.world.step();
            let [sent, heard] = self.world.fabric.wires(Peb::Host(0));
            if from == 0 && sent.en {
                return self.world.now() - begin;
            }
            if from == 1 && heard.en {
                heard_at = self.world.now();
            }
            if from == 1 && self.world.pins(Peb::Host(0)).port.tx.is_some() {
                return self.world.now() - heard_at;
            }
        }
    }
}

/// The tunnel alone, with the cables straight from one engine to the other.
struct Tunnel {
    pair: Box<dyn TunnelPair>,
    heard: [Gmii; 2],
}

impl Tunnel {
    fn clock(&mut self, rx: [Option<crate::stream::Beat>; 2]) -> Pair<crate::run::PebOut> {
        let end = |n: usize| PebIn { pcie_rx: rx[n], pcie_tx_ready: true, pcie_tx_np_ok: true, gmii_rx: self.heard[n] };
        let out = self.pair.clock(&Pair { host: end(0), io: end(1) });
        self.heard = [out.io.gmii_tx, out.host.gmii_tx];
        out
    }

    fn bring_up(&mut self) -> Result<(), BenchError> {
        let up = (0..UP).any(|_| {
            let out = self.clock([None, None]);
            out.host.peer_up && out.io.peer_up
        });
        up.then_some(()).ok_or_else(|| failed("routing", "the tunnel does not come up"))
    }

    /// As [`Cores::sample`].
    fn sample(&mut self, from: usize, tlp: &[u8]) -> u64 {
        let mut quiet = 0;
        while quiet < IDLE {
            let out = self.clock([None, None]);
            quiet = if out.host.gmii_tx.en || out.io.gmii_tx.en { 0 } else { quiet + 1 };
        }
        let (mut beats, mut now, mut heard_at) = (pack(tlp).into_iter().peekable(), 0, 0);
        loop {
            let mut rx = [None, None];
            rx[from] = beats.peek().copied();
            let heard = self.heard[0].en;
            let out = self.clock(rx);
            let ready = [out.host.pcie_rx_ready, out.io.pcie_rx_ready][from];
            if ready {
                beats.next();
            }
            if from == 0 && out.host.gmii_tx.en {
                return now;
            }
            if from == 1 && heard {
                heard_at = now;
            }
            if from == 1 && out.host.pcie_tx.is_some() {
                return now - heard_at;
            }
            now += 1;
        }
    }
}
