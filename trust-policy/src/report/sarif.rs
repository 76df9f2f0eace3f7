//! Verdicts as SARIF 2.1.0, for programs that show what static analysis found
//! ([standard](https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html)).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_core::Digest;
use trust_core::internal::encoding::percent_encoded;

use crate::kubernetes::resource::ResourceId;
use crate::policy::mode::Mode;
use crate::verdict::Verdict;
use crate::verdict::plain::Plain;
use crate::verdict::problem::Problem;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";
/// The rule that uncovered images violate.
const UNCOVERED: &str = "uncovered";

/// What is wrong by some verdicts, as one run of SARIF: one result for each problem, with the workload and the container as its
/// logical location. `file` is where the resources stand, for viewers that need a place in a file; nothing is said about lines.
#[must_use]
pub fn to_sarif<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>, file: Option<&str>) -> Value {
    let mut rules: BTreeMap<String, Value> = BTreeMap::new();
    let mut results = Vec::new();
    for verdict in verdicts {
        for problem in verdict.problems() {
            let rule = format!("{}/{}", problem.policy, problem.rule);
            let text = format!("Rule `{}` of policy `{}`", problem.rule, problem.policy);
            rules
                .entry(rule.clone())
                .or_insert_with(|| json!({"id": rule, "shortDescription": {"text": text}}));
            results.push(result(&verdict.resource, &rule, &problem, file));
        }
        for one in &verdict.uncovered {
            let text = "An image that no rule about images judges";
            rules
                .entry(UNCOVERED.to_owned())
                .or_insert_with(|| json!({"id": UNCOVERED, "shortDescription": {"text": text}}));
            let message = format!("{}, image `{}`: no rule about images applies", one.container, one.image);
            let place = Place { resource: &verdict.resource, container: Some(&one.name), file };
            results.push(place.result(UNCOVERED, "error", &message, &one.image, json!({"image": one.image})));
        }
    }
    let rules: Vec<Value> = rules.into_values().collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "trust-policy", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "results": results,
        }],
    })
}

fn result(resource: &ResourceId, rule: &str, problem: &Problem, file: Option<&str>) -> Value {
    let level = match problem.mode {
        Mode::Enforce => "error",
        Mode::Warn => "warning",
        Mode::Audit => "note",
    };
    let place = Place { resource, container: problem.container.as_deref(), file };
    let properties = json!({
        "code": problem.code,
        "mode": problem.mode,
        "image": problem.image,
        "digest": problem.digest,
        "vulnerabilities": problem.vulnerabilities,
    });
    let identity = format!("{:?} {}", problem.digest, json!(problem.code));
    place.result(rule, level, &problem.message, &identity, properties)
}

/// A message without placeholders and links (sections 3.11.5 and 3.11.6), whatever untrusted text is in it.
fn plain(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for character in Plain(message).to_string().chars() {
        match character {
            '{' => text.push_str("{{"),
            '}' => text.push_str("}}"),
            '[' | ']' => text.extend(['\\', character]),
            other => text.push(other),
        }
    }
    text
}

/// Where a result belongs.
struct Place<'a> {
    resource: &'a ResourceId,
    container: Option<&'a str>,
    file: Option<&'a str>,
}

impl Place<'_> {
    fn result(&self, rule: &str, level: &str, message: &str, identity: &str, properties: Value) -> Value {
        let ResourceId { kind, namespace, name, .. } = self.resource;
        let container = self.container.map_or_else(String::new, |container| format!("/{container}"));
        let workload = format!("{namespace}/{kind}/{name}{container}");
        let fingerprint = Digest::sha256(format!("{rule}\n{workload}\n{identity}").as_bytes());
        let mut location = json!({
            "logicalLocations": [{"fullyQualifiedName": workload, "name": self.container.unwrap_or(name), "kind": "resource"}],
        });
        if let (Some(file), Value::Object(fields)) = (self.file, &mut location) {
            let uri = file.split('/').map(percent_encoded).collect::<Vec<_>>().join("/");
            fields.insert("physicalLocation".to_owned(), json!({"artifactLocation": {"uri": uri}}));
        }
        json!({
            "ruleId": rule,
            "level": level,
            "message": {"text": plain(message)},
            "locations": [location],
            "partialFingerprints": {"trust/v1": fingerprint.to_hex()},
            "properties": properties,
        })
    }
}
