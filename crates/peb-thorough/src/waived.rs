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

const FRAMES: &str =
    "counts frames, and no recording is so long (`sequence_numbers_wrap` takes `TxControl` through the wrap)";

/// All of them.
pub const WAIVED: [Waived; 17] = [
    Waived {
        block: "endpoint::DmaReads",
        signals: &["age"],
        from: 8,
        why: "counts to 2^22 clocks, in the tests to 100",
    },
    Waived { block: "endpoint::Registers", signals: &["count"], from: 12, why: "counts transfers" },
    Waived { block: "mac::Pause", signals: &["stretch"], from: 12, why: "counts ticks of one pause" },
    Waived { block: "phy::Startup", signals: &["age"], from: 6, why: "counts to 2^24 clocks, in the tests to 150" },
    Waived {
        block: "registers::Counters",
        signals: &["memory_read_data", "memory_write_data", "old", "read_data"],
        from: 11,
        why: "the counters of 32 bits",
    },
    Waived {
        block: "registers::Counters",
        signals: &[
            "waiting_0",
            "waiting_1",
            "waiting_4",
            "waiting_6",
            "waiting_7",
            "waiting_8",
            "waiting_9",
            "waiting_17",
            "waiting_18",
            "waiting_19",
            "waiting_20",
            "waiting_22",
        ],
        from: 1,
        why: "rare events, of which at most one waits",
    },
    Waived {
        block: "reliability::TxControl",
        signals: &["counts_read_data", "counts_write_data", "shown", "stat_retransmissions"],
        from: 2,
        why: "the counter of 32 bits",
    },
    Waived {
        block: "reliability::TxControl",
        signals: &["cmd_seq", "scheduler_cmd_seq", "scheduler_visited_next"],
        from: 5,
        why: FRAMES,
    },
    Waived {
        block: "reliability::Scheduler",
        signals: &[
            "nexts_read_data",
            "nexts_write_data",
            "duty_nexts_read_data",
            "duty_nexts_write_data",
            "seen_next",
            "sending_seq",
            "visited_next",
            "weighed_next",
        ],
        from: 5,
        why: FRAMES,
    },
    Waived {
        block: "rx::Reassembly",
        signals: &[
            "ack",
            "ack_row_read_data",
            "ack_row_write_data",
            "expected",
            "not_expected",
            "row_read_data",
            "row_write_data",
            "table_seq",
        ],
        from: 7,
        why: FRAMES,
    },
    Waived { block: "slots::IoPort", signals: &["up_ticks"], from: 6, why: "counts ticks since the device's reset" },
    Waived {
        block: "slots::Quarantine",
        signals: &["age", "elapsed", "since_read_data", "since_write_data"],
        from: 12,
        why: "counts ticks",
    },
    Waived { block: "switch::Unanswered", signals: &["elapsed"], from: 11, why: "counts ticks" },
    Waived {
        block: "session::Sessions",
        signals: &[
            "composer_ctl_src_epoch",
            "ctl_src_epoch",
            "epoch",
            "my_epoch",
            "next_epoch",
            "peers_epochs",
            "peers_last_epochs",
            "peers_offer",
            "peers_offer_epochs",
            "peers_tx_epochs",
            "peers_write_epochs",
            "stat_epoch",
        ],
        from: 7,
        why: "count joins since power-up (`epochs_begin_again_with_1` goes through all of them)",
    },
    Waived { block: "session::Ticker", signals: &["count", "now", "ticks", "units"], from: 9, why: "counts ticks" },
    Waived {
        block: "tx::Packer",
        signals: &["chosen_seq", "read_open_seq", "scan_open_seq", "seq", "slot_write_number", "slot_write_seq"],
        from: 5,
        why: FRAMES,
    },
    Waived {
        block: "tx::TxPath",
        signals: &[
            "packer_read_open_seq",
            "packer_scan_open_seq",
            "packer_slot_write_seq",
            "scan_open_seq",
            "slot_write_seq",
        ],
        from: 5,
        why: FRAMES,
    },
];

impl Waived {
    /// Those of a block.
    pub fn of(block: &str) -> impl Iterator<Item = &'static Waived> + '_ {
        WAIVED.iter().filter(move |w| w.block == block)
    }

    /// Whether it is about a bit. In Verilog a register `name` is `name_d` and `name_q`, one of several `name_0_d`, and a signal
    /// on its way out may be `name_now`.
    fn covers(&self, signal: &str, bit: usize) -> bool {
        let field = ["_d", "_q", "_now"].iter().find_map(|end| signal.strip_suffix(end)).unwrap_or(signal);
        let one = field.trim_end_matches(|c: char| c.is_ascii_digit());
        let all = one.strip_suffix('_').filter(|_| one != field).unwrap_or(field);
        bit >= self.from && [signal, field, all].iter().any(|name| self.signals.contains(name))
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
        assert!(waived.covers("stretch_7_d", 12) && waived.covers("stretch_now", 12));
        assert!(!waived.covers("stretch_q", 11) && !waived.covers("quanta_q", 12) && !waived.covers("stretched", 12));
        assert!(!waived.covers("stretch_x_q", 12) && !waived.covers("stretch7_q", 12));
    }
}
