//! The package URL specification's own tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use serde_json::{Value, json};
use trust_sbom::{Purl, PurlParts};

/// Tests that go the other way here, by kind and input.
///
/// In both, names of qualifiers have capitals. Other tests, of these very inputs too, want them in lower case.
const LEDGER: [(&str, &str); 2] = [
    ("parse", "pkg:gem/jruby-launcher@1.1.2?Platform=java"),
    ("parse", "pkg:Rpm/fedora/curl@7.50.3-1.fc25?Arch=i386&Distro=fedora-25"),
];

fn parts(value: &Value) -> PurlParts {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    PurlParts {
        package_type: text("type").unwrap_or_default(),
        namespace: text("namespace"),
        name: text("name").unwrap_or_default(),
        version: text("version"),
        qualifiers: value["qualifiers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        subpath: text("subpath"),
    }
}

fn to_json(purl: &Purl) -> Value {
    let qualifiers: serde_json::Map<_, _> =
        purl.qualifiers().map(|(key, value)| (key.to_owned(), value.into())).collect();
    json!({
        "type": purl.package_type(), "namespace": purl.namespace(), "name": purl.name(), "version": purl.version(),
        "qualifiers": if qualifiers.is_empty() { Value::Null } else { qualifiers.into() },
        "subpath": purl.subpath(),
    })
}

#[test]
fn every_test_of_the_specification_is_judged_right() {
    let Some(folder) = trust_testkit::vectors::vectors("purl-spec") else { return };
    let (mut judged, mut wrong) = (0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let document: Value = serde_json::from_slice(&std::fs::read(file.unwrap().path()).unwrap()).unwrap();
        for test in document["tests"].as_array().unwrap() {
            let (input, expected) = (&test["input"], &test["expected_output"]);
            let purl = match input {
                Value::String(text) => text.parse::<Purl>(),
                input => parts(input).build(),
            };
            let is_right = match (&purl, test["expected_failure"] == true) {
                (Ok(purl), false) => match test["test_type"].as_str().unwrap() {
                    "parse" => to_json(purl) == *expected,
                    _ => purl.to_string() == expected.as_str().unwrap(),
                },
                (Err(_), fails) => fails,
                (Ok(_), true) => false,
            };
            judged += 1;
            if is_right == LEDGER.iter().any(|(kind, known)| test["test_type"] == *kind && *input == *known) {
                wrong.push(format!(
                    "{} {input}: {:?}, expected {expected}",
                    test["test_type"],
                    purl.map(|purl| purl.to_string())
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 400);
}
