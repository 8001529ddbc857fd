//! peb-tlp
