//! Bundles that third parties made to be accepted or rejected, and real bundles of CPython's releases.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::collections::BTreeMap;
use std::path::Path;

use trust_core::internal::encoding;
use trust_core::{
    Bundle, CertificateIdentity, Content, Digest, HashAlgorithm, IdentityPolicy, Pattern, PublicKey, Reasons,
    Signed, SignerPolicy, TrustRoot, UnixTime, Verifier,
};
use trust_rekor::RekorLog;

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn now() -> UnixTime {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn identity(subject: &str, issuer: &str) -> SignerPolicy {
    let identity = CertificateIdentity::new(Pattern::exact(subject), Pattern::exact(issuer));
    SignerPolicy::Identity(IdentityPolicy::new([identity]).unwrap())
}

/// Judges one case, by the artifact itself or by its digest.
fn judge(folder: &Path, artifact: Signed<'_>) -> Result<(), String> {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let root = match text("trusted_root.json") {
        Some(root) => TrustRoot::from_json(root.as_bytes()).map_err(|error| Reasons(&error).to_string())?,
        None => TrustRoot::public_good(),
    };
    let policy = match text("key.pub") {
        Some(pem) => {
            SignerPolicy::Key(PublicKey::from_pem(&pem).map_err(|error| Reasons(&error).to_string())?.into())
        }
        None => identity(
            text("identity").as_deref().map_or(IDENTITY, str::trim),
            text("issuer").as_deref().map_or(ISSUER, str::trim),
        ),
    };
    let bundle = read(&folder.join("bundle.sigstore.json"));
    let bundle = Bundle::from_json(bundle.as_bytes()).map_err(|error| Reasons(&error).to_string())?;
    Verifier::new(&root, &RekorLog)
        .verify(&bundle, artifact, &policy, now())
        .map(drop)
        .map_err(|error| Reasons(&error).to_string())
}

/// The algorithm of the digest that the bundle says it signs.
fn signed_algorithm(folder: &Path) -> HashAlgorithm {
    let bundle = Bundle::from_json(read(&folder.join("bundle.sigstore.json")).as_bytes());
    match bundle.as_ref().map(Bundle::unverified_content) {
        Ok(Content::Message { unverified_digest: Some(digest), .. }) => digest.algorithm(),
        _ => HashAlgorithm::Sha256,
    }
}

fn run(set: &str) {
    let Some(folder) = trust_testkit::vectors::vectors(set) else { return };
    let default_artifact = std::fs::read(folder.join("a.txt")).unwrap();
    let mut cases: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    let (mut judged, mut wrong) = (0, Vec::new());
    for case in cases.iter().filter(|path| path.is_dir()) {
        let name = case.file_name().unwrap().to_string_lossy();
        let artifact = std::fs::read(case.join("artifact")).unwrap_or(default_artifact.clone());
        // A digest is enough only in the algorithm that was signed.
        let digest = Digest::of(signed_algorithm(case), &artifact);
        for (form, artifact) in [("path", Signed::Message(&artifact)), ("digest", Signed::Digest(&digest))] {
            let result = judge(case, artifact);
            judged += 1;
            if std::env::var_os("TRUST_SHOW").is_some() {
                println!("{name} ({form}): {result:?}");
            }
            if result.is_ok() == name.ends_with("_fail") {
                wrong.push(format!("{name} ({form}): {result:?}"));
            }
        }
    }
    assert!(judged > 0, "{set} is empty");
    assert!(wrong.is_empty(), "{} of {judged} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn sigstore_conformance_cases_are_judged_right() {
    run("conformance");
}

#[test]
fn harder_cases_are_judged_right() {
    run("conformance-extra");
}

#[test]
fn bundles_of_cpython_releases_are_accepted() {
    let Some(folder) = trust_testkit::vectors::vectors("cpython") else { return };
    let json = |name: &str| serde_json::from_str::<serde_json::Value>(&read(&folder.join(name))).unwrap();
    let (identities, index) = (json("signing-identities.json"), json("index.json"));
    let managers: BTreeMap<&str, (&str, &str)> = identities
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| {
            let text = |key: &str| row[key].as_str();
            Some((text("Release")?, (text("Release manager")?, text("OIDC Issuer")?)))
        })
        .collect();
    let (root, rows) = (TrustRoot::public_good(), index.as_array().unwrap());
    let mut wrong = Vec::new();
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap();
        let release: Vec<&str> = text("version").split('.').take(2).collect();
        let (manager, issuer) = managers[release.join(".").as_str()];
        let digest = encoding::from_base64(text("digest_b64")).unwrap();
        let digest = Digest::new(HashAlgorithm::Sha256, digest).unwrap();
        let bundle = Bundle::from_json(read(&folder.join(text("bundle"))).as_bytes()).unwrap();
        let verify = |manager, issuer| {
            Verifier::new(&root, &RekorLog).verify(
                &bundle,
                Signed::Digest(&digest),
                &identity(manager, issuer),
                now(),
            )
        };
        if let Err(error) = verify(manager, issuer) {
            wrong.push(format!("{}: {}", text("bundle"), Reasons(&error)));
        }
        assert!(verify("somebody@example.com", issuer).is_err());
        assert!(verify(manager, "https://issuer.example").is_err());
    }
    assert!(
        !rows.is_empty() && wrong.is_empty(),
        "{} of {} are wrong:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}
