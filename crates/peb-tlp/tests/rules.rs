//! The framer's checks against headers written down from the specification's figures.

use peb_tlp::{CompletionStatus, FunctionId, MsgRouting, TlpError, TlpType, TlpView};

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

#[track_caller]
fn refused(text: &str) -> TlpError {
    TlpView::parse(&hex(text)).unwrap_err()
}

#[track_caller]
fn accepted(text: &str) {
    if let Err(error) = TlpView::parse(&hex(text)) {
        panic!("{text}: {error}");
    }
}

/// A memory read header: length in dwords, byte 7, address.
fn read(dwords: u16, enables: u8, address: u32) -> Vec<u8> {
    let [l1, l0] = (dwords & 0x3ff).to_be_bytes();
    [&[0, 0, l1, l0, 1, 0, 0, enables][..], &address.to_be_bytes()].concat()
}

#[test]
fn fields_of_a_request() {
    // MWr, 4 dwords of header; TC 5, T9 and T8, IDO; TD, EP, RO, NS; 2 dwords; requester 12:03.4; tag 0x56.
    let bytes = hex("60dc f002 121c 567f 0000 0001 8000 0ffc 00112233 44556677 deadbeef");
    assert!(matches!(TlpView::parse(&bytes), Err(TlpError::Crosses4K { address: 0x1_8000_0ffc, dwords: 2 })));
    let bytes = hex("60dc f002 121c 567f 0000 0001 8000 0ff8 00112233 44556677 deadbeef");
    let tlp = TlpView::parse(&bytes).unwrap();
    assert_eq!(tlp.ty(), TlpType::MemWrite);
    assert_eq!(tlp.requester(), FunctionId::new(0x12, 3, 4));
    assert_eq!((tlp.tag().0, tlp.traffic_class()), (0x356, 5));
    assert!(tlp.id_based_ordering() && tlp.relaxed_ordering() && tlp.no_snoop() && tlp.poisoned());
    assert_eq!((tlp.first_be(), tlp.last_be()), (0xf, 0x7));
    assert_eq!(tlp.address(), 0x1_8000_0ff8);
    assert_eq!(tlp.payload(), hex("00112233 44556677"));
    assert_eq!(tlp.digest(), Some(0xdead_beef));
}

#[test]
fn fields_of_a_configuration_request() {
    let bytes = hex("44000001 0000 0f0c 0108 0404 00040000");
    let tlp = TlpView::parse(&bytes).unwrap();
    assert_eq!(tlp.ty(), TlpType::CfgWrite0);
    assert_eq!((tlp.destination(), tlp.register()), (FunctionId::new(1, 1, 0), 0x404));
    assert_eq!(TlpView::parse(&hex("05000001 0000 0f0c 0108 0404")).unwrap().ty(), TlpType::CfgRead1);
}

#[test]
fn fields_of_a_completion() {
    let bytes = hex("4a000001 0100 2004 0018 7f45 01020304");
    let tlp = TlpView::parse(&bytes).unwrap();
    assert_eq!((tlp.completer(), tlp.requester()), (FunctionId(0x100), FunctionId(0x18)));
    assert_eq!((tlp.tag().0, tlp.byte_count(), tlp.lower_address()), (0x7f, 4, 0x45));
    assert_eq!(tlp.status(), CompletionStatus::UnsupportedRequest);
    assert_eq!(TlpView::parse(&hex("4a000001 0100 0000 0018 7f45 01020304")).unwrap().byte_count(), 4096);
}

#[test]
fn length_must_agree_with_the_bytes() {
    assert_eq!(refused(""), TlpError::TooShort { need: 4, have: 0 });
    assert_eq!(refused("00000001 0000 000f"), TlpError::TooShort { need: 12, have: 8 });
    assert_eq!(refused("40000002 0000 00ff 00000000 00000000"), TlpError::TooShort { need: 20, have: 16 });
    assert_eq!(refused("40000001 0000 000f 00000000 00000000 00000000"), TlpError::TooLong { need: 16, have: 20 });
    // TD asks for a dword more.
    assert_eq!(refused("00008001 0000 000f 00000000"), TlpError::TooShort { need: 16, have: 12 });
    accepted("00008001 0000 000f 00000000 12345678");
    // 129 dwords, and 1024 written as 0.
    assert_eq!(refused("40000081 0000 00ff 00000000"), TlpError::PayloadTooLong(516));
    assert_eq!(refused("40000000 0000 00ff 00000000"), TlpError::PayloadTooLong(4096));
}

#[test]
fn every_fmt_and_type() {
    // Table 2-3, and routing 110b and 111b reserved.
    let legal: Vec<u8> = [0x00, 0x20, 0x01, 0x21, 0x40, 0x60, 0x02, 0x42, 0x04, 0x44, 0x05, 0x45]
        .into_iter()
        .chain([0x0a, 0x4a, 0x0b, 0x4b, 0x4c, 0x6c, 0x4d, 0x6d, 0x4e, 0x6e])
        .chain(0x30..=0x35)
        .chain(0x70..=0x75)
        .collect();
    for byte0 in 0..=255 {
        match peb_tlp::FmtType::parse(byte0) {
            Ok(fmt_type) => {
                assert!(legal.contains(&byte0), "{byte0:#04x}");
                assert_eq!(fmt_type.byte0(), byte0);
            }
            Err(TlpError::Prefix(_)) => assert_eq!(byte0 >> 5, 4),
            Err(error) => {
                assert_eq!(error, TlpError::ReservedType(byte0));
                assert!(!legal.contains(&byte0) && byte0 >> 5 != 4, "{byte0:#04x}");
            }
        }
    }
}

#[test]
fn every_byte_enable_pattern() {
    let contiguous_first = [0b1111, 0b1110, 0b1100, 0b1000];
    let contiguous_last = [0b1111, 0b0111, 0b0011, 0b0001];
    for (first, last) in (0..16u8).flat_map(|first| (0..16u8).map(move |last| (first, last))) {
        let enables = last << 4 | first;
        let both = contiguous_first.contains(&first) && contiguous_last.contains(&last);
        for (dwords, address, legal) in [
            (1, 0x1000, last == 0),
            (2, 0x1000, first != 0 && last != 0),
            (2, 0x1004, both),
            (3, 0x1000, both),
            (0, 0x1000, both),
        ] {
            let result = TlpView::parse(&read(dwords, enables, address)).map(|_| ());
            assert_eq!(result.is_ok(), legal, "{dwords} dwords at {address:#x}, {enables:#04x}: {result:?}");
        }
        // Configuration and I/O: any First DW BE, no Last DW BE.
        for byte0 in [0x02, 0x04, 0x05] {
            let bytes = [byte0, 0, 0, 1, 1, 0, 0, enables, 1, 0, 0, 0];
            assert_eq!(TlpView::parse(&bytes).is_ok(), last == 0, "{byte0:#04x} {enables:#04x}");
        }
        // With TH byte 7 is a steering tag.
        let mut hinted = read(4, enables, 0x1000);
        hinted[1] |= 1;
        assert_eq!(TlpView::parse(&hinted).unwrap().completion_byte_count(), 16);
    }
}

#[test]
fn four_kib_boundary() {
    accepted("00000000 0000 00ff 00001000");
    assert!(matches!(refused("00000000 0000 00ff 00001004"), TlpError::Crosses4K { address: 0x1004, dwords: 1024 }));
    accepted("00000001 0000 000f 00001ffc");
    assert!(matches!(refused("01000002 0000 00ff 00001ffc"), TlpError::Crosses4K { .. }));
    assert!(matches!(refused("20000002 0000 00ff 00000001 fffffffc"), TlpError::Crosses4K { .. }));
}

#[test]
fn configuration_and_io_requests() {
    for byte0 in ["02", "04", "05"] {
        accepted(&format!("{byte0}000001 0000 000f 01000004"));
        assert_eq!(refused(&format!("{byte0}000002 0000 000f 01000004")), TlpError::RequestLength(2));
        assert_eq!(refused(&format!("{byte0}000000 0000 000f 01000004")), TlpError::RequestLength(1024));
        assert_eq!(refused(&format!("{byte0}100001 0000 000f 01000004")), TlpError::TrafficClass(1));
        assert_eq!(refused(&format!("{byte0}002001 0000 000f 01000004")), TlpError::Attributes(2));
        assert_eq!(refused(&format!("{byte0}001001 0000 000f 01000004")), TlpError::Attributes(1));
        assert_eq!(refused(&format!("{byte0}000001 0000 001f 01000004")), TlpError::LastByteEnableSet(1));
        // Attr[2], TH and LN are reserved here and not looked at.
        accepted(&format!("{byte0}070001 0000 000f 01000004"));
    }
}

#[test]
fn completions_pass() {
    accepted("0a000000 0100 0000 0018 7f00");
    accepted("0a0003ff 0100 2fff 0018 7f00");
    accepted("0b000001 0100 2004 0018 7f00");
    accepted("4a000001 0100 e000 0018 7f00 00000000");
}

#[test]
fn messages() {
    let bytes = hex("34000000 0100 0020 00000000 00000000");
    let assert_inta = TlpView::parse(&bytes).unwrap();
    assert_eq!(assert_inta.ty(), TlpType::Message(MsgRouting::Local));
    assert_eq!(assert_inta.message_code(), 0x20);
    // Length is reserved without data.
    accepted("340003ff 0100 0020 00000000 00000000");
    accepted("74000001 0000 0050 00000000 00000000 19000000");
    assert_eq!(refused("36000000 0100 0020 00000000 00000000"), TlpError::ReservedType(0x36));
    assert_eq!(refused("14000000 0100 0020 00000000"), TlpError::ReservedType(0x14));
}

#[test]
fn atomic_operations() {
    // Byte enables are reserved in AtomicOps.
    for (byte0, sizes) in [(0x4cu8, &[1u16, 2][..]), (0x4d, &[1, 2]), (0x4e, &[2, 4, 8])] {
        for dwords in 1..=16u16 {
            let mut bytes = vec![byte0, 0, 0, dwords as u8, 0, 0, 0, 0xa5, 0, 0, 0x10, 0x40];
            bytes.resize(12 + 4 * usize::from(dwords), 0);
            let legal = sizes.contains(&dwords);
            let result = TlpView::parse(&bytes).map(|_| ());
            assert_eq!(result, if legal { Ok(()) } else { Err(TlpError::AtomicLength(dwords)) }, "{byte0:#04x}");
            let operand = if byte0 == 0x4e { dwords * 2 } else { dwords * 4 };
            bytes[11] = 0x44;
            if legal {
                assert_eq!(TlpView::parse(&bytes).is_ok(), operand == 4, "{byte0:#04x} {dwords}");
            }
        }
    }
}

#[test]
fn what_the_first_completion_says() {
    // Tables 2-36 and 2-37.
    for (dwords, enables, address, count, lower) in [
        (1, 0b0000, 0x1044, 1, 0x44),
        (1, 0b0001, 0x1044, 1, 0x44),
        (1, 0b0101, 0x1044, 3, 0x44),
        (1, 0b1001, 0x1044, 4, 0x44),
        (1, 0b1010, 0x1044, 3, 0x45),
        (1, 0b1000, 0x10c4, 1, 0x47),
        (1, 0b0110, 0x1044, 2, 0x45),
        (2, 0b0001_1000, 0x1044, 2, 0x47),
        (4, 0b0011_1110, 0x1040, 13, 0x41),
        (0, 0b1111_1111, 0x1000, 4096, 0x00),
    ] {
        let bytes = read(dwords, enables, address);
        let tlp = TlpView::parse(&bytes).unwrap();
        let got = (tlp.completion_byte_count(), tlp.completion_lower_address());
        assert_eq!(got, (count, lower), "{dwords} dwords, {enables:#010b}");
    }
    let bytes = hex("04000001 0000 0001 01000004");
    let config = TlpView::parse(&bytes).unwrap();
    assert_eq!((config.completion_byte_count(), config.completion_lower_address()), (4, 0));
}

#[test]
fn errors_say_where() {
    for (text, offset) in [
        ("00000001 0000", 6),
        ("80000001 0000 000f 00000000", 0),
        ("04100001 0000 000f 01000004", 1),
        ("40000081 0000 00ff 00000000", 2),
        ("00000001 0000 001f 00000000", 7),
        ("00000002 0000 00ff 00000ffc", 8),
    ] {
        assert_eq!(refused(text).offset(), offset, "{text}");
    }
}
