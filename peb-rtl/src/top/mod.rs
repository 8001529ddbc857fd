//! The two cores, and what is left of them outside the data path.

mod engine;
mod network_device;
mod peb_host;
mod peb_io;
mod tunnel;

pub use engine::Engine;
pub use network_device::NetworkDevice;
pub use peb_host::PebHostOf;
pub use peb_io::PebIo;
pub use tunnel::Tunnel;

/// The host core as it is generated unless told otherwise: four slots.
pub type PebHost = PebHostOf<4>;
