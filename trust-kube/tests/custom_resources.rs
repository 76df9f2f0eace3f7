//! The custom resource definitions that are rolled out are those that this crate makes.
#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use serde_json::{Value, json};
use trust_kube::custom_resources;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/kubernetes/crds.json");

#[test]
fn the_file_in_the_examples_is_up_to_date() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": custom_resources()});
    is_up_to_date(FILE, &list);
}

/// The schemas of the kinds that have no schema of their own, for editors.
#[test]
fn the_published_schemas_are_those_of_the_definitions() {
    for (kind, file) in [
        ("TrustRoot", "trust-root"),
        ("WorkloadRecord", "workload-record"),
        ("WorkloadAdmission", "workload-admission"),
    ] {
        let definition =
            custom_resources().into_iter().find(|one| one["spec"]["names"]["kind"] == kind).unwrap();
        let version = &definition["spec"]["versions"][0];
        let (group, name) =
            (definition["spec"]["group"].as_str().unwrap(), version["name"].as_str().unwrap());
        let mut schema = version["schema"]["openAPIV3Schema"].clone();
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        schema["$id"] = format!("https://trust.dev/schema/{name}/{file}.json").into();
        schema["title"] = kind.into();
        schema["properties"]["apiVersion"] = json!({"const": format!("{group}/{name}")});
        schema["properties"]["kind"] = json!({"const": kind});
        schema["required"] = json!(["apiVersion", "kind", "metadata", "spec"]);
        without_extensions(&mut schema);
        is_up_to_date(&format!("{}/schema/{file}.json", env!("CARGO_MANIFEST_DIR")), &schema);
    }
}

/// Leaves out what only an API server reads.
fn without_extensions(schema: &mut Value) {
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|name, _| !name.starts_with("x-kubernetes-"));
        fields.values_mut().for_each(without_extensions);
    }
}

fn is_up_to_date(file: &str, expected: &Value) {
    let text = format!("{}\n", serde_json::to_string_pretty(expected).unwrap());
    if std::env::var_os("TRUST_UPDATE").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let found = std::fs::read_to_string(file).unwrap_or_default();
    assert!(found == text, "{file} is out of date: run this test with TRUST_UPDATE=1");
}

/// A structural schema has no references and alternatives, says of each value what it is, and here it keeps what it does not know.
#[test]
fn the_schemas_are_structural_and_lose_nothing() {
    fn check(schema: &Value, path: &str) {
        let keeps = schema["x-kubernetes-preserve-unknown-fields"] == true;
        assert!(schema["type"].is_string() || keeps, "{path}: {schema}");
        for refused in ["$ref", "$defs", "oneOf", "const", "default"] {
            assert!(schema.get(refused).is_none(), "{path}: {refused}");
        }
        if let Some(properties) = schema["properties"].as_object() {
            assert!(
                keeps || path.ends_with("Schema") || path.contains(".workload") || path.ends_with(".spec"),
                "{path} prunes"
            );
            for (name, inner) in properties {
                check(inner, &format!("{path}.{name}"));
            }
        }
        for inner in ["items", "additionalProperties"].iter().filter_map(|name| schema.get(name)) {
            assert!(inner.is_object(), "{path}: {inner}");
            check(inner, &format!("{path}[]"));
        }
    }
    for definition in custom_resources() {
        let version = &definition["spec"]["versions"][0];
        let name = definition["metadata"]["name"].as_str().unwrap();
        check(&version["schema"]["openAPIV3Schema"], &format!("{name} Schema"));
    }
}
