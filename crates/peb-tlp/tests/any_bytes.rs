//! No bytes make the parser panic, and what it takes has consistent lengths. Proptest prints the failing input.

use peb_tlp::{wire_length, OrderChecker, TlpView, MAX_PAYLOAD, MAX_TLP};
use proptest::prelude::*;

/// Bytes that often get past the length check: the first dword asks for about as many as there are.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    (any::<u8>(), 0u16..140, any::<bool>(), proptest::collection::vec(any::<u8>(), 8..600), -1i32..2).prop_map(
        |(byte0, dwords, digest, tail, off)| {
            let [l1, l0] = dwords.to_be_bytes();
            let dw0 = [byte0, tail[0] & 0x8f, l1 | if digest { 0x80 } else { 0 }, l0];
            let mut bytes = [&dw0[..], &tail].concat();
            let len = wire_length(dw0).unwrap_or(16) as i32 + off;
            bytes.resize(len.max(0) as usize, 0x5a);
            bytes
        },
    )
}

fn look(bytes: &[u8]) -> bool {
    let mut checker = OrderChecker::new();
    let _ = checker.sent(bytes);
    checker.delivered(bytes);
    let _ = TlpView::parse_first(bytes);
    let Ok(tlp) = TlpView::parse(bytes) else {
        return false;
    };
    let digest = if tlp.has_digest() { 4 } else { 0 };
    assert_eq!(tlp.header_len() + tlp.payload().len() + digest, bytes.len());
    assert!(tlp.payload().len() <= MAX_PAYLOAD && bytes.len() <= MAX_TLP);
    assert!((1..=4096).contains(&tlp.completion_byte_count()));
    assert!(tlp.completion_lower_address() < 0x80 && tlp.address() % 4 == 0 && tlp.register() < 4096);
    let _ = (tlp.requester(), tlp.completer(), tlp.tag(), tlp.status(), tlp.byte_count(), tlp.digest());
    assert_eq!(TlpView::parse_first(&[bytes, &[0xff]].concat()).unwrap().0.bytes(), bytes);
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        look(&bytes);
    }

    #[test]
    fn nearly_right(bytes in likely()) {
        look(&bytes);
    }
}
