//! Ethernet frames (IEEE 802.3 clause 3) with 802.1Q tags.

/// A MAC address, first byte on the wire first.
pub type Mac = [u8; 6];

/// Shortest frame in octets, FCS included (IEEE 802.3, 3.2.8).
pub const MIN_FRAME: usize = 64;
/// Longest frame in octets, tag and FCS included (IEEE 802.3, 3.2.7: Q-tagged frame).
pub const MAX_FRAME: usize = 1522;
/// Destination of PAUSE frames (IEEE 802.3, 31B.1).
pub const PAUSE_MAC: Mac = [0x01, 0x80, 0xc2, 0x00, 0x00, 0x01];

const TPID: [u8; 2] = [0x81, 0x00];
const MAC_CONTROL: u16 = 0x8808;

/// Frame check sequence (IEEE 802.3, 3.2.9) in the order of the wire.
pub fn fcs(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

/// The content of an 802.1Q tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Priority code point, 0 to 7.
    pub pcp: u8,
    /// Drop eligible indicator.
    pub dei: bool,
    /// VLAN identifier, 0 to 4095; 0 means priority-tagged.
    pub vid: u16,
}

impl Tag {
    fn from_tci(tci: u16) -> Self {
        Tag { pcp: (tci >> 13) as u8, dei: tci & 0x1000 != 0, vid: tci & 0xfff }
    }

    fn tci(self) -> u16 {
        u16::from(self.pcp & 7) << 13 | u16::from(self.dei) << 12 | (self.vid & 0xfff)
    }
}

/// A frame, from the destination address to the FCS inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// All octets in wire order, FCS included. May be anything: runts have fewer than the 18 octets of an empty frame.
    pub bytes: Vec<u8>,
    /// The sender or a link signalled an error inside the frame (`er` on GMII).
    pub error: bool,
}

impl Frame {
    /// A frame of the octets before the FCS: pads to the minimum and adds the FCS.
    pub fn new(mut body: Vec<u8>) -> Self {
        if body.len() < MIN_FRAME - 4 {
            body.resize(MIN_FRAME - 4, 0);
        }
        let check = fcs(&body);
        body.extend(check);
        Frame { bytes: body, error: false }
    }

    /// A frame of its parts.
    pub fn build(dst: Mac, src: Mac, tag: Option<Tag>, ethertype: u16, payload: &[u8]) -> Self {
        let mut body = Vec::with_capacity(22 + payload.len());
        body.extend(dst);
        body.extend(src);
        if let Some(tag) = tag {
            body.extend(TPID);
            body.extend(tag.tci().to_be_bytes());
        }
        body.extend(ethertype.to_be_bytes());
        body.extend(payload);
        Frame::new(body)
    }

    /// A PAUSE frame (IEEE 802.3, annex 31B). `quanta` are units of 512 bit times: 64 clocks.
    pub fn pause(src: Mac, quanta: u16) -> Self {
        let [high, low] = quanta.to_be_bytes();
        Frame::build(PAUSE_MAC, src, None, MAC_CONTROL, &[0x00, 0x01, high, low])
    }

    /// Whether the FCS fits and no error was signalled. Frames shorter than an FCS are bad.
    pub fn is_good(&self) -> bool {
        let Some(at) = self.bytes.len().checked_sub(4) else { return false };
        !self.error && fcs(&self.bytes[..at]) == self.bytes[at..]
    }

    /// The octets before the FCS; nothing of a frame without room for one.
    pub fn body(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().saturating_sub(4)]
    }

    /// Destination address, if the frame is long enough for one.
    pub fn dst(&self) -> Option<Mac> {
        self.body().get(..6)?.try_into().ok()
    }

    /// Source address, if the frame is long enough for one.
    pub fn src(&self) -> Option<Mac> {
        self.body().get(6..12)?.try_into().ok()
    }

    /// The outer 802.1Q tag.
    pub fn tag(&self) -> Option<Tag> {
        match self.body().get(12..16)? {
            [0x81, 0x00, high, low] => Some(Tag::from_tci(u16::from_be_bytes([*high, *low]))),
            _ => None,
        }
    }

    /// Type or length field behind the tag.
    pub fn ethertype(&self) -> Option<u16> {
        let at = if self.tag().is_some() { 16 } else { 12 };
        Some(u16::from_be_bytes(self.body().get(at..at + 2)?.try_into().ok()?))
    }

    /// Whether this is a MAC control frame or goes to an address that bridges do not forward (802.1Q table 8-1).
    pub fn is_link_local(&self) -> bool {
        let reserved = matches!(self.dst(), Some([0x01, 0x80, 0xc2, 0, 0, low]) if low < 0x10);
        reserved || self.ethertype() == Some(MAC_CONTROL)
    }

    /// The same frame with another tag or none, padded again if it gets too short, and with a new FCS.
    pub fn with_tag(&self, tag: Option<Tag>) -> Frame {
        let body = self.body();
        let rest = if self.tag().is_some() { 16 } else { 12 };
        let mut new = Vec::with_capacity(body.len() + 8);
        new.extend(&body[..body.len().min(12)]);
        if let Some(tag) = tag {
            new.extend(TPID);
            new.extend(tag.tci().to_be_bytes());
        }
        new.extend(body.get(rest..).unwrap_or_default());
        Frame { error: self.error, ..Frame::new(new) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Mac = [2, 0, 0, 0, 0, 1];
    const B: Mac = [2, 0, 0, 0, 0, 2];

    #[test]
    fn fcs_of_known_vectors() {
        // The check value of CRC-32/ISO-HDLC, and the residue property of 802.3.
        assert_eq!(fcs(b"123456789"), 0xcbf4_3926u32.to_le_bytes());
        let frame = Frame::build(B, A, None, 0x0800, b"payload");
        assert_eq!(crc32fast::hash(&frame.bytes), 0x2144_df1c);
        // An ARP request padded to 60 octets; FCS computed with Python's zlib.
        let arp = "ffffffffffff00010203040508060001080006040001000102030405c0a80001000000000000c0a80002";
        let mut body: Vec<u8> =
            (0..arp.len()).step_by(2).map(|i| u8::from_str_radix(&arp[i..i + 2], 16).unwrap()).collect();
        body.resize(60, 0);
        assert_eq!(fcs(&body), ARP_FCS);
    }
    const ARP_FCS: [u8; 4] = [0x1a, 0x23, 0x04, 0x35];

    #[test]
    fn tags_are_added_read_and_stripped() {
        let tag = Tag { pcp: 5, dei: true, vid: 0x123 };
        let plain = Frame::build(B, A, None, 0x88b5, &[7; 100]);
        let tagged = plain.with_tag(Some(tag));
        assert_eq!(tagged.bytes[12..18], [0x81, 0x00, 0xb1, 0x23, 0x88, 0xb5]);
        assert_eq!((tagged.tag(), tagged.ethertype(), tagged.is_good()), (Some(tag), Some(0x88b5), true));
        assert_eq!(tagged.bytes.len(), plain.bytes.len() + 4);
        assert_eq!(tagged.with_tag(None), plain);
        let short = Frame::build(B, A, Some(tag), 0x88b5, &[7; 42]);
        assert_eq!((short.bytes.len(), short.with_tag(None).bytes.len()), (64, 64));
    }

    #[test]
    fn bad_frames_are_seen_and_short_ones_do_no_harm() {
        let mut frame = Frame::build(B, A, None, 0x0800, b"payload");
        assert!(frame.is_good());
        frame.bytes[20] ^= 1;
        assert!(!frame.is_good());
        for len in 0..20 {
            let runt = Frame { bytes: vec![0x81; len], error: false };
            let _ = (runt.dst(), runt.src(), runt.tag(), runt.ethertype(), runt.is_link_local());
            assert!(!runt.is_good());
            assert!(runt.with_tag(None).is_good());
        }
    }

    #[test]
    fn pause_is_link_local() {
        let pause = Frame::pause(A, 0xffff);
        assert_eq!(pause.bytes[12..18], [0x88, 0x08, 0x00, 0x01, 0xff, 0xff]);
        assert!(pause.is_link_local() && !Frame::build(B, A, None, 0x88b5, &[]).is_link_local());
    }
}
