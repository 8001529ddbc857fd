//! The slots: hot-plug as software sees it at the host, and the device's port at the I/O side.
//!
//! At the host [`HotPlug`] tells which slots are present and up, raises their events and interrupts, and tells each I/O PEB
//! what software did to its slot. At the other end [`IoPort`] obeys and reports. They talk in control records of two dwords,
//! in order with the TLPs of the tunnel.
//!
//! | byte | PORT_CONTROL (host to I/O) | PORT_STATUS (I/O to host) |
//! |---|---|---|
//! | 0 | 0xE0 | 0xE1 |
//! | 1 | 2: dwords | 2: dwords |
//! | 2 | generation | generation of the last PORT_CONTROL applied |
//! | 3 | 0 hold in reset, 1 link disable, 2 power off, 3 host link up, 4 this generation began without a reset | 0 present, 1 link active, 2 power fault |
//! | 4 | 1:0 attention indicator, 3:2 power indicator (as Slot Control) | count of attention button presses |
//! | 5 | events cleared by software: 0 attention button, 1 power fault, 3 presence (as Slot Status) | count of presence changes |
//! | 6 | 0 | count of falls of the device's link |
//! | 7 | 0 | 0 |
//!
//! **Generations.** A slot's generation counts up each time its device is told to reset, each time the device's link fell by
//! itself, and when a session begins. The link is active only on a PORT_STATUS of the present generation, so nothing of
//! before can pass for what came after. The next generation is not given out before the last was echoed: of two that are
//! under way none can be taken for the other, however often software resets the slot meanwhile.

mod device_reset;
mod event_writer;
mod hot_plug;
mod interrupts;
mod io_port;
mod port_control;
mod quarantine;
mod slot_state;

pub use device_reset::DeviceReset;
pub use event_writer::EventWriter;
pub use hot_plug::HotPlug;
pub use interrupts::Interrupts;
pub use io_port::IoPort;
pub use port_control::PortControl;
pub use quarantine::Quarantine;
pub use slot_state::SlotState;

#[cfg(test)]
mod tests;
