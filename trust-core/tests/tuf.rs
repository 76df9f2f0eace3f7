//! The real TUF metadata of Sigstore's public-good instance, from the first root to the last, and changed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::path::PathBuf;

use serde_json::{Value, json};
use trust_core::{TrustRoot, TufError, TufRepository, UnixTime, VerifiedTargets};

const LAST_ROOT: u64 = 15;

struct Metadata(PathBuf);

impl Metadata {
    fn open() -> Option<Self> {
        trust_testkit::vectors::vectors("tuf/metadata").map(Self)
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.join(name)).unwrap()
    }

    fn root(&self, version: u64) -> Vec<u8> {
        self.file(&format!("root_history/{version}.root.json"))
    }

    fn repository(&self) -> TufRepository {
        TufRepository::from_trusted_root(&self.root(LAST_ROOT)).unwrap()
    }

    /// The targets, with one file changed.
    fn targets(&self, name: &str, change: impl FnOnce(&mut Value)) -> Result<VerifiedTargets, TufError> {
        let read = |file: &str| self.file(&format!("{file}.json"));
        let mut changed: Value = serde_json::from_slice(&read(name)).unwrap();
        change(&mut changed);
        let file = |file: &str| if file == name { changed.to_string().into_bytes() } else { read(file) };
        let now = "2026-08-25T00:00:00Z".parse().unwrap();
        self.repository().verify_targets(&file("timestamp"), &file("snapshot"), &file("targets"), now)
    }
}

#[test]
fn every_root_follows_from_the_first() {
    let Some(metadata) = Metadata::open() else { return };
    let mut repository = TufRepository::from_trusted_root(&metadata.root(1)).unwrap();
    for version in 2..=LAST_ROOT {
        // None of them may be left out, and none comes twice.
        if version < LAST_ROOT {
            assert!(repository.update_root(&metadata.root(version + 1)).is_err(), "{version}");
        }
        repository.update_root(&metadata.root(version)).unwrap_or_else(|error| panic!("{version}: {error}"));
        let again = repository.update_root(&metadata.root(version));
        assert!(matches!(again, Err(TufError::Version { .. })), "{version}: {again:?}");
    }
    assert_eq!(repository.root_version(), LAST_ROOT);
    assert_eq!(metadata.root(LAST_ROOT), metadata.file("root.json"));
}

#[test]
fn targets_are_vouched_for() {
    let Some(metadata) = Metadata::open() else { return };
    let targets = metadata.targets("targets", |_| {}).unwrap();
    assert!(targets.names().any(|name| name == "trusted_root.json"));
    let folder = trust_testkit::vectors::vectors("trust-roots").unwrap();
    let root = std::fs::read(folder.join("public-good.json")).unwrap();
    match targets.verify("trusted_root.json", &root) {
        Ok(content) => assert!(TrustRoot::from_json(content).is_ok()),
        Err(error) => panic!("{error}"),
    }
    let changed = [&root[..], b"\n"].concat();
    let content = TufError::Content { name: "trusted_root.json".to_owned() };
    assert_eq!(targets.verify("trusted_root.json", &changed), Err(content));
    for name in ["../trusted_root.json", "/trusted_root.json", "registry.npmjs.org/keys.json"] {
        assert_eq!(targets.verify(name, &root), Err(TufError::Unlisted { name: name.to_owned() }));
    }
}

fn threshold(role: &str, found: usize, expected: usize) -> Option<TufError> {
    Some(TufError::Threshold { role: role.to_owned(), found, expected })
}

#[test]
fn changed_metadata_is_refused() {
    let Some(metadata) = Metadata::open() else { return };
    for (role, expected) in [("timestamp", 1), ("snapshot", 1), ("targets", 3)] {
        let changed =
            metadata.targets(role, |file| file["signed"]["expires"] = "2036-01-01T00:00:00Z".into());
        assert_eq!(changed.err(), threshold(role, 0, expected));
    }
    let kind = metadata.targets("targets", |file| file["signed"]["_type"] = "snapshot".into());
    assert!(matches!(kind, Err(TufError::Kind { .. })), "{kind:?}");
    let number = metadata.targets("targets", |file| file["signed"]["x"] = json!(1.5));
    assert!(matches!(number, Err(TufError::Number { .. })), "{number:?}");
    // Signatures by nobody and in other forms neither count nor harm.
    let more = metadata.targets("targets", |file| {
        let list = file["signatures"].as_array_mut().unwrap();
        list.insert(0, json!({"keyid": "00", "sig": "zz"}));
        list.insert(0, json!({"keyid": "01", "sig": ""}));
    });
    assert!(more.is_ok(), "{more:?}");
}

#[test]
fn rustsec_2020_0024_one_key_counts_once() {
    let Some(metadata) = Metadata::open() else { return };
    // Two of the five signers of the targets.
    let few = metadata.targets("targets", |file| {
        let list = file["signatures"].as_array_mut().unwrap();
        list.retain(|signature| !signature["sig"].as_str().unwrap().is_empty());
        list.truncate(2);
    });
    assert_eq!(few.err(), threshold("targets", 2, 3));
    // Each five times, they are refused altogether.
    let repeated = metadata.targets("targets", |file| {
        let list = file["signatures"].as_array_mut().unwrap();
        *list = list.iter().take(2).cycle().take(10).cloned().collect();
    });
    assert!(matches!(repeated, Err(TufError::Signatures { .. })), "{repeated:?}");
    let many = metadata.targets("targets", |file| {
        let list = file["signatures"].as_array_mut().unwrap();
        list.extend((0..300).map(|key| json!({"keyid": format!("{key}"), "sig": ""})));
    });
    assert!(many.unwrap_err().to_string().contains("expected at most 256"));
}

#[test]
fn cve_2026_23992_a_threshold_of_zero() {
    let Some(metadata) = Metadata::open() else { return };
    let mut root: Value = serde_json::from_slice(&metadata.root(LAST_ROOT)).unwrap();
    root["signed"]["roles"]["root"]["threshold"] = 0.into();
    let error = TufRepository::from_trusted_root(root.to_string().as_bytes()).err();
    assert!(matches!(error, Some(TufError::Role { .. })), "{error:?}");
}

#[test]
fn metadata_expires() {
    let Some(metadata) = Metadata::open() else { return };
    let at = |now: &str| {
        let file = |name: &str| metadata.file(&format!("{name}.json"));
        let now: UnixTime = now.parse().unwrap();
        metadata.repository().verify_targets(&file("timestamp"), &file("snapshot"), &file("targets"), now)
    };
    assert!(at("2026-08-28T19:25:55Z").is_ok());
    let expired = at("2026-08-28T19:25:56Z").err();
    assert!(matches!(&expired, Some(TufError::Expired { role, .. }) if role == "timestamp"), "{expired:?}");
}

/// A root of this version, whose one key is of the first seed, signed by the keys of these seeds.
fn own_root(version: u64, seed: u8, signers: &[u8]) -> Vec<u8> {
    use p256::ecdsa::signature::Signer as _;
    use p256::pkcs8::{EncodePublicKey as _, LineEnding};
    let key = |seed: u8| p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
    let pem = key(seed).verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
    let role = json!({"keyids": [format!("key{seed}")], "threshold": 1});
    let signed = json!({
        "_type": "root", "expires": "2036-01-01T00:00:00Z", "spec_version": "1.0", "version": version,
        "keys": {format!("key{seed}"): {"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem}}},
        "roles": {"root": role, "snapshot": role, "targets": role, "timestamp": role},
    });
    // Members are in order, and a line feed is the one character that serde_json escapes and TUF does not.
    let canonical = signed.to_string().replace("\\n", "\n");
    let signatures: Vec<Value> = signers
        .iter()
        .map(|&seed| {
            let signature: p256::ecdsa::Signature = key(seed).sign(canonical.as_bytes());
            json!({"keyid": format!("key{seed}"), "sig": trust_core::internal::encoding::to_hex(signature.to_der().as_bytes())})
        })
        .collect();
    json!({"signatures": signatures, "signed": signed}).to_string().into_bytes()
}

#[test]
fn a_root_must_be_signed_by_the_last_one_and_by_itself() {
    let repository = || TufRepository::from_trusted_root(&own_root(1, 7, &[7])).unwrap();
    assert_eq!(repository().update_root(&own_root(2, 8, &[7, 8])), Ok(()));
    for signers in [&[8][..], &[7], &[]] {
        let error = repository().update_root(&own_root(2, 8, signers)).err();
        assert_eq!(error, threshold("root", 0, 1), "{signers:?}");
    }
    assert_eq!(TufRepository::from_trusted_root(&own_root(1, 7, &[8])).err(), threshold("root", 0, 1));
    let skipped = repository().update_root(&own_root(3, 8, &[7, 8]));
    assert_eq!(skipped, Err(TufError::Version { role: "root".to_owned(), found: 3, expected: 2 }));
}
