//! The tunnel of the two cores, without what makes it a switch, in the Rust simulation and behind [`TunnelPair`]: what goes in at one side
//! comes out at the other.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use peb_hdl::prelude::*;
use peb_regs::{addr, slot_addr, slot_reg, Bus};
use peb_rtl::top::Engine;

use crate::net::Gmii;
use crate::run::{Pair, PebCounters, PebIn, PebOut, Side, TunnelPair};
use crate::stream::Beat;

/// MAC address of the simulated host PEB.
pub const HOST_MAC: u64 = 0x02_50_45_42_00_01;
/// MAC address of the simulated I/O PEB.
pub const IO_MAC: u64 = 0x02_50_45_42_00_02;
/// VLAN of the simulated pair.
pub const VID: u64 = 100;
/// Clocks after which a register access has failed (the interface allows 64).
pub(crate) const MGMT_CLOCKS: u32 = 64;

/// A register access that was not acknowledged in time.
#[derive(Debug, thiserror::Error)]
#[error("the {0} PEB did not acknowledge a register access within {MGMT_CLOCKS} clocks")]
pub struct NoAck(pub(crate) Side);

/// The tunnel of a host PEB with 4 slots; its TLPs go to slot 0.
pub type TunnelHost = Engine<4, 8>;
/// The tunnel of an I/O PEB.
pub type TunnelIo = Engine<1, 5>;

/// The pins that both have.
trait Pins: Block + Node {
    fn drive(&mut self, inputs: &PebIn);
    fn read(&self) -> PebOut;
    fn straps(&mut self, mac: u64, vid: u64);
    fn reset(&mut self, on: bool);
    fn access(&mut self, request: Option<(u16, Option<u32>)>);
    fn answer(&self) -> Option<u32>;
}

macro_rules! pins {
    ($core:ty, $($quiet:ident = $value:expr),*) => {
        impl Pins for $core {
            fn drive(&mut self, inputs: &PebIn) {
                let beat = inputs.pcie_rx.unwrap_or(Beat { data: 0, keep: 0, last: false });
                self.pcie_rx_tdata.next = beat.data.into();
                self.pcie_rx_tkeep.next = u64::from(beat.keep).into();
                self.pcie_rx_tlast.next = beat.last;
                self.pcie_rx_tvalid.next = inputs.pcie_rx.is_some();
                self.pcie_tx_tready.next = inputs.pcie_tx_ready;
                self.pcie_tx_np_ok.next = inputs.pcie_tx_np_ok;
                self.gmii_rxd.next = u64::from(inputs.gmii_rx.data).into();
                self.gmii_rx_dv.next = inputs.gmii_rx.en;
                self.gmii_rx_er.next = inputs.gmii_rx.er;
                self.pcie_link_up.next = true;
                $(self.$quiet.next = $value;)*
            }
            fn read(&self) -> PebOut {
                let beat = Beat {
                    data: self.pcie_tx_tdata.val().raw(),
                    keep: self.pcie_tx_tkeep.val().raw() as u8,
                    last: self.pcie_tx_tlast.val(),
                };
                PebOut {
                    pcie_rx_ready: self.pcie_rx_tready.val(),
                    pcie_rx_np_ok: self.pcie_rx_np_ok.val(),
                    pcie_tx: self.pcie_tx_tvalid.val().then_some(beat),
                    gmii_tx: Gmii {
                        data: self.gmii_txd.val().raw() as u8,
                        en: self.gmii_tx_en.val(),
                        er: self.gmii_tx_er.val(),
                    },
                    peer_up: self.stat_peer_up.val(),
                    fatal: self.stat_fatal.val(),
                }
            }
            fn straps(&mut self, mac: u64, vid: u64) {
                self.cfg_mac.next = mac.into();
                self.cfg_vid.next = vid.into();
            }
            fn reset(&mut self, on: bool) {
                self.reset.next = on;
            }
            fn access(&mut self, request: Option<(u16, Option<u32>)>) {
                let (address, data) = request.unwrap_or_default();
                self.mgmt_req.next = request.is_some();
                self.mgmt_we.next = data.is_some();
                self.mgmt_addr.next = u64::from(address).into();
                self.mgmt_wdata.next = u64::from(data.unwrap_or(0)).into();
            }
            fn answer(&self) -> Option<u32> {
                self.mgmt_ack.val().then(|| self.mgmt_rdata.val().raw() as u32)
            }
        }
    };
}

pins!(TunnelHost, slot_present = false);
pins!(TunnelIo, slot_present = true);

/// One core and its simulation.
struct Core<T> {
    sim: Sim<T>,
    side: Side,
    observer: Option<SharedObserver>,
}

impl<T: Pins> Core<T> {
    fn new(dut: T, side: Side, mac: u64, observer: Option<SharedObserver>, wire: impl FnOnce(&mut T)) -> Self {
        let mut core = Core { sim: Sim::new(dut, wire), side, observer };
        core.sim.dut.straps(mac, VID);
        core.sim.dut.drive(&PebIn::default());
        core.sim.dut.reset(true);
        (0..16).for_each(|_| core.edge());
        core.sim.dut.reset(false);
        core
    }

    /// The rising edge.
    fn edge(&mut self) {
        self.sim.settle();
        if let Some(observe) = &self.observer {
            (observe.borrow_mut())(self.side, self.sim.dut.as_ref());
        }
        self.sim.step();
    }

    fn clock(&mut self, inputs: &PebIn) -> PebOut {
        self.sim.dut.drive(inputs);
        self.sim.settle();
        let out = self.sim.dut.read();
        self.edge();
        out
    }

    /// A register access with all other inputs idle.
    fn access(&mut self, address: u16, data: Option<u32>) -> Result<u32, NoAck> {
        let idle = PebIn { pcie_tx_ready: false, ..PebIn::default() };
        for _ in 0..MGMT_CLOCKS {
            self.sim.dut.access(Some((address, data)));
            self.sim.dut.drive(&idle);
            self.sim.settle();
            let answer = self.sim.dut.answer();
            self.edge();
            if let Some(value) = answer {
                self.sim.dut.access(None);
                self.sim.settle();
                return Ok(value);
            }
        }
        Err(NoAck(self.side))
    }
}

impl<T: Pins> Bus for Core<T> {
    type Error = NoAck;
    fn read(&mut self, address: u16) -> Result<u32, NoAck> {
        self.access(address, None)
    }
    fn write(&mut self, address: u16, value: u32) -> Result<(), NoAck> {
        self.access(address, Some(value)).map(drop)
    }
}

/// Sees a core settled, just before each rising edge.
pub type Observer = Box<dyn FnMut(Side, &dyn Block)>;

type SharedObserver = Rc<RefCell<Observer>>;

/// A host PEB and an I/O PEB, clock by clock in Rust.
pub struct RtlPair {
    host: Core<TunnelHost>,
    io: Core<TunnelIo>,
}

impl Default for RtlPair {
    fn default() -> Self {
        Self::new()
    }
}

impl RtlPair {
    /// Both cores out of reset, with the register values of reset.
    pub fn new() -> Self {
        Self::with_observer(None)
    }

    /// As [`RtlPair::new`]; each core is shown to the observer before each of its edges, from the first clock of reset on.
    pub fn with_observer(observer: Option<Observer>) -> Self {
        let observer = observer.map(|o| Rc::new(RefCell::new(o)));
        let wire_host = |d: &mut TunnelHost| d.clock.next = Clk::new(0);
        let wire_io = |d: &mut TunnelIo| d.clock.next = Clk::new(0);
        RtlPair {
            host: Core::new(TunnelHost::host(), Side::Host, HOST_MAC, observer.clone(), wire_host),
            io: Core::new(TunnelIo::io(), Side::Io, IO_MAC, observer, wire_io),
        }
    }

    /// Checks every handshake inside both cores from now on.
    pub fn watch_streams(&mut self) {
        self.host.sim.watch_streams();
        self.io.sim.watch_streams();
    }

    /// Writes waveforms of both cores: `FILE` with `-host` and `-io` before the ending.
    pub fn trace_to(&mut self, file: &Path) -> std::io::Result<()> {
        let named = |side: &str| {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let ending = file.extension().map_or("vcd".into(), |e| e.to_string_lossy());
            file.with_file_name(format!("{stem}-{side}.{ending}"))
        };
        self.host.sim.trace_to(&named("host"))?;
        self.io.sim.trace_to(&named("io"))
    }

    /// Reads a register; the other inputs of that core are idle meanwhile, so only between frames.
    pub fn read(&mut self, side: Side, address: u16) -> Result<u32, NoAck> {
        match side {
            Side::Host => self.host.read(address),
            Side::Io => self.io.read(address),
        }
    }

    /// Writes a register; as [`RtlPair::read`].
    pub fn write(&mut self, side: Side, address: u16, value: u32) -> Result<(), NoAck> {
        match side {
            Side::Host => self.host.write(address, value),
            Side::Io => self.io.write(address, value),
        }
    }
}

/// What an end counted.
pub(crate) fn counters<B: Bus>(bus: &mut B, side: Side) -> Result<PebCounters, B::Error> {
    let mut get = |address| bus.read(address).map(u64::from);
    let mut counters = PebCounters {
        frames_sent: get(addr::FRAMES_SENT)?,
        frames_received: get(addr::FRAMES_RECEIVED)?,
        retransmitted: get(addr::RETRANSMITTED)?,
        duplicates: get(addr::DUPLICATES)?,
        fcs_errors: get(addr::FCS_ERRORS)?,
        out_of_order: get(addr::OUT_OF_ORDER)?,
        no_space: get(addr::NO_SPACE)?,
        rtt: None,
        rtt_min: None,
    };
    if side == Side::Host {
        counters.rtt = Some(get(slot_addr(0, slot_reg::RTT))?);
        counters.rtt_min = Some(get(slot_addr(0, slot_reg::RTT_MIN))?);
    }
    Ok(counters)
}

impl TunnelPair for RtlPair {
    fn clock(&mut self, inputs: &Pair<PebIn>) -> Pair<PebOut> {
        Pair { host: self.host.clock(&inputs.host), io: self.io.clock(&inputs.io) }
    }

    fn counters(&mut self) -> Pair<PebCounters> {
        Pair {
            host: counters(&mut self.host, Side::Host).unwrap_or_default(),
            io: counters(&mut self.io, Side::Io).unwrap_or_default(),
        }
    }
}
