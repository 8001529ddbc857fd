//! peb-hdl
