//! States of [`Downstream`](super::Downstream).

use peb_hdl::prelude::*;

/// What the block is waiting for, or doing.
#[derive(LogicState, Copy, Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A TLP.
    Idle,
    /// Its second beat.
    Header,
    /// The answer of [`Match`].
    Scan,
    /// What becomes of it; for that, the end of a non-posted TLP or of a broadcast.
    Decide,
    /// The configuration space.
    Config,
    /// A completion made here is taken.
    Answer,
    /// The tracker notes the request.
    Insert,
    /// A broadcast: the next slot.
    Next,
    /// It goes out.
    Forward,
    /// It is not wanted: its end.
    Drain,
}
