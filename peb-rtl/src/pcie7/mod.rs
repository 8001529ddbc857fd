//! Between the TLP streams of a core and the integrated block for PCI Express of AMD's 7-series FPGAs (`pcie_7x`), which has a clock
//! of its own.
//!
//! What the block does on its 64-bit AXI4-Streams, and where its guide says so (PG054, version 3.3; chapter "Designing with the Core"
//! unless another stands there). The model in the tests obeys these rules, and its monitors check them.
//!
//! | rule | section |
//! |---|---|
//! | R1: a TLP is a stream of dwords; byte 0 of each is bits 31:24, dword 0 of a beat is bits 31:0 | TLP Format on the AXI4-Stream Interface |
//! | R2: `tkeep` is 0xff, on the last beat 0x0f or 0xff | Product Specification, Transmit Interface and Receive Interface |
//! | R3: the block may leave `m_axis_rx_tvalid` low in the middle of a TLP; the user may leave `m_axis_rx_tready` low at any time | Receiving Inbound Packets, throttling of the datapath |
//! | R4: with `rx_np_ok` low the block keeps non-posted TLPs back and lets others pass; it must fall at least one clock before the end of the second-last non-posted TLP that there is room for | Receiving Inbound Packets, Receive Transaction Ordering, `rx_np_ok` |
//! | R5: a TLP whose first beat was taken is taken whole, without a pause, if it is not longer than the payload size that the block supports | Transmitting Outbound Packets, Destination Throttling |
//! | R6: the user may leave `s_axis_tx_tvalid` low in the middle of a TLP, but not if `tuser[2]` (streaming) was 1 at its start | Transmitting Outbound Packets, Source Throttling, Streaming Mode |
//! | R7: `tuser[3]` (discontinue) ends a TLP that must not go out; `tuser[1]` marks it as poisoned, `tuser[0]` asks for an ECRC | Product Specification, Transmit Interface |
//! | R8: `tx_buf_av` tells how many more TLPs the block can keep; those that have no credit stay in it, and others pass them as PCI Express orders | Transmitting Outbound Packets, transmit buffers |
//! | R9: the block sends TLPs of its own between those of the user; `tx_cfg_req` asks for that and `tx_cfg_gnt` may be 1 always | Transmitting Outbound Packets, Basic TLP Transmit Operation |
//! | R10: as a root port the block does not compare addresses with its windows; it refuses requests of the device until its own Bus Master Enable is set | Basic TLP Transmit Operation; the latter by experience of others |
//! | R11: registers of the block's own configuration space are read and written through `cfg_mgmt`, which answers with `rd_wr_done` | Designing with Configuration Space Registers |
//!
//! [`Crossing`] is the clock crossing: whole TLPs only, so that R5 and R6 are met and no reset of either side leaves half a TLP.
//! [`Receive`] and [`Transmit`] are the two directions; [`RootSetup`] makes a root port of the block, [`Mirror`] keeps the host core's
//! upstream port as the host has set that of the block.

mod crossing;
mod mirror;
mod receive;
mod root_setup;
mod swap;
mod tally;
#[cfg(test)]
mod tests;
mod transmit;

pub use crossing::Crossing;
pub use mirror::Mirror;
pub use receive::Receive;
pub use root_setup::RootSetup;
pub use swap::Swap;
pub use tally::Tally;
pub use transmit::Transmit;
