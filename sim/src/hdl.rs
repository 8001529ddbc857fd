//! Beats at the stream ports of a design.

use peb_hdl::{StreamRx, StreamTx};

use crate::stream::Beat;

/// Offers a beat, or none, to a stream that goes into a design.
pub fn drive(port: &mut StreamRx, beat: Option<Beat>) {
    port.valid.next = beat.is_some();
    if let Some(Beat { data, keep, last }) = beat {
        port.data.next = data.into();
        port.half.next = keep == 0x0f;
        port.last.next = last;
    }
}

/// The beat that a design offers.
pub fn offered(port: &StreamTx) -> Option<Beat> {
    port.valid.val().then(|| Beat {
        data: port.data.val().raw(),
        keep: if port.half.val() { 0x0f } else { 0xff },
        last: port.last.val(),
    })
}
