//! Any pattern, comparison and image, against any resource, each taken from a line of JSON: what is not known never allows,
//! what names nothing changes nothing, and one image has one verdict however it is spelled.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Decision, Evidence, FailureKind, FetchFailure, ImageEvidence, PolicySet, Request, Resource, Trust,
    Verdict, evaluate,
};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

fn policies(rule: &Value, excluded: Option<&Value>) -> Option<PolicySet> {
    let mut rule = rule.clone();
    rule["name"] = json!("r");
    rule["match"] = json!({"any": [{"resources": {"kinds": ["*"]}}]});
    if let Some(excluded) = excluded {
        rule["exclude"] = excluded.clone();
    }
    let policy = json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"},
        "spec": {"validationFailureAction": "Enforce", "rules": [rule]}});
    PolicySet::from_yaml(&policy.to_string()).ok()
}

fn judge(policies: &PolicySet, request: &Request, evidence: &Evidence) -> Verdict {
    evaluate(policies, request, evidence, &Trust::keys_only(), NOW)
}

/// What names nothing excludes nothing.
fn exclude_nothing(rule: &Value, request: &Request) {
    let Some(plain) = policies(rule, None) else { return };
    let verdict = judge(&plain, request, &Evidence::default());
    for excluded in
        [json!({}), json!({"any": []}), json!({"any": [{}]}), json!({"any": [{"resources": {"names": []}}]})]
    {
        let same = policies(rule, Some(&excluded)).expect("the same with an empty exclude");
        assert_eq!(judge(&same, request, &Evidence::default()), verdict, "{excluded}");
    }
}

/// What could not be fetched never allows, and a spelling changes nothing.
fn verify_images(pattern: &str, image: &str) {
    let rule = json!({"verifyImages": [{"imageReferences": [pattern], "required": true, "mutateDigest": false,
        "verifyDigest": false, "attestations": [{"type": "t", "attestors": [{"entries": [{"keys": {"secret":
            {"name": "k", "namespace": "n"}}}]}], "conditions": [{"all": [{"key": "a", "operator": "Equals", "value": "a"}]}]}]}]});
    let Some(policies) = policies(&rule, None) else { return };
    let judge_image = |image: &str, failures: &[FetchFailure]| {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "c", "image": image}]}});
        let request: Request = Resource::from_json(pod).ok()?.into();
        let found =
            || ImageEvidence { failures: failures.to_vec(), ..ImageEvidence::of(Digest::sha256(b"")) };
        let needed = policies.requirements(&request, &Evidence::default(), NOW).images;
        let images = needed.into_iter().map(|image| (image, found())).collect();
        Some(judge(&policies, &request, &Evidence { images, ..Evidence::default() }))
    };
    let Some(verdict) = judge_image(image, &[]) else { return };
    let failure =
        FetchFailure { location: "l".to_owned(), kind: FailureKind::Unavailable, problem: "p".to_owned() };
    let less = judge_image(image, &[failure]).expect("the same image");
    assert!(verdict.decision == Decision::Allow || less.decision == Decision::Deny, "{verdict}\n{less}");
    let Some((host, path)) =
        image.split_once('/').filter(|(host, _)| host.contains('.') && !host.contains(':'))
    else {
        return;
    };
    for other in [format!("{}/{path}", host.to_uppercase()), format!("{host}:443/{path}")] {
        let Some(again) = judge_image(&other, &[]) else { continue };
        assert_eq!(again.decision, verdict.decision, "{image} {other}\n{verdict}\n{again}");
    }
}

fuzz_target!(|text: &str| {
    let Ok(row) = serde_json::from_str::<Value>(text) else { return };
    let resource = row.get("resource").cloned().filter(Value::is_object).unwrap_or_else(|| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "a"}]}})
    });
    if let Ok(resource) = Resource::from_json(resource) {
        let request = Request::from(resource);
        if let Some(pattern) = row.get("pattern") {
            exclude_nothing(&json!({"validate": {"pattern": pattern}}), &request);
        }
        if let (Some(key), Some(operator), Some(value)) =
            (row.get("key"), row.get("operator"), row.get("value"))
        {
            let condition = json!({"key": key, "operator": operator, "value": value});
            exclude_nothing(&json!({"validate": {"deny": {"conditions": {"any": [condition]}}}}), &request);
        }
    }
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    if let Some(image) = text("image").or(text("text")) {
        verify_images(text("pattern").unwrap_or("ghcr.io/*"), image);
    }
});
