//! [`Operator`]: how a condition compares two values
//! ([operators](https://kyverno.io/docs/policy-types/cluster-policy/preconditions/#operators)).
//!
//! Values are brought to a common kind first: durations (beside numbers, which are seconds), quantities, numbers, semantic
//! versions, texts with wildcards. What cannot be compared does not hold, but for `NotEquals`.

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;
use std::collections::HashSet;

use serde_json::Value;
use trust_core::Pattern;
use trust_sbom::{Answer, VersionScheme};

use crate::expression::budget::{Budget, Exhausted};
use crate::expression::version_range::is_version;
use crate::value::duration;
use crate::value::quantity::Quantity;
use crate::value::value_pattern::{ValuePattern, scalar_text};

/// How a condition compares its key with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operator {
    /// They are equal; the value may have wildcards.
    Equals,
    /// They are not.
    NotEquals,
    /// Every item of the key is in the value.
    In,
    /// Some item of the key is not in the value.
    NotIn,
    /// Some item of the key is in the value.
    AnyIn,
    /// Every item of the key is in the value.
    AllIn,
    /// Some item of the key is not in the value.
    AnyNotIn,
    /// No item of the key is in the value.
    AllNotIn,
    /// The key is greater.
    GreaterThan,
    /// The key is not smaller.
    GreaterThanOrEquals,
    /// The key is smaller.
    LessThan,
    /// The key is not greater.
    LessThanOrEquals,
    /// The key is a longer duration.
    DurationGreaterThan,
    /// The key is not a shorter duration.
    DurationGreaterThanOrEquals,
    /// The key is a shorter duration.
    DurationLessThan,
    /// The key is not a longer duration.
    DurationLessThanOrEquals,
}

/// The names; the first two have two.
const NAMES: [(&str, Operator); 18] = [
    ("Equal", Operator::Equals),
    ("NotEqual", Operator::NotEquals),
    ("Equals", Operator::Equals),
    ("NotEquals", Operator::NotEquals),
    ("In", Operator::In),
    ("NotIn", Operator::NotIn),
    ("AnyIn", Operator::AnyIn),
    ("AllIn", Operator::AllIn),
    ("AnyNotIn", Operator::AnyNotIn),
    ("AllNotIn", Operator::AllNotIn),
    ("GreaterThan", Operator::GreaterThan),
    ("GreaterThanOrEquals", Operator::GreaterThanOrEquals),
    ("LessThan", Operator::LessThan),
    ("LessThanOrEquals", Operator::LessThanOrEquals),
    ("DurationGreaterThan", Operator::DurationGreaterThan),
    ("DurationGreaterThanOrEquals", Operator::DurationGreaterThanOrEquals),
    ("DurationLessThan", Operator::DurationLessThan),
    ("DurationLessThanOrEquals", Operator::DurationLessThanOrEquals),
];

/// The text is the name of no operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownOperator;

impl FromStr for Operator {
    type Err = UnknownOperator;

    /// Upper and lower case are one.
    fn from_str(text: &str) -> Result<Self, UnknownOperator> {
        let found = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, operator)| *operator).ok_or(UnknownOperator)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = NAMES.iter().rev().find(|(_, operator)| operator == self);
        f.write_str(last.map_or("", |(name, _)| name))
    }
}

impl Operator {
    /// Whether the condition holds. A key that is `null` meets none. What would take too much work is unknown.
    #[must_use]
    pub fn holds(self, key: &Value, value: &Value) -> Answer {
        let holds = self.judge(key, value, &Budget::default());
        holds.map_or_else(|exhausted| Answer::Unknown(exhausted.to_string()), Answer::from)
    }

    /// Whether the condition holds, within a budget.
    pub(crate) fn judge(self, key: &Value, value: &Value, budget: &Budget) -> Result<bool, Exhausted> {
        if key.is_null() {
            return Ok(false);
        }
        Ok(match self {
            Self::Equals => equals(key, value, budget)?,
            Self::NotEquals => !equals(key, value, budget)?,
            Self::In => exact_members(key, value, budget)?.is_some_and(|found| found.all),
            Self::NotIn => exact_members(key, value, budget)?.is_some_and(|found| !found.all),
            Self::AnyIn => members(key, value, true, budget)?.is_some_and(|found| found.any),
            Self::AllIn => members(key, value, false, budget)?.is_some_and(|found| found.all),
            Self::AnyNotIn => match (key, value) {
                // What is no number is not outside of a range either.
                (Value::Array(items), Value::String(range)) if ValuePattern::is_range(range) => {
                    let outside = ValuePattern::outside(range);
                    items.iter().any(|item| outside.matches(&Value::from(item_text(item))))
                }
                _ => members(key, value, true, budget)?.is_some_and(|found| !found.all),
            },
            Self::AllNotIn => members(key, value, false, budget)?.is_some_and(|found| !found.any),
            Self::GreaterThan => order(key, value).is_some_and(Ordering::is_gt),
            Self::GreaterThanOrEquals => order(key, value).is_some_and(Ordering::is_ge),
            Self::LessThan => order(key, value).is_some_and(Ordering::is_lt),
            Self::LessThanOrEquals => order(key, value).is_some_and(Ordering::is_le),
            Self::DurationGreaterThan => order_of_durations(key, value).is_some_and(Ordering::is_gt),
            Self::DurationGreaterThanOrEquals => order_of_durations(key, value).is_some_and(Ordering::is_ge),
            Self::DurationLessThan => order_of_durations(key, value).is_some_and(Ordering::is_lt),
            Self::DurationLessThanOrEquals => order_of_durations(key, value).is_some_and(Ordering::is_le),
        })
    }
}

fn equals(key: &Value, value: &Value, budget: &Budget) -> Result<bool, Exhausted> {
    Ok(match (key, value) {
        (Value::Number(_), Value::Number(_)) => key.as_f64() == value.as_f64(),
        (Value::Number(_), Value::String(text)) => text.parse::<f64>().ok() == key.as_f64(),
        (Value::String(text), _) => {
            if let Some((key, value)) = durations(key, value) {
                return Ok(key == value);
            }
            let Value::String(pattern) = value else { return Ok(false) };
            match (Quantity::parse(text), Quantity::parse(pattern)) {
                (Some(key), Some(value)) => key == value,
                // A number equals no text that is none, not even by a wildcard.
                (Some(_), None) => false,
                _ => matches(pattern, text, budget)?,
            }
        }
        _ => key == value,
    })
}

fn matches(pattern: &str, text: &str, budget: &Budget) -> Result<bool, Exhausted> {
    budget.spend_on_match(pattern, text)?;
    Ok(Pattern::wildcard(pattern).matches(text))
}

/// Nanoseconds of both, if one is a duration and the other one or a number of seconds.
fn durations(key: &Value, value: &Value) -> Option<(i128, i128)> {
    let written = |value: &Value| value.as_str().filter(|text| *text != "0").and_then(duration::parse);
    let seconds = |value: &Value| value.as_f64().map(nanoseconds);
    let (of_key, of_value) = (written(key), written(value));
    if of_key.is_none() && of_value.is_none() {
        return None;
    }
    Some((
        of_key.map(i128::from).or_else(|| seconds(key))?,
        of_value.map(i128::from).or_else(|| seconds(value))?,
    ))
}

fn order_of_durations(key: &Value, value: &Value) -> Option<Ordering> {
    let duration = |value: &Value| match value {
        Value::String(text) => duration::parse(text).map(i128::from),
        Value::Number(number) => number.as_f64().map(nanoseconds),
        _ => None,
    };
    Some(duration(key)?.cmp(&duration(value)?))
}

/// Nanoseconds of whole seconds.
fn nanoseconds(seconds: f64) -> i128 {
    (seconds.trunc() as i128).saturating_mul(1_000_000_000)
}

fn order(key: &Value, value: &Value) -> Option<Ordering> {
    if !matches!(key, Value::String(_) | Value::Number(_)) {
        return None;
    }
    if let Some((key, value)) = durations(key, value) {
        return Some(key.cmp(&value));
    }
    if let (Value::String(key), Value::String(value)) = (key, value) {
        if let (Some(key), Some(value)) = (Quantity::parse(key), Quantity::parse(value)) {
            return Some(key.cmp(&value));
        }
        if is_version(key) && is_version(value) {
            return VersionScheme::Semver.compare(key, value);
        }
    }
    match key {
        // A number in a text is a number.
        Value::String(text) => order_of_number(number(text)?, value),
        _ => order_of_number(key.as_f64()?, value),
    }
}

fn order_of_number(key: f64, value: &Value) -> Option<Ordering> {
    if let Some((key, value)) = durations(&Value::from(key), value) {
        return Some(key.cmp(&value));
    }
    let value = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => number(text),
        _ => None,
    };
    key.partial_cmp(&value?)
}

/// A number as Go reads it: digits may be separated by single underscores.
fn number(text: &str) -> Option<f64> {
    let is_separated = text.starts_with('_') || text.ends_with('_') || text.contains("__");
    let digits = if text.contains('_') && !is_separated { text.replace('_', "") } else { text.to_owned() };
    digits.parse().ok()
}

/// How many of a key's items are in a value.
struct Members {
    any: bool,
    all: bool,
}

impl Members {
    fn count(items: &[String], is_in: impl Fn(&String) -> bool) -> Self {
        Self { any: items.iter().any(&is_in), all: items.iter().all(&is_in) }
    }
}

/// A single text, or a list of texts.
enum Items {
    One(String),
    Many(Vec<String>),
}

impl Items {
    fn of(key: &Value) -> Option<Self> {
        match key {
            Value::Array(items) => Some(Self::Many(items.iter().map(item_text).collect())),
            Value::Object(_) | Value::Null => None,
            scalar => scalar_text(scalar).map(Self::One),
        }
    }
}

/// The texts of a list that is written as JSON in a text: a ConfigMap can hold a list only so. `Err`: it is other JSON.
fn list_in_text(text: &str) -> Option<Result<Vec<String>, ()>> {
    let value: Value = serde_json::from_str(text).ok()?;
    Some(serde_json::from_value::<Option<Vec<String>>>(value).map(Option::unwrap_or_default).map_err(|_| ()))
}

/// `In` and `NotIn`: `None` if the value is no list of texts and nothing that the key matches.
fn exact_members(key: &Value, value: &Value, budget: &Budget) -> Result<Option<Members>, Exhausted> {
    let Some(items) = Items::of(key) else { return Ok(None) };
    let one = |is_in| Some(Members { any: is_in, all: is_in });
    Ok(match (items, value) {
        (Items::One(item), Value::Array(list)) => {
            let list: Vec<String> = list.iter().map(item_text).collect();
            one(Lookup::new(&list, budget)?.has(&item, budget)?)
        }
        (Items::One(item), Value::String(text)) => match list_in_text(text) {
            _ if matches(text, &item, budget)? => one(true),
            Some(Ok(list)) => one(list.contains(&item)),
            Some(Err(())) | None => None,
        },
        (Items::Many(items), Value::Array(list)) => {
            let texts: Option<HashSet<&str>> = list.iter().map(Value::as_str).collect();
            let are_texts = key.as_array().is_some_and(|items| items.iter().all(Value::is_string));
            texts
                .filter(|_| are_texts)
                .map(|list| Members::count(&items, |item| list.contains(item.as_str())))
        }
        (Items::Many(items), Value::String(text)) => match list_in_text(text) {
            _ if matches!(&items[..], [only] if only == text) => one(true),
            Some(Ok(list)) => {
                let list: HashSet<&String> = list.iter().collect();
                Some(Members::count(&items, |item| list.contains(item)))
            }
            Some(Err(())) | None => None,
        },
        _ => None,
    })
}

/// The other operators on lists, with wildcards on either side; `None` if the value is nothing that has members. A list's
/// items are compared with a single value too, if `of_single` says so.
fn members(
    key: &Value,
    value: &Value,
    of_single: bool,
    budget: &Budget,
) -> Result<Option<Members>, Exhausted> {
    let Some(items) = Items::of(key) else { return Ok(None) };
    let (items, is_one) = match items {
        Items::One(item) => (vec![item], true),
        Items::Many(items) => (items, false),
    };
    let list: Vec<String> = match value {
        Value::Array(list) => list.iter().map(item_text).collect(),
        Value::String(text) if is_one && matches(text, &items.concat(), budget)? => {
            return Ok(Some(Members { any: true, all: true }));
        }
        Value::String(text) if ValuePattern::is_range(text) => {
            let range = ValuePattern::new(text);
            let is_in = |item: &String| item == text || range.matches(&Value::from(item.as_str()));
            return Ok(Some(Members::count(&items, is_in)));
        }
        Value::String(text) => match list_in_text(text) {
            _ if matches!(&items[..], [only] if only == text) => {
                return Ok(Some(Members { any: true, all: true }));
            }
            Some(Err(())) => return Ok(None),
            Some(Ok(list)) => list,
            None => vec![text.clone()],
        },
        Value::Number(_) | Value::Bool(_) if of_single && !is_one => vec![item_text(value)],
        Value::Number(_) | Value::Bool(_) | Value::Null | Value::Object(_) => return Ok(None),
    };
    if is_one && value.is_string() {
        let is_in = list.contains(&items.concat());
        return Ok(Some(Members { any: is_in, all: is_in }));
    }
    let lookup = Lookup::new(&list, budget)?;
    let (mut any, mut all) = (false, true);
    for item in &items {
        let is_in = lookup.has(item, budget)?;
        any |= is_in;
        all &= is_in;
    }
    Ok(Some(Members { any, all }))
}

/// A list in which texts are looked up, with wildcards on either side.
struct Lookup<'a> {
    list: &'a [String],
    exact: HashSet<&'a str>,
    wildcards: Vec<&'a String>,
}

impl<'a> Lookup<'a> {
    fn new(list: &'a [String], budget: &Budget) -> Result<Self, Exhausted> {
        budget.spend(list.len())?;
        let wildcards = list.iter().filter(|one| has_wildcards(one)).collect();
        Ok(Self { list, exact: list.iter().map(String::as_str).collect(), wildcards })
    }

    fn has(&self, item: &str, budget: &Budget) -> Result<bool, Exhausted> {
        budget.spend(1)?;
        if self.exact.contains(item) {
            return Ok(true);
        }
        for pattern in &self.wildcards {
            if matches(pattern, item, budget)? {
                return Ok(true);
            }
        }
        if has_wildcards(item) {
            for other in self.list {
                if matches(item, other, budget)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

fn has_wildcards(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// An item of a list, as text.
fn item_text(item: &Value) -> String {
    scalar_text(item).unwrap_or_else(|| item.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(operator: Operator, key: &Value, value: &Value) -> bool {
        operator.holds(key, value) == Answer::Yes
    }

    #[test]
    fn operators_have_their_names() {
        for (name, operator) in NAMES {
            assert_eq!(name.to_lowercase().parse(), Ok(operator));
            assert_eq!(operator.to_string().parse(), Ok(operator));
        }
        assert_eq!("Sounds".parse::<Operator>(), Err(UnknownOperator));
    }

    #[test]
    fn nothing_meets_no_condition() {
        for (_, operator) in NAMES {
            assert!(!holds(operator, &json!(null), &json!(null)), "{operator}");
            assert!(!holds(operator, &json!(null), &json!("a")), "{operator}");
        }
    }

    #[test]
    fn durations_are_compared_with_seconds() {
        assert!(holds(Operator::DurationGreaterThan, &json!("1h"), &json!(3599)));
        assert!(holds(Operator::DurationLessThanOrEquals, &json!(60), &json!("1m")));
        assert!(!holds(Operator::DurationLessThan, &json!("soon"), &json!("1m")));
        assert!(holds(Operator::Equals, &json!("60m"), &json!("1h")));
    }

    #[test]
    fn a_list_in_a_text_is_a_list() {
        assert!(holds(Operator::AnyIn, &json!("b"), &json!("[\"a\", \"b\"]")));
        assert!(holds(Operator::NotIn, &json!("c"), &json!("[\"a\", \"b\"]")));
        // Other JSON is no list, and what is compared with it is neither in it nor not in it.
        assert!(
            !holds(Operator::AnyNotIn, &json!("c"), &json!("{}"))
                && !holds(Operator::AnyIn, &json!("1"), &json!(1))
        );
        assert!(!holds(Operator::AnyIn, &json!({"a": 1}), &json!(["a"])));
    }
}
