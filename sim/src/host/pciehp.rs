//! Native PCI Express hot-plug (PCIe 6.7), as stock kernels do it.

use peb_tlp::FunctionId;

use super::access::Access;
use super::capability::cap;
use super::function::enable_msi;
use super::os::{wait_for_function, Os, OsError, SlotState};

/// Link Status, from the PCI Express capability: Link Training, Data Link Layer Link Active, Negotiated Width.
const LINK_STATUS: u16 = 0x12;
const LINK_TRAINING: u32 = 1 << 11;
const LINK_ACTIVE: u32 = 1 << 13;
const LINK_WIDTH: u32 = 0x3f0;
/// Slot Capabilities: Hot-Plug Capable.
const SLOT_CAPABILITIES: u16 = 0x14;
const HOTPLUG_CAPABLE: u32 = 1 << 6;
/// Slot Control: enables.
const SLOT_CONTROL: u16 = 0x18;
const ENABLE_PRESENCE: u32 = 1 << 3;
const ENABLE_COMMAND: u32 = 1 << 4;
const ENABLE_HOTPLUG: u32 = 1 << 5;
const ENABLE_LINK: u32 = 1 << 12;
/// Slot Status: events and the presence state.
const SLOT_STATUS: u16 = 0x1a;
/// Attention Button Pressed.
pub const BUTTON: u32 = 1 << 0;
/// Power Fault Detected.
pub const POWER_FAULT: u32 = 1 << 1;
/// Presence Detect Changed.
pub const PRESENCE_CHANGED: u32 = 1 << 3;
/// Command Completed.
pub const COMMAND_COMPLETED: u32 = 1 << 4;
/// Presence Detect State.
const PRESENT: u32 = 1 << 6;
/// Data Link Layer State Changed.
pub const LINK_CHANGED: u32 = 1 << 8;
const EVENTS: u32 = BUTTON | POWER_FAULT | PRESENCE_CHANGED | COMMAND_COMPLETED | LINK_CHANGED;

/// A loop of clearing events that has not ended after so many turns never will.
const TURNS: usize = 100;

impl Os {
    /// Turns the interrupts of a slot on, and its device if there is one.
    pub(super) fn start_hotplug(&mut self, on: &mut impl Access, n: usize) -> Result<(), OsError> {
        let slot = &self.slots[n];
        let (port, pcie, vector) = (slot.port, slot.pcie, slot.vector);
        let wrong = |what: &str| OsError::Port(port, what.into());
        if on.config_read(port, pcie + SLOT_CAPABILITIES, 4) & HOTPLUG_CAPABLE == 0 {
            return Err(wrong("not hot-plug capable"));
        }
        let msi = slot.capabilities.find(cap::MSI).ok_or_else(|| wrong("no MSI capability"))?;
        enable_msi(on, port, msi, self.config.msi_address, vector);
        // What happened before nobody waits for.
        on.config_write(port, pcie + SLOT_STATUS, 2, EVENTS);
        let control = on.config_read(port, pcie + SLOT_CONTROL, 2);
        let command = if self.slots[n].no_command_completed { 0 } else { ENABLE_COMMAND };
        let enables = ENABLE_PRESENCE | ENABLE_HOTPLUG | ENABLE_LINK | command;
        on.config_write(port, pcie + SLOT_CONTROL, 2, control | enables);
        self.presence_or_link_changed(on, n, 0);
        Ok(())
    }

    /// Answers the interrupts that have come; true if there was one.
    pub fn service(&mut self, on: &mut impl Access) -> bool {
        let mut any = false;
        for n in 0..self.slots.len() {
            while on.root().take_interrupt(self.slots[n].vector).is_some() {
                any = true;
                let events = self.take_events(on, n);
                if events & (PRESENCE_CHANGED | LINK_CHANGED) != 0 {
                    self.presence_or_link_changed(on, n, events);
                }
            }
        }
        any
    }

    /// Lets clocks pass and answers interrupts meanwhile.
    pub fn run(&mut self, on: &mut impl Access, clocks: u64) {
        self.run_until(on, clocks, |_| false);
    }

    /// Answers interrupts until something holds; false if it does not within `limit` clocks.
    pub fn run_until(&mut self, on: &mut impl Access, limit: u64, mut holds: impl FnMut(&Os) -> bool) -> bool {
        let end = on.now() + limit;
        loop {
            self.service(on);
            if holds(self) {
                return true;
            }
            if on.now() >= end {
                return false;
            }
            on.step();
        }
    }

    /// Waits until the device in a slot is configured.
    pub fn wait_for_device(&mut self, on: &mut impl Access, slot: usize, limit: u64) -> bool {
        self.run_until(on, limit, |os| os.slots[slot].state == SlotState::On)
    }

    /// Waits until the device in a slot is gone.
    pub fn wait_for_removal(&mut self, on: &mut impl Access, slot: usize, limit: u64) -> bool {
        self.run_until(on, limit, |os| os.slots[slot].state == SlotState::Off)
    }

    /// Whether a slot says that a device is there, and that its link is active.
    pub fn slot_condition(&self, on: &mut impl Access, n: usize) -> (bool, bool) {
        let (port, pcie) = (self.slots[n].port, self.slots[n].pcie);
        let present = on.config_read(port, pcie + SLOT_STATUS, 2) & PRESENT != 0;
        (present, on.config_read(port, pcie + LINK_STATUS, 2) & LINK_ACTIVE != 0)
    }

    /// Reads and clears events until there are none left, with 16-bit writes.
    fn take_events(&mut self, on: &mut impl Access, n: usize) -> u32 {
        let (port, register) = (self.slots[n].port, self.slots[n].pcie + SLOT_STATUS);
        let mut events = 0;
        for _ in 0..TURNS {
            let status = on.config_read(port, register, 2);
            if status == 0xffff || status & EVENTS == 0 {
                self.slots[n].events |= events;
                return events;
            }
            events |= status & EVENTS;
            on.config_write(port, register, 2, status & EVENTS);
        }
        on.root().complain(format!("{port}: slot status events cannot be cleared"));
        events
    }

    fn presence_or_link_changed(&mut self, on: &mut impl Access, n: usize, events: u32) {
        let number = self.slots[n].number;
        if self.slots[n].state == SlotState::On {
            let why = [(LINK_CHANGED, "link down"), (PRESENCE_CHANGED, "card not present")];
            let why: Vec<&str> = why.iter().filter(|(bit, _)| events & bit != 0).map(|&(_, text)| text).collect();
            on.note(format!("slot {number}: {}", why.join(", ")));
            self.slots[n].state = SlotState::Off;
            self.slots[n].functions.clear();
        }
        let (present, active) = self.slot_condition(on, n);
        if !present && !active {
            return;
        }
        on.note(format!("slot {number}: {}", if active { "link up" } else { "card present" }));
        match self.turn_on(on, n) {
            Ok(()) => self.slots[n].state = SlotState::On,
            Err(why) => on.note(format!("slot {number}: {why}")),
        }
    }

    /// Waits for the link and the device, and configures it.
    fn turn_on(&mut self, on: &mut impl Access, n: usize) -> Result<(), String> {
        let (link_timeout, settle, poll) = (self.config.link_timeout, self.config.settle, self.config.poll);
        let (port, pcie) = (self.slots[n].port, self.slots[n].pcie);
        let end = on.now() + link_timeout;
        while on.config_read(port, pcie + LINK_STATUS, 2) & LINK_ACTIVE == 0 {
            if on.now() >= end {
                return Err("no link".into());
            }
            on.wait(poll);
        }
        on.wait(settle);
        let device = FunctionId::new(self.slots[n].secondary, 0, 0);
        let found = wait_for_function(on, device, self.config.answer_timeout, poll);
        // Changes up to here are what was waited for.
        while on.root().take_interrupt(self.slots[n].vector).is_some() {}
        self.take_events(on, n);
        let status = on.config_read(port, pcie + LINK_STATUS, 2);
        if found.is_none() || status & LINK_TRAINING != 0 || status & LINK_WIDTH == 0 {
            return Err(format!("{device} does not answer, link status {status:#06x}"));
        }
        self.scan(on, n).map_err(|error| error.to_string())?;
        // It may have gone again meanwhile; later changes send an interrupt.
        match self.slot_condition(on, n) {
            (_, false) => Err("link lost while the device was configured".into()),
            _ => Ok(()),
        }
    }
}
