//! Any expression and any values: conditions and patterns answer, in bounded time. The text is an expression, a condition's
//! value, and a pattern, a line each.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::UnixTime;
use trust_policy::{Evidence, PolicySet, Request, Resource, Trust, evaluate};

static POD: LazyLock<Request> = LazyLock::new(|| {
    let text = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"b": "c'd"}},
        "spec": {"containers": [{"name": "c", "image": "ghcr.io/a/b:1"}, {"name": "d", "image": "e@sha256:00"}]}}"#;
    Resource::from_yaml(text).unwrap().remove(0).into()
});

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let (key, value, pattern) =
        (lines.next(), lines.next().unwrap_or("1Gi"), lines.next().unwrap_or("1-2 | !a*"));
    let operators = ["Equals", "AnyNotIn", "AllIn", "GreaterThan", "DurationLessThan"];
    let conditions: Vec<_> = operators
        .iter()
        .map(|operator| serde_json::json!({"key": key, "operator": operator, "value": value}))
        .collect();
    let rule = |name: &str, validate: serde_json::Value| serde_json::json!({"name": name, "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}, "validate": validate});
    let policy = serde_json::json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"},
        "spec": {"rules": [
            rule("deny", serde_json::json!({"deny": {"conditions": {"any": conditions}}})),
            rule("pattern", serde_json::json!({"pattern": {"spec": {"containers": [{"(name)": pattern, "image": value}]}}})),
            rule("each", serde_json::json!({"foreach": [{"list": key, "pattern": {"image": pattern}}]})),
        ]},
    });
    let Ok(policies) = PolicySet::from_yaml(&policy.to_string()) else { return };
    let judge =
        || evaluate(&policies, &POD, &Evidence::default(), &Trust::keys_only(), UnixTime::from_seconds(0));
    assert_eq!(judge(), judge());
});
