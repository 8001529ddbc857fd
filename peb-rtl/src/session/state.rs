//! States of [`Sessions`](super::Sessions).

use peb_hdl::prelude::*;

/// What the block is waiting for, or doing.
#[derive(LogicState, Copy, Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A header, a timer, something to send.
    Idle,
    /// The header was compared with the row of its index.
    Judge,
    /// The receiver and the transmitter use the header.
    Accept,
    /// The header is given back.
    Done,
    /// HELLO: a row is compared.
    Search,
    /// HELLO: is this row better than those before?
    Weigh,
    /// HELLO: the best row is compared.
    Choose,
    /// HELLO: the best row takes the offer.
    Bind,
    /// A control frame is put together.
    Compose,
    /// A session has ended: the others forget it.
    Flush,
    /// Host: a session begins.
    Establish,
    /// A timer was read.
    Timer,
    /// Leaving: the next session.
    Close,
    /// Leaving: the last frames go out.
    Settle,
}
