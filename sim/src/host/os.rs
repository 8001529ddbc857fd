//! A small operating system: enumeration of the switch below the root port.

use std::ops::Range;

use peb_tlp::FunctionId;
use thiserror::Error;

use super::access::Access;
use super::capability::{cap, Capabilities};
use super::function::Function;
use super::resources::{set_memory_window, set_prefetchable_window, Window, WINDOW};

/// Class code of a PCI-to-PCI bridge.
const CLASS_BRIDGE: u32 = 0x06_04_00;
/// Device/Port Types of PCI Express Capabilities (PCIe 7.5.3.2).
const UPSTREAM_PORT: u32 = 5;
const DOWNSTREAM_PORT: u32 = 6;

/// Settings of the operating system. Times are clocks, far shorter than a kernel's.
#[derive(Clone, Debug)]
pub struct OsConfig {
    /// Start of the 32-bit windows.
    pub memory: u64,
    /// Bytes of 32-bit memory kept for each slot; whole MiB.
    pub memory_per_slot: u64,
    /// Start of the 64-bit prefetchable windows.
    pub prefetchable: u64,
    /// Bytes of prefetchable memory kept for each slot; whole MiB.
    pub prefetchable_per_slot: u64,
    /// Buses kept for each slot.
    pub buses_per_slot: u8,
    /// Address of message signalled interrupts.
    pub msi_address: u64,
    /// Message data of slot 0; the others and the devices follow.
    pub first_vector: u32,
    /// Time the switch has to answer after its reset.
    pub boot_timeout: u64,
    /// Time a link has to come up after the device was noticed (kernel: 1 s).
    pub link_timeout: u64,
    /// Time left to a device between link up and the first configuration request (kernel: 100 ms).
    pub settle: u64,
    /// Time a device has to answer with success (kernel: 1 s).
    pub answer_timeout: u64,
    /// Between two looks at a register that is waited for.
    pub poll: u64,
}

impl Default for OsConfig {
    fn default() -> Self {
        OsConfig {
            memory: 0x8000_0000,
            memory_per_slot: 2 << 20,
            prefetchable: 0x40_0000_0000,
            prefetchable_per_slot: 2 << 20,
            buses_per_slot: 1,
            msi_address: 0xfee0_1000,
            first_vector: 0x40,
            boot_timeout: 50_000,
            link_timeout: 60_000,
            settle: 500,
            answer_timeout: 60_000,
            poll: 100,
        }
    }
}

/// Why the operating system gives up on the switch.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OsError {
    /// Nothing answers below the root port.
    #[error("nothing answers at {0}")]
    NoAnswer(FunctionId),
    /// Not what a switch port looks like.
    #[error("{0}: {1}")]
    Port(FunctionId, String),
}

/// Whether a slot's device is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// No device.
    Off,
    /// A device is configured.
    On,
}

/// A downstream port with a hot-plug slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The downstream port.
    pub port: FunctionId,
    /// Physical Slot Number.
    pub number: u32,
    /// Capabilities of the port.
    pub capabilities: Capabilities,
    /// Offset of its PCI Express capability.
    pub pcie: u16,
    /// First bus below it.
    pub secondary: u8,
    /// Last bus below it.
    pub subordinate: u8,
    /// 32-bit memory below it.
    pub memory: Window,
    /// 64-bit prefetchable memory below it.
    pub prefetchable: Window,
    /// Message data of its MSI.
    pub vector: u32,
    /// The port sends no command completed events.
    pub no_command_completed: bool,
    /// Whether its device is in use.
    pub state: SlotState,
    /// Functions of its device.
    pub functions: Vec<Function>,
    /// Slot Status events seen and cleared, all together.
    pub events: u32,
}

/// The operating system of one host. Slots count from 0.
#[derive(Clone, Debug)]
pub struct Os {
    /// Its settings.
    pub config: OsConfig,
    /// The upstream port.
    pub upstream: FunctionId,
    /// Capabilities of the upstream port.
    pub capabilities: Capabilities,
    /// The slots, in order of their device numbers.
    pub slots: Vec<Slot>,
}

impl Os {
    /// Finds the switch, gives it buses and windows, starts hot-plug, and configures the devices that are there.
    ///
    /// # Errors
    /// [`OsError`] if there is no switch with hot-plug slots.
    pub fn boot(on: &mut impl Access, config: OsConfig) -> Result<Self, OsError> {
        let upstream = FunctionId::new(1, 0, 0);
        wait_for_function(on, upstream, config.boot_timeout, config.poll).ok_or(OsError::NoAnswer(upstream))?;
        let (capabilities, _) = bridge(on, upstream, UPSTREAM_PORT)?;
        let mut os = Os { config, upstream, capabilities, slots: Vec::new() };
        // Everything below while it is looked for.
        set_buses(on, upstream, 1, 2, 0xff);
        os.find_slots(on)?;
        let last = os.slots.last().map_or(2, |slot| slot.subordinate);
        set_buses(on, upstream, 1, 2, last);
        os.open_windows(on);
        on.note(format!("{} slots on buses 02-{last:02x}", os.slots.len()));
        for slot in 0..os.slots.len() {
            os.start_hotplug(on, slot)?;
        }
        Ok(os)
    }

    /// Downstream ports are devices of the bus below the upstream port; all 32 are looked at.
    fn find_slots(&mut self, on: &mut impl Access) -> Result<(), OsError> {
        let mut bus = 3;
        for device in 0..32 {
            let port = FunctionId::new(2, device, 0);
            if on.config_read(port, 0x00, 2) == 0xffff {
                continue;
            }
            let (capabilities, pcie) = bridge(on, port, DOWNSTREAM_PORT)?;
            let n = self.slots.len() as u64;
            let room = |start: u64, size: u64| Window::new(start + n * size..start + (n + 1) * size);
            let slot_capabilities = on.config_read(port, pcie + 0x14, 4);
            let subordinate = bus + self.config.buses_per_slot - 1;
            set_buses(on, port, 2, bus, subordinate);
            self.slots.push(Slot {
                port,
                number: slot_capabilities >> 19,
                capabilities,
                pcie,
                secondary: bus,
                subordinate,
                memory: room(self.config.memory, self.config.memory_per_slot),
                prefetchable: room(self.config.prefetchable, self.config.prefetchable_per_slot),
                vector: self.config.first_vector + n as u32,
                no_command_completed: slot_capabilities >> 18 & 1 == 1,
                state: SlotState::Off,
                functions: Vec::new(),
                events: 0,
            });
            bus = subordinate + 1;
        }
        let numbers: std::collections::BTreeSet<u32> = self.slots.iter().map(|slot| slot.number).collect();
        if numbers.len() != self.slots.len() || numbers.contains(&0) {
            return Err(OsError::Port(self.upstream, format!("slot numbers {numbers:?} are not unique")));
        }
        Ok(())
    }

    /// Opens the windows of all ports and turns them on.
    fn open_windows(&mut self, on: &mut impl Access) {
        let all = |windows: Vec<Range<u64>>| {
            let start = windows.first().map_or(0, |range| range.start);
            start..windows.last().map_or(0, |range| range.end)
        };
        let memory = all(self.slots.iter().map(|slot| slot.memory.range.clone()).collect());
        let prefetchable = all(self.slots.iter().map(|slot| slot.prefetchable.range.clone()).collect());
        debug_assert!([&memory, &prefetchable]
            .iter()
            .all(|range| range.start % WINDOW == 0 && range.end % WINDOW == 0));
        let upstream = self.upstream;
        let mut ports = vec![(upstream, memory.clone(), prefetchable.clone())];
        ports.extend(self.slots.iter().map(|s| (s.port, s.memory.range.clone(), s.prefetchable.range.clone())));
        for (port, memory, prefetchable) in ports {
            set_memory_window(on, port, &memory);
            set_prefetchable_window(on, port, &prefetchable);
            // SERR to the root, and the port on: memory, bus master, SERR, no INTx.
            let control = on.config_read(port, 0x3e, 2);
            on.config_write(port, 0x3e, 2, control | 2);
            on.config_write(port, 0x04, 2, 0x0506);
        }
        on.root().mmio = vec![memory, prefetchable];
    }

    /// The slot with this physical number.
    pub fn slot_of_port(&self, port: FunctionId) -> Option<usize> {
        self.slots.iter().position(|slot| slot.port == port)
    }

    /// Message data of a vector for the device in a slot.
    pub fn device_vector(&self, slot: usize) -> u32 {
        self.config.first_vector + 0x20 + slot as u32
    }

    /// Finds and configures the functions of the device in a slot.
    pub(super) fn scan(&mut self, on: &mut impl Access, n: usize) -> Result<(), OsError> {
        let slot = &mut self.slots[n];
        slot.memory.clear();
        slot.prefetchable.clear();
        slot.functions.clear();
        let bus = slot.secondary;
        let multifunction = on.config_read(FunctionId::new(bus, 0, 0), 0x0e, 1) & 0x80 != 0;
        for function in 0..if multifunction { 8 } else { 1 } {
            let id = FunctionId::new(bus, 0, function);
            if on.config_read(id, 0x00, 2) == 0xffff {
                continue;
            }
            let found = Function::configure(on, id, &mut slot.memory, &mut slot.prefetchable)
                .map_err(|what| OsError::Port(id, what))?;
            on.note(format!("{id}: [{:04x}:{:04x}] configured", found.vendor, found.device));
            slot.functions.push(found);
        }
        Ok(())
    }
}

/// Waits until a function answers with success; configuration retry is asked again.
pub(super) fn wait_for_function(on: &mut impl Access, id: FunctionId, limit: u64, poll: u64) -> Option<u32> {
    let end = on.now() + limit;
    loop {
        match on.try_config_read(id, 0x00, 4) {
            Ok(ids) if ids != u32::MAX && ids as u16 != 0x0001 => return Some(ids),
            // Nobody there yet, not ready (CRS), or in reset.
            Ok(_) | Err(_) => {}
        }
        if on.now() >= end {
            return None;
        }
        on.wait(poll);
    }
}

/// Checks that a function is a switch port; gives its capabilities and the offset of the PCI Express one.
fn bridge(on: &mut impl Access, id: FunctionId, port_type: u32) -> Result<(Capabilities, u16), OsError> {
    let wrong = |what: String| OsError::Port(id, what);
    let class = on.config_read(id, 0x08, 4) >> 8;
    if class != CLASS_BRIDGE {
        return Err(wrong(format!("class {class:06x}, {CLASS_BRIDGE:06x} expected")));
    }
    let header = on.config_read(id, 0x0e, 1) & 0x7f;
    if header != 1 {
        return Err(wrong(format!("header type {header}, 1 expected")));
    }
    let capabilities = Capabilities::read(on, id).map_err(wrong)?;
    let pcie = capabilities.find(cap::PCIE).ok_or_else(|| wrong("no PCI Express capability".into()))?;
    let is = on.config_read(id, pcie + 2, 2) >> 4 & 0xf;
    if is != port_type {
        return Err(wrong(format!("device/port type {is}, {port_type} expected")));
    }
    // No BAR, and a 64-bit prefetchable window.
    for (register, expected) in [(0x10, 0), (0x14, 0), (0x28, u32::MAX)] {
        on.config_write(id, register, 4, u32::MAX);
        let is = on.config_read(id, register, 4);
        on.config_write(id, register, 4, 0);
        if is != expected {
            return Err(wrong(format!(
                "register {register:#04x} reads {is:#x} after all ones, {expected:#x} expected"
            )));
        }
    }
    Ok((capabilities, pcie))
}

fn set_buses(on: &mut impl Access, bridge: FunctionId, primary: u8, secondary: u8, subordinate: u8) {
    on.config_write(bridge, 0x18, 4, u32::from_le_bytes([primary, secondary, subordinate, 0]));
}
