//! Kyverno's functions ([list](https://kyverno.io/docs/policy-types/cluster-policy/jmespath/#custom-filters)), beside those of
//! JMESPath. What they make is bounded. Not here: `random`, as a verdict must be the same each time.

use core::cell::RefCell;
use core::net::IpAddr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;

use jmespath::{Context, Rcvar, Runtime, Variable};
use regex::{Captures, Regex, RegexBuilder};
use sha1::Digest as _;
use trust_core::internal::encoding;
use trust_core::{Digest, Pattern, UnixTime};

use super::arithmetic::{self, number};
use super::budget::Budget;
use super::moment::Moment;
use super::{from_json, version_range, x509};
use crate::kubernetes::image_pattern;
use crate::value::duration;
use crate::value::value_pattern::scalar_text;
use crate::yaml;

/// No function makes a longer text.
const MAX_TEXT: usize = 1 << 20;
/// Bytes that a regular expression reads in about the time of a step.
const READ_IN_A_STEP: usize = 256;

type Implementation = fn(&Arguments<'_>) -> Result<Variable, String>;

/// Name, number of arguments, implementation.
const FUNCTIONS: [(&str, usize, Implementation); 51] = [
    ("add", 2, |a| arithmetic::add(a.get(0), a.get(1))),
    ("base64_decode", 1, |a| {
        let bytes = encoding::from_base64(a.text(0)?).ok_or("argument is not base64")?;
        text(String::from_utf8_lossy(&bytes).into_owned())
    }),
    ("base64_encode", 1, |a| text(encoding::to_base64(a.text(0)?.as_bytes()))),
    ("compare", 2, |a| number(f64::from(a.text(0)?.cmp(a.text(1)?) as i8))),
    ("divide", 2, |a| arithmetic::divide(a.get(0), a.get(1))),
    ("equal_fold", 2, |a| boolean(a.text(0)?.to_lowercase() == a.text(1)?.to_lowercase())),
    ("image_normalize", 1, |a| {
        let image = a.text(0)?.parse().map_err(|error| format!("{error}"))?;
        text(image_pattern::kyverno_form(&image))
    }),
    ("is_external_url", 1, |a| boolean(is_external(a.text(0)?)?)),
    ("items", 3, items),
    // JMESPath's own, but bounded.
    ("join", 2, |a| {
        let (glue, list) = (a.text(0)?, a.list(1)?);
        let texts = list.iter().map(|one| one.as_string().map(String::as_str));
        let texts: Vec<&str> =
            texts.collect::<Option<_>>().ok_or_else(|| Arguments::wrong(1, "a list of texts"))?;
        fits(
            texts.iter().fold(0, |sum: usize, one| sum.saturating_add(one.len().saturating_add(glue.len()))),
        )?;
        text(texts.join(glue))
    }),
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
    ("md5", 1, |a| text(hex(&md5::Md5::digest(a.text(0)?.as_bytes())))),
    ("modulo", 2, |a| arithmetic::modulo(a.get(0), a.get(1))),
    ("multiply", 2, |a| arithmetic::multiply(a.get(0), a.get(1))),
    ("object_from_lists", 2, |a| {
        let keys: Vec<String> = a.list(0)?.iter().map(|key| printed(key)).collect::<Result<_, _>>()?;
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
        let by = a.printed(2)?;
        let names = by.matches('$').count();
        replaced_by_regex(a, |found, replaced| {
            let longest = found.get(0).map_or(0, |whole| whole.len());
            fits(by.len().saturating_add(longest.saturating_mul(names)))?;
            found.expand(&by, replaced);
            Ok(())
        })
    }),
    ("regex_replace_all_literal", 3, |a| {
        let by = a.printed(2)?;
        replaced_by_regex(a, |_, replaced| {
            replaced.push_str(&by);
            Ok(())
        })
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
    ("semver_compare", 2, |a| boolean(version_range::contains(a.text(1)?, a.text(0)?)?)),
    ("sha1", 1, |a| text(hex(&sha1::Sha1::digest(a.text(0)?.as_bytes())))),
    ("sha256", 1, |a| text(Digest::sha256(a.text(0)?.as_bytes()).to_hex())),
    ("split", 2, |a| {
        let parts = match a.text(1)? {
            "" => a.text(0)?.chars().map(String::from).collect::<Vec<_>>(),
            separator => a.text(0)?.split(separator).map(str::to_owned).collect(),
        };
        Ok(Variable::Array(parts.into_iter().map(|part| Rcvar::new(Variable::String(part))).collect()))
    }),
    ("subtract", 2, |a| arithmetic::subtract(a.get(0), a.get(1))),
    ("sum", 1, |a| arithmetic::sum(a.list(0)?)),
    ("time_add", 2, |a| text(a.moment(0)?.plus_millis(a.duration(1)? / 1_000_000).to_string())),
    ("time_after", 2, |a| boolean(a.time(0)? > a.time(1)?)),
    ("time_before", 2, |a| boolean(a.time(0)? < a.time(1)?)),
    ("time_between", 3, |a| {
        let (time, start, end) = (a.time(0)?, a.time(1)?, a.time(2)?);
        boolean(start < time && time < end)
    }),
    ("time_diff", 2, |a| text(between(a.time(0)?, a.time(1)?))),
    ("time_now", 1, |a| text(Moment::utc(a.time(0)?).to_string())),
    ("time_now_utc", 1, |a| text(Moment::utc(a.time(0)?).to_string())),
    ("time_parse", 2, |a| {
        // A number stands for seconds since 1970.
        if let (Ok(_), Ok(seconds)) = (a.text(0)?.parse::<i64>(), a.text(1)?.parse()) {
            return text(Moment::utc(UnixTime::from_seconds(seconds)).to_string());
        }
        if a.text(0)? == "2006-01-02" {
            let midnight = format!("{}T00:00:00Z", a.text(1)?);
            return text(midnight.parse::<Moment>().map_err(|()| Arguments::wrong(1, "a date"))?.to_string());
        }
        a.layout(0)?;
        text(a.moment(1)?.to_string())
    }),
    ("time_since", 4, |a| {
        a.layout(0)?;
        let until = if a.text(2)?.is_empty() { a.time(3)? } else { a.time(2)? };
        text(between(a.time(1)?, until))
    }),
    ("time_to_cron", 1, |a| text(a.moment(0)?.to_cron().ok_or("time is out of range")?)),
    ("time_truncate", 2, |a| text(a.moment(0)?.truncated(a.duration(1)? / 1_000_000).to_string())),
    ("time_utc", 1, |a| text(Moment::utc(a.time(0)?).to_string())),
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
    // What is cut off stands behind a whole number of letters; a number below zero leaves none.
    ("truncate", 2, |a| text(a.text(0)?.chars().take(a.number(1)?.max(0.0) as usize).collect())),
    ("x509_decode", 1, |a| x509::decode(a.text(0)?)),
];

/// Whether a function compares a text, its second argument, with a pattern, its first.
pub(super) fn matches(name: &str) -> bool {
    name == "pattern_match" || name.starts_with("regex_")
}

/// Whether a function is given the time as its last argument.
pub(super) fn needs_now(name: &str) -> bool {
    ["time_now", "time_now_utc", "time_since"].contains(&name)
}

/// JMESPath's own functions.
static STANDARD: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = Runtime::new();
    runtime.register_builtin_functions();
    runtime
});

pub(super) fn exists(name: &str) -> bool {
    FUNCTIONS.iter().any(|(own, ..)| *own == name) || STANDARD.get_function(name).is_some()
}

pub(super) fn call(name: &str, values: &[Rcvar], budget: &Budget) -> Result<Rcvar, String> {
    if let Some((_, count, implementation)) = FUNCTIONS.iter().find(|(own, ..)| *own == name) {
        let expected = count - usize::from(needs_now(name));
        let result = match values.len() == *count {
            true => implementation(&Arguments { values, budget }),
            false => Err(format!("expected {expected} arguments")),
        };
        return result.map(Rcvar::new).map_err(|problem| format!("`{name}`: {problem}"));
    }
    let function = STANDARD.get_function(name);
    let function = function.ok_or_else(|| format!("calls `{name}`, which is not a function"))?;
    let mut context = Context::new(name, &STANDARD);
    function.evaluate(values, &mut context).map_err(|error| error.reason.to_string())
}

/// What a function is called with, and what its work is paid from.
struct Arguments<'a> {
    values: &'a [Rcvar],
    budget: &'a Budget,
}

impl Arguments<'_> {
    fn get(&self, index: usize) -> &Variable {
        self.values.get(index).map_or(&Variable::Null, |one| one)
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
        match self.get(index) {
            value @ (Variable::String(_) | Variable::Number(_)) => printed(value),
            _ => Err(Self::wrong(index, "a text or a number")),
        }
    }

    fn moment(&self, index: usize) -> Result<Moment, String> {
        self.text(index)?.parse().map_err(|()| Self::wrong(index, "a time as in RFC 3339"))
    }

    fn time(&self, index: usize) -> Result<UnixTime, String> {
        self.moment(index).map(|moment| moment.time)
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

/// A single value as text.
fn printed(value: &Variable) -> Result<String, String> {
    let value = match value {
        Variable::String(text) => return Ok(text.clone()),
        Variable::Number(number) => serde_json::Value::Number(number.clone()),
        Variable::Bool(value) => (*value).into(),
        _ => return Err("expected a text, a number or a boolean".to_owned()),
    };
    Ok(scalar_text(&value).unwrap_or_default())
}

fn text(text: String) -> Result<Variable, String> {
    fits(text.len())?;
    Ok(Variable::String(text))
}

/// Whether a text may have so many bytes.
fn fits(len: usize) -> Result<(), String> {
    match len {
        found if found > MAX_TEXT => Err(format!("result has {found} bytes, expected at most {MAX_TEXT}")),
        _ => Ok(()),
    }
}

fn boolean(value: bool) -> Result<Variable, String> {
    Ok(Variable::Bool(value))
}

/// Expressions that are kept compiled: over the elements of a list they are the same ones.
const KEPT_REGEXES: usize = 32;

thread_local! {
    static REGEXES: RefCell<VecDeque<Regex>> = const { RefCell::new(VecDeque::new()) };
}

fn regex(pattern: &str) -> Result<Regex, String> {
    REGEXES.with_borrow_mut(|kept| {
        if let Some(regex) = kept.iter().find(|regex| regex.as_str() == pattern) {
            return Ok(regex.clone());
        }
        let built = RegexBuilder::new(pattern).size_limit(MAX_TEXT).build();
        let regex = built.map_err(|error| error.to_string())?;
        kept.truncate(KEPT_REGEXES - 1);
        kept.push_front(regex.clone());
        Ok(regex)
    })
}

/// What the second argument becomes, if each match of the first is replaced by what `replace` appends.
fn replaced_by_regex(
    arguments: &Arguments<'_>,
    replace: impl Fn(&Captures<'_>, &mut String) -> Result<(), String>,
) -> Result<Variable, String> {
    let (regex, source) = (regex(arguments.text(0)?)?, arguments.printed(1)?);
    let (mut replaced, mut end) = (String::new(), 0);
    for found in regex.captures_iter(&source) {
        let Some(whole) = found.get(0) else { continue };
        // To find a short match, some patterns read all that follows: `.*b|a`.
        let follows = source.len() - whole.start();
        arguments.budget.spend(follows / READ_IN_A_STEP).map_err(|error| error.to_string())?;
        replaced.push_str(source.get(end..whole.start()).unwrap_or_default());
        replace(&found, &mut replaced)?;
        fits(replaced.len())?;
        end = whole.end();
    }
    replaced.push_str(source.get(end..).unwrap_or_default());
    text(replaced)
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
    if path.is_empty() {
        return String::new();
    }
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the host of a URL is an address in the public network. What a name stands for, only the network knows.
fn is_external(url: &str) -> Result<bool, String> {
    let (_, rest) = url.split_once("://").ok_or_else(|| format!("`{url}` is not a URL"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let address = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address.parse().ok(),
        None => host.split(':').next().unwrap_or_default().parse().ok(),
    };
    match address {
        Some(IpAddr::V4(ip)) => {
            Ok(!(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()))
        }
        Some(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => is_external(&format!(
            "http://{}",
            ip.to_ipv4_mapped().map_or_else(String::new, |ip| ip.to_string())
        )),
        Some(IpAddr::V6(ip)) => {
            let is_local = ip.is_unique_local() || ip.is_unicast_link_local();
            Ok(!(is_local || ip.is_loopback() || ip.is_unspecified()))
        }
        None => Err(format!("whether `{host}` is external only the network knows, which is not asked")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::expression::budget::Budget;
    use crate::expression::{Expression, Scope};

    fn evaluate(text: &str) -> Result<Value, String> {
        let scope = Scope::new("2026-11-22T00:00:00Z".parse().unwrap(), Budget::default());
        let expression = Expression::parse(text).map_err(|error| error.to_string())?;
        expression.evaluate(&scope).map_err(|error| error.to_string())
    }

    #[test]
    fn functions_do_what_kyverno_says() {
        for (text, expected) in [
            ("add(`1`, `2.5`)", json!(3.5)),
            ("add('12Ki', '13')", json!("12301")),
            ("sum(['12s', '13s'])", json!("25s")),
            ("multiply(`2.5`, '12Ki')", json!("30Ki")),
            ("divide('12Ki', '200')", json!(61.44)),
            ("divide('0.5', `1000`)", json!("0")),
            ("time_add('2026-01-01T00:00:00-07:00', '1h')", json!("2026-01-01T01:00:00-07:00")),
            ("time_to_cron('2021-01-10T03:14:05-07:00')", json!("14 3 10 1 0")),
            ("time_truncate('2023-02-02T15:04:05Z', '720h')", json!("2023-01-21T00:00:00Z")),
            ("semver_compare('1.2.9', '<=1.2.x')", json!(true)),
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
            ("sha1('')", json!("da39a3ee5e6b4b0d3255bfef95601890afd80709")),
            ("md5('')", json!("d41d8cd98f00b204e9800998ecf8427e")),
            ("is_external_url('https://1.1.1.1/a')", json!(true)),
            ("is_external_url('http://10.0.0.1:80')", json!(false)),
            ("is_external_url('http://[::ffff:10.0.0.1]/')", json!(false)),
            ("is_external_url('http://[::1]/')", json!(false)),
            ("is_external_url('http://[2001:4860:4860::8888]')", json!(true)),
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
    fn a_regular_expression_that_reads_all_for_each_match_is_too_much() {
        let (few, many) = ("A".repeat(100), "A".repeat(2_000));
        let letters = format!("replace_all('{few}', 'A', '{many}')");
        let found = evaluate(&format!("regex_replace_all('.*[^A-Z]|[A-Z]', {letters}, 'x')"));
        assert!(found.unwrap_err().contains("steps"));
        let words = format!("replace_all('AAAAAAAAAA', 'A', '{}')", "word ".repeat(200));
        let found = evaluate(&format!("regex_replace_all_literal('w', {words}, 'W')")).unwrap();
        assert!(found.as_str().unwrap().ends_with("Word Word "));
    }

    #[test]
    fn what_a_function_cannot_do_is_an_error() {
        for text in [
            "add('1', `2`)",
            "add('1s', '1Ki')",
            "modulo(`1.5`, `1`)",
            "divide(`1`, `0`)",
            "base64_decode('*')",
            "time_add('2026-01-01t00:00:00z', '1h')",
            "semver_compare('1.2', '1.x')",
            "regex_match('(', 'a')",
            "semver_compare('one', '>=1.0.0')",
            "time_since('Jan', '2026-11-21T23:59:00Z', '')",
            "is_external_url('https://example.com')",
            "is_external_url('1.1.1.1')",
            "time_now_utc('a')",
            "to_upper()",
            "replace_all(replace_all(replace_all('aaaaaaaaaa', 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), \
             'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')",
        ] {
            assert!(evaluate(text).is_err(), "{text}");
        }
    }
}
