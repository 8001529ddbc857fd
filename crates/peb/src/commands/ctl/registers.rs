//! What can be done through the management registers, whatever leads to them.

use anyhow::{ensure, Context};
use peb_regs::{
    addr, reg, slot_addr, Access, Bus, Caps, MacAddress, Register, Status, Vlan, COUNTERS, MAX_SLOTS, REGISTERS,
    SLOT_REGISTERS,
};

/// A number, decimal or hexadecimal with 0x.
pub fn number(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16),
        Some(_) => return Err("not a number".into()),
        None => text.parse(),
    };
    parsed.map_err(|e| e.to_string())
}

/// Address of a name, and its register if it has one.
pub fn place(name: &str) -> anyhow::Result<(u16, Option<Register>)> {
    if name.starts_with("0x") {
        let value = number(name).ok().and_then(|n| u16::try_from(n).ok()).filter(|n| n % 4 == 0);
        let address = value.with_context(|| format!("{name}: an address is a multiple of 4 up to 0xfffc"))?;
        let known = REGISTERS.iter().chain(COUNTERS).find(|r| r.addr == address);
        return Ok((address, known.copied()));
    }
    let upper = name.to_ascii_uppercase();
    if let Some((slot, part)) = upper.strip_prefix("SLOT").and_then(|rest| rest.split_once('.')) {
        let slot: u8 =
            slot.parse().ok().filter(|s| *s < MAX_SLOTS).with_context(|| format!("{name}: slots are 0 to 7"))?;
        let register = SLOT_REGISTERS.iter().find(|r| r.name == part).with_context(|| unknown(name))?;
        return Ok((slot_addr(slot, *register), Some(*register)));
    }
    let register = REGISTERS.iter().chain(COUNTERS).find(|r| r.name == upper).with_context(|| unknown(name))?;
    Ok((register.addr, Some(*register)))
}

fn unknown(name: &str) -> String {
    format!("there is no register {name:?}; `peb ctl get` lists them, docs/registers.md tells what they mean")
}

fn row(name: &str, value: u32) -> String {
    format!("{name:<24}0x{value:08x}{value:>12}\n")
}

/// Registers by name; all if there are no names.
pub fn get(bus: &mut impl Bus<Error = anyhow::Error>, names: &[String]) -> anyhow::Result<String> {
    let places: Vec<_> = match names {
        [] => REGISTERS.iter().chain(COUNTERS).map(|r| (r.name.to_string(), r.addr)).collect(),
        names => names.iter().map(|n| Ok((n.clone(), place(n)?.0))).collect::<anyhow::Result<_>>()?,
    };
    places.iter().map(|(name, address)| Ok(row(name, bus.read(*address)?))).collect()
}

/// Writes a register; shows what is in it then.
pub fn set(bus: &mut impl Bus<Error = anyhow::Error>, name: &str, value: u32) -> anyhow::Result<String> {
    let (address, register) = place(name)?;
    if let Some(register) = register {
        ensure!(register.access != Access::Ro, "{name} can only be read");
    }
    bus.write(address, value)?;
    Ok(row(name, bus.read(address)?))
}

/// State and counters.
pub fn stats(bus: &mut impl Bus<Error = anyhow::Error>) -> anyhow::Result<String> {
    let caps = Caps::from_bits(bus.read(addr::CAPS)?);
    let status = Status::from_bits(bus.read(addr::STATUS)?);
    let vlan = Vlan::from_bits(bus.read(addr::VLAN)?);
    let mac = MacAddress::from_registers(bus.read(addr::MAC_HI)?, bus.read(addr::MAC_LO)?);
    let yes = |on| if on { "yes" } else { "no" };
    let mut out = format!("{:<24}{}\n", "role", if caps.io { "I/O" } else { "host" });
    for (name, value) in [
        ("MAC address", mac.to_string()),
        ("VLAN", if vlan.vid == 0 { "none".into() } else { vlan.vid.to_string() }),
        ("attached", yes(status.peer_up).into()),
        ("PCIe link", yes(status.link_up).into()),
        ("device present", yes(status.present).into()),
    ] {
        out += &format!("{name:<24}{value}\n");
    }
    for counter in COUNTERS {
        out += &format!("{:<24}{}\n", counter.name, bus.read(counter.addr)?);
    }
    Ok(out)
}

/// Another VLAN, with the priority as it was.
pub fn move_to(bus: &mut impl Bus<Error = anyhow::Error>, vid: u16) -> anyhow::Result<String> {
    let old = Vlan::from_bits(bus.read(addr::VLAN)?);
    bus.write(addr::VLAN, Vlan { vid, ..old }.bits())?;
    let now = bus.read(addr::VLAN)?;
    ensure!(now & reg::VLAN.mask == Vlan { vid, ..old }.bits(), "VLAN is 0x{now:08x} after the write");
    Ok(format!("VLAN {} -> {vid}\n", old.vid))
}
