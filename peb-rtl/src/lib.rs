//! peb-rtl
