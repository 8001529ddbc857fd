//! peb-sim
