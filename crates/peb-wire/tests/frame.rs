//! Errors, arithmetic, and bytes of any kind. Proptest prints the failing input.

use peb_wire::{
    field, limit_fraction, sack_bit, sack_contains, tlps_per_frame, EncodeError, Flags, Frame, FrameBuilder,
    FrameError, Header, HeaderError, Join, Kind, Mac, Message, Seq, VlanTag, When, FIELDS, HEADER_LEN, KINDS,
    MAX_RECORDS,
};
use proptest::prelude::*;

const WRITE: [u8; 16] = [0x40, 0, 0, 1, 0, 0, 0, 0x0f, 0, 0, 0x10, 0, 1, 2, 3, 4];

fn frame(records: &[u8]) -> Vec<u8> {
    let header = Header { flags: Flags { data: true, ..Flags::default() }, ..Header::EMPTY };
    let mut bytes = FrameBuilder::new(Mac::BROADCAST, Mac::default(), header).finish();
    bytes.truncate(14 + HEADER_LEN);
    bytes.extend_from_slice(records);
    bytes
}

fn last_error(bytes: &[u8]) -> Option<FrameError> {
    Frame::parse(bytes).unwrap().records().last().and_then(Result::err)
}

#[test]
fn the_table_covers_the_header_once() {
    for data in [true, false] {
        let mut used = [0u8; HEADER_LEN];
        for field in FIELDS.iter().filter(|f| f.when != if data { When::Join } else { When::Data }) {
            let mut mask = [0; HEADER_LEN];
            field.set(&mut mask, u32::MAX);
            assert_eq!(field.get(&mask), field.max(), "{}", field.name);
            for (used, mask) in used.iter_mut().zip(mask) {
                assert_eq!(*used & mask, 0, "{} overlaps", field.name);
                *used |= mask;
            }
        }
        let mut full = [0xff; HEADER_LEN];
        full[10] = 0x1f;
        if !data {
            full[12] = 0x9f;
        }
        assert_eq!(used, full);
    }
    for pair in FIELDS.windows(2) {
        assert!(pair[0].byte <= pair[1].byte, "{} before {}", pair[0].name, pair[1].name);
    }
    for (bits, (kind, ..)) in KINDS.iter().enumerate() {
        assert_eq!(Kind::from_bits(bits as u32), Some(*kind));
        assert_eq!(kind.bits(), bits as u32);
    }
    assert_eq!(Kind::from_bits(KINDS.len() as u32), None);
    assert_eq!((field::TS_ECHO.word(), field::TS_ECHO.lane()), (2, 3));
}

#[test]
fn errors_say_where() {
    let good = frame(&WRITE);
    assert_eq!(Frame::parse(&good[..37]).unwrap_err(), FrameError::TooShort { need: 38, have: 37 });
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        Frame::parse(&bytes).map(|_| ()).unwrap_err()
    };
    assert_eq!(with(13, 0xb6), FrameError::EtherType { offset: 12, value: 0x88b6 });
    assert_eq!(with(14, 0x51), FrameError::Header { start: 14, error: HeaderError::Magic(0x51) });
    assert_eq!(with(15, 0x20), FrameError::Header { start: 14, error: HeaderError::Version(2) });
    assert_eq!(with(15, 0x1f).to_string(), "byte 15: unknown kind 15");
    assert!(Frame::parse_ethertype(&good, 0x88b6).is_err());

    assert_eq!(last_error(&frame(&[0x80, 0, 0, 1])), Some(FrameError::Record { offset: 38, byte: 0x80 }));
    let truncated = [&WRITE[..], &WRITE[..12]].concat();
    assert_eq!(last_error(&frame(&truncated)), Some(FrameError::Truncated { offset: 54, need: 16, have: 12 }));
    assert_eq!(last_error(&frame(&[0xe0, 0, 0, 0])), Some(FrameError::EmptyControl { offset: 38 }));
    assert_eq!(last_error(&frame(&[0xe0, 2, 0, 0])), Some(FrameError::Truncated { offset: 38, need: 8, have: 4 }));
    assert_eq!(last_error(&frame(&[0xff, 0, 0, 0])), None);
    // What follows an error, or padding, is not looked at.
    let bytes = frame(&[&[0xff; 4][..], &WRITE].concat());
    assert_eq!(Frame::parse(&bytes).unwrap().records().count(), 0);
    let bytes = frame(&[&[0xa0; 4][..], &WRITE].concat());
    assert_eq!(Frame::parse(&bytes).unwrap().records().count(), 1);
}

#[test]
fn no_records_without_flag_data() {
    let mut bytes = frame(&WRITE);
    assert_eq!(Frame::parse(&bytes).unwrap().records().count(), 1);
    bytes[24] = 0;
    assert_eq!(Frame::parse(&bytes).unwrap().records().count(), 0);
}

#[test]
fn builder_refuses() {
    let mut builder = FrameBuilder::new(Mac::default(), Mac::default(), Header::EMPTY);
    assert_eq!(builder.push_tlp(&WRITE[..12]), Err(EncodeError::Length(16, 12)));
    assert_eq!(builder.push_tlp(&[0xff; 16]), Err(EncodeError::Length(0, 16)));
    assert_eq!(builder.push_control(31, &[0; 2]), Err(EncodeError::Control));
    assert_eq!(builder.push_control(0, &[0; 3]), Err(EncodeError::Control));
    assert!(!builder.header.flags.data);
    for _ in 0..MAX_RECORDS / 16 {
        builder.push_tlp(&WRITE).unwrap();
    }
    assert_eq!(builder.push_tlp(&WRITE), Err(EncodeError::Full(16, 4)));
}

#[test]
fn sequence_numbers_wrap() {
    assert_eq!(Seq(0xffff).next(), Seq(0));
    assert_eq!(Seq(3).since(Seq(0xfffe)), 5);
    assert!(Seq(0xffff).is_before(Seq(0)) && !Seq(0).is_before(Seq(0xffff)) && !Seq(5).is_before(Seq(5)));
    assert!(Seq(9).is_before(Seq(0x8008)) && !Seq(9).is_before(Seq(0x8009)));
    assert!(Seq(0).in_window(Seq(0xffff), 2) && !Seq(1).in_window(Seq(0xffff), 2));
    assert_eq!(sack_bit(Seq(0xffff), Seq(0)), 1);
    assert_eq!(sack_bit(Seq(0), Seq(32)), 0x8000_0000);
    assert_eq!((sack_bit(Seq(0), Seq(0)), sack_bit(Seq(0), Seq(33))), (0, 0));
    assert!(sack_contains(Seq(2), 0b10, Seq(1)) && !sack_contains(Seq(2), 0b10, Seq(2)));
    assert!(!sack_contains(Seq(2), 0b10, Seq(3)) && sack_contains(Seq(2), 0b10, Seq(4)));
}

#[test]
fn goodput_limit() {
    // k worked out by hand: 1476 / 76, / 140, / 268, / 524.
    for (payload, tlps) in [(64, 19), (128, 10), (256, 5), (512, 2)] {
        assert_eq!(tlps_per_frame(12, payload), tlps);
        let line = 8 + 14 + 4 + 24 + tlps * (12 + payload) + 4 + 12;
        assert!((limit_fraction(12, payload) - (tlps * payload) as f64 / line as f64).abs() < 1e-12);
    }
}

fn headers() -> impl Strategy<Value = Header> {
    let join = (any::<bool>(), 0u8..32, 0u32..1 << 24).prop_map(|(any_slot, slot, down_ticks)| Join {
        any_slot,
        slot,
        down_ticks,
    });
    let message = prop_oneof![
        any::<u32>().prop_map(|sack| Message::Data { sack }),
        join.clone().prop_map(Message::Hello),
        join.clone().prop_map(Message::Offer),
        join.clone().prop_map(Message::Confirm),
        join.prop_map(Message::Leave),
    ];
    let flags = any::<[bool; 4]>().prop_map(|[data, host, bound, retransmit]| Flags { data, host, bound, retransmit });
    let echo = proptest::option::of(0u32..1 << 24);
    (message, flags, any::<[u16; 4]>(), any::<[u8; 3]>(), 0u32..1 << 24, echo).prop_map(
        |(message, flags, [src_epoch, dst_epoch, seq, ack], [session, window, np_limit], ts, ts_echo)| Header {
            message,
            src_epoch,
            dst_epoch,
            seq: Seq(seq),
            ack: Seq(ack),
            flags,
            session,
            ts,
            ts_echo,
            window,
            np_limit,
        },
    )
}

fn look(bytes: &[u8]) {
    let Ok(frame) = Frame::parse(bytes) else { return };
    let mut end = 0;
    for record in frame.records() {
        match record {
            Ok(peb_wire::Record::Tlp { offset, bytes: tlp }) => {
                assert!(offset >= end && &bytes[offset..offset + tlp.len()] == tlp && tlp.len() >= 12);
                end = offset + tlp.len();
                let _ = peb_tlp::TlpView::parse(tlp);
            }
            Ok(peb_wire::Record::Control { offset, content, .. }) => end = offset + 2 + content.len(),
            Err(error) => assert!(error.offset() < bytes.len() && !error.to_string().is_empty()),
        }
    }
    assert!(end <= bytes.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn headers_survive(header in headers()) {
        prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        look(&bytes);
    }

    #[test]
    fn any_records(records in proptest::collection::vec(any::<u8>(), 0..1500), dwords in 0u8..200) {
        let mut records = records;
        if let [byte0, _, byte2, byte3, ..] = &mut records[..] {
            *byte0 &= 0x7f;
            (*byte2, *byte3) = (0, dwords);
        }
        look(&frame(&records));
    }

    #[test]
    fn tags_survive(vid in 0u16..4096, pcp in 0u8..8, dei: bool) {
        let mut builder = FrameBuilder::new(Mac::default(), Mac::default(), Header::EMPTY);
        builder.tag = Some(VlanTag { vid, pcp, dei });
        prop_assert_eq!(Frame::parse(&builder.finish()).unwrap().tag, builder.tag);
    }
}
