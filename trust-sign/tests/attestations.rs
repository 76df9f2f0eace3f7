//! What is attested: verdicts, provenance, and documents that are what their type says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use futures_util::FutureExt as _;
use serde_json::json;
use trust_core::{Bundle, Digest, KeyAlgorithm, Statement, TrustRoot};
use trust_gate::{Deadline, OciLayout};
use trust_policy::{PolicySet, Trust, evaluate};
use trust_sbom::{Limits, Predicate};
use trust_sign::{
    AttestationError, ImageTarget, PrivateKey, ProvenanceBuilder, SignedBundle, Signer, attestation,
    predicate_type,
};
use trust_testkit::judge::{evidence, image_at, pod, request};
use trust_testkit::now;

fn signed(statement: &Statement) -> SignedBundle {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let signer = Signer::with_key(key, TrustRoot::empty());
    signer.sign(statement, Deadline::never()).now_or_never().unwrap().unwrap()
}

fn target() -> ImageTarget {
    let layout = OciLayout::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images")).unwrap();
    let image = "ghcr.io/myorg/app:unsigned".parse().unwrap();
    ImageTarget::find(&layout, &image, Deadline::never()).now_or_never().unwrap().unwrap()
}

fn predicate(bundle: &Bundle) -> (Statement, Predicate) {
    let trust_core::Content::Envelope(envelope) = bundle.unverified_content() else { panic!("no envelope") };
    let statement = Statement::from_json(envelope.payload()).unwrap();
    let predicate = Predicate::of(&statement, &Limits::default()).unwrap();
    (statement, predicate)
}

#[test]
fn a_verdict_becomes_a_signed_summary() {
    let policies = PolicySet::from_yaml(&json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "signed"},
        "spec": {"rules": [{"name": "r", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "verifyImages": [{
            "imageReferences": ["*"], "mutateDigest": false, "verifyDigest": false,
            "attestors": [{"entries": [{"keys": {"publicKeys": trust_testkit::artifacts::pem(1)}}]}],
        }]}]},
    }).to_string()).unwrap();
    let (request, digest) = (request(pod("ghcr.io/acme/app:v1")), Digest::sha256(b"manifest"));
    let evidence = evidence([("ghcr.io/acme/app:v1", image_at(&digest))], []);
    let verdict = evaluate(&policies, &request, &evidence, &Trust::keys_only(), now());
    let summaries = verdict.to_summaries("https://example.com/gate", &Digest::sha256(b"policies"), now());
    let statement = Statement::from_json(summaries[0].to_string().as_bytes()).unwrap();

    let signed = signed(&statement);
    let (statement, predicate) = predicate(&signed.bundle);
    assert!(statement.applies_to(&digest) && signed.verified.statement().is_some());
    let Predicate::VerificationSummary(summary) = predicate else { panic!("{predicate:?}") };
    assert_eq!(summary.verifier, "https://example.com/gate");
}

#[test]
fn provenance_that_is_built_is_read_again() {
    let target = target();
    let statement = ProvenanceBuilder::new("https://example.com/build/v1", "https://example.com/builder")
        .parameter("ref", json!("refs/heads/main"))
        .git_commit("git+https://github.com/acme/app", "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3")
        .dependency("pkg:oci/base", &Digest::sha256(b"base"))
        .invocation("run 7")
        .ran(now(), now())
        .attestation(&target)
        .unwrap();
    let (statement, predicate) = predicate(&signed(&statement).bundle);
    assert!(statement.applies_to(&target.digest));
    let Predicate::Provenance(provenance) = predicate else { panic!("{predicate:?}") };
    let told = format!("{provenance:?}");
    for part in ["https://example.com/builder", "https://example.com/build/v1", "a94a8fe5", "run 7"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn what_is_not_what_its_type_says_is_not_signed() {
    let target = target();
    assert_eq!(predicate_type("cyclonedx").unwrap(), "https://cyclonedx.org/bom");
    assert_eq!(predicate_type("https://example.com/x").unwrap(), "https://example.com/x");
    assert!(matches!(predicate_type("bom"), Err(AttestationError::Type { .. })));
    for (kind, text) in [
        ("cyclonedx", r#"{"spdxVersion": "SPDX-2.3"}"#),
        ("spdxjson", "{}"),
        ("vuln", "{}"),
        ("openvex", r#"{"statements": 1}"#),
        ("custom", "not JSON"),
        ("custom", r#"{"a": 1, "a": 2}"#),
    ] {
        let refused = attestation(&target, predicate_type(kind).unwrap(), text);
        assert!(refused.is_err(), "{kind}: {text}");
    }
    attestation(&target, predicate_type("custom").unwrap(), r#"{"anything": true}"#).unwrap();
}
