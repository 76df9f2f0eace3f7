//! What was once allowed and must not be: one kind of mistake a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod documents;
mod requests;
mod rules;

use serde_json::{Value, json};
use trust_core::UnixTime;
use trust_policy::{Artifact, Decision, FetchFailure, ImageEvidence, PolicySet, Request, Trust, Verdict};

use trust_testkit::artifacts::pem;
use trust_testkit::judge::{self, image_with, request};

const IMAGE: &str = "ghcr.io/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18
const FRESH: &str = "2026-11-17T00:00:00Z";

/// One of our own policies, with the signers `release` and `security`.
fn image_trust(require: &str) -> PolicySet {
    PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers:\n    release: {{publicKey: \"{}\", transparencyLog: false}}\n    security: {{publicKey: \"{}\", \
         transparencyLog: false}}\n  require: {require}\n",
        pem(1),
        pem(2)
    ))
    .unwrap()
}

/// Kyverno's rules, in flow style, all on pods unless they say otherwise.
fn kyverno(spec: &str, rules: &[&str]) -> PolicySet {
    let rules: String = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| {
            let matches = match rule.contains("match:") {
                true => "",
                false => "match: {any: [{resources: {kinds: [Pod]}}]}, ",
            };
            format!("  - {{name: r{index}, {matches}{rule}}}\n")
        })
        .collect();
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n{spec}  rules:\n{rules}"
    );
    PolicySet::from_yaml(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

fn pod(images: &[&str]) -> Value {
    let containers: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"containers": containers}})
}

/// Judges with these artifacts on each image, and these failures to fetch more.
fn judge_with(
    policies: &PolicySet,
    request: &Request,
    artifacts: &[Artifact],
    failures: &[FetchFailure],
) -> Verdict {
    let found = ImageEvidence { failures: failures.to_vec(), ..image_with(artifacts.to_vec()) };
    judge::judge(policies, request, &found, &Trust::keys_only(), NOW)
}

fn judge(policies: &PolicySet, object: Value) -> Verdict {
    judge_with(policies, &request(object), &[], &[])
}

#[track_caller]
fn allowed(verdict: &Verdict) {
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
}

#[track_caller]
fn denied(verdict: &Verdict, reason: &str) {
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    assert!(verdict.to_string().contains(reason), "expected {reason}:\n{verdict}");
}
