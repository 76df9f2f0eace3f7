//! [`custom_resources`]: the kinds of objects of `trust.dev`, for an API server.

use serde_json::{Map, Value, json};
use trust_policy::IMAGE_TRUST_POLICY_SCHEMA;

use crate::api::Kind;

/// The CustomResourceDefinitions of `trust.dev`: `ImageTrustPolicy` (of `v1beta1`; what is written as `v1alpha1` is the same) and `TrustRoot`, which people write, and `WorkloadRecord` and
/// `WorkloadAdmission`, which are this crate's own.
///
/// The API server keeps fields that the schemas do not know. So a policy with a misspelt field is refused by its reader, not stored without the
/// field.
#[must_use]
pub fn custom_resources() -> Vec<Value> {
    let policy: Value = serde_json::from_str(IMAGE_TRUST_POLICY_SCHEMA).unwrap_or_default();
    let spec = structural(policy.pointer("/properties/spec").unwrap_or(&Value::Null), &policy);
    let object = || json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let root = json!({
        "type": "object",
        "required": ["trustedRoot"],
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"trustedRoot": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": true,
            "description": "A trusted_root.json of Sigstore.",
        }},
    });
    let workload = json!({
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "namespace": {"type": "string"},
            "name": {"type": "string"},
        },
    });
    let content = json!({"type": "string", "description": "The record, as JSON."});
    let open = json!({"type": "array", "items": {"type": "string"}, "description": "What is wrong."});
    let record =
        json!({"type": "object", "properties": {"workload": workload, "content": content, "open": open}});
    let admission = json!({"type": "object", "properties": {"workload": workload, "content": content}});
    let column = |name: &str, path: &str| json!({"name": name, "type": "string", "jsonPath": path});
    let ready = column("Ready", ".status.conditions[?(@.type==\"Ready\")].status");
    let whose = [
        column("Namespace", ".spec.workload.namespace"),
        column("Kind", ".spec.workload.kind"),
        column("Workload", ".spec.workload.name"),
    ];
    let wrong = column("Open", ".spec.open");
    let all_of = |more: Vec<Value>| whose.iter().cloned().chain(more).collect::<Vec<_>>();
    vec![
        definition(
            Kind::IMAGE_TRUST_POLICY,
            &["v1alpha1"],
            "Cluster",
            &spec,
            Some(object()),
            &[column("Mode", ".spec.mode"), ready.clone()],
        ),
        definition(Kind::TRUST_ROOT, &[], "Cluster", &root, Some(object()), &[ready]),
        definition(Kind::RECORD, &[], "Namespaced", &record, None, &all_of(vec![wrong])),
        definition(Kind::ADMISSION, &[], "Namespaced", &admission, None, &all_of(Vec::new())),
    ]
}

/// The definition of a kind, also of older versions of it that have the same fields.
fn definition(
    kind: Kind,
    older: &[&str],
    scope: &str,
    spec: &Value,
    status: Option<Value>,
    columns: &[Value],
) -> Value {
    let mut properties = json!({"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}, "spec": spec});
    let mut subresources = json!({});
    if let (Some(status), Value::Object(properties), Value::Object(subresources)) =
        (status, &mut properties, &mut subresources)
    {
        properties.insert("status".to_owned(), status);
        subresources.insert("status".to_owned(), json!({}));
    }
    let age = json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"});
    let columns: Vec<&Value> = columns.iter().chain([&age]).collect();
    let version = |name: &str| {
        json!({
            "name": name,
            "served": true,
            "storage": name == kind.version,
            "subresources": subresources,
            "additionalPrinterColumns": columns,
            "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": properties}},
        })
    };
    let versions: Vec<Value> =
        core::iter::once(kind.version).chain(older.iter().copied()).map(version).collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{}", kind.plural, kind.group)},
        "spec": {
            "group": kind.group,
            "scope": scope,
            "names": {
                "kind": kind.kind,
                "listKind": format!("{}List", kind.kind),
                "plural": kind.plural,
                "singular": kind.kind.to_lowercase(),
            },
            "versions": versions,
        },
    })
}

/// A JSON Schema as a structural one
/// ([specifying a structural schema](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema)):
/// without references, alternatives and defaults, and with unknown fields kept.
fn structural(schema: &Value, whole: &Value) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        return structural(whole.pointer(pointer).unwrap_or(&Value::Null), whole);
    }
    let mut made = Map::new();
    for (name, value) in fields {
        match name.as_str() {
            "properties" => {
                let inner = value.as_object().into_iter().flatten();
                let inner = inner.map(|(name, value)| (name.clone(), structural(value, whole)));
                made.insert(name.clone(), Value::Object(inner.collect()));
                made.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
            }
            "items" => drop(made.insert(name.clone(), structural(value, whole))),
            "additionalProperties" if value.is_object() => {
                made.insert(name.clone(), structural(value, whole));
            }
            "const" => drop(made.insert("enum".to_owned(), json!([value]))),
            "additionalProperties" | "oneOf" | "default" => {}
            _ => drop(made.insert(name.clone(), value.clone())),
        }
    }
    if made.contains_key("enum") && !made.contains_key("type") {
        made.insert("type".to_owned(), "string".into());
    }
    Value::Object(made)
}
