//! Kyverno's own table of wildcards.
//!
//! The vectors stand outside this repository: in `$TRUST_VECTORS`, or in `../shared/vectors` beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::path::{Path, PathBuf};

use trust_core::Pattern;

#[test]
fn wildcards_match_as_in_kyverno() {
    let root = std::env::var_os("TRUST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    let file = root.join("policy/kyverno-wildcard.json");
    let Ok(text) = std::fs::read(&file) else {
        assert!(std::env::var_os("CI").is_none(), "no vectors at {}", file.display());
        eprintln!("SKIPPED: no vectors at {}; set TRUST_VECTORS", file.display());
        return;
    };
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    assert!(!rows.is_empty());
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap();
        let matched = Pattern::wildcard(text("pattern")).matches(text("text"));
        assert_eq!(matched, row["matched"], "{row}");
    }
}
