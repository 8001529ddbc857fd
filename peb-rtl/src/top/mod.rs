//! The two cores, and what is left of them outside the data path.

mod device_reset;

pub use device_reset::DeviceReset;
