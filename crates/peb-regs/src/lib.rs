//! peb-regs
