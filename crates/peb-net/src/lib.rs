//! Real Ethernet on Linux: frames to and from a TAP device or a network interface.
//!
//! Frames here run from the destination address to the last octet before the FCS, 802.1Q tag included: Linux neither
//! gives nor takes an FCS, and a packet socket takes the outer tag out of what it gives (packet(7), PACKET_AUXDATA);
//! [`Interface`] puts it back. Nothing blocks.

mod sys;

use std::io;

use thiserror::Error;

/// Shortest frame in octets without FCS (IEEE 802.3, 3.2.8); what is shorter gets zeros.
pub const MIN_BODY: usize = 60;
/// Longest name of an interface (IFNAMSIZ less the final zero).
const MAX_NAME: usize = 15;

/// Why an interface cannot be used.
#[derive(Debug, Error)]
pub enum NetError {
    /// No interface can be called so.
    #[error("{0:?} is no name of an interface: 1 to {MAX_NAME} bytes, without '/', ':' and blanks")]
    Name(String),
    /// There is none of this name.
    #[error("there is no interface {0:?} in this network namespace; `ip link` lists them")]
    Missing(String),
    /// It is not up.
    #[error("interface {0:?} is down: `ip link set {0} up`")]
    Down(String),
    /// Not allowed.
    #[error("no permission to use {0:?}: needs {1}; run as root, or in a namespace of your own (`unshare -rn`)")]
    Permission(String, &'static str),
    /// No TAP devices in this kernel, or not in this container.
    #[error("/dev/net/tun is missing: `modprobe tun`, or give the container that device")]
    NoTun,
    /// Another process holds the TAP device, or it is no TAP device.
    #[error("{0:?} is in use by another process, or is not a TAP device")]
    Busy(String),
    /// Something else.
    #[error("{0:?}: {1}: {2}")]
    System(String, &'static str, #[source] io::Error),
}

/// One end of an Ethernet cable.
#[derive(Debug)]
pub struct Interface {
    name: String,
    port: sys::Port,
    /// Frames that the kernel did not take: queue full, or interface down. As on any Ethernet, they are lost.
    pub lost: u64,
}

impl Interface {
    /// The network's side of a TAP device, which is made if there is none of this name, and brought up. What the kernel
    /// or a switch sends to the interface comes out here.
    ///
    /// # Errors
    /// [`NetError`] says what to do.
    pub fn tap(name: &str) -> Result<Self, NetError> {
        check_name(name)?;
        Ok(Interface { name: name.into(), port: sys::Port::tap(name)?, lost: 0 })
    }

    /// A network interface that is up, all frames of which are taken whatever their destination (promiscuous). What is
    /// sent leaves by its cable; the machine itself does not see it.
    ///
    /// # Errors
    /// [`NetError`] says what to do.
    pub fn packet(name: &str) -> Result<Self, NetError> {
        check_name(name)?;
        Ok(Interface { name: name.into(), port: sys::Port::packet(name)?, lost: 0 })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a frame without FCS, padded to [`MIN_BODY`]. One that the kernel has no room for is counted in `lost`.
    ///
    /// # Errors
    /// If the interface is gone, or the kernel refuses the frame (longer than the MTU and header).
    pub fn send(&mut self, body: &[u8]) -> Result<(), NetError> {
        let mut padded = [0; MIN_BODY];
        let frame = match padded.get_mut(..body.len()) {
            Some(start) => {
                start.copy_from_slice(body);
                &padded[..]
            }
            None => body,
        };
        match self.port.send(frame) {
            Ok(()) => Ok(()),
            Err(error) if sys::is_loss(&error) => {
                self.lost += 1;
                Ok(())
            }
            Err(error) => Err(NetError::System(self.name.clone(), "send", error)),
        }
    }

    /// The next frame that has come, without FCS, with its tag, at least [`MIN_BODY`] octets; `None` if there is none.
    ///
    /// # Errors
    /// If the interface is gone.
    pub fn receive(&mut self) -> Result<Option<Vec<u8>>, NetError> {
        match self.port.receive() {
            Ok(mut frame) => {
                frame.resize(frame.len().max(MIN_BODY), 0);
                Ok(Some(frame))
            }
            Err(error) if sys::is_loss(&error) => Ok(None),
            Err(error) => Err(NetError::System(self.name.clone(), "receive", error)),
        }
    }
}

fn check_name(name: &str) -> Result<(), NetError> {
    let bad = |c: char| c.is_whitespace() || matches!(c, '/' | ':' | '%' | '\0');
    let wrong = name.is_empty() || name.len() > MAX_NAME || name.contains(bad) || matches!(name, "." | "..");
    if wrong {
        Err(NetError::Name(name.into()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_is_wrong() {
        for name in ["", "a b", "sixteen-bytes-xx", "a/b", "tap%d"] {
            assert!(matches!(Interface::tap(name), Err(NetError::Name(_))), "{name:?}");
            assert!(matches!(Interface::packet(name), Err(NetError::Name(_))), "{name:?}");
        }
        // Whether or not this process may open packet sockets.
        let error = Interface::packet("no-such-one").unwrap_err();
        assert!(matches!(error, NetError::Missing(_) | NetError::Permission(..)), "{error}");
    }
}
