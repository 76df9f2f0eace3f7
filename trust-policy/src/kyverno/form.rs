//! `validate.pattern`: the form of a resource
//! ([patterns](https://kyverno.io/docs/policy-types/cluster-policy/validate/#patterns)).

use trust_core::Pattern;

use super::fields::At;
use super::{PolicyError, mode};
use crate::model::{Check, Lint, Mode};
use crate::overlay::{Overlay, OverlayKey, TextCondition};
use crate::yaml::Value;

/// Lists of pods that need not be there.
const OPTIONAL_LISTS: [&str; 2] = ["initContainers", "ephemeralContainers"];

pub(super) fn read(
    at: At<'_>,
    policy_mode: Mode,
    of_pod: bool,
    lints: &mut Vec<Lint>,
) -> Result<Check, PolicyError> {
    let mut fields = at.fields()?;
    let message = fields.get("message").map(|at| at.text().map(str::to_owned)).transpose()?;
    let mode = fields.get("failureAction").map(mode).transpose()?.unwrap_or(policy_mode);
    let overlay = overlay(&fields.require("pattern", "a pattern")?, lints)?;
    fields.finish()?;
    Ok(Check::Form { mode, message, overlay, of_pod })
}

fn overlay(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Overlay, PolicyError> {
    match at.value() {
        Value::Map(_) => {
            let mut keys = Vec::new();
            for (written, value) in at.fields()?.all() {
                let (name, optional) = key(written, &value)?;
                if OPTIONAL_LISTS.contains(&name) && !optional {
                    lints.push(
                        value.lint(format!("demands that every pod has `{name}`; did you mean `=({name})`?")),
                    );
                }
                let overlay = overlay(&value, lints)?;
                keys.push(OverlayKey { name: name.to_owned(), optional, overlay });
            }
            Ok(Overlay::Map(keys))
        }
        Value::List(_) => match &at.list()?[..] {
            [element] => Ok(Overlay::List(Box::new(overlay(element, lints)?))),
            _ => Err(at.wrong("a list of one pattern, several are not implemented")),
        },
        Value::Text(text) => alternatives(at, text),
        Value::Null => Err(at.not_implemented()),
        Value::Bool(value) => Ok(Overlay::Exact((*value).into())),
        Value::Int(value) => Ok(Overlay::Exact((*value).into())),
        Value::Float(_) => Err(at.not_implemented()),
    }
}

/// The name of a key, and whether it stands in the equality anchor `=(…)`. Other anchors are not implemented.
fn key<'a>(written: &'a str, at: &At<'_>) -> Result<(&'a str, bool), PolicyError> {
    let anchored = written.strip_suffix(')').and_then(|rest| rest.split_once('('));
    match anchored {
        None => Ok((written, false)),
        Some(("=", name)) => Ok((name, true)),
        Some(_) => Err(at.not_implemented()),
    }
}

fn alternatives(at: &At<'_>, text: &str) -> Result<Overlay, PolicyError> {
    let condition = |written: &str| {
        let written = written.trim();
        if is_comparison(written) {
            return Err(at.not_implemented());
        }
        let (negated, pattern) = match written.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        Ok(TextCondition { negated, pattern: Pattern::wildcard(pattern) })
    };
    let conjunction = |written: &str| written.split('&').map(condition).collect::<Result<Vec<_>, _>>();
    Ok(Overlay::Text(text.split('|').map(conjunction).collect::<Result<_, _>>()?))
}

/// Whether Kyverno would compare numbers, quantities or durations: `>1`, `10-20`, `1Gi`, `5m`.
fn is_comparison(text: &str) -> bool {
    let starts_with_digit = text.starts_with(|first: char| first.is_ascii_digit());
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-!+".contains(&byte));
    text.starts_with(['<', '>']) || text.contains("{{") || (starts_with_digit && is_plain)
}
