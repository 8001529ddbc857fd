//! Address windows of bridges, and room in them.

use std::ops::Range;

use peb_tlp::FunctionId;

use super::access::Access;

/// Granularity of bridge windows (PCI-to-PCI Bridge specification 3.2.5.8).
pub const WINDOW: u64 = 1 << 20;

/// A range of addresses given out from the bottom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// All addresses.
    pub range: Range<u64>,
    next: u64,
}

impl Window {
    /// A window of which nothing is given out.
    pub fn new(range: Range<u64>) -> Self {
        Window { next: range.start, range }
    }

    /// An aligned piece of `size` bytes, a power of two.
    pub fn take(&mut self, size: u64) -> Option<u64> {
        let at = self.next.next_multiple_of(size);
        let end = at.checked_add(size).filter(|&end| end <= self.range.end)?;
        self.next = end;
        Some(at)
    }

    /// Gives everything back.
    pub fn clear(&mut self) {
        self.next = self.range.start;
    }
}

/// Opens the memory window of a bridge; an empty range closes it.
pub fn set_memory_window(on: &mut impl Access, bridge: FunctionId, range: &Range<u64>) {
    let (base, limit) = bounds(range);
    on.config_write(bridge, 0x20, 4, (limit as u32 & 0xfff0_0000) | (base as u32 >> 16 & 0xfff0));
}

/// Opens the prefetchable window of a bridge; an empty range closes it.
pub fn set_prefetchable_window(on: &mut impl Access, bridge: FunctionId, range: &Range<u64>) {
    let (base, limit) = bounds(range);
    on.config_write(bridge, 0x24, 4, (limit as u32 & 0xfff0_0000) | (base as u32 >> 16 & 0xfff0));
    on.config_write(bridge, 0x28, 4, (base >> 32) as u32);
    on.config_write(bridge, 0x2c, 4, (limit >> 32) as u32);
}

/// First and last address; base above limit if the range is empty.
fn bounds(range: &Range<u64>) -> (u64, u64) {
    if range.is_empty() {
        (0xfff0_0000, 0)
    } else {
        (range.start, range.end - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_aligned_and_inside() {
        let mut window = Window::new(0x1000..0x4000);
        assert_eq!(window.take(0x1000), Some(0x1000));
        assert_eq!(window.take(0x10), Some(0x2000));
        assert_eq!(window.take(0x1000), Some(0x3000));
        assert_eq!(window.take(1), None);
        window.clear();
        assert_eq!(window.take(0x2000), Some(0x2000));
    }
}
