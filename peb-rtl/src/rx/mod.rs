//! From frames to TLPs.
//!
//! [`HeaderCapture`] keeps the tunnel header while the TLPs land in a slot of [`Reassembly`], which puts frames in order;
//! [`Unpacker`] cuts them into TLPs, [`Output`] gives those to the PCIe link. [`RxPath`] is the four wired.

mod header_capture;
mod output;
mod path;
mod reassembly;
#[cfg(test)]
mod tests;
mod unpacker;

pub use header_capture::HeaderCapture;
pub use output::Output;
pub use path::RxPath;
pub use reassembly::Reassembly;
pub use unpacker::Unpacker;
