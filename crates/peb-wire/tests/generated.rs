//! The generated files that are checked in are the ones the table gives.

#[test]
fn are_up_to_date() {
    for (path, content) in peb_wire::gen::files() {
        let full = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
        let found = std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{full}: {error}"));
        assert!(found == content, "{path} is stale: run `cargo xtask gen`");
        assert!(!content.contains('@'), "{path}: a place in the template was not filled");
    }
}
