//! Any bytes as a TLP: no panic, and consistent lengths.

use peb_tlp::{OrderChecker, TlpView, MAX_TLP};

/// Panics if the parser does not keep its promises on these bytes.
pub fn look(bytes: &[u8]) {
    let mut checker = OrderChecker::new();
    let known = checker.sent(bytes).is_ok();
    assert_eq!(checker.delivered(bytes), known);
    if let Ok((tlp, rest)) = TlpView::parse_first(bytes) {
        assert_eq!(tlp.bytes().len() + rest.len(), bytes.len());
        assert_eq!(TlpView::parse(tlp.bytes()), Ok(tlp));
    }
    match TlpView::parse(bytes) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(error.offset() <= bytes.len());
        }
        Ok(tlp) => {
            let digest = if tlp.digest().is_some() { 4 } else { 0 };
            assert_eq!(tlp.header_len() + tlp.payload().len() + digest, bytes.len());
            assert!(bytes.len() <= MAX_TLP);
            assert!((1..=4096).contains(&tlp.completion_byte_count()));
            assert!(tlp.completion_lower_address() < 0x80);
            let _ = (tlp.requester(), tlp.completer(), tlp.tag(), tlp.address(), tlp.register(), tlp.status());
        }
    }
}
