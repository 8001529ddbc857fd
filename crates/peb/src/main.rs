//! peb
fn main() {}
