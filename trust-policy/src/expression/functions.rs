//! Kyverno's functions ([list](https://kyverno.io/docs/policy-types/cluster-policy/jmespath/#custom-filters)), beside those of
//! JMESPath. What they make is bounded. Not here: those that ask the world (`is_external_url`, `random`), `to_cron`,
//! `x509_decode`, and the broken hashes.

use core::cmp::Ordering;
use std::collections::BTreeMap;

use jmespath::{Context, ErrorReason, JmespathError, Rcvar, Runtime, Variable};
use regex::{NoExpand, Regex, RegexBuilder};
use serde_json::Number;
use trust_core::{Digest, Pattern, UnixTime, encoding};
use trust_sbom::VersionScheme;

use super::from_json;
use crate::duration;
use crate::reference;
use crate::value_pattern::scalar_text;
use crate::yaml;

/// No function makes a longer text.
const MAX_TEXT: usize = 1 << 20;

type Implementation = fn(&Arguments<'_>) -> Result<Variable, String>;

/// Name, number of arguments, implementation.
const FUNCTIONS: [(&str, usize, Implementation); 44] = [
    ("add", 2, |a| number(a.number(0)? + a.number(1)?)),
    ("base64_decode", 1, |a| {
        let bytes = encoding::from_base64(a.text(0)?).ok_or("argument is not base64")?;
        text(String::from_utf8(bytes).map_err(|_| "decoded argument is not UTF-8")?)
    }),
    ("base64_encode", 1, |a| text(encoding::to_base64(a.text(0)?.as_bytes()))),
    ("compare", 2, |a| number(f64::from(a.text(0)?.cmp(a.text(1)?) as i8))),
    ("divide", 2, |a| number(a.number(0)? / a.number(1)?)),
    ("equal_fold", 2, |a| boolean(a.text(0)?.to_lowercase() == a.text(1)?.to_lowercase())),
    ("image_normalize", 1, |a| {
        let image = a.text(0)?.parse().map_err(|error| format!("{error}"))?;
        text(reference::kyverno_form(&image))
    }),
    ("items", 3, items),
    ("label_match", 2, |a| {
        let (wanted, found) = (a.object(0)?, a.object(1)?);
        boolean(wanted.iter().all(|(key, value)| found.get(key) == Some(value)))
    }),
    ("lookup", 2, |a| match (a.get(0), a.get(1)) {
        (Variable::Object(map), Variable::String(key)) => {
            Ok(map.get(key).map_or(Variable::Null, |one| (**one).clone()))
        }
        (Variable::Array(items), Variable::Number(_)) => {
            let index = a.whole(1)?;
            Ok(items.get(index).map_or(Variable::Null, |one| (**one).clone()))
        }
        _ => Err("expected an object and a text, or a list and a number".to_owned()),
    }),
    ("modulo", 2, |a| number(a.number(0)? % a.number(1)?)),
    ("multiply", 2, |a| number(a.number(0)? * a.number(1)?)),
    ("object_from_lists", 2, |a| {
        let keys = a.list(0)?.iter().map(|key| key.as_string().cloned().ok_or("keys must be texts"));
        let keys: Vec<String> = keys.collect::<Result<_, _>>()?;
        let values = a.list(1)?.iter().cloned().chain(core::iter::repeat(Rcvar::new(Variable::Null)));
        Ok(Variable::Object(keys.into_iter().zip(values).collect()))
    }),
    ("parse_json", 1, |a| {
        let value =
            serde_json::from_str(a.text(0)?).map_err(|error| format!("argument is not JSON: {error}"))?;
        Ok((*from_json(&value)).clone())
    }),
    ("parse_yaml", 1, |a| {
        let documents =
            yaml::parse_documents(a.text(0)?).map_err(|error| format!("argument is not YAML: {error}"))?;
        Ok(documents.first().map_or(Variable::Null, |node| (*from_json(&node.to_json())).clone()))
    }),
    ("path_canonicalize", 1, |a| text(canonical_path(a.text(0)?))),
    ("pattern_match", 2, |a| boolean(Pattern::wildcard(a.text(0)?).matches(&a.printed(1)?))),
    ("regex_match", 2, |a| boolean(regex(a.text(0)?)?.is_match(&a.printed(1)?))),
    ("regex_replace_all", 3, |a| {
        let source = a.printed(1)?;
        text(regex(a.text(0)?)?.replace_all(&source, a.printed(2)?.as_str()).into_owned())
    }),
    ("regex_replace_all_literal", 3, |a| {
        let (source, by) = (a.printed(1)?, a.printed(2)?);
        text(regex(a.text(0)?)?.replace_all(&source, NoExpand(&by)).into_owned())
    }),
    ("replace", 4, |a| {
        let count = usize::try_from(a.number(3)? as i64).unwrap_or(usize::MAX);
        text(replaced(a.text(0)?, a.text(1)?, a.text(2)?, count)?)
    }),
    ("replace_all", 3, |a| text(replaced(a.text(0)?, a.text(1)?, a.text(2)?, usize::MAX)?)),
    ("round", 2, |a| {
        let factor = 10f64.powi(i32::try_from(a.whole(1)?).map_err(|_| "too many digits")?);
        number((a.number(0)? * factor).round() / factor)
    }),
    ("semver_compare", 2, |a| boolean(is_in_range(a.text(0)?, a.text(1)?)?)),
    ("sha256", 1, |a| text(Digest::sha256(a.text(0)?.as_bytes()).to_hex())),
    ("split", 2, |a| {
        let parts = match a.text(1)? {
            "" => a.text(0)?.chars().map(String::from).collect::<Vec<_>>(),
            separator => a.text(0)?.split(separator).map(str::to_owned).collect(),
        };
        Ok(Variable::Array(parts.into_iter().map(|part| Rcvar::new(Variable::String(part))).collect()))
    }),
    ("subtract", 2, |a| number(a.number(0)? - a.number(1)?)),
    ("time_add", 2, |a| text(a.time(0)?.plus_millis(a.duration(1)? / 1_000_000).to_string())),
    ("time_after", 2, |a| boolean(a.time(0)? > a.time(1)?)),
    ("time_before", 2, |a| boolean(a.time(0)? < a.time(1)?)),
    ("time_between", 3, |a| boolean(a.time(1)? < a.time(0)? && a.time(0)? < a.time(2)?)),
    ("time_diff", 2, |a| text(between(a.time(0)?, a.time(1)?))),
    ("time_now", 1, |a| text(a.time(0)?.to_string())),
    ("time_now_utc", 1, |a| text(a.time(0)?.to_string())),
    ("time_parse", 2, |a| {
        a.layout(0)?;
        text(a.time(1)?.to_string())
    }),
    ("time_since", 4, |a| {
        a.layout(0)?;
        let until = if a.text(2)?.is_empty() { a.time(3)? } else { a.time(2)? };
        text(between(a.time(1)?, until))
    }),
    ("time_truncate", 2, |a| {
        let (time, step) = (a.time(0)?.as_millis(), a.duration(1)? / 1_000_000);
        text(UnixTime::from_millis(if step > 0 { time - time.rem_euclid(step) } else { time }).to_string())
    }),
    ("time_utc", 1, |a| text(a.time(0)?.to_string())),
    ("to_boolean", 1, |a| match a.text(0)?.to_ascii_lowercase().as_str() {
        "true" => boolean(true),
        "false" => boolean(false),
        _ => Err("argument is neither `true` nor `false`".to_owned()),
    }),
    ("to_lower", 1, |a| text(a.text(0)?.to_lowercase())),
    ("to_upper", 1, |a| text(a.text(0)?.to_uppercase())),
    ("trim", 2, |a| {
        let set = a.text(1)?;
        text(a.text(0)?.trim_matches(|c| set.contains(c)).to_owned())
    }),
    ("trim_prefix", 2, |a| {
        let (whole, prefix) = (a.text(0)?, a.text(1)?);
        text(whole.strip_prefix(prefix).unwrap_or(whole).to_owned())
    }),
    ("truncate", 2, |a| text(a.text(0)?.chars().take(a.whole(1)?).collect())),
];

/// Whether a function is given the time as its last argument.
pub(super) fn needs_now(name: &str) -> bool {
    ["time_now", "time_now_utc", "time_since"].contains(&name)
}

pub(super) fn runtime() -> Runtime {
    let mut runtime = Runtime::new();
    runtime.register_builtin_functions();
    for (name, count, implementation) in FUNCTIONS {
        let called = move |arguments: &[Rcvar], context: &mut Context<'_>| {
            let expected = count - usize::from(needs_now(name));
            let result = match arguments.len() == count {
                true => implementation(&Arguments(arguments)),
                false => Err(format!("expected {expected} arguments")),
            };
            let fail = |problem| {
                JmespathError::from_ctx(context, ErrorReason::Parse(format!("`{name}`: {problem}")))
            };
            result.map(Rcvar::new).map_err(fail)
        };
        runtime.register_function(name, Box::new(called));
    }
    runtime
}

/// What a function is called with.
struct Arguments<'a>(&'a [Rcvar]);

impl Arguments<'_> {
    fn get(&self, index: usize) -> &Variable {
        self.0.get(index).map_or(&Variable::Null, |one| one)
    }

    fn wrong(index: usize, expected: &str) -> String {
        format!("argument {} is not {expected}", index + 1)
    }

    fn text(&self, index: usize) -> Result<&str, String> {
        self.get(index).as_string().map(String::as_str).ok_or_else(|| Self::wrong(index, "a text"))
    }

    fn number(&self, index: usize) -> Result<f64, String> {
        self.get(index).as_number().ok_or_else(|| Self::wrong(index, "a number"))
    }

    fn whole(&self, index: usize) -> Result<usize, String> {
        let number = self.number(index)?;
        let is_whole = number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0;
        if is_whole { Ok(number as usize) } else { Err(Self::wrong(index, "a whole number")) }
    }

    fn object(&self, index: usize) -> Result<&BTreeMap<String, Rcvar>, String> {
        self.get(index).as_object().ok_or_else(|| Self::wrong(index, "an object"))
    }

    fn list(&self, index: usize) -> Result<&Vec<Rcvar>, String> {
        self.get(index).as_array().ok_or_else(|| Self::wrong(index, "a list"))
    }

    /// A text or a number, as text.
    fn printed(&self, index: usize) -> Result<String, String> {
        let value = match self.get(index) {
            Variable::String(text) => return Ok(text.clone()),
            Variable::Number(number) => serde_json::Value::Number(number.clone()),
            _ => return Err(Self::wrong(index, "a text or a number")),
        };
        Ok(scalar_text(&value).unwrap_or_default())
    }

    fn time(&self, index: usize) -> Result<UnixTime, String> {
        self.text(index)?.parse().map_err(|_| Self::wrong(index, "a time as in RFC 3339"))
    }

    /// Nanoseconds.
    fn duration(&self, index: usize) -> Result<i64, String> {
        duration::parse(self.text(index)?).ok_or_else(|| Self::wrong(index, "a duration"))
    }

    /// Times are read as in RFC 3339 alone.
    fn layout(&self, index: usize) -> Result<(), String> {
        match self.text(index)? {
            "" | "2006-01-02T15:04:05Z07:00" => Ok(()),
            _ => Err(Self::wrong(index, "empty, and no other layout than that of RFC 3339 is read")),
        }
    }
}

fn text(text: String) -> Result<Variable, String> {
    match text.len() {
        found if found > MAX_TEXT => Err(format!("result has {found} bytes, expected at most {MAX_TEXT}")),
        _ => Ok(Variable::String(text)),
    }
}

fn number(value: f64) -> Result<Variable, String> {
    // Whole numbers print without a fraction.
    let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
    let number = if is_whole { Some(Number::from(value as i64)) } else { Number::from_f64(value) };
    number.map(Variable::Number).ok_or_else(|| "result is not a number".to_owned())
}

fn boolean(value: bool) -> Result<Variable, String> {
    Ok(Variable::Bool(value))
}

fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(MAX_TEXT).build().map_err(|error| error.to_string())
}

fn replaced(source: &str, from: &str, to: &str, count: usize) -> Result<String, String> {
    let count = count.min(source.len() + 1);
    if count.saturating_mul(to.len()) > MAX_TEXT
        && source.matches(from).count().saturating_mul(to.len()) > MAX_TEXT
    {
        return Err("result would be too long".to_owned());
    }
    Ok(source.replacen(from, to, count))
}

fn between(from: UnixTime, until: UnixTime) -> String {
    duration::to_text(i128::from(until.as_millis() - from.as_millis()) * 1_000_000)
}

/// `items`: a map as a list of objects with a key and a value each, or a list with its indices.
fn items(arguments: &Arguments<'_>) -> Result<Variable, String> {
    let (key_name, value_name) = (arguments.text(1)?.to_owned(), arguments.text(2)?.to_owned());
    let item = |key: Variable, value: &Rcvar| {
        let fields = [(key_name.clone(), Rcvar::new(key)), (value_name.clone(), value.clone())];
        Rcvar::new(Variable::Object(fields.into()))
    };
    Ok(Variable::Array(match arguments.get(0) {
        Variable::Object(map) => {
            map.iter().map(|(key, value)| item(Variable::String(key.clone()), value)).collect()
        }
        Variable::Array(list) => list
            .iter()
            .enumerate()
            .map(|(index, value)| item(Variable::Number(index.into()), value))
            .collect(),
        _ => return Err(Arguments::wrong(0, "an object or a list")),
    }))
}

/// The shortest path that means the same, without asking a file system.
fn canonical_path(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    match (is_absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Whether a version is in a range such as `>=1.0.0 <2.0.0 || 3.x`: alternatives of conjunctions.
fn is_in_range(version: &str, range: &str) -> Result<bool, String> {
    let compare = |bound: &str| {
        VersionScheme::Semver
            .compare(version, bound)
            .ok_or_else(|| format!("`{version}` and `{bound}` are not both semantic versions"))
    };
    let holds = |condition: &str| -> Result<bool, String> {
        let end =
            condition.find(|c: char| c.is_ascii_digit()).ok_or("range has a condition without a version")?;
        let (sign, bound) = condition.split_at_checked(end).unwrap_or_default();
        if let Some(prefix) = bound.strip_suffix(".x") {
            let is_prefix = version.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
            return match sign {
                "" | "=" | "==" => Ok(is_prefix),
                "!" | "!=" => Ok(!is_prefix),
                _ => Err(format!("`{condition}` compares with a wildcard")),
            };
        }
        let order = compare(bound)?;
        Ok(match sign {
            "" | "=" | "==" => order.is_eq(),
            "!" | "!=" => order.is_ne(),
            ">" => order == Ordering::Greater,
            ">=" => order.is_ge(),
            "<" => order == Ordering::Less,
            "<=" => order.is_le(),
            _ => return Err(format!("`{sign}` is no comparison of versions")),
        })
    };
    let mut is_in = false;
    for alternative in range.split("||") {
        let mut all = true;
        for condition in alternative.split_whitespace() {
            all &= holds(condition)?;
        }
        is_in |= all && !alternative.trim().is_empty();
    }
    Ok(is_in)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::expression::{Expression, Scope};

    fn evaluate(text: &str) -> Result<Value, String> {
        let scope = Scope::new("2026-11-22T00:00:00Z".parse().unwrap());
        let expression = Expression::parse(text).map_err(|error| error.to_string())?;
        expression.evaluate(&scope).map_err(|error| error.to_string())
    }

    #[test]
    fn functions_do_what_kyverno_says() {
        for (text, expected) in [
            ("add(`1`, `2.5`)", json!(3.5)),
            ("base64_decode('SGVsbG8=')", json!("Hello")),
            ("base64_encode('Hello')", json!("SGVsbG8=")),
            ("compare('a', 'b')", json!(-1)),
            ("divide(`6`, `3`)", json!(2)),
            ("equal_fold('Ab', 'aB')", json!(true)),
            ("image_normalize('nginx')", json!("docker.io/nginx:latest")),
            ("items(`{\"a\": 1}`, 'k', 'v')", json!([{"k": "a", "v": 1}])),
            ("label_match(`{\"a\": \"b\"}`, `{\"a\": \"b\", \"c\": \"d\"}`)", json!(true)),
            ("lookup(`[1, 2]`, `1`)", json!(2)),
            ("modulo(`7`, `4`)", json!(3)),
            ("object_from_lists(`[\"a\"]`, `[1]`)", json!({"a": 1})),
            ("parse_json('{\"a\": [1]}').a", json!([1])),
            ("parse_yaml('a: [1]').a", json!([1])),
            ("path_canonicalize('/a//b/../c')", json!("/a/c")),
            ("pattern_match('*.io', 'gcr.io')", json!(true)),
            ("regex_match('^[0-9]+$', `42`)", json!(true)),
            ("regex_replace_all('(a)(b)', 'abc', '$2$1')", json!("bac")),
            ("regex_replace_all_literal('b', 'abc', '$1')", json!("a$1c")),
            ("replace('aaa', 'a', 'b', `2`)", json!("bba")),
            ("replace_all('aaa', 'a', 'b')", json!("bbb")),
            ("round(`2.71828`, `1`)", json!(2.7)),
            ("semver_compare('1.2.3', '>=1.0.0 <2.0.0')", json!(true)),
            ("semver_compare('4.1.3', '1.x || >=4.2.0')", json!(false)),
            ("sha256('')", json!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")),
            ("split('a,b', ',')", json!(["a", "b"])),
            ("time_add('2026-01-01T00:00:00Z', '1h')", json!("2026-01-01T01:00:00Z")),
            ("time_after('2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z')", json!(true)),
            (
                "time_between('2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-03T00:00:00Z')",
                json!(true),
            ),
            ("time_diff('2026-01-01T00:00:00Z', '2026-01-01T01:30:00Z')", json!("1h30m0s")),
            ("time_now_utc()", json!("2026-11-22T00:00:00Z")),
            ("time_since('', '2026-11-21T23:59:00Z', '')", json!("1m0s")),
            ("time_truncate('2026-01-01T01:30:00Z', '1h')", json!("2026-01-01T01:00:00Z")),
            ("to_boolean('TRUE')", json!(true)),
            ("to_upper('a')", json!("A")),
            ("trim('xax', 'x')", json!("a")),
            ("trim_prefix('docker://a', 'docker://')", json!("a")),
            ("truncate('abcdef', `3`)", json!("abc")),
        ] {
            assert_eq!(evaluate(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_a_function_cannot_do_is_an_error() {
        for text in [
            "add('1', `2`)",
            "divide(`1`, `0`)",
            "base64_decode('*')",
            "regex_match('(', 'a')",
            "semver_compare('one', '>=1.0.0')",
            "time_since('Jan', '2026-11-21T23:59:00Z', '')",
            "time_now_utc('a')",
            "to_upper()",
            "replace_all(replace_all(replace_all('aaaaaaaaaa', 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), \
             'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')",
        ] {
            assert!(evaluate(text).is_err(), "{text}");
        }
    }
}
