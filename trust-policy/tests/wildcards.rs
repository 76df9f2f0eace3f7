//! Kyverno's own table of wildcards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use trust_core::Pattern;

#[test]
fn wildcards_match_as_in_kyverno() {
    let Some(file) = trust_testkit::vectors::vectors("policy/kyverno-wildcard.json") else { return };
    let text = std::fs::read(file).unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap();
        let matched = Pattern::wildcard(text("pattern")).matches(text("text"));
        assert_eq!(matched, row["matched"], "{row}");
    }
}
