//! `--iface`, `--tap`: the cable of a simulated PEB leads to a real network.

use peb_net::{Interface, NetError};
use peb_sim::net::Outside;

use crate::units::Mac;

/// Where the cable of a PEB leads, and what the PEB is called there.
#[derive(Debug, clap::Args)]
pub struct Cable {
    /// Connect the PEB to this network interface; it must be up. Needs CAP_NET_RAW
    #[arg(long, value_name = "NAME", conflicts_with = "tap")]
    iface: Option<String>,
    /// Connect the PEB to this TAP device, which is made if there is none. Needs CAP_NET_ADMIN
    #[arg(long, value_name = "NAME")]
    tap: Option<String>,
    /// With --iface or --tap: VLAN whose tag the PEB's frames have; 0: none, the VLAN is the switch's business
    #[arg(long, value_name = "VLAN", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=4094))]
    pub vlan: u16,
    /// With --iface or --tap: MAC address of the PEB [default: a random one]
    #[arg(long, value_name = "MAC")]
    mac: Option<Mac>,
}

/// A network interface as the simulation sees it.
struct Port(Interface);

impl Outside for Port {
    fn send(&mut self, body: &[u8]) -> Result<(), String> {
        self.0.send(body).map_err(|error| error.to_string())
    }

    fn receive(&mut self) -> Result<Option<Vec<u8>>, String> {
        self.0.receive().map_err(|error| error.to_string())
    }
}

impl Cable {
    /// Whether there is one.
    pub fn is_plugged(&self) -> bool {
        self.iface.is_some() || self.tap.is_some()
    }

    /// The far end, if the user has named one.
    pub fn open(&self) -> Result<Option<Box<dyn Outside>>, NetError> {
        let port = match (&self.iface, &self.tap) {
            (Some(name), _) => Interface::packet(name)?,
            (None, Some(name)) => Interface::tap(name)?,
            (None, None) => return Ok(None),
        };
        Ok(Some(Box::new(Port(port))))
    }

    /// The PEB's address. A random one is individual and locally administered (IEEE 802, 8.2).
    pub fn mac(&self) -> Mac {
        self.mac.unwrap_or_else(|| Mac(rand::random::<u64>() >> 16 & !(3 << 40) | 2 << 40))
    }
}
