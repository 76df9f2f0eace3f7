//! Kyverno's `verifyImages` on images that are really signed: one check a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use serde_json::{Value, json};
use trust_core::UnixTime;
use trust_policy::{Artifact, PolicySet, ReasonCode, Trust, Verdict, evaluate};

use trust_testkit::artifacts::{attestation, digest, pem, signature};
use trust_testkit::judge::{allowed, denied, evidence, image_with, pod, request};

const IMAGE: &str = "ghcr.io/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
const TYPE: &str = "https://acme.example/review";

/// The key of a seed as an entry of `attestors`.
fn entry(seed: u8) -> String {
    format!("{{keys: {{publicKeys: \"{}\", rekor: {{ignoreTlog: true}}}}}}", pem(seed))
}

/// An entry of `attestations`, signed by one of some seeds.
fn review(seeds: &[u8], rest: &str) -> String {
    let entries: Vec<_> = seeds.iter().map(|seed| entry(*seed)).collect();
    format!("{{type: '{TYPE}', attestors: [{{count: 1, entries: [{}]}}]{rest}}}", entries.join(", "))
}

fn judge(requirement: &str, artifacts: Vec<Artifact>) -> Verdict {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  \
         - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    context: [{{name: least, variable: {{value: 2}}}}]\n    \
         verifyImages: [{{imageReferences: ['ghcr.io/acme/*'], {requirement}}}]\n",
    );
    let policies = PolicySet::from_yaml(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let evidence = evidence([(IMAGE, image_with(artifacts))], []);
    evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW)
}

#[test]
fn a_signature_has_the_annotations_that_are_wanted() {
    let wanted = format!(
        "attestors: [{{entries: [{}]}}]",
        entry(1).replace("{keys:", "{annotations: {env: prod}, keys:")
    );
    let signed = |optional: Value| vec![signature(1, &digest(), &optional)];
    allowed(&judge(&wanted, signed(json!({"env": "prod", "other": "x"}))));
    let reason = "as annotation `env`, expected `prod`";
    denied(&judge(&wanted, signed(json!({"env": "test"}))), ReasonCode::WrongAnnotation, reason);
    denied(&judge(&wanted, signed(Value::Null)), ReasonCode::WrongAnnotation, reason);
}

#[test]
fn a_predicate_cannot_take_a_name_of_the_rule() {
    let conditions = ", conditions: [{all: [{key: '{{ reviewers }}', operator: GreaterThanOrEquals, value: '{{ least }}'}]}]";
    let wanted = format!("attestations: [{}]", review(&[1], conditions));
    let attested = |predicate: Value| vec![attestation(1, TYPE, &predicate)];
    allowed(&judge(&wanted, attested(json!({"reviewers": 2}))));
    let shadowing = attested(json!({"reviewers": 1, "least": 1}));
    denied(&judge(&wanted, shadowing), ReasonCode::Condition, "does not say what it must");
}

#[test]
fn who_said_what_must_not_be_said_is_not_heard() {
    let conditions = ", conditions: [{all: [{key: '{{ fine }}', operator: Equals, value: true}]}]";
    let said = |seed: u8, fine: bool| attestation(seed, TYPE, &json!({"fine": fine, "by": seed}));
    let either = format!("attestations: [{}]", review(&[1, 2], conditions));
    let first = format!("attestations: [{}]", review(&[1], conditions));
    allowed(&judge(&either, vec![said(1, true), said(2, false)]));
    // Both attestations of one signer count.
    denied(
        &judge(&first, vec![said(1, true), said(1, false)]),
        ReasonCode::Condition,
        "does not say what it must",
    );
    // The one who is not heard does not speak where attestations have names.
    let named = format!(
        "attestations: [{}], validate: {{deny: {{conditions: {{any: [{{key: '{{{{ said.by }}}}', operator: Equals, value: 2}}]}}}}}}",
        review(&[1, 2], &format!(", name: said{conditions}"))
    );
    allowed(&judge(&named, vec![said(1, true), said(2, false)]));
    denied(&judge(&named, vec![said(1, true), said(2, true)]), ReasonCode::Condition, "`2` Equals `2`");
}

/// What the one who cannot be asked has said may be what is denied.
#[test]
fn who_cannot_be_read_may_have_said_it() {
    let deny = "validate: {deny: {conditions: {any: [{key: '{{ said.by }}', operator: Equals, value: 2}]}}}";
    let named = review(&[1], ", name: said");
    let elsewhere = "entries: [{keys: {secret: {name: a, namespace: b}}}, ";
    let judged = |attestation: &str, more: &str| {
        let said = vec![attestation_by(1), attestation_by(2)];
        judge(&format!("attestations: [{attestation}]{more}"), said)
    };
    allowed(&judged(&named, &format!(", {deny}")));
    let with_secret = named.replace("entries: [", elsewhere);
    allowed(&judged(&with_secret, ""));
    denied(
        &judged(&with_secret, &format!(", {deny}")),
        ReasonCode::UnusablePolicy,
        "Secret/b/a was not looked up",
    );
}

fn attestation_by(seed: u8) -> Artifact {
    attestation(seed, TYPE, &json!({"by": seed}))
}

#[test]
fn combinations_of_attestations_are_limited() {
    let named = |name: &str| review(&[1], &format!(", name: {name}"));
    let wanted = format!(
        "attestations: [{}, {}], validate: {{deny: {{conditions: {{any: [{{key: '{{{{ a.of }}}}', operator: Equals, value: '{{{{ b.not }}}}'}}]}}}}}}",
        named("a"),
        named("b")
    );
    let attested =
        |count: u32| (0..count).map(|of| attestation(1, TYPE, &json!({"of": of, "not": count}))).collect();
    allowed(&judge(&wanted, attested(31)));
    denied(
        &judge(&wanted, attested(32)),
        ReasonCode::Unresolved,
        "found 1024 combinations of attestations, expected at most 1000",
    );
}
