//! [`Shape`]: what a JSON value must be, field by field.

use serde_json::Value;
use trust_core::UnixTime;

/// How many characters of a text are repeated.
const MAX_SHOWN: usize = 200;

/// What a value must be. What it does not speak of may be anything.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A map with these fields. One that stands twice must be both.
    Fields(Vec<(String, Shape)>),
    /// Exactly this; 1 is not 1.0.
    Exactly(Value),
    /// A time before this one ([RFC 3339](https://www.rfc-editor.org/rfc/rfc3339)).
    Before(UnixTime),
    /// A time after this one.
    After(UnixTime),
}

/// A value that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherShape {
    /// Where it stands, such as `predicate.scanner.uri`.
    pub(crate) path: String,
    /// What it is; `None` if it is absent.
    pub(crate) found: Option<String>,
    /// What it must be.
    pub(crate) expected: String,
}

/// A value for people: what is large is not repeated.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) if text.chars().nth(MAX_SHOWN).is_some() => {
            format!("{:?}…", text.chars().take(MAX_SHOWN).collect::<String>())
        }
        value => value.to_string(),
    }
}

impl Shape {
    /// Where a value at this path is not what it must be.
    pub(crate) fn mismatches(&self, path: &str, value: Option<&Value>) -> Vec<OtherShape> {
        let other =
            |expected: String| vec![OtherShape { path: path.to_owned(), found: value.map(shown), expected }];
        let time = || value.and_then(Value::as_str).and_then(|text| text.parse::<UnixTime>().ok());
        match self {
            Self::Fields(fields) => match value {
                Some(Value::Object(map)) => fields
                    .iter()
                    .flat_map(|(name, shape)| {
                        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                        shape.mismatches(&path, map.get(name))
                    })
                    .collect(),
                _ => other("a map".to_owned()),
            },
            Self::Exactly(expected) if value == Some(expected) => Vec::new(),
            Self::Exactly(expected) => other(expected.to_string()),
            Self::Before(limit) if time().is_some_and(|time| time < *limit) => Vec::new(),
            Self::Before(limit) => other(format!("a time before {limit}")),
            Self::After(limit) if time().is_some_and(|time| time > *limit) => Vec::new(),
            Self::After(limit) => other(format!("a time after {limit}")),
        }
    }
}
