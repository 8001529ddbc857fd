//! The constraint file of a board, through rust-hdl-fpga-support where it has the form.
//!
//! The generators there walk the ports of a design; here a block made from the table's pins stands in for it. What they
//! lack goes in as lines of its own: I/O standards other than LVCMOS33, pull resistors and drive strength in an LPF;
//! pull resistors, drive strength and another configuration voltage in an XDC.

use crate::board::{Board, Direction, Flow, Pin};
use rust_hdl::prelude::{
    Atom, AtomKind, Block, Constraint, Logic, PeriodicTiming, PinConstraint, Probe, SignalType, SlewType, Timing,
    TypeDescriptor, TypeKind, VCDValue, VerilogLiteral,
};
use rust_hdl_fpga_support::toolchains::{ecp5::generate_lpf, vivado::generate_xdc};

/// Name of a board's constraint file.
pub fn file_name(board: &Board) -> String {
    match board.flow {
        Flow::Ecp5 { .. } => format!("{}.lpf", board.name),
        Flow::Vivado { .. } => format!("{}.xdc", board.name),
    }
}

/// Text of a board's constraint file.
pub fn text(board: &Board) -> String {
    let head = format!(
        "# {}, {}: {}.\n# Generated from boards/{}.toml by `cargo xtask gen`: do not edit.\n",
        board.title,
        board.part,
        board.state.label(),
        board.name
    );
    let lpf = matches!(board.flow, Flow::Ecp5 { .. });
    let top = Top(board.pins.iter().map(|pin| Port { pin, lpf }).collect());
    match &board.flow {
        Flow::Ecp5 { .. } => format!("{head}{}", generate_lpf(&top)),
        Flow::Vivado { config_decivolts, .. } => {
            let (whole, tenth) = (config_decivolts / 10, config_decivolts % 10);
            let voltage = match config_decivolts {
                33 => String::new(),
                _ => format!("set_property CONFIG_VOLTAGE {whole}.{tenth} [current_design]\n"),
            };
            format!("{head}{}\n{voltage}", generate_xdc(&top).trim_end())
        }
    }
}

/// A port of the table as a signal of a design.
struct Port<'a> {
    pin: &'a Pin,
    lpf: bool,
}

impl Port<'_> {
    /// The port's name with the index of a bit, as both file formats want it.
    fn bit(&self, index: usize) -> String {
        match self.pin.sites.len() {
            1 => self.pin.port.clone(),
            _ => format!("{}[{index}]", self.pin.port),
        }
    }

    fn io_lpf(&self, index: usize) -> Vec<Constraint> {
        let pin = self.pin;
        let mut options = format!("IO_TYPE={}", pin.standard);
        if pin.standard == "LVCMOS33" && pin.pull.is_none() && pin.drive.is_none() {
            let kind = Constraint::Kind(SignalType::LowVoltageCMOS_3v3);
            return if pin.fast { vec![kind, Constraint::Slew(SlewType::Fast)] } else { vec![kind] };
        }
        if let Some(pull) = &pin.pull {
            options += &format!(" PULLMODE={}", pull.to_uppercase());
        }
        if let Some(drive) = pin.drive {
            options += &format!(" DRIVE={drive}");
        }
        if pin.fast {
            options += " SLEWRATE=FAST";
        }
        vec![Constraint::Custom(format!("IOBUF PORT \"{}\" {options}", self.bit(index)))]
    }

    fn io_xdc(&self, index: usize) -> Vec<Constraint> {
        let (pin, bit) = (self.pin, self.bit(index));
        let mut out = vec![Constraint::Kind(SignalType::Custom(pin.standard.clone()))];
        if let Some(pull) = &pin.pull {
            out.push(Constraint::Custom(format!(
                "set_property PULL{} true [get_ports {{ {bit} }}]",
                pull.to_uppercase()
            )));
        }
        if let Some(drive) = pin.drive {
            out.push(Constraint::Custom(format!("set_property DRIVE {drive} [get_ports {{ {bit} }}]")));
        }
        if pin.fast {
            out.push(Constraint::Slew(SlewType::Fast));
        }
        out
    }
}

impl Atom for Port<'_> {
    fn bits(&self) -> usize {
        self.pin.sites.len()
    }
    fn connected(&self) -> bool {
        true
    }
    fn changed(&self) -> bool {
        false
    }
    fn kind(&self) -> AtomKind {
        match self.pin.direction {
            Direction::In => AtomKind::InputParameter,
            Direction::Out => AtomKind::OutputParameter,
            Direction::Inout => AtomKind::InOutParameter,
        }
    }
    fn descriptor(&self) -> TypeDescriptor {
        TypeDescriptor { name: "pin".to_string(), kind: TypeKind::Bits(self.bits()) }
    }
    fn vcd(&self) -> VCDValue {
        false.into()
    }
    fn id(&self) -> usize {
        self as *const Self as *const () as usize
    }
    fn verilog(&self) -> VerilogLiteral {
        false.into()
    }
    fn constraints(&self) -> Vec<PinConstraint> {
        let mut out = vec![];
        for (index, site) in self.pin.sites.iter().enumerate() {
            let mut constraints = vec![Constraint::Location(site.clone())];
            if !self.pin.standard.is_empty() {
                constraints.extend(if self.lpf { self.io_lpf(index) } else { self.io_xdc(index) });
            }
            if let (Some(mhz), 0) = (self.pin.frequency, index) {
                constraints.push(Constraint::Timing(Timing::Periodic(PeriodicTiming {
                    net: self.pin.port.clone(),
                    period_nanoseconds: 1000.0 / mhz,
                    duty_cycle: 50.0,
                })));
            }
            out.extend(constraints.into_iter().map(|constraint| PinConstraint { index, constraint }));
        }
        out
    }
}

/// A design with nothing but ports.
struct Top<'a>(Vec<Port<'a>>);

impl Logic for Top<'_> {
    fn update(&mut self) {}
}

impl Block for Top<'_> {
    fn connect_all(&mut self) {}
    fn update_all(&mut self) {}
    fn has_changed(&self) -> bool {
        false
    }
    fn accept(&self, name: &str, probe: &mut dyn Probe) {
        probe.visit_start_scope(name, self);
        for port in &self.0 {
            probe.visit_atom(&port.pin.port, port);
        }
        probe.visit_end_scope(name, self);
    }
}
