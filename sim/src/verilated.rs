//! The tunnel of [`crate::rtl`], its exported Verilog compiled by Verilator: many times faster, for long runs.

use std::sync::{Arc, Mutex, PoisonError};

use peb_hdl::rust_hdl::prelude::Block;
use peb_regs::Bus;
use peb_verilated::{Library, Model, VerilatedError};
use peb_verilog::{Design, HarnessError};

use crate::net::Gmii;
use crate::rtl::{self, NoAck, TunnelHost, TunnelIo, HOST_MAC, IO_MAC, MGMT_CLOCKS, VID};
use crate::run::{Pair, PebCounters, PebIn, PebOut, Side, TunnelPair};
use crate::stream::Beat;

/// Places of pins among the words of a model.
macro_rules! pins {
    ($name:ident: $($pin:ident)*) => {
        #[derive(Clone, Copy)]
        struct $name {
            $($pin: usize,)*
        }

        impl $name {
            fn of(ports: &[peb_verilog::Port]) -> Self {
                let place = |name: &str| ports.iter().position(|port| port.name == name).expect("a port of the tunnel");
                $name { $($pin: place(stringify!($pin)),)* }
            }
        }
    };
}

pins!(Inputs: reset cfg_mac cfg_vid pcie_rx_tdata pcie_rx_tkeep pcie_rx_tlast pcie_rx_tvalid pcie_tx_tready pcie_tx_np_ok pcie_link_up
    gmii_rxd gmii_rx_dv gmii_rx_er mgmt_addr mgmt_req mgmt_we mgmt_wdata slot_present);
pins!(Outputs: pcie_rx_tready pcie_rx_np_ok pcie_tx_tdata pcie_tx_tkeep pcie_tx_tlast pcie_tx_tvalid gmii_txd gmii_tx_en gmii_tx_er
    mgmt_rdata mgmt_ack stat_peer_up stat_fatal);

/// One end of a tunnel, out of reset.
pub struct VerilatedEnd {
    model: Model,
    side: Side,
    input: Inputs,
    output: Outputs,
    inputs: Vec<u64>,
    outputs: Vec<u64>,
}

/// Libraries that are loaded: host, I/O.
static LOADED: Mutex<[Option<Arc<Library>>; 2]> = Mutex::new([None, None]);

fn library(side: Side) -> Result<Arc<Library>, VerilatedError> {
    // Held while it is compiled: others wait instead of compiling it too.
    let loaded = &mut LOADED.lock().unwrap_or_else(PoisonError::into_inner)[side as usize];
    if let Some(library) = loaded {
        return Ok(library.clone());
    }
    let design = |top: &dyn Block, name| Design::of(top, name).map_err(HarnessError::from);
    let design = match side {
        Side::Host => design(Box::new(TunnelHost::host()).as_ref(), "tunnel_host")?,
        Side::Io => design(Box::new(TunnelIo::io()).as_ref(), "tunnel_io")?,
    };
    let library = Library::open(&design, false)?;
    *loaded = Some(library.clone());
    Ok(library)
}

impl VerilatedEnd {
    /// An end with this address in this VLAN; compiles it unless that was done before.
    ///
    /// # Errors
    /// If a tool is missing or fails.
    pub fn new(side: Side, mac: u64, vid: u64) -> Result<Self, VerilatedError> {
        let library = library(side)?;
        let (input, output) = (Inputs::of(library.inputs()), Outputs::of(library.outputs()));
        let (inputs, outputs) = (vec![0; library.inputs().len()], vec![0; library.outputs().len()]);
        let mut end = VerilatedEnd { model: library.model(), side, input, output, inputs, outputs };
        end.inputs[input.cfg_mac] = mac;
        end.inputs[input.cfg_vid] = vid;
        end.inputs[input.pcie_link_up] = 1;
        end.inputs[input.slot_present] = (side == Side::Io).into();
        end.inputs[input.reset] = 1;
        for _ in 0..16 {
            end.clock(&PebIn::default());
        }
        end.inputs[input.reset] = 0;
        Ok(end)
    }

    /// One clock: what comes out follows from what goes in, then the rising edge.
    pub fn clock(&mut self, inputs: &PebIn) -> PebOut {
        let Inputs { pcie_rx_tdata, pcie_rx_tkeep, pcie_rx_tlast, pcie_rx_tvalid, .. } = self.input;
        let beat = inputs.pcie_rx.unwrap_or(Beat { data: 0, keep: 0, last: false });
        for (pin, word) in [
            (pcie_rx_tdata, beat.data),
            (pcie_rx_tkeep, beat.keep.into()),
            (pcie_rx_tlast, beat.last.into()),
            (pcie_rx_tvalid, inputs.pcie_rx.is_some().into()),
            (self.input.pcie_tx_tready, inputs.pcie_tx_ready.into()),
            (self.input.pcie_tx_np_ok, inputs.pcie_tx_np_ok.into()),
            (self.input.gmii_rxd, inputs.gmii_rx.data.into()),
            (self.input.gmii_rx_dv, inputs.gmii_rx.en.into()),
            (self.input.gmii_rx_er, inputs.gmii_rx.er.into()),
        ] {
            self.inputs[pin] = word;
        }
        self.model.clock(&self.inputs, &mut self.outputs);
        let on = |pin: usize| self.outputs[pin] != 0;
        let pin = &self.output;
        let beat = Beat {
            data: self.outputs[pin.pcie_tx_tdata],
            keep: self.outputs[pin.pcie_tx_tkeep] as u8,
            last: on(pin.pcie_tx_tlast),
        };
        PebOut {
            pcie_rx_ready: on(pin.pcie_rx_tready),
            pcie_rx_np_ok: on(pin.pcie_rx_np_ok),
            pcie_tx: on(pin.pcie_tx_tvalid).then_some(beat),
            gmii_tx: Gmii { data: self.outputs[pin.gmii_txd] as u8, en: on(pin.gmii_tx_en), er: on(pin.gmii_tx_er) },
            peer_up: on(pin.stat_peer_up),
            fatal: on(pin.stat_fatal),
        }
    }

    /// A register access with all other inputs idle.
    fn access(&mut self, address: u16, data: Option<u32>) -> Result<u32, NoAck> {
        let Inputs { mgmt_addr, mgmt_req, mgmt_we, mgmt_wdata, .. } = self.input;
        self.inputs[mgmt_addr] = address.into();
        self.inputs[mgmt_we] = data.is_some().into();
        self.inputs[mgmt_wdata] = data.unwrap_or(0).into();
        self.inputs[mgmt_req] = 1;
        for _ in 0..MGMT_CLOCKS {
            self.clock(&PebIn::default());
            if self.outputs[self.output.mgmt_ack] != 0 {
                self.inputs[mgmt_req] = 0;
                return Ok(self.outputs[self.output.mgmt_rdata] as u32);
            }
        }
        Err(NoAck(self.side))
    }
}

/// The other inputs are idle meanwhile, so only between frames.
impl Bus for VerilatedEnd {
    type Error = NoAck;
    fn read(&mut self, address: u16) -> Result<u32, NoAck> {
        self.access(address, None)
    }
    fn write(&mut self, address: u16, value: u32) -> Result<(), NoAck> {
        self.access(address, Some(value)).map(drop)
    }
}

/// A host PEB's tunnel and an I/O PEB's.
pub struct VerilatedPair {
    /// The host PEB's.
    pub host: VerilatedEnd,
    /// The I/O PEB's.
    pub io: VerilatedEnd,
}

impl VerilatedPair {
    /// Both out of reset, with the addresses of [`crate::rtl::RtlPair`].
    ///
    /// # Errors
    /// As [`VerilatedEnd::new`].
    pub fn new() -> Result<Self, VerilatedError> {
        Ok(VerilatedPair {
            host: VerilatedEnd::new(Side::Host, HOST_MAC, VID)?,
            io: VerilatedEnd::new(Side::Io, IO_MAC, VID)?,
        })
    }
}

impl TunnelPair for VerilatedPair {
    fn clock(&mut self, inputs: &Pair<PebIn>) -> Pair<PebOut> {
        Pair { host: self.host.clock(&inputs.host), io: self.io.clock(&inputs.io) }
    }

    fn counters(&mut self) -> Pair<PebCounters> {
        Pair {
            host: rtl::counters(&mut self.host, Side::Host).unwrap_or_default(),
            io: rtl::counters(&mut self.io, Side::Io).unwrap_or_default(),
        }
    }
}
