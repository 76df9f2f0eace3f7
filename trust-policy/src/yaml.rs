//! YAML with the place of every value, so that whoever reads it can say where something is wrong.

use core::fmt;

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use thiserror::Error;

/// Policies and workloads have some KiB.
const MAX_LEN: usize = 4 << 20;

/// A place in a text, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The text is not YAML as it is read here: no repeated keys, no excessive size, depth or aliases.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{span}: {problem}")]
pub struct YamlError {
    /// Where.
    pub span: Span,
    /// What was found and what was expected.
    pub problem: String,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a node holds. Keys keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// Reads every document of a stream; empty documents are left out. JSON is YAML.
///
/// # Errors
/// Says where the text is not YAML, or repeats a key.
pub fn parse_documents(text: &str) -> Result<Vec<Node>, YamlError> {
    if text.len() > MAX_LEN {
        return Err(YamlError {
            span: Span { line: 1, column: 1 },
            problem: format!("text has {} bytes, expected at most {MAX_LEN}", text.len()),
        });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: 100_000,
            max_aliases: 100,
            max_anchors: 100,
            max_depth: 64,
        },
        with_snippet: false,
    };
    let documents: Vec<Option<Spanned<Value>>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| {
            let location = error.location();
            YamlError {
                span: location.map_or(Span { line: 1, column: 1 }, span),
                problem: without_position(&error.without_snippet().to_string()),
            }
        })?;
    Ok(documents.into_iter().flatten().map(Node::from).filter(|node| node.value != Value::Null).collect())
}

/// The message without the place, which stands beside it.
fn without_position(message: &str) -> String {
    let end = message.find(" at line ").unwrap_or(message.len());
    message.get(..end).unwrap_or(message).to_owned()
}

fn span(location: serde_saphyr::Location) -> Span {
    Span { line: location.line(), column: location.column() }
}

impl Node {
    /// Where it stands.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value of a key, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The same value without places.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(value) => value.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|(key, node)| (key.clone(), node.to_json())).collect(),
        }
    }

    /// What it is, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Int(value) => format!("`{value}`"),
            Value::Float(value) => format!("`{value}`"),
            Value::Text(value) => format!("`{}`", value.chars().take(60).collect::<String>()),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
        }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { span: span(spanned.referenced), value: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::Int)
            .map_err(|_| E::custom(format_args!("`{value}` is too large, expected a 64-bit integer")))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Value>>()? {
            items.push(item.into());
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let node = map.next_value::<Spanned<Value>>()?.into();
            entries.push((key, node));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_place() {
        let documents = parse_documents("a: 1\nb:\n  - c: x\n---\nd: true\n").unwrap();
        let [first, second] = &documents[..] else { panic!("{documents:?}") };
        let Value::List(items) = &first.get("b").unwrap().value else { panic!("{first:?}") };
        assert_eq!(items[0].get("c").unwrap().span, Span { line: 3, column: 8 });
        assert_eq!(second.get("d").unwrap().span, Span { line: 5, column: 4 });
        assert_eq!(first.to_json(), serde_json::json!({"a": 1, "b": [{"c": "x"}]}));
    }

    #[test]
    fn a_repeated_key_is_refused_with_its_place() {
        let error = parse_documents("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(error.span, Span { line: 3, column: 1 });
        assert!(error.problem.contains("duplicate"), "{error}");
    }

    #[test]
    fn bombs_are_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for i in 1..9 {
            let previous = format!("*a{},", i - 1).repeat(9);
            text += &format!("a{i}: &a{i} [{}]\n", previous.trim_end_matches(','));
        }
        assert!(parse_documents(&text).is_err());
        assert!(parse_documents(&"[".repeat(10_000)).is_err());
        assert!(parse_documents(&"a: 1\n".repeat(1 << 20)).is_err());
    }

    #[test]
    fn empty_documents_are_left_out() {
        assert_eq!(parse_documents("---\n---\n# nothing\n").unwrap(), []);
    }
}
