//! The VERS specification's own tests of comparison, equality, containment and form.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use core::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;
use trust_sbom::{Answer, Vers, VersionScheme};

/// Schemes that are not known here: a question about them is answered with "unknown".
const UNKNOWN: [&str; 4] = ["conan", "datetime", "lexicographic", "nginx"];

/// Tests that go the other way here, each with its reason.
const LEDGER: [(&str, &str); 4] = [
    (
        "\"vers:npm/>=2.0.0|<1.0.0\"",
        "constraints are read in any order, as the tests of containment require; it is not canonical",
    ),
    (r#"{"input_scheme":"maven","versions":["2-1","2.0.a"]}"#, DOT_AND_HYPHEN),
    (r#"{"input_scheme":"maven","versions":["2-1","2.0.0.a"]}"#, DOT_AND_HYPHEN),
    (r#"{"input_scheme":"maven","versions":["2.0.0.a","2.0.a"]}"#, DOT_AND_HYPHEN),
];
const DOT_AND_HYPHEN: &str =
    "Maven's specification has `.qualifier` = `-qualifier` < `-number`, and its class since 3.8.7 too";

fn judge(test: &Value) -> Option<Result<(), String>> {
    let (input, expected) = (&test["input"], &test["expected_output"]);
    let check = |found: String, is_right: bool| {
        if is_right { Ok(()) } else { Err(format!("{input}: found {found}, expected {expected}")) }
    };
    match test["test_type"].as_str()? {
        kind @ ("comparison" | "equality") => {
            let name = input["input_scheme"].as_str().unwrap();
            let Some(scheme) = VersionScheme::from_name(name) else {
                assert!(UNKNOWN.contains(&name), "{name} is not known");
                return None;
            };
            let versions: Vec<&str> = input["versions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|version| version.as_str().unwrap())
                .collect();
            let found = scheme.compare(versions[0], versions[1]);
            // The tests print prereleases of NuGet in lower case.
            let is_first =
                |version: &str| expected[0].as_str().is_some_and(|first| first.eq_ignore_ascii_case(version));
            let is_right = match kind {
                "equality" => found.map(Ordering::is_eq) == expected.as_bool(),
                _ if found == Some(Ordering::Greater) => is_first(versions[1]),
                _ => found.is_some() && is_first(versions[0]),
            };
            Some(check(format!("{found:?}"), is_right))
        }
        "containment" => {
            let range: Vers = input["vers"].as_str().unwrap().parse().unwrap();
            let found = range.contains(input["version"].as_str().unwrap());
            Some(check(found.to_string(), found == Answer::from(expected.as_bool().unwrap())))
        }
        "validate" | "parse" => {
            let text = input.as_str().unwrap();
            if UNKNOWN.iter().any(|scheme| text.starts_with(&format!("vers:{scheme}/"))) {
                return None;
            }
            let printed = text.parse::<Vers>().map(|range| range.to_string());
            let is_right = match (&printed, expected) {
                (Ok(printed), Value::String(expected)) => printed == expected,
                (Ok(printed), Value::Object(_)) => printed == text,
                (Ok(_), _) => false,
                (Err(_), expected) => expected.is_null(),
            };
            Some(check(format!("{printed:?}"), is_right))
        }
        // Ranges in the notation of an ecosystem are not read.
        "from_native" => None,
        other => panic!("{other} is an unknown kind of test"),
    }
}

#[test]
fn every_test_of_the_specification_is_judged_right() {
    let Some(folder) = trust_testkit::vectors::vectors("vers-spec") else { return };
    let (mut judged, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for test in document["tests"].as_array().unwrap() {
            let Some(result) = judge(test) else { continue };
            *judged.entry(path.file_name().unwrap().to_string_lossy().into_owned()).or_default() += 1;
            let written = test["input"].to_string();
            let known = LEDGER.iter().any(|(input, _)| written == *input);
            match result {
                Err(problem) if !known => wrong.push(problem),
                Ok(()) if known => {
                    wrong.push(format!("{}: stands in the ledger, but is right", test["input"]))
                }
                _ => {}
            }
        }
    }
    let all: usize = judged.values().sum();
    assert!(wrong.is_empty(), "{} of {all} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(all > 1500, "{judged:?}");
    println!("{judged:?}");
}

#[test]
fn debian_versions_are_ordered_as_dpkg_orders_them() {
    let dpkg = |a: &str, relation: &str, b: &str| {
        std::process::Command::new("dpkg").args(["--compare-versions", a, relation, b]).status()
    };
    if dpkg("1", "lt", "2").is_err() {
        println!("SKIPPED: dpkg is not installed");
        return;
    }
    let versions = [
        "0",
        "1.0",
        "1.0-1",
        "1.0-1ubuntu0.1",
        "1.0~rc1",
        "1.0~rc1-1",
        "1.0~~",
        "1.0+dfsg",
        "1.0+dfsg-2",
        "1.0a",
        "1.00",
        "01.0",
        "1:0.5",
        "0:1.0",
        "1.0.0",
        "1.0-0",
        "1.0-1~bpo12+1",
        "2:1.0-1",
        "1.0-1-2",
        "9.9999999999999999999",
        "1.0.a1",
    ];
    for a in versions {
        for b in versions {
            let found = VersionScheme::Debian.compare(a, b).unwrap();
            let relation = ["lt", "eq", "gt"][(found as i8 + 1) as usize];
            assert!(dpkg(a, relation, b).unwrap().success(), "{a} {relation} {b}");
        }
    }
}
