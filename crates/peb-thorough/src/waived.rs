//! Bits that the tests need not move, and why.

/// The high bits of some signals of a block.
#[derive(Debug)]
pub struct Waived {
    /// As in the record.
    pub block: &'static str,
    /// Fields of the block, and signals of its Verilog.
    pub signals: &'static [&'static str],
    /// The lowest bit that does not count.
    pub from: usize,
    /// Why not.
    pub why: &'static str,
}

/// All of them.
pub const WAIVED: [Waived; 0] = [];

impl Waived {
    /// Those of a block.
    pub fn of(block: &str) -> impl Iterator<Item = &'static Waived> + '_ {
        WAIVED.iter().filter(move |w| w.block == block)
    }

    /// Whether it is about a bit. A register `name` is `name_d` and `name_q` in Verilog.
    fn covers(&self, signal: &str, bit: usize) -> bool {
        let field = signal.strip_suffix("_d").or(signal.strip_suffix("_q")).unwrap_or(signal);
        bit >= self.from && (self.signals.contains(&signal) || self.signals.contains(&field))
    }
}

/// Whether a bit of a block need not move.
pub fn is_waived(block: &str, signal: &str, bit: usize) -> bool {
    Waived::of(block).any(|w| w.covers(signal, bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_bits_of_what_is_named() {
        let waived = Waived { block: "mac::Pause", signals: &["stretch"], from: 12, why: "" };
        assert!(waived.covers("stretch_q", 12) && waived.covers("stretch", 23));
        assert!(!waived.covers("stretch_q", 11) && !waived.covers("quanta_q", 12) && !waived.covers("stretched", 12));
    }
}
