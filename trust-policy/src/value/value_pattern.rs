//! [`ValuePattern`]: a text that says which values it means, in Kyverno's patterns and ranges
//! ([operators](https://kyverno.io/docs/policy-types/cluster-policy/validate/#operators)).
//!
//! Alternatives with `|`, conjunctions with `&`; each part a wildcard, `!` for not, a comparison with `<`, `<=`, `>`, `>=`,
//! or a range `a-b` or `a!-b`. Durations and quantities are compared by what they amount to.

use core::cmp::Ordering;
use core::fmt;

use serde_json::Value;
use trust_core::Pattern;

use crate::value::duration;
use crate::value::quantity::Quantity;

/// A condition on a single value.
#[derive(Clone, Debug)]
pub struct ValuePattern {
    written: String,
    /// One of these must hold, with all of its parts.
    alternatives: Vec<Vec<Part>>,
}

#[derive(Clone, Debug)]
enum Part {
    Compare(Comparison, Operand),
    Within(Operand, Operand),
    Outside(Operand, Operand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a value is compared with: each meaning that the text has.
#[derive(Clone, Debug)]
struct Operand {
    duration: Option<i64>,
    quantity: Option<Quantity>,
    wildcard: Pattern,
}

impl ValuePattern {
    /// Reads a pattern; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let conjunction = |text: &str| text.split('&').map(|part| Part::new(part.trim())).collect();
        Self { written: text.to_owned(), alternatives: text.split('|').map(conjunction).collect() }
    }

    /// Whether it matches this value. An absent value is `null`, which amounts to zero.
    #[must_use]
    pub fn matches(&self, value: &Value) -> bool {
        if value.as_str() == Some(&self.written) {
            return true;
        }
        let Some(subject) = Subject::new(value) else { return false };
        self.alternatives.iter().any(|parts| parts.iter().all(|part| part.holds(&subject)))
    }

    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// What is outside of a range such as `1-10`.
    pub(crate) fn outside(range: &str) -> Self {
        let part = match Part::new(range) {
            Part::Within(from, to) => Part::Outside(from, to),
            other => other,
        };
        Self { written: range.to_owned(), alternatives: vec![vec![part]] }
    }

    /// Whether the text is a range such as `1-10`.
    pub(crate) fn is_range(text: &str) -> bool {
        matches!(Part::new(text), Part::Within(..))
    }
}

impl fmt::Display for ValuePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.written)
    }
}

impl PartialEq for ValuePattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Part {
    fn new(text: &str) -> Self {
        if let Some((from, to, is_within)) = range(text) {
            let (from, to) = (Operand::new(from), Operand::new(to));
            return if is_within { Self::Within(from, to) } else { Self::Outside(from, to) };
        }
        let operators = [
            (">=", Comparison::GreaterOrEqual),
            ("<=", Comparison::LessOrEqual),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
            ("!", Comparison::NotEqual),
        ];
        let found =
            operators.into_iter().find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)));
        let (operator, operand) = found.filter(|_| text.len() > 1).unwrap_or((Comparison::Equal, text));
        Self::Compare(operator, Operand::new(operand.trim()))
    }

    fn holds(&self, value: &Subject) -> bool {
        match self {
            Self::Compare(operator, operand) => operand.holds(*operator, value),
            Self::Within(from, to) => {
                from.holds(Comparison::GreaterOrEqual, value) && to.holds(Comparison::LessOrEqual, value)
            }
            Self::Outside(from, to) => {
                from.holds(Comparison::Less, value) || to.holds(Comparison::Greater, value)
            }
        }
    }
}

/// The ends of a range, and whether values between them are meant or the others.
fn range(text: &str) -> Option<(&str, &str, bool)> {
    // The first sign may belong to the number.
    let (at, _) = text.char_indices().skip(1).find(|(_, c)| *c == '-')?;
    let (from, to) = (text.get(..at)?, text.get(at + 1..)?);
    let is_end = |text: &str| {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number = unsigned.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    let (from, is_within) = match from.strip_suffix('!') {
        Some(from) => (from, false),
        None => (from, true),
    };
    (is_end(from) && is_end(to)).then_some((from, to, is_within))
}

impl Operand {
    fn new(text: &str) -> Self {
        Self {
            duration: duration::parse(text),
            quantity: Quantity::parse(text),
            wildcard: Pattern::wildcard(text),
        }
    }

    /// Whether the value compares so. One comparison decides: what is equal by one meaning is not unequal by another.
    fn holds(&self, operator: Comparison, value: &Subject) -> bool {
        let order = self.order(value);
        match operator {
            Comparison::Equal => self.equals(value),
            // What cannot be compared is not another value either.
            Comparison::NotEqual => {
                !self.equals(value) && (value.text.is_some() || order.into_iter().next().is_some())
            }
            _ => order.into_iter().any(|order| operator.allows(order)),
        }
    }

    fn equals(&self, value: &Subject) -> bool {
        self.order(value).into_iter().any(Ordering::is_eq)
            || value.text.as_ref().is_some_and(|text| self.wildcard.matches(text))
    }

    /// How the value compares with this as a duration, and as a quantity.
    fn order(&self, value: &Subject) -> impl IntoIterator<Item = Ordering> {
        let by_duration = self.duration.zip(value.duration).map(|(own, value)| value.cmp(&own));
        let by_quantity = self.quantity.zip(value.quantity).map(|(own, value)| value.cmp(&own));
        [by_duration, by_quantity].into_iter().flatten()
    }
}

/// A value that is compared, with each meaning that it has.
struct Subject {
    duration: Option<i64>,
    quantity: Option<Quantity>,
    text: Option<String>,
}

impl Subject {
    /// `None` for lists and maps, which amount to nothing.
    fn new(value: &Value) -> Option<Self> {
        let amount = match value {
            Value::Null => Some("0".to_owned()),
            Value::Bool(_) => None,
            Value::String(_) | Value::Number(_) => scalar_text(value),
            Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self {
            duration: amount.as_deref().and_then(duration::parse),
            quantity: amount.as_deref().and_then(Quantity::parse),
            text: scalar_text(value),
        })
    }
}

impl Comparison {
    fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Equal | Self::NotEqual => false,
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A single value as text, as Go prints it; `None` for lists, maps and `null`.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        // A float without a fraction prints without one.
        Value::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (None, Some(float)) => float.to_string(),
            _ => number.to_string(),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_by_what_they_amount_to() {
        for (pattern, value, expected) in [
            ("a*", json!("abc"), true),
            ("!a*", json!("abc"), false),
            ("!*:latest", json!("nginx:1"), true),
            ("a | b", json!("b"), true),
            ("a* & *z", json!("abcz"), true),
            ("a* & *z", json!("abc"), false),
            (">10", json!(11), true),
            ("> 10", json!(10), false),
            (">=1Gi", json!("1024Mi"), true),
            ("<1h", json!("59m"), true),
            ("1-10", json!(10), true),
            ("1-10", json!(11), false),
            ("1!-10", json!(11), true),
            ("-5--1", json!(-3), true),
            ("1Gi-2Gi", json!("1500Mi"), true),
            ("a-b", json!("a-b"), true),
            ("true", json!(true), true),
            ("*", json!(null), false),
            ("?*", json!(""), false),
            ("1", json!(1.0), true),
            (">a", json!("b"), false),
        ] {
            assert_eq!(ValuePattern::new(pattern).matches(&value), expected, "{pattern} {value}");
        }
    }
}
