//! The two cores, what is left of them outside the data path, and the designs of boards around them.

mod card_base;
mod engine;
mod host_card;
mod io_card;
mod network_device;
mod peb_host;
mod peb_io;
mod tunnel;

pub use card_base::CardBase;
pub use engine::Engine;
pub use host_card::HostCard;
pub use io_card::IoCard;
pub use network_device::NetworkDevice;
pub use peb_host::PebHostOf;
pub use peb_io::PebIo;
pub use tunnel::Tunnel;

/// The host core as it is generated unless told otherwise: four slots.
pub type PebHost = PebHostOf<4>;
