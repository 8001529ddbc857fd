//! Frames made by `golden/make.py`, which shares nothing with this crate.

use peb_tlp::{TlpType, TlpView};
use peb_wire::{Flags, Frame, FrameBuilder, Header, Join, Mac, Message, Record, Seq, VlanTag};

const HOST: Mac = Mac([2, 0, 0, 0, 0x0a, 1]);
const IO: Mac = Mac([2, 0, 0, 0, 0x0b, 2]);

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let bytes = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// Reads the frame, compares it, writes it again, and returns its TLPs.
#[track_caller]
fn check(name: &str, dst: Mac, src: Mac, tag: Option<VlanTag>, header: Header) -> Vec<Vec<u8>> {
    let bytes = golden(name);
    let frame = Frame::parse(&bytes).unwrap();
    assert_eq!((frame.dst, frame.src, frame.tag), (dst, src, tag));
    assert_eq!(frame.header, header);
    let mut builder = FrameBuilder::new(dst, src, header);
    builder.tag = tag;
    for record in frame.records() {
        match record.unwrap() {
            Record::Tlp { bytes, .. } => builder.push_tlp(bytes).unwrap(),
            Record::Control { code, content, .. } => builder.push_control(code, content).unwrap(),
        }
    }
    if name != "data_refilled" {
        assert_eq!(builder.finish(), bytes);
    }
    frame.tlps().map(|tlp| tlp.unwrap().1.to_vec()).collect()
}

fn flags(text: &str) -> Flags {
    Flags {
        data: text.contains('d'),
        host: text.contains('h'),
        bound: text.contains('b'),
        retransmit: text.contains('r'),
    }
}

#[test]
fn hello() {
    let join = Join { any_slot: true, slot: 3, down_ticks: 20000 };
    let header = Header { message: Message::Hello(join), src_epoch: 7, ts: 0x123, window: 32, ..Header::EMPTY };
    assert!(check("hello_io", Mac::BROADCAST, IO, None, header).is_empty());

    let join = Join { down_ticks: 20000, ..Join::default() };
    let header = Header { message: Message::Hello(join), flags: flags("hb"), ts: 0xff_ffff, ..Header::EMPTY };
    check("hello_host", Mac::BROADCAST, HOST, Some(VlanTag::new(100)), header);
}

#[test]
fn offer_confirm_leave() {
    let offer = Header {
        message: Message::Offer(Join { any_slot: false, slot: 2, down_ticks: 20000 }),
        src_epoch: 0x1234,
        dst_epoch: 7,
        flags: flags("h"),
        ts: 0xabcd,
        ts_echo: Some(0x130),
        window: 32,
        np_limit: 16,
        ..Header::EMPTY
    };
    check("offer", IO, HOST, Some(VlanTag { vid: 100, pcp: 5, dei: false }), offer);
    let confirm = Header {
        message: Message::Confirm(Join { any_slot: false, slot: 3, down_ticks: 0xff_ffff }),
        src_epoch: 7,
        dst_epoch: 0x1234,
        flags: flags("b"),
        session: 2,
        ts: 0x200,
        ts_echo: Some(0xabd0),
        np_limit: 8,
        ..offer
    };
    check("confirm", HOST, IO, Some(VlanTag::new(100)), confirm);
    let leave = Header {
        message: Message::Leave(Join::default()),
        seq: Seq(9),
        ack: Seq(8),
        ts: 0x400,
        ts_echo: None,
        window: 0,
        np_limit: 0,
        ..confirm
    };
    check("leave", HOST, IO, Some(VlanTag::new(4094)), leave);
}

#[test]
fn acknowledgement() {
    let header = Header {
        message: Message::Data { sack: 0x8000_0001 },
        src_epoch: 7,
        dst_epoch: 0x1234,
        seq: Seq(1),
        ack: Seq(0xffff),
        flags: flags("b"),
        session: 2,
        ts: 0x10,
        ts_echo: Some(0xff_fff0),
        window: 17,
        np_limit: 255,
    };
    assert!(check("ack_wrapped", HOST, IO, None, header).is_empty());
}

#[test]
fn data() {
    let header = Header {
        src_epoch: 0x1234,
        dst_epoch: 7,
        seq: Seq(0x8000),
        ack: Seq(1),
        flags: flags("dhb"),
        ts: 0x55_aa55,
        window: 32,
        np_limit: 16,
        ..Header::EMPTY
    };
    let tlps = check("data_config", IO, HOST, Some(VlanTag::new(100)), header);
    assert_eq!(tlps.len(), 1);
    assert_eq!(TlpView::parse(&tlps[0]).unwrap().register(), 0x100);

    let full = Header { seq: Seq(6), ack: Seq(6), ts: 0x30, ..header };
    let tlps = check("data_full", IO, HOST, Some(VlanTag::new(100)), full);
    let lengths: Vec<_> = tlps.iter().map(|tlp| TlpView::parse(tlp).unwrap().payload().len()).collect();
    assert_eq!(lengths, [512, 512, 416]);
    assert_eq!(golden("data_full").len(), 18 + 1500);
}

#[test]
fn several_tlps() {
    let header = Header {
        src_epoch: 7,
        dst_epoch: 0x1234,
        seq: Seq(0xffff),
        ack: Seq(0x102),
        flags: flags("dbr"),
        session: 2,
        ts: 1,
        ts_echo: Some(0xff_fffe),
        window: 1,
        np_limit: 0x80,
        ..Header::EMPTY
    };
    let tlps = check("data_mixed", HOST, IO, None, header);
    let names: Vec<_> = tlps.iter().map(|tlp| TlpView::parse(tlp).unwrap().fmt_type().name()).collect();
    assert_eq!(names, ["MWr", "MRd", "CplD", "MsgD", "Cpl"]);
    assert!(matches!(TlpView::parse(&tlps[3]).unwrap().ty(), TlpType::Message(_)));
    let bytes = golden("data_mixed");
    let control = Frame::parse(&bytes).unwrap().records().nth(2);
    let content = &[0xab, 0xcd, 1, 2, 3, 4][..];
    assert_eq!(control, Some(Ok(Record::Control { offset: 14 + 24 + 20 + 20, code: 5, content })));
}

#[test]
fn filled_up_by_a_bridge() {
    let header = Header {
        src_epoch: 7,
        dst_epoch: 0x1234,
        seq: Seq(5),
        ack: Seq(5),
        flags: flags("db"),
        session: 2,
        ts: 0x20,
        window: 32,
        np_limit: 16,
        ..Header::EMPTY
    };
    assert_eq!(check("data_refilled", HOST, IO, None, header).len(), 1);
}
