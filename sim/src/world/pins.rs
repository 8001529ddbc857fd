//! The pins of the cores, a word each, whatever simulates them.

use std::path::Path;

use peb_config::Parameters;
use peb_hdl::prelude::*;
use peb_rtl::top::{PebHost, PebIo};

use super::fabric::{HostIn, IoIn, Management, PebPins};
use crate::net::Gmii;
use crate::port::{PortIn, PortOut};
use crate::stream::Beat;

/// A core under simulation.
pub(super) trait Core {
    /// One clock: what comes out follows from what goes in, then the rising edge.
    fn clock(&mut self, inputs: &Inputs) -> Outputs;

    /// Writes a waveform from now on.
    fn trace_to(&mut self, file: &Path) -> std::io::Result<()>;
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($pin:ident)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(super) struct $name {
            $(pub $pin: u64,)*
        }
    };
}

words!(
    /// Inputs of both cores, the clock left out.
    Inputs {
        rst cfg_mac cfg_vid
        pcie_rx_tdata pcie_rx_tkeep pcie_rx_tlast pcie_rx_tvalid pcie_tx_tready pcie_tx_np_ok pcie_link_up
        gmii_rxd gmii_rx_dv gmii_rx_er
        mgmt_addr mgmt_req mgmt_we mgmt_wdata
        pcie_reset_in slot_present
    }
);
words!(
    /// Outputs of both cores. One that a core does not have is 0.
    Outputs {
        pcie_rx_tready pcie_rx_np_ok pcie_tx_tdata pcie_tx_tkeep pcie_tx_tlast pcie_tx_tvalid
        gmii_txd gmii_tx_en gmii_tx_er
        mgmt_rdata mgmt_ack
        stat_peer_up stat_fatal stat_slot_up
        pcie_reset_out slot_power_en
    }
);

/// A core of rust-hdl, and which pins it has.
pub(super) trait Pinned: Block + Node {
    /// Name of the core.
    const NAME: &'static str;
    /// Its inputs, the clock left out.
    const INPUTS: &'static [&'static str];
    /// Its outputs.
    const OUTPUTS: &'static [&'static str];

    /// One with these parameters of its configuration space, if it has one.
    fn generate(parameters: &Parameters) -> Self;
    /// Gives it its clock.
    fn wire(&mut self);
    /// Sets the pins.
    fn apply(&mut self, inputs: &Inputs);
    /// Reads the pins.
    fn read(&self) -> Outputs;
    /// Puts a word for each of [`Pinned::INPUTS`].
    fn words(inputs: &Inputs, put: impl FnMut(u64));
    /// Takes a word for each of [`Pinned::OUTPUTS`].
    fn outputs(take: impl FnMut() -> u64) -> Outputs;
}

/// A pin of a rust-hdl block.
trait Pin {
    fn word(&self) -> u64;
    fn of(word: u64) -> Self;
}

impl Pin for bool {
    fn word(&self) -> u64 {
        (*self).into()
    }

    fn of(word: u64) -> Self {
        word != 0
    }
}

impl<const N: usize> Pin for U<N> {
    fn word(&self) -> u64 {
        self.raw()
    }

    fn of(word: u64) -> Self {
        word.into()
    }
}

/// The pins of a core: those that both have, and its own.
macro_rules! pinned {
    ($core:ty, $generate:expr, $name:literal, $($input:ident)*, $($output:ident)*) => {
        pinned!(
            @ $core, $generate, $name,
            {
                rst cfg_mac cfg_vid
                pcie_rx_tdata pcie_rx_tkeep pcie_rx_tlast pcie_rx_tvalid pcie_tx_tready pcie_tx_np_ok pcie_link_up
                gmii_rxd gmii_rx_dv gmii_rx_er
                mgmt_addr mgmt_req mgmt_we mgmt_wdata
                $($input)*
            },
            {
                pcie_rx_tready pcie_rx_np_ok pcie_tx_tdata pcie_tx_tkeep pcie_tx_tlast pcie_tx_tvalid
                gmii_txd gmii_tx_en gmii_tx_er
                mgmt_rdata mgmt_ack
                stat_peer_up stat_fatal
                $($output)*
            }
        );
    };
    (@ $core:ty, $generate:expr, $name:literal, { $($input:ident)* }, { $($output:ident)* }) => {
        impl Pinned for $core {
            const NAME: &'static str = $name;
            const INPUTS: &'static [&'static str] = &[$(stringify!($input)),*];
            const OUTPUTS: &'static [&'static str] = &[$(stringify!($output)),*];

            fn generate(parameters: &Parameters) -> Self {
                $generate(parameters)
            }

            fn wire(&mut self) {
                self.clk.next = Clk::new(0);
            }

            fn apply(&mut self, inputs: &Inputs) {
                $(self.$input.next = Pin::of(inputs.$input);)*
            }

            fn read(&self) -> Outputs {
                Outputs { $($output: self.$output.val().word(),)* ..Outputs::default() }
            }

            fn words(inputs: &Inputs, mut put: impl FnMut(u64)) {
                $(put(inputs.$input);)*
            }

            fn outputs(mut take: impl FnMut() -> u64) -> Outputs {
                Outputs { $($output: take(),)* ..Outputs::default() }
            }
        }
    };
}

pinned!(PebHost, PebHost::new, "peb_host", pcie_reset_in, stat_slot_up);
pinned!(PebIo, |_| PebIo::default(), "peb_io", slot_present, pcie_reset_out slot_power_en);

impl Inputs {
    fn of(port: &PortIn, management: Management, gmii_rx: Gmii) -> Self {
        let beat = port.rx.unwrap_or(Beat { data: 0, keep: 0, last: false });
        let (address, data) = management.unwrap_or_default();
        Inputs {
            pcie_rx_tdata: beat.data,
            pcie_rx_tkeep: beat.keep.into(),
            pcie_rx_tlast: beat.last.into(),
            pcie_rx_tvalid: port.rx.is_some().into(),
            pcie_tx_tready: port.tx_ready.into(),
            pcie_tx_np_ok: port.tx_np_ok.into(),
            gmii_rxd: gmii_rx.data.into(),
            gmii_rx_dv: gmii_rx.en.into(),
            gmii_rx_er: gmii_rx.er.into(),
            mgmt_addr: address.into(),
            mgmt_req: management.is_some().into(),
            mgmt_we: data.is_some().into(),
            mgmt_wdata: data.unwrap_or(0).into(),
            ..Inputs::default()
        }
    }

    /// The pins of a host PEB.
    pub fn host(inputs: &HostIn, gmii_rx: Gmii) -> Self {
        Inputs {
            pcie_link_up: inputs.link_up.into(),
            pcie_reset_in: inputs.reset.into(),
            ..Inputs::of(&inputs.port, inputs.management, gmii_rx)
        }
    }

    /// The pins of an I/O PEB.
    pub fn io(inputs: &IoIn, gmii_rx: Gmii) -> Self {
        Inputs {
            pcie_link_up: inputs.device.link_up.into(),
            slot_present: inputs.device.present.into(),
            ..Inputs::of(&inputs.device.port, inputs.management, gmii_rx)
        }
    }
}

impl Outputs {
    fn common(&self) -> PebPins {
        let beat = Beat { data: self.pcie_tx_tdata, keep: self.pcie_tx_tkeep as u8, last: self.pcie_tx_tlast != 0 };
        PebPins {
            port: PortOut {
                rx_ready: self.pcie_rx_tready != 0,
                rx_np_ok: self.pcie_rx_np_ok != 0,
                tx: (self.pcie_tx_tvalid != 0).then_some(beat),
            },
            peer_up: self.stat_peer_up != 0,
            fatal: self.stat_fatal != 0,
            acknowledged: (self.mgmt_ack != 0).then_some(self.mgmt_rdata as u32),
            ..PebPins::default()
        }
    }

    /// The pins of a host PEB.
    pub fn host(&self) -> PebPins {
        PebPins { slot_up: self.stat_slot_up as u8, ..self.common() }
    }

    /// The pins of an I/O PEB.
    pub fn io(&self) -> PebPins {
        PebPins { reset: self.pcie_reset_out != 0, power_off: self.slot_power_en == 0, ..self.common() }
    }

    /// What goes to the Ethernet.
    pub fn gmii_tx(&self) -> Gmii {
        Gmii { data: self.gmii_txd as u8, en: self.gmii_tx_en != 0, er: self.gmii_tx_er != 0 }
    }
}
