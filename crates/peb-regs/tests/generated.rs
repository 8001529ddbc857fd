//! The generated document that is checked in is the one the tables give.

#[test]
fn is_up_to_date() {
    for (path, content) in peb_regs::gen::files() {
        let full = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
        let found = std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{full}: {error}"));
        assert!(found == content, "{path} is stale: run `cargo xtask gen`");
    }
}
