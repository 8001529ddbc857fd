//! peb-tests
