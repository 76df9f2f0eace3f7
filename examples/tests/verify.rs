//! The programs `conformance` and `log`, run as a user runs them, on the embedded set and on a log of our own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trust_core::internal::encoding;
use trust_core::{Bundle, Content};

use crate::program::{run, stderr, stdout};

const SUBJECT: &str = "https://github.com/myorg/web/.github/workflows/release.yml@refs/tags/v1";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// The digest of the image with this tag, and its bundle.
fn signed(tag: &str) -> (String, Vec<u8>) {
    let index: Value = serde_json::from_slice(&fs::read(data().join("images/index.json")).unwrap()).unwrap();
    let has_tag = |one: &&Value| one["annotations"]["org.opencontainers.image.ref.name"] == tag;
    let image = index["manifests"].as_array().unwrap().iter().find(has_tag).unwrap();
    let digest = image["digest"].as_str().unwrap().to_owned();
    let hex = digest.strip_prefix("sha256:").unwrap().to_owned();
    let is_about = |blob: &Vec<u8>| {
        Bundle::from_json(blob).is_ok_and(|bundle| match bundle.unverified_content() {
            Content::Envelope(envelope) => String::from_utf8_lossy(envelope.payload()).contains(&hex),
            Content::Message { .. } => false,
        })
    };
    let blobs = fs::read_dir(data().join("images/blobs/sha256")).unwrap();
    let bundle = blobs.map(|blob| fs::read(blob.unwrap().path()).unwrap()).find(is_about).unwrap();
    (digest, bundle)
}

/// A folder with files in it.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn a_bundle_is_verified_by_the_protocol() {
    let (digest, bundle) = signed("keyless");
    let files = folder(&[("bundle.json", &bundle)]);
    let bundle = files.path().join("bundle.json").to_str().unwrap().to_owned();
    let root = data().join("trusted-root.json").to_str().unwrap().to_owned();
    let verify = |subject: &str, more: &[&str], artifact: &str| {
        let mut arguments = vec!["verify-bundle", "--bundle", &bundle, "--certificate-identity", subject];
        arguments.extend(["--certificate-oidc-issuer", ISSUER, "--trusted-root", &root]);
        arguments.extend(more);
        arguments.push(artifact);
        run("conformance", &arguments, "")
    };
    let accepted = verify(SUBJECT, &["--format", "json"], &digest);
    assert_eq!(accepted.status.code(), Some(0), "{}", stderr(&accepted));
    let result: Value = serde_json::from_slice(&accepted.stdout).unwrap();
    assert_eq!(result["signer"]["identity"]["subjects"][0]["value"], SUBJECT);

    // Neither instance of Sigstore made this bundle, and each is refused by its own root.
    for instance in [&[][..], &["--staging"]] {
        let identity = ["--certificate-identity", SUBJECT, "--certificate-oidc-issuer", ISSUER];
        let arguments =
            [&["verify-bundle", "--bundle", &bundle], &identity[..], instance, &[&digest]].concat();
        assert_eq!(run("conformance", &arguments, "").status.code(), Some(1), "{instance:?}");
    }

    let rejected = verify("https://github.com/myorg", &[], &digest);
    assert_eq!(rejected.status.code(), Some(1));
    assert_eq!(stderr(&rejected).lines().count(), 1, "{}", stderr(&rejected));
    assert!(
        stderr(&rejected).starts_with("signed by `https://github.com/myorg/web/"),
        "{}",
        stderr(&rejected)
    );
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(verify(SUBJECT, &[], &other).status.code(), Some(1));
    assert_eq!(verify(SUBJECT, &["--frobnicate"], &digest).status.code(), Some(2));
    assert_eq!(verify(SUBJECT, &[], "no such file").status.code(), Some(2));
    assert_eq!(
        run("conformance", &["verify-bundle", "--bundle", &bundle, &digest], "").status.code(),
        Some(2)
    );
}

#[test]
fn a_checkpoint_and_a_proof_of_inclusion_are_verified() {
    let (_, bundle) = signed("keyless");
    let bundle = Bundle::from_json(&bundle).unwrap();
    let entry = &bundle.unverified_log_entries()[0];
    let proof = entry.proof.clone().unwrap();
    let hashes: String = proof.hashes.iter().map(|hash| encoding::to_base64(hash) + "\n").collect();
    let files = folder(&[
        ("checkpoint", proof.checkpoint.as_bytes()),
        ("proof", hashes.as_bytes()),
        ("entry", &entry.body),
        ("other", b"another entry"),
    ]);
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let root = data().join("trusted-root.json").to_str().unwrap().to_owned();
    let log = |arguments: &[&str]| run("log", arguments, "");

    let (checkpoint, index) = (path("checkpoint"), entry.log_index.to_string());
    let good = log(&["verify-checkpoint", "--trusted-root", &root, &checkpoint]);
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    assert!(stdout(&good).starts_with("the tree of "), "{}", stdout(&good));
    let unknown = log(&["verify-checkpoint", &checkpoint]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("is not in the trust root"), "{}", stderr(&unknown));

    let included = |index: &str, entry: &str| {
        let proof = path("proof");
        let fixed =
            ["verify-inclusion", "--trusted-root", &root, "--checkpoint", &checkpoint, "--proof", &proof];
        log(&[&fixed[..], &["--index", index, entry]].concat())
    };
    let good = included(&index, &path("entry"));
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    assert_eq!(included(&index, &path("other")).status.code(), Some(1));
    assert_eq!(included("99", &path("entry")).status.code(), Some(1));
    assert_eq!(included("x", &path("entry")).status.code(), Some(2));
    assert_eq!(log(&[]).status.code(), Some(2));
    assert_eq!(log(&["frobnicate"]).status.code(), Some(2));
}

#[test]
fn a_log_is_followed_and_caught_when_it_cheats() {
    // The first entry that the embedded log took in: a tree of one leaf.
    let (_, bundle) = signed("keyless");
    let bundle = Bundle::from_json(&bundle).unwrap();
    let entry = &bundle.unverified_log_entries()[0];
    let checkpoint = entry.proof.clone().unwrap().checkpoint;
    assert_eq!(entry.log_index, 0, "the fixture's first entry");
    let len = u16::try_from(entry.body.len()).unwrap().to_be_bytes();
    let tile = [&len[..], &entry.body].concat();
    let files = folder(&[("checkpoint", checkpoint.as_bytes()), ("tile/entries/000.p/1", &tile)]);
    let state = files.path().join("state.json");
    let (tiles, state) = (files.path().to_str().unwrap(), state.to_str().unwrap());
    let root = data().join("trusted-root.json").to_str().unwrap().to_owned();
    let watch = |identity: &str| {
        let fixed = ["watch", "--trusted-root", &root, "--tiles", tiles, "--state", state];
        run("log", &[&fixed[..], &["--identity", identity]].concat(), "")
    };
    let first = watch("https://github.com/myorg/*");
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(stdout(&first).starts_with(&format!("entry 0 was signed by `{SUBJECT}`")), "{}", stdout(&first));
    let again = watch("https://github.com/myorg/*");
    assert!(stdout(&again).starts_with("read 0 new entries"), "{}", stdout(&again));

    // Other entries than the log signed.
    fs::remove_file(state).unwrap();
    let mut changed = tile.clone();
    *changed.last_mut().unwrap() = b' ';
    fs::write(files.path().join("tile/entries/000.p/1"), changed).unwrap();
    let caught = watch("*");
    assert_eq!(caught.status.code(), Some(1));
    assert!(stderr(&caught).contains("make the root"), "{}", stderr(&caught));
    assert!(!Path::new(state).exists(), "nothing is kept of it");
}
