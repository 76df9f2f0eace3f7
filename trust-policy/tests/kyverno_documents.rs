//! Kyverno's own policies with `verifyImages`, from its tests and its library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use serde_json::{Map, Value, json};
use trust_policy::{PolicySet, yaml};

/// Policies that are refused, by a part of the file's name, and the reason.
const LEDGER: [(&str, &str); 1] = [("with-mutation", "`spec.rules[0].mutate` is not implemented")];

/// The documents of a file that are policies: tests keep the objects that they need beside them.
fn policies(text: &str) -> String {
    let documents = text.split("\n---").map(|one| one.trim_start_matches("---"));
    let is_policy = |one: &&str| {
        one.lines().any(|line| line.trim_end() == "kind: ClusterPolicy" || line.trim_end() == "kind: Policy")
    };
    documents.filter(is_policy).collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn policies_that_people_have_load() {
    let Some(dir) = trust_testkit::vectors::vectors("policy/kyverno-verify-images") else { return };
    let (mut count, mut refused) = (0, Vec::new());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = policies(&std::fs::read_to_string(&path).unwrap());
        count += 1;
        let known = LEDGER.iter().find(|(part, _)| name.contains(part));
        match (PolicySet::from_yaml(&text), known) {
            (Ok(set), None) => assert!(!set.policies().is_empty()),
            (Err(error), Some((_, reason))) if error.to_string().contains(reason) => {}
            (Ok(_), Some(_)) => refused.push(format!("{name}: stands in the ledger, but loads")),
            (Err(error), _) => refused.push(format!("{name}: {error}")),
        }
    }
    assert!(count > 50, "only {count} files");
    assert!(refused.is_empty(), "{} of {count}: {refused:#?}", refused.len());
}

/// The schema of a version of a custom resource, by its kind.
fn schemas() -> Option<Vec<(String, String, Value)>> {
    let folder = trust_testkit::vectors::vectors("policy/crds")?;
    let mut schemas = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.contains("kyverno") && !name.contains("polic") && !name.contains("exception") {
            continue;
        }
        for document in yaml::parse_documents(&std::fs::read_to_string(&path).unwrap()).unwrap_or_default() {
            let crd = document.to_json();
            let group = crd["spec"]["group"].as_str().unwrap_or_default().to_owned();
            for version in crd["spec"]["versions"].as_array().into_iter().flatten() {
                let api_version = format!("{group}/{}", version["name"].as_str().unwrap());
                let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
                schemas.push((api_version, kind, version["schema"]["openAPIV3Schema"].clone()));
            }
        }
    }
    Some(schemas)
}

/// Writes the defaults of a schema into a value, as the API server does
/// ([defaulting](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting)).
fn write_defaults(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                if let (None | Some(Value::Null), Some(default)) = (map.get(name), property.get("default")) {
                    map.insert(name.clone(), default.clone());
                }
                if let Some(inner) = map.get_mut(name) {
                    write_defaults(inner, property);
                }
            }
            if let additional @ Value::Object(_) = &schema["additionalProperties"] {
                map.values_mut().for_each(|inner| write_defaults(inner, additional));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| write_defaults(item, &schema["items"])),
        _ => {}
    }
}

/// A policy as the cluster has it: with defaults, a status, and what the API server keeps beside it.
fn stored(mut policy: Value, schemas: &[(String, String, Value)]) -> Value {
    let of = |field: &str| policy[field].as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (of("apiVersion"), of("kind"));
    if let Some((.., schema)) = schemas.iter().find(|one| one.0 == api_version && one.1 == kind) {
        write_defaults(&mut policy, schema);
    }
    policy["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    policy["metadata"]["generation"] = json!(1);
    policy["metadata"]["managedFields"] = json!([]);
    policy["metadata"]["resourceVersion"] = json!("1");
    policy["metadata"]["uid"] = json!("1");
    policy["status"] =
        json!({"autogen": {}, "ready": true, "conditions": [], "rulecount": {"verifyimages": 1}});
    policy
}

#[test]
fn policies_load_as_the_api_server_stores_them_and_mean_the_same() {
    let (Some(schemas), Some(folder)) =
        (schemas(), trust_testkit::vectors::vectors("policy/kyverno-verify-images"))
    else {
        return;
    };
    assert!(schemas.iter().any(|one| one.1 == "ClusterPolicy"), "no schema of ClusterPolicy");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = policies(&std::fs::read_to_string(&path).unwrap());
        let Ok(before) = PolicySet::from_yaml(&text) else { continue };
        let documents = yaml::parse_documents(&text).unwrap();
        let items: Vec<Value> = documents.iter().map(|one| stored(one.to_json(), &schemas)).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "metadata": Map::new(), "items": items});
        count += 1;
        match PolicySet::from_yaml(&list.to_string()) {
            Err(error) => wrong.push(format!("{}: {error}", path.display())),
            Ok(after) => {
                // Places differ; what is required does not.
                let meaning = |set: &PolicySet| -> Vec<String> {
                    let rules = set.policies().iter().flat_map(|policy| &policy.rules);
                    rules.map(|rule| without_places(&format!("{rule:?}"))).collect()
                };
                if meaning(&before) != meaning(&after) {
                    wrong.push(format!("{}: means something else", path.display()));
                }
            }
        }
    }
    assert!(count > 50, "only {count} files");
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
}

fn without_places(text: &str) -> String {
    let mut parts = text.split("Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('}').map_or("", |(_, rest)| rest))
}
