//! Proofs of transparency-dev/merkle, good and broken.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::path::{Path, PathBuf};

use serde_json::Value;
use trust_core::internal::encoding;
use trust_rekor::merkle::{Hash, verify_consistency, verify_inclusion};

/// Cases that are judged otherwise here: file, and why.
const LEDGER: [(&str, &str); 1] = [(
    "sizes-are-equal-one-and-proof-is-empty.json",
    "its roots have 12 bytes; a hash has 32 here, so there is no such root",
)];

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn hash(value: &Value) -> Option<Hash> {
    encoding::from_base64(value.as_str()?)?.try_into().ok()
}

fn hashes(value: &Value) -> Option<Vec<Hash>> {
    value.as_array().map_or(Some(Vec::new()), |list| list.iter().map(hash).collect())
}

/// Whether an inclusion proof holds; a hash of another length cannot be one.
fn inclusion(case: &Value) -> bool {
    let number = |member: &str| case[member].as_u64().unwrap();
    let parts = (hash(&case["leafHash"]), hashes(&case["proof"]), hash(&case["root"]));
    let (Some(leaf), Some(proof), Some(root)) = parts else { return false };
    verify_inclusion(&leaf, number("leafIdx"), number("treeSize"), &proof, &root).is_ok()
}

fn consistency(case: &Value) -> bool {
    let number = |member: &str| case[member].as_u64().unwrap();
    let parts = (hash(&case["root1"]), hashes(&case["proof"]), hash(&case["root2"]));
    let (Some(old), Some(proof), Some(new)) = parts else { return false };
    verify_consistency(number("size1"), number("size2"), &proof, &old, &new).is_ok()
}

#[test]
fn every_proof_is_judged_right() {
    for (set, holds) in
        [("merkle/inclusion", inclusion as fn(&Value) -> bool), ("merkle/consistency", consistency)]
    {
        let Some(folder) = trust_testkit::vectors::vectors(set) else { return };
        let files = files(&folder);
        assert!(files.len() >= 10, "{} files in {set}", files.len());
        for file in files {
            let case: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            let name = file.file_name().unwrap().to_string_lossy();
            let diverges = LEDGER.iter().any(|(file, _)| *file == name);
            let expected = case["wantErr"].as_bool().unwrap() == diverges;
            assert_eq!(holds(&case), expected, "{}: {}", file.display(), case["desc"]);
        }
    }
}
