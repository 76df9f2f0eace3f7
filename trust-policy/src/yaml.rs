//! YAML with the place of every value, so that errors can say where something is wrong.
//!
//! It is read as kubectl and the API server read it (YAML 1.1), but what they and others read differently is refused: repeated
//! keys, and a key beside a merge (`<<`) that brings the same key.
//!
//! | file | holds |
//! |---|---|
//! | `scalar` | what plain scalars are |

mod scalar;

use core::fmt;
use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use serde::Serialize;
use thiserror::Error;

/// Policies and workloads have some KiB.
const MAX_LEN: usize = 4 << 20;
/// Values of a text, those that aliases repeat counted each time.
const MAX_NODES: usize = 100_000;
/// How deep lists and maps go into one another.
const MAX_DEPTH: usize = 64;

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
    let start = Span { line: 1, column: 1 };
    if text.len() > MAX_LEN {
        let problem = format!("text has {} bytes, expected at most {MAX_LEN}", text.len());
        return Err(YamlError { span: start, problem });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut composer =
        Composer { parser: Parser::new_from_str(text), anchors: HashMap::new(), left: MAX_NODES };
    let mut documents = Vec::new();
    while let Some((event, span)) = composer.next()? {
        match event {
            Event::DocumentStart(_, Some(_)) => {
                let problem = "found a `%YAML` directive, expected none: kubectl reads none".to_owned();
                return Err(YamlError { span, problem });
            }
            // Anchors are a document's own.
            Event::DocumentStart(_, None) => composer.anchors.clear(),
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            event => documents.push(composer.node(event, span, 0)?),
        }
    }
    documents.retain(|node| node.value != Value::Null);
    Ok(documents)
}

/// Makes values of the parser's events.
struct Composer<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    /// What aliases stand for.
    anchors: HashMap<usize, Node>,
    /// How many more values may be made.
    left: usize,
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, YamlError> {
        loop {
            match self.parser.next_event() {
                None => return Ok(None),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => return Ok(Some((event, place(&span.start)))),
                Some(Err(error)) => return Err(scan_error(&error)),
            }
        }
    }

    fn required(&mut self) -> Result<(Event<'a>, Span), YamlError> {
        let end =
            YamlError { span: Span { line: 1, column: 1 }, problem: "text ends within a value".to_owned() };
        self.next()?.ok_or(end)
    }

    /// The value that begins with an event.
    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, YamlError> {
        let fail = |problem: &str| Err(YamlError { span, problem: problem.to_owned() });
        if depth > MAX_DEPTH {
            return fail("values go too deep into one another, expected 64 levels at most");
        }
        self.spend(1, span)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar_of(text.into_owned(), style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "seq", span)?;
                let mut items = Vec::new();
                loop {
                    match self.required()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (Value::List(items), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "map", span)?;
                (Value::Map(self.map(depth)?), anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return fail("alias of a value that is not complete");
                };
                self.spend(size(&node), span)?;
                return Ok(Node { span, ..node });
            }
            _ => return fail("found no value"),
        };
        let node = Node { span, value };
        if anchor > 0 {
            self.spend(size(&node), span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(String, Node)>, YamlError> {
        let (mut entries, mut merged) = (Vec::new(), None);
        loop {
            let (event, span) = self.required()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = self.node(event, span, depth + 1)?;
            let (event, value_span) = self.required()?;
            let value = self.node(event, value_span, depth + 1)?;
            match is_merge {
                true if merged.is_some() => {
                    return Err(YamlError { span, problem: "duplicate key `<<`".to_owned() });
                }
                true => merged = Some(merged_entries(value)?),
                false => entries.push(Entry { key_span: span, key: key_text(key)?, value }),
            }
        }
        let merged = merged.unwrap_or_default();
        check_keys(&entries, &merged)?;
        Ok(entries.into_iter().map(|entry| (entry.key, entry.value)).chain(merged).collect())
    }

    fn spend(&mut self, nodes: usize, span: Span) -> Result<(), YamlError> {
        let problem = format!("text has too many values, expected at most {MAX_NODES}");
        self.left = self.left.checked_sub(nodes).ok_or(YamlError { span, problem })?;
        Ok(())
    }
}

/// A key and its value.
struct Entry {
    key_span: Span,
    key: String,
    value: Node,
}

/// No key twice, and no key that is merged in beside itself: which of the two holds, readers of YAML do not agree on.
fn check_keys(entries: &[Entry], merged: &[(String, Node)]) -> Result<(), YamlError> {
    let mut seen = HashSet::new();
    for entry in entries {
        if !seen.insert(entry.key.as_str()) {
            let problem = format!("duplicate key `{}`", entry.key);
            return Err(YamlError { span: entry.key_span, problem });
        }
    }
    match entries.iter().find(|entry| merged.iter().any(|(key, _)| *key == entry.key)) {
        None => Ok(()),
        Some(Entry { key_span, key, .. }) => {
            let problem =
                format!("key `{key}` is also merged in with `<<`: kubectl and YAML take different values");
            Err(YamlError { span: *key_span, problem })
        }
    }
}

/// The entries that a merge brings: those of a map, or of several, of which earlier ones count.
fn merged_entries(value: Node) -> Result<Vec<(String, Node)>, YamlError> {
    let problem = "found another value, expected a map, or a list of maps, to merge".to_owned();
    let fail = YamlError { span: value.span, problem };
    match value.value {
        Value::Map(entries) => Ok(entries),
        Value::List(items) => {
            let mut merged = Vec::new();
            for item in items {
                let Value::Map(entries) = item.value else { return Err(fail) };
                // The first map that has a key counts.
                let known: HashSet<String> =
                    merged.iter().map(|(key, _): &(String, Node)| key.clone()).collect();
                merged.extend(entries.into_iter().filter(|(key, _)| !known.contains(key)));
            }
            Ok(merged)
        }
        _ => Err(fail),
    }
}

/// A key as JSON has it: a text.
fn key_text(key: Node) -> Result<String, YamlError> {
    Ok(match key.value {
        Value::Text(text) => text,
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => {
            let problem = "found nothing, a list or a map, expected a key that is a single value".to_owned();
            return Err(YamlError { span: key.span, problem });
        }
    })
}

fn scalar_of(text: String, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Value, YamlError> {
    let fail = |problem: String| Err(YamlError { span, problem });
    let Some(plain) = scalar::resolve(&text) else {
        return match (style, tag) {
            (ScalarStyle::Plain, None) => fail(format!("`{text}` is a number that JSON does not have")),
            _ => Ok(Value::Text(text)),
        };
    };
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain { plain } else { Value::Text(text) });
    };
    let Some(kind) = tag.suffix_in_namespace("tag:yaml.org,2002:") else { return Ok(Value::Text(text)) };
    match (kind.as_ref(), plain) {
        ("str", _) => Ok(Value::Text(text)),
        ("merge", _) if text == "<<" => Ok(Value::Text(text)),
        ("null", value @ Value::Null)
        | ("bool", value @ Value::Bool(_))
        | ("int", value @ Value::Int(_))
        | ("float", value @ Value::Float(_)) => Ok(value),
        ("float", Value::Int(value)) => Ok(Value::Float(value as f64)),
        _ => fail(format!("`{text}` is not what its tag `{}` says", tag.original())),
    }
}

/// A list or map is what its tag says, if that is one of YAML's own.
fn check_tag(tag: Option<&Tag>, expected: &str, span: Span) -> Result<(), YamlError> {
    let Some(tag) = tag else { return Ok(()) };
    match tag.suffix_in_namespace("tag:yaml.org,2002:") {
        Some(kind) if kind != expected => {
            let problem = format!("tag `{}` does not fit, expected `!!{expected}`", tag.original());
            Err(YamlError { span, problem })
        }
        _ => Ok(()),
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, node)| size(node)).sum(),
        _ => 0,
    }
}

fn place(marker: &granit_parser::Marker) -> Span {
    Span { line: marker.line() as u64, column: marker.col() as u64 + 1 }
}

fn scan_error(error: &ScanError) -> YamlError {
    let message = error.to_string();
    // The place stands beside it.
    let end = message.find(" at line ").unwrap_or(message.len());
    YamlError { span: place(error.marker()), problem: message.get(..end).unwrap_or(&message).to_owned() }
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
