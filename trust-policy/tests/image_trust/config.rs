//! What images say about themselves.

use serde_json::{Value, json};
use trust_core::Digest;
use trust_policy::{Evidence, PolicySet, ReasonCode, Trust, evaluate};
use trust_testkit::judge::{allowed, denied, evidence, image_at, pod, request};

use crate::{IMAGE, NOW, policy};

#[test]
fn an_image_says_when_and_for_whom_it_was_made() {
    let judge = |require: &str, config: &Value, annotations: &Value, tampered: bool| {
        let config = config.to_string();
        let manifest = json!({"schemaVersion": 2, "config": {"digest": Digest::sha256(config.as_bytes()).to_string()}, "layers": [],
            "annotations": annotations})
        .to_string();
        let index = json!({"schemaVersion": 2, "manifests": [
            {"digest": Digest::sha256(manifest.as_bytes()).to_string(), "platform": {"os": "linux", "architecture": "amd64"}},
            {"digest": Digest::sha256(b"provenance").to_string(), "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}]})
        .to_string();
        let policies = PolicySet::from_yaml(&policy(require)).unwrap();
        let request = request(pod(IMAGE));
        assert_eq!(policies.requirements(&request, &Evidence::default(), NOW).documents, [IMAGE]);
        let image = image_at(&Digest::sha256(index.as_bytes()));
        let mut evidence = evidence([(IMAGE, image)], [index, manifest, config]);
        if tampered {
            evidence.documents.values_mut().for_each(|document| *document = document.replace("1000", "0"));
        }
        evaluate(&policies, &request, &evidence, &Trust::keys_only(), NOW)
    };
    let require = "{image: {maxAge: 240h, nonRoot: true, base: ['docker.io/library/debian']}}";
    let config = |user: &str, created: &str| json!({"created": created, "config": {"User": user}});
    let base = json!({"org.opencontainers.image.base.name": "docker.io/library/debian:12"});
    let young = "2026-11-15T00:00:00Z";
    allowed(&judge(require, &config("1000", young), &base, false));
    for root in ["", "root", "0", "0:1000"] {
        let verdict = judge(require, &config(root, young), &base, false);
        denied(
            &verdict,
            ReasonCode::Condition,
            &format!("user: found `{root}`, expected a user who is not root"),
        );
    }
    denied(
        &judge(require, &config("1000", "2026-10-01T00:00:00Z"), &base, false),
        ReasonCode::TooOld,
        "found `2026-10-01",
    );
    denied(
        &judge(require, &config("1000", young), &json!({}), false),
        ReasonCode::OtherBase,
        "base: found nothing",
    );
    let other = json!({"org.opencontainers.image.base.name": "docker.io/evil/debian"});
    denied(
        &judge(require, &config("1000", young), &other, false),
        ReasonCode::OtherBase,
        "found `docker.io/evil/debian`",
    );
    denied(&judge(require, &config("1000", young), &base, true), ReasonCode::Tampered, "expected");
    let undated = json!({"config": {"User": "app"}});
    denied(&judge(require, &undated, &base, false), ReasonCode::Unresolved, "does not say when it was made");
}
