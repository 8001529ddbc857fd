//! What must be dropped: bursts that are no frames of the tunnel, packets that are no TLPs.

use peb_tlp::TlpView;
use rand::seq::SliceRandom;
use rand::Rng;

use crate::net::{Frame, Gmii, GmiiEncoder, Shape, MAX_FRAME};

/// Longest malformed packet in bytes: a little more than the longest TLP.
const LONGEST_PACKET: usize = 600;

/// A burst of symbols that no tunnel may take anything from: noise, runts, giants, wrong FCS, frames of others.
///
/// With a frame of the tunnel given, also that frame with another destination, type, magic or version and a right FCS.
pub fn burst(rng: &mut impl Rng, like: Option<&Frame>) -> Vec<Gmii> {
    let random = |rng: &mut _, length| bytes(rng, length);
    let length = rng.gen_range(60..=1500);
    let (frame, shape) = match (rng.gen_range(0..8), like) {
        (0, _) => return (0..rng.gen_range(1..400)).map(|_| noise(rng)).collect(),
        (1, _) => {
            let preamble = rng.gen_range(0..20);
            (Frame { bytes: Vec::new(), error: false }, Shape { preamble, ..Shape::default() })
        }
        (2, _) => {
            let mut runt = Frame::new(random(rng, 60)).bytes;
            runt.truncate(rng.gen_range(1..64));
            (Frame { bytes: runt, error: false }, Shape::default())
        }
        (3, _) => {
            let giant = rng.gen_range(MAX_FRAME - 3..2000);
            (Frame::new(random(rng, giant)), Shape::default())
        }
        (4, _) => (Frame { bytes: random(rng, length), error: false }, Shape::default()),
        (5, _) => {
            let error_at = Some(rng.gen_range(0..60));
            (Frame::new(random(rng, length)), Shape { error_at, ..Shape::default() })
        }
        (6 | 7, Some(like)) if like.body().len() >= 60 => (foreign(rng, like), Shape::default()),
        _ => {
            // EtherType IPv4, which is never the tunnel's.
            let [dst, src] = [(); 2].map(|()| rng.gen());
            (Frame::build(dst, src, None, 0x0800, &random(rng, length - 14)), Shape::default())
        }
    };
    let mut encoder = GmiiEncoder::new();
    encoder.send_shaped(&frame, shape);
    std::iter::from_fn(|| Some(encoder.clock()).filter(|symbol| symbol.en)).collect()
}

/// The frame made another's: one of the fields that tell the tunnel's frames is changed.
fn foreign(rng: &mut impl Rng, like: &Frame) -> Frame {
    let tunnel = if like.tag().is_some() { 18 } else { 14 };
    let mut body = like.body().to_vec();
    // Destination, type, magic, version.
    let at = *[rng.gen_range(1..6), tunnel - 2, tunnel - 1, tunnel, tunnel + 1].choose(rng).expect("not empty");
    // Of the last one only the version: another kind would be a frame of the tunnel.
    body[at] ^= if at == tunnel + 1 { rng.gen_range(1..=15u8) << 4 } else { rng.gen_range(1..=255u8) };
    Frame::new(body)
}

/// A packet that breaks a rule of PCIe 2.2, made from a TLP.
pub fn malformed_tlp(rng: &mut impl Rng, like: &[u8]) -> Vec<u8> {
    loop {
        let mut packet = like.to_vec();
        match rng.gen_range(0..5) {
            0 => packet.truncate(rng.gen_range(1..=packet.len().max(1))),
            1 => {
                let more = rng.gen_range(1..40);
                packet.extend(bytes(rng, more));
            }
            2 => packet[0] = rng.gen(),
            3 if packet.len() > 3 => packet[rng.gen_range(1..4)] = rng.gen(),
            _ => {
                let length = rng.gen_range(1..LONGEST_PACKET);
                packet = bytes(rng, length);
            }
        }
        packet.truncate(LONGEST_PACKET);
        if TlpView::parse(&packet).is_err() {
            return packet;
        }
    }
}

fn bytes(rng: &mut impl Rng, length: usize) -> Vec<u8> {
    (0..length).map(|_| rng.gen()).collect()
}

fn noise(rng: &mut impl Rng) -> Gmii {
    // Never a delimiter, so that noise is never a frame.
    Gmii { data: rng.gen::<u8>() & !0x04, en: true, er: rng.gen_bool(0.1) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::net::GmiiDecoder;

    #[test]
    fn bursts_are_never_frames_of_the_tunnel() {
        let seed = 1;
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let like = Frame::build([2; 6], [4; 6], None, 0x88b5, &[0x50, 1, 7, 7, 7, 7]);
        let mut good = 0;
        for _ in 0..5000 {
            let mut decoder = GmiiDecoder::default();
            let symbols = burst(&mut rng, Some(&like));
            assert!(!symbols.is_empty() && symbols.iter().all(|symbol| symbol.en));
            assert!(symbols.into_iter().all(|symbol| decoder.clock(symbol).is_none()));
            let received = decoder.clock(Gmii::IDLE).expect("a burst");
            if received.is_good() {
                good += 1;
                let body = received.frame.body();
                let ours = body[..6] == [2; 6] && body[12..16] == [0x88, 0xb5, 0x50, 1];
                assert!(!ours, "{body:x?}");
            }
        }
        assert!((1000..3000).contains(&good), "{good}");
    }

    #[test]
    fn malformed_packets_are_malformed_and_of_all_kinds() {
        let seed = 2;
        println!("seed {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let like = [0x40, 0, 0, 1, 0, 0, 0, 0xf, 0, 0, 0x10, 0, 1, 2, 3, 4];
        let packets: Vec<_> = (0..2000).map(|_| malformed_tlp(&mut rng, &like)).collect();
        assert!(packets.iter().all(|p| !p.is_empty() && p.len() <= LONGEST_PACKET && TlpView::parse(p).is_err()));
        assert!(packets.iter().any(|p| p.len() % 4 != 0) && packets.iter().any(|p| p.len() == like.len()));
    }
}
