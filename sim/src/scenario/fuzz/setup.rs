//! Between trouble and traffic: everything is set up, and nothing of before is under way.

use peb_regs::addr;
use peb_tlp::{FunctionId, MsgRouting, RequestId, Tag, Tlp};

use super::layout::Layout;
use super::ports::SLOTS;
use super::runner::{Fuzz, SETTLE, TAGS};
use crate::host::ROOT_PORT;
use crate::scenario::stage::Stop;
use crate::world::{Fabric, Peb};

/// Clocks in which all devices are up again, whatever was done to the PEBs.
const HEAL: u64 = 700_000;
/// Clocks without a packet after which none is under way.
const STILL: u64 = 10_000;
/// Octets in the queues of the Ethernet switch that may be keep-alives.
const QUEUED: usize = 1000;

impl<F: Fabric> Fuzz<'_, F> {
    /// Brings everything up, sets the registers of the switches up anew and waits until nothing of before is under way.
    pub fn prepare(&mut self) -> Result<(), Stop> {
        for host in 0..self.switches.len() {
            self.layouts[host] = Layout::random(&mut self.rng);
            self.configure(host)?;
        }
        let begin = self.now();
        let (mut up, mut settled) = (false, true);
        // The slot of a device that is at another host by now falls later: what is so must be so when nothing is under way any more.
        while !up && settled && self.now() < begin + HEAL {
            let healed = self.until(HEAL, |fuzz| fuzz.all_up());
            self.report()?;
            self.stage
                .need(healed, format!("all devices are up {} clocks after the last trouble", self.now() - begin))?;
            settled = self.until(SETTLE, |fuzz| {
                let hosts = 0..fuzz.switches.len();
                fuzz.quiet() && hosts.map(|n| fuzz.ledger.open(Peb::Host(n))).sum::<usize>() == 0
            });
            // Queues of the Ethernet switch, and a PEB whose slot has come up at last, may hold packets for long: they have to be empty, and
            // nothing to come any more.
            let mut since = self.now();
            self.until(SETTLE, |fuzz| {
                if fuzz.stage.world.fabric.queued() > QUEUED {
                    since = fuzz.now();
                }
                fuzz.now() > fuzz.last_came.max(since) + STILL
            });
            up = self.all_up();
        }
        self.report()?;
        let missing = if settled { Vec::new() } else { self.ledger.missing() };
        self.stage.need(settled, format!("every request of a host has its completion {missing:?}"))?;
        self.ledger.clear();
        self.exact = true;
        self.find_devices()?;
        self.wires = self.intx.iter().map(|_| 0).collect();
        // Pins that something of before holds, or let go of unseen, get their level from the devices again.
        self.level_pins()
    }

    /// Whether each host has as many slots up as devices.
    fn all_up(&self) -> bool {
        (0..self.switches.len()).all(|host| {
            let slots = self.stage.world.pins(Peb::Host(host)).slot_up.count_ones() as usize;
            slots == self.homes.iter().filter(|&&home| home == host).count()
        })
    }

    /// Says Deassert for each pin of each device, so that what each host sees is known.
    fn level_pins(&mut self) -> Result<(), Stop> {
        for n in 0..self.linked.len() {
            let Some((host, slot)) = self.place(n) else { continue };
            let requester = FunctionId::new(self.layouts[host].slots[slot].buses.0, 0, 0);
            for pin in 0..4 {
                let id = RequestId { requester, tag: Tag(0) };
                let tlp = Tlp::message(id, MsgRouting::Local, 0x24 + pin, [0; 8], &[]);
                self.port(Peb::Io(n)).send(tlp.map_err(|error| Stop(error.to_string()))?);
            }
        }
        self.until(SETTLE, Self::quiet);
        (0..3000).for_each(|_| self.tick());
        let low = self.intx.iter().all(|pins| *pins == [false; 4]);
        self.stage.need(low, format!("no INTx is left asserted: {:?}", self.intx))
    }

    /// Writes all registers of a switch.
    fn configure(&mut self, host: usize) -> Result<(), Stop> {
        let layout = self.layouts[host].clone();
        for port in 0..=SLOTS {
            let rows = layout.rows(port);
            let value =
                |row: Option<u8>, reset: u32| rows.iter().find(|(r, _)| Some(*r) == row).map_or(reset, |(_, v)| *v);
            let ports = &self.switches[host].ports;
            let writes: Vec<_> = ports.writable(port).map(|r| (r.offset, value(r.row, r.reset()))).collect();
            let target = match port {
                0 => FunctionId::new(layout.bus, 0, 0),
                _ => FunctionId::new(layout.internal(), port as u8 - 1, 0),
            };
            for (register, value) in writes {
                self.tags = (self.tags + 1) % TAGS;
                let id = RequestId { requester: ROOT_PORT, tag: Tag(self.tags) };
                let tlp = Tlp::config_write(id, target, register, port > 0, value.to_le_bytes());
                let tlp = tlp.map_err(|error| Stop(error.to_string()))?;
                let free = self.until(SETTLE, |fuzz| {
                    fuzz.port(Peb::Host(host)).pending() < 4
                        && !fuzz.ledger.is_open(&(Peb::Host(host), ROOT_PORT, id.tag))
                });
                if !free {
                    self.stage.need(false, format!("host {host} can send configuration requests"))?;
                }
                self.port(Peb::Host(host)).send(tlp);
            }
        }
        let done = self.until(SETTLE, |fuzz| fuzz.port(Peb::Host(host)).is_empty());
        self.stage.need(done, format!("host {host} has set up its switch"))
    }

    /// Which device is in which slot, from the management registers.
    fn find_devices(&mut self) -> Result<(), Stop> {
        let macs: Vec<_> = (0..self.linked.len()).map(|n| self.mac(Peb::Io(n), addr::MAC_HI)).collect();
        for host in 0..self.switches.len() {
            let up = self.stage.world.pins(Peb::Host(host)).slot_up;
            for slot in 0..SLOTS {
                let at = peb_regs::SLOT_BASE + peb_regs::SLOT_STRIDE * slot as u16 + 4;
                let mac = self.mac(Peb::Host(host), at);
                let device = macs.iter().position(|own| *own == mac).filter(|_| up >> slot & 1 == 1);
                self.switches[host].slots[slot] = device;
            }
        }
        let all = (0..self.linked.len()).all(|n| self.place(n).is_some());
        self.stage.need(all, "every device is in a slot")
    }

    fn mac(&mut self, peb: Peb, at: u16) -> (Option<u32>, Option<u32>) {
        (self.stage.world.read_register(peb, at), self.stage.world.read_register(peb, at + 4))
    }
}
