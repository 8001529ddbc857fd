//! From TLPs to frames.
