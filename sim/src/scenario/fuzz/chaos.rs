//! Trouble of all kinds, while traffic goes on.

use peb_regs::addr;
use rand::seq::SliceRandom;
use rand::Rng;

use super::runner::Fuzz;
use crate::scenario::stage::Stop;
use crate::world::{Fabric, Peb};

/// VLANs of the hosts.
const VIDS: [u16; 2] = [10, 20];
/// Troubles in a row.
const TROUBLES: usize = 6;

impl<F: Fabric> Fuzz<'_, F> {
    /// Traffic for some clocks.
    fn go_on(&mut self, clocks: u64) {
        for _ in 0..clocks {
            self.feed();
            self.tick();
        }
    }

    fn some(&mut self, from: u64, to: u64) -> u64 {
        self.rng.gen_range(from..=to)
    }

    /// Trouble, and then everything as it should be.
    pub fn chaos(&mut self) -> Result<(), Stop> {
        self.exact = false;
        self.ledger.may_lose();
        for _ in 0..TROUBLES {
            let clocks = self.some(100, 2000);
            self.go_on(clocks);
            self.trouble();
            self.report()?;
        }
        self.heal();
        self.report()
    }

    fn trouble(&mut self) {
        let device = self.rng.gen_range(0..self.stage.world.devices.len());
        let host = self.rng.gen_range(0..self.stage.world.hosts.len());
        let pebs = self.pebs();
        let peb = *pebs.choose(&mut self.rng).unwrap_or(&Peb::Host(0));
        let (short, long) = (self.some(1, 300), self.some(1000, 6000));
        match self.rng.gen_range(0..11) {
            0 => {
                self.stage.world.devices[device].settings.training = self.rng.gen_range(20..2000);
                self.stage.world.flap(device);
            }
            1 => {
                self.stage.world.set_present(device, false);
                self.go_on(short * 10);
                self.stage.world.set_present(device, true);
            }
            2 => {
                self.stage.world.reset_host(host, true);
                self.host_was_reset(host);
                let clocks = if self.rng.gen() { short } else { long };
                self.go_on(clocks);
                self.host_was_reset(host);
                self.stage.world.reset_host(host, false);
            }
            3 => {
                let vid = *VIDS.choose(&mut self.rng).unwrap_or(&VIDS[0]);
                self.stage.world.set_vlan(Peb::Io(device), vid);
            }
            4 => {
                self.stage.world.write_register(peb, addr::CONTROL, 0);
                self.go_on(short * 10);
                self.stage.world.write_register(peb, addr::CONTROL, 1);
            }
            5 => {
                self.stage.world.connect(peb, false);
                let clocks = if self.rng.gen() { short } else { long * 5 };
                self.go_on(clocks);
                self.stage.world.connect(peb, true);
            }
            6 | 7 => self.write_anything(peb),
            8 => {
                let clocks = self.rng.gen_range(1..200);
                self.port(peb).make_noise(clocks);
            }
            9 => {
                self.port(peb).hold_np(true);
                self.go_on(long);
                self.port(peb).hold_np(false);
            }
            _ => {
                self.stage.world.devices[device].settings.training = 20;
                for _ in 0..self.rng.gen_range(1..6) {
                    self.stage.world.flap(device);
                    let clocks = self.some(1, 100);
                    self.go_on(clocks);
                }
            }
        }
    }

    /// Management registers with any value; what they are is nobody's business. The life of a request is left alone: it may end without a
    /// completion when that is over.
    fn write_anything(&mut self, peb: Peb) {
        let registers = [
            addr::CONTROL,
            addr::VLAN,
            addr::SLOT,
            addr::TICK,
            addr::HELLO_TICKS,
            addr::DOWN_TICKS,
            addr::LINKUP_TICKS,
        ];
        for _ in 0..self.rng.gen_range(1..8) {
            let register = match self.rng.gen_range(0..3) {
                0 => self.rng.gen(),
                _ => *registers.choose(&mut self.rng).unwrap_or(&addr::CONTROL),
            };
            let value =
                *[0, 1, u32::MAX, self.rng.gen(), self.rng.gen::<u32>() & 0xfff].choose(&mut self.rng).unwrap_or(&0);
            // Ticks as long as this one's longest make a run that nobody waits for; so does a silence, which the peer grants.
            let value = match register {
                addr::TICK => value & 0x1f,
                addr::DOWN_TICKS => value & 0xffff,
                _ => value,
            };
            if register != addr::TRACK_TICKS {
                self.stage.world.write_register(peb, register, value);
            }
            self.go_on(20);
        }
    }

    /// Everything as it was, but for the place of the devices.
    fn heal(&mut self) {
        self.stage.set_timers();
        for peb in self.pebs() {
            let host = match peb {
                Peb::Host(n) => n,
                Peb::Io(n) => {
                    self.homes[n] = self.rng.gen_range(0..VIDS.len());
                    self.homes[n]
                }
            };
            self.stage.world.write_register(peb, addr::CONTROL, 1);
            self.stage.world.write_register(peb, addr::SLOT, 0x8000_0000);
            self.stage.world.set_vlan(peb, VIDS[host]);
            self.port(peb).hold_np(false);
        }
    }
}
