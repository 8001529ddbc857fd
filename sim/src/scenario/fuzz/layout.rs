//! How the registers of a switch are set up: buses, windows, enables.

use peb_config::row;
use rand::seq::SliceRandom;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::ports::SLOTS;

/// Address of the first 32-bit window.
const LOW: u64 = 0xa000_0000;
/// Bytes between the 32-bit windows of two slots.
const STEP: u64 = 16 << 20;
/// Address of the first 64-bit window.
const HIGH: u64 = 0x40_0000_0000;
/// Bytes between the 64-bit windows of two slots.
const HIGH_STEP: u64 = 4 << 30;
/// Uncorrectable errors that the ports detect.
const ERRORS: u32 = 1 << 12 | 1 << 16 | 1 << 18 | 1 << 20 | 1 << 21;

/// A slot.
#[derive(Clone, Debug)]
pub struct SlotLayout {
    /// Secondary and subordinate bus.
    pub buses: (u8, u8),
    /// First and last byte of the windows: 32 and 64 bits.
    pub windows: [Option<(u64, u64)>; 2],
    /// Command register, lower half.
    command: u32,
    /// Device Control 2.
    control: u32,
    /// Bridge Control.
    bridge: u32,
    errors: ErrorLayout,
}

/// Which errors a port tells, and how.
#[derive(Clone, Debug)]
struct ErrorLayout {
    device_control: u32,
    serr: u32,
    mask: u32,
    severity: u32,
    advisory: u32,
}

impl ErrorLayout {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        ErrorLayout {
            // Max_Read_Request_Size has its reset value.
            device_control: 0x2000 | rng.gen_range(0..16),
            serr: u32::from(rng.gen_ratio(1, 4)) << 8,
            mask: rng.gen::<u32>() & rng.gen::<u32>() & ERRORS,
            severity: rng.gen::<u32>() & ERRORS,
            advisory: u32::from(rng.gen_ratio(1, 2)) << 13,
        }
    }
}

/// A switch.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Bus of the upstream port's own configuration space; the internal bus is the next one.
    pub bus: u8,
    /// The slots.
    pub slots: Vec<SlotLayout>,
    command: u32,
    control: u32,
    bridge: u32,
    errors: ErrorLayout,
    /// The upstream port's windows end before the last slot's.
    narrow: bool,
}

impl Layout {
    /// Buses and windows at random places; all of it legal, not all of it open.
    pub fn random(rng: &mut ChaCha8Rng) -> Self {
        let bus = rng.gen_range(1..100);
        let mut next: u8 = bus + 2;
        let slots = (0..SLOTS as u64).map(|slot| {
            let last = next + rng.gen_range(0..8);
            let buses = (next, last);
            next = last + 1 + rng.gen_range(0..3);
            let low = LOW + slot * STEP;
            let high = HIGH + slot * HIGH_STEP;
            let size = |rng: &mut ChaCha8Rng, most: u64| (rng.gen_range(1..=most) << 20) - 1;
            let windows = [
                (rng.gen_ratio(7, 8)).then(|| (low, low + size(rng, STEP >> 20))),
                (rng.gen_ratio(1, 2)).then(|| (high, high + size(rng, HIGH_STEP >> 20))),
            ];
            let command = *[6, 6, 6, 6, 6, 2, 4, 0].choose(rng).unwrap_or(&6);
            let control = *[0, 0, 0x20, 0x80].choose(rng).unwrap_or(&0);
            SlotLayout {
                buses,
                windows,
                command,
                control,
                bridge: *[0, 1 << 17].choose(rng).unwrap_or(&0),
                errors: ErrorLayout::random(rng),
            }
        });
        let slots = slots.collect();
        let command = *[6, 6, 6, 6, 6, 6, 6, 6, 2, 4].choose(rng).unwrap_or(&6);
        let bridge = *[0, 1 << 17, 1 << 17].choose(rng).unwrap_or(&0);
        let errors = ErrorLayout::random(rng);
        let control = *[0, 0, 0x80].choose(rng).unwrap_or(&0);
        Layout { bus, slots, command, control, bridge, errors, narrow: rng.gen_ratio(1, 5) }
    }

    /// The internal bus.
    pub fn internal(&self) -> u8 {
        self.bus + 1
    }

    /// An address that may be in a slot's windows.
    pub fn address(&self, slot: usize, random: u64) -> u64 {
        let windows: Vec<_> = self.slots[slot].windows.iter().flatten().collect();
        let fallback = (LOW, LOW + STEP - 1);
        let (first, last) = if windows.is_empty() { fallback } else { *windows[random as usize % windows.len()] };
        // Near its ends, or anywhere.
        let at = match random >> 8 & 3 {
            0 => random >> 16 & 0xfff,
            1 => (last - first) & !0xfff | random >> 16 & 0xfff,
            _ => (random >> 16) % (last - first),
        };
        first + at
    }

    /// An address that is likely in no slot's windows.
    pub fn elsewhere(&self, random: u64) -> u64 {
        match random & 3 {
            0 => LOW + SLOTS as u64 * STEP - 4096 + (random >> 8 & 0xfff),
            1 => HIGH + (SLOTS as u64) * HIGH_STEP + (random >> 8 & 0xff_ffff),
            2 => 0xe000_0000 + (random >> 8 & 0xfff_ffff),
            _ => random >> 2 & !(1 << 63),
        }
    }

    /// Values of the registers of a port, by row; those that are not here have their reset values.
    pub fn rows(&self, port: usize) -> Vec<(u8, u32)> {
        let (buses, command, control, bridge, errors) = match port {
            0 => {
                let last = self.slots[SLOTS - 1].buses.1;
                ([self.bus, self.internal(), last, 0], self.command, self.control, self.bridge, &self.errors)
            }
            _ => {
                let slot = &self.slots[port - 1];
                (
                    [self.internal(), slot.buses.0, slot.buses.1, 0],
                    slot.command,
                    slot.control,
                    slot.bridge,
                    &slot.errors,
                )
            }
        };
        let [low, high] = [0, 1].map(|which| {
            if port > 0 {
                return self.slots[port - 1].windows[which];
            }
            let slots = &self.slots[..if self.narrow { SLOTS - 1 } else { SLOTS }];
            let mut windows = slots.iter().filter_map(|slot| slot.windows[which]);
            let first = windows.next();
            first.map(|first| (first.0, windows.next_back().unwrap_or(first).1))
        });
        // Closed: the base is above the limit.
        let (low, high) = (low.unwrap_or((0xfff0_0000, 0xf_ffff)), high.unwrap_or((0xfff0_0000, 0xf_ffff)));
        let window = |(first, last): (u64, u64)| (first >> 16 & 0xfff0) as u32 | last as u32 & 0xfff0_0000;
        vec![
            (row::BUSES, u32::from_le_bytes(buses)),
            (row::MEMORY, window(low)),
            (row::PREFETCHABLE, window(high)),
            (row::BASE_UPPER, (high.0 >> 32) as u32),
            (row::LIMIT_UPPER, (high.1 >> 32) as u32),
            (row::BRIDGE_CONTROL, bridge),
            (row::DEVICE_CONTROL_2, control),
            (row::DEVICE_CONTROL, errors.device_control),
            (row::UNCORRECTABLE_MASK, errors.mask),
            (row::UNCORRECTABLE_SEVERITY, errors.severity),
            (row::CORRECTABLE_MASK, errors.advisory),
            (row::COMMAND, command | errors.serr),
        ]
    }
}
