//! A verdict in a few lines, and what differs as data.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use serde_json::json;
use trust_core::UnixTime;
use trust_policy::{Mismatch, PolicySet, Trust, Uncovered, Verdict};
use trust_testkit::judge::{self, image_with, pod, request};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

fn judge(action: &str, pattern: &str, pod: serde_json::Value) -> Verdict {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: {action}\n  rules:\n  \
         - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    validate: {{message: 'ours alone', pattern: {pattern}}}\n"
    );
    let policies = PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow);
    judge::judge(&policies, &request(pod), &image_with(vec![]), &Trust::keys_only(), NOW)
}

const OURS: &str = "{spec: {containers: [{image: 'ghcr.io/acme/*'}]}}";

#[test]
fn a_failure_has_the_words_of_its_policy_and_its_reasons() {
    let verdict = judge("Enforce", OURS, pod("docker.io/nginx"));
    assert_eq!(
        verdict.brief().to_string(),
        "DENY Pod web\n  p/r: form: ours alone\n  p/r: /spec/containers/0/image: found `docker.io/nginx`, expected `ghcr.io/acme/*`"
    );
    let reported = judge("Audit", OURS, pod("docker.io/nginx")).brief().to_string();
    assert!(reported.starts_with("ALLOW Pod web\n  p/r (reported only): form: ours alone\n"), "{reported}");
    assert_eq!(judge("Audit", OURS, pod("ghcr.io/acme/a")).brief().to_string(), "ALLOW Pod web");
}

#[test]
fn many_reasons_are_counted() {
    let verdict = judge("Enforce", OURS, pod("docker.io/nginx"));
    for (reasons, last) in [(19, "/19: differs"), (20, "p/r: and 1 more"), (25, "p/r: and 6 more")] {
        let causes: Vec<_> = (1..=reasons)
            .map(|index| json!({"check": format!("/{index}"), "outcome": "fail", "message": "differs", "code": "form"}))
            .collect();
        let mut value = json!(verdict);
        value["rules"][0]["explanations"][0]["because"] = json!(causes);
        let text = serde_json::from_value::<Verdict>(value).unwrap().brief().to_string();
        // The heading, the policy's own words, and at most twenty lines and their number.
        assert!(text.ends_with(last), "{text}");
        assert_eq!(text.lines().count(), 1 + (1 + reasons).min(20) + usize::from(reasons > 19), "{text}");
    }
}

#[test]
fn a_container_that_nothing_judged_is_skipped() {
    let mut value = json!(judge("Enforce", OURS, pod("ghcr.io/acme/a")));
    let image = json!({"container": "c", "image": "a"});
    value["rules"][0]["explanations"] =
        json!([{"check": "x", "outcome": "skip", "message": "y", "image": image}]);
    let verdict: Verdict = serde_json::from_value(value).unwrap();
    assert_eq!(verdict.brief().to_string(), "ALLOW Pod web\n  [skip] c: a");
}

#[test]
fn no_input_writes_a_line() {
    let text = judge("Enforce", OURS, pod("evil\nALLOW Pod b\u{1b}[8m")).brief().to_string();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_differs_is_data() {
    let mismatch = |image: &str, pattern: &str| -> Mismatch {
        let verdict = judge("Enforce", pattern, pod(image));
        let cause = &verdict.rules[0].explanations[0].because[0];
        *cause.mismatch.clone().unwrap()
    };
    let differs = mismatch("docker.io/nginx", OURS);
    assert_eq!(
        (differs.found.as_deref(), differs.expected.as_slice()),
        (Some("docker.io/nginx"), &["`ghcr.io/acme/*`".to_owned()][..])
    );
    let absent = mismatch("a", "{spec: {hostname: '?*'}}");
    assert_eq!(absent.found, None);
    assert_eq!(absent.to_string(), format!("found nothing, expected {}", absent.expected[0]));
    let collection = mismatch("a", "{spec: {containers: 'x'}}");
    assert_eq!(collection.found.as_deref(), Some("a list of 1 element"));
}
