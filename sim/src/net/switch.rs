//! An IEEE 802.1Q learning switch: store and forward, VLANs, finite output queues.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::frame::{Frame, Mac, Tag};
use super::gmii::{Gmii, GmiiDecoder, GmiiEncoder};

/// VID that must not be used on the wire (802.1Q table 9-2).
const RESERVED_VID: u16 = 0xfff;

/// Addresses the switch remembers, as common ones do.
const TABLE: usize = 8192;

/// VLAN settings of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// VLAN of untagged and priority-tagged frames that come in.
    pub pvid: u16,
    /// VLANs the port is a member of. Others are filtered, in and out.
    pub allowed: BTreeSet<u16>,
    /// VLANs whose frames go out with a tag.
    pub tagged: BTreeSet<u16>,
}

impl PortConfig {
    /// A member of one VLAN; its frames go out without a tag.
    pub fn access(vid: u16) -> Self {
        PortConfig { pvid: vid, allowed: [vid].into(), tagged: BTreeSet::new() }
    }

    /// A member of several VLANs with tagged frames; others than those VLANs are dropped, untagged ones too
    /// unless `native` is given.
    pub fn trunk(vids: impl IntoIterator<Item = u16>, native: Option<u16>) -> Self {
        let tagged: BTreeSet<u16> = vids.into_iter().filter(|&vid| Some(vid) != native).collect();
        let mut allowed = tagged.clone();
        allowed.extend(native);
        PortConfig { pvid: native.unwrap_or(0), allowed, tagged }
    }
}

/// Settings of a switch. Times are clocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchConfig {
    /// One entry a port.
    pub ports: Vec<PortConfig>,
    /// Room of each output queue in octets of whole frames, the frame on the wire not counted.
    pub queue_bytes: usize,
    /// From the end of a frame's reception to the earliest start of its transmission.
    pub latency: u64,
    /// Age at which a learned address is forgotten (802.1Q 8.8.3: 300 s).
    pub ageing: u64,
}

impl SwitchConfig {
    /// A switch with queues of 256 KiB, a latency of 250 clocks (2 us) and ageing after 300 s.
    pub fn new(ports: Vec<PortConfig>) -> Self {
        SwitchConfig { ports, queue_bytes: 256 << 10, latency: 250, ageing: 300 * 125_000_000 }
    }
}

/// What a port did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Good frames received.
    pub received: u64,
    /// Frames received with a bad FCS, a wrong length, an error or without a delimiter.
    pub bad: u64,
    /// Frames received for a VLAN the port is no member of, or with VID 0xfff.
    pub filtered: u64,
    /// Frames received that no switch forwards: PAUSE and other link-local ones.
    pub link_local: u64,
    /// Frames received whose VLAN and address had no other port to go to.
    pub nowhere: u64,
    /// Frames received that went to all ports of the VLAN for want of a learned address; broadcasts not counted.
    pub flooded: u64,
    /// Frames whose transmission began.
    pub sent: u64,
    /// Frames lost because the output queue was full.
    pub overflowed: u64,
    /// Octets in the output queue now, and at most so far.
    pub queued_bytes: usize,
    /// High-water mark of `queued_bytes`.
    pub most_queued_bytes: usize,
}

struct Queued {
    frame: Frame,
    due: u64,
}

struct Port {
    config: PortConfig,
    decoder: GmiiDecoder,
    encoder: GmiiEncoder,
    queue: VecDeque<Queued>,
    counters: PortCounters,
}

/// The switch. Symbols of all ports in, symbols of all ports out, once a clock; what goes out is applied in the next.
pub struct Switch {
    ports: Vec<Port>,
    learned: HashMap<(u16, Mac), (usize, u64)>,
    queue_bytes: usize,
    latency: u64,
    ageing: u64,
    now: u64,
}

impl Switch {
    /// A switch that has learned nothing.
    pub fn new(config: SwitchConfig) -> Self {
        let port = |config| Port {
            config,
            decoder: GmiiDecoder::default(),
            encoder: GmiiEncoder::new(),
            queue: VecDeque::new(),
            counters: PortCounters::default(),
        };
        Switch {
            ports: config.ports.into_iter().map(port).collect(),
            learned: HashMap::new(),
            queue_bytes: config.queue_bytes,
            latency: config.latency,
            ageing: config.ageing,
            now: 0,
        }
    }

    /// Number of ports.
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    /// Changes a port's VLANs, as a system manager does. What was learned on it is forgotten; what is queued goes out.
    pub fn set_port(&mut self, port: usize, config: PortConfig) {
        self.ports[port].config = config;
        self.learned.retain(|_, &mut (at, _)| at != port);
    }

    /// The settings of a port.
    pub fn port(&self, port: usize) -> &PortConfig {
        &self.ports[port].config
    }

    /// The counters of a port.
    pub fn counters(&self, port: usize) -> PortCounters {
        self.ports[port].counters
    }

    /// Sets the high-water marks to what is queued now.
    pub fn reset_high_water(&mut self) {
        for port in &mut self.ports {
            port.counters.most_queued_bytes = port.counters.queued_bytes;
        }
    }

    /// Port behind which an address was learned in a VLAN.
    pub fn learned(&self, vid: u16, mac: Mac) -> Option<usize> {
        let &(port, seen) = self.learned.get(&(vid, mac))?;
        (self.now - seen < self.ageing).then_some(port)
    }

    /// One clock. Both slices have one symbol a port.
    pub fn clock(&mut self, rx: &[Gmii], tx: &mut [Gmii]) {
        for (port, &symbol) in rx.iter().enumerate().take(self.ports.len()) {
            if let Some(received) = self.ports[port].decoder.clock(symbol) {
                if received.is_good() {
                    self.ports[port].counters.received += 1;
                    self.forward(port, received.frame);
                } else {
                    self.ports[port].counters.bad += 1;
                }
            }
        }
        let now = self.now;
        for (port, symbol) in self.ports.iter_mut().zip(tx) {
            *symbol = port.transmit(now);
        }
        self.now += 1;
    }

    fn forward(&mut self, from: usize, frame: Frame) {
        let tag = frame.tag();
        let counters = &mut self.ports[from].counters;
        let (Some(dst), Some(src)) = (frame.dst(), frame.src()) else { return };
        if frame.is_link_local() {
            counters.link_local += 1;
            return;
        }
        let config = &self.ports[from].config;
        let vid = tag.map(|tag| tag.vid).filter(|&vid| vid != 0).unwrap_or(config.pvid);
        if vid == RESERVED_VID || !config.allowed.contains(&vid) {
            self.ports[from].counters.filtered += 1;
            return;
        }
        let group = |mac: Mac| mac[0] & 1 != 0;
        if !group(src) {
            self.learn(vid, src, from);
        }
        let known = if group(dst) { None } else { self.learned(vid, dst) };
        if known.is_none() && !group(dst) {
            self.ports[from].counters.flooded += 1;
        }
        let mut somewhere = false;
        for to in 0..self.ports.len() {
            let member = self.ports[to].config.allowed.contains(&vid);
            if to == from || !member || known.is_some_and(|port| port != to) {
                continue;
            }
            somewhere = true;
            let wanted = self.ports[to]
                .config
                .tagged
                .contains(&vid)
                .then(|| Tag { vid, ..tag.unwrap_or(Tag { pcp: 0, dei: false, vid }) });
            let frame = if wanted == tag { frame.clone() } else { frame.with_tag(wanted) };
            self.ports[to].enqueue(frame, self.now + self.latency, self.queue_bytes);
        }
        self.ports[from].counters.nowhere += u64::from(!somewhere);
    }
}

impl Switch {
    /// Notes where an address is. In a full table only known ones are renewed until others have aged.
    fn learn(&mut self, vid: u16, mac: Mac, port: usize) {
        let now = self.now;
        if self.learned.len() >= TABLE && !self.learned.contains_key(&(vid, mac)) {
            self.learned.retain(|_, &mut (_, seen)| now - seen < self.ageing);
            if self.learned.len() >= TABLE {
                return;
            }
        }
        self.learned.insert((vid, mac), (port, now));
    }
}

impl Port {
    fn enqueue(&mut self, frame: Frame, due: u64, room: usize) {
        let c = &mut self.counters;
        if c.queued_bytes + frame.bytes.len() > room {
            c.overflowed += 1;
            return;
        }
        c.queued_bytes += frame.bytes.len();
        c.most_queued_bytes = c.most_queued_bytes.max(c.queued_bytes);
        self.queue.push_back(Queued { frame, due });
    }

    fn transmit(&mut self, now: u64) -> Gmii {
        if self.encoder.is_idle() && self.queue.front().is_some_and(|queued| queued.due <= now) {
            let queued = self.queue.pop_front().expect("looked at above");
            self.counters.queued_bytes -= queued.frame.bytes.len();
            self.counters.sent += 1;
            self.encoder.send(&queued.frame);
        }
        self.encoder.clock()
    }
}

#[cfg(test)]
mod tests {
    use super::super::gmii::Received;
    use super::*;

    const BROADCAST: Mac = [0xff; 6];

    fn mac(n: u8) -> Mac {
        [2, 0, 0, 0, 0, n]
    }

    fn tag(vid: u16) -> Option<Tag> {
        Some(Tag { pcp: 3, dei: false, vid })
    }

    /// A switch with a station on each port.
    struct Net {
        switch: Switch,
        stations: Vec<GmiiEncoder>,
        ears: Vec<GmiiDecoder>,
        wires: Vec<Gmii>,
    }

    impl Net {
        fn new(config: SwitchConfig) -> Self {
            let n = config.ports.len();
            Net {
                switch: Switch::new(config),
                stations: vec![GmiiEncoder::new(); n],
                ears: vec![GmiiDecoder::default(); n],
                wires: vec![Gmii::IDLE; n],
            }
        }

        fn run(&mut self, clocks: usize) -> Vec<Vec<Received>> {
            let mut heard = vec![Vec::new(); self.ears.len()];
            for _ in 0..clocks {
                for ((ear, wire), heard) in self.ears.iter_mut().zip(&self.wires).zip(&mut heard) {
                    heard.extend(ear.clock(*wire));
                }
                let rx: Vec<Gmii> = self.stations.iter_mut().map(GmiiEncoder::clock).collect();
                self.switch.clock(&rx, &mut self.wires);
            }
            heard
        }

        /// Sends one frame and tells what arrives where: port and tag.
        fn send(&mut self, port: usize, dst: Mac, src: Mac, tag: Option<Tag>) -> Vec<(usize, Option<Tag>)> {
            self.send_frame(port, &Frame::build(dst, src, tag, 0x88b5, &[1, 2, 3]))
        }

        fn send_frame(&mut self, port: usize, frame: &Frame) -> Vec<(usize, Option<Tag>)> {
            self.stations[port].send(frame);
            let heard = self.run(1000);
            let each = heard.iter().enumerate().flat_map(|(port, all)| all.iter().map(move |r| (port, r)));
            each.map(|(port, r)| {
                assert!(r.is_good() && r.faults.is_empty(), "{r:?}");
                (port, r.frame.tag())
            })
            .collect()
        }
    }

    /// Ports 0 and 1 in VLAN 10, 2 in VLAN 20, 3 a trunk of both, 4 a trunk with 10 untagged.
    fn five() -> Net {
        let mut config = SwitchConfig::new(vec![
            PortConfig::access(10),
            PortConfig::access(10),
            PortConfig::access(20),
            PortConfig::trunk([10, 20], None),
            PortConfig::trunk([10, 20], Some(10)),
        ]);
        config.ageing = 100_000;
        Net::new(config)
    }

    #[test]
    fn vlans_are_apart_and_tags_follow_the_port() {
        let mut net = five();
        let bare = |vid| Some(Tag { pcp: 0, dei: false, vid });
        assert_eq!(net.send(0, BROADCAST, mac(0), None), [(1, None), (3, bare(10)), (4, None)]);
        assert_eq!(net.send(2, BROADCAST, mac(2), None), [(3, bare(20)), (4, bare(20))]);
        assert_eq!(net.send(3, BROADCAST, mac(3), tag(20)), [(2, None), (4, tag(20))]);
        assert_eq!(net.send(3, BROADCAST, mac(3), tag(10)), [(0, None), (1, None), (4, None)]);
        // Priority-tagged: the port's VLAN, the priority is kept.
        assert_eq!(net.send(4, BROADCAST, mac(4), tag(0)), [(0, None), (1, None), (3, tag(10))]);
        // An access port takes its own VLAN tagged as well, and no other.
        assert_eq!(net.send(0, BROADCAST, mac(0), tag(10)).len(), 3);
        for (port, tag) in [(0, tag(20)), (3, None), (3, tag(30)), (3, tag(0xfff))] {
            let before = net.switch.counters(port).filtered;
            assert_eq!(net.send(port, BROADCAST, mac(9), tag), []);
            assert_eq!(net.switch.counters(port).filtered, before + 1);
        }
        assert_eq!(net.switch.learned(20, mac(9)), None, "filtered frames teach nothing");
    }

    #[test]
    fn addresses_are_learned_per_vlan_move_and_age() {
        let mut net = five();
        assert_eq!(net.send(0, mac(1), mac(0), None).len(), 3);
        assert_eq!(net.switch.counters(0).flooded, 1);
        assert_eq!(net.send(1, mac(0), mac(1), None), [(0, None)]);
        assert_eq!(net.send(0, mac(1), mac(0), None), [(1, None)]);
        assert_eq!(net.send(2, mac(0), mac(2), None).len(), 2, "not learned in VLAN 20");
        // The address moves to another port.
        net.send(4, BROADCAST, mac(1), None);
        assert_eq!(net.send(0, mac(1), mac(0), None), [(4, None)]);
        assert_eq!(net.send(4, mac(1), mac(4), None), [], "never back to where it came from");
        assert_eq!(net.switch.counters(4).nowhere, 1);
        net.run(100_000);
        assert_eq!(net.send(0, mac(1), mac(0), None).len(), 3, "forgotten");
        // A moved port forgets.
        assert_eq!(net.switch.learned(10, mac(0)), Some(0));
        net.switch.set_port(0, PortConfig::access(20));
        assert_eq!(net.switch.learned(10, mac(0)), None);
        assert_eq!(net.send(0, BROADCAST, mac(0), None).iter().map(|x| x.0).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn bad_frames_and_pause_are_not_forwarded() {
        let mut net = five();
        let good = Frame::build(BROADCAST, mac(0), None, 0x88b5, &[0; 100]);
        let mut bad = good.clone();
        bad.bytes[50] ^= 4;
        assert_eq!(net.send_frame(0, &bad), []);
        assert_eq!(net.send_frame(0, &Frame { error: true, ..good.clone() }), []);
        assert_eq!(net.send_frame(0, &Frame { bytes: good.bytes[..40].to_vec(), error: false }), []);
        assert_eq!(net.send_frame(0, &Frame::pause(mac(0), 9)), []);
        let c = net.switch.counters(0);
        assert_eq!((c.bad, c.link_local, c.received), (3, 1, 1));
        assert_eq!(net.send_frame(0, &good).len(), 3);
    }

    #[test]
    fn an_output_runs_at_line_rate_and_its_queue_is_finite() {
        let mut config = SwitchConfig::new(vec![PortConfig::access(1); 3]);
        config.queue_bytes = 10_000;
        let mut net = Net::new(config);
        net.send(2, BROADCAST, mac(2), None);
        // Two stations at line rate to one: half is lost.
        for (port, src) in [(0, mac(0)), (1, mac(1))] {
            let frame = Frame::build(mac(2), src, None, 0x88b5, &[7; 982]);
            (0..100).for_each(|_| net.stations[port].send(&frame));
        }
        let heard = net.run(200_000);
        let c = net.switch.counters(2);
        assert_eq!(c.sent + c.overflowed, 200);
        assert!((85..100).contains(&c.overflowed), "{c:?}");
        assert!((9_000..=10_000).contains(&c.most_queued_bytes) && c.queued_bytes == 0, "{c:?}");
        let starts: Vec<u64> = heard[2].iter().map(|r| r.start).collect();
        assert_eq!(starts.len() as u64, c.sent);
        assert!(starts.windows(2).all(|w| w[1] - w[0] == 8 + 1000 + 12), "back to back");
        net.switch.reset_high_water();
        assert_eq!(net.switch.counters(2).most_queued_bytes, 0);
    }

    #[test]
    fn the_address_table_is_finite() {
        let mut config = SwitchConfig::new(vec![PortConfig::access(1); 2]);
        config.ageing = 1000;
        let mut switch = Switch::new(config);
        let number = |n: usize| [2, 0, 0, 0, (n >> 8) as u8, n as u8];
        (0..TABLE + 10).for_each(|n| switch.learn(1, number(n), 0));
        assert_eq!((switch.learned(1, number(TABLE - 1)), switch.learned(1, number(TABLE))), (Some(0), None));
        switch.learn(1, number(5), 1);
        assert_eq!(switch.learned(1, number(5)), Some(1), "known ones still move");
        switch.now = 1000;
        switch.learn(1, number(TABLE), 0);
        assert_eq!((switch.learned.len(), switch.learned(1, number(TABLE))), (1, Some(0)));
    }

    #[test]
    fn latency_counts_from_the_end_of_reception() {
        let mut config = SwitchConfig::new(vec![PortConfig::access(1); 2]);
        config.latency = 777;
        let mut net = Net::new(config);
        net.stations[0].send(&Frame::build(mac(1), mac(0), None, 0x88b5, &[7; 982]));
        let heard = net.run(5000);
        // 1008 symbols in; the end is seen one clock later; out 777 clocks after that, applied in the next clock.
        assert_eq!(heard[1][0].start, 1008 + 777 + 1);
    }
}
