//! What is sent when: acknowledgements, retransmission, round-trip time, window.
//!
//! [`TxControl`] is the whole. [`SlotPool`] knows what became of the frame in each slot, [`AckScan`] applies what
//! peers acknowledge, [`Scheduler`] gives the Sender its next command, [`RttEstimator`] and [`RetransmitTimer`]
//! follow RFC 6298, [`DelayWindow`] bounds what is in flight by the queueing delay.

mod ack_scan;
mod delay_window;
mod retransmit_timer;
mod rtt_estimator;
mod scheduler;
mod slot_pool;
#[cfg(test)]
mod tests;
mod tx_control;

pub use ack_scan::AckScan;
pub use delay_window::DelayWindow;
pub use retransmit_timer::RetransmitTimer;
pub use rtt_estimator::RttEstimator;
pub use scheduler::Scheduler;
pub use slot_pool::SlotPool;
pub use tx_control::TxControl;
