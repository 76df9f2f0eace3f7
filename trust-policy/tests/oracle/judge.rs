//! One row, judged by a policy that asks what the row asks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trust_core::UnixTime;
use trust_policy::{
    Decision, Evidence, Explanation, Outcome, PolicySet, Request, Resource, Trust, Verdict, evaluate,
};

use trust_testkit::artifacts::{attestation, pem};
use trust_testkit::judge::{image_with, pod};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

/// `pattern` or `anyPattern` of a row.
pub(crate) fn form(row: &Value) -> Value {
    match row.get("pattern") {
        Some(pattern) => json!({"pattern": pattern}),
        None => json!({"anyPattern": row["anyPattern"]}),
    }
}

fn policy(rule: Value) -> Value {
    let mut rule = rule;
    rule["name"] = json!("r");
    rule["match"] = json!({"any": [{"resources": {"kinds": ["*"], "operations": ["CREATE", "UPDATE", "DELETE", "CONNECT"]}}]});
    json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"},
        "spec": {"validationFailureAction": "Enforce", "rules": [rule]},
    })
}

/// A policy with one `validate` rule.
pub(crate) fn validate_rule(validate: Value) -> Value {
    policy(json!({"validate": validate}))
}

fn verdict(policy: &Value, request: &Request, evidence: &Evidence) -> Result<Verdict, String> {
    let policies = PolicySet::from_yaml(&policy.to_string()).map_err(|error| error.to_string())?;
    Ok(evaluate(&policies, request, evidence, &Trust::keys_only(), NOW))
}

/// What the only rule of a policy says of a resource.
pub(crate) fn outcome(policy: &Value, resource: &Value) -> String {
    let Ok(resource) = Resource::from_json(resource.clone()) else { return "unreadable".to_owned() };
    match verdict(policy, &Request::from(resource), &Evidence::default()) {
        Ok(verdict) => outcome_of(&verdict).to_owned(),
        Err(_) => "refused".to_owned(),
    }
}

fn outcome_of(verdict: &Verdict) -> &'static str {
    match verdict.rules[0].outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Skip => "skip",
    }
}

/// Numbers without regard to how they are written.
pub(crate) fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => json!(float as i64),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), normal(value))).collect())
        }
        other => other.clone(),
    }
}

/// An object without the namespace that it is in for want of another.
pub(crate) fn as_written(resource: &Resource) -> Value {
    let mut object = resource.object().clone();
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut)
        && metadata.get("namespace") == Some(&json!("default"))
    {
        metadata.remove("namespace");
    }
    object
}

/// The value of the name `found`, by a message that shows its type and text.
fn shown(rule: Value, request: &Request) -> Result<Value, String> {
    let mut rule = rule;
    rule["validate"] = json!({"message": "{{ found | type(@) }} {{ found | to_string(@) }}", "deny": {}});
    let verdict = verdict(&policy(rule), request, &Evidence::default())?;
    let explanation = &verdict.rules[0].explanations[0];
    match explanation.message.split_once(' ') {
        Some(("string", text)) => Ok(json!(text)),
        Some(("null" | "boolean" | "number" | "array" | "object", text)) => {
            serde_json::from_str(text).map_err(|error| error.to_string())
        }
        _ => Err(verdict.to_string()),
    }
}

pub(crate) fn value_of(expression: &str, data: &Value) -> Result<String, String> {
    let rule = json!({"context": [{"name": "found", "variable": {"value": data, "jmesPath": expression}}]});
    let request = Request::from(Resource::from_json(pod("nginx")).unwrap());
    shown(rule, &request).map(|value| normal(&value).to_string())
}

/// What `images` says of an image.
pub(crate) fn image(text: &str) -> Result<Value, String> {
    let rule = json!({"context": [{"name": "found", "variable": {"jmesPath": "images.containers.c"}}]});
    let resource = Resource::from_json(pod(text)).map_err(|error| error.to_string())?;
    let value = shown(rule, &Request::from(resource))?;
    if value.is_null() { Err("no image".to_owned()) } else { Ok(value) }
}

/// The parts of a kind.
pub(crate) fn kind(selector: &str) -> String {
    let policy = json!({
        "apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"},
        "spec": {"rules": [{"name": "r", "match": {"any": [{"resources": {"kinds": [selector]}}]}, "validate": {"deny": {}}}]},
    });
    let Ok(policies) = PolicySet::from_yaml(&policy.to_string()) else { return "refused".to_owned() };
    let kind = &policies.policies()[0].rules[0].matches.matched.filters()[0].kinds[0];
    let text = |pattern: &trust_core::Pattern| pattern.to_string().trim_matches('`').to_owned();
    [&kind.group, &kind.version, &kind.kind, &kind.subresource].map(text).join(" ")
}

/// A block of conditions, as `deny`, as preconditions, or on an attestation.
pub(crate) fn condition(row: &Value) -> String {
    let context = row["context"].as_object().unwrap();
    let asked = &context["request"];
    // What is deleted is the resource as it was.
    let object = if asked["object"].is_null() { &asked["oldObject"] } else { &asked["object"] }.clone();
    let mut request: Map<String, Value> = Map::new();
    request.insert("resource".to_owned(), object);
    request
        .insert("operation".to_owned(), asked.get("operation").cloned().unwrap_or_else(|| json!("CREATE")));
    if let Some(old) = asked.get("oldObject") {
        request.insert("old".to_owned(), old.clone());
    }
    if let Some(user) = asked.get("userInfo") {
        request.insert("user".to_owned(), user.clone());
    }
    let request: Request = match serde_json::from_value(Value::Object(request)) {
        Ok(request) => request,
        Err(error) => return format!("unreadable: {error}"),
    };
    let names: Vec<Value> = context
        .iter()
        .filter(|(name, _)| !["request", "predicate"].contains(&name.as_str()))
        .map(|(name, value)| json!({"name": name, "variable": {"value": value}}))
        .collect();
    let block = &row["block"];
    let mut rule = match row["use"].as_str().unwrap() {
        "deny" => json!({"validate": {"deny": {"conditions": block}}}),
        "preconditions" => json!({"preconditions": block, "validate": {"deny": {}}}),
        _ => return attested(row, names, &request),
    };
    if !names.is_empty() {
        rule["context"] = json!(names);
    }
    let verdict = match verdict(&policy(rule), &request, &Evidence::default()) {
        Ok(verdict) => verdict,
        Err(_) => return "refused".to_owned(),
    };
    let rule = &verdict.rules[0];
    let is_unknown = rule.explanations.iter().any(is_unresolved);
    match (row["use"].as_str().unwrap(), rule.outcome) {
        (_, Outcome::Fail) if is_unknown => "error",
        ("deny", Outcome::Fail) | ("preconditions", Outcome::Fail) => "holds",
        ("deny", Outcome::Pass) | ("preconditions", Outcome::Skip) => "not",
        _ => "neither",
    }
    .to_owned()
}

fn is_unresolved(explanation: &Explanation) -> bool {
    explanation.code == Some(trust_policy::ReasonCode::Unresolved)
        || explanation.because.iter().any(is_unresolved)
}

fn attested(row: &Value, names: Vec<Value>, request: &Request) -> String {
    const TYPE: &str = "https://example.com/predicate/v1";
    const IMAGE: &str = "ghcr.io/acme/app:v1";
    let attestors = json!([{"entries": [{"keys": {"publicKeys": pem(1).replace("\\n", "\n"), "rekor": {"ignoreTlog": true}}}]}]);
    let attestations = json!([{"type": TYPE, "attestors": attestors, "conditions": row["block"]}]);
    let mut rule = json!({
        "imageExtractors": {"Thing": [{"path": "/image"}]},
        "verifyImages": [{"imageReferences": ["*"], "mutateDigest": false, "verifyDigest": false, "attestations": attestations}],
    });
    if !names.is_empty() {
        rule["context"] = json!(names);
    }
    let mut object = request.resource.object().clone();
    object["image"] = json!(IMAGE);
    object["kind"] = json!("Thing");
    let mut request = request.clone();
    request.resource = Resource::from_json(object).unwrap();
    let predicate = row["context"].get("predicate").cloned().unwrap_or_else(|| json!({}));
    let artifacts = vec![attestation(1, TYPE, &predicate)];
    let evidence = Evidence {
        images: BTreeMap::from([(IMAGE.to_owned(), image_with(artifacts))]),
        ..Evidence::default()
    };
    match verdict(&policy(rule), &request, &evidence) {
        Err(_) => "refused".to_owned(),
        Ok(verdict) if verdict.rules[0].outcome == Outcome::Pass => {
            assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
            "holds".to_owned()
        }
        Ok(verdict) if verdict.rules[0].explanations.iter().any(is_unresolved) => "error".to_owned(),
        Ok(_) => "not".to_owned(),
    }
}
