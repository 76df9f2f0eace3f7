//! What is not known is neither absent nor another value.

use serde_json::{Value, json};
use trust_policy::{Evidence, FailureKind, FetchFailure, PolicySet, ReasonCode, Trust, evaluate};
use trust_testkit::artifacts::attestation;
use trust_testkit::judge::{self, allowed, denied, image_with, pod, request};

use super::{IMAGE, NOW, SCAN, SIGNED, denied_later, judge_by, judged, policy, signed};

#[test]
fn what_is_not_known_denies_whatever_the_expression_makes_of_it() {
    // A policy that accepts unsigned images, if that is known.
    let unsigned = "images.containers.all(i, verifyImageSignatures(i, [attestors.key1]) == 0)";
    let text = policy(&format!(
        "validationConfigurations: {{required: false}}\nvalidations: [{{expression: \"{unsigned}\"}}]"
    ));
    let policies = PolicySet::from_yaml(&text).unwrap();
    let judged = |problem: Option<FailureKind>| {
        let mut found = image_with(vec![signed(2)]);
        found.failures.extend(problem.map(|kind| FetchFailure {
            location: "referrers".to_owned(),
            kind,
            problem: "503".to_owned(),
        }));
        judge::judge(&policies, &request(pod(IMAGE)), &found, &Trust::keys_only(), NOW)
    };
    allowed(&judged(None));
    let verdict = judged(Some(FailureKind::Unavailable));
    denied(&verdict, ReasonCode::NotFetched, "cannot determine whether it holds");
    // Nothing was fetched at all.
    let verdict = evaluate(&policies, &request(pod(IMAGE)), &Evidence::default(), &Trust::keys_only(), NOW);
    denied(&verdict, ReasonCode::NotFetched, "nothing was fetched");
}

/// How many signed is not known, so nothing that depends on it holds: neither what is said of it in a list, nor of two such numbers.
#[test]
fn a_number_that_is_not_known_is_not_another_one() {
    let found = |artifacts| {
        let mut found = image_with(artifacts);
        found.failures.push(FetchFailure {
            location: "referrers".to_owned(),
            kind: FailureKind::Unavailable,
            problem: "503".to_owned(),
        });
        found
    };
    let judged = |expression: &str, artifacts| {
        let expression = expression
            .replace("ONE", "verifyImageSignatures(i, [attestors.key1])")
            .replace("TWO", "verifyImageSignatures(i, [attestors.key1, attestors.key2])");
        let text = policy(&format!(
            "validationConfigurations: {{required: false}}\nvalidations: [{{expression: \"images.containers.all(i, {expression})\"}}]"
        ));
        let policies = PolicySet::from_yaml(&text).unwrap();
        judge::judge(&policies, &request(pod(IMAGE)), &found(artifacts), &Trust::keys_only(), NOW)
    };
    for expression in [
        "!(ONE in [1])",
        "!(1 in [ONE])",
        "[ONE] != [1]",
        "{'n': ONE} != {'n': 1}",
        "optional.of(ONE) != optional.of(1)",
        "![1].exists(x, x == ONE)",
        "ONE != 1",
        "1 != ONE",
    ] {
        denied(&judged(expression, vec![]), ReasonCode::NotFetched, "cannot determine whether it holds");
    }
    // None or one signed by the first key, and one or two by both.
    denied(&judged("ONE != TWO", vec![signed(2)]), ReasonCode::NotFetched, "cannot determine");
    denied(&judged("TWO != ONE", vec![signed(2)]), ReasonCode::NotFetched, "cannot determine");
    // What holds of every number that it may be, holds.
    for expression in
        ["!(ONE in [2])", "[ONE] != [2]", "ONE != 2", "TWO >= 0", "ONE <= 1", "TWO > ONE - 1 || true"]
    {
        allowed(&judged(expression, vec![]));
    }
}

/// Whose key is not known may have attested something later.
#[test]
fn the_latest_of_some_is_not_the_latest_of_all() {
    let low = "images.containers.all(i, verifyAttestationSignatures(i, attestations.scan, ATTESTORS) > 0 && \
               extractPayload(i, attestations.scan).predicate.score < 7)";
    let judged = |attestors: &str, artifacts| {
        let text =
            policy(&format!("validations: [{{expression: \"{}\"}}]", low.replace("ATTESTORS", attestors)));
        let elsewhere = "{name: other, cosign: {key: {expression: \"resource.get('v1', 'configmaps', 'n', 'keys').data.key\"}, \
                         ctlog: {insecureIgnoreTlog: true}}}";
        let text = text.replace("attestors: [", &format!("attestors: [{elsewhere}, "));
        judge_by(&text, pod(IMAGE), artifacts)
    };
    let scored = |seed: u8, score: u32| attestation(seed, SCAN, &json!({"score": score}));
    allowed(&judged("[attestors.key1]", vec![scored(1, 5), scored(2, 9)]));
    let unknown = judged("[attestors.key1, attestors.other]", vec![scored(1, 5), scored(2, 9)]);
    denied_later(&unknown, "a later attestation may be there");
    // Nor is it known what cannot be read.
    let mut unreadable = scored(1, 9);
    unreadable.content = b"{".to_vec().into();
    denied_later(
        &judged("[attestors.key1]", vec![scored(1, 5), unreadable]),
        "a later attestation may be there",
    );
}

#[test]
fn what_is_not_known_is_not_absent() {
    let conditional = |condition: &str| {
        policy(&format!(
            "matchConditions: [{{name: c, expression: \"{condition}\"}}]\nvalidations: [{{expression: \"{SIGNED}\"}}]"
        ))
    };
    for condition in [
        "has(namespaceObject.metadata.annotations) && namespaceObject.metadata.annotations['verify'] == 'on'",
        "has(request.userInfo) && request.userInfo.username != 'system:x'",
        "has(request.userInfo.extra)",
        "request.?dryRun.orValue(true)",
    ] {
        denied_later(
            &judge_by(&conditional(condition), pod(IMAGE), vec![]),
            "cannot determine whether the rule applies",
        );
    }
    denied(
        &judge_by(&conditional("request.kind.kind == 'Pod'"), pod(IMAGE), vec![]),
        ReasonCode::NotFound,
        "key1",
    );
    // Of an image that is none of the request's, nothing is known.
    let other = "verifyImageSignatures('ghcr.io/acme/base:1', [attestors.key1]) == 0";
    denied_later(&judged(other, vec![signed(1)]), "is not an image of the request");
    // Numbers of another type are no numbers.
    let score = "images.containers.all(i, verifyAttestationSignatures(i, attestations.scan, [attestors.key1]) > 0 && \
                 !(extractPayload(i, attestations.scan).predicate.score > 7.0))";
    let scored = |score: Value| vec![attestation(1, SCAN, &json!({"score": score}))];
    allowed(&judged(score, scored(json!(5.5))));
    for wrong in [json!("9.8"), json!(null), json!([9.8])] {
        denied_later(&judged(score, scored(wrong)), "cannot compare");
    }
}
