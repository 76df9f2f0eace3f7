//! The seven programs of `examples/embed`, run as a user runs them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod program;

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{run, stderr, stdout};

fn printed(name: &str) -> String {
    let output = run(name, &[], "");
    assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
    stdout(&output)
}

#[test]
fn each_shows_what_it_is_for() {
    let digest = "sha256:362fcdaaad53e04afa7e686d0631eb2da33af73cbe142553e6205de503899b94";
    for (name, expected) in [
        ("verify_key", format!("{digest} is signed by key sha256:c7e9fd25145d")),
        (
            "verify_keyless",
            "is signed by `https://github.com/myorg/web/.github/workflows/release.yml@refs/tags/v1`"
                .to_owned(),
        ),
        ("own_store", "1 artifacts in 2 fetches".to_owned()),
        ("policy_in_rust", "[FAIL] network: found true, expected false at /spec/hostNetwork".to_owned()),
        ("ask_sbom", "yes:\n  lodash, without saying of what".to_owned()),
    ] {
        let text = printed(name);
        assert!(text.contains(&expected), "{name}: {text}");
    }
}

#[test]
fn what_is_not_signed_does_not_verify() {
    for (name, image) in [
        ("verify_key", "ghcr.io/myorg/app:unsigned"),
        ("verify_key", "ghcr.io/myorg/app:stranger"),
        ("verify_keyless", "ghcr.io/myorg/web:impostor"),
        ("verify_keyless", "ghcr.io/myorg/web:unsigned"),
    ] {
        let output = run(name, &[image], "");
        assert_eq!(output.status.code(), Some(1), "{name} {image}: {}", stdout(&output));
        assert!(stderr(&output).contains("no signature of the image verifies"), "{}", stderr(&output));
    }
}

#[test]
fn the_loop_answers_every_review() {
    let mut answers: Vec<(String, bool)> = printed("admission_loop")
        .lines()
        .map(|line| {
            let answer: Value = serde_json::from_str(line).unwrap();
            let response = &answer["response"];
            (response["uid"].as_str().unwrap().to_owned(), response["allowed"].as_bool().unwrap())
        })
        .collect();
    answers.sort();
    let expected = [("legacy", true), ("signed", true), ("stranger", false), ("unsigned", false)];
    assert_eq!(answers, expected.map(|(tag, allowed)| (tag.to_owned(), allowed)));
}

#[test]
fn a_trust_root_is_made_of_tuf_metadata_until_it_expires() {
    let (Some(metadata), Some(root)) = (
        trust_testkit::vectors::vectors("tuf/metadata"),
        trust_testkit::vectors::vectors("trust-roots/public-good.json"),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let put = |file: &Path, name: &str| fs::copy(file, folder.path().join(name)).unwrap();
    put(&metadata.join("timestamp.json"), "timestamp.json");
    for role in ["snapshot", "targets"] {
        let file = metadata.join(format!("{role}.json"));
        let version =
            serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap()["signed"]["version"].clone();
        put(&file, &format!("{version}.{role}.json"));
    }
    for file in fs::read_dir(metadata.join("root_history")).unwrap() {
        let file = file.unwrap().path();
        put(&file, file.file_name().unwrap().to_str().unwrap());
    }
    let hash = trust_core::Digest::sha256(&fs::read(&root).unwrap()).to_hex();
    put(&root, &format!("{hash}.trusted_root.json"));
    let (first, path) = (folder.path().join("1.root.json"), folder.path().to_str().unwrap());
    let refresh = |now: &str| run("refresh_root", &[first.to_str().unwrap(), path, path, now], "");
    let good = refresh("2026-08-01T00:00:00Z");
    assert!(stdout(&good).starts_with("root 15, targets 14\n"), "{}{}", stdout(&good), stderr(&good));
    let late = refresh("2027-08-01T00:00:00Z");
    assert!(late.status.code() == Some(1) && stderr(&late).contains("Expired"), "{}", stderr(&late));
    // A root that is not the signed one is no root.
    fs::write(folder.path().join(format!("{hash}.trusted_root.json")), "{}").unwrap();
    assert_eq!(refresh("2026-08-01T00:00:00Z").status.code(), Some(1));
}

#[test]
fn each_is_short() {
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("embed")).unwrap() {
        let path = entry.unwrap().path();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 40, "{} has {lines} lines", path.display());
    }
}
