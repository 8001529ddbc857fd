//! peb-hdl-macros
