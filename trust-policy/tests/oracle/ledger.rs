//! Where Kyverno's answer and ours differ on purpose.

use serde_json::Value;

/// A row on which the answers differ.
pub(crate) struct Difference<'a> {
    pub(crate) row: &'a Value,
    pub(crate) kyverno: &'a str,
    pub(crate) ours: &'a str,
}

/// A kind of rows.
pub(crate) struct Rule {
    pub(crate) table: &'static str,
    /// What differs, and why.
    pub(crate) name: &'static str,
    pub(crate) applies: fn(&Difference<'_>) -> bool,
}

impl Difference<'_> {
    fn text(&self, field: &str) -> &str {
        self.row[field].as_str().unwrap_or_default()
    }

    /// Whether an expression calls one of these functions.
    fn calls(&self, functions: &[&str]) -> bool {
        functions.iter().any(|name| self.text("expression").contains(&format!("{name}(")))
    }
}

pub(crate) const LEDGER: &[Rule] = &[
    Rule {
        table: "overlay",
        name: "wildcards in the names of labels beside patterns that are no texts: Kyverno drops the patterns, here the policy is refused",
        applies: |row| row.ours == "refused" && row.row["pattern"].to_string().contains(['*', '?']),
    },
    Rule {
        table: "operators",
        name: "AnyNotIn over a list and a range that begins with a sign: Kyverno looks outside of another range",
        applies: |row| {
            row.text("operator").eq_ignore_ascii_case("AnyNotIn")
                && row.row["key"].is_array()
                && row.text("value").starts_with(['-', '+'])
        },
    },
    Rule {
        table: "image-references",
        name: "a registry with `_` in its name: no host name has one, here it is no reference",
        applies: |row| {
            row.ours == "error" && row.text("text").split('/').next().is_some_and(|host| host.contains('_'))
        },
    },
    Rule {
        table: "kinds",
        name: "a kind or version that is empty matches nothing in Kyverno: here it is refused",
        applies: |row| row.ours == "refused",
    },
    Rule {
        table: "conditions",
        name: "a block with other fields, other operators or without key or value, or an empty expression: Kyverno drops what it does not know, here it is refused",
        applies: |row| row.ours == "refused",
    },
    Rule {
        table: "conditions",
        name: "`any: []` on an attestation: nothing of nothing holds",
        applies: |row| {
            row.text("use") == "attestation"
                && row.ours == "not"
                && row.row["block"].as_array().is_some_and(|blocks| {
                    blocks.iter().any(|block| block["any"].as_array().is_some_and(Vec::is_empty))
                })
        },
    },
    Rule {
        table: "jmespath",
        name: "md5 and sha1 are not implemented: refused when the policy is read",
        applies: |row| row.ours == "error" && row.calls(&["md5", "sha1"]),
    },
    Rule {
        table: "jmespath",
        name: "semver_compare of what is no semantic version: Kyverno takes it for 0.0.0, here it has no value",
        applies: |row| row.ours == "error" && row.kyverno != "error" && row.calls(&["semver_compare"]),
    },
    Rule {
        table: "jmespath",
        name: "time_parse with other layouts than RFC 3339, dates and seconds: no value",
        applies: |row| row.ours == "error" && row.calls(&["time_parse"]),
    },
    Rule {
        table: "jmespath",
        name: "a name that is not there before a pipe: no value, as everywhere else",
        applies: |row| row.ours == "error" && row.text("expression").contains(" | "),
    },
    Rule {
        table: "jmespath",
        name: "braces in data are expressions, `&` stands in functions that take it, no index has a sign without a number",
        applies: |row| {
            row.ours == "error"
                && (row.row["data"].to_string().contains("{{")
                    || ["to_string(&a)", "a[-0]"].contains(&row.text("expression")))
        },
    },
    Rule {
        table: "jmespath",
        name: "a function that fails within a projection or multi-select: no value, where Kyverno has `null`",
        applies: |row| row.ours == "error" && row.text("expression").contains(['[', '*']),
    },
    Rule {
        table: "jmespath",
        name: "a function of each value of a map: its values, where Kyverno has now an error and now a text",
        applies: |row| row.text("expression").contains("*.") && row.calls(&["length", "values"]),
    },
    Rule {
        table: "jmespath",
        name: "a quantity divided: as many digits as its amount has, not as it is written with",
        applies: |row| row.calls(&["divide"]),
    },
    Rule {
        table: "jmespath",
        name: "a block of YAML at the end of a text ends with a line break",
        applies: |row| row.calls(&["parse_yaml"]) && row.ours.contains("\\n\""),
    },
    Rule {
        table: "yaml",
        name: "keys twice, or written and merged in: which one counts, readers do not agree on, here it is refused",
        applies: |row| row.ours == "error" && row.kyverno != "error" && is_ambiguous(row.text("yaml")),
    },
    Rule {
        table: "yaml",
        name: "directives, byte order marks within, other tags, infinities as keys, documents that end early: refused",
        applies: |row| {
            let odd = ["%YAML", "\u{feff}", "!!timestamp", "!!merge", ".inf:", " a: 1\nb: 2"];
            row.ours == "error" && odd.iter().any(|part| row.text("yaml").contains(part))
        },
    },
    Rule {
        table: "yaml",
        name: "JSON and YAML in one file without a separator, an object without API version: refused",
        applies: |row| {
            row.ours == "error"
                && (row.text("yaml").contains("}}\napi") || !row.text("yaml").contains("apiVersion"))
        },
    },
    Rule {
        table: "yaml",
        name: "escapes, tabs and line breaks of YAML 1.2: read",
        applies: |row| {
            let odd = ["\\/", "\\ud83d", "\t", "\u{85}"];
            row.kyverno == "error" && odd.iter().any(|part| row.text("yaml").contains(part))
        },
    },
    Rule {
        table: "yaml",
        name: "lists in lists: their items stand for themselves; types of fields are the API server's to check",
        applies: |row| {
            row.kyverno == "error"
                && (row.text("yaml").matches("items:").count() > 1
                    || row.text("yaml").contains("labels: {a: 1}"))
        },
    },
    Rule {
        table: "yaml",
        name: "what kubectl does not read after `...` is judged as well",
        applies: |row| row.text("yaml").contains("\n...\n") && row.ours.len() > row.kyverno.len(),
    },
    Rule {
        table: "yaml",
        name: "integers beyond 64 bits with a sign are texts",
        applies: |row| row.text("yaml").contains("0xffffffffffffffff"),
    },
];

/// Whether a text has a key twice in one map, or a merge.
fn is_ambiguous(text: &str) -> bool {
    let keys: Vec<String> = text
        .split(['\n', ',', '{', '}'])
        .filter_map(|part| part.split_once(':'))
        .map(|(key, _)| key.trim().trim_matches('"').to_lowercase())
        .collect();
    let is_boolean = |key: &String| ["yes", "true", "no"].contains(&key.as_str());
    text.contains("<<")
        || text.contains('*')
        || keys.iter().filter(|key| is_boolean(key)).count() > 1
        || keys.iter().any(|key| keys.iter().filter(|other| *other == key).count() > 1)
}
