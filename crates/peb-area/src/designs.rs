//! The designs whose size is recorded.

use peb_config::Parameters;
use peb_hdl::prelude::*;
use peb_rtl::{config, mac, registers, reliability, rx, session, slots, switch, tlp, top, tx};
use peb_verilog::{export_with, ExportOptions, HarnessError};

/// What a design is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A core, complete.
    Core,
    /// A tunnel with its MAC, or a core of another size: to tell what one more costs.
    Size,
    /// A block of the cores.
    Block,
}

/// A design, and the name of its top module.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Name of the top module.
    pub name: &'static str,
    /// Core, other size, or block.
    pub kind: Kind,
    /// What it is.
    pub what: &'static str,
    export: fn(&'static str) -> Result<String, peb_verilog::ExportError>,
}

impl Subject {
    /// Its Verilog.
    ///
    /// # Errors
    /// If it cannot be exported.
    pub fn verilog(&self) -> Result<String, HarnessError> {
        Ok((self.export)(self.name)?)
    }
}

macro_rules! subjects {
    ($($kind:ident $name:literal $what:literal: $make:expr;)+) => {
        vec![$(Subject { name: $name, kind: Kind::$kind, what: $what, export: |name| {
            let mut top = Box::new($make);
            top.connect_all();
            // What a port of a block is called does not change its size.
            export_with(top.as_ref(), name, &ExportOptions::default().rename_ports())
        } },)+]
    };
}

/// All designs whose size is recorded, cores first.
pub fn designs() -> Vec<Subject> {
    subjects! {
        Core "peb_io" "I/O core": top::PebIo::default();
        Core "peb_host" "host core, 4 slots": top::PebHostOf::<4>::default();
        Size "peb_host_8" "host core, 8 slots": top::PebHostOf::<8>::new(&Parameters { slots: 8, ..Parameters::default() });
        Size "tunnel_io" "tunnel and MAC, I/O side, one session": top::Engine::<1, 5>::io();
        Size "tunnel_host_4" "tunnel and MAC, host side, 4 sessions": top::Engine::<4, 8>::host();
        Size "tunnel_host_8" "tunnel and MAC, host side, 8 sessions": top::Engine::<8, 8>::host();
        Block "gmii_tx" "`mac::GmiiTx`": mac::GmiiTx::default();
        Block "gmii_rx" "`mac::GmiiRx`": mac::GmiiRx::default();
        Block "framer" "`tlp::Framer`": tlp::Framer::default();
        Block "tx_path_io" "`tx::TxPath`, one session": tx::TxPath::<1>::new(8);
        Block "tx_path_host" "`tx::TxPath`, 4 sessions": tx::TxPath::<4>::new(256);
        Block "tx_control_io" "`reliability::TxControl`, one session": reliability::TxControl::<1>::new();
        Block "tx_control_host" "`reliability::TxControl`, 4 sessions": reliability::TxControl::<4>::new();
        Block "rx_path_io" "`rx::RxPath`, one session": rx::RxPath::<1, 5>::default();
        Block "rx_path_host" "`rx::RxPath`, 4 sessions": rx::RxPath::<4, 8>::default();
        Block "rx_output" "`rx::Output`": rx::Output::default();
        Block "sessions_io" "`session::Sessions`, I/O side": session::Sessions::<1>::io();
        Block "sessions_host" "`session::Sessions`, 4 slots": session::Sessions::<4>::host();
        Block "registers_io" "`registers::ManagementRegisters`, I/O side": registers::ManagementRegisters::io();
        Block "registers_host" "`registers::ManagementRegisters`, 4 slots": registers::ManagementRegisters::host(4);
        Block "io_port" "`slots::IoPort`": slots::IoPort::default();
        Block "hot_plug" "`slots::HotPlug`, 4 slots": slots::HotPlug::<4>::default();
        Block "config_space" "`config::ConfigSpace`, 4 slots": config::ConfigSpace::<4>::default();
        Block "switch" "`switch::Switch`, 4 slots": switch::Switch::<4>::new(&Parameters::default());
        Block "downstream" "`switch::Downstream`, 4 slots": switch::Downstream::<4>::default();
        Block "upstream" "`switch::Upstream`, 4 slots": switch::Upstream::<4>::default();
        Block "tracker" "`switch::Tracker`": switch::Tracker::default();
        Block "to_slots" "`switch::ToSlots`": switch::ToSlots::default();
        Block "error_log" "`switch::ErrorLog`, 4 slots": switch::ErrorLog::<4>::default();
    }
}
