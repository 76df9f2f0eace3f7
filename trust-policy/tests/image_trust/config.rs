//! What images say about themselves.

use serde_json::{Value, json};
use trust_core::Digest;
use trust_policy::{Evidence, ImageEvidence, PolicySet, ReasonCode, Request, Resource, Trust, evaluate};

use crate::{IMAGE, NOW, allowed, denied, policy};

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
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": IMAGE}]}});
        let request = Request::from(Resource::from_json(pod).unwrap());
        assert_eq!(policies.requirements(&request, &Evidence::default(), NOW).documents, [IMAGE]);
        let digest = Digest::sha256(index.as_bytes());
        let found = ImageEvidence { digest: Ok(digest), artifacts: vec![], failures: vec![], notes: vec![] };
        let mut evidence = Evidence { images: [(IMAGE.to_owned(), found)].into(), ..Evidence::default() };
        for document in [index, manifest, config] {
            let text = if tampered { document.replace("1000", "0") } else { document.clone() };
            evidence.documents.insert(Digest::sha256(document.as_bytes()).to_string(), text);
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
        ReasonCode::Condition,
        "found `2026-10-01",
    );
    denied(
        &judge(require, &config("1000", young), &json!({}), false),
        ReasonCode::Condition,
        "base: found nothing",
    );
    let other = json!({"org.opencontainers.image.base.name": "docker.io/evil/debian"});
    denied(
        &judge(require, &config("1000", young), &other, false),
        ReasonCode::Condition,
        "found `docker.io/evil/debian`",
    );
    denied(&judge(require, &config("1000", young), &base, true), ReasonCode::NotFetched, "expected");
    let undated = json!({"config": {"User": "app"}});
    denied(&judge(require, &undated, &base, false), ReasonCode::Unresolved, "does not say when it was made");
}
