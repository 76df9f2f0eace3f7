//! The custom resource definitions that are rolled out are those that this crate makes.
#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use serde_json::{Value, json};
use trust_kube::custom_resources;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/kubernetes/crds.json");

#[test]
fn the_file_in_the_examples_is_up_to_date() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": custom_resources()});
    let text = format!("{}\n", serde_json::to_string_pretty(&list).unwrap());
    if std::env::var_os("TRUST_UPDATE").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    let found = std::fs::read_to_string(FILE).unwrap_or_default();
    assert!(found == text, "{FILE} is out of date: run this test with TRUST_UPDATE=1");
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
