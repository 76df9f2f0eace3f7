//! Kyverno's own tests of the operators of its conditions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use trust_policy::Operator;
use trust_sbom::Answer;

#[test]
fn conditions_hold_as_in_kyverno() {
    let Some(file) = trust_testkit::vectors::vectors("policy/kyverno-conditions.json") else { return };
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(rows.len() > 200, "only {} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let operator: Operator = row["operator"].as_str().unwrap().parse().unwrap();
        if (operator.holds(&row["key"], &row["value"]) == Answer::Yes) != row["expected"].as_bool().unwrap() {
            wrong.push(row.to_string());
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}
