//! What Kyverno's own engine answers, row by row: `$TRUST_VECTORS/kyverno-oracle`.
//!
//! Every row must agree, or one rule of the ledger must say why it does not. The ledger speaks of kinds of rows, never of
//! single ones, and each of its rules must apply somewhere.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod oracle;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_core::Pattern;
use trust_policy::{Operator, PolicySet, Resource, yaml};
use trust_sbom::Answer;

use crate::oracle::judge::{self, validate_rule};
use crate::oracle::ledger::{Difference, LEDGER};

/// Judges every row of a table, and holds the differences against the ledger.
fn table(name: &str, judge: impl Fn(&Value) -> (String, String)) {
    let Some(path) = trust_testkit::vectors::vectors(&format!("kyverno-oracle/{name}.jsonl")) else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let (mut agreed, mut total) = (0, 0);
    let mut explained: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unexplained: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let (kyverno, ours) = judge(&row);
        total += 1;
        if kyverno == ours {
            agreed += 1;
            continue;
        }
        let difference = Difference { row: &row, kyverno: &kyverno, ours: &ours };
        match LEDGER.iter().find(|rule| rule.table == name && (rule.applies)(&difference)) {
            Some(rule) => *explained.entry(rule.name).or_default() += 1,
            None => {
                let is_word = |text: &str| text.len() < 12 && text.bytes().all(|b| b.is_ascii_lowercase());
                let kind = match (is_word(&kyverno), is_word(&ours)) {
                    (true, true) => format!("Kyverno {kyverno}, here {ours}"),
                    (true, false) => format!("Kyverno {kyverno}, here a value"),
                    (false, true) => format!("Kyverno a value, here {ours}"),
                    (false, false) => "values differ".to_owned(),
                };
                unexplained
                    .entry(kind)
                    .or_default()
                    .push(format!("{line}\n    Kyverno {kyverno}\n    here {ours}"));
            }
        }
    }
    println!("{name}: {agreed} of {total} rows agree");
    explained.iter().for_each(|(rule, count)| println!("  {count}: {rule}"));
    for (kind, rows) in &unexplained {
        println!("  {} not in the ledger: {kind}", rows.len());
        rows.iter().take(show()).for_each(|row| println!("    {row}"));
    }
    assert!(total > 0 && unexplained.is_empty(), "{name}: differences that are not in the ledger");
}

/// How many rows of each kind of difference are shown.
fn show() -> usize {
    std::env::var("SHOW").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

#[test]
fn overlay() {
    table("overlay", |row| {
        let (kyverno, form) = (row["outcome"].as_str().unwrap(), judge::form(row));
        // An error of Kyverno's denies, and so does a failure.
        let kyverno = if kyverno == "error" { "fail" } else { kyverno };
        (kyverno.to_owned(), judge::outcome(&validate_rule(form), &row["resource"]))
    });
}

#[test]
fn overlay_refused() {
    table("overlay-refused", |row| {
        let policy = validate_rule(judge::form(row));
        let ours = match PolicySet::from_yaml(&policy.to_string()) {
            Ok(_) => "loads",
            Err(_) => "refused",
        };
        ("refused".to_owned(), ours.to_owned())
    });
}

#[test]
fn overlay_unstable() {
    // Where one of the answers denies, that one is right.
    table("overlay-unstable", |row| {
        let outcomes: Vec<&str> = row["outcomes"].as_str().unwrap().split('/').collect();
        let ours = judge::outcome(&validate_rule(judge::form(row)), &row["resource"]);
        let denies = outcomes.contains(&"fail") || outcomes.contains(&"error");
        let is_right = if denies { ours == "fail" } else { outcomes.contains(&ours.as_str()) };
        let wanted = if denies { "fail".to_owned() } else { outcomes.join("/") };
        if is_right { (ours.clone(), ours) } else { (wanted, ours) }
    });
}

fn holds(row: &Value) -> String {
    match row["operator"].as_str().unwrap().parse::<Operator>() {
        Ok(operator) => (operator.holds(&row["key"], &row["value"]) == Answer::Yes).to_string(),
        Err(_) => "error".to_owned(),
    }
}

#[test]
fn operators() {
    table("operators", |row| {
        let kyverno = if row["error"] == json!(true) || row.get("holds").is_none() {
            "error".to_owned()
        } else {
            row["holds"].to_string()
        };
        (kyverno, holds(row))
    });
}

#[test]
fn operators_ambiguous() {
    table("operators-ambiguous", |row| {
        let answers = ["literal_literal", "literal_variable", "variable_literal", "variable_variable"]
            .map(|name| row[name].to_string());
        let ours = holds(row);
        if answers.contains(&ours) { (ours.clone(), ours) } else { (answers.join("/"), ours) }
    });
}

#[test]
fn jmespath() {
    table("jmespath", |row| {
        let kyverno = match row.get("error") {
            Some(_) => "error".to_owned(),
            None => judge::normal(&row["result"]).to_string(),
        };
        (
            kyverno,
            judge::value_of(row["expression"].as_str().unwrap(), &row["data"])
                .unwrap_or_else(|_| "error".to_owned()),
        )
    });
}

#[test]
fn image_references() {
    table("image-references", |row| {
        const FIELDS: [&str; 7] =
            ["registry", "path", "name", "tag", "digest", "reference", "referenceWithTag"];
        let shown = |value: &Value| {
            FIELDS.map(|field| value[field].as_str().unwrap_or_default().to_owned()).join(" ")
        };
        let kyverno = if row["error"] == json!(true) { "error".to_owned() } else { shown(row) };
        let ours = judge::image(row["text"].as_str().unwrap())
            .map_or_else(|_| "error".to_owned(), |found| shown(&found));
        (kyverno, ours)
    });
}

#[test]
fn wildcards() {
    table("wildcards", |row| {
        let pattern = Pattern::wildcard(row["pattern"].as_str().unwrap());
        (row["matches"].to_string(), pattern.matches(row["text"].as_str().unwrap()).to_string())
    });
}

#[test]
fn kinds() {
    table("kinds", |row| {
        let part = |name: &str| row[name].as_str().unwrap().to_owned();
        let kyverno = ["group", "version", "kind", "subresource"].map(part).join(" ");
        (kyverno, judge::kind(row["kind_selector"].as_str().unwrap()))
    });
}

#[test]
fn conditions() {
    table("conditions", |row| {
        let ours = judge::condition(row);
        let kyverno = row["outcome"].as_str().unwrap();
        // To refuse a block that Kyverno does not admit is right as well; and what cannot be told denies, as an error does.
        let is_refused = row["refusedAtAdmission"] == json!(true) && ours == "refused";
        let kyverno = if is_refused || kyverno == "error" && ours == "refused" { "refused" } else { kyverno };
        (kyverno.to_owned(), ours)
    });
}

#[test]
fn yaml() {
    table("yaml", |row| {
        let text = row["yaml"].as_str().unwrap();
        match (row["kind"].as_str().unwrap(), row.get("error")) {
            ("document", error) => {
                let kyverno = match error {
                    Some(_) => "error".to_owned(),
                    None => judge::normal(&row["json"]).to_string(),
                };
                let ours = match yaml::parse_documents(text) {
                    Ok(documents) => match &documents[..] {
                        [] => "null".to_owned(),
                        [one] => judge::normal(&one.to_json()).to_string(),
                        _ => format!("{} documents", documents.len()),
                    },
                    Err(_) => "error".to_owned(),
                };
                (kyverno, ours)
            }
            (_, error) => {
                let kyverno = match error {
                    Some(_) => "error".to_owned(),
                    None => judge::normal(&row["documents"]).to_string(),
                };
                let ours = match Resource::from_yaml(text) {
                    Ok(found) => judge::normal(&found.iter().map(judge::as_written).collect()).to_string(),
                    Err(_) => "error".to_owned(),
                };
                (kyverno, ours)
            }
        }
    });
}
