//! What an operator does to a world that runs, in lines of text.

use std::fmt::Write;
use std::str::FromStr;

use super::fabric::{Fabric, Peb};
use super::World;

/// The VID in the VLAN register.
const VID_BITS: u32 = 0xfff;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// Puts a device in.
    Add(usize),
    /// Pulls a device.
    Remove(usize),
    /// Cuts the cable of a PEB.
    Cut(Peb),
    /// Mends the cable of a PEB.
    Mend(Peb),
    /// Sets the share of frames that every cable loses each way.
    Loss(f64),
    /// Reads a management register, or writes it and reads it back.
    Register(Peb, u16, Option<u32>),
    /// Tells the state of everything.
    Status,
}

/// A world of any kind, as somebody sees it who gives it commands.
pub trait Operated {
    /// Does what a command says; gives what there is to say.
    ///
    /// # Errors
    /// What is wrong with the command; nothing has changed then.
    fn control(&mut self, control: Control) -> Result<String, String>;
}

impl FromStr for Peb {
    type Err = String;

    /// `host0`, `io0`; a mere number is an I/O PEB.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse().ok().filter(|_| !digits.starts_with('+'));
        let host = text.strip_prefix("host").and_then(number).map(Peb::Host);
        let io = || text.strip_prefix("io").or(Some(text)).and_then(number).map(Peb::Io);
        host.or_else(io).ok_or_else(|| format!("{text:?} is no PEB: write io0, host0, or 0 for io0"))
    }
}

impl FromStr for Control {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let device = |text: &str| match text.parse()? {
            Peb::Io(n) => Ok(n),
            Peb::Host(_) => Err(format!("{text} has no device; write io0, or 0")),
        };
        match words[..] {
            ["add", at] => device(at).map(Control::Add),
            ["remove", at] => device(at).map(Control::Remove),
            ["cut", peb] => peb.parse().map(Control::Cut),
            ["mend", peb] => peb.parse().map(Control::Mend),
            ["loss", share] => {
                let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share));
                share.map(Control::Loss).ok_or_else(|| "not a share: 0 to 1".into())
            }
            ["register", peb, address] => Ok(Control::Register(peb.parse()?, hex(address)? as u16, None)),
            ["register", peb, address, value] => {
                Ok(Control::Register(peb.parse()?, hex(address)? as u16, Some(hex(value)?)))
            }
            ["status"] => Ok(Control::Status),
            _ => Err(format!(
                "{line:?} is no command: add PEB, remove PEB, cut PEB, mend PEB, loss SHARE, register PEB ADDRESS [VALUE], status"
            )),
        }
    }
}

fn hex(text: &str) -> Result<u32, String> {
    u32::from_str_radix(text, 16).map_err(|_| format!("{text:?} is no hexadecimal number"))
}

impl<F: Fabric> Operated for World<F> {
    fn control(&mut self, control: Control) -> Result<String, String> {
        self.check(control)?;
        match control {
            Control::Add(n) => self.set_present(n, true),
            Control::Remove(n) => self.set_present(n, false),
            Control::Cut(peb) => self.connect(peb, false),
            Control::Mend(peb) => self.connect(peb, true),
            Control::Loss(share) if !self.fabric.set_loss(share) => return Err("no network that loses frames".into()),
            Control::Loss(share) => self.note("network", format!("loses {:.3} % of the frames", share * 100.0)),
            Control::Register(peb, address, value) => return self.register(peb, address, value),
            Control::Status => return Ok(self.status()),
        }
        Ok(String::new())
    }
}

impl<F: Fabric> World<F> {
    fn register(&mut self, peb: Peb, address: u16, value: Option<u32>) -> Result<String, String> {
        match value {
            // The world knows the VLANs, too.
            Some(value) if address == peb_regs::addr::VLAN => {
                self.note(peb.to_string(), format!("VLAN {}", value & VID_BITS));
                let place = self.place(peb);
                self.vids[place] = (value & VID_BITS) as u16;
                self.write_register(peb, address, value);
            }
            Some(value) => _ = self.write_register(peb, address, value),
            None => {}
        }
        let value = self.read_register(peb, address);
        value.map(|value| format!("{value:08x}\n")).ok_or_else(|| "the register was not acknowledged".into())
    }

    fn check(&self, control: Control) -> Result<(), String> {
        let peb = match control {
            Control::Add(n) | Control::Remove(n) => Peb::Io(n),
            Control::Cut(peb) | Control::Mend(peb) | Control::Register(peb, ..) => peb,
            Control::Loss(_) | Control::Status => return Ok(()),
        };
        let (n, all, side) = match peb {
            Peb::Host(n) => (n, self.hosts.len(), "host"),
            Peb::Io(n) => (n, self.devices.len(), "I/O"),
        };
        if n < all {
            return match control {
                Control::Add(n) if self.devices[n].is_present() => Err(format!("device {n} is there already")),
                Control::Remove(n) if !self.devices[n].is_present() => Err(format!("device {n} is not there")),
                _ => Ok(()),
            };
        }
        Err(format!("{peb} is not in this process, which has {all} {side} PEBs"))
    }

    /// A line a PEB.
    fn status(&self) -> String {
        let mut out = String::new();
        let yes = |on, yes, no| if on { yes } else { no };
        for n in 0..self.hosts.len() {
            let (peb, pins) = (Peb::Host(n), self.pins(Peb::Host(n)));
            let up: Vec<String> =
                (0..8).filter(|slot| pins.slot_up >> slot & 1 == 1).map(|n| (n + 1).to_string()).collect();
            let slots = if up.is_empty() { "no slot up".into() } else { format!("slots up: {}", up.join(" ")) };
            let _ = writeln!(out, "host{n:<4} VLAN {:<5}{:<10}{slots}", self.vid(peb), self.cable(peb));
        }
        for n in 0..self.devices.len() {
            let (peb, pins, device) = (Peb::Io(n), self.pins(Peb::Io(n)), &self.devices[n]);
            let name = &device.settings.name;
            let state = yes(device.is_present(), yes(device.link_up(), "in use", "in its slot, link down"), "pulled");
            let peer = yes(pins.peer_up, "attached", "not attached");
            let _ = writeln!(out, "io{n:<6} VLAN {:<5}{:<10}{peer}; {name}: {state}", self.vid(peb), self.cable(peb));
        }
        let _ = writeln!(out, "{} clocks, {:.2} ms simulated", self.now(), self.now() as f64 * 8e-6);
        out
    }

    fn cable(&self, peb: Peb) -> &'static str {
        if self.is_cut(peb) {
            "cut"
        } else {
            "connected"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Device, DeviceConfig};
    use crate::host::{RootComplex, RootConfig};
    use crate::world::stand_in::StandIn;

    #[test]
    fn lines_are_commands_or_say_what_is_wrong() {
        let parse = |line: &str| line.parse::<Control>();
        assert_eq!(parse(" add  0 "), Ok(Control::Add(0)));
        assert_eq!(parse("remove io2"), Ok(Control::Remove(2)));
        assert_eq!(parse("cut io1"), Ok(Control::Cut(Peb::Io(1))));
        assert_eq!(parse("loss 0.05"), Ok(Control::Loss(0.05)));
        assert_eq!(parse("register host0 0018"), Ok(Control::Register(Peb::Host(0), 0x18, None)));
        assert_eq!(parse("register 0 0018 a"), Ok(Control::Register(Peb::Io(0), 0x18, Some(10))));
        for (line, part) in [
            ("", "no command"),
            ("add", "no command"),
            ("add host0", "no device"),
            ("add -1", "no PEB"),
            ("cut +1", "no PEB"),
            ("loss 2", "not a share"),
            ("loss NaN", "not a share"),
            ("register io0 x", "hexadecimal"),
            ("add 99999999999999999999", "no PEB"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(part), "{line:?}: {error}");
        }
    }

    #[test]
    fn commands_act_and_the_status_tells() {
        let roots = vec![RootComplex::new(RootConfig::default())];
        let mut world = World::new(StandIn::new(&[10], &[10]), roots, vec![Device::new(DeviceConfig::default())]);
        let act = |world: &mut World<StandIn>, line: &str| world.control(line.parse().unwrap());
        world.run_until(100_000, |world| world.pins(Peb::Io(0)).peer_up);
        let status = act(&mut world, "status").unwrap();
        assert!(
            status.contains("io0      VLAN 10") && status.contains("connected") && status.contains(" attached;"),
            "{status}"
        );
        assert_eq!(act(&mut world, "register io0 0018 14"), Ok("00000014\n".into()));
        assert_eq!(act(&mut world, "cut host0"), Ok(String::new()));
        assert_eq!(act(&mut world, "remove 0"), Ok(String::new()));
        world.run_until(100_000, |world| !world.pins(Peb::Io(0)).peer_up);
        let status = act(&mut world, "status").unwrap();
        assert!(
            status.contains("VLAN 20")
                && status.contains("cut")
                && status.contains("not attached; ")
                && status.contains("pulled"),
            "{status}"
        );
        for (line, part) in [
            ("add 1", "I/O PEB 1 is not in this process"),
            ("cut host1", "has 1 host PEBs"),
            ("remove 0", "is not there"),
            ("loss 0.5", "no network"),
        ] {
            let error = act(&mut world, line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
        assert!(!world.devices[0].is_present());
    }
}
