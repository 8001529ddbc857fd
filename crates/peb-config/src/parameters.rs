//! What is chosen when a core is generated.

/// Parameters of the ports of a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Slots, 1 to 8.
    pub slots: usize,
    /// Vendor ID of all ports. The default is that of the FPGA's maker, as usual for cores: a product has its own.
    pub vendor: u16,
    /// Device ID of the upstream port.
    pub upstream_device: u16,
    /// Device ID of the downstream ports.
    pub downstream_device: u16,
    /// Revision ID.
    pub revision: u8,
    /// Subsystem Vendor ID of all ports.
    pub subsystem_vendor: u16,
    /// Subsystem ID of all ports.
    pub subsystem: u16,
    /// Largest payload: 128 << this bytes; 0 to 2, as the tunnel carries 512 bytes at most.
    pub max_payload: u8,
    /// Link speed as in Link Capabilities: 1 = 2.5 GT/s to 4 = 16 GT/s.
    pub link_speed: u8,
    /// Lanes of the link: 1, 2, 4, 8 or 16.
    pub link_width: u8,
    /// What the slots have.
    pub slot: Slot,
    /// Hot-Plug Capable in Slot Capabilities. Without it operating systems leave the slots alone: only to show that they do.
    pub hot_plug: bool,
}

/// What slots have beside hot-plug itself. All off is the minimal slot: no commands that could complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Power controller and power fault detection.
    pub power_controller: bool,
    /// Attention and power indicator.
    pub indicators: bool,
    /// Attention button.
    pub button: bool,
}

impl Slot {
    /// The full slot.
    pub const FULL: Slot = Slot { power_controller: true, indicators: true, button: true };

    /// Whether commands complete with an event (Command Completed).
    pub fn commands(self) -> bool {
        self != Slot::default()
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Parameters {
            slots: 4,
            vendor: 0x1204,
            upstream_device: 0x5045,
            downstream_device: 0x5046,
            revision: 1,
            subsystem_vendor: 0x1204,
            subsystem: 0x5045,
            max_payload: 2,
            link_speed: 1,
            link_width: 1,
            slot: Slot::default(),
            hot_plug: true,
        }
    }
}

impl Parameters {
    /// What is wrong with them, if anything.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |what: &str, value: usize, range: &str| Err(format!("{what} {value} is not {range}"));
        if !(1..=crate::MAX_SLOTS).contains(&self.slots) {
            return wrong("number of slots", self.slots, "1 to 8");
        }
        if matches!(self.vendor, 0 | 1 | 0xffff) {
            return Err(format!("vendor ID 0x{:04X} means that there is no device", self.vendor));
        }
        if self.max_payload > 2 {
            return wrong("maximum payload size", self.max_payload.into(), "0 to 2 (128 to 512 bytes)");
        }
        if !(1..=4).contains(&self.link_speed) {
            return wrong("link speed", self.link_speed.into(), "1 to 4");
        }
        if !matches!(self.link_width, 1 | 2 | 4 | 8 | 16) {
            return wrong("link width", self.link_width.into(), "1, 2, 4, 8 or 16");
        }
        Ok(())
    }
}
