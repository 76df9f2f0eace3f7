//! More bundles of other projects, real and broken, each with the verdict that it must get; and the trust roots.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::fs;

use trust_core::{
    Bundle, CertificateIdentity, Content, Digest, IdentityPolicy, ManagedKey, Pattern, PublicKey, Reasons,
    RootError, Signed, SignerPolicy, TimeWindow, TrustRoot, Verifier,
};
use trust_rekor::RekorLog;

const GITHUB: &str = "https://github.com/login/oauth";
const ACTIONS: &str = "https://token.actions.githubusercontent.com";
const ACME: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0.0";
const BEACON: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const SIGSTORE_JS: &str =
    "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main";
const RFC8785: &str =
    "https://github.com/trailofbits/rfc8785.py/.github/workflows/release.yml@refs/tags/v0.1.2";
const IMAGE: &str = "sha256:4d4b5d33d4820e03adee39923c0d270438caafc01deec697738ab3558aa424ea";

/// Bundle, trust root (empty: public good), artifact (a file, or a digest), subject, issuer, and what is said of it
/// (empty: it is accepted).
const TABLE: [(&str, &str, &str, &str, &str, &str); 22] = [
    ("mock/artifact.sigstore.json", "mock/trusted_root.json", "mock/artifact.txt", ACME, ACTIONS, ""),
    ("mock/provenance.dsse.sigstore.json", "mock/trusted_root.json", IMAGE, ACME, ACTIONS, ""),
    ("mock/provenance.intoto.sigstore.json", "mock/trusted_root.json", IMAGE, ACME, ACTIONS, ""),
    ("rekor-v2/b2.sigstore.json", "rekor-v2/trusted_root.json", "rekor-v2/b2.txt", ACME, ACTIONS, ""),
    ("rekor-v2/b3.sigstore.json", "rekor-v2/trusted_root.json", "rekor-v2/b3.txt", ACME, ACTIONS, ""),
    ("rekor-v2/cosign-blob.sigstore.json", "rekor-v2/trusted_root.json", "rekor-v2/a.txt", ACME, ACTIONS, ""),
    (
        "bundles/cosign/oci-attestation.sigstore.json",
        "",
        "sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4",
        "cody@soyland.com",
        GITHUB,
        "",
    ),
    (
        "bundles/sigstore-go/bundles/dsse-2sigs.sigstore.json",
        "",
        IMAGE,
        "brian@dehamer.com",
        GITHUB,
        "envelope has 2 signatures, expected 1",
    ),
    // It carries the authority's own certificate, which sigstore-conformance wants refused.
    (
        "bundles/sigstore-go/bundles/dsse.sigstore.json",
        "",
        IMAGE,
        "brian@dehamer.com",
        GITHUB,
        "is self-signed; anchors come from the trust root alone",
    ),
    (
        "bundles/sigstore-go/bundles/sigstore.js@2.0.0-provenance.sigstore.json",
        "",
        "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c",
        SIGSTORE_JS,
        ACTIONS,
        "",
    ),
    (
        "bundles/sigstore-python/a.dsse.staging-rekor-v2.txt.sigstore.json",
        "trust-roots/staging.json",
        "conformance/a.txt",
        BEACON,
        ACTIONS,
        "",
    ),
    (
        "bundles/sigstore-python/staging-rekor-v2.txt.sigstore.json",
        "trust-roots/staging.json",
        "bundles/sigstore-python/staging-rekor-v2.txt",
        "jku@goto.fi",
        GITHUB,
        "",
    ),
    (
        "bundles/sigstore-python/bundle.txt.sigstore",
        "trust-roots/staging.json",
        "bundles/sigstore-python/bundle.txt",
        "a@tny.town",
        GITHUB,
        "",
    ),
    (
        "bundles/sigstore-python/bundle_v3.txt.sigstore",
        "trust-roots/staging.json",
        "bundles/sigstore-python/bundle_v3.txt",
        "william@yossarian.net",
        GITHUB,
        "",
    ),
    (
        "bundles/sigstore-python/bundle_v3_alt.txt.sigstore",
        "trust-roots/staging.json",
        "bundles/sigstore-python/bundle_v3_alt.txt",
        "william@yossarian.net",
        GITHUB,
        "",
    ),
    (
        "bundles/sigstore-python/bundle_v3_github.whl.sigstore",
        "",
        "bundles/sigstore-python/bundle_v3_github.whl",
        RFC8785,
        ACTIONS,
        "",
    ),
    (
        "bundles/sigstore-python/bundle_cve_2022_36056.txt.sigstore",
        "trust-roots/staging.json",
        "bundles/sigstore-python/bundle_cve_2022_36056.txt",
        "william@yossarian.net",
        GITHUB,
        "entry has another signature than the bundle",
    ),
    (
        "bundles/sigstore-python/bundle_invalid_version.txt.sigstore",
        "",
        "bundles/sigstore-python/bundle_invalid_version.txt",
        "william@yossarian.net",
        GITHUB,
        "bundle has the media type `this is completely wrong`",
    ),
    (
        "bundles/sigstore-python/bundle_no_cert_v1.txt.sigstore",
        "",
        "bundles/sigstore-python/bundle_no_cert_v1.txt",
        "william@yossarian.net",
        GITHUB,
        "certificates` is absent",
    ),
    // sigstore-python takes a proof without checkpoint where there is a promise; nothing would say what tree it is of.
    (
        "bundles/sigstore-python/bundle_no_checkpoint.txt.sigstore",
        "",
        "bundles/sigstore-python/bundle_no_checkpoint.txt",
        "william@yossarian.net",
        GITHUB,
        "inclusionProof.checkpoint.envelope` is absent",
    ),
    (
        "bundles/sigstore-python/bundle_no_log_entry.txt.sigstore",
        "trust-roots/staging.json",
        "bundles/sigstore-python/bundle_no_log_entry.txt",
        "alex.cameron@trailofbits.com",
        "https://accounts.google.com",
        "found the signature in 0 trusted transparency logs",
    ),
    (
        "bundles/sigstore-python/bundle_v3_no_signed_time.txt.sigstore.json",
        "",
        "bundles/sigstore-python/bundle_v3_no_signed_time.txt",
        "william@yossarian.net",
        GITHUB,
        "found no signed time",
    ),
];

/// Judges one row by a trust root, and gives the whole chain of reasons.
fn judge(row: &(&str, &str, &str, &str, &str, &str), root: &str) -> Result<(), String> {
    let (bundle, _, artifact, subject, issuer, _) = row;
    let file = |name: &str| fs::read(trust_testkit::vectors::vectors(name).unwrap()).unwrap();
    let root = match root {
        "" => TrustRoot::public_good(),
        name => TrustRoot::from_json(&file(name)).unwrap(),
    };
    let bundle = Bundle::from_json(&file(bundle)).map_err(|error| Reasons(&error).to_string())?;
    let identity = CertificateIdentity::new(Pattern::exact(*subject), Pattern::exact(*issuer));
    let policy = SignerPolicy::Identity(IdentityPolicy::new([identity]).unwrap());
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let verify =
        |artifact: Signed<'_>| Verifier::new(&root, &RekorLog).verify(&bundle, artifact, &policy, now);
    match artifact.parse::<Digest>() {
        Ok(digest) => verify(Signed::Digest(&digest)),
        Err(_) => verify(Signed::Message(&file(artifact))),
    }
    .map(drop)
    .map_err(|error| Reasons(&error).to_string())
}

#[test]
fn each_bundle_gets_the_verdict_that_stands_in_the_table() {
    if trust_testkit::vectors::vectors("bundles").is_none() {
        return;
    }
    for row in &TABLE {
        let (bundle, root, .., expected) = row;
        match (judge(row, root), *expected) {
            (Ok(()), "") => {}
            (Err(reason), expected) if !expected.is_empty() => {
                assert!(reason.contains(expected), "{bundle}:\n found {reason}\n expected {expected}");
            }
            (found, expected) => panic!("{bundle}:\n found {found:?}\n expected {expected}"),
        }
    }
}

#[test]
fn cve_2026_54787_a_key_counts_only_in_its_window() {
    let Some(folder) = trust_testkit::vectors::vectors("bundles/sigstore-go") else { return };
    let key = fs::read_to_string(folder.join("public-keys/public-key-validity.pem")).unwrap();
    let root =
        TrustRoot::from_json(&fs::read(folder.join("trusted-roots/public-key-validity.json")).unwrap())
            .unwrap();
    let bundle = fs::read(folder.join("bundles/public-key-validity.sigstore.json")).unwrap();
    let bundle = Bundle::from_json(&bundle).unwrap();
    let key = ManagedKey::new(PublicKey::from_pem(&key).unwrap());
    let window = TimeWindow { start: None, end: Some("2020-01-01T00:00:00Z".parse().unwrap()) };
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let Content::Message { unverified_digest: Some(digest), .. } = bundle.unverified_content() else {
        panic!("a message")
    };
    let verify = |key: ManagedKey| {
        Verifier::new(&root, &RekorLog)
            .accepting_signatures_in_no_transparency_log()
            .verify(&bundle, Signed::Digest(digest), &SignerPolicy::Key(key), now)
            .map(|verified| verified.times()[0].time().to_string())
            .map_err(|error| Reasons(&error).to_string())
    };
    assert_eq!(verify(key.clone()), Ok("2026-06-04T17:43:29Z".to_owned()));
    let reason = "the key is valid until 2020-01-01T00:00:00Z, expected to cover 2026-06-04T17:43:29Z";
    assert_eq!(verify(key.with_validity(window)), Err(reason.to_owned()));
}

#[test]
fn every_trust_root_is_read_or_refused_for_its_reason() {
    let Some(folder) = trust_testkit::vectors::vectors("trust-roots") else { return };
    let read = |name: &str| TrustRoot::from_json(&fs::read(folder.join("..").join(name)).unwrap());
    for name in ["github", "staging", "public-good"] {
        let root = read(&format!("trust-roots/{name}.json")).unwrap();
        assert!(!root.certificate_authorities().is_empty(), "{name}");
        assert_eq!(root.skipped(), [], "{name}");
    }
    let go = "bundles/sigstore-go/trusted-roots";
    for name in ["scaffolding", "public-key-validity", "public-good"] {
        read(&format!("{go}/{name}.json")).unwrap_or_else(|error| panic!("{name}: {}", Reasons(&error)));
    }
    let python = "bundles/sigstore-python/trusted_root";
    for name in ["trustedroot.v1", "trustedroot.v1.local_tlog_ed25519_rekor-tiles"] {
        read(&format!("{python}/{name}.json")).unwrap_or_else(|error| panic!("{name}: {}", Reasons(&error)));
    }
    let error = read(&format!("{python}/trustedroot.badtype.json")).unwrap_err();
    assert!(matches!(error, RootError::MediaType { .. }), "{error}");
}
