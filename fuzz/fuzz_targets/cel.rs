//! Any expression in CEL: a policy with it is refused with a place, or answers, in bounded time and the same each time. Of an
//! image of which nothing is known, nothing is ever verified.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::UnixTime;
use trust_policy::{Evidence, PolicyError, PolicySet, Request, Resource, Trust, evaluate};

static POD: LazyLock<Request> = LazyLock::new(|| {
    let text = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"b": "c'd", "n": null}},
        "spec": {"containers": [{"name": "c", "image": "ghcr.io/a/b:1"}, {"name": "d", "image": "e"}], "n": [1, 2.5]}}"#;
    Resource::from_yaml(text).unwrap().remove(0).into()
});

fuzz_target!(|text: &str| {
    let key = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn7CjRjD1YBPkelMtDpZ9SXXU88PSJH8QiM1q+Mfr+iDVhT+5D2NYX6DVLdpki4VWNlWO0HhWGzG4elwEHl8l5Q==\n-----END PUBLIC KEY-----\n";
    let policy = serde_json::json!({
        "apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": {"name": "p"},
        "spec": {
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
            "validationConfigurations": {"required": false, "mutateDigest": false, "verifyDigest": false},
            "attestors": [{"name": "a", "cosign": {"key": {"data": key}}}],
            "attestations": [{"name": "s", "intoto": {"type": "t"}}],
            "variables": [{"name": "v", "expression": text}],
            "validations": [{"expression": text, "messageExpression": text}, {"expression": "variables.v == variables.v"}],
        },
    });
    let policies = match PolicySet::from_yaml(&policy.to_string()) {
        Ok(policies) => policies,
        Err(PolicyError::Expression { problem, .. }) => {
            return assert!(problem.starts_with("line "), "{problem}");
        }
        // YAML does not take every text.
        Err(_) => return,
    };
    let now = UnixTime::from_seconds(0);
    let judge = || evaluate(&policies, &POD, &Evidence::default(), &Trust::keys_only(), now);
    let verdict = judge();
    assert!(verdict.images.is_empty(), "{verdict}");
    assert_eq!(verdict, judge());
    let asked = policies.requirements(&POD, &Evidence::default(), now);
    assert_eq!(asked, policies.requirements(&POD, &Evidence::default(), now));
});
