//! peb-wire
