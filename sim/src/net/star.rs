//! A switch with a faulty link to each station.

use super::fault::FaultConfig;
use super::gmii::Gmii;
use super::link::Link;
use super::outside::{Outside, Uplink};
use super::switch::{Switch, SwitchConfig};

/// The far end of a station's cable, outside of the simulation.
struct Plug {
    station: usize,
    uplink: Uplink,
    /// What comes from there in this clock.
    symbol: Gmii,
}

/// Stations around one switch, each on a link of its own.
pub struct Star {
    /// The switch.
    pub switch: Switch,
    /// From each station to the switch.
    pub to_switch: Vec<Link>,
    /// From the switch to each station.
    pub from_switch: Vec<Link>,
    /// Stations whose cable leads out of the simulation.
    plugs: Vec<Plug>,
    into: Vec<Gmii>,
    out: Vec<Gmii>,
}

impl Star {
    /// A star whose links all have the same faults, each with random numbers of its own.
    pub fn new(switch: SwitchConfig, faults: &FaultConfig, seed: u64) -> Self {
        let ports = switch.ports.len();
        let link = |n: usize| Link::new(faults.clone(), seed.wrapping_add(n as u64));
        Star {
            switch: Switch::new(switch),
            to_switch: (0..ports).map(link).collect(),
            from_switch: (ports..2 * ports).map(link).collect(),
            plugs: Vec::new(),
            into: vec![Gmii::IDLE; ports],
            out: vec![Gmii::IDLE; ports],
        }
    }

    /// Lets a station's cable, with its faults, end at a network outside instead of the switch.
    pub fn plug(&mut self, station: usize, outside: Box<dyn Outside>) {
        self.plugs.retain(|plug| plug.station != station);
        self.plugs.push(Plug { station, uplink: Uplink::new(outside), symbol: Gmii::IDLE });
    }

    /// What went wrong outside since the last call.
    pub fn take_error(&mut self) -> Option<String> {
        self.plugs.iter_mut().find_map(|plug| plug.uplink.take_error())
    }

    /// Takes what the stations send in this clock; gives what reaches them, to be applied in the next.
    pub fn clock(&mut self, stations: &[Gmii]) -> &[Gmii] {
        // The switch sees what came out of the links in the clock before.
        for plug in &mut self.plugs {
            plug.symbol = plug.uplink.clock(std::mem::take(&mut self.into[plug.station]));
        }
        self.switch.clock(&self.into, &mut self.out);
        for plug in &self.plugs {
            self.out[plug.station] = plug.symbol;
        }
        for ((into, link), &symbol) in self.into.iter_mut().zip(&mut self.to_switch).zip(stations) {
            *into = link.clock(symbol);
        }
        for (out, link) in self.out.iter_mut().zip(&mut self.from_switch) {
            *out = link.clock(*out);
        }
        &self.out
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, GmiiDecoder, GmiiEncoder, PortConfig};
    use super::*;

    #[test]
    fn frames_go_through_both_links_and_the_switch() {
        let faults = FaultConfig { delay: 1000, ..FaultConfig::default() };
        let mut star = Star::new(SwitchConfig::new(vec![PortConfig::access(5); 3]), &faults, 1);
        let frame = Frame::build([0xff; 6], [2; 6], None, 0x88b5, &[1; 100]);
        let mut encoder = GmiiEncoder::new();
        encoder.send(&frame);
        let mut ears = vec![GmiiDecoder::default(); 3];
        let mut heard = Vec::new();
        let mut wires = vec![Gmii::IDLE; 3];
        for _ in 0..5000 {
            for (station, ear) in ears.iter_mut().enumerate() {
                heard.extend(ear.clock(wires[station]).map(|received| (station, received)));
            }
            wires = star.clock(&[encoder.clock(), Gmii::IDLE, Gmii::IDLE]).to_vec();
        }
        let at: Vec<_> = heard.iter().map(|(station, r)| (*station, r.start, r.is_good())).collect();
        // Both delays, the frame stored in the switch (8 + 118 octets) and the switch's latency.
        let start = 1000 + 126 + 250 + 1000;
        assert_eq!(at, [(1, start, true), (2, start, true)]);
        assert_eq!(heard[0].1.frame, frame);
        assert_eq!((star.to_switch[0].counters().frames_in, star.from_switch[2].counters().frames_out), (1, 1));
    }
}
