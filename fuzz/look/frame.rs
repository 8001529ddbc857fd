//! Any bytes as a frame: no panic, records that tile the frame, a header that survives.

use peb_wire::{Frame, Header, Record};

/// Panics if the parser does not keep its promises on these bytes.
pub fn look(bytes: &[u8]) {
    let frame = match Frame::parse(bytes) {
        Ok(frame) => frame,
        Err(error) => {
            assert!(error.offset() <= bytes.len() && !error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(Header::decode(&frame.header.encode()).map(|header| header.message), Ok(frame.header.message));
    let mut end = None;
    for record in frame.records() {
        let (offset, len) = match record {
            Ok(Record::Tlp { offset, bytes }) => {
                let _ = peb_tlp::TlpView::parse(bytes);
                (offset, bytes.len())
            }
            Ok(Record::Control { offset, code, content }) => {
                assert!(code < 31);
                (offset, content.len() + 2)
            }
            Err(error) => (error.offset(), 0),
        };
        assert!(end.is_none_or(|end| end == offset) && offset + len <= bytes.len());
        end = Some(offset + len);
    }
}
