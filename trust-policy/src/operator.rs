//! [`Operator`]: how a condition compares two values
//! ([operators](https://kyverno.io/docs/policy-types/cluster-policy/preconditions/#operators)).
//!
//! Values are brought to a common kind first: durations (beside numbers, which are seconds), quantities, numbers, semantic
//! versions, texts with wildcards. What cannot be compared does not hold, but for the operators with "not".

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use serde_json::Value;
use trust_core::Pattern;
use trust_sbom::VersionScheme;

use crate::duration;
use crate::quantity::Quantity;
use crate::value_pattern::{ValuePattern, scalar_text};

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
    /// Whether the condition holds. A key that is `null` meets none.
    #[must_use]
    pub fn holds(self, key: &Value, value: &Value) -> bool {
        if key.is_null() {
            return false;
        }
        match self {
            Self::Equals => equals(key, value),
            Self::NotEquals => !equals(key, value),
            Self::In | Self::AllIn => members(key, value).is_some_and(|found| found.all),
            Self::NotIn | Self::AnyNotIn => members(key, value).is_some_and(|found| !found.all),
            Self::AnyIn => members(key, value).is_some_and(|found| found.any),
            Self::AllNotIn => members(key, value).is_some_and(|found| !found.any),
            Self::GreaterThan => order(key, value).is_some_and(Ordering::is_gt),
            Self::GreaterThanOrEquals => order(key, value).is_some_and(Ordering::is_ge),
            Self::LessThan => order(key, value).is_some_and(Ordering::is_lt),
            Self::LessThanOrEquals => order(key, value).is_some_and(Ordering::is_le),
            Self::DurationGreaterThan => order_of_durations(key, value).is_some_and(Ordering::is_gt),
            Self::DurationGreaterThanOrEquals => order_of_durations(key, value).is_some_and(Ordering::is_ge),
            Self::DurationLessThan => order_of_durations(key, value).is_some_and(Ordering::is_lt),
            Self::DurationLessThanOrEquals => order_of_durations(key, value).is_some_and(Ordering::is_le),
        }
    }
}

fn equals(key: &Value, value: &Value) -> bool {
    match (key, value) {
        (Value::Number(_), Value::Number(_)) => key.as_f64() == value.as_f64(),
        (Value::Number(_), Value::String(text)) => text.parse::<f64>().ok() == key.as_f64(),
        (Value::String(text), _) => {
            if let Some((key, value)) = durations(key, value) {
                return key == value;
            }
            let Value::String(pattern) = value else { return false };
            match (Quantity::parse(text), Quantity::parse(pattern)) {
                (Some(key), Some(value)) => key == value,
                // A number equals no text that is none, not even by a wildcard.
                (Some(_), None) => false,
                _ => Pattern::wildcard(pattern).matches(text),
            }
        }
        _ => key == value,
    }
}

/// Nanoseconds of both, if one is a duration and the other one or a number of seconds.
fn durations(key: &Value, value: &Value) -> Option<(i128, i128)> {
    let written = |value: &Value| value.as_str().filter(|text| *text != "0").and_then(duration::parse);
    let seconds = |value: &Value| value.as_f64().map(|seconds| seconds.trunc() as i128 * 1_000_000_000);
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
    let nanoseconds = |value: &Value| match value {
        Value::String(text) => duration::parse(text).map(i128::from),
        Value::Number(number) => number.as_f64().map(|seconds| seconds.trunc() as i128 * 1_000_000_000),
        _ => None,
    };
    Some(nanoseconds(key)?.cmp(&nanoseconds(value)?))
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
        if is_semantic_version(key) && is_semantic_version(value) {
            return VersionScheme::Semver.compare(key, value);
        }
    }
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    number(key)?.partial_cmp(&number(value)?)
}

/// Whether it has three numbers, and maybe what SemVer allows behind them.
fn is_semantic_version(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    numbers.split('.').count() == 3 && numbers.split('.').all(is_number)
}

/// How many of a key's items are in a value.
struct Members {
    any: bool,
    all: bool,
}

/// `None` if the key or the value is no text, number, boolean or list.
fn members(key: &Value, value: &Value) -> Option<Members> {
    let items: Vec<String> = match key {
        Value::Array(items) => items.iter().map(item_text).collect(),
        Value::Object(_) | Value::Null => return None,
        scalar => scalar_text(scalar).into_iter().collect(),
    };
    let list: Vec<String> = match value {
        Value::Array(list) => list.iter().map(item_text).collect(),
        Value::String(text) if ValuePattern::is_range(text) => {
            let range = ValuePattern::new(text);
            let is_in = |item: &String| item == text || range.matches(&Value::from(item.as_str()));
            return Some(Members { any: items.iter().any(is_in), all: items.iter().all(is_in) });
        }
        // A ConfigMap can hold a list only as text.
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Array(list)) => list.iter().map(item_text).collect(),
            _ => vec![text.clone()],
        },
        Value::Number(_) => scalar_text(value).into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::Object(_) => return None,
    };
    // Wildcards count on either side.
    let is_in = |item: &String| {
        let own = Pattern::wildcard(item.as_str());
        list.iter().any(|other| own.matches(other) || Pattern::wildcard(other.as_str()).matches(item))
    };
    Some(Members { any: items.iter().any(is_in), all: items.iter().all(is_in) })
}

/// An item of a list, as text.
fn item_text(item: &Value) -> String {
    scalar_text(item).unwrap_or_else(|| item.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            assert!(!operator.holds(&json!(null), &json!(null)), "{operator}");
            assert!(!operator.holds(&json!(null), &json!("a")), "{operator}");
        }
    }

    #[test]
    fn durations_are_compared_with_seconds() {
        assert!(Operator::DurationGreaterThan.holds(&json!("1h"), &json!(3599)));
        assert!(Operator::DurationLessThanOrEquals.holds(&json!(60), &json!("1m")));
        assert!(!Operator::DurationLessThan.holds(&json!("soon"), &json!("1m")));
        assert!(Operator::Equals.holds(&json!("60m"), &json!("1h")));
    }

    #[test]
    fn a_list_in_a_text_is_a_list() {
        assert!(Operator::AnyIn.holds(&json!("b"), &json!("[\"a\", \"b\"]")));
        assert!(Operator::NotIn.holds(&json!("c"), &json!("[\"a\", \"b\"]")));
        assert!(!Operator::AnyIn.holds(&json!({"a": 1}), &json!(["a"])));
    }
}
