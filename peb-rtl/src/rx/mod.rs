//! From frames to TLPs.
